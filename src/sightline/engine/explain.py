"""image → attribution: the whole arrow, for one image."""

import dataclasses
import math
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Shaped

from sightline.engine import solve, stop
from sightline.engine.fill import fill
from sightline.engine.plan import Plan
from sightline.engine.sample import Exhaustive, LeaveOneOut
from sightline.engine.score import Asker, chooser, usual_batch
from sightline.engine.segment import segment
from sightline.errors import BudgetError, SightlineWarning
from sightline.types import Attribution, Masks, Model, Scores, Segments

AUTO_FIRST = 128
AUTO_COMPLETE = 512
AUTO_MOST = 8192
UNSTEADY = 1e-2
"""Share of the scores' span by which the same image's score may change unsaid."""


def explain(
    image: Shaped[np.ndarray, "..."],
    model: Model,
    plan: Plan,
    *,
    batch_size: int | None = None,
    tick: Callable[[int], None] = lambda count: None,
) -> tuple[Segments, Scores, Attribution]:
    """Segment the image, ask the model about masks, and attribute its scores to segments.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C)
        In the dtype and range that the model wants.
    model : Model
    plan : Plan
    batch_size : int, optional
        Most images in one batch; by default as many as fit in 16 MiB, 1 to 256. Never changes the
        numbers beyond rounding.
    tick : callable
        Told how many images were answered, after each batch.

    Returns
    -------
    segments, scores, attribution

    Raises
    ------
    BudgetError, ImageError, ModelError, SegmentError, TargetError
    """
    segments = segment(image, plan.segment)
    draws = fill(image, segments, plan.fill)
    asker = Asker(model, image, draws, segments, batch_size or usual_batch(image), tick)
    classes, nothing = asker.ends()
    targets = plan.target(classes)
    choose = chooser(targets, len(classes))
    full, empty = classes @ choose, nothing @ choose
    known = {_key(True, segments.count): full, _key(False, segments.count): empty}
    for masks in _designs(plan, segments.count, len(draws)):
        values = asker.masks(masks.keep, choose, known)
        scores = Scores(values, full, empty, targets, classes, asker.calls)
        attribution = plan.attribute(masks, scores)
        if stop.settled(attribution):
            break
    _warn(scores, attribution, len(masks.keep))
    if asker.calls < most_calls(plan):
        _warn_if_unsteady(asker.repeats(classes), values)
    return segments, scores, _concluded(attribution, asker.calls)


def most_calls(plan: Plan) -> int:
    """The most model calls that the plan may spend."""
    return AUTO_MOST if plan.budget == "auto" else plan.budget


def _key(visible: bool, segments: int) -> bytes:
    return np.packbits(np.full(segments, visible)).tobytes()


def _designs(plan: Plan, segments: int, draws: int) -> Iterator[Masks]:
    """The masks to ask; for an open budget, ever larger sets that begin with the smaller ones."""
    sampler = plan.sample or plan.attribute.sample
    rows = (most_calls(plan) - 1 - draws) // draws
    if rows < 1:
        raise BudgetError(
            f"{draws} draws of the fill leave no mask within {most_calls(plan)} model calls: raise the "
            "budget or average over fewer draws.",
            slug="budget-small",
        )
    auto = plan.budget == "auto"
    complete = 2.0 ** min(segments, 1000) - 2 <= (AUTO_COMPLETE if auto else rows)
    if complete and plan.sample is None and not isinstance(sampler, LeaveOneOut):
        yield Exhaustive()(segments, 2**segments, np.random.default_rng(plan.seed))
        return
    if rows > 2 * segments:
        rows -= 1  # a call kept back to ask for the image again
    asked = min(rows, AUTO_FIRST * 2 ** math.ceil(math.log2(max(1, 2 * segments / AUTO_FIRST))))
    while auto and asked < rows:
        yield sampler(segments, asked, np.random.default_rng(plan.seed))
        asked *= 2
    yield sampler(segments, rows, np.random.default_rng(plan.seed))


def _concluded(attribution: Attribution, calls: int) -> Attribution:
    return dataclasses.replace(attribution, calls=calls, settled=stop.settled(attribution))


def _warn(scores: Scores, attribution: Attribution, masks: int) -> None:
    seen = np.vstack([scores.values, scores.full, scores.empty])
    if not solve.moved(seen).any():
        warnings.warn(
            SightlineWarning(
                f"the model's score stayed at {scores.full[0]:.4g} whatever was hidden: there is nothing "
                "to explain here. Try a stronger fill, such as Colour(0) or Blur(), or another target.",
                slug="scores-flat",
            ),
            stacklevel=4,
        )
    elif np.isinf(attribution.error).any():
        warnings.warn(
            SightlineWarning(
                f"{masks} masks are too few for {attribution.values.shape[1]} segments: there is no telling "
                "how wrong the values are. Raise the budget or ask for fewer segments.",
                slug="budget-thin",
            ),
            stacklevel=4,
        )


def _warn_if_unsteady(change: float, values: Float[np.ndarray, "M K"]) -> None:
    if change > UNSTEADY * max(float(np.ptp(values)), 1e-9):
        warnings.warn(
            SightlineWarning(
                f"the model's answer for the same image changed by {change:.2g} when asked again: is it in "
                "training mode, or random by design? The errors shown do not cover that.",
                slug="model-unsteady",
            ),
            stacklevel=4,
        )
