"""scores and truth of two classes → how well they are told apart, and the threshold that a rule chooses."""

from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline._arguments import describe_value
from sightline._checks import check_number
from sightline._printing import printable_text
from sightline._spec import from_spec
from sightline.errors import OptionError
from sightline.types import option, record

Z = 1.959963984540054
"""Standard errors to each side of a 95 % interval."""
ROUNDS = 1000
"""Resamples of which a threshold's interval is made."""
FEWEST = 10
"""Images of a class below which resamples of it say nothing of others."""
CELLS = 1 << 22
"""Most numbers of resamples held at once."""
Rates: TypeAlias = Float[np.ndarray, "R"]
Places: TypeAlias = Int[np.ndarray, "..."]


@record
class Estimate:
    """A number with its 95 % interval.

    Examples
    --------
    >>> Estimate(0.9, 0.85, 0.94)
    0.900 (95 %: 0.850 to 0.940)
    """

    value: float
    low: float
    high: float

    def __repr__(self) -> str:
        if np.isnan(self.value):
            return "-"
        known = not np.isnan(self.low)
        return f"{self.value:.3f}" + (f" (95 %: {self.low:.3f} to {self.high:.3f})" if known else "")


UNKNOWN = Estimate(np.nan, np.nan, np.nan)
"""Of what there is no image."""


def share_estimate(part: int, whole: int) -> Estimate:
    """A share with its interval (Wilson 1927), which is sound for few images and for shares of 1.

    Examples
    --------
    >>> share_estimate(3, 4), share_estimate(0, 0)
    (0.750 (95 %: 0.301 to 0.954), -)
    """
    if not whole:
        return UNKNOWN
    from scipy.stats import binomtest

    interval = binomtest(part, whole).proportion_ci(method="wilson")
    return Estimate(part / whole, float(interval.low), float(interval.high))


def area_under_curve(scores: Float[np.ndarray, "N"], truth: Bool[np.ndarray, "N"]) -> Estimate:
    """The area under the ROC curve: how often a positive image scores higher than a negative one.

    Ties count half, as in scikit-learn's ``roc_auc_score``. The interval is the fifth of Newcombe (2006): it
    leaves 0 and 1 out unless all is told apart, and then still has a width.

    Parameters
    ----------
    scores : float array, shape (N,)
    truth : bool array, shape (N,)

    Examples
    --------
    >>> area_under_curve(np.array([0.1, 0.6, 0.7, 0.8]), np.array([False, True, False, True]))
    0.750 (95 %: 0.227 to 0.967)
    """
    positive, negative = int(truth.sum()), int((~truth).sum())
    if not positive or not negative:
        return UNKNOWN
    area = share_in_order(scores, truth)
    return Estimate(area, *_area_interval(area, positive, negative))


def share_in_order(scores: Float[np.ndarray, "N"], truth: Bool[np.ndarray, "N"]) -> float:
    """The area under the ROC curve alone, where there are positive and negative images."""
    from scipy.stats import rankdata

    positive, negative = int(truth.sum()), int((~truth).sum())
    above = rankdata(scores)[truth].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def _area_interval(area: float, positive: int, negative: int) -> tuple[float, float]:
    """Between which areas the one that was seen is no further off than chance allows."""
    from scipy.optimize import brentq

    pairs, extra = positive * negative, (positive + negative) / 2 - 1

    def excess(true: float) -> float:
        spread = true * (1 + extra * ((1 - true) / (2 - true) + true / (1 + true))) / pairs
        # Where all is told apart, both sides have a factor of what is left of 1, by which they are divided.
        return float(
            (area - true) ** 2 / (1 - true) - Z**2 * spread if area < 1 else area - true - Z**2 * spread
        )

    if area <= 0:
        low, high = _area_interval(1 - area, negative, positive)
        return 1 - high, 1 - low
    low = float(brentq(excess, 0.0, area))
    return low, 1.0 if area >= 1 else float(brentq(excess, area, 1 - 1e-12))


@record
class RocCurve:
    """What each threshold makes of the images of two classes; a positive is what scores above it.

    Parameters
    ----------
    thresholds : float array, shape (R,)
        Downwards: halfway between scores that occur.
    sensitivity, false_alarms : float array, shape (R,)
        Share of the positive, and of the negative images that score above each.
    """

    thresholds: Rates
    sensitivity: Rates
    false_alarms: Rates


@record
class _ScoreCounts:
    """How many positive and negative images have each score, the highest first."""

    scores: Rates
    positive: Int[np.ndarray, "R"]
    negative: Int[np.ndarray, "R"]

    @property
    def thresholds(self) -> Rates:
        """Above which nothing is, and then one score more each time."""
        first, last = float(self.scores[0]), float(self.scores[-1])
        upper = np.concatenate([[max(1.0, first)], self.scores])
        # No threshold of a probability is below 0: a score of 0 is never above one.
        lower = np.concatenate([self.scores, [0.0 if last > 0 else last - 1]])
        between = (upper + lower) / 2
        # Of two scores next to each other the upper has to stay above.
        return np.where(between < upper, between, lower)


def _count_scores(scores: Float[np.ndarray, "N"], truth: Bool[np.ndarray, "N"]) -> _ScoreCounts:
    known, which = np.unique(-scores, return_inverse=True)
    counts = [np.bincount(which[chosen], minlength=len(known)) for chosen in (truth, ~truth)]
    return _ScoreCounts(-known, *counts)


def _running_shares(counts: Int[np.ndarray, "... R"]) -> Float[np.ndarray, "... S"]:
    """Share of the images that are above each threshold."""
    sums = np.cumsum(counts, axis=-1, dtype=np.float64)
    return np.concatenate([np.zeros((*counts.shape[:-1], 1)), sums / sums[..., -1:]], axis=-1)


def roc_curve_of(scores: Float[np.ndarray, "N"], truth: Bool[np.ndarray, "N"]) -> RocCurve:
    """The ROC curve, every threshold of it.

    Raises
    ------
    OptionError
        If there are images of one class only.

    Examples
    --------
    >>> made = roc_curve_of(np.array([0.2, 0.6, 0.8]), np.array([False, True, True]))
    >>> made.thresholds.tolist(), made.sensitivity.tolist(), made.false_alarms.tolist()
    ([0.9, 0.7, 0.4, 0.1], [0.0, 0.5, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0])
    """
    _check_both(truth)
    counts = _count_scores(scores, truth)
    return RocCurve(counts.thresholds, _running_shares(counts.positive), _running_shares(counts.negative))


def _check_both(truth: Bool[np.ndarray, "N"]) -> None:
    if truth.all() or not truth.any():
        raise OptionError(
            f"all {len(truth):,} images are {'positive' if truth.any() else 'negative'}: a threshold between "
            "two classes needs images of both.",
            slug="threshold-classes",
        )


@runtime_checkable
class ThresholdRule(Protocol):
    """Sensitivity and share of false alarms at each threshold, share of positives → how good each is."""

    def __call__(
        self,
        sensitivity: Float[np.ndarray, "... R"],
        false_alarms: Float[np.ndarray, "... R"],
        share: float,
        /,
    ) -> Float[np.ndarray, "... R"]: ...


@option
class Youden:
    """Sensitivity + specificity − 1 is highest (Youden 1950): both classes count alike, however frequent."""

    def __call__(
        self, sensitivity: Float[np.ndarray, "... R"], false_alarms: Float[np.ndarray, "... R"], share: float
    ) -> Float[np.ndarray, "... R"]:
        return np.asarray(sensitivity - false_alarms)


@option
class Cost:
    """The errors cost least.

    Parameters
    ----------
    missed, false_alarm : float
        What it costs to miss a positive, and to call a negative positive.
    prevalence : float, optional
        Share of positives where the model is to be used; by default that of the images.

    Raises
    ------
    OptionError
        If a cost is not above 0, or `prevalence` not between 0 and 1.
    """

    missed: float = 1.0
    false_alarm: float = 1.0
    prevalence: float | None = None

    def __post_init__(self) -> None:
        for name in ("missed", "false_alarm"):
            check_number(name, getattr(self, name), above=0)
        if self.prevalence is not None:
            check_number("prevalence", self.prevalence, above=0, below=1)

    def __call__(
        self, sensitivity: Float[np.ndarray, "... R"], false_alarms: Float[np.ndarray, "... R"], share: float
    ) -> Float[np.ndarray, "... R"]:
        positive = share if self.prevalence is None else self.prevalence
        missed = self.missed * positive * (1 - sensitivity)
        return np.asarray(-missed - self.false_alarm * (1 - positive) * false_alarms)


@option
class Sensitivity:
    """As few false alarms as there can be while a share of the positives is found.

    Parameters
    ----------
    least : float
        That share: above 0, at most 1.

    Raises
    ------
    OptionError
        If it lies elsewhere.
    """

    least: float = 0.95

    def __post_init__(self) -> None:
        check_number("least", self.least, above=0, at_most=1)

    def __call__(
        self, sensitivity: Float[np.ndarray, "... R"], false_alarms: Float[np.ndarray, "... R"], share: float
    ) -> Float[np.ndarray, "... R"]:
        return np.where(sensitivity >= self.least - 1e-12, -false_alarms, -np.inf)


THRESHOLD_RULES = {"youden": Youden, "cost": Cost, "sensitivity": Sensitivity}
"""Every rule by its name in texts."""


def named_rule(given: "str | ThresholdRule") -> "ThresholdRule":
    """A rule, also of words such as ``"cost:missed=5"``.

    Raises
    ------
    OptionError
        If there is no such rule.

    Examples
    --------
    >>> named_rule("sensitivity:least=0.9")
    Sensitivity(least=0.9)
    """
    if isinstance(given, str):
        made: ThresholdRule = from_spec(given, THRESHOLD_RULES, "threshold rule")
        return made
    return given


@record
class ThresholdChoice:
    """The threshold that a rule chooses, and what it does on the images that it was chosen on.

    On these images it does better than on others: measure it on images that it was not chosen on.

    Parameters
    ----------
    rule : ThresholdRule
    threshold : Estimate
        A score above it is class 1. The interval is of 1,000 resamples of each class (percentiles); nan where
        there are fewer than 10 images of a class, of which resamples are nearly the same.
    sensitivity, specificity : Estimate
        Share of class 1 that is found, and of class 0; Wilson's intervals.
    positive, negative : int
        Images of each.
    name : str
        Of class 1.
    """

    rule: ThresholdRule
    threshold: Estimate
    sensitivity: Estimate
    specificity: Estimate
    positive: int
    negative: int
    name: str

    def __repr__(self) -> str:
        return "\n".join(
            [
                f"Threshold of {printable_text(self.name)} by {self.rule!r}",
                f"threshold    {self.threshold!r}",
                f"sensitivity  {self.sensitivity!r}  of {self.positive:,}",
                f"specificity  {self.specificity!r}  of {self.negative:,}",
                "on the images that it was chosen on; on others it does less well",
            ]
        )


def choose_threshold_by(
    rule: "str | ThresholdRule", scores: Float[np.ndarray, "N"], truth: Bool[np.ndarray, "N"], name: str
) -> ThresholdChoice:
    """The threshold that a rule chooses; of several that are as good, the highest.

    Raises
    ------
    OptionError
        If there is no such rule, or there are images of one class only.

    Examples
    --------
    >>> made = choose_threshold_by("youden", np.array([0.2, 0.4, 0.6]), np.array([False, True, True]), "ill")
    >>> round(made.threshold.value, 3), made.sensitivity.value, made.specificity.value
    (0.3, 1.0, 1.0)
    """
    chosen = named_rule(rule)
    _check_both(truth)
    counts = _count_scores(scores, truth)
    share, thresholds = float(truth.mean()), counts.thresholds
    found, alarms = (_running_shares(each) for each in (counts.positive, counts.negative))
    usable = (thresholds >= 0) & (thresholds <= 1)

    def best_places(found: Float[np.ndarray, "... R"], alarms: Float[np.ndarray, "... R"]) -> Places:
        # To rounding: of those that are as good, the highest threshold, which is the first.
        try:
            good = np.where(usable, chosen(found, alarms, share), -np.inf)
        except OptionError:
            raise
        except (TypeError, ValueError) as error:
            raise OptionError(
                f"rule {describe_value(rule)} fails: {error}. It takes sensitivities, shares of false alarms "
                "and the share of positive images, and gives how good each threshold is.",
                slug="option-value",
            ) from error
        return np.asarray((good >= good.max(axis=-1, keepdims=True) - 1e-12).argmax(axis=-1))

    best = best_places(found, alarms)
    redrawn, rng = [], np.random.default_rng(0)
    for _ in range(0, ROUNDS, block := max(1, min(ROUNDS, CELLS // len(thresholds)))):
        found, alarms = (
            _running_shares(rng.multinomial(each.sum(), each / each.sum(), size=block))
            for each in (counts.positive, counts.negative)
        )
        redrawn.append(thresholds[best_places(found, alarms)])
    low, high = np.quantile(np.concatenate(redrawn), [0.025, 0.975])
    if min(truth.sum(), (~truth).sum()) < FEWEST:
        low = high = np.nan
    above = scores > thresholds[best]
    return ThresholdChoice(
        chosen,
        Estimate(float(thresholds[best]), float(low), float(high)),
        share_estimate(int((above & truth).sum()), int(truth.sum())),
        share_estimate(int((~above & ~truth).sum()), int((~truth).sum())),
        int(truth.sum()),
        int((~truth).sum()),
        name,
    )
