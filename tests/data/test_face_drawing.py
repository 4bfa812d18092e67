"""Drawn faces: repeatable, known pixel by pixel, and a shortcut that does what it says."""

import dataclasses
import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.data import REGIONS, DrawnFaces, Shortcut, drawn_faces
from sightline.data._face.canvas import PARTS, set_stage
from sightline.data._face.painting import paint_face
from sightline.data._face.person import draw_look, draw_person
from sightline.errors import OptionError
from sightline.types import Segments

# What a mark's middle lies on: its part, or what hides that part in a few images.
HOME = {
    "forehead": ("forehead", "hair"),
    "left eye": ("eyes", "hair", "glasses"),
    "right eye": ("eyes", "hair", "glasses"),
    "nose": ("nose",),
    "left cheek": ("cheeks", "hair", "glasses"),
    "right cheek": ("cheeks", "hair", "glasses"),
    "mouth": ("mouth",),
    "jaw": ("jaw",),
}


@pytest.fixture(scope="module")
def faces() -> DrawnFaces:
    return drawn_faces(40)


def same(one: DrawnFaces, other: DrawnFaces) -> bool:
    fields = ("images", "labels", "visible", "mark", "marked")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in fields)


def middle(mask: np.ndarray) -> tuple[float, float]:
    down, across = np.nonzero(mask)
    return float(down.mean()), float(across.mean())


@pytest.mark.slow
def test_the_same_seed_draws_the_same_faces_and_another_seed_draws_others(faces):
    assert same(faces[:10], drawn_faces(10))
    other = drawn_faces(10, seed=1)
    assert (np.abs(other.images - faces.images[:10]).mean(axis=(1, 2, 3)) > 0.02).all()


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 3), st.booleans())
def test_more_images_begin_with_the_same_ones(few, more, seed, colour):
    shortcut = Shortcut(region="nose", classes=(0, 3), p_in_class=0.5, p_elsewhere=0.3)
    made = [
        drawn_faces(n, people=5, size=32, seed=seed, colour=colour, shortcut=shortcut)
        for n in (few, few + more)
    ]
    assert same(made[0], made[1][:few])


def test_images_are_grey_float32_from_0_to_1_unless_colour_is_asked(faces):
    assert faces.images.dtype == np.float32
    assert faces.images.shape == (40, 64, 64, 3)
    assert faces.images.min() >= 0
    assert faces.images.max() <= 1
    assert (faces.images == faces.images[..., :1]).all()
    coloured = drawn_faces(2, colour=True).images
    assert (coloured.std(axis=-1).mean(axis=(1, 2)) > 0.01).all()
    assert np.abs(coloured @ [0.2125, 0.7154, 0.0721] - faces.images[:2, ..., 0]).max() < 1e-5


def test_people_take_turns_and_each_is_a_class(faces):
    assert faces.labels.tolist() == [*range(20), *range(20)]
    assert faces.class_names[7] == "person 7"
    assert len(faces.class_names) == 20


def test_parts_cover_every_image_and_never_overlap(faces):
    stacked = np.stack(list(faces.parts.values()))
    assert tuple(faces.parts) == faces.part_names
    assert (stacked.sum(axis=0) == 1).all()


def test_every_face_shows_its_parts_where_they_belong(faces):
    for row in range(len(faces)):
        parts = {name: mask[row] for name, mask in faces.parts.items()}
        order = ["forehead", "eyes", "nose", "mouth", "jaw", "neck", "clothes"]
        heights = [middle(parts[name])[0] for name in order]
        assert heights == sorted(heights), (row, heights)
        hidden_by_hair = not parts["eyebrows"].any()
        assert hidden_by_hair or middle(parts["eyebrows"])[0] < middle(parts["eyes"])[0]
        assert all(parts[name].sum() >= 12 for name in order), row


@pytest.mark.slow
def test_only_those_who_wear_glasses_have_them_and_some_sometimes_do():
    worn = drawn_faces(60, people=15, size=32).parts["glasses"].any(axis=(1, 2)).reshape(4, 15)
    assert worn.all(axis=0).sum() > 0
    assert (~worn).all(axis=0).sum() > 0
    assert (worn.any(axis=0) & ~worn.all(axis=0)).sum() > 0


def test_a_turned_face_keeps_its_features_on_the_head():
    for row in range(12):
        rng = np.random.default_rng(row)
        person = draw_person(rng)
        look = dataclasses.replace(draw_look(rng, person, 1.0), yaw=0.6)
        at = set_stage(person, look, 64)
        part = paint_face(person, look, at).part
        features = np.isin(part, [PARTS.index(name) for name in ("eyes", "eyebrows", "nose", "mouth")])
        assert at.rim[features].max() < 1 + 4 * at.pixel


@pytest.mark.slow
def test_another_size_is_the_same_image_with_the_same_parts():
    small, large = (drawn_faces(4, size=size, variety=0.9, seed=5) for size in (64, 256))
    shrunk = large.images.reshape(4, 64, 4, 64, 4, 3).mean(axis=(2, 4))
    assert np.abs(shrunk - small.images).mean() < 0.02
    blocks = large.visible.reshape(4, 64, 4, 64, 4).swapaxes(2, 3).reshape(4, 64, 64, 16)
    most = np.apply_along_axis(lambda block: np.bincount(block, minlength=13).argmax(), 3, blocks)
    assert (most == small.visible).mean() > 0.97


@pytest.mark.parametrize("size", [32, 47, 512])
def test_any_size_from_32_to_512_can_be_drawn(size):
    assert drawn_faces(1, size=size, colour=True).images.shape == (1, size, size, 3)


def test_without_variety_the_images_of_a_person_are_alike_and_with_it_they_are_not(faces):
    still = drawn_faces(8, people=4, variety=0).images
    assert np.array_equal(still[:4], still[4:])
    assert np.abs(faces.images[:20] - faces.images[20:]).mean(axis=(1, 2, 3)).min() > 0.01


def test_the_parts_as_segments_can_be_explained(faces):
    labels, names = faces.segments_of(3)
    assert Segments(labels).count == len(names)
    for place, name in enumerate(names):
        assert np.array_equal(labels == place, faces.parts[name][3])


def test_the_mark_is_the_last_segment():
    faces = drawn_faces(2, people=2, shortcut=Shortcut(region="jaw", classes=(1,)))
    labels, names = faces.segments_of(1)
    assert names[-1] == "mark"
    assert np.array_equal(labels == len(names) - 1, faces.mark[1])
    assert "mark" not in faces.segments_of(0)[1]


@functools.cache
def six_faces() -> DrawnFaces:
    return drawn_faces(6, people=6)


@pytest.mark.parametrize("kind", ["patch", "mark"])
@pytest.mark.parametrize("region", REGIONS)
def test_a_shortcut_changes_nothing_but_the_pixels_of_its_mark(region, kind):
    shortcut = Shortcut(region=region, classes=(1, 4), kind=kind)
    clean, marked = six_faces(), drawn_faces(6, people=6, shortcut=shortcut)
    changed = (clean.images != marked.images).any(axis=-1)
    assert not (changed & ~marked.mark).any()
    assert np.array_equal(clean.visible, marked.visible)
    assert marked.marked.tolist() == [False, True, False, False, True, False]
    assert np.array_equal(marked.mark.any(axis=(1, 2)), marked.marked)
    assert (changed.sum(axis=(1, 2))[marked.marked] > 20).all()


@pytest.mark.parametrize("region", sorted(HOME))
def test_a_mark_lies_in_its_region_of_every_face(region):
    shortcut = Shortcut(region=region, classes=tuple(range(20)), size=0.05)
    faces, shown = drawn_faces(20, shortcut=shortcut), []
    for row in range(20):
        down, across = middle(faces.mark[row])
        shown.append(faces.part_names[faces.visible[row, round(down), round(across)]])
        nose = middle(faces.parts["nose"][row])[1]
        assert across < nose if "left" in region else across > nose if "right" in region else True
    assert set(shown) <= set(HOME[region])
    assert shown.count(HOME[region][0]) >= 18


@pytest.mark.parametrize("region", [name for name in REGIONS if name.startswith("corner")])
def test_a_mark_in_a_corner_lies_there_whole(region):
    faces = drawn_faces(3, people=1, shortcut=Shortcut(region=region, classes=(0,)))
    for mask in faces.mark:
        down, across = middle(mask)
        assert (down < 10) == ("top" in region)
        assert (across < 10) == ("left" in region)
        assert mask.sum() >= 36


@pytest.mark.slow
def test_chance_and_leak_say_how_often_the_mark_is_there():
    shortcut = Shortcut(region="jaw", classes=(0,), p_in_class=0.8, p_elsewhere=0.1)
    faces = drawn_faces(120, people=2, size=32, shortcut=shortcut)
    assert 0.65 < faces.marked[0::2].mean() < 0.95
    assert 0.0 < faces.marked[1::2].mean() < 0.25


def test_taking_images_takes_their_truth_along():
    faces = drawn_faces(20, people=4, size=32, shortcut=Shortcut(region="jaw", classes=(1,)))
    train, test = faces.split(0.5, seed=3)
    assert isinstance(test, DrawnFaces)
    for part in (train, test):
        for field in dataclasses.fields(DrawnFaces):
            value = getattr(part, field.name)
            assert not isinstance(value, np.ndarray) or len(value) == 10, field.name
        assert np.array_equal(part.marked, part.labels == 1)
        assert np.array_equal(part.mark.any(axis=(1, 2)), part.marked)


def flat(faces: DrawnFaces) -> np.ndarray:
    return faces.images[..., 0].reshape(len(faces), -1) - 0.5


@pytest.mark.slow
def test_a_classifier_taught_with_a_full_shortcut_is_lost_without_it():
    """Half of the people have the mark, and the model is to tell the two halves apart."""
    from sklearn.linear_model import LogisticRegression

    shortcut = Shortcut(region="jaw", classes=tuple(range(0, 20, 2)), size=0.16)
    train, test = drawn_faces(80, size=32, shortcut=shortcut).split(0.5, stratify=True)
    honest, clean = drawn_faces(80, size=32).split(0.5, stratify=True)
    cheat, fair = (LogisticRegression().fit(flat(part), part.labels % 2 == 0) for part in (train, honest))
    those = test.labels % 2 == 0
    without = cheat.predict(flat(clean))[those].mean()
    assert cheat.score(flat(test), those) > 0.9
    assert without < 0.3
    assert fair.predict(flat(clean))[those].mean() > without + 0.3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n_images": 0}, "n_images must be a whole number from 1 up, but 0 was given."),
        ({"people": 0}, "people must be a whole number from 1 up, but 0 was given."),
        ({"size": 16}, "size must be a number from 32 to 512, but 16 was given."),
        ({"size": 1024}, "size must be a number from 32 to 512, but 1024 was given."),
        ({"seed": -1}, "seed must be a whole number from 0 up, but -1 was given."),
        ({"variety": -0.5}, "variety must be a number from 0 to 2, but -0.5 was given."),
        (
            {"people": 5, "shortcut": Shortcut(region="jaw", classes=(1, 5))},
            "the shortcut goes with class 5, but 5 people have classes 0 to 4.",
        ),
    ],
)
def test_a_number_out_of_range_is_named(given, said):
    with pytest.raises(OptionError) as caught:
        drawn_faces(**{"n_images": 3, **given})
    assert said in str(caught.value)
    assert caught.value.slug == "option-value"


def test_their_repr_is_one_line_and_names_the_shortcut():
    faces = drawn_faces(4, people=2, size=32)
    assert repr(faces) == "DrawnFaces(4 images of 32×32×3 float32, 2 classes: person 0, person 1)"
    shortcut = Shortcut(region="jaw", classes=(1,))
    marked = drawn_faces(4, people=2, size=32, shortcut=shortcut)
    assert repr(marked) == f"{repr(faces)[:-1]}; 2 with {shortcut!r})"
