"""study and regions → which regions drive the wrong answers: chosen on one half, confirmed on the other."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from sightline._arguments import clear_arguments
from sightline._checks import MOST_REPEATS, check_batch_size, check_number, check_seed, check_whole
from sightline._class_names import warn_if_permuted
from sightline._progress import progress_bar
from sightline._scales import with_evidence
from sightline.adapters.checked_model import CheckedModel
from sightline.engine.fills import Surroundings
from sightline.engine.image import unit_rgb
from sightline.engine.plan import Plan, with_changes
from sightline.errors import OptionError
from sightline.findings.blame_result import Blame, RegionEffect
from sightline.findings.concept_blame import ConceptBlame
from sightline.findings.heatmaps import RunningMean, region_sums
from sightline.findings.region_effects import (
    OF_EVIDENCE,
    RegionEffects,
    adjusted_p_values,
    measure_effects,
    rule_p_values,
)
from sightline.findings.region_occlusion import Probe, occlude_regions
from sightline.findings.significance import bootstrap_ci
from sightline.regions.margins import DEFAULT_MARGIN, widen_mask
from sightline.regions.region_set import Regions
from sightline.regions.templates import named
from sightline.study.provenance import as_studied_model
from sightline.study.sample_split import SampleSplit, split_answers
from sightline.study.schema import Row, StudyResults
from sightline.study.study import as_study
from sightline.types import Fill

FEWEST = 20
"""Wrong answers below which nothing can be said: each half needs ten."""
FEWEST_GROUPS = 12
"""Groups of wrong answers below which nothing can be said: the signs of six have 64 cases, p = 0.016."""
RIGHT = 100
"""Right answers that are asked about even where there are fewer wrong ones."""
MARGIN_SHARE = 0.2
"""Share of the chance of a false alarm that is kept for regions with a margin."""
USUAL = 0.75
"""How much of a region's share of the attribution in right answers is taken off that in wrong ones."""


@clear_arguments
def blame(
    study: StudyResults | str | PathLike[str],
    regions: Regions | str | PathLike[str],
    *,
    suspect: str | Sequence[str] | None = None,
    margin: float = DEFAULT_MARGIN,
    model: object = None,
    fill: str | Fill | None = None,
    groups: Sequence[object] | Shaped[np.ndarray, "..."] | None = None,
    n_suspects: int = 3,
    min_effect: float = 0.05,
    level: float = 0.05,
    controls: int = 4,
    max_answers: int = 500,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Blame:
    """Which regions drive a model's errors, with the evidence for it.

    The images are parted at random into two halves. One half **chooses**: the regions are ranked by
    their share of the signed attribution in wrong answers (towards the class that was predicted, against
    the true one), less three quarters of their share in right ones; the first `n_suspects` are suspects.
    The other half **confirms**: there each suspect is hidden, and equal areas elsewhere in the image, and
    the model is asked again. A suspect is confirmed if, in wrong answers, hiding it

    1. gives the true class at least a share `min_effect` of what it lacked, which is the score of the
       predicted class less that of the true one;
    2. gives at least that beyond what hiding as much elsewhere gives;
    3. takes away a larger share of the evidence for the wrong class than it takes away of the evidence for
       the true class in right answers (of log-odds, where scores are probabilities);
    4. turns more of them right than hiding as much elsewhere does, as `sightline.prove` asks, too.

    Each is tested by flipping signs; the largest of the four p-values counts, adjusted for the number of
    suspects by Holm's method. A half that did not choose makes the p-values honest (Cox 1975). Where all but
    the last hold, the region speaks for the wrong class more than it is worth, and decides no answer: the
    verdict says so, and that it was not shown to drive errors.

    A `suspect` that you name was not chosen by these images, so all of them confirm, or tell how much the
    region drives at most. One region alone is named, too.

    What misleads often reaches a little beyond the region that names it, and a strip that is left is enough
    to go by. So where no suspect is confirmed as it is, each is hidden once more with a `margin` around it.
    A fifth of the chance of a false alarm is kept for that, and it is the leading one that is named: where
    two overlap, the other may only have hidden a part of the same.

    Why so. In any model, hiding what it goes by moves wrong answers towards the truth, by mere regression
    to the mean, as it moves right ones away from it. With enough errors "more than nothing" is true of most
    regions: hence a least effect that matters (a minimum-effect test; Murphy & Myors 1999). And where a
    model weighs independent, normally distributed evidence as well as can be done, each region has the same
    share of it in wrong answers as in right ones, however large that share is; a region with a larger share
    in wrong ones is one that the model relies on more than it is worth. Such a model is quiet under (3),
    not under (1) and (2).

    Of attribution in wrong answers alone the first rank goes to what any answer is made of; less all of that
    in right ones, a mark is lost that right answers go by as well. Three quarters of it found planted marks
    most often.

    Confirmed means that hiding the region helps wrong answers beyond these measures, not that anything was
    planted there: on real chest X-rays with nothing planted, where the published set to test with differs
    from the one to learn from, a region was confirmed in a fifth of the trials.

    **Concepts** (`sightline.regions.concepts`) lie anywhere and are found by what an image shows. The half of
    the images that they were found in screens them: each is hidden where it was found in wrong answers of the
    class that it speaks for, filled from its surroundings, and pasted into other images; the `n_suspects`
    that do most by both are suspects. The other half confirms: hiding gives back `min_effect`, and that much
    beyond hiding the same shape elsewhere, as above; and pasting it into images that are not called that
    class, and do not have it, raises the class beyond another piece of the same image, by a fifth of what it
    lacks or more. The largest p counts, adjusted by Holm's method. That a model goes by something does not
    make it wrong. So the true class's gain over **all** images with it, right answers too, decides what it is
    called: it misleads if that is above 0, or if it tells little of its class (the odds of finding it there
    are less than twice those in other images, and not surely higher); else it is worth more than it costs.

    Wrong answers are taken to be independent of each other. Where several images show one person or come
    from one source, they are not; name the `groups`, and whole groups are parted, flipped and drawn.

    Parameters
    ----------
    study : Study, or the path of its folder
    regions : Regions or str
        A text is a name or a file, as for `sightline.regions.named`.
    suspect : str or sequence of str, optional
        A region, or several, to test instead of those that attribution leads to.
    margin : float
        Width of the margin that is tried where nothing is confirmed without, as a share of the image's
        shorter side; 0 for none. That of `sightline.repair` has the same width.
    model : anything `as_model` takes, optional
        By default the study's own.
    fill : str or Fill, optional
        What a hidden region looks like; by default as the study's plan has it. The region and the rest of
        the image are the two segments that it is given.
    groups : "label" or sequence, optional
        What each image belongs to, one for each of ``study.places``: a person, a hospital; ``"label"``
        where each class is one person. By default every image is on its own.
    n_suspects : int
        How many suspects to test.
    min_effect : float
        The least effect worth naming, as a share of what the true class lacks; 0 to 1.
    level : float
        Chance of confirming any region where none gives back `min_effect`; between 0 and 1.
    controls : int
        How many equal areas elsewhere to hide for each region and image: its own shape, moved at random.
    max_answers : int
        Most wrong and most right answers to ask the model about, drawn at random.
    seed : int
        Which halves, equal areas and flips.
    batch_size : int, optional
        Most images in one model call; never changes the numbers beyond rounding.
    progress : bool, optional
        Show a progress bar; by default on a terminal and in a notebook.

    Returns
    -------
    Blame
        Prints as a ranked table with a verdict. With too few errors, or none confirmed, the verdict says so.

    Raises
    ------
    OptionError
        If a number is out of range, or `groups` does not fit the study.
    ModelError
        If the model is not the one that was explained.

    Examples
    --------
    >>> from sightline.regions import face
    >>> blame(sl.Study("runs/faces"), face())  # doctest: +SKIP
    """
    study, regions = as_study(study), named(regions)
    check_whole("n_suspects", n_suspects)
    check_whole("controls", controls, most=MOST_REPEATS)
    check_whole("max_answers", max_answers, FEWEST)
    check_seed("seed", seed)
    check_batch_size(batch_size)
    check_number("min_effect", min_effect, at_least=0, below=1)
    check_number("level", level, above=0, below=1)
    check_number("margin", margin, at_least=0, at_most=0.5)
    hidden_as = with_changes(Plan(fill=study.plan.fill), fill=fill).fill
    asked_for = _named_suspects(suspect, regions)
    warn_if_permuted(study.labels, study.predicted, study.class_names)
    if regions.needs_image:
        hidden_as = with_changes(Plan(fill=Surroundings()), fill=fill).fill
        numbers = n_suspects, controls, max_answers, seed, min_effect, level, batch_size, progress
        model_of = functools.partial(_model_to_ask, study, model)
        return ConceptBlame(study, regions, model_of, hidden_as, groups, asked_for, *numbers).blame()
    rng = np.random.default_rng(seed)
    split = split_answers(study, groups, rng, whole=bool(asked_for))
    head: dict[str, Any] = {
        "errors": split.n_errors,
        "min_effect": min_effect,
        "level": level,
        "fill": repr(hidden_as),
    }
    head |= {"areas": regions, "named": bool(asked_for)}
    if lack := _too_few_text(split):
        return Blame(regions=(), wrong=0, right=0, groups=None, lacked=np.nan, calls=0, lack=lack, **head)
    asked = _model_to_ask(study, model)
    shares, head["hidden_little"] = _attribution_shares(study, regions, split)
    order = np.argsort(USUAL * shares[1] - shares[0], kind="stable").tolist()
    order = [*asked_for, *(one for one in order if one not in asked_for)]
    suspects = asked_for or order[:n_suspects]
    places = split.draw_confirming(max_answers, RIGHT, rng)
    trial = _Occlusion(study, regions, asked, hidden_as, split, places, controls, seed, batch_size, progress)
    effects = trial.effects()
    tested = _test_suspects(effects, suspects, min_effect, level, 1 - MARGIN_SHARE if margin else 1.0, rng)
    told = dict(zip(suspects, tested, strict=True))
    found = [
        _effect_of_region(effects, one, regions.names[one], told.get(one), shares[:, one], level, rng)
        for one in order
    ]
    if margin and not any(one.confirmed for one in found):
        found = _with_margins(trial, found, margin, min_effect, level, rng)
    return Blame(
        regions=tuple(sorted(found, key=lambda one: (not one.suspect, -one.net_gain * one.suspect))),
        wrong=int(effects.wrong.sum()),
        right=int((~effects.wrong).sum()),
        groups=np.unique(effects.groups[effects.wrong]).size if split.grouped else None,
        lacked=float(effects.lacked[effects.wrong].mean()),
        scale=effects.scale,
        odds_lacked=float(effects.odds_lacked[effects.wrong].mean()),
        calls=trial.calls,
        image=trial.mean_image,
        **head,
    )


def _model_to_ask(study: StudyResults, model: object) -> CheckedModel:
    return study.model if model is None else as_studied_model(model, study)


def _named_suspects(suspect: str | Sequence[str] | None, regions: Regions) -> list[int]:
    """Where the named suspects stand among the regions; the only region there is is one."""
    if suspect is None:
        return [0] if len(regions) == 1 else []
    names = (suspect,) if isinstance(suspect, str) else tuple(suspect)
    if not names:
        raise OptionError("suspect names no region: leave it out, or name one or more.", slug="option-value")
    return [regions.index(name) for name in dict.fromkeys(names)]


def _too_few_text(split: SampleSplit) -> str:
    """What there is too little of, in words; empty if there is enough."""
    least, fewest = FEWEST // 2, FEWEST_GROUPS // 2
    needed = "a region that is named needs {}" if split.whole else "each of two halves needs {}"
    for kind, which in (("errors", split.wrong), ("right answers", ~split.wrong)):
        if split.fewest_answers(which) < least:
            more = "; a region that you suspect is tested on all of them: suspect= (--suspect)"
            told = more if kind == "errors" and not split.whole and which.sum() >= least else ""
            return f"too few {kind}: {int(which.sum())}, and {needed.format(least)}{told}"
    if split.grouped and split.fewest_groups() < fewest:
        where = "" if split.whole else " in one half"
        return (
            f"too few errors: the {split.n_errors} come from {split.fewest_groups()} groups{where}, "
            f"and {needed.format(fewest)}"
        )
    return ""


def _attribution_shares(
    study: StudyResults, regions: Regions, split: SampleSplit
) -> tuple[Float[np.ndarray, "2 R"], int]:
    """Share of the attribution that each region has in wrong and in right answers of the half that chooses.

    Of all answers, where there is nothing to choose. Its mean over the sum of all regions' absolute means; 0
    where all are 0. Beside it, in how many images of the study hiding everything hardly changes the score.
    """
    chooses = set(split.places[split.choosing | split.whole].tolist())
    sums, counts, little = np.zeros((2, len(regions))), np.zeros((2, 1)), 0
    for row in study.rows():
        little += row.hides_little(study.plan)
        if row.place in chooses:
            sums[int(row.right)] += signed_attribution(row, regions, study)
            counts[int(row.right)] += 1
    means = sums / np.maximum(counts, 1)
    whole = np.abs(means).sum(axis=1, keepdims=True)
    return np.asarray(means / np.where(whole > 0, whole, 1)), little


def signed_attribution(row: Row, regions: Regions, study: StudyResults) -> Float[np.ndarray, "R"]:
    """Attribution of each region towards the predicted class, against the label where that is another."""
    heat = row.heat() if row.right else row.heat() - row.heat(row.label)
    return region_sums(heat, regions, row.place, study)


@dataclasses.dataclass
class _Occlusion:
    """The model, asked about the confirming images with regions hidden."""

    study: StudyResults
    regions: Regions
    model: CheckedModel
    fill: Fill
    split: SampleSplit
    places: set[int]
    controls: int
    seed: int
    batch_size: int | None
    progress: bool | None
    calls: int = 0
    mean_image: Float[np.ndarray, "H W 3"] | None = None

    def effects(self, of: Sequence[int] | None = None, margin: float = 0.0) -> RegionEffects:
        """What hiding each region does, or some of them with a margin around."""
        with progress_bar(self.progress, len(self.places)) as tick:
            answers = occlude_regions(
                self._probes(of, margin, tick),
                (with_evidence(self.model),),
                self.fill,
                controls=self.controls,
                seed=self.seed,
                batch_size=self.batch_size,
            )
            made = measure_effects((scores for (scores,) in answers), self.split)
        self.calls += made.calls
        return made

    def _probes(
        self, of: Sequence[int] | None, margin: float, tick: Callable[[int], None]
    ) -> Iterator[Probe]:
        """The images, one by one."""
        mean: RunningMean | None = None
        for place in sorted(self.places):
            image = self.study.image(place)
            masks = self.masks(image, place, of, margin)
            shown = unit_rgb(image)
            mean = RunningMean(shown.shape) if mean is None else mean
            if shown.shape == mean.mean.shape:
                mean.add(shown)
            yield Probe(place, image, masks)
            tick(1)
        self.mean_image = None if mean is None else mean.mean

    def masks(
        self, image: Shaped[np.ndarray, "..."], place: int, of: Sequence[int] | None, margin: float
    ) -> Bool[np.ndarray, "R H W"]:
        """Pixels of all regions, or of some with a margin, but where that is the whole image."""
        masks = self.regions.masks(image.shape[:2], place, image)
        if of is None:
            return masks
        wide = [widen_mask(masks[one], margin) for one in of]
        return np.stack([masks[one] if each.all() else each for one, each in zip(of, wide, strict=True)])


class _Tested(NamedTuple):
    """What the tests said of a suspect: adjusted p, what failed, and the p of its evidence alone."""

    p: float
    failed: tuple[str, ...]
    evidence_p: float


def _test_suspects(
    effects: RegionEffects,
    suspects: Sequence[int],
    min_effect: float,
    level: float,
    share: float,
    rng: np.random.Generator,
) -> list[_Tested]:
    tests = [rule_p_values(effects, one, min_effect, rng) for one in suspects]
    of_evidence = adjusted_p_values([each[:OF_EVIDENCE] for each in tests], level, share)
    of_all = adjusted_p_values(tests, level, share)
    return [_Tested(*told, p) for told, (p, _) in zip(of_all, of_evidence, strict=True)]


def _with_margins(
    trial: _Occlusion,
    found: Sequence[RegionEffect],
    margin: float,
    min_effect: float,
    level: float,
    rng: np.random.Generator,
) -> list[RegionEffect]:
    """The regions, the suspects among them as they are with a margin where that confirms them."""
    suspects = [one for one in found if one.suspect]
    of = [trial.regions.index(one.region) for one in suspects]
    effects = trial.effects(of, margin)
    tested = _test_suspects(effects, range(len(of)), min_effect, level, MARGIN_SHARE, rng)
    wide = {}
    for number, (one, told) in enumerate(zip(suspects, tested, strict=True)):
        shares = np.array([one.wrong_share, one.right_share])
        made = _effect_of_region(effects, number, one.region, told, shares, level, rng)
        wide[one.region] = dataclasses.replace(made, margin=margin)
    place = min(trial.places)
    masks = trial.masks(trial.study.image(place), place, of, margin)
    taken = np.zeros(masks.shape[1:], dtype=bool)
    confirmed: set[str] = set()
    for number in sorted(range(len(of)), key=lambda one: -wide[suspects[one].region].net_gain):
        name = suspects[number].region
        # What another region's margin covers is that region's, which gives back more.
        if wide[name].confirmed and not (masks[number] & taken).any():
            confirmed.add(name)
            taken |= masks[number]
    return [
        wide[one.region]
        if one.region in confirmed
        else dataclasses.replace(one, margin_gain=wide[one.region].gain, margin_net=wide[one.region].net)
        if one.suspect
        else one
        for one in found
    ]


def _effect_of_region(
    effects: RegionEffects,
    region: int,
    name: str,
    told: _Tested | None,
    shares: Float[np.ndarray, "2"],
    level: float,
    rng: np.random.Generator,
) -> RegionEffect:
    wrong = effects.wrong
    gain, elsewhere = effects.gain[wrong, region], effects.control_gain[wrong, region]
    low, high = bootstrap_ci(gain, effects.groups[wrong], rng)
    odds, odds_elsewhere = effects.odds_gain[wrong, region], effects.odds_control_gain[wrong, region]
    net = bootstrap_ci(odds - odds_elsewhere, effects.groups[wrong], rng)
    odds_low, odds_high = bootstrap_ci(odds, effects.groups[wrong], rng)
    right, control_right = effects.right[:, region], effects.control_right[:, region]
    p, failed, evidence_p = told or (np.nan, (), np.nan)
    return RegionEffect(
        region=name,
        suspect=told is not None,
        gain=float(gain.mean()),
        low=low,
        high=high,
        control_gain=float(elsewhere.mean()),
        p=p,
        corrected=float(right[wrong].sum()),
        control_corrected=float(control_right[wrong].sum()),
        broken=float((1 - right[~wrong]).sum()),
        control_broken=float((1 - control_right[~wrong]).sum()),
        wrong_share=float(shares[0]),
        right_share=float(shares[1]),
        confirmed=told is not None and p <= level,
        failed=failed,
        misleads=told is not None and evidence_p <= level < p,
        evidence_p=evidence_p,
        net=net,
        odds_gain=float(odds.mean()),
        odds_low=odds_low,
        odds_high=odds_high,
        odds_control_gain=float(odds_elsewhere.mean()),
    )
