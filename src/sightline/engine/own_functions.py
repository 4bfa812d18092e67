"""a function that the user gave as an option → its answer, checked, or an error that names the option."""

import contextlib
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from sightline._arguments import describe_value
from sightline._checks import is_whole
from sightline._limits import check_needed_memory
from sightline._tensors import array_or_none
from sightline.engine.model_query import Classes, Top
from sightline.errors import OptionError, SightlineError, TargetError
from sightline.types import Attribution, Contrast, Masks, Sampler, Scores, Target

TAKES = {
    "segment": "the image and returns a whole number for each pixel, shape (H, W)",
    "fill": "the image (H, W, C) and its Segments, and returns what hidden looks like, (H, W, C)",
    "sample": "a number of segments, the most masks and a generator, and returns sightline.types.Masks",
    "target": "the scores of all classes, shape (L,), and returns the numbers of those to explain",
    "attribute": "sightline.types.Masks and their Scores, and returns sightline.types.Attribution",
}
"""What each option's function is for."""


def ask_function(option: str, function: Callable[..., Any], *given: Any) -> Any:
    """What an option's function answers.

    Parameters
    ----------
    option : str
        A field of the plan.
    function : callable
    *given
        What it is called with.

    Raises
    ------
    OptionError
        If it fails; its own error is the cause.
    """
    try:
        return function(*given)
    except (SightlineError, Warning):
        raise
    except Exception as error:  # a user's own function may raise anything
        first = next(iter(str(error).strip().splitlines()), "")
        raise OptionError(
            f"{option}={_function_name(function)} failed: {type(error).__name__}{': ' * bool(first)}{first}. "
            f"It takes {TAKES[option]}.",
            slug="option-failed",
        ) from error


def _function_name(function: object) -> str:
    return getattr(function, "__name__", None) or describe_value(function)


def _wrong_answer(option: str, function: object, answer: object, why: str) -> OptionError:
    return OptionError(
        f"{option}={_function_name(function)} returned {describe_value(answer)}: {why}. It takes "
        f"{TAKES[option]}.",
        slug="option-failed",
    )


def drawn_masks(sampler: Sampler, segments: int, rows: int, rng: np.random.Generator) -> Masks:
    """The masks of a sampler: no more than `rows`, of so many segments, each with its weight.

    Raises
    ------
    OptionError
        If it fails or returns something else, or so many would not fit into memory.
    """
    check_needed_memory(f"{rows:,} masks of {segments} segments", rows * segments, "MASK_BYTES")
    masks = ask_function("sample", sampler, segments, rows, rng)
    if not isinstance(masks, Masks):
        raise _wrong_answer("sample", sampler, masks, "no masks")
    keep, weight = array_or_none(masks.keep), array_or_none(masks.weight)
    count, width = keep.shape if keep.ndim == 2 else (-1, -1)
    if not (keep.ndim == 2 and count <= rows and width == segments):
        told = f"{count} of {width}" if keep.ndim == 2 else f"an array of shape {keep.shape}"
        raise OptionError(
            f"a sampler was asked for up to {rows} masks of {segments} segments, but {sampler!r} returned "
            f"{told}.",
            slug="sample-shape",
        )
    if keep.dtype != bool:
        if keep.dtype.kind not in "iuf" or not np.isin(keep, (0, 1)).all():
            raise _wrong_answer("sample", sampler, masks.keep, "keep has to be True or False")
        keep = keep.astype(bool)
    fine = weight.dtype.kind in "iuf" and weight.shape == (count,) and np.isfinite(weight).all()
    if not fine or (weight < 0).any() or (count and not weight.any()):
        raise _wrong_answer(
            "sample", sampler, masks.weight, "weight has to be one positive number for each mask"
        )
    return Masks(keep, weight.astype(np.float64, copy=False))


def chosen_targets(target: Target, classes: Float[np.ndarray, "L"]) -> tuple[int | Contrast, ...]:
    """The targets that a plan's target chooses by the scores of all classes.

    Raises
    ------
    OptionError, TargetError
        If it fails, or chooses what is no class.
    """
    answer = ask_function("target", target, classes)
    if isinstance(target, Top | Classes):
        return tuple(answer)
    several = answer.tolist() if isinstance(answer, np.ndarray) else answer
    several = list(several) if isinstance(several, list | tuple) else [several]
    if several and all(isinstance(one, Contrast) or is_whole(one) for one in several):
        numbers = [one if isinstance(one, Contrast) else operator.index(one) for one in several]
        with contextlib.suppress(TargetError):  # no such class
            return Classes(*numbers)(classes)
    raise TargetError(
        f"target={_function_name(target)} returned {describe_value(answer)}, but has to return one or "
        f"several of the numbers 0 to {len(classes) - 1}, or Contrast(a, b) of two of them.",
        slug="target-unknown",
    )


def asked_attribution(attribute: Callable[..., Any], masks: Masks, scores: Scores) -> Attribution:
    """What an attribution makes of masks and scores: K targets, S segments, and finite values.

    Raises
    ------
    OptionError
        If it fails, or returns something else.
    """
    made = ask_function("attribute", attribute, masks, scores)
    if not isinstance(made, Attribution):
        raise _wrong_answer("attribute", attribute, made, "no attribution")
    targets = len(scores.full)
    shapes = {"values": (targets, masks.keep.shape[1]), "base": (targets,), "fit": (targets,)}
    shapes["error"] = shapes["values"]
    for name, shape in shapes.items():
        array = getattr(made, name)
        if not (isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.shape == shape):
            raise _wrong_answer("attribute", attribute, array, f"{name} has to be floats of shape {shape}")
    if not (np.isfinite(made.values).all() and np.isfinite(made.base).all()):
        raise _wrong_answer("attribute", attribute, made.values, "values and base have to be finite")
    if not (made.error >= 0).all():  # nan neither
        raise _wrong_answer("attribute", attribute, made.error, "errors have to be 0 or more")
    return made
