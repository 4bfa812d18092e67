"""What a report shows of concepts: the right images, the right counts, within its bytes, in every form."""

import dataclasses
import json

import numpy as np
import pytest

from sightline._language import use_language
from sightline.findings.blame_result import Blame
from sightline.regions.concept_shapes import ConceptShapes, Detector
from sightline.regions.region_set import one_region_a_piece
from sightline.regions.segment_looks import BLOCKS
from sightline.reports.concept_sheets import SHARE, make_concept_sheets, sheet_bytes
from sightline.reports.markdown import page_markdown
from sightline.reports.page import page_html
from sightline.reports.saved_results import read_findings
from sightline.reports.study_summary import summarise
from sightline.reports.summary import Claim, Summary
from support.bright import bright
from support.studies import Memory
from support.tokens import PLAN, clean_images, model, with_tokens

ANYTHING = Detector(np.zeros(sum(BLOCKS)), np.zeros(sum(BLOCKS)), 1.0)
NOTHING = Detector(np.full(sum(BLOCKS), 9.0), np.ones(sum(BLOCKS)), 0.1)


def detectors(*names, found_in=()):
    """Concepts of which the first is everywhere and the others nowhere."""
    each = (ANYTHING, *(NOTHING,) * (len(names) - 1))
    return one_region_a_piece(ConceptShapes(names, each, (1, *(0,) * (len(names) - 1)), found_in))


@pytest.fixture(scope="module")
def tokens():
    """Twelve images, the first six with a token; and where it is."""
    images, labels = clean_images(12)
    images, truth = with_tokens(images, np.arange(12) < 6)
    return Memory(model, images, labels, PLAN, class_names=("dark", "light")), truth


def blamed(found, areas, **how):
    """A blame of concepts, its numbers those of another's region."""
    rows = tuple(
        dataclasses.replace(found.regions[0], region=name, towards="Lee", confirmed=True, corrected=4.0)
        for name in areas.names
    )
    return dataclasses.replace(found, regions=rows, areas=areas, of_concepts=True, image=None, **how)


def of_tokens(areas):
    return Blame((), 9, 9, 9, None, 0.6, 0.05, 0.05, "Blur()", 900, areas=areas, of_concepts=True)


def test_examples_are_images_that_have_it_and_their_outline_is_where_it_is(tokens, small_study):
    study, truth = tokens
    areas = bright(0.95)["bright"].rename({"bright": "token"})
    row = read_findings(small_study, small_study.path, {}).blame.regions[0]
    found = dataclasses.replace(of_tokens(areas), regions=(dataclasses.replace(row, region="token"),))
    (sheet,), why = make_concept_sheets(found, study, 10**7)
    assert not why
    assert [(one.label, one.found, one.images) for one in sheet.counts] == [(0, 3, 6), (1, 3, 6)]
    assert sheet.looked == 12
    assert len(sheet.examples) == 5
    for one in sheet.examples:
        assert truth[one.place].any()
        assert one.predicted == study.predicted[one.place]
        corners = np.array([each.split(",") for each in one.outline.strip("MZ").split()], float) / 1000
        down, across = np.nonzero(truth[one.place])
        box = np.array([[across.min(), down.min()], [across.max() + 1, down.max() + 1]]) / 48
        assert np.abs([corners.min(axis=0), corners.max(axis=0)] - box).max() < 0.02


def test_a_study_of_its_own_file_shows_them_anew_and_no_others(small_study, tmp_path):
    """What `sightline audit` leaves in the folder is enough, and another's detectors are not taken for it."""
    areas = detectors("concept 1", "concept 2")
    found = blamed(read_findings(small_study, small_study.path, {}).blame, areas)
    (tmp_path / "concepts.json").write_text(json.dumps(found.to_dict()))
    areas.save(tmp_path / "concepts.toml")
    kept = read_findings(small_study, tmp_path, {}).concepts
    sheets, _ = make_concept_sheets(kept, small_study, 10**7)
    assert [(one.name, one.towards, len(one.examples)) for one in sheets] == [
        ("concept 1", 1, 5),
        ("concept 2", 0, 0),
    ]
    assert sheets[0].counts[0].label == 1
    assert all(one.found == one.images for one in sheets[0].counts)
    detectors("concept 1", "concept 2", found_in=("elsewhere",)).save(tmp_path / "concepts.toml")
    other = read_findings(small_study, tmp_path, {}).concepts
    assert other.areas is None
    sheets, why = make_concept_sheets(other, small_study, 10**7)
    assert not sheets
    assert "not in the study's folder" in why


@pytest.fixture(scope="module")
def told(small_study):
    areas = detectors("</b>concept", "lost")
    found = blamed(read_findings(small_study, small_study.path, {}).blame, areas)
    return summarise(small_study, given={"concepts": found, "blame": None}, dated=False, progress=False)


def test_they_stand_in_every_form(told):
    page, text = page_html(told), page_markdown(told)
    sheet = told.concept_sheets[0]
    for one in sheet.examples:
        assert page.count(one.image.pixels) >= 1
        assert f'd="{one.outline}"' in page
    assert "&lt;/b&gt;concept where it was found in image" in page
    assert f"Kim: {sheet.counts[1].found} of {sheet.counts[1].images}" in text
    again = Summary.from_dict(json.loads(json.dumps(told.to_dict())))
    assert again.to_dict() == told.to_dict()
    assert again.concept_sheets[0].examples[0].outline == sheet.examples[0].outline


def test_the_first_one_stands_beside_the_sentence_that_names_it(told):
    sheet = told.concept_sheets[0]
    shown = dataclasses.replace(
        told, verdict=(told.verdict[0], Claim("It misleads.", "confirmed", sheet.name))
    )
    page = page_html(shown)
    head = page[: page.index('id="examined"')]
    assert sheet.examples[0].image.pixels in head
    jaw = dataclasses.replace(told, verdict=(Claim("The jaw.", "confirmed", "jaw"),))
    page = page_html(jaw)
    assert told.outline_of("jaw").path in page[: page.index('id="examined"')]


@pytest.mark.parametrize("most", [150_000, 40_000, 2000])
def test_they_take_a_part_of_the_bytes_and_no_more(told, small_study, most):
    areas = detectors("concept 1")
    found = blamed(read_findings(small_study, small_study.path, {}).blame, areas)
    (sheet,), _ = make_concept_sheets(found, small_study, most)
    assert sheet_bytes((sheet,)) <= SHARE * most
    assert sheet.counts
    assert bool(sheet.examples) is (most > 2000)


def test_in_korean_too(told):
    with use_language("ko"):
        page = page_html(dataclasses.replace(told, language="ko"))
    assert "어떻게 생겼는가" in page
    assert "What they look like" not in page
