"""The estimator: what holds for every attribution that it serves."""

import itertools

import numpy as np
import pytest

from sightline.engine.attribute import Banzhaf, Lime, Occlusion, Rise, Shapley
from sightline.engine.convergence import relative_error
from sightline.engine.functionals import functional_of
from sightline.engine.gaussian_process import MaskKernel
from sightline.engine.pair_effects import complete_pair_effects
from sightline.engine.process_estimator import ProcessEstimator
from support.reference import Game, random_game

METHODS = [Shapley(), Banzhaf(), Lime(), Rise(p=0.3)]


def asked(estimator: ProcessEstimator, game: Game, calls: int) -> ProcessEstimator:
    """The estimator after so many calls, the two ends included."""
    spent = 2
    while spent < calls:
        keep = estimator.next_masks(min(estimator.block, calls - spent))
        if not len(keep):
            break
        keep = np.concatenate([estimator.keep, keep])
        estimator.record(keep, game.values(keep), game.table[-1], game.table[0])
        spent = 2 + len(keep)
    return estimator


def explained(method, game: Game, calls: int, scale: str = "probability", seed: int = 0) -> ProcessEstimator:
    return asked(ProcessEstimator(method, game.segments, game.targets, scale, seed), game, calls)


def smooth_game(segments: int, targets: int = 1, seed: int = 0, gain: float = 4.0) -> Game:
    """Chances: a logistic of single effects and a few pairs."""
    rng = np.random.default_rng(seed)
    keep = (np.arange(2**segments)[:, np.newaxis] >> np.arange(segments) & 1).astype(float)
    evidence = keep @ rng.normal(size=(segments, targets)) * gain / np.sqrt(segments) - 1
    for i in range(segments - 1):
        evidence += (keep[:, i] * keep[:, i + 1])[:, np.newaxis] * rng.normal(size=targets)
    return Game(1 / (1 + np.exp(-evidence)))


def pairwise_game(segments: int, pairs: bool, seed: int = 0) -> Game:
    rng = np.random.default_rng(seed)
    keep = (np.arange(2**segments)[:, np.newaxis] >> np.arange(segments) & 1).astype(float)
    scores = keep @ rng.normal(size=segments)
    if pairs:
        scores += np.einsum("ms,st,mt->m", keep, rng.normal(size=(segments, segments)), keep)
    return Game(10 * scores[:, np.newaxis])


def truth(method, game: Game) -> np.ndarray:
    return game.ask(method, game.masks()).values


def in_order(game: Game) -> np.ndarray:
    return (np.arange(len(game.table))[:, np.newaxis] >> np.arange(game.segments) & 1).astype(bool)


@pytest.mark.parametrize("method", METHODS)
def test_an_additive_and_a_pairwise_game_are_recovered(method):
    for pairs, calls, bound in ((False, 40, 1e-7), (True, 120, 1e-5)):
        game = pairwise_game(9, pairs)
        values = explained(method, game, calls).attribution().values
        exact = truth(method, game)
        assert np.sum((values - exact) ** 2) <= bound * np.sum(exact**2)


@pytest.mark.parametrize("method", METHODS)
def test_it_comes_close_with_few_calls_and_closer_than_the_regression(method):
    game = smooth_game(10)
    exact = truth(method, game)
    values = explained(method, game, 128).attribution().values
    masks = method.sample(10, 126, np.random.default_rng(0))
    usual = game.ask(method, masks).values
    error, before = (np.sum((made - exact) ** 2) / np.sum(exact**2) for made in (values, usual))
    assert error < 0.005
    assert error < 0.5 * before


@pytest.mark.parametrize("method", METHODS)
def test_when_every_mask_was_asked_the_answer_is_exact(method):
    game = random_game(5)
    estimator = explained(method, game, 32)
    assert len(estimator.keep) == 30
    assert len(estimator.next_masks(10)) == 0
    made = estimator.attribution()
    exact = game.ask(method, game.masks())
    assert made.values == pytest.approx(exact.values, abs=1e-10)
    assert made.base == pytest.approx(exact.base, abs=1e-10)
    assert made.fit == pytest.approx(exact.fit, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("segments", [8, 20])
def test_an_additive_model_is_fitted_wholly(method, segments, rng):
    weights = rng.normal(size=segments)

    def score(keep: np.ndarray) -> np.ndarray:
        return (keep @ weights)[:, np.newaxis]

    estimator = ProcessEstimator(method, segments, 1, "log-odds", 0)
    keep = estimator.next_masks(60)
    full, empty = score(np.ones((1, segments)))[0], score(np.zeros((1, segments)))[0]
    estimator.record(keep, score(keep), full, empty)
    assert estimator.attribution().fit == pytest.approx([1.0], abs=1e-3)


def test_scores_that_turn_out_to_be_no_probabilities_leave_no_tilt(rng):
    game = smooth_game(10)
    estimator = explained(Shapley(), game, 64)
    estimator.kernels[0] = MaskKernel(np.r_[estimator.kernels[0].parameters[:-2], 1.2, -1.0])
    keep = np.concatenate([estimator.keep, estimator.next_masks(20)])
    values = game.values(keep)
    values[-1] = 1.5
    estimator.record(keep, values, game.table[-1], game.table[0])
    assert estimator.kernels[0].tilt == 0


@pytest.mark.parametrize("segments", [9, 20, 40])
def test_shapley_values_add_up_exactly(segments, rng):
    weights = rng.normal(size=segments)

    def score(keep: np.ndarray) -> np.ndarray:
        return (1 / (1 + np.exp(-(keep.astype(float) @ weights))))[:, np.newaxis]

    estimator = ProcessEstimator(Shapley(), segments, 1, "probability", 0)
    keep = estimator.next_masks(90)
    full, empty = score(np.ones((1, segments)))[0], score(np.zeros((1, segments)))[0]
    estimator.record(keep, score(keep), full, empty)
    assert estimator.attribution().values.sum() == pytest.approx(full[0] - empty[0], abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("segments", [6, 12, 20])
def test_no_mask_is_asked_twice_and_no_end(method, segments, rng):
    weights = rng.normal(size=segments)
    estimator = ProcessEstimator(method, segments, 1, "log-odds", 0)
    for _ in range(4):
        keep = np.concatenate([estimator.keep, estimator.next_masks(20)])
        estimator.record(
            keep, (keep.astype(float) @ weights)[:, np.newaxis], weights.sum(keepdims=True), np.zeros(1)
        )
    rows = {row.tobytes() for row in estimator.keep}
    assert len(rows) == len(estimator.keep) == min(80, 2**segments - 2)
    size = estimator.keep.sum(axis=1)
    assert size.min() > 0
    assert size.max() < segments


def test_the_same_seed_asks_the_same_masks_and_another_seed_others():
    game = smooth_game(10)
    first, again, other = (explained(Shapley(), game, 64, seed=seed) for seed in (0, 0, 1))
    assert (first.keep == again.keep).all()
    assert (first.attribution().values == again.attribution().values).all()
    assert (first.keep != other.keep).any()


def test_rounding_of_the_model_changes_no_mask_and_the_values_by_rounding():
    game = smooth_game(10)
    nudge = 1 + 1e-7 * np.random.default_rng(0).normal(size=game.table.shape)
    nudged = Game(np.clip(game.table * nudge, 0, 1))
    one, two = (explained(Shapley(), each, 128) for each in (game, nudged))
    assert (one.keep == two.keep).all()
    assert one.attribution().values == pytest.approx(two.attribution().values, abs=1e-5)


@pytest.mark.slow
def test_several_targets_share_the_masks_and_each_is_explained():
    game = smooth_game(10, targets=3)
    estimator = explained(Lime(), game, 200)
    made = estimator.attribution()
    exact = truth(Lime(), game)
    error = np.sum((made.values - exact) ** 2, axis=1) / np.sum(exact**2, axis=1)
    assert made.values.shape == made.error.shape == (3, 10)
    assert error.max() < 0.005


@pytest.mark.slow
def test_errors_are_as_large_as_the_values_are_wrong():
    away = []
    for seed in range(12):
        game = smooth_game(10, seed=seed)
        made = explained(Shapley(), game, 64, seed=seed).attribution()
        away.append((made.values - truth(Shapley(), game)) / made.error)
    assert 0.25 <= np.mean(np.square(away)) <= 1.2


@pytest.mark.parametrize("method", [Shapley(), Lime()])
def test_pairs_that_act_together_lead(method):
    game = smooth_game(8, seed=3)
    pairs, values, error = (one[0] for one in explained(method, game, 160).pair_effects(5))
    every = complete_pair_effects(in_order(game), game.table[:, 0], functional_of(method, 8).shapley_pairs)
    exact = dict(zip(itertools.combinations(range(8), 2), every, strict=True))
    assert (np.diff(np.abs(values)) <= 0).all()
    assert (error > 0).all()
    assert values == pytest.approx([exact[tuple(pair)] for pair in pairs.tolist()], abs=0.05)
    strongest = sorted(exact, key=lambda pair: -abs(exact[pair]))
    assert len({tuple(pair) for pair in pairs.tolist()} & set(strongest[:5])) >= 4


def test_two_masks_of_two_segments_are_all_there_are():
    game = Game(np.array([[0.0], [0.0], [0.0], [1.0]]))
    made = explained(Shapley(), game, 4).attribution()
    assert made.values == pytest.approx(np.full((1, 2), 0.5))
    assert made.error.max() == 0


@pytest.mark.parametrize("width", [0.01, 5.0])
def test_lime_of_many_segments_and_any_width_is_finite(width):
    def score(keep: np.ndarray) -> np.ndarray:
        return (1 / (1 + np.exp(3 - keep[:, :6].sum(axis=1))))[:, np.newaxis]

    estimator = ProcessEstimator(Lime(kernel_width=width), 30, 1, "probability", 0)
    keep = estimator.next_masks(100)
    ends = (score(np.full((1, 30), one))[0] for one in (True, False))
    estimator.record(keep, score(keep), *ends)
    made = estimator.attribution()
    assert np.isfinite(made.values).all()
    assert np.isfinite(made.error).all()
    if width == 5:
        assert set(np.argsort(-made.values[0])[:6]) == set(range(6))


def test_what_it_serves():
    assert all(ProcessEstimator.serves(method, 2) for method in METHODS)
    assert not ProcessEstimator.serves(Occlusion(), 5)
    assert not ProcessEstimator.serves(Shapley(), 1)


@pytest.mark.parametrize("method", METHODS)
def test_scores_of_pure_noise_are_left_to_the_regression(method):
    estimator = explained(method, random_game(12, seed=5), 128, scale="log-odds")
    assert estimator.why_not()
    assert np.isfinite(estimator.attribution().values).all()
    assert not explained(method, smooth_game(10), 64).why_not()


def test_a_target_of_pure_noise_is_left_to_the_regression_and_others_are_not():
    smooth, noise = smooth_game(10).table, np.random.default_rng(1).random((2**10, 1))
    game = Game(np.hstack([smooth, noise]))
    estimator = explained(Shapley(), game, 128)
    assert estimator.unexplained().tolist() == [False, True]
    assert "target 2 of 2" in estimator.why_not()
    made, exact = estimator.attribution(), truth(Shapley(), game)
    assert np.sum((made.values[0] - exact[0]) ** 2) < 0.01 * np.sum(exact[0] ** 2)
    assert made.values.sum(axis=1) == pytest.approx(game.table[-1] - game.table[0])


def test_where_nothing_is_explained_the_regression_s_own_masks_are_asked():
    game = random_game(12, seed=5)
    estimator = explained(Shapley(), game, 256)
    usual = {row.tobytes() for row in Shapley().sample(12, 254, np.random.default_rng(0)).keep}
    assert len({row.tobytes() for row in estimator.keep} & usual) > 0.9 * len(estimator.keep)


def test_an_open_budget_asks_no_more_than_it_is_likely_to_need():
    game = smooth_game(10)
    estimator = explained(Shapley(), game, 64)
    assert estimator.block_towards(1e-9) == estimator.block == 64
    assert estimator.block_towards(10.0) == 16
    exact = truth(Shapley(), game)
    made = estimator.attribution()
    error = np.linalg.norm(made.values - exact) / np.linalg.norm(exact)
    assert error / 3 < relative_error(made)[0] < 3 * error


def test_scores_that_never_move_break_nothing():
    game = Game(np.full((2**8, 1), 0.4))
    made = explained(Shapley(), game, 64).attribution()
    assert made.values == pytest.approx(0, abs=1e-6)


def pairwise_chances(segments: int, seed: int = 0) -> Game:
    """Single effects, and as much of pairs of any two segments: a code is clear of these."""
    rng = np.random.default_rng(seed)
    signs = 2.0 * in_order(Game(np.zeros((2**segments, 1)))) - 1
    scores = signs @ rng.normal(size=segments)
    first, second = np.triu_indices(segments, 1)
    for one in range(0, len(first), 8):
        products = signs[:, first[one : one + 8]] * signs[:, second[one : one + 8]]
        scores += products @ rng.normal(size=products.shape[1])
    reach = np.abs(scores).max()
    return Game((0.5 + 0.3 * scores / reach)[:, np.newaxis])


@pytest.mark.parametrize("method", [Banzhaf(), Lime(ridge=0.0)])
def test_where_the_code_is_clear_of_what_segments_do_together_it_is_kept(method):
    game = pairwise_chances(14, seed=1)
    estimator = explained(method, game, 128)
    usual = method.sample(14, 126, np.random.default_rng(0))
    assert (estimator.keep == usual.keep).all()  # the regression's own masks
    assert estimator.regression_shares()[0] > (0.1 if isinstance(method, Lime) else 0.99)
    exact = truth(method, game)
    error, before = (
        np.sum((made - exact) ** 2)
        for made in (estimator.attribution().values, game.ask(method, usual).values)
    )
    assert error <= 1.05 * before + 1e-6 * np.sum(exact**2)


@pytest.mark.parametrize("method", [Banzhaf(), Lime()])
def test_a_smooth_game_leaves_the_code_early_for_masks_of_its_own(method):
    game = smooth_game(14, gain=8.0)
    estimator = explained(method, game, 128)
    usual = method.sample(14, 126, np.random.default_rng(0)).keep
    assert (estimator.keep[:62] == usual[:62]).all()
    assert not (estimator.keep == usual).all()
    assert not estimator.regression_shares().any()


def test_one_target_that_needs_the_code_keeps_it_for_all():
    smooth, rough = smooth_game(14, gain=8.0), pairwise_chances(14, seed=1)
    game = Game(np.concatenate([smooth.table, rough.table], axis=1))
    estimator = explained(Banzhaf(), game, 128)
    assert (estimator.keep == Banzhaf().sample(14, 126, np.random.default_rng(0)).keep).all()
    share = estimator.regression_shares()
    assert share[0] < 0.5 < share[1]


class SumOfBlocks:
    """A mean of logistic games of eight segments each: its values are known, however many segments it has.

    Segments of other blocks add nothing to a block, and values of a sum are sums of values.
    """

    def __init__(self, blocks: int, seed: int) -> None:
        self.games = [smooth_game(8, seed=100 * seed + block, gain=6.0) for block in range(blocks)]
        self.segments = 8 * blocks

    def values(self, keep: np.ndarray) -> np.ndarray:
        parts = keep.reshape(len(keep), -1, 8)
        return np.mean([one.values(parts[:, b]) for b, one in enumerate(self.games)], axis=0)

    def truth(self, method) -> np.ndarray:
        return np.concatenate([truth(method, one)[0] for one in self.games]) / len(self.games)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "blocks"), [(Shapley(), 3), (Banzhaf(), 5)])
def test_errors_of_more_than_sixteen_segments_are_as_large_as_the_values_are_wrong(method, blocks):
    away, errors = [], []
    for seed in range(2):
        game = SumOfBlocks(blocks, seed)
        estimator = ProcessEstimator(method, game.segments, 1, "probability", seed)
        ends = game.values(np.array([[True] * game.segments, [False] * game.segments]))
        while len(estimator.keep) + 2 < 4 * game.segments:
            keep = np.concatenate([estimator.keep, estimator.next_masks(estimator.block)])
            estimator.record(keep, game.values(keep), *ends)
        made, exact = estimator.attribution(), game.truth(method)
        away.append((made.values[0] - exact) / made.error[0])
        errors.append(np.linalg.norm(made.values[0] - exact) / np.linalg.norm(exact))
    assert 0.2 <= np.mean(np.square(away)) <= 2
    assert max(errors) < 0.5
