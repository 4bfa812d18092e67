"""What every figure says of its target, on which scale, and what it refuses."""

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from sightline import figures, render
from sightline.engine.pipeline import run_plan
from sightline.engine.plan import Plan
from sightline.engine.segmentation import Grid
from sightline.errors import OptionError, TargetError
from sightline.types import Contrast
from support.drawn_figures import KINDS, MIXED, MIXED_ERROR, Example, example, kind, said, sides, texts, tiles


@pytest.mark.parametrize("name", ["panel", "overlay", "heat", "targets"])
def test_the_scale_is_symmetric_and_its_limits_are_printed(name):
    words = texts(figures.plot(example([0.1234, -0.05]), name))
    assert "−0.13 against" in words
    assert "for +0.13" in words


@pytest.mark.slow
def test_figures_with_one_limit_share_their_scale():
    weak, strong = example([0.1, -0.05]), example([0.4, -0.3])
    for name in ("panel", "overlay", "heat"):
        for one in (weak, strong):
            assert "for +0.4" in texts(figures.plot(one, name, limit=0.4))
    alone, beside = (tiles(figures.plot_overlay(weak, limit=limit))[0] for limit in (None, 0.4))
    assert alone[300, 100, 1] < beside[300, 100, 1] - 30


def test_a_limit_of_zero_shows_the_images_alone_without_a_scale():
    figure = figures.plot_overlay(example([0.4, -0.3]), limit=0)
    assert sides(tiles(figure)[0], 2) == ["grey", "grey"]
    assert "against" not in said(figure)


@pytest.mark.parametrize("name", ["panel", "overlay", "heat", "contours", "bars"])
def test_every_figure_names_target_score_method_calls_fit_and_whether_it_is_settled(name):
    one = example([0.4, -0.3], names=("cat", "dog", "owl"))
    line = said(figures.plot(one, name))
    assert "cat" in line
    for part in ("score 0.93", "Lime", "1,000 model calls", "fit 0.80", "leading segments settled"):
        assert part in line.replace(" · ", " "), part
    doubtful = dataclasses.replace(one, attribution=dataclasses.replace(one.attribution, settled=False))
    assert "leading segments not settled" in said(figures.plot(doubtful, name))


@pytest.mark.slow
def test_every_figure_says_how_far_the_score_fell_when_everything_was_hidden():
    one = example([0.4, -0.3], empty=0.25)
    for name in ("panel", "overlay", "heat", "contours", "bars"):
        assert "score 0.93, with everything hidden 0.25" in said(figures.plot(one, name)), name
    words = texts(
        figures.plot_targets(example([[0.4, -0.3], [0.1, 0.2]], targets=(0, Contrast(1, 2)), empty=0.25))
    )
    assert words.count("everything hidden 0.25") == 2
    assert "everything hidden 0.25" in texts(figures.plot_right_and_wrong([one], [0]))
    assert "score 0.93 · with everything hidden 0.25" in said(figures.plot_comparison([one, one]))


@pytest.mark.slow
def test_a_target_is_chosen_by_its_value_and_the_first_is_the_default():
    one = example([[0.4, -0.3], [-0.2, 0.1]], targets=(7, Contrast(7, 2)))
    assert texts(figures.plot_overlay(one))[0] == "7"
    assert texts(figures.plot_overlay(one, 7))[0] == "7"
    figure = figures.plot_overlay(one, Contrast(7, 2))
    assert texts(figure)[0] == "7 rather than 2"
    assert "score difference 0.93" in said(figure)
    assert sides(tiles(figure)[0], 2) == ["blue", "red"]


@pytest.mark.parametrize("name", KINDS)
def test_where_nothing_moves_the_score_the_figure_says_so(name):
    flat = example([0.0, 0.0], 0.0, fit=np.nan)
    assert "Nothing here moves the score." in said(figures.plot(flat, name))
    assert "Nothing" not in said(figures.plot(example([0.4, 0.0]), name))


@pytest.mark.parametrize("name", KINDS)
def test_rounding_is_not_drawn_as_a_finding_where_the_score_never_moved(name):
    noise = example([1e-17, -3e-16], 0.0, fit=np.nan)
    figure = figures.plot(noise, name)
    assert "Nothing here moves the score." in said(figure)
    assert all(kind(pixel) == "grey" for tile in tiles(figure) for pixel in tile.reshape(-1, 3)[::97])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, bool, np.int64])
@pytest.mark.parametrize("channels", [None, 1, 3, 4, 6])
def test_images_of_any_dtype_and_number_of_channels_are_drawn(rng, dtype, channels):
    shape = (16, 16) if channels is None else (16, 16, channels)
    image = (rng.random(shape) * (1 if dtype in (np.float32, np.float64) else 255)).astype(dtype)
    one = example([0.4, -0.3], image=image, labels=np.repeat([[0, 1]], 8, axis=1).repeat(16, axis=0))
    for name in ("panel", "targets") if channels == 3 or dtype is np.uint8 else ("targets",):
        assert isinstance(figures.plot(one, name), Figure)


@pytest.mark.slow
def test_a_segment_too_small_for_a_reduced_image_is_left_out_without_harm():
    labels = np.zeros((900, 900), int)
    labels[:450], labels[0, 1] = 1, 2
    one = example([0.4, -0.3, 0.9], labels=labels)
    for name in KINDS:
        figures.plot(one, name)
    assert "+0.9000 ± 0.0010" in texts(figures.plot_bars(one))
    assert "for +0.9" in texts(figures.plot_heat(one))


@pytest.mark.slow
def test_drawing_leaves_the_explanation_alone():
    one = example(MIXED, MIXED_ERROR)
    for array in (one.image, one.segments.labels, one.attribution.values, one.attribution.error):
        array.flags.writeable = False
    for name in KINDS:
        figures.plot(one, name)


def test_an_unknown_kind_is_refused_with_the_nearest_one():
    with pytest.raises(
        OptionError, match=r"no figure 'contour'. Did you mean 'contours'\? Valid: panel"
    ) as caught:
        figures.plot(example(MIXED), "contour")
    assert caught.value.slug == "figure-kind"


def test_a_parameter_that_the_kind_does_not_have_is_refused():
    with pytest.raises(OptionError, match=r"kind 'bars' has no limit. Valid: target, num.") as caught:
        figures.plot(example(MIXED), "bars", limit=0.5)
    assert caught.value.slug == "figure-option"
    with pytest.raises(OptionError, match="kind 'targets' has no target"):
        figures.plot(example(MIXED), "targets", 0)


@pytest.mark.parametrize("name", ["panel", "overlay", "heat", "contours", "bars"])
def test_a_target_that_is_not_explained_is_refused(name):
    with pytest.raises(TargetError, match=r"5 was not explained, only 0 .*, 1 ") as caught:
        figures.plot(example([[0.4, 0.1], [0.1, 0.2]]), name, 5)
    assert caught.value.slug == "target-unexplained"


@pytest.mark.parametrize("name", KINDS)
def test_showing_no_segment_at_all_is_refused(name):
    with pytest.raises(OptionError, match="num must be 1 or more, or None for all, but it is 0") as caught:
        figures.plot(example(MIXED), name, num=0)
    assert caught.value.slug == "figure-num"


@pytest.mark.parametrize("limit", [-1.0, float("nan"), float("inf")])
def test_an_impossible_end_of_the_scale_is_refused(limit):
    with pytest.raises(OptionError, match="end of the colour scale, must be 0 or more") as caught:
        figures.plot_overlay(example(MIXED), limit=limit)
    assert caught.value.slug == "figure-limit"


def test_the_segment_that_a_model_looks_at_is_the_red_one():
    image = np.full((40, 40), 0.5)

    def model(batch):
        seen = np.asarray(batch)[:, 10:20, 20:30].mean(axis=(1, 2))
        return np.stack([seen, 1 - seen], axis=1)

    image[10:20, 20:30] = 1.0
    plan = Plan(
        segment=Grid(rows=4, columns=4), fill=lambda image, segments: np.zeros_like(image), budget=200
    )
    segments, scores, attribution = run_plan(image, model, plan)
    one = Example(image, plan, segments, scores, attribution)
    tile = tiles(figures.plot_overlay(one))[0]
    side = tile.shape[0] // 4
    blocks = [kind(tile[y * side + side // 2, x * side + side // 2]) for y in range(4) for x in range(4)]
    assert blocks.count("red") == 1
    assert blocks[1 * 4 + 2] == "red"
    assert render.scale_limit(attribution.values) > 0
