"""polygons, masks or a function of the index → one mask for each piece, at the size of an image."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._arguments import describe_value
from sightline._checks import is_whole
from sightline._resize import nearest_index
from sightline.errors import SegmentError, warn
from sightline.types import record

FAR = (-1.0, 2.0)
"""Shares beyond these are pixels; within them, a landmark may well lie outside of the image."""
STRETCH = 0.02
"""Largest difference between an image's proportions and a mask's that is let pass."""

Polygon = Float[np.ndarray, "_ 2"]
Image = Shaped[np.ndarray, "..."]
NumberNames = Sequence[str] | Mapping[int, str]


@runtime_checkable
class RegionShapes(Protocol):
    """Height and width of an image, its index in the data, the image → a mask for each of the pieces."""

    @property
    def pieces(self) -> tuple[str, ...]: ...
    @property
    def shared(self) -> bool: ...
    @property
    def needs_image(self) -> bool: ...
    def __call__(
        self, shape: tuple[int, int], index: int | None, image: Image | None = None, /
    ) -> Bool[np.ndarray, "R H W"]: ...


@record
class PolygonShapes:
    """Polygons, the same for all images.

    Parameters
    ----------
    pieces : tuple of str, length R
    polygons : tuple of tuples of float arrays, shape (P, 2)
        One or several for each piece: (down, across) in shares of the image's height and width.
    exclusive : bool
        Whether a pixel that several pieces claim belongs to the first of them alone.
    found_in : tuple of str
        Ids of the images of a study that they were found in: these do not confirm them.
    among : int
        How many regions these were chosen among, if more than they are: so many tests are allowed for.
    """

    pieces: tuple[str, ...]
    polygons: tuple[tuple[Polygon, ...], ...]
    exclusive: bool = False
    found_in: tuple[str, ...] = ()
    among: int = 0
    shared = True
    needs_image = False

    def __call__(
        self, shape: tuple[int, int], index: int | None, image: Image | None = None, /
    ) -> Bool[np.ndarray, "R H W"]:
        masks = np.stack([_union_mask(polygons, shape) for polygons in self.polygons])
        if self.exclusive:
            masks[1:] &= ~np.logical_or.accumulate(masks, axis=0)[:-1]
        return masks


@record
class MaskShapes:
    """Masks, the same for all images.

    Parameters
    ----------
    pieces : tuple of str, length R
    masks : bool array, shape (R, h, w)
        Of any size: brought to an image's by taking the nearest pixel.
    """

    pieces: tuple[str, ...]
    masks: Bool[np.ndarray, "R h w"]
    shared = True
    needs_image = False

    def __call__(
        self, shape: tuple[int, int], index: int | None, image: Image | None = None, /
    ) -> Bool[np.ndarray, "R H W"]:
        return resize_masks(self.masks, shape)


@record
class PerImageShapes:
    """Masks of each image, found when they are asked for.

    Parameters
    ----------
    pieces : tuple of str, length R
    source : callable or array
        Of the index: masks (R, h, w), a label image (h, w), or the regions of that image.
    ids : tuple of int, length R
        What the pieces are called in a label image.
    strict : bool
        Whether a label image may have no other ids.
    """

    pieces: tuple[str, ...]
    source: Any
    ids: tuple[int, ...]
    strict: bool
    shared = False
    needs_image = False

    def __call__(
        self, shape: tuple[int, int], index: int | None, image: Image | None = None, /
    ) -> Bool[np.ndarray, "R H W"]:
        found = self._find_masks(index)
        if hasattr(found, "masks") and hasattr(found, "names"):
            self._check_names(found.names, index)
            return np.asarray(found.masks(shape, index, image))
        array = np.asarray(found)
        if array.ndim == 2:
            array = masks_from_labels(array, self.ids, strict=self.strict)
        return resize_masks(as_masks(array, len(self.pieces), f"the masks of image {index}"), shape)

    def _find_masks(self, index: int | None) -> Any:
        if index is None:
            raise SegmentError(
                "these regions differ from image to image, but no index was given. Ask for the masks of one "
                "image: regions.masks(shape, index).",
                slug="regions-index",
            )
        if callable(self.source):
            return self.source(index)
        if not 0 <= index < len(self.source):
            raise SegmentError(
                f"there are regions for {len(self.source)} images, but not for image {index}. "
                "Give masks for every image of the data, in its order.",
                slug="regions-index",
            )
        return self.source[index]

    def _check_names(self, names: tuple[str, ...], index: int | None) -> None:
        if tuple(names) != self.pieces:
            raise SegmentError(
                f"image {index} has the regions {', '.join(names)}, but "
                f"{', '.join(self.pieces)} were promised. Give every image the same names in the same order.",
                slug="regions-names",
            )


def polygon_mask(polygon: Polygon, shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Pixels whose middle lies in the polygon, by the even-odd rule.

    Polygons that share a border neither share a pixel there nor leave one out.

    Examples
    --------
    >>> polygon_mask(np.array([[0, 0], [0, 0.5], [1, 0.5], [1, 0]]), (1, 4)).astype(int)
    array([[1, 1, 0, 0]])
    """
    down, across = ((np.arange(side) + 0.5) / side for side in shape)
    found = np.zeros(shape, dtype=bool)
    for one, other in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        # Always from above, so that both polygons of a border compute the same numbers.
        upper, lower = (one, other) if tuple(one) <= tuple(other) else (other, one)
        rows = (upper[0] <= down) & (down < lower[0])
        share = (down[rows] - upper[0]) / ((lower[0] - upper[0]) or 1.0)
        found[rows] ^= across < (upper[1] + share * (lower[1] - upper[1]))[:, np.newaxis]
    return found


def _union_mask(polygons: Sequence[Polygon], shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    return functools.reduce(np.logical_or, (polygon_mask(polygon, shape) for polygon in polygons))


def as_polygons(name: str, given: Any) -> tuple[Polygon, ...]:
    """One polygon or several, as a person writes them, checked.

    Raises
    ------
    SegmentError
        If they are nested wrongly, have fewer than three points, or are not shares.
    """
    several = given if _nesting_depth(given) == 3 else [given]
    return tuple(_checked_polygon(name, points) for points in several)


def _nesting_depth(given: Any) -> int:
    """How many brackets there are before the first number."""
    depth = 0
    while isinstance(given, list | tuple | np.ndarray) and np.size(np.asarray(given, dtype=object)):
        given, depth = given[0], depth + 1
    return depth


def _checked_polygon(name: str, given: Any) -> Polygon:
    try:
        points = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise _nesting_error(name, given) from None
    if points.ndim != 2 or points.shape[1] != 2:
        raise _nesting_error(name, given)
    if not np.isfinite(points).all():
        raise SegmentError(f"region {name!r} has a point that is NaN or infinite.", slug="regions-polygon")
    far = (points < FAR[0]) | (points > FAR[1])
    if far.any():
        down, across = points[far.any(axis=1)][0]
        raise SegmentError(
            f"region {name!r} has the point ({down:g}, {across:g}), which is far outside of the image: "
            "points are (down, across) in shares of its height and width, from 0 to 1. If they are pixels, "
            "divide them by the height and the width.",
            slug="regions-pixels",
        )
    if len(np.unique(points, axis=0)) < 3:
        raise SegmentError(
            f"a polygon of region {name!r} has {len(np.unique(points, axis=0))} different points, but it "
            "needs 3 or more to have an inside.",
            slug="regions-polygon",
        )
    return points


def _nesting_error(name: str, given: Any) -> SegmentError:
    words = repr(given)
    return SegmentError(
        f"region {name!r} must be a list of points, [(down, across), (down, across), …], or a list of such "
        f"lists, but {words if len(words) < 80 else words[:77] + '…'} was given.",
        slug="regions-polygon",
    )


def as_masks(given: Shaped[np.ndarray, "..."], count: int, what: str) -> Bool[np.ndarray, "R h w"]:
    """Masks as a bool array; of integers, all but 0 is inside.

    Raises
    ------
    SegmentError
        If they have another shape, or are more than yes and no.
    """
    if given.ndim != 3 or len(given) != count or 0 in given.shape:
        raise SegmentError(
            f"{what} must have shape ({count}, H, W), one mask for each of {count} regions, or be a label "
            f"image of shape (H, W), but the shape is {given.shape}.",
            slug="regions-masks",
        )
    if given.dtype == bool:
        return given
    if given.dtype.kind not in "ui":
        raise SegmentError(
            f"{what} must be True or False, but the dtype is {given.dtype}. Give masks > 0.5, say.",
            slug="regions-masks",
        )
    values = np.unique(given)
    if np.count_nonzero(values) > 1:
        raise SegmentError(
            f"{what} must be True or False, but they have {values.size} different values. For an image of "
            "region numbers use sightline.regions.labels(image, names).",
            slug="regions-masks",
        )
    return np.asarray(given != 0)


def masks_from_labels(
    image: Shaped[np.ndarray, "..."], ids: Sequence[int], *, strict: bool
) -> Bool[np.ndarray, "R h w"]:
    """One mask for each id of a label image.

    Raises
    ------
    SegmentError
        If it is no image of integers, or `strict` and it has other ids.
    """
    if image.ndim != 2 or 0 in image.shape or image.dtype.kind not in "uib":
        raise SegmentError(
            f"a label image must be integers of shape (H, W), but dtype {image.dtype} of shape {image.shape} "
            "was given.",
            slug="regions-masks",
        )
    strange = np.setdiff1d(image, np.asarray(ids))
    if strict and strange.size:
        raise SegmentError(
            f"the label image has the number {strange[0]}, but there are names for 0 to {len(ids) - 1} only. "
            "Give names as {number: name} to leave the other numbers out.",
            slug="regions-names",
        )
    return np.asarray(image[np.newaxis] == np.asarray(ids)[:, np.newaxis, np.newaxis])


def numbers_and_names(names: NumberNames) -> tuple[tuple[str, ...], tuple[int, ...], bool]:
    """Names of the numbers in a label image, those numbers, and whether there may be no others."""
    if isinstance(names, Mapping):
        for number in names:
            if not is_whole(number):
                raise SegmentError(
                    f"names must be {{number: name}}, but {describe_value(number)} is no number of a region.",
                    slug="regions-names",
                )
        check_names(tuple(names.values()))
        return tuple(names.values()), tuple(names), False
    if not isinstance(names, list | tuple) and not hasattr(names, "tolist"):
        raise SegmentError(
            f"names must be a list of names, or {{number: name}}, but {describe_value(names)} was given.",
            slug="regions-names",
        )
    check_names(tuple(names))
    return tuple(names), tuple(range(len(names))), True


def check_names(names: tuple[str, ...]) -> None:
    """Refuse names that are no line of text, and two that are the same."""
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


def resize_masks(masks: Bool[np.ndarray, "R h w"], shape: tuple[int, int]) -> Bool[np.ndarray, "R H W"]:
    """Masks at another size: each pixel is that of the mask which its middle falls in."""
    old = masks.shape[1:]
    if old == tuple(shape):
        return masks
    wanted = old[1] * shape[0] / old[0]
    if abs(wanted - shape[1]) > max(2, STRETCH * shape[1]):
        warn(
            f"masks of {old[0]}×{old[1]} are stretched over an image of {shape[0]}×{shape[1]}, whose "
            "proportions are others. Make sure that they fit it, and that height and width are not swapped.",
            slug="regions-stretched",
        )
    down, across = (nearest_index(new, side) for new, side in zip(shape, old, strict=True))
    return np.asarray(masks[:, down[:, np.newaxis], across])
