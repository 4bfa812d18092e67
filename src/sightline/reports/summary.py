"""All that a report says, as one value: numbers, words in one language, small images; JSON and back."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sightline._json import from_jsonable, to_jsonable
from sightline._language import translate as tr
from sightline._language import translate_kept
from sightline._region_names import shown_name
from sightline.engine.image_properties import PROPERTIES
from sightline.errors import FileError
from sightline.regions.concept_examples import ClassCount
from sightline.types import record

LAYOUT = 1
BASES = ("observed", "confirmed", "proved", "tested", "unknown", "open")
"""What a sentence can rest on: the study's own answers; a test that allows for chance; images that nothing
was learned or chosen from; a test that did not show it, which is no proof of the contrary; nothing, since it
was not asked, or there was too little to tell; nothing either, of what somebody may still do."""
STATUSES = (
    *("drives errors", "shift", "misleads", "relied on", "worth it", "weighs", "worse"),
    *("nothing", "uncertain", "not tested"),
)
"""What can be said of a region, a concept or a property; of a slice, that it is worse, or nothing."""
NAN = float("nan")


def thing_name(name: str) -> str:
    """What a region, a concept or a property is called in the reader's language; files have it in English.

    Examples
    --------
    >>> thing_name("brightness")
    'brightness'
    """
    return translate_kept(name) if name in PROPERTIES else shown_name(name)


@record
class Claim:
    """A sentence of the verdict.

    Parameters
    ----------
    text : str
    basis : str
        One of `BASES`.
    shows : str
        The concept or region that it tells of, whose image is to stand beside it; empty where there is none.
    """

    text: str
    basis: str
    shows: str = ""


@record
class Examined:
    """What was looked at, and how.

    Parameters
    ----------
    study, model, data : str
        The study's folder, and the texts that model and images are opened by; empty where they were values
        of Python's.
    images : int
        Of the data.
    wanted, explained, failed, held_out : int
        Of these: to be explained, explained, not explainable, and never touched.
    wrong : int
        Wrong answers among the explained.
    classes : int
        Of the model.
    settings : tuple of (str, str)
        Name and value of what decided the numbers.
    calls : int
        Images that the model was given for the explanations.
    seconds : float
    seed : int
    versions : tuple of (str, str)
    made : str
        The day; empty where that is not wanted.
    """

    study: str
    model: str
    data: str
    images: int
    wanted: int
    explained: int
    failed: int
    held_out: int
    wrong: int
    classes: int
    settings: tuple[tuple[str, str], ...]
    calls: int
    seconds: float
    seed: int
    versions: tuple[tuple[str, str], ...]
    made: str = ""


@record
class Confusion:
    """How often which class was called which.

    Parameters
    ----------
    labels, predicted : tuple of int
        Class of each row, and of each column; `Summary.class_name` has the names.
    counts : int array, shape (L, K)
    left_out : int
        Answers in no row or column: of many classes, only the most confused are shown.
    """

    labels: tuple[int, ...]
    predicted: tuple[int, ...]
    counts: Int[np.ndarray, "L K"]
    left_out: int = 0


@record
class Interval:
    """A number and its 95 % interval, whose ends are nan where they are not known."""

    value: float
    low: float = NAN
    high: float = NAN


@record
class Measure:
    """How good the model is by one measure; of a proof, before too.

    Parameters
    ----------
    name : str
    after : Interval
        Of the model; where there is a `before`, of the repaired one.
    before : Interval or None
    change : Interval or None
    p : float
    beside : tuple of float, or None
        What it is to be seen beside, before and after: the same elsewhere, or the share of the area.
    count : int
        Images that it is a mean over.
    kind : str
        ``"accuracy"``, ``"recall"``, and of a proof those of `PairedMetric`.
    """

    name: str
    after: Interval
    before: Interval | None = None
    change: Interval | None = None
    p: float = NAN
    beside: tuple[float, float] | None = None
    count: int = 0
    kind: str = "accuracy"


@record
class ImageData:
    """An image: base64 without a prefix, of WebP; of label maps, of PNG.

    In a label map a pixel's segment is its red + 256 × its green + 65536 × its blue.
    """

    pixels: str
    width: int
    height: int


@record
class HeatMap:
    """Mean attribution of some answers.

    Parameters
    ----------
    name : str
    count : int
        Answers.
    values : float array, shape (h, w)
        At most 64 a side; in units of the score for a pixel of it.
    limit : float
        |value| of the strongest tint, the same for all maps that are compared.
    image, overlay : ImageData or None
        Mean of the images; and with the heat drawn over it. None where no image can be read.
    kind : str
        ``"right"``, ``"wrong"``, ``"difference"``, ``"group"``, ``"before"`` or ``"after"``.
    """

    name: str
    count: int
    values: Float[np.ndarray, "h w"]
    limit: float
    image: ImageData | None = None
    overlay: ImageData | None = None
    kind: str = ""


@record
class RegionRow:
    """What was found of one region, concept, property or slice.

    Parameters
    ----------
    name : str
    status : str
        One of `STATUSES`.
    status_text : str
        The same in the summary's language.
    gain : Interval
        Of a region, concept or property: what wrong answers gain of the true class's score when it is hidden
        or exchanged. Of a slice: its accuracy.
    elsewhere : float
        The same for as much elsewhere, or another change as large; of a slice the whole study's accuracy.
    p : float
    failed : tuple of str
        Rules that it does not surely pass.
    corrected, control_corrected, broken, control_broken : float
        Wrong answers turned right, right ones turned wrong, and by as much elsewhere.
    wrong_share, right_share : float
        Share of the attribution in wrong answers and in right ones.
    finding : str
        A sentence; empty where there is none.
    detections : str
        Of a concept: where it was found.
    towards : str
        Of a concept or a property: the class that it speaks for.
    lacked : float
        What the true class lacked in those wrong answers: what the gain is to be seen beside.
    """

    name: str
    status: str
    status_text: str
    gain: Interval
    elsewhere: float = NAN
    p: float = NAN
    failed: tuple[str, ...] = ()
    corrected: float = NAN
    control_corrected: float = NAN
    broken: float = NAN
    control_broken: float = NAN
    wrong_share: float = NAN
    right_share: float = NAN
    finding: str = ""
    detections: str = ""
    towards: str = ""
    lacked: float = NAN


@record
class Section:
    """What was found by one question: blame, concepts, causes or slices.

    Parameters
    ----------
    title : str
    asked : bool
        Whether there is an answer; else `verdict` says that there is none, and why.
    verdict : str
    how : str
        The command that asks.
    basis : str
        One of `BASES`.
    rows : tuple of RegionRow
    heads : tuple of str
    table : tuple of tuples of str
        The whole table in words, for readers and screen readers.
    beside_heads, beside_table
        Another table: of causes, the columns that errors go with.
    tested : int
        Wrong answers that it rests on.
    of_regions : bool
        Whether rows are regions, concepts or properties, which have the names that files and commands know;
        pages tell them in their language.
    counted : str
        Which wrong answers its counts are of, where not of all of the study's.
    """

    title: str
    asked: bool
    verdict: str
    how: str
    basis: str = "unknown"
    rows: tuple[RegionRow, ...] = ()
    heads: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()
    beside_heads: tuple[str, ...] = ()
    beside_table: tuple[tuple[str, ...], ...] = ()
    tested: int = 0
    of_regions: bool = False
    counted: str = ""

    @property
    def nothing_beside_clear(self) -> bool:
        """Whether nothing was found where an interval is clear of 0, which a reader may wonder at."""
        gains = (one.gain for one in self.rows if one.status == "nothing")
        return any(one.low > 0 or one.high < 0 for one in gains)


@record
class Said:
    """What a person says of a group of errors, a region, a concept, a property or an image.

    Parameters
    ----------
    of, said : str
        As `sightline.study.verdicts.PersonVerdict` has them.
    of_text, said_text : str
        The same in the summary's language.
    name : str
        Of a group: as it is called now.
    note, when : str
    key : str
        Of a group: what it is known by.
    current : bool
        Whether it is of something that there is now: groups and concepts are others once the answers are.
    """

    of: str
    said: str
    of_text: str
    said_text: str
    name: str
    note: str = ""
    when: str = ""
    key: str = ""
    current: bool = True

    @property
    def shown_name(self) -> str:
        """What it is called, and if it is past."""
        name = self.name if self.of in ("group", "image") else thing_name(self.name)
        return name if self.current else tr("{name} (of other answers than there are now)", name=name)


@record
class Group:
    """Wrong answers whose explanations look alike.

    Parameters
    ----------
    count : int
    pairs : tuple of (int, int, int)
        Label, predicted class, and how often.
    mean : HeatMap
    typical : tuple of int
        Places in `Summary.images`.
    key : str
        What a person's verdict knows it by.
    members : tuple of str
        What its images are called.
    """

    count: int
    pairs: tuple[tuple[int, int, int], ...]
    mean: HeatMap
    typical: tuple[int, ...]
    key: str = ""
    members: tuple[str, ...] = ()


@record
class ImageEntry:
    """One image and what the model said of it.

    Parameters
    ----------
    id : str
    place : int
        In the data.
    label, predicted : int
    right : bool
    score, hidden : float
        Of the predicted class: of the image itself, and with everything hidden.
    scores : tuple of (int, float)
        The leading classes, with the label.
    image : ImageData or None
        None where it cannot be read.
    segments : int
        Its label map, a place in `Summary.label_maps`; −1 where there is none.
    values : tuple of float
        Attribution of each segment towards the predicted class; 0 where it cannot be told from 0.
    limit : float
        |value| of the strongest tint.
    leading : tuple of (int, float, float)
        Segment, value and standard error of the segments that count most.
    group : int
        A place in `Summary.groups`; −1 where it is in none.
    warnings : tuple of str
    overlay : ImageData or None
        With the heat drawn over it: of those that are shown without scripts.
    """

    id: str
    place: int
    label: int
    predicted: int
    right: bool
    score: float
    hidden: float
    scores: tuple[tuple[int, float], ...]
    image: ImageData | None
    segments: int
    values: tuple[float, ...]
    limit: float
    leading: tuple[tuple[int, float, float], ...]
    group: int = -1
    warnings: tuple[str, ...] = ()
    overlay: ImageData | None = None


@record
class RegionOutline:
    """A region's outline, to be drawn over an image.

    Parameters
    ----------
    name : str
    path : str
        Of SVG, in a box of 1000 × 1000 over the whole image.
    status : str
        As its row's.
    """

    name: str
    path: str
    status: str


@record
class MarkedImage:
    """An image and where something was found in it.

    Parameters
    ----------
    id : str
    place : int
        In the data.
    label, predicted : int
    image : ImageData
    outline : str
        Path of SVG, in a box of 1000 × 1000 over the whole image.
    """

    id: str
    place: int
    label: int
    predicted: int
    image: ImageData
    outline: str


@record
class ConceptSheet:
    """What a concept looks like, and how often it is in the images of each class.

    Parameters
    ----------
    name : str
        As in its row.
    towards : int
        The class that it speaks for; -1 where that is not known.
    counts : tuple of ClassCount
        Of each label, that class first.
    looked : int
        Images that were looked through.
    examples : tuple of MarkedImage
        Typical ones, wrong answers first.
    """

    name: str
    towards: int
    counts: tuple[ClassCount, ...]
    looked: int
    examples: tuple[MarkedImage, ...] = ()


@record
class Example:
    """An answer that a repair changed; `label` and the others are names of classes."""

    label: str
    said_before: str
    said_after: str
    before: ImageEntry
    after: ImageEntry


@record
class Repair:
    """A repair, and its proof if there is one.

    Parameters
    ----------
    folder, method, region : str
    verdict : str
        The proof's word; empty where it was not proved.
    headline, evidence, rule : str
    sentences : tuple of str
    measures : tuple of Measure
    maps : tuple of HeatMap
        Before and after, on one scale; none where they are not there.
    examples : tuple of Example
    detections, notes : tuple of str
    warnings : tuple of str
        Why it may not be the repair of this model, or what of it cannot be read; also in `Summary.limits`.
    how : str
        The command that proves it; empty where it is proved.
    of_study : bool
        Whether it is of this study's model, as far as is known.
    leaves : tuple of str
        What else was confirmed to drive the errors, and is not what was repaired.
    margin : float
    chosen : bool
        Whether the method was chosen of several.
    train : str
        The images that it learned from, as a command was given them; empty where that is not known.
    reused : str
        That earlier proofs used the images of its proof; empty where none did.
    nearly_used : int
    """

    folder: str
    method: str
    region: str
    verdict: str
    headline: str
    evidence: str
    rule: str
    sentences: tuple[str, ...]
    measures: tuple[Measure, ...]
    maps: tuple[HeatMap, ...] = ()
    examples: tuple[Example, ...] = ()
    detections: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    how: str = ""
    warnings: tuple[str, ...] = ()
    of_study: bool = True
    leaves: tuple[str, ...] = ()
    margin: float = NAN
    chosen: bool = False
    train: str = ""
    reused: str = ""
    nearly_used: int = 0


@record
class Summary:
    """All that a report says.

    Parameters
    ----------
    language : str
        Such as ``"en"``: that of all its sentences.
    title : str
    verdict : tuple of Claim
        Three: what is wrong, why, and what was done about it.
    examined : Examined
    class_names : tuple of (int, str)
        Number and name of each class that occurs here.
    confusion : Confusion or None
    measures : tuple of Measure
        Of the studied model: accuracy, then the recall of each class, the lowest first.
    atlas : tuple of HeatMap
        Right, wrong, and what wrong answers have more.
    atlas_notes : tuple of str
        What can be told apart, and what not.
    regions_image : ImageData or None
    region_outlines : tuple of RegionOutline
        Over that image.
    blame, concepts, causes, slices : Section
    groups : tuple of Group
    groups_note : str
    images : tuple of ImageEntry
    label_maps : tuple of ImageData
        Segments of images, at the size at which they are shown.
    featured : tuple of int
        Places in `images` of those that are shown without scripts.
    sampling : str
        Which images are shown, in words.
    failures : tuple of (str, str)
        Image and reason, the first ones.
    repair : Repair or None
    limits : tuple of str
        What is to be known before any of this is relied on.
    commands : tuple of str
        That repeat it.
    said : tuple of Said
        What a person says of what was found.
    concept_sheets : tuple of ConceptSheet
        What the concepts look like that were asked about.
    measures_note : str
        Which recalls are not listed; empty where all are.
    drawn : Section or None
        What blame says of the regions that a person drew in the studio; None in files of earlier versions.
    """

    language: str
    title: str
    verdict: tuple[Claim, ...]
    examined: Examined
    class_names: tuple[tuple[int, str], ...]
    confusion: Confusion | None
    measures: tuple[Measure, ...]
    atlas: tuple[HeatMap, ...]
    atlas_notes: tuple[str, ...]
    regions_image: ImageData | None
    region_outlines: tuple[RegionOutline, ...]
    blame: Section
    concepts: Section
    causes: Section
    slices: Section
    groups: tuple[Group, ...]
    groups_note: str
    images: tuple[ImageEntry, ...]
    label_maps: tuple[ImageData, ...]
    featured: tuple[int, ...]
    sampling: str
    failures: tuple[tuple[str, str], ...] = ()
    repair: Repair | None = None
    limits: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()
    concept_sheets: tuple[ConceptSheet, ...] = ()
    measures_note: str = ""
    drawn: Section | None = None

    @property
    def further_sections(self) -> tuple[tuple[Section, str], ...]:
        """All sections but blame's, and what each is called; of drawn regions only where blame was asked."""
        drawn = () if self.drawn is None or not self.drawn.asked else ((self.drawn, "drawn"),)
        return (
            *drawn,
            (self.concepts, "concepts"),
            (self.causes, "causes"),
            (self.slices, "slices"),
        )

    @property
    def causal_sections(self) -> tuple[Section, ...]:
        """What was asked about why the model errs."""
        drawn = () if self.drawn is None else (self.drawn,)
        return (self.blame, *drawn, self.concepts, self.causes)

    def said_of(self, of: str, known_by: str) -> Said | None:
        """What a person says of a group of that key, or of a region, concept or property of that name."""
        found = [one for one in self.said if one.of == of and known_by in (one.key, one.name)]
        return next((one for one in found if one.current), None)

    def class_name(self, number: int) -> str:
        """What a class is called."""
        return dict(self.class_names).get(number, str(number))

    def sheet_of(self, name: str) -> ConceptSheet | None:
        """What a concept looks like; None where that is not known."""
        return next((one for one in self.concept_sheets if one.name == name and one.examples), None)

    def outline_of(self, name: str) -> RegionOutline | None:
        """Where a region lies over the mean image; None where it has no fixed place."""
        return next((one for one in self.region_outlines if one.name == name and one.path), None)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it; null where a number is not known."""
        return {"layout": LAYOUT, **to_jsonable(self)}

    @classmethod
    def from_dict(cls, value: Any) -> "Summary":
        """What `to_dict` wrote.

        Raises
        ------
        FileError
            If it is something else.
        """
        if not isinstance(value, dict) or not isinstance(value.get("layout"), int):
            raise FileError("this is no report: it has no layout.", slug="report-file")
        if value["layout"] > LAYOUT:
            raise FileError(
                f"the report has layout {value['layout']}, but this sightline reads up to {LAYOUT}: upgrade "
                "sightline.",
                slug="file-layout",
            )
        try:
            made: Summary = from_jsonable(cls, value)
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise FileError(
                f"the report cannot be read: {error}. Write it anew, sightline report RUN -o report.json.",
                slug="report-file",
            ) from error
        return made
