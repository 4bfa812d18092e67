"""PyTorch modules, trained on, and their last layers refitted."""

import copy

import numpy as np
import pytest
import torch

from sightline import as_model
from sightline.data.datasets import as_dataset
from sightline.errors import ModelError
from sightline.repair import Counterexamples, LastLayer, RightReasons, TrainingConfig
from sightline.repair.training.torch import TorchTrainer, _ModuleLoss
from sightline.repair.training.trainer import TrainingRun
from sightline.repair.training_data import split_training_data, stack_images
from support.marked import CORNER, TEST, TRAIN, TRAINING, misled_module, worst

ON = Counterexamples(region=CORNER, copies=1, training=TRAINING)
ANEW = Counterexamples(region=CORNER, copies=1, training=TRAINING, fresh=True)
PENALISED = RightReasons(region=CORNER, weight=10.0, training=TRAINING)
HEAD = LastLayer(region=CORNER)


@pytest.mark.parametrize("method", [ON, ANEW, PENALISED, HEAD], ids=["on", "anew", "penalised", "head"])
def test_a_module_is_repaired_and_the_old_one_stays(misled_net, method):
    before, weights = worst(misled_net), copy.deepcopy(misled_net.state_dict())
    result = method(misled_net, TRAIN)
    assert before < 0.35
    assert worst(result.model) > before + 0.15
    assert all(torch.equal(weights[name], value) for name, value in misled_net.state_dict().items())
    assert not any(part.training for part in result.raw.modules())


def test_the_same_seed_gives_the_same_network(misled_net):
    one, other, third = (
        Counterexamples(region=CORNER, copies=1, training=TrainingConfig(epochs=1), seed=seed)(
            misled_net, TRAIN
        ).model(TEST)
        for seed in (1, 1, 2)
    )
    assert np.allclose(one, other, atol=1e-6)
    assert not np.allclose(one, third, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("outputs", "last"), [(2, ()), (2, (torch.nn.Softmax(dim=1),)), (1, (torch.nn.Sigmoid(),))]
)
def test_logits_and_probabilities_are_both_learned_from(outputs, last):
    model = misled_module(outputs, last)
    for method in (ON, HEAD):
        assert worst(method(model, TRAIN).model) > worst(model) + 0.15


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("method", [ON, PENALISED], ids=["on", "penalised"])
def test_gradients_that_the_caller_has_switched_off_are_switched_on(misled_net, method, off):
    quick = {"training": TrainingConfig(epochs=1)}
    method = type(method)(region=CORNER, **quick, **({"weight": 1.0} if method is PENALISED else {}))
    with off():
        inside = method(misled_net, TRAIN).model(TEST)
        assert not torch.is_grad_enabled()
    assert np.array_equal(inside, method(misled_net, TRAIN).model(TEST))


def test_what_a_preprocessing_of_tensors_returns_is_learned_from(misled_net):
    class Halved(torch.nn.Module):
        def forward(self, images):
            return images / 2

    model = as_model(misled_net, preprocess=Halved())
    result = Counterexamples(region=CORNER, copies=1, training=TrainingConfig(epochs=1))(model, TRAIN)
    assert not np.allclose(result.model(TEST), model(TEST))


@pytest.mark.slow
def test_frozen_layers_stay_frozen(misled_net):
    part = copy.deepcopy(misled_net)
    part[1].weight.requires_grad_(False)
    result = ON(part, TRAIN)
    assert torch.equal(result.raw[1].weight, misled_net[1].weight)
    assert not torch.equal(result.raw[3].weight, misled_net[3].weight)
    for weight in part.parameters():
        weight.requires_grad_(False)
    with pytest.raises(ModelError, match="every weight of the module is frozen"):
        ON(part, TRAIN)


def test_frozen_layers_are_not_drawn_anew():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten(),
            torch.nn.Linear(144, 8), torch.nn.Linear(8, 1),
        ).eval()  # fmt: skip
    model[1].running_mean.fill_(0.3)
    frozen = [*model[0].parameters(), *model[1].parameters(), model[3].weight]
    for weight in frozen:
        weight.requires_grad_(False)
    made = Counterexamples(region=CORNER, copies=1, fresh=True, training=TrainingConfig(epochs=1))(
        model, TRAIN
    ).raw
    for name in ("0.weight", "0.bias", "1.weight", "1.running_mean", "3.weight"):
        assert torch.equal(made.state_dict()[name], model.state_dict()[name]), name
    # Drawn anew: one epoch alone takes them nowhere near that far.
    assert (made[4].weight - model[4].weight).abs().max() > 0.1
    assert not torch.equal(made[3].bias, model[3].bias)


@pytest.mark.slow
def test_normalisation_and_dropout_work_and_are_seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(),
            torch.nn.Dropout(0.5), torch.nn.Linear(144, 1),
        ).eval()  # fmt: skip
    one, other = (ON(model, TRAIN).model(TEST) for _ in range(2))
    assert np.array_equal(one, other)
    assert model[1].num_batches_tracked == 0


def test_a_diverging_training_is_told(misled_net):
    part = split_training_data(as_model(misled_net), TRAIN).train
    bad = copy.deepcopy(misled_net)
    with torch.no_grad():
        bad[3].bias.fill_(float("nan"))
    loss = _ModuleLoss(as_model(bad), as_model(bad, output="sigmoid"))
    with pytest.raises(ModelError, match=r"training has diverged\. Give a smaller learning rate"):
        loss.of_batch(part, [0, 1])


class Own(torch.nn.Module):
    """One layer that PyTorch does not know."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(64))

    def forward(self, images):
        return images.flatten(1) @ self.weight[:, None]


def test_layers_that_cannot_be_drawn_anew_are_named():
    with pytest.raises(ModelError, match=r"the weights of Own cannot be drawn anew"):
        Counterexamples(region=CORNER, fresh=True)(Own(), TRAIN)
    with pytest.raises(ModelError, match="does not end in one linear layer"):
        LastLayer(region=CORNER)(Own(), TRAIN)


def test_features_are_what_the_last_layer_is_given(misled_net):
    part = split_training_data(as_model(misled_net), TRAIN).train
    seen = TorchTrainer(as_model(misled_net)).head_features(part)
    inputs = torch.from_numpy(stack_images(part, range(len(part))).transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        assert np.allclose(seen, misled_net[:3](inputs).numpy(), atol=1e-6)


class TwoHeads(torch.nn.Module):
    """The layer that was declared last is not the one that answers."""

    def __init__(self, ending):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 16), torch.nn.ReLU())
        self.head = torch.nn.Linear(16, 2)
        self.other = torch.nn.Linear(16, 2)
        self.ending = ending

    def forward(self, images):
        features = self.body(images)
        self.other(features)
        return self.ending(self.head(features))


@pytest.mark.parametrize("ending", [torch.nn.Identity(), torch.nn.Softmax(dim=1), torch.nn.LogSoftmax(dim=1)])
def test_the_last_layer_is_the_one_whose_output_is_the_module_s(ending):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TwoHeads(ending).eval()
    made = HEAD(model, TRAIN).raw
    assert torch.equal(made.other.weight, model.other.weight)
    assert not torch.equal(made.head.weight, model.head.weight)


def test_a_module_that_does_more_after_its_last_layer_is_refused():
    model = TwoHeads(torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Softplus())).eval()
    with pytest.raises(ModelError, match="TwoHeads does not end in one linear layer") as caught:
        HEAD(model, TRAIN)
    assert caught.value.slug == "repair-last"


@pytest.mark.slow
@pytest.mark.parametrize(
    "normalised",
    [
        torch.nn.utils.parametrizations.weight_norm,
        torch.nn.utils.parametrizations.spectral_norm,
        pytest.param(torch.nn.utils.weight_norm, marks=pytest.mark.filterwarnings("ignore::FutureWarning")),
    ],
)
def test_a_last_layer_whose_weights_are_made_at_each_call_is_refitted_as_a_plain_one(normalised):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = TwoHeads(torch.nn.Identity()).eval()
    wanted = HEAD(plain, TRAIN).model(TEST)
    other = TwoHeads(torch.nn.Identity()).eval()
    other.load_state_dict(plain.state_dict())
    normalised(other.head)
    made = HEAD(other, TRAIN)
    assert np.allclose(made.model(TEST), wanted, atol=1e-5)
    assert type(made.raw.head) is torch.nn.Linear


def test_a_layer_that_does_more_than_its_weights_say_is_refused():
    class Cosine(torch.nn.Linear):
        def forward(self, images):
            return 5 * torch.nn.functional.normalize(super().forward(images), dim=1)

    model = TwoHeads(torch.nn.Identity())
    model.head = Cosine(16, 2)
    with pytest.raises(ModelError, match="does not end in one linear layer"):
        HEAD(model.eval(), TRAIN)


def test_a_network_that_ends_in_a_logarithm_is_trained_by_its_probability():
    """The sigmoid of a logarithm never exceeds a half: a loss of that would never be done."""

    class Ending(torch.nn.Module):
        def __init__(self, end):
            super().__init__()
            self.linear, self.end = torch.nn.Linear(4, 1), end

        def forward(self, images):
            return self.end(self.linear(images.flatten(1)))

    images = np.random.default_rng(0).random((40, 2, 2)).astype(np.float32)
    labels = (images.mean((1, 2)) > 0.5).astype(int)
    data = as_dataset((images, labels))
    found = []
    for end in (torch.nn.Identity(), torch.nn.LogSigmoid()):
        torch.manual_seed(0)
        model = as_model(Ending(end), class_names=["dark", "light"])
        made = TorchTrainer(model).train(TrainingRun(data, data, TrainingConfig(epochs=4)))
        found.append(made(images))
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
