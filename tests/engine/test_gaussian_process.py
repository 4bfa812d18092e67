"""The process on the hypercube against slow forms of it."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from sightline.engine.gaussian_process import (
    ENDS,
    JITTER,
    IdentityLink,
    LogitLink,
    MaskKernel,
    all_signs,
    condition_process,
    fit_kernel,
    negative_log_posterior,
    noise_of,
    rounded_latents,
    signs_of,
)


def some_kernel(segments: int, seed: int = 0) -> MaskKernel:
    rng = np.random.default_rng(seed)
    return MaskKernel(np.r_[rng.normal(-1.5, 0.5, segments), -1.0, -3.0, 0.4, -0.7])


def some_masks(count: int, segments: int, seed: int = 0) -> np.ndarray:
    keep = np.random.default_rng(seed).random((count, segments)) < 0.5
    keep[0], keep[1] = False, True
    return keep


def slow_kernel(kernel: MaskKernel, x: np.ndarray, y: np.ndarray) -> float:
    """The formula, one pair of masks at a time."""
    log_linear, _, tilt, log_cube = kernel.parameters[-4:]
    lengths = np.exp(kernel.parameters[:-4])
    product = np.exp(sum(t * (a * b - 1) for t, a, b in zip(lengths, x, y, strict=True)))
    linear = np.exp(log_linear) * sum(
        t / lengths.mean() * a * b for t, a, b in zip(lengths, x, y, strict=True)
    )
    size = np.exp(tilt * (x.mean() + y.mean()))
    return 25 + linear + size * (product + np.exp(log_cube) * product**3)


def test_the_kernel_is_its_formula():
    kernel, signs = some_kernel(5), signs_of(some_masks(7, 5))
    slow = [[slow_kernel(kernel, x, y) for y in signs[:4]] for x in signs]
    assert kernel.between(signs, signs[:4]) == pytest.approx(np.array(slow), rel=1e-12)
    assert kernel.prior_variance(signs) == pytest.approx(np.diag(kernel.between(signs, signs)), rel=1e-12)
    single = kernel.between(signs.astype(np.float32), signs.astype(np.float32))
    assert single.dtype == np.float32
    assert single == pytest.approx(kernel.between(signs, signs), rel=1e-5)


@pytest.mark.parametrize("segments", [2, 6, 7, 9])
def test_all_masks_at_once_are_all_masks(segments):
    kernel, keep = some_kernel(segments), np.unique(some_masks(12, segments), axis=0)
    weights = np.random.default_rng(1).normal(size=(len(keep), 3))
    place = keep @ (1 << np.arange(segments))
    slow = kernel.between(all_signs(segments), signs_of(keep)) @ weights
    assert kernel.over_all_masks(place, weights) == pytest.approx(slow, abs=1e-10)


def test_all_flips_at_once_are_each_flip(rng):
    kernel, signs = some_kernel(6), signs_of(some_masks(9, 6))
    here, weights = signs_of(rng.random((4, 6)) < 0.5), rng.normal(size=9)
    plain, flipped = kernel.at_flips(here, signs, weights)
    assert plain == pytest.approx(kernel.between(here, signs) @ weights, abs=1e-10)
    for j in range(6):
        other = here.copy()
        other[:, j] *= -1
        assert flipped[:, j] == pytest.approx(kernel.between(other, signs) @ weights, abs=1e-9)


@pytest.mark.parametrize("tilted", [True, False])
def test_the_gradient_is_what_finite_differences_say(tilted):
    keep = some_masks(30, 6)
    values = np.random.default_rng(2).normal(size=30)
    start = some_kernel(6, seed=3).parameters
    if not tilted:
        start[-2] = 0.0
    rest = (signs_of(keep), values, noise_of(30), tilted)
    _, gradient = negative_log_posterior(start, *rest)
    slow = approx_fprime(start, lambda p: negative_log_posterior(p, *rest)[0], 1e-6)
    assert gradient == pytest.approx(slow, abs=2e-4)


def test_a_fit_is_better_than_where_it_began_and_untilted_where_it_must_be():
    keep = some_masks(60, 6)
    values = keep @ np.array([1.0, 0, 0, 2.0, 0, 0]) + (keep[:, 1] & keep[:, 2])
    rest = (signs_of(keep), values - values.mean(), noise_of(60))
    fitted = fit_kernel(MaskKernel.at_prior_mean(6), *rest, False, 25)
    before, after = (
        negative_log_posterior(one.parameters, *rest, False)[0]
        for one in (MaskKernel.at_prior_mean(6), fitted)
    )
    assert after < before - 10
    assert fitted.parameters[-2] == 0
    assert fitted.rates[1] > 5 * fitted.rates[4]  # what matters varies faster


@pytest.mark.parametrize("link", [IdentityLink(), LogitLink()])
def test_the_posterior_is_the_textbook_s(link):
    kernel, keep = some_kernel(5), some_masks(14, 5)
    latents = 3 * np.random.default_rng(4).normal(size=14)
    posterior = condition_process(kernel, signs_of(keep), latents, link)
    noise = np.exp(kernel.parameters[-3]) * np.r_[ENDS, ENDS, np.ones(12)] + JITTER
    covariance = kernel.between(signs_of(keep), signs_of(keep)) + np.diag(noise)
    away = latents - latents.mean()
    others = all_signs(5)
    slow = kernel.between(others, signs_of(keep)) @ np.linalg.solve(covariance, away) + latents.mean()
    assert posterior.mean(others) == pytest.approx(slow, abs=1e-9)
    assert posterior.scale == pytest.approx(away @ np.linalg.solve(covariance, away) / 14)
    variance = np.empty(12)
    for i in range(2, 14):
        rest = np.arange(14) != i
        by_rest = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, i])
        assert posterior.left_out[i - 2] == pytest.approx(away[i] - by_rest @ away[rest], abs=1e-9)
        variance[i - 2] = posterior.scale * (covariance[i, i] - by_rest @ covariance[rest, i])
    squared = posterior.left_out**2
    moves = link.slope(latents[2:], squared.mean()) ** 2
    misfit = max(np.mean(squared / variance), np.sum(moves * squared) / np.sum(moves * variance))
    assert posterior.misfit == pytest.approx(misfit)
    for given, factor in ((0.5, 0.8), (0.9, 0.9), (1.2, 1.44), (4.0, 6.0)):
        changed = dataclasses.replace(posterior, misfit=given)
        assert changed.error_scale == pytest.approx(factor * posterior.scale)


def test_links_lead_there_and_back():
    scores = np.array([0.0, 0.3, 1.0])
    assert LogitLink().score(LogitLink().latent(scores)) == pytest.approx(scores, abs=1e-12)
    assert IdentityLink().score(IdentityLink().latent(-scores)) == pytest.approx(-scores)
    latents = np.array([-1.0, 0.4])
    slope = (LogitLink().score(latents + 1e-6) - LogitLink().score(latents - 1e-6)) / 2e-6
    assert LogitLink().slope(latents, 0.0) == pytest.approx(slope, rel=1e-6)


def test_the_slope_of_an_uncertain_score_is_the_mean_slope():
    drawn = 0.7 + 1.5 * np.random.default_rng(0).normal(size=200_000)
    mean = LogitLink().slope(drawn, 0.0).mean()
    assert LogitLink().slope(np.array([0.7]), 1.5**2)[0] == pytest.approx(mean, rel=0.05)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_rounding_hides_the_seventh_digit_whatever_the_scale(scale):
    latents = scale * np.random.default_rng(5).normal(size=500)
    rounded = rounded_latents(latents)
    assert np.abs(rounded - latents).max() <= 2**-11 * np.ptp(latents)
    nudged = rounded_latents(latents * (1 + 1e-7))
    assert (nudged != rounded).mean() < 0.01
