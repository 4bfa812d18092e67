"""a table of metadata, such as hospital, sex or device → its columns for the images of a study.

Images and lines find each other by path, file name or name without ending, or by order. Which was taken is
told, and can be overruled.
"""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from sightline._arguments import describe_value
from sightline._files import readable_text
from sightline._language import in_english, translatable
from sightline._optional import require
from sightline._printing import printable_text
from sightline._spec import split_spec
from sightline.data.data_spec import LIST
from sightline.data.datasets import Dataset
from sightline.data.file_index import ENDINGS as IMAGE_ENDINGS
from sightline.data.image_folder import ImageFolder
from sightline.data.image_list import DELIMITERS, ENDINGS
from sightline.data.several_labels import LabelImages
from sightline.errors import FileError, OptionError, SightlineError
from sightline.study.schema import StudyResults
from sightline.types import did_you_mean, record

NAMED_BY = (translatable("path"), translatable("file name"), translatable("name without ending"))
"""How a cell may name an image, the most certain first."""
CODE = re.compile(r"0\d|\d+[eE]\d+$|.*_")
"""Texts that could be read as numbers and are codes: 007 is not 7, 12e4 not 120000, 1_2 not 12."""
FILE_COLUMNS = ("file format", "image size")
"""What is known of a file without a table."""
ENOUGH = 0.5
"""Share of the images that a table has to have lines of: with fewer the wrong column was taken."""


@record
class MetadataTable:
    """Columns of metadata, a line for each image.

    Parameters
    ----------
    columns : mapping of str to list
        All of one length: text or numbers, None where nothing stands.
    source : str
        What it was read from, in words.
    key : str or None
        The column that names the images, where that is known.
    left_out : tuple of str
        Columns that say nothing new, such as the labels of a list.
    """

    columns: Mapping[str, Sequence[Any]]
    source: str
    key: str | None = None
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    @classmethod
    def read(cls, given: object) -> "MetadataTable":
        """The table of a file, a mapping of columns, a data frame, or lines that are dicts.

        Raises
        ------
        FileError
            If a file cannot be read.
        OptionError
            If it is something else, or its columns differ in length.

        Examples
        --------
        >>> table = MetadataTable.read({"path": ["a.png", "b.png"], "age": ["61", ""]})
        >>> table.columns["age"]
        [61.0, None]
        """
        if isinstance(given, MetadataTable):
            return given
        if isinstance(given, str | os.PathLike):
            file = Path(given).expanduser()
            parquet = file.suffix.lower() in (".parquet", ".pq")
            columns = _read_parquet_columns(file) if parquet else _read_text_columns(file)
            return cls(_typed_columns(columns), str(given))
        columns = _columns_of(given)
        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1:
            raise OptionError(
                f"the columns of the table must have one length, but {sorted(lengths)} were given.",
                slug="table-form",
            )
        return cls(_typed_columns(columns), "the table")


def _columns_of(given: object) -> dict[str, list[Any]]:
    """Columns of a mapping, a frame of pandas or polars, an Arrow table, or lines."""
    if hasattr(given, "to_pydict"):
        given = given.to_pydict()
    elif hasattr(given, "to_dict") and hasattr(given, "columns"):
        given = {name: list(given[name]) for name in given.columns}  # type: ignore[index]
    if isinstance(given, Mapping) and given:
        return {str(name): _cells_of_column(str(name), values) for name, values in given.items()}
    if isinstance(given, Sequence) and given and all(isinstance(one, Mapping) for one in given):
        names = dict.fromkeys(str(name) for line in given for name in line)
        return {name: [line.get(name) for line in given] for name in names}
    raise OptionError(
        "a table is the path of a CSV, TSV or Parquet file, a mapping of columns, a data frame or a list of "
        f"dicts, but {describe_value(given)} was given.",
        slug="table-form",
    )


def _cells_of_column(name: str, values: object) -> list[Any]:
    text = isinstance(values, str | bytes)
    if text or not isinstance(values, Iterable) or getattr(values, "ndim", 1) != 1:
        raise OptionError(
            f"the column {name!r} of the table must be a list with a cell for each line, but "
            f"{describe_value(values)} was given.",
            slug="table-form",
        )
    return list(values)


def _read_text_columns(file: Path) -> dict[str, list[Any]]:
    try:
        with file.open("rb") as binary:
            start = binary.read(2)
        encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        with file.open(newline="", encoding=encoding) as opened:
            head = opened.readline()
            delimiter = "\t" if file.suffix.lower() == ".tsv" else max(DELIMITERS, key=head.count)
            names = [one.strip() for one in next(csv.reader([head], delimiter=delimiter), [])]
            rows = [row for row in csv.reader(opened, delimiter=delimiter, skipinitialspace=True) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"the table {file} cannot be read: {reason}.", slug="table-file") from None
    twice = [name for name, count in Counter(names).items() if count > 1]
    bad = next((number for number, row in enumerate(rows, 2) if len(row) != len(names)), None)
    if twice or bad is not None or not rows or not all(names):
        what = (
            f"names the column {twice[0]!r} twice"
            if twice
            else "has no line below its columns"
            if not rows
            else f"has {len(rows[bad - 2])} fields in line {bad}, but {len(names)} columns"
            if bad is not None
            else "has a column without a name"
        )
        raise FileError(
            f"the table {file} {what}. Its first line names the columns, {', '.join(ENDINGS)}.",
            slug="table-file",
        )
    return {name: [row[place].strip() for row in rows] for place, name in enumerate(names)}


def _read_parquet_columns(file: Path) -> dict[str, list[Any]]:
    arrow = require("pyarrow", extra="study")
    parquet = require("pyarrow.parquet", extra="study")
    try:
        return dict(parquet.read_table(file).to_pydict())
    except (arrow.ArrowException, OSError) as error:
        raise FileError(f"the table {file} cannot be read as Parquet: {error}", slug="table-file") from None


def _typed_columns(columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Numbers where all that stands there is a number, written as one; None where nothing stands."""
    return {name: _typed_values([_known_value(one) for one in values]) for name, values in columns.items()}


def _known_value(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    # pandas' missing value answers no comparison, not even whether it is itself.
    if value is None or type(value).__name__ == "NAType" or value != value:
        return None
    return (value.strip() or None) if isinstance(value, str) else value


def _typed_values(values: list[Any]) -> list[Any]:
    if not all(isinstance(one, str | None) for one in values):
        return values
    numbers: list[float | None] = []
    for one in values:
        try:
            code = one is not None and CODE.match(one) is not None
            number = None if one is None or code else float(one)
        except ValueError:
            return values
        if code or not (number is None or np.isfinite(number)):
            return values
        numbers.append(number)
    return numbers


@record
class JoinedColumns:
    """Columns of a table, one value for each of some images; None where the table says nothing.

    Parameters
    ----------
    columns : dict of str to tuple
    notes : tuple of str
        How images and lines found each other, and what did not.
    """

    columns: dict[str, tuple[Any, ...]]
    notes: tuple[str, ...]


def join_metadata(
    study: StudyResults,
    places: Int[np.ndarray, "N"],
    table: MetadataTable,
    key: str | None = None,
    columns: Sequence[str] | None = None,
) -> JoinedColumns:
    """What a table says of the images of a study.

    Parameters
    ----------
    study : StudyResults
    places : int array, shape (N,)
        Of the images.
    table : MetadataTable
    key : str, optional
        The column that names the images; by default the one that names most of them.
    columns : sequence of str, optional
        By default all but the key.

    Raises
    ------
    OptionError
        If there is no such column.
    FileError
        If too few images have a line, or lines of one image differ.
    """
    columns = (columns,) if isinstance(columns, str) else columns
    for name in (*(() if columns is None else columns), *([] if key is None else [key])):
        if name not in table.columns:
            raise OptionError(
                f"{table.source} has no column {name!r}. {did_you_mean(name, table.columns)}",
                slug="table-column",
            )
    ids, orders = _image_ids(study, places)
    lines, used, notes = _find_lines(table, ids, orders, key or table.key)
    skipped = {used, *table.left_out}
    chosen = [name for name in table.columns if name not in skipped] if columns is None else columns
    joined = {
        name: tuple(None if line is None else table.columns[name][line] for line in lines) for name in chosen
    }
    missing = sum(line is None for line in lines)
    if missing:
        first = ids[next(place for place, line in enumerate(lines) if line is None)]
        notes += (
            in_english(
                "{missing:,} of {n:,} images have no line there, such as {first}.",
                missing=missing,
                n=len(ids),
                first=printable_text(first),
            ),
        )
    return JoinedColumns(joined, notes)


Orders = dict[int, tuple[list[int], str]]
"""For tables of so many lines: the line of each image where they stand in an order, and which one that is."""


def _image_ids(study: StudyResults, places: Int[np.ndarray, "N"]) -> tuple[list[str], Orders]:
    """What the images are called, and the orders that lines of a table may have."""
    try:
        source = getattr(study, "source", None)
    except SightlineError:  # images in memory, of another process
        source = None
    every: list[int] = places.tolist()
    orders: Orders = {len(every): (list(range(len(every))), "the explained images, study.places")}
    if not isinstance(source, Dataset):
        return list(map(str, every)), orders
    if isinstance(source, LabelImages):  # images of which the label is not known are none of the study's
        roots = [int(source.indices[place]) for place in every]
        orders[len(source.dataset)] = roots, in_english("all images, those left out of the study with them")
    orders[len(source)] = every, in_english("the data")
    return [readable_text(source.image_id(place)) for place in every], orders


def _find_lines(
    table: MetadataTable, ids: Sequence[str], orders: Orders, key: str | None
) -> tuple[list[int | None], str | None, tuple[str, ...]]:
    """The line of each image, the column that named it, and what to tell."""
    numbered = all(one.isdigit() for one in ids)
    best: tuple[list[int | None], str, str] | None = None
    most = 0
    for name in table.columns if key is None else [key]:
        for how in NAMED_BY[:1] if numbered else NAMED_BY:
            lines = _lines_by_name(table, name, ids, how, told=key is not None)
            found = sum(line is not None for line in lines)
            # A column of small numbers, such as an age, names places only where it names each once.
            if found > most and (key is not None or not numbered or found == len(ids)):
                best, most = (lines, name, how), found
    if key is None and (best is None or most < ENOUGH * len(ids)) and len(table) in orders:
        in_order, order = orders[len(table)]
        if not numbered:
            _refuse_named_lines(table, ids, in_order)
        told = in_english(
            "Lines of {table} are taken to be in the order of {order}.", table=table.source, order=order
        )
        return list(in_order), None, (told,)
    if best is None or most < ENOUGH * len(ids):
        raise _unmatched_error(table, ids, most, key)
    lines, name, how = best
    told = (
        in_english(
            "Images are found in {table} by its column {name} ({how}), a guess: key= (--key) overrules it.",
            table=table.source,
            name=name,
            how=how,
        )
        if key is None
        else in_english(
            "Images are found in {table} by its column {name} ({how}).",
            table=table.source,
            name=name,
            how=how,
        )
    )
    return lines, name, (told,)


def _lines_by_name(
    table: MetadataTable, name: str, ids: Sequence[str], how: str, *, told: bool
) -> list[int | None]:
    """The line that names each image; none where two different ones do, unless the column is told."""
    wanted = [_shortened(one, how) for one in ids]
    doubled = {one for one, many in Counter(wanted).items() if many > 1}
    at: dict[str, int] = {}
    unclear = set()
    for line, cell in enumerate(table.columns[name]):
        called = _shortened(_cell_name(cell), how)
        if called in at and _differ(table, at[called], line, name):
            unclear.add(called)
        at.setdefault(called, line)
    twice = sorted(unclear & set(wanted))
    if twice and told:
        raise FileError(
            f"{table.source} says different things of {printable_text(twice[0])} in lines {at[twice[0]] + 1} "
            f"and later ({len(twice):,} images have such lines): leave one line for each image, or name "
            "another column with key= (--key).",
            slug="table-twice",
        )
    # A column that names several things alike is no key: neither is a file name that two images share.
    if twice or (doubled & at.keys()):
        return [None] * len(ids)
    return [at.get(one) for one in wanted]


def _refuse_named_lines(table: MetadataTable, ids: Sequence[str], in_order: Sequence[int]) -> None:
    """Refuse to go by order where a column names images: its names would be passed over without a word.

    Numbers may be anything, and so may a text that is the name of one image alone.

    Raises
    ------
    FileError
    """
    for name, values in table.columns.items():
        cells = [_cell_name(cell) for cell in values]
        files = sum(cell.lower().endswith(IMAGE_ENDINGS) for cell in cells)
        moved = max(_count_moved(cells, ids, how, in_order) for how in NAMED_BY)
        if files >= ENOUGH * len(cells) or moved > 1:
            raise FileError(
                f"{table.source} has as many lines as there are images, but is not taken to be in their "
                f"order: its column {name!r} names images, and not each image of the study once. An image "
                f"is called {printable_text(ids[0])}, the first cell is {printable_text(cells[0])!r}. Mend "
                "the names, with a line for each image; or leave that column out, if the lines are in the "
                "order of the images.",
                slug="table-join",
            )


def _count_moved(cells: Sequence[str], ids: Sequence[str], how: str, in_order: Sequence[int]) -> int:
    """How many images a column names in another line than their order has them."""
    named = [_shortened(cell, how) for cell in cells]
    wanted = [_shortened(one, how) for one in ids]
    known = set(named)
    pairs = zip(wanted, in_order, strict=True)
    return sum(one in known and not one.isdigit() and named[line] != one for one, line in pairs)


def _differ(table: MetadataTable, first: int, other: int, key: str) -> bool:
    return any(values[first] != values[other] for name, values in table.columns.items() if name != key)


def _cell_name(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).replace("\\", "/").removeprefix("./")


def _shortened(name: str, how: str) -> str:
    if how == NAMED_BY[0]:
        return name
    name = name.rpartition("/")[2]
    return name if how == NAMED_BY[1] else os.path.splitext(name)[0]  # noqa: PTH122


def _unmatched_error(table: MetadataTable, ids: Sequence[str], most: int, key: str | None) -> FileError:
    where = f"its column {key!r}" if key else "no column"
    had = f"names {most:,} of the {len(ids):,} images" if key else f"names more than {most:,} of the images"
    cells = list(table.columns[key or next(iter(table.columns))])[:1]
    return FileError(
        f"{table.source} does not fit the study: {where} {had}, by path, by file name or by the name without "
        f"its ending. An image is called {printable_text(ids[0])}, the first cell is {cells[0]!r}. Name the "
        "column with key= (--key), and give a line for each image.",
        slug="table-join",
    )


def list_of_study(study: StudyResults) -> MetadataTable | None:
    """The list that a study was made from, where it has further columns; else None."""
    text = str(getattr(getattr(study, "manifest", None), "data_text", ""))
    found = LIST.fullmatch(text)
    if found is None or not Path(found[1]).is_file():
        return None
    options = split_spec(f"list{found[2] or ''}")[1]
    path, label = options.get("path_column", "path"), options.get("label_column", "label")
    table = MetadataTable.read(found[1])
    if not set(table.columns) - {path, label}:
        return None
    return MetadataTable(table.columns, f"the study's list {found[1]}", path, (label,))


def column_of_groups(
    study: StudyResults, column: str | None, table: object = None, key: str | None = None
) -> tuple[str, ...] | str | None:
    """What each explained image belongs to, as a column of a table has it, for ``groups=`` of `blame`.

    Parameters
    ----------
    study : StudyResults
    column : str or None
        ``"label"`` where each class is one, which is no column.
    table, key
        As for `join_metadata`; by default the list of the study.

    Raises
    ------
    OptionError
        If there is no table, or no such column.
    FileError
        If an image has no group there.
    """
    if column is None or column == "label":
        return column
    given = list_of_study(study) if table is None else table
    if given is None:
        raise OptionError(
            f"there is no column {column!r} to take groups from: the study was not made from a list with "
            "further columns. Give a table: table= (--table FILE).",
            slug="table-missing",
        )
    joined = join_metadata(study, np.asarray(study.places), MetadataTable.read(given), key, [column])
    values = joined.columns[column]
    missing = [place for place, one in enumerate(values) if one is None]
    if missing:
        raise FileError(
            f"{len(missing):,} of {len(values):,} images have no {column} in the table, such as image "
            f"{study.places[missing[0]]}: every image has to belong to a group. Fill them in.",
            slug="table-groups",
        )
    return tuple(map(str, values))


def file_columns(study: StudyResults, places: Int[np.ndarray, "N"]) -> dict[str, tuple[Any, ...]]:
    """Format and size of the files that a study's images were read from; nothing of images in memory."""
    try:
        source = getattr(study, "source", None)
    except SightlineError:
        return {}
    if not isinstance(source, ImageFolder):
        return {}
    facts = [_file_facts(source.path(place)) for place in places.tolist()]
    return dict(zip(FILE_COLUMNS, zip(*facts, strict=True), strict=True)) if facts else {}


def _file_facts(path: Path) -> tuple[str, str | None]:
    """What a file's first bytes say of its kind and its width and height."""
    from PIL import Image

    try:
        with Image.open(path) as opened:
            return str(opened.format), f"{opened.width}×{opened.height}"
    except (OSError, ValueError):
        return path.suffix.lower().removeprefix(".") or "unknown", None
