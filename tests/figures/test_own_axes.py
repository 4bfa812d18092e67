"""Into the user's own axes: the same colours as in a figure, what they mean, and what is refused."""

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from sightline import figures
from sightline.errors import OptionError
from sightline.render import RED
from support.drawn_figures import MIXED, MIXED_ERROR, example


def own_axes(**more):
    return Figure(figsize=(4, 4), **more).add_subplot()


@pytest.mark.parametrize("kind", ["overlay", "heat", "contours", "bars"])
def test_axes_are_drawn_into_and_returned(kind):
    ax = own_axes()
    assert example(MIXED, MIXED_ERROR).plot(kind, ax=ax) is ax
    assert ax.figure.axes == [ax]
    assert ax.get_title() == "0"
    ax.figure.canvas.draw()


def test_the_image_has_the_pixels_of_the_explained_one_and_the_colours_of_their_values():
    labels = np.repeat(np.arange(2), 32)[np.newaxis].repeat(64, axis=0)
    one = example([0.4, -0.3], image=np.zeros((64, 64, 3), np.uint8), labels=labels)
    ax = own_axes()
    one.plot("heat", ax=ax)
    (image,) = ax.images
    assert image.get_extent() == [-0.5, 63.5, 63.5, -0.5]
    high, wide = image.get_array().shape[:2]
    assert tuple(image.get_array()[high // 2, wide // 4]) == RED
    assert image.get_clim() == (-0.4, 0.4)
    colours = image.get_cmap()(image.norm([-0.4, 0.0, 0.4]))[:, :3] * 255
    np.testing.assert_allclose(colours, [[18, 107, 197], [255, 255, 255], RED], atol=3)
    bar = ax.figure.colorbar(image)
    assert (bar.vmin, bar.vmax) == (-0.4, 0.4)


@pytest.mark.slow
def test_what_the_colours_mean_stands_below():
    ax = own_axes()
    example(MIXED, MIXED_ERROR).plot(ax=ax)
    lines = ax.get_xlabel().splitlines()
    assert lines[0].startswith("score ")
    assert lines[1].startswith("red for, blue against, to ±")
    assert lines[2:] == ["hatched: cannot be told from zero"]
    example(MIXED, MIXED_ERROR).plot("contours", ax=ax)
    assert ax.get_xlabel().splitlines()[1:] == ["red for, blue against", "grey: cannot be told from zero"]


def test_where_there_is_nothing_to_colour_that_is_said():
    ax = own_axes()
    example([0.0, 0.0]).plot(ax=ax)
    assert ax.get_xlabel().splitlines()[1] == "Nothing here moves the score."
    example([0.0, 0.0]).plot("bars", ax=own_axes())


def test_the_bars_are_the_values_and_each_row_is_a_segment():
    ax = own_axes()
    example([0.1, -0.4, 0.2], [0.01, 0.01, 0.01], labels=np.arange(3).reshape(1, 3)).plot(
        "bars", ax=ax, num=2
    )
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "2"]
    assert [patch.get_width() for patch in ax.patches] == [-0.4, 0.2]
    assert "95 % interval" in ax.get_xlabel()


@pytest.mark.slow
def test_the_same_limit_makes_two_images_comparable():
    ends = []
    for scale in (1.0, 2.0):
        ax = own_axes()
        example(np.array([0.1, -0.1]) * scale).plot(ax=ax, limit=0.5)
        ends.append(ax.images[0].get_clim())
    assert ends == [(-0.5, 0.5)] * 2


def test_what_is_no_axes_is_refused_and_several_are_told_from_one():
    one = example([0.4, -0.3])
    several = np.array([own_axes(), own_axes()], dtype=object)
    with pytest.raises(OptionError, match=r"give one, such as axes\.flat\[0\]"):
        one.plot(ax=several)
    with pytest.raises(OptionError, match="ax must be Matplotlib's axes"):
        one.plot(ax=3)
    for kind in ("panel", "targets"):
        with pytest.raises(OptionError, match="is a page of its own"):
            one.plot(kind, ax=own_axes())
    with pytest.raises(OptionError, match="bars"):
        one.plot("bars", ax=own_axes(), limit=1.0)


@pytest.mark.slow
def test_nothing_is_left_open_and_the_default_is_the_panel_as_before():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    one = example(MIXED, MIXED_ERROR)
    one.plot(ax=own_axes())
    assert figures.figure_to_png(one.plot()) == figures.figure_to_png(one.plot("panel"))
    assert plt.get_fignums() == before
    assert matplotlib.get_backend().lower() == "agg"


@pytest.mark.parametrize("kind", ["bars", "heat", "overlay"])
@pytest.mark.parametrize("projection", ["3d", "polar"])
def test_axes_that_are_not_plain_ones_are_refused(projection, kind):
    with pytest.raises(OptionError, match=r"plain axes of two dimensions, but .* without projection="):
        example(MIXED, MIXED_ERROR).plot(kind, ax=Figure().add_subplot(projection=projection))
