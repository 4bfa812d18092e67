"""Fold-over codes: distinct, nested, and as little aliased as a count over all sets says."""

import math
from itertools import combinations, product

import numpy as np
import pytest

from sightline.engine.factorial_design import (
    krawtchouk_polynomial,
    makes_distinct_masks,
    odd_parity,
    segment_codes,
    sum_counts,
)


def counted(code: np.ndarray, bits: int, size: int) -> np.ndarray:
    """The definition: every set of `size` segments, one at a time."""
    out = np.zeros(2**bits, dtype=np.int64)
    for chosen in combinations(code.tolist(), size):
        total = 0
        for word in chosen:
            total ^= word
        out[total] += 1
    return out


def least(segments: int) -> int:
    return max(1, math.ceil(math.log2(max(segments, 2))))


@pytest.mark.parametrize("segments", [1, 2, 3, 4, 7, 8, 9, 14, 16, 33, 60, 128, 200])
def test_codes_are_distinct_and_fit_their_bits(segments: int) -> None:
    for bits in range(least(segments), least(segments) + 4):
        code = segment_codes(segments, bits)
        assert code.shape == (segments,)
        assert len(np.unique(code)) == segments
        assert code.min() >= 0
        assert code.max() < 2**bits


@pytest.mark.parametrize("segments", [2, 5, 14, 21, 60, 128])
def test_lower_bits_are_the_codes_of_fewer_bits(segments: int) -> None:
    largest = least(segments) + 4
    longest = segment_codes(segments, largest)
    for bits in range(least(segments), largest):
        np.testing.assert_array_equal(longest & (2**bits - 1), segment_codes(segments, bits))


def test_codes_are_the_same_when_made_again() -> None:
    before = segment_codes(21, 8).copy()
    segment_codes.cache_clear()
    np.random.default_rng(99).random(5)
    np.testing.assert_array_equal(segment_codes(21, 8), before)


def test_a_code_is_not_changed_by_its_extension() -> None:
    before = segment_codes(14, 6).copy()
    segment_codes(14, 9)
    np.testing.assert_array_equal(segment_codes(14, 6), before)


def test_no_four_of_14_segments_vanish_at_8_bits() -> None:
    code = segment_codes(14, 8)
    assert counted(code, 8, 4)[0] == 0
    assert counted(code, 8, 2)[0] == 0
    # So every pair has a sum of its own.
    assert counted(code, 8, 2).max() == 1


def test_a_further_bit_never_makes_more_sums_of_four_vanish() -> None:
    for segments in (8, 14, 21):
        vanishing = [
            counted(segment_codes(segments, bits), bits, 4)[0] for bits in range(least(segments), 10)
        ]
        assert vanishing == sorted(vanishing, reverse=True)
        assert vanishing[-1] == 0


def test_codes_alias_less_than_random_ones() -> None:
    rng = np.random.default_rng(0)
    for segments, bits in ((21, 8), (32, 9), (60, 10)):
        chance = [sum_counts(rng.permutation(2**bits)[:segments], bits, 4)[0] for _ in range(20)]
        assert sum_counts(segment_codes(segments, bits), bits, 4)[0] < min(chance)


@pytest.mark.parametrize(("segments", "bits"), [(3, 1), (9, 3), (200, 7), (2, 0)])
def test_too_few_bits_are_refused(segments: int, bits: int) -> None:
    with pytest.raises(
        ValueError, match=f"{segments} segments need at least {least(segments)} bits, not {bits}"
    ):
        segment_codes(segments, bits)


@pytest.mark.parametrize("segments", range(1, 15))
def test_runs_and_their_complements_are_all_different_masks(segments: int) -> None:
    for bits in range(least(segments), segments + 2):
        runs = min(2**bits, 2 ** (segments - 1))
        shown = odd_parity(np.arange(runs)[:, np.newaxis] & segment_codes(segments, bits))
        assert len(np.unique(np.concatenate([shown, ~shown]), axis=0)) == 2 * runs


def test_spans_tells_whether_runs_repeat() -> None:
    rng = np.random.default_rng(1)
    answers = set()
    for _ in range(60):
        bits = int(rng.integers(2, 5))
        segments = int(rng.integers(bits + 1, 9))
        code = rng.integers(0, 2**bits, segments)
        shown = odd_parity(np.arange(2**bits)[:, np.newaxis] & code)
        different = len(np.unique(np.concatenate([shown, ~shown]), axis=0)) == 2 ** (bits + 1)
        assert makes_distinct_masks(code, bits) == different
        answers.add(different)
    assert answers == {True, False}


@pytest.mark.parametrize(("segments", "bits"), [(1, 1), (5, 3), (9, 4), (12, 5), (14, 8)])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 6])
def test_sums_equal_a_count_over_all_sets(segments: int, bits: int, size: int) -> None:
    code = segment_codes(segments, bits)
    np.testing.assert_array_equal(sum_counts(code, bits, size), counted(code, bits, size))


def test_sums_hold_for_codes_that_are_not_distinct() -> None:
    code = np.array([0, 0, 3, 3, 5, 6, 1])
    for size in range(8):
        np.testing.assert_array_equal(sum_counts(code, 3, size), counted(code, 3, size))


@pytest.mark.parametrize("segments", [0, 1, 4, 7])
def test_krawtchouk_equals_a_sum_of_signs_over_all_sets(segments: int) -> None:
    for size, minus in product(range(segments + 2), range(segments + 1)):
        signs = [-1] * minus + [1] * (segments - minus)
        expected = sum(math.prod(chosen) for chosen in combinations(signs, size))
        assert krawtchouk_polynomial(segments, size)[minus] == expected


def test_parity_is_whether_the_ones_are_odd() -> None:
    words = np.array([[0, 1, 2, 3], [255, 2**40, 2**40 + 1, 7]])
    expected = [[f"{word:b}".count("1") % 2 == 1 for word in row] for row in words.tolist()]
    assert odd_parity(words).tolist() == expected
