"""Commands about many images: study them, and ask what the study found."""

import base64
import csv
import dataclasses
import io
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline._arguments import check_choice
from sightline._files import write_json
from sightline._language import translate as tr
from sightline._language import translate_kept
from sightline._printing import printable_text
from sightline._region_names import RUN_REGIONS
from sightline.cli.command_wording import command_words
from sightline.cli.options import (
    USUAL_REGIONS,
    Attribute,
    Budget,
    Columns,
    Context,
    Estimator,
    Fill,
    Groups,
    Key,
    Label,
    Lang,
    Mean,
    Mode,
    ModelAgain,
    Names,
    Output,
    Preprocess,
    RegionsOf,
    Run,
    Scale,
    Seed,
    Segment,
    Size,
    Std,
    Table,
    Threshold,
    Trust,
    Values,
    app,
    figure_file,
    open_study,
    read_class_names,
    read_format,
    read_model_text,
    read_plan,
    read_regions,
    regions_of_run,
    say_result,
    say_text,
    write_figure,
    write_finding,
)
from sightline.errors import FileError, OptionError

if TYPE_CHECKING:
    from sightline.data import ImageFormat
    from sightline.engine.plan import Plan
    from sightline.findings.cause_result import ImageCauses
    from sightline.study import Ray, Study

FORMS = ("table", "csv", "json")


@app.command("study")
def run_study(
    context: Context,
    model: Annotated[
        str | None,
        typer.Argument(
            help="As for explain. Model and data may be left out where a study is only to go on.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Argument(
            help="Folder of class folders, list of paths and labels (.csv, .tsv, .parquet), olivetti or "
            "drawn-faces.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The study's own folder.")] = Path("runs/study"),
    attribute: Attribute = "lime",
    segment: Segment = "slic",
    fill: Fill = "segment-mean",
    budget: Budget = "1000",
    seed: Seed = 0,
    scale: Scale = "probability",
    estimator: Estimator = "auto",
    values: Values = "asis",
    mode: Mode = "asis",
    size: Size = None,
    names: Names = None,
    preprocess: Preprocess = None,
    mean: Mean = None,
    std: Std = None,
    output: Output = "auto",
    label: Label = None,
    threshold: Threshold = None,
    held_out: Annotated[
        float | None,
        typer.Option(help="Share of the images never to touch, so that a repair can be proved on them."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that share the work.")] = 1,
    ray: Annotated[
        str | None,
        typer.Option(help="Let workers run on Ray: the cluster's address, or local to start one here."),
    ] = None,
    gpus: Annotated[float, typer.Option(help="With --ray: GPUs for each worker.")] = 0,
    batch_size: Annotated[int | None, typer.Option(help="Most images in one model call.")] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try images again that failed before, or have changed.")
    ] = False,
    trust: Trust = False,
) -> None:
    """Explain every image of a labelled set and keep it all; stop and start again at will."""
    from sightline.data import ImageFormat
    from sightline.study import Study
    from sightline.study.manifest import check_same_format, read_manifest

    plan = read_plan(
        budget, seed, attribute=attribute, segment=segment, fill=fill, scale=scale, estimator=estimator
    )
    wanted = read_format(values, mode, size)
    old = read_manifest(out)
    if old is not None:  # what is not given stays as it was
        plan = dataclasses.replace(old.plan, **_given_fields(context, plan, old.plan))
        form = old.image_format or ImageFormat()
        wanted = dataclasses.replace(form, **_given_fields(context, wanted, form))
        check_same_format(old, wanted, out)
    made = Study(out, plan)
    try:
        made.run(
            data,
            None if model is None else read_model_text(model, preprocess, mean, std),
            image_format=wanted if data is not None else None,
            class_names=read_class_names(names),
            output=output,
            label=label,
            threshold=threshold,
            held_out=held_out,
            workers=_read_workers(workers, ray, gpus),
            batch_size=batch_size,
            retry=retry,
            trust=trust,
            progress=True,
        )
    except KeyboardInterrupt:
        typer.secho(
            f"\nstopped: {len(made):,} of {made.count:,} images are explained and kept. Go on with\n"
            f"  sightline study -o {out}{' --trust' if trust or _needs_trust(made) else ''}",
            err=True,
        )
        raise typer.Exit(130) from None
    say_text(command_words(f"{made!r}\n{made.outcomes()!r}"))
    if made.manifest.split is not None:
        say_text(made.manifest.split.describe(made.manifest.image_count))
    failures = made.failures()
    for failure in failures[:5]:
        told = f"failed: {printable_text(failure.id)}: {printable_text(failure.reason)}"
        say_text(f"{told} [{failure.failure}]", "red")
    if failures:
        raise typer.Exit(1)


def _given_fields(context: Context, new: object, old: "Plan | ImageFormat") -> dict[str, Any]:
    """The fields of a value that stand on the command line."""
    sources = {field.name: context.get_parameter_source(field.name) for field in dataclasses.fields(old)}
    given = [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]
    return {name: getattr(new, name) for name in given}


def _needs_trust(study: "Study") -> bool:
    """Whether the study's folder names a model that is no file."""
    text = study.manifest.model_text
    return bool(text) and not Path(text).is_file()


def _read_workers(count: int, ray: str | None, gpus: float) -> "int | Ray":
    """Who computes a study: so many processes here, or on a Ray cluster."""
    from sightline.study import Ray

    if ray is not None:
        return Ray(workers=count, gpus=gpus, address=None if ray == "local" else ray)
    if gpus:
        raise OptionError(
            "--gpus goes with --ray: processes of this machine share its GPU.", slug="option-value"
        )
    return count


@app.command("atlas")
def draw_atlas(
    run: Run,
    by: Annotated[str, typer.Option(help="outcome, pair, label or predicted.")] = "outcome",
    regions: Annotated[str | None, RegionsOf] = None,
    most_images: Annotated[
        int, typer.Option(help="Most images of each kind for the mean images that maps are drawn over.")
    ] = 1000,
    out: Annotated[Path | None, typer.Option(help="File of the figure; by default RUN/atlas.png.")] = None,
    lang: Lang = None,
) -> None:
    """Show where a model looks when it is right and when it is wrong: mean attribution, drawn."""
    from sightline.findings.atlas_analysis import atlas

    study, file = open_study(run), figure_file(out or run / "atlas.png")
    among = None if regions is None else read_regions(regions, study)
    made = atlas(study, by, regions=among, most_images=most_images, progress=True)
    say_result(made, [write_figure(made.plot(), file)])


WHOLE_IMAGES = "causes"
"""Name of the files of what was found of whole images."""


@app.command("causes")
def find_image_causes(
    run: Run,
    table: Table = None,
    key: Key = None,
    column: Columns = None,
    groups: Groups = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(help="File of the figure; by default RUN/causes.png. Beside it: .json.")
    ] = None,
    model: ModelAgain = None,
    trust: Trust = False,
    lang: Lang = None,
) -> None:
    """Test causes that lie in whole images: cast, brightness, contrast, detail, noise, frame, metadata."""
    from sightline.findings.cause_analysis import image_causes
    from sightline.study.metadata import column_of_groups

    study = open_study(run, model=model, trust=trust)
    file = figure_file(out or run / f"{WHOLE_IMAGES}.png")
    given: Any = {"table": table, "key": key, "columns": column, "seed": seed, "progress": True}
    made = image_causes(study, groups=column_of_groups(study, groups, table, key), **given)
    say_result(made, write_finding(made, made.plot(), file))
    if made.misleading:
        say_text(_repair_words(run, made.misleading[0]))


def _repair_words(run: Path, name: str, regions: str | None = None) -> str:
    among = "" if regions is None else f" --regions {shlex.quote(regions)}"
    named = f"sightline repair {run} --region {shlex.quote(name)}{among} -o REPAIR"
    return tr("Repair it: {command} (--train DATA: what the model learned from)", command=named)


@app.command("slices")
def measure_slices(
    run: Run,
    table: Table = None,
    key: Key = None,
    column: Columns = None,
    regions: Annotated[str | None, RegionsOf] = None,
    fewest: Annotated[int, typer.Option(help="Images below which a slice is left out.")] = 20,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(help="File of the figure; by default RUN/slices.png. Beside it: .json.")
    ] = None,
    model: ModelAgain = None,
    trust: Trust = False,
    lang: Lang = None,
) -> None:
    """Measure a model on each slice of a study: each hospital, sex or device; and blame regions there."""
    from sightline.findings.slice_analysis import slices

    study = open_study(run, model=model, trust=trust)
    file = figure_file(out or run / "slices.png")
    given: Any = {"key": key, "columns": column, "fewest": fewest, "seed": seed, "progress": True}
    made = slices(study, table, regions=None if regions is None else read_regions(regions, study), **given)
    say_result(made, write_finding(made, made.plot(), file))


@app.command("blame")
def blame_regions(
    run: Run,
    regions: Annotated[str | None, RegionsOf] = None,
    suspect: Annotated[
        list[str] | None, typer.Option(help="A region to test on all errors; may be given several times.")
    ] = None,
    margin: Annotated[
        float,
        typer.Option(
            help="Margin that is tried where no region is confirmed without, as a share of the image's "
            "shorter side; 0 for none."
        ),
    ] = 0.06,
    fill: Annotated[
        str | None, typer.Option(help="What a hidden region looks like; by default as in the study.")
    ] = None,
    groups: Groups = None,
    table: Table = None,
    key: Key = None,
    whole_images: Annotated[
        bool,
        typer.Option(
            "--whole-images/--no-whole-images",
            help="Test causes that lie in whole images first, such as a colour cast; also by itself: causes.",
        ),
    ] = True,
    seed: Annotated[
        int, typer.Option(help="Which images are asked about, which areas elsewhere and which flips.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File of the figure; by default blame.png in the study's folder. Beside it: .json."
        ),
    ] = None,
    model: ModelAgain = None,
    trust: Trust = False,
    lang: Lang = None,
) -> None:
    """Name the regions that drive a model's errors, with evidence; or say that none does."""
    from sightline.engine.plan import parse_option
    from sightline.figures import plot_blame
    from sightline.findings.blame_analysis import blame
    from sightline.findings.blame_result import property_leads
    from sightline.findings.cause_analysis import image_causes
    from sightline.study.metadata import column_of_groups

    study = open_study(run, model=model, trust=trust)
    file = figure_file(out or run / "blame.png")
    hidden = None if fill is None else parse_option("fill", fill)
    of_one = column_of_groups(study, groups, table, key)
    among = regions_of_run(run, regions, study, anew=True, groups=of_one, seed=seed)
    causes: ImageCauses | None = None
    if whole_images:  # first: of a cast, say, hiding an area may blame that area
        causes = image_causes(study, table=table, key=key, groups=of_one, seed=seed, progress=True)
        say_result(causes, [write_json(run / f"{WHOLE_IMAGES}.json", causes.to_dict())])
    given: Any = {"suspect": suspect, "margin": margin, "fill": hidden, "seed": seed}
    made = blame(study, among, groups=of_one, progress=True, **given)
    files = write_finding(made, plot_blame(made), file)
    if (among.shared or among.needs_image) and not among.among:
        # A file can hold them, and a repair takes them from there; those that were drawn have their own.
        files.append(among.save(run / RUN_REGIONS))
    say_result(made, files)
    where = regions if among.among else None
    if causes is not None and property_leads(causes, made):
        if made.confirmed:
            say_text(
                tr(
                    "Look at {name} first: where whole images mislead, hiding an area may help because that "
                    "takes some of it away.",
                    name=translate_kept(causes.misleading[0]),
                )
            )
        say_text(_repair_words(run, causes.misleading[0]))
    elif made.confirmed:
        say_text(_repair_words(run, made.confirmed[0], where))
    elif any(one.shifted for one in made.regions):
        say_text(tr("Nothing to repair in a region: weigh the classes, or shift the threshold."))


@app.command("concepts")
def find_concepts(
    run: Run,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="TOML file of the concepts, which --regions takes elsewhere.")
    ] = Path("concepts.toml"),
    sheet: Annotated[
        Path | None, typer.Option(help="File of the sheet of examples; by default .png beside --out.")
    ] = None,
    n_concepts: Annotated[int, typer.Option(help="How many to give, at most.")] = 6,
    seed: Annotated[int, typer.Option(help="Which half of the images they are looked for in.")] = 0,
    model: ModelAgain = None,
    trust: Trust = False,
    lang: Lang = None,
) -> None:
    """Find what errors may go by wherever it is, by its looks: a mark, a ruler, a texture."""
    from sightline.figures import plot_concepts
    from sightline.regions import concepts

    if out.suffix.lower() != ".toml":
        raise OptionError(f"--out {out} must be a .toml file.", slug="option-value")
    file = figure_file(sheet or out.with_suffix(".png"), "--out" if sheet is None else "--sheet")
    study = open_study(run, model=model, trust=trust)
    found = concepts(study, n_concepts=n_concepts, seed=seed, progress=True)
    say_result(found, [found.save(out), write_figure(plot_concepts(found, study), file)])
    command = f"sightline blame {shlex.quote(str(run))} --regions {shlex.quote(str(out))}"
    say_text(tr("Test them: {command}", command=command))


@app.command("regions")
def draw_regions(
    images: Annotated[str, typer.Argument(help="Folder of a study, whose mean image is drawn, or an image.")],
    regions: Annotated[str | None, RegionsOf] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="File of the figure.")] = Path("regions.png"),
) -> None:
    """Draw regions over an image, to see whether they fit; for a study they are kept as its own."""
    from sightline.data.image_decoding import read_image_file
    from sightline.figures import plot_regions
    from sightline.findings.heatmaps import image_that_shows, mean_image

    run, files = Path(images), [figure_file(out)]
    if run.is_dir():
        study = open_study(run)
        among = regions_of_run(run, regions, study, anew=True)
        # What is found by its looks is found in no mean.
        image = image_that_shows(among, study) if among.needs_image else mean_image(study)
        if among.shared or among.needs_image:
            files.append(among.save(run / RUN_REGIONS))
    else:
        if not run.is_file():
            raise FileError(
                f"{images!r} is neither the folder of a study nor an image. Which regions are drawn is "
                "--regions: sightline regions RUN --regions face.",
                slug="file-missing",
            )
        among, image = read_regions(regions or USUAL_REGIONS), read_image_file(run)
    write_figure(plot_regions(among, image), out)
    say_result(among, files)


@app.command("sql")
def query_rows(
    run: Run,
    query: Annotated[
        str, typer.Argument(help='Such as "select predicted, count(*) from rows where rank = 0 group by 1".')
    ],
    form: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
) -> None:
    """Ask a study's table, called rows, in DuckDB's SQL; "describe rows" lists its columns."""
    check_choice("--format", form, FORMS)
    answer = open_study(run).sql(query)
    if answer is None:
        text = ""
    elif form == "table":
        text = str(answer)
    elif form == "json":
        rows = [dict(zip(answer.columns, line, strict=True)) for line in answer.fetchall()]
        text = json.dumps(rows, indent=1, default=_in_json)
    else:
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows([answer.columns, *answer.fetchall()])
        text = lines.getvalue()
    # A file gets what is asked for, letter by letter; a terminal nothing that it would obey.
    shown = form == "table" or sys.stdout.isatty()
    typer.echo(printable_text(text.rstrip(), lines=True) if shown else text.rstrip())


def _in_json(value: object) -> object:
    """What JSON has no kind of: bytes, such as packed segments, as base64; dates as text."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    return str(value)
