"""REGIONS: named areas that all images of a study have in common."""

from sightline.regions.builders import (
    Regions,
    chest,
    face,
    grid,
    labels,
    load,
    masks,
    named,
    per_image,
    polygons,
)

__all__ = [
    "Regions",
    "chest",
    "face",
    "grid",
    "labels",
    "load",
    "masks",
    "named",
    "per_image",
    "polygons",
]
