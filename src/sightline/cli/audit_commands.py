"""The command for everybody: one call from a model and images to a verdict and a report."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from sightline._language import LANGUAGES
from sightline._language import translate as tr
from sightline.cli.options import (
    Groups,
    Key,
    Label,
    Mean,
    Names,
    Output,
    Preprocess,
    RegionsOf,
    Seed,
    Size,
    Std,
    Table,
    Threshold,
    Trust,
    app,
    read_class_names,
    read_format,
    read_model_text,
    say_text,
)


@app.command("audit")
def audit_model(
    model: Annotated[str, typer.Argument(help="As for explain.")],
    data: Annotated[
        str,
        typer.Argument(
            help="Images that the model has not learned from: folder of class folders, or list of paths and "
            "labels (.csv, .tsv, .parquet)."
        ),
    ],
    train: Annotated[
        str | None,
        typer.Option(help="Images that it has learned from: then it is repaired where it is misled."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The audit's own folder.")] = Path("audit"),
    regions: Annotated[str | None, RegionsOf] = None,
    aligned: Annotated[
        bool | None,
        typer.Option(
            "--aligned/--not-aligned",
            help="Whether the same place shows the same thing in all images; by default it is measured.",
            show_default=False,
        ),
    ] = None,
    fill: Annotated[
        str | None, typer.Option(help="What hidden looks like; by default what hides is found out.")
    ] = None,
    values: Annotated[
        str | None,
        typer.Option(help="byte, unit, signed or asis; by default the range that the model wants is tried."),
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="grey, rgb or asis; by default what the model takes.")
    ] = None,
    size: Size = None,
    mean: Mean = None,
    std: Std = None,
    preprocess: Preprocess = None,
    output: Output = "auto",
    names: Names = None,
    label: Label = None,
    threshold: Threshold = None,
    held_out: Annotated[
        float | None,
        typer.Option(help="Share of the images that is set aside for a proof; by default 0.3 or more."),
    ] = None,
    table: Table = None,
    key: Key = None,
    groups: Groups = None,
    shortcut: Annotated[
        str | None,
        typer.Option(
            help="What the audit said the model goes by, and you know to be no sign of the class: then "
            "that is repaired. With --train, and the same folder.",
        ),
    ] = None,
    minutes: Annotated[
        float,
        typer.Option(
            help="About how long it may take: a slow model is asked about fewer images, and "
            "what takes longer is not tried for a repair."
        ),
    ] = 10.0,
    lang: Annotated[
        str | None,
        typer.Option("--lang", help=f"Language of steps, verdict and report: {', '.join(LANGUAGES)}."),
    ] = None,
    seed: Seed = 0,
    trust: Trust = False,
) -> None:
    """Say what is wrong with a model, how sure that is, and whether it can be mended: one command."""
    from sightline.auditing.audit_run import audit

    form = read_format(values or "asis", mode or "asis", size)
    try:
        made = audit(
            read_model_text(model, preprocess, mean, std),
            data,
            train=train,
            out=out,
            size=form.size,
            mode=mode,
            values=values,
            output=output,
            class_names=read_class_names(names),
            label=label,
            threshold=threshold,
            fill=fill,
            aligned=aligned,
            regions=regions,
            held_out=held_out,
            table=table,
            key=key,
            groups=groups,
            shortcut=shortcut,
            minutes=minutes,
            seed=seed,
            lang=lang,
            trust=trust,
            progress=True,
        )
    except KeyboardInterrupt:
        again = shlex.join(["sightline", *sys.argv[1:]])
        say_text(
            "\n" + tr("stopped; what is done is kept. The same command goes on:\n  {again}", again=again),
            "yellow",
        )
        raise typer.Exit(130) from None
    say_text(f"\n{made.closing}")
