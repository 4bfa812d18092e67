"""Where a class activation map looks when no layer is named: at the last map that has all of the score."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import sightline as sl
from sightline.adapters import as_model
from sightline.adapters.map_layers import PatchTokens, halves_changed, lies_in_place, readings
from sightline.errors import ModelError, SightlineWarning
from sightline.types import MapLayer
from support.layer_nets import FAMILIES, LAYERS, Siamese, TwoScales, ViT, conv, stem

IMAGE = np.random.default_rng(0).random((32, 32, 3)).astype(np.float32)
TILES = np.arange(16).reshape(4, 4).repeat(8, 0).repeat(8, 1)


def looked_at(net: nn.Module, image: np.ndarray = IMAGE, outputs: int = 2) -> MapLayer:
    network = as_model(net.eval()).network()
    return network.last_map_layer(network.prepare_inputs(image[None]), np.eye(outputs, dtype=np.float32)[-1])


def built(name: str, outputs: int) -> nn.Module:
    torch.manual_seed(1)
    return FAMILIES[name](outputs)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_is_the_last_that_all_of_the_score_passes_through(name, outputs):
    assert looked_at(built(name, outputs), outputs=outputs).name == LAYERS[name]


@pytest.mark.parametrize("outputs", [1, 2])
def test_networks_of_which_no_map_has_all_of_the_score_are_refused(outputs):
    with pytest.raises(ModelError, match=r"of TwoScales comes together from several maps.*'large'.*'small'"):
        looked_at(TwoScales(outputs), outputs=outputs)
    with pytest.raises(ModelError, match=r"'forward:sub' does not have its places where the image has them"):
        looked_at(Siamese(outputs), outputs=outputs)


class TwoKinds(nn.Module):
    """Stripes decide; what is bright hardly counts. Both are seen by convolutions of a class of their own."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.stripes, self.bright = how, Look(), Look()
        wave = torch.tensor([0.5, 0.5, -0.5, -0.5] * 2).reshape(1, 1, 8, 1)
        self.stripes.weight.data, self.bright.weight.data = (
            wave.expand(1, 3, 8, 8) / 96,
            torch.ones(1, 3, 8, 8) / 192,
        )
        self.stripes.bias.data[:], self.bright.bias.data[:] = -0.02, -0.5
        self.head = nn.Linear(2 if how == "cat" else 1, 1, bias=False)
        self.head.weight.data = torch.tensor([[200.0, 0.1]]) if how == "cat" else torch.tensor([[200.0]])

    def forward(self, x: Tensor) -> Tensor:
        stripes, bright = torch.relu(self.stripes(x)), torch.relu(self.bright(x))
        seen = torch.cat([stripes, bright], 1) if self.how == "cat" else stripes + 0.0005 * bright
        return self.head(seen.mean((2, 3)))


class Look(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(0)), nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.weight, self.bias, stride=8)


@pytest.mark.parametrize("how", ["cat", "add"])
@pytest.mark.parametrize("method", ["grad-cam", "hires-cam", "layer-cam", "grad-cam++"])
def test_the_tile_that_decides_is_found_beside_one_that_draws_the_eye(how, method):
    wave = np.array([1, 1, 0, 0] * 2)[:, None, None]
    for striped, bright in ((5, 10), (0, 3), (14, 1)):
        image = np.full((32, 32, 3), 0.3, np.float32)
        for place, more in ((striped, 0.2 * wave), (bright, 0.6)):
            row, column = 8 * (place // 4), 8 * (place % 4)
            image[row : row + 8, column : column + 8] += more
        made = sl.explain(
            image, TwoKinds(how), attribute=method, segment=sl.Given(TILES), fill=sl.Colour(0.3), target=1
        )
        assert made.attribution.layer == f"forward:{how}"
        assert made.top(1)[0].segment == striped
        assert made.top(1)[0].value > 0


# How a layer is read


TOKENS = [
    ("ViT, class token", "blocks.1", sl.Tokens(height=8, width=8, skip=1)),
    ("ViT, mean of the patches", "norm", sl.Tokens(height=8, width=8, skip=1)),
    ("Mixer", "norm", sl.Tokens(height=8, width=8, skip=0)),
    ("Swin", "norm", lambda a: a.transpose(0, 3, 1, 2)),
]


@pytest.mark.parametrize(("name", "layer", "reshape"), TOKENS)
def test_behind_attention_a_layer_has_to_be_named_and_the_message_says_how(name, layer, reshape):
    with pytest.raises(ModelError, match="comes from all over the image, and its map may point") as caught:
        looked_at(built(name, 2))
    told = (
        f"reshape={reshape!r}"
        if isinstance(reshape, sl.Tokens)
        else "reshape=lambda a: a.transpose(0, 3, 1, 2)"
    )
    assert f"give layer={layer!r}, {told}" in str(caught.value)
    method = sl.GradCam(layer=layer, reshape=reshape)
    assert (
        sl.explain(IMAGE, built(name, 2), attribute=method, segment=sl.Given(TILES)).attribution.layer
        == layer
    )


def test_channels_kept_last_without_attention_become_a_map():
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.look, self.norm, self.head = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.norm(self.look(x).permute(0, 2, 3, 1)).mean((1, 2)))

    found = looked_at(Last())
    network = as_model(Last().eval()).network()
    activations, _ = network.activations_and_gradients(IMAGE[None], found.name, np.ones(2, np.float32))
    assert (found.name, found.reshape(activations).shape) == ("norm", (1, 8, 8, 8))


def test_images_that_are_not_square_keep_their_places():
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.patches, self.head = nn.Conv2d(3, 6, 4, stride=4), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            tokens = torch.tanh(self.patches(x).flatten(2).transpose(1, 2))
            return self.head(torch.cat([tokens[:, :3] * 0, tokens], 1).mean(1))

    with pytest.raises(ModelError, match=r"reshape=Tokens\(height=4, width=8, skip=3\)"):
        looked_at(Wide(), np.random.default_rng(1).random((16, 32, 3)).astype(np.float32))


def test_tokens_without_a_map_before_them_are_read_by_the_shape_of_the_image():
    assert list(readings(np.zeros((6, 51, 4)), (20, 40), [], turns=True)) == [
        PatchTokens(height=5, width=10, skip=1)
    ]
    assert not list(readings(np.zeros((6, 30, 4)), (32, 32), [], turns=True))


def test_a_map_has_to_answer_where_the_image_was_changed():
    batch = halves_changed(IMAGE[None])
    assert lies_in_place(batch)
    assert not lies_in_place(batch[:, :, ::-1])
    assert not lies_in_place(batch.transpose(0, 2, 1, 3))
    assert lies_in_place(batch * 0)
    assert not lies_in_place(np.repeat(batch.mean(axis=2, keepdims=True), 4, axis=2))


# Ways round a layer


class Round(nn.Module):
    """A part of the score goes round the last map, on a way that gradients do not see."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.how, self.stem, self.last, self.head = how, stem(), conv(16, 16), nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.stem(x)
        if self.how == "detached":
            gate = seen.detach().mean((2, 3))
        else:
            with torch.no_grad():
                gate = x.mean((1, 2, 3))[:, None]
        return self.head(torch.relu(self.last(seen)).mean((2, 3)) * (1 + gate))


def test_a_way_without_gradients_is_seen():
    assert looked_at(Round("detached")).name == "stem"
    with pytest.raises(ModelError, match="is gone round by a part of the score, on a way without gradients"):
        looked_at(Round("from the image"))


@pytest.mark.slow
def test_wrapped_and_compiled_networks_are_the_same_inside(monkeypatch):
    net = built("ResNet, bottlenecks", 2).eval()
    wanted = sl.explain(IMAGE, net, attribute="grad-cam", segment=sl.Given(TILES), target=1)
    for other in (nn.DataParallel(net), torch.compile(net, backend="eager"), nn.Sequential(net)):
        made = sl.explain(IMAGE, other, attribute="grad-cam", segment=sl.Given(TILES), target=1)
        np.testing.assert_allclose(made.attribution.pixels, wanted.attribution.pixels, atol=1e-6)
    net.layers = torch.compile(net.layers, backend="eager")
    made = sl.explain(IMAGE, net, attribute="grad-cam", segment=sl.Given(TILES), target=1)
    np.testing.assert_allclose(made.attribution.pixels, wanted.attribution.pixels, atol=1e-6)


def test_what_is_done_in_place_after_the_map_is_not_taken_for_it():
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.look, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            seen = self.look(x)
            kept = seen.relu().mean((2, 3))
            seen.neg_().clamp_(min=0)
            return self.head(torch.cat([kept, seen.mean((2, 3))], 1))

    assert looked_at(InPlace()).name == "look"


# What the map says, held against what the model says


def test_a_map_that_the_model_contradicts_is_warned_of_and_a_right_one_is_not(recwarn):
    class Detour(nn.Module):
        """What its layer `side` shows is the bright tile, but its part in the score is tiny."""

        def __init__(self) -> None:
            super().__init__()
            self.side, self.scale = nn.Conv2d(3, 1, 8, stride=8), 1e-3
            self.side.weight.data[:], self.side.bias.data[:] = 1 / 192, 0

        def forward(self, x: Tensor) -> Tensor:
            red = (x[:, :1] - x[:, 2:]).clamp(min=0).mean((2, 3)) * 200
            return torch.cat([-red, red + self.scale * self.side(x).mean((2, 3))], 1) - 2

    image = np.full((32, 32, 3), 0.2, np.float32)
    image[8:16, 8:16] = 0.45, 0.05, 0.05
    image[24:, 24:] = 1.0
    plan = {"segment": sl.Given(TILES), "fill": sl.Colour(0.2), "target": 1}
    with pytest.warns(SightlineWarning, match="the map and the model's answers disagree") as caught:
        sl.explain(image, Detour(), attribute=sl.GradCam(layer="side"), **plan)
    assert caught[0].message.slug == "inside-contradicted"
    assert (
        sl.explain(image, TwoKinds("cat"), attribute="hires-cam", **plan).attribution.layer == "forward:cat"
    )


@pytest.mark.parametrize("target", [0, 1])
def test_an_empty_map_says_why_and_offers_the_signed_one(target):
    net: Any = nn.Sequential(
        nn.Conv2d(3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1)
    )
    net[0].weight.data, net[4].weight.data = net[0].weight.data.abs() + 0.1, torch.tensor([[-1.0, -1.0]])
    plan = {"segment": sl.Given(TILES), "target": target}
    if target == 1:
        with pytest.warns(
            SightlineWarning, match=r"zero everywhere: all that the layer '1' has speaks against"
        ):
            sl.explain(IMAGE, net, attribute="grad-cam", **plan)
    else:
        assert sl.explain(IMAGE, net, attribute="grad-cam", **plan).attribution.values.min() > 0
    signed = sl.explain(IMAGE, net, attribute="hires-cam", **plan).attribution.values
    assert (signed < 0).all() if target == 1 else (signed > 0).all()
    net[0].weight.data, net[0].bias.data = net[0].weight.data * 0, torch.tensor([-1.0, -1.0])
    with pytest.warns(SightlineWarning, match="the layer '1' gives nothing but zeros for this image"):
        sl.explain(IMAGE, net, attribute="grad-cam", **plan)


def test_patches_that_the_score_is_not_read_from_are_passed_over():
    class Blind(ViT):
        def forward(self, x: Tensor) -> Tensor:
            token = self.token + self.patches(x).mean((2, 3), keepdim=True).flatten(2).transpose(1, 2)
            tokens = torch.cat([token, token.expand(-1, 64, -1)], 1)
            return self.head(self.norm(tokens)[:, 0])

    assert looked_at(Blind(2)).name == "patches"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_scripted_part_is_passed_by():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    net[2] = torch.jit.script(net[2])
    assert looked_at(net).name == "1"


def test_a_part_that_was_run_without_gradients_is_no_hindrance_to_what_follows():
    class Frozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.body, self.neck, self.head = stem(), conv(16, 8, 1), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                seen = self.body(x)
            return self.head(self.neck(seen).mean((2, 3)))

    assert looked_at(Frozen()).name == "neck"


def test_the_layer_is_looked_for_once_for_each_shape_of_inputs_and_each_target():
    torch.manual_seed(0)
    model = as_model(nn.Sequential(FAMILIES["ResNet, basic blocks"](2)))
    rng = np.random.default_rng(0)
    options = {
        "attribute": "grad-cam",
        "segment": "grid:rows=4,columns=4",
        "fill": "colour",
        "progress": False,
    }

    def looked_at(side, target):
        image = rng.random((side, side, 3), dtype=np.float32)
        made = sl.explain(image, model, target=target, **options).attribution
        return made.layer, made.calls

    first, again = looked_at(32, 0), looked_at(32, 0)
    assert again == (first[0], first[1] - 7)
    assert looked_at(32, 1) == first
    assert looked_at(48, 0) == first
    assert looked_at(48, 0) == again
    # Another layer in its place is another network.
    model.backend.module[0] = FAMILIES["U-Net, decoder off the path"](2)
    assert looked_at(32, 0)[0] != first[0]
    assert looked_at(32, 0)[1] == again[1]


class TakesAWay(nn.Module):
    """Goes another way for bright images, or where it was told to."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.how, self.told, self.limit = how, False, 0.5
        self.first = nn.Conv2d(3, 8, 3, padding=1, stride=2)
        self.second, self.third = (nn.Conv2d(8, 8, 3, padding=1, stride=stride) for stride in (2, 1))
        self.side = nn.Conv2d(3, 8, 5, padding=2, stride=4)
        self.head, self.other = nn.Linear(8, 3), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        early = self.first(x).relu()
        late = self.second(early).relu()
        if not (self.told or x.mean() > self.limit):
            return self.head(late.mean((2, 3)))
        if self.how == "deeper":
            return self.head(self.third(late).relu().mean((2, 3)))
        if self.how == "earlier":
            return self.other(early.mean((2, 3)))
        if self.how == "twin":  # of the same kinds, in the same order
            return self.head(self.third(self.second(early)).relu().mean((2, 3)))
        return self.head(late.mean((2, 3))) * 0.2 + self.other(self.side(x).relu().mean((2, 3)))


DARK, BRIGHT = IMAGE * 0.3, IMAGE * 0.2 + np.float32(0.55)


def first_target_layer(model: Any, image: np.ndarray) -> str:
    network = model.network()
    found = network.last_map_layer(network.prepare_inputs(image[None]), np.eye(3, dtype=np.float32)[0])
    return str(found.name)


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("how", ["deeper", "earlier", "twin", "around"])
def test_the_layer_is_that_of_the_way_which_the_image_takes(how, told):
    net = TakesAWay(how).eval()
    model = as_model(net)
    plain = first_target_layer(model, DARK)
    assert plain == "forward:relu#2"
    net.told = told
    other = DARK if told else BRIGHT
    for asked in (model, as_model(net)):  # one that remembers the other way, and one that knows nothing
        if how == "around":
            with pytest.raises(ModelError, match=r"comes together from several maps.*'forward:relu#3'"):
                first_target_layer(asked, other)
        else:
            wanted = {"deeper": "forward:relu#3", "earlier": "forward:relu", "twin": "forward:relu#3"}
            assert first_target_layer(asked, other) == wanted[how]
    net.told = False
    assert first_target_layer(model, DARK) == plain


def test_a_way_that_a_changed_image_leaves_is_kept_to():
    """Just bright enough: changed by halves it is darker, and a batch with such goes the other way."""
    image = np.full((32, 32, 3), 0.46, np.float32)
    image[:2], image[2:4] = 0.0, 1.0
    net = TakesAWay("earlier").eval()
    net.limit = float(image.mean()) - 1e-3
    assert halves_changed(image[None]).mean() < net.limit - 0.01
    assert first_target_layer(as_model(net), image) == "forward:relu"
    net.limit = float(image.mean()) + 1e-3
    assert first_target_layer(as_model(net), image) == "forward:relu#2"


def marked_place(head: nn.Module) -> nn.Module:
    """A map of what is bright in each quarter, and a head that wants it in the upper left one alone."""
    body = nn.Conv2d(3, 1, 1, bias=False)
    body.weight.data[:] = 1 / 3
    return nn.Sequential(body, nn.AvgPool2d(16), nn.ReLU(), head).eval()


def weighing_head() -> nn.Module:
    dense = nn.Linear(4, 2, bias=False)
    dense.weight.data = torch.tensor([[0.0, 0.0, 0.0, 0.0], [3.0, -1.0, -1.0, -0.5]])
    return nn.Sequential(nn.Flatten(), dense)


def averaging_head() -> nn.Module:
    dense = nn.Linear(1, 2, bias=False)
    dense.weight.data = torch.tensor([[0.0], [3.0]])
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), dense)


BRIGHT_BELOW = np.full((32, 32, 3), 0.5, np.float32)
BRIGHT_BELOW[16:, 16:] = 1.0
QUARTERS = sl.Given(np.arange(4).reshape(2, 2).repeat(16, 0).repeat(16, 1))


@pytest.mark.parametrize("method", ["grad-cam", "grad-cam++"])
def test_where_the_head_weighs_places_a_mean_over_them_says_what_it_loses(method):
    options = {"target": 1, "segment": QUARTERS, "fill": sl.Colour(0.5), "progress": False}
    with pytest.warns(SightlineWarning) as caught:
        beside = sl.explain(BRIGHT_BELOW, marked_place(weighing_head()), attribute=method, **options)
    assert "inside-places" in [one.message.slug for one in caught]
    assert beside.top(1)[0].segment == 3
    with warnings.catch_warnings(record=True) as others:  # of so few segments
        warnings.simplefilter("always")
        right = sl.explain(BRIGHT_BELOW, marked_place(weighing_head()), attribute="hires-cam", **options)
        sl.explain(BRIGHT_BELOW, marked_place(averaging_head()), attribute=method, **options)
        named = sl.GradCam(layer="2")
        sl.explain(BRIGHT_BELOW, marked_place(weighing_head()), attribute=named, **options)
    assert "inside-places" not in [getattr(one.message, "slug", "") for one in others]
    assert right.top(1)[0].segment == 0


@pytest.mark.parametrize("name", LAYERS)
def test_no_family_that_takes_the_mean_of_its_map_is_said_to_weigh_places(name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sl.explain(IMAGE, built(name, 2), attribute="grad-cam", segment=sl.Given(TILES), progress=False)
    assert "inside-places" not in [getattr(one.message, "slug", "") for one in caught]
