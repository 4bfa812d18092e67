"""masks → perturbed batches, one batch in memory at a time."""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Bool, Shaped

from sightline.types import Segments

THREADS = min(4, os.cpu_count() or 1)
# Below this size an image is copied faster than another thread is woken.
THREADED_BYTES = 1 << 20


def _lone_refcount() -> int:
    """References that getrefcount sees to an array held by one variable: it differs between Pythons."""
    held = np.empty(0)
    return sys.getrefcount(held)


ALONE = _lone_refcount()


def perturbed_batches(
    image: Shaped[np.ndarray, "H W C"],
    hidden: Shaped[np.ndarray, "H W C"],
    segments: Segments,
    keep: Bool[np.ndarray, "M S"],
    batch_size: int,
) -> Iterator[Shaped[np.ndarray, "B H W C"]]:
    """Yield the images of the masks in order, in the image's dtype.

    Pixels of a visible segment come from `image`, those of a hidden one from `hidden`. A batch that its
    receiver still holds is never written again, so a model may keep or change it; one that was dropped
    lends its memory to the next. The largest has `batch_size` images.

    Examples
    --------
    >>> import numpy as np
    >>> segments = Segments(np.array([[0, 1]]))
    >>> image, hidden = np.ones((1, 2, 1)), np.zeros((1, 2, 1))
    >>> next(perturbed_batches(image, hidden, segments, np.array([[True, False]]), 8)).ravel()
    array([1., 0.])
    """
    compose = _make_composer(image, np.ascontiguousarray(hidden, dtype=image.dtype), segments, keep)
    batch = np.empty((min(batch_size, len(keep)), *image.shape), image.dtype)
    for start in range(0, len(keep), batch_size):
        rows = range(start, min(start + batch_size, len(keep)))
        if sys.getrefcount(batch) > ALONE:
            batch = np.empty((len(rows), *image.shape), image.dtype)
        _compose_batch(batch[: len(rows)], compose, rows)
        yield batch[: len(rows)]


def _compose_batch(
    batch: Shaped[np.ndarray, "B H W C"],
    compose: Callable[[int, Shaped[np.ndarray, "two H W C"]], None],
    rows: range,
) -> None:
    # A mask and its complement go together: the second is made of the first.
    couples = [(row, batch[row - rows.start : row - rows.start + 2]) for row in rows[::2]]
    if batch[0].nbytes >= THREADED_BYTES and THREADS > 1:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(compose, *zip(*couples, strict=True)))
    else:
        for couple in couples:
            compose(*couple)


def _make_composer(
    image: Shaped[np.ndarray, "H W C"],
    hidden: Shaped[np.ndarray, "H W C"],
    segments: Segments,
    keep: Bool[np.ndarray, "M S"],
) -> Callable[[int, Shaped[np.ndarray, "two H W C"]], None]:
    """A function that writes the images of a row of `keep`, and of the next one if there is room."""
    # One opaque item a pixel lets numpy copy whole runs of a segment at once, whatever the dtype.
    pixel = np.dtype((np.void, image.dtype.itemsize * image.shape[2]))
    word = np.uint64 if image.nbytes % 8 == 0 else np.uint8
    shown = np.ascontiguousarray(image)
    shown_pixels, hidden_pixels = (drawn.view(pixel).ravel() for drawn in (shown, hidden))
    swap = shown.ravel().view(word) ^ hidden.ravel().view(word)
    # Runs of one segment along the rows are far fewer than pixels.
    labels = segments.labels.ravel()
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    owners, lengths = labels[starts].astype(np.intp), np.diff(starts, append=labels.size)
    hide = ~keep
    opposite = np.append((keep[1:] != keep[:-1]).all(axis=1), False)

    def write(row: int, out: Shaped[np.ndarray, "H W C"]) -> None:
        pixels = out.reshape(-1).view(pixel)
        np.copyto(pixels, shown_pixels)
        np.copyto(pixels, hidden_pixels, where=np.repeat(hide[row].take(owners), lengths))

    def compose(row: int, out: Shaped[np.ndarray, "two H W C"]) -> None:
        write(row, out[0])
        if len(out) == 2 and opposite[row]:
            # Where one shows the image the other shows the fill: exchange them bit by bit.
            words = out.reshape(2, -1).view(word)
            np.bitwise_xor(words[0], swap, out=words[1])
        elif len(out) == 2:
            write(row + 1, out[1])

    return compose
