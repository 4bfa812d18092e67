"""path → a file that is there whole or not at all."""

import contextlib
import errno
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np


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
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        aside = Path(folder) / path.name
        yield aside
        aside.replace(path)


def _check_name(path: Path) -> None:
    """Refuse what names no file, by the error of a system that cannot write it."""
    if not path.name or "\0" in str(path):
        raise OSError(errno.EINVAL, "that is not the name of a file", str(path))


def write_text(path: Path, text: str) -> Path:
    """Write a file of text, in UTF-8, and return its path; a link that stands there is not followed."""
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")
    return path


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
    """A text that any file can hold: bytes of file names that are no UTF-8 are written as ``\\xff``.

    Examples
    --------
    >>> readable_text("f\\udcfcr.png")
    'f\\\\xfcr.png'
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
