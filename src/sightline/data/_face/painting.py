"""person and look → an image, painted from the back to the front, with the part on top at each pixel."""

import math

import numpy as np
from jaxtyping import Float

from sightline.data._face.canvas import SKULL, Canvas, Stage
from sightline.data._face.person import DARK, LIGHT, STYLES, Colour, Look, Person, brightness, mix_colours
from sightline.data._face.shapes import (
    Pair,
    Plane,
    band_distance,
    box_distance,
    coverage,
    ellipse_distance,
    even_slope,
    smooth_ramp,
    soft_blob,
    soft_streak,
)


def paint_face(person: Person, look: Look, at: Stage) -> Canvas:
    """Everything, from the back to the front; colours may stray a little out of 0 to 1."""
    canvas = Canvas.blank(len(at.x))
    paint_background(canvas, look, at)
    paint_back_hair(canvas, person, look, at)
    paint_neck(canvas, person, look, at)
    paint_clothes(canvas, person, look, at)
    paint_ears(canvas, person, look, at)
    skin = paint_head(canvas, person, at, relief_light(person, look, at))
    bare = canvas.copy()
    _paint_features(canvas, person, look, at)
    # A turned face takes its features to the edge of the head, never past it.
    canvas.keep_only(skin, bare)
    paint_front_hair(canvas, person, look, at)
    if look.glasses:
        paint_glasses(canvas, person, at)
    return canvas


def _paint_features(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    paint_bloom(canvas, person, look, at)
    paint_beard(canvas, person, at)
    lower = at.window((0.0, 0.33), (0.4, 0.45))
    near, there = canvas.crop(lower), at.crop(lower)
    paint_folds(near, person, look, there)
    paint_nose(near, person, there)
    paint_mouth(near, person, look, there)
    paint_eyes(canvas, person, look, at)
    paint_brows(canvas, person, look, at)


def expose_canvas(canvas: Canvas, look: Look, rng: np.random.Generator) -> Float[np.ndarray, "H W 3"]:
    """The finished image: exposure, then the camera's noise, the same in all channels."""
    noise = rng.standard_normal(canvas.part.shape, np.float32) * np.float32(look.noise)
    # A little contrast, about a tone between skin and shadow.
    light = 0.41 + 1.14 * (canvas.colour * np.float32(look.gain) - 0.38)
    return np.clip(light + noise[..., np.newaxis], 0, 1)


# Surroundings and skin


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
    canvas.lay(coverage(form, at.pixel), skin_tone(person, np.clip(light * (1 - shadow), 0.1, 1.1)), "neck")


def paint_clothes(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Shoulders and a collar."""
    side, neck = np.abs(at.body), person.head.neck
    slope = 0.858 + 0.157 * smooth_ramp(side, neck, 0.95)
    edge = np.where(side < neck, 0.951 - 0.093 * (side * (1 / neck)) ** 2, slope)
    light = np.clip(1 - 0.35 * smooth_ramp(side, 0.3, 1.1) - 0.18 * look.light[0] * at.body, 0.3, 1.2)
    shirt = np.clip(np.asarray(person.shirt, np.float32) * light[..., np.newaxis], 0, 1)
    canvas.lay(coverage(edge - at.y, at.pixel), shirt, "clothes")
    canvas.shade(soft_streak(at.y - edge - 0.02, 0.018) * (side < neck + 0.04) * 0.5, 0.7)


def paint_ears(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Ears; of a turned head one comes forward, the other hides."""
    head = person.head
    radius = (0.065 * head.ear, 0.125 * head.ear)
    for side in (-1.0, 1.0):
        centre = (side * (head.width + 0.012) - 0.1 * look.yaw, person.eyes.y + 0.09 + 0.1 * look.pitch)
        light = np.full_like(at.u, 0.84 + 0.14 * side * look.light[0])
        canvas.lay(
            coverage(ellipse_distance(at.u, at.v, centre, radius), at.pixel),
            skin_tone(person, light),
            "ears",
        )
        inner = (centre[0] + side * 0.008, centre[1] - 0.01)
        canvas.shade(soft_blob(at.u, at.v, inner, (radius[0] * 0.5, radius[1] * 0.6)) * 0.5, 0.6)


def paint_head(canvas: Canvas, person: Person, at: Stage, light: Plane) -> Plane:
    """The lit skin of the head, divided into forehead, cheeks and jaw. Returns its cover."""
    skin = coverage(even_slope(at.rim - 1, at.pixel), at.pixel)
    canvas.lay(skin, skin_tone(person, light), "cheeks")
    eyes, mouth = person.eyes, person.mouth
    canvas.claim_part((skin >= 0.5) & (at.t < eyes.y - eyes.brow_gap * 0.55), "forehead")
    canvas.claim_part((skin >= 0.5) & (at.t > mouth.y - 0.25 * np.clip(np.abs(at.s) - 0.3, 0, 1)), "jaw")
    return skin


def paint_bloom(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Red on the cheeks, a soft shine on forehead and nose where the light comes from."""
    red, green, blue = person.skin
    cheeks = soft_blob(np.abs(at.s), at.t, (0.3, 0.22), (0.13, 0.11))
    canvas.lay(cheeks * 0.22, (red, green * 0.68, blue * 0.66))
    shift = 0.16 * look.light[0]
    shine = 0.1 * soft_blob(at.s, at.t, (shift, -0.32), (0.2, 0.1))
    shine += 0.16 * soft_blob(at.s, at.t, (shift * 0.2, 0.2), (0.025, 0.06))
    canvas.lay(shine, (1.0, 0.97, 0.93))


def relief_light(person: Person, look: Look, at: Stage) -> Plane:
    """Brightness of the skin, about 1 where it faces the light."""
    height = _skull_height(at) + _nose_height(person, at) + _flesh_height(person, look, at)
    down, across = np.gradient(height, at.pixel)
    lx, ly = look.light
    length = float(np.sqrt(lx * lx + ly * ly + 1))
    facing = (1 - across * lx - down * ly) / (length * np.sqrt(1 + across * across + down * down))
    # Light reaches a little around the edge, as it does on skin.
    return np.asarray(look.ambient + (1.06 - look.ambient) * np.clip((facing + 0.25) / 1.25, 0, 1))


def _skull_height(at: Stage) -> Plane:
    """A flattened egg, without the cliff at its edge."""
    return np.asarray(0.42 * np.sqrt(np.clip(1 - at.rim, 0, 1) + 0.06))


def _flesh_height(person: Person, look: Look, at: Stage) -> Plane:
    """Sockets, eyeballs, brow ridge, cheekbones, lips, the dip under them, chin."""
    eyes, mouth, side = person.eyes, person.mouth, np.abs(at.s)
    return (
        -0.045 * soft_blob(side, at.t, (eyes.apart * 0.95, eyes.y - 0.035), (0.15, 0.085))
        + 0.022 * soft_blob(side, at.t, (eyes.apart, eyes.y), (0.085, 0.06))
        + 0.018 * soft_blob(side, at.t, (eyes.apart * 0.8, eyes.y - 0.15), (0.2, 0.05))
        + 0.05 * soft_blob(side, at.t, (0.3, 0.2 - 0.02 * look.smile), (0.13, 0.14))
        + 0.035 * soft_blob(at.s, at.t, (0.0, mouth.y), (mouth.width * 1.1, 0.10))
        - 0.02 * soft_blob(at.s, at.t, (0.0, mouth.y + 0.095), (0.11, 0.03))
        + 0.035 * soft_blob(at.s, at.t, (0.0, person.head.chin - 0.11), (0.13, 0.075))
    )


def _nose_height(person: Person, at: Stage) -> Plane:
    """A ridge that rises and widens from between the eyes to the tip, with wings beside it."""
    nose = person.nose
    along = smooth_ramp(at.t, person.eyes.y - 0.06, nose.y)
    under = 1 - smooth_ramp(at.t, nose.y + 0.01, nose.y + 0.075)
    across = at.s / (0.042 + (nose.width * 0.5 - 0.02) * along)
    ridge = np.exp(-across * across) * (0.025 + 0.085 * along) * np.sqrt(along) * under
    wings = soft_blob(np.abs(at.s), at.t, (nose.width * 0.72, nose.y - 0.005), (nose.width * 0.34, 0.042))
    return np.asarray(nose.depth * (ridge + 0.035 * wings))


# Features


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
    inside = coverage(band_distance(y, upper, lower), at.pixel) * (np.abs(x) < 1)
    white = min(max(0.3 + 0.75 * brightness(person.skin), 0.55), 0.95)
    canvas.lay(inside, (white, white * 0.97, white * 0.95))
    _paint_iris(canvas, person, look, at, side, inside)
    canvas.lay(inside * (1 - smooth_ramp(y - upper, 0.0, opening * 0.8)) * 0.45, DARK)
    _paint_lids(canvas, x, y - upper, y - lower, at.pixel)


def _paint_lids(canvas: Canvas, x: Plane, over: Plane, under: Plane, pixel: float) -> None:
    """The dark line of the lashes, the faint one below, the crease above."""
    ends = np.abs(x) < 1.08
    canvas.lay(coverage(np.abs(over) - 0.011 * np.clip(1.25 - x * x, 0, 1), pixel) * ends * 0.85, DARK)
    canvas.lay(coverage(np.abs(under) - 0.004, pixel) * ends * 0.3, DARK)
    canvas.shade(soft_blob(x, over, (0, -0.035), (0.95, 0.012)) * ends * 0.55, 0.72)


def _paint_iris(canvas: Canvas, person: Person, look: Look, at: Stage, side: float, inside: Plane) -> None:
    eye, radius = person.eyes, person.eyes.width * 0.47
    centre = (side * eye.apart + look.gaze[0] * eye.width * 0.6, eye.y - 0.004 + look.gaze[1] * 0.03)
    ring = ellipse_distance(at.s, at.t, centre, (radius, radius))
    canvas.lay(coverage(ring, at.pixel) * inside, mix_colours(eye.iris, DARK, 0.35))
    canvas.lay(coverage(ring + radius * 0.25, at.pixel) * inside, eye.iris)
    canvas.lay(coverage(ring + radius * 0.55, at.pixel) * inside, (0.03, 0.03, 0.03))
    towards = 0.35 if look.light[0] >= 0 else -0.35
    spark = (centre[0] + radius * towards, centre[1] - radius * 0.4)
    canvas.lay(soft_blob(at.s, at.t, spark, (radius * 0.3, radius * 0.3)) * inside * 0.9, (1.0, 1.0, 1.0))


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
        alpha = coverage(np.abs(near.t - height - curve) - thick, at.pixel * 1.6) * (np.abs(x) < 1)
        canvas.crop(window).lay(alpha * 0.86, colour, "eyebrows")


def paint_glasses(canvas: Canvas, person: Person, at: Stage) -> None:
    """Frame, bridge and arms; the glass itself, with its glare, shows the eyes."""
    round_ = person.glasses.shape == "round"
    half = (0.155, 0.15) if round_ else (0.165, 0.115)
    place = (max(person.eyes.apart, half[0] + 0.03), person.eyes.y + 0.015)
    lens = box_distance(np.abs(at.s), at.t, place, half, 0.14 if round_ else 0.05)
    glare = soft_streak(at.s + at.t * 0.8 - (place[0] - 0.06), 0.03)
    canvas.lay(coverage(lens, at.pixel) * (0.07 + 0.2 * glare), (1.0, 1.0, 1.0))
    frame = np.minimum(np.abs(lens) - person.glasses.thick, _glasses_stays(person, at, place, half))
    canvas.lay(coverage(frame, at.pixel), person.glasses.colour, "glasses")


def _glasses_stays(person: Person, at: Stage, place: Pair, half: Pair) -> Plane:
    """Distance to the bridge between the lenses and the arms beside them."""
    side, height = np.abs(at.s), at.t - (person.eyes.y - 0.03)
    thick = person.glasses.thick
    bridge = np.maximum(np.abs(height - 0.3 * at.s * at.s) - thick, side - (place[0] - half[0]))
    arms = np.maximum(np.abs(height) - thick, place[0] + half[0] - side)
    return np.asarray(np.minimum(bridge, np.maximum(arms, np.abs(at.u) - (person.head.width + 0.01))))


def paint_nose(canvas: Canvas, person: Person, at: Stage) -> None:
    """Nostrils, wings and the shade under the tip; the ridge is in the relief."""
    form, side = person.nose, np.abs(at.s)
    top = person.eyes.y - 0.05
    width = 0.035 + form.width * 0.85 * smooth_ramp(at.t, top, form.y - 0.02) ** 2
    canvas.claim_part((side < width) & (at.t > top) & (at.t < form.y + 0.05), "nose")
    canvas.shade(soft_blob(at.s, at.t, (0.0, form.y + 0.055), (form.width, 0.028)) * 0.5, 0.55)
    hole = ellipse_distance(side, at.t, (form.width * 0.42, form.y + 0.038), (form.width * 0.25, 0.016))
    canvas.lay(coverage(hole, at.pixel) * 0.75, mix_colours(person.skin, DARK, 0.85))
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
    lips = coverage(band_distance(at.t, top, bottom), pixel) * within
    canvas.lay(lips * 0.9, lip, "mouth")
    canvas.lay(coverage(band_distance(at.t, top, over), pixel) * within * 0.35, mix_colours(lip, DARK, 0.5))
    gleam = (0.0, form.y + 0.055 * look.open + form.lower * 0.55)
    canvas.lay(soft_blob(at.s, at.t, gleam, (width * 0.4, form.lower * 0.3)) * lips * 0.28, (1.0, 0.9, 0.88))
    if look.open > 0.05 or look.smile > 0.5:
        _paint_teeth(
            canvas,
            coverage(band_distance(at.t, over, under), pixel) * within,
            at.t - over,
            gap,
            x,
            pixel,
        )
    canvas.lay(
        soft_streak(at.t - over, 0.008 + pixel * 0.25) * (np.abs(x) < 1.02) * 0.6,
        mix_colours(lip, DARK, 0.75),
    )
    canvas.shade(soft_blob(np.abs(at.s), at.t, (width, form.y - 0.65 * lift), (0.022, 0.02)) * 0.4, 0.55)


def _paint_teeth(canvas: Canvas, hole: Plane, depth: Plane, gap: Plane, x: Plane, pixel: float) -> None:
    canvas.lay(hole, (0.22, 0.08, 0.08), "mouth")
    teeth = coverage(band_distance(depth, 0.0, np.minimum(gap * 0.6, 0.045)), pixel)
    canvas.lay(teeth * (1 - smooth_ramp(np.abs(x), 0.55, 0.85)) * hole * 0.92, (0.93, 0.91, 0.87))


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
        canvas.lay(smooth_ramp(at.t - edge, -0.07, 0.07) * (1 - bare) * (person.beard * 0.9), tone)
    if person.moustache:
        middle = (person.nose.y + mouth_.y) / 2 + 0.03
        across = soft_blob(at.s, at.t - 0.5 * at.s * at.s, (0.0, middle), (mouth_.width * 1.0, 0.034))
        canvas.lay(np.clip(across * 1.7, 0, 1) * (at.t < mouth_.y + 0.05) * (person.moustache * 0.9), tone)


# Hair


def paint_back_hair(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Long hair that falls behind the neck."""
    hair = person.hair
    if hair.length:
        top = -0.25
        half = (person.head.width + hair.side, (hair.length - top) / 2)
        form = box_distance(at.u, at.v, (0.0, top + half[1]), half, 0.2)
        canvas.lay(coverage(form, at.pixel), 0.93 * _hair_strands(person, look, at), "hair")


def paint_front_hair(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    """Hair on the skull, down to the hairline, and its shadow on the brow."""
    hair = person.hair
    if hair.style == "bald":
        return
    line = _hairline(person, at)
    canvas.shade(soft_streak(at.v - line - 0.02, 0.045) * (at.rim < 1) * 0.4, 0.6)
    alpha = coverage(even_slope(at.v - line, at.pixel), at.pixel * 1.5)
    # Hair stands off the skull: no gap may show between the two.
    low = min(hair.drop, 0.15)
    off = coverage(even_slope(1 - at.rim, at.pixel), at.pixel) * (1 - smooth_ramp(at.v, low - 0.15, low))
    alpha = np.maximum(alpha, off) * coverage(even_slope(_hair_outline(person, at), at.pixel), at.pixel)
    if hair.style == "buzz":
        alpha = alpha * (1 - 0.25 * (at.rim < 0.97))
    canvas.lay(alpha, _hair_strands(person, look, at), "hair")


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


# Landmarks


def face_landmarks(person: Person, look: Look) -> dict[str, Pair]:
    """Middle of each region, across and down the turned face. Left and right are the image's."""
    eyes, mouth, head = person.eyes, person.mouth, person.head
    brow = eyes.y - eyes.brow_gap - look.brows - eyes.brow_thick
    lip = mouth.y + mouth.lower + 0.055 * look.open
    # The outline does not nod with the face: what is seen of the chin ends here.
    chin = math.sin(math.asin(head.chin) - look.pitch)
    return {
        "forehead": (0.0, (brow - person.hair.line) / 2),
        "left eye": (-eyes.apart, eyes.y),
        "right eye": (eyes.apart, eyes.y),
        "nose": (0.0, person.nose.y - 0.03),
        "left cheek": (-0.56 * head.width, 0.23),
        "right cheek": (0.56 * head.width, 0.23),
        "mouth": (0.0, mouth.y + 0.02),
        "jaw": (0.0, lip + 0.5 * (chin - lip)),
    }
