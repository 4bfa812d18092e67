"""a Keras model → its inside: activations and gradients on any backend, channels last, in NumPy."""

import dataclasses
import importlib
import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from jaxtyping import Float

from sightline._optional import require
from sightline.adapters.inputs import looks_channels_first
from sightline.adapters.keras.graph import (
    KerasInput,
    Layer,
    Tensor,
    all_layers,
    call_for_inference,
    graph_of,
    in_numpy,
    inference_mode,
    of_keras,
    pack_inputs,
    single_output,
)
from sightline.adapters.map_layers import (
    MapChoice,
    TracedTensor,
    halves_changed,
    no_map_error,
    remembered_layer,
    same_score,
)
from sightline.errors import ModelError
from sightline.types import NO_LAYER_NEEDED, Activations, Inputs, MapLayer, Reshape, Weights, did_you_mean

if TYPE_CHECKING:
    import keras

Visit: TypeAlias = Callable[[str, Layer, Any, Tensor], Tensor]
"""Name of a layer, the layer, what it was given and what it returned → what goes on in place of that."""
ENTRANCE = "/"
"""Stands for what a graph makes of its inputs before its first layer, at the end of names."""
SQUASHING = ("Softmax", "Sigmoid", "LogSigmoid")
"""Layers and operations that are nothing else."""


class KerasNetwork:
    """The inside of a Keras model; `sightline.types.Network` says what each call gives.

    The outputs are the scores before a softmax or sigmoid that ends the model, as the activation of its
    last `Dense` layer or as a layer of its own, since the gradients of a saturated one vanish. Elsewhere,
    and in a subclassed model, whose layers are called by Python code, they are what the model returns.

    Layers have their own names; those of a model within the model are also there, as ``"base/conv"``. A
    layer that is called several times stands for its last call. A subclassed model has no layers to look
    at, but its `input_gradients` are known.

    Parameters
    ----------
    model : keras.Model
    declared : KerasInput
        What it takes.
    known_layers : dict
        The map layers that were found for the model before; further ones are kept there.
    preprocess : callable, optional
        What comes before it: images → what the model is given.
    """

    def __init__(
        self,
        model: "keras.Model",
        declared: KerasInput,
        known_layers: dict[Hashable, MapLayer],
        preprocess: Callable[[Any], Any] | None = None,
    ) -> None:
        self.keras = require("keras", extra="keras")
        self.model = model
        self.input = declared
        self.known_layers = known_layers
        self.preprocess = preprocess

    def prepare_inputs(self, images: object) -> Inputs:
        """What the model is given for images."""
        batch = in_numpy(images if self.preprocess is None else self.preprocess(images))
        given = self.input.arrange(batch)
        batch = batch[..., np.newaxis] if batch.ndim == 3 else batch
        if given.shape == batch.shape and self.input.channels_first and looks_channels_first(batch.shape):
            batch = batch.transpose(0, 2, 3, 1)  # as a preprocessing left them
        return np.ascontiguousarray(batch, np.float32)

    def raw_outputs(self, inputs: Inputs) -> Float[np.ndarray, "B R"]:
        """Raw outputs, before a last softmax or sigmoid."""
        with inference_mode(self.model):
            return self._to_float32(self._raw_scores(self._input_tensor(inputs)))

    def layer_shapes(self, inputs: Inputs) -> dict[str, tuple[int, ...]]:
        """Every layer and operation of the graph that returns one tensor, in the order of execution."""
        seen: dict[str, tuple[int, ...]] = {}

        def note(name: str, _: Layer, __: Tensor, made: Tensor) -> Tensor:
            if hasattr(made, "shape") and not name.endswith(ENTRANCE):
                seen.pop(name, None)
                seen[name] = self._shape_channels_last(tuple(made.shape[1:]))
            return made

        with inference_mode(self.model):
            self._raw_scores(self._input_tensor(inputs[:1]), note)
        return seen

    def last_map_layer(self, inputs: Inputs, weights: Weights) -> MapLayer:
        """The last layer or operation of the graph with extent and all of the score in it."""
        key = (inputs.shape[1:], weights.tobytes())
        return remembered_layer(self.known_layers, key, lambda: self._find_map_layer(inputs, weights))

    def _find_map_layer(self, inputs: Inputs, weights: Weights) -> MapLayer:
        batch = halves_changed(inputs)
        given = self._input_tensor(batch)
        trace = GraphTrace(given)
        with inference_mode(self.model):
            outputs = self._raw_scores(given, trace)
        scores = self._to_float32(outputs).reshape(len(batch), -1) @ weights
        calls = len(batch)

        def activations(name: str) -> Activations:
            return self._channels_last(self._to_float32(trace.made[name]))

        def replaced(name: str, tensor: Tensor) -> Visit:
            return _replace_output(name, trace.calls[name], tensor)

        def hangs_on_patches(name: str, reshape: Reshape) -> bool:
            nonlocal calls
            calls += 1
            gradient = self._gradient_at(
                lambda x: self._weighted_score(given[:1], weights, replaced(name, x)), trace.made[name][:1]
            )
            return bool(reshape(gradient).any() or not gradient.any())

        def is_whole(name: str) -> bool:
            nonlocal calls
            calls += 1
            with inference_mode(self.model):
                found = self._weighted_score(given[5:], weights, replaced(name, trace.made[name][:1]))
            return same_score(float(self._to_float32(found)), float(scores[0]), float(scores[5]))

        traced = trace.tensors(self._shape_channels_last)
        choice = MapChoice(
            traced, trace.parents, id(given), id(outputs), inputs.shape[1:3], trace.is_learned, trace.is_mixed
        )
        found = choice.choose(activations, hangs_on_patches, is_whole, turns=False)
        if found is None:
            raise no_map_error(f"the Keras model {self.model.name!r}", choice.parts(), choice.reasons)
        return dataclasses.replace(found, calls=calls)

    def input_gradients(self, inputs: Inputs, weights: Weights) -> Inputs:
        """Gradients with respect to the inputs."""
        given = self._input_tensor(inputs)
        kind = self.keras.backend.standardize_dtype(given.dtype)
        if not kind.startswith("float"):
            raise ModelError(
                f"the model's {self.input.spec} takes {kind}, through which no gradient goes. Use a "
                "method that looks at a layer, such as grad-cam, or build the model with a float input.",
                slug="inside-layers",
            )
        slopes = self._gradient_at(lambda x: self._weighted_score(x, weights), given)
        moved = slopes.ndim == 4 and (self.input.channels_first or slopes.shape != inputs.shape)
        return slopes.transpose(0, 2, 3, 1) if moved else slopes.reshape(inputs.shape)

    def activations_and_gradients(
        self, inputs: Inputs, layer: str, weights: Weights
    ) -> tuple[Activations, Activations]:
        """Activations of a layer and the gradients with respect to them."""
        found: list[Tensor] = []

        def note(name: str, _: Layer, __: Tensor, made: Tensor) -> Tensor:
            if name == layer:
                found.append(made)
            return made

        given = self._input_tensor(inputs)
        with inference_mode(self.model):
            self._raw_scores(given, note)
        if not found:
            raise ModelError(
                f"the Keras model {self.model.name!r} has no layer {layer!r}. "
                f"{did_you_mean(layer, self.layer_shapes(inputs))}",
                slug="inside-layers",
            )
        gradient = self._gradient_at(
            lambda x: self._weighted_score(given, weights, _replace_output(layer, len(found), x)), found[-1]
        )
        return self._channels_last(self._to_float32(found[-1])), self._channels_last(gradient)

    def classifier_head(self) -> tuple[Float[np.ndarray, "C R"], Float[np.ndarray, "R"]]:
        """Kernel and offsets of the last `Dense` layer."""
        for part in reversed(list(all_layers(self.model))):
            if isinstance(part, self.keras.layers.Dense):
                kernel = self._to_float32(part.kernel)
                no_bias = np.zeros(kernel.shape[1], np.float32)
                return kernel, no_bias if part.bias is None else self._to_float32(part.bias)
        raise ModelError(
            f"the Keras model {self.model.name!r} has no fully connected layer, which cam needs: "
            "use grad-cam.",
            slug="inside-layers",
        )

    def _weighted_score(self, given: Tensor, weights: Weights, visit: Visit | None = None) -> Tensor:
        ops = self.keras.ops
        scores = ops.cast(self._raw_scores(given, visit), "float32")
        return ops.sum(ops.reshape(scores, (-1, len(weights))) * ops.convert_to_tensor(weights))

    def _raw_scores(self, given: Tensor, visit: Visit | None = None) -> Tensor:
        """Scores before a last softmax or sigmoid; `visit` may put another tensor in place of a layer's."""
        graph = graph_of(self.model)
        if graph is not None:
            whole = pack_inputs(self.model, given)
            return single_output(
                self.model, self._run_graph(graph, whole, visit or (lambda _, __, ___, made: made))
            )
        if visit is None:
            return call_for_inference(self.model, given)
        raise ModelError(
            f"the Keras model {self.model.name!r} calls its layers in Python code, so that none can be "
            "looked at. Give it as a graph: inputs = keras.Input(shape), then keras.Model(inputs, "
            f"model.call(inputs)). Or use another method: {NO_LAYER_NEEDED}.",
            slug="inside-layers",
        )

    def _run_graph(
        self, graph: "keras.Model", given: Tensor, visit: Visit, within: str = "", place: int | None = 0
    ) -> Tensor:
        """Run a graph layer by layer, and the models within it likewise.

        `place` is which of its outputs are the scores, None if they are made of these.
        """
        last, _, taken = (None, 0, None) if place is None else graph.outputs[place]._keras_history

        def step(part: Layer) -> Callable[..., Any]:
            name, final = within + part.name, part is last
            inner = graph_of(part)

            def run(*given: Tensor, **named: Any) -> Tensor:
                if inner is not None and len(given) == 1:
                    made = self._run_graph(inner, given[0], visit, f"{name}/", taken if final else None)
                elif final and self._is_squashing(part):
                    made = self._without_squashing(part, given[0])
                else:
                    mode = {"training": False} if isinstance(part, self.keras.layers.Layer) else {}
                    made = part(*given, **named | mode)
                return visit(name, part, (given, named), made)

            return run

        whole = graph._standardize_inputs(given)
        for one in self.keras.tree.flatten(whole):
            visit(within + ENTRANCE, graph, given, one)
        made = graph._run_through_graph(whole, operation_fn=step)
        return made[0] if isinstance(made, list | tuple) and len(made) == 1 else made

    def _is_squashing(self, part: Layer) -> bool:
        if not of_keras(type(part)):
            return False
        named = self.keras.activations
        squashing = (named.softmax, named.sigmoid, named.log_sigmoid)
        return type(part).__name__ in SQUASHING or getattr(part, "activation", None) in squashing

    def _without_squashing(self, part: Layer, given: Tensor) -> Tensor:
        """What a layer returns but for its softmax or sigmoid."""
        if not isinstance(part, self.keras.layers.Dense):
            return given
        ops = self.keras.ops
        product = ops.matmul(*(ops.cast(one, part.compute_dtype) for one in (given, part.kernel)))
        return product if part.bias is None else product + ops.cast(part.bias, part.compute_dtype)

    def _input_tensor(self, inputs: Inputs) -> Tensor:
        dtype = self.input.spec.dtype
        whole = dtype is not None and dtype.kind in "iu"
        given = self.input.arrange(np.rint(inputs).astype(dtype) if whole else inputs)
        return self.keras.ops.convert_to_tensor(given)

    def _gradient_at(self, scalar: Callable[[Tensor], Tensor], at: Tensor) -> Float[np.ndarray, "B ..."]:
        with inference_mode(self.model):
            return self._to_float32(GRADIENTS[self.keras.backend.backend()](scalar, at))

    def _to_float32(self, tensor: Tensor) -> Float[np.ndarray, "..."]:
        return np.array(in_numpy(self.keras.ops.cast(tensor, "float32")), np.float32)

    def _channels_last(self, array: Float[np.ndarray, "B ..."]) -> Float[np.ndarray, "B ..."]:
        moved = self.input.channels_first and array.ndim == 4
        return array.transpose(0, 2, 3, 1) if moved else array

    def _shape_channels_last(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        moved = self.input.channels_first and len(shape) == 3
        return (shape[1], shape[2], shape[0]) if moved else shape


class GraphTrace:
    """What each layer and operation of a graph is made of, in one forward pass: a `Visit` that takes notes.

    Parameters
    ----------
    inputs : tensor
    """

    def __init__(self, inputs: Tensor) -> None:
        self.kept: list[Tensor] = [inputs]  # as long as they are, no other tensor has their id
        self.made: dict[str, Tensor] = {}
        self.parts: dict[str, Layer] = {}
        self.calls: Counter[str] = Counter()
        self.before: dict[int, list[int]] = {id(inputs): []}
        self.by: dict[int, Layer] = {}

    def __call__(self, name: str, part: Layer, given: Any, made: Tensor) -> Tensor:
        tree = require("keras", extra="keras").tree
        self.kept.append(made)
        for one in tree.flatten(made):
            # What is known already passed through unchanged, as out of a model within the model.
            if id(one) not in self.before:
                tensors = [each for each in tree.flatten(given) if hasattr(each, "shape")]
                self.before[id(one)], self.by[id(one)] = [id(each) for each in tensors], part
        if not name.endswith(ENTRANCE):
            self.calls[name] += 1
            self.made.pop(name, None)
            if hasattr(made, "shape"):
                self.made[name], self.parts[name] = made, part
        return made

    def parents(self, place: int) -> list[int]:
        """What a tensor is made of, by their ids."""
        return self.before.get(place, [])

    def tensors(self, channels_last: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Iterator[TracedTensor]:
        """What has to be known of each to choose a layer."""
        for name, made in self.made.items():
            shape = (made.shape[0], *channels_last(tuple(made.shape[1:])))
            grid = (int(shape[1]), int(shape[2])) if len(shape) == 4 else None
            kind = type(self.by.get(id(made))).__name__
            same = ("Reshape", "Permute", "Flatten", "Transpose") if grid is None else SCALED
            says_more = not any(word in kind for word in same)
            yield TracedTensor(name, id(made), shape, grid, says_more, name.count("/"))

    def is_learned(self, places: set[int]) -> bool:
        """Whether something with a kernel, or of the user's own, is among some places."""
        parts = [self.by[place] for place in places if place in self.by]
        return any(not of_keras(type(one)) or _has_kernel(one) for one in parts)

    def is_mixed(self, places: set[int]) -> bool:
        """Whether attention, or another product of tensors with one another, is among some places."""
        kinds = {type(self.by[place]).__name__ for place in places if place in self.by}
        return any(word in kind for kind in kinds for word in ("Attention", "Einsum", "Matmul"))


SCALED = ("Pool", "UpSampling", "Resizing", "Resize")
"""What gives another map at a coarser or finer scale, which says no more than that one."""


def _has_kernel(part: Layer) -> bool:
    learns = any(len(weight.shape) > 1 for weight in getattr(part, "weights", ()))
    return learns or any(word in type(part).__name__ for word in ("Conv", "Matmul", "Einsum"))


def fresh_clone(model: "keras.Model") -> "keras.Model":
    """A copy of a model with weights of its own, drawn anew.

    Raises
    ------
    ModelError
        If its class says nothing of how it is built.
    """
    # Without its losses and optimizer, which a copy would take along and some of which cannot be copied.
    bare = object.__new__(type(model))
    bare.__dict__.update(model.__dict__, compiled=False)
    try:
        return require("keras", extra="keras").models.clone_model(bare)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ModelError(
            f"the Keras model {model.name!r} cannot be copied: {str(error).strip().splitlines()[0]} Give its "
            "class a get_config, or build the model from keras.Input.",
            slug="inside-copy",
        ) from error


def randomised_clone(model: "keras.Model", seed: int) -> "keras.Model":
    """A copy of a model, initialised anew; what a `Normalization` learned of the data is kept.

    Kernels are drawn from Glorot's normal distribution by NumPy's generator of that seed, so that the
    global ones have no part in it; offsets and statistics are as for a new model.

    Raises
    ------
    ModelError
        If its class says nothing of how it is built.
    """
    made = fresh_clone(model)
    rng = np.random.default_rng(seed)
    for weight in made.weights:
        if len(weight.shape) > 1:
            *places, ins, outs = weight.shape
            spread = np.sqrt(2 / (np.prod(places, initial=1) * (ins + outs)))
            weight.assign(rng.normal(0, spread, weight.shape).astype(np.float32))
    for old, new in zip(_normalizations(model), _normalizations(made), strict=True):
        for learned, weight in zip(old.weights, new.weights, strict=True):
            weight.assign(learned.value)
        new.finalize_state()
    return made


def _normalizations(model: "keras.Model") -> "list[keras.layers.Normalization]":
    kind = require("keras", extra="keras").layers.Normalization
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]


def _replace_output(layer: str, last: int, tensor: Tensor) -> Visit:
    """Puts the tensor in the place of what the layer returns at its last call."""
    calls = itertools.count(1)

    def visit(name: str, _: Layer, __: Tensor, made: Tensor) -> Tensor:
        return tensor if name == layer and next(calls) == last else made

    return visit


def _tensorflow_gradient(scalar: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    tf = importlib.import_module("tensorflow")

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(at)
        value = scalar(at)
    return tape.gradient(value, at, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _torch_gradient(scalar: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    import torch

    from sightline.adapters.torch.modules import with_gradients

    with with_gradients():
        at = at.detach().requires_grad_()
        value = scalar(at)
        return torch.autograd.grad(value, at, materialize_grads=True)[0]


def _jax_gradient(scalar: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    import jax

    return jax.grad(scalar)(at)


GRADIENTS: Mapping[str, Callable[[Callable[[Tensor], Tensor], Any], Any]] = {
    "tensorflow": _tensorflow_gradient,
    "torch": _torch_gradient,
    "jax": _jax_gradient,
}
