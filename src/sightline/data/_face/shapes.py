"""coordinates → soft shapes: how much of each pixel a form covers.

A form is given by its distance: negative inside, in the units of the coordinates. Cutting the distance
off over the width of one pixel gives smooth edges at any image size.
"""

import numpy as np
from jaxtyping import Float

Plane = Float[np.ndarray, "H W"]
Pair = tuple[float, float]


def coverage(distance: Plane, pixel: float) -> Plane:
    """Share of each pixel inside the form."""
    return np.clip(0.5 - distance * (1 / pixel), 0, 1)


def soft_blob(x: Plane, y: Plane, at: Pair, radius: Pair) -> Plane:
    """A soft round bump of height 1, falling to 1/e at the two radii."""
    across, down = (x - at[0]) * (1 / radius[0]), (y - at[1]) * (1 / radius[1])
    return np.exp(-(across * across) - down * down)


def soft_streak(distance: Plane, width: float) -> Plane:
    """A soft line of height 1 along distance 0, falling to 1/e at `width`."""
    share = distance * (1 / width)
    return np.exp(-share * share)


def ellipse_distance(x: Plane, y: Plane, at: Pair, radius: Pair) -> Plane:
    """Distance to an ellipse, exact at its edge to first order."""
    across, down = (x - at[0]) * (1 / radius[0]), (y - at[1]) * (1 / radius[1])
    length = np.sqrt(across * across + down * down)
    slope = np.hypot(across * (1 / radius[0]), down * (1 / radius[1]))
    return np.asarray(length * (length - 1) / np.maximum(slope, 1e-4))


def box_distance(x: Plane, y: Plane, at: Pair, half: Pair, corner: float) -> Plane:
    """Distance to a rectangle with rounded corners."""
    across, down = np.abs(x - at[0]) - (half[0] - corner), np.abs(y - at[1]) - (half[1] - corner)
    outside = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
    return outside + np.minimum(np.maximum(across, down), 0) - corner


def band_distance(y: Plane, top: Plane | float, bottom: Plane | float) -> Plane:
    """Distance to what lies under one curve and over another, both nearly level."""
    return np.maximum(top - y, y - bottom)


def smooth_ramp(x: Plane, start: float, end: float) -> Plane:
    """0 before `start`, 1 after `end`, smooth between."""
    share = np.clip((x - start) * (1 / (end - start)), 0, 1)
    return share * share * (3 - 2 * share)


def even_slope(level: Plane, pixel: float) -> Plane:
    """Distance to where `level` is 0, from a smooth function that merely has the right sign."""
    down, across = np.gradient(level, pixel)
    return np.asarray(level / np.maximum(np.hypot(down, across), 1e-3))
