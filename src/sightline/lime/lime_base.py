"""masks, scores and distances → intercept, weights, fit and local prediction of one label."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.sparse import issparse
from sklearn.linear_model import Ridge, lars_path
from sklearn.utils import check_random_state
from sklearn.utils.validation import has_fit_parameter

from sightline._arguments import check_choice
from sightline.errors import OptionError

METHODS = ("auto", "forward_selection", "lasso_path", "highest_weights", "none")

TIE = 1e-9
"""Fits whose R² differ by less than this are compared by `refit`, because rounding decides between them."""

SINGULAR = 1e-6
"""Least eigenvalue of the columns' correlations below which rounding may decide between any fits."""


class LimeBase:
    """lime's estimator: a linear model, fitted with more weight on masks nearer to the whole image.

    Ribeiro, Singh & Guestrin 2016, "Why should I trust you?".

    Parameters
    ----------
    kernel_fn : callable
        Distances, shape (M,) → weights of the masks, shape (M,).
    verbose : bool
        Print intercept, local prediction and the classifier's own answer of every fit.
    random_state : int, numpy.random.RandomState or None
        Handed to scikit-learn's regressions; None is numpy's global generator, as in lime.

    Examples
    --------
    >>> import numpy as np
    >>> data = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
    >>> scores = data @ [[0.2], [0.6]]
    >>> base = LimeBase(lambda distances: np.ones(4))
    >>> intercept, weights, fit, predicted = base.explain_instance_with_data(data, scores, np.zeros(4), 0, 2)
    >>> [(int(feature), round(float(weight), 3)) for feature, weight in weights]
    [(1, 0.3), (0, 0.1)]
    """

    def __init__(
        self, kernel_fn: Callable[[Any], Any], verbose: bool = False, random_state: Any = None
    ) -> None:
        self.kernel_fn = kernel_fn
        self.verbose = verbose
        self.random_state = check_random_state(random_state)

    @staticmethod
    def generate_lars_path(weighted_data: Any, weighted_labels: Any) -> tuple[Any, Any]:
        """The lasso's path (Efron et al. 2004).

        Returns
        -------
        alphas : array, shape (A,)
            Penalties, falling.
        coefs : array, shape (S, A)
            Coefficients at each.
        """
        alphas, _, coefs = lars_path(weighted_data, weighted_labels, method="lasso", verbose=False)
        return alphas, coefs

    def forward_selection(self, data: Any, labels: Any, weights: Any, num_features: int) -> Any:
        """Features chosen one by one, each time the one that raises the R² of a linear fit most.

        Parameters
        ----------
        data : array or sparse matrix, shape (M, S)
        labels, weights : array, shape (M,)
        num_features : int
            How many to choose at most.

        Returns
        -------
        int array, shape (F,)
            In the order of choice.
        """
        line = Ridge(alpha=0, fit_intercept=True, random_state=self.random_state)

        def fit(features: list[int]) -> float:
            columns = data[:, features]
            line.fit(columns, labels, sample_weight=weights)
            return float(line.score(columns, labels, sample_weight=weights))

        dense = data.toarray() if issparse(data) else np.asarray(data)
        return forward_selection_path(dense, np.asarray(labels), np.asarray(weights), num_features, fit)

    def feature_selection(self, data: Any, labels: Any, weights: Any, num_features: int, method: str) -> Any:
        """Features that the explanation will use.

        Parameters
        ----------
        data : array or sparse matrix, shape (M, S)
            Masks; row 0 is the whole image.
        labels, weights : array, shape (M,)
        num_features : int
        method : str
            "forward_selection": see there. "highest_weights": the largest weights of a ridge regression on
            all features. "lasso_path": the last step of the lasso's path that has few enough. "none": all.
            "auto": forward selection up to six features, highest weights beyond.

        Returns
        -------
        int array, shape (F,)

        Raises
        ------
        OptionError
            If there is no such method.
        """
        check_choice("feature_selection", method, METHODS)
        if method == "auto":
            method = "forward_selection" if num_features <= 6 else "highest_weights"
        if method == "none":
            return np.arange(data.shape[1])
        if method == "forward_selection":
            return self.forward_selection(data, labels, weights, num_features)
        if method == "highest_weights":
            return self._highest_weights(data, labels, weights, num_features)
        return self._lasso_path(data, labels, weights, num_features)

    def _highest_weights(self, data: Any, labels: Any, weights: Any, num_features: int) -> Any:
        line = Ridge(alpha=0.01, fit_intercept=True, random_state=self.random_state)
        line.fit(data, labels, sample_weight=weights)
        whole = data[[0]].toarray()[0] if issparse(data) else data[0]
        return np.argsort(-np.abs(line.coef_ * whole), kind="stable")[:num_features]

    def _lasso_path(self, data: Any, labels: Any, weights: Any, num_features: int) -> Any:
        dense = data.toarray() if issparse(data) else data
        root = np.sqrt(weights)
        columns = (dense - np.average(dense, axis=0, weights=weights)) * root[:, np.newaxis]
        _, coefs = self.generate_lars_path(columns, (labels - np.average(labels, weights=weights)) * root)
        used = np.arange(dense.shape[1])
        for step in coefs.T[:0:-1]:
            used = np.flatnonzero(step)
            if len(used) <= num_features:
                break
        return used

    def explain_instance_with_data(
        self,
        neighborhood_data: Any,
        neighborhood_labels: Any,
        distances: Any,
        label: int,
        num_features: int,
        feature_selection: str = "auto",
        model_regressor: Any = None,
    ) -> tuple[Any, list[tuple[Any, Any]], Any, Any]:
        """Fit one label's linear model.

        Parameters
        ----------
        neighborhood_data : array or sparse matrix, shape (M, S)
            Masks; row 0 is the whole image.
        neighborhood_labels : array, shape (M, L)
            The classifier's answers.
        distances : array, shape (M,)
            From each mask to the whole image.
        label : int
            Column of the answers.
        num_features : int
            Most features in the explanation.
        feature_selection : str
            See `feature_selection`.
        model_regressor : scikit-learn regressor, optional
            Its `fit` must take `sample_weight`, and it must have `coef_` afterwards; by default ridge
            regression with a penalty of 1.

        Returns
        -------
        intercept : float
        explanation : list of (feature, weight)
            Largest weight first, whatever its sign.
        score : float
            R² of the fit on the very masks it was made from: it tells how additive the answers are, not
            how sure the weights.
        local_pred : array, shape (1,)
            The linear model's answer for the whole image.

        Raises
        ------
        OptionError
            If there is no such feature selection.
        """
        weights = self.kernel_fn(distances)
        answers = neighborhood_labels[:, label]
        line = model_regressor
        if line is None:
            line = Ridge(alpha=1, fit_intercept=True, random_state=self.random_state)
            feature_selection = _cheapest_selection(
                feature_selection, num_features, neighborhood_data.shape[1]
            )
        used = self.feature_selection(neighborhood_data, answers, weights, num_features, feature_selection)
        columns = neighborhood_data[:, used]
        _fit_line(line, columns, answers, weights)
        score = line.score(columns, answers, sample_weight=weights)
        local_pred = line.predict(columns[[0]])
        if self.verbose:  # lime's lines, word for word: scripts read them
            print("Intercept", line.intercept_)  # noqa: T201
            print("Prediction_local", local_pred)  # noqa: T201
            print("Right:", neighborhood_labels[0, label])  # noqa: T201
        order = np.argsort(-np.abs(line.coef_), kind="stable")
        return line.intercept_, [(used[i], line.coef_[i]) for i in order], score, local_pred


def _fit_line(line: Any, columns: Any, answers: Any, weights: Any) -> None:
    """Fit a regressor, which has to take weights and to have one number for each feature.

    Raises
    ------
    OptionError
        If it does not.
    """
    kind = type(line).__name__
    if not has_fit_parameter(line, "sample_weight"):
        raise OptionError(
            f"model_regressor has to take sample_weight in its fit, but {kind} does not: give a linear one, "
            "such as sklearn.linear_model.Lasso().",
            slug="option-value",
        )
    line.fit(columns, answers, sample_weight=weights)
    if not hasattr(line, "coef_"):
        raise OptionError(
            f"model_regressor has to have coef_, a weight for each segment, but {kind} has none: give a "
            "linear one, such as sklearn.linear_model.Lasso().",
            slug="option-value",
        )


def _cheapest_selection(method: str, wanted: int, features: int) -> str:
    """The same selection without a fit, where all features are wanted and their order does not matter."""
    keeps_all = method == "highest_weights" or (method == "auto" and wanted > 6)
    return "none" if keeps_all and wanted >= features else method


def forward_selection_path(
    data: Shaped[np.ndarray, "M S"],
    scores: Shaped[np.ndarray, "M"],
    weights: Shaped[np.ndarray, "M"],
    wanted: int,
    refit: Callable[[list[int]], float],
) -> Int[np.ndarray, "F"]:
    """Features that greedily add most to the R² of a weighted linear fit (orthogonal least squares).

    Chen, Billings & Luo 1989. Instead of fitting every candidate anew, the columns are kept orthogonal to
    those already chosen, so that what each would add can be read off.

    Parameters
    ----------
    refit : callable
        R² of the fit on these features. Asked only about candidates that are equally good here, or about
        all where the weights leave too few masks to tell the columns apart.
    """
    columns, target = (
        _weighted_centred(data, weights),
        _weighted_centred(scores[:, np.newaxis], weights)[:, 0],
    )
    size, total = (columns**2).sum(axis=0), (target**2).sum()
    slack = TIE * total if _well_conditioned(columns, size) else np.inf
    used: list[int] = []
    for _ in range(min(wanted, data.shape[1])):
        gain = _explained_squares(columns, target, size)
        gain[used] = -np.inf
        leaders = np.flatnonzero((gain >= gain.max() - slack) & np.isfinite(gain))
        best = int(leaders[0])
        if len(leaders) > 1:
            best = int(leaders[np.argmax([refit([*used, int(feature)]) for feature in leaders])])
        used.append(best)
        columns, target = _orthogonalised(columns[:, best], columns, target)
    return np.array(used)


def _weighted_centred(
    values: Shaped[np.ndarray, "M F"], weights: Shaped[np.ndarray, "M"]
) -> Float[np.ndarray, "M F"]:
    mean = np.average(values, axis=0, weights=weights)
    return np.asarray((values - mean) * np.sqrt(weights)[:, np.newaxis], dtype=np.float64)


def _well_conditioned(columns: Float[np.ndarray, "M S"], size: Float[np.ndarray, "S"]) -> bool:
    """Whether the columns are well apart, so that every fit on some of them is sure to many digits."""
    if size.min() == 0:
        return False
    unit = columns / np.sqrt(size)
    return bool(np.linalg.eigvalsh(unit.T @ unit)[0] > SINGULAR)


def _explained_squares(
    columns: Float[np.ndarray, "M S"], target: Float[np.ndarray, "M"], size: Float[np.ndarray, "S"]
) -> Float[np.ndarray, "S"]:
    """How much of the target's square each column takes away; nothing if it is spent."""
    left = (columns**2).sum(axis=0)
    live = left > 1e-10 * size
    return np.where(live, (target @ columns) ** 2 / np.where(live, left, 1.0), 0.0)


def _orthogonalised(
    column: Float[np.ndarray, "M"], columns: Float[np.ndarray, "M S"], target: Float[np.ndarray, "M"]
) -> tuple[Float[np.ndarray, "M S"], Float[np.ndarray, "M"]]:
    """Columns and target with their part along `column` taken out."""
    size = np.linalg.norm(column)
    if size == 0:
        return columns, target
    unit = column / size
    return columns - np.outer(unit, unit @ columns), target - unit * (unit @ target)
