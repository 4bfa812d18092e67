"""images → the same images, in which what a region shows was replaced."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Shaped

from sightline.data.datasets import Dataset, LabelledImage
from sightline.engine.fills import Noise, draw_fill
from sightline.engine.image import channels_last
from sightline.errors import ImageError, OptionError
from sightline.repair.repair_region import RepairRegion
from sightline.types import Segments, option, record

DONORS = ("any", "same_class", "other_class")


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

    Raises
    ------
    OptionError
    """

    donors: str = "any"

    def __post_init__(self) -> None:
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
    """Labelled images with a region's content replaced: a `Dataset` that makes each when it is asked for.

    The image at a place is always the same. Copies of all images follow each other: of N images,
    places N to 2N - 1 are the second copies.

    Parameters
    ----------
    source : Dataset
    classes : int array, shape (N,)
        Class of each of the source's images.
    area : Area
    how : Exchange, Shuffle or Fill
    copies : int
    seed : int
    """

    source: Dataset
    source_labels: Int[np.ndarray, "N"]
    region: RepairRegion
    replacement: Any
    copies: int = 1
    seed: int = 0

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Those of the source."""
        return self.source.class_names

    @property
    def labels(self) -> Int[np.ndarray, "M"]:
        """Class of every image."""
        return np.tile(self.source_labels, self.copies)

    def __len__(self) -> int:
        return self.copies * len(self.source)

    def __getitem__(self, which: Any) -> LabelledImage:
        place = int(which) % len(self.source)
        image, label = self.source[place]
        rng = np.random.default_rng((self.seed, int(which)))
        mask = self.region.mask(image.shape[:2], self.source.root_index(place))
        return paste_region(image, mask, self._replacement_image(image, mask, label, rng)), label

    def _replacement_image(
        self,
        image: Shaped[np.ndarray, "..."],
        mask: Bool[np.ndarray, "H W"],
        label: int,
        rng: np.random.Generator,
    ) -> Shaped[np.ndarray, "..."]:
        """An image whose pixels go into the region."""
        if isinstance(self.replacement, SwapRegion):
            return self._donor_image(image, label, rng)
        if isinstance(self.replacement, ShufflePixels):
            shuffled = image.copy()
            shuffled[mask] = rng.permutation(image[mask])
            return shuffled
        how = self.replacement
        if isinstance(how, Noise):
            how = dataclasses.replace(how, seed=int(rng.integers(1 << 31)))
        draws = draw_fill(image, Segments.renumber(mask), how)
        return np.asarray(draws[rng.integers(len(draws))].reshape(image.shape))

    def _donor_image(
        self, image: Shaped[np.ndarray, "..."], label: int, rng: np.random.Generator
    ) -> Shaped[np.ndarray, "..."]:
        donor: np.ndarray = self.source[draw_donor(self.source_labels, label, self.replacement.donors, rng)][
            0
        ]
        if donor.shape != image.shape:
            raise ImageError(
                f"what a region shows can only be exchanged between images of one size, but these are of "
                f"{image.shape} and {donor.shape}. Bring them to one size, with "
                "sl.data.ImageFormat(size=…) or --size, or replace the region by a fill: "
                "replacement='noise'.",
                slug="repair-sizes",
            )
        return donor


def draw_donor(labels: Int[np.ndarray, "N"], label: int, donors: str, rng: np.random.Generator) -> int:
    """Place of a random image: of a class that is drawn first, each as likely."""
    drawn = np.unique(labels)
    if donors == "same_class":
        drawn = np.array([label])
    elif donors == "other_class":
        drawn = drawn[drawn != label]
    places = np.flatnonzero(labels == rng.choice(drawn))
    return int(rng.choice(places))


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
