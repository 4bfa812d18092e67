"""scikit-learn's perceptron → what its last layer is given, and a copy with another last layer."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from sightline.adapters.checked_model import CheckedModel
from sightline.data.datasets import Dataset
from sightline.repair.result import wrap_like
from sightline.repair.training.fine_tune import estimator_input, same_bound_method, sklearn_estimator
from sightline.repair.training_data import stack_images

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda values: values,
    "logistic": lambda values: 1 / (1 + np.exp(-values)),
    "tanh": np.tanh,
    "relu": lambda values: np.maximum(values, 0),
}
"""What `MLPClassifier` calls them."""


def perceptron_of(estimator: Any) -> Any:
    """The fitted `MLPClassifier` that an estimator is, or that a pipeline ends in; None if it does not."""
    steps = getattr(estimator, "steps", None)
    last = steps[-1][1] if steps else estimator
    is_one = any(base.__name__ == "MLPClassifier" for base in type(last).__mro__)
    return last if is_one and hasattr(last, "coefs_") else None


def perceptron_features(
    model: CheckedModel, source: Dataset, batch_size: int = 256
) -> Float[np.ndarray, "N F"]:
    """What the last layer is given for each image.

    Raises
    ------
    ModelError
        If the model is no multi-layer perceptron of scikit-learn's.
    """
    estimator = sklearn_estimator(model)
    network = perceptron_of(estimator)
    if network is None:
        from sightline.repair.training.torch import no_linear_head

        raise no_linear_head(repr(model.backend))
    seen = []
    for start in range(0, len(source), batch_size):
        images = stack_images(source, range(start, min(start + batch_size, len(source))))
        values = estimator_input(model, estimator, model.apply_preprocess(images))
        for _, step in getattr(estimator, "steps", [])[:-1]:
            values = values if step in (None, "passthrough") else step.transform(values)
        values = np.asarray(values, dtype=np.float64)
        for weights, biases in zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True):
            values = ACTIVATIONS[network.activation](values @ weights + biases)
        seen.append(values)
    return np.concatenate(seen)


def with_perceptron_head(model: CheckedModel, weights: Any, biases: Any) -> CheckedModel:
    """A copy of the model with other weights in its last layer, shape (F, L), and biases, shape (L,)."""
    made = copy.deepcopy(sklearn_estimator(model))
    network = perceptron_of(made)
    if network.out_activation_ == "logistic" and weights.shape[1] == 2:  # one logit, of the second class
        weights, biases = weights[:, 1:] - weights[:, :1], biases[1:] - biases[:1]
    kind = network.coefs_[-1].dtype
    network.coefs_[-1], network.intercepts_[-1] = weights.astype(kind), biases.astype(kind)
    return wrap_like(model, same_bound_method(model, made))
