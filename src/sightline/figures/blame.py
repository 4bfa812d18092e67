"""which regions drive the errors → a figure of effects with their intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from sightline import render
from sightline.figures.parts import CAPTION, MARGIN, NOTE, QUIET, title
from sightline.figures.sheet import Box, Item, Word, bottom, leading, measure, page, stack, wrap
from sightline.render import BLUE, GREY, INK, RED, Colour

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, CHART = 1180, 420
LINE = 40
PALE = (176, 182, 188)


@runtime_checkable
class Accused(Protocol):
    """What `sightline.blame` makes."""

    @property
    def regions(self) -> Sequence[Any]: ...
    @property
    def errors(self) -> int: ...
    @property
    def verdict(self) -> str: ...


def blame(blame: Accused) -> "Figure":
    """The gain of the true class's score when each region is hidden in wrong answers, with 95 % intervals.

    Red are the regions that are confirmed to drive errors; a grey mark is what hiding as much elsewhere
    gains. Beside them: the adjusted p-value of those that were tested, and how many answers turned.

    Parameters
    ----------
    blame : Blame

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> sightline.figures.blame(sightline.blame(study, sightline.regions.face()))  # doctest: +SKIP
    """
    room = WIDTH - 2 * MARGIN
    items: list[Item] = [*title(_headline(blame), room)]
    said = wrap(blame.verdict.split(), room, NOTE, between=" ")
    items += stack(said, MARGIN, bottom(items) + 6, size=NOTE, colour=QUIET)
    if blame.regions:
        items += _chart(blame.regions, bottom(items) + 30)
    return page(items, WIDTH, bottom(items) + MARGIN)


def _headline(blame: Accused) -> str:
    named = [one.region for one in blame.regions if one.confirmed]
    what = f"Driven by: {', '.join(named)}" if named else "No region is confirmed to drive them"
    return f"{blame.errors:,} wrong answers. {what}"


def _chart(regions: Sequence[Any], top: float) -> list[Item]:
    names = max(measure(one.region, CAPTION, bold=True) for one in regions)
    left = MARGIN + names + 24
    low = min(0.0, *(one.low for one in regions), *(one.elsewhere for one in regions))
    high = max(0.0, *(one.high for one in regions), *(one.elsewhere for one in regions))
    span = max(high - low, 1e-9)

    def at(value: float) -> float:
        return float(left + CHART * (value - low) / span)

    beside = left + CHART + 40
    items: list[Item] = [
        Word("gain of the true class's score when hidden", left, top, NOTE, colour=QUIET),
        Word("adjusted p", beside + 90, top, NOTE, colour=QUIET, align="right"),
        Word("wrong turned right", beside + 270, top, NOTE, colour=QUIET, align="right"),
        Word("right turned wrong", beside + 450, top, NOTE, colour=QUIET, align="right"),
    ]
    first = top + leading(NOTE)
    for number, one in enumerate(regions):
        middle = first + LINE * (number + 0.5)
        items += _line(one, middle, at, beside)
    end = first + LINE * len(regions)
    items.append(Box(at(0.0) - 1, first, 2, LINE * len(regions), GREY))
    items += [
        Word(render.number(low, sign=True), left, end + leading(NOTE), NOTE, colour=QUIET),
        Word("0", at(0.0), end + leading(NOTE), NOTE, colour=QUIET, align="center"),
        Word(
            render.number(high, sign=True),
            left + CHART,
            end + leading(NOTE),
            NOTE,
            colour=QUIET,
            align="right",
        ),
    ]
    notes = (
        "Bar: 95 % interval. Grey mark: hiding as much elsewhere; in brackets how many answers that turned."
    )
    return [*items, Word(notes, MARGIN, end + 2.4 * leading(NOTE), NOTE, colour=QUIET)]


def _line(one: Any, middle: float, at: Any, beside: float) -> list[Item]:
    colour: Colour = RED if one.confirmed else (BLUE if one.high < 0 else PALE)
    base = middle + 6
    items: list[Item] = [
        Word(one.region, MARGIN, base, CAPTION, bold=one.confirmed),
        Box(at(one.low), middle - 5, max(2.0, at(one.high) - at(one.low)), 10, colour),
        Box(at(one.gain) - 2, middle - 11, 4, 22, INK),
        Box(at(one.elsewhere) - 2, middle - 11, 4, 22, GREY),
    ]
    if np.isfinite(one.p):
        items.append(Word(f"{one.p:.2g}", beside + 90, base, NOTE, align="right"))
    turned = ((270, one.righted, one.righted_elsewhere), (450, one.wronged, one.wronged_elsewhere))
    for place, there, elsewhere in turned:
        items.append(Word(f"{there:g} ({elsewhere:.1f})", beside + place, base, NOTE, align="right"))
    return items
