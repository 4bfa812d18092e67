"""a process and what is wanted of it → the masks to ask next.

Greedily, one after the other, the mask whose score would bring the variance of the wanted values down most
(Krause, Singh & Guestrin 2008 choose points so): no score has to be known to choose many.
"""

import functools
import itertools

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.linalg import cho_solve, solve_triangular

from sightline.engine.functionals import COMPLETE, draw_masks_by_size
from sightline.engine.gaussian_process import (
    Posterior,
    half_solved,
    in_precision_of,
    mask_numbers,
    signs_of,
    single,
)
from sightline.engine.sampling import all_masks
from sightline.types import record

FEWEST, MOST = 2000, 9000
"""Candidates looked at, however few or many masks are to be chosen."""
PANEL, PANELS = 32, 8
"""Most masks chosen between two updates of all candidates, and least updates of a block."""
SHORTLIST = 4
"""Candidates among which a panel is chosen, for each mask of it."""
LISTED = 4096
"""Candidates looked at closely, at least: those whose scores tell most."""
LEAST_SHARE = 0.1
"""Of a variance with the noise of sampled masks, what is taken for its own at least."""
ROUNDING = 3e-6
"""Share of a variance by which single precision may be wrong of what is left of it."""


def candidate_masks(
    segments: int, count: int, asked: set[bytes], rng: np.random.Generator
) -> Bool[np.ndarray, "C S"]:
    """Distinct masks not `asked`: all where they are few, else two thirds of even sizes, one coin flips."""
    pool = min(max(FEWEST, 16 * count), MOST)
    if segments < 40 and 2**segments <= 3 * pool:
        keep = all_masks(segments)
    else:
        even = np.ones(segments + 1)
        even[[0, -1]] = 0
        keep = np.concatenate(
            [
                draw_masks_by_size(even / even.sum(), pool * 2 // 3, rng),
                rng.random((pool // 3, segments)) < 0.5,
            ]
        )
    return new_masks(keep, asked)


def new_masks(keep: Bool[np.ndarray, "C S"], asked: set[bytes]) -> Bool[np.ndarray, "N S"]:
    """Those not `asked`, in their order, none twice."""
    known, new = set(asked), []
    for row, key in enumerate(np.packbits(keep, axis=1)):
        if key.tobytes() not in known:
            known.add(key.tobytes())
            new.append(row)
    return np.asarray(keep[new])


@record
class WantedValues:
    """What is wanted of one process.

    Parameters
    ----------
    posterior : Posterior
    effects : float array, shape (S, V)
        How the wanted values change with the latent scores of masks.
    signs : float array, shape (V, S)
        Those masks.
    """

    posterior: Posterior
    effects: Float[np.ndarray, "S V"]
    signs: Float[np.ndarray, "V S"]

    @functools.cached_property
    def _table(self) -> Float[np.ndarray, "A S"] | None:
        """Covariances with all 2^S masks, where the effects are of all of them."""
        segments = self.signs.shape[1]
        if segments > COMPLETE or len(self.signs) < 2**segments:
            return None
        return self.posterior.kernel.over_all_masks(np.arange(2**segments), self.effects.T)

    def prior_covariance(self, other: Float[np.ndarray, "C S"]) -> Float[np.ndarray, "S C"]:
        """Of the wanted values with the latent scores of other masks, before anything was asked."""
        if self._table is not None:
            return np.asarray(self._table[mask_numbers(other)].T)
        return self._weighted(self.effects, other)

    def posterior_effect(
        self, other: Float[np.ndarray, "C S"]
    ) -> tuple[Float[np.ndarray, "S C"], Float[np.ndarray, "M C"]]:
        """As `prior_covariance`, after what was asked; and covariances of the masks asked with the others.

        In the precision of the other masks.
        """
        posterior = self.posterior
        covariance = posterior.kernel.between(in_precision_of(posterior.signs, other), other)
        left = self.prior_covariance(other) - in_precision_of(self._asked_weights, other).T @ covariance
        return left, covariance

    @functools.cached_property
    def _asked_weights(self) -> Float[np.ndarray, "M S"]:
        """What each mask asked contributes to the wanted values."""
        covariance = self.prior_covariance(self.posterior.signs)
        return np.asarray(cho_solve((self.posterior.factor, True), covariance.T))

    def covariance(self) -> Float[np.ndarray, "S S"]:
        """Of the wanted values, by the delta method; wider where masks left out were predicted badly.

        Where the masks are a sample, that of the values by one half with those by the other half: what the
        choice of masks adds is not in it.
        """
        posterior = self.posterior
        wide = posterior.error_scale
        if self._table is not None:
            return np.asarray(wide * self._covariance_of(self.effects, self.effects))
        half = np.arange(len(self.signs)) // 2 % 2 == 0  # complements stay together
        first, second = 2 * self.effects * half, 2 * self.effects * ~half
        left = self._covariance_of(first, second)
        left = (left + left.T) / 2
        least = LEAST_SHARE * np.diag(self._covariance_of(self.effects, self.effects))
        left[np.diag_indices(len(left))] = np.maximum(np.diag(left), least)
        return np.asarray(wide * left)

    def _covariance_of(
        self, a: Float[np.ndarray, "S V"], b: Float[np.ndarray, "S V"]
    ) -> Float[np.ndarray, "S S"]:
        """Of weighted sums of latent scores, given what was asked."""
        known = [half_solved(self.posterior, self._weighted(one, self.posterior.signs).T) for one in (a, b)]
        return np.asarray(self._weighted(a, self.signs) @ b.T - known[0].T @ known[1])

    def _weighted(
        self, effects: Float[np.ndarray, "S V"], other: Float[np.ndarray, "C S"]
    ) -> Float[np.ndarray, "S C"]:
        if self._table is not None:
            return self.prior_covariance(other)
        kernel = self.posterior.kernel
        return np.asarray(single(effects) @ kernel.between(single(self.signs), single(other)), dtype=float)


class GreedyChoice:
    """Chooses masks for one process, one by one, and hears of those that others chose."""

    def __init__(self, question: WantedValues, candidates: Bool[np.ndarray, "C S"], most: int) -> None:
        posterior = question.posterior
        self.kernel = posterior.kernel
        self.nugget = self.kernel.nugget
        self.signs = signs_of(candidates)
        self.effect, covariance = question.posterior_effect(self.signs)
        explained = half_solved(posterior, covariance)
        self.variance = self.kernel.prior_variance(self.signs) - np.einsum("mc,mc->c", explained, explained)
        self.free = np.ones(len(candidates), dtype=bool)
        # What the masks asked explain, and what those chosen do: squares add up to it.
        self.explained = np.empty((len(explained) + most, len(candidates)))
        self.explained[: len(explained)] = explained
        self.count = len(explained)

    def best(self, count: int) -> Int[np.ndarray, "count"]:
        """The next `count` masks of the greedy order.

        Looked for among those that are worth most now: what a mask is worth hardly ever rises when another
        one is chosen (Minoux 1978).
        """
        gain = np.einsum("sc,sc->c", self.effect, self.effect)
        gain /= np.maximum(self.variance, 0) + self.nugget
        gain = np.where(self.free, gain, -1.0)
        few = min(len(gain), SHORTLIST * count)
        listed = np.argpartition(-gain, few - 1)[:few]
        # In single precision: equals are told apart by their order, not by rounding.
        listed = listed[np.lexsort((listed, -single(gain[listed])))]
        covariance = self._covariance(listed, listed)
        effect, variance = self.effect[:, listed], np.diag(covariance).copy()
        free = self.free[listed].copy()
        chosen = []
        for _ in range(min(count, int(free.sum()))):
            worth = np.einsum("sc,sc->c", effect, effect) / (np.maximum(variance, 0) + self.nugget)
            one = int(np.where(free, worth, -1.0).argmax())
            deviation = np.sqrt(max(variance[one], 0.0) + self.nugget)
            update = covariance[one] / deviation
            effect -= np.outer(effect[:, one] / deviation, update)
            covariance -= np.outer(update, update)
            variance = np.diag(covariance)
            free[one] = False
            chosen.append(listed[one])
        return np.array(chosen, dtype=np.intp)

    def ask(self, chosen: Int[np.ndarray, "B"]) -> None:
        """Take candidates for asked."""
        covariance = self._covariance(chosen, np.arange(len(self.signs)))
        corner = covariance[:, chosen]
        corner[np.diag_indices(len(chosen))] += self.nugget
        factor = np.linalg.cholesky(corner)
        update = solve_triangular(factor, covariance, lower=True, check_finite=False)
        self.effect -= solve_triangular(factor, self.effect[:, chosen].T, lower=True).T @ update
        self.variance -= np.einsum("bc,bc->c", update, update)
        self.free[chosen] = False
        self.explained[self.count : self.count + len(chosen)] = update
        self.count += len(chosen)

    def _covariance(self, a: Int[np.ndarray, "A"], b: Int[np.ndarray, "B"]) -> Float[np.ndarray, "A B"]:
        """Of latent scores of candidates, once those chosen are asked."""
        known = self.explained[: self.count]
        left = self.kernel.between(self.signs[a], self.signs[b])
        left -= known[:, a].T @ (known if len(b) == known.shape[1] else known[:, b])
        return left


def choose_masks(
    questions: list[WantedValues], candidates: Bool[np.ndarray, "C S"], count: int
) -> Int[np.ndarray, "count"]:
    """Which candidates to ask: each process chooses some in turn, knowing what the others chose."""
    count = min(count, len(candidates))
    listed = _screened_candidates(questions, candidates, max(LISTED, 6 * count))
    choices = [GreedyChoice(one, candidates[listed], count) for one in questions]
    chosen: list[int] = []
    panel = min(max(1, count // PANELS), PANEL)
    for turn in itertools.cycle(range(len(choices))):
        best = choices[turn].best(min(panel, count - len(chosen)))
        chosen += best.tolist()
        if len(chosen) >= count:
            return np.asarray(listed[chosen])
        for choice in choices:
            choice.ask(best)
    raise AssertionError("no process chooses")


def _screened_candidates(
    questions: list[WantedValues], candidates: Bool[np.ndarray, "C S"], most: int
) -> Int[np.ndarray, "L"]:
    """Those whose scores tell most about the wanted values, in their order."""
    if len(candidates) <= most:
        return np.arange(len(candidates))
    signs = single(signs_of(candidates))
    worth = np.zeros(len(candidates))
    for question in questions:
        effect, covariance = question.posterior_effect(signs)
        explained = half_solved(question.posterior, covariance)
        prior = question.posterior.kernel.prior_variance(signs)
        variance = prior - np.einsum("mc,mc->c", explained, explained)
        gain = np.einsum("sc,sc->c", effect, effect)
        gain /= np.maximum(variance, ROUNDING * prior) + question.posterior.kernel.nugget
        worth = np.maximum(worth, gain / max(float(gain.max()), 1e-300))
    return np.sort(np.argpartition(-worth, most - 1)[:most])
