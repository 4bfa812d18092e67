"""Measures of an explanation's truth, on models whose truth is planted."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from sightline.adapters import as_model
from sightline.engine.fills import Colour
from sightline.engine.plan import Plan
from sightline.engine.segmentation import Given, Grid
from sightline.errors import ModelError, OptionError, TargetError
from sightline.evaluation import faithfulness
from sightline.evaluation.faithfulness import Measure
from sightline.explain_image import explain
from sightline.explanation import Explanation
from sightline.types import Heatmap
from support.torch_nets import cnn

SIDE = 5
WEIGHTS = np.zeros(SIDE * SIDE)
WEIGHTS[[2, 7, 18]] = 0.5, 0.3, 0.15
IMAGE = np.ones((20, 20))


def planted(images: np.ndarray) -> np.ndarray:
    """Looks at three tiles of a five by five grid, and adds up how bright they are."""
    tiles = images.reshape(len(images), SIDE, 4, SIDE, 4).mean(axis=(2, 4)).reshape(len(images), -1)
    score = tiles @ WEIGHTS
    return np.stack([score, 1 - score], axis=1)


def both(images: np.ndarray) -> np.ndarray:
    """Wants two of the tiles at once: a product, which no additive image can hold."""
    tiles = images.reshape(len(images), SIDE, 4, SIDE, 4).mean(axis=(2, 4)).reshape(len(images), -1)
    score = tiles[:, 2] * tiles[:, 7]
    return np.stack([score, 1 - score], axis=1)


PLAN = Plan(segment=Grid(rows=SIDE, columns=SIDE), fill=Colour(0.0), target=0, budget=300)


@pytest.fixture(scope="module")
def true() -> Explanation:
    return explain(IMAGE, planted, PLAN, attribute="shapley")


def with_values(made: Explanation, values: np.ndarray) -> Explanation:
    changed = np.broadcast_to(values, made.attribution.values.shape).astype(float)
    return dataclasses.replace(made, attribution=dataclasses.replace(made.attribution, values=changed))


def mean_over_area(scores: list[float]) -> float:
    """Trapezia over segments of equal area."""
    return float(np.mean([(a + b) / 2 for a, b in itertools.pairwise(scores)]))


def test_deletion_is_the_mean_score_while_the_leading_segments_go(true):
    measure = faithfulness.deletion(true, planted)
    # The three tiles go first, then nothing is left to lose.
    assert measure.value == pytest.approx(mean_over_area([0.95, 0.45, 0.15] + [0.0] * 23))
    assert measure.curve[:, 1] == pytest.approx([0.95, 0.45, 0.15] + [0.0] * 23, abs=1e-9)
    assert measure.curve[:, 0] == pytest.approx(np.arange(26) / 25)
    assert not measure.higher


def test_insertion_is_the_mean_score_while_the_leading_segments_come(true):
    measure = faithfulness.insertion(true, planted)
    assert measure.value == pytest.approx(mean_over_area([0.0, 0.5, 0.8] + [0.95] * 23))
    assert measure.higher


@pytest.mark.parametrize(
    "measure", [faithfulness.deletion, faithfulness.insertion, faithfulness.held_out_fit]
)
def test_a_true_map_beats_random_and_a_reversed_one_does_not(measure, true):
    good = measure(true, planted)
    bad = measure(
        with_values(true, -WEIGHTS if measure is not faithfulness.held_out_fit else WEIGHTS[::-1]), planted
    )
    assert good.beats_random
    assert not bad.beats_random
    assert (good.value > bad.value) == good.higher


def test_random_maps_are_random_orders_of_the_same_segments(true):
    measure = faithfulness.insertion(true, planted, randoms=200)
    # On the average a tile comes in the middle: half of the score, give or take.
    assert measure.random == pytest.approx(0.95 / 2, abs=0.05)
    assert 0.05 < measure.spread < 0.3
    same, other = (
        faithfulness.insertion(true, planted, randoms=200),
        faithfulness.insertion(true, planted, seed=1),
    )
    assert (same.random, same.spread) == (measure.random, measure.spread)
    assert other.random != measure.random


def test_areas_are_counted_and_not_segments(true):
    labels = np.array([0] * 5 + [1, 2, 3, 4, 5, 6, 6, 6] + [7] * 7)[np.newaxis].repeat(20, axis=0)

    def left(images: np.ndarray) -> np.ndarray:
        return np.stack([images[:, :, :5].mean(axis=(1, 2)), np.zeros(len(images))], axis=1)

    made = explain(IMAGE, left, PLAN, segment=Given(labels))
    measure = faithfulness.insertion(made, left, randoms=2)
    # The left quarter brings the whole score; the other three quarters keep it.
    assert measure.curve[:2, 0] == pytest.approx([0, 0.25])
    assert sorted(np.diff(measure.curve[:, 0])) == pytest.approx(np.array([1] * 5 + [3, 5, 7]) / 20)
    assert measure.value == pytest.approx(0.25 * 0.5 + 0.75)


def test_the_fit_of_an_additive_model_is_one_on_masks_it_never_saw(true):
    measure = faithfulness.held_out_fit(true, planted)
    assert measure.value == pytest.approx(1, abs=1e-9)
    assert measure.random < 0.5
    assert measure.calls == 200


def test_the_fit_of_a_product_is_below_one():
    made = explain(IMAGE, both, PLAN, attribute="lime")
    assert 0.4 < faithfulness.held_out_fit(made, both).value < 0.9


def test_the_fit_does_not_mind_a_method_s_scale(true):
    assert faithfulness.held_out_fit(with_values(true, 7 * WEIGHTS), planted).value == pytest.approx(1)


def test_a_map_of_one_value_fits_nothing_and_warns_of_nothing(true):
    assert faithfulness.held_out_fit(with_values(true, np.zeros(25)), planted).value == pytest.approx(0)


def test_the_masks_of_the_fit_are_others_than_the_explanation_s(true):
    asked = []

    def seen(images: np.ndarray) -> np.ndarray:
        asked.extend(image.tobytes() for image in images)
        return planted(images)

    explain(IMAGE, seen, true.plan)
    before = set(asked)
    asked.clear()
    faithfulness.held_out_fit(true, seen)
    assert len(set(asked) & before) == 0


def test_an_exact_explanation_is_stable():
    made = explain(IMAGE, planted, PLAN, segment=Grid(rows=2, columns=4), budget=300)
    measure = faithfulness.stability(made, planted, seeds=3)
    assert measure.value == 1
    assert measure.random == pytest.approx(5 / 8)
    assert measure.calls == 3 * (2**8 + 1)


def test_an_explanation_from_too_few_calls_is_not_stable():
    def restless(images: np.ndarray) -> np.ndarray:
        bits = images[:, 2::4, 2::4].reshape(len(images), -1) > 0.5
        return np.sin((bits @ np.arange(1, 26) ** 3) * 12.9898)[:, np.newaxis] * np.array([1, -1])

    made = explain(IMAGE, restless, PLAN, budget=100)
    measure = faithfulness.stability(made, restless, seeds=4)
    assert measure.value < 0.7
    # The overlap of two random fives among 25.
    rng = np.random.default_rng(0)
    overlaps = [len({*rng.permutation(25)[:5]} & {*rng.permutation(25)[:5]}) / 5 for _ in range(4000)]
    assert measure.random == pytest.approx(np.mean(overlaps), abs=0.01)
    assert measure.spread == pytest.approx(np.std(overlaps) / np.sqrt(10), rel=0.05)


def test_stability_leaves_the_segments_alone_and_changes_the_seed(true, monkeypatch):
    seen = []
    run = faithfulness.run_plan

    def watched(image, model, plan, **options):
        seen.append((plan.seed, plan.segment.labels))
        return run(image, model, plan, **options)

    monkeypatch.setattr(faithfulness, "run_plan", watched)
    faithfulness.stability(true, planted, seeds=2)
    assert [seed for seed, _ in seen] == [1, 2]
    assert all((labels == true.segments.labels).all() for _, labels in seen)


@pytest.mark.slow
def test_the_other_target_is_measured_when_asked_for():
    made = explain(IMAGE, planted, PLAN, target=[0, 1], attribute="shapley")
    first, second = faithfulness.insertion(made, planted), faithfulness.insertion(made, planted, target=1)
    assert first.value > 0.8
    # Class 1 likes what hides the three tiles: they come last.
    assert second.curve[0, 1] == pytest.approx(1)
    assert second.value > 0.9
    with pytest.raises(TargetError, match="was not explained"):
        faithfulness.insertion(made, planted, target=5)


def test_all_four_come_together(true):
    measures = faithfulness.check_all(true, planted)
    assert [measure.name for measure in measures] == ["deletion", "insertion", "fit", "stability"]
    assert all(measure.beats_random for measure in measures[:3])


def test_calls_are_counted(true):
    calls = []

    def counted(images: np.ndarray) -> np.ndarray:
        calls.append(len(images))
        return planted(images)

    for measure in (
        faithfulness.deletion,
        faithfulness.insertion,
        faithfulness.held_out_fit,
        faithfulness.stability,
    ):
        calls.clear()
        assert measure(true, counted).calls == sum(calls), measure


@pytest.mark.parametrize(
    ("measure", "better", "text"),
    [
        (
            Measure("deletion", 0.1, 0.5, 0.1, False, 40),
            True,
            "deletion 0.100, better than a random map's 0.500 ± 0.100 (lower is better; 40 calls)",
        ),
        (
            Measure("insertion", 0.55, 0.5, 0.1, True, 40),
            False,
            "insertion 0.550, no better than a random map's 0.500 ± 0.100 (higher is better; 40 calls)",
        ),
        (
            Measure("deletion", 0.9, 0.5, 0.1, False, 4),
            False,
            "deletion 0.900, no better than a random map's 0.500 ± 0.100 (lower is better; 4 calls)",
        ),
    ],
)
def test_a_measure_says_whether_it_beats_chance(measure, better, text):
    assert measure.beats_random == better
    assert repr(measure) == text


def test_stability_over_no_other_seed_is_refused(true):
    with pytest.raises(
        OptionError, match="seeds of stability must be a whole number from 1 up, but 0"
    ) as caught:
        faithfulness.stability(true, planted, seeds=0)
    assert caught.value.slug == "option-value"


@pytest.mark.parametrize(
    ("measure", "options", "said"),
    [
        (
            faithfulness.deletion,
            {"randoms": 0},
            "randoms of deletion must be a whole number from 1 up, but 0",
        ),
        (
            faithfulness.insertion,
            {"randoms": -1},
            "randoms of insertion must be a whole number from 1 up",
        ),
        (faithfulness.held_out_fit, {"randoms": 0}, "randoms of fit must be a whole number from 1 up, but 0"),
        (faithfulness.held_out_fit, {"masks": 1}, "masks of fit must be a whole number from 2 up, but 1"),
    ],
)
def test_nothing_to_compare_with_is_refused_before_the_model_is_asked(true, measure, options, said):
    def never(images: np.ndarray) -> np.ndarray:
        raise AssertionError("the model was asked")

    with pytest.raises(OptionError, match=said) as caught:
        measure(true, never, **options)
    assert caught.value.slug == "option-value"


def test_the_fewest_masks_and_random_maps_are_enough_for_a_figure(true):
    assert faithfulness.held_out_fit(true, planted, masks=2, randoms=1).calls == 2
    assert np.isfinite(faithfulness.deletion(true, planted, randoms=1).random)


@pytest.mark.slow
def test_randomisation_tells_a_map_of_the_image_from_one_of_the_network():
    """A map that does not depend on the weights keeps its ranks."""
    net = cnn()
    image = np.random.default_rng(0).random((24, 20, 3)).astype(np.float32)

    def edges(network, inputs, weights, seed):
        return Heatmap((inputs[0].sum(axis=-1),), None, sums=True)

    edges.looks_inside = True
    fooled = faithfulness.randomisation(explain(image, net, attribute=edges, segment="grid"), net)
    assert fooled.value == pytest.approx(1.0)
    assert not fooled.beats_random
    assert "no better than a map of the image alone's 1.000" in repr(fooled)
    made = explain(image, net, attribute="grad-cam", segment="grid", target=1)
    measure = faithfulness.randomisation(made, net, seeds=4)
    assert measure.value < 0.7
    assert measure.beats_random
    assert measure.calls > 0


def test_random_networks_get_the_preprocessing_of_tensors_too():
    resize = nn.Upsample(size=(24, 20))
    model = as_model(cnn(), preprocess=nn.Sequential(resize))
    image = np.random.default_rng(0).random((12, 10, 3)).astype(np.float32)
    again = model.randomised_copy(3)
    assert again.backend.preprocess is not None
    larger = resize(torch.from_numpy(image.transpose(2, 0, 1)[None])).numpy()[0].transpose(1, 2, 0)
    plain = as_model(cnn()).randomised_copy(3)
    np.testing.assert_allclose(again(image[None]), plain(larger[None]), atol=1e-6)


def test_randomisation_needs_the_network(true):
    with pytest.raises(ModelError, match="known by its answers alone"):
        faithfulness.randomisation(true, planted)
