"""What a study knows of one image, and the table that holds it: one line for an image and target."""

import functools
import itertools
import operator
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, Shaped

from sightline._digests import combined_digest
from sightline._files import readable_text
from sightline._limits import check_opened_size
from sightline._optional import require
from sightline.engine.hiding import hides_little
from sightline.errors import SightlineError
from sightline.types import Attribution, Contrast, Scores, Segments, Target, WhiteBoxMethod, record

if TYPE_CHECKING:
    from sightline.adapters.checked_model import CheckedModel
    from sightline.engine.plan import Plan

LAYOUT = 1
HISTORY = {1: "The first."}
"""What changed with each layout of the table."""

COLUMNS: dict[str, tuple[str, int, str]] = {
    "place": ("int64", 1, "Where the image is in the data, from 0."),
    "id": ("string", 1, "Path below the data's folder; for images in memory the place."),
    "content": ("string", 1, "Digest of the pixels as the model got them; empty if unreadable."),
    "label": ("int32", 1, "The class given with the data, a column of the model."),
    "predicted": ("int32", 1, "The class with the highest score."),
    "rank": (
        "int16",
        1,
        "0: the predicted class; 1: the label, if it is another; then the plan's targets.",
    ),
    "target": ("int32", 1, "The explained class."),
    "against": ("int32", 1, "Of a contrast: the class that `target` is explained against; else null."),
    "classes": (
        "list<int32>",
        1,
        "Classes of `scores`: all, up to 64; else the leading 16 and the explained.",
    ),
    "scores": ("list<float>", 1, "Score of each of `classes`."),
    "score": ("float", 1, "Score of the target."),
    "hidden": ("float", 1, "Score of the target with everything hidden."),
    "attribution": ("list<float>", 1, "Value of each segment, in units of the score."),
    "error": ("list<float>", 1, "Standard error of each value, to three digits."),
    "base": ("float", 1, "The score that the values start from."),
    "fit": ("float", 1, "Weighted R² of the additive model; NaN where the score never moved."),
    "settled": ("bool", 1, "Whether the leading segments can be told from the rest at 95 %."),
    "calls": ("int32", 1, "Images that the model was given for all targets of this image."),
    "seconds": ("float", 1, "Wall-clock time for all targets of this image."),
    "layer": ("string", 1, "The layer that was looked at, for methods that look inside."),
    "height": ("int32", 1, "Of the image, in pixels."),
    "width": ("int32", 1, "Of the image, in pixels."),
    "segments": (
        "binary",
        1,
        "Segment of each pixel by rows: 1, 2 or 4 bytes, little-endian, Zstandard.",
    ),
    "warnings": ("list<string>", 1, "Slugs of what was to be said of this explanation."),
    "failure": ("string", 1, "Slug of what went wrong; null where the image was explained."),
    "reason": ("string", 1, "What went wrong, in words."),
}
"""Columns of the table: Arrow type, the layout that brought it, and what it holds."""

PACKING = 16
"""Level of Zstandard for segments: they are most of a row, and each is packed once."""
ERROR_BITS = 9
"""Binary digits of an error that are kept."""
ALL_SCORES = 64
LEADING = 16
KNOWN_CUTS = 4
"""Segments that are kept when they were opened: images that a grid divides all have the same."""


@record
class Row:
    """What a study knows of one image, without its pixels.

    Parameters
    ----------
    place : int
        Where the image is in the data.
    id : str
        Its path below the data's folder, or its place, as text.
    label : int
        The class given with the data.
    predicted : int
        The class with the highest score, as the model gave it: scores kept are rounded, so that two may tie.
    targets : tuple of int or Contrast, length K
        The predicted class first; the label second, where it is another.
    classes : float array, shape (L,)
        Every class's score of the image; nan where it was not kept.
    full, empty : float array, shape (K,)
        Score of the image itself, and with everything hidden.
    segments : Segments
    attribution : Attribution
    """

    place: int
    id: str
    label: int
    predicted: int
    targets: tuple[int | Contrast, ...]
    classes: Float[np.ndarray, "L"]
    full: Float[np.ndarray, "K"]
    empty: Float[np.ndarray, "K"]
    segments: Segments
    attribution: Attribution

    @property
    def right(self) -> bool:
        """Whether the predicted class is the label."""
        return self.predicted == self.label

    def values(self, target: int | Contrast | None = None) -> Float[np.ndarray, "S"]:
        """Attribution towards a target, of each segment; towards the predicted class if left out."""
        return np.asarray(self.attribution.values[0 if target is None else self.targets.index(target)])

    def hides_little(self, plan: "Plan") -> bool:
        """Whether hiding everything hardly changed the score, so that the values say next to nothing."""
        first = float(self.full[0]), float(self.empty[0]), self.attribution.values[0]
        inside = isinstance(plan.attribute, WhiteBoxMethod)  # heat of a unit of its own
        return not inside and hides_little(*first, self.classes, plan.scale)

    def heat(self, target: int | Contrast | None = None) -> Float[np.ndarray, "H W"]:
        """Attribution spread evenly over the pixels of each segment: its sum is that of the segments."""
        return np.asarray((self.values(target) / self.segments.areas)[self.segments.labels])


@runtime_checkable
class StudyResults(Protocol):
    """What findings, repair and proof ask of a study: its explanations, its images and its model."""

    if TYPE_CHECKING:  # reading each of these to check its type would read the store, or open the model

        @property
        def plan(self) -> "Plan":
            """What decides the numbers."""

        @property
        def class_names(self) -> tuple[str, ...] | None:
            """Names of the model's classes, in its order."""

        @property
        def model(self) -> "CheckedModel":
            """The model that was explained."""

        @property
        def places(self) -> Int[np.ndarray, "N"]:
            """Places of the explained images, in order."""

        @property
        def labels(self) -> Int[np.ndarray, "N"]:
            """Labels of the explained images."""

        @property
        def predicted(self) -> Int[np.ndarray, "N"]:
            """Predicted classes of the explained images."""

        @property
        def ids(self) -> tuple[str, ...]:
            """What the explained images are called."""

    def rows(self) -> Iterator[Row]:
        """Every image that was explained, in the order of the data."""
        ...

    def row(self, place: int) -> Row:
        """One image that was explained."""
        ...

    def image(self, place: int) -> Shaped[np.ndarray, "..."]:
        """The pixels of an image."""
        ...


def answers_digest(study: StudyResults) -> str:
    """Digest of which images a study explained, their labels and the predicted classes.

    Results keep it, so that what was found before a study went on, or before images were explained anew, is
    known from what is true of it now.
    """
    answers = (np.asarray(each, dtype="<i8") for each in (study.labels, study.predicted))
    return combined_digest(["\n".join(study.ids), *answers], size=8)


def is_of_answers(found: Mapping[str, Any], study: StudyResults) -> bool:
    """Whether a result, as its JSON file has it, is of the answers that a study has now.

    Files of versions that kept no digest are known by their number of errors alone.
    """
    if known := found.get("answers"):
        return bool(known == answers_digest(study))
    errors = int((np.asarray(study.labels) != np.asarray(study.predicted)).sum())
    return bool(found.get("errors", errors) == errors)


@record
class PredictedAndLabel:
    """The predicted class, then the label where it is another, then what the plan asks for.

    Parameters
    ----------
    label : int
    plan_target : Target
    """

    label: int
    plan_target: Target

    def __call__(self, classes: Float[np.ndarray, "L"]) -> tuple[int | Contrast, ...]:
        return tuple(dict.fromkeys((int(np.argmax(classes)), self.label, *self.plan_target(classes))))


def table_schema() -> Any:
    """The table's columns, as pyarrow has them."""
    pyarrow = require("pyarrow", extra="study")
    kinds = {"list<int32>": pyarrow.list_(pyarrow.int32()), "list<float>": pyarrow.list_(pyarrow.float32())}
    kinds |= {"list<string>": pyarrow.list_(pyarrow.string()), "float": pyarrow.float32()}
    return pyarrow.schema(
        [(name, kinds.get(kind) or pyarrow.type_for_alias(kind)) for name, (kind, _, _) in COLUMNS.items()]
    )


def image_lines(
    about: dict[str, Any], segments: Segments, scores: Scores, attribution: Attribution
) -> list[dict[str, Any]]:
    """The lines of one explained image, one a target."""
    kept = _stored_classes(scores)
    height, width = segments.labels.shape
    common = about | {
        "predicted": int(np.argmax(scores.classes)),
        "classes": kept,
        "scores": scores.classes[kept],
        "settled": attribution.settled,
        "calls": attribution.calls,
        "layer": attribution.layer,
        "height": height,
        "width": width,
        "segments": _pack_segments(segments),
    }
    return [
        common
        | {
            "rank": k,
            "target": target.a if isinstance(target, Contrast) else target,
            "against": target.b if isinstance(target, Contrast) else None,
            "score": scores.full[k],
            "hidden": scores.empty[k],
            "attribution": attribution.values[k],
            "error": _rounded_error(attribution.error[k]),
            "base": attribution.base[k],
            "fit": attribution.fit[k],
        }
        for k, target in enumerate(scores.targets)
    ]


def failed_line(about: dict[str, Any], error: Exception) -> dict[str, Any]:
    """The line of an image that could not be explained."""
    if isinstance(error, SightlineError):
        reason = readable_text(str(error).removesuffix(f" [{error.slug}]"))
        return about | {"failure": error.slug, "reason": reason}
    return about | {"failure": "unexpected", "reason": readable_text(f"{type(error).__name__}: {error}")}


def rows_from_table(table: Any, classes: int) -> Iterator[Row]:
    """The images of a table that were explained, lines of one image following each other."""
    explained = table.filter(table["failure"].is_null()).to_pylist()
    for _, lines in itertools.groupby(explained, operator.itemgetter("place")):
        yield row_from_lines(list(lines), classes)


def row_from_lines(group: list[dict[str, Any]], classes: int) -> Row:
    """One image from its lines."""
    first = group[0]
    scores = np.full(classes, np.nan)
    scores[first["classes"]] = first["scores"]
    attribution = Attribution(
        values=_line_values(group, "attribution"),
        error=_line_values(group, "error"),
        base=_line_values(group, "base"),
        fit=_line_values(group, "fit"),
        calls=first["calls"],
        settled=first["settled"],
        layer=first["layer"],
    )
    return Row(
        place=first["place"],
        id=first["id"],
        label=first["label"],
        predicted=first["predicted"],
        targets=tuple(_line_target(line) for line in group),
        classes=scores,
        full=_line_values(group, "score"),
        empty=_line_values(group, "hidden"),
        segments=unpack_segments(
            first["segments"], (first["height"], first["width"]), len(first["attribution"]), first["id"]
        ),
        attribution=attribution,
    )


def _stored_classes(scores: Scores) -> list[int]:
    """Classes whose scores are kept, in rising order."""
    if scores.classes.size <= ALL_SCORES:
        return list(range(scores.classes.size))
    ends = [(one.a, one.b) if isinstance(one, Contrast) else (one,) for one in scores.targets]
    leading = np.argsort(-scores.classes, kind="stable")[:LEADING].tolist()
    return sorted({*leading, *(one for both in ends for one in both)})


def _line_target(line: dict[str, Any]) -> int | Contrast:
    return line["target"] if line["against"] is None else Contrast(line["target"], line["against"])


def _line_values(group: list[dict[str, Any]], name: str) -> Shaped[np.ndarray, "K ..."]:
    return np.array([line[name] for line in group], dtype=np.float64)


def _rounded_error(values: Float[np.ndarray, "S"]) -> Float[np.ndarray, "S"]:
    mantissa, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, ERROR_BITS)), exponent - ERROR_BITS))


def _pack_segments(segments: Segments) -> bytes:
    codec = require("pyarrow", extra="study").Codec("zstd", compression_level=PACKING)
    packed: bytes = codec.compress(
        segments.labels.astype(_smallest_dtype(segments.count)).tobytes(), asbytes=True
    )
    return packed


def unpack_segments(packed: bytes, shape: tuple[int, int], count: int, name: str) -> Segments:
    """The segments of an image as the table has them; of images that are cut alike they are one value.

    Raises
    ------
    FileError
        If they open to more than an image has; `name` is what the image is called.
    """
    opened = shape[0] * shape[1] * _smallest_dtype(count).itemsize
    check_opened_size(f"the segments of {name}", opened, len(packed), "ARRAY_BYTES")
    return _opened_segments(packed, shape, count)


@functools.lru_cache(maxsize=KNOWN_CUTS)
def _opened_segments(packed: bytes, shape: tuple[int, int], count: int) -> Segments:
    dtype = _smallest_dtype(count)
    codec = require("pyarrow", extra="study").Codec("zstd")
    bytes_ = codec.decompress(packed, shape[0] * shape[1] * dtype.itemsize, asbytes=True)
    labels = np.frombuffer(bytes_, dtype).reshape(shape).astype(np.intp)
    labels.setflags(write=False)  # many rows may have them
    return Segments(labels)


def _smallest_dtype(segments: int) -> np.dtype[Any]:
    """The smallest unsigned integers that number them."""
    return np.min_scalar_type(segments - 1).newbyteorder("<")
