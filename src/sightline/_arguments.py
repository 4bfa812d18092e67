"""what was given to a function or an option → its arguments by name, or what they may be, as an error."""

import contextlib
import difflib
import functools
import inspect
import numbers
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin

import numpy as np

from sightline._checks import is_number, is_whole
from sightline._hints import WORDS, axis_sizes, fits_hint, hint_words
from sightline.errors import OptionError, SightlineError

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

LONGEST = 1 << 16
"""Pixels of an image's side, at most."""
LARGE = 2**53
"""From here on a whole number that stands for any number is one of floating point."""
SHOWN = 80
"""Letters of a value that a message shows."""

ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(
        ("num_samples", "nsamples", "n_samples", "n_calls", "max_evals", "npermutations"),
        "How many model calls are made is budget=.",
    ),
    **dict.fromkeys(
        ("top_labels", "ranked_outputs"), "So many of the highest classes are target=sightline.Top(k=5)."
    ),
    **dict.fromkeys(
        ("labels", "label", "target_category", "target_class", "class_index", "class_idx", "targets"),
        "Which classes are explained is target=.",
    ),
    **dict.fromkeys(
        ("hide_color", "baseline", "baselines", "perturb_value", "masker", "background"),
        'What hidden looks like is fill=, such as fill="colour:value=0" or fill="blur".',
    ),
    **dict.fromkeys(
        ("segmentation_fn", "segmenter", "segments", "feature_mask", "superpixels"),
        'How the image is divided is segment=: "slic", a function, or an array of segment ids.',
    ),
    **dict.fromkeys(("random_seed", "random_state", "rng"), "Which masks are drawn is seed=."),
    **dict.fromkeys(
        ("distance_metric", "kernel", "kernel_width", "kernel_fn", "model_regressor", "feature_selection"),
        "How scores become values is attribute=, such as attribute=sightline.Lime(kernel_width=0.25).",
    ),
    **dict.fromkeys(
        ("method", "algorithm", "explainer"),
        'The method is attribute=, such as attribute="shapley" or attribute="grad-cam".',
    ),
    **dict.fromkeys(
        ("layer", "target_layer", "target_layers", "layer_name", "penultimate_layer"),
        'The layer is attribute=sightline.GradCam(layer="…").',
    ),
    **dict.fromkeys(
        ("classifier_fn", "predict_fn", "predict_function", "forward_func"),
        "The model is the second argument: explain(image, model).",
    ),
    **dict.fromkeys(
        ("num_features", "max_display"),
        "Everything is explained; explanation.top(5) and plot(...) choose what is shown.",
    ),
    **dict.fromkeys(("progress_bar", "verbose", "silent"), "A bar is shown by progress=True."),
    **dict.fromkeys(
        ("perturbations_per_eval", "internal_batch_size"), "So many images at once are batch_size=."
    ),
    **dict.fromkeys(("names", "classes", "feature_names"), "Names of the classes are class_names=."),
}
"""Words of lime, shap, Captum and pytorch-grad-cam → what says the same here."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A sentence that offers the closest of the valid names, then all of them."""
    valid = list(names)
    close = difflib.get_close_matches(str(name), valid, n=1, cutoff=0.5)
    listed = f"Valid: {', '.join(valid)}." if valid else "It takes none."
    return f"Did you mean {close[0]!r}? {listed}" if close else listed


def check_choice(what: str, given: Any, names: Collection[str], slug: str = "option-unknown") -> str:
    """The name itself, if it is one of the valid ones.

    Raises
    ------
    OptionError
        If it is not; the message names the nearest.

    Examples
    --------
    >>> check_choice("mode", "grey", ("grey", "rgb"))
    'grey'
    """
    if not isinstance(given, str) or given not in names:
        raise OptionError(f"there is no {what} {given!r}. {did_you_mean(str(given), names)}", slug=slug)
    return str(given)


def check_size(name: str, given: Any) -> tuple[int, int]:
    """Height and width in pixels.

    Raises
    ------
    OptionError
        If it is no pair of whole numbers from 1 to 65,536.

    Examples
    --------
    >>> check_size("size", [224, 224])
    (224, 224)
    """
    pair = tuple(given) if isinstance(given, tuple | list) else ()
    if len(pair) != 2 or not all(is_whole(side) and 0 < side <= LONGEST for side in pair):
        raise OptionError(
            f"{name} must be (height, width) in pixels, each from 1 to {LONGEST:,}, but "
            f"{describe_value(given)} was given.",
            slug="option-value",
        )
    return int(pair[0]), int(pair[1])


def describe_value(value: object) -> str:
    """A value in a few letters, whatever its own repr does.

    Examples
    --------
    >>> describe_value("a"), describe_value([0] * 100)[-6:]
    ("'a'", ', 0, …')
    """
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape}, {value.dtype}"
    try:
        text = repr(value)
    except Exception:  # a stranger's repr may do anything
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def bind_arguments(
    whose: str, signature: inspect.Signature, args: tuple[Any, ...], named: Mapping[str, Any], what: str
) -> dict[str, Any]:
    """The arguments by name.

    Parameters
    ----------
    whose : str
        What they were given to, for the errors.
    signature : inspect.Signature
    args, named
        As they were given.
    what : str
        What a named one is called: argument, option.

    Raises
    ------
    OptionError
        If a name does not exist, an argument is missing, or there are too many.
    """
    parameters = signature.parameters
    if not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        names = [
            name for name, one in parameters.items() if one.kind is not one.POSITIONAL_ONLY and name != "self"
        ]
        for name in named:
            if name not in names:
                known = f" {ELSEWHERE[name]}" if name in ELSEWHERE and what == "argument" else ""
                raise OptionError(
                    f"{whose} has no {what} {name!r}.{known} {did_you_mean(name, names)}",
                    slug="option-unknown",
                )
    try:
        return dict(signature.bind(*args, **named).arguments)
    except TypeError as error:
        raise OptionError(
            f"{whose} was given other {what}s than it has: {error}. It has "
            f"({_listed_parameters(signature)}).",
            slug="option-arguments",
        ) from None


def _listed_parameters(signature: inspect.Signature) -> str:
    """The parameters with their defaults, those that are given by name alone after a star."""
    plain = [
        one.replace(annotation=one.empty) for name, one in signature.parameters.items() if name != "self"
    ]
    text = str(inspect.Signature(plain))[1:-1]
    return text if len(text) <= 4 * SHOWN else f"{text[: 4 * SHOWN - 1]}…"


def checked_value(name: str, value: Any, annotation: Any) -> Any:
    """The value, as its annotation has it: NumPy's numbers as Python's, lists of numbers as tuples.

    An annotation that allows more than plain kinds, such as arrays and functions, lets everything pass.

    Parameters
    ----------
    name : str
        What it is called where it was given.
    value : any
    annotation : type

    Raises
    ------
    OptionError
        If it is of another kind.

    Examples
    --------
    >>> checked_value("rows", 3, int | None), checked_value("value", [1, 0.5], float | tuple[float, ...])
    (3, (1, 0.5))
    """
    hints = (
        list(get_args(annotation))
        if get_origin(annotation) is not tuple and get_args(annotation)
        else [annotation]
    )
    kinds = [get_origin(hint) or hint for hint in hints]
    numbers_in = [get_args(hint)[0] for hint in hints if get_origin(hint) is tuple]
    if not all(kind in WORDS or (kind is tuple and set(numbers_in) <= {int, float}) for kind in kinds):
        return value
    if tuple in kinds and (isinstance(value, list | tuple) or getattr(value, "ndim", 0) == 1):
        return tuple(checked_value(f"each number of {name}", one, numbers_in[0]) for one in _items_of(value))
    if value is None and NoneType in kinds:
        return None
    if bool in kinds and (isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")):
        return bool(value)
    if int in kinds and is_whole(value):
        return int(value)
    if (
        float in kinds
        and isinstance(value, numbers.Real)
        and not isinstance(value, bool)
        and is_number(value)
    ):
        return value if isinstance(value, int) and abs(value) < LARGE else float(value)
    if any(kind in kinds and isinstance(value, kind) for kind in (str, os.PathLike)):
        return value
    words = [word for kind, word in WORDS.items() if kind in kinds]
    words += ["a list of numbers"] * (tuple in kinds)
    raise OptionError(
        f"{name} must be {' or '.join(words)}, but {describe_value(value)} was given.", slug="option-value"
    )


def _items_of(value: Any) -> list[Any]:
    return list(value.tolist() if hasattr(value, "tolist") else value)


def clear_arguments(function: F) -> F:
    """A public function that says by its own error which argument it does not have, lacks, or cannot take.

    Text, truth values and paths are held against the annotations. The rest the function checks itself; where
    it fails otherwise, and an argument is of another kind than is annotated, that is what is said.
    """
    signature = inspect.signature(function)
    whose = f"{function.__qualname__.removesuffix('.__init__').removesuffix('.__call__')}()"
    plain = {
        name: one.annotation
        for name, one in signature.parameters.items()
        if {get_origin(hint) or hint for hint in _alternatives(one.annotation)}
        <= {str, bool, os.PathLike, NoneType}
        and one.annotation is not None
    }

    @functools.wraps(function)
    def checked(*args: Any, **named: Any) -> Any:
        given = bind_arguments(whose, signature, args, named, "argument")
        for name in plain.keys() & given.keys():
            checked_value(f"{name} of {whose}", given[name], plain[name])
        with unfit_named(whose, signature, given):
            return function(*args, **named)

    return cast(F, checked)


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """The kinds of a union; of a mapping of texts its own kind, not that of its parts."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def clear_fields(cls: type[T]) -> type[T]:
    """A record that says by its own error which field it cannot be made of; as `clear_arguments`."""
    cls.__init__ = clear_arguments(cls.__init__)  # type: ignore[method-assign]
    return cls


@contextlib.contextmanager
def unfit_named(whose: str, signature: inspect.Signature, given: Mapping[str, Any]) -> Iterator[None]:
    """Where something fails by none of sightline's errors, say which argument is not what is annotated.

    Raises
    ------
    OptionError
        If there is one; the error itself is its cause.
    """
    try:
        yield
    except (SightlineError, Warning):
        raise
    except Exception as error:
        refusal = _unfit_argument(whose, signature, given)
        if refusal is None:
            raise
        raise refusal from error


def _unfit_argument(whose: str, signature: inspect.Signature, given: Mapping[str, Any]) -> OptionError | None:
    sizes: dict[str, tuple[int, str]] = {}
    for name, value in given.items():
        one = signature.parameters[name]
        if one.annotation is one.empty or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        if not fits_hint(value, one.annotation):
            wanted = hint_words(one.annotation) or "something else"
            return OptionError(
                f"{name} of {whose} must be {wanted}, but {describe_value(value)} was given.",
                slug="option-value",
            )
        for axis, size in axis_sizes(value, one.annotation).items():
            known, first = sizes.setdefault(axis, (size, name))
            if known != size:
                return OptionError(
                    f"{first} and {name} of {whose} must agree in {axis}, but have {known} and {size}.",
                    slug="option-value",
                )
    return None
