"""a model and images → a model of the same kind that learned from them."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from sightline.adapters.callable import CallableModel
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.keras.model import KerasModel
from sightline.adapters.sklearn import SklearnModel
from sightline.adapters.torch.model import TorchModel
from sightline.data.datasets import Dataset
from sightline.errors import ModelError, SightlineError
from sightline.repair.result import underlying_model, wrap_like
from sightline.repair.training.config import TrainingConfig
from sightline.repair.training_data import stack_images

FitFunction = Callable[[Any, Any, Any], Any]


def refit_model(
    model: CheckedModel,
    train: Dataset,
    validation: Dataset,
    *,
    fit: FitFunction | None,
    config: TrainingConfig,
    fresh: bool,
    seed: int,
    tick: Callable[[int], None] = lambda count: None,
) -> CheckedModel:
    """The model, taught by images whose labels are its own classes; the one that was given stays.

    scikit-learn's estimators are cloned and fitted; PyTorch's and Keras' networks are copied and trained on.

    Parameters
    ----------
    model : CheckedModel
    train, validation : Dataset
        Images to learn from, and those by which networks stop in time.
    fit : callable, optional
        ``fit(model, images, labels) -> model``, the user's own way of training: is given a copy of the
        estimator or network itself, all images as one array, and int labels.
    course : Course
        How networks are trained.
    fresh : bool
        Whether networks begin anew rather than where they are.
    seed : int
    tick : callable
        Is given the number of images just learned from.

    Raises
    ------
    ModelError
        If the model cannot be fitted from here, or `fit` fails.
    """
    if fit is not None:
        return _call_user_fit(model, train, fit)
    estimator = sklearn_estimator(model)
    if estimator is not None:
        return _refit_estimator(model, estimator, train)
    if isinstance(model.backend, TorchModel):
        from sightline.repair.training.torch import train_torch as of_torch

        return of_torch(model, train, validation, config=config, fresh=fresh, seed=seed, tick=tick)
    if isinstance(model.backend, KerasModel):
        from sightline.repair.training.keras import train_keras as of_keras

        return of_keras(model, train, validation, config=config, fresh=fresh, seed=seed, tick=tick)
    raise ModelError(
        f"{model.backend!r} cannot be fitted from here: it is known by its answers alone. Give "
        "fit=function, your own fit(model, images, labels) -> model (--fit train.py:fit), or the estimator, "
        "module or network itself; or repair it without fitting: sl.repair.Guard (--method guard).",
        slug="repair-closed",
    )


def can_fit(model: CheckedModel) -> bool:
    """Whether `refit_model` can do without the user's own fit."""
    return sklearn_estimator(model) is not None or isinstance(model.backend, TorchModel | KerasModel)


def sklearn_estimator(model: CheckedModel) -> Any:
    """The scikit-learn estimator that a model asks, also by its bound `predict_proba`; None if none."""
    ask = model.backend
    if isinstance(ask, SklearnModel):
        estimator = ask.estimator
    elif isinstance(ask, CallableModel):
        estimator = getattr(ask.function, "__self__", None)
    else:
        return None
    return estimator if hasattr(estimator, "fit") and hasattr(estimator, "get_params") else None


def _refit_estimator(model: CheckedModel, estimator: Any, train: Dataset) -> CheckedModel:
    """A clone, fitted on images in the form that the estimator was fitted on."""
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning

    made = clone(estimator)
    images = model.apply_preprocess(stack_images(train, range(len(train))))
    given = estimator_input(model, estimator, images)
    classes = getattr(estimator, "classes_", None)
    labels = train.labels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as many rounds as the user gave it
        made.fit(given, labels if classes is None else np.asarray(classes)[labels])
    return wrap_like(model, same_bound_method(model, made))


def estimator_input(model: CheckedModel, estimator: Any, images: Any) -> Any:
    """Images in the shape in which an estimator was fitted on them: as they are, or rows of numbers."""
    features = getattr(estimator, "n_features_in_", None)
    whole = isinstance(model.backend, CallableModel) or features is None or features != images[0].size
    return images if whole else images.reshape(len(images), -1)


def _call_user_fit(model: CheckedModel, train: Dataset, fit: FitFunction) -> CheckedModel:
    images, labels = stack_images(train, range(len(train))), train.labels
    raw = sklearn_estimator(model) or underlying_model(model)
    name = getattr(fit, "__qualname__", type(fit).__name__)
    try:
        # A copy, since most fit in place.
        made = fit(copy.deepcopy(raw), images, labels)
    except SightlineError:
        raise
    except Exception as error:
        raise ModelError(
            f"fit={name} failed on {len(images)} images of shape {images.shape[1:]}: "
            f"{type(error).__name__}: {error}",
            slug="repair-fit",
        ) from error
    if made is None:
        raise ModelError(
            f"fit={name} returned None; it has to return the model: fit(model, images, labels) -> model.",
            slug="repair-fit",
        )
    if isinstance(made, CheckedModel):
        return made
    return wrap_like(model, same_bound_method(model, made))


def same_bound_method(model: CheckedModel, made: Any) -> Any:
    """Of an estimator that was asked by a bound method, the same method."""
    function: Any = getattr(model.backend, "function", None)
    owner = getattr(function, "__self__", None)
    alike = owner is not None and type(made) is type(owner)
    return getattr(made, function.__name__) if alike else made
