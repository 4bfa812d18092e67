"""what the model said with regions hidden → a few numbers an image → whether a region drives its errors."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline.errors import ModelError
from sightline.findings.region_occlusion import RegionScores
from sightline.findings.resampling import holm_adjusted, sign_flip_test
from sightline.findings.sample_split import SampleSplit
from sightline.types import record

FAINT = 1e-4
"""Probabilities below are as good as 0: so that a logarithm of one image does not outweigh all others."""
ANOTHER = 0.1
"""Share of answers that may differ from the study's before it is taken for another model."""


@record
class RegionEffects:
    """A few numbers of each image and region, N images of the confirming half.

    Evidence is for the true class, against the strongest other one; the others are of the true class's score.
    """

    wrong: Bool[np.ndarray, "N"]
    groups: Shaped[np.ndarray, "N"]
    lacked: Float[np.ndarray, "N"]
    gain: Float[np.ndarray, "N R"]
    elsewhere: Float[np.ndarray, "N R"]
    evidence: Float[np.ndarray, "N"]
    evidence_there: Float[np.ndarray, "N R"]
    right_there: Float[np.ndarray, "N R"]
    right_elsewhere: Float[np.ndarray, "N R"]
    calls: int


def measure_effects(hidden: Iterable[RegionScores], parted: SampleSplit) -> RegionEffects:
    """Keep of what the model said what the tests need.

    What was said of one image is dropped before the next one is asked about.

    Raises
    ------
    ModelError
        If too many answers differ from the study's.
    """
    group = dict(zip(parted.places.tolist(), parted.groups.tolist(), strict=True))
    kept: list[dict[str, Any]] = []
    likely, others, calls = None, 0, 0
    for one in hidden:
        if likely is None:
            likely = bool(((one.full >= 0) & (one.full <= 1)).all())
        others += int(one.full.argmax()) != one.row.predicted
        calls += one.calls
        kept.append(
            {"wrong": not one.row.right, "groups": group[one.row.place], **_image_effects(one, likely)}
        )
    if others > max(1, ANOTHER * len(kept)):
        raise ModelError(
            f"the model gives {others} of {len(kept)} images another class than in the study, so it is not "
            "the one that was explained, or gets its images in another form: give that one, with the same "
            "preprocess=.",
            slug="blame-model",
        )
    return RegionEffects(calls=calls, **{name: np.array([each[name] for each in kept]) for name in kept[0]})


def _image_effects(one: RegionScores, likely: bool) -> dict[str, Any]:
    label = one.row.label
    weighed = class_evidence(np.vstack([one.full, one.there]), label, likely=likely)
    return {
        "lacked": one.full[one.row.predicted] - one.full[label],
        "gain": one.there[:, label] - one.full[label],
        "elsewhere": (one.elsewhere[..., label] - one.full[label]).mean(axis=1),
        "evidence": weighed[0],
        "evidence_there": weighed[1:],
        "right_there": (one.there.argmax(axis=-1) == label).astype(np.float64),
        "right_elsewhere": (one.elsewhere.argmax(axis=-1) == label).mean(axis=1),
    }


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


def suspect_p_values(
    told: RegionEffects, suspects: Sequence[int], least: float, rng: np.random.Generator
) -> dict[int, float]:
    """The adjusted p-value of each suspect."""
    wrong, groups = told.wrong, told.groups[told.wrong]
    needed = least * told.lacked[wrong]
    ps = []
    for one in suspects:
        gain, elsewhere = told.gain[wrong, one], told.elsewhere[wrong, one]
        there, full = told.evidence_there[:, one], told.evidence
        usual = reliance(full[~wrong], there[~wrong])
        more = there[wrong] - (1 - usual) * full[wrong]
        # All three have to hold, so the largest p counts and needs no adjusting (Berger 1982).
        ps.append(
            max(
                sign_flip_test(each, groups, rng) for each in (gain - needed, gain - elsewhere - needed, more)
            )
        )
    return dict(zip(suspects, holm_adjusted(ps), strict=True))


def reliance(full: Float[np.ndarray, "n"], there: Float[np.ndarray, "n"]) -> float:
    """Share of the evidence in right answers that goes when a region is hidden, at most.

    One standard error above what was measured, for it is an estimate.
    """
    lost = full - there
    if full.mean() <= 0:
        return 1.0
    return float((lost.mean() + lost.std() / np.sqrt(len(lost))) / full.mean())
