"""numbers of an image → what black and white are among them: the one place that decides it."""

import numpy as np
from jaxtyping import Shaped

BEYOND = 0.01
"""Share of the values that may lie beyond black and white: hot pixels, and what resizing overshoots."""
SLIGHT = -0.1
"""Negative values down to here are overshoots where they are few; an image from −1 to 1 goes further."""
OVER = 1.1
"""Values up to here are overshoots of 1 however many they are, such as noise on white: no bytes end there."""
DEPTHS = (8, 10, 12, 14, 16)
"""Bits that cameras and detectors use of a larger number."""


def value_range(image: Shaped[np.ndarray, "..."]) -> tuple[float, float]:
    """What black and white are in this image's numbers: every place that has to know asks here.

    Bool and uint8 span their type. Other integers from 0 span the bits that the image uses, of 8, 10, 12, 14
    and 16: a detector's 12 bits are often kept in 16. Floats span the first of [0, 1], [−1, 1] and [0, 255]
    that holds nearly all values that are not 0, so that a hot pixel or an overshoot decides nothing; then
    the bits that hold all of them; failing that (standardised images, say), their own least and greatest
    value, without the few that lie far from all others. An image whose numbers mean something else can be
    given as floats from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> value_range(np.array([[0.0, 0.5]])), value_range(np.array([[0, 3000]], dtype=np.uint16))
    ((0.0, 1.0), (0.0, 4095.0))
    """
    if image.dtype == bool:
        return 0.0, 1.0
    if image.dtype == np.uint8:
        return 0.0, 255.0
    low, high = float(image.min()), float(image.max())
    if image.dtype.kind == "f":
        if low >= 0 and high <= 1:
            return 0.0, 1.0
        told = image[image != 0].astype(np.float64)
        for least, most in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
            signed = most == 1 and high <= 1 and low < SLIGHT
            if not (signed and least == 0) and _share_beyond(told, least, max(most, OVER)) <= BEYOND:
                return least, most
    bits = used_bits(high)
    if low >= 0 and bits is not None:
        return 0.0, 2.0**bits - 1
    return (low, high) if image.dtype.kind in "iu" else _usual_range(image, low, high)


def used_bits(highest: float) -> int | None:
    """The least of 8, 10, 12, 14 and 16 bits that hold a number, if any do.

    Examples
    --------
    >>> used_bits(255), used_bits(3000), used_bits(1e6)
    (8, 12, None)
    """
    return next((bits for bits in DEPTHS if highest <= 2**bits - 1), None)


def range_note(image: Shaped[np.ndarray, "..."]) -> str:
    """What was decided about black and white, in words, where the numbers leave a choice; else empty.

    Examples
    --------
    >>> import numpy as np
    >>> range_note(np.array([[0, 3000]], dtype=np.uint16))
    'black 0 and white 4095, the 12 bits that it uses'
    >>> range_note(np.linspace(0, 1, 200).reshape(10, 20) * 1.0001)
    'black 0 and white 1, which 1 of 200 values lie beyond'
    """
    low, high = value_range(image)
    beyond = int(((image < low) | (image > high)).sum())
    bits = used_bits(float(image.max()))
    if beyond:
        return f"black {low:g} and white {high:g}, which {beyond:,} of {image.size:,} values lie beyond"
    if image.dtype.kind in "iu" and image.dtype.itemsize > 1 and bits in DEPTHS[:-1] and low == 0:
        return f"black 0 and white {high:g}, the {bits} bits that it uses"
    return ""


def _share_beyond(values: Shaped[np.ndarray, "_"], least: float, most: float) -> float:
    return float(((values < least) | (values > most)).mean()) if values.size else 0.0


def _usual_range(image: Shaped[np.ndarray, "..."], low: float, high: float) -> tuple[float, float]:
    """Least and greatest value, without the few that lie far from all others."""
    least, most = np.quantile(image.astype(np.float64), [BEYOND / 2, 1 - BEYOND / 2]).tolist()
    near = (most - least) / 2
    return (low if low >= least - near else least), (high if high <= most + near else most)
