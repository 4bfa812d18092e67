"""Networks that are penalised for looking at the region."""

import numpy as np
import pytest

from sightline.errors import ModelError, OptionError
from sightline.regions import per_image
from sightline.repair import RightReasons, TrainingConfig
from support.marked import CORNER, TRAIN


def test_right_reasons_need_a_network_and_one_region_for_all(misled_net):
    with pytest.raises(ModelError, match="right reasons need the gradients of a PyTorch module or a Keras"):
        RightReasons(region=CORNER)(lambda images: images.mean(axis=(1, 2, 3)), TRAIN)
    own = per_image(lambda place: np.eye(8, dtype=int), {1: "line"})
    with pytest.raises(OptionError, match="need a region that all images share"):
        RightReasons(region=own)(misled_net, TRAIN)
    with pytest.raises(OptionError, match="weight must be a number above 0"):
        RightReasons(region=CORNER, weight=0.0)


def test_a_weight_of_one_s_own_is_the_only_one_tried(misled_net):
    fix = RightReasons(region=CORNER, weight=5, training=TrainingConfig(epochs=1))(misled_net, TRAIN)
    assert fix.notes == ("Penalty of weight 5.",)
