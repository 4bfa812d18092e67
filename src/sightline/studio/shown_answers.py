"""the answers that a person may look at while drawing → shares of regions in them, and mean maps.

The store is read once, and asked again only where that is more than a page should hold.
"""

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from sightline import render
from sightline.findings.class_strata import ClassStrata
from sightline.findings.heatmaps import (
    RunningMean,
    image_if_readable,
    resize_keeping_sums,
    resize_rgb,
    size_within,
)
from sightline.regions.region_set import Regions
from sightline.reports.image_data import encode_image, heat_map
from sightline.reports.summary import ImageData, Interval
from sightline.studio.drawn_regions import shown_while_drawing
from sightline.study.schema import StudyResults
from sightline.types import record

MOST_BYTES = 64_000_000
"""Of segments, so many are held; of more the store is read again for each question."""
MOST_IMAGES = 200
"""Images, at most, that a mean image is made of."""
SIDE = 256
"""Most pixels of a side of what is drawn over."""
MAPS = ("mean", "wrong", "right", "difference")
"""What can be drawn over beside a single image."""


class _Answer(NamedTuple):
    """Of one answer: its class, whether it is right, its segments, and their shares of the attribution."""

    place: int
    predicted: int
    right: bool
    labels: Int[np.ndarray, "H W"]
    shares: Float[np.ndarray, "S"]


@record
class RegionShare:
    """How much of the attribution lies in a region, in right and in wrong answers.

    Parameters
    ----------
    name : str
    area : float
        Share of the image; of regions that each image has its own of, the mean.
    right, wrong : Interval
        Mean share of an answer's attribution towards the predicted class: from −1 to 1, as segments that
        speak against the class count below 0. Its ends are nan for fewer than two answers.
    apart : Interval
        What wrong answers have more than right ones of the same predicted class; nan where no class has both.
    """

    name: str
    area: float
    right: Interval
    wrong: Interval
    apart: Interval


class ShownAnswers:
    """The half of a study's answers that a person may look at while drawing.

    Parameters
    ----------
    study : StudyResults
        As it is now; of one that has grown, another is made.
    """

    def __init__(self, study: StudyResults) -> None:
        self.study = study
        self.shown: Bool[np.ndarray, "N"] = shown_while_drawing(study.ids)
        self.places: Int[np.ndarray, "n"] = study.places[self.shown]
        self.wrong: Bool[np.ndarray, "n"] = (study.labels != study.predicted)[self.shown]
        self._held: list[_Answer] | None = None
        self._too_many = False
        self._shares: dict[tuple[str, bytes], RegionShare] = {}
        self._maps: dict[str, ImageData | None] = {}

    def answers(self) -> Iterator[_Answer]:
        """Each of them, from memory where that holds them all."""
        if self._held is not None:
            yield from self._held
            return
        known: dict[tuple[tuple[int, ...], bytes], Int[np.ndarray, "H W"]] = {}
        held: list[_Answer] = []
        allowed, size = set(self.places.tolist()), 0
        for row in self.study.rows():
            if row.place not in allowed:
                continue
            small = row.segments.labels.astype(np.min_scalar_type(row.segments.count))
            # Images that are cut alike share one map: a grid's is held once.
            labels = known.setdefault((small.shape, small.tobytes()), small)
            size += small.nbytes if labels is small else 0
            values = row.values()
            made = _Answer(
                row.place, row.predicted, row.right, labels, values / max(float(np.abs(values).sum()), 1e-300)
            )
            if size > MOST_BYTES:
                self._too_many, held, known = True, [], {}
            elif not self._too_many:
                held.append(made)
            yield made
        if not self._too_many:
            self._held = held

    def region_shares(self, regions: Regions) -> tuple[RegionShare, ...]:
        """How much of the attribution lies in each of some regions; nothing is worked out twice."""
        if not len(regions):
            return ()
        keys = [self._key_of(regions, name) for name in regions.names]
        missing = [name for name, key in zip(regions.names, keys, strict=True) if key not in self._shares]
        if missing:
            some = regions[missing]
            for name, made in zip(missing, self._read_shares(some), strict=True):
                self._shares[self._key_of(regions, name)] = made
        return tuple(self._shares[key] for key in keys)

    def _key_of(self, regions: Regions, name: str) -> tuple[str, bytes]:
        """A region's name and its pixels; of one that each image has its own of, whose it is."""
        if regions.shared and len(self.places):
            return name, np.packbits(regions[name].masks(self.shape)).tobytes()
        return name, str(id(regions.shapes)).encode()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the first image."""
        first = next(self.answers())
        return first.labels.shape[0], first.labels.shape[1]

    @functools.cached_property
    def sizes(self) -> int:
        """How many sizes the images have."""
        return len({one.labels.shape for one in self.answers()})

    def _read_shares(self, regions: Regions) -> list[RegionShare]:
        """Read every answer once."""
        count = len(regions)
        kinds = {right: RunningMean((count,)) for right in (True, False)}
        areas = RunningMean((count,))
        strata = ClassStrata(
            self.study.labels[self.shown].tolist(), self.study.predicted[self.shown].tolist()
        ).means((count,))
        within: dict[int, Float[np.ndarray, "R S"]] = {}
        for one in self.answers():
            key = id(one.labels) if self._held is not None and regions.shared else -1
            inside = within.get(key)
            if inside is None:
                inside = self._within(regions, one)
                if key != -1:
                    within[key] = inside
            sums = inside @ one.shares
            kinds[one.right].add(sums)
            strata.add(one.predicted, one.right, sums)
            areas.add(inside @ np.bincount(one.labels.ravel()) / one.labels.size)
        apart = strata.difference()
        return [
            RegionShare(
                name,
                float(areas.mean[place]),
                _mean_interval(kinds[True], place),
                _mean_interval(kinds[False], place),
                Interval(math.nan)
                if apart is None
                else _interval(float(apart.mean[place]), float(apart.error[place])),
            )
            for place, name in enumerate(regions.names)
        ]

    def _within(self, regions: Regions, one: _Answer) -> Float[np.ndarray, "R S"]:
        image = self.study.image(one.place) if regions.needs_image else None
        return shares_within(regions, one.labels, one.place, image)

    def under(self, kind: str) -> ImageData | None:
        """What is drawn over: the mean image, or the mean attribution over it; None where there is none."""
        if kind not in self._maps:
            self._maps.update(self._draw_maps())
        return self._maps[kind]

    def image_under(self, place: int) -> ImageData | None:
        """One of the images, to be drawn over; None if it is not one of these, or cannot be read."""
        if place not in self.places.tolist():
            return None
        image = image_if_readable(self.study, place)
        return None if image is None else encode_image(render.fit_to_size(image, SIDE))

    def segments_of(self, place: int) -> Int[np.ndarray, "H W"] | None:
        """The segments of one of the images; None if it is not one of these."""
        return self.study.row(place).segments.labels if place in self.places.tolist() else None

    @functools.cached_property
    def common_segments(self) -> int | None:
        """The place of an image whose segments all others have, too; None where each is cut its own way."""
        first: _Answer | None = None
        for one in self.answers():
            first = first or one
            if one.labels is not first.labels:
                return None
        return None if first is None else first.place

    def _draw_maps(self) -> dict[str, ImageData | None]:
        if not len(self.places):
            return dict.fromkeys(MAPS)
        shape = size_within(self.shape, SIDE)
        kinds = {right: RunningMean(shape) for right in (True, False)}
        labels, predicted = self.study.labels[self.shown], self.study.predicted[self.shown]
        strata = ClassStrata(labels.tolist(), predicted.tolist()).means(shape)
        for one in self.answers():
            areas = np.bincount(one.labels.ravel())
            heat = resize_keeping_sums((one.shares / areas)[one.labels], shape)
            kinds[one.right].add(heat)
            strata.add(one.predicted, one.right, heat)
        image = self._mean_image(shape)
        apart = strata.difference()
        maps = {"right": kinds[True], "wrong": kinds[False]}
        limit = max((render.scale_limit(one.mean) for one in maps.values() if one.count), default=0.0)
        made: dict[str, ImageData | None] = {
            name: heat_map(name, one.count, one.mean, image, limit, name).overlay if one.count else None
            for name, one in maps.items()
        }
        made["mean"] = None if image is None else encode_image(render.fit_to_size(image, SIDE))
        made["difference"] = (
            None
            if apart is None
            else heat_map(
                "difference",
                0,
                apart.mean,
                image,
                render.scale_limit(apart.mean),
                "difference",
                ~apart.significant,
            ).overlay
        )
        return made

    def _mean_image(self, shape: tuple[int, int]) -> Float[np.ndarray, "H W 3"] | None:
        chosen = np.unique(np.linspace(0, len(self.places) - 1, MOST_IMAGES).astype(int))
        seen = RunningMean((*shape, 3))
        for place in self.places[chosen].tolist():
            image = image_if_readable(self.study, place)
            if image is not None:
                seen.add(resize_rgb(image, shape))
        return np.asarray(seen.mean) if seen.count else None


def _mean_interval(seen: RunningMean, place: int) -> Interval:
    if not seen.count:
        return Interval(math.nan)
    return _interval(float(seen.mean[place]), float(seen.error[place]), seen.count - 1)


def _interval(value: float, error: float, freedom: float = math.inf) -> Interval:
    """A mean with its 95 % interval, by Student's t; of any number of degrees of freedom, also of all."""
    from scipy.special import stdtrit

    if not math.isfinite(error):
        return Interval(value)
    reach = error * float(stdtrit(freedom, 0.975))
    return Interval(value, value - reach, value + reach)


def shares_within(
    regions: Regions, labels: Integer[np.ndarray, "H W"], place: int, image: object = None
) -> Float[np.ndarray, "R S"]:
    """Which share of each segment's pixels lies in each region.

    Examples
    --------
    >>> from sightline.regions import grid
    >>> shares_within(grid(1, 2), np.array([[0, 0, 0, 1]]), 0).round(2).tolist()
    [[0.67, 0.0], [0.33, 1.0]]
    """
    count = int(labels.max()) + 1
    masks = regions.masks((labels.shape[0], labels.shape[1]), place, image)
    counts = np.array([np.bincount(labels[mask], minlength=count) for mask in masks])
    return np.asarray(counts / np.bincount(labels.ravel(), minlength=count))
