"""Every finding as tables: each number is the result's own."""

import dataclasses
import math

import numpy as np
import pytest

import sightline as sl
from sightline.data import multi_label
from sightline.exports.study_tables import list_tables
from sightline.reports.study_summary import summarise
from sightline.study import Study
from support.exported import NAMES, PLAN, odd_data, odd_study, thirds

TABLES = {
    *("study", "verdict", "findings", "limits", "answers", "evaluation", "confusion", "atlas", "groups"),
    *(
        "person_verdicts",
        "blame",
        "drawn",
        "concepts",
        "causes",
        "links",
        "slices",
        "slice_blame",
        "proof",
        "detections",
        "facts",
    ),
}


@pytest.fixture(scope="module")
def told(odd, made):
    """A study of classes whose names could do harm, and its tables."""
    return odd, made.tables


@pytest.fixture(scope="module")
def asked(small_study):
    """Tables of a study that blame and causes were asked of."""
    return sl.export(small_study, progress=False).tables


def test_every_table_is_there_whatever_was_asked(told, asked):
    assert set(told[1]) == TABLES
    heads = [
        {name: [(column.name, column.kind) for column in one.columns] for name, one in tables.items()}
        for tables in (told[1], asked)
    ]
    assert heads[0] == heads[1]


def test_answers_are_the_study_s(told):
    study, tables = told
    answers = tables["answers"]
    assert answers.column("place") == tuple(study.places.tolist())
    assert answers.column("label") == tuple(study.labels.tolist())
    assert answers.column("predicted_name") == tuple(NAMES[one] for one in study.predicted.tolist())
    assert answers.column("right") == tuple((study.labels == study.predicted).tolist())
    for one, row in zip(answers.records(), study.rows(), strict=True):
        assert one["score"] == row.full[0]
        assert one["label_score"] == row.full[row.targets.index(row.label)]
        assert one["hidden"] == row.empty[0]
        assert one["fit"] == row.attribution.fit[0] or math.isnan(one["fit"])
        assert one["calls"] == row.attribution.calls
        assert one["failure"] is None


def test_groups_of_answers_are_those_of_the_groups(small_study, asked):
    groups, answers = asked["groups"], asked["answers"]
    seen = sl.atlas(small_study, progress=False).groups
    counted = [sum(one == number for one in answers.column("group")) for number in groups.column("group")]
    assert counted == list(groups.column("images")) == [one.count for one in seen]
    assert groups.column("pairs")[0] == tuple(name for name, _ in seen[0].pairs)
    assert groups.column("typical")[0] == tuple(seen[0].places.tolist())
    wrong = [one["group"] is not None for one in answers.records() if not one["right"]]
    assert all(wrong)


def test_measures_and_confusion_are_the_report_s_and_of_all_classes(told):
    study, tables = told
    summary = summarise(study, with_images=False, progress=False)
    measured = list(tables["evaluation"].records())
    assert [one["value"] for one in measured] == [one.after.value for one in summary.measures]
    assert [one["low"] for one in measured] == [one.after.low for one in summary.measures]
    assert [one["images"] for one in measured] == [one.count for one in summary.measures]
    for one in measured[1:]:
        assert one["class_name"] == NAMES[one["class"]]
        mine = study.labels == one["class"]
        assert one["value"] == np.mean(study.predicted[mine] == one["class"])
    counted = np.zeros((3, 3), int)
    for one in tables["confusion"].records():
        counted[one["label"], one["predicted"]] = one["count"]
    assert counted.tolist() == study.outcomes().confusion.tolist()


@pytest.mark.slow
def test_many_classes_are_not_cut_as_the_report_cuts_them(tmp_path):
    images, labels = np.random.default_rng(0).random((40, 8, 8)), np.arange(40)

    def says_the_first(batch):
        return np.eye(40)[np.zeros(len(batch), int)]

    study = Study(tmp_path / "s", PLAN)
    study.run((images, labels), says_the_first, progress=False, check_range=False)
    tables = sl.export(study, progress=False).tables
    assert sorted(tables["confusion"].column("label")) == list(range(40))
    assert len(tables["evaluation"].rows) == 41


def test_an_evaluation_that_is_given_stands_beside_it(told):
    study, _ = told
    done = sl.evaluate(thirds, odd_data(), class_names=NAMES)
    rows = [
        one
        for one in sl.export(study, evaluation=done, progress=False).tables["evaluation"].records()
        if one["source"] == "evaluation"
    ]
    values = {(one["measure"], one["class"]): one for one in rows}
    assert values["accuracy", None]["value"] == done.accuracy
    assert values["auc", None]["value"] == done.auc.value
    assert values["auc", 1]["low"] == done.aucs[1].low
    for number in range(3):
        assert values["recall", number]["value"] == done.recalls[number]
        assert values["precision", number]["images"] == done.confusion[:, number].sum()
        assert values["precision", number]["class_name"] == NAMES[number]


def test_several_labels_have_their_tasks(told):
    study, _ = told
    rng = np.random.default_rng(0)
    images, truth = rng.random((30, 8, 8)), rng.integers(0, 2, (30, 2))
    data = multi_label(images, truth, label_names=["=a", "턱"])
    done = sl.evaluate(
        lambda batch: np.stack([batch[:, :4].mean((1, 2)), batch[:, 4:].mean((1, 2))], 1),
        data,
        class_names=["=a", "턱"],
    )
    rows = sl.export(study, evaluation=done, progress=False).tables["evaluation"].records()
    found = {(one["task"], one["measure"], one["class"]): one["value"] for one in rows if one["task"]}
    assert found["=a", "accuracy", None] == done["=a"].accuracy
    assert found["턱", "auc", None] == done["턱"].auc.value


def test_blame_and_causes_are_the_results(small_study, asked):
    from sightline.reports.saved_results import read_findings

    found = read_findings(small_study, small_study.path, {})
    for table, listed in (("blame", found.blame.regions), ("causes", found.causes.causes)):
        for one, result in zip(asked[table].records(), listed, strict=True):
            for name, value in one.items():
                if hasattr(result, name) and isinstance(value, float):
                    assert value == getattr(result, name) or math.isnan(value), name
    jaw = next(one for one in asked["blame"].records() if one["region"] == "jaw")
    assert jaw["status"] == "drives errors"
    assert jaw["finding"] == found.blame.finding("jaw")
    assert (jaw["net_low"], jaw["net_high"]) == found.blame["jaw"].net
    facts = {(one["question"], one["name"]): one for one in asked["facts"].records()}
    assert facts["blame", "errors"]["number"] == found.blame.errors
    assert facts["blame", "fill"]["text"] == found.blame.fill


def test_the_atlas_tells_of_the_regions_that_were_blamed(small_study, asked):
    seen = sl.atlas(small_study, regions=sl.regions.face(), progress=False)
    rows = {(one["answers"], one["region"]): one for one in asked["atlas"].records()}
    for kind in seen.maps:
        for name, value, error in zip(seen.region_names, kind.regions, kind.region_error, strict=True):
            assert rows[kind.name, name]["mean"] == pytest.approx(value)
            assert rows[kind.name, name]["error"] == pytest.approx(error)
            assert rows[kind.name, name]["images"] == kind.count
    for name, sure in zip(seen.region_names, seen.region_significant, strict=True):
        assert rows["difference", name]["significant"] == sure


def test_what_nobody_asked_is_told_as_not_asked(told):
    asked = {one["question"]: one for one in told[1]["findings"].records()}
    assert set(asked) == {"blame", "drawn", "concepts", "causes", "slices"}
    assert not any(one["asked"] for one in asked.values())
    assert asked["blame"]["basis"] == "unknown"
    assert "sightline blame" in asked["blame"]["how"]
    assert told[1]["blame"].rows == ()


@pytest.mark.parametrize(
    ("verdict", "basis"),
    [
        ("repaired", "proved"),
        ("partly", "proved"),
        ("no effect", "tested"),
        ("harmful", "tested"),
        ("cannot tell", "unknown"),
    ],
)
def test_only_a_repair_that_was_proved_to_help_is_called_proved(proved, verdict, basis):
    values = proved.values
    mended = dataclasses.replace(values.summary.repair, verdict=verdict)
    summary = dataclasses.replace(values.summary, repair=mended)
    tables = {one.name: one for one in list_tables(dataclasses.replace(values, summary=summary))}
    line = list(tables["findings"].records())[-1]
    assert (line["question"], line["outcome"], line["basis"]) == ("proof", verdict, basis)
    assert set(tables["findings"].column("outcome")[:-1]) == {None}


@pytest.mark.slow
def test_what_a_person_said_stands_with_the_group_s_key(tmp_path):
    study = odd_study(tmp_path / "s")
    group = sl.atlas(study, progress=False).groups[0]
    study.verdicts.say(group, "wrong label", "=the two are one")
    study.verdicts.say("r1c1", "shortcut")
    tables = sl.export(study, progress=False).tables
    of_group, of_region = tables["person_verdicts"].records()
    assert (of_group["of"], of_group["said"], of_group["note"]) == (
        "group",
        "wrong label",
        "=the two are one",
    )
    assert of_group["key"] == tables["groups"].column("key")[0]
    assert of_group["current"] is True
    assert (of_region["of"], of_region["name"], of_region["said"]) == ("region", "r1c1", "shortcut")


def test_slices_with_their_values(told):
    study, _ = told
    value = [("=1+1", 'a, "b"\nc')[place % 2] for place in range(18)]
    found = sl.slices(study, {"hospital": value}, fewest=2, progress=False)
    table = sl.export(study, slices=found, progress=False).tables["slices"]
    assert set(table.column("value")) == {"=1+1", 'a, "b"\nc'}
    for one, result in zip(table.records(), found.slices, strict=True):
        assert (one["accuracy"], one["low"], one["p"]) == (result.accuracy, result.low, result.p)
        assert one["worse"] is result.worse


def test_a_study_that_was_stopped_half_way(tmp_path, monkeypatch):
    asked = []

    def stops(batch):
        asked.append(len(batch))
        if len(asked) > 60:
            raise KeyboardInterrupt
        return thirds(batch)

    study = Study(tmp_path / "s", PLAN)
    with pytest.raises(KeyboardInterrupt):
        study.run(odd_data(400), stops, class_names=NAMES, progress=False, check_range=False)
    opened = Study(tmp_path / "s")
    tables = sl.export(opened, progress=False).tables
    assert len(tables["answers"].rows) == len(opened)
    about = {one["name"]: one["number"] for one in tables["study"].records()}
    assert (about["wanted"], about["explained"]) == (400, len(opened))


def test_an_image_that_failed_has_its_line_and_reason(tmp_path):
    images, labels = odd_data()
    images[3] = np.nan
    study = Study(tmp_path / "s", PLAN).run((images, labels), thirds, class_names=NAMES, progress=False)
    rows = list(sl.export(study, progress=False).tables["answers"].records())
    failed = [one for one in rows if one["failure"] is not None]
    assert [one["place"] for one in failed] == [one.place for one in study.failures()] == [3]
    assert failed[0]["reason"] == study.failures()[0].reason
    assert failed[0]["predicted"] is None
    assert failed[0]["right"] is None


def test_without_any_error(tmp_path):
    images, _ = odd_data()
    study = Study(tmp_path / "s", PLAN).run(
        (images, thirds(images).argmax(1)), thirds, class_names=NAMES, progress=False
    )
    tables = sl.export(study, progress=False).tables
    assert tables["groups"].rows == ()
    assert all(tables["answers"].column("right"))
    assert tables["evaluation"].column("value") == (1.0,) * len(tables["evaluation"].rows)
    assert {one["answers"]: one["images"] for one in tables["atlas"].records()}["right"] == 18
