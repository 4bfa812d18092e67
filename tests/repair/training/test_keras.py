"""Keras models, fitted on, and their last layers refitted."""

import contextlib

import keras
import numpy as np
import pytest

from sightline import as_model
from sightline.adapters.keras.graph import in_numpy
from sightline.errors import ImageError, ModelError
from sightline.regions import grid
from sightline.repair import Counterexamples, LastLayer, RightReasons, TrainingConfig
from sightline.repair.training.fine_tune import trainer_of
from sightline.repair.training.keras import copy_network
from sightline.repair.training.trainer import TrainingRun
from sightline.repair.training_data import split_training_data
from support.marked import CORNER, IMAGES, LABELS, TRAIN, TRAINING, misled_keras_model, worst

ANEW = Counterexamples(region=CORNER, copies=1, training=TRAINING, fresh=True)
HEAD = LastLayer(region=CORNER)


def weights_of(network):
    return [np.array(in_numpy(one.value)) for one in network.weights]


@pytest.mark.slow
@pytest.mark.parametrize("method", [ANEW, HEAD], ids=["anew", "head"])
def test_a_keras_model_is_repaired_and_the_old_one_stays(misled_keras, method):
    before, weights = worst(misled_keras), weights_of(misled_keras)
    state = np.random.get_state()[1].copy()
    result = method(misled_keras, TRAIN)
    assert before < 0.35
    assert worst(result.model) > before + 0.15
    assert all(np.array_equal(a, b) for a, b in zip(weights, weights_of(misled_keras), strict=True))
    assert np.array_equal(np.random.get_state()[1], state)


@pytest.mark.slow
def test_several_outputs_are_learned_from():
    model = misled_keras_model(2, "softmax")
    for method in (ANEW, HEAD):
        assert worst(method(model, TRAIN).model) > worst(model) + 0.1


def linear_model(outputs=1, activation=None):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4, name="first")]
    return keras.Sequential([*layers, keras.layers.Dense(outputs, activation=activation, name="last")])


def test_frozen_layers_are_not_drawn_anew():
    model = linear_model()
    model.get_layer("first").trainable = False
    made = copy_network(model, seed=1)
    for name, same in (("first", True), ("last", False)):
        kernels = [weights_of(one.get_layer(name))[0] for one in (made, model)]
        assert np.array_equal(*kernels) == same


def validation_losses(model, output, epochs):
    """Log-likelihood of the validation images after the best of so many epochs."""
    made = as_model(model, output=output)
    data = split_training_data(made, (IMAGES[:80], LABELS[:80]))
    config = TrainingConfig(epochs=epochs, patience=epochs, learning_rate=0.1)
    trained = trainer_of(made).train(TrainingRun(data.train, data.validation, config))
    logits = np.asarray(trained.backend.model(np.stack([image for image, _ in data.validation])))[:, 0]
    sign = np.where(data.validation.labels == 1, -1, 1)
    return float(np.log1p(np.exp(sign * logits)).mean())


@pytest.mark.slow
@pytest.mark.parametrize("output", ["auto", "logit"])
def test_the_best_epoch_is_the_one_with_the_lowest_loss_whatever_the_scores_are(output):
    losses = [validation_losses(linear_model(), output, epochs) for epochs in (2, 6, 7, 8)]
    # The weights are the best so far: by another loss than cross-entropy some later epoch would be kept.
    assert np.array_equal(losses, np.minimum.accumulate(losses))
    assert len(set(losses)) > 2


def test_errors_of_images_are_told_as_they_are():
    model = as_model(linear_model())
    data = split_training_data(model, ([*IMAGES[:20], *np.zeros((20, 9, 8, 1), np.float32)], LABELS[:40]))
    with pytest.raises(ImageError, match="a repair learns from images of one size"):
        trainer_of(model).train(TrainingRun(data.train, data.validation, TrainingConfig()))


@pytest.mark.slow
def test_a_last_batch_of_one_joins_the_one_before_it():
    training = TrainingConfig(epochs=2, batch_size=191)  # of 192 images
    Counterexamples(region=CORNER, copies=1, training=training)(linear_model(), TRAIN)


@pytest.mark.slow
def test_a_diverging_training_is_told():
    with pytest.raises(ModelError, match=r"training has diverged\. Give a smaller learning rate"):
        Counterexamples(region=CORNER, training=TrainingConfig(epochs=1))(
            as_model(linear_model(), output="sigmoid"), (IMAGES * np.float32(1e38), LABELS)
        )


PENALISED = [-0.9800, -0.9482, -0.9167, -0.9229, -0.8689, -0.8496, -0.8014, -0.7587, -0.7261, -0.6944]
"""The first weights that the penalty leads to on tensorflow."""


@pytest.mark.slow
@pytest.mark.every_backend
def test_the_penalty_is_the_same_on_tensorflow_and_torch_and_jax_says_no():
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    images = np.random.default_rng(0).random((60, 8, 8, 1)).astype("float32")
    labels = (images[:, :2, :2].mean(axis=(1, 2, 3)) > 0.5).astype(int)
    region = grid(4, 4)["r1c1"]
    net.set_weights([np.linspace(-1, 1, 64, dtype="float32")[:, None], np.zeros(1, "float32")])
    method = RightReasons(region=region, weight=3.0, training=TrainingConfig(epochs=3, learning_rate=0.01))
    without_gradients = contextlib.nullcontext()
    if keras.backend.backend() == "torch":
        import torch

        without_gradients = torch.no_grad()  # as the caller may have asked for
    with without_gradients:
        Counterexamples(region=region, training=TrainingConfig(epochs=1))(net, (images, labels))
        if keras.backend.backend() == "jax":
            with pytest.raises(ModelError, match=r"on jax here\. Set KERAS_BACKEND to tensorflow or torch"):
                method(net, (images, labels))
            return
        fix = method(net, (images, labels))
    np.testing.assert_allclose(np.ravel(weights_of(fix.raw)[0])[:10], PENALISED, atol=2e-3)


def test_a_last_layer_with_another_activation_is_refused():
    for ending in (
        [keras.layers.Dense(2, activation="tanh"), keras.layers.Softmax()],
        [keras.layers.Dense(2), keras.layers.Activation("relu"), keras.layers.Softmax()],
    ):
        model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), *ending])
        with pytest.raises(ModelError, match="does not end in one linear layer"):
            HEAD(model, TRAIN)
