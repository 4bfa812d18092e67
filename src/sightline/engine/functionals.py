"""an attribution → what it is of the scores of all masks: weights for each mask.

Shapley, Banzhaf, LIME's infinite-sample weights (Garreau & Mardaoui 2021) and RISE's limit are all weighted
regressions of the scores on the masks, and differ in what masks of each size weigh in all (Lundberg & Lee
2017; Hammer & Holzman 1992; Ribeiro et al. 2016; Petsiuk et al. 2018). So one description serves them all.
"""

import functools
from collections.abc import Hashable

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline.engine.attribute import Banzhaf, Lime, Rise, Shapley
from sightline.engine.sampling import all_masks, log_comb
from sightline.types import record

COMPLETE = 16
"""Segments up to which all 2^S masks are averaged over."""


@functools.lru_cache(maxsize=2)
def complete_rows(
    attribute: Hashable, segments: int
) -> tuple[Bool[np.ndarray, "A S"], Float[np.ndarray, "S A"]]:
    """All 2^S masks, and the rows of the functional of `attribute` on them."""
    functional = functional_of(attribute, segments)
    assert functional is not None
    keep = all_masks(segments)
    return keep, functional.rows(keep)


@record
class Functional:
    """Values of segments as weighted sums of the scores of all masks.

    Parameters
    ----------
    mass : float array, shape (S + 1,)
        What all masks of each size weigh together; adds up to 1.
    flip_sizes : float array, shape (S + 1,), optional
        Shares of sizes of masks, for values that are the mean of what showing a segment adds to such masks
        (Weber 1988 calls these probabilistic).
    efficient : bool
        Whether the values add up to the score of the image minus that of the empty mask.
    factor : float
        By which the regression's coefficients are multiplied.
    centred : bool
        Whether the base is the mean of all masks rather than the intercept.
    shapley_pairs : bool
        Whether effects of pairs are Shapley's interaction index, rather than Banzhaf's.
    """

    mass: Float[np.ndarray, "S1"]
    flip_sizes: Float[np.ndarray, "S1"] | None = None
    efficient: bool = False
    factor: float = 1.0
    centred: bool = False
    shapley_pairs: bool = False

    @property
    def segments(self) -> int:
        return len(self.mass) - 1

    def mask_weights(self, keep: Bool[np.ndarray, "M S"]) -> Float[np.ndarray, "M"]:
        """Weights of masks such that those of a size weigh its mass, however many there are."""
        size = keep.sum(axis=1)
        count = np.bincount(size, minlength=len(self.mass))
        weight = self.mass[size] / count[size]
        return np.asarray(weight / weight.sum())

    def rows(self, keep: Bool[np.ndarray, "M S"]) -> Float[np.ndarray, "S M"]:
        """W such that ``W @ scores`` are the values: exactly where `keep` has all masks.

        Of an efficient functional, but for what all values have in common, which the two ends tell.

        Differences between segments are read off within sizes, what they have in common between them. On
        all masks that is the weighted regression; on some, what size does to the score adds no noise.
        """
        size = keep.sum(axis=1)
        weight = self.mask_weights(keep)
        centred = keep - _size_means(keep, size)
        weighted = (centred * weight[:, np.newaxis]).T
        gram = weighted @ centred
        gram += np.trace(gram) / self.segments**2  # the ones vector is left to the sizes
        within = np.linalg.solve(gram, weighted)
        if self.efficient:
            return self.factor * within
        away = size - weight @ size
        trend = weight * away / (weight @ away**2)
        trend -= (trend @ (keep - (size / self.segments)[:, np.newaxis])) @ within
        return np.asarray(self.factor * (within + trend))

    def base(
        self, keep: Bool[np.ndarray, "M S"], scores: Float[np.ndarray, "M"], values: Float[np.ndarray, "S"]
    ) -> float:
        """The score that the values start from, where that is not the empty mask's."""
        weight = self.mask_weights(keep)
        mean = float(weight @ scores)
        return mean if self.centred else mean - float((weight @ keep) @ values)

    def contexts(self, count: int, rng: np.random.Generator) -> Bool[np.ndarray, "count S"]:
        """Masks for `by_flips` to average over."""
        return draw_masks_by_size(
            self.size_shares() if self.flip_sizes is None else self.flip_sizes, count, rng
        )

    def by_flips(
        self,
        keep: Bool[np.ndarray, "D S"],
        scores: Float[np.ndarray, "D"],
        flipped: Float[np.ndarray, "D S"],
    ) -> tuple[Float[np.ndarray, "S"], Float[np.ndarray, "S"]]:
        """The values from scores of `contexts` and of each with one segment flipped, and their variance.

        Averaging over both states of each segment leaves a tenth of the noise of `rows` on as many masks.
        """
        sign = np.where(keep, 1.0, -1.0)
        if self.flip_sizes is not None:  # a mean of what showing a segment adds
            parts = self.factor * sign * (scores[:, np.newaxis] - flipped)
            return parts.mean(axis=0), mean_variance(parts)
        # What an additive model leaves, averaged over the masks as they weigh, times each segment's state.
        additive = self.rows(keep) @ scores
        level = float(self.mask_weights(keep) @ (scores - keep @ additive))
        fitted = level + keep @ additive
        here, there = (scores - fitted)[:, np.newaxis], flipped - fitted[:, np.newaxis] + sign * additive
        shown, hidden = np.where(keep, here, there), np.where(keep, there, here)
        size = np.arange(len(self.mass))
        middle = float(self.mass @ size) / self.segments
        count = keep.sum(axis=1)[:, np.newaxis] - keep
        if_shown, if_hidden = self._state_weights()
        parts = if_shown[count] * shown * (1 - middle) - if_hidden[count] * hidden * middle
        # The covariance of the states of segments is the same for all pairs, so its inverse is known.
        pair = float(self.mass @ (size * (size - 1))) / (self.segments * (self.segments - 1)) - middle**2
        apart = middle * (1 - middle) - pair
        common = pair / (apart + self.segments * pair)
        parts = (parts - common * parts.sum(axis=1, keepdims=True)) / apart
        return additive + parts.mean(axis=0), mean_variance(parts)

    def _state_weights(self) -> tuple[Float[np.ndarray, "S"], Float[np.ndarray, "S"]]:
        """Weight of a mask over the chance of the others' states, by how many others are visible.

        Once with the segment visible, once with it hidden.
        """
        with np.errstate(divide="ignore"):
            log_weight = np.log(self.mass) - log_comb(self.segments)
            log_chance = np.log(self.size_shares()) - log_comb(self.segments)
        either = np.logaddexp(log_chance[1:], log_chance[:-1])
        drawn = np.isfinite(either)  # of sizes that weigh nothing none is
        either = np.where(drawn, either, 0.0)
        shown, hidden = (np.exp(one - either) for one in (log_weight[1:], log_weight[:-1]))
        return np.where(drawn, shown, 0.0), np.where(drawn, hidden, 0.0)

    def size_shares(self) -> Float[np.ndarray, "S1"]:
        """How often to draw each size: by its leverage, mass times how much masks of the size differ."""
        size = np.arange(len(self.mass))
        share = self.mass * size * (self.segments - size)
        return np.asarray(share / share.sum())


def functional_of(attribute: object, segments: int) -> Functional | None:
    """What `attribute` comes to when every mask is asked; None for one that is not known here."""
    size = np.arange(segments + 1)
    even = np.exp(log_comb(segments) - segments * np.log(2))
    if isinstance(attribute, Shapley):
        mass = np.zeros(segments + 1)
        mass[1:-1] = 1 / (size[1:-1] * (segments - size[1:-1]))
        return Functional(
            mass / mass.sum(), np.full(segments + 1, 1 / (segments + 1)), efficient=True, shapley_pairs=True
        )
    if isinstance(attribute, Banzhaf):
        return Functional(even, even)
    if isinstance(attribute, Lime):
        distance = (1 - np.sqrt(size / segments)) / attribute.kernel_width
        log_mass = log_comb(segments) - 0.5 * distance**2
        mass = np.exp(log_mass - log_mass.max())
        return Functional(mass / mass.sum())
    if isinstance(attribute, Rise):
        log_chance = size * np.log(attribute.p) + (segments - size) * np.log1p(-attribute.p)
        log_mass = log_comb(segments) + log_chance
        return Functional(np.exp(log_mass), np.exp(log_mass), factor=1 - attribute.p, centred=True)
    return None


def _size_means(keep: Bool[np.ndarray, "M S"], size: Int[np.ndarray, "M"]) -> Float[np.ndarray, "M S"]:
    """Of each mask, the mean of all masks of its size."""
    segments = keep.shape[1]
    belongs = (size == np.arange(segments + 1)[:, np.newaxis]).astype(float)
    count = np.maximum(belongs.sum(axis=1, keepdims=True), 1)
    return np.asarray((belongs @ keep / count)[size])


def mean_variance(parts: Float[np.ndarray, "D ..."]) -> Float[np.ndarray, "..."]:
    """Of the mean of what `draw_masks_by_size` gave, whose masks may come in complementary pairs.

    So of the means of two neighbours, which are as independent as the pairs are, or as the masks.
    """
    half = len(parts) // 2
    pairs = (parts[0 : 2 * half : 2] + parts[1 : 2 * half : 2]) / 2
    return np.asarray(pairs.var(axis=0, ddof=1) / half)


def draw_masks_by_size(
    shares: Float[np.ndarray, "S1"], count: int, rng: np.random.Generator
) -> Bool[np.ndarray, "count S"]:
    """Random masks whose sizes come as often as `shares` say; in complementary pairs where shares allow.

    Sizes are dealt rather than drawn: each comes as often as it should, to within one.
    """
    segments = len(shares) - 1
    paired = np.allclose(shares, shares[::-1])
    wanted = (count + 1) // 2 if paired else count
    places = (np.arange(wanted) + rng.random()) / wanted
    size = np.minimum(np.searchsorted(np.cumsum(shares), places), segments)
    lots = rng.random((wanted, segments))
    bound = np.sort(lots, axis=1)[np.arange(wanted), np.maximum(size, 1) - 1]
    keep = (lots <= bound[:, np.newaxis]) & (size > 0)[:, np.newaxis]
    if not paired:
        return np.asarray(keep)
    return np.asarray(np.stack([keep, ~keep], axis=1).reshape(-1, segments)[:count])
