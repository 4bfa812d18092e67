"""What all repair methods have in common."""

import numpy as np
import pytest

from sightline.errors import BudgetError
from sightline.regions import grid
from sightline.repair import Counterexamples, Guard, RepairMethod
from sightline.repair.method import describe_method, limited_time
from sightline.types import option

CORNER = grid(4, 4)["r1c1"]


def test_a_method_prints_as_it_was_written():
    assert describe_method(Guard(region="jaw")) == "Guard(region='jaw')"
    assert (
        describe_method(Counterexamples(region=CORNER, copies=5))
        == "Counterexamples(region='r1c1', copies=5)"
    )


@option
class Inverted(RepairMethod):
    """Says the opposite."""

    times: int = 1

    def _repair(self, model, data, region, tick):
        tick(len(data.train))
        return Guard(region=self.region, fill="colour")(model).model, (f"{len(data.train)} images",)


def test_a_method_of_one_s_own_has_its_beginning_and_its_end_made_for_it():
    images, labels = np.random.default_rng(0).random((40, 8, 8)), np.arange(40) % 2
    result = Inverted(region=CORNER, margin=0.1, times=2)(lambda one: one.mean((1, 2)), (images, labels))
    assert repr(result) == "Repair of 'r1c1' by Inverted(region='r1c1', margin=0.1, times=2)\n32 images"
    assert result.provenance.region.margin == 0.1
    assert len(result.provenance.image_digests) == 40


def test_a_fit_ends_when_its_time_is_over():
    given = lambda one: one.mean((1, 2)), (np.random.default_rng(0).random((40, 8, 8)), np.arange(40) % 2)
    with limited_time(0), pytest.raises(BudgetError, match=r"did not end in the time.*\[repair-time\]"):
        Inverted(region=CORNER)(*given)
    with limited_time(1000):
        assert Inverted(region=CORNER)(*given).notes[0] == "32 images"
