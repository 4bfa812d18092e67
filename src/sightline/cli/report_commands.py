"""Commands that show a study: its report as a file, and the studio in the browser."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline._arguments import check_choice
from sightline._files import is_a_folder
from sightline._language import translate as tr
from sightline._language import translate_plural as tr_n
from sightline._language import use_language
from sightline._printing import printable_text
from sightline.cli.options import Lang, ModelAgain, Run, Trust, app, open_study, say_text
from sightline.errors import OptionError

if TYPE_CHECKING:
    from sightline.reports.report_file import Report

FORMATS = ("html", "json", "md")
GATES = ("harmful", "errors-driven")
GATE_CODE = 3
"""Exit code where a gate does not let pass; 2 is an error, and so is a gate that nothing was asked for."""


@app.command("report")
def write_study_report(
    run: Run,
    repair: Annotated[
        Path | None, typer.Argument(help="Folder of a repair, whose proof is shown.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="File of the report; by default RUN/report.html.", show_default=False
        ),
    ] = None,
    lang: Lang = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="html (all of it), json (the same as numbers and words) or md (in short, for a comment on a "
            "pull request); by default as --out ends.",
        ),
    ] = None,
    max_bytes: Annotated[int, typer.Option(help="What the file may have at most.")] = 15_000_000,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            help="harmful (the repair) or errors-driven (by something that was confirmed): then the exit "
            f"code is {GATE_CODE}. May be given twice.",
        ),
    ] = None,
    model: ModelAgain = None,
    trust: Trust = False,
) -> None:
    """Write all that is known of a study into one file that can be mailed: verdict, evidence, repair."""
    from sightline.reports.report_file import report

    for one in fail_on or ():
        check_choice("--fail-on", one, GATES)
    file = _report_path(run, out, form)
    study = open_study(run, model=model, trust=trust)
    made = report(study, repaired=repair, lang=lang, max_bytes=max_bytes, progress=True)
    for gate in fail_on or ():
        _check_asked(made, gate, run)
    written = made.write(file)
    say_text("\n".join(one.text for one in made.summary.verdict))
    failed = [gate for gate in fail_on or () if made.fails_on(gate)]
    with use_language(lang):
        shown = tr_n(", {n} image", ", {n:,} images", written.images) if written.images else ""
        told = tr(
            "wrote {file} ({bytes:,} bytes{shown})",
            file=printable_text(written.path),
            bytes=written.bytes,
            shown=shown,
        )
        say_text(f"  {told}")
        for gate in failed:
            say_text(_gate_text(gate), "red")
    if failed:
        raise typer.Exit(GATE_CODE)


def _gate_text(gate: str) -> str:
    """Why a gate does not let the model pass."""
    why = (
        tr("the proof says that the repair does harm")
        if gate == "harmful"
        else tr("something is confirmed to drive errors, and no proof says that all of it is repaired")
    )
    return tr("--fail-on {gate}: {why} (exit code {code})", gate=gate, why=why, code=GATE_CODE)


@app.command("studio")
def open_studio(
    run: Run,
    repair: Annotated[
        Path | None, typer.Argument(help="Folder of a repair, which is shown.", show_default=False)
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(
            help="Folder of another study of the same images, shown beside it: another method, another model."
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="Of this machine; 0 is any that is free.")] = 0,
    host: Annotated[
        str, typer.Option(help="Always this machine's own address; others are refused.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option(help="Open it in the browser.")] = True,
    train: Annotated[
        str | None,
        typer.Option(help="Images that repairs learn from which are started there, as for repair."),
    ] = None,
    lang: Lang = None,
    model: ModelAgain = None,
    trust: Trust = False,
) -> None:
    """Open a study in the browser: look at its errors, ask, judge, repair. Ends with Ctrl-C."""
    from sightline.studio.opened_study import OpenedStudy
    from sightline.studio.server import check_host, serve

    check_host(host)
    opened = OpenedStudy(
        run, repair=repair, beside=beside, language=lang, model=model, trust=trust, train=train
    )

    def tell(link: str) -> None:
        with use_language(opened.language):
            told = tr("The studio of {run} is open at this link, which works once:", run=run)
            end = tr("Ctrl-C ends it.")
            say_text(f"{told}\n  {link}\n{end}")

    serve(opened, port=port, browser=browser, tell=tell)


def _report_path(run: Path, out: Path | None, form: str | None) -> Path:
    """The report's file, if it can be written, before anything is read.

    Raises
    ------
    OptionError
        If it ends otherwise than its format, or there is no such folder.
    """
    check_choice("--format", form or FORMATS[0], FORMATS)
    file = out or run / f"report.{form or FORMATS[0]}"
    ends = file.suffix.lower().removeprefix(".")
    kind = {"htm": "html"}.get(ends, ends)
    if kind not in FORMATS or (form is not None and kind != form) or not is_a_folder(file.parent):
        asked = f".{form}" if form else ".html, .json or .md"
        raise OptionError(
            f"--out {file} must end in {asked} and be in a folder that is there.", slug="option-value"
        )
    return file


def _check_asked(made: "Report", gate: str, run: Path) -> None:
    """Refuse to let pass what nobody has looked into.

    Raises
    ------
    OptionError
        If nothing was asked that the gate could go by.
    """
    if made.knows(gate):
        return
    how = (
        f"prove the repair first, sightline proof {run} REPAIR, and name its folder"
        if gate == "harmful"
        else f"ask first: sightline blame {run}"
    )
    raise OptionError(f"--fail-on {gate} cannot be told: {how}.", slug="report-gate")
