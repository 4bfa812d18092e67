"""More of images: ranges that hold every value, and standardised, blank and −1 to 1 pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sightline.engine.image import as_image, unit_rgb, value_range
from sightline.errors import ImageError


@given(hnp.arrays(np.float64, (3, 3), elements=st.floats(-1e5, 1e5)))
def test_the_range_holds_every_value(image: np.ndarray) -> None:
    low, high = value_range(image)
    assert low <= image.min() <= image.max() <= high


@given(hnp.arrays(np.float32, (3, 3, 2), elements=st.floats(-1e5, 1e5, width=32)))
def test_the_copy_lies_between_0_and_1(image: np.ndarray) -> None:
    unit = unit_rgb(image)
    assert 0 <= unit.min() <= unit.max() <= 1


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_picture_from_minus_one_to_one_looks_like_its_bytes(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 11, channels), dtype=np.uint8)
    image.flat[:2] = 0, 255
    np.testing.assert_allclose(unit_rgb(image / 127.5 - 1), unit_rgb(image), rtol=0, atol=1e-9)


def test_a_standardised_picture_is_stretched_over_0_to_1() -> None:
    unit = unit_rgb(np.random.default_rng(1).normal(size=(6, 5, 3)) * 3)
    assert (unit.min(), unit.max()) == (0, 1)
    assert unit.flags.c_contiguous
    assert unit.dtype == np.float64


@pytest.mark.parametrize("channels", [2, 5, 7])
def test_a_mean_over_channels_that_lies_halfway_is_the_same_in_every_dtype(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 60, channels), dtype=np.uint8)
    image.flat[:2] = 0, 255
    for other in (image / 255, (image / 255).astype(np.float32), image.astype(np.float32)):
        np.testing.assert_array_equal(unit_rgb(other), unit_rgb(image))


@pytest.mark.parametrize("value", [-7.5, 0.0, 0.7, 70000.0])
def test_a_blank_picture_has_a_copy_of_one_value(value: float) -> None:
    unit = unit_rgb(np.full((3, 4), value))
    assert unit.shape == (3, 4, 3)
    assert np.ptp(unit) == 0


def test_a_hint_about_batches_is_given_only_for_batches() -> None:
    with pytest.raises(ImageError) as caught:
        as_image(np.zeros((2, 3, 4, 5, 6)))
    assert "batch" not in str(caught.value)
