"""value, annotation → whether the one is what the other says, and what that is called."""

import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args, get_origin

import numpy as np
from jaxtyping import AbstractArray, Bool, Shaped

from sightline._checks import is_number, is_whole

TRUTH: Any = Bool
WHATEVER: Any = Shaped
ITEMS = 8
"""Of how many items of a sequence the kind is looked at."""
NUMBERS = "buif"
"""Kinds of NumPy's dtypes that are numbers."""
WORDS: Mapping[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a finite number",
    str: "text",
    os.PathLike: "a path",
    types.NoneType: "None",
}
"""What the plain kinds are called."""


def fits_hint(value: Any, hint: Any) -> bool:
    """Whether a value may be what an annotation says; True where the annotation leaves that open.

    Examples
    --------
    >>> fits_hint(3, int | None), fits_hint("a", int | None), fits_hint("ab", Sequence[str])
    (True, False, False)
    """
    if isinstance(hint, str):  # a class that is not imported there, or several
        return any(_fits_name(value, one) for one in hint.split(" | "))
    if hint is None or hint is types.NoneType:
        return value is None
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return any(fits_hint(value, one) for one in inner)
    if origin is typing.Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if isinstance(hint, typing.ForwardRef):
        return fits_hint(value, hint.__forward_arg__)
    if _is_array_hint(hint):
        return _fits_array(value, hint)
    kind = origin or hint
    if kind in (int, float, bool):
        return _fits_number(value, kind)
    if not isinstance(kind, type) or kind is object:
        return not (kind is Callable and not callable(value))
    if kind in (Sequence, Iterable, tuple, list) and inner:
        return _fits_items(value, kind, inner)
    return _is_instance(value, kind)


def axis_sizes(value: Any, hint: Any) -> dict[str, int]:
    """The size of each axis that an annotation names by a letter; nothing where it names none.

    Examples
    --------
    >>> from jaxtyping import Float
    >>> axis_sizes(np.zeros((2, 3)), Float[np.ndarray, "H W"])
    {'H': 2, 'W': 3}
    """
    if not (_is_array_hint(hint) and hasattr(value, "shape")):
        return {}
    names = hint.dim_str.split()
    plain = len(names) == len(value.shape) and not any(one[0] in ".*" for one in names)
    return (
        {name: size for name, size in zip(names, value.shape, strict=True) if name.isalpha()} if plain else {}
    )


def hint_words(hint: Any) -> str:
    """What an annotation says, in words; nothing where it leaves that open.

    Examples
    --------
    >>> from jaxtyping import Float
    >>> hint_words(int | None), hint_words(Float[np.ndarray, "H W"])
    ('a whole number or None', 'an array of numbers, shape (H, W)')
    """
    if isinstance(hint, str | typing.ForwardRef):
        text = hint if isinstance(hint, str) else hint.__forward_arg__
        lists = ("Sequence", "list")
        return " or ".join(
            "None" if one == "None" else "a list" if one.startswith(lists) else _with_article(one)
            for one in text.split(" | ")
        )
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return " or ".join(dict.fromkeys(filter(None, map(hint_words, inner))))
    if origin is typing.Literal:
        return " or ".join(map(repr, inner))
    if _is_array_hint(hint):
        plain = {TRUTH.dtypes: " of truth values", WHATEVER.dtypes: ""}.get(hint.dtypes, " of numbers")
        axes = hint.dim_str.split()
        named = not any(one.startswith((".", "*", "_")) for one in axes)
        shaped = f", shape ({', '.join(axes)}{',' * (len(axes) == 1)})" if named else ""
        return f"an array{plain}{shaped}"
    whole: Any = types.NoneType if hint is None else origin or hint
    if whole in WORDS:
        return WORDS[whole]
    if whole is Callable:
        return "a function"
    if whole in (Sequence, Iterable, tuple, list):
        return "a list"
    open_to_all = not isinstance(whole, type) or whole in (object, Any)
    return "" if open_to_all else _with_article(whole.__name__)


def _fits_name(value: Any, name: str) -> bool:
    """The same where an annotation is but written: by the names of the value's classes."""
    outer, _, inner = name.removesuffix("]").partition("[")
    if outer in ("Sequence", "list"):
        listed = isinstance(value, list | tuple)
        return listed and ("[" in inner or all(_fits_name(one, inner) for one in value[:ITEMS]))
    told = {kind.__name__ for kind in type(value).__mro__}
    return outer == "Any" or outer.rpartition(".")[2] in told or (value is None and outer == "None")


def _with_article(name: str) -> str:
    short = name.rpartition(".")[2]
    return f"{'an' if short[:1] in 'AEIOU' else 'a'} {short}"


def _is_array_hint(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, AbstractArray)


def _fits_array(value: Any, hint: Any) -> bool:
    """Whether it is an array of the hint's shape, of numbers or of truth values."""
    if not hasattr(value, "__array__"):
        return False
    try:
        array = np.asarray(value)
    except Exception:  # a tensor that needs a gradient, and whatever else refuses
        return False
    exact = isinstance(hint.dtypes, tuple) and not any("float" in one for one in hint.dtypes)
    kinds = "b" if hint.dtypes == TRUTH.dtypes else "bui" if exact else NUMBERS
    if hint.dtypes == WHATEVER.dtypes:  # of whatever kind
        kinds += "US"
    # Without their names: a name would have to be as long here as wherever it was used last.
    names = hint.dim_str.split()
    axes = ["..." if one[0] in ".*" else one if one.isdigit() else "_" for one in names]
    return array.dtype.kind in kinds and isinstance(array, WHATEVER[np.ndarray, " ".join(axes)])


def _fits_number(value: Any, kind: type) -> bool:
    if kind is bool:
        return isinstance(value, bool | np.bool_)
    return is_whole(value) if kind is int else is_number(value)


def _fits_items(value: Any, kind: Any, inner: tuple[Any, ...]) -> bool:
    """Whether it is a sequence whose first items fit; a text is none."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return False
    if not isinstance(value, Sequence | np.ndarray):
        return kind is Iterable
    if (isinstance(value, np.ndarray) and value.ndim == 0) or (
        kind is tuple and ... not in inner and len(value) != len(inner)
    ):
        return False
    kinds = [one for one in inner if one is not ...]
    return all(any(fits_hint(one, kind) for kind in kinds) for one in value[:ITEMS])


def _is_instance(value: Any, kind: type) -> bool:
    try:
        return isinstance(value, kind)
    except TypeError:  # a Protocol that cannot be asked
        return True
