"""Image files of every kind: what is read from them, the form they are brought to, what is refused."""

import os
import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sightline.data import ImageFormat, read_image_file
from sightline.data.image_files import read_pil_image
from sightline.data.items import stack_images
from sightline.errors import ImageError, MissingExtra, OptionError
from support.bad_files import BAD, dicom, encoded

GREY = np.arange(54, dtype=np.uint8).reshape(6, 9) * 4
RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
DEEP = np.arange(54, dtype=np.uint16).reshape(6, 9) * 1200


def saved(image, path, **options):
    image.save(path, **options)
    return path


# What is read


@pytest.mark.parametrize("kind", ["png", "bmp", "tif", "webp", "ppm", "tga"])
def test_a_lossless_image_keeps_its_pixels(kind, tmp_path):
    options = {"lossless": True} if kind == "webp" else {}
    read = read_image_file(saved(Image.fromarray(RGB), tmp_path / f"p.{kind}", **options))
    assert np.array_equal(read, RGB)
    assert read.dtype == np.uint8


def test_alpha_is_dropped_and_what_it_hid_is_seen(tmp_path):
    alpha = np.zeros((6, 9, 1), np.uint8)
    clear = Image.fromarray(np.concatenate([RGB, alpha], axis=2))
    assert np.array_equal(read_image_file(saved(clear, tmp_path / "rgba.png")), RGB)
    grey = Image.fromarray(GREY).convert("LA")
    assert np.array_equal(read_image_file(saved(grey, tmp_path / "la.png")), GREY)


@pytest.mark.parametrize("clear", [None, 0, bytes([0, 128] + [255] * 254)])
def test_a_palette_becomes_its_colours_transparent_or_not(clear, tmp_path):
    few = Image.fromarray(RGB).quantize(8)
    options = {} if clear is None else {"transparency": clear}
    assert np.array_equal(
        read_image_file(saved(few, tmp_path / "p.png", **options)), np.asarray(few.convert("RGB"))
    )


def test_grey_with_one_transparent_level_stays_grey(tmp_path):
    path = saved(Image.fromarray(GREY), tmp_path / "p.png", transparency=4)
    assert np.array_equal(read_image_file(path), GREY)


def test_black_and_white_is_0_and_255(tmp_path):
    for name in ("p.png", "p.tif", "p.pbm"):
        read = read_image_file(saved(Image.fromarray(GREY > 100), tmp_path / name))
        assert np.array_equal(read, np.where(GREY > 100, 255, 0))
        assert read.dtype == np.uint8


def test_cmyk_without_a_profile_is_near_the_colours_it_was_made_from(tmp_path):
    even = np.broadcast_to(np.array([200, 60, 20], np.uint8), (16, 16, 3))
    path = saved(Image.fromarray(even).convert("CMYK"), tmp_path / "p.jpg", quality=95)
    assert read_image_file(path).astype(float) == pytest.approx(even.astype(float), abs=8)


@pytest.mark.parametrize("name", ["p.png", "p.tif"])
def test_16_bits_stay_16_bits(name, tmp_path):
    read = read_image_file(saved(Image.fromarray(DEEP), tmp_path / name))
    assert np.array_equal(read, DEEP)
    assert read.dtype == np.uint16


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_of_a_16_bit_tiff_give_the_same_numbers(order, tmp_path):
    from tifffile import imwrite

    path = tmp_path / "p.tif"
    imwrite(path, DEEP, byteorder=order)
    assert path.read_bytes()[:2] == {"<": b"II", ">": b"MM"}[order]
    read = read_image_file(path)
    assert np.array_equal(read, DEEP)
    assert read.dtype == np.uint16


def test_floats_and_32_bit_integers_keep_their_numbers(tmp_path):
    for pixels in (RGB[..., 0] / np.float32(7) - 3, DEEP.astype(np.int32) * 30 - 5):
        read = read_image_file(saved(Image.fromarray(pixels), tmp_path / "p.tif"))
        assert np.array_equal(read, pixels)
        assert read.dtype == pixels.dtype


TURNS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("name", ["p.png", "p.tif"])
def test_each_turn_that_a_camera_notes_is_undone(orientation, name, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = read_image_file(saved(Image.fromarray(RGB), tmp_path / name, exif=exif))
    assert np.array_equal(read, TURNS[orientation](RGB))


def test_what_a_file_is_is_told_by_its_content_and_not_by_its_name(tmp_path):
    (tmp_path / "p.png").write_bytes(encoded(Image.fromarray(RGB), "JPEG", quality=95))
    (tmp_path / "p.jpg").write_bytes(encoded(Image.fromarray(RGB), "PNG"))
    dicom(tmp_path / "p.bmp")
    assert read_image_file(tmp_path / "p.png").shape == (6, 9, 3)
    assert np.array_equal(read_image_file(tmp_path / "p.jpg"), RGB)
    assert read_image_file(tmp_path / "p.bmp").shape == (6, 8)


@pytest.mark.parametrize(
    "name", ["with space.png", "X선 사진.png", "é\u0301.png", "a'b\"c.png", "%41[1].png"]
)
def test_a_name_may_hold_any_letters(name, tmp_path):
    assert np.array_equal(read_image_file(saved(Image.fromarray(RGB), tmp_path / name)), RGB)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ImageError, match=re.escape(f"{tmp_path / name} cannot be read as an image")):
        read_image_file(tmp_path / name)


def test_a_frame_asked_for_is_read(tmp_path):
    frames = [Image.fromarray(np.roll(RGB, shift, axis=0)) for shift in range(3)]
    path = saved(frames[0], tmp_path / "p.tif", save_all=True, append_images=frames[1:])
    for place, frame in enumerate(frames):
        assert np.array_equal(read_image_file(path, frame=place), np.asarray(frame))
        assert np.array_equal(ImageFormat(frame=place).read(path), np.asarray(frame))
    with pytest.raises(ImageError, match=r"p\.tif holds 3 images, numbered from 0, but frame=3 was asked"):
        read_image_file(path, frame=3)
    one = saved(frames[0], tmp_path / "p.png")
    assert np.array_equal(read_image_file(one, frame=0), RGB)
    with pytest.raises(ImageError, match=r"p\.png holds 1 image, numbered from 0, but frame=1"):
        read_image_file(one, frame=1)


def test_the_preview_in_a_camera_s_file_does_not_count_as_a_second_image(tmp_path):
    photo, preview = Image.fromarray(RGB), Image.fromarray(RGB[:3, :4])
    path = saved(photo, tmp_path / "p.jpg", format="MPO", save_all=True, append_images=[preview])
    with Image.open(path) as opened:
        assert opened.is_animated
    assert read_image_file(path).shape == (6, 9, 3)


def test_a_pil_image_is_read_like_its_file(tmp_path):
    path = saved(Image.fromarray(RGB).convert("RGBA"), tmp_path / "p.png")
    with Image.open(path) as opened:
        assert np.array_equal(read_pil_image(opened), read_image_file(path))


def test_xrays_of_several_modes_are_read_whole(shared_data):
    for path in sorted((shared_data / "cxr").glob("*.jpg")):
        with Image.open(path) as opened:
            width, height = opened.size
        read = read_image_file(path)
        assert read.shape[:2] == (height, width)
        assert read.dtype == np.uint8
        assert read.std() > 10


# DICOM


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


# What is refused


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_with_a_message_of_its_own(kind, tmp_path):
    name, make, message = BAD[kind]
    if kind == "a file that may not be read" and os.geteuid() == 0:
        pytest.skip("root may read every file")
    path = tmp_path / name
    make(path)
    pattern = re.escape(message.replace("{path}", str(path))).replace("…", ".+").replace(r"\#", r"\d+")
    with pytest.raises(ImageError, match=rf"^{pattern} \[image-(file|nan)\]$"):
        read_image_file(path)


def test_there_are_twenty_kinds_of_bad_files_and_more():
    assert len(BAD) >= 20


def test_a_path_that_no_file_can_have_is_refused():
    with pytest.raises(ImageError, match=r"cannot be read as an image: .*embedded null byte"):
        read_image_file("a\0b.png")


@pytest.mark.filterwarnings("ignore")  # the decoders' own, of what they mend
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "DICOM"])
def test_a_file_with_any_bytes_damaged_is_read_or_refused_as_an_image(kind, tmp_path):
    path, rng = tmp_path / "p.img", np.random.default_rng(0)
    whole = dicom(path).read_bytes() if kind == "DICOM" else encoded(Image.fromarray(RGB), kind)
    refused = 0
    for _ in range(150):
        content = bytearray(whole)
        start = 128 if kind == "DICOM" else 0
        for place in rng.integers(start, min(len(content), start + 400), 3):
            content[place] = rng.integers(256)
        path.write_bytes(content[: rng.integers(start, len(content))] if rng.random() < 0.2 else content)
        try:
            assert read_image_file(path).size
        except ImageError:
            refused += 1
    assert refused > 5


# One form


def test_the_image_itself_comes_back_if_nothing_is_asked_for():
    for pixels in (GREY, RGB, DEEP, RGB / np.float32(255)):
        made = ImageFormat()(pixels)
        assert np.array_equal(made, pixels)
        assert made.dtype == pixels.dtype


def test_grey_is_weighted_as_the_eye_sees_and_rgb_repeats():
    weighted = RGB @ np.array([0.299, 0.587, 0.114])
    assert np.abs(ImageFormat(mode="grey")(RGB) - weighted).max() <= 0.5 + 1e-6
    deep = RGB.astype(np.uint16) * 257
    assert np.array_equal(ImageFormat(mode="grey")(deep), np.rint(weighted * 257))
    for pixels in (GREY, DEEP):
        assert all(np.array_equal(ImageFormat(mode="rgb")(pixels)[..., one], pixels) for one in range(3))
    assert np.array_equal(ImageFormat(mode="grey")(GREY), GREY)


@pytest.mark.parametrize(("pixels", "white"), [(GREY, 255), (RGB, 255), (DEEP, 65535), (RGB / 255, 1)])
def test_black_to_white_of_the_dtype_is_spread_over_the_values(pixels, white):
    unit = pixels / white
    assert ImageFormat(values="unit")(pixels) == pytest.approx(unit, abs=1e-6)
    assert ImageFormat(values="signed")(pixels) == pytest.approx(unit * 2 - 1, abs=1e-6)
    assert np.array_equal(ImageFormat(values="byte")(pixels), np.rint(unit.astype(np.float32) * 255))
    kinds = [ImageFormat(values=values)(pixels).dtype.name for values in ("unit", "signed", "byte")]
    assert kinds == ["float32", "float32", "uint8"]


def test_a_dark_image_stays_dark():
    """Its own brightest pixel is not taken for white: images of one folder would not be comparable."""
    assert ImageFormat(values="unit")(DEEP // 100).max() < 0.01


@pytest.mark.parametrize(
    "pixels", [RGB[..., 0] / np.float32(7), DEEP.astype(np.int32), RGB[..., 0] / 255.0 - 0.5]
)
def test_numbers_that_do_not_tell_black_from_white_are_refused(pixels, tmp_path):
    low, high = pixels.min(), pixels.max()
    words = re.escape(f"the image is {pixels.dtype} from {low:g} to {high:g}, and nothing says what is black")
    for values in ("unit", "byte", "signed"):
        with pytest.raises(ImageError, match=words) as caught:
            ImageFormat(values=values)(pixels)
        assert caught.value.slug == "image-range"
    path = saved(
        Image.fromarray(pixels.astype(np.int32 if pixels.dtype == np.int32 else np.float32)),
        tmp_path / "p.tif",
    )
    with pytest.raises(ImageError, match=rf"^{re.escape(str(path))}: the image is .*Keep its numbers with"):
        ImageFormat(values="unit").read(path)
    assert ImageFormat().read(path).shape == pixels.shape


@given(
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.sampled_from(["resize", "pad", "crop"]),
    st.sampled_from([np.uint8, np.uint16, np.float32]),
    st.sampled_from(["asis", "rgb"]),
    st.sampled_from(["nearest", "bilinear", "lanczos"]),
)
@settings(deadline=None)
def test_every_image_gets_the_size_asked_for_and_keeps_its_dtype_and_range(
    have, want, fit, dtype, mode, rule
):
    white = 1 if dtype == np.float32 else np.iinfo(dtype).max
    pixels = (np.random.default_rng(0).random(have) * white).astype(dtype)
    made = ImageFormat(size=want, fit=fit, mode=mode, interpolation=rule)(pixels)
    assert made.shape == ((*want, 3) if mode == "rgb" else want)
    assert made.dtype == dtype
    even = ImageFormat(size=want, fit=fit, interpolation=rule)(np.full(have, white, dtype))
    assert even.max() == pytest.approx(white, rel=1e-5)
    assert fit == "pad" or even.min() == pytest.approx(white, rel=1e-5)


def test_resizing_stretches_padding_frames_and_cropping_cuts():
    wide = np.zeros((10, 20), np.uint8)
    wide[:, 4:16] = 200
    stretched = ImageFormat(size=(10, 10), interpolation="nearest")(wide)
    assert stretched[5].tolist() == [0, 0, *[200] * 6, 0, 0]
    assert (ImageFormat(size=(10, 10), fit="crop")(wide) == 200).all()
    framed = ImageFormat(size=(10, 10), fit="pad", interpolation="nearest")(wide)
    assert np.flatnonzero(framed.any(axis=1)).tolist() == [2, 3, 4, 5, 6]
    assert np.array_equal(framed[2:7], stretched[:5])
    for fit in ("crop", "pad"):
        turned = ImageFormat(size=(10, 10), fit=fit, interpolation="nearest")(wide.T)
        assert np.array_equal(turned, ImageFormat(size=(10, 10), fit=fit, interpolation="nearest")(wide).T)


@pytest.mark.parametrize("fit", ["resize", "pad", "crop"])
def test_16_bits_and_floats_are_resized_as_8_bits_are(fit):
    byte = np.random.default_rng(1).integers(0, 256, (17, 23), dtype=np.uint8)
    form = ImageFormat(size=(9, 7), fit=fit)
    expected = form(byte).astype(float)
    assert np.abs(form(byte.astype(np.uint16) * 257) / 257 - expected).max() <= 1
    assert np.abs(form(byte.astype(np.float32)) - expected).max() <= 1
    assert (
        np.abs(form(np.repeat(byte.astype(np.uint16)[..., None] * 257, 3, 2))[..., 1] / 257 - expected).max()
        <= 1
    )


@pytest.mark.slow
@pytest.mark.parametrize("size", [(9, 7), (40, 55), (17, 50)])
def test_without_antialias_an_image_is_resized_as_by_tensorflow(size):
    tf = pytest.importorskip("tensorflow")
    byte = np.random.default_rng(1).integers(0, 256, (17, 23, 3), dtype=np.uint8)
    for name in ("bilinear", "nearest"):
        theirs = tf.image.resize(byte, size, method=name).numpy()
        form = ImageFormat(size=size, interpolation=name, antialias=False)
        assert np.abs(form(byte) - theirs).max() <= 0.51
        assert np.abs(form(byte.astype(np.float32)) - theirs).max() < 0.05
    assert np.abs(ImageFormat(size=(9, 7))(byte) - tf.image.resize(byte, (9, 7)).numpy()).max() > 20


def test_cropping_without_antialias_takes_the_same_part():
    wide = np.tile(np.arange(60, dtype=np.uint8) * 4, (20, 1))
    with_, without = (ImageFormat(size=(20, 20), fit="crop", antialias=one)(wide) for one in (True, False))
    assert np.array_equal(with_, without)
    assert np.array_equal(with_, wide[:, 20:40])


def test_padding_is_black_in_every_range():
    white = np.full((4, 8), 255, np.uint8)
    assert ImageFormat(size=(8, 8), fit="pad", values="signed")(white)[0].tolist() == [-1.0] * 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fit": "strech"}, r"there is no fit 'strech'\. Did you mean 'resize'|Valid: resize, pad, crop"),
        ({"mode": "gray"}, r"there is no mode 'gray'\. Did you mean 'grey'\?"),
        ({"values": "units"}, r"there is no values 'units'\. Did you mean 'unit'\?"),
        ({"interpolation": "linear"}, r"there is no interpolation 'linear'\. Did you mean 'bilinear'\?"),
        ({"antialias": False, "interpolation": "box"}, r"without antialias, interpolation must be one of n"),
        ({"size": (0, 5)}, r"size must be \(height, width\) in pixels, each 1 or more, but \(0, 5\)"),
    ],
)
def test_an_option_that_does_not_exist_names_the_nearest(options, words):
    with pytest.raises(OptionError, match=words):
        ImageFormat(**options)


def test_a_misspelt_option_is_an_error_where_it_is_written():
    with pytest.raises(OptionError, match=r"ImageFormat has no option 'sise'\. Did you mean 'size'\?"):
        ImageFormat(sise=(4, 4))


def test_images_that_differ_are_not_made_one_batch():
    with pytest.raises(ImageError, match=r"but a is 6×9 uint8 and b is 6×9×3 uint8\. Bring them to one form"):
        stack_images([GREY, RGB], ["a", "b"])
    with pytest.raises(ImageError, match=r"but a is 6×9 uint8 and b is 6×9 uint16"):
        stack_images([GREY, DEEP], ["a", "b"])


@pytest.mark.parametrize("interpolation", ["bicubic", "lanczos"])
def test_filters_that_overshoot_keep_floats_within_their_range(interpolation):
    image = np.zeros((16, 16), np.float32)
    image[:, 8:] = 1.0
    made = ImageFormat(size=(12, 12), interpolation=interpolation, values="unit")(image)
    assert (made.min(), made.max()) == (0.0, 1.0)
