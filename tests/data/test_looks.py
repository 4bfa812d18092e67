"""An image is known again by its look, and different images, even of one person, are told apart."""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import sightline as sl
from sightline.data.looks import looks_of, match_looks

RNG = np.random.default_rng(0)


def changed_pixel(image):
    other = image.copy()
    other[3, 5] = 255 - other[3, 5]
    return other


def as_jpeg(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))


SAME = {
    "(H, W, 1)": lambda image: image[..., np.newaxis],
    "grey RGB": lambda image: np.stack([image] * 3, axis=-1),
    "0 to 1": lambda image: image / 255,
    "floats of 0 to 255": lambda image: image.astype(np.float32),
    "-1 to 1": lambda image: image / 127.5 - 1,
    "16 bits": lambda image: image.astype(np.uint16) * 257,
}


@pytest.mark.parametrize("size", [8, 12, 64, 100])
@pytest.mark.parametrize("form", SAME)
def test_an_image_is_the_same_in_any_shape_and_type(form, size):
    images = RNG.integers(0, 256, (20, size, size + 3), np.uint8)
    found = match_looks(looks_of(map(SAME[form], images)), looks_of(images))
    assert (found.same.all(), found.near.any()) == (True, False)


@pytest.mark.parametrize("size", [8, 12, 28, 64])
def test_an_image_with_a_pixel_changed_is_nearly_the_same(size):
    images = RNG.integers(0, 256, (20, size, size), np.uint8)
    found = match_looks(looks_of(map(changed_pixel, images)), looks_of(images))
    assert (found.same | found.near).all()
    assert found.near.mean() > 0.5  # the rest changed by so little that they count as the same


@pytest.mark.slow
def test_faces_of_one_person_are_told_apart_and_a_compressed_one_is_not():
    faces = sl.data.drawn_faces(60, people=3, seed=0, colour=False).images
    faces = (faces * 255).astype(np.uint8) if faces.max() <= 1 else faces.astype(np.uint8)
    half = match_looks(looks_of(faces[:30]), looks_of(faces[30:]))
    assert not (half.same | half.near).any()
    assert match_looks(looks_of(map(as_jpeg, faces[:30])), looks_of(faces)).near.all()


def test_photographs_of_one_person_are_told_apart(shared_data):
    faces = sl.data.olivetti(data_home=shared_data / "sklearn").images
    looks = looks_of(faces)
    for start in range(10):  # one photograph of each of 40 people, among the nine others of each
        mine = np.arange(400) % 10 == start
        found = match_looks(looks[mine], looks[~mine])  # mirrored and turned, too
        assert not (found.same | found.near).any()


def test_images_of_one_colour_are_not_compared():
    flat = [np.full((8, 8), value) for value in (0.1, 0.2, 0.9)]
    found = match_looks(looks_of(flat), looks_of(flat))
    assert not (found.same | found.near).any()
    assert len(match_looks(looks_of([]), looks_of(flat)).same) == 0
    assert not match_looks(looks_of(flat), looks_of([])).same.any()


WAYS = {
    "mirrored": lambda image: image[:, ::-1],
    "upside down": lambda image: image[::-1],
    "quarter": np.rot90,
    "half": lambda image: np.rot90(image, 2),
    "three quarters": lambda image: np.rot90(image, 3),
    "transposed": lambda image: np.swapaxes(image, 0, 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_mirrored_or_turned_image_is_nearly_the_same(way):
    images = RNG.integers(0, 256, (20, 40, 52, 3), np.uint8)
    found = match_looks(looks_of(map(WAYS[way], images)), looks_of(images))
    assert (found.same.any(), found.near.all()) == (False, True)
    faces = (sl.data.drawn_faces(40, seed=1).images * 255).astype(np.uint8)
    pressed = (as_jpeg(np.ascontiguousarray(WAYS[way](face))) for face in faces)
    assert match_looks(looks_of(pressed), looks_of(faces)).near.all()


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_other_images_are_told_apart_though_they_are_mirrored(way):
    """Digits are the hardest: many are nearly symmetric, and of few pixels."""
    digits = load_digits().images
    faces = sl.data.drawn_faces(60, people=3, seed=0, colour=False).images
    for images in (digits, faces):
        odd = np.arange(len(images)) % 2 == 1
        found = match_looks(looks_of(map(WAYS[way], images[odd])), looks_of(images[~odd]))
        assert not (found.same | found.near).any()


def drawn(colour, rows=slice(8, 20), size=32):
    image = np.zeros((size, size, 3), np.uint8)
    image[rows, 8:20] = colour
    return image


def lamps(seed):
    """Lamps of one place, of many sizes and brightnesses, and of three colours in turn."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:48, :48]
    images = np.full((90, 48, 48, 3), 20.0)
    for place, image in enumerate(images):
        inside = (rows - 24) ** 2 + (columns - 24) ** 2 < rng.integers(10, 16) ** 2
        image[inside, place % 3] = rng.integers(180, 250)
    return np.clip(images + rng.normal(0, 2, images.shape), 0, 255).astype(np.uint8), np.arange(90) % 3


OTHERS = {
    "red and blue": (drawn((200, 0, 0)), drawn((0, 0, 200))),
    "dim and bright": (drawn(60), drawn(240)),
    "dim and bright, 0 to 1": (drawn(60) / 255, drawn(240) / 255),
    "tints": (drawn((120, 100, 80)), drawn((80, 100, 120))),
    "nearly flat": (np.tile(np.linspace(100, 105, 32), (32, 1)), np.tile(np.linspace(100, 104, 32), (32, 1))),
}


@pytest.mark.parametrize("pair", OTHERS)
def test_images_that_differ_in_colour_or_brightness_alone_are_told_apart(pair):
    one, other = (looks_of([image]) for image in OTHERS[pair])
    found = match_looks(one, other)
    assert not (found.same | found.near).any()
    assert match_looks(one, looks_of([OTHERS[pair][0]])).same.all()
    turned = match_looks(one, looks_of([np.rot90(OTHERS[pair][1])]))
    assert not (turned.same | turned.near).any()


def test_lamps_of_other_colours_are_other_images_however_many_there_are_of_their_own():
    (seen, colours), (others, of_others) = lamps(0), lamps(1)
    for colour in range(3):
        found = match_looks(looks_of(others[of_others == colour]), looks_of(seen[colours != colour]))
        assert not (found.same | found.near).any()
    red = seen[colours == 0]  # whose edges JPEG keeps best
    pressed = match_looks(looks_of(map(as_jpeg, red)), looks_of(seen))
    assert (pressed.same | pressed.near).all()
    dimmer = match_looks(looks_of((seen * 0.7).astype(np.uint8)), looks_of(seen))
    assert not dimmer.same.any()


def test_copies_of_photographs_are_known_with_their_colours(shared_data):
    files = sorted((shared_data / "photos").glob("*.jpg"))
    small = [np.asarray(Image.open(file).convert("RGB").resize((96, 96))) for file in files]
    half = [np.asarray(Image.fromarray(image).resize((48, 48), Image.Resampling.BILINEAR)) for image in small]
    noisy = [np.clip(image + RNG.normal(0, 5, image.shape), 0, 255).astype(np.uint8) for image in small]
    looks = looks_of(small)
    for copies in (map(as_jpeg, small), half, noisy):
        found = match_looks(looks_of(copies), looks)
        assert (found.same | found.near).all()
    swapped = match_looks(looks_of(image[..., ::-1] for image in small), looks)
    assert not swapped.same.any()


def test_looks_of_earlier_versions_and_of_standardised_images_are_compared_by_their_pattern():
    images = RNG.integers(0, 256, (20, 32, 32, 3), np.uint8)
    looks = looks_of(images)
    earlier = np.ascontiguousarray(looks[:, :256])
    standardised = looks_of((images - images.mean()) / images.std())
    for other in (earlier, standardised):
        for found in (match_looks(looks, other), match_looks(other, looks)):
            assert (found.same.any(), found.near.all()) == (False, True)
        assert not match_looks(other[:10], looks[10:]).near.any()
    assert match_looks(standardised, standardised).same.all()
