"""region and fill → a model that is never shown the region."""

from collections.abc import Callable

import numpy as np

from sightline._class_names import class_text
from sightline._language import in_english
from sightline.adapters.checked_model import CheckedModel
from sightline.data.datasets import Subset
from sightline.engine.fills import Donors, Surroundings
from sightline.engine.plan import Plan, with_changes
from sightline.errors import OptionError
from sightline.repair.guarded_model import guard_model
from sightline.repair.method import Provenance, Repaired, RepairMethod, RepairResult, describe_method
from sightline.repair.repair_region import RepairRegion, resolve_region
from sightline.repair.training_data import (
    TrainingData,
    is_guessing,
    macro_recall,
    predict_scores,
    stack_images,
)
from sightline.study.provenance import as_studied_model
from sightline.study.schema import StudyResults
from sightline.types import Fill, option

MEDIAN_IMAGES = 500
"""Images whose median is taken."""
MOST_CLASSES = 12
"""Classes whose own medians are tried, those with most images."""
BETTER = 0.02
"""How much more mean recall the median of one class has to leave than that of all, to be shown instead."""


@option
class Guard(RepairMethod):
    """Hide the region from the model whenever it is asked: no fitting, and for any model.

    What misleads cannot be seen any more, and neither can what was of use there: what that costs is measured
    on validation images and told. The fill has to tell nothing itself. A fill that depends on the region's
    own pixels, such as their mean or a blur, leaves a bright mark to be seen as brightness, and models went
    on going by it; so by default the same pixels are shown every time, those of the median image. Every class
    counts alike in it, or the mark of a frequent class would be in it. Where the median of one class leaves
    the model clearly more right answers, as where the mark is in that of all, it is shown instead.

    Parameters
    ----------
    region : str or Regions
        What misleads the model: the same for all images, or found in each by its looks.
    margin : float
        Margin around it, as a share of the image's shorter side.
    fill : str or Fill, optional
        What the region shows. By default the median of the images in `train`, pixel by pixel, as said; of
        one that is found by its looks its surroundings, of which nothing of it remains.
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
        regions = resolve_region(self.region, self.margin).regions
        if not (regions.shared or regions.needs_image):
            raise OptionError(
                "a guard hides the same region of every image, or one that is found in it, but here each "
                "image has its own, which is not known of images to come. Give one region for all, such as "
                "sl.regions.face()['jaw'], or a concept.",
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
        checked = as_studied_model(model, study)
        region = resolve_region(self.region, self.margin)
        how = self._fill_without_images(region)
        if how is None:
            raise OptionError(
                "a guard has to know what the hidden region shows: give images to learn that from, "
                "guard(model, train), or a fill that does not depend on the image: "
                "Guard(fill='colour').",
                slug="guard-fill",
            )
        made = guard_model(checked, region, how)
        known = Provenance(describe_method(self), region, frozenset())
        return RepairResult(made, (in_english("Its cost was not measured."),), known)

    def _repair(
        self, model: CheckedModel, data: TrainingData, region: RepairRegion, tick: Callable[[int], None]
    ) -> Repaired:
        notes: tuple[str, ...] = ()
        how = self._fill_without_images(region)
        if how is None:
            how, notes = _telling_least(model, region, data.train)
        made = guard_model(model, region, how)
        if is_guessing(predict_scores(made, data.validation), data.validation.labels):
            notes += (
                in_english("What it says with the region hidden is no better than guessing: do not use it."),
            )
        return made, (_describe_cost(model, made, data.validation), *notes)

    def _fill_without_images(self, region: RepairRegion) -> Fill | None:
        """What the region shows, where no images are needed to know it."""
        if self.fill is None:
            return Surroundings() if region.regions.needs_image else None
        return _named_fill(self.fill)


def _named_fill(given: str | Fill | None) -> Fill:
    """The fill that a name stands for."""
    return with_changes(Plan(), fill=given).fill


def median_fill(data: Subset, label: int | None = None) -> Donors:
    """The median of up to 500 images, pixel by pixel, in their dtype; of one class, or each counted alike.

    Raises
    ------
    ImageError
        If they differ in size.
    """
    images = stack_images(data, _balanced_indices(data, label))
    return Donors(np.median(images, axis=0).astype(images.dtype))


def _balanced_indices(data: Subset, label: int | None = None) -> list[int]:
    """Up to 500 images, as many of each class, spread over the data: those of a rare class several times."""
    classes = np.unique(data.labels)[:MEDIAN_IMAGES].tolist() if label is None else [label]
    each = max(1, MEDIAN_IMAGES // len(classes))
    most = int(np.bincount(data.labels)[classes].max())
    chosen: list[int] = []
    for one in classes:
        there = np.flatnonzero(data.labels == one)
        chosen += there[np.linspace(0, len(there) - 1, min(each, most)).astype(int)].tolist()
    return chosen


def _telling_least(model: CheckedModel, region: RepairRegion, data: Subset) -> tuple[Donors, tuple[str, ...]]:
    """The median with which the model is right most often, and a sentence if it is not that of all classes.

    What a fill tells, it tells of every image alike: a median that holds the mark makes the model say the
    mark's class of all.
    """
    some = Subset(data, np.asarray(_balanced_indices(data)))
    classes, counts = np.unique(data.labels, return_counts=True)
    frequent = classes[np.argsort(-counts, kind="stable")][:MOST_CLASSES].tolist()
    fills = {None: median_fill(data), **{one: median_fill(data, one) for one in frequent}}
    recalls = {one: macro_recall(guard_model(model, region, fill), some) for one, fill in fills.items()}
    best = max(frequent, key=lambda one: recalls[one])
    if recalls[best] <= recalls[None] + BETTER:
        return fills[None], ()
    name = class_text(best, data.class_names)
    return fills[best], (
        in_english(
            "Shows the median of {name}: that of all classes left a mean recall of {usual:.2f} where this "
            "one leaves {best:.2f}, as it does where it holds what misleads.",
            name=name,
            usual=recalls[None],
            best=recalls[best],
        ),
    )


def _describe_cost(before: CheckedModel, after: CheckedModel, data: Subset) -> str:
    """What a guard costs, in words."""
    right = [
        predict_scores(model, data, range(len(data))).argmax(axis=1) == data.labels
        for model in (before, after)
    ]
    groups = {in_english("accuracy"): np.ones(len(data), dtype=bool)}
    for label in np.unique(data.labels):
        name = str(label) if data.class_names is None else data.class_names[label]
        groups[in_english("recall of {name}", name=name)] = data.labels == label
    words = [
        in_english(
            "{name} from {before:.3f} to {after:.3f}",
            name=name,
            before=right[0][group].mean(),
            after=right[1][group].mean(),
        )
        for name, group in groups.items()
    ]
    listed = ", ".join(words[:6]) + (", …" if len(words) > 6 else "")
    return in_english("Costs on {n:,} validation images: {listed}.", n=len(data), listed=listed)
