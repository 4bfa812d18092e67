"""Several threads, one model: batches are joined, and each gets its own answer or its own error."""

import threading
import time

import numpy as np
import pytest

from sightline.study.request_batching import RequestBatcher, RunStopped
from sightline.types import ModelAbilities


def together(batcher, batches):
    """What each of several threads gets, or the error it meets."""
    found = [None] * len(batches)

    def ask(place):
        try:
            found[place] = batcher(batches[place])
        except BaseException as error:
            found[place] = error

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def batch(value, count=3, size=4):
    return np.full((count, size, size), value)


def test_waiting_batches_are_joined_and_each_gets_its_own_scores():
    asked = []

    def model(images):
        time.sleep(0.05)
        asked.append(len(images))
        return images.mean(axis=(1, 2))

    found = together(RequestBatcher(model, 12), [batch(float(n)) for n in range(6)])
    assert [one.tolist() for one in found] == [[float(n)] * 3 for n in range(6)]
    assert max(asked) > 3
    assert max(asked) <= 12
    assert sum(asked) == 18


def test_batches_of_another_form_are_not_joined():
    asked = []

    def model(images):
        time.sleep(0.05)
        asked.append(images.shape)
        return images.mean(axis=(1, 2))

    together(RequestBatcher(model, 100), [batch(1.0), batch(1.0, size=5), batch(1.0).astype(np.float32)])
    assert len(asked) == 3


def test_one_image_s_failure_is_its_own():
    def model(images):
        time.sleep(0.05)
        if (images == 7).any():
            raise ValueError("seven")
        return images.mean(axis=(1, 2))

    found = together(RequestBatcher(model, 100), [batch(float(n)) for n in (1, 7, 2)])
    assert isinstance(found[1], ValueError)
    assert [found[0].tolist(), found[2].tolist()] == [[1.0] * 3, [2.0] * 3]


def test_once_stopped_the_model_is_not_asked_any_more():
    batcher = RequestBatcher(lambda images: pytest.fail("asked"), 8)
    batcher.stopped = True
    with pytest.raises(RunStopped):
        batcher(batch(1.0))


def test_a_model_that_makes_its_own_images_is_asked_by_one_thread_at_a_time():
    class Away(ModelAbilities):
        busy = False

        off_host = True
        is_costly = True

        def suggested_batch_size(self, image):
            return None

        def __call__(self, images):
            return images

        def score_masks(self, count):
            assert not self.busy
            self.busy = True
            time.sleep(0.02)
            self.busy = False
            yield from range(count)

        def network(self):
            return "inside"

    batcher = RequestBatcher(Away(), 8)
    found = [None] * 4
    threads = [
        threading.Thread(target=lambda n=n: found.__setitem__(n, list(batcher.score_masks(n))))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(n)) for n in range(4)]
    assert batcher.network() == "inside"
    assert batcher.off_host
    assert batcher.is_costly
    assert not RequestBatcher(len, 8).off_host
