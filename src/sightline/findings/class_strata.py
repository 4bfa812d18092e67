"""heatmaps of right and wrong answers → how they differ where the same class was said."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline.findings.heatmaps import RunningMean
from sightline.types import record

FALSE = 0.05
"""Share of the pixels said to differ that may differ by chance alone."""
ENOUGH = 5
"""Answers of each kind below which no difference is told from chance."""
ROUNDING = 1e-12
"""Part of the means below which an error is none: the same values, added up in another order, differ so."""
MOST_CLASSES = 48
"""Predicted classes within which answers are compared, those with most wrong answers: each takes room."""


@record
class Difference:
    """How wrong answers differ from right ones of the same predicted class.

    Parameters
    ----------
    mean : float array
        Mean over the wrong answers of what each has more than the mean of the right answers of its class.
    error : float array
        Its standard error.
    significant : bool array
        Where it can be told from chance.
    """

    mean: Float[np.ndarray, "..."]
    error: Float[np.ndarray, "..."]
    significant: Bool[np.ndarray, "..."]


class ClassStrata:
    """Right and wrong answers, each predicted class by itself.

    Attribution is towards the predicted class, so that answers of different classes look at different places
    whether they are right or not. Where wrong answers are of other classes than right ones, as they mostly
    are, a comparison of all with all tells the classes apart. So from each wrong answer the mean of the right
    answers of the same predicted class is taken off, and what is left is held against 0.

    Parameters
    ----------
    labels, predicted : int sequence
        Of all answers that will be added: classes are compared that have a wrong answer and two right ones.
    """

    def __init__(
        self, labels: Sequence[int] | Int[np.ndarray, "N"], predicted: Sequence[int] | Int[np.ndarray, "N"]
    ) -> None:
        counts = Counter(
            zip(predicted, (one == two for one, two in zip(labels, predicted, strict=True)), strict=True)
        )
        both = [one for one, right in counts if not right and counts[one, True] >= 2]
        kept = sorted(both, key=lambda one: (-counts[one, False], one))[:MOST_CLASSES]
        self.counts = {one: (counts[one, True], counts[one, False]) for one in kept}
        self.wrong_left_out = sum(
            counts[one, False] for one, right in counts if not right and one not in kept
        )

    @property
    def compared(self) -> tuple[int, int]:
        """Right and wrong answers that are compared."""
        return sum(right for right, _ in self.counts.values()), sum(
            wrong for _, wrong in self.counts.values()
        )

    def means(self, shape: tuple[int, ...]) -> "StrataMeans":
        """Room for a value of each answer."""
        return StrataMeans(self, shape)


class StrataMeans:
    """Means of a value of right and of wrong answers, each predicted class by itself.

    Parameters
    ----------
    strata : ClassStrata
    shape : tuple of int
        Of the value of one answer.
    """

    def __init__(self, strata: ClassStrata, shape: tuple[int, ...]) -> None:
        self.strata = strata
        self.means = {(one, right): RunningMean(shape) for one in strata.counts for right in (True, False)}

    def add(self, predicted: int, right: bool, values: Float[np.ndarray, "..."]) -> None:
        """One more answer; of a class that is not compared it is left out."""
        if (kept := self.means.get((predicted, right))) is not None:
            kept.add(values)

    def difference(self) -> Difference | None:
        """What wrong answers have more than right ones of their class; None where there are none to compare.

        By a t-test whose error has two parts (Welch 1947): that of the wrong answers around the right ones
        of their class, and that of the right ones' means.
        """
        pairs = [(self.means[one, True], self.means[one, False]) for one in self.strata.counts]
        count = sum(wrong.count for _, wrong in pairs)
        if not count:
            return None
        apart = [wrong.mean - right.mean for right, wrong in pairs]
        mean = sum(wrong.count * one for one, (_, wrong) in zip(apart, pairs, strict=True)) / count
        squares = sum(
            wrong.squares + wrong.count * (one - mean) ** 2
            for one, (_, wrong) in zip(apart, pairs, strict=True)
        )
        parts: list[tuple[Any, int]] = [
            ((wrong.count / count * right.error) ** 2, right.count - 1) for right, wrong in pairs
        ]
        if count > 1:
            parts.append((squares / (count - 1) / count, count - 1))
        variance = sum(part for part, _ in parts)
        error = np.sqrt(variance) if count > 1 else np.full(np.shape(mean), np.inf)
        if min(self.strata.compared) < ENOUGH or not np.size(mean):
            return Difference(mean, error, np.zeros(np.shape(mean), dtype=bool))
        freedom = variance**2 / np.maximum(sum(part**2 / free for part, free in parts), 1e-300)
        rounding = ROUNDING * sum(np.abs(right.mean) + np.abs(wrong.mean) for right, wrong in pairs)
        return Difference(mean, error, _told_from_chance(mean, error, freedom, rounding))


def _told_from_chance(
    mean: Float[np.ndarray, "..."],
    error: Float[np.ndarray, "..."],
    freedom: Float[np.ndarray, "..."],
    rounding: Float[np.ndarray, "..."],
) -> Bool[np.ndarray, "..."]:
    """Where a mean is not 0, such that the expected share of false ones stays below 5 %."""
    from scipy.stats import false_discovery_control, t

    # Where no answer differs from another, as in a corner that is never looked at, nothing can be told.
    known = error > rounding
    score = np.divide(np.abs(mean), error, out=np.zeros(np.shape(mean)), where=known)
    p = np.where(known, 2 * t.sf(score, np.maximum(freedom, 1.0)), 1.0)
    return np.asarray(false_discovery_control(p, axis=None).reshape(p.shape) <= FALSE)
