"""The linear algebra against slow forms of it."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import Ridge

from sightline.engine import solve
from support.reference import least_squares


def some(rows: int = 40, segments: int = 6, targets: int = 2, seed: int = 0):
    rng = np.random.default_rng(seed)
    keep = rng.random((rows, segments)) < 0.5
    return keep, rng.normal(size=(rows, targets)), rng.random(rows) + 0.1


@pytest.mark.parametrize("penalty", [0.0, 0.5, 20.0])
def test_ridge_is_scikit_learn_s(penalty):
    keep, values, weight = some()
    coefficients, intercept, _ = solve.ridge_regression(keep, values, weight, penalty)
    usual = Ridge(alpha=penalty or 1e-11).fit(keep, values, sample_weight=weight)
    assert coefficients == pytest.approx(usual.coef_, abs=1e-8)
    assert intercept == pytest.approx(usual.intercept_, abs=1e-8)


@pytest.mark.parametrize("penalty", [0.0, 3.0])
def test_influence_times_values_is_the_coefficients(penalty):
    keep, values, weight = some()
    coefficients, _, influence = solve.ridge_regression(keep, values, weight, penalty)
    assert pytest.approx(coefficients, abs=1e-12) == (influence @ values).T


def test_constrained_is_the_least_squares_whose_coefficients_have_the_given_sum():
    keep, values, weight = some(targets=1)
    coefficients, influence = solve.constrained_regression(keep, values, weight, np.array([2.5]))

    def wrong(free: np.ndarray) -> float:
        full = np.append(free, 2.5 - free.sum())
        return float(weight @ (values[:, 0] - keep @ full) ** 2)

    best = minimize(wrong, np.zeros(5), method="BFGS", options={"gtol": 1e-9}).x
    assert coefficients[0] == pytest.approx(np.append(best, 2.5 - best.sum()), abs=1e-5)
    assert coefficients.sum() == pytest.approx(2.5, abs=1e-12)
    moved, _ = solve.constrained_regression(keep, values + 1, weight, np.array([2.5]))
    assert moved - coefficients == pytest.approx((influence @ np.ones((40, 1))).T, abs=1e-9)


def test_equal_columns_share_what_they_cannot_be_told_apart_on():
    keep, values, weight = some(segments=4)
    twice = keep[:, [0, 0, 1, 2, 3]]
    once, _ = least_squares(keep, values[:, 0], weight)
    coefficients, _, _ = solve.ridge_regression(twice, values, weight, 0.0)
    assert coefficients[0] == pytest.approx([once[0] / 2, once[0] / 2, *once[1:]], abs=1e-8)


def test_what_the_rows_determine_is_known():
    rng = np.random.default_rng(0)
    design = rng.normal(size=(9, 5))
    assert solve.is_determined(design).all()
    design[:, 3] = design[:, 1]
    assert solve.is_determined(design).tolist() == [True, False, True, False, True]
    design[:, 4] = 0
    assert solve.is_determined(design).tolist() == [True, False, True, False, False]
    assert not solve.is_determined(np.zeros((3, 2))).any()


def test_r_squared_is_one_minus_the_unexplained_share():
    values = np.array([[1.0], [2.0], [4.0]])
    fitted = np.array([[1.0], [3.0], [3.0]])
    weight = np.array([1.0, 2.0, 1.0])
    mean = (1 * 1 + 2 * 2 + 1 * 4) / 4
    spread = (1 * (1 - mean) ** 2 + 2 * (2 - mean) ** 2 + (4 - mean) ** 2) / 4
    assert solve.r_squared(values, fitted, weight)[0] == pytest.approx(1 - (2 * 1 + 1) / 4 / spread)
    assert solve.r_squared(values, values, weight)[0] == 1


def test_r_squared_of_values_that_never_moved_is_nan_without_a_warning():
    assert np.isnan(solve.r_squared(np.ones((4, 1)), np.zeros((4, 1)), np.ones(4)))[0]
    moved = np.array([[0.0], [0.0], [0.0], [1.0]])  # where nothing weighs
    assert np.isnan(solve.r_squared(moved, np.zeros((4, 1)), np.array([1.0, 1.0, 1.0, 0.0])))[0]


@pytest.mark.parametrize(
    ("values", "moved"),
    [
        ([0.7, 0.7], False),
        ([0.7, np.float32(0.7)], False),  # a model in single precision
        ([1.0, 1 + 4e-7], False),
        ([0.0, 0.0], False),
        ([0.7, 0.70001], True),
        ([0.0, 1e-12], True),
        ([-1e-9, 1e-9], True),
    ],
)
def test_rounding_is_no_movement_and_small_scores_still_move(values, moved):
    assert solve.has_moved(np.array(values, dtype=float)[:, np.newaxis])[0] == moved


def test_partners_are_complements_wherever_they_are():
    keep = np.array([[1, 0, 0], [1, 1, 1], [0, 1, 1], [0, 1, 0], [0, 0, 0]], dtype=bool)
    assert solve.complement_rows(keep).tolist() == [2, 4, 0, 3, 1]


def test_the_error_of_a_mean_is_the_usual_one():
    # influence 1/n of independent rows: a standard error is the spread over √n.
    values = np.random.default_rng(0).normal(size=(50, 1))
    residual = values - values.mean()
    influence = np.full((1, 50), 1 / 50)
    error = solve.paired_error(influence, residual, np.arange(50), np.ones(50), 1)
    assert error[0, 0] == pytest.approx(values.std(ddof=1) / np.sqrt(50))


def test_the_error_of_paired_rows_counts_each_pair_once():
    rng = np.random.default_rng(0)
    each = rng.normal(size=(30, 1))
    values = np.repeat(each, 2, axis=0)  # both halves of a pair say the same
    residual = values - values.mean()
    partner = np.arange(60) ^ 1
    error = solve.paired_error(np.full((1, 60), 1 / 60), residual, partner, np.ones(60), 1)
    assert error[0, 0] == pytest.approx(each.std(ddof=1) / np.sqrt(30))


def test_rows_that_cancel_in_pairs_leave_no_error():
    each = np.random.default_rng(0).normal(size=(30, 1))
    residual = np.stack([each, -each], axis=1).reshape(60, 1)
    error = solve.paired_error(np.full((1, 60), 1 / 60), residual, np.arange(60) ^ 1, np.ones(60), 1)
    assert error[0, 0] == pytest.approx(0, abs=1e-12)


def test_what_is_known_of_a_kind_shrinks_its_share_of_the_error():
    residual = np.random.default_rng(0).normal(size=(40, 1))
    influence = np.full((2, 40), 1 / 40)
    whole = solve.paired_error(influence, residual, np.arange(40), np.ones(40), 2)
    quarter = solve.paired_error(influence, residual, np.arange(40), np.full(40, 0.25), 2)
    assert quarter == pytest.approx(whole / 2)
    assert solve.paired_error(influence, residual, np.arange(40), np.zeros(40), 2).max() == 0


@pytest.mark.parametrize(("pairs", "judged"), [(5, False), (6, False), (7, True)])
def test_as_many_pairs_as_parameters_leave_nothing_to_judge_by(pairs, judged):
    residual = np.random.default_rng(0).normal(size=(2 * pairs, 1))
    influence = np.full((6, 2 * pairs), 0.1)
    error = solve.paired_error(influence, residual, np.arange(2 * pairs) ^ 1, np.ones(2 * pairs), 6)
    assert error.shape == (1, 6)
    assert np.isfinite(error).all() == judged
