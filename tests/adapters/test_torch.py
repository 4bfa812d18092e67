"""A PyTorch module is asked in its own dtype, on its own device, and left as it was."""

import contextlib
import copy
import threading
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import sightline as sl
from sightline import explain, per_image
from sightline.adapters import as_model
from sightline.adapters.torch.model import TorchModel
from sightline.engine.perturbation import perturbed_batches
from sightline.errors import ModelError, OptionError, SightlineWarning
from sightline.types import Segments
from support.linear import random_images
from support.torch_nets import cnn

IMAGES = random_images(5, (12, 10, 3), "float32")


def truth(net: nn.Module, images: np.ndarray, *, softmax: bool = True) -> np.ndarray:
    """What the module says of float images, asked by hand."""
    net = net.eval()
    with torch.no_grad():
        out = net(torch.from_numpy(images.astype(np.float32).transpose(0, 3, 1, 2).copy())).double()
    return (out.softmax(1) if softmax else out).numpy()


# What the columns are


def test_logits_become_their_softmax_and_the_repr_says_so():
    model = as_model(cnn())
    np.testing.assert_allclose(model(IMAGES), truth(cnn(), IMAGES), atol=1e-6)
    assert repr(model) == (
        "CheckedModel(Sequential on cpu, images given as (B, C, H, W) float32; "
        "4 columns of logits: scores are their softmax)"
    )


def test_probabilities_are_kept_and_raw_logits_can_be_asked_for():
    soft = nn.Sequential(cnn(), nn.Softmax(1))
    np.testing.assert_allclose(as_model(soft)(IMAGES), truth(soft, IMAGES, softmax=False), atol=1e-6)
    raw = as_model(cnn(), output="logit")(IMAGES)
    np.testing.assert_allclose(raw, truth(cnn(), IMAGES, softmax=False), atol=1e-6)


def test_one_logit_is_class_1_of_two():
    net = cnn(classes=1)
    net[-1].bias.data[:] = 3.0
    p = 1 / (1 + np.exp(-truth(net, IMAGES, softmax=False)))
    np.testing.assert_allclose(as_model(net)(IMAGES), np.hstack([1 - p, p]), atol=1e-6)


def within_0_to_1(last: nn.Module, columns: int) -> nn.Sequential:
    net = nn.Sequential(nn.Flatten(), nn.Linear(360, columns), last)
    net[1].weight.data[:] = torch.linspace(0.1, 1, columns)[:, None] / 360
    net[1].bias.data[:] = 0
    return net


@pytest.mark.parametrize("columns", [1, 3])
def test_logits_that_lie_within_0_to_1_by_chance_are_still_logits(columns):
    net = within_0_to_1(nn.Unflatten(1, (columns, 1)), columns)
    logits = IMAGES.mean((1, 2, 3))[:, None] * np.linspace(0.1, 1, columns)
    model = as_model(net)
    wanted = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    p = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(model(IMAGES), np.hstack([1 - p, p]) if columns == 1 else wanted, atol=1e-6)
    assert "logit" in repr(model)
    model(IMAGES * 90)


@pytest.mark.parametrize("columns", [1, 3])
def test_sigmoids_are_kept_as_probabilities(columns):
    model = as_model(within_0_to_1(nn.Sigmoid(), columns))
    p = 1 / (1 + np.exp(-IMAGES.mean((1, 2, 3))[:, None] * np.linspace(0.1, 1, columns)))
    np.testing.assert_allclose(model(IMAGES), np.hstack([1 - p, p]) if columns == 1 else p, atol=1e-6)
    assert "probabilit" in repr(model)


def test_names_and_logits_of_hugging_face_style_modules_are_found():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = cnn(classes=2)
            self.config = SimpleNamespace(id2label={0: "normal", 1: "pneumonia"})

        def forward(self, x: Any) -> Any:
            return SimpleNamespace(logits=self.inner(x), loss=None)

    model = as_model(Net())
    assert model.class_names == ("normal", "pneumonia")
    np.testing.assert_allclose(model(IMAGES), truth(cnn(classes=2), IMAGES), atol=1e-6)


def test_an_answer_of_several_parts_is_refused():
    class Net(nn.Module):
        def forward(self, x: Any) -> Any:
            return [x, x]

    with pytest.raises(ModelError, match="the module returned a list; it has to return a tensor of scores"):
        as_model(Net())(IMAGES)


# State


def test_the_training_state_is_put_back_part_by_part():
    net = cnn()
    net[1].eval()  # a frozen batch normalisation
    before = [part.training for part in net.modules()]
    mean = net[1].running_mean.clone()
    as_model(net)(IMAGES)
    assert [part.training for part in net.modules()] == before
    assert torch.equal(net[1].running_mean, mean)
    assert all(p.grad is None and p.requires_grad for p in net.parameters())


def test_the_training_state_is_put_back_after_an_error():
    net = cnn()
    with pytest.raises(ModelError, match=r"takes images of 3 channels, but this image has 1\. Give the grey"):
        as_model(net)(random_images(2, (8, 8), "float32"))
    assert net.training


@pytest.mark.slow
def test_threads_never_see_the_training_mode():
    """One thread must not put training mode back while another still asks."""
    net = cnn()
    model = as_model(net)
    wanted = model(IMAGES)
    seen: list[float] = []

    def ask() -> None:
        seen.extend(float(np.abs(model(IMAGES) - wanted).max()) for _ in range(60))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 360
    assert max(seen) == 0
    assert net.training


def test_an_exported_program_is_asked_as_it_is():
    net = cnn().eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    example = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy())
    program = torch.export.export(net, (example,), dynamic_shapes=({0: batch},)).module()
    np.testing.assert_allclose(as_model(program)(IMAGES), truth(cnn(), IMAGES), atol=1e-6)


# How images are given


def test_the_tensor_is_contiguous_and_may_be_viewed():
    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.view(len(x), -1)[:, :3].softmax(1)

    images = random_images(4, (6, 5, 3), "float32")
    first = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).view(4, -1)[:, :3].softmax(1)
    np.testing.assert_allclose(as_model(Net())(images), first.numpy(), atol=1e-6)


def test_arrays_that_are_read_only_reversed_or_big_endian_are_taken():
    model, wanted = as_model(cnn()), as_model(cnn())(IMAGES)
    frozen = IMAGES.copy()
    frozen.flags.writeable = False
    reversed_ = IMAGES[:, ::-1].copy()[:, ::-1]
    for images in (frozen, reversed_, IMAGES.astype(">f4"), IMAGES.astype(np.float64)):
        np.testing.assert_allclose(model(images), wanted, atol=1e-6)


def test_bytes_are_given_unscaled_with_a_warning_once():
    bytes_ = random_images(3, (8, 8, 3), "uint8")
    model = as_model(cnn())
    with pytest.warns(SightlineWarning, match="is given the values 0 to 255 as they are") as caught:
        scores = model(bytes_)
    assert len(caught) == 1
    assert caught[0].message.slug == "model-bytes"
    np.testing.assert_allclose(scores, truth(cnn(), bytes_), atol=1e-5)
    model(bytes_)  # a second warning would be an error


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_asked_in_half_precision(dtype):
    net = cnn(inplace=False).eval().to(dtype)
    scores = as_model(net)(IMAGES)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, truth(cnn(), IMAGES), atol=2e-2)
    made = explain(IMAGES[0], net, attribute="grad-cam", segment="grid", target=1)
    wanted = explain(IMAGES[0], cnn(), attribute="grad-cam", segment="grid", target=1)
    assert np.corrcoef(made.attribution.pixels.ravel(), wanted.attribution.pixels.ravel())[0, 1] > 0.98


def test_images_without_two_or_three_axes_are_refused():
    with pytest.raises(ModelError, match=r"takes images, but a batch of shape \(5, 4\) was given"):
        as_model(cnn())(np.zeros((5, 4), np.float32))


# Preprocessing


def normalised(images: np.ndarray) -> np.ndarray:
    return ((images / 255 - 0.4) / 0.2).astype(np.float32)


class Normalise(nn.Module):
    """As torchvision's transforms of tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.dtype == torch.uint8
        return (x / 255 - self.mean) / 0.2


BYTES = random_images(4, (9, 7, 3), "uint8")


@pytest.mark.parametrize(
    ("preprocess", "told"),
    [
        (normalised, "float32 after normalised;"),
        (Normalise(), "float32 after Normalise;"),
        (per_image(lambda one: normalised(np.asarray(one))), "after per_image(<lambda>);"),
        (
            per_image(lambda one: torch.from_numpy(normalised(np.asarray(one))).permute(2, 0, 1)),
            "after per_image(",
        ),
        (lambda images: normalised(images).transpose(0, 3, 1, 2), "after"),
        (lambda images: {"pixel_values": torch.from_numpy(normalised(images)).permute(0, 3, 1, 2)}, "after"),
    ],
)
def test_a_preprocessing_is_applied_and_named(preprocess, told):
    model = as_model(cnn(), preprocess=preprocess)
    np.testing.assert_allclose(model(BYTES), truth(cnn(), normalised(BYTES)), atol=1e-5)
    assert told in repr(model)
    made = explain(BYTES[0], cnn(), preprocess=preprocess, segment="grid:rows=3,columns=3", budget=60)
    assert made.image.dtype == np.uint8
    np.testing.assert_allclose(made.scores.classes, truth(cnn(), normalised(BYTES[:1]))[0], atol=1e-5)


def test_a_preprocessing_that_returns_something_else_is_refused():
    with pytest.raises(ModelError, match="preprocess= returned a str for a PyTorch module"):
        as_model(cnn(), preprocess=lambda images: "no")(BYTES)
    with pytest.raises(OptionError, match="preprocess must be a function of a batch of images, but 3"):
        as_model(cnn(), preprocess=3)
    with pytest.raises(OptionError, match="is for PyTorch modules, but the model is"):
        as_model(lambda images: images, preprocess=Normalise())


def test_each_takes_bytes_only():
    with pytest.raises(ModelError, match=r"per_image\(\) makes PIL images, which takes uint8"):
        per_image(lambda one: one)(IMAGES)


def test_a_preprocessing_that_fails_is_named_and_each_is_offered():
    asked = as_model(cnn(), preprocess=lambda image: image.convert("L"))
    with pytest.raises(
        ModelError, match=r"preprocess=.* failed on a batch of .*no attribute 'convert'.*sl\.per_image"
    ):
        asked(np.zeros((2, 8, 8, 3), np.uint8))


def test_a_preprocessing_serves_functions_too():
    def model(images: np.ndarray) -> np.ndarray:
        assert images.dtype == np.float32
        return images.mean(axis=(1, 2))

    scores = as_model(model, preprocess=normalised)(BYTES)
    np.testing.assert_allclose(scores, normalised(BYTES).mean(axis=(1, 2)), atol=1e-6)


def test_a_model_that_says_otherwise_than_the_users_pipeline_is_warned_of():
    expected = truth(cnn(), normalised(BYTES[:1]))[0]
    options = {"segment": "grid:rows=3,columns=3", "budget": 60}
    explain(BYTES[0], cnn(), preprocess=normalised, expect=expected, **options)
    with pytest.warns(SightlineWarning, match="but your own pipeline") as caught:
        explain(BYTES[0].astype(np.float32), cnn(), expect=expected, **options)
    assert "scores-unexpected" in [one.message.slug for one in caught]
    with pytest.warns(SightlineWarning, match="expect= has 3 scores, but the model has 4 classes"):
        explain(BYTES[0], cnn(), preprocess=normalised, expect=[0.1, 0.2, 0.7], **options)
    for broken in ([np.nan] * 4, "high", {"a": 1}):
        with pytest.raises(OptionError, match="expect= needs the finite scores that your own pipeline gives"):
            explain(BYTES[0], cnn(), expect=broken)
    given = torch.tensor(expected, requires_grad=True)
    explain(BYTES[0], cnn(), preprocess=normalised, expect=given, **options)


# Devices and memory


def test_the_device_is_the_parameters_own_or_the_one_given():
    model = TorchModel(cnn())
    assert model.device == torch.device("cpu")
    assert not model.off_host
    assert as_model(cnn(), device="cpu")(IMAGES).shape == (5, 4)
    with pytest.raises(OptionError, match=r"cannot be moved to device='nowhere'"):
        as_model(cnn(), device="nowhere")
    with pytest.raises(OptionError, match="device='cpu' is for PyTorch modules"):
        as_model(lambda images: images, device="cpu")


def test_a_module_spread_over_devices_is_told_as_it_fails():
    net = cnn()
    net[-1].to("meta")
    with pytest.raises(ModelError, match=r"the model failed on a batch of 5 images.*meta"):
        as_model(net)(IMAGES)


def test_masks_made_on_the_device_give_the_same_scores(rng):
    """The road that a GPU takes, on this device: only masks are sent."""
    labels = rng.integers(0, 6, (12, 10))
    segments = Segments.renumber(labels)
    keep = rng.random((23, segments.count)) < 0.5
    for image, preprocess in ((IMAGES[0], None), (random_images(1, (12, 10, 3), "uint8")[0], Normalise())):
        hidden = np.zeros_like(image)
        model = TorchModel(cnn(), preprocess=preprocess)
        wanted = [
            model(batch.copy()).numpy() for batch in perturbed_batches(image, hidden, segments, keep, 5)
        ]
        given = [answer.numpy() for answer in model.score_masks(image, hidden, segments, keep, 5)]
        assert [len(answer) for answer in given] == [5, 5, 5, 5, 3]
        np.testing.assert_allclose(np.concatenate(given), np.concatenate(wanted), atol=1e-6)


def test_an_explanation_is_the_same_whoever_makes_the_images(monkeypatch):
    plan = {"segment": "grid:rows=3,columns=3", "budget": 100, "target": 1}
    here = explain(IMAGES[0], cnn(), **plan)
    monkeypatch.setattr(TorchModel, "off_host", True)
    there = explain(IMAGES[0], cnn(), **plan)
    np.testing.assert_allclose(there.attribution.values, here.attribution.values, atol=1e-6)
    assert there.attribution.calls == here.attribution.calls


class Greedy(nn.Module):
    """Wants terabytes for batches of more than three images."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = cnn()
        self.sizes: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(x))
        if len(x) > 3:
            torch.empty(len(x), 1 << 42)
        return self.inner(x)


def test_memory_that_runs_out_halves_the_batch_and_keeps_what_was_answered():
    net = Greedy()
    model = as_model(net)
    images = random_images(13, (12, 10, 3), "float32")
    np.testing.assert_allclose(model(images), truth(cnn(), images), atol=1e-6)
    assert net.sizes == [13, 6, 3, 3, 3, 3, 1]
    model(images)
    assert net.sizes[7:] == [3, 3, 3, 3, 1]  # the lesson is kept


def test_memory_that_runs_out_for_a_single_image_is_told():
    class Hopeless(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.empty(1 << 45)

    with pytest.raises(ModelError, match="can't allocate memory"):
        as_model(Hopeless())(IMAGES)


def test_an_ordinary_error_is_not_taken_for_memory():
    class Broken(nn.Module):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            raise RuntimeError("no such thing")

    net = Broken()
    with pytest.raises(ModelError, match="RuntimeError: no such thing"):
        as_model(net)(IMAGES)
    assert net.calls == 1


def test_nothing_is_warned_of_in_ordinary_use():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(IMAGES[0], cnn(), segment="grid", budget=60, target=0)


# What an attack found


def test_modules_that_change_their_input_are_asked_and_looked_into():
    net = nn.Sequential(
        nn.ReLU(inplace=True),
        nn.Conv2d(3, 4, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
        nn.Softmax(1),
    )
    scores = as_model(net)(IMAGES.copy())
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-6)
    for name in ("integrated-gradients", "grad-cam", "gradient-x-input"):
        explain(IMAGES[0], net, attribute=name, segment="grid", target=int(scores[0].argmax()))


def test_classes_instead_of_scores_are_refused():
    class Chosen(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((2, 3)).argmax(1)

    with pytest.raises(ModelError, match="this returns classes, not scores"):
        as_model(Chosen())(IMAGES)


def test_a_preprocessing_module_is_left_as_it_was():
    before = nn.BatchNorm2d(3)
    mean = before.running_mean.clone()
    as_model(cnn(), preprocess=before)(IMAGES)
    assert before.training
    assert torch.equal(before.running_mean, mean)


@pytest.mark.parametrize("names", [{2: "c", 0: "a", 1: "b", 3: "d"}, {"b": 1, "a": 0, "d": 3, "c": 2}])
def test_class_names_may_be_numbered(names):
    assert as_model(cnn(), class_names=names).class_names == ("a", "b", "c", "d")
    with pytest.raises(OptionError, match="class_names has to number its classes 0 to 1"):
        as_model(cnn(), class_names={5: "a", 7: "b"})


@pytest.mark.slow
def test_a_compiled_module_is_looked_into_and_a_scripted_one_says_no():
    net = cnn().eval()
    compiled = torch.compile(net, backend="eager")
    wanted = explain(IMAGES[0], net, attribute="grad-cam", segment="grid", target=2)
    made = explain(IMAGES[0], compiled, attribute="grad-cam", segment="grid", target=2)
    np.testing.assert_allclose(made.attribution.values, wanted.attribution.values, atol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        frozen = torch.jit.freeze(torch.jit.script(net))
    np.testing.assert_allclose(as_model(frozen)(IMAGES), as_model(net)(IMAGES), atol=1e-6)
    with pytest.raises(ModelError, match="a TorchScript module does not let its layers be seen"):
        explain(IMAGES[0], frozen, attribute="grad-cam", segment="grid")


def test_an_optimizer_is_no_model():
    with pytest.raises(ModelError, match="an object of type Adam cannot be asked"):
        as_model(torch.optim.Adam(cnn().parameters()))


@pytest.mark.parametrize("make", [lambda t: t.requires_grad_(), lambda t: t.bfloat16()])
def test_an_image_may_be_a_tensor(make):
    image = make(torch.from_numpy(IMAGES[0].copy()))
    made = explain(image, cnn(), segment="grid:rows=3,columns=3", budget=60, target=1)
    assert isinstance(made.image, np.ndarray)
    np.testing.assert_allclose(made.image, IMAGES[0], atol=4e-3)


def test_a_module_that_works_in_place_leaves_grey_inputs_as_they_were():
    class Shifted(nn.Module):
        def __init__(self, copied):
            super().__init__()
            torch.manual_seed(0)
            self.copied, self.last = copied, nn.Linear(64, 2)

        def forward(self, x):
            x = x.clone() if self.copied else x
            with torch.no_grad():
                x -= 0.5
            return self.last(x.flatten(1))

    image = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    one, other = (
        explain(image, Shifted(copied), attribute="gradient-x-input", segment="grid", target=1)
        for copied in (False, True)
    )
    np.testing.assert_allclose(one.attribution.values, other.attribution.values, atol=1e-6)


# What a module makes at its first call and keeps


class Tabled(nn.Module):
    """Makes a table and a layer's weights at its first call, as position embeddings and lazy layers do."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.look = nn.LazyConv2d(4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)
        self.table: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = torch.relu(self.norm(self.look(x)))
        if self.table is None:
            self.table = torch.linspace(0.5, 1.5, seen.shape[-1], device=x.device)
        return self.head((seen * self.table).mean((2, 3)))


TABLED_IMAGE = np.random.default_rng(2).random((16, 16, 3)).astype(np.float32)


def take_a_training_step(net: nn.Module) -> None:
    net.train()
    batch = torch.from_numpy(TABLED_IMAGE).permute(2, 0, 1)[None]
    nn.functional.cross_entropy(net(batch.repeat(2, 1, 1, 1)), torch.tensor([0, 1])).backward()
    assert all(one.grad is not None for one in net.parameters())


@pytest.mark.parametrize("asked_under", [contextlib.nullcontext, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("attribute", ["lime", "grad-cam"])
def test_a_network_can_be_trained_after_sightline_asked_it_first(asked_under, attribute):
    net = Tabled()
    with asked_under():
        sl.explain(TABLED_IMAGE, net, attribute=attribute, segment="grid:rows=3,columns=3", target=0)
    take_a_training_step(net)


def test_a_network_can_be_trained_after_it_was_evaluated_or_its_preprocessing_was_asked():
    net = Tabled()
    sl.evaluate(net, (TABLED_IMAGE[None], [1]))
    take_a_training_step(net)

    class Scaled(nn.Module):
        factor: torch.Tensor | None = None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.factor is None:
                self.factor = torch.ones(1) / 2
            return x * self.factor

    before, net = Scaled(), Tabled()
    as_model(net, preprocess=before)(TABLED_IMAGE[None])
    given = torch.from_numpy(TABLED_IMAGE).permute(2, 0, 1)[None].requires_grad_()
    net(before(given)).sum().backward()
    assert given.grad is not None


@pytest.mark.parametrize("warmed", [False, True])
def test_logits_within_0_and_1_are_known_whoever_made_the_table(warmed):
    net = Tabled().eval()
    net(torch.zeros(1, 3, 16, 16))
    with torch.no_grad():
        net.head.weight.mul_(0.05)
        net.head.bias.copy_(torch.tensor([0.2, 0.6]))
    net.table = net.table if warmed else None
    model = as_model(net)
    scores = model(TABLED_IMAGE[None])
    with torch.no_grad():
        wanted = net(torch.from_numpy(TABLED_IMAGE).permute(2, 0, 1)[None]).softmax(1)
    np.testing.assert_allclose(scores, wanted, atol=1e-6)
    assert "softmax" in model.rule


@pytest.mark.parametrize("attribute", ["lime", "grad-cam", "eigen-cam", "integrated-gradients"])
def test_nothing_of_a_network_or_of_its_surroundings_is_changed(attribute):
    net = Tabled()
    net(torch.rand(2, 3, 16, 16))
    net.look.weight.requires_grad_(False)
    net.norm.eval()
    net.head.weight.grad = torch.ones_like(net.head.weight)
    before = copy.deepcopy(net.state_dict())
    modes = [part.training for part in net.modules()]
    drawn, enabled = torch.random.get_rng_state(), torch.is_grad_enabled()
    sl.explain(TABLED_IMAGE, net, attribute=attribute, segment="grid:rows=3,columns=3", target=0)
    assert torch.equal(drawn, torch.random.get_rng_state())
    assert enabled == torch.is_grad_enabled()
    assert modes == [part.training for part in net.modules()]
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in before.items())
    assert [one.requires_grad for one in net.parameters()] == [False, True, True, True, True, True]
    assert torch.equal(net.head.weight.grad, torch.ones_like(net.head.weight))
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())
