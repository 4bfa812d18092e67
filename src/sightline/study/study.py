"""Study: labelled images and a model → explanations of them all, kept in a folder."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline.adapters.model import CheckedModel
from sightline.data import Form
from sightline.data.source import Apart, Source, apart
from sightline.data.split import Split
from sightline.engine.image import as_image
from sightline.engine.plan import Plan
from sightline.errors import ModelError, OptionError
from sightline.explanation import Explanation
from sightline.study import opening, running
from sightline.study import plan as kept
from sightline.study.opening import Asked, Data
from sightline.study.plan import Origin
from sightline.study.progress import Progress
from sightline.study.ray import Ray
from sightline.study.reading import Reading
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
        if plan is not None and self._origin is not None:
            kept.check_same(self._origin.plan, plan, self.path)
            self._origin = self._with_plan(self._origin)
        self._data: Data | None = None
        self._asked: Asked | None = None

    @property
    def source(self) -> Any:
        """The labelled images.

        Raises
        ------
        OptionError
            If they were held in memory, by another process.
        """
        return self._images().source

    @property
    def held_out(self) -> Apart:
        """The images that the study never touches, for a proof to use.

        Raises
        ------
        OptionError
            If none were held out when the study began.
        """
        return apart(self.source, self._split().other())

    @property
    def studied(self) -> Source:
        """The images that are explained: all but those held out."""
        split = self.origin.split
        return self.source if split is None else apart(self.source, split)

    def _split(self) -> Split:
        if self.origin.split is None:
            raise OptionError(
                f"the study in {self.path} holds no images out: it has used them all. Prove the repair on "
                "images of your own that nobody has used (--data), or begin a new study with held_out=0.3 "
                "(--held-out 0.3).",
                slug="study-held-out",
            )
        return self.origin.split

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
        return self._opened().model

    def _opened(self) -> Asked:
        if self._asked is None:
            if not self.origin.model:
                raise OptionError(
                    f"the model of the study in {self.path} was given from memory: give it again, as in "
                    "study.attach(data, model).",
                    slug="study-model",
                )
            self.attach(model=self.origin.model)
        assert self._asked is not None
        return self._asked

    def attach(
        self,
        data: Any = None,
        model: Any = None,
        *,
        form: Form | None = None,
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
            opened = opening.open_images(data, form, self.origin.split)
            opening.check_data(self.origin, opened.source, self.path)
            self._data = opened
        if model is not None:
            asked = opening.open_asked(model, self.class_names, preprocess, trust)
            opening.check_file(self.origin, asked, self.path)
            opening.check_model(self.origin, self.source, asked.model, self.path)
            self._asked = asked
        return self

    def _images(self) -> Data:
        if self._data is None:
            if not self.origin.data:
                raise OptionError(
                    f"the images of the study in {self.path} were given from memory: give them again, as in "
                    "study.attach(data, model).",
                    slug="study-data",
                )
            self.attach(data=self.origin.data, form=self.origin.form)
        assert self._data is not None
        return self._data

    def run(
        self,
        data: Any = None,
        model: Any = None,
        *,
        form: Form | None = None,
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
        _check_options(workers, batch_size)
        how = {"form": form, "preprocess": preprocess, "trust": trust}
        if self._origin is None:
            self._begin(data, model, class_names, held_out, **how)
        else:
            kept.check_split(self.origin, held_out, self.path)
            self.attach(data, model, **how)
        job = opening.job_of(self.origin, self._images(), self._opened(), batch_size)
        size, count = self.origin.part, self.origin.count
        self.store.sweep()
        missing = self.store.missing(count, size)
        shown = sys.stderr.isatty() if progress is None else progress
        counted = Progress(sum(len(job.places(*part)) for part in missing), shown=shown)
        with counted.running():
            running.compute(job, self.store, missing, workers, counted)
            if retry:
                running.retry(job, self.store, workers, counted)
        self.store.join(count, size)
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
        place = self.store.place(which) if isinstance(which, str) else which
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

    def _begin(self, data: Any, model: Any, class_names: Any, held_out: float | None, **how: Any) -> None:
        """Write a new study's plan.toml; if another process was faster, what is given has to fit."""
        if data is None or model is None:
            raise OptionError(
                f"there is no study in {self.path} yet: run(data, model) begins one.", slug="study-missing"
            )
        split = Split(held_out, self.plan.seed) if held_out else None
        images = opening.open_images(data, how["form"], split)
        asked = opening.open_asked(model, class_names, how["preprocess"], how["trust"])
        mine = kept.write(self.path, opening.origin_of(self.plan, images, asked))
        self._origin = kept.read(self.path)
        if not mine:
            kept.check_same(self.origin.plan, self._plan or Plan(), self.path)
            kept.check_split(self.origin, held_out, self.path)
        self._origin = self._with_plan(self.origin)
        if mine:
            self._data, self._asked = images, asked
        else:
            self.attach(data, model, **how)

    def _with_plan(self, origin: Origin) -> Origin:
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


def _check_options(workers: Any, batch_size: Any) -> None:
    for name, value in (("workers", workers), ("batch_size", batch_size)):
        if isinstance(value, Ray) or value is None:
            continue
        if not hasattr(value, "__index__") or value < 1:
            raise OptionError(f"{name} must be 1 or more, but {value!r} was given.", slug="option-value")
