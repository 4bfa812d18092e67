"""regions ⇄ a TOML file that a person can edit."""

import json
import tomllib
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline._arguments import clear_arguments
from sightline._checks import is_whole
from sightline._digests import combined_digest
from sightline._files import write_arrays, write_text
from sightline._limits import read_arrays, read_text
from sightline.errors import FileError, SegmentError
from sightline.regions.concept_shapes import ConceptShapes, Detector
from sightline.regions.region_set import Regions, one_region_a_piece
from sightline.regions.segment_looks import BLOCKS
from sightline.regions.shapes import MaskShapes, Polygon, PolygonShapes, as_polygons, check_names
from sightline.types import did_you_mean

HEADING = """\
# Regions for sightline. Points are [down, across] in shares of the image's height and width:
# [0, 0] is its upper left corner, [1, 1] the lower right one. A list of lists of points is several polygons.
"""
EXCLUSIVE = """\
# A pixel that several polygons claim belongs to the first of them in this file.
"""
FOUND_IN = """\
# Images that they were found in: blame confirms them on others only. Leave this as it is.
"""
AMONG = """\
# How many regions these were chosen among: blame allows for so many tests. Leave this as it is.
"""
JOINED = """\
# The regions, in order, and the pieces that each is made of. Without this table, each piece is a region.
"""
TABLES = ("exclusive", "found_in", "among", "regions", "polygons", "masks", "concepts")
SHAPES = ("polygons", "masks", "concepts")
"""Tables of which a file has one."""
FARTHEST = 1e9
"""A number beyond is none of a look, a weight or a distance: those of 10⁵ are the largest that are made."""
MOST_AMONG = 1_000_000
"""Regions that others can have been chosen among."""
IN_LINE = 6
"""Points written in one line."""


@clear_arguments
def load(path: str | PathLike[str]) -> Regions:
    """Regions out of a TOML file, written by `Regions.save` or by hand.

    Parameters
    ----------
    path : path
        The least that the file needs is a table ``[polygons]`` of names and points as in `polygons`.

    Returns
    -------
    Regions

    Raises
    ------
    FileError
        If the file is missing or cannot be understood.
    """
    path = Path(path)
    try:
        return _parse_regions(tomllib.loads(read_text(path)), path.parent)
    except (OSError, ValueError, RecursionError, FileError) as error:  # wrong UTF-8 or TOML: ValueErrors
        raise _unusable_file(path, error) from None


def write_regions(regions: Regions, path: Path) -> Path:
    """What `Regions.save` does."""
    if path.suffix.lower() != ".toml":
        raise FileError(
            f"regions are saved as TOML, but the path {str(path)!r} does not end in .toml.",
            slug="regions-save",
        )
    shapes = regions.shapes
    if isinstance(shapes, PolygonShapes):
        body = _polygon_table(shapes)
    elif isinstance(shapes, MaskShapes):
        body = _array_table("masks", shapes, path.with_suffix(".npz"))
    elif isinstance(shapes, ConceptShapes):
        body = _array_table("concepts", shapes, path.with_suffix(".npz"))
        body += f"towards = {list(shapes.towards)}\n"
        if shapes.class_names:
            body += f"classes = [{', '.join(map(_toml_string, shapes.class_names))}]\n"
    else:
        raise FileError(
            "regions that every image has its own of cannot be saved as TOML. Keep the segmentations or "
            "landmarks with the data, and build them again with sightline.regions.per_image.",
            slug="regions-save",
        )
    try:
        if isinstance(shapes, MaskShapes):
            write_arrays(path.with_suffix(".npz"), {"masks": shapes.masks})
        elif isinstance(shapes, ConceptShapes):
            write_arrays(path.with_suffix(".npz"), _detector_arrays(shapes))
        write_text(path, HEADING + body + _region_table(regions))
    except OSError as error:
        raise FileError(
            f"{path} cannot be written: {error.strerror or error}.", slug="regions-save"
        ) from None
    return path


def describe_regions(regions: Regions) -> dict[str, Any]:
    """Regions as JSON has them: what each is made of, and the pieces' polygons; null where they are masks.

    Examples
    --------
    >>> from sightline.regions import grid
    >>> describe_regions(grid(1, 2)["r1c2"])["polygons"]
    {'r1c2': [[[0.0, 0.5], [0.0, 1.0], [1.0, 1.0], [1.0, 0.5]]]}
    """
    shapes = regions.shapes
    pieces = {
        name: [shapes.pieces[place] for place in several]
        for name, several in zip(regions.names, regions.made_of, strict=True)
    }
    made: dict[str, Any] = {"regions": pieces, "polygons": None}
    if isinstance(shapes, PolygonShapes):
        used = {piece for several in pieces.values() for piece in several}
        drawn = zip(shapes.pieces, shapes.polygons, strict=True)
        # Pieces that come before in the file take pixels from those that come after.
        kept = {name: several for name, several in drawn if shapes.exclusive or name in used}
        made["polygons"] = {name: [each.tolist() for each in several] for name, several in kept.items()}
        made["exclusive"] = shapes.exclusive
        made |= {"found_in": list(shapes.found_in), "among": shapes.among}
    elif isinstance(shapes, ConceptShapes):
        made["digest"] = combined_digest(_detector_arrays(shapes).values())
    return made


def _polygon_table(shapes: PolygonShapes) -> str:
    lines = [f"{EXCLUSIVE}exclusive = true\n"] if shapes.exclusive else []
    if shapes.found_in:
        lines.append(f"{FOUND_IN}{found_in_text(shapes.found_in)}")
    if shapes.among:
        lines.append(f"{AMONG}among = {shapes.among}\n")
    lines.append("\n[polygons]\n")
    for name, several in zip(shapes.pieces, shapes.polygons, strict=True):
        drawn = [_points_text(polygon) for polygon in several]
        lines.append(f"{_toml_string(name)} = {drawn[0] if len(drawn) == 1 else _toml_list(drawn)}\n")
    return "".join(lines)


def found_in_text(ids: tuple[str, ...]) -> str:
    """The ids of images as a file of regions has them."""
    lines = "".join(f"    {_toml_string(one)},\n" for one in ids)
    return f"found_in = [\n{lines}]\n"


def _points_text(polygon: Polygon) -> str:
    points = [f"[{down!r}, {across!r}]" for down, across in polygon.tolist()]
    lines = [", ".join(points[start : start + IN_LINE]) for start in range(0, len(points), IN_LINE)]
    return f"[{lines[0]}]" if len(lines) == 1 else _toml_list(lines)


def _toml_list(lines: list[str]) -> str:
    return "[\n" + "".join(f"    {line},\n" for line in lines) + "]"


def _array_table(table: str, shapes: MaskShapes | ConceptShapes, beside: Path) -> str:
    names = ", ".join(map(_toml_string, shapes.pieces))
    return f"\n[{table}]\nfile = {_toml_string(beside.name)}\nnames = [{names}]\n"


def _detector_arrays(shapes: ConceptShapes) -> dict[str, Shaped[np.ndarray, "..."]]:
    return {
        "centres": np.stack([one.centre for one in shapes.detectors]),
        "weights": np.stack([one.weight for one in shapes.detectors]),
        "radii": np.array([one.radius for one in shapes.detectors]),
        "found_in": np.array(shapes.found_in, dtype=np.str_),
    }


def _region_table(regions: Regions) -> str:
    pieces = regions.shapes.pieces
    made_of = {
        name: [pieces[place] for place in several]
        for name, several in zip(regions.names, regions.made_of, strict=True)
    }
    if made_of == {name: [name] for name in pieces} and regions.names == pieces:
        return ""
    lines = [
        f"{_toml_string(name)} = [{', '.join(map(_toml_string, several))}]\n"
        for name, several in made_of.items()
    ]
    return f"\n{JOINED}[regions]\n{''.join(lines)}"


def _toml_string(text: str) -> str:
    """A TOML string: JSON's are, of printable letters."""
    return json.dumps(text, ensure_ascii=False)


def _parse_regions(said: dict[str, Any], folder: Path) -> Regions:
    for key in said:
        if key not in TABLES:
            raise ValueError(f"there is no {key!r} in a file of regions. {did_you_mean(key, TABLES)}")
    if sum(table in said for table in SHAPES) != 1:
        raise ValueError("it needs either a table [polygons], a table [masks] or a table [concepts]")
    exclusive = said.get("exclusive", False)
    if not isinstance(exclusive, bool):
        raise ValueError(f"exclusive must be true or false, but it is {exclusive!r}")
    seen = said.get("found_in", [])
    if not isinstance(seen, list) or not all(isinstance(one, str) for one in seen):
        raise ValueError(f"found_in must be the ids of images, a list of texts, but it is {seen!r}")
    if seen and "polygons" not in said:
        raise ValueError("found_in goes with [polygons]: of concepts it stands in the file beside")
    among = said.get("among", 0)
    if not is_whole(among) or not 0 <= among <= MOST_AMONG:
        raise ValueError(f"among must be a whole number from 0 to {MOST_AMONG:,}, but it is {among!r}")
    if among and "polygons" not in said:
        raise ValueError("among goes with [polygons]")
    if "masks" in said:
        return _joined_regions(_parse_masks(_required_table(said, "masks"), folder), said)
    if "concepts" in said:
        return _joined_regions(_parse_concepts(_required_table(said, "concepts"), folder), said)
    drawn = _required_table(said, "polygons")
    check_names(tuple(drawn))
    polygons = tuple(as_polygons(name, points) for name, points in drawn.items())
    return _joined_regions(PolygonShapes(tuple(drawn), polygons, exclusive, tuple(seen), among), said)


def _required_table(said: dict[str, Any], key: str) -> dict[str, Any]:
    if not isinstance(said[key], dict):
        raise ValueError(f"{key} must be a table, [{key}], but it is {said[key]!r}")
    return dict(said[key])


def _parse_masks(said: dict[str, Any], folder: Path) -> MaskShapes:
    names, path = _names_and_file("masks", said, folder)
    found = _read_beside(path).get("masks", np.zeros(0))
    if found.ndim != 3 or found.dtype != bool or len(found) != len(names) or 0 in found.shape:
        raise ValueError(
            f"{path} must hold {len(names)} masks, bool of shape ({len(names)}, h, w), but they are "
            f"{found.dtype} of shape {found.shape}"
        )
    return MaskShapes(names, np.asarray(found))


def _parse_concepts(said: dict[str, Any], folder: Path) -> ConceptShapes:
    names, path = _names_and_file("concepts", said, folder)
    towards = said.get("towards")
    classes = towards if isinstance(towards, list) else []
    if len(classes) != len(names) or not all(is_whole(one) and one >= 0 for one in classes):
        raise ValueError(
            f"towards must name a class for each of {len(names)} concepts, but it is {towards!r}"
        )
    called = said.get("classes", [])
    if not isinstance(called, list) or not all(isinstance(one, str) for one in called):
        raise ValueError(f"classes must be names, those of towards, but it is {called!r}")
    if called and len(called) != len(names):
        raise ValueError(
            f"classes must name one for each of {len(names)} concepts, but there are {len(called)}"
        )
    arrays = _read_beside(path)
    length, count = sum(BLOCKS), len(names)
    for name, shape in (("centres", (count, length)), ("weights", (count, length)), ("radii", (count,))):
        found = arrays.get(name, np.zeros(0))
        if found.shape != shape or found.dtype.kind != "f" or not np.isfinite(found).all():
            raise ValueError(
                f"{path} must hold {name}, finite numbers of shape {shape}, but they are {found.dtype} of "
                f"shape {found.shape}"
            )
        if (np.abs(found) > FARTHEST).any() or (name != "centres" and (found < 0).any()):
            least = -FARTHEST if name == "centres" else 0
            raise ValueError(f"{path} must hold {name} from {least:g} to {FARTHEST:g}")
    detectors = map(
        Detector, *(arrays[name].astype(float) for name in ("centres", "weights")), arrays["radii"].tolist()
    )
    seen = arrays.get("found_in", np.zeros(0))
    if seen.ndim != 1 or seen.dtype.kind != "U":
        # Without it, the images that chose the concepts would confirm them.
        raise ValueError(
            f"{path} must hold found_in, the ids of the images that the concepts were found in, as a list of "
            f"texts, but it is {seen.dtype} of shape {seen.shape}"
        )
    return ConceptShapes(
        names, tuple(detectors), tuple(classes), tuple(map(str, seen.tolist())), tuple(called)
    )


def _names_and_file(table: str, said: dict[str, Any], folder: Path) -> tuple[tuple[str, ...], Path]:
    """What the pieces are called, and the file of their arrays."""
    names, file = said.get("names"), said.get("file")
    if not isinstance(file, str) or not isinstance(names, list):
        raise ValueError(f'[{table}] needs a file, such as file = "{table}.npz", and names = ["…", "…"]')
    check_names(tuple(names))
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise ValueError(f"the file of [{table}] must lie beside it or below, but it is {file!r}")
    return tuple(names), folder / file


def _read_beside(path: Path) -> dict[str, Any]:
    """The arrays of the file beside."""
    try:
        return read_arrays(path)
    except FileError:
        raise
    except Exception as error:  # what a damaged archive raises is not foreseeable
        raise ValueError(f"its arrays in {path} cannot be read: {error}") from None


def _joined_regions(shapes: PolygonShapes | MaskShapes | ConceptShapes, said: dict[str, Any]) -> Regions:
    if "regions" not in said:
        return one_region_a_piece(shapes)
    made_of = []
    for name, pieces in _required_table(said, "regions").items():
        if not isinstance(pieces, list) or not pieces:
            raise ValueError(f"region {name!r} must be a list of pieces, but it is {pieces!r}")
        for piece in pieces:
            if piece not in shapes.pieces:
                raise ValueError(
                    f"region {name!r} has no piece {piece!r}. {did_you_mean(str(piece), shapes.pieces)}"
                )
        made_of.append(tuple(shapes.pieces.index(piece) for piece in pieces))
    return Regions(tuple(said["regions"]), shapes, tuple(made_of))


def _unusable_file(path: Path, error: Exception) -> FileError:
    why = str(error.strerror if isinstance(error, OSError) else error)
    if isinstance(error, SegmentError):
        why = why.removesuffix(f" [{error.slug}]")
    return FileError(
        f"the regions in {path} cannot be used: {why.rstrip('.')}. A file of regions is TOML with a table "
        "[polygons] of lines such as jaw = [[0.8, 0.2], [0.8, 0.8], [1, 0.5]].",
        slug="regions-file",
    )
