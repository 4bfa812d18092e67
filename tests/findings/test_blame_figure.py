"""The figure of blame says what the table says."""

import numpy as np

from sightline import figures
from sightline.findings.verdict import Blame
from sightline.render import RED


class Line:
    """What is drawn of a region."""

    def __init__(self, region, gain, confirmed=False, p=np.nan):
        self.region, self.gain, self.confirmed, self.p = region, gain, confirmed, p
        self.low, self.high, self.elsewhere = gain - 0.1, gain + 0.1, 0.0
        self.righted, self.righted_elsewhere, self.wronged, self.wronged_elsewhere = 12.0, 0.5, 3.0, 1.5


class Found:
    errors, verdict = 56, "jaw drives errors."

    def __init__(self, *regions):
        self.regions = regions


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_each_region_has_its_line_and_the_confirmed_is_red():
    figure = figures.blame(Found(Line("jaw", 0.3, True, 0.0009), Line("hair", -0.2)))
    said = words(figure)
    assert said[0] == "56 wrong answers. Driven by: jaw"
    assert {"jaw", "hair", "0.0009", "12 (0.5)", "3 (1.5)"} <= set(said)
    red = [
        patch
        for patch in figure.axes[0].patches
        if np.allclose(patch.get_facecolor()[:3], np.array(RED) / 255)
    ]
    assert len(red) == 1


def test_where_nothing_is_confirmed_it_says_so():
    assert words(figures.blame(Found(Line("jaw", 0.01))))[0] == (
        "56 wrong answers. No region is confirmed to drive them"
    )


def test_too_few_errors_are_said_without_a_chart():
    fields = dict.fromkeys(Blame.__dataclass_fields__, 0)
    lacking = Blame(**(fields | {"regions": (), "lack": "5 wrong answers", "fill": "", "groups": None}))
    assert "5 wrong answers" in words(figures.blame(lacking))[-1]
