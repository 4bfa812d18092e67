"""explanation and model → is it true? Each figure beside that of a random map."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline._arguments import clear_arguments
from sightline._batch_sizes import choose_batch_size
from sightline._checks import MOST_REPEATS, check_seed, check_whole
from sightline._class_names import targets_as_asked
from sightline._scales import on_scale
from sightline.adapters import as_model
from sightline.engine.fills import draw_fill
from sightline.engine.model_query import Classes, ModelQuery, target_matrix
from sightline.engine.pipeline import run_plan
from sightline.engine.sampling import Bernoulli
from sightline.engine.segmentation import Given
from sightline.engine.solve import r_squared
from sightline.errors import collect_warnings
from sightline.explanation import Explanation
from sightline.types import Attribution, Contrast, record

MOST_MASKS = 10**6
"""That a fit is held against."""


@record
class Measure:
    """One figure of quality, beside what a random map gets.

    Parameters
    ----------
    name : str
    value : float
        Of the explanation.
    random : float
        Mean over random maps.
    spread : float
        Standard deviation over random maps.
    higher : bool
        Whether higher is better.
    calls : int
        Images that the model was given for it.
    curve : float array, shape (P, 2), optional
        Share of the image that was hidden or shown, and the score there.
    rival : str
        What `random` and `spread` are of.
    """

    name: str
    value: float
    random: float
    spread: float
    higher: bool
    calls: int
    curve: Float[np.ndarray, "P 2"] | None = None
    rival: str = "a random map"

    @property
    def beats_random(self) -> bool:
        """Whether it beats random maps by two of their standard deviations."""
        lead = self.value - self.random if self.higher else self.random - self.value
        return lead > 2 * self.spread

    def __repr__(self) -> str:
        verdict = "better than" if self.beats_random else "no better than"
        way = "higher" if self.higher else "lower"
        return (
            f"{self.name} {self.value:.3f}, {verdict} {self.rival}'s {self.random:.3f} ± {self.spread:.3f} "
            f"({way} is better; {self.calls} calls)"
        )


@clear_arguments
def deletion(
    explanation: Explanation,
    model: object,
    *,
    target: int | str | Contrast | None = None,
    randoms: int = 10,
    seed: int = 0,
) -> Measure:
    """Mean score while the segments are hidden, those that speak most for the target first.

    Petsiuk et al. 2018, with segments instead of pixels and the explanation's own fill; the mean is over
    the share of the image's area. Lower is better: what was said to matter mattered.

    Parameters
    ----------
    explanation : Explanation
    model : callable or anything `as_model` takes
        The model that was explained.
    target : optional
        By default the explanation's first.
    randoms : int
        Random orders to compare with.
    seed : int
        Which random orders.
    """
    return _perturbation_curve("deletion", explanation, model, target, randoms, seed)


@clear_arguments
def insertion(
    explanation: Explanation,
    model: object,
    *,
    target: int | str | Contrast | None = None,
    randoms: int = 10,
    seed: int = 0,
) -> Measure:
    """Mean score while the segments are shown, those that speak most for the target first.

    As `deletion`, the other way round, from the image with everything hidden. Higher is better.
    """
    return _perturbation_curve("insertion", explanation, model, target, randoms, seed)


@clear_arguments
def held_out_fit(
    explanation: Explanation,
    model: object,
    *,
    target: int | str | Contrast | None = None,
    masks: int = 200,
    randoms: int = 20,
    seed: int = 1,
) -> Measure:
    """R² of the additive model on masks that nobody had asked, hidden by coin flips.

    The fit that an explanation reports of itself is on the masks it was made from, and rises as they get
    fewer. A value's scale is its method's own (a Shapley value is no regression weight), so the values
    get the best slope and level before they are judged; a random map is the same values in random order.
    """
    check_whole("masks of fit", masks, 2, most=MOST_MASKS)
    check_whole("randoms of fit", randoms, 1, most=MOST_REPEATS)
    check_seed("seed of fit", seed)
    k = explanation.index(target)
    query, to_targets = _query_explanation(explanation, model, k)
    keep = Bernoulli()(explanation.segments.count, masks, np.random.default_rng([seed, 77])).keep
    scores = query.score_masks(keep, to_targets, {})

    def held_out(values: Float[np.ndarray, "S"]) -> float:
        additive = keep @ values
        slope, level = np.polyfit(additive, scores[:, 0], 1) if np.ptp(additive) > 0 else (0.0, scores.mean())
        return float(r_squared(scores, (slope * additive + level)[:, np.newaxis], np.ones(len(keep)))[0])

    rng = np.random.default_rng(seed)
    values = explanation.attribution.values[k]
    chance = [held_out(rng.permutation(values)) for _ in range(randoms)]
    return Measure("fit", held_out(values), *_mean_and_std(chance), True, query.calls)


@clear_arguments
def stability(
    explanation: Explanation, model: object, *, target: int | str | Contrast | None = None, seeds: int = 4
) -> Measure:
    """Share of the five leading segments that other seeds find too, on the same segments.

    Costs the explanation's budget for each seed. A random map's share is that of five segments drawn at
    random.
    """
    check_whole("seeds of stability", seeds, 1, most=MOST_REPEATS)
    k = explanation.index(target)
    adapted = as_model(model)
    labels = explanation.segments.labels
    targets = Classes(*targets_as_asked(explanation.targets, adapted))
    sets = [_leading_segments(explanation.attribution.values[k])]
    calls = 0
    for other in range(1, seeds + 1):
        seeded = dataclasses.replace(explanation.plan, seed=explanation.plan.seed + other)
        plan = dataclasses.replace(seeded, segment=Given(labels), target=targets)
        with collect_warnings():  # said when the explanation was made
            _, _, again = run_plan(explanation.image, adapted, plan)
        sets.append(_leading_segments(again.values[k]))
        calls += again.calls
    pairs = [(a, b) for i, a in enumerate(sets) for b in sets[:i]]
    shares = [len(a & b) / len(a) for a, b in pairs]
    size, count = len(sets[0]), explanation.segments.count
    # The overlap of two random sets is hypergeometric.
    variance = (1 - size / count) ** 2 / max(count - 1, 1)
    return Measure(
        "stability", float(np.mean(shares)), size / count, float(np.sqrt(variance / len(pairs))), True, calls
    )


@clear_arguments
def randomisation(
    explanation: Explanation, model: object, *, target: int | str | Contrast | None = None, seeds: int = 3
) -> Measure:
    """How much of the map is left when every weight of the network is drawn anew.

    Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018: Spearman's rank correlation of the sizes
    of the heat (of pixels where there is one, else of segments) before and after, the mean over seeds.
    Lower is better: a map that stays the same shows the image, not what the network learned.

    Parameters
    ----------
    explanation : Explanation
    model : PyTorch module, Keras model, or `as_model` of one
        The model that was explained; it is left as it is.
    target : optional
        By default the explanation's first.
    seeds : int
        Networks with random weights to compare with. Each costs the explanation's calls.

    Raises
    ------
    ModelError
        If the model is known by its answers alone.
    """
    from scipy.stats import spearmanr

    check_whole("seeds of randomisation", seeds, 1, most=MOST_REPEATS)
    k = explanation.index(target)
    adapted = as_model(model)
    only = Classes(*targets_as_asked((explanation.targets[k],), adapted))
    plan = dataclasses.replace(explanation.plan, target=only, segment=Given(explanation.segments.labels))
    alike, calls = [], 0
    for seed in range(seeds):
        with collect_warnings():  # random networks are often saturated or flat
            _, _, again = run_plan(explanation.image, adapted.randomised_copy(seed), plan)
        sizes = [np.abs(_heat_values(made, row)) for made, row in ((explanation.attribution, k), (again, 0))]
        told = all(np.ptp(one) for one in sizes)
        alike.append(round(float(spearmanr(*sizes).statistic), 9) if told else 0.0)
        calls += again.calls
    value, spread = _mean_and_std(alike)
    spread /= float(np.sqrt(seeds))  # of the mean: how alike single networks are differs widely
    rival = "a map of the image alone"
    return Measure("randomisation", value, 1.0, spread, False, calls, rival=rival)


def _heat_values(made: Attribution, k: int) -> Float[np.ndarray, "P"]:
    return np.asarray(made.values[k] if made.pixels is None else made.pixels[k].ravel())


@clear_arguments
def check_all(
    explanation: Explanation, model: object, *, target: int | str | Contrast | None = None
) -> tuple[Measure, ...]:
    """The four measures that any model allows: deletion, insertion, held-out fit, stability."""
    measures: tuple[Callable[..., Measure], ...] = (deletion, insertion, held_out_fit, stability)
    return tuple(measure(explanation, model, target=target) for measure in measures)


def _leading_segments(values: Float[np.ndarray, "S"], n: int = 5) -> set[int]:
    return set(np.argsort(-np.abs(values), kind="stable")[:n].tolist())


def _mean_and_std(chance: list[float]) -> tuple[float, float]:
    return float(np.mean(chance)), float(np.std(chance))


def _query_explanation(
    explanation: Explanation, model: object, k: int
) -> tuple[ModelQuery, Float[np.ndarray, "L 1"]]:
    image, segments = explanation.image, explanation.segments
    draws = draw_fill(image, segments, explanation.plan.fill)
    adapted = as_model(model)
    size = choose_batch_size(None, adapted, image)
    asked = on_scale(adapted, explanation.plan.scale)
    query = ModelQuery(asked, image, draws, segments, size)
    return query, target_matrix((explanation.targets[k],), len(explanation.scores.classes))


def _perturbation_curve(
    name: str,
    explanation: Explanation,
    model: object,
    target: int | str | Contrast | None,
    randoms: int,
    seed: int,
) -> Measure:
    check_whole(f"randoms of {name}", randoms, most=MOST_REPEATS)
    check_seed(f"seed of {name}", seed)
    k = explanation.index(target)
    query, to_targets = _query_explanation(explanation, model, k)
    count = explanation.segments.count
    rng = np.random.default_rng(seed)
    orders = [np.argsort(-explanation.attribution.values[k], kind="stable")]
    orders += [rng.permutation(count) for _ in range(randoms)]
    paths = [_perturbation_masks(order, shown=name == "insertion") for order in orders]
    scores = query.score_masks(np.concatenate(paths), to_targets, {})[:, 0].reshape(len(paths), count + 1)
    grown = [np.cumsum(explanation.segments.areas[order]) for order in orders]
    shares = [np.concatenate([[0.0], areas / areas[-1]]) for areas in grown]
    areas = [float(np.trapezoid(y, x)) for x, y in zip(shares, scores, strict=True)]
    curve = np.stack([shares[0], scores[0]], axis=1)
    return Measure(name, areas[0], *_mean_and_std(areas[1:]), name == "insertion", query.calls, curve)


def _perturbation_masks(order: Int[np.ndarray, "S"], *, shown: bool) -> Bool[np.ndarray, "S1 S"]:
    """Masks with 0, 1, …, S segments of the order changed."""
    rank = np.argsort(order)
    changed = rank < np.arange(len(order) + 1)[:, np.newaxis]
    return np.asarray(changed if shown else ~changed)
