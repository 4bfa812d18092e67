"""explanation, target → bars with intervals, beside the image that numbers them."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from sightline import render
from sightline._arguments import clear_arguments
from sightline._language import translatable, translate_kept
from sightline._language import translate as tr
from sightline.figures.components import (
    GAP,
    MARGIN,
    NOTE,
    LegendEntry,
    drawn_swatch,
    grey_entry,
    legend_items,
    side_entries,
    target_heading,
)
from sightline.figures.font_families import families_after_own
from sightline.figures.layout import (
    ImageTile,
    LayoutItem,
    TextLine,
    draw_items,
    lower_edge,
    text_width,
    unit_colour,
)
from sightline.figures.row_chart import RowChart
from sightline.figures.view_model import (
    SegmentMask,
    TargetView,
    outline_segments,
    target_view,
    unit_text,
    verdict_text,
)
from sightline.render import BLUE, GREY, INK, PAPER, RED, RealNumber, format_number
from sightline.types import Contrast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sightline.explanation import Explanation

MIDDLE = 448
ROW, ROOM, SPAN = 34.0, 70.0, 330.0
HEAD = translatable("value ± standard error")
MOST_DECIMALS = 6


@clear_arguments
def plot_bars(
    explanation: "Explanation", target: int | Contrast | None = None, *, num: int | None = 10
) -> "Figure":
    """The leading segments' values and standard errors, as bars with 95 % intervals, beside the image.

    Parameters, result and errors are those of `plot_panel`. Undecided segments are grey.
    """
    seen = target_view(explanation, target, MIDDLE)
    which = seen.leading_segments(num)
    order = _largest_first(seen, which)
    wide = seen.pixels.shape[1]
    texts = _value_texts(seen.values[order], seen.error[order])
    unit = unit_text(explanation)
    head = tr("{head}, in log-odds", head=tr(HEAD)) if unit == "log-odds" else tr(HEAD)
    table = ROOM + SPAN + GAP + max(text_width(text, NOTE) for text in [head, *texts])
    width = 2 * MARGIN + (wide + 2 * GAP + table if len(order) else max(wide, 520))
    items = target_heading(explanation, target, width)
    top = lower_edge(items) + 16
    items += [
        ImageTile(outline_segments(seen, which), MARGIN, top),
        *_segment_numbers(seen, order, MARGIN, top),
    ]
    if len(order):
        left = MARGIN + wide + 2 * GAP
        chart = _value_axis(seen, order, left + ROOM, top + 30)
        items += [
            *chart.column([str(one) for one in order], left, head=tr("segment"), bold=range(len(order))),
            chart.area(lambda axes: _draw_bars(axes, seen, order)),
            *chart.column(texts, left + ROOM + SPAN + GAP, head=head),
        ]
    entries = [*_interval_entry(seen, which), *side_entries(seen, which), *grey_entry(seen, which)]
    items += legend_items(entries, MARGIN, lower_edge(items) + 16, width - 2 * MARGIN)
    return draw_items(items, width, lower_edge(items) + MARGIN)


def bars_in_axes(
    axes: "Axes", explanation: "Explanation", target: int | Contrast | None, *, num: int | None
) -> None:
    """The bars alone, in axes of the user's own, whose rows are numbered by segment."""
    seen = target_view(explanation, target, MIDDLE)
    order = _largest_first(seen, seen.leading_segments(num))
    if not len(order):
        _label_below(axes, verdict_text(explanation, target))
        return
    chart = _value_axis(seen, order, 0, 0)
    axes.set(xlim=(chart.low, chart.high), ylim=(len(order) - 0.5, -0.5))
    segment = tr("segment")
    axes.set_ylabel(segment, fontfamily=families_after_own(segment))
    axes.set_yticks(range(len(order)), [str(one) for one in order])
    axes.axvline(0, color=unit_colour(INK), linewidth=0.8)
    _draw_bars(axes, seen, order)
    unit = unit_text(explanation)
    text = tr("share of the {unit}", unit=translate_kept(unit)) if unit else tr("value")
    whiskers = tr(", 95 % interval") if (seen.error[order] > 0).any() else ""
    unsure = tr("grey: cannot be told from zero")
    _label_below(axes, f"{text}{whiskers}" + f"\n{unsure}" * bool(seen.undecided[order].any()))


def _label_below(axes: "Axes", text: str) -> None:
    axes.set_xlabel(text, fontsize="small", fontfamily=families_after_own(text))


def _largest_first(seen: TargetView, which: SegmentMask) -> Int[np.ndarray, "R"]:
    return np.flatnonzero(which)[np.argsort(-np.abs(seen.values[which]), kind="stable")]


def _segment_numbers(
    seen: TargetView, order: Int[np.ndarray, "R"], left: RealNumber, top: RealNumber
) -> Iterator[LayoutItem]:
    """Each segment's id, at the pixel of the segment that is nearest to its centre."""
    wide = seen.pixels.shape[1]
    for one in order[np.isin(order, seen.ids)]:
        inside = np.argwhere(seen.pixel_mask(np.arange(len(seen.values)) == one))
        y, x = inside[((inside - inside.mean(axis=0)) ** 2).sum(axis=1).argmin()]
        half = text_width(str(one), NOTE, bold=True) / 2 + 4
        at = left + min(max(float(x), half), wide - half)
        yield TextLine(
            str(one), at, top + max(float(y) + 7, 18.0), NOTE, bold=True, align="center", halo=True
        )


def _interval_entry(seen: TargetView, which: SegmentMask) -> list[LegendEntry]:
    """The legend's entry for whiskers, if there are any."""
    if not (seen.error[which] > 0).any():
        return []
    shapes = [(place, INK) for place in (np.s_[8:10, 4:28], np.s_[4:14, 4:6], np.s_[4:14, 26:28])]
    return [(drawn_swatch(PAPER, *shapes), tr("95 % interval: 1.96 standard errors each way"))]


def _value_axis(seen: TargetView, order: Int[np.ndarray, "R"], left: RealNumber, top: RealNumber) -> RowChart:
    """The same on both sides of zero, and nothing on a side where nothing is drawn."""
    values, half = seen.values[order], render.NORMAL_95 * seen.error[order]
    reach = np.where(np.isfinite(half), half, 0.0)
    end = render.scale_limit(np.abs(values) + reach)
    low = -end if (values - reach < 0).any() else 0.0
    high = end if (values + reach > 0).any() else 0.0
    return RowChart(
        left=left,
        top=top,
        width=SPAN,
        row_height=ROW,
        n_rows=len(order),
        low=low,
        high=high,
        ticks={value: format_number(value, sign=True) for value in sorted({low, 0.0, high})},
    )


def _draw_bars(axes: "Axes", seen: TargetView, order: Int[np.ndarray, "R"]) -> None:
    values, half = seen.values[order], render.NORMAL_95 * seen.error[order]
    colours = np.where(values > 0, 1, -1) * seen.decided[order]
    sides = {1: unit_colour(RED), -1: unit_colour(BLUE), 0: unit_colour(GREY)}
    axes.barh(
        range(len(order)),
        values,
        height=20 / ROW,
        color=[sides[side] for side in colours.tolist()],
        edgecolor="none",
        linewidth=0,
    )
    rows = np.flatnonzero(half > 0)
    ends = [np.clip(values[rows] + sign * half[rows], *axes.get_xlim()) for sign in (-1, 1)]
    axes.errorbar(
        values[rows],
        rows,
        xerr=np.abs(np.stack(ends) - values[rows]),
        fmt="none",
        ecolor=unit_colour(INK),
        elinewidth=1,
        capsize=2.5,
        capthick=1,
        clip_on=False,
    )


def _value_texts(values: Float[np.ndarray, "R"], error: Float[np.ndarray, "R"]) -> list[str]:
    """Each value with its standard error, all with one number of decimals."""
    form = _number_format(values, error)
    signs = np.where(values < 0, "−", "+")
    rows = zip(signs, np.abs(values), error, strict=True)
    return [f"{sign}{size:{form}}{_error_text(float(one), form)}" for sign, size, one in rows]


def _error_text(error: RealNumber, form: str) -> str:
    if error == 0:
        return " (exact)"
    if not math.isfinite(error):
        return " ± ∞"
    least = 10.0 ** -int(form[1:-1])
    return f" ± {error:{form}}" if form.endswith("e") or error >= least / 2 else f" ± <{least:{form}}"


def _number_format(values: Float[np.ndarray, "R"], error: Float[np.ndarray, "R"]) -> str:
    """How numbers are written: two digits of the largest error, and one of the least if that is close."""
    known = error[np.isfinite(error) & (error > 0)]
    if known.size:
        least, most = (math.floor(math.log10(end)) for end in (known.min(), known.max()))
        decimals = min(max(1 - most, -least), 2 - most)
    else:
        sizes = np.abs(values[np.isfinite(values) & (values != 0)])
        decimals = 2 - math.floor(math.log10(sizes.max())) if sizes.size else 0
    return f".{max(decimals, 0)}f" if decimals <= MOST_DECIMALS else ".1e"
