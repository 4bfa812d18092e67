"""Commands that repair a model where it is misled, and prove it."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline.cli.options import (
    RUN_REGIONS,
    ModelAgain,
    RegionsOf,
    Run,
    Seed,
    Trust,
    app,
    open_study,
    read_regions,
    regions_of_run,
    say_result,
    say_text,
    write_figure,
    write_numbers,
)
from sightline.errors import OptionError
from sightline.types import did_you_mean

if TYPE_CHECKING:
    from sightline.data.datasets import Dataset
    from sightline.study.provenance import OpenedData


@app.command("repair")
def repair_model(
    run: Run,
    out: Annotated[Path, typer.Option("--out", "-o", help="The repair's own folder.")],
    region: Annotated[
        str | None,
        typer.Option(
            help="The region that misleads the model, such as jaw, or several, with commas, or a property of "
            "whole images, such as chromaticity; by default what causes and blame found."
        ),
    ] = None,
    regions: Annotated[str | None, RegionsOf] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="counterexamples, right-reasons, last-layer or guard, parameters after a colon; auto tries "
            "those that apply and chooses on validation images.",
        ),
    ] = "auto",
    train: Annotated[
        str | None,
        typer.Option(
            help="Images to learn from, as the data of study; by default those that the study explained."
        ),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(
            help="Your own fit(model, images, labels) that returns the model, such as train.py:fit."
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option(help="Margin around the region, as a share of the image's shorter side.")
    ] = 0.06,
    seed: Seed = 0,
    model: ModelAgain = None,
    trust: Trust = False,
) -> None:
    """Repair a model in a region that misleads it, without looking at the images that were held out."""
    from sightline.adapters.open_model import load_function
    from sightline.repair import store
    from sightline.repair.selection import choose, parse_method
    from sightline.study.provenance import resolve_images

    store.ensure_free_folder(out)
    study = open_study(run, model=model, trust=trust)
    region, finding = _blamed_region(run, region, errors=int((study.labels != study.predicted).sum()))
    where = _read_region(run, region, regions)
    form, asked = study.manifest.image_format, study.manifest.asked_label
    own = None if fit is None else load_function(fit)
    learn = study.studied if train is None else resolve_images(train, form, **asked).source
    given: dict[str, Any] = {"fit": own, "margin": margin, "seed": seed}
    choice = None
    if method == "auto":
        choice = choose(study.model, learn, where, study=study, finding=finding, progress=True, **given)
        result = choice.result
    else:
        chosen = parse_method(method, region=where, **given)
        if own is not None and not hasattr(chosen, "fit"):
            raise OptionError(f"--fit goes with --method counterexamples, not {method}.", slug="option-value")
        result = chosen(study.model, learn, study=study, progress=True)
    if result is None:
        say_result(choice, [])
        raise typer.Exit(1)
    files = store.save_repair(out, result, study.manifest.model_text, learn[0][0], choice)
    say_result(choice or result, files)
    needs_trust = trust or any(file.suffix in (".pt2", ".joblib") for file in files)
    say_text(f"Prove it: sightline proof {run} {out}{' --trust' if needs_trust else ''}")


def _blamed_region(run: Path, region: str | None, errors: int | None = None) -> tuple[str, str]:
    """The region to repair, and what blame found of it, if that is not that it drives errors.

    Parameters
    ----------
    run : Path
    region : str, optional
    errors : int, optional
        Wrong answers of the study as it is now; what was found among another number of them is past.

    Raises
    ------
    OptionError
        If none is named and none was confirmed.
    """
    said, whole = (_read_findings(run / f"{name}.json", errors) for name in ("blame", "causes"))
    listed = said.get("regions") if isinstance(said.get("regions"), list) else []
    found = [one for one in listed or [] if isinstance(one, dict) and one.get("suspect") and "region" in one]
    confirmed = [str(one["region"]) for one in found if one.get("confirmed")]
    if region is None:
        misleading = whole.get("misleading")
        if isinstance(misleading, list) and misleading:  # before any area
            return str(misleading[0]), ""
        if not confirmed:
            raise OptionError(
                f"no region was blamed in {run}, so name the one to repair: --region NAME. Blame finds it: "
                f"sightline blame {run}.",
                slug="repair-region",
            )
        # Of concepts each has its class, and what is left of the others misleads on.
        concepts = [one for one in found if one.get("confirmed") and one.get("towards")]
        return ", ".join(confirmed) if concepts else confirmed[0], ""
    findings = said.get("findings")
    told = {str(name): str(text) for name, text in findings.items()} if isinstance(findings, dict) else {}
    return region, "" if region in confirmed else told.get(region, "")


def _read_findings(file: Path, errors: int | None) -> dict[str, Any]:
    """What blame or causes wrote; nothing where there is no such file, one that was edited, or a past one."""
    try:
        found = dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
    if errors is None or found.get("errors", errors) == errors:
        return found
    say_text(  # the study went on since, and nobody asked again
        f"{file} is left aside: it was found among {found['errors']} wrong answers, and the study now has "
        f"{errors:,}. Ask again: sightline {file.stem} {file.parent}",
        "yellow",
    )
    return {}


def _read_region(run: Path, region: str, regions: str | None) -> Any:
    """The region that is named, among some, among those of the study, or in the built-in templates."""
    kept = run / RUN_REGIONS
    if regions is None and not kept.is_file():
        return region
    among = regions_of_run(run, regions)
    several = [one.strip() for one in region.split(",")]
    if region not in among and all(one in among for one in several):
        return among[several]
    if region not in among and regions is None:
        return region
    if region not in among:
        raise OptionError(
            f"there is no region {region!r} in {regions}. {did_you_mean(region, among.names)}",
            slug="regions-unknown",
        )
    return among[region]


@app.command("proof")
def prove_repair(
    run: Run,
    repair: Annotated[Path, typer.Argument(help="Folder of a repair.")],
    data: Annotated[
        str | None,
        typer.Option(help="Images that nobody has used; by default those that the study held out."),
    ] = None,
    regions: Annotated[str | None, RegionsOf] = None,
    present: Annotated[
        Path | None,
        typer.Option(
            help="A text file that names the images that show what misleads, one a line, as the study calls "
            "them: what was missed and found wrongly is counted by it."
        ),
    ] = None,
    explained: Annotated[
        int, typer.Option(help="About how many of them to explain, before and after.")
    ] = 100,
    seed: Seed = 0,
    model: ModelAgain = None,
    trust: Trust = False,
) -> None:
    """Prove a repair on images that nobody has used: before and after, with a verdict from stated rules."""
    from sightline.proof.analysis import prove
    from sightline.repair import store
    from sightline.repair.repair_region import RepairProperty
    from sightline.study import Study
    from sightline.study.provenance import OpenedData, resolve_images

    study = open_study(run, model=model, trust=trust)
    manifest, rule = study.manifest, study.manifest.split
    known = {manifest.model_text: study.model} if manifest.model_text else {}
    result = store.load_repair(repair, trust=trust, known=known)
    if data is None:
        unused: Dataset = study.held_out
        opened = OpenedData(
            study.source, manifest.data_text, manifest.image_format, rule and rule.complement()
        )
    else:
        opened = resolve_images(data, manifest.image_format, **manifest.asked_label)
        unused = opened.source
    studies: dict[str, Any] = {}
    if explained and not isinstance(result.provenance.region, RepairProperty):
        part = _some_images(opened, len(unused), explained)
        before = study.opened_model
        after = store.repaired_model_path(repair) or result.model
        of_label = manifest.run_options
        for name, home, asked in (("before", repair / "before", before), ("after", repair, after)):
            studies[name] = Study(home, study.plan).run(part, asked, trust=trust, progress=True, **of_label)
    marked = None if present is None else _images_named(present, unused, study.source)
    among = None if regions is None else read_regions(regions)
    made = prove(
        study.model,
        result,
        unused,
        regions=among,
        present=marked,
        study=study,
        explained=0,
        seed=seed,
        progress=True,
        **studies,
    )
    figure = write_figure(made.plot(), repair / "proof.png")
    say_result(made, [write_numbers(made, repair / "proof.json"), figure])


def _images_named(file: Path, data: "Dataset", source: "Dataset") -> list[bool]:
    """Which images a text file names; it may name others of the study, too.

    Raises
    ------
    OptionError
        If it names one that is in neither, or none of these.
    """
    from sightline._limits import read_text

    names = [data.image_id(place) for place in range(len(data))]
    try:
        wanted = {line.strip() for line in read_text(file).splitlines() if line.strip()}
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"--present {file} cannot be read: {error}", slug="proof-present") from error
    known = {*names, *(source.image_id(place) for place in range(len(source)))}
    strange = sorted(wanted - known)
    if strange:
        raise OptionError(
            f"--present {file} names {len(strange):,} images that are not in the data, such as "
            f"{strange[0]!r}. {did_you_mean(strange[0], known)}",
            slug="proof-present",
        )
    if not wanted & set(names):
        raise OptionError(
            f"--present {file} names none of the {len(names):,} held-out images, such as {names[0]!r}.",
            slug="proof-present",
        )
    return [name in wanted for name in names]


def _some_images(data: "OpenedData", count: int, most: int) -> "OpenedData":
    """About `most` of the images, always the same ones."""
    from sightline.data.holdout import HoldoutRule

    if count <= most:
        return data
    share = most / count
    if data.split is None:
        return dataclasses.replace(data, split=HoldoutRule(share, held_out=True))
    return dataclasses.replace(data, split=dataclasses.replace(data.split, share=data.split.share * share))
