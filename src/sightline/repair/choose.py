"""model, region and pictures → the way that repairs the model best, chosen on validation pictures."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline.adapters import as_model
from sightline.adapters.keras import KerasModel
from sightline.adapters.model import CheckedModel
from sightline.adapters.torch import TorchModel
from sightline.errors import SightlineError
from sightline.findings.region_set import Regions
from sightline.repair.area import GROW, Area, area_of
from sightline.repair.counterexamples import Counterexamples
from sightline.repair.exchange import Exchange, Replaced
from sightline.repair.fix import Fix, shown
from sightline.repair.guard import Guard
from sightline.repair.judge import mean_recall
from sightline.repair.last_layer import LastLayer, has_last_layer
from sightline.repair.lessons import Lessons, Part, asked, lessons
from sightline.repair.refit import Fit, fits
from sightline.repair.right_reasons import RightReasons
from sightline.types import record

DRAWS = 3
"""Donors that each validation picture's region is exchanged with."""
WORTH = 0.02
"""How much better than the model as it is a way has to be, in mean recall, to be worth a change."""


@record
class Trial:
    """How one way did on the validation pictures.

    Parameters
    ----------
    way : str
        As it prints; ``"as it is"`` for the model that was given.
    own, other : float
        Mean of the classes' recalls where the region's content is another picture's of the same class,
        and of another class: 0 to 1. NaN where the way failed.
    plain : float
        The same for the pictures as they are.
    seconds : float
    failed : str
        Why it could not be tried; empty if it was.
    """

    way: str
    own: float
    other: float
    plain: float
    seconds: float
    failed: str = ""

    @property
    def score(self) -> float:
        """What ways are compared by: the lower of `own` and `other`."""
        return float(np.minimum(self.own, self.other))


@record
class Choice:
    """The best of several ways to repair a model.

    Parameters
    ----------
    fix : Fix or None
        None if no way does better than the model as it is.
    trials : tuple of Trial
        The model as it is first, then the ways in the order they were tried.
    images : int
        Validation pictures that they were compared on.
    fixes : tuple of Fix or None
        What each way made of the model, in the order of the trials; None for the model as it is, and where a
        way failed.
    """

    fix: Fix | None
    trials: tuple[Trial, ...]
    images: int
    fixes: tuple[Fix | None, ...]

    def __repr__(self) -> str:
        titles = ("way", "own class", "other class", "as they are", "seconds")
        cells = [titles, *map(self._line, self.trials)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        rows = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in cells
        ]
        head = (
            f"Mean recall of {self.images:,} validation pictures, the region's content exchanged with one of "
            "its own class, with one of another class, and as they are"
        )
        failed = [f"{trial.way} could not be tried: {trial.failed}" for trial in self.trials if trial.failed]
        return "\n".join([head, *rows, *failed, self.verdict])

    @property
    def verdict(self) -> str:
        """What was chosen, in words."""
        before = self.trials[0]
        if self.fix is None:
            return (
                f"Nothing chosen: no way does better than the model as it is by {WORTH:.2f} on "
                "exchanged content."
            )
        best = max(self.trials[1:], key=_scored)
        return (
            f"Chosen: {best.way}, which has {best.score:.2f} on the harder of the two "
            "exchanges, where the model "
            f"as it is has {before.score:.2f}."
        )

    def _line(self, trial: Trial) -> tuple[str, ...]:
        chosen = self.fix is not None and trial.way == self.fix.repaired.way
        numbers = (trial.own, trial.other, trial.plain)
        shown = ["" if np.isnan(number) else f"{number:.3f}" for number in numbers]
        return (f"{'* ' if chosen else '  '}{trial.way}", *shown, f"{trial.seconds:.1f}")


def choose(
    model: Any,
    train: Any,
    region: str | Regions,
    *,
    validation: Any = None,
    study: Any = None,
    ways: Sequence[Any] | None = None,
    fit: Fit | None = None,
    grow: float = GROW,
    seed: int = 0,
    progress: bool | None = None,
) -> Choice:
    """Try the ways to repair a model that apply to it, and choose on validation pictures.

    No way works everywhere. Each is judged by the mean of the classes' recalls on validation pictures in
    which the region's content was exchanged: once with that of pictures of the same class, once with that of
    pictures of other classes. The lower of the two counts, so that neither a model that goes by the region
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
        By default a fifth of `train`, which no way learns from. Never the pictures of a proof.
    study : Study, optional
        Tells the class names.
    ways : sequence, optional
        Ways to try; by default those of `usual_ways` that apply.
    fit : callable, optional
        Your own ``fit(model, images, labels) -> model``, for counterexamples.
    grow : float
        Margin around the region, as a share of the picture's shorter side.
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
    area = area_of(region, grow)
    taught = lessons(made, train, validation, seed=seed)
    tried = usual_ways(made, region, fit=fit, grow=grow, seed=seed) if ways is None else ways
    judge = _Judge(taught.validate, area.grown(area.grow or GROW), seed)
    done = [
        (judge.trial("as it is", made, 0.0), None),
        *(_tried(way, made, taught, judge, study, progress) for way in tried),
    ]
    trials, fixes = zip(*done, strict=True)
    best, fix = max(done, key=lambda one: _scored(one[0]))
    worth = _scored(best) >= _scored(trials[0]) + WORTH
    return Choice(fix if worth else None, trials, len(taught.validate), fixes)


def usual_ways(
    model: CheckedModel, region: str | Regions, *, fit: Fit | None = None, grow: float = GROW, seed: int = 0
) -> list[Any]:
    """The ways that apply to a model, with their usual options.

    A guard always does. What can be fitted gets counterexamples; a network that is trained on, also twice
    the margin, and right reasons; one that ends in a linear layer, that layer alone.
    """
    here: dict[str, Any] = {"region": region, "grow": grow, "seed": seed}
    wide = {**here, "grow": min(0.5, 2 * (grow or GROW))}
    ways: list[Any] = [Guard(**here)]
    if fit is not None or fits(model):
        ways += [Counterexamples(**here, fit=fit), Counterexamples(**wide, fit=fit)]
    if fit is None and has_last_layer(model):
        ways.append(LastLayer(**here))
    if isinstance(model.ask, TorchModel | KerasModel):
        ways.append(RightReasons(**here))
    return ways


def _tried(
    way: Any, model: CheckedModel, taught: Lessons, judge: "_Judge", study: Any, progress: bool | None
) -> tuple[Trial, Fix | None]:
    started = time.perf_counter()
    try:
        fix: Fix = way(model, taught.learn, validation=taught.validate, study=study, progress=progress)
    except SightlineError as error:
        seconds = time.perf_counter() - started
        return Trial(shown(way), np.nan, np.nan, np.nan, seconds, failed=str(error)), None
    return judge.trial(shown(way), fix.model, time.perf_counter() - started), fix


def _scored(trial: Trial) -> float:
    return -1.0 if np.isnan(trial.score) else trial.score


@record
class _Judge:
    """The pictures by which ways are compared, the same for all."""

    validate: Part
    area: Area
    seed: int

    def trial(self, way: str, model: Any, seconds: float) -> Trial:
        """How a model does on them."""
        own, other = (self._exchanged(model, donors) for donors in ("own", "other"))
        plain = self._recall(model, self.validate, 1)
        return Trial(way, own, other, plain, seconds)

    def _exchanged(self, model: Any, donors: str) -> float:
        how = Exchange(donors=donors)
        # Seeds of its own: no way has seen these pictures.
        source = Replaced(self.validate, self.validate.labels, self.area, how, DRAWS, self.seed + 1000)
        return self._recall(model, source, DRAWS)

    def _recall(self, model: Any, source: Any, draws: int) -> float:
        scores = asked(model, source, range(len(source)))
        return mean_recall(scores, np.tile(self.validate.labels, draws))
