"""what was found by each question → a section of the report: sentences, rows to draw, the whole table."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from sightline._language import translate as tr
from sightline._language import use_language
from sightline._printing import printable_text
from sightline._resize import resize_nearest
from sightline.errors import SegmentError
from sightline.findings.blame_result import Blame, RegionEffect
from sightline.findings.cause_result import ImageCause, ImageCauses
from sightline.findings.slice_result import Slice, Slices
from sightline.reports.commands import question_commands
from sightline.reports.saved_results import StudyFindings
from sightline.reports.summary import Interval, RegionOutline, RegionRow, Section

BOX = 1000
"""Width and height of the box that outlines are drawn in."""
OUTLINE = 256
"""Fewest pixels of a side at which outlines are followed."""
STAR = "*+~ "
"""Signs before a name in a printed table."""


def status_text(status: str) -> str:
    """A status in the reader's language."""
    return {
        "drives errors": tr("drives errors"),
        "shift": tr("a shift of the scores"),
        "misleads": tr("raises the wrong class"),
        "relied on": tr("what the model goes by"),
        "worth it": tr("worth more than it costs"),
        "weighs": tr("weighs, perhaps rightly"),
        "worse": tr("surely more errors"),
        "nothing": tr("nothing found"),
        "uncertain": tr("cannot be told"),
        "not tested": tr("not tested"),
    }[status]


def make_sections(found: StudyFindings, run: str) -> dict[str, Section]:
    """All sections, those too that nobody asked for.

    Parameters
    ----------
    found : StudyFindings
    run : str
        The study's folder, as a command takes it.
    """
    titles = {
        "blame": tr("Regions that drive errors"),
        "drawn": tr("Regions that a person drew"),
        "concepts": tr("Concepts, things known by their looks, that drive errors wherever they are"),
        "causes": tr("Causes that lie in whole images"),
        "slices": tr("Slices of the data"),
    }
    commands = question_commands(run)
    fill: dict[str, Callable[[Any], dict[str, Any]]] = {
        "blame": _blame_fields,
        "drawn": _blame_fields,
        "concepts": _blame_fields,
        "causes": _cause_fields,
        "slices": _slice_fields,
    }
    made = {}
    for name, title in titles.items():
        how = commands[name]
        one: Any = getattr(found, name)
        if one is None:
            why = found.lacks.get(name) or tr("This was not asked.")
            made[name] = Section(title=title, asked=False, verdict=why, how=how)
        else:
            heads, body = _split_table(one.table)
            more = {"heads": heads, "table": body, **fill[name](one)}
            made[name] = Section(title=title, asked=True, verdict=one.verdict, how=how, **more)
    return made


def _blame_fields(found: Blame) -> dict[str, Any]:
    rows = tuple(region_row(found, one) for one in found.regions)
    basis = _basis_of_rows(rows, found.lack)
    return {"rows": rows, "basis": basis, "tested": found.wrong, "of_regions": True, "counted": found.counted}


def _basis_of_rows(rows: Sequence[RegionRow], lack: str) -> str:
    """Confirmed is what was found; where nothing was, it was looked for."""
    if lack or (rows and all(row.status == "not tested" for row in rows)):
        return "unknown"
    nothing = ("nothing", "uncertain", "not tested")
    return "tested" if all(row.status in nothing for row in rows) else "confirmed"


def region_status(found: Blame, one: RegionEffect) -> str:
    """Which of the statuses a region or concept has."""
    if one.confirmed:
        return "drives errors"
    if one.worthwhile:
        return "worth it"
    if one.shifted:
        return "shift"
    if one.misleads:
        return "misleads"
    if one.region in found.relied_on:
        return "relied on"
    if found.is_open(one) or (one.suspect and one.holds_attribution):
        return "uncertain"
    return "nothing" if one.was_tested else "not tested"


def region_row(found: Blame, one: RegionEffect) -> RegionRow:
    """What a report shows of one region or concept."""
    status = region_status(found, one)
    counted = tr(
        "of the answers that confirm, found in {wrong} of {called_wrong} wrong and in {right} of"
        " {called_right} right ones called {name}",
        wrong=one.found_wrong,
        called_wrong=one.called_wrong,
        right=one.found_right,
        called_right=one.called_right,
        name=printable_text(one.towards),
    )
    lacked = one.lacked if found.of_concepts else found.lacked
    with use_language("en"):  # by which files and commands know it
        name = printable_text(one.label)
    return RegionRow(
        name=name,
        status=status,
        status_text=status_text(status),
        gain=Interval(one.gain, one.low, one.high),
        elsewhere=one.control_gain,
        p=one.p,
        failed=one.failed,
        corrected=one.corrected,
        control_corrected=one.control_corrected,
        broken=one.broken,
        control_broken=one.control_broken,
        wrong_share=one.wrong_share,
        right_share=one.right_share,
        finding=found.finding(one.region),
        detections=counted if found.of_concepts else "",
        towards=printable_text(one.towards),
        lacked=lacked,
    )


def _cause_fields(found: ImageCauses) -> dict[str, Any]:
    beside_heads, beside = _split_table(found.links_table)
    rows = tuple(_cause_row(one) for one in found.causes if one.gain == one.gain)
    return {
        "rows": rows,
        "basis": "confirmed" if found.associated and not found.lack else _basis_of_rows(rows, found.lack),
        "beside_heads": beside_heads,
        "beside_table": beside,
        "tested": found.errors,
        "of_regions": True,
    }


def _cause_row(one: ImageCause) -> RegionRow:
    status = "drives errors" if one.misleads else "weighs" if one.confirmed else "nothing"
    return RegionRow(
        name=printable_text(one.name),
        status=status,
        status_text=status_text(status),
        gain=Interval(one.gain, one.low, one.high),
        elsewhere=one.control_gain,
        p=one.p,
        failed=one.failed,
        corrected=one.corrected,
        control_corrected=one.control_corrected,
        towards=printable_text(one.called_name),
        lacked=one.lacked,
    )


def _slice_fields(found: Slices) -> dict[str, Any]:
    rows = tuple(_slice_row(found, one) for one in found.slices)
    return {"rows": rows, "basis": _basis_of_rows(rows, ""), "tested": found.errors}


def _slice_row(found: Slices, one: Slice) -> RegionRow:
    status = "worse" if one.worse else "nothing"
    return RegionRow(
        name=printable_text(one.name),
        status=status,
        status_text=status_text(status),
        gain=Interval(one.accuracy, one.low, one.high),
        elsewhere=found.accuracy,
        p=one.p,
        finding="" if one.blame is None else one.blame.verdict,
    )


def _split_table(table: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Heads and lines of a printed table, without the signs before names, which the rows' status tells."""
    if not table:
        return (), ()
    heads, *lines = table
    shown = tuple(tuple(map(printable_text, (line[0].lstrip(STAR), *line[1:]))) for line in lines)
    return tuple(heads), shown


def region_outlines(found: Sequence[Blame], shape: tuple[int, int]) -> tuple[RegionOutline, ...]:
    """Outlines of the regions that were looked at; none of those that have no fixed place.

    Parameters
    ----------
    found : sequence of Blame
    shape : tuple of int
        Height and width of the image that they are drawn over.
    """
    return tuple(one for blamed in found for one in _outlines_of(blamed, shape))


def _outlines_of(found: Blame, shape: tuple[int, int]) -> tuple[RegionOutline, ...]:
    if found.areas is None or not found.areas.shared:
        return ()
    status = {one.region: region_status(found, one) for one in found.regions}
    times = max(1, -(-OUTLINE // min(shape)))
    try:
        masks = found.areas.masks((times * shape[0], times * shape[1]))
    except SegmentError:  # one is too small to have a pixel there
        return ()
    drawn = zip(found.areas.names, masks, strict=True)
    return tuple(
        RegionOutline(printable_text(name), outline_path(mask), status.get(name, "not tested"))
        for name, mask in drawn
    )


def outline_path(mask: Bool[np.ndarray, "H W"]) -> str:
    """A mask's outline as a path of SVG, in a box of 1000 × 1000 over the whole image.

    Examples
    --------
    >>> outline_path(np.array([[True, False]])).count("M")
    1
    """
    from skimage.measure import approximate_polygon, find_contours

    shape = tuple(max(one, OUTLINE) for one in mask.shape)  # corners of pixels are cut: let them be small
    fine = resize_nearest(mask, shape)
    pieces = []
    for line in find_contours(np.pad(fine, 1).astype(float), 0.5):
        points = approximate_polygon(line, 0.5) - 0.5
        down, across = (points / np.array(shape)).clip(0, 1).T * BOX
        corners = " ".join(f"{x:.0f},{y:.0f}" for x, y in zip(across[:-1], down[:-1], strict=True))
        pieces.append(f"M{corners}Z")
    return "".join(pieces)
