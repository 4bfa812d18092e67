"""Lines of tables: what results print."""

import pytest

from sightline._tables import format_table

ROWS = [("region", "gain", "p"), ("jaw", "+0.1", ""), ("left eye", "-0.02", "0.5")]


def test_the_first_column_begins_at_the_left_and_numbers_end_at_the_right():
    assert format_table(ROWS) == ["region     gain    p", "jaw        +0.1", "left eye  -0.02  0.5"]


def test_texts_begin_at_the_left():
    assert format_table(ROWS, numbers=False) == [
        "region    gain   p",
        "jaw       +0.1",
        "left eye  -0.02  0.5",
    ]


def test_rows_may_come_one_by_one_and_there_may_be_none():
    assert format_table(iter(ROWS)) == format_table(ROWS)
    assert format_table([]) == []


def test_rows_of_different_lengths_are_a_mistake():
    with pytest.raises(ValueError, match="shorter"):
        format_table([("a", "b"), ("a",)])
