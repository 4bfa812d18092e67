"""polygons, masks, labels or a function of the image → Regions: named areas, and their masks in an image."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Int

from sightline._arguments import check_size, clear_arguments
from sightline._checks import check_whole
from sightline._tensors import array_or_none
from sightline.engine.image import as_image
from sightline.errors import SegmentError
from sightline.regions.shapes import (
    MaskShapes,
    NumberNames,
    PerImageShapes,
    PolygonShapes,
    RegionShapes,
    as_masks,
    as_polygons,
    check_names,
    masks_from_labels,
    numbers_and_names,
    resize_masks,
)
from sightline.types import did_you_mean, record

if TYPE_CHECKING:
    from sightline.regions.concept_examples import ConceptExamples
    from sightline.study.schema import StudyResults

MOST_CELLS = 256
"""Rows of a grid, at most, and columns."""
REMEMBERED = 4
"""Image sizes whose masks are kept."""


@record
class Regions:
    """Named areas that are common to all images of a study: jaw, left lung.

    Built by `grid`, `polygons`, `masks`, `labels`, `per_image`, `face`, `chest`, `named` or `load`; by
    `concepts` for things that are known by their looks, wherever they are.

    Parameters
    ----------
    names : tuple of str, length R
    shapes : RegionShapes
        What gives the masks of the pieces that the regions are made of.
    made_of : tuple of tuples of int, length R
        Which pieces each region is made of.

    Raises
    ------
    SegmentError
        If there is no region, a name is missing or blank, or two are the same.

    Examples
    --------
    >>> from sightline.regions import polygons
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
        found = ", found in each image" if self.needs_image else ", each image its own"
        per = "" if self.shared else found
        return f"<Regions: {len(self)} ({', '.join(self.names)}){per}>"

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    @clear_arguments
    def __getitem__(self, names: str | Sequence[str]) -> "Regions":
        """Fewer regions, in the order asked for; their pixels stay the same."""
        chosen = (names,) if isinstance(names, str) else tuple(names)
        return Regions(chosen, self.shapes, tuple(self.made_of[self.index(name)] for name in chosen))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_cached_masks"}

    @property
    def shared(self) -> bool:
        """Whether all images have the same regions."""
        return self.shapes.shared

    @property
    def found_in(self) -> tuple[str, ...]:
        """Ids of the images that they were found in, which do not confirm them."""
        return tuple(getattr(self.shapes, "found_in", ()))

    @property
    def among(self) -> int:
        """How many regions these were chosen among, where a person or a search chose; else 0."""
        return int(getattr(self.shapes, "among", 0))

    @property
    def needs_image(self) -> bool:
        """Whether the masks are found in an image's own pixels, so that `masks` has to be given it."""
        return self.shapes.needs_image

    @clear_arguments
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

    @clear_arguments
    def join(self, parts: Mapping[str, Sequence[str]]) -> "Regions":
        """The regions with some of them joined into one, which stands where the first of them stood.

        Parameters
        ----------
        parts : mapping of str to sequence of str
            Name of the new region → names of those it takes the place of.

        Examples
        --------
        >>> from sightline.regions import grid
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

    @clear_arguments
    def rename(self, names: Mapping[str, str]) -> "Regions":
        """The same regions, some of them called otherwise.

        Parameters
        ----------
        names : mapping of str to str
            What a region is called → what it is to be called.

        Examples
        --------
        >>> from sightline.regions import grid
        >>> grid(1, 2).rename({"r1c1": "left half"}).names
        ('left half', 'r1c2')
        """
        called = list(self.names)
        for old, new in names.items():
            called[self.index(old)] = new
        return Regions(tuple(called), self.shapes, self.made_of)

    @clear_arguments
    def towards(self, names: Sequence[str] | None, columns: int | None = None) -> tuple[int | None, ...]:
        """The class that each speaks for, as a model numbers its classes; None of what is no concept.

        Parameters
        ----------
        names : sequence of str, or None
            What the model's classes are called, in its order.
        columns : int, optional
            How many classes it has, where they have no names.

        Raises
        ------
        OptionError
            If the model has no such class.

        Examples
        --------
        >>> from sightline.regions import grid
        >>> grid(1, 2).towards(["cat", "dog"])
        (None, None)
        """
        from sightline.regions.concept_shapes import concept_classes

        return concept_classes(self, names, columns)

    @clear_arguments
    def examples(
        self, study: "StudyResults", *, count: int = 5, most: int = 1000
    ) -> tuple["ConceptExamples", ...]:
        """Of each region that is found by what images show: how many images of each class have it, and which
        are typical.

        Parameters
        ----------
        study : Study
        count : int
            Most typical images of each.
        most : int
            Images that are looked through: of a larger study, so many spread over it.

        Returns
        -------
        tuple of ConceptExamples, length R
            Examples are wrong answers for the class that it speaks for, then others, and among them those
            whose detection is of the usual size.

        Raises
        ------
        SegmentError
            If the regions have a fixed place.

        Examples
        --------
        >>> load("concepts.toml").examples(sl.Study("runs/xrays"))[0].counts  # doctest: +SKIP
        """
        from sightline.regions.concept_examples import find_examples

        if not self.needs_image:
            raise SegmentError(
                f"the regions {', '.join(self.names)} have a fixed place: there is nothing to be found in "
                "images.",
                slug="regions-image",
            )
        return find_examples(self, study, check_whole("count", count), check_whole("most", most))

    def apart(self) -> "Regions":
        """The pieces that the regions are made of, each a region: the left eye and the right one.

        Examples
        --------
        >>> from sightline.regions import grid
        >>> grid(1, 3).join({"sides": ["r1c1", "r1c3"]}).apart().names
        ('r1c1', 'r1c3', 'r1c2')
        """
        pieces = tuple(dict.fromkeys(place for several in self.made_of for place in several))
        names = tuple(self.shapes.pieces[place] for place in pieces)
        return Regions(names, self.shapes, tuple((place,) for place in pieces))

    @clear_arguments
    def masks(
        self, shape: tuple[int, int], index: int | None = None, image: object = None
    ) -> Bool[np.ndarray, "R H W"]:
        """Which pixels belong to each region of an image.

        Parameters
        ----------
        shape : tuple of int
            The image's height and width.
        index : int, optional
            The image's index in the data: needed where every image has regions of its own.
        image : array, shape (H, W) or (H, W, C), optional
            The image as the data has it: needed where the regions are found by what it shows (`needs_image`).
            Of another size than `shape`, masks are found at its own and brought to that.

        Returns
        -------
        bool array, shape (R, H, W)
            Read-only. Regions may overlap, and pixels may belong to none. A region that every image has its
            own of may be empty in some.

        Raises
        ------
        SegmentError
            If a region common to all images has no pixel at this size, or the index or the image is needed
            and missing.
        ImageError
            If the image is needed and is none.

        Examples
        --------
        >>> from sightline.regions import grid
        >>> grid(2, 2).masks((64, 64)).sum(axis=(1, 2))
        array([1024, 1024, 1024, 1024])
        """
        height, width = check_size("shape", shape)
        if self.shared:
            return self._cached_masks((height, width))
        return self._region_masks((height, width), index, image)

    @clear_arguments
    def areas(
        self, shape: tuple[int, int], index: int | None = None, image: object = None
    ) -> Int[np.ndarray, "R"]:
        """Pixels in each region, as `masks` has them."""
        return np.asarray(self.masks(shape, index, image).sum(axis=(1, 2)))

    @functools.cached_property
    def _cached_masks(self) -> Callable[[tuple[int, int]], Bool[np.ndarray, "R H W"]]:
        return functools.lru_cache(maxsize=REMEMBERED)(lambda shape: self._nonempty_masks(shape))

    def _nonempty_masks(self, shape: tuple[int, int]) -> Bool[np.ndarray, "R H W"]:
        found = self._region_masks(shape, None, None)
        for name, mask in zip(self.names, found, strict=True):
            if not mask.any():
                raise SegmentError(
                    f"region {name!r} has no pixel in an image of {shape[0]}×{shape[1]}: it is too small, "
                    "or lies outside. Make it larger, or leave it out: regions[names].",
                    slug="regions-empty",
                )
        return found

    def _region_masks(
        self, shape: tuple[int, int], index: int | None, image: object
    ) -> Bool[np.ndarray, "R H W"]:
        if self.needs_image:
            if image is None:
                raise SegmentError(
                    f"the regions {', '.join(self.names)} are found by what an image shows, but no image was "
                    "given. Ask for the masks of one image: regions.masks(shape, image=image).",
                    slug="regions-image",
                )
            shown = as_image(array_or_none(image))
            pieces = resize_masks(self.shapes((shown.shape[0], shown.shape[1]), index, shown), shape)
        else:
            pieces = self.shapes(shape, index, None if image is None else array_or_none(image))
        found = np.stack([pieces[list(several)].any(axis=0) for several in self.made_of])
        found.setflags(write=False)
        return found

    @clear_arguments
    def save(self, path: str | PathLike[str]) -> Path:
        """Write the regions as a TOML file that a person can edit, and `load` reads.

        Polygons stand in it as points; masks, and the detectors of concepts, go into an ``.npz`` file of the
        same name beside it.

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


@clear_arguments
def grid(rows: int, columns: int) -> Regions:
    """The image divided into rectangles of one size, named by row and column: ``"r1c1"`` is upper left.

    Parameters
    ----------
    rows, columns : int
        How many, from 1 up.

    Raises
    ------
    OptionError
        If one of them is not a whole number from 1 up.

    Examples
    --------
    >>> grid(2, 2)
    <Regions: 4 (r1c1, r1c2, r2c1, r2c2)>
    """
    rows, columns = (
        check_whole(f"a grid's {name}", count, most=MOST_CELLS)
        for name, count in (("rows", rows), ("columns", columns))
    )
    drawn = {}
    for row in range(rows):
        for column in range(columns):
            top, bottom = row / rows, (row + 1) / rows
            left, right = column / columns, (column + 1) / columns
            drawn[f"r{row + 1}c{column + 1}"] = [(top, left), (top, right), (bottom, right), (bottom, left)]
    return polygons(drawn)


@clear_arguments
def polygons(given: Mapping[str, Any], *, exclusive: bool = False) -> Regions:
    """Regions drawn as polygons, the same for all images.

    Parameters
    ----------
    given : mapping of str to list of points, or list of such lists
        Points are (down, across) in shares of the image's height and width, from 0 to 1: (0, 0) is the
        upper left corner. What lies outside of the image is cut off. A polygon that crosses itself has
        holes (even-odd rule); several polygons of one region add up.
    exclusive : bool
        Whether a pixel that several regions claim belongs to the first of them alone. Neighbours may then
        overlap, and the last one may be the whole image.

    Returns
    -------
    Regions

    Raises
    ------
    SegmentError
        If a polygon is nested wrongly, has fewer than three points, or seems to be in pixels.

    Examples
    --------
    >>> half = [(0, 0), (0, 1), (0.5, 1), (0.5, 0)]
    >>> whole = [(0, 0), (0, 1), (1, 1), (1, 0)]
    >>> polygons({"upper": half, "rest": whole}, exclusive=True).areas((10, 10))
    array([50, 50])
    """
    names = _names_in(given)
    drawn = tuple(as_polygons(name, points) for name, points in given.items())
    return one_region_a_piece(PolygonShapes(names, drawn, exclusive))


@clear_arguments
def masks(given: Mapping[str, Any]) -> Regions:
    """Regions as masks, the same for all images.

    Parameters
    ----------
    given : mapping of str to array, shape (h, w)
        True (of integers, not 0) inside. All of one size, which need not be the images': brought to theirs
        by taking the nearest pixel.

    Returns
    -------
    Regions

    Raises
    ------
    SegmentError
        If the masks differ in size or are more than yes and no, or one is empty.

    Examples
    --------
    >>> masks({"diagonal": np.eye(2, dtype=bool)}).areas((4, 4))
    array([8])
    """
    names = _names_in(given)
    arrays = {name: np.asarray(mask) for name, mask in given.items()}
    sizes = sorted({array.shape for array in arrays.values()})
    if len(sizes) > 1:
        raise SegmentError(
            f"masks must all be of one size, but their shapes are {', '.join(map(str, sizes))}.",
            slug="regions-masks",
        )
    each = [as_masks(array[np.newaxis], 1, f"mask {name!r}") for name, array in arrays.items()]
    return _regions_of_masks(names, np.concatenate(each))


@clear_arguments
def labels(image: Any, names: NumberNames) -> Regions:
    """Regions as one image of numbers, the same for all images.

    Parameters
    ----------
    image : int array, shape (h, w)
        The number of its region at each pixel.
    names : sequence of str, or mapping of int to str
        In a sequence, those of 0, 1, 2, …; a mapping may leave numbers out, and pixels of those are in no
        region.

    Returns
    -------
    Regions

    Raises
    ------
    SegmentError
        If the image is not of integers, a number has no name in the sequence, or a name no pixel.

    Examples
    --------
    >>> labels(np.array([[0, 7], [7, 7]]), {7: "lung"}).areas((2, 2))
    array([3])
    """
    called, ids, strict = numbers_and_names(names)
    return _regions_of_masks(called, masks_from_labels(array_or_none(image), ids, strict=strict))


@clear_arguments
def per_image(source: Any, names: NumberNames) -> Regions:
    """Regions that every image has its own of, as segmentations and landmarks give them.

    Parameters
    ----------
    source : callable or array
        A function of the image's index in the data that gives masks (R, h, w), a label image (h, w) or
        `Regions`, such as polygons of landmarks; or an array of masks (N, R, h, w) or of label images
        (N, h, w), in the order of the data.
    names : sequence of str, or mapping of int to str
        Of the R masks, or of the numbers in a label image as in `labels`.

    Returns
    -------
    Regions
        A region may be empty in some of the images.

    Raises
    ------
    SegmentError
        If an array has another shape, or names are missing; what a function gives is checked when it is
        asked.

    Examples
    --------
    >>> from sightline.data import drawn_faces
    >>> faces = drawn_faces(3)
    >>> shown = per_image(faces.visible, faces.part_names)
    >>> bool((shown.masks((64, 64), index=1).sum(axis=0) == 1).all())
    True
    """
    called, ids, strict = numbers_and_names(names)
    if not callable(source):
        source = array_or_none(source)
        if source.ndim not in (3, 4) or (source.ndim == 4 and source.shape[1] != len(called)):
            raise SegmentError(
                f"regions of N images must be masks of shape (N, {len(called)}, H, W), one for each name, "
                f"or label images of shape (N, H, W), but the shape is {source.shape}.",
                slug="regions-masks",
            )
    return one_region_a_piece(PerImageShapes(called, source, ids, strict))


def one_region_a_piece(shapes: RegionShapes) -> Regions:
    """One region for each piece."""
    return Regions(shapes.pieces, shapes, tuple((place,) for place in range(len(shapes.pieces))))


def _regions_of_masks(names: tuple[str, ...], given: Bool[np.ndarray, "R h w"]) -> Regions:
    for name, mask in zip(names, given, strict=True):
        if not mask.any():
            raise SegmentError(
                f"region {name!r} has no pixel in what was given. Leave it out, or look whether its number "
                "is right.",
                slug="regions-empty",
            )
    return one_region_a_piece(MaskShapes(names, given))


def _names_in(given: Any) -> tuple[str, ...]:
    """The keys of a mapping of regions, checked."""
    if not isinstance(given, Mapping):
        raise SegmentError(
            f"regions must be given as {{name: …}}, but {given!r} was given.", slug="regions-names"
        )
    check_names(tuple(given))
    return tuple(given)
