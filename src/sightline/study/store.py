"""tables of lines → Parquet parts in a folder, which any process may add to, and back.

A part holds the lines of the images START to STOP − 1 and is named after them. Where parts begin is fixed
when the study is made, so that the same part has the same name and lines whoever writes it: written aside
and renamed, it is there whole or not at all, and never twice. Parts that follow each other are joined into
larger ones, named likewise; a part within a larger one no longer counts.
"""

import contextlib
import errno
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from sightline._files import written_aside
from sightline._optional import require
from sightline.errors import FileError, OptionError
from sightline.study.schema import table_schema

JOINED = 64
"""Parts that are joined into one."""
WRITING: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": False,
    "use_byte_stream_split": [f"{name}.list.element" for name in ("attribution", "error", "scores")],
    # Of long columns they would take more room than all the rest.
    "write_statistics": ["place", "label", "predicted", "rank", "target", "score", "failure"],
}
GROUP_LINES = 512
GROUP_BYTES = 64 << 20
"""What is read at once."""
ABANDONED = 3600.0
"""Seconds after which a file that is being written is taken for given up."""
NAME = re.compile(r"\d{9}-\d{9}\.parquet")


class StorePart(NamedTuple):
    """Lines of the images `start` to `stop` − 1."""

    start: int
    stop: int
    path: Path


class Store:
    """The parts in one folder.

    Parameters
    ----------
    folder : Path
        Made when the first part is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def parts(self) -> list[StorePart]:
        """The parts that count, in order."""
        there = [path for path in self.folder.glob("*.parquet") if NAME.fullmatch(path.name)]
        named = [StorePart(int(path.name[:9]), int(path.name[10:19]), path) for path in there]
        kept: list[StorePart] = []
        for part in sorted(named, key=lambda part: (part.start, -part.stop)):
            if not kept or part.start >= kept[-1].stop:
                kept.append(part)
        return kept

    def missing_parts(self, count: int, size: int) -> list[tuple[int, int]]:
        """Start and stop of the parts that are not there yet, of `count` images in parts of `size`."""
        there = {start for part in self.parts() for start in range(part.start, part.stop, size)}
        return [(start, min(start + size, count)) for start in range(0, count, size) if start not in there]

    def write_part(self, start: int, stop: int, tables: Iterable[Any]) -> StorePart:
        """Write a part, in the place of one of the same name.

        Parameters
        ----------
        start, stop : int
        tables : iterable of pyarrow.Table
            Lines, sorted by place, those of an image in one table.

        Raises
        ------
        FileError
            If it cannot be written, as on a full disk. Nothing is left of it, and other parts stand.
        """
        parquet = _parquet_module()
        path = self._part_path(start, stop)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (
                written_aside(path) as aside,
                parquet.ParquetWriter(aside, table_schema(), **WRITING) as file,
            ):
                for table in filter(len, _merge_small_tables(tables)):  # a row group cannot be empty
                    file.write_table(table, row_group_size=table.num_rows)
        except OSError as error:
            raise _write_error(self.folder, error) from error
        return StorePart(start, stop, path)

    def has_part(self, start: int, stop: int) -> bool:
        """Whether the part of just these images is there."""
        return self._part_path(start, stop).exists()

    def read_part(self, part: StorePart, columns: Sequence[str] | None = None) -> Any:
        """The lines of a part, as one pyarrow table."""
        return _parquet_module().read_table(part.path, columns=columns)

    def replace_lines(self, part: StorePart, again: Mapping[int, Any]) -> None:
        """Write a part anew with other lines for some images.

        Parameters
        ----------
        part : StorePart
        again : mapping of int to pyarrow.Table
            The new lines of each of those images, by its place.
        """
        pyarrow = require("pyarrow", extra="study")
        compute = require("pyarrow.compute", extra="study")
        replaced = pyarrow.array(list(again), pyarrow.int64())

        def renewed(table: Any) -> Any:
            first, last = table["place"][0].as_py(), table["place"][-1].as_py()
            old = table.filter(compute.invert(compute.is_in(table["place"], replaced)))
            new = [lines for place, lines in again.items() if first <= place <= last]
            return pyarrow.concat_tables([old, *new]).sort_by([("place", "ascending"), ("rank", "ascending")])

        self.write_part(part.start, part.stop, map(renewed, list(self._row_groups(part))))

    def remove_abandoned(self) -> None:
        """Delete what processes left behind that were killed while they wrote."""
        for path in self.folder.glob(".*.parquet.*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED:
                    path.unlink()

    def join_parts(self, count: int, size: int) -> None:
        """Join parts that follow each other, of `count` images in parts of `size`: every full group."""
        wide = size * JOINED
        groups: dict[int, list[StorePart]] = {}
        for part in self.parts():
            groups.setdefault(part.start // wide, []).append(part)
        for which, group in groups.items():
            whole = min(count, (which + 1) * wide) - which * wide
            if len(group) > 1 and sum(part.stop - part.start for part in group) == whole:
                self.write_part(group[0].start, group[-1].stop, map(self.read_part, group))
                for part in group:
                    part.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def claim_part(self, start: int) -> Iterator[bool]:
        """Whether the part that begins at `start` is this process's own to compute, while this lasts.

        The claim of a process that is killed ends with it. Where files cannot be locked, as on some
        network drives, every process gets the part: it is computed more than once, and kept once.
        """
        try:
            import fcntl
        except ImportError:  # Windows
            yield True
            return
        claims = self.folder.with_name("claims")
        claims.mkdir(parents=True, exist_ok=True)
        path = claims / f"{start:09d}"
        with path.open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError:
                pass
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """The lines, part by part and row group by row group, as pyarrow tables."""
        for part in self.parts():
            yield from self._row_groups(part, columns)

    def _row_groups(self, part: StorePart, columns: Sequence[str] | None = None) -> Iterator[Any]:
        with _open_part(part) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns)

    def _part_path(self, start: int, stop: int) -> Path:
        return self.folder / f"{start:09d}-{stop:09d}.parquet"

    def image_lines(self, place: int) -> list[dict[str, Any]]:
        """The lines of one image; none where it is not there."""
        for part in self.parts():
            if part.start <= place < part.stop:
                with _open_part(part) as file:
                    for group in range(file.num_row_groups):
                        places = file.read_row_group(group, ["place"])["place"].to_pylist()
                        if place in places:
                            lines = file.read_row_group(group).slice(places.index(place), places.count(place))
                            return list(lines.to_pylist())
        return []

    def outcome_columns(self) -> dict[str, Int[np.ndarray, "N"]]:
        """Place, label and predicted class of the images that were explained."""
        names = ["place", "label", "predicted"]
        found: dict[str, list[Any]] = {name: [np.zeros(0, np.intp)] for name in names}
        for table in self.tables([*names, "rank"]):
            first = table.filter(require("pyarrow.compute", extra="study").equal(table["rank"], 0))
            for name in names:
                found[name].append(first[name].to_numpy().astype(np.intp))
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def failed_lines(self) -> list[dict[str, Any]]:
        """Place, id, slug and reason of the images that were not."""
        names = ["place", "id", "failure", "reason"]
        return [
            line
            for table in self.tables(names)
            for line in table.filter(table["failure"].is_valid()).to_pylist()
        ]

    def place_of(self, identity: str) -> int:
        """Place of an image by its id.

        Raises
        ------
        OptionError
            If there is none.
        """
        for table in self.tables(["place", "id"]):
            ids = table["id"].to_pylist()
            if identity in ids:
                return int(table["place"][ids.index(identity)].as_py())
        raise OptionError(
            f"no image of the study has the id {identity!r}: see study.sql('select id from rows').",
            slug="study-row",
        )

    def query(self, text: str) -> Any:
        """What DuckDB answers about the table ``rows``.

        Raises
        ------
        OptionError
            If the query cannot be read.
        FileError
            If there are no lines yet.
        """
        duckdb = require("duckdb", extra="study")
        files = [str(part.path) for part in self.parts()]
        if not files:
            raise FileError(
                f"{self.folder.parent} holds no explanations yet: run the study.", slug="study-empty"
            )
        connection = duckdb.connect()
        # A view cannot have parameters; a file name's quotes are doubled.
        listed = ", ".join("'{}'".format(file.replace("'", "''")) for file in files)
        for part in self.parts():
            _open_part(part).close()
        connection.execute(f"create view rows as select * from read_parquet([{listed}], union_by_name=true)")
        try:
            return connection.sql(text)
        except duckdb.Error as error:
            told = " ".join(str(error).split())
            raise OptionError(
                f"DuckDB cannot answer this: {told}. The table is called rows; its columns are listed by "
                '"describe rows".',
                slug="study-query",
            ) from None


def _merge_small_tables(tables: Iterable[Any]) -> Iterator[Any]:
    """The tables, small ones put together."""
    pyarrow = require("pyarrow", extra="study")
    waiting: list[Any] = []
    for table in tables:
        waiting.append(table)
        if sum(t.num_rows for t in waiting) >= GROUP_LINES or sum(t.nbytes for t in waiting) >= GROUP_BYTES:
            yield pyarrow.concat_tables(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pyarrow.concat_tables(waiting).combine_chunks()


def _parquet_module() -> Any:
    return require("pyarrow.parquet", extra="study")


def _open_part(part: StorePart) -> Any:
    """A part's file.

    Raises
    ------
    FileError
        If it is damaged.
    """
    try:
        return _parquet_module().ParquetFile(part.path)
    except require("pyarrow", extra="study").ArrowInvalid as error:
        raise FileError(
            f"{part.path} is damaged ({error}). Delete it and run the study again: the images {part.start} "
            f"to {part.stop - 1} are then computed anew, and no others.",
            slug="study-part",
        ) from error


def _write_error(folder: Path, error: OSError) -> FileError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    todo = "Make room, then run the study again" if full else "Mend that, then run the study again"
    return FileError(
        f"a part of the study cannot be written to {folder}: {error.strerror or error}. What was written "
        f"before is whole. {todo}: it goes on where it stopped.",
        slug="study-write",
    )
