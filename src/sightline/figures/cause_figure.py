"""which properties of whole images drive the errors → a figure of what exchanging them gives back."""

import math
from typing import TYPE_CHECKING

import numpy as np

from sightline._arguments import clear_arguments
from sightline._language import translate as tr
from sightline._language import translate_kept, translate_plural
from sightline.figures.components import (
    CAPTION,
    MARGIN,
    NOTE,
    LegendEntry,
    colour_swatch,
    drawn_swatch,
    legend_items,
    titled_words,
)
from sightline.figures.layout import (
    LayoutItem,
    draw_items,
    lower_edge,
    stack_lines,
    text_width,
    unit_colour,
)
from sightline.figures.row_chart import effect_chart
from sightline.render import GREY, INK, PAPER, RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sightline.findings.cause_result import ErrorLink, ImageCause, ImageCauses

WIDTH, CHART, LINE, BETWEEN, LINKS = 1100, 420, 36, 36, 8
PALE = (176, 182, 188)


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
    named = ", ".join(map(translate_kept, causes.misleading))
    what = (
        tr("Driven by whole images: {names}", names=named)
        if named
        else tr("No whole-image cause misleads surely")
    )
    head = translate_plural(
        "{n} wrong answer. {what}", "{n:,} wrong answers. {what}", causes.errors, what=what
    )
    items = titled_words(head, causes.verdict, width)
    shown = [one for one in causes.causes if math.isfinite(one.gain)]
    if shown:
        items += _cause_rows(shown, lower_edge(items) + 60)
        items += legend_items(_cause_legend(shown), MARGIN, lower_edge(items) + 16, width)
    # The verdict says of which columns errors go with no value.
    if texts := [_link_text(one) for one in causes.links if one.found]:
        texts = texts[:LINKS] + [tr("and {more:,} more", more=len(texts) - LINKS)] * (len(texts) > LINKS)
        items += stack_lines(texts, MARGIN, lower_edge(items) + 24, size=NOTE)
    return draw_items(items, WIDTH, lower_edge(items) + MARGIN)


def _link_text(one: "ErrorLink") -> str:
    return tr(
        "{one.column} = {one.value} with errors called {one.called_name}: adjusted p = {one.p:.2g} (an "
        "association)",
        one=one,
    )


def _cause_rows(shown: "list[ImageCause]", top: float) -> list[LayoutItem]:
    names = [tr("{one.title}, called {one.called_name}", one=one) for one in shown]
    left = MARGIN + 24 + max(text_width(name, CAPTION, bold=True) for name in names)
    drawn = [number for one in shown for number in (one.low, one.high, one.control_gain, one.gain)]
    chart = effect_chart(drawn, left, top, CHART, LINE, len(shown))
    confirmed = [row for row, one in enumerate(shown) if one.confirmed]
    items: list[LayoutItem] = [
        *chart.column(names, MARGIN, size=CAPTION, bold=confirmed),
        *chart.column([], left, head=tr("gain of the true class's score when exchanged")),
        chart.area(lambda axes: _draw_causes(axes, shown)),
    ]
    columns = (
        [f"{one.p:.2g}" for one in shown],
        [tr("{one.corrected:.1f} of {one.wrong} ({one.control_corrected:.1f})", one=one) for one in shown],
    )
    anchor = left + CHART
    for head, texts in zip((tr("adjusted p"), tr("turned right")), columns, strict=True):
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
    bars = {
        True: (RED, tr("95 % interval: drives errors")),
        False: (PALE, tr("95 % interval: not confirmed")),
    }
    marks = {
        INK: tr("gain"),
        GREY: tr("another change as large; in brackets, how many answers that turned"),
    }
    return [
        *(
            (colour_swatch(colour), text)
            for misleads, (colour, text) in bars.items()
            if misleads in {one.misleads for one in shown}
        ),
        *((drawn_swatch(PAPER, (np.s_[:, 14:18], colour)), text) for colour, text in marks.items()),
    ]
