"""The figure of blame says what the table says."""

import itertools

import numpy as np
import pytest

from sightline import figures
from sightline.figures.layout import line_height, text_width
from sightline.findings.blame_result import Blame
from sightline.regions import grid
from sightline.render import GREY, RED


class Line:
    """What is drawn of a region."""

    def __init__(self, region, gain, confirmed=False, p=np.nan):
        self.region = self.label = region
        self.gain, self.confirmed, self.p = gain, confirmed, p
        self.shifted = False
        self.low, self.high, self.control_gain = gain - 0.1, gain + 0.1, 0.0
        self.corrected, self.control_corrected = 12.0, 0.5
        self.broken, self.control_broken = 3.0, 1.5


class Found:
    errors, verdict, lacked, min_effect, scale = 56, "jaw drives errors.", 0.4, 0.05, "probability"
    areas = image = None
    of_concepts = False

    def __init__(self, *regions):
        self.regions = regions


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_each_region_has_its_line_and_the_confirmed_is_red():
    figure = figures.plot_blame(Found(Line("jaw", 0.3, True, 0.0009), Line("hair", -0.2)))
    said = words(figure)
    assert said[0] == "56 wrong answers. Some are driven by: jaw"
    assert {"jaw", "hair", "0.0009", "12 (0.5)", "3 (1.5)"} <= set(said)
    red = [
        patch
        for patch in figure.axes[1].patches
        if np.allclose(patch.get_facecolor()[:3], np.array(RED) / 255)
    ]
    assert len(red) == 1


def test_where_nothing_is_confirmed_it_says_so():
    assert words(figures.plot_blame(Found(Line("jaw", 0.01))))[0] == (
        "56 wrong answers. No region is confirmed to drive them"
    )


def test_too_few_errors_are_said_without_a_chart():
    lacking = Blame((), 0, 0, 0, None, 0.0, 0.0, 0.0, "", 0, "5 wrong answers")
    said = words(figures.plot_blame(lacking))
    assert said[0] == "0 wrong answers. Nothing can be said of them"
    assert "5 wrong answers" in said[-1]


@pytest.mark.parametrize(
    "name", ["jaw", "corner bottom-right", "a region whose name nobody would call short" * 2]
)
def test_all_words_are_on_the_page_and_none_over_another(name):
    lines = [Line(name, 0.3, True, 0.0009), *(Line(f"{name} {n}", 0.05 - 0.1 * n) for n in range(12))]
    figure = figures.plot_blame(Found(*lines))
    width, height = figure.get_size_inches() * figure.dpi
    boxes = []
    for text in figure.axes[0].texts:
        (x, y), size = text.get_position(), text.get_fontsize()
        wide = text_width(text.get_text(), size, bold=text.get_fontweight() == "bold")
        left = x - wide * {"left": 0, "center": 0.5, "right": 1}[text.get_horizontalalignment()]
        boxes.append((left, y - 0.6 * line_height(size), left + wide, y))
    assert min(left for left, *_ in boxes) >= 0
    assert max(right for _, _, right, _ in boxes) <= width
    assert max(base for *_, base in boxes) <= height
    for one, other in itertools.combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_regions_that_were_not_tested_are_said_to_be():
    said = words(figures.plot_blame(Found(Line("jaw", 0.3, p=0.2), Line("hair", -0.2))))
    assert said.count("not tested") == 1
    assert "0.2" in said


def test_only_colours_that_are_there_are_explained():
    said = words(figures.plot_blame(Found(Line("jaw", 0.01))))
    assert "95 % interval: not confirmed" in said
    assert "95 % interval: drives errors" not in said
    assert "the least that counts: 5% of what the true class lacked" in said


def test_bars_are_intervals_on_one_axis():
    figure = figures.plot_blame(Found(Line("jaw", 0.3, True, 0.01), Line("hair", -0.2)))
    chart = figure.axes[1]
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in chart.patches]
    assert np.allclose(bars, [(0.2, 0.4), (-0.3, -0.1)])
    grey = np.array(GREY) / 255
    (zero,) = [line for line in chart.lines if np.allclose(line.get_color(), grey)]
    assert list(zero.get_xdata()) == [0, 0]
    assert chart.get_xlim() == pytest.approx((-0.3, 0.4))


def test_the_regions_are_drawn_over_the_mean_image():
    found = Found(Line("r1c1", 0.3, True, 0.01), Line("r2c2", -0.2))
    bare = words(figures.plot_blame(found))
    found.areas, found.image = grid(2, 2), np.full((32, 32, 3), 0.5)
    assert {"r1c2", "r2c1"} <= set(words(figures.plot_blame(found))) - set(bare)
