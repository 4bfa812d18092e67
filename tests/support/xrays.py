"""The chest X-rays of PneumoniaMNIST as a folder tree of image files, the way the tutorial has them."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("NORMAL", "PNEUMONIA")


def write(archive: Path, folder: Path, train: int, test: int) -> Path:
    """train/, val/ and test/, each with NORMAL/ and PNEUMONIA/, as many of each; returns the folder."""
    with np.load(archive) as kept:
        for split, count in (("train", train), ("val", test), ("test", test)):
            images, labels = kept[f"{split}_images"], kept[f"{split}_labels"][:, 0]
            for label, name in enumerate(CLASSES):
                (folder / split / name).mkdir(parents=True)
                for place in np.flatnonzero(labels == label)[: count // 2]:
                    Image.fromarray(images[place]).save(folder / split / name / f"{place:05d}.png")
    return folder
