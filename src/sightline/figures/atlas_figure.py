"""what many explanations have in common → one figure: kinds of answers, difference, groups of errors."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from sightline import render
from sightline.figures.components import BAR, CAPTION, CaptionedImage, LegendEntry, colour_swatch
from sightline.figures.gallery import SIZE, GallerySection, draw_gallery
from sightline.figures.layout import legible_text, text_width
from sightline.figures.view_model import DrawnImage
from sightline.types import Segments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CELLS = 10
UNTOLD = "may be chance; of the rest, at most 5 % is expected to be"
LEADS = "the segment that speaks most for the answer"
ALONE = "no groups of wrong answers stand apart"


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
    def count(self) -> int: ...
    @property
    def cells(self) -> Sequence[Averaged]: ...
    @property
    def others(self) -> tuple[int, int]: ...
    @property
    def image(self) -> Any: ...
    @property
    def difference(self) -> Any: ...
    @property
    def significant(self) -> Any: ...
    @property
    def groups(self) -> Sequence[Any]: ...


def plot_atlas(atlas: Mapped) -> "Figure":
    """Mean attribution over the mean image of each kind of answer, on one scale; difference; groups.

    Red is what speaks for the predicted class, blue what speaks against it. In the difference red is what
    wrong answers rest on more than right ones do; hatched is where that may be chance. Each group of wrong
    answers is shown beside its most typical images.

    Parameters
    ----------
    atlas : Atlas

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> sightline.figures.atlas_figure(sightline.atlas(study))  # doctest: +SKIP
    """
    shown = list(atlas.cells)[:MOST_CELLS]
    groups = atlas.groups if len(atlas.groups) > 1 else ()
    maps = [one.mean for one in (*shown, *groups)] + ([] if atlas.significant is None else [atlas.difference])
    limit = render.scale_limit(np.concatenate([np.ravel(one) for one in maps]))
    notes = [f"{atlas.count:,} images", "score per pixel, for the predicted class"]
    return draw_gallery(
        [
            *_mean_sections(atlas, shown, limit),
            *(_group_section(one, number, limit) for number, one in enumerate(groups, start=1)),
        ],
        5,
        limit,
        list(_legend_entries(atlas, groups)),
        top=f"Where the model looks, by {atlas.by}",
        notes=notes + ([ALONE] if len(atlas.groups) == 1 else []),
    )


def _mean_sections(atlas: Mapped, shown: Sequence[Averaged], limit: float) -> Iterator[GallerySection]:
    """The kinds of answers, and the difference: beside them if they are right and wrong, else below."""
    more = len(atlas.cells) - len(shown) + atlas.others[0]
    heading = "Mean attribution" + ("" if atlas.image is None else " over the mean image")
    if more:
        heading += f": the {len(shown)} most frequent of {len(shown) + more:,} kinds"
    cells = [_mean_cell(one, names, limit) for one, names in zip(shown, _kind_captions(shown), strict=True)]
    difference = [] if atlas.significant is None else [_difference_cell(atlas, limit)]
    if atlas.by == "outcome":
        yield heading, [*cells, *difference]
    else:
        yield heading, cells
        yield "All wrong answers against all right ones", difference


def _kind_captions(shown: Sequence[Averaged]) -> list[list[str]]:
    """What the kinds are called: pairs in two lines if one of them has no room in one."""
    names = [[one.name] for one in shown]
    if all(text_width(legible_text(name), CAPTION, bold=True) <= SIZE for (name,) in names):
        return names
    halves = [name.partition(" → ") for (name,) in names]
    return [[f"{label} →", predicted] if arrow else [label] for label, arrow, predicted in halves]


def _mean_cell(one: Averaged, names: Sequence[str], limit: float) -> CaptionedImage:
    finite = one.error[np.isfinite(one.error)]
    doubt = (
        f"standard error ≤ {render.format_number(float(finite.max()))}"
        if finite.size
        else "no standard error"
    )
    words = [*names, f"{one.count:,} image{'s' * (one.count != 1)}", doubt]
    return tint_mean_image(one.image, one.mean, limit), words


def _difference_cell(atlas: Mapped, limit: float) -> CaptionedImage:
    """Wrong answers less right ones, hatched where that may be chance."""
    image = tint_mean_image(atlas.image, atlas.difference, limit)
    share = atlas.significant.mean()
    words = ["wrong − right", f"differs on {share:.0%}" if share else "no difference", "beyond chance"]
    return render.hatch_area(image, ~_larger(atlas.significant, image.shape[:2])), words


def _group_section(one: Any, number: int, limit: float) -> GallerySection:
    """A group's mean attribution, and the images that are most typical of it."""
    pairs = [f"{count} × {name}" for name, count in one.pairs]
    typical = [
        (_outline_spot(image, spot), [f"image {place}", answer])
        for place, image, spot, answer in zip(
            one.places, one.images, one.leading_segments, one.answers, strict=False
        )
    ]
    words = [f"mean of {one.count:,}", *pairs]
    return f"Group {number}: {one.count:,} wrong answers that look alike", [
        (tint_mean_image(one.image, one.mean, limit), words),
        *typical,
    ]


def _outline_spot(image: UInt8[np.ndarray, "_ _ 3"], spot: Bool[np.ndarray, "_ _"]) -> DrawnImage:
    """The image with the spot in a red line with white sides."""
    pixels, segments, ids = render.fit_to_size(image, Segments.renumber(spot), SIZE)
    which = np.unique(spot)[ids]
    pixels = pixels.copy()
    pixels[render.inner_rims(segments, which, width=5)] = render.PAPER
    pixels[render.inner_rims(segments, which, start=1, width=3)] = render.RED
    return pixels


def _legend_entries(atlas: Mapped, groups: Sequence[Any]) -> Iterator[LegendEntry]:
    """What hatching and outlines mean, as far as there are any."""
    if atlas.significant is not None and not atlas.significant.all():
        yield colour_swatch(render.PAPER, hatched=True), UNTOLD
    if any(one.images for one in groups):
        spot = np.zeros((BAR, 32), dtype=bool)
        spot[1:-1, 1:-1] = True
        sample = np.full((BAR, 32, 3), render.GREY, np.uint8)
        halves = Segments.renumber(spot)
        sample[render.inner_rims(halves, np.array([False, True]), start=1, width=3)] = render.RED
        yield sample, LEADS


def tint_mean_image(
    image: Float[np.ndarray, "H W 3"] | None, heat: Float[np.ndarray, "H W"], limit: float
) -> UInt8[np.ndarray, "h w 3"]:
    """A mean image, or white where there is none, under its heat, at the size of a figure's cell."""
    from skimage.transform import resize

    under = np.ones((*heat.shape, 3)) if image is None else image
    pixels, _, _ = render.fit_to_size(under, Segments(np.zeros(heat.shape, np.intp)), SIZE)
    smooth = resize(heat, pixels.shape[:2], order=1, mode="edge", anti_aliasing=True)
    return render.overlay_heat(pixels, smooth, limit)


def _larger(area: Bool[np.ndarray, "H W"], shape: tuple[int, ...]) -> Shaped[np.ndarray, "h w"]:
    down, across = (np.arange(new) * old // new for new, old in zip(shape, area.shape, strict=True))
    return np.asarray(area[down[:, np.newaxis], across])
