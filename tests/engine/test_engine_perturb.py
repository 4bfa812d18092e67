"""More of perturbed batches: every dtype with every number of channels in threads, and ways of keeping."""

import weakref
from collections.abc import Callable

import numpy as np
import pytest

from sightline.engine import perturb as module
from sightline.engine.perturb import perturb
from sightline.types import Segments


def slow(image: np.ndarray, hidden: np.ndarray, labels: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """The definition: one pixel of one picture at a time."""
    out = np.zeros((len(keep), *image.shape), image.dtype)
    for row, down, across in np.ndindex(len(keep), *image.shape[:2]):
        source = image if keep[row, labels[down, across]] else hidden
        out[row, down, across] = source[down, across]
    return out


def scene(
    shape: tuple[int, int, int], dtype: str, rows: int
) -> tuple[np.ndarray, np.ndarray, Segments, np.ndarray]:
    """Image, fill, segments and masks; about half of the masks are followed by their complement."""
    rng = np.random.default_rng(5)
    segments = Segments.renumber(rng.integers(0, 4, shape[:2]))
    keep = rng.random((rows, segments.count)) < 0.5
    for row in range(1, rows):
        if rng.random() < 0.5:
            keep[row] = ~keep[row - 1]
    image, hidden = ((rng.random(shape) * (1 if dtype == "bool" else 255)).astype(dtype) for _ in range(2))
    return image, hidden, segments, keep


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64", "bool"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("batch_size", [1, 4, 5, 13, 50])
def test_the_threaded_path_equals_a_loop_over_pixels(
    dtype: str, channels: int, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools: list[int] = []

    class Counted(module.ThreadPoolExecutor):
        def __init__(self, workers: int) -> None:
            pools.append(workers)
            super().__init__(workers)

    monkeypatch.setattr(module, "THREADED_BYTES", 1)
    monkeypatch.setattr(module, "THREADS", 3)
    monkeypatch.setattr(module, "ThreadPoolExecutor", Counted)
    image, hidden, segments, keep = scene((3, 4, channels), dtype, 13)
    batches = [batch.copy() for batch in perturb(image, hidden, segments, keep, batch_size)]
    assert np.concatenate(batches).tobytes() == slow(image, hidden, segments.labels, keep).tobytes()
    assert pools == [3] * len(batches)


def test_small_pictures_wake_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ThreadPoolExecutor", None)
    assert len(list(perturb(*scene((4, 4, 3), "uint8", 6), 4))) == 2


KEEPERS: dict[str, Callable[[np.ndarray], object]] = {
    "the batch": lambda batch: batch,
    "one picture": lambda batch: batch[0],
    "a transposed view": lambda batch: batch.transpose(0, 3, 1, 2),
    "other bytes": lambda batch: batch.reshape(-1).view(np.uint8),
    "a buffer": memoryview,
}


@pytest.mark.parametrize("kept", KEEPERS)
@pytest.mark.parametrize("every", [1, 2, 3])
def test_whatever_a_receiver_keeps_of_a_batch_is_never_written_again(kept: str, every: int) -> None:
    image, hidden, segments, keep = scene((3, 4, 3), "uint8", 40)
    held, then = [], []
    for turn, batch in enumerate(perturb(image, hidden, segments, keep, 4)):
        if turn % every == 0:
            held.append(KEEPERS[kept](batch))
            then.append(np.array(held[-1]).copy())
        del batch
    assert len(held) == len(range(0, 10, every))
    for now, before in zip(held, then, strict=True):
        np.testing.assert_array_equal(np.array(now), before)


def test_a_dropped_batch_is_lent_on_and_given_back_at_the_end() -> None:
    batches = perturb(*scene((8, 8, 3), "uint8", 40), 4)
    places = set()
    for batch in batches:
        places.add(batch.ctypes.data)
        owner = weakref.ref(batch.base)
        del batch
    assert len(places) == 1
    assert owner() is None
