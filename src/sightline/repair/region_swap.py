"""images → the same images, in which what a region shows was replaced."""

import dataclasses
import functools
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Shaped

from sightline.data.datasets import Dataset, LabelledImage, Subset
from sightline.engine.fills import Noise, Surroundings, draw_area
from sightline.engine.image import channels_last, pixel_form
from sightline.engine.plan import Plan, with_changes
from sightline.errors import ImageError, OptionError
from sightline.repair.repair_region import RepairProperty, RepairRegion
from sightline.types import Fill, option, record

DONORS = ("any", "same_class", "other_class")
MOST_KEPT = 1 << 28
"""Bytes of made images that are kept."""


@option
class SwapRegion:
    """The region's content taken from another image, so that it tells nothing of the class.

    Parameters
    ----------
    donors : str
        ``"any"``: an image of any class, each class as likely. What the region shows is then independent of
        the label. ``"other_class"``: an image of another class: with two classes the content then speaks for
        the wrong one every time, which is harder than independence, and is meant for testing.
        ``"same_class"``: an image of the same class, which changes the pixels and keeps what they tell.
    fill : str or Fill, optional
        Where every image has a region of its own: what takes its place, before the donor's region is planted
        where the donor has it. By default the donor's pixels do, and with them comes what else the donor
        shows there; ``"surroundings"`` brings nothing of the donor but its region.

    Raises
    ------
    OptionError
    """

    donors: str = "any"
    fill: str | Fill | None = None

    def __post_init__(self) -> None:
        if self.fill is not None:
            object.__setattr__(self, "fill", with_changes(Plan(), fill=self.fill).fill)
        if self.donors not in DONORS:
            raise OptionError(
                f"donors must be one of {', '.join(DONORS)}, but {self.donors!r} was given.",
                slug="option-value",
            )


@option
class ShufflePixels:
    """The region's pixels in random order: their values stay, what they show goes."""


@record
class RegionSwapped(Dataset):
    """Labelled images with a region's content replaced, each made when it is asked for.

    Where every image has a region of its own, what is swapped is the image's own and the donor's: the
    donor's content is planted where the donor has it, so that a mark comes into images of classes that never
    had it.

    The image at an index is always the same, and kept as long as there is room, since each is learned from
    many times. Copies of all images follow each other: of N images, indices N
    to 2N - 1 are the second copies.

    Parameters
    ----------
    dataset : Dataset
    region : RepairRegion
    replacement : SwapRegion, ShufflePixels or Fill
    copies : int
    seed : int
    """

    dataset: Dataset
    region: RepairRegion
    replacement: SwapRegion | ShufflePixels | Fill
    copies: int = 1
    seed: int = 0

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Those of the data set."""
        return self.dataset.class_names

    @property
    def labels(self) -> Int[np.ndarray, "M"]:
        """Class of every image."""
        return np.tile(self.dataset.labels, self.copies)

    def __len__(self) -> int:
        return self.copies * len(self.dataset)

    def __getitem__(self, index: Any) -> Any:
        """One image and its label, or the subset of a slice, a list of indices or a bool array."""
        if not isinstance(index, int | np.integer):
            return Subset(self, np.arange(len(self))[index])
        if int(index) not in self._kept:
            made = self._make_image(int(index))
            if len(self._kept) * made[0].nbytes >= MOST_KEPT:
                return made
            self._kept[int(index)] = made
        return self._kept[int(index)]

    @functools.cached_property
    def _kept(self) -> dict[int, LabelledImage]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_kept"}

    def _make_image(self, index: int) -> LabelledImage:
        """The image at an index, and its label."""
        one = index % len(self.dataset)
        image, label = self.dataset[one]
        rng = np.random.default_rng((self.seed, index))
        how = self.replacement
        if isinstance(self.region, RepairProperty) and isinstance(how, SwapRegion):
            other = draw_donor(self.dataset.labels, label, how.donors, rng)
            return self.region.exchanged(image, self._alike_image(other, image), rng), label
        mask = self._own_mask(one, image)
        if not isinstance(how, SwapRegion):
            return paste_region(image, mask, self._filled_image(image, mask, how, rng)), label
        other = draw_donor(self.dataset.labels, label, how.donors, rng)
        donor = self._donor_image(other, image)
        if not self.region.regions.shared:
            # The donor's mark comes with it: were the image's own only taken away, what a class without the
            # mark looks like would still never show it, and going by it would still pay.
            planted = self._own_mask(other, donor)
            if how.fill is not None:
                image = paste_region(image, mask, self._filled_image(image, mask, how.fill, rng))
                return paste_region(image, planted, donor), label
            mask = mask | planted
        return paste_region(image, mask, donor), label

    def _own_mask(self, index: int, image: Shaped[np.ndarray, "..."]) -> Bool[np.ndarray, "H W"]:
        """The region of an image of the data set, with its margin."""
        return self.region.mask(image.shape[:2], self.dataset.root_index(index), image)

    def _donor_image(self, index: int, image: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
        """Another image, of the same size."""
        donor = self._alike_image(index, image)
        if donor.shape != image.shape:
            raise ImageError(
                "what a region shows can only be swapped between images of one size, but these are of "
                f"{image.shape} and {donor.shape}. Bring them to one size, with "
                "sl.data.ImageFormat(size=…) or --size, or replace the region by a fill: "
                "replacement='noise'.",
                slug="repair-sizes",
            )
        return donor

    def _alike_image(self, index: int, image: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
        """Another image, of the same kind of numbers."""
        donor: np.ndarray = self.dataset[index][0]
        kinds = [pixel_form(one)[0] for one in (image, donor)]
        if kinds[0] != kinds[1]:
            raise ImageError(
                f"what images show can only be swapped between images of one kind of numbers, but these are "
                f"{kinds[0]} and {kinds[1]}, in which the same number does not mean the same. Bring all "
                "images to one dtype and range.",
                slug="repair-dtypes",
            )
        return donor

    def _filled_image(
        self,
        image: Shaped[np.ndarray, "..."],
        mask: Bool[np.ndarray, "H W"],
        how: ShufflePixels | str | Fill,
        rng: np.random.Generator,
    ) -> Shaped[np.ndarray, "..."]:
        """The image with the region shuffled or filled."""
        if isinstance(how, ShufflePixels):
            shuffled = image.copy()
            shuffled[mask] = rng.permutation(image[mask])
            return shuffled
        assert not isinstance(how, str)  # a name was resolved when the option was made
        if isinstance(how, Noise):
            how = dataclasses.replace(how, seed=int(rng.integers(1 << 31)))
        draws = draw_area(image, mask, how)
        return np.asarray(draws[rng.integers(len(draws))].reshape(image.shape))


def swap_of(region: RepairRegion, donors: str = "any") -> SwapRegion:
    """The exchange that makes a region tell nothing of the class.

    Where every image has its own, a donor's pixels tell of its class beside what is to be repaired, and more
    the larger what was detected: there the image's own surroundings take its place.
    """
    return SwapRegion(donors=donors, fill=None if region.regions.shared else Surroundings())


def draw_donor(labels: Int[np.ndarray, "N"], label: int, donors: str, rng: np.random.Generator) -> int:
    """Index of a random image: of a class that is drawn first, each as likely."""
    drawn = np.unique(labels)
    if donors == "same_class":
        drawn = np.array([label])
    elif donors == "other_class":
        drawn = drawn[drawn != label]
    return int(rng.choice(np.flatnonzero(labels == rng.choice(drawn))))


def paste_region(
    image: Shaped[np.ndarray, "..."], mask: Bool[np.ndarray, "H W"], content: Shaped[np.ndarray, "..."]
) -> Shaped[np.ndarray, "..."]:
    """The image with the mask's pixels of another.

    Examples
    --------
    >>> paste_region(np.zeros((1, 2)), np.array([[True, False]]), np.ones((1, 2))).tolist()
    [[1.0, 0.0]]
    """
    whole = np.where(mask[..., np.newaxis], channels_last(content), channels_last(image))
    return np.asarray(whole.reshape(image.shape))
