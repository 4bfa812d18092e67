"""detectors of look-alikes → the masks of each concept in any image, found in its pixels."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._digests import image_digest
from sightline._resize import resize_nearest
from sightline.errors import OptionError, warn
from sightline.regions.segment_looks import SegmentLooks, describe_segments
from sightline.types import did_you_mean, record

if TYPE_CHECKING:
    from sightline.regions.region_set import Regions

REMEMBERED = 2000
"""Images whose segments and their looks are kept: several concepts are asked of each, and several times."""
MOST_COVERED = 0.85
"""Share of an image up to which a concept counts as found there: beyond, hiding it would leave nothing."""
GROWN = 0.03
"""Width of the margin that is hidden and pasted with what was found, as a share of the image's shorter side:
segments seldom end where the thing does."""


@record
class Detector:
    """What looks alike: the segments of an image whose looks are near enough to a centre.

    Parameters
    ----------
    centre : float array, shape (D,)
    weight : float array, shape (D,)
        What a difference of each number counts for.
    radius : float
        The largest distance that is near enough.
    """

    centre: Float[np.ndarray, "D"]
    weight: Float[np.ndarray, "D"]
    radius: float

    def finds(self, looks: Float[np.ndarray, "S D"]) -> Bool[np.ndarray, "S"]:
        """Which of some segments look like it.

        Examples
        --------
        >>> detector = Detector(np.zeros(2), np.ones(2), 1.0)
        >>> detector.finds(np.array([[0.5, 0.5], [2, 0]]))
        array([ True, False])
        """
        return np.asarray((((looks - self.centre) * self.weight) ** 2).sum(axis=1) <= self.radius**2)

    def mask(self, found: SegmentLooks, shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
        """The pixels of an image whose segments look like it."""
        return resize_nearest(self.finds(found.looks)[found.labels], shape)


@record
class ConceptShapes:
    """Concepts: things that are known by their looks, wherever they are in an image.

    Parameters
    ----------
    pieces : tuple of str, length R
    detectors : tuple of Detector, length R
    towards : tuple of int, length R
        The class that each was found to speak for.
    found_in : tuple of str
        Ids of the images of a study that they were chosen by, right and wrong answers: others may confirm.
    class_names : tuple of str, length R or 0
        What the classes of `towards` are called, where that is known: a model may number them otherwise.
    """

    pieces: tuple[str, ...]
    detectors: tuple[Detector, ...]
    towards: tuple[int, ...]
    found_in: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    shared = False
    needs_image = True

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_known_looks"}

    def __call__(
        self,
        shape: tuple[int, int],
        index: int | None,
        image: Shaped[np.ndarray, "..."] | None = None,
        /,
    ) -> Bool[np.ndarray, "R H W"]:
        assert image is not None, "Regions asks for it"
        found = self.looks_of(image)
        return np.stack([one.mask(found, shape) for one in self.detectors])

    def looks_of(self, image: Shaped[np.ndarray, "..."]) -> SegmentLooks:
        """An image's segments and what they look like."""
        known, key = self._known_looks, image_digest(image)
        if key not in known:
            if len(known) >= REMEMBERED:
                known.pop(next(iter(known)))
            known[key] = describe_segments(image)
        return known[key]

    @functools.cached_property
    def _known_looks(self) -> dict[str, SegmentLooks]:
        return {}


def concept_classes(
    concepts: "Regions", names: Sequence[str] | None, columns: int | None = None, *, here: bool = True
) -> tuple[int | None, ...]:
    """The class that each concept speaks for, as a model numbers it: found by its name where both have one.

    Parameters
    ----------
    concepts : Regions
    names : sequence of str, or None
        What the model's classes are called, in its order.
    columns : int, optional
        How many classes it has, where they have no names.
    here : bool
        Whether the concepts were found in images of this study: else numbers that have no names are said
        to be taken as they are.

    Returns
    -------
    tuple of int or None
        None where no class was told, or where concepts of several classes were joined.

    Raises
    ------
    OptionError
        If a model has no such class.
    """
    towards: Sequence[int] = getattr(concepts.shapes, "towards", None) or ()
    called: Sequence[str] = getattr(concepts.shapes, "class_names", None) or ()
    if not towards:
        return (None,) * len(concepts)
    known = len(names) if names else columns
    made: list[int | None] = []
    for name, pieces in zip(concepts.names, concepts.made_of, strict=True):
        numbers = {int(towards[piece]) for piece in pieces}
        if called and names:
            for one in dict.fromkeys(called[piece] for piece in pieces):
                if list(names).count(one) != 1:
                    raise _foreign_class(name, repr(one), did_you_mean(one, names))
            numbers = {list(names).index(called[piece]) for piece in pieces}
        elif known is not None and max(numbers) >= known:
            raise _foreign_class(name, f"number {max(numbers)}", f"It has 0 to {known - 1}.")
        made.append(numbers.pop() if len(numbers) == 1 else None)
    if bool(called) != bool(names) and not here:
        which = "the concepts" if not called else "the model's classes"
        told = [
            f"{name}: {names[one] if names else f'class {one}'}"
            for name, one in zip(concepts.names, made, strict=True)
            if one is not None
        ]
        warn(
            f"{which} come without class names, so the classes that concepts speak for are taken by number "
            f"({', '.join(told)}). Is that the order of the classes where they were found?",
            slug="concepts-classes",
        )
    return tuple(made)


def _foreign_class(concept: str, told: str, hint: str) -> OptionError:
    return OptionError(
        f"{concept!r} speaks for the class {told}, which the model does not have. {hint} Leave that concept "
        "out (concepts[names]), or give class_names= by the names of the study that it was found in.",
        slug="concepts-classes",
    )


def paste_piece(
    target: Shaped[np.ndarray, "..."],
    donor: Shaped[np.ndarray, "..."],
    mask: Bool[np.ndarray, "H W"],
    step: Int[np.ndarray, "2"],
) -> Shaped[np.ndarray, "..."]:
    """The target with the donor's pixels under the mask, moved by so much; what falls outside is left out."""
    down, across = np.nonzero(mask)
    to_down, to_across = down + step[0], across + step[1]
    inside = (to_down >= 0) & (to_down < target.shape[0]) & (to_across >= 0) & (to_across < target.shape[1])
    made = target.copy()
    made[to_down[inside], to_across[inside]] = donor[down[inside], across[inside]]
    return made
