"""What chance can do, held against full enumeration, and halves that share nothing."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from sightline.findings.region_occlusion import control_areas
from sightline.findings.resampling import bootstrap_ci, holm_adjusted, sign_flip_test
from sightline.findings.sample_split import split_answers


def test_flips_agree_with_all_flips_there_are(rng):
    for shift in (0.0, 0.3, 0.8):
        values = rng.normal(size=10) + shift
        sums = [np.dot(signs, values) for signs in itertools.product((-1, 1), repeat=10)]
        exact = np.mean(np.array(sums) >= values.sum() - 1e-9)
        assert sign_flip_test(values, np.arange(10), rng) == pytest.approx(exact, abs=0.02)


def test_flips_of_groups_are_flips_of_their_sums(rng):
    values, groups = rng.normal(size=24) + 0.3, np.repeat(np.arange(8), 3)
    sums = values.reshape(8, 3).sum(axis=1)
    whole = sign_flip_test(values, groups, np.random.default_rng(1))
    assert whole == sign_flip_test(sums, np.arange(8), np.random.default_rng(1))


def test_flips_are_even_where_there_is_nothing(rng):
    ps = np.array([sign_flip_test(rng.normal(size=15), np.arange(15), rng) for _ in range(400)])
    assert (ps > 0).all()
    for level in (0.05, 0.2, 0.5):
        spread = np.sqrt(level * (1 - level) / 400)
        assert abs((ps <= level).mean() - level) < 3.5 * spread


def test_flips_of_nothing_but_zeros_find_nothing(rng):
    assert sign_flip_test(np.zeros(12), np.arange(12), rng) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_definition(ps):
    order = sorted(range(len(ps)), key=lambda one: ps[one])
    for rank, one in enumerate(order):
        before = [(len(ps) - step) * ps[order[step]] for step in range(rank + 1)]
        assert holm_adjusted(ps)[one] == pytest.approx(min(1, max(before)))


@pytest.mark.slow
def test_the_interval_holds_the_mean_as_often_as_it_says(rng):
    holds = []
    for _ in range(200):
        low, high = bootstrap_ci(rng.exponential(size=40), np.arange(40), rng)
        holds.append(low < 1 < high)
    assert 0.87 < np.mean(holds) < 0.99


def test_the_interval_of_groups_is_as_wide_as_that_of_their_means(rng):
    means = rng.normal(size=30)
    low, high = bootstrap_ci(np.repeat(means, 5), np.repeat(np.arange(30), 5), np.random.default_rng(1))
    assert (low, high) == pytest.approx(bootstrap_ci(means, np.arange(30), np.random.default_rng(1)))


class Answers:
    def __init__(self, labels, predicted):
        self.places = np.arange(len(labels)) * 3
        self.labels, self.predicted = np.asarray(labels), np.asarray(predicted)


def test_halves_have_as_many_errors_and_share_no_group(rng):
    labels = rng.integers(0, 5, 400)
    predicted = np.where(rng.random(400) < 0.2, (labels + 1) % 5, labels)
    alone = split_answers(Answers(labels, predicted), None, rng)
    first = (alone.wrong & alone.chooses).sum()
    assert abs(2 * first - alone.n_errors) <= 1
    assert abs(2 * alone.chooses.sum() - 400) <= 2
    groups = rng.integers(0, 60, 400)
    parted = split_answers(Answers(labels, predicted), groups, rng)
    assert not set(groups[parted.chooses]) & set(groups[~parted.chooses])
    assert abs(2 * (parted.wrong & parted.chooses).sum() - parted.n_errors) <= 20
    asked = parted.draw_confirming(10, 100, rng)
    at = np.searchsorted(parted.places, sorted(asked))
    assert not parted.chooses[at].any()
    assert (parted.wrong[at].sum(), (~parted.wrong[at]).sum()) == (10, 10)


masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


@given(masks)
def test_elsewhere_is_as_large_within_the_image_and_apart(mask):
    spots = control_areas(mask, 3, np.random.default_rng(0))
    assert len(spots) == 3
    for spot in spots:
        assert not (spot & mask).any()
        assert spot.sum() == min(mask.sum(), (~mask).sum())


def test_elsewhere_is_the_regions_own_shape_where_that_fits(rng):
    mask = np.zeros((20, 20), dtype=bool)
    mask[2:5, 3:9] = mask[4:8, 3:5] = True
    places = set()
    for spot in control_areas(mask, 30, rng):
        box = ndimage.find_objects(spot.astype(int))[0]
        assert (spot[box] == mask[2:8, 3:9]).all()
        places.add((box[0].start, box[1].start))
    assert len(places) > 20
