"""a repaired model, what was done to it, and which pictures it has seen."""

import copy
import dataclasses
from pathlib import Path
from typing import Any

from sightline.adapters import as_model
from sightline.adapters.model import CheckedModel
from sightline.findings.region_set import Regions
from sightline.repair.area import Area
from sightline.types import record


@record
class Repaired:
    """What a repaired model carries with it, so that a proof can hold it to its word.

    Parameters
    ----------
    way : str
        What was done, as the way prints.
    area : Area
        Where.
    seen : frozenset of str
        The `content` of every picture that it learned from or was chosen by.
    """

    way: str
    area: Area
    seen: frozenset[str]


@record
class Fix:
    """A repair: the repaired model, and what there is to tell about it.

    Parameters
    ----------
    model : CheckedModel
        Its `repaired` says how it was made; the model that was given stays as it was.
    told : tuple of str
        What was done and what it costs, a sentence each.
    """

    model: CheckedModel
    told: tuple[str, ...]

    @property
    def repaired(self) -> Repaired:
        """How the model was made."""
        made: Repaired = self.model.repaired
        return made

    @property
    def raw(self) -> Any:
        """The repaired estimator, module or network itself, as your framework knows it."""
        return raw_of(self.model)

    def __repr__(self) -> str:
        return "\n".join((f"Fix of {self.repaired.area.name!r} by {self.repaired.way}", *self.told))

    def save(self, path: Any, like: Any = None) -> Path:
        """Write the repaired model to a file that `sightline.adapters.load.load_model` reads.

        Parameters
        ----------
        path : path
            Without an ending, the one that suits the model is added: ``.joblib``, ``.keras``, ``.pt2``.
        like : array, shape (H, W) or (H, W, C), optional
            A picture as the model is given them: PyTorch needs one for its size.

        Returns
        -------
        Path
            What was written.

        Raises
        ------
        FileError
            If it cannot be written, or no file can hold such a model.
        """
        from sightline.repair.keep import save_model

        return save_model(self.model, Path(path), like)


def fixed(model: CheckedModel, way: Any, area: Area, seen: frozenset[str], *told: str) -> Fix:
    """A fix of a newly made model."""
    model.repaired = Repaired(shown(way), area, seen)
    return Fix(model, told)


def shown(way: Any) -> str:
    """A way as it was written: its name, and the options that are not the usual ones.

    Examples
    --------
    >>> from sightline.repair.guard import Guard
    >>> shown(Guard(region="jaw", grow=0.1))
    "Guard(region='jaw', grow=0.1)"
    """
    if not dataclasses.is_dataclass(way):
        return repr(way)
    given = {}
    for field in dataclasses.fields(way):
        value = getattr(way, field.name)
        if isinstance(value, Regions):
            given[field.name] = repr(" + ".join(value.names))
        elif value != field.default:
            given[field.name] = getattr(value, "__qualname__", None) or repr(value)
    return f"{type(way).__name__}({', '.join(f'{name}={text}' for name, text in given.items())})"


def like(model: CheckedModel, source: Any) -> CheckedModel:
    """Another source of answers with the rules of a model: its output, class names and preprocessing."""
    ask = model.ask
    of_tensors = getattr(ask, "preprocess", None)
    return as_model(
        source,
        output="auto" if model.output == "network" else model.output,
        class_names=model.class_names,
        batch_size=model.batch_size,
        preprocess=copy.deepcopy(of_tensors) if of_tensors is not None else model.preprocess,
    )


def raw_of(model: CheckedModel) -> Any:
    """The estimator, module, network or function that a model asks."""
    for name in ("estimator", "module", "model", "function", "source"):
        if hasattr(model.ask, name):
            return getattr(model.ask, name)
    return model.ask
