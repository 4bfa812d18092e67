"""a program of torch.export → Backend: images arranged as its input declares, in batches that it takes."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Shaped

from sightline.adapters.inputs import DeclaredInputModel, only_input
from sightline.adapters.output_end import traced_end
from sightline.adapters.torch.modules import scores_in, without_gradients
from sightline.errors import FileError, ModelError
from sightline.types import ANSWERS_ONLY, End, Network

if TYPE_CHECKING:
    import torch

# NumPy has no bfloat16, and half precision is rounded by the program's own cast.
DTYPES = {f"torch.{name}": np.dtype(name) for name in ("float32", "float64", "uint8", "int32", "int64")}
DTYPES |= {"torch.float16": np.dtype("float32"), "torch.bfloat16": np.dtype("float32")}


class ExportedModel(DeclaredInputModel):
    """A program of `torch.export`, with axes, sizes and dtype of its input read from its graph.

    Values are cast, never scaled. Batches that it was not exported for are split, or filled up with their
    last image.

    Parameters
    ----------
    program : torch.export.ExportedProgram
    name : str
        What to call it in messages.

    Raises
    ------
    FileError
        If it was exported in training mode.
    ModelError
        If it does not have one input of numbers.
    """

    output = "network"
    output_end: End | None = None

    def __init__(self, program: "torch.export.ExportedProgram", name: str) -> None:
        self.name = name
        _check_mode(program.graph, name)
        taken = [node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
        self.input = only_input([_declared_input(node) for node in taken], DTYPES, name)
        self._kept = taken[0].meta["val"].dtype
        self.least, self.most = _batch_bounds(taken[0].meta["val"].shape[0], program.range_constraints)
        self.batch_size = self.input.fixed_batch
        self.output_end = _program_end(program.graph, taken)
        self.module = program.module()

    def _describe(self) -> str:
        return f"{self.name} on {self._device}, {self.input}"

    def _fixed_batch(self, count: int) -> int | None:
        if count < self.least:
            return self.least
        return self.most if self.most is not None and count > self.most else None

    def network(self, preprocess: Callable[[Any], Any] | None = None) -> Network:
        """There is none: an exported program is one graph, without the layers that it was made of.

        Raises
        ------
        ModelError
            Always.
        """
        raise ModelError(
            "an exported program does not let its layers be seen. Give the module that it was made from, or "
            f"use a method that needs answers only: {ANSWERS_ONLY}.",
            slug="inside-closed",
        )

    @property
    def _device(self) -> "torch.device":
        import torch

        tensors = (*self.module.parameters(), *self.module.buffers())
        return tensors[0].device if tensors else torch.device("cpu")

    def _predict(self, images: Shaped[np.ndarray, "B ..."]) -> Shaped[np.ndarray, "B ..."]:
        import torch

        own = torch.from_numpy(np.require(images, requirements=["C", "W"]))
        with without_gradients():
            scores = scores_in(self.module(own.to(self._device, self._kept))).cpu()
        return np.asarray((scores.float() if scores.is_floating_point() else scores).numpy())


def _declared_input(node: "torch.fx.Node") -> tuple[str, str, tuple[int | None, ...] | None]:
    """Name, type and shape of an input; free lengths are None."""
    value: Any = node.meta.get("val")
    if not hasattr(value, "shape"):
        return node.name, type(value).__name__, None
    shape = tuple(length if isinstance(length, int) else None for length in value.shape)
    return node.name, str(value.dtype), shape


def _batch_bounds(batch: Any, ranges: Mapping[Any, Any]) -> tuple[int, int | None]:
    """How many images a call must and may have; no most is None."""
    if isinstance(batch, int):
        return batch, batch
    allowed = ranges.get(batch.node.expr)
    if allowed is None:
        return 1, None
    # What is unbounded is an infinity of torch's own, which int() turns into the largest number.
    most = int(allowed.upper) if allowed.upper < 1 << 31 else None
    return max(1, int(allowed.lower)), most


def _graph_operations(graph: "torch.fx.Graph") -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and arguments of each operation."""
    for node in graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if schema is not None:
            names = [argument.name for argument in schema.arguments]
            yield _operation_name(node), dict(zip(names, node.args, strict=False)) | node.kwargs


def _operation_name(node: "torch.fx.Node") -> str:
    return str(getattr(node.target, "_schema", node).name).rpartition("::")[2]


def _check_mode(graph: "torch.fx.Graph", name: str) -> None:
    """Refuse a program whose dropout or batch normalisation is that of training, which cannot be undone."""
    for operation, given in _graph_operations(graph):
        own_statistics = given.get("training") is True and given.get("running_mean") is not None
        if given.get("train") is True or given.get("dropout_p", 0) or own_statistics:
            raise FileError(
                f"{name} was exported in training mode ({operation} is on), so that its answers are left to "
                "chance or hang on the other images of a batch. Export it anew: "
                "torch.export.export(net.eval(), …).",
                slug="model-mode",
            )


def _program_end(graph: "torch.fx.Graph", given: "list[torch.fx.Node]") -> End | None:
    """What the outputs are; None where there is not one, or its operations do not tell."""
    (returned,) = next(node for node in graph.nodes if node.op == "output").args
    if not (isinstance(returned, list | tuple) and len(returned) == 1):
        return None
    computed = _computed_nodes(graph, given)
    return traced_end(
        returned[0],
        lambda node: (_operation_name(node), [one for one in node.all_input_nodes if one in computed]),
    )


def _computed_nodes(graph: "torch.fx.Graph", given: "list[torch.fx.Node]") -> "set[torch.fx.Node]":
    """The operations whose results hang on the values of the inputs, not on their shape alone."""
    found = set(given)
    for node in graph.nodes:
        name = _operation_name(node) if node.op == "call_function" else ""
        of_shape = name.startswith("sym_") or name.endswith("_like") or not name
        if not of_shape and not found.isdisjoint(node.all_input_nodes):
            found.add(node)
    return found - set(given)
