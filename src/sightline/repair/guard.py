"""region and fill → a model that is never shown the region."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.data.datasets import Subset
from sightline.engine.fills import Donors, draw_fill
from sightline.engine.plan import Plan, with_changes
from sightline.errors import OptionError
from sightline.regions.region_set import Regions
from sightline.repair.region_swap import paste_region as with_content
from sightline.repair.repair_region import DEFAULT_MARGIN, RepairRegion, resolve_region
from sightline.repair.result import RepairResult, fixed
from sightline.repair.training_data import predict_scores, split_training_data, stack_images
from sightline.study.schema import StudyResults
from sightline.types import Backend, Fill, Segments, option

MEDIAN_IMAGES = 500
"""Images whose median is taken."""


@option
class Guard:
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

    region: str | Regions
    margin: float = DEFAULT_MARGIN
    fill: str | Fill | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not resolve_region(self.region, self.margin).regions.shared:
            raise OptionError(
                "a guard hides the same region of every image, but here each image has its own, which is not "
                "known of images to come. Give one region for all, such as sl.regions.face()['jaw'].",
                slug="repair-shared",
            )
        with_changes(Plan(), fill=self.fill)

    def __call__(
        self,
        model: Any,
        train: Any = None,
        *,
        validation: Any = None,
        study: StudyResults | None = None,
        progress: bool | None = None,
    ) -> RepairResult:
        """Put a guard around a model.

        Parameters
        ----------
        model : anything `as_model` takes
        train : labelled data, optional
            For the median image and the cost; not needed where `fill` is given.
        validation : labelled data, optional
            To measure the cost on; by default a fifth of `train`.
        study : Study, optional
            Tells the class names.
        progress : bool, optional
            Not used: it takes no time.

        Returns
        -------
        Fix

        Raises
        ------
        OptionError
            If neither `train` nor `fill` is given.
        """
        made = as_model(model, class_names=None if study is None else study.class_names)
        area = resolve_region(self.region, self.margin)
        if train is None:
            if self.fill is None:
                raise OptionError(
                    "a guard has to know what the hidden region shows: give images to learn that from, "
                    "guard(model, train), or a fill that does not depend on the image: "
                    "Guard(fill='colour').",
                    slug="guard-fill",
                )
            how = with_changes(Plan(), fill=self.fill).fill
            return fixed(guard_model(made, area, how), self, area, frozenset(), "Its cost was not measured.")
        taught = split_training_data(made, train, validation, seed=self.seed)
        how = median_fill(taught.train) if self.fill is None else with_changes(Plan(), fill=self.fill).fill
        new = guard_model(made, area, how)
        return fixed(new, self, area, taught.image_digests(), _describe_cost(made, new, taught.validation))


class GuardedModel(Backend):
    """A `Backend` whose images have the region hidden before anything else sees them.

    Parameters
    ----------
    model : CheckedModel
        Its output rule, class names and batch size hold on; its preprocessing comes after the guard.
    area : Area
    how : Fill
    """

    def __init__(self, model: CheckedModel, area: RepairRegion, how: Fill) -> None:
        self.model = model
        self.region = area
        self.fill = how
        self.class_names = model.class_names
        self.batch_size = model.batch_size
        self.output = model.backend.output

    def __repr__(self) -> str:
        return f"{self.model.backend!r} behind a guard of {self.region.name!r}"

    @property
    def outputs_probabilities(self) -> bool | None:
        """As the model's."""
        return self.model.backend.outputs_probabilities

    def __call__(self, images: Any) -> Any:
        return self.model.backend(self.model.apply_preprocess(self.hide_region(np.asarray(images))))

    def hide_region(self, images: Shaped[np.ndarray, "B ..."]) -> Shaped[np.ndarray, "B ..."]:
        """The images with the region hidden: a new array."""
        mask = self.region.mask(images.shape[1:3])
        segments = Segments.renumber(mask)
        return np.stack([with_content(one, mask, draw_fill(one, segments, self.fill)[0]) for one in images])


def guard_model(model: CheckedModel, region: RepairRegion, fill: Fill) -> CheckedModel:
    """The model behind a guard."""
    return CheckedModel(
        GuardedModel(model, region, fill),
        output="auto" if model.output == "network" else model.output,
        class_names=model.class_names,
        batch_size=model.batch_size,
    )


def median_fill(data: Subset) -> Donors:
    """The median of up to 500 images, pixel by pixel, in their dtype.

    Raises
    ------
    ImageError
        If they differ in size.
    """
    places = np.unique(np.linspace(0, len(data) - 1, MEDIAN_IMAGES).astype(int))
    images = stack_images(data, places)
    return Donors(np.median(images, axis=0).astype(images.dtype))


def _describe_cost(before: CheckedModel, after: CheckedModel, part: Subset) -> str:
    """What a guard costs, in words."""
    every = range(len(part))
    right = [predict_scores(model, part, every).argmax(axis=1) == part.labels for model in (before, after)]
    words = [f"{_before_and_after(right, np.ones(len(part), dtype=bool))} accuracy"]
    for label in np.unique(part.labels):
        name = str(label) if part.class_names is None else part.class_names[label]
        words.append(f"{_before_and_after(right, part.labels == label)} recall of {name}")
    listed = ", ".join(words[:6]) + (", …" if len(words) > 6 else "")
    return f"Costs on {len(part):,} validation images, before → after: {listed}."


def _before_and_after(right: list[Any], which: Bool[np.ndarray, "N"]) -> str:
    before, after = (one[which].mean() for one in right)
    return f"{before:.3f} → {after:.3f}"
