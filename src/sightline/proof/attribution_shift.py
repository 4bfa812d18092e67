"""held-out images and two models → where each of them looks: shares, mean maps, examples."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8

from sightline._batch_sizes import choose_batch_size
from sightline.adapters.checked_model import CheckedModel
from sightline.data.datasets import Subset
from sightline.engine import pipeline as engine
from sightline.engine.image import unit_rgb
from sightline.engine.plan import Plan
from sightline.errors import collect_warnings
from sightline.repair.repair_region import RepairRegion
from sightline.study.schema import StudyResults
from sightline.types import record

EXAMPLES = 3
"""Images shown of each kind."""

Map = Float[np.ndarray, "H W"]


@record
class ChangedAnswer:
    """An image whose answer changed.

    Parameters
    ----------
    place : int
        Of the held-out images.
    image : uint8 array, shape (H, W, 3)
    mask : bool array, shape (H, W)
        The repaired region in it.
    label : str
        Its true class.
    said_before, said_after : str
        The class that each model predicted.
    before, after : float array, shape (H, W), or None
        Attribution towards that class; None where it was not explained.
    id : str
        What the data call it.
    """

    place: int
    image: UInt8[np.ndarray, "H W 3"]
    mask: Bool[np.ndarray, "H W"]
    label: str
    said_before: str
    said_after: str
    before: Map | None
    after: Map | None
    id: str = ""


@record
class AttributionShift:
    """Where two models look.

    Parameters
    ----------
    shares : float array, shape (E, 3)
        Share of the absolute attribution that lies in the region before and after, and of the area.
    image : float array, shape (H, W, 3), or None
        Mean of the explained images; None, as the next ones, if there are none, they differ in size, or each
        has the region at a place of its own, so that a mean shows none of them.
    before, after : float array, shape (H, W), or None
        Mean attribution towards the predicted class.
    mask : bool array, shape (H, W), or None
        The repaired region.
    calls : tuple of int
        Images that the model before and the one after were given for this.
    """

    shares: Float[np.ndarray, "E 3"]
    image: Float[np.ndarray, "H W 3"] | None
    before: Map | None
    after: Map | None
    mask: Bool[np.ndarray, "H W"] | None
    calls: tuple[int, int]


Heatmaps = Mapping[int, tuple[Map, Map]]
"""Held-out place → attribution before and after, towards the class that each model predicted."""


def explain_both(
    data: Subset,
    models: tuple[CheckedModel, CheckedModel],
    plan: Plan,
    places: list[int],
    batch_size: int | None,
    tick: Callable[[int], None],
) -> tuple[dict[int, tuple[Map, Map]], tuple[int, int]]:
    """Explain some images with both models; the calls that it took."""
    heatmaps, calls = {}, [0, 0]
    for place in places:
        image, both = data[place][0], []
        for which, model in enumerate(models):
            size = choose_batch_size(batch_size, model, image)
            with collect_warnings():
                segments, _, attribution = engine.run_plan(image, model, plan, batch_size=size)
            calls[which] += attribution.calls
            both.append((attribution.values[0] / segments.areas)[segments.labels])
        heatmaps[place] = (both[0], both[1])
        tick(1)
    return heatmaps, (calls[0], calls[1])


def heatmaps_of_studies(
    data: Subset, before: StudyResults, after: StudyResults
) -> dict[int, tuple[Map, Map]]:
    """The same from two studies, of the held-out images that both have explained."""
    known = {data.root_index(place): place for place in range(len(data))}
    first = {known[row.place]: row.heat() for row in before.rows() if row.place in known}
    second = {known[row.place]: row.heat() for row in after.rows() if row.place in known}
    return {place: (first[place], second[place]) for place in sorted(first.keys() & second.keys())}


def summarise_shift(
    data: Subset, region: RepairRegion, heatmaps: Heatmaps, calls: tuple[int, int]
) -> AttributionShift:
    """What explanations of some images come to."""
    masks = {place: region_mask(data, region, place) for place in heatmaps}
    shares = [
        [*(_share_inside(heat, masks[place]) for heat in both), masks[place].mean()]
        for place, both in heatmaps.items()
    ]
    kept = np.array([line for line in shares if np.isfinite(line).all()]).reshape(-1, 3)
    alike = len({both[0].shape for both in heatmaps.values()}) == 1
    if not (alike and region.regions.shared):
        return AttributionShift(kept, None, None, None, None, calls)
    first, second = (np.mean([both[which] for both in heatmaps.values()], axis=0) for which in (0, 1))
    image = np.mean([unit_rgb(data[place][0]) for place in heatmaps], axis=0)
    return AttributionShift(kept, image, first, second, next(iter(masks.values())), calls)


def region_mask(data: Subset, region: RepairRegion, place: int) -> Bool[np.ndarray, "H W"]:
    """The repaired region in one of the images."""
    image = data[place][0]
    return region.mask(image.shape[:2], data.root_index(place), image)


def _share_inside(heat: Map, mask: Bool[np.ndarray, "H W"]) -> float:
    """Share of the absolute attribution within the mask; nan where there is none at all."""
    whole = np.abs(heat).sum()
    return float(np.abs(heat[mask]).sum() / whole) if whole > 0 else np.nan


def pick_changed(
    before: Bool[np.ndarray, "N"], after: Bool[np.ndarray, "N"], first: set[int], rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Images whose answer turned right and wrong: at random, but those explained already first."""
    turned = []
    for which in (~before & after, before & ~after):
        places = rng.permutation(np.flatnonzero(which)).tolist()
        turned.append(sorted(places, key=lambda place: place not in first)[:EXAMPLES])
    return turned[0], turned[1]


def changed_answers(
    data: Subset,
    region: RepairRegion,
    places: list[int],
    heatmaps: Heatmaps,
    predicted: Sequence[Int[np.ndarray, "N"]],
    class_names: tuple[str, ...],
) -> tuple[ChangedAnswer, ...]:
    """Some images, with what both models said of them and went by."""
    made = []
    for place in places:
        image: Shaped[np.ndarray, "..."] = data[place][0]
        both = heatmaps.get(place, (None, None))
        made.append(
            ChangedAnswer(
                place=place,
                image=np.rint(unit_rgb(image) * 255).astype(np.uint8),
                mask=region_mask(data, region, place),
                label=class_names[data.labels[place]],
                said_before=class_names[predicted[0][place]],
                said_after=class_names[predicted[1][place]],
                before=both[0],
                after=both[1],
                id=data.image_id(place),
            )
        )
    return tuple(made)
