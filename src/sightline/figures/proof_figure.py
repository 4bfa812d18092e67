"""what a repair changed → one page for a reviewer: verdict, measures, where the models look, examples."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sightline import render
from sightline._arguments import clear_arguments
from sightline._language import translatable, translate_kept
from sightline._language import translate as tr
from sightline._printing import printable_text
from sightline._region_names import shown_name
from sightline.figures.components import (
    CAPTION,
    GAP,
    MARGIN,
    NOTE,
    QUIET,
    CaptionedImage,
    LegendEntry,
    colour_scale,
    colour_swatch,
    drawn_swatch,
    figure_title,
    legend_items,
    outline_mask,
    tile_rows,
)
from sightline.figures.layout import (
    LayoutItem,
    TextLine,
    draw_items,
    line_height,
    lower_edge,
    shorten_text,
    stack_lines,
    text_width,
    wrap_parts,
)
from sightline.figures.paired_chart import PALE, confidence_text, paired_rows
from sightline.render import GREY, INK, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sightline.proof.attribution_shift import ChangedAnswer
    from sightline.proof.paired_metrics import PairedMetric
    from sightline.proof.result import Proof

CELL, ACROSS = 220, 6
WIDTH = ACROSS * (CELL + GAP) - GAP + 2 * MARGIN
SECTIONS = {
    "accuracy": translatable("All images"),
    "presence": translatable("All images"),
    "recall": translatable("Each class's recall"),
    "region": translatable("The repaired region"),
    "content": translatable("What the region shows is replaced"),
    "other region": translatable("Elsewhere"),
    "other label": translatable("Other labels, which are not to change"),
}
SPACE = 26
"""Pixels before the next section."""
MOST = 10
"""Measures of a section that are drawn: those that changed most."""


@clear_arguments
def plot_proof(proof: "Proof") -> "Figure":
    """A page about a repair: the verdict, every measure before and after, where both models look, examples.

    Images are under the attribution towards the class that each model predicted: red is what speaks for
    it, blue against it; before and after share a scale. The repaired region is outlined.

    Parameters
    ----------
    proof : Proof

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> plot_proof(sl.prove(model, fix, study.held_out))  # doctest: +SKIP
    """
    room = WIDTH - 2 * MARGIN
    items: list[LayoutItem] = [*figure_title(proof.headline, room)]
    for text in proof.sentences[1:]:
        items += stack_lines(
            wrap_parts(text.split(), room, CAPTION, between=" "), MARGIN, lower_edge(items) + 4, size=CAPTION
        )
    for text in (*([proof.method] if proof.method else []), proof.evidence):
        said = wrap_parts(text.split(), room, NOTE, between=" ")
        items += stack_lines(said, MARGIN, lower_edge(items) + 4, size=NOTE, colour=QUIET)
    items += _metric_charts(proof, lower_edge(items) + SPACE)
    items += legend_items(_chart_legend(proof), MARGIN, lower_edge(items) + 16, room)
    items += _mean_maps(proof, lower_edge(items) + SPACE)
    items += _example_rows(proof, lower_edge(items) + SPACE)
    return draw_items(items, WIDTH, lower_edge(items) + MARGIN)


def _metric_charts(proof: "Proof", top: float) -> list[LayoutItem]:
    """A chart for each kind of measure."""
    items: list[LayoutItem] = []
    for heading in dict.fromkeys(SECTIONS.values()):
        measures = [one for one in proof.measures if SECTIONS.get(one.kind) == heading]
        if measures:
            shown, more = _most_changed(measures)
            head = translate_kept(heading)
            if heading == SECTIONS["region"]:
                head = tr("The repaired region: {name}", name=shown_name(proof.region))
            told = tr("{head} ({n:,} more changed less)", head=head, n=more) if more else head
            items += paired_rows(told, shown, top, WIDTH, proof.level)
            top = lower_edge(items) + 12
    return items


def _most_changed(measures: Sequence["PairedMetric"]) -> tuple[list["PairedMetric"], int]:
    """Those that changed most, in the order in which they come."""
    ranked = sorted(measures, key=lambda one: -abs(np.nan_to_num(one.after - one.before)))[:MOST]
    return [one for one in measures if one in ranked], len(measures) - len(ranked)


def _chart_legend(proof: "Proof") -> Iterator[LegendEntry]:
    """What the squares, the band and the line mean."""
    yield drawn_swatch(PAPER, (np.s_[2:-2, 9:-9], GREY)), tr("before")
    yield drawn_swatch(PAPER, (np.s_[4:-4, 11:-11], INK)), tr("after")
    yield colour_swatch(PALE), tr("{sure} interval of the change", sure=confidence_text(proof.level))
    if any(one.beside is not None for one in proof.measures):
        text = tr("to be seen beside: equal areas elsewhere hidden; the region's share of the area")
        yield drawn_swatch(PAPER, (np.s_[:, 15:17], GREY)), text


def _mean_maps(proof: "Proof", top: float) -> list[LayoutItem]:
    """Mean attribution before and after."""
    seen = proof.shift
    if seen is None or seen.image is None or seen.before is None or seen.after is None or seen.mask is None:
        return []
    limit, wide = render.scale_limit(np.stack([seen.before, seen.after])), 2 * CELL + GAP
    cells: list[CaptionedImage] = [
        (outline_mask(seen.image, seen.mask, wide, INK, heat=heat, limit=limit), [word])
        for word, heat in ((tr("before"), seen.before), (tr("after"), seen.after))
    ]
    count = len(seen.shares)
    heading = tr(
        "Where the models look: mean attribution of {n:,} images towards the class that each predicted",
        n=count,
    )
    frame = ((np.s_[2:-2, 3:-3], PAPER), (np.s_[4:-4, 5:-5], INK), (np.s_[6:-6, 7:-7], GREY))
    note = drawn_swatch(GREY, *frame), tr("the repaired region; score per pixel, on one scale")
    items = [*_section_heading(heading, top)]
    side = items + tile_rows(cells, 2, wide, lower_edge(items) + 8)
    return [
        *side,
        *colour_scale(limit, MARGIN, lower_edge(side) + 12, 400),
        *legend_items([note], MARGIN + 440, lower_edge(side) + 12, WIDTH),
    ]


def _example_rows(proof: "Proof", top: float) -> list[LayoutItem]:
    """Pairs of images, before and after."""
    if not proof.examples:
        return []
    heats = [heat for one in proof.examples for heat in (one.before, one.after) if heat is not None]
    limit = render.shared_limit(heats)
    corrected = [one for one in proof.examples if one.said_after == one.label]
    broken = [one for one in proof.examples if one.said_after != one.label]
    items: list[LayoutItem] = []
    for heading, group in (
        (tr("Wrong before, right after"), corrected),
        (tr("Right before, wrong after"), broken),
    ):
        if group:
            items += _section_heading(heading, top)
            cells = [cell for one in group for cell in _example_pair(one, limit)]
            items += tile_rows(cells, ACROSS, CELL, lower_edge(items) + 8)
            top = lower_edge(items) + SPACE
    return [*items, *colour_scale(limit, MARGIN, lower_edge(items) + 12, 400)]


def _example_pair(one: "ChangedAnswer", limit: float) -> Iterator[CaptionedImage]:
    for first, said, heat in ((True, one.said_before, one.before), (False, one.said_after, one.after)):
        word = tr("before") if first else tr("after")
        named = tr("image {name}", name=one.place) if not one.id or one.id.isdigit() else _short_name(one.id)
        about = [one.label, named] if first else ["", ""]
        drawn = outline_mask(one.image, one.mask, CELL, INK, heat=heat, limit=limit)
        yield drawn, [*about, tr("{word}: {said}", word=word, said=said)]


def _short_name(name: str) -> str:
    """The end of a path, which tells files apart."""
    name = printable_text(name)
    return name if text_width(name, NOTE) <= CELL else shorten_text(name.rpartition("/")[2], CELL, NOTE)


def _section_heading(text: str, top: float) -> list[TextLine]:
    return [TextLine(text, MARGIN, top + line_height(CAPTION), CAPTION, bold=True)]
