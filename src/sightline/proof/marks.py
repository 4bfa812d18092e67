"""held-out images, a region, and what a person marked → what is hidden in them, and who has it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Shaped

from sightline._language import translatable
from sightline.data.datasets import Subset
from sightline.errors import OptionError
from sightline.proof.paired_metrics import Presence
from sightline.regions.region_set import Regions, per_image
from sightline.repair.detections import Detections, count_detections
from sightline.repair.repair_region import RepairRegion
from sightline.types import record


@record
class PersonMarks:
    """Which of N held-out images have the shortcut, and where, as a person says.

    Parameters
    ----------
    there : bool array, shape (N,)
    regions : Regions or None
        One region, of each image by its index in the data; None where only yes or no was said.
    """

    there: Bool[np.ndarray, "N"]
    regions: Regions | None


@record
class SeenRegion:
    """Who has the shortcut, by a person's word and by its looks.

    Parameters
    ----------
    presence : tuple of Presence
        By a person first.
    detections : Detections or None
        How often it was found, of a region that is found by its looks.
    """

    presence: tuple[Presence, ...]
    detections: Detections | None

    def probed(
        self, area: RepairRegion, marked: PersonMarks | None, regions: Regions | None
    ) -> tuple[RepairRegion, tuple[Regions, ...]]:
        """What is hidden as the repaired region, and the other regions to report on."""
        names = [] if regions is None else [name for name in regions if name != area.name]
        more = () if regions is None or not names else (regions[names],)
        if marked is None or marked.regions is None:
            return area, more
        found = area.regions
        as_found = Regions((f"{area.name}, as found",), found.shapes, found.made_of)
        named = Regions((area.name,), marked.regions.shapes, marked.regions.made_of)
        return RepairRegion(named, area.margin), (*((as_found,) if found.needs_image else ()), *more)


def look_for_region(data: Subset, area: RepairRegion, marked: PersonMarks | None) -> SeenRegion:
    """Who has the shortcut, by a person's word and by its looks."""
    presence: list[Presence] = (
        [] if marked is None else [((translatable("present"), translatable("absent")), marked.there)]
    )
    if not area.regions.needs_image:
        return SeenRegion(tuple(presence), None)
    there, where = (None, None) if marked is None else (marked.there, marked.regions)
    made, hits = count_detections(data, area, there, where)
    return SeenRegion((*presence, ((translatable("found"), translatable("not found")), hits)), made)


def read_marks(
    given: Sequence[bool] | Sequence[Shaped[np.ndarray, "..."]] | Shaped[np.ndarray, "..."] | None,
    data: Subset,
) -> PersonMarks | None:
    """What a person says of the images, checked.

    Raises
    ------
    OptionError
        If it is neither True or False nor a mask for each image.
    """
    if given is None:
        return None
    each = [np.asarray(one) for one in given]
    fits = len(each) == len(data) and all(np.isin(one, (0, 1)).all() for one in each)
    if not fits or {one.ndim for one in each} not in ({0}, {2}):
        shapes = sorted({one.shape for one in each})
        raise OptionError(
            f"present must say True or False for each of the {len(data):,} held-out images, or be a mask "
            f"(H, W) for each, but {len(each):,} were given, of shape {', '.join(map(str, shapes[:3]))}.",
            slug="proof-present",
        )
    there = np.array([bool(one.any()) for one in each])
    if each[0].ndim == 0:
        return PersonMarks(there, None)
    places = {data.root_index(place): place for place in range(len(data))}
    return PersonMarks(there, per_image(lambda index: each[places[index]][np.newaxis] != 0, ["marked"]))
