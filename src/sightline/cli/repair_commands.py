"""Commands that repair a model where it is misled, and prove it."""

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline._language import translate as tr
from sightline._language import translate_plural as tr_n
from sightline._language import use_language
from sightline._region_names import DRAWN_REGIONS, RUN_REGIONS, shown_name
from sightline.cli.options import (
    Lang,
    ModelAgain,
    RegionsOf,
    Run,
    Seed,
    Trust,
    app,
    open_study,
    read_regions,
    say_result,
    say_text,
    write_finding,
)
from sightline.errors import OptionError, warn
from sightline.types import did_you_mean

if TYPE_CHECKING:
    from sightline.data.datasets import Dataset
    from sightline.regions.region_set import Regions
    from sightline.study import Study
    from sightline.study.verdicts import Verdicts


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
    lang: Lang = None,
) -> None:
    """Repair a model in a region that misleads it, without looking at the images that were held out."""
    from sightline.adapters.open_model import load_function
    from sightline.repair import store
    from sightline.repair.selection import choose, parse_method
    from sightline.study.provenance import resolve_images

    store.ensure_free_folder(out)
    study = open_study(run, model=model, trust=trust)
    region, finding = _blamed_region(run, region, study)
    where = _read_region(study, run, region, regions)
    form, asked = study.manifest.image_format, study.manifest.asked_label
    own = None if fit is None else load_function(fit)
    learn = study.studied if train is None else resolve_images(train, form, **asked).source
    given: dict[str, Any] = {"fit": own, "margin": margin, "seed": seed}
    chosen = None if method == "auto" else parse_method(method, region=where, **given)
    if own is not None and chosen is not None and not hasattr(chosen, "fit"):
        raise OptionError(f"--fit goes with --method counterexamples, not {method}.", slug="option-value")
    choice, files = None, []
    with _said_if_stopped(out), store.only_writer(out):
        if chosen is None:
            choice = choose(
                study.model, learn, where, study=study, finding=finding, keep=out, progress=True, **given
            )
            result = choice.result
        else:
            result = chosen(study.model, learn, study=study, progress=True)
        if result is not None:
            text = study.manifest.model_text
            files = store.save_repair(out, result, text, learn[0][0], choice, train=train or "")
    say_result(choice or result, files)
    if result is None:
        raise typer.Exit(1)
    needs_trust = trust or any(file.suffix in (".pt2", ".joblib") for file in files)
    command = f"sightline proof {run} {out}{' --trust' if needs_trust else ''}"
    say_text(tr("Prove it: {command}", command=command))


@contextlib.contextmanager
def _said_if_stopped(out: Path) -> Iterator[None]:
    """Where somebody stops it, say what is kept and how to go on."""
    from sightline.repair.kept_trials import count_trials

    try:
        yield
    except KeyboardInterrupt:
        count = count_trials(out)
        told = tr("stopped. Go on with the same command.")
        if count:
            told = tr_n(
                "stopped: {n} method is tried and kept in {folder}. Go on with the same command.",
                "stopped: {n} methods are tried and kept in {folder}. Go on with the same command.",
                count,
                folder=out,
            )
        say_text(told, "yellow")
        raise typer.Exit(130) from None


def _blamed_region(run: Path, region: str | None, study: "Study") -> tuple[str, str]:
    """The region to repair, and what blame found of it, if that is not that it drives errors.

    Parameters
    ----------
    run : Path
    region : str, optional
        By default what was confirmed to drive the errors.
    study : Study
        As it is now; what was found of other answers is past, and that is said.

    Raises
    ------
    OptionError
        If none is named and none was confirmed.
    """
    from sightline.reports.claims import driven_by
    from sightline.reports.commands import question_commands
    from sightline.reports.saved_results import read_findings
    from sightline.study.schema import answers_digest
    from sightline.study.verdicts import Verdicts

    found = read_findings(study, run, {})
    judged = Verdicts(run, answers=lambda: answers_digest(study))
    commands = question_commands(shlex.quote(str(run)))
    for name, why in found.lacks.items():
        how = commands.get(name)
        again = tr("Ask again: {command}", command=how) if how else ""
        say_text(f"{why} {again}".rstrip(), "yellow")
    if region is None:
        if named := driven_by(found):
            _tell_past(judged)
            _tell_shortcuts(judged, named)
            return named, ""
        reasons = [name for name, word in found.said.items() if word == "reason"]
        if reasons:
            raise OptionError(
                f"what was found to drive errors is what a person called a reason ({', '.join(reasons)}): a "
                "repair would take from the model what it rightly goes by. To repair it all the same, name "
                f"it: --region {reasons[0]}.",
                slug="repair-reason",
            )
        _tell_past(judged)
        raise OptionError(
            f"no region was blamed in {run}, so name the one to repair: --region NAME. Blame finds it: "
            f"sightline blame {run}.",
            slug="repair-region",
        )
    for one in region.split(","):
        if found.said.get(one.strip()) == "reason":
            warn(
                f"a person called {one.strip()} a reason: a repair takes from the model what it rightly goes "
                "by.",
                slug="repair-reason",
            )
    for blamed in found.blamed:
        if any(region == one.region for one in blamed.regions):
            with use_language("en"):  # it is kept with the repair
                return region, "" if region in blamed.confirmed else blamed.finding(region)
    return region, ""


def _tell_past(judged: "Verdicts") -> None:
    """Say which shortcuts are none of what there is now, and so are not repaired."""
    for one in judged.past():
        if one.said == "shortcut" and one.of in ("region", "concept"):
            told = tr(
                "{name}, which a person called a shortcut on {day}, is of the past: it was drawn or found "
                "elsewhere than what there is of that name now, or it is removed.",
                name=shown_name(one.name),
                day=one.when[:10],
            )
            say_text(told, "yellow")


def _tell_shortcuts(judged: "Verdicts", named: str) -> None:
    """Say where a region is repaired because a person called it a shortcut, and why."""
    for one in named.split(", "):
        called = judged.of(one)
        if called is not None and called.said == "shortcut":
            told = tr(
                "Repairs {name}, which a person called a shortcut on {day}",
                name=shown_name(one),
                day=called.when[:10],
            )
            say_text(f"{told}: {called.note}" if called.note else told)


def _read_region(study: "Study", run: Path, region: str, regions: str | None) -> Any:
    """The region that is named: among some; else as it was blamed, among the study's, or built in."""
    from sightline.regions import load

    several = [one.strip() for one in region.split(",")]
    if regions is None and (told := _told_apart(study, run, several)) is not None:
        return told
    # The study's own regions may be others by now, as after a blame that was written elsewhere.
    blamed = None if regions is not None else _blamed_areas(study, run, several)
    if blamed is not None:
        return blamed
    kept = [file for file in (run / RUN_REGIONS, run / DRAWN_REGIONS) if file.is_file()]
    places = [read_regions(regions, study)] if regions is not None else [load(file) for file in kept]
    for among in places:
        if region in among:
            return among[region]
        if all(one in among for one in several):
            return among[several]
    if regions is None:
        return region
    raise OptionError(
        f"there is no region {region!r} in {regions}. {did_you_mean(region, places[0].names)}",
        slug="regions-unknown",
    )


def _told_apart(study: "Study", run: Path, names: list[str]) -> "Regions | None":
    """The region of a name that a drawn one and another have, which the name has to tell apart.

    Raises
    ------
    OptionError
        If it does not, or several regions are asked for together.
    """
    from sightline.regions import load
    from sightline.study.schema import answers_digest
    from sightline.study.thing_keys import judged_things

    two = [one for one in judged_things(run, answers_digest(study)) if one.called != one.name]
    meant = [one for one in two if {one.called, one.name} & set(names)]
    if not meant:
        return None
    if len(names) > 1 or (meant[0].called != names[0] and meant[-1].called != names[0]):
        both = " and ".join(repr(one.called) for one in meant)
        raise OptionError(
            f"there are two regions of that name: name one of {both}, by itself.", slug="repair-region"
        )
    (one,) = (thing for thing in meant if thing.called == names[0])
    if one.drawn:
        return load(run / DRAWN_REGIONS)[one.name].rename({one.name: one.called})
    blamed = _blamed_areas(study, run, [one.called])
    return blamed or load(run / RUN_REGIONS)[one.name].rename({one.name: one.called})


def _blamed_areas(study: "Study", run: Path, names: list[str]) -> "Regions | None":
    """Where regions lay of which the study's files say what was found; None where they do not tell."""
    from sightline.reports.saved_results import read_findings

    found = read_findings(study, run, {})
    for blamed in found.blamed:
        areas = blamed.areas
        if areas is not None and areas.among and (run / DRAWN_REGIONS).is_file():
            continue  # those that were drawn lie where they are drawn now
        if areas is not None and all(one in areas for one in names):
            return areas[names]
    return None


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
    lang: Lang = None,
) -> None:
    """Prove a repair on images that nobody has used: before and after, with a verdict from stated rules."""
    from sightline.proof.analysis import prove
    from sightline.proof.earlier_proofs import images_key, note_proof
    from sightline.proof.explained_pair import explain_held_out
    from sightline.repair import store
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
    after = store.repaired_model_path(repair) or result.model
    studies: Any = explain_held_out(
        study, repair, result, after, opened, explained, trust=trust, progress=True
    )
    marked = None if present is None else _images_named(present, unused, study.source)
    among = None if regions is None else read_regions(regions, study)
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
    made = note_proof(made, study.path, images_key(data))
    say_result(made, write_finding(made, made.plot(), repair / "proof.png"))


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
