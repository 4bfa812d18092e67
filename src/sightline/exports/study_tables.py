"""a study and what was found of it → every finding as tables."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sightline.evaluation.class_evaluation import Evaluation
from sightline.evaluation.discrimination import Estimate
from sightline.evaluation.multi_label import MultiLabelEvaluation
from sightline.exports.finding_table import (
    Cell,
    Column,
    FindingTable,
    facts_of_record,
    plain_cell,
    table_of_records,
)
from sightline.findings.atlas_result import Atlas, OutcomeMap
from sightline.findings.blame_result import Blame, RegionEffect
from sightline.findings.cause_result import ErrorLink, ImageCause
from sightline.findings.slice_result import Slice
from sightline.proof.paired_metrics import PairedMetric
from sightline.proof.result import Proof
from sightline.reports.saved_results import QUESTIONS, StudyFindings
from sightline.reports.sections import region_status
from sightline.reports.study_summary import make_confusion, study_measures
from sightline.reports.summary import Said, Summary
from sightline.study.study import Study
from sightline.types import record

NAN = float("nan")
PROOF_BASES = {"": "unknown", "cannot tell": "unknown", "repaired": "proved", "partly": "proved"}
"""Verdict of a proof → what the repair's worth rests on; one that is harmful, or does nothing, was tested."""
OF_LINES = (
    *("place", "id", "label", "predicted", "rank", "target", "against", "score", "hidden", "fit", "settled"),
    *("calls", "seconds", "layer", "warnings", "failure", "reason"),
)
"""Columns of a study's table that are read."""
LISTED = (
    *("regions", "causes", "links", "slices", "measures", "examples"),
    *("shift", "areas", "image", "detections"),
)
"""Fields that have tables of their own, or are no numbers."""
EVERY = 1 << 31
"""Classes: all of them."""


@record
class Exported:
    """What tables are made of: the values that the report is drawn from.

    Parameters
    ----------
    study : Study
    summary : Summary
    found : StudyFindings
    seen : Atlas or None
        By outcome; None where no image is explained.
    proof : Proof or None
        Of the repair in the summary.
    evaluation : Evaluation, MultiLabelEvaluation or None
    """

    study: Study
    summary: Summary
    found: StudyFindings
    seen: Atlas | None
    proof: Proof | None
    evaluation: Evaluation | MultiLabelEvaluation | None


def list_tables(made: Exported) -> tuple[FindingTable, ...]:
    """Every table, those too that have no line: what nobody asked is told in the one of findings."""
    return tuple(one(made) for one in TABLES)


def _text_table(name: str, heads: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> FindingTable:
    """A table whose columns are named ``name:kind``; without a kind they are texts."""
    columns = tuple(Column(head.partition(":")[0], head.partition(":")[2] or "text") for head in heads)
    cells = (
        tuple(plain_cell(one, column.kind) for one, column in zip(row, columns, strict=True)) for row in rows
    )
    return FindingTable(name, columns, tuple(cells))


def _study_table(made: Exported) -> FindingTable:
    about = made.summary.examined
    rows = [
        (name, value)
        for name, value in facts_of_record(about)
        if not name.startswith(("settings", "versions"))
    ]
    rows += [*about.settings, *((f"version of {name}", value) for name, value in about.versions)]
    return _fact_table("study", (("", *one) for one in rows), with_question=False)


def _fact_table(
    name: str, rows: Iterator[tuple[str, str, Cell]], *, with_question: bool = True
) -> FindingTable:
    """Names and values: numbers in one column, texts in another."""
    heads = (
        ("question", "name", "number:number", "text") if with_question else ("name", "number:number", "text")
    )
    lines = (
        (question, fact, None, value) if isinstance(value, str) else (question, fact, float(value), None)  # type: ignore[arg-type]
        for question, fact, value in rows
    )
    return _text_table(name, heads, (line if with_question else line[1:] for line in lines))


def _verdict_table(made: Exported) -> FindingTable:
    said = enumerate(made.summary.verdict, start=1)
    return _text_table(
        "verdict", ("place:count", "text", "basis"), ((place, one.text, one.basis) for place, one in said)
    )


def _limit_table(made: Exported) -> FindingTable:
    return _text_table("limits", ("text",), ((one,) for one in made.summary.limits))


def _question_table(made: Exported) -> FindingTable:
    """What was asked and what came of it; of a repair, what its proof came to, in one word, too."""

    def rows() -> Iterator[tuple[Any, ...]]:
        for name in QUESTIONS:
            one = getattr(made.summary, name)
            yield name, one.title, one.asked, one.basis, one.verdict, one.tested, one.how, None
        mended = made.summary.repair
        if mended is not None:
            said = " ".join(mended.sentences) or mended.headline
            tested = 0 if made.proof is None else made.proof.images
            basis = PROOF_BASES.get(mended.verdict, "tested")
            told = ("proof", mended.headline, bool(mended.verdict), basis, said, tested, mended.how)
            yield (*told, mended.verdict or None)

    heads = ("question", "title", "asked:truth", "basis", "verdict", "tested:count", "how", "outcome")
    return _text_table("findings", heads, rows())


def _facts_of_questions(made: Exported) -> FindingTable:
    """All single numbers and texts of each result, such as how many errors there were, and the level."""

    def rows() -> Iterator[tuple[str, str, Cell]]:
        results = {name: getattr(made.found, name) for name in QUESTIONS} | {"proof": made.proof}
        for name, one in results.items():
            if one is not None:
                yield from ((name, *each) for each in facts_of_record(one, LISTED))

    return _fact_table("facts", rows())


def _answer_table(made: Exported) -> FindingTable:
    """A line for each image, those too that could not be explained."""
    study, seen = made.study, made.seen
    groups = () if seen is None else seen.groups
    group_of = {place: number for number, one in enumerate(groups, start=1) for place in one.members.tolist()}
    heads = (
        *("place:count", "id", "label:count", "label_name", "predicted:count", "predicted_name"),
        *("right:truth", "score:number", "label_score:number", "hidden:number", "group:count"),
        *("settled:truth", "fit:number", "calls:count", "seconds:number", "layer", "warnings:texts"),
        *("failure", "reason"),
    )
    return _text_table("answers", heads, _answer_rows(study, group_of))


def _answer_rows(study: Study, group_of: dict[int, int]) -> Iterator[tuple[Any, ...]]:
    """What is kept of each image: its first line, and of the second the score of the label."""
    waiting: dict[str, Any] | None = None
    scores: dict[int, float] = {}
    for table in study.store.tables(OF_LINES):
        for line in table.to_pylist():
            if waiting is not None and waiting["place"] != line["place"]:
                yield _answer_row(waiting, scores, study.class_names, group_of)
                waiting = None
            if waiting is None:
                waiting, scores = line, {}
            if line["target"] is not None and line["against"] is None:
                scores.setdefault(line["target"], line["score"])
    if waiting is not None:
        yield _answer_row(waiting, scores, study.class_names, group_of)


def _answer_row(
    line: dict[str, Any], scores: dict[int, float], names: tuple[str, ...] | None, group_of: dict[int, int]
) -> tuple[Any, ...]:
    label, predicted = line["label"], line["predicted"]
    explained = line["failure"] is None
    return (
        line["place"],
        line["id"],
        label,
        class_name_of(label, names),
        predicted,
        class_name_of(predicted, names),
        label == predicted if explained else None,
        line["score"],
        scores.get(label),
        line["hidden"],
        group_of.get(line["place"]),
        line["settled"],
        line["fit"],
        line["calls"],
        line["seconds"],
        line["layer"],
        line["warnings"] or (),
        line["failure"],
        line["reason"],
    )


def class_name_of(number: int | None, names: tuple[str, ...] | None) -> str | None:
    """A class's own name, letter by letter; None where it has none."""
    return names[number] if names is not None and number is not None and 0 <= number < len(names) else None


def _evaluation_table(made: Exported) -> FindingTable:
    """How good the model is: of the study's answers, and of an evaluation that was given."""
    heads = (
        *("source", "task", "measure", "class:count", "class_name"),
        *("value:number", "low:number", "high:number", "images:count"),
    )
    return _text_table("evaluation", heads, _evaluation_rows(made))


def _evaluation_rows(made: Exported) -> Iterator[tuple[Any, ...]]:
    names = made.study.class_names
    for number, one in study_measures(made.study, EVERY):
        measured = (one.kind, number, class_name_of(number, names))
        yield "study", None, *measured, one.after.value, one.after.low, one.after.high, one.count
    given = made.evaluation
    if isinstance(given, MultiLabelEvaluation):
        for name, each in zip(given.label_names, given.evaluations, strict=True):
            yield from (("evaluation", name, *row) for row in _measured_rows(each))
    elif given is not None:
        yield from (("evaluation", None, *row) for row in _measured_rows(given))


def _measured_rows(one: Evaluation) -> Iterator[tuple[Any, ...]]:
    yield "accuracy", None, None, one.accuracy, NAN, NAN, len(one)
    yield "auc", None, None, *_ends_of(one.auc), len(one)
    counts = {"recall": one.confusion.sum(axis=1), "precision": one.confusion.sum(axis=0)}
    for kind, values in (("recall", one.recalls), ("precision", one.precisions)):
        for number, value in enumerate(values.tolist()):
            name = class_name_of(number, one.class_names)
            yield kind, number, name, value, NAN, NAN, int(counts[kind][number])
    for number, area in enumerate(one.aucs):
        yield "auc", number, class_name_of(number, one.class_names), *_ends_of(area), len(one)


def _ends_of(one: Estimate) -> tuple[float, float, float]:
    return one.value, one.low, one.high


def _confusion_table(made: Exported) -> FindingTable:
    """How often which class was called which; pairs that never occur have no line."""

    def rows() -> Iterator[tuple[Any, ...]]:
        counted, names = make_confusion(made.study, EVERY), made.study.class_names
        if counted is None:
            return
        for down, across in np.argwhere(counted.counts).tolist():
            label, said = counted.labels[down], counted.predicted[across]
            count = counted.counts[down, across]
            yield label, class_name_of(label, names), said, class_name_of(said, names), count

    heads = ("label:count", "label_name", "predicted:count", "predicted_name", "count:count")
    return _text_table("confusion", heads, rows())


def _atlas_table(made: Exported) -> FindingTable:
    """Mean attribution of each region in right and in wrong answers, and what wrong ones have more."""

    def rows() -> Iterator[tuple[Any, ...]]:
        if (seen := made.seen) is None:
            return
        for one in seen.maps:
            if not seen.region_names:
                yield one.name, one.count, None, None, None, None
            yield from ((one.name, one.count, *each, None) for each in _region_means(seen, one))
        told = (seen.region_difference, seen.region_error, seen.region_significant)
        if all(one is not None for one in told):
            for name, value, error, sure in zip(seen.region_names, *told, strict=True):  # type: ignore[arg-type]
                yield "difference", seen.compared[1], name, value, error, sure

    heads = ("answers", "images:count", "region", "mean:number", "error:number", "significant:truth")
    return _text_table("atlas", heads, rows())


def _region_means(seen: Atlas, one: OutcomeMap) -> Iterator[tuple[str, float, float]]:
    yield from zip(seen.region_names, one.regions.tolist(), one.region_error.tolist(), strict=True)


def _group_table(made: Exported) -> FindingTable:
    """Groups of wrong answers whose maps look alike; who is in one is told in the table of answers."""
    groups = () if made.seen is None else made.seen.groups
    rows = (
        (
            *(number, one.count, [name for name, _ in one.pairs], [count for _, count in one.pairs]),
            *(one.places.tolist(), told.key),
        )
        for number, (one, told) in enumerate(zip(groups, made.summary.groups, strict=True), start=1)
    )
    heads = ("group:count", "images:count", "pairs:texts", "pair_counts:counts", "typical:counts", "key")
    return _text_table("groups", heads, rows)


def _person_table(made: Exported) -> FindingTable:
    """What a person said; a group of errors is known by its key in the table of groups."""
    return table_of_records("person_verdicts", Said, made.summary.said)


def _effect_table(name: str) -> Callable[[Exported], FindingTable]:
    """The table of blame, that of drawn regions, or that of concepts."""

    def made_of(made: Exported) -> FindingTable:
        found: Blame | None = getattr(made.found, name)
        regions = () if found is None else found.regions
        said = [] if found is None else [found.finding(one.region) for one in regions]
        more: dict[str, tuple[str, Sequence[Any]]] = {
            "region": ("text", [one.region for one in regions]),
            "status": ("text", [] if found is None else [region_status(found, one) for one in regions]),
            "finding": ("text", said),
        }
        return table_of_records(name, RegionEffect, regions, more)

    return made_of


def _cause_table(made: Exported) -> FindingTable:
    return table_of_records(
        "causes", ImageCause, () if made.found.causes is None else made.found.causes.causes
    )


def _link_table(made: Exported) -> FindingTable:
    return table_of_records("links", ErrorLink, () if made.found.causes is None else made.found.causes.links)


def _slice_table(made: Exported) -> FindingTable:
    return table_of_records("slices", Slice, () if made.found.slices is None else made.found.slices.slices)


def _slice_effects(made: Exported) -> FindingTable:
    """What drives the errors of single slices, where that was asked."""
    listed = () if made.found.slices is None else made.found.slices.slices
    pairs = [(one, each) for one in listed if one.blame is not None for each in one.blame.regions]
    more: dict[str, tuple[str, Sequence[Any]]] = {
        "column": ("text", [one.column for one, _ in pairs]),
        "value": ("text", [one.value for one, _ in pairs]),
        "status": ("text", [region_status(one.blame, each) for one, each in pairs if one.blame is not None]),
    }
    return table_of_records("slice_blame", RegionEffect, [each for _, each in pairs], more)


def _proof_table(made: Exported) -> FindingTable:
    measures = () if made.proof is None else made.proof.measures
    more: dict[str, tuple[str, Sequence[Any]]] = {
        "kind": ("text", [one.kind for one in measures]),
        "name": ("text", [one.name for one in measures]),
        "before": ("number", [one.before for one in measures]),
        "after": ("number", [one.after for one in measures]),
        "change": ("number", [one.change for one in measures]),
    }
    return table_of_records("proof", PairedMetric, measures, more)


def _detection_table(made: Exported) -> FindingTable:
    """In how many held-out images of each class a region was found that is known by its looks."""
    found = None if made.proof is None else made.proof.detections
    rows = (
        ()
        if found is None
        else zip(found.class_names, found.images.tolist(), found.found.tolist(), strict=True)
    )
    return _text_table("detections", ("class_name", "images:count", "found:count"), iter(rows))


TABLES: tuple[Callable[[Exported], FindingTable], ...] = (
    _study_table,
    _verdict_table,
    _question_table,
    _limit_table,
    _answer_table,
    _evaluation_table,
    _confusion_table,
    _atlas_table,
    _group_table,
    _person_table,
    _effect_table("blame"),
    _effect_table("drawn"),
    _effect_table("concepts"),
    _cause_table,
    _link_table,
    _slice_table,
    _slice_effects,
    _proof_table,
    _detection_table,
    _facts_of_questions,
)
