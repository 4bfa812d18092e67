"""masks → perturbed batches, one or two of them in memory at a time."""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Bool, Shaped

from sightline._batch_sizes import batch_ranges
from sightline.types import Segments

THREADS = min(4, os.cpu_count() or 1)
# Below this size an image is copied faster than another thread is woken.
THREADED_BYTES = 1 << 20
GROUP_BYTES = 1 << 20
"""Images are written together up to this size: small ones take longer to ask for than to write."""


def _lone_refcount() -> int:
    """References that getrefcount sees to an array held by one list: it differs between Pythons."""
    held = [np.empty(0)]
    return sys.getrefcount(held[0])


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
    return perturbed_ranges(image, hidden, segments, keep, batch_ranges(len(keep), batch_size))


def perturbed_ranges(
    image: Shaped[np.ndarray, "H W C"],
    hidden: Shaped[np.ndarray, "H W C"],
    segments: Segments,
    keep: Bool[np.ndarray, "M S"],
    ranges: Iterable[range],
) -> Iterator[Shaped[np.ndarray, "B H W C"]]:
    """Like `perturbed_batches`, a batch for each of the ranges of masks, which are asked for one by one."""
    compose = _make_composer(image, np.ascontiguousarray(hidden, dtype=image.dtype), segments, keep)
    lent: list[Shaped[np.ndarray, "B H W C"]] = []
    for rows in ranges:
        free = [
            number
            for number in range(len(lent))
            if sys.getrefcount(lent[number]) == ALONE and len(lent[number]) >= len(rows)
        ]
        if not free:
            # Two at most are kept: the one that is asked about, and the one that is made meanwhile.
            lent = [*lent[-1:], np.empty((len(rows), *image.shape), image.dtype)]
        batch = lent[free[0] if free else -1][: len(rows)]
        _compose_batch(batch, compose, rows)
        yield batch
        del batch


def made_ahead(
    batches: Iterator[Shaped[np.ndarray, "B H W C"]],
) -> Generator[Shaped[np.ndarray, "B H W C"], None, None]:
    """The same batches in the same order, each made by another thread while the one before is asked about.

    What goes wrong in making a batch is raised when that batch is due.

    Examples
    --------
    >>> [batch.size for batch in made_ahead(iter([np.zeros((2, 1, 1, 1)), np.zeros((1, 1, 1, 1))]))]
    [2, 1]
    """
    with ThreadPoolExecutor(1, "sightline-batches") as maker:
        coming = maker.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = maker.submit(next, batches, None)
            yield batch
            del batch


def _compose_batch(
    batch: Shaped[np.ndarray, "B H W C"],
    compose: Callable[[range, Shaped[np.ndarray, "some H W C"]], None],
    rows: range,
) -> None:
    # A mask and its complement go together: the second is made of the first.
    size = max(2, GROUP_BYTES // max(1, batch[0].nbytes) // 2 * 2)
    groups = [
        (rows[group.start : group.stop], batch[group.start : group.stop])
        for group in batch_ranges(len(rows), size)
    ]
    if batch[0].nbytes >= THREADED_BYTES and THREADS > 1:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(compose, *zip(*groups, strict=True)))
    else:
        for group in groups:
            compose(*group)


def _make_composer(
    image: Shaped[np.ndarray, "H W C"],
    hidden: Shaped[np.ndarray, "H W C"],
    segments: Segments,
    keep: Bool[np.ndarray, "M S"],
) -> Callable[[range, Shaped[np.ndarray, "some H W C"]], None]:
    """A function that writes the images of some rows of `keep` that follow each other."""
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
    opposite = (keep[1:] != keep[:-1]).all(axis=1)

    def write(rows: Bool[np.ndarray, "some S"], pixels: Shaped[np.ndarray, "some P"]) -> None:
        np.copyto(pixels, shown_pixels)
        np.copyto(pixels, hidden_pixels, where=np.repeat(rows.take(owners, axis=1), lengths, axis=1))

    def compose(rows: range, out: Shaped[np.ndarray, "some H W C"]) -> None:
        hidden_rows = hide[rows.start : rows.stop]
        pixels = out.reshape(len(out), -1).view(pixel)
        if opposite[rows.start : rows.stop - 1 : 2].all():
            write(hidden_rows[::2], pixels[::2])
            # Where one shows the image the other shows the fill: exchange them bit by bit.
            words = out.reshape(len(out), -1).view(word)
            np.bitwise_xor(words[: len(out) - 1 : 2], swap, out=words[1::2])
        else:
            write(hidden_rows, pixels)

    return compose
