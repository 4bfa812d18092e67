"""one label of a model of several → a model of two classes, without it and with it."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Float, Float64

from sightline._checks import check_number, is_whole
from sightline._class_names import columns_by_name, names_hint
from sightline._scales import SUM_ROUNDING, are_probabilities
from sightline.errors import ModelError, OptionError, TargetError
from sightline.types import Activations, Inputs, MapLayer, Network, Weights, did_you_mean, record

EXACTLY = 1e-5
"""How far beside 1 a single row may add up to be taken for a softmax: others come near by chance."""


@record
class LabelView:
    """Which label of a model is asked for, and from which probability on it is said to be there.

    Parameters
    ----------
    label : int or str, optional
        The column of its answers, by place or name; None of a model of two classes.
    threshold : float
        Between 0 and 1.

    Raises
    ------
    OptionError
        If they cannot be used.
    """

    label: int | str | None = None
    threshold: float = 0.5

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold, above=0, below=1)
        if self.label is not None and not (
            isinstance(self.label, str) or (is_whole(self.label) and self.label >= 0)
        ):
            raise OptionError(
                f"label must be the name or number of a label, but {self.label!r} was given.",
                slug="option-value",
            )

    def column(self, columns: int, names: tuple[str, ...] | None) -> int:
        """Where the label is among the model's columns.

        Raises
        ------
        TargetError
            If it is not there.
        """
        assert self.label is not None
        if columns == 1 and (names is None or columns_by_name([str(self.label)], names)[0] >= 0):
            return 0
        if isinstance(self.label, str) and names is not None:
            (found,) = columns_by_name([self.label], names)
            if 0 <= found < columns:
                return found
        if not isinstance(self.label, str) or self.label.isdigit():
            if int(self.label) < columns:
                return int(self.label)
            raise TargetError(
                f"there is no label {self.label}: the model has {columns} column{'s' * (columns != 1)}, "
                f"numbered from 0{names_hint(names)}.",
                slug="label-unknown",
            )
        if names is None:
            raise TargetError(
                f"the label {self.label!r} is named, but the model names no labels: give class_names= "
                "(--names), one for each column, or the label's number.",
                slug="label-unknown",
            )
        raise TargetError(
            f"the model has no label {self.label!r}. {did_you_mean(self.label, names)}", slug="label-unknown"
        )

    def name(self, names: tuple[str, ...] | None) -> str:
        """What the label is called."""
        if names is None:
            return f"label {self.label}" if is_whole(self.label) else str(self.label)
        return names[self.column(len(names), names)]

    @property
    def shift(self) -> float:
        """What log-odds are lowered by, so that the threshold is at even odds."""
        return float(np.log(self.threshold) - np.log1p(-self.threshold))

    def shifted(self, scores: Float64[np.ndarray, "B L"], scale: str) -> Float64[np.ndarray, "B L"]:
        """Scores of two classes, of which the second is the higher just where its own exceeds the threshold.

        Log-odds are lowered by those of the threshold, and probabilities are what these are of.

        Raises
        ------
        OptionError
            If the scores are no probabilities of two classes.
        """
        if self.threshold == 0.5:
            return scores
        odds = scale == "log-odds"
        if odds and scores.shape[1] == 2:
            return np.asarray(scores + np.array([self.shift, -self.shift]))
        if odds or scores.shape[1] != 2 or not are_probabilities(scores):
            raise OptionError(
                f"threshold={self.threshold:g} is for the probability of one class of two, but the model's "
                f"{scores.shape[1]} scores of an image go from {scores.min():.4g} to {scores.max():.4g}. Ask "
                'for one label (label=), or say what the columns are: output="sigmoid".',
                slug="threshold-scores",
            )
        weighed = np.clip(scores, 0.0, 1.0) * np.array([self.threshold, 1 - self.threshold])
        return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))

    def unshifted(
        self, shares: Float[np.ndarray, "N"], second: Bool[np.ndarray, "N"]
    ) -> Float[np.ndarray, "N"]:
        """The probability that the model said of a class, of the share that `shifted` made of it.

        `second` tells for each whether it is the second class.

        Examples
        --------
        >>> view = LabelView(threshold=0.3)
        >>> shares = view.shifted(np.array([[0.6, 0.4]]), "probability")[0]
        >>> view.unshifted(shares, np.array([False, True])).round(6).tolist()
        [0.6, 0.4]
        """
        if self.threshold == 0.5:
            return shares
        mine = np.where(second, self.threshold, 1 - self.threshold)
        return np.asarray(shares * mine / (shares * mine + (1 - shares) * (1 - mine)))


def refuse_joint_columns(scores: Float64[np.ndarray, "B R"], what: str) -> None:
    """Refuse to take columns for labels of their own that share a probability of 1, as a softmax has it.

    Raises
    ------
    ModelError
    """
    shares = np.exp(scores) if scores.max() <= 0 else scores
    limit = EXACTLY if len(scores) == 1 else SUM_ROUNDING
    joint = are_probabilities(shares) and np.abs(shares.sum(axis=1) - 1).max() <= limit
    if scores.shape[1] > 1 and joint:
        raise softmax_error(what, f"its {scores.shape[1]} scores of each image add up to 1")


def softmax_error(what: str, why: str) -> ModelError:
    """What to say of a softmax where labels of their own are asked for."""
    return ModelError(
        f"several labels may be true of one image, but {what} chooses one class: {why}, as of a softmax. "
        "Give the network that ends in a sigmoid for each label, or in logits that were trained by one; or "
        "ask about classes, one for each image: leave out label=.",
        slug="label-softmax",
    )


class LabelNetwork(Network):
    """The inside of a network with one of its outputs alone.

    Parameters
    ----------
    network : Network
    column_of : callable
        How many outputs there are → which one.
    """

    def __init__(self, network: Network, column_of: Callable[[int], int]) -> None:
        self.network = network
        self.column_of = column_of
        self.columns = 0

    def prepare_inputs(self, images: object) -> Inputs:
        return self.network.prepare_inputs(images)

    def raw_outputs(self, inputs: Inputs) -> Float[np.ndarray, "B R"]:
        outputs = self.network.raw_outputs(inputs)
        self.columns = outputs.shape[1]
        return outputs[:, [self.column_of(self.columns)]]

    def layer_shapes(self, inputs: Inputs) -> Mapping[str, tuple[int, ...]]:
        return self.network.layer_shapes(inputs)

    def last_map_layer(self, inputs: Inputs, weights: Weights) -> MapLayer:
        return self.network.last_map_layer(inputs, self._all_weights(weights))

    def input_gradients(self, inputs: Inputs, weights: Weights) -> Inputs:
        return self.network.input_gradients(inputs, self._all_weights(weights))

    def activations_and_gradients(
        self, inputs: Inputs, layer: str, weights: Weights
    ) -> tuple[Activations, Activations]:
        return self.network.activations_and_gradients(inputs, layer, self._all_weights(weights))

    def classifier_head(self) -> tuple[Float[np.ndarray, "C R"], Float[np.ndarray, "R"]]:
        kernel, offsets = self.network.classifier_head()
        column = self.column_of(kernel.shape[1])
        return kernel[:, [column]], offsets[[column]]

    def _all_weights(self, weights: Weights) -> Float[np.ndarray, "A"]:
        spread = np.zeros(self.columns, dtype=weights.dtype)
        spread[self.column_of(self.columns)] = weights[0]
        return spread
