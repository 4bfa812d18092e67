"""what was measured of each slice of a study → a table, the worst first, and in words what it comes to."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from sightline._arguments import clear_arguments
from sightline._json import to_jsonable
from sightline._tables import format_table
from sightline.errors import OptionError
from sightline.findings.blame_result import Blame
from sightline.types import did_you_mean, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADS = (
    "slice",
    "images",
    "accuracy",
    "{:.4g} %",
    "mean recall",
    "too sure by",
    "{:.4g} %",
    "p of more errors",
)


@record
class Slice:
    """How a model did on the images that have one value of a column.

    Parameters
    ----------
    column, value : str
    places : int array, shape (n,)
        Of its images.
    images, errors : int
    accuracy, low, high : float
        With the exact interval of Clopper & Pearson, adjusted for the number of slices.
    recall : float
        Mean of the recalls of the classes that are there: a slice may have other classes than another.
    overconfidence, over_low, over_high : float
        Mean score of the predicted class less accuracy, with a bootstrap interval that is adjusted likewise;
        nan where scores are no probabilities.
    p : float
        Of as many errors in it, were errors dealt out by chance within each label; adjusted by Holm's method.
    worse : bool
        Whether it has surely more errors.
    blame : Blame or None
        Which regions drive its errors, where that was asked and it has enough of them.
    """

    column: str
    value: str
    places: Int[np.ndarray, "n"]
    images: int
    errors: int
    accuracy: float
    low: float
    high: float
    recall: float
    overconfidence: float
    over_low: float
    over_high: float
    p: float
    worse: bool
    blame: Blame | None = None

    @property
    def name(self) -> str:
        """Column and value."""
        return f"{self.column} = {self.value}"


@record
class Slices:
    """A study slice by slice; made by `slices`.

    Parameters
    ----------
    slices : tuple of Slice
        Those of most excess of errors first.
    images, errors : int
        Of the whole study.
    accuracy : float
    level : float
        Chance that any interval misses, and that any slice is called worse by chance.
    notes : tuple of str
        What was guessed or left out.
    """

    slices: tuple[Slice, ...]
    images: int
    errors: int
    accuracy: float
    level: float
    notes: tuple[str, ...] = ()

    @property
    def worse(self) -> tuple[str, ...]:
        """Names of the slices with surely more errors."""
        return tuple(one.name for one in self.slices if one.worse)

    def __getitem__(self, name: str) -> Slice:
        for one in self.slices:
            if one.name == name:
                return one
        known = [one.name for one in self.slices]
        raise OptionError(
            f"there is no slice {name!r}. {did_you_mean(str(name), known)}", slug="option-unknown"
        )

    @functools.cached_property
    def verdict(self) -> str:
        """What was found, in words."""
        found = [
            f"{one.name} has surely more errors than others of the same label: {one.errors:,} of "
            f"{one.images:,} ({one.accuracy:.1%} right [{one.low:.1%}, {one.high:.1%}], in all "
            f"{self.accuracy:.1%}); adjusted p = {one.p:.2g}."
            for one in self.slices
            if one.worse
        ]
        if not found:
            found = [
                f"No slice of {len(self.slices)} has surely more errors than others of the same label."
                if self.slices
                else "There is no slice with enough images."
            ]
        sure = [one for one in self.slices if one.over_low > 0]
        if sure:
            listed = ", ".join(f"{one.name} by {one.overconfidence:.1%}" for one in sure[:5])
            found.append(f"Surely too sure: {listed}.")
        for one in self.slices:
            if one.blame is not None and one.blame.confirmed:
                found.append(f"In {one.name}: {one.blame.verdict}")
        return " ".join(found)

    def plot(self) -> "Figure":
        """Accuracy of each slice with its interval, beside that of the whole."""
        from sightline.figures.slice_figure import plot_slices

        return plot_slices(self)

    @clear_arguments
    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it: numbers, texts, lists; null where a number is not known."""
        made = to_jsonable(self, leave_out=("areas", "image", "places"))
        return {**made, "worse": list(self.worse), "verdict": self.verdict}

    def __repr__(self) -> str:
        head = (
            f"Slices of {self.images:,} images, {self.errors:,} wrong answers, accuracy {self.accuracy:.3f}"
        )
        sure = 100 * (1 - self.level / max(len(self.slices), 1))
        heads = tuple(head.format(sure) for head in HEADS)
        table = format_table([heads, *map(_slice_cells, self.slices)]) if self.slices else []
        return "\n".join([head, *table, *self.notes, self.verdict])


def _slice_cells(one: Slice) -> tuple[str, ...]:
    known = np.isfinite(one.overconfidence)
    return (
        f"{'* ' if one.worse else '  '}{one.name}",
        f"{one.images:,}",
        f"{one.accuracy:.3f}",
        f"{one.low:.3f} to {one.high:.3f}",
        f"{one.recall:.3f}",
        f"{one.overconfidence:+.3f}" if known else "",
        f"{one.over_low:+.3f} to {one.over_high:+.3f}" if known else "",
        f"{one.p:.4f}",
    )
