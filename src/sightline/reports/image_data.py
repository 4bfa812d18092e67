"""answers and their images → what a report shows of them, chosen by a stated rule, within so many bytes."""

import base64
import dataclasses
import io
import os
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image

from sightline import render
from sightline._printing import printable_text
from sightline._resize import resize_nearest, resize_smooth
from sightline.engine.plan import Plan
from sightline.findings.heatmaps import image_if_readable, size_within
from sightline.reports.summary import HeatMap, ImageData, ImageEntry
from sightline.study.schema import Row, StudyResults
from sightline.types import WhiteBoxMethod, record

MOST = 2000
"""Images that are all shown; of more, so many are drawn."""
FEATURED = 24
"""Images that are shown without scripts, larger."""
COARSE = 64
"""Most values of a side of a mean map."""
LEADING = 5
SCORES = 3
"""Leading classes whose scores are shown of an image, beside its label's."""
METHOD = 2
"""Of WebP: how long it looks for fewer bytes."""
SAMPLE = 48
"""Images by which the bytes of all are foreseen."""
ENTRY_BYTES = 500
"""Of an image's other entries: id, classes, scores, errors."""


@record
class Grain:
    """How fine images are shown.

    Parameters
    ----------
    small, large : int
        Most pixels of a side: of most images, and of those that are shown without scripts.
    quality : int
        Of WebP.
    """

    small: int
    large: int
    quality: int


GRAINS = (
    Grain(96, 224, 80),
    Grain(72, 192, 80),
    Grain(56, 160, 80),
    Grain(56, 160, 60),
    Grain(48, 128, 40),
)
"""Tried in turn until images fit: smaller first, then of less quality; then there are fewer."""


def encode_image(pixels: UInt8[np.ndarray, "H W 3"], quality: int = GRAINS[0].quality) -> ImageData:
    """An image as WebP.

    Examples
    --------
    >>> made = encode_image(np.zeros((2, 3, 3), np.uint8))
    >>> made.width, made.height, base64.b64decode(made.pixels)[8:12]
    (3, 2, b'WEBP')
    """
    return encoded_image(webp_bytes(pixels, quality), pixels.shape[:2])


def webp_bytes(pixels: UInt8[np.ndarray, "H W 3"], quality: int = GRAINS[0].quality) -> bytes:
    """The same as the bytes of a file."""
    held = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(held, "WEBP", quality=quality, method=METHOD)
    return held.getvalue()


def encode_labels(labels: Int[np.ndarray, "H W"]) -> ImageData:
    """Segments as PNG, of which a browser gives the numbers back exactly: red + 256 × green + 65536 × blue.

    Examples
    --------
    >>> decode_labels(encode_labels(np.array([[0, 300]]))).tolist()
    [[0, 300]]
    """
    return encoded_image(label_bytes(labels), labels.shape)


def label_bytes(labels: Int[np.ndarray, "H W"]) -> bytes:
    """The same as the bytes of a file."""
    labels = labels.astype(np.intp)
    pixels = np.stack([labels & 255, labels >> 8 & 255, labels >> 16], axis=2).astype(np.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG", optimize=True)
    return held.getvalue()


def decode_labels(given: ImageData) -> Int[np.ndarray, "H W"]:
    """The segments that `encode_labels` was given."""
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(given.pixels)))).astype(np.intp)
    return np.asarray(pixels @ np.array([1, 256, 65536]))


def encoded_image(held: bytes, shape: Sequence[int]) -> ImageData:
    """A file of an image of so many rows and columns, as a report holds it."""
    return ImageData(base64.b64encode(held).decode("ascii"), width=shape[1], height=shape[0])


def as_bytes(pixels: Float[np.ndarray, "H W 3"], most: int) -> UInt8[np.ndarray, "h w 3"]:
    """An image as it is looked at, no side longer than `most`; a small one stays as small as it is."""
    whole = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
    return shrink_image(whole, most)


def shrink_image(pixels: UInt8[np.ndarray, "H W 3"], most: int) -> UInt8[np.ndarray, "h w 3"]:
    """An image no side of which is longer than `most`."""
    shape = size_within(pixels.shape, most)
    if shape == pixels.shape[:2]:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(shape[::-1], Image.Resampling.LANCZOS))


def heat_map(
    name: str,
    count: int,
    values: Float[np.ndarray, "H W"],
    image: Float[np.ndarray, "H W 3"] | None,
    limit: float,
    kind: str,
    untold: Bool[np.ndarray, "H W"] | None = None,
) -> HeatMap:
    """A mean map as a report has it: few values, the mean image, and both drawn over each other.

    Parameters
    ----------
    name : str
    count : int
    values : float array, shape (H, W)
    image : float array, shape (H, W, 3), or None
    limit : float
    kind : str
    untold : bool array, shape (H, W), optional
        Where it may be chance: hatched.
    """
    side = GRAINS[0].large
    under = render.fit_to_size(np.ones((*values.shape, 3)) if image is None else image, side)
    drawn = render.overlay_heat(under, resize_smooth(values, under.shape[:2]), limit)
    if untold is not None:
        drawn = render.hatch_area(drawn, resize_nearest(untold, drawn.shape[:2]))
    return HeatMap(
        name=name,
        count=count,
        values=short_numbers(resize_smooth(values, size_within(values.shape, COARSE)), 3),
        limit=limit,
        image=None if image is None else encode_image(as_bytes(image, side)),
        overlay=encode_image(drawn),
        kind=kind,
    )


def short_numbers(values: Float[np.ndarray, "..."], digits: int) -> Float[np.ndarray, "..."]:
    """Numbers with so many digits, which JSON writes short.

    Examples
    --------
    >>> short_numbers(np.array([0.123456, -1234.5, 0.0]), 3).tolist()
    [0.123, -1230.0, 0.0]
    """
    return np.array([float(f"{one:.{digits}g}") for one in values.ravel().tolist()]).reshape(values.shape)


def choose_places(
    places: Int[np.ndarray, "N"],
    labels: Int[np.ndarray, "N"],
    wrong: Bool[np.ndarray, "N"],
    first: Iterable[int],
    most: int = MOST,
) -> Int[np.ndarray, "n"]:
    """Which answers are shown: all, or of each label and outcome equally many, as far as there are.

    Parameters
    ----------
    places, labels : int arrays, shape (N,)
    wrong : bool array, shape (N,)
    first : iterable of int
        Places that are taken before others.
    most : int

    Examples
    --------
    >>> places, wrong = np.arange(100), np.arange(100) < 4
    >>> chosen = choose_places(places, np.zeros(100, int), wrong, (), most=10)
    >>> len(chosen), (chosen < 4).sum()
    (10, np.int64(4))
    """
    if len(places) <= most:
        return places
    rng = np.random.default_rng(0)
    kinds, of_kind, counts = np.unique(
        np.stack([~wrong, labels]), axis=1, return_inverse=True, return_counts=True
    )
    left, taken = most, np.zeros(counts.size, int)
    # The smallest first: what it lacks is shared by the others. Of equal ones wrong answers come last, and
    # so get what is left over.
    for rank, one in enumerate(np.lexsort((-kinds[0], counts)).tolist()):
        taken[one] = min(int(counts[one]), left // (counts.size - rank))
        left -= int(taken[one])
    before = np.isin(places, list(first))
    chosen = []
    for one, count in enumerate(taken.tolist()):
        inside = rng.permutation(np.flatnonzero(of_kind.ravel() == one))
        chosen.append(inside[np.argsort(~before[inside], kind="stable")][:count])
    return np.asarray(places[np.sort(np.concatenate(chosen))])


@record
class ShownAnswer:
    """One answer, with its image and its segments at the size of a report.

    Parameters
    ----------
    entry : ImageEntry
        Without image, label map and overlay.
    pixels : uint8 array, shape (h, w, 3), or None
    labels : int array, shape (h, w)
    """

    entry: ImageEntry
    pixels: UInt8[np.ndarray, "h w 3"] | None
    labels: Int[np.ndarray, "h w"]


def shown_answer(
    row: Row, study: StudyResults, side: int, group: int, warnings: tuple[str, ...]
) -> ShownAnswer:
    """An answer of a study as a report has it, its image no larger than `side`."""
    pixels = image_if_readable(study, row.place)
    entry = answer_entry(row, study.plan, group, warnings)
    small = None if pixels is None else as_bytes(pixels, side)
    shape = size_within(row.segments.labels.shape, side) if small is None else small.shape[:2]
    labels = resize_nearest(row.segments.labels, shape)
    return ShownAnswer(entry, small, labels.astype(np.int32))


def answer_entry(row: Row, plan: Plan, group: int, warnings: tuple[str, ...]) -> ImageEntry:
    """What a report says of an answer, without its image."""
    values, error = row.values(), row.attribution.error[0]
    told = np.where(render.within_error(values, error), 0.0, values)
    first = np.argsort(-np.abs(np.nan_to_num(values)), kind="stable")[:LEADING].tolist()
    numbers = short_numbers(np.stack([values, error]), 3)
    known = np.flatnonzero(np.isfinite(row.classes))
    order = known[np.argsort(-row.classes[known], kind="stable")][:SCORES].tolist()
    order += [row.label] if row.label not in order and np.isfinite(row.classes[row.label]) else []
    return ImageEntry(
        id=printable_text(row.id),
        place=row.place,
        label=row.label,
        predicted=row.predicted,
        right=row.right,
        score=_short_number(row.full[0]),
        hidden=_short_number(row.empty[0]),
        scores=tuple((one, _short_number(row.classes[one])) for one in order),
        image=None,
        segments=-1,
        values=tuple(short_numbers(told, 3).tolist()),
        limit=_scale_end(row, told, plan),
        leading=tuple((one, float(numbers[0, one]), float(numbers[1, one])) for one in first),
        group=group,
        warnings=warnings,
    )


def _short_number(value: float) -> float:
    return float(f"{value:.4g}")


def _scale_end(row: Row, values: Float[np.ndarray, "S"], plan: Plan) -> float:
    """Where the image's colour scale ends, as in figures: not below what counts beside the score."""
    end = render.scale_limit(values)
    if not end or isinstance(plan.attribute, WhiteBoxMethod):
        return end
    ends = render.FLOOR * np.abs([row.full[0], row.empty[0]])
    return max(end, render.scale_limit(ends))


@record
class ShownImages:
    """Images as the summary has them, and in words what was done to keep them small.

    Parameters
    ----------
    entries : tuple of ImageEntry
    label_maps : tuple of ImageData
    grain : Grain
    """

    entries: tuple[ImageEntry, ...]
    label_maps: tuple[ImageData, ...]
    grain: Grain


def encode_answers(answers: Sequence[ShownAnswer], featured: Collection[int], most_bytes: int) -> ShownImages:
    """All answers with their images, label maps and overlays, as fine as so many bytes allow.

    Where even the coarsest are too many, the last ones are left out.

    Parameters
    ----------
    answers : sequence of ShownAnswer
    featured : collection of int
        Places in the data of those that are shown without scripts.
    most_bytes : int
    """
    special = {one for one, answer in enumerate(answers) if answer.entry.place in featured}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for grain in GRAINS:
            if not _fit_by_sample(answers, special, grain, most_bytes, pool):
                continue
            made = _encode_all(answers, special, grain, pool)
            if sum(map(_entry_bytes, made.entries)) + sum(map(_data_bytes, made.label_maps)) <= most_bytes:
                return made
        made = _encode_all(answers, special, GRAINS[-1], pool)
    return _first_that_fit(made, most_bytes)


def _fit_by_sample(
    answers: Sequence[ShownAnswer],
    featured: set[int],
    grain: Grain,
    most_bytes: int,
    pool: ThreadPoolExecutor,
) -> bool:
    """Whether some of the answers let expect that all fit; so that all are mostly encoded once."""
    some = np.unique(np.linspace(0, len(answers) - 1, SAMPLE).astype(int)).tolist() if answers else []
    plain = [one for one in some if one not in featured]
    if len(plain) < SAMPLE // 2:  # few: they are encoded as fast as foreseen
        return True
    made = _encode_all([answers[one] for one in plain], set(), grain, pool)
    each = sum(map(_entry_bytes, made.entries)) / len(plain)
    times = len(answers) / len(plain) if len(made.label_maps) > 1 else 1
    maps = times * sum(map(_data_bytes, made.label_maps))
    return each * len(answers) + maps <= 1.05 * most_bytes


def _encode_all(
    answers: Sequence[ShownAnswer], featured: set[int], grain: Grain, pool: ThreadPoolExecutor
) -> ShownImages:
    def encoded(place: int) -> tuple[ImageEntry, Int[np.ndarray, "h w"]]:
        one = answers[place]
        side = grain.large if place in featured else grain.small
        labels = resize_nearest(one.labels, size_within(one.labels.shape, side))
        if one.pixels is None:
            return one.entry, labels
        pixels = shrink_image(one.pixels, side)
        overlay = _encode_overlay(pixels, one, labels, grain) if place in featured else None
        return dataclasses.replace(
            one.entry, image=encode_image(pixels, grain.quality), overlay=overlay
        ), labels

    made = list(pool.map(encoded, range(len(answers))))
    # Of a grid all images have the same segments.
    first: dict[tuple[tuple[int, ...], bytes], int] = {}
    kept = []
    for entry, labels in made:
        key = (labels.shape, labels.tobytes())
        kept.append(dataclasses.replace(entry, segments=first.setdefault(key, len(first))))
    maps = pool.map(lambda key: encode_labels(np.frombuffer(key[1], np.int32).reshape(key[0])), first)
    return ShownImages(tuple(kept), tuple(maps), grain)


def _encode_overlay(
    pixels: UInt8[np.ndarray, "h w 3"], one: ShownAnswer, labels: Int[np.ndarray, "h w"], grain: Grain
) -> ImageData:
    heat = np.array(one.entry.values)[labels]
    return encode_image(render.overlay_heat(pixels, heat, one.entry.limit), grain.quality)


def _data_bytes(one: ImageData | None) -> int:
    return 0 if one is None else len(one.pixels) + 40


def _entry_bytes(one: ImageEntry) -> int:
    """About how long an image's entry is in JSON."""
    names = len(one.id.encode()) + sum(len(word.encode()) for word in one.warnings)
    return ENTRY_BYTES + 9 * len(one.values) + names + _data_bytes(one.image) + _data_bytes(one.overlay)


def _first_that_fit(made: ShownImages, most_bytes: int) -> ShownImages:
    """As many of the first as so many bytes allow."""
    used, kept = 0, []
    counted: set[int] = set()
    for one in made.entries:
        used += _entry_bytes(one)
        if one.segments not in counted:
            used += _data_bytes(made.label_maps[one.segments])
            counted.add(one.segments)
        if used > most_bytes:
            break
        kept.append(one)
    return ShownImages(*with_used_maps(kept, made.label_maps), made.grain)


def with_used_maps(
    entries: Iterable[ImageEntry], label_maps: Sequence[ImageData]
) -> tuple[tuple[ImageEntry, ...], tuple[ImageData, ...]]:
    """Entries with the label maps that some of them have, and no others."""
    kept = tuple(entries)
    used = sorted({one.segments for one in kept if one.segments >= 0})
    new = {old: place for place, old in enumerate(used)}
    renumbered = tuple(dataclasses.replace(one, segments=new.get(one.segments, -1)) for one in kept)
    return renumbered, tuple(label_maps[one] for one in used)
