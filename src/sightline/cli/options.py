"""The command's frame, and the options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from sightline._version import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Show where an image classifier looks, when it is right and when it is wrong.",
)


Attribute = Annotated[
    str,
    typer.Option(
        help="lime, shapley, banzhaf, rise or occlusion; for a network of your own also grad-cam, "
        "integrated-gradients and others. Parameters after a colon."
    ),
]
Segment = Annotated[
    str,
    typer.Option(
        help="slic, quickshift, felzenszwalb, watershed or grid; parameters after a colon, as in "
        "slic:n_segments=100,compactness=5."
    ),
]
Fill = Annotated[
    str, typer.Option(help="What hidden looks like: segment-mean, colour, blur, noise or inpaint.")
]
Budget = Annotated[str, typer.Option(help="Most model calls for an image, or auto.")]
Seed = Annotated[int, typer.Option(help="Which masks; same seed, same answer.")]
Values = Annotated[
    str, typer.Option(help="What the model wants: byte (0 to 255), unit (0 to 1), signed (-1 to 1), asis.")
]
Mode = Annotated[
    str, typer.Option(help="Channels that the model wants: grey, rgb, or asis (as the file has them).")
]
Size = Annotated[str | None, typer.Option(help="Resize images to WIDTHxHEIGHT pixels before anything else.")]
Names = Annotated[
    Path | None, typer.Option(help="Text file with one class name a line, in the model's order.")
]
Trust = Annotated[bool, typer.Option("--trust", help="Allow model files whose loading runs their code.")]
Run = Annotated[Path, typer.Argument(help="Folder of a study.")]


def _version(asked: bool | None) -> None:
    if asked:
        typer.echo(f"sightline {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[bool | None, typer.Option("--version", callback=_version, is_eager=True)] = None,
) -> None:
    """Show where an image classifier looks, when it is right and when it is wrong."""
