"""a region, by name or by itself → where a repair replaces pixels."""

import functools
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from sightline._checks import check_number
from sightline.engine.image_properties import PROPERTIES, UnitScales, exchange_property, measure_property
from sightline.errors import OptionError, SegmentError
from sightline.regions.concept_shapes import MOST_COVERED
from sightline.regions.margins import DEFAULT_MARGIN, margin_pixels, widen_mask
from sightline.regions.region_set import Regions, polygons
from sightline.types import did_you_mean, record


@record
class RepairRegion:
    """The pixels that a repair replaces: one region of each image, and a margin around it.

    Parameters
    ----------
    regions : Regions
        Exactly one.
    margin : float
        Width of the margin as a share of the image's shorter side, rounded up to whole pixels.
    """

    regions: Regions
    margin: float = DEFAULT_MARGIN

    @property
    def name(self) -> str:
        """The region's name."""
        return self.regions.names[0]

    def with_wider_margin(self, extra: float) -> "RepairRegion":
        """The same with a margin that is wider by `extra`."""
        return RepairRegion(self.regions, self.margin + extra)

    def mask(
        self,
        shape: tuple[int, int],
        index: int | None = None,
        image: Shaped[np.ndarray, "..."] | None = None,
    ) -> Bool[np.ndarray, "H W"]:
        """Which pixels are replaced; read-only. Index and image as for `Regions.masks`.

        Of a region that is found in the image the margin is left out where hardly anything else would be
        left, and where that is so without a margin, nothing is replaced.

        Raises
        ------
        SegmentError
            If they are the whole image.
        """
        if self.regions.shared:
            mask: Bool[np.ndarray, "H W"] = self._shared_mask(shape)
            return mask
        return self._find_mask(shape, index, image)

    @functools.cached_property
    def _shared_mask(self) -> Any:
        return functools.lru_cache(maxsize=4)(lambda shape: self._find_mask(shape, None, None))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_shared_mask"}

    def _find_mask(
        self, shape: tuple[int, int], index: int | None, image: Shaped[np.ndarray, "..."] | None
    ) -> Bool[np.ndarray, "H W"]:
        tight = self.regions.masks(shape, index, image)[0]
        wide = widen_mask(tight, self.margin)
        if self.regions.needs_image:
            # What is found nearly everywhere leaves nothing to fill it from, nor to know the class by.
            found = [mask for mask in (wide, tight.copy()) if mask.mean() <= MOST_COVERED]
            wide = found[0] if found else np.zeros_like(tight)
        if wide.all():
            steps = margin_pixels(self.margin, shape)
            raise SegmentError(
                f"region {self.name!r} with a margin of {steps} pixels is the whole image of "
                f"{shape[0]}×{shape[1]}: nothing would be left to know the class by. Give a smaller region, "
                "or a smaller margin= (--margin).",
                slug="repair-whole",
            )
        wide.setflags(write=False)
        return wide


@record
class RepairProperty(RepairRegion):
    """A property of the whole image, such as its colour cast: no pixels are replaced, its value is exchanged.

    Its region is the whole image and has its name.
    """

    @classmethod
    def named(cls, name: str) -> "RepairProperty":
        """The property of that name, one of `sightline.engine.image_properties.PROPERTIES`."""
        return cls(polygons({name: [(0, 0), (0, 1), (1, 1), (1, 0)]}), 0.0)

    def with_wider_margin(self, extra: float) -> "RepairRegion":
        """Itself: it has no margin."""
        return self

    def mask(
        self,
        shape: tuple[int, int],
        index: int | None = None,
        image: Shaped[np.ndarray, "..."] | None = None,
    ) -> Bool[np.ndarray, "H W"]:
        """There is none.

        Raises
        ------
        SegmentError
        """
        raise SegmentError(
            f"{self.name} is a property of the whole image: there are no pixels to replace, to hide or to "
            "keep the model from. Its value is exchanged by counterexamples or last-layer, with "
            "replacement='swap' (--method counterexamples).",
            slug="repair-property",
        )

    def exchanged(
        self,
        image: Shaped[np.ndarray, "..."],
        other: Shaped[np.ndarray, "..."],
        rng: np.random.Generator,
    ) -> Shaped[np.ndarray, "..."]:
        """The image with the value of another one; as it is where one of them can have none."""
        which, scales = PROPERTIES[self.name], UnitScales.usual([image, other])
        value, own = (measure_property(which, one, scales.of(one)) for one in (other, image))
        if value is None or own is None or value.shape != own.shape:
            return image
        return exchange_property(which, image, value, scales.of(image), rng)


def resolve_region(region: object, margin: float = DEFAULT_MARGIN) -> RepairRegion:
    """The `RepairRegion` of a region that is given by its name in the built-in templates, or as `Regions`.

    Parameters
    ----------
    region : str or Regions
        A name such as ``"jaw"`` is looked up in `regions.face` and `regions.chest`, with and without sides.
        Several regions count as one. One of `sightline.engine.image_properties.PROPERTIES`, such as
        ``"chromaticity"``, is no region but a property of the whole image.
    margin : float
        As for `RepairRegion`.

    Raises
    ------
    OptionError
        If there is no such region, or `margin` is out of range.

    Examples
    --------
    >>> resolve_region("jaw", margin=0).mask((64, 64)).sum() < resolve_region("jaw").mask((64, 64)).sum()
    np.True_
    """
    margin = check_number("margin", margin, at_least=0, at_most=0.5)
    if isinstance(region, Regions):
        one = region if len(region) == 1 else region.join({" + ".join(region.names): region.names})
        return RepairRegion(one, margin)
    if not isinstance(region, str):
        raise OptionError(
            f"region must be a name such as 'jaw', or regions such as sl.regions.face()['jaw'], but "
            f"{region!r} was given.",
            slug="option-value",
        )
    if region in PROPERTIES:
        return RepairProperty.named(region)
    from sightline.regions import chest, face

    templates = (face(), face(sides=True), chest(), chest(sides=True))
    for regions in templates:
        if region in regions:
            return RepairRegion(regions[region], margin)
    names = dict.fromkeys(name for regions in templates for name in regions)
    raise OptionError(
        f"no built-in face or chest has a region {region!r}. {did_you_mean(region, names)} A region of "
        "your own is given as itself: sl.regions.load('mine.toml')['name'] (--regions mine.toml).",
        slug="regions-unknown",
    )
