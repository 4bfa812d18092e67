"""Images made of arrays: the colours' promises, and every drawing against a slow pixel loop."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sightline import render
from sightline.render import BLUE, GREY, INK, PAPER, RED
from sightline.types import Segments

LIMITS = st.floats(1e-6, 1e6)
SHARES = st.floats(-1, 1)


def lightness(rgb):
    """OKLab's L, written out."""
    channel = np.asarray(rgb, float) / 255
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    r, g, b = np.moveaxis(linear, -1, 0)
    long = 0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b
    middle = 0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b
    short = 0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b
    return 0.2104542553 * np.cbrt(long) + 0.7936177850 * np.cbrt(middle) - 0.0040720468 * np.cbrt(short)


def some_segments(rng, height=9, width=11, count=5):
    return Segments.renumber(rng.integers(0, count, (height, width)))


# ── colours ─────────────────────────────────────────────────────────────────────────────────────────


@given(SHARES, LIMITS)
def test_positive_is_red_negative_is_blue_and_only_what_is_nearly_zero_is_white(share, limit):
    red, _, blue = map(int, render.diverging_colours(np.array([share * limit]), limit)[0])
    if share > 1 / 255:
        assert red > blue
    elif share < -1 / 255:
        assert blue > red
    elif share == 0:
        assert red == blue == 255


def test_the_scale_ends_in_its_two_named_colours_and_zero_is_white():
    ends = render.diverging_colours(np.array([-0.3, 0.0, 0.3]), 0.3)
    assert ends.tolist() == [list(BLUE), [255, 255, 255], list(RED)]
    assert ends.dtype == np.uint8


@given(st.floats(0, 1))
def test_the_two_sides_are_equally_light_so_neither_looks_stronger(share):
    against, favour = lightness(render.diverging_colours(np.array([-share, share]), 1.0))
    assert against == pytest.approx(favour, abs=0.01)


def test_a_larger_value_is_darker_on_both_sides():
    values = np.linspace(0, 1, 40)
    for sign in (-1, 1):
        assert (np.diff(lightness(render.diverging_colours(sign * values, 1.0))) < 0).all()


def test_red_and_blue_stay_apart_for_people_who_confuse_red_and_green():
    # Viénot, Brettel & Mollon 1999, for linear RGB.
    protan = [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]
    deutan = [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]
    ends = (render.diverging_colours(np.array([-0.5, 0.5]), 1.0) / 255) ** 2.2
    for seen_as in (protan, deutan):
        against, favour = (ends @ np.array(seen_as).T).clip(0, 1) ** (1 / 2.2) * 255
        assert against[2] - against[0] > 40
        assert favour[0] - favour[2] > 15


def test_values_beyond_the_limit_keep_its_colour_and_missing_ones_are_white():
    beyond = render.diverging_colours(np.array([7.0, -np.inf, np.nan]), 1.0)
    assert beyond.tolist() == [list(RED), list(BLUE), list(PAPER)]


def test_a_limit_of_zero_makes_everything_white():
    assert (render.diverging_colours(np.array([[0.0, 3.0]]), 0.0) == 255).all()


@given(SHARES, LIMITS)
def test_the_colour_depends_on_the_share_of_the_limit_alone(share, limit):
    one, other = (render.diverging_colours(np.array([share * end]), end) for end in (1.0, limit))
    assert np.abs(one.astype(int) - other).max() <= 2


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.floats(-1e9, 1e9).filter(lambda v: v == 0 or abs(v) > 1e-9), min_size=1))
def test_the_limit_is_the_least_two_digit_number_above_every_value_and_prints_as_itself(values):
    limit, largest = render.scale_limit(np.array(values)), max(map(abs, values))
    assert limit >= largest * (1 - 1e-9)
    if largest == 0:
        assert limit == 0
    else:
        assert limit <= largest * 1.1 + 1e-300
        assert float(f"{limit:.1e}") == pytest.approx(limit, rel=1e-12)
        assert float(render.format_number(limit)) == pytest.approx(limit, rel=1e-12)


def test_the_limit_passes_over_what_is_not_finite():
    assert render.scale_limit(np.array([np.nan, np.inf, -0.5])) == 0.5
    assert render.scale_limit(np.array([])) == 0.0


@pytest.mark.parametrize(
    ("value", "printed"),
    [(0.1234, "0.12"), (-0.5, "−0.5"), (0.0, "0"), (12.0, "12"), (1530.0, "1500"), (3e-9, "3e-09")],
)
def test_a_number_has_two_digits_and_a_true_minus_sign(value, printed):
    assert render.format_number(value) == printed


def test_a_sign_is_printed_when_asked_for_but_not_at_zero():
    assert [render.format_number(v, sign=True) for v in (-2.0, 0.0, 2.0)] == ["−2", "0", "+2"]


def test_a_value_is_undecided_up_to_1_96_of_its_errors():
    values = np.array([0.1959, 0.1961, -0.1959, -0.1961])
    assert render.within_error(values, np.full(4, 0.1)).tolist() == [True, False, True, False]


def test_an_exact_value_is_decided_even_at_zero_and_an_unknown_one_never():
    values = np.array([0.0, 0.0, 5.0, np.nan, 5.0])
    error = np.array([0.0, 0.1, np.inf, 0.0, np.nan])
    assert render.within_error(values, error).tolist() == [False, True, True, True, True]


# ── images ────────────────────────────────────────────────────────────────────────────────────────


@given(st.integers(0, 10_000))
def test_paint_gives_every_pixel_the_value_of_its_segment(seed):
    rng = np.random.default_rng(seed)
    segments = some_segments(rng)
    values = rng.normal(size=segments.count)
    heat = render.segment_heatmap(values, segments)
    for y, x in np.ndindex(heat.shape):
        assert heat[y, x] == values[segments.labels[y, x]]


@pytest.mark.parametrize("channels", [None, 1, 3, 4])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "float255", "bool"])
def test_the_same_image_is_drawn_whatever_its_dtype_and_channels(rng, kind, channels):
    grey = rng.integers(0, 256, (6, 7)).astype(np.uint8)
    if kind == "bool":
        grey = np.where(grey > 127, 255, 0).astype(np.uint8)
    given = {
        "uint8": grey,
        "uint16": grey.astype(np.uint16) * 257,
        "float32": grey.astype(np.float32) / 255,
        "float255": grey.astype(np.float64),
        "bool": grey > 127,
    }[kind]
    image = given if channels is None else np.repeat(given[..., np.newaxis], channels, axis=2)
    drawn = render.display_image(image)
    assert drawn.dtype == np.uint8
    assert np.array_equal(drawn, np.repeat(grey[..., np.newaxis], 3, axis=2))


def test_an_overlay_of_no_strength_on_an_unfaded_image_is_the_image(rng):
    image = rng.integers(0, 256, (8, 9, 3)).astype(np.uint8)
    heat = rng.normal(size=(8, 9))
    assert np.array_equal(render.overlay_heat(image, heat, 1.0, alpha=0.0, fade=0.0), image)


def test_an_untinted_pixel_is_untouched_beside_tinted_ones(rng):
    image = rng.integers(0, 256, (8, 9, 3)).astype(np.uint8)
    heat = np.where(rng.random((8, 9)) < 0.5, 0.0, 1.0)
    drawn = render.overlay_heat(image, heat, 1.0, fade=0.0)
    assert np.array_equal(drawn[heat == 0], image[heat == 0])
    assert (drawn[heat == 1] != image[heat == 1]).any(axis=1).all()


def test_a_limit_of_zero_shows_the_image_alone(rng):
    image = rng.integers(0, 256, (8, 9, 3)).astype(np.uint8)
    assert np.array_equal(render.overlay_heat(image, np.ones((8, 9)), 0.0, fade=0.0), image)
    grey = render.overlay_heat(image, np.ones((8, 9)), 0.0)
    assert (grey.min(axis=2) == grey.max(axis=2)).all()


def test_a_positive_tint_is_red_a_negative_one_blue_on_any_image(rng):
    image = rng.integers(0, 256, (8, 9, 3)).astype(np.uint8)
    favour = render.overlay_heat(image, np.full((8, 9), 0.5), 1.0).astype(int)
    against = render.overlay_heat(image, np.full((8, 9), -0.5), 1.0).astype(int)
    assert (favour[..., 0] > favour[..., 2] + 30).all()
    assert (against[..., 2] > against[..., 0] + 30).all()


def test_the_tint_grows_with_the_value_up_to_the_limit():
    shares = np.linspace(-1.5, 1.5, 31)[np.newaxis]
    drawn = render.overlay_heat(np.full(shares.shape, 0.8), shares, 1.0).astype(int)[0]
    reddish = drawn[:, 0] - drawn[:, 2]
    assert (np.diff(reddish[5:26]) > 0).all()
    assert len(set(reddish[:6])) == len(set(reddish[25:])) == 1


def test_the_image_is_still_seen_under_the_strongest_tint():
    image = np.array([[0, 255]], np.uint8)
    dark, light = render.overlay_heat(image, np.ones((1, 2)), 1.0).astype(int)[0]
    assert light.sum() - dark.sum() > 60


def outline(labels, which):
    """By definition, two pixels wide: chosen at the border, or beside another segment, one chosen."""
    height, width = labels.shape
    edge = np.zeros(labels.shape, bool)
    for y, x in np.ndindex(labels.shape):
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            if not (0 <= y + dy < height and 0 <= x + dx < width):
                edge[y, x] |= which[labels[y, x]]
            elif labels[y, x] != labels[y + dy, x + dx]:
                edge[y, x] |= which[labels[y, x]] or which[labels[y + dy, x + dx]]
    return edge


@given(st.integers(0, 10_000))
def test_edges_are_the_outlines_by_definition(seed):
    rng = np.random.default_rng(seed)
    segments = Segments.renumber(np.kron(rng.integers(0, 3, (3, 4)), np.ones((3, 3), int)))
    which = rng.random(segments.count) < 0.5
    assert np.array_equal(render.segment_edges(segments, which), outline(segments.labels, which))


def rim(labels, which, start, width):
    """By definition: pixels of chosen segments whose nearest end of the segment is so many pixels away."""
    height, wide = labels.shape
    out = np.zeros(labels.shape, bool)
    for y, x in np.ndindex(labels.shape):
        away = [
            max(abs(y - v), abs(x - u))
            for v in range(-1, height + 1)
            for u in range(-1, wide + 1)
            if not (0 <= v < height and 0 <= u < wide and labels[v, u] == labels[y, x])
        ]
        out[y, x] = which[labels[y, x]] and start < min(away) <= start + width
    return out


@pytest.mark.slow
@given(st.integers(0, 10_000), st.integers(0, 2), st.integers(1, 3))
def test_rims_are_inside_their_segments_by_definition(seed, start, width):
    rng = np.random.default_rng(seed)
    segments = Segments.renumber(np.kron(rng.integers(0, 3, (2, 3)), np.ones((5, 4), int)))
    which = rng.random(segments.count) < 0.6
    expected = rim(segments.labels, which, start, width)
    assert np.array_equal(render.inner_rims(segments, which, start=start, width=width), expected)


def test_contours_change_the_pixels_of_the_outlines_alone(rng):
    image = rng.integers(0, 256, (9, 11, 3)).astype(np.uint8)
    segments = some_segments(rng)
    which = np.array([True, False, False, True, False])
    drawn, edge = render.draw_contours(image, segments, which, RED), render.segment_edges(segments, which)
    assert (drawn[edge] == RED).all()
    assert np.array_equal(drawn[~edge], image[~edge])


def test_contours_of_no_segment_are_the_image(rng):
    image, segments = rng.integers(0, 256, (9, 11, 3)).astype(np.uint8), some_segments(rng)
    assert np.array_equal(render.draw_contours(image, segments, np.zeros(segments.count, bool), INK), image)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_hatching_is_grey_seen_on_any_image_and_only_in_its_area(shade):
    image = np.full((40, 40), shade, np.uint8)
    area = np.zeros((40, 40), bool)
    area[10:30, 10:30] = True
    drawn = render.hatch_area(image, area).astype(int)
    assert (drawn[~area] == shade).all()
    changed = (np.abs(drawn - shade).max(axis=2) > 40)[area].mean()
    assert 0.1 < changed < 0.5
    assert np.ptp(drawn, axis=2).max() <= 6


# ── size ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("side", "size", "factor"), [(28, 448, 16), (64, 448, 7), (64, 256, 4), (8, 448, 56)]
)
def test_a_small_image_is_enlarged_by_a_whole_factor_its_pixels_kept(rng, side, size, factor):
    image = rng.integers(0, 256, (side, side)).astype(np.uint8)
    segments = some_segments(rng, side, side)
    pixels, large, ids = render.fit_with_segments(image, segments, size)
    assert np.array_equal(pixels[..., 0], np.kron(image, np.ones((factor, factor), np.uint8)))
    assert np.array_equal(large.labels, np.kron(segments.labels, np.ones((factor, factor), int)))
    assert ids.tolist() == list(range(segments.count))


@pytest.mark.slow
@given(st.integers(1, 700), st.integers(1, 700), st.sampled_from([64, 256, 448]))
def test_a_fitted_image_is_as_large_as_asked_and_keeps_its_proportions(height, width, size):
    segments = Segments(np.zeros((height, width), int))
    pixels, large, _ = render.fit_with_segments(np.zeros((height, width), np.uint8), segments, size)
    assert pixels.shape[:2] == large.labels.shape
    assert size * 0.7 < max(pixels.shape[:2]) <= size
    exact = pixels.shape[0] * width / height
    assert abs(exact - pixels.shape[1]) <= max(1, width / height)


def test_segments_lost_in_a_reduced_image_are_named_by_the_ids_that_stay():
    labels = np.zeros((500, 500), int)
    labels[0, 1], labels[250:] = 1, 2
    _, small, ids = render.fit_with_segments(np.zeros((500, 500)), Segments(labels), 100)
    assert ids.tolist() == [0, 2]
    assert np.array_equal(ids[small.labels][[0, -1], 0], [0, 2])


# ── files ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_colour_bar_is_the_scale_with_its_limits_printed_below():
    bar = render.colour_bar(0.13, width=300, height=20)
    assert np.array_equal(bar[10, 1:-1], render.diverging_colours(np.linspace(-0.13, 0.13, 300), 0.13)[1:-1])
    left, right = bar[20:, :100], bar[20:, 200:]
    assert (left < 128).any()
    assert (right < 128).any()
    assert not np.array_equal(bar[20:], render.colour_bar(0.14, width=300, height=20)[20:])


def test_the_colour_bar_of_a_scale_without_length_is_white():
    assert (render.colour_bar(0.0)[5, 1:-1] == 255).all()


def test_a_png_reads_back_as_the_same_pixels(rng):
    pixels = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(render.image_to_png(pixels)))), pixels)


def test_drawing_leaves_its_inputs_alone(rng):
    image, segments = rng.integers(0, 256, (9, 11, 3)).astype(np.uint8), some_segments(rng)
    heat, which = rng.normal(size=(9, 11)), np.ones(segments.count, bool)
    for array in (image, heat, which, segments.labels):
        array.flags.writeable = False
    first = render.overlay_heat(image, heat, 1.0)
    render.draw_contours(image, segments, which, GREY)
    render.hatch_area(image, segments.labels > 1)
    assert np.array_equal(first, render.overlay_heat(image, heat, 1.0))
