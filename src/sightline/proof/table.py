"""what two models said of the same images → every measure before and after."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Int

from sightline.proof.attribution_shift import AttributionShift
from sightline.proof.paired_metrics import PairedMetric, blamed_errors, paired_metric, worst_group
from sightline.proof.probes import Responses
from sightline.proof.verdict import PairedOutcomes, PValues
from sightline.regions.region_set import Regions

CONTENT = {
    "own": "accuracy, region of its own class",
    "other": "accuracy, region of another class",
    "moved": "accuracy, region moved elsewhere",
}


def all_metrics(
    changes: PairedOutcomes,
    tests: PValues,
    said: tuple[Responses, Responses],
    seen: AttributionShift,
    others: Regions | None,
    present: Bool[np.ndarray, "N"] | None,
    rng: np.random.Generator,
) -> Iterator[PairedMetric]:
    """Accuracy and recalls; accuracy by presence; the region; its contents; the other regions."""
    yield paired_metric("accuracy", "accuracy", changes.before, changes.after, rng, p=tests.accuracy)
    for one, p in tests.recalls.items():
        which = changes.labels == one
        name = f"recall of {changes.class_names[one]}"
        yield paired_metric("recall", name, changes.before[which], changes.after[which], rng, p=p)
    if present is not None:
        yield from _presence_metrics(changes, present, rng)
    yield from _region_metrics(changes, tests, said, seen, rng)
    yield from _content_metrics(changes, said, rng)
    if others is not None:
        yield from _other_region_metrics(changes.labels, said, others, rng)


def _presence_metrics(
    changes: PairedOutcomes, present: Bool[np.ndarray, "N"], rng: np.random.Generator
) -> Iterator[PairedMetric]:
    sides = (("present", present), ("absent", ~present))
    for word, which in sides:
        if which.any():
            name = f"accuracy, shortcut {word}"
            yield paired_metric("presence", name, changes.before[which], changes.after[which], rng)
    groups = [
        (f"{changes.class_names[label]}, {word}", which & (changes.labels == label))
        for label in np.unique(changes.labels).tolist()
        for word, which in sides
    ]
    found = worst_group(changes.before, changes.after, groups, rng)
    if found is not None:
        yield found


def _region_metrics(
    changes: PairedOutcomes,
    tests: PValues,
    said: tuple[Responses, Responses],
    seen: AttributionShift,
    rng: np.random.Generator,
) -> Iterator[PairedMetric]:
    blame = changes.blamed_before, changes.blamed_after
    yield paired_metric("region", "errors blamed on it", *blame, rng, p=tests.fewer)
    yield flip_rate("region", "answers that change when it is hidden", said, 0, rng)
    if len(seen.shares):
        before, after, area = seen.shares.T
        beside = (float(area.mean()), float(area.mean()))
        yield paired_metric("region", "share of the attribution", before, after, rng, beside=beside)


def _content_metrics(
    changes: PairedOutcomes, said: tuple[Responses, Responses], rng: np.random.Generator
) -> Iterator[PairedMetric]:
    hidden = [one.there[:, 0] == changes.labels for one in said]
    yield paired_metric("content", "accuracy, region hidden", hidden[0], hidden[1], rng)
    for which, name in CONTENT.items():
        before, after = (one.contents[which] for one in said)
        known = np.isfinite(before) & np.isfinite(after)
        if known.any():
            yield paired_metric("content", name, before[known], after[known], rng)


def _other_region_metrics(
    labels: Int[np.ndarray, "N"], said: tuple[Responses, Responses], others: Regions, rng: np.random.Generator
) -> Iterator[PairedMetric]:
    for number, name in enumerate(others, start=1):
        both = [
            blamed_errors(one.full, one.there[:, number], one.elsewhere[:, number], labels) for one in said
        ]
        yield paired_metric("other region", f"errors blamed on {name}", both[0], both[1], rng)
        yield flip_rate("other region", f"answers that change when {name} is hidden", said, number, rng)


def flip_rate(
    kind: str, name: str, said: tuple[Responses, Responses], region: int, rng: np.random.Generator
) -> PairedMetric:
    """Share of the answers that change when a region is hidden, beside that of equal areas elsewhere."""
    there = [one.there[:, region] != one.full for one in said]
    away = [float((one.elsewhere[:, region] != one.full[:, np.newaxis]).mean()) for one in said]
    return paired_metric(kind, name, there[0], there[1], rng, beside=(away[0], away[1]))
