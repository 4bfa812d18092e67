"""what a repair changed, image by image → a verdict in words, from stated rules."""

import re

import numpy as np

from sightline._language import in_english, translatable
from sightline.findings.region_effects import excess_reliance
from sightline.findings.significance import holm_adjusted, sign_flip_test
from sightline.proof.marked_gap import MarkedGap, measure_gap
from sightline.proof.paired_metrics import PairedOutcomes, PValues, mcnemar_test
from sightline.proof.property_names import property_words
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
        gap=None if changes.marked is None else measure_gap(changes.marked, labels, before, after, rng),
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

    Of what is found by its looks, and of which a person said what images show it, there are two ways to be
    called good: rules 3 to 5, or that accuracy is surely higher, that before errors surely went with what was
    marked, and that they surely do less after (`MarkedGap`). That is *repaired* if at most half of the gap
    remains and no class's recall is surely lower, else *partly*. What a detector misses is not hidden, so
    that rule 3 alone would call a good repair one of no effect. Each way has half of `level`.

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
    values = {"accuracy": accuracy, "fewer": fewer, "lower": ", ".join(lower)}
    if tests.accuracy <= level and not rose:
        return Verdict("harmful", in_english(LOWER, **values))
    if lower and not rose:
        return Verdict("harmful", in_english(RECALL_LOWER, **values))
    if (few := _too_few_text(count, wrong)) is not None:
        return Verdict("cannot tell", few)
    if rose and (gap := tests.gap) is not None and max(gap.linked, gap.weaker) <= level / 2:
        return _verdict_by_marks(gap, values)
    level = level if tests.gap is None else level / 2
    if tests.drove > level or changes.blamed_before.mean() <= 0:
        return Verdict("no effect", in_english(IDLE[rose], drove=format_p(tests.drove), **values))
    if tests.fewer > level:
        return Verdict("no effect", in_english(NOT_FEWER[rose], **values))
    left = float(changes.blamed_after.mean() / changes.blamed_before.mean())
    values["left"] = f"{max(left, 0):.0%}"
    if rose and left <= LEFT and not lower:
        return Verdict("repaired", in_english(ALL_WELL, **values))
    if gained < 0:
        return Verdict("no effect", in_english(OTHERS_CAME, **values))
    if not rose and tests.misled > level:
        return Verdict("no effect", in_english(NOT_MISLED, misled=format_p(tests.misled), **values))
    values["left"] = f"{left:.0%}"
    return Verdict("partly", in_english(LACKS[not rose, left > LEFT, bool(lower)], **values))


def _too_few_text(count: int, wrong: int) -> str | None:
    """Why nothing can be told, if so."""
    if count < FEWEST:
        return in_english(FEW_IMAGES, count=count, fewest=FEWEST)
    if wrong < FEWEST_WRONG:
        return in_english(FEW_ERRORS, wrong=wrong, count=count, fewest=FEWEST_WRONG)
    return None


def word_of_rule(rule: str) -> str:
    """The verdict that a rule stands for, as a proof has kept it; empty of a rule that is not known here.

    Examples
    --------
    >>> word_of_rule("accuracy is surely lower (p = 0.001)"), word_of_rule("by a way of one's own")
    ('harmful', '')
    """
    for word, messages in RULES.items():
        for message in messages:
            for text in (message, property_words(message)):
                fixed = map(re.escape, re.split(r"\{\w+\}", text))
                if re.fullmatch(".+".join(fixed), rule, re.DOTALL):
                    return word
    return ""


LOWER = translatable("accuracy is surely lower ({accuracy})")
RECALL_LOWER = translatable("recall is surely lower ({lower}), and accuracy is not surely higher")
FEW_IMAGES = translatable("too few images: {count}, and {fewest} are needed")
FEW_ERRORS = translatable(
    "too few errors: {wrong} of {count} answers were wrong before, and {fewest} are needed"
)
IDLE = {
    False: translatable(
        "nothing to repair there: before, hiding the region turned not surely more errors right than hiding "
        "as much elsewhere ({drove})"
    ),
    True: translatable(
        "nothing to repair there: before, hiding the region turned not surely more errors right than hiding "
        "as much elsewhere ({drove}); accuracy rose, but not surely by what goes with this region "
        "({accuracy})"
    ),
}
"""Where it drove no errors; by whether accuracy rose."""
NOT_FEWER = {
    False: translatable("errors blamed on the region are not surely fewer ({fewer})"),
    True: translatable(
        "errors blamed on the region are not surely fewer ({fewer}); accuracy rose, but not surely by what "
        "goes with this region ({accuracy})"
    ),
}
ALL_WELL = translatable(
    "accuracy is surely higher ({accuracy}), errors blamed on the region are surely fewer ({fewer}), {left} "
    "of them remain, and no class's recall is surely lower"
)
OTHERS_CAME = translatable(
    "errors blamed on the region are surely fewer ({fewer}), but accuracy is not higher: other errors took "
    "their place"
)
NOT_MISLED = translatable(
    "errors blamed on the region are surely fewer ({fewer}), but accuracy is not surely higher, and before, "
    "wrong answers did not surely rest on it more than right ones did ({misled})"
)
LACKS = {
    (True, False, False): translatable(
        "errors blamed on the region are surely fewer ({fewer}), but accuracy is not surely higher "
        "({accuracy})"
    ),
    (True, True, False): translatable(
        "errors blamed on the region are surely fewer ({fewer}), but accuracy is not surely higher "
        "({accuracy}) and {left} of the blamed errors remain"
    ),
    (False, True, False): translatable(
        "errors blamed on the region are surely fewer ({fewer}), but {left} of the blamed errors remain"
    ),
    (False, True, True): translatable(
        "errors blamed on the region are surely fewer ({fewer}), but {left} of the blamed errors remain and "
        "recall is surely lower ({lower})"
    ),
    (False, False, True): translatable(
        "errors blamed on the region are surely fewer ({fewer}), but recall is surely lower ({lower})"
    ),
}
"""What a repair in part lacks: whether accuracy is not higher, much is left, a recall is lower."""
BY_MARKS = translatable(
    "accuracy is surely higher ({accuracy}); errors surely went with the shortcut as it was marked "
    "({linked}) and surely do so less ({weaker}): of the gap in accuracy between images with it and without "
    "{left} remain"
)
BY_MARKS_WELL = translatable(
    "accuracy is surely higher ({accuracy}); errors surely went with the shortcut as it was marked "
    "({linked}) and surely do so less ({weaker}): of the gap in accuracy between images with it and without "
    "{left} remain, and no class's recall is surely lower"
)
BY_MARKS_LOWER = translatable(
    "accuracy is surely higher ({accuracy}); errors surely went with the shortcut as it was marked "
    "({linked}) and surely do so less ({weaker}): of the gap in accuracy between images with it and without "
    "{left} remain, but recall is surely lower ({lower})"
)


RULES = {
    "harmful": (LOWER, RECALL_LOWER),
    "cannot tell": (FEW_IMAGES, FEW_ERRORS),
    "no effect": (*IDLE.values(), *NOT_FEWER.values(), OTHERS_CAME, NOT_MISLED),
    "repaired": (ALL_WELL, BY_MARKS_WELL),
    "partly": (*LACKS.values(), BY_MARKS, BY_MARKS_LOWER),
}
"""Verdict → the rules that lead to it, in the words in which they are kept."""


def _verdict_by_marks(gap: MarkedGap, values: dict[str, str]) -> Verdict:
    """Of errors that surely went with what a person marked, and surely do less."""
    told = {
        **values,
        "linked": format_p(gap.linked),
        "weaker": format_p(gap.weaker),
        "left": f"{gap.left:.0%}",
    }
    if gap.left <= LEFT and not values["lower"]:
        return Verdict("repaired", in_english(BY_MARKS_WELL, **told))
    return Verdict("partly", in_english(BY_MARKS_LOWER if values["lower"] else BY_MARKS, **told))


def _recall_fell(changes: PairedOutcomes, one: int) -> bool:
    which = changes.labels == one
    return bool(changes.after[which].sum() < changes.before[which].sum())


def format_p(p: float) -> str:
    """A p-value in words."""
    return f"p = {p:.2g}" if p >= 1e-4 else "p < 0.0001"
