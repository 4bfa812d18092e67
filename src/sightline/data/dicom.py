"""a DICOM file → the image that is meant to be seen, black at 0."""

import os
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from sightline._limits import check_opened_size
from sightline._optional import require
from sightline.errors import ImageError, warn

CT_UNITS = (-1024.0, 3071.0)
"""Hounsfield units that 12 bits hold: black and white of a CT without a window."""
GROUPS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
"""Functional groups of an enhanced DICOM that hold a frame's rescaling and window."""
DEFLATED = b"1.2.840.10008.1.2.1.99"
GROUP_LENGTH = b"\x02\0\0\0UL\x04\0"
"""How the element begins that says where the part before the deflated one ends."""
HEAD_BYTES = 1 << 20
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
    _check_deflated(name)
    held = pydicom.dcmread(name, force=True)
    _check_decodable(held, name)
    _check_pixel_count(held, name)
    index = choose(int(held.get("NumberOfFrames") or 1))
    _take_frame_groups(held, index)
    _check_rescaling(held, name)
    stored = _stored_pixels(held, index, name)
    most = 255 if held.BitsStored <= 8 else 65535
    unit = (
        _window_grey(stored, held)
        if held.SamplesPerPixel == 1 and not _has_palette(held)
        else _unit_colour(stored, held)
    )
    return np.asarray(np.rint(unit * most), dtype=np.uint8 if most == 255 else np.uint16)


def stored_bits(name: str) -> int:
    """How many bits the numbers of a DICOM file have, by its head."""
    pydicom = require("pydicom", extra="dicom")
    _check_deflated(name)
    return int(pydicom.dcmread(name, force=True, stop_before_pixels=True).BitsStored)


def _take_frame_groups(held: Any, index: int) -> None:
    """Put the rescaling and window of a frame, or of all, where a DICOM of one image has them."""
    shared = list(held.get("SharedFunctionalGroupsSequence") or ())[:1]
    own = list(held.get("PerFrameFunctionalGroupsSequence") or ())[index : index + 1]
    for group in (*shared, *own):
        for name in GROUPS:
            for element in next(iter(group.get(name) or ()), ()):
                held[element.tag] = element


def _check_rescaling(held: Any, name: str) -> None:
    """Leave out what is empty; refuse numbers that would make all pixels the same or none."""
    for word in ("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"):
        if word in held and held.get(word) in (None, "", []):
            del held[word]
    for one, other in (("WindowCenter", "WindowWidth"), ("WindowWidth", "WindowCenter")):
        if one in held and other not in held:
            del held[one]
    slope, offset = held.get("RescaleSlope"), held.get("RescaleIntercept")
    if slope is not None or offset is not None:
        held.RescaleSlope = 1 if slope is None else slope
        held.RescaleIntercept = 0 if offset is None else offset
        numbers = float(held.RescaleSlope), float(held.RescaleIntercept)
        if numbers[0] == 0 or not np.isfinite(numbers).all():
            raise ImageError(
                f"{name} cannot be read as an image: its rescale slope is {numbers[0]:g} and its intercept "
                f"{numbers[1]:g}, with which its pixels mean nothing. If the stored numbers are meant, "
                "remove both: del d.RescaleSlope, d.RescaleIntercept, with d = pydicom.dcmread(path).",
                slug="image-file",
            )


def _stored_pixels(held: Any, index: int, name: str) -> Shaped[np.ndarray, "..."]:
    try:
        return np.asarray(require("pydicom.pixels", extra="dicom").pixel_array(held, index=index))
    except RuntimeError as error:  # every decoder that is installed has failed
        last = str(error).strip().splitlines()[-1].strip().rstrip(".")
        raise ImageError(
            f"{name} cannot be read as an image: its pixels are compressed as "
            f"{held.file_meta.TransferSyntaxUID.name}, and no decoder that is installed reads them ({last}). "
            f"{HELP}.",
            slug="image-file",
        ) from None


def _check_deflated(name: str) -> None:
    """Refuse a deflated file that inflates without end: it is inflated whole when it is read."""
    with open(name, "rb") as file:  # noqa: PTH123
        start = file.read(HEAD_BYTES)
        if DEFLATED not in start:
            return
        begin = (132 if start[128:132] == b"DICM" else 0) + len(GROUP_LENGTH)
        length = int.from_bytes(start[begin : begin + 4], "little")
        if start[begin - len(GROUP_LENGTH) : begin] != GROUP_LENGTH or begin + 4 + length > len(start):
            raise ImageError(
                f"{name} cannot be read as an image: it does not say where its deflated part begins.",
                slug="image-file",
            )
        file.seek(begin + 4 + length)
        inflater, inflated, size = zlib.decompressobj(-zlib.MAX_WBITS), 0, os.fstat(file.fileno()).st_size
        while packed := inflater.unconsumed_tail or file.read(1 << 16):
            inflated += len(inflater.decompress(packed, 1 << 20))
            check_opened_size(name, inflated, size, "DICOM_BYTES", kind=ImageError)


def _check_pixel_count(held: Any, name: str) -> None:
    """Refuse a file whose pixels take far more room than the file."""
    samples, bits = int(held.get("SamplesPerPixel") or 1), int(held.get("BitsAllocated") or 8)
    taken = int(held.get("Rows") or 0) * int(held.get("Columns") or 0) * samples * max(bits, 8) // 8
    check_opened_size(name, taken, os.stat(name).st_size, "DICOM_BYTES", kind=ImageError)  # noqa: PTH116


def _check_decodable(held: Any, name: str) -> None:
    if "PixelData" not in held:
        kind = getattr(held.get("SOPClassUID"), "name", "unknown kind")
        raise ImageError(
            f"{name} cannot be read as an image: it is a DICOM file without pixels ({kind}).",
            slug="image-file",
        )
    if "TransferSyntaxUID" not in held.file_meta:
        uid = require("pydicom.uid", extra="dicom")
        implicit, little = held.original_encoding
        plain = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
        held.file_meta.TransferSyntaxUID = plain if little else uid.ExplicitVRBigEndian
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
    elif seen is values:
        black, white = _unwindowed_range(stored, held)
    else:
        black, white = _stored_range(held, _stored_ends(held))
    unit = np.asarray(np.clip((seen.astype(np.float64) - black) / (white - black), 0.0, 1.0))
    return 1 - unit if held.PhotometricInterpretation == "MONOCHROME1" else unit


def _stored_ends(held: Any) -> tuple[float, float]:
    """The least and greatest number that the stored bits can hold."""
    bits = held.BitsStored
    if held.PixelRepresentation:
        return -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    return 0.0, 2.0**bits - 1


def _stored_range(held: Any, ends: tuple[float, float]) -> tuple[float, float]:
    """What the ends of the stored numbers mean: where a window's black and white go."""
    table = held.get("ModalityLUTSequence")
    if table:
        return 0.0, 2.0 ** table[0].LUTDescriptor[2] - 1
    slope, offset = float(held.get("RescaleSlope", 1)), float(held.get("RescaleIntercept", 0))
    return ends[0] * slope + offset, ends[1] * slope + offset


def _unwindowed_range(stored: Shaped[np.ndarray, "H W"], held: Any) -> tuple[float, float]:
    """Black and white where no window says them, by the bits that are used: brighter is more."""
    ends = _stored_ends(held)
    used = ends
    least, most = float(stored.min()), float(stored.max())
    if held.BitsStored > 8:
        bits = next(
            bits for bits in (8, 10, 12, 14, 16, held.BitsStored) if max(most, -least - 1) < 2.0**bits
        )
        used = (0.0 if least >= 0 else -(2.0**bits), min(2.0**bits - 1, ends[1]))
    black, white = sorted(_stored_range(held, used))
    if held.get("Modality") == "CT" and "RescaleSlope" in held:
        black, white = CT_UNITS
    if (black, white) != tuple(sorted(_stored_range(held, ends))):
        warn(
            f"a DICOM file has no window, and uses a part of the numbers that its {held.BitsStored} bits can "
            f"hold: {black:g} is taken for black and {white:g} for white. Where files of one set differ in "
            "that, give them the same WindowCenter and WindowWidth.",
            slug="dicom-window",
        )
    return black, white


def _unit_colour(stored: Shaped[np.ndarray, "..."], held: Any) -> Float[np.ndarray, "H W 3"]:
    if _has_palette(held):
        colours = require("pydicom.pixels", extra="dicom").apply_color_lut(stored, held)
        return np.asarray(colours[..., :3] / float(np.iinfo(colours.dtype).max))
    return np.asarray(stored / (2.0**held.BitsStored - 1), dtype=np.float64)
