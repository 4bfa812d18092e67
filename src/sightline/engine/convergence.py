"""attribution → is it settled? When to stop asking the model."""

import numpy as np
from jaxtyping import Bool, Float

from sightline.types import Attribution

LEADING = 5
SURE = 1.96
CLOSE = 0.02
"""Errors below this share of the largest value do not matter, whatever the order: segments that
close to each other are as good as equal."""
CLOSE_TOGETHER = 0.05
"""Share of the values' size that their errors may have together where an open budget ends."""
TOLD_APART = "the leading segments are told apart"


def is_settled(attribution: Attribution) -> bool:
    """Whether the leading segments of every target can be told from the rest.

    True when the five largest values (in size; fewer if there are fewer segments) are apart from all
    others at 95 %, or nothing was left to chance. What a ridge pulls, it pulls from all alike, so the values
    are compared as they would be without it.
    """
    values = attribution.values if attribution.pull is None else attribution.values + attribution.pull
    return all(_is_target_settled(*pair) for pair in zip(values, _chance_error(attribution), strict=True))


def _chance_error(attribution: Attribution) -> Float[np.ndarray, "K S"]:
    """The part of the errors that other masks would change."""
    if attribution.pull is None:
        return attribution.error
    known = np.where(np.isfinite(attribution.error), attribution.error**2 - attribution.pull**2, np.inf)
    return np.asarray(np.sqrt(np.maximum(known, 0)))


def relative_error(attribution: Attribution) -> Float[np.ndarray, "K"]:
    """The size that the errors of each target are expected to have together, as a share of the values' size.

    Examples
    --------
    >>> values, error = np.array([[3.0, 4.0]]), np.array([[0.3, 0.4]])
    >>> relative_error(Attribution(values, error, np.zeros(1), np.ones(1)))
    array([0.1])
    """
    size = np.linalg.norm(attribution.values, axis=1)
    error = np.linalg.norm(attribution.error, axis=1)
    return np.where(error == 0, 0.0, error / np.where(size > 0, size, np.nan))


def why_enough(attribution: Attribution) -> str:
    """Why more calls of a regression would hardly tell more; empty where they would.

    The leaders are told apart, or all errors below a fiftieth of the largest value: segments that cannot be
    told apart by then are as good as equal.
    """
    if is_settled(attribution):
        return TOLD_APART
    largest = np.abs(attribution.values).max(axis=1)
    exact = (_chance_error(attribution).max(axis=1) <= CLOSE * largest).all()
    return f"no error is above {100 * CLOSE:g} % of the largest value" if exact else ""


def why_close(attribution: Attribution) -> str:
    """Why a process may stop: its errors are small beside the values, or the leaders known; or empty."""
    if (relative_error(attribution) <= CLOSE_TOGETHER).all():
        return f"the errors are below {100 * CLOSE_TOGETHER:g} % of the values"
    return TOLD_APART if is_settled(attribution) else ""


def _is_target_settled(values: Float[np.ndarray, "S"], error: Float[np.ndarray, "S"]) -> bool:
    if not error.any():
        return True
    size = np.abs(values)
    if not np.isfinite(error).all() or size.max() == 0:
        return False
    order = np.argsort(-size, kind="stable")
    lead, rest = order[:LEADING], order[LEADING:]
    if len(rest) == 0:
        return bool((size > SURE * error).all())
    gap = size[lead][:, np.newaxis] - size[rest]
    spread = np.hypot(error[lead][:, np.newaxis], error[rest])
    return bool((gap > SURE * spread).all())


def undecided_segments(attribution: Attribution) -> Bool[np.ndarray, "K S"]:
    """Which values cannot be told from zero at 95 %: bool, shape (K, S)."""
    return np.asarray(np.abs(attribution.values) <= SURE * attribution.error)
