"""tables of lines → Parquet parts in a folder, which any process may add to, and back.

A part holds the lines of the images START to STOP − 1 and is named after them. Where parts begin is fixed
when the study is made, so that the same part has the same name and lines whoever writes it: written aside
and renamed, it is there whole or not at all, and never twice. Parts that follow each other are joined into
larger ones, named likewise; a part within a larger one no longer counts.

A part says in its metadata which study it belongs to, which images it holds and how many lines, and between
its footer and the end stands a digest of the whole file, where readers of Parquet do not look: what was
renamed, shortened, damaged or computed under another plan is refused. Parts of versions that wrote none of
this are read as they are.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sightline._files import file_stamp, written_aside
from sightline._limits import check_opened_size, regular_file
from sightline._optional import require
from sightline._serialise import UNREADABLE
from sightline.errors import FileError, OptionError
from sightline.study.schema import COLUMNS, table_schema

JOINED = 64
"""Parts that are joined into one."""
WRITING: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": False,
    "use_byte_stream_split": [f"{name}.list.element" for name in ("attribution", "error", "scores")],
    # Of long columns they would take more room than all the rest.
    "write_statistics": ["place", "label", "predicted", "rank", "target", "score", "failure"],
}
FIRST_COLUMNS = {name for name, (_, layout, _) in COLUMNS.items() if layout == 1}
SEAL = b"sightline-sha256:"
"""What stands before the digest of a part's file."""
SEAL_BYTES = len(SEAL) + 64
END_BYTES = 8
"""Of a Parquet file: the length of its footer, and PAR1."""
BLOCK = 1 << 20
METADATA = "sightline"
"""Key of what a part says of itself."""
GROUP_LINES = 512
GROUP_BYTES = 64 << 20
"""What is read at once."""
POLLED = 0.2
"""Seconds between two looks at whether other processes are done."""
CONFINED = ("python_enable_replacements=false", "enable_external_access=false", "lock_configuration=true")
"""Settings of DuckDB by which a query sees the table and nothing else, and cannot set them back."""
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
    key : str
        Digest of what the study is made of, which each part carries; parts of another study are refused.
        Empty: not known, and not asked for.
    """

    def __init__(self, folder: Path, key: str = "") -> None:
        self.folder = folder
        self.key = key
        self._sealed: dict[tuple[Path, int, int], bool] = {}
        self._known: dict[str, tuple[object, Any]] = {}

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
                lines = 0
                for table in filter(len, _merge_small_tables(tables)):  # a row group cannot be empty
                    file.write_table(table, row_group_size=table.num_rows)
                    lines += table.num_rows
                about = {"study": self.key, "start": start, "stop": stop, "lines": lines}
                file.add_key_value_metadata({METADATA: json.dumps(about)})
                file.close()
                _seal_file(aside)
        except OSError as error:
            raise _write_error(self.folder, error) from error
        return StorePart(start, stop, path)

    def has_part(self, start: int, stop: int) -> bool:
        """Whether a part with these images is there, alone or joined with others."""
        return any(part.start <= start and stop <= part.stop for part in self.parts())

    def read_part(self, part: StorePart, columns: Sequence[str] | None = None) -> Any:
        """The lines of a part, as one pyarrow table.

        Raises
        ------
        FileError
            If it is damaged, or of another study.
        """
        with self._opened(part) as file:
            return file.read(columns)

    def check_parts(self, expected: Callable[[int, int], Int[np.ndarray, "_"]]) -> None:
        """Refuse parts that are damaged, of another study, or lack images.

        Parameters
        ----------
        expected : callable
            ``expected(start, stop)`` gives the places from `start` to `stop` − 1 that have lines.

        Raises
        ------
        FileError
        """
        for part in self.parts():
            there: list[Int[np.ndarray, "_"]] = [np.zeros(0, np.intp)]
            try:
                there += [table["place"].to_numpy() for table in self._row_groups(part, ["place"])]
            except FileNotFoundError:  # joined by another process meanwhile
                continue
            if not np.array_equal(np.unique(np.concatenate(there)), expected(part.start, part.stop)):
                raise _damaged_error(part, "it lacks some of its images, or has others")

    def orphans(self, key: str) -> list[StorePart]:
        """Parts that do not say that they belong to the study of this key."""
        found = []
        for part in self.parts():
            with self._opened(part) as file:
                if _about_part(file).get("study", "") != key:
                    found.append(part)
        return found

    def replace_lines(self, first: int, stop: int, again: Mapping[int, Any]) -> None:
        """Write the parts anew that hold the images `first` to `stop` − 1, with other lines for some.

        Parameters
        ----------
        first, stop : int
        again : mapping of int to pyarrow.Table
            The new lines of each of those images, by its place.
        """
        with self._joining():  # else the part that is written may be joined meanwhile
            for part in self.parts():
                if part.start < stop and first < part.stop:
                    self._replace_in_part(part, again)

    def _replace_in_part(self, part: StorePart, again: Mapping[int, Any]) -> None:
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
        if not self._full_groups(count, size):
            return
        # One process joins, and the others find it done: none reads what another takes away.
        with self._joining():
            for group in self._full_groups(count, size):
                with contextlib.suppress(FileNotFoundError):  # where files cannot be locked
                    self.write_part(group[0].start, group[-1].stop, map(self.read_part, group))
                    for part in group:
                        part.path.unlink(missing_ok=True)

    def _full_groups(self, count: int, size: int) -> list[list[StorePart]]:
        wide = size * JOINED
        groups: dict[int, list[StorePart]] = {}
        for part in self.parts():
            groups.setdefault(part.start // wide, []).append(part)
        wholes = {which: min(count, (which + 1) * wide) - which * wide for which in groups}
        return [
            group
            for which, group in groups.items()
            if len(group) > 1 and sum(part.stop - part.start for part in group) == wholes[which]
        ]

    def claim_part(self, start: int) -> contextlib.AbstractContextManager[bool]:
        """Whether the part that begins at `start` is this process's own to compute, while this lasts.

        The claim of a process that is killed ends with it. Where files cannot be locked, as on some
        network drives, every process gets the part: it is computed more than once, and kept once.

        Raises
        ------
        FileError
            If the study's folder cannot be written to.
        """
        return self._locked(f"{start:09d}")

    def wait_for_others(self, missing: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Wait while other processes are at all of the missing parts; those that none of them has written.

        A process that ends without its part leaves it to be claimed.
        """
        while missing := [part for part in missing if not self.has_part(*part)]:
            for part in missing:
                with self.claim_part(part[0]) as free:
                    if free and not self.has_part(*part):
                        return missing
            time.sleep(POLLED)
        return missing

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[bool]:
        """Whether the file of this name is locked by this process, while this lasts."""
        try:
            import fcntl
        except ImportError:  # Windows
            yield True
            return
        path = self.folder.with_name("claims") / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = _opened_claim(path)
        except OSError as error:
            raise _write_error(self.folder, error) from error
        with file:
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

    @contextlib.contextmanager
    def _joining(self) -> Iterator[None]:
        """Wait until no other process writes parts anew that are there."""
        while True:
            with self._locked("join") as mine:
                if mine:
                    yield
                    return
            time.sleep(POLLED / 4)

    def tables(
        self, columns: Sequence[str] | None = None, places: Iterable[int] | None = None
    ) -> Iterator[Any]:
        """The lines, part by part and row group by row group, as pyarrow tables.

        Where another process joins parts meanwhile, it goes on in the one that they were joined into.

        Parameters
        ----------
        columns : sequence of str, optional
        places : iterable of int, optional
            Of these images alone; row groups without any are not read.
        """
        compute = require("pyarrow.compute", extra="study")
        wanted = None if places is None else np.unique(np.fromiter(places, dtype=np.int64))
        read = None if columns is None else list(dict.fromkeys((*columns, "place")))
        done, lost = 0, None
        while True:
            for part in [part for part in self.parts() if part.stop > done]:
                try:
                    for table in self._row_groups(part, read, wanted):
                        new = table.filter(compute.greater_equal(table["place"], done))
                        yield new if columns is None else new.select(columns)
                except FileNotFoundError as error:
                    if lost == part:  # a link to nowhere
                        raise _damaged_error(part, error.strerror) from error
                    lost = part
                    break
                done = part.stop
            else:
                return

    def _row_groups(
        self,
        part: StorePart,
        columns: Sequence[str] | None = None,
        wanted: Int[np.ndarray, "P"] | None = None,
    ) -> Iterator[Any]:
        if wanted is not None and not _any_between(wanted, part.start, part.stop - 1):
            return
        compute = require("pyarrow.compute", extra="study")
        with self._opened(part) as file:
            for group in range(file.num_row_groups):
                if wanted is None:
                    yield file.read_row_group(group, columns)
                elif _holds_any(file, group, wanted):
                    table = file.read_row_group(group, columns)
                    yield table.filter(compute.is_in(table["place"], _as_arrow(wanted)))

    @contextlib.contextmanager
    def _opened(self, part: StorePart) -> Iterator[Any]:
        """A part's file, once its digest is what it should be.

        Raises
        ------
        FileError
            If it is damaged, or of another study.
        FileNotFoundError
            If it is gone.
        """
        pyarrow = require("pyarrow", extra="study")
        try:
            file_size = regular_file(part.path).st_size
            sealed = self._check_seal(part)
            with _parquet_module().ParquetFile(part.path) as file:
                if _about_part(file) and not sealed:
                    raise ValueError("the digest at its end is gone")
                for group in range(file.num_row_groups):
                    opened = file.metadata.row_group(group).total_byte_size
                    check_opened_size(str(part.path), opened, file_size, "ARRAY_BYTES")
                self._check_part(part, file)
                yield file
        except (FileNotFoundError, FileError):
            raise
        except PermissionError as error:
            raise FileError(
                f"{part.path} cannot be read: {error.strerror}. Give yourself the right to read it.",
                slug="study-part",
            ) from error
        except (pyarrow.ArrowException, MemoryError, *UNREADABLE) as error:
            raise _damaged_error(part, error) from error

    def _check_seal(self, part: StorePart) -> bool:
        """Whether the file has a digest; one that was looked at once is not read again.

        Raises
        ------
        ValueError
            If the digest is of something else.
        """
        with part.path.open("rb") as file:
            state = os.fstat(file.fileno())
            seen = (part.path, state.st_mtime_ns, state.st_size)
            if seen not in self._sealed:
                file.seek(-min(SEAL_BYTES + END_BYTES, state.st_size), os.SEEK_END)
                seal = file.read(SEAL_BYTES)
                if seal.startswith(SEAL) and seal != _file_seal(file, state.st_size - len(seal) - END_BYTES):
                    raise ValueError("its bytes are not those that were written")
                self._sealed[seen] = seal.startswith(SEAL)
            return self._sealed[seen]

    def _check_part(self, part: StorePart, file: Any) -> None:
        """Whether the file is what its name and the study say."""
        about = _about_part(file)
        key = about.get("study", "")
        if key and self.key and key != self.key:
            raise FileError(
                f"{part.path} was not computed under the plan, model and images that {self.folder.parent}"
                "/plan.toml tells of: that file was edited, or the part is another study's. Put back the "
                "plan.toml that it was made with; or take the part away and run the study again: its images "
                "are then computed anew.",
                slug="study-other-part",
            )
        if lacking := FIRST_COLUMNS - set(file.schema_arrow.names):
            raise _damaged_error(part, f"it has no column {min(lacking)}")
        if about and (about["start"], about["stop"]) != part[:2]:
            raise _damaged_error(part, f"it holds the images {about['start']} to {about['stop'] - 1}")
        if about and about["lines"] != file.metadata.num_rows:
            raise _damaged_error(
                part, f"{about['lines']} lines were written, {file.metadata.num_rows} are left"
            )
        column = file.schema_arrow.names.index("place")
        for group in range(file.num_row_groups):
            places = file.metadata.row_group(group).column(column).statistics
            known = places is not None and places.has_min_max
            if known and not part.start <= places.min <= places.max < part.stop:
                raise _damaged_error(part, f"it holds the images {places.min} to {places.max}")

    def _part_path(self, start: int, stop: int) -> Path:
        return self.folder / f"{start:09d}-{stop:09d}.parquet"

    def image_lines(self, place: int) -> list[dict[str, Any]]:
        """The lines of one image; none where it is not there."""
        for _ in range(2):  # once more, if the part was joined by another process meanwhile
            for part in self.parts():
                if part.start <= place < part.stop:
                    with contextlib.suppress(FileNotFoundError):
                        return self._lines_in_part(part, place)
        return []

    def lines_of(self, places: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
        """The lines of some images, by place; each row group that holds any is read once."""
        found: dict[int, list[dict[str, Any]]] = {}
        for table in self.tables(places=places):
            for line in table.to_pylist():
                found.setdefault(line["place"], []).append(line)
        return found

    def _lines_in_part(self, part: StorePart, place: int) -> list[dict[str, Any]]:
        with self._opened(part) as file:
            for group in range(file.num_row_groups):
                places = file.read_row_group(group, ["place"])["place"].to_pylist()
                if place in places:
                    lines = file.read_row_group(group).slice(places.index(place), places.count(place))
                    return list(lines.to_pylist())
        return []

    def outcome_columns(self) -> dict[str, Int[np.ndarray, "N"]]:
        """Place, label and predicted class of the images that were explained."""
        made: dict[str, Int[np.ndarray, "N"]] = self._known_while("outcomes", self._read_outcomes)
        return {name: column.copy() for name, column in made.items()}

    def _known_while(self, name: str, read: Callable[[], Any]) -> Any:
        """What was read of all parts, for as long as they stay as they are."""
        state = [(part, file_stamp(part.path)) for part in self.parts()]
        if self._known.get(name, ((), None))[0] != state:
            self._known[name] = state, read()
        return self._known[name][1]

    def _read_outcomes(self) -> dict[str, Int[np.ndarray, "N"]]:
        names = ["place", "label", "predicted"]
        found: dict[str, list[Any]] = {name: [np.zeros(0, np.intp)] for name in names}
        for table in self._first_lines(names):
            for name in names:
                found[name].append(table[name].to_numpy().astype(np.intp))
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def explained_ids(self) -> tuple[str, ...]:
        """What the images that were explained are called, in the order of `outcome_columns`."""
        made: tuple[str, ...] = self._known_while(
            "ids",
            lambda: tuple(one for table in self._first_lines(["id"]) for one in table["id"].to_pylist()),
        )
        return made

    def _first_lines(self, names: Sequence[str]) -> Iterator[Any]:
        """Some columns of the line that each explained image begins with, part by part."""
        compute = require("pyarrow.compute", extra="study")
        for table in self.tables([*names, "rank"]):
            yield table.filter(compute.equal(table["rank"], 0))

    def spent_calls(self) -> tuple[Int[np.ndarray, "N"], Float[np.ndarray, "N"]]:
        """Calls of each image that was explained, and the size of its errors beside that of its values."""
        names = ["place", "rank", "calls", "attribution", "error", "failure"]
        calls, shares = [], []
        for table in self.tables(names):
            for line in table.to_pylist():
                if line["rank"] == 0 and line["failure"] is None:
                    calls.append(line["calls"])
                    size, error = (np.linalg.norm(line[name]) for name in ("attribution", "error"))
                    shares.append(error / size if size else np.nan)
        return np.array(calls, dtype=np.intp), np.array(shares)

    def warned_places(self, *slugs: str) -> list[int]:
        """Places of the images of whose explanation one of these was to be said."""
        names = ["place", "rank", "warnings"]
        return [
            int(line["place"])
            for table in self.tables(names)
            for line in table.to_pylist()
            if line["rank"] == 0 and set(slugs) & set(line["warnings"] or ())
        ]

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
        datasets = require("pyarrow.dataset", extra="study")
        files = [str(part.path.absolute()) for part in self.parts()]
        if not files:
            raise FileError(
                f"{self.folder.parent} holds no explanations yet: run the study.", slug="study-empty"
            )
        for part in self.parts():
            with contextlib.suppress(FileNotFoundError), self._opened(part):
                pass
        local = require("pyarrow.fs", extra="study").LocalFileSystem()
        connection = duckdb.connect()
        # As a data set, since to DuckDB a path is a pattern: run[1] would be read from run1.
        rows = datasets.dataset(files, schema=table_schema(), format="parquet", filesystem=local)
        connection.register("rows", rows)
        for setting in CONFINED:
            connection.execute(f"SET {setting}")
        try:
            _check_reads_only(connection.extract_statements(text), duckdb.StatementType)
            return connection.sql(text)
        except duckdb.Error as error:
            told = " ".join(str(error).split())
            raise OptionError(
                f"DuckDB cannot answer this: {told}. The table is called rows; its columns are listed by "
                '"describe rows". Other files are neither read nor written.',
                slug="study-query",
            ) from None


def _holds_any(file: Any, group: int, places: Int[np.ndarray, "P"]) -> bool:
    """Whether a row group may hold some of these images, as far as its statistics tell."""
    column = file.metadata.row_group(group).column(file.schema_arrow.names.index("place"))
    known = column.statistics
    if known is None or not known.has_min_max:
        return True
    return _any_between(places, known.min, known.max)


def _any_between(places: Int[np.ndarray, "P"], least: int, most: int) -> bool:
    return bool(((least <= places) & (places <= most)).any())


def _as_arrow(places: Int[np.ndarray, "P"]) -> Any:
    return require("pyarrow", extra="study").array(places)


def _check_reads_only(statements: Sequence[Any], kinds: Any) -> None:
    """Refuse what is no question: a query may come from anywhere, and is not to change or open anything."""
    # MULTI is PIVOT, which is a question too.
    if len(statements) != 1 or statements[0].type not in (kinds.SELECT, kinds.EXPLAIN, kinds.MULTI):
        raise OptionError(
            "a query is one question about the table rows: SELECT, DESCRIBE, SUMMARIZE or EXPLAIN. Nothing "
            "is written, attached, installed or set by it; hand an answer on with .df(), .arrow() or "
            "--format csv.",
            slug="study-query",
        )


def _opened_claim(path: Path) -> BinaryIO:
    """A claim's file; a link in its place, which would empty another file, is removed."""
    if path.is_symlink():
        path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "rb+")


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


def _seal_file(path: Path) -> None:
    """Write the digest of a Parquet file between its footer and its end, as a part of the footer."""
    with path.open("r+b") as file:
        end = file.seek(-END_BYTES, os.SEEK_END)
        footer, magic = int.from_bytes(file.read(4), "little"), file.read(4)
        file.seek(end + SEAL_BYTES)
        file.write((footer + SEAL_BYTES).to_bytes(4, "little") + magic)
        seal = _file_seal(file, end)
        file.seek(end)
        file.write(seal)


def _file_seal(file: BinaryIO, end: int) -> bytes:
    """The digest of all of a file but the digest itself, which begins at `end`."""
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(min(BLOCK, end - file.tell())):
        digest.update(block)
    file.seek(end + SEAL_BYTES)
    digest.update(file.read())
    return SEAL + digest.hexdigest().encode()


def _about_part(file: Any) -> dict[str, Any]:
    """What a part says of itself; nothing, if an earlier version wrote it."""
    written = (file.metadata.metadata or {}).get(METADATA.encode())
    return {} if written is None else dict(json.loads(written))


def _damaged_error(part: StorePart, why: object) -> FileError:
    return FileError(
        f"{part.path} is damaged ({why}). Delete it and run the study again: the images {part.start} "
        f"to {part.stop - 1} are then computed anew, and no others.",
        slug="study-part",
    )


def _write_error(folder: Path, error: OSError) -> FileError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    todo = "Make room, then run the study again" if full else "Mend that, then run the study again"
    return FileError(
        f"a part of the study cannot be written to {folder}: {error.strerror or error}. What was written "
        f"before is whole. {todo}: it goes on where it stopped.",
        slug="study-write",
    )
