"""which regions drive the errors → a figure of effects with their intervals."""

import math
from typing import TYPE_CHECKING

import numpy as np

from sightline._arguments import clear_arguments
from sightline._language import translate as tr
from sightline._language import translate_plural
from sightline._tables import turned_text
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
    shorten_text,
    text_width,
    unit_colour,
)
from sightline.figures.region_outlines import outlined_regions
from sightline.figures.row_chart import effect_chart
from sightline.figures.view_model import FAINT
from sightline.render import BLUE, GREY, INK, PAPER, RED, Colour, RealNumber

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sightline.findings.blame_result import Blame, RegionEffect

NARROWEST, CHART, LONGEST = 900, 420, 340
MAP = 480
"""Pixels of the longer side of the image that shows where the regions lie."""
LINE, BETWEEN = 40, 40
PALE = (176, 182, 188)
AMBER = (222, 165, 66)
EFFECT = ("gain", "low", "high", "control_gain")


@clear_arguments
def plot_blame(blame: "Blame") -> "Figure":
    """The gain of the true class's score when each region is hidden in wrong answers, with 95 % intervals.

    Where scores are probabilities it is the gain of their log-odds, which are what is tested. Red are the
    regions that are confirmed to drive errors, amber those where a shift of the scores does as much; a grey
    mark is what hiding as much elsewhere gains, and a pale
    line the least gain that counts. Beside them: the adjusted p-value of those that were tested, and how many
    answers turned. Below: where the regions lie, over the mean image.

    Of concepts the class that each speaks for stands beside it, in how many wrong and right answers called
    that it was found, what pasting it gives that class and what pasting another piece of the same image does,
    and the gain of the true class over all images with it. Blue are those that are worth more than they cost.

    Parameters
    ----------
    blame : Blame

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> plot_blame(sightline.blame(study, sightline.regions.face()))  # doctest: +SKIP
    """
    width: RealNumber = NARROWEST - 2 * MARGIN
    names = [shorten_text(one.label, LONGEST, CAPTION, bold=True) for one in blame.regions]
    left = MARGIN + 24 + max((text_width(name, CAPTION, bold=True) for name in names), default=0)
    if names:
        columns = sum(BETWEEN + room for _, _, room in _number_columns(blame))
        width = max(width, left + CHART + columns - MARGIN)
    items = titled_words(_blame_headline(blame), blame.verdict, width)
    if names:
        items += _effect_rows(blame, names, left, lower_edge(items) + 60)
        items += legend_items(_blame_legend(blame), MARGIN, lower_edge(items) + 16, width)
    if blame.areas is not None and blame.image is not None and blame.areas.shared:
        items += outlined_regions(blame.areas, blame.image, lower_edge(items) + 24, width, size=MAP)
    return draw_items(items, width + 2 * MARGIN, lower_edge(items) + MARGIN)


def _blame_headline(blame: "Blame") -> str:
    named = [one.label for one in blame.regions if one.confirmed]
    names = ", ".join(named)
    if named:
        what = tr("Some are driven by: {names}", names=names)
        if blame.of_concepts:
            what = tr("Some are misled by: {names}", names=names)
    elif not blame.regions:
        what = tr("Nothing can be said of them")
    elif blame.of_concepts:
        what = tr("No concept is shown to mislead")
    elif any(one.shifted for one in blame.regions):
        what = tr("No region is confirmed to drive them; a shift of the scores does as much")
    else:
        what = tr("No region is confirmed to drive them")
    return translate_plural(
        "{n} wrong answer. {what}", "{n:,} wrong answers. {what}", blame.errors, what=what
    )


def _gain_head(blame: "Blame") -> str:
    if _in_log_odds(blame):
        return tr("gain of the true class's log-odds when hidden")
    return tr("gain of the true class's score when hidden")


def _effect_rows(blame: "Blame", names: list[str], left: float, top: float) -> list[LayoutItem]:
    """The chart between the regions' names and the columns of numbers."""
    drawn = [value for one in blame.regions for value in _effect_numbers(blame, one)]
    chart = effect_chart([*drawn, _least_effect(blame)], left, top, CHART, LINE, len(names))
    confirmed = [row for row, one in enumerate(blame.regions) if one.confirmed]
    untested = [row for row, one in enumerate(blame.regions) if not math.isfinite(one.p)]
    items: list[LayoutItem] = [
        *chart.column(names, MARGIN, size=CAPTION, bold=confirmed),
        *chart.column([], left, head=_gain_head(blame)),
        chart.area(lambda axes: _draw_effects(axes, blame)),
    ]
    anchor = left + CHART
    for head, texts, room in _number_columns(blame):
        anchor += BETWEEN + room
        quiet = untested if head == tr("adjusted p") and not blame.of_concepts else []
        items += chart.column(texts, anchor, head=head, align="right", quiet=quiet)
    return items


def _number_columns(blame: "Blame") -> list[tuple[str, list[str], float]]:
    """The columns of numbers beside the chart: head, texts, and the room that the widest of them takes."""
    rows = blame.regions
    p = [f"{one.p:.2g}" if math.isfinite(one.p) else tr("not tested") for one in rows]
    columns: dict[str, list[str]]
    if blame.of_concepts:
        columns = dict(
            zip(
                (
                    tr("speaks for"),
                    tr("adjusted p"),
                    tr("found in wrong | right"),
                    tr("pasted (another piece)"),
                    tr("overall"),
                ),
                (
                    [shorten_text(one.towards, LONGEST / 2, NOTE) for one in rows],
                    p,
                    [
                        tr(
                            "{one.found_wrong} of {one.called_wrong} | {one.found_right} of "
                            "{one.called_right}",
                            one=one,
                        )
                        for one in rows
                    ],
                    [_paired_text(one.pasted_gain, one.pasted_control) for one in rows],
                    [f"{one.overall:+.2f}" if math.isfinite(one.overall) else "" for one in rows],
                ),
                strict=True,
            )
        )
    else:
        turned = [turned_text(one.corrected, one.control_corrected) for one in rows]
        broken = [turned_text(one.broken, one.control_broken) for one in rows]
        heads = (tr("adjusted p"), tr("wrong turned right"), tr("right turned wrong"))
        columns = dict(zip(heads, (p, turned, broken), strict=True))
    return [
        (head, texts, max(text_width(text, NOTE) for text in (head, *texts)))
        for head, texts in columns.items()
    ]


def _paired_text(value: float, control: float) -> str:
    return f"{value:+.2f} ({control:+.2f})" if math.isfinite(value) else tr("too few")


def _draw_effects(axes: "Axes", blame: "Blame") -> None:
    """Intervals as bars, over them marks of what hiding gains, there and elsewhere."""
    rows = np.arange(len(blame.regions))
    gain, low, high, elsewhere = np.array([_effect_numbers(blame, one) for one in blame.regions]).T
    if math.isfinite(_least_effect(blame)):
        axes.axvline(_least_effect(blame), color=unit_colour(FAINT), linewidth=1, zorder=1)
    axes.axvline(0.0, color=unit_colour(GREY), linewidth=1, zorder=1)
    known = np.isfinite(low) & np.isfinite(high)
    axes.barh(
        rows[known],
        (high - low)[known],
        left=low[known],
        height=10 / LINE,
        color=[unit_colour(_effect_colour(blame, one)) for one in np.array(blame.regions, object)[known]],
        edgecolor="none",
        linewidth=0,
        zorder=2,
    )
    for values, colour in ((elsewhere, GREY), (gain, INK)):
        drawn = np.isfinite(values)
        low, high = rows[drawn] - 0.275, rows[drawn] + 0.275
        axes.vlines(values[drawn], low, high, colors=[unit_colour(colour)], linewidth=2, zorder=3)


def _in_log_odds(blame: "Blame") -> bool:
    return blame.scale == "log-odds"


def _effect_numbers(blame: "Blame", one: "RegionEffect") -> list[float]:
    """Those of `EFFECT`, on the scale that was tested."""
    before = "odds_" if _in_log_odds(blame) else ""
    return [getattr(one, f"{before}{name}") for name in EFFECT]


def _least_effect(blame: "Blame") -> float:
    """The least gain that counts."""
    return blame.min_effect * (blame.odds_lacked if _in_log_odds(blame) else blame.lacked)


def _effect_colour(blame: "Blame", one: "RegionEffect") -> Colour:
    if blame.of_concepts:
        return RED if one.confirmed else BLUE if one.worthwhile else PALE
    _, _, high, _ = _effect_numbers(blame, one)
    return RED if one.confirmed else AMBER if one.shifted else BLUE if high < 0 else PALE


def _blame_legend(blame: "Blame") -> list[LegendEntry]:
    """What colours and marks mean, as far as they are in use."""
    colours = {_effect_colour(blame, one) for one in blame.regions}
    bars = {
        RED: tr("95 % interval: drives errors"),
        AMBER: tr("95 % interval: a shift of the scores does as much"),
        PALE: tr("95 % interval: not confirmed"),
        BLUE: tr("95 % interval: hiding it lowers the score"),
    }
    elsewhere = tr("hiding as much elsewhere; in brackets, how many answers that turned")
    if blame.of_concepts:
        bars |= {RED: tr("95 % interval: misleads"), BLUE: tr("95 % interval: worth more than it costs")}
        elsewhere = tr("hiding as much elsewhere")
    marks = {
        INK: tr("gain"),
        GREY: elsewhere,
        FAINT: tr("the least that counts: {least:.0%} of what the true class lacked", least=blame.min_effect),
    }
    if not _least_effect(blame) > 0:
        del marks[FAINT]
    return [
        *((colour_swatch(colour), text) for colour, text in bars.items() if colour in colours),
        *((drawn_swatch(PAPER, (np.s_[:, 14:18], colour)), text) for colour, text in marks.items()),
    ]
