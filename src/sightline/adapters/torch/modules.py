"""PyTorch modules: their mode, device and dtype, and the scores in what they return."""

import contextlib
import threading
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sightline.adapters.answer_parts import scores_part
from sightline.adapters.output_end import traced_end
from sightline.errors import ModelError
from sightline.types import End

if TYPE_CHECKING:
    import torch

ROUNDING = 1e-6
"""How far above 0 single precision may put the logarithm of a probability."""


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


def module_end(module: "torch.nn.Module", inputs: "torch.Tensor") -> End | None:
    """What a module's outputs are, by the operations that it ends in; None if they do not tell."""
    try:
        # A copy, since the module may change what it is given, which a leaf does not allow.
        with with_gradients():
            node = scores_in(module(inputs.requires_grad_().clone())).grad_fn
    except Exception:  # it answers, but not with gradients
        return None
    return traced_end(node, _autograd_node)


def may_be_probabilities(scores: "torch.Tensor") -> bool:
    """Whether none is below 0, as of probabilities, their sums and ratios, or above it, as of logarithms."""
    return bool((scores <= ROUNDING).all()) or bool((scores >= 0).all())


def _autograd_node(node: Any) -> tuple[str, list[Any]]:
    if node is None:
        return "", []
    ends = [end for end, _ in node.next_functions if end is not None]
    # Weights and temperatures are mixed in, too.
    return node.name(), [end for end in ends if not end.name().endswith("AccumulateGrad") or len(ends) == 1]


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
