"""explanation, target → a figure with its image: panel, overlay, heat, contours, pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sightline import render
from sightline._arguments import clear_arguments
from sightline._language import translate as tr
from sightline.errors import OptionError
from sightline.figures.components import (
    GAP,
    MARGIN,
    CaptionedImage,
    LegendEntry,
    colour_scale,
    colour_swatch,
    grey_entry,
    hatched_entry,
    legend_items,
    outline_entry,
    side_entries,
    target_heading,
    tile_rows,
)
from sightline.figures.layout import ImageTile, draw_items, lower_edge
from sightline.figures.view_model import (
    DrawnImage,
    SegmentMask,
    TargetView,
    checked_limit,
    draw_flat,
    method_name,
    outline_segments,
    target_view,
    tint_by_pixel,
    tint_segments,
    unit_text,
)
from sightline.render import PAPER, RealNumber
from sightline.types import Contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sightline.explanation import Explanation

MIDDLE, LARGE = 448, 640


@clear_arguments
def plot_panel(
    explanation: "Explanation",
    target: int | Contrast | None = None,
    *,
    num: int | None = 8,
    limit: RealNumber | None = None,
) -> "Figure":
    """Four images: what speaks for the target, for and against, the image, the mask.

    Parameters
    ----------
    explanation : Explanation
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
    >>> plot_panel(explained, num=4, limit=0.1).axes[0].texts[0].get_text()
    'class 1'
    """
    seen = target_view(explanation, target, MIDDLE)
    end = checked_limit(limit, seen.limit)
    speakers, leaders = seen.leading_segments(num, positive=True), seen.leading_segments(num)
    cells: list[CaptionedImage] = [
        (tint_segments(seen, speakers, end), [tr("For"), *_for_caption(seen, speakers)]),
        (tint_segments(seen, leaders, end), [tr("For and against")]),
        (seen.pixels, [tr("Image")]),
        (draw_flat(seen, leaders, None), [tr("Mask")]),
    ]
    cell = max(seen.pixels.shape[1], 400)
    width = 2 * MARGIN + 2 * cell + GAP
    items = target_heading(explanation, target, width)
    items += tile_rows(cells, 2, cell, lower_edge(items) + 14)
    top = lower_edge(items) + 16
    rest = [] if leaders.all() else [(colour_swatch(PAPER), tr("not among the leading {n}", n=leaders.sum()))]
    lines = [outline_entry(tr("the leading {n}", n=leaders.sum())), *rest] if leaders.any() else []
    entries = [*side_entries(seen, leaders), *hatched_entry((seen, speakers | leaders)), *lines]
    items += colour_scale(end, MARGIN, top, seen.pixels.shape[1], unit=unit_text(explanation))
    items += legend_items(entries, MARGIN + cell + GAP, top, cell)
    return draw_items(items, width, lower_edge(items) + MARGIN)


def _for_caption(seen: TargetView, speakers: SegmentMask) -> list[str]:
    """Why what speaks for the target is not red."""
    if not speakers.any():
        return [tr("nothing speaks for it")]
    return [] if (speakers & seen.decided).any() else [tr("what speaks for it cannot be told from zero")]


@dataclass(frozen=True)
class OneImage:
    """What is drawn of a target as one image: its pixels, the end of its scale (0 for none), its legend."""

    pixels: DrawnImage
    limit: float
    entries: Sequence[LegendEntry] = ()


@clear_arguments
def plot_overlay(
    explanation: "Explanation",
    target: int | Contrast | None = None,
    *,
    num: int | None = None,
    limit: RealNumber | None = None,
) -> "Figure":
    """The image in pale grey, its segments tinted by their values; all of them unless `num` is given.

    Parameters, result and errors are those of `plot_panel`.
    """
    return draw_single_image(explanation, target, overlay_image(explanation, target, num, limit))


def overlay_image(
    explanation: "Explanation", target: int | Contrast | None, num: int | None, limit: RealNumber | None
) -> OneImage:
    """The image of `plot_overlay`."""
    seen = target_view(explanation, target, LARGE)
    end, which = checked_limit(limit, seen.limit), seen.chosen_segments(num)
    pixels = tint_segments(seen, which, end, outlined=num is not None)
    lines = [outline_entry(tr("the leading {n}", n=which.sum()))] if num is not None and which.any() else []
    return OneImage(pixels, end, [*hatched_entry((seen, which)), *lines])


@clear_arguments
def plot_heat(
    explanation: "Explanation",
    target: int | Contrast | None = None,
    *,
    num: int | None = None,
    limit: RealNumber | None = None,
) -> "Figure":
    """The values alone, without the image; of all segments unless `num` is given.

    Parameters, result and errors are those of `plot_panel`.
    """
    return draw_single_image(explanation, target, heat_image(explanation, target, num, limit))


def heat_image(
    explanation: "Explanation", target: int | Contrast | None, num: int | None, limit: RealNumber | None
) -> OneImage:
    """The image of `plot_heat`."""
    seen = target_view(explanation, target, LARGE)
    end, which = checked_limit(limit, seen.limit), seen.chosen_segments(num)
    return OneImage(draw_flat(seen, which, end), end, hatched_entry((seen, which)))


@clear_arguments
def plot_contours(
    explanation: "Explanation", target: int | Contrast | None = None, *, num: int | None = 8
) -> "Figure":
    """The image in its own colours with the leading segments outlined: red for, blue against.

    Parameters, result and errors are those of `plot_panel`.
    """
    return draw_single_image(explanation, target, contours_image(explanation, target, num))


def contours_image(explanation: "Explanation", target: int | Contrast | None, num: int | None) -> OneImage:
    """The image of `plot_contours`."""
    seen = target_view(explanation, target, LARGE)
    which = seen.leading_segments(num)
    return OneImage(
        outline_segments(seen, which), 0.0, [*side_entries(seen, which), *grey_entry(seen, which)]
    )


@clear_arguments
def plot_pixels(
    explanation: "Explanation", target: int | Contrast | None = None, *, limit: RealNumber | None = None
) -> "Figure":
    """The image in pale grey, tinted by the heat of each pixel; for methods that look inside.

    Parameters, result and errors are those of `plot_panel`.

    Raises
    ------
    OptionError
        If the method has values for segments only.
    """
    return draw_single_image(explanation, target, pixels_image(explanation, target, limit))


def pixels_image(
    explanation: "Explanation", target: int | Contrast | None, limit: RealNumber | None
) -> OneImage:
    """The image of `plot_pixels`, and its errors."""
    if explanation.attribution.pixels is None:
        raise OptionError(
            f"{method_name(explanation)} has values for segments only, none for single pixels: use the "
            "kinds overlay or heat.",
            slug="figure-kind",
        )
    seen = target_view(explanation, target, LARGE)
    heat = explanation.attribution.pixels[explanation.index(target)]
    end = checked_limit(limit, render.scale_limit(heat))
    return OneImage(tint_by_pixel(seen, heat, end), end)


def draw_single_image(explanation: "Explanation", target: int | Contrast | None, drawn: OneImage) -> "Figure":
    """One large image under its heading, over its scale and legend."""
    wide = drawn.pixels.shape[1]
    width = max(wide, 520) + 2 * MARGIN
    items = target_heading(explanation, target, width)
    items.append(ImageTile(drawn.pixels, MARGIN, lower_edge(items) + 16))
    items += colour_scale(drawn.limit, MARGIN, lower_edge(items) + 16, wide, unit=unit_text(explanation))
    items += legend_items(drawn.entries, MARGIN, lower_edge(items) + 14, width - 2 * MARGIN)
    return draw_items(items, width, lower_edge(items) + MARGIN)
