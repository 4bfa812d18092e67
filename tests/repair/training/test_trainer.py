"""What training again means for every framework."""

import numpy as np
import pytest

from sightline.errors import ModelError, OptionError
from sightline.repair import TrainingConfig
from sightline.repair.training.trainer import minibatches, shaped_head


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


def test_a_single_output_is_the_second_class_against_the_first():
    weights, offsets = np.array([[1.0, 3.0], [0.0, -2.0]]), np.array([0.5, 1.0])
    one, offset = shaped_head((weights, offsets), (2, 1), "a net")
    assert one.tolist() == [[2.0], [-2.0]]
    assert offset.tolist() == [0.5]
    with pytest.raises(ModelError, match="a net does not end in one linear layer"):
        shaped_head((weights, offsets), (3, 2), "a net")
