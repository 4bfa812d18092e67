"""image as given → what its numbers mean: range, channels, a copy in [0, 1] to look at."""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Shaped

from sightline._value_range import value_range
from sightline.errors import ImageError

PixelForm: TypeAlias = tuple[str, tuple[int, ...]]
"""Kind of numbers and channels: the value of one kind, 255 of 8 bits say, means something else in another."""


def as_image(source: object) -> Shaped[np.ndarray, "..."]:
    """An image as a NumPy array in the form the user gave it, checked.

    Parameters
    ----------
    source : array-like
        Shape (H, W) or (H, W, C), channels last; integer, bool or finite floating.

    Raises
    ------
    ImageError
        If it is empty, not numeric, not finite, or has another number of axes.
    """
    try:
        image = np.asarray(source)
    except ValueError as error:  # rows of several lengths
        raise ImageError(f"an image must be an array of numbers: {error}.", slug="image-dtype") from None
    if image.dtype.kind not in "buif":
        raise ImageError(
            f"an image must be an array of numbers, but its dtype is {image.dtype}.", slug="image-dtype"
        )
    if image.ndim not in (2, 3) or 0 in image.shape:
        hint = " Take one image of the batch: image[0]." if image.ndim == 4 else ""
        raise ImageError(
            f"an image must have shape (H, W) or (H, W, C), but it has shape {image.shape}.{hint}",
            slug="image-shape",
        )
    if image.ndim == 3 and image.shape[0] in (1, 3, 4) and image.shape[2] > 4 and image.shape[1] > 4:
        raise ImageError(
            f"an image must have its channels last, (H, W, C), but its shape {image.shape} looks like "
            "(C, H, W). Give image.transpose(1, 2, 0), of a tensor image.permute(1, 2, 0). PyTorch modules "
            "get their own order back; a function of yours has to turn it itself.",
            slug="image-shape",
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise ImageError(f"the image has {bad} values that are NaN or infinite.", slug="image-nan")
    return image


def pixel_form(image: Shaped[np.ndarray, "..."]) -> PixelForm:
    """What pixels have to have in common to be put from one image into another.

    Examples
    --------
    >>> pixel_form(np.zeros((2, 2, 3), np.float32)), pixel_form(np.zeros((4, 4), np.uint16))
    (('float', (3,)), ('uint16', ()))
    """
    return "float" if image.dtype.kind == "f" else image.dtype.name, image.shape[2:]


def channels_last(image: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "H W C"]:
    """The same pixels with a channel axis: (H, W) becomes (H, W, 1)."""
    return image[..., np.newaxis] if image.ndim == 2 else image


def unit_rgb(image: Shaped[np.ndarray, "..."], block: int = 1) -> Float[np.ndarray, "h w 3"]:
    """The image as RGB in [0, 1], to segment and to draw; never what the model is given.

    The same image as uint8, float 0–1 or float 0–255 gives the same numbers: values are rounded to
    16 bits, which takes away what the dtypes' rounding left. The few values beyond black and white become
    black and white. Grey is repeated, a fourth (alpha) channel is dropped, and images of two or more than
    four channels are shown by their mean over channels. Of `block` × `block` pixels only the mean is told.
    """
    low, high = value_range(image)
    span = high - low if high > low else 1.0
    # Rounded before the mean: a mean often lies halfway, where each dtype would round its own way.
    levels = np.rint(((channels_last(image).astype(np.float64) - low) / span).clip(0, 1) * 65535)
    if levels.shape[2] == 4:
        levels = levels[..., :3]
    elif levels.shape[2] not in (1, 3):
        levels = levels.mean(axis=2, keepdims=True)
    levels = _block_means(levels, block)
    return np.ascontiguousarray(np.broadcast_to(levels / 65535, (*levels.shape[:2], 3)))


def _block_means(pixels: Float[np.ndarray, "H W C"], block: int) -> Float[np.ndarray, "h w C"]:
    """Means of squares of pixels; at the lower and right edge of what there is of them."""
    if block == 1:
        return pixels
    sums, counts = pixels, np.ones(())
    for axis in (0, 1):
        starts = np.arange(0, pixels.shape[axis], block)
        sums = np.add.reduceat(sums, starts, axis=axis)
        counts = np.multiply.outer(counts, np.diff(starts, append=pixels.shape[axis]))
    return np.asarray(sums / counts[..., np.newaxis])
