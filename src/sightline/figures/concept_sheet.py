"""concepts, study → a sheet of typical examples of each in their context, and in how many images it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline._arguments import clear_arguments
from sightline._checks import check_whole
from sightline.errors import OptionError
from sightline.figures.components import CaptionedImage, drawn_swatch, outline_mask
from sightline.figures.gallery import SIZE, GallerySection, draw_gallery
from sightline.figures.region_outlines import PALETTE
from sightline.render import GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    places = study.places[np.unique(np.linspace(0, len(study.places) - 1, MOST_IMAGES).astype(int))]
    which = np.searchsorted(study.places, places)
    labels, predicted = study.labels[which], study.predicted[which]
    areas = np.stack([_detected_shares(concepts, study, place) for place in places.tolist()])
    columns = len(next(iter(study.rows())).classes)
    names = study.class_names or tuple(map(str, range(columns)))
    classes = concepts.towards(study.class_names, columns)
    sections: list[GallerySection] = []
    for number, name in enumerate(concepts.names):
        speaks = classes[number]
        heading = _counted_text(name, speaks, areas[:, number] > 0, labels, names)
        order = _typical_order(areas[:, number], (labels != predicted) & (predicted == speaks))
        cells: list[CaptionedImage] = []
        for one in order[:examples].tolist():
            image = study.image(int(places[one]))
            mask = concepts[name].masks((image.shape[0], image.shape[1]), int(places[one]), image)[0]
            told = f"{names[labels[one]]} → {names[predicted[one]]}"
            cells.append((outline_mask(image, mask, SIZE, OUTLINE), [told]))
        sections.append((heading, cells))
    shown = [one for one in sections if one[1]]
    if not shown:
        raise OptionError(
            f"none of the {len(concepts)} concepts is found in any image of the study.",
            slug="figure-concepts",
        )
    notes = [f"{len(places):,} images looked through", "label → predicted"]
    lost = [heading for heading, cells in sections if not cells]
    return draw_gallery(
        shown,
        examples,
        0.0,
        [(drawn_swatch(GREY, (np.s_[4:-4, 5:-5], OUTLINE), (np.s_[7:-7, 8:-8], GREY)), "what was detected")],
        top="What errors may go by, wherever it is",
        notes=[*notes, *lost],
        bold=False,
    )


def _detected_shares(concepts: "Regions", study: "StudyResults", place: int) -> Float[np.ndarray, "R"]:
    """Share of an image that each concept is found in."""
    image = study.image(place)
    return np.asarray(concepts.masks((image.shape[0], image.shape[1]), place, image).mean(axis=(1, 2)))


def _typical_order(areas: Float[np.ndarray, "N"], misled: Bool[np.ndarray, "N"]) -> Int[np.ndarray, "_"]:
    """Images with a detection: wrong answers for its class first, and of these the usual sizes."""
    found = np.flatnonzero(areas)
    if not len(found):
        return found
    unusual = np.abs(np.log(areas[found] / np.median(areas[found])))
    return np.asarray(found[np.lexsort((unusual, ~misled[found]))])


def _counted_text(
    name: str,
    speaks: int | None,
    found: Bool[np.ndarray, "N"],
    labels: Int[np.ndarray, "N"],
    names: Sequence[str],
) -> str:
    """What a concept speaks for, and in how many images of each class it is."""
    classes = np.unique(labels)
    shares = np.array([found[labels == one].mean() for one in classes])
    counts = [
        f"{names[one]} {int(found[labels == one].sum())} of {int((labels == one).sum())}"
        for one in classes[np.argsort(-shares, kind="stable")][:LISTED]
    ]
    more = " …" if len(classes) > LISTED else ""
    told = "" if speaks is None else f", speaks for {names[speaks]}"
    return f"{name}{told}. Found in images of {', '.join(counts)}{more}"
