"""Bars: what they reach to, what is said beside them, and how numbers are written."""

import numpy as np
import pytest

from sightline import figures
from sightline.render import BLUE, GREY, RED
from support.drawn_figures import example, texts


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


@pytest.mark.slow
def test_bars_show_as_many_as_asked():
    one = example(np.linspace(0.1, 1, 12))
    for num, shown in ((3, 3), (10, 10), (None, 12)):
        assert sum("±" in word for word in texts(figures.plot_bars(one, num=num))) - 1 == shown
