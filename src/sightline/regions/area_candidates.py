"""what a person might draw over aligned images: windows, sides and frames of several sizes, merged cells.

All are made of rectangles in shares of the image, so that they fit images of any size, and a file of them can
be edited.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float

from sightline.regions.shapes import PolygonShapes
from sightline.types import record

WINDOWS = (2, 3, 4)
"""Windows are the image's sides divided by these; they move by half their length."""
SIDES = (1 / 16, 1 / 8, 1 / 4)
"""Widths of strips along a side, as shares of the image's."""
FRAMES = (1 / 20, 1 / 12, 1 / 8, 1 / 6)
"""Widths of frames."""
CELLS = 8
"""Rows and columns of the cells that are merged."""
LEADING = (0.4, 0.7)
"""Cells with this share of the largest effect are merged with their neighbours."""
NUDGE = 1 / 24
"""By how much a rectangle's sides are moved, each by itself, to see whether it then fits better."""
SMALLEST = 1 / 12
"""Least side of a window."""

Box = tuple[float, float, float, float]
"""Top, left, bottom, right, in shares of the image's height and width."""


@record
class Area:
    """One rectangle, or several that make one area.

    Parameters
    ----------
    kind : str
        Such as ``"frame"``; of each kind some are looked at more closely.
    boxes : tuple of Box
    """

    kind: str
    boxes: tuple[Box, ...]


def area_shapes(areas: Sequence[Area], names: Sequence[str], found_in: Sequence[str] = ()) -> PolygonShapes:
    """Areas as polygons: of each all its rectangles."""
    return PolygonShapes(
        tuple(names),
        tuple(tuple(map(_corner_points, area.boxes)) for area in areas),
        found_in=tuple(found_in),
    )


def area_masks(areas: Sequence[Area], shape: tuple[int, int]) -> Bool[np.ndarray, "C H W"]:
    """Pixels of each area in an image of a size: none, where it is smaller than a pixel."""
    return area_shapes(areas, [str(number) for number in range(len(areas))])(shape, None)


def _corner_points(box: Box) -> Float[np.ndarray, "4 2"]:
    top, left, bottom, right = box
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)])


def first_areas() -> Iterator[Area]:
    """Windows of several sizes all over the image, strips along each side, and frames."""
    for parts in WINDOWS:
        side = 1 / parts
        starts = [step / (2 * parts) for step in range(2 * parts - 1)]
        for top, left in itertools.product(starts, starts):
            yield Area(f"window {parts}", ((top, left, top + side, left + side),))
    for deep in SIDES:
        for box in _strips(deep):
            yield Area("side", (box,))
    yield from (Area("frame", _strips(deep, apart=True)) for deep in FRAMES)
    for box in _strips(1 / 2):
        yield Area("half", (box,))


def _strips(deep: float, *, apart: bool = False) -> tuple[Box, ...]:
    """Along the upper, lower, left and right side; the last two without what the first two have, if apart."""
    end = deep if apart else 0.0
    return (
        (0.0, 0.0, deep, 1.0),
        (1.0 - deep, 0.0, 1.0, 1.0),
        (end, 0.0, 1.0 - end, deep),
        (end, 1.0 - deep, 1.0 - end, 1.0),
    )


def parts_of(area: Area) -> Iterator[Area]:
    """Nine windows of two thirds of its height and width within a window."""
    ((top, left, bottom, right),) = area.boxes
    tall, wide = (bottom - top) * 2 / 3, (right - left) * 2 / 3
    if min(tall, wide) < SMALLEST:
        return
    for down, across in itertools.product(range(3), range(3)):
        start = top + down * tall / 4, left + across * wide / 4
        yield Area("part", ((*start, start[0] + tall, start[1] + wide),))


def nudged(area: Area) -> Iterator[Area]:
    """The window with one of its sides moved in or out."""
    (box,) = area.boxes
    for place, step in itertools.product(range(4), (-NUDGE, NUDGE)):
        moved = [*box]
        moved[place] = min(1.0, max(0.0, moved[place] + step))
        top, left, bottom, right = moved
        if min(bottom - top, right - left) >= SMALLEST and tuple(moved) != box:
            yield Area(area.kind, ((top, left, bottom, right),))


def cell_effects(areas: Sequence[Area], effects: Float[np.ndarray, "C"]) -> Float[np.ndarray, "8 8"]:
    """What hiding the windows that cover each cell does, on average; small windows count more."""
    windows = [number for number, area in enumerate(areas) if area.kind.startswith("window")]
    masks = area_masks([areas[number] for number in windows], (CELLS, CELLS)).astype(np.float64)
    shares = masks / np.maximum(masks.sum(axis=(1, 2), keepdims=True), 1)
    return np.asarray(np.tensordot(effects[windows], shares, 1) / np.maximum(shares.sum(axis=0), 1e-12))


def merged_cells(effects: Float[np.ndarray, "8 8"]) -> Iterator[Area]:
    """Neighbouring cells with much of the largest effect, as areas of any shape."""
    from scipy.ndimage import label

    if (most := float(effects.max())) <= 0:
        return
    for share in LEADING:
        parts, count = label(effects > share * most)
        for part in range(1, count + 1):
            yield Area("merged", tuple(_row_boxes(parts == part)))


def _row_boxes(cells: Bool[np.ndarray, "h w"]) -> Iterator[Box]:
    """Each row's neighbouring cells as one rectangle."""
    for row, line in enumerate(cells):
        steps = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(int)))
        for left, right in zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True):
            yield row / CELLS, left / CELLS, (row + 1) / CELLS, right / CELLS


def name_areas(areas: Sequence[Area]) -> tuple[str, ...]:
    """Where each lies, in words; a number where two would have the same."""
    names: list[str] = []
    for area in areas:
        name, number = _place_name(area), 1
        while (said := name if number == 1 else f"{name} {number}") in names:
            number += 1
        names.append(said)
    return tuple(names)


def _place_name(area: Area) -> str:
    if area.kind == "frame":
        return "border"
    boxes = np.array(area.boxes)
    top, left = boxes[:, :2].min(axis=0)
    bottom, right = boxes[:, 2:].max(axis=0)
    vertical = _end_name(top, bottom, "top", "bottom")
    sideways = _end_name(left, right, "left", "right")
    ends = tuple((first <= NUDGE, last >= 1 - NUDGE) for first, last in ((top, bottom), (left, right)))
    if vertical and sideways and all(any(both) for both in ends):
        return f"corner {vertical}-{sideways}"
    place = " ".join(filter(None, (vertical, sideways)))
    return (f"{place} side" if any(all(both) for both in ends) else place) if place else "middle"


def _end_name(first: float, last: float, near: str, far: str) -> str:
    """Which end of the image an area lies at; none where its middle is the image's."""
    middle = (first + last) / 2
    return near if middle < 0.4 else far if middle > 0.6 else ""
