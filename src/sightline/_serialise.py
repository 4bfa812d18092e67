"""Options, targets, tuples and arrays ⇄ tagged values that JSON and TOML can hold, the arrays aside."""

import dataclasses
import zipfile
import zlib
from typing import Any

import numpy as np

from sightline.engine.cam import Tokens
from sightline.engine.model_query import Classes, Top
from sightline.engine.plan import NAMES
from sightline.errors import OptionError
from sightline.types import Contrast

# What reading a file that is something else, or half of itself, may end in.
UNREADABLE = (
    *(ValueError, LookupError, TypeError, AttributeError, OSError, EOFError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
OPTIONS = {kind.__name__: kind for names in NAMES.values() for kind in names.values()} | {
    "Top": Top,
    "Tokens": Tokens,
}


@dataclasses.dataclass(frozen=True)
class MissingFunction:
    """Stands for a function that a file can name but not hold."""

    name: str

    def __call__(self, *args: Any) -> Any:
        raise OptionError(
            f"the saved plan used the function {self.name}, which a file cannot hold: "
            "give it again, as in dataclasses.replace(explanation.plan, fill=function).",
            slug="plan-function",
        )


def encode(value: Any, place: str, arrays: dict[str, Any]) -> Any:
    """A value as JSON has it; its arrays go to `arrays`, under their place.

    Examples
    --------
    >>> from sightline import Colour
    >>> encode((Colour(0.5), None), "pair", {})
    {'tuple': [{'option': 'Colour', 'with': {'value': 0.5}}, None]}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        arrays[place] = value
        return {"array": place}
    if isinstance(value, tuple):
        return {"tuple": [encode(item, f"{place}.{i}", arrays) for i, item in enumerate(value)]}
    if isinstance(value, Contrast):
        return {"contrast": [value.a, value.b]}
    if isinstance(value, Classes):
        return {"classes": [encode(target, place, arrays) for target in value.targets]}
    if OPTIONS.get(type(value).__name__) is type(value):
        return {"option": type(value).__name__, "with": encode_fields(value, arrays, f"{place}.")}
    name = value.name if isinstance(value, MissingFunction) else getattr(value, "__qualname__", repr(value))
    return {"function": name}


def encode_fields(value: Any, arrays: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every field of a dataclass by its name, such as those of a plan; `prefix` begins the arrays' places."""
    names = [field.name for field in dataclasses.fields(value)]
    return {name: encode(getattr(value, name), f"{prefix}{name}", arrays) for name in names}


def decode(value: Any, arrays: dict[str, Any]) -> Any:
    """The value that `encode` wrote.

    Examples
    --------
    >>> decode({"option": "Colour", "with": {"value": 0.5}}, {})
    Colour(value=0.5)
    """
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "tuple" in value:
        return tuple(decode(item, arrays) for item in value["tuple"])
    if "contrast" in value:
        return Contrast(*value["contrast"])
    if "classes" in value:
        return Classes(*(decode(target, arrays) for target in value["classes"]))
    if "option" in value:
        return OPTIONS[value["option"]](**decode_fields(value["with"], arrays))
    return MissingFunction(value["function"])


def decode_fields(table: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """The fields that `encode_fields` wrote; TOML leaves out those that are None."""
    return {name: decode(item, arrays) for name, item in table.items()}


def without_none(value: Any) -> Any:
    """The value without what is None, which TOML cannot hold: what is left out is None again.

    Examples
    --------
    >>> without_none({"sigma": None, "value": 0.5})
    {'value': 0.5}
    """
    if isinstance(value, dict):
        return {name: without_none(item) for name, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list | tuple) else value
