"""With the same random state and segments, the drop-in gives what lime 0.2.0.1 gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from skimage.color import gray2rgb, rgb2gray
from sklearn.datasets import fetch_olivetti_faces
from sklearn.linear_model import BayesianRidge, Lasso, LinearRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer

from lime import lime_base as theirs_base
from lime import lime_image as theirs
from sightline.lime import lime_base as ours_base
from sightline.lime import lime_image as ours

METHODS = ("auto", "forward_selection", "lasso_path", "highest_weights", "none")


def both(image: Any, classify: Any, made: dict[str, Any], asked: dict[str, Any]) -> tuple[Any, Any]:
    """lime's explanation and ours, each from an explainer of its own."""
    return tuple(
        package.LimeImageExplainer(**made).explain_instance(image, classify, **asked)
        for package in (theirs, ours)
    )


def largest_difference(lime: Any, mine: Any) -> float:
    """Over weights, intercepts, score and local prediction of all labels; the rest must be equal."""
    assert mine.top_labels == [int(label) for label in lime.top_labels]
    np.testing.assert_array_equal(mine.segments, lime.segments)
    gaps = [abs(float(mine.score) - lime.score), np.abs(np.asarray(mine.local_pred) - lime.local_pred).max()]
    for label in mine.top_labels:
        weights, expected = dict(mine.local_exp[label]), dict(lime.local_exp[label])
        assert weights.keys() == expected.keys(), "other segments were chosen"
        gaps += [abs(weights[segment] - expected[segment]) for segment in weights]
        gaps.append(abs(mine.intercept[label] - lime.intercept[label]))
    return float(max(gaps))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("number", range(3))
def test_photographs_get_limes_weights_by_every_feature_selection(
    photographs: list[Any], classify: Any, thirty_segments: Any, number: int, method: str
) -> None:
    # lime takes minutes over a forward selection of all, and seconds over one for each label; "auto" goes
    # forward up to six features.
    forward = method == "forward_selection"
    for wanted in (9,) if forward else (4, 9, 100000):
        asked = {"num_samples": 150, "num_features": wanted, "segmentation_fn": thirty_segments}
        asked["top_labels"] = 2 if forward or (method, wanted) == ("auto", 4) else 5
        made = {"random_state": number, "feature_selection": method}
        assert largest_difference(*both(photographs[number], classify, made, asked)) <= 1e-6


VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "linear regression": ({}, {"model_regressor": LinearRegression()}),
    "lasso": ({}, {"model_regressor": Lasso(alpha=0.001)}),
    "bayesian ridge": ({}, {"model_regressor": BayesianRidge()}),
    "euclidean distances": ({"kernel_width": 3.0}, {"distance_metric": "euclidean"}),
    "hamming distances": ({}, {"distance_metric": "hamming"}),
    "kernel": ({"kernel": lambda d, kernel_width: np.maximum(0.01, 1 - d / kernel_width)}, {}),
    "kernel width": ({"kernel_width": 1.5}, {}),
    "black": ({}, {"hide_color": 0}),
    "colour": ({}, {"hide_color": (10, 200, 30)}),
    "image of a colour": ({}, {"hide_color": np.full((80, 96, 3), 7, np.uint8)}),
    "batch of 7": ({}, {"batch_size": 7}),
    "seed of the segmentation": ({}, {"random_seed": 3}),
    "all labels": ({}, {"top_labels": 100}),
    "own random state": ({"random_state": np.random.RandomState(8)}, {}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_photograph_gets_limes_weights_whatever_is_asked(
    photographs: list[Any], classify: Any, thirty_segments: Any, name: str
) -> None:
    made, asked = VARIANTS[name]
    found = []
    for package in (theirs, ours):
        state = made.get("random_state", 11)
        state = np.random.RandomState(8) if isinstance(state, np.random.RandomState) else state
        explainer = package.LimeImageExplainer(**{**made, "random_state": state})
        usual = {"num_samples": 120, "num_features": 20}
        found.append(
            explainer.explain_instance(
                photographs[1], classify, **{**usual, "segmentation_fn": thirty_segments, **asked}
            )
        )
    assert largest_difference(*found) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
def test_even_weights_that_leave_hardly_any_mask_choose_the_segments_that_lime_chooses(
    photographs: list[Any], classify: Any, thirty_segments: Any, number: int
) -> None:
    # Euclidean distances are far wider than the kernel: rounding decides which fit is the best.
    made = {"random_state": 5, "feature_selection": "forward_selection"}
    asked = {"num_samples": 200, "num_features": 12, "distance_metric": "euclidean"}
    asked |= {"segmentation_fn": thirty_segments, "top_labels": 2}  # each is a selection of its own
    assert largest_difference(*both(photographs[number], classify, made, asked)) <= 1e-6


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_the_classifier_is_given_limes_images_bit_for_bit(
    photo: Any, classify: Any, four_segments: Any, dtype: Any
) -> None:
    image = photo.astype(dtype) / (1 if np.issubdtype(dtype, np.integer) else 3.7)
    image = image.astype(dtype)
    seen: dict[str, list[Any]] = {}
    for name, package in (("lime", theirs), ("ours", ours)):

        def watched(images: Any, name: str = name) -> Any:
            seen.setdefault(name, []).append(images)
            return classify(images)

        explainer = package.LimeImageExplainer(random_state=2)
        explainer.explain_instance(image, watched, num_samples=40, segmentation_fn=four_segments)
    given, expected = np.concatenate(seen["ours"]), np.concatenate(seen["lime"])
    assert given.dtype == expected.dtype == dtype
    assert {one.tobytes() for one in given} == {one.tobytes() for one in expected}
    assert len(given) == len({one.tobytes() for one in expected}), "equal masks are asked once"


def test_masks_and_answers_of_data_labels_are_limes_mask_for_mask(
    photo: Any, classify: Any, four_segments: Any
) -> None:
    asked = (photo, np.zeros_like(photo), four_segments(photo), classify, 60)
    data, labels = ours.LimeImageExplainer(random_state=4).data_labels(*asked, batch_size=9)
    expected, expected_labels = theirs.LimeImageExplainer(random_state=4).data_labels(*asked, batch_size=9)
    np.testing.assert_array_equal(data, expected)
    np.testing.assert_allclose(labels, expected_labels, atol=1e-12)
    assert data.dtype == expected.dtype
    assert labels.dtype == expected_labels.dtype


def test_the_second_explanation_of_one_explainer_is_limes_second(
    photo: Any, classify: Any, four_segments: Any
) -> None:
    pair = [package.LimeImageExplainer(random_state=0) for package in (theirs, ours)]
    asked = {"num_samples": 30, "segmentation_fn": four_segments}
    for explainer in pair:
        explainer.explain_instance(photo, classify, **asked)
    second = [explainer.explain_instance(photo, classify, **asked) for explainer in pair]
    assert largest_difference(*second) <= 1e-6


def test_no_random_state_is_numpys_global_one_as_in_lime(
    photo: Any, classify: Any, four_segments: Any
) -> None:
    found = []
    for package in (theirs, ours):
        np.random.seed(21)
        explainer = package.LimeImageExplainer()
        found.append(
            explainer.explain_instance(photo, classify, num_samples=30, segmentation_fn=four_segments)
        )
    assert largest_difference(*found) <= 1e-6


@pytest.mark.parametrize(
    "view",
    [
        {"positive_only": True},
        {"positive_only": True, "hide_rest": True},
        {"positive_only": False, "negative_only": True},
        {"positive_only": False, "num_features": 3},
        {"positive_only": False, "hide_rest": True, "num_features": 1000},
        {"positive_only": True, "min_weight": 0.02, "num_features": 1000},
        {"positive_only": False, "min_weight": 0.02, "num_features": 1000},
    ],
    ids=str,
)
def test_images_and_masks_of_a_photograph_are_limes(
    photographs: list[Any], classify: Any, thirty_segments: Any, view: dict[str, Any]
) -> None:
    image = photographs[0].copy()
    image[0, 0] = 255  # lime paints with the image's largest value, we with the range's top
    asked = {"num_samples": 100, "segmentation_fn": thirty_segments}
    lime, mine = both(image, classify, {"random_state": 0}, asked)
    for label in mine.top_labels:
        (pixels, mask), (expected, expected_mask) = (
            one.get_image_and_mask(label, **view) for one in (mine, lime)
        )
        np.testing.assert_array_equal(mask, expected_mask)
        np.testing.assert_array_equal(pixels, expected)
        assert mask.dtype == expected_mask.dtype
        assert pixels.dtype == image.dtype


@pytest.mark.parametrize("wanted", [1, 6, 7, 9])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", METHODS)
def test_lime_base_gives_limes_numbers_from_data_of_any_kind(method: str, seed: int, wanted: int) -> None:
    rng = np.random.default_rng(seed)
    # Columns that overlap, and of very different sizes, so that every method chooses differently.
    data = (rng.random((60, 12)) < 0.7) * rng.normal(size=(60, 12))
    data = (data + 2 * data[:, rng.permutation(12)]) * 10.0 ** rng.uniform(-2, 1, 12)
    data[0] = 1
    labels = np.tanh(data / data.std(axis=0) @ rng.normal(size=(12, 3)))
    distances = rng.random(60)
    found = []
    for package in (theirs_base, ours_base):
        base = package.LimeBase(lambda d: np.exp(-d), random_state=0)
        found.append(base.explain_instance_with_data(data, labels, distances, 1, wanted, method))
    (intercept, pairs, score, predicted), (mine_intercept, mine, mine_score, mine_predicted) = found
    assert [feature for feature, _ in mine] == [feature for feature, _ in pairs]
    np.testing.assert_allclose([w for _, w in mine], [w for _, w in pairs], atol=1e-9)
    np.testing.assert_allclose(
        [mine_intercept, mine_score, mine_predicted[0]], [intercept, score, predicted[0]], atol=1e-9
    )


@pytest.mark.parametrize("method", ["forward_selection", "highest_weights", "none", "lasso_path"])
def test_lime_base_takes_sparse_data_and_gives_what_it_gives_for_dense(rng: Any, method: str) -> None:
    data = (rng.random((50, 7)) < 0.5) * 1.0
    data[0] = 1
    labels = data @ rng.normal(size=(7, 2)) + 0.1 * rng.normal(size=(50, 2))
    base = ours_base.LimeBase(lambda d: np.exp(-d), random_state=0)
    dense, sparse = (
        base.explain_instance_with_data(kind, labels, np.zeros(50), 0, 3, method)
        for kind in (data, csr_matrix(data))
    )
    assert [feature for feature, _ in sparse[1]] == [feature for feature, _ in dense[1]]
    np.testing.assert_allclose([w for _, w in sparse[1]], [w for _, w in dense[1]], atol=1e-4)


def test_verbose_prints_limes_lines(photo: Any, four_segments: Any, capsys: Any, classify: Any) -> None:
    printed = []
    for package in (theirs, ours):
        explainer = package.LimeImageExplainer(verbose=True, random_state=0)
        explainer.explain_instance(
            photo, classify, num_samples=20, top_labels=2, segmentation_fn=four_segments
        )
        printed.append(capsys.readouterr().out)
    assert [line.split()[0] for line in printed[1].splitlines()] == [
        line.split()[0] for line in printed[0].splitlines()
    ]
    assert printed[1].count("Prediction_local") == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_olivetti_faces_get_limes_weights_from_the_tutorials_pipeline(shared_data: Path) -> None:
    faces = fetch_olivetti_faces(data_home=shared_data / "sklearn")
    batch = np.stack([gray2rgb(face) for face in faces.images])
    pipeline = make_pipeline(
        FunctionTransformer(lambda images: [rgb2gray(image) for image in images]),
        FunctionTransformer(lambda images: np.stack([image.ravel() for image in images])),
        Normalizer(),
        MLPClassifier(hidden_layer_sizes=(400, 40), random_state=1, max_iter=40),
    ).fit(batch[::2], faces.target[::2])

    def hundred(image: Any) -> Any:
        from skimage.segmentation import slic

        return slic(image, n_segments=100, compactness=1, sigma=1, start_label=0)

    for index, method in ((1, "auto"), (101, "lasso_path"), (333, "none")):
        made = {"random_state": index, "feature_selection": method}
        asked = {"top_labels": 6, "num_samples": 1000, "segmentation_fn": hundred}
        lime, mine = both(batch[index], pipeline.predict_proba, made, asked)
        assert largest_difference(lime, mine) <= 1e-6
