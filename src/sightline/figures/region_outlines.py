"""regions, image → their outlines and names over it."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8

from sightline import render
from sightline._arguments import clear_arguments
from sightline._region_names import shown_name
from sightline._resize import nearest_index
from sightline.errors import ImageError
from sightline.figures.components import MARGIN, NOTE, QUIET, figure_title
from sightline.figures.layout import (
    ImageTile,
    LayoutItem,
    TextLine,
    draw_items,
    legible_text,
    line_height,
    lower_edge,
    stack_lines,
    text_width,
    wrap_parts,
)
from sightline.render import Colour, RealNumber
from sightline.types import Segments, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sightline.regions.region_set import Regions

SIZE = 720
SIZES = (10.0, 8.5, 7.0, 6.0)
"""Sizes of the names in points, tried in turn."""
INSIDE = 0.75
"""Share of a name that has to lie on its region."""
TWIN = 0.5
"""A piece is named too if it is that large beside its region's largest."""
TINT = 0.2
RIM = 0.75
NEAR = 3
"""Pixels between regions that count as neighbours."""
# Not red, not blue: those speak for and against a target.
PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (0, 170, 190),
    (150, 90, 60),
    (130, 90, 190),
)


@record
class RegionPatch:
    """A region, or a piece of one, within the smallest rectangle that holds it."""

    name: str
    top: int
    left: int
    mask: Bool[np.ndarray, "h w"]

    @property
    def window(self) -> tuple[slice, slice]:
        """The rectangle in the image."""
        high, wide = self.mask.shape
        return slice(self.top, self.top + high), slice(self.left, self.left + wide)

    def padded(self, down: int, across: int, shape: tuple[int, int]) -> "RegionPatch":
        """With that many more pixels on each side, as far as there is image."""
        rows, columns = self.window
        more = (
            (min(down, rows.start), max(0, min(down, shape[0] - rows.stop))),
            (min(across, columns.start), max(0, min(across, shape[1] - columns.stop))),
        )
        return RegionPatch(self.name, self.top - more[0][0], self.left - more[1][0], np.pad(self.mask, more))


@clear_arguments
def plot_regions(regions: "Regions", image: Any, *, index: int | None = None, heading: str = "") -> "Figure":
    """Outlines and names of regions over an image, to see whether they fit.

    The outlines follow the image's pixels, as the findings count them.

    Parameters
    ----------
    regions : Regions
    image : array, shape (H, W) or (H, W, C)
        An image, or the mean of many: ``images.mean(axis=0)``.
    index : int, optional
        The image's index in the data, where every image has regions of its own.
    heading : str
        Above the image; by default how many regions there are.

    Returns
    -------
    matplotlib.figure.Figure
        Names that find no room on their region are listed below the image.

    Raises
    ------
    ImageError
        If the image has another number of axes.
    SegmentError
        If a region has no pixel in an image of this size.

    Examples
    --------
    >>> import numpy as np
    >>> from sightline.regions import grid
    >>> drawn = plot_regions(grid(2, 2), np.zeros((64, 64)))
    >>> [text.get_text() for text in drawn.axes[0].texts]
    ['4 regions', 'r1c1', 'r1c2', 'r2c1', 'r2c2']
    """
    drawn = np.asarray(image)
    if drawn.ndim not in (2, 3):
        raise ImageError(
            f"regions are drawn over one image, of shape (H, W) or (H, W, C), but the shape is "
            f"{drawn.shape}. Of many, give the mean: images.mean(axis=0).",
            slug="image-shape",
        )
    count = len(regions.names)
    room = max(render.fit_to_size(drawn, SIZE).shape[1], 400)
    top = list(figure_title(heading or f"{count} region{'s' if count > 1 else ''}", room))
    items = [*top, *outlined_regions(regions, drawn, lower_edge(top) + 10, room, index=index)]
    return draw_items(items, room + 2 * MARGIN, lower_edge(items) + MARGIN)


def outlined_regions(
    regions: "Regions",
    drawn: Shaped[np.ndarray, "H W ..."],
    down: RealNumber,
    room: RealNumber,
    *,
    index: int | None = None,
    size: int = SIZE,
) -> list[LayoutItem]:
    """An image with the regions' outlines and names; below it the names that find no room.

    Parameters
    ----------
    regions : Regions
    drawn : array, shape (H, W) or (H, W, C)
    down, room : number
        Where the image begins, and how wide the lines below it may be.
    index : int, optional
        The image's index in the data, where every image has regions of its own.
    size : int
        Pixels of the image's longer side.
    """
    pixels = render.fit_to_size(drawn, size)
    rows, columns = (nearest_index(*sizes) for sizes in zip(pixels.shape, drawn.shape[:2], strict=False))
    masks = regions.masks(drawn.shape[:2], index, drawn)
    patches = [
        _enlarged_patch(shown_name(name), mask, rows, columns)
        for name, mask in zip(regions.names, masks, strict=True)
    ]
    words, missing = _placed_names(patches, pixels.shape[:2])
    shown = [
        TextLine(w.text, MARGIN + w.left, down + w.baseline, w.size, align="center", halo=True) for w in words
    ]
    items: list[LayoutItem] = [ImageTile(_tinted_regions(pixels, patches), MARGIN, down), *shown]
    if missing:
        lines = wrap_parts(
            [f"no room for the names of: {missing[0]}", *missing[1:]], room, NOTE, between=", ", most=8
        )
        items += stack_lines(lines, MARGIN, down + len(pixels) + 8, size=NOTE, colour=QUIET)
    return items


def _enlarged_patch(
    name: str, mask: Bool[np.ndarray, "H W"], rows: Int[np.ndarray, "h"], columns: Int[np.ndarray, "w"]
) -> RegionPatch:
    """A region as large as it is drawn; of no size where it has no pixel."""
    places = np.nonzero(mask)
    down, across = (np.flatnonzero(np.isin(*pair)) for pair in zip((rows, columns), places, strict=True))
    if not (down.size and across.size):
        return RegionPatch(name, 0, 0, np.zeros((0, 0), bool))
    high, wide = rows[down[0] : down[-1] + 1], columns[across[0] : across[-1] + 1]
    return RegionPatch(name, int(down[0]), int(across[0]), np.asarray(mask[np.ix_(high, wide)]))


def _tinted_regions(
    pixels: UInt8[np.ndarray, "h w 3"], patches: Sequence[RegionPatch]
) -> UInt8[np.ndarray, "h w 3"]:
    """The image, each region tinted and with a rim in a colour that no neighbour has."""
    shown = pixels.astype(np.float64)
    chosen = [np.array(PALETTE[which], np.float64) for which in _neighbour_colours(patches, pixels.shape[:2])]
    for colour, patch in zip(chosen, patches, strict=True):
        under = shown[patch.window]
        under[patch.mask] += TINT * (colour - under[patch.mask])
    for colour, patch in zip(chosen, patches, strict=True):
        shown[patch.window][_patch_rim(patch.mask)] = RIM * colour
    return np.asarray(np.rint(shown).astype(np.uint8))


def _patch_rim(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    if not mask.any():
        return mask
    values, halves = np.unique(mask, return_inverse=True)
    return render.inner_rims(Segments(halves.reshape(mask.shape)), values)


def _neighbour_colours(patches: Sequence[RegionPatch], shape: tuple[int, int]) -> list[int]:
    """A place in the palette for each region: the first that no neighbour before it has, from its own on."""
    from scipy.ndimage import binary_dilation

    chosen: list[int] = []
    painted = np.full(shape, -1)
    for place, patch in enumerate(patches):
        wider = patch.padded(NEAR, NEAR, shape)
        near = wider.mask if not patch.mask.any() else binary_dilation(wider.mask, iterations=NEAR)
        taken = set(np.unique(painted[wider.window][near]).tolist())
        turn = [(place + step) % len(PALETTE) for step in range(len(PALETTE))]
        chosen.append(next((colour for colour in turn if colour not in taken), turn[0]))
        painted[patch.window][patch.mask] = chosen[-1]
    return chosen


def _placed_names(patches: Sequence[RegionPatch], shape: tuple[int, int]) -> tuple[list[TextLine], list[str]]:
    """A word for each piece that has room for it, no two overlapping, and the regions without any."""
    pieces = [(place, piece) for place, patch in enumerate(patches) for piece in _named_pieces(patch)]
    taken = np.zeros(shape, bool)
    words: list[tuple[int, TextLine]] = []
    # The smallest have the least choice.
    for place, piece in sorted(pieces, key=lambda one: int(one[1].mask.sum())):
        word = _place_name(piece, taken)
        if word is not None:
            words.append((place, word))
    named = {place for place, _ in words}
    missing = [patch.name for place, patch in enumerate(patches) if place not in named]
    return [word for _, word in sorted(words, key=lambda one: one[0])], missing


def _named_pieces(patch: RegionPatch) -> Iterator[RegionPatch]:
    """The pieces of a region that get its name: the largest, and those nearly as large."""
    from scipy.ndimage import find_objects, label

    if not patch.mask.size:
        return
    labels, count = label(patch.mask)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    for which, (rows, columns) in enumerate(find_objects(labels)):
        if areas[which] >= TWIN * areas.max():
            mask = labels[rows, columns] == which + 1
            yield RegionPatch(
                legible_text(patch.name), patch.top + rows.start, patch.left + columns.start, mask
            )


def _place_name(piece: RegionPatch, taken: Bool[np.ndarray, "h w"]) -> TextLine | None:
    """The name in the largest size that finds a place on its piece, free of other names, now taken too."""
    for size in SIZES:
        high, wide = _name_extent(piece.name, size)
        spot = _best_box(piece, taken, high, wide)
        if spot is not None:
            down, across = spot
            taken[down : down + high, across : across + wide] = True
            baseline = float(down + high / 2 + 0.26 * line_height(size))
            return TextLine(piece.name, float(across + wide / 2), baseline, size, align="center")
    return None


def _best_box(
    piece: RegionPatch, taken: Bool[np.ndarray, "h w"], high: int, wide: int
) -> tuple[int, int] | None:
    """Upper left corner of the best box of that size, if there is one."""
    if piece.mask.sum() < INSIDE * high * wide:
        return None
    # So far may a name reach over the border.
    over = math.ceil((1 - INSIDE) * high), math.ceil((1 - INSIDE) * wide)
    wider = piece.padded(*over, taken.shape)
    if high > wider.mask.shape[0] or wide > wider.mask.shape[1]:
        return None
    inside = _box_share(wider.mask, high, wide)
    inside[_box_share(taken[wider.window], high, wide) > 0] = 0.0
    if inside.max() < INSIDE:
        return None
    down, across = _middlemost_box(inside, _border_distance(wider.mask)[high // 2 :, wide // 2 :])
    return int(down) + wider.top, int(across) + wider.left


def _name_extent(name: str, size: RealNumber) -> tuple[int, int]:
    """Height and width that a name needs in pixels, its halo included."""
    return int(0.8 * line_height(size)) + 4, int(text_width(name, size)) + 8


def _box_share(mask: Bool[np.ndarray, "h w"], high: int, wide: int) -> Float[np.ndarray, "y x"]:
    """Share of each box of that size that lies on the mask, by the box's upper left corner."""
    total = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    box = total[high:, wide:] - total[:-high, wide:] - total[high:, :-wide] + total[:-high, :-wide]
    return np.asarray(box / (high * wide))


def _border_distance(mask: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """How far each pixel lies from the mask's border and the image's."""
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1])


def _middlemost_box(
    inside: Float[np.ndarray, "y x"], depth: Float[np.ndarray, "_ _"]
) -> Int[np.ndarray, "2"]:
    """Of the best boxes, those that lie deepest in the region; of these, the one nearest to their middle."""
    good = inside >= inside.max() - 0.1
    depth = np.where(good, depth[: inside.shape[0], : inside.shape[1]], -1.0)
    best = np.argwhere(depth >= 0.9 * depth.max())
    return np.asarray(best[np.argmin(np.hypot(*(best - best.mean(axis=0)).T))])
