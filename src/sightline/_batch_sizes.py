"""image and model → how many images go into one model call, and which."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Shaped

BATCH_BYTES = 16 * 2**20
"""Memory that the images of one batch may take where nobody says otherwise."""


def default_batch_size(image: Shaped[np.ndarray, "..."]) -> int:
    """As many images as fit in 16 MiB, 1 to 256.

    Examples
    --------
    >>> default_batch_size(np.zeros((1024, 1024, 3), np.uint8)), default_batch_size(np.zeros((8, 8)))
    (5, 256)
    """
    return int(np.clip(BATCH_BYTES // max(image.nbytes, 1), 1, 256))


def choose_batch_size(given: int | None, model: Any, image: Shaped[np.ndarray, "..."]) -> int:
    """Images in one call: as many as were asked for, as suit the model, or as fit in 16 MiB.

    Parameters
    ----------
    given : int or None
        What the user asked for.
    model : callable
        One with a method `suggested_batch_size(image)` knows best what its device has room for.
    image : array

    Examples
    --------
    >>> choose_batch_size(7, len, np.zeros((8, 8))), choose_batch_size(None, len, np.zeros((8, 8)))
    (7, 256)
    """
    if given:
        return int(given)
    suggested = getattr(model, "suggested_batch_size", None)
    return int((suggested and suggested(image)) or default_batch_size(image))


def batch_ranges(count: int, size: int) -> Iterator[range]:
    """The numbers 0 to `count` - 1 in runs of `size`, the last as long as is left.

    Examples
    --------
    >>> list(batch_ranges(5, 2))
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    for start in range(0, count, size):
        yield range(start, min(start + size, count))
