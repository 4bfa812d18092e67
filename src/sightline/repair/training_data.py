"""labelled data and a model → what a repair learns from, and what it is chosen by."""

from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

from sightline._digests import image_digest
from sightline.adapters.checked_model import CheckedModel
from sightline.data.datasets import Dataset, Subset, as_dataset
from sightline.errors import ImageError
from sightline.evaluation.classification import match_labels
from sightline.types import record

VALIDATION_SHARE = 0.2
"""Share of the images that a repair is chosen by, where none are given for that."""
BATCH_SIZE = 64


@record
class TrainingData:
    """What a repair learns from, and what it is chosen by; no image is in both.

    Parameters
    ----------
    learn, validate : Part
    """

    train: Subset
    validation: Subset

    def image_digests(self) -> frozenset[str]:
        """Of every image's pixels: by them a proof tells images that were used."""
        return image_digests(self.train) | image_digests(self.validation)


def split_training_data(
    model: CheckedModel, train: Any, validation: Any = None, *, seed: int = 0
) -> TrainingData:
    """Images to learn from and images to choose by.

    Parameters
    ----------
    model : CheckedModel
        It is asked about one image, for the number of its classes.
    train : anything `sightline.data.as_dataset` takes
    validation : the same, optional
        By default a fifth of `train`, of each class in proportion.
    seed : int
        Which fifth.

    Raises
    ------
    ImageError
        If there are too few images, or of one class only.
    TargetError
        If labels or class names are not among the model's classes.
    """
    whole = as_subset(model, train)
    if validation is not None:
        return TrainingData(_require_enough(whole), as_subset(model, validation))
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(whole), dtype=bool)
    for label in np.unique(_require_enough(whole).labels):
        places = rng.permutation(np.flatnonzero(whole.labels == label))
        chosen[places[: round(VALIDATION_SHARE * len(places))]] = True
    if not chosen.any():
        chosen[rng.integers(len(whole))] = True
    return TrainingData(whole[~chosen], whole[chosen])


def as_subset(model: CheckedModel, data: Any) -> Subset:
    """All images of some data, labelled as the model numbers its classes."""
    if isinstance(data, Subset) and data.new_labels is not None:
        return data
    source = as_dataset(data)
    given = source.labels
    columns = predict_scores(model, source, [0]).shape[1]
    names = None if source.class_names is None else tuple(source.class_names)
    known = np.arange(len(names)) if names is not None else np.arange(int(given.max()) + 1)
    order, named = match_labels(known, columns, model.class_names, names)
    return Subset(source, np.arange(len(source)), np.asarray(order)[given], named)


def stack_images(source: Dataset, indices: Any) -> Shaped[np.ndarray, "B ..."]:
    """The images at some places as one batch.

    Raises
    ------
    ImageError
        If they differ in shape.
    """
    images = [source[int(place)][0] for place in indices]
    for image in images:
        if image.shape != images[0].shape:
            raise ImageError(
                f"a repair learns from images of one size, but these are of {images[0].shape} and "
                f"{image.shape}. Bring them to one size: sl.data.open_folder(path, "
                "sl.data.ImageFormat(size=…)).",
                slug="repair-sizes",
            )
    return np.stack(images)


def predict_scores(
    model: Any, source: Dataset, indices: Any, batch_size: int | None = None
) -> Float64[np.ndarray, "N L"]:
    """The model's scores of the images at some places, batch by batch."""
    indices = list(indices)
    size = batch_size or getattr(model, "batch_size", None) or BATCH_SIZE
    batches = [indices[start : start + size] for start in range(0, len(indices), size)]
    return np.concatenate([model(stack_images(source, batch)) for batch in batches])


def image_digests(source: Dataset) -> frozenset[str]:
    """Each image's `content`: the same for the same image, whatever it is called."""
    return frozenset(image_digest(source[place][0]) for place in range(len(source)))


def _require_enough(part: Subset) -> Subset:
    """Refuse what nothing can be learned from.

    Raises
    ------
    ImageError
    """
    classes = np.unique(part.labels).size
    if classes < 2 or len(part) < 10:
        raise ImageError(
            f"{len(part)} images of {classes} class(es) are too few to repair a model with: give ten or "
            "more, of two classes or more.",
            slug="repair-few",
        )
    return part
