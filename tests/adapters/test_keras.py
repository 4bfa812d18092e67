"""A Keras model is asked and looked into on any backend, and left as it was."""

import gc
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline import explain
from sightline.adapters import as_model
from sightline.adapters.keras.graph import in_numpy
from sightline.adapters.keras.model import KerasModel, keras_model
from sightline.adapters.keras.network import KerasNetwork, randomised_clone
from sightline.errors import ModelError, SightlineWarning
from support import keras_cases as cases
from support.contract import CHECKS
from support.keras_cases import BACKEND, L, keras
from support.linear import random_images
from support.scripts import unmeasured

IMAGES = random_images(5, (12, 10, 3), "float32")
ONE = np.eye(4, dtype=np.float32)[1]


def by_hand(model: Any, images: np.ndarray) -> np.ndarray:
    """What the model says in inference mode."""
    given = keras.ops.convert_to_tensor(images.astype("float32"))
    return in_numpy(keras.ops.cast(model(given, training=False), "float32"))


def opened(model: Any) -> KerasNetwork:
    network = KerasModel(model).network()
    assert isinstance(network, KerasNetwork)
    return network


def rise(function: Any, at: np.ndarray, along: np.ndarray, step: float = 0.02) -> float:
    """Slope of a sum along a direction, by central differences."""
    return float((function(at + step * along) - function(at - step * along)).sum() / (2 * step))


def agrees(gradient: np.ndarray, function: Any, at: np.ndarray) -> None:
    """The gradient's share along eight random directions is the slope there."""
    rng = np.random.default_rng(5)
    for _ in range(8):
        along = rng.normal(size=at.shape).astype("float32")
        slope = rise(function, at, along)
        assert float((gradient * along).sum()) == pytest.approx(
            slope, abs=2e-3 * float(np.sqrt((gradient**2).sum()))
        )


def weights_of(model: Any) -> list[np.ndarray]:
    return [np.array(in_numpy(keras.ops.cast(weight.value, "float32"))) for weight in model.weights]


# Asking


@pytest.mark.parametrize("build", [cases.cnn, cases.branched, cases.nested, cases.twice, cases.subclassed])
def test_scores_are_those_of_the_model_in_inference_mode(build: Any):
    model = build()
    np.testing.assert_allclose(KerasModel(model)(IMAGES), by_hand(model, IMAGES), atol=1e-5)


def test_logits_become_their_softmax_and_the_repr_says_how_images_are_given():
    model = as_model(cases.cnn())
    logits = by_hand(cases.cnn(), IMAGES)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(model(IMAGES), powers / powers.sum(axis=1, keepdims=True), atol=1e-5)
    assert f"Sequential of Keras on {BACKEND}, input " in repr(model)
    assert "of shape (?, 12, 10, 3), images given as (B, H, W, C) float32" in repr(model)
    assert "4 columns of logits: scores are their softmax" in repr(model)


@pytest.mark.parametrize("shape", [(5, 7, 3), (5, 7)])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_contract_of_adapters_is_kept(shape: tuple[int, ...], check: Any):
    check(cases.keras_case(shape))


@pytest.mark.parametrize("way", ["predict", "predict_on_batch", "__call__"])
def test_its_bound_methods_stand_for_the_model_and_print_nothing(way: str, capfd: Any):
    model = cases.cnn()
    scores = as_model(getattr(model, way), output="logit")(IMAGES)
    np.testing.assert_allclose(scores, by_hand(model, IMAGES), atol=1e-5)
    assert capfd.readouterr().out == ""


def test_a_predict_of_the_users_own_is_called_as_it_is():
    class Own(keras.Model):
        def call(self, images: Any) -> Any:
            return images

        def predict(self, images: Any) -> Any:
            return images.mean(axis=(1, 2))

    model = Own()
    assert keras_model(model) is model
    assert keras_model(model.predict) is None
    np.testing.assert_allclose(as_model(model.predict)(IMAGES), IMAGES.mean(axis=(1, 2)), atol=1e-6)


def test_other_things_are_not_keras_models():
    for thing in (L.Dense(2), cases.cnn, keras.Model, np.zeros(3), "model", None):
        assert keras_model(thing) is None


def test_grey_images_get_a_channel_axis_and_values_are_not_scaled():
    model = keras.Sequential([keras.Input((4, 3, 1)), L.Flatten()])
    grey = random_images(3, (4, 3), "uint8")
    np.testing.assert_array_equal(KerasModel(model)(grey), grey.reshape(3, -1).astype("float32"))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", ">f4", "float16", "float64"])
def test_every_dtype_is_cast_to_the_inputs_own(dtype: str):
    model = keras.Sequential([keras.Input((4, 3, 2)), L.Flatten()])
    images = (random_images(3, (4, 3, 2), "uint8") // 32).astype(dtype)
    np.testing.assert_array_equal(KerasModel(model)(images), images.reshape(3, -1).astype("float32"))


def test_tensors_that_a_preprocessing_returns_are_taken():
    def halved(images: np.ndarray) -> Any:
        return keras.ops.convert_to_tensor(images) / 2

    model = as_model(cases.cnn(), preprocess=halved, output="logit")
    np.testing.assert_allclose(model(IMAGES), by_hand(cases.cnn(), IMAGES / 2), atol=1e-5)
    network = model.network()
    np.testing.assert_allclose(network.prepare_inputs(IMAGES), IMAGES / 2, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_half_precision_answers_in_float32_and_is_looked_into(policy: str):
    whole, half = cases.cnn(activation="softmax"), cases.cnn(activation="softmax", dtype=policy)
    answered = KerasModel(half)(IMAGES)
    assert answered.dtype == np.float32
    np.testing.assert_allclose(answered, by_hand(whole, IMAGES), atol=3e-2)
    network, true = opened(half), opened(whole)
    for got, wanted in zip(
        network.activations_and_gradients(IMAGES, "two", ONE),
        true.activations_and_gradients(IMAGES, "two", ONE),
        strict=True,
    ):
        assert got.dtype == np.float32
        assert np.corrcoef(got.ravel(), wanted.ravel())[0, 1] > 0.99
    slopes, wanted = network.input_gradients(IMAGES, ONE), true.input_gradients(IMAGES, ONE)
    assert np.corrcoef(slopes.ravel(), wanted.ravel())[0, 1] > 0.99
    assert len(randomised_clone(network.model, 0).weights) == len(half.weights)


@pytest.mark.slow
@pytest.mark.every_backend
def test_state_is_left_as_it_was():
    model = cases.cnn()
    model.compile("sgd", loss=lambda wanted, made: made)
    before, flags = weights_of(model), [layer.trainable for layer in model.layers]
    modes = [part.training for part in model.modules()] if BACKEND == "torch" else []
    as_model(model)(IMAGES)
    network = opened(model)
    network.input_gradients(IMAGES, ONE)
    network.activations_and_gradients(IMAGES, "one", ONE)
    randomised_clone(network.model, 1)
    assert [layer.trainable for layer in model.layers] == flags
    assert modes == ([part.training for part in model.modules()] if BACKEND == "torch" else [])
    for was, weight in zip(before, weights_of(model), strict=True):
        np.testing.assert_array_equal(weight, was)
    assert all(len(layer._inbound_nodes) == 1 for layer in model.layers)


def test_weights_and_activations_that_change_are_seen():
    model = cases.cnn(activation="sigmoid")
    asked = KerasModel(model)
    asked(IMAGES)
    cases.shaken(model, 9)
    model.get_layer("head").bias.assign(np.full(4, 5.0))
    np.testing.assert_allclose(asked(IMAGES), by_hand(model, IMAGES), atol=1e-5)
    model.get_layer("head").activation = keras.activations.linear
    logits = KerasModel(model)(IMAGES)
    np.testing.assert_allclose(logits, by_hand(model, IMAGES), atol=1e-5)
    assert logits.max() > 1


@pytest.mark.skipif(BACKEND != "torch", reason="of PyTorch")
def test_a_module_of_pytorch_within_is_evaluated_and_its_mode_put_back():
    import torch

    module = L.TorchModuleWrapper(torch.nn.Dropout(0.5), output_shape=(None, 12, 10, 3))
    model = keras.Sequential([keras.Input((12, 10, 3)), module, L.GlobalAveragePooling2D()])
    model.train()
    np.testing.assert_allclose(KerasModel(model)(IMAGES), IMAGES.mean(axis=(1, 2)), atol=1e-6)
    opened(model).input_gradients(IMAGES, ONE[:3])
    assert all(part.training for part in model.modules())


class Traced(L.Layer):
    """Counts how often Python passes through it."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[tuple[int, ...]] = []

    def call(self, images: Any) -> Any:
        self.passes.append(tuple(images.shape))
        return images


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch compiles nothing")
def test_new_batch_sizes_and_new_adapters_compile_nothing_new(caplog: Any):
    spy = Traced()
    model = keras.Sequential([keras.Input((6, 5, 3)), spy, L.Flatten(), L.Dense(2)])
    spy.passes.clear()
    for count in range(1, 18):
        as_model(model)(random_images(count, (6, 5, 3), "float32"))
    assert len(spy.passes) <= (1 if BACKEND == "tensorflow" else 6)  # 1, 2, 4, 8, 16, 32
    assert "retracing" not in caplog.text


@pytest.mark.slow
def test_images_of_many_sizes_warn_of_nothing(caplog: Any):
    model = keras.Sequential([keras.Input((None, None, 3)), L.GlobalAveragePooling2D()])
    asked = KerasModel(model)
    for side in [*range(3, 15), *range(3, 15)]:
        images = random_images(2, (side, side + 1, 3), "float32")
        np.testing.assert_allclose(asked(images), images.mean(axis=(1, 2)), atol=1e-5)
    assert "retracing" not in caplog.text


@pytest.mark.slow
def test_what_was_compiled_goes_with_the_model():
    model = keras.Sequential([keras.Input((6, 5, 3)), L.GlobalAveragePooling2D()])
    KerasModel(model)(random_images(2, (6, 5, 3), "float32"))
    watch = weakref.ref(model)
    del model
    gc.collect()
    assert watch() is None


@pytest.mark.slow
def test_many_threads_ask_and_look_at_once():
    model = cases.nested()
    asked, network = KerasModel(model), opened(model)
    batches = [random_images(1 + seed % 4, (12, 10, 3), "float32", seed) for seed in range(24)]
    weight = np.ones(1, np.float32)

    def work(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(asked(batch)), network.activations_and_gradients(batch, "base/conv1", weight)[1]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, batches))
    for batch, (scores, gradient) in zip(batches, answers, strict=True):
        np.testing.assert_allclose(scores, by_hand(model, batch), atol=1e-5)
        np.testing.assert_allclose(
            gradient, network.activations_and_gradients(batch, "base/conv1", weight)[1], atol=1e-6
        )


def test_a_model_that_insists_on_a_batch_size_is_given_it():
    model = keras.Sequential([keras.Input(batch_shape=(3, 4, 5, 2)), L.Flatten(), L.Reshape((40,))])
    images = random_images(7, (4, 5, 2), "float32")
    assert as_model(model).batch_size == 3
    np.testing.assert_allclose(as_model(model, output="logit")(images), images.reshape(7, -1), atol=1e-6)


def test_a_model_that_runs_eagerly_is_called_as_it_is():
    spy = Traced()
    model = keras.Sequential([keras.Input((6, 5, 3)), spy, L.Flatten()])
    model.compile(run_eagerly=True)
    spy.passes.clear()
    asked = KerasModel(model)
    for _ in range(3):
        asked(random_images(3, (6, 5, 3), "float32"))
    assert spy.passes == [(3, 6, 5, 3)] * 3


def test_channels_go_first_where_the_model_has_them_first():
    layers = [
        L.Conv2D(4, 3, data_format="channels_first", activation="tanh", name="conv"),
        L.GlobalAveragePooling2D(data_format="channels_first"),
        L.Dense(2),
    ]
    model = cases.shaken(keras.Sequential([keras.Input((3, 12, 10)), *layers]))
    moved = IMAGES.transpose(0, 3, 1, 2).copy()
    np.testing.assert_allclose(KerasModel(model)(IMAGES), by_hand(model, moved), atol=1e-5)
    np.testing.assert_allclose(KerasModel(model)(moved), by_hand(model, moved), atol=1e-5)
    assert "images given as (B, C, H, W)" in repr(KerasModel(model))
    network, weight = opened(model), np.array([1, 0], np.float32)
    np.testing.assert_array_equal(network.prepare_inputs(IMAGES), IMAGES)
    np.testing.assert_array_equal(network.prepare_inputs(moved), IMAGES)
    assert network.layer_shapes(IMAGES)["conv"] == (10, 8, 4)
    activations, _ = network.activations_and_gradients(IMAGES, "conv", weight)
    assert activations.shape == (5, 10, 8, 4)
    agrees(network.input_gradients(IMAGES, weight), lambda x: network.raw_outputs(x) @ weight, IMAGES)


# What cannot be asked


def test_a_model_without_weights_is_refused():
    for model in (keras.Sequential([L.Dense(3)], name="bare"), cases.Subclassed(name="bare")):
        with pytest.raises(
            ModelError, match="the Keras model 'bare' is not built: it has no weights yet"
        ) as told:
            as_model(model)
        assert told.value.slug == "model-fitted"


def test_several_inputs_or_outputs_are_refused():
    a, b = keras.Input((4, 4, 1), name="a"), keras.Input((4, 4, 1), name="b")
    with pytest.raises(
        ModelError, match=r"'pair' has 2 inputs \('a', 'b'\), but a model of images takes one"
    ):
        as_model(keras.Model([a, b], L.Add()([a, b]), name="pair"))
    two = keras.Model(a, [L.Flatten()(a), L.Flatten()(a)], name="forked")
    with pytest.raises(
        ModelError, match=r"'forked' has 2 outputs.*Give keras.Model\(model.inputs, model.outputs"
    ):
        as_model(two)
    np.testing.assert_allclose(
        as_model(keras.Model(two.inputs, two.outputs[0]), output="logit")(
            random_images(2, (4, 4), "float32")
        ),
        random_images(2, (4, 4), "float32").reshape(2, -1),
    )


def test_several_outputs_of_a_subclassed_model_are_refused():
    class Forked(keras.Model):
        def call(self, images: Any) -> Any:
            return {"a": images, "b": images}

    model = Forked(name="forked")
    model(IMAGES)
    with pytest.raises(ModelError, match="the Keras model 'forked' has 2 outputs"):
        as_model(model)(IMAGES)


@pytest.mark.parametrize("pack", [lambda x: [x], lambda x: {"image": x}])
def test_a_list_or_dict_of_one_input_and_one_output_is_one(pack: Any):
    given = keras.Input((12, 10, 3), name="image")
    model = keras.Model(pack(given), pack(L.GlobalAveragePooling2D()(given)))
    np.testing.assert_allclose(KerasModel(model)(IMAGES), IMAGES.mean(axis=(1, 2)), atol=1e-6)
    np.testing.assert_allclose(opened(model).raw_outputs(IMAGES), IMAGES.mean(axis=(1, 2)), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (8, 8, 3),
            "the model takes images of 12×10×3 .* but this image is 8×8×3. sightline does not resize",
        ),
        ((12, 10), "this image is 12×10. Give the grey image 3 channels"),
        ((12, 10, 4), r"this image is 12×10×4. Leave the alpha channel out: image\[..., :3\]"),
        ((9,), r"does not take images: a batch of shape \(5, 9\) was given"),
    ],
)
def test_images_that_do_not_fit_are_refused_before_keras_sees_them(shape: Any, message: str):
    with pytest.raises(ModelError, match=message) as told:
        as_model(cases.cnn())(random_images(5, shape, "float32"))
    assert told.value.slug == "model-input"


def test_channels_are_checked_for_a_subclassed_model_but_not_the_size():
    model = as_model(cases.subclassed())
    assert model(random_images(2, (20, 9, 3), "float32")).shape == (2, 3)
    with pytest.raises(ModelError, match=r"takes images of any×any×3 .* this image is 12×10"):
        model(random_images(2, (12, 10), "float32"))


def test_a_model_of_flat_numbers_takes_images_of_as_many():
    model = cases.shaken(keras.Sequential([keras.Input((120,)), L.Dense(3)]))
    images = random_images(4, (12, 10), "float32")
    np.testing.assert_allclose(KerasModel(model)(images), by_hand(model, images.reshape(4, -1)), atol=1e-5)
    assert opened(model).input_gradients(images[..., None], ONE[:3]).shape == (4, 12, 10, 1)
    with pytest.raises(ModelError, match="takes 120 numbers an image"):
        as_model(model)(random_images(4, (12, 11), "float32"))


def test_an_input_of_whole_numbers_takes_those_only_and_has_no_slopes():
    given = keras.Input((12, 10, 3), dtype="uint8")
    features = L.Conv2D(2, 3, name="conv")(L.Rescaling(1 / 255)(given))
    model = cases.shaken(keras.Model(given, L.Dense(2)(L.GlobalAveragePooling2D()(features))))
    bytes_ = random_images(3, (12, 10, 3), "uint8")
    assert as_model(model)(bytes_).shape == (3, 2)
    with pytest.raises(ModelError, match="takes uint8, but the images are float32, and casting them"):
        as_model(model)(IMAGES)
    made = explain(bytes_[0], model, attribute="hires-cam", segment="grid")
    assert made.attribution.layer == "conv"
    with pytest.raises(ModelError, match="takes uint8, through which no gradient goes") as told:
        explain(bytes_[0], model, attribute="gradient-x-input", segment="grid")
    assert told.value.slug == "inside-layers"


# Inside


def test_activations_are_those_of_a_model_cut_there():
    model = cases.cnn()
    cut = keras.Model(model.inputs, model.get_layer("two").output)
    activations, _ = opened(model).activations_and_gradients(IMAGES, "two", ONE)
    np.testing.assert_allclose(activations, by_hand(cut, IMAGES), atol=1e-5)


@pytest.mark.parametrize(
    ("build", "classes"), [(cases.cnn, 4), (cases.branched, 3), (cases.nested, 1), (cases.twice, 2)]
)
def test_slopes_are_finite_differences_of_the_outputs(build: Any, classes: int):
    network, weights = opened(build()), np.linspace(1, -1, classes, dtype=np.float32)
    agrees(network.input_gradients(IMAGES, weights), lambda x: network.raw_outputs(x) @ weights, IMAGES)


def test_gradients_at_a_layer_are_finite_differences_of_the_rest_of_the_network():
    model = cases.cnn(activation="softmax")
    network = opened(model)
    kernel, offsets = network.classifier_head()
    for layer, rest in (("two", ["gap"]), ("pool", ["two", "gap"])):
        given = keras.Input(network.layer_shapes(IMAGES)[layer])
        x = given
        for name in rest:
            x = model.get_layer(name)(x)
        tail = keras.Model(given, x)
        activations, gradients = network.activations_and_gradients(IMAGES, layer, ONE)
        agrees(gradients, lambda a, tail=tail: (by_hand(tail, a) @ kernel + offsets) @ ONE, activations)


def test_a_layer_that_is_called_twice_stands_for_its_last_call():
    model = cases.twice()
    network, weights = opened(model), np.array([1, -1], np.float32)
    activations, gradients = network.activations_and_gradients(IMAGES, "shared", weights)
    shared = model.get_layer("shared")
    second = in_numpy(shared(shared(keras.ops.convert_to_tensor(IMAGES))))
    np.testing.assert_allclose(activations, second, atol=1e-5)
    wanted = network.classifier_head()[0] @ weights / (12 * 10)
    np.testing.assert_allclose(gradients, np.broadcast_to(wanted, gradients.shape), atol=1e-6)


def test_layers_are_listed_in_order_with_those_of_models_within():
    assert opened(cases.nested()).layer_shapes(IMAGES) == {
        "base/conv1": (10, 8, 4),
        "base/conv2": (8, 6, 5),
        "base": (8, 6, 5),
        "gap": (5,),
        "head": (1,),
    }
    names = list(opened(cases.branched()).layer_shapes(IMAGES))
    assert set(names[:2]) == {"left", "right"}
    assert names[2] == "both"
    assert names[-3:] == ["gap", "scores", "end"]


def test_a_layer_within_a_model_within_is_looked_at():
    model = cases.nested()
    network, weight = opened(model), np.ones(1, np.float32)
    inner = model.get_layer("base")
    cut = keras.Model(inner.inputs, inner.get_layer("conv1").output)
    activations, gradients = network.activations_and_gradients(IMAGES, "base/conv1", weight)
    np.testing.assert_allclose(activations, by_hand(cut, IMAGES), atol=1e-5)
    given = keras.Input((10, 8, 4))
    tail = keras.Model(given, model.get_layer("gap")(inner.get_layer("conv2")(given)))
    kernel = network.classifier_head()[0]
    agrees(gradients, lambda a: by_hand(tail, a) @ kernel, activations)


def last_map(model: Any) -> str:
    """The layer that is looked at where none is named."""
    columns = model.output_shape[-1]
    return opened(model).last_map_layer(IMAGES[:1], np.ones(columns, np.float32)).name


def test_the_last_map_is_found():
    assert last_map(cases.cnn()) == "two"
    assert last_map(cases.nested()) == "base"
    assert last_map(cases.twice()) == "shared"
    assert last_map(cases.branched()).startswith("multiply")
    late = keras.Sequential(
        [keras.Input((12, 10, 3)), cases.base(), L.Conv2D(2, 1, name="last"), L.Flatten(), L.Dense(2)]
    )
    assert last_map(late) == "last"


def test_a_map_that_all_of_the_score_passes_through_is_found_beside_its_parts():
    def joined(last: Any, *pooled: Any) -> Any:
        given = keras.Input((12, 10, 3))
        inner = cases.base()(given)
        left, right = L.Conv2D(4, 1, name="left")(inner), L.SeparableConv2D(4, 1, name="right")(inner)
        made = (
            last([left, right])
            if not pooled
            else last([pool(one) for pool, one in zip(pooled, (left, right), strict=True)])
        )
        made = made if pooled else L.GlobalAveragePooling2D()(L.Dropout(0.5)(made))
        return cases.shaken(keras.Model(given, L.Dense(2)(made)))

    assert last_map(joined(L.Concatenate(name="mix"))) == "mix"
    assert last_map(joined(L.Add(name="sum"))) == "sum"
    pools = L.GlobalAveragePooling2D(), L.GlobalMaxPooling2D()
    assert last_map(joined(L.Concatenate(), *pools)) == "base"


def test_scores_that_come_together_from_several_maps_are_refused():
    given = keras.Input((12, 10, 3))
    parts = [L.Conv2D(4, 3, strides=stride, name=f"by{stride}")(given) for stride in (1, 2)]
    joined = L.Concatenate()([L.GlobalAveragePooling2D()(one) for one in parts])
    model = cases.shaken(keras.Model(given, L.Dense(2)(joined), name="two"))
    with pytest.raises(ModelError, match=r"'two' comes together from several maps.*'by2', 'by1'"):
        last_map(model)


def test_a_model_within_that_convolves_nothing_is_no_convolution():
    augment = keras.Sequential([L.RandomFlip(), L.Rescaling(2.0)], name="augment")
    model = keras.Sequential([keras.Input((12, 10, 3)), augment, L.Flatten(), L.Dense(2)], name="flat")
    network = opened(model)
    assert network.layer_shapes(IMAGES)["augment"] == (12, 10, 3)
    with pytest.raises(
        ModelError, match=r"'flat' has no convolutional layer.*integrated-gradients.*lime"
    ) as told:
        network.last_map_layer(IMAGES[:1], np.ones(2, np.float32))
    assert told.value.slug == "inside-layers"


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_outputs_are_the_scores_before_the_last_activation(activation: str):
    wanted = by_hand(cases.cnn(), IMAGES)
    np.testing.assert_allclose(
        opened(cases.cnn(activation=activation)).raw_outputs(IMAGES), wanted, atol=1e-5
    )
    ended = cases.branched(activation)
    cut = keras.Model(ended.inputs, ended.get_layer("scores").output)
    np.testing.assert_allclose(opened(ended).raw_outputs(IMAGES), by_hand(cut, IMAGES), atol=1e-5)
    own = keras.Model(cut.inputs, getattr(keras.ops, activation)(cut.output))
    np.testing.assert_allclose(opened(own).raw_outputs(IMAGES), by_hand(cut, IMAGES), atol=1e-5)


def test_an_activation_of_another_layer_is_kept():
    model = cases.shaken(
        keras.Sequential([keras.Input((3, 3, 3)), L.Conv2D(2, 3, activation="sigmoid"), L.Flatten()])
    )
    images = random_images(2, (3, 3, 3), "float32")
    np.testing.assert_allclose(opened(model).raw_outputs(images), by_hand(model, images), atol=1e-6)


def test_a_saturated_sigmoid_still_has_slopes():
    model = cases.nested()
    model.get_layer("head").bias.assign(np.array([60.0]))
    assert by_hand(model, IMAGES).min() == 1
    network, weight = opened(model), np.ones(1, np.float32)
    assert np.abs(network.input_gradients(IMAGES, weight)).max() > 1e-4
    assert np.abs(network.activations_and_gradients(IMAGES, "base", weight)[1]).max() > 1e-4
    assert network.raw_outputs(IMAGES).min() > 50


def test_a_subclassed_model_has_slopes_but_no_layers():
    model = cases.subclassed()
    network, weights = opened(model), np.array([1, 0, -1], np.float32)
    agrees(network.input_gradients(IMAGES, weights), lambda x: by_hand(model, x) @ weights, IMAGES)
    np.testing.assert_array_equal(network.classifier_head()[0], in_numpy(model.head.kernel.value))
    for ask in (
        network.layer_shapes,
        lambda x: network.last_map_layer(x[:1], weights),
        lambda x: network.activations_and_gradients(x, "conv", weights),
    ):
        with pytest.raises(
            ModelError, match=r"calls its layers in Python code.*model.call\(inputs\)"
        ) as told:
            ask(IMAGES)
        assert told.value.slug == "inside-layers"


def test_a_subclassed_model_made_a_graph_as_the_error_advises_is_looked_at():
    model = cases.subclassed()
    inputs = keras.Input((12, 10, 3))
    graph = keras.Model(inputs, model.call(inputs))
    np.testing.assert_allclose(KerasModel(graph)(IMAGES), by_hand(model, IMAGES), atol=1e-5)
    assert last_map(graph) == model.conv.name


def test_an_unknown_layer_is_told_with_the_nearest():
    with pytest.raises(
        ModelError, match=r"has no layer 'base/conv3'. Did you mean 'base/conv[12]'\? Valid:"
    ) as told:
        opened(cases.nested()).activations_and_gradients(IMAGES, "base/conv3", np.ones(1, np.float32))
    assert told.value.slug == "inside-layers"


def test_the_last_fully_connected_layer_is_found_and_missed():
    model = cases.cnn()
    kernel, offsets = opened(model).classifier_head()
    np.testing.assert_array_equal(kernel, in_numpy(model.get_layer("head").kernel.value))
    np.testing.assert_array_equal(offsets, in_numpy(model.get_layer("head").bias.value))
    bare = keras.Sequential(
        [keras.Input((12, 10, 3)), L.GlobalAveragePooling2D(), L.Dense(2, use_bias=False)]
    )
    np.testing.assert_array_equal(opened(bare).classifier_head()[1], [0, 0])
    with pytest.raises(
        ModelError, match="has no fully connected layer, which cam needs: use grad-cam"
    ) as told:
        opened(cases.base()).classifier_head()
    assert told.value.slug == "inside-layers"


@pytest.mark.parametrize("build", [cases.cnn, cases.branched, cases.nested, cases.subclassed])
def test_a_randomised_copy_has_every_weight_drawn_anew_by_its_seed(build: Any):
    model = build()
    before, state = weights_of(model), np.random.get_state()[1].copy()
    network = opened(model)
    first, again, other = (randomised_clone(network.model, seed) for seed in (1, 1, 2))
    kernels = [weight.ndim > 1 for weight in before]
    for old, one, same, third, kernel in zip(
        before, *(weights_of(m) for m in (first, again, other)), kernels, strict=True
    ):
        assert not np.isclose(one, old).any() or not kernel
        assert not np.allclose(one, old)
        np.testing.assert_array_equal(one, same)
        assert not kernel or not np.isclose(one, third).all()
    for was, now in zip(before, weights_of(model), strict=True):
        np.testing.assert_array_equal(now, was)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert as_model(first)(IMAGES).shape[0] == 5


def test_what_a_normalisation_learned_of_the_data_outlives_the_randomisation():
    norm = L.Normalization()
    norm.adapt(IMAGES)
    model = keras.Sequential([keras.Input((12, 10, 3)), norm, L.Conv2D(2, 3), L.GlobalAveragePooling2D()])
    made = randomised_clone(model, 0)
    for old, new in zip(weights_of(norm), weights_of(made.layers[0]), strict=True):
        np.testing.assert_array_equal(new, old)
    cut = keras.Model(made.inputs, made.layers[0].output)
    np.testing.assert_allclose(by_hand(cut, IMAGES), by_hand(norm, IMAGES), atol=1e-5)


def test_a_model_that_cannot_be_copied_says_what_it_lacks():
    class Odd(keras.Model):
        def __init__(self, width: int) -> None:
            super().__init__(name="odd")
            self.head = L.Dense(width)

        def call(self, images: Any) -> Any:
            return self.head(keras.ops.mean(images, axis=(1, 2)))

    model = Odd(2)
    model(IMAGES)
    with pytest.raises(
        ModelError, match=r"the Keras model 'odd' cannot be copied: .* Give its class a get_config"
    ) as told:
        randomised_clone(model, 0)
    assert told.value.slug == "inside-copy"


@pytest.mark.parametrize(
    "method", ["cam", "grad-cam", "hires-cam", "score-cam", "integrated-gradients", "smoothgrad"]
)
def test_every_kind_of_method_explains_a_keras_model(method: str):
    target = int(by_hand(cases.cnn(), IMAGES[:1]).argmax())
    made = explain(
        IMAGES[0], cases.cnn(activation="softmax"), attribute=method, segment="grid", target=target
    )
    assert made.attribution.pixels.shape == (1, 12, 10)
    assert np.isfinite(made.attribution.pixels).all()


# Callables of TensorFlow


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
class TestTensorFlow:
    def test_a_tf_function_is_a_callable(self):
        import tensorflow as tf

        asked = tf.function(lambda images: tf.nn.softmax(tf.reduce_mean(images, axis=(1, 2))))
        model = as_model(asked)
        powers = np.exp(IMAGES.mean(axis=(1, 2)))
        np.testing.assert_allclose(model(IMAGES), powers / powers.sum(axis=1, keepdims=True), atol=1e-5)
        assert model(IMAGES).dtype == np.float64

    def test_a_function_around_a_session_is_a_callable(self):
        import tensorflow as tf

        graph = tf.Graph()
        with graph.as_default():
            given = tf.compat.v1.placeholder(tf.float32, (None, 12, 10, 3))
            scores = tf.nn.sigmoid(tf.reduce_mean(given**2, axis=(1, 2, 3)))
        with tf.compat.v1.Session(graph=graph) as session:

            def predict(images: np.ndarray) -> np.ndarray:
                return session.run(scores, {given: images})

            model = as_model(predict)
            p = 1 / (1 + np.exp(-(IMAGES**2).mean(axis=(1, 2, 3))))
            np.testing.assert_allclose(model(IMAGES)[:, 1], p, atol=1e-5)
            assert explain(IMAGES[0], predict, segment="grid", budget=64).attribution.values.shape[0] == 1


COMPILED_FOR_LONG = (
    "half or contract or many_sizes or dtype or one_column or known_by or last_map or passes_through or "
    "every_kind or before_the_softmax"
)
"""Tests for which jax compiles many networks, of what is the same on every backend."""
PENALTY = "test_the_penalty_is_the_same_on_tensorflow_and_torch_and_jax_says_no"
FAST_XLA = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.skipif(BACKEND != "tensorflow", reason="runs this file on the other backends")
def test_all_this_holds_on_the_other_backends(backend: str):
    root = Path(__file__).parents[2]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-m",
        "not slow or every_backend",
        "-k",
        f"not ({COMPILED_FOR_LONG})" if backend == "jax" else "",
        "-p",
        "no:cacheprovider",
        __file__,
        f"{root}/tests/repair/training/test_keras.py::{PENALTY}",
    ]
    done = subprocess.run(
        command,
        cwd=root,
        # XLA as it compiles fastest: each test has networks of its own, run once or twice.
        env=unmeasured(KERAS_BACKEND=backend, **({"XLA_FLAGS": FAST_XLA} if backend == "jax" else {})),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "passed" in done.stdout


def keras_ends() -> dict[str, Any]:
    """A network of one column that finds bright images, by what is made of its logit."""

    def made(end: Any) -> Any:
        given = keras.Input((4, 4, 1))
        mean = L.GlobalAveragePooling2D()(given)
        dense = L.Dense(1, kernel_initializer=keras.initializers.Constant(20.0))
        dense.build((None, 1))
        dense.bias.assign([-10.0])
        return keras.Model(given, end(dense(mean)))

    ops = keras.ops
    return {
        "logit": (made(lambda a: a), "logit"),
        "sigmoid": (made(ops.sigmoid), "probability"),
        "activation": (made(L.Activation("log_sigmoid")), "log-probability"),
        "operation": (made(ops.log_sigmoid), "log-probability"),
        "logarithm": (made(lambda a: ops.log(ops.sigmoid(a))), "log-probability"),
        "softplus": (made(lambda a: -ops.softplus(-a)), "log-probability"),
        "exponent": (made(lambda a: ops.exp(ops.log_sigmoid(a))), "probability"),
        "log_softmax": (
            made(lambda a: ops.log_softmax(ops.concatenate([0 * a, a], axis=1))[:, 1:]),
            "log-probability",
        ),
    }


ENDS = keras_ends()


@pytest.mark.parametrize("end", ENDS)
def test_one_column_is_read_as_the_network_makes_it(end: str):
    """The sigmoid of a sigmoid, or of its logarithm, would be at least or at most a half."""
    model, seen = ENDS[end]
    images = np.linspace(0, 1, 8, dtype=np.float32).reshape(8, 1, 1, 1) * np.ones((1, 4, 4, 1), np.float32)
    adapted = as_model(model)
    scores = adapted(images)
    assert adapted.backend.output_end == seen
    logits = 20 * images[:, 0, 0, 0].astype(np.float64) - 10
    np.testing.assert_allclose(scores[:, 1], 1 / (1 + np.exp(-logits)), atol=1e-5)
    guess = "one column, taken for a logit of class 1, whose sigmoid is the score (output= overrules)"
    assert adapted.guess == (guess if seen == "logit" else "")


@pytest.mark.parametrize("loss", ["mse", "mean_absolute_error", keras.losses.Huber()])
def test_a_regressor_is_known_by_its_loss(loss: Any):
    """Brier's score is the mean squared error of probabilities: of a classifier, that is."""
    images = random_images(4, (4, 4, 1), "float32")
    regressor = keras.models.clone_model(ENDS["logit"][0])
    regressor.compile(loss=loss)
    with pytest.raises(ModelError, match=r'is a regressor.*output="logit", class_names=\["value"\]'):
        as_model(regressor)(images)
    value = as_model(regressor, output="logit", class_names=["value"])(images)
    np.testing.assert_allclose(value[:, 1], by_hand(regressor, images)[:, 0], rtol=1e-5)
    for kept, told in (("sigmoid", loss), ("logit", keras.losses.BinaryCrossentropy(from_logits=True))):
        classifier = keras.models.clone_model(ENDS[kept][0])
        classifier.compile(loss=told)
        assert as_model(classifier)(images).shape == (4, 2)


def keras_mixtures() -> dict[str, Any]:
    """Networks of three columns whose probabilities come by another way than a softmax at the end."""
    given = keras.Input((4, 4, 1))
    mean = L.GlobalAveragePooling2D()(given)
    fixed = keras.initializers.Constant
    logits = L.Dense(
        3, kernel_initializer=fixed([[3.0, 0.0, -3.0]]), bias_initializer=fixed([0.0, 1.0, 2.0])
    )(mean)
    softmax, ops = L.Softmax()(logits), keras.ops
    table = np.array([[1, 0], [1, 0], [0, 1]], "float32")

    def within(outputs: Any, key: Any) -> Any:
        outer = keras.Input((4, 4, 1))
        return keras.Model(outer, keras.Model(given, outputs)(outer)[key])

    def made(end: Any) -> Any:
        return keras.Model(given, end)

    evidence = ops.softplus(logits) + 1
    gates = L.Softmax()(L.Dense(2, kernel_initializer=fixed([[1.0, -1.0]]))(mean))
    experts = ops.stack([softmax, L.Softmax()(-logits)], axis=1)
    return {
        "matmul": (made(ops.matmul(softmax, table)), "id"),
        "dense": (made(L.Dense(2, use_bias=False, kernel_initializer=fixed(table))(softmax)), "id"),
        "dot": (made(L.Dot(axes=(1, 1))([gates, experts])), "id"),
        "evidence": (made(evidence / ops.sum(evidence, -1, keepdims=True)), "id"),
        "second output": (within([logits, softmax], 1), "id"),
        "first output": (within([softmax, logits * 0.1 + 0.5], 1), "softmax"),
        "named output": (within({"logits": logits, "probabilities": softmax}, "probabilities"), "id"),
        "unmixed": (made(logits), "softmax"),
        "mean logarithm": (made((ops.log_softmax(logits) + ops.log_softmax(-logits)) / 2), "softmax"),
        "difference": (
            made((lambda s: ops.log(s) - ops.log(1 - s))(ops.sigmoid(logits[:, :1] - 9))),
            "sigmoid",
        ),
        "percent": (made(softmax * 100), ""),
    }


MIXTURES = keras_mixtures()


@pytest.mark.parametrize("end", MIXTURES)
def test_probabilities_are_known_by_what_they_add_up_to(end: str):
    model, kind = MIXTURES[end]
    images = np.linspace(0, 1, 8, dtype=np.float32).reshape(8, 1, 1, 1) * np.ones((1, 4, 4, 1), np.float32)
    if not kind:
        with pytest.raises(ModelError, match="divide percentages by 100"):
            as_model(model)(images)
        return
    own = by_hand(model, images).astype(np.float64)
    wanted = {"id": own, "softmax": np.exp(own), "sigmoid": 1 / (1 + np.exp(-own))}[kind]
    wanted = wanted / wanted.sum(1, keepdims=True) if own.shape[1] > 1 else np.hstack([1 - wanted, wanted])
    adapted = as_model(model)
    np.testing.assert_allclose(adapted(images), wanted, atol=1e-5)
    assert bool(adapted.guess) == (end in ("matmul", "dense", "evidence", "mean logarithm", "difference"))


def test_gradients_are_before_the_softmax_of_the_output_that_is_taken():
    """A saturated softmax has none, whichever output of a model within the model it is."""
    given, outer = keras.Input((4, 4, 1)), keras.Input((4, 4, 1))
    logits = L.Dense(3)(L.Flatten()(given))
    softmax = L.Softmax()(logits)
    within = keras.Model(given, [logits, softmax, L.Dense(2)(softmax)])(outer)
    images, weights = random_images(3, (4, 4, 1), "float32"), np.array([0.0, 1.0, 0.0], np.float32)
    plain = as_model(keras.Model(given, logits)).network()
    for taken in within[:2]:
        network = as_model(keras.Model(outer, taken)).network()
        for asked in ("raw_outputs", "input_gradients"):
            args = (images,) if asked == "raw_outputs" else (images, weights)
            np.testing.assert_allclose(
                getattr(network, asked)(*args), getattr(plain, asked)(*args), atol=1e-5
            )
    made_of = as_model(keras.Model(outer, within[2])).network()
    np.testing.assert_allclose(
        made_of.raw_outputs(images), by_hand(keras.Model(outer, within[2]), images), atol=1e-5
    )


@pytest.mark.parametrize("bounded", [lambda a: keras.ops.relu6(a + 3) / 6, L.ReLU(max_value=1.0)])
def test_a_bounded_column_is_asked_about(bounded: Any):
    given = keras.Input((4, 4, 1))
    model = keras.Model(given, bounded(L.GlobalAveragePooling2D()(given)))
    images = random_images(4, (4, 4, 1), "float32")
    with pytest.warns(SightlineWarning, match="how it makes them cannot be seen"):
        scores = as_model(model)(images)
    np.testing.assert_allclose(scores[:, 1:], by_hand(model, images), atol=1e-6)
