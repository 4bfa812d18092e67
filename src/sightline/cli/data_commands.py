"""Commands about labelled images: how often a model is right on them, and what they look like."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline._arguments import check_choice
from sightline._json import to_jsonable
from sightline._printing import printable_text
from sightline.cli.options import (
    Lang,
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
    say_result,
    say_text,
    say_written,
    write_figure,
)
from sightline.errors import OptionError

if TYPE_CHECKING:
    from sightline.adapters.checked_model import CheckedModel
    from sightline.data.datasets import Dataset
    from sightline.evaluation.class_evaluation import Evaluation
    from sightline.evaluation.discrimination import ThresholdChoice
    from sightline.evaluation.multi_label import MultiLabelEvaluation, Thresholds
    from sightline.evaluation.reliability import Calibration

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
    label: Annotated[
        str | None,
        typer.Option(help="Of images with several labels: the one to look at; by default all of them."),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            help="Of two classes: what the score of class 1 has to exceed (0.5). Of several labels also "
            "NAME=NUMBER, several times."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images in one model call.")] = 32,
    values: Values = "asis",
    mode: Mode = "asis",
    size: Size = None,
    names: Names = None,
    preprocess: Preprocess = None,
    mean: Mean = None,
    std: Std = None,
    output: Output = "auto",
    choose: Annotated[
        str | None,
        typer.Option(
            help="Choose the threshold of two classes: youden, cost:missed=5,false_alarm=1 or "
            "sensitivity:least=0.95. Use it with --threshold on other images."
        ),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="File of a figure of the ROC and calibration curves.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    trust: Trust = False,
    lang: Lang = None,
) -> None:
    """Ask a model about labelled images: accuracy, AUC, recall, precision, calibration, the confusion."""
    from sightline.data.data_spec import open_labels
    from sightline.data.several_labels import one_label_of
    from sightline.evaluation.classification import evaluate
    from sightline.evaluation.multi_label import MultiLabelEvaluation

    check_choice("--format", form, FORMS)
    file = None if figure is None else figure_file(figure)
    source, _ = open_labels(data, read_format(values, mode, size))
    opened = read_model(model, preprocess, mean, std, trust=trust, output=output)
    classes = read_class_names(names)
    made = evaluate(
        _asked_label(opened, label),
        source,
        threshold=_read_thresholds(threshold),
        batch_size=batch_size,
        class_names=classes,
        progress=True,
    )
    if isinstance(made, MultiLabelEvaluation):
        _say_labels(made, choose, form)
    else:
        whole = one_label_of(source, label, classes or opened.column_names)
        chosen = None if choose is None else made.choose_threshold(choose)
        if form == "json":
            say_text(json.dumps(_evaluation_numbers(made, whole, chosen), indent=1))
        else:
            _say_evaluation(made, whole, chosen)
    if file is not None:
        write_figure(made.plot(), file)
        if form != "json":
            say_written(file)


def _asked_label(model: "CheckedModel", label: str | None) -> "CheckedModel":
    """The model, asked for one label if one is named."""
    from sightline.adapters import as_model

    return model if label is None else as_model(model, label=label)


def _read_thresholds(texts: list[str] | None) -> "Thresholds | None":
    """One threshold for all, or one for each label that is named.

    Raises
    ------
    OptionError
        If a text is neither a number nor a name with one.
    """
    found: dict[str, float] = {}
    for text in texts or ():
        name, _, number = text.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            raise OptionError(
                f"--threshold must be a number, or NAME=NUMBER for one label, but {text!r} was given.",
                slug="option-syntax",
            ) from None
    if not found:
        return None
    return found[""] if list(found) == [""] else found


def _say_labels(made: "MultiLabelEvaluation", choose: str | None, form: str) -> None:
    """What was counted of each label."""
    chosen = {} if choose is None else made.choose_thresholds(choose)
    if form == "json":
        counted: dict[str, Any] = dict(to_jsonable(made, leave_out=("evaluations",)))
        counted["labels"] = [
            _label_numbers(one, chosen.get(name))
            for name, one in zip(made.label_names, made.evaluations, strict=True)
        ]
        say_text(json.dumps(counted, indent=1))
        return
    say_result(made, [])
    for one in chosen.values():
        say_text(f"\n{one!r}")


def _label_numbers(one: "Evaluation", chosen: "ThresholdChoice | None") -> dict[str, Any]:
    """What was counted of one label, as JSON has it."""
    numbers = {
        "name": one.name(1),
        "images": len(one),
        "there": int((one.labels == 1).sum()),
        "auc": one.auc,
        "threshold": one.threshold,
        "accuracy": one.accuracy,
        "sensitivity": one.recalls[1],
        "specificity": one.recalls[0],
        "calibration": _calibration_of(one),
        "wrong": one.wrong,
        **({} if chosen is None else {"chosen": chosen}),
    }
    return dict(to_jsonable(numbers))


def _say_evaluation(made: "Evaluation", source: "Dataset", chosen: "ThresholdChoice | None") -> None:
    """What was counted, and the images that were taken for another class."""
    say_result(made, [], ["", made.report()])
    for more in (_calibration_of(made), chosen):
        if more is not None:
            say_text(f"{more!r}\n")
    wrong = made.wrong.tolist()
    for place in wrong[:NAMED]:
        say_text(f"wrong: {printable_text(source.image_id(place))}")
    if len(wrong) > NAMED:
        say_text(f"… {len(wrong) - NAMED:,} more: --format json names all.")


def _calibration_of(made: "Evaluation") -> "Calibration | None":
    """The calibration, where the scores are probabilities."""
    return made.calibration() if made.says_probabilities else None


def _evaluation_numbers(
    made: "Evaluation", source: "Dataset", chosen: "ThresholdChoice | None"
) -> dict[str, Any]:
    """What was counted, as JSON has it: None where there is no number."""
    columns = zip(made.recalls, made.precisions, made.confusion.sum(axis=1), made.aucs, strict=True)
    numbers = {
        "images": len(made),
        **{name: getattr(made, name) for name in ("accuracy", "auc", "recall", "precision", "threshold")},
        "classes": [
            {"name": made.name(one), "recall": recall, "precision": precision, "images": images, "auc": auc}
            for one, (recall, precision, images, auc) in enumerate(columns)
        ],
        "confusion": made.confusion,
        "calibration": _calibration_of(made),
        **({} if chosen is None else {"chosen": chosen}),
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
    lang: Lang = None,
) -> None:
    """Draw some labelled images in rows, each under the name of its class: are they what they should be?"""
    from sightline.data.data_spec import open_data
    from sightline.figures import plot_images

    file = figure_file(out)
    source, _ = open_data(data, read_format(values, mode, size))
    write_figure(plot_images(source, rows=rows, columns=columns, heading=heading), file)
    counts = f" of {len(source.class_names)} classes" if source.class_names else ""
    say_text(f"{len(source):,} images{counts}")
    say_written(file)
