"""what many explanations have in common → one figure: kinds of answers, difference, groups of errors."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from sightline import render
from sightline._arguments import clear_arguments
from sightline._language import translate as tr
from sightline._language import translate_kept, translate_plural
from sightline._resize import resize_nearest, resize_smooth
from sightline.figures.components import (
    CAPTION,
    CaptionedImage,
    LegendEntry,
    colour_swatch,
    drawn_swatch,
    outline_mask,
)
from sightline.figures.gallery import SIZE, GallerySection, draw_gallery
from sightline.figures.layout import legible_text, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sightline.findings.atlas_result import Atlas, OutcomeMap
    from sightline.findings.error_groups import ErrorGroup

MOST_CELLS = 10


@clear_arguments
def plot_atlas(atlas: "Atlas") -> "Figure":
    """Mean attribution over the mean image of each kind of answer, on one scale; difference; groups.

    Red is what speaks for the predicted class, blue what speaks against it. In the difference red is what
    wrong answers rest on more than right ones of the same predicted class do; hatched is where that may be
    chance. Each group of wrong answers is shown beside its most typical images.

    Parameters
    ----------
    atlas : Atlas

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> plot_atlas(sightline.atlas(study))  # doctest: +SKIP
    """
    shown = list(atlas.maps)[:MOST_CELLS]
    groups = atlas.groups if len(atlas.groups) > 1 else ()
    maps = [*(one.mean for one in shown), *(one.mean for one in groups)]
    maps += [] if atlas.difference is None else [atlas.difference]
    limit = render.shared_limit(maps, atlas.floor)
    unit = translate_kept(atlas.unit)
    notes = [
        tr("{n:,} images", n=atlas.count),
        tr("{unit} per pixel, for the predicted class", unit=unit),
    ]
    notes += [atlas.weak_text] if atlas.weak_text else []
    if atlas.region_significant is not None and atlas.region_names:
        differ = int(atlas.region_significant.sum())
        many = len(atlas.region_names)
        notes.append(tr("by the mean of each region, {few} of {many} differ", few=differ, many=many))
    return draw_gallery(
        [
            *_mean_sections(atlas, shown, limit),
            *(_group_section(one, number, limit) for number, one in enumerate(groups, start=1)),
        ],
        5,
        limit,
        list(_legend_entries(atlas, groups)),
        top=tr("Where the model looks, by {by}", by=translate_kept(atlas.by)),
        notes=notes + ([tr("no groups of wrong answers stand apart")] if len(atlas.groups) == 1 else []),
    )


def _mean_sections(atlas: "Atlas", shown: Sequence["OutcomeMap"], limit: float) -> Iterator[GallerySection]:
    """The kinds of answers, and the difference: beside them if they are right and wrong, else below."""
    more = len(atlas.maps) - len(shown) + atlas.others[0]
    heading = tr("Mean attribution") if atlas.image is None else tr("Mean attribution over the mean image")
    if more:
        heading = tr(
            "{heading}: the {few} most frequent of {many:,} kinds",
            heading=heading,
            few=len(shown),
            many=len(shown) + more,
        )
    cells = [_mean_cell(one, names, limit) for one, names in zip(shown, _kind_captions(shown), strict=True)]
    difference = list(_difference_cell(atlas, limit))
    if atlas.by == "outcome":
        yield heading, [*cells, *difference]
    else:
        yield heading, cells
        yield tr("Wrong answers against right ones of the same predicted class"), difference


def _kind_captions(shown: Sequence["OutcomeMap"]) -> list[list[str]]:
    """What the kinds are called: pairs in two lines if one of them has no room in one."""
    names = [[one.title] for one in shown]
    if all(text_width(legible_text(name), CAPTION, bold=True) <= SIZE for (name,) in names):
        return names
    halves = [name.partition(" → ") for (name,) in names]
    return [[f"{label} →", predicted] if arrow else [label] for label, arrow, predicted in halves]


def _mean_cell(one: "OutcomeMap", names: Sequence[str], limit: float) -> CaptionedImage:
    finite = one.error[np.isfinite(one.error)]
    doubt = (
        tr("standard error ≤ {most}", most=render.format_number(float(finite.max())))
        if finite.size
        else tr("no standard error")
    )
    words = [*names, translate_plural("{n} image", "{n:,} images", one.count), doubt]
    return tint_mean_image(one.image, one.mean, limit), words


def _difference_cell(atlas: "Atlas", limit: float) -> Iterator[CaptionedImage]:
    """Wrong answers less right ones, hatched where that may be chance; nothing if there are none of one."""
    if atlas.difference is None or atlas.significant is None:
        return
    image = tint_mean_image(atlas.image, atlas.difference, limit)
    share = atlas.significant.mean()
    told = tr("{share:.0%} of pixels differ", share=share) if share else tr("no pixel differs")
    words = [tr("wrong − right"), tr("of the same prediction"), told, tr("beyond chance")]
    yield render.hatch_area(image, ~resize_nearest(atlas.significant, image.shape[:2])), words


def _group_section(one: "ErrorGroup", number: int, limit: float) -> GallerySection:
    """A group's mean attribution, and the images that are most typical of it."""
    pairs = [f"{count} × {name}" for name, count in one.pairs]
    typical = [
        (outline_mask(image, spot, SIZE, render.RED), [tr("image {name}", name=place), answer])
        for place, image, spot, answer in zip(
            one.places, one.images, one.leading_segments, one.answers, strict=False
        )
    ]
    words = [tr("mean of {n:,}", n=one.count), *pairs]
    return tr("Group {number}: {n:,} wrong answers that look alike", number=number, n=one.count), [
        (tint_mean_image(one.image, one.mean, limit), words),
        *typical,
    ]


def _legend_entries(atlas: "Atlas", groups: Sequence["ErrorGroup"]) -> Iterator[LegendEntry]:
    """What hatching and outlines mean, as far as there are any."""
    if atlas.significant is not None and not atlas.significant.all():
        untold = tr("may be chance; of the rest, at most 5 % is expected to be")
        yield colour_swatch(render.PAPER, hatched=True), untold
    if any(one.images for one in groups):
        frame = ((np.s_[2:-2, 2:-2], render.RED), (np.s_[5:-5, 5:-5], render.GREY))
        yield drawn_swatch(render.GREY, *frame), tr("the segment that speaks most for the answer")


def tint_mean_image(
    image: Float[np.ndarray, "H W 3"] | None, heat: Float[np.ndarray, "H W"], limit: float
) -> UInt8[np.ndarray, "h w 3"]:
    """A mean image, or white where there is none, under its heat, at the size of a figure's cell."""
    pixels = render.fit_to_size(np.ones((*heat.shape, 3)) if image is None else image, SIZE)
    return render.overlay_heat(pixels, resize_smooth(heat, pixels.shape[:2]), limit)
