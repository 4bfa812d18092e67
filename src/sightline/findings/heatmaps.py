"""heat of one image → at another size, or by region, its sums kept; its image at that size."""

import numpy as np
from jaxtyping import Float

from sightline.engine.image import unit_rgb
from sightline.errors import SightlineError
from sightline.regions.region_set import Regions
from sightline.study.schema import StudyResults


def resize_map(values: Float[np.ndarray, "h w"], shape: tuple[int, int]) -> Float[np.ndarray, "H W"]:
    """Values at another size, smoothly."""
    if values.shape == shape:
        return np.asarray(values, dtype=np.float64)
    from skimage.transform import resize

    return np.asarray(resize(values.astype(np.float64), shape, order=1, mode="edge", anti_aliasing=True))


def resize_keeping_sums(heat: Float[np.ndarray, "h w"], shape: tuple[int, int]) -> Float[np.ndarray, "H W"]:
    """Heat at another size, with its positive and its negative sum kept."""
    if heat.shape == shape:
        return heat
    parts = []
    for sign in (1, -1):
        part = np.clip(sign * heat, 0, None)
        smaller = np.clip(resize_map(part, shape), 0, None)
        total = smaller.sum()
        parts.append(sign * smaller * (part.sum() / total if total > 0 else 0.0))
    return np.asarray(parts[0] + parts[1])


def region_sums(heat: Float[np.ndarray, "H W"], regions: Regions, place: int) -> Float[np.ndarray, "R"]:
    """The sum in each region."""
    return np.asarray([heat[mask].sum() for mask in regions.masks(heat.shape, place)])


def image_if_readable(study: StudyResults, place: int) -> Float[np.ndarray, "H W 3"] | None:
    """An image of a study as it is looked at; None if it is out of reach or can no longer be read."""
    try:
        return unit_rgb(study.image(place))
    except SightlineError:
        return None


def resize_rgb(pixels: Float[np.ndarray, "h w 3"], shape: tuple[int, int]) -> Float[np.ndarray, "H W 3"]:
    """An image at another size."""
    return np.stack([resize_map(pixels[..., channel], shape).clip(0, 1) for channel in range(3)], axis=2)


def size_within(shape: tuple[int, ...], most: int) -> tuple[int, int]:
    """Height and width of an image, or as much of them as leaves no side longer than `most`."""
    share = min(1.0, most / max(shape[:2]))
    return max(1, round(shape[0] * share)), max(1, round(shape[1] * share))
