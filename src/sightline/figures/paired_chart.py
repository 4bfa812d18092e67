"""measures before and after → a chart of both, with the interval of the change, and the numbers beside it."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from sightline.figures.components import CAPTION, GAP, MARGIN, NOTE, QUIET
from sightline.figures.layout import (
    FilledBox,
    LayoutItem,
    TextLine,
    line_height,
    lower_edge,
    shorten_text,
)
from sightline.figures.view_model import FAINT
from sightline.render import GREY, INK

LINE, NAMES = 34, 560
PALE = (203, 208, 213)
COLUMNS = (("before", 94), ("after", 94), ("change in points, 95 %", 288), ("p", 108))
MARK = 7


@runtime_checkable
class Measured(Protocol):
    """One measure before and after."""

    @property
    def name(self) -> str: ...
    @property
    def before(self) -> float: ...
    @property
    def after(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def p(self) -> float: ...
    @property
    def beside(self) -> Any: ...


def dumbbells(heading: str, measures: Sequence[Measured], top: float, width: float) -> list[LayoutItem]:
    """A section of a page: a line for each measure, all on one axis.

    A grey square is before, a black one after; the pale band is where after lies by the interval of the
    change. A grey line across is what the measure is to be seen beside.
    """
    chart = width - 2 * MARGIN - NAMES - sum(room for _, room in COLUMNS) - GAP
    left = MARGIN + NAMES
    ends = [left + chart + sum(room for _, room in COLUMNS[: place + 1]) for place in range(len(COLUMNS))]
    low, high = _ends(measures)

    def at(value: float) -> float:
        return left + chart * (value - low) / (high - low)

    base = top + line_height(CAPTION)
    named = shorten_text(heading, NAMES + chart - GAP, CAPTION, bold=True)
    items: list[LayoutItem] = [TextLine(named, MARGIN, base, CAPTION, bold=True)]
    items += [
        TextLine(head, end, base, NOTE, colour=QUIET, align="right")
        for (head, _), end in zip(COLUMNS, ends, strict=True)
    ]
    first = base + 8
    tall = LINE * len(measures)
    items += [FilledBox(at(tick) - 0.5, first, 1, tall, FAINT) for tick in _ticks(low, high)]
    for number, one in enumerate(measures):
        items += _line(one, first + LINE * (number + 0.5), at, ends)
    items += [
        TextLine(
            f"{100 * tick:.0f} %".replace("-", "−"),
            at(tick),
            first + tall + line_height(NOTE),
            NOTE,
            colour=QUIET,
            align="center",
        )
        for tick in _ticks(low, high)
    ]
    return items


def _line(
    one: Measured, middle: float, at: Callable[[float], float], ends: Sequence[float]
) -> Iterator[LayoutItem]:
    base = middle + 6
    yield TextLine(shorten_text(one.name, NAMES - GAP, NOTE), MARGIN, base, NOTE)
    if not (math.isfinite(one.before) and math.isfinite(one.after)):
        yield TextLine("not measured", ends[0], base, NOTE, colour=QUIET, align="right")
        return
    if math.isfinite(one.low) and math.isfinite(one.high):
        start, stop = (at(value) for value in _change_band(one))
        yield FilledBox(start, middle - MARK, max(2.0, stop - start), 2 * MARK, PALE)
    ordered = sorted((at(one.before), at(one.after)))
    yield FilledBox(ordered[0], middle - 1, max(1.0, ordered[1] - ordered[0]), 2, INK)
    if one.beside is not None:
        for value in one.beside:
            yield FilledBox(at(value) - 1, middle - MARK - 5, 2, 2 * MARK + 10, GREY)
    yield FilledBox(at(one.before) - MARK, middle - MARK, 2 * MARK, 2 * MARK, GREY)
    yield FilledBox(at(one.after) - MARK + 2, middle - MARK + 2, 2 * MARK - 4, 2 * MARK - 4, INK)
    yield from _numbers(one, base, ends)


def _numbers(one: Measured, base: float, ends: Sequence[float]) -> Iterator[TextLine]:
    change = percentage_points(one.after - one.before)
    if math.isfinite(one.low) and math.isfinite(one.high):
        change += f"  [{percentage_points(one.low)}, {percentage_points(one.high)}]"
    p = "" if not math.isfinite(one.p) else "< 0.0001" if one.p < 1e-4 else f"{one.p:.4f}"
    texts = (percent_text(one.before), percent_text(one.after), change, p)
    for text, end in zip(texts, ends, strict=True):
        yield TextLine(text, end, base, NOTE, align="right")


def _ends(measures: Sequence[Measured]) -> tuple[float, float]:
    """Both ends of the axis, in tenths or twentieths: around all values and intervals."""
    values = [0.0] if all(_least(one) < 0.4 for one in measures) else []
    for one in measures:
        drawn = [one.before, one.after, *_change_band(one), *(one.beside or ())]
        values += [value for value in drawn if math.isfinite(value)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    step = 0.1 if high - low > 0.3 else 0.05
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return low, high if high > low else low + step


def _change_band(one: Measured) -> tuple[float, float]:
    """Where after lies by the interval of the change; no share is above 1."""
    return one.before + one.low, min(one.before + one.high, 1.0)


def _least(one: Measured) -> float:
    return min((value for value in (one.before, one.after) if math.isfinite(value)), default=0.0)


def _ticks(low: float, high: float) -> list[float]:
    """At most five values in even steps, 0 among them if it is in between."""
    step = next(step for step in (0.05, 0.1, 0.2, 0.5, 1.0) if (high - low) / step <= 4 or step == 1.0)
    first = math.ceil(low / step - 1e-9)
    return [step * place for place in range(first, math.floor(high / step + 1e-9) + 1)]


def percentage_points(value: float) -> str:
    """A change in percentage points, with its sign.

    Examples
    --------
    >>> percentage_points(0.5), percentage_points(-0.123), percentage_points(0.0001)
    ('+50.0', '−12.3', '0.0')
    """
    rounded = round(100 * value, 1) + 0.0
    return ("−" if rounded < 0 else "+" if rounded > 0 else "") + f"{abs(rounded):.1f}"


def percent_text(value: float) -> str:
    """A share in percent.

    Examples
    --------
    >>> percent_text(0.5), percent_text(-0.123)
    ('50.0 %', '−12.3 %')
    """
    return f"{percentage_points(value).removeprefix('+')} %"


def lowest(items: Sequence[LayoutItem]) -> float:
    """Where the next section may begin."""
    return lower_edge(items) + 26
