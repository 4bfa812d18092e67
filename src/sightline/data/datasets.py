"""Labelled images by index: in memory, made one by one, some of others, or several after each other."""

import dataclasses
import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sized
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from jaxtyping import Int, Shaped

from sightline._arguments import clear_arguments, clear_fields, describe_value
from sightline._class_names import ClassNames, columns_by_name, ordered_names
from sightline._digests import combined_digest
from sightline._printing import printable_text
from sightline.data.image_decoding import decoding_errors
from sightline.data.items import (
    Batches,
    ImageBatch,
    as_image_batch,
    collect_batches,
    describe_source,
    image_and_label_keys,
    is_image_label_pair,
    iterate_items,
    known_class_names,
    split_item,
    unlabelled_error,
)
from sightline.data.labels import label_indices, names_of_labels
from sightline.errors import ImageError, OptionError, SightlineError, warn
from sightline.types import record

DIGESTED = 256
"""Images in memory that are digested at once."""
SAMPLED = 32
"""Images that stand for all of a data set that makes each when it is asked for."""
SHOWN = 8
"""Labels that a message lists."""
NAMED = 3
"""Class names that a repr shows."""
LabelledImage = tuple[Shaped[np.ndarray, "..."], int]
A = TypeVar("A", bound="ArrayDataset")


class Dataset(ABC):
    """Labelled images by index, the base of every kind: ``len(dataset)``, ``image, label = dataset[3]``.

    An image has the shape (H, W) or (H, W, C), channels last; a label is the index of a class. Also
    `labels`, the class of every image, and `class_names`, a tuple, or None where they are not known.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Class names are None where a data set does not tell, and its labels those of its items."""
        super().__init_subclass__(**options)
        told = {
            name for base in cls.__mro__ for name in (*vars(base), *vars(base).get("__annotations__", {}))
        }
        if "class_names" not in told:
            cls.class_names = None  # type: ignore[assignment, method-assign]
        if "labels" not in told:
            cls.labels = property(_labels_of_items)  # type: ignore[assignment, method-assign]

    if TYPE_CHECKING:  # A dataclass would take a property for the default of its field of the same name.

        @property
        def labels(self) -> Int[np.ndarray, "N"]: ...

        @property
        def class_names(self) -> tuple[str, ...] | None: ...

    @property
    def knows_labels(self) -> bool:
        """Whether `labels` are there without making every image."""
        return True

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: Any) -> Any:
        """The image at an index and its label."""

    def __iter__(self) -> Iterator[LabelledImage]:
        return (self[index] for index in range(len(self)))

    def image_id(self, index: int | np.integer) -> str:
        """What an image is called: its path below the data's folder, with ``/``; else its index."""
        return str(checked_index(index, len(self)))

    def root_index(self, index: int | np.integer) -> int:
        """Where an image stands in the data that this is some of."""
        return checked_index(index, len(self))

    def batches(self, batch_size: int = 32) -> Iterator[ImageBatch]:
        """Images and labels, many at a time."""
        return collect_batches(self, batch_size, None, single=True)

    def fingerprint(self) -> str:
        """A digest by which data are known again: same digest, same images in the same order.

        Of folders and lists: the paths below their root, the labels, class names and form, not what is in
        the files. Of images in memory: every value and label. Of data sets that make an image when it is
        asked for: their number, and 32 of them.

        Examples
        --------
        >>> one, other = (as_dataset((np.zeros((3, 8, 8)), [0, 1, last])) for last in (0, 1))
        >>> one.fingerprint() == other.fingerprint()
        False
        """
        return combined_digest(chain([repr((len(self), self.class_names))], self._fingerprint_parts()))

    def _fingerprint_parts(self) -> Iterator[str | bytes | Shaped[np.ndarray, "..."]]:
        return self._image_parts(np.arange(len(self)))

    def _image_parts(self, indices: Int[np.ndarray, "n"]) -> Iterator[str | Shaped[np.ndarray, "..."]]:
        for index in indices.tolist():
            image, label = self[index]
            yield f"{image.shape} {image.dtype} {label}"
            yield image

    def _with_class_names(self, names: tuple[str, ...]) -> "Dataset":
        """With its classes in another order, or with names where it has none."""
        every = np.arange(len(self))
        if self.class_names is None:
            return Subset(self, every, None, names)
        order = np.array(columns_by_name(self.class_names, names), dtype=np.intp)
        if (order < 0).any():
            raise OptionError(
                f"the data have the classes {', '.join(self.class_names)}, but class_names= names "
                f"{', '.join(names)}. Give the same names, in the order that is wanted.",
                slug="class-names",
            )
        return Subset(self, every, order[self.labels], names)


@clear_fields
@record
class ArrayDataset(Dataset):
    """Images in memory and their classes.

    Parameters
    ----------
    images : array, shape (N, H, W, C) or (N, H, W)
        Channels last; any dtype and value range. Also a tensor, or a list of arrays or PIL images, which
        become arrays when they are asked for.
    labels : int array, shape (N,)
        Class of each image, an index of `class_names`.
    class_names : tuple of str, length L, or None

    Raises
    ------
    ImageError
        If there is not exactly one label for each image, or a label has no name.

    Examples
    --------
    >>> faces = ArrayDataset(np.zeros((4, 2, 2, 3)), np.array([0, 0, 1, 1]), ("Ann", "Ben"))
    >>> image, label = faces[3]
    >>> len(faces), image.shape, faces.class_names[label], len(faces[1:])
    (4, (2, 2, 3), 'Ben', 3)
    """

    images: Any
    labels: Int[np.ndarray, "N"]
    class_names: tuple[str, ...] | None

    def __post_init__(self) -> None:
        if not hasattr(self.images, "__len__") or np.ndim(self.labels) == 0:
            raise ImageError(
                "images and labels must be one of each an image, but "
                f"{describe_value(self.images)} and {describe_value(self.labels)} were given.",
                slug="labels-unfit",
            )
        if len(self.images) != len(self.labels):
            raise ImageError(
                f"{len(self.images)} images and {len(self.labels)} labels were given: each image needs one "
                "label.",
                slug="labels-unfit",
            )
        names, labels = self.class_names, np.asarray(self.labels)
        if names is not None:
            names = ordered_names(names)
        if labels.dtype.kind in "OUST" and labels.ndim == 1 and labels.size:
            names = names or names_of_labels(labels)
            labels = label_indices(labels, len(labels), names)
            object.__setattr__(self, "labels", labels)
        if labels.ndim != 1 or (labels.size and not np.issubdtype(labels.dtype, np.integer)):
            raise ImageError(
                f"labels must be class numbers, of shape (N,), but {labels.dtype} of shape "
                f"{labels.shape} was given. sl.data.batches and sl.evaluate take (images, labels) with "
                "names and one-hot rows too.",
                slug="labels-unfit",
            )
        object.__setattr__(self, "labels", labels.astype(np.intp) if labels.size == 0 else labels)
        object.__setattr__(self, "class_names", names)
        if names is not None and labels.size and not 0 <= labels.min() <= labels.max() < len(names):
            raise ImageError(
                f"labels must be 0 to {len(names) - 1}, indices of the {len(names)} class names, but they go "
                f"from {labels.min()} to {labels.max()}.",
                slug="labels-unfit",
            )

    def __repr__(self) -> str:
        images = self.images
        known = (
            f" of {'×'.join(map(str, images.shape[1:]))} {images.dtype}" if hasattr(images, "shape") else ""
        )
        names = self.class_names or ()
        listed = ", ".join(map(printable_text, names[:NAMED])) + (", …" if len(names) > NAMED else "")
        classes = f", {len(names)} classes: {listed}" if names else ""
        return f"{type(self).__name__}({len(self)} images{known}{classes}{self._repr_suffix()})"

    def _repr_suffix(self) -> str:
        """What else there is to say, for one line."""
        return ""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> Any:
        """One image and its label, or those of a slice, a list of indices or a bool array."""
        if isinstance(index, int | np.integer):
            one = checked_index(index, len(self))
            return as_image_batch(self.images[one : one + 1], one)[0], int(self.labels[one])
        rows = np.arange(len(self))[index]
        # Whatever has one item an image is taken along, in subclasses too.
        per_image = {
            field.name: _take(getattr(self, field.name), rows)
            for field in dataclasses.fields(self)
            if field.name == "images" or isinstance(getattr(self, field.name), np.ndarray)
        }
        return dataclasses.replace(self, **per_image)

    def batches(self, batch_size: int = 32) -> Iterator[ImageBatch]:
        """Images and labels, many at a time: slices of what is in memory."""
        for start in range(0, len(self), batch_size):
            rows = slice(start, start + batch_size)
            yield as_image_batch(self.images[rows], start), self.labels[rows]

    def split(self: A, train: float | int = 0.7, seed: int = 0, *, stratify: bool = False) -> tuple[A, A]:
        """Two parts at random, one to train on and one to test with.

        The same images, in the same order, as scikit-learn's
        ``train_test_split(images, labels, train_size=train, random_state=seed)``.

        Parameters
        ----------
        train : float or int
            Share (between 0 and 1) or number of the images to train on.
        seed : int
        stratify : bool
            Keep the classes in proportion in both parts.

        Returns
        -------
        train, test

        Raises
        ------
        OptionError
            If one part would be empty, or too small to hold every class with `stratify`.

        Examples
        --------
        >>> faces = ArrayDataset(np.zeros((10, 2, 2, 3)), np.arange(10) % 2, ("Ann", "Ben"))
        >>> train, test = faces.split(train=0.6, stratify=True)
        >>> len(train), np.bincount(test.labels).tolist()
        (6, [2, 2])
        """
        first, second = split_indices(self.labels, seed, stratify, train=train)
        return self[first], self[second]

    def _fingerprint_parts(self) -> Iterator[str | bytes | Shaped[np.ndarray, "..."]]:
        if not isinstance(self.images, np.ndarray):
            yield from super()._fingerprint_parts()
            return
        yield self.labels.astype(np.int64)
        yield f"{self.images.shape} {self.images.dtype}"
        for start in range(0, len(self), DIGESTED):
            yield self.images[start : start + DIGESTED]

    def _with_class_names(self, names: tuple[str, ...]) -> Dataset:
        found = columns_by_name(self.class_names or (), names)
        # Names of which none is known are new ones for the same classes.
        renamed = len(self.class_names or names) == len(names) and not any(one >= 0 for one in found)
        return dataclasses.replace(self, class_names=names) if renamed else super()._with_class_names(names)


@record
class MapDataset(Dataset):
    """A data set that makes an item when it is asked for, such as those of PyTorch and Hugging Face.

    Parameters
    ----------
    items : sequence
        Of (image, label), or of dicts with an image and a label.
    class_names : tuple of str or None
    """

    items: Any
    class_names: tuple[str, ...] | None

    @property
    def knows_labels(self) -> bool:
        """No: an item has its label when it is made."""
        return False

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"MapDataset({len(self):,} items of {type(self.items).__qualname__})"

    @functools.cached_property
    def labels(self) -> Int[np.ndarray, "N"]:
        """Class of every image: all are made to learn it."""
        return np.array([label for _, label in self], dtype=np.intp)

    def __getitem__(self, index: Any) -> Any:
        """One image and its label, or the subset of a slice, a list of indices or a bool array."""
        if not isinstance(index, int | np.integer):
            return Subset(self, np.arange(len(self))[index])
        one = checked_index(index, len(self))
        with decoding_errors(f"image {one}"):
            item = self.items[one]
        images, labels = next(collect_batches([item], 1, self.class_names))
        if len(images) != 1:
            raise ImageError(
                f"item {one} is a batch of {len(images)} images, but each item must be one image and its "
                "label. Give the data set before it is batched, or arrays (images, labels).",
                slug="data-places",
            )
        return images[0], int(labels[0])

    def _fingerprint_parts(self) -> Iterator[str | bytes | Shaped[np.ndarray, "..."]]:
        count = min(len(self), SAMPLED)
        return self._image_parts(np.linspace(0, len(self) - 1, count).round().astype(int))


@clear_fields
@record
class Subset(Dataset):
    """Some images of a data set, with their own labels or others.

    Parameters
    ----------
    dataset : Dataset
    indices : int array, shape (n,)
        Which of its images.
    new_labels : int array, shape (n,), optional
        Their classes, where they are numbered otherwise than in the data set.
    new_class_names : tuple of str, optional
        Names of those.

    Examples
    --------
    >>> some = Subset(as_dataset((np.zeros((4, 8, 8)), [0, 1, 0, 1])), np.array([3, 0]))
    >>> len(some), some.labels.tolist(), some.image_id(0)
    (2, [1, 0], '3')
    """

    dataset: Dataset
    indices: Int[np.ndarray, "n"]
    new_labels: Int[np.ndarray, "n"] | None = None
    new_class_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if np.ndim(self.indices) != 1:
            raise OptionError(
                f"indices must be a list of places, but {describe_value(self.indices)} was given.",
                slug="option-value",
            )
        object.__setattr__(self, "indices", np.arange(len(self.dataset))[self.indices])

    @property
    def knows_labels(self) -> bool:
        """Whether they were given, or the data set knows its own."""
        return self.new_labels is not None or self.dataset.knows_labels

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes."""
        return self.new_class_names or self.dataset.class_names

    @property
    def labels(self) -> Int[np.ndarray, "n"]:
        """Class of each image."""
        return self.dataset.labels[self.indices] if self.new_labels is None else self.new_labels

    def __repr__(self) -> str:
        return f"Subset({len(self):,} of {self.dataset!r})"

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        """One image and its label, or the subset of a slice, a list of indices or a bool array."""
        if not isinstance(index, int | np.integer):
            labels = None if self.new_labels is None else self.new_labels[index]
            return dataclasses.replace(self, indices=self.indices[index], new_labels=labels)
        image, label = self.dataset[int(self.indices[index])]
        return image, label if self.new_labels is None else int(self.new_labels[index])

    def image_id(self, index: int | np.integer) -> str:
        """As the data set calls it."""
        return self.dataset.image_id(self.indices[index])

    def root_index(self, index: int | np.integer) -> int:
        """Where an image stands in the data that this is some of."""
        return self.dataset.root_index(self.indices[index])


@clear_fields
@record
class ConcatDataset(Dataset):
    """The images of several data sets, one after the other, of the same classes."""

    datasets: tuple[Dataset, ...]

    def __post_init__(self) -> None:
        if len({dataset.class_names for dataset in self.datasets}) != 1:
            raise ImageError(
                "data sets that follow each other need the same class names in the same order, but they have "
                f"{' and '.join(repr(dataset.class_names) for dataset in self.datasets) or 'none'}.",
                slug="labels-unfit",
            )

    @property
    def knows_labels(self) -> bool:
        """Whether all of them know theirs."""
        return all(dataset.knows_labels for dataset in self.datasets)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Those of all."""
        return self.datasets[0].class_names

    @property
    def labels(self) -> Int[np.ndarray, "N"]:
        """Class of every image."""
        return np.concatenate([dataset.labels for dataset in self.datasets])

    def __len__(self) -> int:
        return sum(map(len, self.datasets))

    def __getitem__(self, index: Any) -> Any:
        """One image and its label, or the subset of a slice, a list of indices or a bool array."""
        if not isinstance(index, int | np.integer):
            return Subset(self, np.arange(len(self))[index])
        one = checked_index(index, len(self))
        ends = list(accumulate(map(len, self.datasets)))
        which = int(np.searchsorted(ends, one, side="right"))
        dataset = self.datasets[which]
        return dataset[one - ends[which] + len(dataset)]


@clear_arguments
def as_dataset(data: Any, *, class_names: ClassNames | None = None) -> Dataset:
    """Labelled images that can be asked for by index.

    Parameters
    ----------
    data : object
        Whatever `batches` takes, if its images can be asked for in any order: a `Dataset`, (images, labels),
        a dict of arrays, a list of (image, label), a ``Dataset`` of PyTorch or Hugging Face.
    class_names : sequence of str, optional
        By default what the data know.

    Returns
    -------
    Dataset

    Raises
    ------
    OptionError
        If the data can only be gone through from beginning to end.
    ImageError
        If there are no images or no labels, or items are batches.

    Examples
    --------
    >>> dataset = as_dataset((np.zeros((3, 8, 8)), [0, 1, 0]))
    >>> image, label = dataset[1]
    >>> len(dataset), image.shape, label
    (3, (8, 8), 1)
    """
    if isinstance(data, Batches):
        return as_dataset(data.source, class_names=class_names or data.class_names)
    names = None if class_names is None else ordered_names(class_names)
    dataset = known_dataset(data, names)
    if dataset is not None:
        return _check_not_empty(dataset)
    iterate_items(data)
    if not (hasattr(data, "__getitem__") and isinstance(data, Sized)):
        raise OptionError(
            f"images are needed that can be asked for by index, but {describe_source(data)} only goes from "
            "beginning to end. Give a folder, a list file (sl.data.open_list), arrays (images, labels), or "
            "the data set that it was made of, such as loader.dataset.",
            slug="data-places",
        )
    made = MapDataset(data, names or known_class_names(data) or _names_of_items(data))
    _check_not_empty(made)
    try:
        made[0]
    except ImageError as error:
        if error.slug not in ("image-file", "image-nan"):  # one item that cannot be read is its own affair
            raise
    return made


def warn_if_random(dataset: Dataset) -> None:
    """Say so where a few images are other ones each time that they are asked for."""
    for place in sorted({0, len(dataset) // 2, len(dataset) - 1}):
        try:
            first, second = dataset[place][0], dataset[place][0]
        except SightlineError:  # told of where it is needed
            continue
        if not np.array_equal(first, second):
            warn(
                f"image {place} has other pixels each time that it is asked for: the data set changes its "
                "images at random, as to train with. What is measured is of other images at every look, and "
                "no image is known again. Give it with the transforms that you test with.",
                slug="data-random",
            )
            return


def known_dataset(data: Any, names: tuple[str, ...] | None) -> Dataset | None:
    """A data set as it is, and what holds all images and all labels as a data set; None of anything else."""
    if hasattr(data, "label_names") and hasattr(data, "combinations"):
        raise several_labels_error(data.names)
    if isinstance(data, Dataset):
        return data if names in (None, data.class_names) else data._with_class_names(names)
    if isinstance(data, Mapping):
        image, label = image_and_label_keys(data, 'a part of it, such as data["train"], or (images, labels)')
        images, labels = data[image], data[label]
    elif is_image_label_pair(data):
        images, labels = data
    else:
        return None
    if labels is None:
        raise unlabelled_error("the labels are None")
    names = names or known_class_names(data) or names_of_labels(labels)
    return ArrayDataset(images, label_indices(labels, len(images), names), names)


def several_labels_error(names: tuple[str, ...]) -> OptionError:
    """What to say where images have several labels, and one class for each is needed."""
    shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
    return OptionError(
        f"several labels may be true of each of these images ({shown}), but one is looked at at a time: say "
        f"which, with label={names[0]!r} (--label), where the model is given; or take "
        f"data.label({names[0]!r}).",
        slug="labels-several",
    )


def split_indices(
    labels: Int[np.ndarray, "N"], seed: int, stratify: bool, **size: float | int
) -> tuple[Int[np.ndarray, "_"], Int[np.ndarray, "_"]]:
    """Two parts at random, as scikit-learn draws them; `size` is the share or number of train or validation.

    Raises
    ------
    OptionError
        If one part would be empty, or too small to hold every class.
    """
    from sklearn.model_selection import train_test_split

    ((name, given),) = size.items()
    try:
        first, second = train_test_split(
            np.arange(len(labels)),
            random_state=seed,
            stratify=labels if stratify else None,
            **{"train_size" if name == "train" else "test_size": given},
        )
    except ValueError as error:
        raise OptionError(
            f"{len(labels)} images of {np.unique(labels).size} classes cannot be split with "
            f"{name}={given!r}, stratify={stratify}: {error}",
            slug="split-unfit",
        ) from None
    return first, second


def checked_index(index: int | np.integer, count: int) -> int:
    """An index counted from the beginning.

    Raises
    ------
    IndexError
    """
    if not -count <= int(index) < count:
        raise IndexError(f"there is no image {int(index)}: there are {count}, numbered from 0")
    return int(index) % count


def _names_of_items(items: Any) -> tuple[str, ...] | None:
    """The class names of items whose labels are names: all are made to learn them."""
    try:
        first = split_item(items[0])[1] if len(items) else None
        if not isinstance(first, str | bytes):
            return None
        return names_of_labels([split_item(items[index])[1] for index in range(len(items))])
    except Exception:  # told where the item is asked for
        return None


def _labels_of_items(dataset: Dataset) -> Int[np.ndarray, "N"]:
    return np.array([int(dataset[index][1]) for index in range(len(dataset))], dtype=np.intp)


def _take(values: Any, rows: Int[np.ndarray, "n"]) -> Any:
    return values[rows] if hasattr(values, "shape") else [values[row] for row in rows.tolist()]


def _check_not_empty(dataset: Dataset) -> Dataset:
    if len(dataset) == 0:
        raise ImageError("the data have no images.", slug="data-none")
    return dataset
