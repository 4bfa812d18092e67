"""an image of bytes and a model that is sure beyond reason → was it trained on 0 to 1?"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Shaped

from sightline._scales import are_probabilities
from sightline._value_range import value_range
from sightline.errors import SightlineError, warn

SURE = 1e-6
"""How near to 1 a probability has to be, for the range to be doubted."""
LESS_SURE = 1e-3
"""How far from 1 it has to be for the scaled image, for that to be said."""
TELLING = 1.0
"""Log-odds by which the scaled image has to differ from a black one: to a model of bytes both are black."""
CALLS = 2
"""Calls that the answer costs, where there is a doubt."""


def doubts_range(image: Shaped[np.ndarray, "..."], classes: Float[np.ndarray, "L"]) -> bool:
    """Whether the image's white is above 1, and the model is so sure as a model of 0 to 1 would be of that.

    Examples
    --------
    >>> image = np.full((4, 4), 200, np.uint8)
    >>> doubts_range(image, np.array([1.0, 5e-285])), doubts_range(image, np.array([0.99, 0.01]))
    (True, False)
    """
    if not are_probabilities(classes) or abs(float(classes.sum()) - 1) > LESS_SURE:
        return False
    low, high = value_range(image)
    return bool(classes.max() >= 1 - SURE and low == 0 and high > 1)


def warn_of_range(
    score: Callable[[Shaped[np.ndarray, "B H W C"]], Float[np.ndarray, "B L"]],
    image: Shaped[np.ndarray, "H W C"],
    classes: Float[np.ndarray, "L"],
) -> None:
    """Ask about the image scaled to 0 to 1, and about a black one; warn if the model sees something there.

    A model that wants bytes sees two black images; one that rescales by the image's own values sees the same
    as before. One of 0 to 1 sees the image at last, and is less sure or says another class.

    Parameters
    ----------
    score : callable
        Images, shape (B, H, W, C) → probabilities, shape (B, L).
    image : array, shape (H, W, C)
    classes : float array, shape (L,)
        What the model said of the image as it is.
    """
    high = value_range(image)[1]
    scaled = image.astype(np.float32) / np.float32(high)
    try:
        said, black = score(np.stack([scaled, np.zeros_like(scaled)]))
    except SightlineError:  # it takes integers alone
        return
    best, was = int(said.argmax()), int(classes.argmax())
    if best == was and said[best] > 1 - LESS_SURE:
        return
    if np.abs(_log_odds(said) - _log_odds(black))[[best, was]].max() < TELLING:
        return
    said_then = f"{said[best]:.3g}" + ("" if best == was else f", for class {best}")
    warn(
        f"the image has values from 0 to {high:g}, and of that the model is sure beyond reason (score "
        f"{classes[was]:.6g} for class {was}); scaled to 0 to 1 its score is {said_then}. "
        f"Was it trained on 0 to 1? Then give image / {high:g}, or preprocess=lambda images: images / "
        f"{high:g} (--values unit).",
        slug="range-saturated",
    )


def _log_odds(probabilities: Float[np.ndarray, "L"]) -> Float[np.ndarray, "L"]:
    p = np.clip(probabilities, SURE**2, 1 - SURE**2)
    return np.asarray(np.log(p / (1 - p)))
