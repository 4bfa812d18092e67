"""Several targets, and right and wrong answers: one scale, and what can be said of each."""

import re

import numpy as np
import pytest

from sightline import figures
from sightline.errors import TargetError
from support.drawn_figures import example, kind, said, sides, texts, tiles


def test_all_targets_share_one_scale_so_that_equal_values_have_equal_tints():
    one = example([[0.2, -0.1], [0.1, 0.2], [0.01, -0.4]])
    figure = figures.plot_targets(one)
    assert texts(figure).count("for +0.4") == 1
    first, second, third = tiles(figure)
    assert np.array_equal(first[100, 60], second[100, 190])
    assert kind(third[100, 60]) == "grey"


@pytest.mark.parametrize("empty", [-8.4e-5, 0.00064, -123456.0, 0.25])
def test_no_number_under_a_small_image_is_cut(empty):
    one = example([[0.4, -0.3], [0.1, 0.2]], empty=empty, full=-0.000123)
    for figure in (figures.plot_targets(one), figures.plot_right_and_wrong([one], [0])):
        assert not any("…" in word for word in texts(figure)), texts(figure)


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_what_speaks_for_the_target_is_not_padded_with_what_cannot_be_told():
    some = example([0.4, 0.05, 0.03, -0.3], [0.01, 0.05, 0.05, 0.01])
    favour, both, _, _ = tiles(figures.plot_panel(some))
    hatched = [len(np.unique(tile[20:-20, 130:210].reshape(-1, 3), axis=0)) > 1 for tile in (favour, both)]
    assert hatched == [False, True]
    assert "what speaks for it cannot be told from zero" not in texts(figures.plot_panel(some))
    (alone,) = tiles(figures.plot_right_and_wrong([some], [0]))
    assert sides(alone, 4) == ["red", "grey", "grey", "grey"]
    assert "cannot be told from zero" not in texts(figures.plot_right_and_wrong([some], [0]))


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


def test_images_may_have_different_numbers_of_segments():
    two, three = example([0.4, -0.3]), example([0.4, -0.3, 0.05], [0.01, 0.01, 0.05])
    assert len(tiles(figures.plot_right_and_wrong([two, three], [0, 1], num=None))) == 2


def test_targets_of_long_names_are_told_apart_by_their_ends():
    names = ("pneumonia, bacterial, left lung", "pneumonia, bacterial, right lung", "normal")
    words = texts(figures.plot_targets(example([[0.4, -0.3], [0.1, 0.2], [0.1, 0.2]], names=names)))
    assert not any("…" in word for word in words), words
    assert any(word.endswith("left lung") for word in words)
    assert any(word.endswith("right lung") for word in words)
