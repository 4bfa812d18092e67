"""paired masks and what a linear fit left over → how far products of segments blur single effects.

Masks from a code err less than as many masks drawn by chance, so the usual standard errors are too wide
for them. Here the rest is taken for a sum of products of three and of five segments with random
coefficients (pairs cancel between a mask and its complement). Their two variances are read off the
residuals, and the part of them that the design lets through to each segment's effect is computed.

Real products are a few large ones rather than many alike, so the model alone is too sure of itself: on
complete ImageNet games its 95 % intervals hold the truth in 65 to 95 % of cases, the usual ones in
nearly all of them and are up to six times too wide. Their geometric mean, never less than
`LEAST` of the usual ones, holds it in 93 to 99 % (``benchmarks/games.py``), and is what is
used. What LIME's ridge pulls besides is no matter of masks, and is added by who fits it.

In a code of few runs a product of three may look the same as a single effect in every mask. Then no
residual tells of it, so there is a floor that does not come from residuals. Products of three are taken to
do as much as pairs do, which complements show; those of more, less by as much as pairs do less than single
effects. The chance that they show in no residual is the part of all runs that single effects take up.
Where there are no pairs the floor is nil, and where the design is clear of products of three nearly so.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import nnls

from sightline.engine.factorial_design import krawtchouk_polynomial

ORDERS = (3, 5)
MOST_RUNS = 2048  # the matrices below are runs × runs
# Residuals never prove that there are no products of five: without this floor the intervals of designs of
# 2^r runs, which let no product of three through, hold the truth in 55 to 80 % of cases on those games.
LEAST = 0.4
CLEAR = 1e-5  # of what a random design would let through


def error_bounds(
    keep: Bool[np.ndarray, "M S"], values: Float[np.ndarray, "M K"]
) -> tuple[Float[np.ndarray, "K S"], Float[np.ndarray, "K S"]]:
    """What to multiply the usual standard errors by, between `LEAST` and 1; and what they are at least.

    Parameters
    ----------
    keep : bool array, shape (M, S)
        Rows 0 and 1, 2 and 3, … are complements of each other; otherwise there is no gain, and no floor.
    values : float array, shape (M, K)
        Scores of the rows.
    """
    runs, segments = len(keep) // 2, keep.shape[1]
    unchanged = np.ones((values.shape[1], segments)), np.zeros((values.shape[1], segments))
    if not min(ORDERS) <= segments < runs <= MOST_RUNS or (keep[0::2][:runs] == keep[1::2]).any():
        return unchanged
    signs = np.where(keep[0 : 2 * runs : 2], 1.0, -1.0)
    odd, even = ((values[0 : 2 * runs : 2] + sign * values[1 : 2 * runs : 2]) / 2 for sign in (-1, 1))
    basis, corner = np.linalg.qr(signs)
    if np.abs(np.diag(corner)).min() < 1e-9 * np.abs(corner).max():
        return unchanged
    influence = np.linalg.solve(corner, basis.T)
    rest = odd - basis @ (basis.T @ odd)
    single = ((odd - rest) ** 2).mean(axis=0)
    whole = signs.astype(np.float32)  # which small whole numbers lose nothing by
    distance = ((segments - whole @ whole.T) / 2).astype(np.intp)
    # Scaled so that a coefficient is a share of the score's variance.
    tables = [krawtchouk_polynomial(segments, order) for order in ORDERS if order <= segments]
    # Single precision is plenty for a ratio of errors, and halves the time.
    products = [(table / table[0]).astype(np.float32).take(distance) for table in tables]
    basis, influence, rest = (each.astype(np.float32) for each in (basis, influence, rest))
    inside = [basis.T @ product for product in products]  # S × P
    variances = _product_variances(basis, products, inside, rest)
    to_influence = np.linalg.inv(corner).astype(np.float32)  # influence = to_influence @ basis.T
    through = np.stack([((to_influence @ part) * influence).sum(axis=1) for part in inside])
    # Rounding leaves a little of what is clear of single effects.
    through[through < CLEAR * (influence**2).sum(axis=1)] = 0
    usual = (influence**2) @ rest**2 * runs / (runs - segments)
    # Rounding may bring what should be 0 below it.
    blurred = np.maximum(through.T @ variances, 0).T
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt(blurred / usual.T)
    gain = np.sqrt(np.where(np.isfinite(ratio), np.clip(ratio, LEAST**2, 1), 1.0))
    # From −1 to 1 it is two steps.
    hidden = through.T @ _expected_variances(single, even.var(axis=0))[: len(through)]
    return gain, 2 * np.sqrt(segments / runs * hidden.T)


def _expected_variances(
    single: Float[np.ndarray, "K"], pairs: Float[np.ndarray, "K"]
) -> Float[np.ndarray, "O K"]:
    """Of products of the orders, from those of single effects and of pairs."""
    ratio = np.minimum(1.0, pairs / np.maximum(single, 1e-300))
    return np.array([pairs * ratio ** (order - 3) for order in ORDERS])


def _product_variances(
    basis: Float[np.ndarray, "P S"],
    products: list[Float[np.ndarray, "P P"]],
    inside: list[Float[np.ndarray, "S P"]],
    rest: Float[np.ndarray, "P K"],
) -> Float[np.ndarray, "O K"]:
    """Variances of the orders, such that the residual's quadratic forms come out as they were seen."""
    corners = [part @ basis for part in inside]
    # Quadratic forms of the residual with the identity and with the first product: tr(A (1−H) B (1−H)).
    even = [len(basis) - np.trace(corner) for corner in corners]
    first = [
        np.vdot(products[0], product) - 2 * np.vdot(inside[0], part) + np.vdot(corners[0], corner)
        for product, part, corner in zip(products, inside, corners, strict=True)
    ]
    expected = np.array([even, first])
    seen = np.stack([(rest**2).sum(axis=0), (rest * (products[0] @ rest)).sum(axis=0)])
    scale = np.maximum(expected.sum(axis=1, keepdims=True), 1e-9)
    solved = [nnls(expected / scale, column)[0] for column in (seen / scale).T]
    return np.array(solved).T
