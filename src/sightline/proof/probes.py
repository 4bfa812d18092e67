"""held-out images and two models → what both say: as they are, with regions hidden, swapped and moved."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._scales import are_probabilities, with_evidence
from sightline.data.datasets import Subset
from sightline.engine.image_properties import PROPERTIES, UnitScales, other_change
from sightline.findings.region_effects import class_evidence
from sightline.findings.region_occlusion import (
    Probe,
    RegionScores,
    occlude_regions,
    occluded_images,
)
from sightline.regions.margins import control_areas
from sightline.regions.region_set import Regions
from sightline.repair.region_swap import draw_donor, paste_region
from sightline.repair.repair_region import RepairProperty, RepairRegion
from sightline.types import Fill, Model, record

MOST_TRIES = 3
"""Donors that are looked at for each that has the region, where not every image has it."""
CONTENTS = ("same_class", "other_class", "moved")
"""What the region shows instead: that of an image of the own class, of another, its own at another place."""


@record
class Responses:
    """The classes that a model predicted for N images, R regions of which the first is the repaired one.

    Parameters
    ----------
    predicted : int array, shape (N,)
        Of the images as they are.
    hidden : int array, shape (N, R)
        With each region hidden; the mean score over draws of the fill decides.
    controls : int array, shape (N, R, P)
        With an equal area elsewhere hidden.
    contents : dict of str to float array, shape (N,)
        Share of right answers with another content of the repaired region, see `CONTENTS`; nan where it
        could not be replaced, such as by that of images of another size.
    evidence, hidden_evidence : float array, shape (N,)
        For the true class, as the image is and with the repaired region hidden.
    calls : int
        Images that the model was given.
    """

    predicted: Int[np.ndarray, "N"]
    hidden: Int[np.ndarray, "N R"]
    controls: Int[np.ndarray, "N R P"]
    contents: dict[str, Float[np.ndarray, "N"]]
    evidence: Float[np.ndarray, "N"]
    hidden_evidence: Float[np.ndarray, "N"]
    calls: int


@record
class Probes:
    """What to ask about each held-out image; always the same.

    Parameters
    ----------
    data : Subset
        The images.
    region : RepairRegion
        The repaired one with its margin.
    others : tuple of Regions
        Regions to report on besides.
    fill : Fill
        What hidden looks like.
    controls : int
        Equal areas elsewhere, donors and places moved to, for each image.
    seed : int
    donors : tuple of int array
        Of a property of the whole image: for each image those whose value it is given, for hidden.
    """

    data: Subset
    region: RepairRegion
    others: tuple[Regions, ...]
    fill: Fill
    controls: int
    seed: int
    donors: tuple[Int[np.ndarray, "_"], ...] = ()

    def __iter__(self) -> Iterator[Probe]:
        for place in range(len(self.data)):
            image, index = self.data[place][0], self.data.root_index(place)
            if isinstance(self.region, RepairProperty):
                yield self._property_probe(self.region, place, image, index)
                continue
            masks = self._own_mask(place, image)[np.newaxis]
            more = [one.masks(image.shape[:2], index, image) for one in self.others]
            masks = np.concatenate([masks, *more])
            yield Probe(place, image, masks, self._content_variants(place, image, masks[0]))

    @property
    def other_names(self) -> tuple[str, ...]:
        """Names of the regions that are reported on besides."""
        return tuple(name for one in self.others for name in one)

    def _own_mask(self, place: int, image: Shaped[np.ndarray, "..."]) -> Bool[np.ndarray, "H W"]:
        """The repaired region of one of the images."""
        return self.region.mask(image.shape[:2], self.data.root_index(place), image)

    def _property_probe(
        self, which: RepairProperty, place: int, image: Shaped[np.ndarray, "..."], index: int
    ) -> Probe:
        """The image with other values of a property, and with other changes as large."""
        rng = np.random.default_rng((self.seed, place, 2))
        given = [
            which.exchanged(image, self.data[int(one)][0], rng)
            for one in rng.choice(self.donors[place], self.controls)
        ]
        scale = UnitScales.usual([image]).of(image)
        others = [other_change(PROPERTIES[which.name], image, one, scale, rng) for one in given]
        exchanged = [*((0, one) for one in given), *enumerate(others, start=1)]
        none = np.zeros((0, *image.shape[:2]), dtype=bool)
        masks = np.concatenate([none, *(one.masks(image.shape[:2], index, image) for one in self.others)])
        return Probe(place, image, masks, self._value_variants(which, place, image), exchanged)

    def _value_variants(
        self, which: RepairProperty, place: int, image: Shaped[np.ndarray, "..."]
    ) -> Iterator[tuple[str, Shaped[np.ndarray, "..."]]]:
        """The image with values of others of its own class, and of other classes."""
        rng, labels = np.random.default_rng((self.seed, place, 1)), self.data.labels
        for donors in CONTENTS[:2] if np.unique(labels).size > 1 else CONTENTS[:1]:
            for _ in range(self.controls):
                other = self.data[draw_donor(labels, int(labels[place]), donors, rng)][0]
                yield donors, which.exchanged(image, other, rng)

    def _content_variants(
        self, place: int, image: Shaped[np.ndarray, "..."], mask: Bool[np.ndarray, "H W"]
    ) -> Iterator[tuple[str, Shaped[np.ndarray, "..."]]]:
        """The image with other contents of the repaired region.

        Where each image has its own, a donor's is planted where the donor has it, and what takes the place of
        the image's own is the fill.
        """
        rng, labels = np.random.default_rng((self.seed, place, 1)), self.data.labels
        shared, without = self.region.regions.shared, image
        if not shared:
            without = next(hidden for _, hidden in occluded_images(image, [mask], self.fill))
        for donors in CONTENTS[:2] if np.unique(labels).size > 1 else CONTENTS[:1]:
            tries, made = 0, 0
            while made < self.controls and tries < self.controls * (1 if shared else MOST_TRIES):
                tries += 1
                other = draw_donor(labels, int(labels[place]), donors, rng)
                shown = self.data[other][0]
                planted = mask if shared else self._own_mask(other, shown)
                if shown.shape == image.shape and planted.any():
                    made += 1
                    yield donors, paste_region(without, planted, shown)
        for moved in move_content(image, mask, self.fill, self.controls, rng):
            yield "moved", moved


def exchange_donors(predicted: Int[np.ndarray, "N"], labels: Int[np.ndarray, "N"]) -> tuple[Any, ...]:
    """For each image the right answers of classes other than the one that it was called; else any others.

    Examples
    --------
    >>> exchange_donors(np.array([0, 0, 1, 1]), np.array([1, 0, 1, 1]))[0].tolist()
    [2, 3]
    """
    right, found = predicted == labels, {}
    for called in np.unique(predicted).tolist():
        others = np.flatnonzero(right & (predicted != called))
        others = others if len(others) > 1 else np.flatnonzero(predicted != called)
        found[called] = others if len(others) else np.arange(len(labels))
    return tuple(found[int(one)] for one in predicted)


def move_content(
    image: Shaped[np.ndarray, "..."],
    mask: Bool[np.ndarray, "H W"],
    fill: Fill,
    count: int,
    rng: np.random.Generator,
) -> Iterator[Shaped[np.ndarray, "..."]]:
    """The image with the region's content at a random place elsewhere, and the fill where it was.

    Nothing where the region is so large that it fits nowhere else.
    """
    hidden = [pixels for _, pixels in occluded_images(image, [mask], fill)]
    for number, hole in enumerate(control_areas(mask, count, rng)):
        step = tuple(np.argwhere(hole).min(axis=0) - np.argwhere(mask).min(axis=0)) if hole.any() else (0, 0)
        if not hole.any() or not (np.roll(mask, step, (0, 1)) == hole).all():
            return
        pixels = hidden[number % len(hidden)].copy()
        pixels[hole] = np.roll(image, step, (0, 1))[hole]
        yield pixels


def ask_models(
    probes: Probes, models: Sequence[Model], batch_size: int | None, tick: Callable[[int], None]
) -> list[Responses]:
    """What each model says; a batch at a time is in memory, and all are given the same images."""
    kept: list[_ResponseCollector] = [_ResponseCollector() for _ in models]
    answers = occlude_regions(
        probes,
        [with_evidence(model) for model in models],
        probes.fill,
        controls=probes.controls,
        seed=probes.seed,
        batch_size=batch_size,
    )
    for scores in answers:
        for each, one in zip(kept, scores, strict=True):
            each.add_scores(one, int(probes.data.labels[one.place]))
        tick(1)
    return [each.as_responses() for each in kept]


class _ResponseCollector:
    """What is kept of one model's scores, image by image."""

    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []
        self.calls = 0
        self.likely: bool | None = None

    def add_scores(self, one: RegionScores, label: int) -> None:
        if self.likely is None:
            self.likely = one.log_odds is not None or are_probabilities(one.full)
        said = one.evidence if self.likely else one
        evidence = class_evidence(np.stack([said.full, said.hidden[0]]), label, likely=self.likely)
        right = {kind: float((said.argmax(axis=1) == label).mean()) for kind, said in one.variants.items()}
        contents = [right.get(kind, np.nan) for kind in CONTENTS]
        self.lines.append(
            (one.full.argmax(), one.hidden.argmax(axis=-1), one.controls.argmax(axis=-1), contents, *evidence)
        )
        self.calls += one.calls

    def as_responses(self) -> Responses:
        full, hidden, controls, contents, *evidence = map(np.array, zip(*self.lines, strict=True))
        by_kind = dict(zip(CONTENTS, contents.T, strict=True))
        return Responses(full, hidden, controls, by_kind, evidence[0], evidence[1], self.calls)
