"""what a person draws on a page → regions that a study keeps, and which answers may confirm them."""

import contextlib
import math
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from sightline._checks import is_whole
from sightline._digests import combined_digest
from sightline._files import held_in_turn, write_text
from sightline._language import translate as tr
from sightline._limits import read_text
from sightline._printing import printable_text
from sightline._region_names import DRAWN, DRAWN_REGIONS, FIXED
from sightline.engine.image_properties import PROPERTIES
from sightline.errors import FileError, SegmentError
from sightline.regions.region_file import AMONG, FOUND_IN, HEADING, found_in_text, load
from sightline.regions.region_set import Regions, one_region_a_piece
from sightline.regions.shapes import Polygon, PolygonShapes, check_names, polygon_mask
from sightline.studio.drawn_outline import image_shape
from sightline.study.schema import StudyResults
from sightline.types import record

AREAS = 100
"""As how many regions those that are drawn count before any is: about as many windows, strips and frames as
`sightline.regions.from_errors` looks at first. Who has seen maps of all answers has chosen among these."""
WAITED = 10.0
"""Seconds in which another studio has to be done."""
MOST_REGIONS = 100
MOST_LETTERS = 60
PARTING = (",", " + ")
"""What stands between the names of several regions."""
CLOSE = 0.25
"""Share of the smaller of two regions from which on it is said that they overlap."""
LARGE = 0.5
"""Share of the image from which on it is said that as much elsewhere cannot be hidden beside a region."""


@record
class DrawnRegions:
    """The regions that a person drew over a study's images.

    Parameters
    ----------
    regions : Regions or None
        None where none is left.
    found_in : tuple of str
        Ids of the images that the person could look at while drawing: others confirm.
    drawn : int
        How many were ever drawn, those that were removed among them.
    """

    regions: Regions | None = None
    found_in: tuple[str, ...] = ()
    drawn: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called, in the order in which they were drawn."""
        return () if self.regions is None else self.regions.names

    @property
    def among(self) -> int:
        """As how many regions each of them is tested: those that could be drawn, and those that were."""
        return AREAS + self.drawn

    def outline(self, name: str) -> Polygon:
        """The polygon of a region.

        Raises
        ------
        SegmentError
            If there is none of that name.
        """
        if self.regions is None:
            raise SegmentError(f"there is no region {name!r}: none is drawn.", slug="regions-unknown")
        (piece,) = self.regions[name].made_of[0]
        return _outlines(self.regions)[piece]


def shown_while_drawing(ids: Sequence[str]) -> Bool[np.ndarray, "N"]:
    """Which images a person may look at while drawing: about half; the others confirm what is drawn.

    A digest of the image's id decides. So an image never changes sides, also where the study grows.

    Examples
    --------
    >>> shown_while_drawing(["0", "1", "2", "3"]).tolist()
    [True, False, True, False]
    """
    return np.array([int(combined_digest(["drawing", one], size=1), 16) % 2 == 0 for one in ids], dtype=bool)


def read_drawn(folder: Path) -> DrawnRegions:
    """The regions that a study keeps of those that were drawn; none where there is no file.

    Raises
    ------
    FileError
        If the file cannot be understood, or it is another's.
    """
    path = folder / DRAWN_REGIONS
    if not path.is_file():
        return DrawnRegions()
    try:
        said = tomllib.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise FileError(f"{path} cannot be read: {error}.", slug="regions-file") from None
    found_in = said.get("found_in", [])
    if not isinstance(found_in, list) or not all(isinstance(one, str) for one in found_in):
        raise FileError(
            f"{path} cannot be used: found_in must be the ids of images, a list of texts, but it is "
            f"{printable_text(repr(found_in)[:60])}.",
            slug="regions-file",
        )
    regions = load(path) if {"polygons", "masks", "concepts"} & set(said) else None
    shapes = None if regions is None else regions.shapes
    drawn = said.get("among", 0)
    plain = shapes is None or (
        isinstance(shapes, PolygonShapes)
        and not shapes.exclusive
        and all(len(several) == 1 for several in (*shapes.polygons, *(regions.made_of if regions else ())))
    )
    if not plain or not is_whole(drawn) or drawn < AREAS + len(regions or ()):
        raise FileError(
            f"{path} holds other regions than those that the studio draws: it needs one polygon for each, "
            f"and among = {AREAS} and as many more as were ever drawn. Give the file another name, and use "
            "it with --regions.",
            slug="regions-drawn-file",
        )
    made = DrawnRegions(regions, tuple(found_in), drawn - AREAS)
    _check_outlines(path, made)
    return made


def _check_outlines(path: Path, drawn: DrawnRegions) -> None:
    """Refuse two regions of one outline, as a file has them that was written by hand: none could tell them.

    Raises
    ------
    FileError
    """
    first: dict[str, str] = {}
    for name in drawn.names:
        other = first.setdefault(str(np.round(drawn.outline(name), 6).tolist()), name)
        if other != name:
            raise FileError(
                f"{path} holds {other!r} and {name!r} of one outline: what is found of one could not be told "
                "from what is found of the other. Take one of them out of the file.",
                slug="regions-drawn-file",
            )


def write_drawn(folder: Path, drawn: DrawnRegions) -> None:
    """Keep them in the study's folder; how many there were is kept where none is left, too.

    Raises
    ------
    FileError
        If the folder cannot be written to.
    """
    path = folder / DRAWN_REGIONS
    if drawn.regions is not None:
        drawn.regions.save(path)
        return
    seen = f"{FOUND_IN}{found_in_text(drawn.found_in)}" if drawn.found_in else ""
    try:
        write_text(path, f"{HEADING}{seen}{AMONG}among = {drawn.among}\n")
    except OSError as error:
        raise FileError(
            f"{path} cannot be written: {error.strerror or error}.", slug="regions-save"
        ) from None


@contextlib.contextmanager
def changing_alone(folder: Path) -> Iterator[None]:
    """Let no other studio of the study change what is drawn meanwhile: a region would be lost, uncounted.

    Raises
    ------
    FileError
        If another one does not end.
    """
    with held_in_turn(folder / f".{DRAWN_REGIONS}.held", WAITED) as mine:
        if mine:
            yield
            return
    raise FileError(
        f"{folder / DRAWN_REGIONS} is being changed by another studio: try again.", slug="regions-drawn-file"
    )


def add_region(
    study: StudyResults, folder: Path, name: object, outline: Polygon, taken: Sequence[str] = ()
) -> DrawnRegions:
    """The regions of a study with one more, kept in its folder.

    Parameters
    ----------
    study : Study
    folder : Path
        The study's.
    name : str
        What it is to be called.
    outline : float array, shape (P, 2)
        As `read_outline` gives it.
    taken : sequence of str
        Names of regions that the study has from elsewhere.

    Raises
    ------
    SegmentError
        If the name is no line of text or taken, there are too many, or the same area is drawn already.
    """
    drawn = read_drawn(folder)
    called = _checked_name(name, (*drawn.names, *taken))
    if len(drawn.names) >= MOST_REGIONS:
        raise SegmentError(
            f"a study keeps {MOST_REGIONS} drawn regions at most: remove one first.", slug="regions-drawn"
        )
    shape = image_shape(study)
    mask = polygon_mask(outline, shape)
    for other in drawn.names:
        if np.array_equal(polygon_mask(drawn.outline(other), shape), mask):
            raise SegmentError(
                f"the region {other!r} covers the same pixels: to call it otherwise, rename it. Each that is "
                "drawn makes it harder to confirm the others.",
                slug="regions-drawn",
            )
    outlines = () if drawn.regions is None else _outlines(drawn.regions)
    ids = np.asarray(study.ids, dtype=object)[shown_while_drawing(study.ids)].tolist()
    seen = tuple(dict.fromkeys((*drawn.found_in, *ids)))
    made = _make_drawn((*drawn.names, called), (*outlines, outline), seen, drawn.drawn + 1)
    write_drawn(folder, made)
    return made


def rename_region(folder: Path, old: str, new: object, taken: Sequence[str] = ()) -> DrawnRegions:
    """The regions of a study, one of them called otherwise, kept in its folder.

    Raises
    ------
    SegmentError
        If there is no such region, or the name is no line of text or taken.
    """
    drawn = read_drawn(folder)
    if drawn.regions is None:
        raise SegmentError(f"there is no region {old!r}: none is drawn.", slug="regions-unknown")
    place = drawn.regions.index(old)
    names = list(drawn.names)
    names[place] = _checked_name(new, (*names[:place], *names[place + 1 :], *taken))
    made = _make_drawn(tuple(names), _outlines(drawn.regions), drawn.found_in, drawn.drawn)
    write_drawn(folder, made)
    return made


def remove_region(folder: Path, name: str) -> DrawnRegions:
    """The regions of a study without one, kept in its folder: it still counts as one that was drawn.

    Raises
    ------
    SegmentError
        If there is no such region.
    """
    drawn = read_drawn(folder)
    if drawn.regions is None:
        raise SegmentError(f"there is no region {name!r}: none is drawn.", slug="regions-unknown")
    place = drawn.regions.index(name)
    names, outlines = list(drawn.names), list(_outlines(drawn.regions))
    del names[place], outlines[place]
    made = _make_drawn(tuple(names), tuple(outlines), drawn.found_in, drawn.drawn)
    write_drawn(folder, made)
    return made


def _make_drawn(
    names: tuple[str, ...], outlines: tuple[Polygon, ...], found_in: tuple[str, ...], drawn: int
) -> DrawnRegions:
    if not names:
        return DrawnRegions(None, found_in, drawn)
    shapes = PolygonShapes(names, tuple((one,) for one in outlines), found_in=found_in, among=AREAS + drawn)
    return DrawnRegions(one_region_a_piece(shapes), found_in, drawn)


def _outlines(regions: Regions) -> tuple[Polygon, ...]:
    assert isinstance(regions.shapes, PolygonShapes), "read_drawn lets no other pass"
    return tuple(regions.shapes.polygons[piece][0] for (piece,) in regions.made_of)


def _checked_name(name: object, taken: Sequence[str]) -> str:
    """A region's name without spaces around it.

    Raises
    ------
    SegmentError
    """
    if not isinstance(name, str):
        raise SegmentError("a drawn region needs a name, a line of text.", slug="regions-drawn")
    called = name.strip()
    check_names((called,))
    if len(called) > MOST_LETTERS or any(sign in called for sign in PARTING):
        raise SegmentError(
            f"a drawn region's name has {MOST_LETTERS} letters at most, and no comma or plus sign between "
            "spaces, which part names.",
            slug="regions-drawn",
        )
    if called.startswith("-") or called in PROPERTIES or called.endswith((DRAWN, FIXED)):
        raise SegmentError(
            f"a region cannot be called {called!r}: a command would not take it for a region, since it "
            "begins like an option, or names a property of whole images, or ends as names do that are told "
            "apart. Call it otherwise.",
            slug="regions-drawn",
        )
    if called in taken:
        raise SegmentError(
            f"there is a region {called!r} already: call this one otherwise.", slug="regions-drawn"
        )
    return called


def describe_overlaps(study: StudyResults, outline: Polygon, others: Mapping[str, Polygon]) -> list[str]:
    """What there is to say of where a region lies beside those that were drawn before, in sentences."""
    shape = image_shape(study)
    mask = polygon_mask(outline, shape)
    said = []
    for name, other in others.items():
        beside = polygon_mask(other, shape)
        share = float((mask & beside).sum()) / max(1, min(int(mask.sum()), int(beside.sum())))
        if share >= CLOSE:
            said.append(
                tr(
                    "It has {share:.0%} of the smaller one's area in common with {name}: what is found of "
                    "one may be the other's.",
                    share=math.floor(share * 100) / 100,
                    name=name,
                )
            )
    if mask.mean() > LARGE:
        said.append(
            tr(
                "It covers {share:.0%} of the image: as much elsewhere cannot be hidden beside it.",
                share=float(mask.mean()),
            )
        )
    return said


def told_apart(known: Sequence[Regions]) -> list[Regions]:
    """Drawn regions and others; those of one name are called apart, as a person's verdicts call them.

    Examples
    --------
    >>> import dataclasses
    >>> from sightline.regions import grid
    >>> fixed, one = grid(1, 2), grid(1, 1)
    >>> drawn = dataclasses.replace(one, shapes=dataclasses.replace(one.shapes, among=101))
    >>> [known.names for known in told_apart([fixed, drawn])]
    [('r1c1 (not drawn)', 'r1c2'), ('r1c1 (drawn)',)]
    """
    counts = Counter(name for one in known for name in one.names)
    return [
        one.rename({name: name + (DRAWN if one.among else FIXED) for name in one.names if counts[name] > 1})
        for one in known
    ]
