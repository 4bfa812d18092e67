"""a fitted scikit-learn estimator or pipeline, or an object with its methods → Backend."""

import sys
from collections.abc import Callable
from itertools import combinations
from math import prod
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline._class_names import numeric_labels
from sightline.adapters.inputs import Lengths, describe_conversion, flat_error, square_lengths
from sightline.errors import ModelError
from sightline.types import Backend


class SklearnModel(Backend):
    """`predict_proba`, else `decision_function`, of a fitted estimator; of a regressor, `predict`.

    Decisions between pairs of classes, as support vector machines may give, are counted as votes.

    Images with as many numbers as the estimator was trained on are flattened. An estimator that does not
    count features (a pipeline whose first step is a plain object), or counted the rows of images in
    their place (a pipeline that begins with a `FunctionTransformer`), gets the images as they are.

    Parameters
    ----------
    estimator : object
        Fitted.
    method : str, optional
        Which of its methods is asked.

    Raises
    ------
    ModelError
        If it is not fitted, or has neither method.
    """

    def __init__(self, estimator: object, method: str | None = None) -> None:
        _check_fitted(estimator)
        _check_class_count(estimator)
        self.estimator = estimator
        self.method = method or _score_method(estimator)
        self.bound_method = None if method is None else getattr(estimator, method)
        self.output = "logit" if self.method == "decision_function" else "auto"
        self.features: int | None = getattr(estimator, "n_features_in_", None)
        self.columns: Any = getattr(estimator, "feature_names_in_", None)
        self.class_names = _class_names(estimator)
        self.class_labels = numeric_labels(_classes_of(estimator)) if self.class_names else None
        self._pairwise = _is_pairwise(estimator) and self.method == "decision_function"
        self._passage = "" if self.features is None else f"trained on {self.features} numbers an image"

    def __repr__(self) -> str:
        told = f", {self._passage}" if self._passage else ""
        return f"{type(self.estimator).__name__}.{self.method}{told}"

    @property
    def image_lengths(self) -> Lengths | None:
        """As the number of its features tells, where that is one of a square image."""
        return square_lengths(self.features)

    def __call__(self, images: Shaped[np.ndarray, "B ..."]) -> Any:
        answer = self._ask(images)
        return _votes(np.asarray(answer), len(self.class_names or ())) if self._pairwise else answer

    def _ask(self, images: Shaped[np.ndarray, "B ..."]) -> Any:
        ask = getattr(self.estimator, self.method)
        if self.features is None:
            self._passage = describe_conversion(images, images)
            return ask(images)
        if self.features == prod(images.shape[1:]):
            rows = images.reshape(len(images), -1)
            self._passage = describe_conversion(images, rows)
            return ask(self._with_column_names(rows))
        name = type(self.estimator).__name__
        refusal = flat_error(self.features, images.shape[1:], f"{name} was trained on")
        if self.features != images.shape[1]:
            raise refusal
        return self._ask_with_images(ask, images, refusal)

    def _ask_with_images(
        self, ask: Callable[[Any], Any], images: Shaped[np.ndarray, "B ..."], refusal: ModelError
    ) -> Any:
        """For a first step that was fitted on images, whose rows scikit-learn counts as features."""
        try:
            answer = ask(images)
        except ValueError as error:
            if "array with dim" in str(error):  # so it does want rows, and others than these
                raise refusal from error
            raise
        self._passage = describe_conversion(images, images)
        return answer

    def _with_column_names(self, rows: Shaped[np.ndarray, "B F"]) -> Any:
        """With its column names, where it was fitted on a data frame: it warns at every call without."""
        pandas = sys.modules.get("pandas")
        if self.columns is None or pandas is None:
            return rows
        return pandas.DataFrame(rows, columns=self.columns, copy=False)


def _check_fitted(estimator: object) -> None:
    # Only for its own classes: it goes by attributes that end in "_", which others need not have.
    if not type(estimator).__module__.startswith("sklearn."):
        return
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise ModelError(
            f"this {type(estimator).__name__} is not fitted: call its fit(images, labels) first.",
            slug="model-fitted",
        ) from error


def _check_class_count(estimator: object) -> None:
    classes = getattr(estimator, "classes_", None)
    if classes is not None and not isinstance(classes, list) and np.size(classes) == 1:
        raise ModelError(
            f"this {type(estimator).__name__} was fitted on one class only, {classes[0]!r}: it always says "
            "that. Fit it on images of at least two.",
            slug="model-fitted",
        )


def _score_method(estimator: object) -> str:
    for method in ("predict_proba", "decision_function"):
        if hasattr(estimator, method):
            return method
    if _is_regressor(estimator):
        return "predict"
    raise ModelError(
        f"{type(estimator).__name__} has neither predict_proba nor decision_function. If its predict returns "
        "scores and not classes, give that: as_model(estimator.predict).",
        slug="model-kind",
    )


def _class_names(estimator: object) -> tuple[str, ...] | None:
    classes = _classes_of(estimator)
    labels = numeric_labels(classes)
    # False and True are better names than 0 and 1; 2.0 is none.
    whole = labels is not None and getattr(classes, "dtype", np.dtype(object)).kind == "f"
    return tuple(str(one) for one in (labels or () if whole else classes)) or None


def _classes_of(estimator: object) -> Any:
    """What an estimator calls its classes; nothing where it has several outputs, or does not tell."""
    classes = getattr(estimator, "classes_", None)
    # An estimator of several outputs has a list of arrays; its answers are refused by their shape.
    return () if classes is None or isinstance(classes, list) or np.ndim(classes) != 1 else classes


def _is_regressor(estimator: object) -> bool:
    from sklearn.base import is_regressor

    return hasattr(estimator, "predict") and bool(is_regressor(estimator))


def _is_pairwise(estimator: Any) -> bool:
    """Whether the decisions of more than two classes are those between pairs, within pipelines too."""
    for _ in range(8):
        if getattr(estimator, "decision_function_shape", None) == "ovo":
            return len(_classes_of(estimator)) > 2
        steps = getattr(estimator, "steps", None)
        inner = steps[-1][1] if steps else getattr(estimator, "best_estimator_", None)
        if inner is None:
            return False
        estimator = inner
    return False


def _votes(decisions: Shaped[np.ndarray, "B P"], classes: int) -> Shaped[np.ndarray, "B L"]:
    """Decisions between pairs of classes → a score for each: its votes, and at most a third for margins.

    The pairs are (0, 1), (0, 2), …, (1, 2), …; above 0 the first of the two has won, as in LIBSVM.
    """
    if decisions.ndim != 2 or decisions.shape[1] != classes * (classes - 1) // 2:
        return decisions
    scores, margins = np.zeros((2, len(decisions), classes))
    for decision, (one, other) in zip(decisions.T, combinations(range(classes), 2), strict=True):
        scores[:, one] += decision > 0
        scores[:, other] += decision <= 0
        margins[:, one] += decision
        margins[:, other] -= decision
    return np.asarray(scores + margins / (3 * (np.abs(margins) + 1)))
