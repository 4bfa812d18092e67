"""detectors of look-alikes → the masks of each concept in any image, found in its pixels."""

import functools
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._digests import image_digest
from sightline._resize import resize_nearest
from sightline.regions.segment_looks import SegmentLooks, describe_segments
from sightline.types import record

REMEMBERED = 2000
"""Images whose segments and their looks are kept: several concepts are asked of each, and several times."""


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
    """

    pieces: tuple[str, ...]
    detectors: tuple[Detector, ...]
    towards: tuple[int, ...]
    found_in: tuple[str, ...] = ()
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
