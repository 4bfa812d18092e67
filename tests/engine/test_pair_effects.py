"""Effects of pairs against their definition."""

import itertools
import math

import numpy as np
import pytest

import sightline as sl
from sightline.engine.gaussian_process import IdentityLink, LogitLink, MaskKernel, condition_process, signs_of
from sightline.engine.pair_effects import (
    complete_pair_effects,
    context_masks,
    pair_errors,
    sampled_pair_effects,
    segment_pairs,
)
from support.reference import random_game, subsets


def index(game, i: int, j: int, shapley: bool) -> float:
    """The second difference, over all sets of the others."""
    others = [one for one in range(game.segments) if one not in (i, j)]
    total = 0.0
    for shown in subsets(others):
        size, count = len(shown), game.segments
        weight = 2.0 ** -(count - 2)
        if shapley:
            weight = math.factorial(size) * math.factorial(count - size - 2) / math.factorial(count - 1)
        both, first, second = (game.value([*shown, *more]) for more in ((i, j), (i,), (j,)))
        total += weight * (both - first - second + game.value(shown))
    return total


@pytest.mark.parametrize("shapley", [True, False])
@pytest.mark.parametrize("segments", [2, 3, 6])
def test_on_every_mask_they_are_the_definition(segments, shapley):
    game = random_game(segments)
    keep = (np.arange(2**segments)[:, np.newaxis] >> np.arange(segments) & 1).astype(bool)
    slow = [index(game, i, j, shapley) for i, j in itertools.combinations(range(segments), 2)]
    assert complete_pair_effects(keep, game.values(keep)[:, 0], shapley) == pytest.approx(slow, abs=1e-12)
    assert segment_pairs(segments).tolist() == [list(p) for p in itertools.combinations(range(segments), 2)]


@pytest.mark.parametrize("link", [LogitLink(), IdentityLink()])
def test_flips_by_factors_are_the_differences_mask_by_mask(link, rng):
    kernel = MaskKernel(np.r_[rng.normal(-1.5, 0.3, 5), -1.0, -3.0, 0.4, -0.7])
    signs, weights = signs_of(rng.random((9, 5)) < 0.5), rng.normal(size=9)
    contexts = rng.random((4, 5)) < 0.5

    def score(mask: np.ndarray) -> float:
        return link.score(0.2 + kernel.between(signs_of(mask[np.newaxis]), signs) @ weights)[0]

    slow = []
    for i, j in itertools.combinations(range(5), 2):
        effects = []
        for context in contexts:
            total = 0.0
            for a, b in itertools.product([True, False], repeat=2):
                mask = context.copy()
                mask[i], mask[j] = a, b
                total += (1 if a == b else -1) * score(mask)
            effects.append(total)
        slow.append(effects)
    values, noise = sampled_pair_effects(kernel, signs, weights, 0.2, link, contexts)
    assert values == pytest.approx(np.mean(slow, axis=1), abs=1e-10)
    halves = np.reshape(slow, (len(slow), -1, 2)).mean(axis=2)
    assert noise == pytest.approx(np.std(halves, axis=1, ddof=1) / np.sqrt(halves.shape[1]), abs=1e-7)


def test_errors_are_those_of_the_weighted_sum_of_latent_scores(rng):
    kernel = MaskKernel(np.r_[rng.normal(-1.5, 0.3, 4), -1.0, -3.0, 0.0, -0.7])
    keep = rng.random((8, 4)) < 0.5
    posterior = condition_process(kernel, signs_of(keep), rng.normal(size=8), IdentityLink())
    contexts = rng.random((3, 4)) < 0.5
    found = pair_errors(posterior, IdentityLink(), np.array([[1, 3]]), contexts)[0]
    states, effect = [], []
    for context in contexts:
        for a, b in itertools.product([True, False], repeat=2):
            mask = context.copy()
            mask[1], mask[3] = a, b
            states.append(mask)
            effect.append((1 if a == b else -1) / 3)
    states, effect = signs_of(np.array(states)), np.array(effect)
    cross = kernel.between(states, posterior.signs)
    inverse = np.linalg.inv(posterior.factor @ posterior.factor.T)
    left = kernel.between(states, states) - cross @ inverse @ cross.T
    wide = posterior.error_scale
    assert found == pytest.approx(np.sqrt(wide * effect @ left @ effect), rel=1e-6)


def test_contexts_weigh_sizes_as_the_index_does(rng):
    sizes = np.bincount(context_masks(6, True, 7000, rng)[:, 2:].sum(axis=1), minlength=5)
    assert sizes == pytest.approx(np.full(5, 1400), rel=0.15)
    sizes = np.bincount(context_masks(6, False, 6400, rng)[:, 2:].sum(axis=1), minlength=5)
    assert sizes == pytest.approx(np.array([1, 4, 6, 4, 1]) * 400, rel=0.2)


def test_pairs_that_few_masks_cannot_tell_apart_are_not_told_for_sure():
    def model(images):
        keep = images.reshape(len(images), 3, 3, 3, 3).mean(axis=(2, 4)).reshape(len(images), 9)
        return 2 * keep[:, 0] * keep[:, 1] * keep[:, 2] + keep[:, 4] * keep[:, 5]

    told, image = [], np.ones((9, 9))
    true = {(0, 1): 1.0, (0, 2): 1.0, (1, 2): 1.0, (4, 5): 1.0}
    how = {"segment": "grid:rows=3,columns=3", "fill": sl.Colour(0.0), "attribute": "lime", "progress": False}
    for seed in range(5):
        few = sl.explain(image, model, budget=60, seed=seed, **how)
        told += [(one, true.get((one.a, one.b), 0.0)) for one in few.pairs(4)]
    assert all(abs(one.value - right) < 2.5 * one.error for one, right in told)
    assert any(one.error > abs(one.value) for one, right in told if not right)
    assert np.mean([one.error < 0.2 for one, right in told if right]) > 0.4
