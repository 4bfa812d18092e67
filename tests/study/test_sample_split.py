"""Halves of a study that share nothing."""

import numpy as np

from sightline.study.sample_split import split_answers
from support.studies import Memory


class Answers(Memory):
    def __init__(self, labels, predicted):
        self.places = np.arange(len(labels)) * 3
        self.labels, self.predicted = np.asarray(labels), np.asarray(predicted)


def test_halves_have_as_many_errors_and_share_no_group(rng):
    labels = rng.integers(0, 5, 400)
    predicted = np.where(rng.random(400) < 0.2, (labels + 1) % 5, labels)
    alone = split_answers(Answers(labels, predicted), None, rng)
    first = (alone.wrong & alone.choosing).sum()
    assert abs(2 * first - alone.n_errors) <= 1
    assert abs(2 * alone.choosing.sum() - 400) <= 2
    groups = rng.integers(0, 60, 400)
    parted = split_answers(Answers(labels, predicted), groups, rng)
    assert not set(groups[parted.choosing]) & set(groups[~parted.choosing])
    assert abs(2 * (parted.wrong & parted.choosing).sum() - parted.n_errors) <= 20
    asked = parted.draw_confirming(10, 100, rng)
    at = np.searchsorted(parted.places, sorted(asked))
    assert not parted.choosing[at].any()
    assert (parted.wrong[at].sum(), (~parted.wrong[at]).sum()) == (10, 10)
