"""image_causes: the property that misleads is named, and none where none does."""

import dataclasses
import json
import warnings

import numpy as np
import pytest

import sightline as sl
from sightline._language import use_language
from sightline.errors import FileError, OptionError
from sightline.findings.error_links import column_values, link_errors, stratified_test
from support.studies import Answered, Memory

PLAN = sl.Plan(segment="grid:rows=3,columns=3", fill=sl.Colour(0.5), budget=32)


def images_of(count, seed=0):
    """The upper half is brighter in class 1."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.random((count, 12, 12, 3)) * 0.4 + 0.25
    images[:, :6] += 0.06 * labels[:, np.newaxis, np.newaxis, np.newaxis]
    return images, labels, rng


def studied(model, images, labels):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is explained does not matter here
        return Memory(model, images, labels, PLAN)


def answer(evidence):
    p = 1 / (1 + np.exp(-evidence))
    return np.stack([1 - p, p], axis=1)


def honest(images):
    return 120 * (images[:, :6].mean(axis=(1, 2, 3)) - images[:, 6:].mean(axis=(1, 2, 3)) - 0.03)


def misled_by_cast(images):
    red = images[..., 0].mean(axis=(1, 2)) / images.mean(axis=(1, 2, 3))
    return answer(honest(images) + 60 * (red - 1.07))


@pytest.fixture(scope="module")
def cast():
    images, labels, rng = images_of(160)
    on = rng.random(len(labels)) < 0.5
    images[on] *= np.array([1.2, 1.0, 0.8])
    return studied(misled_by_cast, images.clip(0, 1), labels), on


@pytest.fixture(scope="module")
def found(cast):
    study, on = cast
    ages = np.random.default_rng(3).integers(20, 80, len(on))
    table = {"device": np.where(on, "A", "B"), "age": ages, "key": [f"p{i}" for i in range(len(on))]}
    return sl.image_causes(study, table=table, progress=False)


def test_a_colour_cast_is_confirmed_alone_and_said_to_mislead(found):
    assert found.confirmed == found.misleading == ("chromaticity",)
    first = found["chromaticity"]
    assert first.p < 0.01
    assert first.gain > 0.8 * first.lacked > 2 * first.control_gain
    assert first.right_held > 0.7 > first.right
    assert found.verdict.startswith("chromaticity drives errors: the colour that the whole image leans to")
    turned = f"{first.corrected:.1f}".removesuffix(".0")
    assert f"are given the chromaticity of right answers of other classes, {turned} of" in found.verdict
    assert "when all images are given the same chromaticity" in found.verdict
    assert "the model is better without it, so it misleads" in found.verdict
    with use_language("ko"):
        assert found.verdict.startswith("색조가 오답을 일으킵니다: 이미지 전체가 치우친 색조로")


def test_what_has_the_same_values_costs_no_call(found):
    spared = [one for one in found.causes if one.failed == ("values",)]
    assert spared
    assert all(np.isnan(one.gain) for one in spared)
    assert found.calls < 4000


def test_a_column_is_named_as_an_association_and_never_as_a_cause(found):
    assert found.associated == ("device",)
    link = found["device"]
    assert link.found
    assert link.errors > link.other_errors
    assert "nothing can prove that it is the cause" in found.verdict
    assert any("key" in note and "left out" in note for note in found.notes)
    assert any("order of" in note for note in found.notes)


@pytest.mark.slow
def test_it_prints_draws_and_writes_what_it_found(found):
    assert "* chromaticity" in repr(found)
    assert "* device = " in repr(found)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["misleading"] == ["chromaticity"]
    assert told["causes"][0]["confirmed"]
    figure = found.plot()
    assert any("Driven by whole images: chromaticity" in text.get_text() for text in figure.axes[0].texts)


@pytest.mark.slow
def test_same_seed_same_answer_whatever_the_batch_size(cast):
    study, _ = cast
    one, other = (
        sl.image_causes(study, properties=["chromaticity"], batch_size=size, progress=False)
        for size in (7, 64)
    )
    assert one.causes[0].p == other.causes[0].p
    assert one.causes[0].gain == pytest.approx(other.causes[0].gain)


@pytest.mark.slow
def test_a_reason_that_is_a_property_is_not_said_to_mislead():
    """Class 1 is brighter: the model goes by that and is right to."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 200)
    level = 0.4 + 0.1 * labels + 0.06 * rng.normal(size=200)
    images = np.clip(level[:, np.newaxis, np.newaxis] + 0.05 * rng.normal(size=(200, 12, 12)), 0, 1)
    study = studied(lambda x: answer(60 * (x.mean(axis=(1, 2)) - 0.45)), images, labels)
    found = sl.image_causes(study, progress=False)
    assert found.misleading == ()
    if found.confirmed:
        assert "That the model is better without it is not shown" in found.verdict


@pytest.mark.parametrize("name", ["frame", "brightness", "chromaticity"])
def test_what_tells_nothing_misleads_a_model_that_knows_nothing_else(name):
    """Without it the model is no better, for it has learned nothing else; half of all images have it."""
    labels, on = np.arange(240) % 2, np.arange(240) // 2 % 2 == 1
    images = np.random.default_rng(4).random((240, 12, 12, 3)) * 0.4 + 0.2
    if name == "frame":
        images[on, :2], images[on, -2:], images[on, :, :2], images[on, :, -2:] = (0.95,) * 4
        evidence = lambda x: 40 * (x[:, 0].mean(axis=(1, 2)) - 0.7)  # noqa: E731
    elif name == "brightness":
        images[on] += 0.2
        evidence = lambda x: 40 * (x.mean(axis=(1, 2, 3)) - 0.5)  # noqa: E731
    else:
        images[on] *= np.array([1.2, 1.0, 0.8])
        evidence = lambda x: 60 * (x[..., 0].mean(axis=(1, 2)) / x.mean(axis=(1, 2, 3)) - 1.1)  # noqa: E731
    study = Answered(lambda x: answer(evidence(x)), images, labels, PLAN)
    found = sl.image_causes(study, properties=[name], progress=False)
    assert found.misleading == (name,)
    one = found[name]
    assert not one.is_better_without(found.level)
    has = on if one.called == 1 else ~on
    assert one.class_share == pytest.approx(has[labels == one.called].mean(), abs=0.02)
    assert one.others_share == pytest.approx(has[labels != one.called].mean(), abs=0.02)
    assert 0.5 < one.class_odds[0] < 1 < one.class_odds[1] < 2
    assert f"it says little about whether an image is class {one.called}: the {name} of" in found.verdict
    more = "not surely more" if one.right_held > one.right else "so a repair has to teach it something else"
    assert more in found.verdict


def test_shares_of_classes_are_those_of_all_images_where_wrong_ones_were_measured_first(monkeypatch):
    monkeypatch.setattr("sightline.findings.cause_analysis.MOST_MEASURED", 120)
    rng = np.random.default_rng(6)
    labels = np.repeat([0, 1], 300)
    on = np.where(labels == 1, rng.random(600) < 0.8, rng.random(600) < 0.2)
    images = rng.random((600, 6, 6)) * 0.2 + 0.2 + 0.4 * on[:, np.newaxis, np.newaxis]
    study = Answered(lambda x: answer(40 * (x.mean(axis=(1, 2)) - 0.5)), images, labels, PLAN)
    found = sl.image_causes(study, properties=["brightness"], progress=False)
    one = found["brightness"]
    assert one.confirmed
    assert not one.misleads
    has = on if one.called == 1 else ~on
    assert one.class_share == pytest.approx(has[labels == one.called].mean(), abs=0.12)
    assert one.others_share == pytest.approx(has[labels != one.called].mean(), abs=0.12)


@pytest.mark.slow
def test_nothing_is_found_where_a_local_mark_misleads():
    images, labels, rng = images_of(160, seed=5)
    marked = rng.random(len(labels)) < 0.5
    images[marked, :3, :3] = 1.0
    study = studied(
        lambda x: answer(honest(x) + 12 * (x[:, :3, :3].mean(axis=(1, 2, 3)) - 0.7)), images, labels
    )
    found = sl.image_causes(study, progress=False)
    assert found.errors > 30
    assert found.confirmed == ()
    assert found.verdict.startswith("No whole-image cause found")


@pytest.mark.slow
def test_too_few_errors_are_said():
    images, labels, _ = images_of(40)
    study = studied(lambda x: answer(20 * honest(x)), images, labels)
    found = sl.image_causes(study, progress=False)
    assert found.lack.startswith("too few errors")
    assert found.verdict.startswith("too few errors")
    assert "too few errors" in repr(found)


def test_unknown_properties_columns_and_tables_are_refused(cast):
    study, on = cast
    with pytest.raises(OptionError, match="Did you mean 'brightness'"):
        sl.image_causes(study, properties=["brightnes"])
    with pytest.raises(OptionError, match="no column 'devise'"):
        sl.image_causes(study, table={"device": on}, columns=["devise"])
    with pytest.raises(FileError, match="does not fit the study"):
        sl.image_causes(study, table={"device": on[:20]})


@pytest.mark.slow
def test_errors_by_chance_link_to_nothing_in_about_level_of_the_columns():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        labels = rng.integers(0, 3, 120)
        wrong = rng.random(120) < 0.2 + 0.2 * labels / 2
        which = (rng.random(120) < 0.2 + 0.3 * labels / 2).astype(int)  # goes with the label, not with errors
        p, _ = stratified_test(which, labels, wrong, np.ones(120, bool), rng)
        hits += p <= 0.05
    assert hits <= 10


def test_a_link_within_the_label_is_found_that_a_plain_table_hides():
    labels = np.repeat([0, 1], 100)
    which = np.concatenate([np.repeat([0, 1], [80, 20]), np.repeat([0, 1], [20, 80])])
    predicted = labels.copy()
    predicted[:100][which[:100] == 1] = 1  # of class 0, those of the rare value are called 1
    columns = {"device": tuple("AB"[one] for one in which)}
    (link,) = link_errors(columns, labels, predicted, [1], ["well", "ill"], 0.05, np.random.default_rng(0))
    assert (link.value, link.errors, link.images, link.other_errors) == ("B", 20, 20, 0)
    assert link.found


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ([1, 2] * 5, {"1", "2"}),
        (["a"] * 9 + ["b"], {"a", "(rare values)"}),
        ([f"p{i}" for i in range(60)], None),
        ([None] * 6 + [True] * 6, {"(missing)", "True"}),
        ([None] + [True] * 6, {"(missing)", "True"}),
    ],
)
def test_values_of_a_column(column, values):
    made = column_values(column)
    assert (made if made is None else set(made)) == values


def misled_by_light(images):
    white = np.iinfo(images.dtype).max if images.dtype.kind == "u" else 1.0
    unit = images / white
    return answer(honest(unit) + 40 * (unit[:, 6:].mean(axis=(1, 2, 3)) - 0.45))


@pytest.mark.parametrize("order", ["sorted", "shuffled"])
def test_some_images_that_reach_beyond_white_decide_nothing_wherever_they_stand(order):
    images, labels, rng = images_of(160)
    images += rng.normal(size=(160, 1, 1, 1)) * 0.08
    images[150:, 0] = 1.8
    places = np.arange(160) if order == "sorted" else rng.permutation(160)
    study = Answered(lambda x: misled_by_light(x[:, 1:]), list(images[places]), labels[places], PLAN)
    (one,) = sl.image_causes(study, properties=["brightness"], progress=False).causes[:1]
    assert 0.3 < one.own[0] < 0.6
    assert 0.3 < one.usual[0] < 0.6


@pytest.mark.slow
def test_bytes_beside_16_bits_are_exchanged_as_if_all_were_bytes():
    images, labels, rng = images_of(160)
    images = (images + rng.normal(size=(160, 1, 1, 1)) * 0.08).clip(0, 1)
    wide = [np.rint(one * 65535).astype(np.uint16) for one in images]
    narrow = [np.rint(one * 255).astype(np.uint8) for one in images]
    mixed = [two[place % 2] for place, two in enumerate(zip(wide, narrow, strict=True))]
    one, other = (
        sl.image_causes(
            Answered(misled_by_light, kept, labels, PLAN), properties=["brightness"], progress=False
        ).causes[0]
        for kept in (narrow, mixed)
    )
    assert other.own == pytest.approx(one.own, abs=0.01)
    assert other.gain == pytest.approx(one.gain, abs=0.05)
    assert other.confirmed == one.confirmed


def test_floats_of_two_ranges_in_one_study_are_told():
    images, labels, _ = images_of(160)
    mixed = [image * 255 if place % 4 == 0 else image for place, image in enumerate(images)]
    labels[::5] ^= 1
    study = Answered(lambda x: answer(honest(x / (255 if x.max() > 1 else 1))), mixed, labels, PLAN)
    found = sl.image_causes(study, properties=["brightness"], progress=False)
    assert any("40 have values up to 255 and 120 up to 1" in note for note in found.notes)


def test_what_images_are_grouped_by_is_no_column_to_test(cast):
    study, on = cast
    patients = [f"p{number // 6}" for number in range(len(on))]
    table = {"patient": patients, "device": np.where(on, "A", "B")}
    found = sl.image_causes(study, table=table, groups=patients, properties=["noise"], progress=False)
    assert {one.column for one in found.links} == {"device"}
    assert "Column patient says no more than the groups, and was left out." in found.notes


@pytest.mark.slow
def test_the_figure_lists_what_errors_go_with_and_no_more(found):
    none = dataclasses.replace(
        found, links=tuple(dataclasses.replace(one, found=False) for one in found.links)
    )
    said = ["".join(text.get_text() for text in one.plot().axes[0].texts) for one in (found, none)]
    assert "device = A with errors" in said[0] or "device = B with errors" in said[0]
    assert "(an association)" not in said[1]
