"""What the drop-in does beyond lime: values of both APIs, flat scores, the bar, its small parts."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sightline.errors import OptionError, SightlineError, SightlineWarning
from sightline.lime.lime_base import LimeBase
from sightline.lime.lime_image import (
    ImageExplanation,
    LabelError,
    LimeImageExplainer,
    PerLabel,
    _check_classifier,
)
from sightline.lime.query import distinct_masks
from sightline.lime.wrappers.scikit_image import BaseWrapper, SegmentationAlgorithm
from sightline.types import Segments


@pytest.fixture
def score() -> PerLabel:
    return PerLabel({4: 0.5, 9: 0.75})


@pytest.fixture
def predicted() -> PerLabel:
    return PerLabel({4: np.array([0.5]), 9: np.array([0.75])})


def test_a_score_is_limes_main_branchs_dict(score: PerLabel) -> None:
    assert dict(score) == score == {4: 0.5, 9: 0.75}
    assert score != {4: 0.5}
    assert (score[4], list(score), 9 in score) == (0.5, [4, 9], True)
    assert (score | {1: 0.1})[1] == 0.1


def test_a_score_is_lime_0_2s_number_of_the_leading_label(score: PerLabel) -> None:
    assert float(score) == 0.75
    assert f"{score:.1f} {score:5.2f}" == "0.8  0.75"
    assert "%.2f" % score == "0.75"  # noqa: UP031
    assert round(score, 1) == 0.8
    assert score == 0.75
    assert score != 0.5
    assert 0.7 < score < 0.8
    assert score * 2 == 1.5
    assert 1 - score == 0.25
    assert np.mean([score, score]) == 0.75
    assert np.isclose(score, 0.75)
    assert not score.is_integer()


def test_a_local_prediction_is_an_array_too(predicted: PerLabel) -> None:
    np.testing.assert_array_equal(np.asarray(predicted), [0.75])
    assert predicted[4] == [0.5]
    assert predicted[0] == predicted[-1] == 0.75
    assert predicted.shape == (1,)
    assert float(predicted) == 0.75
    assert (predicted + 1).tolist() == [1.75]
    assert pickle.loads(pickle.dumps(predicted)) == predicted


def test_a_label_without_a_score_is_an_error(score: PerLabel, predicted: PerLabel) -> None:
    for one, label in ((score, 0), (score, 7), (predicted, 7)):
        with pytest.raises(LabelError, match=f"label {label} was not explained. Explained: 4, 9"):
            one[label]
    with pytest.raises(LabelError, match="nothing has been explained yet"):
        float(ImageExplanation(np.zeros((2, 2)), np.zeros((2, 2), int)).score)
    assert PerLabel() == {}
    assert PerLabel() != 0.5
    with pytest.raises(AttributeError, match="no attribute 'shape'"):
        _ = PerLabel().shape


@pytest.mark.slow
@given(arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 12))))
def test_distinct_masks_give_all_masks_back_and_none_twice(keep: Any) -> None:
    first, repeats = distinct_masks(keep)
    np.testing.assert_array_equal(keep[first][repeats], keep)
    assert len({row.tobytes() for row in keep[first]}) == len(first)
    assert first.tolist() == sorted(first)


@pytest.mark.parametrize("method", ["auto", "lasso_path", "none"])
def test_a_label_whose_score_never_moves_has_no_weights_and_says_so(
    photo: Any, four_segments: Any, method: str
) -> None:
    def classify(images: Any) -> Any:
        p = images[:, 0, 0, 0] / 255
        return np.stack([0.9 * p, np.full(len(p), 0.25), np.zeros(len(p))], axis=1)

    explainer = LimeImageExplainer(random_state=0, feature_selection=method)
    asked = {"num_samples": 50, "num_features": 3, "segmentation_fn": four_segments, "hide_color": 0}
    with pytest.warns(SightlineWarning, match="score of label 2, 1 stayed the same in all 50 images"):
        explanation = explainer.explain_instance(photo, classify, **asked)
    assert np.isnan(explanation.score[1])
    assert explanation.local_exp[1] == [(0, 0.0), (1, 0.0), (2, 0.0)]
    assert explanation.intercept[1] == explanation.local_pred[1] == 0.25
    assert explanation.score[0] > 0.9
    for view in ({}, {"positive_only": False}):
        assert not explanation.get_image_and_mask(1, **view)[1].any()


@pytest.mark.parametrize("width", [None, 0, -1, "wide", float("nan")])
def test_a_kernel_width_that_is_none_is_an_error(width: Any) -> None:
    with pytest.raises(OptionError, match="kernel_width must be a number above 0"):
        LimeImageExplainer(kernel_width=width)


def test_an_unknown_feature_selection_is_an_error_where_it_is_written(rng: Any) -> None:
    with pytest.raises(OptionError, match=r"no feature_selection 'lasso'\. Did you mean 'lasso_path'"):
        LimeImageExplainer(feature_selection="lasso")
    with pytest.raises(OptionError, match="Did you mean 'highest_weights'"):
        LimeBase(np.exp).feature_selection(np.eye(3), np.ones(3), np.ones(3), 2, "highest_weight")


@pytest.mark.parametrize("name", ["num_features", "batch_size"])
def test_counts_below_one_are_errors(photo: Any, classify: Any, name: str) -> None:
    with pytest.raises(OptionError, match=f"{name} must be at least 1, but it is 0"):
        LimeImageExplainer().explain_instance(photo, classify, **{name: 0})


@pytest.mark.parametrize("terminal", [True, False])
def test_the_bar_is_shown_to_people_only_and_changes_nothing(
    photo: Any, classify: Any, four_segments: Any, terminal: bool, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")  # what makes rich believe in a terminal
        monkeypatch.setenv("TERM", "xterm")
    found = []
    for shown in (True, False):
        explainer = LimeImageExplainer(random_state=0)
        explanation = explainer.explain_instance(
            photo, classify, num_samples=40, segmentation_fn=four_segments, progress_bar=shown
        )
        printed = capsys.readouterr()
        assert ("asking the classifier" in printed.err) == (terminal and shown)
        assert not printed.out
        found.append(explanation.local_exp)
    assert found[0] == found[1]


def test_an_image_may_be_a_list_and_a_segmentation_a_segments_value(photo: Any, classify: Any) -> None:
    segments = Segments(np.repeat(np.arange(24), 32).reshape(24, 32))
    explanation = LimeImageExplainer(random_state=0).explain_instance(
        photo.tolist(), classify, num_samples=60, segmentation_fn=lambda image: segments
    )
    assert explanation.image.shape == (24, 32, 3)
    assert len(explanation.local_exp[explanation.top_labels[0]]) == 24


def test_the_images_given_are_never_changed(photo: Any, classify: Any, four_segments: Any) -> None:
    before = photo.copy()
    photo.flags.writeable = False
    explanation = LimeImageExplainer(random_state=0).explain_instance(
        photo, classify, num_samples=20, segmentation_fn=four_segments
    )
    drawn, _ = explanation.get_image_and_mask(explanation.top_labels[0], positive_only=False)
    drawn[:] = 0
    np.testing.assert_array_equal(explanation.image, before)


ASKING = """
import warnings
import numpy as np
from sightline.lime.lime_image import LimeImageExplainer

image = np.random.default_rng(0).random((20, 20, 3))
halves = np.repeat([0, 1], 200).reshape(20, 20)
cases = {
    "fill-range": (image, lambda x: x[:, 0, 0], {"hide_color": 9}),
    "model-grey": (image[..., 0], lambda x: x[:, 0, 0, :2], {}),
    "model-one-column": (image, lambda x: x[:, 0, 0, 0], {}),
    "scores-flat": (image, lambda x: np.full((len(x), 2), 0.5), {}),
    "segments-few": (image, lambda x: x[:, 0, 0], {"segmentation_fn": None}),
}
for slug, (image, classify, asked) in cases.items():
    asked = {"segmentation_fn": lambda image: halves, "num_samples": 20, **asked}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        LimeImageExplainer(random_state=0).explain_instance(image, classify, **asked)
    print(slug, [(one.message.slug, one.filename == __file__) for one in caught])
"""


@pytest.mark.slow
def test_warnings_point_at_the_line_that_asked(tmp_path: Path) -> None:
    # In a process of its own: the shape checks of this one put frames of their own in between.
    script = tmp_path / "asking.py"
    script.write_text(ASKING)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        slug = line.split()[0]
        assert line == f"{slug} [('{slug}', True)]"
    assert len(done.stdout.splitlines()) == 5


def test_errors_and_their_slugs_survive_pickling() -> None:
    for make in (lambda: SegmentationAlgorithm("slic", compactnes=1), lambda: PerLabel({1: 0.5})[2]):
        with pytest.raises(SightlineError) as caught:
            make()
        again = pickle.loads(pickle.dumps(caught.value))
        assert (type(again), str(again), again.slug) == (
            type(caught.value),
            str(caught.value),
            caught.value.slug,
        )


def test_set_params_replaces_all_parameters_and_checks_them() -> None:
    wrapper = SegmentationAlgorithm("slic", n_segments=5, sigma=1)
    wrapper.set_params(n_segments=7)
    assert wrapper.target_params == {"n_segments": 7}
    with pytest.raises(ValueError, match=r"slic has no parameter 'sigmo'\. Did you mean 'sigma'"):
        wrapper.set_params(sigmo=1)
    assert wrapper.target_params == {"n_segments": 7}
    with pytest.raises(TypeError, match="nothing to call"):
        BaseWrapper().set_params(a=1)


def _told(model=None, **changed):
    import sightline.lime.lime_image as drop_in

    image = np.random.default_rng(0).random((8, 8, 3))
    ids = np.arange(64).reshape(8, 8) // 8
    usual = {"num_samples": 30, "hide_color": 0, "segmentation_fn": lambda _: ids, "progress_bar": False}
    explainer = drop_in.LimeImageExplainer(random_state=0)
    return explainer.explain_instance(image, model or _two_scores, **usual | changed).local_exp


def _two_scores(images):
    one = images[:, :2].mean(axis=(1, 2, 3))
    return np.stack([one, 1 - one], axis=1)


def test_labels_may_be_a_set_or_come_from_a_generator():
    wanted = _told(labels=(0, 1), top_labels=None)
    for labels in ({0, 1}, (one for one in (0, 1)), iter([0, 1]), np.array([0, 1]), range(2)):
        assert _told(labels=labels, top_labels=None) == wanted


def test_tensors_that_keep_gradients_or_are_of_half_the_bits_are_answers():
    torch = pytest.importorskip("torch")
    wanted = _told(labels=(0,), top_labels=None)
    grown = _told(lambda x: torch.tensor(_two_scores(x), requires_grad=True), labels=(0,), top_labels=None)
    assert grown == wanted
    halved = _told(lambda x: torch.tensor(_two_scores(x)).bfloat16(), labels=(0,), top_labels=None)
    assert dict(halved[0])[0] == pytest.approx(dict(wanted[0])[0], abs=0.02)


def test_what_the_drop_in_cannot_use_is_told():
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.tree import DecisionTreeRegressor

    import sightline as sl

    for model, said in ((LogisticRegression(), "Give its predict_proba"), (3, "of type int was given")):
        with pytest.raises(sl.SightlineError, match=said):
            _check_classifier(model)
    for line, said in (
        (DecisionTreeRegressor(), "has to have coef_"),
        (KNeighborsRegressor(), "sample_weight"),
    ):
        with pytest.raises(sl.SightlineError, match=said):
            _told(model_regressor=line, labels=(0,))
