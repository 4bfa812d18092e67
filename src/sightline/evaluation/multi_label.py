"""images with several labels each and a model → for each label, how often the model is right about it."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int, Int8, Shaped

from sightline._arguments import clear_arguments
from sightline._checks import check_number
from sightline._class_names import columns_by_name, names_hint
from sightline._language import translate as tr
from sightline._notebook_html import result_html
from sightline._printing import printable_text
from sightline._tables import format_table
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.one_label import LabelView
from sightline.data.several_labels import UNKNOWN, MultiLabelDataset
from sightline.errors import ImageError, OptionError, TargetError
from sightline.evaluation.class_evaluation import Evaluation, read_indices
from sightline.evaluation.discrimination import ThresholdChoice, ThresholdRule, share_estimate
from sightline.types import did_you_mean, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLACES = "the model names no labels, so they are taken in the data's order (class_names= overrules)"
Thresholds = float | Mapping[str, float]
"""One for all labels, or those of some by name."""


@record
class MultiLabelEvaluation:
    """How a model did on images of which several labels may be true; made by `evaluate`.

    Parameters
    ----------
    evaluations : tuple of Evaluation
        One for each label that both the model and the data have: class 0 without it, class 1 with it. The
        images of which a label is not known are left out there.
    label_names : tuple of str
    missing : tuple of int
        For each label, of how many images it is not known.
    left_out : tuple of str
        Labels that only the model or only the data have, or that are known of no image.
    exact : tuple of int
        Of the images of which all labels are known: how many have all said rightly, and how many there are.
    guesses : tuple of str
        What was taken for granted of the model's columns, in words.
    """

    evaluations: tuple[Evaluation, ...]
    label_names: tuple[str, ...]
    missing: tuple[int, ...]
    left_out: tuple[str, ...] = ()
    exact: tuple[int, int] = (0, 0)
    guesses: tuple[str, ...] = ()

    @clear_arguments
    def __getitem__(self, which: int | str) -> Evaluation:
        """One label's evaluation, by name or place.

        Raises
        ------
        TargetError
            If there is no such label.
        """
        (found,) = (
            columns_by_name([str(which)], self.label_names) if isinstance(which, str) else (int(which),)
        )
        if not 0 <= found < len(self.evaluations):
            raise TargetError(
                f"there is no label {which!r}. {did_you_mean(str(which), self.label_names)}",
                slug="label-unknown",
            )
        return self.evaluations[found]

    @clear_arguments
    def choose_thresholds(self, rule: str | ThresholdRule = "youden") -> dict[str, ThresholdChoice]:
        """For each label, the threshold that a rule chooses, as `Evaluation.choose_threshold` does.

        Labels of which all images have it, or none, have none.

        Raises
        ------
        OptionError
            If there is no such rule.
        """
        pairs = zip(self.label_names, self.evaluations, strict=True)
        return {name: one.choose_threshold(rule) for name, one in pairs if not np.isnan(one.auc.value)}

    @clear_arguments
    def with_thresholds(self, thresholds: Thresholds) -> "MultiLabelEvaluation":
        """The same answers at other thresholds; labels that are not named stay as they are.

        Raises
        ------
        OptionError
            If one lies outside 0 to 1, or the scores are no probabilities.
        TargetError
            If there is no such label.
        """
        given = label_thresholds(thresholds, self.label_names)
        pairs = zip(self.label_names, self.evaluations, strict=True)
        changed = tuple(one.with_threshold(given[name]) if name in given else one for name, one in pairs)
        return dataclasses.replace(self, evaluations=changed, exact=_all_right(changed))

    def plot(self) -> "Figure":
        """ROC and calibration curve of each label."""
        from sightline.figures.evaluation_figure import plot_evaluation

        return plot_evaluation(self)

    def __repr__(self) -> str:
        guesses = [tr("guess: {what}", what=one) for one in self.guesses]
        return "\n".join([self.heading, *guesses, *format_table(self.table), *self._notes()])

    def _repr_html_(self) -> str:
        guesses = [tr("guess: {what}", what=one) for one in self.guesses]
        return result_html(self.heading, sentences=[*guesses, *self._notes()], tables=[self.table])

    @property
    def table(self) -> list[tuple[str, ...]]:
        """A line for each label below the heads."""
        heads = (
            tr("label"),
            tr("there"),
            tr("known"),
            "AUC",
            "95 %",
            tr("from"),
            tr("sensitivity"),
            tr("specificity"),
            tr("accuracy"),
            "Brier",
        )
        return [heads, *map(self._table_row, self.label_names, self.evaluations)]

    def _notes(self) -> list[str]:
        """How often all labels are right, and what was left out."""
        notes = []
        right, known = self.exact
        if known:
            share = repr(share_estimate(right, known))
            notes.append(
                tr("all labels right: {share} of {n:,} images of which all are known", share=share, n=known)
            )
        if any(self.missing):
            told = [
                f"{printable_text(name)} {count:,}"
                for name, count in zip(self.label_names, self.missing, strict=True)
                if count
            ]
            notes.append(tr("not known, and left out there: {names}", names=", ".join(told)))
        if self.left_out:
            names = ", ".join(map(printable_text, self.left_out))
            notes.append(
                tr("labels left out, not of both model and data or known of no image: {names}", names=names)
            )
        return notes

    @property
    def heading(self) -> str:
        """How many images and labels."""
        count = len({int(place) for one in self.evaluations for place in one.indices})
        return tr("Evaluation of {n:,} images, {labels} labels", n=count, labels=len(self.label_names))

    def _table_row(self, name: str, one: Evaluation) -> tuple[str, ...]:
        there = int((one.labels == 1).sum())
        area = one.auc
        known = not np.isnan(area.value)
        return (
            printable_text(name),
            f"{there:,}",
            f"{len(one):,}",
            f"{area.value:.3f}" if known else "-",
            tr("{low:.3f} to {high:.3f}", low=area.low, high=area.high) if known else "",
            "" if one.threshold is None else f"{one.threshold:.3g}",
            _share_text(one.recalls[1]),
            _share_text(one.recalls[0]),
            f"{one.accuracy:.3f}",
            f"{np.mean((one.scores[:, 1] - one.labels) ** 2):.3f}" if one.says_probabilities else "",
        )


def _share_text(share: float) -> str:
    return "-" if np.isnan(share) else f"{share:.3f}"


def label_thresholds(given: Thresholds, names: tuple[str, ...]) -> dict[str, float]:
    """Each label's threshold by its name, of those that are given.

    Raises
    ------
    OptionError
        If one lies outside 0 to 1.
    TargetError
        If there is no such label.
    """
    if not isinstance(given, Mapping):
        return dict.fromkeys(names, check_number("threshold", given, at_least=0, at_most=1))
    found = dict(zip(given, columns_by_name(list(map(str, given)), names), strict=True))
    for name, place in found.items():
        if place < 0:
            raise TargetError(
                f"a threshold is given for {name!r}, which is no label. {did_you_mean(str(name), names)}",
                slug="label-unknown",
            )
        check_number("threshold", given[name], at_least=0, at_most=1)
    return {names[place]: float(given[name]) for name, place in found.items()}


def _all_right(evaluations: tuple[Evaluation, ...]) -> tuple[int, int]:
    """Images of which all labels are said rightly, and those of which all are known."""
    known: dict[int, int] = {}
    right: dict[int, int] = {}
    for one in evaluations:
        for place, same in zip(one.indices.tolist(), (one.labels == one.predicted).tolist(), strict=True):
            known[place] = known.get(place, 0) + 1
            right[place] = right.get(place, 0) + same
    whole = [place for place, count in known.items() if count == len(evaluations)]
    return sum(right[place] == len(evaluations) for place in whole), len(whole)


def evaluate_labels(
    model: CheckedModel,
    data: MultiLabelDataset,
    thresholds: Thresholds | None,
    batch_size: int,
    tick: Callable[[int], None],
) -> MultiLabelEvaluation:
    """Ask a model about all labels at once, each image once; labels without a threshold have the model's own.

    Raises
    ------
    ModelError
        If the model chooses one class of several, as a softmax does.
    TargetError
        If it cannot be told which of its columns is which label.
    """
    scores, labels, by_place = [], [], False
    views: list[CheckedModel] = []
    pairs: list[tuple[int, int]] = []
    for images, combinations in data.dataset.batches(batch_size):
        if not views:
            by_place = model.column_names is None and data.label_names is not None
            model, pairs = _matched_labels(model, np.array(images[:1], order="C"), data)
            pairs = _known_labels(pairs, data)
            views = [model.of_label(LabelView(column)) for column, _ in pairs]
        said = views[0].label_scores(np.array(images, order="C"), views[1:])
        scores.append(np.stack(said, axis=1))
        labels.append(data.combinations[combinations])
        tick(len(labels[-1]))
    if not views:
        raise ImageError("the data have no images.", slug="data-none")
    whole = np.concatenate(scores)
    truth = np.concatenate(labels)[:, [label for _, label in pairs]]
    names = tuple(one.class_names[1] if one.class_names else "" for one in views)
    whole_names = _names_of_columns(model, views[0]) or ()
    usual = model.view.threshold
    given = label_thresholds(
        usual if thresholds is None else thresholds, tuple(dict.fromkeys((*names, *whole_names)))
    )
    places = read_indices(data.dataset, len(truth))
    made = tuple(
        _one_evaluation(each, known, places, name, given.get(name, usual))
        for each, known, name in zip(whole.swapaxes(0, 1), truth.T, names, strict=True)
    )
    used = {label for _, label in pairs}
    left = [name for place, name in enumerate(data.names) if place not in used]
    left += [name for name in whole_names if columns_by_name([name], (*names, *left))[0] < 0]
    return MultiLabelEvaluation(
        made,
        names,
        tuple(int((column == UNKNOWN).sum()) for column in truth.T),
        tuple(left),
        _all_right(made),
        _label_guesses(views[0], by_place),
    )


def named_by_data(model: CheckedModel, data: MultiLabelDataset) -> CheckedModel:
    """The model with the data's names of labels for its columns, where it has none itself."""
    if model.column_names is not None or data.label_names is None:
        return model
    return as_model(model, class_names=data.label_names)


def _matched_labels(
    model: CheckedModel, images: Shaped[np.ndarray, "1 ..."], data: MultiLabelDataset
) -> tuple[CheckedModel, list[tuple[int, int]]]:
    """The model with names for its columns, and the pairs of its columns and the data's labels."""
    columns = model.count_columns(images)
    ours, theirs = data.label_names, _names_of_columns(model, model.of_label(LabelView(0)))
    if ours is not None and theirs is not None and len(theirs) == columns:
        found = columns_by_name(ours, theirs)
        pairs = sorted((column, label) for label, column in enumerate(found) if column >= 0)
        if pairs:
            return model, pairs
    elif columns == len(data.names) and (theirs is None or len(theirs) == columns):
        named = model if theirs is not None else as_model(model, class_names=data.names)
        return named, [(one, one) for one in range(columns)]
    raise TargetError(
        f"the model has {columns} column{'s' * (columns != 1)} of scores{names_hint(theirs)}, and the data "
        f"have {len(data.names)} labels{names_hint(ours)}: which is which cannot be told. Give class_names= "
        "(--names), one for each column of the model, by the names that the data use.",
        slug="labels-unmatched",
    )


def _names_of_columns(model: CheckedModel, view: CheckedModel) -> tuple[str, ...] | None:
    """What its columns are called as labels; `view` is the model asked for one of them."""
    return model.column_names if view.column_names is None else view.column_names


def _known_labels(pairs: list[tuple[int, int]], data: MultiLabelDataset) -> list[tuple[int, int]]:
    """Those of which something is known: joined data sets often have labels of which nothing is."""
    seen = (data.truth != UNKNOWN).any(axis=0)
    known = [pair for pair in pairs if seen[pair[1]]]
    if not known:
        raise ImageError(
            f"none of the labels {', '.join(data.names[label] for _, label in pairs)} is known of any of the "
            f"{len(data):,} images.",
            slug="label-missing",
        )
    return known


def _label_guesses(view: CheckedModel, by_place: bool) -> tuple[str, ...]:
    """What was taken for granted, said once for all labels."""
    logits = view.settled_output == "sigmoid"
    how = "logits, and each one's sigmoid for the score" if logits else "scores of their own"
    return tuple(
        filter(
            None,
            (
                f"its columns were taken for {how} (output= overrules)" if view.guess else "",
                PLACES if by_place else "",
            ),
        )
    )


def _one_evaluation(
    scores: Float64[np.ndarray, "N 2"],
    truth: Int8[np.ndarray, "N"],
    places: Int[np.ndarray, "N"],
    name: str,
    threshold: float,
) -> Evaluation:
    """What was said of one label, of the images of which it is known."""
    known = np.flatnonzero(truth != UNKNOWN)
    made = Evaluation(
        np.ascontiguousarray(scores[known]),
        truth[known].astype(np.intp),
        np.zeros(len(known), np.intp),
        places[known],
        (f"not {name}", name),
        threshold,
    )
    if not made.says_probabilities:
        if threshold != 0.5:
            raise OptionError(
                f"threshold={threshold:g} is for probabilities, but the model's scores of {name!r} are none. "
                'Say what its columns are: as_model(model, output="sigmoid") (--output).',
                slug="threshold-scores",
            )
        return dataclasses.replace(made, predicted=scores[known].argmax(axis=1), threshold=None)
    return made.with_threshold(threshold)
