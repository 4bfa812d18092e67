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
    others at 95 %, or so exact that it does not matter: no standard error above a fiftieth of the
    largest value.
    """
    return all(_is_target_settled(*pair) for pair in zip(attribution.values, attribution.error, strict=True))


def _is_target_settled(values: Float[np.ndarray, "S"], error: Float[np.ndarray, "S"]) -> bool:
    if not error.any():
        return True
    size = np.abs(values)
    if not np.isfinite(error).all() or size.max() == 0:
        return False
    if error.max() <= CLOSE * size.max():
        return True
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
