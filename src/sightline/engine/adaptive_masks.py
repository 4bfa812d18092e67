"""a process and what is wanted of it → the masks to ask next.

Greedily, one after the other, the mask whose score would bring the variance of the wanted values down most
(Krause, Singh & Guestrin 2008 choose points so): no score has to be known to choose many.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline.engine.functionals import draw_masks_by_size
from sightline.engine.gaussian_process import MaskKernel, Posterior, half_solved, signs_of
from sightline.types import record

FEWEST, MOST = 2000, 9000
"""Candidates looked at, however few or many masks are to be chosen."""


def candidate_masks(
    segments: int, count: int, asked: set[bytes], rng: np.random.Generator
) -> Bool[np.ndarray, "C S"]:
    """Distinct masks not `asked`: all where they are few, else two thirds of even sizes, one coin flips."""
    pool = min(max(FEWEST, 16 * count), MOST)
    if segments < 40 and 2**segments <= 3 * pool:
        keep = ((np.arange(2**segments)[:, np.newaxis] >> np.arange(segments)) & 1).astype(bool)
    else:
        even = np.ones(segments + 1)
        even[[0, -1]] = 0
        keep = np.concatenate(
            [
                draw_masks_by_size(even / even.sum(), pool * 2 // 3, rng),
                rng.random((pool // 3, segments)) < 0.5,
            ]
        )
        keep = np.unique(keep, axis=0)
    keys = np.packbits(keep, axis=1)
    return keep[[row.tobytes() not in asked for row in keys]]


@record
class Question:
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

    def prior_covariance(self, other: Float[np.ndarray, "C S"]) -> Float[np.ndarray, "S C"]:
        """Of the wanted values with the latent scores of other masks, before anything was asked."""
        return np.asarray(self.effects @ self.posterior.kernel.between(self.signs, other))

    def covariance(self) -> Float[np.ndarray, "S S"]:
        """Of the wanted values, by the delta method; wider where the process was surprised."""
        posterior = self.posterior
        known = half_solved(posterior, self.prior_covariance(posterior.signs).T)
        left = self.prior_covariance(self.signs) @ self.effects.T - known.T @ known
        return np.asarray(max(posterior.surprise, 1.0) * posterior.scale * left)


class GreedyChoice:
    """Chooses masks one by one for one process, and hears of those that others chose."""

    def __init__(self, question: Question, candidates: Bool[np.ndarray, "C S"], keep: int, most: int) -> None:
        posterior = question.posterior
        self.kernel: MaskKernel = posterior.kernel
        self.nugget = self.kernel.nugget
        signs = signs_of(candidates)
        covariance = self.kernel.between(posterior.signs, signs)
        self.explained = half_solved(posterior, covariance)
        known = half_solved(posterior, question.prior_covariance(posterior.signs).T)
        self.effect = question.prior_covariance(signs) - known.T @ self.explained
        self.variance = self.kernel.prior_variance(signs) - (self.explained**2).sum(axis=0)
        self.signs = signs
        self.updates = np.zeros((most, len(signs)))
        self.count = 0
        self.free = np.ones(len(signs), dtype=bool)

    def worth(self) -> Float[np.ndarray, "C"]:
        """By how much the trace of the covariance would fall, for each candidate."""
        gain = np.einsum("sc,sc->c", self.effect, self.effect)
        gain /= np.maximum(self.variance, 0) + self.nugget
        return np.where(self.free, gain, -1.0)

    def best(self) -> int:
        # In single precision: equals are told apart by their order, not by rounding.
        return int(self.worth().astype(np.float32).argmax())

    def ask(self, chosen: int) -> None:
        """Take a candidate for asked."""
        deviation = np.sqrt(max(self.variance[chosen], 0.0) + self.nugget)
        update = self.kernel.between(self.signs[chosen : chosen + 1], self.signs)[0]
        update -= self.explained[:, chosen] @ self.explained
        update -= self.updates[: self.count, chosen] @ self.updates[: self.count]
        update /= deviation
        self.updates[self.count] = update
        self.effect -= np.outer(self.effect[:, chosen] / deviation, update)
        self.variance -= update**2
        self.free[chosen] = False
        self.count += 1


def choose_masks(
    questions: list[Question], candidates: Bool[np.ndarray, "C S"], count: int
) -> Int[np.ndarray, "count"]:
    """Which candidates to ask: each process chooses in turn, knowing what the others chose."""
    choices = [GreedyChoice(one, candidates, 0, count) for one in questions]
    chosen = []
    for turn in range(min(count, len(candidates))):
        best = choices[turn % len(choices)].best()
        for choice in choices:
            choice.ask(best)
        chosen.append(best)
    return np.array(chosen, dtype=np.intp)
