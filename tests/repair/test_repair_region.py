"""Where a repair replaces pixels: a region and a margin around it."""

import pickle

import numpy as np
import pytest

from sightline.errors import OptionError, SegmentError
from sightline.regions import face, grid
from sightline.repair.repair_region import RepairRegion, resolve_region


@pytest.mark.parametrize(("margin", "steps"), [(0, 0), (0.01, 1), (0.06, 2), (0.0625, 2), (0.1, 4)])
def test_a_margin_is_a_share_of_the_shorter_side_rounded_up(margin, steps):
    region = grid(4, 4)["r2c2"]
    plain, wide = (resolve_region(region, one).mask((32, 48)) for one in (0, margin))
    rows, columns = (np.flatnonzero(plain.any(axis=axis)) for axis in (1, 0))
    wanted = np.zeros_like(plain)
    wanted[rows[0] - steps : rows[-1] + 1 + steps, columns[0] - steps : columns[-1] + 1 + steps] = True
    assert np.array_equal(wide, wanted)


def test_an_area_that_leaves_nothing_is_refused():
    with pytest.raises(SegmentError, match="is the whole image of 8×8"):
        resolve_region(grid(1, 2)["r1c1"], margin=0.5).mask((8, 8))


def test_a_region_is_found_by_its_name_in_face_or_chest():
    assert np.array_equal(resolve_region("jaw", 0).mask((64, 64)), face()["jaw"].masks((64, 64))[0])
    assert resolve_region("left lung").name == "left lung"
    with pytest.raises(
        OptionError, match=r"no built-in face or chest has a region 'jew'. Did you mean 'jaw'"
    ):
        resolve_region("jew")


@pytest.mark.parametrize("margin", [-0.1, 0.6, True])
def test_a_margin_must_be_possible(margin):
    with pytest.raises(OptionError, match=r"margin must be a number from 0 to 0.5"):
        resolve_region("jaw", margin)


def test_several_regions_count_as_one():
    both = resolve_region(face(sides=True)["left eye", "right eye"], 0)
    single = face(sides=True)["left eye", "right eye"].masks((64, 64)).any(axis=0)
    assert both.name == "left eye + right eye"
    assert np.array_equal(both.mask((64, 64)), single)


def test_a_region_is_pickled_without_its_masks():
    region = resolve_region("jaw")
    mask = region.mask((32, 32))
    again = pickle.loads(pickle.dumps(region))
    assert isinstance(again, RepairRegion)
    assert np.array_equal(again.mask((32, 32)), mask)
