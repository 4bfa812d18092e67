"""Attributions against their definitions, on complete games."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from sightline.engine import convergence
from sightline.engine.attribute import Banzhaf, Lime, Occlusion, Rise, Shapley
from sightline.engine.sampling import Balanced, Bernoulli, Exhaustive, FoldOver, LeaveOneOut
from sightline.errors import BudgetError, OptionError
from sightline.types import Masks, Sampler, Scores
from support import reference
from support.reference import Game, additive_game, random_game
from support.strategies import games

METHODS = (Lime(), Shapley(), Banzhaf(), Rise(), Rise(p=0.3), Occlusion())
LINEAR = (Lime(ridge=0.0), Shapley(), Banzhaf())
SAMPLERS = (FoldOver(), Balanced(), Bernoulli(), Bernoulli(p=0.7))

by_name = repr


def definition(method, game: Game, k: int) -> np.ndarray:
    """What the method is, by the slow book."""
    if isinstance(method, Lime):
        return reference.lime(game, k, method.kernel_width)[0]
    if isinstance(method, Rise):
        return reference.rise(game, k, method.p)
    slow = {Shapley: reference.shapley, Banzhaf: reference.banzhaf, Occlusion: reference.occlusion}
    return slow[type(method)](game, k)


def drawn(sampler: Sampler, game: Game, rows: int, seed: int = 0) -> Masks:
    return sampler(game.segments, rows, np.random.default_rng(seed))


def third_order_game(segments: int = 10, seed: int = 1) -> Game:
    """Single effects, and products of two and of three segments."""
    rng = np.random.default_rng(seed)
    keep = (np.arange(2**segments)[:, np.newaxis] >> np.arange(segments)) & 1
    table = keep @ rng.normal(size=segments)
    for order in (2, 3):
        for chosen in itertools.combinations(range(segments), order):
            table = table + 0.2 * rng.normal() * keep[:, chosen].prod(axis=1)
    return Game(table[:, np.newaxis].astype(float))


@pytest.mark.parametrize("method", METHODS, ids=by_name)
@given(games())
@settings(max_examples=25, deadline=None)
def test_the_answer_on_every_mask_is_the_definition(method, game):
    made = game.ask(method, game.masks())
    scale = np.abs(game.table).max() + 1e-9
    for k in range(game.targets):
        assert made.values[k] == pytest.approx(definition(method, game, k), abs=1e-9 * scale)
    assert not made.error.any()


@pytest.mark.parametrize("method", METHODS, ids=by_name)
def test_six_segments_and_the_order_of_the_rows_change_nothing(method, rng):
    game, masks = random_game(6, targets=2), random_game(6).masks()
    order = rng.permutation(len(masks.keep))
    made = game.ask(method, Masks(masks.keep[order], masks.weight[order]))
    for k in range(2):
        assert made.values[k] == pytest.approx(definition(method, game, k), abs=1e-9)


def test_lime_starts_from_the_intercept_of_the_regression():
    game = random_game(5)
    coefficients, intercept = reference.lime(game)
    made = game.ask(Lime(), game.masks())
    assert made.values[0] == pytest.approx(coefficients, abs=1e-9)
    assert made.base[0] == pytest.approx(intercept, abs=1e-9)


@pytest.mark.parametrize("kernel_width", [0.1, 0.25, 3.0])
@pytest.mark.parametrize("ridge", [0.0, 1.0, 5.0])
def test_lime_on_some_masks_is_lime_s_own_ridge_regression(kernel_width, ridge):
    game = random_game(8, targets=2)
    masks = drawn(FoldOver(), game, 60)
    made = game.ask(Lime(kernel_width=kernel_width, ridge=ridge), masks)
    # A hair of ridge keeps scikit-learn from complaining where there is to be none.
    usual = Ridge(alpha=ridge or 1e-10, fit_intercept=True)
    for k in range(2):
        weight = reference.lime_kernel(masks.keep, kernel_width)
        usual.fit(masks.keep, game.values(masks.keep)[:, k], sample_weight=weight)
        assert made.values[k] == pytest.approx(usual.coef_, abs=1e-7)
        assert made.base[k] == pytest.approx(usual.intercept_, abs=1e-7)
        r_squared = usual.score(masks.keep, game.values(masks.keep)[:, k], sample_weight=weight)
        assert made.fit[k] == pytest.approx(r_squared, abs=1e-7)


def test_a_mask_counts_by_one_over_its_chance():
    # Every mask of a subset drawn twice as often, with half the weight, is the same regression.
    game, masks = random_game(5), random_game(5).masks()
    often = np.concatenate([masks.keep, masks.keep[::2]])
    weight = np.ones(len(often))
    weight[::2][: len(masks.keep[::2])] = 0.5
    weight[len(masks.keep) :] = 0.5
    plain = game.ask(Banzhaf(), masks)
    again = game.ask(Banzhaf(), Masks(often, weight))
    assert again.values == pytest.approx(plain.values, abs=1e-9)


@pytest.mark.parametrize("method", METHODS, ids=by_name)
@pytest.mark.parametrize("factor", [1e-3, 7.0])
def test_the_weights_of_masks_matter_up_to_a_common_factor_only(method, factor):
    game = random_game(7)
    masks = drawn(method.sample, game, 60)
    plain = game.ask(method, masks)
    scaled = game.ask(method, Masks(masks.keep, masks.weight * factor))
    assert scaled.values == pytest.approx(plain.values, abs=1e-9)
    assert scaled.error == pytest.approx(plain.error, abs=1e-9)


@pytest.mark.parametrize("method", LINEAR, ids=by_name)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=by_name)
def test_an_additive_game_is_recovered_exactly_from_any_masks(method, sampler, rng):
    weights, level = rng.normal(size=(2, 9)), np.array([0.5, -3.0])
    game = additive_game(weights, level)
    made = game.ask(method, drawn(sampler, game, 120))
    assert made.values == pytest.approx(weights, abs=1e-8)
    assert made.error == pytest.approx(np.zeros((2, 9)), abs=1e-8)
    assert made.base == pytest.approx(level, abs=1e-8)
    assert made.fit == pytest.approx([1, 1], abs=1e-8)


def test_occlusion_recovers_an_additive_game_from_one_mask_a_segment(rng):
    weights = rng.normal(size=(2, 9))
    game = additive_game(weights, np.zeros(2))
    made = game.ask(Occlusion(), drawn(LeaveOneOut(), game, 9))
    assert made.values == pytest.approx(weights, abs=1e-12)
    assert not made.error.any()
    assert made.fit == pytest.approx([1, 1])


@pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
def test_rise_of_an_additive_game_is_its_weights_times_the_chance_of_being_hidden(p, rng):
    weights = rng.normal(size=(1, 6))
    made = additive_game(weights, np.ones(1)).ask(Rise(p=p), random_game(6).masks())
    assert made.values == pytest.approx(weights * (1 - p), abs=1e-9)
    assert made.fit[0] == pytest.approx(1)


@given(games(least=2), st.sampled_from([Balanced(), FoldOver(), Bernoulli()]), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_shapley_values_add_up_whatever_masks_were_asked(game, sampler, rows):
    made = game.ask(Shapley(), drawn(sampler, game, rows))
    total = game.table[-1] - game.table[0]
    assert made.values.sum(axis=1) == pytest.approx(total, abs=1e-9 * max(1, np.abs(game.table).max()))
    assert np.array_equal(made.base, game.table[0])


@pytest.mark.parametrize("method", [Shapley(), Banzhaf(), Occlusion(), Rise()], ids=by_name)
def test_a_segment_that_does_nothing_gets_nothing(method):
    small = random_game(4)
    game = Game(np.repeat(small.table, 2, axis=0))  # the lowest bit changes nothing
    made = game.ask(method, game.masks())
    assert made.values[0, 0] == pytest.approx(0, abs=1e-12)
    assert np.abs(made.values[0, 1:]).min() > 1e-3


@pytest.mark.parametrize("method", METHODS, ids=by_name)
def test_segments_that_do_the_same_get_the_same(method):
    game = random_game(5)
    index = np.arange(32)
    swapped = (index & ~3) | ((index & 1) << 1) | ((index & 2) >> 1)
    alike = Game((game.table + game.table[swapped]) / 2)
    made = alike.ask(method, alike.masks())
    assert made.values[0, 0] == pytest.approx(made.values[0, 1], abs=1e-12)


@pytest.mark.parametrize("method", METHODS, ids=by_name)
def test_a_difference_of_two_targets_is_the_difference_of_their_attributions(method):
    game = random_game(8, targets=2)
    masks = drawn(method.sample, game, 64)
    both = game.ask(method, masks)
    contrast = Game(game.table[:, :1] - game.table[:, 1:]).ask(method, masks)
    assert contrast.values[0] == pytest.approx(both.values[0] - both.values[1], abs=1e-9)


@pytest.mark.parametrize("method", METHODS, ids=by_name)
def test_several_targets_are_as_good_as_one_at_a_time(method):
    game = random_game(8, targets=3)
    masks = drawn(method.sample, game, 64)
    together = game.ask(method, masks)
    assert together.values.shape == together.error.shape == (3, 8)
    for k in range(3):
        alone = Game(game.table[:, k : k + 1]).ask(method, masks)
        assert alone.values[0] == pytest.approx(together.values[k], abs=1e-9)
        assert alone.error[0] == pytest.approx(together.error[k], rel=1e-3, abs=1e-9)
        assert alone.fit[0] == pytest.approx(together.fit[k], abs=1e-9)


@pytest.mark.parametrize("method", METHODS[:5], ids=by_name)
def test_more_calls_bring_it_closer_to_the_truth_and_it_knows(method):
    game = third_order_game(12)
    truth = game.ask(method, game.masks()).values
    far, said = [], []
    for rows in (60, 240, 960):
        runs = [game.ask(method, drawn(method.sample, game, rows, seed)) for seed in range(6)]
        far.append(np.sqrt(np.mean([(run.values - truth) ** 2 for run in runs])))
        said.append(np.mean([run.error for run in runs]))
    assert far[0] > 1.4 * far[1] > 1.96 * far[2]
    assert said[0] > 1.4 * said[1] > 1.96 * said[2]


@pytest.mark.parametrize("method", [*LINEAR, Rise(), Rise(p=0.3)], ids=by_name)
def test_a_third_order_game_is_right_in_the_mean_over_seeds(method):
    game = third_order_game(8)
    truth = game.ask(method, game.masks()).values[0]
    runs = [game.ask(method, drawn(method.sample, game, 120, seed)).values[0] for seed in range(60)]
    spread = np.std(runs, axis=0) / np.sqrt(len(runs))
    assert (np.abs(np.mean(runs, axis=0) - truth) < 4 * spread).all()


@pytest.mark.parametrize("method", [Lime(), Shapley(), Banzhaf()], ids=by_name)
@pytest.mark.parametrize("sampler", [FoldOver(), Balanced(), Bernoulli()], ids=by_name)
def test_too_few_masks_have_no_error_to_show(method, sampler):
    game = random_game(10)
    made = game.ask(method, drawn(sampler, game, 8))
    assert np.isinf(made.error).all()
    assert not convergence.is_settled(made)


@pytest.mark.parametrize("method", [Lime(), Shapley(), Banzhaf()], ids=by_name)
def test_segments_always_hidden_together_are_not_told_apart_and_the_others_are(method, rng):
    game = additive_game(rng.normal(size=(1, 6)), np.zeros(1))
    keep = Exhaustive()(5, 32, rng).keep[:, [0, 0, 1, 2, 3, 4]]
    made = game.ask(method, Masks(keep[1:-1], np.ones(30)))
    assert np.isinf(made.error[0]).tolist() == [True, True, False, False, False, False]


@pytest.mark.parametrize(("segments", "rows"), [(40, 100), (70, 176), (130, 300), (200, 460)])
def test_a_fold_over_design_cut_short_still_tells_segments_apart(segments, rows, rng):
    weights = rng.normal(size=segments)
    for seed in range(3):
        masks = FoldOver()(segments, rows, np.random.default_rng(seed))
        values = (masks.keep @ weights)[:, np.newaxis]
        ends = np.array([weights.sum()]), np.zeros(1)
        made = Banzhaf()(masks, Scores(values, *ends, (0,), ends[0], rows))
        assert np.isfinite(made.error).all()
        assert made.values[0] == pytest.approx(weights, abs=1e-6)


def test_rise_cannot_tell_of_a_segment_that_is_always_or_never_visible(rng):
    game = random_game(5)
    keep = rng.random((40, 5)) < 0.5
    keep[:, 1], keep[:, 3] = True, False
    keep[:, 4] = False
    keep[0, 4] = True  # seen once: one value has no spread
    made = game.ask(Rise(), Masks(keep, np.ones(40)))
    assert np.isinf(made.error[0]).tolist() == [False, True, False, True, True]
    assert made.values[0, [1, 3, 4]].tolist() == [0, 0, 0]
    assert np.isfinite(made.values).all()


@pytest.mark.parametrize("method", [Lime(), Banzhaf(), Rise()], ids=by_name)
@pytest.mark.parametrize("rows", [0, 1])
def test_no_attribution_is_made_of_one_mask(method, rows):
    game = random_game(4)
    masks = Masks(np.ones((rows, 4), dtype=bool), np.ones(rows))
    with pytest.raises(BudgetError, match=f"at least 2 masks, but the budget leaves {rows}") as caught:
        game.ask(method, masks)
    assert caught.value.slug == "budget-small"


def test_shapley_of_the_two_ends_alone_is_an_even_split_that_nobody_vouches_for():
    game = random_game(4)
    ends = Masks(np.array([[False] * 4, [True] * 4]), np.ones(2))
    made = game.ask(Shapley(), ends)
    assert made.values[0] == pytest.approx(np.full(4, (game.table[-1, 0] - game.table[0, 0]) / 4))
    assert np.isinf(made.error).all()


@pytest.mark.parametrize("method", METHODS, ids=by_name)
def test_one_segment_is_explained_exactly(method):
    game = Game(np.array([[0.25, 3.0], [1.0, 1.0]]))
    made = game.ask(method, game.masks())
    share = 1 - method.p if isinstance(method, Rise) else 1
    assert made.values == pytest.approx(np.array([[0.75], [-2.0]]) * share)
    assert not made.error.any()


@pytest.mark.parametrize("method", METHODS, ids=by_name)
def test_scores_that_never_move_have_no_fit(method):
    made = Game(np.full((16, 1), 0.7)).ask(method, random_game(4).masks())
    assert np.isnan(made.fit).all()
    assert made.values == pytest.approx(np.zeros((1, 4)), abs=1e-12)


def test_drawing_with_replacement_as_often_as_there_are_masks_is_not_every_mask():
    game = random_game(5)
    masks = drawn(Bernoulli(), game, 32)
    assert len(np.unique(masks.keep, axis=0)) < 32
    for method in (Lime(), Banzhaf(), Rise()):
        made = game.ask(method, masks)
        assert (made.error > 0).all(), method


@pytest.mark.parametrize("method", [Lime(), Banzhaf(), Rise()], ids=by_name)
@pytest.mark.parametrize("rows", [300, 3000])
def test_errors_stay_honest_when_few_segments_are_drawn_with_replacement(method, rows):
    game = random_game(5)
    truth = game.ask(method, game.masks()).values
    runs = [game.ask(method, drawn(Bernoulli(), game, rows, seed)) for seed in range(60)]
    inside = np.mean([np.abs(run.values - truth) <= convergence.SURE * run.error for run in runs])
    assert 0.88 < inside <= 1
    assert np.mean([run.error for run in runs]) == pytest.approx(
        np.sqrt(np.mean([(run.values - truth) ** 2 for run in runs])), rel=0.15
    )


def test_a_user_s_sampler_need_not_know_its_chances_to_get_honest_errors():
    game = third_order_game(10)
    truth = game.ask(Banzhaf(), game.masks()).values
    inside = []
    for seed in range(40):
        rows = np.random.default_rng(seed).permutation(1024)[:200]
        keep = ((rows[:, np.newaxis] >> np.arange(10)) & 1).astype(bool)
        made = game.ask(Banzhaf(), Masks(keep, np.ones(200)))
        inside.append(np.abs(made.values - truth) <= convergence.SURE * made.error)
    assert 0.9 < np.mean(inside) <= 0.99


def test_balanced_masks_without_replacement_leave_no_error_when_none_is_left():
    game = random_game(9)
    made = game.ask(Shapley(), drawn(Balanced(), game, 2**9))
    assert made.error == pytest.approx(np.zeros((1, 9)), abs=1e-9)
    assert made.values[0] == pytest.approx(game.ask(Shapley(), game.masks()).values[0], abs=1e-9)


def test_asking_most_of_the_masks_leaves_little_error():
    # Without the finite-population correction the error at 1000 of 1024 masks would be as at infinity.
    game = third_order_game(10)
    half = game.ask(Shapley(), drawn(Balanced(), game, 512)).error.mean()
    most = game.ask(Shapley(), drawn(Balanced(), game, 1000)).error.mean()
    assert most < half / 3


def test_occlusion_says_which_masks_it_needs():
    game = random_game(6)
    with pytest.raises(
        OptionError, match=r"hide each segment alone: leave out `sample`, or use LeaveOneOut"
    ) as caught:
        game.ask(Occlusion(), drawn(Balanced(), game, 8))
    assert caught.value.slug == "sample-unfit"


def test_occlusion_finds_its_masks_among_others():
    game = random_game(6)
    made = game.ask(Occlusion(), game.masks())
    assert made.values[0] == pytest.approx(reference.occlusion(game))
    assert made.base[0] == game.table[-1, 0]


@pytest.mark.parametrize(
    "bad",
    [
        {"kernel_width": 0.0},
        {"kernel_width": -1.0},
        {"kernel_width": np.nan},
        {"ridge": -0.1},
        {"ridge": np.nan},
    ],
    ids=lambda options: str(options),
)
def test_lime_refuses_impossible_options(bad):
    with pytest.raises(
        OptionError,
        match=r"ridge >= 0, but Lime|a finite number",
    ) as caught:
        Lime(**bad)
    assert caught.value.slug == "option-value"


@pytest.mark.parametrize("p", [0.0, 1.0, -0.5])
def test_rise_refuses_chances_that_are_none(p):
    with pytest.raises(OptionError, match="p of Bernoulli must be"):
        Rise(p=p)


def test_each_method_names_the_masks_that_suit_it():
    assert [type(method.sample) for method in METHODS] == [
        FoldOver,
        Balanced,
        FoldOver,
        Bernoulli,
        Bernoulli,
        LeaveOneOut,
    ]
    assert Rise(p=0.3).sample == Bernoulli(p=0.3)


@pytest.mark.parametrize("segments", [100, 300])
@pytest.mark.parametrize("method", METHODS[:5], ids=by_name)
def test_many_segments_overflow_nothing(method, segments, rng):
    weights = rng.normal(size=segments)
    masks = method.sample(segments, 2 * segments + 100, rng)
    values = (masks.keep @ weights)[:, np.newaxis]
    full, empty = np.array([weights.sum()]), np.zeros(1)
    made = method(masks, Scores(values, full, empty, (0,), full, len(values) + 2))
    assert np.isfinite(made.values).all()
    if isinstance(method, Shapley | Banzhaf):
        assert made.values[0] == pytest.approx(weights, abs=1e-6)


# Real games: 2^14 scores of a ResNet-18 for images with segments shown and hidden.


@pytest.fixture(scope="module")
def real_games(shared_data) -> list[Game]:
    made = []
    for path in sorted((shared_data / "games").glob("resnet18-*.npz")):
        with np.load(path) as file:
            keep, values = file["coalitions"], file["values"].astype(float)
        table = np.empty((len(values), 1))
        table[keep @ (1 << np.arange(keep.shape[1])), 0] = values
        made.append(Game(table))
    assert len(made) >= 15
    return made


# 510 is what a budget of 512 leaves; budget="auto" asks by powers of two, where a code's runs are all there.
@pytest.mark.slow
@pytest.mark.parametrize("rows", [256, 510, 512])
@pytest.mark.parametrize(
    ("method", "bound"),
    [(Lime(), 0.01), (Banzhaf(), 0.01), (Shapley(), 0.02)],
    ids=["lime", "banzhaf", "shapley"],
)
def test_on_real_games_few_masks_come_close_and_the_intervals_hold(method, bound, rows, real_games):
    wrong, inside = [], []
    for game in real_games:
        truth = game.ask(method, drawn(Exhaustive(), game, 2**game.segments)).values[0]
        for seed in range(3):
            made = game.ask(method, drawn(method.sample, game, rows, seed))
            wrong.append(((made.values[0] - truth) ** 2).sum() / (truth**2).sum())
            inside.append(np.abs(made.values[0] - truth) <= convergence.SURE * made.error[0])
    assert np.mean(wrong) < bound * (512 / rows) ** 2 * 1.02
    assert 0.88 <= np.mean(inside) <= 1


def test_on_a_real_game_our_masks_beat_lime_s_at_the_same_cost(real_games):
    game = real_games[0]
    truth = game.ask(Lime(), drawn(Exhaustive(), game, 2**14)).values[0]

    def wrong(sampler: Sampler) -> float:
        runs = [game.ask(Lime(), drawn(sampler, game, 510, seed)).values[0] for seed in range(4)]
        return float(np.mean([((run - truth) ** 2).sum() for run in runs]))

    assert wrong(FoldOver()) < wrong(Bernoulli()) / 3
