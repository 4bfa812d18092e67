"""masks and scores → attribution by a Gaussian process that also chooses the masks: asks nothing itself."""

from collections.abc import Callable, Hashable

import numpy as np
from jaxtyping import Bool, Float, Int

from sightline._scales import Scale, are_probabilities
from sightline.engine import aliasing_error, pair_effects, solve
from sightline.engine.adaptive_masks import WantedValues, candidate_masks, choose_masks, new_masks
from sightline.engine.convergence import CLOSE_TOGETHER, relative_error
from sightline.engine.functionals import COMPLETE, complete_rows, draw_masks_by_size, functional_of
from sightline.engine.gaussian_process import (
    IdentityLink,
    Link,
    LogitLink,
    MaskKernel,
    Posterior,
    condition_process,
    fit_kernel,
    mask_numbers,
    noise_of,
    rounded_latents,
    signs_of,
)
from sightline.engine.sampling import Balanced, FoldOver, size_weights
from sightline.errors import OptionError
from sightline.types import Attribute, Attribution, Masks, Scores

FIRST = 32
"""Calls of the first block, the two ends included, unless twice the number of segments are more."""
STEPS, LATER_STEPS = 25, 10
"""Of the fit, at first and where the last block's has found the place."""
FIT_LEAST, FIT_MOST = 256, 384
"""Masks that the hyperparameters are fitted to, at most: half of those asked, within these."""
DESIGN_MASKS = 1200
"""Masks by which the next ones are chosen and the errors told, where there are too many for all."""
ANSWER_MASKS, CHUNK = 8192, 1024
"""Masks at which each segment's flip is averaged there, and how many of them at a time."""
CODE_LEAST = 4
"""Calls a segment before which no other masks than the code's are asked, where the regression asks a code."""
LEAST_PREDICTED = 0.1
"""Share of the scores' variance that the process has to predict of masks left out, to be believed."""


class ProcessEstimator:
    """Masks in, attribution out. It knows no image and no model, and asks nothing itself.

    Parameters
    ----------
    attribute : Attribute
        One that it `serves`.
    segments, targets : int
        S and K.
    scale : {"probability", "log-odds"}
    seed : int
    tick : callable
        Called after each target is thought about.

    Examples
    --------
    >>> from sightline.engine.attribute import Shapley
    >>> def score(keep):
    ...     return (keep @ np.arange(6.0) / 15)[:, np.newaxis]
    >>> estimator = ProcessEstimator(Shapley(), 6, 1, "probability", seed=0)
    >>> masks = estimator.next_masks(30)
    >>> estimator.record(masks, score(masks), np.array([1.0]), np.array([0.0]))
    >>> np.allclose(estimator.attribution().values, np.arange(6.0) / 15, atol=0.01)
    True
    """

    def __init__(
        self,
        attribute: Attribute,
        segments: int,
        targets: int,
        scale: Scale,
        seed: int,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        functional = functional_of(attribute, segments)
        if functional is None or not self.serves(attribute, segments):
            raise OptionError(
                "a Gaussian process answers for Lime, Shapley, Banzhaf and Rise of 2 segments and more, but "
                f"{attribute!r} of {segments} was asked for: leave out estimator=.",
                slug="option-value",
            )
        self.attribute, self.functional = attribute, functional
        self.segments, self.targets, self.scale, self.seed = segments, targets, scale, seed
        self.tick = tick
        self.keep = np.zeros((0, segments), dtype=bool)
        self.values = np.zeros((0, targets))
        self.full = self.empty = np.zeros(targets)
        self.kernels = [MaskKernel.at_prior_mean(segments) for _ in range(targets)]
        self.posteriors: list[Posterior] = []
        self.links: list[Link] = []
        self._wanted: dict[int, WantedValues] = {}
        self._made: Attribution | None = None
        self._has_code = isinstance(attribute.sample, FoldOver)
        self._from_code = 0
        self._leaves_code = False

    @staticmethod
    def serves(attribute: object, segments: int) -> bool:
        """Whether the process can answer for this attribution."""
        return segments >= 2 and functional_of(attribute, segments) is not None

    @property
    def block(self) -> int:
        """How many masks it would ask next: as many as were asked, ends included, so that calls double."""
        if len(self.keep) == 0:
            return max(FIRST, 2 * self.segments) - 2
        return len(self.keep) + 2

    def block_towards(self, error: float = CLOSE_TOGETHER) -> int:
        """As `block`, but fewer where fewer are likely to bring the expected error to a share `error`."""
        if not self.posteriors or self.unexplained().any():
            return self.block
        asked = len(self.keep) + 2
        if self.is_on_code and self._leaves_code:
            return asked // 4  # they are to test what is thought to be known
        # The error falls a little faster than the number of calls grows.
        wanted = asked * (float(np.nanmax(relative_error(self.attribution()))) / error) ** 0.9
        return int(np.clip(np.ceil(wanted - asked), asked // 4, asked))

    def _random_state(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, len(self.keep), purpose])

    def next_masks(self, count: int) -> Bool[np.ndarray, "M S"]:
        """Up to `count` masks to ask next: none twice, no ends; none when all were asked."""
        if len(self.keep) == 0 and not self._has_code:
            first = Balanced()(self.segments, count, np.random.default_rng(self.seed)).keep
            if len(first):
                return first
        asked = {row.tobytes() for row in np.packbits(self.keep, axis=1)}
        asked |= {np.packbits(np.full(self.segments, end)).tobytes() for end in (False, True)}
        led = np.flatnonzero(~self.unexplained()).tolist() if self.posteriors else []
        if self._stays_on_code():
            masks = self._regression_masks(count, asked)
            self._from_code += len(masks)
            return masks
        if self.posteriors and not led:
            return self._regression_masks(count, asked)
        candidates = candidate_masks(self.segments, count, asked, self._random_state(1))
        if not led or len(candidates) <= count:
            return candidates[:count]
        chosen = choose_masks([self._wanted_of(k) for k in led], candidates, count)
        return np.asarray(candidates[chosen])

    @property
    def is_on_code(self) -> bool:
        """Whether all masks so far are those of the regression's code, which answers by them as well."""
        return self._has_code and self._from_code == len(self.keep)

    def explains_code(self, error: float = CLOSE_TOGETHER) -> bool:
        """Whether only a code was asked and the process, taken at its word, errs by no more than a share."""
        if not self.is_on_code or self._knows_all or self.unexplained().any():
            return False
        size = np.array([np.linalg.norm(self._averaged(k)[2]) for k in range(self.targets)])
        ours = np.sqrt([max(np.trace(self.covariance(k)), 0.0) for k in range(self.targets)])
        return bool((ours <= error * size).all())

    def leave_code(self) -> None:
        """Ask other masks than the code's from now on.

        What explains a code's scores may be another thing that looks alike there: other masks tell.
        """
        self._leaves_code = True

    def _stays_on_code(self) -> bool:
        """Whether the code goes on: until the process errs by much less on it than the regression.

        A code of few runs is clear of all pairs of segments, which the process has to learn; once other masks
        were asked there is no way back. The bounds were chosen on complete ImageNet games with
        one seed: there they kept the code where it is better, and gave it up early elsewhere.
        """
        if not self.is_on_code or not self.posteriors or self._leaves_code:
            return self.is_on_code and not self._leaves_code
        calls = len(self.keep) + 2
        bound = 0.35 + 1.5 * self.segments / calls
        return calls < CODE_LEAST * self.segments or bool((self._error_ratios() > bound).any())

    def _error_ratios(self) -> Float[np.ndarray, "K"]:
        """Expected squared error of the process over that of the regression of the same masks.

        As far as these tell: what they do not tell apart, neither knows.
        """
        ours = np.array([np.trace(self.covariance(k)) for k in range(self.targets)])
        made = self._regression()
        theirs = (made.error**2).sum(axis=1)
        if made.unseen is not None:
            theirs -= (made.unseen**2).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(ours > 0, ours / theirs, 0.0)

    def _regression_masks(self, count: int, asked: set[bytes]) -> Bool[np.ndarray, "M S"]:
        """Those that the regression asks, which answers if nothing is explained."""
        rows = 2 * (len(self.keep) + count)
        usual = self.attribute.sample(self.segments, rows, np.random.default_rng(self.seed)).keep
        rest = candidate_masks(self.segments, count, asked, self._random_state(1))
        return new_masks(np.concatenate([usual, rest]), asked)[:count]

    def record(
        self,
        keep: Bool[np.ndarray, "M S"],
        values: Float[np.ndarray, "M K"],
        full: Float[np.ndarray, "K"],
        empty: Float[np.ndarray, "K"],
    ) -> None:
        """Learn the scores of all masks so far, the new ones last, and fit again.

        All, for log-odds of 0 and 1 are brought within reach of the others, and so may change with them.
        """
        self.keep, self.values = keep, np.asarray(values, dtype=float)
        self.full, self.empty = np.asarray(full, dtype=float), np.asarray(empty, dtype=float)
        self.links, self.posteriors, self._wanted, self._made = [], [], {}, None
        for k in range(self.targets):
            self._fit_target(k)
            self.tick()

    def _scores_of(self, k: int) -> Float[np.ndarray, "M"]:
        return np.asarray(np.r_[self.empty[k], self.full[k], self.values[:, k]])

    def _fit_target(self, k: int) -> None:
        scores = self._scores_of(k)
        chances = self.scale == "probability" and are_probabilities(scores)
        link: Link = LogitLink() if chances else IdentityLink()
        if self.kernels[k].tilt and not link.tilted:  # earlier scores looked like probabilities
            self.kernels[k] = MaskKernel.at_prior_mean(self.segments)
        latents = rounded_latents(link.latent(scores))
        ends = np.array([np.zeros(self.segments, bool), np.ones(self.segments, bool)])
        signs = signs_of(np.concatenate([ends, self.keep]))
        count = len(signs)
        few = min(count, max(FIT_LEAST, min(count // 2, FIT_MOST)))
        steps = STEPS if count <= FIT_LEAST else LATER_STEPS
        some = np.r_[0, 1, 2 + self._random_state(2).choice(count - 2, few - 2, replace=False)]
        values = latents - latents.mean()
        if not values.any():
            values = values + 1e-6 * np.where(np.arange(count) % 2, 1.0, -1.0)
        self.kernels[k] = fit_kernel(
            self.kernels[k], signs[some], values[some], noise_of(few), link.tilted, steps
        )
        self.links.append(link)
        self.posteriors.append(condition_process(self.kernels[k], signs, latents, link))

    def _complete_rows(self) -> tuple[Bool[np.ndarray, "A S"], Float[np.ndarray, "S A"]]:
        assert isinstance(self.attribute, Hashable)  # options are
        return complete_rows(self.attribute, self.segments)

    def _wanted_of(self, k: int) -> WantedValues:
        if k not in self._wanted:
            self._wanted[k] = self._made_wanted(k)
            self.tick()
        return self._wanted[k]

    def _made_wanted(self, k: int) -> WantedValues:
        posterior, link = self.posteriors[k], self.links[k]
        if self.segments <= COMPLETE:
            keep, rows = self._complete_rows()
        else:
            keep = draw_masks_by_size(self.functional.size_shares(), DESIGN_MASKS, self._random_state(3))
            rows = self.functional.rows(keep)
        signs = signs_of(keep)
        if len(keep) == 2**self.segments:
            place, weights = mask_numbers(posterior.signs), posterior.weights[:, np.newaxis]
            latents = posterior.kernel.over_all_masks(place, weights)[:, 0] + posterior.level
        else:
            latents = posterior.mean(signs)
        return WantedValues(posterior, rows * link.slope(latents, posterior.spread), signs)

    def attribution(self) -> Attribution:
        """Values with calibrated errors; Shapley's add up exactly to the two ends' difference."""
        if self._made is None:
            self._made = self._made_attribution()
        return self._made

    def _made_attribution(self) -> Attribution:
        share = self.regression_shares()
        if (share == 1).all():
            return self._regression()
        ours = self._process_attribution()
        if not share.any():
            return ours
        theirs = self._regression()

        def mixed(one: Float[np.ndarray, "K ..."], other: Float[np.ndarray, "K ..."]) -> np.ndarray:
            part = share.reshape(-1, *[1] * (one.ndim - 1))
            whole = np.where(part > 0, one, 0.0) * part + np.where(part < 1, other, 0.0) * (1 - part)
            return np.asarray(whole)

        return Attribution(
            mixed(theirs.values, ours.values),
            np.sqrt(mixed(theirs.error**2, ours.error**2)),
            mixed(theirs.base, ours.base),
            mixed(theirs.fit, ours.fit),
            ours.calls,
            pull=None if theirs.pull is None else theirs.pull * share[:, np.newaxis],
        )

    def regression_shares(self) -> Float[np.ndarray, "K"]:
        """Which part of each answer is the regression's, of the same masks.

        All of it where the process predicts next to nothing; on the regression's own code, the more of it the
        less its squared error is beside the process's. Its errors are told wider than they are, so it counts
        twice what they say, and more where they are no larger than the process's.
        """
        share = self.unexplained().astype(float)
        if self.is_on_code and not self._knows_all:
            odds = 2 * self._error_ratios()
            odds *= np.maximum(odds, 1)
            share = np.maximum(share, 1 - 1 / (1 + odds))
        return np.asarray(share)

    def _process_attribution(self) -> Attribution:
        values, noise = np.zeros((self.targets, self.segments)), np.zeros((self.targets, self.segments))
        base, fit = np.zeros(self.targets), np.zeros(self.targets)
        for k in range(self.targets):
            keep, scores, values[k], noise[k] = self._averaged(k)
            if self.functional.efficient:
                values[k] += (self.full[k] - self.empty[k] - values[k].sum()) / self.segments
            base[k], fit[k] = self._base_and_fit(k, keep, scores, values[k])
        variance = np.array([np.diag(self.covariance(k)) for k in range(self.targets)])
        error = np.sqrt(np.maximum(variance, 0) + noise)
        if self.is_on_code:  # it knows no more than the code tells
            error = np.maximum(error, aliasing_error.error_bounds(self.keep, self.values)[1])
        if self._knows_all:
            error = np.zeros_like(error)
        return Attribution(values, error, base, fit, len(self.keep) + 2)

    def _averaged(
        self, k: int
    ) -> tuple[
        Bool[np.ndarray, "V S"], Float[np.ndarray, "V"], Float[np.ndarray, "S"], Float[np.ndarray, "S"]
    ]:
        """Masks, their expected scores, the values that these make, and the variance of that average."""
        if self.segments <= COMPLETE:
            keep, rows = self._complete_rows()
            scores = self._expected_scores(k)
            return keep, scores, rows @ scores, np.zeros(self.segments)
        keep = self.functional.contexts(ANSWER_MASKS, self._random_state(4))
        posterior, link = self.posteriors[k], self.links[k]
        weights = posterior.weights_of(link.latent(self._scores_of(k)))
        scores, flipped = np.empty(len(keep)), np.empty(keep.shape)
        for first in range(0, len(keep), CHUNK):
            part = slice(first, first + CHUNK)
            plain, changed = posterior.kernel.at_flips(signs_of(keep[part]), posterior.signs, weights)
            scores[part], flipped[part] = (link.score(one + posterior.level) for one in (plain, changed))
        values, noise = self.functional.by_flips(keep, scores, flipped)
        return keep, scores, values, noise

    def _expected_scores(self, k: int) -> Float[np.ndarray, "A"]:
        """Of all 2^S masks at their expected latent scores; those of the masks asked as they were said."""
        posterior, link, scores = self.posteriors[k], self.links[k], self._scores_of(k)
        weights = posterior.weights_of(link.latent(scores))
        place = mask_numbers(posterior.signs)
        latents = posterior.kernel.over_all_masks(place, weights[:, np.newaxis])[:, 0] + posterior.level
        expected = link.score(latents)
        expected[place] = scores
        return expected

    def _base_and_fit(
        self,
        k: int,
        keep: Bool[np.ndarray, "V S"],
        scores: Float[np.ndarray, "V"],
        values: Float[np.ndarray, "S"],
    ) -> tuple[float, float]:
        base = self.empty[k] if self.functional.efficient else self.functional.base(keep, scores, values)
        weight = self.functional.mask_weights(keep)
        fitted = keep @ values / self.functional.factor
        fitted += self.empty[k] if self.functional.efficient else weight @ (scores - fitted)
        return float(base), float(solve.r_squared(scores[:, np.newaxis], fitted[:, np.newaxis], weight)[0])

    def covariance(self, k: int) -> Float[np.ndarray, "S S"]:
        """Of the values of one target, calibrated."""
        return self.error_factor() ** 2 * self._wanted_of(k).covariance()

    def error_factor(self) -> float:
        """By which standard errors are multiplied.

        Hyperparameters are taken for known, which they are not: on every second complete ImageNet game, of
        four attributions, 95 % intervals need 1.15 times the width, and twice with two masks a segment.
        """
        return float(1.15 + 3.5 * (self.segments / (len(self.keep) + 2)) ** 2)

    def pair_effects(
        self, count: int
    ) -> tuple[Int[np.ndarray, "K P 2"], Float[np.ndarray, "K P"], Float[np.ndarray, "K P"]]:
        """Of each target, the pairs that do most together, strongest first; their values and errors."""
        pairs = pair_effects.segment_pairs(self.segments)
        contexts = self._contexts(pair_effects.ERROR_CONTEXTS)
        chosen, values, error = [], [], []
        for k in range(self.targets):
            of_all, noise = self._pair_values(k)
            strong = np.argsort(-np.abs(of_all), kind="stable")[:count]
            chosen.append(pairs[strong])
            values.append(of_all[strong])
            found = pair_effects.pair_errors(self.posteriors[k], self.links[k], pairs[strong], contexts)
            error.append(np.hypot(self.error_factor() * found, noise[strong]))
        return np.array(chosen), np.array(values), np.array(error)

    def _contexts(self, count: int) -> Bool[np.ndarray, "count S"]:
        shapley = self.functional.shapley_pairs
        return pair_effects.context_masks(self.segments, shapley, count, self._random_state(5))

    def _pair_values(self, k: int) -> tuple[Float[np.ndarray, "P"], Float[np.ndarray, "P"]]:
        """Effects of all pairs, and the noise of averaging over some contexts."""
        posterior, link = self.posteriors[k], self.links[k]
        if self.segments <= COMPLETE:
            keep, _ = self._complete_rows()
            scores = self._expected_scores(k)
            exact = pair_effects.complete_pair_effects(keep, scores, self.functional.shapley_pairs)
            return exact, np.zeros(len(exact))
        weights = posterior.weights_of(link.latent(self._scores_of(k)))
        return pair_effects.sampled_pair_effects(
            posterior.kernel,
            posterior.signs,
            weights,
            posterior.level,
            link,
            self._contexts(pair_effects.CONTEXTS),
        )

    def predicted_shares(self) -> Float[np.ndarray, "K"]:
        """Share of the scores' variance that the process predicts of masks left out; nan where flat."""
        shares = np.full(self.targets, np.nan)
        moved = solve.has_moved(np.vstack([self.values, self.full, self.empty]))
        for k in np.flatnonzero(moved).tolist():
            posterior, link, scores = self.posteriors[k], self.links[k], self.values[:, k]
            predicted = link.score(rounded_latents(link.latent(self._scores_of(k)))[2:] - posterior.left_out)
            shares[k] = 1 - np.mean((scores - predicted) ** 2) / max(float(np.var(scores)), 1e-300)
        return shares

    @property
    def _knows_all(self) -> bool:
        """Whether every mask was asked: then nothing is predicted, and the answer is exact."""
        return len(self.keep) == 2.0**self.segments - 2

    def unexplained(self) -> Bool[np.ndarray, "K"]:
        """Of which targets the process predicts next to nothing: the regression answers for these."""
        return np.asarray((self.predicted_shares() < LEAST_PREDICTED) & (not self._knows_all))

    def why_not(self) -> str:
        """Why the regression answers in place of the process, at least for some targets; "" where not."""
        left = np.flatnonzero(self.unexplained())
        if not len(left):
            return ""
        which = (
            ""
            if len(left) == self.targets
            else f" of target {', '.join(str(k + 1) for k in left)} of {self.targets}"
        )
        return (
            f"a Gaussian process predicts next to nothing of the scores{which}: the regression answers there"
        )

    def _regression(self) -> Attribution:
        """What the attribution itself makes of the masks asked.

        Those of a size weigh as much as all that there are, but for a code, which has each as often as it is.
        """
        scores = Scores(
            self.values, self.full, self.empty, tuple(range(self.targets)), self.full, len(self.keep) + 2
        )
        weight = np.ones(len(self.keep)) if self.is_on_code else size_weights(self.keep)
        return self.attribute(Masks(self.keep, weight), scores)
