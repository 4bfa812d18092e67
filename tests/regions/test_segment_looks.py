import numpy as np
import pytest

from sightline.regions.segment_looks import BLOCKS, LOOKED_AT, describe_segments


def test_looks_are_colours_edges_grain_and_size():
    image = np.full((48, 48, 3), 0.5)
    image[:, 24:] = (1.0, 0.0, 0.0)
    found = describe_segments(image)
    colour, edges, grain, size = np.split(found.looks, np.cumsum(BLOCKS)[:-1], axis=1)
    right = found.looks[found.labels[24, 40]]
    np.testing.assert_allclose(
        right[: BLOCKS[0]].reshape(3, -1)[:, [0, -1]], [[0, 1], [1, 0], [1, 0]], atol=0.05
    )
    np.testing.assert_allclose(colour.reshape(len(colour), 3, -1).sum(axis=2), 1)
    np.testing.assert_allclose(grain.sum(axis=1), 1)
    assert (edges >= 0).all()
    areas = np.bincount(found.labels.ravel()) / found.labels.size
    np.testing.assert_allclose(size[:, 0], np.log(areas))


def test_upright_and_level_stripes_differ_by_their_edges_alone():
    upright = np.tile(np.repeat([0.2, 0.8], 2), (48, 12))
    found = [describe_segments(one).looks for one in (upright, upright.T)]
    first = BLOCKS[0]
    one, other = (looks[:, first : first + BLOCKS[1]].mean(axis=0) for looks in found)
    assert one.argmax() != other.argmax()
    np.testing.assert_allclose(found[0][:, :first].mean(axis=0), found[1][:, :first].mean(axis=0), atol=0.05)


@pytest.mark.parametrize("shape", [(300, 500), (20, 30), (1, 9), (3, 3)])
def test_images_of_any_size_are_looked_at(shape):
    found = describe_segments(np.random.default_rng(0).random(shape))
    assert min(found.labels.shape) <= LOOKED_AT
    assert np.isfinite(found.looks).all()
    assert found.looks.shape == (found.labels.max() + 1, sum(BLOCKS))
