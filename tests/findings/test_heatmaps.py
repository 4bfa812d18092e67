"""Heatmaps keep their sums at any size, and means that grow image by image are those of all at once."""

import numpy as np
import pytest
from scipy import stats

from sightline.engine.plan import Plan
from sightline.findings.heatmaps import (
    MeanHeatmap,
    RunningMean,
    image_that_shows,
    resize_keeping_sums,
    size_within,
)
from support.bright import bright
from support.studies import Memory


@pytest.mark.parametrize("shape", [(9, 9), (6, 12), (20, 5), (3, 3)])
def test_heat_keeps_its_sums_at_any_size(rng, shape):
    heat = rng.normal(size=(9, 9))
    made = resize_keeping_sums(heat, shape)
    assert made.shape == shape
    assert made.sum() == pytest.approx(heat.sum())
    assert np.clip(resize_keeping_sums(np.abs(heat), shape), 0, None).sum() == pytest.approx(
        np.abs(heat).sum()
    )


def test_a_running_mean_is_that_of_all_values_with_its_error(rng):
    values = rng.normal(5, 2, size=(7, 3, 4))
    running = RunningMean((3, 4))
    for one in values:
        running.add(one)
    np.testing.assert_allclose(running.mean, values.mean(axis=0))
    np.testing.assert_allclose(running.error, stats.sem(values, axis=0))
    assert running.count == 7


def test_of_a_single_value_the_error_is_not_known():
    running = RunningMean((2,))
    running.add(np.ones(2))
    assert np.isinf(running.error).all()


def test_an_image_that_cannot_be_read_is_left_out_of_the_mean_image():
    means = MeanHeatmap((2, 2))
    means.add(np.ones((2, 2)), None)
    assert means.image is None
    means.add(np.zeros((2, 2)), np.full((2, 2, 3), 0.5))
    np.testing.assert_allclose(means.maps.mean, 0.5)
    np.testing.assert_allclose(means.image, 0.5)


@pytest.mark.parametrize(
    ("shape", "expected"), [((100, 50), (100, 50)), ((512, 256, 3), (256, 128)), ((1, 1000), (1, 256))]
)
def test_a_size_is_reduced_until_no_side_is_too_long(shape, expected):
    assert size_within(shape, 256) == expected


def test_the_image_that_shows_most_of_what_is_looked_for_is_a_wrong_answer_if_there_is_one():
    images = np.full((4, 6, 6), 0.4)
    images[:, 3] += 0.1 * np.random.default_rng(0).random((4, 6))
    images[1, 0, 0], images[2, 5, 5] = 1.0, 1.0
    plan = Plan(segment="grid:rows=2,columns=2", fill="colour", budget=16)
    study = Memory(lambda batch: batch.mean(axis=(1, 2)) * 0.9, images, np.array([0, 0, 1, 0]), plan)
    assert study.predicted.tolist() == [0] * 4
    assert (image_that_shows(bright(), study) == images[2]).all()


def test_means_that_are_merged_are_those_of_all_values(rng):
    values = rng.normal(1e3, 1, size=(11, 6))
    running = RunningMean((6,))
    for part in (values[:0], values[:1], values[1:7], values[7:]):
        running.merge(RunningMean.of(part))
    np.testing.assert_allclose(running.mean, values.mean(axis=0))
    np.testing.assert_allclose(running.error, stats.sem(values, axis=0))
    labels = np.array([[0, 5, 5], [2, 1, 0]])
    pixels = RunningMean.of(values).spread(labels)
    np.testing.assert_allclose(pixels.mean, values[:, labels].mean(axis=0))
    np.testing.assert_allclose(pixels.error, stats.sem(values[:, labels], axis=0))


@pytest.mark.parametrize("value", [0.1, 0.97 - 0.1, 1 / 3, 1e-9])
@pytest.mark.parametrize("count", [3, 7, 97, 1000])
def test_values_that_are_all_alike_have_no_deviation(value, count):
    """Or a difference that rounding makes is told from chance."""
    made = RunningMean.of(np.full((count, 2), value))
    made.merge(RunningMean.of(np.full((count // 2, 2), value)))
    assert (made.mean == value).all()
    assert (made.error == 0).all()
