"""Explanation: all that is needed to draw what a model looked at, and to repeat it."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

import numpy as np
from jaxtyping import Float, Int, Shaped

from sightline._arguments import check_choice, clear_arguments
from sightline._checks import check_whole
from sightline._class_names import class_text
from sightline._language import translatable
from sightline._notebook_html import result_html
from sightline._optional import require
from sightline._printing import printable_text
from sightline._scales import are_probabilities, are_saturated
from sightline._value_range import range_note
from sightline.engine import convergence
from sightline.engine.attribute import Occlusion
from sightline.engine.estimators import strongest_pairs
from sightline.engine.hiding import hides_little
from sightline.engine.image import unit_rgb
from sightline.engine.plan import Plan
from sightline.errors import OptionError, TargetError
from sightline.types import Attribution, Contrast, Scores, Segments, record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAIR = 0.7
"""Fit from which on an additive model of probabilities is fair, however near to 0 and 1 they are."""
Sign = Literal["for", "against", "both"]


class Leader(NamedTuple):
    """A segment, what it speaks for (positive) or against (negative), and how sure that is."""

    segment: int
    value: float
    error: float


class PairEffect(NamedTuple):
    """Two segments, and what they do together beyond what each does alone, and how sure that is.

    Positive: the score needs both, or either is worth more beside the other; negative: either is worth
    less, as where both show the same.
    """

    a: int
    b: int
    value: float
    error: float


@record
class Explanation:
    """What speaks for and against each explained target, segment by segment, in one image.

    Made by `sightline.explain`; every method takes `target`, one of `targets` (or its class name), and
    means the first of them when it is left out.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C)
        As it was given, untouched.
    plan : Plan
        With it, the image and the model, `sightline.explain` repeats the explanation.
    segments : Segments
    scores : Scores
    attribution : Attribution
    class_names : tuple of str, optional
        Names of the model's classes, in its order.
    guesses : tuple of str
        What was taken for granted of the model's columns, in words.
    """

    image: Shaped[np.ndarray, "..."]
    plan: Plan
    segments: Segments
    scores: Scores
    attribution: Attribution
    class_names: tuple[str, ...] | None = None
    guesses: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[int | Contrast, ...]:
        """What is explained: classes, or contrasts of two."""
        return self.scores.targets

    @clear_arguments
    def name(self, target: int | Contrast) -> str:
        """What to call a target: its class name where there is one, else ``class 3``."""
        if isinstance(target, Contrast):
            return f"{self.name(target.a)} rather than {self.name(target.b)}"
        return class_text(int(target), self.class_names)

    @clear_arguments
    def index(self, target: int | str | Contrast | None = None) -> int:
        """Position of a target among the K explained ones.

        Raises
        ------
        TargetError
            If the target was not explained.
        """
        if target is None:
            return 0
        for k, known in enumerate(self.targets):
            if target == known or target == self.name(known):
                return k
        explained = ", ".join(f"{t!r} ({self.name(t)})" for t in self.targets)
        raise TargetError(
            f"{target!r} was not explained, only {explained}. Ask for it: explain(..., target={target!r}).",
            slug="target-unexplained",
        )

    @clear_arguments
    def top(self, n: int = 5, target: int | str | Contrast | None = None) -> list[Leader]:
        """The `n` segments that matter most, by the size of their value."""
        k, n = self.index(target), check_whole("n", n, 0)
        values, error = self.attribution.values[k], self.attribution.error[k]
        order = np.argsort(-np.abs(values), kind="stable")[:n]
        return [Leader(int(i), float(values[i]), float(error[i])) for i in order]

    @clear_arguments
    def pairs(self, n: int = 5, target: int | str | Contrast | None = None) -> list[PairEffect]:
        """The `n` pairs of segments that do most together, by the size of their effect.

        The effect is Shapley's interaction index of `Shapley`, and Banzhaf's of `Lime`, `Banzhaf` and `Rise`:
        the mean of f(both) − f(a) − f(b) + f(neither) over masks of the others (Grabisch 2016). A Gaussian
        process is fitted to the masks that were asked, whoever answered; no call is spent. It is exact where
        all masks were asked. Masks of a small budget may not tell a pair from another one: then its error is
        as large as its effect, and a larger budget tells.

        Raises
        ------
        OptionError
            If the masks tell nothing of pairs, as those of occlusion, or were not kept, as in a study.
        """
        k, n = self.index(target), check_whole("n", n, 1)
        found = strongest_pairs(self.plan, self.scores, k, n)
        return [
            PairEffect(int(a), int(b), float(value), float(error))
            for (a, b), value, error in zip(*found, strict=True)
        ]

    @clear_arguments
    def mask(
        self,
        target: int | str | Contrast | None = None,
        *,
        sign: Sign = "for",
        num: int | None = None,
        significant: bool | None = None,
    ) -> Int[np.ndarray, "H W"]:
        """Where the segments are that speak for the target, against it, or both.

        Parameters
        ----------
        target : optional
        sign : {"for", "against", "both"}
        num : int, optional
            Only the largest so many; all by default.
        significant : bool, optional
            Leave out segments that cannot be told from zero at 95 %. By default so of the `num` largest that
            speak for the target, as long as one can be told: as the figure's mask does.

        Returns
        -------
        int array, shape (H, W)
            1 where a chosen segment speaks for the target, −1 where against, 0 elsewhere. The mask of
            ``plot("panel")`` is that of ``num=8``.
        """
        values = np.nan_to_num(self.attribution.values[self.index(target)])
        wanted = {"for": values > 0, "against": values < 0, "both": values != 0}
        check_choice("sign", sign, wanted)
        num = None if num is None else check_whole("num", num, 0)
        chosen = wanted[sign]
        told = chosen & ~convergence.undecided_segments(self.attribution)[self.index(target)]
        if significant or (significant is None and num is not None and sign == "for" and told.any()):
            chosen = told
        order = np.argsort(-np.where(chosen, np.abs(values), -1), kind="stable")
        kept = np.zeros(len(values), dtype=bool)
        kept[order[:num]] = True
        return np.asarray((np.sign(values) * (chosen & kept)).astype(np.int64)[self.segments.labels])

    @clear_arguments
    def heatmap(
        self, target: int | str | Contrast | None = None, *, each: Literal["segment", "pixel"] = "segment"
    ) -> Float[np.ndarray, "H W"]:
        """The value of each pixel's segment, or each pixel's own heat.

        Parameters
        ----------
        target : optional
        each : {"segment", "pixel"}
            Pixels have a heat of their own where the method looks inside the network.

        Returns
        -------
        float array, shape (H, W)
            In units of the model's score; without a unit for class activation maps.

        Raises
        ------
        OptionError
            If there is no heat of single pixels.
        """
        k, made = self.index(target), self.attribution
        if check_choice("each", each, ("segment", "pixel")) == "segment":
            return np.asarray(made.values[k][self.segments.labels])
        if made.pixels is None:
            raise OptionError(
                f"{type(self.plan.attribute).__name__} has a value for each segment, and none for single "
                "pixels: leave out each=.",
                slug="option-value",
            )
        return np.asarray(made.pixels[k])

    @overload
    def plot(
        self,
        kind: str | None = ...,
        target: int | str | Contrast | None = ...,
        *,
        ax: None = ...,
        num: int | None = ...,
        limit: float | None = ...,
    ) -> "Figure": ...

    @overload
    def plot(
        self,
        kind: str | None = ...,
        target: int | str | Contrast | None = ...,
        *,
        ax: object,
        num: int | None = ...,
        limit: float | None = ...,
    ) -> "Axes": ...

    @clear_arguments
    def plot(
        self,
        kind: str | None = None,
        target: int | str | Contrast | None = None,
        *,
        ax: object = None,
        num: int | None = None,
        limit: float | None = None,
    ) -> "Figure | Axes":
        """A matplotlib figure, which a notebook shows; or one image or chart in axes of your own.

        Parameters
        ----------
        kind : {"panel", "overlay", "heat", "contours", "bars", "pairs", "targets", "pixels"}, optional
            ``"panel"``, the default, is a 2×2 figure: for, for and against, image, mask. ``"pairs"`` links
            segments that do something together. ``"pixels"`` is for methods that look inside.
        target : optional
        ax : matplotlib.axes.Axes, optional
            Axes to draw into, which are returned; the kind is then ``"overlay"`` by default, and may be
            ``"heat"``, ``"contours"``, ``"bars"`` or ``"pixels"``.
        num : int, optional
            Most segments to draw; each kind has its own default.
        limit : float, optional
            End of the colour scale, to compare figures; by default fitted to the values.
        """
        from sightline import figures

        chosen = None if target is None else self.targets[self.index(target)]
        return figures.plot(self, kind, chosen, ax=ax, num=num, limit=limit)

    @clear_arguments
    def save(self, path: str | Path) -> Path:
        """Write everything to one ``.npz`` file, without pickle; `load` reads it back.

        A segmenter that is a function comes back as `Given`, with the segments that it made.

        Raises
        ------
        FileError
            If the folder is not there, or cannot be written to.
        """
        from sightline.explanation_io import save

        return save(self, Path(path))

    @classmethod
    @clear_arguments
    def load(cls, path: str | Path) -> "Explanation":
        """Read what `save` wrote; the ending ``.npz`` may be left out.

        Raises
        ------
        FileError
            If the file is not a saved explanation, or of a newer layout.
        """
        from sightline.explanation_io import load

        return load(Path(path))

    def to_shap(self) -> Any:
        """A ``shap.Explanation`` of one image, which ``shap.image_plot`` draws.

        Each segment's value is spread evenly over its pixels and channels, so sums are kept.

        Raises
        ------
        MissingExtra
            If shap is not installed.
        """
        shap = require("shap", extra="shap")
        pixels = unit_rgb(self.image)
        per_pixel = self.attribution.values / (self.segments.areas * pixels.shape[2])
        spread = np.moveaxis(per_pixel[:, self.segments.labels], 0, -1)  # H W K
        values = np.repeat(spread[np.newaxis, :, :, np.newaxis, :], pixels.shape[2], axis=3)
        return shap.Explanation(
            values=values,
            base_values=self.attribution.base[np.newaxis],
            data=pixels[np.newaxis],
            output_names=[self.name(target) for target in self.targets],
        )

    @property
    def estimator(self) -> str | None:
        """What the values were learned by: ``"regression"``, ``"gaussian-process"``, or None of neither.

        Why by that one is `attribution.reason`.
        """
        return self.attribution.estimator

    @clear_arguments
    def relative_error(self, target: int | str | Contrast | None = None) -> float:
        """The size that a target's errors are expected to have together, as a share of the values' size.

        Both sizes are square roots of sums of squares; 0 where the values are exact.
        """
        return float(convergence.relative_error(self.attribution)[self.index(target)])

    def __repr__(self) -> str:
        told = np.isfinite(self.attribution.error[0]).all()
        leaders = self.top(3) if told else []
        guesses = [f"  guess: {one}" for one in self.guesses]
        return "\n".join(
            [self._headline(), *self._estimator_lines(), *guesses, *map(self._leader_line, leaders)]
        )

    def _estimator_lines(self) -> list[str]:
        """What the values were learned by, why, how large the errors are, and why an open budget ended."""
        made = self.attribution
        if made.estimator is None:
            return []
        notes = ["by a Gaussian process" if made.estimator == "gaussian-process" else "by regression"]
        if made.reason:
            notes[0] += f" ({made.reason})"
        share = self.relative_error()
        if share == 0 and self._leaves_nothing_open:
            notes.append("exact")
        elif np.isfinite(share):
            notes.append(f"errors {100 * share:.2g} % of the values")
        if made.stopped:
            notes.append(f"ended as {made.stopped}")
        return [f"  {', '.join(notes)}{f'. {made.hint}' if made.hint else ''}"]

    @property
    def _leaves_nothing_open(self) -> bool:
        """Whether no other mask could change the values: a fit without errors is no proof of that."""
        every = self.attribution.calls >= 2.0 ** min(self.segments.count, 1000)
        return every or isinstance(self.plan.attribute, Occlusion) or bool(np.isnan(self.attribution.fit[0]))

    def _headline(self) -> str:
        made = self.attribution
        shape = "×".join(map(str, self.image.shape))
        note = range_note(self.image)
        drawn = f" (drawn with {note})" if note else ""
        how = type(self.plan.attribute).__name__ + (f" at {printable_text(made.layer)}" if made.layer else "")
        return (
            f"Explanation of {self.name(self.targets[0])} ({self._score_name()} {self.scores.full[0]:.3g}, "
            f"with everything hidden {self.scores.empty[0]:.3g}) in an image of {shape}{drawn}: {how}, "
            f"{self.segments.count} segments, {made.calls} calls{self._trust_note()}"
        )

    def _trust_note(self) -> str:
        """How far to trust the values, for a headline."""
        made = self.attribution
        if made.pixels is not None:
            return ""
        if not np.isfinite(made.error).all():
            return ", too few masks to tell how wrong"
        if np.isnan(made.fit[0]):
            return ", the score never moved"
        notes = [f"fit {made.fit[0]:.2f}", self._settled_note()]
        if self.hides_little:
            notes.append("hiding everything hardly changes the score: try another fill")
        if self.saturated:
            notes.append('saturated: scale="log-odds" tells more')
        return f", {', '.join(notes)}"

    def _settled_note(self) -> str:
        """Whether the leading segments are told from the rest, and if not, how far it is known."""
        made = self.attribution
        if made.settled:
            return "settled"
        if not made.error.any():
            return "not settled: all masks were asked, but none twice, so the model may be random"
        near = (made.error[0] <= convergence.CLOSE * np.abs(made.values[0]).max()).all()
        return f"not settled{', but no error is above 2 % of the largest value' if near else ''}"

    @property
    def unit(self) -> str:
        """What values are shares of: ``"log-odds"``, ``"probability"`` or, of other models, ``"score"``."""
        if self.plan.scale == "log-odds":
            return "log-odds"
        known = self.scores.classes[np.isfinite(self.scores.classes)]
        return translatable("probability") if len(known) and are_probabilities(known) else "score"

    @property
    def saturated(self) -> bool:
        """Whether nearly all answers were within 0.01 of 0 or 1, as far as they are kept, and the fit is low.

        Then a probability moves in steps, if at all, and ``scale="log-odds"`` tells more.
        """
        one = self.targets[0]
        probability = self.unit == "probability" and not isinstance(one, Contrast)
        stepwise = bool(self.attribution.fit[0] < FAIR)
        return probability and stepwise and are_saturated(self.scores.values[:, 0])

    def _score_name(self) -> str:
        return "log-odds" if self.plan.scale == "log-odds" else "score"

    @property
    def hides_little(self) -> bool:
        """Whether hiding hardly changes a score near 1, beside which the values are tiny.

        Then they say next to nothing: of the image, or of a fill that hides too little.
        """
        first = float(self.scores.full[0]), float(self.scores.empty[0]), self.attribution.values[0]
        inside = self.attribution.pixels is not None  # heat of a unit of its own
        return not inside and hides_little(*first, self.scores.classes, self.plan.scale)

    @staticmethod
    def _leader_line(leader: Leader) -> str:
        if not leader.error:
            return f"  segment {leader.segment:3d}  {leader.value:+.4g}"
        digits = 4 if not leader.error < 5e-5 else 1 - math.floor(math.log10(leader.error))
        return f"  segment {leader.segment:3d}  {leader.value:+.{digits}f} ± {leader.error:.{digits}f}"

    def _repr_png_(self) -> bytes:
        from sightline import figures

        return figures.figure_to_png(self.plot())

    def _repr_html_(self) -> str:
        head = "; ".join(map(str.strip, [self._headline(), *self._estimator_lines()]))
        rows = [
            (str(one.segment), f"{one.value:+.4f}", f"± {one.error:.4f}" if np.isfinite(one.error) else "")
            for one in self.top()
        ]
        return result_html(
            head,
            figure=self.plot,
            sentences=[f"guess: {one}" for one in self.guesses],
            tables=[[("segment", "value", "standard error"), *rows]],
        )
