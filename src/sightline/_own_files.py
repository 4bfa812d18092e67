"""a file that is there → whether sightline wrote it as it is, so that it may be replaced.

It is known by what it begins with, by the columns of a table, or by the digest of all else that is in it.
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
)
"""How files begin that are written here: an export's JSON, and Parquet."""
DIGEST_FIELD = b',"written":"'
"""What stands before the digest of a report that is JSON."""


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
    for mark, bare in MARKED:
        if content == mark(bare(content)):
            return there == mark(bare(there))
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
    return CARD_MARK + _digest(text) + b" -->\n" + text


def marked_page(page: bytes) -> bytes:
    """A page of HTML above such a line, which no reader sees: a browser wants the doctype first.

    Examples
    --------
    >>> marked_page(b"<!doctype html>").partition(b"<!-- sightline ")[0]
    b'<!doctype html>'
    """
    return page + CARD_MARK + _digest(page) + b" -->\n"


def marked_json(text: bytes) -> bytes:
    """An object of JSON with its digest as the last entry.

    Examples
    --------
    >>> marked_json(b'{"layout":1}')[:27]
    b'{"layout":1,"written":"7ab5'
    """
    return text.removesuffix(b"}") + DIGEST_FIELD + _digest(text) + b'"}'


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()


def _bare_card(content: bytes) -> bytes:
    return content.partition(b"\n")[2]


def _bare_page(content: bytes) -> bytes:
    return content.rpartition(CARD_MARK)[0]


def _bare_json(content: bytes) -> bytes:
    return content.rpartition(DIGEST_FIELD)[0] + b"}"


MARKED = ((marked_card, _bare_card), (marked_page, _bare_page), (marked_json, _bare_json))
"""How a digest is put into a file of each kind, and what it is the digest of."""
