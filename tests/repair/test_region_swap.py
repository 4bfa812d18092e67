"""Images in which what a region shows was replaced."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline import Blur, Donors, Noise
from sightline.data.datasets import ConcatDataset, Subset, as_dataset
from sightline.data.holdout import HoldoutRule
from sightline.errors import ImageError, OptionError
from sightline.regions import grid, per_image
from sightline.repair.region_swap import RegionSwapped, ShufflePixels, SwapRegion, draw_donor, paste_region
from sightline.repair.repair_region import RepairRegion, resolve_region
from support.bright import bright, known_bright

CORNER = resolve_region(grid(4, 4)["r1c1"], margin=0)
RNG = np.random.default_rng(0)
IMAGES = RNG.random((12, 8, 8, 3))
LABELS = np.repeat([0, 1, 2], [6, 4, 2])
SOURCE = as_dataset((IMAGES, LABELS))


@pytest.mark.parametrize(
    "how", [SwapRegion(), SwapRegion(donors="other_class"), ShufflePixels(), Noise(), Blur()]
)
@pytest.mark.parametrize("channels", [0, 1, 3])
def test_only_the_region_changes_and_the_label_stays(how, channels):
    images = IMAGES[..., :channels] if channels else IMAGES[..., 0]
    made = RegionSwapped(as_dataset((images, LABELS)), CORNER, how, copies=2)
    mask = CORNER.mask((8, 8))
    assert len(made) == 24
    assert made.labels.tolist() == [*LABELS, *LABELS]
    for place in range(24):
        image, label = made[place]
        assert label == LABELS[place % 12]
        assert image.shape == images[0].shape
        assert image.dtype == images.dtype
        assert np.array_equal(image[~mask], images[place % 12][~mask])


def test_the_same_place_is_the_same_image_and_copies_differ():
    one, other = (RegionSwapped(SOURCE, CORNER, SwapRegion(), copies=3, seed=5) for _ in range(2))
    assert all(np.array_equal(one[place][0], other[place][0]) for place in range(36))
    assert any(not np.array_equal(one[place][0], one[place + 12][0]) for place in range(12))
    third = RegionSwapped(SOURCE, CORNER, SwapRegion(), copies=3, seed=6)
    assert any(not np.array_equal(one[place][0], third[place][0]) for place in range(36))


def test_a_swapped_region_is_a_donor_s_of_the_class_that_was_asked_for():
    mask = CORNER.mask((8, 8))
    for donors, fits in (("same_class", np.equal), ("other_class", np.not_equal)):
        made = RegionSwapped(SOURCE, CORNER, SwapRegion(donors=donors), copies=5)
        for place in range(60):
            image, label = made[place]
            donor = [np.array_equal(one[mask], image[mask]) for one in IMAGES].index(True)
            assert fits(LABELS[donor], label)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=4), st.integers(0, 5))
def test_donors_of_any_class_are_of_each_class_as_often_however_many_it_has(sizes, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    rng = np.random.default_rng(seed)
    drawn = labels[[draw_donor(labels, 0, "any", rng) for _ in range(1200)]]
    shares = np.bincount(drawn, minlength=len(sizes)) / 1200
    assert np.abs(shares - 1 / len(sizes)).max() < 0.08


def test_shuffled_pixels_are_the_same_pixels():
    image, _ = RegionSwapped(SOURCE, CORNER, ShufflePixels())[3]
    mask = CORNER.mask((8, 8))
    assert sorted(map(tuple, image[mask])) == sorted(map(tuple, IMAGES[3][mask]))
    assert not np.array_equal(image[mask], IMAGES[3][mask])


def test_noise_is_another_in_every_copy():
    made = RegionSwapped(SOURCE, CORNER, Noise(), copies=2)
    assert not np.array_equal(made[0][0], made[12][0])


def test_a_fill_of_several_donors_is_drawn_from():
    given = RNG.random((4, 8, 8, 3))
    mask = CORNER.mask((8, 8))
    made = RegionSwapped(SOURCE, CORNER, Donors(given), copies=6)
    found = {
        [np.array_equal(one[mask], made[place][0][mask]) for one in given].index(True) for place in range(72)
    }
    assert found == {0, 1, 2, 3}


def test_images_of_several_sizes_cannot_swap():
    source = as_dataset(([np.zeros((8, 8)), np.ones((8, 9))], [0, 1]))
    made = RegionSwapped(source, CORNER, SwapRegion(donors="other_class"))
    with pytest.raises(ImageError, match=r"of one size, but these are of \(8, 8\) and \(8, 9\)"):
        made[0]


def test_the_given_images_stay_as_they_are():
    before = IMAGES.copy()
    made = RegionSwapped(SOURCE, CORNER, SwapRegion(), copies=2)
    for place in range(24):
        made[place][0][:] = 0
    assert np.array_equal(IMAGES, before)


def test_replaced_takes_the_mask_s_pixels_of_the_other():
    mask = RNG.random((5, 6)) < 0.5
    one, other = RNG.random((2, 5, 6, 3))
    made = paste_region(one, mask, other)
    for row, column in np.ndindex(5, 6):
        assert np.array_equal(made[row, column], (other if mask[row, column] else one)[row, column])


def test_joined_sources_follow_each_other():
    again = RegionSwapped(SOURCE, CORNER, SwapRegion(), copies=2)
    both = ConcatDataset((SOURCE, again))
    assert len(both) == 36
    assert both.labels.tolist() == [*LABELS] * 3
    assert np.array_equal(both[3][0], IMAGES[3])
    assert np.array_equal(both[12][0], again[0][0])
    assert np.array_equal(both[35][0], again[23][0])
    with pytest.raises(IndexError):
        both[36]


def test_unknown_donors_are_refused():
    with pytest.raises(OptionError, match="donors must be one of any, same_class, other_class"):
        SwapRegion(donors="others")
    with pytest.raises(OptionError, match="surrounding"):
        SwapRegion(fill="surrounding")


def test_regions_of_each_image_are_taken_at_its_place():
    masks = np.zeros((12, 8, 8), dtype=int)
    masks[np.arange(12), np.arange(12) % 8] = 1
    own = RepairRegion(per_image(lambda place: masks[place], {1: "row"}), 0)
    made = RegionSwapped(SOURCE, own, SwapRegion(donors="other_class"))
    for place in range(12):
        changed = (made[place][0] != IMAGES[place]).any(axis=(1, 2))
        rows = set(np.flatnonzero(changed).tolist())
        assert place % 8 in rows  # and the donor's own row
        assert len(rows) <= 2


def test_parts_of_the_data_keep_each_image_s_own_region():
    masks = np.zeros((12, 8, 8), dtype=int)
    masks[np.arange(12), np.arange(12) % 8] = 1
    own = RepairRegion(per_image(lambda place: masks[place], {1: "row"}), 0)
    held = Subset(SOURCE, HoldoutRule(0.7, seed=3, held_out=True).select(len(SOURCE)))
    part = Subset(held, np.arange(len(held))[1:], held.labels[1:], None)
    made = RegionSwapped(part, own, ShufflePixels())
    for place in range(len(part)):
        changed = (made[place][0] != part[place][0]).any(axis=(1, 2))
        assert np.flatnonzero(changed).tolist() == [held.indices[place + 1] % 8]


@pytest.mark.slow
def test_of_regions_of_each_image_its_own_the_donor_s_content_is_planted_where_the_donor_has_it():
    # Class 1 has a bright mark somewhere, class 0 none: after the swap both have it as often.
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    images, masks = 0.5 * rng.random((200, 8, 8)), np.zeros((200, 8, 8), dtype=int)
    for one in np.flatnonzero(labels):
        down, across = rng.integers(0, 7, 2)
        masks[one, down : down + 2, across : across + 2] = 1
    images[masks == 1] = 1.0
    own = resolve_region(per_image(lambda place: masks[place], {1: "mark"}), margin=0)
    made = RegionSwapped(as_dataset((images, labels)), own, SwapRegion(), copies=2)
    bright = np.array([(made[one][0] == 1).sum() for one in range(400)])
    shares = [(bright[made.labels == label] > 0).mean() for label in (0, 1)]
    assert abs(shares[0] - shares[1]) < 0.15
    assert min(shares) > 0.35
    assert set(bright.tolist()) <= {0, 1, 2, 3, 4}
    # Planted alone: the rest of an image stays its own, but for where its own mark was.
    planted = RegionSwapped(as_dataset((images, labels)), own, SwapRegion(fill="surroundings"), copies=2)
    for one in range(400):
        mark = made[one][0] == 1
        assert ((planted[one][0] == 1) == mark).all()
        kept = ~mark & (masks[one % 200] == 0)
        assert (planted[one][0][kept] == images[one % 200][kept]).all()
    filled = RegionSwapped(as_dataset((images, labels)), own, Noise(), copies=1)
    assert all(np.array_equal(filled[one][0], images[one]) for one in range(0, 20, 2))


@pytest.mark.parametrize("how", [SwapRegion(), ShufflePixels(), Blur()])
def test_what_is_found_in_the_images_is_replaced_as_if_it_were_known(how):
    found, known = (
        RegionSwapped(SOURCE, RepairRegion(one["bright"], 0.1), how, copies=2, seed=1)
        for one in (bright(0.7), known_bright(IMAGES, 0.7))
    )
    assert all(np.array_equal(found[place][0], known[place][0]) for place in range(24))
    assert any(not np.array_equal(found[place][0], IMAGES[place]) for place in range(12))


def test_nothing_is_swapped_between_images_of_several_kinds_of_numbers():
    images = [(one * 255).astype("u1" if place % 2 else "u2") for place, one in enumerate(IMAGES)]
    for region in (CORNER, resolve_region("brightness")):
        made = RegionSwapped(as_dataset((images, LABELS)), region, SwapRegion())
        with pytest.raises(ImageError, match="but these are uint"):
            [made[place] for place in range(12)]
