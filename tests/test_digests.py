"""Digests, which stand in files: they must not change."""

import hashlib

import numpy as np
import pytest

from sightline._digests import array_digest, combined_digest, file_digest, image_digest


def test_digests_are_those_that_stand_in_files_already():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert image_digest(image) == "ce7cabcb27193c1e"
    assert array_digest(image) == "<2×2×3 uint8 7d690735>"
    assert combined_digest(["faces", image]) == "03ea85d815e52a840f814c9c337b7d73"


def test_images_differ_by_shape_and_dtype_too():
    image = np.zeros((2, 6), np.uint8)
    others = [image.reshape(3, 4), image.astype(bool), image.astype(np.uint16), image + 1]
    assert len({image_digest(one) for one in [image, *others]}) == 5
    assert len({array_digest(one) for one in [image, *others]}) == 5


@pytest.mark.parametrize("array", [np.arange(12.0).reshape(3, 4), np.zeros((0, 3)), np.ones((2, 2), bool)])
def test_the_layout_in_memory_does_not_count(array):
    assert image_digest(array) == image_digest(np.asfortranarray(array)) == image_digest(array.copy())


def test_parts_are_joined_in_their_order():
    assert combined_digest(["a", "b"]) == combined_digest([b"ab"]) != combined_digest(["b", "a"])


def test_a_file_has_its_sha_256(tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"graph" * 100_000)
    assert file_digest(file) == file_digest(str(file)) == hashlib.sha256(b"graph" * 100_000).hexdigest()
