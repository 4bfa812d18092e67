"""Reading: a study's folder → what was found, without its images or its model."""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from sightline.engine.plan import Plan
from sightline.errors import FileError, OptionError
from sightline.evaluation.classification import Evaluation
from sightline.study import manifest as kept
from sightline.study.manifest import Manifest
from sightline.study.schema import Row, row_from_lines, rows_from_table
from sightline.study.store import Store


class Failure(NamedTuple):
    """An image that could not be explained, and why."""

    place: int
    id: str
    failure: str
    reason: str


class Reading:
    """What a study's folder holds; `Study` adds the images, the model and the run.

    Parameters
    ----------
    path : path

    Raises
    ------
    FileError
        If the folder holds a study that cannot be read.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        self.store = Store(self.path / "parts")
        self._manifest = kept.read_manifest(self.path)
        self._plan: Plan | None = None

    @property
    def plan(self) -> Plan:
        """What decides the numbers."""
        return self._manifest.plan if self._manifest is not None else self._plan or Plan()

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
            raise FileError(f"there is no study in {self.path}: run it first.", slug="study-missing")
        return self._manifest

    def rows(self) -> Iterator[Row]:
        """Every image that was explained, in the order of the data."""
        classes = self.manifest.n_columns
        for table in self.store.tables():
            yield from rows_from_table(table, classes)

    def row(self, place: int) -> Row:
        """One image that was explained.

        Raises
        ------
        OptionError
            If it was not.
        """
        if not hasattr(place, "__index__"):
            raise OptionError(
                f"an image is asked for by its place, a whole number, but {place!r} was given.",
                slug="study-row",
            )
        table = self.store.image_lines(place)
        if table is None:
            raise OptionError(
                f"image {place} is not among the {len(self)} explained ones of {self.count}.",
                slug="study-row",
            )
        lines = table.to_pylist()
        if lines[0]["failure"] is not None:
            raise OptionError(
                f"image {place} ({lines[0]['id']}) could not be explained: {lines[0]['reason']}",
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

    def failures(self) -> list[Failure]:
        """The images that could not be explained, and why."""
        return [Failure(**line) for line in self.store.failed_lines()]

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

    def __len__(self) -> int:
        return len(self.store.outcome_columns()["place"])

    def _held(self) -> str:
        held = self.manifest.image_count - self.count
        return f", {held:,} held out" if held else ""

    def __repr__(self) -> str:
        if self._manifest is None:
            return f"Study({str(self.path)!r}: not run yet)"
        columns = self.store.outcome_columns()
        right, failed = int((columns["label"] == columns["predicted"]).sum()), len(self.failures())
        many = len(columns["place"])
        return (
            f"Study({str(self.path)!r}: {many:,} of {self.count:,} images explained ({right:,} right, "
            f"{many - right:,} wrong), {failed:,} failed{self._held()}; {type(self.plan.attribute).__name__})"
        )
