"""What the command was asked for → a repair in its folder, and its proof."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from sightline.data.source import Source
from sightline.errors import OptionError
from sightline.findings.regions import named
from sightline.repair import folder
from sightline.repair.area import GROW
from sightline.repair.choose import choose
from sightline.repair.proof import prove
from sightline.study import Study
from sightline.study.opening import Data, open_images
from sightline.types import nearest


def repair(
    run: Path,
    out: Path,
    region: str,
    regions: str | None,
    way: str,
    *,
    train: str | None = None,
    fit: str | None = None,
    grow: float = GROW,
    seed: int = 0,
    trust: bool = False,
) -> tuple[Any, list[Path]]:
    """Repair the model of a study, and keep it.

    Returns
    -------
    made : Fix or Choice
    files : list of Path
        Empty where no way was worth it.

    Raises
    ------
    SightlineError
    """
    folder.check_free(out)
    study = _opened(run, trust)
    where = _region(region, regions)
    own = None if fit is None else folder.load_fit(fit)
    learn = study.studied if train is None else open_images(train, study.origin.form).source
    if way == "auto":
        choice = choose(study.model, learn, where, study=study, fit=own, grow=grow, seed=seed)
        if choice.fix is None:
            return choice, []
        return choice, folder.keep(out, choice.fix, study.origin.model, learn[0][0], choice)
    usual = {"region": where, "grow": grow, "seed": seed, "fit": own}
    chosen = folder.way_of(way, **usual)
    if own is not None and not hasattr(chosen, "fit"):
        raise OptionError(f"--fit goes with --with counterexamples, not {way}.", slug="option-value")
    fix = chosen(study.model, learn, study=study)
    return fix, folder.keep(out, fix, study.origin.model, learn[0][0])


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
    """Prove a repair; its folder becomes a study of the repaired model on the pictures that were held out.

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
    fixed = folder.read(out, trust=trust)
    if data is None:
        all_of = Data(study.source, study.origin.data, study.origin.form, study.held_out.split)
        unused: Source = study.held_out
    else:
        all_of = open_images(data, study.origin.form)
        unused = all_of.source
    studies: dict[str, Any] = {}
    if explained:
        part = _some(all_of, len(unused), explained)
        before = study.origin.model or study.model
        after = folder.model_file(out) or fixed
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
    figure.write_bytes(figures.png(made.plot()))
    numbers = out / "proof.json"
    numbers.write_text(json.dumps(made.to_dict(), indent=1), encoding="utf-8")
    return made, [numbers, figure]


def _some(data: Data, count: int, most: int) -> Data:
    """About `most` of the pictures, always the same ones."""
    if count <= most:
        return data
    split = data.split
    if split is None:
        from sightline.data.split import Split

        return dataclasses.replace(data, split=Split(most / count, held_out=True))
    return dataclasses.replace(data, split=dataclasses.replace(split, share=split.share * most / count))


def _opened(run: Path, trust: bool) -> Study:
    study = Study(run)
    if study.origin.model:
        study.attach(model=study.origin.model, trust=trust)
    return study


def _region(region: str, regions: str | None) -> Any:
    """The region that is named, among some, or in the built-in templates."""
    if regions is None:
        return region
    among = named(regions)
    if region not in among:
        raise OptionError(
            f"there is no region {region!r} in {regions}. {nearest(region, among.names)}",
            slug="regions-unknown",
        )
    return among[region]
