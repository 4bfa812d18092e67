"""image → its segments and what each of them looks like: colours, edges, grain and size."""

import math
import warnings

import numpy as np
from jaxtyping import Float, Int, Shaped

from sightline.engine.image import unit_rgb
from sightline.types import record

LOOKED_AT = 96
"""Pixels of the shorter side that are looked at, at most: of a larger image, squares by their mean."""
N_SEGMENTS = 45
COMPACTNESS = 10.0
COLOURS, DIRECTIONS, GRAINS = 7, 8, 10
"""Bins of each channel, directions of edges, and uniform local binary patterns of eight neighbours."""
BLOCKS = (3 * COLOURS, DIRECTIONS, GRAINS, 1)
"""How the numbers of a look are made up."""


@record
class SegmentLooks:
    """Segments of an image, and what each looks like.

    Parameters
    ----------
    labels : int array, shape (h, w)
        Of the image as it is looked at, which may be smaller.
    looks : float array, shape (S, D)
    """

    labels: Int[np.ndarray, "h w"]
    looks: Float[np.ndarray, "S D"]


def describe_segments(image: Shaped[np.ndarray, "..."]) -> SegmentLooks:
    """Segments of like colour (SLIC) and their looks: colours, directions of edges, grain, size.

    Colours are soft histograms of each channel, edges a histogram of directions weighed by their strength,
    grain that of uniform local binary patterns (Ojala et al. 2002), size the logarithm of the share of the
    image.

    Examples
    --------
    >>> image = np.zeros((32, 32))
    >>> image[8:16, 8:16] = 1
    >>> found = describe_segments(image)
    >>> found.looks.shape[1] == sum(BLOCKS)
    True
    """
    from skimage.segmentation import slic

    pixels = unit_rgb(image, max(1, math.ceil(min(image.shape[:2]) / LOOKED_AT)))
    labels = slic(pixels, n_segments=N_SEGMENTS, compactness=COMPACTNESS, start_label=0)
    labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    count, each = int(labels.max()) + 1, _pixel_looks(pixels).reshape(labels.size, -1)
    areas = np.bincount(labels.ravel(), minlength=count)
    sums = np.stack([np.bincount(labels.ravel(), column, count) for column in each.T], axis=1)
    return SegmentLooks(labels, np.column_stack([sums / areas[:, np.newaxis], np.log(areas / labels.size)]))


def _pixel_looks(pixels: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w D"]:
    """Colours, edges and grain of each pixel."""
    from skimage.feature import local_binary_pattern

    levels = np.linspace(0, 1, COLOURS)
    colours = np.clip(1 - np.abs(pixels[..., np.newaxis] - levels) * (COLOURS - 1), 0, 1)
    grey = pixels.mean(axis=2)
    down, across = np.gradient(grey) if min(grey.shape) > 1 else (np.zeros_like(grey),) * 2
    turned = np.mod(np.arctan2(down, across), np.pi)[..., np.newaxis] / np.pi * DIRECTIONS
    apart = np.abs(turned - np.arange(DIRECTIONS))
    edges = np.clip(1 - np.minimum(apart, DIRECTIONS - apart), 0, 1) * np.hypot(down, across)[..., np.newaxis]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of patterns of floats, which these levels are not
        grain = local_binary_pattern((grey * 255).astype(np.uint8), 8, 1, "uniform").astype(int)
    parts = (colours.reshape(*grey.shape, -1), edges, np.eye(GRAINS)[grain])
    return np.concatenate(parts, axis=2)
