"""rebalancing: the bias of each class, and what answers are once shifted by it."""

import numpy as np
import pytest

from sightline._scales import FARTHEST, log_odds
from sightline.findings.rebalancing import (
    crossfit_biases,
    fitted_bias,
    helpful_biases,
    log_scores,
    shifted_answers,
    summarise_shift,
)
from sightline.findings.region_occlusion import RegionScores


def evidence(count=3000, prior=0.3, factor=1.0, seed=0):
    """Log-odds of a model that knows two normally distributed classes and takes them for as frequent."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < prior).astype(int)
    odds = rng.normal(2 * (2 * labels - 1), 2)  # exactly the log-odds at equal frequency
    return factor * np.stack([np.zeros(count), odds], axis=1), labels


@pytest.mark.parametrize("factor", [1.0, 0.2, 5.0])
def test_the_bias_is_the_log_odds_of_the_class_frequencies_on_any_scale(factor):
    scores, labels = evidence(factor=factor)
    assert fitted_bias(scores, labels)[1] / factor == pytest.approx(np.log(0.3 / 0.7), abs=0.25)


def test_a_bias_that_makes_more_errors_explains_none_and_is_left_out():
    """Of people who are each of one class, the others' classes are no measure of one's own."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10) % 2, 20)
    odds = rng.normal(2.0 * (2 * labels - 1), 2)
    scores = np.stack([np.zeros(200), odds], axis=1)
    people, predicted = np.repeat(np.arange(10), 20), scores.argmax(axis=1)
    made = crossfit_biases(scores, labels, people, np.random.default_rng(1))
    assert ((scores + made).argmax(axis=1) != labels).sum() > (predicted != labels).sum()
    assert not helpful_biases(scores, labels, people, predicted, np.random.default_rng(1)).any()
    scores, labels = evidence(400)
    alone, predicted = np.arange(400), scores.argmax(axis=1)
    made = helpful_biases(scores, labels, alone, predicted, np.random.default_rng(1))
    assert np.array_equal(made, crossfit_biases(scores, labels, alone, np.random.default_rng(1)))
    assert made.any()


def test_an_image_has_no_say_in_its_own_bias_nor_has_its_group():
    scores, labels = evidence(200)
    groups = np.arange(200) // 2
    before = crossfit_biases(scores, labels, groups, np.random.default_rng(1))
    labels = labels.copy()
    labels[10:12] = 1 - labels[10:12]
    after = crossfit_biases(scores, labels, groups, np.random.default_rng(1))
    assert np.array_equal(before[10:12], after[10:12])
    assert (before[:, 0] == 0).all()
    assert 3 <= (before != after).any(axis=1).sum() / 40 <= 4  # the four other fifths


def test_shifted_probabilities_are_those_of_bayes_rule():
    p = np.array([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05], [0.1, 0.1, 0.8]])
    bias = np.array([0.0, 1.0, -0.5])
    one = RegionScores(0, p[0], p[1:2], p[2:, np.newaxis], {}, 3)
    made = shifted_answers(one, bias, likely=True)
    wanted = p * np.exp(bias) / (p * np.exp(bias)).sum(axis=1, keepdims=True)
    assert made.full == pytest.approx(wanted[0])
    assert made.hidden[0] == pytest.approx(wanted[1])
    assert made.controls[0, 0] == pytest.approx(wanted[2])
    assert made.log_odds.hidden == pytest.approx(log_odds(wanted[1:2]))


def test_a_probability_of_0_stays_0_and_other_scores_are_added_to():
    p = np.array([1.0, 0.0])
    made = shifted_answers(
        RegionScores(0, p, p[np.newaxis], p[np.newaxis, np.newaxis], {}, 3), np.array([0.0, 3.0]), likely=True
    )
    assert made.log_odds.full.tolist() == [FARTHEST, -FARTHEST]
    raw = np.array([2.0, -5.0])
    made = shifted_answers(
        RegionScores(0, raw, raw[np.newaxis], raw[np.newaxis, np.newaxis], {}, 3), np.array([0, 3.0]), False
    )
    assert made.full.tolist() == [2, -2]


def test_scores_that_were_not_kept_are_the_lowest_of_their_image():
    scores = np.array([[0.5, np.nan, 0.25], [0.1, 0.2, np.nan]])
    assert np.exp(log_scores(scores, "probability")) == pytest.approx(
        np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.1]])
    )
    assert log_scores(np.array([[0.0, 0.0]]), "log-odds") == pytest.approx(np.log(0.5))
    assert log_scores(np.array([[-3.0, 7.0]]), "probability").tolist() == [[-3, 7]]


def test_what_a_shift_does_is_counted():
    labels, before, after = np.array([0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, 1]), np.array([0, 1, 1, 0, 1])
    made = summarise_shift(np.ones((5, 2)), after, before, labels, ("a", "b"))
    assert (made.errors, made.corrected, made.broken) == (3, 1, 1)
    assert (made.most, made.share) == ("a → b", 2 / 3)
    assert made.biases == (1, 1)
