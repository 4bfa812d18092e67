"""Models that are never shown the region."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from sightline import Colour, Noise, as_model
from sightline.errors import FileError, ModelError, OptionError
from sightline.regions import grid, per_image
from sightline.repair import Counterexamples, Guard
from sightline.repair.guard import median_fill
from sightline.repair.guarded_model import GuardedModel, save_guarded_onnx
from sightline.repair.repair_region import RepairRegion, resolve_region
from sightline.repair.training_data import as_subset
from support.bright import bright

CORNER = grid(4, 4)["r1c1"]
AREA = resolve_region(CORNER)
RNG = np.random.default_rng(0)
IMAGES = RNG.random((60, 8, 8)).astype(np.float32)
LABELS = (IMAGES[:, :2, :2].mean(axis=(1, 2)) + IMAGES[:, 4:].mean(axis=(1, 2)) > 1).astype(int)
MODEL = LogisticRegression(C=10).fit(IMAGES.reshape(60, -1), LABELS)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["uint8", "float32", "float64"]), st.sampled_from([0, 1, 3]), st.integers(0, 99))
def test_a_guarded_model_does_not_depend_on_the_region_s_pixels(kind, channels, seed):
    rng = np.random.default_rng(seed)
    shape = (5, 8, 8, channels) if channels else (5, 8, 8)
    images = (rng.random((2, *shape)) * 200).astype(kind)
    mask = AREA.mask((8, 8))
    images[1] = images[0]
    images[1][:, mask] = (rng.random(images[1][:, mask].shape) * 255).astype(kind)
    before = images.copy()

    def model(batch):
        assert batch.dtype == kind
        return batch.reshape(len(batch), -1)[:, ::7].astype(float) / 300

    for guard in (Guard(region=CORNER, fill="colour"), Guard(region=CORNER)):
        train = None if guard.fill else (before[0].repeat(4, axis=0), np.arange(20) % 2)
        asked = guard(model, train).model
        assert np.array_equal(asked(images[0]), asked(images[1]))
    assert np.array_equal(images, before)


def test_the_rest_of_the_image_is_shown_as_it_is():
    seen = []

    def model(images):
        seen.append(images.copy())
        return images.mean(axis=(1, 2))

    Guard(region=CORNER)(model, (IMAGES, LABELS)).model(IMAGES[:3])
    mask = AREA.mask((8, 8))
    assert np.array_equal(seen[-1][:, ~mask], IMAGES[:3][:, ~mask])
    assert all(np.array_equal(one[mask], seen[-1][0][mask]) for one in seen[-1])
    assert (np.abs(seen[-1][0][mask] - 0.5) < 0.2).all()  # the median of many


def test_the_cost_is_what_is_counted_on_the_validation_images():
    fix = Guard(region=CORNER)(MODEL, (IMAGES, LABELS), validation=(IMAGES, LABELS))
    after = (fix.model(IMAGES).argmax(axis=1) == LABELS).mean()
    before = (as_model(MODEL)(IMAGES).argmax(axis=1) == LABELS).mean()
    assert f"on 60 validation images: accuracy from {before:.3f} to {after:.3f}" in fix.notes[0]
    assert after < before


def test_a_guard_needs_images_or_a_fill_and_one_region_for_all():
    with pytest.raises(OptionError, match=r"guard\(model, train\), or a fill"):
        Guard(region=CORNER)(MODEL)
    with pytest.raises(OptionError, match="a guard hides the same region of every image"):
        Guard(region=per_image(lambda place: np.eye(8, dtype=int), {1: "line"}))


def test_a_network_behind_a_guard_keeps_its_output_rule():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 1))
    plain, guarded = as_model(net), Guard(region=CORNER, fill="colour")(net).model
    black = IMAGES.copy()
    black[:, AREA.mask((8, 8))] = 0
    assert np.allclose(guarded(IMAGES), plain(black))


def test_a_guard_may_hide_the_region_behind_noise():
    with pytest.raises(ModelError, match="known by its answers alone"):
        Counterexamples(region=CORNER)(lambda images: images.mean(axis=(1, 2)), (IMAGES, LABELS))
    assert Guard(region=CORNER, fill=Noise())(MODEL).model(IMAGES).shape == (60, 2)


def test_the_median_counts_every_class_alike_and_leaves_out_the_mark_of_a_frequent_one():
    rng = np.random.default_rng(0)
    labels = (np.arange(200) % 4 > 0).astype(int)  # three in four are ill, and most of these have a token
    images = rng.random((200, 8, 8)) * 0.5
    images[(labels == 1) & (rng.random(200) < 0.95), :2, :2] = 3.0
    assert np.median(images, axis=0)[0, 0] == 3.0
    fill = median_fill(as_subset(as_model(MODEL), (images, labels)))
    assert fill.images[:2, :2].max() < 0.6


def test_a_median_that_holds_the_mark_is_not_shown():
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    images = rng.random((300, 8, 8)) * 0.5
    images[:, 4:] += 0.3 * labels[:, None, None]
    images[labels > 0, :2, :2] = 3.0  # two of three classes have the mark

    def bright_or_marked(batch):
        bright, mark = batch[:, 4:].mean(axis=(1, 2)) - 0.55, batch[:, :2, :2].mean(axis=(1, 2)) > 1
        return np.stack([-bright, np.full(len(batch), 0.12), bright + mark], axis=1)

    fix = Guard(region=CORNER)(bright_or_marked, (images, labels))
    assert (np.median(images, axis=0)[:2, :2] == 3.0).all()
    assert (fix.model.backend.fill.images[:2, :2] < 1).all()
    assert "Shows the median of class 0: that of all classes left a mean recall of 0.33" in repr(fix)


def test_a_guard_whose_model_only_guesses_says_so():
    labels = np.arange(100) % 2
    images = np.random.default_rng(0).random((100, 8, 8))
    images[:, :2, :2] = labels[:, None, None]

    def corner(batch):
        return batch[:, :2, :2].mean(axis=(1, 2)).clip(0, 1)

    assert "is no better than guessing: do not use it." in repr(
        Guard(region=CORNER)(corner, (images, labels))
    )
    assert "guessing" not in repr(Guard(region=grid(4, 4)["r4c4"])(corner, (images, labels)))


def test_what_is_found_in_an_image_is_hidden_in_that_image():
    region = RepairRegion(bright(0.7)["bright"], 0)
    model = as_model(lambda images: images.mean(axis=(1, 2)))
    guarded = GuardedModel(model, region, Colour(0.0))
    for image, made in zip(IMAGES[:4], guarded.hide_region(IMAGES[:4]), strict=True):
        np.testing.assert_array_equal(made, np.where(image > 0.7, 0, image))


def test_what_is_found_is_hidden_behind_its_surroundings():
    images = np.full((6, 8, 8), 0.4)
    images[np.arange(6), np.arange(6), 3] = 1.0
    for guard in (Guard(region=bright()["bright"]), Guard(region=bright()["bright"], margin=0)):
        said = guard(lambda batch: batch.max(axis=(1, 2))).model(images)[:, 1]
        assert said.tolist() == pytest.approx([0.4] * 6)
    told = Guard(region=bright()["bright"])(MODEL, (np.tile(images, (5, 1, 1)), np.arange(30) % 2)).notes
    assert told[0].startswith("“bright” was found in 24 of 24 images to learn from (0: 12 of 12, 1: 12 of")
    with pytest.raises(FileError, match="found in each image, which a graph cannot do"):
        save_guarded_onnx(guard(MODEL).model.backend, Path("x.onnx"), images[0])
