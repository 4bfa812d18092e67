"""study → which property of whole images drives the wrong answers: exchanged, against as large a change."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._arguments import check_choice, clear_arguments
from sightline._checks import MOST_REPEATS, check_batch_size, check_number, check_seed, check_whole
from sightline._class_names import class_text, warn_if_permuted
from sightline._language import in_english
from sightline._progress import progress_bar
from sightline._scales import are_probabilities, log_odds, unscaled_scores, with_evidence, within_reach
from sightline._value_range import value_range
from sightline.engine.image import pixel_form
from sightline.engine.image_properties import (
    PROPERTIES,
    ImageProperty,
    UnitScale,
    UnitScales,
    exchange_property,
    measure_property,
    other_change,
)
from sightline.findings.cause_result import ImageCause, ImageCauses
from sightline.findings.error_links import FEWEST_IMAGES, column_values, link_errors
from sightline.findings.region_occlusion import model_answers
from sightline.findings.significance import (
    TELLING,
    bootstrap_ci,
    holm_adjusted,
    odds_ratio,
    sign_flip_test,
)
from sightline.study.metadata import FILE_COLUMNS, MetadataTable, file_columns, join_metadata, list_of_study
from sightline.study.provenance import as_studied_model
from sightline.study.sample_split import SampleSplit, split_answers
from sightline.study.schema import StudyResults, answers_digest
from sightline.study.study import as_study
from sightline.types import Model

RULES = (
    in_english("values"),
    in_english("least effect"),
    in_english("other change"),
    in_english("given"),
    in_english("turns by other change"),
)
"""What a property is held against to be confirmed: see `image_causes`."""
FEWEST = 10
"""Wrong answers called a class, and right answers of others, below which nothing is said of that class."""
MOST_CLASSES = 5
"""Classes that are looked at, those that most errors are called."""
SPREAD = 8
"""Values of a property that all images are tried with."""
MOST_HELD = 160
"""Images that are given one value of a confirmed property."""
APART = 50
"""How many times as large values of floats may be in some images before it is said."""
MOST_MEASURED = 2000
"""Images whose properties are measured: wrong answers first, right ones at random."""


@clear_arguments
def image_causes(
    study: StudyResults | str | PathLike[str],
    *,
    table: object = None,
    key: str | None = None,
    columns: Sequence[str] | None = None,
    properties: Sequence[str] | None = None,
    model: object = None,
    groups: Sequence[object] | Shaped[np.ndarray, "..."] | None = None,
    min_effect: float = 0.05,
    min_given: float = 0.2,
    level: float = 0.05,
    draws: int = 4,
    max_answers: int = 60,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> ImageCauses:
    """Causes of errors that no area shows: colour cast, brightness, contrast, detail, noise, frame, metadata.

    Hiding an area cannot take away what the whole image has. So properties are **exchanged**. For each class
    that ten or more errors are called, wrong answers called so get the value of right answers of other
    classes, several times, and the model is asked again. A property is confirmed if in these wrong answers

    1. its values differ from those of right answers of other classes (Kolmogorov & Smirnov); where not,
       exchanging them can do nothing, and the model is not asked;
    2. the exchange gives the true class at least a share `min_effect` of what it lacked;
    3. at least that beyond another change of the image that is as large: of a colour cast a cast in a random
       colour, else a smooth random field;
    4. images not called so that are given the value of these wrong answers gain towards that class a share
       `min_given` of what it lacks more than with the value of right answers of other classes;
    5. more of the wrong answers turn right than by the other change.

    All is tested by flipping signs, on log-odds where scores are probabilities; the largest p-value counts,
    adjusted by Holm's method for the number of properties and classes. Properties and classes stand before
    anything is looked at, so that all errors confirm. A model may go by a property and be right to, so what
    is confirmed is then held at one value in all images, right ones too: where surely more answers are right
    that way it *misleads*. Which value, one half of these images says for the other. A network that knows
    little else is not better without it, and misled all the same: so it misleads, too, where it surely tells
    little of its class, as the odds of an image of that class to have rather the value of those wrong answers
    than that of right answers of other classes are less than twice those of other images (the 95 % interval).

    What cannot be exchanged, a file's format and size or a column of a `table`, is tested for an association
    with errors within each label, and named as no more than that.

    Parameters
    ----------
    study : Study, or the path of its folder
    table : path, mapping of columns, data frame or sequence of dict, optional
        Metadata, a line for each image: CSV, TSV or Parquet. By default the further columns of the list that
        the study was made from.
    key : str, optional
        The table's column that names the images, by path, file name, or place in the data; by default the
        column that names most of them.
    columns : sequence of str, optional
        Columns to look at; by default all but those that name each image.
    properties : sequence of str, optional
        Properties to look at; by default all of ``"chromaticity"``, ``"brightness"``, ``"contrast"``,
        ``"detail"``, ``"noise"`` and ``"frame"``.
    model : anything `as_model` takes, optional
        By default the study's own.
    groups : "label" or sequence, optional
        As for `blame`.
    min_effect, min_given : float
        The least effects worth naming, as shares of what is lacked; 0 to 1.
    level : float
        Chance of confirming any property where none does so much; between 0 and 1.
    draws : int
        Values, and other changes, that each wrong answer gets.
    max_answers : int
        Most images of each kind that the model is asked about for each class.
    seed : int
    batch_size : int, optional
        Most images in one model call; never changes the numbers beyond rounding.
    progress : bool, optional
        Show a progress bar; by default on a terminal and in a notebook.

    Returns
    -------
    ImageCauses
        Prints as a table with a verdict.

    Raises
    ------
    OptionError
        If a number is out of range, there is no such property or column, or `groups` does not fit the study.
    FileError
        If the table cannot be read, or names none of the images.

    Examples
    --------
    >>> image_causes(sl.Study("runs/faces"))  # doctest: +SKIP
    """
    study = as_study(study)
    check_whole("draws", draws, most=MOST_REPEATS)
    check_whole("max_answers", max_answers, FEWEST)
    check_seed("seed", seed)
    check_batch_size(batch_size)
    for name, number in (("min_effect", min_effect), ("min_given", min_given)):
        check_number(name, number, at_least=0, below=1)
    check_number("level", level, above=0, below=1)
    chosen = [PROPERTIES[check_choice("properties", one, PROPERTIES)] for one in properties or PROPERTIES]
    warn_if_permuted(study.labels, study.predicted, study.class_names)
    rng = np.random.default_rng((seed, 11))
    split = split_answers(study, groups, rng, whole=True)
    head: dict[str, Any] = {"min_effect": min_effect, "min_given": min_given, "level": level}
    head |= {"errors": split.n_errors, "answers": answers_digest(study)}
    called = called_classes(split.labels, split.predicted)
    names = _class_names(study, split)
    of_one = split.groups if split.grouped else None
    joined, notes = metadata_columns(study, split.places, table, key, columns, groups=of_one)
    links = link_errors(joined, split.labels, split.predicted, called, names, level, rng)
    if not called:
        lack = in_english(
            "too few errors: {count}, and a class needs {fewest} that are called so",
            count=split.n_errors,
            fewest=FEWEST,
        )
        return ImageCauses((), links, images=0, calls=0, lack=lack, notes=notes, **head)
    asked = study.model if model is None else as_studied_model(model, study)
    some = _measured_places(split, rng)
    with progress_bar(progress, len(some), "measuring images") as tick:
        values, scales, told = _measure_all(study, split, some, chosen, tick)
    exchange = _Exchange(study, split, with_evidence(asked), scales, draws, max_answers, seed, batch_size)
    with progress_bar(progress, len(values) * len(called), "exchanging properties") as tick:
        tested = [
            exchange.tested(PROPERTIES[name], one, each, names[one], (min_effect, min_given, level), tick)
            for name, each in values.items()
            for one in called
        ]
    causes = _decided([one for one in tested if one is not None], level, exchange, values)
    return ImageCauses(
        causes,
        links,
        images=len(some),
        calls=exchange.calls,
        scale="log-odds" if exchange.likely else "probability",
        notes=notes + told,
        **head,
    )


def called_classes(labels: Int[np.ndarray, "N"], predicted: Int[np.ndarray, "N"]) -> list[int]:
    """Classes that enough errors are called, the most frequent first."""
    wrong = predicted[labels != predicted]
    counts = np.bincount(wrong) if wrong.size else np.zeros(0, int)
    order = np.argsort(-counts, kind="stable").tolist()
    return [one for one in order if counts[one] >= FEWEST][:MOST_CLASSES]


def _class_names(study: StudyResults, split: SampleSplit) -> list[str]:
    count = 1 + int(max(split.labels.max(initial=0), split.predicted.max(initial=0)))
    return [class_text(one, study.class_names) for one in range(max(count, len(study.class_names or ())))]


def metadata_columns(
    study: StudyResults,
    places: Int[np.ndarray, "N"],
    table: object,
    key: str | None,
    columns: Sequence[str] | None,
    fewest: int = FEWEST_IMAGES,
    groups: Int[np.ndarray, "N"] | None = None,
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Columns of a table, of the study's list, and of the files themselves, and what was guessed of them.

    Of columns that nobody asked for, those are left out that say what the labels, or `groups`, say.
    """
    found: dict[str, tuple[str, ...]] = {}
    told: list[str] = []
    given = list_of_study(study) if table is None else table
    told_of: dict[str, tuple[object, ...]] = file_columns(study, places)
    if given is not None:
        joined = join_metadata(study, places, MetadataTable.read(given), key, columns)
        told += joined.notes
        told_of |= joined.columns
    labels = dict(zip(np.asarray(study.places).tolist(), np.asarray(study.labels).tolist(), strict=True))
    own = {
        in_english("the label"): np.array([labels[place] for place in places.tolist()]),
        in_english("the groups"): groups,
    }
    for name, values in told_of.items():
        same = [what for what, one in own.items() if one is not None and _part_alike(values, one)]
        texts = column_values(values, fewest, asked=columns is not None)
        if same and columns is None:
            if name not in FILE_COLUMNS:
                told.append(
                    in_english(
                        "Column {name} says no more than {what}, and was left out.", name=name, what=same[0]
                    )
                )
        elif texts is not None:
            found[name] = texts
        elif name not in FILE_COLUMNS:
            told.append(
                in_english(
                    "Column {name} has another value for nearly every image, and was left out.", name=name
                )
            )
    return found, tuple(told)


def _part_alike(values: Sequence[object], parts: Int[np.ndarray, "N"]) -> bool:
    """Whether images with the same value, and only those, are of the same part."""
    pairs = set(zip(map(str, values), parts.tolist(), strict=True))
    return len(pairs) == len({value for value, _ in pairs}) == len({part for _, part in pairs}) > 1


def _measured_places(split: SampleSplit, rng: np.random.Generator) -> Int[np.ndarray, "n"]:
    """Rows of the split to measure: all wrong answers, as far as there is room, and right ones at random."""
    order = rng.permutation(len(split.places))
    order = order[np.argsort(~split.wrong[order], kind="stable")]
    wrong = int(min(split.n_errors, MOST_MEASURED // 2))
    right = order[split.n_errors :][: MOST_MEASURED - wrong]
    return np.sort(np.concatenate([order[:wrong], right]))


PropertyValues = dict[int, Float[np.ndarray, "D"]]
"""What each image has of a property, by its row in the split."""


def _measure_all(
    study: StudyResults,
    split: SampleSplit,
    rows: Int[np.ndarray, "n"],
    chosen: Sequence[ImageProperty],
    tick: Callable[[int], None],
) -> tuple[dict[str, PropertyValues], UnitScales, tuple[str, ...]]:
    """All properties that differ among the images, image by image, and what is to be told of their ranges."""
    measured: dict[str, PropertyValues] = {one.name: {} for one in chosen}
    ranges: dict[int, tuple[str, tuple[float, float]]] = {}

    def measure(row: int, image: Shaped[np.ndarray, "..."], scale: UnitScale) -> None:
        for one in chosen:
            if (value := measure_property(one, image, scale)) is not None:
                measured[one.name][row] = value

    def image_of(row: int) -> Shaped[np.ndarray, "..."]:
        return study.image(int(split.places[row]))

    for row in rows.tolist():
        image = image_of(row)
        ranges[row] = pixel_form(image)[0], value_range(image)
        measure(row, image, UnitScale(*ranges[row][1]))
        tick(1)
    scales = UnitScales.joined(ranges.values())
    for row, (kind, own) in ranges.items():
        if UnitScale(*own) != scales.of_kind[kind]:  # measured on a scale of its own
            measure(row, image_of(row), scales.of_kind[kind])
    return {name: each for name, each in measured.items() if _varies(each)}, scales, _range_notes(ranges)


def _range_notes(ranges: Mapping[int, tuple[str, tuple[float, float]]]) -> tuple[str, ...]:
    """What to say where floats of some images are many times as large as those of others."""
    whites = np.array([one[1] for kind, one in ranges.values() if kind == "float"])
    large = whites > APART * whites.min(initial=np.inf)
    if not large.any():
        return ()
    return (
        in_english(
            "Of {n:,} images, {many:,} have values up to {most:g} and {few:,} up to {least:g}: if that is no "
            "difference that the model is meant to see, bring them to one range first.",
            n=len(whites),
            many=int(large.sum()),
            most=whites.max(),
            few=int((~large).sum()),
            least=whites[~large].max(),
        ),
    )


def _varies(values: PropertyValues) -> bool:
    shapes = {value.shape for value in values.values()}
    return len(shapes) == 1 and bool(np.ptp(np.stack(list(values.values())), axis=0).max() > 1e-6)


@dataclasses.dataclass
class _Said:
    """Scores of some images, N times D: as they are told, and on the scale that is tested."""

    scores: Float[np.ndarray, "N D L"]
    odds: Float[np.ndarray, "N D L"]


@dataclasses.dataclass
class _Exchange:
    """The model, asked about images whose properties were exchanged."""

    study: StudyResults
    split: SampleSplit
    model: Model
    scales: UnitScales
    draws: int
    max_answers: int
    seed: int
    batch_size: int | None
    calls: int = 0
    likely: bool = False
    as_they_are: dict[int, tuple[Any, Any]] = dataclasses.field(default_factory=dict)

    def tested(
        self,
        which: ImageProperty,
        called: int,
        values: PropertyValues,
        called_name: str,
        least: tuple[float, float, float],
        tick: Callable[[int], None],
    ) -> tuple[ImageCause, tuple[float, ...]] | None:
        """What exchanging a property does to answers of a class, and the p-value of each rule."""
        min_effect, min_given, level = least
        rng = np.random.default_rng((self.seed, called, *which.name.encode()))
        known = np.array(sorted(values))
        wrong, said = self.split.wrong[known], self.split.predicted[known]
        mine, others = known[wrong & (said == called)], known[~wrong & (said != called)]
        if min(len(mine), len(others)) < FEWEST:
            return None
        p_values = _values_differ([values[one] for one in mine], [values[one] for one in others])
        made = ImageCause(
            name=which.name,
            called=called,
            called_name=called_name,
            wrong=len(mine),
            own=_median_value(values, mine),
            usual=_median_value(values, others),
            p=p_values,
            failed=("values",),
        )
        if p_values > level:
            tick(1)
            return made, (p_values,)
        mine = rng.permutation(mine)[: self.max_answers]
        taken = self._taken(which, mine, values, others, rng)
        targets = rng.permutation(known[said != called])[: self.max_answers]
        given = self._given(which, targets, values, (mine, others), rng)
        tick(1)
        return self._weighed(
            made, called, mine, targets, taken, given, p_values, (min_effect, min_given), rng
        )

    def _taken(
        self,
        which: ImageProperty,
        rows: Int[np.ndarray, "n"],
        values: PropertyValues,
        others: Int[np.ndarray, "m"],
        rng: np.random.Generator,
    ) -> dict[str, _Said]:
        """Images with values of other ones, and with other changes as large."""
        donors = rng.choice(others, (len(rows), self.draws))

        def images() -> Iterator[tuple[int, str, Any]]:
            for row, own in zip(rows.tolist(), donors.tolist(), strict=True):
                image = self._image(row)
                yield row, "full", image
                for donor in own:
                    changed = exchange_property(which, image, values[donor], self.scales.of(image), rng)
                    yield row, "taken", changed
                    yield row, "other", other_change(which, image, changed, self.scales.of(image), rng)

        return self._ask(images(), len(rows))

    def _given(
        self,
        which: ImageProperty,
        rows: Int[np.ndarray, "n"],
        values: PropertyValues,
        donors: tuple[Int[np.ndarray, "m"], Int[np.ndarray, "o"]],
        rng: np.random.Generator,
    ) -> dict[str, _Said]:
        """Images with values of wrong answers called so, and of right answers of other classes."""
        both = [rng.choice(one, len(rows)) for one in donors]

        def images() -> Iterator[tuple[int, str, Any]]:
            for row, own, other in zip(rows.tolist(), *(one.tolist() for one in both), strict=True):
                image = self._image(row)
                scale = self.scales.of(image)
                yield row, "full", image
                yield row, "taken", exchange_property(which, image, values[own], scale, rng)
                yield row, "other", exchange_property(which, image, values[other], scale, rng)

        return self._ask(images(), len(rows))

    def _image(self, row: int) -> Shaped[np.ndarray, "..."]:
        return self.study.image(int(self.split.places[row]))

    def _ask(self, images: Iterable[tuple[int, str, Any]], count: int) -> dict[str, _Said]:
        """What the model says, kind by kind; a batch at a time is in memory."""
        kinds: dict[str, list[Any]] = {}
        questions = ((row, (kind, 0), image) for row, kind, image in images)
        for _, (kind, _), (said,) in model_answers(questions, (self.model,), self.batch_size):
            kinds.setdefault(kind, []).append(said)
            self.calls += 1
        told = {kind: np.array(said).reshape(count, -1, len(said[0])) for kind, said in kinds.items()}
        every = np.concatenate([said.reshape(-1, said.shape[-1]) for said in told.values()])
        in_odds = getattr(self.model, "scale", "probability") == "log-odds"
        self.likely = in_odds or are_probabilities(every)
        if not self.likely:
            return {kind: _Said(said, said) for kind, said in told.items()}
        odds = within_reach((every if in_odds else log_odds(every)).reshape(-1, 1)).reshape(every.shape)
        made, start = {}, 0
        for kind, said in told.items():
            part = odds[start : start + said.shape[0] * said.shape[1]].reshape(said.shape)
            made[kind] = _Said(unscaled_scores(said) if in_odds else said, part)
            start += part.shape[0] * part.shape[1]
        return made

    def _weighed(
        self,
        made: ImageCause,
        called: int,
        mine: Int[np.ndarray, "n"],
        targets: Int[np.ndarray, "m"],
        taken: Mapping[str, _Said],
        given: Mapping[str, _Said],
        p_values: float,
        least: tuple[float, float],
        rng: np.random.Generator,
    ) -> tuple[ImageCause, tuple[float, ...]]:
        """The numbers of a property, and the p-value of each rule."""
        groups = self.split.groups
        labels, predicted = self.split.labels[mine], self.split.predicted[mine]
        score, odds = (_gains(taken, labels, predicted, scale) for scale in ("scores", "odds"))
        toward, odds_toward = (
            _gains(given, np.full(len(targets), called), self.split.predicted[targets], scale)
            for scale in ("scores", "odds")
        )
        right = {kind: _right_share(taken[kind], labels) for kind in ("taken", "other")}
        held = (
            (odds.taken - least[0] * odds.lacked, groups[mine]),
            (odds.taken - odds.other - least[0] * odds.lacked, groups[mine]),
            (odds_toward.taken - odds_toward.other - least[1] * odds_toward.lacked, groups[targets]),
            (right["taken"] - right["other"], groups[mine]),
        )
        p = (p_values, *(sign_flip_test(each, which, rng) for each, which in held))
        low, high = bootstrap_ci(score.taken, groups[mine], rng)
        weighed = dataclasses.replace(
            made,
            wrong=len(mine),
            lacked=float(score.lacked.mean()),
            gain=float(score.taken.mean()),
            low=low,
            high=high,
            control_gain=float(score.other.mean()),
            given=float(toward.taken.mean()),
            given_other=float(toward.other.mean()),
            odds_lacked=float(odds.lacked.mean()),
            odds_gain=float(odds.taken.mean()),
            odds_control_gain=float(odds.other.mean()),
            odds_given=float(odds_toward.taken.mean()),
            odds_given_other=float(odds_toward.other.mean()),
            corrected=float(right["taken"].sum()),
            control_corrected=float(right["other"].sum()),
        )
        return weighed, p

    def held_at_one_value(self, which: ImageProperty, values: PropertyValues) -> tuple[float, float, float]:
        """Share of right answers as images are and with one value of a property for all, and p that it rose.

        Which of several values that is, one half of the images says for the other. So a property that tells
        the class counts for what it is worth, and one that misleads for what it costs.
        """
        rng = np.random.default_rng((self.seed, *which.name.encode(), 1))
        donors = _spread_rows(values)
        rows = rng.permutation(len(self.split.places))[:MOST_HELD]

        def images() -> Iterator[tuple[int, str, Any]]:
            for row in rows.tolist():
                image = self._image(row)
                yield row, "full", image
                for donor in donors:
                    yield (
                        row,
                        "held",
                        exchange_property(which, image, values[donor], self.scales.of(image), rng),
                    )

        said, labels = self._ask(images(), len(rows)), self.split.labels[rows]
        was = _right_share(said["full"], labels)
        right = said["held"].scores.argmax(axis=2) == labels[:, np.newaxis]
        halves = np.arange(len(rows)) % 2
        best = [int(right[halves != half].mean(axis=0).argmax()) for half in (0, 1)]
        held = right[np.arange(len(rows)), np.array(best)[halves]].astype(np.float64)
        p = sign_flip_test(held - was, self.split.groups[rows], rng)
        return float(was.mean()), float(held.mean()), p

    def class_shares(self, one: ImageCause, values: PropertyValues) -> dict[str, Any]:
        """How many images of the class, and of others, have rather the value of its wrong answers.

        Rather than that of right answers of other classes: those nearer to the one median than to the other.
        """
        rows = self._rows_in_proportion(np.array(sorted(values)))
        each = np.array([values[row] for row in rows.tolist()])
        spread = np.maximum(each.std(axis=0), 1e-12)
        usual, apart = np.array(one.usual), (np.array(one.own) - np.array(one.usual)) / spread
        if not apart.any():  # they differ, but not in the middle: neither value can be told from the other
            return {}
        has = ((each - usual) / spread) @ apart > 0.5 * apart @ apart
        inside, outside = (
            has[of_class]
            for of_class in (self.split.labels[rows] == one.called, self.split.labels[rows] != one.called)
        )
        return {
            "class_share": float(inside.mean()) if len(inside) else np.nan,
            "others_share": float(outside.mean()) if len(outside) else np.nan,
            "class_odds": odds_ratio(inside, outside),
        }

    def _rows_in_proportion(self, known: Int[np.ndarray, "n"]) -> Int[np.ndarray, "m"]:
        """Of the measured images as many wrong and right answers as go together, for more wrong ones were."""
        rng = np.random.default_rng((self.seed, 2))
        kinds = [known[self.split.wrong[known] == wrong] for wrong in (False, True)]
        totals = [max(int((self.split.wrong == wrong).sum()), 1) for wrong in (False, True)]
        share = min(len(kind) / total for kind, total in zip(kinds, totals, strict=True))
        counts = [round(share * total) for total in totals]
        return np.sort(
            np.concatenate([rng.permutation(one)[:most] for one, most in zip(kinds, counts, strict=True)])
        )


def _spread_rows(values: PropertyValues) -> list[int]:
    """Images whose values lie evenly spread over all, along the direction in which they differ most."""
    rows = sorted(values)
    each = np.array([values[row] for row in rows])
    each = (each - each.mean(axis=0)) / np.maximum(each.std(axis=0), 1e-12)
    order = np.argsort(each @ np.linalg.svd(each, full_matrices=False)[2][0], kind="stable")
    return [rows[one] for one in order[((np.arange(SPREAD) + 0.5) * len(rows) / SPREAD).astype(int)]]


@dataclasses.dataclass
class _Gains:
    """What a class lacked in each image, and what it gains by the exchange and by another change."""

    lacked: Float[np.ndarray, "n"]
    taken: Float[np.ndarray, "n"]
    other: Float[np.ndarray, "n"]


def _gains(
    said: Mapping[str, _Said], classes: Int[np.ndarray, "n"], predicted: Int[np.ndarray, "n"], scale: str
) -> _Gains:
    rows = np.arange(len(classes))
    full = getattr(said["full"], scale)[:, 0]
    own = full[rows, classes]
    taken, other = (
        getattr(said[kind], scale)[rows, :, classes].mean(axis=1) - own for kind in ("taken", "other")
    )
    return _Gains(full[rows, predicted] - own, taken, other)


def _right_share(said: _Said, labels: Int[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    right: Bool[np.ndarray, "n D"] = said.scores.argmax(axis=2) == labels[:, np.newaxis]
    return np.asarray(right.mean(axis=1))


def _values_differ(mine: Sequence[Any], others: Sequence[Any]) -> float:
    """How likely values so far apart are by chance: of several numbers, the least p times their number."""
    from scipy.stats import ks_2samp

    pairs = [
        (one, other)
        for one, other in zip(np.array(mine).T, np.array(others).T, strict=True)
        if max(np.ptp(one), np.ptp(other), abs(one[0] - other[0])) > 0
    ]
    ps = [float(ks_2samp(one, other).pvalue) for one, other in pairs]
    return min(1.0, min(ps, default=1.0) * max(len(ps), 1))


def _median_value(values: PropertyValues, rows: Int[np.ndarray, "n"]) -> tuple[float, ...]:
    return tuple(np.median([values[one] for one in rows.tolist()], axis=0).tolist())


def _decided(
    tested: Sequence[tuple[ImageCause, tuple[float, ...]]],
    level: float,
    exchange: _Exchange,
    values: Mapping[str, PropertyValues],
) -> tuple[ImageCause, ...]:
    """Each with its adjusted p-value and what it is not surely beyond; confirmed ones first."""
    # All rules have to hold, so the largest p counts and needs no adjusting (Berger 1982).
    largest = [max(p) for _, p in tested]
    made, worth = [], dict[str, tuple[float, float, float]]()
    for adjusted, (one, p), most in zip(holm_adjusted(largest), tested, largest, strict=True):
        failed = tuple(
            rule for rule, own in zip(RULES, p, strict=False) if own * adjusted / max(most, 1e-12) > level
        )
        done = dataclasses.replace(one, p=adjusted, failed=failed, confirmed=adjusted <= level)
        if done.confirmed:
            if done.name not in worth:
                worth[done.name] = exchange.held_at_one_value(PROPERTIES[done.name], values[done.name])
            was, held, p_held = worth[done.name]
            done = dataclasses.replace(
                done,
                right=was,
                right_held=held,
                held_p=p_held,
                **exchange.class_shares(done, values[done.name]),
            )
            better = held > was and p_held <= level
            done = dataclasses.replace(done, misleads=better or done.class_odds[1] < TELLING)
        made.append(done)
    return tuple(sorted(made, key=lambda one: (not one.confirmed, one.p, -np.nan_to_num(one.odds_gain))))
