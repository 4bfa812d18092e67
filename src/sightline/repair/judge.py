"""scores and labels → how often a model is right, each class counted alike."""

import numpy as np
from jaxtyping import Float64, Int


def mean_recall(scores: Float64[np.ndarray, "N L"], labels: Int[np.ndarray, "N"]) -> float:
    """Mean of the recalls of the classes that are there: 0 to 1.

    Examples
    --------
    >>> mean_recall(np.eye(2)[[0, 0, 0, 1]], np.array([0, 0, 1, 1]))
    0.75
    """
    right = scores.argmax(axis=1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))
