"""a study's folder → every region that it knows, with what its answers and blame say of each."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sightline._json import to_jsonable
from sightline._language import translate as tr
from sightline._printing import printable_text
from sightline._region_names import DRAWN, FIXED, RUN_REGIONS
from sightline.errors import SightlineError
from sightline.findings.blame_result import Blame
from sightline.regions.region_file import load
from sightline.regions.region_set import Regions
from sightline.regions.shapes import PolygonShapes, polygon_mask
from sightline.reports.saved_results import DRAWN_BLAME, read_blame, read_findings
from sightline.reports.sections import outline_path, region_row
from sightline.reports.summary import Interval, RegionRow
from sightline.studio.drawn_outline import image_shape
from sightline.studio.drawn_regions import DrawnRegions, read_drawn, told_apart
from sightline.studio.shown_answers import RegionShare, ShownAnswers
from sightline.study.schema import StudyResults
from sightline.types import record


@record
class RegionLine:
    """A region of the page's table.

    Parameters
    ----------
    name : str
    origin : str
        ``"template"``, fixed beforehand; ``"errors"``, found in them; ``"drawn"`` by a person; ``"concept"``,
        known by its looks.
    number : int
        Of a drawn region: its place among them, by which a page names it; else −1.
    share : RegionShare or None
        None of a concept, which has no place of its own.
    found : RegionRow or None
        What blame said; None where it was not asked.
    fill : str
        What hidden looked like then.
    tested : int
        Wrong answers that this rests on.
    outline : str
        A path of SVG in a box of 1000 × 1000 over the image; empty of a concept.
    lack : str
        What there was too little of, where blame was asked and could not tell.
    called : str
        What tells it apart from another one of its name, where there is one; else empty.
    """

    name: str
    origin: str
    number: int
    share: RegionShare | None
    found: RegionRow | None
    fill: str
    tested: int
    outline: str
    lack: str = ""
    called: str = ""

    @property
    def known_as(self) -> str:
        """By what a person's verdict and a repair know it."""
        return self.called or self.name


@record
class RegionList:
    """All regions of a study.

    Parameters
    ----------
    lines : tuple of RegionLine
        Drawn ones first, the last drawn at the head.
    drawn : DrawnRegions
    verdict : str
        What blame said of the drawn ones; empty where it was not asked.
    notes : tuple of str
        What could not be read, and why.
    """

    lines: tuple[RegionLine, ...]
    drawn: DrawnRegions
    verdict: str
    notes: tuple[str, ...]

    @property
    def others(self) -> tuple[str, ...]:
        """Names of those that nobody drew."""
        return tuple(one.name for one in self.lines if one.origin != "drawn")

    @property
    def untested(self) -> int:
        """Drawn regions that blame was not asked about."""
        return sum(one.origin == "drawn" and one.found is None and not one.lack for one in self.lines)


def list_regions(study: StudyResults, folder: Path, shown: ShownAnswers) -> RegionList:
    """Every region of a study with its shares and its blame.

    Raises
    ------
    FileError
        If the file of the drawn regions is another's or cannot be understood.
    """
    notes: list[str] = []
    drawn = read_drawn(folder)
    found = read_findings(study, folder, {})
    blame, _ = read_blame(study, folder / "blame.json")  # by the names that its regions have in their files
    if blame is not None and blame.of_concepts:
        blame = None
    lines: list[RegionLine] = []
    verdict = ""
    if drawn.regions is not None:
        blamed, why = read_blame(study, folder / DRAWN_BLAME)
        notes += [why] if why else []
        if blamed is None and _of_drawn(blame):
            blamed = blame  # asked for by hand, without a file of its own
        lines += reversed(_drawn_lines(study, drawn, blamed, shown))
        verdict = "" if blamed is None else f"{blamed.heading}. {blamed.verdict}"
    notes += [found.lacks[name] for name in ("blame", "concepts") if name in found.lacks]
    blame = None if _of_drawn(blame) else blame
    if blame is not None and blame.lack:
        notes.append(tr("Blame was asked about the template: {verdict}", verdict=blame.verdict))
    among = fixed_regions(folder, blame, notes)
    if among is not None:
        lines += _fixed_lines(study, among, blame, shown)
    if found.concepts is not None:
        lines += _concept_lines(found.concepts)
    return RegionList(_told_apart(lines), drawn, verdict, tuple(notes))


def _told_apart(lines: Sequence[RegionLine]) -> tuple[RegionLine, ...]:
    """With a word after names that a drawn region and another one have."""
    drawn = {one.name for one in lines if one.origin == "drawn"}
    both = drawn & {one.name for one in lines if one.origin not in ("drawn", "concept")}
    return tuple(
        dataclasses.replace(one, called=one.name + (DRAWN if one.origin == "drawn" else FIXED))
        if one.name in both and one.origin != "concept"
        else one
        for one in lines
    )


def fixed_regions(folder: Path, blamed: Blame | None, notes: list[str] | None = None) -> Regions | None:
    """The regions of a fixed place that a study was blamed with, or that it keeps; none that were drawn.

    Parameters
    ----------
    folder : Path
    blamed : Blame or None
    notes : list of str, optional
        Gets why what is kept cannot be read.
    """
    among = None if blamed is None or _of_drawn(blamed) else blamed.areas
    if among is None:
        among = _kept_regions(folder, [] if notes is None else notes)
    return None if among is None or not among.shared or among.among else among


def known_regions(study: StudyResults, folder: Path) -> list[Regions]:
    """The regions of a fixed place that the study was last asked about, and those that a person drew."""
    fixed, drawn = fixed_regions(folder, read_findings(study, folder, {}).blame), None
    with contextlib.suppress(SightlineError):  # the page of regions says what is wrong with it
        drawn = read_drawn(folder).regions
    return told_apart([one for one in (fixed, drawn) if one is not None])


def _of_drawn(blamed: Blame | None) -> bool:
    """Whether blame was asked about regions that a person drew, rather than fixed ones."""
    return blamed is not None and blamed.among > 0


def _kept_regions(folder: Path, notes: list[str]) -> Regions | None:
    file = folder / RUN_REGIONS
    if not file.is_file():
        return None
    try:
        made: Regions = load(file)
    except SightlineError as error:
        notes.append(
            tr(
                "{file} is left aside: it cannot be read ({error}).",
                file=file.name,
                error=printable_text(error),
            )
        )
        return None
    return made


def _drawn_lines(
    study: StudyResults, drawn: DrawnRegions, blamed: Blame | None, shown: ShownAnswers
) -> list[RegionLine]:
    """A drawn region has the row of what was drawn there, whatever it is called now, and no other's."""
    assert drawn.regions is not None
    shape = image_shape(study)
    rows = _rows_by_pixels(blamed, shape)
    made = []
    for number, (name, share) in enumerate(zip(drawn.names, shown.region_shares(drawn.regions), strict=True)):
        mask = polygon_mask(drawn.outline(name), shape)
        row = rows.get(mask.tobytes())
        line = _line(name, "drawn", number, share, row, blamed, outline_path(mask))
        asked = mask.tobytes() in _asked_pixels(blamed, shape)
        made.append(dataclasses.replace(line, lack=blamed.lack) if blamed is not None and asked else line)
    return made


def _asked_pixels(blamed: Blame | None, shape: tuple[int, int]) -> set[bytes]:
    """Pixels of every region that blame was asked about, told of or not."""
    if blamed is None or blamed.areas is None or not blamed.areas.shared:
        return set()
    return {mask.tobytes() for mask in blamed.areas.masks(shape)}


def _rows_by_pixels(blamed: Blame | None, shape: tuple[int, int]) -> dict[bytes, RegionRow]:
    if blamed is None or blamed.areas is None or not blamed.areas.shared:
        return {}
    areas = blamed.areas
    return {
        areas[one.region].masks(shape)[0].tobytes(): region_row(blamed, one)
        for one in blamed.regions
        if one.region in areas
    }


def _fixed_lines(
    study: StudyResults, among: Regions, blamed: Blame | None, shown: ShownAnswers
) -> list[RegionLine]:
    from_errors = isinstance(among.shapes, PolygonShapes) and bool(among.shapes.found_in)
    rows = {} if blamed is None else {one.region: region_row(blamed, one) for one in blamed.regions}
    masks = among.masks(image_shape(study))
    return [
        _line(
            name,
            "errors" if from_errors else "template",
            -1,
            share,
            rows.get(name),
            blamed,
            outline_path(mask),
        )
        for name, share, mask in zip(among.names, shown.region_shares(among), masks, strict=True)
    ]


def _concept_lines(found: Blame) -> list[RegionLine]:
    return [
        _line(one.region, "concept", -1, None, region_row(found, one), found, "") for one in found.regions
    ]


def _line(
    name: str,
    origin: str,
    number: int,
    share: RegionShare | None,
    row: RegionRow | None,
    blamed: Blame | None,
    outline: str,
) -> RegionLine:
    fill, tested = ("", 0) if blamed is None or row is None else (blamed.fill, blamed.wrong)
    return RegionLine(name, origin, number, share, row, fill, tested, outline)


HEADS = (
    *("region", "origin", "area", "right", "right_low", "right_high", "wrong", "wrong_low", "wrong_high"),
    *("apart", "apart_low", "apart_high", "status", "gain", "gain_low", "gain_high", "elsewhere", "p"),
    *("corrected", "broken", "fill", "wrong_answers"),
)
"""Columns of the table as a file."""


def table_rows(lines: Sequence[RegionLine]) -> list[list[object]]:
    """The table as a file has it; nothing where a number is not known."""
    return [[to_jsonable(one[head]) for head in HEADS] for one in map(line_values, lines)]


def line_values(line: RegionLine) -> Mapping[str, Any]:
    """A line's numbers and words by the table's columns, None where one is not known."""
    share, row = line.share, line.found
    told: dict[str, Any] = {"region": line.name, "origin": line.origin, "number": line.number}
    told |= {"area": None if share is None else to_jsonable(share.area)}
    parts: dict[str, Interval | None] = {
        "right": None if share is None else share.right,
        "wrong": None if share is None else share.wrong,
        "apart": None if share is None else share.apart,
        "gain": None if row is None else row.gain,
    }
    for name, one in parts.items():
        told[name] = None if one is None else to_jsonable(one.value)
        told[f"{name}_low"] = None if one is None else to_jsonable(one.low)
        told[f"{name}_high"] = None if one is None else to_jsonable(one.high)
    told |= {"status": None if row is None else row.status, "finding": "" if row is None else row.finding}
    for name in ("elsewhere", "p", "corrected", "broken"):
        told[name] = None if row is None else to_jsonable(getattr(row, name))
    return told | {"fill": line.fill, "wrong_answers": line.tested or None}
