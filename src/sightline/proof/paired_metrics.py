"""what two models said of the same images → every measure before and after, with intervals and tests."""

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline._language import in_english, translatable
from sightline.findings.significance import CONFIDENCE, ROUNDS, bootstrap_ci, percentile_ci
from sightline.proof.attribution_shift import AttributionShift
from sightline.proof.marked_gap import MarkedGap
from sightline.proof.probes import Responses
from sightline.proof.property_names import told_of_property
from sightline.types import record

FEWEST = 10
"""Images below which no interval is told: of two images it would be sure of anything."""
FEWEST_GROUP = 5
"""Images below which a group is not looked at for the worst."""
LEVEL = 1 - CONFIDENCE
"""Chance that an interval misses, unless a proof has another level."""
Presence = tuple[tuple[str, str], Bool[np.ndarray, "N"]]
"""Words for images with and without the shortcut, and which those with it are."""
CONTENT = {
    "same_class": translatable("accuracy, region of its own class"),
    "other_class": translatable("accuracy, region of another class"),
    "moved": translatable("accuracy, region moved elsewhere"),
}


GROUPS = {
    "present": translatable("{name}, present"),
    "absent": translatable("{name}, absent"),
    "found": translatable("{name}, found"),
    "not found": translatable("{name}, not found"),
}
"""Images of a class with and without the shortcut."""


@record
class PairedMetric:
    """One measure before and after a repair, on the same images.

    Parameters
    ----------
    kind : str
        ``"accuracy"``, ``"recall"``, ``"presence"``, ``"region"``, ``"content"``,
        ``"other region"`` or ``"other label"``.
    name : str
    before, after : float
        Shares, 0 to 1; net of what is elsewhere, −1 to 1.
    low, high : float
        Bootstrap interval of the change, 95 % where the proof's level is 0.05; nan of fewer than 10 images.
        Of accuracy and recalls it is as wide as the exact test is careful, and as it is adjusted for the
        number of classes: it leaves out 0 just where p is at most the level.
    p : float
        Of the test of no change that the verdict uses, adjusted for how many there are; nan where there is
        none.
    beside : tuple of float, or None
        What the measure is to be seen beside, before and after: the same elsewhere, or the region's share of
        the area.
    count : int
        Images that it is a mean over.
    """

    kind: str
    name: str
    before: float
    after: float
    low: float
    high: float
    p: float
    beside: tuple[float, float] | None
    count: int

    @property
    def title(self) -> str:
        """Its name in the reader's language."""
        return told_of_property(self.name)

    @property
    def change(self) -> float:
        """After less before."""
        return self.after - self.before


@record
class PairedOutcomes:
    """What the verdict rests on, N held-out images.

    Parameters
    ----------
    labels : int array, shape (N,)
    before, after : bool array, shape (N,)
        Whether each answer was right.
    blamed_before, blamed_after : float array, shape (N,)
        As `blamed_errors` has it, of the repaired region.
    evidence, hidden_evidence : float array, shape (N,)
        Evidence for the true class before the repair, as the image is and with the region hidden.
    class_names : tuple of str
        Of the classes.
    marked : bool array, shape (N,), or None
        Which images show the shortcut, where a person said so, and no more, of what is found by its looks.
    """

    labels: Int[np.ndarray, "N"]
    before: Bool[np.ndarray, "N"]
    after: Bool[np.ndarray, "N"]
    blamed_before: Float[np.ndarray, "N"]
    blamed_after: Float[np.ndarray, "N"]
    evidence: Float[np.ndarray, "N"]
    hidden_evidence: Float[np.ndarray, "N"]
    class_names: tuple[str, ...]
    marked: Bool[np.ndarray, "N"] | None = None


@record
class PValues:
    """The p-values that the verdict rests on.

    Parameters
    ----------
    accuracy : float
        McNemar's, two-sided.
    recalls : dict of int to float
        The same for each class that there is, adjusted by Holm's method.
    drove : float
        Whether, before, hiding the region turned more wrong answers right than hiding elsewhere; one-sided.
    fewer : float
        Whether that became less, and by more than other errors did; one-sided, the larger p of the two.
    misled : float
        Whether, before, the region held a larger share of the evidence for wrong answers than of that for
        right ones; one-sided.
    gap : MarkedGap or None
        How errors go with what a person marked.
    """

    accuracy: float
    recalls: dict[int, float]
    drove: float
    fewer: float
    misled: float
    gap: MarkedGap | None = None


def pair_outcomes(
    labels: Int[np.ndarray, "N"],
    said: Sequence[Responses],
    class_names: tuple[str, ...],
    marked: Bool[np.ndarray, "N"] | None = None,
) -> PairedOutcomes:
    """What the verdict rests on, from what both models said."""
    before, after = said
    return PairedOutcomes(
        labels=labels,
        before=before.predicted == labels,
        after=after.predicted == labels,
        blamed_before=_blamed_on(before, 0, labels),
        blamed_after=_blamed_on(after, 0, labels),
        evidence=before.evidence,
        hidden_evidence=before.hidden_evidence,
        class_names=class_names,
        marked=marked,
    )


def _blamed_on(said: Responses, region: int, labels: Int[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    return blamed_errors(said.predicted, said.hidden[:, region], said.controls[:, region], labels)


def paired_metric(
    kind: str,
    name: str,
    before: Float[np.ndarray, "N"] | Bool[np.ndarray, "N"],
    after: Float[np.ndarray, "N"] | Bool[np.ndarray, "N"],
    rng: np.random.Generator,
    *,
    p: float = np.nan,
    beside: tuple[float, float] | None = None,
    level: float = LEVEL,
    factor: float | None = None,
) -> PairedMetric:
    """The means of two values of each image, and the interval of their difference; nan of too few.

    With `factor`, by which the p-value of McNemar's test was adjusted, the interval is the wider of the
    bootstrap's and that of the test: so both say the same.
    """
    one, other = before.astype(np.float64), after.astype(np.float64)
    if not one.size:
        return PairedMetric(kind, name, np.nan, np.nan, np.nan, np.nan, p, beside, 0)
    level /= factor or 1.0
    low, high = bootstrap_ci(other - one, None, rng, 1 - level) if one.size >= FEWEST else (np.nan, np.nan)
    if factor is not None:
        exact = mcnemar_ci(before.astype(bool), after.astype(bool), 1 - level)
        # nan stays nan.
        low, high = float(np.minimum(low, exact[0])), float(np.maximum(high, exact[1]))
    return PairedMetric(
        kind, name, float(one.mean()), float(other.mean()), low, high, float(p), beside, one.size
    )


def mcnemar_test(before: Bool[np.ndarray, "N"], after: Bool[np.ndarray, "N"]) -> float:
    """How likely so uneven a change is if as many answers turn right as wrong: McNemar's exact test.

    Two-sided binomial test of the discordant images (McNemar 1947; Fagerland et al. 2013); 1 if there are
    none.

    Parameters
    ----------
    before, after : bool array, shape (N,)
        Whether each image's answer was right.

    Examples
    --------
    >>> mcnemar_test(np.zeros(6, bool), np.ones(6, bool))
    0.03125
    """
    from scipy.stats import binomtest

    corrected, broken = int((after & ~before).sum()), int((before & ~after).sum())
    return float(binomtest(corrected, corrected + broken).pvalue) if corrected + broken else 1.0


def mcnemar_ci(
    before: Bool[np.ndarray, "N"], after: Bool[np.ndarray, "N"], confidence: float
) -> tuple[float, float]:
    """Where the change of the share of right answers lies, given how many answers changed.

    Of these, the share that became right has the interval of Clopper & Pearson (1934), which leaves out one
    half just where McNemar's exact test is sure.

    Examples
    --------
    >>> low, high = mcnemar_ci(np.zeros(6, bool), np.ones(6, bool), 0.95)
    >>> 0 < low < high == 1
    True
    """
    from scipy.stats import binomtest

    corrected, broken = int((after & ~before).sum()), int((before & ~after).sum())
    if not corrected + broken:
        return 0.0, 0.0
    found = binomtest(corrected, corrected + broken).proportion_ci(confidence)
    scale = (corrected + broken) / len(before)
    return float((2 * found.low - 1) * scale), float((2 * found.high - 1) * scale)


def blamed_errors(
    predicted: Int[np.ndarray, "N"],
    hidden: Int[np.ndarray, "N"],
    controls: Int[np.ndarray, "N P"],
    labels: Int[np.ndarray, "N"],
) -> Float[np.ndarray, "N"]:
    """Whether each answer is an error of the region's: wrong, and right when the region is hidden.

    Less the share of equal areas elsewhere whose hiding turns it right as well; 0 of right answers.

    Parameters
    ----------
    predicted, hidden : int array, shape (N,)
        Predicted class of each image as it is, and with the region hidden.
    controls : int array, shape (N, P)
        With an equal area elsewhere hidden, P times.
    labels : int array, shape (N,)

    Examples
    --------
    >>> blamed_errors(np.array([0, 1]), np.array([1, 0]), np.array([[1, 0], [0, 0]]), np.array([1, 1]))
    array([0.5, 0. ])
    """
    net = (hidden == labels).astype(np.float64) - (controls == labels[:, np.newaxis]).mean(axis=1)
    return np.where(predicted == labels, 0.0, net)


def worst_group(
    before: Bool[np.ndarray, "N"],
    after: Bool[np.ndarray, "N"],
    groups: Sequence[tuple[str, Bool[np.ndarray, "N"]]],
    rng: np.random.Generator,
    level: float = LEVEL,
) -> PairedMetric | None:
    """Accuracy of the group that fares worst, before and after: not always the same one.

    The interval is drawn within the groups. Groups of fewer than 5 images are left out; None if all are.
    """
    large = [(name, which) for name, which in groups if which.sum() >= FEWEST_GROUP]
    if not large:
        return None
    turns = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    # How many of each group's images were wrong or right before, and after.
    counts = np.stack([np.bincount(2 * before[which] + after[which], minlength=4) for _, which in large])
    sizes = counts.sum(axis=1, keepdims=True)
    seen = counts @ turns / sizes
    resampled = [
        rng.multinomial(size, each / size, size=ROUNDS) @ turns / size
        for each, (size,) in zip(counts, sizes.tolist(), strict=True)
    ]
    low, high = percentile_ci(np.diff(np.min(resampled, axis=0), axis=1)[:, 0], 1 - level)
    was, now = (large[number][0] for number in seen.argmin(axis=0).tolist())
    name = (
        in_english("worst group ({was})", was=was)
        if was == now
        else in_english("worst group ({was}; then {now})", was=was, now=now)
    )
    worst = seen.min(axis=0).tolist()
    return PairedMetric("presence", name, worst[0], worst[1], low, high, np.nan, None, int(sizes.sum()))


def all_metrics(
    outcomes: PairedOutcomes,
    tests: PValues,
    said: Sequence[Responses],
    shift: AttributionShift | None,
    others: Sequence[str],
    presence: Sequence[Presence],
    rng: np.random.Generator,
    level: float = LEVEL,
) -> Iterator[PairedMetric]:
    """Accuracy and recalls; accuracy by presence; the region; its contents; the other regions."""
    labels, before, after = outcomes.labels, outcomes.before, outcomes.after
    metric = functools.partial(paired_metric, rng=rng, level=level)
    yield metric("accuracy", translatable("accuracy"), before, after, p=tests.accuracy, factor=1.0)
    for one, p in tests.recalls.items():
        which, name = labels == one, in_english("recall of {name}", name=outcomes.class_names[one])
        factor = recall_factor(p, before[which], after[which])
        yield metric("recall", name, before[which], after[which], p=p, factor=factor)
    for words, there in presence:
        sides = tuple(zip(words, (there, ~there), strict=True))
        for word, which in sides:
            if which.any():
                told = in_english("accuracy, shortcut {word}", word=word)
                yield metric("presence", told, before[which], after[which])
        groups = [
            (in_english(GROUPS[word], name=outcomes.class_names[label]), which & (labels == label))
            for label in np.unique(labels).tolist()
            for word, which in sides
        ]
        if (found := worst_group(before, after, groups, rng, level)) is not None:
            yield found
    if (gap := tests.gap) is not None:
        name, count = translatable("gap in accuracy, shortcut present and absent"), len(labels)
        yield PairedMetric("presence", name, gap.before, gap.after, np.nan, np.nan, gap.weaker, None, count)
    yield metric(
        "region",
        translatable("errors blamed on it"),
        outcomes.blamed_before,
        outcomes.blamed_after,
        p=tests.fewer,
    )
    yield _flip_rate(metric, "region", translatable("answers that change when it is hidden"), said, 0)
    if shift is not None and len(shift.shares):
        first, second, area = shift.shares.T
        beside = (float(area.mean()), float(area.mean()))
        yield metric("region", translatable("share of the attribution"), first, second, beside=beside)
    hidden = [one.hidden[:, 0] == labels for one in said]
    yield metric("content", translatable("accuracy, region hidden"), hidden[0], hidden[1])
    for kind, name in CONTENT.items():
        contents = [one.contents[kind] for one in said]
        known = np.isfinite(contents).all(axis=0)
        if known.any():
            yield metric("content", name, contents[0][known], contents[1][known])
    for number, name in enumerate(others, start=1):
        both = [_blamed_on(one, number, labels) for one in said]
        told = in_english("errors blamed on {name}", name=name)
        yield metric("other region", told, both[0], both[1])
        told = in_english("answers that change when {name} is hidden", name=name)
        yield _flip_rate(metric, "other region", told, said, number)


def recall_factor(p: float, before: Bool[np.ndarray, "N"], after: Bool[np.ndarray, "N"]) -> float:
    """By how much a class's p-value was raised for the number of classes (Holm)."""
    return max(1.0, p / mcnemar_test(before, after))


def _flip_rate(
    metric: Callable[..., PairedMetric], kind: str, name: str, said: Sequence[Responses], region: int
) -> PairedMetric:
    """Share of the answers that change when a region is hidden, beside that of equal areas elsewhere."""
    before, after = (one.hidden[:, region] != one.predicted for one in said)
    away = [float((one.controls[:, region] != one.predicted[:, np.newaxis]).mean()) for one in said]
    return metric(kind, name, before, after, beside=(away[0], away[1]))
