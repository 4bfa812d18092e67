"""The vocabulary: every value that travels, with its shape; every Protocol.

Axis letters, everywhere, in this order: **N** images, **B** batch, **H W C** image, **S** segments,
**M** masks, **K** explained targets, **L** classes, **D** draws of a fill.
"""

import dataclasses
import functools
import inspect
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, dataclass_transform, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._arguments import (
    bind_arguments,
    checked_value,
    clear_arguments,
    clear_fields,
    unfit_named,
)
from sightline._arguments import did_you_mean as did_you_mean
from sightline._checks import is_whole
from sightline.errors import ModelError, OptionError, SegmentError

T = TypeVar("T")

Inputs: TypeAlias = Float[np.ndarray, "B h w c"]
"""Images as a network itself is given them, after any preprocessing: float32, channels last."""
Weights: TypeAlias = Float[np.ndarray, "R"]
"""Which of a network's raw outputs make the score that is differentiated."""
Activations: TypeAlias = Float[np.ndarray, "B ... C"]
"""What a layer returns, channels last, or a gradient with respect to it."""

Reshape: TypeAlias = Callable[[Any], Any]
"""Activations (B, …) → a map (B, h, w, C)."""


@dataclass_transform(frozen_default=True, eq_default=False)
def record(cls: type[T]) -> type[T]:
    """A frozen value made of arrays, compared by identity."""
    return dataclass(frozen=True, eq=False)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field,))
def option(cls: type[T]) -> type[T]:
    """A frozen, keyword-only value that prints, hashes, pickles and refuses misspelt parameters.

    Raises
    ------
    OptionError
        When built with a parameter that it does not have (the message names the nearest one that it has),
        without one that it needs, or with a value of another kind than is annotated.
    """
    made = dataclass(frozen=True, kw_only=True)(cls)
    build = made.__init__
    signature = inspect.signature(made)
    annotations = {name: one.annotation for name, one in signature.parameters.items()}

    @functools.wraps(build)
    def checked(self: T, *args: Any, **given: Any) -> None:
        bound = bind_arguments(cls.__name__, signature, args, given, "option")
        fields = {n: checked_value(f"{n} of {cls.__name__}", v, annotations[n]) for n, v in bound.items()}
        with unfit_named(cls.__name__, signature, fields):
            build(self, **fields)

    made.__init__ = checked  # type: ignore[method-assign, assignment]
    return made


@clear_fields
@record
class Segments:
    """A division of one image into segments.

    Parameters
    ----------
    labels : int array, shape (H, W)
        Segment id of every pixel: exactly 0..S-1, none missing.

    Raises
    ------
    SegmentError
        If ids are missing or negative; `Segments.renumber` takes any integers.

    Examples
    --------
    >>> import numpy as np
    >>> Segments.renumber(np.array([[10, 10], [20, 20]])).labels
    array([[0, 0],
           [1, 1]])
    """

    labels: Int[np.ndarray, "H W"]

    def __post_init__(self) -> None:
        ids = np.unique(self.labels)
        if ids.size == 0 or ids[0] != 0 or ids[-1] != ids.size - 1:
            given = f"{ids.size} ids from {ids[0]} to {ids[-1]}" if ids.size else "an empty array"
            raise SegmentError(
                f"segment ids must be 0..S-1 with none missing, but {given} were given. "
                "Use Segments.renumber(labels) for labels from elsewhere.",
                slug="segment-ids",
            )

    @classmethod
    @clear_arguments
    def renumber(cls, labels: Shaped[np.ndarray, "H W"]) -> "Segments":
        """Segments from any integer or boolean ids, in increasing order of id."""
        if not (np.issubdtype(labels.dtype, np.integer) or labels.dtype == bool):
            raise SegmentError(
                f"segment ids must be integers, but the array's dtype is {labels.dtype}.", slug="segment-ids"
            )
        _, dense = np.unique(labels, return_inverse=True)
        return cls(dense.reshape(labels.shape).astype(np.intp))

    @functools.cached_property
    def count(self) -> int:
        """S, the number of segments."""
        return int(self.labels.max()) + 1

    @functools.cached_property
    def areas(self) -> Int[np.ndarray, "S"]:
        """Pixels in each segment."""
        return np.bincount(self.labels.ravel(), minlength=self.count)


@record
class Masks:
    """Which segments are visible in each image that the model is asked about.

    Parameters
    ----------
    keep : bool array, shape (M, S)
        True where the segment is visible. Rows are distinct, unless drawn with replacement.
    weight : float array, shape (M,)
        One over the chance of drawing the row, up to a common factor: lets any attribution use any
        sampler.
    """

    keep: Bool[np.ndarray, "M S"]
    weight: Float[np.ndarray, "M"]

    @functools.cached_property
    def distinct(self) -> bool:
        """Whether no row is there twice."""
        return len({row.tobytes() for row in np.packbits(self.keep, axis=1)}) == len(self.keep)

    @property
    def exhaustive(self) -> bool:
        """Whether every one of the 2^S masks is here, once: nothing is left to chance."""
        count, segments = self.keep.shape
        return bool(segments < 63 and count == 2**segments and self.distinct)


@dataclass(frozen=True)
class Contrast:
    """A target: why class `a` rather than class `b` (the difference of their scores), by number or name.

    Raises
    ------
    OptionError
        If they are neither numbers nor names, or the same.

    Examples
    --------
    >>> Contrast(3, 5)
    Contrast(a=3, b=5)
    """

    a: Any
    b: Any

    def __post_init__(self) -> None:
        for name in ("a", "b"):
            given = getattr(self, name)
            if not isinstance(given, str) and not is_whole(given):
                raise OptionError(
                    f"Contrast takes the numbers or names of two classes, but {given!r} was given.",
                    slug="option-value",
                )
            object.__setattr__(self, name, given if isinstance(given, str) else operator.index(given))
        if self.a == self.b:
            raise OptionError(
                f"Contrast({self.a}, {self.b}) is a class beside itself: the difference is always 0. "
                "Give two classes.",
                slug="option-value",
            )


@record
class Scores:
    """What the model said of the masks, for the explained targets only.

    Parameters
    ----------
    values : float array, shape (M, K)
        Score of each mask, averaged over the draws of the fill.
    full, empty : float array, shape (K,)
        Score of the image itself, and with everything hidden.
    targets : tuple of int or Contrast, length K
        What the columns are: a class, or the difference of two.
    classes : float array, shape (L,)
        Every class's score of the image itself.
    calls : int
        Images that the model was given for this, the two ends included.
    keep : bool array, shape (M, S), optional
        The masks, where they were kept: where segments are visible.
    """

    values: Float[np.ndarray, "M K"]
    full: Float[np.ndarray, "K"]
    empty: Float[np.ndarray, "K"]
    targets: tuple[int | Contrast, ...]
    classes: Float[np.ndarray, "L"]
    calls: int
    keep: Bool[np.ndarray, "M S"] | None = None

    @property
    def with_ends(self) -> Float[np.ndarray, "M2 K"]:
        """Scores of the masks, and of the two ends."""
        return np.vstack([self.values, self.full, self.empty])


@record
class Attribution:
    """How much each segment speaks for (positive) or against (negative) each target.

    Parameters
    ----------
    values : float array, shape (K, S)
        In units of the model's score.
    error : float array, shape (K, S)
        Standard error of each value: 0 where the value is exact, inf where there is no telling.
    base : float array, shape (K,)
        The score that the values start from: the intercept, or the score of the empty mask.
    fit : float array, shape (K,)
        Weighted R² of the additive model on the masks asked; nan where the scores never moved.
    calls : int
        Images that the model was given.
    settled : bool
        Whether the leading segments can be told from the rest at 95 %.
    pixels : float array, shape (K, H, W), optional
        Heat of each pixel, where the method looks inside the network; the values are its means or sums.
    layer : str, optional
        The layer that was looked at.
    pull : float array, shape (K, S), optional
        How far a penalty has pulled each value towards 0, as far as the masks tell: a part of `error`.
    unseen : float array, shape (K, S), optional
        The part of `error` that no residual tells of: of what looks like one segment in all masks asked.
    batch_size : int, optional
        Images in a batch of masks: as asked for, or what a probe found fastest.
    estimator : str, optional
        What the values were learned by, ``"regression"`` or ``"gaussian-process"``.
    reason, stopped, hint : str
        Why by that one, why an open budget ended, and which one would have been quicker, as far as times of
        seconds tell; empty where there is nothing to say.
    """

    values: Float[np.ndarray, "K S"]
    error: Float[np.ndarray, "K S"]
    base: Float[np.ndarray, "K"]
    fit: Float[np.ndarray, "K"]
    calls: int = 0
    settled: bool = False
    pixels: Float[np.ndarray, "K H W"] | None = None
    layer: str | None = None
    pull: Float[np.ndarray, "K S"] | None = None
    unseen: Float[np.ndarray, "K S"] | None = None
    batch_size: int | None = None
    estimator: str | None = None
    reason: str = ""
    stopped: str = ""
    hint: str = ""


@record
class Heatmap:
    """What a method that looks inside the network found for one target.

    Parameters
    ----------
    maps : tuple of float arrays, shape (h, w)
        One, or one a sample, whose mean is the result; of a layer's or the inputs' own extent.
    layer : str or None
        The layer that was looked at.
    sums : bool
        Whether a segment's value is the sum of its pixels, else their mean.
    why_empty : str
        What to say of a map that is zero everywhere.
    """

    maps: tuple[Float[np.ndarray, "h w"], ...]
    layer: str | None
    sums: bool
    why_empty: str = ""


@record
class MapLayer:
    """The layer of a network that a class activation map is made of.

    Parameters
    ----------
    name : str
    reshape : callable, optional
        What its activations become a map by, where they are none.
    calls : int
        Images that were sent through the network to find it.
    """

    name: str
    reshape: Reshape | None = None
    calls: int = 0


@runtime_checkable
class Model(Protocol):
    """Images in the user's dtype and range, shape (B, *image.shape) → scores, shape (B, L)."""

    def __call__(self, images: Shaped[np.ndarray, "B ..."], /) -> Float[np.ndarray, "B L"]: ...


@runtime_checkable
class Segmenter(Protocol):
    """Image as given → segments, or any integer array of shape (H, W)."""

    def __call__(self, image: Shaped[np.ndarray, "..."], /) -> Any: ...


@runtime_checkable
class Fill(Protocol):
    """Image (H, W, C) and its segments → what hidden pixels look like: (H, W, C) or (D, H, W, C)."""

    def __call__(self, image: Shaped[np.ndarray, "H W C"], segments: Segments, /) -> Any: ...


@runtime_checkable
class Sampler(Protocol):
    """Number of segments, most rows, generator → masks. Never more rows than asked."""

    def __call__(self, segments: int, rows: int, rng: np.random.Generator, /) -> Masks: ...


@runtime_checkable
class Target(Protocol):
    """Scores of the image itself, shape (L,) → the K targets to explain."""

    def __call__(self, classes: Float[np.ndarray, "L"], /) -> tuple[int | Contrast, ...]: ...


@runtime_checkable
class Attribute(Protocol):
    """Masks and their scores → attribution. Its `sample` is the sampler that suits it best."""

    @property
    def sample(self) -> Sampler: ...

    def __call__(self, masks: Masks, scores: Scores, /) -> Attribution: ...


@runtime_checkable
class Network(Protocol):
    """The inside of a network, in NumPy: float32 arrays, channels last, whatever the framework keeps.

    The inputs are what the network itself is given, after any preprocessing. `weights` choose the scalar
    to differentiate: the R raw outputs @ weights, summed over the batch.
    """

    def prepare_inputs(self, images: object, /) -> Inputs:
        """Images, preprocessed or as given → inputs."""
        ...

    def raw_outputs(self, inputs: Inputs, /) -> Float[np.ndarray, "B R"]:
        """Raw outputs, with no softmax or sigmoid added."""
        ...

    def layer_shapes(self, inputs: Inputs, /) -> Mapping[str, tuple[int, ...]]:
        """Names of the layers in order of execution, and the shape of each one's output for one image."""
        ...

    def last_map_layer(self, inputs: Inputs, weights: Weights, /) -> MapLayer:
        """The last layer with height and width through which all of the scalar passes."""
        ...

    def input_gradients(self, inputs: Inputs, weights: Weights, /) -> Inputs:
        """Gradients of the scalar with respect to the inputs."""
        ...

    def activations_and_gradients(
        self, inputs: Inputs, layer: str, weights: Weights, /
    ) -> tuple[Activations, Activations]:
        """A layer's activations, and the gradients of the scalar with respect to them."""
        ...

    def classifier_head(self) -> tuple[Float[np.ndarray, "C R"], Float[np.ndarray, "R"]]:
        """Kernel and offsets of the last fully connected layer."""
        ...


@runtime_checkable
class WhiteBoxMethod(Protocol):
    """Network, inputs (1, h, w, c), weights of its raw outputs (R,), seed → heat."""

    looks_inside: bool

    def __call__(
        self,
        network: Network,
        inputs: Inputs,
        weights: Weights,
        seed: int,
        /,
    ) -> Heatmap: ...


ANSWERS_ONLY = "lime, shapley, banzhaf, rise or occlusion"
"""Methods for models whose inside cannot be looked at."""
NO_LAYER_NEEDED = (
    "integrated-gradients, gradient-x-input and smoothgrad need no layer; lime and shapley nothing"
)
"""Methods for networks whose layers cannot be looked at."""


@runtime_checkable
class ModelAbilities(Protocol):
    """What a model can do beside answering; by default nothing, as a function of the user's."""

    @property
    def off_host(self) -> bool:
        """Whether the model is on another device than the images, so that `score_masks` saves their way."""
        return False

    @property
    def is_costly(self) -> bool:
        """Whether a call is known to take long beside arithmetic: a network's, or a server's."""
        return False

    @property
    def preprocess_name(self) -> str:
        """What prepares the images that it is given, in words; empty where nothing does."""
        return ""

    def suggested_batch_size(self, image: Shaped[np.ndarray, "..."], /) -> int | None:
        """Images in a batch that suit the model or its device, if that is known."""
        return None

    def score_masks(
        self,
        image: Shaped[np.ndarray, "H W C"],
        hidden: Shaped[np.ndarray, "H W C"],
        segments: Segments,
        keep: Bool[np.ndarray, "M S"],
        batch_size: int,
        /,
    ) -> Iterator[Any]:
        """Answers about masks of one image, in batches; for a model that is `off_host`."""
        raise AssertionError(f"{self!r} does not make the images of masks itself")

    def network(self) -> Network:
        """The inside of the model.

        Raises
        ------
        ModelError
            If the model is known by its answers alone.
        """
        raise ModelError(
            f"{self!r} is known by its answers alone, but this method looks into the network. Give the "
            f"PyTorch module or the Keras model itself, or use a method that needs answers only: "
            f"{ANSWERS_ONLY}.",
            slug="inside-closed",
        )


End: TypeAlias = Literal[
    "probability", "ratio", "log-probability", "log-mixture", "mixture", "logit", "value"
]
"""What a model's outputs are, where it can be seen.

A ratio is one of probabilities, such as odds or shares; a log-mixture is a mean or sum of logarithms of all
classes' probabilities, whose exponentials need not add up to 1; a mixture is a softmax times weights that may
be anything; a value is what a regressor says: no score of a class.
"""


@runtime_checkable
class Backend(ModelAbilities, Protocol):
    """What an adapter gives: a call that returns raw answers, and what else the model can do.

    Adapters inherit it, and say only what their framework adds to a model that is known by its answers
    alone. The repr says how the images are given.

    Attributes
    ----------
    class_names : tuple of str or None
        Those the model knows itself.
    batch_size : int or None
        Images in a batch that it insists on.
    output : str
        What ``"auto"`` stands for; ``"network"`` if logits are to become probabilities.
    class_labels : tuple of int or None
        The number by which labels call each column, where the model tells it.
    """

    class_names: tuple[str, ...] | None = None
    class_labels: tuple[int, ...] | None = None
    batch_size: int | None = None
    output: str = "auto"

    def __call__(self, images: Any, /) -> Any: ...

    @property
    def output_end(self) -> End | None:
        """What its last operations make of its answers; None where the answers themselves have to tell."""
        return None

    @property
    def image_lengths(self) -> tuple[int | None, int | None, int | None] | None:
        """Height, width and channels of the images that it takes, None where any will do or it is not known.

        The whole is None where the model says nothing of them.
        """
        return None

    @property
    def is_white_box(self) -> bool:
        """Whether there is a `network` to look into."""
        return False

    def network(self, preprocess: Callable[[Any], Any] | None = None, /) -> Network:
        """The inside of the model, whose images go through `preprocess` first."""
        return super().network()

    def randomised_copy(self, seed: int, /) -> "Backend":
        """The same with every weight drawn anew, where there is a `network`."""
        raise AssertionError(f"{self!r} has no weights")

    def to(self, device: Any, preprocess: Any, /) -> "Backend":
        """The model on another device, or with a preprocessing of tensors in front (None: as it is).

        Raises
        ------
        OptionError
            If it has no devices, or takes no tensors.
        """
        if device is None and preprocess is None:
            return self
        name, given = ("preprocess", preprocess) if device is None else ("device", device)
        raise OptionError(
            f"{name}={given!r} is for PyTorch modules, but the model is {self!r}.", slug="option-value"
        )
