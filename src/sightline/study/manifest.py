"""What a study is made of ⇄ plan.toml: its plan, its model, its data, and how to know them again."""

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sightline._digests import array_digest, combined_digest
from sightline._files import write_arrays, write_text, written_aside
from sightline._limits import read_arrays, read_text
from sightline._optional import require
from sightline._serialise import UNREADABLE, decode_fields, encode, encode_fields, without_none
from sightline._version import __version__
from sightline.adapters.one_label import LabelView
from sightline.data import ImageFormat
from sightline.data.holdout import HoldoutRule
from sightline.engine.plan import EARLIER, Plan
from sightline.errors import FileError, OptionError
from sightline.study.schema import LAYOUT
from sightline.types import record

NAME = "plan.toml"
CLASS_NAMES = "class_names.txt"
"""Names that were given for the model's classes, one a line as the command line takes them."""
ARRAYS = "plan-{}.npz"
EARLIER_ARRAYS = "plan.npz"
ARRAYS_FILE = "arrays"
"""Entry with the name of the file of the plan's arrays."""
MOST_IMAGES, MOST_CLASSES, MOST_LENGTH = 10**9 - 1, 10**7, 1 << 15
"""What a study can have: names of its parts have nine digits. More is damage, or a trap for the memory."""
SAME = 1e-3
"""Largest difference of a score that is let pass for the same model: half precision, another device."""
ALIKE = 0.02
"""The same for images between those that a model was made for, where a small difference grows."""
REMEMBERED = 5
"""Scores kept of each image that the model is known again by."""


@record
class ReferencePrediction:
    """What a model said of one image: enough to know it again.

    Parameters
    ----------
    place : int
    classes : tuple of int
        The leading ones.
    scores : tuple of float
    kind : str
        What was done to the image; empty: nothing.
    image : str
        Digest of the image as it is; empty if it is not known.
    """

    place: int
    classes: tuple[int, ...]
    scores: tuple[float, ...]
    kind: str = ""
    image: str = ""

    @classmethod
    def from_scores(
        cls, place: int, scores: Float[np.ndarray, "L"], kind: str = "", image: str = ""
    ) -> "ReferencePrediction":
        """The leading scores."""
        leading = np.argsort(-scores, kind="stable")[:REMEMBERED].tolist()
        return cls(place, tuple(leading), tuple(float(scores[one]) for one in leading), kind, image)

    @property
    def text(self) -> str:
        """Each class and its score."""
        return " ".join(f"{one}:{score:.6g}" for one, score in zip(self.classes, self.scores, strict=True))

    @classmethod
    def from_text(cls, name: str, text: str, image: str = "") -> "ReferencePrediction":
        """What `text` wrote, under `name`."""
        place, _, kind = name.partition(".")
        pairs = [pair.split(":") for pair in text.split()]
        scores = tuple(float(score) for _, score in pairs)
        return cls(int(place), tuple(int(one) for one, _ in pairs), scores, kind, image)

    @property
    def name(self) -> str:
        """Place, and what was done to the image."""
        return f"{self.place}.{self.kind}" if self.kind else str(self.place)

    def matches(self, scores: Float[np.ndarray, "L"]) -> bool:
        """Whether the same model may have said this."""
        if max(self.classes) >= scores.size:
            return False
        near = ALIKE if self.kind else SAME
        return bool(np.allclose(scores[list(self.classes)], self.scores, rtol=near, atol=near))


@record
class Manifest:
    """What a study is made of.

    Parameters
    ----------
    plan : Plan
    part_size : int
        Images in a part of the store.
    class_names : tuple of str, optional
        In the model's order.
    n_columns : int
        Classes of the model.
    model_text, data_text : str
        The text by which each can be opened again; empty if it was a value of Python's.
    model_digest : str
        Of the model's file; empty if it is none.
    weights_digest : str
        Of the model's weights, where it is no file; empty if they cannot be had.
    reference_predictions : tuple of ReferencePrediction
    image_format : ImageFormat, optional
        That the data are opened with.
    fingerprint : str
        Of the data.
    image_count : int
        Images of the data.
    split : HoldoutRule, optional
        Which of them are explained, where some are held out.
    range_note : str
        What was seen of the images' range of values when the study began, if another suits the model better.
    key : str
        Digest of all of this but the texts, the note and the guesses, as plan.toml has it; empty before it is
        written.
    output : str
        What the model's columns are, as `as_model` takes it: settled by the first answer, and kept.
    guesses : tuple of str
        What was taken for granted of the model's columns when the study began, in words.
    weighing : tuple of str
        Those of the guesses that all figures rest on: what the images' values were taken to be, say.
    label : str
        Of a model of several labels: the one that is studied, its name or else its number; empty of classes.
    threshold : float
        Of two classes: which probability class 1 has to exceed to be predicted.
    label_names : tuple of str
        Of a model of several labels: the names of all its columns; empty where they are not known.
    """

    plan: Plan
    part_size: int
    class_names: tuple[str, ...] | None
    n_columns: int
    model_text: str
    model_digest: str
    reference_predictions: tuple[ReferencePrediction, ...]
    data_text: str
    image_format: ImageFormat | None
    fingerprint: str
    image_count: int
    split: HoldoutRule | None = None
    weights_digest: str = ""
    range_note: str = ""
    key: str = ""
    output: str = "auto"
    guesses: tuple[str, ...] = ()
    label: str = ""
    threshold: float = 0.5
    label_names: tuple[str, ...] = ()
    weighing: tuple[str, ...] = ()

    @property
    def view(self) -> LabelView:
        """Which label of several is studied, and from which probability on it is there."""
        return LabelView(self.label or None, self.threshold)

    @property
    def model_key(self) -> str:
        """What its model is known by: its file, else its weights, else what it said of some images."""
        for kind, digest in (("file", self.model_digest), ("weights", self.weights_digest)):
            if digest:
                return f"{kind} {digest}"
        told = [f"{one.name} {one.text} {one.image}" for one in self.reference_predictions]
        return "answers " + combined_digest([one + " " for one in told])

    @property
    def column_names(self) -> tuple[str, ...] | None:
        """Names of the model's columns, which are not the classes where one label of several is studied."""
        return (self.label_names or None) if self.label else self.class_names

    @property
    def asked_label(self) -> dict[str, Any]:
        """Which of several labels images are to be of, and what the model's columns are called."""
        return {"label": self.view.label, "columns": self.column_names}

    @property
    def run_options(self) -> dict[str, Any]:
        """What a study of another model of the same classes is run with: its file may not say their order."""
        return {
            "label": self.label or None,
            "threshold": self.threshold,
            "class_names": self.column_names,
            "output": self.output,
        }

    @property
    def selected_count(self) -> int:
        """Images that are to be explained."""
        return len(studied_places(self.split, 0, self.image_count))


def studied_places(split: HoldoutRule | None, start: int, stop: int) -> Int[np.ndarray, "_"]:
    """Places from `start` to `stop` − 1 of the images that are explained: all, if none are held out."""
    every = np.arange(start, stop)
    return every if split is None else every[split.selected(every)]


def check_same_plan(old: Plan, new: Plan, folder: Path) -> None:
    """Refuse a plan other than the one that a study was made with; one that names no estimator takes its."""
    if new.estimator == "auto":
        new = dataclasses.replace(new, estimator=old.estimator)
    for name in (field.name for field in dataclasses.fields(Plan)):
        if _comparable(getattr(old, name)) != _comparable(getattr(new, name)):
            raise OptionError(
                f"the study in {folder} was made with {name}={getattr(old, name)!r}, but now "
                f"{name}={getattr(new, name)!r} was given: explanations of two plans cannot be compared. "
                "Leave the plan out to go on with the old one, or give the new study a folder of its own.",
                slug="study-plan",
            )


def check_same_format(manifest: Manifest, image_format: ImageFormat, folder: Path) -> None:
    """Refuse to bring the images to another form than a study was made with."""
    old = manifest.image_format or ImageFormat()
    for name in (field.name for field in dataclasses.fields(ImageFormat)):
        if getattr(old, name) != getattr(image_format, name):
            raise OptionError(
                f"the images of the study in {folder} were brought to {name}={getattr(old, name)!r}, but now "
                f"{name}={getattr(image_format, name)!r} was given (--{name}): explanations of two forms "
                "cannot be compared. Leave it out to go on, or give the new study a folder of its own.",
                slug="study-other-data",
            )


def check_held_out(manifest: Manifest, held_out: float | None, folder: Path) -> None:
    """Refuse to hold out another share of the images than a study was made with."""
    share = 0 if manifest.split is None else manifest.split.share
    if held_out is not None and held_out != share:
        raise OptionError(
            f"the study in {folder} holds out {share:g} of its images, but now held_out={held_out!r} was "
            "given: what was seen once cannot be held out any more. Leave it out to go on, or give the new "
            "study a folder of its own.",
            slug="study-held-out",
        )


def check_output(manifest: Manifest, output: str | None, folder: Path) -> None:
    """Refuse to take a model's columns for something else than a study was made with."""
    if output not in (None, "auto", manifest.output) and manifest.output != "auto":
        raise OptionError(
            f"the study in {folder} was made with output={manifest.output!r}, but now output={output!r} was "
            "given: scores by two rules cannot be compared. Leave it out to go on, or give the new study a "
            "folder of its own.",
            slug="study-output",
        )


def check_label(manifest: Manifest, label: int | str | None, threshold: float | None, folder: Path) -> None:
    """Refuse to study another label than a study was made of, or by another threshold."""
    names = manifest.label_names or None
    other = label is not None and (
        not manifest.label or LabelView(label).name(names) != LabelView(manifest.label).name(names)
    )
    if other or threshold not in (None, manifest.threshold):
        what = (
            f"label={manifest.label!r}, threshold={manifest.threshold:g}" if manifest.label else "all classes"
        )
        raise OptionError(
            f"the study in {folder} was made of {what}, but now label={label!r}, threshold={threshold!r} was "
            "given: answers to two questions cannot be compared. Leave them out to go on, or give the new "
            "study a folder of its own.",
            slug="study-label",
        )


def _comparable(value: object) -> tuple[Any, dict[str, str]]:
    """A field of a plan as a file has it, with a digest of each array in it."""
    arrays: dict[str, Any] = {}
    return encode(value, "", arrays), {place: array_digest(array) for place, array in arrays.items()}


def write_given_names(folder: Path, names: tuple[str, ...] | None) -> None:
    """Write the names that were given for the model's classes, so that the study can be repeated with them.

    Names that no line can hold, as those with a line's end, are not written.
    """
    if names and all(one == one.strip() and one.splitlines() == [one] for one in names):
        write_text(folder / CLASS_NAMES, "\n".join((*names, "")))


def write_manifest(folder: Path, manifest: Manifest) -> bool:
    """Write plan.toml, and the plan's arrays beside it, unless another process has written one by now.

    Returns
    -------
    bool
        Whether it was written.

    Raises
    ------
    FileError
        If the folder cannot be written to.
    """
    arrays, table = _manifest_table(manifest)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if arrays:
            write_arrays(folder / table[ARRAYS_FILE], arrays)
        with written_aside(folder / NAME, keep_existing=True) as aside:
            aside.write_text(_toml_text(table), encoding="utf-8")
    except FileExistsError:
        return False
    except OSError as error:
        raise FileError(
            f"no study can be kept in {folder}: {error.strerror or error}. Name a folder that can be "
            "written to.",
            slug="study-write",
        ) from error
    return True


def manifest_key(manifest: Manifest) -> str:
    """Digest of what a study is made of, which each of its parts carries.

    Not of the texts by which model and images are opened: they may move.
    """
    return _table_key(tomllib.loads(_toml_text(_manifest_table(manifest)[1])))


def _table_key(table: dict[str, Any]) -> str:
    """Of what plan.toml says, not of how: entries of later versions count where they are written only."""
    counted = {name: table.get(name) for name in ("part", "plan", ARRAYS_FILE)}
    for name in ("model", "data"):
        counted[name] = {key: value for key, value in table[name].items() if key != "name"}
    return combined_digest([json.dumps(counted, sort_keys=True)])


def _toml_text(table: dict[str, Any]) -> str:
    return str(require("tomli_w", extra="study").dumps(table))


def _manifest_table(manifest: Manifest) -> tuple[dict[str, Any], dict[str, Any]]:
    """The plan's arrays, and the entries of plan.toml."""
    arrays: dict[str, Any] = {}
    known = manifest.reference_predictions
    plan = without_none(encode_fields(manifest.plan, arrays))
    data: dict[str, Any] = {
        "name": manifest.data_text,
        "images": manifest.image_count,
        "fingerprint": manifest.fingerprint,
    }
    if manifest.image_format is not None:
        data["form"] = without_none(dataclasses.asdict(manifest.image_format))
    if manifest.split is not None:
        data["split"] = dataclasses.asdict(manifest.split)
    text: dict[str, Any] = {
        "layout": LAYOUT,
        "sightline": __version__,
        "part": manifest.part_size,
        "plan": plan,
        "model": {
            "name": manifest.model_text,
            "digest": manifest.model_digest,
            "columns": manifest.n_columns,
            "output": manifest.output,
            "class_names": list(manifest.class_names or ()),
            "weights": manifest.weights_digest,
            "probes": {one.name: one.text for one in known if not one.kind},
            "images": {one.name: one.image for one in known if one.image},
            "variants": {one.name: one.text for one in known if one.kind},
        },
        "data": data,
    }
    if manifest.label:
        text["model"] |= {"label": manifest.label, "label_names": list(manifest.label_names)}
    if manifest.threshold != 0.5:
        text["model"]["threshold"] = manifest.threshold
    if manifest.range_note:
        text["range"] = manifest.range_note
    if manifest.guesses:
        text["guesses"] = list(manifest.guesses)
    if manifest.weighing:
        text["guesses_that_weigh"] = list(manifest.weighing)
    if arrays:  # named after what is in it: two processes that begin with other arrays never mix them
        text[ARRAYS_FILE] = _arrays_name(arrays)
    return arrays, text


def _arrays_name(arrays: dict[str, Any]) -> str:
    """Name of the file of a plan's arrays, which no other arrays have."""
    parts = [
        (f"{place} {arrays[place].shape} {arrays[place].dtype}", arrays[place]) for place in sorted(arrays)
    ]
    return ARRAYS.format(combined_digest([part for pair in parts for part in pair], size=8))


def read_manifest(folder: Path) -> Manifest | None:
    """What a folder's study is made of; None where there is no study.

    Raises
    ------
    FileError
        If its plan.toml is damaged or of a newer layout.
    """
    path = folder / NAME
    try:
        text = tomllib.loads(read_text(path))
        if int(text["layout"]) > LAYOUT:
            raise FileError(
                f"{folder} has layout {text['layout']}, but this sightline reads up to {LAYOUT}: upgrade "
                "sightline.",
                slug="file-layout",
            )
        return _manifest_from_table(text, _read_plan_arrays(folder, text))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except FileError:
        raise
    except UNREADABLE as error:
        raise FileError(
            f"{path} does not describe a study ({type(error).__name__}: {error}). Put back the one that "
            "sightline wrote; the explanations beside it are untouched.",
            slug="study-damaged",
        ) from error


def _read_plan_arrays(folder: Path, table: dict[str, Any]) -> dict[str, Any]:
    file = folder / Path(table.get(ARRAYS_FILE, EARLIER_ARRAYS)).name
    if ARRAYS_FILE not in table:
        return read_arrays(file) if file.exists() else {}
    if not file.exists():
        raise ValueError(f"the arrays of its plan are missing, {file.name}")
    arrays = read_arrays(file)
    if _arrays_name(arrays) != file.name:
        raise ValueError(f"{file.name} has other arrays than it was written with")
    return arrays


def _manifest_from_table(text: dict[str, Any], arrays: dict[str, Any]) -> Manifest:
    model, data = text["model"], text["data"]
    words: dict[str, Any] = data.get("form", {})
    if "size" in words:
        words["size"] = tuple(_positive_int(length, MOST_LENGTH) for length in words["size"])
    return Manifest(
        plan=Plan(**{**EARLIER, **decode_fields(text["plan"], arrays)}),
        part_size=_positive_int(text["part"]),
        class_names=tuple(model["class_names"]) or None,
        n_columns=_positive_int(model["columns"], MOST_CLASSES),
        model_text=model["name"],
        model_digest=model["digest"],
        weights_digest=model.get("weights", ""),
        reference_predictions=tuple(
            ReferencePrediction.from_text(name, text, model.get("images", {}).get(name, ""))
            for kind in ("probes", "variants")
            for name, text in model.get(kind, {}).items()
        ),
        data_text=data["name"],
        image_format=ImageFormat(**words) if "form" in data else None,
        fingerprint=data["fingerprint"],
        image_count=_positive_int(data["images"]),
        split=HoldoutRule(**data["split"]) if "split" in data else None,
        range_note=_printable_line(text.get("range", "")),
        key=_table_key(text),
        output=model.get("output", "auto"),
        guesses=tuple(map(_printable_line, text.get("guesses", ()))),
        weighing=tuple(map(_printable_line, text.get("guesses_that_weigh", ()))),
        label=model.get("label", ""),
        threshold=float(model.get("threshold", 0.5)),
        label_names=tuple(model.get("label_names", ())),
    )


def _printable_line(told: object) -> str:
    return "".join(filter(str.isprintable, str(told)))


def _positive_int(number: int | str, most: int = MOST_IMAGES) -> int:
    if not 1 <= int(number) <= most:
        raise ValueError(f"{number} where 1 to {most:,} was written")
    return int(number)
