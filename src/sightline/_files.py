"""path → a file that is there whole or not at all."""

import contextlib
import datetime
import errno
import json
import math
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

ASIDE = re.compile(r"\..+\.\d+-[0-9a-z_]{8,}")
"""What files and folders are called that are being written: hidden, by what process, and some letters."""


@contextlib.contextmanager
def written_aside(path: Path, *, keep_existing: bool = False) -> Iterator[Path]:
    """Where to write a file meanwhile; it takes its place once it is complete and on the disk.

    Parameters
    ----------
    path : Path
    keep_existing : bool
        Whether a file that is there stays; otherwise it is replaced.

    Yields
    ------
    Path
        Hidden, in the same folder, and gone afterwards whatever happens.

    Raises
    ------
    FileExistsError
        If a file is there by then and it is to be kept, even when two processes write at once.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "notes.txt"
    >>> with written_aside(path) as aside:
    ...     count = aside.write_text("whole")
    >>> path.read_text()
    'whole'
    """
    _check_name(path)
    # By a name that nobody foresees, and made here: whoever else writes to the folder cannot have laid a
    # link there. A link at `path` itself is replaced, and never followed.
    aside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}")
    os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666))
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        if keep_existing:
            os.link(aside, path)  # unlike a look and a rename, one step: no other process comes between
        else:
            aside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


@contextlib.contextmanager
def written_by_name(path: Path) -> Iterator[Path]:
    """As `written_aside`, for what is only written under its own name: in a hidden folder beside it."""
    _check_name(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.{os.getpid()}-") as folder:
        aside = Path(folder) / path.name
        yield aside
        aside.replace(path)


def remove_abandoned(folder: Path) -> None:
    """Delete what processes left in a folder that were killed while they wrote there.

    To be called by the only one that writes to it.
    """
    for path in folder.glob(".*"):
        if ASIDE.fullmatch(path.name) is None:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def held_by_one(path: Path) -> Iterator[bool]:
    """Whether no other process holds the file of this name, while this lasts; who is killed lets it go.

    Where files cannot be locked, as on some network drives, nobody is told apart.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield True
        return
    # Never what a link leads to.
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o666)
    with os.fdopen(opened, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:
            pass
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(file.fileno()).st_ino:  # else its holder has just ended
                try:
                    yield True
                finally:
                    path.unlink(missing_ok=True)
                return
        yield False


@contextlib.contextmanager
def held_in_turn(path: Path, seconds: float = math.inf) -> Iterator[bool]:
    """As `held_by_one`, once whoever holds the file lets it go; False where that takes longer than this."""
    until = time.monotonic() + seconds
    while True:
        with held_by_one(path) as mine:
            if mine or time.monotonic() > until:
                yield mine
                return
        time.sleep(0.02)


def time_now() -> str:
    """Now, as files keep it: by ISO 8601, to the second, in UTC."""
    return datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds")


def _check_name(path: Path) -> None:
    """Refuse what names no file, by the error of a system that cannot write it."""
    if not path.name or "\0" in str(path):
        raise OSError(errno.EINVAL, "that is not the name of a file", str(path))


def write_text(path: Path, text: str) -> Path:
    """Write a file of text, in UTF-8, and return its path; a link that stands there is not followed."""
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")
    return path


def write_json(path: Path, value: Mapping[str, Any]) -> Path:
    """Write what JSON can hold as `write_text` does, for people to read, too."""
    return write_text(path, json.dumps(value, indent=1))


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file, and return its path; a link that stands there is not followed."""
    with written_aside(path) as aside:
        aside.write_bytes(content)
    return path


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> Path:
    """Write an ``.npz`` file, and return its path; a link that stands there is not followed."""
    with written_aside(path) as aside, aside.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return path


def file_stamp(file: Path) -> tuple[int, int, int] | None:
    """Size and times of a file, which change when it is written; None where it is not there, or no longer.

    The second time is the system's own, which a copy that keeps the first does not keep.
    """
    try:
        seen = file.stat()
    except OSError:
        return None
    return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def is_a_file(path: str | os.PathLike[str]) -> bool:
    """Whether there is such a file: False as well for what no path can be, too long or with a null in it.

    Examples
    --------
    >>> is_a_file("x" * 5000), is_a_file(chr(0))
    (False, False)
    """
    return os.path.isfile(path)  # noqa: PTH113 (pathlib's own raises there)


def is_a_folder(path: str | os.PathLike[str]) -> bool:
    """Whether there is such a folder, as `is_a_file`."""
    return os.path.isdir(path)  # noqa: PTH112


def readable_text(text: str) -> str:
    """A text that any file can hold: bytes of file names that are no UTF-8 are written as ``\\xff``, and half
    letters as ``\\ud800``.

    Examples
    --------
    >>> readable_text("f\\udcfcr.png"), readable_text("half \\ud83d")
    ('f\\\\xfcr.png', 'half \\\\ud83d')
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
