"""Labelled images: your own, real faces, and drawn ones of which everything is known."""

from sightline.data.drawn import DrawnFaces, drawn_faces
from sightline.data.files import read_file
from sightline.data.form import Form
from sightline.data.labelled import Labelled
from sightline.data.lazy import Broken, Folder
from sightline.data.mark import REGIONS, Shortcut, plant_mark

# Read last, and at once: each function takes the place of the module of the same name.
from sightline.data.batches import batches  # isort: skip
from sightline.data.folder import folder, splits  # isort: skip
from sightline.data.lists import listed  # isort: skip
from sightline.data.olivetti import olivetti  # isort: skip

__all__ = [
    "Labelled",
    "folder",
    "splits",
    "listed",
    "batches",
    "Folder",
    "Form",
    "Broken",
    "read_file",
    "olivetti",
    "drawn_faces",
    "DrawnFaces",
    "Shortcut",
    "plant_mark",
    "REGIONS",
]
