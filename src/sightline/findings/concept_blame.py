"""study and concepts → what, by its looks, misleads a model: screened on one half, confirmed on the other."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sightline._class_names import class_text
from sightline._language import in_english
from sightline._progress import progress_bar
from sightline.adapters.checked_model import CheckedModel
from sightline.engine.image import PixelForm
from sightline.errors import warn
from sightline.findings.blame_result import Blame, RegionEffect
from sightline.findings.concept_trial import ConceptTrial, PasteEffects, Sightings, numbers_where
from sightline.findings.region_effects import RegionEffects
from sightline.findings.region_trial import FEWEST_GROUPS
from sightline.findings.significance import (
    TELLING,
    bootstrap_ci,
    holm_adjusted,
    odds_ratio,
    sign_flip_test,
)
from sightline.regions.concept_ranking import group_alike, t_values
from sightline.regions.concept_shapes import concept_classes
from sightline.regions.region_set import Regions
from sightline.study.sample_split import SampleSplit, split_answers
from sightline.study.schema import StudyResults, answers_digest
from sightline.types import Fill, record

CONCEPT_RULES = (in_english("least effect"), in_english("elsewhere"), in_english("pasting"))
"""What a concept is held against to be confirmed."""
FEWEST_FOUND = 8
"""Wrong answers with a detection, called what the concept speaks for, below which it is not tested."""
FEWEST_DONORS, FEWEST_TARGETS = 3, 8
"""Images that a concept is pasted from and into, below which that is not tested."""
MOST_SCREENED, MOST_TARGETS, FEW_TARGETS = 50, 60, 20
"""Wrong answers that screen a concept, and images it is pasted into to confirm and to screen."""
LEADING = 8
"""Concepts that are pasted to screen them, of those whose hiding does most."""
PASTE_MARGIN = 0.2
"""Share of what the class lacks that pasting has to give beyond another piece of the same image."""
NEARLY = 0.8
"""Share of the best effect of look-alikes that the tightest of them, which is kept, has to have."""


@record
class _Candidate:
    """A concept, the class that it speaks for, and how the half that chooses ranks it."""

    concept: int
    towards: int
    hidden: float = -np.inf
    pasted: float = -np.inf
    effect: float = -np.inf
    share: float = 1.0

    @property
    def surely(self) -> float:
        """The less sure of the two."""
        return min(self.hidden, self.pasted)


@dataclasses.dataclass
class ConceptBlame:
    """Blame of concepts, step by step.

    Parameters
    ----------
    study : Study
    concepts : Regions
    model : callable
        Gives the model; called where there are errors enough to ask it about.
    fill : Fill
    groups : sequence or None
        What each image belongs to.
    suspects : sequence of int
        Concepts that are to be tested; empty to choose them.
    n_suspects, controls, max_answers, seed : int
    min_effect, level : float
    batch_size : int or None
    progress : bool or None
    """

    study: StudyResults
    concepts: Regions
    model: Callable[[], CheckedModel]
    fill: Fill
    groups: Sequence[object] | Shaped[np.ndarray, "..."] | None
    suspects: Sequence[int]
    n_suspects: int
    controls: int
    max_answers: int
    seed: int
    min_effect: float
    level: float
    batch_size: int | None
    progress: bool | None = None
    scale: str = dataclasses.field(default="probability", init=False)

    def blame(self) -> Blame:
        """Which concepts mislead, and which are worth more than they cost."""
        self.rng = np.random.default_rng(self.seed)
        named = bool(self.suspects)
        found_in = set(getattr(self.concepts.shapes, "found_in", ()))
        used = np.array([one in found_in for one in self.study.ids], dtype=bool)
        columns = max((len(row.classes) for row in self.study.rows()), default=0)
        self.classes = concept_classes(
            self.concepts, self.study.class_names, columns, here=not found_in or bool(used.any())
        )
        told = all(self.classes[one] is not None for one in self.suspects)
        self.split = _concept_split(self.study, used, self.groups, self.rng, told=named and told)
        head: dict[str, Any] = {
            "errors": self.split.n_errors,
            "answers": answers_digest(self.study),
            "min_effect": self.min_effect,
            "level": self.level,
            "fill": repr(self.fill),
            "areas": self.concepts,
            "named": named,
            "of_concepts": True,
            "screened": len(self.concepts),
        }
        wrong = self.split.wrong
        confirming = wrong & ~self.split.choosing
        head |= {"wrong": int(confirming.sum()), "right": int((~wrong & ~self.split.choosing).sum())}
        grouped = np.unique(self.split.groups[confirming]).size if self.split.grouped else None
        if lack := _too_few_concepts(self.split):
            return Blame(regions=(), groups=grouped, lacked=np.nan, calls=0, lack=lack, **head)
        steps = len(self.split.places) + len(self.concepts) + self.n_suspects
        with progress_bar(self.progress, steps) as self.tick:
            self.sightings = Sightings(self.study, self.concepts, self.tick)
            _warn_of_forms(self.sightings.forms)
            self.trial = ConceptTrial(
                self.sightings, self.model(), self.fill, self.split, self.seed, self.batch_size
            )
            candidates = self._candidates()
            rows = self._confirm(candidates if named else self._screen(candidates)[: self.n_suspects])
        return Blame(
            regions=tuple(rows),
            groups=grouped,
            lacked=np.nan,
            scale=self.scale,
            calls=self.trial.calls,
            **head,
        )

    def _candidates(self) -> list[_Candidate]:
        """Each concept with its class: what it was found by, or what wrong answers with it are called."""
        choosing = self.split.wrong & (self.split.choosing | self.split.whole)
        made = []
        for concept in self.suspects or range(len(self.concepts)):
            told = self.classes[concept]
            if told is not None:
                made.append(_Candidate(concept, told))
                continue
            called = self.split.predicted[choosing & self.sightings.found[:, concept]]
            if len(called):
                made.append(_Candidate(concept, int(np.bincount(called).argmax())))
        return made

    def _screen(self, candidates: Sequence[_Candidate]) -> list[_Candidate]:
        """Those that help most where they are hidden and raise their class where they are pasted, best first.

        Of several that mark the same place, the tightest stands for all that does nearly as much as the best.
        """
        hidden = [self._screen_hidden(one) for one in candidates]
        ranked = sorted((one for one in hidden if np.isfinite(one.hidden)), key=lambda one: -one.hidden)
        alike = group_alike(ranked, self._are_alike)
        leading = [self._screen_pasted(_tightest(several)) for several in alike[:LEADING]]
        return sorted(leading, key=lambda one: -one.surely)

    def _are_alike(self, one: _Candidate, other: _Candidate) -> bool:
        """Whether two speak for one class, and mark the same place in wrong answers called so."""
        if one.towards != other.towards:
            return False
        wrong = self._wrong_called(one.towards, choosing=True)
        return self.sightings.are_alike(one.concept, other.concept, wrong)

    def _wrong_called(self, towards: int, *, choosing: bool) -> Int[np.ndarray, "n"]:
        """Numbers of the wrong answers of one half that are called a class."""
        half = self.split.choosing == choosing
        return numbers_where(self.split.wrong, self.split.predicted == towards, half)

    def _screen_hidden(self, one: _Candidate) -> _Candidate:
        wrong = self._wrong_called(one.towards, choosing=True)
        wrong = np.sort(np.random.default_rng(self.seed).permutation(wrong)[:MOST_SCREENED])
        found = self.sightings.found[wrong, one.concept]
        self.tick(1)
        if found.sum() < min(6, FEWEST_FOUND):
            return one
        effects = self.trial.hide(one.concept, wrong[found], 1)
        net = np.zeros(len(wrong))
        net[found] = (
            effects.odds_gain[:, 0] - effects.odds_control_gain[:, 0] - self.min_effect * effects.odds_lacked
        )
        share = float(self.sightings.shares[wrong[found], one.concept].mean())
        return dataclasses.replace(one, hidden=float(t_values(net)), effect=float(net.mean()), share=share)

    def _screen_pasted(self, one: _Candidate) -> _Candidate:
        half = self.split.choosing
        pasted = self._paste(one, half, half, FEW_TARGETS)
        value = -np.inf if pasted is None else float(t_values(pasted.beyond(0.0)))
        return dataclasses.replace(one, pasted=value)

    def _paste(
        self,
        one: _Candidate,
        donating: Bool[np.ndarray, "N"],
        receiving: Bool[np.ndarray, "N"],
        most: int,
    ) -> PasteEffects | None:
        """What pasting does: from wrong answers called the class, into images not called it, without it."""
        found, called = self.sightings.found[:, one.concept], self.split.predicted == one.towards
        donors = numbers_where(self.split.wrong, called, found, donating).tolist()
        forms = self.sightings.forms
        giving = Counter(forms[donor] for donor in donors)
        able = [giving[form] >= FEWEST_DONORS for form in forms]
        targets = numbers_where(~called, ~found, receiving, able)
        if len(targets) < FEWEST_TARGETS:
            return None
        targets = np.sort(self.rng.permutation(targets)[:most])
        return self.trial.paste(one.concept, one.towards, donors, targets.tolist())

    def _confirm(self, suspects: Sequence[_Candidate]) -> list[RegionEffect]:
        """Each suspect, tested on the half that did not choose; those whose hiding helps most first."""
        tested = [self._test(one) for one in suspects]
        adjusted = holm_adjusted([max(ps) for _, ps in tested]) if tested else []
        rows = []
        for (row, ps), p in zip(tested, adjusted, strict=True):
            failed = tuple(
                rule for rule, own in zip(CONCEPT_RULES, ps, strict=True) if own * p / max(ps) > self.level
            )
            real = p <= self.level
            misleads = real and (row.overall > 0 or _tells_little(row.class_odds))
            rows.append(
                dataclasses.replace(
                    row, p=p, failed=failed, confirmed=misleads, worthwhile=real and not misleads
                )
            )
        return sorted(rows, key=lambda one: (not one.confirmed, not one.worthwhile, one.p, -one.net_gain))

    def _test(self, one: _Candidate) -> tuple[RegionEffect, tuple[float, ...]]:
        """What was measured of a suspect, and the p-value of each of `CONCEPT_RULES`."""
        self.tick(1)
        confirming = ~self.split.choosing
        found = self.sightings.found[:, one.concept] & confirming
        mine = found & self.split.wrong & (self.split.predicted == one.towards)
        if mine.sum() < FEWEST_FOUND:
            return self._effect(one, None, None), (1.0,) * len(CONCEPT_RULES)
        first = self.rng.permutation(numbers_where(mine))[: self.max_answers]
        others = self.rng.permutation(numbers_where(found & ~mine))[: self.max_answers]
        numbers = np.sort(np.concatenate([first, others]))
        effects = self.trial.hide(one.concept, numbers, self.controls)
        self.scale = effects.scale
        donating = self.split.choosing if self.split.choosing.any() else confirming
        pasted = self._paste(one, donating, confirming, MOST_TARGETS)
        own = mine[numbers]
        groups, needed = effects.groups[own], self.min_effect * effects.odds_lacked[own]
        gain, elsewhere = effects.odds_gain[own, 0], effects.odds_control_gain[own, 0]
        ps = (
            sign_flip_test(gain - needed, groups, self.rng),
            sign_flip_test(gain - elsewhere - needed, groups, self.rng),
            1.0 if pasted is None else sign_flip_test(pasted.beyond(PASTE_MARGIN), pasted.groups, self.rng),
        )
        counts = int(mine.sum()), int((found & ~mine).sum())
        return self._effect(one, _Hidden(effects, own, counts), pasted), ps

    def _effect(
        self,
        one: _Candidate,
        hidden: "_Hidden | None",
        pasted: PasteEffects | None,
    ) -> RegionEffect:
        """What was measured of a suspect; not a number where it was not tested."""
        called = (self.split.predicted == one.towards) & ~self.split.choosing
        found, wrong = self.sightings.found[:, one.concept], self.split.wrong
        counts = {
            "found_wrong": int((found & called & wrong).sum()),
            "called_wrong": int((called & wrong).sum()),
            "found_right": int((found & called & ~wrong).sum()),
            "called_right": int((called & ~wrong).sum()),
        }
        told: dict[str, Any] = {
            "region": self.concepts.names[one.concept],
            "suspect": True,
            "p": 1.0,
            "confirmed": False,
            "towards": class_text(one.towards, self.study.class_names),
            "wrong_share": np.nan,
            "right_share": np.nan,
            **counts,
            **self._class_shares(one),
        }
        if hidden is None:
            told |= dict.fromkeys(("gain", "low", "high", "control_gain"), np.nan)
            told |= dict.fromkeys(("corrected", "control_corrected", "broken", "control_broken"), 0.0)
            return RegionEffect(**told)
        told |= _hidden_numbers(hidden, self.rng)
        if pasted is not None:
            told |= {
                "pasted": len(pasted),
                "pasted_gain": float(pasted.gain.mean()),
                "pasted_control": float(pasted.control_gain.mean()),
            }
        return RegionEffect(**told)

    def _class_shares(self, one: _Candidate) -> dict[str, Any]:
        """How often the concept is found in images of its class and in others, of the half that confirms."""
        confirming = ~self.split.choosing
        found, of_class = self.sightings.found[:, one.concept], self.split.labels == one.towards
        inside, outside = found[confirming & of_class], found[confirming & ~of_class]
        return {
            "class_share": float(inside.mean()) if len(inside) else np.nan,
            "others_share": float(outside.mean()) if len(outside) else np.nan,
            "class_odds": odds_ratio(inside, outside),
        }


@record
class _Hidden:
    """What hiding a concept did in the images that the model was asked about, and how many there are.

    Parameters
    ----------
    effects : RegionEffects
    own : bool array, shape (n,)
        Which images are its own: wrong answers called what it speaks for.
    counts : tuple of int
        Its own images, and all others with it, asked about or not.
    """

    effects: RegionEffects
    own: Bool[np.ndarray, "n"]
    counts: tuple[int, int]

    @property
    def weights(self) -> Float[np.ndarray, "n"]:
        """How many images each stands for: of its own as many may have been drawn as of far more others."""
        drawn = int(self.own.sum()), int((~self.own).sum())
        each = [count / max(1, several) for count, several in zip(self.counts, drawn, strict=True)]
        return np.where(self.own, *each)


def _hidden_numbers(hidden: _Hidden, rng: np.random.Generator) -> dict[str, Any]:
    """What hiding a concept did: in the wrong answers that are its own, and in all images with it."""
    effects, own, weights = hidden.effects, hidden.own, hidden.weights
    gain, elsewhere = effects.gain[own, 0], effects.control_gain[own, 0]
    odds, odds_elsewhere = effects.odds_gain[own, 0], effects.odds_control_gain[own, 0]
    groups, wrong = effects.groups[own], effects.wrong
    low, high = bootstrap_ci(gain, groups, rng)
    odds_low, odds_high = bootstrap_ci(odds, groups, rng)
    overall = effects.gain[:, 0] - effects.control_gain[:, 0]
    right, control_right = effects.right[:, 0], effects.control_right[:, 0]
    turned, kept = weights * wrong, weights * ~wrong
    return {
        "gain": float(gain.mean()),
        "low": low,
        "high": high,
        "control_gain": float(elsewhere.mean()),
        "lacked": float(effects.lacked[own].mean()),
        "odds_lacked": float(effects.odds_lacked[own].mean()),
        "net": bootstrap_ci(odds - odds_elsewhere, groups, rng),
        "odds_gain": float(odds.mean()),
        "odds_low": odds_low,
        "odds_high": odds_high,
        "odds_control_gain": float(odds_elsewhere.mean()),
        "corrected": float(turned @ right),
        "control_corrected": float(turned @ control_right),
        "broken": float(kept @ (1 - right)),
        "control_broken": float(kept @ (1 - control_right)),
        "found_all": sum(hidden.counts),
        "asked_all": len(overall),
        "overall": float(np.average(overall, weights=weights)),
        "overall_ci": bootstrap_ci(overall, effects.groups, rng, weights=weights),
    }


def _concept_split(
    study: StudyResults,
    used: Bool[np.ndarray, "N"],
    groups: Sequence[object] | Shaped[np.ndarray, "..."] | None,
    rng: np.random.Generator,
    *,
    told: bool,
) -> SampleSplit:
    """The half that the concepts were found in chooses; where that was another study's, half by lot.

    Of a group of which one image was looked at, no image confirms. Where concepts are named that another
    study found, and all their classes are told, nothing is left to choose, and all confirm.
    """
    split = split_answers(study, groups, rng, whole=told and not used.any())
    if not used.any():
        return split
    return dataclasses.replace(split, choosing=np.isin(split.groups, split.groups[used]))


def _too_few_concepts(split: SampleSplit) -> str:
    """What there is too little of, in words; empty if there is enough."""
    if split.choosing.all():
        return in_english(
            "no image is left to confirm anything: the concepts were found in all of them, or in one of "
            "each group at least. Concepts of another study, or smaller groups, leave some"
        )
    halves = (~split.choosing,) if split.whole else (split.choosing, ~split.choosing)
    groups = min(np.unique(split.groups[split.wrong & half]).size for half in halves)
    if split.grouped and groups < FEWEST_GROUPS:
        return in_english(
            "too few errors: the {count} come from {groups} groups in one half, and each of two halves needs "
            "{fewest}",
            count=split.n_errors,
            groups=groups,
            fewest=FEWEST_GROUPS,
        )
    for wrong, which in ((True, split.wrong), (False, ~split.wrong)):
        fewest = split.fewest_answers(which)
        if fewest < FEWEST_FOUND:
            values = {"count": int(which.sum()), "fewest": FEWEST_FOUND}
            return (
                in_english(
                    "too few errors: {count}, and each of two halves needs {fewest}, the one that concepts "
                    "are found in and the one that confirms",
                    **values,
                )
                if wrong
                else in_english(
                    "too few right answers: {count}, and each of two halves needs {fewest}, the one that "
                    "concepts are found in and the one that confirms",
                    **values,
                )
            )
    return ""


def _warn_of_forms(forms: Sequence[PixelForm]) -> None:
    """Say that not all images can lend each other pixels."""
    kinds = Counter(forms)
    if len(kinds) > 1:
        told = ", ".join(
            f"{kind} of {channels[0] if channels else 1} channels: {n}"
            for (kind, channels), n in kinds.items()
        )
        warn(
            f"the images of the study are of several kinds ({told}), whose pixels do not mean the same. "
            "Concepts are pasted only between images of one kind.",
            slug="concepts-forms",
        )


def _tightest(alike: Sequence[_Candidate]) -> _Candidate:
    """Of those that mark the same place, best first, the smallest that does nearly as much as the best."""
    best = alike[0]
    if best.hidden <= 0:
        return best
    near = [one for one in alike if one.effect >= NEARLY * best.effect and one.hidden >= NEARLY * best.hidden]
    return min(near, key=lambda one: one.share)


def _tells_little(odds: tuple[float, float]) -> bool:
    """Whether a concept may be as frequent in all classes, and is likelier so than a sign of its own.

    Halfway between no sign, an odds ratio of 1, and one of four.
    """
    return odds[0] <= 1 and odds[0] * odds[1] < TELLING**2
