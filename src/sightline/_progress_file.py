"""work to be done → a small file that says how far it is, for whoever looks on from elsewhere.

The file holds the steps that are under way, the outermost first: what is done, how much of how much, and what
else there is to say, such as the epoch. It is there whole or not at all, and stays if it is killed.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sightline._files import time_now, write_text
from sightline._limits import read_text

EVERY = 0.5
"""Seconds between two writings."""
LAYOUT = 1


class ProgressStep:
    """One thing that is under way.

    Parameters
    ----------
    follower : ProgressFile or None
        None where nobody looks on.
    text : str
        What is done, in English.
    total : int or None
        None where it is not known.
    at_most : bool
        Whether the total is a limit, before which the work may well end.
    """

    def __init__(
        self, follower: "ProgressFile | None", text: str, total: int | None, *, at_most: bool
    ) -> None:
        self._follower = follower
        self.state: dict[str, Any] = {"text": text, "done": 0, "total": total, "at_most": at_most}

    def advance(self, count: int = 1, **details: object) -> None:
        """So many more are done, and what else there is to say."""
        self.state["done"] += count
        self.tell(**details)

    def tell(self, **details: object) -> None:
        """What else there is to say, such as ``epoch=3, epochs=30``."""
        self.state |= details
        if self._follower is not None:
            self._follower.write()


class ProgressFile:
    """Where the steps under way are written to, every half second at most.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.paths = [path]
        self.steps: list[ProgressStep] = []
        self._began = time_now()
        self._last = -EVERY

    def write(self, *, at_once: bool = False) -> None:
        """Write where things stand, if it is time; a disk that is full ends no work."""
        now = time.monotonic()
        if not at_once and now - self._last < EVERY:
            return
        self._last = now
        said = {
            "layout": LAYOUT,
            "pid": os.getpid(),
            "began": self._began,
            "updated": time_now(),
            "steps": [one.state for one in self.steps],
        }
        text = json.dumps(said)
        for path in self.paths:
            with contextlib.suppress(OSError):
                write_text(path, text)


_FOLLOWER: ContextVar[ProgressFile | None] = ContextVar("progress_file", default=None)


@contextlib.contextmanager
def progress_kept_in(path: Path) -> Iterator[None]:
    """All that is under way meanwhile is written to a file, which stays as it was last.

    Parameters
    ----------
    path : Path
        Several may be written at once, one within the other.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "progress.json"
    >>> with progress_kept_in(path), progress_step("methods tried", 2) as step:
    ...     step.advance(now="Guard(region='jaw')")
    ...     step.advance()
    >>> read_progress(path)
    []
    """
    follower = _FOLLOWER.get()
    if follower is not None:
        follower.paths.append(path)
        try:
            yield
        finally:
            follower.paths.remove(path)
        return
    token = _FOLLOWER.set(ProgressFile(path))
    try:
        yield
    finally:
        _FOLLOWER.reset(token)


@contextlib.contextmanager
def progress_step(text: str, total: int | None, *, at_most: bool = False) -> Iterator[ProgressStep]:
    """A step that is under way meanwhile, within those that are already.

    Parameters
    ----------
    text : str
    total : int or None
    at_most : bool
    """
    follower = _FOLLOWER.get()
    step = ProgressStep(follower, text, total, at_most=at_most)
    if follower is None:
        yield step
        return
    follower.steps.append(step)
    follower.write(at_once=True)
    # What is cut short stays in the file: it says where the work stood.
    yield step
    follower.steps.remove(step)
    follower.write(at_once=True)


def tell_progress(**details: object) -> None:
    """Say more of the innermost step under way, such as ``epoch=3, epochs=30``, if there is one."""
    follower = _FOLLOWER.get()
    if follower is not None and follower.steps:
        follower.steps[-1].tell(**details)


def read_progress(path: Path) -> list[dict[str, Any]]:
    """The steps that a file says are under way; none where it is not there, or says something else."""
    try:
        steps = json.loads(read_text(path))["steps"]
        return [dict(one) for one in steps if isinstance(one.get("text"), str)]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return []
