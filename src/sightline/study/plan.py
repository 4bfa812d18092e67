"""What a study is made of ⇄ plan.toml: its plan, its model, its data, and how to know them again."""

import dataclasses
import hashlib
import os
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

import sightline
from sightline._optional import require
from sightline.data.split import Split
from sightline.engine.plan import Plan
from sightline.errors import FileError, OptionError
from sightline.storage import UNREADABLE, decode, encode
from sightline.study.rows import LAYOUT
from sightline.types import record, told_apart

NAME = "plan.toml"
ARRAYS = "plan.npz"
SAME = 1e-3
"""Largest difference of a score that is let pass for the same model: half precision, another device."""
REMEMBERED = 5
"""Scores kept of each image that the model is known again by."""


@record
class Probe:
    """What a model said of one image: enough to know it again.

    Parameters
    ----------
    place : int
    classes : tuple of int
        The leading ones.
    scores : tuple of float
    """

    place: int
    classes: tuple[int, ...]
    scores: tuple[float, ...]

    @classmethod
    def of(cls, place: int, scores: Float[np.ndarray, "L"]) -> "Probe":
        """The leading scores."""
        leading = np.argsort(-scores, kind="stable")[:REMEMBERED].tolist()
        return cls(place, tuple(leading), tuple(float(scores[one]) for one in leading))

    @property
    def text(self) -> str:
        """Each class and its score."""
        return " ".join(f"{one}:{score:.6g}" for one, score in zip(self.classes, self.scores, strict=True))

    @classmethod
    def read(cls, place: int, text: str) -> "Probe":
        """What `text` wrote."""
        pairs = [pair.split(":") for pair in text.split()]
        return cls(place, tuple(int(one) for one, _ in pairs), tuple(float(score) for _, score in pairs))

    def fits(self, scores: Float[np.ndarray, "L"]) -> bool:
        """Whether the same model may have said this."""
        if max(self.classes) >= scores.size:
            return False
        return bool(np.allclose(scores[list(self.classes)], self.scores, rtol=SAME, atol=SAME))


@record
class Origin:
    """What a study is made of.

    Parameters
    ----------
    plan : Plan
    part : int
        Images in a part of the store.
    class_names : tuple of str, optional
        In the model's order.
    columns : int
        Classes of the model.
    model, data : str
        The text by which each can be opened again; empty if it was a value of Python's.
    form : Form, optional
        That the data are opened with.
    digest : str
        Of the model's file; empty if it is none.
    fingerprint : str
        Of the data.
    count : int
        Images of the data.
    split : Split, optional
        Which of them are explained, where some are held out.
    probes : tuple of Probe
    """

    plan: Plan
    part: int
    class_names: tuple[str, ...] | None
    columns: int
    model: str
    digest: str
    probes: tuple[Probe, ...]
    data: str
    form: Any
    fingerprint: str
    count: int
    split: Split | None = None

    @property
    def meant(self) -> int:
        """Images that are to be explained."""
        return self.count if self.split is None else int(self.split.meant(np.arange(self.count)).sum())


def table_of(plan: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    """A plan as TOML has it, and the arrays in it by their places."""
    arrays: dict[str, Any] = {}
    fields = {
        field.name: encode(getattr(plan, field.name), field.name, arrays)
        for field in dataclasses.fields(plan)
    }
    return _without_none(fields), arrays


def plan_of(table: dict[str, Any], arrays: dict[str, Any]) -> Plan:
    """The plan of a table."""
    return Plan(**{name: decode(value, arrays) for name, value in table.items()})


def check_same(old: Plan, new: Plan, folder: Path) -> None:
    """Refuse a plan other than the one that a study was made with.

    Raises
    ------
    OptionError
    """
    was, now = _told(old), _told(new)
    for name in now | was:
        if was.get(name) != now.get(name):
            raise OptionError(
                f"the study in {folder} was made with {name}={getattr(old, name)!r}, but now "
                f"{name}={getattr(new, name)!r} was given: explanations of two plans cannot be compared. "
                "Leave the plan out to go on with the old one, or give the new study a folder of its own.",
                slug="study-plan",
            )


def check_split(origin: Origin, held_out: float | None, folder: Path) -> None:
    """Refuse to hold out another share of the images than a study was made with.

    Raises
    ------
    OptionError
    """
    share = 0 if origin.split is None else origin.split.share
    if held_out is not None and held_out != share:
        raise OptionError(
            f"the study in {folder} holds out {share:g} of its images, but now held_out={held_out!r} was "
            "given: what was seen once cannot be held out any more. Leave it out to go on, or give the new "
            "study a folder of its own.",
            slug="study-held-out",
        )


def _told(plan: Plan) -> dict[str, Any]:
    """A plan's table with a digest in the place of each array."""
    table, arrays = table_of(plan)
    return _digested(table, {place: told_apart(array) for place, array in arrays.items()})  # type: ignore[no-any-return]


def _digested(value: Any, digests: dict[str, str]) -> Any:
    if isinstance(value, dict):
        if "array" in value:
            return digests[value["array"]]
        return {name: _digested(item, digests) for name, item in value.items()}
    return value


def write(folder: Path, origin: Origin) -> bool:
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
    writer = require("tomli_w", extra="study")
    plan, arrays = table_of(origin.plan)
    text = {
        "layout": LAYOUT,
        "sightline": sightline.__version__,
        "part": origin.part,
        "plan": plan,
        "model": {
            "name": origin.model,
            "digest": origin.digest,
            "columns": origin.columns,
            "class_names": list(origin.class_names or ()),
            "probes": {str(probe.place): probe.text for probe in origin.probes},
        },
        "data": {
            "name": origin.data,
            "images": origin.count,
            "fingerprint": origin.fingerprint,
        }
        | ({} if origin.form is None else {"form": _without_none(dataclasses.asdict(origin.form))})
        | ({} if origin.split is None else {"split": dataclasses.asdict(origin.split)}),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if arrays:
            np.savez_compressed(folder / ARRAYS, **arrays)
        aside = folder / f".{NAME}.{os.getpid()}"
        aside.write_text(writer.dumps(text), encoding="utf-8")
        try:
            os.link(aside, folder / NAME)
        except FileExistsError:
            return False
        finally:
            aside.unlink()
        return True
    except OSError as error:
        raise FileError(
            f"no study can be kept in {folder}: {error.strerror or error}. Name a folder that can be "
            "written to.",
            slug="study-write",
        ) from error


def read(folder: Path) -> Origin | None:
    """What a folder's study is made of; None where there is no study.

    Raises
    ------
    FileError
        If its plan.toml is damaged or of a newer layout.
    """
    path = folder / NAME
    try:
        text = tomllib.loads(path.read_text(encoding="utf-8"))
        if int(text["layout"]) > LAYOUT:
            raise FileError(
                f"{folder} has layout {text['layout']}, but this sightline reads up to {LAYOUT}: upgrade "
                "sightline.",
                slug="file-layout",
            )
        return _origin(text, _arrays(folder))
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


def file_digest(text: str) -> str:
    """Digest of the file that a model is loaded from; empty if the text names none."""
    path = Path(text)
    if not (text and path.is_file()):
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _arrays(folder: Path) -> dict[str, Any]:
    path = folder / ARRAYS
    if not path.exists():
        return {}
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _origin(text: dict[str, Any], arrays: dict[str, Any]) -> Origin:
    from sightline.data import Form

    model, data = text["model"], text["data"]
    words: dict[str, Any] = data.get("form", {})
    if "size" in words:
        words["size"] = tuple(words["size"])
    return Origin(
        plan=plan_of(text["plan"], arrays),
        part=_from_one(text["part"]),
        class_names=tuple(model["class_names"]) or None,
        columns=_from_one(model["columns"]),
        model=model["name"],
        digest=model["digest"],
        probes=tuple(Probe.read(int(place), text) for place, text in model["probes"].items()),
        data=data["name"],
        form=Form(**words) if "form" in data else None,
        fingerprint=data["fingerprint"],
        count=int(data["images"]),
        split=Split(**data["split"]) if "split" in data else None,
    )


def _from_one(number: Any) -> int:
    if int(number) < 1:
        raise ValueError(f"{number} where 1 or more was written")
    return int(number)


def _without_none(value: Any) -> Any:
    """TOML has no null: what is left out is None."""
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value
