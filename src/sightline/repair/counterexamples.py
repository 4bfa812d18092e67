"""region and images → a model that learned from images in which the region tells nothing."""

from collections.abc import Callable

from sightline._checks import check_whole
from sightline._language import in_english
from sightline.adapters.checked_model import CheckedModel
from sightline.data.datasets import ConcatDataset
from sightline.engine.plan import Plan, with_changes
from sightline.repair.method import Repaired, RepairMethod
from sightline.repair.region_swap import RegionSwapped, ShufflePixels, SwapRegion
from sightline.repair.repair_region import RepairRegion
from sightline.repair.training.fine_tune import FitFunction, network_trainer, refit_model
from sightline.repair.training.trainer import TrainingConfig, TrainingRun
from sightline.repair.training_data import TrainingData
from sightline.types import Fill, option

REGION_SWAPS: dict[str, SwapRegion | ShufflePixels] = {
    "swap": SwapRegion(),
    "plant": SwapRegion(fill="surroundings"),
    "shuffle": ShufflePixels(),
}
"""Names of what takes the place of a region, beside those of fills."""


@option
class Counterexamples(RepairMethod):
    """Fit the model anew on images in which what the region shows is replaced, each with its own label.

    After CAIPI (Teso & Kersting 2019, "Explanatory interactive machine learning"), which adds such copies
    to the images that are there. Here they take their place: as long as a part of the images still
    shows the region as it was, going by it still pays, and on chest X-rays with a token networks went on
    going by it. The region is replaced by that of another image, of any class, so that what it shows is
    independent of the label; noise makes the region tell nothing too, but no image looks like that
    otherwise; blur and means often leave a bright mark to be seen.

    A margin around the region is replaced with it: of a mark that reaches beyond the region by one row of
    pixels, that row is enough to go by.

    Parameters
    ----------
    region : str or Regions
        What misleads the model; a name is looked up in `regions.face` and `regions.chest`.
    margin : float
        Width of the margin, as a share of the image's shorter side; 0 to 0.5.
    copies : int
        Times that each image is taken, each time with another's region.
    replacement : str, SwapRegion, ShufflePixels or Fill
        ``"swap"``; ``"plant"``, for regions that every image has its own of, which puts a donor's region
        where the donor has it and the image's own surroundings where it had one itself; ``"shuffle"``; or a
        fill such as ``"noise"``, ``"surroundings"`` or ``Blur(sigma=8)``.
    originals : bool
        Add the images as they are, as CAIPI does.
    fit : callable, optional
        Your own ``fit(model, images, labels) -> model``; by default estimators of scikit-learn are cloned
        and fitted, networks of PyTorch and Keras trained on.
    fresh : bool
        Whether networks begin anew, with new weights but in frozen layers, rather than from where they are.
    training : TrainingConfig
        How networks are trained.
    seed : int
        Which donors, and which order.

    Raises
    ------
    OptionError
        If a number is out of range, or there is no such region or replacement.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sightline.regions import grid
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(60) % 2
    >>> images = rng.random((60, 4, 4)) * 0.5 + 0.3 * labels[:, None, None]
    >>> images[:, 0, 0] = labels  # a mark in the corner gives the class away
    >>> model = LogisticRegression().fit(images.reshape(60, -1), labels)
    >>> fix = Counterexamples(region=grid(4, 4)["r1c1"], margin=0)(model, (images, labels))
    >>> abs(fix.raw.coef_[0, 0]) < abs(model.coef_[0, 0]) / 3
    np.True_
    """

    copies: int = 3
    replacement: str | Fill | SwapRegion | ShufflePixels = "swap"
    originals: bool = False
    fit: FitFunction | None = None
    fresh: bool = False
    training: TrainingConfig = TrainingConfig()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("copies", self.copies)
        _resolve_replacement(self.replacement)

    def _most_learned(self, model: CheckedModel, data: TrainingData) -> int | None:
        if self.fit is not None or network_trainer(model) is None:
            return None
        return self.training.epochs * (self.copies + self.originals) * len(data.train)

    def _repair(
        self, model: CheckedModel, data: TrainingData, region: RepairRegion, tick: Callable[[int], None]
    ) -> Repaired:
        how = _resolve_replacement(self.replacement)
        swapped = RegionSwapped(data.train, region, how, self.copies, self.seed)
        # Not the learners' seed, or donors of an image would be drawn alike.
        check = RegionSwapped(data.validation, region, how, 1, self.seed + 1)
        train = ConcatDataset((data.train, swapped)) if self.originals else swapped
        run = TrainingRun(train, check, self.training, fresh=self.fresh, seed=self.seed, tick=tick)
        made = refit_model(model, run, self.fit)
        return made, (
            in_english("Learned from {n:,} images, made of {of:,}.", n=len(train), of=len(data.train)),
        )


def _resolve_replacement(
    given: str | Fill | SwapRegion | ShufflePixels,
) -> Fill | SwapRegion | ShufflePixels:
    """The value that a name stands for."""
    if isinstance(given, str) and given in REGION_SWAPS:
        return REGION_SWAPS[given]
    if isinstance(given, SwapRegion | ShufflePixels):
        return given
    named: Fill = with_changes(Plan(), fill=given).fill
    return named
