"""probabilities and truth → how often what is said with some probability comes true."""

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline._printing import printable_text
from sightline._tables import format_table
from sightline.evaluation.discrimination import Estimate, Z, share_estimate
from sightline.types import record

ROUNDS = 500
"""Truths drawn from the probabilities themselves, to see what a calibrated model would be off by."""


@record
class Calibration:
    """How often what is said with some probability comes true.

    Parameters
    ----------
    said : float array, shape (B,)
        Mean probability of each bin's images; bins hold about as many images each.
    true : tuple of Estimate, length B
        Share of them of which it was true, with Wilson's interval.
    counts : int array, shape (B,)
    brier : Estimate
        Mean squared difference of probability and truth: 0 is best. Its interval is a normal one.
    error : float
        Expected calibration error: the mean over images of how far their bin's share is from what was said.
    expected : tuple of float
        Between which two numbers that error lies in 95 % of cases if the probabilities are right: by chance
        alone it is never 0 (Bröcker & Smith 2007).
    name : str
        What it is the probability of.
    """

    said: Float[np.ndarray, "B"]
    true: tuple[Estimate, ...]
    counts: Int[np.ndarray, "B"]
    brier: Estimate
    error: float
    expected: tuple[float, float]
    name: str

    def __repr__(self) -> str:
        rows = [("said", "true", "95 %", "images")]
        rows += [
            (f"{said:.3f}", f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}", f"{count:,}")
            for said, one, count in zip(self.said, self.true, self.counts.tolist(), strict=True)
        ]
        low, high = self.expected
        word = "more than" if self.error > high else "as much as" if self.error >= low else "less than"
        return "\n".join(
            [
                f"Calibration of {printable_text(self.name)}",
                *format_table(rows),
                f"Brier score  {self.brier!r}",
                f"calibration error  {self.error:.3f}, {word} right probabilities would show "
                f"({low:.3f} to {high:.3f})",
            ]
        )


def calibration_of(
    probabilities: Float[np.ndarray, "N"], truth: Bool[np.ndarray, "N"], bins: int, name: str
) -> Calibration:
    """The calibration curve, in bins of as many images each.

    Bins are those of scikit-learn's ``calibration_curve(strategy="quantile")``.

    Examples
    --------
    >>> said, truth = np.linspace(0.05, 0.95, 40), np.arange(40) % 4 > 1
    >>> made = calibration_of(said, truth, 4, "ill")
    >>> made.counts.tolist(), [one.value for one in made.true]
    ([10, 10, 10, 10], [0.4, 0.6, 0.4, 0.6])
    """
    which = _bin_numbers(probabilities, bins)
    counts = np.bincount(which)
    there = np.flatnonzero(counts)
    hits = np.bincount(which, weights=truth)
    rng = np.random.default_rng(0)
    chance = [
        _calibration_error(which, probabilities, rng.random(len(truth)) < probabilities)
        for _ in range(ROUNDS)
    ]
    low, high = np.quantile(chance, [0.025, 0.975])
    squares = (probabilities - truth) ** 2
    brier, half = float(squares.mean()), Z * float(squares.std()) / len(squares) ** 0.5
    return Calibration(
        said=(np.bincount(which, weights=probabilities)[there] / counts[there]),
        true=tuple(share_estimate(int(hits[one]), int(counts[one])) for one in there.tolist()),
        counts=counts[there],
        brier=Estimate(brier, max(0.0, brier - half), min(1.0, brier + half)),
        error=_calibration_error(which, probabilities, truth),
        expected=(float(low), float(high)),
        name=name,
    )


def _bin_numbers(probabilities: Float[np.ndarray, "N"], bins: int) -> Int[np.ndarray, "N"]:
    edges = np.quantile(probabilities, np.linspace(0, 1, bins + 1))
    return np.asarray(np.searchsorted(edges[1:-1], probabilities))


def _calibration_error(
    which: Int[np.ndarray, "N"], probabilities: Float[np.ndarray, "N"], truth: Bool[np.ndarray, "N"]
) -> float:
    """Mean over images of how far their bin's share of true ones is from what was said."""
    return float(np.abs(np.bincount(which, weights=truth - probabilities)).sum() / len(truth))
