"""What an image's numbers mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sightline.engine.image import as_image, channels_last, unit_rgb
from sightline.errors import ImageError
from support.strategies import random_image


@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 1), (9, 8, 3), (9, 8, 4), (9, 8, 2), (9, 8, 5)])
def test_the_same_image_in_any_form_looks_the_same(shape, rng):
    bytes_ = random_image(shape, "uint8", rng)
    bytes_.flat[0] = 255  # or a dark float image of 0–255 could be one of 0–1
    forms = [
        bytes_ / 255,
        (bytes_ / 255).astype(np.float32),
        bytes_.astype(np.float64),
        bytes_.astype(np.float32),
        bytes_.astype(np.int64),
        bytes_.astype(np.uint16) * 257,
    ]
    looks = unit_rgb(bytes_)
    assert looks.shape == (9, 8, 3)
    assert looks.min() >= 0
    assert looks.max() <= 1
    for form in forms:
        assert np.array_equal(unit_rgb(form), looks), form.dtype


def test_half_precision_looks_the_same_to_within_its_rounding(rng):
    bytes_ = random_image((9, 8, 3), "uint8", rng)
    assert np.abs(unit_rgb((bytes_ / 255).astype(np.float16)) - unit_rgb(bytes_)).max() < 1e-3


def test_half_precision_images_of_two_channels_are_averaged_in_full_precision():
    pixels = np.array([[[0.1, 0.6], [1.0, 0.0003]]], np.float16)
    exact = pixels.astype(np.float64).mean(axis=2)
    assert unit_rgb(pixels)[..., 0] == pytest.approx(exact, abs=1 / 65535)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_squares_of_pixels_are_told_by_their_mean_also_where_they_are_cut_off(dtype):
    image = np.arange(15, dtype=np.uint8).reshape(3, 5)
    given = image if dtype == np.uint8 else image.astype(dtype) / dtype(255)
    expected = np.array([[3, 5, 6.5], [10.5, 12.5, 14]]) / 255
    assert unit_rgb(given, 2) == pytest.approx(np.repeat(expected[..., np.newaxis], 3, axis=2))
    assert np.array_equal(unit_rgb(given, 2), unit_rgb(image, 2))
    assert np.array_equal(unit_rgb(given, 1), unit_rgb(given))


def test_grey_is_repeated_alpha_dropped_and_odd_channels_averaged(rng):
    grey = rng.random((4, 5))
    assert np.allclose(unit_rgb(grey), grey[..., np.newaxis], atol=1e-5)
    rgba = rng.random((4, 5, 4))
    assert np.array_equal(unit_rgb(rgba), unit_rgb(rgba[..., :3]))
    assert np.allclose(unit_rgb(rgba[..., :2])[..., 1], rgba[..., :2].mean(axis=2), atol=1e-5)


def test_images_are_taken_as_they_are():
    for pixels in (np.zeros((2, 3), np.uint8), np.zeros((2, 3, 5), np.float16), np.zeros((1, 1), bool)):
        assert as_image(pixels) is pixels
    assert as_image([[0.0, 1.0]]).shape == (1, 2)


@pytest.mark.parametrize("shape", [(3, 3, 3), (1, 9, 3), (3, 200), (3, 4, 9), (4, 64, 4)])
def test_small_images_are_not_taken_for_channels_first(shape):
    assert as_image(np.zeros(shape)).shape == shape


def test_a_grey_image_gets_a_channel_axis_without_a_copy():
    grey = np.zeros((4, 5))
    assert channels_last(grey).shape == (4, 5, 1)
    assert np.shares_memory(channels_last(grey), grey)
    assert channels_last(np.zeros((4, 5, 2))).shape == (4, 5, 2)


@pytest.mark.parametrize(
    ("source", "text", "slug"),
    [
        (np.zeros((3, 64, 64)), r"channels last, \(H, W, C\), but its shape \(3, 64, 64\)", "image-shape"),
        (np.zeros((3, 64, 64)), r"Give image.transpose\(1, 2, 0\)", "image-shape"),
        (np.zeros((1, 64, 64)), r"looks like \(C, H, W\)", "image-shape"),
        (
            np.zeros((2, 8, 8, 3)),
            r"shape \(2, 8, 8, 3\). Take one image of the batch: image\[0\]",
            "image-shape",
        ),
        (np.zeros(5), r"must have shape \(H, W\) or \(H, W, C\), but it has shape \(5,\)\.", "image-shape"),
        (np.zeros((0, 4)), r"but it has shape \(0, 4\)", "image-shape"),
        (np.zeros((4, 4, 0)), r"but it has shape \(4, 4, 0\)", "image-shape"),
        ([], r"but it has shape \(0,\)", "image-shape"),
        (7, r"but it has shape \(\)", "image-shape"),
        ([[np.nan, 1.0], [np.inf, 0.0]], "has 2 values that are NaN or infinite", "image-nan"),
        ([["a", "b"]], "array of numbers, but its dtype is <U1", "image-dtype"),
        (np.zeros((2, 2), complex), "array of numbers, but its dtype is complex128", "image-dtype"),
        (None, "array of numbers, but its dtype is object", "image-dtype"),
        ([[1, 2], [3]], "array of numbers: .*inhomogeneous", "image-dtype"),
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(source, text, slug):
    with pytest.raises(ImageError, match=text) as caught:
        as_image(source)
    assert caught.value.slug == slug


@given(hnp.arrays(np.float32, (3, 3, 2), elements=st.floats(-1e5, 1e5, width=32)))
def test_the_copy_lies_between_0_and_1(image):
    unit = unit_rgb(image)
    assert 0 <= unit.min() <= unit.max() <= 1


@pytest.mark.parametrize("beyond", [1.0001, 5.0, -1e-7])
def test_one_pixel_beyond_changes_no_other_pixel_s_look(beyond, rng):
    image = rng.random((20, 20, 3))
    odd = image.copy()
    odd[0, 0, 0] = beyond
    expected = unit_rgb(image).copy()
    expected[0, 0, 0] = np.clip(beyond, 0, 1)
    np.testing.assert_allclose(unit_rgb(odd), expected, atol=1e-5)


def test_12_bits_in_16_look_like_the_image_of_8(rng):
    bytes_ = random_image((9, 8, 3), "uint8", rng)
    bytes_.flat[0] = 255
    deep = np.rint(bytes_ / 255 * 4095).astype(np.uint16)
    assert np.abs(unit_rgb(deep) - unit_rgb(bytes_)).max() < 2e-4


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_image_from_minus_one_to_one_looks_like_its_bytes(channels):
    image = np.random.default_rng(0).integers(0, 256, (9, 11, channels), dtype=np.uint8)
    image.flat[:2] = 0, 255
    np.testing.assert_allclose(unit_rgb(image / 127.5 - 1), unit_rgb(image), rtol=0, atol=1e-9)


def test_a_standardised_image_is_stretched_over_0_to_1():
    unit = unit_rgb(np.random.default_rng(1).normal(size=(6, 5, 3)) * 3)
    assert (unit.min(), unit.max()) == (0, 1)
    assert unit.flags.c_contiguous
    assert unit.dtype == np.float64


@pytest.mark.parametrize("channels", [2, 5, 7])
def test_a_mean_over_channels_that_lies_halfway_is_the_same_in_every_dtype(channels):
    image = np.random.default_rng(0).integers(0, 256, (60, 60, channels), dtype=np.uint8)
    image.flat[:2] = 0, 255
    for other in (image / 255, (image / 255).astype(np.float32), image.astype(np.float32)):
        np.testing.assert_array_equal(unit_rgb(other), unit_rgb(image))


@pytest.mark.parametrize(
    ("value", "looks"), [(-7.5, 0.0), (-3.0, 0.0), (0.0, 0.0), (0.7, 0.7), (70000.0, 0.0)]
)
def test_an_image_of_one_value_has_a_look_of_one_value(value, looks):
    unit = unit_rgb(np.full((3, 4), value))
    assert unit.shape == (3, 4, 3)
    assert np.ptp(unit) == 0
    assert unit[0, 0, 0] == pytest.approx(looks, abs=1e-5)


def test_a_hint_about_batches_is_given_only_for_batches():
    with pytest.raises(ImageError) as caught:
        as_image(np.zeros((2, 3, 4, 5, 6)))
    assert "batch" not in str(caught.value)
