"""model, region and images → the method that repairs the model best, chosen on validation images."""

import time
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sightline._arguments import clear_arguments, describe_value
from sightline._checks import check_number, check_seed
from sightline._digests import image_digest
from sightline._language import in_english, translate_kept
from sightline._language import translate as tr
from sightline._notebook_html import result_html
from sightline._progress_file import progress_step
from sightline._spec import from_spec
from sightline._tables import format_table
from sightline.adapters.checked_model import CheckedModel
from sightline.errors import FileError, OptionError, SightlineError
from sightline.regions.margins import DEFAULT_MARGIN
from sightline.regions.region_set import Regions
from sightline.repair.counterexamples import Counterexamples
from sightline.repair.detections import detection_notes
from sightline.repair.guard import Guard
from sightline.repair.kept_trials import KeptTrials
from sightline.repair.last_layer import LastLayer
from sightline.repair.method import RepairResult, describe_method, limited_time
from sightline.repair.region_swap import RegionSwapped, swap_of
from sightline.repair.repair_region import RepairProperty, RepairRegion, resolve_region
from sightline.repair.right_reasons import RightReasons
from sightline.repair.training.fine_tune import FitFunction, network_trainer, refit_model, trainer_of
from sightline.repair.training.sklearn import sklearn_estimator
from sightline.repair.training.trainer import TrainingConfig, TrainingRun
from sightline.repair.training_data import (
    ExplainedImages,
    TrainingData,
    as_subset,
    is_guessing,
    macro_recall,
    predict_scores,
    recall_of_scores,
    split_training_data,
)
from sightline.study.provenance import as_studied_model
from sightline.study.schema import StudyResults
from sightline.types import record

METHODS = {
    "counterexamples": Counterexamples,
    "right-reasons": RightReasons,
    "last-layer": LastLayer,
    "guard": Guard,
}
"""Every repair method by the name that the command knows it by."""
BY_COST = (Guard, LastLayer, Counterexamples, RightReasons)
"""Methods, those that fit least first."""
OF_EACH_IMAGE = ("plant", "surroundings")
"""What is tried in place of regions that each image has its own of."""
N_DONORS = 3
"""Donors that each validation image's region is swapped with."""
MIN_GAIN = 0.02
"""How much more mean recall a method has to gain than it costs, to be worth a change."""
SEEN = 0.01
"""How near a model's recall on images is to that of one that has learned from them, if it has too."""
ENOUGH = 20
"""Images of a study from which on a repair is chosen by them."""
MOST_IMAGES = 1000
"""Images of a study that a repair is chosen by at most, drawn at random."""


@record
class Trial:
    """How one method did on the validation images.

    Parameters
    ----------
    method : str
        As it prints; ``"as it is"`` for the model that was given.
    same_class, other_class : float
        Mean of the classes' recalls where the region's content is another image's of the same class,
        and of another class: 0 to 1. NaN where the method failed.
    unchanged : float
        The same for the images as they are.
    seconds : float
    failed : str
        Why it could not be tried; empty if it was.
    guessing : bool
        Whether its answers are no better than guesses, on images as they are or with swapped content.
    """

    method: str
    same_class: float
    other_class: float
    unchanged: float
    seconds: float
    failed: str = ""
    guessing: bool = False

    @property
    def score(self) -> float:
        """What methods are compared by: the lower of `same_class` and `other_class`."""
        return float(np.minimum(self.same_class, self.other_class))


@record
class Choice:
    """The best of several methods to repair a model.

    Parameters
    ----------
    trials : tuple of Trial
        The model as it is first, then the methods in the order they were tried.
    images : int
        Validation images that they were compared on.
    results : tuple of RepairResult or None
        What each method made of the model, in the order of the trials; None for the model as it is, and where
        a method failed.
    unseen : Trial or None
        The model as it is, fitted anew without the validation images: what methods are held against where
        the model that was given has learned from these.
    notes : tuple of str
        What is to be known first: what blame found of the region, and whether the model may have seen the
        validation images.
    """

    trials: tuple[Trial, ...]
    images: int
    results: tuple[RepairResult | None, ...]
    unseen: Trial | None = None
    notes: tuple[str, ...] = ()

    @property
    def base(self) -> Trial:
        """What methods are held against: the model as it is, on images that are new to it if possible."""
        return self.unseen or self.trials[0]

    def cost(self, trial: Trial) -> float:
        """Mean recall that a method loses on images as they are."""
        return max(0.0, self.base.unchanged - trial.unchanged)

    def gain(self, trial: Trial) -> float:
        """Mean recall that a method gains on swapped content, less what it costs; −1 where it failed."""
        return -1.0 if np.isnan(trial.score) else trial.score - self.base.score - self.cost(trial)

    @property
    def best(self) -> int | None:
        """Which trial is chosen; None where leaving the model as it is is better than any."""
        fit = [one for one, trial in enumerate(self.trials) if one and not (trial.guessing or trial.failed)]
        best = max(fit, key=lambda one: self.gain(self.trials[one]), default=0)
        return best if best and self.gain(self.trials[best]) >= MIN_GAIN else None

    @property
    def result(self) -> RepairResult | None:
        """The best repair; None if no method does better than the model as it is, or than guesses."""
        return None if self.best is None else self.results[self.best]

    def __repr__(self) -> str:
        notes = map(translate_kept, self.notes)
        return "\n".join([*notes, self.heading, *format_table(self.table), *self._failures(), self.verdict])

    def _repr_html_(self) -> str:
        said = [*map(translate_kept, self.notes), *self._failures(), self.verdict]
        return result_html(self.heading, sentences=said, tables=[self.table])

    @property
    def heading(self) -> str:
        """What the table is of."""
        return tr(
            "Mean recall of {n:,} validation images, the region's content swapped with one of its own "
            "class, with one of another class, and as they are",
            n=self.images,
        )

    @property
    def table(self) -> list[tuple[str, ...]]:
        """A line for each method below the heads."""
        titles = (tr("method"), tr("same class"), tr("other class"), tr("as they are"), tr("seconds"))
        first, *others = self.trials
        shown = [first, *([] if self.unseen is None else [self.unseen]), *others]
        return [titles, *map(self._table_row, shown)]

    def _failures(self) -> list[str]:
        """Which methods could not be tried, or do no better than guesses."""
        failed = [
            tr("{method} could not be tried: {why}", method=trial.method, why=translate_kept(trial.failed))
            for trial in self.trials[1:]
            if trial.failed
        ]
        return failed + [
            tr("{method} is no better than guessing.", method=trial.method)
            for trial in self.trials[1:]
            if trial.guessing
        ]

    @property
    def verdict(self) -> str:
        """What was chosen, in words."""
        if self.best is None:
            return tr(
                "Nothing chosen: no method does better than the model as it is by {least:.2f} on swapped "
                "content, less what it costs on images as they are. Leave it as it is.",
                least=MIN_GAIN,
            )
        best = self.trials[self.best]
        cost = self.cost(best)
        return tr(
            "Chosen: {best.method}, which has {best.score:.2f} on the harder of the two swaps, where the "
            "model as it is has {base:.2f}{cost}.",
            best=best,
            base=self.base.score,
            cost=tr(", and costs {cost:.2f} on images as they are", cost=cost) if cost else "",
        )

    def _table_row(self, trial: Trial) -> tuple[str, ...]:
        chosen = self.best is not None and trial is self.trials[self.best]
        numbers = (trial.same_class, trial.other_class, trial.unchanged)
        shown = ["" if np.isnan(number) else f"{number:.3f}" for number in numbers]
        return (f"{'* ' if chosen else '  '}{trial.method}", *shown, f"{trial.seconds:.1f}")


@clear_arguments
def choose(
    model: object,
    train: object,
    region: str | Regions,
    *,
    validation: object = None,
    study: StudyResults | None = None,
    finding: str = "",
    methods: Sequence[Any] | None = None,
    fit: FitFunction | None = None,
    margin: float = DEFAULT_MARGIN,
    seconds: float | None = None,
    seed: int = 0,
    keep: str | PathLike[str] | None = None,
    progress: bool | None = None,
) -> Choice:
    """Try the methods to repair a model that apply to it, and choose on validation images.

    No method works everywhere. Each is judged by the mean of the classes' recalls on validation images in
    which the region's content was swapped: once with that of images of the same class, once with that of
    images of other classes. The lower of the two counts, so that neither a model that goes by the region
    nor one that goes against it does well. What is swapped reaches further than what is repaired, by as
    much again as the margin: a method that leaves a strip of the mark is told by it.

    What a method costs counts against it: mean recall lost on validation images as they are. One whose
    answers are no better than guesses is never chosen, and none is where leaving the model as it is is
    better. Validation images are ones that the model has not learned from, as far as that can be had: those
    of the `study`, if they are not those of `train`; else a fifth of `train`, and where the model has learned
    from these, an estimator of scikit-learn is fitted anew without them, to be held against.

    Parameters
    ----------
    model : anything `as_model` takes
    train : labelled data
        To learn from.
    region : str or Regions
        What misleads the model.
    validation : labelled data, optional
        Images that neither the model nor any method has learned from; by default as said. Never the images
        of a proof.
    study : Study, optional
        Tells the class names, and has images to validate by.
    finding : str
        What blame found of the region, ``found.finding("jaw")``: is said first.
    methods : sequence, optional
        Methods to try; by default those of `default_methods` that apply.
    fit : callable, optional
        Your own ``fit(model, images, labels) -> model``, for counterexamples.
    margin : float
        Around the region, as a share of the image's shorter side.
    seconds : float, optional
        About how long methods may be tried, all together: those that take less first. What does not end in
        that time, or would take longer than is left by what others took, is left out, and said. A guard is
        always tried.
    seed : int
    keep : path, optional
        A folder in which what each method has fitted is kept as soon as it is done: a choice that was cut
        short, begun again with the same model, images and options, goes on from there, and judges it anew.
        What is not surely the same, as where there is a function of your own (``fit=``, a model known by its
        answers alone), and what cannot be kept without code, as estimators whose types skops does not know,
        is tried again.
    progress : bool, optional

    Returns
    -------
    Choice
        Prints as a table. Its result is None if no method is better than the model as it is.

    Raises
    ------
    ImageError, ModelError, OptionError
        As for the methods; a method that fails alone is left out, and said.
    """
    check_seed("seed", seed)
    if seconds is not None:
        check_number("seconds", seconds, above=0)
    began = time.perf_counter()
    given = as_studied_model(model, study)
    area = resolve_region(region, margin)
    regions = area.regions
    if validation is None and study is not None and (regions.shared or regions.needs_image):
        validation = _images_of_study(given, train, study, seed)
    data = split_training_data(given, train, validation, seed=seed)
    looks = detection_notes(data.train, area)
    judge = _Judge(data, area.with_wider_margin(margin or DEFAULT_MARGIN), seed)
    unseen, told = (None, "") if validation is not None else judge.without_validation(given)
    done: list[tuple[Trial, RepairResult | None]] = [(judge.trial("as it is", given, 0.0), None)]
    if methods is None:
        methods = default_methods(given, region, fit=fit, margin=margin, seed=seed)
    kept = None if keep is None else KeptTrials(Path(keep), given, data)
    before = 0
    with progress_step("trying methods", len(methods)) as step:
        for method in methods if seconds is None else sorted(methods, key=_fitting_cost):
            step.tell(method=describe_method(method))
            known = None if kept is None else kept.read(method)
            if known is not None:
                seconds_then, made = known
                done.append((judge.trial(describe_method(method), made.model, seconds_then), made))
                before += 1
            else:
                left = None if seconds is None else max(0.0, seconds - (time.perf_counter() - began))
                result, trial = _try_method(
                    method, given, data, study, left, _longest(done), progress=progress
                )
                if kept is not None and result is not None:
                    _keep_trial(kept, method, trial.seconds, result)
                done.append(
                    (judge.trial(trial.method, result.model, trial.seconds) if result else trial, result)
                )
            step.advance()
    trials, results = zip(*done, strict=True)
    notes = tuple(one for one in (finding, *looks, told, _resumed_note(before, len(methods))) if one)
    return Choice(trials, len(data.validation), results, unseen, notes)


def _keep_trial(kept: KeptTrials, method: object, seconds: float, result: RepairResult) -> None:
    try:
        kept.keep(method, seconds, result)
    except OSError as error:
        raise FileError(
            f"what was tried cannot be kept in {kept.folder}: {error.strerror or error}. Name a folder that "
            "can be written to.",
            slug="repair-write",
        ) from error


def _resumed_note(before: int, count: int) -> str:
    """What to say of methods that an earlier run has tried."""
    if not before:
        return ""
    return in_english(
        "Goes on from an earlier run that was cut short: {before} of {count} methods had been tried then.",
        before=before,
        count=count,
    )


def _fitting_cost(method: Any) -> int:
    """How much a method fits, roughly: a guard nothing, right reasons several networks with gradients."""
    return next(
        (cost for cost, kind in enumerate(BY_COST) if isinstance(method, kind)),
        BY_COST.index(Counterexamples),
    )


def _longest(done: Sequence[tuple[Trial, RepairResult | None]]) -> float:
    """Seconds that the longest fit took so far."""
    return max((trial.seconds for trial, _ in done), default=0.0)


def _try_method(
    method: Any,
    given: CheckedModel,
    data: TrainingData,
    study: StudyResults | None,
    left: float | None,
    longest: float,
    *,
    progress: bool | None,
) -> tuple[RepairResult | None, Trial]:
    """What a method makes of the model, or why it could not be tried; with as many seconds as are left."""
    if not callable(method):
        raise OptionError(
            f"a method is one such as Guard(region=…), but {describe_value(method)} was given.",
            slug="option-value",
        )
    name, started = describe_method(method), time.perf_counter()
    failed = ""
    if left is not None and _fitting_cost(method) and left <= longest:
        failed = in_english(
            "no time was left: about {n:.0f} seconds, and others took {longest:.0f}", n=left, longest=longest
        )
        return None, Trial(name, np.nan, np.nan, np.nan, 0.0, failed=failed)
    made: RepairResult | None = None
    try:
        with limited_time(left):
            made = method(given, data.train, validation=data.validation, study=study, progress=progress)
    except SightlineError as error:
        failed = str(error)
    return made, Trial(name, np.nan, np.nan, np.nan, time.perf_counter() - started, failed=failed)


class _Judge:
    """The validation images, as they are and with the region's content swapped."""

    def __init__(self, data: TrainingData, wide: RepairRegion, seed: int) -> None:
        self.data, self.seed = data, seed
        # Seeds of its own: no method has seen these images.
        self.swapped = [
            RegionSwapped(data.validation, wide, swap_of(wide, donors), N_DONORS, seed + 1000)
            for donors in ("same_class", "other_class")
        ]

    def trial(self, name: str, made: CheckedModel, seconds: float) -> Trial:
        """How a model does on them."""
        sets = (*self.swapped, self.data.validation)
        scores = [predict_scores(made, one) for one in sets]
        same, other, unchanged = (
            recall_of_scores(each, one.labels) for each, one in zip(scores, sets, strict=True)
        )
        # Copies of an image are no more images: guesses are judged by as many as there are.
        count = len(self.data.validation)
        guessing = any(is_guessing(each[:count], self.data.validation.labels) for each in scores)
        return Trial(name, same, other, unchanged, seconds, guessing=guessing)

    def without_validation(self, model: CheckedModel) -> tuple[Trial | None, str]:
        """The model fitted anew without the validation images, where it has learned from them; or a note."""
        told = (
            "The images that methods are compared on are a part of those to learn from. Where the model has "
            "learned from them, what it does on them as it is is too good, and so is what a method costs: "
            "give validation=, images that it has not seen, or study= (or, with --train, a study)."
        )
        if sklearn_estimator(model) is None:
            return None, told
        data, started = self.data, time.perf_counter()
        try:
            run = TrainingRun(data.train, data.validation, TrainingConfig(), seed=self.seed)
            made = refit_model(model, run)
            learned, given = (macro_recall(one, data.train) for one in (made, model))
        except SightlineError:
            return None, told
        if given < learned - SEEN:
            return None, ""
        return self.trial("as it is, without these images", made, time.perf_counter() - started), ""


def _images_of_study(
    model: CheckedModel, train: object, study: StudyResults, seed: int
) -> ExplainedImages | None:
    """Images of a study that are not those to learn from; None where too few are left."""
    used = {image_digest(image) for image, _ in as_subset(model, train)}
    order = np.random.default_rng((seed, 5)).permutation(len(study.places))
    kept: list[int] = []
    for one in order.tolist():
        if len(kept) < MOST_IMAGES and image_digest(study.image(int(study.places[one]))) not in used:
            kept.append(one)
    labels = study.labels[kept]
    if len(kept) < ENOUGH or np.unique(labels).size < 2:
        return None
    return ExplainedImages(study, study.places[kept], labels)


def region_to_repair(misleading: Sequence[str], confirmed: Sequence[str], *, concepts: bool) -> str:
    """What to repair, of what was found: a property of whole images first, then what drives errors.

    Parameters
    ----------
    misleading : sequence of str
        Properties of whole images that mislead.
    confirmed : sequence of str
        Regions that drive errors, the leading one first.
    concepts : bool
        Whether these are concepts: each has its class, and what is left of the others misleads on, so that
        all are repaired.

    Examples
    --------
    >>> region_to_repair([], ["jaw", "hair"], concepts=False), region_to_repair([], [], concepts=True)
    ('jaw', '')
    """
    if misleading:
        return misleading[0]
    return ", ".join(confirmed if concepts else confirmed[:1])


def parse_method(text: str, **defaults: Any) -> Any:
    """A method from words such as ``"counterexamples:copies=5,replacement=noise"``.

    Parameters
    ----------
    text : str
    defaults
        Options that every method has, and that the words may change.

    Raises
    ------
    OptionError
        If there is no such method or option.
    """
    return from_spec(
        text,
        METHODS,
        "repair method",
        defaults=defaults,
        hint=" Or auto, the best of all.",
        slug="option-syntax",
    )


def default_methods(
    model: CheckedModel,
    region: str | Regions,
    *,
    fit: FitFunction | None = None,
    margin: float = DEFAULT_MARGIN,
    seed: int = 0,
) -> list[Any]:
    """The methods that apply to a model, with their usual options.

    A guard always does, unless each image has a region of its own that cannot be known of others. What can
    be fitted gets counterexamples, also with twice the margin; where each image has its own region, with
    others' regions planted and its surroundings in its place, and with the latter alone; a network then
    begins anew as well, since it may have learned little else. A network gets right reasons; one that ends in
    a linear layer, that layer alone. Of a property of the
    whole image, those that exchange it: counterexamples, of a network also begun anew, and the last layer.
    """
    here: dict[str, Any] = {"region": region, "margin": margin, "seed": seed}
    wide = {**here, "margin": min(0.5, 2 * (margin or DEFAULT_MARGIN))}
    trainer = trainer_of(model)
    if isinstance(resolve_region(region, margin), RepairProperty):
        return _property_methods(model, here, fit)
    regions = resolve_region(region, margin).regions
    methods: list[Any] = [Guard(**here)] if regions.shared or regions.needs_image else []
    if fit is not None or trainer is not None:
        if regions.shared:
            methods += [Counterexamples(**here, fit=fit), Counterexamples(**wide, fit=fit)]
        else:
            methods += [Counterexamples(**here, replacement=one, fit=fit) for one in OF_EACH_IMAGE]
            if fit is None and network_trainer(model) is not None:
                methods.append(Counterexamples(**here, replacement=OF_EACH_IMAGE[0], fresh=True))
    if fit is None and trainer is not None and trainer.has_linear_head():
        methods.append(LastLayer(**here))
    if network_trainer(model) is not None:
        methods.append(RightReasons(**here))
    return methods


def _property_methods(model: CheckedModel, here: dict[str, Any], fit: FitFunction | None) -> list[Any]:
    """The methods that exchange a property of the whole image: what hides or weighs an area cannot."""
    trainer = trainer_of(model)
    methods: list[Any] = []
    if fit is not None or trainer is not None:
        methods.append(Counterexamples(**here, fit=fit))
    if fit is None and network_trainer(model) is not None:
        methods.append(Counterexamples(**here, fresh=True))
    if fit is None and trainer is not None and trainer.has_linear_head():
        methods.append(LastLayer(**here))
    return methods
