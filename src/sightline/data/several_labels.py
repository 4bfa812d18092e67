"""images of which several labels may be true → for each label a data set of two classes."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int, Int8, Shaped

from sightline._arguments import clear_arguments, describe_value
from sightline._class_names import ClassNames, columns_by_name, names_hint, ordered_names
from sightline._printing import printable_text
from sightline._tensors import to_numpy
from sightline.data.datasets import ArrayDataset, Dataset, MapDataset, Subset, several_labels_error
from sightline.data.items import (
    as_image_batch,
    image_and_label_keys,
    is_image_label_pair,
    known_class_names,
    split_item,
)
from sightline.errors import ImageError, SightlineError, TargetError
from sightline.types import did_you_mean, record

UNKNOWN = -1
"""Of a label of which nobody said whether it is there."""
TRUE, FALSE = ("1", "true", "yes"), ("0", "false", "no")
MISSING = ("", "-1", "nan", "none", "null", "na", "n/a")
"""How lists say so, in any case."""
NAMED = 6


@record
class MultiLabelDataset:
    """Images of which several labels may be true; `label` gives the data set of one of them.

    Made by `multi_label`, `open_multi_label`, or of arrays (images, labels) wherever data are given.

    Parameters
    ----------
    dataset : Dataset
        The images; its classes are the combinations of labels that there are.
    combinations : int8 array, shape (C, L)
        Of each, whether a label is there: 1, 0, or −1 where nobody said.
    label_names : tuple of str, length L, or None

    Examples
    --------
    >>> films = multi_label(np.zeros((4, 8, 8)), [[1, 0], [1, 1], [0, -1], [0, 0]], ["ill", "marker"])
    >>> films
    MultiLabelDataset(4 images, 2 labels: ill 2 of 4, marker 1 of 3 (1 not known))
    >>> films.label("marker").labels.tolist(), films.label("marker").class_names
    ([0, 1, 0], ('not marker', 'marker'))
    """

    dataset: Dataset
    combinations: Int8[np.ndarray, "C L"]
    label_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def truth(self) -> Int8[np.ndarray, "N L"]:
        """Whether each label is there in each image: 1, 0, or −1 where nobody said."""
        return np.asarray(self.combinations[self.dataset.labels])

    @property
    def names(self) -> tuple[str, ...]:
        """What labels are called: by their names, else by their numbers."""
        return self.label_names or tuple(f"label {one}" for one in range(self.combinations.shape[1]))

    def __repr__(self) -> str:
        truth = self.truth
        told = []
        for name, column in list(zip(self.names, truth.T, strict=True))[:NAMED]:
            missing = int((column == UNKNOWN).sum())
            note = f" ({missing:,} not known)" if missing else ""
            known = len(column) - missing
            told.append(f"{printable_text(name)} {int((column == 1).sum()):,} of {known:,}{note}")
        more = ", …" if len(self.names) > NAMED else ""
        return f"MultiLabelDataset({len(self):,} images, {len(self.names)} labels: {', '.join(told)}{more})"

    @clear_arguments
    def label(self, which: int | str) -> "LabelImages":
        """The images of which is known whether a label is there: class 0 without it, class 1 with it.

        Parameters
        ----------
        which : int or str
            The label, by place or name.

        Raises
        ------
        TargetError
            If there is no such label.
        ImageError
            If it is known of no image.
        """
        column = self._column(which)
        truth = self.truth[:, column]
        known = np.flatnonzero(truth != UNKNOWN)
        if not len(known):
            raise ImageError(
                f"the label {self.names[column]!r} is known of none of the {len(self):,} images.",
                slug="label-missing",
            )
        name = self.names[column]
        labels = truth[known].astype(np.intp)
        return LabelImages(self.dataset, known, labels, (f"not {name}", name), self, column)

    def of_model(self, label: int | str, columns: tuple[str, ...] | None) -> "LabelImages":
        """The images for a model that is asked for a label, whose columns have these names.

        Raises
        ------
        TargetError
            If it is not known which of the labels here that is.
        """
        if columns is None:
            return self.label(label)
        column = _named_place(label, columns, "the model has")
        if self.label_names is not None:
            return self.label(columns[column])
        if len(columns) != len(self.names):
            raise TargetError(
                f"the model has {len(columns)} column{'s' * (len(columns) != 1)}{names_hint(columns)}, and "
                f"the data have {len(self.names)} labels without names: which of them is "
                f"{columns[column]!r} cannot be told. Name the data's labels: "
                "multi_label(images, labels, label_names).",
                slug="labels-unmatched",
            )
        made = self.label(column)
        return dataclasses.replace(made, new_class_names=(f"not {columns[column]}", columns[column]))

    def _column(self, which: int | str) -> int:
        return _named_place(which, self.names, "the data have")


def _named_place(which: int | str, names: tuple[str, ...], whose: str) -> int:
    """Where a label is among names, by name or number; `whose` they are, in words."""
    if isinstance(which, str):
        (found,) = columns_by_name([which], names)
        if found >= 0:
            return found
        if not which.isdigit():
            raise TargetError(
                f"{whose} no label {which!r}. {did_you_mean(which, names)}", slug="label-unknown"
            )
    if not 0 <= int(which) < len(names):
        raise TargetError(
            f"there is no label {which}: {whose} {len(names)}, numbered from 0{names_hint(names)}.",
            slug="label-unknown",
        )
    return int(which)


@record
class LabelImages(Subset):
    """The images of which one of several labels is known, as two classes; made by `MultiLabelDataset.label`.

    Parameters
    ----------
    several : MultiLabelDataset
        With all labels.
    column : int
        Which of them.
    """

    several: MultiLabelDataset | None = None
    column: int = 0

    @property
    def n_missing(self) -> int:
        """Images that are left out, since nobody said whether the label is there."""
        return len(self.dataset) - len(self)

    def __repr__(self) -> str:
        names = self.class_names or ("", "")
        there, missing = int(self.labels.sum()), self.n_missing
        note = f"; {missing:,} of which it is not known are left out" if missing else ""
        return f"LabelImages({len(self):,} images, {there:,} with {printable_text(names[1])}{note})"

    def _fingerprint_parts(self) -> Iterator[str | bytes | Shaped[np.ndarray, "..."]]:
        yield f"label {self.column}"
        yield self.labels.astype(np.int64)
        yield self.indices.astype(np.int64)
        yield from self.dataset._fingerprint_parts()


class LabelledItems(MapDataset):
    """Items that are made when they are asked for, each with several labels of its own, which are known."""

    def __getitem__(self, index: Any) -> Any:
        """One image and which combination of labels it has, or the subset of many."""
        if not isinstance(index, int | np.integer):
            return Subset(self, np.arange(len(self))[index])
        image = split_item(self.items[int(index)])[0]
        return as_image_batch([image], int(index))[0], int(self.labels[index])


@clear_arguments
def multi_label(images: Any, labels: Any, label_names: ClassNames | None = None) -> MultiLabelDataset:
    """Images in memory of which several labels may be true.

    Parameters
    ----------
    images : array, shape (N, H, W, C) or (N, H, W), or a list of images
    labels : array-like, shape (N, L)
        For each label 1 or 0; −1 or NaN where nobody said.
    label_names : sequence of str, optional
        One for each label, in the order of the model's columns where that names none.

    Raises
    ------
    ImageError
        If there is not one row of labels for each image, or they are other numbers.
    OptionError
        If there is not one name for each label.
    """
    table = _label_table(labels)
    combinations, which = _combined_rows(table)
    if not hasattr(images, "__len__"):
        raise ImageError(
            f"images must be an array or a list of images, but {describe_value(images)} was given.",
            slug="labels-unfit",
        )
    if len(table) != len(images):
        raise ImageError(
            f"{len(images)} images and {len(table)} rows of labels were given: each image needs one row.",
            slug="labels-unfit",
        )
    return MultiLabelDataset(ArrayDataset(images, which, None), combinations, _names_for(label_names, table))


def as_multi_label(data: Any, *, asked: bool = False) -> MultiLabelDataset | None:
    """Data with several labels for each image as such; None of data with one class for each.

    Rows of zeros and ones of which each holds a single 1 are classes, unless a label of several is asked for:
    a part of a set with several labels may be so by chance.

    Examples
    --------
    >>> as_multi_label((np.zeros((2, 8, 8)), [[0, 1], [1, 0]])) is None
    True
    >>> as_multi_label((np.zeros((2, 8, 8)), [[0, 1], [1, 1]]))
    MultiLabelDataset(2 images, 2 labels: label 0 1 of 2, label 1 2 of 2)
    """
    if isinstance(data, MultiLabelDataset):
        return data
    if isinstance(data, Dataset):
        return None
    try:
        images, labels = _images_and_labels(data)
        if labels is None:
            return _of_items(data, asked)
        array = to_numpy(labels)
    except (SightlineError, ValueError, TypeError, KeyError):  # told where the data are opened
        return None
    if not _may_be_several(array, asked):
        return None
    return multi_label(images, array, known_class_names(data))


def _images_and_labels(data: Any) -> tuple[Any, Any]:
    """Images and labels that come apart; None for both where they come in pairs."""
    if isinstance(data, Mapping):
        image, label = image_and_label_keys(data)
        return data[image], data[label]
    return (data[0], data[1]) if is_image_label_pair(data) else (None, None)


def _of_items(data: Any, asked: bool) -> MultiLabelDataset | None:
    """Items of an image and a row of labels each: all are made to learn their labels."""
    if (
        not (hasattr(data, "__getitem__") and hasattr(data, "__len__"))
        or isinstance(data, str)
        or not len(data)
    ):
        return None
    if hasattr(data, "dtype") or to_numpy(split_item(data[0])[1]).ndim != 1:
        return None
    rows = np.stack([to_numpy(split_item(data[index])[1]) for index in range(len(data))])
    if not _may_be_several(rows, asked):
        return None
    table = _label_table(rows)
    combinations, which = _combined_rows(table)
    items = LabelledItems(data, None)
    items.__dict__["labels"] = which
    return MultiLabelDataset(items, combinations, _names_for(known_class_names(data), table))


def _may_be_several(labels: Shaped[np.ndarray, "..."], asked: bool) -> bool:
    """Whether rows hold several labels each, and not one class of several."""
    if labels.ndim != 2 or labels.shape[1] < 2 or labels.dtype.kind not in "buif":
        return False
    known = np.isin(labels, (0, 1, UNKNOWN)) | np.isnan(labels.astype(np.float64))
    one_hot = np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()
    return bool(known.all() and (asked or not one_hot))


def _label_table(labels: Any) -> Int8[np.ndarray, "N L"]:
    """1, 0 or −1 for each image and label."""
    array = to_numpy(labels)
    if array.ndim != 2 or array.dtype.kind not in "buif" or not array.shape[1]:
        raise ImageError(
            f"several labels for each image are rows of zeros and ones, shape (N, L), but {array.dtype} of "
            f"shape {array.shape} was given.",
            slug="labels-unfit",
        )
    known = np.where(np.isnan(array.astype(np.float64)), UNKNOWN, array)
    wrong = ~np.isin(known, (0, 1, UNKNOWN))
    if wrong.any():
        raise ImageError(
            f"each label has to be 1 or 0, or −1 or NaN where nobody said, but {known[wrong][0]:g} was "
            "given: make 0 or 1 of probabilities and grades first.",
            slug="labels-unfit",
        )
    return known.astype(np.int8)


def _combined_rows(table: Int8[np.ndarray, "N L"]) -> tuple[Int8[np.ndarray, "C L"], Int[np.ndarray, "N"]]:
    """Which rows there are, and the one of each image."""
    combinations, which = np.unique(table, axis=0, return_inverse=True)
    return combinations, which.reshape(-1).astype(np.intp)


def _names_for(given: ClassNames | None, table: Int8[np.ndarray, "N L"]) -> tuple[str, ...] | None:
    if given is None:
        return None
    names = ordered_names(given)
    if len(names) != table.shape[1] or len(set(names)) < len(names):
        raise ImageError(
            f"each of the {table.shape[1]} labels needs a name of its own, but {len(names)} were given"
            f"{names_hint(names)}.",
            slug="labels-unfit",
        )
    return names


def combinations_of_cells(texts: Iterable[Sequence[str]], columns: Sequence[str]) -> Int8[np.ndarray, "C L"]:
    """What the cells of a list say of labels, a column each.

    Raises
    ------
    ImageError
        If a cell says neither yes nor no nor nothing.

    Examples
    --------
    >>> combinations_of_cells([("1.0", ""), ("no", "TRUE")], ["ill", "marker"]).tolist()
    [[1, -1], [0, 1]]
    """
    rows = [[_cell_truth(*pair) for pair in zip(cells, columns, strict=True)] for cells in texts]
    return np.array(rows, np.int8)


def _cell_truth(text: str, column: str) -> int:
    word = text.strip().casefold()
    with contextlib.suppress(ValueError):  # whole numbers in any writing, such as 1.00
        number = float(word)
        word = str(int(number)) if number in (0, 1, UNKNOWN) else word
    for words, truth in ((TRUE, 1), (FALSE, 0), (MISSING, UNKNOWN)):
        if word in words:
            return truth
    raise ImageError(
        f"the column {column!r} of labels holds {text!r}, but each cell has to be 1 or 0, or empty or -1 "
        "where nobody said.",
        slug="labels-unfit",
    )


def split_combinations(
    texts: Sequence[str], delimiter: str
) -> tuple[Int8[np.ndarray, "C L"], tuple[str, ...]]:
    """Which labels each text names, with a delimiter between them, and what labels there are.

    Examples
    --------
    >>> table, names = split_combinations(["ill|side", "", "side"], "|")
    >>> names, table.tolist()
    (('ill', 'side'), [[1, 1], [0, 0], [0, 1]])
    """
    parts = [{part.strip() for part in text.split(delimiter)} - {""} for text in texts]
    names = tuple(sorted(set().union(*parts)))
    table = np.array([[name in each for name in names] for each in parts], np.int8)
    return table.reshape(len(parts), -1), names


def one_label_of(data: Any, label: int | str | None, columns: tuple[str, ...] | None) -> Any:
    """The data as they are, or of several labels those of the one that a model is asked for.

    Raises
    ------
    OptionError
        If there are several and none is asked for.
    TargetError
        If it is not among them.
    """
    several = as_multi_label(data, asked=label is not None)
    if several is None:
        return data
    if label is None:
        raise several_labels_error(several.names)
    return several.of_model(label, columns)
