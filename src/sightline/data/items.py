"""what the data sets of any library hold → arrays of images, channels last, and labels; none is imported."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline._class_names import ordered_names
from sightline._printing import printable_text
from sightline._tensors import to_numpy
from sightline.data.image_decoding import read_pil_image
from sightline.data.labels import label_indices, names_of_labels
from sightline.errors import ImageError, OptionError
from sightline.types import record

IMAGE_KEYS = ("image", "images", "img", "pixel_values", "pixels", "x")
LABEL_KEYS = ("label", "labels", "y", "target", "class", "fine_label")
USUAL = (1, 3, 4)
"""Numbers of channels that tell where the channels are."""
ImageBatch = tuple[Shaped[np.ndarray, "B ..."], Shaped[np.ndarray, "B"]]


@record
class Batches:
    """Batches of labelled images, made by `batches`; iterating reads the source from its beginning.

    Parameters
    ----------
    iterate : callable
        → iterator of (images, labels).
    class_names : tuple of str or None
        Names of the classes, where the source knows them.
    n_images : int or None
        Number of images, where the source knows it.
    source : object
        What it was made from.
    batch_size : int
        Images in a batch, where they do not come in batches.
    """

    iterate: Callable[[], Iterator[ImageBatch]]
    class_names: tuple[str, ...] | None
    n_images: int | None
    source: Any
    batch_size: int

    def __iter__(self) -> Iterator[ImageBatch]:
        empty = True
        for pair in self.iterate():
            empty = False
            yield pair
        if empty:
            raise ImageError(
                f"{describe_source(self.source)} gave no images. A generator gives its images once only: "
                "make a new one, or give a list.",
                slug="batches-empty",
            )

    def __repr__(self) -> str:
        many = "" if self.n_images is None else f"{self.n_images:,} images "
        listed = ", ".join(map(printable_text, (self.class_names or ())[:8]))
        names = "" if self.class_names is None else f", classes {listed}"
        return f"Batches({many}of {describe_source(self.source)}{names})"


def iterate_items(source: Any) -> tuple[Callable[[], Iterator[Any]], int | None]:
    """A way to go through a source from its beginning, and how many images it has, if that is known.

    Raises
    ------
    OptionError
        If it holds no images that are understood, or has no end.
    """
    if callable(getattr(source, "cardinality", None)) and int(source.cardinality()) == -1:
        raise OptionError(
            "the tf.data.Dataset repeats without end: leave out .repeat(), or .take(n) batches of it.",
            slug="batches-kind",
        )
    iterable, count = hasattr(source, "__iter__"), None
    if not iterable and hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        return lambda: (source[index] for index in range(len(source))), len(source)
    if not iterable or isinstance(source, str | bytes) or hasattr(source, "dtype"):
        raise OptionError(
            f"{describe_source(source)} is no source of labelled images. Give (images, labels), a folder, a "
            "tf.data.Dataset, a DataLoader, rows with an image and a label, or any iterable of (images, "
            "labels).",
            slug="batches-kind",
        )
    inner = getattr(source, "dataset", source)
    if isinstance(inner, Sized) and (inner is not source or hasattr(source, "features")):
        count = len(inner)
    return lambda: iter(source), count


def collect_batches(
    items: Iterable[Any], batch_size: int, names: tuple[str, ...] | None, *, single: bool = False
) -> Iterator[ImageBatch]:
    """Items that are batches as they are; items that are one image each, many at a time.

    Parameters
    ----------
    items : iterable
        Of (images, labels), of (image, label), or of dicts of either.
    batch_size : int
    names : tuple of str or None
        Of the classes; without them, labels that are names stay names.
    single : bool
        Whether each item is known to be one image.

    Raises
    ------
    ImageError
        If an item has no label, or its label is no class.
    """
    waiting: list[tuple[Any, Any]] = []
    done = 0
    certain: bool | None = single or None
    guessed = False
    for item in items:
        image, label = split_item(item)
        if not single and not _may_be_either(image, label):
            certain = _is_single_image(image, label)
            if guessed and not certain:
                raise ImageError(
                    "an item with as many labels as its first axis was taken for one image and its one-hot "
                    "label, but the items are batches. Give batches of grey images a channel axis: "
                    "(B, H, W, 1).",
                    slug="batches-unlabelled",
                )
        guessed = guessed or certain is None
        if certain is False:  # a short last batch of grey images looks like one image: the others tell
            made = as_image_batch(image, done)
            done += len(made)
            yield made, _indices_or_names(label, len(made), names)
            continue
        waiting.append((image, label))
        if len(waiting) == batch_size:
            yield _stack_items(waiting, done, names)
            done += len(waiting)
            waiting = []
    if waiting:
        yield _stack_items(waiting, done, names)


def _stack_items(pairs: Sequence[tuple[Any, Any]], done: int, names: tuple[str, ...] | None) -> ImageBatch:
    images = as_image_batch([image for image, _ in pairs], done)
    return images, _indices_or_names([label for _, label in pairs], len(images), names)


def _indices_or_names(labels: Any, count: int, names: tuple[str, ...] | None) -> Shaped[np.ndarray, "B"]:
    """Labels as indices; as the names that they are, where nothing says yet which classes there are."""
    found = names_of_labels(labels) if names is None else None
    if found is not None:
        return np.asarray(np.array(found, dtype=object)[label_indices(labels, count, found)])
    return label_indices(labels, count, names)


def split_item(item: Any) -> tuple[Any, Any]:
    """The image or images of an item, and the label or labels."""
    if isinstance(item, Mapping):
        image, label = image_and_label_keys(item)
        return item[image], item[label]
    if isinstance(item, tuple | list) and len(item) == 2:
        if item[1] is None:
            raise unlabelled_error("the labels are None")
        return item[0], item[1]
    if isinstance(item, tuple | list) and len(item) > 2:
        raise ImageError(
            f"each item must be (images, labels), but one has {len(item)} parts. Take the two: "
            "((item[0], item[1]) for item in data).",
            slug="batches-unlabelled",
        )
    raise unlabelled_error(f"each item is {describe_source(item)} alone")


def image_and_label_keys(
    item: Mapping[str, Any], instead: str = "((row[…], row[…]) for row in data)"
) -> tuple[str, str]:
    """Under which keys of a dict the image and the label are."""
    found = []
    for what, expected in (("image", IMAGE_KEYS), ("label", LABEL_KEYS)):
        key = next((key for key in expected if key in item), None)
        if key is None:
            raise ImageError(
                f"a dict with the keys {', '.join(map(str, item))} has no {what}: its key must be one of "
                f"{', '.join(expected)}. Or give {instead}.",
                slug="batches-unlabelled",
            )
        found.append(key)
    return found[0], found[1]


def is_image_label_pair(source: Any) -> bool:
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
        return several and isinstance(labels, Sequence) and not any(map(_looks_like_image, labels[:1]))
    return several and len(shape) in (1, 2)


def _looks_like_image(value: Any) -> bool:
    return hasattr(value, "getbands") or len(getattr(value, "shape", ())) >= 2


def _is_single_image(image: Any, label: Any) -> bool:
    """Whether an item is one image and its label, and not a batch of them."""
    if isinstance(label, str) or hasattr(image, "getbands"):
        return True
    if isinstance(image, list):
        return not any(map(_looks_like_image, image[:1]))
    shape: tuple[int, ...] = getattr(image, "shape", ())
    if len(shape) != 3:
        return len(shape) < 3
    truth = to_numpy(label)
    return truth.ndim == 0 or len(truth) != shape[0]


def _may_be_either(image: Any, label: Any) -> bool:
    """Whether an item is as much a batch of grey images as one image with a one-hot label."""
    shape: tuple[int, ...] = getattr(image, "shape", ())
    if isinstance(label, str) or len(shape) != 3:
        return False
    truth = to_numpy(label)
    if truth.ndim == 0 or len(truth) != shape[0]:
        return False
    return _is_one_hot(truth) and _has_channels(image, truth.dtype.kind == "f")


def _is_one_hot(truth: Shaped[np.ndarray, "..."]) -> bool:
    """Whether labels may be one label of a class among several."""
    known = truth.ndim == 1 and truth.size > 1 and truth.dtype.kind in "buif"
    return bool(known and np.isin(truth, (0, 1)).all() and truth.sum() == 1)


def _has_channels(image: Any, usual: bool) -> bool:
    """Whether three axes are one image's, with its channels, rather than a batch of grey images."""
    first, last = image.shape[0], image.shape[-1]
    if is_torch_object(image) and last not in USUAL:
        return usual and first in USUAL
    return bool(last == 3 or (usual and last in USUAL))


def as_image_batch(given: Any, done: int) -> Shaped[np.ndarray, "B ..."]:
    """Several images as one array, channels last; `done` is the number of the first, for errors.

    Raises
    ------
    ImageError
        If they are not alike, or no images.
    """
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


def stack_images(images: Sequence[Any], names: Sequence[object]) -> Shaped[np.ndarray, "B ..."]:
    """One array of images that are alike.

    Raises
    ------
    ImageError
        If two differ in shape or dtype; the message names both.
    """
    first = images[0]
    for image, name in zip(images, names, strict=True):
        if image.shape != first.shape or image.dtype != first.dtype:
            raise ImageError(
                f"the images of a batch must be alike, but {names[0]} is {_describe_array(first)} and {name} "
                f"is {_describe_array(image)}. Bring them to one form: ImageFormat(size=(height, width), "
                'mode="rgb", values="unit").',
                slug="images-unlike",
            )
    return np.stack(images)


def _describe_array(image: Shaped[np.ndarray, "..."]) -> str:
    return f"{'×'.join(map(str, image.shape))} {image.dtype}"


def _as_image(image: Any) -> Shaped[np.ndarray, "..."]:
    return read_pil_image(image) if hasattr(image, "getbands") else _channels_last(image, 0)


def _channels_last(tensor: Any, axis: int) -> Shaped[np.ndarray, "..."]:
    """An array with its channels last; tensors of torch may have them on the axis given."""
    array = to_numpy(tensor)
    if not is_torch_object(tensor) or array.ndim != axis + 3:
        return array
    last = array.shape[-1] in USUAL and array.shape[axis] not in USUAL
    return array if last else np.moveaxis(array, axis, -1)


def is_shuffled(source: object) -> bool:
    """Whether a source gives its images in another order each time: torch's loaders, tf.data, as they tell.

    Examples
    --------
    >>> is_shuffled([])
    False
    """
    if (sampler := getattr(source, "sampler", None)) is not None:
        batched = getattr(getattr(source, "batch_sampler", None), "sampler", sampler)
        return any("Random" in type(one).__name__ for one in (sampler, batched))
    seen: object = source
    while seen is not None:  # what a tf.data.Dataset was made of, the last step first
        if "Shuffle" in type(seen).__name__:
            return True
        seen = getattr(seen, "_input_dataset", None)
    return False


def is_torch_object(value: Any) -> bool:
    """Whether a value is of PyTorch, told without importing it."""
    return any(kind.__module__.split(".")[0] == "torch" for kind in type(value).__mro__)


def known_class_names(source: Any) -> tuple[str, ...] | None:
    """What a source says of its classes, its own or those of the data set that it wraps."""
    for _ in range(8):
        features = getattr(source, "features", None)
        if isinstance(features, Mapping):
            found = (getattr(features[key], "names", None) for key in LABEL_KEYS if key in features)
            names = next((one for one in found if one), None)
        else:
            told = (getattr(source, name, None) for name in ("class_names", "classes", "class_to_idx"))
            names = next((one for one in told if one is not None and _is_listing(one)), None)
        if names is not None and _is_listing(names):
            return ordered_names(names)
        source = getattr(source, "dataset", None)
        if source is None:
            break
    return None


def _is_listing(names: object) -> bool:
    """Whether an attribute holds names in an order, and not whatever else is called so."""
    known = isinstance(names, Sequence | Mapping | np.ndarray) and not isinstance(names, str)
    return known and len(names) > 0  # type: ignore[arg-type]


def describe_source(source: Any) -> str:
    """The type of some data and the library that it comes from, in words."""
    kind = type(source)
    name = kind.__qualname__.lstrip("_")
    return name if kind.__module__ == "builtins" else f"{kind.__module__.split('.')[0]}'s {name}"


def unlabelled_error(what: str) -> ImageError:
    """What is said where images come without labels."""
    return ImageError(
        f"labelled images are needed, but {what}. Give (images, labels); with Keras, leave out "
        "label_mode=None.",
        slug="batches-unlabelled",
    )
