"""a model before and after its repair, and held-out pictures → what the repair changed, with a verdict."""

import math
from typing import Any

import numpy as np
from jaxtyping import Bool

from sightline.adapters import as_model
from sightline.door import ticking
from sightline.engine.plan import Plan, replaced
from sightline.errors import ModelError, OptionError
from sightline.findings.region_set import Regions
from sightline.repair.area import GROW, Area, area_of
from sightline.repair.fix import Fix
from sightline.repair.lessons import Part, asked, part_of
from sightline.repair.looks import Looks, chosen, examples, looks, maps_of, studied
from sightline.repair.measure import blamed
from sightline.repair.proven import Proof
from sightline.repair.questions import Questions, Said, ask
from sightline.repair.table import measures_of
from sightline.repair.verdict import Changes, chances_of, verdict_of
from sightline.study.work import content
from sightline.types import Fill

__all__ = ["Proof", "prove"]

SHOWN = 8
"""Pictures named that were used before."""


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
    study: Any = None,
    fill: str | Fill | None = None,
    draws: int = 4,
    level: float = 0.05,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Proof:
    """What a repair did to a model, measured on pictures that neither study, blame nor repair have used.

    Both models are asked about the same pictures: as they are; with the repaired region hidden, and equal
    areas elsewhere; with what the region shows taken from another picture of the same class, and of another
    class; with it moved elsewhere. All measures are paired. The verdict follows the rules that
    `sightline.repair.verdict.verdict_of` states; the printout names the one that decided. It was made so
    that a needless repair is called good in at most `level` of cases.

    Pictures are taken to be independent of each other. A picture that was used in the repair is known again
    by its pixels, and refused.

    Parameters
    ----------
    model : anything `as_model` takes
        As it was before the repair.
    fixed : Fix, or anything `as_model` takes
        As it is after it.
    held_out : labelled data
        What `sightline.data.source.pictures` takes, such as ``study.held_out``.
    regions : Regions, optional
        More regions to report on, to see what got worse elsewhere; by default none.
    region : str or Regions, optional
        Which one was repaired: a name among `regions` or the built-in ones, or itself; by default the one
        that `fixed` says.
    grow : float, optional
        Margin that is hidden and exchanged with it, as a share of the picture's shorter side; by default
        the one that `fixed` was repaired with, else 0.06.
    present : bool sequence, optional
        Which of the pictures have the shortcut, if that is known.
    plan : Plan, optional
        How pictures are explained; by default on a grid, filled with blur, with 200 calls each.
    explained : int
        Most pictures to explain with both models; 0 for none.
    before, after : Study, optional
        Studies of both models that hold explanations of held-out pictures; then none is explained anew.
    study : Study, optional
        Tells the class names, and what hidden looks like.
    fill : str or Fill, optional
        What hidden looks like; by default as the plan has it.
    draws : int
        How many equal areas elsewhere, donors and places to move to for each picture.
    level : float
        Chance of a false verdict that is accepted; between 0 and 1.
    seed : int
        Which areas, donors, places, flips and resamples.
    batch_size : int, optional
        Most pictures in one model call; never changes the numbers beyond rounding.
    progress : bool, optional
        Show a progress bar; by default on a terminal.

    Returns
    -------
    Proof
        Prints as a table with a verdict.

    Raises
    ------
    OptionError
        If a number is out of range, held-out pictures were used in the repair, or it is not known which
        region was repaired.
    ModelError
        If the two models do not have the same classes.

    Examples
    --------
    >>> from sightline.findings.regions import grid
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
    _check(explained=explained, draws=draws, level=level, seed=seed, batch_size=batch_size)
    names = None if study is None else study.class_names
    old = as_model(model, class_names=names)
    new = fixed.model if isinstance(fixed, Fix) else as_model(fixed)
    area = _area(new, region, regions, grow)
    part = part_of(old, held_out)
    _check_classes(old, new, part)
    _check_unseen(new, part)
    shortcut = _present(present, len(part))
    how, how_hidden = _plans(plan, fill, before, study)
    others = None if regions is None else [name for name in regions if name != area.name]
    more = regions[others] if regions is not None and others else None
    questions = Questions(part, area, more, how_hidden, draws, seed)
    explaining = 0 if before is not None and after is not None else min(explained, len(part))
    with ticking(progress, len(part) + explaining) as tick:
        said = ask(questions, (old, new), batch_size, tick)
        right = said[0].full == part.labels, said[1].full == part.labels
        rng = np.random.default_rng((seed, 2))
        heats: Any = {}
        calls = (0, 0)
        if before is not None and after is not None:
            heats = studied(part, before, after)
        some = set(heats) or set(rng.permutation(len(part))[:explaining].tolist())
        turned = chosen(*right, some, rng)
        if explaining:
            wanted = sorted(some | {*turned[0], *turned[1]})
            heats, calls = maps_of(part, (old, new), how, wanted, batch_size, tick)
    seen = looks(part, area, {place: both for place, both in heats.items() if place in some}, calls)
    return _proof(part, area, said, seen, heats, turned, shortcut, questions, new, level)


def _proof(
    part: Part,
    area: Area,
    said: tuple[Said, Said],
    seen: Looks,
    heats: Any,
    turned: tuple[list[int], list[int]],
    present: Bool[np.ndarray, "N"] | None,
    questions: Questions,
    new: Any,
    level: float,
) -> Proof:
    """Tests, verdict and measures of what both models said."""
    names = part.class_names or tuple(f"class {one}" for one in range(1 + int(part.labels.max(initial=0))))
    names = _enough(names, said)
    changes = changes_of(part, said, names)
    tests = chances_of(changes, np.random.default_rng((questions.seed, 3)))
    verdict = verdict_of(changes, tests, level)
    rng = np.random.default_rng((questions.seed, 4))
    repaired = getattr(new, "repaired", None)
    return Proof(
        region=area.name,
        grow=area.grow,
        way=getattr(repaired, "way", ""),
        verdict=verdict.word,
        rule=verdict.rule,
        measures=tuple(measures_of(changes, tests, said, seen, questions.others, present, rng)),
        tests=tests,
        pictures=len(part),
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
            for one in examples(part, area, places, heats, (said[0].full, said[1].full), names)
        ),
    )


def changes_of(part: Part, said: tuple[Said, Said], names: tuple[str, ...]) -> Changes:
    """What the verdict rests on, from what both models said."""
    labels = part.labels
    blame = [blamed(one.full, one.there[:, 0], one.elsewhere[:, 0], labels) for one in said]
    return Changes(
        labels=labels,
        before=said[0].full == labels,
        after=said[1].full == labels,
        blamed_before=blame[0],
        blamed_after=blame[1],
        evidence=said[0].evidence,
        hidden=said[0].hidden,
        names=names,
    )


def _enough(names: tuple[str, ...], said: tuple[Said, Said]) -> tuple[str, ...]:
    """Names of classes that are said but never true, too."""
    most = max(int(one.full.max(initial=0)) for one in said)
    return names + tuple(f"class {one}" for one in range(len(names), most + 1))


def _area(new: Any, region: Any, regions: Regions | None, grow: float | None) -> Area:
    """The region that was repaired, with its margin.

    Raises
    ------
    OptionError
    """
    known = getattr(new, "repaired", None)
    if region is None and known is None:
        raise OptionError(
            "it is not known which region was repaired, since the fixed model was not made by one of "
            "sightline's ways: give region=, a name such as 'jaw' or regions such as "
            "sl.regions.face()['jaw'].",
            slug="proof-region",
        )
    usual = GROW if known is None else known.area.grow
    if known is not None and (region is None or (isinstance(region, str) and region == known.area.name)):
        return area_of(known.area.region, usual if grow is None else grow)
    if isinstance(region, str) and regions is not None and region in regions:
        region = regions[region]
    return area_of(region, usual if grow is None else grow)


def _check_classes(old: Any, new: Any, part: Part) -> None:
    """Whether both models answer the same question.

    Raises
    ------
    ModelError
    """
    columns = [asked(model, part, [0]).shape[1] for model in (old, new)]
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


def _check_unseen(new: Any, part: Part) -> None:
    """Whether the pictures are held out indeed.

    Raises
    ------
    OptionError
    """
    seen: frozenset[str] = getattr(getattr(new, "repaired", None), "seen", frozenset())
    used = [place for place in range(len(part)) if content(part[place][0]) in seen] if seen else []
    if used:
        first = f"{', '.join(map(str, used[:SHOWN]))}{', …' if len(used) > SHOWN else ''}"
        raise OptionError(
            f"{len(used):,} of the {len(part):,} held-out pictures were used in the repair, which learned "
            f"from them or was chosen by them (places {first}): what it does on them proves nothing. If they "
            "are few, the data has them twice: leave these out. Else hold pictures out before the study, "
            "with held_out= of Study.run, give study.studied to the repair and study.held_out here; or give "
            "pictures that nobody has used.",
            slug="proof-seen",
        )


def _present(given: Any, count: int) -> Bool[np.ndarray, "N"] | None:
    """Which pictures have the shortcut.

    Raises
    ------
    OptionError
    """
    if given is None:
        return None
    present = np.asarray(given)
    if present.shape != (count,) or not np.isin(present, (0, 1)).all():
        raise OptionError(
            f"present must say True or False for each of the {count:,} held-out pictures, but an array of "
            f"shape {present.shape} and dtype {present.dtype} was given.",
            slug="proof-present",
        )
    return present.astype(bool)


def _plans(plan: Plan | None, fill: Any, before: Any, study: Any) -> tuple[Plan, Fill]:
    """How pictures are explained, and what hidden looks like."""
    told = [one.plan for one in (before, study) if one is not None]
    usual = replaced(Plan(), segment="grid", fill="blur", budget=200)
    how = plan or (told[0] if told else usual)
    return how, replaced(how, fill=fill).fill


def _check(**numbers: Any) -> None:
    """Whether the options can be used.

    Raises
    ------
    OptionError
    """
    least = {"explained": 0, "draws": 1, "seed": 0, "batch_size": 1}
    for name, value in numbers.items():
        if name in least:
            whole = hasattr(value, "__index__") and not isinstance(value, bool)
            fine = (name == "batch_size" and value is None) or (whole and value >= least[name])
            need = f"a whole number from {least[name]} up"
        else:
            fine = isinstance(value, int | float) and math.isfinite(value) and 0 < value < 1
            need = "between 0 and 1"
        if not fine:
            raise OptionError(f"{name} must be {need}, but {value!r} was given.", slug="option-value")
