"""a person's hair: what hangs behind the head, and what lies on it."""

import numpy as np
from jaxtyping import Float

from sightline.data._face.canvas import Canvas
from sightline.data._face.look import Look
from sightline.data._face.person import STYLES, Person
from sightline.data._face.shapes import (
    Plane,
    box_distance,
    even_slope,
    pixel_coverage,
    smooth_ramp,
    soft_streak,
)
from sightline.data._face.stage import SKULL, Stage


def paint_back_hair(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Long hair that falls behind the neck."""
    hair = person.hair
    if hair.length:
        top = -0.25
        half = (person.head.width + hair.side, (hair.length - top) / 2)
        form = box_distance(at.u, at.v, (0.0, top + half[1]), half, 0.2)
        canvas.lay_colour(pixel_coverage(form, at.pixel), 0.93 * _hair_strands(person, look, at), "hair")


def paint_front_hair(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Hair on the skull, down to the hairline, and its shadow on the brow."""
    hair = person.hair
    if hair.style == "bald":
        return
    line = _hairline(person, at)
    canvas.shade(soft_streak(at.v - line - 0.02, 0.045) * (at.rim < 1) * 0.4, 0.6)
    alpha = pixel_coverage(even_slope(at.v - line, at.pixel), at.pixel * 1.5)
    # Hair stands off the skull: no gap may show between the two.
    low = min(hair.drop, 0.15)
    off = pixel_coverage(even_slope(1 - at.rim, at.pixel), at.pixel) * (
        1 - smooth_ramp(at.v, low - 0.15, low)
    )
    alpha = np.maximum(alpha, off) * pixel_coverage(even_slope(_hair_outline(person, at), at.pixel), at.pixel)
    if hair.style == "buzz":
        alpha = alpha * (1 - 0.25 * (at.rim < 0.97))
    canvas.lay_colour(alpha, _hair_strands(person, look, at), "hair")


def _hair_outline(person: Person, at: Stage) -> Plane:
    """Above 0 outside the hair."""
    hair, head = person.hair, person.head
    curly = hair.style == "curly"
    centre, below = (-0.2, 0.45) if curly else (0.0, head.chin + 0.1)
    depth = at.v - centre
    down = np.where(depth > 0, depth * (1 / below), depth * (1 / (head.crown + hair.top + centre)))
    across = at.u * (1 / (head.width + hair.side))
    level = np.abs(across) ** SKULL + np.abs(down) ** SKULL - 1
    if curly:
        level -= 0.06 * np.sin(np.arctan2(at.u, -depth) * round(15 * hair.wave) + hair.phase)
    return level


def _hairline(person: Person, at: Stage) -> Plane:
    """Height of the hairline at every pixel: over the forehead, and down at the temples."""
    hair, width = person.hair, person.head.width
    across = at.s * (1 / width)
    line = hair.sweep * across + 0.1 * across * across - hair.line
    if hair.style == "long":
        line -= 0.12 * (1 - smooth_ramp(np.abs(across + hair.sweep * 3), 0.0, 0.5))
    elif hair.style == "receding":
        line -= 0.1 * soft_streak(np.abs(across) - 0.5, 0.2)
    elif hair.style in ("fringe", "bob"):
        line += 0.007 * np.sin(across * 17 + hair.phase) + 0.006 * np.sin(across * 29)
    return np.asarray(
        line + (hair.drop - line) * smooth_ramp(np.abs(at.u) * (1 / width), *STYLES[hair.style].temple)
    )


def _hair_strands(person: Person, look: Look, at: Stage) -> Float[np.ndarray, "H W 3"]:
    """The hair's colour, in strands that fall from the crown, with a sheen."""
    hair = person.hair
    angle, radius = np.arctan2(at.u + hair.sweep, 0.25 - at.v), np.hypot(at.u, at.v)
    lock, bend = angle * (23 * hair.wave) + hair.phase, 2 * np.sin(radius * 7 + hair.phase)
    wave = np.sin(lock + bend) + np.sin(lock * 1.7 - bend) + np.sin(lock * 0.43)
    tone = 1 + (0.05 - 0.03 * hair.colour[1]) * wave + 0.16 * look.light[0] * at.u
    sheen = soft_streak(radius - person.head.crown * 0.92, 0.1) * soft_streak(
        angle - 0.7 * look.light[0], 0.8
    )
    base = np.asarray(hair.colour, np.float32)
    lit = base * tone[..., np.newaxis] + (0.06 + 0.16 * base) * sheen[..., np.newaxis]
    return np.asarray(np.clip(lit, 0, 1))
