"""A study explains every image once, keeps it, and goes on where it stopped."""

import dataclasses
import re
import time

import numpy as np
import pytest
import skops.io
from PIL import Image
from sklearn.linear_model import LogisticRegression

import sightline as sl
from sightline.data import ImageFormat, open_folder
from sightline.errors import FileError, ImageError, ModelError, OptionError, TargetError
from sightline.study import Ray, Study
from sightline.study.runner import HOPELESS
from support.problems import PLAN, images, model, other


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path / "run", PLAN).run(images(), model)


class Counting:
    """A model that counts the images it is asked about."""

    def __init__(self, inner=model):
        self.inner, self.calls = inner, 0

    def __call__(self, batch):
        self.calls += len(batch)
        return self.inner(batch)


def numbers(study):
    return [(row.place, row.targets, row.attribution.values.tolist()) for row in study.rows()]


def test_every_image_gets_what_explain_says_of_it(study):
    pixels, labels = images()
    assert study.places.tolist() == list(range(24))
    for row in study.rows():
        predicted = int(model(pixels[row.place][np.newaxis])[0] > 0.5)
        assert (row.predicted, row.label) == (predicted, labels[row.place])
        assert row.targets == ((predicted,) if row.right else (predicted, row.label))
        alone = sl.explain(pixels[row.place], model, PLAN, target=list(row.targets))
        np.testing.assert_allclose(row.attribution.values, alone.attribution.values, atol=1e-6)
        np.testing.assert_allclose(row.attribution.error, alone.attribution.error, rtol=2e-3)
        np.testing.assert_array_equal(row.segments.labels, alone.segments.labels)
        np.testing.assert_allclose(row.full, alone.scores.full, atol=1e-6)


def test_a_finished_study_is_read_without_its_images_or_model(study):
    again = Study(study.path)
    assert numbers(again) == numbers(study)
    assert again.plan == PLAN
    np.testing.assert_array_equal(again.labels, images()[1])
    assert again.row(5).place == 5
    with pytest.raises(OptionError, match=r"images .* were given from memory: give them again"):
        again.image(0)
    with pytest.raises(OptionError, match=r"model .* was given from memory: give it again"):
        _ = again.model
    again.attach(images(), model)
    np.testing.assert_array_equal(again.image(3), images()[0][3])
    assert again.model(images()[0][:2]).shape == (2, 2)


def test_nothing_is_computed_twice(study):
    before = numbers(study)
    counting = Counting()
    Study(study.path).run(images(), counting)
    assert counting.calls <= 8 * 3  # to know the model again
    assert numbers(study) == before


def test_an_interrupted_run_keeps_its_parts_and_goes_on(tmp_path):
    whole = numbers(Study(tmp_path / "whole", PLAN).run(images(), model))

    class Interrupting(Counting):
        def __call__(self, batch):
            if self.calls > 400:
                raise KeyboardInterrupt
            return super().__call__(batch)

    study = Study(tmp_path / "run", PLAN)
    with pytest.raises(KeyboardInterrupt):
        study.run(images(), Interrupting())
    assert 0 < len(study) < 24
    counting = Counting()
    assert numbers(study.run(images(), counting)) == whole
    assert counting.calls < 24 * 32


def test_a_broken_file_is_a_line_and_the_run_goes_on(tmp_path):
    pixels, labels = images(8)
    for place, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        path = tmp_path / "data" / str(label) / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255).astype(np.uint8)).save(path)
    broken = tmp_path / "data" / "1" / "broken.png"
    broken.write_bytes(b"no image")
    data = open_folder(tmp_path / "data", ImageFormat(values="unit"))
    study = Study(tmp_path / "run", PLAN).run(data, model)
    (failure,) = study.failures()
    assert (failure.id, failure.failure) == ("1/broken.png", "image-file")
    assert "broken.png" in failure.reason
    assert len(study) == 8
    with pytest.raises(OptionError, match=r"could not be explained: .*broken\.png"):
        study.row(failure.place)
    Image.fromarray((pixels[0] * 255).astype(np.uint8)).save(broken)
    study.run(data, model)
    assert len(study) == 8
    study.run(data, model, retry=True)
    assert (len(study), study.failures()) == (9, [])
    assert study.places.tolist() == list(range(9))
    assert study.explanation("1/broken.png").image.shape == (12, 12)


def test_a_model_that_fails_at_every_image_ends_the_run(tmp_path):
    calls = []

    def failing(batch):
        calls.append(len(batch))
        if len(calls) > 16:
            raise RuntimeError("the server is gone")
        return model(batch)

    study = Study(tmp_path / "run", PLAN)
    with pytest.raises(ModelError, match=r"images all failed.*the server is gone.*retry"):
        study.run(images(200), failing)
    assert HOPELESS <= len(study.failures()) < 100
    assert len(study.run(images(200), model, retry=True)) == 200


def test_a_plan_that_fits_no_image_is_told_at_the_end(tmp_path):
    plan = dataclasses.replace(PLAN, attribute="grad-cam")
    with pytest.raises(ModelError, match=r"none of the 5 images could be explained.*known by its answers"):
        Study(tmp_path / "run", plan).run(images(5), model)


def test_another_plan_is_refused(study):
    assert Study(study.path, PLAN).plan == PLAN
    with pytest.raises(OptionError, match=r"was made with budget=32, but now budget=64"):
        Study(study.path, dataclasses.replace(PLAN, budget=64))
    with pytest.raises(OptionError, match=r"made with segment=Grid\(rows=3, columns=3\), but now"):
        Study(study.path, dataclasses.replace(PLAN, segment=sl.Slic()))


def test_another_model_is_refused(study):
    with pytest.raises(OptionError, match=r"not the model of the study.* it said .* for class"):
        study.run(images(), other)
    with pytest.raises(OptionError, match="not the model of the study"):
        study.attach(model=lambda batch: np.stack([model(batch), 1 - model(batch), 0 * model(batch)], axis=1))


def test_other_images_are_refused(study):
    pixels, labels = images()
    with pytest.raises(
        OptionError, match=r"not the images of the study.* it was made of 24, and 23 were given"
    ):
        study.run((pixels[1:], labels[1:]), model)
    changed = pixels.copy()
    changed[3, 0, 0] += 0.5
    with pytest.raises(OptionError, match=r"some of their names, labels or pixels differ"):
        study.run((changed, labels), model)
    with pytest.raises(OptionError, match="labels or pixels differ"):
        study.attach((pixels, 1 - labels))


def test_labels_that_the_model_does_not_know_are_refused_before_it_starts(tmp_path):
    pixels, labels = images(6)
    with pytest.raises(TargetError, match=r"labels go up to 3, but there are only 2 classes"):
        Study(tmp_path / "run", PLAN).run((pixels, labels + 2), model)
    assert not (tmp_path / "run").exists()


def test_labels_are_matched_to_the_model_s_classes_by_name(tmp_path):
    pixels, labels = images(6)
    data = sl.data.ArrayDataset(pixels[..., np.newaxis], labels, ("ill", "well"))
    study = Study(tmp_path / "run", PLAN).run(data, lambda x: model(x[..., 0]), class_names=["well", "ill"])
    assert study.class_names == ("well", "ill")
    np.testing.assert_array_equal(study.labels, 1 - labels)


def test_outcomes_count_right_and_wrong(study):
    outcomes = study.outcomes()
    pixels, labels = images()
    predicted = (model(pixels) > 0.5).astype(int)
    assert outcomes.accuracy == pytest.approx((predicted == labels).mean())
    np.testing.assert_array_equal(outcomes.wrong, np.flatnonzero(predicted != labels))
    assert "accuracy" in repr(outcomes)


def test_its_table_is_queried_in_sql(study):
    wrong = study.sql("select count(distinct place) from rows where label <> predicted").fetchall()
    assert wrong == [(len(study.outcomes().wrong),)]
    (line,) = study.sql("select * from rows where place = 0 and rank = 0").df().to_dict("records")
    assert line["calls"] <= 32
    assert re.fullmatch("[0-9a-f]{16}", line["content"])
    assert line["seconds"] > 0


def test_warnings_are_kept_and_not_shown(tmp_path):
    study = Study(tmp_path / "run", dataclasses.replace(PLAN, segment=sl.Grid(rows=6, columns=6), budget=16))
    study.run(images(3), model)
    heard = study.sql("select distinct unnest(warnings) from rows").fetchall()
    assert heard == [("budget-thin",)]


def test_images_of_several_threads_share_batches_and_keep_their_numbers(tmp_path):
    batches = []

    def watched(batch):
        time.sleep(0.01)  # meanwhile others queue
        batches.append(len(batch))
        return model(batch)

    many = (np.repeat(images(4)[0], 16, axis=0), np.repeat(images(4)[1], 16))
    study = Study(tmp_path / "run", PLAN).run(many, watched)
    assert max(batches) > 32
    values = [row.attribution.values for row in study.rows()]
    for start in range(0, 64, 16):
        for value in values[start : start + 16]:
            np.testing.assert_allclose(value, values[start], atol=1e-7)


@pytest.mark.slow
def test_processes_give_the_same_numbers(study, tmp_path):
    many = Study(tmp_path / "many", PLAN).run(images(), model, workers=2)
    assert numbers(many) == numbers(study)


@pytest.mark.slow
def test_ray_gives_the_same_numbers(study, tmp_path):
    many = Study(tmp_path / "many", PLAN).run(images(), model, workers=Ray(workers=2))
    assert numbers(many) == numbers(study)


def test_a_model_named_by_a_text_is_opened_again_by_itself(tmp_path):
    study = Study(tmp_path / "run", PLAN).run("drawn-faces:count=6,people=2,size=32", "support.problems:grey")
    again = Study(tmp_path / "run")
    assert again.image(3).shape == (32, 32, 3)
    np.testing.assert_allclose(again.model(again.image(3)[np.newaxis])[0], again.row(3).classes, atol=1e-6)
    assert numbers(again.run()) == numbers(study)


def test_a_model_s_file_that_has_changed_is_refused(tmp_path):
    linear = LogisticRegression().fit(images()[0].reshape(24, -1), images()[1])
    skops.io.dump(linear, tmp_path / "m.skops")
    study = Study(tmp_path / "run", PLAN).run(images(), tmp_path / "m.skops")
    assert Study(study.path).attach(images()).model(images()[0][:2]).shape == (2, 2)
    skops.io.dump(
        LogisticRegression(C=0.999).fit(images()[0].reshape(24, -1), images()[1]), tmp_path / "m.skops"
    )
    with pytest.raises(OptionError, match="the file of the model is another than when"):
        Study(study.path).run(images(), tmp_path / "m.skops")


def test_images_of_which_none_can_be_read_are_told_of_at_once(tmp_path):
    for number in range(3):
        path = tmp_path / "data" / "cat" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"nothing")
    with pytest.raises(ImageError, match=r"of the 3 images, none of 3 that were tried can be read"):
        Study(tmp_path / "run", PLAN).run(open_folder(tmp_path / "data"), model)
    assert not (tmp_path / "run").exists()


def test_a_form_goes_with_a_text_only(tmp_path):
    with pytest.raises(OptionError, match="form= goes with images that are named by a text"):
        Study(tmp_path / "run", PLAN).run(images(), model, form=ImageFormat(mode="grey"))


def test_a_folder_that_cannot_be_written_to_is_told_of(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="no study can be kept in"):
        Study(tmp_path / "file" / "run", PLAN).run(images(), model)


def test_a_model_that_cannot_be_sent_to_processes_is_told_of(tmp_path):
    class Fixed:
        def __call__(self, batch):
            return model(batch)

        def __reduce__(self):
            raise TypeError("it holds a socket")

    with pytest.raises(OptionError, match=r"cannot be handed to another process .*holds a socket"):
        Study(tmp_path / "run", PLAN).run(images(), Fixed(), workers=2)


def test_a_folder_without_a_study_says_so(tmp_path):
    study = Study(tmp_path / "run")
    assert "not run yet" in repr(study)
    assert len(study) == 0
    for ask in (lambda: list(study.rows()), study.outcomes, lambda: study.image(0)):
        with pytest.raises(FileError, match="there is no study in"):
            ask()
    with pytest.raises(OptionError, match=r"there is no study in .* yet: run\(data, model\) begins one"):
        study.run()


def test_a_damaged_plan_is_told_of_and_left_alone(study):
    (study.path / "plan.toml").write_text("layout = 1\n")
    with pytest.raises(FileError, match=r"does not describe a study.*explanations beside it are untouched"):
        Study(study.path)
    (study.path / "plan.toml").write_text("layout = 999\n")
    with pytest.raises(FileError, match=r"has layout 999.*upgrade"):
        Study(study.path)


@pytest.mark.parametrize(
    ("options", "told"), [({"workers": 0}, "workers"), ({"batch_size": 0}, "batch_size")]
)
def test_impossible_numbers_are_refused(tmp_path, options, told):
    with pytest.raises(OptionError, match=f"{told} must be a whole number from 1 up"):
        Study(tmp_path / "run", PLAN).run(images(), model, **options)


def test_an_image_that_is_not_there_is_told_of(study):
    with pytest.raises(OptionError, match="image 99 is not among the 24 explained ones of 24"):
        study.row(99)


def test_arrays_in_a_plan_come_back(tmp_path):
    fours, twos = (sl.Given(np.arange(144).reshape(12, 12) // size) for size in (36, 72))
    plan = dataclasses.replace(PLAN, segment=fours)
    Study(tmp_path / "run", plan).run(images(3), model)
    again = Study(tmp_path / "run")
    np.testing.assert_array_equal(again.plan.segment.labels, plan.segment.labels)
    with pytest.raises(OptionError, match="made with segment"):
        Study(tmp_path / "run", dataclasses.replace(plan, segment=twos))


def test_its_explanations_are_drawn_and_kept(study, tmp_path):
    made = study.explanation(4)
    assert made.plot("overlay").axes
    made.save(tmp_path / "one.npz")
    assert sl.Explanation.load(tmp_path / "one.npz").targets == made.targets


def test_a_damaged_part_is_named_and_computed_anew_once_it_is_deleted(study):
    whole = numbers(study)
    (part,) = study.store.parts()
    part.path.write_bytes(part.path.read_bytes()[:500])
    for ask in (lambda: len(study), lambda: study.row(3), lambda: study.sql("select 1")):
        with pytest.raises(FileError, match=r"parquet is damaged .* images 0 to 23 are then computed anew"):
            ask()
    part.path.unlink()
    assert numbers(study.run(images(), model)) == whole


def test_functions_in_a_plan_are_used_as_long_as_they_are_given(tmp_path):
    def quarters(image):
        return np.arange(image.size).reshape(image.shape) // (image.size // 4)

    plan = dataclasses.replace(PLAN, segment=quarters)
    study = Study(tmp_path / "run", plan).run(images(6), model)
    assert {row.segments.count for row in study.rows()} == {4}
    assert len(Study(tmp_path / "run", plan).run(images(6), model)) == 6
    assert len(Study(tmp_path / "run")) == 6


def test_a_plan_edited_to_nonsense_is_told_of(study):
    about = study.path / "plan.toml"
    about.write_text(about.read_text().replace("part = 1", "part = 0"))
    with pytest.raises(FileError, match="0 where 1 or more was written"):
        Study(study.path)
