"""answers → which masks are asked next, and what the values are: by a regression, or a process that learns.

The pipeline asks; an estimator says which masks, and makes an attribution of all that was said. `Regression`
knows its masks beforehand: a sampler draws them. `AdaptiveProcess` chooses each block by what those before
have told, and hands over to the regression where that is of no use.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline.engine import convergence, solve
from sightline.engine.own_functions import asked_attribution, drawn_masks
from sightline.engine.pair_effects import complete_pair_effects, segment_pairs, share_products
from sightline.engine.plan import Plan
from sightline.engine.process_estimator import ProcessEstimator
from sightline.engine.sampling import Exhaustive, LeaveOneOut, size_weights
from sightline.errors import OptionError
from sightline.types import (
    Attribute,
    Attribution,
    Contrast,
    Masks,
    Model,
    ModelAbilities,
    Sampler,
    Scores,
    WhiteBoxMethod,
)

AUTO_FIRST = 128
"""Masks of an open budget's first set, for a regression; all masks are asked where they are no more."""
AUTO_COMPLETE = 512
"""Inner masks up to which an open budget asks them all at once, where it may."""
MOST_FITTED = 4096
"""Masks that a process is fitted to at the most: the time that a fit takes grows with their cube."""
MOST_OF_CHEAP = 1024
"""Calls after which it is given up where they may be cheap: a regression asks thousands in that time."""
MOST_FOR_PAIRS = 2048
"""Masks, the first of those that were asked, from which effects of pairs are learned: a fit of seconds."""
PATIENCE = 256
"""Masks before which a process is not given up: the first blocks of a hard model tell little."""
QUICK, DEAR = 5.0, 0.01
"""Seconds that nobody minds for one image, and seconds a call above which fewer are worth thinking about."""
CHEAP = "calls of this model may be cheap"
ALL_MASKS = "of all masks"
"""Reasons, as they are printed."""


@runtime_checkable
class Estimator(Protocol):
    """Says which masks are asked, and makes an attribution of the answers."""

    might_be_cheap: bool

    def next_masks(self) -> Masks | None:
        """All masks that were asked, and those to ask now; None when it is done."""
        ...

    def record(self, masks: Masks, scores: Scores) -> None:
        """Learn what the model said of all masks so far."""
        ...

    def attribution(self) -> Attribution:
        """What the answers come to, and which estimator says so, why that one, and why it is done."""
        ...


def choose_estimator(
    plan: Plan,
    model: Model,
    segments: int,
    rows: int,
    targets: tuple[int | Contrast, ...],
    tick: Callable[[], None] = lambda: None,
) -> Estimator:
    """The estimator that the plan names, or that suits the model and the number of masks.

    Never by the clock: the same plan and the same kind of model have the same answer on any machine.

    Parameters
    ----------
    plan : Plan
    model : Model
    segments : int
    rows : int
        The most masks that may be asked beside the two ends.
    targets : tuple of int or Contrast
    tick : callable
        Called now and then while an estimator thinks, so that progress can be told.

    Raises
    ------
    OptionError
        If the plan names the process and yet says which masks are asked, or has an attribution of the
        user's own; or says nothing of masks at all.
    """
    why = _why_regression(plan, model, segments, rows)
    if why:
        return Regression(plan, segments, rows, why, might_be_cheap=why is CHEAP)
    if plan.estimator == "gaussian-process":
        return AdaptiveProcess(plan, segments, min(rows, MOST_FITTED), "as asked for", targets, tick=tick)
    if _is_costly(model):
        reason = "calls of a network or server are dear"
        return AdaptiveProcess(plan, segments, min(rows, MOST_FITTED), reason, targets, tick=tick)
    return AdaptiveProcess(plan, segments, rows, "the budget is open", targets, MOST_OF_CHEAP, tick)


def most_open_calls(plan: Plan, model: Model, most: int) -> int:
    """How many calls an open budget takes at most: a process that is kept asks no more than it can fit."""
    kept = plan.estimator == "gaussian-process" or (plan.estimator == "auto" and _is_costly(model))
    return min(most, MOST_FITTED) if kept else most


def _is_costly(model: Model) -> bool:
    return isinstance(model, ModelAbilities) and model.is_costly


def _why_regression(plan: Plan, model: Model, segments: int, rows: int) -> str:
    """Why the attribution's own regression is to answer; empty where the process is."""
    sampler = _chosen_sampler(plan)
    if _may_be_complete(plan, sampler, segments) and _inner_masks(segments) <= (
        AUTO_FIRST if plan.budget == "auto" else rows
    ):
        return ALL_MASKS
    if plan.estimator == "regression":
        return "as asked for"
    if plan.sample is not None or not ProcessEstimator.serves(plan.attribute, segments):
        if plan.estimator == "gaussian-process" and not isinstance(sampler, LeaveOneOut):
            given = f"sample={plan.sample!r}" if plan.sample else f"attribute={plan.attribute!r}"
            raise OptionError(
                f"a Gaussian process chooses masks itself, for Lime, Shapley, Banzhaf and Rise, but {given} "
                'was given: leave it out, or take estimator="regression" (--estimator).',
                slug="estimator-unfit",
            )
        return "its masks are given"
    if plan.estimator == "gaussian-process" or plan.budget == "auto":
        return ""
    if rows > MOST_FITTED:
        return f"{MOST_FITTED:,} masks are the most that a process is fitted to"
    return "" if _is_costly(model) else CHEAP


class Regression:
    """The attribution's own regression, on masks that a sampler draws: `plan.attribute` of masks and scores.

    Parameters
    ----------
    plan : Plan
    segments : int
    rows : int
        The most masks beside the two ends.
    reason : str
        Why this estimator, as it is to be printed.
    asked : bool array, shape (M, S), optional
        Masks that were asked before, by whatever rule: the design goes on from them.
    might_be_cheap : bool
        Whether the process was left out for no other reason.
    """

    def __init__(
        self,
        plan: Plan,
        segments: int,
        rows: int,
        reason: str,
        asked: Bool[np.ndarray, "M S"] | None = None,
        *,
        might_be_cheap: bool = False,
    ) -> None:
        self.plan = plan
        self.reason = reason
        self.might_be_cheap = might_be_cheap
        self._designs = (
            _mask_designs(plan, segments, rows)
            if asked is None
            else _continued_designs(plan, segments, rows, asked)
        )
        self._made: Attribution | None = None
        self._stopped = ""
        self._looks = 0

    def next_masks(self) -> Masks | None:
        return None if self._stopped else next(self._designs, None)

    def record(self, masks: Masks, scores: Scores) -> None:
        made = zero_where_flat(asked_attribution(self.plan.attribute, masks, scores), scores)
        reason = ALL_MASKS if masks.exhaustive else self.reason
        self._made = dataclasses.replace(made, estimator="regression", reason=reason)
        if self.plan.budget == "auto":
            self._looks += 1
            self._stopped = convergence.why_enough(self._made, self._looks) or _why_flat(scores)

    def attribution(self) -> Attribution:
        assert self._made is not None, "nothing was recorded"
        return dataclasses.replace(self._made, stopped=self._stopped)


class AdaptiveProcess:
    """A Gaussian process that chooses its masks, block by block, each as large as all before it.

    Where it explains nothing, or the score never moves, the regression goes on from the masks that were
    asked; when none is left to ask, the answer is exact.

    Parameters
    ----------
    plan, segments, rows, reason
        As for `Regression`.
    targets : tuple of int or Contrast
    most : int
        Calls after which the regression goes on.
    tick : callable
        Called after each target is thought about.
    """

    def __init__(
        self,
        plan: Plan,
        segments: int,
        rows: int,
        reason: str,
        targets: tuple[int | Contrast, ...],
        most: int = MOST_FITTED,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self.plan = plan
        self.might_be_cheap = False
        self.most = most
        self.rows = rows
        self.reason = reason
        assert isinstance(plan.attribute, Attribute), "those that look inside ask about no masks"
        self._process = ProcessEstimator(plan.attribute, segments, len(targets), plan.scale, plan.seed, tick)
        self._low, self._span = _walls(plan, targets)
        self._keep = np.zeros((0, segments), dtype=bool)
        self._scores: Scores | None = None
        self._instead: Regression | None = None
        self._stopped = ""
        self._looks = 0

    def next_masks(self) -> Masks | None:
        if self._instead is not None:
            return self._instead.next_masks()
        count = len(self._keep)
        if count == _inner_masks(self._keep.shape[1]):
            return self._hand_over(ALL_MASKS).next_masks()
        most = _without_reserve(self.rows, self._keep.shape[1])
        if self._stopped or count >= most:
            if self.rows == self.most and not self._stopped:
                self._stopped = f"{self.most:,} masks are the most that a process is fitted to"
            return None
        if count + 2 >= self.most < self.rows:  # the two ends were asked, too
            return self._hand_over(f"{count + 2:,} calls of a process were not enough").next_masks()
        block = self._process.block_towards() if self.plan.budget == "auto" else self._process.block
        new = self._process.next_masks(min(block, most - count))
        self._keep = np.concatenate([self._keep, new])
        return Masks(self._keep, size_weights(self._keep))

    def record(self, masks: Masks, scores: Scores) -> None:
        if len(masks.keep) == _inner_masks(masks.keep.shape[1]):
            return  # the two ends come next, and then nothing is left to learn
        if self._instead is None:
            self._learn(masks, scores)
        if self._instead is not None:
            self._instead.record(masks, scores)
        elif self.plan.budget == "auto" and not self._process.why_not():
            self._looks += 1
            stopped = convergence.why_close(self.attribution(), self._looks)
            if self._process.is_on_code and (stopped or self._process.explains_code()):
                self._process.leave_code()
            else:
                self._stopped = stopped

    def _learn(self, masks: Masks, scores: Scores) -> None:
        """Fit the process to all scores, or hand over where that is of no use."""
        why_not = _why_flat(scores)
        if not why_not:
            self._process.record(masks.keep, *_between_walls(scores, self._low, self._span))
            self._scores = scores
            if len(masks.keep) >= PATIENCE and self._process.unexplained().all():
                why_not = self._process.why_not()
        if why_not:
            self._hand_over(why_not)

    def _hand_over(self, reason: str) -> Regression:
        self._instead = Regression(self.plan, self._keep.shape[1], self.rows, reason, self._keep)
        return self._instead

    def attribution(self) -> Attribution:
        if self._instead is not None:
            return self._instead.attribution()
        assert self._scores is not None, "nothing was recorded"
        made, scaled = self._process.attribution(), self._span[:, np.newaxis]
        why_not = self._process.why_not()  # then regressions of the same masks answer for these targets
        whole = dataclasses.replace(
            made,
            values=made.values * scaled,
            error=made.error * scaled,
            base=made.base * self._span + self._low,
            pull=None if made.pull is None else made.pull * scaled,
            estimator="regression" if self._process.unexplained().all() else "gaussian-process",
            reason=why_not or self.reason,
            stopped=self._stopped,
        )
        return zero_where_flat(whole, self._scores)


def quicker_hint(
    made: Attribution, asking: float, thinking: float, calls: int, *, might_be_cheap: bool
) -> str:
    """Which estimator would have been quicker, where seconds tell; the choice itself is never by the clock.

    Parameters
    ----------
    made : Attribution
    asking, thinking : float
        Seconds.
    calls : int
    might_be_cheap : bool
        Whether the regression answered for no other reason than that.

    Examples
    --------
    >>> none = np.zeros((1, 2))
    >>> made = Attribution(none, none, none[:, 0], none[:, 0], estimator="regression")
    >>> quicker_hint(made, asking=60.0, thinking=0.1, calls=1000, might_be_cheap=True)
    'Its calls are dear: estimator="gaussian-process" needs a fraction of them'
    """
    if made.estimator == "gaussian-process" and thinking > max(QUICK, asking):
        return f'{thinking:.0f} s of thought, {asking:.0f} s of calls: estimator="regression" is quicker'
    if might_be_cheap and asking > QUICK and asking > DEAR * calls:
        return 'Its calls are dear: estimator="gaussian-process" needs a fraction of them'
    return ""


def _walls(
    plan: Plan, targets: tuple[int | Contrast, ...]
) -> tuple[Float[np.ndarray, "K"], Float[np.ndarray, "K"]]:
    """The lower wall of each target and the room above it: of differences of probabilities, −1 and 2."""
    contrast = np.array([isinstance(one, Contrast) for one in targets]) & (plan.scale == "probability")
    return -1.0 * contrast, 1.0 + contrast


def _between_walls(
    scores: Scores, low: Float[np.ndarray, "K"], span: Float[np.ndarray, "K"]
) -> tuple[Float[np.ndarray, "M K"], Float[np.ndarray, "K"], Float[np.ndarray, "K"]]:
    """The scores, and of the two ends, with their walls brought to 0 and 1."""
    return (scores.values - low) / span, (scores.full - low) / span, (scores.empty - low) / span


def check_pairs_known(attribute: object) -> None:
    """Refuse a method that tells nothing of pairs of segments: no call need be spent to know that.

    Raises
    ------
    OptionError
    """
    if not ProcessEstimator.serves(attribute, 2):
        inside = isinstance(attribute, WhiteBoxMethod)
        raise _unknown_pairs(attribute, "it asks about no masks" if inside else "its masks tell of none")


def _unknown_pairs(attribute: object, why: str) -> OptionError:
    return OptionError(
        f"an explanation by {attribute!r} knows nothing of pairs of segments: {why}. Explain the "
        "image by Lime, Shapley, Banzhaf or Rise, of two segments or more.",
        slug="pairs-unknown",
    )


def strongest_pairs(
    plan: Plan, scores: Scores, k: int, count: int
) -> tuple[Int[np.ndarray, "P 2"], Float[np.ndarray, "P"], Float[np.ndarray, "P"]]:
    """The pairs of segments that do most together for target `k`, strongest first; their values and errors.

    Whoever answered, a process is fitted to the masks that were asked; where all were, it is exact.

    Raises
    ------
    OptionError
        If the masks were not kept, are those of a method that knows no pairs, or tell too little.
    """
    check_pairs_known(plan.attribute)
    keep = scores.keep
    if keep is None or keep.shape[1] < 2:
        why = "the masks that were asked are not kept" if keep is None else "it has one segment"
        raise _unknown_pairs(plan.attribute, why)
    assert isinstance(plan.attribute, Attribute), "those that look inside keep no masks"
    segments = keep.shape[1]
    one = dataclasses.replace(
        scores, values=scores.values[:, [k]], full=scores.full[[k]], empty=scores.empty[[k]]
    )
    process = ProcessEstimator(plan.attribute, segments, 1, plan.scale, plan.seed)
    if Masks(keep, np.ones(len(keep))).exhaustive:
        values = complete_pair_effects(keep, one.values[:, 0], process.functional.shapley_pairs)
        strong = np.argsort(-np.abs(values), kind="stable")[:count]
        return segment_pairs(segments)[strong], values[strong], np.zeros(len(strong))
    low, span = _walls(plan, scores.targets[k : k + 1])
    values, full, empty = _between_walls(one, low, span)
    _, rows = np.unique(keep, axis=0, return_index=True)  # coin flips may come twice
    rows = np.sort(rows[np.isin(keep[rows].sum(axis=1), (0, segments), invert=True)])[:MOST_FOR_PAIRS]
    process.record(keep[rows], values[rows], full, empty)
    if not solve.has_moved(one.with_ends).any() or process.unexplained().any():
        raise OptionError(
            f"the scores of {len(rows)} masks tell next to nothing of pairs of segments: raise the budget, "
            "or ask for fewer segments.",
            slug="pairs-unknown",
        )
    pairs, found, error = process.pair_effects(count)
    # What is as likely another pair's cannot be told from nothing, however sure the process is of one.
    shared = np.where(share_products(keep[rows], pairs[0]), found[0], 0.0)
    return pairs[0], found[0] * span, np.hypot(error[0], shared) * span


def zero_where_flat(attribution: Attribution, scores: Scores) -> Attribution:
    """Zero where the score never moved: rounding is not to look like a finding."""
    flat = ~solve.has_moved(scores.with_ends)[:, np.newaxis]
    error = np.where(flat & np.isfinite(attribution.error), 0.0, attribution.error)
    return dataclasses.replace(attribution, values=np.where(flat, 0.0, attribution.values), error=error)


def _why_flat(scores: Scores) -> str:
    """What to say where the score of no target has moved."""
    return "" if solve.has_moved(scores.with_ends).any() else "the score never moved"


def _chosen_sampler(plan: Plan) -> Sampler:
    sampler = plan.sample or getattr(plan.attribute, "sample", None)
    if sampler is None:
        raise OptionError(
            f"the attribution {plan.attribute!r} does not say which masks it wants: give sample= too.",
            slug="sample-missing",
        )
    return sampler


def _inner_masks(segments: int) -> float:
    """All masks but the two ends."""
    return 2.0 ** min(segments, 1000) - 2


def _may_be_complete(plan: Plan, sampler: Sampler, segments: int) -> bool:
    """Whether all masks may be asked where there are calls for them."""
    freely = plan.sample is None and not isinstance(sampler, LeaveOneOut)
    return freely or isinstance(sampler, Exhaustive) or segments == 1  # the two ends are all masks of one


def _all_masks(segments: int, seed: int) -> Masks:
    return Exhaustive()(segments, 2**segments, np.random.default_rng(seed))


def _mask_designs(plan: Plan, segments: int, rows: int) -> Iterator[Masks]:
    """The masks to ask; for an open budget, ever larger sets that begin with the smaller ones."""
    sampler = _chosen_sampler(plan)
    complete, inner = _may_be_complete(plan, sampler, segments), _inner_masks(segments)
    if plan.budget != "auto" or isinstance(sampler, Exhaustive):
        steps = [rows]
    else:
        steps = _budget_steps(rows, AUTO_COMPLETE if complete and inner <= AUTO_COMPLETE else 2 * segments)
    most = _without_reserve(rows, segments)
    for asked in steps:
        if complete and inner <= asked:
            yield _all_masks(segments, plan.seed)
            return
        yield _draw_masks(sampler, segments, min(asked, most), plan.seed)


def _continued_designs(
    plan: Plan, segments: int, rows: int, asked: Bool[np.ndarray, "M S"]
) -> Iterator[Masks]:
    """Ever larger sets that begin with the masks that were asked, and go on with those that are drawn."""
    known = {row.tobytes() for row in np.packbits(asked, axis=1)}
    drawn = _draw_masks(_chosen_sampler(plan), segments, rows, plan.seed).keep
    keys = [row.tobytes() for row in np.packbits(drawn, axis=1)]
    firsts = {key: place for place, key in reversed(list(enumerate(keys))) if key not in known}
    keep = np.concatenate([asked, drawn[sorted(firsts.values())]])
    for count in [rows] if plan.budget != "auto" else _budget_steps(rows, 2 * len(asked)):
        if _inner_masks(segments) <= count:
            yield _all_masks(segments, plan.seed)
            return
        some = keep[: min(count, _without_reserve(rows, segments))]
        if len(some) > len(asked):
            yield Masks(some, size_weights(some))


def _without_reserve(rows: int, segments: int) -> int:
    """So many masks that a call is left to ask for the image again."""
    return rows - (rows > 2 * segments)


def _budget_steps(rows: int, least: int) -> list[int]:
    """Ever larger numbers of masks, each twice the one before, from at least `least` to `rows`."""
    first = AUTO_FIRST * 2 ** math.ceil(math.log2(max(1, least / AUTO_FIRST)))
    doubled = itertools.takewhile(lambda asked: asked < rows, (first << i for i in itertools.count()))
    return [*doubled, rows]


def _draw_masks(sampler: Sampler, segments: int, rows: int, seed: int) -> Masks:
    return drawn_masks(sampler, segments, rows, np.random.default_rng(seed))
