"""person and look → a picture, with the part on top at each pixel."""

import numpy as np
from jaxtyping import Float

from sightline.data._face import body, eyes, hair, mouth
from sightline.data._face.canvas import Canvas
from sightline.data._face.look import Look
from sightline.data._face.person import Person
from sightline.data._face.relief import light
from sightline.data._face.stage import Stage


def paint(person: Person, look: Look, at: Stage) -> Canvas:
    """Everything, from the back to the front; colours may stray a little out of 0 to 1."""
    canvas = Canvas.blank(len(at.x))
    body.background(canvas, look, at)
    hair.behind(canvas, person, look, at)
    body.neck(canvas, person, look, at)
    body.clothes(canvas, person, look, at)
    body.ears(canvas, person, look, at)
    skin = body.head(canvas, person, at, light(person, look, at))
    bare = canvas.copy()
    _features(canvas, person, look, at)
    # A turned face takes its features to the edge of the head, never past it.
    canvas.only(skin, bare)
    hair.front(canvas, person, look, at)
    if look.glasses:
        eyes.glasses(canvas, person, at)
    return canvas


def _features(canvas: Canvas, person: Person, look: Look, at: Stage) -> None:
    body.bloom(canvas, person, look, at)
    mouth.beard(canvas, person, at)
    lower = at.window((0.0, 0.33), (0.4, 0.45))
    near, there = canvas.cut(lower), at.cut(lower)
    mouth.folds(near, person, look, there)
    mouth.nose(near, person, there)
    mouth.mouth(near, person, look, there)
    eyes.eyes(canvas, person, look, at)
    eyes.brows(canvas, person, look, at)


def expose(canvas: Canvas, look: Look, rng: np.random.Generator) -> Float[np.ndarray, "H W 3"]:
    """The finished picture: exposure, then the camera's noise, the same in all channels."""
    noise = rng.standard_normal(canvas.part.shape, np.float32) * np.float32(look.noise)
    # A little contrast, about a tone between skin and shadow.
    light = 0.41 + 1.14 * (canvas.colour * np.float32(look.gain) - 0.38)
    return np.clip(light + noise[..., np.newaxis], 0, 1)
