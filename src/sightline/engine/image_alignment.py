"""images → whether the same place shows the same thing in all of them, by how far they agree.

Faces cut alike and X-rays do; photographs of anything, and details cut out anywhere, do not.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Shaped

from sightline._language import in_english
from sightline._resize import resize_smooth
from sightline.types import record

SIDE = 32
"""Height and width in pixels that images are compared at."""
SMOOTH = 4.0
"""Width of the smoothing, in these pixels, of what is taken off first: a dark frame is no content."""
LOOKED_AT = 256
"""Pixels along a side from which on every second, third, … one is left out first."""
FEWEST = 8
"""Images with which nothing is said."""
LEAST = 0.06
"""Agreement from which on images are aligned."""
ROUNDS = 199
LEVEL = 0.01
TURNS = ((1, 1), (-1, 1), (1, -1), (-1, -1))
"""Steps down and across by which an image is as it is, or turned over."""


@record
class Alignment:
    """Whether the same place shows the same thing in all images; made by `measure_alignment`.

    Parameters
    ----------
    agreement : float
        Mean correlation of two images, less that of an image and one that is upside down: about 0 where
        images have nothing in common but a frame, 1 where all are the same.
    p : float
        Chance of as much where each image may lie any way up.
    aligned : bool
    images : int
    """

    agreement: float
    p: float
    aligned: bool
    images: int

    def __str__(self) -> str:
        if self.images < FEWEST:
            return in_english("{n} images are too few to tell", n=self.images)
        return in_english("agreement {one.agreement:.2f} of {one.images} images, p {one.p:.2g}", one=self)


def measure_alignment(
    images: Sequence[Shaped[np.ndarray, "..."]] | Shaped[np.ndarray, "..."], seed: int = 0
) -> Alignment:
    """How far images agree place by place, beyond what they do when they are turned over.

    They are made small and grey, smooth shading is taken off, and each is brought to one mean and spread.
    What two images then have in common is their mean correlation. A frame, such as the round one of a
    microscope, is the same upside down and is no content, so that what is left of the correlation with
    the other image turned is taken off.

    Parameters
    ----------
    images : sequence of arrays, shape (H, W) or (H, W, C)
        Of any sizes: places are shares of height and width.
    seed : int

    Returns
    -------
    Alignment

    Examples
    --------
    >>> from sightline.data import drawn_faces
    >>> measure_alignment(drawn_faces(20, people=4).images).aligned
    True
    """
    if len(images) < FEWEST:
        return Alignment(float("nan"), float("nan"), False, len(images))
    small = np.stack([_small_detail(image) for image in images])
    found, rng = _agreement(small), np.random.default_rng(seed)
    drawn = [_agreement(_turned_at_random(small, rng)) for _ in range(ROUNDS)]
    p = (1 + sum(one >= found for one in drawn)) / (1 + ROUNDS)
    return Alignment(found, p, bool(found >= LEAST and p <= LEVEL), len(images))


def _small_detail(image: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "32 32"]:
    """A small grey image without smooth shading, of mean 0 and length 1; 0 where it is flat."""
    from scipy.ndimage import gaussian_filter

    step = max(1, min(image.shape[:2]) // LOOKED_AT)
    grey = np.asarray(image[::step, ::step], np.float64)
    grey = resize_smooth(grey.mean(axis=2) if grey.ndim == 3 else grey, (SIDE, SIDE))
    detail = grey - gaussian_filter(grey, SMOOTH, mode="nearest")
    detail -= detail.mean()
    length = float(np.linalg.norm(detail))
    flat = length <= 1e-9 * max(1.0, float(np.abs(grey).max()))
    return np.asarray(0 * detail if flat else detail / length)


def _agreement(small: Float[np.ndarray, "n 32 32"]) -> float:
    """Mean correlation of two images, less that with the other one turned, whichever way is more."""
    count, mean = len(small), small.mean(axis=0)
    alike = (count * float((mean**2).sum()) - float((small**2).sum()) / count) / (count - 1)
    own = [float((small * small[:, ::-1, ::step]).sum()) / count for step in (1, -1)]
    turned = [
        (count * float((mean * mean[::-1, ::step]).sum()) - one) / (count - 1)
        for step, one in zip((1, -1), own, strict=True)
    ]
    return alike - max(0.0, *turned)


def _turned_at_random(
    small: Float[np.ndarray, "n 32 32"], rng: np.random.Generator
) -> Float[np.ndarray, "n 32 32"]:
    ways = [TURNS[one] for one in rng.integers(len(TURNS), size=len(small))]
    return np.stack([image[::down, ::across] for image, (down, across) in zip(small, ways, strict=True)])
