"""images → what each looks like, in 387 bytes: an image is known again in another shape, type or size.

A look is the image in grey, averaged over 16 × 16 equal areas, its darkest area 0 and its brightest 255; how
much more red and blue than grey it is, over 8 × 8 areas; and how dark and bright these ends are. It is the
same for (H, W), (H, W, 1) and grey RGB, for 8 bits and floats, and hardly changes where an image is
compressed, scaled or a pixel is changed. Where it cannot be told what black and white are (standardised
images), and in looks that earlier versions kept, which were in grey, the pattern alone is compared: images
may then be nearly the same, never the same.

The limits were measured on pairs of different images. Of all 79,800 pairs of the Olivetti faces, ten
photographs of each of 40 people, the most alike patterns have a distance of 0.0066; of 1,613,706 pairs of
digits of 8 × 8, 0.0058; of 44,850 pairs of drawn faces, 0.028; of 719,400 pairs of chest X-rays of 28 × 28,
0.023, apart from one that the set has twice. With one of a pair mirrored or turned by quarters, the nearest
are 0.0085 (digits), 0.037 (Olivetti), 0.046 (drawn faces) and 0.054 (X-rays). An image and itself saved as
JPEG (75), scaled to half its size or with noise of 2 % are at most 0.0036 apart from 64 × 64 up (one of 2,130
above 0.003), their colours 1.4 levels, their mean 1.4 and their spread 5 %, photographs among them. JPEG
codes pure blue and green badly: drawings in these may not be known again.
"""

import functools
import itertools
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from sightline._value_range import value_range
from sightline.types import record

SIDE, COARSE = 16, 8
NEAR = 0.003
"""Most that one less the correlation of two looks may be, of one image."""
CELLS = 10
"""Areas that may differ, however much: one pixel of a small image touches nine."""
LEVELS = 13
"""What an area differs by that counts, of 255."""
BRIGHTNESS, CONTRAST = 4.0, 0.1
"""Most that the mean and the spread of one image may differ by: levels of 255, and a share of the spread."""
TINT = 4.0
"""Most that the colours of one image may differ by, of 255: root of the mean square over the areas."""
TINTED = 2
"""Areas whose colour may differ, however much."""
FLAT = 8
"""Levels between the ends, of 255, below which a pattern says too little to know an image by."""
DIM = 32
"""Highest value up to which numbers from 0 that are not bytes may have any white."""
NEIGHBOURS = 4
"""Looks most alike that are compared area by area."""
ROWS = 1024

GREY, COLOUR = SIDE**2, SIDE**2 + 2 * COARSE**2
WIDTH = COLOUR + 3
UNKNOWN, OWN, KNOWN = 0, 1, 2
"""Last byte of a look: its ends and colours are missing, of the image's own range, or of a usual one."""
NO_COLOUR = 128

Looks = UInt8[np.ndarray, "_ 387"] | UInt8[np.ndarray, "_ 256"]
"""The latter of earlier versions, in grey alone."""
NO_LOOKS = np.zeros((0, WIDTH), np.uint8)


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
    return np.array(found, np.uint8).reshape(-1, WIDTH)


def match_looks(looks: Looks, among: Looks) -> LookMatches:
    """Which of some images are among others.

    An image all of one colour looks like any other such, and is not compared.
    """
    same, near = np.zeros(len(looks), bool), np.zeros(len(looks), bool)
    looks, among = _whole_looks(looks), _whole_looks(among)
    for mine, theirs in itertools.product(np.unique(looks[:, -1]), np.unique(among[:, -1])):
        others = among[among[:, -1] == theirs]
        fully = bool(mine == theirs != UNKNOWN)
        points = _points_of(others, fully)
        places = np.flatnonzero(looks[:, -1] == mine)
        for start in range(0, len(places), ROWS):
            rows = places[start : start + ROWS]
            for turn, turned in enumerate(_turned_looks(looks[rows])):
                exact, alike = _match_as_they_are(turned, others, points, fully)
                same[rows] |= exact & fully & (turn == 0)
                near[rows] |= exact | alike
    return LookMatches(same, near & ~same)


def _whole_looks(looks: Looks) -> UInt8[np.ndarray, "_ 387"]:
    """Looks with all parts, where those of earlier versions have no colours and no ends."""
    if looks.shape[1] == WIDTH:
        return looks
    rest = [*[NO_COLOUR] * (COLOUR - GREY), 0, 255, UNKNOWN]
    return np.hstack([looks, np.broadcast_to(np.array(rest, np.uint8), (len(looks), len(rest)))])


def _match_as_they_are(
    block: UInt8[np.ndarray, "N 387"],
    among: UInt8[np.ndarray, "M 387"],
    points: Float[np.ndarray, "M D"],
    fully: bool,
) -> tuple[Bool[np.ndarray, "N"], Bool[np.ndarray, "N"]]:
    """Which of some looks are the same as others, and which nearly so, by their pattern alone or fully."""
    mine = _points_of(block, fully)
    far = (points**2).sum(axis=1) - 2 * mine @ points.T
    best = np.argpartition(far, min(NEIGHBOURS, len(among)) - 1, axis=1)[:, :NEIGHBOURS]
    apart = np.abs(block[:, None].astype(np.int16) - among[best])
    grey, tint, ends = np.split(apart, [GREY, COLOUR], axis=2)
    unlike = 1 - np.einsum("nd,nkd->nk", mine[:, :GREY], points[best][:, :, :GREY])
    told = block[:, :GREY].any(axis=1)
    exact, close, few = grey.max(axis=2) <= 1, unlike < NEAR, (grey >= LEVELS).sum(axis=2) <= CELLS
    if fully:
        tinted = (tint.reshape(*tint.shape[:2], 2, -1).max(axis=2) >= LEVELS).sum(axis=2)
        flat = block[:, COLOUR + 1].astype(np.int16) - block[:, COLOUR] < FLAT
        exact &= (tint.max(axis=2) <= 1) & (ends.max(axis=2) <= ~flat[:, None])
        means, spreads = _light_of(block)
        other_means, other_spreads = (one[best] for one in _light_of(among))
        alike = np.abs(other_means - means[:, None]) <= BRIGHTNESS
        alike &= np.abs(other_spreads - spreads[:, None]) <= 1 + CONTRAST * other_spreads
        alike &= ~flat[:, None]
        close &= alike & (np.sqrt((tint.astype(np.float32) ** 2).mean(axis=2)) <= TINT)
        few &= alike & (tinted <= TINTED)
    return told & exact.any(axis=1), told & (close | few).any(axis=1)


def _turned_looks(looks: UInt8[np.ndarray, "N 387"]) -> Iterator[UInt8[np.ndarray, "N 387"]]:
    """The looks themselves, and of the same images mirrored, and turned by quarters: seven more of each."""
    planes = np.split(looks[:, :COLOUR], [GREY, GREY + COARSE**2], axis=1)
    for way in range(8):
        turned = []
        for plane, side in zip(planes, (SIDE, COARSE, COARSE), strict=True):
            areas = np.rot90(plane.reshape(-1, side, side), way % 4, axes=(1, 2))
            turned.append((areas[:, :, ::-1] if way > 3 else areas).reshape(len(looks), -1))
        yield np.hstack([*turned, looks[:, COLOUR:]])


def _look_of_image(image: Shaped[np.ndarray, "..."]) -> UInt8[np.ndarray, "387"]:
    pixels = np.asarray(image)
    pixels = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    colours = pixels[..., : pixels.shape[2] - (pixels.shape[2] in (2, 4))]  # without transparency
    black, white = value_range(colours)
    known = _knows_range(colours, black, white)
    colours = (colours.astype(np.float64) - black) / ((white - black) or 1.0)
    pixels = colours.mean(axis=2)
    areas = _area_means(pixels, SIDE)
    low, high = areas.min(), areas.max()
    spread = high - low
    tints = [_area_means(colours[..., channel] - pixels, COARSE).ravel() for channel in (0, -1)]
    # A colour is at most two thirds of the range away from its grey.
    tint = np.clip(np.rint(NO_COLOUR + 191 * np.concatenate(tints)), 0, 255)
    if spread > 1e-9 * max(abs(low), abs(high)):
        pattern = np.rint((areas - low) / spread * 255).ravel()
    else:
        pattern = np.zeros(GREY)
    ends = np.clip(np.rint(255 * np.array([low, high])), 0, 255)
    return np.concatenate([pattern, tint, ends, [KNOWN if known else OWN]]).astype(np.uint8)


def _knows_range(colours: Shaped[np.ndarray, "H W C"], black: float, white: float) -> bool:
    """Whether black and white are surely those of every image of its kind, rather than of this one."""
    if colours.dtype in (bool, np.uint8) or (black, white) in ((0, 1), (-1, 1)):
        return True
    return black == 0 and white in (255, 65535) and bool(colours.max() > DIM)


def _area_means(pixels: Float[np.ndarray, "H W"], side: int) -> Float[np.ndarray, "s s"]:
    height, width = pixels.shape
    return np.asarray(_area_weights(height, side) @ pixels @ _area_weights(width, side).T)


@functools.lru_cache(maxsize=32)
def _area_weights(length: int, side: int) -> Float[np.ndarray, "s L"]:
    """How much of each of `length` pixels lies in each of the equal areas, as shares of the area."""
    ends = np.linspace(0, length, side + 1)
    first, last = ends[:-1, None], ends[1:, None]
    pixels = np.arange(length)
    covered = np.minimum(last, pixels + 1) - np.maximum(first, pixels)
    return np.asarray(np.clip(covered, 0, None) * side / length)


def _points_of(looks: UInt8[np.ndarray, "N 387"], fully: bool) -> Float[np.ndarray, "N D"]:
    """Patterns without their mean, of length 1 (0 where there is but one level), then colours and brightness.

    The latter are scaled so that the limits of all three are as far: the nearest points are most alike.
    """
    grey = looks[:, :GREY].astype(np.float32)
    centred = grey - grey.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.where(length > 0, length, 1)
    if not fully:
        return np.asarray(unit)
    far = np.sqrt(2 * NEAR)
    tint = (looks[:, GREY:COLOUR].astype(np.float32) - NO_COLOUR) * (far / TINT / np.sqrt(COLOUR - GREY))
    light = np.stack(_light_of(looks), axis=1) * (far / BRIGHTNESS)
    return np.hstack([unit, tint, light]).astype(np.float32)


def _light_of(looks: UInt8[np.ndarray, "N 387"]) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    """Mean and standard deviation of the areas of each image, in levels of 255.

    Other than its ends, they stay what they were when an image with small highlights is scaled.
    """
    low, high = looks[:, COLOUR].astype(np.float32), looks[:, COLOUR + 1].astype(np.float32)
    grey = looks[:, :GREY].astype(np.float32)
    gain = (high - low) / 255
    return low + gain * grey.mean(axis=1), gain * grey.std(axis=1)
