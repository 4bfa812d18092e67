"""a person's nose and mouth, the folds between them, the beard around them."""

import numpy as np

from sightline.data._face.canvas import Canvas
from sightline.data._face.look import Look
from sightline.data._face.person import DARK, Colour, Person, mix_colours
from sightline.data._face.shapes import (
    Plane,
    band_distance,
    ellipse_distance,
    pixel_coverage,
    smooth_ramp,
    soft_blob,
    soft_streak,
)
from sightline.data._face.stage import Stage


def paint_nose(canvas: Canvas, person: Person, at: Stage) -> None:
    """Nostrils, wings and the shade under the tip; the ridge is in the relief."""
    form, side = person.nose, np.abs(at.s)
    top = person.eyes.y - 0.05
    width = 0.035 + form.width * 0.85 * smooth_ramp(at.t, top, form.y - 0.02) ** 2
    canvas.claim_part((side < width) & (at.t > top) & (at.t < form.y + 0.05), "nose")
    canvas.shade(soft_blob(at.s, at.t, (0.0, form.y + 0.055), (form.width, 0.028)) * 0.5, 0.55)
    hole = ellipse_distance(side, at.t, (form.width * 0.42, form.y + 0.038), (form.width * 0.25, 0.016))
    canvas.lay_colour(pixel_coverage(hole, at.pixel) * 0.75, mix_colours(person.skin, DARK, 0.85))
    wing = ellipse_distance(side, at.t, (form.width * 0.78, form.y), (form.width * 0.33, 0.05))
    canvas.shade(soft_streak(wing, 0.014) * (side > form.width * 0.8) * 0.3, 0.5)


def paint_folds(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Lines from the nose to the mouth's corners, deeper in a smile."""
    top, bottom = person.nose.y, person.mouth.y
    along = np.clip((at.t - top) * (1 / (bottom - top)), 0, 1)
    start, end = person.nose.width * 1.1, person.mouth.width * 1.22
    line = soft_streak(np.abs(at.s) - start - (end - start) * along, 0.02)
    reach = smooth_ramp(at.t, top - 0.03, top + 0.04) * (1 - smooth_ramp(at.t, bottom - 0.05, bottom + 0.05))
    depth = person.folds * 0.5 + 0.4 * max(look.smile, 0)
    canvas.shade(line * reach * (0.32 * depth), 0.55)


def paint_mouth(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Lips, and teeth when they part. The corners rise in a smile."""
    form, pixel = person.mouth, at.pixel
    width, lift = form.width * (1 + 0.13 * look.smile - 0.12 * look.open), 0.075 * look.smile
    x = at.s * (1 / width)
    bow, line = np.clip(1 - x * x, 0, 1), form.y - lift * (x * x - 0.35)
    gap = (0.085 * look.open + 0.02 * max(look.smile - 0.4, 0)) * bow
    over, under = line - 0.35 * gap, line + 0.65 * gap
    top = over - form.upper * bow**0.7 * (1 - 0.28 * soft_streak(x, 0.16))
    bottom = under + form.lower * np.clip(1 - x * x * 1.15, 0, 1) ** 0.75
    lip, within = _lip_colour(person), np.abs(x) < 1
    lips = pixel_coverage(band_distance(at.t, top, bottom), pixel) * within
    canvas.lay_colour(lips * 0.9, lip, "mouth")
    canvas.lay_colour(
        pixel_coverage(band_distance(at.t, top, over), pixel) * within * 0.35, mix_colours(lip, DARK, 0.5)
    )
    gleam = (0.0, form.y + 0.055 * look.open + form.lower * 0.55)
    canvas.lay_colour(
        soft_blob(at.s, at.t, gleam, (width * 0.4, form.lower * 0.3)) * lips * 0.28, (1.0, 0.9, 0.88)
    )
    if look.open > 0.05 or look.smile > 0.5:
        _paint_teeth(
            canvas,
            pixel_coverage(band_distance(at.t, over, under), pixel) * within,
            at.t - over,
            gap,
            x,
            pixel,
        )
    canvas.lay_colour(
        soft_streak(at.t - over, 0.008 + pixel * 0.25) * (np.abs(x) < 1.02) * 0.6,
        mix_colours(lip, DARK, 0.75),
    )
    canvas.shade(soft_blob(np.abs(at.s), at.t, (width, form.y - 0.65 * lift), (0.022, 0.02)) * 0.4, 0.55)


def _paint_teeth(canvas: Canvas, hole: Plane, depth: Plane, gap: Plane, x: Plane, pixel: float) -> None:
    canvas.lay_colour(hole, (0.22, 0.08, 0.08), "mouth")
    teeth = pixel_coverage(band_distance(depth, 0.0, np.minimum(gap * 0.6, 0.045)), pixel)
    canvas.lay_colour(teeth * (1 - smooth_ramp(np.abs(x), 0.55, 0.85)) * hole * 0.92, (0.93, 0.91, 0.87))


def _lip_colour(person: Person) -> Colour:
    red, green, blue = person.skin
    pale, full = (red * 0.9, green * 0.82, blue * 0.8), (red * 0.86, green * 0.60, blue * 0.62)
    return mix_colours(pale, full, person.mouth.red)


def paint_beard(canvas: Canvas, person: Person, at: Stage) -> None:
    """Beard and moustache: the tone of hair over the skin, which stays the part that it is."""
    mouth_ = person.mouth
    tone = mix_colours(mix_colours(person.hair.colour, person.skin, 0.1), DARK, 0.3)
    if person.beard:
        side = smooth_ramp(np.abs(at.s), mouth_.width, person.head.width * 1.05) ** 2.5
        edge = (mouth_.y - 0.02) * (1 - side) - 0.02 * side
        bare = soft_blob(at.s, at.t, (0.0, mouth_.y + 0.01), (mouth_.width, 0.06))
        canvas.lay_colour(smooth_ramp(at.t - edge, -0.07, 0.07) * (1 - bare) * (person.beard * 0.9), tone)
    if person.moustache:
        middle = (person.nose.y + mouth_.y) / 2 + 0.03
        across = soft_blob(at.s, at.t - 0.5 * at.s * at.s, (0.0, middle), (mouth_.width * 1.0, 0.034))
        canvas.lay_colour(
            np.clip(across * 1.7, 0, 1) * (at.t < mouth_.y + 0.05) * (person.moustache * 0.9), tone
        )
