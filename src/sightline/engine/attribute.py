"""masks and scores → attribution: Lime, Shapley, Banzhaf, Rise, Occlusion.

Each sees masks and scores only, so each can be checked on a complete table of scores, where the exact
answer is known.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import comb

from sightline.engine import aliasing_error, solve
from sightline.engine.sampling import Balanced, Bernoulli, FoldOver, LeaveOneOut
from sightline.errors import BudgetError, OptionError
from sightline.types import Attribution, Masks, Sampler, Scores, option


@option
class Lime:
    """Weights of LIME's local linear model (Ribeiro et al. 2016), with lime's kernel and ridge.

    Rows count by ``sqrt(exp(-d² / kernel_width²))`` with d the cosine distance of the mask from the full
    one. Asked with a fold-over code rather than coin flips; when every mask was asked the ridge is left
    out and the answer is the infinite-sample one (Garreau & Mardaoui 2021).

    Parameters
    ----------
    kernel_width : float
        Width of the kernel, in cosine distance.
    ridge : float
        Penalty on the squared weights, as lime's own ridge regression has it.
    """

    kernel_width: float = 0.25
    ridge: float = 1.0

    def __post_init__(self) -> None:
        if not (self.kernel_width > 0 and self.ridge >= 0):  # nan neither
            raise OptionError(
                f"Lime needs kernel_width > 0 and ridge >= 0, but {self!r} was given.", slug="option-value"
            )

    @property
    def sample(self) -> Sampler:
        return FoldOver()

    def __call__(self, masks: Masks, scores: Scores) -> Attribution:
        distance = 1 - np.sqrt(masks.keep.mean(axis=1))
        kernel = np.sqrt(np.exp(-(distance**2) / self.kernel_width**2))
        return _fit_regression(masks, scores, kernel, 0.0 if masks.exhaustive else self.ridge)


@option
class Banzhaf:
    """Banzhaf values: the mean change of the score when a segment is shown, over all masks.

    Banzhaf 1965; the least-squares additive model of the model under even masks (Hammer & Holzman
    1992).
    """

    @property
    def sample(self) -> Sampler:
        return FoldOver()

    def __call__(self, masks: Masks, scores: Scores) -> Attribution:
        return _fit_regression(masks, scores, np.ones(len(masks.keep)), 0.0)


@option
class Shapley:
    """Shapley values by weighted regression (Lundberg & Lee 2017) on balanced, paired, distinct masks.

    They add up exactly to the score of the image minus that of the empty mask, `base`.
    """

    @property
    def sample(self) -> Sampler:
        return Balanced()

    def __call__(self, masks: Masks, scores: Scores) -> Attribution:
        segments = masks.keep.shape[1]
        size = masks.keep.sum(axis=1)
        total = scores.full - scores.empty
        inner = (size > 0) & (size < segments)  # the ends are known exactly: scores.empty and .full
        if segments == 1 or not inner.any():
            even = np.repeat(total[:, np.newaxis] / segments, segments, axis=1)
            error = np.full(even.shape, 0.0 if segments == 1 else np.inf)
            return Attribution(even, error, scores.empty, np.where(total == 0, np.nan, 1.0), scores.calls)
        keep, values, size = masks.keep[inner], scores.values[inner] - scores.empty, size[inner]
        kernel = (segments - 1) / (comb(segments, size) * size * (segments - size))
        weight = kernel * masks.weight[inner]
        coefficients, influence = solve.constrained_regression(keep, values, weight, total)
        fitted = keep @ coefficients.T
        asked = Masks(keep, masks.weight[inner])
        error = _standard_errors(asked, values - fitted, influence, masks.exhaustive, known=2)
        # The sum is known: that is one mask more, and all that a mask's size would tell.
        design = np.vstack([keep - (size / segments)[:, np.newaxis], np.ones(segments)])
        error = np.where(solve.is_determined(design), error, np.inf)
        fit = solve.r_squared(values, fitted, weight)
        return Attribution(coefficients, error, scores.empty, fit, scores.calls)


@option
class Rise:
    """RISE (Petsiuk et al. 2018) over segments: how much higher the score is when a segment is visible.

    The mean score of the masks that show the segment, minus the mean of all masks (`base`), so that the
    sign speaks; the ranking is RISE's own.

    Parameters
    ----------
    p : float
        Chance of a segment being visible, between 0 and 1.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        Bernoulli(p=self.p)

    @property
    def sample(self) -> Sampler:
        return Bernoulli(p=self.p)

    def __call__(self, masks: Masks, scores: Scores) -> Attribution:
        _check_mask_count(masks)
        size = masks.keep.sum(axis=1)
        chance = self.p**size * (1 - self.p) ** (masks.keep.shape[1] - size)
        share = chance * masks.weight
        share = share / share.sum()
        base = share @ scores.values
        shown = share[:, np.newaxis] * masks.keep
        mass = shown.sum(axis=0)
        # Of a segment that is always or never visible there is no telling.
        told = (masks.keep.sum(axis=0) > 1) & ((~masks.keep).sum(axis=0) > 1) | masks.exhaustive
        shown = np.where(told, shown / np.where(told, mass, 1), share[:, np.newaxis])
        coefficients = ((shown - share[:, np.newaxis]).T @ scores.values).T
        error = np.zeros(coefficients.shape)
        if not masks.exhaustive:
            error = np.where(told, _mean_error(masks.keep, scores.values, shown, share), np.inf)
        fitted = base + (masks.keep - self.p) @ coefficients.T / (1 - self.p)
        fit = solve.r_squared(scores.values, fitted, share)
        return Attribution(coefficients, error, base, fit, scores.calls)


@option
class Occlusion:
    """How much the score falls when a segment alone is hidden (Zeiler & Fergus 2014). Exact."""

    @property
    def sample(self) -> Sampler:
        return LeaveOneOut()

    def __call__(self, masks: Masks, scores: Scores) -> Attribution:
        segments = masks.keep.shape[1]
        rows = np.flatnonzero((~masks.keep).sum(axis=1) == 1)
        hidden = (~masks.keep[rows]).argmax(axis=1)
        if len(np.unique(hidden)) < segments:
            raise OptionError(
                "Occlusion needs masks that hide each segment alone: leave out `sample`, or use "
                "LeaveOneOut().",
                slug="sample-unfit",
            )
        values = np.empty((len(scores.full), segments))
        values[:, hidden] = (scores.full - scores.values[rows]).T
        fitted = scores.full - (~masks.keep) @ values.T
        fit = solve.r_squared(scores.values, fitted, np.ones(len(masks.keep)))
        return Attribution(values, np.zeros(values.shape), scores.full, fit, scores.calls)


def _fit_regression(
    masks: Masks, scores: Scores, kernel: Float[np.ndarray, "M"], penalty: float
) -> Attribution:
    _check_mask_count(masks)
    weight = kernel * masks.weight / masks.weight.mean()
    coefficients, base, influence = solve.ridge_regression(masks.keep, scores.values, weight, penalty)
    fitted = base + masks.keep @ coefficients.T
    error = _standard_errors(masks, scores.values - fitted, influence, masks.exhaustive)
    gain, least = aliasing_error.error_bounds(masks.keep, scores.values)
    error *= gain
    unseen = np.zeros(error.shape)
    if not masks.exhaustive:
        unseen = np.sqrt(np.maximum(least**2 - error**2, 0))
        error = np.maximum(error, least)
    pull = None
    if penalty:  # more masks would undo what the ridge pulls, so it is an error too
        pull = solve.ridge_coefficients(masks.keep, scores.values, weight, 0.0) - coefficients
        error = np.hypot(error, pull)
    error = np.where(solve.is_determined(masks.keep - masks.keep.mean(axis=0)), error, np.inf)
    fit = solve.r_squared(scores.values, fitted, weight)
    return Attribution(coefficients, error, base, fit, scores.calls, pull=pull, unseen=unseen)


def _check_mask_count(masks: Masks) -> None:
    if len(masks.keep) < 2:
        raise BudgetError(
            f"this attribution needs at least 2 masks, but the budget leaves {len(masks.keep)}.",
            slug="budget-small",
        )


def _standard_errors(
    masks: Masks,
    residual: Float[np.ndarray, "M K"],
    influence: Float[np.ndarray, "S M"],
    exact: bool,
    known: int = 0,
) -> Float[np.ndarray, "K S"]:
    """Standard errors; `known` is how many of the 2^S masks need not be asked."""
    count, segments = masks.keep.shape
    if exact:
        return np.zeros((residual.shape[1], segments))
    partner, unknown = np.arange(count), np.ones(count)
    if masks.distinct:
        partner = solve.complement_rows(masks.keep)
        # Weights are known up to a factor: those of all masks add up to their number.
        share = 2.0**-segments / (1 - known * 2.0**-segments)
        unknown = np.clip(1 - masks.weight.sum() * share / masks.weight, 0, 1)
    return solve.paired_error(influence, residual, partner, unknown, segments)


def _mean_error(
    keep: Bool[np.ndarray, "M S"],
    values: Float[np.ndarray, "M K"],
    shown: Float[np.ndarray, "M S"],
    share: Float[np.ndarray, "M"],
) -> Float[np.ndarray, "K S"]:
    """Standard error of (mean of the visible − mean of all), rows independent."""
    means = shown.T @ values
    base = share @ values
    variance = np.empty((values.shape[1], keep.shape[1]))
    for k in range(values.shape[1]):
        pull = shown * (values[:, k, np.newaxis] - means[:, k])
        pull -= (share * (values[:, k] - base[k]))[:, np.newaxis]
        variance[k] = (pull**2).sum(axis=0)
    return np.sqrt(variance)
