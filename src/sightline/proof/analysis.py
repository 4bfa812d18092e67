"""a model before and after its repair, and held-out images → what the repair changed, with a verdict."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline._arguments import clear_arguments
from sightline._checks import MOST_REPEATS, check_batch_size, check_number, check_seed, check_whole
from sightline._class_names import class_text
from sightline._digests import image_digest
from sightline._progress import progress_bar
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.data.datasets import Dataset, Subset
from sightline.data.looks import looks_of, match_looks
from sightline.engine.fills import Surroundings
from sightline.engine.plan import Plan, with_changes
from sightline.errors import ModelError, OptionError, warn
from sightline.proof.attribution_shift import (
    AttributionShift,
    ChangedAnswer,
    Heatmaps,
    changed_answers,
    explain_both,
    heatmaps_of_studies,
    pick_changed,
    summarise_shift,
)
from sightline.proof.marks import PersonMarks, SeenRegion, look_for_region, read_marks
from sightline.proof.other_labels import other_label_metrics
from sightline.proof.paired_metrics import PairedMetric, PairedOutcomes, all_metrics, pair_outcomes
from sightline.proof.probes import Probes, Responses, ask_models, exchange_donors
from sightline.proof.property_names import property_words
from sightline.proof.result import Proof
from sightline.proof.verdict import decide_verdict, outcome_p_values
from sightline.regions.margins import DEFAULT_MARGIN
from sightline.regions.region_set import Regions
from sightline.repair.method import Provenance, RepairResult
from sightline.repair.repair_region import RepairProperty, RepairRegion, resolve_region
from sightline.repair.selection import Choice
from sightline.repair.training_data import as_subset, predict_scores
from sightline.study.provenance import as_studied_model, model_key
from sightline.study.schema import StudyResults
from sightline.types import Fill

__all__ = ["Proof", "prove"]

SHOWN = 8
"""Images named that were used before."""


@clear_arguments
def prove(
    model: object,
    repaired: object,
    held_out: object,
    *,
    regions: Regions | None = None,
    region: str | Regions | None = None,
    margin: float | None = None,
    present: Sequence[bool] | Shaped[np.ndarray, "..."] | None = None,
    plan: Plan | None = None,
    explained: int = 100,
    before: StudyResults | None = None,
    after: StudyResults | None = None,
    study: StudyResults | None = None,
    fill: str | Fill | None = None,
    controls: int = 4,
    level: float = 0.05,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Proof:
    """What a repair did to a model, measured on images that neither study, blame nor repair have used.

    Both models are asked about the same images: as they are; with the repaired region hidden, and equal
    areas elsewhere; with what the region shows taken from another image of the same class, and of another
    class; with it moved elsewhere. All measures are paired. The verdict follows the rules that
    `sightline.proof.verdict.decide_verdict` states; the printout names the one that decided. It was made so
    that a needless repair is called good in at most `level` of cases.

    Images are taken to be independent of each other. An image that was used in the repair, as where the data
    has it twice, is known again by what it looks like, in any shape and type, and left out, which is said;
    those that are nearly the same are counted.

    Parameters
    ----------
    model : anything `as_model` takes
        As it was before the repair.
    repaired : RepairResult, Choice, or anything `as_model` takes
        As it is after it; of a choice, what was chosen. Of a model alone, it is not known where it was
        repaired, nor with which images.
    held_out : labelled data
        What `sightline.data.as_dataset` takes, such as ``study.held_out``.
        Of one label of several, accuracy and AUC of the others are told, too, as far as they are known.
    regions : Regions, optional
        More regions to report on, to see what got worse elsewhere; by default none.
    region : str or Regions, optional
        Which one was repaired: a name among `regions` or the built-in ones, or itself; by default the one
        that `repaired` says.
    margin : float, optional
        Margin that is hidden and swapped with it, as a share of the image's shorter side; by default
        the one that `repaired` was repaired with, else 0.06.
    present : bool sequence, or sequence of masks, optional
        Which of the images have the shortcut, if that is known: True or False for each; or where they have
        it, an array (N, H, W) or a list of masks (H, W), empty where they do not. Of a region that is found
        by its looks, what was missed and what was found wrongly is counted by it, and the verdict goes by it,
        too; masks are hidden, planted and moved in place of what is found, which is reported on besides.
    plan : Plan, optional
        How images are explained; by default on a grid, filled with blur, with 200 calls each.
    explained : int
        Most images to explain with both models; 0 for none.
    before, after : Study, optional
        Studies of both models that hold explanations of held-out images; then none is explained anew.
    study : Study, optional
        Tells the class names, and what hidden looks like.
    fill : str or Fill, optional
        What hidden looks like; by default as the plan has it, of a region that is found by its looks its
        surroundings.
    controls : int
        How many equal areas elsewhere, donors and places to move to for each image.
    level : float
        Chance of a false verdict that is accepted; between 0 and 1.
    seed : int
        Which areas, donors, places, flips and resamples.
    batch_size : int, optional
        Most images in one model call; never changes the numbers beyond rounding.
    progress : bool, optional
        Show a progress bar; by default on a terminal and in a notebook.

    Returns
    -------
    Proof
        Prints as a table with a verdict.

    Raises
    ------
    OptionError
        If a number is out of range, all held-out images were used in the repair, or it is not known which
        region was repaired.
    ModelError
        If the two models do not have the same classes.

    Examples
    --------
    >>> from sightline.regions import grid
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(200) % 2
    >>> images = rng.random((200, 8, 8)) * 0.5 + 0.2 * labels[:, None, None]
    >>> images[:, :4, :4] = rng.integers(0, 2, 200)[:, None, None]  # tells nothing
    >>> misled = lambda x: x[:, :4, :4].mean((1, 2)) * 0.6 + x[:, 4:].mean((1, 2)) * 0.4
    >>> better = lambda x: x[:, 4:].mean((1, 2)) + 0.15
    >>> made = prove(
    ...     misled, better, (images, labels), region=grid(2, 2)["r1c1"], margin=0, fill="noise", explained=0
    ... )
    >>> made.verdict
    'repaired'
    """
    check_whole("explained", explained, 0)
    check_whole("controls", controls, most=MOST_REPEATS)
    check_seed("seed", seed)
    check_batch_size(batch_size)
    check_number("level", level, above=0, below=1)
    old = as_studied_model(model, study)
    if isinstance(repaired, Choice):
        repaired = _chosen_result(repaired)
    if isinstance(repaired, RepairResult):
        new, provenance = repaired.model, repaired.provenance
    else:
        new, provenance = as_model(repaired, **_same_label(repaired, old)), None
    area = _repaired_region(provenance, region, regions, margin)
    data = as_subset(old, held_out)
    _check_same_classes(old, new, data)
    data, marked, near = _left_to_prove_on(provenance, data, read_marks(present, data))
    explained_as, hidden_as = _plan_and_fill(plan, fill, before, study, area.regions)
    seen = look_for_region(data, area, marked)
    whole = isinstance(area, RepairProperty)
    donors = exchange_donors(predict_scores(old, data).argmax(axis=1), data.labels) if whole else ()
    probes = Probes(data, *seen.probed(area, marked, regions), hidden_as, controls, seed, donors)
    # Where a model looks says nothing of what the whole image has.
    studies = None if whole or before is None or after is None else (before, after)
    explaining = min(explained, len(data)) if studies is None and not whole else 0
    with progress_bar(progress, len(data) + explaining) as tick:
        said = ask_models(probes, (old, new), batch_size, tick)
        heatmaps: Heatmaps = heatmaps_of_studies(data, *studies) if studies else {}
        calls = (0, 0)
        rng = np.random.default_rng((seed, 2))
        some = set(heatmaps) or set(rng.permutation(len(data))[:explaining].tolist())
        right = [one.predicted == data.labels for one in said]
        changed = pick_changed(right[0], right[1], some, rng)
        if explaining:
            wanted = sorted(some | {*changed[0], *changed[1]})
            heatmaps, calls = explain_both(data, (old, new), explained_as, wanted, batch_size, tick)
    shown = {place: both for place, both in heatmaps.items() if place in some}
    shift = summarise_shift(data, area, shown, calls) if heatmaps else None
    class_names = _all_class_names(data, said)
    predicted = [one.predicted for one in said]
    shown_places = [] if whole else [*changed[0], *changed[1]]
    examples = changed_answers(data, area, shown_places, heatmaps, predicted, class_names)
    only_told = marked is not None and marked.regions is None and area.regions.needs_image
    flags = marked.there if marked is not None and only_told else None
    outcomes = pair_outcomes(data.labels, said, class_names, flags)
    method = "" if provenance is None else provenance.method
    other_labels = tuple(other_label_metrics(data, (old, new), np.random.default_rng((seed, 5)), level))
    made = _build_proof(probes, outcomes, said, shift, seen, examples, method, level, other_labels)
    known_by = "" if provenance is None else provenance.key
    return dataclasses.replace(made, repair=known_by, model=model_key(study), nearly_used=near)


def _same_label(repaired: object, old: CheckedModel) -> dict[str, Any]:
    """What a repaired model is to be asked for, where it is a network of several labels as it is."""
    if old.view.label is None or (isinstance(repaired, CheckedModel) and repaired.view.label is not None):
        return {}
    names = None if isinstance(repaired, CheckedModel) and repaired.column_names else old.column_names
    return {"label": old.view.label, "threshold": old.view.threshold, "class_names": names}


def _chosen_result(choice: Choice) -> RepairResult:
    """What was chosen of several repairs."""
    if choice.result is None:
        raise OptionError(
            "no repair was chosen: none did better than the model as it is, and so nothing is to prove. To "
            "prove one all the same, give it: choice.results.",
            slug="option-value",
        )
    return choice.result


def _build_proof(
    probes: Probes,
    outcomes: PairedOutcomes,
    said: Sequence[Responses],
    shift: AttributionShift | None,
    seen: SeenRegion,
    examples: tuple[ChangedAnswer, ...],
    method: str,
    level: float,
    labels: tuple[PairedMetric, ...],
) -> Proof:
    """Tests, verdict and measures of what both models said."""
    tests = outcome_p_values(outcomes, np.random.default_rng((probes.seed, 3)))
    verdict = decide_verdict(outcomes, tests, level)
    rng = np.random.default_rng((probes.seed, 4))
    before, after = outcomes.before, outcomes.after
    calls = (0, 0) if shift is None else shift.calls
    measures = tuple(all_metrics(outcomes, tests, said, shift, probes.other_names, seen.presence, rng, level))
    whole, rule = isinstance(probes.region, RepairProperty), verdict.rule
    if whole:
        rule = property_words(rule)
        measures = tuple(
            dataclasses.replace(one, name=property_words(one.name)) if one.kind != "other region" else one
            for one in measures
        )
    return Proof(
        region=probes.region.name,
        margin=probes.region.margin,
        method=method,
        verdict=verdict.word,
        rule=rule,
        measures=(*measures, *labels),
        tests=tests,
        images=len(before),
        right=(int(before.sum()), int(after.sum())),
        corrected=int((~before & after).sum()),
        broken=int((before & ~after).sum()),
        level=float(level),
        fill=repr(probes.fill),
        controls=probes.controls,
        seed=probes.seed,
        calls=(said[0].calls + calls[0], said[1].calls + calls[1]),
        shift=shift,
        examples=examples,
        detections=seen.detections,
        whole_image=whole,
    )


def _all_class_names(data: Subset, said: Sequence[Responses]) -> tuple[str, ...]:
    """Names of the classes; those that are said but never true have one too."""
    count = 1 + max(int(each.max(initial=0)) for each in (data.labels, *(one.predicted for one in said)))
    names = data.class_names
    return tuple(class_text(one, names) for one in range(max(count, len(names or ()))))


def _repaired_region(
    known: Provenance | None, region: str | Regions | None, regions: Regions | None, margin: float | None
) -> RepairRegion:
    """The region that was repaired, with its margin."""
    if region is None and known is None:
        raise OptionError(
            "it is not known which region was repaired, since the repaired model was given without "
            "the repair that made it: give that, or region=, a name such as 'jaw' or regions such as "
            "sl.regions.face()['jaw'].",
            slug="proof-region",
        )
    if known is not None and isinstance(known.region, RepairProperty) and region in (None, known.region.name):
        return known.region
    usual = DEFAULT_MARGIN if known is None else known.region.margin
    if known is not None and (region is None or (isinstance(region, str) and region == known.region.name)):
        return resolve_region(known.region.regions, usual if margin is None else margin)
    if isinstance(region, str) and regions is not None and region in regions:
        region = regions[region]
    return resolve_region(region, usual if margin is None else margin)


def _check_same_classes(old: CheckedModel, new: CheckedModel, data: Subset) -> None:
    """Whether both models answer the same question."""
    columns = [predict_scores(model, data, [0]).shape[1] for model in (old, new)]
    names = [model.class_names for model in (old, new)]
    named = all(name is not None and name != tuple(map(str, range(len(name)))) for name in names)
    if columns[0] != columns[1] or (named and names[0] != names[1]):
        shown = [
            f"{count} classes" + (f" ({', '.join(name[:5])}{', …' if len(name) > 5 else ''})" if name else "")
            for count, name in zip(columns, names, strict=True)
        ]
        raise ModelError(
            f"the model has {shown[0]}, but the repaired one has {shown[1]}: their answers cannot be "
            "compared. Give both with the same classes in the same order, with class_names= of sl.as_model.",
            slug="proof-classes",
        )


def used_in_repair(known: Provenance | None, data: Dataset) -> tuple[list[int], list[int]]:
    """Which of the images a repair has learned from or was chosen by; and which are nearly such."""
    if known is None or not (known.image_digests or len(known.looks)):
        return [], []
    exact, looks = [], []
    for image, _ in data:
        exact.append(image_digest(image) in known.image_digests)
        looks.append(looks_of([image]))
    found = match_looks(np.concatenate(looks), known.looks)
    return np.flatnonzero(np.array(exact) | found.same).tolist(), np.flatnonzero(found.near).tolist()


def _left_to_prove_on(
    known: Provenance | None, data: Subset, marked: PersonMarks | None
) -> tuple[Subset, PersonMarks | None, int]:
    """The images that the repair has not used, what is marked in them, and how many it has nearly used.

    Raises
    ------
    OptionError
        If it has used all.
    """
    used, near = used_in_repair(known, data)
    if len(used) == len(data):
        raise OptionError(
            f"all of the {len(data):,} held-out images were used in the repair, which learned from them or "
            "was chosen by them: what it does on them proves nothing. Hold images out before the study, with "
            "held_out= of Study.run (--held-out), give study.studied to the repair and study.held_out here; "
            "or give images that nobody has used.",
            slug="proof-seen",
        )
    if used:
        warn(
            f"{len(used):,} of the {len(data):,} held-out images were used in the repair, which learned from "
            f"them or was chosen by them (places {_first_places(used)}), as where the data has them twice: "
            "they are left out of the proof.",
            slug="proof-twice",
        )
    if near:
        warn(
            f"{len(near):,} of the {len(data):,} held-out images are nearly the same as ones that the repair "
            f"has used (places {_first_places(near)}), as if scaled, compressed, retouched, mirrored or "
            "turned: what it does on them proves little.",
            slug="held-out-near",
        )
    if not used:
        return data, marked, len(near)
    left = np.delete(np.arange(len(data)), used)
    return data[left], marked and dataclasses.replace(marked, there=marked.there[left]), len(near)


def _first_places(places: list[int]) -> str:
    return f"{', '.join(map(str, places[:SHOWN]))}{', …' if len(places) > SHOWN else ''}"


def _plan_and_fill(
    plan: Plan | None,
    fill: str | Fill | None,
    before: StudyResults | None,
    study: StudyResults | None,
    regions: Regions,
) -> tuple[Plan, Fill]:
    """How images are explained, and what hidden looks like."""
    told = [one.plan for one in (before, study) if one is not None]
    usual = with_changes(Plan(), segment="grid", fill="blur", budget=200)
    how = plan or (told[0] if told else usual)
    # Of what is known by its looks a blur, say, leaves enough to be known by.
    usual_fill = Surroundings() if regions.needs_image else None
    return how, with_changes(how, fill=fill or usual_fill).fill
