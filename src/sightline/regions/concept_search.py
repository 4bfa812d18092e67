"""study → concepts: what the wrong answers go by, known by its looks, with a detector for each.

Candidates are clusters of segments that look alike: of those with most attribution for the wrong class, which
finds things, and of all, which finds what is everywhere, such as a texture. They are ranked by asking the
model: what was detected is hidden in wrong answers, and put into images of other classes.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._arguments import clear_arguments
from sightline._checks import check_batch_size, check_seed, check_whole
from sightline._progress import progress_bar
from sightline._resize import resize_nearest
from sightline._scales import are_probabilities
from sightline.adapters.checked_model import CheckedModel
from sightline.engine.image import pixel_form
from sightline.errors import OptionError
from sightline.regions.concept_ranking import group_alike, mark_the_same, t_values
from sightline.regions.concept_shapes import GROWN, MOST_COVERED, ConceptShapes, Detector, paste_piece
from sightline.regions.margins import control_areas, widen_mask
from sightline.regions.model_trials import ask_images, hide_area
from sightline.regions.region_set import Regions, one_region_a_piece
from sightline.regions.segment_looks import BLOCKS, SegmentLooks, describe_segments
from sightline.study.provenance import as_studied_model
from sightline.study.row_blocks import chosen_rows
from sightline.study.sample_split import split_answers
from sightline.study.schema import Row, StudyResults
from sightline.study.study import as_study
from sightline.types import record

Image = Shaped[np.ndarray, "..."]

FEWEST = 6
"""Wrong answers called a class, in the half that chooses, below which nothing is looked for."""
FEWEST_FOUND = 4
"""Of these, those that a concept has to be found in."""
MOST_CLASSES = 3
"""Classes that wrong answers are called most often, and that concepts are looked for."""
MOST_WRONG, MOST_TARGETS = 40, 24
"""Wrong answers called a class that are looked at, and images of other classes that are pasted into."""
SEEDS = 2
"""Segments with most attribution that are taken of each wrong answer."""
THINGS, STUFF = 5, 12
"""Clusters of these, and of all segments."""
SPLIT, PARTS = 2, 3
"""Leading candidates whose segments are clustered once more, and in how many parts: they may be tighter."""
NEAR = (0.5, 0.9)
"""Shares of a cluster's members that its detectors find."""
ALIKE = 0.1
"""Share of the variance of all segments that members of a cluster are taken to vary by, at least."""
PRESENT = 0.15
"""Least share of the wrong answers that a concept is found in."""
LEADING = 12
"""Candidates of a class that are hidden, of those that do most when they are pasted."""
LEAST = 0.05
"""Share of what the true class lacks that hiding has to give back, as blame asks."""
NEARLY = 0.85
"""How sure the tightest of look-alikes, which is kept, has to be, as a share of the surest."""


@clear_arguments
def concepts(
    study: StudyResults | str | PathLike[str],
    *,
    n_concepts: int = 6,
    model: object = None,
    groups: Sequence[object] | Shaped[np.ndarray, "..."] | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Regions:
    """What a model's errors may go by, wherever it is in the images: candidates, the likeliest first.

    A mark, a ruler or a texture of the background has no fixed place, so that no region holds it. A concept
    is known by its looks instead: by the colours, edges, grain and size of the segments of an image (SLIC).
    The images are parted at random into two halves as `sightline.blame` parts them, and in one of them, for
    each class that wrong answers are called often,

    1. segments that look alike are put together (k-means): those with most attribution for the wrong class,
       and, for what is everywhere, all of them;
    2. each cluster becomes a tight and a loose detector, which marks whatever looks like it in any image;
    3. the model is asked: what was detected is put into images of other classes, beside another piece of the
       same image, and hidden in wrong answers, behind what surrounds it, beside as much elsewhere. Of
       detectors that mark the same, the tightest that is nearly as sure as the surest is kept.

    They are ranked by the less sure of these two effects, the best for each class first, and are candidates
    until `sightline.blame`, which
    takes them like any regions, confirms them on the other half. Look at them first
    (`sightline.figures.plot_concepts`), and give them names (`Regions.rename`).

    Parameters
    ----------
    study : Study, or the path of its folder
    n_concepts : int
        How many to give, at most.
    model : anything `as_model` takes, optional
        By default the study's own.
    groups : "label" or sequence, optional
        What each image belongs to, as for `sightline.blame`: whole groups are parted.
    seed : int
        Which half, and which images are asked about.
    batch_size : int, optional
        Most images in one model call; never changes the numbers beyond rounding.
    progress : bool, optional
        Show a progress bar; by default on a terminal and in a notebook.

    Returns
    -------
    Regions
        Named ``"concept 1"``, ``"concept 2"``, … Their masks are found in each image's own pixels:
        ``regions.masks(shape, image=image)``; a concept may be nowhere in an image.

    Raises
    ------
    OptionError
        If there are too few errors, or nothing that several of them share.
    ModelError
        If the model is not the one that was explained.

    Examples
    --------
    >>> concepts(sl.Study("runs/xrays")).rename({"concept 1": "token"})  # doctest: +SKIP
    """
    study = as_study(study)
    check_whole("n_concepts", n_concepts)
    check_seed("seed", seed)
    check_batch_size(batch_size)
    rng = np.random.default_rng(seed)
    split = split_answers(study, groups, rng)
    asked = study.model if model is None else as_studied_model(model, study)
    rows = list(chosen_rows(study, split.places[split.choosing].tolist()))
    classes = _frequent_classes(rows)
    trial = _Trial(study, asked, rng, batch_size)
    found: list[_Candidate] = []
    with progress_bar(progress, len(classes)) as tick:
        for towards in classes:
            made = sorted(_class_concepts(trial, rows, towards, seed), key=lambda one: -one.surely)
            found += [dataclasses.replace(one, rank=rank) for rank, one in enumerate(made)]
            tick(1)
    if not found:
        others = max(sum(row.predicted != one for row in rows) for one in classes)
        few = f" Only {others} of {len(rows)} images are called another class, and what is found is put into "
        few += f"those, {FEWEST} at least: give the study more images, or"
        raise OptionError(
            f"nothing was found that several errors share by its looks.{few if others < FEWEST else ''} "
            f"{'try' if others < FEWEST else 'Try'} regions with a fixed place, such as "
            "sightline.regions.grid(4, 4), with sightline.blame.",
            slug="concepts-none",
        )
    # The best of each class come first: one cause is not to be hidden behind the look-alikes of another.
    found = sorted(found, key=lambda one: (one.rank, -one.surely))[:n_concepts]
    return one_region_a_piece(
        ConceptShapes(
            tuple(f"concept {number + 1}" for number in range(len(found))),
            tuple(one.detector for one in found),
            tuple(one.towards for one in found),
            tuple(row.id for row in rows),
            tuple(study.class_names[one.towards] for one in found) if study.class_names else (),
        )
    )


def _frequent_classes(rows: Sequence[Row]) -> list[int]:
    """The classes that wrong answers are called most often.

    Raises
    ------
    OptionError
        If none is called so often enough.
    """
    called = np.bincount([row.predicted for row in rows if not row.right], minlength=1)
    often = [int(one) for one in np.argsort(-called, kind="stable") if called[one] >= FEWEST]
    if not often:
        raise OptionError(
            f"too few errors to look for concepts in: a half of them has {int(called.sum())}, and {FEWEST} "
            "of them have to be called the same class. Give the study more images.",
            slug="concepts-few",
        )
    return often[:MOST_CLASSES]


@record
class _Seen:
    """An image of the half that chooses, with what it looks like."""

    row: Row
    image: Image
    looks: SegmentLooks


@dataclasses.dataclass
class _Candidate:
    """A detector, and how sure it is (t-values) that hiding and pasting what it finds matters."""

    detector: Detector
    towards: int
    masks: list[Bool[np.ndarray, "H W"]]
    pasted: float = -np.inf
    hidden: float = -np.inf
    rank: int = 0

    @property
    def surely(self) -> float:
        """The less sure of the two."""
        return min(self.hidden, self.pasted)


@dataclasses.dataclass
class _Trial:
    """The model, asked about images with something hidden or pasted."""

    study: StudyResults
    model: CheckedModel
    rng: np.random.Generator
    batch_size: int | None
    seen: dict[int, _Seen] = dataclasses.field(default_factory=dict)

    def look(self, row: Row) -> _Seen:
        """An image with what it looks like, once."""
        if row.place not in self.seen:
            image = self.study.image(row.place)
            self.seen[row.place] = _Seen(row, image, describe_segments(image))
        return self.seen[row.place]

    def scores(self, images: Sequence[Image]) -> Float[np.ndarray, "B L"]:
        """What the model says of images, which are asked in batches of one shape and kind of numbers."""
        order = sorted(range(len(images)), key=lambda one: (images[one].shape, images[one].dtype.str))
        said = list(ask_images(self.model, (images[one] for one in order), self.batch_size))
        return np.array(said)[np.argsort(order)]


def _class_concepts(trial: _Trial, rows: Sequence[Row], towards: int, seed: int) -> list[_Candidate]:
    """Candidates for one class that answers are wrongly called, look-alikes joined."""
    missed = [row for row in rows if not row.right and row.predicted == towards]
    elsewhere = [row for row in rows if row.predicted != towards]
    wrong = [trial.look(missed[one]) for one in trial.rng.permutation(len(missed))[:MOST_WRONG]]
    others = [trial.look(elsewhere[one]) for one in trial.rng.permutation(len(elsewhere))[:MOST_TARGETS]]
    every = np.concatenate([one.looks.looks for one in wrong])
    leading = np.concatenate([one.looks.looks[_leading_segments(one)] for one in wrong])
    detectors = [*_detectors(leading, THINGS, every, seed), *_detectors(every, STUFF, every, seed)]
    candidates = _tried(trial, detectors, towards, wrong, others)
    for one in sorted(candidates, key=lambda one: -one.surely)[:SPLIT]:
        found = np.concatenate([seen.looks.looks[one.detector.finds(seen.looks.looks)] for seen in wrong])
        candidates += _tried(trial, _detectors(found, PARTS, every, seed), towards, wrong, others)
    return _tightest_of_alike(candidates)


def _tried(
    trial: _Trial,
    detectors: Iterable[Detector],
    towards: int,
    wrong: Sequence[_Seen],
    others: Sequence[_Seen],
) -> list[_Candidate]:
    """Detectors that find enough, with what pasting and hiding what they find does; the leading ones."""
    candidates = []
    for detector in detectors:
        masks = [_found_mask(detector, one) for one in wrong]
        if sum(mask.any() for mask in masks) >= max(FEWEST_FOUND, PRESENT * len(wrong)):
            candidates.append(_Candidate(detector, towards, masks))
    for one in candidates:
        one.pasted = _pasting_effect(trial, one, wrong, others)
    tried = [one for one in candidates if np.isfinite(one.pasted)]  # else it is in all the others, too
    candidates = sorted(tried, key=lambda one: -one.pasted)[:LEADING]
    for one in candidates:
        one.hidden = _hiding_effect(trial, one, wrong)
    return candidates


def _found_mask(detector: Detector, seen: _Seen) -> Bool[np.ndarray, "H W"]:
    """What it finds in an image; nothing, where that is nearly all."""
    mask = detector.mask(seen.looks, (seen.image.shape[0], seen.image.shape[1]))
    return mask if mask.mean() <= MOST_COVERED else np.zeros_like(mask)


def _detectors(
    looks: Float[np.ndarray, "S D"], count: int, every: Float[np.ndarray, "T D"], seed: int
) -> Iterator[Detector]:
    """Detectors for each cluster of some segments' looks, beside those of all segments."""
    from sklearn.cluster import KMeans

    weight = _equal_weights(every)
    distinct = len(np.unique((looks * weight).round(6), axis=0))
    made = KMeans(min(count, distinct), n_init=4, random_state=seed).fit(looks * weight)
    for cluster in range(made.n_clusters):
        members = looks[made.labels_ == cluster]
        if len(members):
            yield from _cluster_detectors(members, weight)
            yield from _cluster_detectors(members, _adapted_weights(members, every))


def _cluster_detectors(
    members: Float[np.ndarray, "S D"], weight: Float[np.ndarray, "D"]
) -> Iterator[Detector]:
    """A tight and a loose detector of what some segments look like."""
    centre = members.mean(axis=0)
    far = np.linalg.norm((members - centre) * weight, axis=1)
    for share in NEAR:
        yield Detector(centre, weight, float(np.quantile(far, share)))


def _adapted_weights(
    members: Float[np.ndarray, "S D"], every: Float[np.ndarray, "T D"]
) -> Float[np.ndarray, "D"]:
    """Weights by which that counts in which members are more alike than segments are."""
    spread = every.var(axis=0)
    return np.asarray(1 / np.sqrt(members.var(axis=0) + ALIKE * spread + 1e-9))


def _equal_weights(looks: Float[np.ndarray, "S D"]) -> Float[np.ndarray, "D"]:
    """Weights by which colours, edges, grain and size vary as much as each other."""
    variance = looks.var(axis=0)
    parts = np.split(variance, np.cumsum(BLOCKS)[:-1])
    return np.concatenate([np.full(len(part), 1 / np.sqrt(part.sum() + 1e-9)) for part in parts])


def _leading_segments(seen: _Seen) -> Int[np.ndarray, "_"]:
    """The segments of a wrong answer with most attribution for the wrong class, against the true one."""
    heat = seen.row.heat() - seen.row.heat(seen.row.label)
    labels = resize_nearest(seen.looks.labels, heat.shape)
    sums = np.bincount(labels.ravel(), heat.ravel(), len(seen.looks.looks))
    return np.argsort(-sums, kind="stable")[:SEEDS]


def _hiding_effect(trial: _Trial, candidate: _Candidate, wrong: Sequence[_Seen]) -> float:
    """What hiding it gives the true class beyond hiding as much elsewhere: t-value."""
    images, shown = [], []
    for one, mask in zip(wrong, candidate.masks, strict=True):
        if mask.any():
            wide = widen_mask(mask, GROWN)
            holes = [wide, *control_areas(wide, 1, trial.rng)]
            images += [hide_area(one.image, hole) for hole in holes]
            shown.append(one)
    said = trial.scores(images).reshape(len(shown), 2, -1)
    gains = np.zeros(len(wrong))
    for place, (one, (there, elsewhere)) in enumerate(zip(shown, said, strict=True)):
        label = one.row.label
        gains[place] = there[label] - elsewhere[label] - LEAST * _lacked(one.row, label)
    return float(t_values(gains))


def _lacked(row: Row, label: int) -> float:
    """The score that a class lacks beside the predicted one; of many classes not all scores were kept."""
    kept = row.classes[np.isfinite(row.classes)]
    told = (
        row.classes[label]
        if np.isfinite(row.classes[label])
        else 0.0
        if are_probabilities(kept)
        else kept.min()
    )
    return float(row.classes[row.predicted] - told)


def _pasting_effect(
    trial: _Trial, candidate: _Candidate, wrong: Sequence[_Seen], others: Sequence[_Seen]
) -> float:
    """What pasting it gives its class beyond pasting another piece of the same image: t-value."""
    donors = [(one, mask) for one, mask in zip(wrong, candidate.masks, strict=True) if mask.any()]
    targets = [one for one in others if not _found_mask(candidate.detector, one).any()]
    images, lacked = [], []
    for target in targets:
        alike = [one for one in donors if pixel_form(one[0].image) == pixel_form(target.image)]
        if not alike:
            continue
        donor, mask = alike[trial.rng.integers(len(alike))]
        shape = target.image.shape[:2]
        content, wide = resize_nearest(donor.image, shape), widen_mask(resize_nearest(mask, shape), GROWN)
        pieces = (wide, *control_areas(wide, 1, trial.rng))
        images += [_with_piece(target.image, content, piece, trial.rng) for piece in pieces]
        lacked.append(_lacked(target.row, candidate.towards))
    if len(lacked) < FEWEST:
        return -np.inf
    said = trial.scores(images).reshape(len(lacked), 2, -1)[:, :, candidate.towards]
    return float(t_values(said[:, 0] - said[:, 1] - LEAST * np.array(lacked)))


def _with_piece(
    image: Image, donor: Image, piece: Bool[np.ndarray, "H W"], rng: np.random.Generator
) -> Image:
    """The image with a piece of another one at a random place."""
    if not piece.any():  # there is no other piece of an image that a concept fills
        return image
    rows, columns = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
    height, width = piece.shape
    down = int(rng.integers(-rows[0], height - rows[-1]))
    across = int(rng.integers(-columns[0], width - columns[-1]))
    return paste_piece(image, donor, piece, np.array([down, across]))


def _tightest_of_alike(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Of those that mark the same, the one with the smallest area that is nearly as sure as the surest."""
    kept = []
    for first, *others in group_alike(sorted(candidates, key=lambda one: -one.surely), _are_alike):
        near = [one for one in others if one.surely >= NEARLY * first.surely]
        kept.append(min([first, *near], key=_mean_area))
    return kept


def _are_alike(one: _Candidate, other: _Candidate) -> bool:
    """Whether two mark the same in the wrong answers that they were tried on."""
    pairs = list(zip(one.masks, other.masks, strict=True))
    both = [(mine, its) for mine, its in pairs if mine.any() and its.any()]
    return mark_the_same(both, min(sum(map(bool, map(np.any, each.masks))) for each in (one, other)))


def _mean_area(candidate: _Candidate) -> float:
    return float(np.mean([mask.mean() for mask in candidate.masks if mask.any()]))
