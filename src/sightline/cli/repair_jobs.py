"""What the command was asked for → a repair in its folder, and its proof."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from sightline.data.datasets import Dataset
from sightline.errors import OptionError
from sightline.proof.analysis import prove
from sightline.regions import named
from sightline.repair import store
from sightline.repair.repair_region import DEFAULT_MARGIN
from sightline.repair.selection import choose
from sightline.study import Study
from sightline.study.provenance import OpenedData, resolve_images
from sightline.types import did_you_mean


def repair(
    run: Path,
    out: Path,
    region: str,
    regions: str | None,
    method: str,
    *,
    train: str | None = None,
    fit: str | None = None,
    margin: float = DEFAULT_MARGIN,
    seed: int = 0,
    trust: bool = False,
) -> tuple[Any, list[Path]]:
    """Repair the model of a study, and keep it.

    Returns
    -------
    made : RepairResult or Choice
    files : list of Path
        Empty where no method was worth it.

    Raises
    ------
    SightlineError
    """
    store.ensure_free_folder(out)
    study = _opened(run, trust)
    where = _region(region, regions)
    own = None if fit is None else store.load_fit_function(fit)
    learn = study.studied if train is None else resolve_images(train, study.manifest.image_format).source
    if method == "auto":
        choice = choose(study.model, learn, where, study=study, fit=own, margin=margin, seed=seed)
        if choice.result is None:
            return choice, []
        return choice, store.save_repair(out, choice.result, study.manifest.model_text, learn[0][0], choice)
    usual = {"region": where, "margin": margin, "seed": seed, "fit": own}
    chosen = store.parse_method(method, **usual)
    if own is not None and not hasattr(chosen, "fit"):
        raise OptionError(f"--fit goes with --method counterexamples, not {method}.", slug="option-value")
    fix = chosen(study.model, learn, study=study)
    return fix, store.save_repair(out, fix, study.manifest.model_text, learn[0][0])


def proof(
    run: Path,
    out: Path,
    data: str | None,
    regions: str | None,
    *,
    explained: int = 100,
    seed: int = 0,
    trust: bool = False,
) -> tuple[Any, list[Path]]:
    """Prove a repair; its folder becomes a study of the repaired model on the images that were held out.

    Returns
    -------
    made : Proof
    files : list of Path

    Raises
    ------
    SightlineError
    """
    from sightline import figures

    study = _opened(run, trust)
    fixed = store.load_repair(out, trust=trust)
    if data is None:
        unused: Dataset = study.held_out
        made_of, rule = study.manifest, study.manifest.split
        all_of = OpenedData(study.source, made_of.data_text, made_of.image_format, rule and rule.complement())
    else:
        all_of = resolve_images(data, study.manifest.image_format)
        unused = all_of.source
    studies: dict[str, Any] = {}
    if explained:
        part = _some(all_of, len(unused), explained)
        before = study.manifest.model_text or study.model
        after = store.repaired_model_path(out) or fixed.model
        for name, home, model in (("before", out / "before", before), ("after", out, after)):
            studies[name] = Study(home, study.plan).run(part, model, trust=trust)
    made = prove(
        study.model,
        fixed,
        unused,
        regions=None if regions is None else named(regions),
        study=study,
        explained=0,
        seed=seed,
        **studies,
    )
    figure = out / "proof.png"
    figure.write_bytes(figures.figure_to_png(made.plot()))
    numbers = out / "proof.json"
    numbers.write_text(json.dumps(made.to_dict(), indent=1), encoding="utf-8")
    return made, [numbers, figure]


def _some(data: OpenedData, count: int, most: int) -> OpenedData:
    """About `most` of the images, always the same ones."""
    if count <= most:
        return data
    split = data.split
    if split is None:
        from sightline.data.holdout import HoldoutRule

        return dataclasses.replace(data, split=HoldoutRule(most / count, held_out=True))
    return dataclasses.replace(data, split=dataclasses.replace(split, share=split.share * most / count))


def _opened(run: Path, trust: bool) -> Study:
    study = Study(run)
    if study.manifest.model_text:
        study.attach(model=study.manifest.model_text, trust=trust)
    return study


def _region(region: str, regions: str | None) -> Any:
    """The region that is named, among some, or in the built-in templates."""
    if regions is None:
        return region
    among = named(regions)
    if region not in among:
        raise OptionError(
            f"there is no region {region!r} in {regions}. {did_you_mean(region, among.names)}",
            slug="regions-unknown",
        )
    return among[region]
