"""what a repair changed → one page for a reviewer: verdict, measures, where the models look, examples."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Shaped, UInt8

from sightline import render
from sightline.figures.components import (
    BAR,
    CAPTION,
    GAP,
    MARGIN,
    NOTE,
    QUIET,
    CaptionedImage,
    LegendEntry,
    colour_scale,
    colour_swatch,
    figure_title,
    legend_items,
    tile_rows,
)
from sightline.figures.layout import (
    LayoutItem,
    TextLine,
    draw_items,
    line_height,
    lower_edge,
    stack_lines,
    wrap_parts,
)
from sightline.figures.paired_chart import PALE, Measured, dumbbells, lowest
from sightline.render import GREY, INK, PAPER
from sightline.types import Segments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL, ACROSS = 220, 6
WIDTH = ACROSS * (CELL + GAP) - GAP + 2 * MARGIN
SECTIONS = {
    "accuracy": "All images",
    "presence": "All images",
    "recall": "Each class's recall",
    "region": "The repaired region",
    "content": "What the region shows is replaced",
    "other region": "Elsewhere",
}
MOST = 10
"""Measures of a section that are drawn: those that changed most."""


@runtime_checkable
class Proved(Protocol):
    """What `sightline.prove` makes."""

    @property
    def region(self) -> str: ...
    @property
    def headline(self) -> str: ...
    @property
    def sentences(self) -> Sequence[str]: ...
    @property
    def evidence(self) -> str: ...
    @property
    def way(self) -> str: ...
    @property
    def measures(self) -> Sequence[Any]: ...
    @property
    def looks(self) -> Any: ...
    @property
    def examples(self) -> Sequence[Any]: ...


def plot_proof(proof: Proved) -> "Figure":
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
    >>> sightline.figures.proof_figure(sl.prove(model, fix, study.held_out))  # doctest: +SKIP
    """
    room = WIDTH - 2 * MARGIN
    items: list[LayoutItem] = [*figure_title(proof.headline, room)]
    for text in proof.sentences[1:]:
        items += stack_lines(
            wrap_parts(text.split(), room, CAPTION, between=" "), MARGIN, lower_edge(items) + 4, size=CAPTION
        )
    for text in (*([proof.way] if proof.way else []), proof.evidence):
        said = wrap_parts(text.split(), room, NOTE, between=" ")
        items += stack_lines(said, MARGIN, lower_edge(items) + 4, size=NOTE, colour=QUIET)
    items += _metric_charts(proof, lowest(items))
    items += legend_items(_chart_legend(proof), MARGIN, lower_edge(items) + 16, room)
    items += _mean_maps(proof, lowest(items))
    items += _example_rows(proof, lowest(items))
    return draw_items(items, WIDTH, lower_edge(items) + MARGIN)


def _metric_charts(proof: Proved, top: float) -> list[LayoutItem]:
    """A chart for each kind of measure."""
    items: list[LayoutItem] = []
    for heading in dict.fromkeys(SECTIONS.values()):
        measures = [one for one in proof.measures if SECTIONS.get(one.kind) == heading]
        if measures:
            shown, more = _most_changed(measures)
            head = f"The repaired region: {proof.region}" if heading == "The repaired region" else heading
            told = f"{head} ({more:,} more changed less)" if more else head
            items += dumbbells(told, shown, top, WIDTH)
            top = lower_edge(items) + 12
    return items


def _most_changed(measures: Sequence[Measured]) -> tuple[list[Measured], int]:
    """Those that changed most, in the order in which they come."""
    ranked = sorted(measures, key=lambda one: -abs(np.nan_to_num(one.after - one.before)))[:MOST]
    return [one for one in measures if one in ranked], len(measures) - len(ranked)


def _chart_legend(proof: Proved) -> Iterator[LegendEntry]:
    """What the squares, the band and the line mean."""
    for colour, inset, text in ((GREY, 2, "before"), (INK, 4, "after")):
        sample = np.full((BAR, 32, 3), PAPER, np.uint8)
        sample[inset:-inset, 7 + inset : -7 - inset] = colour
        yield sample, text
    yield colour_swatch(PALE), "95 % interval of the change"
    if any(one.beside is not None for one in proof.measures):
        sample = np.full((BAR, 32, 3), PAPER, np.uint8)
        sample[:, 15:17] = GREY
        yield sample, "to be seen beside: equal areas elsewhere hidden; the region's share of the area"


def _mean_maps(proof: Proved, top: float) -> list[LayoutItem]:
    """Mean attribution before and after."""
    seen = proof.looks
    if seen is None or seen.before is None:
        return []
    limit = render.scale_limit(np.stack([seen.before, seen.after]))
    cells: list[CaptionedImage] = [
        (_outlined_image(seen.image, heat, seen.area, limit, 2 * CELL + GAP), [word])
        for word, heat in (("before", seen.before), ("after", seen.after))
    ]
    count = len(seen.shares)
    heading = (
        f"Where the models look: mean attribution of {count:,} images towards the class that each predicted"
    )
    items = [*_section_heading(heading, top)]
    side = items + tile_rows(cells, 2, 2 * CELL + GAP, lower_edge(items) + 8)
    return [
        *side,
        *colour_scale(limit, MARGIN, lower_edge(side) + 12, 400),
        *_region_note(lower_edge(side) + 12),
    ]


def _region_note(top: float) -> list[LayoutItem]:
    sample = np.full((BAR, 32, 3), GREY, np.uint8)
    sample[2:-2, 3:-3] = PAPER
    sample[4:-4, 5:-5] = INK
    sample[6:-6, 7:-7] = GREY
    return legend_items(
        [(sample, "the repaired region; score per pixel, on one scale")], MARGIN + 440, top, WIDTH
    )


def _example_rows(proof: Proved, top: float) -> list[LayoutItem]:
    """Pairs of images, before and after."""
    if not proof.examples:
        return []
    heats = [heat for one in proof.examples for heat in (one.before, one.after) if heat is not None]
    limit = render.scale_limit(np.concatenate([np.ravel(heat) for heat in heats])) if heats else 0.0
    mended = [one for one in proof.examples if one.said_after == one.label]
    broken = [one for one in proof.examples if one.said_after != one.label]
    items: list[LayoutItem] = []
    for heading, group in (("Wrong before, right after", mended), ("Right before, wrong after", broken)):
        if group:
            items += _section_heading(heading, top)
            cells = [cell for one in group for cell in _example_pair(one, limit)]
            items += tile_rows(cells, ACROSS, CELL, lower_edge(items) + 8)
            top = lowest(items)
    return [*items, *colour_scale(limit, MARGIN, lower_edge(items) + 12, 400)]


def _example_pair(one: Any, limit: float) -> Iterator[CaptionedImage]:
    for word, said, heat in (("before", one.said_before, one.before), ("after", one.said_after, one.after)):
        about = [one.label, f"image {one.place}"] if word == "before" else ["", ""]
        yield _outlined_image(one.image, heat, one.area, limit, CELL), [*about, f"{word}: {said}"]


def _section_heading(text: str, top: float) -> list[TextLine]:
    return [TextLine(text, MARGIN, top + line_height(CAPTION), CAPTION, bold=True)]


def _outlined_image(
    image: Shaped[np.ndarray, "H W 3"],
    heat: Shaped[np.ndarray, "H W"] | None,
    area: Bool[np.ndarray, "H W"],
    limit: float,
    size: int,
) -> UInt8[np.ndarray, "h w 3"]:
    """An image under its attribution, with the region in a black line with white sides."""
    pixels, segments, ids = render.fit_to_size(image, Segments.renumber(area), size)
    which = np.unique(area)[ids]
    if heat is not None:
        pixels = render.overlay_heat(pixels, _enlarge_nearest(heat, pixels.shape[:2]), limit)
    pixels = pixels.copy()
    pixels[render.inner_rims(segments, which, width=5)] = PAPER
    pixels[render.inner_rims(segments, which, start=1, width=3)] = INK
    return pixels


def _enlarge_nearest(heat: Shaped[np.ndarray, "H W"], shape: tuple[int, ...]) -> Shaped[np.ndarray, "h w"]:
    down, across = (np.arange(new) * old // new for new, old in zip(shape, heat.shape, strict=True))
    return np.asarray(heat[down[:, np.newaxis], across])
