"""One image large: what is drawn of each segment, in which colour, and what the legend says of it."""

import numpy as np
import pytest

from sightline import figures
from sightline.render import BLUE, GREY, RED
from support.drawn_figures import KINDS, MIXED, MIXED_ERROR, example, kind, said, sides, texts, tiles


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


def test_bars_and_contours_print_the_ends_of_their_axis_or_have_no_scale():
    assert {"−0.42", "+0.42"} <= set(texts(figures.plot_bars(example([0.4, -0.1], 0.01))))
    assert "against" in said(figures.plot_contours(example([0.4, -0.1], 0.01)))


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


@pytest.mark.slow
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
