"""Repaired models in files."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from sightline import as_model
from sightline.adapters.open_model import load_model
from sightline.errors import FileError
from sightline.regions import grid
from sightline.repair import Counterexamples, Guard

CORNER = grid(4, 4)["r1c1"]
RNG = np.random.default_rng(0)
IMAGES = RNG.random((60, 8, 8)).astype(np.float32)
LABELS = (IMAGES[:, :2, :2].mean(axis=(1, 2)) + IMAGES[:, 4:].mean(axis=(1, 2)) > 1).astype(int)
MODEL = LogisticRegression(C=10).fit(IMAGES.reshape(60, -1), LABELS)


@pytest.mark.parametrize("ending", ["", ".joblib", ".skops"])
def test_estimators_come_back_from_their_files(tmp_path, ending):
    fix = Counterexamples(region=CORNER)(MODEL, (IMAGES, LABELS))
    file = fix.save(tmp_path / f"model{ending}")
    assert file.suffix == (ending or ".joblib")
    assert np.allclose(load_model(str(file), trust=True)(IMAGES), fix.model(IMAGES))


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [1, 2])
def test_torch_networks_come_back_from_their_files(tmp_path, outputs):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, outputs))
    fix = Counterexamples(region=CORNER, copies=1)(net, (IMAGES, LABELS))
    with pytest.raises(FileError, match="PyTorch has to know the size of an image"):
        fix.save(tmp_path / "model")
    file = fix.save(tmp_path / "model", example=IMAGES[0])
    assert file.name == "model.pt2"
    assert np.allclose(load_model(str(file), trust=True)(IMAGES), fix.model(IMAGES), atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_keras_networks_come_back_from_their_files(tmp_path):
    import keras

    net = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    fix = Counterexamples(region=CORNER, copies=1)(net, (IMAGES[..., None], LABELS))
    file = fix.save(tmp_path / "model")
    assert np.allclose(load_model(str(file))(IMAGES[..., None]), fix.model(IMAGES[..., None]), atol=1e-6)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("fill", [None, "colour"])
def test_the_guard_of_an_onnx_model_goes_into_its_file(tmp_path, first, fill):
    onnx = pytest.importorskip("onnx")
    shape = ["B", 3, 8, 8] if first else ["B", 8, 8, 3]
    make = onnx.helper
    weights = RNG.random((192, 2)).astype(np.float32)
    graph = make.make_graph(
        [
            make.make_node("Flatten", ["x"], ["flat"]),
            make.make_node("MatMul", ["flat", "w"], ["logits"]),
            make.make_node("Softmax", ["logits"], ["p"]),
        ],
        "g",
        [make.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [make.make_tensor_value_info("p", onnx.TensorProto.FLOAT, ["B", 2])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    old = tmp_path / "old.onnx"
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8), old)
    images = RNG.random((20, 8, 8, 3)).astype(np.float32)
    fix = Guard(region=CORNER, fill=fill)(str(old), (images, np.arange(20) % 2))
    with pytest.raises(FileError, match="give an image for its size"):
        fix.save(tmp_path / "new")
    file = fix.save(tmp_path / "new", example=images[0])
    assert np.allclose(load_model(str(file))(images), fix.model(images), atol=1e-6)
    assert not np.allclose(load_model(str(old))(images), fix.model(images))


def test_what_no_file_can_hold_says_what_to_do(tmp_path):
    def model(images):
        return images.mean(axis=(1, 2))

    fix = Guard(region=CORNER, fill="colour")(model)
    with pytest.raises(
        FileError, match=r"known by its answers alone. Keep the code .* two lines: " "sl.repair.Guard"
    ):
        fix.save(tmp_path / "model")
    fit = Counterexamples(region=CORNER)(MODEL, (IMAGES, LABELS))
    with pytest.raises(FileError, match=r"must end in \.joblib or \.skops"):
        fit.save(tmp_path / "model.onnx")
    with pytest.raises(FileError, match="cannot be written"):
        fit.save(tmp_path / "nowhere" / "model.joblib")
    twice = Counterexamples(region=CORNER)(as_model(MODEL, preprocess=np.sqrt), (IMAGES, LABELS))
    with pytest.raises(FileError, match=r"its preprocess=.* is a function, which goes into no file"):
        twice.save(tmp_path / "model")
