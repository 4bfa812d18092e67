"""What all repair methods have in common: where they repair, what they learn from, what they give back."""

import contextlib
import dataclasses
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from os import PathLike
from pathlib import Path
from typing import Any

from sightline._arguments import clear_arguments
from sightline._checks import check_seed
from sightline._digests import combined_digest
from sightline._language import translate as tr
from sightline._language import translate_kept
from sightline._progress import progress_bar
from sightline._region_names import shown_name
from sightline.adapters.checked_model import CheckedModel
from sightline.data.looks import NO_LOOKS, Looks
from sightline.errors import BudgetError
from sightline.regions.margins import DEFAULT_MARGIN
from sightline.regions.region_set import Regions
from sightline.repair.detections import detection_notes
from sightline.repair.model_writer import Image, save_model
from sightline.repair.repair_region import RepairRegion, resolve_region
from sightline.repair.training.trainer import underlying_model
from sightline.repair.training_data import TrainingData, split_training_data, twice_seen_notes
from sightline.study.provenance import as_studied_model
from sightline.study.schema import StudyResults
from sightline.types import option, record

Repaired = tuple[CheckedModel, tuple[str, ...]]
"""A new model, and what to tell about it."""
_UNTIL: ContextVar[float] = ContextVar("fits_end_at", default=math.inf)


@record
class Provenance:
    """How a repaired model was made, so that a proof can hold it to its word.

    Parameters
    ----------
    method : str
        What was done, as the method prints.
    region : RepairRegion
        Where.
    image_digests : frozenset of str
        The `image_digest` of every image that the model learned from or was chosen by.
    looks : uint8 array, shape (M, 387)
        What each of them looks like, as `sightline.data.looks` has it; none where that is not known.
    """

    method: str
    region: RepairRegion
    image_digests: frozenset[str]
    looks: Looks = dataclasses.field(default_factory=NO_LOOKS.copy)

    @property
    def key(self) -> str:
        """What a proof knows the repair by: how, where, and what it learned from."""
        return repair_key(self.method, self.region.name, self.region.margin, self.image_digests)


def repair_key(method: str, region: str, margin: float, seen: Iterable[str]) -> str:
    """Digest of a repair's method, region, margin and the images that it has seen."""
    return combined_digest(["\n".join([method, region, f"{margin:.6g}", *sorted(seen)])], size=8)


@record
class RepairResult:
    """A repair: the repaired model, and what there is to tell about it.

    Parameters
    ----------
    model : CheckedModel
        The model that was given stays as it was.
    notes : tuple of str
        What was done and what it costs, a sentence each.
    provenance : Provenance
        How the model was made.
    """

    model: CheckedModel
    notes: tuple[str, ...]
    provenance: Provenance

    @property
    def raw(self) -> Any:
        """The repaired estimator, module or network itself, as your framework knows it."""
        return underlying_model(self.model)

    def __repr__(self) -> str:
        head = tr(
            "Repair of {region} by {method}",
            region=repr(shown_name(self.provenance.region.name)),
            method=self.provenance.method,
        )
        return "\n".join((head, *map(translate_kept, self.notes)))

    @clear_arguments
    def save(self, path: str | PathLike[str], example: Image | None = None) -> Path:
        """Write the repaired model to a file that `sightline.adapters.open_model.load_model` reads.

        Parameters
        ----------
        path : path
            Without an ending, the one that suits the model is added: ``.joblib``, ``.keras``, ``.pt2``.
        example : array, shape (H, W) or (H, W, C), optional
            An image as the model is given them: PyTorch needs one for its size.

        Returns
        -------
        Path
            What was written.

        Raises
        ------
        FileError
            If it cannot be written, or no file can hold such a model.
        """
        return save_model(self.model, Path(path), example)


@contextlib.contextmanager
def limited_time(seconds: float | None) -> Iterator[None]:
    """Fits of methods that count what they learn from end after so long, as long as the block lasts.

    Parameters
    ----------
    seconds : float or None
        None for no limit.
    """
    token = _UNTIL.set(math.inf if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _UNTIL.reset(token)


def _in_time(tick: Callable[[int], None]) -> Callable[[int], None]:
    """The same count, which ends the fit when its time is over.

    Raises
    ------
    BudgetError
        When it is.
    """

    def counted(count: int) -> None:
        if time.monotonic() > _UNTIL.get():
            raise BudgetError(
                "its fit did not end in the time that was given. Give more (of an audit: --minutes), fewer "
                "images to learn from, or try it alone.",
                slug="repair-time",
            )
        tick(count)

    return counted


@option
class RepairMethod(ABC):
    """A repair method: ``method(model, train)`` gives the repaired model.

    A method of your own inherits it, defines `_repair`, and may add options.

    Parameters
    ----------
    region : str or Regions
        What misleads the model; a name is looked up in `regions.face` and `regions.chest`.
    margin : float
        Width of what is repaired around it, as a share of the image's shorter side; 0 to 0.5.
    seed : int

    Raises
    ------
    OptionError
        If there is no such region, or the margin is out of range.
    """

    region: str | Regions
    margin: float = DEFAULT_MARGIN
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed("seed", self.seed)
        resolve_region(self.region, self.margin)

    @clear_arguments
    def __call__(
        self,
        model: object,
        train: object,
        *,
        validation: object = None,
        study: StudyResults | None = None,
        progress: bool | None = None,
    ) -> RepairResult:
        """Repair a model, which stays as it is.

        Parameters
        ----------
        model : anything `as_model` takes
        train : labelled data
            What `sightline.data.as_dataset` takes: the images that the model learned from, best of all.
        validation : labelled data, optional
            What the method chooses, stops and measures by; by default a fifth of `train`, which is not
            learned from.
        study : Study, optional
            Tells the class names.
        progress : bool, optional
            Show a progress bar; by default on a terminal and in a notebook.

        Returns
        -------
        RepairResult

        Raises
        ------
        ImageError
            If there are too few images, or they differ in size.
        ModelError
            If the method cannot repair such a model.
        OptionError
            If the region is found by its looks, and in none of the images.
        """
        checked = as_studied_model(model, study)
        region = resolve_region(self.region, self.margin)
        data = split_training_data(checked, train, validation, seed=self.seed)
        told = detection_notes(data.train, region)
        text = f"repairing by {type(self).__name__}, images learned from"
        with progress_bar(progress, self._most_learned(checked, data), text, at_most=True) as tick:
            made, notes = self._repair(checked, data, region, _in_time(tick))
        digests, looks = data.seen_images()
        notes = (*told, *notes, *twice_seen_notes(data.validation, looks))
        return RepairResult(made, notes, Provenance(describe_method(self), region, digests, looks))

    def _most_learned(self, model: CheckedModel, data: TrainingData) -> int | None:
        """How many images are learned from at most, one as often as it is; None where that is not counted."""
        return None

    @abstractmethod
    def _repair(
        self, model: CheckedModel, data: TrainingData, region: RepairRegion, tick: Callable[[int], None]
    ) -> Repaired:
        """The new model; `tick` is told how many images were just learned from."""


def describe_method(method: object) -> str:
    """A method as it was written: its name, and the options that are not the usual ones.

    Examples
    --------
    >>> from sightline.repair.guard import Guard
    >>> describe_method(Guard(region="jaw", margin=0.1))
    "Guard(region='jaw', margin=0.1)"
    """
    if not dataclasses.is_dataclass(method):
        return repr(method)
    given = {}
    for field in dataclasses.fields(method):
        value = getattr(method, field.name)
        if isinstance(value, Regions):
            given[field.name] = repr(" + ".join(value.names))
        elif value != field.default:
            given[field.name] = getattr(value, "__qualname__", None) or repr(value)
    return f"{type(method).__name__}({', '.join(f'{name}={text}' for name, text in given.items())})"
