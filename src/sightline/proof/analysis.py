"""a model before and after its repair, and held-out images → what the repair changed, with a verdict."""

from typing import Any

import numpy as np
from jaxtyping import Bool

from sightline._checks import check_batch_size, check_number, check_whole
from sightline._digests import image_digest
from sightline._progress import progress_bar
from sightline.adapters import as_model
from sightline.data.datasets import Subset
from sightline.engine.plan import Plan, with_changes
from sightline.errors import ModelError, OptionError
from sightline.proof.attribution_shift import (
    AttributionShift,
    changed_answers,
    explain_both,
    heatmaps_of_studies,
    pick_changed,
    summarise_shift,
)
from sightline.proof.paired_metrics import blamed_errors
from sightline.proof.probes import Probes, Responses, ask_models
from sightline.proof.result import Proof
from sightline.proof.table import all_metrics
from sightline.proof.verdict import PairedOutcomes, decide_verdict, outcome_p_values
from sightline.regions.region_set import Regions
from sightline.repair.repair_region import DEFAULT_MARGIN, RepairRegion, resolve_region
from sightline.repair.result import Provenance, RepairResult
from sightline.repair.training_data import as_subset, predict_scores
from sightline.study.schema import StudyResults
from sightline.types import Fill

__all__ = ["Proof", "prove"]

SHOWN = 8
"""Images named that were used before."""


def prove(
    model: Any,
    fixed: Any,
    held_out: Any,
    *,
    regions: Regions | None = None,
    region: str | Regions | None = None,
    grow: float | None = None,
    present: Any = None,
    plan: Plan | None = None,
    explained: int = 100,
    before: Any = None,
    after: Any = None,
    study: StudyResults | None = None,
    fill: str | Fill | None = None,
    draws: int = 4,
    level: float = 0.05,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Proof:
    """What a repair did to a model, measured on images that neither study, blame nor repair have used.

    Both models are asked about the same images: as they are; with the repaired region hidden, and equal
    areas elsewhere; with what the region shows taken from another image of the same class, and of another
    class; with it moved elsewhere. All measures are paired. The verdict follows the rules that
    `sightline.proof.verdict.decide_verdict` states; the printout names the one that decided. It was made so
    that a needless repair is called good in at most `level` of cases.

    Images are taken to be independent of each other. An image that was used in the repair is known again
    by its pixels, and refused.

    Parameters
    ----------
    model : anything `as_model` takes
        As it was before the repair.
    fixed : RepairResult, or anything `as_model` takes
        As it is after it. Of a model alone, it is not known where it was repaired, nor with which images.
    held_out : labelled data
        What `sightline.data.as_dataset` takes, such as ``study.held_out``.
    regions : Regions, optional
        More regions to report on, to see what got worse elsewhere; by default none.
    region : str or Regions, optional
        Which one was repaired: a name among `regions` or the built-in ones, or itself; by default the one
        that `fixed` says.
    grow : float, optional
        Margin that is hidden and exchanged with it, as a share of the image's shorter side; by default
        the one that `fixed` was repaired with, else 0.06.
    present : bool sequence, optional
        Which of the images have the shortcut, if that is known.
    plan : Plan, optional
        How images are explained; by default on a grid, filled with blur, with 200 calls each.
    explained : int
        Most images to explain with both models; 0 for none.
    before, after : Study, optional
        Studies of both models that hold explanations of held-out images; then none is explained anew.
    study : Study, optional
        Tells the class names, and what hidden looks like.
    fill : str or Fill, optional
        What hidden looks like; by default as the plan has it.
    draws : int
        How many equal areas elsewhere, donors and places to move to for each image.
    level : float
        Chance of a false verdict that is accepted; between 0 and 1.
    seed : int
        Which areas, donors, places, flips and resamples.
    batch_size : int, optional
        Most images in one model call; never changes the numbers beyond rounding.
    progress : bool, optional
        Show a progress bar; by default on a terminal.

    Returns
    -------
    Proof
        Prints as a table with a verdict.

    Raises
    ------
    OptionError
        If a number is out of range, held-out images were used in the repair, or it is not known which
        region was repaired.
    ModelError
        If the two models do not have the same classes.

    Examples
    --------
    >>> from sightline.regions.builders import grid
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(200) % 2
    >>> images = rng.random((200, 8, 8)) * 0.5 + 0.2 * labels[:, None, None]
    >>> images[:, :4, :4] = rng.integers(0, 2, 200)[:, None, None]  # tells nothing
    >>> misled = lambda x: x[:, :4, :4].mean((1, 2)) * 0.6 + x[:, 4:].mean((1, 2)) * 0.4
    >>> better = lambda x: x[:, 4:].mean((1, 2)) + 0.15
    >>> made = prove(
    ...     misled, better, (images, labels), region=grid(2, 2)["r1c1"], grow=0, fill="noise", explained=0
    ... )
    >>> made.verdict
    'repaired'
    """
    check_whole("explained", explained, 0)
    check_whole("draws", draws)
    check_number("level", level, above=0, below=1)
    check_whole("seed", seed, 0)
    check_batch_size(batch_size)
    names = None if study is None else study.class_names
    old = as_model(model, class_names=names)
    new, known = (
        (fixed.model, fixed.provenance) if isinstance(fixed, RepairResult) else (as_model(fixed), None)
    )
    area = _repaired_region(known, region, regions, grow)
    part = as_subset(old, held_out)
    _check_same_classes(old, new, part)
    _check_unseen(known, part)
    shortcut = _presence_mask(present, len(part))
    how, how_hidden = _plan_and_fill(plan, fill, before, study)
    others = None if regions is None else [name for name in regions if name != area.name]
    more = regions[others] if regions is not None and others else None
    questions = Probes(part, area, more, how_hidden, draws, seed)
    explaining = 0 if before is not None and after is not None else min(explained, len(part))
    with progress_bar(progress, len(part) + explaining) as tick:
        said = ask_models(questions, (old, new), batch_size, tick)
        right = said[0].full == part.labels, said[1].full == part.labels
        rng = np.random.default_rng((seed, 2))
        heats: Any = {}
        calls = (0, 0)
        if before is not None and after is not None:
            heats = heatmaps_of_studies(part, before, after)
        some = set(heats) or set(rng.permutation(len(part))[:explaining].tolist())
        turned = pick_changed(*right, some, rng)
        if explaining:
            wanted = sorted(some | {*turned[0], *turned[1]})
            heats, calls = explain_both(part, (old, new), how, wanted, batch_size, tick)
    seen = summarise_shift(part, area, {place: both for place, both in heats.items() if place in some}, calls)
    return _build_proof(part, area, said, seen, heats, turned, shortcut, questions, known, level)


def _build_proof(
    part: Subset,
    area: RepairRegion,
    said: tuple[Responses, Responses],
    seen: AttributionShift,
    heats: Any,
    turned: tuple[list[int], list[int]],
    present: Bool[np.ndarray, "N"] | None,
    questions: Probes,
    known: Provenance | None,
    level: float,
) -> Proof:
    """Tests, verdict and measures of what both models said."""
    names = part.class_names or tuple(f"class {one}" for one in range(1 + int(part.labels.max(initial=0))))
    names = _padded_class_names(names, said)
    changes = pair_outcomes(part, said, names)
    tests = outcome_p_values(changes, np.random.default_rng((questions.seed, 3)))
    verdict = decide_verdict(changes, tests, level)
    rng = np.random.default_rng((questions.seed, 4))
    return Proof(
        region=area.name,
        grow=area.margin,
        way="" if known is None else known.method,
        verdict=verdict.word,
        rule=verdict.rule,
        measures=tuple(all_metrics(changes, tests, said, seen, questions.others, present, rng)),
        tests=tests,
        images=len(part),
        right=(int(changes.before.sum()), int(changes.after.sum())),
        mended=int((~changes.before & changes.after).sum()),
        broken=int((changes.before & ~changes.after).sum()),
        level=float(level),
        fill=repr(questions.how),
        draws=questions.draws,
        seed=questions.seed,
        calls=(said[0].calls + seen.calls[0], said[1].calls + seen.calls[1]),
        looks=seen if heats else None,
        examples=tuple(
            one
            for places in turned
            for one in changed_answers(part, area, places, heats, (said[0].full, said[1].full), names)
        ),
    )


def pair_outcomes(part: Subset, said: tuple[Responses, Responses], names: tuple[str, ...]) -> PairedOutcomes:
    """What the verdict rests on, from what both models said."""
    labels = part.labels
    blame = [blamed_errors(one.full, one.there[:, 0], one.elsewhere[:, 0], labels) for one in said]
    return PairedOutcomes(
        labels=labels,
        before=said[0].full == labels,
        after=said[1].full == labels,
        blamed_before=blame[0],
        blamed_after=blame[1],
        evidence=said[0].evidence,
        hidden=said[0].hidden,
        class_names=names,
    )


def _padded_class_names(names: tuple[str, ...], said: tuple[Responses, Responses]) -> tuple[str, ...]:
    """Names of classes that are said but never true, too."""
    most = max(int(one.full.max(initial=0)) for one in said)
    return names + tuple(f"class {one}" for one in range(len(names), most + 1))


def _repaired_region(
    known: Provenance | None, region: Any, regions: Regions | None, grow: float | None
) -> RepairRegion:
    """The region that was repaired, with its margin.

    Raises
    ------
    OptionError
    """
    if region is None and known is None:
        raise OptionError(
            "it is not known which region was repaired, since the repaired model was given without "
            "the repair that made it: give that, or region=, a name such as 'jaw' or regions such as "
            "sl.regions.face()['jaw'].",
            slug="proof-region",
        )
    usual = DEFAULT_MARGIN if known is None else known.region.margin
    if known is not None and (region is None or (isinstance(region, str) and region == known.region.name)):
        return resolve_region(known.region.regions, usual if grow is None else grow)
    if isinstance(region, str) and regions is not None and region in regions:
        region = regions[region]
    return resolve_region(region, usual if grow is None else grow)


def _check_same_classes(old: Any, new: Any, part: Subset) -> None:
    """Whether both models answer the same question.

    Raises
    ------
    ModelError
    """
    columns = [predict_scores(model, part, [0]).shape[1] for model in (old, new)]
    names = [model.class_names for model in (old, new)]
    named = all(name is not None and name != tuple(map(str, range(len(name)))) for name in names)
    if columns[0] != columns[1] or (named and names[0] != names[1]):
        shown = [
            f"{count} classes" + (f" ({', '.join(name[:5])}{', …' if len(name) > 5 else ''})" if name else "")
            for count, name in zip(columns, names, strict=True)
        ]
        raise ModelError(
            f"the model has {shown[0]}, but the fixed one has {shown[1]}: their answers cannot be compared. "
            "Give both with the same classes in the same order, with class_names= of sl.as_model.",
            slug="proof-classes",
        )


def _check_unseen(known: Provenance | None, part: Subset) -> None:
    """Whether the images are held out indeed.

    Raises
    ------
    OptionError
    """
    seen: frozenset[str] = frozenset() if known is None else known.image_digests
    used = [place for place in range(len(part)) if image_digest(part[place][0]) in seen] if seen else []
    if used:
        first = f"{', '.join(map(str, used[:SHOWN]))}{', …' if len(used) > SHOWN else ''}"
        raise OptionError(
            f"{len(used):,} of the {len(part):,} held-out images were used in the repair, which learned "
            f"from them or was chosen by them (places {first}): what it does on them proves nothing. If they "
            "are few, the data has them twice: leave these out. Else hold images out before the study, "
            "with held_out= of Study.run, give study.studied to the repair and study.held_out here; or give "
            "images that nobody has used.",
            slug="proof-seen",
        )


def _presence_mask(given: Any, count: int) -> Bool[np.ndarray, "N"] | None:
    """Which images have the shortcut.

    Raises
    ------
    OptionError
    """
    if given is None:
        return None
    present = np.asarray(given)
    if present.shape != (count,) or not np.isin(present, (0, 1)).all():
        raise OptionError(
            f"present must say True or False for each of the {count:,} held-out images, but an array of "
            f"shape {present.shape} and dtype {present.dtype} was given.",
            slug="proof-present",
        )
    return present.astype(bool)


def _plan_and_fill(
    plan: Plan | None, fill: Any, before: Any, study: StudyResults | None
) -> tuple[Plan, Fill]:
    """How images are explained, and what hidden looks like."""
    told = [one.plan for one in (before, study) if one is not None]
    usual = with_changes(Plan(), segment="grid", fill="blur", budget=200)
    how = plan or (told[0] if told else usual)
    return how, with_changes(how, fill=fill).fill
