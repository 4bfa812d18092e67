"""a person's eyes, brows and glasses."""

import numpy as np

from sightline.data._face.canvas import Canvas
from sightline.data._face.look import Look
from sightline.data._face.person import DARK, LIGHT, Person, brightness, mix_colours
from sightline.data._face.shapes import (
    Pair,
    Plane,
    band_distance,
    box_distance,
    ellipse_distance,
    pixel_coverage,
    smooth_ramp,
    soft_blob,
    soft_streak,
)
from sightline.data._face.stage import Stage


def paint_eyes(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Both eyes and their lids."""
    for side in (-1.0, 1.0):
        window = at.window((side * person.eyes.apart, person.eyes.y), (person.eyes.width * 1.3, 0.16))
        _paint_eye(canvas.crop(window), person, look, at.crop(window), side)


def _paint_eye(canvas: Canvas, person: Person, look: Look, at: Stage, side: float) -> None:
    eye, opening = person.eyes, person.eyes.opening * look.lids
    x = (at.s - side * eye.apart) * (1 / eye.width)
    y = at.t - eye.y - side * eye.slant * eye.width * x
    bow = np.clip(1 - x * x, -1, 1)
    upper, lower = -opening * np.sign(bow) * np.abs(bow) ** 0.8, opening * 0.62 * bow
    canvas.claim_part((band_distance(y, upper - 0.026, lower + 0.022) < 0) & (np.abs(x) < 1.12), "eyes")
    inside = pixel_coverage(band_distance(y, upper, lower), at.pixel) * (np.abs(x) < 1)
    white = min(max(0.3 + 0.75 * brightness(person.skin), 0.55), 0.95)
    canvas.lay_colour(inside, (white, white * 0.97, white * 0.95))
    _paint_iris(canvas, person, look, at, side, inside)
    canvas.lay_colour(inside * (1 - smooth_ramp(y - upper, 0.0, opening * 0.8)) * 0.45, DARK)
    _paint_lids(canvas, x, y - upper, y - lower, at.pixel)


def _paint_lids(canvas: Canvas, x: Plane, over: Plane, under: Plane, pixel: float) -> None:
    """The dark line of the lashes, the faint one below, the crease above."""
    ends = np.abs(x) < 1.08
    canvas.lay_colour(
        pixel_coverage(np.abs(over) - 0.011 * np.clip(1.25 - x * x, 0, 1), pixel) * ends * 0.85, DARK
    )
    canvas.lay_colour(pixel_coverage(np.abs(under) - 0.004, pixel) * ends * 0.3, DARK)
    canvas.shade(soft_blob(x, over, (0, -0.035), (0.95, 0.012)) * ends * 0.55, 0.72)


def _paint_iris(canvas: Canvas, person: Person, look: Look, at: Stage, side: float, inside: Plane) -> None:
    eye, radius = person.eyes, person.eyes.width * 0.47
    centre = (side * eye.apart + look.gaze[0] * eye.width * 0.6, eye.y - 0.004 + look.gaze[1] * 0.03)
    ring = ellipse_distance(at.s, at.t, centre, (radius, radius))
    canvas.lay_colour(pixel_coverage(ring, at.pixel) * inside, mix_colours(eye.iris, DARK, 0.35))
    canvas.lay_colour(pixel_coverage(ring + radius * 0.25, at.pixel) * inside, eye.iris)
    canvas.lay_colour(pixel_coverage(ring + radius * 0.55, at.pixel) * inside, (0.03, 0.03, 0.03))
    towards = 0.35 if look.light[0] >= 0 else -0.35
    spark = (centre[0] + radius * towards, centre[1] - radius * 0.4)
    canvas.lay_colour(
        soft_blob(at.s, at.t, spark, (radius * 0.3, radius * 0.3)) * inside * 0.9, (1.0, 1.0, 1.0)
    )


def paint_brows(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Both eyebrows: thick towards the nose, thin outward; darker than fair hair."""
    eye, hair = person.eyes, person.hair
    fair = hair.style == "bald" or brightness(hair.colour) > LIGHT - 0.1
    colour = mix_colours(hair.colour, (0.25, 0.18, 0.13) if fair else person.skin, 0.55 if fair else 0.12)
    height = eye.y - eye.brow_gap - look.brows
    for side in (-1.0, 1.0):
        window = at.window((side * eye.apart * 1.02, height), (eye.width * 1.45, 0.12))
        near, x = at.crop(window), (side * at.s[window] - eye.apart * 1.02) * (1 / (eye.width * 1.35))
        curve = eye.brow_arch * (x - 0.1) ** 2 + eye.brow_slant * x
        thick = eye.brow_thick * (0.8 - 0.45 * x) * np.sqrt(np.clip(1.4 - x * x * 1.4, 0, 1))
        alpha = pixel_coverage(np.abs(near.t - height - curve) - thick, at.pixel * 1.6) * (np.abs(x) < 1)
        canvas.crop(window).lay_colour(alpha * 0.86, colour, "eyebrows")


def paint_glasses(canvas: Canvas, person: Person, at: Stage) -> None:
    """Frame, bridge and arms; the glass itself, with its glare, shows the eyes."""
    round_ = person.glasses.shape == "round"
    half = (0.155, 0.15) if round_ else (0.165, 0.115)
    place = (max(person.eyes.apart, half[0] + 0.03), person.eyes.y + 0.015)
    lens = box_distance(np.abs(at.s), at.t, place, half, 0.14 if round_ else 0.05)
    glare = soft_streak(at.s + at.t * 0.8 - (place[0] - 0.06), 0.03)
    canvas.lay_colour(pixel_coverage(lens, at.pixel) * (0.07 + 0.2 * glare), (1.0, 1.0, 1.0))
    frame = np.minimum(np.abs(lens) - person.glasses.thick, _glasses_stays(person, at, place, half))
    canvas.lay_colour(pixel_coverage(frame, at.pixel), person.glasses.colour, "glasses")


def _glasses_stays(person: Person, at: Stage, place: Pair, half: Pair) -> Plane:
    """Distance to the bridge between the lenses and the arms beside them."""
    side, height = np.abs(at.s), at.t - (person.eyes.y - 0.03)
    thick = person.glasses.thick
    bridge = np.maximum(np.abs(height - 0.3 * at.s * at.s) - thick, side - (place[0] - half[0]))
    arms = np.maximum(np.abs(height) - thick, place[0] + half[0] - side)
    return np.asarray(np.minimum(bridge, np.maximum(arms, np.abs(at.u) - (person.head.width + 0.01))))
