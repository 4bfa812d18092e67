"""explanation with heat of its own pixels → an image of it, at the figure's size."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from sightline import render
from sightline.errors import OptionError
from sightline.figures.single import LARGE, draw_single_image
from sightline.figures.view_model import (
    Explained,
    TargetView,
    checked_limit,
    method_names,
    target_column,
    target_view,
)
from sightline.render import RealNumber
from sightline.types import Contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_pixels(
    explanation: Explained, target: int | Contrast | None = None, *, limit: RealNumber | None = None
) -> "Figure":
    """The image in pale grey, tinted by the heat of each pixel; for methods that look inside.

    Parameters, result and errors are those of `panel`.

    Raises
    ------
    OptionError
        If the method has values for segments only.
    """
    if explanation.attribution.pixels is None:
        raise OptionError(
            f"{', '.join(method_names(explanation)) or 'this method'} has values for segments only, none for "
            "single pixels: use the kinds overlay or heat.",
            slug="figure-kind",
        )
    seen = target_view(explanation, target, LARGE)
    own = explanation.attribution.pixels[target_column(explanation, target)]
    end = checked_limit(limit, render.scale_limit(own))
    return draw_single_image(explanation, target, tint_by_pixel(seen, own, end), end, [])


def tint_by_pixel(
    seen: TargetView, own: Float[np.ndarray, "H W"], limit: RealNumber
) -> UInt8[np.ndarray, "h w 3"]:
    """The view's image under a heat of pixels, resized smoothly."""
    from skimage.transform import resize

    heat = resize(own, seen.pixels.shape[:2], order=1, mode="edge", anti_aliasing=True)
    return render.overlay_heat(seen.pixels, heat, limit)
