"""What models tell of the images that they take."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sightline.adapters import as_model
from sightline.adapters.inputs import image_lengths_of


@pytest.mark.parametrize(
    ("shape", "lengths"),
    [
        ((None, 3, 32, 48), (32, 48, 3)),
        ((None, 32, 48, 3), (32, 48, 3)),
        ((1, 1, None, None), (None, None, 1)),
        ((None, 28, 28), (28, 28, 1)),
        ((None, 784), (28, 28, 1)),
        ((None, 3072), (32, 32, 3)),
        ((None, None), None),
        ((None,), None),
        (None, None),
    ],
)
def test_lengths_are_those_of_the_image_whatever_the_order_of_axes(shape, lengths):
    assert image_lengths_of(shape) == lengths


def test_an_estimator_tells_the_square_image_that_it_was_fitted_on():
    estimator = LogisticRegression().fit(np.eye(64), np.arange(64) % 2)
    assert as_model(estimator).backend.image_lengths == (8, 8, 1)


def test_a_keras_model_tells_its_input():
    keras = pytest.importorskip("keras")
    net = keras.Sequential([keras.Input((12, 10, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    assert as_model(net).backend.image_lengths == (12, 10, 3)


def test_a_function_tells_nothing():
    assert as_model(lambda images: images[:, 0, :2]).backend.image_lengths is None
