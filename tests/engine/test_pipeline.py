"""The whole arrow: promises about calls, exactness, repeatability, warnings."""

import collections
import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.engine.attribute import Banzhaf, Lime, Occlusion, Rise, Shapley
from sightline.engine.fills import Colour, Noise
from sightline.engine.model_query import Classes, Top
from sightline.engine.pipeline import AUTO_MOST, run_plan
from sightline.engine.plan import Plan
from sightline.engine.sampling import Balanced, Bernoulli, Exhaustive, FoldOver, LeaveOneOut
from sightline.engine.segmentation import Given, Grid
from sightline.errors import BudgetError, ModelError, OptionError, SightlineWarning
from sightline.types import Attribution, Contrast, Masks, Scores
from support import reference
from support.reference import Game, additive_game, random_game

METHODS = (Lime(), Shapley(), Banzhaf(), Rise(), Occlusion())
SAMPLERS = (None, FoldOver(), Balanced(), Bernoulli(), LeaveOneOut(), Exhaustive())


class Watched:
    """A model that counts the images it was given."""

    def __init__(self, model) -> None:
        self.model = model
        self.images = collections.Counter()
        self.batches = []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.images.update(image.tobytes() for image in images)
        self.batches.append(len(images))
        return self.model(images)

    @property
    def calls(self) -> int:
        return sum(self.batches)


def soft(images: np.ndarray) -> np.ndarray:
    """A model of any image that is neither linear nor flat, three classes."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    waves = np.sin(np.outer(np.arange(1, 4), np.arange(flat.shape[1])))
    odds = np.exp(np.tanh(flat @ waves.T))
    return odds / odds.sum(axis=1, keepdims=True)


def hard_game(segments: int) -> Game:
    return random_game(segments, seed=5)


def unwarned(image: np.ndarray, model, plan: Plan, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SightlineWarning)
        return run_plan(image, model, plan, **options)


# Calls


@pytest.mark.slow
@given(
    st.sampled_from(METHODS),
    st.sampled_from(SAMPLERS),
    st.integers(1, 4),
    st.one_of(st.integers(3, 40), st.integers(3, 600)),
    st.sampled_from([1, 2, 3, 7, 8, 12, 40]),
    st.integers(1, 50),
)
@settings(max_examples=250, deadline=None)
def test_the_budget_is_never_exceeded(method, sampler, draws, budget, segments, batch_size):
    image = np.random.default_rng(0).random((2, segments))
    labels = np.tile(np.arange(segments), (2, 1))
    plan = Plan(
        segment=Given(labels), attribute=method, sample=sampler, fill=Noise(draws=draws), budget=budget
    )
    model, refused, made = Watched(soft), "", None
    try:
        *_, made = unwarned(image, model, plan, batch_size=batch_size)
    except (BudgetError, OptionError) as error:
        refused = error.slug
    assert model.calls <= budget
    assert max(model.batches, default=0) <= batch_size
    if made is None:
        # Occlusion does not go with masks that hide several segments.
        unfit = refused == "sample-unfit" and isinstance(method, Occlusion) and sampler is not None
        assert unfit or (refused == "budget-small" and budget < 1 + draws * max(4, 2**segments))
    else:
        assert made.calls == model.calls


@pytest.mark.parametrize("method", METHODS, ids=repr)
@pytest.mark.parametrize("budget", range(3, 12))
def test_the_smallest_budgets_answer_or_say_why_not(method, budget):
    game = hard_game(6)
    model = Watched(game.model)
    plan = game.plan(attribute=method, budget=budget)
    fewest = {Lime: 4, Banzhaf: 4, Rise: 4, Shapley: 3, Occlusion: 8}[type(method)]
    if budget < fewest:
        with pytest.raises(BudgetError, match="budget leaves") as caught:
            run_plan(game.image, model, plan)
        assert caught.value.slug == "budget-small"
    else:
        _, scores, made = unwarned(game.image, model, plan)
        assert np.isfinite(made.values).all()
        assert np.isinf(made.error).all() or isinstance(method, Occlusion | Rise)
        assert len(scores.values) <= budget - 2
    assert model.calls <= budget


@pytest.mark.parametrize("method", METHODS[:4], ids=repr)
@pytest.mark.parametrize("draws", [1, 2])
def test_a_budget_is_spent_to_within_a_pair_of_masks(method, draws):
    image = np.random.default_rng(0).random((4, 20))
    plan = Plan(segment=Grid(rows=4, columns=5), attribute=method, fill=Noise(draws=draws), budget=400)
    model = Watched(soft)
    *_, made = unwarned(image, model, plan)
    assert 400 - 3 * draws <= made.calls == model.calls <= 400


@pytest.mark.parametrize("sampler", [None, FoldOver(), Balanced(), Bernoulli(), Exhaustive()], ids=repr)
@pytest.mark.parametrize("segments", [3, 5, 7])
def test_equal_images_are_asked_once_and_only_the_image_twice(sampler, segments):
    game = hard_game(segments)
    model = Watched(game.model)
    plan = game.plan(attribute=Banzhaf(), sample=sampler, budget=300)
    unwarned(game.image, model, plan, batch_size=5)
    again = {image for image, times in model.images.items() if times > 1}
    assert again == {game.image.tobytes()}
    assert model.images[game.image.tobytes()] == 2


def test_every_answer_is_ticked():
    game, ticks = hard_game(9), []
    *_, made = run_plan(game.image, game.model, game.plan(budget=200), batch_size=64, tick=ticks.append)
    assert sum(ticks) == made.calls
    assert max(ticks) <= 64


# Exactness


@pytest.mark.parametrize("method", METHODS, ids=repr)
@pytest.mark.parametrize("budget", [32, 33, 600, "auto"])
def test_a_budget_for_every_mask_makes_the_answer_exact(method, budget):
    game = random_game(5, targets=2)
    slow = {Lime: lambda g, k: reference.lime(g, k)[0], Rise: lambda g, k: reference.rise(g, k)}
    slow |= {Shapley: reference.shapley, Banzhaf: reference.banzhaf, Occlusion: reference.occlusion}
    plan = game.plan(attribute=method, budget=budget, target=Classes(0, 1))
    *_, made = run_plan(game.image, game.model, plan)
    for k in range(2):
        assert made.values[k] == pytest.approx(slow[type(method)](game, k), abs=1e-9)
    assert not made.error.any()
    # With 32 calls none is left to ask for the image again, to see whether the model is steady.
    assert made.settled == (budget != 32 or isinstance(method, Occlusion))


@pytest.mark.parametrize("budget", [16, 17, 400])
@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_model_that_answers_at_random_is_never_settled(method, budget):
    rng = np.random.default_rng(0)
    plan = Plan(segment=Grid(rows=2, columns=2), fill=Colour(0.0), budget=budget, attribute=method)
    image = rng.random((4, 4))
    *_, made = unwarned(image, lambda images: rng.random((len(images), 2)), plan)
    assert not made.settled
    assert (made.error > 0).all() == (made.calls < budget or budget > 16)


@pytest.mark.parametrize("segments", [1, 2, 3, 8])
def test_exactly_as_many_calls_as_masks_are_enough(segments):
    game = hard_game(segments)
    model = Watched(game.model)
    plan = game.plan(attribute=Shapley(), budget=max(3, 2**segments))
    *_, made = run_plan(game.image, model, plan)
    assert not made.error.any()
    assert model.calls == max(3, 2**segments)


@pytest.mark.parametrize("budget", [64, "auto"])
def test_exhaustive_asked_for_by_name_needs_no_call_more(budget):
    game = hard_game(6)
    *_, made = run_plan(game.image, game.model, game.plan(sample=Exhaustive(), budget=budget))
    assert not made.error.any()


def test_exhaustive_asked_for_by_name_is_asked_whole_by_an_open_budget():
    game = hard_game(11)
    *_, made = run_plan(game.image, game.model, game.plan(sample=Exhaustive(), budget="auto"))
    assert made.calls == 2**11 + 1
    assert not made.error.any()


def test_exhaustive_says_what_it_would_take():
    game = hard_game(8)
    with pytest.raises(BudgetError, match=r"all masks of 8 segments are 2\^8") as caught:
        run_plan(game.image, game.model, game.plan(sample=Exhaustive(), budget=200))
    assert caught.value.slug == "budget-small"


# Repeatability


@pytest.mark.parametrize("method", METHODS, ids=repr)
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_the_batch_size_never_changes_the_numbers(method, dtype):
    image = (np.random.default_rng(0).random((6, 8, 3)) * 255).astype(dtype)
    plan = Plan(segment=Grid(rows=3, columns=4), attribute=method, fill=Noise(draws=2), budget=120)
    runs = [run_plan(image, soft, plan, batch_size=size) for size in (1, 7, 64, 1000, None)]
    for _, scores, made in runs[1:]:
        assert scores.values == pytest.approx(runs[0][1].values, abs=1e-12)
        assert made.values == pytest.approx(runs[0][2].values, abs=1e-9)
        assert made.error == pytest.approx(runs[0][2].error, abs=1e-9)
        assert made.calls == runs[0][2].calls


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS[:4], ids=repr)
@pytest.mark.parametrize("budget", [100, "auto"])
def test_the_same_seed_gives_the_same_answer_and_another_seed_another(method, budget):
    game = hard_game(11)

    def run(seed: int) -> Attribution:
        return run_plan(game.image, game.model, game.plan(attribute=method, budget=budget, seed=seed))[2]

    one, again, other = run(3), run(3), run(4)
    assert np.array_equal(one.values, again.values)
    assert np.array_equal(one.error, again.error)
    if other.error.any():  # an open budget may have asked every mask
        assert not np.array_equal(one.values, other.values)


def test_the_global_generator_is_left_alone():
    game = hard_game(11)
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    run_plan(game.image, game.model, game.plan(budget=64))
    assert np.array_equal(np.random.get_state()[1], before)


# The open budget


def test_an_open_budget_stops_when_it_is_settled_and_says_what_it_spent():
    game = additive_game((np.linspace(0.1, 1, 14) * (-1) ** np.arange(14))[np.newaxis], np.zeros(1))
    model = Watched(game.model)
    *_, made = run_plan(game.image, model, game.plan(budget="auto"))
    assert made.settled
    assert made.calls == model.calls < 200


@pytest.mark.slow
def test_an_open_budget_is_cheaper_for_an_easy_model_than_for_a_hard_one():
    easy = additive_game(np.linspace(-1, 1, 14)[np.newaxis], np.zeros(1))
    rng = np.random.default_rng(0)
    hard = Game(easy.table + 0.8 * rng.normal(size=easy.table.shape))
    spent = [
        run_plan(g.image, g.model, g.plan(attribute=Shapley(), budget="auto"))[2].calls for g in (easy, hard)
    ]
    assert 3 * spent[0] < spent[1]


@pytest.mark.slow
@pytest.mark.parametrize("segments", [10, 12, 13])
def test_an_open_budget_that_comes_to_every_mask_ends_exact(segments):
    game = hard_game(segments)
    model = Watched(game.model)
    *_, made = run_plan(game.image, model, game.plan(attribute=Banzhaf(), budget="auto"))
    assert not made.error.any()
    assert made.values[0] == pytest.approx(game.ask(Banzhaf(), game.masks()).values[0], abs=1e-9)
    assert model.calls in (2**segments, 2**segments + 1)


def test_an_open_budget_has_an_end():
    def noise(images: np.ndarray) -> np.ndarray:
        seeds = (images.reshape(len(images), -1) > 0.5) @ np.arange(1, 41) ** 3
        return np.sin(seeds * 12.9898)[:, np.newaxis] % 1

    model = Watched(noise)
    plan = Plan(segment=Given(np.arange(40)[np.newaxis]), fill=Colour(0.0), budget="auto")
    *_, made = run_plan(np.ones((1, 40)), model, plan)
    assert not made.settled
    assert AUTO_MOST - 4 <= made.calls == model.calls <= AUTO_MOST


def test_an_open_budget_does_not_chase_the_rounding_of_a_flat_model():
    def flat(images: np.ndarray) -> np.ndarray:
        noise = np.random.default_rng(len(images)).random((len(images), 2))
        return (0.7 + 1e-7 * noise).astype(np.float32)

    plan = Plan(segment=Given(np.arange(30)[np.newaxis]), fill=Colour(0.0), budget="auto")
    with pytest.warns(SightlineWarning, match="stayed at 0.7 whatever was hidden"):
        _, _, made = run_plan(np.ones((1, 30)), flat, plan)
    assert made.calls < 200
    assert not made.values.any()


@pytest.mark.parametrize("draws", [1, 60, pytest.param(1000, marks=pytest.mark.slow)])
def test_an_open_budget_holds_for_averaged_fills(draws):
    image = np.random.default_rng(0).random((2, 12))
    model = Watched(soft)
    plan = Plan(segment=Grid(rows=1, columns=12), fill=Noise(draws=draws), budget="auto", attribute=Shapley())
    *_, made = unwarned(image, model, plan)
    assert made.calls == model.calls <= AUTO_MOST


@pytest.mark.parametrize("segments", [5, 60])
def test_occlusion_with_an_open_budget_asks_each_segment_once(segments):
    model = Watched(soft)
    image = np.random.default_rng(0).random((1, segments))
    plan = Plan(
        segment=Given(np.arange(segments)[np.newaxis]), attribute=Occlusion(), fill=Colour(0.0), budget="auto"
    )
    *_, made = run_plan(image, model, plan)
    assert model.calls == segments + 3
    assert made.settled


# Warnings


def test_a_score_that_never_moves_is_nothing_to_explain():
    image = np.random.default_rng(0).random((4, 20))
    plan = Plan(segment=Grid(rows=4, columns=5), budget=60)
    with pytest.warns(SightlineWarning, match="stayed at 0.25 whatever was hidden") as caught:
        _, _, made = run_plan(image, lambda images: np.full((len(images), 4), 0.25), plan)
    assert len(caught) == 1
    assert "Try a stronger fill, such as Colour(0) or Blur()" in str(caught[0].message)
    assert caught[0].message.slug == "scores-flat"
    assert np.isnan(made.fit).all()
    assert not made.values.any()
    assert not made.error.any()


def test_one_flat_target_among_others_is_zero_and_no_alarm():
    game = random_game(6, targets=2)
    table = game.table.copy()
    table[:, 1] = 0.5
    flat = Game(table)
    *_, made = run_plan(flat.image, flat.model, flat.plan(target=Classes(0, 1), budget=50))
    assert made.values[0].all()
    assert not made.values[1].any()
    assert np.isnan(made.fit[1])


def test_a_model_that_changes_its_mind_is_reported():
    generator = np.random.default_rng(0)

    def dropout(images: np.ndarray) -> np.ndarray:
        return soft(images) + 0.1 * generator.random((len(images), 3))

    image = np.random.default_rng(0).random((4, 20))
    with pytest.warns(SightlineWarning, match=r"same image changed by 0\.\d+ when asked again") as caught:
        run_plan(image, dropout, Plan(segment=Grid(rows=4, columns=5), fill=Colour(0.0), budget=60))
    assert [warning.message.slug for warning in caught] == ["model-unsteady"]
    assert "is it in training mode, or random by design?" in str(caught[0].message)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["regression", "gaussian-process"])
def test_an_open_budget_ends_where_the_model_itself_is_what_is_unsure(estimator):
    generator = np.random.default_rng(0)

    def dropout(images: np.ndarray) -> np.ndarray:
        return soft(images) + 0.1 * generator.random((len(images), 3))

    image = np.random.default_rng(0).random((4, 20))
    plan = Plan(segment=Grid(rows=4, columns=5), fill=Colour(0.0), budget="auto", estimator=estimator)
    with pytest.warns(SightlineWarning, match="same image changed by"):
        *_, made = run_plan(image, dropout, plan)
    assert "the model's own answer changes by 0.0" in made.stopped
    assert made.calls <= 1100
    assert not made.settled


@pytest.mark.parametrize("exact", [True, False])
def test_rounding_in_single_precision_is_no_change_of_mind(exact):
    def single(images: np.ndarray) -> np.ndarray:
        flat = images.reshape(len(images), -1).astype(np.float32)
        # Another batch size, another order of summation.
        return (1000 + flat.sum(axis=1, keepdims=True) / 10 + len(images) % 7 * np.float32(6e-5)).astype(
            np.float32
        )

    image = np.random.default_rng(0).random((4, 20))
    columns = 2 if exact else 5
    run_plan(image, single, Plan(segment=Grid(rows=4, columns=columns), fill=Colour(0.0), budget=300))


def test_too_few_masks_are_reported():
    game = hard_game(12)
    with pytest.warns(SightlineWarning, match=r"masks are too few for 12 segments") as caught:
        _, _, made = run_plan(game.image, game.model, game.plan(budget=20))
    assert [warning.message.slug for warning in caught] == ["budget-thin"]
    assert "no telling how wrong the values are. Raise the budget or ask for fewer segments." in str(
        caught[0].message
    )
    assert not made.settled


def test_a_good_explanation_warns_of_nothing():
    game = hard_game(10)
    for method in METHODS:
        run_plan(game.image, game.model, game.plan(attribute=method, budget=200))


# What the model sees and says


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
def test_the_dtype_of_the_model_s_answer_is_of_no_consequence(dtype):
    game = Game(np.round(100 * random_game(7).table))
    plan = game.plan(budget=60)
    *_, made = run_plan(game.image, lambda images: game.model(images).astype(dtype), plan)
    *_, usual = run_plan(game.image, game.model, plan)
    assert made.values == pytest.approx(usual.values, abs=1e-9)


@pytest.mark.parametrize("shape", [(8, 10), (8, 10, 1), (8, 10, 3), (8, 10, 5)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "bool"])
def test_the_model_gets_the_image_s_shape_and_dtype(shape, dtype):
    seen = set()

    def model(images: np.ndarray) -> np.ndarray:
        seen.add((images.shape[1:], images.dtype.str))
        return soft(images)

    image = (np.random.default_rng(0).random(shape) * (1 if dtype[0] in "fb" else 200)).round().astype(dtype)
    segments, *_ = run_plan(image, model, Plan(segment=Grid(rows=2, columns=5), budget=40))
    assert seen == {(shape, np.dtype(dtype).str)}
    assert segments.count == 10


def test_a_model_that_works_in_place_changes_neither_the_image_nor_the_answer():
    def rude(images: np.ndarray) -> np.ndarray:
        scores = soft(images)
        images -= 7
        return scores

    image = np.random.default_rng(0).random((4, 20))
    before = image.copy()
    plan = Plan(segment=Grid(rows=4, columns=5), budget=100)
    *_, made = run_plan(image, rude, plan)
    assert np.array_equal(image, before)
    assert np.array_equal(made.values, run_plan(image, soft, plan)[2].values)


def test_a_model_that_keeps_its_images_keeps_the_right_ones():
    kept = []

    def hoarder(images: np.ndarray) -> np.ndarray:
        kept.append(images)
        return soft(images)

    image = np.random.default_rng(0).random((4, 20))
    run_plan(image, hoarder, Plan(segment=Grid(rows=4, columns=5), budget=100), batch_size=8)
    stack = Watched(soft)
    run_plan(image, stack, Plan(segment=Grid(rows=4, columns=5), budget=100), batch_size=8)
    assert collections.Counter(one.tobytes() for batch in kept for one in batch) == stack.images


def test_a_model_of_the_wrong_shape_is_refused():
    game = hard_game(6)
    with pytest.raises(
        ModelError, match=r"has to return scores of shape \(2, n_classes\), but it returned \(2,\)"
    ):
        run_plan(game.image, lambda images: np.zeros(len(images)), game.plan(budget=20))


# Targets


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_contrast_is_the_difference_of_its_classes_from_the_same_calls(method):
    game = random_game(9, targets=3)
    model = Watched(game.model)
    plan = game.plan(attribute=method, target=Classes(0, 2, Contrast(0, 2), Contrast(2, 0)), budget=100)
    _, scores, made = run_plan(game.image, model, plan)
    assert model.calls <= 100
    assert scores.targets == (0, 2, Contrast(0, 2), Contrast(2, 0))
    assert made.values[2] == pytest.approx(made.values[0] - made.values[1], abs=1e-9)
    assert made.values[3] == pytest.approx(-made.values[2], abs=1e-12)
    assert made.error[3] == pytest.approx(made.error[2], rel=1e-6)
    assert scores.full[2] == pytest.approx(scores.full[0] - scores.full[1])


def test_top_of_more_classes_than_there_are_is_all_of_them():
    game = random_game(5, targets=3)
    _, scores, made = run_plan(game.image, game.model, game.plan(target=Top(k=10), budget=40))
    assert scores.targets == tuple(np.argsort(-game.table[-1]))
    assert made.values.shape == (3, 5)
    assert scores.full == pytest.approx(np.sort(game.table[-1])[::-1])
    assert scores.classes == pytest.approx(game.table[-1])


# Every stage may be a plain function


def test_every_stage_may_be_a_plain_function():
    image = np.arange(1.0, 13).reshape(2, 6)

    def halves(pixels):
        assert pixels.shape == (2, 6)
        return [[3] * 3 + [8] * 3] * 2

    def black(pixels, segments):
        assert (pixels.shape, segments.count) == ((2, 6, 1), 2)
        return np.zeros((2, 6))

    def both(segments, rows, rng):
        return Masks(np.array([[True, False], [False, True]]), np.ones(2))

    def difference(masks: Masks, scores: Scores) -> Attribution:
        values = (scores.full - scores.values[::-1]).T
        return Attribution(values, np.zeros_like(values), scores.empty, np.ones(1))

    plan = Plan(
        segment=halves, fill=black, sample=both, attribute=difference, target=lambda classes: (1,), budget=9
    )
    _, _, made = run_plan(image, lambda images: np.stack([images.sum(axis=(1, 2))] * 2, axis=1), plan)
    assert made.values.tolist() == [[image[:, :3].sum(), image[:, 3:].sum()]]
    assert made.calls == 5


@pytest.mark.parametrize(("rows", "width"), [(30, 6), (4, 5), (4, 7)])
def test_a_sampler_that_breaks_its_promise_is_refused_before_the_model_is_asked(rows, width):
    game = hard_game(6)
    model = Watched(game.model)

    def greedy(segments, asked, rng):
        return Masks(rng.random((rows, width)) < 0.5, np.ones(rows))

    with pytest.raises(
        OptionError, match=rf"up to 17 masks of 6 segments, but .*greedy.* returned {rows} of {width}"
    ) as caught:
        run_plan(game.image, model, game.plan(sample=greedy, budget=20))
    assert caught.value.slug == "sample-shape"
    assert model.calls == 2


def test_an_attribution_without_masks_of_its_own_needs_a_sampler():
    game = hard_game(6)

    def zero(masks: Masks, scores: Scores) -> Attribution:
        return dataclasses.replace(Lime()(masks, scores), values=np.zeros((1, 6)))

    with pytest.raises(OptionError, match="does not say which masks it wants: give sample= too") as caught:
        run_plan(game.image, game.model, game.plan(attribute=zero))
    assert caught.value.slug == "sample-missing"


def test_more_draws_than_calls_are_refused():
    image = np.random.default_rng(0).random((4, 20))
    plan = Plan(segment=Grid(rows=4, columns=5), fill=Noise(draws=50), budget=100)
    with pytest.raises(BudgetError, match="50 draws of the fill leave no mask within 100 model calls"):
        run_plan(image, soft, plan)


def test_occlusion_says_how_many_calls_it_takes():
    game = hard_game(9)
    with pytest.raises(
        BudgetError, match="hiding each of 9 segments alone takes 9 model calls and the two ends"
    ):
        run_plan(game.image, game.model, game.plan(attribute=Occlusion(), budget=10))
    run_plan(game.image, game.model, game.plan(attribute=Occlusion(), budget=11))
