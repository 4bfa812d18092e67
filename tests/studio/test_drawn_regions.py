"""drawn regions: does what a person draws become what blame tests, and never more than that?"""

import dataclasses
import math

import numpy as np
import pytest

import sightline as sl
from sightline._region_names import DRAWN_REGIONS
from sightline.errors import FileError, SegmentError
from sightline.findings.blame_analysis import blame
from sightline.regions import grid, load, polygons
from sightline.regions.region_set import one_region_a_piece
from sightline.regions.shapes import PolygonShapes, polygon_mask
from sightline.studio.drawn_outline import mask_outline, read_outline
from sightline.studio.drawn_regions import (
    AREAS,
    add_region,
    describe_overlaps,
    read_drawn,
    remove_region,
    rename_region,
    shown_while_drawing,
)
from support.studies import Answered, Memory

SIDE = 12
LEFT = [[0.0, 0.0], [0.0, 0.5], [1.0, 0.5], [1.0, 0.0]]
UPPER = [[0, 0], [0, 1], [0.5, 1], [0.5, 0]]


def by_the_left(images):
    p = np.clip(images[:, :, : SIDE // 2].mean(axis=(1, 2)), 0, 1)
    return np.stack([1 - p, p], axis=1)


@pytest.fixture(scope="module")
def study():
    images = np.random.default_rng(0).random((20, SIDE, SIDE))
    plan = sl.Plan(segment="grid:rows=4,columns=4", fill=sl.Colour(0.5), budget=96)
    return Memory(by_the_left, images, np.arange(20) % 2, plan)


def mask_of(study, body):
    return polygon_mask(read_outline(study, body), (SIDE, SIDE))


def test_what_is_painted_becomes_one_polygon_of_the_same_pixels(rng):
    for _ in range(60):
        mask = rng.random(rng.integers(1, 10, 2)) < rng.random()
        if mask.any():
            outline = mask_outline(mask)
            assert (polygon_mask(outline, mask.shape) == mask).all()
            # At three times the size each pixel is nine.
            fine = tuple(3 * side for side in mask.shape)
            assert (polygon_mask(outline, fine) == np.kron(mask, np.ones((3, 3), bool))).all()


def test_a_ring_keeps_its_hole_and_two_dots_stay_two():
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    assert (polygon_mask(mask_outline(ring), (5, 5)) == ring).all()
    dots = np.zeros((4, 4), bool)
    dots[0, 0] = dots[3, 3] = dots[1, 1] = True  # two of which touch at a corner
    assert (polygon_mask(mask_outline(dots), (4, 4)) == dots).all()


def test_each_way_of_drawing_the_left_half_gives_the_same_pixels(study):
    left = np.zeros((SIDE, SIDE), bool)
    left[:, : SIDE // 2] = True
    ways = [
        {"points": LEFT},
        {"mask": {"rows": 2, "columns": 2, "runs": [0, 1, 1, 1, 1]}},
        {"cells": {"rows": 1, "columns": 2, "numbers": [0]}},
        {"segments": {"place": 3, "numbers": [0, 1, 4, 5, 8, 9, 12, 13]}},
    ]
    for body in ways:
        assert (mask_of(study, body) == left).all(), body


WRONG = [
    {},
    {"points": LEFT, "cells": {}},
    {"points": "abc"},
    {"points": LEFT[:2]},
    {"points": [[0, 0], [0, 1], [0, "1"]]},
    {"points": [[0, 0], [0, 1], [0.5, math.nan]]},
    {"points": [[0, 0], [0, 1], [0.5, math.inf]]},
    {"points": [[0, 0], [0, 1], [0.5, 1.01]]},
    {"points": [[0, 0], [0, 1], [0.5, True]]},
    {"points": [[0, 0], [0, 1], [0.5]]},
    {"points": [[0.1, 0.1], [0.1, 0.1], [0.1, 0.1]]},
    {"points": [[0.01, 0.01], [0.01, 0.02], [0.02, 0.02]]},
    {"points": [[0, 0], [0, 1], [1, 1], [1, 0]]},
    {"points": [[0.5, 0.5]] * 1001},
    {"mask": []},
    {"mask": {"rows": 2, "columns": 2}},
    {"mask": {"rows": 2, "columns": 2, "runs": [4]}},
    {"mask": {"rows": 2, "columns": 2, "runs": [0, 4]}},
    {"mask": {"rows": 2, "columns": 2, "runs": [1, 1]}},
    {"mask": {"rows": 2, "columns": 2, "runs": [-1, 5]}},
    {"mask": {"rows": 2.5, "columns": 2, "runs": [1, 4]}},
    {"mask": {"rows": 10**6, "columns": 10**6, "runs": [1, 10**12 - 1]}},
    {"cells": {"rows": 2, "columns": 2, "numbers": []}},
    {"cells": {"rows": 2, "columns": 2, "numbers": [4]}},
    {"cells": {"rows": 2, "columns": 2, "numbers": [0, 1, 2, 3]}},
    {"cells": {"rows": 2, "columns": 2, "numbers": ["0"]}},
    {"segments": {"place": 99, "numbers": [0]}},
    {"segments": {"place": "0", "numbers": [0]}},
    {"segments": {"place": [0], "numbers": [0]}},
    {"segments": {"place": 0, "numbers": [16]}},
    {"segments": 3},
]


@pytest.mark.parametrize("body", WRONG)
def test_what_is_no_region_is_refused_in_words(study, body):
    with pytest.raises(SegmentError) as refused:
        read_outline(study, body)
    assert refused.value.slug == "regions-drawn"


def test_regions_are_kept_renamed_and_removed_and_all_that_were_drawn_count(study, tmp_path):
    add_region(study, tmp_path, " left half ", read_outline(study, {"points": LEFT}), ["jaw"])
    add_region(study, tmp_path, "top", read_outline(study, {"points": UPPER}))
    kept = read_drawn(tmp_path)
    assert kept.names == ("left half", "top")
    assert kept.among == AREAS + 2
    assert load(tmp_path / DRAWN_REGIONS).among == AREAS + 2
    assert load(tmp_path / DRAWN_REGIONS).found_in == tuple(
        np.array(study.ids)[shown_while_drawing(study.ids)]
    )
    assert rename_region(tmp_path, "top", "sky").names == ("left half", "sky")
    assert read_drawn(tmp_path).drawn == 2
    assert (polygon_mask(read_drawn(tmp_path).outline("sky"), (4, 4))[:2]).all()
    remove_region(tmp_path, "sky")
    left = remove_region(tmp_path, "left half")
    assert (left.regions, left.drawn) == (None, 2)
    assert repr(read_drawn(tmp_path)) == repr(left)
    again = add_region(study, tmp_path, "sky", read_outline(study, {"points": UPPER}))
    assert (again.names, again.among) == (("sky",), AREAS + 3)


@pytest.mark.parametrize(
    "name",
    [
        *("", "  ", "a\nb", "a\x1b[31mb", "x" * 61, "a,b", None, 3, ["a"], "jaw", "left"),
        *("--trust", "-x", " --all", "brightness", "a + b", "jaw (drawn)", "jaw (not drawn)"),
    ],
)
def test_names_that_no_table_could_tell_are_refused(study, tmp_path, name):
    add_region(study, tmp_path, "left", read_outline(study, {"points": LEFT}))
    with pytest.raises(SegmentError):
        add_region(study, tmp_path, name, read_outline(study, {"points": UPPER}), ["jaw"])
    with pytest.raises(SegmentError):
        rename_region(tmp_path, "left", name if name != "left" else "jaw", ["jaw"])
    assert read_drawn(tmp_path).names == ("left",)


def test_the_same_pixels_are_not_drawn_twice_and_overlaps_are_said(study, tmp_path):
    left = read_outline(study, {"points": LEFT})
    drawn = add_region(study, tmp_path, "left", left)
    with pytest.raises(SegmentError, match="covers the same pixels"):
        add_region(
            study,
            tmp_path,
            "also left",
            read_outline(study, {"cells": {"rows": 1, "columns": 2, "numbers": [0]}}),
        )
    others = {"left": drawn.outline("left")}
    (said,) = describe_overlaps(study, read_outline(study, {"points": UPPER}), others)
    assert said.startswith("It has 50% of the smaller one's area in common with left")
    assert (
        describe_overlaps(
            study, read_outline(study, {"cells": {"rows": 1, "columns": 2, "numbers": [1]}}), others
        )
        == []
    )


@pytest.mark.parametrize(
    "text",
    [
        "[polygons]\na = [[0, 0], [0, 1], [1, 1]]\n",
        "among = 'x'\n",
        "among = 5\n",
        "[[",
        "among = 101\nexclusive = true\n[polygons]\na = [[0, 0], [0, 1], [1, 1]]\n",
    ],
)
def test_a_file_that_is_not_the_studios_is_refused_and_not_written_over(study, tmp_path, text):
    file = tmp_path / DRAWN_REGIONS
    file.write_text(text)
    with pytest.raises(FileError):
        add_region(study, tmp_path, "left", read_outline(study, {"points": LEFT}))
    assert file.read_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "found_in = 5\namong = 101\n",
        "found_in = [1, 2]\namong = 101\n",
        "found_in = {a = 1}\namong = 101\n",
        f"found_in = {'[' * 3000}{']' * 3000}\namong = 101\n",
        f"among = 101\n[polygons]\nbar = {'[' * 3000}{']' * 3000}\n",
        "found_in = 5\namong = 101\n[polygons]\nbar = [[0, 0], [0, 1], [1, 1]]\n",
    ],
)
def test_a_damaged_file_is_refused_in_words(tmp_path, text):
    (tmp_path / DRAWN_REGIONS).write_text(text)
    with pytest.raises(FileError) as refused:
        read_drawn(tmp_path)
    assert refused.value.slug == "regions-file"


def test_two_regions_of_one_outline_are_refused_in_words(tmp_path):
    made = polygons({"left": LEFT, "again": LEFT})
    made = dataclasses.replace(made, shapes=dataclasses.replace(made.shapes, among=AREAS + 2))
    made.save(tmp_path / DRAWN_REGIONS)
    with pytest.raises(FileError, match="holds 'left' and 'again' of one outline"):
        read_drawn(tmp_path)


def test_an_image_is_on_the_same_side_however_the_study_grows():
    ids = [f"faces/{number}.png" for number in range(400)]
    sides = shown_while_drawing(ids)
    assert (shown_while_drawing(ids[::-1])[::-1] == sides).all()
    assert 160 < sides.sum() < 240


# ---- Blame of what was drawn.


def cells(images):
    return images.reshape(len(images), 6, 2, 6, 2).mean(axis=(2, 4)).reshape(len(images), 36) - 0.5


def fair(images):
    """Weighs 36 cells as well as can be done: what errs is chance, and no cell's fault."""
    p = 1 / (1 + np.exp(-cells(images) @ np.full(36, 9.6)))
    return np.stack([1 - p, p], axis=1)


def chance_errors(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 500)
    bright = (2 * labels[:, None] - 1) * 0.012 + rng.normal(size=(500, 36)) * 0.05
    images = (0.5 + bright).reshape(-1, 6, 6).repeat(2, axis=1).repeat(2, axis=2)
    plan = sl.Plan(segment="grid:rows=6,columns=6", fill=sl.Colour(0.5), budget=32)
    return Answered(fair, images, labels, plan)


def drawn_as(study, mask, **chosen):
    shapes = PolygonShapes(("drawn",), ((mask_outline(mask),),), **chosen)
    how = {"margin": 0, "fill": sl.Colour(0.5), "progress": False}
    return blame(study, one_region_a_piece(shapes), **how)


def ids_shown(study):
    return tuple(np.array(study.ids, dtype=object)[shown_while_drawing(study.ids)])


def brightest(study):
    """The six cells that speak most for the wrong class in all wrong answers, as a map of them would show."""
    wrong, sign = study.labels != study.predicted, 1 - 2 * study.labels
    speaks = cells(study.images) * sign[:, None]
    mask = np.zeros(36, bool)
    mask[np.argsort(-(speaks[wrong].mean(axis=0) + speaks[~wrong].mean(axis=0)))[:6]] = True
    return mask.reshape(6, 6)


@pytest.mark.slow
def test_blame_of_a_drawn_region_asks_the_other_half_and_allows_for_all_that_could_be_drawn():
    study = chance_errors(1)
    mask, shown = brightest(study), ids_shown(study)
    as_if_fixed, halved, drawn = (
        drawn_as(study, mask),
        drawn_as(study, mask, found_in=shown),
        drawn_as(study, mask, found_in=shown, among=AREAS + 1),
    )
    others = int((study.labels != study.predicted)[~shown_while_drawing(study.ids)].sum())
    assert as_if_fixed.confirmed == ("drawn",)  # which is false: it was chosen by these very answers
    assert (halved.wrong, drawn.wrong) == (others, others)
    assert drawn["drawn"].p == pytest.approx(min(1, (AREAS + 1) * halved["drawn"].p))
    assert drawn.confirmed == ()
    assert "each as one of 101 regions" in drawn.heading


@pytest.mark.slow
def test_where_nothing_misleads_what_is_drawn_over_a_map_of_all_answers_is_not_confirmed():
    counts = np.zeros(2, int)
    for seed in range(5):
        study = chance_errors(seed)
        mask = brightest(study)
        drawn = drawn_as(study, mask, found_in=ids_shown(study), among=AREAS + 1)
        counts += [len(drawn_as(study, mask).confirmed), len(drawn.confirmed)]
    assert counts[0] >= 2  # as if it had been fixed before: false alarms
    assert counts[1] == 0


@pytest.mark.slow
def test_a_mark_that_misleads_is_confirmed_though_a_person_drew_its_region():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 400)
    bright = rng.normal(size=(400, 36)) * 0.02 + (2 * labels[:, None] - 1) * 0.01
    marked = rng.random(400) < 0.5
    bright[:, :2] = np.where(marked, 0.2, -0.2)[:, None]  # in half of them, whatever the label is
    images = (0.5 + bright).reshape(-1, 6, 6).repeat(2, axis=1).repeat(2, axis=2)
    plan = sl.Plan(segment="grid:rows=6,columns=6", fill=sl.Colour(0.5), budget=32)
    study = Answered(fair, images, labels, plan)
    mask = np.zeros((6, 6), bool)
    mask[0, :2] = True
    drawn = drawn_as(study, mask, found_in=ids_shown(study), among=AREAS + 40)
    assert drawn.confirmed == ("drawn",)
    assert drawn["drawn"].p <= 0.05


def test_regions_that_were_fixed_before_count_as_they_did():
    assert grid(2, 2).among == 0
    assert grid(2, 2).found_in == ()
