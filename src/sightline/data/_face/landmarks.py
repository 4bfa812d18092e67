"""person and look → where the named regions of the face are."""

import math

from sightline.data._face.look import Look
from sightline.data._face.person import Person
from sightline.data._face.shapes import Pair


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
