"""How far products of segments blur single effects of a paired design."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from sightline.engine import aliasing_error
from sightline.engine.attribute import Banzhaf, Lime
from sightline.engine.sampling import Balanced, Bernoulli, FoldOver
from sightline.types import Attribution, Masks, Scores


def design(segments: int, rows: int, seed: int = 0) -> np.ndarray:
    return FoldOver()(segments, rows, np.random.default_rng(seed)).keep


def shrinkage(keep: np.ndarray, values: np.ndarray) -> np.ndarray:
    return aliasing_error.error_bounds(keep, values)[0]


def products(keep: np.ndarray, order: int, rng: np.random.Generator) -> np.ndarray:
    """A random sum of all products of `order` signs, shape (M, 1)."""
    signs = np.where(keep, 1.0, -1.0)
    chosen = list(itertools.combinations(range(keep.shape[1]), order))
    weights = rng.normal(size=len(chosen))
    return sum(w * signs[:, c].prod(axis=1) for w, c in zip(weights, chosen, strict=True))[:, np.newaxis]


def slow_gain(keep: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The module's first paragraph, with every product of segments written out."""
    signs, odd = np.where(keep[::2], 1.0, -1.0), (values[::2] - values[1::2]) / 2
    runs, segments = signs.shape
    left_over = np.eye(runs) - signs @ np.linalg.pinv(signs)
    kinds = []
    for order in (3, 5):
        columns = [signs[:, c].prod(axis=1) for c in itertools.combinations(range(segments), order)]
        kinds.append(sum(np.outer(column, column) for column in columns) / len(columns))
    gains = []
    for column in odd.T:
        rest = left_over @ column
        # Two quadratic forms of the residual, as seen and as expected from a unit of each kind.
        seen = [rest @ rest, rest @ kinds[0] @ rest]
        expected = np.array(
            [
                [np.trace(left_over @ kind) for kind in kinds],
                [np.trace(kinds[0] @ left_over @ kind @ left_over) for kind in kinds],
            ]
        )
        scale = expected.sum(axis=1)
        variances = nnls(expected / scale[:, np.newaxis], seen / scale)[0]
        influence = np.linalg.pinv(signs)
        blurred = [sum(v * i @ kind @ i for v, kind in zip(variances, kinds, strict=True)) for i in influence]
        usual = influence**2 @ rest**2 * runs / (runs - segments)
        gains.append(np.sqrt(np.clip(np.sqrt(np.array(blurred) / usual), aliasing_error.LEAST**2, 1)))
    return np.array(gains)


@pytest.mark.parametrize(("segments", "rows"), [(6, 36), (7, 90), (9, 120), (9, 240), (8, 100)])
def test_it_is_the_model_written_out(segments, rows, rng):
    keep = design(segments, rows)
    noise = rng.normal(size=(rows, 2))
    values = np.concatenate([noise, products(keep, 3, rng), products(keep, 5, rng)], axis=1)
    gain = shrinkage(keep, values)
    assert gain == pytest.approx(slow_gain(keep, values), rel=1e-3)
    assert ((gain > aliasing_error.LEAST) & (gain < 1)).any()


def test_the_error_of_a_regression_is_the_usual_one_times_the_gain(rng):
    keep = design(9, 120)
    values = products(keep, 3, rng) + rng.normal(size=(120, 1))
    order = np.roll(np.arange(120), 1)  # the same masks, but no two neighbours are complements

    def errors(rows: np.ndarray) -> np.ndarray:
        ends = values[0], values[0], (0,), values[0]
        return Banzhaf()(Masks(keep[rows], np.ones(120)), Scores(values[rows], *ends, 122)).error

    gain = shrinkage(keep, values)
    assert gain.max() < 0.9
    assert errors(np.arange(120)) == pytest.approx(errors(order) * gain, rel=1e-6)


@given(st.integers(1, 12), st.integers(2, 200), st.integers(1, 3), st.integers(0, 9))
@settings(max_examples=120, deadline=None)
def test_the_gain_is_between_its_floor_and_one(segments, rows, targets, seed):
    keep = design(segments, rows, seed)
    values = np.random.default_rng(seed).normal(size=(len(keep), targets))
    gain = shrinkage(keep, values)
    assert gain.shape == (targets, segments)
    assert (gain >= aliasing_error.LEAST).all()
    assert (gain <= 1).all()


@pytest.mark.parametrize("segments", [1, 2, 3, 4])
def test_few_segments_are_no_trouble(segments):
    keep = np.tile(np.concatenate([np.eye(segments), 1 - np.eye(segments)]).astype(bool), (9, 1))
    pairs = keep.reshape(2, -1, segments).transpose(1, 0, 2).reshape(-1, segments)
    pairs[1::2] = ~pairs[::2]
    gain = shrinkage(pairs, np.random.default_rng(0).normal(size=(len(pairs), 1)))
    assert ((gain >= aliasing_error.LEAST) & (gain <= 1)).all()


def test_masks_that_are_not_in_pairs_have_no_gain(rng):
    keep = Bernoulli()(8, 200, rng).keep
    assert (shrinkage(keep, rng.normal(size=(200, 2))) == 1).all()
    paired = design(8, 128)
    shifted = np.concatenate([paired[1:], paired[:1]])
    assert (shrinkage(shifted, rng.normal(size=(128, 1))) == 1).all()
    assert (shrinkage(paired[:17], rng.normal(size=(17, 1))) <= 1).all()  # an odd row more is left out


@pytest.mark.parametrize("rows", [4, 14, 16])
def test_no_more_pairs_than_segments_have_no_gain(rows, rng):
    assert (shrinkage(design(8, rows), rng.normal(size=(rows, 1))) == 1).all()


def test_segments_that_a_design_cannot_tell_apart_have_no_gain(rng):
    keep = design(6, 60)[:, [0, 0, 1, 2, 3, 4, 5]]
    assert (shrinkage(keep, rng.normal(size=(60, 1))) == 1).all()


def test_a_perfect_fit_leaves_no_nan_and_no_warning():
    keep = design(10, 128)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for values in (keep @ np.arange(10.0), np.zeros(128), np.full(128, 0.7)):
            gain = shrinkage(keep, values[:, np.newaxis])
            assert ((gain >= aliasing_error.LEAST) & (gain <= 1)).all()


@pytest.mark.parametrize(("segments", "rows"), [(10, 256), (14, 512), (14, 1024)])
def test_products_that_the_code_keeps_apart_from_single_effects_gain_all_there_is(segments, rows, rng):
    # So many runs leave no sum of four codes zero, so no product of three meets a single effect.
    keep = design(segments, rows)
    assert shrinkage(keep, products(keep, 3, rng)) == pytest.approx(
        np.full((1, segments), aliasing_error.LEAST)
    )
    assert shrinkage(keep, products(keep, 5, rng)).mean() > 0.8


def test_masks_drawn_by_chance_gain_little_and_codes_much(rng):
    by_code = design(12, 256)
    by_chance = Balanced()(12, 256, rng).keep
    gains = [shrinkage(keep, products(keep, 3, rng)).mean() for keep in (by_code, by_chance)]
    assert gains[0] < 0.5 < 0.9 < gains[1]


def test_the_gain_is_a_share_of_the_error_and_does_not_depend_on_the_score_s_unit(rng):
    keep = design(10, 256)
    values = products(keep, 3, rng) + products(keep, 5, rng) + keep @ rng.normal(size=(10, 1))
    gain = shrinkage(keep, values)
    assert shrinkage(keep, 1e-6 * values + 3) == pytest.approx(gain, rel=1e-3)


@pytest.mark.parametrize("rows", [126, 128, 254, 256, 510, 512])
def test_with_the_gain_errors_are_neither_too_small_nor_as_wide_as_without(rows):
    wrong, said, usual = [], [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        keep = design(11, rows, seed)
        values = products(keep, 3, rng) + 0.3 * products(keep, 5, rng)
        masks = Masks(keep, np.ones(rows))
        made = Banzhaf()(masks, Scores(values, values[0], values[0], (0,), values[0], rows + 2))
        wrong.append(made.values[0])  # products of odd order have no single effects
        said.append(made.error[0])
        usual.append(made.error[0] / shrinkage(keep, values)[0])
    far, told, wide = (np.sqrt(np.mean(np.square(each))) for each in (wrong, said, usual))
    assert 0.9 * far < told < wide


def test_a_design_too_large_to_compute_with_has_no_gain(monkeypatch, rng):
    monkeypatch.setattr(aliasing_error, "MOST_RUNS", 50)
    assert (shrinkage(design(8, 128), rng.normal(size=(128, 1))) == 1).all()


def products_of_three(keep: np.ndarray, more: float = 1.0) -> np.ndarray:
    """Only what `k0 k1 k2` and `k4 k5` do: a code of 16 pairs cannot tell some triples from one segment."""
    return 2 * keep[:, :3].all(axis=1) + more * keep[:, 4:6].all(axis=1)


@pytest.mark.parametrize("method", [Banzhaf(), Lime()])
@pytest.mark.parametrize("rows", [30, 32, 38])
def test_a_product_that_looks_like_one_segment_in_every_mask_is_within_reach(method, rows):
    every = np.array(list(itertools.product([False, True], repeat=9)))

    def asked(keep: np.ndarray) -> Attribution:
        values = products_of_three(keep)[:, np.newaxis]
        return method(Masks(keep, np.ones(len(keep))), Scores(values, *[values[0]] * 2, (0,), values[0], 0))

    away = []
    for seed in range(8):
        made = asked(design(9, rows, seed))
        away.append((made.values - asked(every).values) / made.error)
    assert np.abs(away).max() < 4.5  # without a floor some are infinite
    assert np.mean(np.abs(away) > 2.5) < 0.05


def test_more_masks_lower_the_floor_and_single_effects_alone_have_none():
    few, many = design(9, 32), design(9, 256)
    least = [
        aliasing_error.error_bounds(keep, products_of_three(keep)[:, np.newaxis])[1].mean()
        for keep in (few, many)
    ]
    assert least[1] < 0.15 * least[0]
    alone = (few @ np.arange(9.0))[:, np.newaxis]
    assert aliasing_error.error_bounds(few, alone)[1].max() < 1e-9
