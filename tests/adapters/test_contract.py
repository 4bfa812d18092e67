"""Every adapter against the one contract."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from support import onnx_graphs
from support.contract import CHECKS, Case
from support.linear import Linear, fitted

COLOUR, GREY = (5, 7, 3), (5, 7)
NAMES = ("4", "5", "6")


class PipeStep:
    """A first step of a pipeline that takes images, and is no estimator."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def fit(self, *args: Any) -> "PipeStep":
        return self

    def transform(self, images: Any) -> Any:
        return self.function(images)


def pipeline(first: Any, shape: tuple[int, ...]) -> tuple[Any, Linear]:
    """A pipeline fitted on images, and the same model written out."""
    made = make_pipeline(first, LogisticRegression(C=0.3))
    rng = np.random.default_rng(1)
    made.fit(rng.random((60, *shape)), np.arange(60) % 3 + 4)
    return made, Linear(made[-1].coef_, made[-1].intercept_)


def function_case(shape: tuple[int, ...]) -> Case:
    truth = fitted(shape)[1]
    return Case(lambda images: truth(images), truth, shape)


def estimator_case(shape: tuple[int, ...]) -> Case:
    estimator, truth = fitted(shape)
    return Case(estimator, truth, shape, names=NAMES)


def step_case() -> Case:
    made, truth = pipeline(PipeStep(lambda images: [image.ravel() for image in images]), COLOUR)
    assert isinstance(made, Pipeline)
    return Case(made, truth, COLOUR, names=NAMES)


def transformer_case() -> Case:
    first = FunctionTransformer(lambda images: images.reshape(len(images), -1))
    made, truth = pipeline(first, COLOUR)
    return Case(made, truth, COLOUR, names=NAMES)


def torch_case(shape: tuple[int, ...], *, double: bool = False, scripted: bool = False) -> Case:
    """A module in training mode, with a dropout that would show if it were asked so."""
    torch = pytest.importorskip("torch")
    truth = fitted(shape)[1]
    # The truth takes its numbers row by row with channels last, PyTorch with channels first.
    weights = truth.weights.reshape(len(truth.weights), *shape, *([1] * (len(shape) == 2)))
    linear = torch.nn.Linear(weights[0].size, len(weights))
    linear.weight.data = torch.from_numpy(weights.transpose(0, 3, 1, 2).reshape(len(weights), -1).copy())
    linear.bias.data = torch.from_numpy(truth.offsets)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), linear, torch.nn.Softmax(1)).train()
    net.to(torch.float64 if double else torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # PyTorch's word on TorchScript
        made = torch.jit.script(net) if scripted else net
    dtypes = ("float32", "float64")  # bytes are warned of: tests/adapters/test_torch.py
    return Case(made, truth, shape, dtypes=dtypes, tolerance=1e-12 if double else 1e-5)


def onnx_case(folder: Path, image: tuple[int, ...], shape: list[Any], **more: Any) -> Case:
    truth = fitted(image)[1]
    names = ("a", "b", "c") if "names" in more.get("outputs", ()) else None
    path = str(onnx_graphs.write(folder / "model.onnx", truth, shape, **more))
    if names:  # the runtime sorts the keys of the dicts
        truth = Linear(truth.weights[[2, 0, 1]], truth.offsets[[2, 0, 1]])
    return Case(path, truth, image, package="onnxruntime", names=names, tolerance=1e-4)


@pytest.fixture(
    params=[
        "function of colour",
        "function of grey",
        "estimator of colour",
        "estimator of grey",
        "pipeline of a plain step",
        "pipeline of a function",
        "torch of colour",
        "torch of grey",
        "torch in double precision",
        "torch scripted",
        "onnx nchw",
        "onnx nhwc",
        "onnx flat",
        "onnx grey nchw",
        "onnx of two at a time",
        "onnx with dicts",
        "v1",
        "v1 with dicts",
        "v2 flat",
        "v2 nchw",
        "v2 two at a time",
        "v2 undeclared",
        "v2 without binary",
    ]
)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    kind: str = request.param
    if kind.startswith("v"):
        return served_case(kind, request.getfixturevalue("server"), request.getfixturevalue("linear"))
    return {
        "function of colour": lambda: function_case(COLOUR),
        "function of grey": lambda: function_case(GREY),
        "estimator of colour": lambda: estimator_case(COLOUR),
        "estimator of grey": lambda: estimator_case(GREY),
        "pipeline of a plain step": step_case,
        "pipeline of a function": transformer_case,
        "torch of colour": lambda: torch_case(COLOUR),
        "torch of grey": lambda: torch_case(GREY),
        "torch in double precision": lambda: torch_case(COLOUR, double=True),
        "torch scripted": lambda: torch_case(COLOUR, scripted=True),
        "onnx nchw": lambda: onnx_case(tmp_path, COLOUR, ["N", 3, 5, 7]),
        "onnx nhwc": lambda: onnx_case(tmp_path, COLOUR, [None, 5, 7, 3]),
        "onnx flat": lambda: onnx_case(tmp_path, COLOUR, ["N", 105], dtype="float64"),
        "onnx grey nchw": lambda: onnx_case(tmp_path, GREY, ["N", 1, "H", "W"]),
        "onnx of two at a time": lambda: onnx_case(tmp_path, COLOUR, [2, 3, 5, 7]),
        "onnx with dicts": lambda: onnx_case(tmp_path, COLOUR, ["N", 105], outputs=("label", "names")),
    }[kind]()


def served_case(kind: str, server: str, truth: Linear) -> Case:
    path = {
        "v1": "/v1/models/linear",
        "v1 with dicts": "/v1/models/named",
        "v2 flat": "/v2/models/flat",
        "v2 nchw": "/v2/models/nchw/infer",
        "v2 two at a time": "/v2/models/pairs",
        "v2 undeclared": "/v2/models/undeclared",
        "v2 without binary": "/plain/v2/models/flat/versions/1",
    }[kind]
    names = ("a", "b", "c") if kind == "v1 with dicts" else None
    return Case(server + path, truth, COLOUR, package="httpx", names=names, tolerance=1e-4)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_adapter_keeps_the_contract(case: Case, check: Callable[[Case], None]) -> None:
    check(case)
