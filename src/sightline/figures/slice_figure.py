"""how a model does on slices of a study → a figure of accuracies with their intervals."""

import math
from typing import TYPE_CHECKING

from sightline._arguments import clear_arguments
from sightline._language import translate as tr
from sightline.figures.components import CAPTION, MARGIN, NOTE, titled_words
from sightline.figures.layout import (
    draw_items,
    lower_edge,
    shorten_text,
    text_width,
    unit_colour,
)
from sightline.figures.row_chart import RowChart
from sightline.render import GREY, INK, RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sightline.findings.slice_result import Slices

WIDTH, CHART, LINE, LONGEST, MOST = 1100, 420, 36, 360, 24
PALE = (176, 182, 188)


@clear_arguments
def plot_slices(slices: "Slices") -> "Figure":
    """Accuracy of each slice with its interval, beside that of the whole study, a grey line.

    Red are slices with surely more errors than others of the same label.

    Parameters
    ----------
    slices : Slices

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> plot_slices(sightline.slices(study, "patients.csv"))  # doctest: +SKIP
    """
    width, shown = WIDTH - 2 * MARGIN, slices.slices[:MOST]
    worse = ", ".join(slices.worse) or tr("none surely")
    title = tr("Accuracy by slice. Worse than others: {worse}", worse=worse)
    items = titled_words(title, slices.verdict, width, most=6)
    if shown:
        names = [shorten_text(one.name, LONGEST, CAPTION, bold=True) for one in shown]
        left = MARGIN + 24 + max(text_width(name, CAPTION, bold=True) for name in names)
        low = math.floor(10 * min(0.9, *(one.low for one in shown))) / 10
        chart = RowChart(
            left=left,
            top=lower_edge(items) + 60,
            width=CHART,
            row_height=LINE,
            n_rows=len(shown),
            low=low,
            high=1.0,
            ticks={low: f"{low:.0%}", slices.accuracy: f"{slices.accuracy:.0%}", 1.0: "100%"},
            guides=False,
        )
        counts = [
            tr("{right:,} of {n:,} right", right=one.images - one.errors, n=one.images) for one in shown
        ]
        anchor = left + CHART + 36 + max(text_width(one, NOTE) for one in counts)
        bold = [row for row, one in enumerate(shown) if one.worse]
        items += [
            *chart.column(names, MARGIN, size=CAPTION, bold=bold),
            *chart.column(counts, anchor, align="right"),
            chart.area(lambda axes: _draw_accuracies(axes, slices)),
        ]
    return draw_items(items, WIDTH, lower_edge(items) + MARGIN)


def _draw_accuracies(axes: "Axes", slices: "Slices") -> None:
    axes.axvline(slices.accuracy, color=unit_colour(GREY), linewidth=1, zorder=1)
    for row, one in enumerate(slices.slices[:MOST]):
        colour = unit_colour(RED if one.worse else PALE)
        axes.barh(
            row, one.high - one.low, left=one.low, height=10 / LINE, color=colour, linewidth=0, zorder=2
        )
        axes.vlines(one.accuracy, row - 0.275, row + 0.275, colors=[unit_colour(INK)], linewidth=2, zorder=3)
