"""What a studio keeps of a study, between two requests and between two openings."""

import json
import os

import pytest

from sightline.errors import FileError
from sightline.studio import opened_study
from sightline.studio.opened_study import OpenedStudy

KEPT = "summary.en.kept"


@pytest.mark.slow
def test_a_study_that_is_opened_again_is_not_worked_out_again(studio_run, monkeypatch):
    first = OpenedStudy(studio_run, language="en").summary()
    assert (studio_run / KEPT).is_file()
    monkeypatch.setattr(opened_study, "summarise", lambda *_, **__: pytest.fail("it was worked out again"))
    second = OpenedStudy(studio_run, language="en").summary()
    assert second.to_dict() == first.to_dict()


@pytest.mark.slow
def test_another_state_is_worked_out_anew(studio_run):
    first = OpenedStudy(studio_run, language="en").summary()
    assert first.blame.asked
    kept = (studio_run / KEPT).read_bytes()
    (studio_run / "blame.json").unlink()
    second = OpenedStudy(studio_run, language="en").summary()
    assert not second.blame.asked
    assert second.confusion.counts.tolist() == first.confusion.counts.tolist()
    assert (studio_run / KEPT).read_bytes() != kept


@pytest.mark.slow
def test_a_kept_file_that_is_not_of_this_study_is_written_anew(studio_run):
    first = OpenedStudy(studio_run, language="en").summary()
    (studio_run / KEPT).write_text(json.dumps({"title": "forged"}), encoding="utf-8")
    assert OpenedStudy(studio_run, language="en").summary().to_dict() == first.to_dict()
    assert "forged" not in (studio_run / KEPT).read_text(encoding="utf-8")


@pytest.mark.slow
def test_what_a_person_says_is_read_though_the_rest_was_kept(studio_run):
    opened = OpenedStudy(studio_run, language="en")
    opened.summary()
    opened.study.verdicts.say("jaw", "shortcut", note="a mark", of="region")
    for again in (opened.summary(), OpenedStudy(studio_run, language="en").summary()):
        assert again.said_of("region", "jaw").note == "a mark"


@pytest.mark.slow
def test_a_repair_is_advised_by_what_a_person_says_now(studio_run):
    opened = OpenedStudy(studio_run, language="en")
    assert "--region jaw" in opened.summary().verdict[2].text
    opened.study.verdicts.say("jaw", "reason", of="region")
    for again in (opened.summary(), OpenedStudy(studio_run, language="en").summary()):
        assert "--region jaw" not in again.verdict[2].text
    opened.study.verdicts.say("eyes", "shortcut", of="region")
    for again in (opened.summary(), OpenedStudy(studio_run, language="en").summary()):
        assert "--region eyes" in again.verdict[2].text


def test_a_result_of_the_same_size_and_time_is_seen_to_be_another(studio_run):
    """As copies are that keep the time."""
    opened = OpenedStudy(studio_run, language="en")
    before, file = opened.state(), studio_run / "blame.json"
    told = file.stat()
    file.write_bytes(file.read_bytes())
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert file.stat().st_mtime_ns == told.st_mtime_ns
    assert opened.state() != before


@pytest.mark.slow
def test_a_file_of_verdicts_that_cannot_be_read_leaves_the_rest(studio_run):
    (studio_run / "verdicts.toml").write_text("x = [")
    made = OpenedStudy(studio_run, language="en").summary()
    assert made.said == ()
    assert any("verdicts.toml" in one for one in made.limits)


@pytest.mark.slow
def test_a_study_that_cannot_be_read_for_a_moment_is_read_the_next_time(studio_run):
    opened = OpenedStudy(studio_run, language="en")
    plan = (studio_run / "plan.toml").read_bytes()
    (studio_run / "plan.toml").write_text("x = [")
    with pytest.raises(FileError):
        opened.summary(5)
    (studio_run / "plan.toml").write_bytes(plan)
    assert opened.summary(30) is not None


@pytest.mark.slow
def test_the_verdict_is_there_before_the_maps(studio_run):
    opened = OpenedStudy(studio_run, language="en")
    early = opened.early_summary(60)
    made = opened.summary()
    assert [one.text for one in early.verdict] == [one.text for one in made.verdict]
    assert not early.atlas
    assert made.atlas
    # A summary that was kept is there at once, and nothing is told before it.
    again = OpenedStudy(studio_run, language="en")
    again.summary()
    assert again.early_summary(0) is None


@pytest.mark.slow
def test_the_study_that_is_browsed_is_the_one_that_is_summarised(studio_run):
    opened = OpenedStudy(studio_run, language="en")
    opened.summary()
    assert opened.browsed().study is opened.study
    (studio_run / "blame.json").unlink()
    opened.summary()
    assert opened.browsed().study is opened.study
