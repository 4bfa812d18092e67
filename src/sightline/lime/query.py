"""image, masks and hide_color → the classifier's answers, one call for each distinct mask."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from sightline._progress import progress_bar
from sightline._tensors import to_numpy
from sightline._value_range import value_range
from sightline.engine.image import channels_last
from sightline.engine.perturbation import perturbed_batches
from sightline.errors import ModelError, OptionError, warn
from sightline.types import Segments

Classifier = Callable[[Any], Any]
AnswerBatches = Iterator[Shaped[np.ndarray, "..."]]


def as_rgb(image: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "H W 3"]:
    """The image as lime wants it, three channels in its own dtype and range.

    Grey is repeated and alpha is dropped; of two channels, or of more than four, the mean is shown.
    """
    pixels = channels_last(image)
    if pixels.shape[2] == 4:
        return pixels[..., :3]
    if pixels.shape[2] not in (1, 3):
        pixels = pixels.mean(axis=2, keepdims=True).astype(image.dtype)
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)


def fudged_image(
    image: Shaped[np.ndarray, "..."], segments: Segments, hide_color: Any
) -> Shaped[np.ndarray, "..."]:
    """The image with every segment hidden, in its own shape and dtype.

    Parameters
    ----------
    hide_color : number, sequence of numbers, array or None
        The colour, or anything that broadcasts to the image; None stands for each segment's mean.

    Raises
    ------
    OptionError
        If it cannot be such an image.

    Warns
    -----
    SightlineWarning
        If it lies outside the image's range, or is not a whole number where the image has those only.
    """
    if hide_color is None:
        return _segment_means(image, segments)
    return _colour_layer(image, np.asarray(hide_color))


def _segment_means(image: Shaped[np.ndarray, "..."], segments: Segments) -> Shaped[np.ndarray, "..."]:
    """Each segment's mean, cut to whole numbers in integer images as lime does."""
    pixels = channels_last(image)
    flat = pixels.reshape(-1, pixels.shape[2])
    out = np.empty_like(flat)
    order = np.argsort(segments.labels, axis=None, kind="stable")
    for members in np.split(order, np.cumsum(segments.areas)[:-1]):
        values = flat[members]
        # One channel at a time, as lime adds them up: float32 sums depend on their order.
        out[members] = [values[:, channel].mean() for channel in range(values.shape[1])]
    return out.reshape(image.shape)


def _colour_layer(
    image: Shaped[np.ndarray, "..."], colour: Shaped[np.ndarray, "..."]
) -> Shaped[np.ndarray, "..."]:
    if colour.dtype.kind not in "buif" or not np.isfinite(colour).all():
        raise OptionError(f"hide_color must be finite numbers, but it is {colour}.", slug="option-value")
    if image.ndim == 2 and colour.shape == (3,) and np.ptp(colour) == 0:
        colour = colour[0]  # lime's users give a grey image's colour as RGB
    try:
        layer = np.broadcast_to(colour, image.shape)
    except ValueError:
        raise OptionError(
            f"hide_color of shape {colour.shape} does not fit an image of shape {image.shape}: give one "
            "number, one for each channel, or an image of its shape.",
            slug="option-value",
        ) from None
    _check_range(image, layer)
    return layer.astype(image.dtype)


def whole_range(image: Shaped[np.ndarray, "..."]) -> tuple[float, float]:
    """Black and white, as lime's users know them: 16 bits span their type, however few are used."""
    if image.dtype == np.uint16:
        return 0.0, float(np.iinfo(np.uint16).max)
    return value_range(image)


def _check_range(image: Shaped[np.ndarray, "..."], layer: Shaped[np.ndarray, "..."]) -> None:
    least, most = layer.min(), layer.max()
    low, high = whole_range(image)
    if image.dtype.kind in "iu" and (least < np.iinfo(image.dtype).min or most > np.iinfo(image.dtype).max):
        raise OptionError(
            f"hide_color must lie within {low:g} to {high:g} for a {image.dtype} image, but it is "
            f"{_value_span(least, most)}.",
            slug="option-value",
        )
    if least < low or most > high:
        warn(
            f"hide_color {_value_span(least, most)} lies outside the image's values, {low:g} to "
            f"{high:g}: the classifier may never have seen such images.",
            slug="fill-range",
        )
    elif image.dtype.kind in "iu" and layer.dtype.kind == "f" and (layer != np.trunc(layer)).any():
        warn(
            f"hide_color {_value_span(least, most)} is cut to whole numbers, because the image is "
            f"{image.dtype} ({low:g} to {high:g}).",
            slug="fill-range",
        )


def _value_span(least: Any, most: Any) -> str:
    return f"{least:g}" if least == most else f"from {least:g} to {most:g}"


def ask_classifier(
    classifier_fn: Classifier,
    image: Shaped[np.ndarray, "..."],
    hidden: Shaped[np.ndarray, "..."],
    segments: Segments,
    keep: Bool[np.ndarray, "M S"],
    batch_size: int,
    shown: bool,
) -> Shaped[np.ndarray, "M L"]:
    """Scores of every mask, in the classifier's dtype, two columns where it has only one.

    Raises
    ------
    ModelError
        If the answers are not one row of finite numbers for each image.
    """
    first, repeats = distinct_masks(keep)
    with progress_bar(None if shown else False, len(first), "asking the classifier") as tick:
        parts = []
        for part in _answers_in_accepted_form(
            classifier_fn, image, hidden, segments, keep[first], batch_size
        ):
            parts.append(part)
            tick(len(part))
    return np.asarray(two_classes(np.concatenate(parts))[repeats])


def distinct_masks(
    keep: Bool[np.ndarray, "M S"],
) -> tuple[Shaped[np.ndarray, "U"], Shaped[np.ndarray, "M"]]:
    """Rows in which a mask comes up first, in order; and for every row the place of its mask there."""
    places: dict[bytes, int] = {}
    keys = [row.tobytes() for row in np.packbits(keep, axis=1)]
    repeats = np.array([places.setdefault(key, len(places)) for key in keys])
    return np.unique(repeats, return_index=True)[1], repeats


def _answers_in_accepted_form(
    classifier_fn: Classifier,
    image: Shaped[np.ndarray, "..."],
    hidden: Shaped[np.ndarray, "..."],
    segments: Segments,
    keep: Bool[np.ndarray, "M S"],
    batch_size: int,
) -> AnswerBatches:
    """Answers to images in the user's own form; for grey ones that are refused, in lime's RGB."""
    answers = _batch_answers(classifier_fn, image, hidden, segments, keep, batch_size)
    if image.ndim == 2:
        try:
            first = next(answers)
        except Exception as refusal:
            answers = _batch_answers(classifier_fn, as_rgb(image), as_rgb(hidden), segments, keep, batch_size)
            first = _second_try(answers, refusal)
        yield first
    yield from answers


def _second_try(answers: AnswerBatches, refusal: Exception) -> Shaped[np.ndarray, "..."]:
    try:
        first = next(answers)
    except Exception as error:
        raise error from refusal
    warn(
        "the classifier refused the grey image in the form it was given, batches of shape (n, H, W) "
        f"({type(refusal).__name__}: {refusal}), and was asked in lime's form, (n, H, W, 3). Give the "
        "image in the form that the classifier takes.",
        slug="model-grey",
    )
    return first


def _batch_answers(
    classifier_fn: Classifier,
    image: Shaped[np.ndarray, "..."],
    hidden: Shaped[np.ndarray, "..."],
    segments: Segments,
    keep: Bool[np.ndarray, "M S"],
    batch_size: int,
) -> AnswerBatches:
    pixels, fill = channels_last(image), channels_last(hidden)
    for batch in perturbed_batches(pixels, fill, segments, keep, batch_size):
        shaped = batch.reshape(len(batch), *image.shape)
        yield checked_answer(classifier_fn(shaped), shaped)


def checked_answer(answer: Any, images: Shaped[np.ndarray, "B ..."]) -> Shaped[np.ndarray, "..."]:
    """The classifier's answer to one batch as an array of numbers, one row an image."""
    # A tensor that keeps its gradient, or of bfloat16, is none that NumPy takes by itself.
    scores = to_numpy(answer) if hasattr(answer, "detach") else np.asarray(answer)
    if scores.ndim not in (1, 2) or len(scores) != len(images) or 0 in scores.shape:
        raise ModelError(
            f"the classifier was given {len(images)} images, an array of shape {images.shape}, and has to "
            f"return scores of shape ({len(images)}, n_classes), but it returned {scores.shape}.",
            slug="model-shape",
        )
    if scores.dtype.kind not in "buif":
        raise ModelError(
            f"the classifier has to return numbers, but its answer's dtype is {scores.dtype}. "
            "Give the function that returns probabilities, such as predict_proba, not predict.",
            slug="model-answer",
        )
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).sum())
        raise ModelError(
            f"{bad} of the {scores.size} scores that the classifier returned are NaN or infinite.",
            slug="model-nan",
        )
    return scores


def two_classes(scores: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "M L"]:
    """Scores with a column for each class: a single column speaks of class 1, class 0 is its opposite.

    A column within 0 to 1 is a probability p and becomes [1 - p, p]; any other is a raw score v and becomes
    [-v, v].

    Warns
    -----
    SightlineWarning
        That the columns are not lime's, which calls the only one class 0.
    """
    if scores.ndim == 2 and scores.shape[1] > 1:
        return scores
    column = scores.reshape(len(scores), 1)
    if column.dtype.kind in "biu":
        if column.min() < 0 or column.max() > 1:
            raise ModelError(
                "the classifier returned one whole number for each image, as predict does. Give the "
                "function that returns probabilities, such as predict_proba.",
                slug="model-answer",
            )
        column = column.astype(np.float64)
    probability = column.min() >= 0 and column.max() <= 1
    warn(
        "the classifier has one output column, taken as the "
        f"{'probability p' if probability else 'raw score v'} of label 1; label 0 is its opposite, "
        f"{'1 - p' if probability else '-v'}. lime would have called the column label 0.",
        slug="model-one-column",
    )
    return np.hstack([1 - column if probability else -column, column])
