"""any source of raw answers → a Model: images (B, *image.shape) → scores (B, L), float64."""

import contextlib
import copy
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64, Shaped

from sightline._arguments import check_choice
from sightline._checks import check_batch_size
from sightline._class_names import (
    ClassNames,
    names_hint,
    numeric_labels,
    order_of_names,
    ordered_names,
)
from sightline._scales import (
    ROUNDING,
    SUM_ROUNDING,
    Scale,
    are_probabilities,
    checked_log_odds,
    log_odds,
    log_odds_of_logits,
    refuse_log_odds,
)
from sightline.adapters.callable import callable_name
from sightline.adapters.column_rules import (
    PRESUMED,
    SCORES,
    SINGLE,
    TAKEN,
    as_two_classes,
    log_odds_of_logs,
)
from sightline.adapters.one_label import (
    LabelNetwork,
    LabelView,
    refuse_joint_columns,
    softmax_error,
)
from sightline.adapters.outputs import batch_text, clip_text, scores_of
from sightline.adapters.preprocess import per_image
from sightline.errors import ModelError, OptionError, SightlineError, SightlineWarning, warn
from sightline.types import Backend, End, ModelAbilities, Network, Segments

OUTPUTS = ("auto", "probability", "log-probability", "logit", "softmax", "sigmoid")
EXACTLY = 1e-5
HALF_ROUNDING = 5e-3
"""How far beside 1 half precision may put a sum of probabilities."""
CERTAIN = 100.0
"""Size that logits hardly have which were learned: their sigmoid is 0 or 1 to all digits."""


class CheckedModel(ModelAbilities):
    """A model whose every answer is checked and brought to one form.

    Made by `as_model`. It holds what its first answer showed (the number of columns, and what a single
    column means), so that later answers can be held against it; nothing else.

    Parameters
    ----------
    backend : Backend
        Returns the raw answer about a batch of images.
    output : str
        What the columns are, as for `as_model`.
    class_names : sequence of str, or mapping, optional
        One for each class; for a single column also one, the name of class 1.
    batch_size : int, optional
        Images in a batch that the model insists on or prefers.
    preprocess : callable, optional
        Images as the user has them, shape (B, H, W, C) → what the backend is given.
    view : LabelView, optional
        Which of several labels its scores are of, and from which probability on it is said to be there.

    Raises
    ------
    OptionError
        If `output` does not exist, or `class_names` or `batch_size` cannot be used.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        output: str = "auto",
        class_names: ClassNames | None = None,
        batch_size: int | None = None,
        preprocess: object = None,
        view: LabelView | None = None,
    ) -> None:
        self.backend = backend
        self.view = view or LabelView()
        known = check_choice("output", output, OUTPUTS, "option-value")
        self.output = backend.output if known == "auto" else known
        self.batch_size = check_batch_size(batch_size) or backend.batch_size
        self.preprocess = _check_preprocess(preprocess)
        self._scale: Scale | Literal["evidence"] = "probability"
        self._goes_by_end = False
        self.given_names = None if class_names is None else _names_for(backend, class_names)
        self._names = backend.class_names if self.given_names is None else _with_negation(self.given_names)
        # Only ever filled by setdefault, which is atomic: threads agree on whose answer was first.
        self._first: dict[str, Any] = {}

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """One name a class, if they are known; of one label, those without it and with it."""
        if self.view.label is None:
            return self.column_names
        return _with_negation((self.view.name(self.column_names),))

    @property
    def column_names(self) -> tuple[str, ...] | None:
        """One name a column, if they are known; some models tell them with their first answer."""
        if self.view.label is not None and self.given_names is not None and len(self.given_names) == 1:
            return self.given_names  # of its single column, which is a label and not two classes
        return self._names or self._first.get("names")

    @property
    def class_labels(self) -> tuple[int, ...] | None:
        """The number by which labels call each column; None where that is its place, or not known."""
        if self.view.label is not None:
            return None
        said = self._first.get("names") or ()
        order = self._first.get("order") or range(len(said))
        told = self.backend.class_labels or numeric_labels([said[column] for column in order])
        return told if told and told != tuple(range(len(told))) else None

    @property
    def settled_output(self) -> str:
        """What the columns were found to be, in `as_model`'s words; before the first call, what was given.

        Still ``"auto"`` where several columns are kept as they are and may be probabilities: a network that
        makes them of logits says the same, and is to be read as one.
        """
        if self._first.get("meaning") == "logit" and self.output == "auto" and self.says_probabilities:
            return "auto"
        return str(self._first.get("meaning", "auto" if self.output == "network" else self.output))

    @property
    def rule(self) -> str:
        """How answers become scores, in words; complete after the first call."""
        if "columns" not in self._first:
            return f"output={self.settled_output!r}, not asked yet"
        columns, meaning = self._first["columns"], self._first["meaning"]
        if columns == 1:
            return f"one column, {SINGLE[meaning]}"
        if self.view.label is not None:
            return f"{self._label_text}, {SINGLE[meaning]}"
        if meaning == "log-probability":
            return f"{columns} columns of logarithms of probabilities: scores are their exponentials"
        if meaning in ("softmax", "sigmoid"):
            return f"{columns} columns of logits: scores are their {meaning}"
        return f"{columns} columns kept as they are: {self._first['looks']}"

    @property
    def outputs_probabilities(self) -> bool:
        """Whether its raw answers are probabilities as they are; known after the first call."""
        return self._first.get("meaning") == "probability"

    @property
    def says_probabilities(self) -> bool:
        """Whether its scores are probabilities; known after the first call."""
        meaning = self._first.get("meaning")
        kept = meaning == "logit" and self.output != "logit" and self._first["looks"] != "logits"
        return kept or meaning in ("probability", "log-probability", "softmax", "sigmoid")

    @property
    def guess(self) -> str:
        """What its columns were taken for, or its names to stand for, though nobody said so; else empty.

        Known after the first call.
        """
        said = self._first.get("names")
        unlike = self._first.get("order", ()) is None and self.backend.class_names is None
        if said and unlike and numeric_labels(re.sub("^LABEL_", "", name) for name in said) is None:
            return (
                f"the model calls its columns {names_hint(said).strip(' ()')}, and class_names= were taken "
                "for these in that order (its own names, in any order, overrule)"
            )
        if "presumed" in self._first:
            return f"{self._first['presumed']} (output= overrules)"
        single = self._first.get("columns") == 1 or self.view.label is not None
        told = self.output not in ("auto", "network") or not single
        meaning = self._first.get("meaning", "")
        seen = meaning == self.backend.output_end != "logit"
        alone = self.view.label is None
        named = meaning in ("sigmoid", "logit") and self.given_names is not None
        if told or seen or (named and alone):  # names say that it is a classifier
            return ""
        if not alone:
            return f"{self._label_text}, taken for {TAKEN[meaning]} (output= overrules)"
        return f"one column, taken for {TAKEN[meaning]} (output= overrules)"

    @property
    def scale(self) -> Scale:
        """What its scores are: log-odds, or what the model says; known after the first call."""
        if self._scale == "evidence":
            return "log-odds" if self.says_probabilities else "probability"
        return self._scale

    def with_log_odds(self) -> "CheckedModel":
        """The same model, whose scores are log-odds; exact where it returns logits.

        Its calls fail with a `ModelError` if its scores are no probabilities.
        """
        return self._on_scale("log-odds")

    def with_evidence(self) -> "CheckedModel":
        """The same model, whose scores are log-odds where they were probabilities, else as before."""
        return self._on_scale("evidence")

    def by_its_end(self) -> "CheckedModel":
        """The same model, never asked yet; a network that can be seen to end otherwise than `output` says is
        read by its end."""
        made = CheckedModel(
            self.backend,
            output="auto" if self.output == "network" else self.output,
            class_names=self.given_names,
            batch_size=self.batch_size,
            preprocess=self.preprocess,
            view=self.view,
        )
        made._goes_by_end = True
        return made

    def _on_scale(self, scale: Literal["log-odds", "evidence"]) -> "CheckedModel":
        made = copy.copy(self)  # what the first answer showed is shared
        made._scale = scale
        return made

    def __repr__(self) -> str:
        before = "" if self.preprocess is None else f" after {self.preprocess_name}"
        return f"CheckedModel({self.backend!r}{before}; {self.rule})"

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
        return self._checked_scores(self._raw_answer(images), shape, dtype)

    def column_probabilities(self, images: Shaped[np.ndarray, "B ..."]) -> Float64[np.ndarray, "B R"]:
        """The probability of each of its columns, whichever label is asked for; known after the first call.

        Raises
        ------
        ModelError
            If the model fails, or its answer cannot be used.
        """
        shape, dtype = images.shape, images.dtype
        scores, names = scores_of(self._raw_answer(images), shape, dtype)
        self._check_columns(scores, names)
        meaning = self._first.get("meaning", "probability")
        made = SCORES["sigmoid" if meaning == "logit" else meaning](scores)
        return np.ascontiguousarray(made[:, -scores.shape[1] :])

    def count_columns(self, images: Shaped[np.ndarray, "B ..."]) -> int:
        """How many columns it answers with, whichever label is asked for."""
        scores, names = scores_of(self._raw_answer(images), images.shape, images.dtype)
        self._first.setdefault("names", names)
        return int(scores.shape[1])

    def label_scores(
        self, images: Shaped[np.ndarray, "B ..."], others: Sequence["CheckedModel"]
    ) -> tuple[Float64[np.ndarray, "B L"], ...]:
        """What it and views of the same model say of other labels, of one call for them all."""
        shape, dtype = images.shape, images.dtype
        answer = self._raw_answer(images)
        return tuple(one._checked_scores(answer, shape, dtype) for one in (self, *others))

    def of_label(self, view: LabelView) -> "CheckedModel":
        """The same model, asked about another label, or about all classes."""
        made = copy.copy(self)
        made.view, made._first = view, {}
        return made

    def _raw_answer(self, images: Shaped[np.ndarray, "B ..."]) -> object:
        with _name_failed_batch(images.shape, images.dtype):
            return self.backend(self.apply_preprocess(images))

    @property
    def off_host(self) -> bool:
        """Whether `score_masks` makes the images of masks on the model's own device."""
        return self.preprocess is None and self.backend.off_host

    @property
    def is_costly(self) -> bool:
        """Whether a call is known to take long beside arithmetic: a network's, or a server's."""
        return self.backend.is_costly

    def score_masks(
        self,
        image: Shaped[np.ndarray, "H W C"],
        hidden: Shaped[np.ndarray, "H W C"],
        segments: Segments,
        keep: Bool[np.ndarray, "M S"],
        batch_size: int,
    ) -> Iterator[Float64[np.ndarray, "B L"]]:
        """Scores of masks of one image, in batches, where the model is `off_host`."""
        shape = (min(batch_size, len(keep)), *image.shape)
        with _name_failed_batch(shape, image.dtype):
            for answer in self.backend.score_masks(image, hidden, segments, keep, batch_size):
                yield self._checked_scores(answer, (len(answer), *image.shape), image.dtype)

    def suggested_batch_size(self, image: Shaped[np.ndarray, "..."]) -> int | None:
        """Images in a batch that suit the model: its own number, or what its device has room for."""
        if self.batch_size or self.preprocess is not None:
            return self.batch_size
        return self.backend.suggested_batch_size(image)

    @property
    def is_white_box(self) -> bool:
        """Whether the model's inside can be looked at."""
        return self.backend.is_white_box

    def network(self) -> Network:
        """The inside of the model, for the methods that look into it.

        Raises
        ------
        ModelError
            If the model is known by its answers alone.
        """
        inside = self.backend.network(self.apply_preprocess)
        if self.view.label is None:
            return inside
        return LabelNetwork(inside, lambda columns: self.view.column(columns, self.column_names))

    def randomised_copy(self, seed: int) -> "CheckedModel":
        """The model with every weight of its network drawn anew.

        Raises
        ------
        ModelError
            If the model is known by its answers alone.
        """
        self.network()
        return CheckedModel(
            self.backend.randomised_copy(seed),
            output=self.settled_output,
            class_names=self.column_names,
            batch_size=self.batch_size,
            preprocess=self.preprocess,
            view=self.view,
        )

    def apply_preprocess(self, images: Shaped[np.ndarray, "B ..."]) -> Any:
        """Images after the preprocessing, if there is one."""
        if self.preprocess is None:
            return images
        shape, dtype = images.shape, images.dtype
        try:
            return self.preprocess(images)
        except SightlineError:
            raise
        except Exception as error:
            raise ModelError(
                f"preprocess={self.preprocess_name} failed on a batch of "
                f"{batch_text(shape, dtype)}: {type(error).__name__}: {clip_text(error)}. A function "
                "of one PIL image, such as those of torchvision.transforms, goes into sl.per_image: "
                "preprocess=sl.per_image(transform).",
                slug="preprocess-failed",
            ) from error

    @property
    def preprocess_name(self) -> str:
        """What prepares the images, in words; empty where nothing does."""
        before = self.preprocess
        if before is None:
            return self.backend.preprocess_name
        return repr(before) if isinstance(before, per_image) else callable_name(before)

    def _checked_scores(
        self, answer: object, shape: tuple[int, ...], dtype: np.dtype[Any] | str
    ) -> Float64[np.ndarray, "B L"]:
        scores, names = scores_of(answer, shape, dtype)
        self._check_columns(scores, names)
        order = self._given_order(names)
        if order is not None:
            scores = np.ascontiguousarray(scores[:, order])
        whole = scores
        if self.view.label is not None:
            scores = self._label_column(whole)
        meaning = self._first.get("meaning") or self._first.setdefault(
            "meaning", self._column_meaning(scores, whole)
        )
        if meaning == "probability":
            added_up = self._first.get("presumed") == PRESUMED["logit"]
            if not are_probabilities(scores) or (added_up and not _add_up(scores, SUM_ROUNDING)):
                self._refuse_range(scores)
        if meaning == "log-probability" and scores.max() > ROUNDING:
            self._refuse_range(scores)
        said = self._as_log_odds(meaning, scores) if self.scale == "log-odds" else SCORES[meaning](scores)
        return self.view.shifted(said, self.scale)

    def _label_column(self, scores: Float64[np.ndarray, "B R"]) -> Float64[np.ndarray, "B 1"]:
        """The column of the label that is asked for; a softmax has none."""
        columns = scores.shape[1]
        if self.output == "softmax":
            raise softmax_error(repr(self.backend), 'output="softmax" was given')
        if "label" not in self._first:
            refuse_joint_columns(scores, repr(self.backend))
        column = self._first.setdefault("label", self.view.column(columns, self.column_names))
        return np.ascontiguousarray(scores[:, [column]])

    @property
    def _label_text(self) -> str:
        """Which label is asked for, in words."""
        name = self.view.name(self.column_names)
        return f"label {name!r} of {self._first['columns']}"

    def _as_log_odds(self, meaning: str, scores: Float64[np.ndarray, "B R"]) -> Float64[np.ndarray, "B L"]:
        if meaning == "softmax":
            return log_odds_of_logits(scores)
        if meaning == "sigmoid":
            return SCORES["logit"](scores)
        if meaning == "probability":
            return log_odds(as_two_classes(scores))
        if meaning == "log-probability":
            return log_odds_of_logs(scores)
        if not self.says_probabilities:
            refuse_log_odds(f"{self.rule}")
        return checked_log_odds(scores)

    def _column_meaning(self, scores: Float64[np.ndarray, "B R"], whole: Float64[np.ndarray, "B A"]) -> str:
        """What the columns are: a key of `SCORES`; of one column alone, all that there are tell as well."""
        end, single = self._likely_end(scores), scores.shape[1] == 1
        self._first.setdefault("looks", "logits" if end == "logit" else _describe_range(scores))
        if self.output == "softmax" and single:
            raise ModelError(
                'output="softmax" needs a column for each class, but the model returned one column. If it is '
                'a logit of class 1, pass output="sigmoid".',
                slug="model-columns",
            )
        if self._is_told:
            return self.output
        if end == "value":
            raise regressor_error(repr(self.backend))
        network = self.backend.output == "network"
        if end in ("probability", "ratio") and (network or single):
            self._check_unit_range(end, whole)
        if whole.max() <= ROUNDING:
            away = 1.0 if single else float(np.abs(np.exp(scores).sum(axis=1) - 1).max())
            if end == "log-mixture":
                return "log-probability" if single else "softmax"
            if end == "log-probability":
                # The softmax of logarithms that are of all classes is the same, and exact in log-odds.
                return "softmax" if network and away <= SUM_ROUNDING else "log-probability"
            if away <= EXACTLY and not network:
                return "log-probability"  # as of predict_log_proba: logits do not add up so
        if are_probabilities(whole) and end in ("probability", "ratio", None):
            if network and end != "probability" and (single or not _sums_to_one(scores)):
                self._warn_of_guess(single, end)
            return "probability" if single or network else "logit"
        if network:
            if single and np.abs(scores).min() > CERTAIN and self.given_names is None:
                self._warn_of_values(scores)
            return "sigmoid" if single else "softmax"
        return "logit"

    @property
    def _is_told(self) -> bool:
        """Whether `output` says what the columns are, and the end of a network is not to overrule it."""
        seen = self._goes_by_end and self.backend.output_end and self.backend.output == "network"
        return self.output not in ("auto", "network") and not seen

    def _likely_end(self, scores: Float64[np.ndarray, "B R"]) -> End | None:
        """What the model ends in; what ends as logits do, but adds up to 1 in every row, is no logit.

        So do probabilities that a product of matrices mixes, and evidence divided by its sum.
        """
        end = self.backend.output_end
        if self._is_told:
            return end
        if scores.shape[1] == 1:
            return None if end == "mixture" else end
        # A single row of logits may come nearer by chance.
        limit = EXACTLY if len(scores) == 1 else SUM_ROUNDING
        if end in ("logit", "mixture"):
            if not are_probabilities(scores) or not _add_up(scores, limit):
                return "logit"
            self._first.setdefault("presumed", PRESUMED["logit"])
            return "probability"
        if end == "log-mixture" and scores.max() <= ROUNDING and not _sums_to_one(np.exp(scores)):
            self._first.setdefault("presumed", PRESUMED["log-mixture"])
        return end

    def _check_unit_range(self, end: End, scores: Float64[np.ndarray, "B R"]) -> None:
        """Refuse what is made of probabilities and is above 1: percentages, sums, odds."""
        if scores.min() < -ROUNDING or scores.max() <= 1 + ROUNDING:
            return
        kind = "a ratio of probabilities, such as odds," if end == "ratio" else "made of probabilities"
        squash = "sigmoid" if scores.shape[1] == 1 else "softmax"
        raise ModelError(
            f"the outputs of {self.backend!r} are {kind} but go from {scores.min():.6g} to "
            f"{scores.max():.6g}: neither probabilities nor plainly logits. Have it return probabilities: "
            "divide percentages by 100, a sum over networks by their number, and odds o by 1 + o. If they "
            f'are logits, output="{squash}" takes their {squash}; output="logit" keeps them as they are.',
            slug="model-range",
        )

    def _warn_of_values(self, scores: Float64[np.ndarray, "B 1"]) -> None:
        warn(
            f"the one column of {self.backend!r} has values from {scores.min():.6g} to {scores.max():.6g}: "
            "taken for logits of class 1, as they are, they make a probability of 0 or 1 to all digits. If "
            'it is a regressor, explain its value: output="logit", class_names=["value"]. If it is a '
            'classifier, give its images in the range that it was trained on; output="sigmoid" says that '
            "these are logits.",
            slug="model-value",
        )

    def _warn_of_guess(self, single: bool, end: End | None) -> None:
        squash = "sigmoid" if single else "softmax"
        why = "they are a ratio, a share or odds" if end == "ratio" else "how it makes them cannot be seen"
        warn(
            f"the first scores of {self.backend!r} lie within 0 to 1, and {why}: "
            'they are taken for probabilities. If they are, say output="probability" (--output) and this '
            f'is not asked again; if they are logits, output="{squash}" takes their {squash}.',
            slug="model-output",
        )

    def _check_columns(self, scores: Float64[np.ndarray, "B R"], names: tuple[str, ...] | None) -> None:
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
        if columns > 1 and self.given_names is not None and len(self.given_names) == 1:
            raise ModelError(
                f"one class name was given, {self.given_names[0]!r}, but the model returned {columns} "
                "columns of scores: which of them it names is not known. Give class_names with one name a "
                "column, in their order.",
                slug="model-columns",
            )
        known, classes = self._names or self._first.get("names"), max(columns, 2)
        if known is not None and len(known) != classes:
            raise ModelError(
                f"there are {len(known)} class names, but the model returned {columns} "
                f"column{'s' * (columns != 1)} of scores, which is {classes} classes. Give class_names with "
                "one name a class.",
                slug="model-columns",
            )

    def _given_order(self, names: tuple[str, ...] | None) -> tuple[int, ...] | None:
        """The columns in the order in which the user has their names, where the answers tell these."""
        if names is None or self.given_names is None or len(names) == 1:
            return None
        if "order" not in self._first:
            self._first.setdefault("order", order_of_names(_with_negation(self.given_names), names))
        order: tuple[int, ...] | None = self._first["order"]
        return order

    def _refuse_range(self, scores: Float64[np.ndarray, "B R"]) -> None:
        meaning, joint = self.settled_output, "presumed" in self._first
        if meaning == self.output:
            why = f'output="{meaning}" was given'
        elif meaning == "log-probability":
            why = "its first answers were logarithms of probabilities, so they have to stay below 0"
        elif joint:
            why = "its first answers added up to 1 in every row, so they were taken for probabilities"
        else:
            why = "its first answers were within 0 to 1, so they were taken for probabilities"
        sums = scores.sum(axis=1)
        added = f" and rows that add up to {sums.min():.6g} to {sums.max():.6g}" if joint else ""
        raise ModelError(
            f"the model returned scores from {scores.min():.6g} to {scores.max():.6g}"
            f"{added}, but {why}. "
            'If they are logits, pass output="logit", "softmax" or "sigmoid".',
            slug="model-range",
        )


def regressor_error(name: str) -> ModelError:
    """What to say of a regressor, whose answer would be taken for the probability or logit of class 1."""
    return ModelError(
        f"{name} is a regressor: it answers with a value, not with scores of classes. To explain the value, "
        'say so: as_model(model, output="logit", class_names=["value"]); its score of class 1 is then the '
        "value, and that of class 0 its negative.",
        slug="model-regressor",
    )


@contextlib.contextmanager
def _name_failed_batch(shape: tuple[int, ...], dtype: np.dtype[Any] | str) -> Iterator[None]:
    """Errors of the user's own code name the batch it was given."""
    try:
        yield
    except (SightlineError, SightlineWarning):  # the latter where warnings are made errors
        raise
    except Exception as error:
        raise ModelError(
            f"the model failed on a batch of {batch_text(shape, dtype)}: "
            f"{type(error).__name__}: {clip_text(error)}{_signature_hint(error)}",
            slug="model-failed",
        ) from error


def _signature_hint(error: Exception) -> str:
    """What to do where a model wants more than images, such as a patient's age, or no images at all."""
    if isinstance(error, TypeError) and "takes 0 positional arguments but 1 was given" in str(error):
        return (
            ". It looks like a function that makes the model: give what it returns; where a text names it, "
            "as in file.py:model, write model = network() in that file."
        )
    if not isinstance(error, TypeError) or not re.search(r"missing \d+ required positional", str(error)):
        return ""
    return (
        ". A model of an image and more, such as metadata, is given as a function of the images alone: "
        "lambda images: model(images, np.repeat([metadata], len(images), axis=0)), for each image its own."
    )


def _check_preprocess(preprocess: object) -> Any:
    if preprocess is not None and not callable(preprocess):
        raise OptionError(
            f"preprocess must be a function of a batch of images, but {preprocess!r} was given.",
            slug="option-value",
        )
    return preprocess


def _names_for(backend: Backend, given: ClassNames) -> tuple[str, ...]:
    """The given names in the order of the columns: the model's own where it knows them itself.

    Columns of a network or an estimator stay in their places, since its labels are those.
    """
    names = ordered_names(given, backend.class_labels)
    known = backend.class_names
    whole = _with_negation(names)
    order = None if known is None else order_of_names(whole, known)
    if known is None or order is None or order == tuple(range(len(known))):
        return names
    warn(
        f"class_names are in another order than the model's own names of its columns, which was kept: "
        f"{names_hint(known).strip(' ()')}. A class that is asked for by its number is a column of that "
        "order. If the model's names are wrong, correct them there, or call the classes by other names.",
        slug="class-names-order",
    )
    return tuple(whole[order.index(column)] for column in range(len(known)))


def _with_negation(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of both classes, where only that of class 1 was given."""
    return names if len(names) > 1 else (f"not {names[0]}", names[0])


def _describe_range(scores: Float64[np.ndarray, "B R"]) -> str:
    if not are_probabilities(scores):
        return "logits"
    return "probabilities" if _sums_to_one(scores) else "independent probabilities"


def _add_up(scores: Float64[np.ndarray, "B R"], limit: float) -> bool:
    """Whether every row adds up to 1, up to a limit, or to the rounding of numbers in half precision."""
    single = scores.astype(np.float32)
    bfloat = not (single.view(np.uint32) & 0xFFFF).any()
    half = bfloat or bool((single.astype(np.float16) == single).all())
    return bool(np.abs(scores.sum(axis=1) - 1).max() <= (HALF_ROUNDING if half else limit))


def _sums_to_one(scores: Float64[np.ndarray, "B R"]) -> bool:
    return bool(np.abs(scores.sum(axis=1) - 1).max() <= SUM_ROUNDING)
