"""labelled data and a model → what a repair learns from, and what it is chosen by."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Float64, Int, Shaped

from sightline._class_names import class_columns
from sightline._digests import image_digest
from sightline._language import in_english
from sightline.adapters.checked_model import CheckedModel
from sightline.data.datasets import Dataset, LabelledImage, Subset, as_dataset, warn_if_random
from sightline.data.looks import Looks, looks_of, match_looks
from sightline.data.several_labels import one_label_of
from sightline.errors import ImageError
from sightline.study.schema import StudyResults
from sightline.types import record

VALIDATION_SHARE = 0.2
"""Share of the images that a repair is chosen by, where none are given for that."""
BATCH_SIZE = 64
Indices = Iterable[int] | Int[np.ndarray, "n"]


@record
class TrainingData:
    """What a repair learns from, and what it is chosen by; no image is in both.

    Parameters
    ----------
    train, validation : Subset
        Labels are the model's classes.
    """

    train: Subset
    validation: Subset

    def seen_images(self) -> tuple[frozenset[str], Looks]:
        """Digest and look of every image, those to learn from first: by them a proof tells what was used."""
        digests, looks = set(), []
        for part in (self.train, self.validation):
            for image, _ in part:
                digests.add(image_digest(image))
                looks.append(looks_of([image]))
        return frozenset(digests), np.concatenate(looks)


def twice_seen_notes(validation: Subset, looks: Looks) -> tuple[str, ...]:
    """What to tell where images to choose by are also among those to learn from; their looks come last."""
    train, chosen = looks[: len(looks) - len(validation)], looks[len(looks) - len(validation) :]
    found = match_looks(chosen, train)
    twice = int((found.same | found.near).sum())
    if not twice:
        return ()
    return (
        in_english(
            "Of the {n:,} images that it was chosen by, {twice:,} are the same or nearly the same as ones "
            "that it learned from: what is measured on them says too much.",
            n=len(validation),
            twice=twice,
        ),
    )


@record
class ExplainedImages(Dataset):
    """Some images of a study, labelled as the model numbers its classes.

    Parameters
    ----------
    study : StudyResults
    places, labels : int array, shape (N,)
        Where they are in the study's data, and their classes.
    """

    study: StudyResults
    places: Int[np.ndarray, "N"]
    labels: Int[np.ndarray, "N"]

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Those of the study."""
        return self.study.class_names

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int | np.integer) -> LabelledImage:
        return self.study.image(int(self.places[index])), int(self.labels[index])

    def root_index(self, index: int | np.integer) -> int:
        """Where an image stands in the study's data."""
        return int(self.places[index])


def split_training_data(
    model: CheckedModel, train: object, validation: object = None, *, seed: int = 0
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
    classes = np.unique(whole.labels)
    if classes.size < 2 or len(whole) < 10:
        raise ImageError(
            f"{len(whole)} images of {classes.size} class(es) are too few to repair a model with: give ten "
            "or more, of two classes or more.",
            slug="repair-few",
        )
    if validation is not None:
        return TrainingData(whole, as_subset(model, validation))
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(whole), dtype=bool)
    for label in classes:
        indices = rng.permutation(np.flatnonzero(whole.labels == label))
        chosen[indices[: round(VALIDATION_SHARE * len(indices))]] = True
    if not chosen.any():
        chosen[rng.integers(len(whole))] = True
    return TrainingData(whole[~chosen], whole[chosen])


def as_subset(model: CheckedModel, data: object) -> Subset:
    """All images of some data, labelled as the model numbers its classes."""
    if isinstance(data, Subset) and data.new_labels is not None:
        return data
    if isinstance(data, ExplainedImages):
        return Subset(data, np.arange(len(data)), data.labels, data.class_names)
    dataset = as_dataset(one_label_of(data, model.view.label, model.column_names))
    warn_if_random(dataset)
    count = predict_scores(model, dataset, [0]).shape[1]
    names = None if dataset.class_names is None else tuple(dataset.class_names)
    columns, named = class_columns(count, model, names, np.unique(dataset.labels))
    return Subset(dataset, np.arange(len(dataset)), columns[dataset.labels], named)


def stack_images(dataset: Dataset, indices: Indices) -> Shaped[np.ndarray, "B ..."]:
    """Some images as one batch.

    Raises
    ------
    ImageError
        If they differ in shape.
    """
    images = [dataset[int(index)][0] for index in indices]
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
    model: CheckedModel, dataset: Dataset, indices: Indices | None = None, batch_size: int | None = None
) -> Float64[np.ndarray, "N L"]:
    """The model's scores of some images, by default all, batch by batch."""
    indices = list(range(len(dataset)) if indices is None else indices)
    size = batch_size or model.batch_size or BATCH_SIZE
    batches = [indices[start : start + size] for start in range(0, len(indices), size)]
    return np.concatenate([model(stack_images(dataset, batch)) for batch in batches])


def is_guessing(scores: Float[np.ndarray, "N L"], labels: Int[np.ndarray, "N"]) -> bool:
    """Whether answers are no better than guesses: all of one class, or of a mean recall that guesses reach.

    Guesses reach one over the number of classes, and 1.645 standard errors more one time in twenty.

    Examples
    --------
    >>> labels = np.arange(40) % 2
    >>> is_guessing(np.eye(2)[labels], labels), is_guessing(np.eye(2)[np.zeros(40, int)], labels)
    (False, True)
    """
    _, counts = np.unique(labels, return_counts=True)
    if counts.size < 2:
        return False
    chance = 1 / counts.size
    error = np.sqrt(chance * (1 - chance) * (1 / counts).sum()) / counts.size
    constant = np.unique(scores.argmax(axis=1)).size == 1
    return bool(constant or recall_of_scores(scores, labels) <= chance + 1.645 * error)


def macro_recall(model: CheckedModel, dataset: Dataset) -> float:
    """How often a model is right, each class counted alike: the mean recall of those that are there."""
    return recall_of_scores(predict_scores(model, dataset), dataset.labels)


def recall_of_scores(scores: Float[np.ndarray, "N L"], labels: Int[np.ndarray, "N"]) -> float:
    """The same of scores.

    Examples
    --------
    >>> recall_of_scores(np.eye(2)[[0, 0, 0, 1]], np.array([0, 0, 1, 1]))
    0.75
    """
    from sklearn.metrics import recall_score

    there = np.unique(labels)
    return float(recall_score(labels, scores.argmax(axis=1), labels=there, average="macro"))
