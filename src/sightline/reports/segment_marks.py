"""an image's entry and its label map → where its leading segments lie, and what a mask of them covers."""

import io

import numpy as np
from jaxtyping import Bool, Int
from PIL import Image

from sightline.reports.image_data import decode_labels, encoded_image
from sightline.reports.summary import ImageData, ImageEntry, Summary
from sightline.types import record

COVER = (128, 128, 128)
"""What a mask shows in place of the other segments."""


@record
class SegmentMark:
    """Where the number of a segment stands, in pixels of the image as it is shown."""

    segment: int
    across: float
    down: float


@record
class LeadingSegments:
    """Where the segments lie that count most.

    Parameters
    ----------
    width, height : int
        Of the label map.
    marks : tuple of SegmentMark
    cover : ImageData
        PNG that hides all but those of them that can be told from zero; what they show is transparent.
    """

    width: int
    height: int
    marks: tuple[SegmentMark, ...]
    cover: ImageData


def leading_segments(summary: Summary, entry: ImageEntry) -> LeadingSegments | None:
    """Marks and mask of an image's leading segments; None where it has no label map.

    Segments so small that the label map has lost them have no mark.
    """
    if entry.segments < 0 or not entry.leading:
        return None
    labels = decode_labels(summary.label_maps[entry.segments])
    marks = []
    for segment, _value, _error in entry.leading:
        places = np.argwhere(labels == segment)
        if len(places):
            down, across = _middlemost_place(places)
            marks.append(SegmentMark(segment, across + 0.5, down + 0.5))
    # Values that cannot be told from zero are 0 in an entry.
    kept = [segment for segment, _value, _error in entry.leading if entry.values[segment] != 0]
    return LeadingSegments(
        labels.shape[1], labels.shape[0], tuple(marks), _cover_image(np.isin(labels, kept))
    )


def _middlemost_place(places: Int[np.ndarray, "n 2"]) -> tuple[int, int]:
    """Row and column of the place nearest to the middle of them all: of a ring, on the ring."""
    offsets = places - places.mean(axis=0)
    down, across = places[int(np.argmin((offsets**2).sum(axis=1)))].tolist()
    return down, across


def _cover_image(shown: Bool[np.ndarray, "h w"]) -> ImageData:
    """A grey PNG with holes."""
    drawn = Image.fromarray(shown.astype(np.uint8), "P")
    drawn.putpalette([*COVER, *COVER])
    held = io.BytesIO()
    drawn.save(held, "PNG", transparency=1, bits=1, optimize=True)
    return encoded_image(held.getvalue(), shown.shape)
