"""The choice of masks against trying every one."""

import numpy as np
import pytest

from sightline.engine.adaptive_masks import WantedValues, candidate_masks, choose_masks
from sightline.engine.attribute import Shapley
from sightline.engine.functionals import draw_masks_by_size, functional_of
from sightline.engine.gaussian_process import IdentityLink, MaskKernel, all_signs, condition_process, signs_of


def a_question(segments: int, asked: int, seed: int = 0) -> WantedValues:
    rng = np.random.default_rng(seed)
    kernel = MaskKernel(np.r_[rng.normal(-1.5, 0.5, segments), -1.0, -3.0, 0.3, -0.7])
    keep = rng.random((asked, segments)) < 0.5
    keep[0], keep[1] = False, True
    posterior = condition_process(kernel, signs_of(keep), rng.normal(size=asked), IdentityLink())
    signs = all_signs(segments)
    slope = 0.5 + rng.random(len(signs))
    return WantedValues(posterior, functional_of(Shapley(), segments).rows(signs > 0) * slope, signs)


def variance_after(question: WantedValues, more: np.ndarray) -> float:
    """Trace of the covariance of the wanted values once `more` masks are known, with no short cut."""
    posterior = question.posterior
    signs = np.concatenate([posterior.signs, signs_of(more)])
    known = posterior.factor @ posterior.factor.T
    between = posterior.kernel.between
    covariance = between(signs, signs)
    covariance[: len(known), : len(known)] = known
    new = np.arange(len(known), len(signs))
    covariance[new, new] += posterior.kernel.nugget
    cross = question.effects @ between(question.signs, signs)
    prior = question.effects @ between(question.signs, question.signs) @ question.effects.T
    return float(np.trace(prior - cross @ np.linalg.solve(covariance, cross.T)))


def test_each_choice_is_the_one_that_brings_the_variance_down_most():
    question = a_question(5, 9)
    candidates = (np.arange(32)[:, np.newaxis] >> np.arange(5) & 1).astype(bool)
    chosen = choose_masks([question], candidates, 4).tolist()
    taken: list[int] = []
    for one in chosen:
        left = [c for c in range(32) if c not in taken]
        after = {c: variance_after(question, candidates[[*taken, c]]) for c in left}
        assert after[one] == pytest.approx(min(after.values()), rel=1e-6)
        taken.append(one)


def test_two_processes_choose_in_turn_and_know_of_each_other():
    first, second = a_question(5, 9), a_question(5, 9, seed=1)
    candidates = (np.arange(32)[:, np.newaxis] >> np.arange(5) & 1).astype(bool)
    chosen = choose_masks([first, second], candidates, 6).tolist()
    assert len(set(chosen)) == 6
    taken: list[int] = []
    for turn, one in enumerate(chosen):
        question = (first, second)[turn % 2]
        left = [c for c in range(32) if c not in taken]
        after = {c: variance_after(question, candidates[[*taken, c]]) for c in left}
        assert after[one] == pytest.approx(min(after.values()), rel=1e-6)
        taken.append(one)


@pytest.mark.parametrize("segments", [5, 12, 30, 200])
def test_candidates_are_distinct_and_new(segments, rng):
    asked = rng.random((20, segments)) < 0.5
    keys = {row.tobytes() for row in np.packbits(asked, axis=1)}
    keep = candidate_masks(segments, 64, keys, rng)
    found = {row.tobytes() for row in np.packbits(keep, axis=1)}
    assert len(found) == len(keep)
    assert not found & keys
    if segments == 5:
        assert len(keep) == 32 - len(keys)


def test_the_covariance_of_the_wanted_values_is_the_posterior_s():
    question = a_question(4, 7)
    posterior = question.posterior
    wide = posterior.error_scale
    assert np.trace(question.covariance()) == pytest.approx(
        wide * variance_after(question, np.zeros((0, 4), bool)), rel=1e-8
    )


def test_a_sample_of_masks_adds_nothing_to_the_covariance_in_the_mean(rng):
    exact = a_question(6, 12)
    functional = functional_of(Shapley(), 6)
    exact = WantedValues(exact.posterior, functional.rows(exact.signs > 0), exact.signs)
    found = np.zeros((6, 6))
    for _ in range(100):
        keep = draw_masks_by_size(functional.size_shares(), 60, rng)
        found += WantedValues(exact.posterior, functional.rows(keep), signs_of(keep)).covariance() / 100
    assert np.trace(found) == pytest.approx(np.trace(exact.covariance()), rel=0.25)
