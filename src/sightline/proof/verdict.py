"""what a repair changed, image by image → a verdict in words, from stated rules."""

import numpy as np

from sightline.findings.region_effects import excess_reliance
from sightline.findings.significance import holm_adjusted, sign_flip_test
from sightline.proof.paired_metrics import PairedOutcomes, PValues, mcnemar_test
from sightline.types import record

FEWEST = 50
"""Images below which nothing good is said of a repair."""
FEWEST_WRONG = 10
"""Wrong answers before the repair below which nothing good is said of it."""
LEFT = 0.5
"""Share of the errors blamed on the region that may be left of a repair."""


@record
class Verdict:
    """What a repair came to.

    Parameters
    ----------
    word : str
        ``"repaired"``, ``"partly"``, ``"no effect"``, ``"harmful"`` or ``"cannot tell"``.
    rule : str
        What decided it.
    """

    word: str
    rule: str


def outcome_p_values(changes: PairedOutcomes, rng: np.random.Generator) -> PValues:
    """The tests that the verdict rests on."""
    labels, before, after = changes.labels, changes.before, changes.after
    classes = np.unique(labels).tolist()
    recalls = holm_adjusted([mcnemar_test(before[labels == one], after[labels == one]) for one in classes])
    everyone = np.arange(len(labels))
    return PValues(
        accuracy=mcnemar_test(before, after),
        recalls=dict(zip(classes, recalls, strict=True)),
        drove=sign_flip_test(changes.blamed_before, everyone, rng),
        fewer=_fewer_blamed_p(changes, rng),
        misled=_misled_p(changes, rng),
    )


def _fewer_blamed_p(changes: PairedOutcomes, rng: np.random.Generator) -> float:
    """Whether errors blamed on the region are fewer, and more so than the other errors are.

    A model that got better for another reason makes fewer errors of any kind, those blamed on the region
    among them. Beyond half as many, and of few other errors, that cannot be told, and is not asked for.
    """
    blame = (changes.blamed_before, changes.blamed_after)
    others = [
        float((~right).sum() - each.sum())
        for right, each in zip((changes.before, changes.after), blame, strict=True)
    ]
    fell = 1.0 if others[0] < FEWEST_WRONG else others[0] / max(others[1], 1.0)
    everyone = np.arange(len(changes.labels))
    # Both have to hold, so the larger p counts and needs no adjusting (Berger 1982).
    times = {1.0, float(np.clip(fell, 1, 1 / LEFT))}
    return max(sign_flip_test(blame[0] - each * blame[1], everyone, rng) for each in sorted(times))


def _misled_p(changes: PairedOutcomes, rng: np.random.Generator) -> float:
    """The third test of `sightline.blame`, of the model before."""
    wrong = ~changes.before
    if wrong.all() or not wrong.any():
        return 1.0
    more = excess_reliance(changes.evidence, changes.hidden_evidence, wrong)
    return sign_flip_test(more, np.arange(len(more)), rng)


def decide_verdict(changes: PairedOutcomes, tests: PValues, level: float) -> Verdict:
    """The verdict on a repair; the first rule that holds decides.

    Surely means p ≤ `level`.

    1. **harmful**: accuracy is surely lower; or it is not surely higher, and the recall of some class is
       surely lower.
    2. **cannot tell**: there are fewer than 50 images, or fewer than 10 answers were wrong before.
    3. **no effect**: hiding the region before turned not surely more wrong answers right than hiding as much
       elsewhere; or the errors thus blamed on it are not surely fewer after, by more than the other errors.
    4. **repaired**: besides, accuracy is surely higher, at most half of the blamed errors remain, and no
       class's recall is surely lower.
    5. **partly**: accuracy is surely higher, but the rest of 4 does not hold; or accuracy is not lower, and
       the region surely misled before: wrong answers rested on it more than right ones did.
    6. **no effect**: else.

    The last condition of 5 is there since in any model hiding what it goes by turns some wrong answers
    right, by mere regression to the mean, and a repair that makes the model do without the region takes
    those errors away and makes others in their place. Where a region weighs no more in wrong answers than in
    right ones, that is all it does.
    """
    count, wrong = len(changes.labels), int((~changes.before).sum())
    gained = int(changes.after.sum()) - int(changes.before.sum())
    rose = tests.accuracy <= level and gained > 0
    accuracy, fewer = format_p(tests.accuracy), format_p(tests.fewer)
    lower = [
        f"{changes.class_names[one]}, {format_p(p)}"
        for one, p in tests.recalls.items()
        if p <= level and _recall_fell(changes, one)
    ]
    recalls = f"recall is surely lower ({', '.join(lower)})"
    if tests.accuracy <= level and not rose:
        return Verdict("harmful", f"accuracy is surely lower ({accuracy})")
    if lower and not rose:
        return Verdict("harmful", f"{recalls}, and accuracy is not surely higher")
    if count < FEWEST:
        return Verdict("cannot tell", f"too few images: {count}, and {FEWEST} are needed")
    if wrong < FEWEST_WRONG:
        few = f"{wrong} of {count} answers were wrong before, and {FEWEST_WRONG} are needed"
        return Verdict("cannot tell", f"too few errors: {few}")
    other = f"; accuracy rose, but not surely by what goes with this region ({accuracy})" if rose else ""
    if tests.drove > level or changes.blamed_before.mean() <= 0:
        why = "before, hiding the region turned not surely more errors right than hiding as much elsewhere"
        return Verdict("no effect", f"nothing to repair there: {why} ({format_p(tests.drove)}){other}")
    if tests.fewer > level:
        return Verdict("no effect", f"errors blamed on the region are not surely fewer ({fewer}){other}")
    repaired = f"errors blamed on the region are surely fewer ({fewer})"
    left = float(changes.blamed_after.mean() / changes.blamed_before.mean())
    if rose and left <= LEFT and not lower:
        rest = f"{max(left, 0):.0%} of them remain, and no class's recall is surely lower"
        return Verdict("repaired", f"accuracy is surely higher ({accuracy}), {repaired}, {rest}")
    if gained < 0:
        return Verdict("no effect", f"{repaired}, but accuracy is not higher: other errors took their place")
    if not rose and tests.misled > level:
        why = "before, wrong answers did not surely rest on it more than right ones did"
        misled = f"{why} ({format_p(tests.misled)})"
        return Verdict("no effect", f"{repaired}, but accuracy is not surely higher, and {misled}")
    lacks = [
        *([] if rose else [f"accuracy is not surely higher ({accuracy})"]),
        *([f"{left:.0%} of the blamed errors remain"] if left > LEFT else []),
        *([recalls] if lower else []),
    ]
    return Verdict("partly", f"{repaired}, but {' and '.join(lacks)}")


def _recall_fell(changes: PairedOutcomes, one: int) -> bool:
    which = changes.labels == one
    return bool(changes.after[which].sum() < changes.before[which].sum())


def format_p(p: float) -> str:
    """A p-value in words."""
    return f"p = {p:.2g}" if p >= 1e-4 else "p < 0.0001"
