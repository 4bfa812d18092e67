"""what a repair changed → a verdict with its table, JSON, a figure."""

import json
import textwrap
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sightline._arguments import clear_arguments
from sightline._files import write_text
from sightline._json import to_jsonable
from sightline._tables import format_table
from sightline.errors import FileError, OptionError
from sightline.proof.attribution_shift import AttributionShift, ChangedAnswer
from sightline.proof.paired_metrics import FEWEST, PairedMetric, PValues
from sightline.repair.detections import Detections
from sightline.types import did_you_mean, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORDS = {
    "repaired": "Repaired: the model is surely better, and {region} surely misleads it less.",
    "partly": "Partly repaired: {region} surely misleads the model less.",
    "no effect": "No effect: the model is not surely better for the repair of {region}.",
    "harmful": "Harmful: the model is surely worse for the repair of {region}.",
    "cannot tell": "Cannot tell whether the repair of {region} did any good.",
}
HEADS = ("", "before", "after", "change", "{:.3g} %", "p", "beside")
PROPERTY_WORDS = {
    "hiding the region": "exchanging it",
    "hiding as much elsewhere": "changing as much otherwise",
    "on the region": "on it",
    "when it is hidden": "when it is exchanged",
    "accuracy, region hidden": "accuracy, exchanged",
    "accuracy, region of": "accuracy, value of",
}
"""What is said of regions, and of properties of the whole image instead."""
MOST = 10
"""Classes whose recalls are printed: those that changed most."""


@record
class Proof:
    """What a repair did to a model, on images that neither has learned from; made by `prove`.

    Parameters
    ----------
    region : str
        The repaired one.
    margin : float
        Margin that was replaced with it, as a share of the image's shorter side.
    method : str
        How it was repaired; empty where that is not known.
    verdict : str
        ``"repaired"``, ``"partly"``, ``"no effect"``, ``"harmful"`` or ``"cannot tell"``; the rules are those
        of `sightline.proof.verdict.decide_verdict`.
    rule : str
        The one that decided.
    measures : tuple of PairedMetric
        Before and after.
    tests : PValues
    images : int
    right : tuple of int
        Right answers before and after.
    corrected, broken : int
        Answers that turned right, and wrong.
    level : float
    fill : str
        What hidden looked like.
    controls : int
        Equal areas elsewhere, donors and places moved to, for each image.
    seed : int
    calls : tuple of int
        Images that the model before and the one after were given.
    shift : AttributionShift or None
        Where they look.
    examples : tuple of ChangedAnswer
        Answers that turned right, then those that turned wrong.
    detections : Detections or None
        How often the region was found, where it is found by its looks; beside it, where a person said which
        images show it, what was missed and what was found wrongly.
    whole_image : bool
        Whether `region` is a property of the whole image, which was exchanged and not hidden.
    """

    region: str
    margin: float
    method: str
    verdict: str
    rule: str
    measures: tuple[PairedMetric, ...]
    tests: PValues
    images: int
    right: tuple[int, int]
    corrected: int
    broken: int
    level: float
    fill: str
    controls: int
    seed: int
    calls: tuple[int, int]
    shift: AttributionShift | None
    examples: tuple[ChangedAnswer, ...]
    detections: Detections | None = None
    whole_image: bool = False

    def __getitem__(self, name: str) -> PairedMetric:
        for one in self.measures:
            if one.name == name:
                return one
        known = [one.name for one in self.measures]
        raise OptionError(
            f"there is no measure {name!r}. {did_you_mean(str(name), known)}", slug="option-unknown"
        )

    @property
    def headline(self) -> str:
        """The verdict as a sentence."""
        return WORDS[self.verdict].format(region=f"“{self.region}”")

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdict in words: what was found, the rule that decided, what it cost."""
        before, after = (count / self.images for count in self.right)
        blamed = self["errors blamed on it"]
        worse = [
            one.name
            for one in self.measures
            if one.kind == "other region" and one.low > max(0.0, -one.before)
        ]
        fell = [one.name for one in self.measures if one.kind == "other label" and one.high < 0]
        return (
            self.headline,
            f"Decided by: {self.rule}.",
            f"Of {self.images:,} held-out images {before:.1%} were right before and {after:.1%} after: "
            f"{self.corrected:,} answers turned right, {self.broken:,} wrong. Errors blamed on "
            f"{'it' if self.whole_image else 'the region'}, net of those on "
            f"{'other changes as large' if self.whole_image else 'as much elsewhere'}: {blamed.before:.1%} "
            f"of the images before, {blamed.after:.1%} after.",
            *(() if self.detections is None else self.detections.sentences("held-out images")),
            *self._parting_sentences(),
            *([f"Other labels fare worse, by their intervals: {', '.join(fell)}."] if fell else []),
            *([f"More than before, by their intervals alone: {', '.join(worse)}."] if worse else []),
        )

    def _parting_sentences(self) -> list[str]:
        """Where an interval and its test part, and why; and what is of too few images for an interval."""
        blamed = self["errors blamed on it"]
        said = []
        if np.isfinite(blamed.low) and (blamed.high < 0) != (blamed.p <= self.level):
            said.append(
                f"The interval of errors blamed on it {'leaves out' if blamed.high < 0 else 'holds'} 0: it "
                "is of their change alone, up or down. Their p asks whether they fell, and more than other "
                "errors did; the verdict goes by p."
            )
        few = [one.name for one in self.measures if not np.isfinite(one.low) and one.count < FEWEST]
        if few:
            listed = ", ".join(few[:MOST]) + (", …" if len(few) > MOST else "")
            said.append(f"No interval is told of fewer than {FEWEST} images: {listed}.")
        return said

    @property
    def evidence(self) -> str:
        """What it rests on: images, region, fill, calls."""
        margin = f" with a margin of {self.margin:g}" if self.margin else ""
        if self.whole_image:
            return (
                f"{self.images:,} held-out images, {self.region} of the whole image, exchanged with right "
                f"answers of other classes, {self.controls} values each, {self.calls[0]:,} + "
                f"{self.calls[1]:,} model calls"
            )
        return (
            f"{self.images:,} held-out images, region {self.region!r}{margin}, hidden with {self.fill}, "
            f"{self.controls} places or donors each, {self.calls[0]:,} + {self.calls[1]:,} model calls"
        )

    def plot(self) -> "Figure":
        """One page for a reviewer: verdict, measures, where the models look, examples."""
        from sightline.figures.proof_figure import plot_proof

        return plot_proof(self)

    def to_dict(self) -> dict[str, Any]:
        """All but the images as JSON has it: numbers, texts, lists; null where a number is not known."""
        made: dict[str, Any] = to_jsonable(self, leave_out=("shift", "examples"))
        made["sentences"] = list(self.sentences)
        for line, one in zip(made["measures"], self.measures, strict=True):
            line["change"] = to_jsonable(one.change)
        if self.shift is not None and self.shift.before is not None:
            made["maps"] = to_jsonable(self.shift, leave_out=("shares", "image", "calls"))
        shown = ("image", "mask", "before", "after")
        made["examples"] = [to_jsonable(one, leave_out=shown) for one in self.examples]
        return made

    @clear_arguments
    def save(self, path: str | PathLike[str]) -> Path:
        """Write `to_dict` as JSON; what is there is replaced.

        Raises
        ------
        FileError
            If it cannot be written.
        """
        file = Path(path)
        try:
            write_text(file, json.dumps(self.to_dict(), indent=1, ensure_ascii=False))
        except OSError as error:
            raise FileError(
                f"the proof cannot be written to {str(file)!r}: {error.strerror}.", slug="repair-write"
            ) from error
        return file

    def __repr__(self) -> str:
        said = [line for one in self.sentences for line in textwrap.wrap(one, 110)]
        return "\n".join(
            [f"Proof of {self.method or 'a repair'}: {self.evidence}", *self._table_lines(), *said]
        )

    def _heads(self) -> tuple[str, ...]:
        """The heads of the table, with how often the intervals hold the true value."""
        return tuple(head.format(100 * (1 - self.level)) for head in HEADS)

    def _table_lines(self) -> list[str]:
        recalls = [one for one in self.measures if one.kind == "recall"]
        left_out = sorted(recalls, key=lambda one: -abs(one.change))[MOST:]
        lines = format_table(
            [self._heads(), *(_measure_cells(one) for one in self.measures if one not in left_out)]
        )
        if left_out:
            lines.append(f"and the recalls of {len(left_out):,} more classes, that changed less")
        return lines


def property_words(text: str) -> str:
    """What is said of a region that was hidden, said of a property that was exchanged.

    Examples
    --------
    >>> property_words("errors blamed on the region are surely fewer")
    'errors blamed on it are surely fewer'
    """
    for said, instead in PROPERTY_WORDS.items():
        text = text.replace(said, instead)
    return text


def _measure_cells(one: PairedMetric) -> tuple[str, ...]:
    return (
        one.name,
        format_share(one.before),
        format_share(one.after),
        format_share(one.change, sign=True),
        f"{format_share(one.low, sign=True)} to {format_share(one.high, sign=True)}"
        if np.isfinite(one.low)
        else "",
        f"{one.p:.4f}" if np.isfinite(one.p) else "",
        "" if one.beside is None else f"{format_share(one.beside[0])}, {format_share(one.beside[1])}",
    )


def format_share(value: float, *, sign: bool = False) -> str:
    """A share as a table has it; empty where it is not known.

    Examples
    --------
    >>> format_share(0.5), format_share(-0.0001, sign=True)
    ('0.500', '0.000')
    """
    if not np.isfinite(value):
        return ""
    rounded = round(value, 3) + 0.0
    return f"{rounded:+.3f}" if sign and rounded else f"{rounded:.3f}"
