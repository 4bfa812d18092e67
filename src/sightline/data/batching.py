"""labelled images of any kind → batches of arrays: images (B, H, W) or (B, H, W, C), labels (B,)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from sightline.data.image_dataset import ArrayDataset
from sightline.data.image_files import read_pil_image
from sightline.data.image_folder import ImageFolder
from sightline.data.image_format import stack_images
from sightline.data.labels import label_indices, to_numpy
from sightline.errors import ImageError, OptionError
from sightline.types import record

IMAGE = ("image", "images", "img", "pixel_values", "pixels", "x")
LABEL = ("label", "labels", "y", "target", "class", "fine_label")
USUAL = (1, 3, 4)
"""Numbers of channels that tell where the channels are."""
Pair = tuple[Shaped[np.ndarray, "B ..."], Int[np.ndarray, "B"]]


@record
class Batches:
    """Batches of labelled images, made by `batches`; iterating reads the source from its beginning.

    Parameters
    ----------
    make : callable
        → iterator of (images, labels).
    class_names : tuple of str or None
        Names of the classes, where the source knows them.
    count : int or None
        Number of images, where the source knows it.
    kind : str
        What the source is, in words.
    source : object
        What it was made from.
    """

    iterate: Callable[[], Iterator[Pair]]
    class_names: tuple[str, ...] | None
    n_images: int | None
    kind: str
    source: Any

    def __iter__(self) -> Iterator[Pair]:
        empty = True
        for pair in self.iterate():
            empty = False
            yield pair
        if empty:
            raise ImageError(
                f"{self.kind} gave no images. A generator gives its images once only: make a new one, or "
                "give a list.",
                slug="batches-empty",
            )

    def __repr__(self) -> str:
        many = "" if self.n_images is None else f"{self.n_images:,} images "
        names = "" if self.class_names is None else f", classes {', '.join(self.class_names[:8])}"
        return f"Batches({many}of {self.kind}{names})"


def batches(source: Any, batch_size: int = 32, *, class_names: Sequence[str] | None = None) -> Batches:
    """Batches of labelled images from whatever holds them.

    Parameters
    ----------
    source : object
        - `Labelled`, or a pair (images, labels) of arrays or lists;
        - `Folder`;
        - a ``tf.data.Dataset``, such as ``keras.utils.image_dataset_from_directory`` returns;
        - a torch ``DataLoader``, or a ``Dataset`` of (image, label);
        - a Hugging Face dataset, or any rows or batches that are dicts with an image and a label;
        - any iterable of (images, labels), or of one (image, label) at a time.

        What comes in batches keeps its own batches. NumPy arrays and TensorFlow's tensors are channels last
        already and stay as they are. Tensors of torch are channels first: their channels are moved last,
        (B, C, H, W) → (B, H, W, C), unless the last axis alone is 1, 3 or 4 long. PIL images are read as
        files are.
    batch_size : int
        Images in a batch, where they do not come in batches.
    class_names : sequence of str, optional
        By default what the source knows: ``class_names``, ``classes`` or ``features``.

    Returns
    -------
    Batches
        Iterating gives images, shape (B, H, W) or (B, H, W, C), in their own dtype, and labels, shape
        (B,), integers. Labels may be given as integers, as a column of 0.0 and 1.0, as one-hot rows, or
        as class names.

    Raises
    ------
    ImageError
        While iterating: if there are no labels, or they are no classes; if the images of a batch are
        not alike; if there is nothing, as when a generator was used up.
    OptionError
        If `source` holds no images that are understood.

    Examples
    --------
    >>> images, labels = np.zeros((5, 8, 8, 3)), np.array([0, 1, 1, 0, 1])
    >>> [(some.shape, truth.tolist()) for some, truth in batches((images, labels), 4)]
    [((4, 8, 8, 3), [0, 1, 1, 0]), ((1, 8, 8, 3), [1])]
    """
    if batch_size < 1:
        raise OptionError(f"batch_size must be at least 1, but {batch_size} was given.", slug="option-value")
    if isinstance(source, Batches):
        return source
    names = tuple(map(str, class_names)) if class_names is not None else _known_class_names(source)
    if isinstance(source, ImageFolder):
        return Batches(lambda: source.batches(batch_size), names, len(source), "a folder", source)
    if isinstance(source, ArrayDataset):
        return _batch_arrays(source.images, source.labels, batch_size, names, "labelled images")
    if isinstance(source, Mapping):
        image, label = _image_and_label_keys(
            source, 'a part of it, such as data["train"], or (images, labels)'
        )
        return _batch_arrays(source[image], source[label], batch_size, names, "a dict of arrays")
    if _is_image_label_pair(source):
        images, labels = source
        return _batch_arrays(images, labels, batch_size, names, "a pair of images and labels")
    items, count = _iterate_items(source)
    single = _is_torch_object(source) and not hasattr(source, "__iter__")
    kind = _describe_source(source)
    return Batches(lambda: _collect_batches(items(), batch_size, names, single), names, count, kind, source)


def _batch_arrays(
    images: Any, labels: Any, batch_size: int, names: tuple[str, ...] | None, kind: str
) -> Batches:
    """Slices of arrays, or of lists of images, that are in memory already."""
    if labels is None:
        raise _unlabelled_error("the labels are None")
    if len(images) != len(labels):
        raise ImageError(
            f"{len(images)} images and {len(labels)} labels were given: each image needs one label.",
            slug="labels-unfit",
        )
    truth = label_indices(labels, len(images), names)

    def make() -> Iterator[Pair]:
        for start in range(0, len(truth), batch_size):
            rows = slice(start, start + batch_size)
            yield _as_image_batch(images[rows], start), truth[rows]

    return Batches(make, names, len(truth), kind, (images, labels))


def _is_image_label_pair(source: Any) -> bool:
    """Whether it is (images, labels) and not two items of its own: the second holds labels alone."""
    if not (isinstance(source, tuple | list) and len(source) == 2):
        return False
    images, labels = source
    if isinstance(images, tuple | Mapping) or isinstance(labels, Mapping):
        return False
    if labels is None:
        return True
    several = isinstance(images, list) or len(getattr(images, "shape", ())) >= 3
    shape = getattr(labels, "shape", None)
    if shape is None:
        return (
            several and isinstance(labels, Sequence) and not any(_looks_like_image(one) for one in labels[:1])
        )
    return several and len(shape) in (1, 2)


def _looks_like_image(value: Any) -> bool:
    return hasattr(value, "getbands") or len(getattr(value, "shape", ())) >= 2


def _iterate_items(source: Any) -> tuple[Callable[[], Iterator[Any]], int | None]:
    """A way to go through a source from its beginning, and how many images it has, if that is known."""
    if callable(getattr(source, "cardinality", None)) and int(source.cardinality()) == -1:
        raise OptionError(
            "the tf.data.Dataset repeats without end: leave out .repeat(), or .take(n) batches of it.",
            slug="batches-kind",
        )
    rows, count = source, None
    if not hasattr(source, "__iter__"):
        if not (hasattr(source, "__getitem__") and hasattr(source, "__len__")):
            raise _unknown_source_error(source)
        return lambda: (source[place] for place in range(len(source))), len(source)
    if isinstance(source, str | bytes) or hasattr(source, "dtype"):
        raise _unknown_source_error(source)
    inner = getattr(source, "dataset", source)
    if isinstance(inner, Sized) and (inner is not source or hasattr(source, "features")):
        count = len(inner)
    return lambda: iter(rows), count


def _collect_batches(
    items: Iterable[Any], batch_size: int, names: tuple[str, ...] | None, single: bool
) -> Iterator[Pair]:
    """Items that are batches as they are; items that are one image each, many at a time."""
    waiting: list[tuple[Any, Any]] = []
    done = 0
    for item in items:
        image, label = _split_item(item)
        if not (single or _is_single_image(image, label)):
            made = _as_image_batch(image, done)
            done += len(made)
            yield made, label_indices(label, len(made), names)
            continue
        waiting.append((image, label))
        if len(waiting) == batch_size:
            yield _stack_batch(waiting, done, names)
            done += len(waiting)
            waiting = []
    if waiting:
        yield _stack_batch(waiting, done, names)


def _stack_batch(pairs: Sequence[tuple[Any, Any]], done: int, names: tuple[str, ...] | None) -> Pair:
    images = _as_image_batch([image for image, _ in pairs], done)
    return images, label_indices([label for _, label in pairs], len(images), names)


def _split_item(item: Any) -> tuple[Any, Any]:
    """The image or images of an item, and the label or labels."""
    if isinstance(item, Mapping):
        image, label = _image_and_label_keys(item)
        return item[image], item[label]
    if isinstance(item, tuple | list) and len(item) == 2:
        if item[1] is None:
            raise _unlabelled_error("the labels are None")
        return item[0], item[1]
    if isinstance(item, tuple | list) and len(item) > 2:
        raise ImageError(
            f"each item must be (images, labels), but one has {len(item)} parts. Take the two: "
            "((item[0], item[1]) for item in data).",
            slug="batches-unlabelled",
        )
    raise _unlabelled_error(f"each item is {_describe_source(item)} alone")


def _image_and_label_keys(
    item: Mapping[str, Any], instead: str = "((row[…], row[…]) for row in data)"
) -> tuple[str, str]:
    image = next((key for key in IMAGE if key in item), None)
    label = next((key for key in LABEL if key in item), None)
    if image is None or label is None:
        lacks = "an image" if image is None else "a label"
        expected = IMAGE if image is None else LABEL
        raise ImageError(
            f"a dict with the keys {', '.join(map(str, item))} has no {lacks.removeprefix('a ')}: its key "
            f"must be one of {', '.join(expected)}. Or give {instead}.",
            slug="batches-unlabelled",
        )
    return image, label


def _is_single_image(image: Any, label: Any) -> bool:
    """Whether an item is one image and its label, and not a batch of them."""
    if isinstance(label, str) or hasattr(image, "getbands"):
        return True
    if isinstance(image, list):
        return not any(_looks_like_image(one) for one in image[:1])
    axes = len(getattr(image, "shape", ()))
    if axes != 3:
        return axes < 3
    # Three axes: grey images with as many labels, or one image with one label.
    return not (np.ndim(to_numpy(label)) and len(label) == image.shape[0])


def _as_image_batch(given: Any, done: int) -> Shaped[np.ndarray, "B ..."]:
    """Several images as one array, channels last."""
    if isinstance(given, list | tuple):
        given = stack_images(
            [_as_image(one) for one in given], [f"image {done + i}" for i in range(len(given))]
        )
    else:
        given = _channels_last(given, 1)
    if given.ndim not in (3, 4) or given.dtype.kind not in "buif":
        raise ImageError(
            f"a batch of images must be numbers of shape (B, H, W) or (B, H, W, C), but one has shape "
            f"{given.shape}, {given.dtype}.",
            slug="image-shape",
        )
    return given  # type: ignore[no-any-return]


def _as_image(image: Any) -> Shaped[np.ndarray, "..."]:
    return read_pil_image(image) if hasattr(image, "getbands") else _channels_last(image, 0)


def _channels_last(tensor: Any, axis: int) -> Shaped[np.ndarray, "..."]:
    """An array with its channels last; tensors of torch may have them on the axis given."""
    array = to_numpy(tensor)
    if not _is_torch_object(tensor) or array.ndim != axis + 3:
        return array
    last = array.shape[-1] in USUAL and array.shape[axis] not in USUAL
    return array if last else np.moveaxis(array, axis, -1)


def _is_torch_object(value: Any) -> bool:
    return any(kind.__module__.split(".")[0] == "torch" for kind in type(value).__mro__)


def _known_class_names(source: Any) -> tuple[str, ...] | None:
    """What a source says of its classes, its own or those of the data set that it wraps."""
    for _ in range(8):
        features = getattr(source, "features", None)
        if isinstance(features, Mapping):
            found = (getattr(features[key], "names", None) for key in LABEL if key in features)
            names = next((one for one in found if one), None)
        else:
            names = getattr(source, "class_names", None) or getattr(source, "classes", None)
        if isinstance(names, Sequence) and not isinstance(names, str) and len(names) > 0:
            return tuple(map(str, names))
        source = getattr(source, "dataset", None)
        if source is None:
            break
    return None


def _describe_source(source: Any) -> str:
    kind = type(source)
    name = kind.__qualname__.lstrip("_")
    return name if kind.__module__ == "builtins" else f"{kind.__module__.split('.')[0]}'s {name}"


def _unlabelled_error(what: str) -> ImageError:
    return ImageError(
        f"labelled images are needed, but {what}. Give (images, labels); with Keras, leave out "
        "label_mode=None.",
        slug="batches-unlabelled",
    )


def _unknown_source_error(source: Any) -> OptionError:
    return OptionError(
        f"{_describe_source(source)} is no source of labelled images. Give (images, labels), a folder, a "
        "tf.data.Dataset, a DataLoader, rows with an image and a label, or any iterable of (images, labels).",
        slug="batches-kind",
    )
