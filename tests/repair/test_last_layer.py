"""Last layers fitted on features of images in which the region tells nothing."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sightline.errors import ModelError, OptionError
from sightline.repair import LastLayer
from sightline.repair.last_layer import fit_linear_head
from support.marked import CORNER, TRAIN


@pytest.mark.parametrize("present", [[0, 1], [0, 1, 2], [0, 2]])
def test_a_head_answers_like_the_logistic_regression_of_standardised_features(present):
    rng = np.random.default_rng(0)
    labels = np.array(present)[np.arange(90) % len(present)]
    features = rng.normal(labels[:, None], 1.0, (90, 4)) * [1, 10, 0.1, 1] + 5
    weights, offsets = fit_linear_head(features, labels, 0.1, 3)
    scores = features @ weights + offsets
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    slow = LogisticRegression(C=0.1, class_weight="balanced", max_iter=500).fit(scaled, labels)
    assert np.array_equal(scores.argmax(axis=1), slow.predict(scaled))
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    assert np.allclose(likely[:, present], slow.predict_proba(scaled), atol=1e-6)


def test_a_model_without_a_last_layer_is_refused():
    with pytest.raises(ModelError, match="has no last layer to refit alone") as caught:
        LastLayer(region=CORNER)(lambda images: images.mean(axis=(1, 2, 3)), TRAIN)
    assert caught.value.slug == "repair-last"


@pytest.mark.parametrize(
    ("options", "said"),
    [({"copies": 0}, "copies must be"), ({"strength": 0}, "strength must be a number above 0")],
)
def test_options_that_cannot_be_are_refused_at_once(options, said):
    with pytest.raises(OptionError, match=said):
        LastLayer(region=CORNER, **options)
