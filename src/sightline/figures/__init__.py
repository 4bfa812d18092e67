"""explanations → matplotlib figures, made of render's images.

Every figure says which target it is about, what the model scored, what the explanation cost and how
well it fits, and prints the limits of its scale; figures with the same `limit` can be compared.
Segments that cannot be told from zero are hatched or grey, never coloured.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, overload

from sightline._arguments import check_choice, clear_arguments
from sightline.errors import OptionError
from sightline.figures.atlas_figure import plot_atlas
from sightline.figures.bar_chart import plot_bars
from sightline.figures.blame_figure import plot_blame
from sightline.figures.cause_figure import plot_causes
from sightline.figures.comparison_figure import plot_comparison
from sightline.figures.concept_sheet import plot_concepts
from sightline.figures.evaluation_figure import plot_evaluation
from sightline.figures.gallery import plot_right_and_wrong, plot_targets
from sightline.figures.image_grid import plot_images
from sightline.figures.layout import figure_to_png
from sightline.figures.own_axes import draw_in_axes
from sightline.figures.pair_links import plot_pairs
from sightline.figures.proof_figure import plot_proof
from sightline.figures.region_outlines import plot_regions
from sightline.figures.single import plot_contours, plot_heat, plot_overlay, plot_panel, plot_pixels
from sightline.figures.slice_figure import plot_slices
from sightline.figures.stacked_page import stack_figures
from sightline.render import RealNumber
from sightline.types import Contrast, did_you_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sightline.explanation import Explanation

__all__ = [
    "plot",
    "plot_panel",
    "plot_overlay",
    "plot_heat",
    "plot_contours",
    "plot_bars",
    "plot_pairs",
    "plot_targets",
    "plot_images",
    "plot_right_and_wrong",
    "plot_pixels",
    "plot_comparison",
    "plot_regions",
    "plot_atlas",
    "plot_concepts",
    "plot_blame",
    "plot_causes",
    "plot_slices",
    "plot_evaluation",
    "stack_figures",
    "plot_proof",
    "figure_to_png",
]

KINDS: dict[str, tuple[Callable[..., "Figure"], tuple[str, ...]]] = {
    "panel": (plot_panel, ("target", "num", "limit")),
    "overlay": (plot_overlay, ("target", "num", "limit")),
    "contours": (plot_contours, ("target", "num")),
    "bars": (plot_bars, ("target", "num")),
    "heat": (plot_heat, ("target", "num", "limit")),
    "pairs": (plot_pairs, ("target", "num")),
    "targets": (plot_targets, ("num", "limit")),
    "pixels": (plot_pixels, ("target", "limit")),
}
"""What each kind of figure is drawn by, and which parameters it takes."""


@overload
def plot(
    explanation: "Explanation",
    kind: str | None = ...,
    target: int | Contrast | None = ...,
    *,
    ax: None = ...,
    num: int | None = ...,
    limit: RealNumber | None = ...,
) -> "Figure": ...


@overload
def plot(
    explanation: "Explanation",
    kind: str | None = ...,
    target: int | Contrast | None = ...,
    *,
    ax: object,
    num: int | None = ...,
    limit: RealNumber | None = ...,
) -> "Axes": ...


@clear_arguments
def plot(
    explanation: "Explanation",
    kind: str | None = None,
    target: int | Contrast | None = None,
    *,
    ax: object = None,
    num: int | None = None,
    limit: RealNumber | None = None,
) -> "Figure | Axes":
    """A figure by the name of its kind: panel, overlay, contours, bars, heat, pairs, targets or pixels.

    Parameters
    ----------
    explanation : Explanation
    kind : str, optional
        The panel by default; in axes of your own the overlay.
    target : int or Contrast, optional
        One of the explained targets; the first if None. Not for ``"targets"``, which shows all.
    ax : matplotlib.axes.Axes, optional
        Draw into these axes rather than into a figure of its own; not for ``"panel"``, ``"pairs"``
        and ``"targets"``.
    num : int, optional
        How many leading segments are shown; the kind's own default if None.
    limit : float, optional
        End of the colour scale in units of the score; not for contours, bars and pairs.

    Returns
    -------
    matplotlib.figure.Figure or matplotlib.axes.Axes
        The figure, which shows itself in a notebook and is unknown to pyplot; or the axes that were given.

    Raises
    ------
    OptionError
        If there is no such kind, or the kind has no such parameter.
    TargetError
        If the target is not explained here.

    Examples
    --------
    >>> import numpy as np
    >>> import sightline as sl
    >>> model = lambda images: np.stack([images.mean((1, 2)), 1 - images.mean((1, 2))], axis=1)
    >>> explained = sl.explain(np.eye(16), model, segment="grid", fill="colour", budget=100)
    >>> plot(explained, "overlay").get_dpi()
    144
    """
    kind = kind or ("panel" if ax is None else "overlay")
    draw, takes = KINDS[check_choice("figure", kind, KINDS, "figure-kind")]
    options = {"target": target, "num": num, "limit": limit}
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in takes:
            raise OptionError(
                f"a figure of kind {kind!r} has no {name}. {did_you_mean(name, takes)}", slug="figure-option"
            )
    if ax is not None:
        return draw_in_axes(explanation, kind, target, ax, num=num, limit=limit)
    return draw(explanation, **given)
