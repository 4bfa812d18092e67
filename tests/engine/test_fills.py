"""Fills: each by its definition, in the image's dtype and range, one or several draws."""

from itertools import product

import numpy as np
import pytest

from sightline._value_range import value_range
from sightline.engine.fills import (
    Blur,
    Colour,
    Donors,
    Inpaint,
    Noise,
    SegmentMean,
    Surroundings,
    draw_area,
    draw_fill,
)
from sightline.errors import ImageError, OptionError, SightlineWarning
from sightline.types import Fill, Segments

SHAPES = [(12, 14), (12, 14, 1), (12, 14, 2), (12, 14, 3), (12, 14, 4)]
DTYPES = ["bool", "uint8", "uint16", "int64", "float16", "float32", "float64"]
FILLS: list[Fill] = [SegmentMean(), Colour(), Blur(), Noise(draws=3), Inpaint(), Surroundings()]


def quarters(height: int = 12, width: int = 14) -> Segments:
    down, across = np.mgrid[:height, :width]
    return Segments((down >= height // 2) * 2 + (across >= width // 3))


def random_image(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.random(shape) < 0.3
    unit = rng.random(shape)
    return unit.astype(dtype) if dtype.startswith("f") else (unit * 255).astype(dtype)


@pytest.mark.parametrize("how", FILLS, ids=lambda how: type(how).__name__)
@pytest.mark.parametrize(("shape", "dtype"), list(product(SHAPES, DTYPES)))
def test_every_fill_keeps_shape_dtype_and_range(how: Fill, shape: tuple[int, ...], dtype: str) -> None:
    image = random_image(shape, dtype)
    before = image.copy()
    draws = draw_fill(image, quarters(), how)
    assert draws.shape == (3 if isinstance(how, Noise) else 1, 12, 14, *(shape[2:] or (1,)))
    assert draws.dtype == image.dtype
    low, high = value_range(image)
    assert low <= draws.min() <= draws.max() <= high
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_segment_mean_is_the_mean_of_each_segment_and_channel(channels: int) -> None:
    image, segments = random_image((12, 14, channels), "float64"), quarters()
    (got,) = draw_fill(image, segments, SegmentMean())
    for down, across, channel in product(range(12), range(14), range(channels)):
        same = segments.labels == segments.labels[down, across]
        assert got[down, across, channel] == pytest.approx(image[same][:, channel].mean())


def test_means_of_integers_are_rounded_and_not_cut_off() -> None:
    image = np.array([[0, 1, 1, 200]], np.uint8)
    (got,) = draw_fill(image, Segments(np.array([[0, 0, 0, 1]])), SegmentMean())
    assert got.ravel().tolist() == [1, 1, 1, 200]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, [0, 0, 0]), (77, [77, 77, 77]), ((1, 2, 3), [1, 2, 3]), (254.6, [255, 255, 255])],
)
def test_colour_is_one_colour_everywhere(value: float | tuple[float, ...], expected: list[int]) -> None:
    (got,) = draw_fill(random_image((12, 14, 3), "uint8"), quarters(), Colour(value))
    np.testing.assert_array_equal(got, np.broadcast_to(np.array(expected, np.uint8), (12, 14, 3)))


def test_a_colour_given_as_an_array_or_a_list_is_a_value_like_any_other() -> None:
    assert Colour(np.array([1.0, 2.0, 3.0])) == Colour([1, 2, 3]) == Colour((1, 2, 3))
    assert hash(Colour([1, 2, 3])) == hash(Colour((1, 2, 3)))


@pytest.mark.parametrize(("numbers", "channels"), [(2, 3), (3, 1), (3, 4)])
def test_a_colour_of_other_channels_is_refused(numbers: int, channels: int) -> None:
    with pytest.raises(
        OptionError, match=rf"Colour has {numbers} numbers, but the image has {channels} chan"
    ):
        draw_fill(random_image((12, 14, channels), "uint8"), quarters(), Colour((1.0,) * numbers))


@pytest.mark.parametrize(
    ("value", "dtype", "shown"), [(300, "uint8", 255), (-4, "uint8", 0), (128, "float32", 128)]
)
def test_a_colour_outside_the_range_is_said(value: int, dtype: str, shown: float) -> None:
    image = random_image((12, 14), dtype)
    high = "255" if dtype == "uint8" else "1"
    expected = rf"the fill Colour\(value={value}\) lies outside the image's range of 0 to {high}\."
    with pytest.warns(SightlineWarning, match=expected) as caught:
        (got,) = draw_fill(image, quarters(), Colour(value))
    assert [one.message.slug for one in caught] == ["fill-range"]
    assert np.unique(got).tolist() == [shown]


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """The definition: Gaussian weights of all pixels around, the border repeated outwards."""
    reach = int(4 * sigma + 0.5)
    steps = np.arange(-reach, reach + 1)
    weight = np.exp(-(steps[:, np.newaxis] ** 2 + steps**2) / (2 * sigma**2))
    weight /= weight.sum()
    padded = np.pad(image, [(reach, reach), (reach, reach), (0, 0)], mode="edge")
    out = np.zeros(image.shape)
    for down, across in product(range(len(steps)), repeat=2):
        out += weight[down, across] * padded[down : down + image.shape[0], across : across + image.shape[1]]
    return out


@pytest.mark.parametrize(("how", "sigma"), [(Blur(), 1.5), (Blur(sigma=0.7), 0.7), (Blur(sigma=3), 3.0)])
def test_blur_is_a_gaussian_over_the_plane_and_never_over_channels(how: Blur, sigma: float) -> None:
    image = random_image((12, 14, 3), "float64")
    (got,) = draw_fill(image, quarters(), how)
    np.testing.assert_allclose(got, blurred(image, sigma), atol=1e-9)


@pytest.mark.parametrize("sigma", [0, -1.5])
def test_a_blur_of_no_width_is_refused(sigma: float) -> None:
    with pytest.raises(OptionError, match=f"Blur needs a sigma above 0, but {sigma:g} was given"):
        draw_fill(random_image((12, 14), "uint8"), quarters(), Blur(sigma=sigma))


def test_noise_has_each_channels_mean_and_spread() -> None:
    image = np.random.default_rng(0).normal((3.0, 50.0), (1.0, 9.0), (60, 60, 2))
    draws = draw_fill(image, quarters(60, 60), Noise(draws=20, seed=4))
    np.testing.assert_allclose(draws.mean(axis=(0, 1, 2)), image.mean(axis=(0, 1)), rtol=0.01)
    np.testing.assert_allclose(draws.std(axis=(0, 1, 2)), image.std(axis=(0, 1)), rtol=0.02)
    first, second = (draws[one, ..., 1].ravel() for one in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    assert abs(np.corrcoef(draws[..., 0].ravel(), draws[..., 1].ravel())[0, 1]) < 0.02


def test_noise_repeats_for_a_seed_and_differs_between_seeds() -> None:
    image, segments = random_image((12, 14, 3), "float64"), quarters()
    one, again, other = (draw_fill(image, segments, Noise(draws=2, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).mean() > 0.5


@pytest.mark.parametrize("draws", [0, -2])
def test_no_noise_cannot_be_asked_for(draws: int) -> None:
    with pytest.raises(
        OptionError, match=f"draws of Noise must be a whole number from 1 up, but {draws} was given"
    ):
        Noise(draws=draws)


@pytest.mark.parametrize("channels", [1, 3])
def test_inpaint_is_each_segment_filled_alone_by_the_biharmonic_equation(channels: int) -> None:
    from skimage.restoration import inpaint_biharmonic

    down, across = np.mgrid[:18, :20]
    segments = Segments((down >= 7) * 1 + (across >= 9) * 2)
    image = 0.4 + 0.2 * random_image((18, 20, channels), "float64", seed=2)
    # Black and white beside every segment, for a fill is kept between the extremes around it.
    image[6:8, 8], image[6:8, 9] = [[0.0], [1.0]], [[1.0], [0.0]]
    (got,) = draw_fill(image, segments, Inpaint())
    for one in range(segments.count):
        hole = segments.labels == one
        whole = np.clip(inpaint_biharmonic(image, hole, channel_axis=2), 0, 1)
        np.testing.assert_allclose(got[hole], whole[hole], atol=1e-6)


def test_inpaint_never_looks_at_what_it_hides() -> None:
    image, segments = random_image((12, 14, 3), "uint8"), quarters()
    hole = segments.labels == 2
    (before,) = draw_fill(image, segments, Inpaint())
    changed = image.copy()
    changed[hole] = random_image((12, 14, 3), "uint8", seed=9)[hole]
    (after,) = draw_fill(changed, segments, Inpaint())
    np.testing.assert_array_equal(after[hole], before[hole])
    assert (after[~hole] != before[~hole]).any()


@pytest.mark.parametrize("how", FILLS, ids=lambda how: type(how).__name__)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_an_area_is_hidden_as_its_own_segment_would_be(how: Fill, dtype: str) -> None:
    image = random_image((12, 14, 3), dtype)
    for area in (quarters().labels == 2, quarters().labels > 0, np.ones((12, 14), bool)):
        whole, part = (
            draw(image, given, how)
            for draw, given in ((draw_fill, Segments.renumber(area)), (draw_area, area))
        )
        assert np.array_equal(part[:, area], whole[:, area])


def test_inpaint_of_an_area_spends_nothing_on_the_rest() -> None:
    image, area = random_image((12, 14, 3), "uint8"), quarters().labels == 3
    (got,) = draw_area(image, area, Inpaint())
    assert np.array_equal(got[~area], image[~area])
    assert not np.array_equal(got[area], image[area])


def test_inpaint_of_a_single_segment_is_its_mean() -> None:
    image = random_image((6, 7, 3), "float64")
    (got,) = draw_fill(image, Segments(np.zeros((6, 7), int)), Inpaint())
    np.testing.assert_allclose(got, np.broadcast_to(image.mean(axis=(0, 1)), image.shape))


@pytest.mark.parametrize(
    ("image_shape", "donor_shape", "draws"),
    [
        ((12, 14), (12, 14), 1),
        ((12, 14), (5, 12, 14), 5),
        ((12, 14), (12, 14, 1), 1),
        ((12, 14), (5, 12, 14, 1), 5),
        ((12, 14, 1), (5, 12, 14), 5),
        ((12, 14, 3), (12, 14, 3), 1),
        ((12, 14, 3), (5, 12, 14, 3), 5),
        ((1, 1), (4, 1, 1), 4),
    ],
)
def test_donors_are_themselves_one_draw_each(
    image_shape: tuple[int, ...], donor_shape: tuple[int, ...], draws: int
) -> None:
    image, donors = random_image(image_shape, "uint8"), random_image(donor_shape, "uint8", seed=1)
    got = draw_fill(image, Segments(np.zeros(image_shape[:2], int)), Donors(donors))
    assert got.shape == (draws, *image_shape[:2], *(image_shape[2:] or (1,)))
    np.testing.assert_array_equal(got.ravel(), donors.ravel())


@pytest.mark.parametrize(
    ("image_shape", "donor_shape"),
    [
        ((12, 14), (14, 12)),
        ((12, 14), (0, 12, 14)),
        ((12, 14, 3), (12, 14)),
        ((12, 14, 3), (5, 12, 14)),
        ((12, 14, 3), (5, 12, 14, 4)),
        ((12, 14, 3), (0, 12, 14, 3)),
        ((12, 14), (2, 5, 12, 14)),
    ],
)
def test_donors_of_another_shape_are_refused(
    image_shape: tuple[int, ...], donor_shape: tuple[int, ...]
) -> None:
    with pytest.raises(ImageError) as caught:
        draw_fill(np.zeros(image_shape), quarters(), Donors(np.zeros(donor_shape)))
    shape = (*image_shape[:2], *(image_shape[2:] or (1,)))
    assert f"donors must have the image's shape {shape}, alone or stacked" in str(caught.value)
    assert f"but they have {donor_shape}." in str(caught.value)
    assert caught.value.slug == "donor-shape"


def test_donors_keep_their_own_copy_and_compare_by_content() -> None:
    images = random_image((3, 12, 14), "uint8")
    kept, same = Donors(images), Donors(images.astype(np.int64))
    assert kept == same
    assert hash(kept) == hash(same)
    assert kept != SegmentMean()
    images[:] = 0
    assert kept != Donors(images)
    with pytest.raises(ValueError, match="read-only"):
        kept.images[0, 0, 0] = 3


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("shape", [(12, 14), (12, 14, 1), (12, 14, 3)])
def test_a_plain_function_is_a_fill(shape: tuple[int, ...], stacked: bool) -> None:
    image = random_image(shape, "uint8")

    def inverse(pixels: np.ndarray, segments: Segments) -> np.ndarray:
        assert pixels.ndim == 3
        assert segments.count == 4
        answer = 255.4 - pixels
        return np.stack([answer, answer]) if stacked else answer

    draws = draw_fill(image, quarters(), inverse)
    assert len(draws) == 1 + stacked
    for draw in draws:
        np.testing.assert_array_equal(draw.reshape(shape), 255 - image)


def test_a_plain_function_may_leave_out_the_channel_of_a_grey_image() -> None:
    image = random_image((12, 14), "uint8")
    (got,) = draw_fill(image, quarters(), lambda pixels, segments: pixels[..., 0])
    np.testing.assert_array_equal(got[..., 0], image)


@pytest.mark.parametrize(
    "answer", [(12, 14), (14, 12, 3), (12, 14, 1), (0, 12, 14, 3), (2, 2, 12, 14, 3), ()]
)
def test_an_answer_of_another_shape_is_refused(answer: tuple[int, ...]) -> None:
    def wrong(pixels: np.ndarray, segments: Segments) -> np.ndarray:
        return np.zeros(answer)

    with pytest.raises(ImageError) as caught:
        draw_fill(random_image((12, 14, 3), "uint8"), quarters(), wrong)
    assert "a fill must return an array of shape (12, 14, 3), or several of them stacked" in str(caught.value)
    assert str(caught.value).endswith(f"returned {answer}. [fill-shape]")


@pytest.mark.parametrize(
    ("dtype", "value", "shown"),
    [("uint8", 300, 255), ("uint8", -3, 0), ("uint8", 6.6, 7), ("uint16", 1e9, 65535), ("bool", 0.6, True)],
)
def test_numbers_that_the_dtype_cannot_hold_go_to_its_nearest(dtype: str, value: float, shown: float) -> None:
    image = random_image((12, 14), dtype)
    (got,) = draw_fill(image, quarters(), lambda pixels, segments: np.full(pixels.shape, float(value)))
    assert np.unique(got).tolist() == [shown]


def test_surroundings_are_the_weighted_mean_of_what_is_outside_of_the_hole() -> None:
    image = random_image((14, 16, 3), "float64", seed=3)
    hole = np.zeros((14, 16), bool)
    hole[5:8, 6:10] = True
    (got,) = draw_area(image, hole, Surroundings(sigma=2.0))
    down, across = np.nonzero(~hole)
    for y, x in np.argwhere(hole):
        # The Gaussian is cut off at four times its width, in each direction.
        near = (np.abs(down - y) <= 8) & (np.abs(across - x) <= 8)
        weight = np.exp(-((down - y) ** 2 + (across - x) ** 2) / 8) * near
        np.testing.assert_allclose(got[y, x], weight @ image[down, across] / weight.sum(), atol=1e-9)
    assert np.array_equal(got[~hole], image[~hole])


def test_surroundings_know_nothing_of_what_they_hide_however_large_it_is() -> None:
    image = np.full((40, 40, 1), 0.25)
    for hole in (np.pad(np.ones((36, 36), bool), 2), np.pad(np.ones((39, 39), bool), ((1, 0), (0, 1)))):
        image[hole] = 1.0
        (got,) = draw_area(image, hole, Surroundings())
        np.testing.assert_allclose(got, 0.25)
        image[:] = 0.25
    corner = np.zeros((200, 200), bool)
    corner[0, 0] = True
    (got,) = draw_area(np.where(corner, 0.5, 1.0)[..., np.newaxis], ~corner, Surroundings(sigma=0.1))
    np.testing.assert_allclose(got, 0.5)


def test_surroundings_have_a_width() -> None:
    with pytest.raises(OptionError, match="Surroundings needs a sigma above 0, but 0 was given"):
        draw_fill(random_image((6, 6), "float64"), Segments(np.eye(6, dtype=int)), Surroundings(sigma=0.0))
