"""a study → its answers in blocks that are cut alike, read at once; or the rows of some images alone.

A study in a folder has a hundred thousand rows, and Python takes longer to make each of them than NumPy to
add all of them up.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline._optional import require
from sightline.engine.hiding import LITTLE, hides_little
from sightline.study.schema import Row, StudyResults, rows_from_table, unpack_segments
from sightline.study.study import Study
from sightline.types import Segments, WhiteBoxMethod, record

READ = (
    *("place", "id", "label", "predicted", "rank", "scores", "score", "hidden", "attribution"),
    *("height", "width", "segments", "failure"),
)
PLAIN = {"places": "place", "labels": "label", "predicted": "predicted"}
"""Fields of a block → the table's columns that they are."""


@record
class AnswerBlock:
    """Answers whose images are cut into the same segments.

    Parameters
    ----------
    places, labels, predicted : int arrays, shape (n,)
    values : float array, shape (n, S)
        Attribution towards the predicted class.
    full, empty : float arrays, shape (n,)
        Score of the predicted class, and with everything hidden.
    weak : bool array, shape (n,)
        Where hiding everything hardly changed the score, as `Row.hides_little` tells.
    segments : Segments
    """

    places: Int[np.ndarray, "n"]
    labels: Int[np.ndarray, "n"]
    predicted: Int[np.ndarray, "n"]
    values: Float[np.ndarray, "n S"]
    full: Float[np.ndarray, "n"]
    empty: Float[np.ndarray, "n"]
    weak: Bool[np.ndarray, "n"]
    segments: Segments

    def __len__(self) -> int:
        return len(self.places)


def answer_blocks(study: StudyResults) -> Iterator[AnswerBlock]:
    """Every image that was explained, once; those of a block in the order of the data."""
    if not isinstance(study, Study):
        for row in study.rows():
            yield _block_of_row(row, study)
        return
    for table in study.store.tables(READ):
        yield from _blocks_of_table(table, study)


def chosen_rows(study: StudyResults, places: Iterable[int]) -> Iterator[Row]:
    """The rows of some images, in the order of the data; of a study in a folder no others are made."""
    wanted = set(places)
    if not isinstance(study, Study):
        yield from (row for row in study.rows() if row.place in wanted)
        return
    classes = study.manifest.n_columns
    for table in study.store.tables(places=wanted):
        yield from rows_from_table(table, classes)


def _block_of_row(row: Row, study: StudyResults) -> AnswerBlock:
    return AnswerBlock(
        places=np.array([row.place]),
        labels=np.array([row.label]),
        predicted=np.array([row.predicted]),
        values=row.values()[np.newaxis],
        full=row.full[:1],
        empty=row.empty[:1],
        weak=np.array([row.hides_little(study.plan)]),
        segments=row.segments,
    )


def _blocks_of_table(table: Any, study: Study) -> Iterator[AnswerBlock]:
    compute = require("pyarrow.compute", extra="study")
    first = compute.and_(compute.equal(table["rank"], 0), compute.is_null(table["failure"]))
    table = table.filter(first).combine_chunks()
    if not table.num_rows:
        return
    plain = {name: table[name].to_numpy() for name in ("place", "label", "predicted", "height", "width")}
    full, empty = (table[name].to_numpy().astype(np.float64) for name in ("score", "hidden"))
    values, starts, counts = _flat_lists(table["attribution"])
    weak = _weak_answers(study, full, empty, table)
    cuts = zip(
        table["segments"].to_pylist(),
        *(one.tolist() for one in (plain["height"], plain["width"], counts)),
        strict=True,
    )
    alike: dict[tuple[bytes, int, int, int], list[int]] = {}
    for at, cut in enumerate(cuts):
        alike.setdefault(cut, []).append(at)
    for (packed, height, width, count), lines in alike.items():
        some = np.array(lines)
        image_id = table["id"][lines[0]].as_py()
        yield AnswerBlock(
            **{name: plain[of][some].astype(np.intp) for name, of in PLAIN.items()},
            values=values[starts[some][:, np.newaxis] + np.arange(count)],
            full=full[some],
            empty=empty[some],
            weak=weak[some],
            segments=unpack_segments(packed, (height, width), count, image_id),
        )


def _flat_lists(
    column: Any,
) -> tuple[Float[np.ndarray, "V"], Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """All values of a column of lists, where each line's begin, and how many they are."""
    joined = column.combine_chunks()
    ends = joined.offsets.to_numpy().astype(np.intp)
    values = joined.values.to_numpy(zero_copy_only=False).astype(np.float64)
    return values, ends[:-1], np.diff(ends)


def _weak_answers(
    study: Study, full: Float[np.ndarray, "n"], empty: Float[np.ndarray, "n"], table: Any
) -> Bool[np.ndarray, "n"]:
    """Where hiding everything hardly changed the score; asked one by one where that may be at all."""
    weak = np.zeros(len(full), dtype=bool)
    if isinstance(study.plan.attribute, WhiteBoxMethod):  # heat of a unit of its own
        return weak
    scores, starts, counts = _flat_lists(table["scores"])
    largest = np.maximum(np.abs(full), np.abs(empty))
    if len(scores):
        # No two scores of these lines are further apart.
        largest = np.maximum(largest, 2 * np.abs(np.nan_to_num(scores)).max())
    values, value_starts, value_counts = _flat_lists(table["attribution"])
    for at in np.flatnonzero(np.abs(full - empty) <= LITTLE * np.maximum(largest, 1.0)).tolist():
        weak[at] = hides_little(
            float(full[at]),
            float(empty[at]),
            values[value_starts[at] : value_starts[at] + value_counts[at]],
            scores[starts[at] : starts[at] + counts[at]],
            study.plan.scale,
        )
    return weak
