"""a study's images with regions hidden → which regions drive its errors: asked step by step, tested by rules.

A region is confirmed where every rule holds, so that one which a rule rules out need not be asked about for
the others. What costs most, hiding as much elsewhere, is asked last, of the few that are left.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._progress import progress_bar
from sightline._scales import with_evidence
from sightline.adapters.checked_model import CheckedModel
from sightline.engine.image import unit_rgb
from sightline.findings.heatmaps import RunningMean
from sightline.findings.region_effects import (
    OF_EVIDENCE,
    TURNED,
    AskedAnswers,
    RegionEffects,
    adjusted_p_values,
    rule_p_values,
    turning_p_value,
)
from sightline.findings.region_occlusion import Probe, occlude_regions
from sightline.regions.margins import widen_mask
from sightline.regions.region_set import Regions
from sightline.study.sample_split import SampleSplit
from sightline.study.schema import StudyResults
from sightline.types import Fill

FEWEST = 10
"""Wrong answers below which nothing can be said."""
FEWEST_GROUPS = 6
"""Groups of wrong answers below which nothing can be said: the signs of six have 64 cases, p = 0.016."""


class Tested(NamedTuple):
    """What the tests said of a region.

    Adjusted p and what failed; p of its evidence alone; p of the answers as they are, without a shift of the
    scores; p of wrong answers going by it, whatever right ones rest on.
    """

    p: float
    failed: tuple[str, ...]
    evidence_p: float
    as_is_p: float
    reliance_p: float


@dataclasses.dataclass
class RegionTrial:
    """The model, asked about the confirming images with regions hidden.

    Parameters
    ----------
    study : StudyResults
    regions : Regions
    model : CheckedModel
    fill : Fill
    split : SampleSplit
    weights : dict of int to float
        Places of the images to ask about, and how many images each stands for.
    biases : dict of int to float array
        Of each of them: the bias of each class that rebalances the scores.
    controls : int
        How many equal areas elsewhere to hide.
    min_effect : float
        The least effect that counts, as a share of what the true class lacks.
    level : float
        Chance of a false confirmation.
    """

    study: StudyResults
    regions: Regions
    model: CheckedModel
    fill: Fill
    split: SampleSplit
    weights: Mapping[int, float]
    biases: Mapping[int, Float[np.ndarray, "L"]]
    controls: int
    min_effect: float
    level: float
    seed: int
    batch_size: int | None = None
    progress: bool | None = None
    calls: int = 0
    _seen: set[int] = dataclasses.field(default_factory=set)
    _mean: RunningMean | None = None

    @property
    def mean_image(self) -> Float[np.ndarray, "H W 3"] | None:
        """Mean of the images that the model was asked about."""
        return None if self._mean is None else np.asarray(self._mean.mean)

    def test_regions(
        self, of: Sequence[int], suspects: Sequence[int], *, margin: float, share: float, thorough: bool
    ) -> tuple[RegionEffects, list[Tested]]:
        """What hiding regions does, and whether it drives errors.

        Parameters
        ----------
        of : sequence of int
            The regions to hide.
        suspects : sequence of int
            Which of these to test.
        margin : float
            Hidden with them.
        share : float
            Share of `level` that these tests may use up.
        thorough : bool
            Whether to ask everything of every suspect, also of those that are ruled out.

        Raises
        ------
        ModelError
            If the model is not the one that was explained.
        """
        as_is, shifted = (
            AskedAnswers(self.split, len(of), self.controls, biases) for biases in (None, self.biases)
        )
        both = (as_is, shifted)
        wrong = {int(one) for one in self.split.places[self.split.wrong]} & set(self.weights)
        self._ask(wrong, of, range(len(of)), both, margin, own=True)
        as_is.check_model()
        bar = 1.0 if thorough else self.level * share
        ps: dict[int, tuple[float, ...]] = {}
        left = self._not_ruled_out(as_is, suspects, ps, bar)
        self._ask(set(self.weights) - wrong, of, left, both, margin, own=True)
        still = self._not_ruled_out(as_is, left, ps, bar)
        # Of what turns many answers it is told what hiding as much elsewhere does, too.
        relied = [] if margin else self._relied_on(as_is, set(left) - set(still), ps, bar)
        self._ask(set(self.weights), of, [*still, *relied], both, margin, own=False)
        as_is.check_model()
        left = self._not_ruled_out(as_is, [*still, *relied], ps, bar)
        self.calls += as_is.calls
        effects = as_is.effects(self.weights)
        compared = {*still, *relied}
        return effects, self._adjusted(ps, self._shifted_p_values(shifted, left), suspects, share, compared)

    def _relied_on(
        self,
        answers: AskedAnswers,
        ruled_out: Collection[int],
        ps: Mapping[int, tuple[float, ...]],
        bar: float,
    ) -> list[int]:
        """Regions that turn many answers right, and are ruled out by what right answers rest on alone."""
        effects = answers.effects(self.weights)
        turned = effects.right[effects.wrong].mean(axis=0)
        return [one for one in sorted(ruled_out) if ps[one][0] <= bar and turned[one] >= TURNED]

    def _not_ruled_out(
        self, answers: AskedAnswers, left: Sequence[int], ps: dict[int, tuple[float, ...]], bar: float
    ) -> list[int]:
        """Regions that may still be confirmed by what was asked so far; the p-values of all are noted."""
        effects = answers.effects(self.weights)
        for one in left:
            ps[one] = rule_p_values(effects, one, self.min_effect, self._flips(one))
        return [one for one in left if max(ps[one]) <= bar]

    def _shifted_p_values(self, shifted: AskedAnswers, left: Sequence[int]) -> dict[int, float]:
        """Whether hiding a region turns more answers right than hiding elsewhere, once scores are rebalanced.

        1 where too few errors are left to tell. A wrong answer can turn right only, so that a region which
        speaks for one class always turns some; hence it must also give the true classes more than hiding
        elsewhere does, all in all. Empty where no bias rebalances anything: then there is nothing to ask.
        """
        if not left or not any(one.any() for one in self.biases.values()):
            return {}
        effects = shifted.effects(self.weights)
        if effects.wrong.sum() < FEWEST:
            return dict.fromkeys(left, 1.0)
        told = {}
        for one in left:
            turns = turning_p_value(effects, one, self._flips(one))
            _, gives, *_ = rule_p_values(effects, one, 0.0, self._flips(one))
            told[one] = turns if gives <= self.level else max(turns, gives)
        return told

    def _flips(self, region: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, region))

    def _adjusted(
        self,
        as_is: Mapping[int, tuple[float, ...]],
        shifted: Mapping[int, float],
        suspects: Sequence[int],
        share: float,
        compared: Collection[int],
    ) -> list[Tested]:
        of_all, of_evidence, unshifted, of_reliance = (
            adjusted_p_values(tests, self.level, share, self.regions.among)
            for tests in (
                [(*as_is[one], shifted.get(one, 0.0)) for one in suspects],
                [as_is[one][:OF_EVIDENCE] for one in suspects],
                [as_is[one] for one in suspects],
                # What was not held against hiding elsewhere is not sure.
                [(*as_is[one][:2], as_is[one][3]) if one in compared else (1.0,) for one in suspects],
            )
        )
        return [
            Tested(*told, evidence, before, reliance)
            for told, (evidence, _), (before, _), (reliance, _) in zip(
                of_all, of_evidence, unshifted, of_reliance, strict=True
            )
        ]

    def _ask(
        self,
        places: set[int],
        regions: Sequence[int],
        of: Sequence[int],
        into: Sequence[AskedAnswers],
        margin: float,
        *,
        own: bool,
    ) -> None:
        """Hide some of the regions, or as much elsewhere, in the images at these places."""
        if not len(of) or not places:
            return
        with progress_bar(self.progress, len(places)) as tick:
            probes = self._probes(places, [regions[one] for one in of], margin, tick)
            answers = occlude_regions(
                probes,
                (with_evidence(self.model),),
                self.fill,
                controls=0 if own else self.controls,
                own=own,
                seed=self.seed,
                batch_size=self.batch_size,
            )
            for (one,) in answers:
                for table in into:
                    table.add(one, of)

    def _probes(
        self, places: set[int], of: Sequence[int], margin: float, tick: Callable[[int], None]
    ) -> Iterator[Probe]:
        """The images, one by one."""
        for place in sorted(places):
            image = self.study.image(place)
            if place not in self._seen:
                self._seen.add(place)
                shown = unit_rgb(image)
                self._mean = RunningMean(shown.shape) if self._mean is None else self._mean
                if shown.shape == self._mean.mean.shape:
                    self._mean.add(shown)
            yield Probe(place, image, self.masks(place, image, of, margin))
            tick(1)

    def masks(
        self, place: int, image: Shaped[np.ndarray, "..."], of: Sequence[int], margin: float
    ) -> Bool[np.ndarray, "R H W"]:
        """Pixels of some regions with a margin around them, but where that is the whole image."""
        masks = self.regions.masks(image.shape[:2], place, image)[list(of)]
        if not margin:
            return masks
        wide = [widen_mask(mask, margin) for mask in masks]
        return np.stack([mask if each.all() else each for mask, each in zip(masks, wide, strict=True)])
