"""The linear algebra, alone: weighted regressions, what each row contributes to them, their errors."""

import numpy as np
from jaxtyping import Bool, Float, Int


def ridge(
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
    centred = keep - share @ keep
    weighted = (centred * weight[:, np.newaxis]).T
    gram = weighted @ centred + penalty * np.eye(keep.shape[1])
    influence = _inverse(gram) @ weighted
    coefficients = (influence @ values).T
    intercept = share @ values - coefficients @ (share @ keep)
    return coefficients, intercept, influence


def constrained(
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
    inverse = _inverse(weighted @ keep)
    ones = inverse.sum(axis=1)
    project = inverse - np.outer(ones, ones) / ones.sum()
    influence = project @ weighted
    coefficients = (influence @ values).T + np.outer(total, ones / ones.sum())
    return coefficients, influence


def _inverse(gram: Float[np.ndarray, "S S"]) -> Float[np.ndarray, "S S"]:
    """Inverse of a symmetric matrix, or pseudo-inverse where too few masks leave it singular."""
    return np.asarray(np.linalg.pinv(gram, rcond=1e-10, hermitian=True))


def r_squared(
    values: Float[np.ndarray, "M K"], fitted: Float[np.ndarray, "M K"], weight: Float[np.ndarray, "M"]
) -> Float[np.ndarray, "K"]:
    """Weighted R² of each column; nan where the values never moved beyond rounding."""
    share = (weight / weight.sum())[:, np.newaxis]
    spread = (share * (values - (share * values).sum(axis=0)) ** 2).sum(axis=0)
    rest = (share * (values - fitted) ** 2).sum(axis=0)
    flat = ~moved(values)
    return np.where(flat, np.nan, 1 - rest / np.where(flat, 1, spread))


def moved(values: Float[np.ndarray, "M K"]) -> Bool[np.ndarray, "K"]:
    """Whether each column's values differ by more than rounding."""
    scale = np.maximum(np.abs(values).max(axis=0), 1e-300)
    return np.asarray(np.ptp(values, axis=0) > 1e-7 * scale)


def pair_ids(keep: Bool[np.ndarray, "M S"]) -> Int[np.ndarray, "M"]:
    """The same number for a mask and its complement."""
    rows = np.where(keep[:, :1], keep, ~keep)
    return np.asarray(np.unique(np.packbits(rows, axis=1), axis=0, return_inverse=True)[1]).ravel()


def clustered_error(
    influence: Float[np.ndarray, "S M"],
    residual: Float[np.ndarray, "M K"],
    cluster: Int[np.ndarray, "M"],
    unknown: Float[np.ndarray, "M"],
    used: int,
) -> Float[np.ndarray, "K S"]:
    """Sandwich standard error of ``influence @ values`` when rows come in clusters (pairs).

    Parameters
    ----------
    unknown : shape (M,)
        Share of the row's kind that was not asked: the finite-population correction.
    used : int
        Parameters fitted. As many clusters as that leave nothing to judge by: the error is inf.
    """
    clusters = int(cluster.max()) + 1
    if clusters <= used:
        return np.full((residual.shape[1], influence.shape[0]), np.inf)
    error = np.empty((residual.shape[1], influence.shape[0]))
    order = np.argsort(cluster, kind="stable")
    starts = np.flatnonzero(np.diff(cluster[order], prepend=-1))
    scale = clusters / (clusters - used)
    for k, column in enumerate(residual.T):
        pulls = np.add.reduceat((influence * (column * np.sqrt(unknown)))[:, order], starts, axis=1)
        error[k] = np.sqrt(scale * (pulls**2).sum(axis=1))
    return error
