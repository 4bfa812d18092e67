"""output of a notebook's cell: whether there is one, and a line in it that is written over."""

import html
import importlib
import sys
from typing import Any

_LINES: dict[int, Any] = {}
"""The line of the cell that runs, by the cell's number; others need none any more."""


def notebook_shell() -> Any:
    """IPython's shell where it shows what a cell makes, as Jupyter's does; None in a terminal or a script.

    Examples
    --------
    >>> notebook_shell() is None
    True
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell if hasattr(shell, "kernel") else None


class CellLine:
    """A line in the output of the running cell; all that a cell writes by it stands in one place.

    Parameters
    ----------
    shell : IPython shell
        As `notebook_shell` finds it.
    """

    def __init__(self, shell: Any) -> None:
        self.cell = int(shell.execution_count)

    def write(self, text: str, share: float | None = None) -> None:
        """Put a text in the place of the last one, beside a bar for the share that is done, if known."""
        display: Any = importlib.import_module("IPython.display").display
        drawn = "" if share is None else f'<progress value="{share:.3f}" max="1"></progress> '
        shown = {"text/plain": text, "text/html": f"{drawn}{html.escape(text)}" if text else ""}
        line = _LINES.get(self.cell)
        if line is not None:
            line.update(shown, raw=True)
        elif text:
            _LINES.clear()
            _LINES[self.cell] = display(shown, raw=True, display_id=True)
