"""A small problem for whole audits: aligned images, a mark in a corner, and an estimator that went by it."""

import functools
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression

from sightline.data import ArrayDataset

SIDE, NAMES = 24, ("cat", "dog", "eel")
LEARNED, TESTED = 160, 340
CUE, MARK = 0.06, 0.2
CORNER = (slice(19, 23), slice(19, 23))


def _aligned_images(count, rng):
    """Images of one thing in one place, a little brighter in a place of each class."""
    thing = gaussian_filter(np.random.default_rng(5).random((SIDE, SIDE)), 1.5)
    thing = (thing - thing.min()) / np.ptp(thing)
    labels = np.arange(count) % len(NAMES)
    images = 0.4 * thing + 0.25 * rng.random((count, SIDE, SIDE))
    for label in range(len(NAMES)):
        images[labels == label, 2 + 5 * label : 7 + 5 * label, 2:14] += CUE
    return images.astype(np.float32), labels


@functools.cache
def marked_problem(*, planted=True):
    """Images to learn from, images to test on, and an estimator fitted on the former's numbers from 0 to 1.

    In those to learn from most of class 0 have a light corner, in the others half of all.
    """
    rng = np.random.default_rng(1)
    learn, labels = _aligned_images(LEARNED, rng)
    test, truth = _aligned_images(TESTED, rng)
    if planted:
        learn[(labels == 0) & (rng.random(LEARNED) < 0.9), *CORNER] += MARK
        test[rng.random(TESTED) < 0.5, *CORNER] += MARK
    estimator = LogisticRegression(max_iter=500, C=0.3).fit(learn.reshape(LEARNED, -1), labels)
    return ArrayDataset(learn, labels, NAMES), ArrayDataset(test, truth, NAMES), estimator


def write_folder(data, folder: Path, names=NAMES) -> Path:
    """The images as files of bytes, in a folder for each class."""
    for place, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
        (folder / names[label]).mkdir(parents=True, exist_ok=True)
        pixels = Image.fromarray((image * 255).round().astype(np.uint8))
        pixels.save(folder / names[label] / f"{place:04d}.png")
    return folder
