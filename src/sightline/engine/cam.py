"""activations of a layer and gradients → heat: the class activation maps (CAM).

Each map is at the layer's own resolution; red speaks for the target. Their scale has no unit: a map says
where, and how much of the whole, not by how much of the score.
"""

from typing import ClassVar, TypeAlias

import numpy as np
from jaxtyping import Float

from sightline._arguments import describe_value
from sightline._checks import check_whole
from sightline._resize import resize_smooth
from sightline.errors import ModelError, OptionError, warn
from sightline.types import Heatmap, Inputs, MapLayer, Network, Reshape, Weights, option

# p × q places of the layer, not those of the inputs.
Map: TypeAlias = Float[np.ndarray, "p q C"]
Heat: TypeAlias = Float[np.ndarray, "p q"]
BATCH = 32
SAME = 0.1
"""Share of the gradients that may differ from their mean over places: 0 of a head that takes the mean."""
ALIKE = 0.7
"""Correlation with activations × gradients below which a map points beside, where a head weighs places."""


@option
class Tokens:
    """Tokens of a vision transformer, (B, T, C) → a map (B, h, w, C).

    Parameters
    ----------
    height, width : int, optional
        Patches down and across; by default a square.
    skip : int
        Tokens before those of the patches: 1 for a class token.

    Examples
    --------
    >>> Tokens()(np.zeros((1, 197, 8))).shape
    (1, 14, 14, 8)
    """

    height: int | None = None
    width: int | None = None
    skip: int = 1

    def __post_init__(self) -> None:
        for name, least in (("height", 1), ("width", 1), ("skip", 0)):
            given = getattr(self, name)
            if given is not None:
                check_whole(f"the {name} of Tokens", given, least)

    def __call__(self, tokens: Float[np.ndarray, "..."]) -> Float[np.ndarray, "B h w C"]:
        """The map of the patches.

        Raises
        ------
        OptionError
            If these are no tokens, or do not fill it.
        """
        if tokens.ndim != 3 or tokens.shape[1] <= self.skip:
            raise OptionError(
                f"Tokens takes (B, T, C) with T above {self.skip}, but the layer gives {tokens.shape}. "
                "Leave reshape= out for a layer that has height and width.",
                slug="inside-tokens",
            )
        patches = tokens[:, self.skip :]
        count = patches.shape[1]
        height = self.height or (count // self.width if self.width else int(np.sqrt(count)))
        width = self.width or count // max(height, 1)
        if height * width != count:
            raise OptionError(
                f"{tokens.shape[1]} tokens less {self.skip} do not fill a map of {height}×{width}: give "
                "Tokens(height=…, width=…, skip=…).",
                slug="inside-tokens",
            )
        return patches.reshape(len(patches), height, width, -1)


@option
class LayerMethod:
    """What a class activation map is made of: a layer's activations, and the gradients at them.

    Parameters
    ----------
    layer : str, optional
        By default the last one with height and width through which all of the score passes: what a map
        shows is what passes through its layer. A function that a PyTorch module calls may be named, too:
        ``"layer4.1:add"``, and ``"forward:cat"`` for one that the network itself calls.
    reshape : callable, optional
        Activations without extent, such as tokens, (B, …) → (B, h, w, C); see `Tokens`. A PyTorch layer
        that keeps its channels last itself, as in a Swin transformer, needs
        ``reshape=lambda a: a.transpose(0, 3, 1, 2)``: four axes are taken to be (B, C, h, w) and turned.
    """

    layer: str | None = None
    reshape: Reshape | None = None
    looks_inside: ClassVar[bool] = True
    averages: ClassVar[bool] = False
    """Whether channels are weighed by a mean over places, which suits a head that takes a mean, too."""

    def __post_init__(self) -> None:
        if self.reshape is not None and not callable(self.reshape):
            raise OptionError(
                f"reshape of {type(self).__name__} must be Tokens() or a function of the activations, but "
                f"{describe_value(self.reshape)} was given.",
                slug="option-value",
            )

    def __call__(self, network: Network, inputs: Inputs, weights: Weights, seed: int) -> Heatmap:
        """The map for the score that the weights choose."""
        layer, activations, gradients = self._layer_maps(network, inputs, weights)
        why = _why_empty(layer, activations, gradients)
        heat = self._combine(activations, gradients)
        if self.averages and self.layer is None and loses_places(heat, activations, gradients):
            warn(
                f"the head behind the layer {layer!r} weighs places, as a flatten and a dense layer or a "
                f"maximum do: {type(self).__name__} weighs channels by a mean over places, and loses which "
                "of them count. Take hires-cam, which multiplies place by place.",
                slug="inside-places",
            )
        return Heatmap((heat,), layer, sums=False, why_empty=why)

    def _combine(self, activations: Map, gradients: Map) -> Heat:
        """The heat of each place of the layer."""
        raise NotImplementedError

    def _layer_maps(self, network: Network, inputs: Inputs, weights: Weights) -> tuple[str, Map, Map]:
        """Name, activations and gradients of the layer, as maps."""
        chosen = self._chosen_layer(network, inputs, weights)
        layer, reshape = chosen.name, chosen.reshape
        found = network.activations_and_gradients(inputs, layer, weights)
        if not all(np.isfinite(array).all() for array in found):
            raise ModelError(
                f"the layer {layer!r} has activations or gradients that are NaN or infinite. Is the image in "
                "the range that the network was trained on? Else use lime or shapley.",
                slug="inside-nan",
            )
        if reshape is not None:
            found = (_apply_reshape(reshape, found[0]), _apply_reshape(reshape, found[1]))
        if found[0].ndim != 4:
            raise ModelError(
                f"the layer {layer!r} gives {found[0].shape[1:]} for an image: no height and width. "
                "For tokens of a vision transformer give reshape=Tokens(); else name a convolutional layer.",
                slug="inside-layers",
            )
        return layer, found[0][0], found[1][0]

    def _chosen_layer(self, network: Network, inputs: Inputs, weights: Weights) -> MapLayer:
        """The layer that was named, else the network's own; and how it becomes a map."""
        if self.layer is not None:
            return MapLayer(_layer_name(self.layer), self.reshape)
        found = network.last_map_layer(inputs, weights)
        return found if self.reshape is None else MapLayer(found.name, self.reshape)


@option
class GradCam(LayerMethod):
    """Grad-CAM: the layer's channels, weighted by their mean gradient; what speaks for the target.

    Options as `LayerMethod`.

    References
    ----------
    Selvaraju et al., Grad-CAM, ICCV 2017.

    Examples
    --------
    >>> GradCam(layer="layer4")
    GradCam(layer='layer4', reshape=None)
    """

    averages: ClassVar[bool] = True

    def _combine(self, activations: Map, gradients: Map) -> Heat:
        return _positive_part(activations @ gradients.mean(axis=(0, 1)))


@option
class GradCamPlusPlus(LayerMethod):
    """Grad-CAM++: gradients weighted so that several small objects count in full.

    Options as `LayerMethod`.

    References
    ----------
    Chattopadhay et al., Grad-CAM++, WACV 2018.
    """

    averages: ClassVar[bool] = True

    def _combine(self, activations: Map, gradients: Map) -> Heat:
        below = 2 * gradients**2 + activations.sum(axis=(0, 1)) * gradients**3
        alpha = np.divide(gradients**2, below, out=np.zeros_like(gradients), where=below != 0)
        return _positive_part(activations @ (alpha * _positive_part(gradients)).sum(axis=(0, 1)))


@option
class HiResCam(LayerMethod):
    """HiResCAM: activations × gradients, place by place; for (positive) and against (negative).

    Options as `LayerMethod`.

    References
    ----------
    Draelos and Carin, HiResCAM, arXiv:2011.08891, 2020.
    """

    def _combine(self, activations: Map, gradients: Map) -> Heat:
        return np.asarray((activations * gradients).sum(axis=-1))


@option
class LayerCam(LayerMethod):
    """LayerCAM: activations × positive gradients, place by place, for early layers too.

    Options as `LayerMethod`.

    References
    ----------
    Jiang et al., LayerCAM, IEEE TIP 2021.
    """

    def _combine(self, activations: Map, gradients: Map) -> Heat:
        return _positive_part((activations * _positive_part(gradients)).sum(axis=-1))


@option
class EigenCam(LayerMethod):
    """Eigen-CAM: activations along their first principal component, the same for every target.

    Options as `LayerMethod`.

    References
    ----------
    Muhammad and Yeasin, Eigen-CAM, IJCNN 2020.
    """

    def _combine(self, activations: Map, gradients: Map) -> Heat:
        flat = activations.reshape(-1, activations.shape[-1])
        _, _, components = np.linalg.svd(flat, full_matrices=False)
        along = (flat @ components[0]).reshape(activations.shape[:2])
        # A component has no sign of its own: more activation is to be more heat.
        return np.asarray(along if along.sum() >= 0 else -along)


@option
class ScoreCam(LayerMethod):
    """Score-CAM: channels weighted by the score of the image shown only where they are active.

    No gradients; one call a channel. Options as `LayerMethod`.

    References
    ----------
    Wang et al., Score-CAM, CVPR workshops 2020.
    """

    def __call__(self, network: Network, inputs: Inputs, weights: Weights, seed: int) -> Heatmap:
        """The map for the score that the weights choose."""
        layer, activations, _ = self._layer_maps(network, inputs, weights)
        channels = np.moveaxis(activations, -1, 0)
        scores = [
            network.raw_outputs(inputs * _channel_masks(channels[at : at + BATCH], inputs.shape[1:3]))
            @ weights
            for at in range(0, len(channels), BATCH)
        ]
        nothing = network.raw_outputs(np.zeros_like(inputs)) @ weights
        heat = _positive_part(activations @ (np.concatenate(scores) - nothing))
        why = (
            f"shown where a channel of the layer {layer!r} is active, the image scores no higher than nothing"
        )
        return Heatmap((heat,), layer, sums=False, why_empty=why)


@option
class Cam:
    """CAM: activations weighted by the fully connected layer after global average pooling.

    For networks that end in convolution, global average pooling and one fully connected layer only: there
    it is the score itself, place by place; for (positive) and against (negative).

    References
    ----------
    Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016.
    """

    looks_inside: ClassVar[bool] = True

    def __call__(self, network: Network, inputs: Inputs, weights: Weights, seed: int) -> Heatmap:
        """The map for the score that the weights choose."""
        kernel, offsets = network.classifier_head()
        outputs = network.raw_outputs(inputs)
        shapes = network.layer_shapes(inputs)
        maps = [
            name
            for name, shape in shapes.items()
            if len(shape) == 3 and shape[2] == len(kernel) and shape[0] * shape[1] > 1
        ]
        for layer in reversed(maps):
            activations, _ = network.activations_and_gradients(inputs, layer, weights)
            pooled = activations.mean(axis=(1, 2))
            if kernel.shape[1] == outputs.shape[1] and _nearly_equal(pooled @ kernel + offsets, outputs):
                return Heatmap((activations[0] @ (kernel @ weights),), layer, sums=False)
        raise ModelError(
            "cam needs a network that ends in convolution, global average pooling and one fully connected "
            "layer, and this one does not. Use grad-cam, which is the same where cam can be used.",
            slug="inside-layers",
        )


def loses_places(heat: Heat, activations: Map, gradients: Map) -> bool:
    """Whether the score weighs the places of a layer, and a map made without knowing that is another one.

    A head that takes the mean over places gives each place the same gradient, to rounding. Where it does not,
    activations × gradients, place by place, are what speaks for the target at each.

    Examples
    --------
    >>> seen, weighed = np.ones((2, 2, 1)), np.array([[[4.0], [-1]], [[-1], [-1]]])
    >>> loses_places(np.array([[0.1, 0.1], [0.1, 0.2]]), seen, weighed)
    True
    >>> loses_places(np.array([[0.1, 0.1], [0.1, 0.2]]), seen, np.ones((2, 2, 1)))
    False
    """
    mean = gradients.mean(axis=(0, 1))
    if np.abs(gradients - mean).sum() <= SAME * np.abs(gradients).sum():
        return False
    wanted = _positive_part((activations * gradients).sum(axis=-1))
    if not heat.std() or not wanted.std():
        return False
    return bool(np.corrcoef(heat.ravel(), wanted.ravel())[0, 1] < ALIKE)


def _why_empty(layer: str, activations: Map, gradients: Map) -> str:
    """What to say if the map of a layer turns out to be zero everywhere."""
    if not activations.any():
        return f"the layer {layer!r} gives nothing but zeros for this image"
    if not gradients.any():
        return (
            f"no gradient comes back from the score to the layer {layer!r}, as when a softmax or sigmoid is "
            "saturated: let the network return logits"
        )
    return (
        f"all that the layer {layer!r} has speaks against the target, and this map shows only what speaks "
        "for it: hires-cam shows both sides"
    )


def _layer_name(layer: object) -> str:
    if isinstance(layer, str | int) and not isinstance(layer, bool):
        return str(layer)
    raise OptionError(
        f'layer must be a layer\'s name, such as "layer4", but {type(layer).__name__} was given.',
        slug="option-value",
    )


def _apply_reshape(reshape: Reshape, array: Float[np.ndarray, "B ..."]) -> Float[np.ndarray, "B h w C"]:
    """What the user's function makes of activations, if it is a map of the same channels."""
    try:
        made = reshape(array)
    except OptionError:
        raise
    except Exception as error:
        raise OptionError(
            f"reshape= failed on an array of {array.shape}: {type(error).__name__}: {error}.",
            slug="inside-tokens",
        ) from error
    if not isinstance(made, np.ndarray) or made.ndim != 4 or made.shape[-1] not in array.shape[1:]:
        told = getattr(made, "shape", type(made).__name__)
        raise OptionError(
            f"reshape= has to make an array (B, height, width, channels) of {array.shape}, but made {told}.",
            slug="inside-tokens",
        )
    return made


def _positive_part(array: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return np.asarray(np.maximum(array, 0))


def _channel_masks(
    channels: Float[np.ndarray, "B h w"], shape: tuple[int, ...]
) -> Float[np.ndarray, "B H W 1"]:
    """Where each channel is active, 0 to 1, at the size of the inputs."""
    low = channels.min(axis=(1, 2), keepdims=True)
    span = channels.max(axis=(1, 2), keepdims=True) - low
    unit = np.divide(channels - low, span, out=np.zeros_like(channels), where=span > 0)
    large = resize_smooth(np.moveaxis(unit, 0, -1), shape, antialias=False)
    return np.asarray(np.moveaxis(large, -1, 0)[..., np.newaxis], np.float32)


def _nearly_equal(one: Float[np.ndarray, "B R"], other: Float[np.ndarray, "B R"]) -> bool:
    return bool(np.allclose(one, other, rtol=1e-3, atol=1e-3 * max(1.0, float(np.abs(other).max()))))
