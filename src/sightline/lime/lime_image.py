"""image and classifier → ImageExplanation, as lime makes it."""

from collections.abc import Callable, Iterator, Set
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped
from sklearn.metrics import pairwise_distances
from sklearn.utils import check_random_state

from sightline._arguments import check_choice
from sightline._checks import is_whole
from sightline.engine.image import as_image
from sightline.engine.solve import has_moved
from sightline.errors import BudgetError, ModelError, OptionError, TargetError, warn
from sightline.lime.lime_base import METHODS, LimeBase
from sightline.lime.query import as_rgb, ask_classifier, fudged_image, whole_range
from sightline.lime.wrappers.scikit_image import custom_segments, default_segments, renumbered_segments

__all__ = ["ImageExplanation", "LabelError", "LimeImageExplainer", "PerLabel"]


class DefaultLabels(tuple[int, ...]):
    """lime's default labels. A type of their own, so that the same labels given by the user can be told."""


DEFAULT_LABELS = DefaultLabels((1,))


class LabelError(TargetError, KeyError):
    """A label that was not explained, or that the classifier does not have; lime raises KeyError."""

    __str__ = Exception.__str__  # KeyError would print the message's repr


class PerLabel(np.lib.mixins.NDArrayOperatorsMixin, dict[int, Any]):
    """What `ImageExplanation.score` and `.local_pred` are.

    In lime's main branch they are dicts from label to value, in lime 0.2.0.1 the value of the label that
    was fitted last, which is the leading one. This is both: a dict to look up, and a number (or array) to
    compute with, format and compare. Looking up comes first: ``local_pred[0]`` is label 0 where that was
    explained, else the first number of the leading label's prediction.

    Examples
    --------
    >>> score = PerLabel({4: 0.5, 9: 0.75})
    >>> score[4], float(score), f"{score:.1%}", bool(score > 0.7)
    (0.5, 0.75, '75.0%', True)
    """

    __hash__ = None

    @property
    def leading_value(self) -> Any:
        """The value of the label that was fitted last."""
        if not self:
            raise LabelError(
                "nothing has been explained yet: this explanation holds no label.", slug="target-unexplained"
            )
        return next(reversed(self.values()))

    def __missing__(self, label: Any) -> Any:
        if self and np.ndim(self.leading_value) and label in (0, -1, ...):
            return self.leading_value[label]
        raise LabelError(_not_explained_text(label, self), slug="target-unexplained")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.leading_value, dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        values = [np.asarray(one) if isinstance(one, PerLabel) else one for one in inputs]
        return getattr(ufunc, method)(*values, **options)

    def __getattr__(self, name: str) -> Any:
        # What a dict does not have (shape, item, is_integer, …) the value may.
        if name.startswith("__") or not self:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.leading_value, name)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, dict) or not self:
            return dict.__eq__(self, other)
        return np.asarray(self) == other

    def __ne__(self, other: object) -> Any:
        if isinstance(other, dict) or not self:
            return dict.__ne__(self, other)
        return np.asarray(self) != other

    def __or__(self, other: Any) -> Any:
        return PerLabel(dict.__or__(self, other))

    def __float__(self) -> float:
        return float(np.asarray(self).item())

    def __round__(self, digits: int | None = None) -> Any:
        return round(float(self), digits)

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else str(self)


class ImageExplanation:
    """What each segment speaks for, one linear model for each explained label.

    Parameters
    ----------
    image : array, shape (H, W), (H, W, C)
        Kept as RGB in its own dtype and range, to draw on.
    segments : int array, shape (H, W)
        Segment ids; those that `LimeImageExplainer` gives are 0..S-1.

    Attributes
    ----------
    image : array, shape (H, W, 3)
    segments : int array, shape (H, W)
    local_exp : dict of int to list of (int, float)
        For each label its (segment, weight) pairs, the largest weight first, whatever its sign.
    intercept : dict of int to float
        The linear model's answer with everything hidden.
    score : PerLabel
        R² of each label's linear model on its own masks; also a number, that of the leading label. nan
        where the label's answers never moved.
    local_pred : PerLabel
        The linear model's answer for the whole image, shape (1,); also an array, that of the leading label.
    top_labels : list of int
        The labels that were asked for as `top_labels`, leading first.
    """

    def __init__(self, image: Any, segments: Any) -> None:
        self.image: Shaped[np.ndarray, "H W 3"] = as_rgb(as_image(image))
        self.segments: Shaped[np.ndarray, "H W"] = np.asarray(segments)
        self.intercept: dict[int, float] = {}
        self.local_exp: dict[int, list[tuple[int, float]]] = {}
        self.local_pred = PerLabel()
        self.score = PerLabel()
        self.top_labels: list[int] = []

    def get_image_and_mask(
        self,
        label: Any,
        positive_only: bool = True,
        negative_only: bool = False,
        hide_rest: bool = False,
        num_features: int = 5,
        min_weight: float = 0.0,
    ) -> tuple[Shaped[np.ndarray, "H W 3"], Int[np.ndarray, "H W"]]:
        """An image and a mask of the leading segments, for `label2rgb` or `mark_boundaries`.

        Parameters
        ----------
        label : int
            One of the explained labels.
        positive_only : bool
            Take the leading segments that speak for the label.
        negative_only : bool
            Take the leading segments that speak against it; then `positive_only` does not count. With
            neither, both are taken.
        hide_rest : bool
            Make all other segments 0.
        num_features : int
            How many segments to take: of the wanted sign, or of all if both signs are wanted.
        min_weight : float
            Take only segments whose weight's size is above this.

        Returns
        -------
        image : array, shape (H, W, 3)
            In the image's dtype. With both signs, segments for the label have their green channel at
            the range's top, those against it their red one.
        mask : int array, shape (H, W)
            1 in the segments taken and 0 elsewhere; with both signs -1 in those against the label.

        Raises
        ------
        LabelError
            If the label was not explained: a `TargetError`, and a `KeyError` as lime's is.
        """
        if label not in self.local_exp:
            raise LabelError(_not_explained_text(label, self.local_exp), slug="target-unexplained")
        both = not (positive_only or negative_only)
        pairs, least = self.local_exp[label], max(min_weight, 0.0)
        if both:
            taken = [(s, w) for s, w in pairs[:num_features] if abs(w) > least]
        else:
            side = -1 if negative_only else 1
            taken = [(s, side * w) for s, w in pairs if side * w > least][:num_features]
        mask = self._sign_mask(taken)
        image = np.zeros_like(self.image) if hide_rest else self.image.copy()
        image[mask != 0] = self.image[mask != 0]
        if both:
            image[mask > 0, 1] = image[mask < 0, 0] = whole_range(self.image)[1]
        return image, mask

    def _sign_mask(self, signed: list[tuple[int, float]]) -> Int[np.ndarray, "H W"]:
        """The sign of each segment's weight at its pixels."""
        kind = self.segments.dtype if self.segments.dtype.kind == "i" else np.dtype(np.intp)
        signs = np.zeros(int(self.segments.max()) + 1, kind)
        for segment, weight in signed:
            signs[segment] = 1 if weight > 0 else -1
        return np.asarray(signs[self.segments])


def exponential_kernel(d: Any, kernel_width: float) -> Any:
    """lime's kernel: the square root of a Gaussian of the distance."""
    return np.sqrt(np.exp(-(d**2) / kernel_width**2))


class LimeImageExplainer:
    """Explains an image classifier's answer by a linear model of which segments are visible.

    Ribeiro, Singh & Guestrin 2016, with lime's defaults and lime's order of random numbers: with the same
    `random_state` and the same segments the masks are lime's own.

    Parameters
    ----------
    kernel_width : float
        Width of the kernel, in units of the distance (for cosine distances, 0.293 with half the
        segments hidden).
    kernel : callable, optional
        ``kernel(d, kernel_width)``: distances, shape (M,) → weights of the masks. By default
        ``sqrt(exp(-d**2 / kernel_width**2))``.
    verbose : bool
        Print intercept, local prediction and the classifier's own answer of every fit.
    feature_selection : str
        "auto", "forward_selection", "lasso_path", "highest_weights" or "none": see
        `LimeBase.feature_selection`.
    random_state : int, numpy.random.RandomState or None
        None is numpy's global generator, as in lime. The state moves on with every explanation.

    Raises
    ------
    OptionError
        If there is no such feature selection, or the width is not a number above 0.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.zeros((8, 8, 3))
    >>> image[:4] = 1.0
    >>> bright = lambda images: np.stack([images[:, 0, 0, 0], 1 - images[:, 0, 0, 0]], axis=1)
    >>> halves = lambda image: np.repeat([0, 1], 32).reshape(8, 8)
    >>> explainer = LimeImageExplainer(random_state=0)
    >>> explanation = explainer.explain_instance(
    ...     image, bright, hide_color=0, num_samples=50, segmentation_fn=halves)
    >>> explanation.top_labels[0], explanation.local_exp[0][0][0]
    (0, 0)
    """

    def __init__(
        self,
        kernel_width: Any = 0.25,
        kernel: Callable[..., Any] | None = None,
        verbose: bool = False,
        feature_selection: str = "auto",
        random_state: Any = None,
    ) -> None:
        kernel_fn = partial(kernel or exponential_kernel, kernel_width=_checked_kernel_width(kernel_width))
        self.random_state = check_random_state(random_state)
        self.feature_selection = check_choice("feature_selection", feature_selection, METHODS)
        self.base = LimeBase(kernel_fn, verbose, random_state=self.random_state)

    def explain_instance(
        self,
        image: Any,
        classifier_fn: Callable[[Any], Any],
        labels: Any = DEFAULT_LABELS,
        hide_color: Any = None,
        top_labels: int | None = 5,
        num_features: int = 100000,
        num_samples: int = 1000,
        batch_size: int = 10,
        segmentation_fn: Callable[[Any], Any] | None = None,
        distance_metric: Any = "cosine",
        model_regressor: Any = None,
        random_seed: int | None = None,
        progress_bar: bool = True,
    ) -> ImageExplanation:
        """Explain the classifier's answer for one image.

        Parameters
        ----------
        image : array, shape (H, W), (H, W, C)
            Channels last, any dtype and range.
        classifier_fn : callable
            Batch of images in the form, dtype and range of `image` → scores, shape (B, L). A single
            column p, shape (B, 1) or (B,), becomes the two classes [1 - p, p]. An image of shape (H, W)
            that it refuses in that form is given to it as (H, W, 3), as lime would.
        labels : iterable of int
            Columns to explain, beside those that `top_labels` takes.
        hide_color : number, sequence, array or None
            What hidden segments look like, in the image's range; None takes each segment's mean.
        top_labels : int or None
            Explain this many labels with the highest scores; 0 or None only `labels`.
        num_features : int
            Most segments in the explanation.
        num_samples : int
            Masks to draw, at least 2. Equal masks are asked once.
        batch_size : int
            Most images in one call of the classifier.
        segmentation_fn : callable, optional
            RGB image → integer ids, shape (H, W), numbered in any way. By default lime's quickshift, or
            slic where that finds fewer than eight segments.
        distance_metric : str or callable
            Of `sklearn.metrics.pairwise_distances`.
        model_regressor : scikit-learn regressor, optional
            See `LimeBase.explain_instance_with_data`.
        random_seed : int, optional
            Seed of the default segmentation only; by default drawn from `random_state`.
        progress_bar : bool
            Show a bar, in a terminal or notebook.

        Returns
        -------
        ImageExplanation

        Raises
        ------
        BudgetError
            If fewer than two masks are asked for.
        ImageError, SegmentError
            If the image or its segments cannot be used.
        LabelError
            If a label is not a column of the answers.
        ModelError
            If the classifier's answers are not one row of finite numbers for each image.
        OptionError
            If another parameter cannot be used.
        """
        _check_counts(num_features, top_labels)
        _check_samples(num_samples, batch_size)
        _check_classifier(classifier_fn)
        if not isinstance(labels, DefaultLabels):
            labels = _label_list(labels)  # once: a generator gives its labels once only
        _check_label_numbers(labels, classifier_fn)
        pixels = as_image(image)
        drawn = as_rgb(pixels)
        seed = int(self.random_state.randint(0, high=1000)) if random_seed is None else random_seed
        segments = (
            default_segments(drawn, seed)
            if segmentation_fn is None
            else custom_segments(segmentation_fn, drawn)
        )
        data, answers = self.data_labels(
            pixels,
            fudged_image(pixels, segments, hide_color),
            segments.labels,
            classifier_fn,
            num_samples,
            batch_size=batch_size,
            progress_bar=progress_bar,
        )
        distances = pairwise_distances(data, data[0].reshape(1, -1), metric=distance_metric).ravel()
        explanation = ImageExplanation(drawn, segments.labels)
        explanation.top_labels, chosen = _choose_labels(labels, top_labels, answers[0])
        self._fit_labels(explanation, chosen, data, answers, distances, num_features, model_regressor)
        return explanation

    def data_labels(
        self,
        image: Any,
        fudged_image: Any,
        segments: Any,
        classifier_fn: Callable[[Any], Any],
        num_samples: int,
        batch_size: int = 10,
        progress_bar: bool = True,
    ) -> tuple[Int[np.ndarray, "M S"], Shaped[np.ndarray, "M L"]]:
        """Draw masks and ask the classifier about them.

        Parameters
        ----------
        image : array, shape (H, W), (H, W, C)
        fudged_image : array, of the same shape
            What hidden pixels look like.
        segments : int array, shape (H, W)
            Ids, numbered in any way; column k is the k-th of them in increasing order.
        classifier_fn, num_samples, batch_size, progress_bar
            As in `explain_instance`.

        Returns
        -------
        data : int array, shape (M, S)
            1 where the segment is visible; row 0 is the whole image.
        labels : array, shape (M, L)
            The classifier's answers, in its own dtype.
        """
        _check_samples(num_samples, batch_size)
        pixels, cuts = as_image(image), renumbered_segments(segments)
        data = self.random_state.randint(0, 2, num_samples * cuts.count).reshape(num_samples, cuts.count)
        data[0] = 1
        hidden = np.asarray(fudged_image).reshape(pixels.shape)
        return data, ask_classifier(classifier_fn, pixels, hidden, cuts, data == 1, batch_size, progress_bar)

    def _fit_labels(
        self,
        explanation: ImageExplanation,
        chosen: list[int],
        data: Int[np.ndarray, "M S"],
        answers: Shaped[np.ndarray, "M L"],
        distances: Any,
        num_features: int,
        model_regressor: Any,
    ) -> None:
        """Fill in one linear model for each label; a label whose answers never moved has no weights."""
        live = has_moved(np.asarray(answers, dtype=np.float64))
        for label in chosen:
            if live[label]:
                intercept, pairs, score, predicted = self.base.explain_instance_with_data(
                    data,
                    answers,
                    distances,
                    label,
                    num_features,
                    model_regressor=model_regressor,
                    feature_selection=self.feature_selection,
                )
            else:
                intercept, predicted = answers[0, label], answers[:1, label]
                pairs, score = [(segment, 0.0) for segment in range(data.shape[1])][:num_features], np.nan
            explanation.intercept[label] = float(np.ravel(intercept)[0])
            explanation.local_exp[label] = [(int(s), float(w)) for s, w in pairs]
            explanation.score[label] = float(score)
            explanation.local_pred[label] = predicted
        _warn_flat([label for label in chosen if not live[label]], len(data))


def _warn_flat(flat: list[int], masks: int) -> None:
    if flat:
        named = ", ".join(map(str, flat))
        warn(
            f"the classifier's score of label {named} stayed the same in all {masks} images, whatever "
            "was hidden: there is nothing to explain there, its weights are 0 and its score is nan.",
            slug="scores-flat",
        )


def _not_explained_text(label: Any, explained: Any) -> str:
    """The message for a label that has no explanation."""
    known = ", ".join(str(one) for one in explained) or "none"
    return (
        f"label {label!r} was not explained. Explained: {known}. "
        f"To explain it too, pass labels=({label!r},) to explain_instance."
    )


def _check_label_numbers(labels: Any, classifier_fn: Any) -> None:
    """Refuse labels that are not column numbers, before the classifier is asked anything.

    Raises
    ------
    LabelError
        If there is a name or a broken number among them; where the classifier knows the name, the
        message says which column it is.
    """
    for label in _label_list(labels):
        if not is_whole(label):
            raise LabelError(
                "labels are column numbers of the classifier's answer, counted from 0, but "
                f"{label!r} was given.{_column_hint(label, classifier_fn)}",
                slug="target-unknown",
            )


def _label_list(labels: Any) -> list[Any]:
    if labels is None:
        return []
    several = not isinstance(labels, str) and (hasattr(labels, "__iter__") and np.ndim(labels) != 0)
    if several or isinstance(labels, Set | Iterator):  # which NumPy takes for one thing
        return list(labels)
    return [labels]


def _check_classifier(classifier_fn: Any) -> None:
    """Refuse a model in the place of its function."""
    if not callable(classifier_fn):
        hint = " Give its predict_proba, of images: lambda images: model.predict_proba(…)."
        raise ModelError(
            "classifier_fn has to be a function of images that returns probabilities, but an object of type "
            f"{type(classifier_fn).__name__} was given.{hint * hasattr(classifier_fn, 'predict_proba')}",
            slug="model-kind",
        )


def _column_hint(label: Any, classifier_fn: Any) -> str:
    """A hint, where the function belongs to a scikit-learn classifier that has such a class."""
    classes = getattr(getattr(classifier_fn, "__self__", None), "classes_", None)
    known = [] if classes is None else [k for k, name in enumerate(classes) if str(name) == str(label)]
    return f" That class is column {known[0]}: pass labels=({known[0]},)." if known else ""


def _choose_labels(
    labels: Any, top_labels: int | None, scores: Shaped[np.ndarray, "L"]
) -> tuple[list[int], list[int]]:
    """The top labels, leading first; and all labels to explain, in the order in which lime fits them.

    The leading label is fitted last, so that it is the one whose score and prediction lime 0.2.0.1 keeps.

    Raises
    ------
    LabelError
        If a label is not a column.
    OptionError
        If there is nothing to explain.
    """
    top = [int(label) for label in np.argsort(scores)[-top_labels:]] if top_labels else []
    asked = [] if top and isinstance(labels, DefaultLabels) else [int(label) for label in _label_list(labels)]
    for label in asked:
        if not -len(scores) <= label < len(scores):
            raise LabelError(
                f"the classifier has {len(scores)} classes, 0 to {len(scores) - 1}, but label {label} "
                "was asked for.",
                slug="target-unknown",
            )
    chosen = [label for label in dict.fromkeys(asked) if label not in top] + top
    if not chosen:
        raise OptionError("give labels or top_labels: there is nothing to explain.", slug="option-value")
    return top[::-1], chosen


def _checked_kernel_width(kernel_width: Any) -> float:
    """The kernel's width as a number above 0."""
    try:
        number = float(kernel_width)
    except (TypeError, ValueError):
        number = np.nan
    if not number > 0:
        raise OptionError(
            f"kernel_width must be a number above 0, but it is {kernel_width!r}. lime's own is 0.25.",
            slug="option-value",
        )
    return number


def _check_samples(num_samples: int, batch_size: int) -> None:
    """Refuse too few masks, or batches of none."""
    if num_samples < 2:
        raise BudgetError(
            f"num_samples={num_samples} leaves no mask beside the whole image, so there is nothing to "
            "compare it with: ask for at least 2, better 1000.",
            slug="budget-small",
        )
    _at_least("batch_size", batch_size, 1)


def _check_counts(num_features: int, top_labels: int | None) -> None:
    """Refuse explanations of no segments, or of a negative number of labels."""
    _at_least("num_features", num_features, 1)
    _at_least("top_labels", top_labels or 0, 0)


def _at_least(name: str, given: int, least: int) -> None:
    if given < least:
        raise OptionError(f"{name} must be at least {least}, but it is {given}.", slug="option-value")
