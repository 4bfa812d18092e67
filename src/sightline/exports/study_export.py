"""study and findings → Export: tables, a model card, and runs of other tools."""

import functools
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sightline._arguments import clear_arguments, describe_value
from sightline._digests import combined_digest
from sightline._files import file_stamp
from sightline._language import current_language, use_language
from sightline._own_files import marked_card
from sightline._printing import printable_text
from sightline._region_names import DRAWN_REGIONS
from sightline.errors import FileError, OptionError
from sightline.evaluation.class_evaluation import Evaluation
from sightline.evaluation.multi_label import MultiLabelEvaluation
from sightline.exports.finding_table import (
    FindingTable,
    csv_text,
    export_path,
    json_text,
    parquet_content,
    write_export,
)
from sightline.exports.model_card import card_markdown
from sightline.exports.study_tables import Exported, list_tables
from sightline.findings.atlas_analysis import atlas
from sightline.findings.blame_result import Blame
from sightline.findings.cause_result import ImageCauses
from sightline.findings.slice_result import Slices
from sightline.proof.result import Proof
from sightline.repair.method import RepairResult
from sightline.repair.store import NAME as REPAIR
from sightline.repair.store import REGION, SEEN
from sightline.reports.report_file import MAX_BYTES, Report
from sightline.reports.saved_results import (
    AREAS,
    CONCEPT_AREAS,
    DRAWN_BLAME,
    QUESTIONS,
    read_findings,
    read_proof,
)
from sightline.reports.study_summary import summarise
from sightline.reports.summary import Summary
from sightline.study.schema import StudyResults
from sightline.study.study import Study, as_kept_study
from sightline.study.verdicts import NAME as VERDICTS
from sightline.types import record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sightline.exports.experiment_trackers import ExportedRun
    from sightline.exports.fiftyone_dataset import ExportedSamples

READ = (
    *(f"{one}.json" for one in QUESTIONS if one != "drawn"),
    *(DRAWN_BLAME, DRAWN_REGIONS, AREAS, CONCEPT_AREAS, VERDICTS),
)
"""Files of a study's folder beside its lines that an export is made of."""
OF_REPAIR = ("proof.json", REPAIR, REGION, SEEN)
"""The same of a repair's folder."""
OF_STUDIES = ("parts/*", "before/parts/*")
"""In it, too, the studies of held-out images before and after."""
READINGS = 5
"""How often a study is read that goes on meanwhile."""


@record
class Export:
    """A study with all that was found of it, to be handed to other tools; made by `export`.

    Parameters
    ----------
    values : Exported
        What its tables are made of.
    language : str
        That of its sentences, such as ``"en"``; names of columns and of metrics are English.
    repaired, given
        As they were given to `export`.
    tables : dict of str to FindingTable
        Every table by its name, those too that have no line.
    state : str
        Digest of what the study's folder had when all of it was read, and the repair's.
    """

    values: Exported
    language: str
    repaired: RepairResult | Proof | str | PathLike[str] | None
    given: Mapping[str, Any]
    tables: dict[str, FindingTable]
    state: str

    def check_current(self) -> None:
        """Refuse to read more of a study that has gone on: half of it would be of other answers.

        Raises
        ------
        FileError
        """
        if reading_digest(self.values.study, self.repaired) != self.state:
            raise _changed_error(self.values.study)

    @functools.cached_property
    def report(self) -> Report:
        """The report with its images, as `sightline.report` makes it."""
        made = self.values
        self.check_current()
        with use_language(self.language):
            summary = summarise(
                made.study,
                repaired=self.repaired,
                proof=self.given.get("proof"),
                given=self.given,
                seen=made.seen,
                max_bytes=MAX_BYTES,
                progress=False,
            )
        self.check_current()
        return Report(summary, MAX_BYTES)

    @functools.cached_property
    def figures(self) -> dict[str, bytes]:
        """The figure of each result that there is, as PNG."""
        from sightline.figures import figure_to_png

        with use_language(self.language):
            return {name: figure_to_png(draw()) for name, draw in self._drawn_results()}

    def _drawn_results(self) -> Iterator[tuple[str, "Callable[[], Figure]"]]:
        made = self.values
        found = made.found
        results = {
            "atlas": made.seen,
            **{name: getattr(found, name) for name in QUESTIONS},
            "proof": made.proof,
            "evaluation": made.evaluation,
        }
        for name, one in results.items():
            if one is not None and not getattr(one, "lack", ""):
                yield name, one.plot

    @clear_arguments
    def to_csv(self, folder: str | PathLike[str]) -> list[Path]:
        """Write each table into a file of a folder, ``answers.csv`` and so on; earlier ones are replaced.

        A text that a program of tables would take for a formula has a quote before it. Unknown numbers are
        ``nan``, infinite ones ``inf``, and a list is JSON in its cell.

        Parameters
        ----------
        folder : path
            Made if it is not there.

        Returns
        -------
        list of Path

        Raises
        ------
        FileError
            If they cannot be written.
        """
        return self._write_tables(export_path(folder), ".csv", lambda one: csv_text(one).encode())

    @clear_arguments
    def to_parquet(self, folder: str | PathLike[str]) -> list[Path]:
        """Write each table as a Parquet file into a folder; earlier ones are replaced.

        Raises
        ------
        FileError
            If they cannot be written.
        MissingExtra
            If pyarrow is not installed.
        """
        return self._write_tables(export_path(folder), ".parquet", parquet_content)

    def _write_tables(
        self, folder: Path, ending: str, content: Callable[[FindingTable], bytes]
    ) -> list[Path]:
        files = {folder / f"{name}{ending}": content(one) for name, one in self.tables.items()}
        return write_export(folder, files)

    @clear_arguments
    def to_json(self, path: str | PathLike[str]) -> Path:
        """Write all tables into one file of JSON: null where a number is not known.

        Raises
        ------
        FileError
            If it cannot be written.
        """
        about = {"title": self.values.summary.title, "language": self.language}
        text = json_text(self.tables.values(), about)
        return write_export(None, {export_path(path): text.encode()})[0]

    @clear_arguments
    def to_model_card(self, path: str | PathLike[str]) -> Path:
        """Write sections of a model card in Markdown: evaluation, limitations, what was repaired, how proved.

        Raises
        ------
        FileError
            If it cannot be written.
        """
        return write_export(None, {export_path(path): marked_card(self.model_card.encode())})[0]

    @property
    def model_card(self) -> str:
        """The sections as a text, by the headings of a model card (Mitchell et al. 2019; Hugging Face)."""
        with use_language(self.language):
            return card_markdown(self.values.summary)

    @clear_arguments
    def to_mlflow(
        self, tracker: Any = None, *, tracking_uri: str | None = None, experiment: str | None = None
    ) -> "ExportedRun":
        """Log metrics, settings, figures, tables and the report to MLflow.

        Parameters
        ----------
        tracker : optional
            The module ``mlflow``, or what has its functions; by default that module.
        tracking_uri : str, optional
            Where to; by default where MLflow is set to.
        experiment : str, optional
            Its name; by default the one that is set.

        Returns
        -------
        ExportedRun
            Into the active run, if there is one; else into a new one.

        Raises
        ------
        MissingExtra
            If MLflow is not installed.
        FileError
            If it does not take it.
        """
        from sightline.exports.experiment_trackers import log_to_mlflow

        return log_to_mlflow(self, tracker, tracking_uri, experiment)

    @clear_arguments
    def to_tensorboard(self, writer: Any, *, step: int = 0) -> "ExportedRun":
        """Log metrics, figures, tables and the report in short to TensorBoard.

        Parameters
        ----------
        writer : path, or a SummaryWriter
            A path is the folder of a run: the whole report and the tables stand in it, too, and neither
            TensorFlow nor PyTorch is needed. Else what has ``add_scalar``, ``add_image`` and ``add_text``.
        step : int

        Returns
        -------
        ExportedRun

        Raises
        ------
        MissingExtra
            If a path is given and TensorBoard is not installed.
        FileError
            If it cannot be written.
        """
        from sightline.exports.experiment_trackers import log_to_tensorboard

        return log_to_tensorboard(self, writer, step)

    @clear_arguments
    def to_wandb(
        self, run: Any = None, *, project: str = "sightline", folder: str | PathLike[str] | None = None
    ) -> "ExportedRun":
        """Log metrics, settings, figures, tables and the report to Weights & Biases.

        Parameters
        ----------
        run : optional
            A run; by default the active one, else a new one of `project`. Whether that is sent to a server is
            said by ``WANDB_MODE``, as always.
        project : str
        folder : path, optional
            Where a new run's files are kept.

        Returns
        -------
        ExportedRun

        Raises
        ------
        MissingExtra
            If Weights & Biases is not installed.
        FileError
            If it does not take it.
        """
        from sightline.exports.experiment_trackers import log_to_wandb

        return log_to_wandb(self, run, project, None if folder is None else export_path(folder))

    @clear_arguments
    def to_fiftyone(self, folder: str | PathLike[str], dataset: Any = None) -> "ExportedSamples":
        """Images, labels, answers and heat maps as samples of FiftyOne, Classification and Heatmap.

        Parameters
        ----------
        folder : path
            Where images are written as PNG. Without a data set, all of it, in the format that
            ``fiftyone.Dataset.from_dir(dataset_type=fiftyone.types.FiftyOneDataset)`` reads.
        dataset : fiftyone.Dataset, optional
            One that samples are added to.

        Returns
        -------
        ExportedSamples

        Raises
        ------
        MissingExtra
            If a data set is given and FiftyOne is not installed.
        FileError
            If it cannot be written.
        """
        from sightline.exports.fiftyone_dataset import add_to_fiftyone, write_fiftyone

        self.check_current()
        if dataset is None:
            return write_fiftyone(self, export_path(folder))
        return add_to_fiftyone(self, dataset, export_path(folder))

    def __repr__(self) -> str:
        lines = sum(len(one.rows) for one in self.tables.values())
        title = printable_text(self.values.summary.title)
        return f"Export({title!r}: {len(self.tables)} tables of {lines:,} lines)"


@clear_arguments
def export(
    study: StudyResults | str | PathLike[str],
    *,
    repaired: RepairResult | Proof | str | PathLike[str] | None = None,
    blame: Blame | None = None,
    concepts: Blame | None = None,
    causes: ImageCauses | None = None,
    slices: Slices | None = None,
    proof: Proof | None = None,
    evaluation: Evaluation | MultiLabelEvaluation | None = None,
    lang: str | None = None,
    progress: bool | None = None,
) -> Export:
    """All that is known of a study for other tools: tables, a model card, MLflow, TensorBoard and others.

    What is shown is what `sightline.report` shows: a result that is given, else the one that a command left
    in the study's folder, unless it was found in other answers than the study has now. The model is not
    asked: nothing is computed but means over what the study holds.

    Parameters
    ----------
    study, repaired, blame, concepts, causes, slices, proof
        As for `sightline.report`.
    evaluation : Evaluation or MultiLabelEvaluation, optional
        What `sightline.evaluate` found of the model, beside what the study's own answers say.
    lang : {"en", "ko"}, optional
        Language of sentences; names of columns and of metrics are English.
    progress : bool, optional
        Show a progress bar; by default on a terminal and in a notebook.

    Returns
    -------
    Export

    Raises
    ------
    FileError
        If there is no study in the folder, or no repair.
    OptionError
        If something else is given.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import sightline as sl
    >>> images = np.random.default_rng(0).random((6, 8, 8))
    >>> labels = (images[:, :4].mean(axis=(1, 2)) > 0.5).astype(int)
    >>> def model(images):
    ...     return np.clip(images[:, :4].mean(axis=(1, 2)), 0, 1)
    >>> folder = tempfile.mkdtemp()
    >>> plan = sl.Plan(segment=sl.Grid(rows=2, columns=2), budget=16, fill="colour")
    >>> made = sl.export(sl.Study(folder, plan).run((images, labels), model))
    >>> made.tables["answers"].column("right")
    (True, True, True, True, True, True)
    >>> made.to_csv(f"{folder}/tables")[0].name
    'study.csv'
    """
    opened = as_kept_study(study, "an export")
    if evaluation is not None and not isinstance(evaluation, Evaluation | MultiLabelEvaluation):
        raise OptionError(
            "evaluation must be what sightline.evaluate returns, but "
            f"{describe_value(evaluation)} was given.",
            slug="option-value",
        )
    given = {"blame": blame, "concepts": concepts, "causes": causes, "slices": slices}
    with use_language(lang):
        for _ in range(READINGS):
            state = reading_digest(opened, repaired)
            values = _read_values(opened, repaired, proof, given, evaluation, progress)
            tables = {one.name: one for one in list_tables(values)}
            if reading_digest(opened, repaired) == state:
                about = {**given, "proof": proof}
                return Export(values, current_language(), repaired, about, tables, state)
    raise _changed_error(opened)


def _read_values(
    study: Study,
    repaired: RepairResult | Proof | str | PathLike[str] | None,
    proof: Proof | None,
    given: Mapping[str, Any],
    evaluation: Evaluation | MultiLabelEvaluation | None,
    progress: bool | None,
) -> Exported:
    found = read_findings(study, study.path, given)
    areas = None if found.blame is None else found.blame.areas
    seen = atlas(study, regions=areas, progress=progress) if len(study) else None
    summary = summarise(
        study,
        repaired=repaired,
        proof=proof,
        given=given,
        seen=seen,
        with_images=False,
        progress=progress,
    )
    return Exported(study, summary, found, seen, _shown_proof(summary, repaired, proof), evaluation)


def reading_digest(study: Study, repaired: object = None) -> str:
    """Digest of what a study's folder has: its lines, and the files of what was found and said of it.

    Parameters
    ----------
    study : Study
    repaired : optional
        As it was given to `export`: of a folder, the files of the repair and its proof count, too.
    """
    # Each line has its own time, which is another one once the image is explained anew.
    read = [table.to_pydict() for table in study.store.tables(("place", "seconds"))]
    lines = (np.array([one for table in read for one in table[name]], float) for name in ("place", "seconds"))
    files = [study.path / name for name in READ]
    if isinstance(repaired, str | PathLike):
        files += [Path(repaired) / name for name in OF_REPAIR]
        files += [file for one in OF_STUDIES for file in sorted(Path(repaired).glob(one))]
    stamps = (f"{file.name} {file_stamp(file)}" for file in files)
    return combined_digest([*lines, *stamps], size=8)


def _changed_error(study: Study) -> FileError:
    return FileError(
        f"the study in {str(study.path)!r} has changed since this export was begun: what is exported would "
        "be of two states of it. Make the export anew, once the study is done or stopped.",
        slug="export-changed",
    )


def _shown_proof(summary: Summary, repaired: object, proof: Proof | None) -> Proof | None:
    """The proof that the summary tells of; none where it left one aside."""
    if summary.repair is None or not summary.repair.verdict:
        return None
    if isinstance(repaired, Proof):
        return repaired
    if proof is not None:
        return proof
    return read_proof(Path(summary.repair.folder) / "proof.json")[0]
