"""a study and what was found of it → the one value that a report draws."""

import dataclasses
import datetime
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from sightline import render
from sightline._files import is_a_file
from sightline._language import current_language
from sightline._language import translate as tr
from sightline._language import translate_plural as tr_n
from sightline._optional import require
from sightline._printing import printable_text
from sightline._trust import without_secrets
from sightline._version import __version__
from sightline.adapters.open_model import split_model_text
from sightline.engine.image_alignment import Alignment
from sightline.errors import SightlineError
from sightline.evaluation.discrimination import share_estimate
from sightline.findings.atlas_analysis import atlas
from sightline.findings.atlas_result import Atlas
from sightline.proof.result import Proof
from sightline.regions.error_regions import alignment_of_study
from sightline.reports.claims import left_unrepaired, list_limits, make_verdict
from sightline.reports.commands import AUDIT, format_options, option_text, repeat_commands, target_text
from sightline.reports.concept_sheets import make_concept_sheets, sheet_bytes
from sightline.reports.image_data import (
    FEATURED,
    GRAINS,
    MOST,
    ShownAnswer,
    ShownImages,
    as_bytes,
    choose_places,
    encode_answers,
    encode_image,
    heat_map,
    shown_answer,
)
from sightline.reports.repair_part import make_repair, repaired_area, shown_class
from sightline.reports.saved_results import StudyFindings, read_findings
from sightline.reports.sections import make_sections, region_outlines
from sightline.reports.summary import (
    Confusion,
    Examined,
    Group,
    HeatMap,
    ImageEntry,
    Interval,
    Measure,
    Repair,
    Said,
    Summary,
)
from sightline.study.row_blocks import chosen_rows
from sightline.study.study import Study
from sightline.study.verdicts import group_key, kind_text, said_text
from sightline.types import WhiteBoxMethod, record

MOST_CLASSES = 30
"""Classes of a confusion matrix, and of the recalls that are listed."""
MOST_FAILURES = 20
PAGE_BYTES = 400_000
"""What a page takes beside its images, about; of a small file at most half is kept for it."""
MOST_WRONG = 16
"""Of the images that are shown without scripts, those that are wrong, where there are enough right ones."""


def summarise(
    study: Study,
    *,
    repaired: Any = None,
    proof: Proof | None = None,
    given: Mapping[str, Any] | None = None,
    max_bytes: int = 15_000_000,
    dated: bool = True,
    seen: Atlas | None = None,
    with_images: bool = True,
    progress: bool | None = None,
    first: Callable[[Summary], None] | None = None,
) -> Summary:
    """All that a report says of a study, in the current language.

    Parameters
    ----------
    study : Study
    repaired, proof
        As for `report`.
    given : mapping, optional
        Of ``"blame"``, ``"concepts"``, ``"causes"`` and ``"slices"``, the results at hand; the others are
        read from the study's folder.
    max_bytes : int
        What a page of it may have.
    dated : bool
        Whether it tells the day.
    seen : Atlas, optional
        The study's, by outcome, where it is at hand.
    with_images : bool
        Whether images are read and shown.
    progress : bool, optional
    first : callable, optional
        Given what is known before any heat map is read, the verdict above all: that takes seconds, and the
        maps of many answers take longer. Maps, groups, images and limits are empty in it.
    """
    known = _read_known(study, repaired, proof, given or {}, dated)
    made = _summary_without_maps(study, known)
    if first is not None:
        first(made)
    if seen is None and known.examined.explained:
        seen = atlas(study, progress=progress)
    return _with_maps(made, study, known, seen, max_bytes, with_images)


@record
class StudyFacts:
    """What a study's table tells beside its explanations."""

    calls: int
    seconds: float
    unsettled: int
    failed: int
    failures: tuple[Any, ...]
    warnings: Mapping[int, tuple[str, ...]]


@record
class _Known:
    """What is known of a study's answers, and was found of it, before any heat map is read."""

    run: str
    facts: StudyFacts
    examined: Examined
    found: StudyFindings
    mended: Repair | None
    confusion: Confusion | None
    measures: tuple[Measure, ...]


def _read_known(
    study: Study, repaired: Any, proof: Proof | None, given: Mapping[str, Any], dated: bool
) -> _Known:
    run = shlex.quote(folder := shown_path(study.path))
    facts = _read_facts(study)
    examined = _make_examined(study, facts, folder, dated)
    found = read_findings(study, study.path, given)
    mended = make_repair(study, repaired, proof, run)
    if mended:
        leaves = left_unrepaired(found, mended.region, repaired_area(repaired))
        mended = dataclasses.replace(mended, leaves=leaves)
    return _Known(
        run=run,
        facts=facts,
        examined=examined,
        found=found,
        mended=mended,
        confusion=make_confusion(study),
        measures=tuple(measure for _, measure in study_measures(study)),
    )


def _summary_without_maps(study: Study, known: _Known) -> Summary:
    manifest, run = study.manifest, known.run
    return Summary(
        language=current_language(),
        title=tr("Report of {study}", study=printable_text(_name_in_title(study))),
        verdict=make_verdict(
            *(known.examined, known.measures, _most_frequent_error(study), known.found, known.mended, run),
            manifest.weighing,
        ),
        examined=known.examined,
        class_names=_names_that_occur(study, known.confusion, ()),
        confusion=known.confusion,
        measures=known.measures,
        measures_note=_measures_note(study, known.measures),
        atlas=(),
        atlas_notes=(),
        regions_image=None,
        region_outlines=(),
        **make_sections(known.found, run),
        groups=(),
        groups_note="",
        images=(),
        label_maps=(),
        featured=(),
        sampling="",
        failures=tuple((printable_text(one.id), printable_text(one.reason)) for one in known.facts.failures),
        repair=known.mended,
        limits=(),
        commands=repeat_commands(manifest, run, known.found, known.mended, study.path),
        said=tuple(read_said(study, ())),
        concept_sheets=(),
    )


def _with_maps(
    made: Summary, study: Study, known: _Known, seen: Atlas | None, max_bytes: int, with_images: bool
) -> Summary:
    """With what heat maps and images tell."""
    facts, found, manifest = known.facts, known.found, study.manifest
    sheets, unseen = make_concept_sheets(found.concepts, study, max_bytes) if with_images else ((), "")
    drawn = seen if with_images else None
    images, featured, sampling = _make_images(study, drawn, facts, max_bytes, sheet_bytes(sheets))
    place_of = {one.place: where for where, one in enumerate(images.entries)}
    groups = () if seen is None else tuple(_make_groups(study, seen, place_of))
    if seen is not None:
        inside = isinstance(study.plan.attribute, WhiteBoxMethod)
        made = dataclasses.replace(
            made, atlas=tuple(_atlas_maps(seen)), atlas_notes=tuple(_atlas_notes(seen, inside))
        )
    if seen is not None and seen.image is not None:
        made = dataclasses.replace(
            made,
            regions_image=encode_image(as_bytes(seen.image, GRAINS[0].large)),
            region_outlines=region_outlines(found.of_places, seen.image.shape[:2]),
        )
    limits = list_limits(
        known.examined,
        manifest.guesses,
        manifest.range_note,
        found,
        known.mended,
        _count_limits(seen, facts, images.entries),
        _see_alignment(study, found),
    )
    return dataclasses.replace(
        made,
        class_names=_names_that_occur(study, known.confusion, images.entries),
        groups=groups,
        groups_note=_groups_note(seen),
        images=images.entries,
        label_maps=images.label_maps,
        featured=tuple(place_of[one] for one in featured if one in place_of),
        sampling=sampling,
        limits=(*limits, unseen) if unseen else limits,
        said=tuple(read_said(study, groups)),
        concept_sheets=sheets,
    )


def _name_in_title(study: Study) -> str:
    """What a report is of: the study's folder; of an audit, where that has a fixed name, the model's file."""
    folder = study.path.absolute()
    if folder.name != "study" or not is_a_file(folder.parent / AUDIT):
        return folder.name
    return Path(split_model_text(without_secrets(study.manifest.model_text))[0]).name or folder.parent.name


def shown_path(path: Path) -> str:
    """A path as a person here would type it: from the working directory, if it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _count_limits(seen: Atlas | None, facts: StudyFacts, entries: Sequence[ImageEntry]) -> dict[str, int]:
    """Images of each kind that limits are told of."""
    return {
        "hidden little": 0 if seen is None else seen.hidden_little,
        "unsettled": facts.unsettled,
        "unreadable": sum(one.image is None for one in entries),
        "shown": len(entries),
    }


def _read_facts(study: Study) -> StudyFacts:
    calls, seconds, unsettled = 0, 0.0, 0
    warned: dict[int, tuple[str, ...]] = {}
    columns = ("place", "rank", "calls", "seconds", "settled", "warnings", "failure")
    compute = require("pyarrow.compute", extra="study")
    for table in study.store.tables(columns):
        first = compute.and_(compute.equal(table["rank"], 0), compute.is_null(table["failure"]))
        lines = table.filter(first)
        calls += compute.sum(lines["calls"]).as_py() or 0
        seconds += compute.sum(lines["seconds"]).as_py() or 0.0
        unsettled += len(lines) - (compute.sum(lines["settled"]).as_py() or 0)
        some = lines.filter(compute.greater(compute.list_value_length(lines["warnings"]), 0))
        for line in some.select(["place", "warnings"]).to_pylist():
            warned[line["place"]] = tuple(dict.fromkeys(line["warnings"]))
    failures = study.failures()
    return StudyFacts(calls, seconds, unsettled, len(failures), tuple(failures[:MOST_FAILURES]), warned)


def _make_examined(study: Study, facts: StudyFacts, folder: str, dated: bool) -> Examined:
    manifest, plan = study.manifest, study.plan
    wrong = int((study.labels != study.predicted).sum())
    return Examined(
        study=printable_text(folder),
        model=printable_text(without_secrets(manifest.model_text)),
        data=printable_text(without_secrets(manifest.data_text)),
        images=manifest.image_count,
        wanted=study.count,
        explained=len(study),
        failed=facts.failed,
        held_out=0
        if manifest.split is None or manifest.split.held_out
        else manifest.image_count - study.count,
        wrong=wrong,
        classes=manifest.n_columns,
        settings=tuple(_list_settings(study)),
        calls=facts.calls,
        seconds=round(facts.seconds, 3),
        seed=plan.seed,
        versions=(("sightline", __version__), ("numpy", np.__version__)),
        made=datetime.datetime.now(tz=datetime.UTC).date().isoformat() if dated else "",
    )


def _see_alignment(study: Study, found: StudyFindings) -> Alignment | None:
    """Whether images are aligned, where regions of a fixed place were looked at."""
    placed = any(one.areas is not None and one.areas.shared for one in found.of_places)
    if not placed or not len(study.places):
        return None
    return alignment_of_study(study)


def _list_settings(study: Study) -> Iterator[tuple[str, str]]:
    plan, manifest = study.plan, study.manifest
    yield tr("attribution"), printable_text(option_text("attribute", plan.attribute))
    yield tr("segments"), printable_text(option_text("segment", plan.segment))
    yield tr("hidden with"), printable_text(option_text("fill", plan.fill))
    if not isinstance(plan.attribute, WhiteBoxMethod):  # which asks as often as it has to
        yield tr("model calls for an image, at most"), str(plan.budget)
    if asked := target_text(plan.target):
        yield tr("explained as well"), printable_text(asked)
    yield tr("scale"), plan.scale
    yield tr("model's columns"), manifest.output
    if manifest.label:
        yield tr("label"), printable_text(manifest.label)
    if manifest.threshold != 0.5:
        told = tr("{threshold:g}; scores are moved so that it lies at 0.5", threshold=manifest.threshold)
        yield tr("threshold"), told
    form = " ".join(f"{name} {text}" for name, text in format_options(manifest.image_format))
    if form:
        yield tr("images brought to"), printable_text(form)


def make_confusion(study: Study, most: int = MOST_CLASSES) -> Confusion | None:
    """Labels and predicted classes that occur; of more than so many, the most confused."""
    labels, predicted = study.labels, study.predicted
    if not len(labels):
        return None
    classes = np.union1d(labels, predicted)
    if len(classes) > most:
        wrong = labels != predicted
        many = np.array([(wrong & ((labels == one) | (predicted == one))).sum() for one in classes])
        classes = np.sort(classes[np.argsort(-many, kind="stable")[:most]])
    shown = np.isin(labels, classes) & np.isin(predicted, classes)
    counts = np.zeros((len(classes), len(classes)), dtype=np.intp)
    places = (np.searchsorted(classes, one[shown]) for one in (labels, predicted))
    np.add.at(counts, tuple(places), 1)
    names = tuple(classes.tolist())
    return Confusion(names, names, counts, int((~shown).sum()))


def study_measures(study: Study, most: int = MOST_CLASSES) -> Iterator[tuple[int | None, Measure]]:
    """Accuracy, and the recall of so many classes that there are, the lowest first, each with its class."""
    labels, right = study.labels, study.labels == study.predicted
    if not len(labels):
        return
    yield None, Measure(tr("accuracy"), _share_interval(int(right.sum()), len(right)), count=len(right))
    classes, counts = np.unique(labels, return_counts=True)
    hits = np.array([int(right[labels == one].sum()) for one in classes])
    for one in np.argsort(hits / counts, kind="stable")[:most].tolist():
        yield (
            int(classes[one]),
            Measure(
                tr("recall of {name}", name=shown_class(int(classes[one]), study.class_names)),
                _share_interval(int(hits[one]), int(counts[one])),
                count=int(counts[one]),
                kind="recall",
            ),
        )


def _measures_note(study: Study, measures: tuple[Measure, ...]) -> str:
    """That not all recalls are listed, where there are more classes."""
    more = len(np.unique(study.labels)) - sum(one.kind == "recall" for one in measures)
    if more <= 0:
        return ""
    return tr_n(
        "{n} more class has a recall at least as high.",
        "{n:,} more classes have recalls at least as high.",
        more,
    )


def _share_interval(part: int, whole: int) -> Interval:
    made = share_estimate(part, whole)
    return Interval(made.value, made.low, made.high)


def _most_frequent_error(study: Study) -> tuple[str, str, int] | None:
    wrong = study.labels != study.predicted
    pairs = Counter(zip(study.labels[wrong].tolist(), study.predicted[wrong].tolist(), strict=True))
    if not pairs:
        return None
    (label, predicted), count = pairs.most_common(1)[0]
    return shown_class(label, study.class_names), shown_class(predicted, study.class_names), count


def _names_that_occur(
    study: Study, confusion: Confusion | None, entries: Sequence[ImageEntry]
) -> tuple[tuple[int, str], ...]:
    used = set() if confusion is None else {*confusion.labels, *confusion.predicted}
    used |= {*study.labels.tolist(), *study.predicted.tolist()}
    used |= {one for entry in entries for one, _ in entry.scores}
    return tuple((one, shown_class(one, study.class_names)) for one in sorted(used))


def _atlas_limit(seen: Atlas) -> float:
    maps = [*(one.mean for one in seen.maps), *(one.mean for one in seen.groups)]
    maps += [] if seen.difference is None else [seen.difference]
    return render.shared_limit(maps, seen.floor)


def _atlas_maps(seen: Atlas) -> Iterator[HeatMap]:
    limit = _atlas_limit(seen)
    names = {"right": tr("right answers"), "wrong": tr("wrong answers")}
    for one in seen.maps:
        yield heat_map(names[one.name], one.count, one.mean, one.image, limit, one.name)
    if seen.difference is not None and seen.significant is not None:
        name, count = tr("wrong − right, of the same predicted class"), seen.compared[1]
        untold = ~seen.significant
        yield heat_map(name, count, seen.difference, seen.image, limit, "difference", untold)


def _atlas_notes(seen: Atlas, inside: bool) -> Iterator[str]:
    unit = tr("log-odds") if seen.unit == "log-odds" else tr("units of the score")
    if inside:
        unit = tr("units of the method's own, which are not those of the score,")
    yield tr(
        "Mean attribution towards the predicted class over the mean image, in {unit} per pixel, on one scale:"
        " red speaks for the answer, blue against it.",
        unit=unit,
    )
    if seen.most_images:
        yield tr(
            "Maps are of all answers; the mean images under them are of {most:,} images of each kind, drawn"
            " at random, where it has more.",
            most=seen.most_images,
        )
    right, wrong, others = seen.compared
    if seen.significant is None:
        if others:
            yield tr(
                "No predicted class has both right and wrong answers enough: where they differ cannot be told"
                " from the class."
            )
        return
    share = float(seen.significant.mean())
    told = (
        tr("differ surely on {share:.0%} of the image; hatched is where it may be chance", share=share)
        if share
        else tr("cannot be told apart by where the model looks")
    )
    yield tr(
        "{wrong:,} wrong answers beside {right:,} right ones of the same predicted class: they {told}.",
        wrong=wrong,
        right=right,
        told=told,
    )
    if others:
        yield tr_n(
            "{n} wrong answer has no right one to be compared with.",
            "{n:,} wrong answers have no right one to be compared with.",
            others,
        )


def _make_groups(study: Study, seen: Atlas, place_of: Mapping[int, int]) -> Iterator[Group]:
    limit = _atlas_limit(seen)
    known = dict(zip(study.places.tolist(), range(len(study.places)), strict=True))
    ids = study.ids
    for number, one in enumerate(seen.groups, start=1):
        inside = [known[place] for place in one.members.tolist()]
        pairs = Counter(
            zip(study.labels[inside].tolist(), study.predicted[inside].tolist(), strict=True)
        ).most_common(3)
        name = tr("group {number}", number=number)
        yield Group(
            count=one.count,
            pairs=tuple((label, predicted, count) for (label, predicted), count in pairs),
            mean=heat_map(name, one.count, one.mean, one.image, limit, "group"),
            typical=tuple(place_of[place] for place in one.places.tolist() if place in place_of),
            key=group_key(ids[place] for place in inside),
            members=tuple(printable_text(ids[place]) for place in inside),
        )


def read_said(study: Study, groups: Sequence[Group]) -> Iterator[Said]:
    """What a person says; nothing where the file cannot be read, which the limits tell."""
    try:
        told = list(study.verdicts)
        now = {one.place: one.name for one in study.verdicts.current()}
    except (SightlineError, OSError):
        return
    names = {one.key: tr("group {number}", number=number) for number, one in enumerate(groups, start=1)}
    for one in told:
        name = names.get(one.key, one.name) if one.of == "group" else now.get(one.place, one.name)
        yield Said(
            of=one.of,
            said=one.said,
            of_text=kind_text(one.of),
            said_text=said_text(one.said),
            name=printable_text(name),
            note=printable_text(one.note),
            when=printable_text(one.when),
            key=one.key,
            current=one.key in names if one.of == "group" else one.place in now,
        )


def as_said_now(made: Summary, study: Study) -> Summary:
    """A summary with what a person says by now, and what that changes: what is to be repaired next."""
    said = tuple(read_said(study, made.groups))
    if said == made.said:
        return made
    found = read_findings(study, study.path, {})
    run = shlex.quote(shown_path(study.path))
    return dataclasses.replace(
        made,
        said=said,
        verdict=make_verdict(
            *(made.examined, made.measures, _most_frequent_error(study), found, made.repair, run),
            study.manifest.weighing,
        ),
        commands=repeat_commands(study.manifest, run, found, made.repair, study.path),
    )


def _groups_note(seen: Atlas | None) -> str:
    if seen is None or not seen.groups:
        return tr("There is no wrong answer to group.")
    if len(seen.groups) == 1:
        return tr(
            "The wrong answers form no groups that stand apart from what chance makes: they are shown as one."
        )
    return tr_n(
        "{n} group of wrong answers whose maps look alike, more than chance would make them.",
        "{n} groups of wrong answers whose maps look alike, more than chance would make them.",
        len(seen.groups),
    )


def _make_images(
    study: Study, seen: Atlas | None, facts: StudyFacts, max_bytes: int, taken: int
) -> tuple[ShownImages, list[int], str]:
    """The images that are shown, the places of those shown without scripts, and the rule in words."""
    if seen is None:
        return ShownImages((), (), GRAINS[0]), [], tr("No image is explained.")
    places, labels, wrong = study.places, study.labels, study.labels != study.predicted
    typical = _typical_in_turn(seen)
    chosen = choose_places(places, labels, wrong, typical)
    featured = _featured_places(places, wrong, typical, chosen)
    group_of = {place: one for one, group in enumerate(seen.groups) for place in group.members.tolist()}
    answers = list(_read_answers(study, chosen, set(featured), group_of, facts))
    # Where they do not all fit, the last are left out: those that are shown without scripts stay.
    rng, special = np.random.default_rng(0), set(featured)
    order = sorted(
        rng.permutation(len(answers)).tolist(), key=lambda one: answers[one].entry.place not in special
    )
    made = encode_answers([answers[one] for one in order], featured, _bytes_of_images(max_bytes) - taken)
    entries = tuple(sorted(made.entries, key=lambda one: (one.right, one.place)))
    sampling = _sampling_text(study, entries, made, len(chosen), max_bytes)
    return ShownImages(entries, made.label_maps, made.grain), featured, sampling


def _bytes_of_images(max_bytes: int) -> int:
    return int(0.97 * max_bytes) - min(PAGE_BYTES, max_bytes // 2)


def _typical_in_turn(seen: Atlas) -> list[int]:
    """Typical images of the groups of errors: the most typical of each, then the next of each."""
    lists = [one.places.tolist() for one in seen.groups]
    longest = max(map(len, lists), default=0)
    return [each[turn] for turn in range(longest) for each in lists if turn < len(each)]


def _featured_places(
    places: Int[np.ndarray, "N"], wrong: Any, typical: Sequence[int], chosen: Int[np.ndarray, "n"]
) -> list[int]:
    """Which images are shown without scripts: typical errors, other ones, right ones."""
    rng = np.random.default_rng(1)
    shown = np.isin(places, chosen)
    kinds = [rng.permutation(places[shown & one]).tolist() for one in (wrong, ~wrong)]
    errors = list(dict.fromkeys([*typical, *kinds[0]]))
    room = max(MOST_WRONG, FEATURED - len(kinds[1]))
    first = errors[:room]
    return [*first, *kinds[1][: FEATURED - len(first)]]


def _read_answers(
    study: Study,
    chosen: Int[np.ndarray, "n"],
    featured: set[int],
    group_of: Mapping[int, int],
    facts: StudyFacts,
) -> Iterator[ShownAnswer]:
    for row in chosen_rows(study, chosen.tolist()):
        side = GRAINS[0].large if row.place in featured else GRAINS[0].small
        told = tuple(map(warning_text, facts.warnings.get(row.place, ())))
        yield shown_answer(row, study, side, group_of.get(row.place, -1), told)


def warning_text(slug: str) -> str:
    """What was to be said of an explanation, in words."""
    told = {
        "hiding-little": tr("hiding everything hardly changes the score"),
        "scores-hardly-move": tr("the score hardly moves, whatever is hidden"),
        "scores-flat": tr("the score never moves, whatever is hidden"),
        "model-random": tr("the model answers the same image differently"),
        "model-unsteady": tr("the model answers the same image differently"),
        "budget-thin": tr("so few model calls that there is no telling how wrong the values are"),
        "segments-few": tr("so few segments that they say little"),
        "fill-range": tr("what hides it lies outside of its range of values"),
        "inside-flat": tr("the heat is zero, or next to nothing"),
        "inside-incomplete": tr("the values do not add up to the change of the score"),
        "inside-contradicted": tr("the map and the model's answers disagree"),
        "inside-places": tr("its heat weighs channels only, and may lie at other places than what counts"),
        "model-output": tr("whether the model's numbers are probabilities was guessed"),
        "model-value": tr("the model's one column was taken for a logit"),
        "range-saturated": tr("its values may not lie in the range that the model expects"),
    }
    return told.get(slug, slug)


def _sampling_text(
    study: Study, entries: Sequence[ImageEntry], made: ShownImages, chosen: int, max_bytes: int
) -> str:
    many, wrong = len(study), int((study.labels != study.predicted).sum())
    shown = len(entries)
    shown_wrong = sum(not one.right for one in entries)
    if shown == many:
        told = tr_n("The {n} explained image is shown.", "All {n:,} explained images are shown.", many)
    else:
        told = tr(
            "{shown:,} of {many:,} explained images are shown: {shown_wrong:,} of {wrong:,} wrong answers and"
            " {shown_right:,} of {right:,} right ones.",
            shown=shown,
            many=many,
            shown_wrong=shown_wrong,
            wrong=wrong,
            shown_right=shown - shown_wrong,
            right=many - wrong,
        )
    if chosen < many:
        told += " " + tr(
            "Of more than {most:,} images so many are drawn at random (seed 0): of each label, of wrong and"
            " of right answers, equally many as far as there are.",
            most=MOST,
        )
    if made.grain is not GRAINS[0] or shown < chosen:
        told += " " + tr(
            "So that the file keeps within {megabytes:g} MB they are at most {side} pixels a side{fewer}.",
            megabytes=max_bytes / 1e6,
            side=made.grain.small,
            fewer=tr(", and fewer are shown than would be") if shown < chosen else "",
        )
    return told
