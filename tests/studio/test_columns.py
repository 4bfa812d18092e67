"""Columns of answers, and which of them an address selects."""

import json

import numpy as np
import pytest

from sightline.errors import OptionError
from sightline.studio.columns import (
    AnswerColumns,
    MoreColumns,
    Selection,
    packed_columns,
    read_columns,
    text_columns,
)


def small_columns():
    """Six answers: 0 and 3 wrong, of which 3 is misled more."""
    return AnswerColumns(
        place=np.array([0, 2, 3, 5, 7, 8], np.int32),
        label=np.array([0, 0, 1, 1, 2, 2], np.int32),
        predicted=np.array([1, 0, 1, 2, 2, 2], np.int32),
        score=np.array([0.5, 0.9, 0.7, 0.8, np.nan, 0.6], np.float32),
        truth=np.array([0.4, 0.9, 0.7, 0.1, np.nan, 0.6], np.float32),
        ids=("a/Kim 1", "a/2", "b/3", "b/kim 4", "c/5", "c/\u202e6"),
    )


MORE = MoreColumns(
    np.array([1, -1, -1, 0, -1, -1]),
    {"jaw": np.array([0.5, 0.1, -0.2, 0.3, np.nan, 0.0], np.float32)},
    np.array([1, 1, -1, 0, 2, 2], np.int32),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"outcome": "wrong"}, [0, 3]),
        ({"outcome": "right"}, [1, 2, 4, 5]),
        ({"label": "1"}, [2, 3]),
        ({"label": "1", "predicted": "2"}, [3]),
        ({"group": "1"}, [0]),
        ({"low": "0.6"}, [1, 2, 3, 5]),
        ({"low": "0.65", "high": "0.85"}, [2, 3]),
        ({"region": "jaw"}, [0, 1, 2, 3, 5]),
        ({"region": "jaw", "least": "0.2"}, [0, 3]),
        ({"region": "jaw", "most": "0"}, [2, 5]),
        ({"outcome": "differ"}, [1, 3]),
        ({"low": "0.9", "high": "0.9"}, [1]),
        ({"low": "0.8999999761581421", "high": "0.8999999761581421"}, [1]),
        ({"low": "1e400"}, []),
        ({"low": "-1e400"}, [0, 1, 2, 3, 4, 5]),
        ({"high": "1e39"}, [0, 1, 2, 3, 4, 5]),
        ({"find": "\\U202E"}, [5]),
        ({"find": "\u202e"}, []),
        ({"find": "KIM"}, [0, 3]),
        ({"sort": "misled"}, [3, 0, 1, 2, 4, 5]),
        ({"sort": "unsure"}, [4, 0, 5, 2, 3, 1]),
        ({"sort": "class", "outcome": "wrong"}, [0, 3]),
        ({"view": "mask", "opacity": "3"}, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_an_address_selects(query, found):
    assert Selection.from_query(query).places(small_columns(), MORE).tolist() == found


@pytest.mark.parametrize(
    "query",
    [
        {"label": "x"},
        {"label": "1.0"},
        {"label": "٣"},
        {"low": "1e"},
        {"low": "0x10"},
        {"low": "1_0"},
        {"low": " 1"},
        {"high": "infinity"},
        {"sort": "=1+1"},
        {"outcome": "both"},
        {"group": "9" * 5000},
    ],
)
def test_what_cannot_be_read_of_an_address_is_refused(query):
    with pytest.raises(OptionError, match="cannot be read"):
        Selection.from_query(query)


def test_a_block_is_read_back_as_a_browser_does():
    columns = {"label": np.array([1, 2, 3], np.int32), "score": np.array([0.5], np.float32)}
    columns |= text_columns(["é", "", "<b>"])
    block = packed_columns({"count": 3}, columns)
    length = int.from_bytes(block[:4], "little")
    head = json.loads(block[4 : 4 + length])
    assert head.pop("count") == 3
    kinds = {
        "Int32Array": np.int32,
        "Float32Array": np.float32,
        "Uint32Array": np.uint32,
        "Uint8Array": np.uint8,
    }
    for name, (kind, at, count) in head["columns"].items():
        assert (4 + length + at) % 8 == 0
        assert np.frombuffer(block, kinds[kind], count, 4 + length + at).tolist() == columns[name].tolist()
    assert bytes(columns["text"]).decode() == "é<b>"
    assert columns["ends"].tolist() == [2, 2, 5]


def test_columns_are_what_the_rows_say(small_study):
    columns = read_columns(small_study.store)
    rows = list(small_study.rows())
    assert columns.place.tolist() == [one.place for one in rows]
    assert columns.ids == small_study.ids
    assert columns.wrong.tolist() == [not one.right for one in rows]
    assert np.allclose(columns.score, [one.classes[one.predicted] for one in rows])
    assert np.allclose(columns.truth, [one.classes[one.label] for one in rows])
    assert (columns.misled[columns.wrong] > 0).all()


def test_lines_of_some_images_are_those_of_each(small_study):
    places = small_study.places[[0, 5, -1]].tolist()
    found = small_study.store.lines_of([*places, 10**6])
    assert found == {place: small_study.store.image_lines(place) for place in places}


@pytest.mark.parametrize(("query", "why"), [({"region": "nose"}, "'jaw'"), ({"outcome": "differ"}, "beside")])
def test_what_is_not_there_is_refused(query, why):
    chosen = Selection.from_query(query)
    with pytest.raises(OptionError, match=why):
        chosen.places(small_columns(), MoreColumns(MORE.groups, MORE.shares))


@pytest.mark.parametrize("name", ["low", "high", "least", "most"])
def test_what_is_no_number_is_no_bound(name):
    with pytest.raises(OptionError, match="nan"):
        Selection.from_query({name: "nan"})
