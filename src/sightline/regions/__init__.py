"""REGIONS: named areas that all images of a study have in common."""

from sightline.regions.concept_search import concepts
from sightline.regions.error_regions import from_errors
from sightline.regions.region_file import load
from sightline.regions.region_set import Regions, grid, labels, masks, per_image, polygons
from sightline.regions.templates import chest, face, named

__all__ = [
    "Regions",
    "chest",
    "concepts",
    "face",
    "from_errors",
    "grid",
    "labels",
    "load",
    "masks",
    "named",
    "per_image",
    "polygons",
]
