"""labelled images of any kind → batches of arrays: images (B, H, W) or (B, H, W, C), labels (B,)."""

from typing import Any

from sightline._arguments import clear_arguments
from sightline._checks import check_whole
from sightline._class_names import ClassNames, ordered_names
from sightline.data.datasets import known_dataset
from sightline.data.items import Batches, collect_batches, is_torch_object, iterate_items, known_class_names


@clear_arguments
def batches(source: Any, batch_size: int = 32, *, class_names: ClassNames | None = None) -> Batches:
    """Batches of labelled images from whatever holds them.

    Parameters
    ----------
    source : object
        - a `Dataset`, such as `ArrayDataset` and `ImageFolder`, or (images, labels), arrays or lists;
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
        as class names. Names come as they are where the classes are only known at the end.

    Raises
    ------
    ImageError
        While iterating: if there are no labels, or they are no classes; if the images of a batch are
        not alike; if there is nothing, as when a generator was used up.
    OptionError
        If `source` holds no images that are understood, or has its own `class_names` and cannot take others.

    Examples
    --------
    >>> import numpy as np
    >>> images, labels = np.zeros((5, 8, 8, 3)), np.array([0, 1, 1, 0, 1])
    >>> [(some.shape, truth.tolist()) for some, truth in batches((images, labels), 4)]
    [((4, 8, 8, 3), [0, 1, 1, 0]), ((1, 8, 8, 3), [1])]
    """
    check_whole("batch_size", batch_size)
    names = None if class_names is None else ordered_names(class_names)
    if isinstance(source, Batches):
        same = names in (None, source.class_names)
        return source if same else batches(source.source, source.batch_size, class_names=names)
    dataset = known_dataset(source, names)
    if dataset is not None:
        return Batches(
            lambda: dataset.batches(batch_size), dataset.class_names, len(dataset), dataset, batch_size
        )
    names = names or known_class_names(source)
    items, count = iterate_items(source)
    # One by one, as PyTorch has them by index.
    single = is_torch_object(source) and not hasattr(source, "__iter__")
    return Batches(
        lambda: collect_batches(items(), batch_size, names, single=single), names, count, source, batch_size
    )
