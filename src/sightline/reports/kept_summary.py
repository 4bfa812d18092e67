"""A study's summary, kept in its folder so that it is worked out once, and not whenever it is shown."""

import contextlib
import hashlib
import json
from pathlib import Path

import numpy as np

from sightline._digests import combined_digest
from sightline._files import write_text
from sightline._language import current_language
from sightline._limits import regular_file
from sightline._version import __version__
from sightline.errors import FileError
from sightline.reports.summary import LAYOUT, Summary

NAME = "summary.{language}.kept"
"""Of the study's folder: a line that tells what it is of, and the summary as JSON."""
MOST_BYTES = 64_000_000
"""A larger file is none of these."""


class KeptSummary:
    """Where a summary is kept, and of what.

    Parameters
    ----------
    folder : Path
        The study's.
    state : str
        Digest of all that it rests on.
    shown : str
        The study's path as the summary tells it, which depends on where one works.
    """

    def __init__(self, folder: Path, state: str, shown: str) -> None:
        language = current_language()
        self.path = folder / NAME.format(language=language)
        versions = (__version__, np.__version__, str(LAYOUT))
        self.key = combined_digest([state, shown, language, *versions])

    def read(self) -> Summary | None:
        """What was kept of this very state; None where there is nothing, or it is damaged or another's."""
        try:
            if regular_file(self.path).st_size > MOST_BYTES:
                return None
            told, _, text = self.path.read_text(encoding="utf-8").partition("\n")
            if told != self._first_line(text):
                return None
            made = Summary.from_dict(json.loads(text))
        except (OSError, ValueError, RecursionError, FileError):
            return None
        return made if made.language == current_language() else None

    def write(self, made: Summary) -> None:
        """Keep it, where that can be: a folder may not be ours to write into.

        One whose images could not all be read is not kept: they may be there the next time.
        """
        if not _shows_all(made):
            return
        text = json.dumps(made.to_dict(), ensure_ascii=False)
        with contextlib.suppress(OSError):
            write_text(self.path, f"{self._first_line(text)}\n{text}")

    def _first_line(self, text: str) -> str:
        """What it is of, and a digest of the text itself, which tells damage."""
        return f"{self.key} {hashlib.sha256(text.encode()).hexdigest()}"


def _shows_all(made: Summary) -> bool:
    """Whether every image was there that was to be shown."""
    seen = [one.image for one in made.images] + [one.image for one in made.atlas]
    return all(one is not None for one in seen)
