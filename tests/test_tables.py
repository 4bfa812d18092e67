"""Lines of tables: what results print."""

import csv
import io

import pytest

from sightline._tables import csv_text, format_table, text_width

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


def test_columns_of_wide_letters_are_aligned_in_a_terminal():
    lines = format_table([("영역", "이득"), ("jaw", "+0.1"), ("왼쪽 눈", "-0.02")])
    assert lines == ["영역      이득", "jaw       +0.1", "왼쪽 눈  -0.02"]
    assert {text_width(line) for line in lines} == {14}


def test_no_cell_of_a_csv_begins_a_formula():
    texts = ["=1", "+a", "-a", "@a", "\ta", "\ra", "\na", "＝1", "'a", "-0.5", "1e3", "jaw", ""]
    read = list(csv.reader(io.StringIO(csv_text([texts, [-0.5, None, float("nan"), 2]]), newline="")))
    assert read[0] == [f"'{one}" for one in texts[:9]] + texts[9:]
    assert read[1] == ["-0.5", "", "", "2"]
