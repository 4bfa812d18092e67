"""`name:param=value,param=value` ⇄ a name and values, typed by the annotations of what it stands for."""

import ast
import inspect
import os
import re
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, get_args, get_origin

from sightline.errors import OptionError
from sightline.types import did_you_mean

# What begins the next parameter: other commas are part of a value, as in a path or in 255,0,9.
NEXT = re.compile(r",(?=\s*\w+\s*=)|,\s*$")
QUOTED = re.compile(r"""=\s*("[^"]*"|'[^']*')\s*(?=,|$)""")
CLOSES = {")": "(", "]": "[", "}": "{"}
WHOLE = re.compile(r"[+-]?\d+")
WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "text", tuple: "a tuple"}


def split_spec(text: str) -> tuple[str, dict[str, str]]:
    """The name before the colon, and each parameter as it is written.

    Raises
    ------
    OptionError
        If it cannot be read, or names a parameter twice.

    Examples
    --------
    >>> split_spec("colour: value=(255, 0, 9)")
    ('colour', {'value': '(255, 0, 9)'})
    """
    name, _, rest = text.partition(":")
    found: dict[str, str] = {}
    for part in filter(None, (part.strip(" ,") for part in _split_parameters(rest))):
        parameter, equals, value = (word.strip() for word in part.partition("="))
        if not (equals and parameter.isidentifier() and value) or parameter in found:
            raise OptionError(
                f"{text!r} cannot be read: write name:parameter=value,parameter=value, such as "
                "slic:n_segments=100,compactness=5.",
                slug="option-syntax",
            )
        found[parameter] = value
    return name.strip(), found


def _split_parameters(text: str) -> list[str]:
    """The parts between commas that begin a parameter and stand in neither quotes nor brackets."""
    held = [match.span(1) for match in QUOTED.finditer(text)]
    opened: list[tuple[str, int]] = []
    for place, letter in enumerate(text):
        if letter in CLOSES.values():
            opened.append((letter, place))
        elif letter in CLOSES and opened and opened[-1][0] == CLOSES[letter]:
            held.append((opened.pop()[1], place))
    cuts = [one.start() for one in NEXT.finditer(text) if not any(a < one.start() < b for a, b in held)]
    return [text[a:b] for a, b in zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(text)], strict=True)]


def normalized(name: str) -> str:
    """A name as the tables have it: small, with hyphens."""
    return name.strip().lower().replace("_", "-")


def annotations_of(kind: Callable[..., Any]) -> dict[str, Any]:
    """What each parameter of a class or function may be."""
    parameters = inspect.signature(kind).parameters.values()
    return {one.name: one.annotation for one in parameters}


def read_values(
    whose: str, written: Mapping[str, str], kinds: Mapping[str, Any], *, slug: str = "option-value"
) -> dict[str, Any]:
    """The values of parameters, as their annotations have them.

    Parameters
    ----------
    whose : str
        What has the parameters, for the errors.
    written : dict of str
        Each parameter as it is written, from `split_spec`.
    kinds : mapping
        The annotation of every parameter that there is.
    slug : str
        Of the error where a value is not what the annotation says.

    Raises
    ------
    OptionError
        If a parameter does not exist; the message names the nearest valid one.

    Examples
    --------
    >>> read_values("grid", {"rows": "3", "names": "left-right"}, {"rows": int | None, "names": str})
    {'rows': 3, 'names': 'left-right'}
    """
    values = {}
    for name, word in written.items():
        if name not in kinds:
            raise OptionError(
                f"{whose} has no option {name!r}. {did_you_mean(name, kinds)}", slug="option-unknown"
            )
        try:
            values[name] = _value(word, kinds[name])
        except ValueError as error:
            raise OptionError(
                f"{name}={word} of {whose} cannot be read: it must be {error}.", slug=slug
            ) from None
    return values


def from_spec(
    text: str,
    kinds: Mapping[str, Callable[..., Any]],
    what: str,
    *,
    defaults: Mapping[str, Any] | None = None,
    hint: str = "",
    slug: str = "option-value",
) -> Any:
    """The value that a text such as ``"slic:n_segments=100"`` stands for.

    Parameters
    ----------
    text : str
    kinds : mapping
        The class or function that each name stands for.
    what : str
        What the names are names of, for the error.
    defaults : mapping, optional
        Values of parameters that the text may change, for those that have them.
    hint : str
        What else could be given, for the error where there is no such name.
    slug : str
        As for `read_values`.

    Raises
    ------
    OptionError
        If the name or a parameter does not exist, a value cannot be read, or one is missing.

    Examples
    --------
    >>> from_spec("Range:stop=5", {"range": lambda start=2, stop=3: range(start, stop)}, "sequence")
    range(2, 5)
    """
    given, written = split_spec(text)
    kind = kinds.get(normalized(given))
    if kind is None:
        raise OptionError(
            f"there is no {what} named {given!r}. {did_you_mean(normalized(given), kinds)}{hint}",
            slug="option-unknown",
        )
    parameters = inspect.signature(kind).parameters
    values = {name: value for name, value in (defaults or {}).items() if name in parameters}
    values |= read_values(kind.__name__, written, annotations_of(kind), slug=slug)
    missing = [n for n, one in parameters.items() if one.default is one.empty and n not in values]
    if missing:
        raise OptionError(
            f"{text!r} cannot be read: {' and '.join(missing)} must be given, as in "
            f"{to_spec(normalized(given), dict.fromkeys(missing, '…'))}.",
            slug="option-syntax",
        )
    return kind(**values)


def to_spec(name: str, values: Mapping[str, Any]) -> str:
    """The text that `split_spec` reads.

    Examples
    --------
    >>> to_spec("drawn-faces", {"count": 3, "seed": 1})
    'drawn-faces:count=3,seed=1'
    """
    listed = ",".join(f"{parameter}={value}" for parameter, value in values.items())
    return f"{name}:{listed}" if listed else name


def _value(word: str, annotation: Any) -> Any:
    """A word as one of the types that an annotation allows.

    Raises
    ------
    ValueError
        With what it should be.
    """
    kinds = {get_origin(one) or one for one in get_args(annotation) or (annotation,)}
    if NoneType in kinds and word == "None":
        return None
    if bool in kinds and word.lower() in ("true", "false"):
        return word.lower() == "true"
    kinds -= {NoneType, inspect.Parameter.empty}
    try:
        value = ast.literal_eval(word)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):  # all that ast may raise
        value = word
    if int in kinds and WHOLE.fullmatch(word):  # 007 as well, which Python does not read
        value = int(word)
    elif int in kinds and float not in kinds and isinstance(value, float) and value.is_integer():
        value = int(value)  # 1e2
    if tuple in kinds and isinstance(value, list):
        value = tuple(value)
    if not kinds:
        return value
    if kinds <= {str, os.PathLike}:
        return value if isinstance(value, str) else word
    # A word stands for text alone; a truth value is no number, though Python has it so.
    simple = kinds <= set(WORDS)
    allowed = kinds | ({int} if float in kinds else set())
    if (isinstance(value, str) and str not in kinds) or (simple and type(value) not in allowed):
        raise ValueError(" or ".join(WORDS[one] for one in WORDS if one in kinds) or "built in Python")
    return value
