"""labels as data sets have them → places among the classes, shape (B,)."""

from typing import Any, NoReturn

import numpy as np
from jaxtyping import Int, Shaped

from sightline._class_names import columns_by_name
from sightline._tensors import to_numpy
from sightline.errors import ImageError
from sightline.types import did_you_mean


def label_indices(labels: Any, count: int, names: tuple[str, ...] | None = None) -> Int[np.ndarray, "B"]:
    """The class of each image, as an integer.

    Parameters
    ----------
    labels : array-like or tensor
        One for each image: integers, a column of 0.0 and 1.0, one-hot rows, or class names.
    count : int
        Number of images.
    names : tuple of str, optional
        Needed if the labels are names; these may be spelt in another way.

    Raises
    ------
    ImageError
        If there is not one label for each image, or they are no classes.

    Examples
    --------
    >>> label_indices([[0.0, 1.0], [1.0, 0.0]], 2)
    array([1, 0])
    """
    array = _label_array(labels)
    if array.ndim == 0 or len(array) != count:
        given = "one label" if array.ndim == 0 else f"{len(array)} labels"
        raise ImageError(
            f"{count} image{'s' * (count != 1)} and {given} were given: each image needs one label.",
            slug="labels-unfit",
        )
    if array.dtype.kind in "OUST":
        return _from_names(array, names)
    if array.ndim == 2 and array.shape[1] > 1:
        return _from_one_hot(array)
    if array.size != count or array.dtype.kind not in "buif":
        _refuse_labels(f"they have shape {array.shape}, {array.dtype}")
    return _from_numbers(array.reshape(count))


def names_of_labels(labels: Any) -> tuple[str, ...] | None:
    """The names among labels, sorted as those of folders are; None where labels are numbers.

    Examples
    --------
    >>> names_of_labels(["dog", "cat", "dog"]), names_of_labels([0, 1])
    (('cat', 'dog'), None)
    """
    array = _label_array(labels)
    given = _as_text(array) if array.ndim == 1 and array.dtype.kind in "OUST" and array.size else []
    return tuple(sorted(set(given))) if given and all(isinstance(one, str) for one in given) else None


def _as_text(array: Shaped[np.ndarray, "..."]) -> list[Any]:
    return [one.decode() if isinstance(one, bytes) else one for one in array.ravel().tolist()]


def _label_array(labels: Any) -> Shaped[np.ndarray, "..."]:
    if isinstance(labels, list | tuple):
        labels = [to_numpy(one) if hasattr(one, "shape") else one for one in labels]
    try:
        return to_numpy(labels)
    except ValueError as error:
        _refuse_labels(f"they are of several shapes ({error})")


def _from_names(array: Shaped[np.ndarray, "..."], names: tuple[str, ...] | None) -> Int[np.ndarray, "B"]:
    given = _as_text(array)
    if not all(isinstance(one, str) for one in given) or array.size != len(array):
        _refuse_labels("some are missing or are neither numbers nor names")
    if names is None:
        raise ImageError(
            f"the labels are names, such as {given[0]!r}, and nothing says which class each is: give "
            "class_names= in the order of the model's classes.",
            slug="labels-unfit",
        )
    different = list(dict.fromkeys(given))
    found = dict(zip(different, columns_by_name(different, names), strict=True))
    for one, place in found.items():
        if place < 0:
            raise ImageError(f"no class is named {one!r}. {did_you_mean(one, names)}", slug="labels-unfit")
    return np.array([found[one] for one in given], dtype=np.intp)


def _from_one_hot(array: Shaped[np.ndarray, "B L"]) -> Int[np.ndarray, "B"]:
    marked = array == 1
    if not ((marked | (array == 0)).all() and (marked.sum(axis=1) == 1).all()):
        _refuse_labels(
            f"their rows of {array.shape[1]} numbers are not one 1 and zeros. If several labels may be "
            "true of an image, give sl.data.multi_label(images, labels, names), and say which with label= "
            "where the model is given; of a loader, give the data set, loader.dataset"
        )
    return np.asarray(marked.argmax(axis=1), dtype=np.intp)


def _from_numbers(array: Shaped[np.ndarray, "B"]) -> Int[np.ndarray, "B"]:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        _refuse_labels("some are NaN or infinite")
    if (array != np.rint(array)).any():
        _refuse_labels(f"they are numbers such as {float(array[array != np.rint(array)][0]):g}")
    if array.size and array.min() < 0:
        _refuse_labels(
            f"some are {int(array.min())}, as data sets mark images whose label is withheld (if it is a "
            "class, give names for labels)"
        )
    return array.astype(np.intp)


def _refuse_labels(what: str) -> NoReturn:
    raise ImageError(
        f"each image needs one class, as an integer from 0, a column of 0.0 and 1.0, a one-hot row or a "
        f"name; but of the labels given, {what}.",
        slug="labels-unfit",
    )
