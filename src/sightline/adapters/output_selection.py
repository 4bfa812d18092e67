"""the outputs that a model file or server declares → the one that holds the scores."""

from collections.abc import Sequence
from dataclasses import dataclass

from sightline.errors import ModelError


@dataclass(frozen=True)
class DeclaredOutput:
    """One output as declared.

    Parameters
    ----------
    name : str
    kind : str
        ``"float"``; ``"map"``, one dict an image; or another dtype's name.
    shape : tuple of int or None, or None
        None where it is not declared.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...] | None = None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.name!r} ({self.kind})"
        lengths = ", ".join("?" if length is None else str(length) for length in self.shape)
        return f"{self.name!r} ({self.kind}, shape ({lengths}))"


def choose_output(outputs: Sequence[DeclaredOutput], model: str) -> DeclaredOutput:
    """The only output; else the only table of floats; else the only one named for probabilities; else the
    only one that is a dict an image.

    Raises
    ------
    ModelError
        If none or several could be meant.
    """
    floats = [one for one in outputs if one.kind == "float" and _is_table(one)]
    tables = [one for one in floats if one.shape is None or len(one.shape) > 1]
    named = [one for one in tables if "prob" in one.name.lower()]
    maps = [one for one in outputs if one.kind == "map"]
    for found in (outputs, tables, named, maps if not tables else [], floats if not tables else []):
        if len(found) == 1:
            return found[0]
    raise ModelError(
        f"{model} has {len(outputs)} outputs, and it is not clear which holds the scores: "
        f"{', '.join(map(str, outputs))}. Give a function that runs it and returns one of them.",
        slug="model-signature",
    )


def _is_table(output: DeclaredOutput) -> bool:
    return output.shape is None or all(length == 1 for length in output.shape[2:])
