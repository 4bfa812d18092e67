"""Images, segments and classifiers that the drop-in and lime itself are both given."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage.segmentation import slic

WEIGHTS = np.random.RandomState(3).normal(size=(6, 7)) * 6


def seven_classes(images: Any) -> Any:
    """Probabilities of seven classes from sums of six parts of an RGB image: cheap, and not additive."""
    x = np.asarray(images, dtype=np.float64) / 255
    height, width = x.shape[1:3]
    upper, lower = x[:, : height // 2].mean((1, 2, 3)), x[:, height // 2 :].mean((1, 2, 3))
    left, right = x[:, :, : width // 3, 0].mean((1, 2)), x[:, :, width // 3 :, 1].mean((1, 2))
    parts = np.stack([upper, lower, left, right, x[..., 2].std((1, 2)), upper * left], axis=1)
    odds = np.exp(parts @ WEIGHTS)
    return odds / odds.sum(axis=1, keepdims=True)


def thirty(image: Any) -> Any:
    """About thirty segments, numbered from 0 as lime needs them."""
    return slic(image, n_segments=30, compactness=10, start_label=0)


def quarters(image: Any) -> Any:
    """Four segments, numbered from 0."""
    height, width = image.shape[:2]
    down, across = np.arange(height) * 2 // height, np.arange(width) * 2 // width
    return down[:, np.newaxis] * 2 + across


@pytest.fixture
def classify() -> Callable[[Any], Any]:
    return seven_classes


@pytest.fixture
def thirty_segments() -> Callable[[Any], Any]:
    return thirty


@pytest.fixture
def four_segments() -> Callable[[Any], Any]:
    return quarters


@pytest.fixture
def photo() -> Any:
    """A smooth RGB image with four different quarters, uint8."""
    down, across = np.mgrid[0:24, 0:32]
    red = 40 + 5 * down + 20 * (across > 15)
    return np.stack([red, 200 - 4 * across, 30 + 2 * down + 2 * across], axis=2).astype(np.uint8)


@pytest.fixture(scope="session")
def photographs(shared_data: Path) -> list[Any]:
    """Three photographs made small, uint8."""
    paths = sorted((shared_data / "photos").iterdir())[:3]
    return [np.asarray(Image.open(path).convert("RGB").resize((96, 80))) for path in paths]
