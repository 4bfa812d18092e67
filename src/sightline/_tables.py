"""rows of texts → the lines of a table, its columns aligned: what results print."""

import math
from collections.abc import Iterable, Sequence


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
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    later = str.rjust if numbers else str.ljust
    return ["  ".join([row[0].ljust(widths[0]), *map(later, row[1:], widths[1:])]).rstrip() for row in rows]


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
