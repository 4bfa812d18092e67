"""a proof, the study's folder → the proof with how many others have used its images; they are noted there.

Whoever chooses between repairs by their proofs has chosen by these images: none later is of untouched ones.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from sightline._files import held_in_turn, time_now, write_json
from sightline._limits import read_text
from sightline.errors import FileError
from sightline.proof.result import Proof

NAME = "proofs.json"
LAYOUT = 1
WAITED = 10.0
"""Seconds in which another proof has to be noted."""
HELD_OUT = ""
"""What the images are known by that a study held out."""


def images_key(data: str | None) -> str:
    """What the images of a proof are known by: those that the study held out, or those that a text opens."""
    if data is None:
        return HELD_OUT
    return str(Path(data).resolve()) if Path(data).exists() else data


def note_proof(made: Proof, folder: Path, images: str = HELD_OUT) -> Proof:
    """The proof with how many earlier ones, of other repairs, used its images; noted for the next.

    A proof that is made anew of the same repair counts those before its first.

    Parameters
    ----------
    made : Proof
    folder : Path
        The study's.
    images : str
        As `images_key` tells it.

    Raises
    ------
    FileError
        If the note cannot be read or written.
    """
    file = folder / NAME
    own = made.repair or f"{made.method} {made.region}"
    try:
        with held_in_turn(folder / f".{NAME}.held", WAITED) as mine:
            if not mine:
                raise FileError(f"{file} is being written by another proof: try again.", slug="proof-notes")
            noted = _read_notes(file)
            same = [one["repair"] for one in noted if one["images"] == images]
            if own not in same:
                entry = {"repair": own, "images": images, "region": made.region, "method": made.method}
                entry |= {"verdict": made.verdict, "when": time_now()}
                write_json(file, {"layout": LAYOUT, "proofs": [*noted, entry]})
    except OSError as error:
        raise FileError(
            f"the proof cannot be noted in {str(file)!r}: {error.strerror or error}. Later ones on the "
            "same images could not tell of it.",
            slug="proof-notes",
        ) from error
    earlier = same[: same.index(own)] if own in same else same
    return dataclasses.replace(made, earlier=len(earlier))


def _read_notes(file: Path) -> list[dict[str, Any]]:
    """What is noted so far, oldest first; nothing without a file.

    Raises
    ------
    FileError
    """
    if not file.is_file():
        return []
    try:
        value = json.loads(read_text(file))
        noted = value["proofs"]
        if value["layout"] > LAYOUT or not all(
            isinstance(one[name], str) for one in noted for name in ("repair", "images")
        ):
            raise ValueError("it is of another layout")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(
            f"{str(file)!r}, which says which proofs have used which images, cannot be read ({error}): mend "
            "it, or move it away to begin anew; then nothing tells of earlier proofs.",
            slug="proof-notes",
        ) from error
    return list(noted)
