"""image and segmentation function → Segments, numbered 0..S-1 whatever the function's ids are."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline.errors import SegmentError, SightlineWarning
from sightline.lime.wrappers.scikit_image import SegmentationAlgorithm
from sightline.types import Segments

FEWEST = 8
"""lime's own segmentation with fewer segments than this is replaced by a finer one."""


def default_segments(image: Shaped[np.ndarray, "H W 3"], seed: int) -> Segments:
    """lime's default segmentation, or a finer one where that finds hardly any segments.

    Warns
    -----
    SightlineWarning
        If it was made finer.
    """
    segmenter = SegmentationAlgorithm("quickshift", kernel_size=4, max_dist=200, ratio=0.2, random_seed=seed)
    segments = Segments.renumber(segmenter(image))
    if segments.count >= min(FEWEST, image.shape[0] * image.shape[1]):
        return segments
    aim = max(2 * FEWEST, round(4 * math.sqrt(math.sqrt(image.shape[0] * image.shape[1]))))
    finer = Segments.renumber(SegmentationAlgorithm("slic", n_segments=aim, compactness=10)(image))
    warnings.warn(
        SightlineWarning(
            f"lime's default segmentation (quickshift) found {segments.count} segment(s) in an image of "
            f"{image.shape[0]}×{image.shape[1]} pixels, too few to explain anything: slic's {finer.count} "
            "segments were taken. Pass a segmentation_fn to choose for yourself.",
            slug="segments-few",
        ),
        stacklevel=3,
    )
    return finer


def custom_segments(segmentation_fn: Callable[[Any], Any], image: Shaped[np.ndarray, "H W 3"]) -> Segments:
    """The caller's own segmentation, checked.

    Raises
    ------
    SegmentError
        If the answer is not one whole number for each pixel.

    Warns
    -----
    SightlineWarning
        If all is one segment.
    """
    answer = segmentation_fn(image)
    segments = answer if isinstance(answer, Segments) else renumbered_segments(answer)
    if segments.labels.shape != image.shape[:2]:
        raise SegmentError(
            f"the segments have shape {segments.labels.shape}, but the image is {image.shape[:2]}: "
            "give one id for each pixel.",
            slug="segment-shape",
        )
    if segments.count == 1:
        warnings.warn(
            SightlineWarning(
                "the segmentation_fn found one segment only, so that its weight can say nothing about where "
                "the classifier looks. Ask for finer segments.",
                slug="segments-few",
            ),
            stacklevel=3,
        )
    return segments


def renumbered_segments(answer: Any) -> Segments:
    """Segments from any array of whole numbers, floats included, as masks often come."""
    labels = np.asarray(answer)
    if labels.ndim != 2:
        raise SegmentError(
            "a segmentation_fn must return one integer id for each pixel, shape (H, W), but it returned "
            f"{type(answer).__name__} of shape {labels.shape}.",
            slug="segment-shape",
        )
    whole = labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels == np.rint(labels)).all()
    return Segments.renumber(labels.astype(np.intp) if whole else labels)
