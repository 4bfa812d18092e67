"""image → what all of it has, such as a colour cast or contrast; and the image with another value of it.

A property belongs to the whole image, so no area can be hidden to take it away. It can be exchanged instead:
the image is given the value that another one has, and keeps all else as far as that goes.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from sightline._language import translatable
from sightline._value_range import value_range
from sightline.engine.image import channels_last, pixel_form
from sightline.types import record

Pixels = Float[np.ndarray, "H W C"]
"""An image from 0 to 1, without an alpha channel."""
Value = Float[np.ndarray, "D"]
"""What an image has of a property: one number or several."""

COARSE = 2.0
"""Standard deviation in pixels of the blur that parts detail from what is coarser."""
LARGEST_FACTOR = 8.0
"""How many times contrast or detail may be raised: an image that has none of it gets none."""
FLAT = 2.5 / 255
"""How far the values of a frame may lie apart: a file compressed with loss has them nearly alike."""
NOISE_KERNEL = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])
"""Blind to slopes and edges, so that what it leaves is mostly noise (Immerkær 1996)."""
NOISE_SPREAD = 0.6745 * 6.0
"""Median of the absolute values that the kernel leaves of normal noise, over its standard deviation."""
OFTEN = 0.1
"""Share of the images from which on what they take for black and white counts for all of floats."""
SMOOTH_SHARE = 1 / 8
"""Width of the blur that makes a field smooth, as a share of the image's shorter side."""


@record
class ImageProperty:
    """Something that the whole image has.

    Parameters
    ----------
    name : str
    meaning : str
        What that is, for people who do not know the word.
    measure : callable
        Pixels → its value.
    exchange : callable
        Pixels, its own value, another value, generator → pixels with the other value.
    uniform : bool
        Whether exchanging it changes all pixels alike: then what it is held against does so, too.
    in_colour : bool
        Whether only images with colours have it.
    """

    name: str
    meaning: str
    measure: Callable[[Pixels], Value]
    exchange: Callable[[Pixels, Value, Value, np.random.Generator], Pixels]
    uniform: bool = False
    in_colour: bool = False


@record
class UnitScale:
    """Between the numbers of an image and pixels from 0 to 1.

    Parameters
    ----------
    low, high : float
        Black and white.
    """

    low: float
    high: float

    def pixels(self, image: Shaped[np.ndarray, "..."]) -> Pixels:
        """The image from 0 to 1, without an alpha channel."""
        span = self.high - self.low if self.high > self.low else 1.0
        shown = (channels_last(image).astype(np.float64) - self.low) / span
        return shown[..., :3] if shown.shape[2] == 4 else shown

    def image(self, pixels: Pixels, like: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
        """Pixels as an image of the same form as another, whose alpha channel it keeps.

        What lies beyond black or white is cut, as far as the other image does not reach there.
        """
        own = self.pixels(like)
        values = pixels.clip(min(0.0, own.min()), max(1.0, own.max())) * (self.high - self.low) + self.low
        made = channels_last(like).astype(np.float64)
        made[..., : values.shape[2]] = values
        if like.dtype.kind in "bui":
            made = np.rint(made)
        return np.asarray(made.reshape(like.shape).astype(like.dtype))


@record
class UnitScales:
    """The scale of each kind of numbers among some images, such as bytes beside 16 bits.

    Parameters
    ----------
    of_kind : dict of str to UnitScale
        By the kind that `sightline.engine.image.pixel_form` tells.
    """

    of_kind: dict[str, UnitScale]

    @classmethod
    def usual(cls, images: Iterable[Shaped[np.ndarray, "..."]]) -> "UnitScales":
        """The scales that hold what the images of each kind take for black and for white."""
        return cls.joined((pixel_form(image)[0], value_range(image)) for image in images)

    @classmethod
    def joined(cls, ranges: Iterable[tuple[str, tuple[float, float]]]) -> "UnitScales":
        """The scales of kinds and ranges, one for each image.

        A range of floats that few images have is left aside, where others are frequent: values that reach
        far beyond white in a few would bring those of all others to next to nothing.

        Examples
        --------
        >>> scales = UnitScales.joined([("float", (0.0, 1.0))] * 19 + [("float", (0.0, 255.0))])
        >>> scales.of_kind
        {'float': UnitScale(low=0.0, high=1.0)}
        """
        counts: dict[str, Counter[tuple[float, float]]] = {}
        for kind, one in ranges:
            counts.setdefault(kind, Counter())[one] += 1
        found = {}
        for kind, each in counts.items():
            often = [one for one, n in each.items() if n >= OFTEN * each.total()] if kind == "float" else []
            lows, highs = zip(*(often or each), strict=True)
            found[kind] = UnitScale(min(lows), max(highs))
        return cls(found)

    def of(self, image: Shaped[np.ndarray, "..."]) -> UnitScale:
        """The scale of an image."""
        return self.of_kind[pixel_form(image)[0]]


def _grey(pixels: Pixels) -> Float[np.ndarray, "H W"]:
    return np.asarray(pixels.mean(axis=2))


def _without_detail(pixels: Pixels) -> Pixels:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(pixels, (COARSE, COARSE, 0), mode="nearest"))


def _factor(own: Value, other: Value) -> float:
    """By what something is multiplied to have the other value."""
    return float(np.clip(other[0] / max(own[0], 1e-6), 0.0, LARGEST_FACTOR))


def _channel_ratios(pixels: Pixels) -> Value:
    means = pixels.mean(axis=(0, 1))
    return np.asarray(means / max(float(means.mean()), 1e-3))


def _with_ratios(pixels: Pixels, own: Value, other: Value, rng: np.random.Generator) -> Pixels:
    return np.asarray(pixels * (other / np.maximum(own, 1e-3)))


def _brightness(pixels: Pixels) -> Value:
    return np.array([pixels.mean()])


def _with_brightness(pixels: Pixels, own: Value, other: Value, rng: np.random.Generator) -> Pixels:
    return np.asarray(pixels + (other - own))


def _contrast(pixels: Pixels) -> Value:
    return np.array([_grey(pixels).std()])


def _with_contrast(pixels: Pixels, own: Value, other: Value, rng: np.random.Generator) -> Pixels:
    middle = pixels.mean(axis=(0, 1))
    return np.asarray(middle + (pixels - middle) * _factor(own, other))


def _detail(pixels: Pixels) -> Value:
    grey = _grey(pixels)[..., np.newaxis]
    return np.array([(grey - _without_detail(grey)).std()])


def _with_detail(pixels: Pixels, own: Value, other: Value, rng: np.random.Generator) -> Pixels:
    coarse = _without_detail(pixels)
    return np.asarray(coarse + (pixels - coarse) * _factor(own, other))


def _noise(pixels: Pixels) -> Value:
    from scipy.signal import convolve2d

    if min(pixels.shape[:2]) < 3:
        return np.zeros(1)
    left = [np.abs(convolve2d(channel, NOISE_KERNEL, mode="valid")) for channel in pixels.transpose(2, 0, 1)]
    return np.array([np.median(left) / NOISE_SPREAD])


def _with_noise(pixels: Pixels, own: Value, other: Value, rng: np.random.Generator) -> Pixels:
    from scipy.ndimage import median_filter

    if other[0] >= own[0]:
        spread = np.sqrt(other[0] ** 2 - own[0] ** 2)
        return np.asarray(pixels + rng.normal(size=pixels.shape) * spread)
    quiet = median_filter(pixels, size=(3, 3, 1), mode="nearest")
    return np.asarray(quiet + (pixels - quiet) * (other[0] / own[0]))


def _frame(pixels: Pixels) -> Value:
    """Widths above, below, left and right as shares of the image, then the frame's value in each channel."""
    corner = pixels[0, 0]
    alike = (np.abs(pixels - corner) <= FLAT).all(axis=2)
    if alike.all() or not alike[0].all() | alike[:, 0].all():
        # Sides of the lower right corner's value alone are framed as well.
        corner = pixels[-1, -1]
        alike = (np.abs(pixels - corner) <= FLAT).all(axis=2)
    widths = np.zeros(4)
    if not alike.all():
        for side, rows in enumerate((alike, alike[::-1], alike.T, alike.T[::-1])):
            widths[side] = np.logical_and.accumulate(rows.all(axis=1)).sum() / len(rows)
    return np.concatenate([widths, corner if widths.any() else np.zeros_like(corner)])


def _frame_steps(value: Value, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Pixels above and below, left and right."""
    return [
        (round(float(value[2 * axis]) * shape[axis]), round(float(value[2 * axis + 1]) * shape[axis]))
        for axis in (0, 1)
    ]


def _with_frame(pixels: Pixels, own: Value, other: Value, rng: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    (top, bottom), (left, right) = _frame_steps(own, pixels.shape)
    inside = pixels[top : height - bottom, left : width - right]
    # What was below the frame is not known: what stands beside it goes on there, mirrored.
    small = max(top, bottom) >= inside.shape[0] or max(left, right) >= inside.shape[1]
    around = ((top, bottom), (left, right), (0, 0))
    made: Pixels = np.pad(inside, around, mode="edge" if small else "reflect")
    (top, bottom), (left, right) = _frame_steps(other, pixels.shape)
    colour = other[4:] if len(other) - 4 == pixels.shape[2] else other[4:].mean()
    for part in (np.s_[:top], np.s_[height - bottom :], np.s_[:, :left], np.s_[:, width - right :]):
        made[part] = colour
    return made


PROPERTIES: dict[str, ImageProperty] = {
    one.name: one
    for one in (
        ImageProperty(
            name=translatable("chromaticity"),
            meaning=translatable("the colour that the whole image leans to"),
            measure=_channel_ratios,
            exchange=_with_ratios,
            uniform=True,
            in_colour=True,
        ),
        ImageProperty(
            name=translatable("brightness"),
            meaning=translatable("how bright the whole image is"),
            measure=_brightness,
            exchange=_with_brightness,
        ),
        ImageProperty(
            name=translatable("contrast"),
            meaning=translatable("how far light and dark lie apart in the whole image"),
            measure=_contrast,
            exchange=_with_contrast,
        ),
        ImageProperty(
            name=translatable("detail"),
            meaning=translatable("how sharp the whole image is"),
            measure=_detail,
            exchange=_with_detail,
        ),
        ImageProperty(
            name=translatable("noise"),
            meaning=translatable("how grainy the whole image is"),
            measure=_noise,
            exchange=_with_noise,
        ),
        ImageProperty(
            name=translatable("frame"),
            meaning=translatable("the frame around the image"),
            measure=_frame,
            exchange=_with_frame,
        ),
    )
}
"""The properties that can be exchanged, by their names."""


def measure_property(
    which: ImageProperty, image: Shaped[np.ndarray, "..."], scale: UnitScale
) -> Value | None:
    """What an image has of a property; None where it can have none, as no grey image has a colour cast."""
    pixels = scale.pixels(image)
    return None if which.in_colour and pixels.shape[2] != 3 else which.measure(pixels)


def exchange_property(
    which: ImageProperty,
    image: Shaped[np.ndarray, "..."],
    value: Value,
    scale: UnitScale,
    rng: np.random.Generator,
) -> Shaped[np.ndarray, "..."]:
    """The image with another value of a property, in the same form.

    Examples
    --------
    >>> image = np.full((8, 8, 3), 0.25)
    >>> darker = exchange_property(
    ...     PROPERTIES["brightness"], image, np.array([0.125]), UnitScale(0, 1), np.random.default_rng(0)
    ... )
    >>> float(darker.mean())
    0.125
    """
    pixels = scale.pixels(image)
    return scale.image(which.exchange(pixels, which.measure(pixels), value, rng), image)


def other_change(
    which: ImageProperty,
    image: Shaped[np.ndarray, "..."],
    changed: Shaped[np.ndarray, "..."],
    scale: UnitScale,
    rng: np.random.Generator,
) -> Shaped[np.ndarray, "..."]:
    """The image with a change of another kind that is as large (root mean square) as that of its property.

    A random shift of the channels where the exchange changes all pixels alike; else a smooth random field.
    """
    from scipy.ndimage import gaussian_filter

    pixels, size = scale.pixels(image), np.sqrt(((scale.pixels(changed) - scale.pixels(image)) ** 2).mean())
    if which.uniform:
        field: Any = rng.normal(size=(1, 1, pixels.shape[2]))
    else:
        width = max(1.0, SMOOTH_SHARE * min(pixels.shape[:2]))
        field = gaussian_filter(rng.normal(size=pixels.shape), (width, width, 0), mode="wrap")
    return scale.image(pixels + field * (size / max(float(np.sqrt((field**2).mean())), 1e-12)), image)
