"""Samplers: distinct masks, promises about larger budgets, balance, weights, and any number of segments."""

import math
import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.engine.sampling import Balanced, Bernoulli, Exhaustive, FoldOver, LeaveOneOut
from sightline.errors import BudgetError, OptionError
from sightline.types import Masks, Sampler

PAIRED: list[Sampler] = [FoldOver(), Balanced()]
DRAWN: list[Sampler] = [*PAIRED, Bernoulli(), Bernoulli(p=0.2)]
EVERY: list[Sampler] = [*DRAWN, LeaveOneOut()]


def drawn(sampler: Sampler, segments: int, rows: int, seed: int = 0) -> Masks:
    masks = sampler(segments, rows, np.random.default_rng(seed))
    assert masks.keep.dtype == bool
    assert masks.keep.shape == (len(masks.keep), segments)
    assert masks.weight.shape == (len(masks.keep),)
    assert np.isfinite(masks.weight).all()
    assert (masks.weight > 0).all()
    return masks


def repeated(keep: np.ndarray) -> int:
    return len(keep) - len({row.tobytes() for row in keep})


@pytest.mark.parametrize("sampler", EVERY, ids=repr)
@pytest.mark.parametrize("segments", [1, 2, 3, 200, 1000])
def test_any_number_of_segments_works_and_is_fast(sampler: Sampler, segments: int) -> None:
    start = time.process_time()
    for rows in (1000, 1001):
        masks = drawn(sampler, segments, rows)
        assert len(masks.keep) <= rows
        assert len(masks.keep) >= min(2**segments - 2, 1000) or sampler == LeaveOneOut()
    assert time.process_time() - start < 5


@pytest.mark.slow
@given(st.sampled_from(DRAWN), st.integers(1, 40), st.integers(0, 200), st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_never_more_rows_than_asked_and_pairs_never_twice(
    sampler: Sampler, segments: int, rows: int, seed: int
) -> None:
    masks = drawn(sampler, segments, rows, seed)
    assert len(masks.keep) <= rows
    if sampler in PAIRED:
        assert repeated(masks.keep) == 0
        np.testing.assert_array_equal(masks.keep[1::2], ~masks.keep[::2])


@pytest.mark.parametrize("sampler", PAIRED, ids=repr)
@pytest.mark.parametrize("segments", range(2, 11))
def test_a_budget_for_all_masks_brings_all_of_them(sampler: Sampler, segments: int) -> None:
    # Balanced leaves out the two that are asked anyway: everything visible, nothing visible.
    every = 2**segments - (2 if sampler == Balanced() else 0)
    for seed in range(3):
        for rows in (2**segments, 2**segments + 1, 3 * 2**segments):
            keep = drawn(sampler, segments, rows, seed).keep
            assert len(keep) == every
            assert repeated(keep) == 0


@pytest.mark.parametrize("sampler", EVERY, ids=repr)
@pytest.mark.parametrize("segments", [1, 2, 5, 8, 14, 33, 200])
def test_a_smaller_budget_asks_the_first_masks_of_a_larger_one(sampler: Sampler, segments: int) -> None:
    for seed in (0, 7):
        longest = drawn(sampler, segments, 700, seed).keep
        for rows in (segments + segments % 2, 256, 300, 512, 698):
            if rows >= segments:
                shorter = drawn(sampler, segments, rows, seed).keep
                np.testing.assert_array_equal(shorter, longest[: len(shorter)])
                assert len(shorter) == min(rows, len(longest))


@pytest.mark.parametrize("sampler", DRAWN, ids=repr)
def test_the_generator_decides_the_masks(sampler: Sampler) -> None:
    one, again, other = (drawn(sampler, 14, 60, seed).keep for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


@pytest.mark.parametrize("sampler", [FoldOver(), Bernoulli()], ids=repr)
def test_over_seeds_every_segment_and_pair_is_visible_by_chance(sampler: Sampler) -> None:
    keep = np.array([drawn(sampler, 9, 6, seed).keep for seed in range(2000)])
    np.testing.assert_allclose(keep.mean(axis=0), 0.5, atol=0.06)
    together = (keep[..., 2] & keep[..., 5]).mean(axis=0)
    np.testing.assert_allclose(together, 0.25, atol=0.05)


def test_fold_over_shows_every_segment_in_half_of_a_whole_design() -> None:
    keep = drawn(FoldOver(), 14, 512).keep.astype(float) * 2 - 1
    assert len(keep) == 512
    np.testing.assert_array_equal(keep.sum(axis=0), np.zeros(14))
    np.testing.assert_array_equal(keep.T @ keep, 512 * np.eye(14))


def test_exhaustive_is_every_mask_once_in_binary_order() -> None:
    masks = drawn(Exhaustive(), 4, 16)
    assert {tuple(row) for row in masks.keep.tolist()} == set(product([False, True], repeat=4))
    assert (masks.keep @ (1 << np.arange(4))).tolist() == list(range(16))
    assert masks.weight.tolist() == [1.0] * 16
    assert masks.exhaustive
    assert not drawn(LeaveOneOut(), 4, 16).exhaustive


def sizes_drawn(keep: np.ndarray) -> list[int]:
    """How many masks show 1, 2, … S−1 segments."""
    return np.bincount(keep.sum(axis=1), minlength=keep.shape[1] + 1)[1:-1].tolist()


@pytest.mark.parametrize(
    ("segments", "rows", "each"), [(9, 72, 9), (40, 780, 20), (41, 800, 20), (200, 398, 2)]
)
def test_balanced_draws_every_size_equally_often(segments: int, rows: int, each: int) -> None:
    for seed in range(3):
        keep = drawn(Balanced(), segments, rows, seed).keep
        assert sizes_drawn(keep) == [each] * (segments - 1)


@pytest.mark.parametrize("rows", [10, 50, 123, 333, 501])
def test_balanced_sizes_never_differ_by_more_than_a_turn(rows: int) -> None:
    counts = sizes_drawn(drawn(Balanced(), 30, rows).keep)
    # The middle size is its own complement, so it moves by two at a time.
    assert max(counts) - min(counts) <= 2


@pytest.mark.parametrize("segments", [6, 7, 10])
def test_balanced_leaves_out_a_size_that_has_no_new_mask(segments: int) -> None:
    most = [math.comb(segments, size) for size in range(1, segments)]
    for rows in range(2, sum(most) + 1, 6 if segments < 10 else 62):
        counts = sizes_drawn(drawn(Balanced(), segments, rows, seed=rows).keep)
        # One that is left out has every mask it could have; the others go on in turn.
        going = [count for count, all_of_it in zip(counts, most, strict=True) if count < all_of_it]
        assert all(count <= all_of_it for count, all_of_it in zip(counts, most, strict=True))
        assert not going or max(going) - min(going) <= 2
        assert not going or max(counts) <= max(going) + 1


def test_balanced_shows_every_segment_equally_often_in_each_size() -> None:
    keep = drawn(Balanced(), 60, 1500).keep
    size = keep.sum(axis=1)
    for one in range(1, 30):
        shown = keep[size == one].sum(axis=0)
        # A hand that was dealt before is put back, so a deck may run ahead by a card.
        assert np.ptp(shown) <= 2, one
    assert np.ptp(keep[size < 30].sum(axis=0)) <= 15
    np.testing.assert_array_equal(keep.sum(axis=0), np.full(60, len(keep) // 2))


def test_all_subsets_of_a_size_are_equally_likely_in_balanced() -> None:
    seen: dict[bytes, int] = {}
    for seed in range(1000):
        keep = drawn(Balanced(), 5, 8, seed).keep
        for row in keep[keep.sum(axis=1) == 2]:
            seen[row.tobytes()] = seen.get(row.tobytes(), 0) + 1
    assert len(seen) == math.comb(5, 2)
    expected = sum(seen.values()) / len(seen)
    assert max(abs(count - expected) for count in seen.values()) < 5 * math.sqrt(expected)


def test_weights_of_fold_over_are_all_masks_over_those_drawn() -> None:
    np.testing.assert_allclose(drawn(FoldOver(), 14, 100).weight, 2**14 / 100)
    np.testing.assert_allclose(drawn(FoldOver(), 5, 32).weight, 1.0)


@pytest.mark.parametrize("rows", [12, 72, 200, 510])
def test_weights_of_balanced_add_up_to_the_masks_of_each_size(rows: int) -> None:
    masks = drawn(Balanced(), 9, rows)
    size = masks.keep.sum(axis=1)
    for one in np.unique(size):
        of_size = masks.weight[size == one]
        assert np.ptp(of_size) == 0
        assert of_size.sum() == pytest.approx(math.comb(9, int(one)))


@pytest.mark.parametrize("p", [0.5, 0.2, 0.9])
def test_weights_of_bernoulli_are_one_over_the_chance(p: float) -> None:
    masks = drawn(Bernoulli(p=p), 6, 50)
    for row, weight in zip(masks.keep, masks.weight, strict=True):
        chance = math.prod(p if visible else 1 - p for visible in row)
        assert weight == pytest.approx(1 / (50 * chance))


def test_bernoulli_shows_as_many_as_its_p_says() -> None:
    for p in (0.1, 0.5, 0.8):
        keep = drawn(Bernoulli(p=p), 50, 4000).keep
        np.testing.assert_allclose(keep.mean(axis=0), p, atol=0.04)


@pytest.mark.parametrize("sampler", DRAWN, ids=repr)
def test_weights_stay_finite_and_keep_their_order_for_very_many_segments(sampler: Sampler) -> None:
    masks = drawn(sampler, 2500, 40)
    assert len(masks.keep) == 40
    if sampler == Bernoulli(p=0.2):
        # Each segment more that is visible makes a mask four times rarer.
        by_size = np.log(masks.weight) - masks.keep.sum(axis=1) * math.log(4)
        np.testing.assert_allclose(by_size, by_size[0])


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("sampler", PAIRED, ids=repr)
def test_a_budget_without_a_pair_brings_nothing(sampler: Sampler, rows: int) -> None:
    assert drawn(sampler, 8, rows).keep.shape == (0, 8)


def test_leave_one_out_hides_each_segment_alone() -> None:
    masks = drawn(LeaveOneOut(), 5, 99)
    np.testing.assert_array_equal(masks.keep, ~np.eye(5, dtype=bool))
    assert masks.weight.tolist() == [1.0] * 5


def test_leave_one_out_says_what_it_needs() -> None:
    with pytest.raises(BudgetError) as caught:
        drawn(LeaveOneOut(), 12, 11)
    assert str(caught.value) == (
        "hiding each of 12 segments alone takes 12 model calls and the two ends, but the budget leaves 11. "
        "Raise it, or ask for fewer segments. [budget-small]"
    )


@pytest.mark.parametrize(("segments", "rows"), [(4, 15), (25, 2**30), (2000, 10)])
def test_exhaustive_says_how_many_masks_there_are(segments: int, rows: int) -> None:
    expected = rf"all masks of {segments} segments are 2\^{segments}, more than the {rows} asked for"
    with pytest.raises(BudgetError, match=expected) as caught:
        drawn(Exhaustive(), segments, rows)
    assert caught.value.slug == "budget-small"


@pytest.mark.parametrize("p", [0, 1, -0.2, 1.5, math.nan])
def test_a_chance_outside_0_and_1_is_refused(p: float) -> None:
    with pytest.raises(OptionError, match=r"p of Bernoulli must be a (number above 0|finite)"):
        Bernoulli(p=p)
