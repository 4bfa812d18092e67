"""concepts, study → in how many images of each class each is found, and typical examples of it."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline.errors import SightlineError
from sightline.types import record

if TYPE_CHECKING:
    from sightline.regions.region_set import Regions
    from sightline.study.schema import StudyResults


@record
class ClassCount:
    """In how many of a class's images something was found."""

    label: int
    found: int
    images: int


@record
class ConceptExamples:
    """Where a concept is found in the images of a study; made by `Regions.examples`.

    Parameters
    ----------
    concept : str
    towards : int or None
        The class that it speaks for, as the model numbers it.
    counts : tuple of ClassCount
        Of each label: first that of the class it speaks for, then where it is found most often.
    places : tuple of int
        Typical images, as the study numbers them: wrong answers for that class first.
    labels, predicted : tuple of int
        Of these.
    looked : int
        Images that were looked through.
    """

    concept: str
    towards: int | None
    counts: tuple[ClassCount, ...]
    places: tuple[int, ...]
    labels: tuple[int, ...]
    predicted: tuple[int, ...]
    looked: int


def find_examples(
    concepts: "Regions", study: "StudyResults", count: int, most: int
) -> tuple[ConceptExamples, ...]:
    """What `Regions.examples` does."""
    wanted = study.places[np.unique(np.linspace(0, len(study.places) - 1, most).astype(int))]
    places, areas = _found_shares(concepts, study, wanted)
    which = np.searchsorted(study.places, places)
    labels, predicted = study.labels[which], study.predicted[which]
    columns = len(next(iter(study.rows())).classes)
    made = []
    speaks = concepts.towards(study.class_names, columns)
    for name, towards, shares in zip(concepts.names, speaks, areas.T, strict=True):
        order = _typical_order(shares, (labels != predicted) & (predicted == towards))[:count]
        made.append(
            ConceptExamples(
                concept=name,
                towards=towards,
                counts=_class_counts(shares > 0, labels, towards),
                places=tuple(places[order].tolist()),
                labels=tuple(labels[order].tolist()),
                predicted=tuple(predicted[order].tolist()),
                looked=len(places),
            )
        )
    return tuple(made)


def _found_shares(
    concepts: "Regions", study: "StudyResults", wanted: Int[np.ndarray, "N"]
) -> tuple[Int[np.ndarray, "n"], Float[np.ndarray, "n R"]]:
    """The images that can be read, and the share of each that each concept is found in."""
    places, shares = [], []
    failure: SightlineError | None = None
    for place in wanted.tolist():
        try:
            image = study.image(place)
        except SightlineError as error:  # it is gone, or was changed since
            failure = error
            continue
        masks = concepts.masks((image.shape[0], image.shape[1]), place, image)
        places.append(place)
        shares.append(np.asarray(masks.mean(axis=(1, 2))))
    if failure is not None and not places:
        raise failure
    return np.array(places, dtype=np.intp), np.array(shares).reshape(len(places), len(concepts))


def _typical_order(areas: Float[np.ndarray, "N"], misled: Bool[np.ndarray, "N"]) -> Int[np.ndarray, "_"]:
    """Images with a detection: wrong answers for its class first, and of these the usual sizes."""
    found = np.flatnonzero(areas)
    if not len(found):
        return found
    unusual = np.abs(np.log(areas[found] / np.median(areas[found])))
    return np.asarray(found[np.lexsort((unusual, ~misled[found]))])


def _class_counts(
    found: Bool[np.ndarray, "N"], labels: Int[np.ndarray, "N"], towards: int | None
) -> tuple[ClassCount, ...]:
    counts = [
        ClassCount(one, int(found[labels == one].sum()), int((labels == one).sum()))
        for one in np.unique(labels).tolist()
    ]
    return tuple(sorted(counts, key=lambda one: (one.label != towards, -one.found / one.images)))
