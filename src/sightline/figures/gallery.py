"""explanations → one figure of many images that can be compared."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sightline import render
from sightline._arguments import clear_arguments, describe_value
from sightline._checks import check_whole
from sightline._language import translatable
from sightline._language import translate as tr
from sightline.errors import OptionError
from sightline.figures.components import (
    GAP,
    MARGIN,
    NOTE,
    QUIET,
    CaptionedImage,
    LegendEntry,
    colour_scale,
    figure_title,
    hatched_entry,
    legend_items,
    outline_entry,
    tile_rows,
)
from sightline.figures.layout import (
    FilledBox,
    LayoutItem,
    draw_items,
    fits_width,
    lower_edge,
    shorten_text,
    stack_lines,
    text_width,
    wrap_parts,
)
from sightline.figures.view_model import (
    SegmentMask,
    TargetView,
    checked_limit,
    evidence_texts,
    method_name,
    score_texts,
    target_view,
    tint_segments,
    unit_text,
    verdict_text,
)
from sightline.render import PAPER, RealNumber
from sightline.types import Contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sightline.explanation import Explanation

SIZE = 256
HEADING = 11.0
# From this share of the scale on a tint is seen at a glance.
CLEAR = 0.1
UNCLEAR = translatable("no segment speaks clearly for it")
GallerySection = tuple[str, list[CaptionedImage]]


@clear_arguments
def plot_targets(
    explanation: "Explanation", *, num: int | None = None, limit: RealNumber | None = None, columns: int = 5
) -> "Figure":
    """An overlay for each explained target, all on one scale, so that their tints can be compared.

    Parameters
    ----------
    explanation : Explanation
    num, limit
        As for `overlay`.
    columns : int
        Most images in a row.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import sightline as sl
    >>> model = lambda images: np.stack([images.mean((1, 2)), 1 - images.mean((1, 2))], axis=1)
    >>> both = sl.explain(np.eye(16), model, segment="grid", fill="colour", target=[0, 1], budget=100)
    >>> plot_targets(both).axes[0].texts[0].get_text()
    '2 targets, one scale'
    """
    views = [target_view(explanation, target, SIZE) for target in explanation.targets]
    shown = [seen.chosen_segments(num) for seen in views]
    end = checked_limit(limit, max(seen.limit for seen in views))
    cells: list[CaptionedImage] = []
    for target, seen, which in zip(explanation.targets, views, shown, strict=True):
        words = [
            explanation.name(target),
            *(line for text in _short_scores(explanation, target) for line in _wrap_words(text)),
            *_verdict_lines(explanation, target),
        ]
        cells.append((tint_segments(seen, which, end, outlined=num is not None), words))
    shared = [
        part for part in evidence_texts(explanation)[1:] if not part.startswith(tr("fit {fit}", fit=""))
    ]
    lines = [outline_entry(tr("the leading {n} of each", n=num))] if num is not None else []
    entries = [*hatched_entry(*zip(views, shown, strict=True)), *lines]
    return draw_gallery(
        [("", cells)],
        columns,
        end,
        entries,
        top=tr("{n} targets, one scale", n=len(views)) if len(views) > 1 else tr("1 target"),
        notes=shared,
        unit=unit_text(explanation),
    )


@clear_arguments
def plot_right_and_wrong(
    explanations: Sequence["Explanation"],
    labels: Sequence[int],
    *,
    num: int | None = 8,
    limit: RealNumber | None = None,
    columns: int = 5,
) -> "Figure":
    """Right answers, then wrong ones, each with what spoke for it in red.

    All are on one scale; where no segment reaches a tenth of it, the image says that none speaks clearly.

    Parameters
    ----------
    explanations : sequence of Explanation
        Each with the class that the model chose (its highest score) among its targets.
    labels : sequence of int
        The truth for each.
    num : int, optional
        How many leading segments are shown in each; None for all.
    limit : float, optional
        End of the colour scale; fitted to all values if None.
    columns : int
        Most images in a row.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    OptionError
        If there is no explanation, or not one label for each.
    TargetError
        If the chosen class is not explained.

    Examples
    --------
    >>> import numpy as np
    >>> import sightline as sl
    >>> model = lambda images: np.stack([images.mean((1, 2)), 1 - images.mean((1, 2))], axis=1)
    >>> explained = sl.explain(np.eye(16), model, segment="grid", fill="colour", budget=100)
    >>> plot_right_and_wrong([explained], [0]).axes[0].texts[0].get_text()
    '0 right, 1 wrong'
    """
    check_same_number(explanations, labels, "explanations", "labels")
    said = [int(np.argmax(one.scores.classes)) for one in explanations]
    views = [target_view(one, answer, SIZE) for one, answer in zip(explanations, said, strict=True)]
    shown = [seen.leading_segments(num, positive=True) for seen in views]
    strongest = [render.scale_limit(seen.pixel_heat(which)) for seen, which in zip(views, shown, strict=True)]
    end = checked_limit(limit, max(one.with_floor(own) for one, own in zip(views, strongest, strict=True)))
    clear = [_is_clear(seen, which, end) for seen, which in zip(views, shown, strict=True)]
    lines = _answer_captions(explanations, labels, said, clear)
    cells: list[CaptionedImage] = [
        (tint_segments(seen, which, end), own) for seen, which, own in zip(views, shown, lines, strict=True)
    ]
    right = [label == answer for label, answer in zip(labels, said, strict=True)]
    outlines = outline_entry(
        tr("all that speak for the answer") if num is None else tr("the leading {n} of each", n=num)
    )
    return draw_gallery(
        [
            _answer_section("right", cells, right, clear),
            _answer_section("wrong", cells, [not one for one in right], clear),
        ],
        columns,
        end,
        [*hatched_entry(*zip(views, shown, strict=True)), outlines],
        top=tr("{right} right, {wrong} wrong", right=sum(right), wrong=len(right) - sum(right)),
        notes=[*_methods_and_calls(explanations), *_weak_fills(explanations)],
        unit=unit_text(explanations[0]),
        against=False,
        bold=False,
    )


def _is_clear(seen: TargetView, which: SegmentMask, limit: RealNumber) -> bool:
    return limit > 0 and bool(seen.pixel_heat(which).max() >= CLEAR * limit)


def _answer_section(
    kind: str, cells: Sequence[CaptionedImage], chosen: Sequence[bool], clear: Sequence[bool]
) -> GallerySection:
    """The cells of one kind of answer, under what can be said of them."""
    says = any(map(all, zip(chosen, clear, strict=True)))
    own = [cell for cell, one in zip(cells, chosen, strict=True) if one]
    heads = {
        ("right", True): tr("Right: red spoke for the right answer"),
        ("right", False): tr("Right: no segment spoke clearly for the right answer"),
        ("wrong", True): tr("Wrong: red spoke for the wrong answer"),
        ("wrong", False): tr("Wrong: no segment spoke clearly for the wrong answer"),
    }
    return heads[kind, says], own


def draw_gallery(
    sections: Sequence[GallerySection],
    columns: int,
    limit: RealNumber,
    entries: Sequence[LegendEntry],
    *,
    top: str = "",
    notes: Sequence[str] = (),
    against: bool = True,
    bold: bool = True,
    unit: str = "",
) -> "Figure":
    """Sections of images in rows, over one scale."""
    check_whole("columns", columns)
    filled = [(name, cells) for name, cells in sections if cells]
    columns = max(1, min(columns, max(len(cells) for _, cells in filled)))
    room = max(columns * (SIZE + GAP) - GAP, 400)
    width = room + 2 * MARGIN
    items: list[LayoutItem] = [*figure_title(top, room)] if top else [FilledBox(0, 0, 0, MARGIN - 14, PAPER)]
    items += stack_lines(
        wrap_parts(notes, room, NOTE), MARGIN, lower_edge(items) + 2, size=NOTE, colour=QUIET
    )
    for name, cells in filled:
        headline = wrap_parts(name.split(), room, HEADING, between=" ", bold=True)
        items += stack_lines(headline, MARGIN, lower_edge(items) + 24, size=HEADING, bold=True)
        items += tile_rows(cells, columns, SIZE, lower_edge(items) + 12, bold=bold)
    speaks = "" if against else tr("for the answer {most}", most="{most}")
    items += colour_scale(
        limit, MARGIN, lower_edge(items) + 24, 400, speaks=speaks, against=against, unit=unit
    )
    items += legend_items(entries, MARGIN, lower_edge(items) + 14, room)
    return draw_items(items, width, lower_edge(items) + MARGIN)


def _short_scores(explanation: "Explanation", target: int | Contrast) -> list[str]:
    """Score and score with everything hidden, in few words."""
    return score_texts(explanation, target, short=True)


def _verdict_lines(explanation: "Explanation", target: int | Contrast) -> list[str]:
    return _wrap_words(verdict_text(explanation, target))


def _wrap_words(text: str) -> list[str]:
    return wrap_parts(text.split(), SIZE, NOTE, between=" ")


def _methods_and_calls(explanations: Sequence["Explanation"]) -> list[str]:
    """Methods and model calls of all of them together."""
    methods = dict.fromkeys(method_name(one) for one in explanations)
    calls = sum(one.attribution.calls for one in explanations)
    return [", ".join(methods), tr("{n:,} model calls", n=calls)]


def _weak_fills(explanations: Sequence["Explanation"]) -> list[str]:
    """How often hiding hides nothing, if it does."""
    weak = sum(one.hides_little for one in explanations)
    if not weak:
        return []
    many = len(explanations)
    return [tr("in {few} of {many} hiding everything hardly changes the score", few=weak, many=many)]


def _answer_captions(
    explanations: Sequence["Explanation"], labels: Sequence[int], said: Sequence[int], clear: Sequence[bool]
) -> list[list[str]]:
    """What was true and said, in one line if that fits everywhere, in two if not; and what it rests on."""
    every = list(zip(explanations, labels, said, strict=True))
    true = [tr("true: {name}", name=_short_class_name(one, int(label))) for one, label, _ in every]
    told = [tr("said: {name}", name=_short_class_name(one, answer)) for one, _, answer in every]
    sure = [f" ({one.scores.classes[answer]:.2f})" for one, _, answer in every]
    if all(fits_width(f"{a}, {b}{c}", SIZE, NOTE) for a, b, c in zip(true, told, sure, strict=True)):
        lines = [[f"{a}, {b}{c}"] for a, b, c in zip(true, told, sure, strict=True)]
    else:
        room = [SIZE - text_width(c, NOTE) for c in sure]
        lines = [[a, shorten_text(b, r, NOTE) + c] for a, b, c, r in zip(true, told, sure, room, strict=True)]
    return [
        [
            *own,
            # The number above is a probability, whatever the values are shares of.
            _short_scores(one, answer)[1] + (tr(" in log-odds") if one.unit == "log-odds" else ""),
            *(_verdict_lines(one, answer) or ([] if sure else _wrap_words(tr(UNCLEAR)))),
        ]
        for own, sure, (one, _, answer) in zip(lines, clear, every, strict=True)
    ]


def _short_class_name(explanation: "Explanation", label: int) -> str:
    """The class's name, or its bare number: many of them share little room."""
    return explanation.name(label) if explanation.class_names else str(label)


def check_same_number(these: Any, those: Any, name: str, other: str) -> None:
    """Refuse nothing to draw, and words that are not one for each.

    Raises
    ------
    OptionError
    """
    for what, given in ((name, these), (other, those)):
        listed = hasattr(given, "__len__") and hasattr(given, "__getitem__")
        if not listed or isinstance(given, bytes) or getattr(given, "shape", (1,)) == ():
            raise OptionError(
                f"this figure needs {what} in a list, but {describe_value(given)} was given.",
                slug="figure-images",
            )
    if len(these) == 0 or len(these) != len(those):
        raise OptionError(
            f"this figure needs {name} and as many {other}, but {len(these)} {name} and {len(those)} "
            f"{other} were given.",
            slug="figure-number",
        )
