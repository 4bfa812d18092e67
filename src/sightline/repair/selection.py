"""model, region and images → the method that repairs the model best, chosen on validation images."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline._arguments import clear_arguments
from sightline._spec import from_spec
from sightline._tables import format_table
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.errors import SightlineError
from sightline.regions.margins import DEFAULT_MARGIN
from sightline.regions.region_set import Regions
from sightline.repair.counterexamples import Counterexamples
from sightline.repair.guard import Guard
from sightline.repair.last_layer import LastLayer
from sightline.repair.method import RepairResult, describe_method
from sightline.repair.region_swap import RegionSwapped, SwapRegion
from sightline.repair.repair_region import resolve_region
from sightline.repair.right_reasons import RightReasons
from sightline.repair.training.fine_tune import FitFunction, network_trainer, trainer_of
from sightline.repair.training_data import macro_recall, split_training_data
from sightline.study.schema import StudyResults
from sightline.types import record

METHODS = {
    "counterexamples": Counterexamples,
    "right-reasons": RightReasons,
    "last-layer": LastLayer,
    "guard": Guard,
}
"""Every repair method by the name that the command knows it by."""
N_DONORS = 3
"""Donors that each validation image's region is exchanged with."""
MIN_GAIN = 0.02
"""How much better than the model as it is a method has to be, in mean recall, to be worth a change."""


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
    """

    method: str
    same_class: float
    other_class: float
    unchanged: float
    seconds: float
    failed: str = ""

    @property
    def score(self) -> float:
        """What methods are compared by: the lower of `same_class` and `other_class`."""
        return float(np.minimum(self.same_class, self.other_class))


@record
class Choice:
    """The best of several methods to repair a model.

    Parameters
    ----------
    result : RepairResult or None
        None if no method does better than the model as it is.
    trials : tuple of Trial
        The model as it is first, then the methods in the order they were tried.
    images : int
        Validation images that they were compared on.
    results : tuple of RepairResult or None
        What each method made of the model, in the order of the trials; None for the model as it is, and where
        a method failed.
    """

    result: RepairResult | None
    trials: tuple[Trial, ...]
    images: int
    results: tuple[RepairResult | None, ...]

    def __repr__(self) -> str:
        head = (
            f"Mean recall of {self.images:,} validation images, the region's content exchanged with one of "
            "its own class, with one of another class, and as they are"
        )
        titles = ("method", "same class", "other class", "as they are", "seconds")
        rows = format_table([titles, *map(self._table_row, self.trials)])
        failed = [
            f"{trial.method} could not be tried: {trial.failed}" for trial in self.trials if trial.failed
        ]
        return "\n".join([head, *rows, *failed, self.verdict])

    @property
    def verdict(self) -> str:
        """What was chosen, in words."""
        before = self.trials[0]
        if self.result is None:
            return (
                f"Nothing chosen: no method does better than the model as it is by {MIN_GAIN:.2f} on "
                "exchanged content."
            )
        best = max(self.trials[1:], key=_score_or_worst)
        return (
            f"Chosen: {best.method}, which has {best.score:.2f} on the harder of the two exchanges, where "
            f"the model as it is has {before.score:.2f}."
        )

    def _table_row(self, trial: Trial) -> tuple[str, ...]:
        chosen = self.result is not None and trial.method == self.result.provenance.method
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
    methods: Sequence[Any] | None = None,
    fit: FitFunction | None = None,
    margin: float = DEFAULT_MARGIN,
    seed: int = 0,
    progress: bool | None = None,
) -> Choice:
    """Try the methods to repair a model that apply to it, and choose on validation images.

    No method works everywhere. Each is judged by the mean of the classes' recalls on validation images in
    which the region's content was exchanged: once with that of images of the same class, once with that of
    images of other classes. The lower of the two counts, so that neither a model that goes by the region
    nor one that goes against it does well. What is exchanged reaches further than what is repaired, by as
    much again as the margin: a method that leaves a strip of the mark is told by it.

    Parameters
    ----------
    model : anything `as_model` takes
    train : labelled data
        To learn from.
    region : str or Regions
        What misleads the model.
    validation : labelled data, optional
        By default a fifth of `train`, which no method learns from. Never the images of a proof.
    study : Study, optional
        Tells the class names.
    methods : sequence, optional
        Methods to try; by default those of `default_methods` that apply.
    fit : callable, optional
        Your own ``fit(model, images, labels) -> model``, for counterexamples.
    margin : float
        Around the region, as a share of the image's shorter side.
    seed : int
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
    given = as_model(model, class_names=None if study is None else study.class_names)
    wide = resolve_region(region, margin).with_wider_margin(margin or DEFAULT_MARGIN)
    data = split_training_data(given, train, validation, seed=seed)
    # Seeds of its own: no method has seen these images.
    swapped = [
        RegionSwapped(data.validation, wide, SwapRegion(donors=donors), N_DONORS, seed + 1000)
        for donors in ("same_class", "other_class")
    ]

    def tried(name: str, made: CheckedModel, seconds: float) -> Trial:
        same_class, other_class, unchanged = (macro_recall(made, one) for one in (*swapped, data.validation))
        return Trial(name, same_class, other_class, unchanged, seconds)

    done: list[tuple[Trial, RepairResult | None]] = [(tried("as it is", given, 0.0), None)]
    if methods is None:
        methods = default_methods(given, region, fit=fit, margin=margin, seed=seed)
    for method in methods:
        name, started = describe_method(method), time.perf_counter()
        try:
            made = method(given, data.train, validation=data.validation, study=study, progress=progress)
        except SightlineError as error:
            seconds = time.perf_counter() - started
            done.append((Trial(name, np.nan, np.nan, np.nan, seconds, failed=str(error)), None))
        else:
            done.append((tried(name, made.model, time.perf_counter() - started), made))
    trials, results = zip(*done, strict=True)
    best, result = max(done, key=lambda one: _score_or_worst(one[0]))
    worth = _score_or_worst(best) >= _score_or_worst(trials[0]) + MIN_GAIN
    return Choice(result if worth else None, trials, len(data.validation), results)


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

    A guard always does. What can be fitted gets counterexamples; a network that is trained on, also twice
    the margin, and right reasons; one that ends in a linear layer, that layer alone.
    """
    here: dict[str, Any] = {"region": region, "margin": margin, "seed": seed}
    wide = {**here, "margin": min(0.5, 2 * (margin or DEFAULT_MARGIN))}
    trainer = trainer_of(model)
    methods: list[Any] = [Guard(**here)]
    if fit is not None or trainer is not None:
        methods += [Counterexamples(**here, fit=fit), Counterexamples(**wide, fit=fit)]
    if fit is None and trainer is not None and trainer.has_linear_head():
        methods.append(LastLayer(**here))
    if network_trainer(model) is not None:
        methods.append(RightReasons(**here))
    return methods


def _score_or_worst(trial: Trial) -> float:
    return -1.0 if np.isnan(trial.score) else trial.score
