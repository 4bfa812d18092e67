"""labelled images and a model → whether it is right more often where their values are in another range."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._batch_sizes import ask_in_batches
from sightline._language import in_english
from sightline._value_range import used_bits, value_range
from sightline.engine.input_range import doubts_range, preprocess_advice, warn_of_range
from sightline.errors import SightlineError, collect_warnings, warn
from sightline.types import Model, record

IMAGES = 96
"""Most images that are tried in each range."""
BYTES = 64 * 2**20
"""Memory that they may take."""
FIRST = 32
"""Images that a study asks about first: where nearly all are right, no more is asked."""
LEVEL = 1e-3
"""Chance at which a range that is no better would be said to be, for each range (sign test)."""
NEEDED = 10
"""Fewest wrong answers that can be significant at that level: 0.5 ** 10."""
CLEAR = 0.1
"""Least gain of the mean recall over classes."""
CLEARER = 0.05
"""Least gain over a simpler range that is better, too."""
BATCH = 32

MEAN, SPREAD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
"""Of ImageNet's images, channel by channel, as torchvision's models want them."""
TARGETS = {
    "unit": (in_english("from 0 to 1"), 1.0, 0.0),
    "signed": (in_english("from -1 to 1"), 2.0, -1.0),
    "byte": (in_english("from 0 to 255"), 255.0, 0.0),
}
"""Values of `ImageFormat` → in words, and how far white is from black, and where black is."""
INSIDE = 0.99
"""Share of the values that have to lie where ImageNet's numbers put black to white."""
Images = Sequence[Shaped[np.ndarray, "..."]]
Ends = tuple[float, float] | tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]
"""Black and white: numbers, or one for each channel."""


@record
class RangeCheck:
    """How often a model is right with the same images in several ranges of values.

    Parameters
    ----------
    given : str
        The range that the images have.
    ranges : tuple of str
        Those that were tried.
    right : tuple of float
        Share of right answers: as given, then in each of the ranges.
    n_images, calls : int
        How many images were tried, and how often the model was asked for it.
    better : str or None
        The range in which it is clearly right more often, if there is one.
    advice : str
        What to do then; else empty.
    mean, std : tuple of float
        Of that range: images less the mean, by the spread, are in it. Empty where there is none.
    """

    given: str
    ranges: tuple[str, ...]
    right: tuple[float, ...]
    n_images: int
    calls: int
    better: str | None
    advice: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __str__(self) -> str:
        if self.better is None:
            return in_english("no range is better than {given}, as they are", given=self.given)
        other = self.right[1 + self.ranges.index(self.better)]
        return in_english(
            "of {one.n_images} images the model has {right:.3f} right as they are given ({one.given}), and "
            "{other:.3f} with their values {one.better}",
            one=self,
            right=self.right[0],
            other=other,
        )

    def warn_if_better(self) -> None:
        """Warn where another range is clearly better."""
        if self.better is not None:
            warn(f"{self}: it was trained on that, most likely. {self.advice}", slug="range-unlike")


def try_ranges(
    model: Model,
    images: Images,
    labels: Int[np.ndarray, "n"],
    predicted: Int[np.ndarray, "n"],
    decide: Callable[[Float[np.ndarray, "B L"]], Int[np.ndarray, "B"]],
) -> RangeCheck | None:
    """Try the plausible ranges, unless so few answers are wrong that nothing could come of it.

    A range is better if it turns significantly more answers right than wrong (sign test), is right more often
    than chance, and raises the mean recall over the classes by a tenth: a model that always says the most
    frequent class is no better for it.

    Parameters
    ----------
    model : Model
    images : sequence of arrays
    labels, predicted : int array, shape (n,)
        Columns of the model: the true ones, and those that it said of the images as they are.
    decide : callable
        Scores → columns.

    Returns
    -------
    RangeCheck or None
        None where nothing was asked: nearly all is right, there is one class, or the range is no usual one.
    """
    right = predicted == labels
    if (~right).sum() < NEEDED or len(np.unique(labels)) < 2:
        return None
    rescaled = _rescalings(images)
    if rescaled is None:
        return None
    given, ways = rescaled
    shares, tried, best, least = [float(right.mean())], [], None, _mean_recall(labels, right)
    least = max(least, 1 / len(np.unique(labels))) + CLEAR
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    for name, text, others, change in ways:
        said = _answers(model, [change(image) for image in images], decide)
        if said is None:
            continue
        now = said == labels
        tried.append(name)
        shares.append(float(now.mean()))
        recall = _mean_recall(labels, now)
        if recall >= least and _is_better(right, now, len(np.unique(labels))):
            advice = f"Give {preprocess_advice(text, model)}{others}."
            best, least = (name, advice), recall + CLEARER
            mean, std = _mean_and_std(**change.keywords)
    better, advice = best or (None, "")
    calls = len(images) * len(tried)
    return RangeCheck(given, tuple(tried), tuple(shares), len(images), calls, better, advice, mean, std)


def warn_of_one_class(
    model: Model,
    image: Shaped[np.ndarray, "..."],
    scores: Float[np.ndarray, "L"],
    labels: Int[np.ndarray, "N"],
    predicted: Int[np.ndarray, "N"],
) -> None:
    """Warn where a model says one class of all images, though they are of several.

    Of a few images that may be chance, unless the model is sure beyond reason of one, and not of the same in
    a range from 0 to 1.

    Parameters
    ----------
    model : Model
    image : array
        One of the images.
    scores : float array, shape (L,)
        What the model said of it.
    labels, predicted : int array, shape (N,)
        Columns of the model: the true ones, and those that it said of all images.
    """
    others = int((labels != predicted).sum())
    if not others or len(np.unique(predicted)) > 1:
        return
    if doubts_range(image, scores):
        warn_of_range(model, image, scores, model)
    elif others >= max(NEEDED, len(labels) / 2) and len(np.unique(labels)) > 1:
        low, high = value_range(image)
        warn(
            f"the model says class {predicted[0]} of all {len(labels):,} images, though {others:,} are of "
            f"others. They have values from {low:.3g} to {high:.3g}, and in no other usual range is it "
            "right clearly more often: does it get them in the size, order of channels and "
            "preprocessing that it was trained with (preprocess=), and has it its trained weights?",
            slug="evaluate-one-class",
        )


def _is_better(right: Bool[np.ndarray, "n"], now: Bool[np.ndarray, "n"], classes: int) -> bool:
    from scipy.stats import binom

    gained, lost = int((now & ~right).sum()), int((right & ~now).sum())
    by_sign = binom.sf(gained - 1, gained + lost, 0.5)
    by_chance = binom.sf(int(now.sum()) - 1, len(now), 1 / classes)
    return bool(max(by_sign, by_chance) <= LEVEL)


def _mean_recall(labels: Int[np.ndarray, "n"], right: Bool[np.ndarray, "n"]) -> float:
    return float(np.mean([right[labels == one].mean() for one in np.unique(labels)]))


def _answers(
    model: Model, images: Images, decide: Callable[[Float[np.ndarray, "B L"]], Int[np.ndarray, "B"]]
) -> Int[np.ndarray, "n"] | None:
    """What the model says of the images; None if it does not take them so."""
    try:
        with collect_warnings():
            return decide(np.stack(ask_in_batches(model, images, BATCH)))
    except SightlineError:
        return None


Way = tuple[str, str, str, "partial[Shaped[np.ndarray, '...']]"]
"""A range in words; an expression that brings `images` there; what else may be given; and the change."""


def _rescalings(images: Images) -> tuple[str, list[Way]] | None:
    """The range that images have, and other usual ones: their words, what to do, and how to get there."""
    ends = [value_range(image) for image in images]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if (low, high) == (-1, 1):
        texts = {"unit": "(images + 1) / 2", "byte": "(images + 1) * 127.5"}
    elif (low, high) == (0, 1):
        texts = {"signed": "images * 2 - 1", "byte": "images * 255"}
    elif low == 0 and used_bits(high) is not None:
        texts = {"unit": f"images / {high:g}", "signed": f"images / {high / 2:g} - 1"}
        texts |= {} if high == 255 else {"byte": f"images / {high / 255:g}"}
    elif low < 0:
        return f"from {low:.3g} to {high:.3g}", _undone_standardisations(images, low, high)
    else:
        return None
    ways: list[Way] = []
    for values, text in texts.items():
        words, gain, offset = TARGETS[values]
        form = f', or of files ImageFormat(values="{values}") (--values {values})'
        change = partial(_rescaled, ends=(low, high), gain=gain, offset=offset)
        ways.append((words, text, form, change))
    if _have_colours(images):
        spread, mean = np.array(SPREAD), np.array(MEAN)
        text = f"({texts.get('unit', 'images')} - {MEAN}) / {SPREAD}"
        change = partial(_rescaled, ends=(low, high), gain=1 / spread, offset=-mean / spread)
        name = in_english("from 0 to 1, less ImageNet's mean, by its spread")
        ways.append((name, text, "", change))
    standardised = _standardisation(images)
    return f"from {low:g} to {high:g}", ways if standardised is None else [*ways, standardised]


def _have_colours(images: Images) -> bool:
    return all(image.ndim == 3 and image.shape[2] == 3 for image in images)


def _undone_standardisations(images: Images, low: float, high: float) -> list[Way]:
    """Ways back from values with a mean near 0: by ImageNet's numbers where these fit, else by the ends."""
    black, white = -np.array(MEAN) / SPREAD, (1 - np.array(MEAN)) / SPREAD
    room = 0.05 * (white - black)
    by_imagenet = _have_colours(images) and all(
        ((image >= black - room) & (image <= white + room)).mean() > INSIDE for image in images
    )
    ends: Ends = (black, white) if by_imagenet else (low, high)
    unit = f"images * {SPREAD} + {MEAN}" if by_imagenet else f"(images - {low:.3g}) / {high - low:.3g}"
    texts = {"unit": unit, "signed": f"({unit}) * 2 - 1", "byte": f"({unit}) * 255"}
    return [
        (
            TARGETS[values][0],
            text,
            ", or the images before they were standardised",
            partial(_rescaled, ends=ends, gain=TARGETS[values][1], offset=TARGETS[values][2]),
        )
        for values, text in texts.items()
    ]


def _standardisation(images: Images) -> Way | None:
    """The way to values less their mean, by their spread, channel by channel, as of all the images."""
    channels = {image.shape[2:] for image in images}
    if len(channels) != 1:
        return None
    mean = np.mean([image.mean(axis=(0, 1), dtype=np.float64) for image in images], axis=0)
    square = np.mean([(image.astype(np.float64) ** 2).mean(axis=(0, 1)) for image in images], axis=0)
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    if not (spread > 0).all():
        return None
    numbers = [f"[{', '.join(f'{one:.3g}' for one in row)}]" for row in map(np.ravel, (mean, spread))]
    by = [one.strip("[]") if np.size(mean) == 1 else one for one in numbers]
    text = f"(images - {by[0]}) / {by[1]}"
    change = partial(_rescaled, ends=(mean, mean + spread), gain=1.0, offset=0.0)
    return "less their mean, by their spread", text, ", or the numbers of its training", change


def _rescaled(
    image: Shaped[np.ndarray, "..."],
    ends: Ends,
    gain: float | Float[np.ndarray, "3"],
    offset: float | Float[np.ndarray, "3"],
) -> Shaped[np.ndarray, "..."]:
    """The image with black at `offset` and white at `offset` + `gain`, in single precision."""
    black, white = (np.asarray(end, np.float64) for end in ends)
    unit = (image.astype(np.float32) - black.astype(np.float32)) / (white - black).astype(np.float32)
    return np.asarray(unit * gain + offset, dtype=np.float32)


def _mean_and_std(
    ends: Ends, gain: float | Float[np.ndarray, "3"], offset: float | Float[np.ndarray, "3"]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What `_rescaled` does, as a mean that is taken off and a spread that is divided by."""
    black, white = (np.asarray(end, np.float64) for end in ends)
    std = (white - black) / np.asarray(gain)
    mean = black - np.asarray(offset) * std
    mean, std = np.broadcast_arrays(np.ravel(mean), np.ravel(std))
    return tuple(map(float, mean)), tuple(map(float, std))


def spread_places(labels: Int[np.ndarray, "N"], count: int) -> list[int]:
    """Places of at most `count` images, of all classes in turn, and spread over each.

    Examples
    --------
    >>> spread_places(np.array([0, 0, 0, 0, 1, 1]), 4)
    [0, 4, 3, 5]
    """
    of_class = [np.flatnonzero(labels == one) for one in np.unique(labels)]
    each = -(-count // max(len(of_class), 1))
    chosen = [
        places[np.unique(np.linspace(0, len(places) - 1, min(each, len(places))).astype(int))]
        for places in of_class
    ]
    turns = [int(places[turn]) for turn in range(each) for places in chosen if turn < len(places)]
    return turns[:count]


class KeptImages:
    """Some images of each class, kept while all go by: as many of each, and no more than memory allows."""

    def __init__(self) -> None:
        self._of_class: dict[int | str, list[tuple[int, Shaped[np.ndarray, "..."]]]] = {}
        self._seen = 0

    def add(self, images: Iterable[Shaped[np.ndarray, "..."]], labels: Shaped[np.ndarray, "B"]) -> None:
        """Keep copies; where there are enough, in the place of one of the class of which most are kept."""
        for image, label in zip(images, labels.tolist(), strict=True):
            mine = self._of_class.setdefault(label, [])
            room = max(1, min(IMAGES, BYTES // max(image.nbytes, 1)))
            if sum(map(len, self._of_class.values())) >= room:
                largest = max(self._of_class.values(), key=len)
                if len(largest) > len(mine) + 1:
                    largest.pop()
            if sum(map(len, self._of_class.values())) < room:
                mine.append((self._seen, np.array(image)))
            self._seen += 1

    def taken(self) -> tuple[list[int], list[Shaped[np.ndarray, "..."]]]:
        """Places of the kept images among all, in order, and the images."""
        kept = sorted(chain.from_iterable(self._of_class.values()), key=lambda pair: pair[0])
        return [place for place, _ in kept], [image for _, image in kept]
