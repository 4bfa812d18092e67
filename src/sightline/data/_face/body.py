"""what surrounds the features: background, clothes, neck, ears, and the skin of the head."""

import numpy as np
from jaxtyping import Float

from sightline.data._face.canvas import Canvas
from sightline.data._face.look import Look
from sightline.data._face.person import Person
from sightline.data._face.shapes import (
    Plane,
    ellipse_distance,
    even_slope,
    pixel_coverage,
    smooth_ramp,
    soft_blob,
    soft_streak,
)
from sightline.data._face.stage import Stage

# Light that has been through skin comes out red, so its shadows are warm.
WARMTH = np.array([0.90, 1.02, 1.06], np.float32)


def skin_tone(person: Person, light: Plane) -> Float[np.ndarray, "H W 3"]:
    """Skin under this light."""
    lit = 1 + (light - 1)[..., np.newaxis] * WARMTH
    return np.asarray(np.clip(np.asarray(person.skin, np.float32) * lit, 0, 1))


def paint_background(canvas: Canvas, look: Look, at: Stage) -> None:
    """A wall with a soft light on it."""
    tone = 0.82 + 0.3 * soft_blob(at.x, at.y, look.glow, (0.9, 0.9)) - 0.05 * at.y
    canvas.colour[...] = np.asarray(look.backdrop, np.float32) * tone[..., np.newaxis]


def paint_neck(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """The neck, in the shade of the jaw."""
    head = person.head
    wide = head.neck + 0.05 * smooth_ramp(at.y, 0.75, 1.0) - 0.02 * smooth_ramp(at.y, 0.5, 0.7)
    across = at.body * (1 / head.neck)
    light = 0.9 - 0.3 * across * across - 0.22 * look.light[0] * across
    shadow = 0.5 * np.exp(-5 * np.clip(at.v - head.chin * 0.93, 0, 1))
    form = np.maximum(np.abs(at.body) - wide, 0.3 - at.y)
    canvas.lay_colour(
        pixel_coverage(form, at.pixel), skin_tone(person, np.clip(light * (1 - shadow), 0.1, 1.1)), "neck"
    )


def paint_clothes(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Shoulders and a collar."""
    side, neck = np.abs(at.body), person.head.neck
    slope = 0.858 + 0.157 * smooth_ramp(side, neck, 0.95)
    edge = np.where(side < neck, 0.951 - 0.093 * (side * (1 / neck)) ** 2, slope)
    light = np.clip(1 - 0.35 * smooth_ramp(side, 0.3, 1.1) - 0.18 * look.light[0] * at.body, 0.3, 1.2)
    shirt = np.clip(np.asarray(person.shirt, np.float32) * light[..., np.newaxis], 0, 1)
    canvas.lay_colour(pixel_coverage(edge - at.y, at.pixel), shirt, "clothes")
    canvas.shade(soft_streak(at.y - edge - 0.02, 0.018) * (side < neck + 0.04) * 0.5, 0.7)


def paint_ears(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Ears; of a turned head one comes forward, the other hides."""
    head = person.head
    radius = (0.065 * head.ear, 0.125 * head.ear)
    for side in (-1.0, 1.0):
        centre = (side * (head.width + 0.012) - 0.1 * look.yaw, person.eyes.y + 0.09 + 0.1 * look.pitch)
        light = np.full_like(at.u, 0.84 + 0.14 * side * look.light[0])
        canvas.lay_colour(
            pixel_coverage(ellipse_distance(at.u, at.v, centre, radius), at.pixel),
            skin_tone(person, light),
            "ears",
        )
        inner = (centre[0] + side * 0.008, centre[1] - 0.01)
        canvas.shade(soft_blob(at.u, at.v, inner, (radius[0] * 0.5, radius[1] * 0.6)) * 0.5, 0.6)


def paint_head(canvas: Canvas, person: Person, at: Stage, light: Plane) -> Plane:
    """The lit skin of the head, divided into forehead, cheeks and jaw. Returns its cover."""
    skin = pixel_coverage(even_slope(at.rim - 1, at.pixel), at.pixel)
    canvas.lay_colour(skin, skin_tone(person, light), "cheeks")
    eyes, mouth = person.eyes, person.mouth
    canvas.claim_part((skin >= 0.5) & (at.t < eyes.y - eyes.brow_gap * 0.55), "forehead")
    canvas.claim_part((skin >= 0.5) & (at.t > mouth.y - 0.25 * np.clip(np.abs(at.s) - 0.3, 0, 1)), "jaw")
    return skin


def paint_bloom(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Red on the cheeks, a soft shine on forehead and nose where the light comes from."""
    red, green, blue = person.skin
    cheeks = soft_blob(np.abs(at.s), at.t, (0.3, 0.22), (0.13, 0.11))
    canvas.lay_colour(cheeks * 0.22, (red, green * 0.68, blue * 0.66))
    shift = 0.16 * look.light[0]
    shine = 0.1 * soft_blob(at.s, at.t, (shift, -0.32), (0.2, 0.1))
    shine += 0.16 * soft_blob(at.s, at.t, (shift * 0.2, 0.2), (0.025, 0.06))
    canvas.lay_colour(shine, (1.0, 0.97, 0.93))
