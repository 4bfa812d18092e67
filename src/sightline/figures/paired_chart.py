"""measures before and after → a chart of both, with the interval of the change, and the numbers beside it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sightline._language import translatable
from sightline._language import translate as tr
from sightline.figures.components import CAPTION, GAP, MARGIN, NOTE
from sightline.figures.layout import LayoutItem, TextLine, line_height, shorten_text, unit_colour
from sightline.figures.row_chart import RowChart
from sightline.render import GREY, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sightline.proof.paired_metrics import PairedMetric

LINE, NAMES = 34, 560
PALE = (203, 208, 213)
COLUMNS = {
    translatable("before"): 94,
    translatable("after"): 94,
    translatable("change in points, {sure}"): 288,
    translatable("p"): 108,
}
"""Heads of the columns of numbers, in which {sure} is how sure an interval is, and their widths in pixels."""


def paired_rows(
    heading: str, metrics: Sequence["PairedMetric"], top: float, width: float, level: float
) -> list[LayoutItem]:
    """A section of a page: a line for each measure, all on one axis.

    A grey square is before, a black one after; the pale band is where after lies by the interval of the
    change, which misses it with a chance of `level`. A grey line across is what the measure is to be seen
    beside.
    """
    span = width - 2 * MARGIN - NAMES - sum(COLUMNS.values()) - GAP
    base = top + line_height(CAPTION)
    low, high = _axis_ends(metrics)
    chart = RowChart(
        left=MARGIN + NAMES,
        top=base + 12,
        width=span,
        row_height=LINE,
        n_rows=len(metrics),
        low=low,
        high=high,
        ticks={tick: f"{100 * tick:.0f} %".replace("-", "−") for tick in _even_ticks(low, high)},
    )
    title = shorten_text(heading, NAMES + span - GAP, CAPTION, bold=True)
    items: list[LayoutItem] = [
        TextLine(title, MARGIN, base, CAPTION, bold=True),
        *chart.column([shorten_text(one.title, NAMES - GAP, NOTE) for one in metrics], MARGIN),
        chart.area(lambda axes: _draw_metric_pairs(axes, metrics)),
    ]
    columns = zip(*(_number_texts(one) for one in metrics), strict=True)
    unknown = [row for row, one in enumerate(metrics) if not _is_measured(one)]
    anchor = MARGIN + NAMES + span
    for texts, (head, room) in zip(columns, COLUMNS.items(), strict=True):
        anchor += room
        shown = tr(head, sure=confidence_text(level))
        items += chart.column(texts, anchor, head=shown, align="right", quiet=unknown)
    return items


def confidence_text(level: float) -> str:
    """How sure an interval is that misses with a chance of `level`.

    Examples
    --------
    >>> confidence_text(0.05), confidence_text(0.001)
    ('95 %', '99.9 %')
    """
    return f"{100 * (1 - level):.3g} %"


def _draw_metric_pairs(axes: "Axes", metrics: Sequence["PairedMetric"]) -> None:
    grey, ink = unit_colour(GREY), unit_colour(INK)
    for row, one in enumerate(metrics):
        if not _is_measured(one):
            continue
        start, stop = _change_band(one)
        if math.isfinite(start) and math.isfinite(stop):
            axes.barh(row, stop - start, left=start, height=14 / LINE, color=unit_colour(PALE), linewidth=0)
        axes.hlines(row, one.before, one.after, colors=[ink], linewidth=1)
        axes.vlines(one.beside or (), row - 0.35, row + 0.35, colors=[grey], linewidth=1, clip_on=False)
        for value, colour, size in ((one.before, grey, 7), (one.after, ink, 5)):
            axes.plot(
                value, row, "s", color=colour, markersize=size, markeredgewidth=0, clip_on=False, zorder=3
            )


def _is_measured(one: "PairedMetric") -> bool:
    return math.isfinite(one.before) and math.isfinite(one.after)


def _number_texts(one: "PairedMetric") -> tuple[str, ...]:
    """Before, after, the change with its interval, and p."""
    if not _is_measured(one):
        return tr("not measured"), "", "", ""
    change = percentage_points(one.after - one.before)
    if math.isfinite(one.low) and math.isfinite(one.high):
        change += f"  [{percentage_points(one.low)}, {percentage_points(one.high)}]"
    p = "" if not math.isfinite(one.p) else "< 0.0001" if one.p < 1e-4 else f"{one.p:.4f}"
    return percent_text(one.before), percent_text(one.after), change, p


def _axis_ends(metrics: Sequence["PairedMetric"]) -> tuple[float, float]:
    """Both ends of the axis, in tenths or twentieths: around all values and intervals, and 0 if near."""
    drawn = [(one.before, one.after, *_change_band(one), *(one.beside or ())) for one in metrics]
    values = [value for row in drawn for value in row if math.isfinite(value)]
    if all(np.nan_to_num(np.fmin(one.before, one.after)) < 0.4 for one in metrics):
        values.append(0.0)
    low, high = min(values, default=0.0), max(values, default=1.0)
    step = 0.1 if high - low > 0.3 else 0.05
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return low, high if high > low else low + step


def _change_band(one: "PairedMetric") -> tuple[float, float]:
    """Where after lies by the interval of the change; no share is above 1."""
    return one.before + one.low, min(one.before + one.high, 1.0)


def _even_ticks(low: float, high: float) -> list[float]:
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
