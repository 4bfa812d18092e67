"""Equal areas elsewhere, and what models say with regions hidden."""

import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from sightline.engine.fills import Colour, Noise
from sightline.findings.region_occlusion import Probe, occlude_regions
from sightline.regions.margins import control_areas

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


@settings(deadline=None)  # the first one imports scipy.signal
@given(masks)
def test_elsewhere_is_as_large_within_the_image_and_apart(mask):
    spots = control_areas(mask, 3, np.random.default_rng(0))
    assert len(spots) == 3
    for spot in spots:
        assert not (spot & mask).any()
        assert spot.sum() == min(mask.sum(), (~mask).sum())


def test_elsewhere_is_the_regions_own_shape_where_that_fits(rng):
    mask = np.zeros((20, 20), dtype=bool)
    mask[2:5, 3:9] = mask[4:8, 3:5] = True
    places = set()
    for spot in control_areas(mask, 30, rng):
        box = ndimage.find_objects(spot.astype(int))[0]
        assert (spot[box] == mask[2:8, 3:9]).all()
        places.add((box[0].start, box[1].start))
    assert len(places) > 20


def test_all_models_are_asked_about_the_same_images_and_draws_are_averaged():
    rng = np.random.default_rng(0)
    images = rng.random((3, 6, 6))
    mask = np.zeros((1, 6, 6), dtype=bool)
    mask[0, :2, :3] = True
    seen = [[], []]

    def model(which):
        def ask(batch):
            said = batch.mean(axis=(1, 2))[:, np.newaxis]
            seen[which] += said.ravel().tolist()
            batch[:] = 0  # what is given to one is not what the other gets
            return said

        return ask

    probes = [Probe(place, image, mask, [("grey", image * 0.5)]) for place, image in enumerate(images)]
    found = list(
        occlude_regions(probes, (model(0), model(1)), Noise(draws=2), controls=2, seed=0, batch_size=4)
    )
    assert [len(both) for both in found] == [2, 2, 2]
    assert seen[0] == seen[1]
    assert len(seen[0]) == 3 * (1 + 3 * 2 + 1)
    for place, (one, other) in enumerate(found):
        assert (one.place, one.calls) == (place, 8)
        said = seen[0][8 * place : 8 * place + 8]
        assert one.full == said[0]
        assert one.hidden == np.mean(said[1:3])
        assert one.controls.shape == (1, 2, 1)
        assert one.variants["grey"] == other.variants["grey"] == said[7]


def test_a_hidden_region_shows_the_fill_and_nothing_else_changes():
    image = np.full((6, 6), 0.25)
    mask = np.zeros((1, 6, 6), dtype=bool)
    mask[0, :2] = True
    probes = [Probe(5, image, mask)]
    [(found,)] = occlude_regions(
        probes, [lambda batch: batch.mean(axis=(1, 2))[:, np.newaxis]], Colour(1.0), controls=1, seed=0
    )
    assert found.full == 0.25
    assert found.hidden == found.controls == 0.5
    assert found.variants == {}
