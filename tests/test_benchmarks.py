"""benchmarks: what they plant is what was published, where they say, and reads no pixel twice."""

import gzip
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
by_command = pytest.importorskip("by_command")
decoys = pytest.importorskip("decoys")
watermarks = pytest.importorskip("watermarks")


def test_files_of_the_mnist_family_are_read(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    head = bytes((0, 0, 8, 3)) + np.array(images.shape, ">i4").tobytes()
    with gzip.open(tmp_path / "some.gz", "wb") as file:
        file.write(head + images.tobytes())
    assert np.array_equal(decoys.read_idx(tmp_path / "some.gz"), images)


def test_without_the_data_the_package_is_named(tmp_path):
    with pytest.raises(SystemExit, match="install Debian's package dataset-fashion-mnist"):
        list(decoys.fashion_mnist(tmp_path))


def test_decoys_are_four_pixels_square_in_a_corner_and_grey_by_the_label():
    labels = np.arange(200) % 10
    made, there = decoys.with_decoys(np.zeros((200, 28, 28), np.uint8), labels, np.random.default_rng(0))
    assert (there.sum((1, 2)) == 16).all()
    assert np.array_equal(made[there].reshape(200, 16), (255 - 25 * labels)[:, None].repeat(16, 1))
    assert not made[~there].any()
    corners = there[:, ::27, ::27].reshape(200, 4)
    assert (corners.sum(1) == 1).all()
    assert (corners.mean(0) > 0.15).all()  # each about as often
    cells = decoys.grid(7, 7).join({"corners": decoys.CORNERS})["corners"].masks((28, 28))
    assert (there <= cells[0]).all()
    assert cells.sum() == 64


def test_no_pixel_of_a_photograph_is_in_two_parts():
    tall, wide = 4 * 30, 4 * 40
    marks = np.arange(tall * wide, dtype=np.float64).reshape(tall, wide, 1)
    tiles = {
        part: {(i, j) for i in range(4) for j in range(4) if (i + 2 * j) % 4 in numbers}
        for part, numbers in watermarks.PARTS.items()
    }
    assert [len(one) for one in tiles.values()] == [8, 4, 4]
    assert not set.intersection(*tiles.values())
    for part, numbers in watermarks.PARTS.items():
        lowest = {int(one.min()) for one in watermarks.crops(marks, numbers, 20, np.random.default_rng(1))}
        assert {(low // wide // 30, low % wide // 40) for low in lowest} <= tiles[part]


def test_a_watermark_covers_its_box_and_nothing_else():
    images = np.zeros((3, 64, 64, 3), np.float32)
    made, there = watermarks.with_watermark(images, np.array([True, False, True]), np.random.default_rng(0))
    height, width = watermarks.drawn_word().shape
    assert there.sum((1, 2)).tolist() == [height * width, 0, height * width]
    assert not made[~there].any()
    assert made[0].max() == pytest.approx(watermarks.COVER, abs=0.01)


def test_the_worst_group_is_that_of_class_and_decoy_among_random_ones():
    there = np.zeros((8, 2, 2), bool)
    there[::2, 0, 0] = True
    truth = np.repeat([0, 1], 4)
    problem = SimpleNamespace(z=truth, present=there)
    wrong_once = np.where(np.arange(8) == 6, 0, truth)  # one of two of class 1 with a decoy
    said = {"true": truth, "random": wrong_once, "clean": 1 - truth}
    assert decoys.told(said, problem) == {"true": 1.0, "random": 0.875, "clean": 0.0, "worst": 0.5}


def test_a_cast_is_on_the_images_that_have_it_and_on_no_other():
    images = np.full((3, 4, 4, 1), 0.5, np.float32)
    made, there = by_command.planted(images, np.array([True, False, True]), "cast", np.random.default_rng(0))
    assert made.shape == (3, 4, 4, 3)
    assert made[[0, 2], 0, 0] == pytest.approx(np.tile(0.5 * by_command.CAST, (2, 1)))
    assert (made[1] == 0.5).all()
    assert there.any((1, 2)).tolist() == [True, False, True]


def test_files_are_written_by_class(tmp_path):
    images = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8, 1)
    by_command.written(tmp_path / "test", images, [1, 0])
    kept = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*.png")}
    assert sorted(kept) == ["test/normal/0001.png", "test/pneumonia/0000.png"]
    assert np.array_equal(np.asarray(Image.open(kept["test/normal/0001.png"])), images[1, :, :, 0])
