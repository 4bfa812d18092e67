"""Segmenters on real images: enough segments in every one of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.engine.segmentation import (
    MINIMUM,
    Felzenszwalb,
    Grid,
    Quickshift,
    Slic,
    Watershed,
    segment_image,
)
from sightline.types import Segmenter

CUTTERS = (Slic(), Quickshift(), Felzenszwalb(), Watershed(), Grid())

every_segmenter = pytest.mark.parametrize("cutter", CUTTERS, ids=lambda cutter: type(cutter).__name__)


@pytest.fixture(scope="module")
def photos(shared_data: Path) -> list[np.ndarray]:
    """Photographs, made small: the shorter side has 96 pixels."""
    found = []
    for path in sorted((shared_data / "photos").iterdir()):
        with Image.open(path) as opened:
            scale = 96 / min(opened.size)
            size = [round(side * scale) for side in opened.size]
            found.append(np.asarray(opened.convert("RGB").resize(size)))
    assert len(found) >= 10
    return found


@pytest.fixture(scope="module")
def faces(shared_data: Path) -> np.ndarray:
    from sklearn.datasets import fetch_olivetti_faces

    return fetch_olivetti_faces(data_home=shared_data / "sklearn", download_if_missing=False).images[::25]


@every_segmenter
def test_faces_have_enough_segments_in_any_form(cutter: Segmenter, faces: np.ndarray) -> None:
    for face in faces:
        found = segment_image(face, cutter)  # warnings are errors
        assert MINIMUM <= found.count <= 200
        as_bytes = np.rint(face * 255).astype(np.uint8)
        assert np.array_equal(
            segment_image(as_bytes, cutter).labels, segment_image(as_bytes.astype(np.float64), cutter).labels
        )


@every_segmenter
def test_photographs_have_enough_segments(cutter: Segmenter, photos: list[np.ndarray]) -> None:
    for photo in photos:
        found = segment_image(photo, cutter)
        assert MINIMUM <= found.count <= 400
        assert found.labels.shape == photo.shape[:2]


@every_segmenter
@pytest.mark.slow
def test_every_x_ray_of_a_test_set_has_enough_segments(cutter: Segmenter, shared_data: Path) -> None:
    with np.load(shared_data / "pneumoniamnist.npz") as file:
        images = file["test_images"]
    assert min(segment_image(image, cutter).count for image in images) >= MINIMUM
