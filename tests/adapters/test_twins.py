"""One network in Keras and in PyTorch, the same weights: the same scores and the same heat."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import sightline as sl
from sightline.engine.cam import Cam, EigenCam, GradCamPlusPlus, HiResCam, LayerCam, ScoreCam
from sightline.engine.gradients import GradientXInput, SmoothGrad

pytestmark = pytest.mark.slow  # TensorFlow takes seconds to load
IMAGE = np.random.default_rng(0).random((32, 28, 3)).astype(np.float32)


@pytest.fixture(scope="module", params=["softmax", "sigmoid", None])
def twins(request: pytest.FixtureRequest) -> tuple[Any, nn.Module]:
    import keras

    keras.utils.set_random_seed(1)
    columns = 1 if request.param == "sigmoid" else 4
    layers = keras.layers
    theirs = keras.Sequential(
        [
            layers.Input((32, 28, 3)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="last"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(columns, activation=request.param),
        ]
    )
    kernel, offsets = theirs.layers[-1].get_weights()
    theirs.layers[-1].set_weights([np.abs(kernel), offsets])  # so that every channel speaks for every class
    ours = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, columns)),
    )
    for kept, part in zip((0, 2, 4), (ours[0], ours[3], ours[7]), strict=True):
        kernel, offsets = theirs.layers[kept].get_weights()
        part.weight.data = torch.from_numpy(kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T)
        part.bias.data = torch.from_numpy(offsets)
    return theirs, ours


def test_they_give_the_same_scores(twins):
    theirs, ours = (sl.as_model(net)(IMAGE[None]) for net in twins)
    assert ours.sum() == pytest.approx(1)
    np.testing.assert_allclose(theirs, ours, atol=1e-5)


@pytest.mark.parametrize(
    "kind",
    [
        *(
            sl.Lime,
            sl.GradCam,
            GradCamPlusPlus,
            HiResCam,
            LayerCam,
            ScoreCam,
        ),
        *(
            EigenCam,
            Cam,
            GradientXInput,
            sl.IntegratedGradients,
            SmoothGrad,
        ),
    ],
)
def test_they_give_the_same_heat(twins, kind):
    parts = {"segment": "grid", "fill": "colour:value=0", "budget": 200, "target": 1}
    # A process may choose other masks where the scores of two frameworks differ by rounding.
    parts["estimator"] = "regression"
    at_relu = {"layer": "4"} if "layer" in kind.__dataclass_fields__ else {}
    theirs = sl.explain(IMAGE, twins[0], attribute=kind(), **parts).attribution
    ours = sl.explain(IMAGE, twins[1], attribute=kind(**at_relu), **parts).attribution
    size = np.abs(ours.values).max()
    assert size > 0
    np.testing.assert_allclose(theirs.values, ours.values, atol=1e-3 * size)
    if ours.pixels is not None:
        np.testing.assert_allclose(theirs.pixels, ours.pixels, atol=1e-3 * np.abs(ours.pixels).max())
        assert theirs.layer == ("last" if ours.layer else None)
