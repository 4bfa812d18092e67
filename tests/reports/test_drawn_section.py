"""What blame says of regions that a person drew counts as what it says of others, by their names of now."""

import dataclasses
import json
import shutil
import warnings

import pytest

import sightline as sl
from sightline.cli.repair_commands import _blamed_region, _read_region
from sightline.exports.experiment_trackers import scalar_metrics
from sightline.exports.model_card import card_markdown
from sightline.regions import polygons
from sightline.repair.repair_region import RepairRegion, resolve_region
from sightline.reports.claims import driven_by, left_unrepaired
from sightline.reports.markdown import section_lines
from sightline.reports.page import page_html
from sightline.reports.report_file import Report
from sightline.reports.saved_results import read_findings
from sightline.reports.study_summary import summarise
from sightline.studio.download_routes import summary_tables

JAW = ((0.7, 0.25), (0.7, 0.75), (1.0, 0.75), (1.0, 0.25))
HAIR = ((0.0, 0.1), (0.0, 0.9), (0.1, 0.9), (0.1, 0.1))


def draw(folder, **outlines):
    """Regions as the studio keeps them: each is tested as one of more than were drawn."""
    made = polygons({name.replace("_", " "): one for name, one in outlines.items()})
    made = dataclasses.replace(made, shapes=dataclasses.replace(made.shapes, among=102))
    made.save(folder / "drawn_regions.toml")
    return made


def keep(folder, name, found):
    (folder / f"{name}.json").write_text(json.dumps(found.to_dict()), encoding="utf-8")


@pytest.fixture(scope="module")
def known(small_study, tmp_path_factory):
    """A study, and what blame says of two regions that were drawn; not to be changed."""
    made = sl.Study(shutil.copytree(small_study.path, tmp_path_factory.mktemp("drawn") / "faces"))
    made.attach(small_study.source, small_study.model)
    drawn = draw(made.path, my_jaw=JAW, my_hair=HAIR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SightlineWarning)
        found = sl.blame(made, drawn, progress=False, margin=0)
    keep(made.path, "drawn_blame", found)
    return made, found


@pytest.fixture
def study(known, tmp_path):
    """The same study in a folder of its own, of which nothing but the drawn regions was asked."""
    made = sl.Study(shutil.copytree(known[0].path, tmp_path / "run"))
    made.attach(known[0].source, known[0].model)
    for name in ("blame", "causes"):
        (made.path / f"{name}.json").unlink()
    return made


def changed(found, **fields):
    """What blame says, with other words of the region at the head."""
    first, *others = found.regions
    return dataclasses.replace(found, regions=(dataclasses.replace(first, **fields), *others))


@pytest.mark.slow
def test_drawn_regions_have_their_rows(known):
    made, found = known
    summary = summarise(made, progress=False)
    gains = {row.name: row.gain.value for row in summary.drawn.rows}
    assert set(gains) == {"my jaw", "my hair"}
    assert gains["my jaw"] == found["my jaw"].gain
    assert "my jaw" in page_html(summary)
    assert any("my jaw" in line for line in section_lines(summary))
    again = type(summary).from_dict(summary.to_dict())
    assert again.to_dict()["drawn"] == summary.to_dict()["drawn"]


@pytest.mark.slow
def test_what_was_renamed_has_its_name_of_now_and_what_was_removed_no_row(study, known):
    draw(study.path, the_chin=JAW)
    summary = summarise(study, progress=False)
    (row,) = summary.drawn.rows
    assert (row.name, row.gain.value) == ("the chin", known[1]["my jaw"].gain)
    assert summary.verdict[1].text.startswith("the chin drives errors")
    (study.path / "drawn_regions.toml").write_text("among = 102\n")
    summary = summarise(study, progress=False)
    assert (summary.drawn.asked, summary.drawn.verdict) == (False, "This was not asked.")


def test_two_of_one_outline_keep_their_own_names(study, known):
    drawn = draw(study.path, my_jaw=JAW, same_jaw=JAW)
    first = known[1]["my jaw"]
    both = tuple(dataclasses.replace(first, region=name) for name in ("my jaw", "same jaw"))
    keep(study.path, "drawn_blame", dataclasses.replace(known[1], regions=both, areas=drawn))
    assert [row.name for row in summarise(study, progress=False).drawn.rows] == ["my jaw", "same jaw"]
    draw(study.path, same_jaw=JAW, the_chin=JAW)
    rows = summarise(study, progress=False).drawn.rows
    assert [row.name for row in rows] == ["the chin", "same jaw"]


@pytest.mark.slow
def test_a_drawn_region_that_is_confirmed_counts_as_one_of_a_template(study):
    summary, found = summarise(study, progress=False), read_findings(study, study.path, {})
    cause, repair = summary.verdict[1:]
    assert cause.text.startswith("my jaw drives errors: hiding it turns 24 of 25 wrong answers right")
    assert (cause.basis, cause.shows) == ("confirmed", "my jaw")
    assert summary.outline_of("my jaw").status == "drives errors"
    assert "--region 'my jaw' -o REPAIR" in repair.text
    assert any("drawn_regions.toml --no-whole-images --margin 0" in one for one in summary.commands)
    assert any("they are aligned" in one or "where images are aligned" in one for one in summary.limits)
    assert "my jaw drives errors" in card_markdown(summary)
    report = Report(summary)
    assert (report.knows("errors-driven"), report.fails_on("errors-driven")) == (True, True)
    assert driven_by(found) == "my jaw"
    assert (left_unrepaired(found, "nose"), left_unrepaired(found, "my jaw")) == (("my jaw",), ())
    assert _blamed_region(study.path, None, study) == ("my jaw", "")
    assert _read_region(study, study.path, "my jaw", None).names == ("my jaw",)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "said", "basis"),
    [
        ({"shifted": True}, "A shift of the scores explains the errors", "confirmed"),
        ({"failed": ("elsewhere",)}, "Why is not known: tested were 2 regions", "tested"),
    ],
    ids=["shift", "nothing"],
)
def test_a_drawn_region_that_is_not_confirmed_drives_nothing(study, known, fields, said, basis):
    keep(study.path, "drawn_blame", changed(known[1], confirmed=False, **fields))
    summary, found = summarise(study, progress=False), read_findings(study, study.path, {})
    assert summary.verdict[1].text.startswith(said)
    assert summary.verdict[1].basis == basis
    report = Report(summary)
    assert (report.knows("errors-driven"), report.fails_on("errors-driven")) == (True, False)
    assert driven_by(found) == ""
    assert left_unrepaired(found, "nose") == ()


@pytest.mark.parametrize(("most", "status"), [(0.4, "uncertain"), (0.01, "nothing")])
def test_of_a_drawn_region_it_is_said_whether_the_answers_can_tell(study, known, most, status):
    lacked = known[1].odds_lacked
    fields = {"confirmed": False, "failed": ("turns elsewhere",), "net": (0.0, most * lacked), "p": 0.2}
    found = changed(known[1], **fields)
    keep(study.path, "drawn_blame", found)
    row = summarise(study, progress=False).drawn.rows[0]
    assert (row.name, row.status) == ("my jaw", status)
    said = {
        "uncertain": ("cannot be told", "Whether my jaw drives errors cannot be told", "answers would tell."),
        "nothing": ("nothing found", "my jaw is not shown to drive errors", "95 % interval)."),
    }[status]
    assert row.status_text == said[0]
    assert row.finding.startswith(said[1])
    assert row.finding.endswith(said[2])


def test_what_is_not_acquitted_is_not_said_to_be_nothing(study, known):
    keep(study.path, "drawn_blame", changed(known[1], confirmed=False, failed=("elsewhere",)))
    row = summarise(study, progress=False).drawn.rows[0]
    assert row.finding.startswith("my jaw is not acquitted")
    assert row.status == "uncertain"


@pytest.mark.slow
def test_where_drawn_regions_could_not_be_tested_they_were_asked_all_the_same(study, known):
    few = dataclasses.replace(known[1], regions=(), lack="too few answers are wrong")
    keep(study.path, "drawn_blame", few)
    summary = summarise(study, progress=False)
    assert (summary.drawn.asked, summary.drawn.basis) == (True, "unknown")
    assert summary.verdict[1].text.startswith("Why cannot be told: too few answers are wrong")
    assert not Report(summary).knows("errors-driven")


@pytest.mark.slow
def test_what_blame_was_given_by_hand_too_is_told_once_and_by_its_name_of_now(study, known):
    keep(study.path, "blame", known[1])
    draw(study.path, the_chin=JAW, my_hair=HAIR)
    found = read_findings(study, study.path, {})
    assert [one.confirmed for one in found.blamed] == [("the chin",)]
    assert left_unrepaired(found, "nose") == ("the chin",)
    summary = summarise(study, progress=False)
    assert summary.verdict[1].text.count("the chin") == 1
    assert [one.name for one in summary.region_outlines].count("the chin") == 1
    keep(study.path, "blame", changed(known[1], confirmed=False))
    assert [one.confirmed for one in read_findings(study, study.path, {}).blamed] == [(), ("the chin",)]


def test_what_is_repaired_is_known_by_where_it_lies_and_not_by_its_name(study, known):
    """Or a report calls repaired what was drawn elsewhere later, and unrepaired what the margin covers."""
    found = read_findings(study, study.path, {})
    wide = ((0.66, 0.2), (0.66, 0.8), (1.0, 0.8), (1.0, 0.2))
    inner = ((0.72, 0.27), (0.72, 0.73), (1.0, 0.73), (1.0, 0.27))
    for name, outline, margin, left in (
        ("jaw", JAW, 0, ()),
        ("my jaw", HAIR, 0, ("my jaw",)),
        ("jaw", wide, 0, ()),
        ("jaw", inner, 0.0, ("my jaw",)),
        ("jaw", inner, 0.06, ()),
    ):
        area = RepairRegion(polygons({name: outline}), margin)
        assert left_unrepaired(found, name, area) == left, (name, margin)
    # What has no pixel at the size that is compared is known by its name: it does not end the report.
    dot = polygons({"my jaw": ((0.5, 0.5), (0.5, 0.501), (0.501, 0.501), (0.501, 0.5))})
    few = dataclasses.replace(found, drawn=dataclasses.replace(found.drawn, areas=dot))
    for name, left in (("jaw", ("my jaw",)), ("my jaw", ())):
        assert left_unrepaired(few, name, RepairRegion(polygons({name: HAIR}), 0)) == left
        assert left_unrepaired(found, name, RepairRegion(dot, 0)) == left
    template = read_findings(known[0], known[0].path, {})
    left = left_unrepaired(template, "jaw", RepairRegion(resolve_region("jaw").regions, 0))
    assert "jaw" in template.blame.confirmed
    assert "jaw" not in left


def test_beside_a_template_both_are_told_and_names_that_both_have_are_told_apart(known, tmp_path):
    made = sl.Study(shutil.copytree(known[0].path, tmp_path / "run"))
    draw(made.path, jaw=JAW, my_hair=HAIR)
    summary, found = summarise(made, progress=False), read_findings(made, made.path, {})
    assert summary.verdict[1].text.startswith("jaw (not drawn) drives errors")
    assert "Confirmed at the same place as well: jaw (drawn)." in summary.verdict[1].text
    assert {row.name for row in summary.drawn.rows} == {"jaw (drawn)", "my hair"}
    assert "jaw (not drawn)" in {row.name for row in summary.blame.rows}
    left = left_unrepaired(found, "jaw (not drawn)")
    assert "jaw (drawn)" in left
    assert "jaw (not drawn)" not in left
    assert "jaw (not drawn)" not in left_unrepaired(found, "jaw")
    for name, lower in (("jaw (drawn)", 22), ("jaw (not drawn)", None)):
        region = _read_region(made, made.path, name, None)
        assert region.names == (name,)
        rows = region.masks((32, 32))[0].any(axis=1).nonzero()[0]
        assert lower is None or rows.min() == lower
    made.verdicts.say("jaw (not drawn)", "reason")
    assert driven_by(read_findings(made, made.path, {})) == "mouth"
    made.verdicts.say("mouth", "reason")
    assert driven_by(read_findings(made, made.path, {})) == "jaw (drawn)"


@pytest.mark.slow
def test_drawn_regions_are_among_the_tables_that_are_taken_along(known):
    made, found = known
    export = sl.export(made, progress=False)
    rows = {one["region"]: one for one in export.tables["drawn"].records()}
    assert {name: one["status"] for name, one in rows.items()} == {
        "my jaw": "drives errors",
        "my hair": "nothing",
    }
    assert rows["my jaw"]["gain"] == found["my jaw"].gain
    (asked,) = [one for one in export.tables["findings"].records() if one["question"] == "drawn"]
    assert (asked["asked"], asked["basis"], asked["tested"]) == (True, "confirmed", 25)
    assert scalar_metrics(export)["sightline/drawn/my jaw/gain"] == found["my jaw"].gain
    assert "drawn" in {name for name, _ in export._drawn_results()}
    _, lines = summary_tables(export.values.summary)["drawn"]
    assert [line[0] for line in lines] == ["my jaw", "my hair"]
