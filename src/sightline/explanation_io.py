"""Explanation ⇄ one .npz file, without pickle."""

import dataclasses
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from sightline.engine.cam import Tokens
from sightline.engine.model_query import Classes, Top
from sightline.engine.plan import NAMES, Plan
from sightline.engine.segmentation import Given
from sightline.errors import FileError, OptionError
from sightline.explanation import Explanation
from sightline.types import Attribution, Contrast, Scores, Segments

LAYOUT = 2
# Layouts:
# 1: the first
# 2: heat of pixels and the name of a layer, where the method looked inside; else as 1

# What reading a file that is something else, or half of itself, may end in.
UNREADABLE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OSError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)

OPTIONS = {kind.__name__: kind for names in NAMES.values() for kind in names.values()} | {
    "Top": Top,
    "Tokens": Tokens,
}


@dataclasses.dataclass(frozen=True)
class MissingFunction:
    """Stands for a function that a file can name but not hold."""

    name: str

    def __call__(self, *args: Any) -> Any:
        raise OptionError(
            f"the saved plan used the function {self.name}, which a file cannot hold: "
            "give it again, as in dataclasses.replace(explanation.plan, fill=function).",
            slug="plan-function",
        )


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
        If there is no such folder.
    """
    path = _with_npz_suffix(path)
    if not path.parent.is_dir():
        raise FileError(
            f"there is no folder {path.parent} to save {path.name} in. Make it first: "
            f"pathlib.Path({str(path.parent)!r}).mkdir(parents=True).",
            slug="file-missing",
        )
    arrays: dict[str, Any] = {"image": explanation.image, "labels": explanation.segments.labels}
    scores, made = explanation.scores, explanation.attribution
    arrays |= {f"scores.{n}": getattr(scores, n) for n in ("values", "full", "empty", "classes")}
    arrays |= {f"attribution.{n}": getattr(made, n) for n in ("values", "error", "base", "fit")}
    if made.pixels is not None:
        arrays["attribution.pixels"] = made.pixels
    about = {
        "layout": LAYOUT,
        "plan": {
            field.name: encode(getattr(explanation.plan, field.name), f"plan.{field.name}", arrays)
            for field in dataclasses.fields(explanation.plan)
        },
        "targets": [encode(target, "target", arrays) for target in scores.targets],
        "class_names": explanation.class_names,
        "calls": [scores.calls, made.calls],
        "settled": made.settled,
        "layer": made.layer,
    }
    arrays["about"] = np.array(json.dumps(about))
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("wb") as file:
            np.savez_compressed(file, **arrays)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return path


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
    path = path if path.exists() else _with_npz_suffix(path)
    try:
        # Opened here: numpy leaves what it cannot read open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(str(arrays["about"]))
        layout = int(about["layout"])
    except FileNotFoundError:
        raise FileError(f"there is no file {path}.", slug="file-missing") from None
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
    return path if path.suffix == ".npz" else path.with_name(f"{path.name}.npz")


def _damaged_explanation_error(path: Path, error: Exception) -> FileError:
    return FileError(
        f"{path} is not an explanation saved by sightline, or is damaged ({type(error).__name__}).",
        slug="file-explanation",
    )


def _build_explanation(about: dict[str, Any], arrays: dict[str, Any]) -> Explanation:
    segments = Segments(arrays["labels"])
    fields = {name: decode(value, arrays) for name, value in about["plan"].items()}
    if isinstance(fields["segment"], MissingFunction):
        fields["segment"] = Given(segments.labels)
    scores = Scores(
        values=arrays["scores.values"],
        full=arrays["scores.full"],
        empty=arrays["scores.empty"],
        targets=tuple(decode(target, arrays) for target in about["targets"]),
        classes=arrays["scores.classes"],
        calls=about["calls"][0],
    )
    made = Attribution(
        values=arrays["attribution.values"],
        error=arrays["attribution.error"],
        base=arrays["attribution.base"],
        fit=arrays["attribution.fit"],
        calls=about["calls"][1],
        settled=about["settled"],
        pixels=arrays.get("attribution.pixels"),
        layer=about.get("layer"),
    )
    names = about["class_names"]
    return Explanation(
        arrays["image"], Plan(**fields), segments, scores, made, None if names is None else tuple(names)
    )


def encode(value: Any, place: str, arrays: dict[str, Any]) -> Any:
    """A JSON-able form; arrays go to `arrays` under their place."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        arrays[place] = value
        return {"array": place}
    if isinstance(value, tuple):
        return {"tuple": [encode(item, f"{place}.{i}", arrays) for i, item in enumerate(value)]}
    if isinstance(value, Contrast):
        return {"contrast": [value.a, value.b]}
    if isinstance(value, Classes):
        return {"classes": [encode(target, place, arrays) for target in value.targets]}
    if OPTIONS.get(type(value).__name__) is type(value):
        words = {
            f.name: encode(getattr(value, f.name), f"{place}.{f.name}", arrays)
            for f in dataclasses.fields(value)
        }
        return {"option": type(value).__name__, "with": words}
    name = value.name if isinstance(value, MissingFunction) else getattr(value, "__qualname__", repr(value))
    return {"function": name}


def decode(value: Any, arrays: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "tuple" in value:
        return tuple(decode(item, arrays) for item in value["tuple"])
    if "contrast" in value:
        return Contrast(*value["contrast"])
    if "classes" in value:
        return Classes(*(decode(target, arrays) for target in value["classes"]))
    if "option" in value:
        words = {name: decode(item, arrays) for name, item in value["with"].items()}
        return OPTIONS[value["option"]](**words)
    return MissingFunction(value["function"])
