"""The verdict: each rule decides where it should, and a needless repair is hardly ever called good."""

import dataclasses
import re

import numpy as np
import pytest

from sightline.findings.significance import sign_flip_test
from sightline.proof import verdict
from sightline.proof.marked_gap import measure_gap
from sightline.proof.paired_metrics import PairedOutcomes, blamed_errors
from sightline.proof.property_names import property_words
from sightline.proof.verdict import decide_verdict, outcome_p_values


def decided(changes, level=0.05, seed=0):
    found = decide_verdict(changes, outcome_p_values(changes, np.random.default_rng(seed)), level)
    assert verdict.word_of_rule(found.rule) == found.word
    return found


def made(right=150, corrected=40, broken=5, both=5, *, blamed=40, left=5, labels=None, misled=True):
    """Images that stay right, turn right, turn wrong, stay wrong.

    Of those wrong before `blamed` turn right when the region is hidden, of those wrong after `left`.
    """
    before = np.repeat([True, False, True, False], [right, corrected, broken, both])
    after = np.repeat([True, True, False, False], [right, corrected, broken, both])
    labels = np.arange(len(before)) % 2 if labels is None else labels
    blame = [np.zeros(len(before)), np.zeros(len(before))]
    for each, wrong, count in ((blame[0], ~before, blamed), (blame[1], ~after, left)):
        each[np.flatnonzero(wrong)[:count]] = 1
    rng = np.random.default_rng(0)
    evidence = np.where(before, 2.0, -1.0) + 0.1 * rng.standard_normal(len(before))
    hidden = np.where(before | (not misled), 0.8 * evidence, -0.2 * evidence)
    return PairedOutcomes(labels, before, after, *blame, evidence, hidden, ("cat", "dog"))


def test_a_real_repair_is_called_repaired():
    found = decided(made())
    assert found.word == "repaired"
    assert "accuracy is surely higher (p < 0.0001)" in found.rule
    assert "errors blamed on the region are surely fewer (p = 0.0001), 12% of them remain" in found.rule


def test_too_few_images_or_errors_cannot_tell():
    few = decided(made(20, 20, 0, 2, blamed=20, left=0))
    assert (few.word, few.rule) == ("cannot tell", "too few images: 42, and 50 are needed")
    errors = decided(made(190, 9, 0, 0, blamed=9, left=0))
    assert errors.word == "cannot tell"
    assert errors.rule == "too few errors: 9 of 199 answers were wrong before, and 10 are needed"


def test_too_few_images_may_still_show_harm():
    found = decided(made(20, 0, 12, 0, blamed=0, left=0))
    assert found.word == "harmful"
    assert found.rule == "accuracy is surely lower (p = 0.00049)"


def test_a_class_whose_recall_is_surely_lower_is_harm_unless_accuracy_is_surely_higher():
    labels = np.repeat([0, 0, 1, 0], [150, 15, 12, 5])
    found = decided(made(150, 15, 12, 5, blamed=15, left=0, labels=labels))
    assert found.word == "harmful"
    assert "recall is surely lower (dog, p = 0.00049), and accuracy is not surely higher" in found.rule
    labels = np.repeat([0, 0, 1, 0], [150, 45, 12, 5])
    found = decided(made(150, 45, 12, 5, blamed=45, left=0, labels=labels))
    assert found.word == "partly"
    assert "but recall is surely lower (dog" in found.rule


def test_recalls_are_adjusted_for_how_many_classes_there_are():
    labels = np.repeat([1, 0, 2, 3], [150, 10, 8, 20])  # ten of class 0 turn right, eight of class 2 wrong
    changes = made(150, 10, 8, 20, labels=labels)
    found = outcome_p_values(changes, np.random.default_rng(0)).recalls
    assert found == pytest.approx({0: 4 * 0.5**9, 1: 1, 2: 3 * 0.5**7, 3: 1})


def test_more_than_half_of_the_blamed_errors_left_is_partly():
    found = decided(made(150, 40, 5, 60, blamed=100, left=60))  # nearly all errors are the region's
    assert found.word == "partly"
    assert "but 60% of the blamed errors remain" in found.rule


def test_accuracy_not_surely_higher_is_partly_only_where_the_region_misled():
    counts = {"right": 150, "corrected": 10, "broken": 6, "both": 40, "blamed": 40, "left": 3}
    found = decided(made(**counts))
    assert found.word == "partly"
    assert "but accuracy is not surely higher (p = 0.45)" in found.rule
    found = decided(made(**counts, misled=False))
    assert found.word == "no effect"
    assert "wrong answers did not surely rest on it more than right ones did" in found.rule


def test_other_errors_in_the_place_of_those_blamed_are_no_effect():
    found = decided(made(150, 10, 14, 40, blamed=40, left=3))
    assert found.word == "no effect"
    assert found.rule.endswith("but accuracy is not higher: other errors took their place")


def test_where_hiding_turns_nothing_right_there_was_nothing_to_repair():
    found = decided(made(150, 40, 5, 5, blamed=0, left=0))
    assert found.word == "no effect"
    assert found.rule.startswith("nothing to repair there: before, hiding the region turned not surely more")
    assert found.rule.endswith("accuracy rose, but not surely by what goes with this region (p < 0.0001)")


def test_blamed_errors_that_are_fewer_as_all_errors_are_were_not_repaired():
    changes = made(150, 40, 0, 40, blamed=30, left=16)  # errors halved, and those blamed with them
    alone = sign_flip_test(
        changes.blamed_before - changes.blamed_after, np.arange(230), np.random.default_rng(0)
    )
    assert alone < 0.05
    found = decided(changes)
    assert found.word == "no effect"
    assert "errors blamed on the region are not surely fewer" in found.rule
    assert "accuracy rose, but not surely by what goes with this region" in found.rule


def cues(kind, count, rng, missed=None):
    """A linear model of eight independent cues, each a region; of the first, hidden is its mean.

    With `missed`, the share of images in which its detector finds nothing to hide, a person marks who has it.
    """
    labels = rng.integers(0, 2, count)
    side = 2 * labels - 1
    values = rng.standard_normal((count, 8)) + 0.45 * side[:, np.newaxis]
    before, after = (0.9 * (1 + 0.2 * rng.standard_normal(8)) for _ in range(2))
    if kind == "legitimate":  # as good as the others, rightly weighed, and the repair does without
        before, after = np.full(8, 0.9), np.full(8, 0.9)
        after[0] = 0
    elif kind == "planted":
        values[:, 0] = rng.standard_normal(count)
        before[0], after[0] = 2.5, 0.5
    full, there, elsewhere = [], [], []
    for weights in (before, after):
        z = values @ weights
        where = rng.integers(1, 8, (count, 4))
        moved = z[:, np.newaxis] - np.take_along_axis(values * weights, where, axis=1)
        full.append((z > 0).astype(int))
        there.append((z - values[:, 0] * weights[0] > 0).astype(int))
        elsewhere.append((moved > 0).astype(int))
    blame = [blamed_errors(full[k], there[k], elsewhere[k], labels) for k in (0, 1)]
    evidence, hidden = (values @ before) * side, (values[:, 1:] @ before[1:]) * side
    marked = None if missed is None else values[:, 0] > 0.3
    blame = [each * (rng.random(count) >= (missed or 0)) for each in blame]
    return PairedOutcomes(
        labels, full[0] == labels, full[1] == labels, *blame, evidence, hidden, ("a", "b"), marked
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["retrained", "legitimate"])
@pytest.mark.parametrize("missed", [None, 0.4])
def test_a_needless_repair_is_called_good_in_at_most_five_percent(kind, missed, monkeypatch):
    monkeypatch.setattr("sightline.findings.significance.ROUNDS", 999)
    monkeypatch.setattr("sightline.proof.marked_gap.ROUNDS", 999)
    words = [
        decided(cues(kind, 400, np.random.default_rng(run), missed), seed=run).word for run in range(300)
    ]
    # Two standard errors of 300 runs above the 5 % that are allowed.
    assert (
        sum(word in ("repaired", "partly") for word in words) / 300 <= 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5
    )


@pytest.mark.slow
def test_a_real_repair_of_simulated_models_is_mostly_found(monkeypatch):
    monkeypatch.setattr("sightline.findings.significance.ROUNDS", 999)
    words = [decided(cues("planted", 400, np.random.default_rng(run)), seed=run).word for run in range(40)]
    assert words.count("repaired") >= 34


def test_a_repair_of_what_the_detector_mostly_missed_is_found_by_the_person_s_marks():
    changes = cues("planted", 400, np.random.default_rng(0), missed=0.95)
    assert decided(dataclasses.replace(changes, marked=None)).word == "no effect"
    found = decided(changes)
    assert found.word == "repaired"
    assert "errors surely went with the shortcut as it was marked (p < 0.0001)" in found.rule


def test_marks_that_errors_do_not_go_with_make_no_repair_good():
    changes = cues("planted", 400, np.random.default_rng(0), missed=0.95)
    by_chance = np.random.default_rng(5).random(400) < 0.5
    assert decided(dataclasses.replace(changes, marked=by_chance)).word == "no effect"


def test_a_gap_that_closes_as_all_errors_become_fewer_is_not_said_to_close():
    there, labels = np.arange(400) % 2 == 0, np.zeros(400, int)
    errors = np.where(there, 0.6, 0.3)
    rank = np.arange(400) // 2 / 200
    before, after = rank >= errors, rank >= errors / 2
    found = measure_gap(there, labels, before, after, np.random.default_rng(0))
    assert (found.before, found.after) == pytest.approx((0.3, 0.15))
    assert found.linked < 1e-4
    assert found.weaker > 0.2


@pytest.mark.parametrize(
    ("word", "message"), [(word, one) for word, several in verdict.RULES.items() for one in several]
)
def test_a_rule_that_was_kept_tells_its_verdict(word, message):
    fields = dict.fromkeys(re.findall(r"\{(\w+)\}", message), "p = 0.01 (see there)")
    for kept in (message.format(**fields), property_words(message.format(**fields))):
        assert verdict.word_of_rule(kept) == word
        assert verdict.word_of_rule(kept + " and more") in ("", word)
