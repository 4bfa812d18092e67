"""The hot loop is the pixel loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import pixel_loop
from sightline.engine import perturb as module
from sightline.engine.perturb import perturb
from sightline.types import Segments
from strategies import DTYPES, images, masks_of, picture, segments_of


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def joined(batches) -> np.ndarray:
    """All pictures, in the dtype of their batches, which must be one."""
    batches = list(batches)
    assert len({batch.dtype.str for batch in batches}) == 1
    return np.concatenate(batches, dtype=batches[0].dtype)


def parts(dtype: str = "float32", shape: tuple[int, ...] = (6, 5, 3), rows: int = 11):
    rng = np.random.default_rng(3)
    image, hidden = picture(shape, dtype, rng), picture(shape, dtype, rng)
    segments = Segments.renumber(rng.integers(0, 4, shape[:2]))
    keep = rng.random((rows, segments.count)) < 0.5
    keep[1] = ~keep[0]
    return image, hidden, segments, keep


def same(pictures: np.ndarray, expected: np.ndarray) -> bool:
    """Bit for bit, with the dtype."""
    return pictures.dtype == expected.dtype and pictures.tobytes() == expected.tobytes()


@given(st.data(), images(), st.integers(1, 7), st.booleans())
@settings(max_examples=150, deadline=None)
def test_it_is_the_pixel_loop_whatever_the_dtype_the_channels_and_the_batch_size(data, image, size, threaded):
    rng = np.random.default_rng(0)
    hidden = picture(image.shape, image.dtype.str, rng)
    segments = data.draw(segments_of(*image.shape[:2]))
    keep = data.draw(masks_of(segments.count))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "THREADS", 2)
        patch.setattr(module, "THREADED_BYTES", 0 if threaded else 1 << 30)
        batches = list(perturb(image, hidden, segments, keep, size))
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert same(joined(batches), pixel_loop(image, hidden, segments.labels, keep))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threaded", [False, True])
def test_every_dtype_is_kept_with_and_without_threads(dtype, threaded, monkeypatch):
    monkeypatch.setattr(module, "THREADS", 3)
    monkeypatch.setattr(module, "THREADED_BYTES", 0 if threaded else 1 << 30)
    image, hidden, segments, keep = parts(dtype)
    pictures = joined(perturb(image, hidden, segments, keep, 4))
    assert same(pictures, pixel_loop(image, hidden, segments.labels, keep))


def test_batches_that_the_receiver_keeps_are_never_written_again():
    image, hidden, segments, keep = parts()
    kept = list(perturb(image, hidden, segments, keep, 2))
    assert len({address(batch) for batch in kept}) == len(kept)
    assert same(joined(kept), pixel_loop(image, hidden, segments.labels, keep))


def test_keeping_a_view_of_a_batch_is_keeping_the_batch():
    image, hidden, segments, keep = parts()
    views = [batch.reshape(len(batch), -1)[:, ::2] for batch in perturb(image, hidden, segments, keep, 2)]
    expected = pixel_loop(image, hidden, segments.labels, keep).reshape(len(keep), -1)[:, ::2]
    assert np.array_equal(np.concatenate(views), expected)


def test_a_batch_that_was_dropped_lends_its_memory_to_the_next():
    image, hidden, segments, keep = parts()
    places = []
    for batch in perturb(image, hidden, segments, keep, 2):
        places.append(address(batch))
        del batch
    assert len(set(places)) == 1


def test_a_receiver_may_change_its_batch():
    image, hidden, segments, keep = parts()
    before = image.copy(), hidden.copy()
    expected = pixel_loop(image, hidden, segments.labels, keep)
    start = 0
    for batch in perturb(image, hidden, segments, keep, 3):
        assert same(batch, expected[start : start + len(batch)])
        start += len(batch)
        batch[:] = -7
        del batch
    assert start == len(keep)
    assert np.array_equal(image, before[0])
    assert np.array_equal(hidden, before[1])


def test_pictures_that_lie_oddly_in_memory_are_copied_as_they_look():
    image, hidden, segments, keep = parts(shape=(6, 6, 3))
    turned, flipped = image.transpose(1, 0, 2), hidden[::-1, :, ::-1]
    pictures = joined(perturb(turned, flipped, segments, keep, 4))
    assert same(pictures, pixel_loop(turned, flipped, segments.labels, keep))


def test_nan_and_signed_zero_come_through_a_complement_unchanged():
    image = np.array([[[0.0], [-0.0], [1.0]]])
    hidden = np.array([[[np.nan], [0.0], [-0.0]]])
    keep = np.array([[True, False, True], [False, True, False]])
    (batch,) = perturb(image, hidden, Segments(np.array([[0, 1, 2]])), keep, 8)
    assert same(batch, pixel_loop(image, hidden, np.array([[0, 1, 2]]), keep))


def test_no_masks_make_no_batch():
    image, hidden, segments, keep = parts()
    assert list(perturb(image, hidden, segments, keep[:0], 4)) == []


def test_segments_that_are_not_in_one_piece_are_hidden_everywhere():
    labels = np.array([[0, 1, 0], [1, 0, 1]])
    image, hidden = np.ones((2, 3, 1)), np.zeros((2, 3, 1))
    (batch,) = perturb(image, hidden, Segments(labels), np.array([[True, False]]), 1)
    assert np.array_equal(batch[0, :, :, 0], labels == 0)
