"""explanation, target → the segments that do something together, as links on the image."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sightline import render
from sightline._arguments import clear_arguments
from sightline._language import translate as tr
from sightline._language import translate_kept
from sightline.errors import OptionError
from sightline.figures.components import (
    MARGIN,
    NOTE,
    UNDECIDED,
    LegendEntry,
    colour_swatch,
    legend_items,
    target_heading,
)
from sightline.figures.layout import (
    FilledBox,
    ImageTile,
    LayoutItem,
    Link,
    TextLine,
    draw_items,
    lower_edge,
    stack_lines,
)
from sightline.figures.view_model import target_view, unit_text
from sightline.render import BLUE, GREY, INK, PAPER, RED, Colour, format_number
from sightline.types import Contrast, Segments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sightline.explanation import Explanation, PairEffect

LARGE = 640
THICKEST, THINNEST, DOT = 11.0, 3.0, 12.0


@clear_arguments
def plot_pairs(
    explanation: "Explanation", target: int | Contrast | None = None, *, num: int | None = 5
) -> "Figure":
    """The image in pale grey, with links between segments that do something together.

    Red links pairs that do more together than each alone, blue those that tell the same; the thicker a link,
    the larger the effect.

    Parameters
    ----------
    explanation : Explanation
    target : int or Contrast, optional
        One of the explained targets; the first if None.
    num : int, optional
        How many of the strongest pairs; None for all.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    OptionError
        If the explanation knows nothing of pairs.
    TargetError
        If the target is not explained here.

    Examples
    --------
    >>> import numpy as np
    >>> import sightline as sl
    >>> model = lambda images: images[:, :4, :4].mean((1, 2)) * images[:, 8:, 8:].mean((1, 2))
    >>> explained = sl.explain(np.ones((12, 12)), model, segment="grid:rows=3,columns=3", fill="colour")
    >>> explained.pairs(1)[0][:2]
    (0, 8)
    >>> plot_pairs(explained, num=1).get_dpi()
    144
    """
    count = explanation.segments.count
    if num is not None and num < 1:
        raise OptionError(f"num must be 1 or more, or None for all, but it is {num}.", slug="figure-num")
    pairs = explanation.pairs(count * (count - 1) // 2 if num is None else num, target)
    seen = target_view(explanation, target, LARGE)
    linked = np.isin(np.arange(count), [end for pair in pairs for end in pair[:2]])
    grey = render.overlay_heat(seen.pixels, np.zeros(seen.pixels.shape[:2]), 1.0)
    grey = render.draw_contours(grey, seen.segments, linked[seen.ids], PAPER, alpha=0.9)
    width = max(grey.shape[1], 520) + 2 * MARGIN
    items = target_heading(explanation, target, width)
    top = lower_edge(items) + 16
    items.append(ImageTile(grey, MARGIN, top))
    items += _links(explanation.segments, grey.shape, pairs, MARGIN, top)
    items += legend_items(_side_entries(pairs), MARGIN, top + len(grey) + 18, width - 2 * MARGIN)
    items += _pair_lines(pairs, lower_edge(items) + 10, unit_text(explanation))
    return draw_items(items, width, lower_edge(items) + MARGIN)


def _links(
    segments: Segments, shape: tuple[int, ...], pairs: Sequence["PairEffect"], left: int, top: float
) -> Iterator[LayoutItem]:
    """Links in an image drawn in `shape`, the strongest uppermost, then points and numbers of segments."""
    scale = np.array(shape[1::-1]) / segments.labels.shape[::-1]
    largest = max((abs(pair.value) for pair in pairs), default=0.0) or 1.0
    places = {end: _middle_of(segments, end) * scale for pair in pairs for end in pair[:2]}
    points = {end: (left + float(x), top + float(y)) for end, (x, y) in places.items()}
    for pair in reversed(pairs):
        thick = max(THINNEST, THICKEST * abs(pair.value) / largest)
        yield Link(points[pair.a], points[pair.b], thick, _side_colour(pair))
    for number, point in points.items():
        for size, colour in ((DOT + 4, PAPER), (DOT, INK)):
            yield FilledBox(point[0] - size / 2, point[1] - size / 2, size, size, colour)
        yield TextLine(str(number), point[0] + DOT, point[1] - 0.6 * DOT, NOTE, bold=True, halo=True)


def _middle_of(segments: Segments, segment: int) -> Float[np.ndarray, "2"]:
    """The pixel (x, y) of a segment that is nearest to its mean: of a ring, one on the ring."""
    rows, columns = np.nonzero(segments.labels == segment)
    away = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    return np.array([columns[away.argmin()], rows[away.argmin()]]) + 0.5


def _side_colour(pair: "PairEffect") -> Colour:
    if render.within_error(np.array([pair.value]), np.array([pair.error]))[0]:
        return GREY
    return RED if pair.value > 0 else BLUE


def _side_entries(pairs: Sequence["PairEffect"]) -> list[LegendEntry]:
    """What the colours say, as far as they are in use."""
    used = {_side_colour(pair) for pair in pairs}
    meaning = ((RED, tr("more together than each alone")), (BLUE, tr("less together than each alone")))
    return [(colour_swatch(one), text) for one, text in (*meaning, (GREY, tr(UNDECIDED))) if one in used]


def _pair_lines(pairs: Sequence["PairEffect"], top: float, unit: str) -> Iterator[TextLine]:
    """The pairs in words, strongest first."""
    lines = [tr("What two segments do together beyond each alone, in {unit}:", unit=translate_kept(unit))]
    for pair in pairs:
        digits = max(0, 1 - math.floor(math.log10(pair.error))) if pair.error else 0
        value = f"{pair.value:+.{digits}f}".replace("-", "−")
        told = f"{value} ± {pair.error:.{digits}f}" if pair.error else format_number(pair.value, sign=True)
        lines.append(tr("{pair.a} and {pair.b}: {told}", pair=pair, told=told))
    return stack_lines(lines, MARGIN, top, size=NOTE)
