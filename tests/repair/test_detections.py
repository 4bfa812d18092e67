"""What is found by its looks: how often it was found, and whether that will do for a repair."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sightline import as_model
from sightline.errors import OptionError
from sightline.regions import grid, masks
from sightline.repair import Counterexamples, choose
from sightline.repair.detections import count_detections, detection_notes, is_same_place
from sightline.repair.repair_region import RepairRegion
from sightline.repair.selection import default_methods
from sightline.repair.training_data import as_subset
from support.bright import bright

LABELS = np.arange(40) % 2
TWO = as_model(lambda batch: batch[:, 0, :2], class_names=["ill", "well"])
BRIGHT = RepairRegion(bright()["bright"], 0)


def shining(often, large=1):
    """Grey images, some of each class with a white square: how many, and how large."""
    images = np.full((40, 10, 10), 0.5)
    for label, count in enumerate(often):
        images[np.flatnonzero(label == LABELS)[:count], :large, :large] = 1.0
    return images


def parts(images):
    return as_subset(TWO, (images, LABELS))


def test_what_is_found_is_counted_class_by_class():
    made, hits = count_detections(parts(shining((15, 3))), BRIGHT)
    assert (made.images.tolist(), made.found.tolist()) == ([20, 20], [15, 3])
    assert hits.sum() == 18
    assert made.area == 0.01
    assert made.looseness() == ()
    (said,) = made.sentences("images to learn from")
    assert said == (
        "“bright” was found in 18 of 40 images to learn from (ill: 15 of 20, well: 3 of 20); with its margin "
        "it takes up 1% of an image there."
    )


@pytest.mark.parametrize(
    ("often", "large", "why"),
    [
        ((20, 19), 1, "Too loose to repair by: it is found in nearly every image"),
        ((10, 9), 1, "It is found about as often in each class"),
        ((15, 3), 8, "Too loose to repair by: what is replaced is a large part of the image"),
    ],
)
def test_a_detection_that_is_too_loose_is_called_so(often, large, why):
    notes = detection_notes(parts(shining(often, large)), BRIGHT)
    assert notes[-1].startswith(why)
    flat = LogisticRegression().fit(shining(often, large).reshape(40, -1), LABELS)
    repair = Counterexamples(region=BRIGHT.regions, margin=0, replacement="plant")
    made = repair(flat, (shining(often, large), LABELS))
    assert any(why in note for note in made.notes)


def test_what_is_found_nowhere_is_not_repaired():
    flat = LogisticRegression().fit(shining((15, 3)).reshape(40, -1), LABELS)
    for repair in (Counterexamples(region=BRIGHT.regions), lambda *given: choose(*given, BRIGHT.regions)):
        with pytest.raises(OptionError, match="found in none of the 32 images") as caught:
            repair(flat, (shining((0, 0)), LABELS))
        assert caught.value.slug == "repair-undetected"


def test_regions_that_have_a_place_have_no_detections():
    assert detection_notes(parts(shining((0, 0))), RepairRegion(grid(2, 2)["r1c1"], 0)) == ()


def test_places_are_the_same_where_half_of_the_smaller_is_shared():
    one, two = masks({"one": np.eye(4, k=0) > 0, "two": np.eye(4) > 0}).masks((4, 4))
    assert is_same_place(one, two)
    two = two.copy()
    two[:2] = False
    assert is_same_place(one, two)
    assert not is_same_place(one, np.roll(two, 1, axis=1))


def test_what_each_image_shows_is_replaced_by_planting():
    flat = LogisticRegression().fit(shining((15, 3)).reshape(40, -1), LABELS)
    texts = [repr(method.replacement) for method in default_methods(as_model(flat), bright()["bright"])[1:]]
    assert texts == ["'plant'", "'surroundings'"]


def test_what_is_found_nearly_everywhere_is_not_replaced():
    image = np.full((10, 10), 1.0)
    assert not BRIGHT.mask((10, 10), None, image).any()
    image[:2] = 0.5
    wide = RepairRegion(bright()["bright"], 0.3)
    assert (wide.mask((10, 10), None, image) == (image > 0.9)).all()  # without its margin
