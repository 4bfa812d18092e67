"""images (B, H, W) or (B, H, W, C) → the one input that a model file or server declares."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt, prod
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline.errors import ModelError
from sightline.types import Backend

CHANNELS = (1, 3, 4)

Shape = tuple[int | None, ...] | None
Lengths = tuple[int | None, int | None, int | None]
"""Height, width and channels."""


@dataclass(frozen=True)
class InputSpec:
    """What a model says of its input.

    Parameters
    ----------
    name : str
    dtype : numpy dtype or None
        None where the model does not say: the images keep theirs.
    shape : tuple of int or None, or None
        A free length is None; the whole is None where the model does not say.
    """

    name: str
    dtype: np.dtype[Any] | None
    shape: Shape

    @property
    def fixed_batch(self) -> int | None:
        """The number of images that one call has to have, if it is fixed."""
        return self.shape[0] if self.shape else None

    def __str__(self) -> str:
        if self.shape is None:
            return f"input {self.name!r} of any shape"
        lengths = ", ".join("?" if length is None else str(length) for length in self.shape)
        return f"input {self.name!r} of shape ({lengths})"


def declared_shape(lengths: Sequence[object] | None) -> Shape:
    """The shape that a file or server tells, where free lengths are names, None or −1.

    Examples
    --------
    >>> declared_shape(["batch", 3, -1]), declared_shape([])
    ((None, 3, None), None)
    """
    return tuple(n if isinstance(n, int) and n > 0 else None for n in lengths) if lengths else None


MOST_AT_ONCE = 1 << 14
"""Images of a fixed batch: what is declared is filled up, and a file or server may declare anything."""


def only_input(
    inputs: Sequence[tuple[str, str, Shape]], dtypes: Mapping[str, np.dtype[Any]], model: str
) -> InputSpec:
    """The one input of a model, from name, type and shape of all of them.

    Raises
    ------
    ModelError
        If there is not exactly one, or it does not take numbers.
    """
    if len(inputs) != 1:
        named = ", ".join(repr(name) for name, _, _ in inputs)
        raise ModelError(
            f"{model} has {len(inputs)} inputs ({named}), but a model of images takes one. "
            "Give a function that fills the others.",
            slug="model-signature",
        )
    ((name, kind, shape),) = inputs
    if kind not in dtypes:
        raise ModelError(
            f"the input {name!r} of {model} takes {kind}, which is not an image. Give a function that "
            "prepares the images.",
            slug="model-signature",
        )
    if shape and (shape[0] or 0) > MOST_AT_ONCE:
        raise ModelError(
            f"the input {name!r} of {model} takes exactly {shape[0]:,} images at once, which no batch can be "
            "filled up to. Export the model with a free or smaller batch.",
            slug="model-signature",
        )
    return InputSpec(name, dtypes[kind], shape)


def arrange_images(images: Shaped[np.ndarray, "B ..."], declared: InputSpec) -> Shaped[np.ndarray, "..."]:
    """The images in the axes and dtype that a model declares. Values are cast, never scaled.

    A 4-axis input is (N, C, H, W) or (N, H, W, C), whichever fits the images; where both or neither do,
    by which of its second and last axis has a length of 1, 3 or 4; where that does not decide either,
    (N, C, H, W). A 3-axis input is (N, H, W), a 2-axis input the flattened image.

    Raises
    ------
    ModelError
        If size, channels or dtype do not fit: nothing is resized, no channel is made up.
    """
    return np.ascontiguousarray(_arrange_axes(images, declared), dtype=_target_dtype(images.dtype, declared))


def describe_conversion(images: Shaped[np.ndarray, "B ..."], given: Shaped[np.ndarray, "..."]) -> str:
    """How images were handed over, in words."""
    if images.shape[1:] == given.shape[1:] and images.dtype == given.dtype:
        return f"images {images.shape[1:]} {images.dtype} given as they are"
    return (
        f"images {images.shape[1:]} {images.dtype} given as {given.shape[1:]} {given.dtype}, "
        "values not scaled"
    )


def in_batches(
    predict: Callable[[Any], list[Any] | Shaped[np.ndarray, "B ..."]],
    images: Shaped[np.ndarray, "B ..."],
    size: int | None,
) -> list[Any] | Shaped[np.ndarray, "B ..."]:
    """The answer to all images from a model that takes exactly `size` at a time, if that is fixed.

    The last batch is filled up with its last image, whose further answers are dropped.
    """
    if size is None or size == len(images):
        return predict(images)
    answers: list[Any] = []
    for start in range(0, len(images), size):
        part = images[start : start + size]
        missing = size - len(part)
        whole = np.concatenate([part, part[-1:].repeat(missing, axis=0)]) if missing else part
        answer = predict(whole)
        if len(answer) != size:
            return answer  # the check of answers tells what is wrong with it
        answers.extend(answer[: len(part)])
    return answers


class DeclaredInputModel(Backend):
    """A model that declares its one input: images are arranged for it, and told in its repr how.

    Subclasses set `input` and `batch_size`, and say what `_predict` and `_describe` do.
    """

    input: InputSpec
    is_costly = True
    _conversion = ""

    def __repr__(self) -> str:
        return self._describe() + (f", {self._conversion}" if self._conversion else "")

    def __call__(self, images: object) -> object:
        given = np.asarray(images)
        arranged = arrange_images(given, self.input)
        self._conversion = describe_conversion(given, arranged)
        return in_batches(self._predict, arranged, self._fixed_batch(len(arranged)))

    @property
    def image_lengths(self) -> Lengths | None:
        """As the input's shape tells."""
        return image_lengths_of(self.input.shape)

    def _describe(self) -> str:
        """What the model is called, and what its input is."""
        raise NotImplementedError

    def _predict(self, images: Shaped[np.ndarray, "B ..."]) -> list[Any] | Shaped[np.ndarray, "B ..."]:
        """The raw answer about images in the form and number that the input has."""
        raise NotImplementedError

    def _fixed_batch(self, count: int) -> int | None:
        """The number of images that each call has to have for `count` of them, if it is fixed."""
        return self.input.fixed_batch


def image_lengths_of(shape: Shape, *, channels_first: bool | None = None) -> Lengths | None:
    """Height, width and channels of the images that an input of a shape takes, as far as it tells.

    Parameters
    ----------
    shape : tuple of int or None, or None
        With the axis of the batch.
    channels_first : bool, optional
        Of four axes; by default as `arrange_images` guesses.

    Examples
    --------
    >>> image_lengths_of((None, 3, 32, 48)), image_lengths_of((None, 28, 28, 1)), image_lengths_of((1, 4096))
    ((32, 48, 3), (28, 28, 1), (64, 64, 1))
    """
    if shape is None or len(shape) not in (2, 3, 4):
        return None
    if len(shape) == 2:
        return square_lengths(shape[1])
    if len(shape) == 3:
        return shape[1], shape[2], 1
    last = shape[3] in CHANNELS and shape[1] not in CHANNELS if channels_first is None else not channels_first
    return (shape[1], shape[2], shape[3]) if last else (shape[2], shape[3], shape[1])


def square_lengths(count: int | None) -> Lengths | None:
    """Height, width and channels of the square image that has so many numbers, if there is one.

    Examples
    --------
    >>> square_lengths(784), square_lengths(3072), square_lengths(5)
    ((28, 28, 1), (32, 32, 3), None)
    """
    for channels in (1, 3):
        side = isqrt((count or 0) // channels)
        if side and channels * side**2 == count:
            return side, side, channels
    return None


def flat_hint(count: int) -> str:
    """What image has this many numbers, if it is square.

    Examples
    --------
    >>> flat_hint(4096), flat_hint(12288), flat_hint(5)
    (' = 64×64 grey', ' = 64×64×3', '')
    """
    if isqrt(count) ** 2 == count:
        return f" = {isqrt(count)}×{isqrt(count)} grey"
    side = isqrt(count // 3)
    return f" = {side}×{side}×3" if side and 3 * side**2 == count else ""


def flat_error(count: int, shape: tuple[int, ...], whose: str) -> ModelError:
    """The error for a model that takes `count` numbers an image and was given another image."""
    grey = prod(shape[:2]) == count
    wanted = "a grey image, such as image.mean(axis=2)" if grey else "an image of that size"
    total = f" = {prod(shape)}" if len(shape) > 1 else ""
    return ModelError(
        f"{whose} {count}{flat_hint(count)} numbers an image; this image is {_format_size(shape)}{total}. "
        f"Give {wanted}, or a function that prepares the images.",
        slug="model-input",
    )


def _arrange_axes(images: Shaped[np.ndarray, "B ..."], declared: InputSpec) -> Shaped[np.ndarray, "..."]:
    if declared.shape is None:
        return images
    if len(declared.shape) == 2:
        return _flatten_images(images, declared)
    batch = images[..., np.newaxis] if images.ndim == 3 else images
    if batch.ndim != 4 or len(declared.shape) not in (3, 4):
        raise ModelError(
            f"the model's {declared} does not take images: a batch of shape {images.shape} was given. "
            "Give a function that prepares the images.",
            slug="model-input",
        )
    order = _axis_order(batch.shape[1:], declared.shape)
    _check_size(images.shape[1:], batch.shape[1:], declared, order)
    return {"HW": batch[..., 0], "HWC": batch, "CHW": batch.transpose(0, 3, 1, 2)}[order]


def _flatten_images(images: Shaped[np.ndarray, "B ..."], declared: InputSpec) -> Shaped[np.ndarray, "B F"]:
    count = declared.shape[1] if declared.shape else None
    if count is not None and count != prod(images.shape[1:]):
        raise flat_error(count, images.shape[1:], f"the model's {declared} takes")
    return images.reshape(len(images), -1)


def _axis_order(image: tuple[int, ...], shape: tuple[int | None, ...]) -> str:
    """The axes after the first, as letters."""
    if len(shape) == 3:
        return "HW"
    first = _lengths_fit((image[2], image[0], image[1]), shape[1:])
    last = _lengths_fit(image, shape[1:])
    if first == last:
        first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    return "HWC" if last and not first else "CHW"


def _lengths_fit(lengths: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return all(want in (None, have) for have, want in zip(lengths, wanted, strict=True))


def _check_size(given: tuple[int, ...], image: tuple[int, ...], declared: InputSpec, order: str) -> None:
    """`image` is `given` with a channel axis."""
    want = dict(zip(order, (declared.shape or ())[1:], strict=True))
    wanted = (want["H"], want["W"], want.get("C", 1))
    if _lengths_fit(image, wanted):
        return
    same_size = _lengths_fit(image[:2], wanted[:2])
    advice = (
        channel_advice(image[2], wanted[2])
        if same_size
        else ("sightline does not resize: give an image of that size, or a function that resizes the images.")
    )
    raise ModelError(
        f"the model takes images of {_format_size(wanted)} ({declared}), but this image is "
        f"{_format_size(given)}. {advice}",
        slug="model-input",
    )


def looks_channels_first(shape: tuple[int, ...]) -> bool:
    """Whether a batch of this shape has its channels before height and width, by how many there are.

    Examples
    --------
    >>> looks_channels_first((8, 3, 32, 32)), looks_channels_first((8, 32, 32, 3))
    (True, False)
    """
    return shape[1] in CHANNELS and shape[3] not in CHANNELS


def channel_advice(have: int, want: int | None) -> str:
    """What to do about an image of `have` channels for a model of `want`."""
    if have == 1 and want in (3, 4):
        return f"Give the grey image {want} channels: np.stack([image] * {want}, axis=-1)."
    if have == 4 and want == 3:
        return "Leave the alpha channel out: image[..., :3]."
    if want == 1:
        return "Make the image grey as the model's training did, for example image.mean(axis=2)."
    return "Give an image with the channels that the model was trained on."


def _target_dtype(have: np.dtype[Any], declared: InputSpec) -> np.dtype[Any]:
    want = declared.dtype or have.newbyteorder("=")
    if want.kind != "f" and not np.can_cast(have, want, "safe"):
        raise ModelError(
            f"the model's {declared} takes {want}, but the images are {have}, and casting them would change "
            f"them. Give the image as {want}, in the range that the model was trained on.",
            slug="model-input",
        )
    return want


def _format_size(lengths: tuple[int | None, ...]) -> str:
    return "×".join("any" if length is None else str(length) for length in lengths)
