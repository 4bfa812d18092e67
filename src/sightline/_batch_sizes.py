"""image and model → how many images go into one model call, and which."""

import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Shaped

FIRST_SIZE, LEAST_SIZE = 32, 8
"""Sizes that a probe begins with, and below which it does not go."""
TIMED = 2
"""Batches of a size that are timed before it counts as no faster: the quicker one counts."""
FASTER = 0.95
"""Share of the time that another size may take at most, to be chosen."""
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
    return fixed_batch_size(given, model, image) or default_batch_size(image)


def fixed_batch_size(given: int | None, model: Any, image: Shaped[np.ndarray, "..."]) -> int | None:
    """Images in one call where the user or the model says how many; None where a probe may choose."""
    if given:
        return int(given)
    suggested = getattr(model, "suggested_batch_size", None)
    return int((suggested and suggested(image)) or 0) or None


class BatchProbe:
    """Finds the fastest size of a batch while masks are asked that have to be asked anyway.

    It begins with 32 images, times two batches, and goes on to twice as many as long as an image takes
    less time by a twentieth; if 64 are no faster at two tries, it tries half as many. Then it is settled.
    One probe may serve many images of one format: it goes on where it was.

    Parameters
    ----------
    largest : int
        As many as there is memory for.

    Examples
    --------
    >>> probe = BatchProbe(256)
    >>> for seconds in (3.2, 3.2, 9.6, 9.6, 1.6, 1.7):  # an image: 0.1 s in 32s, 0.15 in 64s, 0.1 in 16s
    ...     probe.record(seconds)
    >>> probe.size, probe.settled
    (32, True)
    """

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.size = min(FIRST_SIZE, largest)
        self.settled = largest <= LEAST_SIZE
        self._taken: dict[int, list[float]] = {}
        self._best = self.size

    def record(self, seconds: float) -> None:
        """Note how long a batch of `size` took, and choose the next size."""
        if self.settled:
            return
        size = self.size
        self._taken.setdefault(size, []).append(seconds / size)
        better = self._time(size) < FASTER * self._time(self._best)
        if not better and len(self._taken[size]) < TIMED:
            return
        faster = better or size == self._best
        first = min(FIRST_SIZE, self.largest)
        up = size >= first
        if faster:
            self._best = size
        following = (size * 2 if up else size // 2) if faster else first // 2
        if (not faster and (not up or self._best != first)) or not following >= LEAST_SIZE:
            self.settled = True
        elif following > self.largest:
            following = first // 2
            self.settled = self._best != first or following < LEAST_SIZE
        self.size = self._best if self.settled else following

    def _time(self, size: int) -> float:
        return min(self._taken[size])


_PROBES: "weakref.WeakKeyDictionary[Any, dict[Any, BatchProbe]]" = weakref.WeakKeyDictionary()
"""What was found out about models, for as long as they live."""


def shared_probe(model: Any, image: Shaped[np.ndarray, "..."]) -> BatchProbe:
    """The probe of a model, or of the object that it is a method of, and of all images of a format.

    Examples
    --------
    >>> def model(images): ...
    >>> shared_probe(model, np.zeros((8, 8))) is shared_probe(model, np.ones((8, 8)))
    True
    """
    probe = BatchProbe(default_batch_size(image))
    try:
        known = _PROBES.setdefault(getattr(model, "__self__", model), {})
    except TypeError:  # a text, or what cannot be told from others: nothing is remembered
        return probe
    return known.setdefault((getattr(model, "__name__", ""), image.shape, image.dtype.str), probe)


def batch_choice(
    given: int | BatchProbe | None, image: Shaped[np.ndarray, "..."]
) -> tuple[int, BatchProbe | None]:
    """Most images in one call, and the probe that finds out how many of them are fastest, unless given.

    Examples
    --------
    >>> batch_choice(7, np.zeros((8, 8)))
    (7, None)
    """
    if isinstance(given, BatchProbe):
        return given.largest, given
    most = given or default_batch_size(image)
    return most, None if given else BatchProbe(most)


def batch_ranges(count: int, size: int) -> Iterator[range]:
    """The numbers 0 to `count` - 1 in runs of `size`, the last as long as is left.

    Examples
    --------
    >>> list(batch_ranges(5, 2))
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


def ask_in_batches(
    model: Callable[..., Any], images: Iterable[Shaped[np.ndarray, "..."]], size: int
) -> list[Shaped[np.ndarray, "L"]]:
    """What a model says of each image; those of one form that follow each other are asked together.

    Examples
    --------
    >>> images = [np.full(shape, 2.0) for shape in ((4, 4), (4, 4), (2, 2))]
    >>> [one.tolist() for one in ask_in_batches(lambda batch: batch.sum(axis=2)[:, :1], images, 8)]
    [[8.0], [8.0], [4.0]]
    """
    answers: list[Any] = []
    for _, group in itertools.groupby(images, key=lambda image: (image.shape, image.dtype)):
        alike = list(group)
        for some in batch_ranges(len(alike), size):
            answers.extend(model(np.stack([alike[one] for one in some])))
    return answers
