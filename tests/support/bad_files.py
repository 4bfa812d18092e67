"""Files that are no image, or not one: each kind, and the message it gets."""

import io
import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
LOSSLESS = "1.2.840.10008.1.2.4.70"
EXTENDED = "1.2.840.10008.1.2.4.51"


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


def half(kind: str) -> Callable[[Path], object]:
    whole = encoded(NOISE, kind)
    return lambda path: path.write_bytes(whole[: len(whole) // 2])


def holding(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def animated(kind: str) -> Callable[[Path], object]:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    return holding(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))


def damaged_png() -> bytes:
    """A byte of the pixels changed, so that a checksum fails."""
    content = bytearray(encoded(NOISE, "PNG"))
    content[len(content) // 2] ^= 0xFF
    return bytes(content)


def png_head(width: int, height: int) -> bytes:
    """A PNG that claims a size."""
    return _png(struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), bytes(100))


def png_of_16_bits(pixels: Any) -> bytes:
    """A PNG in colour of 16 bits a channel, which Pillow does not write."""
    height, width, _ = pixels.shape
    lines = b"".join(b"\0" + line.tobytes() for line in pixels.astype(">u2"))
    return _png(struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0), lines)


def _png(header: bytes, content: bytes) -> bytes:
    head, data = b"IHDR" + header, b"IDAT" + zlib.compress(content)
    chunks = [
        struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (head, data)
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + b"\0\0\0\0IEND\xaeB`\x82"


def dicom(path: Path, pixels: Any = None, **changed: Any) -> Path:
    """A DICOM file of grey pixels; None leaves an element out."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    pixels = np.arange(48, dtype=np.uint16).reshape(6, 8) if pixels is None else pixels
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = changed.pop("syntax", ExplicitVRLittleEndian)
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = SecondaryCaptureImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid()
    made.Rows, made.Columns = pixels.shape[:2] if pixels.shape[-1] == 3 else pixels.shape[-2:]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8 * pixels.dtype.itemsize
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    made.PixelData = pixels.tobytes()
    for name, value in changed.items():
        if value is None:
            delattr(made, name)
        else:
            setattr(made, name, value)
    made.HighBit = made.BitsStored - 1
    made["PixelData"].VR = "OW" if "PixelData" in made else ""
    made.save_as(path, enforce_file_format=True)
    return path


def without_pixels(path: Path) -> None:
    from pydicom import dcmread

    made = dcmread(dicom(path))
    del made.PixelData
    made.save_as(path)


def _encapsulated() -> bytes:
    from pydicom.encaps import encapsulate

    return bytes(encapsulate([b"\xff\xd8not really\xff\xd9"]))


def compressed(path: Path) -> None:
    dicom(path, PixelData=_encapsulated(), syntax=LOSSLESS)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def plug(path: Path) -> None:
    """A socket; its path must be short, so it is made from its own folder."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def nan_tiff(path: Path) -> None:
    pixels = np.zeros((4, 4), np.float32)
    pixels[1, 2:] = np.nan
    Image.fromarray(pixels).save(path)


def locked(path: Path) -> None:
    NOISE.save(path)
    path.chmod(0)


def tiff(shape: tuple[int, ...], dtype: str, **options: Any) -> Callable[[Path], object]:
    from tifffile import imwrite

    pixels = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    return lambda path: imwrite(path, pixels, **options)


TIFF_HELP = (
    "open it in Python, as in tifffile.imread(path), choose one or three of its bands, and give the array, "
    "scaled to 0 to 1; or save it as PNG."
)
NIFTI = (
    "it is a NIfTI volume: take a slice of it in Python, as in "
    "nibabel.load(path).get_fdata()[:, :, 40], and give the array, scaled to 0 to 1."
)
IMAGE_ERROR = "{path} cannot be read as an image: "
TRUNCATED = IMAGE_ERROR + "image file is truncated (# bytes not processed)."
SEVERAL = (
    "{path} holds 3 images (frames or pages), and one is needed: choose it with ImageFormat(frame=0) "
    "or sightline.data.read_image_file(path, frame=0), or save it as a file of its own."
)

BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a file that is not there": ("x.png", lambda path: None, "there is no image {path}."),
    "an empty file": ("x.png", holding(b""), IMAGE_ERROR + "the file is empty."),
    "half a JPEG": ("x.jpg", half("JPEG"), TRUNCATED),
    "half a PNG": ("x.png", half("PNG"), IMAGE_ERROR + "image file is truncated."),
    "half a GIF": ("x.gif", half("GIF"), TRUNCATED),
    "half a TIFF": ("x.tif", half("TIFF"), TRUNCATED),
    "half a BMP": ("x.bmp", half("BMP"), TRUNCATED),
    "a PNG with a damaged byte": (
        "x.png",
        holding(damaged_png()),
        IMAGE_ERROR + "broken data stream when reading image file.",
    ),
    "a PNG without width": (
        "x.png",
        holding(png_head(0, 5)),
        IMAGE_ERROR + "its first bytes (89 50 4e 47) are of no known kind of image, or its head is damaged.",
    ),
    "text named .png": ("x.png", holding(b"this is no image\n"), IMAGE_ERROR + "it holds text."),
    "a web page named .jpg": (
        "x.jpg",
        holding(b"<!DOCTYPE html><html><body>404</body></html>"),
        IMAGE_ERROR + "it holds a web page, as a download that failed leaves behind.",
    ),
    "an SVG drawing": (
        "x.png",
        holding(b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'),
        IMAGE_ERROR + "it is an SVG drawing, which has no pixels: export it as PNG.",
    ),
    "a PDF": (
        "x.png",
        holding(b"%PDF-1.7\n"),
        IMAGE_ERROR + "it is a PDF document: export its image as PNG.",
    ),
    "a Git LFS pointer": (
        "x.png",
        holding(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        IMAGE_ERROR + "it is a Git LFS pointer, not the file itself: git lfs pull.",
    ),
    "a HEIC photo": (
        "x.jpg",
        holding(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        IMAGE_ERROR + "it is a HEIC photo: convert it to JPEG or PNG.",
    ),
    "nothing but zeros": ("x.png", holding(bytes(1000)), IMAGE_ERROR + "it holds nothing but zeros."),
    "other bytes": (
        "x.png",
        holding(bytes(range(200, 256)) * 20),
        IMAGE_ERROR + "its first bytes (c8 c9 ca cb) are of no known kind of image, or its head is damaged.",
    ),
    "a folder named x.png": ("x.png", Path.mkdir, IMAGE_ERROR + "it is a folder, not a file."),
    "a link to a file that is gone": (
        "x.png",
        lambda path: path.symlink_to("nowhere.png"),
        IMAGE_ERROR + "it is a link to a file that is gone.",
    ),
    "a link to itself": (
        "x.png",
        lambda path: path.symlink_to(path.name),
        IMAGE_ERROR + "Too many levels of symbolic links.",
    ),
    "a named pipe": ("x.png", pipe, IMAGE_ERROR + "it is a pipe, socket or device, not a file."),
    "a socket": ("x.png", plug, IMAGE_ERROR + "it is a pipe, socket or device, not a file."),
    "a file that may not be read": ("x.png", locked, IMAGE_ERROR + "Permission denied."),
    "a decompression bomb": (
        "x.png",
        holding(png_head(40000, 40000)),
        IMAGE_ERROR
        + "Image size (1600000000 pixels) exceeds limit of 178956970 pixels, could be decompression "
        "bomb DOS attack. If it is truly that large, raise PIL.Image.MAX_IMAGE_PIXELS.",
    ),
    "an animated GIF": ("x.gif", animated("GIF"), SEVERAL),
    "an animated PNG": ("x.png", animated("PNG"), SEVERAL),
    "an animated WebP": ("x.webp", animated("WEBP"), SEVERAL),
    "a TIFF of several pages": ("x.tif", animated("TIFF"), SEVERAL),
    "a float TIFF with NaN": ("x.tif", nan_tiff, "{path} has 2 values that are NaN or infinite."),
    "a DICOM of several frames": (
        "x.dcm",
        lambda path: dicom(path, np.zeros((3, 6, 8), np.uint16), NumberOfFrames=3),
        SEVERAL,
    ),
    "a DICOM without pixels": (
        "x.dcm",
        without_pixels,
        IMAGE_ERROR + "it is a DICOM file without pixels (Secondary Capture Image Storage).",
    ),
    "a DICOM compressed as nothing here reads": (
        "x.dcm",
        compressed,
        IMAGE_ERROR + "its pixels are compressed as JPEG Lossless, Non-Hierarchical, First-Order Prediction "
        "(Process 14 [Selection Value 1]), for which no decoder is installed. pip install pylibjpeg "
        "pylibjpeg-libjpeg pylibjpeg-openjpeg, or save it uncompressed.",
    ),
    "a DICOM with too few pixels": (
        "x.dcm",
        lambda path: dicom(path, PixelData=bytes(10)),
        IMAGE_ERROR + "The number of bytes of pixel data is less than expected (10 vs 96 bytes) - …",
    ),
    "a DICOM without its mark and without its beginning": (
        "x.dcm",
        lambda path: path.write_bytes(dicom(path).read_bytes()[150:]),
        IMAGE_ERROR + "its name says DICOM, but it neither has the mark DICM at byte 128 nor begins with an "
        "element.",
    ),
    "a DICOM whose pixels all mean the same": (
        "x.dcm",
        lambda path: dicom(path, RescaleSlope=0, RescaleIntercept=100),
        IMAGE_ERROR + "its rescale slope is 0 and its intercept 100, with which its pixels mean nothing. If "
        "the stored numbers are meant, remove both: del d.RescaleSlope, d.RescaleIntercept, with "
        "d = pydicom.dcmread(path).",
    ),
    "a DICOM whose decoder fails": (
        "x.dcm",
        lambda path: dicom(path, PixelData=_encapsulated(), syntax=EXTENDED),
        IMAGE_ERROR + "its pixels are compressed as JPEG Extended (Process 2 and 4), and no decoder that is "
        "installed reads them (pillow: …). pip install pylibjpeg "
        "pylibjpeg-libjpeg pylibjpeg-openjpeg, or save it uncompressed.",
    ),
    "a TIFF of five bands": (
        "x.tif",
        tiff((6, 8, 5), "uint8", photometric="rgb", extrasamples=[0, 0]),
        IMAGE_ERROR + f"it is a TIFF of 5 bands: {TIFF_HELP}",
    ),
    "a TIFF of two bands": (
        "x.tif",
        tiff((6, 8, 2), "uint8", photometric="minisblack", planarconfig="contig"),
        IMAGE_ERROR + f"it is a TIFF of 2 bands: {TIFF_HELP}",
    ),
    "a TIFF of double precision": (
        "x.tif",
        tiff((6, 8), "float64"),
        IMAGE_ERROR + f"it is a TIFF of a kind that Pillow does not read: {TIFF_HELP}",
    ),
    "a TIFF of floats in colour": (
        "x.tif",
        tiff((6, 8, 3), "float32", photometric="rgb"),
        IMAGE_ERROR + f"it is a TIFF of a kind that Pillow does not read: {TIFF_HELP}",
    ),
    "a TIFF of floats whose black is unknown": (
        "x.tif",
        tiff((6, 8), "float32", photometric="miniswhite"),
        IMAGE_ERROR + "it is a TIFF of floats in which 0 is white, and nothing says what is black: "
        f"{TIFF_HELP}",
    ),
    "a NIfTI volume": (
        "x.img",
        holding(struct.pack("<i", 348) + bytes(340) + b"n+1\0" + bytes(100)),
        IMAGE_ERROR + NIFTI,
    ),
    "a packed NIfTI volume": ("x.nii.gz", holding(b"\x1f\x8b\x08\0rest"), IMAGE_ERROR + NIFTI),
    "a packed file": (
        "x.gz",
        holding(b"\x1f\x8b\x08\0rest"),
        IMAGE_ERROR + "it is packed by gzip: unpack it first.",
    ),
}
"""Kind → name of the file, how it is made, and its message; … stands for any words, # for a number."""
