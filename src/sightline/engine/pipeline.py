"""image → attribution: the whole arrow, for one image."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Shaped

from sightline._batch_sizes import BatchProbe, batch_choice
from sightline._class_names import target_columns
from sightline._scales import are_saturated, on_scale, unscaled_scores, within_reach
from sightline.engine import convergence, solve
from sightline.engine.estimators import Estimator, choose_estimator, quicker_hint
from sightline.engine.fills import draw_fill
from sightline.engine.hiding import LITTLE, MUCH, hides_little, score_span, try_fills, usual_fills
from sightline.engine.input_range import CALLS, doubts_range, warn_of_range
from sightline.engine.model_query import ModelQuery, target_matrix
from sightline.engine.own_functions import chosen_targets
from sightline.engine.plan import Plan, with_changes
from sightline.engine.segmentation import segment_image
from sightline.engine.whitebox import run_white_box
from sightline.errors import BudgetError, warn
from sightline.types import Attribution, Masks, Model, Scores, Segments, WhiteBoxMethod

AUTO_MOST = 8192
"""Calls of an open budget at the most."""
FEW = 64
"""Masks below which no call is spent on other fills."""
STILL = 1e-3
"""Share of the span of the classes' scores below which a score is said hardly to move."""
UNSTEADY = 1e-2
"""Share of the scores' span by which the same image's score may change unsaid."""


def run_plan(
    image: Shaped[np.ndarray, "..."],
    model: Model,
    plan: Plan,
    *,
    batch_size: int | BatchProbe | None = None,
    tick: Callable[[int], None] = lambda count: None,
    advise: bool = False,
) -> tuple[Segments, Scores, Attribution]:
    """Segment the image, ask the model about masks, and attribute its scores to segments.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C)
        In the dtype and range that the model wants.
    model : Model
    plan : Plan
    batch_size : int or BatchProbe, optional
        Most images in one batch; by default what is fastest by the time that the first masks take, of 8 to
        256 and no more than fit in 16 MiB, which images of one format may share a probe to find out. Never
        changes the numbers beyond rounding, but where that tips a process to other masks.
    tick : callable
        Told how many images were answered, after each batch.
    advise : bool
        Where hiding everything hardly changes the score, spend a few of the calls on other fills, and name
        the one that changes it most; where the model is sure beyond reason of an image of bytes, two on the
        image scaled to 0 to 1.

    Returns
    -------
    segments, scores, attribution

    Raises
    ------
    BudgetError, ImageError, ModelError, SegmentError, TargetError
    """
    plan = with_changes(plan, target=target_columns(plan.target, model))
    most, probe = batch_choice(batch_size, image)
    if isinstance(plan.attribute, WhiteBoxMethod):
        return run_white_box(image, model, plan, plan.attribute, batch_size=most, tick=tick, advise=advise)
    segments = segment_image(image, plan.segment)
    draws = draw_fill(image, segments, plan.fill)
    rows = _affordable_masks(plan, len(draws))
    query = ModelQuery(on_scale(model, plan.scale), image, draws, segments, most, tick, probe)
    asked = TargetQuery(query, plan)
    others = usual_fills(query.pixels) if advise and asked.apart <= LITTLE * asked.span else {}
    doubted = advise and doubts_range(image, asked.classes)
    spent = len(others) + CALLS * doubted
    if rows - spent >= FEW:
        rows -= spent
    estimator = choose_estimator(plan, model, segments.count, rows, asked.targets, lambda: tick(0))
    scores, attribution, change = _learn_values(asked, estimator)
    if change is None and query.calls < max_calls(plan):
        change = asked.repeatability()
    tried: dict[str, float] = {}
    room = query.calls + len(others) <= max_calls(plan)
    if others and room and _say_little(scores, attribution, asked.span, plan):
        tried = try_fills(asked.first_scores, image, segments, others)
    if doubted and query.calls + CALLS <= max_calls(plan):
        warn_of_range(
            lambda images: unscaled_scores(query.scores_of(images), plan.scale),
            query.pixels,
            asked.classes,
            model,
        )
    _warn_of_scores(scores, attribution, asked.span, plan, tried)
    if change is not None and _is_unsteady(change, asked.said, scores):
        attribution = dataclasses.replace(
            attribution, error=np.hypot(attribution.error, change[:, np.newaxis])
        )
        change = None
    attribution = dataclasses.replace(attribution, batch_size=query.chosen_size)
    return segments, scores, _conclude_attribution(attribution, scores, query.calls, change is not None)


class TargetQuery:
    """Asks about masks of one image for the targets of a plan; the two ends at once.

    Parameters
    ----------
    query : ModelQuery
    plan : Plan
    """

    def __init__(self, query: ModelQuery, plan: Plan) -> None:
        self.query = query
        self.plan = plan
        self.said, nothing = query.endpoint_scores()
        self.classes = unscaled_scores(self.said, plan.scale)
        self.targets = chosen_targets(plan.target, self.classes)
        self.to_targets = target_matrix(self.targets, len(self.classes))
        self.full, self.empty = self.said @ self.to_targets, nothing @ self.to_targets
        count = query.segments.count
        self._known = {_mask_key(True, count): self.full, _mask_key(False, count): self.empty}

    @property
    def apart(self) -> float:
        """How far the first target's two ends are from each other."""
        return float(abs(self.full[0] - self.empty[0]))

    @property
    def span(self) -> float:
        """What tells classes apart, on the scale of the scores."""
        return score_span(self.full[0], self.empty[0], self.classes, self.plan.scale)

    def score_masks(self, masks: Masks) -> Scores:
        """What the model says of the masks; of log-odds none farther out than there is reason for."""
        values = self.query.score_masks(masks.keep, self.to_targets, self._known)
        full, empty = self.full, self.empty
        if self.plan.scale == "log-odds":
            odds = within_reach(np.vstack([values, full, empty]))
            values, full, empty = odds[:-2], odds[-2], odds[-1]
        return Scores(values, full, empty, self.targets, self.classes, self.query.calls, masks.keep)

    def repeatability(self) -> Float[np.ndarray, "K"]:
        """How far the image's own scores change when it is asked again."""
        return np.asarray(self.query.repeatability(self.said) @ np.abs(self.to_targets))

    def first_scores(self, images: Shaped[np.ndarray, "B H W C"]) -> Float[np.ndarray, "B"]:
        """The first target's score of images."""
        return np.asarray((self.query.scores_of(images) @ self.to_targets)[:, 0])


def _learn_values(
    asked: TargetQuery, estimator: Estimator
) -> tuple[Scores, Attribution, Float[np.ndarray, "K"] | None]:
    """Ask what the estimator wants to know, until it is done, or the model itself is what is left unsure.

    Besides, how far the image's own scores change when it is asked again, if that was asked on the way.
    """
    began, asking = time.perf_counter(), 0.0
    masks, change, stopped = estimator.next_masks(), None, ""
    while masks is not None and not stopped:
        before = time.perf_counter()
        scores = asked.score_masks(masks)
        if asked.plan.budget == "auto" and change is None:
            change = asked.repeatability()
        asking += time.perf_counter() - before
        estimator.record(masks, scores)
        if change is not None and _changes_much(change, asked.said, scores):
            stopped = _why_unsteady(change, estimator.attribution())
        masks = estimator.next_masks()
    made = estimator.attribution()
    thinking = time.perf_counter() - began - asking
    made = dataclasses.replace(made, stopped=stopped or made.stopped)
    hint = quicker_hint(made, asking, thinking, scores.calls, might_be_cheap=estimator.might_be_cheap)
    return scores, dataclasses.replace(made, hint=hint), change


def _why_unsteady(change: Float[np.ndarray, "K"], made: Attribution) -> str:
    """Why more masks tell no more of a model that is not deterministic; empty where they would."""
    if not (made.error.max(axis=1) <= change).all():
        return ""
    return f"the model's own answer changes by {change.max():.2g}, more than other masks would change a value"


def max_calls(plan: Plan) -> int:
    """The most model calls that the plan may spend."""
    return AUTO_MOST if plan.budget == "auto" else plan.budget


def _mask_key(visible: bool, segments: int) -> bytes:
    return np.packbits(np.full(segments, visible)).tobytes()


def _affordable_masks(plan: Plan, draws: int) -> int:
    """The most masks that the plan may ask, each as often as there are draws, beside the two ends."""
    rows = (max_calls(plan) - 1 - draws) // draws
    if rows < 1:
        raise BudgetError(
            f"{draws} draws of the fill leave no mask within {max_calls(plan)} model calls: raise the "
            "budget or average over fewer draws.",
            slug="budget-small",
        )
    return rows


def _conclude_attribution(attribution: Attribution, scores: Scores, calls: int, steady: bool) -> Attribution:
    """With its calls, and no claim where the masks were too few or the score never moved.

    Nor where the model is not `steady`: not deterministic, or never asked about the same image twice.
    """
    known = np.isfinite(attribution.error).all(axis=1)
    moved = bool(solve.has_moved(scores.with_ends).any())
    settled = steady and moved and convergence.is_settled(attribution)
    fit = np.where(known, attribution.fit, np.nan)
    return dataclasses.replace(attribution, fit=fit, calls=calls, settled=settled)


def _hides_little(scores: Scores, attribution: Attribution, plan: Plan) -> bool:
    first = scores.full[0], scores.empty[0], attribution.values[0]
    return hides_little(*first, scores.classes, plan.scale)


def _say_little(scores: Scores, attribution: Attribution, span: float, plan: Plan) -> bool:
    """Whether another fill is worth a try."""
    return _hides_little(scores, attribution, plan) or _small_change(scores, span, plan) is not None


def _warn_of_scores(
    scores: Scores, attribution: Attribution, span: float, plan: Plan, tried: dict[str, float]
) -> None:
    """The one thing that most needs saying of what the model said; `tried` are scores by other fills."""
    full, empty = scores.full[0], scores.empty[0]
    if not solve.has_moved(scores.with_ends).any():
        warn(
            f"the model's score stayed at {full:.4g} whatever was hidden: there is nothing "
            f"to explain here. {_fill_advice(tried, full, span)}, or another target, and "
            "check that the image's values have the range that the model was trained on.",
            slug="scores-flat",
        )
    elif (change := _small_change(scores, span, plan)) is not None:
        warn(
            f"whatever was hidden, the model's score moved by no more than {change:.2g} from "
            f"{full:.4g}: there is little to explain. Is the image in the range and size "
            f"that the model was trained on? {_fill_advice(tried, full, span)}.",
            slug="scores-hardly-move",
        )
    elif np.isinf(attribution.error).any():
        warn(
            f"{len(scores.values)} masks are too few for {attribution.values.shape[1]} segments: there is no "
            "telling how wrong the values are. Raise the budget or ask for fewer segments.",
            slug="budget-thin",
        )
    elif _hides_little(scores, attribution, plan):
        more = "" if plan.scale == "log-odds" or not are_saturated(scores.values[:, 0]) else LOG_ODDS_TELL
        warn(
            f"hiding everything with {plan.fill!r} leaves the score at {empty:.4g}, and it was {full:.4g}: "
            f"what is hidden so hardly counts, and the values say next to nothing. "
            f"{_fill_advice(tried, full, span)}.{more}",
            slug="hiding-little",
        )


LOG_ODDS_TELL = ' The score is saturated besides: scale="log-odds" (--scale) tells more.'


def _fill_advice(tried: dict[str, float], full: float, span: float) -> str:
    """Which fill to try, best from what others did to this image."""
    if not tried:
        return "Try a stronger fill, such as Colour(0) or Blur()"
    best = max(tried, key=lambda name: abs(tried[name] - full))
    if abs(tried[best] - full) <= MUCH * span:
        tell = "hardly change it. In Python, try Donors(a few images of another class)"
        return f"Tried: {', '.join(tried)} {tell}"
    return f'Try fill="{best}", which brings it to {tried[best]:.4g}'


def _small_change(scores: Scores, span: float, plan: Plan) -> float | None:
    """How far the first target's score moved, if that is next to nothing beside what tells classes apart."""
    change = float(np.ptp(scores.with_ends[:, 0]))
    apart = span if plan.scale == "log-odds" else float(np.ptp(scores.classes))
    return change if change < STILL * apart else None


def _is_unsteady(change: Float[np.ndarray, "K"], said: Float[np.ndarray, "L"], scores: Scores) -> bool:
    """Whether the model answers the same image differently, and that it was said."""
    if not _changes_much(change, said, scores):
        return False
    warn(
        f"the model is not deterministic: its answer for the same image changed by {change.max():.2g} when "
        "asked again: is it in training mode, or random by design? The errors shown are widened by that "
        "change, and nothing is called settled.",
        slug="model-unsteady",
    )
    return True


def _changes_much(change: Float[np.ndarray, "K"], said: Float[np.ndarray, "L"], scores: Scores) -> bool:
    span = float(np.ptp(scores.with_ends, axis=0).max())
    return float(change.max()) > max(UNSTEADY * span, solve.ROUNDING * float(np.abs(said).max()))
