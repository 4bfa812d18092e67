"""scores of a study's answers, and labels → a bias for each class, and what answers are once shifted by it.

Where classes are as frequent among the images that are tested as among those that were learned from, no
shift of the scores helps much. Where they are not, most errors go one way, and hiding anything that speaks
for the one class undoes some of them: such errors have a cause, but it lies in no region.
"""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Shaped

from sightline._scales import (
    FARTHEST,
    LEAST,
    Scale,
    are_probabilities,
    log_odds_of_logits,
    log_probabilities,
    unscaled_scores,
)
from sightline.findings.region_occlusion import RegionScores
from sightline.types import record

FOLDS = 5
"""Parts of the images: the bias that acts on one is fitted on the others."""
SPREAD = 3.0
"""A class's bias is drawn to 0 as by a normal prior of this deviation: one that never occurs has one, too."""
AS_MUCH = 0.5
"""Share of what hiding a region turns right that a shift has to mend, net, to be told in its place."""
MOST = 2000
"""Images that a bias is fitted on, at most: drawn at random."""


@record
class ScoreShift:
    """A bias for each class that fits the labels best, and what it does by itself.

    Parameters
    ----------
    biases : tuple of float
        Added to each class's score (to its log-odds, where scores are probabilities): their mean over the
        parts of the images, each fitted on the other parts; that of the first class is 0.
    errors : int
        Wrong answers of the study after it.
    corrected, broken : int
        Wrong answers that it turns right, and right ones that it turns wrong.
    most : str
        The most frequent kind of wrong answer before it, such as ``"normal → ill"``.
    share : float
        Share of the wrong answers that are of that kind.
    """

    biases: tuple[float, ...]
    errors: int
    corrected: int
    broken: int
    most: str
    share: float

    def does_as_much(self, turned: float) -> bool:
        """Whether it mends errors as hiding a region does.

        Parameters
        ----------
        turned : float
            Share of the wrong answers that hiding the region turns right, beyond hiding as much elsewhere.
        """
        before = self.errors + self.corrected - self.broken
        return self.corrected - self.broken >= AS_MUCH * turned * before


def log_scores(scores: Float[np.ndarray, "N L"], scale: Scale) -> Float[np.ndarray, "N L"]:
    """Scores as a study keeps them → what biases are added to: logarithms of probabilities, else themselves.

    A class whose score was not kept has the lowest of its image.
    """
    kept = np.where(np.isnan(scores), np.nanmin(scores, axis=1, keepdims=True), scores)
    if scale == "log-odds":
        return log_probabilities(kept)
    return np.log(np.clip(kept, LEAST, 1.0)) if are_probabilities(kept) else kept


def crossfit_biases(
    scores: Float[np.ndarray, "N L"],
    labels: Int[np.ndarray, "N"],
    groups: Shaped[np.ndarray, "N"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "N L"]:
    """The bias of each class that acts on each image, fitted without this image and its group.

    Parameters
    ----------
    scores : float array, shape (N, L)
        As `log_scores` has them.
    labels : int array, shape (N,)
    groups : array, shape (N,)
        What each image belongs to.
    rng : numpy.random.Generator

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(400) % 2
    >>> evidence = rng.normal(2 * labels + 1, 1.0)
    >>> scores = np.stack([np.zeros(400), evidence], axis=1)
    >>> biases = crossfit_biases(scores, labels, np.arange(400), rng)
    >>> bool((abs(biases[:, 1] + 2) < 0.3).all())
    True
    """
    known, which = np.unique(groups, return_inverse=True)
    folds = (rng.permutation(len(known)) % FOLDS)[which]
    made = np.zeros(scores.shape)
    for fold in np.unique(folds):
        others = rng.permutation(np.flatnonzero(folds != fold))[:MOST]
        if others.size:
            made[folds == fold] = fitted_bias(scores[others], labels[others])
    return made


def helpful_biases(
    scores: Float[np.ndarray, "N L"],
    labels: Int[np.ndarray, "N"],
    groups: Shaped[np.ndarray, "N"],
    predicted: Int[np.ndarray, "N"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "N L"]:
    """Those of `crossfit_biases`, or none where they make more errors than there are.

    Such a shift explains no errors. So it is where each group is of one class, as the images of a person
    are: the others, that its bias is fitted on, have fewer of its class.

    Parameters
    ----------
    scores, labels, groups, rng
        As for `crossfit_biases`.
    predicted : int array, shape (N,)
        The answers as they are.
    """
    made = crossfit_biases(scores, labels, groups, rng)
    shifted = (scores + made).argmax(axis=1)
    worse = (shifted != labels).sum() > (predicted != labels).sum()
    return np.zeros_like(made) if worse else made


def fitted_bias(scores: Float[np.ndarray, "N L"], labels: Int[np.ndarray, "N"]) -> Float[np.ndarray, "L"]:
    """The bias of each class, the first's 0, in units of the scores, that makes the labels likeliest.

    A factor of all scores is fitted with it (as in vector scaling; Guo et al. 2017): of a model that is too
    sure, or whose scores are no logarithms of probabilities, the bias would be too small or too large.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    rows = np.arange(len(labels))

    def loss(point: Float[np.ndarray, "L"]) -> tuple[float, Float[np.ndarray, "L"]]:
        factor, bias = np.exp(point[0]), np.concatenate([[0.0], point[1:]])
        logits = factor * scores + bias
        likely = logits - logsumexp(logits, axis=1, keepdims=True)
        excess = np.exp(likely)
        excess[rows, labels] -= 1
        slope = excess.sum(axis=0)[1:] + bias[1:] / SPREAD**2
        value = -likely[rows, labels].sum() + 0.5 * (bias**2).sum() / SPREAD**2
        return float(value), np.concatenate([[factor * (excess * scores).sum()], slope])

    bounds = [(-5.0, 5.0), *[(None, None)] * (scores.shape[1] - 1)]
    point = minimize(loss, np.zeros(scores.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.concatenate([[0.0], point[1:] / np.exp(point[0])])


def shifted_answers(one: RegionScores, bias: Float[np.ndarray, "L"], likely: bool) -> RegionScores:
    """What the model would have said with a bias for each class."""
    if not likely:
        full, hidden, controls = (said + bias for said in (one.full, one.hidden, one.controls))
        return dataclasses.replace(one, full=full, hidden=hidden, controls=controls)
    said = one.evidence
    odds = RegionScores(
        one.place,
        _shifted_odds(said.full, bias),
        _shifted_odds(said.hidden, bias),
        _shifted_odds(said.controls, bias),
        {},
        one.calls,
    )
    full, hidden, controls = map(unscaled_scores, (odds.full, odds.hidden, odds.controls))
    return RegionScores(one.place, full, hidden, controls, {}, one.calls, odds)


def _shifted_odds(
    odds: Float[np.ndarray, "... L"], bias: Float[np.ndarray, "L"]
) -> Float[np.ndarray, "... L"]:
    rows = odds.reshape(-1, odds.shape[-1])
    shifted = log_odds_of_logits(log_probabilities(rows) + bias).reshape(odds.shape)
    # A probability of exactly 0 or 1 stays it, whatever the bias.
    return np.where(np.isclose(np.abs(odds), FARTHEST, rtol=1e-9, atol=0), odds, shifted)


def summarise_shift(
    biases: Float[np.ndarray, "N L"],
    shifted: Int[np.ndarray, "N"],
    predicted: Int[np.ndarray, "N"],
    labels: Int[np.ndarray, "N"],
    class_names: Sequence[str] | None,
) -> ScoreShift:
    """What a shift of the scores does by itself.

    Parameters
    ----------
    biases : float array, shape (N, L)
    shifted, predicted : int array, shape (N,)
        The predicted classes with it and without.
    labels : int array, shape (N,)
    class_names : sequence of str or None
    """
    wrong, after = predicted != labels, shifted != labels
    pairs = Counter(zip(labels[wrong].tolist(), predicted[wrong].tolist(), strict=True))
    (label, said), count = pairs.most_common(1)[0]
    names = [str(one) if class_names is None else class_names[one] for one in (label, said)]
    return ScoreShift(
        biases=tuple(biases.mean(axis=0).tolist()),
        errors=int(after.sum()),
        corrected=int((wrong & ~after).sum()),
        broken=int((after & ~wrong).sum()),
        most=" → ".join(names),
        share=count / int(wrong.sum()),
    )
