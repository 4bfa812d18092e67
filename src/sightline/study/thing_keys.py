"""a study's folder → its regions and concepts by name, each known by what it is: where it lies, how it looks.

Two things can have one name, one after the other or at once: what a person says is of the thing.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sightline._digests import combined_digest
from sightline._limits import read_arrays, read_text
from sightline._region_names import DRAWN, DRAWN_REGIONS, FIXED, RUN_REGIONS
from sightline.errors import SightlineError
from sightline.types import record

RESULTS = ("blame.json", "concepts.json")
"""What the commands found: where things lay that they were asked about."""
KEPT = ("concepts.toml", RUN_REGIONS)
DETECTORS = ("centres", "weights", "radii", "found_in")
DAMAGED = (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError, SightlineError)


@record
class JudgedThing:
    """A region or a concept of a study.

    Parameters
    ----------
    of : str
        ``"region"`` or ``"concept"``.
    name : str
        As its file has it.
    called : str
        The same, unless a drawn region and another one have that name.
    key : str
        Digest of its outline, or of what finds it.
    drawn : bool
    """

    of: str
    name: str
    called: str
    key: str
    drawn: bool = False


def judged_things(folder: Path, answers: str = "") -> tuple[JudgedThing, ...]:
    """The regions and concepts of a study; what cannot be read is left aside.

    Parameters
    ----------
    folder : Path
    answers : str
        Digest of the answers that the study has now: what was found in others is not read.
    """
    drawn = _named_keys(folder / DRAWN_REGIONS, "")
    fixed: dict[tuple[str, str], str] = {}
    for name in (*RESULTS, *KEPT):
        if (folder / name).is_file():
            for place, key in _named_keys(folder / name, answers, without_drawn=bool(drawn)).items():
                fixed.setdefault(place, key)
    own = {place: key for place, key in drawn.items() if fixed.get(place) != key}
    return (
        *(
            JudgedThing(of, name, name + FIXED * ((of, name) in own), key)
            for (of, name), key in fixed.items()
        ),
        *(
            JudgedThing(of, name, name + DRAWN * ((of, name) in fixed), key, drawn=True)
            for (of, name), key in own.items()
        ),
    )


def _named_keys(file: Path, answers: str, *, without_drawn: bool = False) -> dict[tuple[str, str], str]:
    """Kind and name → key, of a file of regions or of what was found."""
    if not file.is_file():
        return {}
    try:
        if file.suffix == ".json":
            found = json.loads(read_text(file))
            said = found["areas"]
            if found.get("answers") not in (None, "", answers) and answers:
                return {}
            if without_drawn and (found.get("among") or said.get("among")):
                return {}  # the study has them in their own file, as they are now
        else:
            said = tomllib.loads(read_text(file))
        return dict(_keys_of(said, file.parent))
    except DAMAGED:
        return {}


def _keys_of(said: Mapping[str, Any], folder: Path) -> Iterator[tuple[tuple[str, str], str]]:
    drawn = said.get("polygons")
    if drawn:
        outlines = {name: _as_several(points) for name, points in drawn.items()}
        order = list(outlines)
        for name, pieces in (said.get("regions") or {name: [name] for name in order}).items():
            used = sorted(order.index(piece) for piece in pieces)
            if said.get("exclusive"):  # those before take pixels from it
                used = [*used, -1, *range(max(used))]
            shapes = [outlines[order[one]] if one >= 0 else None for one in used]
            parts = sorted(json.dumps(one) for one in shapes) if -1 not in used else [json.dumps(shapes)]
            yield ("region", name), combined_digest(parts, size=8)
        return
    if "digest" in said:
        for name in said["regions"]:
            yield ("concept", name), combined_digest([said["digest"], name], size=8)
        return
    for table, of in (("masks", "region"), ("concepts", "concept")):
        if table in said:
            arrays = read_arrays(folder / said[table]["file"])
            parts = [arrays[one] for one in (DETECTORS if of == "concept" else ("masks",))]
            digest = combined_digest(parts)
            pieces = said.get("regions") or {name: [name] for name in said[table]["names"]}
            for name, made_of in pieces.items():
                where = (
                    [str(said[table]["names"].index(one)) for one in made_of] if of == "region" else [name]
                )
                yield (of, name), combined_digest([digest, *where], size=8)


def _as_several(points: Any) -> list[list[list[float]]]:
    """Polygons, where there may be one alone."""
    several = points if isinstance(points[0][0], list) else [points]
    return [[[float(down), float(across)] for down, across in one] for one in several]
