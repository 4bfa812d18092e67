"""Who answers, the regression or the process, and why; and what both promise the pipeline."""

import warnings

import numpy as np
import pytest

from sightline.engine.attribute import Banzhaf, Lime, Occlusion, Rise, Shapley
from sightline.engine.estimators import (
    MOST_FITTED,
    AdaptiveProcess,
    Regression,
    choose_estimator,
    quicker_hint,
)
from sightline.engine.fills import Colour, Noise
from sightline.engine.model_query import Classes
from sightline.engine.pipeline import run_plan
from sightline.engine.plan import Plan
from sightline.engine.sampling import Balanced, Exhaustive, size_weights
from sightline.engine.segmentation import Given
from sightline.errors import OptionError, SightlineWarning
from sightline.types import Attribution, Contrast, Masks, ModelAbilities
from support import reference
from support.reference import Game

METHODS = (Lime(), Shapley(), Banzhaf(), Rise())


class Dear(ModelAbilities):
    """A model that is known to take its time, and counts."""

    is_costly = True

    def __init__(self, model) -> None:
        self.model = model
        self.calls = 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.calls += len(images)
        return self.model(images)


def smooth_game(segments: int, targets: int = 1, seed: int = 0) -> Game:
    """Chances: a logistic of single effects and a few pairs."""
    rng = np.random.default_rng(seed)
    keep = (np.arange(2**segments)[:, np.newaxis] >> np.arange(segments) & 1).astype(float)
    evidence = keep @ rng.normal(size=(segments, targets)) * 4 / np.sqrt(segments) - 1
    for i in range(segments - 1):
        evidence += (keep[:, i] * keep[:, i + 1])[:, np.newaxis] * rng.normal(size=targets)
    return Game(1 / (1 + np.exp(-evidence)))


def explained(game: Game, model, **options) -> Attribution:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SightlineWarning)
        return run_plan(game.image, model, game.plan(**options))[2]


def truth(game: Game, method, k: int = 0) -> np.ndarray:
    return game.ask(method, game.masks()).values[k]


# The choice


@pytest.mark.parametrize(
    ("options", "costly", "segments", "rows", "name", "reason"),
    [
        ({}, False, 20, 900, "regression", "calls of this model may be cheap"),
        ({}, True, 20, 900, "gaussian-process", "calls of a network or server are dear"),
        ({"estimator": "regression"}, True, 20, 900, "regression", "as asked for"),
        ({"estimator": "gaussian-process"}, False, 20, 900, "gaussian-process", "as asked for"),
        ({"budget": "auto"}, False, 20, 8000, "gaussian-process", "the budget is open"),
        ({"budget": "auto"}, True, 20, 8000, "gaussian-process", "calls of a network or server are dear"),
        ({"budget": "auto", "estimator": "regression"}, True, 20, 8000, "regression", "as asked for"),
        ({}, True, 8, 254, "regression", "of all masks"),
        ({}, True, 8, 253, "gaussian-process", "calls of a network or server are dear"),
        ({"budget": "auto"}, True, 7, 8000, "regression", "of all masks"),
        ({"budget": "auto"}, True, 8, 8000, "gaussian-process", "calls of a network or server are dear"),
        ({"estimator": "gaussian-process"}, True, 6, 900, "regression", "of all masks"),
        ({}, True, 1, 900, "regression", "of all masks"),
        ({"sample": Balanced()}, True, 20, 900, "regression", "its masks are given"),
        ({"attribute": Occlusion()}, True, 20, 900, "regression", "its masks are given"),
        (
            {"attribute": Occlusion(), "estimator": "gaussian-process"},
            *(True, 20, 900, "regression", "its masks are given"),
        ),
        (
            {},
            *(True, 20, MOST_FITTED + 1, "regression"),
            "4,096 masks are the most that a process is fitted to",
        ),
    ],
)
def test_the_choice_follows_the_plan_and_the_kind_of_model(options, costly, segments, rows, name, reason):
    model = Dear(len) if costly else len
    made = choose_estimator(Plan(**options), model, segments, rows, (0,))
    assert isinstance(made, Regression) == (name == "regression")
    assert made.reason == reason


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_what_answered_is_told_with_the_answer(method):
    game = smooth_game(9)
    for model, name in ((game.model, "regression"), (Dear(game.model), "gaussian-process")):
        made = explained(game, model, attribute=method, budget=100)
        assert made.estimator == name
        assert made.reason


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sample": Balanced()}, r"but sample=Balanced\(\) was given: leave it out"),
        ({"sample": Balanced(), "attribute": lambda masks, scores: None}, "but sample="),
    ],
)
def test_masks_of_ones_own_do_not_go_with_a_process(options, said):
    game = smooth_game(9)
    with pytest.raises(OptionError, match=said) as caught:
        explained(game, game.model, estimator="gaussian-process", budget=100, **options)
    assert caught.value.slug == "estimator-unfit"


# What a process promises


@pytest.mark.parametrize("method", METHODS, ids=repr)
@pytest.mark.parametrize("budget", [40, pytest.param(150, marks=pytest.mark.slow)])
@pytest.mark.parametrize("draws", [1, 2])
def test_a_budget_is_kept_and_spent_by_a_process(method, budget, draws):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=20)

    def model(images: np.ndarray) -> np.ndarray:
        shown = 1 / (1 + np.exp(-(images[:, 0] @ weights)))
        return np.stack([shown, 1 - shown], axis=1)

    asked = Dear(model)
    plan = Plan(
        segment=Given(np.arange(20)[np.newaxis]), fill=Noise(draws=draws), attribute=method, budget=budget
    )
    *_, made = run_plan(rng.random((1, 20)), asked, plan)
    assert made.estimator == "gaussian-process"
    assert budget - 3 * draws <= made.calls == asked.calls <= budget


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_process_errs_far_less_than_the_regression_of_as_many_calls(method):
    away = {"regression": 0.0, "gaussian-process": 0.0}
    for seed in range(3):
        game = smooth_game(10, seed=seed)
        for name in away:
            made = explained(game, game.model, attribute=method, budget=130, estimator=name)
            away[name] += ((made.values[0] - truth(game, method)) ** 2).sum()
    assert away["gaussian-process"] < 0.3 * away["regression"]


@pytest.mark.parametrize("method", [Lime(), Shapley()], ids=repr)
@pytest.mark.parametrize("scale", ["probability", "log-odds"])
def test_several_targets_and_contrasts_come_from_the_same_calls(method, scale):
    game = smooth_game(9, targets=2, seed=3)
    game = Game(np.concatenate([game.table / 2, 1 - game.table.mean(axis=1, keepdims=True)], axis=1))
    options = {"target": Classes(0, 2, Contrast(0, 1)), "budget": 200, "scale": scale, "attribute": method}
    made = explained(game, Dear(game.model), **options)
    exact = explained(game, game.model, **options | {"budget": 600})
    assert made.estimator == "gaussian-process"
    assert made.calls <= 200
    away = np.linalg.norm(made.values - exact.values, axis=1)
    assert (away < 0.1 * np.linalg.norm(exact.values, axis=1)).all()


def test_a_contrast_of_a_process_is_between_the_walls_of_a_difference():
    game = smooth_game(10, seed=2)
    both = Game(np.concatenate([game.table, 1 - game.table], axis=1))
    made = explained(both, Dear(both.model), target=Classes(0, Contrast(0, 1)), budget=130)
    assert made.values[1] == pytest.approx(2 * made.values[0], abs=0.02)
    assert made.error[1] == pytest.approx(2 * made.error[0], rel=0.2)
    assert made.base[1] == pytest.approx(2 * made.base[0] - 1, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("segments", [8, 9])
def test_a_process_that_comes_to_every_mask_is_exact(segments):
    rng = np.random.default_rng(1)
    game = Game(rng.random((2**segments, 1)))  # nothing to be predicted
    model = Dear(game.model)
    made = explained(game, model, attribute=Shapley(), budget="auto")
    assert made.values[0] == pytest.approx(
        reference.shapley(game) if segments < 9 else truth(game, Shapley())
    )
    assert not made.error.any()
    assert model.calls <= 2**segments + 1
    assert made.reason == "of all masks"


def test_a_flat_model_is_handed_over_and_stays_zero():
    game = Game(np.full((2**12, 1), 0.7))
    made = explained(game, Dear(game.model), budget=200)
    assert made.estimator == "regression"
    assert made.reason == "the score never moved"
    assert not made.values.any()
    assert not made.error.any()


def test_one_flat_target_beside_another_is_zero_and_the_other_is_known():
    game = smooth_game(10)
    both = Game(np.concatenate([game.table, np.full_like(game.table, 0.5)], axis=1))
    made = explained(both, Dear(both.model), target=Classes(0, 1), budget=130)
    assert not made.values[1].any()
    assert np.linalg.norm(made.values[0] - truth(game, Lime())) < 0.1 * np.linalg.norm(truth(game, Lime()))


def test_where_nothing_can_be_predicted_the_regression_answers_from_the_same_masks():
    game = Game(np.random.default_rng(0).random((2**14, 1)))
    model = Dear(game.model)
    made = explained(game, model, attribute=Shapley(), budget=600)
    assert made.estimator == "regression"
    assert "next to nothing" in made.reason
    assert 590 <= model.calls <= 600
    away = (made.values[0] - truth(game, Shapley())) / made.error[0]
    assert 0.3 < np.mean(away**2) < 3


@pytest.mark.slow
def test_a_process_is_repeatable_and_another_seed_asks_other_masks():
    game = smooth_game(12)
    runs = [
        explained(game, Dear(game.model), budget=100, seed=seed, attribute=Shapley()) for seed in (1, 1, 2)
    ]
    assert np.array_equal(runs[0].values, runs[1].values)
    assert not np.array_equal(runs[0].values, runs[2].values)


def test_a_process_that_reaches_its_most_masks_answers_itself():
    game = smooth_game(10)
    process = AdaptiveProcess(Plan(attribute=Shapley()), 10, 64, "as asked for", (0,), most=64)
    asked = 0
    while (masks := process.next_masks()) is not None:
        process.record(masks, game.scores(masks))
        asked = len(masks.keep)
    assert asked == 63
    assert process.attribution().estimator == "gaussian-process"


# An open budget


@pytest.mark.slow
@pytest.mark.parametrize("method", [Lime(), Shapley()], ids=repr)
def test_an_open_budget_stops_at_the_error_that_it_states_and_says_why(method):
    for seed in range(4):
        game = smooth_game(12, seed=seed)
        made = explained(game, game.model, attribute=method, budget="auto")
        assert made.estimator == "gaussian-process"
        assert made.calls < 600
        stated = np.linalg.norm(made.error) / np.linalg.norm(made.values)
        if made.stopped == "the errors are below 5 % of the values":
            assert stated <= 0.05
        else:
            assert made.stopped == "the leading segments are told apart"
            assert made.settled
        away = np.linalg.norm(made.values[0] - truth(game, method)) / np.linalg.norm(truth(game, method))
        assert away < max(0.1, 3 * stated)


@pytest.mark.parametrize("method", [Banzhaf(), Lime()])
@pytest.mark.parametrize("seed", [1, 2])
def test_an_open_budget_looks_beyond_the_code_that_it_explains(method, seed):
    # In its first 15 pairs of masks this product of three looks like one segment that does nothing.
    keep = (np.arange(2**9)[:, np.newaxis] >> np.arange(9)) & 1
    game = Game((2.0 * keep[:, :3].all(axis=1) + keep[:, 4:6].all(axis=1))[:, np.newaxis])
    made = explained(game, game.model, attribute=method, budget="auto", seed=seed)
    exact = truth(game, method)
    assert made.estimator == "gaussian-process"
    assert made.calls < 150
    assert made.values[0] == pytest.approx(exact, abs=0.02)
    assert (np.abs(made.values[0] - exact) <= 3 * made.error[0] + 1e-3).all()


def test_an_open_budget_of_what_may_be_cheap_goes_on_with_the_regression():
    game = Game(np.random.default_rng(0).random((2**16, 1)))
    spent = explained(game, game.model, attribute=Rise(), budget="auto")
    assert spent.estimator == "regression"
    assert spent.calls > 4096


def test_a_fixed_budget_never_stops_early():
    game = smooth_game(12)
    made = explained(game, Dear(game.model), budget=130)
    assert made.calls == 130
    assert made.stopped == ""


# Weights of masks that were chosen


def test_masks_of_each_size_stand_for_all_of_that_size():
    keep = Exhaustive()(5, 32, np.random.default_rng(0)).keep
    assert size_weights(keep) == pytest.approx(np.ones(32))
    some = keep[[0, 1, 2, 3, 31]]
    assert size_weights(some) == pytest.approx([1, 2.5, 2.5, 10, 1])


def test_an_estimator_that_is_done_asks_nothing_more():
    game = smooth_game(9)
    plan = game.plan(budget=60)
    for made in (Regression(plan, 9, 57, "as asked for"), AdaptiveProcess(plan, 9, 57, "as asked for", (0,))):
        masks = made.next_masks()
        while masks is not None:
            last = masks
            made.record(masks, game.scores(Masks(masks.keep, masks.weight)))
            masks = made.next_masks()
        assert made.next_masks() is None
        assert 54 <= len(last.keep) <= 57
        assert Colour(0.0) == plan.fill


@pytest.mark.parametrize(
    ("name", "cheap", "asking", "thinking", "said"),
    [
        ("regression", True, 60.0, 0.1, "gaussian-process"),
        ("regression", True, 4.0, 0.1, ""),
        ("regression", False, 60.0, 0.1, ""),
        ("gaussian-process", False, 2.0, 9.0, '9 s of thought, 2 s of calls: estimator="regression"'),
        ("gaussian-process", False, 2.0, 4.0, ""),
        ("gaussian-process", False, 10.0, 9.0, ""),
    ],
)
def test_what_would_have_been_quicker_is_said_of_seconds_only(name, cheap, asking, thinking, said):
    none = np.zeros((1, 2))
    made = Attribution(none, none, none[0, :1], none[0, :1], estimator=name)
    hint = quicker_hint(made, asking, thinking, calls=1000, might_be_cheap=cheap)
    assert said in hint
    assert bool(said) == bool(hint)
