"""what a repair changed → one page for a reviewer: verdict, measures, where the models look, examples."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Shaped, UInt8

from sightline import render
from sightline.figures.dumbbell import PALE, Measured, dumbbells, lowest
from sightline.figures.parts import (
    BAR,
    CAPTION,
    GAP,
    MARGIN,
    NOTE,
    QUIET,
    Cell,
    Entry,
    legend,
    scale,
    swatch,
    tiles,
    title,
)
from sightline.figures.sheet import Item, Word, bottom, leading, page, stack, wrap
from sightline.render import GREY, INK, PAPER
from sightline.types import Segments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL, ACROSS = 220, 6
WIDTH = ACROSS * (CELL + GAP) - GAP + 2 * MARGIN
SECTIONS = {
    "accuracy": "All pictures",
    "presence": "All pictures",
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


def proof(proof: Proved) -> "Figure":
    """A page about a repair: the verdict, every measure before and after, where both models look, examples.

    Pictures are under the attribution towards the class that each model predicted: red is what speaks for
    it, blue against it; before and after share a scale. The repaired region is outlined.

    Parameters
    ----------
    proof : Proof

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> sightline.figures.proof(sl.prove(model, fix, study.held_out))  # doctest: +SKIP
    """
    room = WIDTH - 2 * MARGIN
    items: list[Item] = [*title(proof.headline, room)]
    for text in proof.sentences[1:]:
        items += stack(
            wrap(text.split(), room, CAPTION, between=" "), MARGIN, bottom(items) + 4, size=CAPTION
        )
    for text in (*([proof.way] if proof.way else []), proof.evidence):
        said = wrap(text.split(), room, NOTE, between=" ")
        items += stack(said, MARGIN, bottom(items) + 4, size=NOTE, colour=QUIET)
    items += _charts(proof, lowest(items))
    items += legend(_marks(proof), MARGIN, bottom(items) + 16, room)
    items += _maps(proof, lowest(items))
    items += _examples(proof, lowest(items))
    return page(items, WIDTH, bottom(items) + MARGIN)


def _charts(proof: Proved, top: float) -> list[Item]:
    """A chart for each kind of measure."""
    items: list[Item] = []
    for heading in dict.fromkeys(SECTIONS.values()):
        measures = [one for one in proof.measures if SECTIONS.get(one.kind) == heading]
        if measures:
            shown, more = _most(measures)
            head = f"The repaired region: {proof.region}" if heading == "The repaired region" else heading
            told = f"{head} ({more:,} more changed less)" if more else head
            items += dumbbells(told, shown, top, WIDTH)
            top = bottom(items) + 12
    return items


def _most(measures: Sequence[Measured]) -> tuple[list[Measured], int]:
    """Those that changed most, in the order in which they come."""
    ranked = sorted(measures, key=lambda one: -abs(np.nan_to_num(one.after - one.before)))[:MOST]
    return [one for one in measures if one in ranked], len(measures) - len(ranked)


def _marks(proof: Proved) -> Iterator[Entry]:
    """What the squares, the band and the line mean."""
    for colour, inset, text in ((GREY, 2, "before"), (INK, 4, "after")):
        sample = np.full((BAR, 32, 3), PAPER, np.uint8)
        sample[inset:-inset, 7 + inset : -7 - inset] = colour
        yield sample, text
    yield swatch(PALE), "95 % interval of the change"
    if any(one.beside is not None for one in proof.measures):
        sample = np.full((BAR, 32, 3), PAPER, np.uint8)
        sample[:, 15:17] = GREY
        yield sample, "to be seen beside: equal areas elsewhere hidden; the region's share of the area"


def _maps(proof: Proved, top: float) -> list[Item]:
    """Mean attribution before and after."""
    seen = proof.looks
    if seen is None or seen.before is None:
        return []
    limit = render.limit_of(np.stack([seen.before, seen.after]))
    cells: list[Cell] = [
        (_picture(seen.image, heat, seen.area, limit, 2 * CELL + GAP), [word])
        for word, heat in (("before", seen.before), ("after", seen.after))
    ]
    count = len(seen.shares)
    heading = (
        f"Where the models look: mean attribution of {count:,} pictures towards the class that each predicted"
    )
    items = [*_heading(heading, top)]
    side = items + tiles(cells, 2, 2 * CELL + GAP, bottom(items) + 8)
    return [*side, *scale(limit, MARGIN, bottom(side) + 12, 400), *_outlined_note(bottom(side) + 12)]


def _outlined_note(top: float) -> list[Item]:
    sample = np.full((BAR, 32, 3), GREY, np.uint8)
    sample[2:-2, 3:-3] = PAPER
    sample[4:-4, 5:-5] = INK
    sample[6:-6, 7:-7] = GREY
    return legend([(sample, "the repaired region; score per pixel, on one scale")], MARGIN + 440, top, WIDTH)


def _examples(proof: Proved, top: float) -> list[Item]:
    """Pairs of pictures, before and after."""
    if not proof.examples:
        return []
    heats = [heat for one in proof.examples for heat in (one.before, one.after) if heat is not None]
    limit = render.limit_of(np.concatenate([np.ravel(heat) for heat in heats])) if heats else 0.0
    mended = [one for one in proof.examples if one.said_after == one.label]
    broken = [one for one in proof.examples if one.said_after != one.label]
    items: list[Item] = []
    for heading, group in (("Wrong before, right after", mended), ("Right before, wrong after", broken)):
        if group:
            items += _heading(heading, top)
            cells = [cell for one in group for cell in _pair(one, limit)]
            items += tiles(cells, ACROSS, CELL, bottom(items) + 8)
            top = lowest(items)
    return [*items, *scale(limit, MARGIN, bottom(items) + 12, 400)]


def _pair(one: Any, limit: float) -> Iterator[Cell]:
    for word, said, heat in (("before", one.said_before, one.before), ("after", one.said_after, one.after)):
        about = [one.label, f"picture {one.place}"] if word == "before" else ["", ""]
        yield _picture(one.image, heat, one.area, limit, CELL), [*about, f"{word}: {said}"]


def _heading(text: str, top: float) -> list[Word]:
    return [Word(text, MARGIN, top + leading(CAPTION), CAPTION, bold=True)]


def _picture(
    image: Shaped[np.ndarray, "H W 3"],
    heat: Shaped[np.ndarray, "H W"] | None,
    area: Bool[np.ndarray, "H W"],
    limit: float,
    size: int,
) -> UInt8[np.ndarray, "h w 3"]:
    """A picture under its attribution, with the region in a black line with white sides."""
    pixels, segments, ids = render.fit(image, Segments.renumber(area), size)
    which = np.unique(area)[ids]
    if heat is not None:
        pixels = render.overlay(pixels, _larger(heat, pixels.shape[:2]), limit)
    pixels = pixels.copy()
    pixels[render.rims(segments, which, width=5)] = PAPER
    pixels[render.rims(segments, which, start=1, width=3)] = INK
    return pixels


def _larger(heat: Shaped[np.ndarray, "H W"], shape: tuple[int, ...]) -> Shaped[np.ndarray, "h w"]:
    down, across = (np.arange(new) * old // new for new, old in zip(shape, heat.shape, strict=True))
    return np.asarray(heat[down[:, np.newaxis], across])
