"""What chance can do, held against full enumeration."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from sightline.errors import ModelError
from sightline.findings.significance import bootstrap_ci, holm_adjusted, odds_ratio, sign_flip_test


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


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_known_are_refused_and_not_tested(rng, unknown):
    values = np.array([0.1, unknown, 0.2])
    for groups in (np.arange(3), np.zeros(3)):
        with pytest.raises(ModelError, match=r"1 of 3 values are NaN or infinite.*\[test-values\]"):
            sign_flip_test(values, groups, rng)
    for drawn in (np.arange(3), None):
        with pytest.raises(ModelError, match="1 of 3 values"):
            bootstrap_ci(values, drawn, rng)


def test_of_no_value_nothing_is_said(rng):
    nothing = np.zeros(0)
    assert sign_flip_test(nothing, nothing, rng) == 1
    assert np.isnan(bootstrap_ci(nothing, nothing, rng)).all()
    assert np.isnan(bootstrap_ci(nothing, None, rng)).all()


@pytest.mark.slow
def test_many_groups_take_little_memory_and_the_normal_answer(rng):
    values = rng.normal(size=200_000) + 0.004
    sign_flip_test(values[:20], np.arange(20), rng)  # which loads what is loaded once
    tracemalloc.start()
    p = sign_flip_test(values, np.arange(200_000), rng)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    assert p == pytest.approx(norm.sf(values.sum() / np.sqrt((values**2).sum())), abs=0.012)
    low, high = bootstrap_ci(values[:20_000], np.arange(20_000), rng)
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(20_000), rel=0.05)


def test_a_wider_interval_holds_the_mean_more_often(rng):
    values = rng.normal(size=30)
    wide, usual = (bootstrap_ci(values, np.arange(30), np.random.default_rng(1), one) for one in (0.99, 0.95))
    assert wide[0] < usual[0] < usual[1] < wide[1]


def test_the_odds_ratio_is_that_of_the_table_with_the_interval_of_its_logarithm():
    """Woolf's interval with half a case more in each cell, worked out by hand for 30 of 40 and 20 of 60."""
    inside, outside = np.repeat([True, False], [30, 10]), np.repeat([True, False], [20, 40])
    ratio = 30.5 * 40.5 / (10.5 * 20.5)
    error = np.sqrt(1 / 30.5 + 1 / 10.5 + 1 / 20.5 + 1 / 40.5)
    assert odds_ratio(inside, outside) == pytest.approx(
        (ratio * np.exp(-1.96 * error), ratio * np.exp(1.96 * error))
    )
    assert odds_ratio(outside, inside) == pytest.approx(
        (np.exp(-1.96 * error) / ratio, np.exp(1.96 * error) / ratio)
    )
