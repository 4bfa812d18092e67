"""what a model's columns are → how they become scores, and what that is called."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float64

from sightline._scales import FARTHEST, LEAST


def as_two_classes(of_one: Float64[np.ndarray, "B R"]) -> Float64[np.ndarray, "B L"]:
    """Scores of two classes from the probability of class 1; several columns stay."""
    return np.hstack([1 - of_one, of_one]) if of_one.shape[1] == 1 else of_one


def _sigmoid_scores(scores: Float64[np.ndarray, "B R"]) -> Float64[np.ndarray, "B L"]:
    from scipy.special import expit

    return as_two_classes(np.asarray(expit(scores)))


def _exponential_scores(scores: Float64[np.ndarray, "B R"]) -> Float64[np.ndarray, "B L"]:
    return as_two_classes(np.exp(np.minimum(scores, 0.0)))


def log_odds_of_logs(logs: Float64[np.ndarray, "B R"]) -> Float64[np.ndarray, "B L"]:
    """Log-odds, log p − log(1 − p), from log p, with nothing rounded away where p is next to 0."""
    p = np.maximum(logs, -FARTHEST)
    odds = p - np.log(np.maximum(-np.expm1(np.minimum(p, 0.0)), LEAST))
    return SCORES["logit"](np.asarray(odds))


def _softmax_scores(scores: Float64[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L"]:
    from scipy.special import softmax

    return np.asarray(softmax(scores, axis=1))


SCORES: Mapping[str, Callable[[Float64[np.ndarray, "B R"]], Float64[np.ndarray, "B L"]]] = {
    "probability": as_two_classes,
    "log-probability": _exponential_scores,
    "sigmoid": _sigmoid_scores,
    "softmax": _softmax_scores,
    "logit": lambda scores: np.hstack([-scores, scores]) if scores.shape[1] == 1 else scores,
}
"""What the columns are → how they become scores."""

SINGLE = {
    "probability": "a probability of class 1: scores are [1 - p, p]",
    "log-probability": "the logarithm of a probability p of class 1: scores are [1 - p, p]",
    "sigmoid": "a logit of class 1: scores are [1 - p, p] of its sigmoid p",
    "logit": "a logit of class 1: scores are [-v, v]",
}
PRESUMED = {
    "logit": "columns that add up to 1, taken for probabilities, though they are not seen to be a softmax",
    "log-mixture": "mixed logarithms of probabilities, whose softmax is the score, so that it adds up to 1",
}
"""What several columns were taken for by their values, in words of a printed result."""
TAKEN = {
    "probability": "the probability of class 1",
    "log-probability": "the logarithm of the probability of class 1",
    "sigmoid": "a logit of class 1, whose sigmoid is the score",
    "logit": "a logit v of class 1: scores are [-v, v]",
}
"""What a single column stands for, in words of a printed result."""
