"""Commands about many images: study them, and ask what the study found."""

from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.options import (
    Attribute,
    Budget,
    Fill,
    Mode,
    Names,
    Run,
    Seed,
    Segment,
    Size,
    Trust,
    Values,
    app,
)

RegionsOf = typer.Option(
    help="face, face:sides=True, chest, grid:rows=4,columns=4, or a TOML file of regions."
)


@app.command()
def study(
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
    values: Values = "asis",
    mode: Mode = "asis",
    size: Size = None,
    names: Names = None,
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
    retry: Annotated[bool, typer.Option("--retry", help="Try images again that failed before.")] = False,
    trust: Trust = False,
) -> None:
    """Explain every image of a labelled set and keep it all; stop and start again at will."""
    from sightline.cli import jobs
    from sightline.study import Study

    going_on = model is None and data is None
    options = {"attribute": attribute, "segment": segment, "fill": fill}
    plan = None if going_on else jobs.plan(options, [], 1, budget, seed, None)
    made = Study(out, plan)
    try:
        made.run(
            data,
            model,
            form=None if going_on else jobs.form(values, mode, size),
            class_names=jobs.read_names(names),
            held_out=held_out,
            workers=jobs.workers(workers, ray, gpus),
            batch_size=batch_size,
            retry=retry,
            trust=trust,
            progress=True,
        )
    except KeyboardInterrupt:
        typer.secho(
            f"\nstopped: {len(made):,} of {made.count:,} images are explained and kept. Go on with\n"
            f"  sightline study -o {out}",
            err=True,
        )
        raise typer.Exit(130) from None
    typer.echo(f"{made!r}\n{made.outcomes()!r}")
    failures = made.failures()
    for failure in failures[:5]:
        typer.secho(f"failed: {failure.id}: {failure.reason} [{failure.failure}]", fg="red", err=True)
    if failures:
        raise typer.Exit(1)


@app.command()
def atlas(
    run: Run,
    by: Annotated[str, typer.Option(help="outcome, pair, label or predicted.")] = "outcome",
    regions: Annotated[str | None, RegionsOf] = None,
    out: Annotated[Path | None, typer.Option(help="File of the figure; by default RUN/atlas.png.")] = None,
) -> None:
    """Show where a model looks when it is right and when it is wrong: mean attribution, drawn."""
    from sightline.cli import jobs

    made, file = jobs.atlas(run, by, regions, out)
    typer.echo(f"{made!r}\n  wrote {file}")


@app.command()
def blame(
    run: Run,
    regions: Annotated[str, RegionsOf] = "face",
    fill: Annotated[
        str | None, typer.Option(help="What a hidden region looks like; by default as in the study.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which errors screen and which confirm.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File of the figure; by default blame.png in the study's folder. Beside it: .json."
        ),
    ] = None,
    trust: Trust = False,
) -> None:
    """Name the regions that drive a model's errors, with evidence; or say that none does."""
    from sightline.cli import jobs

    made, files = jobs.blame(run, regions, fill, seed, out, trust=trust)
    typer.echo(f"{made!r}")
    for file in files:
        typer.echo(f"  wrote {file}")


@app.command()
def sql(
    run: Run,
    query: Annotated[
        str, typer.Argument(help='Such as "select predicted, count(*) from rows where rank = 0 group by 1".')
    ],
    form: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
) -> None:
    """Ask a study's table, called rows, in DuckDB's SQL; "describe rows" lists its columns."""
    from sightline.cli import jobs

    typer.echo(jobs.sql(run, query, form))
