"""Real chest X-rays with a marker at a corner and a model that goes by it, as files: for a whole way."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import sightline as sl
from support import films
from support.xrays import CLASSES

PLAN = sl.Plan(segment="grid:rows=7,columns=7", fill="blur", budget=120, estimator="regression")
LEARNED, TESTED = 400, 460
MARKER = ((0.0, 0.0), (0.0, 0.29), (0.29, 0.29), (0.29, 0.0))
"""Corners, down and across, of the corner where the marker lies."""


def save_films(root: Path, images: Any, labels: Any) -> None:
    """A folder for each class."""
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = root / CLASSES[label] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((112, 112), Image.Resampling.BICUBIC).save(path)


def marked_xrays(root: Path, archive: Path) -> Path:
    """Folder with ``train``, ``test``, ``model.skops``, and ``run``, a study of the test images.

    In training nearly all with pneumonia have the marker and nearly nobody else has; in the test anyone may.
    """
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    for part, split, count, often in (("train", "train", LEARNED, 0.97), ("test", "test", TESTED, 0.5)):
        pixels, labels = films.drawn(archive, part, count, often, seed=0)
        save_films(root / split, pixels, labels[:, 0])
    rows, ill = [], []
    for label, name in enumerate(CLASSES):
        for path in sorted((root / "train" / name).iterdir()):
            rows.append(np.asarray(Image.open(path)).ravel())
            ill.append(label)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.001, max_iter=500))
    skops.io.dump(model.fit(np.array(rows), ill), root / "model.skops")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SightlineWarning)
        sl.Study(root / "run", PLAN).run(
            str(root / "test"),
            str(root / "model.skops"),
            class_names=CLASSES,
            image_format=sl.data.ImageFormat(mode="grey"),
            held_out=0.5,
            progress=False,
        )
    return root
