"""Study: labelled images and a model → explanations of them all, kept in a folder."""

import dataclasses
import functools
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, Shaped

from sightline._arguments import clear_arguments, describe_value
from sightline._checks import check_batch_size, check_whole, is_whole
from sightline._class_names import ClassNames, warn_if_permuted
from sightline._files import is_a_file, is_a_folder, readable_text
from sightline._language import translate as tr
from sightline._notebook_html import result_html
from sightline._printing import printable_text
from sightline._progress import is_progress_shown
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.one_label import LabelView
from sightline.data import ImageFormat
from sightline.data.datasets import Dataset, Subset
from sightline.data.holdout import HoldoutRule
from sightline.engine.image import as_image
from sightline.engine.plan import Plan, plan_of_many
from sightline.errors import FileError, ModelError, OptionError, warn
from sightline.evaluation.classification import Evaluation
from sightline.explanation import Explanation
from sightline.study import provenance, runner
from sightline.study.fill_advice import advise_fill
from sightline.study.inputs import StudyInputs
from sightline.study.known_images import CHECKED, OPENING, ImageDigests, KnownImages, changed_error
from sightline.study.manifest import (
    Manifest,
    check_held_out,
    check_label,
    check_same_plan,
    read_manifest,
    studied_places,
    write_given_names,
    write_manifest,
)
from sightline.study.progress import StudyProgress
from sightline.study.provenance import OpenedModel
from sightline.study.ray import Ray
from sightline.study.schema import Row, StudyResults, answers_digest, row_from_lines, rows_from_table
from sightline.study.store import Store
from sightline.study.verdicts import Verdicts
from sightline.types import Scores

HIDDEN_LITTLE = ("hiding-little", "scores-hardly-move", "scores-flat")
"""What is said of an explanation where hiding hid nothing, if the model was sure."""
MOST_WORKERS = 1024
SHOWN = 3
"""Studies below a folder that are named."""


def _missing_text(path: Path, shown: str) -> str:
    """What there is instead of a study."""
    if is_a_file(path):
        return f"{shown} is a file, and not the folder of a study."
    below = sorted(one.parent.name for one in path.glob("*/plan.toml"))[:SHOWN] if is_a_folder(path) else []
    hint = f", but in folders below it: {', '.join(map(repr, below))}." if below else ": run it first."
    return f"there is no study in {shown}{hint}"


class Failure(NamedTuple):
    """An image that could not be explained, and why."""

    place: int
    id: str
    failure: str
    reason: str


def as_study(given: object) -> StudyResults:
    """A study, also by the path of its folder.

    Raises
    ------
    FileError
        If there is no study in the folder.
    OptionError
        If it is something else.
    """
    if isinstance(given, str | PathLike):
        study = Study(given)
        _ = study.manifest  # which says so if there is none
        study.warn_of_range()
        return study
    if not isinstance(given, StudyResults):
        raise OptionError(
            f"a study is needed, sightline.Study(folder) or the folder's path, but "
            f"{describe_value(given)} was given.",
            slug="option-value",
        )
    if isinstance(given, Study):
        given.warn_of_range()
    return given


def as_kept_study(given: object, asker: str) -> "Study":
    """A study that has a folder, also by its path; `asker` is what is of it, such as ``"a report"``.

    Raises
    ------
    FileError, OptionError
        As `as_study` does; also if the study is in memory alone.
    """
    opened = as_study(given)
    if not isinstance(opened, Study):
        raise OptionError(
            f"{asker} is of a study in a folder, sightline.Study(folder), but {describe_value(opened)} was "
            "given.",
            slug="option-value",
        )
    return opened


class Study:
    """Explanations of many labelled images, in a folder; computed once, in as many runs as it takes.

    Parameters
    ----------
    path : path
        The study's own folder; made by the first run.
    plan : Plan, optional
        All that decides the numbers. A study has one plan: it may be left out where there is one already.
        Unless it names an estimator, the regression learns the values of a fixed budget (`plan_of_many`).

    Raises
    ------
    OptionError
        If the study in the folder was made with another plan.
    FileError
        If the folder holds a study that cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sightline import Grid
    >>> images = np.random.default_rng(0).random((6, 8, 8))
    >>> labels = (images[:, :4].mean(axis=(1, 2)) > 0.5).astype(int)
    >>> def model(images):
    ...     return np.clip(images[:, :4].mean(axis=(1, 2)), 0, 1)
    >>> with tempfile.TemporaryDirectory() as path:
    ...     study = Study(path, Plan(segment=Grid(rows=2, columns=2), budget=16, fill="colour"))
    ...     study = study.run((images, labels), model)
    ...     len(study), study.row(3).segments.count
    (6, 4)
    """

    @clear_arguments
    def __init__(self, path: str | PathLike[str], plan: Plan | None = None) -> None:
        if plan is not None and not isinstance(plan, Plan):
            raise OptionError(
                f"plan must be a Plan, but {plan!r} was given: sl.Plan(attribute=...).", slug="option-value"
            )
        if readable_text(str(path)) != str(path):
            raise FileError(
                f"no study can be kept in {readable_text(str(path))!r}: the name is not in UTF-8, as Parquet "
                "files need it. Rename the folder.",
                slug="study-write",
            )
        # Absolute, for the working directory may be another one later.
        self.path = Path(path).expanduser().absolute()
        self._shown_path = str(path)
        self.store = Store(self.path / "parts")
        self._given_plan = plan
        self._manifest = self._read_manifest()
        if plan is not None and self._manifest is not None:
            check_same_plan(self._manifest.plan, plan, self.path)
            self._manifest = self._with_given_plan(self._manifest)
        self._inputs = StudyInputs(self.path)
        self._known: KnownImages | None = None

    @property
    def plan(self) -> Plan:
        """What decides the numbers."""
        return self._manifest.plan if self._manifest is not None else plan_of_many(self._given_plan or Plan())

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the model's classes, in its order."""
        return None if self._manifest is None else self._manifest.class_names

    @property
    def count(self) -> int:
        """Images of the data that are to be explained; those held out are not among them."""
        return self.manifest.selected_count

    @property
    def manifest(self) -> Manifest:
        """What the study is made of.

        Raises
        ------
        FileError
            If it was never run.
        """
        if self._manifest is None:
            raise FileError(_missing_text(self.path, self._shown_path), slug="study-missing")
        return self._manifest

    @property
    def source(self) -> Any:
        """The labelled images.

        Raises
        ------
        OptionError
            If they were held in memory, by another process.
        """
        return self._inputs.data(self.manifest).source

    @property
    def held_out(self) -> Subset:
        """The images that the study never touches, for a proof to use.

        Raises
        ------
        OptionError
            If none were held out when the study began.
        """
        if self.manifest.split is None:
            raise OptionError(
                f"the study in {self.path} holds no images out: it has used them all. Prove the repair on "
                "images of your own that nobody has used (--data), or begin a new study with held_out=0.3 "
                "(--held-out 0.3).",
                slug="study-held-out",
            )
        return Subset(self.source, self.manifest.split.complement().select(len(self.source)))

    @property
    def studied(self) -> Dataset:
        """The images that are explained: all but those held out; one that has changed since is refused."""
        known, split = self._known_images(), self.manifest.split
        return known if split is None else known[split.select(len(known))]

    @property
    def model(self) -> CheckedModel:
        """The model.

        Raises
        ------
        OptionError
            If it was held in memory, by another process.
        FileError
            If opening it needs trust: `attach(trust=True)` gives it, or the model again.
        """
        return self.opened_model.model

    @property
    def opened_model(self) -> OpenedModel:
        """The model, and how workers open it."""
        return self._inputs.model(self.manifest)

    @clear_arguments
    def attach(
        self,
        data: Any = None,
        model: Any = None,
        *,
        image_format: ImageFormat | None = None,
        preprocess: Any = None,
        output: str | None = None,
        trust: bool = False,
    ) -> "Study":
        """Give a study its images and its model back, without computing anything.

        Parameters
        ----------
        data, model, image_format, preprocess, output
            As for `run`; what is left out stays as it is.
        trust : bool
            As for `run`. Alone, ``attach(trust=True)`` lets the study open what its own folder names.

        Returns
        -------
        Study
            Itself.

        Raises
        ------
        OptionError
            If they are not those that the study was made of.
        """
        if trust:
            self._inputs.trust()
        if data is not None:
            self._inputs.attach_data(self.manifest, data, image_format)
        if model is not None:
            self._inputs.attach_model(self.manifest, model, preprocess, output, trust=trust)
        return self

    @clear_arguments
    def run(
        self,
        data: Any = None,
        model: Any = None,
        *,
        image_format: ImageFormat | None = None,
        class_names: ClassNames | None = None,
        preprocess: Any = None,
        output: str | None = None,
        label: int | str | None = None,
        threshold: float | None = None,
        held_out: float | None = None,
        workers: int | Ray = 1,
        batch_size: int | None = None,
        retry: bool = False,
        trust: bool = False,
        check_range: bool = True,
        progress: bool | None = None,
    ) -> "Study":
        """Explain every image that is not explained yet.

        The predicted class is explained, and the label where it is another, at the cost of one explanation.
        An image that fails is kept as such, with its reason. The run may be stopped in any way and run
        again, or run by several processes at once: no line is lost, doubled or torn.

        Parameters
        ----------
        data : labelled images, (images, labels) or str
            A text is a folder, a list or a built-in set, as the command `sightline study` takes it. May be
            left out, like the model, where the study knows its own.
        model : anything `as_model` takes, or str
            A text is a file, a URL or ``package.module:function``, which each worker opens for itself.
        image_format : ImageFormat, optional
            The form that images named by a text are brought to.
        class_names : optional
            As for `as_model`.
        preprocess : callable, optional
            As for `as_model`.
        output : str, optional
            What the model's columns are, as for `as_model`. Settled when the study begins, and kept with it.
        label, threshold : optional
            Of several labels the one to study, and which probability it has to exceed, as for `as_model`.
            Images of which it is not known are left out.
        held_out : float, optional
            Share of the images, about, that this study never touches, so that a repair can be proved on
            them (`sightline.prove`). Decided once, when the study begins.
        workers : int or Ray
            Processes on this machine, which share its cores; 1 is this process itself.
        batch_size : int, optional
            Most images in one model call's batch.
        retry : bool
            Try the images once more that failed before, and those that have changed since.
        trust : bool
            Whether code stored in the model's file may run; and, where data or model are left out, whether
            the modules may be imported and the servers asked that the study's folder names. A folder may be
            anyone's: what is given in the call itself needs no trust.
        check_range : bool
            When the study begins: ask about 32 of the images, and where 10 are wrong about up to 96 in each
            of the usual ranges of values, and warn (and keep in plan.toml) if the model is clearly right more
            often in another. False neither asks nor warns.
        progress : bool, optional
            Show how far it is; by default on a terminal and in a notebook.

        Returns
        -------
        Study
            Itself.

        Raises
        ------
        OptionError
            If the study was made with other images or another model.
        ImageError
            If images are not what was explained, or other ones each time that they are asked for.
        ModelError
            If the model fails at every image.
        FileError
            If the study's folder cannot be written to.
        """
        if not isinstance(workers, Ray):
            check_whole("workers", workers, most=MOST_WORKERS)
        batch_size = check_batch_size(batch_size)
        how = {"image_format": image_format, "preprocess": preprocess, "output": output, "trust": trust}
        if self._manifest is None:
            view = LabelView(label, 0.5 if threshold is None else threshold)
            self._begin_study(data, model, class_names, held_out, check_range, view, **how)
        else:
            check_held_out(self.manifest, held_out, self.path)
            check_label(self.manifest, label, threshold, self.path)
            self.attach(data, model, **how)
        if check_range:
            self.warn_of_range()
        job = provenance.make_job(
            self.manifest, self._inputs.data(self.manifest), self.opened_model, batch_size
        )
        size, count = self.manifest.part_size, self.manifest.image_count
        self.store.remove_abandoned()
        self.store.check_parts(functools.partial(studied_places, self.manifest.split))
        changed = self._changed_images(retry)
        missing = self.store.missing_parts(count, size)
        shown = is_progress_shown(progress)
        counted = StudyProgress(sum(len(job.selected_places(*part)) for part in missing), shown=shown)
        with counted.running():
            runner.compute_missing(job, self.store, missing, workers, counted)
            if retry:
                runner.retry_failed(job, self.store, workers, counted, changed)
        self.store.join_parts(count, size)
        self._known = None
        self._check_hopeless()
        warn_if_permuted(self.labels, self.predicted, self.class_names)
        if missing or retry:
            advise_fill(self, self.store.warned_places("hiding-little"), len(self))
        return self

    def rows(self) -> Iterator[Row]:
        """Every image that was explained, in the order of the data."""
        classes = self.manifest.n_columns
        for table in self.store.tables():
            yield from rows_from_table(table, classes)

    @clear_arguments
    def row(self, place: int) -> Row:
        """One image that was explained.

        Raises
        ------
        OptionError
            If it was not.
        """
        if not is_whole(place):
            raise OptionError(
                f"an image is asked for by its place, a whole number, but {place!r} was given.",
                slug="study-row",
            )
        lines = self.store.image_lines(place)
        if not lines:
            raise OptionError(
                f"image {place} is not among the {len(self)} explained ones of {self.count}.",
                slug="study-row",
            )
        if lines[0]["failure"] is not None:
            raise OptionError(
                f"image {place} ({printable_text(lines[0]['id'])}) could not be explained: "
                f"{printable_text(lines[0]['reason'])}",
                slug="study-row",
            )
        return row_from_lines(lines, self.manifest.n_columns)

    def outcomes(self) -> Evaluation:
        """How often the model was right on the explained images, and where it was wrong."""
        columns = self.store.outcome_columns()
        scores = np.broadcast_to(np.float64(np.nan), (len(columns["place"]), self.manifest.n_columns))
        return Evaluation(
            scores, columns["label"], columns["predicted"], columns["place"], self.class_names, None
        )

    @property
    def places(self) -> Int[np.ndarray, "N"]:
        """Places of the explained images, in order."""
        return self.store.outcome_columns()["place"]

    @property
    def labels(self) -> Int[np.ndarray, "N"]:
        """Labels of the explained images."""
        return self.store.outcome_columns()["label"]

    @property
    def predicted(self) -> Int[np.ndarray, "N"]:
        """Predicted classes of the explained images."""
        return self.store.outcome_columns()["predicted"]

    @property
    def ids(self) -> tuple[str, ...]:
        """What the explained images are called: their paths below the data's folder, or their places."""
        return self.store.explained_ids()

    @property
    def verdicts(self) -> Verdicts:
        """What a person says of groups of errors, regions, concepts and properties: read, and said, here."""

        def named(places: Int[np.ndarray, "_"]) -> list[str]:
            known = dict(zip(self.places.tolist(), self.ids, strict=True))
            return [known[place] for place in places.tolist()]

        return Verdicts(self.path, named, lambda: answers_digest(self))

    def failures(self) -> list[Failure]:
        """The images that could not be explained, and why."""
        return [Failure(**line) for line in self.store.failed_lines()]

    @clear_arguments
    def sql(self, query: str) -> Any:
        """What DuckDB answers about the table ``rows``, which has a line for each image and target.

        Parameters
        ----------
        query : str
            Such as ``"select predicted, avg(score) from rows where rank = 0 group by predicted"``.

        Returns
        -------
        duckdb.DuckDBPyRelation
            It prints as a table; ``.fetchall()``, ``.df()``, ``.arrow()`` and ``.pl()`` hand it on.

        Raises
        ------
        OptionError
            If DuckDB cannot answer.
        """
        return self.store.query(query)

    @clear_arguments
    def image(self, place: int) -> Shaped[np.ndarray, "..."]:
        """The pixels of an image, as the model is asked about them.

        Raises
        ------
        ImageError
            If it cannot be read, or is not the one that was explained.
        """
        known = self._known_images()
        if not (is_whole(place) and -len(known) <= place < len(known)):
            raise OptionError(
                f"an image is asked for by its place, a whole number from 0 to {len(known) - 1}, but "
                f"{place!r} was given.",
                slug="study-row",
            )
        return as_image(known[place][0])

    @clear_arguments
    def explanation(self, which: int | str) -> Explanation:
        """One image's explanation, to draw it or to keep it; without the scores of single masks.

        Parameters
        ----------
        which : int or str
            Its place, or its id.
        """
        place = self.store.place_of(which) if isinstance(which, str) else which
        row = self.row(place)
        scores = Scores(
            values=np.zeros((0, len(row.targets))),
            full=row.full,
            empty=row.empty,
            targets=row.targets,
            classes=row.classes,
            calls=row.attribution.calls,
        )
        return Explanation(
            self.image(place),
            self.plan,
            row.segments,
            scores,
            row.attribution,
            self.class_names,
            self.manifest.guesses,
        )

    def _known_images(self) -> KnownImages:
        with OPENING:
            source = self.source
            if self._known is None or self._known.dataset is not source:
                digests = ImageDigests.from_tables(self.store.tables(["place", "content"]))
                self._known = KnownImages(source, np.arange(len(source)), known=digests)
            return self._known

    def _changed_images(self, retry: bool) -> list[int]:
        """Places of images that were explained and have changed since, to be explained anew.

        Raises
        ------
        ImageError
            If there are some, and they are not to be.
        """
        known = self._known_images()
        changed = known.known.changed_places(self.source, None if retry else CHECKED)
        if changed and not retry:
            raise changed_error(changed, [self.source.image_id(changed[0])])
        return changed

    def _begin_study(
        self,
        data: Any,
        model: Any,
        class_names: ClassNames | None,
        held_out: float | None,
        check_range: bool,
        view: LabelView,
        **how: Any,
    ) -> None:
        """Write a new study's plan.toml; if another process was faster, what is given has to fit."""
        if data is None or model is None:
            raise OptionError(
                f"there is no study in {self.path} yet: run(data, model) begins one.", slug="study-missing"
            )
        split = HoldoutRule(held_out, self.plan.seed) if held_out else None
        opening = (class_names, how["preprocess"], how["trust"], how["output"])
        images, asked = provenance.open_both(data, model, how["image_format"], split, opening, view)
        manifest = provenance.make_manifest(self.plan, images, asked, check_range=check_range)
        provenance.check_no_orphans(manifest, self.store, self.path)
        mine = write_manifest(self.path, manifest)
        self._manifest = self._read_manifest()
        if not mine:
            check_same_plan(self.manifest.plan, self._given_plan or Plan(), self.path)
            check_held_out(self.manifest, held_out, self.path)
        self._manifest = self._with_given_plan(self.manifest)
        if mine:
            if class_names is not None:
                write_given_names(self.path, self.manifest.column_names)
            self._inputs.begin(images, asked)
        else:
            self.attach(data, model, **how)

    def _read_manifest(self) -> Manifest | None:
        found = read_manifest(self.path)
        self.store.key = "" if found is None else found.key
        return found

    def _with_given_plan(self, manifest: Manifest) -> Manifest:
        """With the plan that was given, if one was: a file cannot hold its functions. Its estimator stays."""
        if self._given_plan is None:
            return manifest
        plan = dataclasses.replace(self._given_plan, estimator=manifest.plan.estimator)
        return dataclasses.replace(manifest, plan=plan)

    def warn_of_range(self) -> None:
        """Say again what was seen of the range of the images' values when the study began, if anything."""
        if self._manifest is not None and self._manifest.range_note:
            warn(
                f"{self._manifest.range_note} The study in {self.path} is of the images as they are: what it "
                "says is about that, too.",
                slug="range-unlike",
            )

    def _weak_places(self) -> list[int]:
        """Images of which the model was sure, and hiding everything hardly changed that."""
        tables = self.store.tables(places=self.store.warned_places(*HIDDEN_LITTLE))
        rows = (row for one in tables for row in rows_from_table(one, self.manifest.n_columns))
        return [row.place for row in rows if row.hides_little(self.plan)]

    def _check_hopeless(self) -> None:
        """Say so where not one image could be explained."""
        failures = self.failures()
        if failures and not len(self):
            first = failures[0]
            raise ModelError(
                f"none of the {len(failures)} images could be explained. The first, "
                f"{printable_text(first.id)}: {printable_text(first.reason)} Mend that and "
                "run the study again with retry=True (--retry).",
                slug="study-hopeless",
            )

    def __len__(self) -> int:
        return len(self.store.outcome_columns()["place"])

    def _spent_text(self) -> str:
        """What an open budget has spent and reached."""
        if self.plan.budget != "auto":
            return ""
        calls, shares = self.store.spent_calls()
        known = shares[np.isfinite(shares)]
        if not len(known):
            return ""
        each = f"{np.median(calls):,.0f} for the median image ({calls.min():,} to {calls.max():,})"
        reached = f"errors of {100 * np.median(known):.2g} % of the values at the median"
        return f"; {calls.sum():,} calls, {each}, for {reached}"

    def _repr_html_(self) -> str:
        if self._manifest is None or not len(self):
            return result_html(repr(self))
        made = self.outcomes()
        right = int((made.labels == made.predicted).sum())
        heading = tr(
            "Study {path}: {many:,} of {n:,} images explained, {right:,} right and {wrong:,} wrong; "
            "{failed:,} failed, {held:,} held out",
            path=self._shown_path,
            many=len(made),
            n=self.count,
            right=right,
            wrong=len(made) - right,
            failed=len(self.failures()),
            held=self.manifest.image_count - self.count,
        )
        return result_html(heading, tables=[[(tr("measure"), tr("value")), *made.measured], made.table])

    def __repr__(self) -> str:
        if self._manifest is None:
            return f"Study({self._shown_path!r}: not run yet)"
        columns = self.store.outcome_columns()
        many, right = len(columns["place"]), int((columns["label"] == columns["predicted"]).sum())
        held = self.manifest.image_count - self.count
        weak = len(self._weak_places())
        return (
            f"Study({self._shown_path!r}: {many:,} of {self.count:,} images explained ({right:,} right, "
            f"{many - right:,} wrong), {len(self.failures()):,} failed"
            f"{f', {held:,} held out' if held else ''}; {type(self.plan.attribute).__name__}"
            f"{f'; label {self.class_names[1]}' if self.manifest.label and self.class_names else ''}"
            f"{f'; threshold {self.manifest.threshold:g}' if self.manifest.threshold != 0.5 else ''}"
            f"{f'; in {weak:,} hiding everything hardly changes the score' if weak else ''}"
            f"{self._spent_text()})" + "".join(f"\n  guess: {one}" for one in self.manifest.guesses)
        )
