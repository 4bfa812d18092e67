"""a forward pass of a module → each tensor that its layers and functions make, by name, as it is made."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sightline.adapters.map_layers import TracedTensor
from sightline.types import Reshape

if TYPE_CHECKING:
    import torch

Listener: TypeAlias = "Callable[[str, torch.Tensor], torch.Tensor | None]"
"""Name and tensor → what goes on in its place; None for the tensor itself."""
ROOT = "forward"
"""Stands for the module itself in the names of the functions that it calls."""
DEEP = 1000
Place: TypeAlias = tuple[Any, int]
"""Where a tensor is made: a node of autograd's graph, and which of its outputs."""


class Made(NamedTuple):
    """A tensor of a forward pass, where it was made, and how often it had been changed in place by then."""

    tensor: "torch.Tensor"
    place: Place
    version: int

    @property
    def changed_since(self) -> bool:
        """Whether something was done to it in place after it was made."""
        return bool(self.tensor._version != self.version)

    def traced(self, name: str) -> TracedTensor:
        """What has to be known of it to choose a layer."""
        shape = tuple(self.tensor.shape)
        depth = name.count(".") + (DEEP if ":" in name else 0)  # layers are named before functions
        says_more = not is_pooling(self.place) and not (len(shape) == 3 and is_view(self.place))
        grid = (shape[2], shape[3]) if len(shape) == 4 else None
        return TracedTensor(name, self.place, shape, grid, says_more, depth)


@contextlib.contextmanager
def listen_to_module(module: "torch.nn.Module", listener: Listener) -> Iterator[None]:
    """Tell the listener of each tensor that a submodule or a function returns to this thread, in their order.

    Submodules have their names of `named_modules`. A function is named after the submodule that calls it:
    ``"layer4.1:add"``, the second such call ``"layer4.1:add#2"``; ``"forward:cat"`` where the module itself
    calls it.
    """
    from torch.overrides import TorchFunctionMode

    inside, counts, quiet = [ROOT], Counter[str](), [False]
    me = threading.get_ident()

    def pass_on(name: str, made: Any) -> Any:
        tensor = made[0] if isinstance(made, tuple) and made else made
        if not _is_tensor(tensor) or threading.get_ident() != me:
            return made
        quiet[0] = True
        try:
            other = listener(name, tensor)
        finally:
            quiet[0] = False
        if other is None:
            return made
        return (other, *made[1:]) if isinstance(made, tuple) else other

    class Functions(TorchFunctionMode):
        def __torch_function__(self, function: Any, _: Any, given: Any = (), named: Any = None) -> Any:
            made = function(*given, **(named or {}))
            word = getattr(function, "__name__", "")
            if quiet[0] or not _is_tensor(made) or word.startswith("__get"):
                return made
            counts[name := f"{inside[-1]}:{word.strip('_')}"] += 1
            return pass_on(name if counts[name] == 1 else f"{name}#{counts[name]}", made)

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: inside.append(name) if threading.get_ident() == me else None

    def leave(name: str) -> Callable[..., Any]:
        def heard(_: object, __: object, made: object) -> object:
            if threading.get_ident() != me:
                return None
            while len(inside) > 1 and inside.pop() != name:  # those that an error has left
                pass
            return pass_on(name, made)

        return heard

    with contextlib.ExitStack() as stack:
        stack.enter_context(run_as_written(module))
        for name, part in module.named_modules():
            if name and not is_scripted(part):
                stack.callback(part.register_forward_pre_hook(enter(name)).remove)
                stack.callback(part.register_forward_hook(leave(name)).remove)
        stack.enter_context(Functions())
        yield


def place_of(tensor: "torch.Tensor") -> Place | None:
    """Where in autograd's graph a tensor was made; None if no gradient comes back through it."""
    return None if tensor.grad_fn is None else (tensor.grad_fn, tensor.output_nr)


def places_before(place: Place) -> Iterator[Place]:
    """What a tensor is made of."""
    return ((node, number) for node, number in place[0].next_functions if node is not None)


def node_names(place: Place | None) -> tuple[str, ...]:
    """What was done to come to a tensor, from its end to its beginning: the shape of autograd's graph."""
    if place is None:
        return ()
    seen, left, names = {place[0]}, [place[0]], []
    for node in left:
        names.append(f"{node.name()}:{len(node.next_functions)}")
        for other, _ in node.next_functions:
            if other is not None and other not in seen:
                seen.add(other)
                left.append(other)
    return tuple(names)


def speaks_by_patches(score: "torch.Tensor", tokens: Made, reshape: Reshape) -> bool:
    """Whether a score hangs on the tokens of the patches, rather than on a class token alone."""
    import torch

    nodes = (torch.autograd.graph.GradientEdge(*tokens.place),)
    (gradient,) = torch.autograd.grad(score, nodes, retain_graph=True)
    patches = gradient[:1].detach().float().cpu().numpy()
    return bool(reshape(patches).any() or not patches.any())


def is_pooling(place: Place) -> bool:
    """Whether a map is another one at a coarser or finer scale, which says no more than that one."""
    return any(word in place[0].name() for word in ("Pool", "Upsample"))


def is_view(place: Place) -> bool:
    """Whether a tensor is another one with its axes arranged anew."""
    words = ("View", "Reshape", "Permute", "Transpose", "Squeeze", "Expand", "Clone", "Alias", "TBackward")
    return any(word in place[0].name() for word in words)


def is_learned(places: "set[Place]") -> bool:
    """Whether something that a network learns was done, rather than a preprocessing alone, to come here."""
    words = ("conv", "mm", "linear", "attention", "graph")
    for node, _ in places:
        name = str(node.name())
        # Functions of the user's own have no number at the end of their name.
        own = name.endswith("Backward") and "::" not in name
        if own or any(word in name.lower() for word in words):
            return True
    return False


def is_mixed(places: "set[Place]") -> bool:
    """Whether attention, or another product of tensors with one another, is among some places."""
    words = ("bmm", "attention")
    return any(word in node.name().lower() for node, _ in places for word in words)


def is_scripted(part: "torch.nn.Module") -> bool:
    """Whether a submodule is TorchScript's, which lets nobody listen."""
    return any(base.__name__ == "ScriptModule" for base in type(part).__mro__)


def _is_tensor(thing: object) -> bool:
    import torch

    return isinstance(thing, torch.Tensor)


@contextlib.contextmanager
def run_as_written(module: "torch.nn.Module") -> Iterator[None]:
    """Compiled parts run as they were written, since nothing is told of what a compiled one does."""
    import torch

    compiled = any(
        hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )
    set_stance = getattr(torch.compiler, "set_stance", None)
    if not compiled or set_stance is None:
        yield
        return
    with set_stance("force_eager"):
        yield
