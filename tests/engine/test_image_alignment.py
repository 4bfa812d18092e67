"""Whether images are aligned: known cases on either side."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from sightline.engine.image_alignment import measure_alignment

RNG = np.random.default_rng(0)
THING = gaussian_filter(np.random.default_rng(3).random((48, 48)), 3)
THING /= THING.std()
DISC = np.hypot(*np.mgrid[-1:1:48j, -1:1:48j]) < 0.9


def noisy(image):
    return image + RNG.normal(0, 1, image.shape)


def moved(image):
    return np.roll(image, RNG.integers(0, 48, 2), (0, 1))


@pytest.mark.parametrize(
    ("make", "aligned"),
    [
        (lambda: noisy(THING), True),
        (lambda: np.stack([noisy(THING)] * 3, axis=2), True),
        (lambda: (40 * noisy(THING) + 120).astype(np.uint8), True),
        (lambda: np.kron(noisy(THING), np.ones((2, 3))), True),
        (lambda: noisy(moved(THING)), False),
        (lambda: noisy(np.rot90(THING, RNG.integers(4))), False),
        (lambda: RNG.random((48, 48)), False),
        (lambda: np.where(DISC, 5 + noisy(moved(THING)), 0), False),  # a round frame, and nothing in place
        (lambda: np.full((48, 48), RNG.random()), False),
    ],
)
def test_images_of_one_thing_in_one_place_are_aligned_and_others_are_not(make, aligned):
    found = measure_alignment([make() for _ in range(40)])
    assert found.aligned is aligned, found


def test_of_a_few_images_nothing_is_said():
    found = measure_alignment([THING] * 7)
    assert not found.aligned
    assert str(found) == "7 images are too few to tell"


def test_it_is_the_same_for_the_same_seed():
    images = [noisy(THING) for _ in range(12)]
    assert repr(measure_alignment(images, 3)) == repr(measure_alignment(images, 3))
