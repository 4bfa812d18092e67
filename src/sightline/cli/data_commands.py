"""Commands about labelled images: how often a model is right on them, and what they look like."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline._arguments import check_choice
from sightline._files import is_a_folder
from sightline._printing import printable_text
from sightline.cli.options import (
    Mean,
    Mode,
    Names,
    Preprocess,
    Size,
    Std,
    Trust,
    Values,
    app,
    read_class_names,
    read_format,
    read_model_text,
    say_text,
    write_figure,
)
from sightline.errors import OptionError

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
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    trust: Trust = False,
) -> None:
    """Ask a model about labelled images: accuracy, each class's recall and precision, the confusion."""
    from sightline.adapters.open_model import load_model
    from sightline.data.data_spec import open_data
    from sightline.evaluation.classification import evaluate

    check_choice("--format", form, FORMS)
    source, _ = open_data(data, read_format(values, mode, size))
    opened = load_model(read_model_text(model, preprocess, mean, std), trust=trust)
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
    count = made.scores.shape[1]
    classes = [
        {
            "name": made.name(one),
            "recall": _number_or_none(made.recalls[one]),
            "precision": _number_or_none(made.precisions[one]),
            "images": int(made.confusion[one].sum()),
        }
        for one in range(count)
    ]
    return {
        "images": len(made),
        "accuracy": made.accuracy,
        "recall": _number_or_none(made.recall),
        "precision": _number_or_none(made.precision),
        "threshold": made.threshold,
        "classes": classes,
        "confusion": made.confusion.tolist(),
        "wrong": [source.image_id(place) for place in made.wrong.tolist()],
    }


def _number_or_none(value: float) -> float | None:
    return None if value != value else float(value)


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

    if out.suffix.lower() != ".png" or not is_a_folder(out.parent):
        raise OptionError(f"--out {out} must be a .png file in a folder that is there.", slug="option-value")
    source, _ = open_data(data, read_format(values, mode, size))
    file = write_figure(plot_images(source, rows=rows, columns=columns, heading=heading), out)
    counts = f" of {len(source.class_names)} classes" if source.class_names else ""
    say_text(f"{len(source):,} images{counts}\n  wrote {file}")
