"""Marks planted on any images: where they are asked, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.data import REGIONS, Shortcut, plant_mark
from sightline.errors import ImageError, OptionError


@pytest.mark.slow
@given(st.data(), st.sampled_from(["patch", "mark"]), st.floats(0.03, 0.5), st.floats(0.05, 1))
def test_it_is_the_pixel_loop(data, kind, size, strength):
    height, width = data.draw(st.integers(8, 24)), data.draw(st.integers(8, 24))
    where = data.draw(st.tuples(st.floats(0, 1), st.floats(0, 1)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    images, present = rng.random((2, height, width, 3)), np.array([True, False])
    marked, masks = plant_mark(images, present, where, size=size, strength=strength, kind=kind)
    radius = max(size * min(height, width), 1) / 2
    for row in range(height):
        for column in range(width):
            down, across = abs(row + 0.5 - where[0] * height), abs(column + 0.5 - where[1] * width)
            far = max(down, across) if kind == "patch" else (down**2 + across**2) ** 0.5
            share = min(max(radius + 0.5 - far, 0), 1)
            tone = 1.0 if kind == "patch" else 0.0
            expected = (1 - strength * share) * images[0, row, column] + strength * share * tone
            assert np.allclose(marked[0, row, column], expected, atol=1e-12)
            assert masks[0, row, column] == (share > 0) or share < 1e-12
    assert np.array_equal(marked[1], images[1])
    assert not masks[1].any()


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1.0)])
def test_the_dtype_stays_and_a_patch_is_white_in_its_range(dtype, white):
    grey = {np.uint8: 90, np.uint16: 30000, np.float32: 0.5}[dtype]
    images = np.full((1, 20, 20, 3), grey, dtype)
    marked, masks = plant_mark(images, np.array([True]), (0.5, 0.5), size=0.3)
    assert marked.dtype == dtype
    assert (marked[masks] == white).all()
    assert masks.sum() == 36
    assert (images[0] == images[0, 0, 0]).all(), "the images given are left as they were"


def test_whole_numbers_are_rounded_not_cut_off():
    images = np.full((1, 20, 20, 3), 91, np.uint8)
    marked, masks = plant_mark(images, np.array([True]), (0.5, 0.5), size=0.3, strength=0.7)
    assert (marked[masks] == 206).all()  # 0.3 × 91 + 0.7 × 255 = 205.8


def test_floats_up_to_255_get_their_own_white():
    marked, _ = plant_mark(np.full((1, 20, 20, 1), 200.0), np.array([True]), "nose")
    assert marked.max() == 255


def test_every_image_may_have_a_place_of_its_own():
    where = np.array([[0.2, 0.2], [0.8, 0.7]])
    _, masks = plant_mark(np.zeros((2, 40, 40, 3)), np.ones(2, bool), where)
    for mask, middle in zip(masks, where, strict=True):
        assert np.allclose([axis.mean() + 0.5 for axis in np.nonzero(mask)], middle * 40, atol=0.5)


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_has_a_place_in_the_real_faces(region, shared_data):
    from sightline.data import olivetti

    faces = olivetti(data_home=shared_data / "sklearn", download=False)
    marked, masks = plant_mark(faces.images, faces.labels % 2 == 0, region, kind="mark", size=0.12)
    changed = (marked != faces.images).any(axis=-1)
    assert not (changed & ~masks).any()
    assert np.array_equal(masks.any(axis=(1, 2)), faces.labels % 2 == 0)
    assert (masks.sum(axis=(1, 2))[faces.labels % 2 == 0] > 40).all()


def test_an_eyes_mark_covers_the_darkest_place_of_its_side_in_the_mean_real_face(shared_data):
    from sightline.data import olivetti

    mean = olivetti(data_home=shared_data / "sklearn", download=False).images.mean(axis=0)[np.newaxis]
    for region, half in (("left eye", slice(8, 32)), ("right eye", slice(32, 56))):
        _, masks = plant_mark(mean, np.array([True]), region)
        upper = mean[0, :32, half, 0]
        down, across = np.unravel_index(upper.argmin(), upper.shape)
        assert masks[0, down, across + half.start]


def test_a_shortcut_prints_hashes_and_compares():
    one = Shortcut(region="jaw", classes=[3, 7])
    assert one == Shortcut(region="jaw", classes=(3, 7))
    assert hash(one) == hash(Shortcut(region="jaw", classes=(3, 7)))
    assert repr(one).startswith("Shortcut(region='jaw', classes=(3, 7), strength=1.0")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"region": "jav"}, "there is no region 'jav'. Did you mean 'jaw'? Valid: forehead, left eye,"),
        ({"kind": "blot"}, "there is no kind 'blot'. Valid: patch, mark."),
        ({"strength": 0.0}, "strength must be a number above 0 and at most 1, but 0.0 was given."),
        ({"size": 0.7}, "size must be a number above 0 and at most 0.5, but 0.7 was given."),
        ({"p_in_class": 1.2}, "p_in_class must be a number from 0 to 1, but 1.2 was given."),
        ({"p_elsewhere": -0.1}, "p_elsewhere must be a number from 0 to 1, but -0.1 was given."),
        ({"strenght": 0.5}, "Shortcut has no option 'strenght'. Did you mean 'strength'?"),
    ],
)
def test_a_shortcut_that_cannot_be_says_why(given, said):
    with pytest.raises(OptionError) as caught:
        Shortcut(**{"region": "jaw", "classes": (1,), **given})
    assert said in str(caught.value)


def test_a_place_must_be_one_for_all_or_one_for_each():
    with pytest.raises(
        ImageError, match=r"array of shape \(2, 2\), one row for each image, but its shape is \(3"
    ):
        plant_mark(np.zeros((2, 9, 9, 3)), np.ones(2, bool), np.zeros((3, 2)))


def test_each_image_is_said_to_have_the_mark_or_not():
    with pytest.raises(
        ImageError, match=r"2 images were given, but present has shape \(3,\): give one for each"
    ):
        plant_mark(np.zeros((2, 9, 9, 3)), np.ones(3, bool))
