"""tensor of any framework → array; none is imported to ask."""

from typing import Any

import numpy as np
from jaxtyping import Shaped


def to_numpy(value: Any) -> Shaped[np.ndarray, "..."]:
    """A tensor or data frame, wherever it is held, as an array; what NumPy knows by itself, too.

    Examples
    --------
    >>> to_numpy([[1, 2]]).shape
    (1, 2)
    """
    if hasattr(value, "detach"):
        here = value.detach().cpu()
        try:
            return np.asarray(here.numpy())
        except TypeError:  # NumPy has no bfloat16
            return np.asarray(here.float().numpy())
    for method in ("to_numpy", "numpy"):
        if callable(getattr(value, method, None)):
            return np.asarray(getattr(value, method)())
    return np.asarray(value)


def array_or_none(value: object) -> Shaped[np.ndarray, "..."]:
    """As an array; what makes none, such as rows of several lengths, as one of no shape that holds None.

    Examples
    --------
    >>> array_or_none([[1, 2]]).shape, array_or_none([[1], [2, 3]]).shape
    ((1, 2), ())
    """
    try:
        return to_numpy(value)
    except Exception:  # what is no array may do anything when asked to be one
        return np.array(None)
