"""heatmaps of many images, one after the other → their means, at one size or by region."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from sightline._resize import resize_smooth
from sightline.engine.image import unit_rgb
from sightline.errors import SightlineError
from sightline.regions.region_set import Regions
from sightline.study.schema import Row, StudyResults


class RunningMean:
    """Mean and summed squared deviations, `squares`, of values that come one after the other (Welford 1962).

    Parameters
    ----------
    shape : tuple of int
        Of the values of one image.

    Examples
    --------
    >>> values = RunningMean((1,))
    >>> for value in (1.0, 2.0, 3.0):
    ...     values.add(np.array([value]))
    >>> values.count, values.mean.tolist(), values.error.round(3).tolist()
    (3, [2.0], [0.577])
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = 0
        self.mean: Any = np.zeros(shape)
        self.squares: Any = np.zeros(shape)

    def add(self, values: Float[np.ndarray, "..."]) -> None:
        """One more image."""
        self.count += 1
        step = values - self.mean
        self.mean = self.mean + step / self.count
        self.squares = self.squares + step * (values - self.mean)

    @classmethod
    def of(cls, values: Float[np.ndarray, "n ..."]) -> "RunningMean":
        """That of many values at once."""
        made = cls(values.shape[1:])
        made.count = len(values)
        if made.count:
            # From the first on, so that values which are all alike have no deviation that rounding makes.
            made.mean = values[0] + (values - values[0]).mean(axis=0)
            made.squares = ((values - made.mean) ** 2).sum(axis=0)
        return made

    def spread(self, labels: Int[np.ndarray, "H W"]) -> "RunningMean":
        """Of values of segments those of their pixels."""
        made = RunningMean(labels.shape)
        made.count, made.mean, made.squares = self.count, self.mean[labels], self.squares[labels]
        return made

    def merge(self, other: "RunningMean") -> None:
        """All values of another one, too (Chan, Golub & LeVeque 1983)."""
        both = self.count + other.count
        if not other.count:
            return
        step, share = other.mean - self.mean, other.count / both
        self.mean = self.mean + step * share
        self.squares = self.squares + other.squares + step**2 * (self.count * share)
        self.count = both

    @property
    def error(self) -> Float[np.ndarray, "..."]:
        """Standard error of the mean; inf for a single image."""
        if self.count < 2:
            return np.full(self.mean.shape, np.inf)
        return np.asarray(np.sqrt(self.squares / (self.count - 1) / self.count))


class MeanHeatmap:
    """Mean attribution towards the predicted class of some answers, and the mean of their images.

    Parameters
    ----------
    shape : tuple of int
        (H, W) that heatmaps and images are brought to.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.maps, self._images = RunningMean(shape), RunningMean((*shape, 3))

    def add(self, heatmap: Float[np.ndarray, "H W"], image: Float[np.ndarray, "H W 3"] | None) -> None:
        """One more answer, as `at_size` gives it."""
        self.maps.add(heatmap)
        self.add_image(image)

    def add_image(self, image: Float[np.ndarray, "H W 3"] | None) -> None:
        """The image of an answer whose heatmap is there already."""
        if image is not None:
            self._images.add(image)

    @property
    def image(self) -> Float[np.ndarray, "H W 3"] | None:
        """Mean of those images that could be read; None if none could."""
        return self._images.mean if self._images.count else None


def at_size(
    row: Row, study: StudyResults, shape: tuple[int, int]
) -> tuple[Float[np.ndarray, "H W"], Float[np.ndarray, "H W 3"] | None]:
    """An answer's heatmap and its image at a size; no image where none can be read."""
    return resize_keeping_sums(row.heat(), shape), image_at_size(row.place, study, shape)


def image_at_size(
    place: int, study: StudyResults, shape: tuple[int, int]
) -> Float[np.ndarray, "H W 3"] | None:
    """An image of a study at a size; None where it cannot be read."""
    image = image_if_readable(study, place)
    return None if image is None else resize_rgb(image, shape)


def mean_image(study: StudyResults, most: int = 200) -> Float[np.ndarray, "H W 3"]:
    """Mean of up to so many images of a study, those of the first one's size, as they are looked at.

    Raises
    ------
    ImageError
        If the first cannot be read.
    """
    chosen = np.unique(np.linspace(0, len(study.places) - 1, most).astype(int))
    first = unit_rgb(study.image(int(study.places[0])))
    seen = RunningMean(first.shape)
    for place in study.places[chosen].tolist():
        image = image_if_readable(study, place)
        if image is not None and image.shape == first.shape:
            seen.add(image)
    return np.asarray(seen.mean)


def image_that_shows(regions: Regions, study: StudyResults, most: int = 200) -> Shaped[np.ndarray, "..."]:
    """The image of a study in which most of some regions are found: of some, wrong answers first."""
    order = np.argsort(study.predicted == study.labels, kind="stable")[:most]
    images = [study.image(int(study.places[one])) for one in order]
    shown = [regions.masks(one.shape[:2], image=one).any(axis=(1, 2)).sum() for one in images]
    return images[int(np.argmax(shown))]


def resize_keeping_sums(heat: Float[np.ndarray, "h w"], shape: tuple[int, int]) -> Float[np.ndarray, "H W"]:
    """Heat at another size, with its positive and its negative sum kept."""
    if heat.shape == shape:
        return heat
    parts = []
    for sign in (1, -1):
        part = np.clip(sign * heat, 0, None)
        smaller = np.clip(resize_smooth(part, shape), 0, None)
        total = smaller.sum()
        parts.append(sign * smaller * (part.sum() / total if total > 0 else 0.0))
    return np.asarray(parts[0] + parts[1])


def image_if_readable(study: StudyResults, place: int) -> Float[np.ndarray, "H W 3"] | None:
    """An image of a study as it is looked at; None if it is out of reach or can no longer be read."""
    try:
        return unit_rgb(study.image(place))
    except SightlineError:
        return None


def resize_rgb(pixels: Float[np.ndarray, "h w 3"], shape: tuple[int, int]) -> Float[np.ndarray, "H W 3"]:
    """An image at another size."""
    return resize_smooth(pixels, shape).clip(0, 1)


def region_sums(
    heat: Float[np.ndarray, "H W"], regions: Regions, place: int, study: StudyResults
) -> Float[np.ndarray, "R"]:
    """The sum of an image's heat in each region; the image is read where they are found in its pixels.

    Raises
    ------
    FileError, ImageError
        If it has to be read and cannot.
    """
    image = study.image(place) if regions.needs_image else None
    return np.asarray([heat[mask].sum() for mask in regions.masks(heat.shape, place, image)])


def size_within(shape: tuple[int, ...], most: int) -> tuple[int, int]:
    """Height and width of an image, or as much of them as leaves no side longer than `most`."""
    share = min(1.0, most / max(shape[:2]))
    return max(1, round(shape[0] * share)), max(1, round(shape[1] * share))
