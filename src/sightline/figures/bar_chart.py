"""explanation, target → bars with intervals, beside the image that numbers them."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from sightline import render
from sightline.figures.components import (
    BAR,
    GAP,
    MARGIN,
    NOTE,
    QUIET,
    LegendEntry,
    grey_entry,
    legend_items,
    side_entries,
    target_heading,
)
from sightline.figures.layout import (
    FilledBox,
    ImageTile,
    LayoutItem,
    TextLine,
    draw_items,
    lower_edge,
    text_width,
)
from sightline.figures.view_model import (
    FAINT,
    Explained,
    SegmentMask,
    TargetView,
    outline_segments,
    target_view,
)
from sightline.render import BLUE, GREY, INK, PAPER, RED, Colour, RealNumber, format_number
from sightline.types import Contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIDDLE = 448
ROW, ROOM, SPAN = 34.0, 70.0, 330.0
HEAD = "value ± standard error"
MOST_DECIMALS = 6


def plot_bars(
    explanation: Explained, target: int | Contrast | None = None, *, num: int | None = 10
) -> "Figure":
    """The leading segments' values and standard errors, as bars with 95 % intervals, beside the image.

    Parameters, result and errors are those of `panel`. Undecided segments are grey.
    """
    seen = target_view(explanation, target, MIDDLE)
    which = seen.leading_segments(num)
    order = np.flatnonzero(which)[np.argsort(-np.abs(seen.values[which]), kind="stable")]
    wide = seen.pixels.shape[1]
    said = [HEAD, *_value_texts(seen.values[order], seen.error[order])]
    table = ROOM + SPAN + GAP + max(text_width(words, NOTE) for words in said)
    width = 2 * MARGIN + (wide + 2 * GAP + table if len(order) else max(wide, 520))
    items = target_heading(explanation, target, width)
    top = lower_edge(items) + 16
    items += [
        ImageTile(outline_segments(seen, which), MARGIN, top),
        *_segment_numbers(seen, order, MARGIN, top),
    ]
    items += _rows(seen, order, said, MARGIN + wide + 2 * GAP, top)
    entries = [*_interval_entry(seen, which), *side_entries(seen, which), *grey_entry(seen, which)]
    items += legend_items(entries, MARGIN, lower_edge(items) + 16, width - 2 * MARGIN)
    return draw_items(items, width, lower_edge(items) + MARGIN)


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
    sample = np.full((BAR, 32, 3), PAPER, np.uint8)
    sample[8:10, 4:28] = sample[4:14, 4:6] = sample[4:14, 26:28] = INK
    return [(sample, "95 % interval: 1.96 standard errors each way")]


def _half_intervals(seen: TargetView) -> Float[np.ndarray, "S"]:
    """Half the length of each value's 95 % interval."""
    return np.asarray(render.NORMAL_95 * seen.error)


def _rows(
    seen: TargetView, order: Int[np.ndarray, "R"], said: Sequence[str], left: RealNumber, top: RealNumber
) -> list[LayoutItem]:
    """A bar with its interval for each segment in order, over the axis."""
    if not len(order):
        return []
    half, values, column = _half_intervals(seen)[order], seen.values[order], left + ROOM + SPAN + GAP
    low, high = _ends(values, half)

    def across(value: float) -> float:
        return left + ROOM + SPAN * (min(max(value, low), high) - low) / (high - low)

    foot = top + 30 + ROW * len(order)
    items: list[LayoutItem] = [
        TextLine("segment", left, top + 14, NOTE, QUIET),
        TextLine(said[0], column, top + 14, NOTE, QUIET),
    ]
    for value in sorted({low, 0.0, high}):
        items.append(FilledBox(across(value) - 1, top + 26, 2, foot - top - 26, FAINT))
        items.append(
            TextLine(format_number(value, sign=True), across(value), foot + 22, NOTE, QUIET, align="center")
        )
    for row, (one, value, spread) in enumerate(zip(order, values, half, strict=True)):
        middle = top + 30 + ROW * (row + 0.5)
        colour = GREY if seen.undecided[one] else RED if value > 0 else BLUE
        items += [
            TextLine(str(one), left, middle + 6, NOTE, bold=True),
            TextLine(said[row + 1], column, middle + 6, NOTE),
        ]
        items += _bar(across(0.0), across(value), middle, colour)
        if spread > 0:
            items += _whisker(across(value - spread), across(value + spread), middle)
    return items


def _ends(values: Float[np.ndarray, "R"], half: Float[np.ndarray, "R"]) -> tuple[float, float]:
    """Of the axis: the same on both sides of zero, and nothing on a side where nothing is drawn."""
    reach = np.where(np.isfinite(half), half, 0.0)
    end = render.scale_limit(np.abs(values) + reach)
    return -end if (values - reach < 0).any() else 0.0, end if (values + reach > 0).any() else 0.0


def _bar(zero: RealNumber, end: RealNumber, middle: RealNumber, colour: Colour) -> Iterator[LayoutItem]:
    yield FilledBox(min(zero, end), middle - 10, abs(end - zero), 20, colour)


def _whisker(low: RealNumber, high: RealNumber, middle: RealNumber) -> Iterator[LayoutItem]:
    yield FilledBox(low, middle - 1, high - low, 2, INK)
    yield FilledBox(low - 1, middle - 5, 2, 10, INK)
    yield FilledBox(high - 1, middle - 5, 2, 10, INK)


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
