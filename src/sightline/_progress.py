"""work to be done → how far it is: a bar on a terminal, a line elsewhere; it changes nothing else."""

import contextlib
import datetime
import sys
import time
from collections.abc import Callable, Iterator

from sightline._notebook import CellLine, notebook_shell
from sightline._progress_file import progress_step

EVERY = 10.0
"""Seconds between two lines."""
IN_PLACE = 0.5
"""Seconds after which a notebook's line is written over."""


def is_progress_shown(asked: bool | None) -> bool:
    """Whether progress is shown: as asked, else where a person may be looking, a terminal or a notebook.

    Examples
    --------
    >>> is_progress_shown(True), is_progress_shown(False)
    (True, False)
    """
    return sys.stderr.isatty() or notebook_shell() is not None if asked is None else asked


class ProgressLine:
    """One line about how far work is: written now and then to the error output, or over itself in a notebook.

    Parameters
    ----------
    every : float
        Seconds between two lines.
    """

    def __init__(self, every: float = EVERY) -> None:
        shell = notebook_shell()
        self.cell = None if shell is None else CellLine(shell)
        self.every = every if shell is None else IN_PLACE
        self._last = time.monotonic()

    def offer(self, text: Callable[[], str], share: float | None = None) -> None:
        """Write the text, if it is time."""
        now = time.monotonic()
        if now - self._last <= self.every:
            return
        self._last = now
        if self.cell is not None:
            self.cell.write(text(), share)
        else:
            print(text(), file=sys.stderr, flush=True)  # noqa: T201

    def clear(self) -> None:
        """Take it out of a notebook: what is left there is the result."""
        if self.cell is not None:
            self.cell.write("")


class _Count:
    """How much of the work is done, for a line."""

    def __init__(self, text: str, total: int | None, *, at_most: bool) -> None:
        self.text, self.total, self.done = text, total, 0
        self.most = " at most" if at_most else ""
        self.began = time.monotonic()

    def status_line(self) -> str:
        """Such as ``asking the model: 200 of 1,000, 0:00:40 left``."""
        if self.total is None:
            return f"{self.text}: {self.done:,}"
        seconds = (time.monotonic() - self.began) / max(self.done, 1) * (self.total - self.done)
        left = datetime.timedelta(seconds=round(seconds))
        return f"{self.text}: {self.done:,} of{self.most} {self.total:,}, {left} left{self.most}"


@contextlib.contextmanager
def progress_bar(
    shown: bool | None, total: int | None, text: str = "asking the model", *, at_most: bool = False
) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of things just done; it moves a bar if one is wanted.

    Without a terminal it is a line now and then, and in a notebook one that is written over.

    Parameters
    ----------
    shown : bool or None
        None shows it where a person may be looking: on a terminal and in a notebook.
    total : int or None
        None where it is not known.
    text : str
        What is being done.
    at_most : bool
        Whether the total is a limit, before which the work may well end.

    Examples
    --------
    >>> with progress_bar(False, 2) as tick:
    ...     for _ in range(2):
    ...         tick(1)
    """
    with (
        progress_step(text, total, at_most=at_most and total is not None) as step,
        _bar_shown(shown, total, text, at_most=at_most) as tick,
    ):

        def both(count: int) -> None:
            step.advance(count)
            tick(count)

        yield both


@contextlib.contextmanager
def _bar_shown(
    shown: bool | None, total: int | None, text: str, *, at_most: bool
) -> Iterator[Callable[[int], None]]:
    """What a person sees of it."""
    if not is_progress_shown(shown):
        yield lambda count: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        # Gone when the work is done: what is left on the screen is the result.
        with Progress(transient=True, console=Console(stderr=True)) as bar:
            task = bar.add_task(f"{text}, at most" if at_most else text, total=total)
            yield lambda count: bar.advance(task, count)
    else:
        counted, line = _Count(text, total, at_most=at_most and total is not None), ProgressLine()

        def advance(count: int) -> None:
            counted.done += count
            line.offer(counted.status_line, counted.done / total if total else None)

        try:
            yield advance
        finally:
            line.clear()
