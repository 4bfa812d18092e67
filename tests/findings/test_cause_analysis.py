"""image_causes: the property that misleads is named, and none where none does."""

import json
import warnings

import numpy as np
import pytest

import sightline as sl
from sightline.errors import FileError, OptionError
from sightline.findings.error_links import column_values, link_errors, stratified_test
from support.studies import Memory

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
    assert found.verdict.startswith("chromaticity drives errors, a whole-image cause")
    assert "it misleads" in found.verdict


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


def test_it_prints_draws_and_writes_what_it_found(found):
    assert "* chromaticity" in repr(found)
    assert "* device = " in repr(found)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["misleading"] == ["chromaticity"]
    assert told["causes"][0]["confirmed"]
    figure = found.plot()
    assert any("Driven by whole images: chromaticity" in text.get_text() for text in figure.axes[0].texts)


def test_same_seed_same_answer_whatever_the_batch_size(cast):
    study, _ = cast
    one, other = (
        sl.image_causes(study, properties=["chromaticity"], batch_size=size, progress=False)
        for size in (7, 64)
    )
    assert one.causes[0].p == other.causes[0].p
    assert one.causes[0].gain == pytest.approx(other.causes[0].gain)


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
        assert "not shown to be better without it" in found.verdict


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
