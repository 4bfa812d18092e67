"""Small Keras models for the tests of what is asked of them and of what is looked at inside."""

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

from support.contract import Case
from support.linear import fitted

BACKEND = keras.backend.backend()
L = keras.layers


def shaken(model: Any, seed: int = 0) -> Any:
    """The model with every weight drawn at random, as if it were trained; variances stay positive."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        shape = tuple(weight.shape)
        kernel = len(shape) > 1
        spread = 1 / np.sqrt(np.prod(shape[:-1]))
        weight.assign(rng.normal(0, spread, shape) if kernel else rng.uniform(0.2, 0.8, shape))
    return model


def cnn(classes: int = 4, *, activation: str | None = None, channels: int = 3, dtype: Any = None) -> Any:
    """Two smooth convolutions, batch normalisation, dropout, global pooling, one fully connected layer."""
    return shaken(
        keras.Sequential(
            [
                keras.Input((12, 10, channels)),
                L.Conv2D(6, 3, padding="same", activation="tanh", name="one", dtype=dtype),
                L.BatchNormalization(name="norm", dtype=dtype),
                L.AveragePooling2D(2, name="pool", dtype=dtype),
                L.Conv2D(8, 3, activation="tanh", name="two", dtype=dtype),
                L.GlobalAveragePooling2D(name="gap", dtype=dtype),
                L.Dropout(0.5, name="drop", dtype=dtype),
                L.Dense(classes, activation=activation, name="head", dtype=dtype),
            ]
        )
    )


def branched(activation: str = "softmax") -> Any:
    """Two branches that are added; the softmax is a layer of its own."""
    given = keras.Input((12, 10, 3))
    left = L.Conv2D(4, 3, padding="same", activation="tanh", name="left")(given)
    right = L.SeparableConv2D(4, 3, padding="same", activation="tanh", name="right")(given)
    both = L.Add(name="both")([left, right]) * 0.5
    scores = L.Dense(3, name="scores")(L.GlobalAveragePooling2D(name="gap")(both))
    return shaken(keras.Model(given, L.Activation(activation, name="end")(scores)), 1)


def base(name: str = "base") -> Any:
    """A network without a head, as pretrained ones come."""
    given = keras.Input((12, 10, 3))
    first = L.Conv2D(4, 3, activation="tanh", name="conv1")(given)
    return keras.Model(given, L.Conv2D(5, 3, activation="tanh", name="conv2")(first), name=name)


def nested(classes: int = 1, activation: str = "sigmoid") -> Any:
    """A network within a network, followed by a head."""
    head = [L.GlobalAveragePooling2D(name="gap"), L.Dense(classes, activation=activation, name="head")]
    return shaken(keras.Sequential([keras.Input((12, 10, 3)), base(), *head]), 2)


def twice() -> Any:
    """One convolution that is called two times."""
    given = keras.Input((12, 10, 3))
    shared = L.Conv2D(3, 3, padding="same", activation="tanh", name="shared")
    pooled = L.GlobalAveragePooling2D(name="gap")(shared(shared(given)))
    return shaken(keras.Model(given, L.Dense(2, name="head")(pooled)), 3)


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """A model whose layers are called by Python code."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.conv = L.Conv2D(5, 3, activation="tanh")
        self.pool = L.GlobalAveragePooling2D()
        self.drop = L.Dropout(0.5)
        self.head = L.Dense(3)

    def call(self, images: Any, training: Any = None) -> Any:
        return self.head(self.drop(self.pool(self.conv(images)), training=training))


def subclassed() -> Any:
    """A subclassed model that was called once."""
    model = Subclassed()
    model(np.zeros((2, 12, 10, 3), np.float32))
    return shaken(model, 4)


def keras_case(shape: tuple[int, ...], *, method: bool = False) -> Case:
    """A linear model with a dropout that would show if it were asked in training mode."""
    truth = fitted(shape)[1]
    layers = [L.Flatten(), L.Dropout(0.5), L.Dense(len(truth.weights), activation="softmax", name="linear")]
    model = keras.Sequential([keras.Input((*shape, 1) if len(shape) == 2 else shape), *layers])
    model.get_layer("linear").set_weights([truth.weights.T, truth.offsets])
    return Case(model.predict if method else model, truth, shape, tolerance=1e-4)
