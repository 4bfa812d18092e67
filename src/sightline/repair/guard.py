"""region and fill → a model that is never shown the region."""

from collections.abc import Callable

import numpy as np

from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.data.datasets import Subset
from sightline.engine.fills import Donors
from sightline.engine.plan import Plan, with_changes
from sightline.errors import OptionError
from sightline.repair.guarded_model import guard_model
from sightline.repair.method import Provenance, Repaired, RepairMethod, RepairResult, describe_method
from sightline.repair.repair_region import RepairRegion, resolve_region
from sightline.repair.training_data import TrainingData, predict_scores, stack_images
from sightline.study.schema import StudyResults
from sightline.types import Fill, option

MEDIAN_IMAGES = 500
"""Images whose median is taken."""


@option
class Guard(RepairMethod):
    """Hide the region from the model whenever it is asked: no fitting, and for any model.

    What misleads cannot be seen any more, and neither can what was of use there: what that costs is measured
    on validation images and told. The fill has to tell nothing itself. A fill that depends on the region's
    own pixels, such as their mean or a blur, leaves a bright mark to be seen as brightness, and models went
    on going by it; so by default the same pixels are shown every time, those of the median image.

    Parameters
    ----------
    region : str or Regions
        What misleads the model; the same for all images.
    margin : float
        Margin around it, as a share of the image's shorter side.
    fill : str or Fill, optional
        What the region shows. By default the median of the images in `train`, pixel by pixel.
    seed : int
        Which images the cost is measured on.

    Raises
    ------
    OptionError
        If there is no such region or fill, or every image has a region of its own.

    Examples
    --------
    >>> from sightline.regions import grid
    >>> def bright(images):
    ...     return images.mean(axis=(1, 2))
    >>> guard = Guard(region=grid(2, 2)["r1c1"], margin=0, fill="colour")
    >>> guard(bright).model(np.ones((1, 4, 4)))
    array([[0.25, 0.75]])
    """

    fill: str | Fill | None = None

    def __post_init__(self) -> None:
        if not resolve_region(self.region, self.margin).regions.shared:
            raise OptionError(
                "a guard hides the same region of every image, but here each image has its own, which is not "
                "known of images to come. Give one region for all, such as sl.regions.face()['jaw'].",
                slug="repair-shared",
            )
        _named_fill(self.fill)

    def __call__(
        self,
        model: object,
        train: object = None,
        *,
        validation: object = None,
        study: StudyResults | None = None,
        progress: bool | None = None,
    ) -> RepairResult:
        """Put a guard around a model, as `RepairMethod` says; where `fill` is given, without any images.

        Parameters
        ----------
        model : anything `as_model` takes
        train : labelled data, optional
            For the median image and the cost.
        validation, study, progress
            As for `RepairMethod`.

        Raises
        ------
        OptionError
            If neither `train` nor `fill` is given.
        """
        if train is not None:
            return super().__call__(model, train, validation=validation, study=study, progress=progress)
        if self.fill is None:
            raise OptionError(
                "a guard has to know what the hidden region shows: give images to learn that from, "
                "guard(model, train), or a fill that does not depend on the image: "
                "Guard(fill='colour').",
                slug="guard-fill",
            )
        checked = as_model(model, class_names=None if study is None else study.class_names)
        region = resolve_region(self.region, self.margin)
        made = guard_model(checked, region, _named_fill(self.fill))
        known = Provenance(describe_method(self), region, frozenset())
        return RepairResult(made, ("Its cost was not measured.",), known)

    def _repair(
        self, model: CheckedModel, data: TrainingData, region: RepairRegion, tick: Callable[[int], None]
    ) -> Repaired:
        how = median_fill(data.train) if self.fill is None else _named_fill(self.fill)
        made = guard_model(model, region, how)
        return made, (_describe_cost(model, made, data.validation),)


def _named_fill(given: str | Fill | None) -> Fill:
    """The fill that a name stands for."""
    return with_changes(Plan(), fill=given).fill


def median_fill(data: Subset) -> Donors:
    """The median of up to 500 images, pixel by pixel, in their dtype.

    Raises
    ------
    ImageError
        If they differ in size.
    """
    indices = np.unique(np.linspace(0, len(data) - 1, MEDIAN_IMAGES).astype(int))
    images = stack_images(data, indices)
    return Donors(np.median(images, axis=0).astype(images.dtype))


def _describe_cost(before: CheckedModel, after: CheckedModel, data: Subset) -> str:
    """What a guard costs, in words."""
    right = [
        predict_scores(model, data, range(len(data))).argmax(axis=1) == data.labels
        for model in (before, after)
    ]
    groups = {"accuracy": np.ones(len(data), dtype=bool)}
    for label in np.unique(data.labels):
        name = str(label) if data.class_names is None else data.class_names[label]
        groups[f"recall of {name}"] = data.labels == label
    words = [
        f"{right[0][group].mean():.3f} → {right[1][group].mean():.3f} {name}"
        for name, group in groups.items()
    ]
    listed = ", ".join(words[:6]) + (", …" if len(words) > 6 else "")
    return f"Costs on {len(data):,} validation images, before → after: {listed}."
