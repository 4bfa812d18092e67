"""What chance can do, held against full enumeration."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.findings.significance import bootstrap_ci, holm_adjusted, sign_flip_test


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


def test_flips_are_those_of_one_random_byte_a_group_many_at_a_time_or_few(rng):
    values = rng.normal(size=37) + 0.2
    bytes_ = np.random.default_rng(5).integers(0, 256, size=9999 * 40, dtype=np.uint8)
    signs = np.where(bytes_[: 9999 * 37].reshape(9999, 37) > 127, 1.0, -1.0)
    slow = (1 + (signs @ values >= values.sum() - 1e-9).sum()) / 10000
    assert sign_flip_test(values, np.arange(37), np.random.default_rng(5)) == pytest.approx(slow)
