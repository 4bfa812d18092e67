"""Numbers that were given, and what is said of others."""

from fractions import Fraction

import numpy as np
import pytest

from sightline._checks import check_batch_size, check_number, check_seed, check_whole, is_number, is_whole
from sightline.errors import OptionError


@pytest.mark.parametrize("value", [0, 7, -1, np.int64(3), np.uint8(3), np.array(3)])
def test_whole_numbers(value):
    assert is_whole(value)


@pytest.mark.parametrize("value", [True, np.True_, 3.0, np.float64(3), "3", None, [3], np.array([3, 4])])
def test_no_whole_numbers(value):
    assert not is_whole(value)


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.5), np.int64(3), Fraction(1, 2)])
def test_numbers(value):
    assert is_number(value)


@pytest.mark.parametrize("value", [True, np.nan, np.inf, "0.5", None, 1j, np.array([0.5])])
def test_no_numbers(value):
    assert not is_number(value)


def test_a_whole_number_comes_back_as_an_int():
    assert type(check_whole("seed", np.int64(0), 0)) is int
    assert check_whole("seed", 0, 0) == 0


@pytest.mark.parametrize("value", [0, -3, True, 1.0, "2", None])
def test_what_is_not_a_whole_number_from_1_up(value):
    with pytest.raises(
        OptionError, match=r"^copies must be a whole number from 1 up, but .* was given\."
    ) as one:
        check_whole("copies", value)
    assert one.value.slug == "option-value"


def test_a_batch_size_may_be_left_to_the_model():
    assert check_batch_size(None) is None
    assert check_batch_size(np.int64(8)) == 8
    with pytest.raises(OptionError, match="batch_size must be a whole number from 1 up"):
        check_batch_size(0)


@pytest.mark.parametrize(
    ("limits", "fine", "bad", "said"),
    [
        ({"above": 0, "below": 1}, [0.5, 1e-9], [0, 1, -1], "a number above 0 and below 1"),
        ({"at_least": 0, "below": 1}, [0, 0.5], [1, -0.1], "a number at least 0 and below 1"),
        ({"at_least": 0, "at_most": 0.5}, [0, 0.5], [-0.1, 0.6], "a number from 0 to 0.5"),
        ({"above": 0}, [1e9], [0], "a number above 0"),
        ({}, [-1], [], "a finite number"),
    ],
)
def test_limits(limits, fine, bad, said):
    for value in fine:
        assert check_number("share", value, **limits) == value
    for value in [*bad, np.nan, np.inf, True, None, "0.5"]:
        with pytest.raises(OptionError, match=f"^share must be {said}, but") as one:
            check_number("share", value, **limits)
        assert one.value.slug == "option-value"


def test_a_number_comes_back_as_a_float():
    assert type(check_number("share", np.float32(0.5), above=0)) is float


def test_a_count_has_an_end_and_a_seed_what_generators_take():
    assert check_whole("count", 10, most=10) == 10
    with pytest.raises(OptionError, match=r"count must be a whole number from 1 to 10, but 11"):
        check_whole("count", 11, most=10)
    with pytest.raises(OptionError, match=r"from 1 to 1,000,000,000, but"):
        check_whole("count", 10**30)
    assert check_seed("seed", 2**63 - 1) == 2**63 - 1
    for wrong in (-1, 2**63, float("inf"), float("nan"), None, "3"):
        with pytest.raises(OptionError, match="seed must be a whole number from 0"):
            check_seed("seed", wrong)
    assert not is_number(10**400)
