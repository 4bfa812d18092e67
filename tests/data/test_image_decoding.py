"""Image files of every kind: what is read from them, and what is refused."""

import os
import re

import numpy as np
import pytest
import tifffile
from PIL import Image

from sightline.data import ImageFormat, read_image_file
from sightline.data.image_decoding import read_pil_image
from sightline.errors import ImageError
from support.bad_files import BAD, dicom, encoded, png_of_16_bits

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
    path = tmp_path / "p.tif"
    tifffile.imwrite(path, DEEP, byteorder=order)
    assert path.read_bytes()[:2] == {"<": b"II", ">": b"MM"}[order]
    read = read_image_file(path)
    assert np.array_equal(read, DEEP)
    assert read.dtype == np.uint16


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16"])
def test_a_tiff_in_which_0_is_white_looks_like_one_in_which_0_is_black(dtype, tmp_path):
    most = {"bool": True, "uint8": 255, "uint16": 65535}[dtype]
    pixels = GREY > 100 if dtype == "bool" else GREY.astype(dtype) * (most // 255)
    tifffile.imwrite(tmp_path / "black.tif", pixels, photometric="minisblack")
    stored = ~pixels if dtype == "bool" else most - pixels
    tifffile.imwrite(tmp_path / "white.tif", stored, photometric="miniswhite")
    read = read_image_file(tmp_path / "white.tif")
    assert np.array_equal(read, read_image_file(tmp_path / "black.tif"))
    assert read[0, 0] == 0
    assert read.max() > 200


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_colour_of_16_bits_is_read_as_8(kind, tmp_path):
    path = tmp_path / f"p.{kind}"
    deep = RGB.astype(np.uint16) * 257
    if kind == "tif":
        tifffile.imwrite(path, deep, photometric="rgb")
    else:
        path.write_bytes(png_of_16_bits(deep))
    assert np.array_equal(read_image_file(path), RGB)


def test_bands_behind_alpha_are_dropped_and_planes_are_joined(tmp_path):
    path, alpha = tmp_path / "p.tif", np.full((6, 9, 1), 9, np.uint8)
    tifffile.imwrite(path, np.dstack([RGB, alpha]), photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(read_image_file(path), RGB)
    tifffile.imwrite(path, np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate")
    assert np.array_equal(read_image_file(path), RGB)
    tifffile.imwrite(path, np.dstack([GREY, alpha]), photometric="minisblack", extrasamples=["unassalpha"])
    assert np.array_equal(read_image_file(path), GREY)


def test_unsigned_numbers_of_32_bits_do_not_become_negative(tmp_path):
    pixels = np.array([[0, 7, 3_000_000_000]], np.uint32)
    tifffile.imwrite(tmp_path / "p.tif", pixels)
    assert np.array_equal(read_image_file(tmp_path / "p.tif"), pixels)


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
    dicom(tmp_path / "p.bmp", WindowCenter=24, WindowWidth=48)
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
    with pytest.raises(ImageError, match=r"cannot be read as an image: .*embedded null (byte|character)"):
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
