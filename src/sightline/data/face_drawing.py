"""seed → drawn faces, with the part that each pixel shows, and a planted shortcut if asked."""

import functools
import operator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from sightline._arguments import clear_arguments
from sightline._checks import check_number, check_seed, check_whole, is_whole
from sightline._limits import check_needed_memory
from sightline.data._face.canvas import PARTS, Stage, set_stage
from sightline.data._face.painting import expose_canvas, face_landmarks, paint_face
from sightline.data._face.person import Look, Person, draw_look, draw_person
from sightline.data.datasets import ArrayDataset
from sightline.data.shortcuts import CORNERS, Shortcut, corner_centre, plant_mark
from sightline.errors import OptionError
from sightline.types import record

# What the eye makes of red, green and blue (ITU-R BT.709), as scikit-image's rgb2gray has it.
LUMINANCE = np.array([0.2125, 0.7154, 0.0721], np.float32)
# One stream of random numbers for each purpose, so that none shifts another.
PEOPLE, LOOKS, MARKS = range(3)
MOST_PEOPLE = 100_000
PIXEL_BYTES = 14
"""Of memory for each pixel drawn: its colour, its part and its mark."""


@record
class DrawnFaces(ArrayDataset):
    """Drawn faces: what each pixel shows is known, and so is what a model could cheat with.

    Parameters
    ----------
    images, labels, class_names
        As in `ArrayDataset`.
    visible : uint8 array, shape (N, H, W)
        What each pixel shows: a place in `DrawnFaces.part_names`.
    mark : bool array, shape (N, H, W)
        Where the shortcut's mark is. It lies on top; `visible` tells what is under it.
    marked : bool array, shape (N,)
        Which images have it.
    shortcut : Shortcut or None
        What was planted.
    """

    visible: UInt8[np.ndarray, "N H W"]
    mark: Bool[np.ndarray, "N H W"]
    marked: Bool[np.ndarray, "N"]
    shortcut: Shortcut | None

    __repr__ = ArrayDataset.__repr__  # or the dataclass would print the arrays

    def _repr_suffix(self) -> str:
        return "" if self.shortcut is None else f"; {int(self.marked.sum())} with {self.shortcut!r}"

    @property
    def part_names(self) -> tuple[str, ...]:
        """The parts that a face may have, from the back to the front."""
        return PARTS

    @functools.cached_property
    def parts(self) -> dict[str, Bool[np.ndarray, "N H W"]]:
        """Visible pixels of each part. Together they cover every image, and no two overlap."""
        return {name: self.visible == place for place, name in enumerate(PARTS)}

    @clear_arguments
    def segments_of(self, which: int) -> tuple[Int[np.ndarray, "H W"], tuple[str, ...]]:
        """One image's parts as segments, the mark being one of them.

        Parameters
        ----------
        which : int
            Place of the image.

        Returns
        -------
        labels : int array, shape (H, W)
            Segment ids 0..S-1: for ``sl.Given(labels)``.
        names : tuple of str, length S
            What each segment is: the parts to be seen, then ``"mark"`` if there is one.

        Examples
        --------
        >>> labels, names = drawn_faces(1).segments_of(0)
        >>> names[labels[0, 0]], int(labels.max()) + 1 == len(names)
        ('background', True)
        """
        which = _checked_place(which, len(self))
        shown = np.where(self.mark[which], len(PARTS), self.visible[which])
        places, labels = np.unique(shown, return_inverse=True)
        return labels.reshape(shown.shape), tuple((*PARTS, "mark")[place] for place in places)


@clear_arguments
def drawn_faces(
    n_images: int,
    *,
    people: int = 20,
    size: int = 64,
    seed: int = 0,
    shortcut: Shortcut | None = None,
    colour: bool = False,
    variety: float = 1.0,
) -> DrawnFaces:
    """Draw faces: `people` persons in turn, each time with another pose, expression, light and background.

    Image i shows person ``i % people`` and depends on i, `people`, `size`, `seed`, `colour` and `variety`
    only: more images begin with the same ones, and a shortcut changes no pixel but those of its mark.
    An image of another size shows the same face.

    Parameters
    ----------
    n_images : int
        How many images.
    people : int
        How many persons, one class each.
    size : int
        Height and width in pixels, 32 to 512.
    seed : int
        Not negative. Another seed, other people.
    shortcut : Shortcut, optional
        A mark that goes with some of the classes.
    colour : bool
        Coloured images rather than grey ones, repeated to RGB as `olivetti`'s are.
    variety : float
        How much the images of one person differ: 0 not at all, 1 as before a camera, 2 wildly.

    Returns
    -------
    DrawnFaces
        Float32 images of shape (n, size, size, 3) from 0 to 1.

    Raises
    ------
    OptionError
        If a number is out of range, or the shortcut goes with a class that is not there.

    Examples
    --------
    >>> faces = drawn_faces(6, people=3, shortcut=Shortcut(region="jaw", classes=(1,)))
    >>> faces.images.shape, faces.labels.tolist(), faces.marked.tolist()
    ((6, 64, 64, 3), [0, 1, 2, 0, 1, 2], [False, True, False, False, True, False])
    """
    _check_drawing(n_images, people, size, seed, variety, shortcut)
    cast = [
        draw_person(np.random.default_rng((seed, PEOPLE, which))) for which in range(min(people, n_images))
    ]
    images = np.empty((n_images, size, size, 3), np.float32)
    visible = np.empty((n_images, size, size), np.uint8)
    middles = np.zeros((n_images, 2))
    for row in range(n_images):
        person, rng = cast[row % people], np.random.default_rng((seed, LOOKS, row))
        look = draw_look(rng, person, variety)
        at = set_stage(person, look, size)
        canvas = paint_face(person, look, at)
        exposed = expose_canvas(canvas, look, rng)
        images[row] = exposed if colour else (exposed @ LUMINANCE)[..., np.newaxis].clip(0, 1)
        visible[row] = canvas.part
        if shortcut is not None:
            middles[row] = _mark_centre(shortcut, person, look, at)
    labels = np.arange(n_images) % people
    marked = _draw_marked(shortcut, labels, seed)
    images, mark = _plant_shortcut(images, marked, middles, shortcut)
    names = tuple(f"person {which}" for which in range(people))
    return DrawnFaces(images, labels, names, visible, mark, marked, shortcut)


def _checked_place(which: Any, count: int) -> int:
    if not (is_whole(which) and -count <= which < count):
        raise OptionError(
            f"which must be the place of an image, a whole number from 0 to {count - 1}, but {which!r} was "
            "given.",
            slug="option-value",
        )
    return operator.index(which)


def _mark_centre(shortcut: Shortcut, person: Person, look: Look, at: Stage) -> tuple[float, float]:
    """Where the mark is to be: it moves with the face, or stays in its corner."""
    if shortcut.region in CORNERS:
        return corner_centre(shortcut.region, shortcut.size, at.x.shape)
    return at.nearest_pixel(face_landmarks(person, look)[shortcut.region])


def _draw_marked(shortcut: Shortcut | None, labels: Int[np.ndarray, "N"], seed: int) -> Bool[np.ndarray, "N"]:
    if shortcut is None:
        return np.zeros(len(labels), dtype=bool)
    chances = np.where(np.isin(labels, shortcut.classes), shortcut.p_in_class, shortcut.p_elsewhere)
    return np.random.default_rng((seed, MARKS)).random(len(labels)) < chances


def _plant_shortcut(
    images: Float[np.ndarray, "N H W 3"],
    marked: Bool[np.ndarray, "N"],
    middles: Float[np.ndarray, "N 2"],
    shortcut: Shortcut | None,
) -> tuple[Float[np.ndarray, "N H W 3"], Bool[np.ndarray, "N H W"]]:
    if shortcut is None:
        return images, np.zeros(images.shape[:3], dtype=bool)
    return plant_mark(
        images, marked, middles, size=shortcut.size, strength=shortcut.strength, kind=shortcut.kind
    )


def _check_drawing(
    n_images: int, people: int, size: int, seed: int, variety: float, shortcut: Shortcut | None
) -> None:
    check_whole("n_images", n_images)
    check_whole("people", people, most=MOST_PEOPLE)
    check_number("size", size, at_least=32, at_most=512)
    check_whole("size", size)
    check_seed("seed", seed)
    check_number("variety", variety, at_least=0, at_most=2)
    check_needed_memory(
        f"{n_images:,} drawn faces of {size}×{size} pixels", n_images * size**2 * PIXEL_BYTES, "DRAWN_BYTES"
    )
    for label in () if shortcut is None else shortcut.classes:
        if not 0 <= label < people:
            raise OptionError(
                f"the shortcut goes with class {label}, but {people} people have classes 0 to {people - 1}.",
                slug="option-value",
            )
