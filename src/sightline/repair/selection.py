"""model, region and images → the way that repairs the model best, chosen on validation images."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline._tables import format_table
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.keras.model import KerasModel
from sightline.adapters.torch.model import TorchModel
from sightline.data.datasets import Subset
from sightline.errors import SightlineError
from sightline.regions.region_set import Regions
from sightline.repair.counterexamples import Counterexamples
from sightline.repair.guard import Guard
from sightline.repair.judge import mean_recall
from sightline.repair.last_layer import LastLayer, has_linear_head
from sightline.repair.region_swap import RegionSwapped, SwapRegion
from sightline.repair.repair_region import DEFAULT_MARGIN, RepairRegion, resolve_region
from sightline.repair.result import RepairResult, describe_method
from sightline.repair.right_reasons import RightReasons
from sightline.repair.training.fine_tune import FitFunction, can_fit
from sightline.repair.training_data import TrainingData, predict_scores, split_training_data
from sightline.study.schema import StudyResults
from sightline.types import record

N_DONORS = 3
"""Donors that each validation image's region is exchanged with."""
MIN_GAIN = 0.02
"""How much better than the model as it is a way has to be, in mean recall, to be worth a change."""


@record
class Trial:
    """How one way did on the validation images.

    Parameters
    ----------
    method : str
        As it prints; ``"as it is"`` for the model that was given.
    same_class, other_class : float
        Mean of the classes' recalls where the region's content is another image's of the same class,
        and of another class: 0 to 1. NaN where the way failed.
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
        """What ways are compared by: the lower of `own` and `other`."""
        return float(np.minimum(self.same_class, self.other_class))


@record
class Choice:
    """The best of several ways to repair a model.

    Parameters
    ----------
    result : RepairResult or None
        None if no way does better than the model as it is.
    trials : tuple of Trial
        The model as it is first, then the ways in the order they were tried.
    images : int
        Validation images that they were compared on.
    results : tuple of RepairResult or None
        What each way made of the model, in the order of the trials; None for the model as it is, and where a
        way failed.
    """

    result: RepairResult | None
    trials: tuple[Trial, ...]
    images: int
    results: tuple[RepairResult | None, ...]

    def __repr__(self) -> str:
        titles = ("way", "own class", "other class", "as they are", "seconds")
        cells = [titles, *map(self._table_row, self.trials)]
        rows = format_table(cells)
        head = (
            f"Mean recall of {self.images:,} validation images, the region's content exchanged with one of "
            "its own class, with one of another class, and as they are"
        )
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
                f"Nothing chosen: no way does better than the model as it is by {MIN_GAIN:.2f} on "
                "exchanged content."
            )
        best = max(self.trials[1:], key=_score_or_worst)
        return (
            f"Chosen: {best.method}, which has {best.score:.2f} on the harder of the two "
            "exchanges, where the model "
            f"as it is has {before.score:.2f}."
        )

    def _table_row(self, trial: Trial) -> tuple[str, ...]:
        chosen = self.result is not None and trial.method == self.result.provenance.method
        numbers = (trial.same_class, trial.other_class, trial.unchanged)
        shown = ["" if np.isnan(number) else f"{number:.3f}" for number in numbers]
        return (f"{'* ' if chosen else '  '}{trial.method}", *shown, f"{trial.seconds:.1f}")


def choose(
    model: Any,
    train: Any,
    region: str | Regions,
    *,
    validation: Any = None,
    study: StudyResults | None = None,
    methods: Sequence[Any] | None = None,
    fit: FitFunction | None = None,
    margin: float = DEFAULT_MARGIN,
    seed: int = 0,
    progress: bool | None = None,
) -> Choice:
    """Try the ways to repair a model that apply to it, and choose on validation images.

    No way works everywhere. Each is judged by the mean of the classes' recalls on validation images in
    which the region's content was exchanged: once with that of images of the same class, once with that of
    images of other classes. The lower of the two counts, so that neither a model that goes by the region
    nor one that goes against it does well. What is exchanged reaches further than what is repaired, by as
    much again as the margin: a way that leaves a strip of the mark is told by it.

    Parameters
    ----------
    model : anything `as_model` takes
    train : labelled data
        To learn from.
    region : str or Regions
        What misleads the model.
    validation : labelled data, optional
        By default a fifth of `train`, which no way learns from. Never the images of a proof.
    study : Study, optional
        Tells the class names.
    methods : sequence, optional
        Ways to try; by default those of `default_methods` that apply.
    fit : callable, optional
        Your own ``fit(model, images, labels) -> model``, for counterexamples.
    margin : float
        Margin around the region, as a share of the image's shorter side.
    seed : int
    progress : bool, optional

    Returns
    -------
    Choice
        Prints as a table. Its fix is None if no way is better than the model as it is.

    Raises
    ------
    ImageError, ModelError, OptionError
        As for the ways; a way that fails alone is left out, and said.
    """
    made = as_model(model, class_names=None if study is None else study.class_names)
    area = resolve_region(region, margin)
    taught = split_training_data(made, train, validation, seed=seed)
    tried = default_methods(made, region, fit=fit, margin=margin, seed=seed) if methods is None else methods
    judge = _MethodScorer(taught.validation, area.with_wider_margin(area.margin or DEFAULT_MARGIN), seed)
    done = [
        (judge.run_trial("as it is", made, 0.0), None),
        *(_try_method(way, made, taught, judge, study, progress) for way in tried),
    ]
    trials, fixes = zip(*done, strict=True)
    best, fix = max(done, key=lambda one: _score_or_worst(one[0]))
    worth = _score_or_worst(best) >= _score_or_worst(trials[0]) + MIN_GAIN
    return Choice(fix if worth else None, trials, len(taught.validation), fixes)


def default_methods(
    model: CheckedModel,
    region: str | Regions,
    *,
    fit: FitFunction | None = None,
    margin: float = DEFAULT_MARGIN,
    seed: int = 0,
) -> list[Any]:
    """The ways that apply to a model, with their usual options.

    A guard always does. What can be fitted gets counterexamples; a network that is trained on, also twice
    the margin, and right reasons; one that ends in a linear layer, that layer alone.
    """
    here: dict[str, Any] = {"region": region, "margin": margin, "seed": seed}
    wide = {**here, "margin": min(0.5, 2 * (margin or DEFAULT_MARGIN))}
    ways: list[Any] = [Guard(**here)]
    if fit is not None or can_fit(model):
        ways += [Counterexamples(**here, fit=fit), Counterexamples(**wide, fit=fit)]
    if fit is None and has_linear_head(model):
        ways.append(LastLayer(**here))
    if isinstance(model.backend, TorchModel | KerasModel):
        ways.append(RightReasons(**here))
    return ways


def _try_method(
    method: Any,
    model: CheckedModel,
    data: TrainingData,
    scorer: "_MethodScorer",
    study: StudyResults | None,
    progress: bool | None,
) -> tuple[Trial, RepairResult | None]:
    started = time.perf_counter()
    try:
        fix: RepairResult = method(
            model, data.train, validation=data.validation, study=study, progress=progress
        )
    except SightlineError as error:
        seconds = time.perf_counter() - started
        return Trial(describe_method(method), np.nan, np.nan, np.nan, seconds, failed=str(error)), None
    return scorer.run_trial(describe_method(method), fix.model, time.perf_counter() - started), fix


def _score_or_worst(trial: Trial) -> float:
    return -1.0 if np.isnan(trial.score) else trial.score


@record
class _MethodScorer:
    """The images by which ways are compared, the same for all."""

    validation: Subset
    region: RepairRegion
    seed: int

    def run_trial(self, method: str, model: Any, seconds: float) -> Trial:
        """How a model does on them."""
        own, other = (self._swapped_recall(model, donors) for donors in ("same_class", "other_class"))
        plain = self._balanced_accuracy(model, self.validation, 1)
        return Trial(method, own, other, plain, seconds)

    def _swapped_recall(self, model: Any, donors: str) -> float:
        how = SwapRegion(donors=donors)
        # Seeds of its own: no way has seen these images.
        source = RegionSwapped(
            self.validation, self.validation.labels, self.region, how, N_DONORS, self.seed + 1000
        )
        return self._balanced_accuracy(model, source, N_DONORS)

    def _balanced_accuracy(self, model: Any, source: Any, draws: int) -> float:
        scores = predict_scores(model, source, range(len(source)))
        return mean_recall(scores, np.tile(self.validation.labels, draws))
