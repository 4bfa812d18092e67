"""labels and what a model said → how often it is right, and where it is wrong."""

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float64, Int

from sightline._arguments import clear_arguments
from sightline._checks import check_number, check_whole, is_whole
from sightline._class_names import class_text
from sightline._language import translate as tr
from sightline._language import translate_plural
from sightline._notebook_html import result_html
from sightline._tables import format_table, text_width
from sightline.data.image_folder import ImageFolder
from sightline.errors import OptionError, warn
from sightline.evaluation.discrimination import (
    UNKNOWN,
    Estimate,
    RocCurve,
    ThresholdChoice,
    ThresholdRule,
    area_under_curve,
    choose_threshold_by,
    roc_curve_of,
    share_estimate,
)
from sightline.evaluation.range_check import RangeCheck
from sightline.evaluation.reliability import Calibration, calibration_of
from sightline.types import record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDEST = 10
"""Most classes whose confusion matrix is printed."""

MOST_DIGITS = 15
"""Of a printed share."""

INDEPENDENT = (
    "its columns do not add up to 1, as probabilities of their own do (a sigmoid each): the highest decides "
    "(label= asks for one of them)"
)
"""What is said of such columns where each image has one class."""


@record
class Evaluation:
    """How a model did on labelled images; made by `evaluate`.

    Parameters
    ----------
    scores : float array, shape (N, L)
    labels, predicted : int array, shape (N,)
        The true class of each image, and the one that the model chose.
    indices : int array, shape (N,)
        Where each image is in the data: 0 to N−1, without the files of a folder that are broken.
    class_names : tuple of str or None
    threshold : float or None
        Of two classes: what the score of class 1 has to exceed. None where the highest score decides.
    shuffled : bool
        Whether the data come in another order each time, as of a ``DataLoader`` with ``shuffle=True``: then
        `indices`, `right` and `wrong` are places in the order of this one pass, and ``data[i]`` is another
        image.
    range_check : RangeCheck or None
        How often the model is right with some of the images in other ranges of values. None where too few
        answers are wrong to ask.
    guesses : tuple of str
        What was taken for granted of the model's columns, in words.

    Examples
    --------
    >>> from sightline.evaluation.classification import evaluate
    >>> images = np.array([0.1, 0.6, 0.7, 0.8]).reshape(4, 1, 1)
    >>> done = evaluate(lambda x: x.mean((1, 2)), (images, [0, 0, 1, 1]), class_names=["well", "ill"])
    >>> done
    Evaluation of 4 images: class 1 (ill) where its score exceeds 0.5
    accuracy   0.750  (95 %: 0.301 to 0.954)
    AUC        1.000  (95 %: 0.386 to 1.000)
    guess      one column, taken for the probability of class 1 (output= overrules)
    recall     1.000  (95 %: 0.342 to 1.000)  of 2 ill
    precision  0.667  (95 %: 0.208 to 0.939)  of 3 said to be ill
    true \\ said  well  ill
    well            1    1
    ill             0    2
    >>> done.wrong
    array([1])
    """

    scores: Float64[np.ndarray, "N L"]
    labels: Int[np.ndarray, "N"]
    predicted: Int[np.ndarray, "N"]
    indices: Int[np.ndarray, "N"]
    class_names: tuple[str, ...] | None
    threshold: float | None
    shuffled: bool = False
    range_check: RangeCheck | None = None
    guesses: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def accuracy(self) -> float:
        """Share of the images whose class was found."""
        return float((self.labels == self.predicted).mean())

    @property
    def recall(self) -> float:
        """Of two classes: the share of class 1 that was found. Of more: the mean over the classes there are.

        nan where the class is not there; Keras says 0 then.
        """
        return self._one_or_mean(self.recalls)

    @property
    def precision(self) -> float:
        """Of two classes: how often the answer 1 is right. Of more: the mean over the classes said.

        nan where class 1 is never said; Keras says 0 then. A class never said is left out of the mean, as by
        scikit-learn's ``zero_division=np.nan``; its default counts it as 0.
        """
        return self._one_or_mean(self.precisions)

    @functools.cached_property
    def confusion(self) -> Int[np.ndarray, "L L"]:
        """How many images of each class (row) were taken for each class (column)."""
        from sklearn.metrics import confusion_matrix

        every = range(self.scores.shape[1])
        return np.asarray(confusion_matrix(self.labels, self.predicted, labels=list(every)))

    @property
    def recalls(self) -> Float[np.ndarray, "L"]:
        """Share of each class that was found; nan where there is none of it."""
        return _ratio_or_nan(np.diag(self.confusion), self.confusion.sum(axis=1))

    @property
    def precisions(self) -> Float[np.ndarray, "L"]:
        """How often the answer was right, for each class; nan where it was never said."""
        return _ratio_or_nan(np.diag(self.confusion), self.confusion.sum(axis=0))

    @functools.cached_property
    def aucs(self) -> tuple[Estimate, ...]:
        """For each class, the area under the ROC curve of it against all others, with its 95 % interval."""
        return tuple(
            UNKNOWN if np.isnan(each).any() else area_under_curve(each, self.labels == one)
            for one, each in enumerate(self.scores.T)
        )

    @property
    def auc(self) -> Estimate:
        """Of two classes: the area under the ROC curve. Of more: the mean over the classes there are.

        The mean has no interval: those of the classes are in `aucs`.
        """
        if len(self.aucs) == 2:
            return self.aucs[1]
        known = [one.value for one in self.aucs if not np.isnan(one.value)]
        return Estimate(float(np.mean(known)), np.nan, np.nan) if known else UNKNOWN

    @clear_arguments
    def roc(self, label: int = 1) -> RocCurve:
        """The ROC curve of a class against all others.

        Raises
        ------
        OptionError
            If there is no such class, or all images are of it or none is.
        """
        return roc_curve_of(self._scores_of(label), self.labels == label)

    @clear_arguments
    def choose_threshold(self, rule: str | ThresholdRule = "youden") -> ThresholdChoice:
        """The threshold of class 1 that a rule chooses, of two classes.

        Parameters
        ----------
        rule : str or ThresholdRule
            ``"youden"``; ``"cost:missed=5"``, the errors cost least if a missed one costs as much as five
            false alarms; ``"sensitivity:least=0.95"``, as few false alarms as there can be then.

        Raises
        ------
        OptionError
            If there is no such rule, the scores are no probabilities of two classes, or all images are of
            one class.

        Examples
        --------
        >>> from sightline.evaluation.classification import evaluate
        >>> images = np.array([0.1, 0.6, 0.7, 0.8]).reshape(4, 1, 1)
        >>> done = evaluate(lambda x: x.mean((1, 2)), (images, [0, 0, 1, 1]), class_names=["well", "ill"])
        >>> done.with_threshold(done.choose_threshold().threshold.value).accuracy
        1.0
        """
        self._refuse_threshold()
        return choose_threshold_by(rule, self.scores[:, 1], self.labels == 1, self.name(1))

    @clear_arguments
    def with_threshold(self, threshold: float) -> "Evaluation":
        """The same answers at another threshold, of two classes; nothing is asked again.

        Raises
        ------
        OptionError
            If it lies outside 0 to 1, or the scores are no probabilities of two classes.
        """
        check_number("threshold", threshold, at_least=0, at_most=1)
        self._refuse_threshold()
        predicted = (self.scores[:, 1] > threshold).astype(np.intp)
        return dataclasses.replace(self, predicted=predicted, threshold=threshold, range_check=None)

    @clear_arguments
    def calibration(self, bins: int = 10, label: int | None = None) -> Calibration:
        """How often what is said with some probability comes true.

        Parameters
        ----------
        bins : int
            Of as many images each; fewer where many have the same probability.
        label : int, optional
            Of which class; by default class 1 of two, and of more the predicted one, whichever it is.

        Raises
        ------
        OptionError
            If there is no such class, or the scores are no probabilities.
        """
        check_whole("bins", bins, 2, most=1000)
        if not self.says_probabilities:
            raise OptionError(
                f"calibration is of probabilities, but {describe_scores(self.scores)}. If they are logits, "
                'give as_model(model, output="softmax") or "sigmoid".',
                slug="evaluation-scores",
            )
        if label is None and self.scores.shape[1] == 2:
            label = 1
        if label is None:
            said = self.scores[np.arange(len(self)), self.predicted]
            return calibration_of(said, self.labels == self.predicted, bins, "the predicted class")
        return calibration_of(self._scores_of(label), self.labels == label, bins, self.name(label))

    @property
    def says_probabilities(self) -> bool:
        """Whether its scores are probabilities."""
        return _all_probable(self.scores)

    def plot(self) -> "Figure":
        """ROC and calibration curve."""
        from sightline.figures.evaluation_figure import plot_evaluation

        return plot_evaluation(self)

    def _scores_of(self, label: int) -> Float64[np.ndarray, "N"]:
        """The scores of one class."""
        check_whole("label", label, 0, most=self.scores.shape[1] - 1)
        if np.isnan(self.scores).any():
            raise OptionError(
                "the scores are not known here, but the answers alone, as a study keeps them: ask the model "
                "with sl.evaluate(model, data).",
                slug="evaluation-scores",
            )
        return self.scores[:, label]

    def _refuse_threshold(self) -> None:
        if self.threshold is None:
            raise OptionError(
                "a threshold is for the probability of one class of two, but "
                f"{describe_scores(self.scores)}: the highest score decides.",
                slug="evaluation-scores",
            )

    @property
    def right(self) -> Int[np.ndarray, "_"]:
        """Places in the data of the images whose class was found."""
        self._warn_of_order()
        return np.asarray(self.indices[self.labels == self.predicted])

    @property
    def wrong(self) -> Int[np.ndarray, "_"]:
        """Places in the data of the images taken for another class: ``data[i]`` shows one."""
        self._warn_of_order()
        return np.asarray(self.indices[self.labels != self.predicted])

    def _warn_of_order(self) -> None:
        if self.shuffled:
            warn(
                "the data were shuffled while they were read, so these are places in the order of that one "
                "pass, not in the data set: data[i] is another image. Evaluate with shuffle=False to know "
                "which images they are.",
                slug="evaluate-order",
            )

    @clear_arguments
    def name(self, label: int | np.integer) -> str:
        """The class's name, or its number."""
        if not is_whole(label) or (self.class_names and not 0 <= label < len(self.class_names)):
            raise OptionError(
                f"label must be the number of a class, but {label!r} was given.", slug="option-value"
            )
        return class_text(int(label), self.class_names)

    @clear_arguments
    def report(self, digits: int = 3) -> str:
        """scikit-learn's ``classification_report``: precision, recall and F1 of each class."""
        from sklearn.metrics import classification_report

        check_whole("digits", digits, 0, most=MOST_DIGITS)
        every = range(self.scores.shape[1])
        return str(
            classification_report(
                self.labels,
                self.predicted,
                labels=list(every),
                target_names=[self.name(one) for one in every],
                digits=digits,
                zero_division=np.nan,
            )
        )

    def _one_or_mean(self, shares: Float[np.ndarray, "L"]) -> float:
        if shares.size == 2:
            return float(shares[1])
        known = shares[~np.isnan(shares)]
        return float(known.mean()) if known.size else float("nan")

    def __repr__(self) -> str:
        lines = [f"{name}{' ' * (9 - text_width(name))}  {said}" for name, said in self.measured]
        table = format_table(self.table) if self.table else self._worst_confusions()
        return "\n".join([self.heading, *lines, *table])

    def _repr_html_(self) -> str:
        drawn = self.plot if self.scores.shape[1] <= WIDEST else None
        said = [] if self.table else self._worst_confusions()
        head = (tr("measure"), tr("value"))
        return result_html(
            self.heading, figure=drawn, sentences=said, tables=[[head, *self.measured], self.table]
        )

    @property
    def measured(self) -> list[tuple[str, str]]:
        """Names of what was measured, and what came of it."""
        accuracy = _share_text(int(np.trace(self.confusion)), len(self))
        lines = [(tr("accuracy"), accuracy), *self._auc_lines()]
        lines += [(tr("guess"), one) for one in self.guesses]
        if self.range_check is not None and self.range_check.better:
            lines.append((tr("values"), str(self.range_check)))
        recall, precision = tr("recall"), tr("precision")
        if self.scores.shape[1] == 2:
            found, ill = int(self.confusion[1, 1]), self.name(1)
            there, said = int(self.confusion[1].sum()), int(self.confusion[:, 1].sum())
            told = tr("{share}  of {n:,} {name}", share=_share_text(found, there), n=there, name=ill)
            lines.append((recall, told))
            told = tr("{share}  of {n:,} said to be {name}", share=_share_text(found, said), n=said, name=ill)
            lines.append((precision, told))
        else:
            mean = tr("{value:.3f}  mean over the classes there are", value=self.recall)
            lines.append((recall, mean))
            never = int(np.isnan(self.precisions).sum())
            note = tr(" (without {n} never said: zero_division=nan)", n=never) if never else ""
            mean = tr("{value:.3f}  mean over the classes said{note}", value=self.precision, note=note)
            lines.append((precision, mean))
        return lines

    def _auc_lines(self) -> list[tuple[str, str]]:
        """The area under the ROC curve; nothing where it is not known."""
        if np.isnan(self.auc.value):
            return []
        if self.scores.shape[1] == 2:
            return [("AUC", _interval_text(self.auc))]
        mean = tr(
            "{value:.3f}  mean over the classes there are, each against the others", value=self.auc.value
        )
        return [("AUC", mean)]

    @property
    def heading(self) -> str:
        """How many images, and what decides."""
        order = tr(", in shuffled order") if self.shuffled else ""
        head = translate_plural(
            "Evaluation of {n:,} image{order}", "Evaluation of {n:,} images{order}", len(self), order=order
        )
        if self.threshold is None:
            return tr("{head}: the highest of {n} scores decides", head=head, n=self.scores.shape[1])
        return tr(
            "{head}: class 1 ({name}) where its score exceeds {threshold:g}",
            head=head,
            name=self.name(1),
            threshold=self.threshold,
        )

    @property
    def table(self) -> list[list[str]]:
        """The confusion matrix: true classes below each other; empty where there are too many."""
        if len(self.confusion) > WIDEST:
            return []
        names = [self.name(one) for one in range(len(self.confusion))]
        rows = [[tr("true \\ said"), *names]]
        return rows + [
            [name, *(f"{many:,}" for many in row)] for name, row in zip(names, self.confusion, strict=True)
        ]

    def _worst_confusions(self) -> list[str]:
        """The confusions that happened most often."""
        mixed = self.confusion - np.diag(np.diag(self.confusion))
        order = np.argsort(-mixed, axis=None, kind="stable")[:5]
        pairs = [(int(place) // len(mixed), int(place) % len(mixed)) for place in order]
        return [
            tr(
                "{n:,} × true {label}, said {said}",
                n=int(mixed[true, said]),
                label=self.name(true),
                said=self.name(said),
            )
            for true, said in pairs
            if mixed[true, said]
        ]


def are_shares(scores: Float64[np.ndarray, "N L"]) -> bool:
    """Whether the classes of each image share a probability of 1."""
    return bool(scores.min() >= 0 and np.allclose(scores.sum(axis=1), 1, atol=1e-3))


def are_independent(scores: Float64[np.ndarray, "N L"]) -> bool:
    """Whether scores are probabilities of which each stands for itself."""
    return _all_probable(scores) and not are_shares(scores)


def _all_probable(scores: Float64[np.ndarray, "N L"]) -> bool:
    return bool(np.isfinite(scores).all() and scores.min() >= 0 and scores.max() <= 1 + 1e-6)


def describe_scores(scores: Float64[np.ndarray, "N L"]) -> str:
    """Why no threshold of a probability decides."""
    if scores.shape[1] > 2:
        return f"the model has {scores.shape[1]} classes"
    return "its scores are not known here" if np.isnan(scores).any() else "its scores are no probabilities"


def _ratio_or_nan(part: Int[np.ndarray, "L"], whole: Int[np.ndarray, "L"]) -> Float[np.ndarray, "L"]:
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))


def _share_text(part: int, whole: int) -> str:
    """A share with its 95 % interval (Wilson 1927), which is sound for few images and for shares of 1."""
    return _interval_text(share_estimate(part, whole)) if whole else "-"


def _interval_text(one: Estimate) -> str:
    return tr("{one.value:.3f}  (95 %: {one.low:.3f} to {one.high:.3f})", one=one)


def read_indices(data: object, count: int) -> Int[np.ndarray, "N"]:
    """Where in the data the images were that were read."""
    if not isinstance(data, ImageFolder):
        return np.arange(count)
    return np.setdiff1d(np.arange(len(data)), [one.index for one in data.unreadable])
