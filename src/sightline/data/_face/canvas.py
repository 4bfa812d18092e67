"""size → what a face is painted on: the image so far, and the coordinates of every pixel."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from sightline.data._face.person import Colour, Look, Person
from sightline.data._face.shapes import Pair, Plane, smooth_ramp
from sightline.types import record

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

    def lay(self, alpha: Plane, colour: Colour | Float[np.ndarray, "H W 3"], part: str | None = None) -> None:
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


ZOOM = 1.18
# How square the skull is, seen from before: 2 is an oval.
SKULL = 2.25


@record
class Stage:
    """Coordinates of every pixel, and the size of one.

    `x`, `y` of the image; `u`, `v` of the head; `s`, `t` of the turned face; `body` is `x` seen from
    the neck; `rim` is 0 at the middle of the head and 1 at its outline.
    """

    x: Plane
    y: Plane
    u: Plane
    v: Plane
    s: Plane
    t: Plane
    body: Plane
    rim: Plane
    pixel: float

    def crop(self, window: tuple[slice, slice]) -> "Stage":
        """The same coordinates, of a part of the image."""
        planes = {
            f.name: getattr(self, f.name)[window] for f in dataclasses.fields(self) if f.name != "pixel"
        }
        return Stage(**planes, pixel=self.pixel)

    def window(self, at: Pair, reach: Pair) -> tuple[slice, slice]:
        """Rows and columns around a place of the face."""
        near = (np.abs(self.s - at[0]) < reach[0]) & (np.abs(self.t - at[1]) < reach[1])
        return _used_slice(near.any(axis=1)), _used_slice(near.any(axis=0))

    def nearest_pixel(self, at: Pair) -> Pair:
        """The pixel where the face has this place: its middle, down and across, in shares of the image."""
        far = (self.s - at[0]) ** 2 + (self.t - at[1]) ** 2
        row, column = divmod(int(far.argmin()), far.shape[1])
        return (row + 0.5) / far.shape[0], (column + 0.5) / far.shape[1]


def set_stage(person: Person, look: Look, size: int) -> Stage:
    """The coordinates of an image."""
    line = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / size) - 1
    x, y = np.broadcast_to(line, (size, size)), np.broadcast_to(line[:, np.newaxis], (size, size))
    scale = ZOOM * look.scale
    cos, sin = float(np.cos(look.angle)) / scale, float(np.sin(look.angle)) / scale
    across, down = x - look.across, y - (look.down - 0.02)
    u, v = cos * across + sin * down, cos * down - sin * across
    return Stage(
        x=x,
        y=y,
        u=u,
        v=v,
        s=_drum_position(u, look.yaw, person.head.width * 1.4),
        t=_drum_position(v, look.pitch, 1.0),
        body=(x - 0.7 * look.across) * (1 / ZOOM),
        rim=_rim_distance(person, u, v),
        pixel=2 / size / scale,
    )


def _drum_position(along: Plane, angle: float, radius: float) -> Plane:
    """Where on a turned drum of this radius each pixel lies."""
    angles = np.arcsin(np.clip(along * (1 / radius), -0.985, 0.985))
    return radius * np.sin(angles - angle)


def _rim_distance(person: Person, u: Plane, v: Plane) -> Plane:
    """Two half ovals; the lower one narrows to the chin and may be squarer."""
    head = person.head
    up, low = np.maximum(-v, 0) * (1 / head.crown), np.clip(v * (1 / head.chin), 0, 1.2)
    width = head.width * (1 - head.taper * low * low)
    # A sudden change of power at eye level would be seen as a line in the light.
    power = SKULL + (head.square - SKULL) * smooth_ramp(v, -0.2, 0.35)
    return np.asarray(np.abs(u / width) ** power + low**head.square + up**SKULL)


def _used_slice(used: Any) -> slice:
    places = np.flatnonzero(used)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)
