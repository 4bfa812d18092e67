"""The command that hands a study and what was found of it to other tools."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline._arguments import check_choice
from sightline._files import is_a_file, is_a_folder
from sightline._language import translate_plural as tr_n
from sightline._language import use_language
from sightline.cli.options import Lang, ModelAgain, Run, Trust, app, open_study, say_text, say_written
from sightline.errors import OptionError

if TYPE_CHECKING:
    from sightline.exports.experiment_trackers import ExportedRun
    from sightline.exports.study_export import Export

FORMATS = ("csv", "parquet", "json", "model-card", "tensorboard", "mlflow", "wandb", "fiftyone")
FILES = {"json": "findings.json", "model-card": "model-card.md"}
"""What is written into one file, and its name in the study's folder."""
OWN_PLACE = ("mlflow", "wandb")
"""What keeps runs in a place of its own."""


@app.command("export")
def export_study(
    run: Run,
    repair: Annotated[
        Path | None, typer.Argument(help="Folder of a repair, whose proof is told.", show_default=False)
    ] = None,
    to: Annotated[str, typer.Option("--to", help=f"What to make: {', '.join(FORMATS)}.")] = "csv",
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder, of json and model-card the file; by default in RUN. Of mlflow the tracking URI, of "
            "wandb the folder of its files: by default where these are set to.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of mlflow the experiment, of wandb the project.", show_default=False)
    ] = None,
    model: ModelAgain = None,
    trust: Trust = False,
    lang: Lang = None,
) -> None:
    """Write every finding as tables, as a model card, or as a run or data set of another tool."""
    from sightline.exports.study_export import export

    check_choice("--to", to, FORMATS)
    if name is not None and to not in OWN_PLACE:
        raise OptionError(f"--name goes with --to mlflow and --to wandb, not with {to}.", slug="option-value")
    place = out if out is not None else None if to in OWN_PLACE else str(run / FILES.get(to, to))
    if to not in OWN_PLACE:
        _check_place(to, Path(str(place)))
    study = open_study(run, model=model, trust=trust)
    made = export(study, repaired=repair, lang=lang, progress=True)
    with use_language(lang):
        for line in EXPORTERS[to](made, place, name):
            say_written(line)


def _check_place(to: str, place: Path) -> None:
    """Refuse a place that cannot be written to before anything is read.

    Raises
    ------
    OptionError
    """
    if to in FILES:
        ending = Path(FILES[to]).suffix
        if place.suffix.lower() != ending or not is_a_folder(place.parent) or is_a_folder(place):
            raise OptionError(
                f"--out {place} must be a {ending} file in a folder that is there.", slug="option-value"
            )
    elif is_a_file(place) or not is_a_folder(place.parent):
        raise OptionError(
            f"--out {place} must be a folder, new or not, in a folder that is there.", slug="option-value"
        )


def _paths_of_run(made: "ExportedRun") -> list[str]:
    return [*made.files, made.where]


def _export_csv(made: "Export", place: str | None, name: str | None) -> list[str]:
    return [*map(str, made.to_csv(str(place)))]


def _export_parquet(made: "Export", place: str | None, name: str | None) -> list[str]:
    return [*map(str, made.to_parquet(str(place)))]


def _export_json(made: "Export", place: str | None, name: str | None) -> list[str]:
    return [str(made.to_json(str(place)))]


def _export_card(made: "Export", place: str | None, name: str | None) -> list[str]:
    return [str(made.to_model_card(str(place)))]


def _export_tensorboard(made: "Export", place: str | None, name: str | None) -> list[str]:
    return _paths_of_run(made.to_tensorboard(str(place)))


def _export_mlflow(made: "Export", place: str | None, name: str | None) -> list[str]:
    return _paths_of_run(made.to_mlflow(tracking_uri=place, experiment=name))


def _export_wandb(made: "Export", place: str | None, name: str | None) -> list[str]:
    named = {} if name is None else {"project": name}
    return _paths_of_run(made.to_wandb(folder=place, **named))


def _export_fiftyone(made: "Export", place: str | None, name: str | None) -> list[str]:
    done = made.to_fiftyone(str(place))
    if done.unreadable:
        say_text(
            tr_n(
                "{n} image cannot be read from here, and is left out.",
                "{n:,} images cannot be read from here, and are left out.",
                done.unreadable,
            ),
            "yellow",
        )
    return [*map(str, done.files)]


EXPORTERS: dict[str, Callable[["Export", str | None, str | None], list[str]]] = {
    "csv": _export_csv,
    "parquet": _export_parquet,
    "json": _export_json,
    "model-card": _export_card,
    "tensorboard": _export_tensorboard,
    "mlflow": _export_mlflow,
    "wandb": _export_wandb,
    "fiftyone": _export_fiftyone,
}
