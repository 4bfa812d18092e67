"""The form that images are brought to: channels, size, values."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sightline.data import ImageFormat
from sightline.errors import ImageError, OptionError, SightlineWarning

GREY = np.arange(54, dtype=np.uint8).reshape(6, 9) * 4
RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
DEEP = np.arange(54, dtype=np.uint16).reshape(6, 9) * 1200


def saved(image, path, **options):
    image.save(path, **options)
    return path


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
    dark = DEEP // 100  # up to 636
    assert ImageFormat(values="unit", white=65535)(dark).max() == pytest.approx(636 / 65535)
    assert ImageFormat(values="unit", white=4095)(dark).max() == pytest.approx(636 / 4095)


@pytest.mark.parametrize(("values", "ends"), [("unit", (0, 1)), ("signed", (-1, 1)), ("byte", (0, 255))])
def test_12_bits_in_16_are_not_fed_black_and_that_is_said(values, ends):
    twelve = np.array([[0, 4095], [2048, 100]], np.uint16)
    with pytest.warns(SightlineWarning, match=r"greater than 4095.*ImageFormat\(white=4095\).*image-depth"):
        made = ImageFormat(values=values)(twelve)
    assert (made.min(), made.max()) == ends
    told = ImageFormat(values=values, white=4095)(twelve)
    assert np.array_equal(told, made)


def test_the_bits_are_those_of_the_image_before_it_shrinks():
    twelve = np.full((8, 8), 900, np.uint16)
    twelve[0, 0] = 4000
    with pytest.warns(SightlineWarning, match="greater than 4095"):
        made = ImageFormat(values="unit", size=(2, 2))(twelve)
    assert made[1, 1] == pytest.approx(900 / 4095, abs=1e-3)


@pytest.mark.parametrize("beyond", [1.0001, 37.0, -1e-7])
def test_a_pixel_beyond_does_not_make_bytes_of_an_image_from_0_to_1(beyond):
    pixels = np.linspace(0, 1, 400).reshape(20, 20)
    pixels[3, 3] = beyond
    made = ImageFormat(values="byte")(pixels)
    expected = np.rint(pixels.clip(0, 1) * 255)
    assert np.abs(made - expected).max() <= 1


def test_white_of_floats_is_what_the_user_says():
    floats = RGB.astype(np.float32)
    assert np.allclose(ImageFormat(values="unit", white=255)(floats), RGB / 255, atol=1e-6)
    with pytest.raises(OptionError, match="white must"):
        ImageFormat(white=0)


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
        ({"mode": "graye"}, r"there is no mode 'graye'\. Did you mean 'grey'\?"),
        ({"values": "units"}, r"there is no values 'units'\. Did you mean 'unit'\?"),
        ({"interpolation": "linear"}, r"there is no interpolation 'linear'\. Did you mean 'bilinear'\?"),
        ({"antialias": False, "interpolation": "box"}, r"without antialias, interpolation must be one of n"),
        ({"size": (0, 5)}, r"size must be \(height, width\) in pixels, each from 1 to 65,536, but \(0, 5\)"),
    ],
)
def test_an_option_that_does_not_exist_names_the_nearest(options, words):
    with pytest.raises(OptionError, match=words):
        ImageFormat(**options)


def test_a_misspelt_option_is_an_error_where_it_is_written():
    with pytest.raises(OptionError, match=r"ImageFormat has no option 'sise'\. Did you mean 'size'\?"):
        ImageFormat(sise=(4, 4))


@pytest.mark.parametrize("interpolation", ["bicubic", "lanczos"])
def test_filters_that_overshoot_keep_floats_within_their_range(interpolation):
    image = np.zeros((16, 16), np.float32)
    image[:, 8:] = 1.0
    made = ImageFormat(size=(12, 12), interpolation=interpolation, values="unit")(image)
    assert (made.min(), made.max()) == (0.0, 1.0)
