"""any source of raw answers → a Model: images (B, *image.shape) → scores (B, L), float64."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Shaped

from sightline.adapters.answers import batch_text, scores_of
from sightline.errors import ModelError, OptionError, SightlineError
from sightline.types import nearest

OUTPUTS = ("auto", "probability", "logit")
# float32 arithmetic puts a sigmoid or the sum of a softmax this far beside 1.
ROUNDING = 1e-6
SUM_ROUNDING = 1e-3


@runtime_checkable
class Ask(Protocol):
    """What an adapter gives: a call that returns raw answers; its repr says how the images are given."""

    class_names: tuple[str, ...] | None
    batch_size: int | None
    output: str

    def __call__(self, images: Any, /) -> Any: ...


class CheckedModel:
    """A model whose every answer is checked and brought to one form.

    Made by `as_model`. It holds what its first answer showed (the number of columns, and what a single
    column means), so that later answers can be held against it; nothing else.

    Parameters
    ----------
    ask : Ask
        Returns the raw answer about a batch of images.
    output : str
        ``"auto"``, ``"probability"`` or ``"logit"``: what a single column is.
    class_names : sequence of str, optional
        One for each class; for a single column also one, the name of class 1.
    batch_size : int, optional
        Images in a batch that the model insists on or prefers.

    Raises
    ------
    OptionError
        If `output` does not exist, or `class_names` or `batch_size` cannot be used.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        output: str = "auto",
        class_names: Sequence[str] | None = None,
        batch_size: int | None = None,
    ) -> None:
        self.ask = ask
        self.output = _known_output(output) if output != "auto" else ask.output
        self.batch_size = _known_size(batch_size) if batch_size is not None else ask.batch_size
        self._names = _full_names(class_names) if class_names is not None else ask.class_names
        # Only ever filled by setdefault, which is atomic: threads agree on whose answer was first.
        self._first: dict[str, Any] = {}

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """One name a column, if they are known; some models tell them with their first answer."""
        return self._names or self._first.get("names")

    @property
    def rule(self) -> str:
        """How answers become scores, in words; complete after the first call."""
        if "columns" not in self._first:
            return f"output={self.output!r}, not asked yet"
        if "meaning" in self._first:
            pair = "[1 - p, p]" if self._first["meaning"] == "probability" else "[-v, v]"
            return f"one column, a {self._first['meaning']} of class 1: scores are {pair}"
        return f"{self._first['columns']} columns kept as they are: {self._first['looks']}"

    def __repr__(self) -> str:
        return f"CheckedModel({self.ask!r}; {self.rule})"

    def __call__(self, images: Shaped[np.ndarray, "B ..."]) -> Float64[np.ndarray, "B L"]:
        """Scores of a batch of images.

        Parameters
        ----------
        images : array, shape (B, H, W) or (B, H, W, C)
            In the dtype and range that the model wants. It is handed over without a copy: the model may
            change it.

        Returns
        -------
        float64 array, shape (B, L)
            A new array at every call.

        Raises
        ------
        ModelError
            If the model fails, or its answer cannot be used.
        """
        shape, dtype = images.shape, images.dtype
        try:
            answer = self.ask(images)
        except SightlineError:
            raise
        except Exception as error:
            raise ModelError(
                f"the model failed on a batch of {batch_text(shape, dtype)}: "
                f"{type(error).__name__}: {_short(error)}",
                slug="model-failed",
            ) from error
        scores, names = scores_of(answer, shape, dtype)
        self._check_columns(scores, names)
        return self._pair(scores) if scores.shape[1] == 1 else self._kept(scores)

    def _check_columns(self, scores: Float64[np.ndarray, "B L"], names: tuple[str, ...] | None) -> None:
        columns = scores.shape[1]
        before = self._first.setdefault("columns", columns)
        if columns != before:
            raise ModelError(
                f"the model returned {columns} columns of scores, but {before} at its first call. It has to "
                "return the same classes for every batch.",
                slug="model-columns",
            )
        if self._first.setdefault("names", names) != names:
            raise ModelError(
                f"the model named its classes {names}, but {self._first['names']} at its first call.",
                slug="model-columns",
            )
        known, classes = self.class_names, max(columns, 2)
        if known is not None and len(known) != classes:
            raise ModelError(
                f"there are {len(known)} class names, but the model returned {columns} "
                f"column{'s' * (columns != 1)} of scores, which is {classes} classes. Give class_names with "
                "one name a class.",
                slug="model-columns",
            )

    def _pair(self, scores: Float64[np.ndarray, "B 1"]) -> Float64[np.ndarray, "B 2"]:
        meaning = self.output
        inside = _inside(scores)
        if meaning == "auto":
            meaning = "probability" if inside else "logit"
        meaning = self._first.setdefault("meaning", meaning)
        if meaning == "probability" and not inside:
            self._refuse_range(scores)
        return np.hstack([1 - scores, scores] if meaning == "probability" else [-scores, scores])

    def _kept(self, scores: Float64[np.ndarray, "B L"]) -> Float64[np.ndarray, "B L"]:
        if "looks" not in self._first:
            self._first.setdefault("looks", _looks(scores))
        if self.output == "probability" and not _inside(scores):
            self._refuse_range(scores)
        return scores

    def _refuse_range(self, scores: Float64[np.ndarray, "B L"]) -> None:
        why = (
            'output="probability" was given'
            if self.output == "probability"
            else "its first answers were within 0 to 1, so they were taken for probabilities of class 1"
        )
        raise ModelError(
            f"the model returned scores from {scores.min():.6g} to {scores.max():.6g}, but {why}. "
            'If they are logits, pass output="logit".',
            slug="model-range",
        )


def _known_output(output: str) -> str:
    if output not in OUTPUTS:
        raise OptionError(f"there is no output {output!r}. {nearest(output, OUTPUTS)}", slug="option-value")
    return output


def _known_size(batch_size: int) -> int:
    if batch_size < 1:
        raise OptionError(f"batch_size must be 1 or more, but {batch_size} was given.", slug="option-value")
    return batch_size


def _full_names(names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str) or len(names) == 0:
        raise OptionError(
            f"class_names has to be a list of one name a class, but {names!r} was given.", slug="option-value"
        )
    full = tuple(map(str, names))
    return full if len(full) > 1 else (f"not {full[0]}", full[0])


def _inside(scores: Float64[np.ndarray, "B L"]) -> bool:
    return bool(scores.min() >= -ROUNDING and scores.max() <= 1 + ROUNDING)


def _looks(scores: Float64[np.ndarray, "B L"]) -> str:
    if not _inside(scores):
        return "logits"
    alone = np.abs(scores.sum(axis=1) - 1).max() > SUM_ROUNDING
    return "independent probabilities" if alone else "probabilities"


def _short(error: Exception, most: int = 400) -> str:
    text = str(error)
    return text if len(text) <= most else f"{text[:most]}…"
