"""what many explanations have in common → one figure: kinds of answers, difference, groups of errors."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from sightline import render
from sightline.figures.many import SIZE, Section, gallery
from sightline.figures.parts import Cell, swatch
from sightline.types import Segments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CELLS = 10
UNTOLD = (swatch(render.PAPER, hatched=True), "may be chance: at most 5 % of the rest is false")


@runtime_checkable
class Averaged(Protocol):
    """Mean attribution of some images, and their mean."""

    @property
    def name(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def mean(self) -> Any: ...
    @property
    def error(self) -> Any: ...
    @property
    def image(self) -> Any: ...


@runtime_checkable
class Mapped(Protocol):
    """What `sightline.atlas` makes."""

    @property
    def by(self) -> str: ...
    @property
    def cells(self) -> Sequence[Averaged]: ...
    @property
    def difference(self) -> Any: ...
    @property
    def told(self) -> Any: ...
    @property
    def groups(self) -> Sequence[Any]: ...


def atlas(atlas: Mapped) -> "Figure":
    """Mean attribution over the mean image of each kind of answer, on one scale; difference; groups.

    Red is what speaks for the predicted class, blue what speaks against it. In the difference red is what
    wrong answers rest on more than right ones do; hatched is where that may be chance.

    Parameters
    ----------
    atlas : Atlas

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> sightline.figures.atlas(sightline.atlas(study))  # doctest: +SKIP
    """
    shown = list(atlas.cells)[:MOST_CELLS]
    groups = atlas.groups if len(atlas.groups) > 1 else ()
    maps = [one.mean for one in (*shown, *groups)] + ([] if atlas.told is None else [atlas.difference])
    limit = render.limit_of(np.concatenate([np.ravel(one) for one in maps]))
    ground = _ground(shown)
    cells = [_cell(one, limit) for one in shown]
    if atlas.told is not None:
        cells.append(_compared(ground, atlas, limit))
    total = sum(one.count for one in atlas.cells)
    return gallery(
        [
            (_heading(atlas, len(shown)), cells),
            *(_grouped(one, number, ground, limit) for number, one in enumerate(groups, start=1)),
        ],
        5,
        limit,
        [] if atlas.told is None or atlas.told.all() else [UNTOLD],
        top=f"Where the model looks, by {atlas.by}",
        notes=[f"{total:,} images", "mean attribution towards the predicted class", "score for a pixel"],
    )


def _heading(atlas: Mapped, shown: int) -> str:
    more = len(atlas.cells) - shown
    return "Mean attribution over the mean image" + (f", the {shown} largest kinds" if more else "")


def _cell(one: Averaged, limit: float) -> Cell:
    finite = one.error[np.isfinite(one.error)]
    doubt = f"standard error ≤ {render.number(float(finite.max()))}" if finite.size else "a single image"
    words = [one.name, f"{one.count:,} image{'s' * (one.count != 1)}", doubt]
    return tinted(one.image, one.mean, limit), words


def _grouped(one: Any, number: int, ground: Any, limit: float) -> Section:
    """A group's mean attribution, and the images that are most typical of it."""
    typical: list[Cell] = [
        (render.fit(image, Segments(np.zeros(image.shape[:2], np.intp)), SIZE)[0], [f"image {place}"])
        for place, image in zip(one.places, one.images, strict=False)
    ]
    pairs = ", ".join(f"{count} × {name}" for name, count in one.pairs)
    heading = f"{one.count:,} wrong answers that look alike: {pairs}"
    return heading, [(tinted(ground, one.mean, limit), [f"group {number}"]), *typical]


def _compared(ground: Any, atlas: Mapped, limit: float) -> Cell:
    """Wrong answers less right ones, hatched where that may be chance."""
    picture = tinted(ground, atlas.difference, limit)
    share = atlas.told.mean()
    words = ["wrong − right", f"differs on {share:.0%}" if share else "no difference", "beyond chance"]
    return render.hatch(picture, ~_larger(atlas.told, picture.shape[:2])), words


def _ground(cells: Iterable[Averaged]) -> Any:
    """The mean of all images, if they are known."""
    known = [one for one in cells if one.image is not None]
    if not known:
        return None
    return np.average([one.image for one in known], axis=0, weights=[one.count for one in known])


def tinted(
    image: Float[np.ndarray, "H W 3"] | None, heat: Float[np.ndarray, "H W"], limit: float
) -> UInt8[np.ndarray, "h w 3"]:
    """A mean image, or white where there is none, under its heat, at the size of a figure's cell."""
    from skimage.transform import resize

    under = np.ones((*heat.shape, 3)) if image is None else image
    pixels, _, _ = render.fit(under, Segments(np.zeros(heat.shape, np.intp)), SIZE)
    smooth = resize(heat, pixels.shape[:2], order=1, mode="edge", anti_aliasing=True)
    return render.overlay(pixels, smooth, limit)


def _larger(area: Bool[np.ndarray, "H W"], shape: tuple[int, ...]) -> Shaped[np.ndarray, "h w"]:
    down, across = (np.arange(new) * old // new for new, old in zip(shape, area.shape, strict=True))
    return np.asarray(area[down[:, np.newaxis], across])
