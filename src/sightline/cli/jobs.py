"""What the command was asked for → explanations, findings and files."""

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Shaped

from sightline.adapters.open_model import load_model
from sightline.data import ImageFormat
from sightline.engine.model_query import Top
from sightline.engine.plan import Plan, parse_option
from sightline.errors import FileError, OptionError, TargetError
from sightline.evaluation import comparison
from sightline.evaluation.comparison import Comparison
from sightline.explain_image import explain, named_target
from sightline.explanation import Explanation
from sightline.types import Contrast, did_you_mean, record

if TYPE_CHECKING:
    from sightline.study import Study

FORMS = ("table", "csv", "json")


def form(values: str, mode: str, size: str | None) -> ImageFormat:
    """The form in which a model wants its images.

    Raises
    ------
    OptionError
        If it cannot be read.
    """
    return ImageFormat(values=values, mode=mode, size=_size(size))


def _size(text: str | None) -> tuple[int, int] | None:
    """Height and width out of ``"WIDTHxHEIGHT"``."""
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise OptionError(
            f"--size must be WIDTHxHEIGHT, such as 224x224, but {text!r} was given.", slug="option-syntax"
        )
    return int(height), int(width)


@record
class Job:
    """One model, one plan, many images."""

    model: Any
    plan: Plan
    names: tuple[str, ...] | None
    form: ImageFormat
    kind: str
    out: Path

    def run(self, path: Path) -> tuple[Explanation, list[Path]]:
        """Explain one image and write its figure and its explanation."""
        from sightline import figures

        made = explain(self.form.read(path), self.model, self.plan, class_names=self.names)
        kept = made.save(self.out / f"{path.stem}.npz")
        figure = self.out / f"{path.stem}.png"
        figure.write_bytes(figures.figure_to_png(made.plot(self.kind)))
        return made, [figure, kept]


def compare(
    model: Any,
    image: Shaped[np.ndarray, "..."],
    attributes: list[str],
    plan: Plan,
    names: tuple[str, ...] | None,
    file: Path,
) -> tuple[Comparison, Path]:
    """Compare methods on one image and write the figure."""
    from sightline import figures

    made = comparison.compare(image, model, attributes, plan, class_names=names)
    file.write_bytes(figures.figure_to_png(made.plot()))
    return made, file


def check(images: list[Path], kind: str, out: Path) -> None:
    """Refuse what could not be written, before the model is asked.

    Raises
    ------
    OptionError
        If two images would be written to the same file, the figure does not exist, or the folder
        cannot be made.
    """
    from sightline.figures import KINDS

    if kind not in KINDS:
        raise OptionError(f"there is no --kind {kind!r}. {did_you_mean(kind, KINDS)}", slug="option-unknown")
    first: dict[str, Path] = {}
    for path in images:
        if first.setdefault(path.stem, path) is not path:
            raise OptionError(
                f"{first[path.stem]} and {path} would both be written to {out / path.stem}.png: explain "
                "them apart, each with an --out of its own.",
                slug="option-value",
            )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"--out {out} cannot be a folder: {error}.", slug="option-value") from None


def open_model(text: str, *, trust: bool) -> Any:
    """The model that a command line names."""
    return load_model(text, trust=trust)


def read_names(path: Path | None) -> tuple[str, ...] | None:
    """Class names, one a line."""
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"the class names in {path} cannot be read: {error}.", slug="file-missing") from None
    return tuple(line.strip() for line in lines if line.strip())


def plan(
    options: dict[str, str],
    targets: list[str],
    top: int,
    budget: str,
    seed: int,
    names: tuple[str, ...] | None,
) -> Plan:
    """The plan that a command line describes."""
    if budget != "auto" and not budget.isdigit():
        raise OptionError(
            f"--budget must be a number of model calls or auto, but {budget!r} was given.",
            slug="option-value",
        )
    target: Any = Top(k=top)
    if targets:
        target = named_target([_target(text, names) for text in targets], names)
    chosen: dict[str, Any] = dict(options)
    return Plan(target=target, budget="auto" if budget == "auto" else int(budget), seed=seed, **chosen)


def _target(text: str, names: tuple[str, ...] | None) -> Any:
    if names and text in names:
        return text
    first, colon, second = text.partition(":")
    if colon:
        return Contrast(_class(first, names), _class(second, names))
    return int(text) if text.isdigit() else text


def _class(text: str, names: tuple[str, ...] | None) -> int:
    if names and text in names:
        return names.index(text)
    if text.isdigit():
        return int(text)
    raise TargetError(f"there is no class {text!r}. {did_you_mean(text, names or ())}", slug="target-unknown")


def workers(count: int, ray: str | None, gpus: float) -> Any:
    """Who computes a study: so many processes here, or on a Ray cluster.

    Raises
    ------
    OptionError
        If GPUs are asked for without Ray.
    """
    from sightline.study import Ray

    if ray is None:
        if gpus:
            raise OptionError(
                "--gpus goes with --ray: processes of this machine share its GPU.", slug="option-value"
            )
        return count
    return Ray(workers=count, gpus=gpus, address=None if ray == "local" else ray)


def atlas(run: Path, by: str, regions: str | None, out: Path | None) -> tuple[Any, Path]:
    """Where the model of a study looks, and the file of the figure."""
    from sightline import figures
    from sightline.findings.atlas_analysis import atlas as find
    from sightline.regions import named

    made = find(_study(run), by, regions=None if regions is None else named(regions))
    file = _file(out, run / "atlas.png")
    file.write_bytes(figures.figure_to_png(made.plot()))
    return made, file


def blame(
    run: Path, regions: str, fill: str | None, seed: int, out: Path | None, *, trust: bool
) -> tuple[Any, list[Path]]:
    """The regions that drive the errors of a study's model, and the files of the figure and the numbers."""
    from sightline import figures
    from sightline.findings.blame_analysis import blame as find
    from sightline.regions import named

    study = _study(run)
    if trust:
        study.attach(model=study.manifest.model_text, trust=True)
    made = find(study, named(regions), fill=None if fill is None else parse_option("fill", fill), seed=seed)
    file = _file(out, run / "blame.png")
    file.write_bytes(figures.figure_to_png(figures.plot_blame(made)))
    numbers = file.with_suffix(".json")
    numbers.write_text(json.dumps(made.to_dict(), indent=1), encoding="utf-8")
    return made, [file, numbers]


def sql(run: Path, query: str, form: str) -> str:
    """What DuckDB answers, as a table, CSV or JSON.

    Raises
    ------
    OptionError
        If the query or the form cannot be used.
    """
    if form not in FORMS:
        raise OptionError(
            f"there is no --format {form!r}. {did_you_mean(form, FORMS)}", slug="option-unknown"
        )
    answer = _study(run).sql(query)
    if answer is None:
        return ""
    if form == "table":
        return str(answer).rstrip()
    lines = answer.fetchall()
    if form == "json":
        rows = [dict(zip(answer.columns, line, strict=True)) for line in lines]
        return json.dumps(rows, indent=1, default=str)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([answer.columns, *lines])
    return text.getvalue().rstrip()


def _study(run: Path) -> "Study":
    from sightline.study import Study

    made = Study(run)
    _ = made.manifest  # says so where there is none
    return made


def _file(given: Path | None, usual: Path) -> Path:
    file = usual if given is None else given
    if file.suffix.lower() != ".png" or not file.parent.is_dir():
        raise OptionError(f"--out {file} must be a .png file in a folder that is there.", slug="option-value")
    return file
