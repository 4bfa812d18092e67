"""explanation, target, the user's own axes → one image or chart in them, as Matplotlib's functions draw."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from sightline import render
from sightline._arguments import describe_value
from sightline._language import translate as tr
from sightline.errors import OptionError
from sightline.figures.bar_chart import bars_in_axes
from sightline.figures.components import UNDECIDED
from sightline.figures.font_families import families_after_own
from sightline.figures.layout import legible_text, unit_colour
from sightline.figures.single import OneImage, contours_image, heat_image, overlay_image, pixels_image
from sightline.figures.view_model import score_texts, unit_text, verdict_text
from sightline.render import RealNumber, format_number
from sightline.types import Contrast

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sightline.explanation import Explanation

LETTERS = 34
"""In a line below an image, which may be one of several beside each other."""
KINDS = ("overlay", "heat", "contours", "bars", "pixels")
"""Figures that are one image or chart."""


def draw_in_axes(
    explanation: "Explanation",
    kind: str,
    target: int | Contrast | None,
    ax: object,
    *,
    num: int | None = None,
    limit: RealNumber | None = None,
) -> "Axes":
    """Draw into axes: the target's name above, the score and what the colours mean below.

    An image has the pixels of the explained one, so that a point (x, y) of it can be drawn over it; its
    colours are known to ``figure.colorbar(ax.images[0])``.

    Raises
    ------
    OptionError
        If these are no axes, or the kind is a page of several images.
    """
    axes: Axes = _checked_axes(ax)
    if kind not in KINDS:
        raise OptionError(
            f"a figure of kind {kind!r} is a page of its own: ax= is for {', '.join(KINDS)}.",
            slug="figure-option",
        )
    name = explanation.name(explanation.targets[explanation.index(target)])
    if kind == "bars":
        bars_in_axes(axes, explanation, target, num=10 if num is None else num)
    else:
        drawn = _image_of_kind(explanation, kind, target, num, limit)
        _draw_image(axes, drawn, explanation.image.shape)
        lines = _caption_lines(explanation, target, drawn)
        text = "\n".join(map(legible_text, lines))
        axes.set_xlabel(text, fontsize="small", parse_math=False, fontfamily=families_after_own(text))
    title = legible_text(name)
    axes.set_title(title, parse_math=False, fontfamily=families_after_own(title))
    return axes


def _checked_axes(ax: object) -> Any:
    if not hasattr(ax, "imshow") or not hasattr(ax, "set_title"):
        several = ": of several, give one, such as axes.flat[0]" if isinstance(ax, np.ndarray) else ""
        raise OptionError(
            f"ax must be Matplotlib's axes to draw into, but {describe_value(ax)} was given{several}.",
            slug="figure-option",
        )
    if getattr(ax, "name", "") in ("3d", "polar"):
        raise OptionError(
            f"ax must be plain axes of two dimensions, but {describe_value(ax)} was given: make them without "
            "projection=.",
            slug="figure-option",
        )
    return ax


def _image_of_kind(
    explanation: "Explanation",
    kind: str,
    target: int | Contrast | None,
    num: int | None,
    limit: RealNumber | None,
) -> OneImage:
    if kind == "contours":
        return contours_image(explanation, target, 8 if num is None else num)
    if kind == "pixels":
        return pixels_image(explanation, target, limit)
    return (heat_image if kind == "heat" else overlay_image)(explanation, target, num, limit)


def _draw_image(axes: Any, drawn: OneImage, shape: tuple[int, ...]) -> None:
    from matplotlib.colors import ListedColormap

    extent = (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    image = axes.imshow(drawn.pixels, extent=extent, origin="upper", interpolation="antialiased")
    if drawn.limit > 0:
        colours = render.diverging_colours(np.linspace(-1, 1, 255), 1.0)
        image.set_cmap(ListedColormap([unit_colour(tuple(one)) for one in colours.tolist()]))
        image.set_clim(-drawn.limit, drawn.limit)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _caption_lines(
    explanation: "Explanation", target: int | Contrast | None, drawn: OneImage
) -> Iterator[str]:
    """The score, what the colours mean, and why there are none."""
    yield from textwrap.wrap(score_texts(explanation, target)[0], LETTERS)
    nothing = verdict_text(explanation, target)
    if nothing:
        yield from textwrap.wrap(nothing, LETTERS)
    elif drawn.limit > 0:
        unit = unit_text(explanation)
        yield tr("red for, blue against, to ±{limit}", limit=format_number(drawn.limit))
        if unit == "log-odds":  # the score above names others
            yield tr("in log-odds")
    else:
        yield tr("red for, blue against")
    for swatch, text in drawn.entries:
        if text == tr(UNDECIDED):
            hatched = len(np.unique(swatch[2:-2, 2:-2].reshape(-1, 3), axis=0)) > 1
            yield tr("hatched: {what}", what=text) if hatched else tr("grey: {what}", what=text)
        elif text.startswith(tr("outlined: {what}", what="")):
            yield text
