"""How many images go into one model call."""

import numpy as np
import pytest

from sightline._batch_sizes import batch_ranges, choose_batch_size, default_batch_size

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
