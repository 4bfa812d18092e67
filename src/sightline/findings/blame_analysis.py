"""study and regions → which regions drive the wrong answers: chosen on one half, confirmed on the other."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float

from sightline._batch_sizes import choose_batch_size
from sightline._checks import check_batch_size, check_number, check_whole
from sightline._progress import progress_bar
from sightline.adapters import as_model
from sightline.engine.plan import Plan, with_changes
from sightline.findings.blame_result import Blame, RegionEffect
from sightline.findings.region_effects import RegionEffects, measure_effects, suspect_p_values
from sightline.findings.region_occlusion import RegionScores, occlude_regions
from sightline.findings.resampling import bootstrap_ci
from sightline.findings.sample_split import SampleSplit, split_answers
from sightline.regions.region_set import Regions
from sightline.study.schema import Row, StudyResults
from sightline.types import Fill

FEWEST = 20
"""Wrong answers below which nothing can be said: each half needs ten."""
FEWEST_GROUPS = 12
"""Groups of wrong answers below which nothing can be said: the signs of six have 64 cases, p = 0.016."""
RIGHT = 100
"""Right answers that are asked about even where there are fewer wrong ones."""
USUAL = 0.75
"""How much of a region's share of the attribution in right answers is taken off that in wrong ones."""


def blame(
    study: StudyResults,
    regions: Regions,
    *,
    model: Any = None,
    fill: str | Fill | None = None,
    groups: Any = None,
    lead: int = 3,
    least: float = 0.05,
    level: float = 0.05,
    spots: int = 4,
    most: int = 500,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Blame:
    """Which regions drive a model's errors, with the evidence for it.

    The images are parted at random into two halves. One half **chooses**: the regions are ranked by
    their share of the signed attribution in wrong answers (towards the class that was predicted, against
    the true one), less three quarters of their share in right ones; the first `lead` are suspects. The other
    half **confirms**: there each suspect is hidden, and equal areas elsewhere in the image, and the model
    is asked again. A suspect is confirmed if, in wrong answers, hiding it

    1. gives the true class at least a share `least` of what it lacked, which is the score of the predicted
       class less that of the true one;
    2. gives at least that beyond what hiding as much elsewhere gives;
    3. takes away a larger share of the evidence for the wrong class than it takes away of the evidence for
       the true class in right answers (of log-odds, where scores are probabilities).

    Each is tested by flipping signs; the largest of the three p-values counts, adjusted for the number of
    suspects by Holm's method. A half that did not choose makes the p-values honest (Cox 1975).

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
    planted there: on real chest X-rays with nothing planted, a region was confirmed in half of the models.

    Wrong answers are taken to be independent of each other. Where several images show one person or come
    from one source, they are not; name the `groups`, and whole groups are parted, flipped and drawn.

    Parameters
    ----------
    study : Study
    regions : Regions
    model : anything `as_model` takes, optional
        By default the study's own.
    fill : str or Fill, optional
        What a hidden region looks like; by default as the study's plan has it. The region and the rest of
        the image are the two segments that it is given.
    groups : "label" or sequence, optional
        What each image belongs to, one for each of ``study.places``: a person, a hospital; ``"label"``
        where each class is one person. By default every image is on its own.
    lead : int
        How many suspects to test.
    least : float
        The least effect worth naming, as a share of what the true class lacks; 0 to 1.
    level : float
        Chance of confirming any region where none gives back `least`; between 0 and 1.
    spots : int
        How many equal areas elsewhere to hide for each region and image: its own shape, moved at random.
    most : int
        Most wrong and most right answers to ask the model about, drawn at random.
    seed : int
        Which halves, equal areas and flips.
    batch_size : int, optional
        Most images in one model call; never changes the numbers beyond rounding.
    progress : bool, optional
        Show a progress bar; by default on a terminal.

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
    >>> from sightline.regions.builders import face
    >>> blame(sl.Study("runs/faces"), face())  # doctest: +SKIP
    """
    check_whole("lead", lead)
    check_whole("spots", spots)
    check_whole("most", most, FEWEST)
    check_whole("seed", seed, 0)
    check_number("least", least, at_least=0, below=1)
    check_number("level", level, above=0, below=1)
    check_batch_size(batch_size)
    how = with_changes(Plan(fill=study.plan.fill), fill=fill).fill
    rng = np.random.default_rng(seed)
    parted = split_answers(study, groups, rng)
    if lack := _too_few_text(parted):
        return Blame((), parted.n_errors, 0, 0, None, np.nan, least, level, repr(how), 0, lack)
    asked = study.model if model is None else as_model(model, class_names=study.class_names)
    wrong, right = _mean_attributions(study, regions, parted)
    shares = _attribution_shares(wrong), _attribution_shares(right)
    order = np.argsort(USUAL * shares[1] - shares[0], kind="stable").tolist()
    places = parted.draw_confirming(most, RIGHT, rng)
    size = choose_batch_size(batch_size, asked, study.image(min(places)))
    rows = (row for row in study.rows() if row.place in places)
    with progress_bar(progress, len(places)) as tick:
        hidden = occlude_regions(
            study, regions, rows, asked, how=how, spots=spots, seed=seed, batch_size=size
        )
        told = measure_effects(_ticked(hidden, tick), parted)
    ps = suspect_p_values(told, order[:lead], least, rng)
    lines = [
        _effect_of_region(told, one, regions.names[one], ps.get(one), shares, level, rng) for one in order
    ]
    return Blame(
        regions=tuple(sorted(lines, key=lambda line: (not line.suspect, -line.net_gain * line.suspect))),
        errors=parted.n_errors,
        wrong=int(told.wrong.sum()),
        right=int((~told.wrong).sum()),
        groups=np.unique(told.groups[told.wrong]).size if parted.named else None,
        lacked=float(told.lacked[told.wrong].mean()),
        least=least,
        level=level,
        fill=repr(how),
        calls=told.calls,
    )


def _too_few_text(parted: SampleSplit) -> str:
    """What there is too little of, in words; empty if there is enough."""
    for kind, which in (("errors", parted.wrong), ("right answers", ~parted.wrong)):
        if parted.fewest_answers(which) < FEWEST // 2:
            return f"too few {kind}: {int(which.sum())}, and each of two halves needs {FEWEST // 2}"
    if parted.named and parted.fewest_groups() < FEWEST_GROUPS // 2:
        return (
            f"too few errors: the {parted.n_errors} come from {parted.fewest_groups()} groups in one half, "
            f"and each half needs {FEWEST_GROUPS // 2}"
        )
    return ""


def _mean_attributions(
    study: StudyResults, regions: Regions, parted: SampleSplit
) -> tuple[Float[np.ndarray, "R"], Float[np.ndarray, "R"]]:
    """Mean attribution of each region in wrong and in right answers of the half that chooses."""
    chooses = set(parted.places[parted.chooses].tolist())
    sums, counts = np.zeros((2, len(regions))), np.zeros((2, 1))
    for row in study.rows():
        if row.place in chooses:
            sums[int(row.right)] += signed_attribution(row, regions)
            counts[int(row.right)] += 1
    wrong, right = sums / np.maximum(counts, 1)
    return wrong, right


def signed_attribution(row: Row, regions: Regions) -> Float[np.ndarray, "R"]:
    """Attribution of each region towards the predicted class, against the label where that is another."""
    heat = row.heat() if row.right else row.heat() - row.heat(row.label)
    return np.asarray([heat[mask].sum() for mask in regions.masks(heat.shape, row.place)])


def _effect_of_region(
    told: RegionEffects,
    region: int,
    name: str,
    p: float | None,
    shares: tuple[Float[np.ndarray, "R"], Float[np.ndarray, "R"]],
    level: float,
    rng: np.random.Generator,
) -> RegionEffect:
    wrong = told.wrong
    gain = told.gain[wrong, region]
    low, high = bootstrap_ci(gain, told.groups[wrong], rng)
    there, away = told.right_there[:, region], told.right_elsewhere[:, region]
    return RegionEffect(
        region=name,
        suspect=p is not None,
        gain=float(gain.mean()),
        low=low,
        high=high,
        elsewhere=float(told.elsewhere[wrong, region].mean()),
        p=np.nan if p is None else p,
        righted=float(there[wrong].sum()),
        righted_elsewhere=float(away[wrong].sum()),
        wronged=float((1 - there[~wrong]).sum()),
        wronged_elsewhere=float((1 - away[~wrong]).sum()),
        wrong_share=float(shares[0][region]),
        right_share=float(shares[1][region]),
        confirmed=p is not None and p <= level,
    )


def _attribution_shares(means: Float[np.ndarray, "R"]) -> Float[np.ndarray, "R"]:
    """Each region's mean over the sum of absolute means; 0 where all are 0."""
    total = np.abs(means).sum()
    return means / total if total > 0 else means


def _ticked(hidden: Iterable[RegionScores], tick: Callable[[int], None]) -> Iterator[RegionScores]:
    for one in hidden:
        tick(1)
        yield one
