"""Labelled images: your own, real faces, and drawn ones of which everything is known."""

from sightline.data.face_drawing import DrawnFaces, drawn_faces
from sightline.data.image_dataset import ArrayDataset
from sightline.data.image_files import read_image_file
from sightline.data.image_folder import ImageFolder, UnreadableFile
from sightline.data.image_format import ImageFormat
from sightline.data.shortcuts import REGIONS, Shortcut, plant_mark

# Read last, and at once: each function takes the place of the module of the same name.
from sightline.data.batching import batches  # isort: skip
from sightline.data.class_folders import open_folder, open_splits  # isort: skip
from sightline.data.image_list import open_list  # isort: skip
from sightline.data.olivetti_faces import olivetti  # isort: skip

__all__ = [
    "ArrayDataset",
    "open_folder",
    "open_splits",
    "open_list",
    "batches",
    "ImageFolder",
    "ImageFormat",
    "UnreadableFile",
    "read_image_file",
    "olivetti",
    "drawn_faces",
    "DrawnFaces",
    "Shortcut",
    "plant_mark",
    "REGIONS",
]
