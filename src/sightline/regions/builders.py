"""names and where they lie → Regions: named areas common to all images of a study."""

from collections.abc import Callable, Mapping
from os import PathLike, fspath
from typing import Any

import numpy as np

from sightline._checks import check_whole
from sightline._spec import from_spec
from sightline.errors import OptionError, SegmentError
from sightline.regions.region_file import load
from sightline.regions.region_set import (
    Regions,
    check_names,
    checked_names,
    one_region_a_piece,
    regions_from_masks,
)
from sightline.regions.shapes import (
    Names,
    PerImageShapes,
    PolygonShapes,
    as_masks,
    as_polygons,
    masks_from_labels,
    numbers_and_names,
)
from sightline.regions.templates import chest, face

__all__ = [
    "Regions",
    "grid",
    "polygons",
    "masks",
    "labels",
    "per_image",
    "face",
    "chest",
    "named",
    "load",
]


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
    for what, count in (("rows", rows), ("columns", columns)):
        check_whole(f"a grid's {what}", count)
    return polygons(
        {
            f"r{row + 1}c{column + 1}": [
                (row / rows, column / columns),
                (row / rows, (column + 1) / columns),
                ((row + 1) / rows, (column + 1) / columns),
                ((row + 1) / rows, column / columns),
            ]
            for row in range(rows)
            for column in range(columns)
        }
    )


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
    names = checked_names(given)
    drawn = tuple(as_polygons(name, points) for name, points in given.items())
    return one_region_a_piece(PolygonShapes(names, drawn, exclusive))


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
    names = checked_names(given)
    arrays = {name: np.asarray(mask) for name, mask in given.items()}
    sizes = sorted({array.shape for array in arrays.values()})
    if len(sizes) > 1:
        raise SegmentError(
            f"masks must all be of one size, but their shapes are {', '.join(map(str, sizes))}.",
            slug="regions-masks",
        )
    each = [as_masks(array[np.newaxis], 1, f"mask {name!r}") for name, array in arrays.items()]
    return regions_from_masks(names, np.concatenate(each))


def labels(image: Any, names: Names) -> Regions:
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
    check_names(called)
    return regions_from_masks(called, masks_from_labels(np.asarray(image), ids, strict=strict))


def per_image(source: Any, names: Names) -> Regions:
    """Regions that every image has its own of, as segmentations and landmarks give them.

    Parameters
    ----------
    source : callable or array
        A function of the image's place in the data that gives masks (R, h, w), a label image (h, w) or
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
    >>> shown = per_image(faces.visible, faces.names)
    >>> bool((shown.masks((64, 64), place=1).sum(axis=0) == 1).all())
    True
    """
    called, ids, strict = numbers_and_names(names)
    check_names(called)
    if not callable(source):
        source = np.asarray(source)
        if source.ndim not in (3, 4) or (source.ndim == 4 and source.shape[1] != len(called)):
            raise SegmentError(
                f"regions of N images must be masks of shape (N, {len(called)}, H, W), one for each name, "
                f"or label images of shape (N, H, W), but the shape is {source.shape}.",
                slug="regions-masks",
            )
    return one_region_a_piece(PerImageShapes(called, source, ids, strict))


MAKERS: Mapping[str, Callable[..., Regions]] = {"grid": grid, "face": face, "chest": chest}


def named(given: "str | PathLike[str] | Regions") -> Regions:
    """Regions from a word, as the command line takes them.

    Parameters
    ----------
    given : str, path or Regions
        ``"face"``, ``"chest"`` or ``"grid:rows=4,columns=4"``; the path of a TOML file; or regions, which
        are given back.

    Returns
    -------
    Regions

    Raises
    ------
    OptionError
        If the name or a parameter does not exist; the message names the nearest valid one.
    FileError
        If the file is missing or cannot be understood.

    Examples
    --------
    >>> len(named("grid:rows=4,columns=4")), "left eye" in named("face:sides=true")
    (16, True)
    """
    if isinstance(given, Regions):
        return given
    if not isinstance(given, str | PathLike):
        raise OptionError(
            f"regions must be a name such as 'face', the path of a TOML file, or Regions, but {given!r} was "
            "given.",
            slug="option-value",
        )
    text = fspath(given)
    if not isinstance(given, str) or text.lower().endswith(".toml"):
        return load(text)
    return from_spec(text, MAKERS, "set of regions", hint=" Or give the path of a TOML file.")  # type: ignore[no-any-return]
