"""explanations of one image by several methods → one figure, side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sightline import render
from sightline.errors import OptionError
from sightline.figures.components import CaptionedImage, hatched_entry
from sightline.figures.gallery import SIZE, draw_gallery
from sightline.figures.pixel_heatmap import tint_by_pixel
from sightline.figures.view_model import (
    Explained,
    method_names,
    score_texts,
    target_column,
    target_view,
    tint_segments,
)
from sightline.types import Contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@runtime_checkable
class Measured(Protocol):
    """A figure of quality, as `sightline.evaluation.faithfulness` makes them."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def random(self) -> float: ...


@runtime_checkable
class Compared(Protocol):
    """Explanations and the measures of each, as `sightline.compare` makes them."""

    @property
    def explanations(self) -> Sequence[Explained]: ...
    @property
    def measures(self) -> Sequence[Sequence[Measured]]: ...


def plot_comparison(
    compared: Compared | Sequence[Explained], target: int | Contrast | None = None, *, columns: int = 5
) -> "Figure":
    """Methods side by side: by segment and, where they look inside, by pixel; with calls and measures.

    The methods have units of their own, so each image has its own scale, on which 1 is its largest value.

    Parameters
    ----------
    compared : Comparison, or sequence of Explained
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
    explanations = compared.explanations if isinstance(compared, Compared) else compared
    measures = compared.measures if isinstance(compared, Compared) and compared.measures else None
    if len(explanations) == 0:
        raise OptionError(
            "this figure needs at least one explanation, but none was given.", slug="figure-number"
        )
    first = explanations[0]
    views = [target_view(one, target, SIZE) for one in explanations]
    shown = [seen.chosen_segments(None) for seen in views]
    by_segment: list[CaptionedImage] = [
        (
            tint_segments(seen, which, seen.limit, outlined=False),
            _method_caption(one, measures[i] if measures else ()),
        )
        for i, (one, seen, which) in enumerate(zip(explanations, views, shown, strict=True))
    ]
    by_pixel: list[CaptionedImage] = [
        (tint_by_pixel(seen, own, render.scale_limit(own)), [_method_label(one)])
        for one, seen in zip(explanations, views, strict=True)
        if one.attribution.pixels is not None
        for own in [one.attribution.pixels[target_column(one, target)]]
    ]
    name = first.name(first.targets[target_column(first, target)])
    entries = [
        entry for seen, which in zip(views, shown, strict=True) for entry in hatched_entry(seen, which)
    ][:1]
    return draw_gallery(
        [("By segment", by_segment), ("By pixel", by_pixel)],
        columns,
        1.0,
        entries,
        top=f"{name}, explained by {len(explanations)} method{'s' * (len(explanations) != 1)}",
        notes=[*score_texts(first, target), "each on a scale of its own, on which 1 is its largest value"],
    )


def _method_label(explanation: Explained) -> str:
    layer = explanation.attribution.layer
    return "".join(method_names(explanation)) + (f" at {layer}" if layer else "")


def _method_caption(explanation: Explained, measures: Sequence[Measured]) -> list[str]:
    lines = [f"{one.name} {one.value:.2f} (chance {one.random:.2f})" for one in measures]
    return [_method_label(explanation), f"{explanation.attribution.calls:,} model calls", *lines]
