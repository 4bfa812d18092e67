"""a Keras model and images → a copy of it that learned from them."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Shaped

from sightline._batch_sizes import batch_ranges
from sightline._files import write_arrays
from sightline._limits import read_arrays
from sightline._optional import require
from sightline._progress_file import tell_progress
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.keras.graph import in_numpy, pack_inputs
from sightline.adapters.keras.model import KerasModel
from sightline.adapters.keras.network import fresh_clone, randomised_clone
from sightline.data.datasets import Dataset
from sightline.errors import ModelError, SightlineError, silence_warnings
from sightline.repair.training.gradient_penalty import Indices, keras_penalty_step, penalty_masks
from sightline.repair.training.trainer import (
    Head,
    RegionPenalty,
    TrainingRun,
    diverged_error,
    label_targets,
    minibatches,
    no_linear_head,
    shaped_head,
    underlying_model,
    wrap_like,
)
from sightline.repair.training_data import stack_images

if TYPE_CHECKING:
    import keras

ALLOWED_AFTER_DENSE = ("Activation", "Softmax", "Flatten", "Reshape")
"""Layers that may follow the last `Dense` one."""
ALLOWED_ACTIVATIONS = ("linear", "softmax", "sigmoid", "log_softmax")
"""What may be done to its logits."""
FEATURE_BATCH = 256


class KerasTrainer:
    """How Keras models are trained again; `trainer.Trainer` says what each call does.

    Parameters
    ----------
    model : CheckedModel
        Of a Keras model. Layers that are not trainable stay as they are.
    """

    def __init__(self, model: CheckedModel) -> None:
        assert isinstance(model.backend, KerasModel)
        self.model = model
        self.backend = model.backend

    def train(self, run: TrainingRun) -> CheckedModel:
        """A copy, fitted until the loss on validation images gets no better; then its best weights."""
        keras = require("keras", extra="keras")
        train, validation, config, seed = run.train, run.validation, run.config, run.seed
        self.model(stack_images(train, [0]))  # its first answer shows whether a softmax or sigmoid comes last
        if self.model.settled_output == "log-probability":
            raise ModelError(
                "this network ends in the logarithm of a probability, of which Keras has no loss. Give one "
                "that ends in the logits or in a sigmoid, or use sl.repair.Guard, which fits nothing.",
                slug="repair-closed",
            )
        network = copy_network(self.backend.model, seed if run.fresh else None)
        made = wrap_like(self.model, network)
        _seed_layers(network, seed)
        # Gradients of gradients are not compiled for the processor.
        compiled = {} if run.penalty is None else {"jit_compile": False}
        network.compile(keras.optimizers.Adam(config.learning_rate), loss=self._loss(), **compiled)
        if run.penalty is not None:
            squashed = self.model.outputs_probabilities
            column = None
            if made.view.label is not None:
                column = made.view.column(network.output_shape[1], made.column_names)
            network.train_step = keras_penalty_step(network, run.penalty.weight, squashed, column)
        errors: list[SightlineError] = []
        # Drawn anew before every epoch, by this generator; Keras looks at some of them before the first.
        rng = np.random.default_rng(seed)
        first = minibatches(len(train), config.batch_size, np.random.default_rng(seed))
        batches = _batches(made, train, first, errors, self.model, run.penalty)

        def before_epoch(number: int, logs: object) -> None:
            tell_progress(epoch=number + 1, epochs=config.epochs)
            batches.indices = list(minibatches(len(train), config.batch_size, rng))

        def after_batch(number: int, logs: dict[str, float]) -> None:
            if not np.isfinite(logs["loss"]):
                raise diverged_error()
            run.tick(len(batches.indices[number]))

        checked_by = _batches(
            made, validation, batch_ranges(len(validation), config.batch_size), errors, self.model
        )
        with _fitting(errors):
            if run.penalty is not None:
                # Keras on torch shapes its loss by the first labels it sees; in fit masks stand beside these.
                network.test_on_batch(*checked_by[0])
            network.fit(
                batches,
                validation_data=checked_by,
                epochs=config.epochs,
                callbacks=[
                    keras.callbacks.EarlyStopping(patience=config.patience, restore_best_weights=True),
                    keras.callbacks.LambdaCallback(
                        on_epoch_begin=before_epoch, on_train_batch_end=after_batch
                    ),
                ],
                shuffle=False,  # the batches are drawn by the seed already
                verbose=0,
            )
        network.__dict__.pop("train_step", None)
        # Functions compiled for asking see the weights as they are.
        return wrap_like(self.model, network)

    def has_linear_head(self) -> bool:
        """Whether the model ends in a `Dense` layer."""
        return _last_dense_layer(self.backend.model) is not None

    def head_features(self, dataset: Dataset) -> Float[np.ndarray, "N F"]:
        """What the last `Dense` layer is given for each image."""
        network = self.backend.model
        layer = _last_dense_layer(network)
        if layer is None or not getattr(network, "inputs", None):
            raise no_linear_head(type(network).__name__)
        part = KerasModel(require("keras", extra="keras").Model(network.inputs, layer.input))
        seen = [
            np.asarray(part(self.model.apply_preprocess(stack_images(dataset, indices))), dtype=np.float64)
            for indices in batch_ranges(len(dataset), FEATURE_BATCH)
        ]
        features = np.concatenate(seen)
        if features.ndim != 2:
            raise no_linear_head(type(network).__name__)
        return features

    def with_linear_head(self, head: Head, dataset: Dataset) -> CheckedModel:
        """A copy with another last `Dense` layer."""
        made = copy_network(self.backend.model)
        layer = _last_dense_layer(made)
        name = type(made).__name__
        if layer.bias is None:
            raise no_linear_head(name)
        old = (np.asarray(in_numpy(layer.kernel.value)), np.asarray(in_numpy(layer.bias.value)))
        weights, offsets = shaped_head(head, old, self.model, name)
        layer.kernel.assign(weights.astype(np.float32))
        layer.bias.assign(offsets.astype(np.float32))
        return wrap_like(self.model, made)

    def write_weights(self, made: CheckedModel, path: Path) -> Path | None:
        """The weights as arrays, in their order."""
        weights = [np.array(in_numpy(one.value)) for one in underlying_model(made).weights]
        if [one.shape for one in weights] != [tuple(one.shape) for one in self.backend.model.weights]:
            return None
        return write_arrays(
            path.with_suffix(".npz"), {f"{place:06d}": one for place, one in enumerate(weights)}
        )

    def read_weights(self, path: Path) -> CheckedModel:
        """A copy of the model with those weights."""
        network, arrays = copy_network(self.backend.model), read_arrays(path)
        for one, name in zip(network.weights, sorted(arrays), strict=True):
            one.assign(arrays[name])
        return wrap_like(self.model, network)

    def _loss(self) -> Any:
        losses = require("keras", extra="keras").losses
        single = "one column" in self.model.rule or self.model.view.label is not None
        kind = losses.BinaryCrossentropy if single else losses.SparseCategoricalCrossentropy
        return kind(from_logits=not self.model.outputs_probabilities)


def copy_network(network: "keras.Model", seed: int | None = None) -> Any:
    """A copy of a Keras model with the same weights, or with those of trainable layers drawn anew.

    Raises
    ------
    ModelError
        If its class says nothing of how it is built.
    """
    if seed is None:
        made = fresh_clone(network)
        _assign_weights(made, network)
        return made
    made = randomised_clone(network, seed)
    for old, new in zip(network._flatten_layers(), made._flatten_layers(), strict=True):
        if not old.trainable:
            _assign_weights(new, old)
    return made


def _assign_weights(made: "keras.Layer", source: "keras.Layer") -> None:
    for one, other in zip(made.weights, source.weights, strict=True):
        # Keras' own way has NumPy ask TensorFlow's tensors, which warns.
        one.assign(np.array(in_numpy(other.value)))


def _last_dense_layer(network: "keras.Model") -> Any:
    """The `Dense` layer whose logits a model returns, or their softmax or sigmoid; None if there is none."""
    for layer in reversed(getattr(network, "layers", [])):
        activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if activation not in ALLOWED_ACTIVATIONS:
            return None
        if type(layer).__name__ == "Dense":
            return layer
        if type(layer).__name__ not in ALLOWED_AFTER_DENSE:
            return None
    return None


def _batches(
    made: CheckedModel,
    dataset: Dataset,
    indices: Iterable[Any],
    errors: list[SightlineError],
    old: CheckedModel,
    penalty: RegionPenalty | None = None,
) -> Any:
    """Batches as Keras fits on them, of images with some indices; with a penalty, as its step takes them.

    Of several labels of which one is asked for, what each column is to say, as `label_targets` has it.
    """
    backend: Any = made.backend

    class Batches(require("keras", extra="keras").utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.indices = list(indices)

        def __len__(self) -> int:
            return len(self.indices)

        def __getitem__(self, number: int) -> tuple[Any, Any]:
            batch = self.indices[number]
            try:
                images = stack_images(dataset, batch)
                labels: Any = dataset.labels[list(batch)]
                if old.view.label is not None:
                    labels = label_targets(old, images.copy(), labels).astype(np.float32)
                prepared = made.apply_preprocess(images)
                given = backend.input.arrange(prepared)
                if penalty is not None:
                    labels = labels, _masks_as_given(made, np.asarray(prepared), penalty, batch)
            except SightlineError as error:
                errors.append(error)
                raise
            return pack_inputs(backend.model, given), labels

    return Batches()


@contextlib.contextmanager
def _fitting(errors: list[SightlineError]) -> Iterator[None]:
    """Let Keras fit whatever the caller has switched off, and tell errors about images in their own words."""
    with contextlib.ExitStack() as stack:
        # Of NumPy's, when Keras reads its own weights.
        stack.enter_context(silence_warnings(DeprecationWarning))
        if require("keras", extra="keras").backend.backend() == "torch":
            import torch

            for context in (torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng([])):
                stack.enter_context(context)
        try:
            yield
        except Exception:
            # TensorFlow reports what its input pipeline raised as an error of its own.
            if errors:
                raise errors[0] from None
            raise


def _masks_as_given(
    made: CheckedModel, prepared: Shaped[np.ndarray, "B ..."], penalty: RegionPenalty, indices: Indices
) -> Shaped[np.ndarray, "B ..."]:
    """The penalty's masks of some images in the axes of what the model is given, as zeros and ones."""
    backend = made.backend
    assert isinstance(backend, KerasModel)
    channels = prepared.shape[3] if prepared.ndim == 4 else 1
    where = penalty_masks(penalty, indices, prepared.shape[1:3])
    image = np.repeat(where[..., None], channels, axis=3).astype(prepared.dtype)
    return np.asarray(backend.input.arrange(image), dtype=backend.input.arrange(prepared).dtype)


def _seed_layers(network: "keras.Model", seed: int) -> None:
    """Layers that draw at random while training, such as dropout, draw by the seed."""
    for number, layer in enumerate(network._flatten_layers()):
        state = getattr(getattr(layer, "seed_generator", None), "state", None)
        if state is not None:
            state.assign(np.array([seed, number], dtype="uint32"))
