"""an image of bytes and a model that is sure beyond reason → was it trained on 0 to 1?"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Shaped

from sightline._scales import are_probabilities
from sightline._value_range import value_range
from sightline.errors import SightlineError, warn

SURE = 1e-6
"""How near to 1 a probability has to be, for the range to be doubted."""
APART = 100.0
"""How far the two highest of other scores have to be apart: no logits are, that were learned."""
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
    if are_probabilities(classes) and abs(float(classes.sum()) - 1) > LESS_SURE:
        return False
    low, high = value_range(image)
    second, first = np.sort(classes)[-2:] if classes.size > 1 else (0.0, 0.0)
    sure = first >= 1 - SURE if are_probabilities(classes) else first - second >= APART
    return bool(sure and low == 0 and high > 1)


def tells_from_black(scores: Float[np.ndarray, "L"], black: Float[np.ndarray, "L"], *others: int) -> bool:
    """Whether a model sees an image at all: its answer differs from that to a black one.

    Asked of the class that it says, and of others.

    Examples
    --------
    >>> tells_from_black(np.array([0.9, 0.1]), np.array([0.5, 0.5]))
    True
    """
    columns = [int(scores.argmax()), *others]
    apart = np.abs(_log_odds(_shares(scores)) - _log_odds(_shares(black)))
    return bool(apart[columns].max() >= TELLING)


def preprocess_advice(change: str, model: object) -> str:
    """How to change images before a model, in words; what it does to them itself, it is to do afterwards.

    Parameters
    ----------
    change : str
        An expression in `images`.
    model : Model

    Examples
    --------
    >>> preprocess_advice("images / 255", lambda images: images.mean((1, 2)))
    'preprocess=lambda images: images / 255'
    """
    name = getattr(model, "preprocess_name", "")
    if not name:
        return f"preprocess=lambda images: {change}"
    return f"preprocess=lambda images: before({change}) with the preprocess= that it has now, before = {name}"


def warn_of_range(
    score: Callable[[Shaped[np.ndarray, "B ..."]], Float[np.ndarray, "B L"]],
    image: Shaped[np.ndarray, "..."],
    classes: Float[np.ndarray, "L"],
    model: object = None,
) -> None:
    """Ask about the image scaled to 0 to 1, and about a black one; warn if the model sees something there.

    A model that wants bytes sees two black images; one that rescales by the image's own values sees the same
    as before. One of 0 to 1 sees the image at last, and is less sure or says another class.

    Parameters
    ----------
    score : callable
        Images, as a batch → scores, shape (B, L); if no probabilities, their softmax is looked at.
    image : array, shape (H, W) or (H, W, C)
    classes : float array, shape (L,)
        What the model said of the image as it is.
    model : Model, optional
        Whose answers they are, for what is said of its preprocessing.
    """
    high = value_range(image)[1]
    scaled = image.astype(np.float32) / np.float32(high)
    try:
        told, black = score(np.stack([scaled, np.zeros_like(scaled)]))
    except SightlineError:  # it takes integers alone
        return
    best, was, said = int(told.argmax()), int(classes.argmax()), _shares(told)
    if best == was and said[best] > 1 - LESS_SURE:
        return
    if not tells_from_black(told, black, was):
        return
    said_then = f"{told[best]:.3g}" + ("" if best == was else f", for class {best}")
    prepared = bool(getattr(model, "preprocess_name", ""))
    standardised = "" if prepared else "; with a mean and a deviation, if it was trained so (--mean, --std)"
    warn(
        f"the image has values from 0 to {high:g}, and of that the model is sure beyond reason (score "
        f"{classes[was]:.6g} for class {was}); scaled to 0 to 1 its score is {said_then}. "
        f"Was it trained on 0 to 1? Then give image / {high:g}, or "
        f"{preprocess_advice(f'images / {high:g}', model)} (--values unit){standardised}.",
        slug="range-saturated",
    )


def _shares(scores: Float[np.ndarray, "L"]) -> Float[np.ndarray, "L"]:
    """Probabilities, or the softmax of other scores: logits are as sure as that says."""
    from scipy.special import softmax

    return scores if are_probabilities(scores) else np.asarray(softmax(scores))


def _log_odds(probabilities: Float[np.ndarray, "L"]) -> Float[np.ndarray, "L"]:
    p = np.clip(probabilities, SURE**2, 1 - SURE**2)
    return np.asarray(np.log(p / (1 - p)))
