"""Models that are never shown the region, and repaired models in files."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from sightline import Noise, as_model
from sightline.adapters.open_model import load_model
from sightline.data.datasets import as_dataset
from sightline.errors import FileError, ModelError, OptionError
from sightline.regions import grid, per_image
from sightline.repair import Counterexamples, Guard
from sightline.repair.repair_region import resolve_region
from sightline.repair.result import describe_method

CORNER = grid(4, 4)["r1c1"]
AREA = resolve_region(CORNER)
RNG = np.random.default_rng(0)
IMAGES = RNG.random((60, 8, 8)).astype(np.float32)
LABELS = (IMAGES[:, :2, :2].mean(axis=(1, 2)) + IMAGES[:, 4:].mean(axis=(1, 2)) > 1).astype(int)
MODEL = LogisticRegression(C=10).fit(IMAGES.reshape(60, -1), LABELS)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["uint8", "float32", "float64"]), st.sampled_from([0, 1, 3]), st.integers(0, 99))
def test_a_guarded_model_does_not_depend_on_the_region_s_pixels(kind, channels, seed):
    rng = np.random.default_rng(seed)
    shape = (5, 8, 8, channels) if channels else (5, 8, 8)
    images = (rng.random((2, *shape)) * 200).astype(kind)
    mask = AREA.mask((8, 8))
    images[1] = images[0]
    images[1][:, mask] = (rng.random(images[1][:, mask].shape) * 255).astype(kind)
    before = images.copy()

    def model(batch):
        assert batch.dtype == kind
        return batch.reshape(len(batch), -1)[:, ::7].astype(float) / 300

    for guard in (Guard(region=CORNER, fill="colour"), Guard(region=CORNER)):
        train = None if guard.fill else (before[0].repeat(4, axis=0), np.arange(20) % 2)
        asked = guard(model, train).model
        assert np.array_equal(asked(images[0]), asked(images[1]))
    assert np.array_equal(images, before)


def test_the_rest_of_the_image_is_shown_as_it_is():
    seen = []

    def model(images):
        seen.append(images.copy())
        return images.mean(axis=(1, 2))

    Guard(region=CORNER)(model, (IMAGES, LABELS)).model(IMAGES[:3])
    mask = AREA.mask((8, 8))
    assert np.array_equal(seen[-1][:, ~mask], IMAGES[:3][:, ~mask])
    assert all(np.array_equal(one[mask], seen[-1][0][mask]) for one in seen[-1])
    assert (np.abs(seen[-1][0][mask] - 0.5) < 0.2).all()  # the median of many


def test_the_cost_is_what_is_counted_on_the_validation_images():
    fix = Guard(region=CORNER)(MODEL, (IMAGES, LABELS), validation=(IMAGES, LABELS))
    after = (fix.model(IMAGES).argmax(axis=1) == LABELS).mean()
    before = (as_model(MODEL)(IMAGES).argmax(axis=1) == LABELS).mean()
    assert f"on 60 validation images, before → after: {before:.3f} → {after:.3f} accuracy" in fix.notes[0]
    assert after < before


def test_a_guard_needs_images_or_a_fill_and_one_region_for_all():
    with pytest.raises(OptionError, match=r"guard\(model, train\), or a fill"):
        Guard(region=CORNER)(MODEL)
    with pytest.raises(OptionError, match="a guard hides the same region of every image"):
        Guard(region=per_image(lambda place: np.eye(8, dtype=int), {1: "line"}))


def test_a_network_behind_a_guard_keeps_its_output_rule():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 1))
    plain, guarded = as_model(net), Guard(region=CORNER, fill="colour")(net).model
    black = IMAGES.copy()
    black[:, AREA.mask((8, 8))] = 0
    assert np.allclose(guarded(IMAGES), plain(black))


def test_a_way_prints_as_it_was_written():
    assert describe_method(Guard(region="jaw")) == "Guard(region='jaw')"
    assert (
        describe_method(Counterexamples(region=CORNER, copies=5))
        == "Counterexamples(region='r1c1', copies=5)"
    )


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


def test_a_guard_with_a_changing_fill_cannot_go_into_an_onnx_file(tmp_path):
    source = as_dataset((IMAGES, LABELS))
    assert len(source) == 60
    with pytest.raises(ModelError, match="known by its answers alone"):
        Counterexamples(region=CORNER)(lambda images: images.mean(axis=(1, 2)), (IMAGES, LABELS))
    assert Guard(region=CORNER, fill=Noise())(MODEL).model(IMAGES).shape == (60, 2)
