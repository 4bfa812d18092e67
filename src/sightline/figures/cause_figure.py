"""which properties of whole images drive the errors → a figure of what exchanging them gives back."""

import math
from typing import TYPE_CHECKING

import numpy as np

from sightline._arguments import clear_arguments
from sightline.figures.components import (
    CAPTION,
    MARGIN,
    NOTE,
    QUIET,
    LegendEntry,
    colour_swatch,
    drawn_swatch,
    figure_title,
    legend_items,
)
from sightline.figures.layout import (
    LayoutItem,
    draw_items,
    lower_edge,
    stack_lines,
    text_width,
    unit_colour,
    wrap_parts,
)
from sightline.figures.row_chart import RowChart
from sightline.render import GREY, INK, PAPER, RED, format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sightline.findings.cause_result import ImageCause, ImageCauses

WIDTH, CHART, LINE, BETWEEN = 1100, 420, 36, 36
PALE = (176, 182, 188)
HEADS = ("adjusted p", "turned right")


@clear_arguments
def plot_causes(causes: "ImageCauses") -> "Figure":
    """The gain of the true class's score when each property is exchanged, with 95 % intervals.

    Red are the properties that drive errors; a grey mark is what another change gains that is as large. Only
    what the model was asked about is shown. Below: columns of metadata that errors go with.

    Parameters
    ----------
    causes : ImageCauses

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> plot_causes(sightline.image_causes(study))  # doctest: +SKIP
    """
    width = WIDTH - 2 * MARGIN
    named = ", ".join(causes.misleading)
    what = f"Driven by whole images: {named}" if named else "No whole-image cause misleads surely"
    head = f"{causes.errors:,} wrong answer{'s' * (causes.errors != 1)}. {what}"
    items: list[LayoutItem] = [*figure_title(head, width)]
    said = wrap_parts(causes.verdict.split(), width, NOTE, between=" ", most=9)
    items += stack_lines(said, MARGIN, lower_edge(items) + 6, size=NOTE, colour=QUIET)
    shown = [one for one in causes.causes if math.isfinite(one.gain)]
    if shown:
        items += _cause_rows(shown, lower_edge(items) + 60)
        items += legend_items(_cause_legend(shown), MARGIN, lower_edge(items) + 16, width)
    if causes.links:
        texts = [_link_text(one.column, one.value, one.called_name, one.p) for one in causes.links[:8]]
        items += stack_lines(texts, MARGIN, lower_edge(items) + 24, size=NOTE)
    return draw_items(items, WIDTH, lower_edge(items) + MARGIN)


def _link_text(column: str, value: str, called: str, p: float) -> str:
    return f"{column} = {value} with errors called {called}: adjusted p = {p:.2g} (an association)"


def _cause_rows(shown: "list[ImageCause]", top: float) -> list[LayoutItem]:
    names = [f"{one.name}, called {one.called_name}" for one in shown]
    left = MARGIN + 24 + max(text_width(name, CAPTION, bold=True) for name in names)
    drawn = [number for one in shown for number in (one.low, one.high, one.control_gain, one.gain)]
    low, high = min(0.0, *drawn), max(1e-9, *drawn)
    room = 1.5 * text_width(format_number(min(low, -high)), NOTE) * (high - low) / CHART
    ends = {value: format_number(value, sign=value > 0) for value in (low, high) if abs(value) > room}
    chart = RowChart(
        left=left,
        top=top,
        width=CHART,
        row_height=LINE,
        n_rows=len(shown),
        low=low,
        high=high,
        ticks={0.0: "0", **ends},
        guides=False,
    )
    confirmed = [row for row, one in enumerate(shown) if one.confirmed]
    items: list[LayoutItem] = [
        *chart.column(names, MARGIN, size=CAPTION, bold=confirmed),
        *chart.column([], left, head="gain of the true class's score when exchanged"),
        chart.area(lambda axes: _draw_causes(axes, shown)),
    ]
    columns = (
        [f"{one.p:.2g}" for one in shown],
        [f"{one.corrected:.1f} of {one.wrong} ({one.control_corrected:.1f})" for one in shown],
    )
    anchor = left + CHART
    for head, texts in zip(HEADS, columns, strict=True):
        anchor += BETWEEN + max(text_width(one, NOTE) for one in (head, *texts))
        items += chart.column(texts, anchor, head=head, align="right")
    return items


def _draw_causes(axes: "Axes", shown: "list[ImageCause]") -> None:
    rows = np.arange(len(shown))
    axes.axvline(0.0, color=unit_colour(GREY), linewidth=1, zorder=1)
    axes.barh(
        rows,
        [one.high - one.low for one in shown],
        left=[one.low for one in shown],
        height=10 / LINE,
        color=[unit_colour(RED if one.misleads else PALE) for one in shown],
        linewidth=0,
        zorder=2,
    )
    for values, colour in (([one.control_gain for one in shown], GREY), ([one.gain for one in shown], INK)):
        axes.vlines(values, rows - 0.275, rows + 0.275, colors=[unit_colour(colour)], linewidth=2, zorder=3)


def _cause_legend(shown: "list[ImageCause]") -> list[LegendEntry]:
    bars = {True: (RED, "95 % interval: drives errors"), False: (PALE, "95 % interval: not confirmed")}
    marks = {INK: "gain", GREY: "another change as large; in brackets, how many answers that turned"}
    return [
        *(
            (colour_swatch(colour), text)
            for misleads, (colour, text) in bars.items()
            if misleads in {one.misleads for one in shown}
        ),
        *((drawn_swatch(PAPER, (np.s_[:, 14:18], colour)), text) for colour, text in marks.items()),
    ]
