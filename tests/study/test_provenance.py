"""Images and models are opened from what is given, and those of a study are known again."""

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

import sightline as sl
from sightline.data import ImageFormat, open_folder
from sightline.errors import ImageError, OptionError, TargetError
from sightline.study import Study
from support.problems import PLAN, images, model, numbers, other


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


@pytest.mark.slow
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
    with pytest.raises(OptionError, match="image_format= goes with images that are named by a text"):
        Study(tmp_path / "run", PLAN).run(images(), model, image_format=ImageFormat(mode="grey"))


def test_a_model_named_by_a_text_is_opened_again_by_itself(tmp_path):
    study = Study(tmp_path / "run", PLAN).run("drawn-faces:count=6,people=2,size=32", "support.problems:grey")
    again = Study(tmp_path / "run").attach(trust=True)
    assert again.image(3).shape == (32, 32, 3)
    np.testing.assert_allclose(again.model(again.image(3)[np.newaxis])[0], again.row(3).classes, atol=1e-6)
    assert numbers(again.run()) == numbers(study)


def test_an_item_that_cannot_be_read_is_one_failure_of_the_study(tmp_path):
    class Items:
        def __len__(self):
            return 60

        def __getitem__(self, index):
            if index == 5:
                raise OSError("broken")
            return np.full((6, 6), index / 60, np.float32), index % 2

    def shade(images):
        bright = np.asarray(images).mean(axis=(1, 2))
        return np.stack([bright, 1 - bright], axis=1)

    plan = sl.Plan(segment=sl.Grid(rows=2, columns=2), fill=sl.Colour(value=0.0), budget=20)
    study = Study(tmp_path / "run", plan).run(Items(), shade, progress=False)
    assert len(study) == 59
    assert [failure.place for failure in study.failures()] == [5]
