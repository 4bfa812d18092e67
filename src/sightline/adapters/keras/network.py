"""a Keras model → its inside: activations and gradients on any backend, channels last, in NumPy."""

import importlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from sightline.adapters.inputs import CHANNELS
from sightline.adapters.keras.model import (
    SQUASHING,
    KerasModel,
    call_for_inference,
    in_numpy,
    of_keras,
    pack_inputs,
    single_output,
)
from sightline.errors import ModelError
from sightline.types import did_you_mean

ANSWERS_ONLY = "integrated-gradients, gradient-x-input and smoothgrad need no layer; lime and shapley nothing"
CONVOLUTIONS = ("Conv", "SeparableConv", "DepthwiseConv")

Visit: TypeAlias = Callable[[str, Any, Any], Any]
"""Name of a layer, the layer, what it returned → what goes on in place of that."""


class KerasNetwork:
    """The inside of a Keras model; `sightline.types.Network` says what each call gives.

    The outputs are the scores before a softmax or sigmoid that ends the model, as the activation of its
    last `Dense` layer or as a layer of its own, since the gradients of a saturated one vanish. Elsewhere,
    and in a subclassed model, whose layers are called by Python code, they are what the model returns.

    Layers have their own names; those of a model within the model are also there, as ``"base/conv"``. A
    layer that is called several times stands for its last call. A subclassed model has no layers to look
    at, but its `slopes` are known.

    Parameters
    ----------
    model : KerasModel
    """

    def __init__(self, model: KerasModel) -> None:
        self.model = model
        self.keras = model.keras
        self.network = model.model

    def prepare_inputs(self, images: Any) -> Float[np.ndarray, "B h w c"]:
        """What the model is given for images."""
        given = self.model.arrange_inputs(images)
        batch = images if isinstance(images, np.ndarray) else in_numpy(images)
        batch = batch[..., np.newaxis] if batch.ndim == 3 else batch
        if given.shape == batch.shape and self.model.channels_first and _first(batch.shape):
            batch = batch.transpose(0, 2, 3, 1)  # as a preprocessing left them
        return np.ascontiguousarray(batch, np.float32)

    def raw_outputs(self, inputs: Float[np.ndarray, "B h w c"]) -> Float[np.ndarray, "B R"]:
        """Raw outputs, before a last softmax or sigmoid."""
        with self.model.inference_mode():
            return self._to_float32(self._raw_scores(self._input_tensor(inputs)))

    def layer_shapes(self, inputs: Float[np.ndarray, "B h w c"]) -> dict[str, tuple[int, ...]]:
        """Every layer and operation of the graph that returns one tensor, in the order of execution."""
        return {name: shape for name, (_, shape) in self._layer_outputs(inputs).items()}

    def last_conv_layer(self, inputs: Float[np.ndarray, "B h w c"]) -> str:
        """The convolution, or the model within the model that holds one, that is run last with an extent."""
        found: list[str] = []
        for name, (kind, shape) in self._layer_outputs(inputs).items():
            within = any(one.startswith(f"{name}/") for one in found)
            if len(shape) == 3 and shape[0] * shape[1] > 1 and (within or kind.startswith(CONVOLUTIONS)):
                found.append(name)
        if not found:
            raise ModelError(
                f"the Keras model {self.network.name!r} has no convolutional layer. Name another with layer= "
                f"(for a vision transformer with reshape= too), or use another method: {ANSWERS_ONLY}.",
                slug="inside-layers",
            )
        return found[-1]

    def input_gradients(
        self, inputs: Float[np.ndarray, "B h w c"], weights: Float[np.ndarray, "R"]
    ) -> Float[np.ndarray, "B h w c"]:
        """Gradients with respect to the inputs."""
        given = self._input_tensor(inputs)
        kind = self.keras.backend.standardize_dtype(given.dtype)
        if not kind.startswith("float"):
            raise ModelError(
                f"the model's {self.model.declared} takes {kind}, through which no gradient goes. Use a "
                "method that looks at a layer, such as grad-cam, or build the model with a float input.",
                slug="inside-layers",
            )
        slopes = self._gradient_at(lambda x: self._weighted_score(x, weights), given)
        moved = slopes.ndim == 4 and (self.model.channels_first or slopes.shape != inputs.shape)
        return slopes.transpose(0, 2, 3, 1) if moved else slopes.reshape(inputs.shape)

    def activations_and_gradients(
        self, inputs: Float[np.ndarray, "B h w c"], layer: str, weights: Float[np.ndarray, "R"]
    ) -> tuple[Float[np.ndarray, "B ... C"], Float[np.ndarray, "B ... C"]]:
        """Activations of a layer and the gradients with respect to them."""
        found: list[Any] = []

        def note(name: str, _: Any, made: Any) -> Any:
            if name == layer:
                found.append(made)
            return made

        given = self._input_tensor(inputs)
        with self.model.inference_mode():
            self._raw_scores(given, note)
        if not found:
            raise ModelError(
                f"the Keras model {self.network.name!r} has no layer {layer!r}. "
                f"{did_you_mean(layer, self.layer_shapes(inputs))}",
                slug="inside-layers",
            )
        gradient = self._gradient_at(
            lambda x: self._weighted_score(given, weights, _replace_output(layer, len(found), x)), found[-1]
        )
        return self._channels_last(self._to_float32(found[-1])), self._channels_last(gradient)

    def classifier_head(self) -> tuple[Float[np.ndarray, "C R"], Float[np.ndarray, "R"]]:
        """Kernel and offsets of the last `Dense` layer."""
        for part in reversed(list(_all_layers(self.network))):
            if isinstance(part, self.keras.layers.Dense):
                kernel = self._to_float32(part.kernel)
                return kernel, np.zeros(
                    kernel.shape[1], np.float32
                ) if part.bias is None else self._to_float32(part.bias)
        raise ModelError(
            f"the Keras model {self.network.name!r} has no fully connected layer, which cam needs: "
            "use grad-cam.",
            slug="inside-layers",
        )

    def randomised_copy(self, seed: int) -> Any:
        """A copy of the model, initialised anew; what a `Normalization` learned of the data is kept.

        Kernels are drawn from Glorot's normal distribution by NumPy's generator of that seed, so that the
        global ones have no part in it; offsets and statistics are as for a new model.
        """
        made = self.fresh_clone()
        rng = np.random.default_rng(seed)
        for weight in made.weights:
            if len(weight.shape) > 1:
                *places, ins, outs = weight.shape
                spread = np.sqrt(2 / (np.prod(places, initial=1) * (ins + outs)))
                weight.assign(rng.normal(0, spread, weight.shape).astype(np.float32))
        for old, new in zip(*(self._normalization_layers(one) for one in (self.network, made)), strict=True):
            for learned, weight in zip(old.weights, new.weights, strict=True):
                weight.assign(learned.value)
            new.finalize_state()
        return made

    def _normalization_layers(self, model: Any) -> list[Any]:
        return [one for one in model._flatten_layers() if isinstance(one, self.keras.layers.Normalization)]

    def fresh_clone(self) -> Any:
        """A copy of the model with weights of its own, drawn anew.

        Raises
        ------
        ModelError
            If its class says nothing of how it is built.
        """
        # Without its losses and optimizer, which a copy would take along and some of which cannot be copied.
        bare = object.__new__(type(self.network))
        bare.__dict__.update(self.network.__dict__, compiled=False)
        try:
            return self.keras.models.clone_model(bare)
        except (NotImplementedError, TypeError, ValueError) as error:
            raise ModelError(
                f"the Keras model {self.network.name!r} cannot be copied: "
                f"{str(error).strip().splitlines()[0]} Give its class a get_config, or build the model from "
                "keras.Input.",
                slug="inside-copy",
            ) from error

    def _layer_outputs(self, inputs: Float[np.ndarray, "B h w c"]) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Kind and shape, channels last, of what each layer returns for one image."""
        seen: dict[str, tuple[str, tuple[int, ...]]] = {}

        def note(name: str, part: Any, made: Any) -> Any:
            if hasattr(made, "shape"):
                seen.pop(name, None)
                seen[name] = (type(part).__name__, self._shape_channels_last(tuple(made.shape[1:])))
            return made

        with self.model.inference_mode():
            self._raw_scores(self._input_tensor(inputs[:1]), note)
        return seen

    def _weighted_score(self, given: Any, weights: Float[np.ndarray, "R"], visit: Visit | None = None) -> Any:
        ops = self.keras.ops
        scores = ops.cast(self._raw_scores(given, visit), "float32")
        return ops.sum(ops.reshape(scores, (-1, len(weights))) * ops.convert_to_tensor(weights))

    def _raw_scores(self, given: Any, visit: Visit | None = None) -> Any:
        """Scores before a last softmax or sigmoid; `visit` may put another tensor in place of a layer's."""
        graph = graph_of(self.network)
        if graph is not None:
            whole = pack_inputs(self.network, given)
            return single_output(
                self.network, self._run_graph(graph, whole, visit or (lambda _, __, made: made))
            )
        if visit is None:
            return call_for_inference(self.network, given)
        raise ModelError(
            f"the Keras model {self.network.name!r} calls its layers in Python code, so that none can be "
            "looked at. Give it as a graph: inputs = keras.Input(shape), then keras.Model(inputs, "
            f"model.call(inputs)). Or use another method: {ANSWERS_ONLY}.",
            slug="inside-layers",
        )

    def _run_graph(self, graph: Any, given: Any, visit: Visit, within: str = "", last: bool = True) -> Any:
        """Run a graph layer by layer, and the models within it likewise."""
        (end,) = graph.outputs if len(graph.outputs) == 1 else (None,)

        def step(part: Any) -> Callable[..., Any]:
            name, final = within + part.name, last and end is not None and part is end._keras_history[0]
            inner = graph_of(part)

            def run(*given: Any, **named: Any) -> Any:
                if inner is not None and len(given) == 1:
                    made = self._run_graph(inner, given[0], visit, f"{name}/", final)
                elif final and self._is_squashing(part):
                    made = self._without_squashing(part, given[0])
                else:
                    mode = {"training": False} if isinstance(part, self.keras.layers.Layer) else {}
                    made = part(*given, **named | mode)
                return visit(name, part, made)

            return run

        made = graph._run_through_graph(graph._standardize_inputs(given), operation_fn=step)
        return made[0] if isinstance(made, list | tuple) and len(made) == 1 else made

    def _is_squashing(self, part: Any) -> bool:
        if not of_keras(type(part)):
            return False
        named = self.keras.activations
        return type(part).__name__ in SQUASHING or getattr(part, "activation", None) in (
            named.softmax,
            named.sigmoid,
        )

    def _without_squashing(self, part: Any, given: Any) -> Any:
        """What a layer returns but for its softmax or sigmoid."""
        if not isinstance(part, self.keras.layers.Dense):
            return given
        ops = self.keras.ops
        product = ops.matmul(*(ops.cast(one, part.compute_dtype) for one in (given, part.kernel)))
        return product if part.bias is None else product + ops.cast(part.bias, part.compute_dtype)

    def _input_tensor(self, inputs: Float[np.ndarray, "B h w c"]) -> Any:
        dtype = self.model.declared.dtype
        whole = dtype is not None and dtype.kind in "iu"
        given = self.model.arrange_inputs(np.rint(inputs).astype(dtype) if whole else inputs)
        return self.keras.ops.convert_to_tensor(given)

    def _gradient_at(self, scalar: Callable[[Any], Any], at: Any) -> Float[np.ndarray, "B ..."]:
        with self.model.inference_mode():
            return self._to_float32(GRADIENTS[self.keras.backend.backend()](scalar, at))

    def _to_float32(self, tensor: Any) -> Float[np.ndarray, "..."]:
        return np.array(in_numpy(self.keras.ops.cast(tensor, "float32")), np.float32)

    def _channels_last(self, array: Float[np.ndarray, "B ..."]) -> Float[np.ndarray, "B ..."]:
        moved = self.model.channels_first and array.ndim == 4
        return array.transpose(0, 2, 3, 1) if moved else array

    def _shape_channels_last(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        moved = self.model.channels_first and len(shape) == 3
        return (shape[1], shape[2], shape[0]) if moved else shape


def graph_of(model: Any) -> Any | None:
    """The graph of layers behind a Functional or Sequential model; None where Python code calls them."""
    bases = {base.__name__ for base in type(model).__mro__ if of_keras(base)}
    if not bases & {"Functional", "Sequential"} or not of_keras(type(model).call):
        return None
    return model if "Functional" in bases else model._functional


def _all_layers(model: Any) -> Iterator[Any]:
    """Layers in the order of execution, as far as it is known, those within others included."""
    graph = graph_of(model)
    for part in graph.operations if graph is not None else model._flatten_layers(include_self=False):
        yield part
        if graph is not None and hasattr(part, "_flatten_layers"):
            yield from _all_layers(part)


def _replace_output(layer: str, last: int, tensor: Any) -> Visit:
    """Puts the tensor in the place of what the layer returns at its last call."""
    calls = itertools.count(1)

    def visit(name: str, _: Any, made: Any) -> Any:
        return tensor if name == layer and next(calls) == last else made

    return visit


def _first(shape: tuple[int, ...]) -> bool:
    """Whether the axes after the first look as if the channels came first."""
    return shape[1] in CHANNELS and shape[3] not in CHANNELS


def _tensorflow_gradient(scalar: Callable[[Any], Any], at: Any) -> Any:
    tf = importlib.import_module("tensorflow")

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(at)
        value = scalar(at)
    return tape.gradient(value, at, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _torch_gradient(scalar: Callable[[Any], Any], at: Any) -> Any:
    import torch

    with torch.enable_grad():
        at = at.detach().requires_grad_()
        value = scalar(at)
        return torch.autograd.grad(value, at, materialize_grads=True)[0]


def _jax_gradient(scalar: Callable[[Any], Any], at: Any) -> Any:
    import jax

    return jax.grad(scalar)(at)


GRADIENTS: Mapping[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    "tensorflow": _tensorflow_gradient,
    "torch": _torch_gradient,
    "jax": _jax_gradient,
}
