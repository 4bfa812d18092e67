"""A page of figures: each under its words, none over another, long sentences broken between words."""

import numpy as np

from sightline.figures import plot_images, stack_figures
from sightline.figures.layout import text_width

NAMES = ("one", "two", "three", "four", "five")


def small_figure(width):
    return plot_images([np.zeros((8, 8))] * width, [""] * width)


def test_figures_stand_under_their_words_in_two_columns_of_about_one_height():
    parts = [(name, f"words of {name}", small_figure(2)) for name in NAMES]
    (axes,) = stack_figures("A page", parts).axes
    tops = {text.get_text(): text.get_position() for text in axes.texts}
    assert next(iter(tops)) == "A page"
    assert set(NAMES) < set(tops)
    assert len({tops[name][0] for name in NAMES}) == 2
    assert (
        sorted(sum(tops[name][0] == left for name in NAMES) for left in {x for x, _ in tops.values()})[0] == 2
    )
    for image, name in zip(axes.images, NAMES, strict=True):
        left, right, _, top = image.get_extent()
        assert (left, right - left <= 1240) == (tops[name][0], True)
        assert tops[f"words of {name}"][1] < top


def test_long_sentences_are_broken_between_words():
    words = "one two three " * 30
    (axes,) = stack_figures("A page", [("A title", words, small_figure(1))]).axes
    lines = [text.get_text() for text in axes.texts][2:]
    assert len(lines) > 1
    assert all(text_width(line, 10) <= 1240 for line in lines)
    assert " ".join(lines).split() == ["one", "two", "three"] * 30
