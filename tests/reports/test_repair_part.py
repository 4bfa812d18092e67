"""What a report says of a repair, from its folder, its result or its proof."""

import json

import numpy as np
import pytest

import sightline as sl
from sightline._json import from_jsonable
from sightline._language import use_language
from sightline.errors import FileError, OptionError
from sightline.findings.blame_result import Blame
from sightline.proof.verdict import RULES
from sightline.reports.repair_part import make_repair, shown_class
from sightline.reports.saved_results import read_proof
from sightline.reports.study_summary import summarise
from sightline.study import Study
from support.summaries import small_repair


@pytest.fixture(scope="module")
def repaired(small_study, tmp_path_factory):
    return small_repair(small_study, tmp_path_factory.mktemp("repair") / "fixed")


@pytest.fixture(scope="module")
def summary(small_study, repaired):
    return summarise(small_study, repaired=repaired, dated=False, progress=False)


def test_it_says_what_the_proof_says(repaired, summary):
    found = json.loads((repaired / "proof.json").read_text())
    told = summary.repair
    assert (told.region, told.verdict, told.rule) == ("jaw", found["verdict"], found["rule"])
    assert list(told.sentences) == found["sentences"]
    for one, said in zip(told.measures, found["measures"], strict=True):
        assert (one.name, one.kind, one.count) == (said["name"], said["kind"], said["count"])
        assert (one.before.value, one.after.value) == (said["before"], said["after"])
        assert one.change.value == pytest.approx(said["change"])
        assert one.change.low == said["low"] or (np.isnan(one.change.low) and said["low"] is None)
    assert summary.verdict[2].text.startswith(told.headline)
    accuracy = told.measures[0]
    assert (
        f"{accuracy.before.value:.1%} were right before and {accuracy.after.value:.1%}"
        in summary.verdict[2].text
    )


def test_maps_before_and_after_are_means_on_one_scale(repaired, summary):
    before, after = summary.repair.maps
    assert (before.kind, after.kind) == ("before", "after")
    assert before.limit == after.limit >= max(np.abs(before.values).max(), np.abs(after.values).max()) * 0.99
    assert before.image is not None
    assert before.overlay is not None
    for one, folder in ((before, repaired / "before"), (after, repaired)):
        study = Study(folder)
        mean = np.mean([row.heat() for row in study.rows()], axis=0)
        np.testing.assert_allclose(one.values, mean, rtol=6e-3, atol=1e-6)
        assert one.count == len(study)


def test_examples_are_answers_that_changed(repaired, summary):
    assert 0 < len(summary.repair.examples) <= 6
    before, after = Study(repaired / "before"), Study(repaired)
    for one in summary.repair.examples:
        place = one.before.place
        assert (one.before.predicted, one.after.predicted) == (
            before.row(place).predicted,
            after.row(place).predicted,
        )
        assert one.before.right != one.after.right
        assert one.before.overlay is not None
        assert one.after.overlay is not None
        assert one.said_before != one.said_after


def test_the_commands_repeat_it(summary, repaired):
    assert any(one.startswith("sightline repair") and "--region jaw" in one for one in summary.commands)
    assert any(one.startswith("sightline proof") and str(repaired) in one for one in summary.commands)


@pytest.mark.slow
def test_a_repair_without_a_proof_says_how_to_prove_it(small_study, repaired, tmp_path):
    for name in ("repair.toml", "region.toml"):
        (tmp_path / name).write_bytes((repaired / name).read_bytes())
    told = summarise(small_study, repaired=tmp_path, dated=False, progress=False)
    assert told.repair.verdict == ""
    assert "sightline proof" in told.repair.how
    assert told.verdict[2].basis == "unknown"
    assert "not proved yet" in told.verdict[2].text
    assert any("not proved" in one for one in told.limits)


@pytest.mark.slow
def test_a_damaged_proof_is_said_to_be(small_study, repaired, tmp_path):
    for name in ("repair.toml", "region.toml"):
        (tmp_path / name).write_bytes((repaired / name).read_bytes())
    (tmp_path / "proof.json").write_text('{"region": 3}')
    told = summarise(small_study, repaired=tmp_path, dated=False, progress=False)
    assert told.repair.verdict == ""
    assert any("proof.json is left aside" in one for one in told.limits)


def test_a_proof_that_is_at_hand_needs_no_folder(small_study):
    proof = sl.prove(
        *(small_study.model, small_study.model, small_study.held_out),
        region=sl.regions.face()["jaw"],
        explained=4,
        study=small_study,
        progress=False,
    )
    told = make_repair(small_study, proof, None, "RUN")
    assert told.verdict == proof.verdict
    assert [one.kind for one in told.maps] == ["before", "after"]
    assert told.folder == ""


def test_what_is_no_repair_is_refused(small_study, tmp_path):
    with pytest.raises(FileError, match="no repair"):
        make_repair(small_study, tmp_path, None, "RUN")
    with pytest.raises(OptionError, match="repaired must be"):
        make_repair(small_study, 3, None, "RUN")


def copied(repaired, folder, **changed):
    """A copy of a repair's folder without its studies, and with other entries in its proof, which fit."""
    folder.mkdir()
    for name in ("repair.toml", "region.toml", "seen.txt"):
        (folder / name).write_bytes((repaired / name).read_bytes())
    found = json.loads((repaired / "proof.json").read_text())
    if changed.get("verdict") in RULES:
        changed = {"rule": RULES[changed["verdict"]][0], **changed}
        found["tests"]["accuracy"] = 0.001
    (folder / "proof.json").write_text(json.dumps({**found, **changed}))
    return folder


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, ""),
        ({"verdict": "repaired"}, ""),
        ({"verdict": "repaired", "rule": RULES["no effect"][0]}, "its rule says 'no effect'"),
        ({"verdict": "no effect", "rule": RULES["harmful"][0]}, "its rule says 'harmful'"),
        ({"verdict": "repaired", "level": 0.0001}, "not surely higher"),
        ({"images": -5}, "does not add up"),
        ({"corrected": 10**6}, "does not add up"),
        ({"right": [0, 10**6]}, "does not add up"),
        ({"level": -1.0}, "a chance is none"),
    ],
    ids=[
        "as it is",
        "by a rule",
        "rule",
        "other rule",
        "not higher",
        "images",
        "corrected",
        "right",
        "level",
    ],
)
def test_a_proof_that_no_proof_can_have_come_to_is_left_aside(repaired, tmp_path, changed, why):
    proof, _, told = read_proof(copied(repaired, tmp_path / "r", **changed) / "proof.json")
    assert (proof is None) is bool(why)
    assert why in told
    assert ("proof.json is left aside" in told) is bool(why)


def told_of(study, folder, **how):
    return sl.report(study, repaired=folder, progress=False, **how)


def blame_of(study, *confirmed):
    """The blame of a study, as if just these regions had been confirmed."""
    found = json.loads((study.path / "blame.json").read_text())
    for one in found["regions"]:
        one.update(
            confirmed=one["region"] in confirmed,
            corrected=3.0,
            control_corrected=0.0,
            broken=0.0,
            control_broken=0.0,
        )
    return from_jsonable(Blame, found, leave_out=("areas", "image"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        {"region": "eyes", "repair": ""},
        {"method": "Guard(region='jaw')", "repair": ""},
        {"repair": "made again since"},
        {"verdict": "splendid"},
        {"level": 10**400},
        {"rule": "\ud800"},
    ],
    ids=["region", "method", "made again", "verdict", "number", "half a letter"],
)
def test_a_proof_of_another_repair_is_left_aside(small_study, repaired, tmp_path, changed):
    made = told_of(small_study, copied(repaired, tmp_path / "r", **{"verdict": "repaired", **changed}))
    assert made.summary.repair.verdict == ""
    assert made.summary.verdict[2].basis == "unknown"
    assert any("left aside" in one for one in made.summary.limits)
    assert made.fails_on("errors-driven")


@pytest.mark.slow
def test_a_proof_at_hand_of_another_repair_is_left_aside(small_study, repaired):
    proof = sl.prove(
        *(small_study.model, small_study.model, small_study.held_out),
        region=sl.regions.face()["eyes"],
        explained=0,
        progress=False,
    )
    assert told_of(small_study, repaired, proof=proof).summary.repair.verdict == ""


@pytest.mark.slow
def test_a_repair_of_another_model_proves_nothing_of_this_one(small_study, repaired, tmp_path):
    folder = copied(repaired, tmp_path / "r", verdict="repaired")
    whole = (folder / "repair.toml").read_text()
    (folder / "repair.toml").write_text(whole.replace('original = ""', 'original = "other.py:model"'))
    made = told_of(small_study, folder)
    assert made.summary.repair.of_study is False
    assert made.summary.verdict[2].basis == "unknown"
    assert "another model" in made.summary.verdict[2].text
    assert not made.knows("harmful")
    assert made.fails_on("errors-driven")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verdict", "basis"), [("repaired", "proved"), ("harmful", "proved"), ("no effect", "tested")]
)
def test_what_a_verdict_rests_on(small_study, repaired, tmp_path, verdict, basis):
    folder = copied(repaired, tmp_path / "r", verdict=verdict)
    made = told_of(small_study, folder, blame=blame_of(small_study, "jaw"))
    assert made.summary.verdict[2].basis == basis
    assert made.fails_on("errors-driven") == (verdict != "repaired")
    assert made.fails_on("harmful") == (verdict == "harmful")


@pytest.mark.slow
def test_only_a_repair_of_all_that_was_confirmed_lets_a_gate_pass(small_study, repaired, tmp_path):
    blame = blame_of(small_study, "jaw", "eyes")
    made = told_of(small_study, copied(repaired, tmp_path / "r", verdict="repaired"), blame=blame)
    assert made.summary.repair.leaves == ("eyes",)
    assert "Not repaired, though confirmed as well: eyes." in made.summary.verdict[2].text
    assert made.fails_on("errors-driven")


def test_a_class_without_a_name_is_called_in_the_readers_language():
    assert [shown_class(one, ("cat",)) for one in (0, 3, -1)] == ["cat", "class 3", "class -1"]
    with use_language("ko"):
        told = shown_class(3, None)
    assert "3" in told
    assert "class" not in told
