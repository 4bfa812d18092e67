"""what was measured of concepts → a table, and in words what it comes to and what that rests on."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline.findings.blame_result import Blame, RegionEffect

CONCEPT_HEADS = (
    "concept",
    "speaks for",
    "found in wrong|right",
    "gain",
    "95 %",
    "elsewhere",
    "pasted",
    "another piece",
    "overall",
    "p",
    "not surely beyond",
    "turned right",
    "turned wrong",
)


def concept_row(one: "RegionEffect") -> tuple[str, ...]:
    """A line of the table."""
    tested = math.isfinite(one.gain)
    pasted = math.isfinite(one.pasted_gain)
    return (
        f"{'* ' if one.confirmed else '  '}{one.region}",
        one.towards,
        f"{one.found_wrong} of {one.called_wrong}|{one.found_right} of {one.called_right}",
        f"{one.gain:+.3f}" if tested else "too few",
        f"{one.low:+.3f} to {one.high:+.3f}" if tested else "",
        f"{one.control_gain:+.3f}" if tested else "",
        f"{one.pasted_gain:+.3f}" if pasted else "too few" if tested else "",
        f"{one.pasted_control:+.3f}" if pasted else "",
        f"{one.overall:+.3f}" if tested else "",
        f"{one.p:.4f}",
        ", ".join(one.failed),
        f"{_count_text(one.corrected)} ({one.control_corrected:.1f})" if tested else "",
        f"{_count_text(one.broken)} ({one.control_broken:.1f})" if tested else "",
    )


def concept_verdict(blame: "Blame") -> str:
    """What was found of all concepts."""
    real = [one for one in blame.regions if one.confirmed or one.worthwhile]
    if not blame.regions:
        return (
            f"nothing found: none of the {blame.screened} concepts was found in enough wrong answers of one "
            "class to be tested."
        )
    found = [concept_finding(blame, one) for one in real]
    if not real and not blame.named:
        tested = ", ".join(one.region for one in blame.regions)
        found.append(
            f"nothing found: of {blame.screened} concepts the leading ones ({tested}) were tested on images "
            f"that had no say in the choice, and of none it is sure that hiding it gives the true class back "
            f"{blame.min_effect:.0%} of what it lacked, beyond what hiding the same shape elsewhere gives, "
            "and that pasting it into other images raises its class beyond another piece of the same image."
        )
    if blame.named:
        found += [concept_finding(blame, one) for one in blame.regions if one not in real]
    return " ".join(found)


def concept_finding(blame: "Blame", one: "RegionEffect") -> str:
    """What was found of one concept, in words."""
    if one.confirmed:
        return (
            f"{one.region} misleads towards {one.towards}. {_effect_text(blame, one)} {_misleading_text(one)}"
        )
    if one.worthwhile:
        return (
            f"{one.region} is worth more than it costs: the model goes by it as a sign of {one.towards}. "
            f"{_effect_text(blame, one)} {_overall_text(one)}, so {_worth_text(one)}, "
            f"and taking it away would harm; it is found {_shares_text(one)}."
        )
    if not math.isfinite(one.gain):
        return (
            f"{one.region} cannot be told: it was found in {one.found_wrong} of the {one.called_wrong} wrong "
            f"answers called {one.towards}, and 8 are needed."
        )
    return (
        f"{one.region} is not shown to mislead (adjusted p = {one.p:.2g}, not surely beyond: "
        f"{', '.join(one.failed)}). {_effect_text(blame, one)}"
    )


def _effect_text(blame: "Blame", one: "RegionEffect") -> str:
    """What hiding it and pasting it did."""
    pasted = (
        f" Pasted into {one.pasted} images that are not called {one.towards} it raises {one.towards} by "
        f"{one.pasted_gain:+.3f}, another piece of the same images by {one.pasted_control:+.3f}."
        if math.isfinite(one.pasted_gain)
        else " There were too few images to paste it from or into."
    )
    odds = (
        f" (in log-odds, which are tested: {one.odds_gain:+.2f} of {one.odds_lacked:.2f}, elsewhere "
        f"{one.odds_control_gain:+.2f})"
        if blame.scale == "log-odds"
        else ""
    )
    return (
        f"It was found in {one.found_wrong} of the {one.called_wrong} wrong answers called {one.towards}; "
        f"hidden there, filled from its surroundings, the true class's score rises by {one.gain:.3f} "
        f"[{one.low:.3f}, {one.high:.3f}] where it lacked {one.lacked:.3f}, with the same shape hidden "
        f"elsewhere by {one.control_gain:.3f}{odds}.{pasted} Adjusted p = {one.p:.2g}."
    )


def _overall_text(one: "RegionEffect") -> str:
    drawn = one.asked_all < one.found_all
    told = f" (as {one.asked_all} of them tell, each kind by its number)" if drawn and one.asked_all else ""
    return (
        f"In all {one.found_all} images with it, right answers too{told}, hiding it changes the true class's "
        f"score by {one.overall:+.3f} [{one.overall_ci[0]:+.3f}, {one.overall_ci[1]:+.3f}] beyond hiding "
        f"elsewhere: {_count_text(one.corrected)} wrong answers turn right (elsewhere "
        f"{one.control_corrected:.1f}) and {_count_text(one.broken)} right ones wrong (elsewhere "
        f"{one.control_broken:.1f})"
    )


def _count_text(count: float) -> str:
    """A number of answers; of those that were but drawn from, a rounded one."""
    return f"{count:.0f}" if abs(count - round(count)) < 1e-6 else f"about {count:.0f}"


def _worth_text(one: "RegionEffect") -> str:
    """What it earns, by answers and by scores: the two need not agree."""
    lost = one.broken - one.control_broken
    if lost > one.corrected - one.control_corrected:
        return "it earns more right answers than it costs"
    return "the true class's score, which decides, gains more by it than it loses, though answers do not"


def _misleading_text(one: "RegionEffect") -> str:
    """Why it is not worth what it costs."""
    if one.overall > 0:
        return f"{_overall_text(one)}."
    return (
        f"It tells little of {one.towards}: it is found {_shares_text(one)}. {_overall_text(one)}: "
        "without it the model knows too little to answer, so a repair has to teach it something else."
    )


def _shares_text(one: "RegionEffect") -> str:
    low, high = one.class_odds
    return (
        f"in {one.class_share:.0%} of the images that are {one.towards} and in {one.others_share:.0%} of the "
        f"others (odds ratio {math.sqrt(low * high):.2g} [{low:.2g}, {high:.2g}])"
    )
