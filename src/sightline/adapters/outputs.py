"""a model's raw answer → scores of shape (B, L), float64: the rules that every answer passes."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Number
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float64, Shaped

from sightline._printing import printable_text
from sightline._tensors import to_numpy
from sightline.adapters.answer_parts import USUAL_KEYS, ranked_rows, scores_part
from sightline.errors import ModelError

Names = tuple[str, ...]


def scores_of(
    answer: object, sent: tuple[int, ...], dtype: np.dtype[Any] | str
) -> tuple[Float64[np.ndarray, "B L"], Names | None]:
    """The scores in a model's answer, checked, in memory of their own.

    Parameters
    ----------
    answer : object
        Array, tensor of any framework, data frame, list of numbers or rows, or a list of one dict of
        numbers for each image, whose keys then name the classes; what a pipeline of Hugging Face returns; or
        a mapping, tuple or object of which one part holds these (`scores_part`).
    sent : tuple of int
        Shape of the batch that was asked about.
    dtype : numpy dtype
        Its dtype, for the messages.

    Returns
    -------
    scores : float64 array, shape (B, L)
        A single column stays a single column.
    names : tuple of str or None
        Names of the columns, where the answer has them.

    Raises
    ------
    ModelError
        If it holds classes instead of scores, NaN or infinite numbers, several parts, another number of
        rows than the batch, or no numbers at all.

    Examples
    --------
    >>> scores_of([0.25, 0.75], (2, 8, 8), "uint8")[0]
    array([[0.25],
           [0.75]])
    """
    array, names = _array_and_names(ranked_rows(answer, sent[0]) or scores_part(answer))
    table = _score_table(_real_numbers(array), sent, dtype)
    if table.shape[1] == 1 and table.dtype.kind in "biu":
        _refuse_classes(f"whole numbers ({table.dtype})")
    scores = np.array(table, dtype=np.float64, order="C")
    _check_finite(scores, sent, dtype)
    return scores, names


def clip_text(value: object, most: int = 400) -> str:
    """What a value is as text, cut after `most` letters.

    Examples
    --------
    >>> clip_text([1, 2, 3], most=4)
    '[1, …'
    """
    text = printable_text(value, lines=True)
    return text if len(text) <= most else f"{text[:most]}…"


def batch_text(shape: tuple[int, ...], dtype: np.dtype[Any] | str) -> str:
    """A batch in words, for messages.

    Examples
    --------
    >>> batch_text((8, 64, 64, 3), "uint8")
    '8 images of shape (64, 64, 3), uint8'
    """
    count, *rest = shape
    return f"{count} image{'s' * (count != 1)} of shape {tuple(rest)}, {dtype}"


def _array_and_names(answer: object) -> tuple[Shaped[np.ndarray, "..."], Names | None]:
    """The answer as an array of whatever it holds, and the names of its columns if it has any."""
    if isinstance(answer, np.ndarray):
        return answer, None
    if isinstance(answer, (list, tuple)):
        if answer and isinstance(answer[0], Mapping):
            return _named_rows(answer)
        return _stack_rows(answer), None
    return _to_array(answer), _frame_names(answer)


def _frame_names(answer: object) -> Names | None:
    """Names of the columns of a data frame, where they are texts; a single one may be called anything."""
    columns = getattr(answer, "columns", None)
    names = list(columns) if isinstance(columns, Iterable) and hasattr(answer, "to_numpy") else []
    return tuple(names) if len(names) > 1 and all(isinstance(name, str) for name in names) else None


def _to_array(answer: object) -> Shaped[np.ndarray, "..."]:
    """Tensors and frames of other libraries, known by what they can do: none is imported to ask."""
    known = any(hasattr(answer, name) for name in ("detach", "to_numpy", "numpy"))
    if isinstance(answer, Mapping) and not known:
        _refuse_mapping(answer)
    if known or hasattr(answer, "__array__") or isinstance(answer, Number):
        return to_numpy(answer)
    hint = " Does the function end without a return?" if answer is None else ""
    raise ModelError(
        f"the model returned {_describe_type(answer)}; it has to return an array of scores, one row an "
        f"image.{hint}",
        slug="model-answer",
    )


def _stack_rows(items: Sequence[Any]) -> Shaped[np.ndarray, "..."]:
    """Rows one by one, or the only part of a list of one, as ONNX Runtime returns it."""
    if not items or isinstance(items[0], (str, Number, list)):
        return _from_lists(items)
    parts = [part if isinstance(part, np.ndarray) else _array_and_names(part)[0] for part in items]
    if len(parts) == 1 and parts[0].ndim >= 2:
        return parts[0]
    shapes = [part.shape for part in parts]
    if any(len(shape) > 1 and shape[0] != 1 for shape in shapes) or len(set(shapes)) > 1:
        shown = ", ".join(map(str, shapes[:4])) + (", …" if len(shapes) > 4 else "")
        raise ModelError(
            f"the model returned a {type(items).__name__} of {len(parts)} arrays of shapes {shown}. "
            "Return the one with the scores, for example lambda images: model(images)[0].",
            slug="model-answer",
        )
    return np.stack(parts)


def _from_lists(items: Sequence[Any]) -> Shaped[np.ndarray, "..."]:
    try:
        return np.asarray(items)
    except ValueError:
        lengths = sorted({len(row) if isinstance(row, (list, tuple)) else 1 for row in items})
        raise ModelError(
            f"the model returned a list whose rows do not have one length: from {lengths[0]} to "
            f"{lengths[-1]} values. It has to return the same number of scores for every image.",
            slug="model-answer",
        ) from None


def _named_rows(rows: Sequence[Mapping[Any, Any]]) -> tuple[Shaped[np.ndarray, "B L"], Names]:
    keys = list(rows[0])
    if not all(isinstance(value, Number) for value in rows[0].values()):
        _refuse_mapping(rows[0], "for each image a ")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping) or set(row) != set(keys):
            raise ModelError(
                f"the model returned a dict for each image, but image {number} has other keys than image 0, "
                f"which has {_list_keys(keys)}. Return an array of scores, one row an image.",
                slug="model-answer",
            )
    return np.array([[row[key] for key in keys] for row in rows]), tuple(map(str, keys))


def _real_numbers(array: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    """The array if it holds real numbers, unpacked where a library boxed them as objects."""
    kind = array.dtype.kind
    if kind in "fiub":
        return array
    first = array.flat[0] if array.size else None
    if isinstance(first, (str, bytes)):
        _refuse_classes(f"text such as {str(first)!r}")
    if kind in "OV" and not isinstance(first, Mapping):
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            pass
    held = f"objects such as {_describe_type(first)}" if kind == "O" else f"dtype {array.dtype}"
    raise ModelError(
        f"the model returned an array of {held}; scores have to be real numbers.", slug="model-answer"
    )


def _score_table(
    array: Shaped[np.ndarray, "..."], sent: tuple[int, ...], dtype: np.dtype[Any] | str
) -> Shaped[np.ndarray, "B L"]:
    """Rows and columns: axes of length 1 beyond the first are dropped, since they say nothing."""
    rows = sent[0]
    shape = array.shape or (1,)
    if len(shape) > 2:
        shape = (shape[0], *(length for length in shape[1:] if length != 1))
    if len(shape) > 2 or shape[0] != rows or array.size == 0:
        raise ModelError(
            f"the model was given {batch_text(sent, dtype)}, and has to return scores of shape "
            f"({rows}, n_classes), but it returned {array.shape}.{_shape_hint(array.shape, rows)}",
            slug="model-shape",
        )
    return array.reshape(rows, -1)


def _shape_hint(shape: tuple[int, ...], rows: int) -> str:
    if rows == 1 and len(shape) == 1:
        return " It seems to drop the batch axis of a single image: return scores[np.newaxis]."
    if len(shape) == 2 and shape[1] == rows:
        return " It seems to be transposed: return scores.T."
    if len(shape) > 2 and shape[0] == rows:
        return " A classifier returns one row of scores an image: reduce the other axes in the function."
    return ""


def _check_finite(
    scores: Float64[np.ndarray, "B L"], sent: tuple[int, ...], dtype: np.dtype[Any] | str
) -> None:
    finite = np.isfinite(scores)
    if finite.all():
        return
    images = np.flatnonzero(~finite.all(axis=1))
    raise ModelError(
        f"{int((~finite).sum())} of the model's {scores.size} scores are NaN or infinite: in "
        f"{len(images)} image{'s' * (len(images) != 1)}, the first being image {images[0]} of a batch of "
        f"{batch_text(sent, dtype)}. Look for a division by zero, the logarithm of 0, or an input in "
        "another range than the model was trained on.",
        slug="model-nan",
    )


def _refuse_classes(held: str) -> NoReturn:
    raise ModelError(
        f"this returns classes, not scores: one column of {held}. Give predict_proba instead of predict, "
        "or, if these are scores, return them as floats.",
        slug="model-classes",
    )


def _refuse_mapping(answer: Mapping[Any, Any], whose: str = "a ") -> NoReturn:
    keys = list(answer)
    best = next((key for key in USUAL_KEYS if key in answer), keys[0] if keys else "scores")
    raise ModelError(
        f"the model returned {whose}{type(answer).__name__} with the keys {_list_keys(keys)}; it has to "
        f"return an array of scores. Pick the entry, for example lambda images: model(images)[{best!r}].",
        slug="model-answer",
    )


def _list_keys(keys: Sequence[Any]) -> str:
    shown = ", ".join(repr(key) for key in keys[:6])
    return shown + (f", … ({len(keys)} in all)" if len(keys) > 6 else "")


def _describe_type(thing: object) -> str:
    return "None" if thing is None else f"an object of type {type(thing).__name__}"
