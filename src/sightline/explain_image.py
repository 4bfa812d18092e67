"""What the user holds → the engine: images, models and names become values."""

from os import PathLike
from typing import Literal

import numpy as np
from jaxtyping import Float, Shaped

from sightline._arguments import clear_arguments, describe_value
from sightline._batch_sizes import BatchProbe, fixed_batch_size, shared_probe
from sightline._checks import check_batch_size
from sightline._class_names import ClassNames, target_columns
from sightline._progress import progress_bar
from sightline._scales import Scale
from sightline._tensors import to_numpy
from sightline.adapters import as_model
from sightline.data.image_decoding import read_image_file, read_pil_image
from sightline.engine.estimators import most_open_calls
from sightline.engine.image import as_image
from sightline.engine.pipeline import max_calls, run_plan
from sightline.engine.plan import EstimatorName, Plan, with_changes
from sightline.errors import OptionError, warn
from sightline.explanation import Explanation
from sightline.types import (
    Attribute,
    Fill,
    Sampler,
    Segmenter,
    WhiteBoxMethod,
)

UNEXPECTED = 1e-2
"""Largest difference from the expected scores that is let pass: half precision and resizing libraries."""


@clear_arguments
def explain(
    image: object,
    model: object,
    plan: Plan | None = None,
    *,
    attribute: str | Attribute | WhiteBoxMethod | None = None,
    segment: str | Segmenter | None = None,
    fill: str | Fill | None = None,
    sample: str | Sampler | None = None,
    target: object = None,
    budget: int | Literal["auto"] | None = None,
    seed: int | None = None,
    scale: Scale | None = None,
    estimator: EstimatorName | None = None,
    class_names: ClassNames | None = None,
    preprocess: object = None,
    expect: object = None,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Explanation:
    """Explain what a classifier saw in one image.

    Parameters
    ----------
    image : array-like, PIL image or path
        Shape (H, W) or (H, W, C), in the dtype and range that the model wants; never rescaled.
    model : callable or anything `as_model` takes
        Images, shape (B, *image.shape) → scores, shape (B, L): a function such as
        ``pipeline.predict_proba``, a fitted scikit-learn estimator, a PyTorch module, a Keras model, an
        ONNX file, a server's URL.
    plan : Plan, optional
        All that decides the numbers; the keywords below replace its parts.
    attribute, segment, fill, sample : str or option, optional
        A name such as ``"slic"`` or ``"slic:n_segments=100"``, or a value such as
        ``Slic(n_segments=100)``, or a function. The attributions that look inside (``"grad-cam"``,
        ``"integrated-gradients"``, …) need a PyTorch module or a Keras model.
    target : int, str, Contrast, sequence of them, Top or Classes, optional
        Which classes to explain: by number (the label that the model was fitted on, where it tells, else
        the column of its answer) or by name; ``"cat:dog"`` asks why a cat rather than a dog. By default the
        highest-scored one.
    budget : int or "auto", optional
        Most model calls, never exceeded (1000 by default); ``"auto"`` stops when the values are known to a
        twentieth of their size, or the leading segments are settled.
    seed : int, optional
        Which masks; same seed, same answer.
    scale : {"probability", "log-odds"}, optional
        What the values are shares of: the model's score (by default), or the log-odds of its probability,
        which tell more where the model is so sure that hiding hardly moves a probability.
    estimator : {"auto", "regression", "gaussian-process"}, optional
        How the values are learned from the answers. A Gaussian process chooses the next masks by what the
        last have told and takes a fraction of the calls for the same error, but up to seconds to think; the
        regression takes milliseconds. By default the process for networks, servers and ``budget="auto"``.
    class_names : sequence of str, optional
        In the model's order; by default what the model knows of itself.
    preprocess : callable, optional
        The image as you have it → what the model wants, as for `as_model`: yours is perturbed and drawn.
    expect : array-like, optional
        Scores that your own pipeline gives this image, shape (L,), or p of class 1: a warning if the model,
        as it is asked here, says otherwise, as it does when the preprocessing differs.
    batch_size : int, optional
        Most images in one model call's batch; by default what is fastest by the time that the first masks
        take, found out once for a model and a size of image. Never changes the numbers beyond rounding, but
        where that tips a Gaussian process to other masks.
    progress : bool, optional
        Show a progress bar; by default on a terminal and in a notebook. Never changes the work.

    Returns
    -------
    Explanation

    Raises
    ------
    BudgetError, ImageError, ModelError, OptionError, SegmentError, TargetError

    Examples
    --------
    >>> import numpy as np
    >>> def model(images):
    ...     bright = images[:, :4].mean(axis=(1, 2))
    ...     return np.stack([bright, 1 - bright], axis=1)
    >>> image = np.linspace(0, 1, 64).reshape(8, 8)
    >>> e = explain(image, model, segment="grid:rows=2,columns=4", fill="colour", target=0)
    >>> e.top(1)[0].segment
    3
    """
    check_batch_size(batch_size)
    if plan is not None and not isinstance(plan, Plan):
        raise OptionError(
            f"plan must be a Plan, but {plan!r} was given. Name what it is: attribute=, segment=, fill=, ….",
            slug="option-value",
        )
    _refuse_swapped(image, model)
    expected = None if expect is None else _expected_scores(expect)
    pixels = read_image(image)
    adapted = as_model(model, class_names=class_names, preprocess=preprocess)
    chosen = with_changes(
        plan or Plan(),
        attribute=attribute,
        segment=segment,
        fill=fill,
        sample=sample,
        target=target,
        budget=budget,
        seed=seed,
        scale=scale,
        estimator=estimator,
    )
    target_columns(chosen.target, adapted)  # refuses what is no class before anything is asked
    is_open = chosen.budget == "auto"
    most = most_open_calls(chosen, adapted, max_calls(chosen)) if is_open else max_calls(chosen)
    with progress_bar(progress, most, at_most=is_open) as tick:
        size: int | BatchProbe | None = fixed_batch_size(batch_size, adapted, pixels)
        if size is None and preprocess is None:
            size = shared_probe(model, pixels)
        segments, scores, attribution = run_plan(
            pixels, adapted, chosen, batch_size=size, tick=tick, advise=True
        )
    if expected is not None:
        _warn_if_unexpected(scores.classes, expected)
    guesses = tuple(filter(None, [adapted.guess]))
    return Explanation(pixels, chosen, segments, scores, attribution, adapted.class_names, guesses)


def _refuse_swapped(image: object, model: object) -> None:
    """Refuse a model where the image is wanted, and an image where the model is."""
    shaped = hasattr(image, "__array__") or hasattr(image, "getbands")
    asked = callable(image) or hasattr(image, "predict_proba") or hasattr(image, "run")
    if (asked and not shaped) or (isinstance(image, str | PathLike) and str(image).endswith(".onnx")):
        raise OptionError(
            f"the image comes first, and then the model: explain(image, model). The first argument is "
            f"{describe_value(image)}, which is a model.",
            slug="option-value",
        )


def _expected_scores(expect: object) -> Float[np.ndarray, "_"]:
    """Scores as numbers, out of arrays, lists and tensors of any framework."""
    given = expect.detach().cpu().double() if hasattr(expect, "detach") else expect
    try:
        scores = np.ravel(np.asarray(given, dtype=np.float64))
    except (TypeError, ValueError):
        scores = np.array([np.nan])
    if not np.isfinite(scores).all():
        raise OptionError(
            f"expect= needs the finite scores that your own pipeline gives, but {expect!r} was given.",
            slug="option-value",
        )
    return scores


def _warn_if_unexpected(scores: Float[np.ndarray, "L"], expected: Float[np.ndarray, "_"]) -> None:
    """Warn if the model does not score the image as the user's own pipeline does."""
    if expected.size == 1 and scores.size == 2:
        expected = np.array([1 - expected[0], expected[0]])
    if expected.shape != scores.shape:
        warn(
            f"expect= has {expected.size} scores, but the model has {scores.size} classes: not compared.",
            slug="scores-unexpected",
        )
        return
    if float(np.abs(expected - scores).max()) > UNEXPECTED:
        warn(
            f"the model scores this image {_format_scores(scores)}, but your own pipeline "
            f"{_format_scores(expected)}: is the image brought to the same size, range, channels and order "
            "of axes? Give the same preprocess= as your pipeline has.",
            slug="scores-unexpected",
        )


def _format_scores(scores: Float[np.ndarray, "L"]) -> str:
    shown = ", ".join(f"{score:.3g}" for score in scores[:4])
    return f"[{shown}{', …' if scores.size > 4 else ''}]"


@clear_arguments
def read_image(source: object) -> Shaped[np.ndarray, "..."]:
    """An image as an array: (H, W) if it is grey, else (H, W, 3), upright, in its own depth.

    Parameters
    ----------
    source : array-like, PIL image or path
        Arrays are only checked. Files, DICOM among them, and PIL images are read by the rules of
        `sightline.data.read_image_file`.

    Raises
    ------
    ImageError
        If it cannot be read as an image.
    MissingExtra
        If it is a DICOM file and pydicom is not installed.
    """
    if isinstance(source, str | PathLike):
        return as_image(read_image_file(source))
    if hasattr(source, "getbands"):  # a PIL image, known without importing PIL
        return as_image(read_pil_image(source))
    return as_image(to_numpy(source) if hasattr(source, "detach") else source)
