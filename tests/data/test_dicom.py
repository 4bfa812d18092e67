"""DICOM files, read as they are meant to be seen."""

import sys

import numpy as np
import pytest

from sightline.data import ImageFormat, read_image_file
from sightline.errors import MissingExtra
from support.bad_files import dicom

GREY = np.arange(54, dtype=np.uint8).reshape(6, 9) * 4
RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
DEEP = np.arange(54, dtype=np.uint16).reshape(6, 9) * 1200


def saved(image, path, **options):
    image.save(path, **options)
    return path


def test_a_dicom_without_window_spans_the_bits_that_are_stored(tmp_path):
    pixels = np.arange(48, dtype=np.uint16).reshape(6, 8) * 87
    read = read_image_file(dicom(tmp_path / "p.dcm", pixels, BitsStored=12))
    assert read.dtype == np.uint16
    assert np.array_equal(read, np.rint(pixels / 4095 * 65535))


def test_an_8_bit_dicom_keeps_its_pixels_and_monochrome1_is_inverted(tmp_path):
    pixels = RGB[..., 0].copy()
    assert np.array_equal(read_image_file(dicom(tmp_path / "2.dcm", pixels)), pixels)
    inverted = dicom(tmp_path / "1.dcm", pixels, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read_image_file(inverted), 255 - pixels)


def test_rescale_and_window_of_a_ct_show_what_the_standard_says(tmp_path):
    """PS3.3 C.11.2.1.2.1, written out: below the window black, above it white, a ramp between."""
    stored = np.linspace(0, 4000, 48).astype(np.int16).reshape(6, 8)
    path = dicom(
        tmp_path / "p.dcm", stored, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400
    )
    hounsfield = stored.astype(float) - 1024
    ramp = ((hounsfield - 39.5) / 399 + 0.5).clip(0, 1)
    assert np.abs(read_image_file(path) - ramp * 65535).max() <= 0.5
    several = dicom(
        tmp_path / "w.dcm",
        stored,
        RescaleSlope=1,
        RescaleIntercept=-1024,
        WindowCenter=[40, 300],
        WindowWidth=[400, 9],
    )
    assert np.array_equal(read_image_file(several), read_image_file(path))


@pytest.mark.parametrize("slope", [2, -2])
def test_without_a_window_brighter_is_more_whatever_the_slope(slope, tmp_path):
    stored = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1300
    read = read_image_file(dicom(tmp_path / "p.dcm", stored, RescaleSlope=slope, RescaleIntercept=7))
    assert np.all(np.diff(read.ravel().astype(int) * np.sign(slope)) > 0)


def test_a_sigmoid_window_and_a_voi_table_are_applied(tmp_path):
    from pydicom.dataset import Dataset

    stored = np.arange(48, dtype=np.uint16).reshape(6, 8) * 80
    path = dicom(
        tmp_path / "s.dcm",
        stored,
        BitsStored=12,
        WindowCenter=2000,
        WindowWidth=800,
        VOILUTFunction="SIGMOID",
    )
    curve = 1 / (1 + np.exp(-4 * (stored.astype(float) - 2000) / 800))
    assert np.abs(read_image_file(path) - curve * 65535).max() <= 1
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [48, 0, 16], [(47 - i) * 1000 for i in range(48)]
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    small = np.arange(48, dtype=np.uint16).reshape(6, 8)
    path = dicom(
        tmp_path / "t.dcm", small, BitsStored=12, VOILUTSequence=[table], WindowCenter=9, WindowWidth=4
    )
    assert np.array_equal(read_image_file(path), (47 - small) * 1000)


def test_a_colour_dicom_and_a_chosen_frame_are_read(tmp_path):
    path = dicom(
        tmp_path / "c.dcm", RGB, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0
    )
    assert np.array_equal(read_image_file(path), RGB)
    frames = np.stack([GREY, GREY[::-1], GREY[:, ::-1]])
    path = dicom(tmp_path / "f.dcm", frames, NumberOfFrames=3)
    assert np.array_equal(read_image_file(path, frame=1), GREY[::-1])


def test_a_palette_and_a_modality_table_of_a_dicom_are_applied(tmp_path):
    from pydicom.dataset import Dataset

    small = np.arange(48, dtype=np.uint8).reshape(6, 8)
    colours = {}
    for place, name in enumerate(("Red", "Green", "Blue")):
        colours[f"{name}PaletteColorLookupTableDescriptor"] = [48, 0, 16]
        table = (np.arange(48) * 1000 + place).astype("<u2")
        colours[f"{name}PaletteColorLookupTableData"] = table.tobytes()
    path = dicom(tmp_path / "p.dcm", small, PhotometricInterpretation="PALETTE COLOR", **colours)
    read = read_image_file(path)
    assert (read.shape, read.dtype) == ((6, 8, 3), np.uint8)
    expected = (small[..., None] * 1000.0 + [0, 1, 2]) / 65535 * 255
    assert np.abs(read - expected).max() <= 0.5 + 1e-9
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [48, 0, 16], [(47 - i) * 80 for i in range(48)]
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    path = dicom(tmp_path / "m.dcm", small.astype(np.uint16), BitsStored=12, ModalityLUTSequence=[table])
    assert np.array_equal(read_image_file(path), (47 - small.astype(int)) * 80)


def test_an_xray_comes_back_from_a_dicom_as_from_its_jpeg(shared_data, tmp_path):
    grey = ImageFormat(mode="grey").read(sorted((shared_data / "cxr").glob("*.jpg"))[0])
    path = dicom(tmp_path / "x.dcm", 255 - grey, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read_image_file(path), grey)


def test_without_pydicom_the_extra_is_named_and_the_file_is_not_blamed(tmp_path, monkeypatch):
    path = dicom(tmp_path / "p.dcm")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    monkeypatch.setattr("importlib.import_module", _gone)
    with pytest.raises(MissingExtra, match=r"needs pydicom.* pip install 'sightline-xai\[dicom\]'"):
        read_image_file(path)


def _gone(name):
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)
