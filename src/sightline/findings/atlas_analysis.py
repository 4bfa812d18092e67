"""study → where its model looks, for each kind of answer; where right and wrong answers differ."""

from collections import Counter
from os import PathLike
from typing import Any

import numpy as np

from sightline._arguments import check_choice, check_size, clear_arguments
from sightline._checks import check_seed
from sightline._progress import progress_bar
from sightline.errors import OptionError
from sightline.findings.atlas_result import Atlas, OutcomeMap
from sightline.findings.class_strata import ClassStrata, Difference
from sightline.findings.error_groups import classes_text, group_errors
from sightline.findings.heatmaps import MeanHeatmap, RunningMean, at_size, region_sums, size_within
from sightline.regions import Regions, named
from sightline.study.schema import Row, StudyResults
from sightline.study.study import as_study
from sightline.types import WhiteBoxMethod

BY = ("outcome", "pair", "label", "predicted")
MOST_KINDS = 24
"""Kinds that are averaged, the most frequent: each takes room, and 1,000 classes have a million pairs."""
LARGEST = 256
"""Most pixels of a side of the maps, unless a size is given."""


@clear_arguments
def atlas(
    study: StudyResults | str | PathLike[str],
    by: str = "outcome",
    *,
    regions: Regions | str | None = None,
    size: tuple[int, int] | None = None,
    patches: bool = False,
    seed: int = 0,
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

    Memory does not grow with the number of images. An image that can no longer be read counts, but is left
    out of the mean image.

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
        Which wrong answers are grouped where there are many, and of the grouping itself.
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
    study = as_study(study)
    shape = _map_size(study, size)
    drawn = None if regions is None else named(regions)
    seen = _AtlasMeans(shape, drawn, study, by)
    with progress_bar(progress, len(study.places)) as tick:
        for row in study.rows():
            seen.add(row)
            tick(1)
    pixels, in_regions = seen.pixels.difference(), seen.in_regions.difference()
    found, how = group_errors(study, shape, patches=patches, seed=seed)
    return Atlas(
        by=by,
        maps=seen.outcome_maps(),
        others=seen.others,
        image=seen.all.image,
        compared=(*seen.strata.compared, seen.strata.wrong_left_out),
        **_difference_fields(pixels, ""),
        region_names=() if drawn is None else drawn.names,
        **_difference_fields(in_regions, "region_"),
        groups=found,
        how_grouped=how,
        hidden_little=seen.hidden_little,
        floor=seen.floor,
        unit="log-odds" if study.plan.scale == "log-odds" else "score",
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
        self.all = MeanHeatmap(shape)
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

    def add(self, row: Row) -> None:
        in_regions = np.zeros(0)
        if self.drawn is not None:
            in_regions = region_sums(row.heat(), self.drawn, row.place, self.study)
        heatmap, image = at_size(row, self.study, self.shape)
        self.all.add(heatmap, image)
        self.hidden_little += row.hides_little(self.study.plan)
        # What would count beside the score, spread over the pixels of one segment.
        score = max(abs(float(row.full[0])), abs(float(row.empty[0])))
        self._floors.add(np.array(score * row.segments.count / heatmap.size))
        self.pixels.add(row.predicted, row.right, heatmap)
        self.in_regions.add(row.predicted, row.right, in_regions)
        for kind in (
            self.outcomes[row.right],
            self.kinds.get(_kind_key(self.by, row.label, row.predicted)),
        ):
            if kind is not None:
                kind.add(heatmap, image)
                kind.regions.add(in_regions)

    @property
    def floor(self) -> float:
        """The mean score over the pixels of a segment; 0 where values have a unit of their own."""
        inside = isinstance(self.study.plan.attribute, WhiteBoxMethod)
        return 0.0 if inside else float(self._floors.mean)

    def outcome_maps(self) -> tuple[OutcomeMap, ...]:
        if self.by == "outcome":
            named_kinds = {"right" if right else "wrong": one for right, one in self.outcomes.items()}
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
