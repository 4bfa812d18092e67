"""function → the names it takes."""

import inspect
from collections.abc import Callable
from typing import Any

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def keyword_names(fn: Callable[..., Any]) -> tuple[str, ...]:
    """Names that a callable takes as keywords, in its own order."""
    try:
        signature = inspect.signature(fn)
    except ValueError:  # some compiled functions show their signature on __call__ only
        signature = inspect.signature(type(fn).__call__)
    return tuple(name for name, given in signature.parameters.items() if given.kind in NAMED)


def has_arg(fn: Callable[..., Any], arg_name: str) -> bool:
    """Whether a callable takes this keyword.

    Examples
    --------
    >>> has_arg(sorted, "reverse"), has_arg(sorted, "revers")
    (True, False)
    """
    return arg_name in keyword_names(fn)
