"""explanations of one image by several methods → one figure, side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sightline import render
from sightline._arguments import clear_arguments
from sightline._language import translate as tr
from sightline._language import translate_kept, translate_plural
from sightline.errors import OptionError
from sightline.figures.components import CaptionedImage, hatched_entry
from sightline.figures.gallery import SIZE, draw_gallery
from sightline.figures.view_model import (
    TargetView,
    method_label,
    score_texts,
    target_view,
    tint_by_pixel,
    tint_segments,
)
from sightline.types import Contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sightline.evaluation.comparison import Comparison
    from sightline.evaluation.faithfulness import Measure
    from sightline.explanation import Explanation


@clear_arguments
def plot_comparison(
    compared: "Comparison | Sequence[Explanation]", target: int | Contrast | None = None, *, columns: int = 5
) -> "Figure":
    """Methods side by side: by segment and, where they look inside, by pixel; with calls and measures.

    The methods have units of their own, so each image has its own scale, on which 1 is its largest value.

    Parameters
    ----------
    compared : Comparison, or sequence of Explanation
        Of one image.
    target : int or Contrast, optional
        One of the explained targets; the first if None.
    columns : int
        Most images in a row.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    OptionError
        If there is no explanation.
    TargetError
        If one of them does not explain the target.

    Examples
    --------
    >>> import numpy as np
    >>> import sightline as sl
    >>> model = lambda images: images[:, :4].mean(axis=(1, 2))
    >>> parts = {"segment": "grid", "fill": "colour", "budget": 200}
    >>> made = sl.compare(np.eye(16), model, ["lime", "occlusion"], **parts)
    >>> plot_comparison(made).axes[0].texts[0].get_text()
    'class 0, explained by 2 methods'
    """
    measures: Sequence[Sequence["Measure"]] = ()
    if isinstance(compared, Sequence):
        explanations = compared
    else:
        explanations, measures = compared.explanations, compared.measures
    if len(explanations) == 0:
        raise OptionError(
            "this figure needs at least one explanation, but none was given.", slug="figure-number"
        )
    first = explanations[0]
    views = [target_view(one, target, SIZE) for one in explanations]
    shown = [seen.chosen_segments(None) for seen in views]
    by_segment: list[CaptionedImage] = [
        (tint_segments(seen, which, seen.limit, outlined=False), _method_caption(one, own))
        for one, own, seen, which in zip(
            explanations, measures or [()] * len(views), views, shown, strict=True
        )
    ]
    by_pixel: list[CaptionedImage] = [
        (tint_by_pixel(seen, heat, render.scale_limit(heat)), [method_label(one)])
        for one, seen in zip(explanations, views, strict=True)
        if one.attribution.pixels is not None
        for heat in [one.attribution.pixels[one.index(target)]]
    ]
    name = first.name(first.targets[first.index(target)])
    return draw_gallery(
        [(tr("By segment"), by_segment), (tr("By pixel"), by_pixel)],
        columns,
        1.0,
        hatched_entry(*zip(views, shown, strict=True)),
        top=translate_plural(
            "{name}, explained by {n} method",
            "{name}, explained by {n} methods",
            len(explanations),
            name=name,
        ),
        notes=[*score_texts(first, target), *_own_scales(views)],
    )


def _own_scales(views: Sequence[TargetView]) -> list[str]:
    """What 1 is on each method's scale."""
    faint = any(0 < render.scale_limit(one.values[one.decided]) < one.floor for one in views)
    if not faint:
        return [tr("each on a scale of its own, on which 1 is its largest value")]
    return [
        tr(
            "each on a scale of its own, on which 1 is its largest value, or {least:.0%} of the score where "
            "that is more",
            least=render.FLOOR,
        )
    ]


def _method_caption(explanation: "Explanation", measures: Sequence["Measure"]) -> list[str]:
    lines = [
        tr("{name} {one.value:.2f} (chance {one.random:.2f})", name=translate_kept(one.name), one=one)
        for one in measures
    ]
    return [method_label(explanation), tr("{n:,} model calls", n=explanation.attribution.calls), *lines]
