"""ONNX files of the linear model, in the layouts that exporters write."""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

from support.linear import Linear

ML = "ai.onnx.ml"
TYPES = {
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "uint8": TensorProto.UINT8,
    "int64": TensorProto.INT64,
    "string": TensorProto.STRING,
}


def write(
    path: Path,
    model: Linear,
    shape: list[Any],
    *,
    dtype: str = "float32",
    outputs: tuple[str, ...] = ("scores",),
    inputs: tuple[str, ...] = ("x",),
    labels: tuple[int, ...] = (),
) -> Path:
    """A file whose input has this shape; channels first where the second of four lengths is the shorter.

    `outputs` are out of scores, probabilities, logits, label and names (a dict for each image), whose keys
    are `labels`, where these are given.
    """
    nodes, constants = _to_rows(shape), _constants(model)
    nodes += [
        helper.make_node("MatMul", ["rows", "weights"], ["product"]),
        helper.make_node("Add", ["product", "offsets"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
        helper.make_node("Identity", ["scores"], ["probabilities"]),
        helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0),
        helper.make_node("ZipMap", ["scores"], ["names"], domain=ML, **_class_labels(labels)),
    ]
    graph = helper.make_graph(
        [node for node in nodes if node.output[0] != "names" or "names" in outputs],
        "linear",
        [helper.make_tensor_value_info(name, TYPES[dtype], shape) for name in inputs],
        [_output(name, shape[0], len(model.offsets), bool(labels)) for name in outputs],
        constants,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(ML, 3)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    checker.check_model(made)
    save(made, path)
    return path


def _class_labels(labels: tuple[int, ...]) -> dict[str, Any]:
    return {"classlabels_int64s": labels} if labels else {"classlabels_strings": ["b", "c", "a"]}


def _to_rows(shape: list[Any]) -> list[Any]:
    nodes = [helper.make_node("Cast", ["x"], ["cast"], to=TensorProto.FLOAT)]
    last = "cast"
    if len(shape) == 4 and shape[1] in (1, 3, "C"):
        nodes.append(helper.make_node("Transpose", ["cast"], ["turned"], perm=[0, 2, 3, 1]))
        last = "turned"
    return [*nodes, helper.make_node("Flatten", [last], ["rows"], axis=1)]


def _constants(model: Linear) -> list[Any]:
    weights = np.ascontiguousarray(model.weights.T, np.float32)
    offsets = model.offsets.astype(np.float32)
    return [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(offsets, "offsets")]


def _output(name: str, rows: Any, classes: int, numbered: bool) -> Any:
    if name == "label":
        return helper.make_tensor_value_info(name, TensorProto.INT64, [rows])
    if name == "names":
        entry = helper.make_map_type_proto(
            TensorProto.INT64 if numbered else TensorProto.STRING,
            helper.make_tensor_type_proto(TensorProto.FLOAT, None),
        )
        return helper.make_value_info(name, helper.make_sequence_type_proto(entry))
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, classes])
