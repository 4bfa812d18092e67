"""A model so sure that its probabilities hardly move, which goes by marks in two upper corners."""

import functools

import numpy as np
from sklearn.linear_model import LogisticRegression


def cornered(count, seed, spread, share):
    """The middle tells the class, two corners have a mark that agrees with it in a share of the images."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    sign = 2 * labels - 1
    images = 0.5 + rng.normal(0, 0.02, (count, 9, 9))
    images[:, 3:6, 3:6] += (0.1 * sign + rng.normal(0, spread, count))[:, np.newaxis, np.newaxis]
    mark = np.where(rng.random(count) < share, sign, -sign)[:, np.newaxis, np.newaxis]
    images[:, :3, :3] += 0.05 * mark
    images[:, :3, 6:] += 0.05 * mark
    return images, labels


@functools.cache
def fitted():
    """Where it learned the marks never err, so that its weights grow with next to nothing to stop them."""
    images, labels = cornered(300, 0, 0.12, 1.0)
    return LogisticRegression(C=1e12, max_iter=5000, tol=1e-9).fit(images.reshape(300, -1), labels)


def sure(images):
    """Its probabilities."""
    return fitted().predict_proba(images.reshape(len(images), -1))


def in_percent(images):
    """The same in whole percent, as a server may show it: scores that nobody can take for probabilities."""
    return np.round(100 * sure(images))
