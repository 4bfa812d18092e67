"""figures → one page of them, one under the other."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sightline.figures.layout import figure_to_png, font_properties, legible_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN = 1240
"""Width of a column, in pixels."""
MARGIN, TITLE, WORDS = 48, 40, 26
"""Room around the parts, and the heights of a title and of a line of words, in pixels."""


def stack_figures(heading: str, parts: "Sequence[tuple[str, str, Figure]]") -> bytes:
    """One image with several figures, each with a title and a sentence, in two columns read downwards.

    Parameters
    ----------
    heading : str
    parts : sequence of (title, words, figure)

    Returns
    -------
    bytes
        Of a PNG file.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> stack_figures("Two figures", [("One", "A sentence.", Figure()), ("Two", "", Figure())])[1:4]
    b'PNG'
    """
    from PIL import Image

    blocks = [_page_block(*part) for part in parts]
    cut = _column_break([block.height for block in blocks])
    columns = [blocks[:cut], blocks[cut:]]
    height = max(sum(block.height for block in column) for column in columns)
    head = _text_line(heading, TITLE + 8, bold=True)
    whole = Image.new("RGB", (2 * COLUMN + 3 * MARGIN, head.height + height + 2 * MARGIN), "white")
    whole.paste(head, (MARGIN, MARGIN))
    for number, column in enumerate(columns):
        down = MARGIN + head.height
        for block in column:
            whole.paste(block, (MARGIN + number * (COLUMN + MARGIN), down))
            down += block.height
    kept = io.BytesIO()
    whole.save(kept, "PNG", optimize=True)
    return kept.getvalue()


def _page_block(title: str, words: str, figure: "Figure") -> Any:
    """A title, a sentence and a figure under each other, in the width of a column."""
    from PIL import Image

    with Image.open(io.BytesIO(figure_to_png(figure))) as opened:
        image = opened.convert("RGB")
    scale = min(COLUMN / image.width, 1.5)
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    lines = [
        _text_line(title, TITLE, bold=True),
        *(_text_line(text, WORDS) for text in wrap_letters(words)),
        image,
    ]
    block = Image.new("RGB", (COLUMN, sum(one.height for one in lines) + MARGIN // 2), "white")
    down = MARGIN // 2
    for one in lines:
        block.paste(one, (0, down))
        down += one.height
    return block


def _column_break(heights: list[int]) -> int:
    """How many go into the first of two columns, so that the longer is as short as can be."""
    sums = [max(sum(heights[:cut]), sum(heights[cut:])) for cut in range(1, len(heights) + 1)]
    return 1 + sums.index(min(sums))


def wrap_letters(words: str, most: int = 100) -> list[str]:
    """Lines of at most so many letters."""
    import textwrap

    return textwrap.wrap(words, most)


def _text_line(text: str, height: int, *, bold: bool = False) -> Any:
    """A line of text, drawn by matplotlib with the font of all figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    line = Figure(figsize=(COLUMN / 100, height * 1.4 / 100), dpi=100)
    size = height * 0.55
    font = font_properties(size, bold)
    line.text(0, 0.5, legible_text(text), fontproperties=font, va="center", ha="left", parse_math=False)
    canvas = FigureCanvasAgg(line)
    canvas.draw()  # type: ignore[no-untyped-call]
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # type: ignore[no-untyped-call]
