"""what the model said with regions hidden → a few numbers an image → whether a region drives its errors."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._scales import Scale, are_probabilities, log_probabilities, within_reach
from sightline.errors import ModelError
from sightline.findings.region_occlusion import RegionScores
from sightline.findings.significance import holm_adjusted, sign_flip_test
from sightline.study.sample_split import SampleSplit
from sightline.types import record

RULES = ("least effect", "elsewhere", "right answers", "turns elsewhere")
"""What a region is held against to be confirmed: see `rule_p_values`, and `blame` for what each is."""
OF_EVIDENCE = 3
"""How many of the rules ask how much evidence goes with the region; the last asks whether answers turn."""
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
    odds_lacked, odds_gain, odds_control_gain : float array
        The same in log-odds where scores are probabilities: what is tested, for where a model is sure a
        probability hardly moves.
    evidence : float array, shape (N,)
        For the true class, against the strongest other one.
    hidden_evidence : float array, shape (N, R)
        The same with the region hidden.
    right, control_right : float array, shape (N, R)
        Whether the answer is right with the region hidden, and how often with as much elsewhere hidden.
    calls : int
        Images that the model was given.
    scale : str
        ``"log-odds"`` where scores are probabilities.
    """

    wrong: Bool[np.ndarray, "N"]
    groups: Shaped[np.ndarray, "N"]
    lacked: Float[np.ndarray, "N"]
    gain: Float[np.ndarray, "N R"]
    control_gain: Float[np.ndarray, "N R"]
    odds_lacked: Float[np.ndarray, "N"]
    odds_gain: Float[np.ndarray, "N R"]
    odds_control_gain: Float[np.ndarray, "N R"]
    evidence: Float[np.ndarray, "N"]
    hidden_evidence: Float[np.ndarray, "N R"]
    right: Float[np.ndarray, "N R"]
    control_right: Float[np.ndarray, "N R"]
    calls: int
    scale: Scale = "probability"


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
    odds: list[_ClassOdds] = []
    regions = 0
    likely, others, calls = None, 0, 0
    for one in answers:
        at = index[one.place]
        likely = one.log_odds is not None or are_probabilities(one.full) if likely is None else likely
        others += int(one.full.argmax() != split.predicted[at])
        calls += one.calls
        label, predicted = int(split.labels[at]), int(split.predicted[at])
        kept.append({"wrong": split.wrong[at], "groups": split.groups[at]})
        kept[-1] |= _image_effects(one, label, predicted)
        regions = len(one.hidden)
        odds.append(_class_odds(one.evidence if likely else one, label, predicted))
    if others > max(1, ANOTHER * len(kept)):
        raise ModelError(
            f"the model gives {others} of {len(kept)} images another class than in the study, so it is not "
            "the one that was explained, or gets its images in another form: give that one, with the same "
            "preprocess=.",
            slug="blame-model",
        )
    told = {name: np.array([each[name] for each in kept]) for name in kept[0]}
    scale: Scale = "log-odds" if likely else "probability"
    return RegionEffects(calls=calls, scale=scale, **told, **_odds_effects(odds, regions, bool(likely)))


def _image_effects(one: RegionScores, label: int, predicted: int) -> dict[str, Any]:
    return {
        "lacked": one.full[predicted] - one.full[label],
        "gain": one.hidden[:, label] - one.full[label],
        "control_gain": (one.controls[..., label] - one.full[label]).mean(axis=1),
        "right": (one.hidden.argmax(axis=-1) == label).astype(np.float64),
        "control_right": (one.controls.argmax(axis=-1) == label).mean(axis=1),
    }


_ClassOdds: TypeAlias = Float[np.ndarray, "3 V"]
"""Of one image: the true class, the predicted one, and the strongest other than the true one; as it is, with
each region hidden, and with equal areas elsewhere hidden."""


def _class_odds(one: RegionScores, label: int, predicted: int) -> _ClassOdds:
    classes = [label, predicted, strongest_other(one.full, label)]
    controls = one.controls.reshape(-1, one.full.size)
    return np.concatenate([one.full[np.newaxis], one.hidden, controls])[:, classes].T


def _odds_effects(odds: Sequence[_ClassOdds], regions: int, likely: bool) -> dict[str, Any]:
    """What is tested, of all images together: a probability of 0 is no farther out than it has to be."""
    said = np.stack(odds)
    if likely:
        said = within_reach(said.reshape(-1, 1)).reshape(said.shape)
    full, hidden, controls = said[..., 0], said[..., 1 : 1 + regions], said[:, 0, 1 + regions :]
    label = full[:, :1]
    logs = log_probabilities(said) if likely else said
    evidence = logs[:, 0] - logs[:, 2]
    return {
        "odds_lacked": full[:, 1] - full[:, 0],
        "odds_gain": hidden[:, 0] - label,
        "odds_control_gain": controls.reshape(len(said), regions, -1).mean(axis=2) - label,
        "evidence": evidence[:, 0],
        "hidden_evidence": evidence[:, 1 : 1 + regions],
    }


def strongest_other(scores: Float[np.ndarray, "L"], label: int) -> int:
    """The class of the highest score, but for one."""
    rivals = scores.copy()
    rivals[label] = -np.inf
    return int(rivals.argmax())


def class_evidence(scores: Float[np.ndarray, "B L"], label: int, *, likely: bool) -> Float[np.ndarray, "B"]:
    """Evidence for a class against the strongest other one of the first row, which is the image as it is.

    Parameters
    ----------
    scores : float array, shape (B, L)
    label : int
    likely : bool
        Whether scores are log-odds: then the logarithms of the probabilities are compared, which add up where
        independent pieces of evidence do, and do not run into a wall at 0 and 1.

    Examples
    --------
    >>> odds = np.log([[1, 1 / 3, 1 / 3], [1 / 4, 2 / 3, 2 / 3]])  # of 0.5, 0.25, 0.25 and 0.2, 0.4, 0.4
    >>> class_evidence(odds, 0, likely=True)
    array([ 0.69314718, -0.69314718])
    """
    values = log_probabilities(scores) if likely else scores
    return np.asarray(values[:, label] - values[:, strongest_other(scores[0], label)])


def rule_p_values(
    effects: RegionEffects, region: int, min_effect: float, rng: np.random.Generator
) -> tuple[float, ...]:
    """The p-value of each of `RULES` for one region; all have to hold."""
    wrong, groups = effects.wrong, effects.groups[effects.wrong]
    needed = min_effect * effects.odds_lacked[wrong]
    gain, elsewhere = effects.odds_gain[wrong, region], effects.odds_control_gain[wrong, region]
    more = excess_reliance(effects.evidence, effects.hidden_evidence[:, region], wrong)
    turned = effects.right[wrong, region] - effects.control_right[wrong, region]
    held = (gain - needed, gain - elsewhere - needed, more, turned)
    return tuple(sign_flip_test(each, groups, rng) for each in held)


def adjusted_p_values(
    tested: Sequence[tuple[float, ...]], level: float, share: float = 1.0
) -> list[tuple[float, tuple[str, ...]]]:
    """The p-value of each suspect, adjusted for how many there are, and the rules that did not surely hold.

    Parameters
    ----------
    tested : sequence of tuple of float
        The p-values of `RULES` of each suspect, or of the first ones of them.
    level : float
        At or below which a rule surely holds.
    share : float
        Share of the chance of a false one that these suspects may use up.

    Examples
    --------
    >>> adjusted_p_values([(0.001, 0.002, 0.001), (0.001, 0.5, 0.9)], 0.05)
    [(0.004, ()), (0.9, ('elsewhere', 'right answers'))]
    """
    # All have to hold, so the largest p counts and needs no adjusting (Berger 1982).
    largest = [max(each) for each in tested]
    adjusted = [min(1.0, p / share) for p in holm_adjusted(largest)]
    return [
        (p, tuple(rule for rule, own in zip(RULES, each, strict=False) if own * p / max(each) > level))
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
