"""Scores on the scale of log-odds: the same from every door, and exact where single precision is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sightline as sl
from sightline import _scales
from sightline._scales import LEAST, are_probabilities, log_odds, log_odds_of_logits, within_reach
from sightline.errors import ModelError, OptionError

IMAGE = np.random.default_rng(0).random((16, 16)).astype(np.float32)
IMAGE[:8, :8] = np.clip(IMAGE[:8, :8] + 0.8, 0, 1)


def logits(images: np.ndarray, steep: float = 40.0) -> np.ndarray:
    """Three classes; of the first speaks one corner, against it the opposite one."""
    first = images[:, :8, :8].mean(axis=(1, 2)) - images[:, 8:, 8:].mean(axis=(1, 2))
    second = 0.3 * images[:, 8:, :8].mean(axis=(1, 2))
    return steep * np.stack([first, second, np.zeros(len(images))], axis=1).astype(np.float64)


def softmax(values: np.ndarray, dtype: str = "float32") -> np.ndarray:
    powers = np.exp(values - values.max(axis=1, keepdims=True)).astype(dtype)
    return powers / powers.sum(axis=1, keepdims=True)


@given(st.lists(st.lists(st.floats(-300, 300), min_size=3, max_size=3), min_size=1, max_size=5))
def test_log_odds_of_logits_are_exact_however_far_out(rows):
    values = np.array(rows)
    exact = [
        [one - np.logaddexp.reduce(np.delete(row, k)) for k, one in enumerate(row)] for row in values.tolist()
    ]
    assert log_odds_of_logits(values) == pytest.approx(np.array(exact), rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(-80, 80), min_size=2, max_size=5))
def test_probabilities_in_single_precision_tell_as_much_as_their_logits(row):
    values = np.array([row]) - max(row)
    values = np.maximum(values, -80)
    assert log_odds(softmax(values).astype(np.float64)) == pytest.approx(
        log_odds_of_logits(values), rel=1e-4, abs=1e-4
    )


def test_independent_probabilities_have_log_odds_of_their_own():
    p = np.array([[0.9, 0.8, 0.3]])
    assert log_odds(p) == pytest.approx(np.log(p / (1 - p)))


def test_a_probability_of_nought_counts_as_half_the_least_that_was_said():
    votes = np.array([[0.0], [0.01], [0.5], [1.0]])
    odds = within_reach(np.log(np.maximum(votes, LEAST)) - np.log(np.maximum(1 - votes, LEAST)))
    least = np.log(0.01 / 0.99)
    assert odds[:, 0] == pytest.approx([least - np.log(2), least, 0, -least + np.log(2)])
    assert within_reach(odds) is odds


@pytest.mark.parametrize(("scores", "told"), [([0.2, 1.0], True), ([-1e-7, 1.0], True), ([-0.1, 0.5], False)])
def test_probabilities_are_known_by_their_range(scores, told):
    assert are_probabilities(np.array(scores)) == told


def saturated(images: np.ndarray) -> np.ndarray:
    return softmax(logits(images))


def test_every_door_says_the_same_on_log_odds():
    doors = [
        sl.as_model(logits, output="softmax"),
        saturated,
        lambda images: softmax(logits(images), "float64"),
        sl.as_model(lambda images: logits(images) - 7, output="softmax"),
    ]
    made = [
        sl.explain(IMAGE, door, segment="grid:rows=4,columns=4", fill="colour", scale="log-odds", budget=300)
        for door in doors
    ]
    for one in made[1:]:
        assert one.attribution.values == pytest.approx(made[0].attribution.values, rel=1e-4, abs=1e-3)
        assert one.scores.full == pytest.approx(made[0].scores.full, rel=1e-5)
    assert made[0].unit == "log-odds"
    assert made[0].scores.classes == pytest.approx(softmax(logits(IMAGE[np.newaxis]))[0], abs=1e-6)
    assert made[0].scores.full[0] == pytest.approx(log_odds_of_logits(logits(IMAGE[np.newaxis]))[0, 0])


def test_a_single_column_has_the_log_odds_of_its_logit():
    def one(images: np.ndarray) -> np.ndarray:
        return logits(images, 8)[:, :1]

    asked = {"segment": "grid:rows=2,columns=4", "fill": "colour", "scale": "log-odds", "target": [0, 1]}
    exact = sl.explain(IMAGE, sl.as_model(one, output="sigmoid"), **asked)
    squashed = sl.explain(IMAGE, lambda images: 1 / (1 + np.exp(-one(images))), **asked)
    assert exact.scores.full[1] == pytest.approx(one(IMAGE[np.newaxis])[0, 0])
    assert exact.scores.full[0] == pytest.approx(-exact.scores.full[1])
    assert squashed.attribution.values == pytest.approx(exact.attribution.values, rel=1e-6, abs=1e-9)


@pytest.mark.slow
def test_an_open_budget_that_saturated_probabilities_exhaust_is_soon_done_on_log_odds():
    asked = {"segment": "grid:rows=4,columns=4", "fill": "colour", "budget": "auto"}
    probability = sl.explain(IMAGE, saturated, **asked)
    odds = sl.explain(IMAGE, saturated, scale="log-odds", **asked)
    assert odds.attribution.calls < 100 < 4 * odds.attribution.calls < probability.attribution.calls
    assert odds.attribution.fit[0] > 0.95 > probability.attribution.fit[0] + 0.2


def test_saturation_is_said_with_what_tells_more():
    def sure(images: np.ndarray) -> np.ndarray:
        bright = 60 * (images.mean(axis=(1, 2)) - 0.1)
        return softmax(np.stack([bright, np.zeros(len(images))], axis=1))

    asked = {"segment": "grid:rows=4,columns=4", "fill": "colour"}
    made = sl.explain(IMAGE, sure, **asked)
    assert made.saturated
    assert 'saturated: scale="log-odds" tells more' in repr(made)
    odds = sl.explain(IMAGE, sure, scale="log-odds", **asked)
    assert not odds.saturated
    assert repr(odds).startswith("Explanation of class 0 (log-odds ")
    assert "saturated" not in repr(odds)


def test_raw_scores_have_no_log_odds():
    with pytest.raises(ModelError, match="needs probabilities") as caught:
        sl.explain(IMAGE, logits, segment="grid", fill="colour", scale="log-odds")
    assert caught.value.slug == "scale-unfit"
    with pytest.raises(ModelError, match=r"scores from .* to "):
        _scales.on_scale(logits, "log-odds")(IMAGE[np.newaxis])
    assert sl.explain(IMAGE, logits, segment="grid", fill="colour").unit == "score"


def test_a_scale_that_there_is_not_names_those_that_there_are():
    with pytest.raises(OptionError, match=r"no scale 'logodds'. Did you mean 'log-odds'\?"):
        sl.Plan(scale="logodds")


def test_evidence_is_log_odds_where_there_are_any():
    asked = sl.as_model(saturated).with_evidence()
    assert asked(IMAGE[np.newaxis]) == pytest.approx(log_odds_of_logits(logits(IMAGE[np.newaxis])), rel=1e-4)
    assert asked.scale == "log-odds"
    raw = sl.as_model(logits).with_evidence()
    assert raw(IMAGE[np.newaxis]) == pytest.approx(logits(IMAGE[np.newaxis]))
    assert raw.scale == "probability"
    assert sl.as_model(saturated)(IMAGE[np.newaxis]).max() <= 1
