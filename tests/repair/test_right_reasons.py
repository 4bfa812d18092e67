"""Networks that are penalised for looking at the region."""

import numpy as np
import pytest

from sightline.errors import ModelError, OptionError
from sightline.regions import per_image
from sightline.repair import RightReasons, TrainingConfig
from support.marked import CORNER, TRAIN

QUICK = TrainingConfig(epochs=2, learning_rate=0.01)


def test_right_reasons_need_a_network(misled_net):
    with pytest.raises(ModelError, match="right reasons need the gradients of a PyTorch module or a Keras"):
        RightReasons(region=CORNER)(lambda images: images.mean(axis=(1, 2, 3)), TRAIN)
    with pytest.raises(OptionError, match="weight must be a number above 0"):
        RightReasons(region=CORNER, weight=0.0)


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["torch", pytest.param("keras", marks=pytest.mark.slow)])
def test_each_image_pays_for_its_own_region(framework, request):
    net = request.getfixturevalue("misled_net" if framework == "torch" else "misled_keras")
    images = TRAIN[0]
    masks = np.zeros((len(images), 8, 8), dtype=int)
    masks[:, :3, :3] = 1

    def repaired(region, margin=0):
        method = RightReasons(region=region, margin=margin, weight=300, training=QUICK)
        return method(net, TRAIN).model(images)

    of_each = repaired(per_image(lambda place: masks[place], {1: "corner"}))
    # The same pixels, told of each image or of all: the same network.
    np.testing.assert_allclose(of_each, repaired(CORNER, 0.1), atol=1e-5)
    masks[:] = 0
    free = repaired(per_image(lambda place: masks[place], {1: "corner"}))
    assert np.abs(free - of_each).max() > 0.01


def test_a_weight_of_one_s_own_is_the_only_one_tried(misled_net):
    fix = RightReasons(region=CORNER, weight=5, training=TrainingConfig(epochs=1))(misled_net, TRAIN)
    assert fix.notes == ("Penalty of weight 5.",)
