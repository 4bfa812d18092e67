"""Groups of wrong answers are those that were made, and none where none were made."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

import sightline as sl
from sightline.errors import ImageError, OptionError
from sightline.findings.error_groups import (
    FEWEST,
    LEAST,
    MOST,
    THUMB,
    _cluster_members,
    _critical_bandwidth,
    _location_features,
    _mean_silhouette,
    group_errors,
)
from sightline.findings.error_groups import MOST_GROUPS as SIX
from support.studies import Memory

PLAN = sl.Plan(segment="grid:rows=3,columns=3", fill=sl.Colour(0.5), budget=32)


def misled(images):
    """p of class 1: a bright square anywhere in one of two corners."""
    p = np.clip(images[:, :3, :3].mean(axis=(1, 2)) + images[:, 6:, 6:].mean(axis=(1, 2)) - 0.6, 0, 1)
    return np.stack([1 - p, p], axis=1)


def two_kinds(count=40):
    """Images of class 0 that are all taken for class 1, half for one corner and half for the other."""
    rng = np.random.default_rng(0)
    images = 0.5 + rng.normal(0, 0.02, (count, 9, 9))
    first = np.arange(count) % 2 == 0
    images[first, :3, :3] += 0.4
    images[~first, 6:, 6:] += 0.4
    return images, np.zeros(count, dtype=int), first


@pytest.mark.slow
def test_two_kinds_of_errors_are_two_groups():
    images, labels, first = two_kinds()
    study = Memory(misled, images, labels, PLAN)
    groups, how = group_errors(study, (9, 9))
    assert [one.count for one in groups] == [20, 20]
    assert {tuple(sorted({bool(first[place]) for place in one.places})) for one in groups} == {
        (True,),
        (False,),
    }
    for one in groups:
        corner = one.mean[:3, :3] if first[one.places[0]] else one.mean[6:, 6:]
        assert corner.sum() > 0.8 * one.mean.sum()
        assert one.pairs == (("class 0 → class 1", 20),)
        assert len(one.images) == len(one.places)
    assert "silhouette" in how


@pytest.mark.slow
def test_patches_that_look_different_are_two_groups_wherever_they_are():
    rng = np.random.default_rng(0)
    images, first = np.full((40, 24, 24, 3), 0.2), np.arange(40) % 2 == 0
    for image, stripes in zip(images, first, strict=True):
        down, across = 8 * rng.integers(0, 3, 2)
        patch = np.ones((8, 8, 3)) * [1.0, 0.2, 0.2]
        if stripes:
            patch = np.where(
                np.arange(8)[:, np.newaxis, np.newaxis] % 4 < 2, [0.4, 0.4, 1.0], [0.8, 1.0, 0.4]
            )
        image[down : down + 8, across : across + 8] = patch + rng.normal(0, 0.02, patch.shape)

    def bright(batch):
        p = np.clip(batch.mean(axis=(1, 2, 3)) * 3, 0, 1)
        return np.stack([1 - p, p], axis=1)

    plan = sl.Plan(segment="grid:rows=3,columns=3", fill=sl.Colour(0.2), budget=32)
    study = Memory(bright, images, np.zeros(40, dtype=int), plan)
    groups, _ = group_errors(study, (24, 24), patches=True)
    assert [one.count for one in groups] == [20, 20]
    assert all(len({bool(first[place]) for place in one.places}) == 1 for one in groups)


WIDTHS = np.linspace(3, 0.2, 12)
SHAPES = {
    "normal": lambda rng: rng.normal(size=(60, 12)) * WIDTHS,
    "uniform": lambda rng: rng.uniform(-1, 1, (60, 12)) * WIDTHS,
    "skewed": lambda rng: rng.exponential(size=(60, 12)) * WIDTHS,
    "heavy-tailed": lambda rng: rng.standard_t(3, size=(60, 12)) * WIDTHS,
    "log-normal": lambda rng: np.exp(rng.normal(size=(60, 12))) * WIDTHS,
    "a few odd ones": lambda rng: rng.normal(size=(60, 12)) + 20 * (np.arange(60) < 3)[:, np.newaxis],
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_what_has_no_groups_is_one(shape):
    found = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        found += bool(_cluster_members(SHAPES[shape](rng), rng).any())
    assert found <= 2  # 1 in 40 is meant; of log-normal ones 1 in 6 were found over 60 seeds


def test_answers_that_are_all_alike_are_one_group(rng):
    assert not _cluster_members(np.ones((30, 12)), rng).any()


@pytest.mark.parametrize("seed", range(5))
def test_the_smoothing_is_the_least_that_leaves_one_peak(seed):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(size=30), rng.normal(5 * (seed % 2), 1 + seed, 20)])

    def peaks(width):
        grid = np.linspace(values.min() - 5, values.max() + 5, 4000)
        density = np.exp(-0.5 * ((grid[:, np.newaxis] - values) / width) ** 2).sum(axis=1)
        return ((density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:])).sum()

    width = _critical_bandwidth(values)
    assert peaks(1.1 * width) == 1
    assert peaks(0.9 * width) > 1


@pytest.mark.slow
def test_groups_are_found_in_most_draws_where_they_are():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        which = rng.integers(0, 3, 60)
        told = rng.normal(size=(60, 12)) + 6 * np.eye(12)[which]
        members = _cluster_members(told, rng)
        assert len(np.unique(members)) == 3 <= SIX
        assert all(len(np.unique(which[members == one])) == 1 for one in range(3))


def test_few_errors_are_not_grouped_and_none_are_none():
    images, labels, _ = two_kinds(FEWEST - 1)
    groups, _ = group_errors(Memory(misled, images, labels, PLAN), (9, 9))
    assert [one.count for one in groups] == [FEWEST - 1]
    right = Memory(misled, images, labels + 1, PLAN)
    assert group_errors(right, (9, 9))[0] == ()


@pytest.mark.slow
def test_of_many_errors_a_number_is_grouped(monkeypatch):
    monkeypatch.setattr("sightline.findings.error_groups.MOST", 16)
    images, labels, _ = two_kinds(60)
    groups, _ = group_errors(Memory(misled, images, labels, PLAN), (9, 9))
    assert sum(one.count for one in groups) == 16 < MOST


@pytest.mark.slow
def test_a_group_shows_its_mean_and_the_images_nearest_to_its_middle():
    images, labels, first = two_kinds()
    study = Memory(misled, images, labels, PLAN, class_names=["dull", "bright"])
    groups, _ = group_errors(study, (9, 9))
    for one in groups:
        members = np.flatnonzero(first == first[one.places[0]])
        heats = np.array([study.row(place).heat() for place in members])
        np.testing.assert_allclose(one.mean, heats.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(one.image[..., 2], images[members].mean(axis=0), atol=2e-5)
        told = np.array([_location_features(study.row(place)) for place in members])
        far = np.linalg.norm(told - told.mean(axis=0), axis=1)
        np.testing.assert_array_equal(one.places, members[np.argsort(far, kind="stable")[: len(one.places)]])
        assert one.answers == ("dull → bright",) * len(one.places)
        for place, image, spot in zip(one.places, one.images, one.leading_segments, strict=True):
            np.testing.assert_allclose(image[..., 0], 255 * images[place], atol=0.51)
            expected = np.zeros((9, 9), dtype=bool)
            expected[(slice(0, 3),) * 2 if first[place] else (slice(6, 9),) * 2] = True
            np.testing.assert_array_equal(spot, expected)


def test_a_group_of_less_than_a_twentieth_is_none():
    rng = np.random.default_rng(0)
    told = rng.normal(size=(200, 4))
    told[:9] += 30
    assert not _cluster_members(told, rng).any()
    told[9:11] += 30
    assert np.bincount(_cluster_members(told, rng)).min() == 11 > LEAST


@pytest.mark.slow
def test_the_same_seed_gives_the_same_groups(monkeypatch):
    monkeypatch.setattr("sightline.findings.error_groups.MOST", 20)
    images, labels, _ = two_kinds(60)
    study = Memory(misled, images, labels, PLAN)
    one, other, third = (group_errors(study, (9, 9), seed=seed)[0] for seed in (5, 5, 6))
    assert [group.places.tolist() for group in one] == [group.places.tolist() for group in other]
    assert [group.places.tolist() for group in one] != [group.places.tolist() for group in third]


@pytest.mark.slow
def test_images_that_are_kept_are_small():
    images = np.random.default_rng(0).random((2, 400, 800, 3))
    study = Memory(lambda batch: 1 - batch.mean(axis=(1, 2, 3)), images, np.ones(2, dtype=int), PLAN)
    ((one,), _) = group_errors(study, (9, 9))
    assert {image.shape for image in one.images} == {(THUMB // 2, THUMB, 3)}
    assert {spot.shape for spot in one.leading_segments} == {(THUMB // 2, THUMB)}
    assert {image.dtype for image in one.images} == {np.dtype(np.uint8)}


class Gone(Memory):
    """A study whose images are out of reach, or can no longer be read, but for some."""

    error, kept = OptionError("give them again.", slug="study-data"), ()

    def image(self, place):
        if place in self.kept:
            return super().image(place)
        raise self.error


@pytest.mark.slow
def test_explanations_are_grouped_without_images_but_patches_are_not():
    images, labels, _ = two_kinds()
    study = Gone(misled, images, labels, PLAN)
    groups, _ = group_errors(study, (9, 9))
    assert [(one.count, one.image, one.images) for one in groups] == [(20, None, ())] * 2
    with pytest.raises(OptionError, match="give them again"):
        group_errors(study, (9, 9), patches=True)


def test_patches_that_can_no_longer_be_read_are_left_out():
    images, labels, _ = two_kinds()
    study = Gone(misled, images, labels, PLAN)
    study.error, study.kept = ImageError("gone.", slug="image-file"), range(30)
    groups, _ = group_errors(study, (9, 9), patches=True)
    assert sum(one.count for one in groups) == 30


@pytest.mark.slow
def test_the_figure_shows_each_group_with_its_typical_images():
    images, labels, _ = two_kinds()
    made = sl.atlas(Memory(misled, images, labels, PLAN, class_names=["dull", "bright"]))
    words = [text.get_text() for text in made.plot().axes[0].texts]
    assert "Group 2: 20 wrong answers that look alike" in words
    assert "20 × dull → bright" in words
    for place in np.concatenate([one.places for one in made.groups]):
        assert f"image {place}" in words
    assert "the segment that speaks most for the answer" in words
    assert "2 groups of wrong answers that look alike:" in repr(made)


def test_the_mean_silhouette_is_scikit_learn_s(rng):
    for groups in (2, 5):
        points, members = rng.normal(size=(40, 3)), np.arange(40) % groups
        points[members == 1] += 2
        points[10:14] = points[10]  # some are the same
        apart = np.linalg.norm(points[:, np.newaxis] - points, axis=2)
        expected = silhouette_score(apart, members, metric="precomputed")
        assert _mean_silhouette(apart, members) == pytest.approx(expected, abs=1e-12)
    assert _mean_silhouette(np.zeros((6, 6)), np.arange(6) % 2) == 0.0
