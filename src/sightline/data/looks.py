"""images → what each looks like, in 256 bytes: by it an image is known again in another shape, type or size.

A look is the image in grey, averaged over 16 × 16 equal areas, its darkest area 0 and its brightest 255. It
is the same for (H, W), (H, W, 1) and grey RGB, for 8 bits and floats, and hardly changes where an image is
compressed, scaled or a pixel is changed.

The limits were measured on pairs of different images. Of all 79,800 pairs of the Olivetti faces, ten
photographs of each of 40 people, the most alike have a distance of 0.0065; of 1,613,706 pairs of digits of
8 × 8, 0.0058; of 44,850 pairs of drawn faces, 0.043; of 719,400 pairs of chest X-rays of 28 × 28, 0.023,
apart from one that the set has twice. With one of a pair mirrored or turned by quarters, the nearest are
0.0085 (digits), 0.037 (Olivetti), 0.046 (drawn faces) and 0.054 (X-rays). An image and itself saved as JPEG
(75), scaled to half its size or with noise of 2 % have at most 0.0025 from 64 × 64 up.
"""

import functools
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from sightline.types import record

SIDE = 16
NEAR = 0.003
"""Most that one less the correlation of two looks may be, of one image."""
CELLS = 10
"""Areas that may differ, however much: one pixel of a small image touches nine."""
LEVELS = 13
"""What an area differs by that counts, of 255."""
NEIGHBOURS = 4
"""Looks most alike that are compared area by area."""
ROWS = 1024

Looks = UInt8[np.ndarray, "_ 256"]
NO_LOOKS = np.zeros((0, SIDE * SIDE), np.uint8)


@record
class LookMatches:
    """Which images of some are among others.

    Parameters
    ----------
    same : bool array, shape (N,)
        The same, in whatever shape and type.
    near : bool array, shape (N,)
        Nearly the same: scaled, compressed, mirrored, turned by quarters, or with a few pixels changed; not
        those that are the same.
    """

    same: Bool[np.ndarray, "N"]
    near: Bool[np.ndarray, "N"]


def looks_of(images: Iterable[Shaped[np.ndarray, "..."]]) -> Looks:
    """The look of each image.

    Examples
    --------
    >>> image = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    >>> one, other = looks_of([image, np.stack([image / 255] * 3, axis=-1)])
    >>> bool((one == other).all())
    True
    """
    found = [_look_of_image(image) for image in images]
    return np.array(found, np.uint8).reshape(-1, SIDE * SIDE)


def match_looks(looks: Looks, among: Looks) -> LookMatches:
    """Which of some images are among others.

    An image all of one colour looks like any other such, and is not compared.
    """
    same, near = np.zeros(len(looks), bool), np.zeros(len(looks), bool)
    if not len(among):
        return LookMatches(same, near)
    theirs = _unit_looks(among)
    for start in range(0, len(looks), ROWS):
        rows = slice(start, start + ROWS)
        same[rows], near[rows] = _match_as_they_are(looks[rows], among, theirs)
        for turned in _turned_looks(looks[rows]):
            near[rows] |= np.logical_or(*_match_as_they_are(turned, among, theirs))
    return LookMatches(same, near & ~same)


def _match_as_they_are(
    block: Looks, among: Looks, theirs: Float[np.ndarray, "_ 256"]
) -> tuple[Bool[np.ndarray, "N"], Bool[np.ndarray, "N"]]:
    """Which of some looks are the same as others, and which nearly so; those have length 1 in `theirs`."""
    likeness = _unit_looks(block) @ theirs.T
    count = min(NEIGHBOURS, len(among))
    best = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
    apart = np.abs(block[:, None].astype(np.int16) - among[best])
    close = 1 - np.take_along_axis(likeness, best, axis=1) < NEAR
    told = block.any(axis=1)
    few = (apart >= LEVELS).sum(axis=2) <= CELLS
    return told & (apart.max(axis=2) <= 1).any(axis=1), told & (close | few).any(axis=1)


def _turned_looks(looks: Looks) -> Iterator[Looks]:
    """The looks of the same images mirrored, and turned by quarters: seven of each."""
    areas = looks.reshape(-1, SIDE, SIDE)
    for way in range(1, 8):
        turned = np.rot90(areas, way % 4, axes=(1, 2))
        yield np.ascontiguousarray(turned[:, :, ::-1] if way > 3 else turned).reshape(len(looks), -1)


def _look_of_image(image: Shaped[np.ndarray, "..."]) -> UInt8[np.ndarray, "256"]:
    pixels = np.asarray(image, np.float64)
    if pixels.ndim == 3:
        colours = pixels.shape[2] - (pixels.shape[2] in (2, 4))  # without transparency
        pixels = pixels[..., :colours].mean(axis=2)
    areas = _area_weights(pixels.shape[0]) @ pixels @ _area_weights(pixels.shape[1]).T
    low, high = areas.min(), areas.max()
    spread = high - low
    if not spread > 1e-9 * max(abs(low), abs(high)):
        return np.zeros(SIDE * SIDE, np.uint8)
    return np.asarray(np.rint((areas - low) / spread * 255), np.uint8).reshape(-1)


@functools.lru_cache(maxsize=16)
def _area_weights(length: int) -> Float[np.ndarray, "16 L"]:
    """How much of each of `length` pixels lies in each of the equal areas, as shares of the area."""
    ends = np.linspace(0, length, SIDE + 1)
    first, last = ends[:-1, None], ends[1:, None]
    pixels = np.arange(length)
    covered = np.minimum(last, pixels + 1) - np.maximum(first, pixels)
    return np.asarray(np.clip(covered, 0, None) * SIDE / length)


def _unit_looks(looks: Looks) -> Float[np.ndarray, "N 256"]:
    """Without their mean, of length 1; all 0 where there is but one level."""
    centred = looks - looks.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.where(length > 0, length, 1), np.float32)
