"""CAM and gradient methods against Captum, slow definitions, and networks that look at one known place."""

import copy
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

import sightline as sl
from sightline.adapters import as_model
from sightline.engine.cam import Cam, EigenCam, GradCamPlusPlus, HiResCam, LayerCam, ScoreCam
from sightline.engine.gradients import GradientXInput, SmoothGrad
from sightline.engine.plan import NAMES
from sightline.errors import ModelError, OptionError, SightlineWarning
from sightline.types import WhiteBoxMethod
from support.torch_nets import Squeezed, Transformer, cnn

INSIDE = [name for name, kind in NAMES["attribute"].items() if isinstance(kind(), WhiteBoxMethod)]
AT_LAYER = [name for name in INSIDE if name.endswith(("cam", "cam++"))]
IMAGE = np.random.default_rng(0).random((24, 20, 3)).astype(np.float32)
BATCH = torch.from_numpy(IMAGE.transpose(2, 0, 1)[None].copy())


def whole(net: nn.Module) -> nn.Module:
    """A copy that can be asked by Captum: in evaluation mode, nothing done in place."""
    made = copy.deepcopy(net).eval()
    for part in made.modules():
        if hasattr(part, "inplace"):
            part.inplace = False
    return made


def heat(method: Any, net: nn.Module, target: Any = 2, image: np.ndarray = IMAGE) -> np.ndarray:
    """The method's own map, before it is brought to the image's size."""
    network = as_model(net).network()
    weights = np.zeros(4, np.float32)
    weights[target] = 1
    return np.mean(method(network, network.prepare_inputs(image[None]), weights, 0).maps, axis=0)


def explained(name: Any, net: Any, image: np.ndarray = IMAGE, **more: Any) -> sl.Explanation:
    return sl.explain(
        image, net, attribute=name, segment="grid:rows=6,columns=5", estimator="regression", **more
    )


# Against Captum


def test_grad_cam_is_captums():
    net, other = cnn(), whole(cnn())
    wanted = captum.attr.LayerGradCam(other, other[5]).attribute(BATCH, target=2, relu_attributions=True)
    made = heat(sl.GradCam(), net)
    wanted = wanted.detach()[0, 0].numpy()
    assert wanted.max() > 0
    np.testing.assert_allclose(made, wanted, atol=1e-5 * wanted.max())


def test_integrated_gradients_are_captums():
    wanted = captum.attr.IntegratedGradients(whole(cnn())).attribute(BATCH, target=2, n_steps=50)
    made = heat(sl.IntegratedGradients(), cnn())
    wanted = wanted[0].sum(0).numpy()
    np.testing.assert_allclose(made, wanted, atol=1e-5 * np.abs(wanted).max())


def test_gradient_x_input_is_captums():
    wanted = captum.attr.InputXGradient(whole(cnn())).attribute(BATCH.clone().requires_grad_(), target=2)
    np.testing.assert_allclose(heat(GradientXInput(), cnn()), wanted.detach()[0].sum(0), rtol=1e-4, atol=1e-8)


def test_hires_cam_and_layer_cam_are_made_of_captums_layer_gradients():
    other = whole(cnn())
    products = captum.attr.LayerGradientXActivation(other, other[5]).attribute(BATCH, target=2).detach()[0]
    np.testing.assert_allclose(heat(HiResCam(), cnn()), products.sum(0), rtol=1e-3, atol=1e-8)
    activations = captum.attr.LayerActivation(other, other[5]).attribute(BATCH).detach()[0]
    gradients = products / activations.clamp_min(1e-12)
    wanted = torch.relu((torch.relu(gradients) * activations).sum(0))
    np.testing.assert_allclose(heat(LayerCam(), cnn()), wanted, rtol=1e-3, atol=1e-7)


def test_smoothgrad_is_captums_within_its_own_error():
    torch.manual_seed(0)
    tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(whole(cnn())))
    spread = 0.15 * float(BATCH.max() - BATCH.min())
    noisy = tunnel.attribute(BATCH, nt_samples=400, nt_samples_batch_size=50, stdevs=spread, target=2)
    wanted = explained("smoothgrad", cnn(), target=2)  # for its segments
    values = np.bincount(wanted.segments.labels.ravel(), weights=noisy[0].sum(0).numpy().ravel())
    made = explained(SmoothGrad(samples=400), cnn(), target=2).attribution
    assert (np.abs(made.values[0] - values) < 5 * np.sqrt(2) * made.error[0]).all()
    assert (made.error > 0).all()
    assert (made.error < 0.1 * made.values).all()


# Against their definitions


def parts(net: nn.Module, target: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Activations and gradients of the last convolution after its ReLU, by hand."""
    other = whole(net)
    activations = other[:6](BATCH).detach().requires_grad_()
    other[6:](activations)[0, target].backward()
    return activations.detach()[0].numpy(), activations.grad[0].numpy()


def test_grad_cam_plus_plus_is_its_formula():
    a, g = parts(cnn())
    wanted = np.zeros(a.shape[1:])
    for k in range(len(a)):
        below = 2 * g[k] ** 2 + (a[k].sum() * g[k] ** 3)
        alpha = np.where(below == 0, 0, g[k] ** 2 / np.where(below == 0, 1, below))
        wanted += (alpha * np.maximum(g[k], 0)).sum() * a[k]
    np.testing.assert_allclose(heat(GradCamPlusPlus(), cnn()), np.maximum(wanted, 0), rtol=1e-3, atol=1e-6)


def test_eigen_cam_is_the_first_component():
    a, _ = parts(cnn())
    flat = a.reshape(len(a), -1).T.astype(np.float64)
    _, vectors = np.linalg.eigh(flat.T @ flat)
    wanted = np.abs((flat @ vectors[:, -1]).reshape(a.shape[1:]))
    np.testing.assert_allclose(np.abs(heat(EigenCam(), cnn())), wanted, rtol=1e-3, atol=1e-5)
    assert heat(EigenCam(), cnn()).sum() > 0


def test_score_cam_is_its_loop():
    net = whole(cnn())
    a = net[:6](BATCH).detach()[0]
    wanted = torch.zeros(a.shape[1:])
    with torch.no_grad():
        for channel in a:
            unit = (channel - channel.min()) / (channel.max() - channel.min()).clamp_min(1e-12)
            mask = nn.functional.interpolate(unit[None, None], BATCH.shape[2:], mode="bilinear")
            wanted += (net(BATCH * mask)[0, 2] - net(0 * BATCH)[0, 2]) * channel
    made = heat(ScoreCam(), cnn())
    np.testing.assert_allclose(made, torch.relu(wanted), rtol=1e-3, atol=1e-4 * float(wanted.max()))


def test_cam_adds_up_to_the_score_and_is_hires_cam_there():
    net = cnn()
    made = heat(Cam(), net)
    logit = float((whole(net)(BATCH)[0, 2] - net[-1].bias[2]).detach())
    assert made.mean() == pytest.approx(logit, rel=1e-4)
    at_relu = heat(HiResCam(layer="5"), net)
    np.testing.assert_allclose(made / made.size, at_relu, rtol=1e-3, atol=1e-7)


def test_integrated_gradients_add_up_to_the_rise_of_the_score():
    for baseline in (0.0, -1.0):
        made = explained(sl.IntegratedGradients(baseline=baseline), cnn(), target=1).attribution
        blank = torch.full_like(BATCH, baseline)
        rise = float((whole(cnn())(BATCH)[0, 1] - whole(cnn())(blank)[0, 1]).detach())
        assert made.values.sum() == pytest.approx(rise, rel=0.02)
        assert made.pixels.sum() == pytest.approx(made.values.sum(), rel=1e-6)


def test_too_few_steps_are_warned_of():
    class Step(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            rise = torch.sigmoid(400 * (x.mean((1, 2, 3)) - 0.9 * float(IMAGE.mean())))
            return torch.stack([rise, -rise], 1)

    with pytest.warns(SightlineWarning, match="but the score rises by .* raise steps above 2") as caught:
        explained(sl.IntegratedGradients(steps=2), Step(), target=0)
    assert "inside-incomplete" in [one.message.slug for one in caught]


# What every method keeps


class Corner(nn.Module):
    """Looks at one place only, which a convolution, pooling and a linear layer find."""

    def __init__(self, rows: slice, columns: slice) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns
        torch.manual_seed(0)
        self.look = nn.Conv2d(3, 6, 3, padding=1)
        self.look.weight.data = self.look.weight.data.abs()
        self.look.bias.data[:] = 0
        self.head = nn.Linear(6, 2)
        self.head.weight.data = torch.tensor([[1.0], [-1.0]]) * self.head.weight.data[:1].abs()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = torch.zeros_like(x[:, :1])
        seen[:, :, self.rows, self.columns] = 1
        return self.head((torch.relu(self.look(x * seen))).mean((2, 3)))


@pytest.mark.parametrize("name", ["lime", "shapley", "occlusion", *INSIDE])
@pytest.mark.parametrize("place", [7, 13, 24])
def test_a_network_that_looks_at_one_place_is_found_out(name, place):
    row, column = divmod(place, 5)
    net = Corner(slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4))
    more = {"fill": "colour:value=0", "budget": 300} if name in ("lime", "shapley", "occlusion") else {}
    made = explained(name, net, target=0, **more)
    assert made.segments.labels[4 * row, 4 * column] == made.top(1)[0].segment
    assert made.top(1)[0].value > 0


@pytest.mark.parametrize("name", INSIDE)
def test_random_weights_change_every_map(name):
    made = explained(name, cnn(), target=0 if name == "score-cam" else 2)  # of class 2 it shows nothing
    measure = sl.faithfulness.randomisation(made, cnn())
    assert measure.value < 0.9
    assert not measure.higher


@pytest.mark.parametrize("name", INSIDE)
def test_the_values_are_the_segments_own_pixels(name):
    made = explained(name, cnn(), target=[2, 0])
    pixels, labels = made.attribution.pixels, made.segments.labels
    gather = np.mean if name in AT_LAYER else np.sum
    for k in range(2):
        wanted = [gather(pixels[k][labels == s]) for s in range(made.segments.count)]
        np.testing.assert_allclose(made.attribution.values[k], wanted, rtol=1e-5, atol=1e-9)
        np.testing.assert_array_equal(made.heatmap(made.targets[k], each="pixel"), pixels[k])
    assert made.attribution.values.shape == (2, 30)
    assert np.isnan(made.attribution.fit).all()


@pytest.mark.parametrize("name", INSIDE)
def test_calls_are_the_images_that_went_through(name):
    class Counting(nn.Module):
        seen = 0

        def __init__(self) -> None:
            super().__init__()
            self.inner = cnn()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen += len(x)
            return self.inner(x)

    net = Counting()
    made = explained(name, net, target=[0, 1])
    assert made.attribution.calls == net.seen


@pytest.mark.parametrize("name", INSIDE)
def test_the_network_is_left_as_it_was(name):
    net = cnn()
    before = copy.deepcopy(net.state_dict())
    explained(name, net, target=1)
    assert net.training
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert not any(part._forward_hooks for part in net.modules())


def test_a_contrast_is_the_difference_of_its_scores():
    pair = explained("integrated-gradients", cnn(), target=sl.Contrast(2, 0)).attribution
    apart = explained("integrated-gradients", cnn(), target=[2, 0]).attribution
    np.testing.assert_allclose(pair.values[0], apart.values[0] - apart.values[1], atol=1e-6)
    a, g = parts(cnn(), 2)
    _, other = parts(cnn(), 0)
    wanted = np.maximum(np.tensordot((g - other).mean((1, 2)), a, 1), 0)
    network = as_model(cnn()).network()
    weights = np.array([-1, 0, 1, 0], np.float32)
    made = sl.GradCam()(network, network.prepare_inputs(IMAGE[None]), weights, 0).maps[0]
    np.testing.assert_allclose(made, wanted, rtol=1e-3, atol=1e-7)


def test_one_output_speaks_for_class_1_and_against_class_0():
    net = cnn(classes=1)
    made = explained("gradient-x-input", net, target=[0, 1]).attribution
    np.testing.assert_allclose(made.values[0], -made.values[1])
    slopes = captum.attr.InputXGradient(whole(net)).attribute(BATCH.clone().requires_grad_())
    np.testing.assert_allclose(made.pixels[1], slopes.detach()[0].sum(0), rtol=1e-3, atol=1e-8)
    contrast = explained("gradient-x-input", net, target=sl.Contrast(1, 0)).attribution
    np.testing.assert_allclose(contrast.values[0], made.values[1])


# Layers


def test_the_last_map_may_be_made_by_a_function_and_is_named():
    made = explained("grad-cam", Squeezed(), target=0)
    assert made.attribution.layer == "forward:mul"
    assert "GradCam at forward:mul" in repr(made)
    again = explained(sl.GradCam(layer="forward:mul"), Squeezed(), target=0)
    np.testing.assert_array_equal(made.attribution.pixels, again.attribution.pixels)


def test_another_layer_can_be_named():
    assert explained(sl.GradCam(layer="first"), Squeezed(), target=0).attribution.layer == "first"
    with pytest.raises(ModelError, match=r"Squeezed has no layer 'secnd'. Did you mean 'second'"):
        explained(sl.GradCam(layer="secnd"), Squeezed(), target=0)
    with pytest.raises(ModelError, match=r"the layer 'head' gives \(3,\) for an image: no height and width"):
        explained(sl.GradCam(layer="head"), Squeezed(), target=0)


def test_a_layer_off_the_way_to_the_scores_is_told():
    net = cnn()
    net.unused = nn.Conv2d(3, 3, 1)

    class Detour(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.side = cnn(), nn.Conv2d(3, 3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.side(x)
            return self.inner(x)

    with pytest.raises(ModelError, match="no gradient comes from the scores back to the layer"):
        explained(sl.GradCam(layer="side"), Detour(), target=0)


def test_a_network_without_convolution_is_told_what_would_work():
    net = nn.Sequential(nn.Flatten(), nn.Linear(IMAGE.size, 3))
    with pytest.raises(ModelError, match=r"Sequential has no convolutional layer.*integrated-gradients"):
        explained("grad-cam", net, target=0)
    explained("integrated-gradients", net, target=0)


def test_cam_needs_its_own_kind_of_network():
    with pytest.raises(ModelError, match="cam needs a network that ends in convolution, global average"):
        explained("cam", Squeezed(), target=0)
    with pytest.raises(ModelError, match="has no fully connected layer, which cam needs"):
        explained("cam", nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), target=0)


def test_a_model_known_by_its_answers_is_told():
    with pytest.raises(ModelError, match=r"known by its answers alone.*Give the PyTorch module"):
        explained("grad-cam", lambda images: images.mean((1, 2, 3)), target=0)


def test_tokens_of_a_vision_transformer_become_a_map():
    image = np.random.default_rng(1).random((16, 16, 3)).astype(np.float32)
    net = Transformer()
    made = explained(sl.GradCam(layer="norm", reshape=sl.Tokens()), net, image, target=1)
    assert made.attribution.layer == "norm"
    assert made.attribution.pixels.max() > 0
    with pytest.raises(ModelError, match=r"gives \(17, 8\) for an image.*reshape=Tokens\(\)"):
        explained(sl.GradCam(layer="norm"), net, image, target=1)
    with pytest.raises(OptionError, match="17 tokens less 3 do not fill a map of 3×4"):
        explained(sl.GradCam(layer="norm", reshape=sl.Tokens(skip=3)), net, image, target=1)


def test_tokens_keep_their_places():
    tokens = np.arange(1 * 7 * 2).reshape(1, 7, 2).astype(float)
    np.testing.assert_array_equal(sl.Tokens(height=2, width=3)(tokens)[0, 1, 2], tokens[0, 6])
    assert sl.Tokens(width=2, skip=1)(tokens).shape == (1, 3, 2, 2)


def test_a_saturated_score_is_warned_of():
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(1))
    net[0].bias.data = torch.tensor([500.0, -500.0])
    with pytest.warns(SightlineWarning, match="the heat is zero everywhere") as caught:
        explained("gradient-x-input", net, target=0)
    assert caught[0].message.slug == "inside-flat"


def test_heat_covers_an_image_that_preprocessing_makes_smaller():
    def half(images: np.ndarray) -> np.ndarray:
        return (images[:, ::2, ::2] / 255).astype(np.float32)

    image = (IMAGE * 255).astype(np.uint8)
    made = explained("integrated-gradients", cnn(), image, target=2, preprocess=half)
    assert made.attribution.pixels.shape == (1, 24, 20)
    small = heat(sl.IntegratedGradients(), cnn(), image=half(image[None])[0])
    assert made.attribution.values.sum() == pytest.approx(small.sum(), rel=0.02)


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (
            lambda: sl.IntegratedGradients(steps=0),
            "steps of IntegratedGradients must be a whole number from 1 up, but 0",
        ),
        (lambda: SmoothGrad(samples=1), "samples of SmoothGrad must be a whole number from 2 up"),
        (lambda: SmoothGrad(noise=0.0), "noise of SmoothGrad must be a number above 0, but 0.0 was given"),
        (lambda: sl.GradCam(layers="4"), "GradCam has no option 'layers'. Did you mean 'layer'?"),
    ],
)
def test_options_out_of_range_are_refused(build, told):
    with pytest.raises(OptionError, match=told):
        build()


def test_pixels_have_a_heat_of_their_own_only_inside():
    made = sl.explain(IMAGE, cnn(), segment="grid", budget=60, target=0)
    with pytest.raises(OptionError, match="Lime has a value for each segment"):
        made.heatmap(each="pixel")


# What an attack found


class Rooted(nn.Module):
    """Its gradient is infinite times zero, everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.look(x) + torch.sqrt(x[:, :1, 2:, 2:] * 0)).mean((2, 3))


def test_heat_that_is_no_number_is_refused():
    with pytest.raises(ModelError, match="the heat has values that are NaN or infinite"):
        explained("gradient-x-input", Rooted(), target=0)
    with pytest.raises(ModelError, match="the layer 'look' has activations or gradients that are NaN"):
        explained(sl.GradCam(layer="look"), Overflowing(), target=0)
    with pytest.raises(OptionError, match="finite"):
        sl.IntegratedGradients(baseline=float("nan"))


class Overflowing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(3, 4, 3)
        self.look.bias.data[0] = float("inf")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nan_to_num(self.look(x)).clamp(-1, 1).mean((2, 3))


@pytest.mark.parametrize(
    ("method", "told"),
    [
        (sl.GradCam(layer="norm", reshape=lambda a: None), "but made NoneType"),
        (sl.GradCam(layer="norm", reshape=lambda a: a.size(0)), "reshape= failed on an array of"),
        (sl.GradCam(layer="patches", reshape=sl.Tokens()), r"Tokens takes \(B, T, C\) with T above 1"),
        (sl.GradCam(layer="norm", reshape=sl.Tokens(skip=17)), "with T above 17"),
    ],
)
def test_reshape_and_layer_misused_are_told(method, told):
    image = np.random.default_rng(1).random((16, 16, 3)).astype(np.float32)
    with pytest.raises(OptionError, match=told):
        explained(method, Transformer(), image, target=1)


def test_a_layer_is_a_name():
    with pytest.raises(OptionError, match=r"layer of GradCam must be text or None, but \['norm'\]"):
        sl.GradCam(layer=["norm"])


def test_tokens_are_counted_in_whole_numbers():
    for wrong in ({"skip": -1}, {"height": 0}):
        with pytest.raises(OptionError, match="of Tokens must be a whole number from"):
            sl.Tokens(**wrong)


def test_a_layer_may_be_a_number_and_a_bare_word_in_a_name():
    assert explained("grad-cam:layer=0", cnn(), target=2).attribution.layer == "0"
    assert explained("grad-cam:layer=first", Squeezed(), target=0).attribution.layer == "first"


def test_a_network_that_fails_with_gradients_says_so():
    class Detached(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 9 * torch.from_numpy(x.numpy()).mean((2, 3))

    with pytest.raises(ModelError, match="IntegratedGradients failed in the network, which answers well"):
        explained("integrated-gradients", Detached(), target=0)


def test_a_measure_of_another_model_is_refused():
    made = explained("grad-cam", cnn(), target=2)
    with pytest.raises(ModelError, match="the model has 3 classes, but the explanation is of one with 4"):
        sl.faithfulness.deletion(made, cnn(classes=3))


def test_heat_of_a_saturated_softmax_is_told_of():
    sharp = torch.nn.Linear(64, 2).double()
    with torch.no_grad():
        sharp.weight.copy_(torch.full((2, 64), 1.0) * torch.tensor([[-1.0], [1.0]]))
    net = torch.nn.Sequential(torch.nn.Flatten(), sharp, torch.nn.Softmax(dim=1))
    image = np.full((8, 8, 1), 0.3)
    with pytest.warns(SightlineWarning, match="softmax or sigmoid is saturated, and its slope"):
        sl.explain(image, net, attribute="gradient-x-input", segment="grid:rows=3,columns=3", progress=False)
