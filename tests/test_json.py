"""Results as JSON has them."""

import dataclasses
import json
from types import MappingProxyType
from typing import Any

import numpy as np

from sightline._json import to_jsonable


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
