"""values of many images, one after the other → their mean and its error, in the room of two of them."""

from typing import Any

import numpy as np
from jaxtyping import Float


class RunningMean:
    """Running mean and squared deviations (Welford 1962).

    Parameters
    ----------
    shape : tuple of int
        Of the values of one image.

    Examples
    --------
    >>> sums = RunningMean((1,))
    >>> for value in (1.0, 2.0, 3.0):
    ...     sums.add(np.array([value]))
    >>> sums.count, sums.mean.tolist(), sums.error.round(3).tolist()
    (3, [2.0], [0.577])
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = 0
        self.mean: Any = np.zeros(shape)
        self._squares: Any = np.zeros(shape)

    def add(self, values: Float[np.ndarray, "..."]) -> None:
        """One more image."""
        self.count += 1
        step = values - self.mean
        self.mean = self.mean + step / self.count
        self._squares = self._squares + step * (values - self.mean)

    @property
    def error(self) -> Float[np.ndarray, "..."]:
        """Standard error of the mean; inf for a single image."""
        if self.count < 2:
            return np.full(self.mean.shape, np.inf)
        return np.asarray(np.sqrt(self._squares / (self.count - 1) / self.count))
