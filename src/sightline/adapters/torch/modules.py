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
MIXING = frozenset(
    {"Mean", "Sum", "Stack", "Cat", "Add", "Sub", "Rsub", "Mul", "Div", "Prod", "Clamp", "Maximum", "Minimum"}
    | {"Where", "Index", "Expand"}
)
"""What averages, limits and complements are made of: they leave probabilities what they are, and logits."""
SQUASHING = frozenset({"Softmax", "Sigmoid", "SafeSoftmax", "Hardsigmoid"})
UNBOUNDED = frozenset(
    {"Addmm", "Mm", "Bmm", "Addbmm", "Baddbmm", "Linear", "Mv", "Dot", "Convolution", "Relu", "LeakyRelu"}
    | {"Gelu", "Softplus", "Elu", "Celu", "Selu", "Silu", "NativeBatchNorm", "NativeLayerNorm", "LogSoftmax"}
    | {"LogSigmoid", "Log"}
)
"""What logits come from."""
MOST_NODES = 64
"""How far the end of a module is followed."""


def traced_probabilities(module: "torch.nn.Module", inputs: "torch.Tensor") -> bool | None:
    """Whether a module ends in a softmax or sigmoid, or averages and the like of some; None if unknown."""
    try:
        # A copy, since the module may change what it is given, which a leaf does not allow.
        with with_gradients():
            node = scores_in(module(inputs.requires_grad_().clone())).grad_fn
    except Exception:  # it answers, but not with gradients
        return None
    found, waiting, clamped = set[bool | None](), [node], False
    for _ in range(MOST_NODES):
        if not waiting:
            break
        node = waiting.pop()
        kind = "" if node is None else node.name().split("Backward")[0]
        ends = [] if node is None else [end for end, _ in node.next_functions if end is not None]
        if kind == "Exp" and ends and ends[0].name().startswith("LogSoftmax"):
            kind = "Softmax"
        if kind in SQUASHING:
            found.add(True)
        elif ends and (kind in MIXING or kind.startswith(PASSED)):
            clamped = clamped or kind == "Clamp"
            # Weights and temperatures are mixed in, too.
            waiting += [end for end in ends if not end.name().endswith("AccumulateGrad") or len(ends) == 1]
        else:
            found.add(False if kind in UNBOUNDED else None)
    if len(found) != 1 or waiting or (clamped and found == {False}):
        return None
    return found.pop()


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
