"""a model and images → a model of the same kind that learned from them."""

import copy
from collections.abc import Callable
from typing import Any

from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.keras.model import KerasModel
from sightline.adapters.torch.model import TorchModel
from sightline.data.datasets import Dataset
from sightline.errors import ModelError, SightlineError
from sightline.repair.training.sklearn import SklearnTrainer, same_bound_method, sklearn_estimator
from sightline.repair.training.trainer import (
    Trainer,
    TrainingRun,
    label_targets,
    underlying_model,
    wrap_like,
)
from sightline.repair.training_data import stack_images

FitFunction = Callable[[Any, Any, Any], Any]


def trainer_of(model: CheckedModel) -> Trainer | None:
    """How a model is trained again; None where it is known by its answers alone."""
    if sklearn_estimator(model) is not None:
        return SklearnTrainer(model)
    if isinstance(model.backend, TorchModel):
        from sightline.repair.training.torch import TorchTrainer

        return TorchTrainer(model)
    if isinstance(model.backend, KerasModel):
        from sightline.repair.training.keras import KerasTrainer

        return KerasTrainer(model)
    return None


def network_trainer(model: CheckedModel) -> Trainer | None:
    """The same for networks, whose gradients are known; None for anything else."""
    return trainer_of(model) if isinstance(model.backend, TorchModel | KerasModel) else None


def refit_model(model: CheckedModel, run: TrainingRun, fit: FitFunction | None = None) -> CheckedModel:
    """The model, taught by images; the user's own `fit` comes first.

    Parameters
    ----------
    model : CheckedModel
    run : TrainingRun
    fit : callable, optional
        ``fit(model, images, labels) -> model``, the user's own way of training: is given a copy of the
        model, all images as one array, and int labels; of several labels, shape (N, L), the truth of the one
        that is asked for, and of the others what the model says of these images.

    Raises
    ------
    ModelError
        If the model cannot be fitted from here, or `fit` fails.
    """
    if fit is not None:
        return _call_user_fit(model, run.train, fit)
    trainer = trainer_of(model)
    if trainer is None:
        raise ModelError(
            f"{model.backend!r} cannot be fitted from here: it is known by its answers alone. Give "
            "fit=function, your own fit(model, images, labels) -> model (--fit train.py:fit), or the "
            "estimator, module or network itself; or repair it without fitting: sl.repair.Guard "
            "(--method guard).",
            slug="repair-closed",
        )
    return trainer.train(run)


def _call_user_fit(model: CheckedModel, train: Dataset, fit: FitFunction) -> CheckedModel:
    images, labels = stack_images(train, range(len(train))), train.labels
    given: Any = labels if model.view.label is None else label_targets(model, images.copy(), labels)
    raw = sklearn_estimator(model) or underlying_model(model)
    name = getattr(fit, "__qualname__", type(fit).__name__)
    try:
        # A copy, since most fit in place.
        made = fit(copy.deepcopy(raw), images, given)
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
