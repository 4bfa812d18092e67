"""Groups of wrong answers are those that were made, and none where none were made."""

import numpy as np
import pytest

import sightline as sl
from sightline.findings.groups import FEWEST, MOST, _members, grouped
from sightline.findings.groups import MOST_GROUPS as SIX
from studies import Memory

PLAN = sl.Plan(segment="grid:rows=3,columns=3", fill=sl.Colour(0.5), budget=32)


def misled(images):
    """p of class 1: a bright square anywhere in one of two corners."""
    p = np.clip(images[:, :3, :3].mean(axis=(1, 2)) + images[:, 6:, 6:].mean(axis=(1, 2)) - 0.6, 0, 1)
    return np.stack([1 - p, p], axis=1)


def two_kinds(count=40):
    """Pictures of class 0 that are all taken for class 1, half for one corner and half for the other."""
    rng = np.random.default_rng(0)
    images = 0.5 + rng.normal(0, 0.02, (count, 9, 9))
    first = np.arange(count) % 2 == 0
    images[first, :3, :3] += 0.4
    images[~first, 6:, 6:] += 0.4
    return images, np.zeros(count, dtype=int), first


def test_two_kinds_of_errors_are_two_groups():
    images, labels, first = two_kinds()
    study = Memory(misled, images, labels, PLAN)
    groups, how = grouped(study, (9, 9))
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
    groups, _ = grouped(study, (24, 24), patches=True)
    assert [one.count for one in groups] == [20, 20]
    assert all(len({bool(first[place]) for place in one.places}) == 1 for one in groups)


@pytest.mark.parametrize("shape", ["normal", "uniform", "skewed"])
def test_what_has_no_groups_is_one(shape):
    found = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        told = rng.normal(size=(60, 12)) * np.linspace(3, 0.2, 12)
        if shape == "uniform":
            told = rng.uniform(-1, 1, (60, 12)) * np.linspace(3, 0.2, 12)
        if shape == "skewed":
            told[:, 0] = rng.exponential(3, 60)
        found += bool(_members(told, rng).any())
    assert found <= 2


def test_groups_are_found_in_most_draws_where_they_are():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        which = rng.integers(0, 3, 60)
        told = rng.normal(size=(60, 12)) + 6 * np.eye(12)[which]
        members = _members(told, rng)
        assert len(np.unique(members)) == 3 <= SIX
        assert all(len(np.unique(which[members == one])) == 1 for one in range(3))


def test_few_errors_are_not_grouped_and_none_are_none():
    images, labels, _ = two_kinds(FEWEST - 1)
    groups, _ = grouped(Memory(misled, images, labels, PLAN), (9, 9))
    assert [one.count for one in groups] == [FEWEST - 1]
    right = Memory(misled, images, labels + 1, PLAN)
    assert grouped(right, (9, 9))[0] == ()


def test_of_many_errors_a_number_is_grouped(monkeypatch):
    monkeypatch.setattr("sightline.findings.groups.MOST", 16)
    images, labels, _ = two_kinds(60)
    groups, _ = grouped(Memory(misled, images, labels, PLAN), (9, 9))
    assert sum(one.count for one in groups) == 16 < MOST
