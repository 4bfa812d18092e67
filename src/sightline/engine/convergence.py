"""attribution → is it settled? When to stop asking the model."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri

from sightline.types import Attribution

LEADING = 5
"""Segments that are to be told from the rest."""
SURE = 1.96
"""Standard errors on either side that hold the truth in 95 %."""
CLOSE = 0.02
"""Errors below this share of the largest value do not matter, whatever the order: segments that
close to each other are as good as equal."""
CLOSE_TOGETHER = 0.05
"""Share of the values' size that their errors may have together where an open budget ends."""
TOLD_APART = "the leading segments are told apart"


def sure_at_look(look: int) -> float:
    """Standard errors by which the `look`-th look at growing answers has to be sure.

    Whoever looks after each block and stops at the first success errs more often than in 5 %. So the first
    look may spend half of these, the second half of what is left, and so on (Lan & DeMets 1983).

    Examples
    --------
    >>> [round(sure_at_look(look), 2) for look in (1, 2, 3)]
    [2.24, 2.5, 2.73]
    """
    return float(-ndtri(0.025 * 0.5**look))


def is_settled(attribution: Attribution, sure: float = SURE) -> bool:
    """Whether the leading segments of every target can be told from the rest.

    True when the five largest values (in size; fewer if there are fewer segments) are apart from all
    others by `sure` standard errors, or nothing was left to chance. What a ridge pulls, it pulls from all
    alike, so the values are compared as they would be without it.
    """
    values = attribution.values if attribution.pull is None else attribution.values + attribution.pull
    errors = _chance_error(attribution)
    return all(_is_target_settled(*pair, sure) for pair in zip(values, errors, strict=True))


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


def why_enough(attribution: Attribution, look: int) -> str:
    """Why more calls of a regression would hardly tell more, at the `look`-th look; empty where they would.

    The leaders are told apart, or all errors below a fiftieth of the largest value: segments that cannot be
    told apart by then are as good as equal.
    """
    if is_settled(attribution, sure_at_look(look)):
        return TOLD_APART
    largest = np.abs(attribution.values).max(axis=1)
    exact = (_chance_error(attribution).max(axis=1) <= CLOSE * largest).all()
    return f"no error is above {100 * CLOSE:g} % of the largest value" if exact else ""


def why_close(attribution: Attribution, look: int) -> str:
    """Why a process may stop at the `look`-th look: small errors, or leaders that are known; or empty."""
    if (relative_error(attribution) <= CLOSE_TOGETHER).all():
        return f"the errors are below {100 * CLOSE_TOGETHER:g} % of the values"
    return TOLD_APART if is_settled(attribution, sure_at_look(look)) else ""


def _is_target_settled(values: Float[np.ndarray, "S"], error: Float[np.ndarray, "S"], sure: float) -> bool:
    if not error.any():
        return True
    size = np.abs(values)
    if not np.isfinite(error).all() or size.max() == 0:
        return False
    order = np.argsort(-size, kind="stable")
    lead, rest = order[:LEADING], order[LEADING:]
    if len(rest) == 0:
        return bool((size > sure * error).all())
    gap = size[lead][:, np.newaxis] - size[rest]
    spread = np.hypot(error[lead][:, np.newaxis], error[rest])
    return bool((gap > sure * spread).all())


def undecided_segments(attribution: Attribution) -> Bool[np.ndarray, "K S"]:
    """Which values cannot be told from zero at 95 %: bool, shape (K, S)."""
    return np.asarray(np.abs(attribution.values) <= SURE * attribution.error)
