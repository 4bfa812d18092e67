"""Explanation ⇄ one .npz file, without pickle."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from sightline._arguments import checked_value, describe_value
from sightline._checks import check_whole
from sightline._files import is_a_file, is_a_folder, write_arrays
from sightline._limits import read_arrays
from sightline._printing import printable_text
from sightline._serialise import (
    UNREADABLE,
    MissingFunction,
    decode,
    decode_fields,
    encode,
    encode_fields,
)
from sightline.engine.image import as_image
from sightline.engine.model_query import Classes
from sightline.engine.plan import EARLIER, Plan
from sightline.engine.segmentation import Given
from sightline.errors import FileError
from sightline.explanation import Explanation
from sightline.types import Attribution, Scores, Segments

LAYOUT = 2
# Layouts:
# 1: the first
# 2: heat of pixels and the name of a layer, where the method looked inside; else as 1


def save(explanation: Explanation, path: Path) -> Path:
    """Write the explanation.

    Parameters
    ----------
    explanation : Explanation
        A function of the user's in its plan is kept by name only: a segmenter comes back as `Given` the
        segments that it made, any other as a stand-in that asks for the function when it is called.
    path : Path
        Gets ``.npz`` if it does not end so. Its folder has to be there.

    Returns
    -------
    Path
        What was written. An older file is replaced once the new one is whole.

    Raises
    ------
    FileError
        If there is no such folder, or it cannot be written to.
    """
    path = _with_npz_suffix(path)
    if not is_a_folder(path.parent):
        raise FileError(
            f"there is no folder {path.parent} to save {path.name} in. Make it first: "
            f"pathlib.Path({str(path.parent)!r}).mkdir(parents=True).",
            slug="file-missing",
        )
    arrays: dict[str, Any] = {"image": explanation.image, "labels": explanation.segments.labels}
    scores, made = explanation.scores, explanation.attribution
    arrays |= {f"scores.{n}": getattr(scores, n) for n in ("values", "full", "empty", "classes")}
    arrays |= {f"attribution.{n}": getattr(made, n) for n in ("values", "error", "base", "fit")}
    if scores.keep is not None:
        arrays["scores.keep"] = scores.keep
    if made.pixels is not None:
        arrays["attribution.pixels"] = made.pixels
    about = {
        "layout": LAYOUT,
        "plan": encode_fields(explanation.plan, arrays, "plan."),
        "targets": [encode(target, "target", arrays) for target in scores.targets],
        "class_names": explanation.class_names,
        "calls": [scores.calls, made.calls],
        "settled": made.settled,
        "layer": made.layer,
        "batch_size": made.batch_size,
        "guesses": list(explanation.guesses),
        "estimator": made.estimator,
        "reason": made.reason,
        "stopped": made.stopped,
        "hint": made.hint,
    }
    arrays["about"] = np.array(json.dumps(about))
    try:
        return write_arrays(path, arrays)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror or error}.", slug="file-write") from error


def load(path: Path) -> Explanation:
    """Read an explanation.

    Parameters
    ----------
    path : Path
        As it was given to `save`: ``.npz`` may be left out.

    Raises
    ------
    FileError
        If there is no such file, it is not a saved explanation, or it is of a newer layout.
    """
    path = path if is_a_file(path) or is_a_folder(path) else _with_npz_suffix(path)
    try:
        arrays = read_arrays(path)
        about = json.loads(str(arrays["about"]))
        layout = int(about["layout"])
    except FileNotFoundError:
        raise FileError(f"there is no file {path}.", slug="file-missing") from None
    except FileError:
        raise
    except UNREADABLE as error:
        raise _damaged_explanation_error(path, error) from error
    if layout > LAYOUT:
        raise FileError(
            f"{path} has layout {layout}, but this sightline reads up to {LAYOUT}: upgrade sightline.",
            slug="file-layout",
        )
    try:
        return _build_explanation(about, arrays)
    except UNREADABLE as error:
        raise _damaged_explanation_error(path, error) from error


def _with_npz_suffix(path: Path) -> Path:
    """The path with ``.npz`` at its end."""
    return path if path.suffix == ".npz" or not path.name else path.with_name(f"{path.name}.npz")


def _damaged_explanation_error(path: Path, error: Exception) -> FileError:
    return FileError(
        f"{path} is not an explanation saved by sightline, or is damaged ({type(error).__name__}).",
        slug="file-explanation",
    )


def _check_forms(arrays: dict[str, Any], targets: int, segments: Segments) -> None:
    """Refuse arrays that do not belong together, or are no numbers."""
    some, area = (targets,), segments.labels.shape
    forms: dict[str, tuple[int, ...]] = {f"scores.{name}": some for name in ("full", "empty")}
    forms |= {f"attribution.{name}": some for name in ("base", "fit")}
    forms |= {f"attribution.{name}": (targets, segments.count) for name in ("values", "error")}
    forms["scores.values"] = (len(arrays["scores.values"]), targets)
    forms["scores.classes"] = (arrays["scores.classes"].size,)
    forms["attribution.pixels"] = (targets, *area)
    forms["scores.keep"] = (len(arrays["scores.values"]), segments.count)
    for name, form in forms.items():
        array, kind = arrays.get(name), "b" if name == "scores.keep" else "f"
        if array is not None and (array.shape != form or array.dtype.kind != kind):
            what = "truth values" if kind == "b" else "floats"
            raise ValueError(f"{name} is {array.dtype} of shape {array.shape}, not {what} of shape {form}")
    if not targets or as_image(arrays["image"]).shape[:2] != area:
        raise ValueError("the image is of another size than its segments")


def _build_explanation(about: dict[str, Any], arrays: dict[str, Any]) -> Explanation:
    labels = arrays["labels"]
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ValueError(f"labels are {labels.dtype} of shape {labels.shape}, not integers of shape (H, W)")
    segments = Segments(labels)
    _check_forms(arrays, len(about["targets"]), segments)
    fields = {**EARLIER, **decode_fields(about["plan"], arrays)}
    if isinstance(fields["segment"], MissingFunction):
        fields["segment"] = Given(segments.labels)
    scores = Scores(
        values=arrays["scores.values"],
        full=arrays["scores.full"],
        empty=arrays["scores.empty"],
        targets=Classes(*(decode(target, arrays) for target in about["targets"]))(arrays["scores.classes"]),
        classes=arrays["scores.classes"],
        calls=check_whole("calls", about["calls"][0], 0),
        keep=arrays.get("scores.keep"),
    )
    made = Attribution(
        values=arrays["attribution.values"],
        error=arrays["attribution.error"],
        base=arrays["attribution.base"],
        fit=arrays["attribution.fit"],
        calls=check_whole("calls", about["calls"][1], 0),
        settled=checked_value("settled", about["settled"], bool),
        pixels=arrays.get("attribution.pixels"),
        layer=checked_value("layer", about.get("layer"), str | None),
        batch_size=checked_value("batch_size", about.get("batch_size"), int | None),
        estimator=checked_value("estimator", about.get("estimator"), str | None),
        reason=checked_value("reason", about.get("reason", ""), str),
        stopped=checked_value("stopped", about.get("stopped", ""), str),
        hint=checked_value("hint", about.get("hint", ""), str),
    )
    return Explanation(
        arrays["image"],
        Plan(**fields),
        segments,
        scores,
        made,
        _checked_names(about["class_names"], scores.classes.size),
        tuple(printable_text(str(one)) for one in checked_value("guesses", about.get("guesses", []), list)),
    )


def _checked_names(names: object, count: int) -> tuple[str, ...] | None:
    """Names of the classes, one for each."""
    if names is None:
        return None
    if not isinstance(names, list) or len(names) != count or not all(isinstance(one, str) for one in names):
        raise ValueError(f"there are {count} classes, but their names are {describe_value(names)}")
    return tuple(names)
