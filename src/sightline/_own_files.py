"""a file that is there → whether sightline wrote it as it is, so that it may be replaced.

It is known by what it begins with, by the columns of a table, or by a line that holds the digest of a text.
"""

import hashlib
import re
from pathlib import Path
from typing import NoReturn

from sightline._files import is_a_file
from sightline.errors import FileError

BOM = "\ufeff"
CARD_MARK = b"<!-- sightline "
MARKS = (
    re.compile(rb'\{\s*"layout": \d+,\s*"sightline": "'),
    re.compile(rb'PAR1.*\{"layout": \d+, "version": "', re.DOTALL),
    re.compile(rb'<!doctype html>.{,4000}<meta name="generator" content="sightline">', re.DOTALL),
    re.compile(rb'\{"layout":\d+,"language":"[^"]{,20}","title":"'),
)
"""How files begin that are written here: an export's JSON, Parquet, a report as a page, and as JSON."""


def check_replaceable(file: Path, content: bytes, *, of_report: bool = False) -> None:
    """Refuse to replace a file that was not written here, or that was changed since.

    Parameters
    ----------
    file : Path
    content : bytes
        What is to be written there.
    of_report : bool
        Whether that is a report and not an export.

    Raises
    ------
    FileError
    """
    if is_a_file(file) and not _is_replaceable(file.read_bytes(), content, csv=file.suffix.lower() == ".csv"):
        refuse_to_replace(file, of_report=of_report)


def refuse_to_replace(file: Path, *, of_report: bool = False) -> NoReturn:
    """Say that a file is there that was not written here.

    Raises
    ------
    FileError
    """
    if of_report:
        raise FileError(
            f"{str(file)!r} is there, and no report was written to it as it is now: it is left as it is. "
            "Name another place, or move it away.",
            slug="report-replace",
        )
    raise FileError(
        f"{str(file)!r} is there, and no export wrote it as it is now: it is left as it is. Name another "
        "place, or move it away.",
        slug="export-replace",
    )


def _is_replaceable(there: bytes, content: bytes, *, csv: bool) -> bool:
    """Whether a file may be replaced by such content: it was written here, perhaps by another version."""
    if there in (b"", content):
        return True
    if csv:  # versions add columns: all that one has are among the other's
        heads, ours = (set(_csv_heads(one)) for one in (there, content))
        return heads <= ours or ours <= heads
    if content.startswith(CARD_MARK):
        return there == marked_card(there.partition(b"\n")[2])
    return any(one.match(content) and one.match(there) for one in MARKS)


def _csv_heads(content: bytes) -> list[bytes]:
    return content.removeprefix(BOM.encode()).partition(b"\n")[0].strip().split(b",")


def marked_card(text: bytes) -> bytes:
    """A text below a line that no reader of Markdown sees, by which it is known whether it was changed since.

    Examples
    --------
    >>> marked_card(b"## A card").partition(b"\\n")[2]
    b'## A card'
    """
    return CARD_MARK + hashlib.sha256(text).hexdigest().encode() + b" -->\n" + text
