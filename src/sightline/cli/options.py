"""The command's frame, the options that several commands have, and how their texts are read."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline._files import is_a_folder, write_bytes, write_json
from sightline._language import LANGUAGES, use_language
from sightline._language import translate as tr
from sightline._printing import printable_text
from sightline._region_names import RUN_REGIONS
from sightline._version import __version__
from sightline.cli.command_wording import command_words
from sightline.errors import FileError, OptionError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sightline.adapters.checked_model import CheckedModel
    from sightline.data import ImageFormat
    from sightline.engine.plan import Plan
    from sightline.regions.region_set import Regions
    from sightline.study import Study

if TYPE_CHECKING:
    Context = typer.Context
else:  # typer gives one of the class that its own is made from
    Context = typer.Context.__mro__[1]

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
    str,
    typer.Option(help="What hidden looks like: segment-mean, colour, blur, noise, inpaint or surroundings."),
]
Budget = Annotated[str, typer.Option(help="Most model calls for an image, or auto.")]
Scale = Annotated[
    str,
    typer.Option(
        help="What values are shares of: probability (the score as it is), or log-odds, which tell more "
        "where the model is sure."
    ),
]
Estimator = Annotated[
    str,
    typer.Option(
        help="How values are learned from the answers: gaussian-process (fewest calls, up to seconds to "
        "think), regression, or auto: the process for networks, servers and an open budget."
    ),
]
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
Preprocess = Annotated[
    str | None,
    typer.Option(
        help="Your own function of a batch of images, run before the model: file.py:function or "
        "package.module:function."
    ),
]
Mean = Annotated[
    str | None,
    typer.Option(
        help="Taken from the images before the model is asked, as 0.485,0.456,0.406; where all are 1 or "
        "less, bytes are brought to 0 to 1 first."
    ),
]
Std = Annotated[str | None, typer.Option(help="What the images are divided by after --mean.")]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Allow model files whose loading runs their code, and the modules and servers that a study's "
        "own folder names.",
    ),
]
ModelAgain = Annotated[
    str | None,
    typer.Option("--model", help="The study's model, named again: then what its folder names is not needed."),
]
Output = Annotated[
    str,
    typer.Option(
        help="What the model's columns are: probability, logit, softmax or sigmoid (logits of which these "
        "are taken), or auto, which asks the model and its first answer."
    ),
]
Label = Annotated[
    str | None,
    typer.Option(help="Of a model and images with several labels: the one to ask about, by name or number."),
]
Threshold = Annotated[
    float | None,
    typer.Option(help="Of two classes or one label: which probability it has to exceed (0.5)."),
]


def _choose_language(context: Context, language: str | None) -> str | None:
    """Tell all that this command finds in a language."""
    if language is not None:
        context.with_resource(use_language(language))
    return language


Lang = Annotated[
    str | None,
    typer.Option(
        "--lang",
        callback=_choose_language,
        help=f"Language that findings and figures are told in: {', '.join(LANGUAGES)}. By default that of "
        "SIGHTLINE_LANG, else English; files of numbers stay English.",
    ),
]
Run = Annotated[Path, typer.Argument(help="Folder of a study.")]
Table = Annotated[
    Path | None,
    typer.Option(
        help="Metadata of the images, such as hospital or device: a .csv, .tsv or .parquet with a line for "
        "each; by default the further columns of the list that was studied."
    ),
]
Key = Annotated[
    str | None,
    typer.Option(help="The table's column that names the images, by path or file name; else it is guessed."),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(help="A column of the table to look at; may be given several times."),
]
Groups = Annotated[
    str | None,
    typer.Option(
        help="The table's column that says what each image belongs to, such as a patient: images of one are "
        "not independent. label where each class is one person."
    ),
]
USUAL_REGIONS = "grid:rows=4,columns=4"
"""Where neither the command line nor the study names any."""
FOUND = "auto"
"""Regions that are found in some of the study's errors."""
RegionsOf = typer.Option(
    help="face, face:sides=True, chest, grid:rows=4,columns=4, a TOML file of regions, or auto: found in "
    "some of the study's errors, and blamed on the others."
)


def _show_version(asked: bool | None) -> None:
    if asked:
        typer.echo(f"sightline {__version__}")
        raise typer.Exit


@app.callback()
def common_options(
    version: Annotated[bool | None, typer.Option("--version", callback=_show_version, is_eager=True)] = None,
) -> None:
    """Show where an image classifier looks, when it is right and when it is wrong."""


def read_format(values: str, mode: str, size: str | None) -> "ImageFormat":
    """What the model wants its images to be.

    Raises
    ------
    OptionError
        If it cannot be read.
    """
    from sightline.data import ImageFormat

    if size is None:
        return ImageFormat(values=values, mode=mode)
    width, _, height = size.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise OptionError(
            f"--size must be WIDTHxHEIGHT, such as 224x224, but {size!r} was given.", slug="option-syntax"
        )
    return ImageFormat(values=values, mode=mode, size=(int(height), int(width)))


def read_model_text(model: str, preprocess: str | None, mean: str | None, std: str | None) -> str:
    """The model's text with what is done to its images first, as `load_model` and a study read it."""
    from sightline.adapters.open_model import join_model_text

    said = {"preprocess": preprocess, "mean": mean, "std": std}
    return join_model_text(model, {name: value for name, value in said.items() if value})


def read_model(
    model: str,
    preprocess: str | None,
    mean: str | None,
    std: str | None,
    *,
    trust: bool,
    output: str = "auto",
) -> "CheckedModel":
    """The model that a command line names, after what it has done to the images first."""
    from sightline.adapters import as_model
    from sightline.adapters.open_model import load_model

    return as_model(load_model(read_model_text(model, preprocess, mean, std), trust=trust), output=output)


def read_class_names(path: Path | None) -> tuple[str, ...] | None:
    """Class names, one a line.

    Raises
    ------
    FileError
        If the file cannot be read.
    """
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"the class names in {path} cannot be read: {error}.", slug="file-missing") from None
    return tuple(line.strip() for line in lines if line.strip())


def read_plan(
    budget: str,
    seed: int,
    *,
    targets: Iterable[str] = (),
    top: int = 1,
    **options: str,
) -> "Plan":
    """The plan that a command line describes; `options` are those that have a name each.

    Raises
    ------
    OptionError, TargetError
        If it cannot be read.
    """
    from sightline.engine.model_query import Top
    from sightline.engine.plan import Plan

    if budget != "auto" and not budget.isdigit():
        raise OptionError(
            f"--budget must be a number of model calls or auto, but {budget!r} was given.",
            slug="option-value",
        )
    # A text: only the model knows whether it is a name, a number or A:B.
    target: Any = list(targets) or Top(k=top)
    chosen: dict[str, Any] = dict(options)
    return Plan(target=target, budget="auto" if budget == "auto" else int(budget), seed=seed, **chosen)


def read_regions(text: str, study: "Study | None" = None, *, anew: bool = False, **options: Any) -> "Regions":
    """The regions that a command line names: built-in ones, those of a file, or found in a study's errors.

    Parameters
    ----------
    text : str
    study : Study, optional
        Whose errors ``auto`` looks in.
    anew : bool
        Whether these are looked for again where the study has some from before.
    **options
        As for `sightline.regions.from_errors`.

    Raises
    ------
    OptionError
        If there is no study to find any in.
    """
    from sightline.regions import from_errors, load, named
    from sightline.regions.shapes import PolygonShapes

    if text != FOUND:
        return named(text)
    if study is None:
        raise OptionError(
            "--regions auto finds regions in the errors of a study: give the folder of one, not an image.",
            slug="option-value",
        )
    kept = Path(study.path) / RUN_REGIONS
    if not anew and kept.is_file():
        before: Regions = load(kept)
        if isinstance(before.shapes, PolygonShapes) and before.shapes.found_in:
            return before
    made: Regions = from_errors(study, progress=True, **options)
    return made


def regions_of_run(run: Path, text: str | None, study: "Study | None" = None, **options: Any) -> "Regions":
    """The regions that are named, else those that the study has from before, else a grid."""
    from sightline.regions import load

    if text is not None:
        return read_regions(text, study, **options)
    kept = run / RUN_REGIONS
    return load(kept) if kept.is_file() else read_regions(USUAL_REGIONS)


def open_study(run: Path, *, model: str | None = None, trust: bool = False) -> "Study":
    """The study in a folder, with the model that the command line names, if it does.

    Raises
    ------
    SightlineError
        If there is none, or the model is another.
    """
    from sightline.study import Study

    study = Study(run)
    _ = study.manifest  # says so where there is no study
    return study.attach(model=model, trust=trust) if model is not None or trust else study


def figure_file(out: Path, option: str = "--out") -> Path:
    """The file of a figure, if it can be written, before anything is computed.

    Raises
    ------
    OptionError
        If it is no ``.png`` file, or there is no such folder.
    """
    if out.suffix.lower() != ".png" or not is_a_folder(out.parent):
        raise OptionError(
            f"{option} {out} must be a .png file in a folder that is there.", slug="option-value"
        )
    return out


def write_figure(figure: "Figure", file: Path) -> Path:
    """Write a figure, and return its file."""
    from sightline.figures import figure_to_png

    return write_bytes(file, figure_to_png(figure))


def write_finding(made: Any, figure: "Figure", file: Path) -> list[Path]:
    """Write what was found as a figure and, beside it, as JSON; return both files."""
    return [write_figure(figure, file), write_json(file.with_suffix(".json"), made.to_dict())]


def say_result(made: object, files: Iterable[Path], more: Iterable[str] = ()) -> None:
    """Print what was found, what more there is to say of it, and the files that were written."""
    say_text(command_words(repr(made)))
    for line in more:
        say_text(line)
    for file in files:
        say_written(file)


def say_written(file: Path | str) -> None:
    """Print what was written."""
    say_text("  " + tr("wrote {file}", file=printable_text(file)))


def say_text(text: str, colour: str | None = None) -> None:
    """Print lines; in a colour, to the terminal's own stream for messages, further lines set in.

    What names in it could do to a terminal is written out: nothing but sightline itself draws here.
    """
    if colour is not None:
        text = text.replace("\n", "\n    ")  # a message is one thing, whatever names in it look like
    typer.secho(printable_text(text, lines=True), fg=colour, err=colour is not None)
