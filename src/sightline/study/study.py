"""Study: labelled images and a model → explanations of them all, kept in a folder."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline.adapters.checked_model import CheckedModel
from sightline.data import ImageFormat
from sightline.data.datasets import Apart, Dataset, apart
from sightline.data.holdout import HoldoutRule
from sightline.engine.image import as_image
from sightline.engine.plan import Plan
from sightline.errors import ModelError, OptionError
from sightline.explanation import Explanation
from sightline.study import manifest as kept
from sightline.study import provenance, runner
from sightline.study.manifest import Manifest
from sightline.study.progress import StudyProgress
from sightline.study.provenance import OpenedData, OpenedModel
from sightline.study.ray import Ray
from sightline.study.study_reader import Reading
from sightline.types import Scores


class Study(Reading):
    """Explanations of many labelled images, in a folder; computed once, in as many runs as it takes.

    Parameters
    ----------
    path : path
        The study's own folder; made by the first run.
    plan : Plan, optional
        All that decides the numbers. A study has one plan: it may be left out where there is one already.

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

    def __init__(self, path: str | PathLike[str], plan: Plan | None = None) -> None:
        super().__init__(path)
        if plan is not None and not isinstance(plan, Plan):
            raise OptionError(
                f"plan must be a Plan, but {plan!r} was given: sl.Plan(attribute=...).", slug="option-value"
            )
        self._plan = plan
        if plan is not None and self._manifest is not None:
            kept.check_same_plan(self._manifest.plan, plan, self.path)
            self._manifest = self._with_plan(self._manifest)
        self._opened_data: OpenedData | None = None
        self._opened_model: OpenedModel | None = None

    @property
    def source(self) -> Any:
        """The labelled images.

        Raises
        ------
        OptionError
            If they were held in memory, by another process.
        """
        return self._open_images().source

    @property
    def held_out(self) -> Apart:
        """The images that the study never touches, for a proof to use.

        Raises
        ------
        OptionError
            If none were held out when the study began.
        """
        return apart(self.source, self._holdout_rule().complement())

    @property
    def studied(self) -> Dataset:
        """The images that are explained: all but those held out."""
        split = self.manifest.split
        return self.source if split is None else apart(self.source, split)

    def _holdout_rule(self) -> HoldoutRule:
        if self.manifest.split is None:
            raise OptionError(
                f"the study in {self.path} holds no images out: it has used them all. Prove the repair on "
                "images of your own that nobody has used (--data), or begin a new study with held_out=0.3 "
                "(--held-out 0.3).",
                slug="study-held-out",
            )
        return self.manifest.split

    @property
    def model(self) -> CheckedModel:
        """The model.

        Raises
        ------
        OptionError
            If it was held in memory, by another process.
        FileError
            If loading it needs trust.
        """
        return self._open_model().model

    def _open_model(self) -> OpenedModel:
        if self._opened_model is None:
            if not self.manifest.model_text:
                raise OptionError(
                    f"the model of the study in {self.path} was given from memory: give it again, as in "
                    "study.attach(data, model).",
                    slug="study-model",
                )
            self.attach(model=self.manifest.model_text)
        assert self._opened_model is not None
        return self._opened_model

    def attach(
        self,
        data: Any = None,
        model: Any = None,
        *,
        form: ImageFormat | None = None,
        preprocess: Any = None,
        trust: bool = False,
    ) -> "Study":
        """Give a study its images and its model back, without computing anything.

        Parameters
        ----------
        data, model, form, preprocess, trust
            As for `run`; what is left out stays as it is.

        Returns
        -------
        Study
            Itself.

        Raises
        ------
        OptionError
            If they are not those that the study was made of.
        """
        if data is not None:
            opened = provenance.resolve_images(data, form, self.manifest.split)
            provenance.check_data(self.manifest, opened.source, self.path)
            self._opened_data = opened
        if model is not None:
            asked = provenance.resolve_model(model, self.class_names, preprocess, trust)
            provenance.check_model_file(self.manifest, asked, self.path)
            provenance.check_model(self.manifest, self.source, asked.model, self.path)
            self._opened_model = asked
        return self

    def _open_images(self) -> OpenedData:
        if self._opened_data is None:
            if not self.manifest.data_text:
                raise OptionError(
                    f"the images of the study in {self.path} were given from memory: give them again, as in "
                    "study.attach(data, model).",
                    slug="study-data",
                )
            self.attach(data=self.manifest.data_text, form=self.manifest.image_format)
        assert self._opened_data is not None
        return self._opened_data

    def run(
        self,
        data: Any = None,
        model: Any = None,
        *,
        form: ImageFormat | None = None,
        class_names: Sequence[str] | Mapping[Any, Any] | None = None,
        preprocess: Any = None,
        held_out: float | None = None,
        workers: int | Ray = 1,
        batch_size: int | None = None,
        retry: bool = False,
        trust: bool = False,
        progress: bool | None = None,
    ) -> "Study":
        """Explain every image that is not explained yet.

        The predicted class is explained, and the label where it is another, at the cost of one explanation.
        An image that fails is kept as such, with its reason. The run may be stopped in any way and run
        again, or run by several processes at once: no line is lost, doubled or torn.

        Parameters
        ----------
        data : Labelled, Folder, (images, labels) or str
            A text is a folder, a list or a built-in set, as the command `sightline study` takes it. May be
            left out, like the model, where the study knows its own.
        model : anything `as_model` takes, or str
            A text is a file, a URL or ``package.module:function``, which each worker opens for itself.
        form : Form, optional
            The form that images named by a text are brought to.
        class_names : optional
            As for `as_model`.
        preprocess : callable, optional
            As for `as_model`.
        held_out : float, optional
            Share of the images, about, that this study never touches, so that a repair can be proved on
            them (`sightline.prove`). Decided once, when the study begins.
        workers : int or Ray
            Processes on this machine, which share its cores; 1 is this process itself.
        batch_size : int, optional
            Most images in one model call's batch.
        retry : bool
            Try the images once more that failed before.
        trust : bool
            Whether code stored in the model's file may run.
        progress : bool, optional
            Show how far it is; by default on a terminal.

        Returns
        -------
        Study
            Itself.

        Raises
        ------
        OptionError
            If the study was made with other images or another model.
        ModelError
            If the model fails at every image.
        FileError
            If the study's folder cannot be written to.
        """
        _check_run_options(workers, batch_size)
        how = {"form": form, "preprocess": preprocess, "trust": trust}
        if self._manifest is None:
            self._begin_study(data, model, class_names, held_out, **how)
        else:
            kept.check_held_out(self.manifest, held_out, self.path)
            self.attach(data, model, **how)
        job = provenance.make_job(self.manifest, self._open_images(), self._open_model(), batch_size)
        size, count = self.manifest.part_size, self.manifest.image_count
        self.store.remove_abandoned()
        missing = self.store.missing_parts(count, size)
        shown = sys.stderr.isatty() if progress is None else progress
        counted = StudyProgress(sum(len(job.selected_places(*part)) for part in missing), shown=shown)
        with counted.running():
            runner.compute_missing(job, self.store, missing, workers, counted)
            if retry:
                runner.retry_failed(job, self.store, workers, counted)
        self.store.join_parts(count, size)
        self._check_hopeless()
        return self

    def image(self, place: int) -> Shaped[np.ndarray, "..."]:
        """The pixels of an image, as the model is asked about them.

        Raises
        ------
        ImageError
            If it cannot be read.
        """
        return as_image(self.source[place][0])

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
            self.image(place), self.plan, row.segments, scores, row.attribution, self.class_names
        )

    def _begin_study(
        self, data: Any, model: Any, class_names: Any, held_out: float | None, **how: Any
    ) -> None:
        """Write a new study's plan.toml; if another process was faster, what is given has to fit."""
        if data is None or model is None:
            raise OptionError(
                f"there is no study in {self.path} yet: run(data, model) begins one.", slug="study-missing"
            )
        split = HoldoutRule(held_out, self.plan.seed) if held_out else None
        images = provenance.resolve_images(data, how["form"], split)
        asked = provenance.resolve_model(model, class_names, how["preprocess"], how["trust"])
        mine = kept.write_manifest(self.path, provenance.make_manifest(self.plan, images, asked))
        self._manifest = kept.read_manifest(self.path)
        if not mine:
            kept.check_same_plan(self.manifest.plan, self._plan or Plan(), self.path)
            kept.check_held_out(self.manifest, held_out, self.path)
        self._manifest = self._with_plan(self.manifest)
        if mine:
            self._opened_data, self._opened_model = images, asked
        else:
            self.attach(data, model, **how)

    def _with_plan(self, origin: Manifest) -> Manifest:
        """With the plan that was given, if one was: a file cannot hold its functions."""
        return origin if self._plan is None else dataclasses.replace(origin, plan=self._plan)

    def _check_hopeless(self) -> None:
        """Say so where not one image could be explained."""
        failures = self.failures()
        if failures and not len(self):
            first = failures[0]
            raise ModelError(
                f"none of the {len(failures)} images could be explained. The first, {first.id}: "
                f"{first.reason} Mend that and run the study again with retry (--retry).",
                slug="study-hopeless",
            )


def _check_run_options(workers: Any, batch_size: Any) -> None:
    for name, value in (("workers", workers), ("batch_size", batch_size)):
        if isinstance(value, Ray) or value is None:
            continue
        if not hasattr(value, "__index__") or value < 1:
            raise OptionError(f"{name} must be 1 or more, but {value!r} was given.", slug="option-value")
