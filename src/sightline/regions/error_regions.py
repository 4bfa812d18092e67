"""study of aligned images → regions that no template knows: what its errors go by, found in half of them.

Candidates are what a person might draw: windows, sides and frames of several sizes, merged where hiding them
does most. The model is asked about each, in the wrong answers of one half of the images.
"""

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._arguments import clear_arguments
from sightline._checks import check_batch_size, check_seed, check_whole
from sightline._progress import progress_bar
from sightline._resize import resize_smooth
from sightline._scales import with_evidence, within_reach
from sightline.engine.image_alignment import Alignment, measure_alignment
from sightline.errors import OptionError, SightlineError, warn
from sightline.regions.area_candidates import (
    CELLS,
    Area,
    area_masks,
    area_shapes,
    cell_effects,
    first_areas,
    merged_cells,
    name_areas,
    nudged,
    parts_of,
)
from sightline.regions.concept_ranking import group_alike, overlap_share, t_values
from sightline.regions.margins import control_areas
from sightline.regions.model_trials import as_evidence, ask_images, hide_area
from sightline.regions.region_set import Regions, one_region_a_piece
from sightline.study.provenance import as_studied_model
from sightline.study.row_blocks import chosen_rows
from sightline.study.sample_split import split_answers
from sightline.study.schema import Row, StudyResults
from sightline.study.study import as_study
from sightline.types import Model, record

FEWEST = 8
"""Wrong answers that are looked at, below which nothing is looked for."""
MOST, MOST_RIGHT, MOST_AT_FIRST = 50, 50, 30
"""Wrong answers and right ones that are looked at, and wrong ones that all candidates are hidden in."""
MOST_COVERED = 0.6
"""Share of the image that an area may cover."""
OF_A_KIND = 2
"""Areas of each kind that are looked at more closely, of those that do most."""
ROUNDS = 3
"""How often parts of the leading area are looked at, and its sides moved."""
LEAST = 0.05
"""Share of what the true class lacks that hiding has to give back, as blame asks."""
USUAL = 0.75
"""How much of the attribution in right answers is taken off that in wrong ones, as blame does."""
NEARLY_AS_SURE, NEARLY_AS_MUCH = 0.7, 0.85
"""Of areas that overlap the smallest stands for them that is so nearly as sure as the surest, and gives so
nearly as much as what gives most: a strip of a border helps as surely as the border, but by less."""
SHARED = 0.25
"""Share of the smaller of two areas beyond which they are taken for one place."""
SURE = 1.0
"""t-value below which an area is left out, but for the surest: each that is tested takes from the others."""
LOOKED_AT = 100
"""Images, at most, that are looked at to see whether they are aligned."""
DRAWN = 64
"""Rows and columns by which overlaps are measured."""


@clear_arguments
def from_errors(
    study: StudyResults | str | PathLike[str],
    *,
    n_regions: int = 3,
    model: object = None,
    groups: Sequence[object] | Shaped[np.ndarray, "..."] | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Regions:
    """Regions of aligned images that a model's errors may go by, found without a template.

    For what lies at the same place in all images, where nobody knows which: a border, a plate's edge, a block
    that is larger than a template's corner. What lies anywhere is found by its looks, by
    `sightline.regions.concepts`.

    Candidates are windows of three sizes, strips along each side, frames, halves, and neighbouring cells of
    the image that are merged: those where hiding windows helps most, and those where attribution differs most
    between wrong answers and right ones of the same class. They are hidden, behind a blur of what surrounds
    them, in at most 50 wrong answers of one half of the images. The leading ones of each kind are then held
    against as much elsewhere, and against 50 right answers; and parts of the surest, and the surest with a
    side moved in or out, are tried, too. Each is ranked by the least sure (t-value) of what `sightline.blame`
    asks: gain of the true class, answers that turn right, evidence beyond that which goes from right answers.
    Of those that overlap, the smallest is kept that gives nearly as much as the one that gives most.

    They are candidates until `blame` confirms them, on images that were not looked at here: it knows these
    by ``found_in``, which `Regions.save` keeps. It hides them as they were found, by
    `sightline.Surroundings`, unless another `fill` is named: a blur of the whole image keeps much of a bright
    border, and hides nothing.

    Parameters
    ----------
    study : Study, or the path of its folder
    n_regions : int
        How many to give, at most: each that is tested makes it harder for the others.
    model : anything `as_model` takes, optional
        By default the study's own.
    groups : "label" or sequence, optional
        What each image belongs to, as for `sightline.blame`: whole groups are parted.
    seed : int
        Which half, and which images are looked at.
    batch_size : int, optional
        Most images in one model call; never changes the numbers beyond rounding.
    progress : bool, optional
        Show a progress bar; by default on a terminal and in a notebook.

    Returns
    -------
    Regions
        Named by where they lie: ``"border"``, ``"corner top-left"``, ``"left side"``. They are polygons in
        shares of the image, so that a file of them can be edited.

    Raises
    ------
    OptionError
        If there are too few wrong or right answers.
    ModelError
        If the model is not the one that was explained.

    Warns
    -----
    SightlineWarning
        If the images do not seem aligned: a place then does not mean the same in all.

    Examples
    --------
    >>> blame(study, from_errors(study))  # doctest: +SKIP
    """
    study = as_study(study)
    check_whole("n_regions", n_regions)
    check_seed("seed", seed)
    check_batch_size(batch_size)
    rng = np.random.default_rng(seed)
    split = split_answers(study, groups, rng)
    wrong, right = (
        rng.permutation(split.places[split.choosing & which])[:most].tolist()
        for which, most in ((split.wrong, MOST), (~split.wrong, MOST_RIGHT))
    )
    if len(wrong) < FEWEST or len(right) < FEWEST:
        raise OptionError(
            f"regions are looked for in half of the images, where {len(wrong)} answers are wrong and "
            f"{len(right)} right, and {FEWEST} of each are needed: explain more images, or name regions of "
            "your own.",
            slug="regions-few-errors",
        )
    _warn_unaligned(study)
    asked = study.model if model is None else as_studied_model(model, study)
    rows = {row.place: row for row in chosen_rows(study, {*wrong, *right})}
    with progress_bar(progress, (2 + ROUNDS) * len(wrong)) as tick:
        trial = _Trial(study, rows, with_evidence(asked), wrong, right, rng, batch_size, tick)
        found = _distinct(_looked_for(trial), n_regions)
    return one_region_a_piece(area_shapes(found, name_areas(found), [row.id for row in rows.values()]))


@record
class _Effects:
    """What hiding areas does to wrong answers.

    Beyond what hiding as much elsewhere does, and the least that counts: gain of the true class, answers that
    turn right; and evidence that goes beyond what goes from right answers.
    """

    gain: Float[np.ndarray, "N C"]
    turned: Float[np.ndarray, "N C"]
    excess: Float[np.ndarray, "N C"]

    @property
    def surely(self) -> Float[np.ndarray, "C"]:
        """The least sure of the three, as blame asks all of them: a t-value."""
        sure = [t_values(one) for one in (self.gain, self.turned, self.excess)]
        return np.asarray(np.min(sure, axis=0))


class _Told(NamedTuple):
    """How surely hiding an area helps (a t-value), and how much it gives."""

    sure: float
    gain: float


@record
class _Asked:
    """Evidence for the true class and whether the answer is right: as the image is, and with areas hidden.

    Of each area, first itself is hidden, then as much elsewhere.
    """

    full: Float[np.ndarray, "N"]
    strongest: Float[np.ndarray, "N"]
    hidden: Float[np.ndarray, "N C V"]
    right: Bool[np.ndarray, "N C V"]


@dataclasses.dataclass
class _Trial:
    """The model, asked about the images that are looked at with areas hidden."""

    study: StudyResults
    rows: Mapping[int, Row]
    model: Model
    wrong: list[int]
    right: list[int]
    rng: np.random.Generator
    batch_size: int | None
    tick: Callable[[int], None]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of an image."""
        height, width, *_ = self.study.image(self.wrong[0]).shape
        return height, width

    def first_effects(self, areas: Sequence[Area]) -> _Effects:
        """Of many areas, by fewer images and without any beside them."""
        said = self._ask(self.wrong[:MOST_AT_FIRST], areas, 0)
        gain = said.hidden[:, :, 0] - said.full[:, np.newaxis]
        return _Effects(gain - _least(said), said.right[:, :, 0].astype(float), gain)

    def effects(self, areas: Sequence[Area]) -> _Effects:
        """Of a few areas, as blame asks."""
        said, others = self._ask(self.wrong, areas, 1), self._ask(self.right, areas, 0)
        lost = others.full[:, np.newaxis] - others.hidden[:, :, 0]
        usual = lost.mean(axis=0) / max(others.full.mean(), 1e-9)
        turned = said.right.astype(float)
        return _Effects(
            said.hidden[:, :, 0] - said.hidden[:, :, 1] - _least(said),
            turned[:, :, 0] - turned[:, :, 1],
            said.hidden[:, :, 0] - (1 - np.minimum(usual, 1)) * said.full[:, np.newaxis],
        )

    def _ask(self, places: Sequence[int], areas: Sequence[Area], controls: int) -> _Asked:
        said, right = [], []
        masks_of: dict[tuple[int, int], Bool[np.ndarray, "C H W"]] = {}
        for place in places:
            image, label = self.study.image(place), self.rows[place].label
            shape = image.shape[0], image.shape[1]
            if shape not in masks_of:
                masks_of = {shape: area_masks(areas, shape)}
            holes = self._holes(masks_of[shape], controls)
            images = itertools.chain([image], (hide_area(image, hole) for hole in holes))
            odds = as_evidence(np.array([*ask_images(self.model, images, self.batch_size)]), self.model)
            said.append(np.stack([odds[:, label], odds.max(axis=1)]))
            right.append(odds.argmax(axis=1) == label)
            self.tick(int(self.rows[place].label != self.rows[place].predicted))
        told = within_reach(np.array(said).reshape(-1, 1)).reshape(len(places), 2, -1)
        form = (len(places), len(areas), 1 + controls)
        return _Asked(
            told[:, 0, 0], told[:, 1, 0], told[:, 0, 1:].reshape(form), np.array(right)[:, 1:].reshape(form)
        )

    def _holes(self, masks: Bool[np.ndarray, "C H W"], controls: int) -> Iterator[Bool[np.ndarray, "H W"]]:
        """Each area, then as much elsewhere."""
        for mask in masks:
            yield mask
            if controls:
                yield from control_areas(mask, controls, self.rng)


def _least(said: _Asked) -> Float[np.ndarray, "N 1"]:
    """What hiding has to give back to count."""
    return np.asarray(LEAST * (said.strongest - said.full)[:, np.newaxis])


def _looked_for(trial: _Trial) -> dict[Area, _Told]:
    """What hiding areas does: of coarse ones, then of those about the surest."""
    areas = _to_be_seen(first_areas(), trial.shape)
    coarse = trial.first_effects(areas)
    order = np.argsort(-coarse.surely, kind="stable").tolist()
    leading = [
        areas[one]
        for kind in dict.fromkeys(area.kind for area in areas)
        for one in [each for each in order if areas[each].kind == kind][:OF_A_KIND]
    ]
    for effects in (cell_effects(areas, coarse.gain.mean(axis=0)), _attribution_cells(trial)):
        leading += merged_cells(effects)
    told = _told_of(trial, leading, ())
    for _ in range(ROUNDS):
        (leading_one,) = _distinct(told, 1)
        alike = [*parts_of(leading_one), *nudged(leading_one)] if len(leading_one.boxes) == 1 else []
        told |= _told_of(trial, alike, told)
    return told


def _told_of(trial: _Trial, areas: Iterable[Area], known: Collection[Area]) -> dict[Area, _Told]:
    """What hiding those that are new does."""
    new = [area for area in _to_be_seen(areas, trial.shape) if area not in known]
    if not new:
        trial.tick(len(trial.wrong))
        return {}
    effects = trial.effects(new)
    return dict(zip(new, map(_Told, effects.surely, effects.gain.mean(axis=0)), strict=True))


def _to_be_seen(areas: Iterable[Area], shape: tuple[int, int]) -> list[Area]:
    """Areas of a pixel or more that leave enough of the image, each once."""
    given = list(areas)
    if not given:
        return []
    seen: dict[bytes, Area] = {}
    for area, mask in zip(given, area_masks(given, shape), strict=True):
        if mask.any() and mask.mean() <= MOST_COVERED:
            seen.setdefault(mask.tobytes(), area)
    return list(seen.values())


def _attribution_cells(trial: _Trial) -> Float[np.ndarray, "8 8"]:
    """How surely wrong answers have more attribution in each cell than right ones: t-values."""
    wrong = [trial.rows[place] for place in trial.wrong]
    right: dict[int, list[Float[np.ndarray, "8 8"]]] = {}
    for row in (trial.rows[place] for place in trial.right):
        right.setdefault(row.predicted, []).append(_cell_shares(row))
    means = {said: np.mean(several, axis=0) for said, several in right.items()}
    usual = np.mean(list(means.values()), axis=0)
    beside = [np.asarray(means.get(row.predicted, usual)) for row in wrong]
    more = np.array([_cell_shares(row) - USUAL * one for row, one in zip(wrong, beside, strict=True)])
    return t_values(more)


def _cell_shares(row: Row) -> Float[np.ndarray, "8 8"]:
    """Attribution towards the predicted class, against the label, as shares of all there is."""
    heat = row.heat() if row.right else row.heat() - row.heat(row.label)
    cells = resize_smooth(heat, (CELLS, CELLS))
    return np.asarray(cells / max(float(np.abs(cells).sum()), 1e-12))


def _distinct(told: Mapping[Area, _Told], most: int) -> list[Area]:
    """The surest areas; of those that share much, the smallest that gives nearly as much."""
    areas = sorted(told, key=lambda area: -told[area].sure)
    masks = dict(zip(areas, area_masks(areas, (DRAWN, DRAWN)), strict=True))
    groups = group_alike(areas, lambda one, other: overlap_share(masks[one], masks[other]) > SHARED)
    sure = [group for group in groups if told[group[0]].sure >= SURE] or groups[:1]
    found = []
    for first, *others in sure[:most]:
        group = [first, *(area for area in others if told[area].sure >= NEARLY_AS_SURE * told[first].sure)]
        enough = NEARLY_AS_MUCH * max(told[area].gain for area in group)
        giving = [area for area in group if told[area].gain >= enough] or group[:1]
        found.append(min(giving, key=lambda area: int(masks[area].sum())))
    return found


def alignment_of_study(study: StudyResults) -> Alignment:
    """Whether the same place shows the same thing in a study's images, by some that can be read."""
    images = []
    for place in study.places[:: max(1, len(study.places) // LOOKED_AT)][:LOOKED_AT].tolist():
        with contextlib.suppress(SightlineError, OSError):
            images.append(study.image(place))
    return measure_alignment(images)


def _warn_unaligned(study: StudyResults) -> None:
    """Say so where an image tells nothing of what another shows at the same place."""
    seen = alignment_of_study(study)
    if math.isfinite(seen.agreement) and not seen.aligned:
        warn(
            f"the images do not seem aligned: {seen}. A region then does not mean the same in all of them; "
            "what misleads anywhere is found as a concept: sightline.regions.concepts(study) (sightline "
            "concepts RUN).",
            slug="regions-unaligned",
        )
