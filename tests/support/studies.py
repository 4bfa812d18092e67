"""A small study in memory: images really explained one by one, as findings take them."""

from collections.abc import Iterator

import numpy as np

import sightline as sl
from sightline.adapters import as_model
from sightline.study.schema import PredictedAndLabel, Row
from sightline.types import Attribution, Segments


def nothing_more(classes):
    return ()


class Memory:
    """What findings ask of a study; `only` names the places to explain, all of them if left out."""

    def __init__(self, model, images, labels, plan, *, class_names=None, only=None):
        self.model = as_model(model, class_names=class_names)
        self.plan = plan
        self.class_names = self.model.class_names
        self.images = images
        chosen = range(len(images)) if only is None else only
        self._rows = {int(place): self._explained(int(place), int(labels[place])) for place in chosen}
        self.places = np.array(list(self._rows), dtype=np.intp)
        self.labels = np.array([row.label for row in self._rows.values()], dtype=np.intp)
        self.predicted = np.array([row.predicted for row in self._rows.values()], dtype=np.intp)
        self.ids = tuple(row.id for row in self._rows.values())

    def _explained(self, place: int, label: int) -> Row:
        target = PredictedAndLabel(label, nothing_more)
        made = sl.explain(self.images[place], self.model, self.plan, target=target, progress=False)
        scores = made.scores
        return Row(
            place=place,
            id=str(place),
            label=label,
            predicted=int(np.argmax(scores.classes)),
            targets=scores.targets,
            classes=scores.classes,
            full=scores.full,
            empty=scores.empty,
            segments=made.segments,
            attribution=made.attribution,
        )

    def rows(self) -> Iterator[Row]:
        yield from self._rows.values()

    def row(self, place: int) -> Row:
        return self._rows[place]

    def image(self, place: int) -> np.ndarray:
        return self.images[place]


class Answered(Memory):
    """A study whose images were answered and not explained, for what asks the model itself: quickly made."""

    def _explained(self, place: int, label: int) -> Row:
        (scores,) = self.model(self.images[place][np.newaxis])
        predicted = int(np.argmax(scores))
        targets = tuple(dict.fromkeys((predicted, label)))
        nothing = np.zeros((len(targets), 1))
        return Row(
            place=place,
            id=str(place),
            label=label,
            predicted=predicted,
            targets=targets,
            classes=np.asarray(scores, dtype=np.float64),
            full=np.asarray(scores, dtype=np.float64)[list(targets)],
            empty=nothing[:, 0],
            segments=Segments(np.zeros(self.images[place].shape[:2], dtype=int)),
            attribution=Attribution(nothing, nothing, nothing[:, 0], nothing[:, 0], 1, True),
        )
