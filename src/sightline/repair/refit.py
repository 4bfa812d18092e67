"""a model and pictures → a model of the same kind that learned from them."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from sightline.adapters.keras import KerasModel
from sightline.adapters.model import CheckedModel
from sightline.adapters.plain import Plain
from sightline.adapters.sklearn import Estimator
from sightline.adapters.torch import TorchModel
from sightline.data.source import Source, labels_of
from sightline.errors import ModelError, SightlineError
from sightline.repair.course import Course
from sightline.repair.fix import like, raw_of
from sightline.repair.lessons import stacked

Fit = Callable[[Any, Any, Any], Any]


def refitted(
    model: CheckedModel,
    learn: Source,
    validate: Source,
    *,
    fit: Fit | None,
    course: Course,
    fresh: bool,
    seed: int,
    tick: Callable[[int], None] = lambda count: None,
) -> CheckedModel:
    """The model, taught by pictures whose labels are its own classes; the one that was given stays.

    scikit-learn's estimators are cloned and fitted; PyTorch's and Keras' networks are copied and trained on.

    Parameters
    ----------
    model : CheckedModel
    learn, validate : Source
        Pictures to learn from, and those by which networks stop in time.
    fit : callable, optional
        ``fit(model, images, labels) -> model``, the user's own way of training: is given a copy of the
        estimator or network itself, all pictures as one array, and int labels.
    course : Course
        How networks are trained.
    fresh : bool
        Whether networks begin anew rather than where they are.
    seed : int
    tick : callable
        Is given the number of pictures just learned from.

    Raises
    ------
    ModelError
        If the model cannot be fitted from here, or `fit` fails.
    """
    if fit is not None:
        return _by_user(model, learn, fit)
    estimator = estimator_of(model)
    if estimator is not None:
        return _estimator(model, estimator, learn)
    if isinstance(model.ask, TorchModel):
        from sightline.repair.torch import trained as of_torch

        return of_torch(model, learn, validate, course=course, fresh=fresh, seed=seed, tick=tick)
    if isinstance(model.ask, KerasModel):
        from sightline.repair.keras import trained as of_keras

        return of_keras(model, learn, validate, course=course, fresh=fresh, seed=seed, tick=tick)
    raise ModelError(
        f"{model.ask!r} cannot be fitted from here: it is known by its answers alone. Give "
        "fit=function, your own fit(model, images, labels) -> model (--fit train.py:fit), or the estimator, "
        "module or network itself; or repair it without fitting: sl.repair.Guard (--with guard).",
        slug="repair-closed",
    )


def fits(model: CheckedModel) -> bool:
    """Whether `refitted` can do without the user's own fit."""
    return estimator_of(model) is not None or isinstance(model.ask, TorchModel | KerasModel)


def estimator_of(model: CheckedModel) -> Any:
    """The scikit-learn estimator that a model asks, also by its bound `predict_proba`; None if none."""
    ask = model.ask
    if isinstance(ask, Estimator):
        estimator = ask.estimator
    elif isinstance(ask, Plain):
        estimator = getattr(ask.function, "__self__", None)
    else:
        return None
    return estimator if hasattr(estimator, "fit") and hasattr(estimator, "get_params") else None


def _estimator(model: CheckedModel, estimator: Any, learn: Source) -> CheckedModel:
    """A clone, fitted on pictures in the form that the estimator was fitted on."""
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning

    made = clone(estimator)
    images = model.prepared(stacked(learn, range(len(learn))))
    given = shaped(model, estimator, images)
    classes = getattr(estimator, "classes_", None)
    labels = labels_of(learn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as many rounds as the user gave it
        made.fit(given, labels if classes is None else np.asarray(classes)[labels])
    return like(model, asked_alike(model, made))


def shaped(model: CheckedModel, estimator: Any, images: Any) -> Any:
    """Pictures in the shape in which an estimator was fitted on them: as they are, or rows of numbers."""
    features = getattr(estimator, "n_features_in_", None)
    whole = isinstance(model.ask, Plain) or features is None or features != images[0].size
    return images if whole else images.reshape(len(images), -1)


def _by_user(model: CheckedModel, learn: Source, fit: Fit) -> CheckedModel:
    images, labels = stacked(learn, range(len(learn))), labels_of(learn)
    raw = estimator_of(model) or raw_of(model)
    name = getattr(fit, "__qualname__", type(fit).__name__)
    try:
        # A copy, since most fit in place.
        made = fit(copy.deepcopy(raw), images, labels)
    except SightlineError:
        raise
    except Exception as error:
        raise ModelError(
            f"fit={name} failed on {len(images)} pictures of shape {images.shape[1:]}: "
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
    return like(model, asked_alike(model, made))


def asked_alike(model: CheckedModel, made: Any) -> Any:
    """Of an estimator that was asked by a bound method, the same method."""
    function: Any = getattr(model.ask, "function", None)
    owner = getattr(function, "__self__", None)
    alike = owner is not None and type(made) is type(owner)
    return getattr(made, function.__name__) if alike else made
