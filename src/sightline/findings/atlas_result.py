"""means of each kind of answer → a table, JSON, a figure."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from sightline._json import to_jsonable
from sightline._language import translatable, translate_kept
from sightline._language import translate as tr
from sightline._notebook_html import result_html
from sightline._tables import format_table
from sightline.errors import OptionError
from sightline.findings.error_groups import ErrorGroup
from sightline.types import did_you_mean, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 12
"""Kinds that are printed."""
NOT_IN_JSON = ("image", "images", "leading_segments", "members")
"""Arrays of pixels, and long lists of places."""
SAME = translatable(
    "wrong and right answers of the same predicted class cannot be told apart by where the model looks"
)
NONE = translatable(
    "no predicted class has both right and wrong answers: where they differ cannot be told from the class"
)
DIFFERENCE = translatable("wrong − right")


@record
class OutcomeMap:
    """Mean attribution of one kind of answer.

    Parameters
    ----------
    name : str
    count : int
        Images.
    mean, error : float array, shape (H, W)
        Attribution towards the predicted class, in units of the score for a pixel, and its standard
        error: inf for a single image.
    image : float array, shape (H, W, 3), or None
        Mean of the images that can be read, 0 to 1; None if none can.
    regions, region_error : float array, shape (R,)
        Mean attribution of each region and its standard error.
    """

    name: str
    count: int
    mean: Float[np.ndarray, "H W"]
    error: Float[np.ndarray, "H W"]
    image: Float[np.ndarray, "H W 3"] | None
    regions: Float[np.ndarray, "R"]
    region_error: Float[np.ndarray, "R"]

    @property
    def title(self) -> str:
        """Its name in the reader's language, where it is no name of a class."""
        return translate_kept(self.name)


@record
class Atlas:
    """Where a model looks, for each kind of answer; made by `atlas`.

    Parameters
    ----------
    by : str
        What kinds there are.
    maps : tuple of OutcomeMap
        The 24 largest kinds, the largest first; for outcomes right, then wrong.
    others : tuple of (int, int)
        How many more kinds there are, and of how many images.
    image : float array, shape (H, W, 3), or None
        Mean of all images that can be read.
    compared : tuple of int
        Right and wrong answers that are compared, those of a predicted class that has both; and wrong ones
        that are not.
    difference, error : float array, shape (H, W), or None
        What wrong answers have more than right ones of the same predicted class, on average, and its
        standard error; None where no class has both.
    significant : bool array, shape (H, W), or None
        Where the difference can be told from chance.
    region_names : tuple of str
    region_difference, region_error, region_significant : arrays, shape (R,), or None
        The same for the regions.
    groups : tuple of ErrorGroup
        Wrong answers whose explanations look alike; one group of them all where none stand apart.
    how_grouped : str
        By what the number of groups was chosen.
    hidden_little : int
        Images whose score, near 1, hardly changes when everything is hidden: their maps say next to nothing.
    unit : str
        ``"log-odds"``, or ``"score"``: what the maps are shares of.
    floor : float
        The mean score over the pixels of a segment: what a map's values are large or small beside.
    most_images : int
        Where a kind has more images, its mean image is of so many, drawn at random; 0 where all are in it.
    """

    by: str
    maps: tuple[OutcomeMap, ...]
    others: tuple[int, int]
    image: Float[np.ndarray, "H W 3"] | None
    compared: tuple[int, int, int]
    difference: Float[np.ndarray, "H W"] | None
    error: Float[np.ndarray, "H W"] | None
    significant: Bool[np.ndarray, "H W"] | None
    region_names: tuple[str, ...]
    region_difference: Float[np.ndarray, "R"] | None
    region_error: Float[np.ndarray, "R"] | None
    region_significant: Bool[np.ndarray, "R"] | None
    groups: tuple[ErrorGroup, ...]
    how_grouped: str
    hidden_little: int = 0
    floor: float = 0.0
    unit: str = "score"
    most_images: int = 0

    def __getitem__(self, name: str) -> OutcomeMap:
        for one in self.maps:
            if one.name == name:
                return one
        known = [one.name for one in self.maps]
        raise OptionError(
            f"there is no {name!r} here. {did_you_mean(str(name), known)}", slug="option-unknown"
        )

    def plot(self) -> "Figure":
        """Mean attribution over the mean image, one scale for all; the difference; the groups."""
        from sightline import figures

        return figures.plot_atlas(self)

    def to_dict(self) -> dict[str, Any]:
        """All but the images as JSON has it; maps as lists of lists, null where a number is not known."""
        made: dict[str, Any] = to_jsonable(self, leave_out=NOT_IN_JSON)
        return made

    @property
    def count(self) -> int:
        """Images."""
        return sum(one.count for one in self.maps) + self.others[1]

    def __repr__(self) -> str:
        shown = "×".join(map(str, self.maps[0].mean.shape))
        lines = [f"{self.heading}, {shown}", *format_table(self.table)]
        kinds, images = self.others[0], self.others[1]
        for one in self.maps[SHOWN:]:
            kinds, images = kinds + 1, images + one.count
        if kinds:
            lines.append(tr("and {kinds:,} more kinds of {images:,} images", kinds=kinds, images=images))
        return "\n".join([*lines, *self.sentences])

    @property
    def heading(self) -> str:
        """By what it is, and of how many images."""
        return tr("Atlas by {by} of {n:,} images", by=translate_kept(self.by), n=self.count)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it says, in words: where wrong answers differ from right ones, and which look alike."""
        weak = [tr("{weak}: try another fill", weak=self.weak_text)] if self.hidden_little else []
        sampled = [self.sample_text] if self.most_images else []
        return (*weak, *self._difference_lines(), *self._group_lines(), *sampled)

    @property
    def sample_text(self) -> str:
        """Of how many images the mean images are, in words; empty where they are of all."""
        if not self.most_images:
            return ""
        return tr(
            "maps are of all answers; the mean images under them of {most:,} images of each kind, drawn at"
            " random, where it has more",
            most=self.most_images,
        )

    @property
    def weak_text(self) -> str:
        """In how many images hiding hides nothing, in words; empty if in none."""
        if not self.hidden_little:
            return ""
        return tr(
            "in {few:,} of {many:,} images hiding everything hardly changes the score",
            few=self.hidden_little,
            many=self.count,
        )

    def _repr_html_(self) -> str:
        return result_html(self.heading, figure=self.plot, sentences=self.sentences, tables=[self.table])

    @property
    def table(self) -> list[list[str]]:
        """A line for each kind below the heads, with its regions."""
        head = ["", tr("images"), *self.region_names]
        body: list[Any] = [
            (one.title, f"{one.count:,}", one.regions, one.region_error) for one in self.maps[:SHOWN]
        ]
        if self.region_names and self.region_difference is not None:
            body.append((translate_kept(DIFFERENCE), "", self.region_difference, self.region_error))
        places = _decimals(np.array([errors for *_, errors in body]))
        rows = [
            [name, count, *(_with_error(*pair, places) for pair in zip(values, errors, strict=True))]
            for name, count, values, errors in body
        ]
        return [head, *rows]

    def _difference_lines(self) -> list[str]:
        if self.significant is None:
            return [translate_kept(NONE)] if self.compared[2] else []
        right, wrong, others = self.compared
        within = tr(
            "within the predicted class, {wrong:,} wrong answers beside {right:,} right ones{left}",
            wrong=wrong,
            right=right,
            left=tr("; {n:,} wrong ones have none to compare with", n=others) if others else "",
        )
        share, same = self.significant.mean(), translate_kept(SAME)
        by_pixel = (
            tr("wrong and right answers differ on {share:.0%} of the image", share=share) if share else same
        )
        if self.region_significant is None or not self.region_names:
            return [f"{by_pixel} ({within})"]
        # Means over a region and single pixels are told from chance apart, and may say different things.
        drawn = tr("on {share:.0%} of the image", share=share) if share else tr("not told apart")
        names = [name for name, told in zip(self.region_names, self.region_significant, strict=True) if told]
        listed = ", ".join(names)
        differ = tr("wrong and right answers differ on: {names}", names=listed) if names else same
        return [
            tr("by the mean of each region, {differ} ({within})", differ=differ, within=within),
            tr("pixel by pixel, as the figure draws it: {drawn}", drawn=drawn),
        ]

    def _group_lines(self) -> list[str]:
        if len(self.groups) < 2:
            return [tr("the wrong answers form no groups that stand apart")] if self.groups else []
        lines = (f"  {group!r}" for group in self.groups)
        return [tr("{n} groups of wrong answers that look alike:", n=len(self.groups)), *lines]


def _decimals(errors: Float[np.ndarray, "N R"]) -> int:
    """So many that the usual error has two digits."""
    known = errors[np.isfinite(errors) & (errors > 0)]
    return int(np.clip(1 - np.floor(np.log10(np.median(known))), 0, 9)) if known.size else 3


def _with_error(value: float, error: float, places: int) -> str:
    told = f"{round(value, places) + 0.0:+.{places}f}"
    return f"{told} ± {error:.{places}f}" if np.isfinite(error) else told
