"""image, segments and hide_color → what hidden pixels look like; and the image in RGB, to draw on."""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline.engine.image import channels_last, value_range
from sightline.errors import OptionError, SightlineWarning
from sightline.types import Segments


def as_rgb(image: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "H W 3"]:
    """The image as lime wants it, three channels in its own dtype and range.

    Grey is repeated and alpha is dropped; of two channels, or of more than four, the mean is shown.
    """
    pixels = channels_last(image)
    if pixels.shape[2] == 4:
        return pixels[..., :3]
    if pixels.shape[2] not in (1, 3):
        pixels = pixels.mean(axis=2, keepdims=True).astype(image.dtype)
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)


def fudged_image(
    image: Shaped[np.ndarray, "..."], segments: Segments, hide_color: Any
) -> Shaped[np.ndarray, "..."]:
    """An image of the image's shape and dtype that has every segment hidden.

    Parameters
    ----------
    hide_color : number, sequence of numbers, array or None
        The colour, or anything that broadcasts to the image; None stands for each segment's mean.

    Raises
    ------
    OptionError
        If it cannot be such an image.

    Warns
    -----
    SightlineWarning
        If it lies outside the image's range, or is not a whole number where the image has those only.
    """
    if hide_color is None:
        return _segment_means(image, segments)
    return _colour_layer(image, np.asarray(hide_color))


def _segment_means(image: Shaped[np.ndarray, "..."], segments: Segments) -> Shaped[np.ndarray, "..."]:
    """Each segment's mean, cut to whole numbers in integer images as lime does."""
    pixels = channels_last(image)
    flat = pixels.reshape(-1, pixels.shape[2])
    out = np.empty_like(flat)
    order = np.argsort(segments.labels, axis=None, kind="stable")
    for members in np.split(order, np.cumsum(segments.areas)[:-1]):
        values = flat[members]
        # One channel at a time, as lime adds them up: float32 sums depend on their order.
        out[members] = [values[:, channel].mean() for channel in range(values.shape[1])]
    return out.reshape(image.shape)


def _colour_layer(
    image: Shaped[np.ndarray, "..."], colour: Shaped[np.ndarray, "..."]
) -> Shaped[np.ndarray, "..."]:
    if colour.dtype.kind not in "buif" or not np.isfinite(colour).all():
        raise OptionError(f"hide_color must be finite numbers, but it is {colour}.", slug="option-value")
    if image.ndim == 2 and colour.shape == (3,) and np.ptp(colour) == 0:
        colour = colour[0]  # lime's users give a grey image's colour as RGB
    try:
        layer = np.broadcast_to(colour, image.shape)
    except ValueError:
        raise OptionError(
            f"hide_color of shape {colour.shape} does not fit an image of shape {image.shape}: give one "
            "number, one for each channel, or an image of the image's shape.",
            slug="option-value",
        ) from None
    _check_range(image, layer)
    return layer.astype(image.dtype)


def _check_range(image: Shaped[np.ndarray, "..."], layer: Shaped[np.ndarray, "..."]) -> None:
    least, most = layer.min(), layer.max()
    low, high = value_range(image)
    if image.dtype.kind in "iu" and (least < np.iinfo(image.dtype).min or most > np.iinfo(image.dtype).max):
        raise OptionError(
            f"hide_color must lie within {low:g} to {high:g} for a {image.dtype} image, but it is "
            f"{_value_span(least, most)}.",
            slug="option-value",
        )
    if least < low or most > high:
        _warn_fill(
            f"hide_color {_value_span(least, most)} lies outside the image's values, {low:g} to "
            f"{high:g}: the "
            "classifier may never have seen such images."
        )
    elif image.dtype.kind in "iu" and layer.dtype.kind == "f" and (layer != np.trunc(layer)).any():
        _warn_fill(
            f"hide_color {_value_span(least, most)} is cut to whole numbers, because the image is "
            f"{image.dtype} "
            f"({low:g} to {high:g})."
        )


def _warn_fill(message: str) -> None:
    # From the caller of explain_instance: hidden_image, _coloured, _check_range and this lie between.
    warnings.warn(SightlineWarning(message, slug="fill-range"), stacklevel=6)


def _value_span(least: Any, most: Any) -> str:
    return f"{least:g}" if least == most else f"from {least:g} to {most:g}"
