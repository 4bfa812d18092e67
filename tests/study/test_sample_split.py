"""Halves of a study that share nothing."""

import warnings

import numpy as np
import pytest

from sightline.errors import SightlineWarning
from sightline.study.sample_split import split_answers
from support.studies import Memory


class Answers(Memory):
    def __init__(self, labels, predicted):
        self.places = np.arange(len(labels)) * 3
        self.labels, self.predicted = np.asarray(labels), np.asarray(predicted)
        self.ids = tuple(map(str, self.places.tolist()))


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


def test_where_none_of_the_images_is_known_by_its_id_it_is_said(rng):
    labels = rng.integers(0, 2, 40)
    answers = Answers(labels, 1 - labels)
    ids = answers.ids
    with pytest.warns(SightlineWarning, match="none of the images that these regions were found") as caught:
        split = split_answers(answers, None, rng, found_in=[f"cat/{one}.png" for one in ids])
    assert caught[0].message.slug == "regions-other-ids"
    assert split.whole
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        some = split_answers(answers, None, rng, found_in=[ids[3], "gone.png"])
    assert some.choosing.tolist() == [place == 9 for place in answers.places.tolist()]
