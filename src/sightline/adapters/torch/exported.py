"""a program of torch.export → Ask: images arranged as its input declares, in batches that it takes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Shaped

from sightline.adapters.inputs import arrange_images, describe_conversion, in_batches, only_input
from sightline.adapters.torch.model import scores_in
from sightline.errors import FileError, ModelError

if TYPE_CHECKING:
    import torch

# NumPy has no bfloat16, and half precision is rounded by the program's own cast.
DTYPES = {f"torch.{name}": np.dtype(name) for name in ("float32", "float64", "uint8", "int32", "int64")}
DTYPES |= {"torch.float16": np.dtype("float32"), "torch.bfloat16": np.dtype("float32")}
PASSED = (
    *("view", "reshape", "flatten", "squeeze", "unsqueeze", "to", "_to_copy", "select", "slice", "clone"),
    *("alias", "contiguous", "detach"),
)
"""What may be done to scores after the softmax or sigmoid, by the names of the operations."""
SQUASHING = ("softmax", "_softmax", "sigmoid")


class ExportedModel:
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

    class_names: tuple[str, ...] | None = None
    output = "network"

    def __init__(self, program: Any, name: str) -> None:
        self.name = name
        _check_mode(program.graph, name)
        taken = [node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
        self.input = only_input([_declared_input(node) for node in taken], DTYPES, name)
        self._kept = taken[0].meta["val"].dtype
        self.least, self.most = _batch_bounds(taken[0].meta["val"].shape[0], program.range_constraints)
        self.batch_size = self.input.fixed_batch
        self.outputs_probabilities = _program_squashes(program.graph)
        self.module = program.module()
        self._passage = ""

    def __repr__(self) -> str:
        told = f", {self._passage}" if self._passage else ""
        return f"{self.name} on {self._device}, {self.input}{told}"

    def __call__(self, images: Any) -> Any:
        batch = images if isinstance(images, np.ndarray) else np.asarray(images)
        given = arrange_images(batch, self.input)
        self._passage = describe_conversion(batch, given)
        few, many = len(given) < self.least, self.most is not None and len(given) > self.most
        return in_batches(self._run_program, given, self.least if few else self.most if many else None)

    def network(self) -> Any:
        """There is none: an exported program is one graph, without the layers that it was made of.

        Raises
        ------
        ModelError
            Always.
        """
        raise ModelError(
            "an exported program does not let its layers be seen. Give the module that it was made from, or "
            "use a method that needs answers only: lime, shapley, banzhaf, rise or occlusion.",
            slug="inside-closed",
        )

    @property
    def _device(self) -> "torch.device":
        import torch

        tensors = (*self.module.parameters(), *self.module.buffers())
        return tensors[0].device if tensors else torch.device("cpu")

    def _run_program(self, given: Shaped[np.ndarray, "B ..."]) -> Shaped[np.ndarray, "B ..."]:
        import torch

        own = torch.from_numpy(np.require(given, requirements=["C", "W"]))
        with torch.inference_mode():
            scores = scores_in(self.module(own.to(self._device, self._kept))).cpu()
        return np.asarray((scores.float() if scores.is_floating_point() else scores).numpy())


def _declared_input(node: Any) -> tuple[str, str, tuple[int | None, ...] | None]:
    """Name, type and shape of an input; free lengths are None."""
    value = node.meta.get("val")
    if not hasattr(value, "shape"):
        return node.name, type(value).__name__, None
    shape = tuple(length if isinstance(length, int) else None for length in value.shape)
    return node.name, str(value.dtype), shape


def _batch_bounds(batch: Any, ranges: Any) -> tuple[int, int | None]:
    """How many images a call must and may have; no most is None."""
    if isinstance(batch, int):
        return batch, batch
    allowed = ranges.get(batch.node.expr)
    if allowed is None:
        return 1, None
    # What is unbounded is an infinity of torch's own, which int() turns into the largest number.
    most = int(allowed.upper) if allowed.upper < 1 << 31 else None
    return max(1, int(allowed.lower)), most


def _graph_operations(graph: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and arguments of each operation."""
    for node in graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if schema is not None:
            names = [argument.name for argument in schema.arguments]
            yield _operation_name(node), dict(zip(names, node.args, strict=False)) | node.kwargs


def _operation_name(node: Any) -> str:
    return str(getattr(node.target, "_schema", node).name).rpartition("::")[2]


def _check_mode(graph: Any, name: str) -> None:
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


def _program_squashes(graph: Any) -> bool | None:
    """Whether a softmax or sigmoid comes last; None where there is not one output."""
    (returned,) = next(node for node in graph.nodes if node.op == "output").args
    if not (isinstance(returned, list | tuple) and len(returned) == 1):
        return None
    node = returned[0]
    while _operation_name(node) in PASSED and node.args:
        node = node.args[0]
    return _operation_name(node) in SQUASHING
