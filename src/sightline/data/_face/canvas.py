"""the image while it is painted, and which part is on top at each pixel."""

import numpy as np
from jaxtyping import Bool, Float, UInt8

from sightline.data._face.person import Colour
from sightline.data._face.shapes import Plane

PARTS = (
    "background",
    "clothes",
    "neck",
    "ears",
    "forehead",
    "cheeks",
    "jaw",
    "nose",
    "eyes",
    "eyebrows",
    "mouth",
    "hair",
    "glasses",
)


class Canvas:
    """An image in work. Painters change it in place, in order from the back to the front."""

    def __init__(self, colour: Float[np.ndarray, "H W 3"], part: UInt8[np.ndarray, "H W"]) -> None:
        self.colour, self.part = colour, part

    @classmethod
    def blank(cls, size: int) -> "Canvas":
        """Nothing but background."""
        return cls(np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.uint8))

    def crop(self, window: tuple[slice, slice]) -> "Canvas":
        """A part of the image; what is painted there shows in the whole."""
        return Canvas(self.colour[window], self.part[window])

    def lay_colour(
        self, alpha: Plane, colour: Colour | Float[np.ndarray, "H W 3"], part: str | None = None
    ) -> None:
        """Lay a colour on, `alpha` of it; where it covers half a pixel or more it becomes `part`."""
        self.colour += alpha[..., np.newaxis] * (np.asarray(colour, np.float32) - self.colour)
        if part is not None:
            self.claim_part(alpha >= 0.5, part)

    def shade(self, alpha: Plane, by: float) -> None:
        """Leave `by` of the light where alpha is 1, all of it where alpha is 0."""
        self.colour *= (1 + alpha * (by - 1))[..., np.newaxis]

    def claim_part(self, where: Bool[np.ndarray, "H W"], part: str) -> None:
        """Say which part these pixels show."""
        self.part[where] = PARTS.index(part)

    def copy(self) -> "Canvas":
        """The image so far."""
        return Canvas(self.colour.copy(), self.part.copy())

    def keep_only(self, where: Plane, before: "Canvas") -> None:
        """Take back what was painted since `before`, but for `where`."""
        self.colour[...] = before.colour + where[..., np.newaxis] * (self.colour - before.colour)
        self.part[...] = np.where(where >= 0.5, self.part, before.part)
