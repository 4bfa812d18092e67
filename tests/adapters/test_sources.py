"""Functions, estimators and pipelines, and what is no model."""

import functools
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from sightline.adapters import as_model
from sightline.errors import ModelError
from support.linear import random_images

SHAPE = (8, 8)
IMAGES = random_images(30, SHAPE, "float64")
ROWS = IMAGES.reshape(30, -1)
LABELS = np.arange(30) % 3
PAIR = np.arange(30) % 2


def refusal(source: Any, images: np.ndarray = IMAGES) -> str:
    with pytest.raises(ModelError) as caught:
        as_model(source)(images)
    return str(caught.value)


# Estimators


def test_images_are_flattened_row_by_row_if_the_numbers_agree() -> None:
    estimator = RandomForestClassifier(5, random_state=0).fit(ROWS, LABELS)
    model = as_model(estimator)
    np.testing.assert_array_equal(model(IMAGES), estimator.predict_proba(ROWS))
    assert "RandomForestClassifier.predict_proba, images (8, 8) float64 given as (64,) float64" in repr(model)


def test_a_search_and_its_pipeline_are_estimators_like_any_other() -> None:
    steps = make_pipeline(StandardScaler(), LogisticRegression())
    search = GridSearchCV(steps, {"logisticregression__C": [0.1, 1]}, cv=2).fit(ROWS, LABELS)
    np.testing.assert_array_equal(as_model(search)(IMAGES), search.predict_proba(ROWS))


def test_class_names_are_the_estimators_classes_as_text() -> None:
    named = LogisticRegression().fit(ROWS, np.array(["cat", "ant", "bee"])[LABELS])
    assert as_model(named).class_names == ("ant", "bee", "cat")
    assert as_model(LogisticRegression().fit(ROWS, LABELS + 5)).class_names == ("5", "6", "7")
    assert as_model(named, class_names=["x", "y", "z"]).class_names == ("x", "y", "z")


def test_decision_function_is_asked_where_there_are_no_probabilities() -> None:
    two, three = LinearSVC().fit(ROWS, PAIR), SVC().fit(ROWS, LABELS)
    margin = two.decision_function(ROWS)
    model = as_model(two)
    np.testing.assert_array_equal(model(IMAGES), np.stack([-margin, margin], axis=1))
    assert model.class_names == ("0", "1")
    assert "LinearSVC.decision_function" in repr(model)
    assert "a logit of class 1" in repr(model)
    np.testing.assert_array_equal(as_model(three)(IMAGES), three.decision_function(ROWS))


def test_a_margin_within_0_and_1_is_still_a_logit() -> None:
    two = LinearSVC().fit(ROWS, PAIR)
    inside = IMAGES[(two.decision_function(ROWS) > 0) & (two.decision_function(ROWS) < 1)][:1]
    margin = two.decision_function(inside.reshape(1, -1))
    np.testing.assert_array_equal(as_model(two)(inside), np.stack([-margin, margin], axis=1))


def test_an_image_with_other_numbers_is_refused_with_both() -> None:
    estimator = KNeighborsClassifier(1).fit(np.eye(2, 4096), [0, 1])
    assert refusal(estimator, np.zeros((2, 64, 64, 3))) == (
        "KNeighborsClassifier was trained on 4096 = 64×64 grey numbers an image; this image is 64×64×3 = "
        "12288. Give a grey image, such as image.mean(axis=2), or a function that prepares the images. "
        "[model-input]"
    )
    told = refusal(estimator, np.zeros((2, 32, 32)))
    assert "this image is 32×32 = 1024. Give an image of that size, or a function" in told


def test_rows_that_scikit_learn_counts_as_features_are_told_from_flat_images() -> None:
    flatten = FunctionTransformer(lambda images: images.reshape(len(images), -1))
    taking_images = make_pipeline(flatten, LogisticRegression()).fit(IMAGES, LABELS)
    assert taking_images.n_features_in_ == 8
    model = as_model(taking_images)
    np.testing.assert_array_equal(model(IMAGES), taking_images.predict_proba(IMAGES))
    assert "images (8, 8) float64 given as they are" in repr(model)
    assert "X has 56 features, but LogisticRegression is expecting 64" in refusal(model, IMAGES[:, :, :7])
    taking_rows = LogisticRegression().fit(ROWS[:, :8], LABELS)
    assert "trained on 8 numbers an image; this image is 8×8 = 64." in refusal(taking_rows)


def test_a_model_fitted_on_a_data_frame_gets_one_and_so_does_not_warn() -> None:
    frame = pd.DataFrame(ROWS, columns=[f"pixel{i}" for i in range(64)])
    estimator = LogisticRegression().fit(frame, LABELS)
    np.testing.assert_allclose(as_model(estimator)(IMAGES), estimator.predict_proba(frame), atol=1e-12)


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression()), SVC()],
    ids=lambda estimator: type(estimator).__name__,
)
def test_an_estimator_that_is_not_fitted_is_refused_at_once(estimator: Any) -> None:
    with pytest.raises(ModelError) as caught:
        as_model(estimator)
    name = type(estimator).__name__
    assert str(caught.value) == (
        f"this {name} is not fitted: call its fit(images, labels) first. [model-fitted]"
    )


def test_an_estimator_without_scores_is_refused_with_what_to_give() -> None:
    told = refusal(KMeans(2, n_init=1).fit(ROWS, LABELS))
    assert "has neither predict_proba nor decision_function. If its predict returns scores" in told


def test_a_regressions_predict_is_a_column_of_scores() -> None:
    regression = LinearRegression().fit(ROWS, LABELS * 5.0 - 3)
    model = as_model(lambda images: regression.predict(images.reshape(len(images), -1)))
    assert model(IMAGES).shape == (30, 2)


def test_several_outputs_of_an_estimator_are_refused() -> None:
    several = MultiOutputClassifier(LogisticRegression()).fit(ROWS, np.stack([LABELS, PAIR], axis=1))
    assert "returned a list of 2 arrays of shapes (30, 3), (30, 2)" in refusal(several)


class Stranger:
    """Has scikit-learn's methods without being of it."""

    classes_ = np.array(["no", "yes"])

    def predict_proba(self, images: Any) -> Any:
        mean = images.mean(axis=(1, 2))
        return np.stack([1 - mean, mean], axis=1)


def test_an_object_with_predict_proba_need_not_be_of_scikit_learn() -> None:
    model = as_model(Stranger())
    np.testing.assert_array_equal(model(IMAGES)[:, 1], IMAGES.mean(axis=(1, 2)))
    assert model.class_names == ("no", "yes")


class HomeMade(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Follows scikit-learn, but for the underscore at the end of what it learns."""

    def fit(self, images: Any, labels: Any) -> "HomeMade":
        self.level = images.mean()
        return self

    def predict_proba(self, images: Any) -> Any:
        above = 1 / (1 + np.exp(self.level - images.mean(axis=(1, 2))))
        return np.stack([1 - above, above], axis=1)


def test_an_estimator_of_ones_own_is_not_taken_for_unfitted() -> None:
    estimator = HomeMade().fit(IMAGES, PAIR)
    np.testing.assert_array_equal(as_model(estimator)(IMAGES), estimator.predict_proba(IMAGES))
    assert "the model failed on a batch of 30 images" in refusal(HomeMade())


# Functions


def test_bound_methods_are_asked_as_they_are() -> None:
    estimator = LogisticRegression().fit(ROWS, LABELS)
    flat = as_model(estimator.predict_proba)
    np.testing.assert_array_equal(flat(ROWS), estimator.predict_proba(ROWS))
    assert repr(flat).startswith("CheckedModel(LogisticRegression.predict_proba, ")
    # Images, too: it is the estimator that is known by its method.
    np.testing.assert_array_equal(flat(ROWS.reshape(-1, 8, 8)), estimator.predict_proba(ROWS))
    assert flat.class_names == ("0", "1", "2")


def test_functions_are_named_in_the_repr() -> None:
    assert repr(as_model(np.mean)) == "CheckedModel(mean; output='auto', not asked yet)"
    assert repr(as_model(functools.partial(np.mean, axis=1))).startswith("CheckedModel(partial; ")


@pytest.mark.parametrize("labels", [LABELS.astype(float), np.array(["a", "b", "c"])[LABELS]])
def test_predict_of_a_classifier_is_refused_before_it_is_asked(labels: Any) -> None:
    with pytest.raises(ModelError) as caught:
        as_model(LogisticRegression().fit(ROWS, labels).predict)
    assert str(caught.value) == (
        "LogisticRegression.predict returns classes, not scores: give its predict_proba or "
        "decision_function, or the object itself. [model-classes]"
    )


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (LogisticRegression, "LogisticRegression is a class; a model has to be an object made from it"),
        (3, "an object of type int cannot be asked. A model is a function of a batch of images"),
        (None, "an object of type NoneType cannot be asked."),
        (np.zeros(3), "an object of type ndarray cannot be asked."),
    ],
)
def test_what_is_no_model_is_refused_with_what_is(source: Any, told: str) -> None:
    assert told in refusal(source)


# The tutorial


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:.* is ill-defined")
def test_the_tutorials_pipeline_is_a_model(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(shared_data / "sklearn"))
    monkeypatch.setattr(sys, "argv", ["olivetti.py"])
    monkeypatch.syspath_prepend(str(shared_data / "tutorial"))
    source = (shared_data / "tutorial" / "olivetti.py").read_text()
    assert "random_state=1)" in source
    source = source.replace("random_state=1)", "random_state=1, max_iter=5)")
    # Up to the fitted pipeline: the rest explains with it.
    scope: dict[str, Any] = {"__name__": "tutorial", "importlib": importlib}
    exec(compile(source.split("explainer = ")[0], "olivetti.py", "exec"), scope)
    pipeline, faces = scope["simple_pipeline"], scope["X_test"][:5]
    model = as_model(pipeline)
    np.testing.assert_array_equal(model(faces), pipeline.predict_proba(faces))
    assert model.class_names == tuple(map(str, range(40)))
    assert "Pipeline.predict_proba, images (64, 64, 3) float32 given as they are; 40 columns" in repr(model)
