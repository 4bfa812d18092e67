"""name of an algorithm and its parameters, or a function of one's own → segments of an image."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline._arguments import check_choice
from sightline.engine.image import as_image, unit_rgb
from sightline.errors import OptionError, SegmentError, warn
from sightline.lime.utils.generic_utils import has_arg, keyword_names
from sightline.types import Segments, did_you_mean

ALGORITHMS = ("quickshift", "felzenszwalb", "slic", "watershed")
SEEDS = ("random_seed", "seed", "rng")

FEWEST = 8
"""lime's own segmentation with fewer segments than this is replaced by a finer one."""


class ParameterError(OptionError, ValueError):
    """A parameter that the wrapped function does not have; lime raises ValueError."""


class BaseWrapper:
    """A function or callable object with the parameters that it is to be called with.

    Parameters
    ----------
    target_fn : callable, optional
        What to call; by default the wrapper itself, if a subclass makes it callable.
    **target_params
        Parameters for it, not checked before `set_params`.

    Examples
    --------
    >>> wrapper = BaseWrapper(sorted)
    >>> wrapper.set_params(reverse=True)
    >>> wrapper.target_params
    {'reverse': True}
    """

    def __init__(self, target_fn: Any = None, **target_params: Any) -> None:
        self.target_fn = target_fn
        self.target_params = target_params

    def _check_params(self, parameters: Any) -> None:
        if isinstance(parameters, str):
            # What is not callable at all says so first, as in lime.
            _ = self._checked_target().__call__
            raise OptionError(
                f"parameters must be a list or a dict of names, but the text {parameters!r} was given.",
                slug="option-value",
            )
        target = self._checked_target()
        for name in parameters:
            if not has_arg(target, name):
                valid = [one for one in keyword_names(target) if one != "image"]
                whose = getattr(target, "__name__", None) or type(target).__name__
                raise ParameterError(
                    f"{whose} has no parameter {name!r}. {did_you_mean(name, valid)}",
                    slug="option-unknown",
                )

    def _checked_target(self) -> Any:
        if self.target_fn is not None:
            return self.target_fn
        if callable(self):
            return self.__call__
        raise OptionError(
            f"{type(self).__name__} has nothing to call: give it a target_fn.", slug="option-value"
        )

    def set_params(self, **params: Any) -> None:
        """Replace all parameters by these.

        Raises
        ------
        OptionError
            If the wrapped function does not take one of them; the message names the nearest.
        """
        self._check_params(params)
        self.target_params = params

    def filter_params(self, fn: Callable[..., Any], override: dict[str, Any] | None = None) -> dict[str, Any]:
        """Those of the parameters that `fn` takes, with `override` put over them."""
        taken = {name: value for name, value in self.target_params.items() if has_arg(fn, name)}
        return taken | (override or {})


class SegmentationAlgorithm(BaseWrapper):
    """One of scikit-image's segmentation algorithms with its parameters, to be called with an image.

    The same image as uint8, float 0–1 or float 0–255 gives the same segments, because the algorithm
    always sees RGB between 0 and 1. The ids are scikit-image's own (its slic counts from 1);
    `LimeImageExplainer` renumbers them.

    Parameters
    ----------
    algo_type : str
        "quickshift", "felzenszwalb", "slic" or "watershed".
    **target_params
        Parameters of the function of that name in `skimage.segmentation`. `random_seed`, `seed` and
        `rng` all set the seed of quickshift; the other algorithms use no random numbers, so that any
        seed is as good as none. "watershed" floods the edges of the image's brightness from 100
        markers, unless `markers` says otherwise.

    Raises
    ------
    OptionError
        If there is no such algorithm, or it has no such parameter; the message names the nearest.

    Examples
    --------
    >>> import numpy as np
    >>> segmenter = SegmentationAlgorithm("slic", n_segments=4, compactness=1, start_label=0)
    >>> np.unique(segmenter(np.arange(64, dtype=np.uint8).reshape(8, 8)))
    array([0, 1, 2, 3])
    """

    def __init__(self, algo_type: str, **target_params: Any) -> None:
        from skimage import segmentation

        self.algo_type = check_choice("segmentation algorithm", algo_type, ALGORITHMS)
        target = getattr(segmentation, algo_type)
        super().__init__(target, **_current_seed_name(target, target_params))
        if algo_type == "watershed":
            self.target_params.setdefault("markers", 100)
        self._check_params(self.target_params)

    def __call__(self, *args: Any) -> Shaped[np.ndarray, "H W"]:
        pixels = unit_rgb(as_image(args[0]))
        if self.algo_type == "watershed":
            from skimage.filters import sobel

            pixels = sobel(pixels.mean(axis=2))
        return np.asarray(self.target_fn(pixels, **self.target_params))


def _current_seed_name(target: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """The parameters with the seed under the name that today's scikit-image has for it, if any."""
    seeds = [given[name] for name in SEEDS if name in given]
    rest = {name: value for name, value in given.items() if name not in SEEDS}
    if len(seeds) > 1:
        raise OptionError(f"give one of {', '.join(SEEDS)}, not {len(seeds)}.", slug="option-value")
    return rest | {"rng": seeds[0]} if seeds and has_arg(target, "rng") else rest


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
    warn(
        f"lime's default segmentation (quickshift) found {segments.count} segment(s) in an image of "
        f"{image.shape[0]}×{image.shape[1]} pixels, too few to explain anything: slic's {finer.count} "
        "segments were taken. Pass a segmentation_fn to choose for yourself.",
        slug="segments-few",
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
        warn(
            "the segmentation_fn found one segment only, so that its weight can say nothing about where "
            "the classifier looks. Ask for finer segments.",
            slug="segments-few",
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
