"""a name or another's words → text that a terminal or figure shows as what it is: letters, on one line.

Names of classes, files and servers may be anyone's. An escape sequence in one could erase the line above, a
line break begin a line that looks like a verdict, a mark of direction turn "not" around.
"""

import unicodedata

JOINERS = "\u200c\u200d"
"""Have no width of their own, and belong to the spelling of Persian, Indic scripts and emoji."""
MOVES = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of Unicode that move, hide or turn what is around them, or are half a letter."""


def printable_text(text: object, *, lines: bool = False) -> str:
    r"""The text with what would move, hide or turn other text written as Python writes it.

    Parameters
    ----------
    text : object
        As `str` has it.
    lines : bool
        Whether it is a page, whose line breaks stay; else a name, which has one line.

    Examples
    --------
    >>> print(printable_text("cat\x1b[2K\nverdict: fine"))
    cat\x1b[2K\nverdict: fine
    """
    given = str(text)
    if given.isascii() and given.isprintable():
        return given
    kept = JOINERS + ("\n\t" if lines else "")
    return "".join(
        ascii(one)[1:-1] if one not in kept and unicodedata.category(one) in MOVES else one for one in given
    )
