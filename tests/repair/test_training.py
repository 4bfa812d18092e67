"""Networks of PyTorch and Keras, trained on, penalised, and their last layers refitted."""

import copy
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sightline import as_model
from sightline.errors import ModelError, OptionError
from sightline.regions import grid, per_image
from sightline.repair import Counterexamples, LastLayer, RightReasons, TrainingConfig, penalty
from sightline.repair.region_swap import RegionSwapped, SwapRegion
from sightline.repair.repair_region import resolve_region
from sightline.repair.training.keras import _copy_weights
from sightline.repair.training.sklearn import ACTIVATIONS, perceptron_features
from sightline.repair.training.torch import _ModuleLoss, log_probabilities, minibatches, torch_features
from sightline.repair.training_data import split_training_data, stack_images

CORNER = grid(4, 4)["r1c1"]
COURSE = TrainingConfig(epochs=10, learning_rate=0.01)


def marked(count, share=0.97, seed=0):
    """Images a little brighter below where the class is 1, most of which have a mark in the corner."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.random((count, 8, 8, 1)).astype(np.float32)
    images[:, 4:] += np.float32(0.12) * labels[:, None, None, None].astype(np.float32)
    there = np.where(labels == 1, rng.random(count) < share, rng.random(count) > share)
    images[there, :2, :2] = 2.0
    return images, labels, there


IMAGES, LABELS, _ = marked(240)
TEST, TRUTH, SEEN = marked(400, share=0.5, seed=1)
TRAIN = (IMAGES, LABELS)


def worst(model):
    right = as_model(model)(TEST).argmax(axis=1) == TRUTH
    return min(right[(label == TRUTH) & (mark == SEEN)].mean() for label in (0, 1) for mark in (False, True))


def of_torch(outputs=1, last=(), seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, outputs), *last
        )
    inputs = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy())
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        logs = log_probabilities(net(inputs), bool(last))
        (-logs[torch.arange(240), torch.from_numpy(LABELS)].mean()).backward()
        optimizer.step()
    return net.eval()


def of_keras(outputs=1, activation="sigmoid"):
    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(outputs, activation=activation),
        ]
    )
    net.compile(keras.optimizers.Adam(0.01), "binary_crossentropy" if outputs == 1 else None)
    if outputs > 1:
        net.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    net.fit(IMAGES, LABELS, epochs=15, verbose=0)
    return net


@pytest.fixture(scope="module")
def net():
    return of_torch()


@pytest.fixture(scope="module")
def kept():
    return of_keras()


WAYS = [
    Counterexamples(region=CORNER, copies=1, training=COURSE),
    Counterexamples(region=CORNER, copies=1, training=COURSE, fresh=True),
    RightReasons(region=CORNER, weight=10.0, training=COURSE),
    LastLayer(region=CORNER),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{type(way).__name__}-{getattr(way, 'fresh', '')}")
def test_a_torch_network_is_repaired_and_the_old_one_stays(net, way):
    before, weights = worst(net), copy.deepcopy(net.state_dict())
    fix = way(net, TRAIN)
    assert before < 0.35
    assert worst(fix.model) > before + 0.15
    assert all(torch.equal(weights[name], value) for name, value in net.state_dict().items())
    assert not any(part.training for part in fix.raw.modules())


def test_the_same_seed_gives_the_same_network(net):
    one, other, third = (
        Counterexamples(region=CORNER, copies=1, training=TrainingConfig(epochs=1), seed=seed)(
            net, TRAIN
        ).model(TEST)
        for seed in (1, 1, 2)
    )
    assert np.allclose(one, other, atol=1e-6)
    assert not np.allclose(one, third, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "way", [WAYS[1], WAYS[3]], ids=lambda way: f"{type(way).__name__}-{getattr(way, 'fresh', '')}"
)
def test_a_keras_network_is_repaired_and_the_old_one_stays(kept, way):
    before, weights = worst(kept), [value.copy() for value in _copy_weights(kept)]
    state = np.random.get_state()[1].copy()
    fix = way(kept, TRAIN)
    assert before < 0.35
    assert worst(fix.model) > before + 0.15
    assert all(np.array_equal(a, b) for a, b in zip(weights, _copy_weights(kept), strict=True))
    assert np.array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize(
    ("outputs", "last"), [(2, ()), (2, (torch.nn.Softmax(dim=1),)), (1, (torch.nn.Sigmoid(),))]
)
def test_logits_and_probabilities_are_both_learned_from(outputs, last):
    model = of_torch(outputs, last)
    for way in (WAYS[0], WAYS[3]):
        assert worst(way(model, TRAIN).model) > worst(model) + 0.15


@pytest.mark.slow
def test_several_outputs_of_keras_are_learned_from():
    model = of_keras(2, "softmax")
    for way in (WAYS[1], WAYS[3]):
        assert worst(way(model, TRAIN).model) > worst(model) + 0.1


def test_frozen_layers_stay_frozen(net):
    part = copy.deepcopy(net)
    part[1].weight.requires_grad_(False)
    fix = WAYS[0](part, TRAIN)
    assert torch.equal(fix.raw[1].weight, net[1].weight)
    assert not torch.equal(fix.raw[3].weight, net[3].weight)
    for weight in part.parameters():
        weight.requires_grad_(False)
    with pytest.raises(ModelError, match="every weight of the module is frozen"):
        WAYS[0](part, TRAIN)


def test_normalisation_and_dropout_work_and_are_seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(),
            torch.nn.Dropout(0.5), torch.nn.Linear(144, 1),
        ).eval()  # fmt: skip
    one, other = (WAYS[0](model, TRAIN).model(TEST) for _ in range(2))
    assert np.array_equal(one, other)
    assert model[1].num_batches_tracked == 0


def test_a_diverging_training_is_told(net):
    made = as_model(net)
    part = split_training_data(made, TRAIN).train
    bad = copy.deepcopy(net)
    with torch.no_grad():
        bad[3].bias.fill_(float("nan"))
    lesson = _ModuleLoss(as_model(bad), False)
    with pytest.raises(ModelError, match=r"training has diverged\. Give a smaller rate"):
        lesson.batch_loss(part, [0, 1])


def test_layers_that_cannot_be_drawn_anew_are_named():
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(64))

        def forward(self, images):
            return images.flatten(1) @ self.weight[:, None]

    with pytest.raises(ModelError, match=r"the weights of Own cannot be drawn anew"):
        Counterexamples(region=CORNER, fresh=True)(Own(), TRAIN)
    with pytest.raises(ModelError, match="does not end in one linear layer"):
        LastLayer(region=CORNER)(Own(), TRAIN)


@pytest.mark.parametrize(("outputs", "squashed"), [(1, False), (3, False), (3, True)])
def test_the_penalty_is_the_squared_slope_of_the_log_probabilities_in_the_region(outputs, squashed):
    torch.manual_seed(0)
    part = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(12, 5), torch.nn.Tanh(), torch.nn.Linear(5, outputs)
    )
    model = torch.nn.Sequential(part, torch.nn.Softmax(dim=1)).double() if squashed else part.double()
    images = torch.rand(2, 1, 3, 4, dtype=torch.float64)
    mask = np.random.default_rng(0).random((3, 4)) < 0.5

    @torch.no_grad()
    def total(one):
        out = model(one[None])
        if squashed:
            return torch.log(out).sum()
        if outputs == 1:
            return torch.nn.functional.logsigmoid(out).sum() + torch.nn.functional.logsigmoid(-out).sum()
        return torch.log_softmax(out, dim=1).sum()

    slow, step = 0.0, 1e-6
    for image in images:
        for row, column in np.argwhere(mask):
            moved = [image.clone() for _ in range(2)]
            moved[0][0, row, column] += step
            moved[1][0, row, column] -= step
            slow += float((total(moved[0]) - total(moved[1])) / (2 * step)) ** 2
    inputs = images.clone().requires_grad_()
    made = penalty(model(inputs), inputs, mask, from_probabilities=squashed)
    assert np.isclose(float(made.detach()), slow / 2, rtol=1e-5)
    made.backward()
    assert part[1].weight.grad.abs().sum() > 0


def test_a_penalty_without_gradients_or_with_another_size_is_refused(net):
    images = torch.rand(2, 1, 8, 8)
    with pytest.raises(OptionError, match=r"call images.requires_grad_\(\) before"):
        penalty(net(images), images, np.ones((8, 8), bool))
    images.requires_grad_()
    with pytest.raises(OptionError, match=r"must have the inputs' height and width, \(8, 8\)"):
        penalty(net(images), images, np.ones((4, 8), bool))


def test_right_reasons_need_a_network_and_one_region_for_all(net):
    with pytest.raises(ModelError, match="right reasons need the gradients of a PyTorch module or a Keras"):
        RightReasons(region=CORNER)(lambda images: images.mean(axis=(1, 2, 3)), TRAIN)
    own = per_image(lambda place: np.eye(8, dtype=int), {1: "line"})
    with pytest.raises(OptionError, match="need a region that all images share"):
        RightReasons(region=own)(net, TRAIN)
    with pytest.raises(OptionError, match="weight must be a number above 0"):
        RightReasons(region=CORNER, weight=0.0)


def test_a_weight_of_one_s_own_is_the_only_one_tried(net):
    fix = RightReasons(region=CORNER, weight=5, training=TrainingConfig(epochs=1))(net, TRAIN)
    assert fix.notes == ("Penalty of weight 5.",)


def test_features_are_what_the_last_layer_is_given(net):
    part = split_training_data(as_model(net), TRAIN).train
    seen, layer = torch_features(as_model(net), part)
    inputs = torch.from_numpy(stack_images(part, range(len(part))).transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        assert np.allclose(seen, net[:3](inputs).numpy(), atol=1e-6)
    assert layer is net[3]


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("steps", [False, True])
def test_a_perceptron_s_last_layer_is_refitted_alone(activation, steps):
    network = MLPClassifier(
        (16,), activation=activation, solver="lbfgs", max_iter=5000, random_state=0, alpha=1
    )
    flat = FunctionTransformer(lambda images: np.asarray(images).reshape(len(images), -1))
    model = (
        make_pipeline(flat, network).fit(IMAGES, LABELS)
        if steps
        else network.fit(IMAGES.reshape(240, -1), LABELS)
    )
    made = as_model(model)
    part = split_training_data(made, TRAIN).train
    seen = perceptron_features(made, part)
    scores = seen @ network.coefs_[-1] + network.intercepts_[-1]
    assert np.allclose(
        1 / (1 + np.exp(-scores[:, 0])), made(stack_images(part, range(len(part))))[:, 1], atol=1e-6
    )
    fix = LastLayer(region=CORNER)(model, TRAIN)
    new = fix.raw[-1] if steps else fix.raw
    assert np.array_equal(new.coefs_[0], network.coefs_[0])
    assert not np.array_equal(new.coefs_[1], network.coefs_[1])
    check = RegionSwapped(part, part.labels, resolve_region(CORNER), SwapRegion(donors="other_class"))
    batch = stack_images(check, range(len(check)))
    right = [(one(batch).argmax(axis=1) == part.labels).mean() for one in (made, fix.model)]
    assert right[1] > right[0]


def test_every_place_is_drawn_once_and_no_batch_is_of_one():
    for count in (1, 2, 31, 32, 33, 65):
        batches = list(minibatches(count, 32, np.random.default_rng(0)))
        assert sorted(np.concatenate(batches).tolist()) == list(range(count))
        assert count == 1 or min(map(len, batches)) > 1


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"epochs": 0}, "epochs must be a whole number from 1 up"),
        ({"batch_size": True}, "batch_size must be a whole number from 1 up"),
        ({"learning_rate": 0.0}, "learning_rate must be a number above 0 and below 10"),
    ],
)
def test_a_course_must_be_possible(option, said):
    with pytest.raises(OptionError, match=said):
        TrainingConfig(**option)


BACKEND = """
import numpy as np, keras, sys
from sightline.regions import grid
from sightline.repair import Counterexamples, RightReasons, TrainingConfig
from sightline import as_model
keras.utils.set_random_seed(0)
net = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
images = np.random.default_rng(0).random((60, 8, 8, 1)).astype("float32")
labels = (images[:, :2, :2].mean(axis=(1, 2, 3)) > 0.5).astype(int)
region = grid(4, 4)["r1c1"]
start = [np.linspace(-1, 1, 64, dtype="float32")[:, None], np.zeros(1, "float32")]
net.set_weights(start)
Counterexamples(region=region, training=TrainingConfig(epochs=1))(net, (images, labels))
try:
    training = TrainingConfig(epochs=3, learning_rate=0.01)
    fix = RightReasons(region=region, weight=3.0, training=training)(net, (images, labels))
except Exception as error:
    print(error)
else:
    print(np.round(np.asarray(fix.raw.get_weights()[0]).ravel()[:12].astype(float), 4).tolist())
"""


@pytest.mark.slow
def test_the_penalty_is_the_same_on_tensorflow_and_torch_and_jax_says_no():
    said = {}
    for backend in ("tensorflow", "torch", "jax"):
        done = subprocess.run(
            [sys.executable, "-c", BACKEND],
            env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        said[backend] = done.stdout.strip()
    one, other = (np.array(eval(said[name])) for name in ("tensorflow", "torch"))
    assert np.allclose(one, other, atol=2e-3)
    assert "not taken from Keras on jax here. Set KERAS_BACKEND to tensorflow or torch" in said["jax"]
