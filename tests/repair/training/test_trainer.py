"""What training again means for every framework."""

import numpy as np
import pytest

from sightline.adapters import as_model
from sightline.errors import ModelError, OptionError
from sightline.repair import TrainingConfig
from sightline.repair.training.trainer import label_targets, minibatches, shaped_head


def test_every_place_is_drawn_once_and_no_batch_is_of_one():
    for count in (1, 2, 31, 32, 33, 65):
        batches = list(minibatches(count, 32, np.random.default_rng(0)))
        assert sorted(np.concatenate(batches).tolist()) == list(range(count))
        assert count == 1 or min(map(len, batches)) > 1


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"epochs": 0}, "epochs must be a whole number from 1 up"),
        ({"batch_size": True}, "batch_size of TrainingConfig must be a whole number, but True"),
        ({"learning_rate": 0.0}, "learning_rate must be a number above 0 and below 10"),
    ],
)
def test_a_training_must_be_possible(option, said):
    with pytest.raises(OptionError, match=said):
        TrainingConfig(**option)


def layer(features, outputs):
    return np.zeros((features, outputs)), np.zeros(outputs)


def test_a_single_output_is_the_second_class_against_the_first():
    weights, offsets = np.array([[1.0, 3.0], [0.0, -2.0]]), np.array([0.5, 1.0])
    model = as_model(lambda images: images)
    one, offset = shaped_head((weights, offsets), layer(2, 1), model, "a net")
    assert one.tolist() == [[2.0], [-2.0]]
    assert offset.tolist() == [0.5]
    with pytest.raises(ModelError, match="a net does not end in one linear layer"):
        shaped_head((weights, offsets), layer(3, 2), model, "a net")


def test_of_one_label_the_weights_of_the_others_stay():
    weights, offsets = np.array([[1.0, 3.0], [0.0, -2.0]]), np.array([0.5, 1.0])
    model = as_model(lambda images: images, label=1)
    old = (np.array([[7.0, 8.0, 9.0], [4.0, 5.0, 6.0]]), np.array([1.0, 2.0, 3.0]))
    whole, rest = shaped_head((weights, offsets), old, model, "a net")
    assert whole.tolist() == [[7.0, 2.0, 9.0], [4.0, -2.0, 6.0]]
    assert rest.tolist() == [1.0, 0.5, 3.0]


@pytest.mark.parametrize("logits", [False, True])
def test_the_other_labels_are_to_be_said_as_before(logits):
    said = np.array([[0.2, 0.9], [0.6, 0.4]])
    given = np.log(said / (1 - said)) if logits else said
    model = as_model(lambda images: given, label=0, output="sigmoid" if logits else "probability")
    model(np.zeros((2, 4, 4)))
    targets = label_targets(model, np.zeros((2, 4, 4)), np.array([1, 0]))
    assert targets == pytest.approx(np.array([[1.0, 0.9], [0.0, 0.4]]))
