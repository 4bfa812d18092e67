"""labels asked for and the classifier's answer → the labels to explain."""

from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline._checks import is_whole
from sightline.errors import OptionError
from sightline.lime.errors import LabelError


class DefaultLabels(tuple[int, ...]):
    """lime's default labels. A type of their own, so that the same labels given by the user can be told."""


DEFAULT_LABELS = DefaultLabels((1,))


def check_numbers(labels: Any, classifier_fn: Any) -> None:
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
    return [labels] if isinstance(labels, str) or np.ndim(labels) == 0 else list(labels)


def _column_hint(label: Any, classifier_fn: Any) -> str:
    """A hint, where the function belongs to a scikit-learn classifier that has such a class."""
    classes = getattr(getattr(classifier_fn, "__self__", None), "classes_", None)
    known = [] if classes is None else [k for k, name in enumerate(classes) if str(name) == str(label)]
    return f" That class is column {known[0]}: pass labels=({known[0]},)." if known else ""


def choose_labels(
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
