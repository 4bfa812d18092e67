"""what two models did with the same images → measures before and after, with intervals and tests."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline.findings.resampling import ROUNDS
from sightline.types import record

SHARE = 0.95
"""How often an interval is to hold the true change."""
FEWEST_GROUP = 5
"""Images below which a group is not looked at for the worst."""


@record
class PairedMetric:
    """One measure before and after a repair, on the same images.

    Parameters
    ----------
    kind : str
        ``"accuracy"``, ``"recall"``, ``"presence"``, ``"region"``, ``"content"`` or ``"other region"``.
    name : str
    before, after : float
        Shares, 0 to 1; net of what is elsewhere, −1 to 1.
    low, high : float
        95 % bootstrap interval of the change.
    p : float
        Of the test of no change that the verdict uses, adjusted for how many there are; nan where there is
        none.
    beside : tuple of float, or None
        What the measure is to be seen beside, before and after: the same elsewhere, or the region's share of
        the area.
    count : int
        Images that it is a mean over.
    """

    kind: str
    name: str
    before: float
    after: float
    low: float
    high: float
    p: float
    beside: tuple[float, float] | None
    count: int

    @property
    def change(self) -> float:
        """After less before."""
        return self.after - self.before


def paired_metric(
    kind: str,
    name: str,
    before: Float[np.ndarray, "N"] | Bool[np.ndarray, "N"],
    after: Float[np.ndarray, "N"] | Bool[np.ndarray, "N"],
    rng: np.random.Generator,
    *,
    p: float = np.nan,
    beside: tuple[float, float] | None = None,
) -> PairedMetric:
    """The means of two values of each image, and the interval of their difference; nan without images."""
    one, other = before.astype(np.float64), after.astype(np.float64)
    if not one.size:
        return PairedMetric(kind, name, np.nan, np.nan, np.nan, np.nan, p, beside, 0)
    low, high = bootstrap_mean_ci(other - one, rng)
    return PairedMetric(
        kind, name, float(one.mean()), float(other.mean()), low, high, float(p), beside, one.size
    )


def bootstrap_mean_ci(values: Float[np.ndarray, "N"], rng: np.random.Generator) -> tuple[float, float]:
    """Where the mean lies, by drawing the images anew (percentile bootstrap; Efron & Tibshirani 1993).

    The same as `sightline.findings.resampling.bootstrap_ci` where every image is its own group; how often
    each distinct value is drawn is drawn at once, which is as fast for many images as for few.

    Examples
    --------
    >>> bootstrap_mean_ci(np.ones(20), np.random.default_rng(0))
    (1.0, 1.0)
    """
    distinct, counts = np.unique(values, return_counts=True)
    drawn = rng.multinomial(len(values), counts / len(values), size=ROUNDS)
    low, high = np.quantile(drawn @ distinct / len(values), [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return float(low), float(high)


def mcnemar_test(before: Bool[np.ndarray, "N"], after: Bool[np.ndarray, "N"]) -> float:
    """How likely so uneven a change is if as many answers turn right as wrong: McNemar's exact test.

    Two-sided binomial test of the discordant images (McNemar 1947; Fagerland et al. 2013); 1 if there are
    none.

    Parameters
    ----------
    before, after : bool array, shape (N,)
        Whether each image's answer was right.

    Examples
    --------
    >>> mcnemar_test(np.zeros(6, bool), np.ones(6, bool))
    0.03125
    """
    from scipy.stats import binomtest

    mended, broken = int((after & ~before).sum()), int((before & ~after).sum())
    return float(binomtest(mended, mended + broken).pvalue) if mended + broken else 1.0


def blamed_errors(
    full: Int[np.ndarray, "N"],
    there: Int[np.ndarray, "N"],
    elsewhere: Int[np.ndarray, "N P"],
    labels: Int[np.ndarray, "N"],
) -> Float[np.ndarray, "N"]:
    """Whether each answer is an error of the region's: wrong, and right when the region is hidden.

    Less the share of equal areas elsewhere whose hiding turns it right as well; 0 of right answers.

    Parameters
    ----------
    full, there : int array, shape (N,)
        Predicted class of each image as it is, and with the region hidden.
    elsewhere : int array, shape (N, P)
        With an equal area elsewhere hidden, P times.
    labels : int array, shape (N,)

    Examples
    --------
    >>> blamed_errors(np.array([0, 1]), np.array([1, 0]), np.array([[1, 0], [0, 0]]), np.array([1, 1]))
    array([0.5, 0. ])
    """
    net = (there == labels).astype(np.float64) - (elsewhere == labels[:, np.newaxis]).mean(axis=1)
    return np.where(full == labels, 0.0, net)


def worst_group(
    before: Bool[np.ndarray, "N"],
    after: Bool[np.ndarray, "N"],
    groups: Sequence[tuple[str, Bool[np.ndarray, "N"]]],
    rng: np.random.Generator,
) -> PairedMetric | None:
    """Accuracy of the group that fares worst, before and after: not always the same one.

    The interval is drawn within the groups. Groups of fewer than 5 images are left out; None if all are.
    """
    large = [(name, which) for name, which in groups if which.sum() >= FEWEST_GROUP]
    if not large:
        return None
    seen = np.array([[before[which].mean(), after[which].mean()] for _, which in large])
    drawn = np.stack([_bootstrap_accuracies(before[which], after[which], rng) for _, which in large])
    low, high = np.quantile(np.diff(drawn.min(axis=0), axis=1), [(1 - SHARE) / 2, (1 + SHARE) / 2])
    was, now = (large[place][0] for place in seen.argmin(axis=0).tolist())
    name = f"worst group ({was})" if was == now else f"worst group ({was}; then {now})"
    least = seen.min(axis=0)
    count = int(sum(which.sum() for _, which in large))
    return PairedMetric(
        "presence", name, float(least[0]), float(least[1]), float(low), float(high), np.nan, None, count
    )


def _bootstrap_accuracies(
    before: Bool[np.ndarray, "n"], after: Bool[np.ndarray, "n"], rng: np.random.Generator
) -> Float[np.ndarray, "D 2"]:
    """Accuracy before and after, of the group's images drawn anew many times."""
    kinds = np.bincount(2 * before + after, minlength=4)
    drawn = rng.multinomial(len(before), kinds / len(before), size=ROUNDS)
    return np.asarray(drawn @ np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) / len(before))
