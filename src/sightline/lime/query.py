"""masks → the classifier's answers, one call for each distinct mask."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from sightline._progress import progress_bar
from sightline.engine.image import channels_last
from sightline.engine.perturbation import perturbed_batches
from sightline.errors import ModelError, SightlineWarning
from sightline.lime.fudged import as_rgb
from sightline.types import Segments

Classifier = Callable[[Any], Any]
AnswerBatches = Iterator[Shaped[np.ndarray, "..."]]


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
    warnings.warn(
        SightlineWarning(
            "the classifier refused the grey image in the form it was given, batches of shape (n, H, W) "
            f"({type(refusal).__name__}: {refusal}), and was asked in lime's form, (n, H, W, 3). Give the "
            "image in the form that the classifier takes.",
            slug="model-grey",
        ),
        stacklevel=6,
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
    scores = np.asarray(answer)
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
    warnings.warn(
        SightlineWarning(
            "the classifier has one output column, taken as the "
            f"{'probability p' if probability else 'raw score v'} of label 1; label 0 is its opposite, "
            f"{'1 - p' if probability else '-v'}. lime would have called the column label 0.",
            slug="model-one-column",
        ),
        stacklevel=5,
    )
    return np.hstack([1 - column if probability else -column, column])
