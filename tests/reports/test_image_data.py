"""Which images are shown, and within how many bytes."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sightline.reports.image_data import (
    GRAINS,
    as_bytes,
    choose_places,
    decode_labels,
    encode_answers,
    encode_image,
    encode_labels,
    heat_map,
    shown_answer,
)


@pytest.mark.parametrize("most", [3, 256, 300, 70_000])
def test_segments_come_back_exactly(most):
    labels = np.random.default_rng(0).integers(0, most, (9, 14))
    made = encode_labels(labels)
    assert (made.height, made.width) == (9, 14)
    np.testing.assert_array_equal(decode_labels(made), labels)


def test_an_image_is_webp_of_its_size_and_looks_the_same():
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, 15:] = 200
    made = encode_image(image)
    opened = Image.open(io.BytesIO(base64.b64decode(made.pixels)))
    assert (opened.format, opened.size, (made.width, made.height)) == ("WEBP", (30, 20), (30, 20))
    assert np.abs(np.asarray(opened).astype(int) - image).mean() < 4


def test_a_small_image_is_not_enlarged_and_a_large_one_keeps_its_shape():
    assert as_bytes(np.zeros((8, 5, 3)), 96).shape == (8, 5, 3)
    assert as_bytes(np.ones((400, 200, 3)), 96).shape == (96, 48, 3)


def test_all_are_shown_where_there_are_no_more_than_that():
    places = np.array([3, 5, 9])
    assert choose_places(places, np.zeros(3, int), np.zeros(3, bool), (), most=3).tolist() == [3, 5, 9]


@given(st.integers(1, 400), st.integers(1, 6), st.floats(0, 1), st.integers(1, 60))
def test_no_kind_of_answers_is_crowded_out(count, classes, share, most):
    rng = np.random.default_rng(count)
    places, labels = np.sort(rng.choice(10_000, count, False)), rng.integers(0, classes, count)
    wrong = rng.random(count) < share
    chosen = choose_places(places, labels, wrong, (), most=most)
    assert len(chosen) == min(count, most)
    assert len(np.unique(chosen)) == len(chosen)
    which = np.isin(places, chosen)
    kinds = {
        (label, out): (which & (labels == label) & (wrong == out)).sum()
        for label, out in zip(labels, wrong, strict=True)
    }
    sizes = {(label, out): ((labels == label) & (wrong == out)).sum() for label, out in kinds}
    fewest_of_cut = min((kinds[one] for one in kinds if kinds[one] < sizes[one]), default=None)
    if fewest_of_cut is not None:  # none that could have given more got much more
        assert max(kinds.values()) <= fewest_of_cut + 1


def test_those_that_come_first_are_chosen_before_others():
    places, wrong = np.arange(100), np.arange(100) < 50
    chosen = choose_places(places, np.zeros(100, int), wrong, (49, 99), most=4)
    assert {49, 99} <= set(chosen.tolist())


def answers_of(study, side=96):
    return [shown_answer(row, study, side, -1, ()) for row in study.rows()]


def test_values_and_segments_of_an_answer_are_the_studys(small_study):
    row = next(iter(small_study.rows()))
    (made,) = encode_answers([shown_answer(row, small_study, 96, 2, ("told",))], (), 10**7).entries
    (labels,) = encode_answers([shown_answer(row, small_study, 96, 2, ())], (), 10**7).label_maps
    np.testing.assert_array_equal(decode_labels(labels), row.segments.labels)
    value, error = row.values(), row.attribution.error[0]
    told = np.abs(value) > 1.96 * error
    np.testing.assert_allclose(made.values, np.where(told, value, 0), rtol=5e-3)
    segment, first, first_error = made.leading[0]
    assert segment == np.abs(value).argmax()
    assert (first, first_error) == pytest.approx((value[segment], error[segment]), rel=5e-3)
    assert (made.label, made.predicted, made.group, made.warnings) == (row.label, row.predicted, 2, ("told",))
    assert dict(made.scores)[row.predicted] == pytest.approx(row.classes[row.predicted], rel=1e-3)
    assert row.label in dict(made.scores)
    assert made.limit >= np.abs(made.values).max()


def test_segments_that_images_share_are_kept_once(small_study):
    made = encode_answers(answers_of(small_study), (), 10**7)
    assert len(made.label_maps) == 1
    assert {one.segments for one in made.entries} == {0}
    assert made.grain is GRAINS[0]


@pytest.mark.parametrize("share", [0.8, 0.4, 0.1])
def test_images_keep_within_their_bytes(small_study, share):
    answers = answers_of(small_study)
    whole = encode_answers(answers, (), 10**9)
    size = sum(len(one.image.pixels) + 700 for one in whole.entries)
    made = encode_answers(answers, (), int(share * size))
    told = sum(len(one.image.pixels) for one in (*made.entries,)) + sum(
        len(one.pixels) for one in made.label_maps
    )
    assert 0 < told <= share * size
    assert made.grain is not GRAINS[0] or len(made.entries) < len(answers)


def test_no_bytes_are_no_images(small_study):
    assert encode_answers(answers_of(small_study), (), 0).entries == ()


def test_featured_ones_have_their_heat_drawn_over_them(small_study):
    answers = answers_of(small_study, 224)[:3]
    made = encode_answers(answers, {answers[1].entry.place}, 10**7)
    assert [one.overlay is not None for one in made.entries] == [False, True, False]


def test_a_map_has_few_values_and_its_own_mean_image():
    values = np.zeros((200, 100))
    values[:100] = 0.25
    made = heat_map("right", 3, values, np.full((200, 100, 3), 0.5), 0.25, "right")
    assert made.values.shape == (64, 32)
    assert (made.values[5].mean(), made.values[-5].mean()) == (0.25, 0)
    assert (made.image.width, made.image.height) == (100, 200)
    assert made.overlay is not None


def test_a_map_without_an_image_is_drawn_all_the_same():
    made = heat_map("right", 3, np.ones((4, 4)), None, 1.0, "right", untold=np.eye(4, dtype=bool))
    assert made.image is None
    assert made.overlay.width == 224
