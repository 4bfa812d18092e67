"""a model and some labelled images → what nobody has to be asked: their form, range, classes, hiding, speed.

Each is tried, told with its numbers, kept, and overruled by an option of its own.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._batch_sizes import ask_in_batches, choose_batch_size
from sightline._class_names import class_columns, swapped_classes
from sightline._language import in_english, translatable, translate_kept
from sightline._language import translate as tr
from sightline._spec import to_spec
from sightline.adapters.checked_model import CheckedModel
from sightline.data import ImageFormat
from sightline.data.datasets import Dataset
from sightline.engine.hiding import hides_little, try_fills, usual_fills
from sightline.engine.image import as_image, channels_last
from sightline.engine.input_range import doubts_range, tells_from_black
from sightline.errors import ModelError, SightlineError, collect_warnings
from sightline.evaluation.range_check import RangeCheck, spread_places, try_ranges
from sightline.types import Segments, record

Image = Shaped[np.ndarray, "..."]

IMAGES = 200
"""Most images that are looked at."""
BYTES = 128 * 2**20
"""Memory that they may take."""
TRIED = 4
"""Images that a form is tried on."""
SIDES = (224, 32, 28, 64, 96, 128, 256, 299, 384, 512)
"""Heights and widths to try a model with that tells none and does not take images as they are."""
HIDDEN = 24
"""Images of which everything is hidden."""
SURELY_RIGHT = 0.9
"""Share of right answers from which on another order of the classes, or another range, is taken."""
BLANK = 0.9
"""Share of images that get one class, or of which a model is sure beyond reason, where it sees none."""
LEFT = 0.25
"""Share of these that may stay as they are, for a fill to be taken."""
RANGE_OPTIONS = "--values / --mean --std"
"""What overrules a range of values."""
TO_ONE = "from 0 to 1"
FILLS = ("blur", "segment-mean", "noise")
"""What is taken for hidden first; black and white come last, as a mark may be either."""
TIMED = 2
"""Times that the model is asked for its speed: the quicker one counts."""


@record
class Discovery:
    """Something that was found out, and not asked.

    Parameters
    ----------
    name : str
        What it is about.
    found : str
        What is taken.
    reason : str
        What was measured; empty where it was told.
    option : str
        What overrules it, on the command line.
    doubt : str
        What was taken for granted with it and may be wrong, so that it has to be known beside the report;
        empty where there is no doubt.
    weighs : bool
        Whether it was judged by the very images that are audited, so that the verdict rests on it.
    """

    name: str
    found: str
    reason: str
    option: str
    doubt: str = ""
    weighs: bool = False

    def __str__(self) -> str:
        told = {name: translate_kept(getattr(self, name)) for name in ("name", "found", "reason")}
        if not self.reason:
            return tr("{name}: {found}; {option} overrules", option=self.option, **told)
        return tr("{name}: {found} ({reason}); {option} overrules", option=self.option, **told)


@record
class SampledImages:
    """Some images of a data set, of all classes in turn, as they are in their files.

    Parameters
    ----------
    images : tuple of arrays
    labels : int array, shape (n,)
        As the data number them.
    """

    images: tuple[Shaped[np.ndarray, "..."], ...]
    labels: Int[np.ndarray, "n"]

    def shaped(self, form: ImageFormat) -> "SampledImages":
        """The same images in a form."""
        return SampledImages(tuple(form(image) for image in self.images), self.labels)


def sample_images(data: Dataset, among: Int[np.ndarray, "_"] | None = None) -> SampledImages:
    """Images to look at, those that can be read: as many of each class as can be, spread over the data.

    Parameters
    ----------
    data : Dataset
    among : int array, optional
        Places of those that may be looked at: not of those that are held out.
    """
    known = np.arange(len(data)) if among is None else among
    if data.knows_labels:
        places = known[spread_places(np.asarray(data.labels)[known], IMAGES)].tolist()
    else:
        places = known[np.unique(np.linspace(0, len(known) - 1, IMAGES).astype(int))].tolist()
    images: list[Image] = []
    labels, room = [], BYTES
    for place in places:
        with contextlib.suppress(SightlineError):  # said when it is explained
            pixels, label = data[place]
            image = as_image(pixels)
            room -= image.nbytes
            if images and room < 0:
                break
            images.append(image)
            labels.append(int(label))
    return SampledImages(tuple(images), np.array(labels, dtype=np.intp))


def find_form(
    model: CheckedModel, sample: SampledImages, given: ImageFormat, *, resized: bool
) -> tuple[ImageFormat, list[Discovery]]:
    """The channels and size that the model takes, by trying: as the files are, if it takes them so.

    Parameters
    ----------
    model : CheckedModel
    sample : SampledImages
        As they are in their files.
    given : ImageFormat
        What was told: what is not "asis" there stays.
    resized : bool
        Whether the size may be chosen.

    Raises
    ------
    ModelError
        If it takes none of the forms: the error for the images as they are.
    """
    first: ModelError | None = None
    for form in _plausible_forms(model, sample, given, resized):
        try:
            for image in sample.images[:TRIED]:
                with collect_warnings():
                    model(form(image)[np.newaxis])
        except ModelError as error:
            first = first or error
        else:
            return form, _form_discoveries(form, given, sample)
    assert first is not None
    raise first


def _plausible_forms(
    model: CheckedModel, sample: SampledImages, given: ImageFormat, resized: bool
) -> Iterator[ImageFormat]:
    """Forms to try, the likeliest first: as told, as declared, grey or coloured, of usual sizes."""
    declared = model.backend.image_lengths if model.preprocess is None else None
    height, width, channels = declared or (None, None, None)
    shapes = {image.shape[:2] for image in sample.images}
    modes = [given.mode] if given.mode != "asis" else ["asis", "rgb", "grey"]
    if given.mode == "asis" and channels in (1, 3):
        modes = ["asis", "grey" if channels == 1 else "rgb"]
    sizes: list[tuple[int, int] | None] = [given.size]
    resized = resized and given.size is None
    if resized and height and width:
        sizes = [(height, width)] if shapes != {(height, width)} else [None]
    elif resized:
        sizes += [(side, side) for side in SIDES]
    for size in sizes:
        for mode in modes:
            yield dataclasses.replace(given, size=size, mode=mode)


def _form_discoveries(form: ImageFormat, given: ImageFormat, sample: SampledImages) -> list[Discovery]:
    found = []
    if form.mode != given.mode:
        reason = in_english("the model does not take them as they are in their files")
        found.append(Discovery(in_english("channels"), form.mode, reason, "--mode"))
    if form.size is not None and form.size != given.size:
        height, width = form.size
        shapes = sorted({image.shape[:2] for image in sample.images})
        have = ", ".join(f"{across}x{down}" for down, across in shapes[:3])
        have += ", …" if len(shapes) > 3 else ""
        reason = in_english("the model takes no other; the files have {have}", have=have)
        size = in_english("resized to {width}x{height}", width=width, height=height)
        found.append(Discovery(in_english("image size"), size, reason, "--size"))
    return found


def ask_about(model: CheckedModel, images: Sequence[Shaped[np.ndarray, "..."]]) -> Float[np.ndarray, "n L"]:
    """Scores of images, asked in batches."""
    size = choose_batch_size(None, model, images[0])
    with collect_warnings():
        return np.stack(ask_in_batches(model, images, min(size, 32)))


@record
class ValueRange:
    """What is done to the values of images before the model gets them: less `mean`, by `std`."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def find_range(
    model: CheckedModel, sample: SampledImages, columns: Int[np.ndarray, "_"], *, learned: bool
) -> tuple[ValueRange | None, list[Discovery]]:
    """The range of values in which the model is clearly right more often, if there is one.

    Of images that the model has not learned from that is no reason by itself: a model that is misled by them
    may be so less in a range that it never saw. There it counts only if the model makes nothing of the images
    as they are, and is right almost always in the other range; else it is a doubt, which is told.

    A network that gets bytes and learned from 0 to 1 may be right as often and sure beyond reason: then the
    range in which it is not is taken, if it is right as often there, and the images are not black to it.
    """
    scores = ask_about(model, sample.images)
    labels, predicted = columns[sample.labels], scores.argmax(axis=1)
    tried = try_ranges(model, sample.images, labels, predicted, lambda said: said.argmax(axis=1))
    better = None if tried is None else tried.better
    sure = np.array([doubts_range(one, said) for one, said in zip(sample.images, scores, strict=True)])
    blank = max(float(np.bincount(predicted).max()) / len(predicted), float(sure.mean()))
    what = in_english("range of values")
    if tried is not None and better is not None and (learned or (_surely_right(tried) and blank >= BLANK)):
        doubt = "" if learned else in_english(_RANGE_TAKEN, tried=str(tried), option=RANGE_OPTIONS)
        found = Discovery(
            what, better, _among_which(str(tried), learned), RANGE_OPTIONS, doubt, weighs=not learned
        )
        return ValueRange(tried.mean, tried.std), [found]
    if sure.mean() > 0.5:
        values, reason = _less_sure_range(model, sample, scores, labels, sure)
        if values is not None:
            return values, [Discovery(what, TO_ONE, _among_which(reason, learned), RANGE_OPTIONS)]
    if tried is not None and better is not None:
        doubt = in_english(_RANGE_KEPT, tried=str(tried), option=RANGE_OPTIONS)
        kept = in_english("as the files have it")
        return None, [Discovery(what, kept, str(tried), RANGE_OPTIONS, doubt)]
    return None, []


def _among_which(counted: str, learned: bool) -> str:
    """What was counted, and that it was among training images, where more are right than among the others."""
    return in_english("among training images: {counted}", counted=counted) if learned else counted


_RANGE_TAKEN = translatable(
    "{tried}, which is taken although these are the images that are audited ({option} overrules)"
)
_RANGE_KEPT = translatable(
    "the images' values are taken as they are: {tried}, but a model that is misled by these images may be "
    "right more often in a range that it never learned ({option} says which one it learned)"
)


def _surely_right(tried: RangeCheck) -> bool:
    """Whether the model is right almost always in the better range."""
    return tried.better is not None and tried.right[1 + tried.ranges.index(tried.better)] >= SURELY_RIGHT


def _less_sure_range(
    model: CheckedModel,
    sample: SampledImages,
    scores: Float[np.ndarray, "n L"],
    labels: Int[np.ndarray, "n"],
    sure: Bool[np.ndarray, "n"],
) -> tuple[ValueRange | None, str]:
    """From 0 to 1, and why, if the model is not sure beyond reason there, and sees more than black."""
    white = max(float(image.max()) for image in sample.images)
    white = 255.0 if sample.images[0].dtype == np.uint8 else white
    shown = [image.astype(np.float32) / np.float32(white) for image in sample.images]
    scaled, (black,) = ask_about(model, shown), ask_about(model, [np.zeros_like(shown[0])])
    pairs = list(zip(sample.images, scaled, strict=True))
    less = np.mean([not doubts_range(one, said) for one, said in pairs])
    seen = np.mean([tells_from_black(said, black) for said in scaled])
    right = [float((said.argmax(axis=1) == labels).mean()) for said in (scores, scaled)]
    if less <= 0.5 or seen <= 0.5 or right[1] < right[0] - 0.02:
        return None, ""
    reason = in_english(
        "of {count} images the model is sure beyond reason of {sure} as they are, and not so from 0 "
        "to 1, where {scaled:.3f} are right ({plain:.3f} as they are)",
        count=len(sure),
        sure=int(sure.sum()),
        scaled=right[1],
        plain=right[0],
    )
    return ValueRange((0.0,), (white,)), reason


def find_order(
    model: CheckedModel,
    sample: SampledImages,
    columns: Int[np.ndarray, "_"],
    names: tuple[str, ...] | None,
    *,
    learned: bool,
) -> tuple[tuple[str, ...] | None, list[Discovery]]:
    """The order in which the model has the data's classes, where it is clearly another than theirs.

    Only images that the model has learned from can tell: of others, a model that is always wrong for a bad
    reason looks just as one whose classes are in another order, and is not to be called right for it. Nothing
    is changed, either, where the model names its classes, or the data do not; nor where it would be wrong on
    more than a few images in that order, too. That another order would do better is told as a doubt then.
    """
    if names is None or model.column_names is not None or len(sample.labels) == 0:
        return None, []
    labels, predicted = columns[sample.labels], ask_about(model, sample.images).argmax(axis=1)
    swapped = swapped_classes(labels, predicted)
    if not swapped or sorted(swapped) != sorted(swapped.values()):
        return None, []
    order = list(names)
    for true, said in swapped.items():
        order[said] = names[true]
    moved = np.array([swapped.get(int(label), int(label)) for label in labels])
    before, after = (float((one == predicted).mean()) for one in (labels, moved))
    reason = in_english(
        "of {count} images {after:.3f} are right so, and {before:.3f} by the data's order",
        count=len(labels),
        after=after,
        before=before,
    )
    listed, what = ", ".join(order[:8]), in_english("order of classes")
    if learned and after >= SURELY_RIGHT:
        doubt = in_english(
            "the classes are in the order {listed}, which nobody told: {reason} (--names overrules)",
            listed=listed,
            reason=reason,
        )
        return tuple(order), [Discovery(what, listed, reason, "--names", doubt)]
    doubt = in_english(
        "the classes are in the data's order: of {count} images {before:.1%} are right by it, and "
        "{after:.1%} would be in the order {listed}. A model that is misled may look like that, too, so "
        "nothing was changed: if it has them in that order, --names says so",
        count=len(labels),
        before=before,
        after=after,
        listed=listed,
    )
    kept = in_english("as the data have it")
    reason = in_english(
        "of {count} images {before:.3f} are right by it, and {after:.3f} in the order {listed}",
        count=len(labels),
        before=before,
        after=after,
        listed=listed,
    )
    return None, [Discovery(what, kept, reason, "--names", doubt)]


def columns_of_data(model: CheckedModel, data: Dataset, sample: SampledImages) -> Int[np.ndarray, "_"]:
    """The model's column of each class of the data; the model is asked about one image."""
    count = ask_about(model, sample.images[:1]).shape[1]
    present = np.unique(data.labels) if data.knows_labels else None
    return class_columns(count, model, data.class_names, present)[0]


def find_fill(
    model: CheckedModel, sample: SampledImages, segment: Callable[[Image], Segments]
) -> tuple[str, list[Discovery]]:
    """What hidden is to look like: the first that takes away what the model is sure of, when all is hidden.

    An image of which it is sure and stays so tells nothing, whatever is hidden. Of others, it may just be so.
    """
    left: dict[str, int] = {}
    every = np.linspace(0, len(sample.images) - 1, min(HIDDEN, len(sample.images))).astype(int)
    for image in (sample.images[one] for one in every.tolist()):
        (scores,) = ask_about(model, [image])
        for name, hidden in _hidden_scores(model, image, int(scores.argmax()), segment).items():
            full = float(scores.max())
            stays = hides_little(full, hidden, np.zeros(1), scores)
            left[name] = left.get(name, 0) + int(stays)
    best = next(
        (name for name in sorted(left, key=_fill_order) if left[name] < LEFT * len(every)),
        min(left, key=lambda name: left[name], default=FILLS[0]),
    )
    counts = ", ".join(f"{name} {left[name]}" for name in sorted(left, key=_fill_order))
    reason = in_english(
        "of {count} images with all hidden, the model stays as sure in: {counts}",
        count=len(every),
        counts=counts,
    )
    return best, [Discovery(in_english("what hidden looks like"), best, reason, "--fill")]


def _fill_order(name: str) -> int:
    return FILLS.index(name) if name in FILLS else len(FILLS)


def _hidden_scores(
    model: CheckedModel, image: Image, target: int, segment: Callable[[Image], Segments]
) -> dict[str, float]:
    """A class's score with everything hidden, by each fill."""
    with collect_warnings():
        return try_fills(
            lambda batch: model(batch.reshape(-1, *image.shape))[:, target],
            image,
            segment(image),
            usual_fills(channels_last(image)),
        )


def seconds_per_image(model: CheckedModel, sample: SampledImages) -> float:
    """How long the model takes for an image, in batches of the usual size."""
    batch = [sample.images[0]] * min(32, choose_batch_size(None, model, sample.images[0]))
    times = []
    for _ in range(TIMED):
        started = time.perf_counter()
        ask_about(model, batch)
        times.append((time.perf_counter() - started) / len(batch))
    return max(min(times), 1e-6)


def range_text(model_text: str, found: ValueRange) -> str:
    """The model's text with a range of values: images less the mean, by the spread."""
    return to_spec(model_text, {"mean": _numbers_text(found.mean), "std": _numbers_text(found.std)})


def _numbers_text(numbers: tuple[float, ...]) -> str:
    if len(set(numbers)) == 1:
        return f"{numbers[0]:.6g}"
    return f"({', '.join(f'{one:.6g}' for one in numbers)})"
