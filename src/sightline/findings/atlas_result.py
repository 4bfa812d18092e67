"""means of each kind of answer → a table, JSON, a figure."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from sightline._json import to_jsonable
from sightline._tables import format_table
from sightline.errors import OptionError
from sightline.findings.error_groups import ErrorGroup
from sightline.types import did_you_mean, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 12
"""Kinds that are printed."""
NOT_IN_JSON = ("image", "images", "leading_segments")
"""Arrays of pixels."""
SAME = "wrong and right answers of the same predicted class cannot be told apart by where the model looks"
NONE = "no predicted class has both right and wrong answers: where they differ cannot be told from the class"
DIFFERENCE = "wrong − right"


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
        lines = [f"Atlas by {self.by} of {self.count:,} images, {shown}", *self._table_lines()]
        kinds, images = self.others[0], self.others[1]
        for one in self.maps[SHOWN:]:
            kinds, images = kinds + 1, images + one.count
        if kinds:
            lines.append(f"and {kinds:,} more kinds of {images:,} images")
        lines += [f"{self.weak_text}: try another fill"] if self.hidden_little else []
        return "\n".join([*lines, *self._difference_lines(), *self._group_lines()])

    @property
    def weak_text(self) -> str:
        """In how many images hiding hides nothing, in words; empty if in none."""
        few, many = self.hidden_little, self.count
        return f"in {few:,} of {many:,} images hiding everything hardly changes the score" if few else ""

    def _table_lines(self) -> list[str]:
        head = ["", "images", *self.region_names]
        body: list[Any] = [
            (one.name, f"{one.count:,}", one.regions, one.region_error) for one in self.maps[:SHOWN]
        ]
        if self.region_names and self.region_difference is not None:
            body.append((DIFFERENCE, "", self.region_difference, self.region_error))
        places = _decimals(np.array([errors for *_, errors in body]))
        rows = [
            [name, count, *(_with_error(*pair, places) for pair in zip(values, errors, strict=True))]
            for name, count, values, errors in body
        ]
        return format_table([head, *rows])

    def _difference_lines(self) -> list[str]:
        if self.significant is None:
            return [NONE] if self.compared[2] else []
        right, wrong, others = self.compared
        left = f"; {others:,} wrong ones have none to compare with" if others else ""
        within = f"within the predicted class, {wrong:,} wrong answers beside {right:,} right ones{left}"
        share = self.significant.mean()
        by_pixel = f"wrong and right answers differ on {share:.0%} of the image" if share else SAME
        if self.region_significant is None or not self.region_names:
            return [f"{by_pixel} ({within})"]
        # Means over a region and single pixels are told from chance apart, and may say different things.
        drawn = f"on {share:.0%} of the image" if share else "not told apart"
        names = [name for name, told in zip(self.region_names, self.region_significant, strict=True) if told]
        differ = f"wrong and right answers differ on: {', '.join(names)}" if names else SAME
        return [
            f"by the mean of each region, {differ} ({within})",
            f"pixel by pixel, as the figure draws it: {drawn}",
        ]

    def _group_lines(self) -> list[str]:
        if len(self.groups) < 2:
            return ["the wrong answers form no groups that stand apart"] if self.groups else []
        lines = (f"  {group!r}" for group in self.groups)
        return [f"{len(self.groups)} groups of wrong answers that look alike:", *lines]


def _decimals(errors: Float[np.ndarray, "N R"]) -> int:
    """So many that the usual error has two digits."""
    known = errors[np.isfinite(errors) & (errors > 0)]
    return int(np.clip(1 - np.floor(np.log10(np.median(known))), 0, 9)) if known.size else 3


def _with_error(value: float, error: float, places: int) -> str:
    told = f"{round(value, places) + 0.0:+.{places}f}"
    return f"{told} ± {error:.{places}f}" if np.isfinite(error) else told
