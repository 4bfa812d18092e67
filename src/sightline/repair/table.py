"""what two models said of the same pictures → every measure before and after."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Int

from sightline.findings.region_set import Regions
from sightline.repair.looks import Looks
from sightline.repair.measure import Pair, blamed, paired, worst
from sightline.repair.questions import Said
from sightline.repair.verdict import Chances, Changes

CONTENT = {
    "own": "accuracy, region of its own class",
    "other": "accuracy, region of another class",
    "moved": "accuracy, region moved elsewhere",
}


def measures_of(
    changes: Changes,
    tests: Chances,
    said: tuple[Said, Said],
    seen: Looks,
    others: Regions | None,
    present: Bool[np.ndarray, "N"] | None,
    rng: np.random.Generator,
) -> Iterator[Pair]:
    """Accuracy and recalls; accuracy by presence; the region; its contents; the other regions."""
    yield paired("accuracy", "accuracy", changes.before, changes.after, rng, p=tests.accuracy)
    for one, p in tests.recalls.items():
        which = changes.labels == one
        name = f"recall of {changes.names[one]}"
        yield paired("recall", name, changes.before[which], changes.after[which], rng, p=p)
    if present is not None:
        yield from _by_presence(changes, present, rng)
    yield from _of_region(changes, tests, said, seen, rng)
    yield from _with_contents(changes, said, rng)
    if others is not None:
        yield from _elsewhere(changes.labels, said, others, rng)


def _by_presence(
    changes: Changes, present: Bool[np.ndarray, "N"], rng: np.random.Generator
) -> Iterator[Pair]:
    sides = (("present", present), ("absent", ~present))
    for word, which in sides:
        if which.any():
            name = f"accuracy, shortcut {word}"
            yield paired("presence", name, changes.before[which], changes.after[which], rng)
    groups = [
        (f"{changes.names[label]}, {word}", which & (changes.labels == label))
        for label in np.unique(changes.labels).tolist()
        for word, which in sides
    ]
    found = worst(changes.before, changes.after, groups, rng)
    if found is not None:
        yield found


def _of_region(
    changes: Changes, tests: Chances, said: tuple[Said, Said], seen: Looks, rng: np.random.Generator
) -> Iterator[Pair]:
    blame = changes.blamed_before, changes.blamed_after
    yield paired("region", "errors blamed on it", *blame, rng, p=tests.fewer)
    yield flip_rate("region", "answers that change when it is hidden", said, 0, rng)
    if len(seen.shares):
        before, after, area = seen.shares.T
        beside = (float(area.mean()), float(area.mean()))
        yield paired("region", "share of the attribution", before, after, rng, beside=beside)


def _with_contents(changes: Changes, said: tuple[Said, Said], rng: np.random.Generator) -> Iterator[Pair]:
    hidden = [one.there[:, 0] == changes.labels for one in said]
    yield paired("content", "accuracy, region hidden", hidden[0], hidden[1], rng)
    for which, name in CONTENT.items():
        before, after = (one.contents[which] for one in said)
        known = np.isfinite(before) & np.isfinite(after)
        if known.any():
            yield paired("content", name, before[known], after[known], rng)


def _elsewhere(
    labels: Int[np.ndarray, "N"], said: tuple[Said, Said], others: Regions, rng: np.random.Generator
) -> Iterator[Pair]:
    for number, name in enumerate(others, start=1):
        both = [blamed(one.full, one.there[:, number], one.elsewhere[:, number], labels) for one in said]
        yield paired("other region", f"errors blamed on {name}", both[0], both[1], rng)
        yield flip_rate("other region", f"answers that change when {name} is hidden", said, number, rng)


def flip_rate(kind: str, name: str, said: tuple[Said, Said], region: int, rng: np.random.Generator) -> Pair:
    """Share of the answers that change when a region is hidden, beside that of equal areas elsewhere."""
    there = [one.there[:, region] != one.full for one in said]
    away = [float((one.elsewhere[:, region] != one.full[:, np.newaxis]).mean()) for one in said]
    return paired(kind, name, there[0], there[1], rng, beside=(away[0], away[1]))
