"""records of results → a table of named, typed columns, and its files: CSV, Parquet, JSON.

A table's columns are known by the types of the record's fields, so that a table without a line has them too.
"""

import contextlib
import dataclasses
import json
import math
import os
import re
import types
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from sightline._files import write_bytes
from sightline._optional import require
from sightline._own_files import BOM, check_replaceable
from sightline._tables import guarded_text, parquet_bytes
from sightline._version import __version__
from sightline.errors import FileError
from sightline.types import record

Cell = str | float | int | bool | tuple[str | float, ...] | None
KINDS: dict[Any, str] = {str: "text", float: "number", int: "count", bool: "truth"}
"""Type of a field → kind of a column."""
LISTS: dict[Any, str] = {str: "texts", float: "numbers", int: "counts"}
ENDS: dict[str, tuple[str, str]] = {"beside": ("before", "after")}
"""Pairs of numbers that are no interval, by their names."""
QUOTED = re.compile(r'[",\s]')
LAYOUT = 1


@record
class Column:
    """A column.

    Parameters
    ----------
    name : str
    kind : str
        ``"text"``, ``"count"``, ``"number"``, ``"truth"``, ``"texts"``, ``"numbers"`` or ``"counts"``.
    """

    name: str
    kind: str


@record
class FindingTable:
    """A table of what was found.

    Parameters
    ----------
    name : str
        Also that of its file.
    columns : tuple of Column
    rows : tuple of tuples
        A cell for each column: nan where a number is not known, None where there is nothing to tell.
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def column(self, name: str) -> tuple[Cell, ...]:
        """All cells of one column.

        Examples
        --------
        >>> columns = Column("region", "text"), Column("gain", "number")
        >>> table = FindingTable("gains", columns, (("jaw", 0.5),))
        >>> table.column("gain")
        (0.5,)
        """
        place = [one.name for one in self.columns].index(name)
        return tuple(row[place] for row in self.rows)

    def records(self) -> Iterator[dict[str, Cell]]:
        """Each line as a dict."""
        names = [one.name for one in self.columns]
        for row in self.rows:
            yield dict(zip(names, row, strict=True))


def table_of_records(
    name: str,
    kind: type,
    found: Iterable[object],
    more: Mapping[str, tuple[str, Sequence[Any]]] | None = None,
) -> FindingTable:
    """A line for each record: its fields that are texts, numbers, pairs of numbers, or lists of either.

    Parameters
    ----------
    name : str
    kind : type
        The records' class.
    found : iterable
    more : mapping of str to (str, sequence), optional
        Further columns that stand before: name → kind, and a value for each record.
    """
    before = dict(more or {})
    fields = [one for one in _field_columns(kind) if one[0] not in before]
    columns = [Column(one, each[0]) for one, each in before.items()]
    columns += [Column(each, to) for _, names, to in fields for each in names]
    rows = []
    for place, one in enumerate(found):
        row: list[Cell] = [each[1][place] for each in before.values()]
        for field, names, to in fields:
            row += _field_cells(getattr(one, field), len(names), to)
        rows.append(tuple(row))
    return FindingTable(name, tuple(columns), tuple(rows))


def _field_columns(kind: type) -> list[tuple[str, tuple[str, ...], str]]:
    """Each field that can be told in a table, with its columns and their kind."""
    hints = get_type_hints(kind)
    found: list[tuple[str, tuple[str, ...], str]] = []
    for field in dataclasses.fields(kind):
        of = hints[field.name]
        if get_origin(of) in (types.UnionType, Union):
            of = next(one for one in get_args(of) if one is not type(None))
        inside = get_args(of)
        if of in KINDS:
            found.append((field.name, (field.name,), KINDS[of]))
        elif get_origin(of) is tuple and inside in ((float, float), (int, int)):
            ends = ENDS.get(field.name, ("low", "high"))
            found.append((field.name, tuple(f"{field.name}_{end}" for end in ends), KINDS[inside[0]]))
        elif get_origin(of) is tuple and len(inside) == 2 and inside[1] is Ellipsis and inside[0] in LISTS:
            found.append((field.name, (field.name,), LISTS[inside[0]]))
    return found


def _field_cells(value: Any, width: int, kind: str) -> list[Cell]:
    if width == 2:
        return [None, None] if value is None else [plain_cell(one, kind) for one in value]
    return [plain_cell(value, kind)]


def plain_cell(value: Any, kind: str) -> Cell:
    """A value as Python's own of the kind: numbers of NumPy, and texts with half a letter, are no cells.

    Examples
    --------
    >>> import numpy as np
    >>> plain_cell(np.float32(0.5), "number"), plain_cell("a\\udcfc", "text"), plain_cell(None, "count")
    (0.5, 'a\\\\udcfc', None)
    """
    if value is None:
        return None
    if kind in LISTS.values():
        made = [plain_cell(one, kind[:-1]) for one in value]
        return tuple("" if one is None or isinstance(one, tuple) else one for one in made)
    if kind == "text":
        return str(value).encode("utf-8", "backslashreplace").decode("utf-8")
    number: Cell = {"number": float, "count": int, "truth": bool}[kind](value)
    return number


def facts_of_record(
    found: object, leave_out: Collection[str] = (), prefix: str = ""
) -> Iterator[tuple[str, Cell]]:
    """Name and value of each text and number of a record, and of the records in it.

    Examples
    --------
    >>> list(facts_of_record(Column("gain", "number")))
    [('name', 'gain'), ('kind', 'number')]
    """
    for field in dataclasses.fields(found):  # type: ignore[arg-type]
        value = getattr(found, field.name)
        if field.name not in leave_out:
            yield from _named_facts(f"{prefix}{field.name}", value)


def _named_facts(name: str, value: Any) -> Iterator[tuple[str, Cell]]:
    if dataclasses.is_dataclass(value):
        yield from facts_of_record(value, prefix=f"{name}.")
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _named_facts(f"{name}.{key}", one)
    elif isinstance(value, bool):
        yield name, value
    elif isinstance(value, int | float):
        yield name, float(value)
    elif isinstance(value, str):
        yield name, plain_cell(value, "text")
    elif isinstance(value, tuple) and all(isinstance(one, str | int | float) for one in value):
        for place, one in enumerate(value, start=1):
            yield from _named_facts(f"{name}.{place}", one)


def csv_text(table: FindingTable) -> str:
    """A table as CSV (RFC 4180), lines ending in a line feed.

    Infinite and unknown numbers are ``inf``, ``-inf`` and ``nan``; a list is JSON in a cell; a text that a
    program of tables would take for a formula, and one that begins with a quote, has a quote before it.
    Where a letter is not ASCII the file says that it is UTF-8, which Excel would not guess.

    Examples
    --------
    >>> print(csv_text(FindingTable("t", (Column("name", "text"),), (("=1+1",), ("a, b",)))), end="")
    name
    '=1+1
    "a, b"
    """
    heads = ",".join(_csv_cell(one.name) for one in table.columns)
    lines = (",".join(map(_csv_cell, row)) for row in table.rows)
    text = "".join(f"{line}\n" for line in (heads, *lines))
    return text if text.isascii() else BOM + text


def _csv_cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        text = json.dumps([_json_cell(one) for one in value], ensure_ascii=False)
    else:
        text = guarded_text(value)
    # Quoted, too, are an empty text, which is not nothing, and a line break of any kind.
    return '"' + text.replace('"', '""') + '"' if not text or QUOTED.search(text) else text


def _json_cell(value: Cell) -> Any:
    """A cell as JSON has it: null where a number is not known, and a word where it is infinite."""
    if isinstance(value, tuple):
        return [_json_cell(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def json_text(tables: Iterable[FindingTable], about: Mapping[str, Any]) -> str:
    """Tables as one JSON object, each line an object of its cells.

    Parameters
    ----------
    tables : iterable of FindingTable
    about : mapping
        What else stands in it.
    """
    made: dict[str, Any] = {"layout": LAYOUT, "sightline": __version__, **about, "tables": {}}
    for table in tables:
        made["tables"][table.name] = {
            "columns": [{"name": one.name, "kind": one.kind} for one in table.columns],
            "rows": [{name: _json_cell(cell) for name, cell in row.items()} for row in table.records()],
        }
    return json.dumps(made, ensure_ascii=False, allow_nan=False, indent=1)


def parquet_content(table: FindingTable) -> bytes:
    """A table as Parquet.

    Raises
    ------
    MissingExtra
        If pyarrow is not installed.
    """
    pyarrow = require("pyarrow", extra="study")
    kinds = {
        "text": pyarrow.string(),
        "number": pyarrow.float64(),
        "count": pyarrow.int64(),
        "truth": pyarrow.bool_(),
        "texts": pyarrow.list_(pyarrow.string()),
        "numbers": pyarrow.list_(pyarrow.float64()),
        "counts": pyarrow.list_(pyarrow.int64()),
    }
    about = {"sightline": json.dumps({"layout": LAYOUT, "version": __version__, "table": table.name})}
    schema = pyarrow.schema([(one.name, kinds[one.kind]) for one in table.columns], metadata=about)
    lines = zip(*table.rows, strict=True) if table.rows else [()] * len(table.columns)
    arrays = [
        pyarrow.array(list(cells), type=kinds[one.kind], from_pandas=False)  # nan stays, and None is null
        for one, cells in zip(table.columns, lines, strict=True)
    ]
    return parquet_bytes(pyarrow.Table.from_arrays(arrays, schema=schema))


def export_path(given: str | PathLike[str]) -> Path:
    """The path of a file or folder to write to.

    Raises
    ------
    FileError
        If it names none: an empty text would be the working directory.
    """
    text = os.fspath(given)
    if not text or "\0" in text:
        raise _write_error(text, "that is not the name of a file or folder")
    return Path(text)


def write_export(folder: Path | None, files: Mapping[Path, bytes]) -> list[Path]:
    """Write files, into a folder that is made if it is not there; only what an export wrote is replaced.

    Raises
    ------
    FileError
        If they cannot be written, or one is there that no export wrote: nothing is written then.
    """
    with write_failures(folder if folder is not None else next(iter(files))):
        for file, content in files.items():
            check_replaceable(file, content)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        return [write_bytes(file, content) for file, content in files.items()]


@contextlib.contextmanager
def write_failures(place: Path) -> Iterator[None]:
    """What the system says where an export cannot be written, as an error of our own.

    Raises
    ------
    FileError
    """
    try:
        yield
    except OSError as error:
        raise _write_error(str(place), error.strerror or str(error)) from error


def _write_error(place: str, why: str) -> FileError:
    return FileError(
        f"the export cannot be written to {place!r}: {why}. Name a folder that can be written to.",
        slug="export-write",
    )
