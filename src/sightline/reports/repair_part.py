"""a repair's folder, its result or its proof → what a report says of it, before and after."""

import dataclasses
import shlex
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sightline import regions, render
from sightline._arguments import describe_value
from sightline._json import from_jsonable
from sightline._language import translate as tr
from sightline._language import translate_kept
from sightline._printing import printable_text
from sightline._trust import split_secret
from sightline.errors import OptionError, SightlineError
from sightline.findings.heatmaps import MeanHeatmap, at_size, size_within
from sightline.proof.attribution_shift import ChangedAnswer, Map
from sightline.proof.paired_metrics import PairedMetric
from sightline.proof.result import Proof
from sightline.repair.method import RepairResult
from sightline.repair.repair_region import RepairRegion
from sightline.repair.store import REGION, RepairNotes, read_repair_notes
from sightline.reports.image_data import (
    GRAINS,
    encode_answers,
    encode_image,
    heat_map,
    shown_answer,
    shrink_image,
)
from sightline.reports.saved_results import read_proof
from sightline.reports.summary import Example, HeatMap, ImageEntry, Interval, Measure, Repair
from sightline.study.row_blocks import chosen_rows
from sightline.study.schema import Row
from sightline.study.study import Study

EXAMPLES = 3
"""Of each kind: answers that turned right, and such that turned wrong."""
MOST = 200
"""Held-out images whose maps are averaged, at most."""


def make_repair(study: Study, given: Any, proof: Proof | None, run: str) -> Repair | None:
    """What a report says of a repair; None where there is none.

    Parameters
    ----------
    study : Study
        The one whose model was repaired.
    given : RepairResult, Proof, path or None
        A path is the folder of a repair.
    proof : Proof or None
        Instead of the one in the folder.
    run : str
        The study's folder, as a command takes it.

    Raises
    ------
    OptionError
        If it is something else.
    FileError
        If there is no repair in the folder.
    """
    if isinstance(given, Proof):
        given, proof = None, given
    if given is None:
        if proof is None:
            return None
        made = _proved_repair(proof)
        return _of_model(made, study, _is_of_model(study, None, proof))
    if isinstance(given, RepairResult):
        return _repair_at_hand(study, given, proof)
    if not isinstance(given, str | PathLike):
        raise OptionError(
            f"repaired must be a repair's folder, its result or its proof, but {describe_value(given)} was "
            "given.",
            slug="option-value",
        )
    return _repair_in_folder(study, Path(given), proof, run)


def repaired_area(given: Any) -> RepairRegion | None:
    """Where a repair, or the one in a folder, replaces pixels; None where that is no fixed place."""
    if isinstance(given, RepairResult):
        area = given.provenance.region
    elif isinstance(given, str | PathLike):
        folder = Path(given)
        try:
            area = RepairRegion(regions.load(folder / REGION), read_repair_notes(folder).margin)
        except (SightlineError, OSError):  # its name is known at least
            return None
    else:
        return None
    fixed = isinstance(area, RepairRegion) and area.regions.shared and not area.regions.needs_image
    return area if fixed else None


def _repair_in_folder(study: Study, folder: Path, proof: Proof | None, run: str) -> Repair:
    told = read_repair_notes(folder)
    maps, why = None, ""
    if proof is None:
        proof, maps, why = read_proof(folder / "proof.json")
    of_model = _is_of_model(study, told.original, proof)
    if proof is not None and not _is_proof_of(proof, told.method, told.region, told.key):
        why, proof = _other_proof_text(proof), None
    made = _repair_of_folder(study, folder, told, proof, maps, run)
    made = dataclasses.replace(made, margin=told.margin, chosen=told.chosen, train=told.train)
    return _of_model(made, study, of_model, why)


def _repair_at_hand(study: Study, given: RepairResult, proof: Proof | None) -> Repair:
    made, why = given.provenance, ""
    notes = tuple(printable_text(translate_kept(one)) for one in given.notes)
    of_model = _is_of_model(study, None, proof)
    if proof is not None and not _is_proof_of(proof, made.method, made.region.name, made.key):
        why, proof = _other_proof_text(proof), None
    told = (
        _unproved_repair("", made.method, made.region.name, notes, "sightline.prove(model, repaired, data)")
        if proof is None
        else _proved_repair(proof, notes=notes)
    )
    return _of_model(told, study, of_model, why)


def _is_proof_of(proof: Proof, method: str, region: str, key: str) -> bool:
    """Whether a proof is one of that repair."""
    if proof.repair and key:
        return proof.repair == key and proof.region == region
    same_method = not proof.method or printable_text(proof.method) == printable_text(method)
    return same_method and printable_text(proof.region) == printable_text(region)


def _other_proof_text(proof: Proof) -> str:
    return tr(
        "The proof is left aside: it is of another repair, of {region} by {method}.",
        region=printable_text(proof.region),
        method=printable_text(proof.method) or "?",
    )


def _is_of_model(study: Study, original: str | None, proof: Proof | None) -> bool | None:
    """Whether what was repaired is the study's model; None where nothing tells.

    Parameters
    ----------
    study : Study
    original : str or None
        The text of the repaired model, as the repair's folder has it.
    proof : Proof or None
    """
    manifest = study.manifest
    if original is not None and original != split_secret(manifest.model_text)[0]:
        return False
    if proof is not None and proof.model:
        kind, here = proof.model.split(" ")[0], manifest.model_key
        if proof.model == here:
            return True
        if kind != "answers" and here.startswith(f"{kind} "):
            return False
    return True if original else None


def _of_model(made: Repair, study: Study, of_model: bool | None, *why: str) -> Repair:
    """With what is to be said of whose repair it is."""
    warnings = [one for one in why if one]
    if of_model is False:
        warnings.append(tr("The repair is of another model than that of this study."))
    elif of_model is None and made.verdict:
        warnings.append(
            tr("That the repair is of this study's model is taken from you: both were given from Python.")
        )
    return dataclasses.replace(made, warnings=tuple(warnings), of_study=of_model is not False)


def _repair_of_folder(
    study: Study, folder: Path, told: RepairNotes, proof: Proof | None, maps: Any, run: str
) -> Repair:
    notes = tuple(printable_text(translate_kept(one)) for one in told.notes)
    if proof is None:
        how = f"sightline proof {run} {shlex.quote(str(folder))}"
        return _unproved_repair(str(folder), told.method, told.region, notes, how)
    made = _proved_repair(proof, str(folder), notes)
    if proof.shift is not None:
        return made
    pair = open_both(study, folder)
    if pair is None:
        return dataclasses.replace(made, maps=_maps_of_file(maps))
    return dataclasses.replace(made, maps=_maps_of_studies(*pair), examples=tuple(_changed_examples(*pair)))


def _unproved_repair(folder: str, method: str, region: str, notes: tuple[str, ...], how: str) -> Repair:
    return Repair(
        folder=folder,
        method=printable_text(method),
        region=printable_text(region),
        verdict="",
        headline=tr("Repaired, and not proved yet."),
        evidence="",
        rule="",
        sentences=(),
        measures=(),
        notes=notes,
        how=how,
    )


def _proved_repair(proof: Proof, folder: str = "", notes: tuple[str, ...] = ()) -> Repair:
    """With the maps and examples that the proof itself holds, if it does."""
    found = proof.detections
    return Repair(
        folder=folder,
        method=printable_text(proof.method),
        region=printable_text(proof.region),
        verdict=proof.verdict,
        headline=printable_text(proof.headline),
        evidence=printable_text(proof.evidence),
        rule=printable_text(proof.rule_text),
        sentences=tuple(map(printable_text, proof.sentences)),
        nearly_used=proof.nearly_used,
        measures=tuple(_proof_measure(one) for one in proof.measures),
        reused=proof.reused_text,
        maps=_maps_of_shift(proof),
        examples=_proof_examples(proof),
        detections=()
        if found is None
        else tuple(map(printable_text, found.sentences(tr("held-out images")))),
        notes=notes,
    )


def _proof_measure(one: PairedMetric) -> Measure:
    return Measure(
        name=printable_text(translate_kept(one.name)),
        after=Interval(one.after),
        before=Interval(one.before),
        change=Interval(one.change, one.low, one.high),
        p=one.p,
        beside=one.beside,
        count=one.count,
        kind=one.kind,
    )


def _pair_of_maps(images: list[Any], maps: list[Map], count: int) -> tuple[HeatMap, ...]:
    """Mean maps before and after, on one scale."""
    limit = render.shared_limit(maps)
    names = {"before": tr("before"), "after": tr("after")}
    return tuple(
        heat_map(name, count, values, image, limit, kind)
        for (kind, name), values, image in zip(names.items(), maps, images, strict=True)
    )


def _maps_of_shift(proof: Proof) -> tuple[HeatMap, ...]:
    shift = proof.shift
    if shift is None or shift.before is None or shift.after is None:
        return ()
    return _pair_of_maps([shift.image] * 2, [shift.before, shift.after], len(shift.shares))


def _maps_of_file(maps: Any) -> tuple[HeatMap, ...]:
    """Those that a proof's file has, over no image."""
    try:
        both = [from_jsonable(Map, maps[name]) for name in ("before", "after")]
    except (TypeError, ValueError, KeyError):
        return ()
    return _pair_of_maps([None, None], both, 0)


def open_both(study: Study, folder: Path) -> tuple[Study, Study, list[int]] | None:
    """The studies of held-out images before and after, and which places both have; None without them.

    Nor where they take the same images for images of other classes.
    """
    try:
        pair = [Study(folder / "before"), Study(folder)]
        for one in pair:
            _ = one.manifest
            _attach_images(one, study)
        common = np.intersect1d(pair[0].places, pair[1].places)
        labels = [one.labels[np.isin(one.places, common)] for one in pair]
    except SightlineError:
        return None
    # Classes in another order on one side, as they were written once, would make all its answers wrong ones.
    alike = np.array_equal(labels[0], labels[1])
    return (pair[0], pair[1], common.tolist()) if len(common) and alike else None


def _attach_images(one: Study, study: Study) -> None:
    """Give a study of held-out images their source: mostly all images, or those held out."""
    for name in ("source", "held_out"):
        try:
            one.attach(getattr(study, name))
        except SightlineError:  # images of their own, which its folder names, or none
            continue
        return


def _maps_of_studies(before: Study, after: Study, places: list[int]) -> tuple[HeatMap, ...]:
    chosen = set(places[:: max(1, len(places) // MOST)])
    shape = size_within(before.row(places[0]).segments.labels.shape, GRAINS[0].large)
    means = []
    for one in (before, after):
        mean = MeanHeatmap(shape)
        for row in chosen_rows(one, chosen):
            mean.add(*at_size(row, one, shape))
        means.append(mean)
    return _pair_of_maps([one.image for one in means], [one.maps.mean for one in means], means[0].maps.count)


def _changed_examples(before: Study, after: Study, places: list[int]) -> Iterator[Example]:
    """Answers that turned right, then such that turned wrong, the first few of each."""
    told = [
        dict(zip(one.places.tolist(), zip(one.labels, one.predicted, strict=True), strict=True))
        for one in (before, after)
    ]
    for corrected in (True, False):
        shown = 0
        for place in places:
            (label, said), (_, says) = told[0][place], told[1][place]
            if said != says and (says if corrected else said) == label and shown < EXAMPLES:
                shown += 1
                yield _example_of_rows(before, after, place)


def _example_of_rows(before: Study, after: Study, place: int) -> Example:
    rows = (before.row(place), after.row(place))
    entries = tuple(_drawn_entry(row, one) for row, one in zip(rows, (before, after), strict=True))
    names = before.class_names or after.class_names
    return Example(
        label=shown_class(rows[0].label, names),
        said_before=shown_class(rows[0].predicted, names),
        said_after=shown_class(rows[1].predicted, names),
        before=entries[0],
        after=entries[1],
    )


def _drawn_entry(row: Row, study: Study) -> ImageEntry:
    """An answer with its heat drawn over it, and no label map."""
    made = encode_answers([shown_answer(row, study, GRAINS[0].large, -1, ())], {row.place}, 1 << 24)
    return dataclasses.replace(made.entries[0], segments=-1, values=())


def _proof_examples(proof: Proof) -> tuple[Example, ...]:
    """The examples of a proof that is at hand, those whose explanations are."""
    return tuple(
        Example(
            printable_text(one.label),
            printable_text(one.said_before),
            printable_text(one.said_after),
            *_entries_of_change(one),
        )
        for one in proof.examples
    )


def _entries_of_change(one: ChangedAnswer) -> Iterator[ImageEntry]:
    maps = [heat for heat in (one.before, one.after) if heat is not None]
    limit = render.shared_limit(maps)
    image = encode_image(shrink_image(one.image, GRAINS[0].large))
    for heat, said in ((one.before, one.said_before), (one.after, one.said_after)):
        drawn = None if heat is None else render.overlay_heat(one.image, heat, limit)
        yield ImageEntry(
            id=str(one.place),
            place=one.place,
            label=-1,
            predicted=-1,
            right=said == one.label,
            score=float("nan"),
            hidden=float("nan"),
            scores=(),
            image=image,
            segments=-1,
            values=(),
            limit=limit,
            leading=(),
            overlay=None if drawn is None else encode_image(shrink_image(drawn, GRAINS[0].large)),
        )


def shown_class(number: int, names: tuple[str, ...] | None) -> str:
    """What a class is called, or its number, in the reader's language.

    Examples
    --------
    >>> shown_class(1, ("cat", "dog")), shown_class(1, None)
    ('dog', 'class 1')
    """
    if names is None or not 0 <= number < len(names):
        return tr("class {number}", number=number)
    return printable_text(names[number])
