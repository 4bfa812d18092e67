"""values of independent images → what chance alone could make of them: p-values, adjusted; intervals."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int, Shaped

ROUNDS = 9999
"""Random sign flips of a test, and resamples of an interval."""
CELLS = 1 << 20
"""Most random numbers held at once."""


def group_sums(
    values: Float[np.ndarray, "N"], groups: Shaped[np.ndarray, "N"]
) -> tuple[Float[np.ndarray, "G"], Int[np.ndarray, "G"]]:
    """Sum and number of the values of each group."""
    _, which = np.unique(groups, return_inverse=True)
    return np.bincount(which, weights=values), np.bincount(which)


def sign_flip_test(
    values: Float[np.ndarray, "N"], groups: Shaped[np.ndarray, "N"], rng: np.random.Generator
) -> float:
    """How likely a mean as high as this is if each group's values were as likely to have the other sign.

    The test of Fisher (1935): the signs of whole groups are flipped at random. The values as they are count
    as one of the flips, so that p is never 0 and the test is exact (Phipson & Smyth 2010). A group is what
    is independent of the others; with every value a group of its own it is the usual test. Where values
    are spread out more upwards than downwards, as gains of a few images are, the test errs towards a
    higher p.

    Parameters
    ----------
    values : float array, shape (N,)
    groups : array, shape (N,)
        What each value belongs to.
    rng : numpy.random.Generator

    Returns
    -------
    float
        One-sided, from 1 / 10000 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> sign_flip_test(np.ones(20), np.arange(20), np.random.default_rng(0))
    0.0001
    """
    sums, _ = group_sums(values, groups)
    seen = sums.sum() - 1e-12 * np.abs(sums).sum()
    as_high = 0
    for count in _round_blocks(len(sums)):
        signs = rng.integers(0, 2, size=(count, len(sums)), dtype=np.int8)
        as_high += int(((2.0 * signs - 1) @ sums >= seen).sum())
    return (1 + as_high) / (1 + ROUNDS)


def holm_adjusted(ps: Sequence[float]) -> list[float]:
    """p-values adjusted for how many there are (Holm 1979): the chance of a single false one stays below.

    Examples
    --------
    >>> holm_adjusted([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.04]
    """
    order = np.argsort(ps, kind="stable")
    steps = np.asarray(ps)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(one) for one in adjusted]


def bootstrap_ci(
    values: Float[np.ndarray, "N"],
    groups: Shaped[np.ndarray, "N"],
    rng: np.random.Generator,
    share: float = 0.95,
) -> tuple[float, float]:
    """Where the mean lies, by drawing the groups anew (percentile bootstrap; Efron & Tibshirani 1993).

    Parameters
    ----------
    values : float array, shape (N,)
    groups : array, shape (N,)
        What each value belongs to: whole groups are drawn.
    rng : numpy.random.Generator
    share : float
        How often such an interval is to hold the true mean.

    Returns
    -------
    low, high : float

    Examples
    --------
    >>> import numpy as np
    >>> bootstrap_ci(np.ones(20), np.arange(20), np.random.default_rng(0))
    (1.0, 1.0)
    """
    sums, counts = group_sums(values, groups)
    means = []
    for count in _round_blocks(len(sums)):
        drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=count)
        means.append((drawn @ sums) / (drawn @ counts))
    low, high = np.quantile(np.concatenate(means), [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def _round_blocks(width: int) -> Iterator[int]:
    """How many rounds to do at once, until all are done."""
    most = max(1, CELLS // width)
    for start in range(0, ROUNDS, most):
        yield min(most, ROUNDS - start)
