"""study and regions → which regions drive the wrong answers: chosen on one half, confirmed on the other."""

from collections.abc import Callable, Iterator, Sequence
from os import PathLike

import numpy as np
from jaxtyping import Float, Shaped

from sightline._arguments import clear_arguments
from sightline._checks import check_batch_size, check_number, check_whole
from sightline._progress import progress_bar
from sightline.adapters import as_model
from sightline.engine.plan import Plan, with_changes
from sightline.findings.blame_result import Blame, RegionEffect
from sightline.findings.heatmaps import region_sums
from sightline.findings.region_effects import RegionEffects, measure_effects, suspect_p_values
from sightline.findings.region_occlusion import Probe, occlude_regions
from sightline.findings.sample_split import SampleSplit, split_answers
from sightline.findings.significance import bootstrap_ci
from sightline.regions.region_set import Regions
from sightline.regions.templates import named
from sightline.study.schema import Row, StudyResults
from sightline.study.study import as_study
from sightline.types import Fill

FEWEST = 20
"""Wrong answers below which nothing can be said: each half needs ten."""
FEWEST_GROUPS = 12
"""Groups of wrong answers below which nothing can be said: the signs of six have 64 cases, p = 0.016."""
RIGHT = 100
"""Right answers that are asked about even where there are fewer wrong ones."""
USUAL = 0.75
"""How much of a region's share of the attribution in right answers is taken off that in wrong ones."""


@clear_arguments
def blame(
    study: StudyResults | str | PathLike[str],
    regions: Regions | str | PathLike[str],
    *,
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
    study : Study, or the path of its folder
    regions : Regions or str
        A text is a name or a file, as for `sightline.regions.named`.
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
    >>> from sightline.regions import face
    >>> blame(sl.Study("runs/faces"), face())  # doctest: +SKIP
    """
    study, regions = as_study(study), named(regions)
    check_whole("n_suspects", n_suspects)
    check_whole("controls", controls)
    check_whole("max_answers", max_answers, FEWEST)
    check_whole("seed", seed, 0)
    check_batch_size(batch_size)
    check_number("min_effect", min_effect, at_least=0, below=1)
    check_number("level", level, above=0, below=1)
    hidden_as = with_changes(Plan(fill=study.plan.fill), fill=fill).fill
    rng = np.random.default_rng(seed)
    split = split_answers(study, groups, rng)
    if lack := _too_few_text(split):
        return Blame((), split.n_errors, 0, 0, None, np.nan, min_effect, level, repr(hidden_as), 0, lack)
    asked = study.model if model is None else as_model(model, class_names=study.class_names)
    shares = _attribution_shares(study, regions, split)
    order = np.argsort(USUAL * shares[1] - shares[0], kind="stable").tolist()
    places = split.draw_confirming(max_answers, RIGHT, rng)
    with progress_bar(progress, len(places)) as tick:
        probes = _confirming_probes(study, regions, places, tick)
        answers = occlude_regions(
            probes, (asked,), hidden_as, controls=controls, seed=seed, batch_size=batch_size
        )
        effects = measure_effects((scores for (scores,) in answers), split)
    ps = suspect_p_values(effects, order[:n_suspects], min_effect, rng)
    found = [
        _effect_of_region(effects, one, regions.names[one], ps.get(one), shares[:, one], level, rng)
        for one in order
    ]
    return Blame(
        regions=tuple(sorted(found, key=lambda one: (not one.suspect, -one.net_gain * one.suspect))),
        errors=split.n_errors,
        wrong=int(effects.wrong.sum()),
        right=int((~effects.wrong).sum()),
        groups=np.unique(effects.groups[effects.wrong]).size if split.grouped else None,
        lacked=float(effects.lacked[effects.wrong].mean()),
        min_effect=min_effect,
        level=level,
        fill=repr(hidden_as),
        calls=effects.calls,
    )


def _too_few_text(split: SampleSplit) -> str:
    """What there is too little of, in words; empty if there is enough."""
    for kind, which in (("errors", split.wrong), ("right answers", ~split.wrong)):
        if split.fewest_answers(which) < FEWEST // 2:
            return f"too few {kind}: {int(which.sum())}, and each of two halves needs {FEWEST // 2}"
    if split.grouped and split.fewest_groups() < FEWEST_GROUPS // 2:
        return (
            f"too few errors: the {split.n_errors} come from {split.fewest_groups()} groups in one half, "
            f"and each half needs {FEWEST_GROUPS // 2}"
        )
    return ""


def _attribution_shares(
    study: StudyResults, regions: Regions, split: SampleSplit
) -> Float[np.ndarray, "2 R"]:
    """Share of the attribution that each region has in wrong and in right answers of the half that chooses.

    Its mean over the sum of all regions' absolute means; 0 where all are 0.
    """
    chooses = set(split.places[split.choosing].tolist())
    sums, counts = np.zeros((2, len(regions))), np.zeros((2, 1))
    for row in study.rows():
        if row.place in chooses:
            sums[int(row.right)] += signed_attribution(row, regions)
            counts[int(row.right)] += 1
    means = sums / np.maximum(counts, 1)
    whole = np.abs(means).sum(axis=1, keepdims=True)
    return np.asarray(means / np.where(whole > 0, whole, 1))


def signed_attribution(row: Row, regions: Regions) -> Float[np.ndarray, "R"]:
    """Attribution of each region towards the predicted class, against the label where that is another."""
    heat = row.heat() if row.right else row.heat() - row.heat(row.label)
    return region_sums(heat, regions, row.place)


def _confirming_probes(
    study: StudyResults, regions: Regions, places: set[int], tick: Callable[[int], None]
) -> Iterator[Probe]:
    """The images of some places, one by one."""
    for place in sorted(places):
        image = study.image(place)
        yield Probe(place, image, regions.masks(image.shape[:2], place))
        tick(1)


def _effect_of_region(
    effects: RegionEffects,
    region: int,
    name: str,
    p: float | None,
    shares: Float[np.ndarray, "2"],
    level: float,
    rng: np.random.Generator,
) -> RegionEffect:
    wrong = effects.wrong
    gain = effects.gain[wrong, region]
    low, high = bootstrap_ci(gain, effects.groups[wrong], rng)
    right, control_right = effects.right[:, region], effects.control_right[:, region]
    return RegionEffect(
        region=name,
        suspect=p is not None,
        gain=float(gain.mean()),
        low=low,
        high=high,
        control_gain=float(effects.control_gain[wrong, region].mean()),
        p=np.nan if p is None else p,
        corrected=float(right[wrong].sum()),
        control_corrected=float(control_right[wrong].sum()),
        broken=float((1 - right[~wrong]).sum()),
        control_broken=float((1 - control_right[~wrong]).sum()),
        wrong_share=float(shares[0]),
        right_share=float(shares[1]),
        confirmed=p is not None and p <= level,
    )
