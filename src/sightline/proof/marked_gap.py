"""right answers and a person's yes or no → whether errors go with a shortcut, and do so less after a repair.

A detector misses some of what it looks for, and what is missed is not hidden: then hiding tells too little of
what the shortcut does. Who shows it is known all the same where a person said so.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline.findings.significance import ROUNDS, holm_adjusted
from sightline.types import record

FEWEST_SIDE = 5
"""Images of a class with the shortcut, and without, below which the class says nothing of it."""
FEWEST_OTHERS = 10
"""Errors of the better sides below which it cannot be told how much fewer these became."""
MOST_FALL = 2.0
"""How many times as far the gap has to close, at most, as the other errors fell."""
TURNS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
"""Right before and after, of the four things that an answer can do."""


@record
class MarkedGap:
    """How far accuracy with a shortcut and without lie apart within classes, before a repair and after it.

    Parameters
    ----------
    before, after : float
        Mean over classes, each weighed by its images, of the difference between images with the shortcut and
        without, whichever way it goes; nan where no class has enough of both.
    linked : float
        How likely the errors before would go with it so much by chance: Fisher's exact test within each
        class, adjusted by Holm's method.
    weaker : float
        How likely the gap did not close, and further than the errors fell that do not go with it: share of
        resamples within classes and sides.
    """

    before: float
    after: float
    linked: float
    weaker: float

    @property
    def left(self) -> float:
        """Share of the gap that remains."""
        return self.after / self.before if self.before > 0 else 1.0


def measure_gap(
    there: Bool[np.ndarray, "N"],
    labels: Int[np.ndarray, "N"],
    before: Bool[np.ndarray, "N"],
    after: Bool[np.ndarray, "N"],
    rng: np.random.Generator,
) -> MarkedGap:
    """How errors go with a shortcut that a person marked, before and after.

    Examples
    --------
    >>> there, labels = np.arange(80) % 2 == 0, np.zeros(80, int)
    >>> found = measure_gap(there, labels, ~there, np.ones(80, bool), np.random.default_rng(0))
    >>> found.before, found.after, found.linked < 0.001, found.weaker < 0.001
    (1.0, 0.0, True, True)
    """
    from scipy.stats import fisher_exact

    counts = []
    for one in np.unique(labels):
        sides = [side & (labels == one) for side in (there, ~there)]
        if min(side.sum() for side in sides) >= FEWEST_SIDE:
            counts.append([np.bincount(2 * before[side] + after[side], minlength=4) for side in sides])
    if not counts:
        return MarkedGap(np.nan, np.nan, 1.0, 1.0)
    cells = np.array(counts)
    right = cells @ TURNS
    sizes = cells.sum(axis=2, keepdims=True)
    weights = sizes.sum(axis=1)[:, 0] / sizes.sum()
    tables = [
        np.stack([side[:, 0], size[:, 0] - side[:, 0]]) for side, size in zip(right, sizes, strict=True)
    ]
    linked = min(holm_adjusted([float(fisher_exact(table).pvalue) for table in tables]))
    was, now = _mean_gaps(right / sizes, weights)
    others = (sizes.sum(axis=1) * (1 - (right / sizes).max(axis=1))).sum(axis=0)
    fell = 1.0 if others[0] < FEWEST_OTHERS else others[0] / max(others[1], 1.0)
    drawn = np.stack(
        [
            [
                rng.multinomial(side.sum(), side / side.sum(), size=ROUNDS) @ TURNS / side.sum()
                for side in cell
            ]
            for cell in cells
        ]
    )
    gaps = _mean_gaps(np.moveaxis(drawn, 2, 0), weights)
    closed = gaps[:, 0] - float(np.clip(fell, 1.0, MOST_FALL)) * gaps[:, 1]
    return MarkedGap(float(was), float(now), linked, float((1 + (closed <= 0).sum()) / (1 + ROUNDS)))


def _mean_gaps(
    accuracy: Float[np.ndarray, "*D C 2 2"], weights: Float[np.ndarray, "C"]
) -> Float[np.ndarray, "*D 2"]:
    """Of accuracy by class, side, and before and after."""
    return np.asarray(np.einsum("...ck,c->...k", np.abs(accuracy[..., 0, :] - accuracy[..., 1, :]), weights))
