"""Commands that repair a model where it is misled, and prove it."""

from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.many import RegionsOf
from sightline.cli.options import Run, Seed, Trust, app


@app.command()
def repair(
    run: Run,
    region: Annotated[str, typer.Option(help="The region that misleads the model, such as jaw.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The repair's own folder.")],
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
    trust: Trust = False,
) -> None:
    """Repair a model in a region that misleads it, without looking at the images that were held out."""
    from sightline.cli import repair_jobs

    made, files = repair_jobs.repair(
        run, out, region, regions, method, train=train, fit=fit, margin=margin, seed=seed, trust=trust
    )
    typer.echo(f"{made!r}")
    for file in files:
        typer.echo(f"  wrote {file}")
    if not files:
        raise typer.Exit(1)
    typer.echo(f"Prove it: sightline proof {run} {out}")


@app.command()
def proof(
    run: Run,
    fixed: Annotated[Path, typer.Argument(help="Folder of a repair.")],
    data: Annotated[
        str | None,
        typer.Option(help="Images that nobody has used; by default those that the study held out."),
    ] = None,
    regions: Annotated[str | None, RegionsOf] = None,
    explained: Annotated[
        int, typer.Option(help="About how many of them to explain, before and after.")
    ] = 100,
    seed: Seed = 0,
    trust: Trust = False,
) -> None:
    """Prove a repair on images that nobody has used: before and after, with a verdict from stated rules."""
    from sightline.cli import repair_jobs

    made, files = repair_jobs.proof(run, fixed, data, regions, explained=explained, seed=seed, trust=trust)
    typer.echo(f"{made!r}")
    for file in files:
        typer.echo(f"  wrote {file}")
