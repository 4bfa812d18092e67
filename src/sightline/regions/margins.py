"""a region's pixels → the same with a margin around them, and areas as large elsewhere."""

import functools
import math

import numpy as np
from jaxtyping import Bool, Int

DEFAULT_MARGIN = 0.06
"""How far beyond a region is looked and repaired, as a share of the shorter side: what misleads a model often
reaches a little beyond the region that names it, and one strip that is left is enough to go by."""

REMEMBERED = 64
"""Regions of which is kept where they may be moved to."""


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


def control_areas(
    mask: Bool[np.ndarray, "H W"], count: int, rng: np.random.Generator
) -> list[Bool[np.ndarray, "H W"]]:
    """Areas as large as a region, apart from it: its shape moved, else what lies nearest to a random pixel.

    Where the rest of the image is smaller than the region, the rest is taken.
    """
    free = ~mask
    if not mask.any() or not free.any():
        return [np.zeros_like(mask)] * count
    shifts = _clear_shifts(mask)
    if len(shifts):
        # A moved region stays within the image, so nothing comes back in at the other side.
        chosen = shifts[rng.integers(len(shifts), size=count)]
        return [np.roll(mask, tuple(shift), axis=(0, 1)) for shift in chosen]
    return [_nearest_free(free, int(mask.sum()), rng) for _ in range(count)]


def _clear_shifts(mask: Bool[np.ndarray, "H W"]) -> Int[np.ndarray, "M 2"]:
    """Steps down and across that keep a region within the image and bring it clear of where it was."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    clear = _clear_places(mask.tobytes(), (mask.shape[0], mask.shape[1]))
    return np.asarray(np.argwhere(clear) - np.array([rows[0], columns[0]]))


@functools.lru_cache(maxsize=REMEMBERED)
def _clear_places(pixels: bytes, shape: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Where the upper left corner of a region's box may lie: mostly the same in all images of a study."""
    from scipy.signal import fftconvolve

    mask = np.frombuffer(pixels, dtype=bool).reshape(shape)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float64)
    # Pixels that the region shares with itself, moved: valid correlation of the image with the region.
    shared = fftconvolve(mask.astype(np.float64), box[::-1, ::-1], mode="valid")
    return np.asarray(shared < 0.5)


def _nearest_free(
    free: Bool[np.ndarray, "H W"], area: int, rng: np.random.Generator
) -> Bool[np.ndarray, "H W"]:
    """Up to `area` free pixels, the nearest to one of them drawn at random."""
    where = np.argwhere(free)
    far = ((where - where[rng.integers(len(where))]) ** 2).sum(axis=1)
    hole = np.zeros_like(free)
    hole[tuple(where[np.argsort(far, kind="stable")[:area]].T)] = True
    return hole
