"""Show where an image classifier looks, when it is right and when it is wrong.

>>> import sightline as sl
>>> sl.Plan(attribute="shapley", budget="auto").budget
'auto'
"""

import ast
import difflib
import importlib
from pathlib import Path
from typing import Any


def _read_stub() -> dict[str, tuple[str, str]]:
    """Each public name with the module that the stub imports it from, and its name there."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {
        alias.asname or alias.name: (str(node.module), alias.name) for node in imports for alias in node.names
    }


_HOMES = _read_stub()
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        close = difflib.get_close_matches(name, __all__, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise AttributeError(f"module 'sightline' has no attribute {name!r}.{hint}")
    home, own = _HOMES[name]
    if home == __name__:
        value = importlib.import_module(f"{home}.{own}")
    else:
        value = getattr(__import__(home, fromlist=[own]), own)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
