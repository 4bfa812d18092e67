"""While tests run, calls that break the types or shapes that sightline declares are errors."""

import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sightline.render import format_number, within_error
from sightline.types import Masks
from support.type_checks import EVERY, FIRST, checked

THREE, FOUR = np.zeros(3), np.zeros(4)


def test_a_wrong_type_is_an_error():
    with pytest.raises(TypeError, match="format_number"):
        format_number("1")


def test_axes_of_one_letter_have_one_length():
    within_error(THREE, THREE)
    with pytest.raises(TypeError, match="within_error"):
        within_error(THREE, FOUR)


def test_what_a_record_is_made_of_is_checked():
    with pytest.raises(TypeError, match="__init__"):
        Masks(np.ones((4, 2), dtype=bool), THREE)


def test_what_is_given_back_is_checked():
    @checked
    def half(number: int) -> int:
        return number / 2

    with pytest.raises(TypeError, match="half"):
        half(3)


def test_of_many_calls_in_one_test_some_are_looked_at():
    for _ in range(FIRST):
        within_error(THREE, THREE)
    caught = 0
    for _ in range(EVERY):
        try:
            within_error(THREE, np.zeros(1))
        except TypeError:
            caught += 1
    assert caught == 1


def test_of_functions_made_again_and_again_in_one_test_some_are_looked_at():
    def maker():
        @checked
        def half(number: int) -> int:
            return number / 2

        return half

    caught = 0
    for _ in range(FIRST + EVERY):
        try:
            maker()(3)
        except TypeError:
            caught += 1
    assert caught == FIRST + 1


def test_threads_that_make_checks_take_no_warning_away():
    def checks_in_threads() -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(make_check, range(FIRST)))
        warnings.warn("still heard", stacklevel=1)

    def make_check(number: int) -> int:
        @checked
        def same(number: int, other: float, third: str) -> int:
            return number

        return same(number, 1.0, "")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with pytest.warns(UserWarning, match="still heard"):
            checks_in_threads()
    finally:
        sys.setswitchinterval(interval)
