"""Images that a study never touches."""

import numpy as np
import pytest

from sightline import Grid, Plan, Study
from sightline.data.datasets import Subset, as_dataset
from sightline.data.holdout import HoldoutRule
from sightline.errors import OptionError
from sightline.study.schema import Row

PLAN = Plan(segment=Grid(rows=2, columns=2), budget=16, fill="colour")
IMAGES = np.random.default_rng(0).random((40, 8, 8))
LABELS = np.arange(40) % 2


class Watching:
    """A model that remembers the whole images it was asked about."""

    def __init__(self):
        self.seen = set()

    def __call__(self, images):
        whole = {image.tobytes() for image in IMAGES}
        self.seen |= {image.tobytes() for image in images} & whole
        return np.clip(images.mean(axis=(1, 2)), 0, 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_held_out_images_are_never_shown_to_the_model(tmp_path, workers):
    model = Watching()
    study = Study(tmp_path / "s", PLAN).run((IMAGES, LABELS), model, held_out=0.4, workers=workers)
    held = {IMAGES[place].tobytes() for place in study.held_out.indices}
    assert 8 <= len(held) <= 24
    assert not model.seen & held
    assert set(study.places.tolist()) == set(range(40)) - set(study.held_out.indices.tolist())
    assert len(study) == study.count == 40 - len(held)
    assert f"{len(held)} held out" in repr(study)


def test_going_on_from_the_folder_keeps_the_same_images_out(tmp_path):
    before = Study(tmp_path / "s", PLAN).run((IMAGES, LABELS), Watching(), held_out=0.4)
    again = Study(tmp_path / "s").attach((IMAGES, LABELS), Watching())
    assert again.held_out.indices.tolist() == before.held_out.indices.tolist()
    again.run()
    assert all(isinstance(row, Row) for row in again.rows())
    assert len(again) == len(before)


def test_the_share_cannot_be_changed_afterwards(tmp_path):
    Study(tmp_path / "s", PLAN).run((IMAGES, LABELS), Watching(), held_out=0.4)
    with pytest.raises(OptionError, match=r"holds out 0.4 of its images, but now held_out=0.2"):
        Study(tmp_path / "s").run((IMAGES, LABELS), Watching(), held_out=0.2)


def test_a_study_without_held_out_images_says_how_to_get_some(tmp_path):
    study = Study(tmp_path / "s", PLAN).run((IMAGES, LABELS), Watching())
    with pytest.raises(OptionError, match="holds no images out: it has used them all"):
        _ = study.held_out
    with pytest.raises(OptionError, match="holds out 0 of its images"):
        study.run(held_out=0.3)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 2, True])
def test_a_share_must_lie_between_none_and_all(share):
    with pytest.raises(OptionError, match="held_out must be a number above 0 and below 1"):
        HoldoutRule(share)


@pytest.mark.parametrize("seed", range(5))
def test_the_share_is_kept_and_each_place_is_decided_alone(seed):
    rule = HoldoutRule(0.3, seed)
    places = np.arange(20_000)
    held = rule.complement().selected(places)
    assert abs(held.mean() - 0.3) < 0.02
    assert np.array_equal(held, ~rule.selected(places))
    assert np.array_equal(rule.selected(places[::-1]), rule.selected(places)[::-1])
    assert abs(np.corrcoef(held[:-1], held[1:])[0, 1]) < 0.05


def test_two_seeds_hold_out_different_images():
    held = [HoldoutRule(0.5, seed).selected(np.arange(1000)) for seed in (0, 1)]
    assert abs(np.corrcoef(*held)[0, 1]) < 0.15


def test_images_set_apart_keep_their_labels_and_names():
    source = as_dataset((IMAGES, LABELS))
    some = Subset(source, HoldoutRule(0.3, held_out=True).select(len(source)))
    assert some.labels.tolist() == LABELS[some.indices].tolist()
    assert np.array_equal(some[2][0], IMAGES[some.indices[2]])
    assert some.image_id(2) == str(some.indices[2])
    assert some.fingerprint() != source.fingerprint()
    assert as_dataset(some) is some
