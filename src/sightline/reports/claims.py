"""what is known of a study → the verdict in three sentences, and what limits it."""

import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Bool

from sightline._language import translate as tr
from sightline._language import translate_kept
from sightline._language import translate_plural as tr_n
from sightline._printing import printable_text
from sightline._region_names import FIXED
from sightline._tables import count_text
from sightline.engine.image_alignment import Alignment
from sightline.engine.image_properties import PROPERTIES
from sightline.errors import SegmentError
from sightline.findings.blame_result import Blame, RegionEffect, property_leads
from sightline.findings.cause_result import ImageCause
from sightline.proof.verdict import format_p
from sightline.repair.repair_region import RepairRegion
from sightline.repair.selection import region_to_repair
from sightline.reports.saved_results import StudyFindings
from sightline.reports.summary import Claim, Examined, Measure, Repair, thing_name

NEARLY = 0.95
"""Part of a region that a repair has to cover, for it to be repaired."""
PLACES = 96
"""Side of the image at which regions are compared."""
CELL = re.compile(r"r\d+c\d+( of \d+x\d+)?$")
"""A cell of a grid, by its row and column."""
OLD_IMAGES = 0.05
"""Share of images that a repair has nearly used, above which a proof is not one on new images."""
FEW = 20
"""Wrong answers below which hardly anything can be told of them."""


def make_verdict(
    examined: Examined,
    measures: tuple[Measure, ...],
    most: tuple[str, str, int] | None,
    found: StudyFindings,
    repair: Repair | None,
    run: str,
    weighing: Sequence[str] = (),
) -> tuple[Claim, ...]:
    """What is wrong, why, and what was done about it: a claim each, with what it rests on.

    Parameters
    ----------
    examined : Examined
    measures : tuple of Measure
        Accuracy first.
    most : (label, predicted, how often), or None
        The most frequent kind of error.
    found : StudyFindings
    repair : Repair or None
    run : str
        The study's folder, as a command takes it.
    weighing : sequence of str
        What was taken for granted that all figures rest on: it belongs to the first claim, and that is then
        not observed.
    """
    first = _claim_of_errors(examined, measures, most)
    if weighing:
        told = " ".join([first.text, *map(_granted_text, weighing)])
        first = Claim(told, "unknown")
    return (
        first,
        _claim_of_cause(examined, found, run),
        _claim_of_repair(examined, found, repair, run),
    )


def _claim_of_errors(
    examined: Examined, measures: tuple[Measure, ...], most: tuple[str, str, int] | None
) -> Claim:
    done = examined.explained
    if not done:
        return Claim(
            tr("Nothing is known: none of the {n:,} images is explained.", n=examined.wanted), "unknown"
        )
    stopped = examined.wanted - done - examined.failed
    head = (
        tr("So far {done:,} of {wanted:,} images are explained. ", done=done, wanted=examined.wanted)
        if stopped > 0
        else ""
    )
    if not examined.wrong:
        return Claim(
            head + tr("All of {n:,} answers are right: there is no error to explain.", n=done), "observed"
        )
    accuracy = measures[0].after
    label, predicted, count = most or ("", "", 0)
    if examined.wrong == done:
        told = tr(
            "Of {n:,} answers none is right; no error is more frequent than {label} → {predicted} ({count:,}"
            " times).",
            n=done,
            label=label,
            predicted=predicted,
            count=count,
        )
        return Claim(head + told, "observed")
    told = tr(
        "{wrong:,} of {n:,} answers are wrong, so that {value:.1%} are right [{low:.1%}, {high:.1%}]; no"
        " error is more frequent than {label} → {predicted} ({count:,} times).",
        wrong=examined.wrong,
        n=done,
        value=accuracy.value,
        low=accuracy.low,
        high=accuracy.high,
        label=label,
        predicted=predicted,
        count=count,
    )
    return Claim(head + told, "observed")


def _claim_of_cause(examined: Examined, found: StudyFindings, run: str) -> Claim:
    if not examined.explained:
        return Claim(tr("So nothing can be said of causes."), "unknown")
    if not examined.wrong:
        return Claim(tr("So there is no cause to look for."), "observed")
    causes = found.causes
    if causes is not None and property_leads(causes, *found.blamed):
        one = causes[causes.misleading[0]]
        if isinstance(one, ImageCause):
            better = one.is_better_without(causes.level)
            return Claim(_property_text(one, len(causes.misleading), better), "confirmed")
    for blamed in found.blamed:
        if blamed.confirmed:
            return Claim(_region_text(found, blamed), "confirmed", printable_text(blamed.confirmed[0]))
    for blamed in found.of_places:
        if blamed.relied_on:
            shows = printable_text(blamed.relied_on[0])
            return Claim(_reliance_text(blamed), "confirmed", shows)
    shifted = [name for blamed in found.of_places for name in _shifted_regions(blamed)]
    if shifted:
        told = tr(
            "A shift of the scores explains the errors, and no region: a bias for each class does as much as"
            " hiding {names}.",
            names=", ".join(shifted),
        )
        return Claim(told, "confirmed")
    return Claim(*_nothing_shown(found, run))


def _property_text(one: ImageCause, count: int, better_without: bool) -> str:
    more = (
        tr_n(" So does {n} other property.", " So do {n} other properties.", count - 1) if count > 1 else ""
    )
    told = (
        tr(
            "{name} misleads the model ({meaning}): {right:.0%} of all answers are right with images as"
            " they are, and {held:.0%} when all images are given the same {name} ({p}).",
            name=printable_text(one.title),
            meaning=one.meaning,
            right=one.right,
            held=one.right_held,
            p=format_p(one.held_p),
        )
        if better_without
        else tr(
            "{name} misleads the model ({meaning}): it takes this for a sign of {called}, though it says"
            " little about that class.",
            name=printable_text(one.title),
            meaning=one.meaning,
            called=printable_text(one.called_name),
        )
    )
    return told + more


def _region_text(known: StudyFindings, found: Blame) -> str:
    """Of the first region or concept that was confirmed, and the names of the others."""
    named = [one for one in found.regions if one.confirmed]
    told = _concept_sentence(named[0]) if found.of_concepts else _region_sentence(found, named[0])
    told = " ".join(filter(None, (told, found.counted)))
    listed = [found] if found.of_concepts else [found, *(one for one in known.of_places if one is not found)]
    others = [(blamed, one) for blamed in listed for one in blamed.confirmed if one != named[0].region]
    first = _place_of_region(found, named[0].region)
    there = [(blamed, one) for blamed, one in others if _share_pixels(first, _place_of_region(blamed, one))]
    apart = [one for one in others if one not in there]
    if there:
        told += " " + tr("Confirmed at the same place as well: {names}.", names=_listed_regions(there))
    if apart:
        told += " " + tr("Also confirmed: {names}.", names=_listed_regions(apart))
    return told


def _listed_regions(regions: Sequence[tuple[Blame, str]]) -> str:
    return ", ".join(region_text(found, name) for found, name in regions)


def _place_of_region(found: Blame, name: str) -> Bool[np.ndarray, "H W"] | None:
    """Where a region lies; None where it has no fixed place, or is too small to have a pixel there."""
    areas = found.areas
    if areas is None or not areas.shared or name not in areas:
        return None
    try:
        found_there: Bool[np.ndarray, "H W"] = areas[name].masks((PLACES, PLACES))[0]
        return found_there
    except SegmentError:
        return None


def _share_pixels(first: Bool[np.ndarray, "H W"] | None, other: Bool[np.ndarray, "H W"] | None) -> bool:
    return first is not None and other is not None and bool((first & other).any())


def region_text(found: Blame, name: str) -> str:
    """A region's name; of a cell of a grid, which no name tells of, also where it lies.

    Examples
    --------
    >>> from sightline.regions import grid
    >>> found = Blame((), 9, 9, 9, None, 0.6, 0.05, 0.05, "Blur()", 900, areas=grid(3, 3))
    >>> region_text(found, "r3c2")
    'r3c2 (at the bottom)'
    """
    shown = thing_name(printable_text(name))
    mask = _place_of_region(found, name) if CELL.match(name) else None
    if mask is None:
        return shown
    down, across = (float(one.mean()) * 3 / PLACES for one in np.nonzero(mask))
    return tr("{name} ({place})", name=shown, place=_place_text(int(down), int(across)))


def _place_text(down: int, across: int) -> str:
    """Which ninth of an image, in words."""
    return (
        (tr("at the top left"), tr("at the top"), tr("at the top right")),
        (tr("on the left"), tr("in the middle"), tr("on the right")),
        (tr("at the bottom left"), tr("at the bottom"), tr("at the bottom right")),
    )[down][across]


def _region_sentence(found: Blame, one: RegionEffect) -> str:
    return tr(
        "{region} drives errors: hiding it turns {turned} of {wrong:,} wrong answers right, hiding as much"
        " elsewhere {elsewhere} ({p}).",
        region=region_text(found, one.region) if CELL.match(one.region) else printable_text(one.label),
        turned=count_text(one.corrected),
        wrong=found.wrong,
        elsewhere=_known_count(one.control_corrected),
        p=format_p(one.p),
    )


def _concept_sentence(one: RegionEffect) -> str:
    return tr(
        "{concept}, a thing known by its looks, misleads towards {towards}: of {called} wrong answers called"
        " so it was found in {found}; hidden there, it turns {turned} right, the same shape elsewhere"
        " {elsewhere} ({p}). It may be in others as well, where it was not found.",
        concept=printable_text(one.called),
        towards=printable_text(one.towards),
        called=one.called_wrong,
        found=one.found_wrong,
        turned=count_text(one.corrected),
        elsewhere=_known_count(one.control_corrected),
        p=format_p(one.p),
    )


def _reliance_text(found: Blame) -> str:
    """Of the first region that right answers go by as wrong ones do."""
    one = found[found.relied_on[0]]
    told = tr(
        "{region} is what the model goes by: hiding it turns {turned} of {wrong:,} wrong answers right,"
        " hiding as much elsewhere {elsewhere} ({p}), and {broken} of {right:,} right ones wrong. That is"
        " sure; whether it is a good reason or a shortcut these images cannot tell, and somebody who knows"
        " what lies there can.",
        region=printable_text(one.label),
        turned=count_text(one.corrected),
        wrong=found.wrong,
        elsewhere=_known_count(one.control_corrected),
        p=format_p(one.reliance_p),
        broken=_known_count(one.broken),
        right=found.right,
    )
    return " ".join(filter(None, (told, found.counted)))


def _known_count(count: float) -> str:
    return count_text(count) if math.isfinite(count) else "?"


def _shifted_regions(found: Blame) -> list[str]:
    return [printable_text(one.called) for one in found.regions if one.shifted]


def _nothing_shown(found: StudyFindings, run: str) -> tuple[str, str]:
    """Why no cause is named, and what that rests on."""
    lacks = [one.lack for one in found.blamed] + ([] if found.causes is None else [found.causes.lack])
    if not lacks:
        how = f"sightline blame {run}"
        return tr("Why is not known: nobody has asked yet ({how}).", how=how), "unknown"
    lack = next(filter(None, lacks), "")
    looked = [tr_n("{n} region", "{n} regions", n) for n in _counts_tested(*found.of_places)]
    looked += [tr_n("{n} concept", "{n} concepts", n) for n in _counts_tested(found.concepts)]
    if found.causes is not None and not found.causes.lack:
        n = len({one.name for one in found.causes.causes if math.isfinite(one.gain)})
        looked += [tr_n("{n} property of whole images", "{n} properties of whole images", n)] if n else []
    seldom = _seldom_text(found)
    if not looked and lack:
        return tr("Why cannot be told: {lack}.", lack=translate_kept(lack)) + seldom, "unknown"
    if not looked:
        return tr("Why cannot be told: there was nothing that could be tested.") + seldom, "unknown"
    told = tr(
        "Why is not known: tested were {looked}, and none is shown to drive the errors, which is no proof"
        " that none does.",
        looked=", ".join(looked),
    )
    return told + seldom, "tested"


def _counts_tested(*found: Blame | None) -> list[int]:
    """How many regions or concepts blame could test, if any."""
    listed = [one for one in found if one is not None and not one.lack]
    tested = sum(one.was_tested for blamed in listed for one in blamed.regions)
    return [tested] if tested else []


def _seldom_text(found: StudyFindings) -> str:
    """Of concepts that were found too seldom to be tested: a shortcut may be among them."""
    if found.concepts is None or found.concepts.lack:
        return ""
    count = sum(one.suspect and not one.was_tested for one in found.concepts.regions)
    if not count:
        return ""
    return " " + tr_n(
        "{n} concept could not be tested: it was found in too few wrong answers.",
        "{n} concepts could not be tested: they were found in too few wrong answers.",
        count,
    )


def _claim_of_repair(examined: Examined, found: StudyFindings, repair: Repair | None, run: str) -> Claim:
    if repair is None:
        cause = driven_by(found)
        if cause:
            named = _quoted(cause)
            how = f"sightline repair {run} --region {named} -o REPAIR"
            return Claim(tr("Nothing was done about it yet ({how}).", how=how), "open")
        relied_on = [one for blamed in found.of_places for one in blamed.relied_on]
        open_ones = [one for one in relied_on if found.said.get(one) != "reason"]
        if open_ones:
            region = open_ones[0]
            how = f"sightline repair {run} --region {_quoted(region)} -o REPAIR"
            return Claim(open_question(region, how), "open")
        if examined.explained and not examined.wrong:
            return Claim(tr("There is nothing to repair."), "observed")
        return Claim(tr("Nothing was repaired: whether that would help is not known."), "open")
    if not repair.of_study:
        told = tr("Nothing is known of a repair of this model: the one that was given is of another model.")
        return Claim(told, "unknown")
    if not repair.verdict:
        told = tr(
            "The model was repaired at {region}, and whether it is better is not proved yet ({how}).",
            region=thing_name(repair.region),
            how=repair.how,
        )
        return Claim(told, "unknown")
    told = f"{repair.headline}{_accuracy_text(repair)}"
    if repair.verdict == "harmful":  # of one class, as often as not, while accuracy is what it was
        why = tr("Decided by: {rule}.", rule=repair.rule)
        told += " " + " ".join([why, tr("Keep the model as it was.")])
    if repair.leaves:
        told += " " + tr(
            "Not repaired, though confirmed as well: {names}.",
            names=", ".join(map(thing_name, repair.leaves)),
        )
    if repair.reused:
        told += " " + repair.reused
    shown = "confirmed" if repair.reused else "proved"
    # What a proof did not show is not proved to be otherwise.
    basis = {"cannot tell": "unknown", "no effect": "tested"}.get(repair.verdict, shown)
    praised = repair.verdict in ("repaired", "partly")
    return Claim(told, "tested" if praised and not is_on_new_images(repair) else basis)


def _accuracy_text(repair: Repair) -> str:
    """How many were right before and after, and of which images."""
    accuracy = next((one for one in repair.measures if one.kind == "accuracy"), None)
    if accuracy is None or accuracy.before is None:
        return ""
    values = {
        "n": accuracy.count,
        "near": repair.nearly_used,
        "before": accuracy.before.value,
        "after": accuracy.after.value,
    }
    return " " + (
        tr(
            "Of {n:,} images, of which {near:,} are nearly the same as ones that the repair has used, "
            "{before:.1%} were right before and {after:.1%} after.",
            **values,
        )
        if repair.nearly_used
        else tr(
            "Of {n:,} images that nothing was learned from, {before:.1%} were right before and "
            "{after:.1%} after.",
            **values,
        )
    )


def is_on_new_images(repair: Repair) -> bool:
    """Whether what a proof says of a repair is of images that nearly all are new to it."""
    count = max((one.count for one in repair.measures if one.kind == "accuracy"), default=0)
    return repair.nearly_used <= OLD_IMAGES * count


def with_leak(claim: Claim, told: str) -> Claim:
    """What is claimed of a repair, and that the model may know the images that it was proved on."""
    return Claim(f"{claim.text} {told}", "confirmed" if claim.basis == "proved" else claim.basis)


def left_unrepaired(found: StudyFindings, repaired: str, area: RepairRegion | None = None) -> tuple[str, ...]:
    """What was confirmed beside what was repaired.

    Parameters
    ----------
    found : StudyFindings
    repaired : str
        Names of what was repaired, joined by plus signs.
    area : RepairRegion, optional
        What was repaired, with its margin, where it has a fixed place. A region that it covers was repaired,
        whatever it is called; one that is drawn elsewhere later was not, even if it has the same name.
    """
    named = {repaired, *repaired.split(" + ")}
    covered = {*named, *(f"{one}{FIXED}" for one in named)}  # repaired before another was drawn of its name
    left = [] if found.causes is None else [one for one in found.causes.misleading if one not in named]
    try:
        mended = None if area is None else area.mask((PLACES, PLACES))
    except SegmentError:
        mended = None
    for blamed in found.blamed:
        for one in blamed.confirmed:
            place = _place_of_region(blamed, one)
            if place is None or mended is None:
                is_mended = printable_text(one) in covered
            else:
                is_mended = (place & mended).sum() >= NEARLY * place.sum()
            left += [] if is_mended else [one]
    return tuple(dict.fromkeys(map(printable_text, left)))


def open_question(region: str, how: str) -> str:
    """What can be done where nobody has said whether the model rightly goes by a region."""
    return tr(
        "Nothing was repaired: if {region} is no sign of the class, this repairs it, and a proof on other"
        " images says whether that helps: {how}",
        region=thing_name(printable_text(region)),
        how=how,
    )


def driven_by(found: StudyFindings) -> str:
    """What to repair: what a person called a shortcut, else what was confirmed; empty if there is neither.

    What a person called a reason is never repaired unasked.
    """
    called = [name for name, word in found.said.items() if word == "shortcut"]
    properties = [name for name in called if name in PROPERTIES]
    if called:
        return region_to_repair(properties, called, concepts=True)
    causes = found.causes
    whole = causes.misleading if causes is not None and property_leads(causes, *found.blamed) else ()
    whole = tuple(one for one in whole if found.said.get(one) != "reason")
    for blamed in found.blamed:
        confirmed = [one for one in blamed.confirmed if found.said.get(one) != "reason"]
        if confirmed:
            return region_to_repair(whole, confirmed, concepts=blamed.of_concepts)
    return region_to_repair(whole, (), concepts=False)


def _quoted(text: str) -> str:
    return shlex.quote(printable_text(text))


def list_limits(
    examined: Examined,
    guesses: Sequence[str],
    range_note: str,
    found: StudyFindings,
    repair: Repair | None,
    counts: Mapping[str, int],
    alignment: Alignment | None = None,
) -> tuple[str, ...]:
    """What is to be known before any of this is relied on, a sentence or two each.

    Parameters
    ----------
    examined : Examined
    guesses : sequence of str
        What was taken for granted when the study began.
    range_note : str
        What was seen of the images' range of values then; empty if nothing.
    found : StudyFindings
    repair : Repair or None
    counts : mapping of str to int
        Images of each kind: ``"hidden little"``, ``"unsettled"``, ``"unreadable"``, ``"shown"``.
    alignment : Alignment, optional
        Whether the same place shows the same thing in all images.
    """
    return (
        *_limits_of_answers(examined),
        *map(_granted_text, guesses),
        *([printable_text(translate_kept(range_note))] if range_note else ()),
        *_limits_of_maps(examined, counts),
        *_limits_of_findings(examined, found, alignment),
        *found.lacks.values(),
        *_limits_of_repair(examined, repair),
    )


def _granted_text(guess: str) -> str:
    return tr("Taken for granted: {guess}.", guess=printable_text(translate_kept(guess)).rstrip("."))


def _limits_of_answers(examined: Examined) -> Iterator[str]:
    stopped = examined.wanted - examined.explained - examined.failed
    if stopped > 0:
        yield tr(
            "The study was stopped or goes on: {stopped:,} of {wanted:,} images are not explained yet, and"
            " all figures are of those that are.",
            stopped=stopped,
            wanted=examined.wanted,
        )
    if examined.failed:
        yield tr_n(
            "{n} image could not be explained, and is in no figure.",
            "{n:,} images could not be explained, and are in no figure.",
            examined.failed,
        )
    if 0 < examined.wrong < FEW:
        yield tr_n(
            "There is only {n} wrong answer: of so few hardly anything can be told for sure.",
            "There are only {n} wrong answers: of so few hardly anything can be told for sure.",
            examined.wrong,
        )
    if examined.explained and examined.wrong == examined.explained:
        yield tr(
            "No answer is right: look first whether labels, the order of the classes and the range of the"
            " images' values are those that the model was trained with."
        )


def _limits_of_maps(examined: Examined, counts: Mapping[str, int]) -> Iterator[str]:
    if counts.get("hidden little"):
        yield tr(
            "In {n:,} of {all:,} images hiding everything hardly changes the score: of them the maps say next"
            " to nothing. Try another fill, or scale=log-odds.",
            n=counts["hidden little"],
            all=examined.explained,
        )
    if 2 * counts.get("unsettled", 0) > examined.explained:
        yield tr(
            "In {n:,} of {all:,} images the leading segments cannot be told from the others at this budget.",
            n=counts["unsettled"],
            all=examined.explained,
        )
    if counts.get("unreadable"):
        yield tr(
            "{n:,} of {all:,} shown images cannot be read from here, and stand without a picture.",
            n=counts["unreadable"],
            all=counts["shown"],
        )
    if examined.explained:
        yield tr(
            "A map shows what the score rests on when parts are hidden, not why; where a model looks"
            " elsewhere in wrong answers, that is no proof that it errs because of it."
        )


def _alignment_text(seen: Alignment | None) -> str:
    if seen is None or not math.isfinite(seen.agreement):
        return tr("Nobody has checked that: look whether the mean image is sharp.")
    return (
        tr("They are: {n} of them agree place by place by {agreement:.2f} ({p}).", **_alignment_values(seen))
        if seen.aligned
        else tr(
            "They are not, as far as can be seen: {n} of them agree place by place by {agreement:.2f} ({p}).",
            **_alignment_values(seen),
        )
    )


def _alignment_values(seen: Alignment) -> dict[str, object]:
    return {"n": seen.images, "agreement": seen.agreement, "p": format_p(seen.p)}


def _limits_of_findings(
    examined: Examined, found: StudyFindings, alignment: Alignment | None
) -> Iterator[str]:
    if any(one.areas is not None and one.areas.shared for one in found.of_places):
        told = tr("Regions have a fixed place, and mean the same thing only where images are aligned.")
        yield f"{told} {_alignment_text(alignment)}"
    grouped = [one.groups for one in found.blamed if not one.lack]
    if None in grouped:
        yield tr(
            "Images are taken to be independent. Where several are of one patient or person, intervals are"
            " too narrow and p too small: ask again with --groups."
        )
    if found.causes is not None:
        yield from (printable_text(translate_kept(one)) for one in found.causes.notes)
    if found.slices is not None:
        yield from (printable_text(translate_kept(one)) for one in found.slices.notes)
    if not examined.wrong:
        return
    if found.causes is None:
        yield tr("Causes that lie in whole images, such as brightness or a colour cast, were not looked for.")
    if found.concepts is None:
        yield tr("What has no fixed place, such as a mark that may be anywhere, was not looked for.")


def _limits_of_repair(examined: Examined, repair: Repair | None) -> Iterator[str]:
    if repair is None and not examined.held_out:
        yield tr(
            "No images were held out, so that no repair can be proved on images of this study: give others,"
            " or begin with --held-out 0.3."
        )
    if repair is not None and not repair.verdict:
        yield tr("The repair is not proved: a model may be worse after it.")
    if repair is not None:
        yield from repair.warnings
