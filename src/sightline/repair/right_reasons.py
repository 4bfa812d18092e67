"""region → a network that is penalised for looking there."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool

from sightline._checks import check_number
from sightline._language import in_english
from sightline.adapters.checked_model import CheckedModel
from sightline.errors import ModelError
from sightline.repair.method import Repaired, RepairMethod
from sightline.repair.region_swap import RegionSwapped, swap_of
from sightline.repair.repair_region import RepairRegion
from sightline.repair.training.fine_tune import network_trainer
from sightline.repair.training.trainer import RegionPenalty, TrainingConfig, TrainingRun
from sightline.repair.training_data import TrainingData, macro_recall
from sightline.types import option

WEIGHTS = (1.0, 30.0, 1000.0)
"""Weights that are tried where none is given."""


@option
class RightReasons(RepairMethod):
    """Train a network on with a penalty on its input gradients inside the region.

    Ross, Hughes & Doshi-Velez 2017, "Right for the right reasons". No image is changed: the network learns
    that small changes in the region must not matter. Of a mark of full strength that is no promise, since the
    gradient says little of what a large change does; `Counterexamples` asks for just that. For modules of
    PyTorch, and Keras models on TensorFlow and PyTorch.

    Parameters
    ----------
    region : str or Regions
        What misleads the model.
    margin : float
        Margin around it, as a share of the image's shorter side.
    weight : float, optional
        Of the penalty, as a multiple of what makes it one nat at the start; by default 1, 30 and 1000 are
        tried, and chosen on validation images in which the region's content is swapped.
    training : TrainingConfig
    fresh : bool
        Whether the network begins anew. The penalty is weighed by what it is at the start, which is little
        where nothing has been learned yet.
    seed : int

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    weight: float | None = None
    training: TrainingConfig = TrainingConfig()
    fresh: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight is not None:
            check_number("weight", self.weight, above=0)

    def _most_learned(self, model: CheckedModel, data: TrainingData) -> int | None:
        return self.training.epochs * len(data.train) * (len(WEIGHTS) if self.weight is None else 1)

    def _repair(
        self, model: CheckedModel, data: TrainingData, region: RepairRegion, tick: Callable[[int], None]
    ) -> Repaired:
        trainer = network_trainer(model)
        if trainer is None:
            raise ModelError(
                "right reasons need the gradients of a PyTorch module or a Keras model, but the model is "
                f"{model.backend!r}. Use sl.repair.Counterexamples or sl.repair.Guard.",
                slug="repair-closed",
            )
        train = data.train

        def mask_of(index: int) -> Bool[np.ndarray, "H W"]:
            image = train[index][0]
            return region.mask(image.shape[:2], train.root_index(index), image)

        # It stops where the region's content matters least, not where the mark is learned best.
        check = RegionSwapped(data.validation, region, swap_of(region), 3, self.seed + 1)
        run = TrainingRun(train, check, self.training, fresh=self.fresh, seed=self.seed, tick=tick)
        tried = []
        for weight in WEIGHTS if self.weight is None else (self.weight,):
            made = trainer.train(dataclasses.replace(run, penalty=RegionPenalty(mask_of, weight)))
            tried.append((macro_recall(made, check), weight, made))
        _, best, made = max(tried, key=lambda one: one[0])
        notes = [in_english("Penalty of weight {best:g}.", best=best)]
        if len(tried) > 1:
            listed = ", ".join(f"{weight:g} ({recall:.2f})" for recall, weight, _ in tried)
            notes.append(
                in_english(
                    "Chosen by the mean recall of validation images with swapped content among {listed}.",
                    listed=listed,
                )
            )
        return made, tuple(notes)
