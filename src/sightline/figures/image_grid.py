"""images of any kind → a figure of the first of them, each under its title or the name of its class."""

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Shaped

from sightline._arguments import clear_arguments
from sightline._checks import check_whole
from sightline.errors import ImageError, OptionError
from sightline.figures.components import CaptionedImage
from sightline.figures.gallery import SIZE, check_same_number, draw_gallery
from sightline.render import fit_to_size

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@clear_arguments
def plot_images(
    images: Any,
    titles: Sequence[object] | Shaped[np.ndarray, "N"] | None = None,
    *,
    class_names: Sequence[str] | None = None,
    rows: int | None = None,
    columns: int = 5,
    heading: str = "",
) -> "Figure":
    """Images in rows, each under its title or the name of its class.

    Parameters
    ----------
    images : sequence of arrays, shape (H, W) or (H, W, C), or one array of them
        Of any size, dtype and range. Without `titles` also labelled images: a batch (images, labels), or
        anything that gives (image, label) or batches in turn, of which no more are read than are shown; of
        those that lie class by class and can be asked for by place, some of every part.
    titles : sequence, optional
        One for each image; what is too long is shortened.
    class_names : sequence of str, optional
        What the labels are called; by default what the labelled images know, else their numbers.
    rows : int, optional
        Most rows; by default all that titles are given for, and 3 of labelled images.
    columns : int
        Most images in a row.
    heading : str
        Above all of them.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    OptionError
        If there is no image, not one title for each, or a label without a name.

    Examples
    --------
    >>> import numpy as np
    >>> plot_images([np.eye(8), np.ones((8, 8))], ["an eye", "white"]).axes[0].texts[1].get_text()
    'white'
    >>> batch = np.zeros((32, 8, 8)), np.arange(32) % 2
    >>> len(plot_images(batch, class_names=["well", "ill"]).axes[0].texts)
    15
    """
    rows = None if rows is None else check_whole("rows", rows)
    columns = check_whole("columns", columns)
    if titles is None:
        images, titles = _first_labelled(images, class_names, (rows or 3) * columns)
    most = len(titles) if rows is None else rows * columns
    check_same_number(images, titles, "images", "titles")
    batch = [fit_to_size(np.asarray(image), SIZE) for image in images[:most]]
    cells: list[CaptionedImage] = [
        (small, [str(words)]) for small, words in zip(batch, titles[:most], strict=True)
    ]
    return draw_gallery([("", cells)], columns, 0.0, [], top=heading)


def _first_labelled(data: Any, names: Sequence[str] | None, most: int) -> tuple[list[Any], list[str]]:
    """The first images of labelled ones, and what their labels are called."""
    pairs = _image_label_pairs(data, most)
    if pairs is None:
        return [image for image, _ in zip(data, range(most), strict=False)], [""] * min(most, len(data))
    taken = [
        (_drawn_channels_last(image), _class_number(label)) for image, label in itertools.islice(pairs, most)
    ]
    known = names or getattr(data, "class_names", None)
    strange = [label for _, label in taken if known and not 0 <= label < len(known)]
    if strange:
        raise OptionError(
            f"a label is {strange[0]}, but there are {len(known or ())} class names, for labels from 0.",
            slug="figure-number",
        )
    return [image for image, _ in taken], [known[label] if known else str(label) for _, label in taken]


def _image_label_pairs(data: Any, most: int) -> Iterator[tuple[Any, Any]] | None:
    """Images and their labels, one after the other; None of images without labels."""
    if _is_batch(data):
        return zip(*data, strict=False)
    labels = getattr(data, "labels", None)
    if labels is not None and hasattr(data, "__getitem__") and np.all(np.diff(labels) >= 0):
        spread = np.linspace(0, len(labels) - 1, min(most, len(labels))).astype(int)
        return _readable_pairs(data, spread.tolist())
    items = iter(data)
    first = next(items, None)
    if first is None or (isinstance(first, tuple | list) and len(first) == 2):
        return _unbatched_pairs(itertools.chain([] if first is None else [first], items))
    if isinstance(first, str | os.PathLike):
        raise OptionError(
            f"{first!r} names a file, and this figure draws images: read it with sl.read_image(path).",
            slug="figure-images",
        )
    return None


def _readable_pairs(data: Any, places: list[int]) -> Iterator[tuple[Any, Any]]:
    for place in places:
        with contextlib.suppress(ImageError):  # a broken file
            yield data[place]


def _unbatched_pairs(items: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
    for item in items:
        if _is_batch(item):
            yield from zip(*item, strict=False)
        else:
            image, label = item
            yield image, label


def _is_batch(item: Any) -> bool:
    """Whether it is (images, labels) rather than (image, label) or two images."""
    if not (isinstance(item, tuple | list) and len(item) == 2 and hasattr(item[1], "__len__")):
        return False
    shape = np.shape(item[1])
    several = getattr(item[0], "ndim", 3) != 2 and hasattr(item[0], "__len__")
    return len(shape) > 0 and shape[1:] in ((), (1,)) and several and len(item[0]) == shape[0]


def _drawn_channels_last(image: Any) -> Any:
    """An image as it is drawn: tensors of PyTorch's loaders have their channels first."""
    shape = np.shape(image)
    first = hasattr(image, "detach") and len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] > 4
    return np.moveaxis(np.asarray(image), 0, -1) if first else image


def _class_number(label: Any) -> int:
    """A label as a number: alone, or as the only one of an array."""
    numbers = np.ravel(np.asarray(label))
    if numbers.size != 1 or numbers.dtype.kind not in "biuf":
        raise OptionError(
            f"labels have to be numbers of classes, but one is {_describe_label(label, numbers)}. "
            "sightline.data.batches makes them of names and of one-hot rows.",
            slug="figure-number",
        )
    return int(numbers[0])


def _describe_label(label: Any, numbers: Any) -> str:
    return repr(label) if isinstance(label, str) else f"of shape {np.shape(label)}, {numbers.dtype}"
