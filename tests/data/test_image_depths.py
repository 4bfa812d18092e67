"""Files of several depths, taken as they are, are told before a model is asked about them."""

import warnings

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline.data import ImageFormat, open_folder
from sightline.data.image_decoding import read_image_file
from sightline.data.image_depths import depth_of_file, warn_mixed_depths
from sightline.errors import SightlineWarning

GREY = np.random.default_rng(0).integers(0, 256, (12, 14)).astype(np.uint8)
KINDS = {
    "grey.png": Image.fromarray(GREY),
    "bit.png": Image.fromarray(GREY > 128),
    "palette.png": Image.fromarray(np.stack([GREY] * 3, axis=-1)).convert("P"),
    "cmyk.jpg": Image.fromarray(np.stack([GREY] * 3, axis=-1)).convert("CMYK"),
    "deep.png": Image.fromarray(GREY.astype(np.uint16) * 257),
    "deep.tif": Image.fromarray(GREY.astype(np.uint16) * 257),
    "whole.tif": Image.fromarray(GREY.astype(np.int32) * 1000),
    "float.tif": Image.fromarray(GREY.astype(np.float32) / 255),
}
DEPTHS = {"uint8": "8 bits", "uint16": "16 bits", "int32": "32 bits", "float32": "floats"}


def write(root, *names):
    for place, name in enumerate(names):
        file = root / "ab"[place % 2] / f"{place}-{name}"
        file.parent.mkdir(exist_ok=True)
        KINDS[name].save(file)
    return root


def bright(images):
    return np.clip(images.reshape(len(images), -1).mean(axis=1), 0, 1)


@pytest.mark.parametrize("name", KINDS)
def test_the_head_tells_what_the_numbers_will_be(tmp_path, name):
    KINDS[name].save(tmp_path / name)
    assert depth_of_file(tmp_path / name) == DEPTHS[str(read_image_file(tmp_path / name).dtype)]


def test_what_cannot_be_read_has_no_depth(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    assert depth_of_file(tmp_path / "text.png") == depth_of_file(tmp_path / "none.png") == ""


@pytest.mark.parametrize("other", ["deep.png", "whole.tif", "float.tif"])
def test_a_file_of_another_depth_is_named(tmp_path, other):
    folder = open_folder(write(tmp_path, "grey.png", "palette.png", other))
    with pytest.warns(SightlineWarning, match=rf"8 bits 2, .* 1; a/2-{other} has"):
        assert f"2-{other}" in warn_mixed_depths(folder)


def test_files_of_one_depth_or_brought_to_one_range_are_no_matter(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = write(tmp_path, "grey.png", "deep.png", "float.tif", "bit.png")
        assert warn_mixed_depths(open_folder(whole, ImageFormat(values="unit"))) == ""
        assert warn_mixed_depths(open_folder(whole)[[0, 3]]) == ""
        assert warn_mixed_depths((np.zeros((2, 4, 4)), [0, 1])) == ""


def test_a_study_says_and_keeps_it_and_an_evaluation_says_it(tmp_path):
    (tmp_path / "images").mkdir()
    folder = open_folder(write(tmp_path / "images", "grey.png", "grey.png", "deep.png", "grey.png"))
    study = sl.Study(tmp_path / "run", sl.Plan(segment=sl.Grid(rows=1, columns=2), budget=4))
    with pytest.warns(SightlineWarning, match="of several depths"):
        study.run(folder, bright, check_range=False, progress=False)
    assert any(
        "of several depths (8 bits 3, 16 bits 1" in one for one in sl.Study(study.path).manifest.guesses
    )
    with pytest.warns(SightlineWarning, match="of several depths"):
        sl.evaluate(bright, folder, batch_size=1, check_range=False, progress=False)
