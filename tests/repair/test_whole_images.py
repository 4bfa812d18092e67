"""A property of the whole image is exchanged where a region would be replaced, kept, and proved."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import sightline as sl
from sightline.engine.image_properties import PROPERTIES, UnitScale, measure_property
from sightline.errors import OptionError, SegmentError
from sightline.repair import store
from sightline.repair.region_swap import RegionSwapped, SwapRegion
from sightline.repair.repair_region import RepairProperty, resolve_region
from sightline.repair.selection import default_methods

UNIT = UnitScale(0.0, 1.0)


def drawn(count, chances, seed):
    """The upper half is brighter in class 1; a warm cast goes with class 1 in images to learn from."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.random((count, 6, 6, 3)) * 0.3 + 0.3
    images[:, :3] += 0.06 * labels[:, np.newaxis, np.newaxis, np.newaxis]
    on = rng.random(count) < np.array(chances)[labels]
    images[on] *= [1.25, 1.0, 0.75]
    return images.clip(0, 1), labels, on


@pytest.fixture(scope="module")
def misled():
    images, labels, _ = drawn(240, (0.05, 0.95), 0)
    return LogisticRegression(max_iter=2000).fit(images.reshape(240, -1), labels), (images, labels)


@pytest.fixture(scope="module")
def repaired(misled):
    model, train = misled
    return sl.repair.Counterexamples(region="chromaticity")(model, train, progress=False)


@pytest.fixture(scope="module")
def proof(misled, repaired):
    images, labels, on = drawn(160, (0.5, 0.5), 1)
    return sl.prove(misled[0], repaired, (images, labels), present=on, progress=False)


def test_a_repair_by_exchange_is_proved_as_one_of_a_region_is(proof):
    assert proof.verdict == "repaired"
    assert proof.whole_image
    worst = next(one for one in proof.measures if one.name.startswith("worst group"))
    assert worst.before < 0.5 < 0.9 < worst.after
    blamed = proof["errors blamed on it"]
    assert blamed.before > 0.1 > abs(blamed.after)
    assert proof["accuracy, value of another class"].after > 0.9


def test_its_words_are_of_a_property_and_not_of_a_region(proof):
    said = repr(proof)
    assert "chromaticity of the whole image, exchanged with right answers" in said
    assert "hidden with" not in said
    assert "the region" not in said
    assert "elsewhere" not in said


@pytest.mark.slow
def test_a_model_that_was_not_misled_is_not_called_repaired(misled, repaired):
    images, labels, _ = drawn(160, (0.5, 0.5), 2)
    again = sl.prove(repaired.model, repaired, (images, labels), progress=False)
    assert again.verdict in ("no effect", "cannot tell")


def test_each_image_gets_the_value_of_another_and_stays_the_same_otherwise(misled):
    train = sl.data.as_dataset(misled[1])
    swapped = RegionSwapped(train, resolve_region("brightness"), SwapRegion(donors="other_class"), 2, 0)
    which = PROPERTIES["brightness"]
    known = {round(float(measure_property(which, image, UNIT)[0]), 6) for image, _ in train}
    for index in (0, 3, len(train) + 3):
        image, label = swapped[index]
        assert label == train[index % len(train)][1]
        assert round(float(measure_property(which, image, UNIT)[0]), 6) in known
        assert np.ptp(image - train[index % len(train)][0]) < 1e-9


def test_the_best_method_is_chosen_among_those_that_exchange(misled):
    model, train = misled
    methods = default_methods(sl.as_model(model), "chromaticity")
    assert {type(one) for one in methods} == {sl.repair.Counterexamples}
    choice = sl.repair.choose(model, train, "chromaticity", progress=False)
    assert choice.best == 1
    assert choice.trials[1].other_class > choice.trials[0].other_class + 0.3


def test_what_needs_pixels_says_what_does_not(misled):
    model, train = misled
    with pytest.raises(SegmentError, match="property of the whole image"):
        sl.repair.Guard(region="chromaticity")(model, train, progress=False)
    with pytest.raises(SegmentError, match="property of the whole image"):
        sl.repair.Counterexamples(region="chromaticity", replacement="noise")(model, train, progress=False)
    with pytest.raises(OptionError, match="no built-in face or chest"):
        resolve_region("chromatic")


def test_a_kept_repair_still_knows_its_property(repaired, misled, tmp_path):
    store.save_repair(tmp_path / "kept", repaired, "model", misled[1][0][0])
    again = store.load_repair(tmp_path / "kept", trust=True)
    assert isinstance(again.provenance.region, RepairProperty)
    assert again.provenance.region.name == "chromaticity"


def test_the_value_of_16_bits_is_given_to_bytes_as_what_it_is_there():
    image = np.full((6, 6, 3), 51, np.uint8)
    other = np.full((6, 6, 3), 39321, np.uint16)
    made = resolve_region("brightness").exchanged(image, other, np.random.default_rng(0))
    assert made.dtype == np.uint8
    assert (made == 153).all()
