"""Images and models are opened from what is given, and those of a study are known again."""

import pickle
import warnings

import numpy as np
import pytest
import skops.io
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import sightline as sl
from sightline import Plan
from sightline.adapters import as_model
from sightline.data import ImageFormat, open_folder
from sightline.engine.segmentation import Grid
from sightline.errors import ImageError, OptionError, SightlineWarning, TargetError
from sightline.study import Study
from sightline.study.model_identity import weights_digest
from sightline.study.study import as_study
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


@pytest.mark.slow
def test_a_model_named_by_a_text_is_opened_again_by_itself(tmp_path):
    study = Study(tmp_path / "run", PLAN).run("drawn-faces:count=6,people=2,size=32", "support.problems:grey")
    again = Study(tmp_path / "run").attach(trust=True)
    assert again.image(3).shape == (32, 32, 3)
    np.testing.assert_allclose(again.model(again.image(3)[np.newaxis])[0], again.row(3).classes, atol=1e-6)
    assert numbers(again.run()) == numbers(study)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_model_that_says_the_same_of_eight_images_and_looks_elsewhere_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    pixels = rng.random((60, 8, 8)) * 0.1 + 0.8 * labels[:, None, None]

    def saturated(part):
        score = 1 / (1 + np.exp(-200 * (part.mean((1, 2)) - 0.45)))
        return np.stack([1 - score, score], axis=1)

    plan = Plan(segment=Grid(rows=2, columns=2), budget=16, fill="colour")
    study = Study(tmp_path / "run", plan).run((pixels, labels), lambda x: saturated(x[:, :4]))
    study.attach(model=lambda x: saturated(x[:, :4]))
    for elsewhere in (lambda x: saturated(x[:, 4:]), lambda x: saturated(x[:, :, :4]), saturated):
        with pytest.raises(
            OptionError, match=r"this is not the model of the study .*changed \((top|left|noise)\)"
        ):
            Study(study.path).attach((pixels, labels), elsewhere)


@pytest.mark.slow
def test_other_weights_that_say_the_same_are_told_of(tmp_path):
    pixels, labels = images()
    estimator = LogisticRegression().fit(pixels.reshape(len(pixels), -1), labels)
    study = Study(tmp_path / "run", PLAN).run((pixels, labels), estimator)
    same = pickle.loads(pickle.dumps(estimator))
    Study(study.path).attach((pixels, labels), same)  # without a warning
    same.coef_[0, 5] += 1e-5
    with pytest.warns(
        SightlineWarning, match=r"weights of this model are not those .*\[study-other-weights\]"
    ):
        Study(study.path).attach((pixels, labels), same)


@pytest.mark.parametrize("kind", [RandomForestClassifier, HistGradientBoostingClassifier, SVC, MLPClassifier])
def test_weights_of_one_estimator_are_the_same_in_any_process(kind):
    pixels, labels = images(40)
    rows = pixels.reshape(len(pixels), -1)
    estimator = make_pipeline(StandardScaler(), kind(random_state=0)).fit(rows, labels)
    first = weights_digest(as_model(estimator))
    assert first == weights_digest(as_model(pickle.loads(pickle.dumps(estimator)))) != ""
    assert first != weights_digest(as_model(estimator.fit(rows[:30], labels[:30])))


class Augmented:
    """Items as one trains with them: each time with other noise."""

    def __init__(self):
        self.pixels, self.labels = images()
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.pixels[index] + 0.01 * self.rng.random((12, 12), np.float32), int(self.labels[index])


def test_images_that_change_at_random_are_refused(tmp_path):
    with pytest.raises(ImageError, match=r"other pixels each time .*\[data-random\]"):
        Study(tmp_path / "run", PLAN).run(Augmented(), model)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def on_disk(tmp_path):
    """A study of images in files."""
    pixels, labels = images()
    for place, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        (tmp_path / "data" / f"class {label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * image).astype(np.uint8)).save(
            tmp_path / "data" / f"class {label}" / f"{place:02}.png"
        )
    image_format = ImageFormat(values="unit")
    return Study(tmp_path / "run", PLAN).run(tmp_path / "data", model, image_format=image_format)


def test_images_that_changed_on_disk_are_refused_and_can_be_explained_anew(on_disk):
    before = on_disk.row(5).attribution.values
    path = on_disk.source.path(5)
    Image.fromarray(np.full((12, 12), 9, np.uint8)).save(path)
    study = Study(on_disk.path).attach(model=model)
    for ask in (lambda: study.image(5), lambda: study.explanation(5), lambda: study.studied[5], study.run):
        with pytest.raises(
            ImageError, match=r"image 5 \(class ./.*png\) is not what the study explained.*--retry"
        ):
            ask()
    assert study.image(4).shape == (12, 12)
    study.run(retry=True)
    assert study.image(5).max() < 0.1
    assert not np.allclose(study.row(5).attribution.values, before)
    assert len(study) == 24


def test_a_reference_image_that_changed_does_not_accuse_the_model(on_disk):
    (place, *_) = (one.place for one in on_disk.manifest.reference_predictions)
    Image.fromarray(np.full((12, 12), 9, np.uint8)).save(on_disk.source.path(place))
    study = Study(on_disk.path).attach(model=model)
    with pytest.raises(ImageError, match="is not what the study explained"):
        study.run()


@pytest.mark.slow
def test_a_study_says_once_begun_and_keeps_that_another_range_suits_the_model(tmp_path):
    faces = sl.data.drawn_faces(160, people=4, seed=1, size=32)
    bytes_ = np.rint(faces.images * 255).astype(np.uint8)
    bright = faces.images.mean(axis=(1, 2, 3))
    labels = (bright > np.median(bright)).astype(int)

    def model(images):
        """Right on images from 0 to 1: of bytes all are bright."""
        high = images.mean(axis=(1, 2, 3)) > np.median(bright)
        return np.stack([1 - 0.8 * high, 0.8 * high], axis=1)

    plan = sl.Plan(segment=sl.Grid(rows=3, columns=3), fill=sl.Blur(), budget=12)
    study = sl.Study(tmp_path / "study", plan)
    with pytest.warns(sl.SightlineWarning, match=r"1\.000 with their values from 0 to 1.*range-unlike"):
        study.run((bytes_, labels), model, progress=False)
    assert "images / 255" in study.manifest.range_note
    with pytest.warns(sl.SightlineWarning, match="range-unlike"):  # who opens it hears it again
        as_study(tmp_path / "study")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study.run((bytes_, labels), model, check_range=False, progress=False)
        quiet = sl.Study(tmp_path / "quiet", plan)
        quiet.run((bytes_, labels), model, check_range=False, progress=False)
        fine = sl.Study(tmp_path / "fine", plan).run((faces.images, labels), model, progress=False)
    assert quiet.manifest.range_note == fine.manifest.range_note == ""
    assert quiet.manifest.key == study.manifest.key  # the note does not make another study of it
