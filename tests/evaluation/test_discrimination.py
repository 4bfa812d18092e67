"""How well two classes are told apart, and thresholds: as scikit-learn has it, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from sightline.errors import OptionError
from sightline.evaluation.classification import evaluate
from sightline.evaluation.discrimination import (
    Cost,
    Sensitivity,
    Youden,
    area_under_curve,
    choose_threshold_by,
    named_rule,
    roc_curve_of,
    share_estimate,
)


def drawn(seed, count, levels):
    """Scores in steps, some equal, and truth that they have something to do with; both classes are there."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(count) * levels) / levels
    truth = rng.random(count) < 0.2 + 0.6 * scores
    truth[:2] = (False, True)
    return scores, truth


@given(st.integers(0, 99), st.integers(2, 60), st.sampled_from([1, 3, 20, 10_000]))
@settings(deadline=None, max_examples=30)
def test_area_and_curve_are_those_of_scikit_learn(seed, count, levels):
    scores, truth = drawn(seed, count, levels)
    area = area_under_curve(scores, truth)
    assert area.value == pytest.approx(metrics.roc_auc_score(truth, scores))
    assert 0 <= area.low <= area.value <= area.high <= 1
    alarms, found, at = metrics.roc_curve(truth, scores, drop_intermediate=False)
    ours = roc_curve_of(scores, truth)
    assert ours.false_alarms == pytest.approx(alarms)
    assert ours.sensitivity == pytest.approx(found)
    # scikit-learn's thresholds are scores, from which on it is said; ours are what has to be exceeded.
    for threshold, least in zip(ours.thresholds[1:], at[1:], strict=True):
        assert ((scores > threshold) == (scores >= least)).all()


def test_the_interval_of_an_area_is_newcombe_s():
    """Its ends are the areas from which the one seen is 1.96 of their own standard errors away."""
    scores, truth = drawn(3, 80, 10_000)
    area, m, n = area_under_curve(scores, truth), int(truth.sum()), int((~truth).sum())
    for end in (area.low, area.high):
        q1, q2 = end / (2 - end), 2 * end**2 / (1 + end)
        extra = ((m + n) / 2 - 1) * ((q1 - end**2) + (q2 - end**2))
        spread = np.sqrt((end * (1 - end) + extra) / (m * n))
        assert abs(area.value - end) / spread == pytest.approx(1.96, abs=0.01)
    apart = area_under_curve(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    assert (apart.value, apart.high) == (1.0, 1.0)
    assert 0.2 < apart.low < 0.8
    assert repr(area_under_curve(np.array([0.1, 0.2]), np.array([True, True]))) == "-"


@pytest.mark.slow
@pytest.mark.parametrize(("count", "apart"), [(30, 1.0), (100, 1.5), (400, 0.5)])
def test_its_interval_holds_the_area_about_19_times_in_20(count, apart):
    from scipy.stats import norm

    rng, true, held = np.random.default_rng(0), norm.cdf(apart / np.sqrt(2)), 0
    for _ in range(400):
        truth = rng.permutation(np.arange(count) % 3 == 0)
        area = area_under_curve(rng.normal(size=count) + apart * truth, truth)
        held += area.low <= true <= area.high
    assert held / 400 > 0.92


@given(st.integers(0, 99), st.integers(2, 60), st.sampled_from([3, 10_000]))
@settings(deadline=None, max_examples=12)
def test_thresholds_are_the_best_there_are(seed, count, levels):
    """Held against all thresholds, one by one."""
    scores, truth = drawn(seed, count, levels)

    def rates(threshold):
        said = scores > threshold
        return said[truth].mean(), said[~truth].mean()

    every = np.unique([0.0, 1.0, *scores, *(scores[:-1] + scores[1:]) / 2])
    found, alarms = np.array([rates(one) for one in every]).T
    share = truth.mean()
    for rule, value in (
        (Youden(), found - alarms),
        (Cost(missed=5), -(5 * share * (1 - found) + (1 - share) * alarms)),
        (Cost(missed=2, false_alarm=3, prevalence=0.1), -(0.2 * (1 - found) + 2.7 * alarms)),
    ):
        chosen = choose_threshold_by(rule, scores, truth, "ill")
        sensitivity, false_alarms = rates(chosen.threshold.value)
        assert chosen.sensitivity.value == pytest.approx(sensitivity)
        assert chosen.specificity.value == pytest.approx(1 - false_alarms)
        ours = np.array([sensitivity]), np.array([false_alarms])
        assert rule(*ours, share)[0] == pytest.approx(value.max())
        ends = chosen.threshold.low, chosen.threshold.high
        assert 0 <= ends[0] <= ends[1] <= 1 or np.isnan(ends).all()
    reached = [one for one, at in zip(alarms, found, strict=True) if at >= 0.9]
    if reached:  # a score of 0 is above no threshold
        chosen = choose_threshold_by("sensitivity:least=0.9", scores, truth, "ill")
        assert chosen.sensitivity.value >= 0.9
        assert 1 - chosen.specificity.value == pytest.approx(min(reached))


def test_a_choice_prints_what_it_does():
    said = np.array([0.1, 0.3, 0.6, 0.8]).reshape(4, 1, 1)
    done = evaluate(lambda images: images.mean((1, 2)), (said, [0, 0, 1, 1]), class_names=["well", "ill"])
    lines = repr(done.choose_threshold()).splitlines()
    assert lines[0] == "Threshold of ill by Youden()"
    assert lines[1] == "threshold    0.450"
    assert lines[2] == f"sensitivity  {share_estimate(2, 2)!r}  of 2"
    assert done.with_threshold(0.7).predicted.tolist() == [0, 0, 0, 1]
    assert done.with_threshold(0.7).recall == 0.5


def test_what_has_no_threshold_is_refused():
    assert named_rule("sensitivity:least=0.9") == Sensitivity(least=0.9)
    for wrong in ("yuden", "cost:mised=2", "sensitivity:least=2"):
        with pytest.raises(OptionError):
            named_rule(wrong)
    with pytest.raises(OptionError, match="all 3 images are positive"):
        choose_threshold_by("youden", np.array([0.1, 0.2, 0.3]), np.ones(3, bool), "ill")
    three = evaluate(lambda x: x[:, 0], (np.eye(3)[:, None], [0, 1, 2]))
    with pytest.raises(OptionError, match="the model has 3 classes"):
        three.choose_threshold()
    assert [one.value for one in three.aucs] == [1, 1, 1]
    assert three.auc.value == 1
    assert "AUC        1.000  mean over the classes there are" in repr(three)


def test_areas_of_many_classes_are_those_of_scikit_learn(rng):
    scores, labels = rng.dirichlet(np.ones(4), 60), np.arange(60) % 4
    made = evaluate(lambda x: x[:, 0], (scores[:, None], labels))
    each = metrics.roc_auc_score(labels, scores, multi_class="ovr", average=None)
    assert [one.value for one in made.aucs] == pytest.approx(each)
    assert made.auc.value == pytest.approx(each.mean())


@pytest.mark.parametrize(("positive", "negative", "known"), [(1, 30, False), (30, 9, False), (10, 10, True)])
def test_of_a_class_of_few_images_no_interval_of_a_threshold_is_told(positive, negative, known):
    """The one positive image is in each resample: an interval of no width says that nothing is unsure."""
    rng = np.random.default_rng(0)
    scores = np.concatenate([0.3 + 0.5 * rng.random(positive), 0.6 * rng.random(negative)])
    made = choose_threshold_by("youden", scores, np.arange(len(scores)) < positive, "ill")
    assert np.isfinite([made.threshold.low, made.threshold.high]).all() == known
    line = next(one for one in repr(made).splitlines() if one.startswith("threshold "))
    assert line.endswith(")") == known
    assert "nan" not in line
