"""rows of texts → the lines of a table, its columns aligned: what results print; or a table's file."""

import io
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from sightline._optional import require

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
"""What a program of tables may take for the beginning of a formula; and the sign that keeps it from that."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
"""A text that is a number, which begins no formula."""
QUOTED = re.compile(r'[",\r\n]')


def format_table(rows: Iterable[Sequence[str]], *, numbers: bool = True) -> list[str]:
    """Lines of a table, two spaces between its columns.

    Parameters
    ----------
    rows : iterable of sequence of str
        The heads first; all of the same length.
    numbers : bool
        Whether the columns beside the first hold numbers, which end at the right.

    Returns
    -------
    list of str
        One for each row, with nothing at its end.

    Examples
    --------
    >>> format_table([("region", "gain"), ("jaw", "+0.1"), ("left eye", "-0.02")])
    ['region     gain', 'jaw        +0.1', 'left eye  -0.02']
    """
    rows = list(rows)
    widths = [max(map(text_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        gaps = [" " * (width - text_width(text)) for text, width in zip(row, widths, strict=True)]
        later = [gap + text if numbers else text + gap for text, gap in zip(row[1:], gaps[1:], strict=True)]
        lines.append("  ".join([row[0] + gaps[0], *later]).rstrip())
    return lines


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV, no cell of which a program of tables takes for a formula; nothing for None and nan.

    Examples
    --------
    >>> print(csv_text([["name", "gain"], ["=1+1", -0.5], ["jaw", "-2"]]), end="")
    name,gain
    '=1+1,-0.5
    jaw,-2
    """
    return "".join(",".join(map(_csv_cell, row)) + "\n" for row in rows)


def _csv_cell(value: object) -> str:
    if value is None or value != value:
        return ""
    text = str(value)
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        text = guarded_text(value)
    # The standard library leaves a carriage return bare, behind which a line begins, with a formula or not.
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text


def parquet_bytes(table: Any) -> bytes:
    """A table of pyarrow's as a file of Parquet has it."""
    held = io.BytesIO()
    require("pyarrow.parquet", extra="study").write_table(table, held)
    return held.getvalue()


def guarded_text(text: str) -> str:
    """A text with a quote before it where a program of tables may take it for a formula, or for quoted.

    Examples
    --------
    >>> guarded_text("jaw"), guarded_text("=1+1")
    ('jaw', "'=1+1")
    """
    return f"'{text}" if text.startswith(FORMULA) else text


def text_width(text: str) -> int:
    """Columns that a text takes up in a terminal: Hangul and Han two a letter, marks above a letter none.

    Examples
    --------
    >>> text_width("jaw"), text_width("턱"), text_width("n\u0303")
    (3, 2, 1)
    """
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) > 0 for one in text)


def count_text(count: float) -> str:
    """A number of answers: whole, or with one decimal where it stands for more than were asked.

    Examples
    --------
    >>> count_text(3.0), count_text(5.495)
    ('3', '5.5')
    """
    return f"{count:.0f}" if abs(count - round(count)) < 1e-6 else f"{count:.1f}"


def turned_text(count: float, elsewhere: float) -> str:
    """How many answers turned, and by hiding elsewhere; empty where the model was not asked.

    Examples
    --------
    >>> turned_text(3, 0.5), turned_text(3, float("nan")), turned_text(float("nan"), float("nan"))
    ('3 (0.5)', '3', '')
    """
    if not math.isfinite(count):
        return ""
    return f"{count_text(count)} ({elsewhere:.1f})" if math.isfinite(elsewhere) else count_text(count)
