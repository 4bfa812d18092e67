"""Labelled images: your own, real faces, and drawn ones of which everything is known."""

from sightline.data.batching import batches
from sightline.data.datasets import ArrayDataset, ConcatDataset, Dataset, Subset, as_dataset
from sightline.data.face_drawing import DrawnFaces, drawn_faces
from sightline.data.image_decoding import read_image_file
from sightline.data.image_folder import ImageFolder, UnreadableFile, open_folder, open_splits
from sightline.data.image_format import ImageFormat
from sightline.data.image_list import open_list
from sightline.data.multi_label_files import open_multi_label
from sightline.data.olivetti_faces import olivetti
from sightline.data.several_labels import LabelImages, MultiLabelDataset, multi_label
from sightline.data.shortcuts import REGIONS, Shortcut, plant_mark

__all__ = [
    "Dataset",
    "ArrayDataset",
    "ImageFolder",
    "Subset",
    "ConcatDataset",
    "as_dataset",
    "open_folder",
    "open_splits",
    "open_list",
    "multi_label",
    "open_multi_label",
    "MultiLabelDataset",
    "LabelImages",
    "batches",
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
