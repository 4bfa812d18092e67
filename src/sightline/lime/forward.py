"""masks and scores → features in the order in which they help a linear fit most."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, Shaped

TIE = 1e-9
"""Fits whose R² differ by less than this are compared by `refit`, because rounding decides between them."""

SINGULAR = 1e-6
"""Least eigenvalue of the columns' correlations below which rounding may decide between any fits."""


def forward_selection_path(
    data: Shaped[np.ndarray, "M S"],
    scores: Shaped[np.ndarray, "M"],
    weights: Shaped[np.ndarray, "M"],
    wanted: int,
    refit: Callable[[list[int]], float],
) -> Int[np.ndarray, "F"]:
    """Features that greedily add most to the R² of a weighted linear fit (orthogonal least squares).

    Chen, Billings & Luo 1989. Instead of fitting every candidate anew, the columns are kept orthogonal to
    those already chosen, so that what each would add can be read off.

    Parameters
    ----------
    refit : callable
        R² of the fit on these features. Asked only about candidates that are equally good here, or about
        all where the weights leave too few masks to tell the columns apart.
    """
    columns, target = (
        _weighted_centred(data, weights),
        _weighted_centred(scores[:, np.newaxis], weights)[:, 0],
    )
    size, total = (columns**2).sum(axis=0), (target**2).sum()
    slack = TIE * total if _well_conditioned(columns, size) else np.inf
    used: list[int] = []
    for _ in range(min(wanted, data.shape[1])):
        gain = _explained_squares(columns, target, size)
        gain[used] = -np.inf
        leaders = np.flatnonzero((gain >= gain.max() - slack) & np.isfinite(gain))
        best = int(leaders[0])
        if len(leaders) > 1:
            best = int(leaders[np.argmax([refit([*used, int(feature)]) for feature in leaders])])
        used.append(best)
        columns, target = _orthogonalised(columns[:, best], columns, target)
    return np.array(used)


def _weighted_centred(
    values: Shaped[np.ndarray, "M F"], weights: Shaped[np.ndarray, "M"]
) -> Float[np.ndarray, "M F"]:
    mean = np.average(values, axis=0, weights=weights)
    return np.asarray((values - mean) * np.sqrt(weights)[:, np.newaxis], dtype=np.float64)


def _well_conditioned(columns: Float[np.ndarray, "M S"], size: Float[np.ndarray, "S"]) -> bool:
    """Whether the columns are well apart, so that every fit on some of them is sure to many digits."""
    if size.min() == 0:
        return False
    unit = columns / np.sqrt(size)
    return bool(np.linalg.eigvalsh(unit.T @ unit)[0] > SINGULAR)


def _explained_squares(
    columns: Float[np.ndarray, "M S"], target: Float[np.ndarray, "M"], size: Float[np.ndarray, "S"]
) -> Float[np.ndarray, "S"]:
    """How much of the target's square each column takes away; nothing if it is spent."""
    left = (columns**2).sum(axis=0)
    live = left > 1e-10 * size
    return np.where(live, (target @ columns) ** 2 / np.where(live, left, 1.0), 0.0)


def _orthogonalised(
    column: Float[np.ndarray, "M"], columns: Float[np.ndarray, "M S"], target: Float[np.ndarray, "M"]
) -> tuple[Float[np.ndarray, "M S"], Float[np.ndarray, "M"]]:
    """Columns and target with their part along `column` taken out."""
    size = np.linalg.norm(column)
    if size == 0:
        return columns, target
    unit = column / size
    return columns - np.outer(unit, unit @ columns), target - unit * (unit @ target)
