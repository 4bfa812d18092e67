"""number that was given → the number, or the error that says what it must be."""

import math
import numbers
import operator
from typing import Any

from sightline.errors import OptionError

MOST = 10**9
"""Of whatever is counted: more is a slip, and no memory would hold it."""
MOST_REPEATS = 10_000
"""Of what is done again and again, such as random maps, equal areas and steps: more is a slip."""
LARGEST_SEED = 2**63 - 1


def is_whole(value: Any) -> bool:
    """Whether it is a whole number: an int, or NumPy's; no float, and no truth value.

    Examples
    --------
    >>> is_whole(3), is_whole(3.0), is_whole(True)
    (True, False, False)
    """
    try:
        operator.index(value)
    except TypeError:
        return False
    return not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is one finite real number, and no truth value.

    Examples
    --------
    >>> is_number(0.5), is_number(float("nan")), is_number("0.5")
    (True, False, False)
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float reaches
        return False


def check_whole(name: str, value: Any, least: int = 1, *, most: int = MOST) -> int:
    """The number as an int.

    Parameters
    ----------
    name : str
        What it is called where it was given.
    value : any
    least, most : int

    Raises
    ------
    OptionError
        If it is not a whole number, or below `least` or above `most`.

    Examples
    --------
    >>> check_whole("copies", 3)
    3
    """
    if not is_whole(value) or not least <= value <= most:
        high = f"from {least} up" if not is_whole(value) or value < least else f"from {least} to {most:,}"
        raise OptionError(
            f"{name} must be a whole number {high}, but {value!r} was given.", slug="option-value"
        )
    return operator.index(value)


def check_seed(name: str, value: Any) -> int:
    """The number as an int that every generator takes.

    Raises
    ------
    OptionError
        If it is not a whole number from 0 to 2⁶³ − 1.

    Examples
    --------
    >>> check_seed("seed", 3)
    3
    """
    return check_whole(name, value, 0, most=LARGEST_SEED)


def check_batch_size(value: Any) -> int | None:
    """The number of images in one model call; None leaves the choice to the model.

    Raises
    ------
    OptionError
        If it is neither None nor a whole number from 1 up.
    """
    return None if value is None else check_whole("batch_size", value)


def check_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> float:
    """The number as a float.

    Parameters
    ----------
    name : str
        What it is called where it was given.
    value : any
    above, at_least, below, at_most : float, optional
        Where it must lie; the first and the third are not allowed themselves.

    Raises
    ------
    OptionError
        If it is not a finite number, or lies elsewhere.

    Examples
    --------
    >>> check_number("level", 0.05, above=0, below=1)
    0.05
    """
    fine = is_number(value) and (
        (above is None or value > above)
        and (at_least is None or value >= at_least)
        and (below is None or value < below)
        and (at_most is None or value <= at_most)
    )
    if not fine:
        wanted = _span(above, at_least, below, at_most)
        raise OptionError(f"{name} must be {wanted}, but {value!r} was given.", slug="option-value")
    return float(value)


def _span(above: float | None, at_least: float | None, below: float | None, at_most: float | None) -> str:
    if at_least is not None and at_most is not None:
        return f"a number from {at_least:g} to {at_most:g}"
    limits = {"above": above, "at least": at_least, "below": below, "at most": at_most}
    said = [f"{word} {limit:g}" for word, limit in limits.items() if limit is not None]
    return f"a number {' and '.join(said)}" if said else "a finite number"
