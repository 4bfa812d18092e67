"""Rows of functionals against the definitions, by enumeration."""

import numpy as np
import pytest

from sightline.engine.attribute import Banzhaf, Lime, Occlusion, Rise, Shapley
from sightline.engine.functionals import draw_masks_by_size, functional_of
from sightline.types import Masks
from support.reference import additive_game, random_game

METHODS = [Shapley(), Banzhaf(), Lime(), Lime(kernel_width=0.05), Lime(kernel_width=3.0), Rise(), Rise(p=0.2)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("segments", [2, 3, 9])
def test_rows_on_every_mask_are_the_exhaustive_answer(method, segments):
    game = random_game(segments)
    masks = game.masks()
    exact = game.ask(method, masks)
    functional = functional_of(method, segments)
    scores = game.values(masks.keep)[:, 0]
    values = functional.rows(masks.keep) @ scores
    if functional.efficient:
        values += (scores[-1] - scores[0] - values.sum()) / segments
    else:
        assert functional.base(masks.keep, scores, values) == pytest.approx(exact.base[0], abs=1e-6)
    assert values == pytest.approx(exact.values[0], abs=1e-6 if method == Lime(kernel_width=0.05) else 1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_rows_on_some_masks_recover_an_additive_game(method, rng):
    weights = rng.normal(size=(1, 20))
    keep = draw_masks_by_size(functional_of(method, 20).size_shares(), 400, rng)
    scores = 0.3 + keep @ weights[0]
    functional = functional_of(method, 20)
    values = functional.rows(keep) @ scores
    if functional.efficient:
        values += (weights.sum() - values.sum()) / 20
    assert values == pytest.approx(functional.factor * weights[0], abs=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_flips_averaged_over_contexts_are_the_value(method, rng):
    game = random_game(6, seed=3)
    functional = functional_of(method, 6)
    keep = functional.contexts(20_000, rng)
    number = keep @ (1 << np.arange(6))
    flipped = game.table[number[:, np.newaxis] ^ (1 << np.arange(6)), 0]
    values, variance = functional.by_flips(keep, game.table[number, 0], flipped)
    away = values - game.ask(method, game.masks()).values[0]
    if functional.efficient:
        away -= away.mean()
    assert (np.abs(away) < 4 * np.sqrt(variance) + 1e-9).all()
    assert np.sqrt(variance).max() < 0.05


@pytest.mark.parametrize("method", METHODS)
def test_flips_of_an_additive_game_have_no_noise(method, rng):
    weights = rng.normal(size=30)
    functional = functional_of(method, 30)
    keep = functional.contexts(300, rng)
    scores = keep @ weights
    values, variance = functional.by_flips(
        keep, scores, scores[:, np.newaxis] + np.where(keep, -weights, weights)
    )
    assert values == pytest.approx(functional.factor * weights, abs=1e-8)
    assert variance.max() < 1e-16


def test_an_attribution_of_one_s_own_is_not_known():
    assert functional_of(Occlusion(), 5) is None
    assert functional_of(lambda masks, scores: None, 5) is None


def test_sizes_are_dealt_as_their_shares_say_in_pairs_where_they_may_be(rng):
    even = np.r_[0, np.ones(9), 0] / 9
    keep = draw_masks_by_size(even, 900, rng)
    assert np.bincount(keep.sum(axis=1), minlength=11) == pytest.approx(even * 900, abs=2)
    assert (keep[0::2] == ~keep[1::2]).all()
    slanted = np.arange(11) / 55
    keep = draw_masks_by_size(slanted, 550, rng)
    assert np.bincount(keep.sum(axis=1), minlength=11) == pytest.approx(np.arange(11) * 10, abs=2)


def test_weights_of_masks_do_not_depend_on_how_many_there_are_of_a_size():
    functional = functional_of(Banzhaf(), 3)
    keep = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0]], dtype=bool)
    assert functional.mask_weights(keep) == pytest.approx([0.25, 0.25, 0.5])


def test_weighing_masks_by_size_is_the_regression_of_the_attribution_itself():
    game = additive_game(np.array([[1.0, 2.0, 4.0]]), np.array([0.5]))
    masks = Masks(game.masks().keep, np.ones(8))
    assert functional_of(Lime(), 3).rows(masks.keep) @ game.values(masks.keep)[:, 0] == pytest.approx(
        [1, 2, 4]
    )
