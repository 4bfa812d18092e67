"""what was measured of whole images → a table of causes and associations, and in words what it comes to."""

import functools
from typing import TYPE_CHECKING, Any

from sightline._arguments import clear_arguments
from sightline._json import to_jsonable
from sightline._tables import format_table
from sightline.errors import OptionError
from sightline.types import did_you_mean, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADS = (
    "property",
    "called",
    "gives back",
    "95 %",
    "other change",
    "given",
    "p",
    "not surely beyond",
    "turned right",
)
LINK_HEADS = ("goes with errors", "called", "errors there", "elsewhere", "p")
NAN = float("nan")


@record
class ImageCause:
    """What exchanging one property did to answers of one class.

    Parameters
    ----------
    name : str
        One of `sightline.engine.image_properties.PROPERTIES`.
    called : int
        The class that the wrong answers were called.
    called_name : str
    wrong : int
        Wrong answers called so that the model was asked about.
    own, usual : tuple of float
        Median value of the property in wrong answers called so, and in right answers of other classes.
    p : float
        Adjusted for the number of properties and classes.
    failed : tuple of str
        What it is not surely beyond, of `sightline.findings.cause_analysis.RULES`; ``"values"`` alone where
        wrong answers called so have the same values as right answers of other classes: then the model was
        not asked.
    confirmed : bool
        Whether it drives errors.
    lacked : float
        Mean score of the predicted class less that of the true one, in those wrong answers.
    gain, low, high : float
        Mean gain of the true class's score with the value of right answers of other classes; 95 % interval.
    control_gain : float
        The same gain with another change that is as large.
    given, given_other : float
        What the score of that class gains in images not called so that are given the value of wrong answers
        called so, and that of right answers of other classes.
    odds_lacked, odds_gain, odds_control_gain, odds_given, odds_given_other : float
        The same on the scale that is tested: log-odds where scores are probabilities.
    corrected, control_corrected : float
        Wrong answers that turn right: the mean over the values, and over other changes.
    right, right_held : float
        Of a confirmed one: share of right answers among some of all images as they are, and with one value of
        the property for all of them. Else nan.
    held_p : float
        Of the test that it rose.
    misleads : bool
        Whether it did, surely: then the model is better without the property.
    """

    name: str
    called: int
    called_name: str
    wrong: int
    own: tuple[float, ...]
    usual: tuple[float, ...]
    p: float
    failed: tuple[str, ...] = ()
    confirmed: bool = False
    lacked: float = NAN
    gain: float = NAN
    low: float = NAN
    high: float = NAN
    control_gain: float = NAN
    given: float = NAN
    given_other: float = NAN
    odds_lacked: float = NAN
    odds_gain: float = NAN
    odds_control_gain: float = NAN
    odds_given: float = NAN
    odds_given_other: float = NAN
    corrected: float = NAN
    control_corrected: float = NAN
    right: float = NAN
    right_held: float = NAN
    held_p: float = NAN
    misleads: bool = False


@record
class ErrorLink:
    """How errors go with a column, such as the hospital or the file's format, within each label.

    Parameters
    ----------
    column : str
    value : str
        The one whose images are wrong most beyond what the others are.
    called : int
        The class that the errors were called.
    called_name : str
    errors, images : int
        With that value: errors called so, and images of other classes.
    other_errors, other_images : int
        With other values.
    p : float
        Exact or by permutation within each label, adjusted for the number of columns and classes.
    found : bool
        Whether that is more than chance.
    """

    column: str
    value: str
    called: int
    called_name: str
    errors: int
    images: int
    other_errors: int
    other_images: int
    p: float
    found: bool


@record
class ImageCauses:
    """Causes of errors that lie in whole images and in no area; made by `image_causes`.

    Parameters
    ----------
    causes : tuple of ImageCause
        One for each property and class; confirmed ones first, then by p.
    links : tuple of ErrorLink
        One for each column and class: associations, which prove no cause.
    errors : int
        Wrong answers of the study.
    images : int
        Images whose properties were measured.
    min_effect, min_given, level : float
    calls : int
        Images that the model was given.
    scale : str
        What is tested: ``"log-odds"`` where scores are probabilities, else the scores themselves.
    lack : str
        What there was too little of; empty where there was enough.
    notes : tuple of str
        What was guessed or left out.
    """

    causes: tuple[ImageCause, ...]
    links: tuple[ErrorLink, ...]
    errors: int
    images: int
    min_effect: float
    min_given: float
    level: float
    calls: int
    scale: str = "probability"
    lack: str = ""
    notes: tuple[str, ...] = ()

    @property
    def confirmed(self) -> tuple[str, ...]:
        """Names of the properties that drive errors, each once."""
        return tuple(dict.fromkeys(one.name for one in self.causes if one.confirmed))

    @property
    def misleading(self) -> tuple[str, ...]:
        """Those of them without which surely more answers are right."""
        return tuple(dict.fromkeys(one.name for one in self.causes if one.misleads))

    @property
    def associated(self) -> tuple[str, ...]:
        """Names of the columns that errors go with."""
        return tuple(dict.fromkeys(one.column for one in self.links if one.found))

    def __getitem__(self, name: str) -> ImageCause | ErrorLink:
        """The leading one of a property, or of a column."""
        known: dict[str, ImageCause | ErrorLink] = {}
        for one in self.causes:
            known.setdefault(one.name, one)
        for link in self.links:
            known.setdefault(link.column, link)
        if name in known:
            return known[name]
        raise OptionError(
            f"there is no property or column {name!r} here. {did_you_mean(str(name), known)}",
            slug="option-unknown",
        )

    @functools.cached_property
    def verdict(self) -> str:
        """What was found, in words."""
        if self.lack:
            return f"{self.lack}."
        named = sorted((one for one in self.causes if one.confirmed), key=lambda one: not one.misleads)
        first = {one.name: one for one in reversed(named)}
        found = [self._describe_cause(one) for one in named if first[one.name] is one]
        found += [
            f"So does {one.name} in answers called {one.called_name} (adjusted p = {one.p:.2g})."
            for one in named
            if first[one.name] is not one
        ]
        if not found:
            tested = ", ".join(dict.fromkeys(one.name for one in self.causes)) or "none could be tested"
            found = [
                f"No whole-image cause found: exchanging a property ({tested}) with right answers of other "
                f"classes surely gives no wrong answers back {self.min_effect:.0%} of what they lacked, "
                "beyond what a change as large gives, and makes other images be called the same."
            ]
        found += [self._describe_link(one) for one in self.links if one.found]
        if self.links and not self.associated:
            columns = ", ".join(dict.fromkeys(one.column for one in self.links))
            found.append(f"Errors go with no value of {columns} more than chance would have it.")
        return " ".join(found)

    def _describe_cause(self, one: ImageCause) -> str:
        odds = (
            f" (in log-odds, which are tested: {one.odds_gain:+.2f} of {one.odds_lacked:.2f}, the other "
            f"change {one.odds_control_gain:+.2f})"
            if self.scale == "log-odds"
            else ""
        )
        held = f"{one.right_held:.0%} with one {one.name} for all (p = {one.held_p:.2g})"
        if one.misleads:
            head = f"{one.name} drives errors, a whole-image cause, which no area shows"
            worth = f"Of all answers {one.right:.0%} are right as images are, and {held}: it misleads."
        else:
            head = f"{one.name} weighs in wrong answers, and the model is not shown to be better without it"
            worth = (
                f"Yet of all answers {one.right:.0%} are right as images are, and {held}: it may be a reason "
                "as well as a shortcut."
            )
        return (
            f"{head}: wrong answers called {one.called_name} that get the {one.name} of right answers of "
            f"other classes gain {one.gain:.3f} [{one.low:.3f}, {one.high:.3f}] of the {one.lacked:.3f} that "
            f"the true class lacked, by a change as large {one.control_gain:.3f}{odds}, and "
            f"{one.corrected:.1f} of {one.wrong} turn right (other change {one.control_corrected:.1f}); "
            f"images not called {one.called_name} that get theirs gain {one.given:.3f} towards it, with that "
            f"of right answers {one.given_other:.3f}; adjusted p = {one.p:.2g}. {worth}"
        )

    def _describe_link(self, one: ErrorLink) -> str:
        here = one.errors / max(one.images, 1)
        there = one.other_errors / max(one.other_images, 1)
        return (
            f"{one.column} = {one.value} goes with errors: of {one.images:,} such images that are not "
            f"{one.called_name}, {one.errors:,} ({here:.0%}) are called {one.called_name}, of the "
            f"{one.other_images:,} others {one.other_errors:,} ({there:.0%}), compared within each label; "
            f"adjusted p = {one.p:.2g}. That is an association: {one.column} cannot be exchanged here, so "
            "nothing can prove that it is the cause."
        )

    def plot(self) -> "Figure":
        """What exchanging each property gives back, with intervals, beside other changes as large."""
        from sightline.figures.cause_figure import plot_causes

        return plot_causes(self)

    @clear_arguments
    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it: numbers, texts, lists; null where a number is not known."""
        return {
            **to_jsonable(self),
            "confirmed": list(self.confirmed),
            "misleading": list(self.misleading),
            "verdict": self.verdict,
        }

    def __repr__(self) -> str:
        head = (
            f"Whole-image causes: {self.errors:,} wrong answers, properties of {self.images:,} images, "
            f"{self.calls:,} model calls"
        )
        asked = [one for one in self.causes if one.gain == one.gain]
        lines = [head]
        if asked:
            lines += format_table([HEADS, *map(_cause_cells, asked)])
        if spared := len(self.causes) - len(asked):
            lines.append(
                f"  and {spared} of property and class whose values in those wrong answers are those of "
                "right answers of other classes: nothing to exchange, so the model was not asked"
            )
        if any(one.confirmed and not one.misleads for one in self.causes):
            lines.append("  + weighs in wrong answers, and the model is not shown to be better without it")
        if self.links:
            lines += format_table([LINK_HEADS, *map(_link_cells, self.links)])
        return "\n".join([*lines, *self.notes, self.verdict])


def _cause_cells(one: ImageCause) -> tuple[str, ...]:
    return (
        f"{'* ' if one.misleads else '+ ' if one.confirmed else '  '}{one.name}",
        one.called_name,
        f"{one.gain:+.3f} of {one.lacked:.3f}",
        f"{one.low:+.3f} to {one.high:+.3f}",
        f"{one.control_gain:+.3f}",
        f"{one.given:+.3f} ({one.given_other:+.3f})",
        f"{one.p:.4f}",
        ", ".join(one.failed),
        f"{one.corrected:.1f} of {one.wrong} ({one.control_corrected:.1f})",
    )


def _link_cells(one: ErrorLink) -> tuple[str, ...]:
    return (
        f"{'* ' if one.found else '  '}{one.column} = {one.value}",
        one.called_name,
        f"{one.errors:,} of {one.images:,}",
        f"{one.other_errors:,} of {one.other_images:,}",
        f"{one.p:.4f}",
    )
