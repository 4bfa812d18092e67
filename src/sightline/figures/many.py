"""explanations or images → one figure of many pictures that can be compared."""

from collections.abc import Iterable, Sequence, Sized
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Shaped

from sightline import render
from sightline.errors import OptionError
from sightline.figures.parts import (
    GAP,
    MARGIN,
    NOTE,
    QUIET,
    Cell,
    Entry,
    hatched,
    legend,
    scale,
    tiles,
    title,
)
from sightline.figures.sheet import Box, Item, bottom, fits, measure, page, shorten, stack, wrap
from sightline.figures.view import (
    Explained,
    Picture,
    View,
    checked,
    evidence,
    method,
    tinted,
    verdict,
    view,
)
from sightline.render import PAPER, Number
from sightline.types import Segments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = 256
HEADING = 11.0
Section = tuple[str, list[Cell]]


def targets(
    explanation: Explained, *, num: int | None = None, limit: Number | None = None, columns: int = 5
) -> "Figure":
    """An overlay for each explained target, all on one scale, so that their tints can be compared.

    Parameters
    ----------
    explanation : Explained
    num, limit
        As for `overlay`.
    columns : int
        Most pictures in a row.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import sightline as sl
    >>> model = lambda images: np.stack([images.mean((1, 2)), 1 - images.mean((1, 2))], axis=1)
    >>> both = sl.explain(np.eye(16), model, segment="grid", fill="colour", target=[0, 1], budget=100)
    >>> targets(both).axes[0].texts[0].get_text()
    '2 targets, one scale'
    """
    views = [view(explanation, target, SIZE) for target in explanation.targets]
    shown = [seen.chosen(num) for seen in views]
    end = checked(limit, max(seen.limit for seen in views))
    cells: list[Cell] = []
    for target, seen, which in zip(explanation.targets, views, shown, strict=True):
        words = [explanation.name(target), evidence(explanation, target)[0], *_reason(explanation, target)]
        cells.append((tinted(seen, which, end, outlined=num is not None), words))
    shared = [part for part in evidence(explanation)[1:] if not part.startswith("fit")]
    entries = _hatched_in(views, shown)
    return gallery(
        [("", cells)],
        columns,
        end,
        entries,
        top=f"{len(views)} targets, one scale" if len(views) > 1 else "1 target",
        notes=shared,
    )


def grid(
    images: Sequence[Any] | Shaped[np.ndarray, "N ..."],
    titles: Sequence[object] | Shaped[np.ndarray, "N"],
    *,
    columns: int = 5,
    heading: str = "",
) -> "Figure":
    """Pictures in rows, each under its title.

    Parameters
    ----------
    images : sequence of arrays, shape (H, W) or (H, W, C), or one array of them
        Of any size, dtype and range.
    titles : sequence
        One for each image; what is too long is shortened.
    columns : int
        Most pictures in a row.
    heading : str
        Above all of them.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    OptionError
        If there is no image, or not one title for each.

    Examples
    --------
    >>> import numpy as np
    >>> grid([np.eye(8), np.ones((8, 8))], ["an eye", "white"]).axes[0].texts[1].get_text()
    'white'
    """
    _same_number(images, titles, "images", "titles")
    pictures = [_small(np.asarray(image)) for image in images]
    cells: list[Cell] = [(small, [str(words)]) for small, words in zip(pictures, titles, strict=True)]
    return gallery([("", cells)], columns, 0.0, [], top=heading)


def right_and_wrong(
    explanations: Sequence[Explained],
    labels: Sequence[int],
    *,
    num: int | None = 8,
    limit: Number | None = None,
    columns: int = 5,
) -> "Figure":
    """Right answers with what they rest on in red, then wrong ones with what misled the model in red.

    Each picture shows what speaks for the class that the model chose, on one scale for all.

    Parameters
    ----------
    explanations : sequence of Explained
        Each with the class that the model chose (its highest score) among its targets.
    labels : sequence of int
        The truth for each.
    num : int, optional
        How many leading segments are shown in each; None for all.
    limit : float, optional
        End of the colour scale; fitted to all values if None.
    columns : int
        Most pictures in a row.

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
    >>> right_and_wrong([explained], [0]).axes[0].texts[0].get_text()
    '0 right, 1 wrong'
    """
    _same_number(explanations, labels, "explanations", "labels")
    said = [int(np.argmax(one.scores.classes)) for one in explanations]
    views = [view(one, answer, SIZE) for one, answer in zip(explanations, said, strict=True)]
    shown = [seen.leading(num, positive=True) for seen in views]
    strongest = [render.limit_of(seen.heat(which)) for seen, which in zip(views, shown, strict=True)]
    end = checked(limit, max(strongest))
    words = _answers(explanations, labels, said)
    right: list[Cell] = []
    wrong: list[Cell] = []
    for label, answer, seen, which, lines in zip(labels, said, views, shown, words, strict=True):
        (right if label == answer else wrong).append((tinted(seen, which, end), lines))
    return gallery(
        [("Right: red is what the answer rests on", right), ("Wrong: red is what misled the model", wrong)],
        columns,
        end,
        _hatched_in(views, shown),
        top=f"{len(right)} right, {len(wrong)} wrong",
        notes=_cost(explanations),
        against=False,
        bold=False,
    )


def gallery(
    sections: Sequence[Section],
    columns: int,
    limit: Number,
    entries: Sequence[Entry],
    *,
    top: str = "",
    notes: Sequence[str] = (),
    against: bool = True,
    bold: bool = True,
) -> "Figure":
    """Sections of pictures in rows, over one scale."""
    filled = [(name, cells) for name, cells in sections if cells]
    columns = max(1, min(columns, max(len(cells) for _, cells in filled)))
    room = max(columns * (SIZE + GAP) - GAP, 400)
    width = room + 2 * MARGIN
    items: list[Item] = [*title(top, room)] if top else [Box(0, 0, 0, MARGIN - 14, PAPER)]
    items += stack(wrap(notes, room, NOTE), MARGIN, bottom(items) + 2, size=NOTE, colour=QUIET)
    for name, cells in filled:
        headline = wrap(name.split(), room, HEADING, between=" ", bold=True)
        items += stack(headline, MARGIN, bottom(items) + 24, size=HEADING, bold=True)
        items += tiles(cells, columns, SIZE, bottom(items) + 12, bold=bold)
    speaks = "for" if against else "for the answer"
    items += scale(limit, MARGIN, bottom(items) + 24, 400, speaks=speaks, against=against)
    items += legend(entries, MARGIN, bottom(items) + 14, room)
    return page(items, width, bottom(items) + MARGIN)


def _small(image: Shaped[np.ndarray, "..."]) -> Picture:
    whole = Segments(np.zeros(image.shape[:2], np.intp))
    pixels, _, _ = render.fit(image, whole, SIZE)
    return pixels


def _hatched_in(views: Iterable[View], shown: Iterable[Bool[np.ndarray, "_"]]) -> list[Entry]:
    """One entry for all the pictures."""
    return [entry for seen, which in zip(views, shown, strict=True) for entry in hatched(seen, which)][:1]


def _reason(explanation: Explained, target: Any) -> list[str]:
    return wrap(verdict(explanation, target).split(), SIZE, NOTE, between=" ")


def _cost(explanations: Sequence[Explained]) -> list[str]:
    """Methods and model calls of all of them together."""
    methods = dict.fromkeys(name for one in explanations for name in method(one))
    calls = sum(one.attribution.calls for one in explanations)
    return [", ".join(methods), f"{calls:,} model calls"] if methods else [f"{calls:,} model calls"]


def _answers(
    explanations: Sequence[Explained], labels: Sequence[int], said: Sequence[int]
) -> list[list[str]]:
    """What was true and what was said, in one line if that fits everywhere, in two if not."""
    every = list(zip(explanations, labels, said, strict=True))
    true = [f"true: {_called(one, int(label))}" for one, label, _ in every]
    told = [f"said: {_called(one, answer)}" for one, _, answer in every]
    sure = [f" ({one.scores.classes[answer]:.2f})" for one, _, answer in every]
    if all(fits(f"{a}, {b}{c}", SIZE, NOTE) for a, b, c in zip(true, told, sure, strict=True)):
        lines = [[f"{a}, {b}{c}"] for a, b, c in zip(true, told, sure, strict=True)]
    else:
        room = [SIZE - measure(c, NOTE) for c in sure]
        lines = [[a, shorten(b, r, NOTE) + c] for a, b, c, r in zip(true, told, sure, room, strict=True)]
    return [[*own, *_reason(one, answer)] for own, (one, _, answer) in zip(lines, every, strict=True)]


def _called(explanation: Explained, label: int) -> str:
    """The class's name, or its bare number: many of them share little room."""
    return explanation.name(label) if explanation.class_names else str(label)


def _same_number(these: Sized, those: Sized, name: str, other: str) -> None:
    if len(these) == 0 or len(these) != len(those):
        raise OptionError(
            f"this figure needs {name} and as many {other}, but {len(these)} {name} and {len(those)} "
            f"{other} were given.",
            slug="figure-number",
        )
