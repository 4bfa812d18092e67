"""Commands about labelled images: how often a model is right on them, and what they look like."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline._arguments import check_choice
from sightline._json import to_jsonable
from sightline._printing import printable_text
from sightline.cli.options import (
    Mean,
    Mode,
    Names,
    Output,
    Preprocess,
    Size,
    Std,
    Trust,
    Values,
    app,
    figure_file,
    read_class_names,
    read_format,
    read_model,
    say_text,
    write_figure,
)

if TYPE_CHECKING:
    from sightline.data.datasets import Dataset
    from sightline.evaluation.classification import Evaluation

FORMS = ("text", "json")
NAMED = 20
"""Images that are named which the model took for another class."""

Data = Annotated[
    str,
    typer.Argument(
        help="Folder of class folders, list of paths and labels (.csv, .tsv, .parquet), olivetti or "
        "drawn-faces."
    ),
]


@app.command("evaluate")
def evaluate_model(
    model: Annotated[str, typer.Argument(help="As for explain.")],
    data: Data,
    threshold: Annotated[
        float, typer.Option(help="Of two classes: what the score of class 1 has to exceed.")
    ] = 0.5,
    batch_size: Annotated[int, typer.Option(help="Images in one model call.")] = 32,
    values: Values = "asis",
    mode: Mode = "asis",
    size: Size = None,
    names: Names = None,
    preprocess: Preprocess = None,
    mean: Mean = None,
    std: Std = None,
    output: Output = "auto",
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    trust: Trust = False,
) -> None:
    """Ask a model about labelled images: accuracy, each class's recall and precision, the confusion."""
    from sightline.data.data_spec import open_data
    from sightline.evaluation.classification import evaluate

    check_choice("--format", form, FORMS)
    source, _ = open_data(data, read_format(values, mode, size))
    opened = read_model(model, preprocess, mean, std, trust=trust)
    made = evaluate(
        opened,
        source,
        threshold=threshold,
        batch_size=batch_size,
        class_names=read_class_names(names),
        progress=True,
    )
    if form == "json":
        say_text(json.dumps(_evaluation_numbers(made, source), indent=1))
        return
    say_text(f"{made!r}\n\n{made.report()}")
    wrong = made.wrong.tolist()
    for place in wrong[:NAMED]:
        say_text(f"wrong: {printable_text(source.image_id(place))}")
    if len(wrong) > NAMED:
        say_text(f"… {len(wrong) - NAMED:,} more: --format json names all.")


def _evaluation_numbers(made: "Evaluation", source: "Dataset") -> dict[str, Any]:
    """What was counted, as JSON has it: None where there is no number."""
    columns = zip(made.recalls, made.precisions, made.confusion.sum(axis=1), strict=True)
    numbers = {
        "images": len(made),
        **{name: getattr(made, name) for name in ("accuracy", "recall", "precision", "threshold")},
        "classes": [
            {"name": made.name(one), "recall": recall, "precision": precision, "images": images}
            for one, (recall, precision, images) in enumerate(columns)
        ],
        "confusion": made.confusion,
        "wrong": [source.image_id(index) for index in made.wrong.tolist()],
    }
    return dict(to_jsonable(numbers))


@app.command("grid")
def draw_grid(
    data: Data,
    rows: Annotated[int, typer.Option(help="Rows of images.")] = 3,
    columns: Annotated[int, typer.Option(help="Images in a row.")] = 5,
    heading: Annotated[str, typer.Option(help="Text above all of them.")] = "",
    values: Values = "asis",
    mode: Mode = "asis",
    size: Size = None,
    out: Annotated[Path, typer.Option(help="File of the figure.")] = Path("grid.png"),
) -> None:
    """Draw some labelled images in rows, each under the name of its class: are they what they should be?"""
    from sightline.data.data_spec import open_data
    from sightline.figures import plot_images

    file = figure_file(out)
    source, _ = open_data(data, read_format(values, mode, size))
    write_figure(plot_images(source, rows=rows, columns=columns, heading=heading), file)
    counts = f" of {len(source.class_names)} classes" if source.class_names else ""
    say_text(f"{len(source):,} images{counts}\n  wrote {file}")
