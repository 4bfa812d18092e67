"""images, words and charts, placed by the pixel → a matplotlib Figure.

Everything is measured in pixels of the finished figure from its upper left corner, two to the typographic
point. So an image's pixels are the figure's pixels, lines stay sharp, and what a text needs is known
before anything is drawn. pyplot is left alone, and the user's style does not show.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import UInt8

from sightline._arguments import clear_arguments
from sightline._printing import printable_text
from sightline.errors import warn
from sightline.figures.font_families import known_families, known_letters
from sightline.render import INK, PAPER, Colour, RealNumber
from sightline.types import record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 144
MISSING = "□"
# No figure is so wide that more of them fit in a line.
MOST_LETTERS = 300


@record
class ImageTile:
    """An image and where its upper left corner is."""

    pixels: UInt8[np.ndarray, "_ _ 3"]
    left: RealNumber
    top: RealNumber


@dataclass(frozen=True)
class FilledBox:
    """A filled rectangle; a line is a thin one."""

    left: RealNumber
    top: RealNumber
    width: RealNumber
    height: RealNumber
    colour: Colour


@dataclass(frozen=True)
class TextLine:
    """One line of text: its anchor on the baseline, and its size in points."""

    text: str
    left: RealNumber
    baseline: RealNumber
    size: RealNumber = 9.0
    colour: Colour = INK
    bold: bool = False
    align: Literal["left", "center", "right"] = "left"
    halo: bool = False


@dataclass(frozen=True)
class Link:
    """A straight line with round ends, over a wider white one."""

    start: tuple[RealNumber, RealNumber]
    end: tuple[RealNumber, RealNumber]
    width: RealNumber
    colour: Colour


@dataclass(frozen=True)
class ChartArea:
    """A rectangle with axes of its own, what draws on them, and the height of the numbers below it."""

    left: RealNumber
    top: RealNumber
    width: RealNumber
    height: RealNumber
    foot: RealNumber
    draw: Callable[[Any], object]


LayoutItem = ImageTile | FilledBox | TextLine | Link | ChartArea


def draw_items(items: Iterable[LayoutItem], width: RealNumber, height: RealNumber) -> "Figure":
    """A figure of that many pixels with the items on it, the later over the earlier.

    The figure shows itself in a notebook and is unknown to pyplot.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from sightline.figures.cell_figure import CellFigure

    size = (width / DPI, height / DPI)
    figure = CellFigure(figure_to_png, figsize=size, dpi=DPI, facecolor="white", frameon=True)
    figure.set_layout_engine("none")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    for order, item in enumerate(items):
        _DRAW_ITEM[type(item)](axes, item, order)
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    figure.wait_for_cell()
    return figure


def _draw_tile(axes: Any, tile: ImageTile, order: int) -> None:
    height, width = tile.pixels.shape[:2]
    extent = (tile.left, tile.left + width, tile.top + height, tile.top)
    axes.imshow(
        tile.pixels, extent=extent, interpolation="antialiased", resample=True, origin="upper", zorder=order
    )


def _draw_box(axes: Any, box: FilledBox, order: int) -> None:
    from matplotlib.patches import Rectangle

    face = unit_colour(box.colour)
    corner = (box.left, box.top)
    axes.add_patch(
        Rectangle(corner, box.width, box.height, facecolor=face, linewidth=0, antialiased=True, zorder=order)
    )


def _draw_text(axes: Any, line: TextLine, order: int) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.5, foreground=unit_colour(PAPER))] if line.halo else []
    axes.text(
        line.left,
        line.baseline,
        line.text,
        horizontalalignment=line.align,
        verticalalignment="baseline",
        antialiased=True,
        path_effects=halo,
        zorder=order,
        **text_style(line.size, line.colour, bold=line.bold),
    )


def _draw_link(axes: Any, link: Link, order: int) -> None:
    for wider, colour in ((4, PAPER), (0, link.colour)):
        axes.plot(
            *zip(link.start, link.end, strict=True),
            color=unit_colour(colour),
            linewidth=(link.width + wider) * 72 / DPI,
            linestyle="-",
            marker="",
            solid_capstyle="round",
            antialiased=True,
            zorder=order,
        )


def _draw_chart(axes: Any, chart: ChartArea, order: int) -> None:
    width, height = axes.figure.bbox.size
    lower = height - chart.top - chart.height
    place = (chart.left / width, lower / height, chart.width / width, chart.height / height)
    chart.draw(axes.figure.add_axes(place, zorder=order))


_DRAW_ITEM: dict[type, Any] = {
    ImageTile: _draw_tile,
    FilledBox: _draw_box,
    TextLine: _draw_text,
    Link: _draw_link,
    ChartArea: _draw_chart,
}


def unit_colour(colour: Colour) -> tuple[float, float, float]:
    """A colour as matplotlib takes it, each channel 0 to 1."""
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


def text_style(size: RealNumber, colour: Colour = INK, *, bold: bool = False) -> dict[str, Any]:
    """What matplotlib is told of a text, so that neither the user's style nor a dollar sign changes it."""
    return {
        "fontproperties": _font_properties(size, bold),
        "color": unit_colour(colour),
        "parse_math": False,
        "usetex": False,
    }


@clear_arguments
def figure_to_png(figure: "Figure") -> bytes:
    """The figure as the bytes of a PNG file."""
    file = io.BytesIO()
    whole = figure.bbox_inches
    figure.savefig(
        file, format="png", dpi=figure.dpi, facecolor="white", transparent=False, bbox_inches=whole
    )
    return file.getvalue()


def _font_properties(size: RealNumber, bold: bool) -> Any:
    """The fonts of all figures, whatever the user's style is, at a size in points."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(
        family=list(known_families()),
        size=size,
        weight="bold" if bold else "normal",
        style="normal",
        variant="normal",
        stretch="normal",
    )


def legible_text(text: object) -> str:
    """The text on one line, with a box for each letter that no font here has, and a warning then."""
    line = printable_text(" ".join(str(text).split()))
    missing = {letter for letter in line if ord(letter) not in known_letters()}
    if missing:
        warn(
            f"no font of this machine has the letters {''.join(sorted(missing))!r}: boxes stand for "
            "them. Install a font that has them, such as Noto Sans CJK, and start Python anew.",
            slug="font-letters",
        )
    return "".join(MISSING if letter in missing else letter for letter in line)


def text_width(text: str, size: RealNumber, *, bold: bool = False) -> float:
    """Width of the text in pixels."""
    from matplotlib.textpath import TextToPath

    width, _, _ = TextToPath().get_text_width_height_descent(text, _font_properties(size, bold), ismath=False)
    return float(width) * DPI / 72


def shorten_text(text: str, width: RealNumber, size: RealNumber, *, bold: bool = False) -> str:
    """The text, or as much of its beginning as fits with an ellipsis."""
    text = legible_text(text)
    if text_width(text, size, bold=bold) <= width:
        return text
    kept = min(len(text), MOST_LETTERS)
    while kept > 1 and text_width(text[:kept].rstrip() + "…", size, bold=bold) > width:
        kept -= 1
    return text[:kept].rstrip() + "…"


def wrap_parts(
    parts: Sequence[str],
    width: RealNumber,
    size: RealNumber,
    *,
    between: str = " · ",
    bold: bool = False,
    most: int = 3,
) -> list[str]:
    """Lines of whole parts, as many in a line as fit; what does not fit in `most` lines is shortened.

    A part that is itself too wide is broken after its commas.
    """
    lines: list[str] = []
    for part in _broken_parts(map(legible_text, parts), width, size, bold):
        joined = f"{lines[-1]}{between}{part}" if lines else part
        if lines and (len(lines) == most or text_width(joined, size, bold=bold) <= width):
            lines[-1] = joined
        else:
            lines.append(part)
    return [shorten_text(line, width, size, bold=bold) for line in lines]


def _broken_parts(parts: Iterable[str], width: RealNumber, size: RealNumber, bold: bool) -> Iterator[str]:
    for part in parts:
        pieces = part.split(", ")
        if len(pieces) == 1 or text_width(part, size, bold=bold) <= width:
            yield part
        else:
            yield from [*(f"{piece}," for piece in pieces[:-1]), pieces[-1]]


def stack_lines(
    lines: Iterable[str],
    left: RealNumber,
    top: RealNumber,
    *,
    size: RealNumber = 9.0,
    colour: Colour = INK,
    bold: bool = False,
) -> Iterator[TextLine]:
    """Lines of text below each other, the first beginning at `top`."""
    for index, line in enumerate(lines):
        yield TextLine(line, left, top + (index + 0.78) * line_height(size), size, colour, bold)


def line_height(size: RealNumber) -> float:
    """Height of a line of text of that size in pixels."""
    return 1.35 * size * DPI / 72


def fits_width(text: str, width: RealNumber, size: RealNumber) -> bool:
    """Whether the text needs no shortening."""
    return text_width(legible_text(text), size) <= width


def lower_edge(items: Iterable[LayoutItem]) -> float:
    """Lower edge of the lowest item; letters reach a little below their line."""
    return max((_item_bottom(item) for item in items), default=0.0)


def _item_bottom(item: LayoutItem) -> float:
    if isinstance(item, TextLine):
        return item.baseline + 0.3 * line_height(item.size)
    if isinstance(item, ImageTile):
        return float(item.top) + len(item.pixels)
    if isinstance(item, Link):
        return float(max(item.start[1], item.end[1]) + item.width / 2)
    return float(item.top) + item.height + (item.foot if isinstance(item, ChartArea) else 0)
