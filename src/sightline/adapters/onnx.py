"""an ONNX file or ONNX Runtime session → Backend."""

import functools
import importlib
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Shaped

from sightline._class_names import numeric_labels
from sightline._files import is_a_file
from sightline._optional import require
from sightline._printing import printable_text
from sightline.adapters.inputs import DeclaredInputModel, declared_shape, only_input
from sightline.adapters.output_end import traced_end
from sightline.adapters.output_selection import DeclaredOutput, choose_output
from sightline.errors import FileError, warn
from sightline.types import End

if TYPE_CHECKING:
    import onnxruntime

DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype("float32"),
    "tensor(double)": np.dtype("float64"),
    "tensor(float16)": np.dtype("float16"),
    "tensor(bool)": np.dtype(bool),
    **{f"tensor({name})": np.dtype(name) for name in ("uint8", "uint16", "uint32", "uint64")},
    **{f"tensor({name})": np.dtype(name) for name in ("int8", "int16", "int32", "int64")},
}
LABELS = ("tensor(int64)", "tensor(string)")
"""What exporters of scikit-learn's models write the predicted class as, beside the scores."""
IMAGENET = (1000, 1001)
"""Classes of ImageNet, without and with one for none of them."""
CARRIED = ("Cast", "DequantizeLinear", "Identity", "Pad", "QuantizeLinear", "Reshape", "Resize", "Transpose")
"""What leaves the range of an image's values as it is."""
POST_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
"""What forests and linear models may end in, by the numbers that the newest of their operations has."""
FLOATS = ("tensor(float)", "tensor(double)", "tensor(float16)")


class OnnxModel(DeclaredInputModel):
    """A model in ONNX Runtime, with axes, size and dtype of its input read from the file.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    name : str
        What to call it in messages.

    Raises
    ------
    ModelError
        If it does not have one input of numbers, or it is not clear which output holds the scores.
    """

    def __init__(self, session: "onnxruntime.InferenceSession", name: str = "the ONNX model") -> None:
        self.session = session
        self.name = name
        inputs = [(one.name, one.type, declared_shape(one.shape)) for one in session.get_inputs()]
        self.input = only_input(inputs, DTYPES, name)
        self.answer = choose_output([_onnx_output(one) for one in session.get_outputs()], name)
        self.batch_size = self.input.fixed_batch
        self._unasked = self.input.dtype is not None and self.input.dtype.kind == "f"
        if self.answer.kind == "map":
            self.class_names = self._names_from_answer()
        elif any(one.type in LABELS for one in session.get_outputs()):
            self.class_names = _names_in_file(self._graph())
        self.class_labels = numeric_labels(self.class_names or ())

    @functools.cached_property
    def output_end(self) -> End | None:
        """What the graph ends in, where the package onnx can read the file; None where that does not tell."""
        graph = self._graph()
        if graph is None or self.answer.kind == "map":
            return None
        makers = {name: node for node in graph.node for name in node.output if name}
        last = makers.get(self.answer.name)
        return None if last is None else traced_end(last, lambda node: _node_and_makers(node, makers))

    @classmethod
    def from_file(cls, path: str) -> "OnnxModel":
        """Load a file, to run on a CUDA GPU where ONNX Runtime has one, else on the processor.

        Raises
        ------
        FileError
            If there is no such file, or ONNX Runtime cannot load it.
        MissingExtra
            Without the package onnxruntime.
        """
        if not is_a_file(path):
            raise FileError(f"there is no file {path!r}.", slug="model-file")
        runtime = require("onnxruntime", extra="onnx")
        try:
            session = runtime.InferenceSession(
                path, _session_options(runtime), providers=_execution_providers(runtime)
            )
        except Exception as error:
            raise FileError(f"ONNX Runtime cannot load {path!r}: {error}", slug="model-file") from error
        return cls(session, printable_text(Path(path).name))

    def __call__(self, images: object) -> object:
        answer = super().__call__(images)
        if self._unasked:  # at the first call alone
            self._unasked = False
            self._warn_if_bare(np.asarray(images), getattr(answer, "shape", ()))
        return answer

    def _warn_if_bare(self, images: Shaped[np.ndarray, "B ..."], answer: tuple[int, ...]) -> None:
        """Say what the file does not tell, where a network of ImageNet is given what none was trained on."""
        colour = images.ndim == 4 and images.shape[3] == 3
        if not colour or images.min() < 0 or answer[1:] not in [(count,) for count in IMAGENET]:
            return
        if _first_operation(self._graph(), self.input.name) in ("Conv", None):
            warn(
                f"{self.name} has {answer[1]} classes, as networks of ImageNet have, which were trained on "
                f"normalised images; those it was given go from {images.min():g} to {images.max():g}, and "
                "nothing in the file normalises them. What it was trained on, the file does not tell: give "
                "it as preprocess= or as --mean and --std (of most: 0.485,0.456,0.406 and "
                "0.229,0.224,0.225).",
                slug="range-unknown",
            )

    def _graph(self) -> Any:
        """What the file holds, where there is one and the package onnx can read it."""
        return _graph_in_file(getattr(self.session, "_model_path", None))

    def _describe(self) -> str:
        return f"{self.name}, {self.input}, output {self.answer.name!r}"

    def _names_from_answer(self) -> tuple[str, ...] | None:
        """The keys of the dicts that it answers with, from an empty image: the file tells no other way."""
        axes = (self.input.shape or (None, None))[1:]
        lengths = [length for length in axes if length is not None]
        if len(lengths) < len(axes):
            return None
        blank = np.zeros((self.batch_size or 1, *lengths), self.input.dtype)
        return tuple(map(str, self._predict(blank)[0]))

    def _predict(self, images: Shaped[np.ndarray, "B ..."]) -> Any:
        return self.session.run([self.answer.name], {self.input.name: images})[0]


def _graph_in_file(path: str | None) -> Any:
    """What a file holds, where the package onnx can read it; else None."""
    if not path or importlib.util.find_spec("onnx") is None:
        return None
    try:
        return importlib.import_module("onnx").load(path, load_external_data=False).graph
    except Exception:  # it runs, so this says nothing of the model
        return None


def _node_and_makers(node: Any, makers: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """An operation's name, and those whose results it takes: constants are made by none."""
    found = [makers[name] for name in node.input if name in makers]
    squashed = next((one for one in node.attribute if one.name == "post_transform"), None)
    applied = "NONE" if squashed is None else (squashed.s.decode() or POST_TRANSFORMS[squashed.i])
    # Of regressors ONNX Runtime ignores it, where they have one column.
    word = node.op_type if applied == "NONE" or node.op_type.endswith("Regressor") else applied
    return word, [one for one in found if one.op_type != "Constant"]


def _first_operation(graph: Any, name: str) -> str | None:
    """What is done to the images first, beside what leaves their values as they are; None if not known."""
    for node in () if graph is None else graph.node:  # in the order in which they run
        if name in node.input:
            if node.op_type not in CARRIED:
                return str(node.op_type)
            name = node.output[0]
    return None


def _names_in_file(graph: Any) -> tuple[str, ...] | None:
    """The classes that an exported scikit-learn model was fitted on."""
    for node in reversed(getattr(graph, "node", ())):
        for given in node.attribute:
            if given.name.startswith("classlabels_"):
                found = importlib.import_module("onnx").helper.get_attribute_value(given)
                names = [one.decode() if isinstance(one, bytes) else str(one) for one in found]
                return tuple(names) if len(names) > 1 else None
    return None


def _session_options(runtime: ModuleType) -> Any:
    """Session options that keep to the cores which OMP_NUM_THREADS leaves this process."""
    options = runtime.SessionOptions()
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit():
        options.intra_op_num_threads = int(wanted)
    return options


def _execution_providers(runtime: ModuleType) -> list[str]:
    """Where to run, best first. A session of the user's own may run elsewhere."""
    there = runtime.get_available_providers()
    return [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in there]


def _onnx_output(declared: "onnxruntime.NodeArg") -> DeclaredOutput:
    kind = "float" if declared.type in FLOATS else declared.type
    if declared.type.startswith("seq(map("):
        kind = "map"
    return DeclaredOutput(declared.name, kind, declared_shape(declared.shape))
