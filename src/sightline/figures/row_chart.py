"""rows of values → a chart on axes of its own, one line a row, and the columns of text beside it."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sightline.figures.components import NOTE, QUIET
from sightline.figures.layout import ChartArea, TextLine, line_height, text_style, text_width, unit_colour
from sightline.figures.view_model import FAINT
from sightline.render import INK, RealNumber, format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEAD_GAP = 12
"""Pixels between a column's head and the first row."""


@dataclass(frozen=True, kw_only=True)
class RowChart:
    """Where the rows stand, and which values lie between the chart's two sides.

    Parameters
    ----------
    left, top, width : float
        Of the chart, below the heads of its columns, in pixels.
    row_height : float
    n_rows : int
    low, high : float
        Values at its sides.
    ticks : mapping of float to str
        Values, and what is printed below them.
    guides : bool
        Whether a pale line stands at each.
    """

    left: RealNumber
    top: RealNumber
    width: RealNumber
    row_height: RealNumber
    n_rows: int
    low: RealNumber
    high: RealNumber
    ticks: Mapping[float, str]
    guides: bool = True

    def column(
        self,
        texts: Sequence[str],
        anchor: RealNumber,
        *,
        head: str = "",
        align: Literal["left", "right"] = "left",
        size: RealNumber = NOTE,
        bold: Collection[int] = (),
        quiet: Collection[int] = (),
    ) -> Iterator[TextLine]:
        """A text beside each row, under the column's head; those in `bold` and `quiet` are set apart."""
        if head:
            yield TextLine(head, anchor, self.top - HEAD_GAP, NOTE, QUIET, align=align)
        for row, text in enumerate(texts):
            baseline = self.top + self.row_height * (row + 0.5) + 6
            yield TextLine(text, anchor, baseline, size, QUIET if row in quiet else INK, row in bold, align)

    def area(self, draw: "Callable[[Axes], object]") -> ChartArea:
        """The chart itself; on the axes that `draw` is given, rows are 0, 1, 2, … downwards."""

        def draw_on_ticks(axes: "Axes") -> None:
            axes.set(xlim=(self.low, self.high), ylim=(self.n_rows - 0.5, -0.5), facecolor="none")
            axes.spines[:].set_visible(False)
            axes.yaxis.set_visible(False)
            axes.grid(False)
            axes.minorticks_off()
            axes.tick_params("x", bottom=True, top=False, labelbottom=True, labeltop=False, length=0, pad=4)
            axes.set_xticks(list(self.ticks), list(self.ticks.values()), **text_style(NOTE, QUIET))
            for tick in self.ticks if self.guides else ():
                axes.axvline(tick, color=unit_colour(FAINT), linewidth=1, zorder=0, clip_on=False)
            draw(axes)

        height = self.row_height * self.n_rows
        return ChartArea(self.left, self.top, self.width, height, 1.3 * line_height(NOTE), draw_on_ticks)


def effect_chart(
    values: Iterable[float],
    left: RealNumber,
    top: RealNumber,
    width: RealNumber,
    row_height: RealNumber,
    n_rows: int,
) -> RowChart:
    """A chart that holds 0 and all values that are known; 0 and its ends are told where there is room."""
    known = [value for value in values if math.isfinite(value)]
    low, high = min(0.0, *known), max(1e-9, *known)
    room = 1.5 * text_width(format_number(min(low, -high)), NOTE) * (high - low) / width
    ends = {value: format_number(value, sign=value > 0) for value in (low, high) if abs(value) > room}
    return RowChart(
        left=left,
        top=top,
        width=width,
        row_height=row_height,
        n_rows=n_rows,
        low=low,
        high=high,
        ticks={0.0: "0", **ends},
        guides=False,
    )
