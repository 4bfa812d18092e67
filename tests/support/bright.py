"""Regions that are found by what an image shows: the simplest ones there are."""

import numpy as np

from sightline.engine.image import unit_rgb
from sightline.regions import per_image
from sightline.regions.region_set import one_region_a_piece
from sightline.types import record


@record
class BrightShapes:
    """Pixels brighter than some share of white, and those darker than the rest of it."""

    pieces: tuple[str, ...] = ("bright", "dark")
    least: float = 0.9
    shared = False
    needs_image = True

    def __call__(self, shape, index, image=None, /):
        assert image is not None
        assert image.shape[:2] == shape
        shown = unit_rgb(image).mean(axis=2)
        return np.stack([shown > self.least, shown < 1 - self.least])


def bright(least=0.9):
    """What is bright, and what is dark, in an image's own pixels."""
    return one_region_a_piece(BrightShapes(least=least))


def known_bright(images, least=0.9):
    """The same, known of each image of some data beforehand."""
    found = BrightShapes(least=least)
    return per_image(np.stack([found(one.shape[:2], None, one) for one in images]), ["bright", "dark"])
