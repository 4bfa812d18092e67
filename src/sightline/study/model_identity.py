"""model and a few images → what it says of them and a digest of its weights, by which it is known again.

Of an image as it is, a model may well say 0 or 1 and nothing between, and so may another. So each is also
asked about half of one image beside half of another, two images mixed, and noise: there, two models that
look at different things differ.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from sightline._batch_sizes import ask_in_batches
from sightline._digests import combined_digest, image_digest
from sightline.adapters.checked_model import CheckedModel
from sightline.errors import ImageError, warn
from sightline.study.manifest import ReferencePrediction
from sightline.types import Backend

Image = Shaped[np.ndarray, "..."]

BATCH = 8
"""Images in a call where the model does not say."""
DIGESTED = 1 << 18
"""Numbers of each weight that are digested."""


def reference_predictions(
    model: CheckedModel, images: Mapping[int, Image], scores: Mapping[int, Float[np.ndarray, "L"]]
) -> tuple[ReferencePrediction, ...]:
    """What a model says of a few images, given by their places, and of images made of them."""
    plain = [
        ReferencePrediction.from_scores(place, scores[place], image=image_digest(image))
        for place, image in images.items()
    ]
    varied = _varied_images(images)
    answers = ask_in_batches(model, varied.values(), model.batch_size or BATCH)
    return (
        *plain,
        *(
            ReferencePrediction.from_scores(place, one, kind)
            for (place, kind), one in zip(varied, answers, strict=True)
        ),
    )


def first_mismatch(
    model: CheckedModel, known: Sequence[ReferencePrediction], images: Mapping[int, Image]
) -> tuple[ReferencePrediction, Float[np.ndarray, "L"]] | None:
    """The first of what was said that a model does not say now, and what it says; None if it is the same.

    An image that is missing from `images`, or no longer the same, tells nothing of the model.
    """
    whole = True
    for one in (one for one in known if not one.kind):
        image = images.get(one.place)
        if image is None or (one.image and image_digest(image) != one.image):
            whole = False
            continue
        scores = scores_of_image(model, image)
        if not one.matches(scores):
            return one, scores
    varied = _varied_images(images) if whole else {}
    asked = [one for one in known if (one.place, one.kind) in varied]
    wanted = [varied[one.place, one.kind] for one in asked]
    answers = ask_in_batches(model, wanted, model.batch_size or BATCH)
    for one, scores in zip(asked, answers, strict=True):
        if not one.matches(scores):
            return one, scores
    return None


def scores_of_image(model: CheckedModel, image: Image) -> Float[np.ndarray, "L"]:
    """Every class's score of one image."""
    scores: Float[np.ndarray, "L"] = model(np.array(image[np.newaxis], order="C"))[0]
    return scores


def check_steady(place: int, first: Image, second: Image) -> None:
    """Refuse data whose image at a place is another one each time that it is asked for.

    Raises
    ------
    ImageError
    """
    if image_digest(first) != image_digest(second):
        raise ImageError(
            f"image {place} has other pixels each time that it is asked for: the data set changes its images "
            "at random, as to train with. What is explained could never be looked at again. Give it without "
            "that: transforms that draw no random numbers, as you test with.",
            slug="data-random",
        )


def _varied_images(images: Mapping[int, Image]) -> dict[tuple[int, str], Image]:
    """Images made of each and of the one that differs most from it, and noise."""
    varied: dict[tuple[int, str], Image] = {}
    for place, image in images.items():
        alike = [one for one in images.values() if (one.shape, one.dtype) == (image.shape, image.dtype)]
        others = [*alike, image[::-1, ::-1]]
        other = others[int(np.argmax([_distance(image, one) for one in others]))]
        height, width = image.shape[:2]
        top, left = other.copy(), other.copy()
        top[: (height + 1) // 2] = image[: (height + 1) // 2]
        left[:, : (width + 1) // 2] = image[:, : (width + 1) // 2]
        mixed = (image.astype(np.float64) + other) / 2
        noise = np.random.default_rng(place).random(image.shape)
        low, high = float(min(image.min(), other.min())), float(max(image.max(), other.max()))
        made = {"top": top, "left": left, "mixed": mixed, "noise": low + (high - low) * noise}
        varied |= {(place, kind): one.astype(image.dtype) for kind, one in made.items()}
    return varied


def _distance(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(np.float64) - other).mean())


def weights_digest(model: CheckedModel) -> str:
    """A digest of a model's weights; empty where they cannot be had cheaply, as those of a function.

    Examples
    --------
    >>> from sightline.adapters import as_model
    >>> weights_digest(as_model(lambda images: images.mean((1, 2))))
    ''
    """
    parts: list[str | Image] = []
    try:
        for weight in _weights_of(model.backend):
            parts += [f"{weight.shape} {weight.dtype}", weight.reshape(-1)[:DIGESTED]]
    except Exception:  # a framework's own class may refuse anything; then it is known by its answers alone
        return ""
    return combined_digest(parts) if parts else ""


def warn_other_weights(folder: object, references: int) -> None:
    """Say that weights differ where answers do not."""
    warn(
        f"the weights of this model are not those of the model of the study in {folder}, though it says the "
        f"same of {references} images. If it was trained further or is another one, give the new study a "
        "folder of its own; if it was only converted, all is well.",
        slug="study-other-weights",
    )


def _weights_of(backend: Backend) -> Iterator[Image]:
    inner = getattr(backend, "model", None)
    if isinstance(inner, CheckedModel):
        yield from _weights_of(inner.backend)
        return
    sources: list[Any] = [getattr(backend, name, None) for name in ("module", "model", "estimator")]
    for source in sources:
        if hasattr(source, "state_dict"):
            torch = sys.modules["torch"]
            for tensor in source.state_dict().values():
                if isinstance(tensor, torch.Tensor):
                    flat = tensor.detach().reshape(-1)[:DIGESTED].cpu().contiguous()
                    yield flat.view(torch.uint8).numpy()
        elif hasattr(source, "get_weights"):
            yield from map(np.asarray, source.get_weights())
        elif source is not None:
            yield from _arrays_in(source, {})


def _arrays_in(value: Any, seen: dict[int, Any]) -> Iterator[Image]:
    """All arrays of numbers that an estimator holds, in a fixed order."""
    if id(value) in seen:
        return
    seen[id(value)] = value  # kept, or another value may get its id
    if isinstance(value, np.ndarray) and value.dtype.names:
        for name in value.dtype.names:  # field by field: what lies between them is not set
            yield np.ascontiguousarray(value[name])
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield value
    elif isinstance(value, list | tuple | np.ndarray):
        for one in value:
            yield from _arrays_in(one, seen)
    elif isinstance(value, dict):
        for name in sorted(value, key=str):
            yield from _arrays_in(value[name], seen)
    elif type(value).__module__.split(".")[0] in ("sklearn", "scipy"):
        state = value.__getstate__() if hasattr(value, "__getstate__") else vars(value)
        yield from _arrays_in(state, seen)
