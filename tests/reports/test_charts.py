"""Small charts: what they place where."""

import math
import re

import pytest

from sightline.reports import charts
from sightline.reports.summary import Interval, Measure

NAN = float("nan")


def places(drawn, what):
    """Where things of a class are drawn, from the left."""
    names = {"circle": ("cx",), "line": ("x1", "x2"), "rect": ("x", "width")}
    found = []
    for tag, attributes in names.items():
        for given in re.findall(rf'<{tag} class="([^"]*)"([^>]*)/>', str(drawn)):
            if what in given[0].split():
                found.append(tuple(float(re.search(rf'{one}="([^"]*)"', given[1])[1]) for one in attributes))
    return found


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.21, 0.24, 0.02], (-0.015, 0.25)),
        ([-0.3, -0.1], (-0.3, 0.015)),
        ([-3.0, 70.0], (-4.0, 80.0)),
        ([NAN], (-1.0, 1.0)),
        ([], (-1.0, 1.0)),
        ([0.0], (-1.0, 1.0)),
    ],
)
def test_an_axis_holds_all_values_and_zero_between_round_ends(values, ends):
    axis = charts.value_axis(values)
    assert (axis.low, axis.high) == pytest.approx(ends)


def test_shares_are_told_to_a_whole():
    assert [charts.share_axis(one).low for one in ([0.81], [0.5, 1.0], [0.2], [NAN], [])] == [
        0.8,
        0.5,
        0,
        0,
        0,
    ]


def test_a_point_stands_in_its_interval_at_its_value():
    axis = charts.ChartAxis(0.0, 1.0)
    drawn = charts.interval_chart(Interval(0.5, 0.25, 0.75), axis, beside=0.0)
    assert places(drawn, "dot") == [(110.0,)]
    assert places(drawn, "span") == [(58.5, 161.5)]
    assert places(drawn, "beside-mark") == [(7.0, 7.0)]


def test_what_is_not_known_is_not_drawn():
    axis = charts.ChartAxis(0.0, 1.0)
    drawn = charts.interval_chart(Interval(NAN), axis)
    assert places(drawn, "dot") == places(drawn, "span") == places(drawn, "beside-mark") == []


def test_before_is_hollow_and_after_is_full():
    axis = charts.ChartAxis(0.0, 1.0, share=True)
    drawn = charts.change_chart(Measure("accuracy", Interval(1.0), Interval(0.0)), axis)
    assert places(drawn, "hollow") == [(7.0,)]
    assert places(drawn, "strong") == [(213.0,)]
    assert places(drawn, "step") == [(7.0, 213.0)]


@pytest.mark.parametrize(("value", "kind"), [(0.5, "for"), (-0.5, "against")])
def test_a_bar_goes_from_zero_to_its_value_with_its_95_percent(value, kind):
    drawn = charts.value_chart(value, 0.1, 1.0)
    left = min(110.0, 110 + value * 103)
    assert places(drawn, kind) == [(left, 51.5)]
    low, high = places(drawn, "error")[0]
    assert high - low == pytest.approx(2 * 1.96 * 0.1 * 103, abs=0.2)


def test_the_end_of_bars_holds_every_interval():
    assert charts.value_limit([(0, 0.2, 0.1), (1, -0.3, 0.0), (2, 0.1, NAN)]) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (charts.number_text(0.873, share=True), "87%"),
        (charts.number_text(0.056, share=True), "5.6%"),
        (charts.number_text(-0.056, share=True, sign=True), "−5.6%"),
        (charts.number_text(0.995, share=True), "99.5%"),
        (charts.number_text(1.0, share=True), "100%"),
        (charts.number_text(NAN), "–"),
        (charts.interval_text(Interval(0.5, 0.41, 0.6), share=True), "50% (41% … 60%)"),
        (charts.interval_text(Interval(0.5)), "0.5"),
        (charts.p_text(0.0004), "< 0.001"),
        (charts.p_text(0.051), "0.051"),
        (charts.p_text(math.nan), "–"),
    ],
)
def test_numbers_are_told_shortly(told, text):
    assert told == text
