"""image files → how deep their numbers are, by their heads alone; a set of several depths is told."""

from collections import Counter
from pathlib import Path

import numpy as np

from sightline._language import in_english
from sightline._printing import printable_text
from sightline.data.image_decoding import decoding_errors, first_bytes, is_dicom, open_with_pillow
from sightline.data.image_folder import ImageFolder
from sightline.errors import ImageError, MissingExtra, warn

LOOKED_AT = 2000
"""Files of which the heads are read, spread over all."""
WRAPPED = 8
"""Data sets that one may lie in."""
BYTES, DEEP, WHOLE, FLOATS = "8 bits", "16 bits", "32 bits", "floats"


def depth_of_file(path: Path) -> str:
    """How deep the numbers of an image file are; empty where its head does not tell.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("I;16", (4, 2)).save(f"{folder}/deep.png")
    ...     depth_of_file(Path(folder, "deep.png"))
    '16 bits'
    """
    try:
        with decoding_errors(str(path)):
            start = first_bytes(str(path))
            if is_dicom(start):
                from sightline.data.dicom import stored_bits

                return BYTES if stored_bits(str(path)) <= 8 else DEEP
            with open_with_pillow(str(path), start) as opened:
                return _depth_of_mode(opened.mode, opened.format)
    except (ImageError, MissingExtra):  # said where it is read
        return ""


def _depth_of_mode(mode: str, form: str | None) -> str:
    if mode == "F":
        return FLOATS
    if not mode.startswith("I"):
        return BYTES
    return DEEP if mode != "I" or form in ("PNG", "PPM") else WHOLE


def warn_mixed_depths(source: object) -> str:
    """Say, and give back for a study to keep, that files whose numbers are taken as they are differ in depth.

    Parameters
    ----------
    source : object
        Of images that are no files, or are brought to one range, nothing is said.
    """
    folder = source
    for _ in range(WRAPPED):
        folder = folder if isinstance(folder, ImageFolder) else getattr(folder, "dataset", folder)
    if not isinstance(folder, ImageFolder) or folder.image_format.values != "asis" or not len(folder):
        return ""
    places = np.unique(np.linspace(0, len(folder) - 1, LOOKED_AT).astype(int)).tolist()
    depths = {place: depth_of_file(folder.path(place)) for place in places}
    counts = Counter(filter(None, depths.values())).most_common()
    if len(counts) < 2:
        return ""
    rare = counts[-1][0]
    first = next(place for place, depth in depths.items() if depth == rare)
    listed = ", ".join(f"{depth} {count:,}" for depth, count in counts)
    name = printable_text(folder.image_id(first))
    warn(
        f"the numbers of the images are of several depths ({listed}; {name} has {rare}), and are taken as "
        "they are: white is 255 in some and 65535 or 1 in others, which no model is trained on. Bring them "
        'to one range: ImageFormat(values="unit") (--values unit), or "byte".',
        slug="images-depths",
    )
    return in_english(
        "the images' numbers mean the same in all files, though these are of several depths ({listed}; "
        "{name} has {rare}): values= (--values) brings them to one range",
        listed=listed,
        name=name,
        rare=rare,
    )
