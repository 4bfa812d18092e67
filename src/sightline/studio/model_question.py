"""one image and what of it is to be hidden → the model's answer before and after, once a person asks."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline import render
from sightline._checks import is_whole
from sightline._printing import printable_text
from sightline._trust import without_secrets
from sightline.adapters.checked_model import CheckedModel
from sightline.engine.fills import draw_area, draw_fill
from sightline.engine.image import channels_last, unit_rgb
from sightline.errors import OptionError
from sightline.reports.image_data import encode_image
from sightline.reports.repair_part import shown_class
from sightline.reports.summary import ImageData
from sightline.studio.region_lines import known_regions
from sightline.study.study import Study
from sightline.types import record

if TYPE_CHECKING:
    from sightline.studio.opened_study import OpenedStudy

LEADING = 5
"""Classes whose scores are told: those that lead before, or after."""
SIDE = 448
"""Most pixels of a side of the image with something hidden."""

_ASKED: "WeakKeyDictionary[OpenedStudy, ModelQuestions]" = WeakKeyDictionary()
_MAKING = threading.Lock()


@record
class ModelAnswer:
    """What the model says of an image as it is, and with something hidden.

    Parameters
    ----------
    classes : tuple of (str, float, float)
        Name and score before and after, of those that lead before or after, and of the label.
    before, after : str
        The class that is said.
    hidden : ImageData
        The image with it hidden, as the model got it; the first draw of a fill that has several.
    calls : int
        Images that the model was given for this.
    """

    classes: tuple[tuple[str, float, float], ...]
    before: str
    after: str
    hidden: ImageData
    calls: int


class ModelQuestions:
    """The questions that a person asks a study's model, one after the other, and how many calls they took.

    Parameters
    ----------
    opened : OpenedStudy
    """

    def __init__(self, opened: "OpenedStudy") -> None:
        self._lock = threading.Lock()
        self._run = opened.run
        self.calls = 0

    @classmethod
    def of(cls, opened: "OpenedStudy") -> "ModelQuestions":
        """Those of a study."""
        with _MAKING:
            if opened not in _ASKED:
                _ASKED[opened] = cls(opened)
            return _ASKED[opened]

    def load(self, opened: "OpenedStudy") -> None:
        """Load the model: code of others may run. Only where a person asked for it.

        Raises
        ------
        SightlineError
            If the rules of ``--trust`` do not allow it.
        """
        with self._lock:
            opened.load_model()

    def ask(self, opened: "OpenedStudy", place: int, body: Mapping[str, Any]) -> ModelAnswer:
        """Hide something in an image, and ask.

        Parameters
        ----------
        opened : OpenedStudy
        place : int
            Of the image.
        body : mapping
            Either ``"segments"``, a list of numbers, or ``"region"``, a name.

        Raises
        ------
        SightlineError
            If the model was not loaded, there is no such image, or nothing to hide.
        """
        if not opened.has_model:
            raise OptionError(
                "the model is not loaded, and nobody has agreed to that: press the button that says what is "
                "loaded.",
                slug="studio-consent",
            )
        study = opened.study
        with self._lock:
            image, drawn = study.image(place), self._hidden_images(study, place, body)
            made = ask_model(opened.load_model(), image, drawn, study.row(place).label, study.class_names)
            self.calls += made.calls
            return made

    def _hidden_images(
        self, study: Study, place: int, body: Mapping[str, Any]
    ) -> Shaped[np.ndarray, "D ..."]:
        row, image, fill = study.row(place), study.image(place), study.plan.fill
        if "region" in body:
            mask = self._region_mask(study, body["region"], place)
            return hide_mask(image, mask, draw_area(image, mask, fill))
        numbers = body.get("segments")
        count = row.segments.count
        if not isinstance(numbers, list) or not all(is_whole(one) and 0 <= one < count for one in numbers):
            raise OptionError(
                f"what is hidden is a region, or a list of segments from 0 to {count - 1}.",
                slug="studio-question",
            )
        if not numbers:
            raise OptionError("nothing is chosen that could be hidden.", slug="studio-question")
        # As in the study: the fill is given all segments, and shows through where some are hidden.
        return hide_mask(image, np.isin(row.segments.labels, numbers), draw_fill(image, row.segments, fill))

    def _region_mask(self, study: Study, name: object, place: int) -> Bool[np.ndarray, "H W"]:
        for regions in known_regions(study, self._run):
            if isinstance(name, str) and name in regions:
                shape = study.row(place).segments.labels.shape
                mask = regions[name].masks((shape[0], shape[1]), place)[0]
                return np.asarray(mask)
        raise OptionError("there is no such region to hide.", slug="studio-question")


def hide_mask(
    image: Shaped[np.ndarray, "..."], mask: Bool[np.ndarray, "H W"], draws: Shaped[np.ndarray, "D H W C"]
) -> Shaped[np.ndarray, "D ..."]:
    """The image with pixels that show a fill, one for each draw of it."""
    hidden = np.where(mask[np.newaxis, ..., np.newaxis], draws, channels_last(image)[np.newaxis])
    return np.asarray(hidden.reshape(len(draws), *image.shape))


def ask_model(
    model: CheckedModel,
    image: Shaped[np.ndarray, "..."],
    hidden: Shaped[np.ndarray, "D ..."],
    label: int,
    names: tuple[str, ...] | None,
) -> ModelAnswer:
    """What a model says of an image, and on average of it with something hidden."""
    said: Float[np.ndarray, "B L"] = np.asarray(model(np.concatenate([image[np.newaxis], hidden])))
    before, after = said[0], said[1:].mean(axis=0)
    order = {one: None for scores in (before, after) for one in np.argsort(-scores, kind="stable")[:LEADING]}
    told = sorted({*map(int, order), label}, key=lambda one: -before[one])
    return ModelAnswer(
        tuple((shown_class(one, names), float(before[one]), float(after[one])) for one in told),
        shown_class(int(before.argmax()), names),
        shown_class(int(after.argmax()), names),
        encode_image(render.fit_to_size(unit_rgb(hidden[0]), SIDE)),
        len(said),
    )


def model_text(opened: "OpenedStudy") -> str:
    """What is loaded when the model is: what the command line names, else what the study's folder does."""
    text = opened.model or opened.study.manifest.model_text
    return printable_text(without_secrets(text))
