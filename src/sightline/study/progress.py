"""How far a study is: a bar on a terminal, a line elsewhere."""

import contextlib
import datetime
import sys
import time
from collections.abc import Iterator
from typing import Any

from sightline._progress import ProgressLine
from sightline._progress_file import ProgressStep, progress_step

EVERY = 30.0
"""Seconds between two lines."""


class StudyProgress:
    """Counts images, and failures among them.

    Parameters
    ----------
    total : int
        Images to explain.
    shown : bool
        Whether anything is written, to the error output.
    """

    def __init__(self, total: int, *, shown: bool) -> None:
        self.total = total
        self.shown = shown
        self.done = 0
        self.failed = 0
        self._step: ProgressStep | None = None
        self._bar: Any = None
        self._task: Any = None
        self._line = ProgressLine(EVERY)
        self._began = time.monotonic()

    def add(self, images: int, failed: int = 0) -> None:
        """So many more images are done, so many of them without an explanation."""
        self.done += images
        self.failed += failed
        if self._step is not None:
            self._step.advance(images, failed=self.failed)
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, failed=self.failed, rate=self.rate_text())
        elif self.shown:
            self._line.offer(self.status_line, self.done / self.total if self.total else None)

    def rate_text(self) -> str:
        """Images per second so far."""
        seconds = time.monotonic() - self._began
        return f"{self.done / seconds:.3g} a second" if self.done and seconds else "…"

    def status_line(self) -> str:
        """Where it stands, in one line."""
        left = "?"
        if self.done:
            seconds = (time.monotonic() - self._began) / self.done * (self.total - self.done)
            left = str(datetime.timedelta(seconds=round(seconds)))
        done = f"{self.done:,} of {self.total:,} images, {self.rate_text()}"
        return f"{done}, {left} left, {self.failed:,} failed"

    @contextlib.contextmanager
    def running(self) -> Iterator["StudyProgress"]:
        """Show it meanwhile."""
        with progress_step("explaining images", self.total) as self._step, self._shown_meanwhile():
            yield self
        self._step = None

    @contextlib.contextmanager
    def _shown_meanwhile(self) -> Iterator["StudyProgress"]:
        if not (self.shown and sys.stderr.isatty()):
            try:
                yield self
            finally:
                self._line.clear()
            return
        from rich import progress
        from rich.console import Console

        columns = (
            progress.TextColumn("explaining"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[rate]}"),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[failed]} failed"),
        )
        with progress.Progress(*columns, console=Console(stderr=True)) as self._bar:
            self._task = self._bar.add_task("explaining", total=self.total, rate="…", failed=0)
            yield self
        self._bar = None
