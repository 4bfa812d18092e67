"""a study → its images one by one, small enough for a page: pixels, segments, what is said of each."""

import functools
import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sightline._digests import combined_digest
from sightline._json import to_jsonable
from sightline._resize import resize_nearest
from sightline.errors import OptionError
from sightline.findings.heatmaps import image_if_readable, size_within
from sightline.regions.region_set import Regions
from sightline.reports.image_data import answer_entry, as_bytes, label_bytes, webp_bytes
from sightline.reports.repair_part import shown_class
from sightline.reports.study_summary import warning_text
from sightline.reports.summary import ImageEntry
from sightline.studio.columns import AnswerColumns, MoreColumns, read_columns
from sightline.studio.shown_answers import shares_within
from sightline.study.schema import Row, row_from_lines
from sightline.study.study import Study

SIDES = (96, 224, 448, 1024)
"""Most pixels of a side that an image can be asked for with."""
UNSHOWN = ("image", "overlay", "segments", "group")
"""Of an image's entry what is sent otherwise."""


class BrowsedStudy:
    """The images of a study, as pages show them.

    Parameters
    ----------
    study : Study
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.lock = threading.Lock()
        self.more: MoreColumns | None = None
        self._cut_alike: dict[bytes, int] = {}

    @functools.cached_property
    def columns(self) -> AnswerColumns:
        """What is filtered and sorted by."""
        return read_columns(self.study.store)

    @functools.cached_property
    def version(self) -> str:
        """Digest of what the study is made of and of its answers: part of the address of every image."""
        columns = self.columns
        numbers = (np.asarray(one, dtype="<i8") for one in (columns.place, columns.label, columns.predicted))
        return combined_digest([self.study.manifest.key, str(self.study.path), *numbers], size=6)

    @functools.cached_property
    def _position_of(self) -> Mapping[int, int]:
        return {place: at for at, place in enumerate(self.columns.place.tolist())}

    def position(self, place: int) -> int:
        """Where an image stands in the columns.

        Raises
        ------
        OptionError
            If it is not one of those that were explained: held-out images stay unseen.
        """
        at = self._position_of.get(place)
        if at is None:
            raise OptionError(
                f"image {place} is not among the explained ones, which /images.json lists.", slug="study-row"
            )
        return at

    def entries(self, places: Iterable[int]) -> dict[int, tuple[ImageEntry, Row, int]]:
        """What is said of some images: entry, row, and the place of the first image that is cut alike.

        Those that were not explained are left out.
        """
        made = {}
        for place, lines in self.study.store.lines_of(places).items():
            if lines[0]["failure"] is not None:
                continue
            told = tuple(map(warning_text, dict.fromkeys(lines[0]["warnings"] or ())))
            row = row_from_lines(lines, self.study.manifest.n_columns)
            shape = repr(row.segments.labels.shape).encode()
            cut = hashlib.sha256(shape + lines[0]["segments"]).digest()
            alike = self._cut_alike.setdefault(cut, place)
            made[place] = (answer_entry(row, self.study.plan, -1, told), row, alike)
        return made

    def told_entries(self, places: Iterable[int]) -> list[dict[str, Any]]:
        """The same as JSON has it."""
        return [
            {
                **to_jsonable(entry, leave_out=UNSHOWN),
                "map": alike,
                "size": [*row.segments.labels.shape[::-1]],
            }
            for entry, row, alike in self.entries(places).values()
        ]

    def image_file(self, place: int, side: int) -> bytes:
        """An image as WebP.

        Raises
        ------
        OptionError
            If it is not one of those that were explained, or cannot be read.
        """
        self.position(place)
        pixels = image_if_readable(self.study, place)
        if pixels is None:
            raise OptionError(f"image {place} cannot be read, or is out of reach.", slug="study-row")
        return webp_bytes(as_bytes(pixels, check_side(side)))

    def segments_file(self, place: int, side: int) -> bytes:
        """An image's segments as PNG, of which a browser gives the numbers back exactly."""
        self.position(place)
        labels = self.entries([place])[place][1].segments.labels
        return label_bytes(resize_nearest(labels, size_within(labels.shape, check_side(side))))

    def region_shares(self, regions: Regions) -> dict[str, Float[np.ndarray, "N"]]:
        """Share of each image's attribution in each region: from −1 to 1; nan where that cannot be told."""
        inside = _remembered(
            lambda row: shares_within(regions, row.segments.labels, row.place), regions.shared
        )
        found = np.full((len(regions), len(self.columns)), np.nan, np.float32)
        for row in self.study.rows():
            values = row.values()
            whole = float(np.abs(values).sum())
            if whole > 0 and np.isfinite(whole):
                found[:, self._position_of[row.place]] = inside(row) @ values / whole
        return dict(zip(regions.names, found, strict=True))

    def same_images(self, other: "BrowsedStudy") -> Int[np.ndarray, "N"]:
        """Of each image its place in another study, known by its name; −1 where it is not there."""
        there = dict(zip(other.columns.ids, other.columns.place.tolist(), strict=True))
        return np.array([there.get(one, -1) for one in self.columns.ids], dtype=np.int32)

    @property
    def class_names(self) -> dict[str, str]:
        """Name of each class that occurs."""
        numbers = np.union1d(self.columns.label, self.columns.predicted).tolist()
        names = self.study.class_names
        return {str(one): shown_class(one, names) for one in numbers}


def check_side(side: int) -> int:
    """The size that was asked for.

    Raises
    ------
    OptionError
        If it is none of those that there are: each is kept by the browser for good.
    """
    if side not in SIDES:
        many = ", ".join(map(str, SIDES))
        raise OptionError(
            f"side= is the most pixels of an image's side, one of {many}, but {side} was given.",
            slug="studio-request",
        )
    return side


def _remembered(
    make: Callable[[Row], Float[np.ndarray, "R S"]], shared: bool
) -> Callable[[Row], Float[np.ndarray, "R S"]]:
    """The same, made once for images that are cut alike and have the same regions."""
    known: dict[bytes, Float[np.ndarray, "R S"]] = {}

    def made(row: Row) -> Float[np.ndarray, "R S"]:
        if not shared:
            return make(row)
        labels = row.segments.labels
        key = hashlib.sha256(repr(labels.shape).encode() + labels.tobytes()).digest()
        if key not in known:
            if len(known) > 64:  # cut by what they show: none is like another
                known.clear()
            known[key] = make(row)
        return known[key]

    return made
