"""Every error and warning raised on purpose.

    SightlineError
    ├── ImageError    (ValueError)   the image cannot be read or has an impossible form
    ├── SegmentError  (ValueError)   segment ids or regions that cannot be used
    ├── OptionError   (TypeError)    an option or name that does not exist
    ├── TargetError   (ValueError)   a class that the model does not have
    ├── BudgetError   (ValueError)   too few model calls for what was asked
    ├── ModelError    (ValueError)   the model's answer cannot be used
    ├── FileError     (ValueError)   a file that is not what it should be
    └── MissingExtra  (ImportError)  an optional package that is not installed
    SightlineWarning  (UserWarning)

Each carries a slug, the heading of its paragraph in ``docs/messages.md``.
"""

import contextlib
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextvars import ContextVar

from sightline._printing import printable_text


class Message(Exception):
    """What errors and warnings have in common: they end in their slug, and can be sent to other processes.

    Parameters
    ----------
    message : str
        Of an error: what was given, what was expected, and what to do. Of a warning: what was seen, and what
        it means for the result.
    slug : str
        Heading of the message's paragraph in ``docs/messages.md``.
    """

    def __init__(self, message: str, *, slug: str) -> None:
        super().__init__(f"{printable_text(message, lines=True)} [{slug}]")
        self.slug = slug

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_message, (type(self), str(self), self.slug)


def _rebuild_message(kind: type[Message], text: str, slug: str) -> Message:
    return kind(text.removesuffix(f" [{slug}]"), slug=slug)


class SightlineError(Message):
    """Base of all errors that sightline raises on purpose."""


class ImageError(SightlineError, ValueError):
    """The image cannot be read or has an impossible form."""


class SegmentError(SightlineError, ValueError):
    """Segment ids that cannot be used."""


class OptionError(SightlineError, TypeError):
    """An option, or a name of one, that does not exist."""


class TargetError(SightlineError, ValueError):
    """A class that the model does not have."""


class BudgetError(SightlineError, ValueError):
    """Too few model calls for what was asked."""


class ModelError(SightlineError, ValueError):
    """The model's answer cannot be used."""


class FileError(SightlineError, ValueError):
    """A file that is not what it should be."""


class MissingExtra(SightlineError, ImportError):
    """An optional package that is not installed."""


class SightlineWarning(Message, UserWarning):
    """The result stands, but its reader should know something about it."""


_HEARD: ContextVar[list[str] | None] = ContextVar("heard", default=None)

_TOLD: ContextVar[dict[str, bool] | None] = ContextVar("told", default=None)

OURS = {"sightline"}
"""Packages that a warning passes on its way to the line that the user wrote."""


def warn(message: str, *, slug: str) -> None:
    """Warn at the line outside of sightline that led here.

    Parameters
    ----------
    message : str
    slug : str
        Heading of the message's paragraph in ``docs/messages.md``.
    """
    heard = _HEARD.get()
    if heard is not None:
        heard.append(slug)
        return
    told = _TOLD.get()
    if told is not None and slug in told:
        if told[slug]:
            return
        told[slug] = True
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in OURS:
        level, frame = level + 1, frame.f_back
    warnings.warn(SightlineWarning(message, slug=slug), stacklevel=level)


_SILENCE = threading.Lock()
_SILENCED: list[contextlib.AbstractContextManager[object]] = []
_SILENT_BLOCKS = 0


@contextlib.contextmanager
def silence_warnings(category: type[Warning], message: str = "") -> Iterator[None]:
    """Without others' warnings of a kind; the filters come back when the last of all threads is done.

    `warnings.catch_warnings` keeps and restores what all threads share: of two that overlap the later one
    brings back the other's filters, and nothing is shown ever after.

    Parameters
    ----------
    category : type of Warning
    message : str
        Regular expression that its beginning has to match.
    """
    global _SILENT_BLOCKS
    with _SILENCE:
        if not _SILENT_BLOCKS:
            _SILENCED.append(warnings.catch_warnings())
            _SILENCED[0].__enter__()
        _SILENT_BLOCKS += 1
        warnings.filterwarnings("ignore", message=message, category=category)
    try:
        yield
    finally:
        with _SILENCE:
            _SILENT_BLOCKS -= 1
            if not _SILENT_BLOCKS:
                _SILENCED.pop().__exit__(None, None, None)


@contextlib.contextmanager
def warned_once(slugs: Iterable[str]) -> Iterator[None]:
    """Warnings with some slugs are said at most once meanwhile, in this thread."""
    token = _TOLD.set(dict.fromkeys(slugs, False))
    try:
        yield
    finally:
        _TOLD.reset(token)


@contextlib.contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """The slugs of warnings, which are not shown meanwhile; each thread hears its own."""
    heard: list[str] = []
    token = _HEARD.set(heard)
    try:
        yield heard
    finally:
        _HEARD.reset(token)
