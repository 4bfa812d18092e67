"""a Keras model → Ask: images arranged as its input declares, asked in inference mode on any backend."""

import contextlib
import importlib
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Shaped

from sightline._optional import require
from sightline.adapters.inputs import InputSpec, arrange_images, in_batches, only_input
from sightline.errors import ModelError
from sightline.types import Network

SQUASHING = ("Softmax", "Sigmoid")
"""Layers and operations that are nothing else."""
ASKED_BY = ("predict", "predict_on_batch", "__call__")
KEPT = 8
"""Compiled functions kept for each model, one a size of image."""
# NumPy has no bfloat16, and a network in half precision rounds what it is given itself.
DTYPES = {name: np.dtype(name) for name in ("float32", "float64", "uint8", "int8", "int16", "int32", "int64")}
DTYPES |= {"float16": np.dtype("float32"), "bfloat16": np.dtype("float32")}


class KerasModel:
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

    class_names: tuple[str, ...] | None = None
    output = "network"

    def __init__(self, model: Any) -> None:
        self.keras = require("keras", extra="keras")
        self.model = model
        self.channels_first = _has_channels_first(model)
        self.declared = _input_spec(model, self.channels_first)
        _check_outputs(model)
        self.batch_size = self.declared.fixed_batch
        self._made_of = _parts_of(model)

    @property
    def outputs_probabilities(self) -> bool | None:
        """Whether a softmax or sigmoid comes last; None where the model's graph does not tell."""
        return _graph_squashes(self.model)

    def __repr__(self) -> str:
        axes = {2: "(B, H·W·C)", 3: "(B, H, W)", 4: "(B, C, H, W)" if self.channels_first else "(B, H, W, C)"}
        given = axes.get(len(self.declared.shape or ()), "they are")
        backend = self.keras.backend.backend()
        return (
            f"{type(self.model).__name__} of Keras on {backend}, {self.declared}, images given as {given} "
            f"{self.declared.dtype}"
        )

    def __call__(self, images: Any) -> Any:
        return in_batches(self._answer_batch, self.arrange_inputs(images), self.batch_size)

    def arrange_inputs(self, images: Any) -> Shaped[np.ndarray, "B ..."]:
        """The array that the model is given for images.

        Raises
        ------
        ModelError
            If size, channels or dtype do not fit.
        """
        batch = images if isinstance(images, np.ndarray) else in_numpy(images)
        named = self.declared
        # Where an image would fit either way, the model's own order of axes decides.
        whole = batch[..., np.newaxis] if batch.ndim == 3 else batch
        if self._fits_declared(whole):
            return arrange_images(whole, InputSpec(named.name, named.dtype, None))
        return arrange_images(batch, named)

    @contextlib.contextmanager
    def inference_mode(self) -> Iterator[None]:
        """On PyTorch: evaluation mode for modules within the model, put back after, and no gradients."""
        if self.keras.backend.backend() != "torch":
            yield
            return
        import torch

        from sightline.adapters.torch.model import evaluation_mode

        with evaluation_mode(self.model), torch.no_grad():
            yield

    def network(self) -> Network:
        """The model's inside."""
        from sightline.adapters.keras.network import KerasNetwork

        return KerasNetwork(self)

    def _fits_declared(self, images: Shaped[np.ndarray, "B ..."]) -> bool:
        """Whether the images are in the model's own axes, channels last."""
        want = self.declared.shape or ()
        fits = len(want) == images.ndim == 4 and not self.channels_first
        return fits and all(n in (None, have) for n, have in zip(want[1:], images.shape[1:], strict=True))

    def _answer_batch(self, given: Shaped[np.ndarray, "B ..."]) -> Shaped[np.ndarray, "..."]:
        backend = self.keras.backend.backend()
        if backend in COMPILING and not getattr(self.model, "run_eagerly", False):
            answered: np.ndarray = self._compiled_call(COMPILING[backend], given)(given)
            return answered
        with self.inference_mode():
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


def call_for_inference(model: Any, tensor: Any) -> Any:
    """The model's answer about a tensor as it takes it, in inference mode."""
    return single_output(model, model(pack_inputs(model, tensor), training=False))


def pack_inputs(model: Any, tensor: Any) -> Any:
    """The tensor in the list or dict of one input that some models are built with."""
    struct = getattr(model, "_inputs_struct", None)
    if not isinstance(struct, list | tuple | dict):
        return tensor
    return require("keras", extra="keras").tree.pack_sequence_as(struct, [tensor])


def single_output(model: Any, answered: Any) -> Any:
    """The one tensor of an answer, as float32 if it is in half precision.

    Raises
    ------
    ModelError
        If there are several.
    """
    keras = require("keras", extra="keras")
    parts = keras.tree.flatten(answered)
    if len(parts) != 1:
        raise _several_outputs(model, len(parts))
    half = keras.backend.standardize_dtype(parts[0].dtype) in ("float16", "bfloat16")
    return keras.ops.cast(parts[0], "float32") if half else parts[0]


def _compile_tensorflow(model: Callable[[], Any], shape: tuple[int | None, ...], dtype: Any) -> Compiled:
    tf = importlib.import_module("tensorflow")

    @tf.function(input_signature=[tf.TensorSpec(shape, dtype)], autograph=False)  # type: ignore[untyped-decorator]
    def asked(given: Any) -> Any:
        return call_for_inference(model(), given)

    return lambda given: asked(tf.convert_to_tensor(given)).numpy()


def _compile_jax(model: Callable[[], Any], shape: tuple[int | None, ...], dtype: Any) -> Compiled:
    import jax

    scope = require("keras", extra="keras").StatelessScope

    @jax.jit
    def asked(values: Any, given: Any) -> Any:
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


def _parts_of(model: Any) -> tuple[Any, ...]:
    """Tells whether a model was changed since its function was compiled: its layers, their activations."""
    parts = model._flatten_layers(include_self=False)
    return tuple((id(part), id(getattr(part, "activation", None))) for part in parts)


def in_numpy(tensor: Any) -> Shaped[np.ndarray, "..."]:
    """A tensor of any backend as an array."""
    # Keras' own way has NumPy ask PyTorch's tensors, which warns.
    return np.asarray(tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else tensor)


def keras_model(source: Any) -> Any | None:
    """The Keras model that a source is, or whose own `predict`, `predict_on_batch` or `__call__` it is.

    Keras is not imported to find out. None for anything else: a layer, a `predict` that a class overrides.

    Examples
    --------
    >>> keras_model(len) is None
    True
    """
    if _is_model(source):
        return source
    owner = getattr(source, "__self__", None)
    if not _is_model(owner) or getattr(source, "__name__", None) not in ASKED_BY:
        return None
    asks = ("predict_step",) if source.__name__ != "__call__" else ()
    own = all(of_keras(getattr(type(owner), name)) for name in (source.__name__, *asks))
    return owner if own else None


def _is_model(source: Any) -> bool:
    return any(base.__name__ == "Model" and of_keras(base) for base in type(source).__mro__)


def of_keras(thing: Any) -> bool:
    """Whether a class or function is Keras' own."""
    return str(thing.__module__).split(".", maxsplit=1)[0] == "keras"


def _graph_squashes(model: Any) -> bool | None:
    outputs = getattr(model, "outputs", None)
    if not outputs:
        return None
    last = outputs[0]._keras_history[0]
    if last is not model and getattr(last, "outputs", None):
        return _graph_squashes(last)
    activation = getattr(getattr(last, "activation", None), "__name__", None)
    if type(last).__name__ in SQUASHING or activation in ("softmax", "sigmoid"):
        return True
    return False if activation == "linear" else None


def _has_channels_first(model: Any) -> bool:
    """Whether the first layer that has an order of axes has the channels first."""
    for layer in model._flatten_layers(include_self=False):
        if hasattr(layer, "data_format") and layer.data_format is not None:
            return bool(layer.data_format == "channels_first")
    return False


def _input_spec(model: Any, channels_first: bool) -> InputSpec:
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
    return InputSpec("images", DTYPES[_input_dtype(model)], _open_shape(shape, channels_first))


def _input_dtype(model: Any) -> str:
    return str(model.compute_dtype) if model.compute_dtype in DTYPES else "float32"


def _open_shape(shape: Any, channels_first: bool) -> tuple[int | None, ...] | None:
    """What the first call of a subclassed model tells of its input: rank and channels, but no size."""
    if not isinstance(shape, tuple | list) or not all(n is None or isinstance(n, int) for n in shape):
        return None
    if len(shape) == 4:
        return (None, shape[1], None, None) if channels_first else (None, None, None, shape[3])
    return (None, None, None) if len(shape) == 3 else (None, *shape[1:])


def _check_outputs(model: Any) -> None:
    outputs = getattr(model, "outputs", None)
    if outputs and len(outputs) != 1:
        raise _several_outputs(model, len(outputs))


def _several_outputs(model: Any, count: int) -> ModelError:
    return ModelError(
        f"the Keras model {model.name!r} has {count} outputs, and it is not clear which holds the scores. "
        "Give keras.Model(model.inputs, model.outputs[0]), or a function that returns one of them.",
        slug="model-signature",
    )
