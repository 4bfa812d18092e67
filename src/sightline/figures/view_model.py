"""explanation, target → what a figure shows of it and says about it."""

import math
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from sightline import render
from sightline._language import translate as tr
from sightline._resize import resize_smooth
from sightline.errors import OptionError
from sightline.render import BLUE, GREY, PAPER, RED, RealNumber, format_score
from sightline.types import Contrast, Segments, record

if TYPE_CHECKING:
    from sightline.explanation import Explanation

FAINT = (222, 226, 230)
SegmentMask = Bool[np.ndarray, "S"]
# Of any size each, so that images of several sizes may meet in one call.
DrawnImage = UInt8[np.ndarray, "_ _ 3"]
_ROUNDING = 1e-6


@record
class TargetView:
    """What is drawn of one target: the image at the figure's size, and all S values.

    `ids` are the segments of the image: in a reduced one the smallest may be missing. `floor` is where the
    colour scale ends at the least.
    """

    pixels: UInt8[np.ndarray, "H W 3"]
    segments: Segments
    ids: Int[np.ndarray, "s"]
    values: Float[np.ndarray, "S"]
    error: Float[np.ndarray, "S"]
    floor: float = 0.0

    @property
    def undecided(self) -> Bool[np.ndarray, "S"]:
        """Segments that cannot be told from zero."""
        return render.within_error(self.values, self.error)

    @property
    def decided(self) -> Bool[np.ndarray, "S"]:
        """Segments that can."""
        return ~self.undecided

    @property
    def limit(self) -> float:
        """End of the scale that suits this view alone: undecided segments have no colour, so no say."""
        return self.with_floor(render.scale_limit(self.values[self.decided]))

    def with_floor(self, limit: RealNumber) -> float:
        """The end of a scale that fits values, but not below what counts beside the score; 0 of no values."""
        return max(float(limit), self.floor) if limit > 0 else 0.0

    def leading_segments(self, num: int | None, *, positive: bool = False) -> Bool[np.ndarray, "S"]:
        """The `num` segments of largest |value|, zeros left out; None for all.

        If `positive`: of largest value, and as long as any can be told from zero, only such.
        """
        if num is not None and num < 1:
            raise OptionError(f"num must be 1 or more, or None for all, but it is {num}.", slug="figure-num")
        sizes = np.nan_to_num(self.values if positive else np.abs(self.values))
        if positive and (self.decided & (sizes > 0)).any():
            sizes = np.where(self.decided, sizes, 0.0)
        first = np.argsort(-sizes, kind="stable")[:num]
        which = np.zeros(sizes.shape, bool)
        which[first] = sizes[first] >= np.finfo(np.float64).tiny
        return which

    def chosen_segments(self, num: int | None) -> Bool[np.ndarray, "S"]:
        """The `num` leading segments, or every one, zeros too."""
        return np.ones(self.values.shape, bool) if num is None else self.leading_segments(num)

    def pixel_mask(self, which: Bool[np.ndarray, "S"]) -> Bool[np.ndarray, "H W"]:
        """Pixels of those segments."""
        return np.asarray(which[self.ids][self.segments.labels])

    def pixel_heat(self, which: Bool[np.ndarray, "S"]) -> Float[np.ndarray, "H W"]:
        """Values of those of the segments that are told from zero; 0 elsewhere."""
        shown = np.where(which & self.decided, self.values, 0.0)
        return render.segment_heatmap(shown[self.ids], self.segments)


def target_view(explanation: "Explanation", target: int | Contrast | None, size: int) -> TargetView:
    """The target's view with that many pixels on its longer side, about; None for the first target."""
    pixels, segments, ids = render.fit_with_segments(explanation.image, explanation.segments, size)
    at = explanation.index(target)
    return TargetView(pixels, segments, ids, *_shown_values(explanation, at), _scale_floor(explanation, at))


def _scale_floor(explanation: "Explanation", at: int) -> float:
    """Where the target's scale ends at the least; 0 where values have a unit of their own."""
    if is_white_box_result(explanation):
        return 0.0
    ends = (explanation.scores.full[at], explanation.scores.empty[at])
    return render.scale_limit(render.FLOOR * np.abs(np.array(ends)))


def _shown_values(
    explanation: "Explanation", at: int
) -> tuple[Float[np.ndarray, "S"], Float[np.ndarray, "S"]]:
    """Values and their errors; zeros where the score never moved, for there they are rounding."""
    attribution, full = explanation.attribution, explanation.scores.full
    values, error = attribution.values[at], attribution.error[at]
    noise = _ROUNDING * max(abs(float(full[at])), abs(float(attribution.base[at])))
    if math.isnan(attribution.fit[at]) and not (np.abs(values) > noise).any():
        return np.zeros(values.shape), np.zeros(values.shape)
    return values, error


def checked_limit(limit: RealNumber | None, own: RealNumber) -> float:
    """The end of the scale that was asked for, or the image's own.

    Raises
    ------
    OptionError
        If it is negative or not a number.
    """
    if limit is None:
        return own
    if not 0 <= limit < math.inf:
        raise OptionError(
            f"limit, the end of the colour scale, must be 0 or more, but it is {limit}.", slug="figure-limit"
        )
    return float(limit)


def tint_segments(
    seen: TargetView, which: Bool[np.ndarray, "S"], limit: RealNumber, *, outlined: bool = True
) -> UInt8[np.ndarray, "H W 3"]:
    """The image in pale grey under the values of the chosen segments."""
    pixels = render.overlay_heat(seen.pixels, seen.pixel_heat(which), limit)
    pixels = render.hatch_area(pixels, seen.pixel_mask(which & seen.undecided))
    return render.draw_contours(pixels, seen.segments, which[seen.ids] & outlined, PAPER, alpha=0.9)


def draw_flat(
    seen: TargetView, which: Bool[np.ndarray, "S"], limit: RealNumber | None
) -> UInt8[np.ndarray, "H W 3"]:
    """The values of the chosen segments on white, or their sides alone without limit; all outlined."""
    heat = seen.pixel_heat(which)
    pixels = render.diverging_colours(
        np.sign(heat) if limit is None else heat, 1.0 if limit is None else limit
    )
    pixels = render.hatch_area(pixels, seen.pixel_mask(which & seen.undecided))
    return render.draw_contours(pixels, seen.segments, np.ones(seen.segments.count, bool), FAINT)


def tint_by_pixel(
    seen: TargetView, heat: Float[np.ndarray, "H W"], limit: RealNumber
) -> UInt8[np.ndarray, "h w 3"]:
    """The image in pale grey under a heat of pixels, resized smoothly."""
    return render.overlay_heat(seen.pixels, resize_smooth(heat, seen.pixels.shape[:2]), limit)


def outline_segments(seen: TargetView, which: Bool[np.ndarray, "S"]) -> UInt8[np.ndarray, "H W 3"]:
    """The image as it is, the chosen segments outlined in the colour of their side, each on its inside."""
    pixels = seen.pixels.copy()
    pixels[render.inner_rims(seen.segments, which[seen.ids], width=5)] = PAPER
    sides = (
        (GREY, seen.undecided),
        (BLUE, seen.decided & (seen.values < 0)),
        (RED, seen.decided & (seen.values > 0)),
    )
    for colour, side in sides:
        pixels[render.inner_rims(seen.segments, (which & side)[seen.ids], start=1, width=3)] = colour
    return pixels


def evidence_texts(explanation: "Explanation", target: int | Contrast | None = None) -> list[str]:
    """What the target's values rest on: scores, method, calls, fit, whether the leaders are settled."""
    at, attribution = explanation.index(target), explanation.attribution
    fit = float(attribution.fit[at])
    settled = tr("leading segments settled") if attribution.settled else tr("leading segments not settled")
    return [
        ", ".join(score_texts(explanation, target)),
        method_label(explanation),
        tr("{n:,} model calls", n=attribution.calls),
        *([tr("fit {fit}", fit=f"{fit:.2f}".replace("-", "−"))] if math.isfinite(fit) else []),
        *([] if is_white_box_result(explanation) else [settled]),
        *trust_texts(explanation),
    ]


def trust_texts(explanation: "Explanation") -> list[str]:
    """Why the values say little, where they do."""
    weak = [tr("hiding everything hardly changes the score")] if explanation.hides_little else []
    return [*weak, *([tr("saturated: log-odds tell more")] if explanation.saturated else [])]


def unit_text(explanation: "Explanation") -> str:
    """What the values are shares of; empty for heat, which has a unit of its own."""
    return "" if is_white_box_result(explanation) else explanation.unit


def is_white_box_result(explanation: "Explanation") -> bool:
    """Whether the values were read off the network's inside, so that there are no masks to settle them."""
    return explanation.attribution.pixels is not None


def score_texts(
    explanation: "Explanation", target: int | Contrast | None = None, *, short: bool = False
) -> list[str]:
    """The target's score of the image, and of the image with everything hidden."""
    at, scores = explanation.index(target), explanation.scores
    one, logged = explanation.targets[at], explanation.unit == "log-odds"
    full, empty = (format_score(float(part[at])) for part in (scores.full, scores.empty))
    if isinstance(one, Contrast):
        told = (
            tr("log-odds difference {value}", value=full)
            if logged
            else tr("score difference {value}", value=full)
        )
    elif logged:
        likely = format_score(float(scores.classes[one]))
        told = tr("log-odds {value} (probability {likely})", value=full, likely=likely)
    else:
        told = tr("score {value}", value=full)
    hidden = (
        tr("everything hidden {value}", value=empty)
        if short
        else tr("with everything hidden {value}", value=empty)
    )
    return [told, hidden]


def method_name(explanation: "Explanation") -> str:
    """What the attribution is called."""
    given = explanation.plan.attribute
    return str(getattr(given, "__name__", type(given).__name__))


def method_label(explanation: "Explanation") -> str:
    """What the attribution is called, and the layer that it looked at."""
    layer = explanation.attribution.layer
    return method_name(explanation) + (f" at {layer}" if layer else "")


def verdict_text(explanation: "Explanation", target: int | Contrast | None = None) -> str:
    """Why there is nothing to colour, in words; empty if there is something."""
    values, error = _shown_values(explanation, explanation.index(target))
    if render.scale_limit(values[~render.within_error(values, error)]) > 0:
        return ""
    if render.scale_limit(values) == 0:
        if is_white_box_result(explanation):
            method = method_name(explanation)
            return tr("{method} finds nothing that speaks for or against this class.", method=method)
        return tr("Nothing here moves the score.")
    calls = explanation.attribution.calls
    return tr("Nothing here can be told from zero after {n:,} model calls.", n=calls)
