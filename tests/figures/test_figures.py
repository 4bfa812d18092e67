"""Figures: what is drawn, what is said, that nothing overlaps or is cut, and that nothing else changes."""

import dataclasses
import io
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from sightline import figures, render
from sightline.data import ArrayDataset
from sightline.engine.pipeline import run_plan
from sightline.engine.plan import Plan
from sightline.engine.segmentation import Grid
from sightline.errors import OptionError, SightlineWarning, TargetError
from sightline.explanation import Explanation
from sightline.figures.layout import legible_text, shorten_text, text_width, wrap_parts
from sightline.regions import polygons as regions_of
from sightline.render import BLUE, GREY, RED
from sightline.types import Attribution, Contrast, Scores, Segments

KINDS = [name for name in figures.KINDS if name != "pixels"]  # tests/test_comparison.py


class Example(Explanation):
    """Its targets are called by their numbers, so that they are short."""

    def name(self, target):
        return super().name(target).removeprefix("class ")


def example(values, error=0.001, *, image=None, labels=None, targets=None, names=None, fit=0.8, **scores):
    """One row of segments unless labels are given, with these values."""
    values = np.atleast_2d(np.asarray(values, float))
    error = np.broadcast_to(np.asarray(error, float), values.shape).copy()
    count, size = values.shape
    if labels is None:
        labels = np.repeat(np.arange(size), 8)[np.newaxis].repeat(8 * size, axis=0)
    image = np.full(labels.shape, 0.6) if image is None else image
    targets = tuple(range(count)) if targets is None else targets
    full = np.full(count, scores.get("full", 0.93))
    classes = np.asarray(scores.get("classes", [0.61, 0.3, 0.09]), float)
    return Example(
        image,
        Plan(),
        Segments(labels),
        Scores(np.zeros((2, count)), full, np.full(count, scores.get("empty", 0.1)), targets, classes, 1000),
        Attribution(values, error, np.zeros(count), np.full(count, fit), 1000, scores.get("settled", True)),
        names,
    )


MIXED = [0.4, -0.3, 0.2, 0.05, -0.1]
MIXED_ERROR = [0.01, 0.01, 0.01, 0.05, 0.01]


def texts(figure):
    page, *charts = figure.axes
    numbers = [label.get_text() for axes in charts for label in axes.get_xticklabels()]
    return [*(text.get_text() for text in page.texts), *numbers]


def said(figure):
    return " ".join(texts(figure))


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figures.figure_to_png(figure))).convert("RGB")).astype(int)


def tiles(figure):
    """The images of a figure, largest first, in the order of drawing."""
    drawn = [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]
    return [tile for tile in drawn if tile.shape[0] > 60]


def kind(pixel):
    red, green, blue = map(int, pixel)
    if max(red, green, blue) - min(red, green, blue) < 20:
        return "grey"
    return "red" if red > blue else "blue"


def sides(tile, count):
    """What most pixels of each of the row's segments are, its lines left out."""
    wide = tile.shape[1] / count
    answer = []
    for index in range(count):
        part = tile[20:-20, int(index * wide) + 10 : int((index + 1) * wide) - 10].reshape(-1, 3)
        names, counts = np.unique([kind(pixel) for pixel in part[::101]], return_counts=True)
        answer.append(str(names[counts.argmax()]))
    return answer


# ── what is drawn ───────────────────────────────────────────────────────────────────────────────────


def test_the_panel_has_what_speaks_for_then_both_sides_then_image_and_mask():
    figure = figures.plot_panel(example(MIXED, MIXED_ERROR))
    favour, both, image, mask = tiles(figure)
    assert [word for word in texts(figure) if word in ("For", "For and against", "Image", "Mask")] == [
        "For",
        "For and against",
        "Image",
        "Mask",
    ]
    assert sides(favour, 5) == ["red", "grey", "red", "grey", "grey"]
    assert sides(both, 5) == ["red", "blue", "red", "grey", "blue"]
    assert (image == 153).all()
    assert sides(mask, 5) == ["red", "blue", "red", "grey", "blue"]


def test_only_the_leading_segments_are_shown():
    _, both, _, mask = tiles(figures.plot_panel(example(MIXED, 0.001), num=2))
    assert sides(both, 5) == sides(mask, 5) == ["red", "blue", "grey", "grey", "grey"]


def test_overlay_and_heat_show_every_segment_red_for_and_blue_against():
    one = example([0.4, -0.3, 0.2, 0.15, -0.15], 0.001)
    for draw in (figures.plot_overlay, figures.plot_heat):
        assert sides(tiles(draw(one))[0], 5) == ["red", "blue", "red", "red", "blue"]


@pytest.mark.parametrize(("name", "index"), [("heat", 0), ("overlay", 0), ("panel", 1), ("panel", 3)])
def test_an_undecided_segment_is_hatched_in_grey_and_never_coloured_though_large(name, index):
    tile = tiles(figures.plot(example([0.9, 0.4, 0.0], [0.5, 0.01, 0.0]), name))[index]
    third = tile.shape[1] // 3
    undecided, decided, zero = (tile[20:-20, at + 10 : at + third - 10] for at in (0, third, 2 * third))
    assert sides(tile, 3) == ["grey", "red", "grey"]
    assert len(np.unique(undecided.reshape(-1, 3), axis=0)) > 1
    assert len(np.unique(decided.reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(zero.reshape(-1, 3), axis=0)) == 1


def test_an_undecided_segment_has_no_say_in_the_scale():
    assert "for +0.4" in texts(figures.plot_overlay(example([0.9, 0.4], [0.5, 0.01])))


@pytest.mark.parametrize("name", ["panel", "overlay", "heat", "contours", "bars", "targets"])
def test_the_legend_names_undecided_segments_only_where_there_are_some(name):
    legend = "cannot be told from zero"
    assert legend in texts(figures.plot(example([0.4, 0.05], [0.01, 0.05]), name))
    assert legend not in texts(figures.plot(example([0.4, 0.05], 0.001), name))


def test_contours_keep_the_images_colours_and_outline_each_side_in_its_own(rng):
    labels = np.repeat(np.arange(3), 20)[np.newaxis].repeat(60, axis=0)
    image = np.full((60, 60, 3), (10, 200, 30), np.uint8)
    one = example([0.4, -0.3, 0.05], [0.01, 0.01, 0.05], image=image, labels=labels)
    (tile,) = tiles(figures.plot_contours(one))
    third = tile.shape[1] // 3
    for index, colour in enumerate((RED, BLUE, GREY)):
        part = tile[:, index * third : (index + 1) * third]
        assert (part[:, 20:-20] == colour).all(axis=2).any()
        assert (part[part.shape[0] // 2, third // 2] == (10, 200, 30)).all()


def bars_of(figure):
    """The bars of the chart, in units of the values."""
    bars, _ = figure.axes[1].containers
    return list(bars)


def test_bars_reach_to_the_values_and_whiskers_to_the_intervals():
    values, error = [0.4, -0.2, 0.1], [0.05, 0.02, 0.2]
    figure = figures.plot_bars(example(values, error))
    bars, whiskers = figure.axes[1].containers
    colours = [tuple(np.rint(np.array(bar.get_facecolor()[:3]) * 255).astype(int)) for bar in bars]
    assert colours == [RED, BLUE, GREY]
    assert np.allclose([bar.get_width() for bar in bars], values)
    assert all(bar.get_x() == 0 for bar in bars)
    (lines,) = whiskers.lines[2]
    for value, spread, line in zip(values, error, lines.get_segments(), strict=True):
        assert np.allclose(line[:, 0], [value - 1.96 * spread, value + 1.96 * spread])


def test_bars_are_ordered_by_size_and_say_each_segments_value_with_its_standard_error():
    words = texts(figures.plot_bars(example([0.1, -0.4, 0.2], [0.2, 0.05, 0.0])))
    rows = [word for word in words if "±" in word or "exact" in word][1:]
    assert rows == ["−0.40 ± 0.05", "+0.20 (exact)", "+0.10 ± 0.20"]
    after = words[words.index("segment") :]
    assert [word for word in after if word in ("1", "2")] == ["1", "2"]


def test_bars_of_one_sign_use_the_whole_width_and_of_two_signs_have_zero_in_the_middle():
    both, favour, against = (
        figures.plot_bars(example(v, 0.0)) for v in ([0.4, -0.1], [0.4, 0.1], [-0.4, -0.1])
    )
    assert [one.axes[1].get_xlim() for one in (both, favour, against)] == [(-0.4, 0.4), (0, 0.4), (-0.4, 0)]
    assert "−0.4" in texts(both)
    assert "−0.4" not in texts(favour)
    assert "+0.4" not in texts(against)


@pytest.mark.parametrize("name", ["contours", "bars"])
def test_the_legend_shows_the_colours_that_are_drawn(name):
    figure = figures.plot(example([0.4, -0.3, 0.05], [0.01, 0.01, 0.05]), name)
    swatches = [np.asarray(image.get_array()) for image in figure.axes[0].images][-3:]
    assert [tuple(swatch[9, 16]) for swatch in swatches] == [RED, BLUE, GREY]
    assert [text.get_text() for text in figure.axes[0].texts][-3:] == [
        "for",
        "against",
        "cannot be told from zero",
    ]


def test_bars_with_unknown_error_say_so():
    assert "+0.400 ± ∞" in texts(figures.plot_bars(example([0.4, 0.1], np.inf)))


@pytest.mark.parametrize(
    ("values", "error", "rows"),
    [
        ([0.4, 0.1234], [0.011, 0.009], ["+0.400 ± 0.011", "+0.123 ± 0.009"]),
        ([0.4, 0.1], [0.05, 1e-9], ["+0.4000 ± 0.0500", "+0.1000 ± <0.0001"]),
        ([0.4, -0.1], [0.0, 0.0], ["+0.400 (exact)", "−0.100 (exact)"]),
        ([3000.0, -70.0], [150.0, 12.0], ["+3000 ± 150", "−70 ± 12"]),
        ([3e-8, -1e-9], [1e-9, 2e-10], ["+3.0e-08 ± 1.0e-09", "−1.0e-09 ± 2.0e-10"]),
    ],
)
def test_bars_write_all_values_with_one_number_of_decimals(values, error, rows):
    words = texts(figures.plot_bars(example(values, error)))
    assert [word for word in words if "±" in word or "exact" in word][1:] == rows


def test_bars_say_that_the_number_is_the_standard_error_and_the_line_the_interval():
    words = texts(figures.plot_bars(example([0.4, 0.1], 0.01)))
    assert "value ± standard error" in words
    assert "95 % interval: 1.96 standard errors each way" in words
    assert not any("95 %" in word for word in texts(figures.plot_bars(example([0.4, 0.1], 0.0))))


def test_bars_show_as_many_as_asked():
    one = example(np.linspace(0.1, 1, 12))
    for num, shown in ((3, 3), (10, 10), (None, 12)):
        assert sum("±" in word for word in texts(figures.plot_bars(one, num=num))) - 1 == shown


def test_the_images_pixels_are_the_figures_pixels(rng):
    labels = np.repeat(np.arange(2), 32)[np.newaxis].repeat(64, axis=0)
    image = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    figure = figures.plot_panel(example([0.4, -0.3], image=image, labels=labels))
    page = pixels(figure)
    large = np.kron(image, np.ones((7, 7, 1), np.uint8)).astype(int)
    top, left = next(
        (y, 40) for y in range(500, page.shape[0] - 448) if np.array_equal(page[y, 40:488], large[0])
    )
    assert np.array_equal(page[top : top + 448, left : left + 448], large)


# ── scales ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["panel", "overlay", "heat", "targets"])
def test_the_scale_is_symmetric_and_its_limits_are_printed(name):
    words = texts(figures.plot(example([0.1234, -0.05]), name))
    assert "−0.13 against" in words
    assert "for +0.13" in words


def test_bars_and_contours_print_the_ends_of_their_axis_or_have_no_scale():
    assert {"−0.42", "+0.42"} <= set(texts(figures.plot_bars(example([0.4, -0.1], 0.01))))
    assert "against" in said(figures.plot_contours(example([0.4, -0.1], 0.01)))


def test_figures_with_one_limit_share_their_scale():
    weak, strong = example([0.1, -0.05]), example([0.4, -0.3])
    for name in ("panel", "overlay", "heat"):
        for one in (weak, strong):
            assert "for +0.4" in texts(figures.plot(one, name, limit=0.4))
    alone, beside = (tiles(figures.plot_overlay(weak, limit=limit))[0] for limit in (None, 0.4))
    assert alone[300, 100, 1] < beside[300, 100, 1] - 30


def test_all_targets_share_one_scale_so_that_equal_values_have_equal_tints():
    one = example([[0.2, -0.1], [0.1, 0.2], [0.01, -0.4]])
    figure = figures.plot_targets(one)
    assert texts(figure).count("for +0.4") == 1
    first, second, third = tiles(figure)
    assert np.array_equal(first[100, 60], second[100, 190])
    assert kind(third[100, 60]) == "grey"


def test_a_limit_of_zero_shows_the_images_alone_without_a_scale():
    figure = figures.plot_overlay(example([0.4, -0.3]), limit=0)
    assert sides(tiles(figure)[0], 2) == ["grey", "grey"]
    assert "against" not in said(figure)


# ── what is said ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["panel", "overlay", "heat", "contours", "bars"])
def test_every_figure_names_target_score_method_calls_fit_and_whether_it_is_settled(name):
    one = example([0.4, -0.3], names=("cat", "dog", "owl"))
    line = said(figures.plot(one, name))
    assert "cat" in line
    for part in ("score 0.93", "Lime", "1,000 model calls", "fit 0.80", "leading segments settled"):
        assert part in line.replace(" · ", " "), part
    doubtful = dataclasses.replace(one, attribution=dataclasses.replace(one.attribution, settled=False))
    assert "leading segments not settled" in said(figures.plot(doubtful, name))


def test_every_figure_says_how_far_the_score_fell_when_everything_was_hidden():
    one = example([0.4, -0.3], empty=0.25)
    for name in ("panel", "overlay", "heat", "contours", "bars"):
        assert "score 0.93, with everything hidden 0.25" in said(figures.plot(one, name)), name
    words = texts(
        figures.plot_targets(example([[0.4, -0.3], [0.1, 0.2]], targets=(0, Contrast(1, 2)), empty=0.25))
    )
    assert words.count("everything hidden 0.25") == 2
    assert "everything hidden 0.25" in texts(figures.plot_right_and_wrong([one], [0]))
    assert "score 0.93 · with everything hidden 0.25" in said(figures.plot_comparison([one, one]))


@pytest.mark.parametrize("empty", [-8.4e-5, 0.00064, -123456.0, 0.25])
def test_no_number_under_a_small_image_is_cut(empty):
    one = example([[0.4, -0.3], [0.1, 0.2]], empty=empty, full=-0.000123)
    for figure in (figures.plot_targets(one), figures.plot_right_and_wrong([one], [0])):
        assert not any("…" in word for word in texts(figure)), texts(figure)


def test_a_target_is_chosen_by_its_value_and_the_first_is_the_default():
    one = example([[0.4, -0.3], [-0.2, 0.1]], targets=(7, Contrast(7, 2)))
    assert texts(figures.plot_overlay(one))[0] == "7"
    assert texts(figures.plot_overlay(one, 7))[0] == "7"
    figure = figures.plot_overlay(one, Contrast(7, 2))
    assert texts(figure)[0] == "7 rather than 2"
    assert "score difference 0.93" in said(figure)
    assert sides(tiles(figure)[0], 2) == ["blue", "red"]


@pytest.mark.parametrize("name", KINDS)
def test_where_nothing_moves_the_score_the_figure_says_so(name):
    flat = example([0.0, 0.0], 0.0, fit=np.nan)
    assert "Nothing here moves the score." in said(figures.plot(flat, name))
    assert "Nothing" not in said(figures.plot(example([0.4, 0.0]), name))


@pytest.mark.parametrize("name", KINDS)
def test_rounding_is_not_drawn_as_a_finding_where_the_score_never_moved(name):
    noise = example([1e-17, -3e-16], 0.0, fit=np.nan)
    figure = figures.plot(noise, name)
    assert "Nothing here moves the score." in said(figure)
    assert all(kind(pixel) == "grey" for tile in tiles(figure) for pixel in tile.reshape(-1, 3)[::97])


def test_exact_values_are_drawn_even_where_no_fit_can_be_had():
    figure = figures.plot_overlay(example([0.4, 0.4], 0.0, fit=np.nan))
    assert sides(tiles(figure)[0], 2) == ["red", "red"]
    assert "Nothing" not in said(figure)
    assert "nan" not in said(figure)


@pytest.mark.parametrize("name", KINDS)
def test_where_all_is_undecided_the_figure_says_after_how_many_calls(name):
    figure = figures.plot(example([0.01, -0.02], 0.1), name)
    assert "Nothing here can be told from zero after 1,000 model calls." in said(figure)
    assert all(kind(pixel) == "grey" for tile in tiles(figure) for pixel in tile.reshape(-1, 3)[::97])


def test_dollar_signs_and_underscores_in_names_are_letters_and_not_formulas():
    one = example([0.4, -0.3], names=("$x_2^$ \\frac{", "dog", "owl"))
    figure = figures.plot_panel(one)
    assert texts(figure)[0] == "$x_2^$ \\frac{"
    figures.figure_to_png(figure)


def test_letters_without_a_font_become_boxes_and_a_warning_says_what_to_do():
    with pytest.warns(SightlineWarning, match=re.escape("'\\U0010fffd'")) as caught:
        assert legible_text("a\U0010fffd  b\n") == "a□ b"
    assert caught[0].message.slug == "font-letters"
    assert "NanumGothic for Hangul" in str(caught[0].message)


@pytest.mark.filterwarnings("ignore:no font of this machine has:sightline.SightlineWarning")
def test_titles_in_hangul_give_no_warning_of_matplotlib_whatever_fonts_there_are():
    regions = regions_of({"턱": [(0, 0), (0, 1), (1, 1)], "눈": [(0, 0), (1, 1), (1, 0)]})
    drawn = [
        figures.plot_images(np.zeros((2, 8, 8)), ["가", "나"], heading="학습용 사진"),
        figures.plot_regions(regions, np.zeros((64, 64))),
        figures.plot_panel(example([0.4, -0.3], names=("가", "나", "다"))),
    ]
    for figure in drawn:
        figures.figure_to_png(figure)
    figures.stack_figures("한 장에 모은 이야기", [("제목", "설명", drawn[0])])


# ── many images ───────────────────────────────────────────────────────────────────────────────────


def test_right_and_wrong_answers_stand_apart_and_show_what_speaks_for_the_answer():
    right = example([0.4, -0.3], classes=[0.61, 0.3, 0.09])
    wrong = example([[0.1, 0.2], [-0.3, 0.4]], targets=(0, 2), classes=[0.1, 0.2, 0.7])
    figure = figures.plot_right_and_wrong([right, wrong], [0, 0])
    words = texts(figure)
    assert words[0] == "1 right, 1 wrong"
    assert "true: 0, said: 0 (0.61)" in words
    assert "true: 0, said: 2 (0.70)" in words
    right_then_wrong = (
        r"Right: red spoke for the right answer .*0\.61.* Wrong: red spoke for the wrong .*0\.70"
    )
    assert re.search(right_then_wrong, said(figure))
    assert [sides(tile, 2) for tile in tiles(figure)] == [["red", "grey"], ["grey", "red"]]
    assert "for the answer +0.4" in words
    assert "Lime · 2,000 model calls" in words


def test_where_no_segment_speaks_clearly_the_image_and_the_headline_say_so():
    loud, faint = example([0.4, -0.3]), example([0.039, -0.3])
    figure = figures.plot_right_and_wrong([loud, faint, faint], [0, 0, 1])
    assert said(figure).count("no segment speaks clearly for it") == 2
    assert "Right: red spoke for the right answer" in texts(figure)
    assert "Wrong: no segment spoke clearly for the wrong answer" in said(figure)
    assert "misled" not in said(figure)
    above = figures.plot_right_and_wrong([loud, example([0.041, -0.3])], [0, 1])
    assert "clearly" not in said(above)


def test_an_image_that_says_why_it_is_not_red_does_not_say_it_twice():
    figure = figures.plot_right_and_wrong(
        [example([0.0, 0.0], 0.0, fit=np.nan), example([0.4, -0.3])], [0, 0]
    )
    assert "Nothing here moves the score." in said(figure)
    assert "clearly" not in said(figure)


def test_white_outlines_are_in_the_legend_where_they_are_drawn():
    one = example([0.4, -0.3, 0.2])
    for figure in (figures.plot_panel(one, num=2), figures.plot_overlay(one, num=2)):
        assert "outlined: the leading 2" in texts(figure)
    assert "outlined: the leading 2 of each" in texts(figures.plot_targets(one, num=2))
    assert "outlined: the leading 2 of each" in texts(figures.plot_right_and_wrong([one], [0], num=2))
    assert "outlined: all that speak for the answer" in texts(
        figures.plot_right_and_wrong([one], [0], num=None)
    )
    for figure in (figures.plot_overlay(one), figures.plot_targets(one), figures.plot_heat(one, num=2)):
        assert "outlined" not in said(figure)


def test_what_speaks_for_the_target_is_not_padded_with_what_cannot_be_told():
    some = example([0.4, 0.05, 0.03, -0.3], [0.01, 0.05, 0.05, 0.01])
    favour, both, _, _ = tiles(figures.plot_panel(some))
    hatched = [len(np.unique(tile[20:-20, 130:210].reshape(-1, 3), axis=0)) > 1 for tile in (favour, both)]
    assert hatched == [False, True]
    assert "what speaks for it cannot be told from zero" not in texts(figures.plot_panel(some))
    (alone,) = tiles(figures.plot_right_and_wrong([some], [0]))
    assert sides(alone, 4) == ["red", "grey", "grey", "grey"]
    assert "cannot be told from zero" not in texts(figures.plot_right_and_wrong([some], [0]))


def test_where_nothing_that_speaks_for_the_target_can_be_told_it_is_hatched_and_said():
    figure = figures.plot_panel(example([0.05, -0.4, -0.3], [0.05, 0.01, 0.01]))
    favour = tiles(figure)[0]
    assert "what speaks for it cannot be told from zero" in texts(figure)
    assert len(np.unique(favour[20:-20, 20:120].reshape(-1, 3), axis=0)) > 1
    assert "nothing speaks for it" in texts(figures.plot_panel(example([-0.4, -0.3])))


def test_outlines_of_neighbours_are_both_whole():
    """Each runs on the inside of its segment, so that none covers another's."""
    one = example([0.4, -0.3, 0.2])
    (tile,) = tiles(figures.plot_contours(one))
    middle = tile[tile.shape[0] // 2]
    runs = {name: (middle == colour).all(axis=1) for name, colour in (("red", RED), ("blue", BLUE))}
    width, third = len(middle), len(middle) // 3
    assert [int(runs["red"][:third].sum()), int(runs["blue"].sum())] == [6, 6]
    assert not runs["blue"][:third].any()
    assert int(runs["red"][2 * third :].sum()) == 6
    assert runs["red"].sum() == 12
    for border in (width // 3, 2 * width // 3):
        assert (middle[border - 1 : border + 1] == 255).all()


def test_right_and_wrong_leaves_out_the_heading_of_what_there_is_none_of():
    figure = figures.plot_right_and_wrong([example([0.4, -0.3])], [0])
    assert "Right" in said(figure)
    assert "Wrong" not in said(figure)


def test_long_names_take_two_lines_and_never_lose_the_score():
    names = ("a very long class name indeed, and more of it", "b", "c")
    words = texts(figures.plot_right_and_wrong([example([0.4, -0.3], names=names)], [1]))
    assert "true: b" in words
    assert any(word.startswith("said: a very") and word.endswith("… (0.61)") for word in words)


def test_right_and_wrong_needs_the_answer_among_the_targets():
    with pytest.raises(TargetError, match=r"0 was not explained, only 1 .*explain\(\.\.\., target"):
        figures.plot_right_and_wrong([example([0.4, -0.3], targets=(1,))], [0])


@pytest.mark.parametrize(("images", "titles"), [(0, 0), (2, 3)])
def test_unequal_numbers_are_refused(images, titles):
    with pytest.raises(OptionError, match=rf"{images} images and {titles} titles were given") as caught:
        figures.plot_images([np.zeros((4, 4))] * images, ["a"] * titles)
    assert caught.value.slug == "figure-number"


def test_a_grid_has_rows_of_five_with_each_title_over_its_image(rng):
    images = [rng.random((28, 28)) for _ in range(15)]
    figure = figures.plot_images(images, range(15), heading="Fifteen")
    assert texts(figure) == ["Fifteen", *map(str, range(15))]
    places = [image.get_extent() for axes in figure.axes for image in axes.images]
    assert len({left for left, *_ in places}) == 5
    assert len({top for *_, top in places}) == 3
    for title, (left, _, _, top) in zip(figure.axes[0].texts[1:], places, strict=True):
        x, y = title.get_position()
        assert x == left
        assert 0 < top - y < 40


def test_a_grid_takes_images_of_any_size_dtype_and_number_of_channels(rng):
    images = [
        rng.random((28, 28)),
        rng.integers(0, 256, (300, 90, 3)).astype(np.uint8),
        rng.integers(0, 256, (40, 400, 4)).astype(np.uint8),
        rng.normal(size=(64, 64, 1)),
    ]
    assert len(tiles(figures.plot_images(images, "abcd"))) >= 3


# ── layout ──────────────────────────────────────────────────────────────────────────────────────────

LONG = tuple(f"a class with quite a long name, number {index}, of a family of birds" for index in range(3))
LAYOUTS = [((28, 28), None), ((300, 60), None), ((3, 200), None), ((900, 700), None)]
LAYOUTS += [((28, 28), LONG), ((3, 200), LONG)]


def laid_out(name, shape, names):
    height, width = shape
    labels = (np.arange(height)[:, np.newaxis] * 2 // height) * 2 + np.arange(width) * 2 // width
    values = [[0.1234, -0.05, 0.02, 8.4e-4], [-0.2, 0.1, 0.0, 0.3]]
    one = example(
        values,
        [0.01, 0.01, 0.05, 1.8e-6],
        labels=labels,
        targets=(0, Contrast(1, 2)),
        names=names,
        settled=False,
    )
    if name == "right_and_wrong":
        return figures.plot_right_and_wrong([one, one, one], [0, 1, 2])
    return figures.plot(one, name)


@pytest.mark.parametrize(
    ("shape", "names"), LAYOUTS, ids=["small", "tall", "flat", "large", "names", "names-flat"]
)
@pytest.mark.parametrize("name", [*KINDS, "right_and_wrong"])
def test_no_words_overlap_each_other_or_an_image_or_are_cut(name, shape, names):
    figure = laid_out(name, shape, names)
    renderer, page = figure.canvas.get_renderer(), figure.bbox
    axes = figure.axes[0]
    numbers = [label for chart in figure.axes[1:] for label in chart.get_xticklabels()]
    words = [*(text for text in axes.texts if not text.get_path_effects()), *numbers]
    places = [text.get_window_extent(renderer) for text in words]
    images = [image.get_window_extent(renderer) for image in axes.images]
    for index, (word, place) in enumerate(zip(words, places, strict=True)):
        assert page.x0 + 20 <= place.x0 < place.x1 <= page.x1 - 30, word.get_text()
        assert page.y0 + 10 <= place.y0 < place.y1 <= page.y1 - 10, word.get_text()
        others = [*places[:index], *images]
        apart = [(min(place.x1, o.x1) <= max(place.x0, o.x0)) or gap(place, o) >= -1 for o in others]
        assert all(apart), word.get_text()
    for place in images:
        assert page.x0 <= place.x0
        assert place.x1 <= page.x1
        assert page.y0 + 20 <= place.y0


def gap(one, other):
    """Free pixels between two boxes, one above the other; negative where they overlap."""
    return max(one.y0, other.y0) - min(one.y1, other.y1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (500, 2)], ids=str)
def test_extreme_shapes_are_drawn(shape):
    one = example([[0.4]], labels=np.zeros(shape, int))
    for name in KINDS:
        assert isinstance(figures.plot(one, name), Figure)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, bool, np.int64])
@pytest.mark.parametrize("channels", [None, 1, 3, 4, 6])
def test_images_of_any_dtype_and_number_of_channels_are_drawn(rng, dtype, channels):
    shape = (16, 16) if channels is None else (16, 16, channels)
    image = (rng.random(shape) * (1 if dtype in (np.float32, np.float64) else 255)).astype(dtype)
    one = example([0.4, -0.3], image=image, labels=np.repeat([[0, 1]], 8, axis=1).repeat(16, axis=0))
    for name in ("panel", "targets"):
        assert isinstance(figures.plot(one, name), Figure)


def test_a_segment_too_small_for_a_reduced_image_is_left_out_without_harm():
    labels = np.zeros((900, 900), int)
    labels[:450], labels[0, 1] = 1, 2
    one = example([0.4, -0.3, 0.9], labels=labels)
    for name in KINDS:
        figures.plot(one, name)
    assert "+0.9000 ± 0.0010" in texts(figures.plot_bars(one))
    assert "for +0.9" in texts(figures.plot_heat(one))


def test_a_text_is_shortened_to_its_width_and_a_short_one_stays():
    assert shorten_text("cat", 200, 9) == "cat"
    short = shorten_text("a class with quite a long name", 200, 9)
    assert short.endswith("…")
    assert 150 < text_width(short, 9) <= 200
    assert text_width(shorten_text("W" * 10_000, 200, 9), 9) <= 200


def test_wrapped_words_fit_their_width_and_lose_nothing_but_what_is_beyond_the_last_line():
    words = ["what", "stands", "here", "is", "broken", "into", "lines", "of", "its", "own"]
    lines = wrap_parts(words, 240, 9, between=" ")
    assert " ".join(lines) == " ".join(words)
    assert all(text_width(line, 9) <= 240 for line in lines)
    assert len(wrap_parts(words * 9, 240, 9, between=" ")) == 3


# ── nothing else changes ────────────────────────────────────────────────────────────────────────────


def test_the_same_explanation_gives_the_same_bytes():
    one = example(MIXED, MIXED_ERROR)
    for name in KINDS:
        assert figures.figure_to_png(figures.plot(one, name)) == figures.figure_to_png(
            figures.plot(one, name)
        )


def test_the_users_style_changes_nothing():
    one = example(MIXED, MIXED_ERROR)
    plain = {name: figures.figure_to_png(figures.plot(one, name)) for name in KINDS}
    style = {
        "font.size": 30,
        "font.family": "serif",
        "text.color": "white",
        "axes.facecolor": "black",
        "figure.facecolor": "black",
        "figure.dpi": 50,
        "figure.constrained_layout.use": True,
        "savefig.bbox": "tight",
        "savefig.dpi": 30,
        "savefig.transparent": True,
        "axes.grid": True,
        "image.cmap": "gray",
        "image.interpolation": "bilinear",
        "image.origin": "lower",
        "lines.linewidth": 9,
        "patch.force_edgecolor": True,
    }
    with matplotlib.rc_context(style):
        assert {name: figures.figure_to_png(figures.plot(one, name)) for name in KINDS} == plain


def test_pyplot_knows_nothing_of_the_figures():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    for name in KINDS:
        figures.figure_to_png(figures.plot(example(MIXED, MIXED_ERROR), name))
    assert plt.get_fignums() == before


def test_drawing_does_not_load_pyplot_and_loading_figures_does_not_load_matplotlib():
    code = (
        "import sys, numpy as np, sightline.figures as figures\n"
        "assert 'matplotlib' not in sys.modules\n"
        "figures.figure_to_png(figures.plot_images([np.zeros((8, 8))], ['a']))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_threads_may_draw_at_once():
    ones = [example(np.array(MIXED) * scale, MIXED_ERROR) for scale in (1, 2, 3, 4)]
    alone = [figures.figure_to_png(figures.plot_panel(one)) for one in ones]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda one: figures.figure_to_png(figures.plot_panel(one)), ones)) == alone


def test_a_figure_shows_itself_in_a_notebook_and_can_be_pickled_and_saved(tmp_path):
    figure = figures.plot_overlay(example(MIXED, MIXED_ERROR))
    assert figure._repr_png_() == figures.figure_to_png(figure)
    assert pickle.loads(pickle.dumps(figure))._repr_png_() == figures.figure_to_png(figure)
    for ending in ("png", "pdf", "svg"):
        figure.savefig(tmp_path / f"figure.{ending}")
        assert (tmp_path / f"figure.{ending}").stat().st_size > 1000


def test_drawing_leaves_the_explanation_alone():
    one = example(MIXED, MIXED_ERROR)
    for array in (one.image, one.segments.labels, one.attribution.values, one.attribution.error):
        array.flags.writeable = False
    for name in KINDS:
        figures.plot(one, name)


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_kind_is_refused_with_the_nearest_one():
    with pytest.raises(
        OptionError, match=r"no figure 'contour'. Did you mean 'contours'\? Valid: panel"
    ) as caught:
        figures.plot(example(MIXED), "contour")
    assert caught.value.slug == "figure-kind"


def test_a_parameter_that_the_kind_does_not_have_is_refused():
    with pytest.raises(OptionError, match=r"kind 'bars' has no limit. Valid: target, num.") as caught:
        figures.plot(example(MIXED), "bars", limit=0.5)
    assert caught.value.slug == "figure-option"
    with pytest.raises(OptionError, match="kind 'targets' has no target"):
        figures.plot(example(MIXED), "targets", 0)


@pytest.mark.parametrize("name", ["panel", "overlay", "heat", "contours", "bars"])
def test_a_target_that_is_not_explained_is_refused(name):
    with pytest.raises(TargetError, match=r"5 was not explained, only 0 .*, 1 ") as caught:
        figures.plot(example([[0.4, 0.1], [0.1, 0.2]]), name, 5)
    assert caught.value.slug == "target-unexplained"


@pytest.mark.parametrize("name", KINDS)
def test_showing_no_segment_at_all_is_refused(name):
    with pytest.raises(OptionError, match="num must be 1 or more, or None for all, but it is 0") as caught:
        figures.plot(example(MIXED), name, num=0)
    assert caught.value.slug == "figure-num"


@pytest.mark.parametrize("limit", [-1.0, float("nan"), float("inf")])
def test_an_impossible_end_of_the_scale_is_refused(limit):
    with pytest.raises(OptionError, match="end of the colour scale, must be 0 or more") as caught:
        figures.plot_overlay(example(MIXED), limit=limit)
    assert caught.value.slug == "figure-limit"


# ── a real explanation ──────────────────────────────────────────────────────────────────────────────


def test_the_segment_that_a_model_looks_at_is_the_red_one():
    image = np.full((40, 40), 0.5)

    def model(batch):
        seen = np.asarray(batch)[:, 10:20, 20:30].mean(axis=(1, 2))
        return np.stack([seen, 1 - seen], axis=1)

    image[10:20, 20:30] = 1.0
    plan = Plan(
        segment=Grid(rows=4, columns=4), fill=lambda image, segments: np.zeros_like(image), budget=200
    )
    segments, scores, attribution = run_plan(image, model, plan)
    one = Example(image, plan, segments, scores, attribution)
    tile = tiles(figures.plot_overlay(one))[0]
    side = tile.shape[0] // 4
    blocks = [kind(tile[y * side + side // 2, x * side + side // 2]) for y in range(4) for x in range(4)]
    assert blocks.count("red") == 1
    assert blocks[1 * 4 + 2] == "red"
    assert render.scale_limit(attribution.values) > 0


BATCH = (np.random.default_rng(0).random((32, 6, 5, 3)), np.arange(32) % 3)


def shown(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize(
    "data",
    [
        BATCH,
        (list(BATCH[0]), BATCH[1][:, np.newaxis].astype(np.float32)),
        zip(*BATCH, strict=True),
        ArrayDataset(*BATCH, ("a", "b", "c")),
    ],
    ids=["arrays", "keras binary", "pairs", "labelled"],
)
def test_a_batch_is_three_rows_of_five_under_their_classes(data):
    figure = figures.plot_images(data, class_names=["a", "b", "c"])
    assert shown(figure) == list("abcabcabcabcabc")
    assert len(tiles(figure)) == 15


def test_a_batch_names_its_own_classes_and_reads_no_more_than_it_shows():
    read = []

    class Reading:
        class_names = ("well", "ill")

        def __iter__(self):
            for i in range(1000):
                read.append(i)
                yield np.eye(4), i % 2

    assert shown(figures.plot_images(Reading(), rows=1, columns=4)) == ["well", "ill", "well", "ill"]
    assert read == [0, 1, 2, 3]


def test_labels_without_names_are_numbers_and_strange_ones_are_refused():
    assert shown(figures.plot_images(BATCH, rows=1)) == ["0", "1", "2", "0", "1"]
    with pytest.raises(OptionError, match="a label is 2, but there are 2 class names"):
        figures.plot_images(BATCH, class_names=["a", "b"])
    with pytest.raises(OptionError, match=r"one is 'cat'. sightline.data.batches makes them"):
        figures.plot_images(([np.eye(3)], ["cat"]))
    with pytest.raises(OptionError, match="needs images"):
        figures.plot_images(([], []))


def test_rows_are_the_most_that_are_shown():
    assert len(tiles(figures.plot_images(list(BATCH[0]), range(32), rows=2, columns=4))) == 8


def test_images_without_labels_are_drawn_without_words():
    assert shown(figures.plot_images([np.eye(8), np.ones((8, 8))])) == ["", ""]
    assert shown(figures.plot_images(np.ones((3, 8, 8, 3)))) == ["", "", ""]
    with pytest.raises(OptionError, match=r"'a.png' names a file.*read_image"):
        figures.plot_images(["a.png", "b.png"])


def test_batches_of_loaders_and_data_sets_are_labelled_images():
    torch = pytest.importorskip("torch")
    images, labels = torch.rand(6, 3, 8, 12), torch.arange(6) % 2
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), batch_size=4)
    expected = ["0", "1", "0", "1", "0", "1"]
    assert shown(figures.plot_images(loader)) == expected
    assert shown(figures.plot_images(next(iter(loader)))) == expected[:4]


def test_of_images_that_lie_class_by_class_every_class_is_shown():
    images, labels = np.zeros((40, 8, 8, 1)), np.repeat([0, 1], 20)
    data = ArrayDataset(images, labels, ("well", "ill"))
    assert set(shown(figures.plot_images(data, rows=1))) == {"well", "ill"}
