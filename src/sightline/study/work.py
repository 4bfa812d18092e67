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
from sightline.adapters.load import load_model
from sightline.data.source import identity
from sightline.data.split import Split
from sightline.engine import explain as engine
from sightline.engine.image import as_image
from sightline.engine.plan import Plan, replaced
from sightline.engine.score import usual_batch
from sightline.errors import ModelError, OptionError, SightlineError, hearing
from sightline.study.abreast import Abreast
from sightline.study.rows import Judged, failed, lines, schema
from sightline.types import Inside, record

MOST_ABREAST = 8
"""Images that are explained at once by threads of one process."""
DEATHS = 3
"""Times that workers may die without a part being finished in between."""

Done = tuple[int, int, Any]


@record
class Recipe:
    """A model by the text that it is opened with, so that workers may open it for themselves.

    Parameters
    ----------
    text : str
        As `sightline.adapters.load.load_model` takes it.
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
class Job:
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
    split: Split | None = None

    def opened(self) -> "Job":
        """With its model open."""
        if not isinstance(self.model, Recipe):
            return self
        return dataclasses.replace(self, model=self.model.open())

    def places(self, start: int, stop: int) -> list[int]:
        """The images from `start` to `stop` − 1 that are meant."""
        every = np.arange(start, stop)
        return (every if self.split is None else every[self.split.meant(every)]).tolist()

    def part(self, start: int, stop: int, tick: Callable[[], None] = lambda: None) -> Any:
        """The lines of the images `start` to `stop` − 1, as a pyarrow table; the model has to be open."""
        pyarrow = require("pyarrow", extra="study")
        places = self.places(start, stop)
        abreast = min(self._abreast(start), max(1, len(places)))
        if abreast == 1:
            found = [self._one(place, self.model, tick) for place in places]
        else:
            found = self._threads(places, abreast, tick)
        return pyarrow.Table.from_pylist([line for image in found for line in image], schema=schema())

    def _threads(self, places: list[int], abreast: int, tick: Callable[[], None]) -> list[Any]:
        model = Abreast(self.model, self._size(self._image(places[0])))
        with ThreadPoolExecutor(abreast) as pool:
            try:
                return list(pool.map(lambda place: self._one(place, model, tick), places))
            except BaseException:
                model.stopped = True
                raise

    def _abreast(self, place: int) -> int:
        """Images to be explained at once: as many as it takes to fill a batch twice."""
        if self.plan.budget == "auto" or isinstance(self.plan.attribute, Inside):
            return 1
        return int(np.clip(2 * self._size(self._image(place)) // self.plan.budget, 1, MOST_ABREAST))

    def _image(self, place: int) -> Shaped[np.ndarray, "..."] | None:
        try:
            return as_image(self.source[place][0])
        except SightlineError:
            return None

    def _size(self, image: Shaped[np.ndarray, "..."] | None) -> int:
        """Images in a batch."""
        if image is None:
            return 1
        suits: Callable[[Any], int | None] = getattr(self.model, "suits", lambda image: None)
        return self.batch_size or suits(image) or usual_batch(image)

    def _one(self, place: int, model: Any, tick: Callable[[], None]) -> list[dict[str, Any]]:
        """The lines of one image; what goes wrong with it is a line."""
        about: dict[str, Any] = {"place": place, "id": identity(self.source, place)}
        started = time.perf_counter()
        with hearing() as heard:
            try:
                pixels, given = self.source[place]
                image, label = as_image(pixels), int(self.columns[given])
                about |= {"content": content(image), "label": label}
                plan = replaced(self.plan, target=Judged(label, self.plan.target))
                made = engine.explain(image, model, plan, batch_size=self._size(image))
                about |= {"seconds": time.perf_counter() - started, "warnings": heard}
                return lines(about, *made)
            except Exception as error:
                about |= {"seconds": time.perf_counter() - started, "warnings": heard}
                return [failed(about, error)]
            finally:
                tick()


def content(image: Shaped[np.ndarray, "..."]) -> str:
    """Digest of an image's shape, dtype and pixels."""
    told = hashlib.blake2b(f"{image.shape} {image.dtype.str}".encode(), digest_size=8)
    told.update(np.ascontiguousarray(image).view(np.uint8).data)
    return told.hexdigest()


def here(job: Job, parts: Iterable[tuple[int, int]], tick: Callable[[], None]) -> Iterator[Done]:
    """Part by part in this process."""
    for start, stop in parts:
        yield start, stop, job.part(start, stop, tick)


def processes(job: Job, parts: Iterable[tuple[int, int]], workers: int) -> Iterator[Done]:
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

    with _sent(job) as path:
        while True:
            lost = list(begun.items())
            try:
                for start, stop, table in _parallel(path, itertools.chain(lost, taken()), workers):
                    del begun[start]
                    deaths = 0
                    yield start, stop, table
                return
            except TerminatedWorkerError:
                deaths += 1
                if deaths == DEATHS:
                    raise _died(next(iter(begun.items())), workers) from None


def _parallel(path: Path, parts: Iterable[tuple[int, int]], workers: int) -> Iterator[Done]:
    import joblib

    threads = max(1, (os.cpu_count() or 1) // workers)
    with joblib.parallel_config("loky", n_jobs=workers, inner_max_num_threads=threads):
        pool = joblib.Parallel(return_as="generator_unordered", pre_dispatch="2*n_jobs", max_nbytes=None)
        yield from pool(joblib.delayed(_remote)(path, start, stop) for start, stop in parts)


@contextlib.contextmanager
def _sent(job: Job) -> Iterator[Path]:
    """The job in a file, so that each worker reads it once."""
    with tempfile.TemporaryDirectory(prefix="sightline-") as folder:
        path = Path(folder) / "job"
        path.write_bytes(packed(job))
        yield path


def packed(job: Job) -> bytes:
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
def _received(path: Path) -> Job:
    import pickle

    # The parent process wrote it, a moment ago, where only this user can write.
    job: Job = pickle.loads(path.read_bytes())
    return job.opened()


def _remote(path: Path, start: int, stop: int) -> Done:
    return start, stop, _received(path).part(start, stop)


def _died(part: tuple[int, int], workers: int) -> ModelError:
    return ModelError(
        f"worker processes died {DEATHS} times without finishing a part, the first of them images {part[0]} "
        f"to {part[1] - 1}: most likely memory ran out. Give fewer workers than {workers}; with one, Python "
        "itself says what happens. What was done before is kept.",
        slug="study-workers",
    )
