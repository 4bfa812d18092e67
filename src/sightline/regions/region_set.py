"""names, and the pieces that each is made of → masks of an image's regions."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from sightline.errors import SegmentError
from sightline.regions.shapes import MaskShapes, RegionShapes
from sightline.types import did_you_mean, record

REMEMBERED = 4
"""Image sizes whose masks are kept."""


@record
class Regions:
    """Named areas that are common to all images of a study: jaw, left lung.

    Built by `grid`, `polygons`, `masks`, `labels`, `per_image`, `face`, `chest`, `named` or `load`.

    Parameters
    ----------
    names : tuple of str, length R
    shapes : Shapes
        What gives the masks of the pieces that the regions are made of.
    made_of : tuple of tuples of int, length R
        Which pieces each region is made of.

    Raises
    ------
    SegmentError
        If there is no region, a name is missing or blank, or two are the same.

    Examples
    --------
    >>> from sightline.regions.builders import polygons
    >>> regions = polygons({"top": [(0, 0), (0, 1), (0.5, 1), (0.5, 0)]})
    >>> regions
    <Regions: 1 (top)>
    >>> regions.masks((4, 2))[0].astype(int).tolist()
    [[1, 1], [1, 1], [0, 0], [0, 0]]
    """

    names: tuple[str, ...]
    shapes: RegionShapes
    made_of: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        check_names(self.names)

    def __repr__(self) -> str:
        per = "" if self.shared else ", each image its own"
        return f"<Regions: {len(self)} ({', '.join(self.names)}){per}>"

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, names: str | Sequence[str]) -> "Regions":
        """Fewer regions, in the order asked for; their pixels stay the same."""
        chosen = (names,) if isinstance(names, str) else tuple(names)
        return Regions(chosen, self.shapes, tuple(self.made_of[self.index(name)] for name in chosen))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_kept"}

    @property
    def shared(self) -> bool:
        """Whether all images have the same regions."""
        return self.shapes.shared

    def index(self, name: str) -> int:
        """Where a region stands among the names.

        Raises
        ------
        SegmentError
            If there is none of that name; the message names the nearest.
        """
        if name not in self.names:
            raise SegmentError(
                f"there is no region {name!r}. {did_you_mean(name, self.names)}", slug="regions-unknown"
            )
        return self.names.index(name)

    def join(self, parts: Mapping[str, Sequence[str]]) -> "Regions":
        """The regions with some of them joined into one, which stands where the first of them stood.

        Parameters
        ----------
        parts : mapping of str to sequence of str
            Name of the new region → names of those it takes the place of.

        Examples
        --------
        >>> from sightline.regions.builders import grid
        >>> grid(1, 3).join({"sides": ["r1c1", "r1c3"]}).names
        ('sides', 'r1c2')
        """
        places = {name: [self.index(part) for part in several] for name, several in parts.items()}
        kept = {name: [place] for place, name in enumerate(self.names)}
        gone = {place for several in places.values() for place in several}
        left = [(several[0], name, several) for name, several in kept.items() if several[0] not in gone]
        added = [(several[0], name, several) for name, several in places.items() if several]
        ordered = sorted([*left, *added], key=lambda one: one[0])
        made_of = tuple(
            tuple(piece for place in several for piece in self.made_of[place]) for *_, several in ordered
        )
        return Regions(tuple(name for _, name, _ in ordered), self.shapes, made_of)

    def apart(self) -> "Regions":
        """The pieces that the regions are made of, each a region: the left eye and the right one.

        Examples
        --------
        >>> from sightline.regions.builders import grid
        >>> grid(1, 3).join({"sides": ["r1c1", "r1c3"]}).apart().names
        ('r1c1', 'r1c3', 'r1c2')
        """
        pieces = tuple(dict.fromkeys(place for several in self.made_of for place in several))
        names = tuple(self.shapes.pieces[place] for place in pieces)
        return Regions(names, self.shapes, tuple((place,) for place in pieces))

    def masks(self, shape: tuple[int, int], place: int | None = None) -> Bool[np.ndarray, "R H W"]:
        """Which pixels belong to each region of an image.

        Parameters
        ----------
        shape : tuple of int
            The image's height and width.
        place : int, optional
            The image's place in the data: needed where every image has regions of its own.

        Returns
        -------
        bool array, shape (R, H, W)
            Read-only. Regions may overlap, and pixels may belong to none. A region that every image has its
            own of may be empty in some.

        Raises
        ------
        SegmentError
            If a region common to all images has no pixel at this size, or the place is needed and missing.

        Examples
        --------
        >>> from sightline.regions.builders import grid
        >>> grid(2, 2).masks((64, 64)).sum(axis=(1, 2))
        array([1024, 1024, 1024, 1024])
        """
        height, width = shape
        return self._kept((height, width)) if self.shared else self._region_masks((height, width), place)

    def areas(self, shape: tuple[int, int], place: int | None = None) -> Int[np.ndarray, "R"]:
        """Pixels in each region, as `masks` has them."""
        return np.asarray(self.masks(shape, place).sum(axis=(1, 2)))

    @functools.cached_property
    def _kept(self) -> Callable[[tuple[int, int]], Bool[np.ndarray, "R H W"]]:
        return functools.lru_cache(maxsize=REMEMBERED)(lambda shape: self._nonempty_masks(shape))

    def _nonempty_masks(self, shape: tuple[int, int]) -> Bool[np.ndarray, "R H W"]:
        found = self._region_masks(shape, None)
        for name, mask in zip(self.names, found, strict=True):
            if not mask.any():
                raise SegmentError(
                    f"region {name!r} has no pixel in an image of {shape[0]}×{shape[1]}: it is too small, "
                    "or lies outside. Make it larger, or leave it out: regions[names].",
                    slug="regions-empty",
                )
        return found

    def _region_masks(self, shape: tuple[int, int], place: int | None) -> Bool[np.ndarray, "R H W"]:
        pieces = self.shapes(shape, place)
        found = np.stack([pieces[list(several)].any(axis=0) for several in self.made_of])
        found.setflags(write=False)
        return found

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the regions as a TOML file that a person can edit, and `load` reads.

        Polygons stand in it as points; masks go into an ``.npz`` file of the same name beside it.

        Parameters
        ----------
        path : path
            Ends in ``.toml``. What is there is replaced.

        Returns
        -------
        Path
            What was written.

        Raises
        ------
        FileError
            If the path cannot be written, or every image has regions of its own, which no file can hold.
        """
        from sightline.regions import region_file

        return region_file.write_regions(self, Path(path))


def one_region_a_piece(shapes: RegionShapes) -> Regions:
    """One region for each piece."""
    return Regions(shapes.pieces, shapes, tuple((place,) for place in range(len(shapes.pieces))))


def regions_from_masks(names: tuple[str, ...], given: Bool[np.ndarray, "R h w"]) -> Regions:
    """Regions of masks none of which is empty."""
    for name, mask in zip(names, given, strict=True):
        if not mask.any():
            raise SegmentError(
                f"region {name!r} has no pixel in what was given. Leave it out, or look whether its number "
                "is right.",
                slug="regions-empty",
            )
    return one_region_a_piece(MaskShapes(names, given))


def checked_names(given: Any) -> tuple[str, ...]:
    """The keys of a mapping of regions, checked.

    Raises
    ------
    SegmentError
        If it is none, or a key cannot be a name.
    """
    if not isinstance(given, Mapping):
        raise SegmentError(
            f"regions must be given as {{name: …}}, but {given!r} was given.", slug="regions-names"
        )
    check_names(tuple(given))
    return tuple(given)


def check_names(names: tuple[str, ...]) -> None:
    """Whether each is a line of text, and no two are the same.

    Raises
    ------
    SegmentError
        If not.
    """
    if not names:
        raise SegmentError("no region was given: give one or more.", slug="regions-names")
    for name in names:
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise SegmentError(
                f"a region's name must be a line of text, but {name!r} was given.", slug="regions-names"
            )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SegmentError(
            f"the name {twice[0]!r} was given to {names.count(twice[0])} regions. Give each its own; pieces "
            "of one region go into one list.",
            slug="regions-names",
        )
