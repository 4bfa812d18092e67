"""The figure of an evaluation draws what was counted."""

import numpy as np
import pytest

from sightline.errors import OptionError
from sightline.evaluation.classification import evaluate
from sightline.figures import plot_evaluation


def test_it_draws_the_curves_and_the_threshold(rng):
    p = rng.random(60)
    truth = (rng.random(60) < p).astype(int)
    made = evaluate(lambda x: x.mean((1, 2)), (p.reshape(-1, 1, 1), truth), class_names=["well", "ill"])
    page, roc, calibration = made.plot().axes
    said = [text.get_text() for text in page.texts]
    assert any(f"AUC {made.auc.value:.3f}" in line for line in said)
    curve = made.roc()
    drawn = roc.lines[1]
    assert drawn.get_xdata() == pytest.approx(curve.false_alarms)
    assert drawn.get_ydata() == pytest.approx(curve.sensitivity)
    ((across,), (up,)) = roc.lines[2].get_data()
    assert up == pytest.approx(made.recall)
    assert across == pytest.approx(made.confusion[0, 1] / made.confusion[0].sum())
    assert calibration.lines[1].get_xdata() == pytest.approx(made.calibration(10).said)


@pytest.mark.slow
def test_of_many_classes_there_is_a_row_for_each_and_none_for_one_without_images(rng):
    scores, labels = rng.dirichlet(np.ones(4), 30), np.arange(30) % 3
    made = evaluate(lambda x: x[:, 0], (scores[:, None], labels), class_names=["a", "b", "c", "d"])
    figure = plot_evaluation(made)
    assert len(figure.axes) == 1 + 2 * 3
    raw = evaluate(lambda x: 5 * x[:, 0], (scores[:, None], labels))
    assert len(plot_evaluation(raw).axes) == 1 + 3  # logits have no calibration
    with pytest.raises(OptionError, match="nothing to draw"):
        plot_evaluation(evaluate(lambda x: x[:, 0], (scores[:9, None], np.zeros(9, int))))
