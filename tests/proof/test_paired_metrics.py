"""Measures before and after: against their definitions, and intervals that hold what they say."""

import itertools
import math

import numpy as np
import pytest

from sightline.findings.significance import bootstrap_ci, holm_adjusted
from sightline.proof.paired_metrics import (
    blamed_errors,
    mcnemar_test,
    paired_metric,
    recall_factor,
    worst_group,
)


def slowly(corrected, broken):
    """Share of all ways to toss a coin for each discordant image that are as uneven, or more."""
    count = corrected + broken
    tosses = [sum(one) for one in itertools.product((0, 1), repeat=count)]
    uneven = [abs(heads - count / 2) >= abs(corrected - count / 2) for heads in tosses]
    return sum(uneven) / len(uneven)


@pytest.mark.parametrize(("corrected", "broken"), [(0, 0), (1, 0), (3, 3), (6, 0), (7, 2), (1, 9)])
def test_mcnemar_is_the_share_of_coin_tosses_as_uneven(corrected, broken):
    before = np.array([False] * corrected + [True] * broken + [True, False] * 5)
    after = np.array([True] * corrected + [False] * broken + [True, False] * 5)
    assert mcnemar_test(before, after) == pytest.approx(slowly(corrected, broken))


def test_blamed_is_what_its_words_say_image_by_image():
    rng = np.random.default_rng(0)
    full, there, labels = rng.integers(0, 3, (3, 50))
    elsewhere = rng.integers(0, 3, (50, 4))
    for place, found in enumerate(blamed_errors(full, there, elsewhere, labels)):
        if full[place] == labels[place]:
            assert found == 0
        else:
            away = sum(one == labels[place] for one in elsewhere[place]) / 4
            assert found == pytest.approx(int(there[place] == labels[place]) - away)


def test_a_resampled_interval_is_that_of_images_drawn_one_by_one():
    values = np.random.default_rng(1).choice([-1.0, -0.25, 0.0, 1.0], 80)
    ours = bootstrap_ci(values, None, np.random.default_rng(2))
    theirs = bootstrap_ci(values, np.arange(80), np.random.default_rng(3))
    assert ours == pytest.approx(theirs, abs=0.02)


@pytest.mark.slow
def test_an_interval_of_the_change_holds_the_true_change_about_as_often_as_it_says():
    held = 0
    for run in range(300):
        rng = np.random.default_rng(run)
        before = rng.random(200) < 0.7
        after = np.where(rng.random(200) < 0.8, before, rng.random(200) < 0.9)
        one = paired_metric("accuracy", "accuracy", before, after, rng)
        held += one.low <= 0.2 * (0.9 - 0.7) <= one.high
    assert 0.91 <= held / 300 <= 0.985


def test_a_pair_of_no_images_is_not_a_number():
    one = paired_metric(
        "recall", "recall of a", np.zeros(0, bool), np.zeros(0, bool), np.random.default_rng(0)
    )
    assert one.count == 0
    assert math.isnan(one.before)
    assert math.isnan(one.change)


def test_the_worst_group_is_the_least_accurate_of_those_with_five_images():
    labels = np.repeat([0, 1, 2], [20, 20, 4])
    before = np.concatenate([np.arange(20) < 5, np.arange(20) < 10, np.zeros(4, bool)])
    after = np.concatenate([np.arange(20) < 18, np.arange(20) < 10, np.zeros(4, bool)])
    groups = [(f"class {one}", labels == one) for one in range(3)]
    one = worst_group(before, after, groups, np.random.default_rng(0))
    assert one.name == "worst group (class 0; then class 1)"
    assert (one.before, one.after, one.count) == (0.25, 0.5, 40)
    assert one.low < 0.25 < one.high
    assert worst_group(before[:4], after[:4], [("a", labels[:4] == 0)], np.random.default_rng(0)) is None


@pytest.mark.slow
def test_intervals_of_accuracy_and_recalls_leave_out_0_just_where_their_test_is_sure(rng):
    for level in (0.05, 0.01):
        for _ in range(60):
            before = rng.random(40) < 0.6
            after = np.where(rng.random(40) < rng.uniform(0.1, 0.4), rng.random(40) < 0.8, before)
            for factor in (1.0, 4.0):
                p = mcnemar_test(before, after)
                made = paired_metric("recall", "r", before, after, rng, level=level, factor=factor)
                assert made.low <= made.change <= made.high
                assert (made.low > 0 or made.high < 0) == (p * factor <= level)


def test_the_factor_is_what_holm_s_method_made_of_it():
    p = [0.01, 0.2, 1.0]
    before = np.zeros(8, dtype=bool)
    after = np.arange(8) < 6  # six of six changed: p = 0.03125
    assert recall_factor(holm_adjusted([0.03125, *p])[0], before, after) == pytest.approx(3)


def test_of_two_images_no_interval_is_told(rng):
    one, other = np.array([False, False]), np.array([True, True])
    made = paired_metric("recall", "recall of a", one, other, rng, p=1.0, factor=1.0)
    assert (made.before, made.after, made.count) == (0, 1, 2)
    assert np.isnan([made.low, made.high]).all()
    few = paired_metric("region", "errors", np.zeros(9), np.ones(9), rng)
    assert np.isnan(few.low)
    assert np.isfinite(paired_metric("region", "errors", np.zeros(10), np.ones(10), rng).low)
