"""what an audit was asked → what is found out before anything is explained, and the choices that follow."""

import itertools
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sightline._digests import combined_digest, image_digest
from sightline._files import is_a_file
from sightline._language import in_english
from sightline._trust import without_secrets
from sightline._value_range import value_range
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.one_label import LabelView
from sightline.adapters.open_model import PICKLES, TORCH, split_model_text
from sightline.adapters.preprocess import Normalized
from sightline.auditing.audit_choices import (
    TABLE_CONTENTS,
    TRAIN_CONTENTS,
    AuditChoices,
    AuditRecord,
    given_texts,
)
from sightline.auditing.discovery import (
    RANGE_OPTIONS,
    Discovery,
    SampledImages,
    ValueRange,
    columns_of_data,
    find_fill,
    find_form,
    find_order,
    find_range,
    range_text,
    sample_images,
    seconds_per_image,
)
from sightline.data import ImageFormat
from sightline.data.data_spec import LIST
from sightline.data.holdout import HoldoutRule
from sightline.engine.image_alignment import measure_alignment
from sightline.engine.plan import parse_option
from sightline.errors import FileError, OptionError, SightlineError
from sightline.regions.region_set import Regions, polygons
from sightline.regions.templates import named
from sightline.reports.commands import audit_command
from sightline.study.metadata import MetadataTable
from sightline.study.provenance import open_both, resolve_images
from sightline.types import did_you_mean

HELD_OUT = 0.3
"""Share of the images that is set aside for a proof."""
FEWEST = 60
"""Images below which none is set aside."""
GRID_ALIGNED, SEGMENTS = "grid:rows=6,columns=6", "slic"
"""Segments of aligned images, which have the same place in all of them, and of others."""
LEAST_CALLS, MOST_CALLS = 96, 200
"""Model calls for an image."""
STUDY_SHARE, BLAME_SHARE, PROOF_SHARE = 0.35, 0.3, 0.2
"""Of the time: what explaining, blame and the proof may take."""
BLAME_CALLS, PROOF_CALLS = 40, 24
"""Calls for an answer that is blamed, and for an image that is proved on, about."""
WINDOWS = {
    4: (("top", "upper", "lower", "bottom"), ("left", "mid-left", "mid-right", "right")),
    3: (("top", "middle", "bottom"), ("left", "middle", "right")),
}
"""What rows and columns of two grids are called: what lies across a border of one is whole in the other."""
DIGESTED = 500
"""Training images of whose contents it is noticed whether they change, spread over all."""
RUN_WHEN_READ = (*PICKLES, *TORCH, ".h5", ".hdf5")
"""Files whose reading may run what they hold."""


class AuditRequest(NamedTuple):
    """What an audit was asked: the arguments of `audit`."""

    model: Any
    data: Any
    train: Any
    form: ImageFormat
    preprocess: Any
    output: str | None
    class_names: Any
    view: LabelView
    fill: str | None
    aligned: bool | None
    regions: str | Regions | None
    held_out: float | None
    table: Any
    key: str | None
    groups: str | None
    minutes: float
    seed: int
    lang: str | None
    trust: bool
    values_told: bool
    shortcut: str | None = None

    @property
    def opening(self) -> tuple[Any, ...]:
        """As `sightline.study.provenance.open_both` takes it."""
        return self.class_names, self.preprocess, self.trust, self.output

    @property
    def texts(self) -> dict[str, str]:
        """By which an audit is known again."""
        return given_texts(
            model=self.model,
            data=self.data,
            train=self.train,
            size=self.form.size,
            mode=None if self.form.mode == "asis" else self.form.mode,
            values=self.form.values if self.values_told else None,
            preprocess=self.preprocess,
            output=self.output,
            class_names=_names_text(self.class_names),
            label=self.view.label,
            threshold=None if self.view.threshold == 0.5 else self.view.threshold,
            fill=self.fill,
            aligned=self.aligned,
            regions=self.regions,
            held_out=self.held_out,
            table=self.table,
            key=self.key,
            groups=self.groups,
            seed=self.seed,
        )


def _names_text(names: Any) -> str | None:
    """Class names as they were given, a mapping's numbers with them."""
    if names is None:
        return None
    return str(dict(names)) if isinstance(names, Mapping) else str(tuple(names))


def _training_digest(asked: AuditRequest) -> str:
    """By which training images are known again: which there are, of what class, and what many of them show.

    Empty where there are none, or they cannot be read: that is told where they are used.
    """
    if asked.train is None:
        return ""
    try:
        source = resolve_images(asked.train, None, label=asked.view.label).source
        parts = [source.fingerprint()]  # of images in memory, all that is in them
        for place in np.unique(np.linspace(0, len(source) - 1, DIGESTED).astype(int)).tolist():
            parts.append(image_digest(source[place][0]))
    except SightlineError:
        return ""
    return combined_digest(parts)


def contents_given(asked: AuditRequest) -> dict[str, str]:
    """By which what paths name is known again; of data and model the study knows it."""
    return {TRAIN_CONTENTS: _training_digest(asked), TABLE_CONTENTS: _table_digest(asked.table)}


def _table_digest(table: object) -> str:
    """By which a table is known again, of a file or from memory; empty where there is none."""
    if table is None:
        return ""
    try:
        columns = MetadataTable.read(table).columns
    except SightlineError:  # said where it is used
        return ""
    return combined_digest([f"{name}\n{list(values)!r}\n" for name, values in columns.items()])


def command_to_repeat(asked: AuditRequest, out: Path) -> str:
    """What to type to do it again, or to go on; empty where it was asked from Python, with values of its own.

    Examples
    --------
    >>> told = {"model": "m.onnx", "data": "my images", "aligned": False, "minutes": 20.0, "seed": 0}
    >>> told |= {"form": ImageFormat(), "view": LabelView(None, 0.5), "trust": False, "values_told": False}
    >>> asked = AuditRequest(**{**dict.fromkeys(AuditRequest._fields), **told})
    >>> command_to_repeat(asked, Path("audit"))
    "sightline audit m.onnx 'my images' --not-aligned --minutes 20 -o audit"
    """
    given = (asked.model, asked.data, asked.train, asked.table, asked.regions, asked.preprocess, asked.output)
    if not all(one is None or isinstance(one, str | PathLike) for one in given):
        return ""
    more = {"minutes": f"{asked.minutes:g}", "lang": asked.lang or "", "shortcut": asked.shortcut or ""}
    return audit_command(asked.texts | more, out, trust=asked.trust)


def refuse_untrusted(model: object, preprocess: object, *, trust: bool) -> None:
    """Refuse texts that would run code of a file: an audit is for those who did not write the model.

    Raises
    ------
    FileError
        One error for all of them, before anything is opened.
    """
    found = []
    model, preprocess = (str(one) if isinstance(one, PathLike) else one for one in (model, preprocess))
    if isinstance(model, str):
        own, given = split_model_text(model)
        if Path(own).suffix.lower() in RUN_WHEN_READ:
            found.append(f"reading {without_secrets(own)!r} runs what is stored in it")
        elif ":" in own and "://" not in own and not is_a_file(own):
            found.append(f"{without_secrets(own)!r} is code, which is run")
        preprocess = given.get("preprocess", preprocess)
    if isinstance(preprocess, str):
        found.append(f"{preprocess!r} is code, which is run on the images")
    if found and not trust:
        raise FileError(
            f"to open this model is to run code out of files: {'; '.join(found)}. A file may be anyone's, so "
            "nothing was opened yet. If you know where it comes from, say so: trust=True (--trust).",
            slug="audit-trust",
        )


def find_out(asked: AuditRequest) -> AuditRecord:
    """Open data and model, and try what nobody has to be asked."""
    data, opened = open_both(asked.data, asked.model, None, None, asked.opening, asked.view)
    by_text = isinstance(asked.data, str | PathLike)
    _check_given(asked)
    share, few = _share_held_out(asked, len(data.source))
    studied = HoldoutRule(share, asked.seed).select(len(data.source)) if share else None
    sample = sample_images(data.source, among=studied)
    learned, known, is_learned = sample, data.source, asked.train is not None
    if asked.train is not None:  # of these the model knows more, in the range that it learned them in
        names = opened.model.column_names
        known = resolve_images(asked.train, None, label=opened.model.view.label, columns=names).source
        learned = sample_images(known)
    pairs = zip(learned.images, sample.images, strict=False)  # one form for both kinds
    both = SampledImages(tuple(itertools.chain.from_iterable(pairs)), learned.labels)
    form, found = find_form(opened.model, both, asked.form, resized=by_text)
    sample, learned = sample.shaped(form), learned.shaped(form)
    columns = columns_of_data(opened.model, known, learned)
    values: ValueRange | None = None
    text = str(asked.model) if isinstance(asked.model, str | PathLike) else ""
    told = asked.values_told or asked.preprocess is not None or bool(split_model_text(text)[1])
    model = opened.model
    if not told and model.preprocess is None:
        alike = _highest_value(learned) == _highest_value(sample)
        if is_learned and not alike:
            found.append(_other_range(learned, sample))
        else:
            values, more = find_range(model, learned, columns, learned=is_learned)
            found += more
        model = _in_range(model, values)
    names, more = find_order(model, learned, columns, known.class_names, learned=is_learned)
    if names is None and model.column_names is None and known.class_names != data.source.class_names:
        names = known.class_names  # of fewer classes the places would be others
        more = [*more, *([] if names is None else [_train_order(names)])]
    found += more
    choices, more = _decide_rest(asked, model, sample, len(data.source), form, values, names)
    found += more
    doubts = [in_english("Taken for granted: {guess}.", guess=one.doubt) for one in found if one.doubt]
    return AuditRecord(asked.texts, choices, tuple(found), notes=(*doubts, *few))


def _check_given(asked: AuditRequest) -> None:
    """Refuse what was mistyped before anything takes minutes, or is kept.

    Raises
    ------
    OptionError, FileError
        If there are no such regions, fill or table, or the table has no such columns.
    """
    if asked.regions is not None:
        named(asked.regions)
    if asked.fill is not None:
        parse_option("fill", asked.fill)
    given = asked.table
    if given is None and isinstance(asked.data, str | PathLike):
        found = LIST.fullmatch(str(asked.data))
        given = found[1] if found is not None and is_a_file(found[1]) else None
    groups = None if asked.groups == "label" else asked.groups
    if given is None:
        if groups is not None or asked.key is not None:
            option, value = ("groups", groups) if groups is not None else ("key", asked.key)
            raise OptionError(
                f"{option}={value!r} (--{option}) is a column of a table, and there is none: give table= "
                "(--table FILE), or images as a list with further columns.",
                slug="table-missing",
            )
        return
    columns = list(MetadataTable.read(given).columns)
    for option, value in (("groups", groups), ("key", asked.key)):
        if value is not None and value not in columns:
            raise OptionError(
                f"{option}={value!r} (--{option}) is no column of the table. {did_you_mean(value, columns)}",
                slug="table-column",
            )


def _highest_value(sample: SampledImages) -> float:
    """What white is in the images' numbers."""
    return max(value_range(image)[1] for image in sample.images)


def _other_range(learned: SampledImages, sample: SampledImages) -> Discovery:
    """The range that images are left in, where those to learn from have another one."""
    white, theirs = _highest_value(sample), _highest_value(learned)
    reason = in_english(
        "white is {white:g} in the images, and {theirs:g} in the training images", white=white, theirs=theirs
    )
    doubt = in_english(
        "the images' values are taken as they are, though {reason}: bring them to one range, or say which "
        "one the model learned ({option})",
        reason=reason,
        option=RANGE_OPTIONS,
    )
    kept = in_english("as the files have it")
    return Discovery(in_english("range of values"), kept, reason, RANGE_OPTIONS, doubt)


def _train_order(names: tuple[str, ...]) -> Discovery:
    listed = ", ".join(names[:8])
    reason = in_english("as the training images have them")
    doubt = in_english(
        "the classes are in the order of the training images, {listed} (--names overrules)", listed=listed
    )
    return Discovery(in_english("order of classes"), listed, reason, "--names", doubt)


def _decide_rest(
    asked: AuditRequest,
    model: CheckedModel,
    sample: SampledImages,
    count: int,
    form: ImageFormat,
    values: ValueRange | None,
    names: tuple[str, ...] | None,
) -> tuple[AuditChoices, list[Discovery]]:
    """What remains to be chosen: alignment, regions, hiding, how much is held out and asked."""
    seen = measure_alignment(sample.images, asked.seed)
    aligned = seen.aligned if asked.aligned is None else asked.aligned
    word = (
        in_english("aligned: the same place shows the same thing") if aligned else in_english("not aligned")
    )
    found = (
        []
        if asked.aligned is not None
        else [Discovery(in_english("images"), word, str(seen), "--aligned / --not-aligned")]
    )
    segment = GRID_ALIGNED if aligned else SEGMENTS
    fill = asked.fill
    if fill is None:
        fill, more = find_fill(model, sample, parse_option("segment", segment))
        found += more
    if asked.regions is None:
        first = (
            in_english("places of two grids, then areas made of the errors, then concepts")
            if aligned
            else in_english("concepts, then places of two grids")
        )
        reason = in_english("no template is guessed")
        found.append(Discovery(in_english("regions"), first, reason, "--regions"))
    share, _ = _share_held_out(asked, count)
    seconds = seconds_per_image(model, sample)
    total = asked.minutes * 60 / seconds
    studied = _studied(count, share, asked.seed)
    most = max(FEWEST, int(STUDY_SHARE * total / LEAST_CALLS))
    if studied > most and asked.held_out is None:
        share = 1 - most / count
        studied = _studied(count, share, asked.seed)
    budget = int(np.clip(STUDY_SHARE * total / max(studied, 1), LEAST_CALLS, MOST_CALLS))
    answers = int(np.clip(BLAME_SHARE * total / BLAME_CALLS, 60, 500))
    proved = int(np.clip(PROOF_SHARE * total / PROOF_CALLS, 100, 1000))
    found.append(_held_out_discovery(count, studied, share))
    calls = studied * budget + min(answers, studied) * BLAME_CALLS
    expected = max(1, round(calls * seconds / 60))
    reason = in_english("{ms:.3g} ms a call; for these and blame about {n} min", ms=seconds * 1e3, n=expected)
    each = in_english("{budget} for each of {studied:,} images", budget=budget, studied=studied)
    found.append(Discovery(in_english("model calls"), each, reason, "--minutes"))
    choices = AuditChoices(
        size=form.size,
        mode=form.mode,
        values=form.values,
        mean=() if values is None else values.mean,
        std=() if values is None else values.std,
        class_names=tuple(names) if names is not None and asked.class_names is None else (),
        segment=segment,
        fill=fill,
        budget=budget,
        held_out=share,
        aligned=aligned,
        regions=asked.regions if isinstance(asked.regions, str) else "",
        proved=proved,
        answers=answers,
    )
    return choices, found


def _share_held_out(asked: AuditRequest, count: int) -> tuple[float, list[str]]:
    if asked.held_out is not None:
        return asked.held_out, []
    if count < FEWEST:
        note = in_english(
            "There are only {count} images: too few to set some aside, so nothing can be proved, and what is "
            "found here are hints at most. With some hundred images claims can be made.",
            count=count,
        )
        return 0.0, [note]
    return HELD_OUT, []


def usual_regions() -> Regions:
    """Places of images of which nobody says what they show: those of two grids, one over the other."""
    drawn = {}
    for count, (rows, columns) in WINDOWS.items():
        for row, column in itertools.product(range(count), repeat=2):
            top, left, lower, right = (one / count for one in (row, column, row + 1, column + 1))
            place = " ".join(dict.fromkeys((rows[row], columns[column])))
            drawn[f"{place} of {count}x{count}"] = [(top, left), (top, right), (lower, right), (lower, left)]
    return polygons(drawn)


def _studied(count: int, share: float, seed: int) -> int:
    """How many images are explained."""
    return len(HoldoutRule(share, seed).select(count)) if share else count


def _held_out_discovery(count: int, studied: int, share: float) -> Discovery:
    kept = count - studied
    found = (
        in_english("{kept:,} of {count:,} images, never touched before the proof", kept=kept, count=count)
        if share
        else in_english("none at all")
    )
    reason = (
        in_english("about {share:.0%} asked for; each image is drawn by lot, once, at the start", share=share)
        if share
        else in_english("decided once, at the start")
    )
    return Discovery(in_english("held out"), found, reason, "--held-out")


def _in_range(model: CheckedModel, values: ValueRange | None) -> CheckedModel:
    """The model, given images in a range of values."""
    if values is None:
        return model
    mean, std = (one[0] if len(set(one)) == 1 else one for one in (values.mean, values.std))
    return as_model(model, preprocess=Normalized(mean=mean, std=std))


def model_of_choices(asked: AuditRequest, choices: AuditChoices) -> Any:
    """What a study is given as its model: the text with the range of values that was chosen, or the model."""
    if not choices.mean:
        return asked.model
    values = ValueRange(choices.mean, choices.std)
    if isinstance(asked.model, str | PathLike):
        return range_text(str(asked.model), values)
    return _in_range(as_model(asked.model), values)
