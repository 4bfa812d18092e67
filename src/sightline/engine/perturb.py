"""masks → perturbed batches, one batch in memory at a time."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Bool, Shaped

from sightline.types import Segments

THREADS = min(4, os.cpu_count() or 1)
# Below this size a picture is copied faster than another thread is woken.
THREADED_BYTES = 1 << 20


def perturb(
    image: Shaped[np.ndarray, "H W C"],
    hidden: Shaped[np.ndarray, "H W C"],
    segments: Segments,
    keep: Bool[np.ndarray, "M S"],
    batch_size: int,
) -> Iterator[Shaped[np.ndarray, "B H W C"]]:
    """Yield the pictures of the masks in order, in the image's dtype.

    Pixels of a visible segment come from `image`, those of a hidden one from `hidden`. Each batch is a
    new array, so a model may keep it; the largest has `batch_size` pictures.

    Examples
    --------
    >>> import numpy as np
    >>> segments = Segments(np.array([[0, 1]]))
    >>> image, hidden = np.ones((1, 2, 1)), np.zeros((1, 2, 1))
    >>> next(perturb(image, hidden, segments, np.array([[True, False]]), 8)).ravel()
    array([1., 0.])
    """
    # One opaque item a pixel lets numpy copy whole runs of a segment at once, whatever the dtype.
    pixel = np.dtype((np.void, image.dtype.itemsize * image.shape[2]))
    shown = np.ascontiguousarray(image).view(pixel).ravel()
    filled = np.ascontiguousarray(hidden, dtype=image.dtype).view(pixel).ravel()
    labels = np.ascontiguousarray(segments.labels, dtype=np.intp).ravel()
    hide = ~keep

    def compose(row: int, out: Shaped[np.ndarray, "P"]) -> None:
        np.copyto(out, shown)
        np.copyto(out, filled, where=hide[row].take(labels))

    threaded = image.nbytes >= THREADED_BYTES and THREADS > 1
    for start in range(0, len(keep), batch_size):
        rows = range(start, min(start + batch_size, len(keep)))
        batch = np.empty((len(rows), *image.shape), image.dtype)
        flat = batch.reshape(len(rows), -1).view(pixel)
        if threaded:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(compose, rows, flat))
        else:
            for row, out in zip(rows, flat, strict=True):
                compose(row, out)
        yield batch
