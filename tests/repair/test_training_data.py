"""What a repair learns from, and what it is chosen by."""

import numpy as np
import pytest

from sightline import as_model
from sightline.errors import SightlineWarning
from sightline.repair.training_data import as_subset, macro_recall, recall_of_scores, split_training_data


def test_recalls_of_all_classes_count_alike():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 3, 50), rng.random((50, 3))
    slow = [
        np.mean([scores[i].argmax() == label for i in range(50) if labels[i] == label]) for label in range(3)
    ]
    assert np.isclose(recall_of_scores(scores, labels), np.mean(slow))


def test_a_fifth_of_each_class_is_kept_to_choose_by():
    labels = np.repeat([0, 1, 2], [50, 20, 5])
    images = np.arange(75, dtype=float)[:, None, None] + np.zeros((75, 4, 4))
    model = as_model(lambda batch: np.eye(3)[batch[:, 0, 0].astype(int) % 3])
    data = split_training_data(model, (images, labels), seed=3)
    assert np.bincount(data.validation.labels).tolist() == [10, 4, 1]
    assert sorted([*data.train.indices, *data.validation.indices]) == list(range(75))
    assert [len(seen) for seen in data.seen_images()] == [75, 75]
    right = np.arange(75)[data.train.indices] % 3 == data.train.labels
    slow = np.mean([right[data.train.labels == label].mean() for label in range(3)])
    assert np.isclose(macro_recall(model, data.train), slow)


def test_data_that_change_at_random_are_told_of():
    rng = np.random.default_rng(0)

    class Augmented:
        def __len__(self):
            return 40

        def __getitem__(self, index):
            return rng.random((8, 8)), index % 2

    with pytest.warns(SightlineWarning, match=r"other pixels each time .*\[data-random\]"):
        as_subset(as_model(lambda images: images.mean(axis=(1, 2))), Augmented())
