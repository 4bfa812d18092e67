"""labelled data of any kind → a source whose images are asked for by place, as often as needed."""

import hashlib
import os
from collections.abc import Mapping, Sequence, Sized
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Int, Shaped

from sightline.data.batching import Batches, batches
from sightline.data.holdout import HoldoutRule
from sightline.data.image_dataset import ArrayDataset
from sightline.data.image_files import decoding_errors
from sightline.data.image_folder import ImageFolder
from sightline.data.labels import label_indices
from sightline.errors import ImageError, OptionError
from sightline.types import record

SEVERAL = 256
"""Images in memory that are digested at once."""
SAMPLED = 32
"""Images that stand for all of a data set that makes each when it is asked for."""
Image = tuple[Shaped[np.ndarray, "..."], int]
S = TypeVar("S", bound="Dataset")


@runtime_checkable
class Dataset(Protocol):
    """Labelled images by place: `Labelled`, `Folder`, and what `images` makes of other data."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes, where they are known; a label is a place among them."""

    def __len__(self) -> int: ...

    def __getitem__(self, which: Any) -> Any:
        """The image at a place, shape (H, W) or (H, W, C), and its label."""


@record
class Pair:
    """Images in memory and their labels, each as `batches` would give it.

    Parameters
    ----------
    images : array, tensor, or sequence of arrays or PIL images
    labels : int array, shape (N,)
    class_names : tuple of str or None
    """

    images: Any
    labels: Int[np.ndarray, "N"]
    class_names: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Pair({len(self):,} images with labels)"

    def __getitem__(self, which: int | np.integer) -> Image:
        place = _checked_index(which, len(self))
        return _single_item(
            batches((self.images[place : place + 1], self.labels[place : place + 1]), 1), place
        )


@record
class Rows:
    """A data set that makes an item when it is asked for, such as those of PyTorch and Hugging Face.

    Parameters
    ----------
    rows : sequence
        Of (image, label), or of dicts with an image and a label.
    class_names : tuple of str or None
    """

    rows: Any
    class_names: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"Rows({len(self):,} items of {type(self.rows).__qualname__})"

    def __getitem__(self, which: int | np.integer) -> Image:
        place = _checked_index(which, len(self))
        with decoding_errors(f"image {place}"):
            item = self.rows[place]
        return _single_item(batches([item], 1, class_names=self.class_names), place)


@record
class Apart:
    """The images of a source that a rule means: a `Dataset` too.

    Parameters
    ----------
    source : Source
    split : Split
    places : int array, shape (N,)
        Which of the source's images they are.
    """

    source: Dataset
    split: HoldoutRule
    places: Int[np.ndarray, "N"]

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Those of the source."""
        return self.source.class_names

    @property
    def labels(self) -> Int[np.ndarray, "N"]:
        """Class of each image."""
        return np.asarray(labels_of(self.source)[self.places])

    def __repr__(self) -> str:
        which = "held out" if self.split.held_out else "not held out"
        return f"{len(self):,} of {len(self.source):,} images, {which}"

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, which: Any) -> Image:
        image: Image = self.source[int(self.places[which])]
        return image


def as_dataset(data: Any, *, class_names: Sequence[str] | None = None) -> Dataset:
    """Labelled images that can be asked for by place.

    Parameters
    ----------
    data : object
        Whatever `batches` takes, if its images can be asked for in any order: `Labelled`, `Folder`,
        (images, labels), a dict of arrays, a list of (image, label), a ``Dataset`` of PyTorch or Hugging
        Face.
    class_names : sequence of str, optional
        By default what the data know.

    Returns
    -------
    Source
        `len` of it is the number of images; ``source[place]`` is the image, as `batches` would give
        it, and its label.

    Raises
    ------
    OptionError
        If the data can only be gone through from beginning to end.
    ImageError
        If there are no images or no labels, or items are batches.

    Examples
    --------
    >>> source = images((np.zeros((3, 8, 8)), [0, 1, 0]))
    >>> image, label = source[1]
    >>> len(source), image.shape, label
    (3, (8, 8), 1)
    """
    if isinstance(data, Batches):
        return as_dataset(data.source, class_names=class_names or data.class_names)
    if isinstance(data, ArrayDataset | ImageFolder | Pair | Rows | Apart) and class_names is None:
        return _check_not_empty(data)
    if isinstance(data, ImageFolder):
        raise OptionError(
            "a folder's class_names are told when it is made: folder(path, class_names=[…]).",
            slug="option-value",
        )
    made = batches(data, class_names=class_names)
    if made.source is not data:  # `batches` makes a pair of its own of arrays, lists and dicts of them
        images, labels = made.source
        return _check_not_empty(
            Pair(images, label_indices(labels, len(images), made.class_names), made.class_names)
        )
    return _as_map_dataset(data, made)


def _as_map_dataset(data: Any, made: Batches) -> Rows:
    if not (hasattr(data, "__getitem__") and isinstance(data, Sized)) or isinstance(data, Mapping):
        raise OptionError(
            f"images are needed that can be asked for by place, but {made.kind} only goes from beginning "
            "to end. Give a folder, a list file (sl.data.listed), arrays (images, labels), or the data set "
            "that it was made of, such as loader.dataset.",
            slug="data-places",
        )
    source = Rows(data, made.class_names)
    try:
        _check_not_empty(source)[0]
    except ImageError as error:
        if error.slug not in ("image-file", "image-nan"):  # one item that cannot be read is its own affair
            raise
    return source


def identity(source: Dataset, place: int | np.integer) -> str:
    """What an image is called: its path below the data's folder, with ``/``; else its place.

    Examples
    --------
    >>> identity(images((np.zeros((3, 8, 8)), [0, 1, 0])), 2)
    '2'
    """
    where = _checked_index(place, len(source))
    if isinstance(source, Apart):
        return identity(source.source, source.places[where])
    if not isinstance(source, ImageFolder):
        return str(where)
    path, root = source.path(where), source.file_index.root
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def apart(source: Dataset, split: HoldoutRule) -> Apart:
    """The images of a source that a rule means."""
    every = np.arange(len(source))
    return Apart(source, split, every[split.selected(every)])


def labels_of(source: Dataset) -> Int[np.ndarray, "N"]:
    """Every label, without reading images where the source knows them."""
    known = getattr(source, "labels", None)
    if known is None:
        known = [source[place][1] for place in range(len(source))]
    return np.asarray(known, dtype=np.intp)


def root_index(source: Any, place: int) -> int:
    """Where an image of parts of parts of some data stands in the data."""
    while hasattr(source, "places") and hasattr(source, "source"):
        source, place = source.source, int(source.places[place])
    return int(place)


def dataset_fingerprint(source: Dataset) -> str:
    """A digest by which data are known again: same digest, same images in the same order.

    Of folders and lists: the paths below their root, the labels, class names and form, not what is in the
    files. Of images in memory: every value and label. Of data sets that make an image when it is asked
    for: their number, and 32 of them.

    Examples
    --------
    >>> one, other = images((np.zeros((3, 8, 8)), [0, 1, 0])), images((np.zeros((3, 8, 8)), [0, 1, 1]))
    >>> dataset_fingerprint(one) == dataset_fingerprint(other)
    False
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((len(source), source.class_names)).encode())
    if isinstance(source, ImageFolder):
        _digest_file_index(digest, source)
    elif isinstance(source, ArrayDataset | Pair) and isinstance(source.images, np.ndarray):
        _update_digest(digest, source.labels.astype(np.int64))
        digest.update(f"{source.images.shape} {source.images.dtype}".encode())
        for start in range(0, len(source), SEVERAL):
            _update_digest(digest, source.images[start : start + SEVERAL])
    else:
        count = min(len(source), SAMPLED) if isinstance(source, Rows) else len(source)
        for place in np.linspace(0, len(source) - 1, count).round().astype(int).tolist():
            image, label = source[place]
            digest.update(f"{image.shape} {image.dtype} {label}".encode())
            _update_digest(digest, image)
    return digest.hexdigest()


def _digest_file_index(digest: Any, source: ImageFolder) -> None:
    files = source.file_index
    root = os.fsencode(files.root)
    # The class was called Form when the first studies were written, and they have to be known again.
    form = repr(source.image_format).replace("ImageFormat(", "Form(", 1)
    folders = tuple(folder.removeprefix(root) for folder in files.folders)
    digest.update(f"({form}, {folders!r})".encode())
    digest.update(files.names)
    for array in (files.name_ends, files.folder_indices, files.folder_classes, source.indices):
        _update_digest(digest, np.asarray(array, dtype=np.int64))


def _update_digest(digest: Any, array: Shaped[np.ndarray, "..."]) -> None:
    digest.update(np.ascontiguousarray(array).data)


def _check_not_empty(source: S) -> S:
    if len(source) == 0:
        raise ImageError("the data have no images.", slug="data-none")
    return source


def _checked_index(which: int | np.integer, count: int) -> int:
    place = int(which)
    if not -count <= place < count:
        raise IndexError(f"there is no image {place}: there are {count}, numbered from 0")
    return place % count


def _single_item(made: Batches, place: int) -> Image:
    """The one image of a batch and its label."""
    images, labels = next(iter(made))
    if len(images) != 1:
        raise ImageError(
            f"item {place} is a batch of {len(images)} images, but each item must be one image and its "
            "label. Give the data set before it is batched, or arrays (images, labels).",
            slug="data-places",
        )
    return images[0], int(labels[0])
