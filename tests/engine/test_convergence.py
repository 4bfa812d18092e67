"""When an attribution is settled."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

from sightline.engine import convergence
from sightline.types import Attribution


def attribution(values: object, error: object) -> Attribution:
    made = np.atleast_2d(np.asarray(values, dtype=float))
    count = len(made)
    return Attribution(
        made, np.broadcast_to(np.asarray(error, dtype=float), made.shape), np.zeros(count), np.ones(count)
    )


SEVEN = [9.0, -8.0, 7.0, -6.0, 5.0, 3.0, 1.0]


@pytest.mark.parametrize(
    ("values", "error", "settled"),
    [
        (SEVEN, 0.0, True),  # exact
        (SEVEN, np.inf, False),
        (SEVEN, [0, 0, 0, 0, 0, 0, np.inf], False),
        # The fifth leads the sixth by 2: at 95 % that takes √2 · 1.96 · error < 2.
        (SEVEN, 0.72, True),
        (SEVEN, 0.73, False),
        (SEVEN[::-1], 0.72, True),  # order is of no consequence
        # What lies among the leading, or among the rest, may be as blurred as it likes.
        (SEVEN, [2.0, 0, 0, 0, 0.4, 0.4, 0.4], True),
        (SEVEN, [4.0, 0, 0, 0, 0.4, 0.4, 0.4], False),
        # Segments that are as good as equal are not told apart, however exact they are.
        ([9.0, 5, 5, 5, 5, 5, 5], 0.01, False),
        ([0.0] * 7, 0.1, False),
        ([0.0] * 7, 0.0, True),
        # No more than five segments: each has to be apart from zero.
        ([3.0, -2.0, 1.0], 0.5, True),
        ([3.0, -2.0, 1.0], 0.52, False),
        ([3.0], 1.5, True),
        ([3.0], 1.6, False),
    ],
)
def test_settled_is_five_leading_segments_apart_from_the_rest(values, error, settled):
    assert convergence.is_settled(attribution(values, error)) == settled


@pytest.mark.parametrize(("error", "enough"), [(0.18, True), (0.19, False)])
def test_a_fiftieth_of_the_largest_is_exact_enough_to_stop(error, enough):
    made = attribution([[9.0, 5, 5, 5, 5, 5, 5]], [[error] * 7])
    assert bool(convergence.why_enough(made, 1)) == enough
    assert not convergence.is_settled(made)


def test_what_a_ridge_pulls_from_all_alike_does_not_keep_them_from_being_told_apart():
    values, pull = np.array([SEVEN]), 0.3 * np.array([SEVEN])
    made = dataclasses.replace(attribution([SEVEN], np.hypot(pull, 0.1)), pull=pull)
    assert convergence.is_settled(made)
    assert not convergence.is_settled(dataclasses.replace(made, pull=None))
    assert not convergence.is_settled(dataclasses.replace(made, error=np.hypot(pull, 2.0)))
    assert np.array_equal(made.values, values)


def test_every_target_has_to_be_settled():
    both = attribution([SEVEN, SEVEN], [[0.1] * 7, [0.1] * 7])
    one = attribution([SEVEN, SEVEN], [[0.1] * 7, [1.0] * 7])
    assert convergence.is_settled(both)
    assert not convergence.is_settled(one)


def test_undecided_are_the_values_within_two_errors_of_zero():
    made = attribution([[1.0, -1.0, 1.0, 0.0, 1.0, 0.0]], [[0.5, 0.52, np.inf, 0.1, 0.0, 0.0]])
    assert convergence.undecided_segments(made).tolist() == [[False, True, True, True, False, True]]


@pytest.mark.parametrize(("error", "why"), [(0.28, "the errors are below 5 % of the values"), (0.3, "")])
def test_a_twentieth_of_the_values_together_is_close_enough_for_a_process(error, why):
    made = attribution([[9.0, 5, 5, 5, 5, 5, 5]], [[error] * 7])
    assert convergence.relative_error(made)[0] == pytest.approx(error * np.sqrt(7 / 231))
    assert convergence.why_close(made, 1) == why


def test_leaders_that_are_told_apart_are_enough_for_a_process_whatever_the_rest():
    made = attribution([[9.0, 8, 7, 6, 5, 0, 0]], [[0.5] * 5 + [0.9] * 2])
    said = "the leading segments are told apart"
    assert convergence.why_close(made, 1) == convergence.why_enough(made, 1) == said


def test_all_looks_together_err_in_five_percent_however_many():
    chance = [2 * (1 - norm.cdf(convergence.sure_at_look(look))) for look in range(1, 40)]
    assert sum(chance) == pytest.approx(0.05)
    assert chance[0] == pytest.approx(0.025)
    # A gap of 2.3 standard errors is enough at first, and no more at the second look.
    made = attribution([[9.0, 8, 7, 6, 2.3 * np.sqrt(2), 0, 0]], [[1.0] * 7])
    assert convergence.is_settled(made)
    assert convergence.why_close(made, 1) == "the leading segments are told apart"
    assert convergence.why_close(made, 2) == ""


def test_exact_values_have_no_error_and_no_values_no_share():
    assert convergence.relative_error(attribution([[1.0, 2], [0, 0]], [[0, 0], [0, 0]])).tolist() == [0, 0]
    assert np.isnan(convergence.relative_error(attribution([[0.0, 0]], [[1, 1]]))).all()
