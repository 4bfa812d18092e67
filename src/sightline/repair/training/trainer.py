"""What it means to train a model again, whatever its framework: the options, the call, the new model."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._checks import check_number, check_whole
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.data.datasets import Dataset
from sightline.errors import ModelError
from sightline.types import option, record

Head = tuple[Float[np.ndarray, "F L"], Float[np.ndarray, "L"]]
"""Weights and offsets of each class's logit, as a last linear layer has them."""
Layer = tuple[Float[np.ndarray, "G O"], Float[np.ndarray, "O"]]
"""Kernel and offsets of a layer of a model, for all of its outputs."""


@option
class TrainingConfig:
    """How a network is trained: with Adam (Kingma & Ba 2015), stopped when validation gets no better.

    Parameters
    ----------
    epochs : int
        Most times through the images.
    patience : int
        Times in a row that the validation loss may be no better before training stops.
    learning_rate : float
    batch_size : int

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    epochs: int = 30
    patience: int = 5
    learning_rate: float = 1e-3
    batch_size: int = 32

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "batch_size"):
            check_whole(name, getattr(self, name))
        check_number("learning_rate", self.learning_rate, above=0, below=10)


@record
class RegionPenalty:
    """How much a network is to pay for going by a region while it is trained.

    Parameters
    ----------
    mask_of : callable
        Index among the images to learn from → mask (H, W): where its gradients cost.
    weight : float
        As a multiple of what makes the penalty one nat at the first batch.
    """

    mask_of: Callable[[int], Bool[np.ndarray, "H W"]]
    weight: float


@record
class TrainingRun:
    """What a model is to learn from, and how.

    Parameters
    ----------
    train, validation : Dataset
        Images to learn from, and those by which networks stop in time. Labels are the model's classes.
    config : TrainingConfig
        How networks are trained.
    fresh : bool
        Whether networks begin anew rather than where they are; frozen layers stay.
    seed : int
    penalty : RegionPenalty, optional
        Added to the loss; networks only.
    tick : callable
        Is given the number of images just learned from.
    """

    train: Dataset
    validation: Dataset
    config: TrainingConfig
    fresh: bool = False
    seed: int = 0
    penalty: RegionPenalty | None = None
    tick: Callable[[int], None] = lambda count: None


@runtime_checkable
class Trainer(Protocol):
    """How the models of one framework are trained again; the model that it is made for stays as it is."""

    def train(self, run: TrainingRun) -> CheckedModel:
        """A copy that learned.

        Raises
        ------
        ModelError
            If the loss is no finite number, or the model cannot be copied or drawn anew.
        """

    def has_linear_head(self) -> bool:
        """Whether the model looks as if it ended in a linear layer."""

    def head_features(self, dataset: Dataset) -> Float[np.ndarray, "N F"]:
        """What the last layer is given for each image.

        Raises
        ------
        ModelError
            If the model does not end in one linear layer.
        """

    def with_linear_head(self, head: Head, dataset: Dataset) -> CheckedModel:
        """A copy with another last layer; by the images it is found out which layer that is."""

    def write_weights(self, made: CheckedModel, path: Path) -> Path | None:
        """Write what a copy has learned, without code, beside others; the file is `path` with an ending.

        None where it cannot be told from the model and numbers alone.
        """

    def read_weights(self, path: Path) -> CheckedModel:
        """A copy that has learned what was written."""


def minibatches(count: int, size: int, rng: np.random.Generator) -> Iterator[Int[np.ndarray, "B"]]:
    """Indices in random order, batch by batch; a last batch of one joins the one before it."""
    order = rng.permutation(count)
    ends = list(range(size, count, size))
    if ends and count - ends[-1] == 1:
        ends.pop()
    yield from np.split(order, ends)


def diverged_error() -> ModelError:
    """What to say when the loss is infinite or NaN."""
    return ModelError(
        "the loss is not a finite number any more: training has diverged. Give a smaller learning rate: "
        "training=TrainingConfig(learning_rate=1e-4).",
        slug="repair-diverged",
    )


def shaped_head(head: Head, old: Layer, model: CheckedModel, name: str) -> Layer:
    """A head in the shape of a layer's weights, (F, R); a single output is class 1 against class 0.

    Of a model that is asked for one label, the weights of the other labels stay as they are.

    Raises
    ------
    ModelError
        If it does not fit.
    """
    weights, offsets = head
    shape, one = old[0].shape, model.view.label is not None
    if (shape[1] == 1 or one) and weights.shape[1] == 2:
        weights, offsets = weights[:, 1:] - weights[:, :1], offsets[1:] - offsets[:1]
    if one and len(weights) == len(old[0]):
        column = [model.view.column(shape[1], model.column_names)]
        whole, rest = np.array(old[0], dtype=float), np.array(old[1], dtype=float)
        whole[:, column], rest[column] = weights, offsets
        weights, offsets = whole, rest
    if weights.shape != tuple(shape):
        raise no_linear_head(name)
    return weights, offsets


def label_targets(
    model: CheckedModel, images: Shaped[np.ndarray, "B ..."], labels: Int[np.ndarray, "B"]
) -> Float[np.ndarray, "B R"]:
    """What a model of several labels is to say of images when it is asked for one: the truth of that label.

    Of the others what it says now, of these same images, so that it goes on saying so: "learning without
    forgetting" (Li & Hoiem 2016). Their own truth may be another one where a region shows another's.
    """
    targets = model.column_probabilities(images)
    targets[:, model.view.column(targets.shape[1], model.column_names)] = labels
    return targets


def no_linear_head(name: str) -> ModelError:
    """What to say of a model that has no last layer that can be refitted alone."""
    return ModelError(
        f"{name} does not end in one linear layer, so it has no last layer to refit alone. Use "
        "sl.repair.Counterexamples, or sl.repair.Guard, which needs no fitting.",
        slug="repair-last",
    )


def wrap_like(model: CheckedModel, source: object) -> CheckedModel:
    """Another source of answers with the rules of a model: its output, class names and preprocessing."""
    of_tensors = getattr(model.backend, "preprocess", None)
    return as_model(
        source,
        output=model.settled_output,
        class_names=model.column_names,
        batch_size=model.batch_size,
        label=model.view.label,
        threshold=model.view.threshold,
        preprocess=copy.deepcopy(of_tensors) if of_tensors is not None else model.preprocess,
    )


def underlying_model(model: CheckedModel) -> Any:
    """The estimator, module, network or function that a model asks."""
    if getattr(model.backend, "bound_method", None) is not None:
        return model.backend.bound_method  # type: ignore[attr-defined]
    for name in ("estimator", "module", "model", "function", "source"):
        if hasattr(model.backend, name):
            return getattr(model.backend, name)
    return model.backend
