"""concepts, study → a sheet of typical examples of each in their context, and in how many images it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sightline._arguments import clear_arguments
from sightline._checks import check_whole
from sightline._language import translate as tr
from sightline._language import translate_plural as tr_n
from sightline._region_names import shown_name
from sightline.errors import OptionError
from sightline.figures.components import CaptionedImage, drawn_swatch, outline_mask
from sightline.figures.gallery import SIZE, GallerySection, draw_gallery
from sightline.figures.region_outlines import PALETTE
from sightline.render import GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sightline.regions.concept_examples import ConceptExamples
    from sightline.regions.region_set import Regions
    from sightline.study.schema import StudyResults

MOST_IMAGES = 1000
"""Images that are looked through: of a larger study, so many spread over it."""
LISTED = 6
"""Classes whose images are counted by name."""
OUTLINE = PALETTE[1]


@clear_arguments
def plot_concepts(concepts: "Regions", study: "StudyResults", *, examples: int = 5) -> "Figure":
    """Typical examples of each concept in their context, outlined, and how many images of each class have it.

    Examples are wrong answers for the class that the concept speaks for, then others, and among them those
    whose detection is of the usual size.

    Parameters
    ----------
    concepts : Regions
        Found in each image's own pixels, as `sightline.regions.concepts` gives them.
    study : Study
        Whose images are shown.
    examples : int
        Most of each concept.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    OptionError
        If the regions are not found in the pixels of images.

    Examples
    --------
    >>> plot_concepts(sl.regions.load("concepts.toml"), sl.Study("runs/xrays"))  # doctest: +SKIP
    """
    check_whole("examples", examples)
    if not concepts.needs_image:
        raise OptionError(
            "this figure shows what concepts are found in, but these regions have a fixed place: draw them "
            "with sightline.figures.plot_regions.",
            slug="figure-concepts",
        )
    columns = len(next(iter(study.rows())).classes)
    names = study.class_names or tuple(map(str, range(columns)))
    sections: list[GallerySection] = []
    found = concepts.examples(study, count=examples, most=MOST_IMAGES)
    for one in found:
        cells: list[CaptionedImage] = []
        for place, label, said in zip(one.places, one.labels, one.predicted, strict=True):
            image = study.image(place)
            mask = concepts[one.concept].masks((image.shape[0], image.shape[1]), place, image)[0]
            cells.append((outline_mask(image, mask, SIZE, OUTLINE), [f"{names[label]} → {names[said]}"]))
        sections.append((_counted_text(one, names), cells))
    shown = [one for one in sections if one[1]]
    if not shown:
        raise OptionError(
            f"none of the {len(concepts)} concepts is found in any image of the study.",
            slug="figure-concepts",
        )
    looked = tr_n("{n} image looked through", "{n:,} images looked through", found[0].looked)
    notes = [looked, tr("label → predicted")]
    lost = [heading for heading, cells in sections if not cells]
    return draw_gallery(
        shown,
        examples,
        0.0,
        [
            (
                drawn_swatch(GREY, (np.s_[4:-4, 5:-5], OUTLINE), (np.s_[7:-7, 8:-8], GREY)),
                tr("what was detected"),
            )
        ],
        top=tr("What errors may go by, wherever it is"),
        notes=[*notes, *lost],
        bold=False,
    )


def _counted_text(found: "ConceptExamples", names: Sequence[str]) -> str:
    """What a concept speaks for, and in how many images of each class it is."""
    counts = ", ".join(
        tr("{name}: {found} of {images}", name=names[one.label], found=one.found, images=one.images)
        for one in found.counts[:LISTED]
    )
    name = shown_name(found.concept)
    more = " …" if len(found.counts) > LISTED else ""
    if found.towards is None:
        return tr("{concept}. Found in images of {counts}", concept=name, counts=counts + more)
    return tr(
        "{concept}, speaks for {name}. Found in images of {counts}",
        concept=name,
        name=names[found.towards],
        counts=counts + more,
    )
