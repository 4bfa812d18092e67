"""arrays → images: heat, overlays, outlines, hatching, a colour bar; as arrays or bytes.

An image is an array (H, W, 3) of uint8, RGB. Red speaks for the target, blue against it, on one
scale from −limit to limit; two images can be compared when their limit is the same.
"""

import functools
import io
import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from PIL import Image, ImageDraw, ImageFont

from sightline._arguments import clear_arguments
from sightline._checks import check_number, check_whole
from sightline._resize import resize_nearest
from sightline.engine.image import as_image, unit_rgb
from sightline.errors import ImageError, OptionError
from sightline.types import Segments

# Equally light in OKLab, so that neither sign looks stronger, and on the axis between blue and orange
# that people who confuse red and green still see.
RED = (197, 30, 33)
BLUE = (18, 107, 197)
INK = (33, 37, 41)
GREY = (134, 142, 150)
PAPER = (255, 255, 255)

# Two-sided 95 % of a normal distribution.
NORMAL_95 = 1.96
# Share of the score below which a scale does not end, so that next to nothing is drawn pale.
FLOOR = 0.02
# Pixels of a side, at most.
LARGEST = 1 << 15
# From this factor on an image is enlarged by whole pixels; below it, smoothly.
WHOLE_PIXELS = 3

Colour = tuple[int, int, int]
# beartype, unlike mypy, does not take an int where a float is asked for.
RealNumber = float | int


@clear_arguments
def within_error(values: Float[np.ndarray, "S"], error: Float[np.ndarray, "S"]) -> Bool[np.ndarray, "S"]:
    """Segments whose value cannot be told from zero at 95 %: |value| ≤ 1.96 standard errors.

    A value without error is known, zero included, and a value that is not a number is not.

    Examples
    --------
    >>> import numpy as np
    >>> within_error(np.array([0.5, 0.1, 0.0]), np.array([0.1, 0.1, 0.0]))
    array([False,  True, False])
    """
    blurred = (error > 0) & (np.abs(values) <= NORMAL_95 * error)
    return np.asarray(blurred | ~np.isfinite(values) | np.isnan(error))


@clear_arguments
def scale_limit(values: Float[np.ndarray, "..."]) -> float:
    """The end of the scale: the least number of two digits that no |value| exceeds; 0 if all are 0.

    It has two digits so that the number printed beside an image is the number that made its colours.

    Examples
    --------
    >>> import numpy as np
    >>> scale_limit(np.array([0.02, -0.1234]))
    0.13
    """
    sizes = np.abs(values[np.isfinite(values)])
    largest = float(sizes.max()) if sizes.size else 0.0
    if largest < np.finfo(np.float64).tiny:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(largest)) - 1)
    return float(f"{math.ceil(largest / step - 1e-9) * step:.6e}")


def shared_limit(maps: Iterable[Float[np.ndarray, "..."]], floor: float = 0.0) -> float:
    """The end of the scale of several maps, not below `FLOOR` of what counts beside them; 0 if all are 0.

    Examples
    --------
    >>> import numpy as np
    >>> shared_limit([np.array([0.02]), np.array([[-0.1234]])]), shared_limit([np.array([1e-9])], floor=0.5)
    (0.13, 0.01)
    """
    limit = max((scale_limit(one) for one in maps), default=0.0)
    return max(limit, scale_limit(np.array([FLOOR * floor]))) if limit else 0.0


@clear_arguments
def format_number(value: RealNumber, *, sign: bool = False) -> str:
    """A number to read: two digits, a true minus sign, and a plus sign if `sign`.

    Examples
    --------
    >>> format_number(-0.1234), format_number(0.5, sign=True), format_number(1530.0), format_number(2e-7)
    ('−0.12', '+0.5', '1500', '2e-07')
    """
    short = float(f"{value:.1e}")
    plain = short == 0 or 1e-4 <= abs(short) < 1e6
    digits = np.format_float_positional(abs(short), trim="-") if plain else f"{abs(short):.2g}"
    return ("−" if short < 0 else "+" if sign and short > 0 else "") + digits


def format_score(value: RealNumber) -> str:
    """A score to read: two decimals where they say enough, so that scores side by side are alike.

    Examples
    --------
    >>> format_score(1.0), format_score(-0.9), format_score(0.012), format_score(0.0), format_score(1530.0)
    ('1.00', '−0.90', '0.012', '0', '1500')
    """
    return f"{value:.2f}".replace("-", "−") if 0.1 <= abs(value) < 100 else format_number(value)


def _srgb_to_oklab(rgb: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
    """sRGB in [0, 1] → OKLab: L, a, b (Ottosson 2020, "A perceptual color space")."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T)


def _oklab_to_srgb(lab: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
    """OKLab → sRGB in [0, 1], clipped."""
    linear = (lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_CONES).T
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


@functools.cache
def _colour_ramp() -> UInt8[np.ndarray, "511 3"]:
    """Blue, white, red in even steps of lightness; white is entry 255."""
    blue, white, red = (_srgb_to_oklab(np.array(end) / 255) for end in (BLUE, PAPER, RED))
    share = np.linspace(0, 1, 256)[:, np.newaxis]
    cold, warm = (_oklab_to_srgb(white + share * (end - white)) for end in (blue, red))
    return np.asarray(np.rint(np.concatenate([cold[:0:-1], warm]) * 255).astype(np.uint8))


@clear_arguments
def diverging_colours(
    values: Float[np.ndarray, "*shape"], limit: RealNumber
) -> UInt8[np.ndarray, "*shape 3"]:
    """Blue at −limit, white at zero, red at limit, in even steps of lightness.

    Parameters
    ----------
    values : float array of any shape
        Beyond the limit the colour stays that of the limit; not-a-number is white.
    limit : float
        End of the scale; 0 makes everything white.

    Returns
    -------
    uint8 array, shape (..., 3)

    Examples
    --------
    >>> import numpy as np
    >>> diverging_colours(np.array([-2.0, 0.0]), 2.0)
    array([[ 18, 107, 197],
           [255, 255, 255]], dtype=uint8)
    """
    return np.asarray(_colour_ramp()[np.rint(_share_of_limit(values, limit) * 255).astype(np.intp) + 255])


def _share_of_limit(values: Float[np.ndarray, "*shape"], limit: RealNumber) -> Float[np.ndarray, "*shape"]:
    """Values as a share of the limit, in [−1, 1]."""
    if limit <= 0:
        return np.zeros(values.shape)
    return np.asarray(np.nan_to_num((values / limit).clip(-1, 1)))


@clear_arguments
def segment_heatmap(values: Float[np.ndarray, "S"], segments: Segments) -> Float[np.ndarray, "H W"]:
    """Heat: the value of its segment at every pixel.

    Examples
    --------
    >>> import numpy as np
    >>> segment_heatmap(np.array([0.5, -1.0]), Segments(np.array([[0, 0, 1]])))
    array([[ 0.5,  0.5, -1. ]])
    """
    _check_one_each("values", values, segments)
    return np.asarray(values[segments.labels])


def _check_one_each(name: str, array: Shaped[np.ndarray, "_"], segments: Segments) -> None:
    if array.shape != (segments.count,):
        raise OptionError(
            f"{name} must have one item for each of the {segments.count} segments, but has shape "
            f"{array.shape}.",
            slug="option-value",
        )


@clear_arguments
def display_image(image: Shaped[np.ndarray, "..."]) -> UInt8[np.ndarray, "H W 3"]:
    """An image of any dtype, range and number of channels as it is looked at.

    Examples
    --------
    >>> import numpy as np
    >>> display_image(np.array([[0.0, 1.0]])).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    image = as_image(image)
    if image.dtype == np.uint8 and image.shape[2:] == (3,):  # figures ask for each layer that they draw
        return image.copy()
    return np.asarray(np.rint(unit_rgb(image) * 255).astype(np.uint8))


@clear_arguments
def fit_to_size(image: Shaped[np.ndarray, "..."], size: int) -> UInt8[np.ndarray, "h w 3"]:
    """The image as it is looked at, as large as `size` pixels on the longer side allow.

    A small image is enlarged by a whole factor, its pixels staying squares; one of more than a third
    of `size` is resized to it smoothly. Do this before drawing, so that lines are sharp.

    Examples
    --------
    >>> import numpy as np
    >>> fit_to_size(np.zeros((28, 28)), 448).shape
    (448, 448, 3)
    """
    check_whole("size", size, most=LARGEST)
    height, width = as_image(image).shape[:2]
    shape, pixels = _fitted_size(height, width, size), display_image(image)
    if shape[0] % height == 0 and shape[1] % width == 0:
        return resize_nearest(pixels, shape)
    return np.asarray(Image.fromarray(pixels).resize(shape[::-1], Image.Resampling.LANCZOS))


@clear_arguments
def fit_with_segments(
    image: Shaped[np.ndarray, "..."], segments: Segments, size: int
) -> tuple[UInt8[np.ndarray, "h w 3"], Segments, Int[np.ndarray, "s"]]:
    """The image by `fit_to_size`, and its segments.

    Returns
    -------
    image : uint8 array, shape (h, w, 3)
    segments : Segments
        Of the resized image.
    ids : int array
        What the resized segments were called: a segment too small for a reduced image is missing.

    Examples
    --------
    >>> import numpy as np
    >>> large, _, ids = fit_with_segments(np.zeros((28, 28)), Segments(np.zeros((28, 28), int)), 448)
    >>> large.shape, ids.tolist()
    ((448, 448, 3), [0])
    """
    pixels = fit_to_size(image, size)
    labels = resize_nearest(segments.labels, pixels.shape[:2])
    return pixels, Segments.renumber(labels), np.unique(labels)


def _fitted_size(height: int, width: int, size: int) -> tuple[int, int]:
    longer = max(height, width)
    factor = size // longer
    if factor >= WHOLE_PIXELS or factor * longer == size:
        return height * factor, width * factor
    return max(1, round(height * size / longer)), max(1, round(width * size / longer))


def _alpha_blend(
    under: UInt8[np.ndarray, "H W 3"],
    over: Shaped[np.ndarray, "..."],
    alpha: Shaped[np.ndarray, "H W"] | RealNumber,
) -> UInt8[np.ndarray, "H W 3"]:
    if np.ndim(alpha) and np.shape(alpha) != under.shape[:2]:
        raise ImageError(
            f"what is drawn has shape {np.shape(alpha)}, but the image is {under.shape[:2]}.",
            slug="image-shape",
        )
    share = np.broadcast_to(alpha, under.shape[:2])
    there = share > 0
    if there.mean() > 0.5:
        share = share[..., np.newaxis]
        return np.asarray(np.rint(under * (1.0 - share) + over * share).astype(np.uint8))
    over = np.broadcast_to(over, under.shape)[there]  # lines and hatches are a few pixels of many
    blended, share = under.copy(), share[there][:, np.newaxis]
    blended[there] = np.rint(under[there] * (1.0 - share) + over * share)
    return blended


@clear_arguments
def overlay_heat(
    image: Shaped[np.ndarray, "..."],
    heat: Float[np.ndarray, "H W"],
    limit: RealNumber,
    *,
    alpha: RealNumber = 0.8,
    fade: RealNumber = 1.0,
) -> UInt8[np.ndarray, "H W 3"]:
    """The image in pale grey, tinted red where the heat is positive and blue where it is negative.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C)
    heat : float array, shape (H, W)
    limit : float
        |heat| of the strongest tint; the tint grows in proportion up to there. At 0 nothing is tinted.
    alpha : float
        How much of the strongest tint covers the image, in [0, 1].
    fade : float
        How far the image steps back, in [0, 1]: its own colours compete with the tint, and its blacks
        hide it. At 0 an untinted pixel is the image's, at 1 it is grey and no darker than three tenths.

    Examples
    --------
    >>> import numpy as np
    >>> overlay_heat(np.full((1, 2), 100, np.uint8), np.array([[0.0, 1.0]]), 1.0, fade=0.0)[0].tolist()
    [[100, 100, 100], [178, 44, 46]]
    """
    for name, share in (("alpha", alpha), ("fade", fade)):
        check_number(name, share, at_least=0, at_most=1)
    pixels = display_image(image)
    grey = _PALEST_BLACK + pixels @ _LUMA * (1 - _PALEST_BLACK / 255)
    under = _alpha_blend(pixels, np.rint(grey)[..., np.newaxis], fade)
    tinted = _share_of_limit(heat, limit)
    tint = np.where(tinted[..., np.newaxis] > 0, RED, BLUE)
    return _alpha_blend(under, tint, alpha * np.abs(tinted))


# Rec. 601, as in television.
_LUMA = np.array([0.299, 0.587, 0.114])
_PALEST_BLACK = 76.5


@clear_arguments
def segment_edges(segments: Segments, which: Bool[np.ndarray, "S"]) -> Bool[np.ndarray, "H W"]:
    """Pixels of the outlines of the chosen segments: two pixels wide, one on each side of a border.

    Examples
    --------
    >>> import numpy as np
    >>> segment_edges(Segments(np.array([[0, 0, 0, 1, 1, 1]])), np.array([False, True])).astype(int)
    array([[0, 0, 1, 1, 1, 1]])
    """
    _check_one_each("which", which, segments)
    labels, chosen = segments.labels, which[segments.labels]
    edge = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        here, there, line = (np.moveaxis(array, axis, 0) for array in (labels, chosen, edge))
        differs = (here[1:] != here[:-1]) & (there[1:] | there[:-1])
        line[1:] |= differs
        line[:-1] |= differs
        line[0] |= there[0]
        line[-1] |= there[-1]
    return edge


@clear_arguments
def inner_rims(
    segments: Segments, which: Bool[np.ndarray, "S"], *, start: int = 0, width: int = 2
) -> Bool[np.ndarray, "H W"]:
    """Pixels just inside the borders of the chosen segments, so that no rim covers a neighbour's.

    Parameters
    ----------
    segments : Segments
    which : bool array, shape (S,)
    start : int
        Pixels that are left free between the border and the rim.
    width : int
        Of the rim, in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> inner_rims(Segments(np.zeros((1, 5), int)), np.array([True])).astype(int)
    array([[1, 1, 1, 1, 1]])
    """
    start, width = check_whole("start", start, 0, most=LARGEST), check_whole("width", width, most=LARGEST)
    _check_one_each("which", which, segments)
    ring = _near_border(segments.labels, start + width) & ~_near_border(segments.labels, start)
    return np.asarray(ring & which[segments.labels])


def _near_border(labels: Int[np.ndarray, "H W"], reach: int) -> Bool[np.ndarray, "H W"]:
    """Pixels with another segment, or the end of the image, at most that many pixels away."""
    from scipy.ndimage import maximum_filter, minimum_filter

    least = minimum_filter(labels, 2 * reach + 1, mode="constant", cval=-1)
    return np.asarray((least != labels) | (maximum_filter(labels, 2 * reach + 1, mode="nearest") != labels))


@clear_arguments
def draw_contours(
    image: Shaped[np.ndarray, "..."],
    segments: Segments,
    which: Bool[np.ndarray, "S"],
    colour: Colour = INK,
    *,
    alpha: RealNumber = 1.0,
) -> UInt8[np.ndarray, "H W 3"]:
    """The image with the outlines of the chosen segments.

    Examples
    --------
    >>> import numpy as np
    >>> draw_contours(np.zeros((1, 2)), Segments(np.array([[0, 1]])), np.array([False, False]), RED).max()
    np.uint8(0)
    """
    check_number("alpha", alpha, at_least=0, at_most=1)
    return _alpha_blend(display_image(image), np.array(colour), alpha * segment_edges(segments, which))


@clear_arguments
def hatch_area(
    image: Shaped[np.ndarray, "..."], area: Bool[np.ndarray, "H W"], *, step: int = 14, width: int = 2
) -> UInt8[np.ndarray, "H W 3"]:
    """The image with thin grey diagonals over the area: here nothing can be told.

    Each line is light on one side and dark on the other, so that it is seen on any image.

    Examples
    --------
    >>> import numpy as np
    >>> hatch_area(np.zeros((1, 4)), np.zeros((1, 4), bool)).max()
    np.uint8(0)
    """
    step, width = check_whole("step", step, most=LARGEST), check_whole("width", width, most=LARGEST)
    pixels = display_image(image)
    if area.shape == pixels.shape[:2] and not area.any():
        return pixels
    phase = np.add.outer(*map(np.arange, area.shape)) % step
    pale = _alpha_blend(pixels, np.array(PAPER), 0.45 * (area & (phase < width)))
    return _alpha_blend(pale, np.array(INK), 0.28 * (area & (width <= phase) & (phase < 2 * width)))


@clear_arguments
def colour_bar(limit: RealNumber, *, width: int = 448, height: int = 18) -> UInt8[np.ndarray, "h width 3"]:
    """The scale from −limit to limit as an image, with its limits printed below.

    Examples
    --------
    >>> colour_bar(0.5, width=200).shape
    (44, 200, 3)
    """
    width, height = check_whole("width", width, most=LARGEST), check_whole("height", height, most=LARGEST)
    limit = check_number("limit", limit)
    page = Image.new("RGB", (width, height + 26), PAPER)
    ramp = np.broadcast_to(diverging_colours(np.linspace(-limit, limit, width), limit), (height, width, 3))
    page.paste(Image.fromarray(np.ascontiguousarray(ramp)))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    draw.rectangle((0, 0, width - 1, height - 1), outline=GREY)
    for at, anchor, value in ((0, "la", -limit), (width // 2, "ma", 0.0), (width, "ra", limit)):
        # Pillow's own font has no minus sign but the hyphen.
        text = format_number(value, sign=True).replace("−", "-")
        draw.text((at, height + 5), text, fill=INK, font=font, anchor=anchor)
    return np.asarray(page)


@clear_arguments
def image_to_png(array: UInt8[np.ndarray, "H W 3"]) -> bytes:
    """The image as the bytes of a PNG file.

    Examples
    --------
    >>> import numpy as np
    >>> image_to_png(np.zeros((2, 2, 3), np.uint8))[1:4]
    b'PNG'
    """
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="png")
    return file.getvalue()
