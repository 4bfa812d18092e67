"""One label of several: the scores, names, gradients and refusals of a model of two classes."""

import numpy as np
import pytest

import sightline as sl
from sightline import as_model
from sightline.errors import ModelError, OptionError, TargetError

NAMES = ("ill", "marker", "side")


def told(images):
    """The scores that an image holds."""
    return images[:, 0, :]


def images_of(scores):
    return np.asarray(scores, dtype=np.float64)[:, None, :]


P = [[0.2, 0.9, 0.4], [0.7, 0.6, 0.3], [0.31, 0.1, 0.2]]


@pytest.mark.parametrize("label", [1, "marker", "Marker", "1"])
def test_a_label_s_scores_are_those_of_its_column(label):
    model = as_model(told, class_names=NAMES, label=label)
    said = model(images_of(P))
    assert said == pytest.approx(np.stack([1 - np.array(P)[:, 1], np.array(P)[:, 1]], axis=1))
    assert model.class_names == ("not marker", "marker")
    assert model.column_names == NAMES
    # Asked for as it is, it is the same; the other options stay.
    assert as_model(as_model(model))(images_of(P)).tolist() == said.tolist()


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.31, 0.5, 0.9])
def test_the_higher_score_is_right_by_the_threshold(threshold):
    model = as_model(told, class_names=NAMES, label="ill", threshold=threshold)
    p = np.array(P)[:, 0]
    said = model(images_of(P))
    assert (said.argmax(axis=1) == (p > threshold)).all()
    assert said.sum(axis=1) == pytest.approx(1)
    odds = np.log(p / (1 - p)) - np.log(threshold / (1 - threshold))
    assert model.with_log_odds()(images_of(P))[:, 1] == pytest.approx(odds)
    assert said[:, 1] == pytest.approx(1 / (1 + np.exp(-odds)))


def test_a_threshold_is_for_two_classes_too_and_for_no_more():
    two = as_model(lambda images: images.mean((1, 2)), threshold=0.3)
    assert two(np.full((1, 2, 2), 0.4)).argmax() == 1
    with pytest.raises(OptionError, match=r"threshold=0.3 is for the probability of one class of two"):
        as_model(told, threshold=0.3)(images_of(P))
    for wrong in (0.0, 1.0, -1.0):
        with pytest.raises(OptionError):
            as_model(told, label=0, threshold=wrong)


def test_labels_that_are_not_there_are_refused():
    with pytest.raises(TargetError, match=r"the model has no label 'markr'. Did you mean 'marker'"):
        as_model(told, class_names=NAMES, label="markr")(images_of(P))
    with pytest.raises(TargetError, match="there is no label 3: the model has 3 columns, numbered from 0"):
        as_model(told, label=3)(images_of(P))
    with pytest.raises(TargetError, match="the model names no labels"):
        as_model(told, label="ill")(images_of(P))
    with pytest.raises(OptionError, match="label must be the name or number"):
        as_model(told, label=-1)


def test_a_softmax_has_no_labels_of_their_own(rng):
    shares = rng.dirichlet(np.ones(3), 4)
    for scores in (shares, np.log(shares)):
        with pytest.raises(ModelError, match="its 3 scores of each image add up to 1, as of a softmax"):
            as_model(told, label=0)(images_of(scores))
    with pytest.raises(ModelError, match='output="softmax" was given'):
        as_model(told, label=0, output="softmax")(images_of(P))


def test_one_call_answers_for_several_labels():
    calls = []

    def counted(images):
        calls.append(len(images))
        return told(images)

    first, second = (as_model(counted, class_names=NAMES, label=name) for name in ("ill", "side"))
    said = first.label_scores(images_of(P), [second])
    assert [one[:, 1].tolist() for one in said] == [[row[0] for row in P], [row[2] for row in P]]
    assert calls == [3]


def test_what_a_label_s_column_is_taken_for_is_said():
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 3))
    logits = as_model(net, class_names=NAMES, label="ill")
    logits(images_of(P)[..., None].astype(np.float32))
    assert logits.guess.startswith(
        "label 'ill' of 3, taken for a logit of class 1, whose sigmoid is the score"
    )
    for sure in (
        as_model(net, label=0, output="sigmoid"),
        as_model(torch.nn.Sequential(net, torch.nn.Sigmoid()), label=0),
    ):
        said = sure(images_of(P)[..., None].astype(np.float32))
        assert sure.guess == ""
        assert said == pytest.approx(logits(images_of(P)[..., None].astype(np.float32)), abs=1e-6)


def test_logits_are_known_by_all_columns_where_one_lies_within_0_to_1():
    torch = pytest.importorskip("torch")
    net = torch.nn.Linear(3, 3)
    with torch.no_grad():
        net.weight.copy_(torch.eye(3))
        net.bias.copy_(torch.tensor([0.0, -3.0, 0.0]))
    model = as_model(torch.nn.Sequential(torch.nn.Flatten(), net), label=0)
    said = model(images_of(P)[..., None].astype(np.float32))
    assert said[:, 1] == pytest.approx(1 / (1 + np.exp(-np.array(P)[:, 0])))


@pytest.mark.parametrize("attribute", ["gradient-x-input", "hires-cam"])
def test_methods_that_look_inside_look_at_the_label_s_output(attribute, rng):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    body = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten())
    head = torch.nn.Linear(3 * 144, 3)
    whole = torch.nn.Sequential(body, head)
    alone = torch.nn.Linear(3 * 144, 1)
    with torch.no_grad():
        alone.weight.copy_(head.weight[1:2])
        alone.bias.copy_(head.bias[1:2])
    image = rng.random((12, 12, 1)).astype(np.float32)
    plan = {"attribute": attribute, "segment": "grid:rows=3,columns=3", "target": 1}
    ours = sl.explain(image, as_model(whole, label=1), **plan)
    theirs = sl.explain(image, as_model(torch.nn.Sequential(body, alone), class_names=["it"]), **plan)
    assert ours.attribution.values == pytest.approx(theirs.attribution.values, abs=1e-6)
    assert ours.scores.full == pytest.approx(theirs.scores.full, abs=1e-6)
