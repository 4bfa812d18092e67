"""A report as a value that writes itself."""

import dataclasses
import json

import pytest

import sightline as sl
from sightline.errors import FileError, OptionError
from sightline.reports.report_file import Report, fewer_images
from sightline.reports.summary import Summary


@pytest.mark.slow
def test_a_folder_and_a_study_give_the_same(small_study):
    given, read = sl.report(small_study, progress=False), sl.report(small_study.path, progress=False)
    assert [one.text for one in given.summary.verdict] == [one.text for one in read.summary.verdict]


def test_json_holds_all_of_it(small_summary, tmp_path):
    path = Report(small_summary).save(tmp_path / "r.json")
    read = Summary.from_dict(json.loads(path.read_text(encoding="utf-8")))
    assert read.to_dict() == small_summary.to_dict()


def test_how_much_was_written_is_told(small_summary, tmp_path):
    made = Report(small_summary).write(tmp_path / "r.json")
    assert made.bytes == made.path.stat().st_size
    assert made.images == len(small_summary.images)


@pytest.mark.parametrize("share", [0.9, 0.6])
def test_a_file_never_has_more_bytes_than_it_may(small_summary, tmp_path, share):
    whole = len(Report(small_summary).text("json")[0].encode())
    most = int(share * whole)
    made = Report(small_summary, most).write(tmp_path / "r.json")
    assert made.bytes <= most
    assert 0 < made.images < len(small_summary.images)
    read = Summary.from_dict(json.loads(made.path.read_text(encoding="utf-8")))
    assert f"Of these {made.images:,} are kept" in read.sampling


@pytest.mark.slow
def test_a_small_file_has_images_too(small_study):
    text, shown = sl.report(small_study, max_bytes=300_000, progress=False).text("html")
    assert len(text.encode()) <= 300_000
    assert shown > 0


def test_fewer_images_keep_their_places(small_summary):
    made = fewer_images(small_summary, 40)
    assert len(made.images) == 40
    assert len(made.featured) == len(small_summary.featured)
    featured = {small_summary.images[one].place for one in small_summary.featured}
    assert {made.images[one].place for one in made.featured} == featured
    for number, group in enumerate(made.groups):
        assert {made.images[one].group for one in group.typical} <= {number}
    assert {one.segments for one in made.images} == set(range(len(made.label_maps)))


def test_what_cannot_be_written_is_said(small_summary, tmp_path):
    made = Report(small_summary)
    with pytest.raises(OptionError, match=r"\.html, \.json or \.md"):
        made.save(tmp_path / "r.pdf")
    with pytest.raises(FileError, match="cannot be written"):
        made.save(tmp_path / "nowhere" / "r.json")
    with pytest.raises(OptionError, match="without any image"):
        Report(small_summary, 1000).save(tmp_path / "r.json")


def test_gates(small_summary):
    made = Report(small_summary)
    assert made.knows("errors-driven")
    assert made.fails_on("errors-driven")
    assert not made.knows("harmful")
    assert not made.fails_on("harmful")
    nothing = dataclasses.replace(small_summary, blame=dataclasses.replace(small_summary.blame, rows=()))
    assert not Report(nothing).fails_on("errors-driven")


@pytest.mark.parametrize("changed", [{"explained": 0, "wrong": 0}, {"wanted": 10**6}])
def test_a_gate_knows_nothing_of_a_study_that_was_stopped(small_summary, changed):
    examined = dataclasses.replace(small_summary.examined, **changed)
    assert not Report(dataclasses.replace(small_summary, examined=examined)).knows("errors-driven")


def test_a_gate_knows_nothing_where_errors_were_too_few_to_tell(small_summary):
    lacking = {
        name: dataclasses.replace(getattr(small_summary, name), basis="unknown")
        for name in ("blame", "concepts", "causes")
    }
    assert not Report(dataclasses.replace(small_summary, **lacking)).knows("errors-driven")


def test_it_prints_its_verdict(small_summary):
    printed = repr(Report(small_summary))
    assert all(one.text in printed for one in small_summary.verdict)
    assert "observed" in printed


def test_what_is_no_study_is_refused(small_study):
    with pytest.raises(OptionError):
        sl.report(3)
    with pytest.raises(OptionError, match=r"blame of report\(\)"):
        sl.report(small_study, blame=3, progress=False)


@pytest.mark.parametrize("ending", ["html", "json", "md"])
def test_an_earlier_report_is_replaced_and_a_file_of_one_s_own_stays(small_summary, tmp_path, ending):
    report, file = Report(small_summary), tmp_path / f"report.{ending}"
    report.save(file)
    later = dataclasses.replace(small_summary, title="Another")
    assert "Another" in Report(later).save(file).read_text(encoding="utf-8")
    for mine in ("<!doctype html><title>my thesis</title>", '{"layout": 1, "mine": 2}', "## Notes of mine"):
        file.write_text(mine, encoding="utf-8")
        with pytest.raises(FileError, match="no report was written to it as it is now") as raised:
            report.save(file)
        assert raised.value.slug == "report-replace"
        assert file.read_text(encoding="utf-8") == mine
    file.write_text("", encoding="utf-8")
    assert report.write(file).bytes == file.stat().st_size


@pytest.mark.parametrize("ending", ["html", "json", "md"])
def test_a_report_that_was_written_on_stays(small_summary, tmp_path, ending):
    file = Report(small_summary).save(tmp_path / f"report.{ending}")
    written = file.read_text(encoding="utf-8")
    assert written == Report(small_summary).text(ending)[0]
    longest = max(small_summary.limits, key=len)
    for mine in (written + "Seen by me.\n", written.replace("images", "pictures", 1), longest):
        assert mine != written
        file.write_text(mine, encoding="utf-8")
        with pytest.raises(FileError, match="no report was written to it as it is now"):
            Report(small_summary).save(file)
        assert file.read_text(encoding="utf-8") == mine
    file.write_text(written, encoding="utf-8")
    assert Report(dataclasses.replace(small_summary, title="Another")).save(file) == file


def test_the_digest_in_a_report_is_no_part_of_what_it_says(small_summary, tmp_path):
    file = Report(small_summary).save(tmp_path / "report.json")
    value = json.loads(file.read_text(encoding="utf-8"))
    assert Summary.from_dict(value).to_dict() == small_summary.to_dict()
    page = Report(small_summary, max_bytes := len(Report(small_summary).text("html")[0].encode()))
    assert page.save(tmp_path / "report.html").stat().st_size <= max_bytes
