"""Summary → one HTML file, all of which can be read before any script; nothing is asked of a network."""

import base64
import functools
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int
from markupsafe import Markup

from sightline._language import translate as tr
from sightline._language import translate_plural, use_language
from sightline._tables import text_width
from sightline.render import format_number
from sightline.reports import charts
from sightline.reports.options_in_words import clear_note, option_words
from sightline.reports.segment_marks import LeadingSegments, leading_segments
from sightline.reports.summary import (
    Confusion,
    ImageEntry,
    Measure,
    RegionOutline,
    RegionRow,
    Section,
    Summary,
    thing_name,
)
from sightline.types import record

if TYPE_CHECKING:
    from jinja2 import Environment

TINTS = 8
"""Steps in which the cells of a confusion matrix get darker."""
FEW_OUTLINES = 12
"""Regions up to which each has its name on the image; of more, only those that something was found of."""
STRONG = ("drives errors", "worth it", "worse")
"""What is drawn in the accent's colour."""
FOUND = (*STRONG, "shift", "misleads", "relied on", "weighs")
"""What a region has to be for its name to be on the image anyway."""
NAME_WIDTH, NAME_HEIGHT, NAME_LETTERS = 6.5, 16.0, 18
"""About how wide a letter and how high a name is on an image of 300, and how many letters are shown."""
NAME_ROOM, NAME_MARGIN = 1.25, 3.0
"""How much wider a name may be than is thought, and how far from an edge of the image it stays."""
FEW_ROWS, MORE_ROWS = 12, 6
"""Rows up to which a section shows all; of more, how many of those that nothing was found of."""
MARK = 0.1
"""Height of a segment's number, as a share of the image's longer side."""
DIGITS = 3
"""Digits of values that only a canvas is painted with."""


def page_html(summary: Summary) -> str:
    """The report as one HTML file.

    Parameters
    ----------
    summary : Summary
        Its language is the page's.

    Returns
    -------
    str
        Images, style and script stand in it. A policy of its own says what a browser may load and run: that
        style, that script, and images within the file.
    """
    with use_language(summary.language):
        template = page_environment().get_template("page.html.jinja")
        style, script = _part("report.css"), _part("heat_painting.mjs") + _part("report.mjs")
        return template.render(
            summary=summary,
            policy=security_policy(style, script),
            style=Markup(style),  # both are the package's own, and shown as they were hashed
            script=Markup(script),
            data=Markup(script_json(browser_data(summary))),
            matrix=None if summary.confusion is None else matrix_rows(summary.confusion),
            outlines=placed_outlines(summary),
            sections=summary.further_sections,
        )


def security_policy(style: str, script: str) -> str:
    """What a browser may do with the page: show it, run its own script, and nothing else."""
    allowed = {
        "default-src": "'none'",
        "img-src": "data: blob:",
        "style-src": f"'sha256-{_text_digest(style)}'",
        "script-src": f"'sha256-{_text_digest(script)}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{what} {which}" for what, which in allowed.items())


def _text_digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.cache
def _part(name: str) -> str:
    """A file beside this one."""
    return (resources.files("sightline.reports") / name).read_text(encoding="utf-8")


@functools.cache
def page_environment(*others: str) -> "Environment":
    """What templates are read by, and may call.

    Parameters
    ----------
    *others : str
        Packages with templates of their own, which may include the report's.
    """
    import jinja2

    packages = (*others, "sightline.reports")
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(one, "templates") for one in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,  # what was read stays as it fits the code that is running
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        _=tr,
        translate_plural=translate_plural,
        axis_chart=charts.axis_chart,
        change_chart=charts.change_chart,
        interval_chart=charts.interval_chart,
        value_chart=charts.value_chart,
        value_limit=charts.value_limit,
        gain_axis=gain_axis,
        shown_rows=shown_rows,
        measure_axis=measure_axis,
        measure_groups=measure_groups,
        STRONG=STRONG,
        leading_segments=leading_segments,
        clear_note=clear_note,
        mark_size=mark_size,
        in_studio=bool(others),
    )
    made.filters.update(
        number=charts.number_text,
        score=charts.score_text,
        interval=charts.interval_text,
        p_value=charts.p_text,
        thousands=lambda count: f"{count:,}",
        limit=format_number,
        option_words=option_words,
        thing_name=thing_name,
    )
    return made


def script_json(value: object) -> str:
    """JSON that can stand in a script element: nothing in it can end the element or begin another.

    Examples
    --------
    >>> script_json({"name": "</script><b>"})
    '{"name":"\\\\u003c/script\\\\u003e\\\\u003cb\\\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


# ---- What templates are given ready: they hold no arithmetic.


@record
class MatrixCell:
    """A cell of the confusion matrix: how often, and how dark it is drawn."""

    label: int
    predicted: int
    count: int
    tint: int


def matrix_rows(confusion: Confusion) -> list[tuple[int, list[MatrixCell], int]]:
    """Label, cells and number of answers of each row."""
    tints = _cell_tints(confusion.counts)
    return [
        (
            label,
            [
                MatrixCell(label, predicted, int(confusion.counts[row, column]), int(tints[row, column]))
                for column, predicted in enumerate(confusion.predicted)
            ],
            int(confusion.counts[row].sum()),
        )
        for row, label in enumerate(confusion.labels)
    ]


def _cell_tints(counts: Int[np.ndarray, "L K"]) -> Int[np.ndarray, "L K"]:
    """Steps of darkness: none for no answer, then by the share of the row's answers."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return np.where(counts > 0, np.clip(np.ceil(shares * TINTS), 1, TINTS), 0).astype(np.intp)


@record
class PlacedOutline:
    """A region's outline, and where its name stands if it has room for one.

    Parameters
    ----------
    outline : RegionOutline
    across, down : float
    named : bool
    anchor : str
        Which part of the name stands there: its ``"start"``, ``"middle"`` or ``"end"``.
    """

    outline: RegionOutline
    across: float
    down: float
    named: bool
    anchor: str = "middle"


@record
class OutlinedImage:
    """The box of an image, and how outlines of 1000 × 1000 are brought to it."""

    width: int
    height: int
    outlines: tuple[PlacedOutline, ...]


def placed_outlines(summary: Summary) -> OutlinedImage | None:
    """Outlines over the regions' image; the box is 300 wide, whatever the image's size."""
    if summary.regions_image is None:
        return None
    width = 300
    height = max(1, round(width * summary.regions_image.height / summary.regions_image.width))
    many = len(summary.region_outlines) > FEW_OUTLINES
    middles = [_middle_of_path(one.path) for one in summary.region_outlines]
    taken: list[tuple[float, float, float]] = []
    placed: dict[int, PlacedOutline] = {}
    # What was found has its name first; of two that would lie on each other the later one has none.
    for at in sorted(range(len(middles)), key=lambda at: summary.region_outlines[at].status not in FOUND):
        one = summary.region_outlines[at]
        across, down = middles[at][0] * width / 1000, middles[at][1] * height / 1000
        half = NAME_WIDTH * min(text_width(thing_name(one.name)), NAME_LETTERS) / 2
        room = half * NAME_ROOM
        anchor = "start" if across < room else "end" if across > width - room else "middle"
        # A name that would go beyond an edge begins, or ends, at the edge.
        edge = {"start": NAME_MARGIN, "end": width - NAME_MARGIN}.get(anchor, across)
        across = {"start": edge + half, "end": edge - half}.get(anchor, across)
        free = all(abs(across - x) > half + far or abs(down - y) > NAME_HEIGHT for x, y, far in taken)
        named = free and bool(one.path) and (one.status in FOUND or not many)
        if named:
            taken.append((across, down, half))
        placed[at] = PlacedOutline(one, edge, down, named, anchor)
    return OutlinedImage(width, height, tuple(placed[at] for at in range(len(middles))))


def _middle_of_path(path: str) -> tuple[float, float]:
    """Middle of the box around an outline's first ring, in its own units."""
    numbers = [float(one) for one in re.findall(r"[\d.]+", path.split("Z")[0])]
    across, down = numbers[0::2], numbers[1::2]
    if not down:
        return 0.0, 0.0
    return (min(across) + max(across)) / 2, (min(down) + max(down)) / 2


def mark_size(lead: LeadingSegments) -> float:
    """Height of the numbers on an image, in its pixels."""
    return round(MARK * max(lead.width, lead.height), 2)


def shown_rows(section: Section) -> tuple[RegionRow, ...]:
    """Rows that stand in the section itself: what was found, and of much else only the first."""
    if len(section.rows) <= FEW_ROWS:
        return section.rows
    others = [row for row in section.rows if row.status not in FOUND][:MORE_ROWS]
    return tuple(row for row in section.rows if row.status in FOUND or row in others)


def gain_axis(section: Section, *, share: bool = False) -> charts.ChartAxis:
    """One axis for all rows of a section, whose numbers are gains or, of slices, shares."""
    gains = [row.gain for row in section.rows]
    beside = [row.elsewhere for row in section.rows]
    ends = [end for gain in gains for end in (gain.value, gain.low, gain.high)]
    if share:
        return charts.share_axis([*ends, *beside])
    return charts.value_axis([*ends, *beside])


def measure_axis(measures: Iterable[Measure]) -> charts.ChartAxis:
    """One axis for measures of a kind: shares of a whole, or net of as much elsewhere, of either sign."""
    both = [one for measure in measures for one in (measure.before, measure.after) if one is not None]
    ends = [end for one in both for end in (one.value, one.low, one.high) if math.isfinite(end)]
    return charts.share_axis(ends) if min(ends, default=0.0) >= 0 else charts.value_axis(ends, share=True)


def measure_groups(measures: Iterable[Measure]) -> list[tuple[str, list[Measure]]]:
    """Measures of a repair under what they are about, the two that tell whether it is one first."""
    heads: Mapping[str, tuple[str, ...]] = {
        tr("How much the region decides"): ("region",),
        tr("Accuracy when what the region shows is exchanged"): ("content",),
        tr("All images"): ("accuracy", "presence"),
        tr("Each class's recall"): ("recall",),
        tr("Elsewhere"): ("other region",),
        tr("Other labels, which are not to change"): ("other label",),
    }
    shown = list(measures)
    grouped = [(head, [one for one in shown if one.kind in kinds]) for head, kinds in heads.items()]
    return [(head, some) for head, some in grouped if some]


# ---- What the script is given.


def browser_data(summary: Summary) -> dict[str, Any]:
    """What the page's script paints, filters and says, as JSON: images as strings, not as elements."""
    return {
        "words": script_words(),
        "classes": {str(number): name for number, name in summary.class_names},
        "maps": [[one.pixels, one.width, one.height] for one in summary.label_maps],
        "pixels": ["" if one.image is None else one.image.pixels for one in summary.images],
        "images": [_image_row(one) for one in summary.images],
        "groups": [[[label, said] for label, said, _count in group.pairs] for group in summary.groups],
    }


def _image_row(entry: ImageEntry) -> list[Any]:
    """An image as the script knows it, by place: report.mjs names the places."""
    size = (0, 0) if entry.image is None else (entry.image.width, entry.image.height)
    return [
        entry.id,
        entry.place,
        entry.label,
        entry.predicted,
        int(entry.right),
        _short_number(entry.score),
        _short_number(entry.hidden),
        [[number, _short_number(score)] for number, score in entry.scores],
        *size,
        entry.segments,
        [_short_number(value) for value in entry.values],
        _short_number(entry.limit),
        [[segment, _short_number(value), _short_number(error)] for segment, value, error in entry.leading],
        entry.group,
        list(entry.warnings),
    ]


def _short_number(value: float) -> float | int | None:
    """A number of few digits; null if it is not known."""
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e9 else short


def script_words() -> dict[str, str]:
    """What the script says, in the page's language; it fills in the fields in braces."""
    return {
        "shown": tr("{shown} of {all} images", shown="{shown}", all="{all}"),
        "place": tr("{place} of {all}", place="{place}", all="{all}"),
        "page": tr("page {page} of {pages}", page="{page}", pages="{pages}"),
        "right": tr("right"),
        "wrong": tr("wrong"),
        "score": tr("score"),
        "explained": tr(
            "What is explained: {score}; with everything hidden: {hidden}", score="{score}", hidden="{hidden}"
        ),
        "everyClass": tr("every class"),
        "everyGroup": tr("every image"),
        "group": tr("group {number}", number="{number}"),
        "segment": tr("segment {number}", number="{number}"),
        "speaksFor": tr("speaks for it: {what}", what="{what}"),
        "speaksAgainst": tr("speaks against it: {what}", what="{what}"),
        "nothingShown": tr("No image is like that. Take a filter away."),
        "unreadable": tr("This image could not be read."),
        "cell": tr(
            "{label} called {predicted}: {count}. Show these.",
            label="{label}",
            predicted="{predicted}",
            count="{count}",
        ),
        "called": tr("{label} → {predicted}", label="{label}", predicted="{predicted}"),
        "scale": tr("−{limit} (against) to +{limit} (for)", limit="{limit}"),
    }
