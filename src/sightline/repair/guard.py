"""region and fill → a model that is never shown the region."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from sightline.adapters import as_model
from sightline.adapters.model import CheckedModel
from sightline.engine.fill import Donors, fill
from sightline.engine.plan import Plan, replaced
from sightline.errors import OptionError
from sightline.findings.region_set import Regions
from sightline.repair.area import GROW, Area, area_of
from sightline.repair.exchange import replaced as with_content
from sightline.repair.fix import Fix, fixed
from sightline.repair.lessons import Part, asked, lessons, stacked
from sightline.types import Fill, Segments, option

MOST = 500
"""Pictures whose median is taken."""


@option
class Guard:
    """Hide the region from the model whenever it is asked: no fitting, and for any model.

    What misleads cannot be seen any more, and neither can what was of use there: what that costs is measured
    on validation pictures and told. The fill has to tell nothing itself. A fill that depends on the region's
    own pixels, such as their mean or a blur, leaves a bright mark to be seen as brightness, and models went
    on going by it; so by default the same pixels are shown every time, those of the median picture.

    Parameters
    ----------
    region : str or Regions
        What misleads the model; the same for all images.
    grow : float
        Margin around it, as a share of the picture's shorter side.
    fill : str or Fill, optional
        What the region shows. By default the median of the pictures in `train`, pixel by pixel.
    seed : int
        Which pictures the cost is measured on.

    Raises
    ------
    OptionError
        If there is no such region or fill, or every image has a region of its own.

    Examples
    --------
    >>> from sightline.findings.regions import grid
    >>> def bright(images):
    ...     return images.mean(axis=(1, 2))
    >>> guard = Guard(region=grid(2, 2)["r1c1"], grow=0, fill="colour")
    >>> guard(bright).model(np.ones((1, 4, 4)))
    array([[0.25, 0.75]])
    """

    region: str | Regions
    grow: float = GROW
    fill: str | Fill | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not area_of(self.region, self.grow).region.shared:
            raise OptionError(
                "a guard hides the same region of every image, but here each image has its own, which is not "
                "known of images to come. Give one region for all, such as sl.regions.face()['jaw'].",
                slug="repair-shared",
            )
        replaced(Plan(), fill=self.fill)

    def __call__(
        self,
        model: Any,
        train: Any = None,
        *,
        validation: Any = None,
        study: Any = None,
        progress: bool | None = None,
    ) -> Fix:
        """Put a guard around a model.

        Parameters
        ----------
        model : anything `as_model` takes
        train : labelled data, optional
            For the median picture and the cost; not needed where `fill` is given.
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
        area = area_of(self.region, self.grow)
        if train is None:
            if self.fill is None:
                raise OptionError(
                    "a guard has to know what the hidden region shows: give pictures to learn that from, "
                    "guard(model, train), or a fill that does not depend on the picture: "
                    "Guard(fill='colour').",
                    slug="guard-fill",
                )
            how = replaced(Plan(), fill=self.fill).fill
            return fixed(guarded(made, area, how), self, area, frozenset(), "Its cost was not measured.")
        taught = lessons(made, train, validation, seed=self.seed)
        how = median(taught.learn) if self.fill is None else replaced(Plan(), fill=self.fill).fill
        new = guarded(made, area, how)
        return fixed(new, self, area, taught.digests(), _cost(made, new, taught.validate))


class Guarded:
    """An adapter's `Ask` whose images have the region hidden before anything else sees them.

    Parameters
    ----------
    model : CheckedModel
        Its output rule, class names and batch size hold on; its preprocessing comes after the guard.
    area : Area
    how : Fill
    """

    def __init__(self, model: CheckedModel, area: Area, how: Fill) -> None:
        self.model = model
        self.area = area
        self.fill = how
        self.class_names = model.class_names
        self.batch_size = model.batch_size
        self.output = model.ask.output

    def __repr__(self) -> str:
        return f"{self.model.ask!r} behind a guard of {self.area.name!r}"

    @property
    def squashed(self) -> bool | None:
        """As the model's."""
        return getattr(self.model.ask, "squashed", None)

    def __call__(self, images: Any) -> Any:
        return self.model.ask(self.model.prepared(self.covered(np.asarray(images))))

    def covered(self, images: Shaped[np.ndarray, "B ..."]) -> Shaped[np.ndarray, "B ..."]:
        """The images with the region hidden: a new array."""
        mask = self.area.mask(images.shape[1:3])
        segments = Segments.renumber(mask)
        return np.stack([with_content(one, mask, fill(one, segments, self.fill)[0]) for one in images])


def guarded(model: CheckedModel, area: Area, how: Fill) -> CheckedModel:
    """The model behind a guard."""
    return CheckedModel(
        Guarded(model, area, how),
        output="auto" if model.output == "network" else model.output,
        class_names=model.class_names,
        batch_size=model.batch_size,
    )


def median(part: Part) -> Donors:
    """The median of up to 500 pictures, pixel by pixel, in their dtype.

    Raises
    ------
    ImageError
        If they differ in size.
    """
    places = np.unique(np.linspace(0, len(part) - 1, MOST).astype(int))
    images = stacked(part, places)
    return Donors(np.median(images, axis=0).astype(images.dtype))


def _cost(before: CheckedModel, after: CheckedModel, part: Part) -> str:
    """What a guard costs, in words."""
    every = range(len(part))
    right = [asked(model, part, every).argmax(axis=1) == part.labels for model in (before, after)]
    words = [f"{_shown(right, np.ones(len(part), dtype=bool))} accuracy"]
    for label in np.unique(part.labels):
        name = str(label) if part.class_names is None else part.class_names[label]
        words.append(f"{_shown(right, part.labels == label)} recall of {name}")
    listed = ", ".join(words[:6]) + (", …" if len(words) > 6 else "")
    return f"Costs on {len(part):,} validation pictures, before → after: {listed}."


def _shown(right: list[Any], which: Bool[np.ndarray, "N"]) -> str:
    before, after = (one[which].mean() for one in right)
    return f"{before:.3f} → {after:.3f}"
