"""explanation with heat of its own pixels → a picture of it, at the figure's size."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from sightline import render
from sightline.errors import OptionError
from sightline.figures.one import LARGE, single
from sightline.figures.view import Explained, View, checked, column, method, view
from sightline.render import Number
from sightline.types import Contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pixels(
    explanation: Explained, target: int | Contrast | None = None, *, limit: Number | None = None
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
            f"{', '.join(method(explanation)) or 'this method'} has values for segments only, none for "
            "single pixels: use the kinds overlay or heat.",
            slug="figure-kind",
        )
    seen = view(explanation, target, LARGE)
    own = explanation.attribution.pixels[column(explanation, target)]
    end = checked(limit, render.limit_of(own))
    return single(explanation, target, glow(seen, own, end), end, [])


def glow(seen: View, own: Float[np.ndarray, "H W"], limit: Number) -> UInt8[np.ndarray, "h w 3"]:
    """The view's picture under a heat of pixels, resized smoothly."""
    from skimage.transform import resize

    heat = resize(own, seen.pixels.shape[:2], order=1, mode="edge", anti_aliasing=True)
    return render.overlay(seen.pixels, heat, limit)
