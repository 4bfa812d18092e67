"""what was measured of candidates for concepts → how sure it is, and which of them mark the same thing.

The search ranks its detectors so, and blame what it screens.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float

Mask = Bool[np.ndarray, "H W"]
T = TypeVar("T")

TOGETHER = 0.4
"""Share of the images of the rarer of two that the other is found in as well, if they are the same."""
SHARED = 0.4
"""Share of the smaller of two masks that lies in the other one, if they are of the same thing."""


def t_values(values: Float[np.ndarray, "N ..."]) -> Float[np.ndarray, "..."]:
    """Means over their standard errors, of each column; −inf where there are too few to tell.

    Examples
    --------
    >>> t_values(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 4.0]])).round(3).tolist()
    [3.464, 2.646]
    """
    if len(values) < 3:
        return np.full(values.shape[1:], -np.inf)
    return np.asarray(values.mean(axis=0) / (values.std(axis=0, ddof=1) / np.sqrt(len(values)) + 1e-9))


def overlap_share(one: Mask, other: Mask) -> float:
    """Share of the smaller of two masks that lies in the other.

    Examples
    --------
    >>> overlap_share(np.eye(2, dtype=bool), np.ones((2, 2), bool))
    1.0
    """
    return float((one & other).sum() / max(1, min(one.sum(), other.sum())))


def mark_the_same(both: Sequence[tuple[Mask, Mask]], rarer: int) -> bool:
    """Whether two concepts are found in the same images, and mostly at the same place.

    Parameters
    ----------
    both : sequence of pairs of masks
        Of each image in which both are found.
    rarer : int
        In how many images the rarer of them is found.
    """
    if not both or len(both) < TOGETHER * rarer:
        return False
    return bool(np.mean([overlap_share(*pair) > SHARED for pair in both]) > 0.5)


def group_alike(given: Iterable[T], alike: Callable[[T, T], bool]) -> list[list[T]]:
    """Each with those after it that are like it, and like none before it: the first stands for its group.

    Examples
    --------
    >>> group_alike([9, 5, 8, 4, 1], lambda one, other: abs(one - other) < 2)
    [[9, 8], [5, 4], [1]]
    """
    groups: list[list[T]] = []
    for one in given:
        mine = next((group for group in groups if alike(group[0], one)), None)
        if mine is None:
            groups.append([one])
        else:
            mine.append(one)
    return groups
