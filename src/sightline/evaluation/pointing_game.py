"""explainer → does it point at the right place? A test whose answer is known."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline.engine.plan import NAMES
from sightline.engine.segmentation import Given
from sightline.errors import OptionError
from sightline.explain_image import explain
from sightline.types import Model, Segments, did_you_mean, record

Image: TypeAlias = Float[np.ndarray, "H W 3"]
RawSegmenter: TypeAlias = Callable[[Image], Int[np.ndarray, "H W"]]
WANTED = "explain(image, model, segment)"
METHODS = tuple(name for name, kind in NAMES["attribute"].items() if not hasattr(kind, "looks_inside"))
"""Attributions of ours that need answers only."""


@runtime_checkable
class Explainer(Protocol):
    """Image (H, W, 3), model, function from image to raw segment ids → heat for class 1, (H, W).

    The model takes images of shape (B, H, W, 3) and returns scores of two classes, (B, 2). Segment
    ids come as their segmenter made them: from 0, from 1, or with gaps.
    """

    def __call__(self, image: Image, model: Model, segment: RawSegmenter, /) -> object: ...


@record
class PlantedModel:
    """A classifier that provably looks at one place only.

    Its score for class 1 falls from 0.95 to 0.05 as the pixels of that place depart from the image's,
    whatever happens elsewhere.

    Parameters
    ----------
    image : float array, shape (H, W, 3)
    place : bool array, shape (H, W)

    Examples
    --------
    >>> image = np.linspace(0, 1, 12).reshape(2, 2, 3)
    >>> model = PlantedModel(image, np.array([[True, False], [False, False]]))
    >>> model(image[np.newaxis]).round(2).tolist()
    [[0.05, 0.95]]
    """

    image: Float[np.ndarray, "H W 3"]
    place: Bool[np.ndarray, "H W"]

    def __call__(self, images: Float[np.ndarray, "B H W 3"]) -> Float[np.ndarray, "B 2"]:
        seen = np.asarray(images, dtype=np.float64)[:, self.place]
        change = np.abs(seen - self.image[self.place]).mean(axis=(1, 2))
        score = 0.05 + 0.9 * np.exp(-change / 0.02)
        return np.stack([1 - score, score], axis=1)


@record
class Hits:
    """How often an explainer pointed at the planted segment of one segmenter.

    Parameters
    ----------
    segmenter : str
    tries : int
        Segments that the model was put at, one after the other.
    missed : tuple of int
        Those (as 0..S-1) that the explainer did not put first.
    """

    segmenter: str
    tries: int
    missed: tuple[int, ...]

    @property
    def hits(self) -> int:
        """Segments found."""
        return self.tries - len(self.missed)


def example_image(size: int = 64, seed: int = 0) -> Float[np.ndarray, "H W 3"]:
    """Coloured blobs with grain, in [0, 1]: every segment of it changes when it is hidden."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    blobs = gaussian_filter(rng.standard_normal((size, size, 3)), (size / 12, size / 12, 0))
    blobs = blobs / np.abs(blobs).max() * 0.4 + 0.5
    return np.asarray(np.clip(blobs + 0.06 * rng.standard_normal(blobs.shape), 0, 1))


def _checked_heat(heat: object, shape: tuple[int, ...]) -> Float[np.ndarray, "H W"]:
    try:
        given = np.asarray(heat, dtype=np.float64)
    except (ValueError, TypeError):
        given = None
    if given is None or given.shape != shape:
        what = f"an object of type {type(heat).__name__}" if given is None else f"shape {given.shape}"
        raise OptionError(
            f"an explainer has to return the heat of each pixel for class 1, shape {shape}, but it returned "
            f"{what}.",
            slug="selfcheck-explainer",
        )
    return np.nan_to_num(given)


def raw_segmenters(count: int = 20) -> dict[str, RawSegmenter]:
    """Segmenters with their ids as they come: scikit-image's slic and watershed begin at 1."""
    from skimage import segmentation
    from skimage.filters import gaussian, sobel

    def smooth(image: Image) -> Image:
        return np.asarray(gaussian(image, 2, channel_axis=2))

    def grid(image: Image) -> Int[np.ndarray, "H W"]:
        rows, columns = np.indices(np.shape(image)[:2]) * 5 // np.shape(image)[0]
        return np.asarray(10 + 7 * (5 * rows + columns))

    return {
        "slic": lambda image: segmentation.slic(smooth(image), n_segments=count, compactness=3),
        "quickshift": lambda image: segmentation.quickshift(smooth(image), kernel_size=3, max_dist=8, rng=0),
        "felzenszwalb": lambda image: segmentation.felzenszwalb(
            smooth(image), scale=10, min_size=np.shape(image)[0]
        ),
        "watershed": lambda image: segmentation.watershed(
            sobel(smooth(image).mean(axis=2)), markers=count, compactness=0.01
        ),
        "grid": grid,
    }


def own_explainer(attribute: str, budget: int = 256) -> Explainer:
    """sightline's own explainer with this attribution."""

    def heat(image: Image, model: Model, segment: RawSegmenter) -> object:
        made = explain(
            image,
            model,
            attribute=attribute,
            segment=Given(segment(image)),
            budget=budget,
            target=1,
            progress=False,
        )
        return made.heatmap()

    return heat


def named_explainer(name: str) -> Explainer:
    """One of sightline's attributions, or ``package.module:function`` (see `Explainer`)."""
    if name in METHODS:
        return own_explainer(name)
    if name in NAMES["attribute"]:
        raise OptionError(
            f"{name} looks into a network, and the planted model has no inside. selfcheck takes "
            f"{', '.join(METHODS)}, or package.module:function.",
            slug="selfcheck-explainer",
        )
    if ":" in name:
        from sightline.adapters.open_model import load_function

        return check_explainer(load_function(name), name)
    raise OptionError(
        f"there is no explainer {name!r}. {did_you_mean(name, METHODS)} "
        "Or name a function of yours: package.module:function.",
        slug="option-unknown",
    )


def check_explainer(function: Callable[..., Any], name: str) -> Explainer:
    """The function, if it can be called as an explainer is.

    Raises
    ------
    OptionError
        If it takes other arguments.
    """
    try:
        form = inspect.signature(function)
    except (ValueError, TypeError):  # written in C, and silent about its arguments
        return function
    try:
        form.bind(None, None, None)
    except TypeError:
        called = getattr(function, "__name__", type(function).__name__)
        raise OptionError(
            f"{name} is {called}{form}, but selfcheck calls it as {WANTED}: image (H, W, "
            "3), model of batches of images, function from an image to segment ids; it has to return the "
            "heat of each pixel for class 1, shape (H, W).",
            slug="selfcheck-explainer",
        ) from None
    return function


def run_pointing_game(explain_one: Explainer, *, size: int = 64, seed: int = 0) -> Iterator[Hits]:
    """Put a planted model at every segment of every segmenter in turn, and see where it is found.

    Parameters
    ----------
    explain_one : Explainer
    size : int
        Side of the image in pixels.
    seed : int
        Which image.

    Yields
    ------
    Hits
        One for each segmenter, as soon as it is done.

    Raises
    ------
    OptionError
        If the explainer takes other arguments, or its answer is not the heat of each pixel.
    """
    check_explainer(explain_one, "the explainer")
    image = example_image(size, seed)
    for name, segment in raw_segmenters().items():
        segments = Segments.renumber(np.asarray(segment(image)))
        missed = tuple(
            one
            for one in range(segments.count)
            if pointed_at(explain_one(image, PlantedModel(image, segments.labels == one), segment), segments)
            != one
        )
        yield Hits(name, segments.count, missed)


def pointed_at(heat: object, segments: Segments) -> int:
    """The segment with the highest mean heat; −1 if no heat is above zero.

    Raises
    ------
    OptionError
        If the heat is not one number for each pixel.
    """
    flat = _checked_heat(heat, segments.labels.shape).ravel()
    labels: Int[np.ndarray, "P"] = segments.labels.ravel()
    means = np.bincount(labels, weights=flat, minlength=segments.count) / segments.areas
    return int(means.argmax()) if means.max() > 1e-9 else -1
