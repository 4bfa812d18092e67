"""How often what is said comes true: as scikit-learn has it."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from sightline.errors import OptionError
from sightline.evaluation.classification import evaluate
from sightline.evaluation.discrimination import share_estimate
from sightline.evaluation.reliability import calibration_of


@pytest.mark.parametrize("bins", [2, 7, 10])
def test_the_curve_is_that_of_scikit_learn(bins, rng):
    said = rng.beta(0.6, 0.8, 300)
    truth = rng.random(300) < said**2
    made = calibration_of(said, truth, bins, "ill")
    true, mean = calibration_curve(truth, said, n_bins=bins, strategy="quantile")
    assert made.said == pytest.approx(mean)
    assert [one.value for one in made.true] == pytest.approx(true)
    assert made.counts.sum() == 300
    first = made.true[0]
    assert (first.low, first.high) == pytest.approx(
        [
            getattr(share_estimate(round(first.value * made.counts[0]), int(made.counts[0])), end)
            for end in ("low", "high")
        ]
    )
    assert made.brier.value == pytest.approx(brier_score_loss(truth, said))
    assert made.brier.low < made.brier.value < made.brier.high
    by_hand = (
        sum(abs(s - t.value) * n for s, t, n in zip(made.said, made.true, made.counts, strict=True)) / 300
    )
    assert made.error == pytest.approx(by_hand)


def test_right_probabilities_are_said_to_be_right_and_wrong_ones_wrong(rng):
    said = rng.random(2000)
    right = [calibration_of(said, rng.random(2000) < said, 10, "ill") for _ in range(20)]
    inside = [one.expected[0] <= one.error <= one.expected[1] for one in right]
    assert sum(inside) >= 17
    wrong = calibration_of(said, rng.random(2000) < said**3, 10, "ill")
    assert wrong.error > wrong.expected[1]
    assert "more than right probabilities would show" in repr(wrong)


def test_of_many_classes_it_is_of_the_predicted_one_or_of_one_that_is_named(rng):
    scores, labels = rng.dirichlet(np.ones(3), 90), np.arange(90) % 3
    made = evaluate(lambda x: x[:, 0], (scores[:, None], labels), class_names=["a", "b", "c"])
    whole = made.calibration(5)
    assert whole.name == "the predicted class"
    assert np.average([one.value for one in whole.true], weights=whole.counts) == pytest.approx(made.accuracy)
    second = made.calibration(5, label=1)
    true, mean = calibration_curve(labels == 1, scores[:, 1], n_bins=5, strategy="quantile")
    assert second.said == pytest.approx(mean)
    assert [one.value for one in second.true] == pytest.approx(true)
    with pytest.raises(OptionError, match="label"):
        made.calibration(5, label=3)


def test_equal_probabilities_are_one_bin():
    made = calibration_of(np.full(8, 0.5), np.arange(8) % 2 == 0, 10, "ill")
    assert made.counts.tolist() == [8]
    assert made.error == 0


def test_what_are_no_probabilities_has_no_calibration():
    made = evaluate(lambda x: 5 * x[:, 0], (np.eye(3)[:, None], [0, 1, 2]))
    with pytest.raises(OptionError, match="calibration is of probabilities"):
        made.calibration()
