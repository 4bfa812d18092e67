"""Black and white of an image's numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import sightline as sl
from sightline._value_range import range_note, value_range


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([[3, 7]], np.uint8), (0, 255)),
        (np.array([[0, 1]], np.uint8), (0, 255)),
        (np.array([[3, 7]], np.uint16), (0, 255)),
        (np.array([[3, 4000]], np.uint16), (0, 4095)),
        (np.array([[3, 16384]], np.uint16), (0, 65535)),
        (np.array([[0, 1, 4095]], np.float32), (0, 4095)),
        (np.array([[False, True]]), (0, 1)),
        (np.array([[0.2, 0.9]]), (0, 1)),
        (np.array([[0.0, 1.0]], np.float16), (0, 1)),
        (np.array([[-0.5, 0.9]], np.float32), (-1, 1)),
        (np.array([[0.0, 200.0]]), (0, 255)),
        (np.array([[0.0, 256.0]]), (0, 1023)),
        (np.array([[-2.5, 2.0]]), (-2.5, 2.0)),
        (np.array([[-2.0, 0.5]]), (-2.0, 0.5)),
        (np.array([[0.0, 1e6]]), (0.0, 1e6)),
        (np.array([[0, 1]], np.int64), (0, 255)),
        (np.array([[0, 254]], np.int32), (0, 255)),
        (np.array([[0, 4095]], np.int16), (0, 4095)),
        (np.array([[-1, 1]], np.int8), (-1, 1)),
        (np.array([[-1000, 3000]], np.int16), (-1000, 3000)),
        (np.full((2, 2), 5.0), (0, 255)),
    ],
)
def test_black_and_white_are_what_the_type_and_the_values_say(pixels, expected):
    assert value_range(pixels) == expected


def test_black_and_white_are_plain_numbers():
    assert all(type(end) is float for end in value_range(np.zeros((1, 1), np.float32)))


@given(hnp.arrays(np.float64, (3, 3), elements=st.floats(-1e5, 1e5)))
def test_the_range_holds_every_value(image):
    low, high = value_range(image)
    assert low <= image.min() <= image.max() <= high


UNIT = np.random.default_rng(0).random((30, 30))


def with_one(image, value):
    odd = image.copy()
    odd[0, 0] = value
    return odd


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (with_one(UNIT, 1.0001), (0, 1)),
        (with_one(UNIT, 40.0), (0, 1)),
        (with_one(UNIT, -1e-7), (0, 1)),
        (with_one(UNIT, -0.05), (0, 1)),
        (with_one(UNIT * 2 - 1, 1.5), (-1, 1)),
        (with_one(UNIT * 255, 255.4), (0, 255)),
        (with_one(UNIT * 255, 3000.0), (0, 255)),
        (with_one(np.zeros((30, 30)), 200.0), (0, 255)),
        (with_one(np.ones((30, 30)), -1.0), (-1, 1)),
    ],
)
def test_most_pixels_decide_and_not_a_single_one(image, expected):
    assert value_range(image) == expected


def test_a_hot_pixel_does_not_stretch_a_standardised_image():
    image = UNIT * 4 - 2
    low, high = value_range(with_one(image, 80.0))
    assert (low, high) == pytest.approx((-2, 2), abs=0.05)


def test_what_was_decided_is_said_where_the_numbers_leave_a_choice():
    assert range_note(UNIT) == range_note((UNIT * 255).astype(np.uint8)) == range_note(UNIT * 4 - 2) == ""
    assert range_note(with_one(UNIT, 1.0001)) == "black 0 and white 1, which 1 of 900 values lie beyond"
    twelve = (UNIT * 4000).astype(np.uint16)
    assert range_note(twelve) == "black 0 and white 4095, the 12 bits that it uses"

    def model(images):
        return images[:, :9].mean(axis=(1, 2)) / 4095

    made = sl.explain(twelve, model, segment="grid:rows=3,columns=3", fill="blur", budget=40)
    assert "30×30 (drawn with black 0 and white 4095, the 12 bits that it uses): Lime" in repr(made)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_noise_on_white_leaves_floats_where_they_are(share):
    rng = np.random.default_rng(0)
    image = rng.random((24, 24, 3)) * 0.8
    image[rng.random(image.shape) < share] = 1.05
    assert value_range(image) == (0.0, 1.0)
