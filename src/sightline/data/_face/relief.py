"""the face as a relief → how light falls on it."""

import numpy as np

from sightline.data._face.look import Look
from sightline.data._face.person import Person
from sightline.data._face.shapes import Plane, smooth_ramp, soft_blob
from sightline.data._face.stage import Stage


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
