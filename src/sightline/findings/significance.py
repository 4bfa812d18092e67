"""values of independent images → what chance alone could make of them: p-values, adjusted; intervals."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8

from sightline.errors import ModelError

ROUNDS = 9999
"""Random sign flips of a test, and resamples of an interval."""
CONFIDENCE = 0.95
"""How often an interval is to hold the true value."""
TELLING = 2.0
"""How much higher the odds of finding a thing in images of a class are from which on it tells of it."""
CELLS = 1 << 20
"""Most random numbers held at once."""
MOST_GROUPS = 1 << 13
"""Most groups that are flipped or drawn one by one: of more, several at random are one."""
CHOICES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1).T
"""Which of eight things each byte stands for, shape (8, 256)."""


RealNumbers: TypeAlias = Int[np.ndarray, "_"] | Float[np.ndarray, "_"]


def group_sums(
    values: Float[np.ndarray, "N"], groups: Shaped[np.ndarray, "N"]
) -> tuple[Float[np.ndarray, "G"], Int[np.ndarray, "G"]]:
    """Sum and number of the values of each group."""
    _check_known(values)
    _, which = np.unique(groups, return_inverse=True)
    return np.bincount(which, weights=values).astype(np.float64), np.bincount(which)


def _check_known(values: Float[np.ndarray, "N"]) -> None:
    """Refuse values of which nothing can be said.

    Raises
    ------
    ModelError
    """
    if unknown := int(np.count_nonzero(~np.isfinite(values))):
        raise ModelError(
            f"{unknown:,} of {len(values):,} values are NaN or infinite, so that nothing can be said of "
            "their mean: see for which images the model's scores are, and leave those out.",
            slug="test-values",
        )


def _share_groups(
    sums: Float[np.ndarray, "G"], counts: RealNumbers, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "g"], RealNumbers]:
    """Of too many groups, several at random are one."""
    if sums.size <= MOST_GROUPS:
        return sums, counts
    which = rng.permutation(np.arange(sums.size) % MOST_GROUPS)
    return np.bincount(which, weights=sums), np.bincount(which, weights=counts)


def sign_flip_test(
    values: Float[np.ndarray, "N"], groups: Shaped[np.ndarray, "N"], rng: np.random.Generator
) -> float:
    """How likely a mean as high as this is if each group's values were as likely to have the other sign.

    The test of Fisher (1935): the signs of whole groups are flipped at random. The values as they are count
    as one of the flips, so that p is never 0 and the test is exact (Phipson & Smyth 2010). A group is what
    is independent of the others; with every value a group of its own it is the usual test. Where values
    are spread out more upwards than downwards, as gains of a few images are, the test errs towards a
    higher p. Of more than 8,192 groups several, drawn at random, share a sign: that is one of the sets of
    flips by which the test is exact, and takes no more memory however many groups there are.

    Parameters
    ----------
    values : float array, shape (N,)
    groups : array, shape (N,)
        What each value belongs to.
    rng : numpy.random.Generator

    Returns
    -------
    float
        One-sided, from 1 / 10000 to 1; 1 where there is no value.

    Raises
    ------
    ModelError
        If a value is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> sign_flip_test(np.ones(20), np.arange(20), np.random.default_rng(0))
    0.0001
    """
    sums, _ = _share_groups(*group_sums(values, groups), rng)
    if not sums.size:
        return 1.0
    # Eight groups at a time: what is left of them is looked up by the byte that says which keep their sign.
    eights = np.zeros((-(-len(sums) // 8), 8))
    eights.flat[: len(sums)] = sums
    signs = np.concatenate([_random_signs(count, len(sums), rng) for count in _round_blocks(len(sums))])
    kept = np.zeros(len(signs))
    for eight, which in zip(eights, np.ascontiguousarray(signs.T), strict=True):
        kept += (eight @ CHOICES)[which]
    total = sums.sum()
    # A hair below what was seen, so that what is as high counts, however it was rounded.
    as_high = int((2 * kept - total >= total - 1e-12 * np.abs(sums).sum()).sum())
    return (1 + as_high) / (1 + ROUNDS)


def _random_signs(count: int, width: int, rng: np.random.Generator) -> UInt8[np.ndarray, "D B"]:
    """Random bits, `width` to a line, eight to a byte: the first bit of each of as many random bytes."""
    words = rng.integers(0, 1 << 32, size=-(-count * width // 4), dtype=np.uint32)
    drawn = words.view(np.uint8)[: count * width].reshape(count, width)
    return np.packbits(drawn > 127, axis=1)


def holm_adjusted(ps: Sequence[float], among: int = 0) -> list[float]:
    """p-values adjusted for how many there are (Holm 1979): the chance of a single false one stays below.

    Parameters
    ----------
    ps : sequence of float
    among : int
        How many tests there were, if more than these: the others count as if nothing had come of them.

    Examples
    --------
    >>> holm_adjusted([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.04]
    >>> holm_adjusted([0.001, 0.5, 0.02], among=10)
    [0.01, 1.0, 0.18]
    """
    order = np.argsort(ps, kind="stable")
    steps = np.asarray(ps)[order] * (max(len(order), among) - np.arange(len(order)))
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(one) for one in adjusted]


def bootstrap_ci(
    values: Float[np.ndarray, "N"],
    groups: Shaped[np.ndarray, "N"] | None,
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
    *,
    weights: Float[np.ndarray, "N"] | None = None,
) -> tuple[float, float]:
    """Where the mean lies, by drawing the groups anew (percentile bootstrap; Efron & Tibshirani 1993).

    Parameters
    ----------
    values : float array, shape (N,)
    groups : array, shape (N,), or None
        What each value belongs to: whole groups are drawn. None: each value is on its own, and there are few
        different ones; how often each of these is drawn is drawn at once, which takes no longer for many
        values than for few.
    rng : numpy.random.Generator
    confidence : float
        How often the interval is to hold the true mean.
    weights : float array, shape (N,), optional
        What each value counts for in the mean, where values have groups.

    Returns
    -------
    low, high : float
        NaN where there is no value.

    Raises
    ------
    ModelError
        If a value is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> bootstrap_ci(np.ones(20), np.arange(20), np.random.default_rng(0))
    (1.0, 1.0)
    """
    if not values.size:
        return np.nan, np.nan
    if groups is None:
        _check_known(values)
        distinct, counts = np.unique(values, return_counts=True)
        drawn = rng.multinomial(len(values), counts / len(values), size=ROUNDS)
        return percentile_ci(drawn @ distinct / len(values), confidence)
    weighed = values if weights is None else values * weights
    sums, counts = group_sums(weighed, groups)
    totals = counts if weights is None else group_sums(weights, groups)[0]
    sums, totals = _share_groups(sums, totals, rng)
    means = []
    for count in _round_blocks(len(sums)):
        which = rng.integers(0, len(sums), size=(count, len(sums)))
        means.append(sums[which].sum(axis=1) / totals[which].sum(axis=1))
    return percentile_ci(np.concatenate(means), confidence)


def percentile_ci(draws: Float[np.ndarray, "D"], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Between which two values as many of the resampled ones lie."""
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _round_blocks(width: int) -> Iterator[int]:
    """How many rounds to do at once, until all are done."""
    most = max(1, CELLS // width)
    for start in range(0, ROUNDS, most):
        yield min(most, ROUNDS - start)


def odds_ratio(inside: Bool[np.ndarray, "n"], outside: Bool[np.ndarray, "m"]) -> tuple[float, float]:
    """95 % interval of how much higher the odds of a class are where a thing is (Woolf 1955).

    Parameters
    ----------
    inside, outside : bool array
        Whether images of the class have it, and whether those of other classes do.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = odds_ratio(np.repeat([True, False], [50, 50]), np.repeat([True, False], [50, 50]))
    >>> round(low, 2), round(high, 2)
    (0.58, 1.74)
    """
    cells = np.array([inside.sum(), (~inside).sum(), outside.sum(), (~outside).sum()]) + 0.5
    middle = np.log(cells[0] * cells[3] / cells[1] / cells[2])
    error = 1.96 * np.sqrt((1 / cells).sum())
    return float(np.exp(middle - error)), float(np.exp(middle + error))
