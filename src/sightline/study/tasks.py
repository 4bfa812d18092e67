"""parts of a study → their lines: in this process, or in several on this machine."""

import contextlib
import dataclasses
import functools
import hashlib
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from sightline._optional import require
from sightline.adapters import as_model
from sightline.adapters.open_model import load_model
from sightline.data.datasets import identity
from sightline.data.holdout import HoldoutRule
from sightline.engine import pipeline as engine
from sightline.engine.image import as_image
from sightline.engine.model_query import default_batch_size
from sightline.engine.plan import Plan, with_changes
from sightline.errors import ModelError, OptionError, SightlineError, collect_warnings
from sightline.study.request_batching import RequestBatcher
from sightline.study.schema import PredictedAndLabel, failed_line, image_lines, table_schema
from sightline.types import WhiteBoxMethod, record

MOST_ABREAST = 8
"""Images that are explained at once by threads of one process."""
DEATHS = 3
"""Times that workers may die without a part being finished in between."""

ComputedPart = tuple[int, int, Any]


@record
class ModelSpec:
    """A model by the text that it is opened with, so that workers may open it for themselves.

    Parameters
    ----------
    text : str
        As `sightline.adapters.open_model.load_model` takes it.
    trust : bool
        Whether code stored in the file may run.
    class_names : tuple of str, optional
    """

    text: str
    trust: bool = False
    class_names: tuple[str, ...] | None = None

    def open(self) -> Any:
        """The model."""
        return as_model(load_model(self.text, trust=self.trust), class_names=self.class_names)


@record
class StudyJob:
    """All that a worker needs to compute any part of a study.

    Parameters
    ----------
    model : CheckedModel or Recipe
    source : Labelled, Folder or the like
        ``source[place]`` is an image and its label.
    columns : int array
        The column of the model that each class of the data is.
    plan : Plan
    batch_size : int, optional
    split : Split, optional
        Which images are meant; by default all.
    """

    model: Any
    source: Any
    columns: Int[np.ndarray, "_"]
    plan: Plan
    batch_size: int | None
    split: HoldoutRule | None = None

    def with_open_model(self) -> "StudyJob":
        """With its model open."""
        if not isinstance(self.model, ModelSpec):
            return self
        return dataclasses.replace(self, model=self.model.open())

    def selected_places(self, start: int, stop: int) -> list[int]:
        """The images from `start` to `stop` − 1 that are meant."""
        every = np.arange(start, stop)
        return (every if self.split is None else every[self.split.selected(every)]).tolist()

    def compute_part(self, start: int, stop: int, tick: Callable[[], None] = lambda: None) -> Any:
        """The lines of the images `start` to `stop` − 1, as a pyarrow table; the model has to be open."""
        pyarrow = require("pyarrow", extra="study")
        places = self.selected_places(start, stop)
        abreast = min(self._images_at_once(start), max(1, len(places)))
        if abreast == 1:
            found = [self._explain_place(place, self.model, tick) for place in places]
        else:
            found = self._explain_in_threads(places, abreast, tick)
        return pyarrow.Table.from_pylist([line for image in found for line in image], schema=table_schema())

    def _explain_in_threads(self, places: list[int], abreast: int, tick: Callable[[], None]) -> list[Any]:
        model = RequestBatcher(self.model, self._batch_size_for(self._read_image(places[0])))
        with ThreadPoolExecutor(abreast) as pool:
            try:
                return list(pool.map(lambda place: self._explain_place(place, model, tick), places))
            except BaseException:
                model.stopped = True
                raise

    def _images_at_once(self, place: int) -> int:
        """Images to be explained at once: as many as it takes to fill a batch twice."""
        if self.plan.budget == "auto" or isinstance(self.plan.attribute, WhiteBoxMethod):
            return 1
        return int(
            np.clip(2 * self._batch_size_for(self._read_image(place)) // self.plan.budget, 1, MOST_ABREAST)
        )

    def _read_image(self, place: int) -> Shaped[np.ndarray, "..."] | None:
        try:
            return as_image(self.source[place][0])
        except SightlineError:
            return None

    def _batch_size_for(self, image: Shaped[np.ndarray, "..."] | None) -> int:
        """Images in a batch."""
        if image is None:
            return 1
        suits: Callable[[Any], int | None] = getattr(self.model, "suggested_batch_size", lambda image: None)
        return self.batch_size or suits(image) or default_batch_size(image)

    def _explain_place(self, place: int, model: Any, tick: Callable[[], None]) -> list[dict[str, Any]]:
        """The lines of one image; what goes wrong with it is a line."""
        about: dict[str, Any] = {"place": place, "id": identity(self.source, place)}
        started = time.perf_counter()
        with collect_warnings() as heard:
            try:
                pixels, given = self.source[place]
                image, label = as_image(pixels), int(self.columns[given])
                about |= {"content": image_digest(image), "label": label}
                plan = with_changes(self.plan, target=PredictedAndLabel(label, self.plan.target))
                made = engine.run_plan(image, model, plan, batch_size=self._batch_size_for(image))
                about |= {"seconds": time.perf_counter() - started, "warnings": heard}
                return image_lines(about, *made)
            except Exception as error:
                about |= {"seconds": time.perf_counter() - started, "warnings": heard}
                return [failed_line(about, error)]
            finally:
                tick()


def image_digest(image: Shaped[np.ndarray, "..."]) -> str:
    """Digest of an image's shape, dtype and pixels."""
    told = hashlib.blake2b(f"{image.shape} {image.dtype.str}".encode(), digest_size=8)
    told.update(np.ascontiguousarray(image).view(np.uint8).data)
    return told.hexdigest()


def compute_here(
    job: StudyJob, parts: Iterable[tuple[int, int]], tick: Callable[[], None]
) -> Iterator[ComputedPart]:
    """Part by part in this process."""
    for start, stop in parts:
        yield start, stop, job.compute_part(start, stop, tick)


def compute_in_processes(
    job: StudyJob, parts: Iterable[tuple[int, int]], workers: int
) -> Iterator[ComputedPart]:
    """Parts in the order in which they are done, by processes that share this machine's cores evenly.

    Where one dies, the parts that were being computed are computed again by new ones.

    Raises
    ------
    ModelError
        If processes die again and again with no part finished in between.
    OptionError
        If the model cannot be handed to another process.
    """
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    coming, begun, deaths = iter(parts), dict[int, int](), 0

    def taken() -> Iterator[tuple[int, int]]:
        for start, stop in coming:
            begun[start] = stop
            yield start, stop

    with _job_file(job) as path:
        while True:
            lost = list(begun.items())
            try:
                for start, stop, table in _compute_parallel(path, itertools.chain(lost, taken()), workers):
                    del begun[start]
                    deaths = 0
                    yield start, stop, table
                return
            except TerminatedWorkerError:
                deaths += 1
                if deaths == DEATHS:
                    raise _processes_died(next(iter(begun.items())), workers) from None


def _compute_parallel(path: Path, parts: Iterable[tuple[int, int]], workers: int) -> Iterator[ComputedPart]:
    import joblib

    threads = max(1, (os.cpu_count() or 1) // workers)
    with joblib.parallel_config("loky", n_jobs=workers, inner_max_num_threads=threads):
        pool = joblib.Parallel(return_as="generator_unordered", pre_dispatch="2*n_jobs", max_nbytes=None)
        yield from pool(joblib.delayed(_compute_remote)(path, start, stop) for start, stop in parts)


@contextlib.contextmanager
def _job_file(job: StudyJob) -> Iterator[Path]:
    """The job in a file, so that each worker reads it once."""
    with tempfile.TemporaryDirectory(prefix="sightline-") as folder:
        path = Path(folder) / "job"
        path.write_bytes(pickled_job(job))
        yield path


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
            "opens it for itself; or leave out workers.",
            slug="study-pickle",
        ) from error


@functools.lru_cache(maxsize=1)
def _receive_job(path: Path) -> StudyJob:
    import pickle

    # The parent process wrote it, a moment ago, where only this user can write.
    job: StudyJob = pickle.loads(path.read_bytes())
    return job.with_open_model()


def _compute_remote(path: Path, start: int, stop: int) -> ComputedPart:
    return start, stop, _receive_job(path).compute_part(start, stop)


def _processes_died(part: tuple[int, int], workers: int) -> ModelError:
    return ModelError(
        f"worker processes died {DEATHS} times without finishing a part, the first of them images {part[0]} "
        f"to {part[1] - 1}: most likely memory ran out. Give fewer workers than {workers}; with one, Python "
        "itself says what happens. What was done before is kept.",
        slug="study-workers",
    )
