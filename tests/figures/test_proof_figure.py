"""The page about a repair: what it says, that nothing overlaps or is cut, and what its colours mean."""

import dataclasses
import itertools

import numpy as np
import pytest

from sightline.figures.layout import draw_items, line_height, text_width
from sightline.figures.paired_chart import paired_rows
from sightline.figures.proof_figure import plot_proof as page
from sightline.proof.attribution_shift import AttributionShift, ChangedAnswer
from sightline.proof.paired_metrics import PairedMetric, PValues
from sightline.proof.result import Proof
from sightline.render import RED

AREA = np.zeros((16, 16), bool)
AREA[2:6, 2:8] = True


def pair(kind, name, before, after, *, p=np.nan, beside=None):
    return PairedMetric(
        kind, name, before, after, after - before - 0.03, after - before + 0.03, p, beside, 200
    )


def example(place, label, before, after, *, heat=True):
    shown = np.where(AREA, 1.0, -0.2) if heat else None
    return ChangedAnswer(
        place, np.full((16, 16, 3), 128, np.uint8), AREA, label, before, after, shown, shown if heat else None
    )


def made(**changed):
    heat = np.where(AREA, 0.8, -0.1)
    whole = Proof(
        region="a region with a name that is long enough to matter to whoever lays out a page",
        margin=0.06,
        method="Counterexamples(region='jaw', copies=3, replacement='swap', originals=False, seed=0)",
        verdict="repaired",
        rule="accuracy is surely higher (p = 0.001), errors blamed on the region are surely fewer",
        measures=(
            pair("accuracy", "accuracy", 0.8, 0.9, p=0.001),
            *(pair("recall", f"recall of class {one}", 0.7 + one / 100, 0.9) for one in range(12)),
            pair("presence", "worst group (pneumonia, present; then normal, absent)", 0.1, 0.8),
            pair("region", "errors blamed on it", 0.12, 0.01, p=0.00001),
            pair("region", "share of the attribution", 0.4, 0.1, beside=(0.2, 0.2)),
            pair("content", "accuracy, region hidden", 0.9, 0.91),
            pair("other region", "errors blamed on the left eye", -0.01, 0.02),
        ),
        tests=PValues(0.001, {0: 0.5}, 0.0001, 0.00001, 0.01),
        images=200,
        right=(160, 180),
        corrected=25,
        broken=5,
        level=0.05,
        fill="Blur(sigma=None)",
        controls=4,
        seed=0,
        calls=(5000, 5000),
        shift=AttributionShift(
            np.full((9, 3), 0.2), np.full((16, 16, 3), 0.5), heat, -heat, AREA, (100, 100)
        ),
        examples=(
            example(3, "pneumonia with a very long name of its own", "normal", "pneumonia with a very long"),
            *(example(place, "cat", "dog", "cat") for place in (4, 50)),
            *(example(place, "cat", "cat", "dog", heat=place == 7) for place in (7, 8)),
        ),
    )
    return dataclasses.replace(whole, **changed)


def boxes(figure):
    for text in figure.axes[0].texts:
        if text.get_text():
            (x, y), size = text.get_position(), text.get_fontsize()
            wide = text_width(text.get_text(), size, bold=text.get_fontweight() == "bold")
            left = x - wide * {"left": 0, "center": 0.5, "right": 1}[text.get_ha()]
            yield text.get_text(), left, y - 0.5 * line_height(size), left + wide, y + 2


BARE = {"shift": None, "examples": ()}
WITHOUT_MAPS = {"shift": AttributionShift(np.zeros((0, 3)), None, None, None, None, (0, 0))}


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed", [{}, BARE, WITHOUT_MAPS, {"verdict": "harmful", "margin": 0.0, "method": ""}]
)
def test_no_text_is_over_another_or_beyond_the_page(changed):
    figure = page(made(**changed))
    width, height = figure.get_size_inches() * figure.dpi
    drawn = list(boxes(figure))
    for name, left, top, right, bottom in drawn:
        assert left >= 0, name
        assert right <= width, name
        assert top >= 0, name
        assert bottom <= height, name
    for (name, *one), (next_, *other) in itertools.combinations(drawn, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (name, next_)


@pytest.mark.slow
def test_the_heading_is_the_verdict_and_all_measures_are_there():
    whole = made(region="jaw")
    said = [name for name, *_ in boxes(page(whole))]
    assert said[0] == "Repaired: the model is surely better, and “jaw” surely misleads it less."
    assert "The repaired region: jaw" in said
    for one in whole.measures:
        if one.kind != "recall":
            assert one.name in said, one.name
    assert "Each class's recall (2 more changed less)" in said
    assert "< 0.0001" in said
    assert "+10.0  [+7.0, +13.0]" in said
    assert "Wrong before, right after" in said
    assert "Right before, wrong after" in said


@pytest.mark.slow
def test_the_two_maps_share_a_scale_and_red_speaks_for():
    figure = page(made(examples=()))
    before, after = (
        np.asarray(image.get_array()) for image in figure.axes[0].images if image.get_array().shape[0] > 300
    )
    inside = np.s_[120, 120]
    assert np.argmax(before[inside]) == 0
    assert np.argmax(after[inside]) == 2
    assert before[inside][0] > 150
    assert np.abs(before[inside].astype(int) - np.array(RED)).max() < 60


def chart_of(items):
    return draw_items(items, 1540, 400).axes[1]


def test_marks_stand_where_their_values_are():
    values = [("one", 0.2, 0.6), ("other", 0.4, 0.3)]
    metrics = [pair("region", name, one, two) for name, one, two in values]
    axes = chart_of(paired_rows("What", metrics, 0, 1540, 0.05))
    marks = [line for line in axes.lines if line.get_marker() == "s"]
    assert [float(*mark.get_xdata()) for mark in marks] == [0.2, 0.6, 0.4, 0.3]
    assert [float(*mark.get_ydata()) for mark in marks] == [0, 0, 1, 1]
    low, high = axes.get_xlim()
    assert low <= 0.2 < 0.63 <= high
    bands = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert np.allclose(bands, [(0.57, 0.63), (0.27, 0.33)])


def test_a_measure_that_is_not_known_is_said_to_be_not_measured():
    items = paired_rows("What", [PairedMetric("content", "moved", *[np.nan] * 5, None, 0)], 0, 1540, 0.05)
    assert "not measured" in [getattr(item, "text", "") for item in items]
    assert not [line for line in chart_of(items).lines if line.get_marker() == "s"]


@pytest.mark.slow
def test_intervals_are_named_by_the_level_that_they_have():
    words = [text for text, *_ in boxes(page(made(level=0.1)))]
    assert "change in points, 90 %" in words
    assert "90 % interval of the change" in words
    assert not any("95 %" in word for word in words)


@pytest.mark.slow
def test_examples_are_called_what_the_data_call_them():
    named = dataclasses.replace(example(3, "cat", "dog", "cat"), id="ward/0144_left.png")
    long = dataclasses.replace(
        example(4, "cat", "dog", "cat"), id="a/very/long/way/down/to/where/it/is/x0145.png"
    )
    numbered = dataclasses.replace(example(5, "cat", "dog", "cat"), id="5")
    said = [text.get_text() for text in made(examples=(named, long, numbered)).plot().axes[0].texts]
    assert {"ward/0144_left.png", "x0145.png", "image 5"} <= set(said)
