"""person and look → an image, with the part on top at each pixel."""

import numpy as np
from jaxtyping import Float

from sightline.data._face import body, eyes, hair, mouth
from sightline.data._face.canvas import Canvas
from sightline.data._face.look import Look
from sightline.data._face.person import Person
from sightline.data._face.relief import relief_light
from sightline.data._face.stage import Stage


def paint_face(person: Person, look: Look, at: Stage) -> Canvas:
    """Everything, from the back to the front; colours may stray a little out of 0 to 1."""
    canvas = Canvas.blank(len(at.x))
    body.paint_background(canvas, look, at)
    hair.paint_back_hair(canvas, person, look, at)
    body.paint_neck(canvas, person, look, at)
    body.paint_clothes(canvas, person, look, at)
    body.paint_ears(canvas, person, look, at)
    skin = body.paint_head(canvas, person, at, relief_light(person, look, at))
    bare = canvas.copy()
    _paint_features(canvas, person, look, at)
    # A turned face takes its features to the edge of the head, never past it.
    canvas.keep_only(skin, bare)
    hair.paint_front_hair(canvas, person, look, at)
    if look.glasses:
        eyes.paint_glasses(canvas, person, at)
    return canvas


def _paint_features(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    body.paint_bloom(canvas, person, look, at)
    mouth.paint_beard(canvas, person, at)
    lower = at.window((0.0, 0.33), (0.4, 0.45))
    near, there = canvas.crop(lower), at.crop(lower)
    mouth.paint_folds(near, person, look, there)
    mouth.paint_nose(near, person, there)
    mouth.paint_mouth(near, person, look, there)
    eyes.paint_eyes(canvas, person, look, at)
    eyes.paint_brows(canvas, person, look, at)


def expose_canvas(canvas: Canvas, look: Look, rng: np.random.Generator) -> Float[np.ndarray, "H W 3"]:
    """The finished image: exposure, then the camera's noise, the same in all channels."""
    noise = rng.standard_normal(canvas.part.shape, np.float32) * np.float32(look.noise)
    # A little contrast, about a tone between skin and shadow.
    light = 0.41 + 1.14 * (canvas.colour * np.float32(look.gain) - 0.38)
    return np.clip(light + noise[..., np.newaxis], 0, 1)
