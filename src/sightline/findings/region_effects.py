"""what the model said with regions hidden → a few numbers an image → whether a region drives its errors."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline.errors import ModelError
from sightline.findings.region_occlusion import RegionScores
from sightline.findings.sample_split import SampleSplit
from sightline.findings.significance import holm_adjusted, sign_flip_test
from sightline.types import record

FAINT = 1e-4
"""Probabilities below are as good as 0: so that a logarithm of one image does not outweigh all others."""
RULES = ("least effect", "elsewhere", "right answers")
"""What a region is held against to be confirmed: see `rule_p_values`, and `blame` for what each is."""
ANOTHER = 0.1
"""Share of answers that may differ from the study's before it is taken for another model."""


@record
class RegionEffects:
    """What hiding each region does to each image, N images of the confirming half.

    Parameters
    ----------
    wrong : bool array, shape (N,)
        Whether the answer was.
    groups : array, shape (N,)
        What each image belongs to.
    lacked : float array, shape (N,)
        Score of the predicted class less that of the true one.
    gain, control_gain : float array, shape (N, R)
        What the true class's score gains when the region is hidden, and when as much elsewhere is.
    evidence : float array, shape (N,)
        For the true class, against the strongest other one.
    hidden_evidence : float array, shape (N, R)
        The same with the region hidden.
    right, control_right : float array, shape (N, R)
        Whether the answer is right with the region hidden, and how often with as much elsewhere hidden.
    calls : int
        Images that the model was given.
    """

    wrong: Bool[np.ndarray, "N"]
    groups: Shaped[np.ndarray, "N"]
    lacked: Float[np.ndarray, "N"]
    gain: Float[np.ndarray, "N R"]
    control_gain: Float[np.ndarray, "N R"]
    evidence: Float[np.ndarray, "N"]
    hidden_evidence: Float[np.ndarray, "N R"]
    right: Float[np.ndarray, "N R"]
    control_right: Float[np.ndarray, "N R"]
    calls: int


def measure_effects(answers: Iterable[RegionScores], split: SampleSplit) -> RegionEffects:
    """Keep of what the model said what the tests need.

    What was said of one image is dropped before the next one is asked about.

    Raises
    ------
    ModelError
        If too many answers differ from the study's.
    """
    index = {int(place): number for number, place in enumerate(split.places)}
    kept: list[dict[str, Any]] = []
    likely, others, calls = None, 0, 0
    for one in answers:
        at = index[one.place]
        likely = are_probabilities(one.full) if likely is None else likely
        others += int(one.full.argmax() != split.predicted[at])
        calls += one.calls
        effects = _image_effects(one, int(split.labels[at]), int(split.predicted[at]), likely)
        kept.append({"wrong": split.wrong[at], "groups": split.groups[at], **effects})
    if others > max(1, ANOTHER * len(kept)):
        raise ModelError(
            f"the model gives {others} of {len(kept)} images another class than in the study, so it is not "
            "the one that was explained, or gets its images in another form: give that one, with the same "
            "preprocess=.",
            slug="blame-model",
        )
    return RegionEffects(calls=calls, **{name: np.array([each[name] for each in kept]) for name in kept[0]})


def _image_effects(one: RegionScores, label: int, predicted: int, likely: bool) -> dict[str, Any]:
    evidence = class_evidence(np.vstack([one.full, one.hidden]), label, likely=likely)
    return {
        "lacked": one.full[predicted] - one.full[label],
        "gain": one.hidden[:, label] - one.full[label],
        "control_gain": (one.controls[..., label] - one.full[label]).mean(axis=1),
        "evidence": evidence[0],
        "hidden_evidence": evidence[1:],
        "right": (one.hidden.argmax(axis=-1) == label).astype(np.float64),
        "control_right": (one.controls.argmax(axis=-1) == label).mean(axis=1),
    }


def are_probabilities(scores: Float[np.ndarray, "L"]) -> bool:
    """Whether scores may be probabilities, by those of one image.

    Examples
    --------
    >>> are_probabilities(np.array([0.2, 0.9])), are_probabilities(np.array([-1.0, 3.0]))
    (True, False)
    """
    return bool(((scores >= 0) & (scores <= 1)).all())


def class_evidence(scores: Float[np.ndarray, "B L"], label: int, *, likely: bool) -> Float[np.ndarray, "B"]:
    """Evidence for a class against the strongest other one of the first row, which is the image as it is.

    Parameters
    ----------
    scores : float array, shape (B, L)
    label : int
    likely : bool
        Whether scores are probabilities: then their logarithms are compared, which add up where independent
        pieces of evidence do, and do not run into a wall at 0 and 1.

    Examples
    --------
    >>> class_evidence(np.array([[0.5, 0.25, 0.25], [0.2, 0.4, 0.4]]), 0, likely=True)
    array([ 0.69314718, -0.69314718])
    """
    values = np.log(np.maximum(scores, FAINT)) if likely else scores
    rivals = values[0].copy()
    rivals[label] = -np.inf
    return np.asarray(values[:, label] - values[:, int(rivals.argmax())])


def rule_p_values(
    effects: RegionEffects, region: int, min_effect: float, rng: np.random.Generator
) -> tuple[float, float, float]:
    """The p-value of each of `RULES` for one region; all three have to hold."""
    wrong, groups = effects.wrong, effects.groups[effects.wrong]
    needed = min_effect * effects.lacked[wrong]
    gain, elsewhere = effects.gain[wrong, region], effects.control_gain[wrong, region]
    more = excess_reliance(effects.evidence, effects.hidden_evidence[:, region], wrong)
    first, second, third = (
        sign_flip_test(each, groups, rng) for each in (gain - needed, gain - elsewhere - needed, more)
    )
    return first, second, third


def adjusted_p_values(
    tested: Sequence[tuple[float, float, float]], level: float, share: float = 1.0
) -> list[tuple[float, tuple[str, ...]]]:
    """The p-value of each suspect, adjusted for how many there are, and the rules that did not surely hold.

    Parameters
    ----------
    tested : sequence of tuple of float
        The p-values of `RULES` of each suspect.
    level : float
        At or below which a rule surely holds.
    share : float
        Share of the chance of a false one that these suspects may use up.

    Examples
    --------
    >>> adjusted_p_values([(0.001, 0.002, 0.001), (0.001, 0.5, 0.9)], 0.05)
    [(0.004, ()), (0.9, ('elsewhere', 'right answers'))]
    """
    # All three have to hold, so the largest p counts and needs no adjusting (Berger 1982).
    largest = [max(each) for each in tested]
    adjusted = [min(1.0, p / share) for p in holm_adjusted(largest)]
    return [
        (p, tuple(rule for rule, own in zip(RULES, each, strict=True) if own * p / max(each) > level))
        for p, each in zip(adjusted, tested, strict=True)
    ]


def excess_reliance(
    full: Float[np.ndarray, "N"], hidden: Float[np.ndarray, "N"], wrong: Bool[np.ndarray, "N"]
) -> Float[np.ndarray, "n"]:
    """How much more evidence hiding a region takes from each wrong answer than it takes from right ones.

    Parameters
    ----------
    full, hidden : float array, shape (N,)
        Evidence for the true class, as the image is and with the region hidden.
    wrong : bool array, shape (N,)
        Which answers are wrong.
    """
    usual = reliance(full[~wrong], hidden[~wrong])
    return np.asarray(hidden[wrong] - (1 - usual) * full[wrong])


def reliance(full: Float[np.ndarray, "n"], hidden: Float[np.ndarray, "n"]) -> float:
    """Share of the evidence in right answers that goes when a region is hidden, at most.

    One standard error above what was measured, for it is an estimate.
    """
    lost = full - hidden
    if full.mean() <= 0:
        return 1.0
    return float((lost.mean() + lost.std() / np.sqrt(len(lost))) / full.mean())
