"""labelled images and a model → what it says of them, asked and counted."""

from collections.abc import Mapping
from os import PathLike

import numpy as np
from jaxtyping import Float64, Int

from sightline._arguments import clear_arguments
from sightline._checks import check_number
from sightline._class_names import ClassNames, class_columns, place_guess, warn_if_permuted
from sightline._progress import progress_bar
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.data.batching import batches
from sightline.data.data_spec import open_labels
from sightline.data.image_depths import warn_mixed_depths
from sightline.data.items import Batches, is_shuffled
from sightline.data.labels import label_indices, names_of_labels
from sightline.data.several_labels import as_multi_label, one_label_of
from sightline.errors import OptionError
from sightline.evaluation.class_evaluation import (
    INDEPENDENT,
    Evaluation,
    are_independent,
    are_shares,
    describe_scores,
    read_indices,
)
from sightline.evaluation.multi_label import (
    MultiLabelEvaluation,
    Thresholds,
    evaluate_labels,
    named_by_data,
)
from sightline.evaluation.range_check import KeptImages, try_ranges, warn_of_one_class

__all__ = ["Evaluation", "evaluate"]


@clear_arguments
def evaluate(
    model: object,
    data: object,
    *,
    threshold: Thresholds | None = None,
    batch_size: int = 32,
    class_names: ClassNames | None = None,
    check_range: bool = True,
    progress: bool | None = None,
) -> Evaluation | MultiLabelEvaluation:
    """Ask a model about labelled images and count its right and wrong answers.

    Two classes whose scores are probabilities (one sigmoid column counts as two): class 1 where its
    score exceeds `threshold`, as ``keras.metrics.BinaryAccuracy`` has it. Else the highest score decides.

    Where both the model and the data name their classes, labels are matched by name, whatever its case,
    spaces and underscores; else by the label that a scikit-learn model says each column stands for; by
    place where a model tells nothing. Where another order of the classes would make far more answers
    right, a warning says so.

    Images of which several labels may be true (rows of zeros and ones with other than a single 1,
    `sightline.data.multi_label`, lists with a column for each) are asked about once, and counted for each
    label: the model's columns are then probabilities of their own. A network's logits go through a sigmoid
    each; a softmax is refused. Of a model that is asked for one label (`as_model`) that one alone is counted.

    Parameters
    ----------
    model : callable or anything `as_model` takes
    data : anything `sightline.data.batches` takes, or str
        Labelled images in the form that the model wants. A text is a folder, a list or a built-in set, as
        for `sightline.data.data_spec.open_labels`.
    threshold : float or mapping of str to float, optional
        Between 0 and 1; for two classes only. Of several labels one for all, or some by name. By default 0.5,
        or what `as_model` was told.
    batch_size : int
        Images in one call of the model, where the data do not come in batches.
    class_names : sequence of str, optional
        In the model's order; by default what the model, else the data, knows.
    check_range : bool
        Where many answers are wrong: ask about up to 96 of the images with their values in other usual
        ranges, and warn if the model is clearly right more often so. Nothing else changes.
    progress : bool, optional
        Show a progress bar; by default on a terminal and in a notebook.

    Returns
    -------
    Evaluation or MultiLabelEvaluation

    Raises
    ------
    FileError, ImageError
        If the data cannot be used, as for `sightline.data.batches`.
    ModelError
        If the model's answer cannot be used.
    OptionError
        If `threshold` lies outside 0 to 1, or is given where the highest score decides.
    TargetError
        If labels or class names are not among the model's classes.

    Examples
    --------
    >>> images = np.linspace(0, 1, 8).reshape(8, 1, 1)
    >>> truth = (np.arange(8) > 3).astype(int)
    >>> evaluate(lambda x: x.mean((1, 2)), (images, truth), threshold=0.8).recall
    0.5
    """
    adapted = as_model(model, class_names=class_names)
    opened = open_labels(str(data))[0] if isinstance(data, str | PathLike) else data
    several = as_multi_label(opened, asked=adapted.view.label is not None)
    warn_mixed_depths(opened)
    if several is not None and adapted.view.label is None:
        with progress_bar(progress, len(several)) as tick:
            return evaluate_labels(adapted, several, threshold, batch_size, tick)
    if several is not None:
        adapted = named_by_data(adapted, several)
        opened = one_label_of(several, adapted.view.label, adapted.column_names)
    chosen = adapted.view.threshold if threshold is None else threshold
    if isinstance(chosen, Mapping):
        raise OptionError(
            "thresholds by name are for images of which several labels may be true, but each of these has "
            "one class: give one number.",
            slug="option-value",
        )
    check_number("threshold", chosen, at_least=0, at_most=1)
    if adapted.view.threshold != 0.5:  # its scores as it says them, held against the threshold itself
        adapted = as_model(adapted, threshold=0.5)
    return _evaluate_classes(adapted, batches(opened, batch_size), chosen, check_range, progress)


def _evaluate_classes(
    adapted: CheckedModel, source: Batches, threshold: float, check_range: bool, progress: bool | None
) -> Evaluation:
    """Ask about images of one class each."""
    found, truth, some = [], [], KeptImages()
    with progress_bar(progress, source.n_images) as tick:
        for images, labels in source:
            # A copy: the model may change what it is given.
            found.append(adapted(np.array(images, order="C")))
            truth.append(labels)
            if check_range:
                some.add(images, labels)
            tick(len(labels))
    scores, labels = np.concatenate(found), np.concatenate(truth)
    known = source.class_names
    if labels.dtype.kind in "OU":  # names, of which nothing said before which there are
        known = names_of_labels(labels)
        labels = label_indices(labels, len(labels), known)
    columns, names = class_columns(scores.shape[1], adapted, known, np.unique(labels))
    labels = columns[labels]
    predicted, used = _decide_classes(scores, threshold)
    warn_if_permuted(labels, predicted, names)
    places, kept = some.taken()
    tried = try_ranges(
        adapted, kept, labels[places], predicted[places], lambda said: _decide_classes(said, threshold)[0]
    )
    if tried is not None:
        tried.warn_if_better()
    if kept and (tried is None or tried.better is None):
        warn_of_one_class(adapted, kept[0], scores[places[0]], labels, predicted)
    indices, shuffled = read_indices(source.source, len(labels)), is_shuffled(source.source)
    own = "" if scores.shape[1] < 2 or not are_independent(scores) else INDEPENDENT
    guesses = tuple(filter(None, (adapted.guess, place_guess(adapted, known), own)))
    return Evaluation(scores, labels, predicted, indices, names, used, shuffled, tried, guesses)


def _decide_classes(
    scores: Float64[np.ndarray, "N L"], threshold: float
) -> tuple[Int[np.ndarray, "N"], float | None]:
    """The class chosen for each image, and the threshold if it was by one."""
    two = scores.shape[1] == 2
    if two and are_shares(scores):
        return (scores[:, 1] > threshold).astype(np.intp), threshold
    if threshold != 0.5:
        why = describe_scores(scores)
        raise OptionError(
            f"threshold={threshold:g} is for the probability of one class of two, but {why}: the highest "
            "score decides. Leave threshold out"
            + (', or give as_model(model, output="softmax").' if two else "."),
            slug="option-value",
        )
    return np.asarray(scores.argmax(axis=1), dtype=np.intp), None
