"""which regions drive the errors → a figure of effects with their intervals."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from sightline import render
from sightline.figures.components import (
    BAR,
    CAPTION,
    MARGIN,
    NOTE,
    QUIET,
    LegendEntry,
    colour_swatch,
    figure_title,
    legend_items,
)
from sightline.figures.layout import (
    FilledBox,
    LayoutItem,
    TextLine,
    draw_items,
    line_height,
    lower_edge,
    shorten_text,
    stack_lines,
    text_width,
    wrap_parts,
)
from sightline.figures.view_model import FAINT
from sightline.render import BLUE, GREY, INK, PAPER, RED, Colour

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NARROWEST, CHART, LONGEST = 900, 420, 340
LINE, BETWEEN = 40, 40
PALE = (176, 182, 188)
HEADS = ("adjusted p", "wrong turned right", "right turned wrong")
GAIN = "gain of the true class's score when hidden"


@runtime_checkable
class Accused(Protocol):
    """What `sightline.blame` makes."""

    @property
    def regions(self) -> Sequence[Any]: ...
    @property
    def errors(self) -> int: ...
    @property
    def lacked(self) -> float: ...
    @property
    def least(self) -> float: ...
    @property
    def verdict(self) -> str: ...


def plot_blame(blame: Accused) -> "Figure":
    """The gain of the true class's score when each region is hidden in wrong answers, with 95 % intervals.

    Red are the regions that are confirmed to drive errors; a grey mark is what hiding as much elsewhere
    gains, and a pale line the least gain that counts. Beside them: the adjusted p-value of those that were
    tested, and how many answers turned.

    Parameters
    ----------
    blame : Blame

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> sightline.figures.blame_figure(sightline.blame(study, sightline.regions.face()))  # doctest: +SKIP
    """
    left = (
        MARGIN
        + 24
        + max((text_width(_region_label(one), CAPTION, bold=True) for one in blame.regions), default=0)
    )
    ends = list(_columns(left + CHART))
    width = max(NARROWEST, ends[-1] + MARGIN) if blame.regions else NARROWEST
    items: list[LayoutItem] = [*figure_title(_blame_headline(blame), width - 2 * MARGIN)]
    said = wrap_parts(blame.verdict.split(), width - 2 * MARGIN, NOTE, between=" ", most=9)
    items += stack_lines(said, MARGIN, lower_edge(items) + 6, size=NOTE, colour=QUIET)
    if blame.regions:
        items += _chart(blame, left, ends, lower_edge(items) + 36)
        items += _blame_legend(blame, lower_edge(items) + 20, width - 2 * MARGIN)
    return draw_items(items, width, lower_edge(items) + MARGIN)


def _blame_headline(blame: Accused) -> str:
    named = [one.region for one in blame.regions if one.confirmed]
    none = "No region is confirmed to drive them" if blame.regions else "Nothing can be said of them"
    what = f"Driven by: {', '.join(named)}" if named else none
    return f"{blame.errors:,} wrong answer{'s' * (blame.errors != 1)}. {what}"


def _region_label(one: Any) -> str:
    return shorten_text(one.region, LONGEST, CAPTION, bold=True)


def _columns(left: float) -> Iterator[float]:
    """Right ends of the columns of numbers."""
    for head in HEADS:
        left += BETWEEN + text_width(head, NOTE)
        yield left


def _chart(blame: Accused, left: float, ends: Sequence[float], top: float) -> list[LayoutItem]:
    regions, floor = blame.regions, float(blame.least * blame.lacked)
    drawn: list[float] = [value for one in regions for value in (one.low, one.high, one.gain, one.elsewhere)]
    known = [value for value in (*drawn, floor) if math.isfinite(value)]
    low, high = min(0.0, *known), max(0.0, *known)
    span = max(high - low, 1e-9)

    def at(value: float) -> float:
        return left + CHART * (value - low) / span

    first = top + line_height(NOTE)
    tall = LINE * len(regions)
    items: list[LayoutItem] = [TextLine(GAIN, left, top, NOTE, colour=QUIET)]
    items += [
        TextLine(head, end, top, NOTE, colour=QUIET, align="right")
        for head, end in zip(HEADS, ends, strict=True)
    ]
    if floor > 0:
        items.append(FilledBox(at(floor) - 1, first, 2, tall, FAINT))
    items.append(FilledBox(at(0.0) - 1, first, 2, tall, GREY))
    for number, one in enumerate(regions):
        items += _line(one, first + LINE * (number + 0.5), at, ends)
    return [*items, *_ticks(low, high, at, first + tall + line_height(NOTE))]


def _ticks(low: float, high: float, at: Callable[[float], float], line: float) -> Iterator[TextLine]:
    """0 and the two ends, as far as they leave each other room."""
    room = 1.5 * text_width(render.format_number(min(low, -high)), NOTE)
    yield TextLine("0", at(0.0), line, NOTE, colour=QUIET, align="center")
    if at(0.0) - at(low) > room:
        yield TextLine(render.format_number(low), at(low), line, NOTE, colour=QUIET, align="center")
    if at(high) - at(0.0) > room:
        yield TextLine(
            render.format_number(high, sign=True), at(high), line, NOTE, colour=QUIET, align="center"
        )


def _line(
    one: Any, middle: float, at: Callable[[float], float], ends: Sequence[float]
) -> Iterator[LayoutItem]:
    base = middle + 6
    yield TextLine(_region_label(one), MARGIN, base, CAPTION, bold=one.confirmed)
    if math.isfinite(one.low) and math.isfinite(one.high):
        yield FilledBox(
            at(one.low), middle - 5, max(2.0, at(one.high) - at(one.low)), 10, _effect_colour(one)
        )
    yield FilledBox(at(one.elsewhere) - 2, middle - 11, 4, 22, GREY)
    yield FilledBox(at(one.gain) - 2, middle - 11, 4, 22, INK)
    tested = math.isfinite(one.p)
    yield TextLine(
        f"{one.p:.2g}" if tested else "not tested",
        ends[0],
        base,
        NOTE,
        INK if tested else QUIET,
        align="right",
    )
    turned = ((one.righted, one.righted_elsewhere), (one.wronged, one.wronged_elsewhere))
    for end, (there, elsewhere) in zip(ends[1:], turned, strict=True):
        yield TextLine(f"{there:g} ({elsewhere:.1f})", end, base, NOTE, align="right")


def _effect_colour(one: Any) -> Colour:
    return RED if one.confirmed else BLUE if one.high < 0 else PALE


def _blame_legend(blame: Accused, top: float, room: float) -> list[LayoutItem]:
    """What colours and marks mean, as far as they are in use."""
    colours = {_effect_colour(one) for one in blame.regions}
    said = {
        RED: "95 % interval: drives errors",
        PALE: "95 % interval: not confirmed",
        BLUE: "95 % interval: hiding it lowers the score",
    }
    entries = [(colour_swatch(colour), text) for colour, text in said.items() if colour in colours]
    entries += [
        _mark_entry(INK, "gain"),
        _mark_entry(GREY, "hiding as much elsewhere; in brackets, how many answers that turned"),
    ]
    if blame.least * blame.lacked > 0:
        entries.append(
            _mark_entry(FAINT, f"the least that counts: {blame.least:.0%} of what the true class lacked")
        )
    return legend_items(entries, MARGIN, top, room)


def _mark_entry(colour: Colour, text: str) -> LegendEntry:
    sample = np.full((BAR, 32, 3), PAPER, np.uint8)
    sample[:, 14:18] = colour
    return sample, text
