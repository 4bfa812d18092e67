"""Samples of FiftyOne, by the format that its own importer reads."""

import base64
import io
import json
import zlib

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from support.exported import NAMES, odd_data


def heat_of(label):
    """A map as FiftyOne unpacks it."""
    packed = base64.b64decode(label["map"]["$binary"]["base64"])
    return np.load(io.BytesIO(zlib.decompress(packed)), allow_pickle=False)


def test_each_sample_is_an_answer_with_its_map(odd, made, tmp_path):
    done = made.to_fiftyone(tmp_path)
    samples = json.loads((tmp_path / "samples.json").read_text(encoding="utf-8"))["samples"]
    assert done.samples == len(samples) == 18
    assert done.unreadable == 0
    assert sorted(done.files) == sorted(one for one in tmp_path.rglob("*") if one.is_file())
    limits = set()
    for sample, row in zip(samples, odd.rows(), strict=True):
        assert sample["ground_truth"]["_cls"] == sample["predictions"]["_cls"] == "Classification"
        assert sample["ground_truth"]["label"] == NAMES[row.label]
        assert sample["predictions"]["label"] == NAMES[row.predicted]
        assert sample["predictions"]["confidence"] == row.full[0]
        assert sample["tags"] == ["right" if row.right else "wrong"]
        assert sample["attribution"]["_cls"] == "Heatmap"
        assert np.array_equal(heat_of(sample["attribution"]), row.heat().astype(np.float32))
        low, high = sample["attribution"]["range"]
        assert low == -high <= row.heat().min()
        assert high >= row.heat().max()
        limits.add(high)
        with Image.open(tmp_path / sample["filepath"]) as image:
            assert image.size == (8, 8)
    assert len(limits) == 1, "one scale for all"


def test_what_is_said_of_the_whole_is_no_dump_of_a_data_base(odd, made, tmp_path):
    """A folder without a version is read by the fields of its samples, whatever FiftyOne's version."""
    made.to_fiftyone(tmp_path)
    about = json.loads((tmp_path / "metadata.json").read_text(encoding="utf-8"))
    assert "version" not in about
    assert about["media_type"] == "image"
    assert len(about["info"]["sightline"]["verdict"]) == 3


def test_images_that_are_out_of_reach_are_left_out_and_counted(odd, made, tmp_path):
    done = sl.export(odd.path, progress=False).to_fiftyone(tmp_path)
    assert (done.samples, done.unreadable) == (0, 18)
    assert json.loads((tmp_path / "samples.json").read_text(encoding="utf-8")) == {"samples": []}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_fiftyone_reads_it(odd, made, tmp_path):
    pytest.importorskip("fiftyone", reason="fiftyone is not installed")
    from fiftyone.utils.data.importers import FiftyOneDatasetImporter

    made.to_fiftyone(tmp_path)
    importer = FiftyOneDatasetImporter(str(tmp_path))
    assert importer._is_legacy_format_data()
    samples = importer._to_legacy_importer()
    samples.setup()
    for sample, row in zip(samples, odd.rows(), strict=True):
        assert np.array_equal(sample.attribution.map, row.heat().astype(np.float32))
        assert sample.ground_truth.label == NAMES[row.label]
        assert sample.predictions.confidence == row.full[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_samples_are_added_to_a_data_set(odd, made, tmp_path):
    pytest.importorskip("fiftyone", reason="fiftyone is not installed")

    class Kept:
        """What takes samples as a data set does, without a data base."""

        def __init__(self):
            self.samples, self.info, self.saved = [], {}, False

        def add_samples(self, samples):
            self.samples += samples

        def save(self):
            self.saved = True

    kept = Kept()
    done = made.to_fiftyone(tmp_path, kept)
    assert done.samples == len(kept.samples) == 18
    assert kept.saved
    row = odd.row(3)
    assert kept.samples[3].predictions.label == NAMES[row.predicted]
    assert np.array_equal(kept.samples[3].attribution.map, row.heat())
    assert kept.samples[3].tags == ["right" if row.right else "wrong"]


def test_images_are_those_of_the_study(odd, made, tmp_path):
    from sightline.render import display_image

    made.to_fiftyone(tmp_path)
    images, _ = odd_data()
    with Image.open(tmp_path / "data" / "000000005.png") as image:
        assert np.array_equal(np.asarray(image), display_image(images[5]))
