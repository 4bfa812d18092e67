"""Properties of whole images: the exchanged image has the value it was given, and the form it had."""

import numpy as np
import pytest

from sightline.engine.image_properties import (
    PROPERTIES,
    UnitScale,
    UnitScales,
    exchange_property,
    measure_property,
    other_change,
)

UNIT = UnitScale(0.0, 1.0)


def textured(seed=0, shape=(24, 20, 3), values=(0.3, 0.6)):
    rng = np.random.default_rng(seed)
    coarse = rng.random((shape[0] // 4, shape[1] // 4, *shape[2:])).repeat(4, 0).repeat(4, 1)
    return values[0] + (values[1] - values[0]) * (0.7 * coarse + 0.3 * rng.random(shape))


OTHERS = {
    "chromaticity": np.array([1.1, 1.0, 0.9]),
    "brightness": np.array([0.4]),
    "contrast": np.array([0.05]),
    "detail": np.array([0.02]),
    "noise": np.array([0.06]),
    "frame": np.array([0.125, 0.0, 0.1, 0.0, 0.9, 0.8, 0.7]),
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_the_exchanged_image_has_the_other_value(name):
    which = PROPERTIES[name]
    made = exchange_property(which, textured(), OTHERS[name], UNIT, np.random.default_rng(0))
    loose = {"noise": 0.25, "frame": 0.05, "detail": 0.05}.get(name, 0.01)
    assert measure_property(which, made, UNIT) == pytest.approx(OTHERS[name], rel=loose, abs=1e-6)


@pytest.mark.parametrize("name", PROPERTIES)
def test_its_own_value_leaves_an_image_as_it_is(name):
    which, image = PROPERTIES[name], textured()
    own = measure_property(which, image, UNIT)
    assert exchange_property(which, image, own, UNIT, np.random.default_rng(0)) == pytest.approx(
        image, abs=1e-9
    )


@pytest.mark.parametrize(
    "image",
    [
        (255 * textured()).astype(np.uint8),
        (255 * textured(shape=(24, 20))).astype(np.uint8),
        textured(shape=(24, 20, 1)).astype(np.float32),
        (4095 * textured(shape=(24, 20))).astype(np.uint16),
        textured(shape=(24, 20, 4)),
    ],
)
def test_an_image_keeps_its_form_and_its_alpha(image):
    scale = UnitScales.usual([image]).of(image)
    made = exchange_property(
        PROPERTIES["brightness"], image, np.array([0.55]), scale, np.random.default_rng(0)
    )
    assert (made.shape, made.dtype) == (image.shape, image.dtype)
    assert scale.pixels(made).mean() == pytest.approx(0.55, abs=2e-3)
    if image.shape[2:] == (4,):
        assert (made[..., 3] == image[..., 3]).all()


def test_a_grey_image_has_no_colour_cast():
    assert measure_property(PROPERTIES["chromaticity"], textured(shape=(8, 8)), UNIT) is None


def test_a_frame_is_measured_and_taken_away():
    image = textured()
    framed = image.copy()
    framed[:3], framed[-1:], framed[:, :2] = 0.0, 0.0, 0.0
    which = PROPERTIES["frame"]
    assert measure_property(which, framed, UNIT)[:4] == pytest.approx([3 / 24, 1 / 24, 2 / 20, 0])
    bare = exchange_property(which, framed, np.zeros(7), UNIT, np.random.default_rng(0))
    assert not measure_property(which, bare, UNIT).any()
    assert (bare[3:-1, 2:] == image[3:-1, 2:]).all()


def test_an_image_of_one_value_has_no_frame():
    assert not measure_property(PROPERTIES["frame"], np.full((8, 8, 3), 0.4), UNIT)[:4].any()


@pytest.mark.parametrize("name", ["chromaticity", "contrast"])
def test_another_change_is_as_large(name):
    which, image = PROPERTIES[name], textured()
    changed = exchange_property(which, image, OTHERS[name], UNIT, np.random.default_rng(0))
    other = other_change(which, image, changed, UNIT, np.random.default_rng(1))
    sizes = [np.sqrt(((one - image) ** 2).mean()) for one in (changed, other)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)
    assert np.ptp((other - image)[..., 0]) > 1e-6 or which.uniform


def test_each_kind_of_numbers_has_a_scale_of_its_own():
    image = textured()
    kinds = [(255 * image).astype(np.uint8), (65535 * image).astype(np.uint16), image]
    scales = UnitScales.usual(kinds)
    for one in kinds:
        (found,) = measure_property(PROPERTIES["brightness"], one, scales.of(one))
        assert found == pytest.approx(image.mean(), abs=3e-3)


def test_what_reaches_beyond_white_stays_there():
    image = textured()
    image[:2] = 1.8
    made = exchange_property(PROPERTIES["contrast"], image, np.array([1.0]), UNIT, np.random.default_rng(0))
    assert made.max() == pytest.approx(1.8)
    darker = exchange_property(
        PROPERTIES["brightness"], image, np.array([image.mean() - 0.1]), UNIT, np.random.default_rng(0)
    )
    assert darker[:2] == pytest.approx(1.7)
