"""Segmenters: ids, dtypes, counts, odd shapes, and what is said when something is wrong."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from sightline.engine import segmentation
from sightline.engine.segmentation import (
    Felzenszwalb,
    Given,
    Grid,
    Quickshift,
    Slic,
    Watershed,
    default_segment_count,
    segment_image,
)
from sightline.errors import OptionError, SegmentError, SightlineWarning
from sightline.types import Segmenter, Segments

KINDS = (Slic, Quickshift, Felzenszwalb, Watershed, Grid)
CUTTERS = [kind() for kind in KINDS]


def by_name(cutter: object) -> str:
    return type(cutter).__name__


every_segmenter = pytest.mark.parametrize("cutter", CUTTERS, ids=by_name)


def shapes_and_noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """A few bright blobs on a ramp with a little noise, as uint8."""
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 8, shape) + np.linspace(20, 90, shape[1]).reshape(1, -1, *[1] * (len(shape) - 2))
    for _ in range(5):
        down, across = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        image[down : down + shape[0] // 3, across : across + shape[1] // 3] += rng.uniform(30, 90)
    return np.clip(image, 0, 255).astype(np.uint8)


def said(image: np.ndarray, cutter: Segmenter) -> tuple[Segments, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        segments = segment_image(image, cutter)
    assert all(isinstance(one.message, SightlineWarning) for one in caught)
    return segments, [str(one.message) for one in caught]


def enough_or_said(image: np.ndarray, cutter: Segmenter) -> None:
    segments, messages = said(image, cutter)
    height, width = image.shape[:2]
    if segments.count >= min(8, max(1, height * width // 10)):
        assert messages == []
    else:
        (message,) = messages
        assert f"found only {segments.count} segment(s) in an image of {height}×{width} pixels" in message
        assert (
            "an explanation can say little. Try Slic(), Grid(), or finer settings. [segments-few]" in message
        )
        assert by_name(cutter) in message


@every_segmenter
@pytest.mark.parametrize(
    "shape", [(30, 40), (30, 40, 1), (30, 40, 2), (30, 40, 3), (30, 40, 4), (30, 40, 5), (3, 200), (200, 3)]
)
def test_ids_run_from_0_with_none_missing_in_every_form(cutter: Segmenter, shape: tuple[int, ...]) -> None:
    segments, messages = said(shapes_and_noise(shape), cutter)
    assert segments.labels.shape == shape[:2]
    assert np.unique(segments.labels).tolist() == list(range(segments.count))
    assert segments.areas.sum() == shape[0] * shape[1]
    assert segments.count >= 8
    assert messages == []


@every_segmenter
@pytest.mark.parametrize("shape", [(28, 28), (30, 40, 3), (30, 40, 2)])
def test_segments_do_not_depend_on_the_dtype(cutter: Segmenter, shape: tuple[int, ...]) -> None:
    image = shapes_and_noise(shape, seed=3)
    image.flat[:2] = 0, 255
    expected = segment_image(image, cutter).labels
    for other in ((image / 255).astype(np.float32), image / 255, image.astype(np.float32), image * 257.0):
        np.testing.assert_array_equal(segment_image(other, cutter).labels, expected)


@every_segmenter
def test_segments_are_the_same_every_time(cutter: Segmenter) -> None:
    image = shapes_and_noise((40, 40, 3), seed=4)
    before = image.copy()
    first = segment_image(image, cutter).labels
    np.testing.assert_array_equal(segment_image(image, cutter).labels, first)
    np.testing.assert_array_equal(image, before)


@every_segmenter
def test_alpha_is_not_looked_at(cutter: Segmenter) -> None:
    image = shapes_and_noise((32, 32, 3), seed=5)
    alpha = np.random.default_rng(0).integers(0, 256, (32, 32, 1), dtype=np.uint8)
    got = segment_image(np.concatenate([image, alpha], axis=2), cutter).labels
    np.testing.assert_array_equal(got, segment_image(image, cutter).labels)


@every_segmenter
def test_real_x_rays_have_at_least_eight_segments(cutter: Segmenter, shared_data: Path) -> None:
    with np.load(shared_data / "pneumoniamnist.npz") as archive:
        images = archive["test_images"][:20]
    for image in images:
        assert image.shape == (28, 28)
        segments, messages = said(image, cutter)
        assert segments.count >= 8
        assert messages == []


@every_segmenter
@pytest.mark.parametrize("shape", [(28, 28), (64, 64, 3), (3, 200), (7, 9), (2, 2), (1, 50), (1, 1)])
def test_noise_and_blank_images_have_enough_segments_or_a_warning(
    cutter: Segmenter, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    for image in (
        rng.integers(0, 256, shape, dtype=np.uint8),
        rng.normal(size=shape),
        np.zeros(shape, np.uint8),
        np.full(shape, 0.7, np.float32),
    ):
        enough_or_said(image, cutter)


@pytest.mark.parametrize(
    ("shape", "count"), [((28, 28), 21), ((64, 64, 3), 32), ((224, 224, 3), 60), ((1024, 1024), 128)]
)
def test_the_usual_count_grows_with_the_root_of_the_side(shape: tuple[int, ...], count: int) -> None:
    assert default_segment_count(shape) == count


def test_slic_and_watershed_aim_at_the_count_asked() -> None:
    image = shapes_and_noise((48, 48, 3))
    for kind in (Slic, Watershed):
        few, many = (kind(n_segments=asked)(image).count for asked in (16, 100))
        assert 8 <= few <= 24
        assert 60 <= many <= 140


@pytest.mark.parametrize(("largest", "block"), [(5400, 1), (5399, 2), (1349, 3)])
def test_slic_takes_squares_of_pixels_of_a_large_image_and_no_other(largest, block, monkeypatch) -> None:
    image = shapes_and_noise((60, 90, 3))
    whole = Slic(n_segments=20, sigma=1.0)(image).labels
    monkeypatch.setattr(segmentation, "LARGEST", largest)
    labels = Slic(n_segments=20, sigma=1.0)(image).labels
    for number in range(block):
        assert np.array_equal(labels[number::block], labels[::block][: len(labels[number::block])])
    assert np.array_equal(labels, Slic(n_segments=20, sigma=1.0)(image.astype(np.float32) / 255).labels)
    assert np.array_equal(labels, whole) == (block == 1)
    shared = np.zeros((whole.max() + 1, labels.max() + 1))
    np.add.at(shared, (whole, labels), 1)
    assert shared.max(axis=1).sum() > 0.65 * image.shape[0] * image.shape[1]


def test_a_large_image_of_an_odd_size_has_a_segment_for_every_pixel(monkeypatch) -> None:
    monkeypatch.setattr(segmentation, "LARGEST", 400)
    segments = segment_image(shapes_and_noise((61, 89)), Slic())
    assert segments.labels.shape == (61, 89)
    assert segments.count >= 8


def test_settings_that_are_asked_for_are_kept_even_if_little_comes_out() -> None:
    image = shapes_and_noise((40, 40, 3))
    coarse = Felzenszwalb(scale=1e6, min_size=1600)
    segments, messages = said(image, coarse)
    assert segments.count == 1
    assert "Felzenszwalb(scale=1000000.0, sigma=0.8, min_size=1600) found only 1 segment(s)" in messages[0]
    assert Slic(n_segments=2)(image).count <= 4


def test_quickshift_repeats_for_a_seed_and_finer_settings_give_more() -> None:
    image = shapes_and_noise((40, 40, 3))
    one, two = (Quickshift(kernel_size=1, max_dist=far)(image) for far in (3, 100))
    assert one.count > two.count
    np.testing.assert_array_equal(Quickshift(seed=5)(image).labels, Quickshift(seed=5)(image).labels)


def test_a_grid_is_equal_rectangles() -> None:
    labels = segment_image(np.zeros((6, 8, 3)), Grid(rows=3, columns=4)).labels
    expected = np.array([[down // 2 * 4 + across // 2 for across in range(8)] for down in range(6)])
    np.testing.assert_array_equal(labels, expected)
    areas = segment_image(np.zeros((29, 31)), Grid(rows=4, columns=3)).areas
    assert len(areas) == 12
    assert areas.min() >= (29 // 4) * (31 // 3)
    assert areas.max() <= (29 // 4 + 1) * (31 // 3 + 1)


@pytest.mark.parametrize("options", [{"rows": 0}, {"rows": 7}, {"columns": 9}, {"columns": -1}])
def test_a_grid_finer_than_the_pixels_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=r"a grid over \d pixels can have 1 to \d lines, but -?\d were"):
        Grid(**options)(np.zeros((6, 8)))


@pytest.mark.parametrize("kind", [Slic, Watershed])
@pytest.mark.parametrize("count", [0, -3])
def test_no_segments_cannot_be_asked_for(kind: type, count: int) -> None:
    with pytest.raises(OptionError, match=f"whole number from 1 up, but {count} was given"):
        kind(n_segments=count)(np.zeros((6, 8)))


def test_a_kernel_narrower_than_a_pixel_is_refused() -> None:
    with pytest.raises(OptionError, match=r"a kernel_size of at least 1, but 0\.5 was given"):
        Quickshift(kernel_size=0.5)(np.zeros((6, 8)))


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [
        (Slic, "n_segment", "n_segments"),
        (Slic, "compactnes", "compactness"),
        (Quickshift, "kernelsize", "kernel_size"),
        (Felzenszwalb, "min_sise", "min_size"),
        (Watershed, "segments", "n_segments"),
        (Grid, "cols", "columns"),
    ],
)
def test_an_unknown_option_names_the_nearest(kind: type, wrong: str, right: str) -> None:
    with pytest.raises(OptionError) as caught:
        kind(**{wrong: 3})
    assert f"{kind.__name__} has no option {wrong!r}. Did you mean {right!r}?" in str(caught.value)
    assert caught.value.slug == "option-unknown"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([[5, 5, 9], [100, 9, 5]]), [[0, 0, 1], [2, 1, 0]]),
        (np.array([[-3, 0, 7], [-3, -1, 7]]), [[0, 2, 3], [0, 1, 3]]),
        (np.array([[True, False, True], [True, True, False]]), [[1, 0, 1], [1, 1, 0]]),
        (np.array([[255, 0, 7], [7, 7, 0]], np.uint8), [[2, 0, 1], [1, 1, 0]]),
        (np.array([[2**63 - 1, 0, -(2**63)]] * 2), [[2, 1, 0]] * 2),
    ],
    ids=["gaps", "negative", "bool", "uint8", "extreme"],
)
def test_given_ids_are_renumbered_in_increasing_order(labels: np.ndarray, expected: list[list[int]]) -> None:
    image = np.zeros((2, 3, 3))
    wanted = np.array(expected)
    for cutter in (Given(labels), lambda image: labels, lambda image: labels.tolist()):
        segments, _ = said(image, cutter)
        np.testing.assert_array_equal(segments.labels, wanted)
        assert segments.count == wanted.max() + 1


def test_given_keeps_its_own_copy_and_compares_by_content() -> None:
    labels = np.arange(80).reshape(8, 10)
    kept = Given(labels)
    labels[:] = 0
    assert kept(np.zeros((8, 10))).count == 80
    with pytest.raises(ValueError, match="read-only"):
        kept.labels[0, 0] = 3
    same = Given(np.arange(80, dtype=np.int32).reshape(8, 10))
    assert kept == same
    assert hash(kept) == hash(same)
    assert kept != Given(labels)
    assert kept != Grid()


def test_a_plain_function_is_a_segmenter_and_gets_the_image_as_given() -> None:
    seen = []

    def columns(image: np.ndarray) -> np.ndarray:
        seen.append(image)
        return np.broadcast_to(np.arange(image.shape[1]) // 2, image.shape[:2])

    image = np.zeros((10, 40, 3), np.uint8)
    segments, messages = said(image, columns)
    assert segments.count == 20
    assert messages == []
    assert seen[0] is image


def test_the_warning_names_a_plain_function() -> None:
    def halves(image: np.ndarray) -> np.ndarray:
        return (np.arange(100).reshape(10, 10) >= 50).astype(int)

    _, (message,) = said(np.zeros((10, 10)), halves)
    assert message.startswith("halves found only 2 segment(s) in an image of 10×10 pixels: an explanation")


def test_a_segmenter_may_return_segments() -> None:
    whole = Segments(np.arange(80).reshape(8, 10))
    assert segment_image(np.zeros((8, 10, 3)), lambda image: whole) is whole


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.zeros((4, 4), int), r"the segments have shape (4, 4), but the image is (8, 10): give one id"),
        (np.zeros((10, 8), int), r"the segments have shape (10, 8), but the image is (8, 10)"),
        (Segments(np.zeros((4, 4), int)), r"the segments have shape (4, 4), but the image is (8, 10)"),
        (np.zeros((8, 10, 1), int), r"shape (H, W), but the segmenter returned ndarray of shape (8, 10, 1)"),
        (np.zeros(80, int), r"shape (H, W), but the segmenter returned ndarray of shape (80,)"),
        (None, r"shape (H, W), but the segmenter returned NoneType of shape ()"),
        ([[1, 2], [3]], r"shape (H, W), but the segmenter returned list of rows of several lengths"),
        (np.zeros((8, 10)), "segment ids must be integers, but the array's dtype is float64"),
        (np.zeros((8, 10), "U1"), "segment ids must be integers, but the array's dtype is <U1"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_in_words(answer: object, words: str) -> None:
    with pytest.raises(SegmentError) as caught:
        segment_image(np.zeros((8, 10, 3)), lambda image: answer)
    assert words in str(caught.value)
    assert caught.value.slug in ("segment-shape", "segment-ids")


@pytest.mark.parametrize("labels", [np.zeros((4, 4), int), np.zeros((8, 10, 1), int), np.zeros((8, 10))])
def test_given_segments_that_do_not_fit_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(SegmentError, match=r"have shape|one integer id for each pixel|must be integers"):
        segment_image(np.zeros((8, 10, 3)), Given(labels))
