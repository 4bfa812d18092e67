"""numbers → small SVG charts: intervals, changes, values with their errors, each beside its numbers."""

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from sightline.render import NORMAL_95, format_number, format_score, scale_limit
from sightline.reports.summary import Interval, Measure
from sightline.types import record

WIDTH, HEIGHT = 220, 24
EDGE = 7
"""Pixels left free at both ends, for marks that stand there."""
ROUND = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""First digits of a number that an axis may end at."""
STARTS = (0.0, 0.5, 0.8)
"""Where an axis of shares may begin: as near to the lowest as one of these is."""


@record
class ChartAxis:
    """What the left and the right end of a chart stand for.

    Parameters
    ----------
    low, high : float
    share : bool
        Whether its numbers are told in percent.

    Examples
    --------
    >>> axis = ChartAxis(-1.0, 1.0)
    >>> axis.place(-1.0), axis.place(0.0), axis.place(9.0)
    (7.0, 110.0, 213.0)
    """

    low: float
    high: float
    share: bool = False

    def place(self, value: float) -> float:
        """Pixels from the left, not beyond the ends."""
        whole = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(EDGE + whole * (WIDTH - 2 * EDGE), 1)

    @property
    def ticks(self) -> tuple[float, ...]:
        """What is printed at it: its ends, and zero where that lies well within."""
        room = 0.2 * (self.high - self.low)
        zero = (0.0,) if self.low + room <= 0 <= self.high - room else ()
        return (self.low, *zero, self.high)


def value_axis(values: Iterable[float], *, share: bool = False) -> ChartAxis:
    """An axis for values and zero, with round ends; values that are not known are left out.

    Examples
    --------
    >>> value_axis([0.07, -0.012, float("nan")])
    ChartAxis(low=-0.015, high=0.08, share=False)
    """
    known = [value for value in values if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if low >= 0 and high <= 0:
        return ChartAxis(-1.0, 1.0, share)
    # A sliver on the other side of zero would be lost under the line of zero.
    low, high = min(low, -0.05 * max(high, 0)), max(high, -0.05 * min(low, 0))
    return ChartAxis(-_round_up(-low), _round_up(high), share)


def share_axis(values: Iterable[float]) -> ChartAxis:
    """An axis for shares of a whole, to 100 %.

    Examples
    --------
    >>> share_axis([0.62, 0.9])
    ChartAxis(low=0.5, high=1.0, share=True)
    """
    lowest = min((value for value in values if math.isfinite(value)), default=0.0)
    return ChartAxis(max(start for start in STARTS if start <= max(lowest, 0.0)), 1.0, share=True)


def _round_up(size: float) -> float:
    if size <= 0:
        return 0.0
    step = 10.0 ** math.floor(math.log10(size))
    return float(f"{next(first for first in ROUND if first * step >= size * (1 - 1e-9)) * step:.3g}")


def number_text(value: float, *, share: bool = False, sign: bool = False) -> str:
    """A number to read, or what stands for one that is not known.

    Examples
    --------
    >>> number_text(0.873, share=True), number_text(-0.1234), number_text(0.05, sign=True)
    ('87%', '−0.12', '+0.05')
    """
    if not math.isfinite(value):
        return "–"
    if not share:
        return format_number(value, sign=sign)
    percent = 100 * value
    size = abs(percent)
    # Near the walls a whole number would say more than is true.
    whole = 10 <= size <= 99 or round(size, 9) == round(size)
    rounded = f"{size:.0f}" if whole else f"{size:.1f}"
    return f"{'−' if percent < 0 else '+' if sign else ''}{rounded}%"


def score_text(value: float) -> str:
    """A score to read, or what stands for one that is not known.

    Examples
    --------
    >>> score_text(0.9), score_text(math.nan)
    ('0.90', '–')
    """
    return format_score(value) if math.isfinite(value) else "–"


def interval_text(interval: Interval, *, share: bool = False, sign: bool = False) -> str:
    """A number with its interval.

    Examples
    --------
    >>> interval_text(Interval(0.5, 0.41, 0.6), share=True), interval_text(Interval(0.5))
    ('50% (41% … 60%)', '0.5')
    """
    value = number_text(interval.value, share=share, sign=sign)
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return value
    ends = [number_text(end, share=share, sign=sign) for end in (interval.low, interval.high)]
    return f"{value} ({ends[0]} … {ends[1]})"


def p_text(p: float) -> str:
    """A p-value to read.

    Examples
    --------
    >>> p_text(0.0004), p_text(0.034), p_text(math.nan)
    ('< 0.001', '0.034', '–')
    """
    if not math.isfinite(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def axis_chart(axis: ChartAxis) -> Markup:
    """The numbers at the ends of an axis, for the head of a column of charts."""
    ends = {axis.low: "start", axis.high: "end"}
    texts = Markup().join(
        Markup('<text x="{}" y="13" text-anchor="{}">{}</text>').format(
            {"start": 1, "end": WIDTH - 1}.get(ends.get(tick, ""), axis.place(tick)),
            ends.get(tick, "middle"),
            number_text(tick, share=axis.share),
        )
        for tick in axis.ticks
    )
    return _svg(texts, height=17, kind="axis")


def interval_chart(
    interval: Interval, axis: ChartAxis, *, beside: float = math.nan, strong: bool = False
) -> Markup:
    """A point with its interval; a thin mark where the same measure is elsewhere."""
    parts = [_zero_line(axis)]
    if math.isfinite(beside):
        at = axis.place(beside)
        parts.append(_line("beside-mark", at, 5, at, HEIGHT - 5))
    parts += [_span("span", interval, axis), _dot("dot strong" if strong else "dot", interval.value, axis)]
    return _svg(Markup().join(parts))


def change_chart(measure: Measure, axis: ChartAxis) -> Markup:
    """A hollow point before, a full one after, and the line between them."""
    before, after = measure.before, measure.after
    parts = [_zero_line(axis), _span("span", after, axis)]
    if before is not None and math.isfinite(before.value) and math.isfinite(after.value):
        ends = axis.place(before.value), axis.place(after.value)
        parts.append(_line("step", ends[0], HEIGHT / 2, ends[1], HEIGHT / 2))
        parts.append(_dot("dot hollow", before.value, axis))
    parts.append(_dot("dot strong", after.value, axis))
    return _svg(Markup().join(parts))


def value_chart(value: float, error: float, limit: float) -> Markup:
    """A bar from zero, red for and blue against, with the line of its 95 % interval."""
    axis = ChartAxis(-limit or -1.0, limit or 1.0)
    if not math.isfinite(value):
        return _svg(_zero_line(axis))
    ends = sorted([axis.place(0.0), axis.place(value)])
    bar = Markup('<rect class="{}" x="{}" y="6" width="{}" height="12"/>').format(
        "for" if value > 0 else "against", ends[0], round(ends[1] - ends[0], 1)
    )
    reach = NORMAL_95 * error if math.isfinite(error) else 0.0
    span = _span("error", Interval(value, value - reach, value + reach), axis) if reach else Markup()
    return _svg(bar + span + _zero_line(axis))


def value_limit(leading: Sequence[tuple[int, float, float]]) -> float:
    """The end of the axis of some segments' values: none of their intervals is beyond it."""
    import numpy as np

    reaches = [abs(value) + NORMAL_95 * error for _, value, error in leading if math.isfinite(error)]
    return scale_limit(np.array(reaches + [abs(value) for _, value, _ in leading], dtype=np.float64))


def _svg(inside: Markup, *, height: int = HEIGHT, kind: str = "chart") -> Markup:
    """Hidden from screen readers: the numbers stand beside it."""
    return Markup(
        '<svg class="{kind}" viewBox="0 0 {w} {h}" width="{w}" height="{h}" aria-hidden="true">{inside}</svg>'
    ).format(kind=kind, w=WIDTH, h=height, inside=inside)


def _line(kind: str, left: float, top: float, right: float, bottom: float) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(kind, left, top, right, bottom)


def _zero_line(axis: ChartAxis) -> Markup:
    if not axis.low < 0 < axis.high:
        return Markup()
    return _line("zero", axis.place(0.0), 0, axis.place(0.0), HEIGHT)


def _span(kind: str, interval: Interval, axis: ChartAxis) -> Markup:
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return Markup()
    return _line(kind, axis.place(interval.low), HEIGHT / 2, axis.place(interval.high), HEIGHT / 2)


def _dot(kind: str, value: float, axis: ChartAxis) -> Markup:
    if not math.isfinite(value):
        return Markup()
    return Markup('<circle class="{}" cx="{}" cy="{}" r="4.5"/>').format(kind, axis.place(value), HEIGHT / 2)
