"""PyTorch modules: their mode, device and dtype, and the scores in what they return."""

import contextlib
import threading
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sightline.adapters.answer_parts import scores_part
from sightline.errors import ModelError

if TYPE_CHECKING:
    import torch


def scores_in(answer: object) -> "torch.Tensor":
    """The tensor of scores in a module's answer: itself, or the part with the scores where it has several.

    Raises
    ------
    ModelError
        If it is neither.
    """
    import torch

    scores = scores_part(answer)
    if not isinstance(scores, torch.Tensor):
        raise ModelError(
            f"the module returned a {type(answer).__name__}; it has to return a tensor of scores, or "
            "something with logits. Wrap it in a module that returns the part with the scores.",
            slug="model-answer",
        )
    return scores


@contextlib.contextmanager
def without_gradients() -> Iterator[None]:
    """No gradients, but no inference mode: what a module makes and keeps stays fit for training."""
    import torch

    with torch.inference_mode(False), torch.no_grad():
        yield


@contextlib.contextmanager
def with_gradients() -> Iterator[None]:
    """Gradients, whatever the caller has switched off."""
    import torch

    with torch.inference_mode(False), torch.enable_grad():
        yield


PASSED = (
    "View",
    "UnsafeView",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "ToCopy",
    "Select",
    "Slice",
    "Clone",
    "Alias",
)
"""What may be done to scores after the softmax or sigmoid, by the names of autograd's nodes."""


def traced_probabilities(module: "torch.nn.Module", inputs: "torch.Tensor") -> bool | None:
    """Whether a module ends in a softmax or sigmoid; None where it leaves no trace."""
    try:
        # A copy, since the module may change what it is given, which a leaf does not allow.
        with with_gradients():
            node = scores_in(module(inputs.requires_grad_().clone())).grad_fn
    except Exception:  # it answers, but not with gradients
        return None
    while node is not None and node.name().startswith(PASSED) and node.next_functions:
        node = node.next_functions[0][0]
    return None if node is None else node.name().startswith(("Softmax", "Sigmoid"))


def device_and_dtype(module: "torch.nn.Module") -> tuple["torch.device", "torch.dtype"]:
    """Device and dtype of the first parameter or buffer of floating point numbers."""
    import torch

    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return torch.device("cpu"), torch.float32


class _Asking:
    """How many threads ask a module, and the modes to put back after the last of them."""

    def __init__(self) -> None:
        self.threads = 0
        self.modes: list[tuple[torch.nn.Module, bool]] = []


_MODES = threading.Lock()
_ASKING: "weakref.WeakKeyDictionary[torch.nn.Module, _Asking]" = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def evaluation_mode(module: "torch.nn.Module") -> Iterator[None]:
    """The module in evaluation mode; every part's own mode is put back when nobody asks it any more."""
    with _MODES:
        entry = _ASKING.setdefault(module, _Asking())
        if entry.threads == 0:
            # Frozen TorchScript modules have no mode.
            entry.modes = [(part, part.training) for part in module.modules() if hasattr(part, "training")]
            if any(mode for _, mode in entry.modes):
                # Exported programs refuse eval(): their mode was fixed when they were made.
                with contextlib.suppress(NotImplementedError):
                    module.eval()
        entry.threads += 1
    try:
        yield
    finally:
        with _MODES:
            entry.threads -= 1
            if entry.threads == 0:
                for part, mode in entry.modes:
                    if part.training != mode:
                        part.training = mode
                del _ASKING[module]
