"""A small labelled set and a model that is often wrong about it, for the tests of studies."""

from typing import Any

import numpy as np

from sightline import Plan
from sightline.engine.segmentation import Grid

PLAN = Plan(segment=Grid(rows=3, columns=3), budget=32, fill="colour", estimator="regression")


def images(count: int = 24, seed: int = 0) -> tuple[Any, Any]:
    """Noise of 12×12, and labels that the model finds for about two in three."""
    rng = np.random.default_rng(seed)
    pixels = rng.random((count, 12, 12)).astype(np.float32)
    pixels[:, :4, :4] = rng.random((count, 1, 1)) * 0.9 + 0.05
    labels = (pixels[:, :4, :4].mean(axis=(1, 2)) > 0.5).astype(int)
    swapped = rng.random(count) < 0.3
    return pixels, np.where(swapped, 1 - labels, labels)


def model(batch: Any) -> Any:
    """p of class 1: brightness of the upper left, a little of the rest."""
    return np.clip(0.9 * batch[:, :4, :4].mean(axis=(1, 2)) + 0.1 * batch.mean(axis=(1, 2)), 0, 1)


def other(batch: Any) -> Any:
    """Another model."""
    return np.clip(batch[:, 4:, 4:].mean(axis=(1, 2)), 0, 1)


def grey(batch: Any) -> Any:
    """p of class 1: how bright the image is."""
    return np.clip(batch.mean(axis=(1, 2, 3)), 0, 1)


def numbers(study: Any) -> list[Any]:
    """What a study found, to be held beside what another found."""
    return [(row.place, row.targets, row.attribution.values.tolist()) for row in study.rows()]
