"""what was measured of each region → a ranked table, and in words what it comes to."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from sightline._arguments import clear_arguments
from sightline._json import to_jsonable
from sightline._tables import count_text, format_table, turned_text
from sightline.errors import SegmentError
from sightline.findings.concept_words import CONCEPT_HEADS, concept_finding, concept_row, concept_verdict
from sightline.findings.rebalancing import ScoreShift
from sightline.regions.region_file import describe_regions
from sightline.regions.region_set import Regions
from sightline.types import did_you_mean, record

HEADS = (
    "region",
    "gain",
    "95 %",
    "elsewhere",
    "p",
    "not surely beyond",
    "turned right",
    "turned wrong",
    "share wrong|right",
)
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
        true one) and in right ones, −1 to 1: its mean over the sum of the regions' absolute means.
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
        Whether hiding it helps wrong answers as a confirmed region does, but not once the scores are
        rebalanced by a bias for each class: a shift of the scores does as much, and it is not confirmed.
    as_is_p : float
        The p-value without that, adjusted: of the answers as they are.
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

    @property
    def net_gain(self) -> float:
        """Gain beyond what hiding as much elsewhere gives."""
        return self.gain - self.control_gain

    @property
    def holds_attribution(self) -> bool:
        """Whether wrong answers rest on it, much more than right ones do, though hiding it does nothing."""
        weak = bool({"least effect", "elsewhere"} & set(self.failed))
        return weak and self.wrong_share >= max(HELD, self.right_share + MORE)

    @property
    def label(self) -> str:
        """The region's name, with its margin."""
        return f"{self.region} with a margin of {self.margin:g}" if self.margin else self.region


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

    @property
    def confirmed(self) -> tuple[str, ...]:
        """Names of the regions that drive errors."""
        return tuple(one.region for one in self.regions if one.confirmed)

    def __getitem__(self, region: str) -> RegionEffect:
        for one in self.regions:
            if one.region == region:
                return one
        known = [one.region for one in self.regions]
        raise SegmentError(
            f"there is no region {region!r} here. {did_you_mean(str(region), known)}", slug="regions-unknown"
        )

    @functools.cached_property
    def verdict(self) -> str:
        """What was found, in words."""
        if self.lack:
            return f"{self.lack}."
        if self.of_concepts:
            return concept_verdict(self)
        named = [one for one in self.regions if one.confirmed]
        found = [self._describe_effect(one) for one in named]
        shifted = [one for one in self.regions if one.shifted]
        if shifted:
            found.append(self._describe_shift(shifted))
        elif not named and not self.named:
            found.append(self._describe_nothing())
        others = [one for one in self.regions if one.suspect and not one.confirmed]
        found += [self._describe_misleading(one) for one in others if one.misleads]
        bound = [one for one in others if self.named and not (one.misleads or one.shifted)]
        found += [self._describe_bound(one) for one in bound]
        found += [self._describe_holder(one) for one in others if one.holds_attribution]
        if self.hidden_little:
            found.append(
                f"In {self.hidden_little:,} images of the study hiding everything hardly changes the score,"
                " so their attribution says next to nothing: try another fill, or scale='log-odds', there."
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
        return self._describe_holder(one) if one.holds_attribution else self._describe_bound(one)

    def _describe_nothing(self) -> str:
        tested = [one.region for one in self.regions if one.suspect]
        leading = "leading " * (len(tested) < len(self.regions))
        few = f"the {leading}regions ({', '.join(tested)})"
        which = few if len(tested) <= FEW else f"{len(tested)} {leading}regions"
        wide = any(math.isfinite(one.margin_gain) for one in self.regions)
        either = ", not with a margin either" if wide else ""
        return (
            f"nothing found: of {which}, none surely gives the true class back "
            f"{self.min_effect:.0%} of what it lacked, beyond what hiding as much elsewhere gives and "
            "beyond what the region is worth in right answers, and turns more of them right than hiding "
            f"as much elsewhere{either}."
        )

    def _describe_shift(self, found: Sequence[RegionEffect]) -> str:
        """Of regions whose hiding helps no more once scores are rebalanced."""
        names = ", ".join(one.region for one in found)
        turned = " and ".join(turned_text(one.corrected, one.control_corrected) for one in found)
        head = (
            f"A shift of the scores, not {names}: hiding {'it' if len(found) == 1 else 'each'} turns "
            f"{turned} of {self.wrong} wrong answers right (in brackets: hiding as much elsewhere; "
            f"adjusted p = {max(one.as_is_p for one in found):.2g})"
        )
        if (shift := self.rebalanced) is None:
            return f"{head}, but not once the scores are rebalanced."
        return (
            f"{head}. But {shift.share:.0%} of the errors are {shift.most}, and shifting the score does as "
            f"much: a bias for each class, fitted on other images, turns {shift.corrected:,} of "
            f"{self.errors:,} wrong answers right and {shift.broken:,} right ones wrong, and of the "
            f"{shift.errors:,} errors then left {names} {'is' if len(found) == 1 else 'are'} not shown to "
            f"drive any (adjusted p = {min(one.p for one in found):.2g}). Weigh the classes or shift the "
            "threshold before you repair a region."
        )

    def _all_findings(self) -> dict[str, str]:
        return {one.region: self.finding(one.region) for one in self.regions if one.suspect}

    def _describe_effect(self, one: RegionEffect) -> str:
        return (
            f"{one.label} drives errors: hiding it in wrong answers raises the true class's score by "
            f"{one.gain:.3f} [{one.low:.3f}, {one.high:.3f}] where it lacked {self.lacked:.3f}, hiding as "
            f"much elsewhere by {one.control_gain:.3f}{self._odds_text(one)}; adjusted p = {one.p:.2g}. "
            f"{one.corrected:g} of "
            f"{self.wrong} wrong answers turn right (elsewhere {one.control_corrected:.1f}), "
            f"{count_text(one.broken)} of {self.right} right ones wrong (elsewhere {one.control_broken:.1f})."
        )

    def _odds_text(self, one: RegionEffect) -> str:
        """The effect on the scale that is tested, where that is not the score itself."""
        if self.scale != "log-odds":
            return ""
        asked = math.isfinite(one.odds_control_gain)
        elsewhere = f", elsewhere {one.odds_control_gain:+.2f}" if asked else ""
        return f" (in log-odds, which are tested: {one.odds_gain:+.2f} of {self.odds_lacked:.2f}{elsewhere})"

    def _describe_misleading(self, one: RegionEffect) -> str:
        """Of a region that raises the wrong class and decides no answer."""
        return (
            f"{one.region} raises the wrong class but is not shown to drive errors: hiding it in wrong "
            f"answers changes the true class's score by {one.gain:+.3f} where it lacked {self.lacked:.3f}"
            f"{self._odds_text(one)}, which is more than right answers rest on it (adjusted p = "
            f"{one.evidence_p:.2g}), yet {one.corrected:g} of {self.wrong} turn right, and by hiding as much "
            f"elsewhere {one.control_corrected:.1f}."
        )

    def _describe_bound(self, one: RegionEffect) -> str:
        """What a region drives at most that was not confirmed."""
        head = (
            f"{one.region} is not shown to drive errors (adjusted p = {one.p:.2g}, not surely beyond: "
            f"{', '.join(one.failed)})"
        )
        if not np.isfinite([*one.net, *one.margin_net]).any():
            # Ruled out before as much elsewhere was hidden: of the difference nothing is known.
            return (
                f"{head}: hiding it in {self.wrong} wrong answers changes the true class's score by "
                f"{one.gain:+.3f} where it lacked {self.lacked:.3f}{self._odds_text(one)}."
            )
        most = float(np.nanmax([0.0, one.net[1], one.margin_net[1]]))
        with_margin = ", with a margin or without," if math.isfinite(one.margin_gain) else ""
        lacked = self.odds_lacked if self.scale == "log-odds" else self.lacked
        share = f", {most / lacked:.0%} of it," if lacked > 0 else ""
        unit = " in log-odds" if self.scale == "log-odds" else ""
        return (
            f"{head}: of {lacked:.3f}{unit} that the true class lacked in {self.wrong} "
            f"wrong answers, hiding it{with_margin} gives back at most {most:.3f}{share} more than hiding as "
            "much elsewhere (upper end of the 95 % interval)."
        )

    def _describe_holder(self, one: RegionEffect) -> str:
        """Why a region that hiding does nothing to is not acquitted."""
        wide = f", with a margin {one.margin_gain:+.3f}" if math.isfinite(one.margin_gain) else ""
        return (
            f"{one.region} is not acquitted: it holds {one.wrong_share:.0%} of the attribution in wrong "
            f"answers and {one.right_share:.0%} in right ones, yet hiding it changes the true class's score "
            f"by {one.gain:+.3f}{wide}. It may be too small for what misleads there, or the fill too weak "
            "to hide it: look at it, and try a larger region, a wider margin= or another fill=."
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it: numbers, texts, lists; null where a number is not known."""
        made = to_jsonable(self, leave_out=("areas", "image"))
        areas = None if self.areas is None else describe_regions(self.areas)
        return {**made, "areas": areas, "findings": self._all_findings(), "verdict": self.verdict}

    def __repr__(self) -> str:
        heads, row = (CONCEPT_HEADS, concept_row) if self.of_concepts else (HEADS, _table_row)
        table = format_table([heads, *map(row, self.regions)]) if self.regions else []
        return "\n".join([self._heading_line(), *table, self.verdict])

    def _heading_line(self) -> str:
        head = f"Blame: {self.errors:,} wrong answers"
        if self.lack:
            return head
        grouped = "" if self.groups is None else f" in {self.groups:,} groups"
        done = "confirmed" if self.halved else "tested"
        beside = f" beside {self.right:,} right ones" if self.right else ""
        return (
            f"{head}; {done} on {self.wrong:,} of them{grouped}{beside}, hidden with {self.fill}, "
            f"{self.calls:,} model calls"
        )


def _table_row(one: RegionEffect) -> tuple[str, ...]:
    sign = "* " if one.confirmed else "~ " if one.shifted else "  "
    return (
        f"{sign}{one.label}",
        f"{one.gain:+.3f}",
        f"{one.low:+.3f} to {one.high:+.3f}",
        f"{one.control_gain:+.3f}" if math.isfinite(one.control_gain) else "",
        f"{one.p:.4f}" if one.suspect else "",
        ", ".join(one.failed),
        turned_text(one.corrected, one.control_corrected),
        turned_text(one.broken, one.control_broken),
        f"{one.wrong_share:+.2f}|{one.right_share:+.2f}",
    )
