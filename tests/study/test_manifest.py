"""What a study is made of is written once, read again, and not mixed with anything else."""

import dataclasses

import numpy as np
import pytest

import sightline as sl
from sightline import Plan
from sightline.engine.segmentation import Given, Grid
from sightline.errors import FileError, OptionError
from sightline.study import Study
from sightline.study.manifest import write_manifest
from support.problems import PLAN, images, model


@pytest.mark.slow
def test_another_plan_is_refused(study):
    assert Study(study.path, PLAN).plan == PLAN
    with pytest.raises(OptionError, match=r"was made with budget=32, but now budget=64"):
        Study(study.path, dataclasses.replace(PLAN, budget=64))
    with pytest.raises(OptionError, match=r"made with segment=Grid\(rows=3, columns=3\), but now"):
        Study(study.path, dataclasses.replace(PLAN, segment=sl.Slic()))


def test_a_plan_that_names_no_estimator_takes_the_studys(tmp_path):
    Study(tmp_path / "run", PLAN).run(images(3), model)
    assert Study(tmp_path / "run", dataclasses.replace(PLAN, estimator="auto")).plan == PLAN
    with pytest.raises(OptionError, match="made with estimator='regression', but now"):
        Study(tmp_path / "run", dataclasses.replace(PLAN, estimator="gaussian-process"))


def test_a_damaged_plan_is_told_of_and_left_alone(study):
    (study.path / "plan.toml").write_text("layout = 1\n")
    with pytest.raises(FileError, match=r"does not describe a study.*explanations beside it are untouched"):
        Study(study.path)
    (study.path / "plan.toml").write_text("layout = 999\n")
    with pytest.raises(FileError, match=r"has layout 999.*upgrade"):
        Study(study.path)


def test_arrays_in_a_plan_come_back(tmp_path):
    fours, twos = (sl.Given(np.arange(144).reshape(12, 12) // size) for size in (36, 72))
    plan = dataclasses.replace(PLAN, segment=fours)
    Study(tmp_path / "run", plan).run(images(3), model)
    again = Study(tmp_path / "run")
    np.testing.assert_array_equal(again.plan.segment.labels, plan.segment.labels)
    with pytest.raises(OptionError, match="made with segment"):
        Study(tmp_path / "run", dataclasses.replace(plan, segment=twos))


def test_functions_in_a_plan_are_used_as_long_as_they_are_given(tmp_path):
    def quarters(image):
        return np.arange(image.size).reshape(image.shape) // (image.size // 4)

    plan = dataclasses.replace(PLAN, segment=quarters)
    study = Study(tmp_path / "run", plan).run(images(6), model)
    assert {row.segments.count for row in study.rows()} == {4}
    assert len(Study(tmp_path / "run", plan).run(images(6), model)) == 6
    assert len(Study(tmp_path / "run")) == 6


@pytest.mark.slow
def test_a_plan_edited_to_nonsense_is_told_of(study):
    about = study.path / "plan.toml"
    about.write_text(about.read_text().replace("part = 1", "part = 0"))
    with pytest.raises(FileError, match="0 where 1 to 999,999,999 was written"):
        Study(study.path)


def test_a_folder_that_cannot_be_written_to_is_told_of(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="no study can be kept in"):
        Study(tmp_path / "file" / "run", PLAN).run(images(), model)


def test_old_explanations_are_not_believed_under_a_new_plan(study):
    (study.path / "plan.toml").unlink()
    with pytest.raises(FileError, match=r"holds explanations of another study .*plan.toml is gone"):
        Study(study.path, Plan(segment=Grid(rows=2, columns=2), budget=16)).run(images(), model)
    assert not (study.path / "plan.toml").exists()


def test_a_plan_edited_afterwards_no_longer_fits_its_parts(study):
    file = study.path / "plan.toml"
    file.write_text(file.read_text().replace("budget = 32", "budget = 64"))
    with pytest.raises(
        FileError, match=r"was not computed under the plan, model and images that .*plan.toml"
    ):
        len(Study(study.path))


def test_a_study_whose_model_and_images_moved_fits_its_parts(study):
    file = study.path / "plan.toml"
    file.write_text(file.read_text().replace('name = ""', 'name = "elsewhere"') + "# a note\n")
    assert len(Study(study.path)) == 24


@pytest.mark.slow
def test_arrays_of_two_that_begin_at_once_are_not_mixed(tmp_path):
    mine, others = (Plan(segment=Given(np.arange(144).reshape(12, 12) // per)) for per in (48, 72))
    manifest = dataclasses.replace(Study(tmp_path / "a", mine).run(images(), model).manifest, plan=others)
    assert not write_manifest(tmp_path / "a", manifest)  # the other one was faster
    assert Study(tmp_path / "a").plan.segment.labels.max() == 2
    with pytest.raises(OptionError, match="was made with segment=Given"):
        Study(tmp_path / "a", others)


@pytest.mark.slow
def test_arrays_that_were_exchanged_are_told_of(tmp_path):
    mine, others = (Plan(segment=Given(np.arange(144).reshape(12, 12) // per)) for per in (48, 72))
    for name, plan in (("a", mine), ("b", others)):
        Study(tmp_path / name, plan).run(images(), model)
    (one,), (other,) = (list((tmp_path / name).glob("plan-*.npz")) for name in "ab")
    one.write_bytes(other.read_bytes())
    with pytest.raises(FileError, match="has other arrays than it was written with"):
        Study(tmp_path / "a")
    one.unlink()
    with pytest.raises(FileError, match="the arrays of its plan are missing"):
        Study(tmp_path / "a")


@pytest.mark.parametrize(("budget", "chosen"), [(16, "regression"), ("auto", "auto")])
def test_a_study_leaves_fixed_budgets_to_the_regression(tmp_path, budget, chosen):
    plan = dataclasses.replace(PLAN, budget=budget, estimator="auto")
    study = Study(tmp_path / "run", plan).run(images(2), model)
    assert study.plan.estimator == chosen
    assert Study(tmp_path / "run", plan).plan == study.plan
