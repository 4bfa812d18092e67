"""Labelled images: real faces, and drawn ones of which everything is known."""

from sightline.data.drawn import DrawnFaces, drawn_faces
from sightline.data.labelled import Labelled
from sightline.data.mark import REGIONS, Shortcut, plant_mark

# Read last, and at once: the function takes the place of the module of the same name.
from sightline.data.olivetti import olivetti

__all__ = ["Labelled", "olivetti", "drawn_faces", "DrawnFaces", "Shortcut", "plant_mark", "REGIONS"]
