"""Commands about one image, and those that show and check sightline itself."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sightline.cli.options import (
    Attribute,
    Budget,
    Fill,
    Mode,
    Names,
    Seed,
    Segment,
    Size,
    Trust,
    Values,
    app,
)
from sightline.errors import SightlineError


@app.command()
def explain(
    model: Annotated[
        str,
        typer.Argument(
            help="FILE.onnx, FILE.skops, FILE.keras, a server's URL, package.module:function; with --trust "
            "also FILE.pt2, a TorchScript file, FILE.h5, FILE.joblib, FILE.pkl."
        ),
    ],
    images: Annotated[list[Path], typer.Argument(help="Images to explain.")],
    attribute: Attribute = "lime",
    segment: Segment = "slic",
    fill: Fill = "segment-mean",
    target: Annotated[
        list[str] | None,
        typer.Option(help="Class number or name; repeat for several; A:B asks why A rather than B."),
    ] = None,
    top: Annotated[int, typer.Option(help="Without --target: explain so many of the highest classes.")] = 1,
    budget: Budget = "1000",
    seed: Seed = 0,
    values: Values = "asis",
    mode: Mode = "asis",
    size: Size = None,
    names: Names = None,
    kind: Annotated[
        str, typer.Option(help="Figure: panel, overlay, heat, contours, bars, targets or pixels.")
    ] = "panel",
    out: Annotated[Path, typer.Option(help="Folder for the figures and the saved explanations.")] = Path(
        "sightline-out"
    ),
    trust: Trust = False,
) -> None:
    """Explain images: write a figure and a saved explanation (.npz) of each."""
    from sightline.cli import jobs

    jobs.check(images, kind, out)
    form = jobs.form(values, mode, size)
    options = {"attribute": attribute, "segment": segment, "fill": fill}
    asked = jobs.Job(
        model=jobs.open_model(model, trust=trust),
        plan=jobs.plan(options, target or [], top, budget, seed, jobs.read_names(names)),
        names=jobs.read_names(names),
        form=form,
        kind=kind,
        out=out,
    )
    failed = [path for path in images if not _explained(asked, path)]
    if failed:
        typer.secho(f"{len(failed)} of {len(images)} images failed.", fg="red", err=True)
        raise typer.Exit(1)


@app.command()
def compare(
    model: Annotated[
        str, typer.Argument(help="As for explain; methods that look inside need package.module:network.")
    ],
    image: Annotated[Path, typer.Argument(help="The image to explain.")],
    attribute: Annotated[
        list[str] | None, typer.Option(help="A method, as for explain; repeat for several.")
    ] = None,
    segment: Segment = "slic",
    fill: Fill = "segment-mean",
    target: Annotated[str | None, typer.Option(help="Class number or name; by default the highest.")] = None,
    budget: Annotated[str, typer.Option(help="Most model calls a method, or auto.")] = "1000",
    seed: Seed = 0,
    values: Values = "asis",
    mode: Mode = "asis",
    size: Size = None,
    names: Names = None,
    out: Annotated[Path, typer.Option(help="Folder for the figure.")] = Path("sightline-out"),
    trust: Trust = False,
) -> None:
    """Explain one image by several methods, measure each, and put them side by side in a figure."""
    from sightline.cli import jobs

    jobs.check([image], "panel", out)
    classes = jobs.read_names(names)
    chosen = jobs.plan(
        {"segment": segment, "fill": fill}, [target] if target else [], 1, budget, seed, classes
    )
    made, file = jobs.compare(
        jobs.open_model(model, trust=trust),
        jobs.form(values, mode, size).read(image),
        attribute or ["lime", "shapley"],
        chosen,
        classes,
        out / f"{image.stem}-compared.png",
    )
    typer.echo(f"{made!r}\n  wrote {file}")


def _explained(job: Any, path: Path) -> bool:
    try:
        made, files = job.run(path)
    except SightlineError as error:
        typer.secho(f"{path}: {error}", fg="red", err=True)
        return False
    typer.echo(f"{path}\n{made!r}")
    for file in files:
        typer.echo(f"  wrote {file}")
    return True


@app.command()
def demo(
    dataset: Annotated[
        str,
        typer.Option(
            help="drawn (made here, needs nothing): the whole story. olivetti (the real faces): explanations "
            "alone, as in the tutorial."
        ),
    ] = "drawn",
    out: Annotated[Path, typer.Option(help="Folder for the figures.")] = Path("sightline-demo"),
) -> None:
    """Train a face classifier that a mark misleads, find the mark, repair the model, prove it."""
    if dataset == "drawn":
        from sightline.demo.walkthrough import run_walkthrough as tell

        tell(out, typer.echo)
        return
    from sightline.demo.tutorial import run_tutorial

    run_tutorial(dataset, out, typer.echo)


@app.command()
def selfcheck(
    explainer: Annotated[
        str, typer.Argument(help="lime, shapley, banzhaf, rise, occlusion, or package.module:function.")
    ] = "all",
) -> None:
    """Put a model that looks at one segment only at every segment, and see if it is found there."""
    from sightline.evaluation import pointing_game as check

    missed = 0
    for name in check.METHODS if explainer == "all" else [explainer]:
        for hits in check.run_pointing_game(check.named_explainer(name)):
            missed += len(hits.missed)
            note = f"   missed {', '.join(map(str, hits.missed))}" if hits.missed else ""
            typer.echo(f"{name:12s} {hits.segmenter:14s} {hits.hits:3d} of {hits.tries:3d}{note}")
    if missed:
        raise typer.Exit(1)
