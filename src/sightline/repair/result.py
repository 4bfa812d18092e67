"""a repaired model, what was done to it, and which images it has seen."""

import copy
import dataclasses
from pathlib import Path
from typing import Any

from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.regions.region_set import Regions
from sightline.repair.repair_region import RepairRegion
from sightline.types import record


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
    """

    method: str
    region: RepairRegion
    image_digests: frozenset[str]


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
        return "\n".join(
            (f"Repair of {self.provenance.region.name!r} by {self.provenance.method}", *self.notes)
        )

    def save(self, path: Any, example: Any = None) -> Path:
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
        from sightline.repair.export import save_model

        return save_model(self.model, Path(path), example)


def fixed(
    model: CheckedModel, way: Any, area: RepairRegion, seen: frozenset[str], *told: str
) -> RepairResult:
    """The result of a repair that made a model."""
    return RepairResult(model, told, Provenance(describe_method(way), area, seen))


def describe_method(method: Any) -> str:
    """A way as it was written: its name, and the options that are not the usual ones.

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


def wrap_like(model: CheckedModel, source: Any) -> CheckedModel:
    """Another source of answers with the rules of a model: its output, class names and preprocessing."""
    ask = model.backend
    of_tensors = getattr(ask, "preprocess", None)
    return as_model(
        source,
        output="auto" if model.output == "network" else model.output,
        class_names=model.class_names,
        batch_size=model.batch_size,
        preprocess=copy.deepcopy(of_tensors) if of_tensors is not None else model.preprocess,
    )


def underlying_model(model: CheckedModel) -> Any:
    """The estimator, module, network or function that a model asks."""
    for name in ("estimator", "module", "model", "function", "source"):
        if hasattr(model.backend, name):
            return getattr(model.backend, name)
    return model.backend
