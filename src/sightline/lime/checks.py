"""parameters of the explainer → the same, or the error that says what is wrong with them."""

from typing import Any

import numpy as np

from sightline.errors import BudgetError, OptionError


def checked_kernel_width(kernel_width: Any) -> float:
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


def check_samples(num_samples: int, batch_size: int) -> None:
    """Refuse too few masks, or batches of none."""
    if num_samples < 2:
        raise BudgetError(
            f"num_samples={num_samples} leaves no mask beside the whole image, so there is nothing to "
            "compare it with: ask for at least 2, better 1000.",
            slug="budget-small",
        )
    _at_least("batch_size", batch_size, 1)


def check_counts(num_features: int, top_labels: int | None) -> None:
    """Refuse explanations of no segments, or of a negative number of labels."""
    _at_least("num_features", num_features, 1)
    _at_least("top_labels", top_labels or 0, 0)


def _at_least(name: str, given: int, least: int) -> None:
    if given < least:
        raise OptionError(f"{name} must be at least {least}, but it is {given}.", slug="option-value")
