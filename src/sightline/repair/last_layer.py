"""region and images → a model whose last layer learned from images in which the region tells nothing."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from sightline._checks import check_number, check_whole
from sightline.adapters.checked_model import CheckedModel
from sightline.errors import silence_warnings
from sightline.repair.method import Repaired, RepairMethod
from sightline.repair.region_swap import RegionSwapped, swap_of
from sightline.repair.repair_region import RepairRegion
from sightline.repair.training.fine_tune import trainer_of
from sightline.repair.training.trainer import Head, no_linear_head
from sightline.repair.training_data import TrainingData, recall_of_scores, stack_images
from sightline.types import option

STRENGTHS = (0.001, 0.01, 0.1, 1.0)
"""Inverse strengths of regularisation that are tried where none is given."""


@option
class LastLayer(RepairMethod):
    """Refit the last layer alone, on features of images in which the region tells nothing.

    Kirichenko, Izmailov & Wilson 2023, "Last layer re-training is sufficient for robustness to spurious
    correlations": what a network sees of the rest of the image is often good enough, and only its last
    layer weighs it wrongly. A logistic regression takes its place, which takes seconds. There must be
    features to weigh: a network that learned the mark and next to nothing else is not helped. For modules of
    PyTorch and Keras models that end in a linear layer, and scikit-learn's `MLPClassifier`, alone or last in
    a pipeline.

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
        among 0.001, 0.01, 0.1 and 1 on validation images with swapped content.
    seed : int

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    copies: int = 3
    strength: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("copies", self.copies)
        if self.strength is not None:
            check_number("strength", self.strength, above=0)

    def _repair(
        self, model: CheckedModel, data: TrainingData, region: RepairRegion, tick: Callable[[int], None]
    ) -> Repaired:
        trainer = trainer_of(model)
        if trainer is None or not trainer.has_linear_head():
            raise no_linear_head(repr(model.backend))
        classes = model(stack_images(data.train, [0])).shape[1]
        train = RegionSwapped(data.train, region, swap_of(region), self.copies, self.seed)
        check = RegionSwapped(data.validation, region, swap_of(region), self.copies, self.seed + 1)
        features, tested = trainer.head_features(train), trainer.head_features(check)
        tried = []
        for strength in STRENGTHS if self.strength is None else (self.strength,):
            head = fit_linear_head(features, train.labels, strength, classes)
            scores = np.asarray(tested @ head[0] + head[1])
            tried.append((recall_of_scores(scores, check.labels), strength, head))
        recall, best, head = max(tried, key=lambda one: one[0])
        note = (
            f"Last layer of {features.shape[1]} features refitted on {len(train):,} images (C = {best:g}): "
            f"mean recall {recall:.2f} of validation images with swapped content."
        )
        return trainer.with_linear_head(head, data.train), (note,)


def fit_linear_head(
    features: Float[np.ndarray, "N F"], labels: Int[np.ndarray, "N"], strength: float, classes: int
) -> Head:
    """Weights and offsets of each class's logit, by logistic regression that counts every class alike.

    Parameters
    ----------
    features : float array, shape (N, F)
    labels : int array, shape (N,)
    strength : float
        Inverse strength of the regularisation (scikit-learn's C) of standardised features.
    classes : int

    Examples
    --------
    >>> features, labels = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> weights, offsets = fit_linear_head(features, labels, 1.0, 2)
    >>> (features @ weights + offsets).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    middle, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    with silence_warnings(ConvergenceWarning):
        made = LogisticRegression(C=strength, class_weight="balanced", max_iter=500)
        made.fit((features - middle) / spread, labels)
    coef, offset = np.asarray(made.coef_, dtype=float), np.asarray(made.intercept_, dtype=float)
    if len(coef) == 1:  # one logit of the second of two classes
        coef, offset = np.concatenate([-coef / 2, coef / 2]), np.concatenate([-offset / 2, offset / 2])
    # A class that there was no image of keeps out of the way.
    weights, offsets = np.zeros((features.shape[1], classes)), np.full(classes, -1e3)
    weights[:, made.classes_] = (coef / spread).T
    offsets[made.classes_] = offset - (coef / spread) @ middle
    return weights, offsets
