"""Where lime is wrong (D1 to D30 of docs/from-lime.md) the drop-in is right, or says what to do."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.color import label2rgb
from skimage.segmentation import quickshift, slic

from lime import lime_image as theirs
from sightline.errors import (
    BudgetError,
    ImageError,
    ModelError,
    OptionError,
    SegmentError,
    SightlineWarning,
    TargetError,
)
from sightline.lime.lime_image import ImageExplanation, LabelError, LimeImageExplainer
from sightline.lime.wrappers import scikit_image
from sightline.lime.wrappers.scikit_image import SegmentationAlgorithm

ALGORITHMS = ("quickshift", "felzenszwalb", "slic", "watershed")


def noisy(shape: tuple[int, ...] = (40, 40, 3), seed: int = 0) -> Any:
    """An image with enough going on for every algorithm, uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, *shape[2:]), dtype=np.uint8)
    return coarse.repeat(shape[0] // 5, axis=0).repeat(shape[1] // 5, axis=1)


def explain(image: Any, classify: Any, segments: Any = None, **asked: Any) -> Any:
    """With few masks, and given segments or a function that makes them."""
    given = {
        "segmentation_fn": segments if callable(segments) or segments is None else lambda image: segments
    }
    return LimeImageExplainer(random_state=0).explain_instance(
        image, classify, **{"num_samples": 60, **given, **asked}
    )


def looks_at(region: Any, image: Any) -> Any:
    """A classifier of two classes that looks at one region only: how much of it is as in the image."""

    def classify(images: Any) -> Any:
        same = (np.asarray(images) == image).all(axis=-1)[:, region].mean(axis=1)
        return np.stack([1 - same, same], axis=1)

    return classify


def halves(image: Any) -> Any:
    """Left 0, right 1."""
    return np.repeat(np.arange(2), image.shape[1] // 2)[np.newaxis].repeat(image.shape[0], axis=0)


SETTINGS: dict[str, dict[str, Any]] = {
    "quickshift": {"kernel_size": 2, "max_dist": 6},
    "felzenszwalb": {},
    "slic": {"n_segments": 25},
    "watershed": {"markers": 25},
}


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_d1_every_segment_of_every_algorithm_is_hidden_and_found_the_last_included(algorithm: str) -> None:
    image = noisy()
    segmenter = SegmentationAlgorithm(algorithm, **SETTINGS[algorithm])
    labels = segmenter(image)
    assert len(np.unique(labels)) > 8
    for wanted, id_ in enumerate(np.unique(labels)):
        explanation = explain(image, looks_at(labels == id_, image), segmenter, num_samples=200, hide_color=0)
        found, weight = explanation.local_exp[1][0]
        assert found == wanted, f"segment {wanted} ({id_}) is where it looks, but {found} was named"
        assert weight > 0.5
        assert explanation.segments.min() == 0
        assert explanation.segments.max() == len(np.unique(labels)) - 1


def test_d1_lime_itself_is_blind_to_slics_last_segment() -> None:
    image = noisy()
    labels = slic(image, n_segments=9)
    explanation = theirs.LimeImageExplainer(random_state=0).explain_instance(
        image, looks_at(labels == labels.max(), image), segmentation_fn=lambda image: labels, num_samples=50
    )
    assert max(abs(weight) for _, weight in explanation.local_exp[1]) < 1e-9


@pytest.mark.parametrize("ids", [(10, 500), (-3, 4), (0, 2), (1.0, 2.0), (False, True)])
def test_d2_segment_ids_may_be_any_numbers(ids: tuple[Any, Any]) -> None:
    image = noisy((10, 20, 3))
    labels = np.array(ids)[halves(image)]
    explanation = explain(image, looks_at(halves(image) == 1, image), labels, hide_color=0)
    assert explanation.local_exp[1][0][0] == 1
    np.testing.assert_array_equal(explanation.segments, halves(image))


def test_d2_ids_that_are_no_whole_numbers_are_refused(photo: Any, classify: Any) -> None:
    with pytest.raises(SegmentError, match="must be integers"):
        explain(photo, classify, np.full((24, 32), 0.5))
    with pytest.raises(SegmentError, match=r"shape \(24, 31\), but the image is \(24, 32\)"):
        explain(photo, classify, np.zeros((24, 31), int))
    with pytest.raises(SegmentError, match=r"one integer id for each pixel, shape \(H, W\), but it returned"):
        explain(photo, classify, np.zeros((24, 32, 3), int))


@pytest.mark.parametrize(
    ("algorithm", "mistyped", "meant"),
    [
        ("slic", "compactnes", "compactness"),
        ("slic", "num_segments", "n_segments"),
        ("quickshift", "kernal_size", "kernel_size"),
        ("felzenszwalb", "scael", "scale"),
        ("watershed", "marker", "markers"),
    ],
)
def test_d3_a_mistyped_keyword_is_an_error_that_names_the_nearest(
    algorithm: str, mistyped: str, meant: str
) -> None:
    with pytest.raises(OptionError, match=f"has no parameter '{mistyped}'. Did you mean '{meant}'"):
        SegmentationAlgorithm(algorithm, **{mistyped: 1})


def test_d4_the_random_seed_reaches_scikit_image_under_todays_name() -> None:
    image = np.full((30, 30, 3), 128, np.uint8)  # ties everywhere, for the seed to break
    asked = {"kernel_size": 2, "max_dist": 5}
    one, again, other = (
        SegmentationAlgorithm("quickshift", random_seed=seed, **asked)(image) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, quickshift(image, rng=1, **asked))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_d4_a_seed_is_taken_by_algorithms_that_need_none_but_not_twice() -> None:
    assert SegmentationAlgorithm("slic", random_seed=3, n_segments=5).target_params == {"n_segments": 5}
    with pytest.raises(OptionError, match="give one of random_seed, seed, rng"):
        SegmentationAlgorithm("quickshift", random_seed=3, rng=4)


def test_d4_the_default_segmentation_follows_random_seed(monkeypatch: Any, classify: Any) -> None:
    seeds: list[int] = []
    made = scikit_image.SegmentationAlgorithm

    def watched(name: str, **given: Any) -> Any:
        seeds.append(given.get("random_seed", -1))
        return made(name, **given)

    monkeypatch.setattr(scikit_image, "SegmentationAlgorithm", watched)
    for seed in (7, None):
        with pytest.warns(SightlineWarning, match="quickshift"):
            explain(noisy(), classify, random_seed=seed, hide_color=0)
    assert seeds[0] == 7
    assert int(np.random.RandomState(0).randint(0, high=1000)) in seeds


@pytest.mark.parametrize(("mistyped", "meant"), [("quick_shift", "quickshift"), ("sli", "slic")])
def test_d5_an_unknown_algorithm_is_an_error_that_names_the_nearest(mistyped: str, meant: str) -> None:
    with pytest.raises(OptionError, match=f"no segmentation algorithm '{mistyped}'. Did you mean '{meant}'"):
        SegmentationAlgorithm(mistyped)


def test_d5_watershed_works_with_and_without_settings() -> None:
    assert len(np.unique(SegmentationAlgorithm("watershed")(noisy()))) == 100
    assert len(np.unique(SegmentationAlgorithm("watershed", markers=9, compactness=0.01)(noisy()))) == 9


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_d6_the_same_image_in_any_dtype_and_range_has_the_same_segments(algorithm: str) -> None:
    image = noisy()
    image[0, 0], image[0, 1] = 255, 0
    segmenter = SegmentationAlgorithm(algorithm)
    expected = segmenter(image)
    for same in (
        image.astype(np.float64) / 255,
        image.astype(np.float32),
        image.astype(np.uint16) * 257,
        image.astype(np.float64) / 127.5 - 1,
    ):
        np.testing.assert_array_equal(segmenter(same), expected)


@pytest.mark.parametrize("shape", [(28, 28), (32, 32, 3), (10, 10, 3)])
def test_d7_small_images_get_enough_segments_and_the_reader_is_told(shape: tuple[int, ...]) -> None:
    image = noisy(shape) if shape[0] % 5 == 0 else noisy((30, 35, *shape[2:]))[: shape[0], : shape[1]]
    with pytest.warns(SightlineWarning, match=r"quickshift\) found \d segment\(s\) in an image of .* slic's"):
        explanation = explain(image, lambda x: x.reshape(len(x), -1)[:, ::50] / 255, hide_color=0)
    assert len(explanation.local_exp[explanation.top_labels[0]]) >= 8


def test_d7_one_segment_of_the_users_own_is_explained_with_a_warning(photo: Any, classify: Any) -> None:
    with pytest.warns(SightlineWarning, match="one segment only"):
        explain(photo, classify, np.zeros((24, 32), int))


def test_d8_labels_that_are_passed_are_explained_beside_the_top_ones(
    photo: Any, classify: Any, four_segments: Any
) -> None:
    last = int(np.argmin(classify(photo[np.newaxis])[0]))
    explanation = explain(photo, classify, four_segments, labels=(last,), top_labels=2)
    assert set(explanation.local_exp) == {last, *explanation.top_labels}
    assert len(explanation.top_labels) == 2
    assert float(explanation.score) == explanation.score[explanation.top_labels[0]]
    assert set(explain(photo, classify, four_segments, top_labels=2).local_exp) == set(explanation.top_labels)
    assert list(explain(photo, classify, four_segments, top_labels=None).local_exp) == [1]
    assert 1 in explain(photo, classify, four_segments, labels=(1,), top_labels=1).local_exp


def test_d8_a_label_that_was_not_explained_is_an_error_that_lists_those_that_were(
    photo: Any, classify: Any, four_segments: Any
) -> None:
    explanation = explain(photo, classify, four_segments, labels=[3], top_labels=0)
    message = r"^label 5 was not explained. Explained: 3. .*labels=\(5,\) to explain_instance"
    for kind in (LabelError, TargetError, KeyError):
        with pytest.raises(kind, match=message):
            explanation.get_image_and_mask(5)


def test_d9_class_names_are_refused_with_the_column_to_ask_for(photo: Any, classify: Any) -> None:
    class Model:
        classes_ = np.array(["cat", "dog"])

        def predict_proba(self, images: Any) -> Any:
            raise AssertionError("refused before the classifier is asked")

    with pytest.raises(LabelError, match=r"but 'dog' was given. That class is column 1: pass labels=\(1,\)"):
        explain(photo, Model().predict_proba, labels=("dog",))
    with pytest.raises(
        LabelError, match=r"column numbers of the classifier's answer, .* but 'dog' was given"
    ):
        explain(photo, classify, labels="dog")
    with pytest.raises(LabelError, match=r"0\.5 was given"):
        explain(photo, classify, labels=(0.5,))


@pytest.mark.parametrize("label", [np.uint8(2), np.int64(2), 2])
def test_d9_numpy_numbers_are_labels(photo: Any, classify: Any, four_segments: Any, label: Any) -> None:
    explanation = explain(photo, classify, four_segments, labels=np.array([label]), top_labels=None)
    explanation.get_image_and_mask(label)
    assert explain(photo, classify, four_segments, labels=label, top_labels=None).local_exp.keys() == {2}


def test_d9_a_column_that_the_classifier_lacks_is_an_error(
    photo: Any, classify: Any, four_segments: Any
) -> None:
    with pytest.raises(LabelError, match="has 7 classes, 0 to 6, but label 7 was asked for"):
        explain(photo, classify, four_segments, labels=(7,))


@pytest.mark.parametrize("axes", [1, 2])
def test_d10_d11_one_column_of_probabilities_is_that_of_class_1(
    photo: Any, four_segments: Any, axes: int
) -> None:
    def sigmoid(images: Any) -> Any:
        p = images[:, :12, :16, 0].mean(axis=(1, 2)) / 255
        return p if axes == 1 else p[:, np.newaxis]

    with pytest.warns(SightlineWarning, match="taken as the probability p of label 1"):
        explanation = explain(photo, sigmoid, four_segments, hide_color=0)
    p = sigmoid(photo[np.newaxis]).item()
    assert explanation.top_labels == ([1, 0] if p > 0.5 else [0, 1])
    assert explanation.local_exp[1][0][0] == explanation.local_exp[0][0][0] == 0
    weight = explanation.local_exp[1][0][1]
    assert weight > 0
    assert explanation.local_exp[0][0][1] == pytest.approx(-weight)
    assert explanation.intercept[0] + explanation.intercept[1] == pytest.approx(1)
    lime = theirs.LimeImageExplainer(random_state=0).explain_instance(
        photo,
        lambda x: sigmoid(x).reshape(-1, 1),
        num_samples=60,
        segmentation_fn=four_segments,
        hide_color=0,
    )
    assert dict(explanation.local_exp[1]) == pytest.approx(dict(lime.local_exp[0]), abs=1e-6)


def test_d11_one_column_of_raw_scores_becomes_a_score_and_its_opposite(
    photo: Any, four_segments: Any
) -> None:
    with pytest.warns(SightlineWarning, match="taken as the raw score v of label 1"):
        explanation = explain(photo, lambda x: x[:, 0, 0, 0] - 100.0, four_segments, hide_color=0)
    assert explanation.top_labels == [0, 1]
    assert explanation.intercept[0] == pytest.approx(-explanation.intercept[1])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: np.arange(len(x)), "whole number for each image, as predict does"),
        (lambda x: ["cat"] * len(x), "has to return numbers"),
        (lambda x: np.ones((1, 2)), r"shape \(10, n_classes\), but it returned \(1, 2\)"),
        (lambda x: np.ones((len(x), 2, 2)), r"but it returned \(10, 2, 2\)"),
        (lambda x: np.ones((len(x), 2)) * np.nan, "20 of the 20 scores .* NaN"),
    ],
)
def test_d11_answers_that_cannot_be_used_are_refused(
    photo: Any, four_segments: Any, answer: Any, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        explain(photo, answer, four_segments)


@pytest.fixture
def by_hand() -> Any:
    """Four quarters, of which 0 and 3 speak for label 4, 1 and 2 against it."""
    image = np.full((4, 4, 3), 100, np.uint8)
    explanation = ImageExplanation(image, np.array([[0, 0, 1, 1]] * 2 + [[2, 2, 3, 3]] * 2))
    explanation.local_exp[4] = [(1, -0.9), (2, -0.5), (3, 0.4), (0, 0.1)]
    return explanation


def signs(mask: Any) -> list[int]:
    return [int(mask[row, column]) for row in (0, 3) for column in (0, 3)]


def test_d12_negative_only_works_alone_and_wins(by_hand: Any) -> None:
    for asked in ({}, {"positive_only": True}, {"positive_only": False}):
        _, mask = by_hand.get_image_and_mask(4, negative_only=True, **asked)
        assert signs(mask) == [0, 1, 1, 0]


def test_d13_d14_mask_values_and_the_count_are_limes(by_hand: Any) -> None:
    def view(**asked: Any) -> list[int]:
        return signs(by_hand.get_image_and_mask(4, **asked)[1])

    assert view() == [1, 0, 0, 1]
    assert view(positive_only=False) == [1, -1, -1, 1]
    assert view(num_features=1) == [0, 0, 0, 1]
    assert view(positive_only=False, num_features=2) == [0, -1, -1, 0]


def test_d15_min_weight_means_more_than_that_in_every_view(by_hand: Any) -> None:
    for asked, expected in (
        ({"positive_only": False}, [0, -1, 0, 0]),
        ({"negative_only": True}, [0, 1, 0, 0]),
    ):
        assert signs(by_hand.get_image_and_mask(4, min_weight=0.5, **asked)[1]) == expected
    by_hand.local_exp[4] = [(0, 0.0), (1, 0.3)]
    assert signs(by_hand.get_image_and_mask(4, positive_only=False)[1]) == [0, 1, 0, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_d16_hide_rest_keeps_the_images_dtype(by_hand: Any, dtype: Any) -> None:
    by_hand.image = by_hand.image.astype(dtype)
    image, _ = by_hand.get_image_and_mask(4, hide_rest=True)
    assert image.dtype == dtype
    assert image[0, 0, 0] == 100
    assert image[0, 3, 0] == 0


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 4, 3), (4, 4, 4)])
def test_d17_both_signs_are_painted_at_the_ranges_top_on_any_image(by_hand: Any, shape: Any) -> None:
    for image, top in (
        (np.full(shape, 100, np.uint8), 255),
        (np.full(shape, 0.25, np.float32), 1),
        (np.full(shape, 100.0), 255),
        (np.full(shape, 1000, np.uint16), 65535),
    ):
        explanation = ImageExplanation(image, by_hand.segments)
        explanation.local_exp = by_hand.local_exp
        drawn, mask = explanation.get_image_and_mask(4, positive_only=False)
        rest = image.flat[0]
        assert drawn.dtype == image.dtype
        assert drawn[0, 0].tolist() == [rest, top, rest], "green for the label"
        assert drawn[0, 3].tolist() == [top, rest, rest], "red against it"
        assert np.isfinite(label2rgb(4 - mask, drawn, bg_label=0)).all()


def test_d18_unsigned_segment_arrays_have_negative_masks(by_hand: Any, photo: Any, classify: Any) -> None:
    by_hand.segments = by_hand.segments.astype(np.uint8)
    assert signs(by_hand.get_image_and_mask(4, positive_only=False)[1]) == [1, -1, -1, 1]
    explanation = explain(photo, classify, halves(photo).astype(np.uint8))
    for label in explanation.top_labels:
        _, mask = explanation.get_image_and_mask(label, positive_only=False)
        assert set(np.unique(mask)) <= {-1, 1}


def seen_by(image: Any, segments: Any, takes: Any) -> tuple[Any, list[tuple[int, ...]], Any]:
    """The explanation by a classifier that takes some shapes, what it was shown, and the dtype of it."""
    shapes: list[tuple[int, ...]] = []
    dtypes = set()

    def classify(images: Any) -> Any:
        shapes.append(images.shape)
        dtypes.add(images.dtype)
        if not takes(images):
            raise ValueError("expected another shape")
        p = images.reshape(len(images), -1).mean(axis=1) / 255
        return np.stack([1 - p, p], axis=1)

    return explain(image, classify, segments), shapes, dtypes


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 3), (20, 30, 4), (20, 30, 2), (20, 30, 7)])
def test_d19_the_classifier_gets_the_image_in_the_form_it_was_given(shape: tuple[int, ...]) -> None:
    image = noisy(shape)
    segmenter = SegmentationAlgorithm("slic", n_segments=10)
    explanation, shapes, dtypes = seen_by(image, segmenter, lambda images: images.shape[1:] == shape)
    assert all(given[1:] == shape for given in shapes)
    assert dtypes == {np.dtype(np.uint8)}
    channels = image if image.ndim == 3 else image[..., np.newaxis]
    if channels.shape[2] in (1, 3, 4):
        expected = np.broadcast_to(channels[..., :3], (20, 30, 3))
    else:
        expected = np.broadcast_to(channels.mean(axis=2, keepdims=True).astype(np.uint8), (20, 30, 3))
    np.testing.assert_array_equal(explanation.image, expected)
    drawn, mask = explanation.get_image_and_mask(1, positive_only=False)
    assert label2rgb(mask, drawn, bg_label=0).shape == (20, 30, 3)


def test_d19_a_grey_image_that_is_refused_is_given_as_lime_gives_it(four_segments: Any) -> None:
    image = noisy((20, 30))
    with pytest.warns(SightlineWarning, match=r"refused the grey image .*ValueError: expected another shape"):
        explanation, shapes, _ = seen_by(image, four_segments, lambda images: images.ndim == 4)
    assert shapes[0][1:] == (20, 30)
    assert {given[1:] for given in shapes[1:]} == {(20, 30, 3)}
    lime = theirs.LimeImageExplainer(random_state=0).explain_instance(
        image,
        lambda x: np.stack([1 - x.mean((1, 2, 3)) / 255, x.mean((1, 2, 3)) / 255], axis=1),
        num_samples=60,
        segmentation_fn=four_segments,
    )
    assert dict(explanation.local_exp[1]) == pytest.approx(dict(lime.local_exp[1]), abs=1e-6)


def test_d19_a_classifier_that_refuses_both_forms_says_why_of_both(four_segments: Any) -> None:
    with pytest.raises(ValueError, match="expected another shape") as caught:
        seen_by(noisy((20, 30)), four_segments, lambda images: False)
    assert isinstance(caught.value.__cause__, ValueError)


def test_d19_only_the_first_refusal_of_a_grey_image_is_forgiven(four_segments: Any) -> None:
    calls: list[int] = []

    def fickle(images: Any) -> Any:
        calls.append(images.ndim)
        if len(calls) > 1:
            raise RuntimeError("out of memory")
        return np.ones((len(images), 2))

    with pytest.raises(RuntimeError, match="out of memory"):
        explain(noisy((20, 30)), fickle, four_segments)
    assert calls == [3, 3]


def test_d19_channels_first_is_an_error_that_says_how_to_turn_the_image(classify: Any) -> None:
    with pytest.raises(ImageError, match=r"channels last.*image.transpose\(1, 2, 0\)"):
        explain(noisy((20, 30, 3)).transpose(2, 0, 1), classify)


@pytest.mark.parametrize("colour", [-1, 256, (0, 0, 300), (1, 2), np.nan, "black"])
def test_d20_a_hide_color_that_the_image_cannot_hold_is_an_error(
    photo: Any, classify: Any, four_segments: Any, colour: Any
) -> None:
    with pytest.raises(OptionError, match="hide_color"):
        explain(photo, classify, four_segments, hide_color=colour)


def test_d20_a_hide_color_outside_the_range_or_cut_short_is_warned_of(
    photo: Any, classify: Any, four_segments: Any
) -> None:
    with pytest.warns(SightlineWarning, match="hide_color 255 lies outside the image's values, 0 to 1"):
        explain(photo / 255, classify, four_segments, hide_color=255)
    with pytest.warns(
        SightlineWarning, match=r"hide_color 0.5 is cut to whole numbers, .* uint8 \(0 to 255\)"
    ):
        explain(photo, classify, four_segments, hide_color=0.5)


def test_d20_each_of_many_channels_has_its_own_mean_and_grey_takes_rgb_colours(rng: Any) -> None:
    image = rng.random((8, 8, 5))
    hidden: list[Any] = []

    def keep(images: Any) -> Any:
        hidden.extend(images)
        return images.reshape(len(images), -1)[:, :2]

    explain(image, keep, halves(image), num_samples=40)
    emptiest = min(hidden, key=lambda one: one.std())
    for side in (slice(0, 4), slice(4, 8)):
        means = image[:, side].mean(axis=(0, 1))
        np.testing.assert_allclose(emptiest[:, side], np.broadcast_to(means, (8, 4, 5)))
    hidden.clear()
    explain(image[..., 0], keep, halves(image), num_samples=40, hide_color=(0.5, 0.5, 0.5))
    assert any((one == 0.5).all() for one in hidden)


def test_d21_a_new_explainer_with_the_same_state_gives_the_same_again(
    photo: Any, classify: Any, four_segments: Any
) -> None:
    one, two = (explain(photo, classify, four_segments) for _ in range(2))
    assert one.local_exp == two.local_exp


def test_d22_equal_masks_are_asked_once(photo: Any, classify: Any) -> None:
    asked: list[int] = []

    def counted(images: Any) -> Any:
        asked.append(len(images))
        return classify(images)

    explain(photo, counted, halves(photo), num_samples=1000)
    assert sum(asked) == 4
    assert max(asked) <= 10


def test_d25_forward_selection_of_few_features_is_the_one_by_refitting(rng: Any) -> None:
    data = rng.integers(0, 2, (80, 12))
    data = data | data[:, rng.permutation(12)]  # masks that overlap: what one adds depends on the others
    labels = np.sin(data @ rng.normal(size=12))
    weights = rng.random(80) + 0.1
    base = LimeImageExplainer(random_state=0).base
    from sklearn.linear_model import LinearRegression

    used: list[int] = []
    for _ in range(6):
        fits = {}
        for feature in set(range(12)) - set(used):
            columns = data[:, [*used, feature]]
            fits[feature] = LinearRegression().fit(columns, labels, weights).score(columns, labels, weights)
        used.append(max(fits, key=lambda feature: fits[feature]))
    assert base.forward_selection(data, labels, weights, 6).tolist() == used


@pytest.mark.parametrize("samples", [1, 0, -5])
def test_d28_too_few_samples_are_an_error(photo: Any, classify: Any, samples: int) -> None:
    with pytest.raises(BudgetError, match=f"num_samples={samples} leaves no mask beside the whole image"):
        explain(photo, classify, num_samples=samples)


def test_d28_more_top_labels_than_classes_are_all_classes_and_none_at_all_is_an_error(
    photo: Any, classify: Any, four_segments: Any
) -> None:
    assert len(explain(photo, classify, four_segments, top_labels=100).top_labels) == 7
    with pytest.raises(OptionError, match="nothing to explain"):
        explain(photo, classify, four_segments, top_labels=0, labels=())
    with pytest.raises(OptionError, match="top_labels must be at least 0, but it is -1"):
        explain(photo, classify, four_segments, top_labels=-1)


def test_d29_explainer_and_explanation_pickle_and_the_weights_are_json(
    photo: Any, classify: Any, four_segments: Any
) -> None:
    explainer = pickle.loads(pickle.dumps(LimeImageExplainer(random_state=0)))
    explanation = explainer.explain_instance(photo, classify, num_samples=60, segmentation_fn=four_segments)
    again = pickle.loads(pickle.dumps(explanation))
    assert again.local_exp == explain(photo, classify, four_segments).local_exp
    assert float(again.score) == float(explanation.score)
    written = json.loads(json.dumps([explanation.local_exp, explanation.intercept, explanation.top_labels]))
    assert written[2] == explanation.top_labels
    pickle.loads(pickle.dumps(SegmentationAlgorithm("slic", n_segments=5)))


def test_the_page_for_those_who_come_from_lime_lists_all_thirty() -> None:
    page = Path(__file__).parents[2] / "docs" / "from-lime.md"
    rows = [line for line in page.read_text().splitlines() if line.startswith("| D")]
    assert [row.split("|")[1].strip() for row in rows] == [f"D{number}" for number in range(1, 31)]
