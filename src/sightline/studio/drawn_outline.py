"""what a page sends of a region → its outline: one polygon, however it was drawn."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from sightline._checks import is_whole
from sightline.errors import SegmentError
from sightline.regions.shapes import Polygon, polygon_mask
from sightline.study.schema import StudyResults

MOST_POINTS = 1000
MOST_SIDE = 1024
"""Rows and columns, at most, of a mask that is drawn with a brush."""
MOST_CELLS = 64
"""Rows and columns, at most, of a grid whose cells are picked."""
MOST_CORNERS = 20_000
"""Corners of a region's outline, at most: a brush makes some hundreds."""

Mask = Bool[np.ndarray, "H W"]


def image_shape(study: StudyResults) -> tuple[int, int]:
    """Height and width of a study's first explained image, by which areas are told.

    Raises
    ------
    SegmentError
        If nothing is explained yet.
    """
    first = next(iter(study.rows()), None)
    if first is None:
        raise SegmentError("nothing is explained yet: run the study first.", slug="regions-drawn")
    height, width = first.segments.labels.shape
    return height, width


def read_outline(study: StudyResults, body: Mapping[str, Any]) -> Polygon:
    """What a page sends of a region → its outline.

    Parameters
    ----------
    study : Study
    body : mapping
        One of ``"points"``: a list of (down, across) in shares of the image; ``"mask"``: ``rows``,
        ``columns`` and ``runs``, lengths of what is outside and inside by turns, row by row; ``"cells"``:
        ``rows``, ``columns`` and ``numbers`` of the cells of a grid; ``"segments"``: the ``place`` of an
        image and ``numbers`` of its segments.

    Returns
    -------
    float array, shape (P, 2)

    Raises
    ------
    SegmentError
        If it is none of these, lies outside, is empty, or is the whole image.
    """
    kinds = [kind for kind in ("points", "mask", "cells", "segments") if kind in body]
    if len(kinds) != 1:
        raise _refused("a region is sent as one of points, mask, cells and segments")
    (kind,) = kinds
    value = body[kind]
    if kind == "points":
        outline = _read_points(value)
    elif kind == "mask":
        outline = mask_outline(_read_runs(value))
    elif kind == "cells":
        outline = mask_outline(_read_cells(value))
    else:
        outline = mask_outline(_read_segments(study, value))
    shape = image_shape(study)
    mask = polygon_mask(outline, shape)
    if not mask.any():
        raise _refused("the region has no pixel in an image: draw it larger")
    if mask.all():
        raise _refused("the region is the whole image, and nothing is left to compare it with: draw a part")
    return outline


def _refused(why: str) -> SegmentError:
    return SegmentError(f"{why}.", slug="regions-drawn")


def _read_points(value: Any) -> Polygon:
    if not isinstance(value, list) or not 3 <= len(value) <= MOST_POINTS:
        raise _refused(f"a polygon needs a list of 3 to {MOST_POINTS} points")
    for point in value:
        if not isinstance(point, list) or len(point) != 2 or not all(map(_is_share, point)):
            raise _refused("each point of a polygon is two numbers from 0 to 1: down and across")
    points = np.array(value, dtype=np.float64)
    if len(np.unique(points, axis=0)) < 3:
        raise _refused("a polygon needs 3 different points to have an inside")
    return points


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _read_size(value: Any, most: int) -> tuple[int, int]:
    if not isinstance(value, dict):
        raise _refused("a mask and cells need rows and columns")
    rows, columns = (_whole_or_none(value.get(name), most) for name in ("rows", "columns"))
    if not rows or not columns:
        raise _refused(f"rows and columns are whole numbers from 1 to {most}")
    return rows, columns


def _whole_or_none(value: object, most: int) -> int | None:
    """A whole number from 0 to `most`; None of anything else."""
    return int(value) if is_whole(value) and 0 <= value <= most else None  # type: ignore[operator, call-overload]


def _read_runs(value: Any) -> Mask:
    rows, columns = _read_size(value, MOST_SIDE)
    runs = value.get("runs")
    fits = isinstance(runs, list) and len(runs) <= rows * columns + 1
    if not fits or not all(is_whole(one) and 0 <= one <= rows * columns for one in runs):
        raise _refused("runs are whole numbers: pixels outside and inside by turns")
    if sum(map(int, runs)) != rows * columns:
        raise _refused(f"runs have to make {rows} × {columns} pixels")
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, np.array(runs, dtype=np.intp)).reshape(rows, columns)


def _read_numbers(value: Any, count: int) -> list[int]:
    numbers = value.get("numbers") if isinstance(value, dict) else None
    if not isinstance(numbers, list) or not all(is_whole(one) and 0 <= one < count for one in numbers):
        raise _refused(f"numbers are whole numbers from 0 to {count - 1}")
    if not numbers:
        raise _refused("nothing is picked")
    return [int(one) for one in numbers]


def _read_cells(value: Any) -> Mask:
    rows, columns = _read_size(value, MOST_CELLS)
    mask = np.zeros(rows * columns, dtype=bool)
    mask[_read_numbers(value, rows * columns)] = True
    return mask.reshape(rows, columns)


def _read_segments(study: StudyResults, value: Any) -> Mask:
    place = value.get("place") if isinstance(value, dict) else None
    if not is_whole(place) or place not in study.places.tolist():
        raise _refused("segments are those of an image that was explained: place is its number")
    segments = study.row(int(place)).segments  # type: ignore[arg-type]  # is_whole has looked
    return np.isin(segments.labels, _read_numbers(value, segments.count))


def mask_outline(mask: Mask) -> Polygon:
    """A mask as one polygon in shares of the image, pixel by pixel the same.

    The borders of all its parts and holes are walked one after the other, with a way there and back between
    them that cuts nothing off (even-odd rule).

    Raises
    ------
    SegmentError
        If it is empty, or made of too many pieces.

    Examples
    --------
    >>> mask_outline(np.array([[True, False], [True, False]])).tolist()
    [[0.0, 0.0], [0.0, 0.5], [1.0, 0.5], [1.0, 0.0]]
    """
    loops = _border_loops(mask)
    corners = sum(map(len, loops))
    if not loops:
        raise _refused("nothing is drawn")
    if corners > MOST_CORNERS:
        raise _refused(f"the region has {corners:,} corners, and {MOST_CORNERS:,} at most: draw it plainer")
    walked = list(loops[0])
    for loop in loops[1:]:
        walked += [loops[0][0], *loop, loop[0], loops[0][0]]
    return np.asarray(np.array(walked, dtype=np.float64) / np.array(mask.shape))


def _border_loops(mask: Mask) -> list[list[tuple[int, int]]]:
    """Corners of each closed line between pixels inside and outside, the inside at its right."""
    padded = np.pad(mask, 1).astype(np.int8)
    ways: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for axis in (0, 1):
        step = np.diff(padded, axis=axis)
        for down, across in np.argwhere(step).tolist():
            enters = step[down, across] > 0
            # Padding has moved the pixels by one, so that a border's number is that of the line itself.
            if axis == 0:
                left, right = (down, across - 1), (down, across)
                start, end = (left, right) if enters else (right, left)
            else:
                top, bottom = (down - 1, across), (down, across)
                start, end = (bottom, top) if enters else (top, bottom)
            ways.setdefault(start, []).append(end)
    loops = []
    while ways:
        start = next(iter(ways))
        loop, at = [start], _next_corner(ways, start, None)
        while at != start:
            loop.append(at)
            at = _next_corner(ways, at, (at[0] - loop[-2][0], at[1] - loop[-2][1]))
        loops.append(_without_straight(loop))
    return loops


def _next_corner(
    ways: dict[tuple[int, int], list[tuple[int, int]]], at: tuple[int, int], came: tuple[int, int] | None
) -> tuple[int, int]:
    """Where the line goes on; where two cross, it turns to the right, so that pixels at a corner part."""
    ends = ways[at]
    right = None if came is None else (at[0] + came[1], at[1] - came[0])
    taken = ends.index(right) if right in ends else 0
    end = ends.pop(taken)
    if not ends:
        del ways[at]
    return end


def _without_straight(loop: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The corners alone, without the points between them."""
    points: Int[np.ndarray, "P 2"] = np.array(loop)
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turns = (before != after).any(axis=1)
    return [tuple(one) for one in points[turns].tolist()]
