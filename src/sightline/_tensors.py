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
