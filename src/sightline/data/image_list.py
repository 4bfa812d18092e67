"""a CSV, TSV or Parquet list of paths and labels → labelled images, each read when it is asked for."""

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sightline._arguments import clear_arguments
from sightline._optional import require
from sightline.data.file_index import FileIndex, FileIndexBuilder, distinct_names
from sightline.data.image_folder import ImageFolder
from sightline.data.image_format import ImageFormat
from sightline.errors import FileError, OptionError, warn
from sightline.types import did_you_mean

ENDINGS = (".csv", ".tsv", ".parquet", ".pq")
DELIMITERS = (",", ";", "\t", "|")
WHOLE = re.compile(r"-?\d+(?:\.0*)?")
"""A class number, also as programs write it that keep a column with gaps as floats."""
SPARSE = 1000
"""Class numbers may go this far beyond the number of different ones: more are no places among classes."""
LOOKED_FOR = 20
Cells = tuple[str, ...]
"""What a line says in the columns of labels, one or several."""
Line = tuple[int, list[str]]
"""Its number in the file; a path and its cells of labels."""


@clear_arguments
def open_list(
    path: str | PathLike[str],
    image_format: ImageFormat | None = None,
    *,
    path_column: str = "path",
    label_column: str = "label",
    class_names: Sequence[str] | None = None,
    root: str | PathLike[str] | None = None,
) -> ImageFolder:
    """Labelled images from a list of their paths and labels; no image is opened yet.

    A ``.csv`` (comma, semicolon, tab or ``|``, told by its first line), ``.tsv`` or ``.parquet`` file (with
    the ``study`` extra) with one line for each image, the first line of a text naming the columns. Text is
    UTF-8, or UTF-16 with its mark. Files that are missing are found when they are read, and are broken then.

    Parameters
    ----------
    path : path
    image_format : ImageFormat, optional
        The form that each image is brought to; as in the file if left out.
    path_column, label_column : str
        Which columns hold the path and the label.
    class_names : sequence of str, optional
        In the order of the model's classes. By default sorted, where labels are names; where all are
        whole numbers from 0, these are places among the model's classes, and are the names too.
    root : path, optional
        The folder that the paths begin at; by default the list's own.

    Returns
    -------
    ImageFolder
        In the order of the list.

    Raises
    ------
    FileError
        If the list cannot be read, a column, path or label is missing, or no image is where it says.
    OptionError
        If `class_names` does not fit the labels.
    MissingExtra
        For Parquet, if pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("L", (8, 6)).save(f"{folder}/a.png")
    ...     _ = Path(f"{folder}/pets.csv").write_text("path,label\\na.png,dog\\na.png,cat\\n")
    ...     pets = open_list(f"{folder}/pets.csv")
    ...     image, label = pets[0]
    ...     len(pets), pets.class_names, image.shape, label
    (2, ('cat', 'dog'), (6, 8), 1)
    """
    file, top, files, first_lines = read_list(path, path_column, (label_column,), root)
    names, classes = _label_classes(
        {cells[0]: line for cells, line in first_lines.items()}, file, class_names
    )
    return images_of_list(file, top, files, names, lambda cells: classes[cells[0]], image_format)


def read_list(
    path: str | PathLike[str],
    path_column: str,
    label_columns: Sequence[str],
    root: str | PathLike[str] | None,
    *,
    may_be_empty: bool = False,
) -> tuple[Path, Path, FileIndexBuilder, dict[Cells, int]]:
    """A list's file, its root, the files that it names, and the line at which each label comes first.

    A label is what the cells of its columns say; with `may_be_empty` they may say nothing.

    Raises
    ------
    FileError
        As for `open_list`.
    """
    file = Path(path).expanduser().absolute()
    if not os.path.isfile(file):  # noqa: PTH113 (no error for names that are too long)
        raise FileError(f"there is no list {file}.", slug="list-file")
    read = _read_parquet_list if file.suffix.lower() in (".parquet", ".pq") else _read_text_list
    top = file.parent if root is None else Path(root).expanduser().absolute()
    lines = read(file, (path_column, *label_columns))
    files, first_lines = _gather_lines(lines, file, os.fsencode(top), may_be_empty)
    if not first_lines:
        raise FileError(f"{file} names no images: there is no line below its columns.", slug="list-file")
    return file, top, files, first_lines


def images_of_list(
    file: Path,
    root: Path,
    files: FileIndexBuilder,
    names: tuple[str, ...],
    class_of: Callable[[Cells], int],
    image_format: ImageFormat | None,
) -> ImageFolder:
    """The images of a list that was read.

    Raises
    ------
    FileError
        If not one is found.
    """
    index = files.build(root, names, class_of)
    _check_files_exist(index, file)
    return ImageFolder.of_files(index, image_format)


def _gather_lines(
    lines: Iterable[Line], file: Path, root: bytes, may_be_empty: bool
) -> tuple[FileIndexBuilder, dict[Cells, int]]:
    """All files, and the line at which each label comes first."""
    files = FileIndexBuilder()
    first_lines: dict[Cells, int] = {}
    for number, (path, *cells) in lines:
        label = tuple(cells)
        if not path or not (may_be_empty or all(label)) or "://" in path:
            raise _unusable_line_error(file, number, path)
        if "\\" in path and os.sep == "/" and "/" not in path:  # as Windows writes it
            path = path.replace("\\", "/")
        folder, name = os.path.split(os.fsencode(path))
        first_lines.setdefault(label, number)
        files.add_file(os.path.join(root, folder), label, name)  # noqa: PTH118
    return files, first_lines


def _unusable_line_error(file: Path, number: int, path: str) -> FileError:
    if "://" in path:
        what = f"names {path}, but only files are read: download it first"
    else:
        what = f"has no {'label' if path else 'path'}: leave the line out, or fill it in"
    return FileError(f"line {number} of {file} {what}.", slug="list-line")


def _read_text_list(file: Path, columns: Cells) -> Iterator[Line]:
    with file.open("rb") as opened:
        start = opened.read(2)
    encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    number = 1
    try:
        with file.open(newline="", encoding=encoding) as opened:
            head = opened.readline()
            delimiter = _detect_delimiter(head, columns, file.suffix.lower())
            header = [one.strip() for one in next(csv.reader([head], delimiter=delimiter), [])]
            where = [_column_index(header, name, file) for name in columns]
            reader = csv.reader(opened, delimiter=delimiter, skipinitialspace=True, strict=True)
            for row in reader:
                number = reader.line_num + 1
                if row and (len(row) <= max(where) or any(row[len(header) :])):
                    raise _field_count_error(file, number, row, header)
                if row:
                    yield number, [row[place].strip() for place in where]
    except UnicodeDecodeError as error:
        raise FileError(
            f"{file} is not text in UTF-8 ({error.reason}, after line {number}). Save it as UTF-8.",
            slug="list-file",
        ) from None
    except OSError as error:
        raise FileError(f"{file} cannot be read: {error.strerror or error}.", slug="list-file") from None
    except csv.Error as error:
        raise FileError(f"{file} cannot be read after line {number}: {error}.", slug="list-line") from None


def _field_count_error(file: Path, number: int, row: Sequence[str], header: Sequence[str]) -> FileError:
    return FileError(
        f"line {number} of {file} has {len(row)} fields, but the first line names {len(header)} columns. Put "
        'what holds a delimiter into quotes: "a, b.png".',
        slug="list-line",
    )


def _detect_delimiter(head: str, columns: Cells, ending: str) -> str:
    """That by which the first line holds both columns; else the one that it holds most of."""
    if ending == ".tsv":
        return "\t"
    for one in DELIMITERS:
        if set(columns) <= {name.strip() for name in next(csv.reader([head], delimiter=one), [])}:
            return one
    return max(DELIMITERS, key=head.count)


def _column_index(header: Sequence[str], name: str, file: Path) -> int:
    if list(header).count(name) > 1:
        raise FileError(
            f"the first line of {file} names the column {name!r} twice: which of the two counts cannot be "
            "told. Give one of them another name.",
            slug="list-columns",
        )
    if name in header:
        return header.index(name)
    raise FileError(
        f"{file} has no column {name!r}, which its first line must name. {did_you_mean(name, header)} Which "
        "columns to read is told by path_column= and label_column=.",
        slug="list-columns",
    )


def _read_parquet_list(file: Path, columns: Cells) -> Iterator[Line]:
    arrow = require("pyarrow", extra="study")
    parquet = require("pyarrow.parquet", extra="study")
    try:
        with parquet.ParquetFile(file) as opened:
            header = opened.schema_arrow.names
            for name in columns:
                _column_index(header, name, file)
            number = 0
            for batch in opened.iter_batches(columns=list(dict.fromkeys(columns))):
                for row in zip(*(batch[name].to_pylist() for name in columns), strict=True):
                    number += 1
                    cells = zip(row, columns, strict=True)
                    yield number, [_cell_text(cell, file, column) for cell, column in cells]
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FileError(f"{file} cannot be read as Parquet: {error}", slug="list-file") from None


def _cell_text(value: Any, file: Path, column: str) -> str:
    if isinstance(value, str):
        return value.strip()
    if value is None or value != value:  # NaN, as pandas keeps what is missing
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    raise FileError(
        f"the column {column!r} of {file} holds {type(value).__name__} values, but text or numbers are "
        "needed.",
        slug="list-columns",
    )


def _label_classes(
    first_lines: dict[str, int], file: Path, class_names: Sequence[str] | None
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Names of the classes, and the place of each label among them."""
    labels = first_lines
    given = None if class_names is None else distinct_names(class_names)
    if given is not None and labels.keys() <= set(given):
        names, place = given, {name: number for number, name in enumerate(given)}
    elif all(WHOLE.fullmatch(label) for label in labels):
        place = {label: int(float(label)) for label in labels}
        names = _numbered_class_names(place, first_lines, file, given)
    elif given is not None:
        wrong = next(label for label in labels if label not in given)
        raise OptionError(
            f"line {labels[wrong]} of {file} has the label {wrong!r}, which class_names does not have. "
            f"{did_you_mean(wrong, given)}",
            slug="option-value",
        )
    else:
        names = tuple(sorted(labels))
        place = {name: number for number, name in enumerate(names)}
    _warn_empty_classes(names, {place[label] for label in labels}, file)
    return names, place


def _numbered_class_names(
    place: dict[str, int], first_lines: dict[str, int], file: Path, given: tuple[str, ...] | None
) -> tuple[str, ...]:
    """The names of classes that labels are numbers of."""
    low, high = min(place, key=place.__getitem__), max(place, key=place.__getitem__)
    most = len(place) + SPARSE if given is None else len(given)
    if place[low] < 0 or place[high] >= most:
        wrong = low if place[low] < 0 else high
        raise FileError(
            f"line {first_lines[wrong]} of {file} has the label {wrong}, but labels that are numbers must be "
            + (f"0 to {most - 1}, places in class_names." if given else "places among the model's classes, ")
            + ("" if given else "from 0. If they are names, give class_names= in the model's order."),
            slug="list-labels",
        )
    return given or tuple(map(str, range(place[high] + 1)))


def _warn_empty_classes(names: tuple[str, ...], filled: set[int], file: Path) -> None:
    empty = [name for place, name in enumerate(names) if place not in filled]
    if empty:
        warn(
            f"{len(empty)} of {len(names)} classes, such as {empty[0]!r}, have no images in {file}. They "
            "stay classes, so that the labels keep their meaning.",
            slug="class-empty",
        )


def _check_files_exist(files: FileIndex, file: Path) -> None:
    """Refuse a list of which not one image is found: its paths begin elsewhere."""
    looked = np.unique(np.linspace(0, len(files) - 1, LOOKED_FOR).round().astype(int)).tolist()
    if not any(os.path.exists(files.path(place)) for place in looked):  # noqa: PTH110
        raise FileError(
            f"no image of {file} is where it says: there is no {files.path(0)}. Name the folder that the "
            "paths begin at with root=.",
            slug="list-missing",
        )
