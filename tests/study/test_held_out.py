"""Images that a study never touches."""

import warnings

import numpy as np
import pytest

from sightline import Grid, Plan, Study
from sightline.data.holdout import HoldoutRule
from sightline.errors import OptionError, SightlineWarning
from sightline.study.provenance import OpenedData
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


@pytest.mark.slow
def test_going_on_from_the_folder_keeps_the_same_images_out(tmp_path):
    before = Study(tmp_path / "s", PLAN).run((IMAGES, LABELS), Watching(), held_out=0.4)
    again = Study(tmp_path / "s").attach((IMAGES, LABELS), Watching())
    assert again.held_out.indices.tolist() == before.held_out.indices.tolist()
    again.run()
    assert all(isinstance(row, Row) for row in again.rows())
    assert len(again) == len(before)


@pytest.mark.slow
def test_the_share_cannot_be_changed_afterwards(tmp_path):
    Study(tmp_path / "s", PLAN).run((IMAGES, LABELS), Watching(), held_out=0.4)
    with pytest.raises(OptionError, match=r"holds out 0.4 of its images, but now held_out=0.2"):
        Study(tmp_path / "s").run((IMAGES, LABELS), Watching(), held_out=0.2)


@pytest.mark.slow
def test_a_study_without_held_out_images_says_how_to_get_some(tmp_path):
    study = Study(tmp_path / "s", PLAN).run((IMAGES, LABELS), Watching())
    with pytest.raises(OptionError, match="holds no images out: it has used them all"):
        _ = study.held_out
    with pytest.raises(OptionError, match="holds out 0 of its images"):
        study.run(held_out=0.3)


@pytest.mark.slow
def test_what_is_there_twice_is_said_when_images_are_set_apart_and_not_again_at_a_proof(tmp_path):
    twice = np.repeat(np.random.default_rng(1).random((20, 24, 24)), 2, axis=0)
    with pytest.warns(SightlineWarning, match="that are held out are the same") as told:
        study = Study(tmp_path / "s", PLAN).run((twice, LABELS), Watching(), held_out=0.4, check_range=False)
    assert f"of the {len(study.held_out)} images" in str(told[0].message)
    (kept,) = [one for one in Study(study.path).manifest.guesses if "held out are new" in one]
    assert kept.startswith(f"the {len(study.held_out)} images held out are new, though ")
    some = HoldoutRule(0.2, held_out=True)
    part = OpenedData(study.source, study.manifest.data_text, study.manifest.image_format, some)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proof = Study(tmp_path / "proof", PLAN).run(part, Watching(), check_range=False)
    assert 0 < len(proof) < len(study.held_out)
