"""A worker explains the images of a part, several at once, and what goes wrong is a line."""

import dataclasses
import time

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline.data import ImageFormat, open_folder
from sightline.errors import OptionError
from sightline.study import Study
from support.problems import PLAN, images, model


@pytest.mark.slow
def test_a_broken_file_is_a_line_and_the_run_goes_on(tmp_path):
    pixels, labels = images(8)
    for place, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        path = tmp_path / "data" / str(label) / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255).astype(np.uint8)).save(path)
    broken = tmp_path / "data" / "1" / "broken.png"
    broken.write_bytes(b"no image")
    data = open_folder(tmp_path / "data", ImageFormat(values="unit"))
    study = Study(tmp_path / "run", PLAN).run(data, model)
    (failure,) = study.failures()
    assert (failure.id, failure.failure) == ("1/broken.png", "image-file")
    assert "broken.png" in failure.reason
    assert len(study) == 8
    with pytest.raises(OptionError, match=r"could not be explained: .*broken\.png"):
        study.row(failure.place)
    Image.fromarray((pixels[0] * 255).astype(np.uint8)).save(broken)
    study.run(data, model)
    assert len(study) == 8
    study.run(data, model, retry=True)
    assert (len(study), study.failures()) == (9, [])
    assert study.places.tolist() == list(range(9))
    assert study.explanation("1/broken.png").image.shape == (12, 12)


def test_warnings_are_kept_and_not_shown(tmp_path):
    study = Study(tmp_path / "run", dataclasses.replace(PLAN, segment=sl.Grid(rows=6, columns=6), budget=16))
    study.run(images(3), model)
    heard = study.sql("select distinct unnest(warnings) from rows").fetchall()
    assert heard == [("budget-thin",)]


def test_a_study_probes_once_and_not_for_each_image(tmp_path):
    sizes = []

    def watched(batch):
        sizes.append(len(batch))
        time.sleep(1e-4 * len(batch))
        mean = batch.reshape(len(batch), -1).mean(axis=1)
        return np.stack([mean, 1 - mean], axis=1)

    plan = sl.Plan(segment=sl.Grid(rows=6, columns=6), fill="colour", budget=600)
    data = np.random.default_rng(0).random((6, 32, 32)), np.zeros(6, dtype=int)
    study = Study(tmp_path / "run", plan).run(data, watched)
    assert len(study) == 6
    often = [size for size in (16, 32, 64, 128, 256) if sizes.count(size) > 2]
    assert len(often) == 1  # the others were timed, twice at most, and asked no more


@pytest.mark.slow
def test_images_whose_masks_fill_no_batch_share_batches_of_the_size_that_is_fastest(tmp_path):
    def by_the_batch(batch):
        sizes.append(len(batch))
        time.sleep(0.004)
        return np.stack([batch.mean(axis=(1, 2)), 1 - batch.mean(axis=(1, 2))], axis=1)

    sizes = []
    plan = sl.Plan(segment=sl.Grid(rows=4, columns=4), fill="colour", budget=34)
    data = np.random.default_rng(0).random((48, 16, 16)), np.zeros(48, dtype=int)
    Study(tmp_path / "run", plan).run(data, by_the_batch)
    assert max(sizes) >= 64
    assert sum(size >= 16 for size in sizes) < 48  # as many, of 32 each, if one came after the other


@pytest.mark.slow
def test_images_of_several_threads_share_batches_and_keep_their_numbers(tmp_path):
    batches = []

    def watched(batch):
        time.sleep(0.01)  # meanwhile others queue
        batches.append(len(batch))
        return model(batch)

    many = (np.repeat(images(4)[0], 16, axis=0), np.repeat(images(4)[1], 16))
    study = Study(tmp_path / "run", PLAN).run(many, watched)
    assert max(batches) > 32
    values = [row.attribution.values for row in study.rows()]
    for start in range(0, 64, 16):
        for value in values[start : start + 16]:
            np.testing.assert_allclose(value, values[start], atol=1e-7)
