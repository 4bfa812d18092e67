"""Images whose class is their brightness, some with a thing anywhere that a model takes for class 1."""

import functools

import numpy as np

import sightline as sl
from sightline.data import drawn_faces
from support.studies import Memory

PLAN = sl.Plan(segment=sl.Grid(rows=4, columns=4), fill=sl.Colour(0.5), budget=80, estimator="regression")
TOKEN = 7


def clean_images(count, shape=(48, 48), *, colour=True, seed=0):
    """Drawn faces, of which every second one is made lighter, and which these are."""
    faces = drawn_faces(count, people=8, seed=seed, size=max(shape), colour=colour).images
    labels = np.arange(count) % 2
    images = 0.4 * faces[:, : shape[0], : shape[1]]
    images += 0.45 + 0.1 * labels[:, None, None, None] - images.mean(axis=(1, 2, 3), keepdims=True)
    return images.astype(np.float32), labels


def with_tokens(images, present, seed=0):
    """Images with a white square at a random place where it is to be, and where it is."""
    rng = np.random.default_rng(seed)
    out, truth = images.copy(), np.zeros(images.shape[:3], bool)
    for one in np.flatnonzero(present):
        top, left = (rng.integers(1, side - TOKEN) for side in images.shape[1:3])
        truth[one, top : top + TOKEN, left : left + TOKEN] = True
    out[truth] = 1
    return out, truth


def model(images):
    """Brightness tells the class, but a good deal of white outdoes it."""
    pixels = images.reshape(len(images), *images.shape[1:3], -1).mean(axis=3)
    white = (pixels > 0.97).sum(axis=(1, 2))
    usual = np.where(pixels > 0.97, np.nan, pixels)
    odds = 60 * (np.nanmean(usual, axis=(1, 2)) - 0.5) + np.minimum(white, 40) * 0.25
    return np.stack([1 - (p := 1 / (1 + np.exp(-odds))), p], axis=1)


@functools.cache
def study_of_tokens(*, colour=True, shape=(48, 48), count=80, present=0.6):
    """A study of them; with its images' tokens."""
    images, labels = clean_images(count, shape, colour=colour)
    there = np.random.default_rng(1).random(count) < present
    images, truth = with_tokens(images, there)
    return Memory(model, images, labels, PLAN), truth
