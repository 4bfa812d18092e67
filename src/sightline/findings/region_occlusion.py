"""study and regions → what hiding each region did to each image, beside hiding as much elsewhere."""

from collections.abc import Iterable, Iterator
from itertools import groupby, islice

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline.engine.fills import Blur, Colour, Donors, Noise, draw_fill
from sightline.engine.image import channels_last
from sightline.regions.region_set import Regions
from sightline.study.schema import Row, StudyResults
from sightline.types import Fill, Model, Segments, record

EVERYWHERE = (Blur, Colour, Donors, Noise)
"""Fills that look the same whatever the segments are: made once for an image."""


@record
class RegionScores:
    """One image and what the model said of it: as it is, with each region hidden, with as much elsewhere.

    Parameters
    ----------
    row : Row
        What the study knows of the image.
    full : float array, shape (L,)
        Score of each class, for the image as it is.
    there : float array, shape (R, L)
        With each region hidden.
    elsewhere : float array, shape (R, P, L)
        With an equal area elsewhere hidden, P times.
    calls : int
        Images that the model was given for this.
    """

    row: Row
    full: Float[np.ndarray, "L"]
    there: Float[np.ndarray, "R L"]
    elsewhere: Float[np.ndarray, "R P L"]
    calls: int


def occlude_regions(
    study: StudyResults,
    regions: Regions,
    rows: Iterable[Row],
    model: Model,
    *,
    how: Fill,
    spots: int,
    seed: int,
    batch_size: int,
) -> Iterator[RegionScores]:
    """Ask the model about some images of a study with each region hidden; one image is yielded at a time.

    Images for several images go to the model in one batch. A region hides as the plan's segments do: it
    and the rest of the image are the two segments that the fill is given.

    Parameters
    ----------
    study : Study
    regions : Regions
    rows : iterable of Row
        What the study knows of the images to ask about; they are taken one by one.
    model : CheckedModel
    how : Fill
        What hidden looks like; several draws of it are averaged.
    spots : int
        P, how many places of equal area to hide elsewhere.
    seed : int
        Which places: for an image always the same ones, whatever the other images are.
    batch_size : int
        Most images in one model call.
    """

    def images() -> Iterator[tuple[_Asked, int, Shaped[np.ndarray, "..."]]]:
        for row in rows:
            image = study.image(row.place)
            masks = regions.masks(image.shape[:2], row.place)
            asked = _Asked(row, masks)
            yield asked, 0, image
            rng = np.random.default_rng((seed, row.place))
            holes = [hole for mask in masks for hole in (mask, *control_areas(mask, spots, rng))]
            for number, pixels in occluded_images(image, holes, how):
                yield asked, number, pixels

    answered = _answers(model, images(), batch_size)
    for asked, group in groupby(answered, key=lambda answer: answer[0]):
        answers = list(group)
        scores = _averaged(answers)
        there = scores[1:].reshape(len(asked.masks), 1 + spots, -1)
        yield RegionScores(
            row=asked.row,
            full=scores[0],
            there=there[:, 0],
            elsewhere=there[:, 1:],
            calls=len(answers),
        )


@record
class _Asked:
    """An image whose answers are awaited."""

    row: Row
    masks: Bool[np.ndarray, "R H W"]


def occluded_images(
    image: Shaped[np.ndarray, "..."], holes: list[Bool[np.ndarray, "H W"]], how: Fill
) -> Iterator[tuple[int, Shaped[np.ndarray, "..."]]]:
    """The image with one hole after the other that shows the fill, from 1 on; each draw is an image."""
    pixels, draws = channels_last(image), None
    for number, hole in enumerate(holes, start=1):
        if draws is None or not isinstance(how, EVERYWHERE):
            draws = draw_fill(image, Segments.renumber(hole), how)
        for draw in draws:
            yield number, np.where(hole[..., np.newaxis], draw, pixels).reshape(image.shape)


def control_areas(
    mask: Bool[np.ndarray, "H W"], spots: int, rng: np.random.Generator
) -> list[Bool[np.ndarray, "H W"]]:
    """Areas as large as a region, apart from it: its shape moved, else what lies nearest to a random pixel.

    Where the rest of the image is smaller than the region, the rest is taken.
    """
    free = ~mask
    if not mask.any() or not free.any():
        return [np.zeros_like(mask)] * spots
    moves = _clear_shifts(mask)
    if len(moves):
        return [_moved(mask, moves[which]) for which in rng.integers(len(moves), size=spots)]
    return [_nearest_free(free, int(mask.sum()), rng) for _ in range(spots)]


def _clear_shifts(mask: Bool[np.ndarray, "H W"]) -> Int[np.ndarray, "M 2"]:
    """Steps down and across that keep a region within the image and bring it clear of where it was."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    down = np.arange(-rows[0], mask.shape[0] - rows[-1])
    across = np.arange(-columns[0], mask.shape[1] - columns[-1])
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float64)
    from scipy.signal import fftconvolve

    # Pixels that the region shares with itself, moved: valid correlation of the image with the region.
    shared = fftconvolve(mask.astype(np.float64), box[::-1, ::-1], mode="valid")
    free = np.argwhere(shared < 0.5)
    return np.asarray(free + np.array([down[0], across[0]]))


def _moved(mask: Bool[np.ndarray, "H W"], step: Int[np.ndarray, "2"]) -> Bool[np.ndarray, "H W"]:
    # It stays within the image, so nothing comes back in at the other side.
    return np.roll(mask, tuple(step), axis=(0, 1))


def _nearest_free(
    free: Bool[np.ndarray, "H W"], area: int, rng: np.random.Generator
) -> Bool[np.ndarray, "H W"]:
    """Up to `area` free pixels, the nearest to one of them drawn at random."""
    where = np.argwhere(free)
    far = ((where - where[rng.integers(len(where))]) ** 2).sum(axis=1)
    hole = np.zeros_like(free)
    hole[tuple(where[np.argsort(far, kind="stable")[:area]].T)] = True
    return hole


def _answers(
    model: Model,
    images: Iterable[tuple[_Asked, int, Shaped[np.ndarray, "..."]]],
    batch_size: int,
) -> Iterator[tuple[_Asked, int, Float[np.ndarray, "L"]]]:
    """The scores of images in order; those that follow each other and are alike go in one batch."""
    alike = groupby(images, key=lambda item: (item[2].shape, item[2].dtype))
    for _, run in alike:
        while batch := list(islice(run, batch_size)):
            scores = np.asarray(model(np.stack([image for _, _, image in batch])), dtype=np.float64)
            for (asked, number, _), one in zip(batch, scores, strict=True):
                yield asked, number, one


def _averaged(
    answers: Iterable[tuple[_Asked, int, Float[np.ndarray, "L"]]],
) -> Float[np.ndarray, "A L"]:
    """The mean score of each numbered hole over the draws of its fill."""
    numbered = groupby(answers, key=lambda answer: answer[1])
    return np.array([np.mean([score for _, _, score in draws], axis=0) for _, draws in numbered])
