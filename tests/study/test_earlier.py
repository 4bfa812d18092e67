"""A study that an earlier version wrote is read, and goes on, as if this one had written it.

tests/data/earlier_study holds one that 0.1.0 wrote before its modules and names were put in order: 24 images
of 12×16, one of them broken, a quarter held out; the plan has arrays and a contrast.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

import sightline as sl
from sightline.data import ImageFormat
from sightline.study import Study
from sightline.types import Contrast

EARLIER = Path(__file__).parents[1] / "data" / "earlier_study"
FORMAT = ImageFormat(size=(12, 12), mode="grey", values="unit")


def model(batch):
    """The one that it was made with."""
    return np.clip(0.9 * batch[:, :4, :4].mean(axis=(1, 2)) + 0.1 * batch.mean(axis=(1, 2)), 0, 1)


@pytest.fixture
def study(tmp_path):
    return Study(shutil.copytree(EARLIER / "study", tmp_path / "study"))


def test_its_explanations_are_read(study):
    assert study.places.tolist() == [1, 3, 4, 7, 11, 12, 13, 14, 15, 17, 18, 19, 21, 22, 23]
    assert (study.labels != study.predicted).sum() == 2
    row = study.row(1)
    assert (row.id, row.label, row.targets) == ("dark/02.png", 0, (0, Contrast(1, 0)))
    expected = [0.194184, -0.001815, -0.000814, -0.027056, 0.026974, -0.027568, 0.00126, 0.000263, 0.056293]
    np.testing.assert_allclose(row.attribution.values[0], expected, atol=1e-6)
    assert study.outcomes().accuracy == pytest.approx(13 / 15)
    assert [(one.id, one.failure) for one in study.failures()] == [("dark/18.png", "image-file")]
    assert study.sql("select score from rows where place = 1 order by rank").fetchall()[0] == pytest.approx(
        (0.743883,)
    )


def test_its_plan_is_read(study):
    assert repr(study.plan) == (
        "Plan(segment=Given(<12×12 int64 c2082a08>), sample=None, fill=Donors(<2×12×12 float64 7f8a069b>), "
        "target=Classes(Contrast(a=1, b=0)), attribute=Shapley(), budget=32, seed=3)"
    )
    assert study.plan.estimator == "regression"  # there was no other
    assert study.manifest.image_format == FORMAT
    assert study.class_names == ("dark", "light")


@pytest.mark.slow
def test_its_images_and_its_model_are_known_again_and_it_goes_on(study):
    before = {row.place: row.attribution.values for row in study.rows()}
    for part in study.store.parts():
        part.path.unlink()
    study.run(EARLIER / "images", model, image_format=FORMAT, held_out=0.25, progress=False)
    assert study.places.tolist() == list(before)
    for row in study.rows():
        np.testing.assert_allclose(row.attribution.values, before[row.place], atol=1e-6)
    assert len(study.held_out) == 8
    assert study.explanation("dark/02.png").image.shape == (12, 12)


def test_its_findings_are_found(study):
    study.attach(EARLIER / "images", image_format=FORMAT)
    made = sl.atlas(study, regions=sl.regions.grid(3, 3), progress=False)
    assert [(one.name, one.count) for one in made.maps] == [("right", 13), ("wrong", 2)]
