"""How many images go into one model call."""

import time

import numpy as np
import pytest

import sightline as sl
from sightline._batch_sizes import (
    BatchProbe,
    batch_ranges,
    choose_batch_size,
    default_batch_size,
    shared_probe,
)

IMAGE = np.zeros((1024, 1024, 3), np.uint8)


class OnDevice:
    def __init__(self, room):
        self.room = room

    def suggested_batch_size(self, image):
        return self.room


@pytest.mark.parametrize(
    ("image", "size"),
    [(IMAGE, 5), (np.zeros((8, 8)), 256), (np.zeros((0, 8)), 256), (np.zeros((3000, 3000, 3)), 1)],
)
def test_a_batch_takes_at_most_16_mib_and_256_images(image, size):
    assert default_batch_size(image) == size


def test_what_is_asked_for_comes_before_what_suits_the_model_and_that_before_the_default():
    assert choose_batch_size(7, OnDevice(40), IMAGE) == 7
    assert choose_batch_size(None, OnDevice(40), IMAGE) == 40
    assert choose_batch_size(None, OnDevice(None), IMAGE) == 5
    assert choose_batch_size(None, lambda images: images, IMAGE) == 5


def test_ranges_hold_every_number_once():
    assert [list(one) for one in batch_ranges(5, 2)] == [[0, 1], [2, 3], [4]]
    assert list(batch_ranges(4, 4)) == [range(4)]
    assert list(batch_ranges(0, 4)) == []


def chosen(seconds_of_one, largest=256):
    """What a probe settles on, and the sizes that it timed."""
    probe, sizes = BatchProbe(largest), []
    while not probe.settled:
        sizes.append(probe.size)
        probe.record(probe.size * seconds_of_one(probe.size))
    return probe.size, sizes


@pytest.mark.parametrize(
    ("seconds_of_one", "largest", "size", "timed"),
    [
        (lambda size: 1.0, 256, 32, [32, 64, 16]),
        (lambda size: 1 + 50 / size, 256, 256, [32, 64, 128, 256]),
        (lambda size: 1 + abs(size - 64), 256, 64, [32, 64, 128]),
        (lambda size: size, 256, 8, [32, 64, 16, 8]),
        (lambda size: 1 + abs(size - 16), 256, 16, [32, 64, 16, 8]),
        (lambda size: 1 / size, 40, 32, [32, 16]),
        (lambda size: size, 20, 10, [20, 10]),
        (lambda size: size, 12, 12, [12]),
        (lambda size: size, 5, 5, []),
    ],
)
def test_a_probe_finds_the_size_that_is_fastest_for_each_image(seconds_of_one, largest, size, timed):
    found, sizes = chosen(seconds_of_one, largest)
    assert found == size
    assert list(dict.fromkeys(sizes)) == timed
    for one in timed:  # what is faster at once is believed, what is not gets another try
        better = one != timed[0] and seconds_of_one(one) < 0.95 * seconds_of_one(timed[timed.index(one) - 1])
        assert sizes.count(one) == (1 if better else 2)


def test_what_was_found_out_about_a_model_serves_its_other_images(rng):
    class Model:
        def score(self, images):
            sizes.append(len(images))
            time.sleep(1e-4 * len(images))
            mean = images.mean(axis=(1, 2))
            return np.stack([mean, 1 - mean], axis=1)

    sizes = []
    model = Model()
    plan = sl.Plan(segment=sl.Grid(rows=5, columns=5), fill="colour", budget=900)
    for _ in range(3):
        sizes.clear()
        chosen = sl.explain(rng.random((24, 24)), model.score, plan).attribution.batch_size
    assert len([size for size in (8, 16, 32, 64, 128, 256) if size in sizes]) == 1
    assert chosen in sizes
    assert shared_probe(model.score, np.zeros((24, 24))) is shared_probe(model.score, np.ones((24, 24)))
    assert shared_probe(model.score, IMAGE) is not shared_probe(model.score, np.zeros((24, 24)))
    assert shared_probe(Model().score, IMAGE) is not shared_probe(model.score, IMAGE)
    assert shared_probe("model.onnx", IMAGE) is not shared_probe("model.onnx", IMAGE)


def test_the_probe_asks_no_more_and_finds_the_same_and_batch_size_overrules_it(rng):
    sizes = []

    def model(images):
        sizes.append(len(images))
        bright = images.reshape(len(images), -1) @ weights
        return np.stack([bright, 1 - bright], axis=1)

    image = rng.random((24, 24))
    weights = rng.random(24 * 24) / 576
    plan = sl.Plan(segment=sl.Grid(rows=4, columns=4), fill=sl.Blur(), budget=400)
    probed, calls = sl.explain(image, model, plan), sum(sizes)
    assert calls == probed.attribution.calls
    assert sizes[1:3] == [32, 32]  # behind the two ends
    assert probed.attribution.batch_size in (8, 16, 32, 64, 128, 256)
    for size in (1, 7, 256):
        sizes.clear()
        fixed = sl.explain(image, model, plan, batch_size=size)
        assert max(sizes) == fixed.attribution.batch_size == size if size < 256 else max(sizes) <= size
        assert sum(sizes) == calls
        np.testing.assert_allclose(fixed.attribution.values, probed.attribution.values, rtol=1e-9, atol=1e-12)
