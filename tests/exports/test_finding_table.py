"""Tables: every value as it was in the file that is read back by other tools."""

import csv
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.errors import FileError
from sightline.exports.finding_table import (
    BOM,
    Column,
    FindingTable,
    csv_text,
    facts_of_record,
    json_text,
    parquet_content,
    plain_cell,
    table_of_records,
    write_export,
)
from sightline.findings.blame_result import RegionEffect
from sightline.proof.marked_gap import MarkedGap
from sightline.proof.paired_metrics import PairedMetric, PValues
from support.exported import NAMES

KINDS = ("text", "number", "count", "truth", "texts", "numbers")
HARMFUL = (
    *NAMES,
    "+1",
    "-1",
    "@sum(1)",
    "'quoted",
    "\tx",
    "\rx",
    "＝1+1",
    "",
    " =1",
    "a\r\nb",
    "nan",
    "-",
    "1",
)
ROWS = tuple(
    (text, value, place, place % 2 == 0, (text, "x"), (value, 1.5))
    for place, (text, value) in enumerate(
        zip(HARMFUL, [0.1, math.nan, math.inf, -math.inf, -0.0, 1e-300, 1 / 3] * 3, strict=False)
    )
)
TABLE = FindingTable(
    "t",
    tuple(Column(kind, kind) for kind in KINDS),
    (*ROWS, (None, None, None, None, (), ())),
)


def same(ours, theirs):
    """Whether two cells are the same value; nan is itself."""
    if isinstance(ours, tuple) and theirs is not None:
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, float) and math.isnan(ours):
        return isinstance(theirs, float) and math.isnan(theirs)
    return ours == theirs and type(ours) is type(theirs)


def cell_of_csv(text, kind):
    """A cell as the page about exports says that it is read."""
    if kind == "text":
        return (text[1:] if text.startswith("'") else text) or None
    if kind in ("texts", "numbers"):
        words = {None: math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
        listed = json.loads(text)
        return tuple(listed if kind == "texts" else (words.get(one, one) for one in listed))
    read = {"number": float, "count": int, "truth": {"true": True, "false": False}.get}[kind]
    return read(text) if text else None


def read_csv(text, columns):
    lines = list(csv.reader(io.StringIO(text.removeprefix(BOM), newline="")))
    assert lines[0] == [one.name for one in columns]
    return [
        tuple(cell_of_csv(cell, column.kind) for cell, column in zip(line, columns, strict=True))
        for line in lines[1:]
    ]


def test_csv_is_read_back_value_by_value():
    read = read_csv(csv_text(TABLE), TABLE.columns)
    for ours, theirs in zip(TABLE.rows, read, strict=True):
        assert same(tuple(one if one != "" else None for one in ours), theirs)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.floats()), max_size=5))
def test_any_text_and_any_number_come_back_from_csv(rows):
    table = FindingTable("t", (Column("text", "text"), Column("number", "number")), tuple(rows))
    read = read_csv(csv_text(table), table.columns)
    assert all(same((text or None, value), line) for (text, value), line in zip(rows, read, strict=True))


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"])
def test_no_cell_of_csv_is_a_formula(sign):
    text = f"{sign}cmd|' /C calc'!A0"
    table = FindingTable("t", (Column("a", "text"), Column("b", "texts")), ((text, (text,)),))
    first, second = list(csv.reader(io.StringIO(csv_text(table).removeprefix(BOM), newline="")))[1]
    assert first == f"'{text}"
    assert second.startswith("[")


def test_negative_numbers_stay_numbers():
    table = FindingTable("t", (Column("a", "number"), Column("b", "count")), ((-0.5, -2),))
    assert csv_text(table) == "a,b\n-0.5,-2\n"


def test_only_a_file_with_letters_beyond_ascii_says_that_it_is_utf_8():
    texts = (csv_text(FindingTable("t", (Column("a", "text"),), ((name,),))) for name in ("jaw", "턱"))
    assert [text.startswith(BOM) for text in texts] == [False, True]


def test_duckdb_reads_the_csv(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    file = tmp_path / "t.csv"
    file.write_text(csv_text(TABLE), encoding="utf-8")
    read = duckdb.read_csv(
        str(file), header=True, all_varchar=False, quotechar='"', escapechar='"'
    ).fetchall()
    numbers = [None if row[1] is None else float(row[1]) for row in read]
    assert all(map(same, TABLE.column("number"), numbers))
    assert read[2][0].startswith("턱")
    assert read[1][0].startswith("'=cmd")


def test_parquet_is_read_back_value_by_value(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    read = parquet.read_table(io.BytesIO(parquet_content(TABLE))).to_pylist()
    for ours, theirs in zip(TABLE.records(), read, strict=True):
        for name, value in ours.items():
            there = tuple(theirs[name]) if isinstance(theirs[name], list) else theirs[name]
            assert same(value, there), name


def test_parquet_without_a_line_has_its_columns(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    empty = FindingTable("t", TABLE.columns, ())
    schemas = [parquet.read_table(io.BytesIO(parquet_content(one))).schema for one in (TABLE, empty)]
    assert schemas[0].equals(schemas[1])


def test_json_is_json_and_says_what_is_infinite():
    text = json_text([TABLE], {"title": "=x"})
    read = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    rows = read["tables"]["t"]["rows"]
    assert [row["text"] for row in rows] == list(TABLE.column("text"))
    words = {math.inf: "Infinity", -math.inf: "-Infinity"}
    said = [None if one is None or math.isnan(one) else words.get(one, one) for one in TABLE.column("number")]
    assert [row["number"] for row in rows] == said
    assert [one["kind"] for one in read["tables"]["t"]["columns"]] == list(KINDS)
    assert read["title"] == "=x"


def test_half_a_letter_is_written_out():
    assert plain_cell("a\udcfcb", "text") == "a\\udcfcb"
    assert json_text(
        [FindingTable("t", (Column("a", "text"),), ((plain_cell("\ud800", "text"),),))], {}
    ).encode()


def effect(**how):
    usual = {
        **dict.fromkeys(("gain", "low", "high", "control_gain", "p", "corrected", "control_corrected"), 0.5),
        **dict.fromkeys(("broken", "control_broken", "wrong_share", "right_share"), 0.25),
    }
    return RegionEffect(**{"region": "jaw", "suspect": True, "confirmed": False, **usual, **how})


def test_a_record_becomes_columns_of_all_its_fields():
    one = effect(net=(0.1, math.inf), failed=("elsewhere", "a,b"), class_odds=(math.nan, 2.0), found_wrong=3)
    table = table_of_records("blame", RegionEffect, [one], {"status": ("text", ["x"])})
    (read,) = table.records()
    assert read["status"] == "x"
    assert (read["net_low"], read["net_high"]) == (0.1, math.inf)
    assert math.isnan(read["class_odds_low"])
    assert read["class_odds_high"] == 2.0
    assert read["failed"] == ("elsewhere", "a,b")
    assert read["found_wrong"] == 3
    assert read["suspect"] is True
    names = {column.name for column in table.columns}
    pairs = {"net", "margin_net", "overall_ci", "class_odds"}
    assert names >= {field for field in RegionEffect.__dataclass_fields__ if field not in pairs}


def test_a_pair_that_is_not_there_has_nothing_to_tell():
    measures = [
        PairedMetric("recall", "a", 0.5, 0.75, 0.0, 0.5, 0.25, beside, 4) for beside in (None, (0.1, 0.2))
    ]
    table = table_of_records("proof", PairedMetric, measures)
    assert table.column("beside_before") == (None, 0.1)
    assert table.column("beside_after") == (None, 0.2)


def test_facts_reach_into_records_and_dicts():
    tests = PValues(0.1, {2: 0.2}, 0.3, 0.4, 0.5, gap=MarkedGap(0.6, 0.7, 0.8, 0.9))
    told = dict(facts_of_record(tests))
    assert told["recalls.2"] == 0.2
    assert told["gap.weaker"] == 0.9
    assert told["accuracy"] == 0.1


def test_numbers_of_numpy_are_python_s_own():
    assert type(plain_cell(np.int32(3), "count")) is int
    assert type(plain_cell(np.bool_(True), "truth")) is bool


def test_where_it_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="cannot be written") as raised:
        write_export(tmp_path / "file", {tmp_path / "file" / "a.csv": b""})
    assert raised.value.slug == "export-write"
