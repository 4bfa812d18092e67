"""Templates: they fit the images that they are made for, and name the places where marks are planted."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from sightline import regions as sr
from sightline.data import REGIONS, Shortcut, drawn_faces, olivetti, plant_mark
from sightline.data.shortcuts import CORNERS, FACE
from sightline.regions import templates

TEMPLATES = {
    "face": sr.face(),
    "face, sides": sr.face(sides=True),
    "head": sr.face(cut="head"),
    "head, sides": sr.face(sides=True, cut="head"),
    "chest": sr.chest(),
    "chest, sides": sr.chest(sides=True),
}
NAMES = ("hair", "forehead", "eyes", "nose", "cheeks", "mouth", "jaw", "background")


def holding(regions, place, side=64):
    """Names of the regions that have the pixel of a place in shares."""
    down, across = (min(int(share * side), side - 1) for share in place)
    return [
        name for name, mask in zip(regions, regions.masks((side, side)), strict=True) if mask[down, across]
    ]


def sided(name):
    return {"left eye": "eyes", "right eye": "eyes", "left cheek": "cheeks", "right cheek": "cheeks"}.get(
        name, name
    )


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("shape", [(28, 28), (64, 64), (224, 224), (96, 80)])
def test_every_pixel_belongs_to_one_region(name, shape):
    assert (TEMPLATES[name].masks(shape).sum(axis=0) == 1).all()


def test_the_names_are_those_that_the_words_promise():
    assert sr.face().names == sr.face(cut="head").names == NAMES
    assert set(FACE) < set(sr.face(sides=True))
    assert set(CORNERS) < set(sr.chest(sides=True))
    assert {"left lung", "right lung", "heart", "shoulders", "corners", "border"} < set(sr.chest())


@pytest.mark.parametrize("name", FACE)
def test_a_mark_in_a_face_cut_close_lies_in_the_region_of_its_name(name):
    assert holding(sr.face(sides=True), FACE[name]) == [name]
    assert holding(sr.face(), FACE[name]) == [sided(name)]
    _, (mark,) = plant_mark(np.zeros((1, 64, 64, 1)), np.array([True]), name)
    assert (mark & sr.face(sides=True)[name].masks((64, 64))[0]).sum() > 0.8 * mark.sum()


@pytest.mark.slow
@pytest.mark.parametrize("name", FACE)
def test_a_mark_in_drawn_faces_lies_mostly_in_the_region_of_its_name(name):
    faces = drawn_faces(100, people=1, shortcut=Shortcut(region=name, classes=(0,)))
    regions = sr.face(cut="head", sides=True)
    held = (faces.mark[:, np.newaxis] & regions.masks((64, 64))).sum(axis=(0, 2, 3)) / faces.mark.sum()
    assert regions.names[int(held.argmax())] == name
    assert held.max() > 0.5


@pytest.mark.parametrize("side", [28, 64, 224])
@pytest.mark.parametrize("name", CORNERS)
def test_a_token_in_a_corner_lies_in_that_corner(name, side):
    _, (mark,) = plant_mark(np.zeros((1, side, side, 1)), np.array([True]), name)
    corner = sr.chest(sides=True)[name].masks((side, side))[0]
    assert (corner | ~mark).all()
    assert (corner <= sr.chest()["corners"].masks((side, side))[0]).all()


def test_left_is_the_images_in_a_face_and_the_patients_in_a_chest():
    def across(regions, name):
        return np.argwhere(regions[name].masks((64, 64))[0])[:, 1].mean()

    for face in (sr.face(sides=True), sr.face(sides=True, cut="head")):
        assert across(face, "left eye") < 32 < across(face, "right eye")
        assert across(face, "left cheek") < 32 < across(face, "right cheek")
    chest = sr.chest(sides=True)
    assert across(chest, "right lung") < 32 < across(chest, "left lung")
    assert across(chest, "right shoulder") < 32 < across(chest, "left shoulder")
    assert across(chest, "corner top-left") < 32 < across(chest, "corner top-right")
    assert across(chest, "heart") > 32, "the heart lies on the patient's left"


@pytest.mark.slow
def test_the_regions_of_heads_fit_what_drawn_faces_show():
    faces = drawn_faces(200)
    pairs = {"hair": "hair", "forehead": "forehead", "nose": "nose", "background": "background"}
    regions = sr.face(cut="head")
    for name, part in pairs.items():
        inside = faces.parts[part][:, regions[name].masks((64, 64))[0]].mean()
        assert inside > 3 * faces.parts[part].mean() or inside > 0.75, name
    whole = {"eyes": "eyes", "mouth": "mouth", "jaw": "jaw", **pairs}
    for part, name in whole.items():
        shown = faces.parts[part].sum(axis=0)
        held = [shown[mask].sum() for mask in regions.masks((64, 64))]
        assert regions.names[int(np.argmax(held))] == name, part


def test_the_regions_of_faces_fit_the_mean_of_the_olivetti_faces(shared_data):
    mean = olivetti(data_home=shared_data / "sklearn", download=False).images.mean(axis=(0, 3))
    faces = sr.face()

    def light(name):
        return mean[faces[name].masks((64, 64))[0]].mean()

    assert light("forehead") > light("eyes")
    assert light("cheeks") > light("mouth")
    assert min(light(name) for name in NAMES) == light("background")
    darkest = np.unravel_index(mean[10:24, 8:56].argmin(), (14, 48))
    assert holding(faces, ((darkest[0] + 10) / 64, (darkest[1] + 8) / 64)) == ["eyes"]


def test_the_regions_of_chests_fit_the_mean_of_real_x_rays(shared_data):
    with np.load(shared_data / "pneumoniamnist.npz") as kept:
        images, labels = kept["train_images"], kept["train_labels"][:, 0]
    regions = sr.chest(sides=True)
    for mean in (images.mean(axis=0), images[labels == 0].mean(axis=0)):
        light = {name: mean[mask].mean() for name, mask in zip(regions, regions.masks((28, 28)), strict=True)}
        # Air is dark in an X-ray, and what lets little through is bright.
        for lung in ("left lung", "right lung"):
            assert light[lung] < min(light["heart"], light["mediastinum"], light["abdomen"]) - 20
        assert light["corner top-left"] < light["right shoulder"]
        assert light["corner top-right"] < light["left shoulder"]


def test_the_templates_are_packaged_and_say_what_they_are():
    folder = Path(templates.__file__).parent / "template_files"
    found = sorted(path.stem for path in folder.glob("*.toml"))
    assert found == ["chest", "face", "head"]
    for path in folder.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# Regions of a frontal ")
        assert "Left and right" in text
        assert tomllib.loads(text)["exclusive"] is True


def test_every_place_of_a_mark_is_in_some_template():
    assert set(REGIONS) <= {*sr.face(sides=True), *sr.chest(sides=True)}
