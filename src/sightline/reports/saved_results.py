"""files that the commands left in a study's folder → the results that they were written from."""

import dataclasses
import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sightline._json import from_jsonable
from sightline._language import translate as tr
from sightline._limits import read_text
from sightline._printing import printable_text
from sightline._region_names import DRAWN_REGIONS, FIXED, RUN_REGIONS
from sightline._tables import count_text
from sightline.errors import SightlineError
from sightline.findings.blame_result import Blame
from sightline.findings.cause_result import ImageCauses
from sightline.findings.slice_result import Slices
from sightline.proof.result import Proof
from sightline.proof.verdict import word_of_rule
from sightline.regions import load, polygons
from sightline.regions.region_file import describe_regions
from sightline.regions.region_set import Regions
from sightline.regions.shapes import PolygonShapes
from sightline.study.schema import StudyResults, answers_digest, is_of_answers
from sightline.study.thing_keys import judged_things
from sightline.study.verdicts import Verdicts
from sightline.types import record

DRAWN_BLAME = "drawn_blame.json"
"""Of a study's folder: what a person drew in the studio, and what blame says of it."""
QUESTIONS = ("blame", "drawn", "concepts", "causes", "slices")
"""What can be asked of a study: fields of its findings, and sections of its report."""
LEFT_OUT = ("areas", "image")
"""What the files do not hold, or in another form."""
AREAS, CONCEPT_AREAS = RUN_REGIONS, "concepts.toml"
"""Of a study's folder: where it keeps the regions that were blamed last, and an audit its concepts."""
UNREADABLE = (
    *(OSError, ValueError, TypeError, LookupError, AttributeError),
    *(ArithmeticError, SightlineError, RecursionError),
)
"""What a file that is damaged or another's can lead to."""


@record
class StudyFindings:
    """What was found of a study; None where that is not known, and then why.

    Parameters
    ----------
    blame, concepts : Blame or None
    causes : ImageCauses or None
    slices : Slices or None
    lacks : mapping of str to str
        Of each that is None: why, if it is another reason than that it was never asked.
    drawn : Blame or None
        Of the regions that a person drew in the studio and has not removed since.
    said : mapping of str to str
        Region, concept or property → what a person said of it: ``"reason"``, ``"shortcut"`` or
        ``"wrong label"``.
    """

    blame: Blame | None
    concepts: Blame | None
    causes: ImageCauses | None
    slices: Slices | None
    lacks: Mapping[str, str]
    said: Mapping[str, str] = dataclasses.field(default_factory=dict)
    drawn: Blame | None = None

    @property
    def of_places(self) -> tuple[Blame, ...]:
        """What blame says of regions: of those it was given, then of those that a person drew besides."""
        return tuple(one for one in (self.blame, self._drawn_besides()) if one is not None)

    @property
    def blamed(self) -> tuple[Blame, ...]:
        """What blame says of regions, then what it says of concepts: each thing once."""
        return self.of_places if self.concepts is None else (*self.of_places, self.concepts)

    def _drawn_besides(self) -> Blame | None:
        """Of drawn regions what blame of the others does not tell: it may have been given these, too."""
        drawn, blame = self.drawn, self.blame
        if drawn is None or drawn.areas is None or blame is None or blame.areas is None:
            return drawn
        told = {
            outline_key(blame.areas, one.region): one.confirmed
            for one in blame.regions
            if one.region in blame.areas
        }
        places = ((one, outline_key(drawn.areas, one.region)) for one in drawn.regions)
        rows = [one for one, key in places if key not in told or (one.confirmed and not told[key])]
        if len(rows) == len(drawn.regions):
            return drawn
        return dataclasses.replace(drawn, regions=tuple(rows)) if rows else None


def read_findings(study: StudyResults, folder: Path, given: Mapping[str, Any]) -> StudyFindings:
    """What is given, else what the commands left in the study's folder.

    Parameters
    ----------
    study : Study
    folder : Path
    given : mapping
        Of ``"blame"``, ``"concepts"``, ``"causes"`` and ``"slices"``, those that are at hand.
    """
    made: dict[str, Any] = {name: one for name, one in given.items() if one is not None}
    lacks: dict[str, str] = {}
    if isinstance(made.get("blame"), Blame) and made["blame"].of_concepts:
        made.setdefault("concepts", made.pop("blame"))
    for name, read in READERS.items():
        if name in made:
            known = {"answers": made[name].answers, "errors": made[name].errors}
            if not is_of_answers(known, study):
                del made[name]
                lacks[name] = tr(
                    "What was given of {name} is left aside: it was found in other answers than the study has"
                    " now.",
                    name=name,
                )
            continue
        found, why = _read_result(folder / f"{name}.json", read, study)
        kept = "concepts" if isinstance(found, Blame) and found.of_concepts else name
        if found is not None:
            made.setdefault(kept, found)
        elif why:
            lacks[name] = why
    said: dict[str, str] = {}
    verdicts = Verdicts(folder, answers=lambda: answers_digest(study))
    try:
        for one in verdicts.current():
            if one.of not in ("group", "image"):
                said[one.name] = one.said
                if one.said == "reason":  # what blame found is told by its bare name
                    said[one.name.removesuffix(FIXED)] = one.said
    except UNREADABLE as error:
        lacks["verdicts"] = _unreadable_text(verdicts.path, error)
    made["blame"], made["drawn"], why = _beside_drawn(study, folder, made.get("blame"))
    if why:
        lacks["drawn"] = why
    results = {name: made.get(name) for name in (*READERS, "drawn")}
    return StudyFindings(**results, lacks=lacks, said=said)


def _beside_drawn(
    study: StudyResults, folder: Path, blame: Blame | None
) -> tuple[Blame | None, Blame | None, str]:
    """What blame says of regions and of drawn ones, by their names of now; or why these are left aside."""
    found, why = read_blame(study, folder / DRAWN_BLAME)
    answers = answers_digest(study)
    try:
        kept = _drawn_now(folder, answers)
        if blame is not None and kept is not None:
            asked_of_drawn = blame.areas is not None and blame.areas.among > 0
            now = _as_drawn_now(blame, kept) if asked_of_drawn else _told_apart(blame, folder, answers)
            blame = now or blame
        return blame, _as_drawn_now(found, kept), why
    except UNREADABLE as error:
        return blame, None, _unreadable_text(folder / DRAWN_REGIONS, error)


def _drawn_now(folder: Path, answers: str) -> Regions | None:
    """The regions that a person drew, with a word after the names that others have, too; None without any."""
    file = folder / DRAWN_REGIONS
    if not file.is_file() or not {"polygons", "masks", "concepts"} & set(tomllib.loads(read_text(file))):
        return None  # where all are removed, how many there were is kept
    kept: Regions = load(file)
    return kept.rename({one.name: one.called for one in judged_things(folder, answers) if one.drawn})


def _as_drawn_now(found: Blame | None, kept: Regions | None) -> Blame | None:
    """What blame says of drawn regions, by their names of now, without those that are drawn no more."""
    if found is None or found.areas is None or kept is None:
        return None
    known = _names_of_now(found.areas, kept)
    rows = [one for one in found.regions if one.region in known]
    if not known or (found.regions and not rows):
        return None
    named = tuple(dataclasses.replace(one, region=known[one.region]) for one in rows)
    return dataclasses.replace(found, regions=named, areas=kept[list(known.values())])


def _names_of_now(areas: Regions, kept: Regions) -> dict[str, str]:
    """What each region that was asked about is called now; of two of one outline, each has its own name."""
    now: dict[str, list[str]] = {}
    for name in kept:
        now.setdefault(outline_key(kept, name), []).append(name)
    known: dict[str, str] = {}
    for renamed in (False, True):  # who kept its name has it
        for name in areas:
            names = now.get(outline_key(areas, name), [])
            if name not in known and names and (renamed or name in names):
                known[name] = name if name in names else names[0]
                names.remove(known[name])
    return known


def _told_apart(found: Blame, folder: Path, answers: str) -> Blame:
    """What blame says of regions, with a word after the names that drawn ones have, too."""
    things = judged_things(folder, answers)
    both = {one.name: one.called for one in things if not one.drawn and one.called != one.name}
    areas = found.areas
    if areas is not None:
        areas = areas.rename({name: both[name] for name in areas if name in both})
    rows = (dataclasses.replace(one, region=both.get(one.region, one.region)) for one in found.regions)
    return dataclasses.replace(found, regions=tuple(rows), areas=areas)


def outline_key(areas: Regions, name: str) -> str:
    """What is drawn there, whatever it is called; of what no polygon alone tells of, the name."""
    shapes = areas.shapes
    if not isinstance(shapes, PolygonShapes) or shapes.exclusive:
        return name
    outlines = (one for piece in areas.made_of[areas.index(name)] for one in shapes.polygons[piece])
    return str([np.round(one, 6).tolist() for one in outlines])


def read_blame(study: StudyResults, file: Path) -> tuple[Blame | None, str]:
    """What blame wrote into a file, or why it is left aside; neither where there is no such file."""
    return _read_result(file, _read_blame, study)


def _read_result(
    file: Path, read: Callable[[dict[str, Any], Path], Any], study: StudyResults
) -> tuple[Any, str]:
    """The result that a file holds, or why there is none; neither where there is no such file."""
    if not file.is_file():
        return None, ""
    try:
        value = _read_object(file)
        if not is_of_answers(value, study):
            return None, tr(
                "{file} is left aside: it was found in other answers than the study has now.", file=file.name
            )
        return _all_told(read(value, file.parent)), ""
    except UNREADABLE as error:
        return None, _unreadable_text(file, error)


def _unreadable_text(file: Path, error: Exception) -> str:
    told = printable_text(f"{type(error).__name__}: {error}")
    return tr("{file} is left aside: it cannot be read ({error}).", file=file.name, error=told[:200])


def _read_object(file: Path) -> dict[str, Any]:
    value = json.loads(read_text(file))
    if not isinstance(value, dict):
        raise ValueError("it is no object")
    json.dumps(value, ensure_ascii=False).encode()  # half a letter, which JSON can hold, can be told nowhere
    return value


def _all_told(made: Any) -> Any:
    """A result that everything can be told of; else the first failure is raised."""
    for name in ("verdict", "table", "links_table", "sentences", "rule_text", "evidence"):
        getattr(made, name, None)
    if isinstance(made, Blame):
        for one in made.regions:
            made.finding(one.region)
            if one.confirmed:
                count_text(one.corrected)
    return made


def _read_blame(value: dict[str, Any], folder: Path) -> Blame:
    made: Blame = from_jsonable(Blame, value, leave_out=LEFT_OUT)
    return _with_areas(made, value.get("areas"), folder)


def _with_areas(made: Blame, areas: Any, folder: Path) -> Blame:
    """With the regions as they lie, from the file or from the study's own."""
    found = _read_areas(areas) if isinstance(areas, dict) else None
    if found is None:
        kept = (_areas_in_file(made, areas, folder / one) for one in (CONCEPT_AREAS, AREAS))
        found = next((one for one in kept if one is not None), None)
    return dataclasses.replace(made, areas=found)


def _areas_in_file(made: Blame, areas: Any, file: Path) -> Regions | None:
    """The regions of a file, if they are those that were blamed."""
    if not file.is_file():
        return None
    kept = load(file)
    if kept.needs_image is not made.of_concepts or not all(one.region in kept for one in made.regions):
        return None
    digest = areas.get("digest") if isinstance(areas, dict) else None
    return kept if digest in (None, describe_regions(kept).get("digest")) else None


def _read_areas(value: Mapping[str, Any]) -> Regions | None:
    """The regions that `describe_regions` told of; None where their pieces are masks."""
    drawn, made_of = value.get("polygons"), value.get("regions")
    if not isinstance(drawn, dict) or not isinstance(made_of, dict) or not drawn:
        return None
    pieces = polygons(drawn, exclusive=bool(value.get("exclusive", False)))
    several = tuple(tuple(pieces.index(one) for one in names) for names in made_of.values())
    assert isinstance(pieces.shapes, PolygonShapes), "polygons makes them"
    # What was chosen from answers stays so: read back, it is tested no more easily than before.
    seen, among = value.get("found_in", ()), value.get("among", 0)
    shapes = dataclasses.replace(pieces.shapes, found_in=tuple(map(str, seen)), among=int(among))
    return Regions(tuple(made_of), shapes, several)


def _read_causes(value: dict[str, Any], folder: Path) -> ImageCauses:
    made: ImageCauses = from_jsonable(ImageCauses, value)
    return made


def _read_slices(value: dict[str, Any], folder: Path) -> Slices:
    listed = [{**one, "places": []} for one in value["slices"]]
    made: Slices = from_jsonable(Slices, {**value, "slices": listed}, leave_out=LEFT_OUT)
    return made


def read_proof(file: Path) -> tuple[Proof | None, Any, str]:
    """The proof that a file holds with its maps, or why there is none; nothing without a file."""
    if not file.is_file():
        return None, None, ""
    try:
        value = _read_object(file)
        made: Proof = from_jsonable(Proof, {**value, "shift": None, "examples": []})
        _check_proof(made)
        return _all_told(made), value.get("maps"), ""
    except UNREADABLE as error:
        return None, None, _unreadable_text(file, error)


def _check_proof(made: Proof) -> None:
    """Refuse a proof that no proof can have come to, as one that was written into its file by hand.

    Raises
    ------
    ValueError
    """
    word, (before, after) = word_of_rule(made.rule), made.right
    if word and word != made.verdict:
        raise ValueError(f"its verdict is {made.verdict!r}, but its rule says {word!r}")
    counts = (before, after, made.corrected, made.broken, made.nearly_used)
    if not all(0 <= one <= made.images for one in counts) or after - before != made.corrected - made.broken:
        raise ValueError(
            f"of {made.images} images {before} were right before and {after} after, {made.corrected} turned "
            f"right and {made.broken} wrong: that does not add up"
        )
    surely = made.tests.accuracy <= made.level
    if made.verdict == "repaired" and not (surely and after > before):
        raise ValueError("it says 'repaired', and its accuracy is not surely higher")
    if any(one < 0 or one > 1 for one in (made.tests.accuracy, made.tests.fewer, made.level)):
        raise ValueError("a chance is none: it has to be from 0 to 1")


READERS: dict[str, Callable[[dict[str, Any], Path], Any]] = {
    "blame": _read_blame,
    "concepts": _read_blame,
    "causes": _read_causes,
    "slices": _read_slices,
}
