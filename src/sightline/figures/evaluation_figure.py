"""how a model did on labelled images → its ROC curve and its calibration curve."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sightline._arguments import clear_arguments
from sightline._language import translate as tr
from sightline.errors import OptionError
from sightline.figures.components import CAPTION, GAP, MARGIN, NOTE, QUIET, figure_title
from sightline.figures.layout import (
    ChartArea,
    LayoutItem,
    TextLine,
    draw_items,
    line_height,
    lower_edge,
    shorten_text,
    stack_lines,
    text_style,
    unit_colour,
)
from sightline.figures.view_model import FAINT
from sightline.render import GREY, INK, RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sightline.evaluation.classification import Evaluation
    from sightline.evaluation.discrimination import Estimate
    from sightline.evaluation.multi_label import MultiLabelEvaluation

SIDE, FOOT, ASIDE = 460, 64, 76
"""Pixels of a chart's side, of what stands below it and beside it."""
MOST = 24
"""Classes or labels that are drawn."""
BINS = 10


@clear_arguments
def plot_evaluation(evaluation: "Evaluation | MultiLabelEvaluation") -> "Figure":
    """ROC curve and calibration curve; of several classes or labels a row for each.

    Left: share of the class that is found, over the share of others taken for it, at every threshold; a red
    ring is the threshold in use. Right: how often it was true of images of which it was said with some
    probability, in ten bins of as many images, with 95 % intervals; on the diagonal it comes true as often as
    is said. There is none where the scores are no probabilities.

    Parameters
    ----------
    evaluation : Evaluation or MultiLabelEvaluation

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    OptionError
        If no class has images beside those of others.

    Examples
    --------
    >>> plot_evaluation(sightline.evaluate(model, data))  # doctest: +SKIP
    """
    rows = _drawn_rows(evaluation)
    if not rows:
        raise OptionError(
            "there is nothing to draw: a ROC curve needs scores, and images of a class and of others.",
            slug="evaluation-scores",
        )
    width = 2 * (ASIDE + SIDE) + 3 * MARGIN + GAP
    items: list[LayoutItem] = [*figure_title(evaluation.heading, width - 2 * MARGIN)]
    for name, one, label in rows[:MOST]:
        items += _curve_pair(name, one, label, lower_edge(items) + GAP, width)
    if len(rows) > MOST:
        more = tr("and {more:,} more", more=len(rows) - MOST)
        items += stack_lines([more], MARGIN, lower_edge(items) + 8, size=NOTE, colour=QUIET)
    return draw_items(items, width, lower_edge(items) + MARGIN)


def _drawn_rows(evaluation: "Evaluation | MultiLabelEvaluation") -> "list[tuple[str, Evaluation, int]]":
    """What each row is called, and whose curves it shows: those that there are images of, and of others."""
    several: tuple[Evaluation, ...] | None = getattr(evaluation, "evaluations", None)
    if several is not None:
        rows = [(one.name(1), one, 1) for one in several]
    else:
        alone: Evaluation = evaluation  # type: ignore[assignment]
        classes = [1] if alone.scores.shape[1] == 2 else range(alone.scores.shape[1])
        rows = [(alone.name(label), alone, label) for label in classes]
    return [row for row in rows if not np.isnan(row[1].aucs[row[2]].value)]


def _curve_pair(name: str, one: "Evaluation", label: int, top: float, width: float) -> list[LayoutItem]:
    """One row: heading, ROC, calibration."""
    positive = int((one.labels == label).sum())
    area = one.aucs[label]
    base = top + line_height(CAPTION)
    title = tr("{name}: {few:,} of {n:,} images", name=name, few=positive, n=len(one))
    said = tr("AUC {one.value:.3f} (95 %: {one.low:.3f} to {one.high:.3f})", one=area)
    below, left = base + 2 * GAP, MARGIN + ASIDE
    items: list[LayoutItem] = [
        TextLine(
            shorten_text(title, width - 2 * MARGIN, CAPTION, bold=True), MARGIN, base, CAPTION, bold=True
        ),
        TextLine(said, left, below - 10, NOTE),
        _unit_chart(
            left,
            below,
            tr("false positive rate"),
            tr("sensitivity"),
            lambda axes: _draw_roc(axes, one, label),
        ),
    ]
    if one.says_probabilities:
        made = one.calibration(BINS, label)
        low, high = made.expected
        told = tr(
            "off by {error:.3f}; right probabilities by {low:.3f} to {high:.3f}",
            error=made.error,
            low=low,
            high=high,
        )
        left += SIDE + GAP + MARGIN + ASIDE
        items += [
            TextLine(told, left, below - 10, NOTE),
            _unit_chart(
                left,
                below,
                tr("predicted probability"),
                tr("observed share"),
                lambda axes: _draw_calibration(axes, made.said, made.true),
            ),
        ]
    return items


def _unit_chart(
    left: float, top: float, across: str, upwards: str, draw: "Callable[[Axes], None]"
) -> ChartArea:
    """A square from 0 to 1 both ways, with its diagonal or without."""

    def draw_on_axes(axes: "Axes") -> None:
        axes.set(xlim=(0, 1), ylim=(0, 1), facecolor="none")
        axes.spines[:].set_color(unit_colour(FAINT))
        axes.grid(False)
        axes.minorticks_off()
        ticks = [0.0, 0.5, 1.0]
        axes.tick_params(length=0, pad=4)
        axes.set_xticks(ticks, ["0", "0.5", "1"], **text_style(NOTE, QUIET))
        axes.set_yticks(ticks, ["0", "0.5", "1"], **text_style(NOTE, QUIET))
        axes.set_xlabel(across, labelpad=2, **text_style(NOTE, QUIET))
        axes.set_ylabel(upwards, labelpad=2, **text_style(NOTE, QUIET))
        axes.plot([0, 1], [0, 1], color=unit_colour(FAINT), linewidth=1, linestyle="-", marker="", zorder=1)
        draw(axes)

    return ChartArea(left, top, SIDE, SIDE, FOOT, draw_on_axes)


def _draw_roc(axes: "Axes", one: "Evaluation", label: int) -> None:
    curve = one.roc(label)
    ink, red = unit_colour(INK), unit_colour(RED)
    axes.plot(
        curve.false_alarms,
        curve.sensitivity,
        color=ink,
        linewidth=1.5,
        linestyle="-",
        marker="",
        clip_on=False,
        zorder=3,
    )
    if one.threshold is not None:
        said, true = one.predicted == label, one.labels == label
        point = (float(said[~true].mean()), float(said[true].mean()))
        axes.plot(
            *point,
            "o",
            markersize=9,
            markeredgewidth=1.5,
            markeredgecolor=red,
            markerfacecolor="none",
            clip_on=False,
            zorder=4,
        )


def _draw_calibration(axes: "Axes", said: Float[np.ndarray, "B"], true: "Sequence[Estimate]") -> None:
    for place, one in zip(said, true, strict=True):
        axes.vlines(place, one.low, one.high, colors=[unit_colour(GREY)], linewidth=1.5, zorder=2)
    shares = [one.value for one in true]
    axes.plot(
        said,
        shares,
        color=unit_colour(INK),
        linewidth=1,
        linestyle="-",
        marker="s",
        markersize=5,
        markeredgewidth=0,
        clip_on=False,
        zorder=3,
    )
