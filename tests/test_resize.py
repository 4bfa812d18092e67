"""Values of pixels at another size."""

import numpy as np
import pytest

from sightline._resize import nearest_index, resize_nearest, resize_smooth

HEAT = np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 2.0]])


def test_the_same_size_leaves_values_alone_as_floats_of_their_own():
    again = resize_smooth(HEAT.astype(np.float32), HEAT.shape)
    assert again.dtype == np.float64
    np.testing.assert_array_equal(again, HEAT)
    assert not np.shares_memory(resize_smooth(HEAT, HEAT.shape), HEAT)


def test_linear_between_the_middles_of_pixels_and_flat_beyond_them():
    np.testing.assert_allclose(resize_smooth(np.array([[0.0, 1.0]]), (1, 4)), [[0, 0.25, 0.75, 1]])


@pytest.mark.parametrize("antialias", [True, False])
def test_constant_values_stay_constant(antialias):
    np.testing.assert_allclose(resize_smooth(np.full((9, 7), 3.0), (4, 20), antialias=antialias), 3)


def test_antialiasing_sees_every_value():
    spike = np.zeros((1, 9))
    spike[0, 3] = 1
    assert resize_smooth(spike, (1, 3)).sum() > 0
    assert resize_smooth(spike, (1, 3), antialias=False).sum() == 0


def test_channels_are_resized_each_for_itself():
    both = np.stack([HEAT, 3 * HEAT], axis=2)
    one = resize_smooth(HEAT, (5, 4))
    np.testing.assert_allclose(resize_smooth(both, (5, 4)), np.stack([one, 3 * one], axis=2))


def test_masks_and_numbers_are_values_too():
    assert resize_smooth(np.array([[False, True]]), (1, 2)).tolist() == [[0.0, 1.0]]
    assert resize_smooth(np.array([[0, 4]]), (1, 4)).tolist() == [[0, 1, 3, 4]]


def test_nearest_takes_the_pixel_that_the_middle_falls_in():
    assert nearest_index(3, 3).tolist() == [0, 1, 2]
    assert nearest_index(6, 3).tolist() == [0, 0, 1, 1, 2, 2]
    assert nearest_index(2, 5).tolist() == [1, 3]
    labels = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(resize_nearest(labels, (4, 6)), labels.repeat(2, axis=0).repeat(2, axis=1))
    assert resize_nearest(labels > 2, (1, 1)).tolist() == [[True]]
    assert resize_nearest(np.dstack([labels, -labels]), (2, 3)).shape == (2, 3, 2)
