"""a DICOM file → the image that is meant to be seen, black at 0."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from sightline._optional import require
from sightline.errors import ImageError

HELP = "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg, or save it uncompressed"


def read_dicom(name: str, choose: Callable[[int], int]) -> Shaped[np.ndarray, "..."]:
    """The pixels of a DICOM file after its own rescaling, window and inversion.

    DICOM PS3.3 C.11.1 (modality), C.11.2 (VOI LUT and window) and C.7.6.3.1.2 (MONOCHROME1).

    Parameters
    ----------
    name : str
        Path of the file.
    choose : callable
        Number of frames → which one.

    Returns
    -------
    uint8 or uint16 array, shape (H, W) or (H, W, 3)
        From 0 (black) to 255, or to 65535 if more than 8 bits are stored.

    Raises
    ------
    ImageError
        If it holds no image, several, or one that needs a decoder that is not installed.
    MissingExtra
        If pydicom is not installed.
    """
    pydicom = require("pydicom", extra="dicom")
    held = pydicom.dcmread(name)
    _check_decodable(held, name)
    index = choose(int(held.get("NumberOfFrames") or 1))
    stored = require("pydicom.pixels", extra="dicom").pixel_array(held, index=index)
    most = 255 if held.BitsStored <= 8 else 65535
    unit = (
        _window_grey(stored, held)
        if held.SamplesPerPixel == 1 and not _has_palette(held)
        else _unit_colour(stored, held)
    )
    return np.asarray(np.rint(unit * most), dtype=np.uint8 if most == 255 else np.uint16)


def _check_decodable(held: Any, name: str) -> None:
    if "PixelData" not in held:
        kind = getattr(held.get("SOPClassUID"), "name", "unknown kind")
        raise ImageError(
            f"{name} cannot be read as an image: it is a DICOM file without pixels ({kind}).",
            slug="image-file",
        )
    syntax = held.file_meta.TransferSyntaxUID
    try:
        ready = require("pydicom.pixels", extra="dicom").get_decoder(syntax).is_available
    except NotImplementedError:
        ready = False
    if not ready:
        raise ImageError(
            f"{name} cannot be read as an image: its pixels are compressed as {syntax.name}, for which no "
            f"decoder is installed. {HELP}.",
            slug="image-file",
        )


def _has_palette(held: Any) -> bool:
    return bool(held.PhotometricInterpretation == "PALETTE COLOR")


def _window_grey(stored: Shaped[np.ndarray, "H W"], held: Any) -> Float[np.ndarray, "H W"]:
    """Stored grey values → 0 (black) to 1, as a viewer shows them."""
    tools = require("pydicom.pixels", extra="dicom")
    values = tools.apply_modality_lut(stored, held)
    seen = tools.apply_voi_lut(values, held)
    table = held.get("VOILUTSequence")
    if table and seen is not values:
        black, white = 0.0, 2.0 ** table[0].LUTDescriptor[2] - 1
    else:
        black, white = _stored_range(held)
        if seen is values:  # no window: brighter is more, whatever the sign of the slope
            black, white = sorted((black, white))
    unit = np.asarray(np.clip((seen.astype(np.float64) - black) / (white - black), 0.0, 1.0))
    return 1 - unit if held.PhotometricInterpretation == "MONOCHROME1" else unit


def _stored_range(held: Any) -> tuple[float, float]:
    """The least and greatest value that the stored bits can mean: where a window's black and white go."""
    table = held.get("ModalityLUTSequence")
    if table:
        return 0.0, 2.0 ** table[0].LUTDescriptor[2] - 1
    bits, signed = held.BitsStored, held.PixelRepresentation
    least, most = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
    slope, offset = held.get("RescaleSlope"), held.get("RescaleIntercept")
    if slope is None or offset is None:
        return least, most
    return least * float(slope) + float(offset), most * float(slope) + float(offset)


def _unit_colour(stored: Shaped[np.ndarray, "..."], held: Any) -> Float[np.ndarray, "H W 3"]:
    if _has_palette(held):
        colours = require("pydicom.pixels", extra="dicom").apply_color_lut(stored, held)
        return np.asarray(colours[..., :3] / float(np.iinfo(colours.dtype).max))
    return np.asarray(stored / (2.0**held.BitsStored - 1), dtype=np.float64)
