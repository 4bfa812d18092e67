"""a Keras model → its inside: activations and gradients on any backend, channels last, in NumPy."""

import importlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from sightline.adapters.keras import SQUASHING, KerasModel, answer, in_numpy, of_keras, packed, single
from sightline.adapters.layout import CHANNELS
from sightline.errors import ModelError
from sightline.types import nearest

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

    def inputs(self, images: Any) -> Float[np.ndarray, "B h w c"]:
        """What the model is given for images."""
        given = self.model.given(images)
        pictures = images if isinstance(images, np.ndarray) else in_numpy(images)
        pictures = pictures[..., np.newaxis] if pictures.ndim == 3 else pictures
        if given.shape == pictures.shape and self.model.channels_first and _first(pictures.shape):
            pictures = pictures.transpose(0, 2, 3, 1)  # as a preprocessing left them
        return np.ascontiguousarray(pictures, np.float32)

    def outputs(self, inputs: Float[np.ndarray, "B h w c"]) -> Float[np.ndarray, "B R"]:
        """Raw outputs, before a last softmax or sigmoid."""
        with self.model.calm():
            return self._numpy(self._scores(self._tensor(inputs)))

    def layers(self, inputs: Float[np.ndarray, "B h w c"]) -> dict[str, tuple[int, ...]]:
        """Every layer and operation of the graph that returns one tensor, in the order of execution."""
        return {name: shape for name, (_, shape) in self._run(inputs).items()}

    def convolution(self, inputs: Float[np.ndarray, "B h w c"]) -> str:
        """The convolution, or the model within the model that holds one, that is run last with an extent."""
        found: list[str] = []
        for name, (kind, shape) in self._run(inputs).items():
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

    def slopes(
        self, inputs: Float[np.ndarray, "B h w c"], weights: Float[np.ndarray, "R"]
    ) -> Float[np.ndarray, "B h w c"]:
        """Gradients with respect to the inputs."""
        given = self._tensor(inputs)
        kind = self.keras.backend.standardize_dtype(given.dtype)
        if not kind.startswith("float"):
            raise ModelError(
                f"the model's {self.model.declared} takes {kind}, through which no gradient goes. Use a "
                "method that looks at a layer, such as grad-cam, or build the model with a float input.",
                slug="inside-layers",
            )
        slopes = self._gradient(lambda x: self._scalar(x, weights), given)
        moved = slopes.ndim == 4 and (self.model.channels_first or slopes.shape != inputs.shape)
        return slopes.transpose(0, 2, 3, 1) if moved else slopes.reshape(inputs.shape)

    def look(
        self, inputs: Float[np.ndarray, "B h w c"], layer: str, weights: Float[np.ndarray, "R"]
    ) -> tuple[Float[np.ndarray, "B ... C"], Float[np.ndarray, "B ... C"]]:
        """Activations of a layer and the gradients with respect to them."""
        found: list[Any] = []

        def note(name: str, _: Any, made: Any) -> Any:
            if name == layer:
                found.append(made)
            return made

        given = self._tensor(inputs)
        with self.model.calm():
            self._scores(given, note)
        if not found:
            raise ModelError(
                f"the Keras model {self.network.name!r} has no layer {layer!r}. "
                f"{nearest(layer, self.layers(inputs))}",
                slug="inside-layers",
            )
        gradient = self._gradient(
            lambda x: self._scalar(given, weights, _instead(layer, len(found), x)), found[-1]
        )
        return self._last(self._numpy(found[-1])), self._last(gradient)

    def dense(self) -> tuple[Float[np.ndarray, "C R"], Float[np.ndarray, "R"]]:
        """Kernel and offsets of the last `Dense` layer."""
        for part in reversed(list(_parts(self.network))):
            if isinstance(part, self.keras.layers.Dense):
                kernel = self._numpy(part.kernel)
                return kernel, np.zeros(kernel.shape[1], np.float32) if part.bias is None else self._numpy(
                    part.bias
                )
        raise ModelError(
            f"the Keras model {self.network.name!r} has no fully connected layer, which cam needs: "
            "use grad-cam.",
            slug="inside-layers",
        )

    def randomised(self, seed: int) -> Any:
        """A copy of the model, initialised anew; what a `Normalization` learned of the data is kept.

        Kernels are drawn from Glorot's normal distribution by NumPy's generator of that seed, so that the
        global ones have no part in it; offsets and statistics are as for a new model.
        """
        made = self.cloned()
        rng = np.random.default_rng(seed)
        for weight in made.weights:
            if len(weight.shape) > 1:
                *places, ins, outs = weight.shape
                spread = np.sqrt(2 / (np.prod(places, initial=1) * (ins + outs)))
                weight.assign(rng.normal(0, spread, weight.shape).astype(np.float32))
        for old, new in zip(*(self._normalisations(one) for one in (self.network, made)), strict=True):
            for learned, weight in zip(old.weights, new.weights, strict=True):
                weight.assign(learned.value)
            new.finalize_state()
        return made

    def _normalisations(self, model: Any) -> list[Any]:
        return [one for one in model._flatten_layers() if isinstance(one, self.keras.layers.Normalization)]

    def cloned(self) -> Any:
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

    def _run(self, inputs: Float[np.ndarray, "B h w c"]) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Kind and shape, channels last, of what each layer returns for one image."""
        seen: dict[str, tuple[str, tuple[int, ...]]] = {}

        def note(name: str, part: Any, made: Any) -> Any:
            if hasattr(made, "shape"):
                seen.pop(name, None)
                seen[name] = (type(part).__name__, self._last_axes(tuple(made.shape[1:])))
            return made

        with self.model.calm():
            self._scores(self._tensor(inputs[:1]), note)
        return seen

    def _scalar(self, given: Any, weights: Float[np.ndarray, "R"], visit: Visit | None = None) -> Any:
        ops = self.keras.ops
        scores = ops.cast(self._scores(given, visit), "float32")
        return ops.sum(ops.reshape(scores, (-1, len(weights))) * ops.convert_to_tensor(weights))

    def _scores(self, given: Any, visit: Visit | None = None) -> Any:
        """Scores before a last softmax or sigmoid; `visit` may put another tensor in place of a layer's."""
        graph = graph_of(self.network)
        if graph is not None:
            whole = packed(self.network, given)
            return single(self.network, self._through(graph, whole, visit or (lambda _, __, made: made)))
        if visit is None:
            return answer(self.network, given)
        raise ModelError(
            f"the Keras model {self.network.name!r} calls its layers in Python code, so that none can be "
            "looked at. Give it as a graph: inputs = keras.Input(shape), then keras.Model(inputs, "
            f"model.call(inputs)). Or use another method: {ANSWERS_ONLY}.",
            slug="inside-layers",
        )

    def _through(self, graph: Any, given: Any, visit: Visit, within: str = "", last: bool = True) -> Any:
        """Run a graph layer by layer, and the models within it likewise."""
        (end,) = graph.outputs if len(graph.outputs) == 1 else (None,)

        def step(part: Any) -> Callable[..., Any]:
            name, final = within + part.name, last and end is not None and part is end._keras_history[0]
            inner = graph_of(part)

            def run(*given: Any, **named: Any) -> Any:
                if inner is not None and len(given) == 1:
                    made = self._through(inner, given[0], visit, f"{name}/", final)
                elif final and self._squashes(part):
                    made = self._unsquashed(part, given[0])
                else:
                    mode = {"training": False} if isinstance(part, self.keras.layers.Layer) else {}
                    made = part(*given, **named | mode)
                return visit(name, part, made)

            return run

        made = graph._run_through_graph(graph._standardize_inputs(given), operation_fn=step)
        return made[0] if isinstance(made, list | tuple) and len(made) == 1 else made

    def _squashes(self, part: Any) -> bool:
        if not of_keras(type(part)):
            return False
        named = self.keras.activations
        return type(part).__name__ in SQUASHING or getattr(part, "activation", None) in (
            named.softmax,
            named.sigmoid,
        )

    def _unsquashed(self, part: Any, given: Any) -> Any:
        """What a layer returns but for its softmax or sigmoid."""
        if not isinstance(part, self.keras.layers.Dense):
            return given
        ops = self.keras.ops
        product = ops.matmul(*(ops.cast(one, part.compute_dtype) for one in (given, part.kernel)))
        return product if part.bias is None else product + ops.cast(part.bias, part.compute_dtype)

    def _tensor(self, inputs: Float[np.ndarray, "B h w c"]) -> Any:
        dtype = self.model.declared.dtype
        whole = dtype is not None and dtype.kind in "iu"
        given = self.model.given(np.rint(inputs).astype(dtype) if whole else inputs)
        return self.keras.ops.convert_to_tensor(given)

    def _gradient(self, scalar: Callable[[Any], Any], at: Any) -> Float[np.ndarray, "B ..."]:
        with self.model.calm():
            return self._numpy(GRADIENTS[self.keras.backend.backend()](scalar, at))

    def _numpy(self, tensor: Any) -> Float[np.ndarray, "..."]:
        return np.array(in_numpy(self.keras.ops.cast(tensor, "float32")), np.float32)

    def _last(self, array: Float[np.ndarray, "B ..."]) -> Float[np.ndarray, "B ..."]:
        moved = self.model.channels_first and array.ndim == 4
        return array.transpose(0, 2, 3, 1) if moved else array

    def _last_axes(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        moved = self.model.channels_first and len(shape) == 3
        return (shape[1], shape[2], shape[0]) if moved else shape


def graph_of(model: Any) -> Any | None:
    """The graph of layers behind a Functional or Sequential model; None where Python code calls them."""
    bases = {base.__name__ for base in type(model).__mro__ if of_keras(base)}
    if not bases & {"Functional", "Sequential"} or not of_keras(type(model).call):
        return None
    return model if "Functional" in bases else model._functional


def _parts(model: Any) -> Iterator[Any]:
    """Layers in the order of execution, as far as it is known, those within others included."""
    graph = graph_of(model)
    for part in graph.operations if graph is not None else model._flatten_layers(include_self=False):
        yield part
        if graph is not None and hasattr(part, "_flatten_layers"):
            yield from _parts(part)


def _instead(layer: str, last: int, tensor: Any) -> Visit:
    """Puts the tensor in the place of what the layer returns at its last call."""
    calls = itertools.count(1)

    def visit(name: str, _: Any, made: Any) -> Any:
        return tensor if name == layer and next(calls) == last else made

    return visit


def _first(shape: tuple[int, ...]) -> bool:
    """Whether the axes after the first look as if the channels came first."""
    return shape[1] in CHANNELS and shape[3] not in CHANNELS


def _in_tensorflow(scalar: Callable[[Any], Any], at: Any) -> Any:
    tf = importlib.import_module("tensorflow")

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(at)
        value = scalar(at)
    return tape.gradient(value, at, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _in_torch(scalar: Callable[[Any], Any], at: Any) -> Any:
    import torch

    with torch.enable_grad():
        at = at.detach().requires_grad_()
        value = scalar(at)
        return torch.autograd.grad(value, at, materialize_grads=True)[0]


def _in_jax(scalar: Callable[[Any], Any], at: Any) -> Any:
    import jax

    return jax.grad(scalar)(at)


GRADIENTS: Mapping[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    "tensorflow": _in_tensorflow,
    "torch": _in_torch,
    "jax": _in_jax,
}
