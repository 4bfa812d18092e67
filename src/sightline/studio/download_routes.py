"""What a person takes along: figures and tables, each as a file in the form that was asked for."""

import io
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline._json import to_jsonable
from sightline._optional import require
from sightline._printing import printable_text
from sightline._tables import parquet_bytes
from sightline.findings.atlas_analysis import atlas
from sightline.reports.saved_results import QUESTIONS, read_findings
from sightline.reports.summary import Summary
from sightline.studio.opened_study import OpenedStudy
from sightline.studio.replies import bytes_reply, csv_reply, json_reply, opened_of, summary_of, unique_heads

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE_KINDS = {"png": "image/png", "svg": "image/svg+xml"}
DRAWING = threading.Lock()
"""Matplotlib draws one figure at a time."""

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]


def send_figure(request: Request) -> Response:
    """A result's figure; none where nobody asked for the result."""
    name, kind = request.path_params["name"], request.path_params["kind"]
    made = _figure_of(opened_of(request), name) if kind in FIGURE_KINDS else None
    if made is None:
        raise HTTPException(404)
    with DRAWING:
        content = _figure_bytes(made(), kind)
    return bytes_reply(
        request, content, FIGURE_KINDS[kind], name=f"{opened_of(request).run.name}-{name}.{kind}"
    )


def _figure_of(opened: OpenedStudy, name: str) -> "Callable[[], Figure] | None":
    if name == "atlas":
        return lambda: atlas(opened.study, progress=False).plot()
    found = getattr(read_findings(opened.study, opened.run, {}), name) if name in QUESTIONS else None
    return None if found is None else found.plot


def _figure_bytes(figure: "Figure", kind: str) -> bytes:
    held = io.BytesIO()
    how: dict[str, Any] = {"metadata": {"Date": None}} if kind == "svg" else {"dpi": figure.dpi}
    figure.savefig(held, format=kind, facecolor="white", bbox_inches=figure.bbox_inches, **how)
    return held.getvalue()


def send_table(request: Request) -> Response:
    """A table as CSV, JSON or Parquet."""
    opened, name, kind = opened_of(request), request.path_params["name"], request.path_params["kind"]
    tables = summary_tables(summary_of(request))
    if name not in tables or kind not in ("csv", "json", "parquet"):
        raise HTTPException(404)
    heads, rows = tables[name]
    file = f"{opened.run.name}-{name}"
    if kind == "csv":
        return csv_reply(request, heads, rows, f"{file}.csv")
    if kind == "json":
        return json_reply(request, [dict(zip(unique_heads(heads), row, strict=True)) for row in rows])
    return parquet_reply(request, heads, rows, f"{file}.parquet")


def parquet_reply(
    request: Request, heads: Sequence[str], rows: Sequence[Sequence[Any]], name: str
) -> Response:
    """A table as Parquet, to be kept as a file."""
    columns = {head: [row[at] for row in rows] for at, head in enumerate(unique_heads(heads))}
    content = parquet_bytes(require("pyarrow", extra="study").table(columns))
    return bytes_reply(request, content, "application/vnd.apache.parquet", name=name)


def summary_tables(summary: Summary) -> dict[str, Table]:
    """The report's tables by name: numbers where it has numbers, else its words."""
    made: dict[str, Table] = {
        "measures": (
            ("measure", "value", "low", "high", "images"),
            [
                (one.name, *map(to_jsonable, (one.after.value, one.after.low, one.after.high)), one.count)
                for one in summary.measures
            ],
        ),
        "groups": (
            ("group", "label", "predicted", "count"),
            [
                (number, summary.class_name(label), summary.class_name(predicted), count)
                for number, group in enumerate(summary.groups, 1)
                for label, predicted, count in group.pairs
            ],
        ),
    }
    if summary.confusion is not None:
        found = summary.confusion
        made["confusion"] = (
            ("label", *map(summary.class_name, found.predicted)),
            [
                (summary.class_name(label), *counts)
                for label, counts in zip(found.labels, found.counts.tolist(), strict=True)
            ],
        )
    for name in QUESTIONS:
        section = getattr(summary, name)
        if section is not None and section.table:
            heads = unique_heads([printable_text(one) or "–" for one in section.heads])
            made[name] = (heads, section.table)
    return made


ROUTES = [
    Route("/figures/{name}.{kind}", send_figure, methods=["GET"]),
    Route("/tables/{name}.{kind}", send_table, methods=["GET"]),
]
