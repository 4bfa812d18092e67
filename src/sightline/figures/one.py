"""explanation, target → a figure with its picture: panel, overlay, heat, contours."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sightline.figures.parts import (
    GAP,
    MARGIN,
    UNDECIDED,
    Cell,
    Entry,
    framed,
    greyed,
    hatched,
    heading,
    legend,
    scale,
    sides,
    swatch,
    tiles,
)
from sightline.figures.sheet import Tile, bottom, page
from sightline.figures.view import (
    Explained,
    Picture,
    View,
    Which,
    checked,
    flat,
    mask,
    outlined,
    tinted,
    view,
)
from sightline.render import PAPER, Number
from sightline.types import Contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIDDLE, LARGE = 448, 640


def panel(
    explanation: Explained,
    target: int | Contrast | None = None,
    *,
    num: int | None = 8,
    limit: Number | None = None,
) -> "Figure":
    """Four pictures: what speaks for the target, for and against, the image, the mask.

    Parameters
    ----------
    explanation : Explained
    target : int or Contrast, optional
        One of the explained targets; the first if None.
    num : int, optional
        How many leading segments are shown, by |value|; None for all.
    limit : float, optional
        End of the colour scale in units of the score, to compare figures; fitted to the values if None.

    Returns
    -------
    matplotlib.figure.Figure
        It shows itself in a notebook and is unknown to pyplot.

    Raises
    ------
    TargetError
        If the target is not explained here.

    Examples
    --------
    >>> import numpy as np
    >>> import sightline as sl
    >>> model = lambda images: np.stack([images.mean((1, 2)), 1 - images.mean((1, 2))], axis=1)
    >>> explained = sl.explain(np.eye(16), model, segment="grid", fill="colour", budget=100)
    >>> panel(explained, num=4, limit=0.1).axes[0].texts[0].get_text()
    'class 1'
    """
    seen = view(explanation, target, MIDDLE)
    end = checked(limit, seen.limit)
    speakers, leaders = seen.leading(num, positive=True), seen.leading(num)
    cells: list[Cell] = [
        (tinted(seen, speakers, end), ["For", *_doubt(seen, speakers)]),
        (tinted(seen, leaders, end), ["For and against"]),
        (seen.pixels, ["Image"]),
        (mask(seen, leaders), ["Mask"]),
    ]
    cell = max(seen.pixels.shape[1], 400)
    width = 2 * MARGIN + 2 * cell + GAP
    items = heading(explanation, target, width)
    items += tiles(cells, 2, cell, bottom(items) + 14)
    top = bottom(items) + 16
    rest = [] if leaders.all() else [(swatch(PAPER), f"not among the leading {leaders.sum()}")]
    lines = [framed(f"the leading {leaders.sum()}"), *rest] if leaders.any() else []
    entries = [*sides(seen, leaders), *hatched(seen, speakers | leaders), *lines]
    items += scale(end, MARGIN, top, seen.pixels.shape[1])
    items += legend(entries, MARGIN + cell + GAP, top, cell)
    return page(items, width, bottom(items) + MARGIN)


def _doubt(seen: View, speakers: Which) -> list[str]:
    """Why what speaks for the target is not red."""
    if not speakers.any():
        return ["nothing speaks for it"]
    return [] if (speakers & seen.told).any() else [f"what speaks for it {UNDECIDED}"]


def overlay(
    explanation: Explained,
    target: int | Contrast | None = None,
    *,
    num: int | None = None,
    limit: Number | None = None,
) -> "Figure":
    """The image in pale grey, its segments tinted by their values; all of them unless `num` is given.

    Parameters, result and errors are those of `panel`.
    """
    seen = view(explanation, target, LARGE)
    end, which = checked(limit, seen.limit), seen.chosen(num)
    pixels = tinted(seen, which, end, outlined=num is not None)
    lines = [framed(f"the leading {which.sum()}")] if num is not None and which.any() else []
    return single(explanation, target, pixels, end, [*hatched(seen, which), *lines])


def heat(
    explanation: Explained,
    target: int | Contrast | None = None,
    *,
    num: int | None = None,
    limit: Number | None = None,
) -> "Figure":
    """The values alone, without the image; of all segments unless `num` is given.

    Parameters, result and errors are those of `panel`.
    """
    seen = view(explanation, target, LARGE)
    end, which = checked(limit, seen.limit), seen.chosen(num)
    return single(explanation, target, flat(seen, which, end), end, hatched(seen, which))


def contours(
    explanation: Explained, target: int | Contrast | None = None, *, num: int | None = 8
) -> "Figure":
    """The image in its own colours with the leading segments outlined: red for, blue against.

    Parameters, result and errors are those of `panel`.
    """
    seen = view(explanation, target, LARGE)
    which = seen.leading(num)
    return single(
        explanation, target, outlined(seen, which), 0.0, [*sides(seen, which), *greyed(seen, which)]
    )


def single(
    explanation: Explained,
    target: int | Contrast | None,
    pixels: Picture,
    limit: Number,
    entries: Sequence[Entry],
) -> "Figure":
    """One large picture under its heading, over its scale and legend."""
    wide = pixels.shape[1]
    width = max(wide, 520) + 2 * MARGIN
    items = heading(explanation, target, width)
    items.append(Tile(pixels, MARGIN, bottom(items) + 16))
    items += scale(limit, MARGIN, bottom(items) + 16, wide)
    items += legend(entries, MARGIN, bottom(items) + 14, width - 2 * MARGIN)
    return page(items, width, bottom(items) + MARGIN)
