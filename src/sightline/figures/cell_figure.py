"""a figure → shown once in a notebook: where it stands, else when its cell ends."""

import importlib
import threading
from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from sightline._notebook import notebook_shell
from sightline.errors import OptionError
from sightline.figures.font_families import known_families

_UNSEEN: list["CellFigure"] = []
"""Figures of the running cell that nothing was done with yet."""
MOST_UNSEEN = 20
known_families()  # of a figure that was pickled, too


class CellFigure(Figure):
    """A figure that shows itself in a notebook and is unknown to pyplot.

    As the last value of a cell it is shown there. One that was neither shown nor written by the end of its
    cell, such as those of a loop, is shown then, as pyplot's are.

    Parameters
    ----------
    to_png : callable
        The figure → a PNG file.
    **named
        Those of `matplotlib.figure.Figure`.
    """

    def __init__(self, to_png: Callable[[Figure], bytes], **named: Any) -> None:
        super().__init__(**named)
        self._to_png = to_png

    def wait_for_cell(self) -> None:
        """Show the figure when the cell that runs ends, if nothing else was done with it by then."""
        shell = notebook_shell()
        if shell is None or threading.current_thread() is not threading.main_thread():
            return
        shell.events.register("post_execute", _show_unseen)  # once, however often it is asked for
        _UNSEEN.append(self)
        if len(_UNSEEN) > MOST_UNSEEN:  # they take memory until then
            _UNSEEN[0].show()

    def show(self, warn: bool = True) -> None:
        """Show the figure in the running cell.

        Raises
        ------
        OptionError
            If this is no notebook.
        """
        if notebook_shell() is None:
            raise OptionError(
                "a figure shows itself in notebooks only. Write it to a file, figure.savefig('figure.png'), "
                "or draw into axes of pyplot, which has windows: explanation.plot(ax=ax); plt.show().",
                slug="figure-shown",
            )
        display: Any = importlib.import_module("IPython.display").display
        self._was_used()
        display(self)

    def savefig(self, *given: Any, **named: Any) -> None:
        """Write the figure, as `matplotlib.figure.Figure.savefig` does."""
        self._was_used()
        super().savefig(*given, **named)

    def _was_used(self) -> None:
        if self in _UNSEEN:
            _UNSEEN.remove(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, bytes]:
        # Asked before the kinds of output that pyplot may have registered for all figures.
        return {} if notebook_shell() is None else {"image/png": self._repr_png_()}

    def _repr_png_(self) -> bytes:
        return self._to_png(self)


def _show_unseen() -> None:
    while _UNSEEN:
        _UNSEEN[0].show()
