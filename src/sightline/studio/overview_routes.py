"""The first page: what a report says of the study, alive; and that report as a file."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.reports.page import matrix_rows, placed_outlines, script_words
from sightline.reports.report_file import Report, fewer_images
from sightline.reports.summary import Summary
from sightline.studio.download_routes import summary_tables
from sightline.studio.replies import (
    bytes_reply,
    json_reply,
    opened_of,
    page_reply,
    summary_of,
    with_early_summary,
)

KINDS = {"html": "text/html", "json": "application/json", "md": "text/markdown"}
"""Forms of a report."""


@with_early_summary
def show_overview(request: Request, summary: Summary, whole: bool) -> Response:
    """Verdict, answers, regions, groups, repair, limits; what rests on maps as soon as these are there."""
    return page_reply(
        request,
        "overview.html.jinja",
        script="overview.mjs",
        words=script_words(),
        data={"classes": {str(number): name for number, name in summary.class_names}, "whole": whole},
        summary=summary,
        whole=whole,
        matrix=None if summary.confusion is None else matrix_rows(summary.confusion),
        outlines=placed_outlines(summary),
        tables=summary_tables(summary),
        sections=summary.further_sections,
    )


def tell_overview(request: Request) -> Response:
    """The same as numbers and words: what ``report --format json`` writes, without single images."""
    return json_reply(request, fewer_images(summary_of(request), 0).to_dict())


def send_report(request: Request) -> Response:
    """The report as `sightline report` writes it."""
    kind = request.path_params["kind"]
    if kind not in KINDS:
        raise HTTPException(404)
    text, _ = Report(summary_of(request)).text(kind)
    name = f"{opened_of(request).run.name}-report.{kind}"
    return bytes_reply(request, text.encode(), KINDS[kind], name=name)


def tell_state(request: Request) -> Response:
    """Digest of what is shown, whether the summary of it is there, and whether the verdict is."""
    opened = opened_of(request)
    ready = opened.summary(0) is not None
    early = ready or opened.early_summary(0) is not None
    return json_reply(request, {"state": opened.state(), "ready": ready, "early": early})


ROUTES = [
    Route("/", show_overview, methods=["GET"]),
    Route("/overview.json", tell_overview, methods=["GET"]),
    Route("/report.{kind}", send_report, methods=["GET"]),
    Route("/api/state", tell_state, methods=["GET"]),
]
