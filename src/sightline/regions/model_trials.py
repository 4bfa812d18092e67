"""images with areas hidden → what a model says of them: what searches for regions and for concepts share."""

from collections.abc import Iterable, Iterator
from itertools import groupby, islice

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._batch_sizes import choose_batch_size
from sightline._resize import resize_nearest
from sightline._scales import are_probabilities, log_odds
from sightline.engine.fills import Surroundings, draw_area
from sightline.engine.image import channels_last
from sightline.regions.segment_looks import LOOKED_AT
from sightline.types import Model

Image = Shaped[np.ndarray, "..."]


def hide_area(image: Image, hole: Bool[np.ndarray, "H W"]) -> Image:
    """The image with a hole that shows a blur of what surrounds it; of a large one, of every nth pixel."""
    step = max(1, min(hole.shape) // LOOKED_AT)
    small = hole[::step, ::step]
    if step > 1 and small.any():
        draw = resize_nearest(draw_area(image[::step, ::step], small, Surroundings())[0], hole.shape)
    else:
        draw = draw_area(image, hole, Surroundings())[0]
    return np.where(hole[..., np.newaxis], draw, channels_last(image)).reshape(image.shape)


def ask_images(
    model: Model, images: Iterable[Image], batch_size: int | None = None
) -> Iterator[Float[np.ndarray, "L"]]:
    """What a model says of images, one by one in their order; those that follow each other share batches.

    Parameters
    ----------
    model : Model
    images : iterable of array
        Made when a batch needs them: no more than one is in memory.
    batch_size : int, optional
        Most images in one call.
    """
    for _, alike in groupby(images, key=lambda image: (image.shape, image.dtype)):
        run, size = iter(alike), None
        while first := list(islice(run, 1)):
            size = size or choose_batch_size(batch_size, model, first[0])
            yield from np.asarray(model(np.stack([*first, *islice(run, size - 1)])), dtype=np.float64)


def as_evidence(said: Float[np.ndarray, "M L"], model: Model) -> Float[np.ndarray, "M L"]:
    """Answers on the scale that evidence adds up on: log-odds, where scores are probabilities."""
    if getattr(model, "scale", "probability") == "log-odds":
        return said
    return log_odds(said) if are_probabilities(said) else said
