"""an opened study → what is kept of drawing over it between two requests."""

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sightline.engine.image_alignment import Alignment
from sightline.regions.error_regions import alignment_of_study
from sightline.regions.shapes import Polygon
from sightline.studio.drawn_regions import add_region, changing_alone, remove_region, rename_region
from sightline.studio.region_lines import RegionList, list_regions
from sightline.studio.shown_answers import ShownAnswers
from sightline.study.schema import answers_digest

if TYPE_CHECKING:
    from sightline.studio.opened_study import OpenedStudy

_BOARDS: "WeakKeyDictionary[OpenedStudy, DrawingBoard]" = WeakKeyDictionary()
_MAKING = threading.Lock()


class DrawingBoard:
    """What the page of regions works on; one change at a time, from however many windows.

    Parameters
    ----------
    opened : OpenedStudy
    """

    def __init__(self, opened: "OpenedStudy") -> None:
        self.lock = threading.RLock()
        self._run = opened.run
        self._shown: ShownAnswers | None = None
        self._digest = ""
        self._alignment: Alignment | None = None

    @classmethod
    def of(cls, opened: "OpenedStudy") -> "DrawingBoard":
        """The one of a study."""
        with _MAKING:
            if opened not in _BOARDS:
                _BOARDS[opened] = cls(opened)
            return _BOARDS[opened]

    @contextlib.contextmanager
    def shown(self, opened: "OpenedStudy") -> Iterator[ShownAnswers]:
        """The answers that may be looked at, as the study has them now; for one request at a time."""
        with self.lock:
            study = opened.study
            digest = answers_digest(study)
            if self._shown is None or self._digest != digest:
                self._shown, self._digest, self._alignment = ShownAnswers(study), digest, None
            yield self._shown

    def alignment(self, opened: "OpenedStudy") -> Alignment:
        """Whether the same place shows the same thing in the images."""
        with self.shown(opened) as shown:
            if self._alignment is None:
                self._alignment = alignment_of_study(shown.study)
            return self._alignment

    def regions(self, opened: "OpenedStudy") -> RegionList:
        """Every region that the study knows.

        Raises
        ------
        FileError
            If the file of the drawn ones cannot be understood.
        """
        with self.shown(opened) as shown:
            return list_regions(shown.study, self._run, shown)

    def draw(self, opened: "OpenedStudy", name: object, outline: Polygon) -> RegionList:
        """One region more.

        Raises
        ------
        SegmentError
        """
        with self.shown(opened) as shown, changing_alone(self._run):
            taken = self.regions(opened).others
            add_region(shown.study, self._run, name, outline, taken)
            return self.regions(opened)

    def rename(self, opened: "OpenedStudy", number: int, name: object) -> RegionList:
        """A drawn region called otherwise.

        Raises
        ------
        SegmentError
        """
        with self.lock, changing_alone(self._run):
            known = self.regions(opened)
            rename_region(self._run, _name_of(known, number), name, known.others)
            return self.regions(opened)

    def remove(self, opened: "OpenedStudy", number: int) -> RegionList:
        """A drawn region less; it still counts.

        Raises
        ------
        SegmentError
        """
        with self.lock, changing_alone(self._run):
            remove_region(self._run, _name_of(self.regions(opened), number))
            return self.regions(opened)


def _name_of(known: RegionList, number: int) -> str:
    names = known.drawn.names
    return names[number] if 0 <= number < len(names) else f"number {number}"
