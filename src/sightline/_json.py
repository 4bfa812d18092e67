"""result → what JSON can hold."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np


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
