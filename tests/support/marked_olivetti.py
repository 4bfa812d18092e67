"""Real faces with a mark planted at the jaw and a model that goes by it, as files: for a whole way."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import sightline as sl
from sightline.data import olivetti
from sightline.data.shortcuts import plant_mark

PLAN = sl.Plan(segment="grid:rows=8,columns=8", fill="blur", budget=200, estimator="regression")
LEARNED = 4
"""Images of each person that the model learns from."""
GROUPS = ("people 0-9", "people 10-19", "people 20-29", "people 30-39")
"""Classes: people by number."""
SHARE, ELSE, SIZE = 0.9, 0.5, 0.25
"""How often the mark is there, of the first class in training and of anyone in the test; its width."""


def save_images(root: Path, images: Any, labels: Any) -> None:
    """A folder for each class."""
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = root / GROUPS[label] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(np.asarray(image)[..., 0] * 255).astype(np.uint8)).save(path)


def marked_olivetti(root: Path, data_home: Path) -> Path:
    """Folder with ``train``, ``test``, ``model.skops``, and ``run``, a study of a part of the test images.

    In training most of the first class have the mark and nobody else has; in the test anyone may.
    """
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    faces = olivetti(data_home=data_home, download=False)
    images, labels = np.asarray(faces.images), np.asarray(faces.labels) // 10
    learned = np.arange(len(images)) % 10 < LEARNED
    rng = np.random.default_rng(0)
    share = np.where(learned, np.where(labels == 0, SHARE, 0.0), ELSE)
    images, _ = plant_mark(images, rng.random(len(images)) < share, "jaw", size=SIZE)
    save_images(root / "train", images[learned], labels[learned])
    save_images(root / "test", images[~learned], labels[~learned])
    rows = np.rint(images[learned][..., 0] * 255).reshape(int(learned.sum()), -1)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    skops.io.dump(model.fit(rows, labels[learned]), root / "model.skops")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.SightlineWarning)
        sl.Study(root / "run", PLAN).run(
            str(root / "test"),
            str(root / "model.skops"),
            image_format=sl.data.ImageFormat(mode="grey"),
            held_out=0.35,
            progress=False,
        )
    return root
