"""a part of a study → its lines: what one worker does."""

import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from sightline._batch_sizes import BatchProbe, default_batch_size, fixed_batch_size
from sightline._class_names import target_columns
from sightline._digests import image_digest
from sightline._files import readable_text
from sightline._optional import require
from sightline._scales import on_scale
from sightline._trust import join_secret
from sightline.adapters import as_model
from sightline.adapters.one_label import LabelView
from sightline.adapters.open_model import load_model
from sightline.data.holdout import HoldoutRule
from sightline.engine.image import as_image
from sightline.engine.pipeline import run_plan
from sightline.engine.plan import Plan, with_changes
from sightline.errors import OptionError, SightlineError, TargetError, collect_warnings
from sightline.study.manifest import studied_places
from sightline.study.request_batching import RequestBatcher
from sightline.study.schema import PredictedAndLabel, failed_line, image_lines, table_schema
from sightline.types import Model, WhiteBoxMethod, record

MOST_AT_ONCE = 8
"""Images that are explained at once by threads of one process."""

ComputedPart = tuple[int, int, Any]


@record
class ModelSpec:
    """A model by the text that it is opened with, so that workers may open it for themselves.

    Parameters
    ----------
    text : str
        As `sightline.adapters.open_model.load_model` takes it; user and password of a URL hidden.
    trust : bool
        Whether code stored in the file may run.
    class_names, output
        As for `as_model`.
    view : LabelView
        Which label of several is asked for, and from which probability on it is there.
    secret : str
        User and password of a URL: never printed, and never written to a disk.
    recorded : str
        The file that the text was read from; empty if the caller gave it.
    """

    text: str
    trust: bool = False
    class_names: Any = None
    output: str = "auto"
    view: LabelView = LabelView()
    secret: str = dataclasses.field(default="", repr=False)
    recorded: str = ""

    def open(self) -> Any:
        """The model."""
        text = join_secret(self.text, self.secret)
        return as_model(
            load_model(text, trust=self.trust, recorded=self.recorded),
            class_names=self.class_names,
            output=self.output,
            label=self.view.label,
            threshold=self.view.threshold,
        )


@record
class StudyJob:
    """All that a worker needs to compute any part of a study.

    Parameters
    ----------
    model : CheckedModel or ModelSpec
    source : Dataset
    columns : int array
        The column of the model that each class of the data is.
    plan : Plan
    batch_size : int, optional
    split : HoldoutRule, optional
        Which images are explained; by default all.
    sizes : dict
        How many images go into a batch, by their format: a number, or the probe that finds one for them all.
    """

    model: Any
    source: Any
    columns: Int[np.ndarray, "_"]
    plan: Plan
    batch_size: int | None
    split: HoldoutRule | None = None
    sizes: dict[Any, int | BatchProbe] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def secret(self) -> str:
        """The model's password, which may not be written to a disk."""
        return self.model.secret if isinstance(self.model, ModelSpec) else ""

    def with_secret(self, secret: str) -> "StudyJob":
        """The job with another password, or without one."""
        if not self.secret and not secret:
            return self
        return dataclasses.replace(self, model=dataclasses.replace(self.model, secret=secret))

    def with_open_model(self) -> "StudyJob":
        """With its model open."""
        if not isinstance(self.model, ModelSpec):
            return self
        return dataclasses.replace(self, model=self.model.open())

    def selected_places(self, start: int, stop: int) -> list[int]:
        """The images from `start` to `stop` − 1 that are explained."""
        return [int(place) for place in studied_places(self.split, start, stop)]

    def compute_part(self, start: int, stop: int, tick: Callable[[], None] = lambda: None) -> Any:
        """The lines of the images `start` to `stop` − 1, as a pyarrow table; the model has to be open."""
        pyarrow = require("pyarrow", extra="study")
        places = self.selected_places(start, stop)
        image = self._read_image(places[0]) if places and self._may_share_batches() else None
        at_once = 1 if image is None else min(self._images_at_once(image), len(places))
        if image is None or at_once == 1:
            found = [self._explain_place(place, self.model, tick) for place in places]
        else:
            batcher = RequestBatcher(on_scale(self.model, self.plan.scale), self._batch_size_for(image))
            found = self._explain_in_threads(places, batcher, at_once, tick)
        return pyarrow.Table.from_pylist([line for image in found for line in image], schema=table_schema())

    def _explain_in_threads(
        self, places: list[int], model: RequestBatcher, threads: int, tick: Callable[[], None]
    ) -> list[Any]:
        with ThreadPoolExecutor(threads) as pool:
            try:
                return list(pool.map(lambda place: self._explain_place(place, model, tick), places))
            except BaseException:
                model.stopped = True
                raise

    def _may_share_batches(self) -> bool:
        return self.plan.budget != "auto" and not isinstance(self.plan.attribute, WhiteBoxMethod)

    def _images_at_once(self, image: Shaped[np.ndarray, "..."]) -> int:
        """Images to be explained at once: as many as it takes to fill a batch twice."""
        size = self._batch_size_for(image)
        if isinstance(size, BatchProbe):
            size = size.size if size.settled else size.largest
        return int(np.clip(2 * size // int(self.plan.budget), 1, MOST_AT_ONCE))

    def _read_image(self, place: int) -> Shaped[np.ndarray, "..."] | None:
        try:
            return as_image(self.source[place][0])
        except SightlineError:
            return None

    def _batch_size_for(self, image: Shaped[np.ndarray, "..."]) -> int | BatchProbe:
        """Images in a batch, or what finds out how many are fastest, once for all images of a format."""
        form = (image.shape, image.dtype.str)
        if form not in self.sizes:
            given = fixed_batch_size(self.batch_size, self.model, image)
            self.sizes.setdefault(form, given or BatchProbe(default_batch_size(image)))
        return self.sizes[form]

    def _explain_place(self, place: int, model: Model, tick: Callable[[], None]) -> list[dict[str, Any]]:
        """The lines of one image; what goes wrong with it is a line."""
        about: dict[str, Any] = {"place": place, "id": readable_text(self.source.image_id(place))}
        started = time.perf_counter()
        with collect_warnings() as slugs:
            try:
                pixels, given = self.source[place]
                image, label = as_image(pixels), self._label_column(given)
                about |= {"content": image_digest(image), "label": label}
                asked = target_columns(self.plan.target, self.model)
                plan = with_changes(self.plan, target=PredictedAndLabel(label, asked))
                size = self._batch_size_for(image)
                if isinstance(model, RequestBatcher) and isinstance(size, BatchProbe):
                    size = size.size  # threads wait for each other: the batcher times what it joins
                made = run_plan(image, model, plan, batch_size=size)
                about |= {"seconds": time.perf_counter() - started, "warnings": slugs}
                return image_lines(about, *made)
            except Exception as error:
                about |= {"seconds": time.perf_counter() - started, "warnings": slugs}
                return [failed_line(about, error)]
            finally:
                tick()

    def _label_column(self, label: int) -> int:
        """The model's column of a label."""
        if not 0 <= label < len(self.columns) or self.columns[label] < 0:
            raise TargetError(
                f"the image has the label {label}, which is no class of the model's.", slug="classes-unfit"
            )
        return int(self.columns[label])


def pickled_job(job: StudyJob) -> bytes:
    """The job as bytes for another process.

    Raises
    ------
    OptionError
        If the model or the data cannot be pickled.
    """
    try:
        return require("cloudpickle", extra="study").dumps(job)  # type: ignore[no-any-return]
    except Exception as error:
        raise OptionError(
            f"the model or the data cannot be handed to another process ({type(error).__name__}: {error}). "
            "Name the model by a text, such as its file or package.module:function, so that every worker "
            "opens it for itself; or leave out workers= (--workers).",
            slug="study-pickle",
        ) from error
