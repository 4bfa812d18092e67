"""what was found out, told or worked out → the choices of an audit, kept in its folder, and read back."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sightline._files import is_a_file, write_json
from sightline._json import from_jsonable, to_jsonable
from sightline._limits import read_text
from sightline._version import __version__
from sightline.auditing.discovery import Discovery
from sightline.errors import FileError, OptionError
from sightline.regions.region_set import Regions
from sightline.reports.commands import AUDIT
from sightline.types import record

LAYOUT = 1
TRAIN_CONTENTS, TABLE_CONTENTS = "contents of train", "contents of table"
"""What an audit was given, too: the images and the table that a path names may be others by now."""


@record
class AuditChoices:
    """All that an audit decided before it explained anything.

    Parameters
    ----------
    size : tuple of int or None
    mode, values : str
        As for `ImageFormat`.
    mean, std : tuple of float
        Of what is done to the values before the model gets them; empty for nothing.
    class_names : tuple of str
        In the model's order, where it was told or found out; else empty.
    segment, fill : str
    budget : int
        Model calls for an image.
    held_out : float
        Share of the images that are never touched; 0 for none.
    aligned : bool
    regions : str
        As `sightline.regions.named` takes them; empty for the places of grids.
    proved : int
        Images that a proof asks about, at most.
    answers : int
        Answers that blame asks about, at most.
    """

    size: tuple[int, int] | None
    mode: str
    values: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_names: tuple[str, ...]
    segment: str
    fill: str
    budget: int
    held_out: float
    aligned: bool
    regions: str
    proved: int
    answers: int


@record
class AuditRecord:
    """What an audit keeps of itself in its folder.

    Parameters
    ----------
    given : dict of str to str
        What it was asked with, by which it is known again.
    choices : AuditChoices
    discoveries : tuple of Discovery
    no_repair : str
        What no method repaired, where that was tried: it is not tried again.
    notes : tuple of str
        What has to be known beside the report: too few images, steps that could not be made.
    shortcut : str
        What a person said to be one; empty where nobody did.
    repair : str
        What the repair that the audit made is known by; empty where it made none.
    leak : str
        That held-out images are among those to learn from; empty where none are.
    """

    given: dict[str, str]
    choices: AuditChoices
    discoveries: tuple[Discovery, ...]
    no_repair: str = ""
    notes: tuple[str, ...] = ()
    shortcut: str = ""
    repair: str = ""
    leak: str = ""

    @property
    def guesses(self) -> tuple[str, ...]:
        """What was taken for granted and may be wrong."""
        return tuple(one.doubt for one in self.discoveries if one.doubt)

    @property
    def weighing(self) -> tuple[str, ...]:
        """Those of them that the verdict rests on."""
        return tuple(one.doubt for one in self.discoveries if one.doubt and one.weighs)


def write_record(folder: Path, kept: AuditRecord) -> Path:
    """Keep it in the audit's folder."""
    table = {"layout": LAYOUT, "version": __version__, **to_jsonable(kept)}
    return write_json(folder / AUDIT, table)


def read_record(folder: Path, given: Mapping[str, str]) -> AuditRecord | None:
    """What an audit in the folder has kept; None where there is none.

    Raises
    ------
    OptionError
        If it was asked with something else.
    FileError
        If it cannot be read.
    """
    file = folder / AUDIT
    if not is_a_file(file):
        return None
    try:
        kept: AuditRecord = from_jsonable(AuditRecord, json.loads(read_text(file)))
    except (OSError, ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
        raise FileError(
            f"{file} is not what an audit keeps of itself ({type(error).__name__}: {error}). Give the audit "
            "a folder of its own: out= (-o).",
            slug="audit-folder",
        ) from error
    _refuse_others(kept.given, dict(given), folder)
    return kept


def _refuse_others(kept: dict[str, str], given: dict[str, str], folder: Path) -> None:
    other = [name for name in {**kept, **given} if kept.get(name, "") != given.get(name, "")]
    if not kept.get("train"):  # what they are for comes after all else
        other = [name for name in other if name not in ("train", TRAIN_CONTENTS)]
    if other and set(other) <= {TRAIN_CONTENTS, TABLE_CONTENTS} and kept.get(other[0]):
        what = "set of training images is" if other[0] == TRAIN_CONTENTS else "table is"
        raise OptionError(
            f"the {what} another than when the audit in {folder} was begun, and so would be what is taken on "
            "of it. Give the audit a folder of its own, out= (-o), or what it had before.",
            slug="audit-other",
        )
    other = [name for name in other if name not in (TRAIN_CONTENTS, TABLE_CONTENTS)]
    if other:
        name = other[0]
        was, now = (one.get(name, "") or "left out" for one in (kept, given))
        raise OptionError(
            f"the audit in {folder} was begun with {name} {was!r}, and now it is {now!r}: nothing of it "
            "can be taken on. Give the new audit a folder of its own, out= (-o), or the same as before.",
            slug="audit-other",
        )


def with_note(kept: AuditRecord, note: str) -> AuditRecord:
    """With one more note, said once."""
    return kept if note in kept.notes else dataclasses.replace(kept, notes=(*kept.notes, note))


def given_texts(**given: Any) -> dict[str, str]:
    """What an audit was asked with, as texts; values of Python's that have none say only what they are."""
    return {name: _text_of(value) for name, value in given.items() if value is not None}


def _text_of(value: Any) -> str:
    simple = (str, int, float, bool, Path)
    plain = isinstance(value, (*simple, Regions)) or (
        isinstance(value, tuple) and all(isinstance(one, simple) for one in value)
    )
    return str(value) if plain else f"a {type(value).__name__}"
