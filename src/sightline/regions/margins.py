"""a region's pixels → the same with a margin around them."""

import math

import numpy as np
from jaxtyping import Bool

DEFAULT_MARGIN = 0.06
"""How far beyond a region is looked and repaired, as a share of the shorter side: what misleads a model often
reaches a little beyond the region that names it, and one strip that is left is enough to go by."""


def margin_pixels(margin: float, shape: tuple[int, int]) -> int:
    """Width of a margin in whole pixels, rounded up.

    Examples
    --------
    >>> margin_pixels(0.06, (28, 40)), margin_pixels(0, (28, 40))
    (2, 0)
    """
    return math.ceil(margin * min(shape) - 1e-9)


def widen_mask(mask: Bool[np.ndarray, "H W"], margin: float) -> Bool[np.ndarray, "H W"]:
    """The mask and all pixels that are no further from it than the margin: a new array.

    Parameters
    ----------
    mask : bool array, shape (H, W)
    margin : float
        As a share of the shorter side.

    Examples
    --------
    >>> widen_mask(np.eye(1, 5, 0, dtype=bool), 1.0).astype(int)
    array([[1, 1, 0, 0, 0]])
    """
    from scipy.ndimage import binary_dilation

    steps = margin_pixels(margin, (mask.shape[0], mask.shape[1]))
    return np.asarray(binary_dilation(mask, np.ones((3, 3)), steps)) if steps else mask.copy()
