"""blame: does it name the region that drives errors, and nothing where none does?"""

import dataclasses
import json

import numpy as np
import pytest

import sightline as sl
from sightline import regions
from sightline.errors import ModelError, OptionError, SegmentError, SightlineWarning
from sightline.findings.blame_analysis import _beside_shift, blame
from sightline.findings.blame_result import Blame, RegionEffect, property_leads
from sightline.findings.cause_result import ImageCause, ImageCauses
from sightline.findings.rebalancing import ScoreShift
from sightline.findings.region_effects import RULES, class_evidence
from sightline.study.schema import is_of_answers
from support.bright import bright, known_bright
from support.saturated import cornered, in_percent, sure
from support.studies import Memory

NINE = regions.grid(3, 3)
PLAN = sl.Plan(segment="grid:rows=3,columns=3", fill=sl.Colour(0.5), budget=32)


def cells(images):
    """Mean of each of nine cells less grey, shape (B, 9)."""
    return images.reshape(len(images), 3, 3, 3, 3).mean(axis=(2, 4)).reshape(len(images), 9) - 0.5


def weighing(*weights):
    """A model that adds up the evidence of the cells: images → probabilities of two classes."""

    def model(images):
        p = 1 / (1 + np.exp(-cells(images) @ np.array(weights, dtype=float)))
        return np.stack([1 - p, p], axis=1)

    return model


def images_with_signal(signal, spread, count=180, seed=0):
    """Nine cells whose brightness speaks for the label by `signal`, with `spread` around it."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    bright = (2 * labels[:, np.newaxis] - 1) * np.asarray(signal) + rng.normal(size=(count, 9)) * spread
    images = 0.5 + bright.reshape(count, 3, 3).repeat(3, axis=1).repeat(3, axis=2)
    return images, labels


def marked(count=180, seed=0):
    """The middle tells the label; the upper left corner has a mark in half of them, whatever the label is."""
    images, labels = images_with_signal([0, 0, 0, 0, 0.1, 0, 0, 0, 0], 0.05, count, seed)
    rng = np.random.default_rng((seed, 1))
    images[:, :3, :3] = np.where(rng.random(count) < 0.5, 0.7, 0.3)[:, np.newaxis, np.newaxis]
    return images, labels


MARKED = weighing(6, 1, 1, 1, 12, 1, 1, 1, 1)


@pytest.fixture(scope="module")
def planted():
    return Memory(MARKED, *marked(), PLAN)


@pytest.mark.slow
def test_the_marks_region_is_first_and_alone_confirmed(planted):
    found = blame(planted, NINE)
    assert found.confirmed == ("r1c1",)
    assert found.regions[0].region == "r1c1"
    assert found["r1c1"].p < 0.01
    assert found.verdict.startswith("r1c1 drives errors: hiding it in wrong answers raises")


@pytest.mark.slow
def test_a_region_that_right_answers_go_by_as_much_is_not_blamed_though_hiding_it_helps_every_wrong_one():
    # All the evidence there is lies in the middle, so all errors are its own: nothing to repair.
    signal, spread = np.eye(9)[4] * 0.1, 0.1 * np.eye(9)[4] + 0.001
    study = Memory(weighing(*np.eye(9)[4] * 20), *images_with_signal(signal, spread), PLAN)
    found = blame(study, NINE)
    assert found["r2c2"].low > 0.1
    assert found["r2c2"].suspect
    assert found.confirmed == ()
    assert found.verdict.startswith("r2c2 is what the model goes by")
    assert "That a region misleads is not shown: of " in found.verdict


@pytest.mark.slow
def test_a_region_beside_which_a_model_knows_nothing_is_not_blamed_and_is_told_of():
    # Its sign is drawn by lot, so that it misleads in half of the images; right answers rest on it, too.
    images, labels = images_with_signal(np.zeros(9), np.full(9, 0.01), 80)
    images[:, :3, :3] = np.where(np.random.default_rng(1).random(80) < 0.5, 0.8, 0.2)[:, None, None]
    found = blame(Memory(weighing(20, *[1] * 8), images, labels, PLAN), NINE, progress=False)
    line = found["r1c1"]
    assert found.confirmed == ()
    assert line.failed == ("right answers",)
    assert line.corrected >= found.wrong / 3
    assert found.relied_on == ("r1c1",)
    assert line.reliance_p <= 0.05
    assert np.isfinite(line.net).all()  # as much elsewhere was hidden, too, to say so
    said = (
        f"r1c1 is what the model goes by: hiding it turns {line.corrected:g} of {found.wrong} wrong answers "
        f"right and {line.broken:g} of {found.right} right ones wrong (adjusted p = {line.reliance_p:.2g})."
    )
    assert found.verdict.startswith(said)
    assert "That a region misleads is not shown: of " in found.verdict
    assert "nothing found" not in found.verdict
    assert said in found.finding("r1c1")
    assert found.verdict.count("what the model goes by") == 1


@pytest.mark.slow
def test_a_region_that_is_noise_to_a_model_that_goes_by_it_is_blamed():
    signal, spread = np.full(9, 0.06) * (np.arange(9) > 0), np.array([0.5, *[0.1] * 8])
    study = Memory(weighing(*[10] * 9), *images_with_signal(signal, spread, 240), PLAN)
    assert blame(study, NINE).confirmed == ("r1c1",)


@pytest.fixture(scope="module")
def weighed_well():
    """Studies of models that weigh independent, normally distributed evidence as well as can be done."""
    made = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        signal, spread = rng.uniform(0.0, 0.1, 9), np.full(9, 0.15)
        model = weighing(*(2 * signal / spread**2))
        made.append(Memory(model, *images_with_signal(signal, spread, 160, seed), PLAN))
    return made


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0, 0.2])
def test_models_that_weigh_their_evidence_well_are_left_alone(weighed_well, margin):
    found = [blame(study, NINE, margin=margin, seed=seed) for seed, study in enumerate(weighed_well)]
    assert sum(bool(one.confirmed) for one in found) <= 2  # of 10 at 5 %: more has a chance near 1 %


@pytest.mark.slow
def test_the_effects_are_what_hiding_the_region_does_images_one_by_one(planted):
    found = blame(planted, NINE, max_answers=1000, seed=3)
    wrong = planted.labels != planted.predicted
    assert found.errors == found.wrong == wrong.sum()
    line = found["r1c1"]
    images, labels = marked()
    places = np.flatnonzero(wrong)
    hidden = images[places].copy()
    hidden[:, :3, :3] = 0.5
    n = np.arange(len(places))
    gains = MARKED(hidden)[n, labels[places]] - MARKED(images[places])[n, labels[places]]
    assert line.gain == pytest.approx(gains.mean())
    assert line.corrected == (MARKED(hidden).argmax(axis=1) == labels[places]).sum()
    assert line.low < line.gain < line.high
    right = np.flatnonzero(~wrong)
    hidden = images[right].copy()
    hidden[:, :3, :3] = 0.5
    broken = (MARKED(hidden).argmax(axis=1) != labels[right]).mean()
    assert line.broken / found.right == pytest.approx(broken, abs=0.06)  # of those that were drawn


@pytest.mark.slow
def test_half_of_the_images_confirms_where_a_number_of_suspects_is_chosen(planted):
    found = blame(planted, NINE, n_suspects=3)
    assert sum(one.suspect for one in found.regions) == 3
    assert found.confirmed == ("r1c1",)
    assert abs(2 * found.wrong - found.errors) <= 1
    assert f"; confirmed on {found.wrong} of them beside " in str(found)


@pytest.mark.slow
def test_what_was_found_in_images_is_not_confirmed_by_them(planted):
    half = tuple(str(place) for place in range(0, 180, 2))
    shapes = dataclasses.replace(NINE["r1c1"].shapes)
    object.__setattr__(shapes, "found_in", half)
    found = blame(planted, dataclasses.replace(NINE["r1c1"], shapes=shapes))
    odd = np.arange(180) % 2 == 1
    assert found.wrong == int((planted.labels != planted.predicted)[odd].sum())
    assert found.halved
    assert found.confirmed == ("r1c1",)


@pytest.mark.slow
def test_a_region_that_a_rule_rules_out_is_not_asked_about_for_the_others(planted):
    found = blame(planted, NINE, margin=0, controls=4)
    assert found.calls < found.wrong * (1 + 9) + (found.wrong + found.right) * (1 + 2 * 5)
    out = [one for one in found.regions if one.failed == ("least effect",)]
    assert len(out) > 4
    assert all(np.isnan(one.control_gain) and np.isnan(one.broken) for one in out)
    row = next(line for line in str(found).splitlines() if line.split()[0] == out[0].region)
    assert "nan" not in row
    whole = blame(planted, NINE, suspect=list(NINE), margin=0, controls=4)
    assert whole.confirmed == found.confirmed
    assert whole.calls > 2 * found.calls


def too_often_one(images):
    """Eight cells speak for the class and one for class 1 alone, of which there was more where it learned."""
    odds = cells(images) @ np.array([30, 8, 8, 8, 8, 8, 8, 8, 8.0]) + 4
    return np.stack([1 / (1 + np.exp(odds)), 1 / (1 + np.exp(-odds))], axis=1)


@pytest.mark.slow
def test_a_finding_that_a_shift_of_the_scores_undoes_is_worded_so():
    signal = np.array([0, *[0.06] * 8])
    plan = dataclasses.replace(PLAN, fill=sl.Colour(0.3))
    images, labels = images_with_signal(signal, np.full(9, 0.08), 100, 5)
    with pytest.warns(SightlineWarning, match="hiding-little"):
        study = Memory(too_often_one, images, labels, plan, class_names=("normal", "ill"))
    found = blame(study, NINE, margin=0)
    line, shift = found["r1c1"], found.rebalanced
    assert (found.confirmed, line.shifted, line.misleads) == ((), True, False)
    assert line.failed == ("a shift of the scores",)
    assert line.as_is_p < 0.01 < 0.05 < line.p
    assert shift.most == "normal → ill"
    assert shift.share > 0.9
    assert shift.biases[1] < -2
    assert shift.errors == found.errors - shift.corrected + shift.broken < found.errors
    assert found.verdict.startswith("A shift of the scores, not r1c1: hiding it turns ")
    assert (
        f"But {shift.share:.0%} of the errors are normal → ill, and shifting the score does as"
        in found.verdict
    )
    assert found.finding("r1c1") in found.verdict
    assert "~ r1c1" in str(found)
    kept = found.to_dict()
    assert kept["regions"][0]["shifted"]
    assert kept["rebalanced"]["most"] == "normal → ill"


def test_a_shift_that_mends_much_less_than_a_region_does_not_stand_for_it(planted):
    """16 of 24 turn right by hiding it, 2 of 47 net by a bias for each class: neither is told for sure."""
    region = RegionEffect(
        "r1c1", True, 0.4, 0.3, 0.5, 0.0, 0.89, 16.0, 2.5, 2.0, 1.0, 0.5, 0.2, False, RULES[-1:],
        net=(0.2, 0.5), shifted=True, as_is_p=0.01,
    )  # fmt: skip
    little = ScoreShift((0.0, 0.3), errors=45, corrected=11, broken=9, most="normal → ill", share=0.72)
    much = dataclasses.replace(little, errors=30, corrected=20, broken=3)
    assert _beside_shift(region, much, 24).shifted
    undecided = _beside_shift(region, little, 24)
    assert not undecided.shifted
    found = dataclasses.replace(
        blame(planted, NINE), regions=(undecided,), errors=47, wrong=24, rebalanced=little
    )
    assert found.is_open(undecided)
    assert found.verdict.startswith("Whether r1c1 drives errors cannot be told (adjusted p = 0.89")
    assert "turns 16 of 24 wrong answers right" in found.verdict
    assert "by itself turns 11 of 47 right and 9 right ones wrong" in found.verdict
    assert "shift of the scores, not" not in found.verdict
    assert "nothing found" not in found.verdict


@pytest.mark.slow
def test_what_drives_errors_both_ways_stays_confirmed_once_rebalanced(planted):
    found = blame(planted, NINE)
    assert is_of_answers(found.to_dict(), planted)
    assert not any(one.shifted for one in found.regions)
    assert found["r1c1"].as_is_p <= found["r1c1"].p < 0.01


@pytest.mark.slow
def test_hiding_elsewhere_is_the_mean_over_the_other_places(planted):
    # Of nine equal cells eight lie elsewhere; a cell may be moved anywhere, so many places come close to all.
    few, many = (blame(planted, NINE, controls=count)["r1c1"] for count in (2, 40))
    assert few.gain == many.gain
    assert abs(many.control_gain) < 0.05
    assert many.gain > 0.2


def test_too_few_errors_are_said_to_be_and_the_model_is_not_asked():
    images, labels = marked(30)
    study = Memory(MARKED, images, labels, PLAN)

    def never(images):
        raise AssertionError("asked")

    study.model = never
    found = blame(study, NINE)
    assert found.regions == ()
    assert found.calls == 0
    count = int((study.labels != study.predicted).sum())
    assert 0 < count < 10
    assert found.verdict == f"too few errors: {count}, and testing 9 regions needs 10."
    assert str(found).splitlines()[0] == f"Blame: {count} wrong answers"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*classes-swapped")
def test_a_model_that_is_never_right_cannot_be_blamed_on_a_region():
    images, labels = images_with_signal(np.full(9, 0.1), 0.05, 60)
    study = Memory(weighing(*[20] * 9), images, 1 - labels, PLAN)
    assert blame(study, NINE).verdict == "too few right answers: 0, and testing 9 regions needs 10."


@pytest.mark.slow
def test_same_seed_same_answer_for_any_batch_size_and_every_image_is_counted(planted):
    sizes, model = [], planted.model

    def counting(images):
        sizes.append(len(images))
        return model(images)

    one, other = (blame(planted, NINE, model=counting, batch_size=size).to_dict() for size in (7, 256))
    assert one["regions"][0].keys() == other["regions"][0].keys()
    for mine, its in zip(one["regions"], other["regions"], strict=True):
        numbers = {name: value for name, value in mine.items() if isinstance(value, float)}
        assert numbers == pytest.approx({name: its[name] for name in numbers})
        assert (mine["region"], mine["p"], mine["confirmed"]) == (its["region"], its["p"], its["confirmed"])
    assert sum(sizes) == 2 * one["calls"]
    # Every region is hidden in wrong answers; right ones, and as much elsewhere, are for those left.
    assert one["wrong"] * (1 + 9) < one["calls"] < (one["wrong"] + one["right"]) * (1 + 9 * 5) / 2
    # Several images' worth go in one batch.
    assert max(sizes) == 256


@pytest.mark.slow
def test_groups_are_what_is_counted_not_images():
    images, labels = marked(90)
    often = Memory(MARKED, np.repeat(images, 3, axis=0), np.repeat(labels, 3), PLAN)
    person = np.repeat(np.arange(90), 3)
    alone, grouped = blame(often, NINE), blame(often, NINE, groups=person)
    assert alone.groups is None
    assert grouped.groups * 3 == grouped.wrong
    wide, narrow = (np.mean([line.high - line.low for line in each.regions]) for each in (grouped, alone))
    assert wide > 1.3 * narrow
    assert f"in {grouped.groups} groups" in str(grouped)


def test_two_groups_are_too_few(planted):
    found = blame(planted, NINE, groups="label")
    assert found.verdict == "too few errors: they come from 2 groups, and testing 9 regions needs 8."


@pytest.mark.slow
def test_scores_that_are_no_probabilities_are_compared_as_they_are():
    def logits(images):
        scores = cells(images) @ np.array([6, 1, 1, 1, 12, 1, 1, 1, 1.0])
        return np.stack([-scores, scores], axis=1)

    assert blame(Memory(logits, *marked(), PLAN), NINE).confirmed == ("r1c1",)
    assert class_evidence(np.array([[3.0, 1, -2], [0, 5, 9]]), 0, likely=False).tolist() == [2, -5]


@pytest.mark.slow
def test_the_dictionary_is_json_and_says_what_the_table_says(planted):
    found = blame(planted, NINE)
    kept = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [one["region"] for one in kept["regions"]] == [one.region for one in found.regions]
    assert kept["verdict"] == found.verdict
    assert [one["p"] is None for one in kept["regions"]] == [False] * 9
    heading, titles, first, *_ = str(found).splitlines()
    assert heading.startswith(f"Blame: {found.errors} wrong answers; tested on {found.wrong} of them beside ")
    assert heading.endswith(f"hidden with Colour(value=0.5), {found.calls:,} model calls")
    assert first.split()[:2] == ["*", "r1c1"]
    assert titles.split()[:2] == ["region", "gain"]


@pytest.mark.slow
def test_the_fill_may_be_another_than_the_plans(planted):
    assert blame(planted, NINE, fill="blur:sigma=2").fill == "Blur(sigma=2)"


@pytest.mark.slow
def test_an_unknown_region_is_a_key_error(planted):
    with pytest.raises(SegmentError, match="jaw"):
        blame(planted, NINE)["jaw"]


def test_another_model_than_the_one_explained_is_refused(planted):
    with pytest.raises(ModelError, match=r"another class than in the study.*\[blame-model\]"):
        blame(planted, NINE, model=lambda images: MARKED(images)[:, ::-1])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"n_suspects": 0}, "n_suspects must be a whole number from 1 up, but 0 was given."),
        ({"controls": 0}, "controls must be a whole number from 1 up, but 0 was given."),
        ({"max_answers": 10}, "max_answers must be a whole number from 20 up, but 10 was given."),
        ({"batch_size": 0}, "batch_size must be a whole number from 1 up, but 0 was given."),
        ({"seed": -1}, "seed must be a whole number from 0 up, but -1 was given."),
        ({"min_effect": 1}, "min_effect must be a number at least 0 and below 1, but 1 was given."),
        ({"level": 0}, "level must be a number above 0 and below 1, but 0 was given."),
    ],
)
def test_an_option_out_of_range_is_said_to_be(planted, given, told):
    with pytest.raises(OptionError) as caught:
        blame(planted, NINE, **given)
    assert str(caught.value) == f"{told} [option-value]"


def test_groups_that_do_not_fit_are_refused(planted):
    with pytest.raises(OptionError, match=r"one item for each of the 180 .* of shape \(3,\) was given"):
        blame(planted, NINE, groups=[1, 2, 3])
    with pytest.raises(OptionError, match="but 'person' was given"):
        blame(planted, NINE, groups="person")


SIX = regions.grid(6, 6)
FINE = sl.Plan(segment="grid:rows=3,columns=3", fill=sl.Colour(0.5), budget=32)


def reaching_beyond(count=120):
    """A token over the upper left cell of 6×6 and a row beyond, in half of the images; the middle tells."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, count)
    images = 0.5 + rng.normal(0, 0.03, (count, 24, 24))
    images[:, 10:16, 10:16] += 0.05 * (2 * labels - 1)[:, np.newaxis, np.newaxis]
    images[:, :5, :5] = np.where(rng.random(count) < 0.5, 0.9, 0.1)[:, np.newaxis, np.newaxis]
    return images, labels


def going_by_the_row_beyond(images):
    token = np.clip((images[:, 4, :5].mean(axis=1) - 0.5) * 6, -1, 1)
    p = 1 / (1 + np.exp(-2 * token - 36 * (images[:, 10:16, 10:16].mean(axis=(1, 2)) - 0.5)))
    return np.stack([1 - p, p], axis=1)


@pytest.fixture(scope="module")
def beyond():
    return Memory(going_by_the_row_beyond, *reaching_beyond(), FINE)


CORNERS = SIX[["r1c1", "r3c6", "r6c1", "r6c6"]]


@pytest.mark.slow
def test_a_mark_that_reaches_a_row_beyond_its_region_is_found_with_a_margin(beyond):
    found = blame(beyond, CORNERS)
    assert found.confirmed == ("r1c1",)
    assert found["r1c1"].margin == 0.06
    assert found["r1c1"].gain > 0.3
    assert found.verdict.startswith(
        "r1c1 with a margin of 0.06 drives errors: hiding it in wrong answers raises"
    )
    assert "* r1c1 with a margin of 0.06" in str(found)


def test_without_a_margin_the_region_that_holds_the_attribution_is_not_acquitted(beyond):
    found = blame(beyond, CORNERS, margin=0)
    assert found.confirmed == ()
    line = found["r1c1"]
    assert line.gain == pytest.approx(0, abs=0.01)
    assert "least effect" in line.failed
    assert line.holds_attribution == (line.wrong_share >= max(0.3, line.right_share + 0.15))
    held = dataclasses.replace(line, wrong_share=0.64, right_share=0.34)
    said = dataclasses.replace(found, regions=(held, *found.regions[1:]))
    assert (
        "r1c1 is not acquitted: it holds 64% of the evidence in wrong answers and 34% in right"
        in said.verdict
    )
    assert said.finding("r1c1").endswith("try a larger region, a wider margin= or another fill=.")


@pytest.mark.slow
def test_a_suspect_that_is_named_is_tested_on_all_errors(beyond):
    errors = int((beyond.labels != beyond.predicted).sum())
    found = blame(beyond, CORNERS, suspect="r1c1")
    assert (found.wrong, found.right, found.confirmed) == (errors, 120 - errors, ("r1c1",))
    innocent = blame(beyond, CORNERS, suspect="r6c6")
    assert innocent.confirmed == ()
    assert [one.region for one in innocent.regions if one.suspect] == ["r6c6"]
    most = max(innocent["r6c6"].net[1], innocent["r6c6"].margin_net[1])
    assert f"hiding it, with a margin or without, gives back at most {most:.3f}" in innocent.verdict
    assert innocent.verdict.startswith("r6c6 is not shown to drive errors (adjusted p = ")
    alone = blame(beyond, SIX["r6c6"])
    assert alone.wrong == errors
    assert alone.finding("r6c6") == alone.verdict


@pytest.mark.slow
def test_ten_errors_are_enough_for_what_is_plain():
    images, labels = marked(60)
    study = Memory(MARKED, images, labels, PLAN)
    assert 10 <= (study.labels != study.predicted).sum() < 20
    assert blame(study, NINE).confirmed == blame(study, NINE, suspect="r1c1").confirmed == ("r1c1",)
    few = Memory(MARKED, images[:20], labels[:20], PLAN)
    count = int((few.labels != few.predicted).sum())
    said = blame(few, NINE, suspect="r1c1").verdict
    assert said == f"too few errors: {count}, and one region needs 10."


@pytest.mark.slow
def test_the_rule_that_failed_is_named_beside_the_p_value():
    # Hiding the middle helps every wrong answer, and right answers rest on it as much.
    signal, spread = np.eye(9)[4] * 0.1, 0.1 * np.eye(9)[4] + 0.001
    study = Memory(weighing(*np.eye(9)[4] * 20), *images_with_signal(signal, spread), PLAN)
    found = blame(study, NINE)
    assert found["r2c2"].low > 0.1
    assert found["r2c2"].failed == ("right answers",)
    line = next(line for line in str(found).splitlines() if line.split()[0] == "r2c2")
    assert f"{found['r2c2'].p:.4f}  " in line
    assert "right answers" in line


@pytest.mark.slow
def test_regions_travel_with_the_verdict(planted):
    found = blame(planted, NINE)
    assert found.areas is NINE
    kept = json.loads(json.dumps(found.to_dict(), allow_nan=False))["areas"]
    assert kept["regions"]["r1c1"] == ["r1c1"]
    assert kept["polygons"]["r1c1"] == [[[0.0, 0.0], [0.0, 1 / 3], [1 / 3, 1 / 3], [1 / 3, 0.0]]]
    assert found.image.shape == (9, 9, 3)
    assert "image" not in found.to_dict()


def test_suspects_that_are_no_regions_are_refused(planted):
    with pytest.raises(SegmentError, match="there is no region 'jaw'"):
        blame(planted, NINE, suspect="jaw")
    with pytest.raises(OptionError, match="suspect names no region"):
        blame(planted, NINE, suspect=[])
    with pytest.raises(OptionError, match="margin must be a number"):
        blame(planted, NINE, margin=0.9)


@pytest.mark.slow
def test_a_shortcut_of_a_saturated_model_is_found_in_log_odds_and_not_in_probabilities():
    told = {}
    for model in (sure, in_percent):
        study = Memory(model, *cornered(240, 1, 0.4, 0.5), PLAN)
        told[model] = blame(study, NINE, suspect="r1c1", margin=0)
    odds, percent = told[sure], told[in_percent]
    assert (odds.scale, percent.scale) == ("log-odds", "probability")
    assert odds.lacked > 0.99
    assert odds.confirmed == ("r1c1",)
    assert odds["r1c1"].p < 0.01
    assert percent.confirmed == ()
    assert not percent["r1c1"].misleads
    assert "elsewhere" in percent["r1c1"].failed
    # The answers that turn are the same: it is the size of the effect that saturation hides.
    assert odds["r1c1"].corrected == percent["r1c1"].corrected > odds["r1c1"].control_corrected
    assert odds["r1c1"].odds_gain / odds.odds_lacked > 2 * percent["r1c1"].gain / percent.lacked


@pytest.mark.slow
def test_half_a_shortcut_that_turns_no_answer_of_a_saturated_model_is_told_with_its_evidence():
    study = Memory(sure, *cornered(160, 1, 0.12, 0.5), PLAN)
    found = blame(study, NINE, suspect="r1c1", margin=0)
    line = found["r1c1"]
    assert (line.corrected, line.misleads, found.confirmed) == (0, True, ())
    assert line.failed == ("turns elsewhere",)
    assert line.evidence_p < 0.01 < 0.05 < line.p
    assert found.verdict == found.finding("r1c1")
    assert found.verdict.startswith(
        "r1c1 raises the wrong class but is not shown to drive errors: hiding it in"
    )
    assert f"(adjusted p = {line.evidence_p:.2g}), yet 0 of {found.wrong} turn right" in found.verdict
    assert found.to_dict()["regions"][0]["misleads"]


@pytest.mark.slow
def test_regions_found_in_the_images_are_asked_about_where_they_are_found(planted):
    """They need not be in every image, as a region with a place is: they are tested as concepts are."""
    found = blame(planted, bright(0.65), seed=3)
    known = blame(planted, known_bright(planted.images, 0.65), seed=3, margin=0.1)
    assert (found.of_concepts, known.of_concepts) == (True, False)
    assert (
        {one.region for one in found.regions} == {one.region for one in known.regions} == {"bright", "dark"}
    )
    assert all(one.gain != 0 for one in found.regions)
    sl.figures.plot_blame(found)


@pytest.mark.slow
def test_of_a_region_that_is_ruled_out_nothing_is_said_that_was_not_asked(planted):
    found = blame(planted, SIX)
    out = [
        one for one in found.regions if one.suspect and np.isnan(one.net_gain) and not one.holds_attribution
    ]
    assert out
    for one in out:
        said = found.finding(one.region)
        assert "nan" not in said
        assert "at most" not in said
        assert f"changes the true class's score by {one.gain:+.3f}" in said


@pytest.mark.slow
def test_more_regions_than_flips_can_tell_apart_are_refused_in_words(planted):
    many = regions.grid(9, 9)
    said = blame(planted, many, level=0.01).verdict
    assert said.startswith("too many regions to test at once: 81, and 80 at most")
    assert not blame(planted, many, level=0.01, n_suspects=3).lack


@pytest.mark.parametrize(("gain", "leads"), [(0.1, True), (0.55, False)])
def test_a_property_of_whole_images_leads_where_no_region_gives_more_back(gain, leads):
    detail = ImageCause(
        *("detail", 0, "well", 39, (0.5,), (0.2,), 0.002),
        confirmed=True,
        lacked=0.6,
        gain=0.2,
        control_gain=0.01,
        misleads=True,
    )
    causes = ImageCauses((detail,), (), 109, 300, 0.05, 0.05, 0.05, 900)
    mark = RegionEffect("mark", True, gain, 0.05, 0.6, 0.0, 0.001, 70, 0, 3, 2, 0.5, 0.1, True)
    blamed = Blame((mark,), 109, 109, 100, None, 0.6, 0.05, 0.05, "Blur()", 900)
    assert property_leads(causes, blamed, None) is leads
    assert property_leads(causes, None)
    assert not property_leads(None, blamed)
    assert not property_leads(dataclasses.replace(causes, causes=()), blamed)
