"""held-out images and two models asked for one label of several → what became of the other labels."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline._class_names import columns_by_name
from sightline._language import in_english
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.one_label import LabelView
from sightline.data.datasets import Dataset, Subset
from sightline.data.several_labels import UNKNOWN, LabelImages, MultiLabelDataset
from sightline.evaluation.discrimination import share_in_order
from sightline.findings.significance import percentile_ci
from sightline.proof.paired_metrics import FEWEST, PairedMetric, paired_metric
from sightline.repair.training_data import stack_images

ROUNDS = 999
"""Resamples of the change of an area under a ROC curve."""
BATCH_SIZE = 64


def other_label_metrics(
    data: Subset, models: Sequence[CheckedModel], rng: np.random.Generator, level: float
) -> Iterator[PairedMetric]:
    """Accuracy and area under the ROC curve of each other label, before and after, on the same images.

    Nothing where the models are not asked for one label of several, or the data do not know the others.
    """
    found = _labels_of(data)
    if found is None or any(one.view.label is None for one in models):
        return
    several, places = found
    truth = several.truth[places]
    said = [_scores_of_labels(one, data, several) for one in models]
    names = several.label_names or models[0].column_names or several.names
    for label, name in enumerate(names[: len(several.names)]):
        known = truth[:, label] != UNKNOWN
        both = [each.get(label) for each in said]
        if label == _asked_column(data) or not known.any() or both[0] is None or both[1] is None:
            continue
        labels = truth[known, label] == 1
        before, after = (each[known] for each in both if each is not None)
        right = [(each > 0.5) == labels for each in (before, after)]
        yield paired_metric(
            "other label", in_english("accuracy of {name}", name=name), right[0], right[1], rng, level=level
        )
        if labels.any() and not labels.all():
            yield _area_metric(name, before, after, labels, rng, level)


def _labels_of(data: Dataset) -> tuple[MultiLabelDataset, Int[np.ndarray, "N"]] | None:
    """All labels of the images, and where each image is among those of all labels."""
    places = np.arange(len(data))
    while isinstance(data, Subset):
        places = data.indices[places]
        if isinstance(data, LabelImages) and data.several is not None:
            return data.several, places
        data = data.dataset
    return None


def _asked_column(data: Dataset) -> int:
    """Which of the data's labels was repaired."""
    while isinstance(data, Subset) and not isinstance(data, LabelImages):
        data = data.dataset
    return data.column if isinstance(data, LabelImages) else -1


def _scores_of_labels(
    model: CheckedModel, data: Subset, several: MultiLabelDataset
) -> dict[int, Float[np.ndarray, "N"]]:
    """The score of each of the data's labels that the model has, by its place there; one call an image."""
    columns, names = model.column_names, several.label_names
    count = len(several.names)
    asked = range(count) if columns is None or names is None else columns_by_name(names, columns)
    views = {label: model.of_label(LabelView(int(one))) for label, one in enumerate(asked) if one >= 0}
    if not views:
        return {}
    first, *others = views.values()
    rows = []
    size = model.batch_size or BATCH_SIZE
    for start in range(0, len(data), size):
        images = stack_images(data, range(start, min(start + size, len(data))))
        rows.append(np.stack([one[:, 1] for one in first.label_scores(images, others)], axis=1))
    return dict(zip(views, np.concatenate(rows).T, strict=True))


def _area_metric(
    name: str,
    before: Float[np.ndarray, "n"],
    after: Float[np.ndarray, "n"],
    labels: Bool[np.ndarray, "n"],
    rng: np.random.Generator,
    level: float,
) -> PairedMetric:
    """The areas, and the interval of their difference by drawing the images of each class anew."""
    low, high, count = np.nan, np.nan, len(labels)
    if count >= FEWEST:
        positive, negative = np.flatnonzero(labels), np.flatnonzero(~labels)
        changes = []
        for _ in range(ROUNDS):
            drawn = np.concatenate([rng.choice(one, len(one)) for one in (positive, negative)])
            changes.append(
                share_in_order(after[drawn], labels[drawn]) - share_in_order(before[drawn], labels[drawn])
            )
        low, high = percentile_ci(np.array(changes), 1 - level)
    was, now = share_in_order(before, labels), share_in_order(after, labels)
    return PairedMetric(
        "other label", in_english("AUC of {name}", name=name), was, now, low, high, np.nan, None, count
    )
