"""Results as JSON has them."""

import dataclasses
import json
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from jaxtyping import Bool, Float, Int

from sightline._json import from_jsonable, to_jsonable


@dataclasses.dataclass
class Part:
    name: str
    mean: Any


@dataclasses.dataclass
class Whole:
    parts: tuple[Part, ...]
    image: Any


def test_what_json_has_stays_itself():
    for value in (None, True, 3, 0.5, "jaw", ["a", 1], {"a": {"b": []}}):
        assert to_jsonable(value) == value


def test_numbers_that_are_not_known_are_null():
    values = {"p": float("nan"), "high": np.inf, "all": np.array([[1.0, np.nan], [-np.inf, 0.5]])}
    assert to_jsonable(values) == {"p": None, "high": None, "all": [[1.0, None], [None, 0.5]]}


def test_numpys_numbers_are_pythons():
    values = to_jsonable([np.float32(0.5), np.int64(3), np.bool_(True), np.array(2), np.arange(2)])
    assert values == [0.5, 3, True, 2, [0, 1]]
    assert [type(one) for one in values] == [float, int, bool, int, list]


def test_keys_are_texts():
    assert to_jsonable(MappingProxyType({1: "a", "b": (2,)})) == {"1": "a", "b": [2]}


def test_records_are_their_fields_without_those_that_are_left_out():
    whole = Whole((Part("jaw", np.float64(0.5)),), np.zeros((2, 2)))
    assert to_jsonable(whole, leave_out={"image"}) == {"parts": [{"name": "jaw", "mean": 0.5}]}
    assert to_jsonable(whole, leave_out={"image", "mean"}) == {"parts": [{"name": "jaw"}]}
    assert to_jsonable([whole])[0]["image"] == [[0.0, 0.0], [0.0, 0.0]]


def test_the_result_can_be_written_by_a_strict_writer():
    whole = Whole((Part("jaw", np.nan),), np.array([np.inf, 1]))
    assert json.loads(json.dumps(to_jsonable(whole), allow_nan=False))["image"] == [None, 1.0]


@dataclasses.dataclass
class Measured:
    name: str
    shares: tuple[float, ...]
    ends: tuple[float, int] | None
    heat: Float[np.ndarray, "H W"] | None
    counts: Int[np.ndarray, "L K"]
    there: Bool[np.ndarray, "n"]
    by_class: dict[int, float]
    part: "Measured | None" = None
    calls: int = 7


def test_what_was_written_comes_back_as_it_was():
    inner = Measured("a", (), None, None, np.zeros((0, 0), int), np.zeros(0, bool), {})
    whole = Measured(
        "b",
        (0.5, np.nan),
        (1.5, 2),
        np.array([[1.0, np.nan]]),
        np.array([[3]]),
        np.array([True]),
        {4: 0.25},
        inner,
    )
    read = from_jsonable(Measured, json.loads(json.dumps(to_jsonable(whole))))
    assert to_jsonable(read) == to_jsonable(whole)
    assert np.isnan([read.shares[1], read.heat[0, 1]]).all()
    assert (read.counts.dtype.kind, read.there.dtype.kind) == ("i", "b")
    assert (read.by_class, read.part.heat) == ({4: 0.25}, None)
    assert read.part.counts.shape == (0, 0)


def test_what_is_missing_keeps_its_default_and_what_is_more_is_left_aside():
    given = to_jsonable(Measured("a", (), None, None, np.zeros((0, 0), int), np.zeros(0, bool), {}))
    del given["calls"], given["part"]
    read = from_jsonable(Measured, {**given, "new": 1})
    assert (read.calls, read.part) == (7, None)
    assert from_jsonable(Measured, {**given, "calls": 9}, leave_out=("calls",)).calls == 7


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, True),
        (int, 1.5),
        (int, None),
        (str, 3),
        (bool, 1),
        (float, "0.5"),
        (tuple[int, ...], "ab"),
        (tuple[int, int], [1]),
        (dict[str, int], [1]),
        (Float[np.ndarray, "H"], ["a"]),
        (Float[np.ndarray, "H W"], [[1.0], [1.0, 2.0]]),
        (Part, []),
        (Part, {"name": "a"}),
        (int | None, "a"),
    ],
)
def test_what_cannot_have_been_written_is_refused(kind, value):
    with pytest.raises((ValueError, TypeError, KeyError)):
        from_jsonable(kind, value)
