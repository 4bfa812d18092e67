"""target → the parts that figures share: heading, scale, legend."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from sightline import render
from sightline._language import translatable, translate_kept
from sightline._language import translate as tr
from sightline._resize import resize_nearest
from sightline.figures.layout import (
    FilledBox,
    ImageTile,
    LayoutItem,
    TextLine,
    line_height,
    lower_edge,
    shorten_text,
    stack_lines,
    text_width,
    wrap_parts,
)
from sightline.figures.view_model import (
    DrawnImage,
    SegmentMask,
    TargetView,
    evidence_texts,
    verdict_text,
)
from sightline.render import BLUE, GREY, INK, PAPER, RED, Colour, RealNumber, format_number
from sightline.types import Contrast, Segments

if TYPE_CHECKING:
    from sightline.explanation import Explanation

MARGIN, GAP = 40, 28
TITLE, CAPTION, NOTE = 14.0, 10.0, 9.0
BAR = 18
NARROWEST = 340
QUIET = (92, 99, 106)
UNDECIDED = translatable("cannot be told from zero")
CaptionedImage = tuple[DrawnImage, list[str]]
LegendEntry = tuple[UInt8[np.ndarray, "18 32 3"], str]


def figure_title(text: str, room: RealNumber) -> Iterator[TextLine]:
    """The first words of a figure."""
    lines = wrap_parts(text.split(), room, TITLE, between=" ", bold=True)
    return stack_lines(lines, MARGIN, MARGIN - 8, size=TITLE, bold=True)


def titled_words(title: str, said: str, room: RealNumber, most: int = 9) -> list[LayoutItem]:
    """A figure's first words, and below them in quiet ones what it says, in so many lines at most."""
    items: list[LayoutItem] = [*figure_title(title, room)]
    lines = wrap_parts(said.split(), room, NOTE, between=" ", most=most)
    return [*items, *stack_lines(lines, MARGIN, lower_edge(items) + 6, size=NOTE, colour=QUIET)]


def target_heading(
    explanation: "Explanation", target: int | Contrast | None, width: RealNumber
) -> list[LayoutItem]:
    """The target's name, the evidence and, where there is nothing to show, the reason."""
    room = width - 2 * MARGIN
    name = explanation.name(explanation.targets[explanation.index(target)])
    items: list[LayoutItem] = [*figure_title(name, room)]
    lines = wrap_parts(evidence_texts(explanation, target), room, NOTE)
    items += stack_lines(lines, MARGIN, lower_edge(items) + 2, size=NOTE, colour=QUIET)
    said = wrap_parts(verdict_text(explanation, target).split(), room, CAPTION, between=" ")
    return [*items, *stack_lines(said, MARGIN, lower_edge(items) + 6, size=CAPTION, bold=True)]


def colour_scale(
    limit: RealNumber,
    left: RealNumber,
    top: RealNumber,
    width: int,
    *,
    speaks: str = "",
    against: bool = True,
    unit: str = "",
) -> list[LayoutItem]:
    """The colour bar over its printed limits, from −limit (from 0 if not `against`); nothing at 0.

    Below stands the `unit`, if there is one.
    """
    if limit <= 0:
        return []
    width = max(width, NARROWEST)
    low = -limit if against else 0.0
    bar = render.diverging_colours(
        np.broadcast_to(np.linspace(low, limit, width - 2), (BAR - 2, width - 2)), limit
    )
    baseline, right = top + BAR + 0.95 * line_height(NOTE), left + width
    least = tr("{low} against", low=format_number(low)) if against else "0"
    most = format_number(limit, sign=True)
    middle = [TextLine("0", left + width / 2, baseline, NOTE, align="center")] if against else []
    below = baseline + line_height(NOTE)
    named = (
        [TextLine(tr("share of the {unit}", unit=translate_kept(unit)), left, below, NOTE, colour=QUIET)]
        if unit
        else []
    )
    return [
        FilledBox(left, top, width, BAR, GREY),
        ImageTile(bar, left + 1, top + 1),
        TextLine(least, left, baseline, NOTE),
        *middle,
        TextLine(
            speaks.format(most=most) if speaks else tr("for {most}", most=most),
            right,
            baseline,
            NOTE,
            align="right",
        ),
        *named,
    ]


def colour_swatch(colour: Colour, *, hatched: bool = False) -> UInt8[np.ndarray, "18 32 3"]:
    """A small sample of a colour for a legend."""
    face = render.hatch_area(drawn_swatch(colour), np.full((BAR, 32), hatched), step=8)
    return render.draw_contours(face, Segments(np.zeros((BAR, 32), np.intp)), np.array([True]), GREY)


def drawn_swatch(paper: Colour, *shapes: tuple[Any, Colour]) -> UInt8[np.ndarray, "18 32 3"]:
    """A small sample of what is drawn, for a legend: rectangles of pixels in their colours, on paper."""
    sample = np.full((BAR, 32, 3), paper, np.uint8)
    for where, colour in shapes:
        sample[where] = colour
    return sample


def outline_entry(text: str) -> LegendEntry:
    """The legend's entry for white outlines."""
    inner, outer = (np.s_[6:-6, 7:-7], GREY), (np.s_[4:-4, 5:-5], PAPER)
    return drawn_swatch(GREY, outer, inner), tr("outlined: {what}", what=text)


def legend_items(
    entries: Iterable[LegendEntry], left: RealNumber, top: RealNumber, width: RealNumber
) -> list[LayoutItem]:
    """Swatches with their meaning, in as many rows as the width asks for."""
    items: list[LayoutItem] = []
    at, line = left, top
    for sample, text in entries:
        needed = 40 + text_width(text, NOTE)
        if at > left and at + needed > left + width:
            at, line = left, line + 1.35 * line_height(NOTE)
        items += [ImageTile(sample, at, line), TextLine(text, at + 40, line + BAR - 3, NOTE)]
        at += needed + 24
    return items


def tile_rows(
    cells: Sequence[CaptionedImage], columns: int, cell: RealNumber, top: RealNumber, *, bold: bool = True
) -> list[LayoutItem]:
    """Images in rows under their words, each line shortened to the image's width.

    The first line is a title, wrapped, with notes below it if `bold`; else all lines are alike.
    """
    size, colour = (CAPTION, QUIET) if bold else (NOTE, INK)
    items: list[LayoutItem] = []
    for start in range(0, len(cells), columns):
        row = cells[start : start + columns]
        titles = [
            wrap_parts(words[0].split(" "), cell, size, between=" ", bold=bold, most=3 if bold else 1)
            for _, words in row
        ]
        below = top + max(map(len, titles)) * line_height(size)
        notes = max(len(words) for _, words in row) - 1
        for index, ((pixels, words), title) in enumerate(zip(row, titles, strict=True)):
            left = MARGIN + index * (cell + GAP)
            items += stack_lines(title, left, top, size=size, bold=bold)
            more = [shorten_text(line, cell, NOTE) for line in words[1:]]
            items += stack_lines(more, left, below, size=NOTE, colour=colour)
            items.append(ImageTile(pixels, left, below + notes * line_height(NOTE) + 4))
        top = lower_edge(items) + 18
    return items


def hatched_entry(*shown: tuple[TargetView, Bool[np.ndarray, "_"]]) -> list[LegendEntry]:
    """The legend's one entry for undecided segments, if there are any in these views."""
    some = any((which & seen.undecided).any() for seen, which in shown)
    return [(colour_swatch(PAPER, hatched=True), tr(UNDECIDED))] if some else []


def side_entries(seen: TargetView, which: SegmentMask) -> list[LegendEntry]:
    """The legend's entries for the two flat colours, as far as they are in use."""
    decided = which & seen.decided
    sides = (
        (RED, tr("for"), decided & (seen.values > 0)),
        (BLUE, tr("against"), decided & (seen.values < 0)),
    )
    return [(colour_swatch(colour), text) for colour, text, side in sides if side.any()]


def grey_entry(seen: TargetView, which: SegmentMask) -> list[LegendEntry]:
    """The legend's entry for undecided segments where they are plain grey, if there are any."""
    return [(colour_swatch(GREY), tr(UNDECIDED))] if (which & seen.undecided).any() else []


def outline_mask(
    image: Shaped[np.ndarray, "..."],
    mask: Bool[np.ndarray, "_ _"],
    size: int,
    colour: Colour,
    *,
    heat: Float[np.ndarray, "_ _"] | None = None,
    limit: RealNumber = 0.0,
) -> DrawnImage:
    """An image under its heat, if it has any, with the mask in a coloured line with white sides."""
    pixels, segments, ids = render.fit_with_segments(image, Segments.renumber(mask), size)
    which = np.unique(mask)[ids]
    if heat is None:
        pixels = pixels.copy()
    else:
        pixels = render.overlay_heat(pixels, resize_nearest(heat, pixels.shape[:2]), limit)
    pixels[render.inner_rims(segments, which, width=5)] = PAPER
    pixels[render.inner_rims(segments, which, start=1, width=3)] = colour
    return pixels
