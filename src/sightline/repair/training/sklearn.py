"""a scikit-learn estimator and images → a clone of it that learned from them."""

import copy
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from sightline._batch_sizes import batch_ranges
from sightline._files import written_aside
from sightline.adapters.callable import CallableModel
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.model_files import load_skops_file
from sightline.adapters.sklearn import SklearnModel
from sightline.data.datasets import Dataset
from sightline.errors import silence_warnings
from sightline.repair.training.trainer import (
    Head,
    TrainingRun,
    label_targets,
    no_linear_head,
    shaped_head,
    wrap_like,
)
from sightline.repair.training_data import stack_images

FEATURE_BATCH = 256
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda values: values,
    "logistic": lambda values: 1 / (1 + np.exp(-values)),
    "tanh": np.tanh,
    "relu": lambda values: np.maximum(values, 0),
}
"""What `MLPClassifier` calls them."""


class SklearnTrainer:
    """How estimators are fitted again; `trainer.Trainer` says what each call does.

    Parameters
    ----------
    model : CheckedModel
        Of an estimator, or of its bound `predict_proba`.
    """

    def __init__(self, model: CheckedModel) -> None:
        self.model = model
        self.estimator = sklearn_estimator(model)

    def train(self, run: TrainingRun) -> CheckedModel:
        """A clone, fitted on images in the form that the estimator was fitted on."""
        from sklearn.base import clone
        from sklearn.exceptions import ConvergenceWarning

        made = clone(self.estimator)
        given = self._as_fitted(stack_images(run.train, range(len(run.train))))
        classes = getattr(self.estimator, "classes_", None)
        with silence_warnings(ConvergenceWarning):  # as many rounds as the user gave it
            made.fit(given, self._labels_to_fit(run.train, classes))
        return wrap_like(self.model, same_bound_method(self.model, made))

    def _labels_to_fit(self, train: Dataset, classes: Any) -> Any:
        """Labels as the estimator was fitted on them: of several, those that are not asked for as it says."""
        if self.model.view.label is not None:
            images = stack_images(train, range(len(train)))
            return (label_targets(self.model, images, train.labels) > 0.5).astype(int)
        return train.labels if classes is None else np.asarray(classes)[train.labels]

    def has_linear_head(self) -> bool:
        """Whether it is a fitted `MLPClassifier`, or a pipeline that ends in one."""
        return _perceptron_of(self.estimator) is not None

    def head_features(self, dataset: Dataset) -> Float[np.ndarray, "N F"]:
        """What the perceptron's last layer is given for each image."""
        network = _perceptron_of(self.estimator)
        if network is None:
            raise no_linear_head(repr(self.model.backend))
        seen = []
        for indices in batch_ranges(len(dataset), FEATURE_BATCH):
            values = self._as_fitted(stack_images(dataset, indices))
            for _, step in getattr(self.estimator, "steps", [])[:-1]:
                values = values if step in (None, "passthrough") else step.transform(values)
            values = np.asarray(values, dtype=np.float64)
            for weights, offsets in zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True):
                values = ACTIVATIONS[network.activation](values @ weights + offsets)
            seen.append(values)
        return np.concatenate(seen)

    def with_linear_head(self, head: Head, dataset: Dataset) -> CheckedModel:
        """A copy with another last layer."""
        made = copy.deepcopy(self.estimator)
        network = _perceptron_of(made)
        old = network.coefs_[-1]
        weights, offsets = shaped_head(head, (old, network.intercepts_[-1]), self.model, "the perceptron")
        network.coefs_[-1], network.intercepts_[-1] = weights.astype(old.dtype), offsets.astype(old.dtype)
        return wrap_like(self.model, same_bound_method(self.model, made))

    def write_weights(self, made: CheckedModel, path: Path) -> Path | None:
        """The estimator in skops' form, where that is installed and knows all its types to be safe."""
        estimator = sklearn_estimator(made)
        if estimator is None or importlib.util.find_spec("skops") is None:
            return None
        skops = importlib.import_module("skops.io")
        kept = path.with_suffix(".skops")
        try:
            with written_aside(kept) as aside:
                skops.dump(estimator, aside)
            if skops.get_untrusted_types(file=kept):
                kept.unlink()
                return None
        except OSError:
            raise
        except Exception:  # skops' own errors are of many kinds; what it cannot hold is fitted again
            return None
        return kept

    def read_weights(self, path: Path) -> CheckedModel:
        """That estimator."""
        estimator = load_skops_file(str(path), trust=False)
        return wrap_like(self.model, same_bound_method(self.model, estimator))

    def _as_fitted(self, images: Shaped[np.ndarray, "B ..."]) -> Any:
        """Images in the shape in which the estimator was fitted on them: as they are, or rows of numbers."""
        images = self.model.apply_preprocess(images)
        features = getattr(self.estimator, "n_features_in_", None)
        as_they_are = isinstance(self.model.backend, CallableModel) or features is None
        return images if as_they_are or features != images[0].size else images.reshape(len(images), -1)


def sklearn_estimator(model: CheckedModel) -> Any:
    """The scikit-learn estimator that a model asks, also by its bound `predict_proba`; None if none."""
    backend = model.backend
    if isinstance(backend, SklearnModel):
        estimator = backend.estimator
    elif isinstance(backend, CallableModel):
        estimator = getattr(backend.function, "__self__", None)
    else:
        return None
    return estimator if hasattr(estimator, "fit") and hasattr(estimator, "get_params") else None


def same_bound_method(model: CheckedModel, made: object) -> Any:
    """Of an estimator that was asked by a bound method, the same method."""
    function: Any = getattr(model.backend, "function", None)
    owner = getattr(function, "__self__", None)
    if isinstance(model.backend, SklearnModel) and model.backend.bound_method is not None:
        return getattr(made, model.backend.method)
    alike = owner is not None and type(made) is type(owner)
    return getattr(made, function.__name__) if alike else made


def _perceptron_of(estimator: object) -> Any:
    """The fitted `MLPClassifier` that an estimator is, or that a pipeline ends in; None if it does not."""
    steps = getattr(estimator, "steps", None)
    last = steps[-1][1] if steps else estimator
    is_one = any(base.__name__ == "MLPClassifier" for base in type(last).__mro__)
    return last if is_one and hasattr(last, "coefs_") else None
