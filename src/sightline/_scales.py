"""scores → the scale that they are explained on: as the model says them, or the log-odds of probabilities.

A probability has walls at 0 and 1: where a model is sure, hiding anything hardly moves it, and what moves it
only together looks like nothing. Log-odds, log p − log(1 − p), have none, and are what most classifiers add
their evidence up to.
"""

from collections.abc import Callable
from typing import Literal, NoReturn, TypeAlias

import numpy as np
from jaxtyping import Float, Shaped

from sightline.errors import ModelError
from sightline.types import Model

Scale: TypeAlias = Literal["probability", "log-odds"]
SCALES: tuple[Scale, ...] = ("probability", "log-odds")
LEAST = float(np.finfo(np.float32).tiny)
"""Probabilities below count as this: single precision has none that are smaller (1.2e-38)."""
FARTHEST = float(-np.log(LEAST))
"""Log-odds of a probability of 0, about 87."""
ROUNDING = 1e-6
"""How far beside 0 and 1 single precision may put a probability."""
SUM_ROUNDING = 1e-3
"""How far beside 1 it may put the sum of a softmax."""
NEAR = 0.01
"""Probabilities within this of 0 or 1 hardly move, whatever is hidden."""
MOST = 0.8
"""Share of the answers that have to be so near for the scores to count as saturated."""


def are_probabilities(scores: Float[np.ndarray, "..."]) -> bool:
    """Whether all scores may be probabilities.

    Examples
    --------
    >>> are_probabilities(np.array([0.2, 0.9])), are_probabilities(np.array([-1.0, 3.0]))
    (True, False)
    """
    return bool(scores.min(initial=0) >= -ROUNDING and scores.max(initial=0) <= 1 + ROUNDING)


def log_odds(probabilities: Float[np.ndarray, "B L"]) -> Float[np.ndarray, "B L"]:
    """Log-odds of each class, log p − log(1 − p).

    Where a row adds up to 1, 1 − p is taken from the other classes: a probability that single precision has
    rounded to 1 still tells how far it is from it. Probabilities below 1.2e-38 count as that.

    Examples
    --------
    >>> log_odds(np.array([[0.5, 0.5], [1.0, 1e-20]])).round(2)
    array([[  0.  ,   0.  ],
           [ 46.05, -46.05]])
    """
    p = np.clip(probabilities, 0.0, 1.0)
    total = p.sum(axis=1, keepdims=True)
    joint = np.abs(total - 1) <= SUM_ROUNDING
    # The sum of the others, added up and not subtracted: what is left of 1 may be far below its rounding.
    rows, largest = np.arange(len(p)), p.argmax(axis=1)
    without = p.copy()
    without[rows, largest] = 0.0
    others = 1 - p
    others[rows, largest] = np.where(joint[:, 0], without.sum(axis=1), others[rows, largest])
    return np.asarray(np.log(np.maximum(p, LEAST)) - np.log(np.maximum(others, LEAST)))


def log_odds_of_logits(logits: Float[np.ndarray, "B L"]) -> Float[np.ndarray, "B L"]:
    """Log-odds of the softmax of logits, exactly: however sure the model is, nothing is rounded away.

    Examples
    --------
    >>> log_odds_of_logits(np.array([[300.0, 0.0]]))
    array([[ 300., -300.]])
    """
    from scipy.special import logsumexp

    rows, largest = np.arange(len(logits)), logits.argmax(axis=1)
    without = logits.copy()
    without[rows, largest] = -np.inf
    rest = logsumexp(without, axis=1)
    log_p = logits - logsumexp(logits, axis=1, keepdims=True)
    # Of all but the largest class p is at most a half, so that 1 − p loses nothing.
    odds = log_p - np.log1p(-np.minimum(np.exp(log_p), 0.5))
    odds[rows, largest] = logits[rows, largest] - rest
    return np.asarray(odds)


def unscaled_scores(said: Float[np.ndarray, "..."], scale: Scale = "log-odds") -> Float[np.ndarray, "..."]:
    """What a model says on its own scale: of log-odds, the probabilities again."""
    from scipy.special import expit

    return np.asarray(expit(said)) if scale == "log-odds" else said


def log_probabilities(odds: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Logarithms of the probabilities, from log-odds, with nothing rounded away at either end."""
    from scipy.special import log_expit

    return np.asarray(log_expit(odds))


def within_reach(odds: Float[np.ndarray, "M K"]) -> Float[np.ndarray, "M K"]:
    """Log-odds of probabilities of exactly 0 or 1, brought to just beyond all the others of their column.

    A forest says 0 where none of its hundred trees votes: that is below one in a hundred, not 1e-38. So a
    probability of 0 counts as half of the least one that the model said, and one of 1 alike.
    """
    wall = np.abs(odds) >= FARTHEST * (1 - 1e-9)
    exact = wall & (np.abs(odds) <= FARTHEST * (1 + 1e-9))
    if not exact.any():
        return odds
    farthest = np.nan_to_num(np.where(wall, 0.0, np.abs(odds))).max(axis=0)
    inside = np.where(farthest > 0, np.minimum(farthest + np.log(2), FARTHEST), FARTHEST)
    return np.asarray(np.where(exact, np.sign(odds) * inside, odds))


def are_saturated(probabilities: Float[np.ndarray, "M"]) -> bool:
    """Whether nearly all of the answers are so near to 0 or 1 that hiding more or less hardly moves them."""
    if not len(probabilities) or not are_probabilities(probabilities):
        return False
    near = np.minimum(np.abs(probabilities), np.abs(1 - probabilities)) < NEAR
    return bool(near.mean() >= MOST)


class LogOddsModel:
    """The log-odds of what a function of the user's says.

    Parameters
    ----------
    model : Model
        Its scores have to be probabilities.
    """

    scale: Scale = "log-odds"

    def __init__(self, model: Model) -> None:
        self.model = model

    def __call__(self, images: Shaped[np.ndarray, "B ..."]) -> Float[np.ndarray, "B L"]:
        return checked_log_odds(np.asarray(self.model(images), dtype=np.float64))


def checked_log_odds(scores: Float[np.ndarray, "B ..."]) -> Float[np.ndarray, "B ..."]:
    """Log-odds of scores that are probabilities.

    Raises
    ------
    ModelError
        If they are not.
    """
    if scores.ndim != 2:
        return scores  # whoever asked says what is wrong with that
    if not are_probabilities(scores):
        refuse_log_odds(f"scores from {scores.min():.4g} to {scores.max():.4g}")
    return log_odds(scores)


def refuse_log_odds(what: str) -> NoReturn:
    """Say that these scores have no log-odds.

    Raises
    ------
    ModelError
    """
    raise ModelError(
        f'scale="log-odds" needs probabilities, but these are the model\'s scores: {what}. Raw scores have '
        "no walls: leave out scale= (--scale) to explain them as they are. If they are logits, say so to "
        'as_model: output="softmax", or "sigmoid".',
        slug="scale-unfit",
    )


def on_scale(model: Model, scale: Scale) -> Model:
    """The model with its scores on that scale: itself if it is already."""
    if scale == getattr(model, "scale", "probability"):
        return model
    own: Callable[[], Model] | None = getattr(model, "with_log_odds", None)
    return LogOddsModel(model) if own is None else own()


def with_evidence(model: Model) -> Model:
    """The model with its scores as log-odds where they are probabilities and it can say them; else itself."""
    own: Callable[[], Model] | None = getattr(model, "with_evidence", None)
    return model if own is None else own()
