"""An export as a value that writes itself, in the language asked for."""

import csv
import json
import sys

import pytest

import sightline as sl
from sightline.errors import FileError, MissingExtra, OptionError
from sightline.exports.study_export import reading_digest
from sightline.study import Study, provenance
from support.exported import NAMES, PLAN, keep_result, odd_data, odd_study, thirds


def test_a_folder_and_a_study_give_the_same(odd, made):
    given, read = made, sl.export(odd.path, progress=False)
    assert given.tables["answers"].rows == read.tables["answers"].rows
    assert repr(given) == repr(read)


def test_the_files_are_named_and_hold_the_tables(made, tmp_path):
    files = made.to_csv(tmp_path / "new" / "csv")
    assert sorted(one.stem for one in files) == sorted(made.tables)
    assert sorted(files) == sorted((tmp_path / "new" / "csv").iterdir())
    with (tmp_path / "new" / "csv" / "confusion.csv").open(encoding="utf-8-sig", newline="") as file:
        read = list(csv.DictReader(file))
    names = {one.removeprefix("'") for line in read for one in (line["label_name"], line["predicted_name"])}
    assert names == set(NAMES)
    assert sum(int(line["count"]) for line in read) == 18
    parquet = made.to_parquet(tmp_path / "parquet")
    assert sorted(one.name for one in parquet) == sorted(f"{name}.parquet" for name in made.tables)
    told = json.loads(made.to_json(tmp_path / "f.json").read_text(encoding="utf-8"))
    assert {name: len(one["rows"]) for name, one in told["tables"].items()} == {
        name: len(one.rows) for name, one in made.tables.items()
    }


def test_a_table_that_is_empty_now_replaces_an_earlier_one(made, tmp_path):
    made.to_csv(tmp_path)
    heads = (tmp_path / "blame.csv").read_text()
    for earlier in (heads + heads.replace("region", "jaw"), "region,gain\njaw,0.5\n", ""):
        (tmp_path / "blame.csv").write_text(earlier)
        made.to_csv(tmp_path)
    assert (tmp_path / "blame.csv").read_text() == heads
    assert len((tmp_path / "blame.csv").read_text().splitlines()) == 1


@pytest.mark.slow
def test_a_result_of_other_answers_is_left_aside(tmp_path):
    study = odd_study(tmp_path / "s")
    found = sl.slices(study, {"x": [place % 2 for place in range(18)]}, fewest=2, progress=False)
    keep_result(study, "slices", found)
    assert len(sl.export(study, progress=False).tables["slices"].rows) == 2
    told = json.loads((study.path / "slices.json").read_text(encoding="utf-8"))
    (study.path / "slices.json").write_text(json.dumps({**told, "answers": "of others"}), encoding="utf-8")
    tables = sl.export(study, progress=False).tables
    assert tables["slices"].rows == ()
    assert any("left aside" in text for text in tables["limits"].column("text"))


@pytest.mark.parametrize("how", ["repaired", "proof"])
def test_a_proof_is_told_measure_by_measure(odd, proof, how):
    tables = sl.export(odd, **{how: proof}, progress=False).tables
    for one, measure in zip(tables["proof"].records(), proof.measures, strict=True):
        assert (one["name"], one["before"], one["after"]) == (measure.name, measure.before, measure.after)
        assert one["change"] == measure.change
        assert one["count"] == measure.count
    facts = {one["name"]: one for one in tables["facts"].records() if one["question"] == "proof"}
    assert facts["verdict"]["text"] == proof.verdict
    assert facts["right.1"]["number"] == proof.right[0]
    assert facts["tests.accuracy"]["number"] == proof.tests.accuracy
    (asked,) = [one for one in tables["findings"].records() if one["question"] == "proof"]
    assert asked["asked"]
    assert proof.headline in asked["verdict"]


def test_sentences_are_korean_where_that_is_asked_and_columns_are_not(odd, made):
    english, korean = made, sl.export(odd, lang="ko", progress=False)
    assert english.tables["answers"].rows == korean.tables["answers"].rows
    assert [one.name for one in english.tables["findings"].columns] == [
        one.name for one in korean.tables["findings"].columns
    ]
    assert english.tables["verdict"].column("text") != korean.tables["verdict"].column("text")
    assert "오답" in "".join(korean.tables["verdict"].column("text"))
    assert "## 평가" in korean.model_card


def test_figures_are_of_the_results_that_there_are(made):
    assert set(made.figures) == {"atlas"}
    assert made.figures["atlas"].startswith(b"\x89PNG")


def test_the_report_is_that_of_report(odd, made):
    ours, theirs = made.report, sl.report(odd, progress=False)
    assert ours.summary.to_dict() == theirs.summary.to_dict()


def test_what_is_no_study_or_evaluation_is_refused(odd):
    with pytest.raises(OptionError):
        sl.export(3)
    with pytest.raises(OptionError, match="evaluation"):
        sl.export(odd, evaluation="good", progress=False)
    with pytest.raises(FileError):
        sl.export("nowhere")


def test_where_it_cannot_be_written_is_said(made, tmp_path):
    (tmp_path / "file").write_text("x")
    for call in (made.to_csv, made.to_parquet, made.to_fiftyone):
        with pytest.raises(FileError, match="cannot be written"):
            call(tmp_path / "file" / "below")
    with pytest.raises(FileError, match="cannot be written"):
        made.to_model_card(tmp_path / "nowhere" / "card.md")


WRITERS = ("to_csv", "to_parquet", "to_json", "to_model_card", "to_tensorboard", "to_fiftyone")


@pytest.mark.parametrize("place", ["", "a\0b"])
@pytest.mark.parametrize("writer", WRITERS)
def test_what_names_no_place_is_refused(made, tmp_path, monkeypatch, writer, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError, match="not the name of a file or folder") as raised:
        getattr(made, writer)(place)
    assert raised.value.slug == "export-write"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("writer", "place", "file"),
    [
        ("to_csv", "", "answers.csv"),
        ("to_parquet", "", "answers.parquet"),
        ("to_json", "model.joblib", "model.joblib"),
        ("to_json", "settings.json", "settings.json"),
        ("to_model_card", "README.md", "README.md"),
        ("to_fiftyone", "", "samples.json"),
        ("to_fiftyone", "", "metadata.json"),
        ("to_fiftyone", "", "data/000000005.png"),
    ],
)
def test_a_file_that_is_someone_s_own_stays(made, tmp_path, writer, place, file):
    mine = b'{"image": 1}, of my own\n'
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(mine)
    with pytest.raises(FileError, match="no export wrote it") as raised:
        getattr(made, writer)(tmp_path / place)
    assert raised.value.slug == "export-replace"
    assert (tmp_path / file).read_bytes() == mine


@pytest.mark.parametrize("writer", WRITERS)
def test_what_an_export_wrote_is_written_again(made, proved, tmp_path, writer):
    place = tmp_path / writer
    getattr(proved, writer)(place)
    getattr(made, writer)(place)
    if writer == "to_model_card":
        assert made.model_card in place.read_text(encoding="utf-8")
    elif writer == "to_json":
        assert json.loads(place.read_text(encoding="utf-8"))["tables"]["proof"]["rows"] == []


def test_a_card_that_was_written_on_stays(made, tmp_path):
    card = made.to_model_card(tmp_path / "card.md")
    card.write_text(card.read_text(encoding="utf-8") + "\nFor chest X-rays of adults.\n", encoding="utf-8")
    with pytest.raises(FileError, match="no export wrote it as it is now"):
        made.to_model_card(card)
    assert card.read_text(encoding="utf-8").endswith("of adults.\n")


def stopped_study(folder, stop, monkeypatch):
    """A study whose model stops as long as `stop` has something in it; and how it goes on."""
    monkeypatch.setattr(provenance, "PART_SECONDS", 1e-9)  # each image is kept once it is explained
    asked = []

    def stops(images):
        asked.append(len(images))
        if stop and len(asked) > 60:
            raise KeyboardInterrupt
        return thirds(images)

    study = Study(folder, PLAN)

    def go_on():
        study.run(odd_data(30), stops, class_names=NAMES, progress=False, check_range=False)

    with pytest.raises(KeyboardInterrupt):
        go_on()
    return study, go_on


@pytest.mark.slow
def test_an_export_is_of_one_state_of_a_study_that_goes_on(tmp_path, monkeypatch):
    study, go_on = stopped_study(tmp_path / "s", stop := [True], monkeypatch)
    made, count = sl.export(Study(study.path), progress=False), len(study)
    stop.clear()
    go_on()
    assert len(study) == 30 > count > 3
    facts = {one["name"]: one["number"] for one in made.tables["study"].records()}
    assert facts["explained"] == count == len(made.tables["answers"].rows)
    assert sum(made.tables["confusion"].column("count")) == count
    assert made.tables["evaluation"].column("images")[0] == count
    for call in (made.to_fiftyone, made.to_tensorboard):
        with pytest.raises(FileError, match="has changed since this export") as raised:
            call(tmp_path / "there")
        assert raised.value.slug == "export-changed"
    assert len(sl.export(study, progress=False).tables["answers"].rows) == 30


@pytest.mark.slow
def test_a_study_that_goes_on_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    from sightline.exports import study_export

    study, go_on = stopped_study(tmp_path / "s", stop := [True], monkeypatch)
    read = study_export.summarise

    def read_and_go_on(*given, **how):
        summary = read(*given, **how)
        if stop:
            stop.clear()
            go_on()
        return summary

    monkeypatch.setattr(study_export, "summarise", read_and_go_on)
    made = sl.export(study, progress=False)
    assert made.values.summary.examined.explained == len(made.tables["answers"].rows) == 30


@pytest.mark.slow
def test_what_is_found_or_said_later_is_in_no_report_of_an_export(tmp_path):
    study = odd_study(tmp_path / "s")
    made = sl.export(study, progress=False)
    study.verdicts.say("r1c1", "shortcut")
    with pytest.raises(FileError, match="has changed since"):
        _ = made.report
    told = sl.export(study, progress=False).tables["person_verdicts"]
    assert told.column("name") == ("r1c1",)


@pytest.mark.parametrize(
    "file", ["repair/proof.json", "repair/repair.toml", "repair/before/parts/0-3.parquet", "drawn_blame.json"]
)
def test_a_proof_that_is_made_anew_meanwhile_is_another_state(tmp_path, file):
    study = odd_study(tmp_path / "s")
    folder, changed = study.path / "repair", study.path / file
    changed.parent.mkdir(parents=True, exist_ok=True)
    changed.write_text("[1]")
    before = reading_digest(study, folder)
    assert reading_digest(study, str(folder)) == before
    changed.write_text("[2]")
    assert reading_digest(study, folder) != before
    changed.unlink()
    assert reading_digest(study, folder) != before


@pytest.mark.parametrize("tool", ["mlflow", "tensorboard", "wandb"])
def test_what_is_not_installed_is_named(made, tmp_path, monkeypatch, tool):
    for name in [one for one in sys.modules if one.split(".")[0] == tool]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, tool, None)
    call = {"mlflow": made.to_mlflow, "wandb": made.to_wandb}.get(tool, lambda: made.to_tensorboard(tmp_path))
    with pytest.raises(MissingExtra, match=rf"pip install 'sightline-xai\[{tool}\]'"):
        call()
