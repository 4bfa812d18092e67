"""The values that travel."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest

from sightline.adapters.callable import CallableModel
from sightline.engine.segmentation import Slic
from sightline.errors import ModelError, OptionError, SegmentError
from sightline.types import (
    Attribute,
    Backend,
    Contrast,
    Fill,
    Masks,
    Model,
    ModelAbilities,
    Sampler,
    Segmenter,
    Segments,
    Target,
    did_you_mean,
    option,
    record,
)
from support import unchecked


@option
class Brush:
    """An option of the tests."""

    width: int = 3
    colour: str = "red"


@record
class Pair:
    """A record of the tests."""

    left: np.ndarray
    right: np.ndarray


# Segments


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([[1, 2], [3, 3]], "3 ids from 1 to 3"),
        ([[0, 2], [2, 2]], "2 ids from 0 to 2"),
        ([[-1, 0], [1, 1]], "3 ids from -1 to 1"),
        ([[10, 20], [20, 20]], "2 ids from 10 to 20"),
        (np.zeros((0, 3), int), "an empty array"),
    ],
)
def test_segment_ids_other_than_0_to_s_1_cannot_be_built(labels, text):
    with pytest.raises(SegmentError, match=f"0..S-1 with none missing, but {text} w") as caught:
        Segments(np.array(labels))
    assert caught.value.slug == "segment-ids"
    assert "Use Segments.renumber(labels)" in str(caught.value)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "bool"])
def test_renumber_takes_any_whole_ids_in_increasing_order(dtype):
    given = np.array([[0, 1, 1], [0, 0, 1]], dtype=dtype)
    assert Segments.renumber(given).labels.tolist() == [[0, 1, 1], [0, 0, 1]]
    assert Segments.renumber(given).labels.dtype == np.intp


def test_renumber_closes_gaps_and_takes_negative_ids():
    made = Segments.renumber(np.array([[-5, 10], [7, -5]]))
    assert made.labels.tolist() == [[0, 2], [1, 0]]
    assert made.count == 3
    assert made.areas.tolist() == [2, 1, 1]


def test_renumber_refuses_fractions():
    with pytest.raises(SegmentError, match="must be integers, but the array's dtype is float64"):
        Segments.renumber(np.zeros((2, 2)))


def test_renumber_of_good_segments_changes_nothing():
    labels = np.random.default_rng(0).permutation(12).reshape(3, 4)
    assert np.array_equal(Segments.renumber(labels).labels, labels)


# Masks


def test_masks_are_exhaustive_when_each_of_all_is_there_once():
    every = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=bool)
    assert Masks(every, np.ones(4)).exhaustive
    assert not Masks(every[:3], np.ones(3)).exhaustive
    assert not Masks(every[[0, 1, 2, 2]], np.ones(4)).exhaustive
    assert not Masks(every[[0, 1, 2, 3, 3]], np.ones(5)).exhaustive


def test_masks_know_whether_they_are_distinct():
    keep = np.random.default_rng(0).random((50, 70)) < 0.5
    assert Masks(keep, np.ones(50)).distinct
    keep[13] = keep[31]
    assert not Masks(keep, np.ones(50)).distinct
    assert Masks(keep[:0], np.ones(0)).distinct


def test_masks_whose_parts_do_not_fit_are_caught_by_their_shapes():
    with pytest.raises(TypeError, match="M"):
        Masks(np.ones((3, 2), dtype=bool), np.ones(5))


# Options


def test_an_option_prints_compares_hashes_pickles_and_copies():
    brush = Brush(width=5)
    assert repr(brush) == "Brush(width=5, colour='red')"
    assert brush == Brush(colour="red", width=5) != Brush()
    assert len({brush, Brush(width=5), Brush()}) == 2
    assert pickle.loads(pickle.dumps(brush)) == brush == copy.deepcopy(brush)
    assert dataclasses.replace(brush, colour="blue") == Brush(width=5, colour="blue")


def test_an_option_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Brush().width = 4


def test_a_misspelt_parameter_is_an_error_that_names_the_nearest():
    with pytest.raises(
        OptionError, match=r"Brush has no option 'widht'. Did you mean 'width'\? Valid: width"
    ) as caught:
        Brush(widht=5)
    assert caught.value.slug == "option-unknown"
    assert isinstance(caught.value, TypeError)


def test_a_misspelling_is_found_in_a_replacement_too():
    with pytest.raises(OptionError, match="Did you mean 'compactness'"):
        dataclasses.replace(Slic(), compactnes=1)


def test_parameters_need_their_names():
    with pytest.raises(TypeError, match="positional argument"):
        Brush(5)


def test_a_record_is_frozen_and_itself_alone():
    pair = Pair(np.zeros(2), np.ones(2))
    assert pair == pair
    assert pair != Pair(np.zeros(2), np.ones(2))
    assert len({pair, pair}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        pair.left = np.ones(2)


@pytest.mark.parametrize(
    ("name", "valid", "sentence"),
    [
        ("slik", ["slic", "grid"], "Did you mean 'slic'? Valid: slic, grid."),
        ("xyz", ["slic", "grid"], "Valid: slic, grid."),
        ("xyz", [], "It takes none."),
    ],
)
def test_the_nearest_name_is_offered_only_when_it_is_near(name, valid, sentence):
    assert did_you_mean(name, iter(valid)) == sentence


def test_a_contrast_prints_compares_and_hashes():
    assert repr(Contrast(3, 5)) == "Contrast(a=3, b=5)"
    assert Contrast(3, 5) == Contrast(3, 5) != Contrast(5, 3)
    assert len({Contrast(3, 5), Contrast(3, 5)}) == 1
    assert pickle.loads(pickle.dumps(Contrast(3, 5))) == Contrast(3, 5)


def test_a_plain_function_is_every_kind_of_stage():
    def anything(*given):
        return given

    for kind in (Model, Segmenter, Fill, Sampler, Target):
        assert isinstance(anything, kind)
    # An attribution also says which masks suit it.
    assert not isinstance(anything, Attribute)


def test_a_function_of_the_user_s_can_do_nothing_beside_answering():
    backend = CallableModel(np.mean)
    assert isinstance(backend, Backend)
    assert isinstance(backend, ModelAbilities)
    assert not backend.off_host
    assert not backend.is_white_box
    assert backend.output_end is None
    assert backend.suggested_batch_size(np.zeros((4, 4))) is None
    assert backend.to(None, None) is backend
    with pytest.raises(OptionError, match="device='cuda' is for PyTorch modules, but the model is mean"):
        backend.to("cuda", None)
    with pytest.raises(ModelError, match="mean is known by its answers alone"):
        backend.network()


AS_USERS_DO = """
import numpy as np
from sightline.engine.fills import Colour, Donors
from sightline.engine.plan import Plan, as_target
from sightline.engine.model_query import Classes
from sightline.types import Contrast, Segments
from sightline.errors import SegmentError

assert Contrast(np.int64(3), np.uint8(1)) == Contrast(3, 1)
assert type(Contrast(np.int64(3), 1).a) is int
assert repr(Classes(np.int64(3), Contrast(np.int32(3), 1))) == "Classes(3, Contrast(a=3, b=1))"
same = Plan(budget=50, seed=7, target=2)
plan = Plan(budget=np.int64(50), seed=np.uint8(7), target=np.int32(2))
assert repr(plan) == repr(same) and hash(plan) == hash(same)
same = Colour((255, 0, 9.5))
for colour in ([255, 0, 9.5], np.array([255, 0, 9.5])):
    assert Colour(colour) == same and hash(Colour(colour)) == hash(same)
for wrong in (True, np.True_, 1.0, np.array([1.5]), None, [[1]]):
    try:
        as_target(wrong)
    except TypeError as error:
        assert "target must be a class number" in str(error), error
    else:
        raise SystemExit(f"{wrong!r} was taken for a target")
"""


@pytest.mark.slow
def test_numbers_of_numpy_are_taken_as_numbers_where_nobody_checks_types():
    unchecked.run(AS_USERS_DO)
