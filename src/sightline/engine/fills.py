"""image and segments → what hidden pixels look like."""

import functools
import math
from collections.abc import Iterable
from dataclasses import field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._arguments import describe_value
from sightline._checks import check_seed, check_whole
from sightline._digests import array_digest
from sightline._tensors import array_or_none
from sightline._value_range import value_range
from sightline.engine.image import channels_last
from sightline.engine.own_functions import ask_function
from sightline.errors import ImageError, OptionError, warn
from sightline.types import Fill, Segments, option

REACHED = 0.01
"""Share of a Gaussian's weight that has to lie outside of a hole for its mean to be taken there."""
MOST_DRAWS = 1000
"""Of noise: each is an image in memory, and a question for each mask."""


@option
class SegmentMean:
    """Each segment's own mean colour, as lime does by default (Ribeiro et al. 2016)."""

    def __call__(self, image: Shaped[np.ndarray, "H W C"], segments: Segments) -> Float[np.ndarray, "H W C"]:
        flat = segments.labels.ravel()
        means = [
            np.bincount(flat, weights=channel.ravel(), minlength=segments.count) / segments.areas
            for channel in np.moveaxis(image, 2, 0)
        ]
        return np.asarray(np.stack(means, axis=-1)[segments.labels])


@option
class Colour:
    """One colour everywhere.

    Parameters
    ----------
    value : float or tuple of float
        In the image's own range, one number or one for each channel; black by default.
    """

    value: float | tuple[float, ...] = field(default=0.0, kw_only=False)

    def __post_init__(self) -> None:
        if isinstance(self.value, list | np.ndarray):
            object.__setattr__(self, "value", tuple(np.ravel(self.value).tolist()))

    def __call__(self, image: Shaped[np.ndarray, "H W C"], segments: Segments) -> Float[np.ndarray, "H W C"]:
        channels = np.atleast_1d(np.asarray(self.value, dtype=np.float64))
        if len(channels) not in (1, image.shape[2]):
            raise OptionError(
                f"Colour has {len(channels)} numbers, but the image has {image.shape[2]} channel(s).",
                slug="option-value",
            )
        low, high = value_range(image)
        if channels.min() < low or channels.max() > high:
            warn(
                f"the fill {self!r} lies outside the image's range of {low:g} to {high:g}.", slug="fill-range"
            )
        return np.broadcast_to(channels, image.shape).astype(np.float64)


@option
class Blur:
    """The image, blurred until its detail is gone.

    Parameters
    ----------
    sigma : float, optional
        Width of the Gaussian in pixels; by default an eighth of the shorter side.
    """

    sigma: float | None = None

    def __call__(self, image: Shaped[np.ndarray, "H W C"], segments: Segments) -> Float[np.ndarray, "H W C"]:
        from scipy.ndimage import gaussian_filter

        sigma = min(image.shape[:2]) / 8 if self.sigma is None else self.sigma
        if sigma <= 0:
            raise OptionError(f"Blur needs a sigma above 0, but {sigma:g} was given.", slug="option-value")
        return np.asarray(gaussian_filter(image.astype(np.float64), (sigma, sigma, 0), mode="nearest"))


@option
class Noise:
    """Independent random values with each channel's mean and spread, kept within the image's range.

    Parameters
    ----------
    draws : int
        How many images of noise to average the model's score over; each costs a call for each mask.
    seed : int
        Which noise.
    """

    draws: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("draws of Noise", self.draws, most=MOST_DRAWS)
        check_seed("seed of Noise", self.seed)

    def __call__(
        self, image: Shaped[np.ndarray, "H W C"], segments: Segments
    ) -> Float[np.ndarray, "D H W C"]:
        rng = np.random.default_rng(self.seed)
        pixels = image.astype(np.float64)
        noise = rng.standard_normal((self.draws, *image.shape))
        low, high = value_range(image)
        return np.asarray(np.clip(noise * pixels.std(axis=(0, 1)) + pixels.mean(axis=(0, 1)), low, high))


@option
class Inpaint:
    """Each segment grown over from its surroundings by biharmonic equations, through scikit-image.

    Damelin & Hoang 2018. One segment at a time: what is hidden is what its neighbours suggest. Slow for
    large segments.
    """

    def __call__(self, image: Shaped[np.ndarray, "H W C"], segments: Segments) -> Float[np.ndarray, "H W C"]:
        return self.fill_segments(image, segments, range(segments.count))

    def fill_segments(
        self, image: Shaped[np.ndarray, "H W C"], segments: Segments, wanted: Iterable[int]
    ) -> Float[np.ndarray, "H W C"]:
        """The image with some of its segments filled, each by itself; the others as they are."""
        from skimage.restoration import inpaint_biharmonic

        low, high = value_range(image)
        span = high - low if high > low else 1.0
        pixels = (image.astype(np.float64) - low) / span
        out = pixels.copy()
        if segments.count == 1:
            return np.broadcast_to(image.mean(axis=(0, 1)), image.shape).astype(np.float64)
        for one in wanted:
            hole = segments.labels == one
            box = _bounding_window(hole)
            filled = inpaint_biharmonic(pixels[box], hole[box], channel_axis=2)
            out[hole] = filled[hole[box]]
        return np.clip(out, 0, 1) * span + low


@option
class Surroundings:
    """Each segment as a blur of what lies around it, with itself left out.

    Nothing of what is hidden remains, not even its brightness, which a blur of the whole image keeps.

    Parameters
    ----------
    sigma : float, optional
        Width of the Gaussian in pixels; by default a sixteenth of the shorter side. Four times as wide, and
        so on, in the middle of a segment that it does not reach.
    """

    sigma: float | None = None

    def __call__(self, image: Shaped[np.ndarray, "H W C"], segments: Segments) -> Float[np.ndarray, "H W C"]:
        return self.fill_segments(image, segments, range(segments.count))

    def fill_segments(
        self, image: Shaped[np.ndarray, "H W C"], segments: Segments, wanted: Iterable[int]
    ) -> Float[np.ndarray, "H W C"]:
        """The image with some of its segments filled, each by itself; the others as they are."""
        sigma = min(image.shape[:2]) / 16 if self.sigma is None else self.sigma
        if sigma <= 0:
            raise OptionError(
                f"Surroundings needs a sigma above 0, but {sigma:g} was given.", slug="option-value"
            )
        pixels = image.astype(np.float64)
        out = pixels.copy()
        if segments.count == 1:
            return np.broadcast_to(pixels.mean(axis=(0, 1)), image.shape).astype(np.float64)
        for one in wanted:
            _fill_from_around(out, pixels, segments.labels == one, sigma)
        return out


def _fill_from_around(
    out: Float[np.ndarray, "H W C"],
    pixels: Float[np.ndarray, "H W C"],
    hole: Shaped[np.ndarray, "H W"],
    sigma: float,
) -> None:
    """Write into a hole the weighted mean of what is around it, the near counting most."""
    from scipy.ndimage import gaussian_filter

    left = hole.copy()
    while left.any() and sigma <= 4 * max(hole.shape):
        box = _bounding_window(hole, math.ceil(4 * sigma))
        known = (~hole[box])[..., np.newaxis].astype(np.float64)
        # Both in one call: on small images it is the number of calls that takes time.
        both = np.concatenate([pixels[box] * known, known], axis=2)
        both = gaussian_filter(both, (sigma, sigma, 0), mode="constant")
        reached = left[box] & (both[..., -1] > REACHED)
        out[box][reached] = both[reached, :-1] / both[reached, -1:]
        left[box] &= ~reached
        sigma *= 4
    out[left] = pixels[~hole].mean(axis=0)


def _bounding_window(hole: Shaped[np.ndarray, "H W"], margin: int = 4) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    return (
        slice(max(0, rows[0] - margin), rows[-1] + 1 + margin),
        slice(max(0, columns[0] - margin), columns[-1] + 1 + margin),
    )


def _copied_numbers(whose: str, given: object) -> Shaped[np.ndarray, "..."]:
    """A copy as an array of numbers: a frozen value must not change under its owner's hands."""
    try:
        kept = np.array(given)
    except (TypeError, ValueError, RuntimeError):  # rows of several lengths, or what is no sequence at all
        kept = np.array(None)
    if kept.dtype.kind not in "buif":
        raise OptionError(
            f"{whose} takes an array of numbers, but {describe_value(given)} was given.", slug="option-value"
        )
    return kept


@option
class Donors:
    """The same place in other images: the score is averaged over them.

    Parameters
    ----------
    images : array, shape (H, W), (H, W, C) or (D, H, W, C)
        One or several images of the image's size, in its range; every one of them costs a call for
        each mask.
    """

    images: Shaped[np.ndarray, "..."] = field(kw_only=False)

    def __post_init__(self) -> None:
        kept = _copied_numbers("Donors", self.images)
        if kept.ndim not in (2, 3, 4):
            raise ImageError(
                f"donors must have shape (H, W), (H, W, C) or (D, H, W, C), but they have {kept.shape}.",
                slug="donor-shape",
            )
        kept.flags.writeable = False
        object.__setattr__(self, "images", kept)

    def __repr__(self) -> str:
        return f"Donors({array_digest(self.images)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Donors) and np.array_equal(self.images, other.images)

    def __hash__(self) -> int:
        return hash(self.images.shape)  # equal numbers of two dtypes have other bytes

    def __call__(
        self, image: Shaped[np.ndarray, "H W C"], segments: Segments
    ) -> Shaped[np.ndarray, "D H W C"]:
        given = self.images
        grey = given.shape[-2:] == image.shape[:2] and image.shape[2] == 1
        if grey:
            given = given[..., np.newaxis]
        if given.ndim == 3:
            given = given[np.newaxis]
        if given.shape[1:] != image.shape or len(given) == 0:
            raise ImageError(
                f"donors must have the image's shape {image.shape}, alone or stacked, but they have "
                f"{self.images.shape}.",
                slug="donor-shape",
            )
        return given


def draw_fill(
    image: Shaped[np.ndarray, "..."], segments: Segments, how: Fill
) -> Shaped[np.ndarray, "D H W C"]:
    """What hidden pixels look like, in the image's dtype and within its range, D draws of it.

    Raises
    ------
    ImageError
        If a fill's answer does not have the image's shape.
    """
    pixels = channels_last(image)
    answer = array_or_none(ask_function("fill", how, pixels, segments))
    if answer.ndim == pixels.ndim - 1 and pixels.shape[2] == 1:
        answer = answer[..., np.newaxis]
    draws = answer[np.newaxis] if answer.ndim == 3 else answer
    if draws.ndim != 4 or draws.shape[1:] != pixels.shape or len(draws) == 0:
        raise ImageError(
            f"a fill must return an array of shape {pixels.shape}, or several of them stacked, but "
            f"{how!r} returned {answer.shape}.",
            slug="fill-shape",
        )
    if draws.dtype.kind not in "buif" or not np.isfinite(draws).all():
        raise ImageError(
            f"a fill must return finite numbers, but {how!r} returned others ({draws.dtype}).",
            slug="fill-shape",
        )
    return _cast_draws(draws, image.dtype)


def draw_area(
    image: Shaped[np.ndarray, "..."], area: Bool[np.ndarray, "H W"], how: Fill
) -> Shaped[np.ndarray, "D H W C"]:
    """What an area looks like if it is hidden as a whole, D draws of it.

    Beside the area there is what comes at no cost: the fill's answer for the rest as one segment, or the
    image itself.
    """
    segments = Segments.renumber(area)
    if isinstance(how, Inpaint | Surroundings):
        # The rest is the largest hole of all, and nobody looks at what it would be filled with.
        how = functools.partial(how.fill_segments, wanted=np.unique(segments.labels[area]).tolist())
    return draw_fill(image, segments, how)


def _cast_draws(draws: Shaped[np.ndarray, "D H W C"], dtype: np.dtype[Any]) -> Shaped[np.ndarray, "D H W C"]:
    if dtype.kind == "b":
        return np.asarray(draws >= 0.5)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.asarray(np.clip(np.rint(draws), limits.min, limits.max).astype(dtype))
    return draws.astype(dtype)
