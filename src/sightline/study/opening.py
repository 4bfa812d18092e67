"""what a run is given → a job, and what the study is made of; or what it was made of, known again."""

import time
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sightline.adapters import as_model
from sightline.adapters.model import CheckedModel
from sightline.data import Form
from sightline.data.source import Source, fingerprint, pictures
from sightline.data.split import Split
from sightline.engine.explain import most_calls
from sightline.engine.image import as_image
from sightline.engine.plan import Plan
from sightline.errors import ImageError, OptionError, SightlineError
from sightline.evaluation import matched
from sightline.study import plan as kept
from sightline.study.plan import Origin, Probe
from sightline.study.work import Job, Recipe
from sightline.types import Inside, record

PROBES = 8
"""Images by whose scores a model is known again."""
PART_SECONDS = 10.0
PART_IMAGES = 256
PART_PIXELS = 1 << 26
"""What a part may take to compute and to hold, about."""
PARTS = 16
"""Parts that a study has at least, so that several workers have something to do."""


@record
class Data:
    """Labelled images, and the text and form by which they can be opened again, if they can.

    With a split, only those are meant that it means; places are those of all images.
    """

    source: Source
    text: str
    form: Form | None
    split: Split | None = None

    def meant(self) -> Int[np.ndarray, "N"]:
        """Places of the images that are meant."""
        every = np.arange(len(self.source))
        return every if self.split is None else every[self.split.meant(every)]


@record
class Asked:
    """A model, and how it can be opened again, if it can."""

    model: CheckedModel
    recipe: Recipe | None


def open_images(given: Any, form: Form | None, split: Split | None = None) -> Data:
    """Labelled images from a text or a value.

    Raises
    ------
    FileError, ImageError, OptionError
    """
    if isinstance(given, Data):
        return given
    if isinstance(given, str | PathLike):
        from sightline.data.named import open_data

        source, text = open_data(str(given), form)
        return Data(source, text, form, split)
    if form is not None:
        raise OptionError(
            "form= goes with images that are named by a text; those given here have a form already.",
            slug="option-value",
        )
    return Data(pictures(given), "", None, split)


def open_asked(given: Any, class_names: Any, preprocess: Any, trust: bool) -> Asked:
    """A model from a text or a value.

    Raises
    ------
    FileError, ModelError, OptionError
    """
    if not isinstance(given, str | PathLike):
        return Asked(as_model(given, class_names=class_names, preprocess=preprocess), None)
    text = str(Path(given).resolve()) if Path(given).is_file() else str(given)
    recipe = Recipe(text, trust, None if class_names is None else tuple(class_names))
    if preprocess is None:
        return Asked(recipe.open(), recipe)
    return Asked(as_model(recipe.open(), preprocess=preprocess), None)


def origin_of(plan: Plan, data: Data, asked: Asked) -> Origin:
    """What a new study is made of; the model is asked about a few of the images.

    Raises
    ------
    ImageError
        If none of the images can be read.
    ModelError
        If the model fails at them.
    TargetError
        If labels or class names are not among the model's classes.
    """
    probes, seconds, shape = _probed(data, asked.model)
    columns = next(iter(probes.values())).size
    _, names = matched(
        _classes(data.source, columns), columns, asked.model.class_names, data.source.class_names
    )
    text = asked.recipe.text if asked.recipe else ""
    return Origin(
        plan=plan,
        part=_part_size(plan, seconds, shape, len(data.source)),
        class_names=names,
        columns=columns,
        model=text,
        digest=kept.file_digest(text),
        probes=tuple(Probe.of(place, scores) for place, scores in probes.items()),
        data=data.text,
        form=data.form,
        fingerprint=fingerprint(data.source),
        count=len(data.source),
        split=data.split,
    )


def job_of(origin: Origin, data: Data, asked: Asked, batch_size: int | None) -> Job:
    """What workers are told."""
    columns, _ = matched(
        _classes(data.source, origin.columns),
        origin.columns,
        asked.model.class_names,
        data.source.class_names,
    )
    model: Any = asked.model
    if asked.recipe is not None:
        model = Recipe(asked.recipe.text, asked.recipe.trust, origin.class_names)
    return Job(model, data.source, columns, origin.plan, batch_size, origin.split)


def check_data(origin: Origin, source: Source, folder: Path) -> None:
    """Refuse images other than those that a study was made of.

    Raises
    ------
    OptionError
    """
    if fingerprint(source) == origin.fingerprint:
        return
    of = f" from {origin.data}" if origin.data else ""
    what = (
        f"{len(source):,} were given"
        if len(source) != origin.count
        else "some of their names, labels or pixels differ"
    )
    raise OptionError(
        f"these are not the images of the study in {folder}: it was made of {origin.count:,}{of}, and "
        f"{what}. Give the same, or give the new study a folder of its own.",
        slug="study-other-data",
    )


def check_model(origin: Origin, source: Source, model: CheckedModel, folder: Path) -> None:
    """Refuse a model that answers otherwise than the one that a study was made with.

    Raises
    ------
    OptionError
    """
    for probe in origin.probes:
        scores = _asked(source, model, probe.place)
        if scores is not None and not probe.fits(scores):
            best, was = probe.classes[0], probe.scores[0]
            now = f"{scores[best]:.4g}" if best < scores.size else "has no such class"
            raise OptionError(
                f"this is not the model of the study in {folder}: of image {probe.place} it said {was:.4g} "
                f"for class {best}, and now {now}. Explanations of two models cannot be compared: give "
                "the new study a folder of its own.",
                slug="study-other-model",
            )


def check_file(origin: Origin, asked: Asked, folder: Path) -> None:
    """Refuse a model's file that is another than a study was made with.

    Raises
    ------
    OptionError
    """
    now = kept.file_digest(asked.recipe.text) if asked.recipe else ""
    if now and origin.digest and now != origin.digest:
        raise OptionError(
            f"the file of the model is another than when the study in {folder} was made. Give the new "
            "study a folder of its own.",
            slug="study-other-model",
        )


def _classes(source: Source, columns: int) -> Any:
    """The classes that the data's labels may be."""
    if source.class_names is not None:
        return np.arange(len(source.class_names))
    labels = getattr(source, "labels", None)
    return np.arange(columns if labels is None else int(labels.max()) + 1)


def _probed(
    data: Data, model: CheckedModel
) -> tuple[dict[int, Float[np.ndarray, "L"]], float, tuple[int, ...]]:
    """Scores of a few images by their places, the seconds that one takes, and one's shape."""
    source, places = data.source, data.meant()
    if not len(places):
        raise ImageError(
            f"none of the {len(source)} images are left to explain with {data.split!r}.", slug="study-images"
        )
    spread = places[np.unique(np.linspace(0, len(places) - 1, PROBES).astype(int))].tolist()
    asked = {place: _asked(source, model, place) for place in spread}
    readable = {place: scores for place, scores in asked.items() if scores is not None}
    if not readable:
        raise ImageError(
            f"of the {len(source):,} images, none of {len(spread)} that were tried can be read. The first: "
            f"{_why(source, spread[0])}",
            slug="study-images",
        )
    started = time.perf_counter()
    for place in readable:
        _asked(source, model, place)
    first = as_image(source[next(iter(readable))][0])
    return readable, (time.perf_counter() - started) / len(readable), first.shape


def _why(source: Source, place: int) -> str:
    try:
        source[place]
    except SightlineError as error:
        return str(error)
    return f"image {place}"


def _asked(source: Source, model: CheckedModel, place: int) -> Float[np.ndarray, "L"] | None:
    """A model's scores of one image; None where it cannot be read."""
    try:
        image = as_image(source[place][0])
    except SightlineError:
        return None
    scores: Float[np.ndarray, "L"] = model(np.array(image[np.newaxis], order="C"))[0]
    return scores


def _part_size(plan: Plan, seconds: float, shape: tuple[int, ...], count: int) -> int:
    """Images of a part: some seconds' work, and not too much to hold."""
    calls = 1 if isinstance(plan.attribute, Inside) else most_calls(plan)
    most = min(PART_IMAGES, PART_PIXELS // (shape[0] * shape[1]), count // PARTS)
    return int(np.clip(PART_SECONDS / (seconds * calls), 1, max(1, most)))
