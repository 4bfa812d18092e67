"""The table of regions: are shares those of the answers shown, and is each row of blame its own region's?"""

import json

import numpy as np
import pytest

import sightline as sl
from sightline._region_names import DRAWN_REGIONS
from sightline.findings.blame_analysis import blame
from sightline.findings.class_strata import ClassStrata
from sightline.findings.heatmaps import region_sums
from sightline.regions import grid, load
from sightline.reports.saved_results import DRAWN_BLAME, read_blame
from sightline.studio.drawn_outline import read_outline
from sightline.studio.drawn_regions import add_region, remove_region, rename_region
from sightline.studio.region_lines import HEADS, known_regions, list_regions, table_rows
from sightline.studio.shown_answers import ShownAnswers
from support.studies import Memory

PLAN = sl.Plan(segment="grid:rows=4,columns=4", fill=sl.Colour(0.5), budget=96)
CORNER = {"cells": {"rows": 4, "columns": 4, "numbers": [0]}}
STRIP = {"points": [[0, 0], [0, 1], [0.3, 1], [0.3, 0]]}


def goes_by_the_corner(images):
    """Half by the middle, which tells the class, half by a corner that is bright in some of any class."""
    seen = 30 * (images[:, 4:8, 4:8].mean(axis=(1, 2)) - 0.5) + 12 * (
        images[:, :3, :3].mean(axis=(1, 2)) - 0.5
    )
    p = 1 / (1 + np.exp(-seen))
    return np.stack([1 - p, p], axis=1)


@pytest.fixture(scope="module")
def study():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 160)
    images = 0.5 + rng.normal(size=(160, 12, 12)) * 0.02
    images[:, 4:8, 4:8] += 0.06 * (2 * labels - 1)[:, None, None]
    images[:, :3, :3] += np.where(rng.random(160) < 0.5, 0.25, -0.25)[:, None, None]
    return Memory(goes_by_the_corner, images, labels, PLAN)


def test_shares_are_means_over_the_shown_answers_alone(study):
    shown = ShownAnswers(study)
    regions = grid(2, 2)
    rows = [row for row in study.rows() if row.place in shown.places.tolist()]
    sums = np.array(
        [region_sums(row.heat(), regions, row.place, study) / np.abs(row.values()).sum() for row in rows]
    )
    right = np.array([row.right for row in rows])
    strata = ClassStrata([row.label for row in rows], [row.predicted for row in rows]).means((4,))
    for row, one in zip(rows, sums, strict=True):
        strata.add(row.predicted, row.right, one)
    told = shown.region_shares(regions)
    assert np.allclose([one.right.value for one in told], sums[right].mean(axis=0))
    assert np.allclose([one.wrong.value for one in told], sums[~right].mean(axis=0))
    assert np.allclose([one.apart.value for one in told], strata.difference().mean)
    error = sums[right].std(axis=0, ddof=1) / np.sqrt(right.sum())
    assert np.allclose([one.right.high - one.right.value for one in told], 1.99 * error, rtol=0.02)
    assert [one.area for one in told] == [0.25] * 4
    # Asked again, and one by one, it says the same.
    assert shown.region_shares(regions["r1c2"]) == told[1:2]


def test_a_study_too_large_to_hold_is_read_again_and_says_the_same(study, monkeypatch):
    held = ShownAnswers(study).region_shares(grid(2, 2))
    monkeypatch.setattr("sightline.studio.shown_answers.MOST_BYTES", 100)
    assert repr(ShownAnswers(study).region_shares(grid(2, 2))) == repr(held)


@pytest.mark.slow
def test_a_row_of_blame_goes_with_the_pixels_and_not_with_the_name(study, tmp_path):
    shown = ShownAnswers(study)
    add_region(study, tmp_path, "corner", read_outline(study, CORNER))
    found = blame(study, load(tmp_path / DRAWN_REGIONS), margin=0, progress=False)
    (tmp_path / DRAWN_BLAME).write_text(json.dumps(found.to_dict()), encoding="utf-8")
    (line,) = list_regions(study, tmp_path, shown).lines
    read, _ = read_blame(study, tmp_path / DRAWN_BLAME)
    assert (read.areas.among, read.areas.found_in) == (found.areas.among, found.areas.found_in)
    assert line.found.status == "drives errors"
    assert line.found.p == found["corner"].p <= 0.05
    assert line.tested == found.wrong < found.errors
    rename_region(tmp_path, "corner", "patch")
    (line,) = list_regions(study, tmp_path, shown).lines
    assert (line.name, line.found.status) == ("patch", "drives errors")
    # Another one that is called as it was has nothing of it.
    remove_region(tmp_path, "patch")
    add_region(study, tmp_path, "corner", read_outline(study, STRIP))
    made = list_regions(study, tmp_path, shown)
    assert made.lines[0].found is None
    assert made.untested == 1


@pytest.mark.slow
def test_the_template_stands_below_the_drawn_with_its_own_blame(study, tmp_path):
    found = blame(study, grid(2, 2), margin=0, progress=False)
    (tmp_path / "blame.json").write_text(json.dumps(found.to_dict()), encoding="utf-8")
    add_region(study, tmp_path, "strip", read_outline(study, STRIP))
    made = list_regions(study, tmp_path, ShownAnswers(study))
    assert [(one.name, one.origin) for one in made.lines] == [
        ("strip", "drawn"),
        *((name, "template") for name in grid(2, 2)),
    ]
    assert made.lines[1].found.gain.value == pytest.approx(found["r1c1"].gain)
    rows = table_rows(made.lines)
    assert [len(row) for row in rows] == [len(HEADS)] * 5
    assert rows[0][HEADS.index("p")] is None


@pytest.mark.slow
def test_drawn_regions_that_were_blamed_by_hand_are_no_template(study, tmp_path):
    add_region(study, tmp_path, "corner", read_outline(study, CORNER))
    found = blame(study, load(tmp_path / DRAWN_REGIONS), margin=0, progress=False)
    (tmp_path / "blame.json").write_text(json.dumps(found.to_dict()), encoding="utf-8")
    for name in ("corner", "patch"):  # as it was called then, and after
        rename_region(tmp_path, "corner", name)
        (line,) = list_regions(study, tmp_path, ShownAnswers(study)).lines
        assert (line.name, line.origin, line.found.p) == (name, "drawn", found["corner"].p)
    read, _ = read_blame(study, tmp_path / "blame.json")
    again = blame(study, read.areas, margin=0, progress=False)
    assert (again["corner"].p, again.wrong) == (found["corner"].p, found.wrong)


def test_what_can_be_hidden_and_filtered_by_is_what_lies_there_now(study, tmp_path):
    grid(2, 2).save(tmp_path / "regions.toml")
    add_region(study, tmp_path, "r1c1", read_outline(study, CORNER))
    names = [name for among in known_regions(study, tmp_path) for name in among]
    assert names == ["r1c1 (not drawn)", "r1c2", "r2c1", "r2c2", "r1c1 (drawn)"]
    (tmp_path / DRAWN_REGIONS).write_text("[[")  # the page of regions says so
    assert [one.names for one in known_regions(study, tmp_path)] == [grid(2, 2).names]


def test_where_blame_could_not_tell_the_row_says_so_and_is_not_asked_again(study, tmp_path):
    few = Memory(goes_by_the_corner, study.images[:20], study.labels[:20], PLAN)
    add_region(few, tmp_path, "corner", read_outline(few, CORNER))
    found = blame(few, load(tmp_path / DRAWN_REGIONS), margin=0, progress=False)
    assert found.lack
    (tmp_path / DRAWN_BLAME).write_text(json.dumps(found.to_dict()), encoding="utf-8")
    made = list_regions(few, tmp_path, ShownAnswers(few))
    assert (made.lines[0].lack, made.lines[0].found, made.untested) == (found.lack, None, 0)
    add_region(few, tmp_path, "strip", read_outline(few, STRIP))
    assert list_regions(few, tmp_path, ShownAnswers(few)).untested == 1
