"""a process → how much two segments do together that neither does alone, for every pair.

Shapley's interaction index averages the second difference f(T∪ij) − f(T∪i) − f(T∪j) + f(T) over sets T of
which each size weighs the same, Banzhaf's over all sets alike (Grabisch 2016, ch. 2). Where all masks are
few, over all of them; else over some contexts, with both segments of every pair in all four states.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import gammaln

from sightline.engine.functionals import draw_masks_by_size, mean_variance
from sightline.engine.gaussian_process import (
    CONSTANT,
    Link,
    MaskKernel,
    Posterior,
    half_solved,
    signs_of,
)
from sightline.engine.sampling import log_comb

CONTEXTS = 64
"""Masks of the others over which effects are averaged, where there are too many for all."""
ALIKE = 0.95
"""Correlation of two pairs' products over the masks from which on they cannot be told apart."""
ERROR_CONTEXTS = 16
"""As many, for the errors of the few pairs that are told."""


def segment_pairs(segments: int) -> Int[np.ndarray, "P 2"]:
    """All pairs i < j."""
    return np.stack(np.triu_indices(segments, 1), axis=1)


def share_products(keep: Bool[np.ndarray, "M S"], pairs: Int[np.ndarray, "P 2"]) -> Bool[np.ndarray, "P"]:
    """Whether the masks cannot tell a pair from another one: their products are alike, or opposite, in all.

    A factorial code of few masks has such pairs. What one of them does may then be the other's.

    Examples
    --------
    >>> keep = np.array([[a, b, c, a ^ b ^ c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], dtype=bool)
    >>> share_products(keep, np.array([[0, 1]])), share_products(keep[:, :3], np.array([[0, 1]]))
    (array([ True]), array([False]))
    """
    signs = signs_of(keep).astype(np.float32)
    every = segment_pairs(keep.shape[1])
    mine = signs[:, pairs[:, 0]] * signs[:, pairs[:, 1]]
    alike = np.abs(mine.T @ (signs[:, every[:, 0]] * signs[:, every[:, 1]])) > ALIKE * len(signs)
    return np.asarray(alike.sum(axis=1) > 1)  # one of them is itself


def context_masks(
    segments: int, shapley: bool, count: int, rng: np.random.Generator
) -> Bool[np.ndarray, "count S"]:
    """Masks whose part without any two segments is a set T as the index weighs them."""
    shares = np.full(segments + 1, 1 / (segments + 1))
    if not shapley:
        shares = np.exp(log_comb(segments) - segments * np.log(2))
    return draw_masks_by_size(shares, count, rng)


def complete_pair_effects(
    keep: Bool[np.ndarray, "A S"], scores: Float[np.ndarray, "A"], shapley: bool
) -> Float[np.ndarray, "P"]:
    """The index from the scores of all 2^S masks."""
    segments = keep.shape[1]
    size = np.arange(-2, segments + 1)
    weight = np.full(len(size), 2.0 ** -(segments - 2))
    inside = (size >= 0) & (size <= segments - 2)
    if shapley:
        of = size[inside]
        weight[inside] = np.exp(gammaln(of + 1) + gammaln(segments - of - 1) - gammaln(segments))
    weight[~inside] = 0
    shown, hidden, count = keep.astype(float), (~keep).astype(float), keep.sum(axis=1)
    both, one, none = (scores * weight[count - apart + 2] for apart in (2, 1, 0))
    mixed = (shown.T * one) @ hidden
    effects = (shown.T * both) @ shown - mixed - mixed.T + (hidden.T * none) @ hidden
    return np.asarray(effects[np.triu_indices(segments, 1)])


def sampled_pair_effects(
    kernel: MaskKernel,
    signs: Float[np.ndarray, "M S"],
    weights: Float[np.ndarray, "M"],
    level: float,
    link: Link,
    contexts: Bool[np.ndarray, "D S"],
) -> tuple[Float[np.ndarray, "P"], Float[np.ndarray, "P"]]:
    """The index averaged over `contexts`, from the mean latent score ``level + Σ_m k(x, x_m) weights[m]``.

    Also the standard error that comes of there being no more contexts.

    To flip a segment multiplies each product of the kernel by a factor of its own, so that the latent
    scores of all pairs of flips are two products of matrices.
    """
    segments = signs.shape[1]
    tilt = kernel.tilt
    found = np.empty((len(contexts), segments, segments))
    for here, effects in zip(signs_of(contexts), found, strict=True):
        near = np.exp((signs * kernel.rates) @ here - kernel.rates.sum())
        near_weight = weights * kernel.amplitude(signs) * kernel.amplitude(here[np.newaxis])[0]
        pull = np.exp(-2 * tilt * here / segments)
        single = np.exp(-2 * kernel.rates * here * signs) * pull
        cubed = np.exp(-6 * kernel.rates * here * signs) * pull
        of_single, of_cubed = near_weight * near, near_weight * kernel.cube * near**3
        linear = kernel.linear * here * (signs.T @ weights)
        plain = level + CONSTANT * weights.sum() + linear.sum()
        latent = plain + of_single.sum() + of_cubed.sum()
        one = plain - 2 * linear + of_single @ single + of_cubed @ cubed
        two = plain - 2 * (linear[:, np.newaxis] + linear)
        two += (single.T * of_single) @ single + (cubed.T * of_cubed) @ cubed
        at_one = link.score(one)
        second = link.score(np.array(latent)) - at_one[:, np.newaxis] - at_one + link.score(two)
        effects[:] = np.outer(here, here) * second
    rows, columns = np.triu_indices(segments, 1)
    parts = found[:, rows, columns]
    return parts.mean(axis=0), np.sqrt(mean_variance(parts))


def pair_errors(
    posterior: Posterior,
    link: Link,
    pairs: Int[np.ndarray, "P 2"],
    contexts: Bool[np.ndarray, "D S"],
) -> Float[np.ndarray, "P"]:
    """Standard errors of the index of each pair, by the delta method."""
    known = np.empty((len(posterior.signs), len(pairs)))
    prior = np.empty(len(pairs))
    here = signs_of(contexts)
    for p, (i, j) in enumerate(pairs):
        states = np.repeat(here[np.newaxis], 4, axis=0)
        states[0::2, :, i], states[1::2, :, i] = 1, -1
        states[:2, :, j], states[2:, :, j] = 1, -1
        states = states.reshape(-1, here.shape[1])
        sign = states[:, i] * states[:, j] / len(here)
        covariance = posterior.kernel.between(states, posterior.signs)
        latents = covariance @ posterior.weights + posterior.level
        effect = sign * link.slope(latents, posterior.spread)
        known[:, p] = effect @ covariance
        prior[p] = effect @ posterior.kernel.between(states, states) @ effect
    variance = prior - (half_solved(posterior, known) ** 2).sum(axis=0)
    return np.asarray(np.sqrt(np.maximum(variance, 0) * posterior.error_scale))
