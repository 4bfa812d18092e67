"""The hot loop is the pixel loop."""

import threading
import time
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.engine import perturbation as module
from sightline.engine.perturbation import made_ahead, perturbed_batches
from sightline.types import Segments
from support.reference import pixel_loop
from support.strategies import DTYPES, images, masks_of, random_image, segments_of


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def joined(batches) -> np.ndarray:
    """All images, in the dtype of their batches, which must be one."""
    batches = list(batches)
    assert len({batch.dtype.str for batch in batches}) == 1
    return np.concatenate(batches, dtype=batches[0].dtype)


def parts(dtype: str = "float32", shape: tuple[int, ...] = (6, 5, 3), rows: int = 11):
    rng = np.random.default_rng(3)
    image, hidden = random_image(shape, dtype, rng), random_image(shape, dtype, rng)
    segments = Segments.renumber(rng.integers(0, 4, shape[:2]))
    keep = rng.random((rows, segments.count)) < 0.5
    for row in range(1, rows, 3):  # some masks are followed by their complement
        keep[row] = ~keep[row - 1]
    return image, hidden, segments, keep


def same(batch: np.ndarray, expected: np.ndarray) -> bool:
    """Bit for bit, with the dtype."""
    return batch.dtype == expected.dtype and batch.tobytes() == expected.tobytes()


@pytest.mark.slow
@given(st.data(), images(), st.integers(1, 7), st.booleans())
@settings(max_examples=150, deadline=None)
def test_it_is_the_pixel_loop_whatever_the_dtype_the_channels_and_the_batch_size(data, image, size, threaded):
    rng = np.random.default_rng(0)
    hidden = random_image(image.shape, image.dtype.str, rng)
    segments = data.draw(segments_of(*image.shape[:2]))
    keep = data.draw(masks_of(segments.count))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "THREADS", 2)
        patch.setattr(module, "THREADED_BYTES", 0 if threaded else 1 << 30)
        batches = list(perturbed_batches(image, hidden, segments, keep, size))
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert same(joined(batches), pixel_loop(image, hidden, segments.labels, keep))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", [4, 50])
@pytest.mark.parametrize("threaded", [False, True])
def test_every_dtype_is_kept_and_threads_are_used_where_they_are_worth_it(
    dtype, channels, size, threaded, monkeypatch
):
    pools = []

    class Counted(module.ThreadPoolExecutor):
        def __init__(self, workers):
            pools.append(workers)
            super().__init__(workers)

    monkeypatch.setattr(module, "THREADS", 3)
    monkeypatch.setattr(module, "THREADED_BYTES", 1 if threaded else 1 << 30)
    monkeypatch.setattr(module, "ThreadPoolExecutor", Counted)
    image, hidden, segments, keep = parts(dtype, (3, 4, channels))
    batches = list(perturbed_batches(image, hidden, segments, keep, size))
    assert same(joined(batches), pixel_loop(image, hidden, segments.labels, keep))
    assert pools == [3] * len(batches) * threaded


def test_small_images_wake_no_thread(monkeypatch):
    monkeypatch.setattr(module, "ThreadPoolExecutor", None)
    assert len(list(perturbed_batches(*parts(shape=(4, 4, 3)), 6))) == 2


KEEPERS = {
    "the batch": lambda batch: batch,
    "one image": lambda batch: batch[0],
    "a transposed view": lambda batch: batch.transpose(0, 3, 1, 2),
    "every second number": lambda batch: batch.reshape(len(batch), -1)[:, ::2],
    "other bytes": lambda batch: batch.reshape(-1).view(np.uint8),
    "a buffer": memoryview,
}


@pytest.mark.parametrize("kept", KEEPERS)
@pytest.mark.parametrize("every", [1, 2, 3])
def test_whatever_a_receiver_keeps_of_a_batch_is_never_written_again(kept, every):
    image, hidden, segments, keep = parts("uint8", (3, 4, 3), rows=40)
    expected = pixel_loop(image, hidden, segments.labels, keep)
    held = []
    for turn, batch in enumerate(perturbed_batches(image, hidden, segments, keep, 4)):
        if turn % every == 0:
            held.append((KEEPERS[kept](batch), KEEPERS[kept](expected[4 * turn : 4 * turn + 4])))
        del batch
    assert len(held) == len(range(0, 10, every))
    for now, then in held:
        np.testing.assert_array_equal(np.array(now), np.array(then))


def test_a_dropped_batch_is_lent_on_and_given_back_at_the_end():
    places = set()
    for batch in perturbed_batches(*parts(shape=(8, 8, 3), rows=40), 4):
        places.add(address(batch))
        owner = weakref.ref(batch.base)
        del batch
    assert len(places) == 1
    assert owner() is None


def test_batches_made_ahead_are_the_same_in_order_in_the_memory_of_two():
    image, hidden, segments, keep = parts(shape=(8, 8, 3), rows=42)
    places, seen = set(), []
    for batch in made_ahead(perturbed_batches(image, hidden, segments, keep, 4)):
        time.sleep(0.001)  # the next one is made now
        places.add(address(batch))
        seen.append(batch.copy())
        del batch
    assert same(joined(seen), pixel_loop(image, hidden, segments.labels, keep))
    assert len(places) <= 2


def test_one_batch_is_made_ahead_and_no_more():
    begun = []

    def batches():
        for number in range(5):
            begun.append(number)
            yield np.full((1, 1, 1, 1), number)

    made = made_ahead(batches())
    for number in range(4):
        assert next(made).item() == number
        time.sleep(0.01)
        assert begun == list(range(number + 2))
    made.close()
    assert begun == list(range(5))


def test_what_goes_wrong_in_making_a_batch_is_raised_when_it_is_due_and_leaves_no_thread():
    def batches():
        yield np.zeros((1, 1, 1, 1))
        raise MemoryError("no room")

    made = made_ahead(batches())
    next(made)
    with pytest.raises(MemoryError, match="no room"):
        next(made)
    assert not makers()


def makers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sightline-batches")]


def test_a_receiver_may_change_its_batch():
    image, hidden, segments, keep = parts()
    before = image.copy(), hidden.copy()
    expected = pixel_loop(image, hidden, segments.labels, keep)
    start = 0
    for batch in perturbed_batches(image, hidden, segments, keep, 3):
        assert same(batch, expected[start : start + len(batch)])
        start += len(batch)
        batch[:] = -7
        del batch
    assert start == len(keep)
    assert np.array_equal(image, before[0])
    assert np.array_equal(hidden, before[1])


def test_images_that_lie_oddly_in_memory_are_copied_as_they_look():
    image, hidden, segments, keep = parts(shape=(6, 6, 3))
    turned, flipped = image.transpose(1, 0, 2), hidden[::-1, :, ::-1]
    batch = joined(perturbed_batches(turned, flipped, segments, keep, 4))
    assert same(batch, pixel_loop(turned, flipped, segments.labels, keep))


def test_nan_and_signed_zero_come_through_a_complement_unchanged():
    image = np.array([[[0.0], [-0.0], [1.0]]])
    hidden = np.array([[[np.nan], [0.0], [-0.0]]])
    keep = np.array([[True, False, True], [False, True, False]])
    (batch,) = perturbed_batches(image, hidden, Segments(np.array([[0, 1, 2]])), keep, 8)
    assert same(batch, pixel_loop(image, hidden, np.array([[0, 1, 2]]), keep))


def test_no_masks_make_no_batch():
    image, hidden, segments, keep = parts()
    assert list(perturbed_batches(image, hidden, segments, keep[:0], 4)) == []


def test_segments_that_are_not_in_one_piece_are_hidden_everywhere():
    labels = np.array([[0, 1, 0], [1, 0, 1]])
    image, hidden = np.ones((2, 3, 1)), np.zeros((2, 3, 1))
    (batch,) = perturbed_batches(image, hidden, Segments(labels), np.array([[True, False]]), 1)
    assert np.array_equal(batch[0, :, :, 0], labels == 0)
