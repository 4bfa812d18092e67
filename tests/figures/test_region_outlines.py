"""Regions drawn over an image: their outlines where they are, their names on them, none over another."""

import itertools

import numpy as np
import pytest

from sightline import figures
from sightline import regions as sr
from sightline.errors import ImageError, SegmentError
from sightline.figures.layout import line_height, text_width


def drawn(regions, image, **more):
    """The figure, its image, where that lies, and the names on it as boxes (left, top, right, bottom)."""
    figure = figures.plot_regions(regions, image, **more)
    (shown,) = figure.axes[0].images
    left, right, bottom, top = shown.get_extent()
    pixels = np.asarray(shown.get_array())
    assert pixels.shape[:2] == (bottom - top, right - left)
    boxes = []
    for text in figure.axes[0].texts:
        (x, y), size = text.get_position(), text.get_fontsize()
        if text.get_text() in regions.names and top < y < bottom + line_height(size):
            wide = text_width(text.get_text(), size)
            boxes.append((text.get_text(), x - wide / 2, y - 0.55 * line_height(size), x + wide / 2, y + 2))
    return figure, pixels, (left, top), boxes


TEMPLATES = {
    "face": sr.face(),
    "face, sides": sr.face(sides=True),
    "head, sides": sr.face(sides=True, cut="head"),
    "chest": sr.chest(),
    "chest, sides": sr.chest(sides=True),
    "grid": sr.grid(4, 6),
}


@pytest.mark.parametrize("side", [28, *(pytest.param(side, marks=pytest.mark.slow) for side in (64, 300))])
@pytest.mark.parametrize("name", TEMPLATES)
def test_every_name_is_on_its_region_and_none_over_another(name, side):
    regions = TEMPLATES[name]
    _, pixels, (left, top), boxes = drawn(regions, np.full((side, side), 0.5))
    assert {name for name, *_ in boxes} == set(regions.names)
    assert_apart(boxes)
    masks, shown = regions.masks((side, side)), np.arange(len(pixels)) * side // len(pixels)
    for name, *box in boxes:
        edges = [box[0] - left, box[1] - top, box[2] - left, box[3] - top]
        assert min(edges) >= 0
        assert max(edges) <= len(pixels)
        across, up, right, down = map(round, edges)
        under = masks[regions.index(name)][np.ix_(shown[up:down], shown[across:right])]
        assert under.mean() > 0.68, name


def assert_apart(boxes):
    for (_, *one), (_, *other) in itertools.combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_names_of_regions_in_one_place_stand_beside_each_other():
    same = {name: [(0.2, 0.2), (0.2, 0.8), (0.8, 0.8), (0.8, 0.2)] for name in ("one", "two", "three")}
    _, _, _, boxes = drawn(sr.polygons(same), np.zeros((28, 28)))
    assert {name for name, *_ in boxes} == set(same)
    assert_apart(boxes)


def test_neighbours_have_colours_of_their_own_in_any_number():
    _, pixels, *_ = drawn(sr.grid(4, 7), np.zeros((28, 28)))
    side = len(pixels) // 28
    middles = pixels[2 * side :: 7 * side, 2 * side :: 4 * side].astype(int)
    for axis in (0, 1):
        assert np.abs(np.diff(middles, axis=axis)).sum(axis=-1).min() > 10


def test_outlines_lie_on_the_pixels_that_count():
    _, pixels, *_ = drawn(sr.grid(1, 2), np.zeros((8, 8)))
    width = pixels.shape[1]
    line = pixels[len(pixels) // 4].astype(int)
    half = width // 2
    assert (line[20 : half - 3] == line[20]).all()
    assert (line[half - 1] != line[20]).any()
    assert (line[half] != line[half + 20]).any()
    assert (line[20] != line[-20]).any(), "neighbours have colours of their own"


def test_the_image_shows_through():
    image = np.zeros((8, 8))
    image[:, 4:] = 1
    _, pixels, *_ = drawn(sr.polygons({"all": [(0, 0), (0, 1), (1, 1), (1, 0)]}), image)
    assert pixels[20, 20].mean() + 150 < pixels[20, -20].mean()


def test_pixels_in_no_region_stay_as_they_are():
    _, pixels, *_ = drawn(
        sr.polygons({"half": [(0, 0), (0, 1), (0.5, 1), (0.5, 0)]}), np.full((8, 8, 3), 0.2)
    )
    assert (pixels[-20, 20] == 51).all()
    assert (pixels[20, 20] != 51).any()


@pytest.mark.slow
def test_names_without_room_are_listed_below():
    many = sr.grid(25, 25)
    figure, *_, boxes = drawn(many, np.zeros((75, 75)))
    below = [text.get_text() for text in figure.axes[0].texts][1 + len(boxes) :]
    assert below[0].startswith("no room for the names of: r")
    assert len(below) == 8
    assert below[-1].endswith("…")
    assert not {name for name, *_ in boxes} & set(", ".join(below).split(", ")[1:])


@pytest.mark.slow
def test_a_long_name_that_finds_no_room_is_listed():
    regions = sr.polygons({"x" * 200: [(0, 0), (0, 1), (1, 1), (1, 0)]})
    figure = figures.plot_regions(regions, np.zeros((8, 8)))
    assert figure.axes[0].texts[1].get_text().startswith("no room for the names of: xxx")


def test_regions_of_one_image_and_a_heading_are_drawn():
    masks = np.zeros((2, 1, 8, 8), bool)
    masks[0, 0, :4], masks[1, 0, 4:] = True, True
    own = sr.per_image(masks, ["lung"])
    figure, *_, boxes = drawn(own, np.zeros((8, 8)), index=1, heading="the second")
    assert figure.axes[0].texts[0].get_text() == "the second"
    assert boxes[0][2] > 400
    with pytest.raises(SegmentError, match="no index was given"):
        figures.plot_regions(own, np.zeros((8, 8)))


def test_an_image_may_lack_a_region():
    masks = np.zeros((1, 2, 8, 8), bool)
    masks[0, 0] = True
    figure = figures.plot_regions(sr.per_image(masks, ["lung", "heart"]), np.zeros((8, 8)), index=0)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ["2 regions", "lung", "no room for the names of: heart"]


def test_a_batch_is_refused_with_what_to_do():
    with pytest.raises(ImageError, match=r"shape is \(5, 8, 8, 3\)\. Of many, give the mean: images\.mean"):
        figures.plot_regions(sr.grid(2, 2), np.zeros((5, 8, 8, 3)))


def test_the_figure_is_a_png_of_its_size():
    assert (
        figures.figure_to_png(figures.plot_regions(sr.grid(2, 2), np.zeros((30, 20, 3), np.uint8)))[1:4]
        == b"PNG"
    )
