"""Jobs: started, watched, stopped and gone on with; and what a repair made, to be kept."""

import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from sightline._language import translatable
from sightline._language import translate as tr
from sightline._printing import printable_text
from sightline._region_names import DRAWN_REGIONS
from sightline.errors import OptionError, SightlineError
from sightline.repair.store import NAME as REPAIR
from sightline.repair.store import model_file, read_repair_notes
from sightline.reports.claims import driven_by
from sightline.reports.options_in_words import option_words
from sightline.reports.saved_results import read_findings, read_proof
from sightline.reports.summary import Summary, thing_name
from sightline.studio.jobs import BLAMED, METHODS, Allowed, Job, Jobs
from sightline.studio.model_question import model_text
from sightline.studio.opened_study import OpenedStudy
from sightline.studio.replies import (
    file_name,
    json_reply,
    opened_of,
    page_reply,
    read_json,
    with_early_summary,
)
from sightline.study.schema import answers_digest
from sightline.study.thing_keys import judged_things
from sightline.study.verdicts import said_text

STEPS = {
    "trying methods": translatable("trying methods"),
    "explaining images": translatable("explaining images"),
    "asking the model": translatable("asking the model"),
    "measuring images": translatable("measuring images"),
    "exchanging properties": translatable("exchanging properties"),
    "explaining answers": translatable("explaining answers"),
    "repairing": translatable("learning from images"),
}
"""What a step is called on the page, by what it is called in a job's file, or by its first word."""


@with_early_summary
def show_work(request: Request, summary: Summary, whole: bool) -> Response:
    """What can be started, and all jobs."""
    del whole  # nothing of that waits for maps
    opened = opened_of(request)
    study = opened.study
    found = read_findings(study, study.path, {})
    return page_reply(
        request,
        "work.html.jinja",
        script="jobs.mjs",
        words=_page_words(),
        data={"region": request.query_params.get("region", "")},
        summary=summary,
        loaded=model_text(opened),
        trusted=opened.trust,
        train=None if opened.train is None else printable_text(opened.train),
        missing=study.count - len(study) - len(study.failures()),
        failed=len(study.failures()),
        blamed=_blame_choices(opened),
        regions=_repair_choices(opened, summary),
        offered=driven_by(found),
        offered_as_shortcut="shortcut" in found.said.values(),  # then nothing else is offered
        methods=_method_choices(),
        held_out=study.manifest.split is not None,
    )


def _blame_choices(opened: OpenedStudy) -> list[tuple[str, str]]:
    """Among which regions blame can look, and what that is called; drawn ones where there are some."""
    there = (opened.run / DRAWN_REGIONS).is_file()
    return [(one, _blamed_text(one)) for one in BLAMED if one != "drawn" or there]


def _blamed_text(regions: str) -> str:
    return {
        "": tr("those of before, else a grid"),
        "drawn": tr("those that were drawn"),
        "auto": tr("found in some of the errors, and tested on the others"),
        "face": tr("of a face"),
        "chest": tr("of a chest X-ray"),
        "grid:rows=4,columns=4": tr("a grid of 4 × 4"),
    }[regions]


def _repair_choices(opened: OpenedStudy, summary: Summary) -> list[tuple[str, str]]:
    """What can be repaired, and what is known of it: what was called a shortcut first."""
    told: dict[str, str] = {}
    for said in summary.said:
        if said.current and said.of not in ("group", "image"):
            told[said.name] = said.said_text
    things = judged_things(opened.run, answers_digest(opened.study))
    fixed = {one.name: one.called for one in things if not one.drawn and one.of == "region"}
    for section in summary.causal_sections:
        for row in section.rows:
            told.setdefault(fixed.get(row.name, row.name), row.status_text)
    for one in things:
        if one.drawn:
            told.setdefault(one.called, tr("drawn"))
    shortcut = said_text("shortcut")
    order = sorted(told.items(), key=lambda one: one[1] != shortcut)
    return [(name, f"{thing_name(name)} ({words})") for name, words in order]


def _method_choices() -> list[tuple[str, str]]:
    called = {
        "auto": tr("the best of those that apply"),
        "counterexamples": tr("counterexamples: learn from images with the place exchanged"),
        "right-reasons": tr("right reasons: learn not to look there"),
        "last-layer": tr("last layer: fit that one anew"),
        "guard": tr("guard: never show the place to the model"),
    }
    return [(one, called[one]) for one in METHODS]


def tell_jobs(request: Request) -> Response:
    """All jobs, as they stand now."""
    opened = opened_of(request)
    jobs = Jobs(opened.run)
    return json_reply(request, {"jobs": [_job_value(opened, jobs, one) for one in jobs]})


def tell_job(request: Request) -> Response:
    """One job, as it stands now."""
    opened = opened_of(request)
    jobs = Jobs(opened.run)
    return json_reply(request, _job_value(opened, jobs, jobs.job(_number(request))))


def tell_log(request: Request) -> Response:
    """The end of what a job has printed."""
    opened = opened_of(request)
    number = Jobs(opened.run).job(_number(request)).number
    return json_reply(request, {"log": printable_text(Jobs(opened.run).log(number), lines=True)})


def start_job(request: Request) -> Response:
    """Start a job, once a person has agreed that it loads the model."""
    given = read_json(request)
    _check_consent(given)
    kind, options = given.get("kind"), given.get("options", {})
    if not isinstance(kind, str) or not isinstance(options, dict):
        raise OptionError("a job has a kind, and options of an object.", slug="studio-request")
    opened = opened_of(request)
    jobs = Jobs(opened.run)
    return json_reply(request, _job_value(opened, jobs, jobs.start(kind, options, _allowed(opened))))


def resume_job(request: Request) -> Response:
    """Go on with a job that was stopped, killed or failed."""
    _check_consent(read_json(request))
    opened = opened_of(request)
    jobs = Jobs(opened.run)
    return json_reply(request, _job_value(opened, jobs, jobs.resume(_number(request), _allowed(opened))))


def stop_job(request: Request) -> Response:
    """Ask a job to stop."""
    opened = opened_of(request)
    jobs = Jobs(opened.run)
    return json_reply(request, _job_value(opened, jobs, jobs.stop(_number(request))))


def send_model(request: Request) -> Response:
    """The model that a repair made, in its file."""
    folder = Jobs(opened_of(request).run).repair_folder(str(_number(request)))
    file = model_file(folder)
    if file is None:
        raise OptionError(
            "this repair has no model of its own: a guard is put around the old one. Keep its folder.",
            slug="studio-job",
        )
    return FileResponse(file, filename=file_name(f"repaired-{folder.name}{file.suffix}"))


def send_folder(request: Request) -> Response:
    """All that a repair's folder holds, as a ZIP file."""
    folder = Jobs(opened_of(request).run).repair_folder(str(_number(request)))
    handle, name = tempfile.mkstemp(suffix=".zip")
    os.close(handle)
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in _files_below(folder):
            archive.write(file, Path(f"repair-{folder.name}") / file.relative_to(folder))
    return FileResponse(
        name,
        media_type="application/zip",
        filename=f"repair-{folder.name}.zip",
        background=BackgroundTask(os.unlink, name),
    )


def _files_below(folder: Path) -> Iterator[Path]:
    """Files of a repair, without what is hidden, and without links, which may lead anywhere."""
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.is_file() and not file.is_symlink() and not hidden:
            yield file


def _number(request: Request) -> int:
    return int(request.path_params["number"])


def _check_consent(given: dict[str, Any]) -> None:
    if given.get("load") is not True:
        raise OptionError(
            "a job loads the study's model, and nobody has agreed to that: say load=true, as the page asks.",
            slug="studio-consent",
        )


def _allowed(opened: OpenedStudy) -> Allowed:
    return Allowed(opened.model, opened.trust, opened.language, opened.train)


def _job_value(opened: OpenedStudy, jobs: Jobs, one: Job) -> dict[str, Any]:
    """A job as JSON has it, in the page's language."""
    made = one.kind == "repair" and (opened.run / one.out / REPAIR).is_file()
    notes, model = "", False
    if made:
        try:
            folder = opened.run / one.out
            told = read_repair_notes(folder)
            notes = tr(
                "{region} by {method}", region=thing_name(told.region), method=option_words(told.method)
            )
            model = model_file(folder) is not None
        except (SightlineError, OSError):
            made = False
    if one.kind == "proof" and one.state == "done":
        proof, _, why = read_proof(opened.run / one.out / "proof.json")
        notes = why if proof is None else " ".join(filter(None, (proof.headline, proof.reused_text)))
    lines = jobs.log(one.number).rstrip().splitlines() if one.state != "running" else []
    return {
        "number": one.number,
        "kind": one.kind,
        "title": _title(one),
        "options": {name: printable_text(value) for name, value in one.options.items()},
        "command": " ".join(["sightline", *map(printable_text, one.command)]),
        "begun": one.begun,
        "ended": one.ended,
        "state": one.state,
        "state_text": _state_text(one.state),
        "error": one.error,
        "slug": one.slug,
        "last_line": printable_text(lines[-1]) if lines else "",
        "steps": [_step_value(step) for step in one.steps],
        "made": made,
        "has_model": model,
        "notes": notes,
    }


def _title(one: Job) -> str:
    words = {
        "study": tr("Go on with the study"),
        "blame": tr("Blame: which regions drive errors"),
        "causes": tr("Causes that lie in whole images"),
        "concepts": tr("Concepts in the errors"),
        "repair": tr("Repair"),
        "proof": tr("Proof"),
    }[one.kind]
    regions = one.options.get("regions")
    more = _blamed_text(regions) if regions in BLAMED else thing_name(one.options.get("region", ""))
    more = more or one.options.get("repair", "")
    return f"{words}: {more}" if more else words


def _state_text(state: str) -> str:
    return {
        "running": tr("is under way"),
        "done": tr("is done"),
        "failed": tr("failed"),
        "stopped": tr("was stopped: what it has done is kept"),
        "died": tr("was cut short: what it has done is kept"),
    }[state]


def _step_value(step: dict[str, Any]) -> dict[str, Any]:
    """A step as the page shows it: a sentence, and how much of how much."""
    text = str(step.get("text", ""))
    word = STEPS.get(text) or STEPS.get(text.partition(" ")[0])
    done, total = _count(step.get("done")) or 0, _count(step.get("total"))
    said = tr(word) if word else printable_text(text)
    if total is None:
        said = tr("{what}: {done:,}", what=said, done=done)
    elif step.get("at_most"):
        said = tr("{what}: {done:,} of at most {total:,}", what=said, done=done, total=total)
    else:
        said = tr("{what}: {done:,} of {total:,}", what=said, done=done, total=total)
    epoch, epochs = _count(step.get("epoch")), _count(step.get("epochs"))
    if epoch is not None and epochs is not None:
        said += ", " + tr("epoch {epoch} of at most {epochs}", epoch=epoch, epochs=epochs)
    if isinstance(step.get("method"), str):
        said += f" · {option_words(printable_text(step['method']))}"
    return {"text": said, "done": done, "total": total}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _page_words() -> dict[str, str]:
    """What the page's script says."""
    return {
        "started": tr("Job {number} has begun.", number="{number}"),
        "stopping": tr("Job {number} was asked to stop.", number="{number}"),
        "agree": tr("Tick first that the model may be loaded."),
        "sure": tr(
            "This loads the study's model and asks it: {model}. Do so now, and whenever you start something "
            "here, until this window is closed?",
            model="{model}",
        ),
        "stop": tr("Stop"),
        "resume": tr("Go on"),
        "prove": tr("Prove it"),
        "model": tr("Download the corrected model"),
        "folder": tr("Download the repair's folder (ZIP)"),
        "no_model": tr(
            "A guard is put around the old model: there is no model file of its own, but its folder."
        ),
        "log": tr("What it prints"),
        "command": tr("The command"),
        "see": tr("See what was found"),
        "job": tr("Job {number}: {title}", number="{number}", title="{title}"),
        "none": tr("Nothing was started yet."),
        "over": tr("Job {number} {state}.", number="{number}", state="{state}"),
    }


ROUTES = [
    Route("/work", show_work, methods=["GET"]),
    Route("/work.json", tell_jobs, methods=["GET"]),
    Route("/api/jobs", tell_jobs, methods=["GET"]),
    Route("/api/jobs", start_job, methods=["POST"]),
    Route("/api/jobs/{number:int}", tell_job, methods=["GET"]),
    Route("/api/jobs/{number:int}/log", tell_log, methods=["GET"]),
    Route("/api/jobs/{number:int}/stop", stop_job, methods=["POST"]),
    Route("/api/jobs/{number:int}/resume", resume_job, methods=["POST"]),
    Route("/api/jobs/{number:int}/model", send_model, methods=["GET"]),
    Route("/api/jobs/{number:int}/folder.zip", send_folder, methods=["GET"]),
]
