"""slices: each slice's figures, and the worse one named within each label."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import binomtest

import sightline as sl
from sightline.errors import OptionError
from sightline.findings.error_links import column_values
from sightline.findings.slice_analysis import excess_p
from sightline.study.schema import is_of_answers
from support.studies import Answered, Memory

PLAN = sl.Plan(segment="grid:rows=3,columns=3", fill=sl.Colour(0.0), budget=32)


def sure(images):
    """Says what stands in the first pixel, and is as sure as the second one says."""
    said, much = images[:, 0, 0] > 0.5, images[:, 0, 1]
    p = np.where(said, much, 1 - much)
    return np.stack([1 - p, p], axis=1)


@pytest.fixture(scope="module")
def study():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    wrong = rng.random(200) < np.where(np.arange(200) < 60, 0.4, 0.05)
    images = rng.random((200, 12, 12)) * 0.2 + 0.3
    images[:, 0, 0] = np.where(wrong, 1 - labels, labels)
    images[:, 0, 1] = 0.9
    return Memory(sure, images, labels, PLAN)


TABLE = {
    "hospital": ["south"] * 60 + ["north"] * 140,
    "sex": ["f", "m"] * 100,
    "age": np.random.default_rng(4).permutation(200) // 2,
    "device": ["old"] * 12 + ["new"] * 188,
}


@pytest.fixture(scope="module")
def found(study):
    return sl.slices(study, TABLE)


def test_the_worse_slice_is_first_and_alone_named(found):
    assert found.worse == ("hospital = south",)
    assert found.slices[0].name == "hospital = south"
    assert found.verdict.startswith("hospital = south has surely more errors")
    assert "device = old" in " ".join(found.notes)


def test_a_slice_has_the_figures_of_its_images(found, study):
    one, inside = found["hospital = south"], np.arange(200) < 60
    right = (study.labels == study.predicted)[inside]
    assert (one.images, one.errors) == (60, int((~right).sum()))
    assert one.accuracy == pytest.approx(right.mean())
    recalls = [right[study.labels[inside] == label].mean() for label in (0, 1)]
    assert one.recall == pytest.approx(np.mean(recalls))
    assert one.overconfidence == pytest.approx(0.9 - right.mean(), abs=1e-6)
    assert one.over_low > 0
    assert one.places.tolist() == list(range(60))
    assert "Surely too sure in 1 of 9 slices: hospital = south" in found.verdict


def test_intervals_are_adjusted_for_the_number_of_slices(found):
    one = found["hospital = south"]
    exact = binomtest(one.images - one.errors, one.images).proportion_ci(1 - 0.05 / len(found.slices))
    assert (one.low, one.high) == (exact.low, exact.high)


def test_numbers_are_parted_into_quarters(found):
    assert {one.value for one in found.slices if one.column == "age"} == {
        "0 to 24",
        "25 to 49",
        "50 to 74",
        "75 to 99",
    }


def test_more_of_a_hard_label_is_not_worse():
    labels = np.repeat([0, 1], 100)
    wrong = np.concatenate([np.zeros(100, bool), np.arange(100) % 2 == 0])
    inside = np.concatenate([np.arange(100) < 10, np.arange(100) < 90])
    assert excess_p(inside, labels, wrong) > 0.4
    assert excess_p(inside, np.zeros(200, int), wrong) < 0.001


def test_chance_is_called_worse_as_seldom_as_it_says():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 150)
    ps = [excess_p(rng.random(150) < 0.3, labels, rng.random(150) < 0.2 + 0.2 * labels) for _ in range(300)]
    assert np.mean(np.array(ps) <= 0.05) <= 0.075


def test_it_prints_draws_and_writes_what_it_found(found):
    assert "* hospital = south" in repr(found)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["worse"] == ["hospital = south"]
    assert "places" not in told["slices"][0]


@pytest.mark.slow
def test_a_slice_is_a_study_of_its_own(found, study):
    part = sl.study_part(study, found["hospital = south"].places)
    assert is_of_answers(found.to_dict(), study)
    assert not is_of_answers(found.to_dict(), part)
    assert list(part.ids) == [study.ids[place] for place in part.places]
    assert part.places.tolist() == list(range(60))
    assert [row.place for row in part.rows()] == list(range(60))
    blamed = sl.blame(part, sl.regions.grid(3, 3), progress=False)
    assert blamed.errors == found["hospital = south"].errors
    with pytest.raises(OptionError, match="image 900 is not among"):
        sl.study_part(study, [3, 900])


@pytest.mark.slow
def test_regions_are_blamed_in_slices_with_enough_errors(study):
    found = sl.slices(study, TABLE, columns=["hospital"], regions=sl.regions.grid(3, 3), progress=False)
    blamed = found["hospital = south"].blame
    assert blamed is not None
    assert (blamed.errors, blamed.level) == (found["hospital = south"].errors, 0.025)
    assert found["hospital = north"].blame is None


def test_nothing_to_slice_by_is_said(study):
    with pytest.raises(OptionError, match="nothing to slice by"):
        sl.slices(study)
    with pytest.raises(OptionError, match=r"no column 'sexe'.*Did you mean 'sex'"):
        sl.slices(study, TABLE, columns=["sexe"])
    few = sl.slices(study, TABLE, fewest=300)
    assert few.slices == ()
    assert "no slice with enough images" in repr(few)


def brightness(images):
    p = images.mean(axis=(1, 2))
    return np.stack([1 - p, p], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.35, 0.5, 0.8])
@pytest.mark.parametrize("scale", ["probability", "log-odds"])
def test_confidence_is_the_model_s_probability_whatever_threshold_and_scale(tmp_path, threshold, scale):
    p = np.linspace(0.02, 0.98, 40)
    labels = np.arange(40) % 2
    model = sl.as_model(brightness, threshold=threshold)
    plan = sl.Plan(segment="grid:rows=1,columns=2", fill=sl.Colour(0.5), budget=4, scale=scale)
    images = np.ones((40, 4, 4)) * p[:, None, None]
    made = sl.Study(tmp_path, plan).run((images, labels), model, progress=False, check_range=False)
    said = p > threshold
    surer = np.where(said, p, 1 - p) - (said == labels)
    for source in (made, sl.study_part(made, made.places)):
        found = sl.slices(source, {"half": ["a"] * 20 + ["b"] * 20})
        for value, inside in (("a", slice(0, 20)), ("b", slice(20, 40))):
            assert found[f"half = {value}"].overconfidence == pytest.approx(surer[inside].mean(), abs=1e-6)


def test_codes_and_dates_of_many_digits_stay_apart():
    assert set(column_values([1000001, 1000002] * 10)) == {"1000001", "1000002"}
    assert set(column_values([0.12345671, 0.12345672] * 10)) == {"0.12345671", "0.12345672"}
    assert set(column_values([1.5, 2.0] * 10)) == {"1.5", "2"}
    days = column_values([20230101 + day for day in range(24)])
    assert days[0] == "20230101 to 20230106"
    assert len(set(days)) == 4
    assert set(column_values([*map(float, range(30)), np.inf, None])) >= {"23 to inf", "(missing)"}


def test_a_slice_of_codes_is_the_same_as_of_text():
    rng = np.random.default_rng(3)
    images, labels = rng.random((80, 4, 4)), rng.integers(0, 2, 80)
    study = Answered(brightness, images, labels, PLAN)
    sites = [1000001, 1000002] * 40
    by_code, by_text = (sl.slices(study, {"site": one}) for one in (sites, [f"S{one}" for one in sites]))
    found = {one.value: (one.errors, one.p) for one in by_code.slices}
    assert found == {one.value[1:]: (one.errors, one.p) for one in by_text.slices}
    assert len(sl.slices(study, {"site": sites}, columns="site").slices) == 2


def test_a_part_may_be_chosen_by_a_mask(study):
    wrong = study.labels != study.predicted
    assert sl.study_part(study, wrong).places.tolist() == study.places[wrong].tolist()
    assert sl.study_part(study, wrong.tolist()).places.tolist() == study.places[wrong].tolist()
    assert sl.study_part(study, []).places.tolist() == []
    for bad in ([1.7], [True, False], [[0]], ["a"]):
        with pytest.raises(OptionError, match="places"):
            sl.study_part(study, bad)


def test_a_column_that_says_the_label_and_one_of_patients_are_no_slices_unless_asked_for(study):
    patients = np.random.default_rng(1).permutation(np.r_[np.arange(700, 840), np.arange(700, 760)])
    table = {
        "finding": np.where(study.labels == 1, "ill", "well"),
        "patient": patients,
        "sex": ["f", "m"] * 100,
    }
    found = sl.slices(study, table)
    assert {one.column for one in found.slices} == {"sex"}
    told = " ".join(found.notes)
    assert "Column finding says no more than the label, and was left out." in told
    assert "Column patient has another value for nearly every image" in told
    asked = sl.slices(study, table, columns=["finding", "patient"])
    assert {one.column for one in asked.slices} == {"finding", "patient"}


def test_few_images_are_a_slice_of_their_own_where_that_was_asked_for(study):
    site = ["x"] * 3 + ["y"] * 197
    assert {one.value for one in sl.slices(study, {"site": site}, fewest=2).slices} == {"x", "y"}


def test_all_slices_that_are_too_sure_are_counted_and_the_most_named(found):
    sure = sorted((one for one in found.slices if one.over_low > 0), key=lambda one: -one.overconfidence)
    many = dataclasses.replace(
        found, slices=tuple(dataclasses.replace(sure[0], value=str(n)) for n in range(7))
    )
    assert "Surely too sure in 7 of 7 slices, most in hospital = 0 by" in many.verdict
    assert f"Surely too sure in {len(sure)} of {len(found.slices)} slices: {sure[0].name} by" in found.verdict
