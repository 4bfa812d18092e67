"""labelled data and a model → what a repair learns from, and what it is chosen by."""

from typing import Any

import numpy as np
from jaxtyping import Float64, Int, Shaped

from sightline.adapters.model import CheckedModel
from sightline.data.source import Picture, Source, labels_of, pictures
from sightline.errors import ImageError
from sightline.evaluation import matched
from sightline.study.work import content
from sightline.types import record

VALIDATION = 0.2
"""Share of the pictures that a repair is chosen by, where none are given for that."""
BATCH = 64


@record
class Part:
    """Some of a source's pictures, with labels that are the model's classes: a `Source` too.

    Parameters
    ----------
    source : Source
    places : int array, shape (N,)
        Which of the source's pictures.
    labels : int array, shape (N,)
        Their classes, as the model numbers them.
    class_names : tuple of str or None
        In the model's order.
    """

    source: Source
    places: Int[np.ndarray, "N"]
    labels: Int[np.ndarray, "N"]
    class_names: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, which: Any) -> Picture:
        return self.source[int(self.places[which])][0], int(self.labels[which])

    def images(self) -> Shaped[np.ndarray, "N ..."]:
        """All of the pictures, in memory."""
        return stacked(self, range(len(self)))


@record
class Lessons:
    """What a repair learns from, and what it is chosen by; no picture is in both.

    Parameters
    ----------
    learn, validate : Part
    """

    learn: Part
    validate: Part

    def digests(self) -> frozenset[str]:
        """Of every picture's pixels: by them a proof tells pictures that were used."""
        return digests(self.learn) | digests(self.validate)


def lessons(model: CheckedModel, train: Any, validation: Any = None, *, seed: int = 0) -> Lessons:
    """Pictures to learn from and pictures to choose by.

    Parameters
    ----------
    model : CheckedModel
        It is asked about one picture, for the number of its classes.
    train : anything `sightline.data.source.pictures` takes
    validation : the same, optional
        By default a fifth of `train`, of each class in proportion.
    seed : int
        Which fifth.

    Raises
    ------
    ImageError
        If there are too few pictures, or of one class only.
    TargetError
        If labels or class names are not among the model's classes.
    """
    whole = part_of(model, train)
    if validation is not None:
        return Lessons(_several(whole), part_of(model, validation))
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(whole), dtype=bool)
    for label in np.unique(_several(whole).labels):
        places = rng.permutation(np.flatnonzero(whole.labels == label))
        chosen[places[: round(VALIDATION * len(places))]] = True
    if not chosen.any():
        chosen[rng.integers(len(whole))] = True
    return Lessons(some(whole, ~chosen), some(whole, chosen))


def part_of(model: CheckedModel, data: Any) -> Part:
    """All pictures of some data, labelled as the model numbers its classes."""
    if isinstance(data, Part):
        return data
    source = pictures(data)
    given = labels_of(source)
    columns = asked(model, source, [0]).shape[1]
    names = None if source.class_names is None else tuple(source.class_names)
    known = np.arange(len(names)) if names is not None else np.arange(int(given.max()) + 1)
    order, named = matched(known, columns, model.class_names, names)
    return Part(source, np.arange(len(source)), np.asarray(order)[given], named)


def some(part: Part, which: Shaped[np.ndarray, "..."]) -> Part:
    """Fewer pictures of a part."""
    return Part(part.source, part.places[which], part.labels[which], part.class_names)


def stacked(source: Source, places: Any) -> Shaped[np.ndarray, "B ..."]:
    """The pictures at some places as one batch.

    Raises
    ------
    ImageError
        If they differ in shape.
    """
    images = [source[int(place)][0] for place in places]
    for image in images:
        if image.shape != images[0].shape:
            raise ImageError(
                f"a repair learns from pictures of one size, but these are of {images[0].shape} and "
                f"{image.shape}. Bring them to one size: sl.data.folder(path, sl.data.Form(size=…)).",
                slug="repair-sizes",
            )
    return np.stack(images)


def asked(
    model: Any, source: Source, places: Any, batch_size: int | None = None
) -> Float64[np.ndarray, "N L"]:
    """The model's scores of the pictures at some places, batch by batch."""
    places = list(places)
    size = batch_size or getattr(model, "batch_size", None) or BATCH
    batches = [places[start : start + size] for start in range(0, len(places), size)]
    return np.concatenate([model(stacked(source, batch)) for batch in batches])


def digests(source: Source) -> frozenset[str]:
    """Each picture's `content`: the same for the same picture, whatever it is called."""
    return frozenset(content(source[place][0]) for place in range(len(source)))


def _several(part: Part) -> Part:
    """Refuse what nothing can be learned from.

    Raises
    ------
    ImageError
    """
    classes = np.unique(part.labels).size
    if classes < 2 or len(part) < 10:
        raise ImageError(
            f"{len(part)} pictures of {classes} class(es) are too few to repair a model with: give ten or "
            "more, of two classes or more.",
            slug="repair-few",
        )
    return part
