"""figures → one page of them, one under the other."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sightline._arguments import clear_arguments, describe_value
from sightline.errors import OptionError
from sightline.figures.components import CAPTION, GAP, TITLE
from sightline.figures.layout import (
    ImageTile,
    LayoutItem,
    draw_items,
    figure_to_png,
    lower_edge,
    stack_lines,
    wrap_parts,
)
from sightline.figures.view_model import DrawnImage
from sightline.render import RealNumber

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN = 1240
"""Width of a column, in pixels."""
MARGIN = 48
HEADING = 18.0
LARGEST = 1.5
"""Most that a figure is enlarged to fill its column."""


@clear_arguments
def stack_figures(heading: str, parts: "Sequence[tuple[str, str, Figure]]") -> "Figure":
    """One page with several figures, each under a title and a sentence, in two columns read downwards.

    Parameters
    ----------
    heading : str
    parts : sequence of (title, words, figure)

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> page = stack_figures("Two figures", [("One", "A sentence.", Figure()), ("Two", "", Figure())])
    >>> [text.get_text() for text in page.axes[0].texts]
    ['Two figures', 'One', 'A sentence.', 'Two']
    """
    if len(parts) == 0 or not all(isinstance(one, tuple | list) and len(one) == 3 for one in parts):
        raise OptionError(
            f"a page needs parts, each (title, words, figure), but {describe_value(parts)} was given.",
            slug="figure-number",
        )
    width = 2 * COLUMN + 3 * MARGIN
    lines = wrap_parts(heading.split(), width - 2 * MARGIN, HEADING, between=" ", bold=True)
    items: list[LayoutItem] = [*stack_lines(lines, MARGIN, MARGIN, size=HEADING, bold=True)]
    top = lower_edge(items)
    blocks = [(title, words, _column_pixels(figure)) for title, words, figure in parts]
    cut = _column_break([lower_edge(_page_block(*block, 0, 0)) for block in blocks])
    for number, column in enumerate((blocks[:cut], blocks[cut:])):
        down = top
        for block in column:
            placed = _page_block(*block, MARGIN + number * (COLUMN + MARGIN), down)
            items += placed
            down = lower_edge(placed)
    return draw_items(items, width, lower_edge(items) + MARGIN)


def _column_pixels(figure: "Figure") -> DrawnImage:
    """A figure as wide as a column, or as large as it may become."""
    with Image.open(io.BytesIO(figure_to_png(figure))) as opened:
        image = opened.convert("RGB")
    scale = min(COLUMN / image.width, LARGEST)
    return np.asarray(image.resize((round(image.width * scale), round(image.height * scale))))


def _page_block(
    title: str, words: str, pixels: DrawnImage, left: RealNumber, top: RealNumber
) -> list[LayoutItem]:
    """A title, a sentence and a figure under each other."""
    lines = wrap_parts(title.split(), COLUMN, TITLE, between=" ", bold=True)
    items: list[LayoutItem] = [*stack_lines(lines, left, top + GAP, size=TITLE, bold=True)]
    said = wrap_parts(words.split(), COLUMN, CAPTION, between=" ", most=9)
    items += stack_lines(said, left, lower_edge(items) + 4, size=CAPTION)
    return [*items, ImageTile(pixels, left, lower_edge(items) + 8)]


def _column_break(heights: list[float]) -> int:
    """How many go into the first of two columns, so that the longer is as short as can be."""
    sums = [max(sum(heights[:cut]), sum(heights[cut:])) for cut in range(1, len(heights) + 1)]
    return 1 + sums.index(min(sums))
