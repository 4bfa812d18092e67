"""result ⇄ what JSON can hold."""

import dataclasses
import types
from collections.abc import Collection, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from jaxtyping import Shaped

DTYPES: dict[str, Any] = {"bool": bool, "float": np.float64, "int": np.intp, "uint": np.uint8}
"""Annotated kind of an array → what it is read as."""


def to_jsonable(value: Any, *, leave_out: Collection[str] = ()) -> Any:
    """A result as JSON has it: dicts, lists, texts and numbers; null where a number is not known.

    Parameters
    ----------
    value : any
        A dataclass becomes a dict of its fields, an array lists of lists.
    leave_out : collection of str
        Fields of dataclasses, at any depth, that are not wanted, such as images.

    Returns
    -------
    dict, list, str, int, float, bool or None

    Examples
    --------
    >>> to_jsonable({"gain": np.float64(0.5), "p": np.array([0.25, np.nan])})
    {'gain': 0.5, 'p': [0.25, None]}
    """
    if isinstance(value, np.ndarray | np.generic):
        return to_jsonable(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {
            field.name: getattr(value, field.name)
            for field in dataclasses.fields(value)
            if field.name not in leave_out
        }
    if isinstance(value, Mapping):
        return {str(key): to_jsonable(one, leave_out=leave_out) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(one, leave_out=leave_out) for one in value]
    return value


def from_jsonable(kind: Any, value: Any, *, leave_out: Collection[str] = ()) -> Any:
    """What `to_jsonable` was given, as far as types tell: records, arrays, tuples; null is nan of numbers.

    Parameters
    ----------
    kind : type
        Such as a record, or ``tuple[float, ...]``.
    value : any
        As JSON has it. Entries that a record has no field for are left aside; fields that are missing keep
        their defaults.
    leave_out : collection of str
        Fields of records, at any depth, that keep their defaults.

    Raises
    ------
    ValueError, TypeError, KeyError
        If it cannot have been written from such a value.

    Examples
    --------
    >>> from_jsonable(tuple[float, ...], [0.5, None])
    (0.5, nan)
    >>> from_jsonable(dict[int, float], {"3": 1.0})
    {3: 1.0}
    """
    origin, inside = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin is types.UnionType or origin is Union:
        return _from_alternatives(inside, value, leave_out)
    if dataclasses.is_dataclass(kind):
        return _record_from(kind, value, leave_out)
    if kind in (bool, int, float, str):
        return _plain_value(kind, value)
    if origin is tuple and isinstance(value, list):
        kinds = inside[:1] * len(value) if len(inside) == 2 and inside[1] is Ellipsis else inside
        return tuple(
            from_jsonable(one, each, leave_out=leave_out) for one, each in zip(kinds, value, strict=True)
        )
    if origin is dict and isinstance(value, dict):
        to_key = int if inside[0] is int else str
        return {to_key(key): from_jsonable(inside[1], one, leave_out=leave_out) for key, one in value.items()}
    if isinstance(value, list) and hasattr(kind, "dims"):  # an annotation of jaxtyping's
        return _array_from(kind, value)
    raise ValueError(f"{str(value)[:80]!r} is not what {kind} is written as")


def _from_alternatives(kinds: tuple[Any, ...], value: Any, leave_out: Collection[str]) -> Any:
    """By the first of several kinds that it can have been written from."""
    if value is None and type(None) in kinds:
        return None
    wrong: Exception = ValueError(f"{str(value)[:80]!r} is none of {kinds}")
    for kind in kinds:
        if kind is not type(None):
            try:
                return from_jsonable(kind, value, leave_out=leave_out)
            except (TypeError, ValueError, KeyError) as error:
                wrong = error
    raise wrong


def _record_from(kind: Any, value: Any, leave_out: Collection[str]) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{str(value)[:80]!r} is no {kind.__name__}")
    hints = get_type_hints(kind)
    fields = {
        one.name: from_jsonable(hints[one.name], value[one.name], leave_out=leave_out)
        for one in dataclasses.fields(kind)
        if one.name in value and one.name not in leave_out
    }
    return kind(**fields)


def _plain_value(kind: type, value: Any) -> Any:
    if kind is float and value is None:
        return float("nan")
    fits = {bool: (bool,), int: (int,), float: (int, float), str: (str,)}[kind]
    if type(value) not in fits:
        raise ValueError(f"{str(value)[:80]!r} is no {kind.__name__}")
    return kind(value)


def _array_from(kind: Any, value: list[Any]) -> Shaped[np.ndarray, "..."]:
    """An array of the annotated kind and number of axes, which an empty list does not tell."""
    dtype = next(one for name, one in DTYPES.items() if kind.dtypes[0].startswith(name))
    made = np.array(_nan_for_null(value), dtype=dtype)
    return made if made.size or made.ndim >= len(kind.dims) else made.reshape((0,) * len(kind.dims))


def _nan_for_null(value: Any) -> Any:
    if isinstance(value, list):
        return [_nan_for_null(one) for one in value]
    return float("nan") if value is None else value
