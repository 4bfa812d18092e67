"""what was measured of whole images → a table of causes and associations, and in words what it comes to."""

import math
from typing import TYPE_CHECKING, Any

from sightline._arguments import clear_arguments
from sightline._json import to_jsonable
from sightline._language import translate as tr
from sightline._language import translate_kept, use_language
from sightline._notebook_html import result_html
from sightline._tables import count_text, format_table
from sightline.engine.image_properties import PROPERTIES
from sightline.errors import OptionError
from sightline.types import did_you_mean, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
        Whether it did, surely: then the model is better without the property. Or the property surely tells
        little of the class: a model that knows little else is not better without it, and misled all the same.
    class_share, others_share : float
        Of a confirmed one: share of images of that class, and of others, that are nearer to the value of the
        wrong answers called so than to that of right answers of other classes. Else nan.
    class_odds : tuple of float
        95 % interval of the odds ratio of these two.
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
    class_share: float = NAN
    others_share: float = NAN
    class_odds: tuple[float, float] = (NAN, NAN)

    def is_better_without(self, level: float) -> bool:
        """Whether surely more answers are right with one value of the property for all images."""
        return self.right_held > self.right and self.held_p <= level

    @property
    def title(self) -> str:
        """The property's name in the reader's language."""
        return translate_kept(self.name)

    @property
    def meaning(self) -> str:
        """What the property is, in plain words."""
        return translate_kept(PROPERTIES[self.name].meaning) if self.name in PROPERTIES else self.title

    @property
    def lacking(self) -> str:
        """What it is not surely beyond, in words; empty of one that is confirmed."""
        return ", ".join(map(translate_kept, self.failed))


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
    answers : str
        Digest of the answers of the study (`sightline.study.schema.answers_digest`).
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
    answers: str = ""

    @property
    def confirmed(self) -> tuple[str, ...]:
        """Names of the properties that drive errors, each once."""
        return tuple(dict.fromkeys(one.name for one in self.causes if one.confirmed))

    @property
    def misleading(self) -> tuple[str, ...]:
        """Those of them without which surely more answers are right, or which tell little of their class."""
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

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        if self.lack:
            return f"{translate_kept(self.lack)}."
        named = sorted((one for one in self.causes if one.confirmed), key=lambda one: not one.misleads)
        first = {one.name: one for one in reversed(named)}
        found = [self._describe_cause(one) for one in named if first[one.name] is one]
        found += [
            tr(
                "So does {name} in answers called {one.called_name} (adjusted p = {one.p:.2g}).",
                one=one,
                name=one.title,
            )
            for one in named
            if first[one.name] is not one
        ]
        if not found:
            tested = ", ".join(dict.fromkeys(one.title for one in self.causes))
            found = [
                tr(
                    "No whole-image cause found. Wrong answers were given, one by one, what right answers "
                    "of other classes have of each property ({tested}). Of none is it sure that this gives "
                    "the true class back {effect:.0%} of the score that it lacked, more than another change "
                    "as large does, and that other images go over to the wrong class when they are given "
                    "it from wrong answers.",
                    tested=tested or tr("none could be tested"),
                    effect=self.min_effect,
                )
            ]
        found += [self._describe_link(one) for one in self.links if one.found]
        if self.links and not self.associated:
            columns = ", ".join(dict.fromkeys(one.column for one in self.links))
            found.append(
                tr("Errors go with no value of {columns} more than chance would have it.", columns=columns)
            )
        return " ".join(found)

    def _describe_cause(self, one: ImageCause) -> str:
        odds = (
            tr(
                " (in log-odds, which are tested: {one.odds_gain:+.2f} of {one.odds_lacked:.2f}; by the "
                "other change {one.odds_control_gain:+.2f})",
                one=one,
            )
            if self.scale == "log-odds"
            else ""
        )
        held = tr(
            "{one.right_held:.0%} when all images are given the same {one.title} (p = {one.held_p:.2g})",
            one=one,
        )
        if one.misleads:
            head = tr("{one.title} drives errors: {one.meaning}, which no single area shows.", one=one)
            worth = self._worth_text(one, held)
        else:
            head = tr(
                "{one.title} weighs in wrong answers: {one.meaning}. That the model is better without it "
                "is not shown.",
                one=one,
            )
            worth = tr(
                "Of all answers {one.right:.0%} are right with images as they are, and {held}: it may be a "
                "good reason as well as a shortcut.",
                one=one,
                held=held,
            )
        return tr(
            "{head} When the wrong answers called {one.called_name} are given the {one.title} of right "
            "answers of other classes, {turned} of {one.wrong} turn right (by another change as large: "
            "{other}), and the true class regains {one.gain:.3f} [{one.low:.3f}, {one.high:.3f}] of the "
            "{one.lacked:.3f} that its score lacked (by the other change: {one.control_gain:z.3f}){odds}. "
            "The other way round, images that are not called {one.called_name} gain {one.given:+.3f} "
            "towards it when they are given the {one.title} of these wrong answers, and "
            "{one.given_other:+.3f} when given that of right ones. Adjusted p = {one.p:.2g}. {worth}",
            one=one,
            head=head,
            turned=_known_count(one.corrected),
            other=_known_count(one.control_corrected),
            odds=odds,
            worth=worth,
        )

    def _worth_text(self, one: ImageCause, held: str) -> str:
        """What the property is worth, of one that misleads."""
        values: dict[str, object] = {"one": one, "held": held}
        if one.is_better_without(self.level):
            return tr(
                "Of all answers {one.right:.0%} are right with images as they are, and {held}: the model is "
                "better without it, so it misleads.",
                **values,
            )
        values["shares"] = _shares_text(one)
        if one.right_held > one.right:
            return tr(
                "It misleads, for it says little about whether an image is {one.called_name}: {shares}. Of "
                "all answers {one.right:.0%} are right with images as they are, and {held}, which is not "
                "surely more.",
                **values,
            )
        return tr(
            "It misleads, for it says little about whether an image is {one.called_name}: {shares}. Of all "
            "answers {one.right:.0%} are right with images as they are, and {held}: without it the model "
            "knows too little to answer, so a repair has to teach it something else.",
            **values,
        )

    def _describe_link(self, one: ErrorLink) -> str:
        return tr(
            "{one.column} = {one.value} goes with errors: of {one.images:,} such images that are not "
            "{one.called_name}, {one.errors:,} ({here:.0%}) are called {one.called_name}, of the "
            "{one.other_images:,} others {one.other_errors:,} ({there:.0%}), compared within each label; "
            "adjusted p = {one.p:.2g}. That is an association: {one.column} cannot be exchanged here, so "
            "nothing can prove that it is the cause.",
            one=one,
            here=one.errors / max(one.images, 1),
            there=one.other_errors / max(one.other_images, 1),
        )

    def plot(self) -> "Figure":
        """What exchanging each property gives back, with intervals, beside other changes as large."""
        from sightline.figures.cause_figure import plot_causes

        return plot_causes(self)

    @clear_arguments
    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it: numbers, texts, lists; null where a number is not known."""
        with use_language("en"):
            return {
                **to_jsonable(self),
                "confirmed": list(self.confirmed),
                "misleading": list(self.misleading),
                "verdict": self.verdict,
            }

    @property
    def table(self) -> list[tuple[str, ...]]:
        """A line below the heads for each cause that the model was asked about; empty where there is none."""
        asked = [one for one in self.causes if one.gain == one.gain]
        return [_cause_heads(), *map(_cause_cells, asked)] if asked else []

    @property
    def links_table(self) -> list[tuple[str, ...]]:
        """A line below the heads for each column and class; empty where there is none."""
        return [_link_heads(), *map(_link_cells, self.links)] if self.links else []

    def __repr__(self) -> str:
        table, beside = self.table, self.links_table
        lines = [self.heading, *(format_table(table) if table else [])]
        if spared := len(self.causes) - len(table[1:]):
            lines.append(
                tr(
                    "  and {n} of property and class whose values in those wrong answers are those of right "
                    "answers of other classes: nothing to exchange, so the model was not asked",
                    n=spared,
                )
            )
        if any(one.confirmed and not one.misleads for one in self.causes):
            lines.append(
                tr("  + weighs in wrong answers, and the model is not shown to be better without it")
            )
        lines += format_table(beside) if beside else []
        return "\n".join([*lines, *map(translate_kept, self.notes), self.verdict])

    def _repr_html_(self) -> str:
        return result_html(
            self.heading,
            figure=self.plot,
            sentences=[*map(translate_kept, self.notes), self.verdict],
            tables=[self.table, self.links_table],
        )

    @property
    def heading(self) -> str:
        """How many errors, and on what it was tested."""
        return tr(
            "Whole-image causes: {one.errors:,} wrong answers, properties of {one.images:,} images, "
            "{one.calls:,} model calls",
            one=self,
        )


def _known_count(count: float) -> str:
    return count_text(count) if math.isfinite(count) else "?"


def _cause_heads() -> tuple[str, ...]:
    return (
        tr("property"),
        tr("called"),
        tr("gives back"),
        "95 %",
        tr("other change"),
        tr("given"),
        "p",
        tr("not surely beyond"),
        tr("turned right"),
    )


def _link_heads() -> tuple[str, ...]:
    return tr("goes with errors"), tr("called"), tr("errors there"), tr("elsewhere"), "p"


def _shares_text(one: ImageCause) -> str:
    """How many images have rather the value of the wrong answers than that of right ones of other classes."""
    low, high = one.class_odds
    return tr(
        "the {one.title} of {one.class_share:.0%} of the images that are {one.called_name}, and of "
        "{one.others_share:.0%} of all others, is nearer to that of these wrong answers than to that of "
        "right ones (odds ratio {ratio:.2g} [{low:.2g}, {high:.2g}])",
        one=one,
        ratio=math.sqrt(low * high),
        low=low,
        high=high,
    )


def _cause_cells(one: ImageCause) -> tuple[str, ...]:
    return (
        f"{'* ' if one.misleads else '+ ' if one.confirmed else '  '}{one.title}",
        one.called_name,
        tr("{one.gain:+.3f} of {one.lacked:.3f}", one=one),
        tr("{low:+.3f} to {high:+.3f}", low=one.low, high=one.high),
        f"{one.control_gain:+.3f}",
        f"{one.given:+.3f} ({one.given_other:+.3f})",
        f"{one.p:.4f}",
        one.lacking,
        tr("{one.corrected:.1f} of {one.wrong} ({one.control_corrected:.1f})", one=one),
    )


def _link_cells(one: ErrorLink) -> tuple[str, ...]:
    return (
        f"{'* ' if one.found else '  '}{one.column} = {one.value}",
        one.called_name,
        tr("{few:,} of {many:,}", few=one.errors, many=one.images),
        tr("{few:,} of {many:,}", few=one.other_errors, many=one.other_images),
        f"{one.p:.4f}",
    )
