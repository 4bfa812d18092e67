"""how much a file or an answer may open to: a small one must not fill the memory of whoever only looks."""

import contextlib
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import FileError, OptionError, SightlineError

LIMITS = {
    "ARRAY_BYTES": 256 << 20,
    "TEXT_BYTES": 16 << 20,
    "DICOM_BYTES": 64 << 20,
    "ANSWER_BYTES": 64 << 20,
    "ANSWER_SECONDS": 120,
    "DRAWN_BYTES": 2 << 30,
    "MASK_BYTES": 512 << 20,
}
"""What is read at most, unless the environment variable SIGHTLINE_MAX_… of that name says otherwise: the
arrays of an .npz file, a text such as plan.toml, the pixels of a DICOM file, the answer of a model's server
(its bytes, and the seconds until its last one); and what is made at most, by a number that a text or a plan
may name: drawn faces, and the masks of a budget."""
OPENS_TO = 50
"""A file may always open to so many times its own size: what is large anyhow is no trap."""


def limit_of(name: str) -> int:
    """A limit as the environment has it, or else as it is usual.

    Raises
    ------
    OptionError
        If the environment variable is no whole number from 1.

    Examples
    --------
    >>> limit_of("ANSWER_SECONDS")
    120
    """
    given = os.environ.get(f"SIGHTLINE_MAX_{name}")
    if given is None:
        return LIMITS[name]
    if not (given.isdecimal() and int(given)):
        raise OptionError(
            f"the environment variable SIGHTLINE_MAX_{name} must be a whole number from 1, but it is "
            f"{given!r}.",
            slug="option-value",
        )
    return int(given)


def overrule_hint(name: str, needed: int) -> str:
    """How to let through what is over a limit."""
    return f"If that is right, set the environment variable SIGHTLINE_MAX_{name}={needed}."


def check_opened_size(
    what: str, opened: int, kept: int, name: str, *, kind: type[SightlineError] = FileError
) -> None:
    """Refuse what would open to far more than it takes on the disk.

    Parameters
    ----------
    what : str
        For the error.
    opened, kept : int
        Bytes in memory and on the disk.
    name : str
        Of the limit.
    kind : class
        Of the error.

    Raises
    ------
    SightlineError
        Of that kind.
    """
    if opened > max(limit_of(name), OPENS_TO * kept):
        raise kind(
            f"{what} would open from {kept:,} to {opened:,} bytes, far more than such a file has. "
            f"{overrule_hint(name, opened)}",
            slug="file-size",
        )


def check_needed_memory(what: str, needed: int, name: str) -> None:
    """Refuse what a number, which may stand in a stranger's file, would make too much of.

    Parameters
    ----------
    what : str
        For the error.
    needed : int
        Bytes of memory.
    name : str
        Of the limit.

    Raises
    ------
    OptionError
    """
    if needed > limit_of(name):
        raise OptionError(
            f"{what} would take {needed:,} bytes of memory, and {limit_of(name):,} are allowed. "
            f"{overrule_hint(name, needed)}",
            slug="option-large",
        )


def check_archive_size(path: str) -> None:
    """Refuse a ZIP, as some files of models are, that would open to far more than it takes on the disk.

    Raises
    ------
    FileError
    """
    with contextlib.suppress(zipfile.BadZipFile, OSError), zipfile.ZipFile(path) as archive:
        opened = sum(one.file_size for one in archive.infolist())
        check_opened_size(path, opened, Path(path).stat().st_size, "ARRAY_BYTES")


def regular_file(path: Path) -> os.stat_result:
    """What the system knows of a file; to open a pipe or to read a device might never end."""
    told = path.stat()
    if not stat.S_ISREG(told.st_mode) and not stat.S_ISDIR(told.st_mode):
        raise FileError(f"{path} is no file, but a pipe or a device.", slug="file-size")
    return told


def read_text(path: Path) -> str:
    """A file's text, in UTF-8.

    Raises
    ------
    FileError
        If it is larger than the limit of texts, or no file, so that reading might not end.
    OSError, UnicodeDecodeError
        As `Path.read_text` does.
    """
    told = regular_file(path)
    with path.open("rb") as file:
        most = limit_of("TEXT_BYTES")
        if told.st_size > most:
            raise FileError(
                f"{path} has {told.st_size:,} bytes, but such a text has {most:,} at most. "
                f"{overrule_hint('TEXT_BYTES', told.st_size)}",
                slug="file-size",
            )
        return file.read(most).decode("utf-8")


def read_arrays(path: Path) -> dict[str, Any]:
    """The arrays of an ``.npz`` file, without pickle; refused before memory is taken, if it is a trap.

    Raises
    ------
    FileError
        If they would be far larger than the file, or one claims more than is there.
    Exception
        Of many kinds, if it is something else.
    """
    told = regular_file(path)
    with path.open("rb") as opened:
        with zipfile.ZipFile(opened) as archive:
            parts = archive.infolist()
            check_opened_size(str(path), sum(one.file_size for one in parts), told.st_size, "ARRAY_BYTES")
            for one in parts:
                _check_claimed_size(archive, one, path)
        opened.seek(0)
        with np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}


def _check_claimed_size(archive: zipfile.ZipFile, part: zipfile.ZipInfo, path: Path) -> None:
    """Refuse an array whose head claims more numbers than follow: NumPy makes room for what is claimed."""
    with archive.open(part) as file:
        version = np.lib.format.read_magic(file)
        heads = np.lib.format
        read = heads.read_array_header_1_0 if version == (1, 0) else heads.read_array_header_2_0
        shape, _, dtype = read(file)
    claimed = dtype.itemsize
    for length in shape:
        claimed *= int(length)
    if not dtype.hasobject and claimed > part.file_size:
        raise FileError(
            f"{path} is damaged: {part.filename} claims {claimed:,} bytes of numbers, but has "
            f"{part.file_size:,}.",
            slug="file-size",
        )
