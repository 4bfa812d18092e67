"""study → where its model looks, for each kind of answer; where right and wrong answers differ."""

from collections import Counter
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Float

from sightline._arguments import check_choice, check_size, clear_arguments
from sightline._checks import check_seed, check_whole
from sightline._language import translatable
from sightline._progress import progress_bar
from sightline.errors import OptionError
from sightline.findings.atlas_result import Atlas, OutcomeMap
from sightline.findings.class_strata import ClassStrata, Difference
from sightline.findings.error_groups import classes_text, group_errors
from sightline.findings.heatmaps import (
    MeanHeatmap,
    RunningMean,
    image_at_size,
    region_sums,
    resize_keeping_sums,
    size_within,
)
from sightline.regions import Regions, named
from sightline.study.row_blocks import AnswerBlock, answer_blocks
from sightline.study.schema import StudyResults
from sightline.study.study import as_study
from sightline.types import Segments, WhiteBoxMethod

BY = (translatable("outcome"), translatable("pair"), translatable("label"), translatable("predicted"))
MOST_KINDS = 24
"""Kinds that are averaged, the most frequent: each takes room, and 1,000 classes have a million pairs."""
LARGEST = 256
"""Most pixels of a side of the maps, unless a size is given."""
MOST_IMAGES = 1000
"""Images of a kind that are averaged; of more, so many at random."""


@clear_arguments
def atlas(
    study: StudyResults | str | PathLike[str],
    by: str = "outcome",
    *,
    regions: Regions | str | None = None,
    size: tuple[int, int] | None = None,
    patches: bool = False,
    seed: int = 0,
    most_images: int = MOST_IMAGES,
    progress: bool | None = None,
) -> Atlas:
    """Where a model looks when it is right, and where when it is wrong.

    Attribution towards the predicted class is spread evenly over each segment's pixels and averaged over
    the images of each kind. Right and wrong answers are held against each other pixel by pixel (and region
    by region), within each predicted class: a model looks elsewhere for another class, and wrong answers
    are mostly of other classes than right ones. From each wrong answer the mean of the right answers of
    the same predicted class is taken off, and the mean of what is left is told from 0 by a t-test (Welch
    1947); the pixels said to differ are those that keep the expected share of false ones below 5 %
    (Benjamini & Hochberg 1995, which holds for the positive dependence of neighbours, Benjamini & Yekutieli
    2001). Images are taken to be independent of each other; with fewer than five right or five wrong answers
    to compare nothing is told.

    A difference says that the model looks elsewhere, not that it errs because of that: wrong answers have
    lower scores, and so less attribution everywhere. `blame` asks what drives the errors.

    Maps are of all answers. Images are read for what lies under them alone: of a kind that has more than
    1,000, so many at random. Memory hardly grows with the number of images. An image that can no longer be
    read counts, but is left out of the mean image.

    Parameters
    ----------
    study : Study, or the path of its folder
    by : {"outcome", "pair", "label", "predicted"}
        Kinds of answers: right and wrong; label and predicted class; or one of the two.
    regions : Regions or str, optional
        Whose attribution is told, too.
    size : tuple of int, optional
        (height, width) that the maps are brought to, by the share of the image, with their sums kept; by
        default the first image's, reduced to 256 pixels a side. Regions are summed at each image's own size.
    patches : bool
        Group wrong answers by what the segment looks like that speaks most for them, instead of by where
        the attribution lies: for images that are not aligned.
    seed : int
        Which wrong answers are grouped where there are many, and of the grouping itself; which images are
        averaged.
    most_images : int
        Of each kind, of which the mean image is made.
    progress : bool, optional
        Show a progress bar; by default on a terminal and in a notebook.

    Returns
    -------
    Atlas

    Raises
    ------
    OptionError
        If there is no such kind, the size cannot be used, or nothing has been explained.

    Examples
    --------
    >>> print(atlas(sl.Study("runs/faces"), regions=sl.regions.face()))  # doctest: +SKIP
    """
    check_choice("atlas by", by, BY)
    check_seed("seed", seed)
    check_whole("most_images", most_images)
    study = as_study(study)
    shape = _map_size(study, size)
    drawn = None if regions is None else named(regions)
    seen = _AtlasMeans(shape, drawn, study, by)
    with progress_bar(progress, len(study.places)) as tick:
        for block in answer_blocks(study):
            seen.add(block)
            tick(len(block))
    sampled = seen.add_images(most_images, seed)
    pixels, in_regions = seen.pixels.difference(), seen.in_regions.difference()
    found, how = group_errors(study, shape, patches=patches, seed=seed)
    return Atlas(
        by=by,
        maps=seen.outcome_maps(),
        others=seen.others,
        image=seen.image.image,
        compared=(*seen.strata.compared, seen.strata.wrong_left_out),
        **_difference_fields(pixels, ""),
        region_names=() if drawn is None else drawn.names,
        **_difference_fields(in_regions, "region_"),
        groups=found,
        how_grouped=how,
        hidden_little=seen.hidden_little,
        floor=seen.floor,
        unit="log-odds" if study.plan.scale == "log-odds" else "score",
        most_images=most_images if sampled else 0,
    )


class _KindMeans(MeanHeatmap):
    """Means of one kind of answer, those of its regions too."""

    def __init__(self, shape: tuple[int, int], regions: Regions | None) -> None:
        super().__init__(shape)
        self.regions = RunningMean((0 if regions is None else len(regions),))

    def outcome_map(self, name: str) -> OutcomeMap:
        return OutcomeMap(
            name=name,
            count=self.maps.count,
            mean=self.maps.mean,
            error=self.maps.error,
            image=self.image,
            regions=self.regions.mean,
            region_error=self.regions.error,
        )


class _AtlasMeans:
    """Both outcomes, and the kinds that were asked for: the most frequent of them."""

    def __init__(self, shape: tuple[int, int], regions: Regions | None, study: StudyResults, by: str) -> None:
        self.shape, self.drawn, self.study, self.by = shape, regions, study, by
        self.image = MeanHeatmap(shape)
        self.hidden_little, self._floors = 0, RunningMean(())
        self.outcomes = {right: _KindMeans(shape, regions) for right in (True, False)}
        labels, predicted = study.labels.tolist(), study.predicted.tolist()
        self.strata = ClassStrata(labels, predicted)
        self.pixels = self.strata.means(shape)
        self.in_regions = self.strata.means((0 if regions is None else len(regions),))
        counts = Counter(_kind_key(by, *both) for both in zip(labels, predicted, strict=True))
        chosen = counts.most_common(MOST_KINDS)
        self.kinds = {} if by == "outcome" else {key: _KindMeans(shape, regions) for key, _ in chosen}
        shown = sum(count for _, count in chosen)
        self.others = len(counts) - len(chosen), sum(counts.values()) - shown
        self._answers: list[tuple[int, int, int]] = []
        self._counted: tuple[Segments, Float[np.ndarray, "R S"]] | None = None

    def add(self, block: AnswerBlock) -> None:
        """Many answers at once, whose images are cut alike: they are added up segment by segment."""
        density, labels = block.values / block.segments.areas, block.segments.labels
        self.hidden_little += int(block.weak.sum())
        # What would count beside the score, spread over the pixels of one segment.
        score = np.maximum(np.abs(block.full), np.abs(block.empty))
        self._floors.merge(RunningMean.of(score * block.segments.count / np.prod(self.shape)))
        in_regions = self._region_sums(block, density)
        answers = zip(*(one.tolist() for one in (block.places, block.labels, block.predicted)), strict=True)
        self._answers += answers
        kinds = self._kinds_in(self._answers[-len(block) :])
        for kind, lines in kinds.items():
            self._means_of(kind)[1].merge(RunningMean.of(in_regions[lines]))
        if labels.shape == self.shape:
            for kind, lines in kinds.items():
                self._means_of(kind)[0].merge(RunningMean.of(density[lines]).spread(labels))
            return
        kinds_of: dict[int, list[Any]] = {}
        for kind, lines in kinds.items():
            for line in lines:
                kinds_of.setdefault(line, []).append(kind)
        for line, one in enumerate(density):
            heatmap = resize_keeping_sums(one[labels], self.shape)
            for kind in kinds_of[line]:
                self._means_of(kind)[0].add(heatmap)

    def _kinds_in(self, answers: Sequence[tuple[int, int, int]]) -> dict[tuple[Any, ...], list[int]]:
        """Kinds that means are made of → which of some answers are of each."""
        found: dict[tuple[Any, ...], list[int]] = {}
        for at, (_, label, predicted) in enumerate(answers):
            right, key = label == predicted, _kind_key(self.by, label, predicted)
            found.setdefault(("outcome", right), []).append(at)
            if predicted in self.strata.counts:
                found.setdefault(("stratum", predicted, right), []).append(at)
            if key in self.kinds:
                found.setdefault(("kind", key), []).append(at)
        return found

    def _means_of(self, kind: tuple[Any, ...]) -> tuple[RunningMean, RunningMean]:
        """Means of the pixels and of the regions of a kind."""
        if kind[0] == "stratum":
            return self.pixels.means[kind[1:]], self.in_regions.means[kind[1:]]
        means = self._shown_kind(kind)
        return means.maps, means.regions

    def _shown_kind(self, kind: tuple[Any, ...]) -> "_KindMeans":
        means: _KindMeans = self.outcomes[kind[1]] if kind[0] == "outcome" else self.kinds[kind[1]]
        return means

    def _region_sums(self, block: AnswerBlock, density: Float[np.ndarray, "n S"]) -> Float[np.ndarray, "n R"]:
        """The sum of the heat in each region, of each answer."""
        if self.drawn is None:
            return np.zeros((len(block), 0))
        if not self.drawn.shared or self.drawn.needs_image:
            labels, places = block.segments.labels, block.places.tolist()
            sums = [
                region_sums(one[labels], self.drawn, place, self.study)
                for one, place in zip(density, places, strict=True)
            ]
            return np.array(sums)
        if self._counted is None or self._counted[0] is not block.segments:
            labels, count = block.segments.labels, block.segments.count
            masks = self.drawn.masks(labels.shape)
            counts = [np.bincount(labels[mask], minlength=count) for mask in masks]
            self._counted = block.segments, np.array(counts, float).reshape(-1, count)
        return np.asarray(density @ self._counted[1].T)

    def add_images(self, most: int, seed: int) -> bool:
        """The mean image of each kind, of so many at most; whether there were more."""
        order = np.random.default_rng(seed).permutation(len(self._answers)).tolist()
        lists: list[tuple[MeanHeatmap, list[int]]] = [(self.image, order)]
        for kind, lines in self._kinds_in([self._answers[at] for at in order]).items():
            if kind[0] != "stratum":
                lists.append((self._shown_kind(kind), [order[line] for line in lines]))
        kinds: dict[int, list[MeanHeatmap]] = {}
        for means, places in lists:
            for at in places[:most]:
                kinds.setdefault(at, []).append(means)
        for at in sorted(kinds):
            image = image_at_size(self._answers[at][0], self.study, self.shape)
            for means in kinds[at]:
                means.add_image(image)
        return any(len(places) > most for _, places in lists)

    @property
    def floor(self) -> float:
        """The mean score over the pixels of a segment; 0 where values have a unit of their own."""
        inside = isinstance(self.study.plan.attribute, WhiteBoxMethod)
        return 0.0 if inside else float(self._floors.mean)

    def outcome_maps(self) -> tuple[OutcomeMap, ...]:
        if self.by == "outcome":
            names = {True: translatable("right"), False: translatable("wrong")}
            named_kinds = {names[right]: one for right, one in self.outcomes.items()}
        else:
            named_kinds = {classes_text(key, self.study.class_names): one for key, one in self.kinds.items()}
        return tuple(one.outcome_map(name) for name, one in named_kinds.items() if one.maps.count)


def _kind_key(by: str, label: int, predicted: int) -> tuple[int, ...]:
    """The classes by which an answer's kind is known."""
    return {"outcome": (int(label == predicted),), "pair": (label, predicted)}.get(
        by, (label if by == "label" else predicted,)
    )


def _difference_fields(found: Difference | None, prefix: str) -> dict[str, Any]:
    """A difference as an atlas has it."""
    told = (None, None, None) if found is None else (found.mean, found.error, found.significant)
    return {
        f"{prefix}{name}": one for name, one in zip(("difference", "error", "significant"), told, strict=True)
    }


def _map_size(study: StudyResults, size: Any) -> tuple[int, int]:
    first = next(iter(study.rows()), None)
    if first is None:
        raise OptionError("the study has no explained images: run it first.", slug="study-row")
    if size is None:
        return size_within(first.segments.labels.shape, LARGEST)
    return check_size("size", size)
