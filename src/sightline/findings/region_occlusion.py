"""images and regions → what models say with each region hidden, and with as much hidden elsewhere."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._batch_sizes import choose_batch_size
from sightline._scales import are_probabilities, log_odds, unscaled_scores
from sightline.engine.fills import Blur, Colour, Donors, Noise, draw_area
from sightline.engine.image import channels_last
from sightline.regions.margins import control_areas
from sightline.types import Fill, Model, record

EVERYWHERE = (Blur, Colour, Donors, Noise)
"""Fills that look the same whatever the segments are: made once for an image."""

Image = Shaped[np.ndarray, "..."]
Question = tuple[int, tuple[str, int], Image]
"""Place of an image, what was done to it, and the image that comes of it."""


@record
class Probe:
    """An image to ask about.

    Parameters
    ----------
    place : int
        Where the image is in its data: different for each.
    image : array
    masks : bool array, shape (R, H, W)
        Pixels of each region.
    variants : iterable of (str, array)
        Other images to ask about with it, each with the name of its kind.
    exchanged : iterable of (int, array)
        Images in which the first region is not hidden but exchanged, as a property of the whole image is: it
        has no mask then. Numbered 0, as often as there are draws, then other changes from 1 up.
    """

    place: int
    image: Image
    masks: Bool[np.ndarray, "R H W"]
    variants: Iterable[tuple[str, Image]] = ()
    exchanged: Iterable[tuple[int, Image]] = ()


@record
class RegionScores:
    """What a model said of one image: as it is, with each region hidden, with as much elsewhere.

    Parameters
    ----------
    place : int
    full : float array, shape (L,)
        Score of each class, for the image as it is.
    hidden : float array, shape (H, L)
        With each region hidden; the mean over the draws of the fill. H is R, or 0 where it was not asked for.
    controls : float array, shape (R, P, L)
        With an equal area elsewhere hidden, P times.
    variants : dict of str to float array, shape (D, L)
        For the other images, kind by kind.
    calls : int
        Images that the model was given for this.
    log_odds : RegionScores or None
        The same in log-odds, from a model that says them; None from any other.
    """

    place: int
    full: Float[np.ndarray, "L"]
    hidden: Float[np.ndarray, "H L"]
    controls: Float[np.ndarray, "R P L"]
    variants: dict[str, Float[np.ndarray, "D L"]]
    calls: int
    log_odds: "RegionScores | None" = None

    @property
    def evidence(self) -> "RegionScores":
        """On the scale that pieces of evidence add up on: log-odds where scores are probabilities."""
        if self.log_odds is not None or not are_probabilities(self.full):
            return self.log_odds or self
        hidden, controls = (
            log_odds(scores.reshape(-1, self.full.size)).reshape(scores.shape)
            for scores in (self.hidden, self.controls)
        )
        full = log_odds(self.full[np.newaxis])[0]
        return RegionScores(self.place, full, hidden, controls, {}, self.calls)


def occlude_regions(
    probes: Iterable[Probe],
    models: Sequence[Model],
    fill: Fill,
    *,
    controls: int,
    seed: int,
    batch_size: int | None = None,
    own: bool = True,
) -> Iterator[tuple[RegionScores, ...]]:
    """Ask models about images with each region hidden; the answers about one image are yielded at a time.

    Each image is made once and given to all models; several images' worth go in one batch. The region and
    the rest of the image are the two segments that the fill is given.

    Parameters
    ----------
    probes : iterable of Probe
        They are taken one by one.
    models : sequence of CheckedModel
        Of those that can say log-odds (`sightline._scales.with_evidence`) both are told.
    fill : Fill
        What hidden looks like; several draws of it are averaged.
    controls : int
        P, how many controls: equal areas elsewhere that are hidden.
    seed : int
        Which controls: for an image always the same ones, whatever the other images are.
    batch_size : int, optional
        Most images in one model call.
    own : bool
        Whether the regions themselves are hidden, too, and not their controls alone.
    """
    questions = chain.from_iterable(
        _occlusion_questions(probe, fill, controls, seed, own) for probe in probes
    )
    for place, group in groupby(model_answers(questions, models, batch_size), key=lambda answer: answer[0]):
        _, keys, scores = zip(*group, strict=True)
        yield tuple(
            _scores_and_odds(place, keys, each, own + controls, own, model)
            for each, model in zip(zip(*scores, strict=True), models, strict=True)
        )


def _occlusion_questions(probe: Probe, fill: Fill, controls: int, seed: int, own: bool) -> Iterator[Question]:
    yield probe.place, ("full", 0), probe.image
    rng = np.random.default_rng((seed, probe.place))
    holes = [hole for mask in probe.masks for hole in (mask, *control_areas(mask, controls, rng))[not own :]]
    start = 0
    for number, image in probe.exchanged:
        start = number + 1
        yield probe.place, ("hidden", number), image
    for number, image in occluded_images(probe.image, holes, fill):
        yield probe.place, ("hidden", start + number), image
    for number, (kind, image) in enumerate(probe.variants):
        yield probe.place, (kind, number), image


def model_answers(
    questions: Iterable[Question], models: Sequence[Model], batch_size: int | None
) -> Iterator[tuple[int, tuple[str, int], list[Float[np.ndarray, "L"]]]]:
    """All models' scores in order; images that follow each other and are alike go in one batch."""
    for _, alike in groupby(questions, key=lambda question: (question[2].shape, question[2].dtype)):
        run = iter(alike)
        first = next(run)
        size = min(choose_batch_size(batch_size, model, first[2]) for model in models)
        run = chain([first], run)
        while batch := list(islice(run, size)):
            images = np.stack([image for _, _, image in batch])
            # A copy each: a model may change what it is given.
            said = [np.asarray(model(images.copy()), dtype=np.float64) for model in models]
            for (place, key, _), *scores in zip(batch, *said, strict=True):
                yield place, key, scores


def _scores_and_odds(
    place: int,
    keys: Sequence[tuple[str, int]],
    said: Sequence[Float[np.ndarray, "L"]],
    holes: int,
    own: bool,
    model: Model,
) -> RegionScores:
    """One model's scores of one image, with the log-odds where it said those."""
    if getattr(model, "scale", "probability") != "log-odds":
        return _region_scores(place, keys, said, holes, own)
    scores = _region_scores(place, keys, [unscaled_scores(one) for one in said], holes, own)
    return dataclasses.replace(scores, log_odds=_region_scores(place, keys, said, holes, own))


def _region_scores(
    place: int,
    keys: Sequence[tuple[str, int]],
    scores: Sequence[Float[np.ndarray, "L"]],
    holes: int,
    own: bool,
) -> RegionScores:
    """One model's scores of one image, gathered; of each region there are as many holes."""
    kinds: dict[str, dict[int, list[Float[np.ndarray, "L"]]]] = {}
    for (kind, number), one in zip(keys, scores, strict=True):
        kinds.setdefault(kind, {}).setdefault(number, []).append(one)
    means = {
        kind: np.array([np.mean(draws, axis=0) for draws in answers.values()])
        for kind, answers in kinds.items()
    }
    full = means.pop("full")[0]
    hidden = means.pop("hidden").reshape(-1, holes, full.size)
    return RegionScores(place, full, *_own_and_controls(hidden, own), means, len(keys))


def _own_and_controls(
    said: Float[np.ndarray, "R V L"], own: bool
) -> tuple[Float[np.ndarray, "H L"], Float[np.ndarray, "R P L"]]:
    """What was said with each region hidden, if asked for, and with equal areas elsewhere hidden."""
    return (said[:, 0], said[:, 1:]) if own else (said[:0, 0], said)


def occluded_images(
    image: Image, holes: Sequence[Bool[np.ndarray, "H W"]], fill: Fill
) -> Iterator[tuple[int, Image]]:
    """The image with one hole after the other that shows the fill, each with its number; each draw is one."""
    pixels, draws = channels_last(image), None
    for number, hole in enumerate(holes):
        if draws is None or not isinstance(fill, EVERYWHERE):
            draws = draw_area(image, hole, fill)
        for draw in draws:
            yield number, np.where(hole[..., np.newaxis], draw, pixels).reshape(image.shape)
