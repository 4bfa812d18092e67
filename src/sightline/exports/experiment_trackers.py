"""Export → a run of MLflow, TensorBoard or Weights & Biases: metrics, figures, tables, the report.

Each is imported where it is asked for, and known by its methods: what looks like it serves as well.
"""

import contextlib
import io
import math
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from sightline._arguments import describe_value
from sightline._optional import require
from sightline.errors import FileError, OptionError, SightlineError
from sightline.exports.finding_table import FindingTable, export_path, write_export
from sightline.reports.markdown import escape_markdown, page_markdown, table_lines
from sightline.types import record

if TYPE_CHECKING:
    from sightline.exports.study_export import Export

FOLDER = "sightline"
"""Where files stand within a run, and what metrics begin with."""
UNFIT = re.compile(r"[^\w\-. ]+")
"""What a name of a metric cannot have in every tracker; a slash parts its levels."""
MOST_LEVEL = 80
"""Letters of one level of a metric's name."""
AT_ONCE = 500
"""Metrics of one message to MLflow."""
MOST_VALUE = 500
"""Letters of a parameter or tag."""
MOST_TEXT_ROWS = 50
"""Lines of a table that TensorBoard shows as text."""
MOST_LINES = 10_000
"""Lines of a table that Weights & Biases shows; the file has them all."""
EVENT_VERSION = "brain.Event:2"
"""What TensorBoard looks for at the head of a file."""
OF_STUDY = ("images", "wanted", "explained", "failed", "held_out", "wrong", "calls", "seconds")
"""Facts of a study that are metrics."""
EFFECTS = (
    *("gain", "low", "high", "control_gain", "p"),
    *("corrected", "control_corrected", "wrong_share", "right_share"),
)
"""Columns of regions and concepts that are."""


@record
class ExportedRun:
    """What was handed to a tracker.

    Parameters
    ----------
    where : str
        The run, or its folder.
    metrics : dict of str to float
    files : tuple of str
        Names within the run, or paths.
    """

    where: str
    metrics: dict[str, float]
    files: tuple[str, ...]


def metric_name(*levels: str) -> str:
    """A name that every tracker takes, its levels parted by slashes.

    Examples
    --------
    >>> metric_name("recall", "a/b <i>, =c")
    'recall/a_b _i_ _c'
    """
    cleaned = (UNFIT.sub("_", one).strip(" .")[:MOST_LEVEL].strip(" .") or "_" for one in levels)
    return "/".join(cleaned)


def scalar_metrics(made: "Export") -> dict[str, float]:
    """The numbers that a tracker can plot, by names that it takes; those that are not known are left out."""
    found: dict[str, float] = {}
    for levels, value in _named_scalars(made.tables):
        if value is None or not math.isfinite(value):
            continue
        name, count = metric_name(FOLDER, *levels), 1
        while name in found:  # classes whose names differ in signs that no tracker takes
            count += 1
            name = f"{metric_name(FOLDER, *levels)}_{count}"
        found[name] = float(value)
    return found


def _named_scalars(tables: Mapping[str, FindingTable]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for one in tables["study"].records():
        if one["name"] in OF_STUDY:
            yield ("study", str(one["name"])), one["number"]
    for one in tables["evaluation"].records():
        task = [] if one["task"] is None else [str(one["task"])]
        whose = [] if one["class"] is None else [str(one["class_name"] or f"class {one['class']}")]
        yield (str(one["source"]), *task, str(one["measure"]), *whose), one["value"]
    for question in ("blame", "drawn", "concepts"):
        for one in tables[question].records():
            for field in EFFECTS:
                yield (question, str(one["region"]), field), one[field]
    for one in tables["causes"].records():
        for field in ("gain", "low", "high", "control_gain", "p"):
            yield ("causes", str(one["name"]), str(one["called_name"]), field), one[field]
    for one in tables["slices"].records():
        for field in ("accuracy", "low", "high", "p"):
            yield ("slices", f"{one['column']} = {one['value']}", field), one[field]
    for one in tables["proof"].records():
        for field in ("before", "after", "change", "low", "high", "p"):
            yield ("proof", str(one["name"]), field), one[field]


def log_to_mlflow(
    made: "Export", tracker: Any, tracking_uri: str | None, experiment: str | None
) -> ExportedRun:
    """Into the active run, else into one of its own."""
    mlflow = require("mlflow", extra="mlflow") if tracker is None else tracker
    with tool_failures("MLflow"):
        if tracking_uri is not None:
            mlflow.set_tracking_uri(tracking_uri)
        if experiment is not None:
            mlflow.set_experiment(experiment)
        active = mlflow.active_run()
        opened = contextlib.nullcontext(active) if active else mlflow.start_run(run_name=_run_name(made))
        with opened as run, _written_files(made) as folder:
            metrics = scalar_metrics(made)
            names = list(metrics)
            for start in range(0, len(names), AT_ONCE):
                mlflow.log_metrics({name: metrics[name] for name in names[start : start + AT_ONCE]})
            about = {name: value[:MOST_VALUE] for name, value in _settings_of(made).items()}
            mlflow.set_tags({f"{FOLDER}.{name}": value for name, value in about.items()})
            mlflow.log_artifacts(str(folder), FOLDER)
            files = tuple(f"{FOLDER}/{one}" for one in _names_below(folder))
            return ExportedRun(f"run {run.info.run_id} of {mlflow.get_tracking_uri()}", metrics, files)


def log_to_wandb(made: "Export", run: Any, project: str, folder: Path | None) -> ExportedRun:
    """Into the run given, else the active one, else into one of its own."""
    wandb = require("wandb", extra="wandb")
    with tool_failures("Weights & Biases"):
        given = run if run is not None else wandb.run
        if given is None:
            where = {} if folder is None else {"dir": str(folder)}
            opened = wandb.init(project=project, name=_run_name(made), **where)
        else:
            opened = given
        try:
            with _written_files(made) as files:
                metrics = _log_files_to_wandb(made, wandb, opened, files)
                names = tuple(f"{FOLDER}/{one}" for one in _names_below(files))
            return ExportedRun(f"run {opened.id} in {opened.dir}", metrics, names)
        finally:
            if given is None:
                opened.finish()


def _log_files_to_wandb(made: "Export", wandb: Any, run: Any, folder: Path) -> dict[str, float]:
    metrics = scalar_metrics(made)
    shown: dict[str, Any] = dict(metrics)
    for file in sorted((folder / "figures").glob("*.png")):
        shown[f"{FOLDER}/figures/{file.stem}"] = wandb.Image(str(file))
    for name, table in made.tables.items():
        heads = [one.name for one in table.columns]
        if 0 < len(table.rows) <= MOST_LINES:
            shown[f"{FOLDER}/tables/{name}"] = wandb.Table(
                columns=heads, data=[_plain_row(row) for row in table.rows]
            )
    shown[f"{FOLDER}/report"] = wandb.Html((folder / "report.html").read_text(encoding="utf-8"), inject=False)
    run.log(shown)
    run.summary.update({f"{FOLDER}/{name}": value for name, value in _settings_of(made).items()})
    artefact = wandb.Artifact(re.sub(r"[^A-Za-z0-9_.-]", "-", _run_name(made)) or FOLDER, type="report")
    artefact.add_dir(str(folder), name=FOLDER)
    run.log_artifact(artefact)
    return metrics


def _plain_row(row: tuple[Any, ...]) -> list[Any]:
    """A line whose columns have one kind each: lists become texts."""
    return [", ".join(map(str, one)) if isinstance(one, tuple) else one for one in row]


def log_to_tensorboard(made: "Export", writer: Any, step: int) -> ExportedRun:
    """Into a ``SummaryWriter``, or what looks like one; or into a folder, with the report beside it."""
    if all(hasattr(writer, name) for name in ("add_scalar", "add_text", "add_image")):
        return ExportedRun(repr(writer), _write_events(made, writer, step), ())
    if not isinstance(writer, str | PathLike):
        raise OptionError(
            "writer must be the path of a run's folder, or a SummaryWriter, which has add_scalar, "
            f"add_image and add_text, but {describe_value(writer)} was given.",
            slug="option-value",
        )
    folder = export_path(writer)
    with tool_failures("TensorBoard"):
        events = EventFile(folder)
        metrics = _write_events(made, events, step)
    page = made.report.text("html")[0].encode()
    files = write_export(folder, {folder / "report.html": page, events.path: events.content()})
    files += made.to_csv(folder / "tables")
    return ExportedRun(str(folder), metrics, tuple(map(str, files)))


def _write_events(made: "Export", writer: Any, step: int) -> dict[str, float]:
    metrics = scalar_metrics(made)
    for name, value in metrics.items():
        writer.add_scalar(name, value, step)
    for name, png in made.figures.items():
        writer.add_image(f"{FOLDER}/{name}", _png_pixels(png), step, dataformats="HWC")
    writer.add_text(f"{FOLDER}/report", page_markdown(made.report.summary), step)
    writer.add_text(f"{FOLDER}/model card", made.model_card, step)
    for name, table in made.tables.items():
        if table.rows:
            writer.add_text(f"{FOLDER}/tables/{name}", _markdown_table(table), step)
    return metrics


def _png_pixels(png: bytes) -> UInt8[np.ndarray, "H W 3"]:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def _markdown_table(table: FindingTable) -> str:
    heads = tuple(escape_markdown(one.name) for one in table.columns)
    rows = [tuple("" if one is None else escape_markdown(str(one)) for one in row) for row in table.rows]
    return "\n\n".join(table_lines(heads, rows[:MOST_TEXT_ROWS], len(rows)))


class EventFile:
    """An event file of TensorBoard's, by its own package: neither TensorFlow nor PyTorch is loaded.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        require("tensorboard", extra="tensorboard")
        self._event = require("tensorboard.compat.proto.event_pb2", extra="tensorboard").Event
        self._summary = require("tensorboard.compat.proto.summary_pb2", extra="tensorboard").Summary
        self._scalar = require("tensorboard.plugins.scalar.summary_v2", extra="tensorboard").scalar_pb
        self._text = require("tensorboard.plugins.text.summary_v2", extra="tensorboard").text_pb
        records = require("tensorboard.summary.writer.record_writer", extra="tensorboard")
        now = time.time()
        self.path = (
            folder / f"events.out.tfevents.{int(now):010d}.{FOLDER}.{os.getpid()}.{time.monotonic_ns()}"
        )
        self._content = io.BytesIO()
        self._records = records.RecordWriter(self._content)
        self._records.write(self._event(wall_time=now, file_version=EVENT_VERSION).SerializeToString())

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        """One number."""
        self._add(self._scalar(tag, value), step)

    def add_text(self, tag: str, text: str, step: int) -> None:
        """A text in Markdown."""
        self._add(self._text(tag, text), step)

    def add_image(self, tag: str, image: Any, step: int, dataformats: str = "HWC") -> None:
        """An image, uint8."""
        from sightline.render import image_to_png

        height, width = image.shape[:2]
        drawn = self._summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=image_to_png(image)
        )
        self._add(self._summary(value=[self._summary.Value(tag=tag, image=drawn)]), step)

    def _add(self, summary: Any, step: int) -> None:
        event = self._event(wall_time=time.time(), step=step, summary=summary)
        self._records.write(event.SerializeToString())

    def content(self) -> bytes:
        """All that the file has."""
        return self._content.getvalue()


@contextlib.contextmanager
def tool_failures(tool: str) -> Iterator[None]:
    """What a tool says where it cannot take what it is given, as an error of our own.

    Raises
    ------
    FileError
    """
    try:
        yield
    except SightlineError:
        raise
    except Exception as error:
        told = " ".join(str(error).split())[:MOST_VALUE] or type(error).__name__
        raise FileError(f"{tool} did not take the export: {told}", slug="export-tool") from error


@contextlib.contextmanager
def _written_files(made: "Export") -> Iterator[Path]:
    """A folder with the report, the tables, the figures and the model card, as long as the block lasts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made.report.write(folder / "report.html")
        made.to_model_card(folder / "model-card.md")
        made.to_json(folder / "findings.json")
        made.to_csv(folder / "tables")
        (folder / "figures").mkdir()
        for name, png in made.figures.items():
            (folder / "figures" / f"{name}.png").write_bytes(png)
        yield folder


def _names_below(folder: Path) -> list[str]:
    return sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())


def _run_name(made: "Export") -> str:
    return f"{FOLDER} {made.values.study.path.name}"


def _settings_of(made: "Export") -> dict[str, str]:
    """What was examined and how, and the verdict, as texts; names as every tracker takes them."""
    told = {str(one["name"]): str(one["text"]) for one in made.tables["study"].records() if one["text"]}
    said = {f"verdict {one['place']}": str(one["text"]) for one in made.tables["verdict"].records()}
    mended = made.values.summary.repair
    proved = {} if mended is None else {"proof": mended.verdict or "not proved"}
    return {metric_name(name): value for name, value in {**told, **said, **proved}.items()}
