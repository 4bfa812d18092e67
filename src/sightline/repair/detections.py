"""images and a region that is found by its looks → how often it was found, and whether that will do."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int

from sightline._language import translate as tr
from sightline._language import use_language
from sightline._region_names import shown_name
from sightline.data.datasets import Subset
from sightline.errors import OptionError
from sightline.regions.concept_ranking import overlap_share
from sightline.regions.region_set import Regions
from sightline.repair.repair_region import RepairRegion
from sightline.types import record

NEARLY_ALL = 0.9
"""Share of all images from which on finding something is no news."""
LARGE = 0.4
"""Share of an image from which on a repair replaces much that is none of what misleads."""
LEAST_DIFFERENCE = 0.1
"""How much more often it is to be found in images of one class than of another."""
OVERLAP = 0.5
"""Share of the smaller of two masks that they have in common where they are of the same thing."""
MOST_NAMED = 6


@record
class Detections:
    """How often a region that is found by its looks was found in some images.

    Parameters
    ----------
    region : str
    class_names : tuple of str, length L
        Those of which there are images.
    images, found : int array, shape (L,)
        Images of each class, and those of them in which it was found.
    area : float
        Median share of the image that it takes up where it was found, with its margin; nan if nowhere.
    marked, missed, wrong : int or None
        Where a person said which images show it: how many do; in how many of these it was not found, and in
        how many something else was. Of masks only what overlaps by half counts as found. None elsewhere.
    """

    region: str
    class_names: tuple[str, ...]
    images: Int[np.ndarray, "L"]
    found: Int[np.ndarray, "L"]
    area: float
    marked: int | None = None
    missed: int | None = None
    wrong: int | None = None

    def sentences(self, which: str) -> tuple[str, ...]:
        """The numbers in words; `which` says of what images they are."""
        total, found = int(self.images.sum()), int(self.found.sum())
        each = [
            tr("{name}: {hits} of {count}", name=name, hits=hits, count=count)
            for name, hits, count in zip(self.class_names, self.found, self.images, strict=True)
        ]
        listed = ", ".join(each[:MOST_NAMED]) + (", …" if len(each) > MOST_NAMED else "")
        values = {
            "region": f"“{shown_name(self.region)}”",
            "found": found,
            "total": total,
            "which": which,
            "listed": listed,
        }
        said = [
            tr(
                "{region} was found in {found:,} of {total:,} {which} ({listed}); with its margin it takes "
                "up {area:.0%} of an image there.",
                area=self.area,
                **values,
            )
            if found
            else tr("{region} was found in {found:,} of {total:,} {which} ({listed}).", **values)
        ]
        if self.marked is not None and self.missed is not None:
            said.append(
                tr(
                    "Of {one.marked:,} that were marked it missed {one.missed:,}, and it found something "
                    "else in {one.wrong:,}.",
                    one=self,
                )
            )
        return tuple(said)

    def looseness(self) -> tuple[str, ...]:
        """Why a repair can hardly rest on it, a sentence each; empty where it can."""
        told: list[str] = []
        even: tuple[str, ...] = ()
        rates = self.found / np.maximum(self.images, 1)
        if self.found.sum() > NEARLY_ALL * self.images.sum():
            told.append(tr("it is found in nearly every image"))
        elif len(rates) > 1 and rates.max() - rates.min() < LEAST_DIFFERENCE:
            even = (
                tr(
                    "It is found about as often in each class, and from such images no model learns to go "
                    "by it: give those that the model learned from (train=, --train). If these are, look at "
                    "what was found (sightline.figures.plot_regions)."
                ),
            )
        if self.area > LARGE:
            told.append(tr("what is replaced is a large part of the image"))
        if not told:
            return even
        return (
            *even,
            tr(
                "Too loose to repair by: {why}. A repair then takes away what the class is rightly known "
                "by, or changes nothing: look at what was found (sightline.figures.plot_regions), and keep "
                "the concept that fits the thing alone.",
                why=tr(", and ").join(told),
            ),
        )


def count_detections(
    data: Subset,
    region: RepairRegion,
    flags: Bool[np.ndarray, "N"] | None = None,
    marks: Regions | None = None,
) -> tuple[Detections, Bool[np.ndarray, "N"]]:
    """How often a region is found in some images, and in which of them.

    Parameters
    ----------
    data : Subset
    region : RepairRegion
    flags : bool array, shape (N,), optional
        Which images show it, as a person says.
    marks : Regions, optional
        Where they show it.
    """
    found, right, areas = [], [], []
    for place in range(len(data)):
        image, index = data[place][0], data.root_index(place)
        mask = region.regions.masks(image.shape[:2], index, image)[0]
        found.append(bool(mask.any()))
        if found[-1]:
            areas.append(float(region.mask(image.shape[:2], index, image).mean()))
        right.append(
            found[-1] if marks is None else is_same_place(mask, marks.masks(image.shape[:2], index)[0])
        )
    hits, fits = np.array(found), np.array(right)
    classes, counts = np.unique(data.labels, return_counts=True)
    of_people: dict[str, int] = {}
    if flags is not None:
        of_people = {
            "marked": int(flags.sum()),
            "missed": int((flags & ~fits).sum()),
            "wrong": int((hits & ~(flags & fits)).sum()),
        }
    made = Detections(
        region=region.name,
        class_names=_class_names(data, classes.tolist()),
        images=counts,
        found=np.array([int(hits[data.labels == one].sum()) for one in classes]),
        area=float(np.median(areas)) if areas else np.nan,
        **of_people,
    )
    return made, hits


def _class_names(data: Subset, classes: Sequence[int]) -> tuple[str, ...]:
    names = data.class_names
    return tuple(f"class {one}" if names is None else names[one] for one in classes)


def is_same_place(found: Bool[np.ndarray, "H W"], marked: Bool[np.ndarray, "H W"]) -> bool:
    """Whether half of the smaller of two masks lies in the other.

    Examples
    --------
    >>> whole, none = np.ones((2, 2), bool), np.zeros((2, 2), bool)
    >>> is_same_place(np.eye(2, dtype=bool), whole), is_same_place(none, whole)
    (True, False)
    """
    return overlap_share(found, marked) >= OVERLAP


def detection_notes(data: Subset, region: RepairRegion) -> tuple[str, ...]:
    """What to tell of a region that is found by its looks before it is repaired; nothing of others.

    Raises
    ------
    OptionError
        If it is found in none of the images.
    """
    if not region.regions.needs_image:
        return ()
    made, hits = count_detections(data, region)
    if not hits.any():
        raise OptionError(
            f"“{region.name}” was found in none of the {len(data):,} images to learn from, so there is "
            "nothing to repair by. Were these images prepared as those of the study, in size and range?",
            slug="repair-undetected",
        )
    with use_language("en"):  # they are kept
        return (*made.sentences(tr("images to learn from")), *made.looseness())
