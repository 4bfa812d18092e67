"""DICOM files, read as they are meant to be seen."""

import sys
import zlib

import numpy as np
import pytest

from sightline.data import ImageFormat, read_image_file
from sightline.errors import ImageError, MissingExtra, SightlineWarning
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


@pytest.mark.filterwarnings("ignore:a DICOM file has no window")
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


RAMP = np.linspace(0, 4095, 48).astype(np.uint16).reshape(6, 8)


def group(**values):
    """A functional group: sequences of one item each."""
    from pydicom.dataset import Dataset

    made = Dataset()
    for name, inner in values.items():
        item = Dataset()
        for word, value in inner.items():
            setattr(item, word, value)
        setattr(made, name, [item])
    return made


def window(center, width):
    return {"FrameVOILUTSequence": {"WindowCenter": center, "WindowWidth": width}}


def rescaling(slope, offset):
    return {"PixelValueTransformationSequence": {"RescaleSlope": slope, "RescaleIntercept": offset}}


def ramp_of(values, center, width):
    """PS3.3 C.11.2.1.2.1, as 16 bits."""
    return ((values.astype(float) - (center - 0.5)) / (width - 1) + 0.5).clip(0, 1) * 65535


def test_each_frame_of_an_enhanced_dicom_has_its_own_window_or_that_of_all(tmp_path):
    frames = np.stack([RAMP, RAMP])
    own = [group(**window(500, 400)), group(**window(3000, 400))]
    path = dicom(
        tmp_path / "own.dcm",
        frames,
        NumberOfFrames=2,
        BitsStored=12,
        SharedFunctionalGroupsSequence=[group(**window(9, 9))],
        PerFrameFunctionalGroupsSequence=own,
    )
    for frame, center in ((0, 500), (1, 3000)):
        assert np.abs(read_image_file(path, frame=frame) - ramp_of(RAMP, center, 400)).max() <= 0.5
    path = dicom(
        tmp_path / "shared.dcm",
        frames,
        NumberOfFrames=2,
        BitsStored=12,
        SharedFunctionalGroupsSequence=[group(**window(2000, 900))],
    )
    assert np.abs(read_image_file(path, frame=1) - ramp_of(RAMP, 2000, 900)).max() <= 0.5


def test_each_frame_of_an_enhanced_dicom_has_its_own_rescaling(tmp_path):
    path = dicom(
        tmp_path / "p.dcm",
        np.stack([RAMP // 4] * 2),
        NumberOfFrames=2,
        BitsStored=12,
        SharedFunctionalGroupsSequence=[group(**window(2048, 4096))],
        PerFrameFunctionalGroupsSequence=[group(**rescaling(1, 0)), group(**rescaling(4, -100))],
    )
    for frame, (slope, offset) in enumerate([(1, 0), (4, -100)]):
        seen = (RAMP // 4).astype(float) * slope + offset
        assert np.abs(read_image_file(path, frame=frame) - ramp_of(seen, 2048, 4096)).max() <= 1


def test_empty_elements_are_as_if_they_were_not_there(tmp_path):
    plain = dicom(tmp_path / "0.dcm", RAMP, BitsStored=12)
    for place, empty in enumerate(
        [
            {"RescaleSlope": None, "RescaleIntercept": ""},
            {"WindowCenter": "", "WindowWidth": ""},
            {"WindowCenter": 100},
            {"RescaleSlope": 1, "RescaleIntercept": ""},
        ]
    ):
        kept = {name: "" if value is None else value for name, value in empty.items()}
        path = dicom(tmp_path / f"{place + 1}.dcm", RAMP, BitsStored=12, **kept)
        assert np.array_equal(read_image_file(path), read_image_file(plain)), empty


def test_without_a_window_the_bits_that_are_used_decide_and_that_is_said(tmp_path):
    path = dicom(tmp_path / "p.dcm", RAMP)
    with pytest.warns(SightlineWarning, match="0 is taken for black and 4095 for white.*dicom-window"):
        read = read_image_file(path)
    assert np.array_equal(read, np.rint(RAMP / 4095 * 65535))
    signed = dicom(tmp_path / "s.dcm", RAMP.astype(np.int16) - 1000)
    with pytest.warns(SightlineWarning, match="-4096 is taken for black and 4095 for white"):
        read = read_image_file(signed)
    assert np.array_equal(read, np.rint((RAMP.astype(float) + 3096) / 8191 * 65535))


def test_a_ct_without_a_window_spans_the_units_of_12_bits(tmp_path):
    path = dicom(
        tmp_path / "p.dcm", RAMP.astype(np.int16), Modality="CT", RescaleSlope=1, RescaleIntercept=-1024
    )
    with pytest.warns(SightlineWarning, match="-1024 is taken for black and 3071 for white"):
        read = read_image_file(path)
    assert np.array_equal(read, np.rint(RAMP / 4095 * 65535))


def test_what_a_dicom_says_is_white_stays_so_in_a_form(tmp_path):
    """Its numbers are black to white already: a dark one is not stretched to the bits that it uses."""
    path = dicom(tmp_path / "p.dcm", RAMP // 8, WindowCenter=32768, WindowWidth=65536)
    assert ImageFormat(values="unit").read(path).max() == pytest.approx(4095 // 8 / 65535, abs=1e-4)


def test_a_dicom_without_its_preamble_is_read(tmp_path):
    whole = dicom(tmp_path / "p.dcm", GREY)
    (tmp_path / "cut").write_bytes(whole.read_bytes()[132:])
    assert np.array_equal(read_image_file(tmp_path / "cut"), GREY)


@pytest.mark.parametrize("implicit", [True, False])
def test_a_dicom_without_preamble_and_without_its_own_header_is_read(implicit, tmp_path):
    from pydicom import dcmread

    held = dcmread(dicom(tmp_path / "p.dcm", GREY))
    del held.file_meta
    held.preamble = None
    held.save_as(tmp_path / "bare", implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    begin = (tmp_path / "bare").read_bytes()
    assert begin[:2] == b"\x08\0"
    assert np.array_equal(read_image_file(tmp_path / "bare"), GREY)


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


def deflated(path, size):
    """A DICOM file of a few hundred kilobytes whose deflated part is `size` bytes of zeros."""
    import pydicom
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    whole = dicom(path.with_suffix(".whole"), GREY)
    held = pydicom.dcmread(whole)
    held.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    held.save_as(path, enforce_file_format=True)
    content = path.read_bytes()
    end = 144 + int.from_bytes(content[140:144], "little")
    packer = zlib.compressobj(wbits=-15)
    parts = [packer.compress(zlib.decompress(content[end:], -15))]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    path.write_bytes(content[:end] + b"".join(parts) + packer.flush())
    return path


@pytest.mark.slow
def test_a_deflated_dicom_is_read_and_one_that_inflates_without_end_is_refused(tmp_path):
    assert np.array_equal(read_image_file(deflated(tmp_path / "small.dcm", 0)), GREY)
    path = deflated(tmp_path / "bomb.dcm", 200 << 20)
    assert path.stat().st_size < 300_000
    with pytest.raises(ImageError, match=r"would open from .* SIGHTLINE_MAX_DICOM_BYTES=\d+. \[file-size\]"):
        read_image_file(path)


def test_a_dicom_that_claims_billions_of_pixels_is_refused_before_they_are_decoded(tmp_path):
    import pydicom
    from pydicom.encaps import encapsulate
    from pydicom.uid import RLELossless

    held = pydicom.dcmread(dicom(tmp_path / "p.dcm", GREY))
    held.Rows = held.Columns = 65535
    held.file_meta.TransferSyntaxUID = RLELossless
    held.PixelData = encapsulate([b"\1\0\0\0@\0\0\0" + bytes(56) + b"\x81\0" * 140_000])
    held["PixelData"].is_undefined_length = True
    held.save_as(tmp_path / "bomb.dcm", enforce_file_format=True)
    with pytest.raises(ImageError, match=r"to 4,294,836,225 bytes, far more than such a file has"):
        read_image_file(tmp_path / "bomb.dcm")
