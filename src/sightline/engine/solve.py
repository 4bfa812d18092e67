"""The linear algebra, alone: weighted regressions, what each row contributes to them, their errors."""

import numpy as np
from jaxtyping import Bool, Float, Int

ROUNDING = 1e-6
"""Share of the scores by which a model in single precision may err."""


def ridge_regression(
    keep: Bool[np.ndarray, "M S"],
    values: Float[np.ndarray, "M K"],
    weight: Float[np.ndarray, "M"],
    penalty: float,
) -> tuple[Float[np.ndarray, "K S"], Float[np.ndarray, "K"], Float[np.ndarray, "S M"]]:
    """Weighted ridge regression with a free intercept.

    Returns
    -------
    coefficients : shape (K, S)
    intercept : shape (K,)
    influence : shape (S, M)
        ``coefficients.T == influence @ values``.
    """
    share = weight / weight.sum()
    inverse, weighted = _ridge_inverse(keep, weight, penalty)
    influence = inverse @ weighted
    coefficients = (influence @ values).T
    intercept = share @ values - coefficients @ (share @ keep)
    return coefficients, intercept, influence


def ridge_coefficients(
    keep: Bool[np.ndarray, "M S"],
    values: Float[np.ndarray, "M K"],
    weight: Float[np.ndarray, "M"],
    penalty: float,
) -> Float[np.ndarray, "K S"]:
    """The coefficients of `ridge_regression` alone, in a third of the time."""
    inverse, weighted = _ridge_inverse(keep, weight, penalty)
    return np.asarray((inverse @ (weighted @ values)).T)


def _ridge_inverse(
    keep: Bool[np.ndarray, "M S"], weight: Float[np.ndarray, "M"], penalty: float
) -> tuple[Float[np.ndarray, "S S"], Float[np.ndarray, "S M"]]:
    """The inverse of the normal equations' matrix, and the weighted masks beside their mean."""
    centred = keep - (weight / weight.sum()) @ keep
    weighted = (centred * weight[:, np.newaxis]).T
    return _gram_inverse(weighted @ centred + penalty * np.eye(keep.shape[1])), weighted


def constrained_regression(
    keep: Bool[np.ndarray, "M S"],
    values: Float[np.ndarray, "M K"],
    weight: Float[np.ndarray, "M"],
    total: Float[np.ndarray, "K"],
) -> tuple[Float[np.ndarray, "K S"], Float[np.ndarray, "S M"]]:
    """Weighted regression through the origin whose coefficients add up to `total` (Lagrange).

    Returns
    -------
    coefficients : shape (K, S)
    influence : shape (S, M)
        How the coefficients change with the values at a fixed total.
    """
    weighted = (keep * weight[:, np.newaxis]).T
    inverse = _gram_inverse(weighted @ keep)
    ones = inverse.sum(axis=1)
    project = inverse - np.outer(ones, ones) / ones.sum()
    influence = project @ weighted
    coefficients = (influence @ values).T + np.outer(total, ones / ones.sum())
    return coefficients, influence


def _gram_inverse(gram: Float[np.ndarray, "S S"]) -> Float[np.ndarray, "S S"]:
    """Inverse of a symmetric matrix, or pseudo-inverse where too few masks leave it singular."""
    size = np.diag(gram)
    try:
        corner = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(gram, rcond=1e-10, hermitian=True))
    if np.diag(corner).min() ** 2 <= 1e-10 * size.max():
        return np.asarray(np.linalg.pinv(gram, rcond=1e-10, hermitian=True))
    return np.linalg.inv(gram)


def is_determined(design: Float[np.ndarray, "M S"]) -> Bool[np.ndarray, "S"]:
    """Which coefficients the rows tell, rather than only their sum with others."""
    gram = design.T @ design
    size, axes = np.linalg.eigh(gram)
    solid = size > 1e-9 * max(size[-1], 1e-300)
    return np.asarray((axes[:, solid] ** 2).sum(axis=1) > 1 - 1e-6)


def r_squared(
    values: Float[np.ndarray, "M K"], fitted: Float[np.ndarray, "M K"], weight: Float[np.ndarray, "M"]
) -> Float[np.ndarray, "K"]:
    """Weighted R² of each column; nan where the values never moved beyond rounding."""
    share = (weight / weight.sum())[:, np.newaxis]
    spread = (share * (values - (share * values).sum(axis=0)) ** 2).sum(axis=0)
    rest = (share * (values - fitted) ** 2).sum(axis=0)
    flat = ~has_moved(values) | (spread == 0)  # masks that weigh nothing may be all that moved
    return np.where(flat, np.nan, 1 - rest / np.where(flat, 1, spread))


def has_moved(values: Float[np.ndarray, "M K"]) -> Bool[np.ndarray, "K"]:
    """Whether each column's values differ by more than rounding."""
    scale = np.maximum(np.abs(values).max(axis=0), 1e-300)
    return np.asarray(np.ptp(values, axis=0) > ROUNDING * scale)


def complement_rows(keep: Bool[np.ndarray, "M S"]) -> Int[np.ndarray, "M"]:
    """The row of each mask's complement, or its own where the complement is not there."""
    if len(keep) % 2 == 0 and (keep[0::2] != keep[1::2]).all():  # as designs have them, each only once
        return np.arange(len(keep), dtype=np.intp) ^ 1
    packed = np.packbits(np.stack([keep, ~keep]), axis=2)
    place = {row.tobytes(): m for m, row in enumerate(packed[0])}
    return np.array([place.get(row.tobytes(), m) for m, row in enumerate(packed[1])], dtype=np.intp)


def paired_error(
    influence: Float[np.ndarray, "S M"],
    residual: Float[np.ndarray, "M K"],
    partner: Int[np.ndarray, "M"],
    unknown: Float[np.ndarray, "M"],
    used: int,
) -> Float[np.ndarray, "K S"]:
    """Sandwich standard error of ``influence @ values`` when rows come in pairs.

    Parameters
    ----------
    influence : shape (S, M)
        What each row contributes to each value.
    residual : shape (M, K)
        What the fit leaves of the values.
    partner : shape (M,)
        The other row of each pair, or the row itself.
    unknown : shape (M,)
        Share of the row's kind that was not asked: the finite-population correction.
    used : int
        Parameters fitted. As many pairs as that leave nothing to judge by: the error is inf.
    """
    alone = partner == np.arange(len(partner))
    clusters = int(alone.sum()) + int((~alone).sum()) // 2
    if clusters <= used:
        return np.full((residual.shape[1], influence.shape[0]), np.inf)
    pull = residual * np.sqrt(unknown)[:, np.newaxis]
    together = np.where(alone[:, np.newaxis], 0.0, pull * pull[partner])
    variance = influence**2 @ pull**2 + (influence * influence[:, partner]) @ together
    return np.asarray(np.sqrt(np.maximum(variance, 0) * clusters / (clusters - used))).T
