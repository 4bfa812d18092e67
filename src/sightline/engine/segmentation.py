"""image → segments: Slic, Quickshift, Felzenszwalb, Watershed, Grid, Given, or any function."""

import math
from collections.abc import Callable
from dataclasses import field

import numpy as np
from jaxtyping import Float, Int, Shaped

from sightline._checks import check_whole
from sightline._digests import array_digest
from sightline._tensors import to_numpy
from sightline.engine.image import unit_rgb
from sightline.engine.own_functions import ask_function
from sightline.errors import OptionError, SegmentError, warn
from sightline.types import Segmenter, Segments, option

MINIMUM = 8
"""Fewer segments than this (or than a tenth of the pixels, in tiny images) are never returned unsaid."""
LARGEST = 1 << 20
"""Pixels that `Slic` takes one by one; of a larger image it takes squares of them, by their mean."""


def default_segment_count(shape: tuple[int, ...]) -> int:
    """How many segments suit an image: 21 at 28×28, 32 at 64×64, 60 at 224×224, 128 at 1024×1024.

    It grows as the square root of the side: larger images show more things, but every segment more
    costs model calls.
    """
    return max(4, round(4 * math.sqrt(math.sqrt(shape[0] * shape[1]))))


def _refine_until_enough(
    cut: Callable[[float], Shaped[np.ndarray, "H W"]], shape: tuple[int, ...]
) -> Segments:
    """Segments of `cut(scale)`, halving the scale until there are enough of them."""
    for scale in (1.0, 1 / 2, 1 / 4, 1 / 8, 1 / 16):
        segments = Segments.renumber(cut(scale))
        if segments.count >= _least_segments(shape):
            break
    return segments


def _enlarge_segments(segments: Segments, block: int, shape: tuple[int, ...]) -> Segments:
    """Segments of squares of pixels as segments of pixels."""
    if block == 1:
        return segments
    labels = segments.labels.repeat(block, axis=0)[: shape[0]].repeat(block, axis=1)[:, : shape[1]]
    return Segments(labels)


def _least_segments(shape: tuple[int, ...]) -> int:
    return min(MINIMUM, max(1, shape[0] * shape[1] // 10))


def _wanted_count(n_segments: int | None, shape: tuple[int, ...]) -> int:
    return default_segment_count(shape) if n_segments is None else check_whole("n_segments", n_segments)


@option
class Slic:
    """Segments of similar colour and place (Achanta et al. 2012), through scikit-image.

    Parameters
    ----------
    n_segments : int, optional
        How many to aim at; by default it follows the image's size (see `default_segment_count`).
    compactness : float, optional
        Weight of nearness against likeness of colour; larger gives squarer segments. By default 10, made
        larger as long as fewer than eight segments come out (as noise makes them).
    sigma : float
        Width of the smoothing beforehand, in pixels.

    Notes
    -----
    Images of more than 1024 × 1024 pixels are divided by the means of 2 × 2, 3 × 3, … pixels, as few as make
    them no larger than that, and boundaries follow these squares. On photographs and X-rays of 1200 × 1500 to
    2000 × 2000 pixels, 85 to 93 % of the pixels stay in their segment; moving the image by three pixels
    leaves 84 to 94 % there, so that the full image tells no more surely.

    Examples
    --------
    >>> import numpy as np
    >>> Slic(n_segments=4)(np.arange(64, dtype=np.uint8).reshape(8, 8)).count
    4
    """

    n_segments: int | None = None
    compactness: float | None = None
    sigma: float = 0.0

    def __call__(self, image: Shaped[np.ndarray, "..."]) -> Segments:
        from skimage.segmentation import slic

        block = math.ceil(math.sqrt(image.shape[0] * image.shape[1] / LARGEST))
        pixels = unit_rgb(image, block)
        count = _wanted_count(self.n_segments, image.shape)

        def cut(compactness: float) -> Int[np.ndarray, "h w"]:
            sigma = self.sigma / block
            labels = slic(pixels, n_segments=count, compactness=compactness, sigma=sigma, start_label=0)
            return np.asarray(labels)

        if self.compactness is not None or count < _least_segments(image.shape):
            segments = Segments.renumber(cut(10.0 if self.compactness is None else self.compactness))
        else:
            segments = _refine_until_enough(lambda scale: cut(10 / scale**2), pixels.shape)
        return _enlarge_segments(segments, block, image.shape)


@option
class Quickshift:
    """Segments around modes of colour and place (Vedaldi & Soatto 2008), through scikit-image.

    Parameters
    ----------
    kernel_size : float, optional
        Width of the density kernel in pixels, at least 1; by default a 56th of the shorter side, 1 to 4.
    max_dist : float, optional
        Cut-off for joining modes; larger gives fewer segments. By default 200, and both are made smaller
        as long as fewer than eight segments come out.
    ratio : float
        Colour (1) against place (0).
    seed : int
        Breaks ties.
    """

    kernel_size: float | None = None
    max_dist: float | None = None
    ratio: float = 0.2
    seed: int = 0

    def __call__(self, image: Shaped[np.ndarray, "..."]) -> Segments:
        from skimage.segmentation import quickshift

        if self.kernel_size is not None and self.kernel_size < 1:
            raise OptionError(
                f"Quickshift needs a kernel_size of at least 1, but {self.kernel_size:g} was given.",
                slug="option-value",
            )
        pixels = unit_rgb(image)
        usual = min(4.0, max(1.0, min(pixels.shape[:2]) / 56))

        def cut(scale: float) -> Int[np.ndarray, "H W"]:
            labels = quickshift(
                pixels,
                kernel_size=max(1.0, usual * scale) if self.kernel_size is None else self.kernel_size,
                max_dist=200 * scale**2 if self.max_dist is None else self.max_dist,
                ratio=self.ratio,
                rng=self.seed,
            )
            return np.asarray(labels)

        if self.kernel_size is not None and self.max_dist is not None:
            return Segments.renumber(cut(1.0))
        return _refine_until_enough(cut, pixels.shape)


@option
class Felzenszwalb:
    """Segments by merging along weak edges (Felzenszwalb & Huttenlocher 2004), through scikit-image.

    Parameters
    ----------
    scale : float, optional
        Larger gives larger segments; by default the image's shorter side, made smaller as long as
        fewer than eight segments come out.
    sigma : float
        Width of the smoothing beforehand, in pixels.
    min_size : int, optional
        Smallest segment in pixels; by default a quarter of the mean size that `Slic` would aim at.
    """

    scale: float | None = None
    sigma: float = 0.8
    min_size: int | None = None

    def __call__(self, image: Shaped[np.ndarray, "..."]) -> Segments:
        from skimage.segmentation import felzenszwalb

        pixels = unit_rgb(image)
        area = pixels.shape[0] * pixels.shape[1]
        least = (
            max(1, area // (4 * default_segment_count(pixels.shape)))
            if self.min_size is None
            else self.min_size
        )

        def cut(scale: float) -> Int[np.ndarray, "H W"]:
            return np.asarray(felzenszwalb(pixels, scale=scale, sigma=self.sigma, min_size=least))

        if self.scale is not None:
            return Segments.renumber(cut(self.scale))
        return _refine_until_enough(lambda shrink: cut(min(pixels.shape[:2]) * shrink), pixels.shape)


@option
class Watershed:
    """Segments flooded from evenly spread markers over the image's gradient, through scikit-image.

    Neubert & Protzel 2014 describe the compact variant.

    Parameters
    ----------
    n_segments : int, optional
        How many markers; by default it follows the image's size (see `default_segment_count`).
    compactness : float
        Larger gives squarer segments.
    """

    n_segments: int | None = None
    compactness: float = 0.0

    def __call__(self, image: Shaped[np.ndarray, "..."]) -> Segments:
        from skimage.filters import sobel
        from skimage.segmentation import watershed

        gradient: Float[np.ndarray, "H W"] = sobel(unit_rgb(image).mean(axis=2))
        markers = _wanted_count(self.n_segments, image.shape)
        return Segments.renumber(
            np.asarray(watershed(gradient, markers=markers, compactness=self.compactness))
        )


@option
class Grid:
    """Rectangles of equal size, blind to the image.

    Parameters
    ----------
    rows, columns : int, optional
        By default as many as make near-square tiles of the number that suits the image's size.
    """

    rows: int | None = None
    columns: int | None = None

    def __call__(self, image: Shaped[np.ndarray, "..."]) -> Segments:
        height, width = image.shape[:2]
        side = math.sqrt(height * width / default_segment_count(image.shape))
        rows = self._line_count(self.rows, height, side)
        columns = self._line_count(self.columns, width, side)
        down = np.arange(height) * rows // height
        across = np.arange(width) * columns // width
        return Segments(down[:, np.newaxis] * columns + across)

    @staticmethod
    def _line_count(asked: int | None, length: int, side: float) -> int:
        if asked is not None and not 1 <= asked <= length:
            raise OptionError(
                f"a grid over {length} pixels can have 1 to {length} lines, but {asked} were asked.",
                slug="option-value",
            )
        return min(length, max(1, round(length / side))) if asked is None else asked


@option
class Given:
    """Segments that the caller has: any integer array of the image's height and width.

    Parameters
    ----------
    labels : int array, shape (H, W)
        Ids may start anywhere and have gaps; they are renumbered in increasing order.

    Examples
    --------
    >>> import numpy as np
    >>> Given(np.array([[3, 3], [7, 9]]))(np.zeros((2, 2))).count
    3
    """

    labels: Shaped[np.ndarray, "H W"] = field(kw_only=False)

    def __post_init__(self) -> None:
        # A frozen value must not change under its owner's hands.
        kept = _integer_labels(self.labels, "Given").copy()
        kept.flags.writeable = False
        object.__setattr__(self, "labels", kept)

    def __repr__(self) -> str:
        return f"Given({array_digest(self.labels)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Given) and np.array_equal(self.labels, other.labels)

    def __hash__(self) -> int:
        return hash(self.labels.shape)  # equal numbers of two dtypes have other bytes

    def __call__(self, image: Shaped[np.ndarray, "..."]) -> Segments:
        return _checked_labels(self.labels)


def segment_image(image: Shaped[np.ndarray, "..."], segmenter: Segmenter) -> Segments:
    """The image's segments, whatever the segmenter is, checked and renumbered.

    Raises
    ------
    SegmentError
        If the segmenter's answer does not fit the image.

    Warns
    -----
    SightlineWarning
        If there are fewer than eight segments (fewer in images of under eighty pixels).
    """
    answer = ask_function("segment", segmenter, image)
    segments = answer if isinstance(answer, Segments) else _checked_labels(answer)
    if segments.labels.shape != image.shape[:2]:
        raise SegmentError(
            f"the segments have shape {segments.labels.shape}, but the image is {image.shape[:2]}: "
            "give one id for each pixel.",
            slug="segment-shape",
        )
    if segments.count < _least_segments(image.shape):
        warn(
            f"{_segmenter_name(segmenter)} found only {segments.count} segment(s) in an image of "
            f"{image.shape[0]}×{image.shape[1]} pixels: an explanation can say little. "
            "Try Slic(), Grid(), or finer settings.",
            slug="segments-few",
        )
    return segments


def _checked_labels(answer: object) -> Segments:
    return Segments.renumber(_integer_labels(answer, "the segmenter returned"))


def _integer_labels(given: object, source: str) -> Shaped[np.ndarray, "H W"]:
    """Ids of segments as an array of two axes.

    Raises
    ------
    SegmentError
        If they are something else.
    """
    try:
        labels = np.asarray(to_numpy(given) if hasattr(given, "detach") else given)
    except Exception:  # rows of several lengths, or no sequence at all
        raise _shape_error(given, "rows of several lengths", source) from None
    if labels.ndim != 2 or 0 in labels.shape:
        raise _shape_error(given, f"shape {labels.shape}", source)
    if labels.dtype.kind not in "bui":
        raise SegmentError(
            f"segment ids must be integers, but the array's dtype is {labels.dtype}.", slug="segment-ids"
        )
    return labels


def _shape_error(given: object, form: str, source: str) -> SegmentError:
    told = source if " " in source else f"{source} was given"
    return SegmentError(
        f"segments must be one integer id for each pixel, shape (H, W), but {told} "
        f"{type(given).__name__} of {form}.",
        slug="segment-shape",
    )


def _segmenter_name(segmenter: Segmenter) -> str:
    return getattr(segmenter, "__name__", None) or repr(segmenter)
