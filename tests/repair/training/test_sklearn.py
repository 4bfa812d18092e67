"""Estimators of scikit-learn, and the last layers of perceptrons."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sightline import as_model
from sightline.repair import LastLayer
from sightline.repair.region_swap import RegionSwapped, SwapRegion
from sightline.repair.repair_region import resolve_region
from sightline.repair.training.sklearn import ACTIVATIONS, SklearnTrainer
from sightline.repair.training_data import split_training_data, stack_images
from support.marked import CORNER, IMAGES, LABELS, TRAIN


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("steps", [False, True])
def test_a_perceptron_s_last_layer_is_refitted_alone(activation, steps):
    network = MLPClassifier(
        (16,), activation=activation, solver="lbfgs", max_iter=5000, random_state=0, alpha=1
    )
    flat = FunctionTransformer(lambda images: np.asarray(images).reshape(len(images), -1))
    model = (
        make_pipeline(flat, network).fit(IMAGES, LABELS)
        if steps
        else network.fit(IMAGES.reshape(240, -1), LABELS)
    )
    made = as_model(model)
    part = split_training_data(made, TRAIN).train
    seen = SklearnTrainer(made).head_features(part)
    scores = seen @ network.coefs_[-1] + network.intercepts_[-1]
    assert np.allclose(
        1 / (1 + np.exp(-scores[:, 0])), made(stack_images(part, range(len(part))))[:, 1], atol=1e-6
    )
    result = LastLayer(region=CORNER)(model, TRAIN)
    new = result.raw[-1] if steps else result.raw
    assert np.array_equal(new.coefs_[0], network.coefs_[0])
    assert not np.array_equal(new.coefs_[1], network.coefs_[1])
    check = RegionSwapped(part, resolve_region(CORNER), SwapRegion(donors="other_class"))
    batch = stack_images(check, range(len(check)))
    right = [(one(batch).argmax(axis=1) == part.labels).mean() for one in (made, result.model)]
    assert right[1] > right[0]
