"""target → the parts that figures share: heading, scale, legend."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import UInt8

from sightline import render
from sightline.figures.sheet import Box, Item, Tile, Word, bottom, leading, measure, shorten, stack, wrap
from sightline.figures.view import Explained, Picture, View, Which, column, evidence, verdict
from sightline.render import BLUE, GREY, INK, PAPER, RED, Colour, Number, number
from sightline.types import Contrast, Segments

MARGIN, GAP = 40, 28
TITLE, CAPTION, NOTE = 14.0, 10.0, 9.0
BAR = 18
NARROWEST = 340
QUIET = (92, 99, 106)
UNDECIDED = "cannot be told from zero"
Cell = tuple[Picture, list[str]]
Entry = tuple[UInt8[np.ndarray, "18 32 3"], str]


def title(text: str, room: Number) -> Iterator[Word]:
    """The first words of a figure."""
    lines = wrap(text.split(), room, TITLE, between=" ", bold=True)
    return stack(lines, MARGIN, MARGIN - 8, size=TITLE, bold=True)


def heading(explanation: Explained, target: int | Contrast | None, width: Number) -> list[Item]:
    """The target's name, the evidence and, where there is nothing to show, the reason."""
    room = width - 2 * MARGIN
    items: list[Item] = [*title(explanation.name(explanation.targets[column(explanation, target)]), room)]
    lines = wrap(evidence(explanation, target), room, NOTE)
    items += stack(lines, MARGIN, bottom(items) + 2, size=NOTE, colour=QUIET)
    said = wrap(verdict(explanation, target).split(), room, CAPTION, between=" ")
    return [*items, *stack(said, MARGIN, bottom(items) + 6, size=CAPTION, bold=True)]


def scale(
    limit: Number, left: Number, top: Number, width: int, *, speaks: str = "for", against: bool = True
) -> list[Item]:
    """The colour bar over its printed limits, from −limit (from 0 if not `against`); nothing at 0."""
    if limit <= 0:
        return []
    width = max(width, NARROWEST)
    low = -limit if against else 0.0
    bar = render.colours(np.broadcast_to(np.linspace(low, limit, width - 2), (BAR - 2, width - 2)), limit)
    baseline, right = top + BAR + 0.95 * leading(NOTE), left + width
    least = f"{number(low)} against" if against else "0"
    middle = [Word("0", left + width / 2, baseline, NOTE, align="center")] if against else []
    return [
        Box(left, top, width, BAR, GREY),
        Tile(bar, left + 1, top + 1),
        Word(least, left, baseline, NOTE),
        *middle,
        Word(f"{speaks} {number(limit, sign=True)}", right, baseline, NOTE, align="right"),
    ]


def swatch(colour: Colour, *, hatched: bool = False) -> UInt8[np.ndarray, "18 32 3"]:
    """A small sample of a colour for a legend."""
    face = render.hatch(np.full((BAR, 32, 3), colour, np.uint8), np.full((BAR, 32), hatched), step=8)
    return render.contours(face, Segments(np.zeros((BAR, 32), np.intp)), np.array([True]), GREY)


def framed(text: str) -> Entry:
    """The legend's entry for white outlines."""
    sample = swatch(GREY)
    sample[4:-4, 5:-5] = PAPER
    sample[6:-6, 7:-7] = GREY
    return sample, f"outlined: {text}"


def legend(entries: Iterable[Entry], left: Number, top: Number, width: Number) -> list[Item]:
    """Swatches with their meaning, in as many rows as the width asks for."""
    items: list[Item] = []
    at, line = left, top
    for sample, text in entries:
        needed = 40 + measure(text, NOTE)
        if at > left and at + needed > left + width:
            at, line = left, line + 1.35 * leading(NOTE)
        items += [Tile(sample, at, line), Word(text, at + 40, line + BAR - 3, NOTE)]
        at += needed + 24
    return items


def tiles(cells: Sequence[Cell], columns: int, cell: Number, top: Number, *, bold: bool = True) -> list[Item]:
    """Pictures in rows under their words, each line shortened to the picture's width.

    The first line is a title with notes below it if `bold`; else all lines are alike.
    """
    size, colour = (CAPTION, QUIET) if bold else (NOTE, INK)
    items: list[Item] = []
    for start in range(0, len(cells), columns):
        row = cells[start : start + columns]
        notes = max(len(words) for _, words in row) - 1
        for index, (pixels, words) in enumerate(row):
            left = MARGIN + index * (cell + GAP)
            items += stack([shorten(words[0], cell, size, bold=bold)], left, top, size=size, bold=bold)
            more = [shorten(line, cell, NOTE) for line in words[1:]]
            items += stack(more, left, top + leading(size), size=NOTE, colour=colour)
            items.append(Tile(pixels, left, top + leading(size) + notes * leading(NOTE) + 4))
        top = bottom(items) + 18
    return items


def hatched(seen: View, which: Which) -> list[Entry]:
    """The legend's entry for undecided segments, if there are any."""
    return [(swatch(PAPER, hatched=True), UNDECIDED)] if (which & seen.undecided).any() else []


def sides(seen: View, which: Which) -> list[Entry]:
    """The legend's entries for the two flat colours, as far as they are in use."""
    told = which & ~seen.undecided
    named = {"for": (RED, told & (seen.values > 0)), "against": (BLUE, told & (seen.values < 0))}
    return [(swatch(colour), text) for text, (colour, side) in named.items() if side.any()]


def greyed(seen: View, which: Which) -> list[Entry]:
    """The legend's entry for undecided segments where they are plain grey, if there are any."""
    return [(swatch(GREY), UNDECIDED)] if (which & seen.undecided).any() else []
