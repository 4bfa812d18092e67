"""a Keras model and images → a copy of it that learned from them."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._optional import require
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.keras.graph import in_numpy, pack_inputs, single_output
from sightline.adapters.keras.model import KerasModel
from sightline.adapters.keras.network import fresh_clone, randomised_clone
from sightline.data.datasets import Dataset
from sightline.errors import ModelError
from sightline.repair.result import wrap_like
from sightline.repair.training.config import TrainingConfig
from sightline.repair.training.torch import minibatches, no_linear_head
from sightline.repair.training_data import stack_images

ALLOWED_AFTER_DENSE = ("Activation", "Softmax", "Flatten", "Reshape")
"""Layers that may follow the last `Dense` one."""
MIN_PROBABILITY = 1e-7
"""Below this, probabilities are not told apart in a logarithm."""


def train_keras(
    model: CheckedModel,
    train: Dataset,
    validation: Dataset,
    *,
    config: TrainingConfig,
    fresh: bool,
    seed: int,
    penalty: tuple[Bool[np.ndarray, "H W"], float] | None = None,
    tick: Callable[[int], None] = lambda count: None,
) -> CheckedModel:
    """A copy of a Keras model, trained on images; its best weights by the loss on validation images.

    Parameters
    ----------
    model : CheckedModel
        Of a Keras model. Layers that are not trainable stay as they are.
    train, validation : Dataset
        Labels are the model's classes.
    course : Course
    fresh : bool
        Whether weights are drawn anew first.
    seed : int
    penalty : (mask, weight), optional
        That of `right_reasons.penalty`, in multiples of what it is at the first batch; on TensorFlow and
        PyTorch.
    tick : callable

    Raises
    ------
    ModelError
        If the model cannot be copied, the loss is no finite number, or the backend has no penalty.
    """
    keras = require("keras", extra="keras")
    model(stack_images(train, [0]))  # its first answer shows whether a softmax or sigmoid comes last
    ask: Any = model.backend
    network = copy_network(ask.model, seed if fresh else None)
    made = wrap_like(model, network)
    _seed_layers(network, seed)
    network.compile(keras.optimizers.Adam(config.learning_rate), loss=_training_loss(model, keras))
    step = _plain if penalty is None else _penalised_step(model.outputs_probabilities, train, *penalty)
    rng = np.random.default_rng(seed)
    best, waited, weights = np.inf, 0, _copy_weights(network)
    for _ in range(config.epochs):
        for places in minibatches(len(train), config.batch_size, rng):
            labels = train.labels[places]
            loss = step(made, stack_images(train, places), labels)
            if not np.isfinite(loss):
                raise ModelError(
                    "the loss is not a finite number any more: training has diverged. Give a smaller rate: "
                    "course=Course(rate=1e-4).",
                    slug="repair-diverged",
                )
            tick(len(places))
        now = _validation_loss(made, validation, config.batch_size)
        if now < best:
            best, waited, weights = now, 0, _copy_weights(network)
        else:
            waited += 1
        if waited == config.patience:
            break
    _assign_weights(network, weights)
    # Functions compiled for asking see the weights as they are; the loss and optimizer have done their work.
    return wrap_like(model, network)


def copy_network(network: Any, seed: int | None = None) -> Any:
    """A copy of a Keras model with the same weights, or with weights drawn anew.

    Raises
    ------
    ModelError
        If its class says nothing of how it is built.
    """
    if seed is not None:
        return randomised_clone(network, seed)
    made = fresh_clone(network)
    _assign_weights(made, _copy_weights(network))
    return made


def last_dense_layer(network: Any) -> Any:
    """The `Dense` layer that a model ends in; None if it does not."""
    for layer in reversed(getattr(network, "layers", [])):
        if type(layer).__name__ == "Dense":
            return layer
        if type(layer).__name__ not in ALLOWED_AFTER_DENSE:
            return None
    return None


def keras_features(model: CheckedModel, source: Dataset, batch_size: int = 256) -> Float[np.ndarray, "N F"]:
    """What a model's last `Dense` layer is given for each image.

    Raises
    ------
    ModelError
        If it does not end in one.
    """
    keras = require("keras", extra="keras")
    ask: Any = model.backend
    layer = last_dense_layer(ask.model)
    if layer is None or not getattr(ask.model, "inputs", None):
        raise no_linear_head(repr(type(ask.model).__name__))
    part = KerasModel(keras.Model(ask.model.inputs, layer.input))
    seen = []
    for start in range(0, len(source), batch_size):
        images = stack_images(source, range(start, min(start + batch_size, len(source))))
        seen.append(np.asarray(part(model.apply_preprocess(images)), dtype=np.float64))
    found = np.concatenate(seen)
    if found.ndim != 2:
        raise no_linear_head(repr(type(ask.model).__name__))
    return found


def with_keras_head(network: Any, weights: Any, biases: Any) -> Any:
    """A copy of a Keras model with other weights in its last layer."""
    from sightline.repair.last_layer import head_outputs

    made = copy_network(network)
    layer = last_dense_layer(made)
    weights, biases = head_outputs(weights, biases, int(layer.units))
    if tuple(layer.kernel.shape) != weights.shape or layer.bias is None:
        raise no_linear_head(repr(type(network).__name__))
    layer.kernel.assign(weights.astype(np.float32))
    layer.bias.assign(biases.astype(np.float32))
    return made


def _training_loss(model: CheckedModel, keras: Any) -> Any:
    single_column = "one column" in model.rule
    kind = keras.losses.BinaryCrossentropy if single_column else keras.losses.SparseCategoricalCrossentropy
    return kind(from_logits=not model.outputs_probabilities)


def _plain(made: CheckedModel, images: Shaped[np.ndarray, "B ..."], labels: Shaped[np.ndarray, "B"]) -> float:
    ask: Any = made.backend
    given = ask.given(made.apply_preprocess(images))
    return float(ask.model.train_on_batch(pack_inputs(ask.model, given), labels))


def _penalised_step(squashed: bool, learn: Dataset, mask: Any, weight: float) -> Any:
    """A step of training with the penalty of right reasons."""
    keras = require("keras", extra="keras")
    backend = keras.backend.backend()
    steps = {"tensorflow": _tensorflow_penalty_step, "torch": _torch_penalty_step}
    if backend not in steps:
        raise ModelError(
            "right reasons need gradients of gradients, which are not taken from Keras on "
            f"{backend} here. Set "
            "KERAS_BACKEND to tensorflow or torch, or use sl.repair.Counterexamples.",
            slug="repair-closed",
        )
    kept: dict[str, Any] = {}

    def step(made: CheckedModel, images: Any, labels: Any) -> float:
        ask: Any = made.backend
        given = ask.given(made.apply_preprocess(images))
        if "step" not in kept:
            where = _mask_as_input(made, images, given, mask)
            kept["step"] = steps[backend](ask.model, where, weight, squashed)
        return float(kept["step"](given, labels))

    return step


def _mask_as_input(made: CheckedModel, images: Any, given: Any, mask: Any) -> Shaped[np.ndarray, "..."]:
    """The mask in the axes of what the model is given, as zeros and ones."""
    from sightline.repair.right_reasons import resize_mask

    ask: Any = made.backend
    prepared = np.asarray(made.apply_preprocess(images[:1]))
    channels = prepared.shape[3] if prepared.ndim == 4 else 1
    where = resize_mask(mask, prepared.shape[1:3])
    image = np.repeat(where[None, ..., None], channels, axis=3).astype(prepared.dtype)
    return np.asarray(ask.given(image), dtype=given.dtype)


def _tensorflow_penalty_step(network: Any, where: Any, weight: float, squashed: bool) -> Any:
    tf = importlib.import_module("tensorflow")
    first = tf.Variable(0.0, trainable=False)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(given: Any, labels: Any) -> Any:
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(given)
                logs = _keras_log_probabilities(
                    single_output(network, network(pack_inputs(network, given), training=True)), squashed
                )
                total = tf.reduce_sum(logs)
            slope = inner.gradient(total, given)
            added = tf.reduce_sum((slope * where) ** 2) / tf.cast(tf.shape(given)[0], slope.dtype)
            first.assign(tf.where(first > 0, first, tf.maximum(added, 1e-12)))
            right = tf.gather(logs, labels, axis=1, batch_dims=1)
            loss = -tf.reduce_mean(right) + weight * added / tf.stop_gradient(first)
        weights = network.trainable_variables
        slopes = outer.gradient(loss, [one.value for one in weights])
        network.optimizer.apply(
            [_gradient_or_zero(a, b.value, tf) for a, b in zip(slopes, weights, strict=True)], weights
        )
        return loss

    return lambda given, labels: step(tf.convert_to_tensor(given), tf.convert_to_tensor(labels))


def _gradient_or_zero(slope: Any, value: Any, tf: Any) -> Any:
    return tf.zeros_like(value) if slope is None else slope


def _torch_penalty_step(network: Any, where: Any, weight: float, squashed: bool) -> Any:
    torch = require("torch", extra="torch")
    kept: dict[str, float] = {}

    def step(given: Any, labels: Any) -> float:
        network.zero_grad()
        keras = require("keras", extra="keras")
        inputs = keras.ops.convert_to_tensor(given).requires_grad_()
        logs = _keras_log_probabilities(
            single_output(network, network(pack_inputs(network, inputs), training=True)), squashed
        )
        (slope,) = torch.autograd.grad(logs.sum(), inputs, create_graph=True)
        added = ((slope * torch.as_tensor(where).to(slope)) ** 2).sum() / len(inputs)
        kept.setdefault("first", max(float(added.detach()), 1e-12))
        right = logs[torch.arange(len(labels)), torch.as_tensor(labels)]
        loss = -right.mean() + weight * added / kept["first"]
        loss.backward()
        weights = network.trainable_weights
        slopes = [
            torch.zeros_like(one.value) if one.value.grad is None else one.value.grad for one in weights
        ]
        with torch.no_grad():
            network.optimizer.apply(slopes, weights)
        return float(loss.detach())

    return step


def _keras_log_probabilities(outputs: Any, squashed: bool) -> Any:
    """Log-probabilities (B, L) of logits or probabilities; a single column is class 1."""
    ops = require("keras", extra="keras").ops
    if squashed:
        both = ops.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs
        return ops.log(ops.maximum(both, MIN_PROBABILITY))
    if outputs.shape[1] == 1:
        return ops.concatenate([ops.log_sigmoid(-outputs), ops.log_sigmoid(outputs)], axis=1)
    return ops.log_softmax(outputs, axis=1)


def _validation_loss(made: CheckedModel, source: Dataset, size: int) -> float:
    """Mean cross-entropy of a source's images, in inference mode."""
    total = 0.0
    for start in range(0, len(source), size):
        places = range(start, min(start + size, len(source)))
        scores = made(stack_images(source, places))
        labels = source.labels[list(places)]
        total -= float(np.log(np.maximum(scores[np.arange(len(labels)), labels], MIN_PROBABILITY)).sum())
    return total / len(source)


def _seed_layers(network: Any, seed: int) -> None:
    """Layers that draw at random while training, such as dropout, draw by the seed."""
    for number, layer in enumerate(network._flatten_layers()):
        state = getattr(getattr(layer, "seed_generator", None), "state", None)
        if state is not None:
            state.assign(np.array([seed, number], dtype="uint32"))


def _copy_weights(network: Any) -> list[Any]:
    # Keras' own way has NumPy ask TensorFlow's tensors, which warns.
    return [np.array(in_numpy(one.value)) for one in network.weights]


def _assign_weights(network: Any, weights: list[Any]) -> None:
    for one, value in zip(network.weights, weights, strict=True):
        one.assign(value)
