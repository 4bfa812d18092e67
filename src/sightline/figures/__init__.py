"""explanations → matplotlib figures, made of render's pictures.

Every figure says which target it is about, what the model scored, what the explanation cost and how
well it fits, and prints the limits of its scale; figures with the same `limit` can be compared.
Segments that cannot be told from zero are hatched or grey, never coloured.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sightline.errors import OptionError
from sightline.figures.atlas import atlas
from sightline.figures.bars import bars
from sightline.figures.blame import blame
from sightline.figures.compare import compare
from sightline.figures.many import grid, right_and_wrong, targets
from sightline.figures.one import contours, heat, overlay, panel
from sightline.figures.page import page
from sightline.figures.pixel import pixels
from sightline.figures.proof import proof
from sightline.figures.regions import regions
from sightline.figures.sheet import png
from sightline.figures.view import Explained
from sightline.render import Number
from sightline.types import Contrast, nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Explained",
    "plot",
    "panel",
    "overlay",
    "heat",
    "contours",
    "bars",
    "targets",
    "grid",
    "right_and_wrong",
    "pixels",
    "compare",
    "regions",
    "atlas",
    "blame",
    "page",
    "proof",
    "png",
]

KINDS: dict[str, tuple[Callable[..., "Figure"], tuple[str, ...]]] = {
    "panel": (panel, ("target", "num", "limit")),
    "overlay": (overlay, ("target", "num", "limit")),
    "contours": (contours, ("target", "num")),
    "bars": (bars, ("target", "num")),
    "heat": (heat, ("target", "num", "limit")),
    "targets": (targets, ("num", "limit")),
    "pixels": (pixels, ("target", "limit")),
}
"""What each kind of figure is drawn by, and which parameters it takes."""


def plot(
    explanation: Explained,
    kind: str = "panel",
    target: int | Contrast | None = None,
    *,
    num: int | None = None,
    limit: Number | None = None,
) -> "Figure":
    """A figure by the name of its kind: panel, overlay, contours, bars, heat, targets or pixels.

    Parameters
    ----------
    explanation : Explained
    kind : str
    target : int or Contrast, optional
        One of the explained targets; the first if None. Not for ``"targets"``, which shows all.
    num : int, optional
        How many leading segments are shown; the kind's own default if None.
    limit : float, optional
        End of the colour scale in units of the score; not for contours and bars.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    OptionError
        If there is no such kind, or the kind has no such parameter.
    TargetError
        If the target is not explained here.

    Examples
    --------
    >>> import numpy as np
    >>> import sightline as sl
    >>> model = lambda images: np.stack([images.mean((1, 2)), 1 - images.mean((1, 2))], axis=1)
    >>> explained = sl.explain(np.eye(16), model, segment="grid", fill="colour", budget=100)
    >>> plot(explained, "overlay").get_dpi()
    144
    """
    if kind not in KINDS:
        raise OptionError(f"there is no figure {kind!r}. {nearest(kind, KINDS)}", slug="figure-kind")
    draw, takes = KINDS[kind]
    options = {"target": target, "num": num, "limit": limit}
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in takes:
            raise OptionError(
                f"a figure of kind {kind!r} has no {name}. {nearest(name, takes)}", slug="figure-option"
            )
    return draw(explanation, **given)
