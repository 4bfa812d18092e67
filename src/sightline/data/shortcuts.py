"""images → the same images with a mark planted, and where it is."""

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._arguments import check_choice, clear_arguments
from sightline._checks import check_number
from sightline._value_range import value_range
from sightline.errors import ImageError
from sightline.types import option

Place = str | tuple[float, float] | Float[np.ndarray, "..."]

CORNERS = {
    "corner top-left": (0.0, 0.0),
    "corner top-right": (0.0, 1.0),
    "corner bottom-left": (1.0, 0.0),
    "corner bottom-right": (1.0, 1.0),
}
# Middle of each region, down and across, in a face cut as the Olivetti faces are: read off their mean.
FACE = {
    "forehead": (0.08, 0.50),
    "left eye": (0.26, 0.26),
    "right eye": (0.26, 0.75),
    "nose": (0.55, 0.50),
    "left cheek": (0.50, 0.18),
    "right cheek": (0.50, 0.82),
    "mouth": (0.73, 0.50),
    "jaw": (0.90, 0.50),
}
REGIONS = (*FACE, *CORNERS)
KINDS = ("patch", "mark")


@option
class Shortcut:
    """A small mark that goes with some classes, so that a model can know them without the face.

    Parameters
    ----------
    region : str
        Where it is: ``"forehead"``, ``"left eye"``, ``"right eye"``, ``"nose"``, ``"left cheek"``,
        ``"right cheek"``, ``"mouth"``, ``"jaw"``, or ``"corner top-left"``, ``"corner top-right"``,
        ``"corner bottom-left"``, ``"corner bottom-right"``. Left and right are the image's.
    classes : tuple of int
        The classes that it goes with.
    p_in_class, p_elsewhere : float
        How often it is there in images of those classes, and of the others; both 0 to 1.
    kind : str
        ``"patch"``, a white square, or ``"mark"``, a dark round spot.
    size : float
        Its width as a share of the image's shorter side, above 0 and at most 0.5.
    strength : float
        How much of what lies under it is covered: above 0, at most 1.

    Raises
    ------
    OptionError
        If a region or kind does not exist, or a number is out of range.

    Examples
    --------
    >>> Shortcut(region="jaw", classes=(3, 7), strength=0.5).p_in_class
    1.0
    """

    region: str
    classes: tuple[int, ...]
    strength: float = 1.0
    p_in_class: float = 1.0
    p_elsewhere: float = 0.0
    kind: str = "patch"
    size: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        check_choice("region", self.region, REGIONS)
        _check_mark(self.size, self.strength, self.kind)
        check_number("p_in_class", self.p_in_class, at_least=0, at_most=1)
        check_number("p_elsewhere", self.p_elsewhere, at_least=0, at_most=1)


@clear_arguments
def plant_mark(
    images: Shaped[np.ndarray, "N H W C"],
    present: Bool[np.ndarray, "..."],
    where: Place = "jaw",
    *,
    size: float = 0.1,
    strength: float = 1.0,
    kind: str = "patch",
) -> tuple[Shaped[np.ndarray, "N H W C"], Bool[np.ndarray, "N H W"]]:
    """Plant a mark in some of the images, such as real faces.

    Parameters
    ----------
    images : array, shape (N, H, W, C)
        Channels last. White is what nearly all of their values say: 1 of floats from 0 to 1, else 255, or
        what the bits that they use can hold.
    present : bool array, shape (N,)
        Which images get it.
    where : str, (down, across) or float array of shape (N, 2)
        A region as in `Shortcut`, as it lies in a face that fills the image (`olivetti`); or the mark's
        middle in shares of the image's height and width, for all images or for each.
    size, strength, kind
        As in `Shortcut`.

    Returns
    -------
    images : array, shape (N, H, W, C)
        New images of the same dtype, changed nowhere but under the mark.
    masks : bool array, shape (N, H, W)
        Where the mark is in each image: every pixel of which it covers any part.

    Raises
    ------
    OptionError
        If the region or kind does not exist, or a number is out of range.
    ImageError
        If `present` or `where` does not have one item for each image.

    Examples
    --------
    >>> faces = np.zeros((2, 20, 20, 3))
    >>> marked, masks = plant_mark(faces, np.array([True, False]), "jaw")
    >>> masks.sum(axis=(1, 2)).tolist(), marked.max()
    ([4, 0], np.float64(1.0))
    """
    _check_mark(size, strength, kind)
    if present.shape != (len(images),):
        raise ImageError(
            f"{len(images)} images were given, but present has shape {present.shape}: give one for each.",
            slug="labels-unfit",
        )
    middles = _mark_centres(where, len(images), size, images.shape[1:3])
    out, masks = images.copy(), np.zeros(images.shape[:3], dtype=bool)
    tone = value_range(images)[1] if kind == "patch" else 0.0
    for row in np.flatnonzero(present):
        alpha = _mark_coverage(images.shape[1:3], middles[row], size, kind)
        masks[row] = alpha > 0
        under = images[row][masks[row]].astype(np.float64)
        covered = under + (strength * alpha[masks[row]])[:, np.newaxis] * (tone - under)
        out[row][masks[row]] = np.rint(covered) if images.dtype.kind in "ui" else covered
    return out, masks


def _mark_coverage(
    shape: tuple[int, ...], middle: Float[np.ndarray, "2"], size: float, kind: str
) -> Float[np.ndarray, "H W"]:
    """Share of each pixel that the mark covers."""
    down, across = (np.abs(np.arange(n) + 0.5 - m * n) for n, m in zip(shape, middle, strict=True))
    far = np.hypot if kind == "mark" else np.maximum
    radius = max(size * min(shape), 1) / 2
    return np.asarray(np.clip(0.5 + radius - far(down[:, np.newaxis], across), 0, 1))


def _mark_centres(where: Place, count: int, size: float, shape: tuple[int, ...]) -> Float[np.ndarray, "N 2"]:
    if isinstance(where, str):
        check_choice("region", where, REGIONS)
        place = np.asarray(FACE[where] if where in FACE else corner_centre(where, size, shape))
    else:
        place = np.asarray(where, dtype=np.float64)
    if place.shape not in ((2,), (count, 2)):
        raise ImageError(
            f"where must be the name of a region, (down, across), or an array of shape ({count}, 2), one row "
            f"for each image, but its shape is {place.shape}.",
            slug="mark-place",
        )
    return np.broadcast_to(place, (count, 2))


def corner_centre(name: str, size: float, shape: tuple[int, ...]) -> tuple[float, float]:
    """Middle of a mark that lies in a corner, a little inside the image."""
    inset = [(0.5 * size + 0.03) * min(shape) / side for side in shape]
    down, across = (end + (1 - 2 * end) * gap for end, gap in zip(CORNERS[name], inset, strict=True))
    return down, across


def _check_mark(size: float, strength: float, kind: str) -> None:
    check_choice("kind", kind, KINDS)
    check_number("size", size, above=0, at_most=0.5)
    check_number("strength", strength, above=0, at_most=1)
