"""what was measured of each slice of a study → a table, the worst first, and in words what it comes to."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from sightline._arguments import clear_arguments
from sightline._json import to_jsonable
from sightline._language import translate as tr
from sightline._language import translate_kept, use_language
from sightline._notebook_html import result_html
from sightline._tables import format_table
from sightline.errors import OptionError
from sightline.findings.blame_result import Blame
from sightline.types import did_you_mean, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LISTED = 5
"""Slices that a sentence names."""


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
    answers : str
        Digest of the answers of the study (`sightline.study.schema.answers_digest`).
    """

    slices: tuple[Slice, ...]
    images: int
    errors: int
    accuracy: float
    level: float
    notes: tuple[str, ...] = ()
    answers: str = ""

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

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        found = [
            tr(
                "{one.name} has surely more errors than others of the same label: {one.errors:,} of "
                "{one.images:,} ({one.accuracy:.1%} right [{one.low:.1%}, {one.high:.1%}], in all "
                "{accuracy:.1%}); adjusted p = {one.p:.2g}.",
                one=one,
                accuracy=self.accuracy,
            )
            for one in self.slices
            if one.worse
        ]
        if not found:
            found = [
                tr(
                    "No slice of {n} has surely more errors than others of the same label.",
                    n=len(self.slices),
                )
                if self.slices
                else tr("There is no slice with enough images.")
            ]
        sure = sorted((one for one in self.slices if one.over_low > 0), key=lambda one: -one.overconfidence)
        if sure:
            by = [tr("{one.name} by {one.overconfidence:.1%}", one=one) for one in sure[:LISTED]]
            values = {"sure": len(sure), "n": len(self.slices), "listed": ", ".join(by)}
            found.append(
                tr("Surely too sure in {sure} of {n} slices, most in {listed}.", **values)
                if len(sure) > LISTED
                else tr("Surely too sure in {sure} of {n} slices: {listed}.", **values)
            )
        for one in self.slices:
            if one.blame is not None and one.blame.confirmed:
                found.append(tr("In {name}: {verdict}", name=one.name, verdict=one.blame.verdict))
        return " ".join(found)

    def plot(self) -> "Figure":
        """Accuracy of each slice with its interval, beside that of the whole."""
        from sightline.figures.slice_figure import plot_slices

        return plot_slices(self)

    @clear_arguments
    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it: numbers, texts, lists; null where a number is not known."""
        made = to_jsonable(self, leave_out=("areas", "image", "places"))
        with use_language("en"):
            return {**made, "worse": list(self.worse), "verdict": self.verdict}

    @property
    def table(self) -> list[tuple[str, ...]]:
        """A line for each slice below the heads, as it is printed; empty where there is none."""
        return [self._heads(), *map(_slice_cells, self.slices)] if self.slices else []

    def __repr__(self) -> str:
        notes = map(translate_kept, self.notes)
        return "\n".join([self.heading, *format_table(self.table), *notes, self.verdict])

    def _repr_html_(self) -> str:
        return result_html(
            self.heading,
            figure=self.plot,
            sentences=[*map(translate_kept, self.notes), self.verdict],
            tables=[self.table],
        )

    @property
    def heading(self) -> str:
        """How many images, and how the model did on them."""
        return tr(
            "Slices of {one.images:,} images, {one.errors:,} wrong answers, accuracy {one.accuracy:.3f}",
            one=self,
        )

    def _heads(self) -> tuple[str, ...]:
        """The heads of the table, with how often the intervals hold the true value."""
        interval = f"{100 * (1 - self.level / max(len(self.slices), 1)):.4g} %"
        return (
            tr("slice"),
            tr("images"),
            tr("accuracy"),
            interval,
            tr("mean recall"),
            tr("too sure by"),
            interval,
            tr("p of more errors"),
        )


def _slice_cells(one: Slice) -> tuple[str, ...]:
    known = np.isfinite(one.overconfidence)
    return (
        f"{'* ' if one.worse else '  '}{one.name}",
        f"{one.images:,}",
        f"{one.accuracy:.3f}",
        tr("{low:.3f} to {high:.3f}", low=one.low, high=one.high),
        f"{one.recall:.3f}",
        f"{one.overconfidence:+.3f}" if known else "",
        tr("{low:+.3f} to {high:+.3f}", low=one.over_low, high=one.over_high) if known else "",
        f"{one.p:.4f}",
    )
