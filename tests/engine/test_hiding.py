"""Hiding that does not hide is said, and the fill that would is named."""

import warnings

import numpy as np
import pytest

import sightline as sl
from sightline.engine.hiding import hides_little, score_span
from sightline.errors import SightlineWarning

FLAT = np.full((16, 16), 0.8)
FLAT[4:12, 4:12] = 0.9


def bright(images: np.ndarray) -> np.ndarray:
    """Sure of any bright image: a blurred one is as bright."""
    p = 1 / (1 + np.exp(-40 * (images.mean(axis=(1, 2)) - 0.4)))
    return np.stack([p, 1 - p], axis=1)


def test_the_fill_that_changes_the_score_is_named_within_the_budget():
    counted = []

    def model(images: np.ndarray) -> np.ndarray:
        counted.append(len(images))
        return bright(images)

    with pytest.warns(SightlineWarning) as caught:
        made = sl.explain(FLAT, model, segment="grid", fill="blur", budget=200)
    assert len(caught) == 1
    assert 'Try fill="colour:value=0"' in str(caught[0].message)
    assert sum(counted) <= 200
    assert made.attribution.calls == sum(counted)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sl.explain(FLAT, model, segment="grid", fill="colour:value=0", budget=200)


@pytest.mark.parametrize(
    ("full", "empty", "values", "little"),
    [
        (1.0, 0.998, [0.0002, -0.0002], True),
        (1.0, 0.02, [0.001] * 8, False),  # many small ones
        (1.0, 0.99, [0.4, -0.4], False),  # they cancel
        (0.6, 0.6, [0.0, 0.0], False),  # not sure: it may just be so
        (0.02, 0.01, [0.004, 0.003], False),
    ],
)
def test_little_is_little_beside_the_score(full, empty, values, little):
    classes = np.array([0.98, 0.01, 0.01])
    assert hides_little(full, empty, np.array(values), classes) == little


def test_what_is_large_is_large_beside_the_score_or_what_tells_classes_apart():
    assert score_span(0.249, 0.248, np.full(4, 0.25)) == 0
    assert score_span(9.0, 8.0, np.array([9.0, np.nan])) == 0
    assert score_span(9.0, 8.0, np.array([9.0, -2.0])) == 11
    assert score_span(12.0, 8.0, np.array([1.0, 0.0]), "log-odds") == 12
    assert not hides_little(9.0, 9.0, np.zeros(2), np.array([9.0, -2.0]))  # raw scores are never sure
    assert hides_little(9.0, 8.9, np.zeros(2), np.array([1.0, 0.0]), "log-odds")
