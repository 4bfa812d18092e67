"""Several labels of an image, each counted by itself: as scikit-learn has it."""

import numpy as np
import pytest
from sklearn import metrics

import sightline as sl
from sightline.data import multi_label
from sightline.errors import ImageError, ModelError, OptionError, TargetError

NAMES = ("ill", "marker", "side")


def told(images):
    """The scores that an image holds."""
    return images[:, 0, :]


@pytest.fixture
def some(rng):
    p = rng.random((80, 3))
    truth = (rng.random((80, 3)) < p).astype(float)
    truth[::7, 1] = np.nan
    truth[::9, 2] = -1
    return p, truth


def test_each_label_s_numbers_are_those_of_scikit_learn(some):
    p, truth = some
    made = sl.evaluate(told, multi_label(p[:, None], truth, NAMES), threshold={"marker": 0.3})
    assert made.label_names == NAMES
    assert made.missing == (0, 12, 9)
    for place, (name, threshold) in enumerate(zip(NAMES, (0.5, 0.3, 0.5), strict=True)):
        known = truth[:, place] >= 0
        y, said = truth[known, place], p[known, place]
        one = made[name]
        assert one.auc.value == pytest.approx(metrics.roc_auc_score(y, said))
        assert one.accuracy == pytest.approx(metrics.accuracy_score(y, said > threshold))
        assert one.recall == pytest.approx(metrics.recall_score(y, said > threshold))
        assert one.precision == pytest.approx(metrics.precision_score(y, said > threshold))
        assert one.calibration().brier.value == pytest.approx(metrics.brier_score_loss(y, said))
        assert one.wrong.tolist() == np.flatnonzero(known)[(said > threshold) != (y == 1)].tolist()
    whole = ~(truth < 0).any(axis=1) & ~np.isnan(truth).any(axis=1)
    right = ((p > [0.5, 0.3, 0.5]) == (truth == 1))[whole].all(axis=1)
    assert made.exact == (right.sum(), whole.sum())
    row = next(line for line in repr(made).splitlines() if line.startswith("marker"))
    assert f"{made['marker'].auc.value:.3f}" in row
    assert "not known, and left out there: marker 12, side 9" in repr(made)


def test_thresholds_are_chosen_and_used_label_by_label(some):
    p, truth = some
    made = sl.evaluate(told, (p[:, None], truth), class_names=NAMES)
    chosen = made.choose_thresholds("sensitivity:least=0.9")
    assert all(one.sensitivity.value >= 0.9 for one in chosen.values())
    changed = made.with_thresholds({name: one.threshold.value for name, one in chosen.items()})
    assert [one.recall for one in changed.evaluations] == [one.sensitivity.value for one in chosen.values()]
    assert changed["ill"].threshold == chosen["ill"].threshold.value
    with pytest.raises(TargetError, match="a threshold is given for 'heart'"):
        made.with_thresholds({"heart": 0.5})


def test_labels_are_matched_by_name_and_the_others_left_out(some):
    p, truth = some
    data = multi_label(p[:, None], truth, ("side", "ill", "heart"))
    made = sl.evaluate(told, data, class_names=NAMES)
    assert made.label_names == ("ill", "side")
    assert made.left_out == ("heart", "marker")
    assert made["side"].auc.value == pytest.approx(metrics.roc_auc_score(truth[:, 0] == 1, p[:, 2]))
    with pytest.raises(TargetError, match="which is which cannot be told"):
        sl.evaluate(told, multi_label(p[:, None], truth[:, :2], ("a", "b")))


def test_one_label_alone_is_an_evaluation_of_two_classes(some):
    p, truth = some
    model = sl.as_model(told, class_names=NAMES, label="marker", threshold=0.3)
    made = sl.evaluate(model, (p[:, None], truth))
    known = ~np.isnan(truth[:, 1])
    assert made.threshold == 0.3
    assert made.class_names == ("not marker", "marker")
    assert made.scores[:, 1] == pytest.approx(p[known, 1])
    assert made.accuracy == metrics.accuracy_score(truth[known, 1] == 1, p[known, 1] > 0.3)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_a_part_whose_images_happen_to_have_one_label_each_is_not_of_classes(some, label):
    p, _ = some
    truth = np.eye(3)[np.arange(len(p)) % 3]
    items = [(image, row) for image, row in zip(p[:, None], truth, strict=True)]
    for data in ((p[:, None], truth), items):
        made = sl.evaluate(sl.as_model(told, label=label), data)
        assert made.labels.tolist() == truth[:, label].tolist()
        assert made.accuracy == metrics.accuracy_score(truth[:, label] == 1, p[:, label] > 0.5)


def test_what_was_taken_for_granted_is_said_and_a_softmax_is_refused(some):
    torch = pytest.importorskip("torch")
    p, truth = some
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 3))
    images = p[:, None, :, None].astype(np.float32)
    made = sl.evaluate(net, multi_label(images, truth, NAMES))
    assert made.guesses == (
        "its columns were taken for logits, and each one's sigmoid for the score (output= overrules)",
        "the model names no labels, so they are taken in the data's order (class_names= overrules)",
    )
    sure = sl.as_model(torch.nn.Sequential(net, torch.nn.Sigmoid()), class_names=NAMES)
    same = sl.evaluate(sure, multi_label(images, truth, NAMES))
    assert same.guesses == ()
    assert same["ill"].scores == pytest.approx(made["ill"].scores, abs=1e-6)
    with pytest.raises(ModelError, match="as of a softmax"):
        sl.evaluate(torch.nn.Sequential(net, torch.nn.Softmax(1)), multi_label(images, truth, NAMES))
    with pytest.raises(OptionError, match="thresholds by name"):
        sl.evaluate(net, (images, np.arange(80) % 3), threshold={"ill": 0.5})
    single = sl.evaluate(sure, (images, np.arange(80) % 3), check_range=False)
    assert any("do not add up to 1" in one for one in single.guesses)


def test_raw_scores_have_an_area_and_no_threshold(some):
    p, truth = some
    made = sl.evaluate(lambda images: 10 * told(images) - 5, (p[:, None], truth), class_names=NAMES)
    assert made["ill"].auc.value == pytest.approx(metrics.roc_auc_score(truth[:, 0], p[:, 0]))
    assert made["ill"].threshold is None
    with pytest.raises(OptionError, match="are none"):
        sl.evaluate(lambda images: 10 * told(images) - 5, (p[:, None], truth), threshold=0.3)


@pytest.mark.slow
def test_the_figure_has_a_row_for_each_label(some):
    p, truth = some
    truth[:, 0] = 1
    made = sl.evaluate(told, (p[:, None], truth), class_names=NAMES)
    assert len(made.plot().axes) == 1 + 2 * 2
    assert "ill" in repr(made)


def test_labels_without_a_new_threshold_stay_as_they_are(some):
    p, truth = some
    made = sl.evaluate(told, multi_label(p[:, None], truth, NAMES), threshold={"ill": 0.0})
    changed = made.with_thresholds({"marker": 0.3})
    assert changed["ill"].threshold == 0.0
    assert changed["ill"].recall == 1.0
    assert changed["marker"].accuracy == metrics.accuracy_score(
        truth[~np.isnan(truth[:, 1]), 1], p[~np.isnan(truth[:, 1]), 1] > 0.3
    )


def test_a_label_that_is_known_of_no_image_is_left_out(some):
    p, truth = some
    truth[:, 2] = np.nan
    made = sl.evaluate(told, multi_label(p[:, None], truth, NAMES), threshold={"side": 0.2, "ill": 0.4})
    assert made.label_names == ("ill", "marker")
    assert made.left_out == ("side",)
    assert made["ill"].threshold == 0.4
    assert "known of no image: side" in repr(made)
    named = sl.evaluate(told, multi_label(p[:, None], truth, NAMES), class_names=NAMES)
    assert named.left_out == ("side",)
    with pytest.raises(ImageError, match="none of the labels ill, marker, side is known"):
        sl.evaluate(told, multi_label(p[:, None], np.full((80, 3), -1), NAMES))


@pytest.mark.parametrize("names", [None, ["ill"]])
def test_a_single_column_is_of_the_label_that_it_is_called(some, names):
    p, truth = some
    one = lambda images: images[:, 0, :1]  # noqa: E731
    made = sl.evaluate(one, multi_label(p[:, None], truth[:, :1], ("ill",)), class_names=names)
    assert made.label_names == ("ill",)
    assert made.left_out == ()
    assert made["ill"].auc.value == pytest.approx(metrics.roc_auc_score(truth[:, 0], p[:, 0]))
    if names:
        # A label of the data by another name is another label, wherever it stands.
        with pytest.raises(TargetError, match="cannot be told"):
            sl.evaluate(one, multi_label(p[:, None], truth[:, 1:2], ("marker",)), class_names=names)
        both = sl.evaluate(one, multi_label(p[:, None], truth, ("side", "ill", "marker")), class_names=names)
        assert (both.label_names, both.left_out) == (("ill",), ("side", "marker"))
        asked = sl.evaluate(
            sl.as_model(one, class_names=names, label="ill"), multi_label(p[:, None], truth, NAMES)
        )
        assert asked.auc.value == pytest.approx(metrics.roc_auc_score(truth[:, 0], p[:, 0]))
        with pytest.raises(TargetError, match="cannot be told"):
            sl.evaluate(sl.as_model(one, class_names=names, label="ill"), (p[:, None], truth))


def test_labels_without_a_threshold_have_the_one_that_the_model_was_told(some):
    p, truth = some
    data = multi_label(p[:, None], truth, NAMES)
    model = sl.as_model(told, class_names=NAMES, threshold=0.3)
    made = sl.evaluate(model, data)
    assert [one.threshold for one in made.evaluations] == [0.3] * 3
    known = truth[:, 0] >= 0
    assert made["ill"].accuracy == pytest.approx(((p[:, 0] > 0.3) == (truth[:, 0] == 1))[known].mean())
    assert made.exact == sl.evaluate(told, data, threshold=0.3).exact
    mixed = sl.evaluate(model, data, threshold={"marker": 0.6})
    assert [one.threshold for one in mixed.evaluations] == [0.3, 0.6, 0.3]
    assert [one.threshold for one in sl.evaluate(model, data, threshold=0.5).evaluations] == [0.5] * 3
