"""a Keras model → Backend: images arranged as its input declares, asked in inference mode on any backend."""

import importlib
import threading
import weakref
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from jaxtyping import Shaped

from sightline._optional import require
from sightline.adapters.inputs import Lengths, image_lengths_of, in_batches
from sightline.adapters.keras.graph import (
    KerasInput,
    Tensor,
    call_for_inference,
    graph_end,
    in_numpy,
    inference_mode,
    of_keras,
    several_outputs,
    trained_on_values,
)
from sightline.adapters.keras.network import KerasNetwork, randomised_clone
from sightline.types import Backend, End, MapLayer

if TYPE_CHECKING:
    import keras

ASKED_BY = ("predict", "predict_on_batch", "__call__")
KEPT = 8
"""Compiled functions kept for each model, one a size of image."""


class KerasModel(Backend):
    """A Keras 3 model on whichever backend is active, asked in inference mode; its state stays as it is.

    Arrays (B, H, W) and (B, H, W, C), or tensors that a preprocessing returns, are brought to the axes of
    the model's input: a grey image gets a channel axis, and channels go first where the model's
    `data_format` says so. Values are cast to the input's dtype, never scaled; answers in half precision
    come back as float32. The call is compiled once for each size of image: on TensorFlow for any number
    of images, on JAX for numbers that are powers of two, up to which a batch is filled with its last image.
    A model compiled with ``run_eagerly=True`` is called as it is.

    Parameters
    ----------
    model : keras.Model
        Functional, Sequential or subclassed, with its weights.

    Raises
    ------
    ModelError
        If it has no weights yet, or not exactly one input and one output.
    """

    output = "network"
    is_white_box = True
    is_costly = True

    def __init__(self, model: "keras.Model") -> None:
        self.keras = require("keras", extra="keras")
        self.model = model
        self.input = KerasInput(model)
        outputs = getattr(model, "outputs", None)
        if outputs and len(outputs) != 1:
            raise several_outputs(model, len(outputs))
        self.batch_size = self.input.spec.fixed_batch
        self._map_layers: dict[Hashable, MapLayer] = {}
        self._made_of = _parts_of(model)

    @property
    def output_end(self) -> End | None:
        """What the model's graph ends in, and was trained for; None where that does not tell."""
        end = graph_end(self.model)
        single = end == "logit" and self.model.outputs[0].shape[-1] == 1
        return "value" if single and trained_on_values(self.model) else end

    @property
    def image_lengths(self) -> Lengths | None:
        """As the model's input tells."""
        return image_lengths_of(self.input.spec.shape, channels_first=self.input.channels_first)

    def __repr__(self) -> str:
        spec, first = self.input.spec, self.input.channels_first
        axes = {2: "(B, H·W·C)", 3: "(B, H, W)", 4: "(B, C, H, W)" if first else "(B, H, W, C)"}
        given = axes.get(len(spec.shape or ()), "they are")
        backend = self.keras.backend.backend()
        return (
            f"{type(self.model).__name__} of Keras on {backend}, {spec}, images given as {given} {spec.dtype}"
        )

    def __call__(self, images: object) -> object:
        return in_batches(self._answer_batch, self.input.arrange(images), self.batch_size)

    def network(self, preprocess: Callable[[Any], Any] | None = None) -> KerasNetwork:
        """The model's inside."""
        return KerasNetwork(self.model, self.input, self._map_layers, preprocess)

    def randomised_copy(self, seed: int) -> "KerasModel":
        """A copy of the model with every weight drawn anew."""
        return KerasModel(randomised_clone(self.model, seed))

    def _answer_batch(self, given: Shaped[np.ndarray, "B ..."]) -> Shaped[np.ndarray, "..."]:
        backend = self.keras.backend.backend()
        if backend in COMPILING and not getattr(self.model, "run_eagerly", False):
            answered: np.ndarray = self._compiled_call(COMPILING[backend], given)(given)
            return answered
        with inference_mode(self.model):
            return in_numpy(call_for_inference(self.model, self.keras.ops.convert_to_tensor(given)))

    def _compiled_call(self, compiling: "Compiling", given: Shaped[np.ndarray, "B ..."]) -> "Compiled":
        """The function for this size of image, made at its first call and kept as long as the model."""
        key = (given.shape[1:], given.dtype, self._made_of)
        with _MAKING:
            kept = _COMPILED.setdefault(self.model, {})
            if key not in kept:
                if len(kept) == KEPT:
                    del kept[next(iter(kept))]
                kept[key] = compiling(
                    weakref.ref(self.model), (self.batch_size, *given.shape[1:]), given.dtype
                )
            return kept[key]


Compiled: TypeAlias = Callable[[Any], Any]
Compiling: TypeAlias = Callable[[Callable[[], Any], tuple[int | None, ...], Any], Compiled]

_MAKING = threading.Lock()
_COMPILED: "weakref.WeakKeyDictionary[Any, dict[Any, Compiled]]" = weakref.WeakKeyDictionary()
"""Compiled functions of each model; they hold it weakly, and go when it goes."""


def _compile_tensorflow(
    model: Callable[[], Any], shape: tuple[int | None, ...], dtype: np.dtype[Any]
) -> Compiled:
    tf = importlib.import_module("tensorflow")

    @tf.function(input_signature=[tf.TensorSpec(shape, dtype)], autograph=False)  # type: ignore[untyped-decorator]
    def asked(given: Tensor) -> Any:
        return call_for_inference(model(), given)

    # Called as it was traced: else TensorFlow warns of functions for many sizes as of one traced too often.
    traced = asked.get_concrete_function()
    return lambda given: traced(tf.convert_to_tensor(given)).numpy()


def _compile_jax(model: Callable[[], Any], shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> Compiled:
    import jax

    scope = require("keras", extra="keras").StatelessScope

    @jax.jit
    def asked(values: list[Tensor], given: Tensor) -> Any:
        with scope(state_mapping=list(zip(model().variables, values, strict=True))):
            return call_for_inference(model(), given)

    def whole(given: Shaped[np.ndarray, "B ..."]) -> Shaped[np.ndarray, "..."]:
        # Handed over anew each time, since a compiled function keeps what it refers to as it was.
        values = [variable.value for variable in model().variables]
        return np.asarray(asked(values, _pad_to_power_of_two(given)))[: len(given)]

    return whole


COMPILING: Mapping[str, Compiling] = {"tensorflow": _compile_tensorflow, "jax": _compile_jax}


def _pad_to_power_of_two(given: Shaped[np.ndarray, "B ..."]) -> Shaped[np.ndarray, "P ..."]:
    """Up to a power of two, with the last image."""
    missing = (1 << (len(given) - 1).bit_length()) - len(given)
    return np.concatenate([given, given[-1:].repeat(missing, axis=0)]) if missing else given


def _parts_of(model: "keras.Model") -> tuple[Any, ...]:
    """Tells whether a model was changed since its function was compiled: its layers, their activations."""
    parts = model._flatten_layers(include_self=False)
    return tuple((id(part), id(getattr(part, "activation", None))) for part in parts)


def keras_model(source: object) -> Any | None:
    """The Keras model that a source is, or whose own `predict`, `predict_on_batch` or `__call__` it is.

    Keras is not imported to find out. None for anything else: a layer, a `predict` that a class overrides.

    Examples
    --------
    >>> keras_model(len) is None
    True
    """
    if _is_model(source):
        return source
    owner, name = getattr(source, "__self__", None), getattr(source, "__name__", "")
    if not _is_model(owner) or name not in ASKED_BY:
        return None
    asks = ("predict_step",) if name != "__call__" else ()
    own = all(of_keras(getattr(type(owner), one)) for one in (name, *asks))
    return owner if own else None


def _is_model(source: object) -> bool:
    return any(base.__name__ == "Model" and of_keras(base) for base in type(source).__mro__)
