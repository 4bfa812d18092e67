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
from sightline._language import translatable, translate_kept, translate_plural, use_language
from sightline._language import translate as tr
from sightline._notebook_html import result_html
from sightline._region_names import shown_name
from sightline._tables import format_table
from sightline.errors import FileError, OptionError
from sightline.proof.attribution_shift import AttributionShift, ChangedAnswer
from sightline.proof.paired_metrics import FEWEST, PairedMetric, PValues
from sightline.proof.property_names import told_of_property
from sightline.repair.detections import Detections
from sightline.types import did_you_mean, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORDS = {
    "repaired": translatable("Repaired: the model is surely better, and {region} surely misleads it less."),
    "partly": translatable("Partly repaired: {region} surely misleads the model less."),
    "no effect": translatable("No effect: the model is not surely better for the repair of {region}."),
    "harmful": translatable("Harmful: the model is surely worse for the repair of {region}."),
    "cannot tell": translatable("Cannot tell whether the repair of {region} did any good."),
}
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
    repair : str
        Digest of the repair: method, region, margin and images seen; empty where it was not given.
    model : str
        What the model before it is known by, of the study that was given; empty without one.
    earlier : int
        How many proofs of other repairs of the study used these images before, as far as is noted.
    nearly_used : int
        How many of the images are nearly the same as ones that the repair has used.
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
    repair: str = ""
    model: str = ""
    earlier: int = 0
    nearly_used: int = 0

    def __post_init__(self) -> None:
        if self.verdict not in WORDS:  # of a file
            raise OptionError(
                f"{self.verdict!r} is no verdict of a proof. {did_you_mean(self.verdict, WORDS)}",
                slug="option-unknown",
            )

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
        return tr(WORDS[self.verdict], region=f"“{self._region_text}”")

    @property
    def reused_text(self) -> str:
        """That other proofs have used its images, and what that means; empty where none has."""
        if not self.earlier:
            return ""
        return translate_plural(
            "These images were used by an earlier proof of this study, of another repair: whoever chooses "
            "between the two has chosen by these images, which are no longer untouched.",
            "These images were used by {n} earlier proofs of this study, of other repairs: whoever chooses "
            "between them has chosen by these images, which are no longer untouched.",
            self.earlier,
        )

    @property
    def _region_text(self) -> str:
        """The region's name; that of a property in the reader's language."""
        return translate_kept(self.region) if self.whole_image else shown_name(self.region)

    @property
    def rule_text(self) -> str:
        """The rule that decided, in the reader's language."""
        return told_of_property(self.rule)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdict in words: what was found, the rule that decided, what it cost."""
        before, after = (count / self.images for count in self.right)
        blamed = self["errors blamed on it"]
        worse = [
            one.title
            for one in self.measures
            if one.kind == "other region" and one.low > max(0.0, -one.before)
        ]
        fell = [one.title for one in self.measures if one.kind == "other label" and one.high < 0]
        values = {
            "proof": self,
            "before": before,
            "after": after,
            "blamed": blamed,
        }
        changed = (
            tr(
                "Of {proof.images:,} held-out images {before:.1%} were right before and {after:.1%} after: "
                "{proof.corrected:,} answers turned right, {proof.broken:,} wrong. Errors blamed on it, net "
                "of those on other changes as large: {blamed.before:.1%} of the images before, "
                "{blamed.after:.1%} after.",
                **values,
            )
            if self.whole_image
            else tr(
                "Of {proof.images:,} held-out images {before:.1%} were right before and {after:.1%} after: "
                "{proof.corrected:,} answers turned right, {proof.broken:,} wrong. Errors blamed on the "
                "region, net of those on as much elsewhere: {blamed.before:.1%} of the images before, "
                "{blamed.after:.1%} after.",
                **values,
            )
        )
        return (
            self.headline,
            *filter(None, [self.reused_text]),
            tr("Decided by: {rule}.", rule=self.rule_text),
            changed,
            *(() if self.detections is None else self.detections.sentences(tr("held-out images"))),
            *([self.nearly_used_text] if self.nearly_used else []),
            *self._parting_sentences(),
            *(
                [tr("Other labels fare worse, by their intervals: {names}.", names=", ".join(fell))]
                if fell
                else []
            ),
            *(
                [tr("More than before, by their intervals alone: {names}.", names=", ".join(worse))]
                if worse
                else []
            ),
        )

    @property
    def nearly_used_text(self) -> str:
        """How many of the images are hardly new."""
        return tr(
            "{near:,} of the {n:,} held-out images are nearly the same as ones that the repair has used: "
            "what it does on them says little of new images.",
            near=self.nearly_used,
            n=self.images,
        )

    def _parting_sentences(self) -> list[str]:
        """Where an interval and its test part, and why; and what is of too few images for an interval."""
        blamed = self["errors blamed on it"]
        said = []
        if np.isfinite(blamed.low) and (blamed.high < 0) != (blamed.p <= self.level):
            said.append(
                tr(
                    "The interval of errors blamed on it leaves out 0: it is of their change alone, up or "
                    "down. Their p asks whether they fell, and more than other errors did; the verdict goes "
                    "by p."
                )
                if blamed.high < 0
                else tr(
                    "The interval of errors blamed on it holds 0: it is of their change alone, up or down. "
                    "Their p asks whether they fell, and more than other errors did; the verdict goes by p."
                )
            )
        few = [one.title for one in self.measures if not np.isfinite(one.low) and one.count < FEWEST]
        if few:
            listed = ", ".join(few[:MOST]) + (", …" if len(few) > MOST else "")
            said.append(tr("No interval is told of fewer than {n} images: {names}.", n=FEWEST, names=listed))
        return said

    @property
    def evidence(self) -> str:
        """What it rests on: images, region, fill, calls."""
        if self.whole_image:
            return tr(
                "{proof.images:,} held-out images, {name} of the whole image, exchanged with right answers "
                "of other classes, {proof.controls} values each, {proof.calls[0]:,} + {proof.calls[1]:,} "
                "model calls",
                proof=self,
                name=self._region_text,
            )
        return tr(
            "{proof.images:,} held-out images, region {name}{margin}, hidden with {proof.fill}, "
            "{proof.controls} places or donors each, {proof.calls[0]:,} + {proof.calls[1]:,} model calls",
            proof=self,
            name=repr(self._region_text),
            margin=tr(" with a margin of {margin:g}", margin=self.margin) if self.margin else "",
        )

    def plot(self) -> "Figure":
        """One page for a reviewer: verdict, measures, where the models look, examples."""
        from sightline.figures.proof_figure import plot_proof

        return plot_proof(self)

    def to_dict(self) -> dict[str, Any]:
        """All but the images as JSON has it: numbers, texts, lists; null where a number is not known."""
        made: dict[str, Any] = to_jsonable(self, leave_out=("shift", "examples"))
        with use_language("en"):
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
        return "\n".join([self.heading, *format_table(self.table), *self._left_out_lines(), *said])

    def _repr_html_(self) -> str:
        said = [*self._left_out_lines(), *self.sentences[1:], self.heading]
        return result_html(self.headline, figure=self.plot, sentences=said, tables=[self.table])

    @property
    def heading(self) -> str:
        """Of which repair, and what it rests on."""
        method = self.method or tr("a repair")
        return tr("Proof of {method}: {evidence}", method=method, evidence=self.evidence)

    @property
    def table(self) -> list[tuple[str, ...]]:
        """A line for each measure below the heads; of many classes those whose recall changed most."""
        beyond = self._recalls()[MOST:]
        interval = f"{100 * (1 - self.level):.3g} %"
        heads = ("", tr("before"), tr("after"), tr("change"), interval, "p", tr("beside"))
        return [heads, *(_measure_cells(one) for one in self.measures if one not in beyond)]

    def _recalls(self) -> list[PairedMetric]:
        """Those of the classes, of most change first."""
        recalls = [one for one in self.measures if one.kind == "recall"]
        return sorted(recalls, key=lambda one: -abs(one.change))

    def _left_out_lines(self) -> list[str]:
        more = len(self._recalls()) - MOST
        if more <= 0:
            return []
        return [tr("and the recalls of {n:,} more classes, that changed less", n=more)]


def _measure_cells(one: PairedMetric) -> tuple[str, ...]:
    return (
        one.title,
        format_share(one.before),
        format_share(one.after),
        format_share(one.change, sign=True),
        tr("{low} to {high}", low=format_share(one.low, sign=True), high=format_share(one.high, sign=True))
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
