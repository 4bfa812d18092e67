"""what a run is given → a job, and what the study is made of; or what it was made of, known again."""

import contextlib
import dataclasses
import time
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from sightline._class_names import ClassNames, class_columns, place_guess, target_columns
from sightline._digests import file_digest
from sightline._files import is_a_file, readable_text
from sightline._language import in_english
from sightline._printing import printable_text
from sightline._trust import split_secret
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.one_label import LabelView
from sightline.adapters.open_model import absolute_model_text, split_model_text
from sightline.data import ImageFormat
from sightline.data.datasets import Dataset, as_dataset
from sightline.data.holdout import HoldoutRule
from sightline.data.image_depths import warn_mixed_depths
from sightline.data.looks import NO_LOOKS, looks_of, match_looks
from sightline.data.several_labels import LabelImages, as_multi_label, one_label_of
from sightline.engine.image import as_image
from sightline.engine.pipeline import max_calls
from sightline.engine.plan import Plan
from sightline.errors import FileError, ImageError, OptionError, SightlineError, warn
from sightline.evaluation.class_evaluation import INDEPENDENT, are_independent
from sightline.evaluation.range_check import FIRST, IMAGES, NEEDED, spread_places, try_ranges
from sightline.study.manifest import (
    Manifest,
    manifest_key,
    read_manifest,
    studied_places,
)
from sightline.study.model_identity import (
    check_steady,
    first_mismatch,
    reference_predictions,
    scores_of_image,
    warn_other_weights,
    weights_digest,
)
from sightline.study.schema import StudyResults
from sightline.study.store import Store
from sightline.study.tasks import ModelSpec, StudyJob
from sightline.types import WhiteBoxMethod, record

REFERENCES = 8
"""Images by whose scores a model is known again."""
COMPARED = 2000
"""Images of a data set that are all compared with each other before it is begun."""
PART_SECONDS = 10.0
PART_IMAGES = 256
PART_PIXELS = 1 << 26
"""What a part may take to compute and to hold, about."""
PARTS = 16
"""Parts that a study has at least, so that several workers have something to do."""


@record
class OpenedData:
    """Labelled images, and the text and form by which they can be opened again, if they can.

    With a split, only those are to be explained that it selects; places are those of all images.
    """

    source: Dataset
    text: str
    image_format: ImageFormat | None
    split: HoldoutRule | None = None

    def selected_places(self) -> Int[np.ndarray, "N"]:
        """Places of the images that are to be explained."""
        return studied_places(self.split, 0, len(self.source))


@record
class OpenedModel:
    """A model, how it can be opened again, if it can, and what was taken for granted of it.

    Parameters
    ----------
    model : CheckedModel
    spec : ModelSpec or None
    guesses, weighing : tuple of str
        As the study's manifest keeps them.
    """

    model: CheckedModel
    spec: ModelSpec | None
    guesses: tuple[str, ...] = ()
    weighing: tuple[str, ...] = ()


def resolve_images(
    given: Any,
    image_format: ImageFormat | None,
    split: HoldoutRule | None = None,
    *,
    recorded: str = "",
    label: int | str | None = None,
    columns: tuple[str, ...] | None = None,
) -> OpenedData:
    """Labelled images from a text or a value; `recorded` names the file that a text was read from.

    Of images with several labels those of the one that a model is asked for, whose columns are so called.
    """
    if isinstance(given, OpenedData):
        return given
    source, text, form = open_source(given, image_format, recorded=recorded)
    return OpenedData(as_dataset(one_label_of(source, label, columns)), text, form, split)


def open_source(
    given: Any, image_format: ImageFormat | None, *, recorded: str = ""
) -> tuple[Any, str, ImageFormat | None]:
    """Images from a text or a value, of one label or of several; their text, and the form they are in."""
    if isinstance(given, str | PathLike):
        from sightline.data.data_spec import open_labels

        return (*open_labels(str(given), image_format, recorded=recorded), image_format)
    if image_format is not None:
        raise OptionError(
            "image_format= goes with images that are named by a text; those given here have theirs already.",
            slug="option-value",
        )
    several = as_multi_label(given)
    return given if several is None else several, "", None


def resolve_model(
    given: Any,
    class_names: ClassNames | None,
    preprocess: Any,
    trust: bool,
    output: str | None = None,
    *,
    recorded: str = "",
    by_end: bool = False,
    view: LabelView = LabelView(),
) -> OpenedModel:
    """A model from a text or a value; `recorded` names the file that a text was read from.

    What a model of the user's says of its own columns holds. With `by_end`, `output` is what another form of
    the model had, and a network is read by what it can be seen to end in.
    """
    if isinstance(given, OpenedModel):
        return given
    if not isinstance(given, str | PathLike):
        own = isinstance(given, CheckedModel) and given.output not in ("auto", "network")
        rule = "auto" if own else output or "auto"
        model = as_model(
            given,
            output=rule,
            class_names=class_names,
            preprocess=preprocess,
            label=view.label,
            threshold=None if view.threshold == 0.5 else view.threshold,
        )
        return OpenedModel(model.by_its_end() if by_end and rule != "auto" else model, None)
    # What a file names is absolute, and not looked at before it is trusted.
    text, secret = split_secret(str(given) if recorded else absolute_model_text(str(given)))
    spec = ModelSpec(text, trust, class_names, output or "auto", view, secret, recorded)
    if preprocess is None:
        return OpenedModel(spec.open(), spec)
    return OpenedModel(as_model(spec.open(), preprocess=preprocess), None)


def open_both(
    data: Any,
    model: Any,
    image_format: ImageFormat | None,
    split: HoldoutRule | None,
    opening: tuple[Any, ...],
    view: LabelView,
) -> tuple[OpenedData, OpenedModel]:
    """Images and model of a new study; the images' labels name the columns of a model that has no names.

    `opening` are the class names, the preprocessing, the trust and the output of `resolve_model`.
    """
    opened = None if isinstance(data, OpenedData) else open_source(data, image_format)
    names = None if opened is None or view.label is None else getattr(opened[0], "label_names", None)
    asked = resolve_model(model, *opening, view=view)
    if names is not None and asked.model.column_names is None:
        asked = resolve_model(model, names, *opening[1:], view=view)
    if opened is None:
        return data, asked
    source, text, form = opened
    label = asked.model.view.label
    return OpenedData(
        as_dataset(one_label_of(source, label, asked.model.column_names)), text, form, split
    ), asked


def as_studied_model(model: object, study: StudyResults | None) -> CheckedModel:
    """A model with the names that a study has for its classes, asked for the label that it is of."""
    if study is None:
        return as_model(model)
    manifest = getattr(study, "manifest", None)
    if not isinstance(manifest, Manifest) or (not manifest.label and manifest.threshold == 0.5):
        return as_model(model, class_names=study.class_names)
    view, own = manifest.view, isinstance(model, CheckedModel) and model.view.label is not None
    names = None if own else manifest.column_names
    return as_model(model, class_names=names, label=view.label, threshold=view.threshold)


def model_key(study: StudyResults | None) -> str:
    """What a study's model is known by; empty where nothing tells."""
    manifest = getattr(study, "manifest", None)
    return manifest.model_key if isinstance(manifest, Manifest) else ""


def make_manifest(plan: Plan, data: OpenedData, opened: OpenedModel, *, check_range: bool = True) -> Manifest:
    """What a new study is made of; the model is asked about a few of the images.

    With `check_range`, also whether it is right more often with their values in another range.

    Raises
    ------
    ImageError
        If none of the images can be read.
    ModelError
        If the model fails at them.
    TargetError
        If labels or class names are not among the model's classes.
    """
    images = _reference_images(data)
    scores, seconds, shape = _ask_about_references(images, opened.model)
    columns = next(iter(scores.values())).size
    classes, names = _match_classes(data.source, columns, opened.model)
    target_columns(plan.target, opened.model)  # refuses classes that the model does not have
    text = opened.spec.text if opened.spec else ""
    digest = _text_digest(text)
    return Manifest(
        plan=plan,
        part_size=_part_size(plan, seconds, shape, len(data.source)),
        class_names=names,
        n_columns=columns,
        model_text=text if readable_text(text) == text else "",
        model_digest=digest,
        weights_digest="" if digest else weights_digest(opened.model),
        reference_predictions=reference_predictions(opened.model, images, scores),
        # A path that is no UTF-8 cannot be written down: it has to be given again.
        data_text=data.text if readable_text(data.text) == data.text else "",
        image_format=data.image_format,
        fingerprint=data.source.fingerprint(),
        image_count=len(data.source),
        split=data.split,
        range_note=_range_note(data, opened.model, classes) if check_range else "",
        output=opened.model.settled_output,
        guesses=opened.guesses + _guesses(data, opened.model, np.stack(list(scores.values()))),
        weighing=opened.weighing,
        label=_label_text(opened.model),
        threshold=opened.model.view.threshold,
        label_names=(opened.model.column_names or ()) if opened.model.view.label is not None else (),
    )


def _label_text(model: CheckedModel) -> str:
    """The label that is asked for, by its name or else by its number; empty of classes."""
    label, names = model.view.label, model.column_names
    if label is None:
        return ""
    return str(label) if names is None else model.view.name(names)


def _guesses(data: OpenedData, model: CheckedModel, scores: Float[np.ndarray, "n L"]) -> tuple[str, ...]:
    """What was taken for granted, and how many images are left out."""
    missing = data.source.n_missing if isinstance(data.source, LabelImages) else 0
    told = (
        model.guess,
        place_guess(model, data.source.class_names),
        INDEPENDENT if are_independent(scores) else "",
        _near_duplicates_guess(data),
        warn_mixed_depths(data.source),
        f"{missing:,} images are left out, of which the label is not known" if missing else "",
    )
    return tuple(filter(None, told))


def make_job(manifest: Manifest, data: OpenedData, opened: OpenedModel, batch_size: int | None) -> StudyJob:
    """What workers are told."""
    columns, _ = _match_classes(data.source, manifest.n_columns, opened.model)
    model: Any = opened.model
    if opened.spec is not None:
        names, output = manifest.column_names, manifest.output
        model = dataclasses.replace(opened.spec, class_names=names, output=output, view=manifest.view)
    return StudyJob(model, data.source, columns, manifest.plan, batch_size, manifest.split)


def check_no_orphans(manifest: Manifest, store: Store, folder: Path) -> None:
    """Refuse to begin a study where parts lie that say nothing of it: their plan.toml is gone.

    Raises
    ------
    FileError
    """
    orphans = store.orphans(manifest_key(manifest))
    # Looked at last: another process may have begun meanwhile.
    if orphans and read_manifest(folder) is None:
        raise FileError(
            f"{store.folder} holds explanations of another study ({orphans[0].path.name}"
            f"{f' and {len(orphans) - 1} more' if len(orphans) > 1 else ''}), whose plan.toml is gone: under "
            "another plan, model or other images they would be taken for what they are not. Put that "
            "plan.toml back to go on with it, or give the new study a folder of its own.",
            slug="study-other-part",
        )


def _near_duplicates_guess(data: OpenedData) -> str:
    """How many of the images held out are among the others, too, or nearly; of small sets only.

    Not where it is images held out that are studied, as for a proof: that was said when they were set apart.
    """
    if data.split is None or data.split.held_out or len(data.source) > COMPARED:
        return ""
    studied, looks = [], []
    for place in range(len(data.source)):
        with contextlib.suppress(SightlineError):
            looks.append(looks_of([data.source[place][0]]))
            studied.append(place)
    chosen = np.isin(studied, data.selected_places())
    whole = np.concatenate([NO_LOOKS, *looks])
    found = match_looks(whole[~chosen], whole[chosen])
    many, count = int((found.same | found.near).sum()), int((~chosen).sum())
    if not many:
        return ""
    warn(
        f"{many:,} of the {count:,} images that are held out are the same or nearly the "
        "same as images that are studied, if need be mirrored or turned: on them a proof says little. "
        "Leave out what is there twice.",
        slug="held-out-near",
    )
    return in_english(
        "the {count:,} images held out are new, though {many:,} of them are the same or nearly the same as "
        "images that are studied, so that a proof says little on them",
        count=count,
        many=many,
    )


def check_data(manifest: Manifest, source: Dataset, folder: Path) -> None:
    """Refuse images other than those that a study was made of."""
    if len(source) == manifest.image_count and source.fingerprint() == manifest.fingerprint:
        return
    of = f" from {printable_text(manifest.data_text)}" if manifest.data_text else ""
    what = (
        f"{len(source):,} were given"
        if len(source) != manifest.image_count
        else "some of their names, labels or pixels differ"
    )
    raise OptionError(
        f"these are not the images of the study in {folder}: it was made of {manifest.image_count:,}{of}, "
        f"and {what}. Give the same, or give the new study a folder of its own.",
        slug="study-other-data",
    )


def check_model(manifest: Manifest, source: Dataset, opened: OpenedModel, folder: Path) -> None:
    """Refuse a model that answers otherwise than the one that a study was made with, or another file."""
    now = _text_digest(opened.spec.text) if opened.spec else ""
    if now and manifest.model_digest and now != manifest.model_digest:
        raise OptionError(
            f"the file of the model is another than when the study in {folder} was made. Give the new "
            "study a folder of its own.",
            slug="study-other-model",
        )
    images = _images_at(source, sorted({one.place for one in manifest.reference_predictions}))
    found = first_mismatch(opened.model, manifest.reference_predictions, images)
    if found is not None:
        one, scores = found
        best, was = one.classes[0], one.scores[0]
        changed = f", changed ({one.kind})," if one.kind else ""
        said = f"{scores[best]:.4g}" if best < scores.size else "has no such class"
        raise OptionError(
            f"this is not the model of the study in {folder}: of image {one.place}{changed} it said "
            f"{was:.4g} for class {best}, and now {said}. Explanations of two models cannot be compared: "
            "give the new study a folder of its own.",
            slug="study-other-model",
        )
    if manifest.weights_digest and weights_digest(opened.model) not in ("", manifest.weights_digest):
        warn_other_weights(folder, len(manifest.reference_predictions))


def _text_digest(text: str) -> str:
    """Digest of the file that a model is opened from; empty if the text names none."""
    file = split_model_text(text)[0]
    return file_digest(Path(file)) if file and is_a_file(file) else ""


def _match_classes(
    source: Dataset, columns: int, model: CheckedModel
) -> tuple[Int[np.ndarray, "_"], tuple[str, ...] | None]:
    """The model's column of each class of the data, and the names of its columns."""
    present = np.unique(source.labels) if source.knows_labels else None
    return class_columns(columns, model, source.class_names, present)


def _images_at(source: Dataset, places: Sequence[int]) -> dict[int, Shaped[np.ndarray, "..."]]:
    """The images at some places, those that can be read."""
    images = {}
    for place in places:
        with contextlib.suppress(SightlineError):
            images[place] = as_image(source[place][0])
    return images


def _reference_images(data: OpenedData) -> dict[int, Shaped[np.ndarray, "..."]]:
    """A few images by their places, spread over the data.

    Raises
    ------
    ImageError
        If none can be read, or they are other ones each time.
    """
    source, places = data.source, data.selected_places()
    if not len(places):
        raise ImageError(
            f"none of the {len(source)} images are left to explain with {data.split!r}.", slug="study-images"
        )
    spread = places[np.unique(np.linspace(0, len(places) - 1, REFERENCES).astype(int))].tolist()
    images = _images_at(source, spread)
    if not images:
        try:
            first: object = source[spread[0]]
        except SightlineError as error:
            first = error
        raise ImageError(
            f"of the {len(source):,} images, none of {len(spread)} that were tried can be read. The first: "
            f"{first}",
            slug="study-images",
        )
    for place, again in _images_at(source, list(images)).items():
        check_steady(place, images[place], again)
    return images


def _ask_about_references(
    images: dict[int, Shaped[np.ndarray, "..."]], model: CheckedModel
) -> tuple[dict[int, Float[np.ndarray, "L"]], float, tuple[int, ...]]:
    """Scores of a few images by their places, the seconds that one takes, and one's shape."""
    scores = {place: scores_of_image(model, image) for place, image in images.items()}
    started = time.perf_counter()  # the first calls of a model may be slow
    for image in images.values():
        scores_of_image(model, image)
    return scores, (time.perf_counter() - started) / len(images), next(iter(images.values())).shape


def _range_note(data: OpenedData, model: CheckedModel, classes: Int[np.ndarray, "_"]) -> str:
    """What to say of the images' range of values, where the model is right more often in another."""
    source, places = data.source, data.selected_places()
    if source.knows_labels:
        places = places[spread_places(source.labels[places], IMAGES)]
    else:
        places = places[np.unique(np.linspace(0, len(places) - 1, IMAGES).astype(int))]
    images, labels, predicted = [], [], []
    for place in places.tolist():
        try:
            pixels, given = source[place]
            images.append(as_image(pixels))
            predicted.append(int(scores_of_image(model, images[-1]).argmax()))
        except SightlineError:  # said when it is explained
            images = images[: len(predicted)]
            continue
        labels.append(int(classes[int(given)]))
        wrong = sum(one != other for one, other in zip(labels, predicted, strict=True))
        if len(labels) == FIRST and wrong < NEEDED:
            return ""
    tried = try_ranges(
        model,
        images,
        np.array(labels, np.intp),
        np.array(predicted, np.intp),
        lambda scores: scores.argmax(axis=1),
    )
    return "" if tried is None or tried.better is None else f"{tried}. {tried.advice}"


def _part_size(plan: Plan, seconds: float, shape: tuple[int, ...], count: int) -> int:
    """Images of a part: some seconds' work, and not too much to hold."""
    calls = 1 if isinstance(plan.attribute, WhiteBoxMethod) else max_calls(plan)
    most = min(PART_IMAGES, PART_PIXELS // (shape[0] * shape[1]), count // PARTS)
    return int(np.clip(PART_SECONDS / (seconds * calls), 1, max(1, most)))
