"""Keras models: what they take, their layers, and one call in inference mode, on any backend."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from jaxtyping import Shaped

from sightline._optional import require
from sightline.adapters.inputs import InputSpec, arrange_images, only_input
from sightline.adapters.output_end import operation_word, traced_end
from sightline.errors import ModelError
from sightline.types import End

if TYPE_CHECKING:
    import keras

Tensor: TypeAlias = Any
"""A tensor of the backend that is active: the three have no type in common."""
Layer: TypeAlias = Any
"""A layer, operation or model of Keras, whichever of their many methods it has."""

VALUE_LOSSES = frozenset(
    {"mse", "mae", "mape", "msle", "huber", "huberloss", "logcosh", "tweedie", "poisson"}
    | {f"mean{kind}error" for kind in ("squared", "absolute", "absolutepercentage", "squaredlogarithmic")}
)
"""Losses of regressors; of probabilities the first is Brier's score, but not of a linear end."""
# NumPy has no bfloat16, and a network in half precision rounds what it is given itself.
DTYPES = {name: np.dtype(name) for name in ("float32", "float64", "uint8", "int8", "int16", "int32", "int64")}
DTYPES |= {"float16": np.dtype("float32"), "bfloat16": np.dtype("float32")}


class KerasInput:
    """What a Keras model takes, and images arranged for it.

    Parameters
    ----------
    model : keras.Model

    Raises
    ------
    ModelError
        If it has no weights yet, or not exactly one input.
    """

    def __init__(self, model: "keras.Model") -> None:
        self.channels_first = _has_channels_first(model)
        self.spec = _input_spec(model, self.channels_first)

    def arrange(self, images: object) -> Shaped[np.ndarray, "B ..."]:
        """The array that the model is given for images.

        Raises
        ------
        ModelError
            If size, channels or dtype do not fit.
        """
        batch = in_numpy(images)
        # Where an image would fit either way, the model's own order of axes decides.
        whole = batch[..., np.newaxis] if batch.ndim == 3 else batch
        if self._fits(whole):
            return arrange_images(whole, InputSpec(self.spec.name, self.spec.dtype, None))
        return arrange_images(batch, self.spec)

    def _fits(self, images: Shaped[np.ndarray, "B ..."]) -> bool:
        """Whether the images are in the model's own axes, channels last."""
        want = self.spec.shape or ()
        fits = len(want) == images.ndim == 4 and not self.channels_first
        return fits and all(n in (None, have) for n, have in zip(want[1:], images.shape[1:], strict=True))


@contextlib.contextmanager
def inference_mode(model: "keras.Model") -> Iterator[None]:
    """On PyTorch: evaluation mode for modules within the model, put back after, and no gradients."""
    if require("keras", extra="keras").backend.backend() != "torch":
        yield
        return
    from sightline.adapters.torch.modules import evaluation_mode, without_gradients

    with evaluation_mode(model), without_gradients():
        yield


def call_for_inference(model: "keras.Model", tensor: Tensor) -> Tensor:
    """The model's answer about a tensor as it takes it, in inference mode."""
    return single_output(model, model(pack_inputs(model, tensor), training=False))


def pack_inputs(model: "keras.Model", tensor: Tensor) -> Tensor:
    """The tensor in the list or dict of one input that some models are built with."""
    struct = getattr(model, "_inputs_struct", None)
    if not isinstance(struct, list | tuple | dict):
        return tensor
    return require("keras", extra="keras").tree.pack_sequence_as(struct, [tensor])


def single_output(model: "keras.Model", answered: Tensor) -> Tensor:
    """The one tensor of an answer, as float32 if it is in half precision.

    Raises
    ------
    ModelError
        If there are several.
    """
    keras = require("keras", extra="keras")
    parts = keras.tree.flatten(answered)
    if len(parts) != 1:
        raise several_outputs(model, len(parts))
    half = keras.backend.standardize_dtype(parts[0].dtype) in ("float16", "bfloat16")
    return keras.ops.cast(parts[0], "float32") if half else parts[0]


def in_numpy(tensor: object) -> Shaped[np.ndarray, "..."]:
    """A tensor of any backend as an array."""
    # Keras' own way has NumPy ask PyTorch's tensors, which warns.
    return np.asarray(tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else tensor)


def of_keras(thing: type | Callable[..., object]) -> bool:
    """Whether a class or function is Keras' own."""
    return str(thing.__module__).split(".", maxsplit=1)[0] == "keras"


def graph_of(model: Layer) -> Any | None:
    """The graph of layers behind a Functional or Sequential model; None where Python code calls them."""
    bases = {base.__name__ for base in type(model).__mro__ if of_keras(base)}
    if not bases & {"Functional", "Sequential"} or not of_keras(type(model).call):
        return None
    return model if "Functional" in bases else model._functional


def all_layers(model: Layer) -> Iterator[Layer]:
    """Layers in the order of execution, as far as it is known, those within others included."""
    graph = graph_of(model)
    for part in graph.operations if graph is not None else model._flatten_layers(include_self=False):
        yield part
        if graph is not None and hasattr(part, "_flatten_layers"):
            yield from all_layers(part)


def graph_end(model: Layer) -> End | None:
    """What a model's outputs are, by the layers that it ends in; None if they do not tell."""
    outputs = getattr(model, "outputs", None)
    return traced_end(outputs[0], _graph_node) if outputs else None


def _graph_node(tensor: Tensor) -> tuple[str, list[Tensor]]:
    """What made a tensor, and out of which; of a model within the model, its own last layer."""
    last, node, place = tensor._keras_history
    within = getattr(last, "outputs", None)
    if within and within[place] is not tensor:
        return _graph_node(within[place])
    activation = getattr(getattr(last, "activation", None), "__name__", None)
    word = type(last).__name__
    if activation == "linear" and word == "Activation":
        word = "identity"
    elif activation not in (None, "linear"):
        word = activation
    elif getattr(last, "max_value", None) is not None:
        word = "relu6"  # of whatever bound
    return word, list(last._inbound_nodes[node].input_tensors)


def trained_on_values(model: Layer) -> bool:
    """Whether a model is compiled with a loss that compares values, as of a regressor."""
    loss = getattr(model, "loss", None)
    name = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "")
    return operation_word(str(name)) in VALUE_LOSSES


def several_outputs(model: "keras.Model", count: int) -> ModelError:
    """The error for a model with several outputs."""
    return ModelError(
        f"the Keras model {model.name!r} has {count} outputs, and it is not clear which holds the scores. "
        "Give keras.Model(model.inputs, model.outputs[0]), or a function that returns one of them.",
        slug="model-signature",
    )


def _has_channels_first(model: "keras.Model") -> bool:
    """Whether the first layer that has an order of axes has the channels first."""
    for layer in model._flatten_layers(include_self=False):
        if hasattr(layer, "data_format") and layer.data_format is not None:
            return bool(layer.data_format == "channels_first")
    return False


def _input_spec(model: "keras.Model", channels_first: bool) -> InputSpec:
    if not model.built:
        raise ModelError(
            f"the Keras model {model.name!r} is not built: it has no weights yet. Train it, load its "
            "weights, or call it once on a batch.",
            slug="model-fitted",
        )
    inputs = getattr(model, "inputs", None)
    if inputs:
        listed = [(str(one.name), str(one.dtype), tuple(one.shape)) for one in inputs]
        return only_input(listed, DTYPES, f"the Keras model {model.name!r}")
    shape = (model.get_build_config() or {}).get("input_shape")
    dtype = DTYPES.get(model.compute_dtype, DTYPES["float32"])
    return InputSpec("images", dtype, _open_shape(shape, channels_first))


def _open_shape(shape: object, channels_first: bool) -> tuple[int | None, ...] | None:
    """What the first call of a subclassed model tells of its input: rank and channels, but no size."""
    if not isinstance(shape, tuple | list) or not all(n is None or isinstance(n, int) for n in shape):
        return None
    if len(shape) == 4:
        return (None, shape[1], None, None) if channels_first else (None, None, None, shape[3])
    return (None, None, None) if len(shape) == 3 else (None, *shape[1:])
