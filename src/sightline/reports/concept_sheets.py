"""concepts that were found → what a report shows of each: typical images, the place marked, and counts."""

import dataclasses
from collections.abc import Sequence

from sightline._language import translate as tr
from sightline._printing import printable_text
from sightline.errors import SightlineError
from sightline.findings.blame_result import Blame
from sightline.findings.heatmaps import image_if_readable
from sightline.regions.concept_examples import ConceptExamples
from sightline.regions.region_set import Regions
from sightline.reports.image_data import as_bytes, encode_image
from sightline.reports.sections import outline_path
from sightline.reports.summary import ConceptSheet, MarkedImage
from sightline.study.schema import StudyResults

LOOKED = 200
"""Images that are looked through, which is most of what a report's making takes: spread over the study."""
SHARE = 0.1
"""Of a report's bytes, what these images may take."""
SIZES = ((160, 5), (128, 4), (96, 3), (72, 1))
"""Pixels of a side, and images of each concept: tried in turn until they fit."""


def make_concept_sheets(
    found: Blame | None, study: StudyResults, max_bytes: int
) -> tuple[tuple[ConceptSheet, ...], str]:
    """A sheet of each concept that was asked about, in the order of its rows; and why there is none.

    Parameters
    ----------
    found : Blame or None
        Of concepts.
    study : Study
    max_bytes : int
        Of the whole report.
    """
    if found is None or not found.of_concepts:
        return (), ""
    if found.areas is None or not found.areas.needs_image:
        return (), tr(
            "What the concepts look like cannot be shown: their detectors are not in the study's folder."
        )
    names = [one.region for one in found.regions if one.region in found.areas]
    if not names:
        return (), ""
    areas = found.areas[names]
    try:
        examples = areas.examples(study, count=SIZES[0][1], most=LOOKED)
    except SightlineError as error:
        return (), tr("What the concepts look like cannot be shown: {why}", why=printable_text(error))
    made: tuple[ConceptSheet, ...] = ()
    for side, count in SIZES:
        made = tuple(_make_sheet(one, areas, study, side, count) for one in examples)
        if sheet_bytes(made) <= SHARE * max_bytes:
            return made, ""
    return tuple(dataclasses.replace(one, examples=()) for one in made), ""


def _make_sheet(
    one: ConceptExamples, areas: Regions, study: StudyResults, side: int, count: int
) -> ConceptSheet:
    examples = []
    ids = dict(zip(study.places.tolist(), study.ids, strict=True))
    for place, label, said in list(zip(one.places, one.labels, one.predicted, strict=True))[:count]:
        pixels = image_if_readable(study, place)
        if pixels is None:
            continue
        image = study.image(place)
        mask = areas[one.concept].masks((image.shape[0], image.shape[1]), place, image)[0]
        shown = encode_image(as_bytes(pixels, side))
        name = printable_text(ids[place])
        examples.append(MarkedImage(name, place, label, said, shown, outline_path(mask)))
    return ConceptSheet(
        name=printable_text(one.concept),
        towards=-1 if one.towards is None else one.towards,
        counts=one.counts,
        looked=one.looked,
        examples=tuple(examples),
    )


def sheet_bytes(sheets: Sequence[ConceptSheet]) -> int:
    """About how long their images and outlines are in a file."""
    return sum(len(each.image.pixels) + len(each.outline) + 200 for one in sheets for each in one.examples)
