"""what was measured of each region → a ranked table, and in words what it comes to."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from sightline._arguments import clear_arguments
from sightline._json import to_jsonable
from sightline._language import translate as tr
from sightline._language import translate_kept, translate_plural, use_language
from sightline._notebook_html import result_html
from sightline._region_names import shown_name
from sightline._tables import count_text, format_table, turned_text
from sightline.errors import SegmentError
from sightline.findings.cause_result import ImageCause, ImageCauses
from sightline.findings.concept_words import concept_finding, concept_heads, concept_row, concept_verdict
from sightline.findings.rebalancing import ScoreShift
from sightline.findings.region_effects import RULES, TURNED
from sightline.regions.region_file import describe_regions
from sightline.regions.region_set import Regions
from sightline.types import did_you_mean, record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW = 4
"""Regions that a verdict lists; of more it tells the number."""
HELD = 0.3
"""Share of the attribution in wrong answers from which on a region is said to hold it."""
MORE = 0.15
"""How much larger that share has to be than the one in right answers."""


@record
class RegionEffect:
    """What was found of one region.

    Parameters
    ----------
    region : str
    suspect : bool
        Whether it was among those tested.
    gain : float
        Mean gain of the true class's score in wrong answers when the region is hidden.
    low, high : float
        95 % bootstrap interval of the gain.
    control_gain : float
        The same gain when an equal area elsewhere is hidden.
    p : float
        Adjusted for the number of suspects; nan for a region that is none.
    corrected, control_corrected : float
        How many wrong answers turn right when the region is hidden, and when as much elsewhere is: the
        mean over the places tried.
    broken, control_broken : float
        How many right answers turn wrong.
    wrong_share, right_share : float
        Share of the attribution that the region has in wrong answers (for the predicted class, against the
        true one) and in right ones, −1 to 1: its mean over the sum of the regions' absolute means; of a
        drawn region, over all of the image's.
    confirmed : bool
        Whether it drives errors.
    failed : tuple of str
        Of a suspect that is not confirmed: what it is not surely beyond, of ``"least effect"``,
        ``"elsewhere"``, ``"right answers"`` and ``"turns elsewhere"``, the four rules of `blame`.
    net : tuple of float
        95 % bootstrap interval of the gain beyond what hiding as much elsewhere gives, on the scale that is
        tested: in log-odds where scores are probabilities.
    margin : float
        Width of the margin that was hidden with it, as a share of the image's shorter side.
    margin_gain : float
        The gain with a margin, where that was tried and did not confirm it; else nan.
    margin_net : tuple of float
        The interval of `net` with that margin.
    odds_gain, odds_low, odds_high, odds_control_gain : float
        The gains and their interval on the scale that is tested.
    misleads : bool
        Whether it speaks for the wrong class, surely more than it is worth in right answers, yet hiding it
        turns not surely more answers right than hiding as much elsewhere: it is not confirmed.
    evidence_p : float
        The p-value of that, adjusted; nan for a region that is no suspect.
    towards : str
        Of a concept: the class that it speaks for. `gain`, `low` and `high` are then of the wrong answers
        called that in which it was found. Empty for a region that has a fixed place.
    found_wrong, called_wrong, found_right, called_right : int
        Wrong and right answers that are called that class: in how many of how many it was found.
    found_all : int
        All images in which it was found; `corrected`, `broken` and `overall` are of those.
    asked_all : int
        Those of them that the model was asked about: its own wrong answers and the others, each weighed by
        how many there are.
    lacked, odds_lacked : float
        What the true class lacked in those wrong answers.
    pasted : int
        Images into which it was pasted.
    pasted_gain, pasted_control : float
        What the class that it speaks for gains there, and by another piece of the same image.
    overall : float
        Mean gain of the true class over all images with it, right answers too, beyond hiding elsewhere.
    overall_ci : tuple of float
        Its 95 % bootstrap interval.
    class_share, others_share : float
        Share of the images of its class, and of all others, in which it was found.
    class_odds : tuple of float
        95 % interval of the odds ratio of these two.
    worthwhile : bool
        Whether it is confirmed as something that the model goes by, and worth more than it costs.
    shifted : bool
        Whether hiding it helps wrong answers as a confirmed region does, but not surely once the scores are
        rebalanced by a bias for each class, and this shift mends half as many errors or more: it is not
        confirmed then. Where the shift mends fewer, it cannot be told whether the region drives errors.
    as_is_p : float
        The p-value without that, adjusted: of the answers as they are.
    reliance_p : float
        The p-value of the first, second and fourth rule, adjusted: whether wrong answers go by it, whatever
        right ones rest on.
    """

    region: str
    suspect: bool
    gain: float
    low: float
    high: float
    control_gain: float
    p: float
    corrected: float
    control_corrected: float
    broken: float
    control_broken: float
    wrong_share: float
    right_share: float
    confirmed: bool
    failed: tuple[str, ...] = ()
    net: tuple[float, float] = (float("nan"), float("nan"))
    margin: float = 0.0
    margin_gain: float = float("nan")
    margin_net: tuple[float, float] = (float("nan"), float("nan"))
    odds_gain: float = float("nan")
    odds_low: float = float("nan")
    odds_high: float = float("nan")
    odds_control_gain: float = float("nan")
    misleads: bool = False
    evidence_p: float = float("nan")
    towards: str = ""
    found_wrong: int = 0
    called_wrong: int = 0
    found_right: int = 0
    called_right: int = 0
    found_all: int = 0
    asked_all: int = 0
    lacked: float = float("nan")
    odds_lacked: float = float("nan")
    pasted: int = 0
    pasted_gain: float = float("nan")
    pasted_control: float = float("nan")
    overall: float = float("nan")
    overall_ci: tuple[float, float] = (float("nan"), float("nan"))
    class_share: float = float("nan")
    others_share: float = float("nan")
    class_odds: tuple[float, float] = (float("nan"), float("nan"))
    worthwhile: bool = False
    shifted: bool = False
    as_is_p: float = float("nan")
    reliance_p: float = float("nan")

    @property
    def net_gain(self) -> float:
        """Gain beyond what hiding as much elsewhere gives."""
        return self.gain - self.control_gain

    @property
    def was_tested(self) -> bool:
        """Whether it is a suspect that was there often enough to be tested."""
        return self.suspect and math.isfinite(self.gain)

    @property
    def holds_attribution(self) -> bool:
        """Whether wrong answers rest on it, much more than right ones do, though hiding it does nothing."""
        weak = bool({"least effect", "elsewhere"} & set(self.failed))
        return weak and self.wrong_share >= max(HELD, self.right_share + MORE)

    @property
    def label(self) -> str:
        """The region's name, with its margin."""
        if not self.margin:
            return self.called
        return tr("{one.called} with a margin of {one.margin:g}", one=self)

    @property
    def called(self) -> str:
        """Its name in the reader's language."""
        return shown_name(self.region)

    @property
    def lacking(self) -> str:
        """What it is not surely beyond, in words; empty of one that is confirmed."""
        return ", ".join(map(translate_kept, self.failed))


@record
class Blame:
    """Which regions drive a model's errors; made by `blame`.

    Parameters
    ----------
    regions : tuple of RegionEffect
        Suspects first, those whose hiding helps most beyond hiding elsewhere at the head; then the others, as
        attribution ranks them. Empty where there were too few errors.
    errors : int
        Wrong answers of the study.
    wrong, right : int
        Answers of the confirming half that the model was asked about.
    groups : int or None
        Independent groups that the confirming half's wrong answers come from; None where each image
        is on its own.
    lacked : float
        Mean score of the predicted class less that of the true one, in those wrong answers.
    min_effect : float
        Share of that which hiding a region has to give back to be named.
    level : float
        Chance of naming any region where none gives back as much.
    fill : str
        What hidden looked like.
    calls : int
        Images that the model was given.
    lack : str
        What there was too little of; empty where there was enough.
    named : bool
        Whether the suspects were named, and so tested on all answers.
    areas : Regions or None
        The regions that were looked at, where they lie: ``found.areas["jaw"]`` goes to a repair.
    image : float array, shape (H, W, 3), or None
        Mean of the images that the model was asked about, as they are looked at.
    scale : str
        What is tested: ``"log-odds"`` where scores are probabilities, else the scores themselves.
    odds_lacked : float
        What the true class lacked, on that scale.
    hidden_little : int
        Images of the study whose score, near 1, hardly changes when everything is hidden: of them the
        attribution says next to nothing.
    of_concepts : bool
        Whether the regions are concepts, found by what an image shows.
    screened : int
        How many concepts the suspects were chosen from.
    halved : bool
        Whether regions were found or chosen in one half of the images, and the other confirmed them.
    rebalanced : ScoreShift or None
        What a bias for each class does by itself.
    answers : str
        Digest of the answers of the study (`sightline.study.schema.answers_digest`).
    among : int
        How many regions these were chosen among, if more than they are: p-values are raised for so many.
    """

    regions: tuple[RegionEffect, ...]
    errors: int
    wrong: int
    right: int
    groups: int | None
    lacked: float
    min_effect: float
    level: float
    fill: str
    calls: int
    lack: str = ""
    named: bool = False
    areas: Regions | None = None
    image: Float[np.ndarray, "H W 3"] | None = None
    scale: str = "probability"
    odds_lacked: float = float("nan")
    hidden_little: int = 0
    of_concepts: bool = False
    screened: int = 0
    halved: bool = False
    rebalanced: ScoreShift | None = None
    answers: str = ""
    among: int = 0

    @property
    def confirmed(self) -> tuple[str, ...]:
        """Names of the regions that drive errors."""
        return tuple(one.region for one in self.regions if one.confirmed)

    @property
    def relied_on(self) -> tuple[str, ...]:
        """Names of regions that right answers go by as wrong ones do, those that turn most answers first."""
        found = [one for one in self.regions if self._is_relied_on(one)]
        return tuple(one.region for one in sorted(found, key=lambda one: -one.corrected))

    def __getitem__(self, region: str) -> RegionEffect:
        for one in self.regions:
            if one.region == region:
                return one
        known = [one.region for one in self.regions]
        raise SegmentError(
            f"there is no region {region!r} here. {did_you_mean(str(region), known)}", slug="regions-unknown"
        )

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        if self.lack:
            return f"{translate_kept(self.lack)}."
        if self.of_concepts:
            return concept_verdict(self)
        named = [one for one in self.regions if one.confirmed]
        found = [self._describe_effect(one) for one in named]
        others = [one for one in self.regions if one.suspect and not one.confirmed]
        # What is sure comes before what is not shown of the same regions.
        found += [self._describe_reliance(one) for one in others if self._is_relied_on(one)]
        shifted = [one for one in self.regions if one.shifted]
        if shifted:
            found.append(self._describe_shift(shifted))
        elif not named and not self.named and not any(_is_undecided(one) for one in others):
            found.append(self._describe_nothing())
        found += [self._describe_misleading(one) for one in others if one.misleads]
        bound = [
            one for one in others if (self.named or _is_undecided(one)) and not (one.misleads or one.shifted)
        ]
        found += [self._describe_bound(one) for one in bound]
        found += [self._describe_holder(one) for one in others if one.holds_attribution]
        if self.hidden_little:
            found.append(
                tr(
                    "In {n:,} images of the study hiding everything hardly changes the score, so their "
                    "attribution says next to nothing: try another fill, or scale='log-odds', there.",
                    n=self.hidden_little,
                )
            )
        return " ".join(found)

    @clear_arguments
    def finding(self, region: str) -> str:
        """What was found of one region, in a sentence; empty where it was not tested.

        Raises
        ------
        SegmentError
            If it was not among the regions.
        """
        one = self[region]
        if self.of_concepts:
            return concept_finding(self, one)
        if one.confirmed:
            return self._describe_effect(one)
        if not one.suspect:
            return ""
        if one.shifted:
            return self._describe_shift([one])
        if one.misleads:
            return self._describe_misleading(one)
        if one.holds_attribution:
            return self._describe_holder(one)
        relied_on = f"{self._describe_reliance(one)} " if self._is_relied_on(one) else ""
        return f"{relied_on}{self._describe_bound(one)}"

    @property
    def counted(self) -> str:
        """Which of the study's wrong answers all counts are of, in words; empty where it is all of them."""
        if self.lack or self.wrong >= self.errors:
            return ""
        if self.halved:
            return tr(
                "Counted are the {wrong:,} of {errors:,} wrong answers that had no say in what is tested.",
                wrong=self.wrong,
                errors=self.errors,
            )
        return tr(
            "Counted are {wrong:,} of {errors:,} wrong answers, drawn by lot to be tested.",
            wrong=self.wrong,
            errors=self.errors,
        )

    def is_open(self, one: RegionEffect) -> bool:
        """Whether a region may drive errors, though these answers do not show it: one that a person drew, or
        one that is confirmed but for a shift of the scores, which mends much less."""
        if _is_undecided(one):
            return True
        drawn = self.among > 0 and one.was_tested and not (one.confirmed or one.shifted or one.misleads)
        if not drawn or self._is_relied_on(one) or not np.isfinite([*one.net, *one.margin_net]).any():
            return False
        most, lacked = self._most_given_back(one)
        return most >= self.min_effect * lacked > 0

    def _most_given_back(self, one: RegionEffect) -> tuple[float, float]:
        """The most that hiding it may give back beyond hiding elsewhere, and what was lacked."""
        most = float(np.nanmax([0.0, one.net[1], one.margin_net[1]]))
        return most, self.odds_lacked if self.scale == "log-odds" else self.lacked

    def _describe_nothing(self) -> str:
        tested = [one.called for one in self.regions if one.suspect]
        names, n = ", ".join(tested), len(tested)
        if n < len(self.regions):
            few = tr("the leading regions ({names})", names=names)
            which = few if n <= FEW else tr("{n} leading regions", n=n)
        else:
            which = tr("the regions ({names})", names=names) if n <= FEW else tr("{n} regions", n=n)
        wide = any(math.isfinite(one.margin_gain) for one in self.regions)
        return tr(
            "{head}: of {which}, none surely gives the true class back {effect:.0%} of what it lacked, "
            "beyond what hiding as much elsewhere gives and beyond what the region is worth in right "
            "answers, and turns more of them right than hiding as much elsewhere{either}.",
            head=tr("That a region misleads is not shown") if self.relied_on else tr("nothing found"),
            which=which,
            effect=self.min_effect,
            either=tr(", not with a margin either") if wide else "",
        )

    def _describe_shift(self, found: Sequence[RegionEffect]) -> str:
        """Of regions whose hiding helps no more once scores are rebalanced."""
        names = ", ".join(one.called for one in found)
        turned = [turned_text(one.corrected, one.control_corrected) for one in found]
        head = translate_plural(
            "A shift of the scores, not {names}: hiding it turns {turned} of {wrong} wrong answers right (in "
            "brackets: hiding as much elsewhere; adjusted p = {p:.2g})",
            "A shift of the scores, not {names}: hiding each turns {turned} of {wrong} wrong answers right "
            "(in brackets: hiding as much elsewhere; adjusted p = {p:.2g})",
            len(found),
            names=names,
            turned=tr(" and ").join(turned),
            wrong=self.wrong,
            p=max(one.as_is_p for one in found),
        )
        if (shift := self.rebalanced) is None:
            return tr("{head}, but not once the scores are rebalanced.", head=head)
        return translate_plural(
            "{head}. But {shift.share:.0%} of the errors are {shift.most}, and shifting the score does as "
            "much: a bias for each class, fitted on other images, turns {shift.corrected:,} of {errors:,} "
            "wrong answers right and {shift.broken:,} right ones wrong, and of the {shift.errors:,} errors "
            "then left {names} is not shown to drive any (adjusted p = {p:.2g}). Weigh the classes or shift "
            "the threshold before you repair a region.",
            "{head}. But {shift.share:.0%} of the errors are {shift.most}, and shifting the score does as "
            "much: a bias for each class, fitted on other images, turns {shift.corrected:,} of {errors:,} "
            "wrong answers right and {shift.broken:,} right ones wrong, and of the {shift.errors:,} errors "
            "then left {names} are not shown to drive any (adjusted p = {p:.2g}). Weigh the classes or shift "
            "the threshold before you repair a region.",
            len(found),
            head=head,
            shift=shift,
            errors=self.errors,
            names=names,
            p=min(one.p for one in found),
        )

    def _all_findings(self) -> dict[str, str]:
        return {one.region: self.finding(one.region) for one in self.regions if one.suspect}

    def _describe_effect(self, one: RegionEffect) -> str:
        return tr(
            "{one.label} drives errors: hiding it in wrong answers raises the true class's score by "
            "{one.gain:.3f} [{one.low:.3f}, {one.high:.3f}] where it lacked {blame.lacked:.3f}, hiding as "
            "much elsewhere by {one.control_gain:z.3f}{odds}; adjusted p = {one.p:.2g}. {one.corrected:g} of "
            "{blame.wrong} wrong answers turn right (elsewhere {one.control_corrected:.1f}), {broken} of "
            "{blame.right} right ones wrong (elsewhere {one.control_broken:.1f}).",
            one=one,
            blame=self,
            odds=self._odds_text(one),
            broken=count_text(one.broken),
        )

    def _odds_text(self, one: RegionEffect) -> str:
        """The effect on the scale that is tested, where that is not the score itself."""
        if self.scale != "log-odds":
            return ""
        asked = math.isfinite(one.odds_control_gain)
        return tr(
            " (in log-odds, which are tested: {one.odds_gain:+.2f} of {lacked:.2f}{elsewhere})",
            one=one,
            lacked=self.odds_lacked,
            elsewhere=tr(", elsewhere {gain:+.2f}", gain=one.odds_control_gain) if asked else "",
        )

    def _describe_misleading(self, one: RegionEffect) -> str:
        """Of a region that raises the wrong class and decides no answer."""
        return tr(
            "{one.called} raises the wrong class but is not shown to drive errors: hiding it in wrong "
            "answers changes the true class's score by {one.gain:+.3f} where it lacked "
            "{blame.lacked:.3f}{odds}, which is more than right answers rest on it (adjusted p = "
            "{one.evidence_p:.2g}), yet {one.corrected:g} of {blame.wrong} turn right, and by hiding as "
            "much elsewhere {one.control_corrected:.1f}.",
            one=one,
            blame=self,
            odds=self._odds_text(one),
        )

    def _describe_bound(self, one: RegionEffect) -> str:
        """What a region drives at most that was not confirmed."""
        head = (
            tr(
                "Whether {one.called} drives errors cannot be told (adjusted p = {one.p:.2g}, not surely "
                "beyond: {one.lacking})",
                one=one,
            )
            if self.is_open(one)
            else tr(
                "{one.called} is not shown to drive errors (adjusted p = {one.p:.2g}, not surely beyond: "
                "{one.lacking})",
                one=one,
            )
        )
        if not np.isfinite([*one.net, *one.margin_net]).any():
            # Ruled out before as much elsewhere was hidden: of the difference nothing is known.
            return tr(
                "{head}: hiding it in {blame.wrong} wrong answers changes the true class's score by "
                "{one.gain:+.3f} where it lacked {blame.lacked:.3f}{odds}.",
                head=head,
                one=one,
                blame=self,
                odds=self._odds_text(one),
            )
        most, lacked = self._most_given_back(one)
        if _is_undecided(one) and self.rebalanced is not None:
            head = tr(
                "{head}. As the scores are, hiding it turns {one.corrected:g} of {wrong} wrong answers "
                "right, as much elsewhere {one.control_corrected:.1f} (adjusted p = {one.as_is_p:.2g}); a "
                "bias for each class, which by itself turns {shift.corrected:,} of {errors:,} right and "
                "{shift.broken:,} right ones wrong, leaves too little to be sure",
                head=head,
                one=one,
                wrong=self.wrong,
                shift=self.rebalanced,
                errors=self.errors,
            )
        return tr(
            "{head}: of {lacked:.3f}{unit} that the true class lacked in {wrong} wrong answers, hiding "
            "it{margin} gives back at most {most:.3f}{share} more than hiding as much elsewhere (upper end "
            "of the 95 % interval){open}.",
            head=head,
            open=tr("; more wrong answers would tell") if self.is_open(one) else "",
            lacked=lacked,
            unit=tr(" in log-odds") if self.scale == "log-odds" else "",
            wrong=self.wrong,
            margin=tr(", with a margin or without,") if math.isfinite(one.margin_gain) else "",
            most=most,
            share=tr(", {share:.0%} of it,", share=most / lacked) if lacked > 0 else "",
        )

    def _describe_holder(self, one: RegionEffect) -> str:
        """Why a region that hiding does nothing to is not acquitted."""
        wide = math.isfinite(one.margin_gain)
        return tr(
            "{one.called} is not acquitted: it holds {one.wrong_share:.0%} of the evidence in wrong "
            "answers and {one.right_share:.0%} in right ones, yet hiding it changes the true class's score "
            "by {one.gain:+.3f}{wide}. It may be too small for what misleads there, or the fill too weak to "
            "hide it: look at it, and try a larger region, a wider margin= or another fill=.",
            one=one,
            wide=tr(", with a margin {gain:+.3f}", gain=one.margin_gain) if wide else "",
        )

    def _is_relied_on(self, one: RegionEffect) -> bool:
        """Whether hiding it surely turns many wrong answers right, and the third rule alone does not hold."""
        sure = one.suspect and one.failed == ("right answers",) and one.reliance_p <= self.level
        return sure and one.corrected >= TURNED * self.wrong

    def _describe_reliance(self, one: RegionEffect) -> str:
        """Of what right answers rest on as much as wrong ones: a reason, or a shortcut and nothing else."""
        return tr(
            "{one.called} is what the model goes by: hiding it turns {one.corrected:g} of {blame.wrong} "
            "wrong answers right and {broken} of {blame.right} right ones wrong (adjusted p = "
            "{one.reliance_p:.2g}). Whether it misleads is another question: right answers rest on it as "
            "much, so these images cannot tell a good reason from a shortcut beside which the model has "
            "learned little. Look at it; if it is no sign of the class, repair it, and see what a proof on "
            "other images says.",
            one=one,
            blame=self,
            broken=count_text(one.broken),
        )

    def plot(self) -> "Figure":
        """Gain by each region with its interval, beside hiding as much elsewhere."""
        from sightline import figures

        return figures.plot_blame(self)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it: numbers, texts, lists; null where a number is not known."""
        made = to_jsonable(self, leave_out=("areas", "image"))
        areas = None if self.areas is None else describe_regions(self.areas)
        with use_language("en"):
            return {**made, "areas": areas, "findings": self._all_findings(), "verdict": self.verdict}

    @property
    def table(self) -> list[tuple[str, ...]]:
        """A line for each region below the heads, as it is printed; empty where there is none."""
        heads, row = (concept_heads(), concept_row) if self.of_concepts else (_table_heads(), _table_row)
        return [heads, *map(row, self.regions)] if self.regions else []

    def __repr__(self) -> str:
        return "\n".join([self.heading, *format_table(self.table), self.verdict])

    def _repr_html_(self) -> str:
        return result_html(self.heading, figure=self.plot, sentences=[self.verdict], tables=[self.table])

    @property
    def heading(self) -> str:
        """How many errors, and on what it was tested."""
        head = tr("Blame: {n:,} wrong answers", n=self.errors)
        if self.lack:
            return head
        grouped = "" if self.groups is None else tr(" in {n:,} groups", n=self.groups)
        on = f"{self.wrong:,}"
        beside = tr(" beside {n:,} right ones", n=self.right) if self.right else ""
        message = (
            tr("confirmed on {on} of them{grouped}{beside}", on=on, grouped=grouped, beside=beside)
            if self.halved
            else tr("tested on {on} of them{grouped}{beside}", on=on, grouped=grouped, beside=beside)
        )
        if self.among > sum(one.suspect for one in self.regions):
            message = tr("{tested}, each as one of {n:,} regions", tested=message, n=self.among)
        return tr(
            "{head}; {tested}, hidden with {blame.fill}, {blame.calls:,} model calls",
            head=head,
            tested=message,
            blame=self,
        )


def _is_undecided(one: RegionEffect) -> bool:
    """Whether it is as a confirmed region but for a shift of the scores, and that mends much less."""
    return one.suspect and one.failed == RULES[-1:] and not (one.confirmed or one.shifted)


def _table_heads() -> tuple[str, ...]:
    return (
        tr("region"),
        tr("gain"),
        "95 %",
        tr("elsewhere"),
        "p",
        tr("not surely beyond"),
        tr("turned right"),
        tr("turned wrong"),
        tr("evidence wrong|right"),
    )


def property_leads(causes: ImageCauses | None, *blamed: Blame | None) -> bool:
    """Whether a property of whole images misleads, and no region or concept gives wrong answers more back.

    What lies in one place changes the whole image, too: its edges are detail, its light is brightness.
    """
    if causes is None or not causes.misleading:
        return False
    found = causes[causes.misleading[0]]
    if not isinstance(found, ImageCause):
        return False
    given_back = [
        one.gain / (one.lacked if each.of_concepts else each.lacked)
        for each in blamed
        if each is not None
        for one in each.regions
        if one.confirmed
    ]
    return found.gain / found.lacked >= max(given_back, default=0.0)


def _table_row(one: RegionEffect) -> tuple[str, ...]:
    sign = "* " if one.confirmed else "~ " if one.shifted else "  "
    return (
        f"{sign}{one.label}",
        f"{one.gain:+.3f}",
        tr("{low:+.3f} to {high:+.3f}", low=one.low, high=one.high),
        f"{one.control_gain:+.3f}" if math.isfinite(one.control_gain) else "",
        f"{one.p:.4f}" if one.suspect else "",
        one.lacking,
        turned_text(one.corrected, one.control_corrected),
        turned_text(one.broken, one.control_broken),
        f"{one.wrong_share:+.2f}|{one.right_share:+.2f}",
    )
