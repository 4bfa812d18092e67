"""Runs of MLflow, TensorBoard and Weights & Biases, read back by these."""

import contextlib
import json
import math
import struct
import time
import types
from pathlib import Path

import numpy as np
import pytest

import sightline as sl
from sightline.errors import FileError, OptionError
from sightline.exports.experiment_trackers import metric_name, scalar_metrics

FILES = {"report.html", "model-card.md", "findings.json", "tables/answers.csv", "figures/atlas.png"}


@pytest.fixture(scope="module")
def made(proved):
    """An export with a proof, of a study whose classes have names that could do harm."""
    return proved


class Events:
    """What looks like a SummaryWriter, and keeps what it is given."""

    def __init__(self):
        self.scalars, self.texts, self.images = {}, {}, {}

    def add_scalar(self, tag, value, step):
        self.scalars[tag] = (value, step)

    def add_text(self, tag, text, step):
        self.texts[tag] = text

    def add_image(self, tag, image, step, dataformats):
        assert dataformats == "HWC"
        self.images[tag] = image


def test_metrics_are_the_tables_numbers(made):
    metrics = scalar_metrics(made)
    accuracy = made.tables["evaluation"].column("value")[0]
    assert metrics["sightline/study/accuracy"] == accuracy
    assert metrics["sightline/study/explained"] == 18
    known = {one["name"]: one for one in made.tables["proof"].records()}
    assert metrics["sightline/proof/accuracy/after"] == known["accuracy"]["after"]
    assert (
        metrics["sightline/study/recall/턱 _b_"]
        == made.tables["evaluation"].column("value")[made.tables["evaluation"].column("class").index(2)]
    )
    assert all(map(math.isfinite, metrics.values()))


def test_names_that_become_the_same_are_told_apart(tmp_path):
    from sightline.study import Study
    from support.exported import PLAN, odd_data, thirds

    study = Study(tmp_path / "s", PLAN).run(
        odd_data(), thirds, class_names=("a,b", "a;b", "a/b"), progress=False
    )
    made = sl.export(study, progress=False)
    metrics = scalar_metrics(made)
    values = [metrics[f"sightline/study/recall/a_b{end}"] for end in ("", "_2", "_3")]
    assert sorted(values) == sorted(made.tables["evaluation"].column("value")[1:])


@pytest.mark.parametrize("name", ["..", "/", "", " . ", "a/../b", "\n", "x" * 300])
def test_no_name_of_a_metric_is_a_path(name):
    made = metric_name("recall", name)
    assert made.startswith("recall/")
    assert ".." not in made.split("/")
    assert made.count("/") == 1
    assert len(made) < 250


@pytest.mark.slow
def test_what_looks_like_a_writer_gets_all_of_it(made):
    events = Events()
    done = made.to_tensorboard(events, step=3)
    assert events.scalars == {name: (value, 3) for name, value in scalar_metrics(made).items()}
    assert events.images["sightline/atlas"].dtype == np.uint8
    assert "## Evaluation" in events.texts["sightline/model card"]
    assert done.metrics == scalar_metrics(made)
    answers = events.texts["sightline/tables/answers"]
    assert answers.count("\n") == 19
    assert "<b>" not in answers.replace(r"\<b\>", "")


@pytest.mark.slow
def test_tensorboard_reads_its_folder(made, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    done = made.to_tensorboard(tmp_path / "run", step=7)
    (events,) = (tmp_path / "run").glob("events.out.tfevents.*")
    read = [event for event in LegacyEventFileLoader(str(events)).Load() if event.HasField("summary")]
    values = {value.tag: value for event in read for value in event.summary.value}
    assert {event.step for event in read} == {7}
    for name, number in scalar_metrics(made).items():
        assert values[name].tensor.float_val[0] == np.float32(number)
    assert values["sightline/atlas"].image.encoded_image_string.startswith(b"\x89PNG")
    assert "## Evaluation" in values["sightline/model card"].tensor.string_val[0].decode()
    assert sorted(done.files) == sorted(str(one) for one in (tmp_path / "run").rglob("*") if one.is_file())
    assert "<!doctype html" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")[:20].lower()


@pytest.mark.slow
def test_tensorboard_s_own_accumulator_shows_them(made, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    made.to_tensorboard(tmp_path)
    shown = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0, "images": 0})
    shown.Reload()
    tags = shown.Tags()
    assert set(scalar_metrics(made)) <= set(tags["tensors"])
    assert "sightline/atlas" in tags["images"]
    plugins = {shown.SummaryMetadata(tag).plugin_data.plugin_name for tag in tags["tensors"]}
    assert plugins == {"scalars", "text"}


class Tracker:
    """What has MLflow's functions, and keeps what it is given."""

    def __init__(self, folder):
        self.folder, self.metrics, self.tags, self.experiment, self.ended = folder, {}, {}, None, False

    def set_tracking_uri(self, uri):
        self.uri = uri

    def get_tracking_uri(self):
        return self.uri

    def set_experiment(self, name):
        self.experiment = name

    def active_run(self):
        return None

    @contextlib.contextmanager
    def start_run(self, run_name):
        yield types.SimpleNamespace(info=types.SimpleNamespace(run_id="7"))
        self.ended = True

    def log_metrics(self, metrics):
        assert len(metrics) <= 1000
        self.metrics.update(metrics)

    def set_tags(self, tags):
        self.tags.update(tags)

    def log_artifacts(self, folder, place):
        for one in Path(folder).rglob("*"):
            if one.is_file():
                self.folder.joinpath(one.name).write_bytes(one.read_bytes())


def test_what_has_mlflow_s_functions_serves(made, tmp_path):
    tracker = Tracker(tmp_path)
    done = made.to_mlflow(tracker, tracking_uri="there", experiment="faces")
    assert tracker.metrics == scalar_metrics(made)
    assert tracker.experiment == "faces"
    assert tracker.ended
    assert done.where == "run 7 of there"
    assert {f"sightline/{one}" for one in FILES} <= set(done.files)
    assert tracker.tags["sightline.verdict 1"] == made.values.summary.verdict[0].text
    assert json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))["layout"] == 1


@pytest.mark.parametrize("writer", [None, 3, object()])
def test_what_is_no_writer_and_no_path_is_refused(made, writer):
    with pytest.raises(OptionError, match="writer must be"):
        made.to_tensorboard(writer)


def test_what_a_tool_says_is_told(made):
    class Full(Tracker):
        def set_tags(self, tags):
            raise RuntimeError("the disk\nis full")

    with pytest.raises(FileError, match="MLflow did not take the export: the disk is full") as raised:
        made.to_mlflow(Full(None), tracking_uri="x")
    assert raised.value.slug == "export-tool"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_its_run(made, tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    before = mlflow.get_tracking_uri()
    place = (tmp_path / "runs").as_uri()
    try:
        done = made.to_mlflow(tracking_uri=place, experiment="odd")
    finally:
        mlflow.set_tracking_uri(before)
    client = mlflow.MlflowClient(tracking_uri=place)
    run = client.get_run(done.where.split()[1])
    assert run.data.metrics == scalar_metrics(made)
    assert run.data.tags["sightline.verdict 1"] == made.values.summary.verdict[0].text
    assert run.info.status == "FINISHED"
    listed = [one.path for one in client.list_artifacts(run.info.run_id, "sightline")]
    assert "sightline/report.html" in listed
    kept = client.download_artifacts(run.info.run_id, "sightline/tables/answers.csv", str(tmp_path))
    assert Path(kept).read_bytes() == made.to_csv(tmp_path / "csv")[4].read_bytes()


def records_of(file):
    """Messages of a run file of Weights & Biases: LevelDB's log format, seven bytes of its own before."""
    content, at, waiting = file.read_bytes(), 7, b""
    while at + 7 <= len(content):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        waiting += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield waiting
            waiting = b""


def whole_run(file, kind):
    """The messages of a run, whose file is written on for a moment after its end."""
    for _ in range(100):
        read = [kind.FromString(one) for one in records_of(file)]
        if any(one.HasField("exit") for one in read):
            return read
        time.sleep(0.1)
    return pytest.fail(f"{file} has no end")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_run_file_of_weights_and_biases_holds_it(made, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed")
    from wandb.proto.wandb_internal_pb2 import Record

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    made.to_wandb(folder=tmp_path)
    (file,) = tmp_path.glob("wandb/offline-run*/*.wandb")
    read = whole_run(file, Record)
    logged = {
        (item.key or "/".join(item.nested_key)): json.loads(item.value_json)
        for record in read
        for item in record.history.item
    }
    for name, value in scalar_metrics(made).items():
        assert logged[name] == value
    assert logged["sightline/figures/atlas/_type"] == "image-file"
    assert logged["sightline/report/_type"] == "html-file"
    tables = list(tmp_path.glob("wandb/offline-run*/files/media/table/**/answers*.json"))
    shown = json.loads(tables[0].read_text(encoding="utf-8"))
    place = shown["columns"].index("predicted_name")
    assert [row[place] for row in shown["data"]] == list(made.tables["answers"].column("predicted_name"))
    (artefact,) = [one.artifact for one in read if one.artifact.type == "report"]
    assert {one.path for one in artefact.manifest.contents} >= {f"sightline/{one}" for one in FILES}
