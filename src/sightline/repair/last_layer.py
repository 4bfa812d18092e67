"""region and images → a model whose last layer learned from images in which the region tells nothing."""

import copy
import warnings
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sightline._checks import check_number, check_whole
from sightline._optional import require
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.keras.model import KerasModel
from sightline.adapters.torch.model import TorchModel
from sightline.regions.region_set import Regions
from sightline.repair.judge import mean_recall
from sightline.repair.region_swap import RegionSwapped, SwapRegion
from sightline.repair.repair_region import DEFAULT_MARGIN, resolve_region
from sightline.repair.result import RepairResult, fixed, wrap_like
from sightline.repair.training.fine_tune import sklearn_estimator
from sightline.repair.training.sklearn import perceptron_features, perceptron_of, with_perceptron_head
from sightline.repair.training_data import split_training_data, stack_images
from sightline.study.schema import StudyResults
from sightline.types import option

STRENGTHS = (0.001, 0.01, 0.1, 1.0)
"""Inverse strengths of regularisation that are tried where none is given."""


@option
class LastLayer:
    """Refit the last layer alone, on features of images in which the region tells nothing.

    Kirichenko, Izmailov & Wilson 2023, "Last layer re-training is sufficient for robustness to spurious
    correlations": what a network sees of the rest of the image is often good enough, and only its last
    layer weighs it wrongly. A logistic regression takes its place, which takes seconds. There must be
    features to weigh: a network that learned the mark and next to nothing else is not helped.

    Parameters
    ----------
    region : str or Regions
        What misleads the model.
    margin : float
        Margin around it, as a share of the image's shorter side.
    copies : int
        Times that each image is taken, each time with another's region.
    strength : float, optional
        Inverse strength of the regularisation (scikit-learn's C) of standardised features; by default chosen
        among 0.001, 0.01, 0.1 and 1 on validation images with exchanged content.
    seed : int

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    region: str | Regions
    margin: float = DEFAULT_MARGIN
    copies: int = 3
    strength: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        resolve_region(self.region, self.margin)
        check_whole("copies", self.copies)
        if self.strength is not None:
            check_number("strength", self.strength, above=0)

    def __call__(
        self,
        model: Any,
        train: Any,
        *,
        validation: Any = None,
        study: StudyResults | None = None,
        progress: bool | None = None,
    ) -> RepairResult:
        """Repair a model, which stays as it is.

        Parameters
        ----------
        model : PyTorch module, Keras model, or scikit-learn's MLPClassifier, alone or last in a pipeline
        train, validation, study, progress
            As for `Counterexamples`.

        Returns
        -------
        Fix

        Raises
        ------
        ModelError
            If it does not end in one linear layer.
        """
        made = as_model(model, class_names=None if study is None else study.class_names)
        area = resolve_region(self.region, self.margin)
        taught = split_training_data(made, train, validation, seed=self.seed)
        columns = made(stack_images(taught.train, [0])).shape[1]
        learn = RegionSwapped(taught.train, taught.train.labels, area, SwapRegion(), self.copies, self.seed)
        check = RegionSwapped(
            taught.validation, taught.validation.labels, area, SwapRegion(), self.copies, self.seed + 1
        )
        seen, tested = _penultimate_features(made, learn), _penultimate_features(made, check)
        strengths = STRENGTHS if self.strength is None else (self.strength,)
        tried = []
        for strength in strengths:
            weights = _fit_linear_head(seen, learn.labels, strength, columns)
            tried.append((_head_recall(weights, tested, check.labels), strength, weights))
        score, strength, weights = max(tried, key=lambda one: one[0])
        told = (
            f"Last layer of {seen.shape[1]} features refitted on {len(learn):,} images (C = "
            f"{strength:g}): mean "
            f"recall {score:.2f} of validation images with exchanged content."
        )
        return fixed(_with_linear_head(made, *weights), self, area, taught.image_digests(), told)


def has_linear_head(model: CheckedModel) -> bool:
    """Whether a model looks as if it ended in a linear layer."""
    if isinstance(model.backend, TorchModel):
        torch = require("torch", extra="torch")
        return any(isinstance(one, torch.nn.Linear) for one in model.backend.module.modules())
    if isinstance(model.backend, KerasModel):
        from sightline.repair.training.keras import last_dense_layer

        return last_dense_layer(model.backend.model) is not None
    estimator = sklearn_estimator(model)
    return estimator is not None and perceptron_of(estimator) is not None


def _penultimate_features(model: CheckedModel, source: Any) -> Float[np.ndarray, "N F"]:
    if isinstance(model.backend, TorchModel):
        from sightline.repair.training.torch import torch_features as of_torch

        return of_torch(model, source)[0]
    if isinstance(model.backend, KerasModel):
        from sightline.repair.training.keras import keras_features as of_keras

        return of_keras(model, source)
    return perceptron_features(model, source)


def _fit_linear_head(
    seen: Float[np.ndarray, "N F"], labels: Int[np.ndarray, "N"], strength: float, classes: int
) -> tuple[Float[np.ndarray, "F L"], Float[np.ndarray, "L"]]:
    """Weights and biases of each class's logit, by logistic regression that counts every class alike."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    middle, spread = seen.mean(axis=0), seen.std(axis=0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        made = LogisticRegression(C=strength, class_weight="balanced", max_iter=500)
        made.fit((seen - middle) / spread, labels)
    coef, bias = np.asarray(made.coef_, dtype=float), np.asarray(made.intercept_, dtype=float)
    if len(coef) == 1:  # one logit of the second of two classes
        coef, bias = np.concatenate([-coef / 2, coef / 2]), np.concatenate([-bias / 2, bias / 2])
    # A class that there was no image of keeps out of the way.
    weights, biases = np.zeros((seen.shape[1], classes)), np.full(classes, -1e3)
    weights[:, made.classes_] = (coef / spread).T
    biases[made.classes_] = bias - (coef / spread) @ middle
    return weights, biases


def _head_recall(
    weights: tuple[Any, Any], tested: Float[np.ndarray, "N F"], labels: Int[np.ndarray, "N"]
) -> float:
    return mean_recall(np.asarray(tested @ weights[0] + weights[1], dtype=np.float64), labels)


def _with_linear_head(model: CheckedModel, weights: Any, biases: Any) -> CheckedModel:
    """A copy of a model with other weights in its last layer."""
    ask: Any = model.backend
    if isinstance(ask, TorchModel):
        return wrap_like(model, _with_torch_head(copy.deepcopy(ask.module), weights, biases))
    if isinstance(ask, KerasModel):
        from sightline.repair.training.keras import with_keras_head as keras_with

        return wrap_like(model, keras_with(ask.model, weights, biases))
    return with_perceptron_head(model, weights, biases)


def _with_torch_head(module: Any, weights: Any, biases: Any) -> Any:
    torch = require("torch", extra="torch")
    from sightline.repair.training.torch import last_linear_layer, no_linear_head

    layer = last_linear_layer(module)
    weights, biases = head_outputs(weights, biases, layer.out_features)
    if layer.weight.shape != weights.T.shape:
        raise no_linear_head(type(module).__name__)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weights.T))
        if layer.bias is None:
            layer.bias = torch.nn.Parameter(torch.zeros(len(biases)).to(layer.weight))
        layer.bias.copy_(torch.as_tensor(biases))
    return module


def head_outputs(weights: Any, biases: Any, count: int) -> tuple[Any, Any]:
    """Weights of every class as those of a layer's outputs: a single one is class 1 against class 0."""
    if count != 1 or weights.shape[1] != 2:
        return weights, biases
    return weights[:, 1:] - weights[:, :1], biases[1:] - biases[:1]
