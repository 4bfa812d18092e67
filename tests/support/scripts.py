"""The scripts of this folder, run in processes of their own."""

import os
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]


def command(name: str, *words: Any, python: str = sys.executable) -> list[str]:
    """What runs one of them; it finds the others in `environment()`."""
    return [python, "-m", f"support.{name}", *map(str, words)]


def environment(**more: str) -> dict[str, str]:
    """That of this process, with the folder of the tests to import from."""
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | more


def unmeasured(**more: str) -> dict[str, str]:
    """That of this process, in which no coverage is measured, so that it takes less time.

    For what shows that a whole story runs: each of its lines has a test of its own.
    """
    return {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"} | more
