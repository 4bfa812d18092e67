"""labelled data of any kind → a source whose pictures are asked for by place, as often as needed."""

import hashlib
import os
from collections.abc import Mapping, Sequence, Sized
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Int, Shaped

from sightline.data.batches import Batches, batches
from sightline.data.files import reading
from sightline.data.labelled import Labelled
from sightline.data.lazy import Folder
from sightline.data.split import Split
from sightline.data.truth import places
from sightline.errors import ImageError, OptionError
from sightline.types import record

SEVERAL = 256
"""Pictures in memory that are digested at once."""
SAMPLED = 32
"""Pictures that stand for all of a data set that makes each when it is asked for."""
Picture = tuple[Shaped[np.ndarray, "..."], int]
S = TypeVar("S", bound="Source")


@runtime_checkable
class Source(Protocol):
    """Labelled pictures by place: `Labelled`, `Folder`, and what `pictures` makes of other data."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes, where they are known; a label is a place among them."""

    def __len__(self) -> int: ...

    def __getitem__(self, which: Any) -> Any:
        """The picture at a place, shape (H, W) or (H, W, C), and its label."""


@record
class Pair:
    """Pictures in memory and their labels, each as `batches` would give it.

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
        return f"Pair({len(self):,} pictures with labels)"

    def __getitem__(self, which: int | np.integer) -> Picture:
        place = _within(which, len(self))
        return _only(batches((self.images[place : place + 1], self.labels[place : place + 1]), 1), place)


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

    def __getitem__(self, which: int | np.integer) -> Picture:
        place = _within(which, len(self))
        with reading(f"picture {place}"):
            item = self.rows[place]
        return _only(batches([item], 1, class_names=self.class_names), place)


@record
class Apart:
    """The pictures of a source that a rule means: a `Source` too.

    Parameters
    ----------
    source : Source
    split : Split
    places : int array, shape (N,)
        Which of the source's pictures they are.
    """

    source: Source
    split: Split
    places: Int[np.ndarray, "N"]

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Those of the source."""
        return self.source.class_names

    @property
    def labels(self) -> Int[np.ndarray, "N"]:
        """Class of each picture."""
        return np.asarray(labels_of(self.source)[self.places])

    def __repr__(self) -> str:
        which = "held out" if self.split.held_out else "not held out"
        return f"{len(self):,} of {len(self.source):,} pictures, {which}"

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, which: Any) -> Picture:
        picture: Picture = self.source[int(self.places[which])]
        return picture


def pictures(data: Any, *, class_names: Sequence[str] | None = None) -> Source:
    """Labelled pictures that can be asked for by place.

    Parameters
    ----------
    data : object
        Whatever `batches` takes, if its pictures can be asked for in any order: `Labelled`, `Folder`,
        (images, labels), a dict of arrays, a list of (image, label), a ``Dataset`` of PyTorch or Hugging
        Face.
    class_names : sequence of str, optional
        By default what the data know.

    Returns
    -------
    Source
        `len` of it is the number of pictures; ``source[place]`` is the picture, as `batches` would give
        it, and its label.

    Raises
    ------
    OptionError
        If the data can only be gone through from beginning to end.
    ImageError
        If there are no pictures or no labels, or items are batches.

    Examples
    --------
    >>> source = pictures((np.zeros((3, 8, 8)), [0, 1, 0]))
    >>> image, label = source[1]
    >>> len(source), image.shape, label
    (3, (8, 8), 1)
    """
    if isinstance(data, Batches):
        return pictures(data.source, class_names=class_names or data.class_names)
    if isinstance(data, Labelled | Folder | Pair | Rows | Apart) and class_names is None:
        return _filled(data)
    if isinstance(data, Folder):
        raise OptionError(
            "a folder's class_names are told when it is made: folder(path, class_names=[…]).",
            slug="option-value",
        )
    made = batches(data, class_names=class_names)
    if made.source is not data:  # `batches` makes a pair of its own of arrays, lists and dicts of them
        images, labels = made.source
        return _filled(Pair(images, places(labels, len(images), made.class_names), made.class_names))
    return _rows(data, made)


def _rows(data: Any, made: Batches) -> Rows:
    if not (hasattr(data, "__getitem__") and isinstance(data, Sized)) or isinstance(data, Mapping):
        raise OptionError(
            f"pictures are needed that can be asked for by place, but {made.kind} only goes from beginning "
            "to end. Give a folder, a list file (sl.data.listed), arrays (images, labels), or the data set "
            "that it was made of, such as loader.dataset.",
            slug="data-places",
        )
    source = Rows(data, made.class_names)
    try:
        _filled(source)[0]
    except ImageError as error:
        if error.slug not in ("image-file", "image-nan"):  # one item that cannot be read is its own affair
            raise
    return source


def identity(source: Source, place: int | np.integer) -> str:
    """What a picture is called: its path below the data's folder, with ``/``; else its place.

    Examples
    --------
    >>> identity(pictures((np.zeros((3, 8, 8)), [0, 1, 0])), 2)
    '2'
    """
    where = _within(place, len(source))
    if isinstance(source, Apart):
        return identity(source.source, source.places[where])
    if not isinstance(source, Folder):
        return str(where)
    path, root = source.path(where), source.listing.root
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def apart(source: Source, split: Split) -> Apart:
    """The pictures of a source that a rule means."""
    every = np.arange(len(source))
    return Apart(source, split, every[split.meant(every)])


def labels_of(source: Source) -> Int[np.ndarray, "N"]:
    """Every label, without reading pictures where the source knows them."""
    known = getattr(source, "labels", None)
    if known is None:
        known = [source[place][1] for place in range(len(source))]
    return np.asarray(known, dtype=np.intp)


def first_place(source: Any, place: int) -> int:
    """Where a picture of parts of parts of some data stands in the data."""
    while hasattr(source, "places") and hasattr(source, "source"):
        source, place = source.source, int(source.places[place])
    return int(place)


def fingerprint(source: Source) -> str:
    """A digest by which data are known again: same digest, same pictures in the same order.

    Of folders and lists: the paths below their root, the labels, class names and form, not what is in the
    files. Of pictures in memory: every value and label. Of data sets that make a picture when it is asked
    for: their number, and 32 of them.

    Examples
    --------
    >>> one, other = pictures((np.zeros((3, 8, 8)), [0, 1, 0])), pictures((np.zeros((3, 8, 8)), [0, 1, 1]))
    >>> fingerprint(one) == fingerprint(other)
    False
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((len(source), source.class_names)).encode())
    if isinstance(source, Folder):
        _digest_files(digest, source)
    elif isinstance(source, Labelled | Pair) and isinstance(source.images, np.ndarray):
        _digest(digest, source.labels.astype(np.int64))
        digest.update(f"{source.images.shape} {source.images.dtype}".encode())
        for start in range(0, len(source), SEVERAL):
            _digest(digest, source.images[start : start + SEVERAL])
    else:
        count = min(len(source), SAMPLED) if isinstance(source, Rows) else len(source)
        for place in np.linspace(0, len(source) - 1, count).round().astype(int).tolist():
            image, label = source[place]
            digest.update(f"{image.shape} {image.dtype} {label}".encode())
            _digest(digest, image)
    return digest.hexdigest()


def _digest_files(digest: Any, source: Folder) -> None:
    files = source.listing
    root = os.fsencode(files.root)
    digest.update(repr((source.form, tuple(folder.removeprefix(root) for folder in files.folders))).encode())
    digest.update(files.names)
    for array in (files.ends, files.homes, files.classes, source.rows):
        _digest(digest, np.asarray(array, dtype=np.int64))


def _digest(digest: Any, array: Shaped[np.ndarray, "..."]) -> None:
    digest.update(np.ascontiguousarray(array).data)


def _filled(source: S) -> S:
    if len(source) == 0:
        raise ImageError("the data have no pictures.", slug="data-none")
    return source


def _within(which: int | np.integer, count: int) -> int:
    place = int(which)
    if not -count <= place < count:
        raise IndexError(f"there is no picture {place}: there are {count}, numbered from 0")
    return place % count


def _only(made: Batches, place: int) -> Picture:
    """The one picture of a batch and its label."""
    images, labels = next(iter(made))
    if len(images) != 1:
        raise ImageError(
            f"item {place} is a batch of {len(images)} pictures, but each item must be one picture and its "
            "label. Give the data set before it is batched, or arrays (images, labels).",
            slug="data-places",
        )
    return images[0], int(labels[0])
