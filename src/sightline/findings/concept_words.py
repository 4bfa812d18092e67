"""what was measured of concepts → a table, and in words what it comes to and what that rests on."""

import math
from typing import TYPE_CHECKING

from sightline._language import translate as tr

if TYPE_CHECKING:
    from sightline.findings.blame_result import Blame, RegionEffect


def concept_heads() -> tuple[str, ...]:
    """The heads of the table."""
    return (
        tr("concept"),
        tr("speaks for"),
        tr("found in answers called so, wrong|right"),
        tr("gain"),
        "95 %",
        tr("elsewhere"),
        tr("pasted"),
        tr("another piece"),
        tr("overall"),
        "p",
        tr("not surely beyond"),
        tr("turned right"),
        tr("turned wrong"),
    )


def concept_row(one: "RegionEffect") -> tuple[str, ...]:
    """A line of the table."""
    tested = one.was_tested
    pasted = math.isfinite(one.pasted_gain)
    return (
        f"{'* ' if one.confirmed else '  '}{one.called}",
        one.towards,
        tr(
            "{one.found_wrong} of {one.called_wrong}|{one.found_right} of {one.called_right}",
            one=one,
        ),
        f"{one.gain:+.3f}" if tested else tr("too few"),
        tr("{low:+.3f} to {high:+.3f}", low=one.low, high=one.high) if tested else "",
        f"{one.control_gain:+.3f}" if tested else "",
        f"{one.pasted_gain:+.3f}" if pasted else tr("too few") if tested else "",
        f"{one.pasted_control:+.3f}" if pasted else "",
        f"{one.overall:+.3f}" if tested else "",
        f"{one.p:.4f}",
        one.lacking,
        f"{_count_text(one.corrected)} ({one.control_corrected:.1f})" if tested else "",
        f"{_count_text(one.broken)} ({one.control_broken:.1f})" if tested else "",
    )


def concept_verdict(blame: "Blame") -> str:
    """What was found of all concepts."""
    real = [one for one in blame.regions if one.confirmed or one.worthwhile]
    if not blame.regions:
        return tr(
            "nothing found: none of the {n} concepts was found in enough wrong answers of one class to be "
            "tested.",
            n=blame.screened,
        )
    found = [concept_finding(blame, one) for one in real]
    if not real and not blame.named:
        found += _nothing_found(blame)
    if blame.named:
        found += [concept_finding(blame, one) for one in blame.regions if one not in real]
    return " ".join(found)


def _nothing_found(blame: "Blame") -> list[str]:
    """Which of the leading concepts were tested, all in vain, and which were too seldom for that."""
    tested = [one for one in blame.regions if one.was_tested]
    seldom = [concept_finding(blame, one) for one in blame.regions if not one.was_tested]
    if not tested:
        told = tr(
            "nothing found: of {n} concepts none of the leading ones could be tested.", n=blame.screened
        )
        return [told, *seldom]
    told = tr(
        "nothing found: of {n} concepts the leading ones ({tested}) were tested on images that had "
        "no say in the choice, and of none it is sure that hiding it gives the true class back "
        "{effect:.0%} of what it lacked, beyond what hiding the same shape elsewhere gives, and "
        "that pasting it into other images raises its class beyond another piece of the same image.",
        n=blame.screened,
        tested=", ".join(one.called for one in tested),
        effect=blame.min_effect,
    )
    return [told, *seldom]


def concept_finding(blame: "Blame", one: "RegionEffect") -> str:
    """What was found of one concept, in words."""
    if not one.was_tested:
        return tr(
            "{one.called} cannot be told: it was found in {one.found_wrong} of the {one.called_wrong} wrong "
            "answers called {one.towards}, and 8 are needed.",
            one=one,
        )
    effect = _effect_text(blame, one)
    if one.confirmed:
        return tr(
            "{one.called} misleads towards {one.towards}. {effect} {why}",
            one=one,
            effect=effect,
            why=_misleading_text(one),
        )
    if one.worthwhile:
        return tr(
            "{one.called} is worth more than it costs: the model goes by it as a sign of {one.towards}. "
            "{effect} {overall}, so {worth}, and taking it away would harm; it is found {shares}.",
            one=one,
            effect=effect,
            overall=_overall_text(one),
            worth=_worth_text(one),
            shares=_shares_text(one),
        )
    return tr(
        "{one.called} is not shown to mislead (adjusted p = {one.p:.2g}, not surely beyond: {one.lacking}). "
        "{effect}",
        one=one,
        effect=effect,
    )


def _effect_text(blame: "Blame", one: "RegionEffect") -> str:
    """What hiding it and pasting it did."""
    pasted = (
        tr(
            " Pasted into {one.pasted} images that are not called {one.towards} it raises {one.towards} by "
            "{one.pasted_gain:+.3f}, another piece of the same images by {one.pasted_control:+.3f}.",
            one=one,
        )
        if math.isfinite(one.pasted_gain)
        else tr(" There were too few images to paste it from or into.")
    )
    odds = (
        tr(
            " (in log-odds, which are tested: {one.odds_gain:+.2f} of {one.odds_lacked:.2f}, elsewhere "
            "{one.odds_control_gain:+.2f})",
            one=one,
        )
        if blame.scale == "log-odds"
        else ""
    )
    return tr(
        "It was found in {one.found_wrong} of the {one.called_wrong} wrong answers called {one.towards}; "
        "hidden there, filled from its surroundings, the true class's score rises by {one.gain:.3f} "
        "[{one.low:.3f}, {one.high:.3f}] where it lacked {one.lacked:.3f}, with the same shape hidden "
        "elsewhere by {one.control_gain:z.3f}{odds}.{pasted} Adjusted p = {one.p:.2g}.",
        one=one,
        odds=odds,
        pasted=pasted,
    )


def _overall_text(one: "RegionEffect") -> str:
    drawn = one.asked_all < one.found_all and one.asked_all
    return tr(
        "In all {one.found_all} images with it, right answers too{told}, hiding it changes the true class's "
        "score by {one.overall:+.3f} [{one.overall_ci[0]:+.3f}, {one.overall_ci[1]:+.3f}] beyond hiding "
        "elsewhere: {corrected} wrong answers turn right (elsewhere {one.control_corrected:.1f}) and "
        "{broken} right ones wrong (elsewhere {one.control_broken:.1f})",
        one=one,
        told=tr(" (as {n} of them tell, each kind by its number)", n=one.asked_all) if drawn else "",
        corrected=_count_text(one.corrected),
        broken=_count_text(one.broken),
    )


def _count_text(count: float) -> str:
    """A number of answers; of those that were but drawn from, a rounded one."""
    return f"{count:.0f}" if abs(count - round(count)) < 1e-6 else tr("about {n:.0f}", n=count)


def _worth_text(one: "RegionEffect") -> str:
    """What it earns, by answers and by scores: the two need not agree."""
    lost = one.broken - one.control_broken
    if lost > one.corrected - one.control_corrected:
        return tr("it earns more right answers than it costs")
    return tr("the true class's score, which decides, gains more by it than it loses, though answers do not")


def _misleading_text(one: "RegionEffect") -> str:
    """Why it is not worth what it costs."""
    overall = _overall_text(one)
    if one.overall > 0:
        return f"{overall}."
    return tr(
        "It tells little of {one.towards}: it is found {shares}. {overall}: without it the model knows too "
        "little to answer, so a repair has to teach it something else.",
        one=one,
        shares=_shares_text(one),
        overall=overall,
    )


def _shares_text(one: "RegionEffect") -> str:
    low, high = one.class_odds
    return tr(
        "in {one.class_share:.0%} of the images that are {one.towards} and in {one.others_share:.0%} of the "
        "others (odds ratio {ratio:.2g} [{low:.2g}, {high:.2g}])",
        one=one,
        ratio=math.sqrt(low * high),
        low=low,
        high=high,
    )
