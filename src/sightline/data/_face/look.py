"""generator → a look: everything that changes from image to image of one person."""

import numpy as np

from sightline.data._face.person import Colour, Person, jitter_colour, uniform_between
from sightline.data._face.shapes import Pair
from sightline.types import record


@record
class Look:
    """Pose, expression, light and surroundings of one image.

    Lengths in half images, angles in radians; `light` is where it comes from, across and down.
    """

    across: float
    down: float
    angle: float
    scale: float
    yaw: float
    pitch: float
    smile: float
    open: float
    lids: float
    gaze: Pair
    brows: float
    light: Pair
    ambient: float
    gain: float
    backdrop: Colour
    glow: Pair
    glasses: bool
    noise: float


def draw_look(rng: np.random.Generator, person: Person, variety: float) -> Look:
    """One image's look; at `variety` 0 all images of a person are alike."""

    def about(middle: float, by: float) -> float:
        return middle + variety * uniform_between(rng, -by, by)

    tone = about(0.48, 0.16)
    return Look(
        across=about(0, 0.06),
        down=about(0, 0.05),
        angle=about(0, 0.08),
        scale=about(1, 0.06),
        yaw=about(0, 0.2),
        pitch=about(0, 0.1),
        smile=about(0.6, 0.5),
        open=max(0.0, about(0, 0.7)),
        lids=about(0.97, 0.16),
        gaze=(about(0, 0.35), about(0, 0.2)),
        brows=about(0.006, 0.018),
        light=(about(0, 0.65), about(-0.35, 0.3)),
        ambient=about(0.42, 0.1),
        gain=about(1, 0.12),
        backdrop=jitter_colour(rng, (tone * 0.96, tone, tone * 1.05), 0.04 * variety),
        glow=(about(0, 0.8), about(-0.3, 0.5)),
        glasses=person.glasses.shape != "none" and about(0.5, 0.5) <= person.glasses.habit,
        noise=0.012 * variety,
    )
