"""attribution → is it settled? When to stop asking the model."""

import numpy as np
from jaxtyping import Bool, Float

from sightline.types import Attribution

LEADING = 5
SURE = 1.96
CLOSE = 0.02
"""Errors below this share of the largest value do not matter, whatever the order: segments that
close to each other are as good as equal."""


def is_settled(attribution: Attribution) -> bool:
    """Whether the leading segments of every target can be told from the rest.

    True when the five largest values (in size; fewer if there are fewer segments) are apart from all
    others at 95 %, or nothing was left to chance. What a ridge pulls, it pulls from all alike, so the values
    are compared as they would be without it.
    """
    values = attribution.values if attribution.pull is None else attribution.values + attribution.pull
    return all(_is_target_settled(*pair) for pair in zip(values, _chance_error(attribution), strict=True))


def is_enough(attribution: Attribution) -> bool:
    """Whether more calls would hardly tell more: settled, or all values known to a fiftieth of the largest.

    Segments that cannot be told apart by then are as good as equal.
    """
    largest = np.abs(attribution.values).max(axis=1)
    exact = bool((_chance_error(attribution).max(axis=1) <= CLOSE * largest).all())
    return exact or is_settled(attribution)


def _chance_error(attribution: Attribution) -> Float[np.ndarray, "K S"]:
    """The part of the errors that other masks would change."""
    if attribution.pull is None:
        return attribution.error
    known = np.where(np.isfinite(attribution.error), attribution.error**2 - attribution.pull**2, np.inf)
    return np.asarray(np.sqrt(np.maximum(known, 0)))


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
