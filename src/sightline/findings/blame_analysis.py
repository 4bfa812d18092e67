"""study and regions → which regions drive the wrong answers, and which only go with a shift of the scores."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from sightline._arguments import clear_arguments
from sightline._checks import MOST_REPEATS, check_batch_size, check_number, check_seed, check_whole
from sightline._class_names import warn_if_permuted
from sightline._language import in_english, translatable
from sightline.adapters.checked_model import CheckedModel
from sightline.engine.fills import Surroundings
from sightline.engine.plan import Plan, with_changes
from sightline.errors import OptionError, warn
from sightline.findings.blame_result import Blame, RegionEffect
from sightline.findings.concept_blame import ConceptBlame
from sightline.findings.heatmaps import region_sums
from sightline.findings.rebalancing import ScoreShift, helpful_biases, log_scores, summarise_shift
from sightline.findings.region_effects import RegionEffects
from sightline.findings.region_trial import FEWEST, FEWEST_GROUPS, RegionTrial, Tested
from sightline.findings.significance import ROUNDS, bootstrap_ci
from sightline.regions.concept_shapes import GROWN
from sightline.regions.margins import DEFAULT_MARGIN
from sightline.regions.region_set import Regions
from sightline.regions.templates import named
from sightline.study.provenance import as_studied_model
from sightline.study.sample_split import SampleSplit, split_answers
from sightline.study.schema import Row, StudyResults, answers_digest
from sightline.study.study import as_study
from sightline.types import Fill

RIGHT = 100
"""Right answers that are asked about even where there are fewer wrong ones."""
N_CONCEPTS = 3
"""Concepts that are suspects, unless another number is given."""
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
    n_suspects: int | None = None,
    min_effect: float = 0.05,
    level: float = 0.05,
    controls: int = 4,
    max_answers: int = 500,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Blame:
    """Which regions drive a model's errors, with the evidence for it.

    Each region is hidden in the wrong answers, and equal areas elsewhere in the image, and the model is asked
    again. A region is confirmed if, in wrong answers, hiding it

    1. gives the true class at least a share `min_effect` of what it lacked, which is the score of the
       predicted class less that of the true one;
    2. gives at least that beyond what hiding as much elsewhere gives;
    3. takes away a larger share of the evidence for the wrong class than it takes away of the evidence for
       the true class in right answers (of log-odds, where scores are probabilities);
    4. turns more of them right than hiding as much elsewhere does, as `sightline.prove` asks, too;
    5. still does so, and still gives the true class more than hiding elsewhere, once the scores are
       rebalanced by a bias for each class. The bias that acts on an image is fitted by maximum likelihood on
       the other images (cross-fitting), on scores that the study has, and takes no model calls. One that
       makes more errors than there are explains none, and is left out.

    Each is tested by flipping signs; the largest of the p-values counts, adjusted for the number of regions
    by Holm's method. Regions that are fixed beforehand use no image twice, so all errors test all of them;
    what was found from images (`Regions` with ``found_in``) is not confirmed by these, and what was chosen
    among more regions than are given (``among``, as those drawn in the studio) is tested as one of so many.
    A region that a rule rules out is not asked about for the others, which changes nothing that is confirmed.
    Where all but the fourth hold, the region speaks for the wrong class more than it is worth, and decides
    no answer: the verdict says so, and that it was not shown to drive errors. Where all but the last hold, a
    shift of the scores does as much, as where classes are as frequent in other images as they were in those
    learned from.

    A `suspect` that you name is tested alone, and the verdict tells how much it drives at most. One region
    alone is named, too.

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

    Confirmed means that hiding the region helps wrong answers beyond these measures, not that anything was
    planted there.

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
        A region, or several, to test instead of all.
    margin : float
        Width of the margin that is tried where nothing is confirmed without, as a share of the image's
        shorter side; 0 for none. That of `sightline.repair` has the same width. Concepts always have one
        of 3 %, and none is tried.
    model : anything `as_model` takes, optional
        By default the study's own.
    fill : str or Fill, optional
        What a hidden region looks like; by default as the study's plan has it. The region and the rest of
        the image are the two segments that it is given.
    groups : "label" or sequence, optional
        What each image belongs to, one for each of ``study.places``: a person, a hospital; ``"label"``
        where each class is one person. By default every image is on its own.
    n_suspects : int, optional
        Test only so many: those that lead by their share of the signed attribution in wrong answers (towards
        the class that was predicted, against the true one), less three quarters of their share in right ones,
        in one half of the images, drawn at random. The other half confirms (Cox 1975).
    min_effect : float
        The least effect worth naming, as a share of what the true class lacks; 0 to 1.
    level : float
        Chance of confirming any region where none gives back `min_effect`; between 0 and 1.
    controls : int
        How many equal areas elsewhere to hide for each region and image: its own shape, moved at random.
    max_answers : int
        Most wrong and most right answers to ask the model about, drawn at random.
    seed : int
        Which images, equal areas and flips.
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
    if n_suspects is not None:
        check_whole("n_suspects", n_suspects)
    check_whole("controls", controls, most=MOST_REPEATS)
    check_whole("max_answers", max_answers, 2 * FEWEST)
    check_seed("seed", seed)
    check_batch_size(batch_size)
    check_number("min_effect", min_effect, at_least=0, below=1)
    check_number("level", level, above=0, below=1)
    check_number("margin", margin, at_least=0, at_most=0.5)
    hidden_as = with_changes(Plan(fill=study.plan.fill), fill=fill).fill
    asked_for = _named_suspects(suspect, regions)
    warn_if_permuted(study.labels, study.predicted, study.class_names)
    if regions.needs_image:
        if margin != DEFAULT_MARGIN:
            warn(
                f"margin={margin:g} changes nothing: these regions are found by what images show, and are "
                f"hidden and pasted with a margin of {GROWN:.0%} always.",
                slug="blame-margin",
            )
        hidden_as = with_changes(Plan(fill=Surroundings()), fill=fill).fill
        numbers = (
            n_suspects or N_CONCEPTS,
            controls,
            max_answers,
            seed,
            min_effect,
            level,
            batch_size,
            progress,
        )
        model_of = functools.partial(_model_to_ask, study, model)
        return ConceptBlame(study, regions, model_of, hidden_as, groups, asked_for, *numbers).blame()
    if regions.found_in:  # as they were found: a blur would keep a bright border
        hidden_as = with_changes(Plan(fill=Surroundings()), fill=fill).fill
    asked = _Asked(
        model,
        hidden_as,
        groups,
        asked_for,
        n_suspects,
        margin,
        min_effect,
        level,
        controls,
        max_answers,
        seed,
    )
    return _blame_regions(study, regions, asked, batch_size, progress)


class _Asked(NamedTuple):
    """How regions are to be tested: what the arguments of `blame` say."""

    model: object
    fill: Fill
    groups: Sequence[object] | Shaped[np.ndarray, "..."] | None
    suspects: list[int]
    n_suspects: int | None
    margin: float
    min_effect: float
    level: float
    controls: int
    max_answers: int
    seed: int


def _blame_regions(
    study: StudyResults, regions: Regions, how: _Asked, batch_size: int | None, progress: bool | None
) -> Blame:
    """Regions that have a fixed place, or that the person knows in each image."""
    rng = np.random.default_rng(how.seed)
    whole = bool(how.suspects) or how.n_suspects is None
    split = split_answers(study, how.groups, rng, whole=whole, found_in=regions.found_in)
    head: dict[str, Any] = {
        "errors": split.n_errors,
        "answers": answers_digest(study),
        "min_effect": how.min_effect,
        "level": how.level,
        "fill": repr(how.fill),
        "areas": regions,
        "named": bool(how.suspects),
        "halved": not split.whole,
        "among": regions.among,
    }
    n_tests = len(how.suspects) or min(how.n_suspects or len(regions), len(regions))
    level = how.level * (1 - MARGIN_SHARE if how.margin else 1.0)
    if lack := _too_few_text(split, max(n_tests, regions.among), level):
        return Blame(regions=(), wrong=0, right=0, groups=None, lacked=np.nan, calls=0, lack=lack, **head)
    noted = _note_answers(study, regions, split)
    order = np.argsort(USUAL * noted.shares[1] - noted.shares[0], kind="stable").tolist()
    order = [*how.suspects, *(one for one in order if one not in how.suspects)]
    biases = helpful_biases(noted.scores, split.labels, split.groups, split.predicted, rng)
    shifted = (noted.scores + biases).argmax(axis=1)
    trial = RegionTrial(
        study,
        regions,
        _model_to_ask(study, how.model),
        how.fill,
        split,
        split.draw_confirming(how.max_answers, RIGHT, rng, shifted != split.labels),
        dict(zip(split.places.tolist(), biases, strict=True)),
        how.controls,
        how.min_effect,
        how.level,
        how.seed,
        batch_size,
        progress,
    )
    suspects = how.suspects or order[: how.n_suspects]
    # Who names a region, or has but one, wants to know what it drives at most.
    thorough = bool(how.suspects) or how.n_suspects is not None
    effects, found = _tested_regions(trial, order, suspects, thorough, noted.shares, how.margin, rng)
    shift = summarise_shift(biases, shifted, split.predicted, split.labels, study.class_names)
    found = [_beside_shift(one, shift, int(effects.wrong.sum())) for one in found]
    return Blame(
        regions=tuple(sorted(found, key=_order_in_table)),
        wrong=int(effects.wrong.sum()),
        right=int((~effects.wrong).sum()),
        groups=np.unique(effects.groups[effects.wrong]).size if split.grouped else None,
        lacked=float(effects.lacked[effects.wrong].mean()),
        scale=effects.scale,
        odds_lacked=float(effects.odds_lacked[effects.wrong].mean()),
        calls=trial.calls,
        image=trial.mean_image,
        hidden_little=noted.hidden_little,
        rebalanced=shift,
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


def _too_few_text(split: SampleSplit, n_tests: int, level: float) -> str:
    """What there is too little of, in words; empty if there is enough."""
    if n_tests > (most := int(level * (1 + ROUNDS))):
        # The lowest p-value of all is not low enough for so many tests.
        return in_english(
            "too many regions to test at once: {n:,}, and {most:,} at most; give fewer and larger ones, name "
            "some with suspect=, or give n_suspects=",
            n=n_tests,
            most=most,
        )
    # Signs of so few cannot give a p-value that is low enough for so many tests.
    needed = math.ceil(math.log2(n_tests / level))
    for kind, which in (("errors", split.wrong), ("right answers", ~split.wrong)):
        least = max(FEWEST, needed) if kind == "errors" else FEWEST
        if (count := int((which & ~split.choosing).sum())) < least:
            return _few_text(kind, count, n_tests, least, split.whole)
    come_from = np.unique(split.groups[split.wrong & ~split.choosing]).size
    least = max(FEWEST_GROUPS, needed)
    if split.grouped and come_from < least:
        return _few_text("groups", come_from, n_tests, least, split.whole)
    return ""


TOO_FEW = {
    ("errors", True): translatable("too few errors: {count}, and {needs}"),
    ("errors", False): translatable("too few errors: {count} in the half that confirms, and {needs}"),
    ("right answers", True): translatable("too few right answers: {count}, and {needs}"),
    ("right answers", False): translatable(
        "too few right answers: {count} in the half that confirms, and {needs}"
    ),
    ("groups", True): translatable("too few errors: they come from {count} groups, and {needs}"),
    ("groups", False): translatable(
        "too few errors: they come from {count} groups in the half that confirms, and {needs}"
    ),
}
"""What there are too few of, and whether all answers were to confirm it."""


def _few_text(kind: str, count: int, n_tests: int, least: int, whole: bool) -> str:
    """Of what there are too few, how many there are, and how many so many tests need."""
    needs = (
        in_english("one region needs {least}", least=least)
        if n_tests == 1
        else in_english("testing {n} regions needs {least}", n=n_tests, least=least)
    )
    return in_english(TOO_FEW[kind, whole], count=count, needs=needs)


class _Noted(NamedTuple):
    """What a study says of its answers.

    Shares of the attribution that each region has in wrong and in right answers; scores of all images, as
    biases are added to them; in how many images hiding everything hardly changes the score.
    """

    shares: Float[np.ndarray, "2 R"]
    scores: Float[np.ndarray, "N L"]
    hidden_little: int


def _note_answers(study: StudyResults, regions: Regions, split: SampleSplit) -> _Noted:
    """Read every row once.

    Shares are those of the half that chooses, where one does: a region's mean over the sum of all regions'
    absolute means; 0 where all are 0. Of regions that were drawn, which leave most of the image out, it is
    the mean over all the attribution there is, wherever it lies: one alone would hold all of its own.
    """
    chooses = set(split.places[split.choosing | split.whole].tolist())
    sums, counts, little = np.zeros((2, len(regions))), np.zeros((2, 1)), 0
    anywhere = np.zeros((2, 1))
    scores = []
    for row in study.rows():
        little += row.hides_little(study.plan)
        scores.append(row.classes)
        if row.place in chooses:
            sums[int(row.right)] += signed_attribution(row, regions, study)
            anywhere[int(row.right)] += np.abs(_signed_heat(row)).sum() if regions.among else 0
            counts[int(row.right)] += 1
    means = sums / np.maximum(counts, 1)
    whole = np.abs(means).sum(axis=1, keepdims=True)
    if regions.among:
        whole = anywhere / np.maximum(counts, 1)
    shares = np.asarray(means / np.where(whole > 0, whole, 1))
    return _Noted(shares, log_scores(np.array(scores), study.plan.scale), little)


def signed_attribution(row: Row, regions: Regions, study: StudyResults) -> Float[np.ndarray, "R"]:
    """Attribution of each region towards the predicted class, against the label where that is another."""
    return region_sums(_signed_heat(row), regions, row.place, study)


def _signed_heat(row: Row) -> Float[np.ndarray, "h w"]:
    """The heat towards the predicted class, against the label where that is another."""
    return row.heat() if row.right else row.heat() - row.heat(row.label)


def _order_in_table(one: RegionEffect) -> tuple[bool, bool, bool, float]:
    """Confirmed ones first, then what a shift of the scores explains; then by what hiding them gives back."""
    gain = one.gain if math.isnan(one.net_gain) else one.net_gain
    return not one.suspect, not one.confirmed, not one.shifted, -gain * one.suspect


def _tested_regions(
    trial: RegionTrial,
    order: Sequence[int],
    suspects: Sequence[int],
    thorough: bool,
    shares: Float[np.ndarray, "2 R"],
    margin: float,
    rng: np.random.Generator,
) -> tuple[RegionEffects, list[RegionEffect]]:
    """All regions, those that are suspected tested, with a margin where none is confirmed without."""
    of, share = range(len(order)), 1 - MARGIN_SHARE if margin else 1.0
    effects, tested = trial.test_regions(of, suspects, margin=0.0, share=share, thorough=thorough)
    told = dict(zip(suspects, tested, strict=True))
    names = trial.regions.names
    found = [
        _effect_of_region(effects, one, names[one], told.get(one), shares[:, one], trial.level, rng)
        for one in order
    ]
    if margin and not any(one.confirmed for one in found):
        found = _with_margins(trial, found, margin, thorough, rng)
    return effects, found


def _with_margins(
    trial: RegionTrial, found: Sequence[RegionEffect], margin: float, thorough: bool, rng: np.random.Generator
) -> list[RegionEffect]:
    """The regions, those that were tested as they are with a margin where that confirms them."""
    suspects = [one for one in found if one.suspect]
    of = [trial.regions.index(one.region) for one in suspects]
    effects, tested = trial.test_regions(
        of, range(len(of)), margin=margin, share=MARGIN_SHARE, thorough=thorough
    )
    wide = {}
    for number, (one, told) in enumerate(zip(suspects, tested, strict=True)):
        shares = np.array([one.wrong_share, one.right_share])
        made = _effect_of_region(effects, number, one.region, told, shares, trial.level, rng)
        wide[one.region] = dataclasses.replace(made, margin=margin)
    place = min(trial.weights)
    masks = trial.masks(place, trial.study.image(place), of, margin)
    taken = np.zeros(masks.shape[1:], dtype=bool)
    confirmed: set[str] = set()
    for number in sorted(range(len(of)), key=lambda one: -np.nan_to_num(wide[suspects[one].region].net_gain)):
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
    told: Tested | None,
    shares: Float[np.ndarray, "2"],
    level: float,
    rng: np.random.Generator,
) -> RegionEffect:
    wrong, groups, weights = effects.wrong, effects.groups[effects.wrong], effects.weights[~effects.wrong]
    gain, odds = effects.gain[wrong, region], effects.odds_gain[wrong, region]
    odds_elsewhere = effects.odds_control_gain[wrong, region]
    right, control_right = effects.right[:, region], effects.control_right[:, region]
    # Of right answers doubtful ones may be asked about more often.
    scale = weights / weights.mean() if weights.size else weights
    p, failed, evidence_p, as_is_p, reliance_p = told or (np.nan, (), np.nan, np.nan, np.nan)
    low, high = _known_interval(gain, groups, rng)
    odds_low, odds_high = _known_interval(odds, groups, rng)
    return RegionEffect(
        region=name,
        suspect=told is not None,
        gain=float(gain.mean()),
        low=low,
        high=high,
        control_gain=float(effects.control_gain[wrong, region].mean()),
        p=p,
        corrected=float(right[wrong].sum()),
        control_corrected=float(control_right[wrong].sum()),
        broken=_sum_known((1 - right[~wrong]) * scale),
        control_broken=_sum_known((1 - control_right[~wrong]) * scale),
        wrong_share=float(shares[0]),
        right_share=float(shares[1]),
        confirmed=told is not None and p <= level,
        failed=failed,
        misleads=told is not None and evidence_p <= level < min(p, as_is_p),
        evidence_p=evidence_p,
        net=_known_interval(odds - odds_elsewhere, groups, rng),
        odds_gain=float(odds.mean()),
        odds_low=odds_low,
        odds_high=odds_high,
        odds_control_gain=float(odds_elsewhere.mean()),
        shifted=told is not None and as_is_p <= level < p,
        as_is_p=as_is_p,
        reliance_p=reliance_p,
    )


def _beside_shift(one: RegionEffect, shift: ScoreShift, wrong: int) -> RegionEffect:
    """What vanishes once scores are rebalanced is a shift of the scores only where that mends as much."""
    turned = (one.corrected - one.control_corrected) / wrong
    return dataclasses.replace(one, shifted=False) if one.shifted and not shift.does_as_much(turned) else one


def _known_interval(
    values: Float[np.ndarray, "N"], groups: Shaped[np.ndarray, "N"], rng: np.random.Generator
) -> tuple[float, float]:
    """The interval of a mean; NaN where the model was not asked."""
    return (np.nan, np.nan) if np.isnan(values).any() else bootstrap_ci(values, groups, rng)


def _sum_known(values: Float[np.ndarray, "N"]) -> float:
    """A sum; NaN where the model was not asked of any."""
    return float(values.sum()) if values.size else np.nan
