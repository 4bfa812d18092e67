"""one image file of any kind → its pixels: (H, W) if grey, else (H, W, 3), upright, in its own depth."""

import contextlib
import os
import stat
from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline._arguments import clear_arguments
from sightline.errors import ImageError, Message

WHOLE = ("MPO", "PSD")
"""Formats whose further frames (a camera's preview, layers) belong to the one image that opens first."""

STARTS = (
    (b"<svg", "it is an SVG drawing, which has no pixels: export it as PNG"),
    (b"<!doctype html", "it holds a web page, as a download that failed leaves behind"),
    (b"<html", "it holds a web page, as a download that failed leaves behind"),
    (b"version https://git-lfs", "it is a Git LFS pointer, not the file itself: git lfs pull"),
    (b"%!ps", "it is PostScript, a program that draws: export its image as PNG"),
    (b"%pdf", "it is a PDF document: export its image as PNG"),
    (b"pk\x03\x04", "it is a ZIP archive: unpack it first"),
    (b"\x93numpy", "it is a NumPy array: load it with numpy.load"),
)
PROGRAMS = ("EPS", "IPTC")
"""Formats that are never opened: Pillow has Ghostscript run the program that the first is, and the second may
hold."""
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
TIFF_HELP = (
    "open it in Python, as in tifffile.imread(path), choose one or three of its bands, and give the array, "
    "scaled to 0 to 1; or save it as PNG"
)
WHITE_IS_ZERO = 0
"""TIFF's PhotometricInterpretation."""
CAMERA = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc")


@clear_arguments
def read_image_file(source: str | PathLike[str], *, frame: int | None = None) -> Shaped[np.ndarray, "..."]:
    """The pixels of an image file, told by its content and not by its name.

    Whatever Pillow opens, and DICOM (with the ``dicom`` extra):

    - The alpha channel is dropped, as TensorFlow's and Keras's decoders do. Palette, CMYK, YCbCr and Lab
      images become RGB by Pillow's conversion, without a colour profile; black and white becomes 0 and
      255.
    - Grey of 8 and 16 bits, of 32-bit integers and of floats keeps its numbers: uint8, uint16, int32,
      float32; where a TIFF says that 0 is white, it is turned over. Colour of 16 bits a channel is read as
      8, as Pillow does. TIFFs of more bands than an image has, and what Pillow does not read, are refused.
    - The orientation that a camera noted is applied.
    - DICOM is read as it is meant to be seen: rescaled, through its VOI LUT or its first window (the frame's
      own, if it has one; if there is none, the range of the bits that it uses, and a warning says so),
      MONOCHROME1 inverted, black 0 and white 255 (uint8), or 65535 (uint16) if more than 8 bits are stored.
      It may lack its preamble.

    Parameters
    ----------
    source : path
    frame : int, optional
        Which image of a file that holds several, from 0: animations, TIFFs of many pages, DICOM series.
        Left out, such a file is refused.

    Returns
    -------
    array, shape (H, W) or (H, W, 3)

    Raises
    ------
    ImageError
        If it is no file, cannot be read as one image, or has values that are NaN or infinite.
    MissingExtra
        If it is a DICOM file and pydicom is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGBA", (4, 2), "red").save(f"{folder}/red.png")
    ...     read_image_file(f"{folder}/red.png").shape
    (2, 4, 3)
    """
    return decode_image_file(source, frame=frame)[0]


def decode_image_file(
    source: str | PathLike[str], *, frame: int | None = None
) -> tuple[Shaped[np.ndarray, "..."], float | None]:
    """The pixels of an image file, as `read_image_file` has them, and which number is white, if told."""
    name = os.fspath(source)
    with decoding_errors(name):
        start = first_bytes(name)
        if is_dicom(start):
            from sightline.data.dicom import read_dicom

            pixels = check_finite(read_dicom(name, lambda count: _choose_frame(count, frame, name)), name)
            return pixels, float(np.iinfo(pixels.dtype).max)
        with open_with_pillow(name, start) as opened:
            _check_tiff(opened, name)
            _seek_frame(opened, frame, name)
            return check_finite(_pil_pixels(opened), name), None


def is_dicom(start: bytes) -> bool:
    """Whether a file that begins so is DICOM."""
    return start[128:132] == b"DICM" or _begins_like_dicom(start)


def _begins_like_dicom(start: bytes) -> bool:
    """Whether a file begins as DICOM without its preamble: with a short element of group 2 or 8."""
    for order in ("little", "big"):
        group, element = (int.from_bytes(start[place : place + 2], order) for place in (0, 2))
        if group in (2, 8) and element <= 0x20 and start[8:].strip(b"\0"):
            named = start[4:6].isalpha() and start[4:6].isupper()
            return named or int.from_bytes(start[4:8], "little") <= 64
    return False


def read_pil_image(image: Any) -> Shaped[np.ndarray, "..."]:
    """The pixels of a PIL image, by the rules of `read_image_file`; of several frames the one it stands at.

    Raises
    ------
    ImageError
        If its file turns out to be broken.
    """
    with decoding_errors("the image"):
        _check_tiff(image, "the image")
        return check_finite(_pil_pixels(image), "the image")


def check_finite(image: Shaped[np.ndarray, "..."], name: str) -> Shaped[np.ndarray, "..."]:
    """The image itself, if every value is a finite number and there is one.

    Raises
    ------
    ImageError
    """
    if image.size == 0:
        raise ImageError(f"{name} cannot be read as an image: it has no pixels.", slug="image-file")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise ImageError(f"{name} has {bad} values that are NaN or infinite.", slug="image-nan")
    return image


@contextlib.contextmanager
def decoding_errors(name: str) -> Iterator[None]:
    """Whatever goes wrong in a decoder becomes an ImageError that names the file."""
    try:
        yield
    except FileNotFoundError:
        link = os.path.islink(name)  # noqa: PTH114
        told = f"{name} cannot be read as an image: it is a link to a file that is gone."
        raise ImageError(told if link else f"there is no image {name}.", slug="image-file") from None
    except Message:
        raise
    except Exception as error:  # decoders fail on damaged files with errors of every class
        why = _failure_reason(error)
        raise ImageError(f"{name} cannot be read as an image: {why}.", slug="image-file") from None


def _failure_reason(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    first = said.strip().split("\n")[0].rstrip(".:")
    if type(error).__name__ == "DecompressionBombError":
        return f"{first}. If it is truly that large, raise PIL.Image.MAX_IMAGE_PIXELS"
    expected = (OSError, SyntaxError, ValueError)
    return first if first and isinstance(error, expected) else f"{type(error).__name__}: {first}".rstrip(": ")


def first_bytes(name: str) -> bytes:
    """The first bytes of a file, if it is one: opening a pipe would wait for ever."""
    kind = os.stat(name).st_mode  # noqa: PTH116
    if not stat.S_ISREG(kind):
        what = "a folder" if stat.S_ISDIR(kind) else "a pipe, socket or device"
        raise ImageError(f"{name} cannot be read as an image: it is {what}, not a file.", slug="image-file")
    with open(name, "rb") as held:  # noqa: PTH123
        start = held.read(512)
    if not start:
        raise ImageError(f"{name} cannot be read as an image: the file is empty.", slug="image-file")
    return start


def open_with_pillow(name: str, start: bytes) -> Any:
    """An image file whose head is read, by Pillow's decoders that run no program.

    Raises
    ------
    ImageError
    """
    from PIL import Image, UnidentifiedImageError

    try:
        Image.init()
        return Image.open(name, formats=[one for one in Image.ID if one not in PROGRAMS])
    except UnidentifiedImageError:
        raise ImageError(
            f"{name} cannot be read as an image: {_guess_file_kind(start, name)}.", slug="image-file"
        ) from None


def _guess_file_kind(start: bytes, name: str) -> str:
    """What a file is that Pillow does not know, in words."""
    low = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for begins, words in STARTS:
        if low.startswith(begins) or (begins == b"<svg" and low.startswith(b"<?xml") and begins in low):
            return words
    if start[4:12] in CAMERA:
        return "it is a HEIC photo: convert it to JPEG or PNG"
    if name.lower().endswith((".dcm", ".dicom")):
        return "its name says DICOM, but it neither has the mark DICM at byte 128 nor begins with an element"
    if start[344:347] in (b"n+1", b"ni1") or name.lower().endswith((".nii", ".nii.gz")):
        return (
            "it is a NIfTI volume: take a slice of it in Python, as in "
            "nibabel.load(path).get_fdata()[:, :, 40], and give the array, scaled to 0 to 1"
        )
    if start[:2] == b"\x1f\x8b":
        return "it is packed by gzip: unpack it first"
    if start[:4] in TIFF:
        return f"it is a TIFF of a kind that Pillow does not read: {TIFF_HELP}"
    if not any(start):
        return "it holds nothing but zeros"
    if all(byte >= 32 or byte in b"\t\r\n" for byte in start) and start.isascii():
        return "it holds text"
    return f"its first bytes ({start[:4].hex(' ')}) are of no known kind of image, or its head is damaged"


def _seek_frame(opened: Any, frame: int | None, name: str) -> None:
    """Stand at the frame asked for; refuse a file of several if none was asked for."""
    several = getattr(opened, "is_animated", False) and opened.format not in WHOLE
    if frame is None and not several:
        return
    _choose_frame(opened.n_frames if several else 1, frame, name)
    opened.seek(frame)


def _choose_frame(count: int, frame: int | None, name: str) -> int:
    """Which of a file's `count` images to read.

    Raises
    ------
    ImageError
        If there are several and none was asked for, or not as many.
    """
    if frame is None and count > 1:
        raise ImageError(
            f"{name} holds {count} images (frames or pages), and one is needed: choose it with "
            "ImageFormat(frame=0) or sightline.data.read_image_file(path, frame=0), or save it as a file of "
            "its own.",
            slug="image-file",
        )
    if frame is not None and not 0 <= frame < count:
        raise ImageError(
            f"{name} holds {count} image{'s' * (count != 1)}, numbered from 0, but frame={frame} was "
            "asked for.",
            slug="image-file",
        )
    return frame or 0


def _check_tiff(opened: Any, name: str) -> None:
    """Refuse a TIFF with more bands than an image has, which Pillow leaves out, or whose black is unknown."""
    from PIL import TiffImagePlugin as Tiff

    tags = getattr(opened, "tag_v2", {})
    bands, extra = tags.get(Tiff.SAMPLESPERPIXEL, 1), tags.get(Tiff.EXTRASAMPLES, ())
    unlike = f"a TIFF of {bands} bands" if bands > 4 or (bands == 2 and not {1, 2} & set(extra)) else ""
    if opened.mode == "F" and tags.get(Tiff.PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO:
        unlike = "a TIFF of floats in which 0 is white, and nothing says what is black"
    if unlike:
        raise ImageError(
            f"{name} cannot be read as an image: it is {unlike}: {TIFF_HELP}.", slug="image-file"
        )


def _pil_pixels(image: Any) -> Shaped[np.ndarray, "..."]:
    """The pixels of a PIL image, upright, in its own depth."""
    from PIL import ImageOps
    from PIL import TiffImagePlugin as Tiff

    tags = getattr(image, "tag_v2", {})
    inverted = tags.get(Tiff.PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("L", "F"):
        return np.asarray(upright)
    if upright.mode.startswith("I"):
        # Pillow's own conversion of big-endian 16 bits clips them at 255; older ones read PNG as 32 bits.
        deep = upright.mode != "I" or image.format in ("PNG", "PPM")
        pixels = np.asarray(upright).astype(np.uint16 if deep else np.int32)
        if not deep and tags.get(Tiff.SAMPLEFORMAT, (1,))[0] == 1 and pixels.min() < 0:
            return pixels.view(np.uint32)  # Pillow has no unsigned numbers of 32 bits
        # Pillow turns 1 and 8 bits over by itself.
        return np.iinfo(np.uint16).max - pixels if deep and inverted else pixels
    if "transparency" in upright.info:
        # Pillow warns of what it forgets when it goes from a palette to RGB directly.
        upright = upright.convert("RGBA" if upright.mode != "L" else "LA")
    return np.asarray(upright.convert("L" if upright.mode in ("1", "LA") else "RGB"))
