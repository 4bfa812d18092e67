"""Commands about one image, and those that show and check sightline itself."""

import glob
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline._arguments import check_choice
from sightline._files import is_a_file, is_a_folder
from sightline._printing import printable_text
from sightline.cli.command_wording import command_words
from sightline.cli.options import (
    Attribute,
    Budget,
    Estimator,
    Fill,
    Lang,
    Mean,
    Mode,
    Names,
    Output,
    Preprocess,
    Scale,
    Seed,
    Segment,
    Size,
    Std,
    Trust,
    Values,
    app,
    read_class_names,
    read_format,
    read_model,
    read_plan,
    say_result,
    say_text,
    write_figure,
)
from sightline.errors import OptionError, SightlineError

if TYPE_CHECKING:
    from sightline.explanation import Explanation, PairEffect
    from sightline.types import Contrast


@app.command("explain")
def explain_images(
    model: Annotated[
        str,
        typer.Argument(
            help="FILE.onnx, FILE.skops, FILE.keras, a server's URL, package.module:function or "
            "file.py:function; with --trust also "
            "FILE.pt2, a TorchScript file, FILE.h5, FILE.joblib, FILE.pkl."
        ),
    ],
    images: Annotated[
        list[str], typer.Argument(help="Images to explain; a folder stands for all images below it.")
    ],
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
    scale: Scale = "probability",
    estimator: Estimator = "auto",
    values: Values = "asis",
    mode: Mode = "asis",
    size: Size = None,
    names: Names = None,
    preprocess: Preprocess = None,
    mean: Mean = None,
    std: Std = None,
    output: Output = "auto",
    kind: Annotated[
        str, typer.Option(help="Figure: panel, overlay, heat, contours, bars, pairs, targets or pixels.")
    ] = "panel",
    pairs: Annotated[
        int,
        typer.Option(
            min=0, help="Tell so many pairs of segments too that do most together; figure: --kind pairs."
        ),
    ] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the figures and the saved explanations.")] = Path(
        "sightline-out"
    ),
    trust: Trust = False,
    lang: Lang = None,
) -> None:
    """Explain images: write a figure and a saved explanation (.npz) of each."""
    from sightline.engine.estimators import check_pairs_known
    from sightline.explain_image import explain
    from sightline.figures import KINDS

    check_choice("--kind", kind, KINDS)
    paths = _listed_images(images)
    _make_folder(out, paths)
    wanted, classes = read_format(values, mode, size), read_class_names(names)
    options = {
        "attribute": attribute,
        "segment": segment,
        "fill": fill,
        "scale": scale,
        "estimator": estimator,
    }
    opened = read_model(model, preprocess, mean, std, trust=trust, output=output)
    plan = read_plan(budget, seed, targets=target or (), top=top, **options)
    if pairs or kind == "pairs":
        check_pairs_known(plan.attribute)  # before the model is asked
    failed = 0
    for path in paths:
        try:
            made = explain(wanted.read(path), opened, plan, class_names=classes, progress=True)
            kept = made.save(out / f"{path.stem}.npz")
            figure = write_figure(made.plot(kind), out / f"{path.stem}.png")
            linked = [(one, made.pairs(pairs, one)) for one in made.targets] if pairs else []
        except SightlineError as error:
            say_text(f"{printable_text(path)}: {command_words(str(error))}", "red")
            failed += 1
        else:
            say_text(printable_text(path))
            say_result(made, [figure, kept], _pair_lines(made, linked, numbered=kind == "pairs"))
    if failed:
        say_text(f"{failed} of {len(paths)} images failed.", "red")
        raise typer.Exit(1)


def _pair_lines(
    made: "Explanation", linked: "list[tuple[int | Contrast, list[PairEffect]]]", *, numbered: bool
) -> list[str]:
    """What pairs of segments do, and where their numbers are drawn."""
    lines = []
    for target, found in linked:
        if len(linked) > 1:
            lines.append(f"  pairs of {made.name(target)}:")
        lines += [
            f"  segments {one.a:3d} and {one.b:3d}  {one.value:+.4f} ± {one.error:.4f} together"
            for one in found
        ]
    if lines and not numbered:
        lines.append("  --kind pairs draws them, with the numbers of the segments")
    return lines


def _listed_images(given: list[str]) -> list[Path]:
    """Files of images: those that are named, all below folders, and those that fit a pattern."""
    from sightline.data.file_index import ENDINGS

    found: list[Path] = []
    for text in given:
        if is_a_folder(text):
            below = [path for path in sorted(Path(text).rglob("*")) if path.suffix.lower() in ENDINGS]
            if not below:
                raise OptionError(f"there are no images in the folder {text}.", slug="option-value")
            found += below
        elif any(letter in text for letter in "*?[") and not is_a_file(text):
            fitting = sorted(map(Path, glob.glob(text, recursive=True)))  # noqa: PTH207 (of absolute ones, too)
            if not fitting:
                raise OptionError(f"no file fits the pattern {text}.", slug="option-value")
            found += fitting
        else:
            found.append(Path(text))
    return found


def _make_folder(out: Path, images: list[Path]) -> None:
    """Make the folder; refuse what could not be written into it, before the model is asked."""
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


@app.command("compare")
def compare_methods(
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
    scale: Scale = "probability",
    estimator: Estimator = "auto",
    values: Values = "asis",
    mode: Mode = "asis",
    size: Size = None,
    names: Names = None,
    preprocess: Preprocess = None,
    mean: Mean = None,
    std: Std = None,
    output: Output = "auto",
    out: Annotated[Path, typer.Option(help="Folder for the figure.")] = Path("sightline-out"),
    trust: Trust = False,
    lang: Lang = None,
) -> None:
    """Explain one image by several methods, measure each, and put them side by side in a figure."""
    from sightline.evaluation.comparison import compare

    _make_folder(out, [image])
    classes = read_class_names(names)
    targets = () if target is None else (target,)
    plan = read_plan(
        budget, seed, targets=targets, segment=segment, fill=fill, scale=scale, estimator=estimator
    )
    opened = read_model(model, preprocess, mean, std, trust=trust, output=output)
    pixels = read_format(values, mode, size).read(image)
    made = compare(pixels, opened, attribute or ["lime", "shapley"], plan, class_names=classes, progress=True)
    say_result(made, [write_figure(made.plot(), out / f"{image.stem}-compared.png")])


@app.command("demo")
def run_demo(
    dataset: Annotated[
        str,
        typer.Option(
            help="drawn (made here, needs nothing): the whole story. olivetti (the real faces): explanations "
            "alone, as in the tutorial."
        ),
    ] = "drawn",
    out: Annotated[Path, typer.Option(help="Folder for the figures.")] = Path("sightline-demo"),
    lang: Lang = None,
) -> None:
    """Train a face classifier that a mark misleads, find the mark, repair the model, prove it."""
    from sightline.demo.tutorial import run_tutorial
    from sightline.demo.walkthrough import run_walkthrough

    if dataset == "drawn":
        run_walkthrough(out, typer.echo)
    else:
        run_tutorial(dataset, out, typer.echo)


@app.command("bench")
def measure_tables(
    tables: Annotated[
        list[str] | None, typer.Argument(help="games, speed, memory and others; by default all.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few seeds and images: minutes, not hours.")] = False,
    second: Annotated[str, typer.Option(help="Another Python, that has shapiq 1.8 or BNNR 0.8.")] = "",
    out: Annotated[str, typer.Option(help="The file that all tables are written into.")] = "bench.md",
) -> None:
    """Measure accuracy, time and memory beside other tools: in a checkout, by the scripts of benchmarks."""
    script = Path(__file__).resolve().parents[3] / "benchmarks" / "run_all.py"
    if not script.is_file():
        raise OptionError(
            "the measurements are no part of the installed package. Fetch the repository, install it there "
            "with pip install -c constraints.txt -e '.[bench]', and run sightline bench again.",
            slug="bench-checkout",
        )
    words = [*(tables or []), "--out", out, *["--quick"] * quick, *(["--second", second] if second else [])]
    raise typer.Exit(subprocess.run([sys.executable, str(script), *words], check=False).returncode)


@app.command("selfcheck")
def check_methods(
    explainer: Annotated[
        str, typer.Argument(help="lime, shapley, banzhaf, rise, occlusion, or package.module:function.")
    ] = "all",
) -> None:
    """Put a model that looks at one segment only at every segment, and see if it is found there."""
    from sightline.evaluation.pointing_game import METHODS, named_explainer, run_pointing_game

    missed = 0
    for name in METHODS if explainer == "all" else [explainer]:
        for hits in run_pointing_game(named_explainer(name)):
            missed += len(hits.missed)
            note = f"   missed {', '.join(map(str, hits.missed))}" if hits.missed else ""
            say_text(f"{name:12s} {hits.segmenter:14s} {hits.hits:3d} of {hits.tries:3d}{note}")
    if missed:
        raise typer.Exit(1)
