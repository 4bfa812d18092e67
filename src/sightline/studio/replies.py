"""a page, a value, a table, bytes → the answer to a request, as all routes give it."""

import functools
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from anyio import from_thread
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sightline._language import translatable
from sightline._language import translate as tr
from sightline._printing import printable_text
from sightline._tables import csv_text
from sightline.errors import OptionError, SightlineError
from sightline.reports.page import page_environment, script_json

if TYPE_CHECKING:
    from sightline.reports.summary import Summary
    from sightline.studio.opened_study import OpenedStudy

PACKAGE = "sightline.studio"
MENU = {
    "/": translatable("Overview"),
    "/images": translatable("Images"),
    "/groups": translatable("Groups of errors"),
    "/regions": translatable("Regions"),
    "/work": translatable("Work"),
}
"""Pages that stand in every page's menu, and what they are called; each is among the routes of a module."""
PATIENCE = 1.2
"""Seconds after which a page is shown without what is still being worked out."""
FOREVER = "private, max-age=31536000, immutable"
"""Of what has another address as soon as it is another thing."""


def opened_of(request: Request) -> "OpenedStudy":
    """The study that the studio shows."""
    opened: OpenedStudy = request.app.state.studio
    return opened


def page_reply(
    request: Request,
    template: str,
    *,
    script: str = "",
    words: Mapping[str, str] | None = None,
    data: object = None,
    **values: Any,
) -> Response:
    """A page of the studio.

    Parameters
    ----------
    request : Request
    template : str
        One that extends ``base.html.jinja``.
    script : str
        The page's own module below ``/static``.
    words : mapping, optional
        What the script says, in the page's language; `dom.mjs` fills in the fields in braces.
    data : optional
        What the script is given besides, as JSON has it.
    **values
        What the template shows.
    """
    opened = opened_of(request)
    text = (
        page_environment(PACKAGE)
        .get_template(template)
        .render(
            language=opened.language,
            study=printable_text(opened.run.name),
            here=request.url.path,
            menu={path: tr(word) for path, word in MENU.items()},
            script=script,
            words=Markup(script_json(dict(words or {}))),
            data=Markup(script_json(data)),
            **values,
        )
    )
    return HTMLResponse(text)


def summary_of(request: Request) -> "Summary":
    """The whole summary, however long it takes."""
    made = opened_of(request).summary()
    assert made is not None  # it was waited for
    return made


def with_summary(show: Callable[[Request, "Summary"], Response]) -> Callable[[Request], Response]:
    """A page of the summary; where that is still being worked out, one that waits for it."""

    @functools.wraps(show)
    def shown(request: Request) -> Response:
        summary = opened_of(request).summary(PATIENCE)
        if summary is None:
            return page_reply(request, "waiting.html.jinja", script="waiting.mjs", data={"early": False})
        return show(request, summary)

    return shown


def with_early_summary(
    show: Callable[[Request, "Summary", bool], Response],
) -> Callable[[Request], Response]:
    """A page of the summary, or of what is known of it before maps are there; and whether it is the whole."""

    @functools.wraps(show)
    def shown(request: Request) -> Response:
        opened = opened_of(request)
        summary, whole = opened.summary(PATIENCE), True
        if summary is None:
            summary, whole = opened.early_summary(PATIENCE / 4), False
        if summary is None:
            return page_reply(request, "waiting.html.jinja", script="waiting.mjs", data={"early": True})
        return show(request, summary, whole)

    return shown


def read_json(request: Request) -> dict[str, Any]:
    """What a change brings, an object of JSON.

    Raises
    ------
    OptionError
        If it is something else.
    """
    # Routes run in threads; the guard has the whole body already, so that nothing is waited for.
    body = from_thread.run(request.body)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise OptionError("a change brings an object of JSON, and this is none.", slug="studio-request")
    return value


def json_reply(request: Request, value: object, *, status: int = 200) -> Response:
    """A value as JSON; 304 where the browser has it already."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)  # ASCII: it may hold half letters
    return bytes_reply(request, text.encode(), "application/json", status=status)


def unique_heads(heads: Sequence[str]) -> list[str]:
    """Heads of a table, of which each is there once: two classes may be called the same, or as a column is.

    Examples
    --------
    >>> unique_heads(["label", "cat", "label", "cat"])
    ['label', 'cat', 'label (2)', 'cat (2)']
    """
    made: dict[str, None] = {}
    for head in heads:
        number, name = 1, head
        while name in made:
            number += 1
            name = f"{head} ({number})"
        made[name] = None
    return list(made)


def csv_reply(
    request: Request, heads: Sequence[str], rows: Iterable[Sequence[object]], name: str
) -> Response:
    """A table as CSV, to be kept as a file."""
    return bytes_reply(request, csv_text([heads, *rows]).encode("utf-8-sig"), "text/csv", name=name)


def bytes_reply(
    request: Request, content: bytes, kind: str, *, name: str = "", cache: str = "", status: int = 200
) -> Response:
    """Bytes, with a tag by which a browser can ask whether they are still the same.

    Parameters
    ----------
    request : Request
    content : bytes
    kind : str
        Media type.
    name : str
        Of the file that they are kept as; empty where they are shown.
    cache : str
        ``Cache-Control``, where it is not the usual one.
    status : int
    """
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"etag": tag}
    if cache:
        headers["cache-control"] = cache
    if name:
        headers["content-disposition"] = f'attachment; filename="{file_name(name)}"'
    known = re.findall(r'"[^"]*"', request.headers.get("if-none-match", ""))
    if status == 200 and tag in known:
        return Response(status_code=304, headers=headers)
    return Response(content, status, headers, media_type=kind)


def file_name(name: str) -> str:
    """A name that any system keeps a file under, and no header breaks at.

    Examples
    --------
    >>> file_name('faces "a"/..;b.csv')
    'faces-a-..-b.csv'
    """
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).lstrip(".-") or "file"


def read_pages() -> None:
    """Read all templates, so that a studio that runs shows the same pages when its files are changed."""
    pages = page_environment(PACKAGE)
    for name in pages.list_templates():
        pages.get_template(name)


def error_reply(request: Request, error: Exception) -> Response:
    """What went wrong, as the library says it: for a page in words, else as JSON."""
    assert isinstance(error, SightlineError)
    status = 404 if error.slug == "study-row" else 400
    told = str(error).removesuffix(f" [{error.slug}]")
    return _told_reply(request, told, error.slug, status)


def refusal_reply(request: Request, error: Exception) -> Response:
    """That there is no such page, or that nothing can be done to it in this way."""
    assert isinstance(error, HTTPException)
    told = {404: tr("There is no such page here.")}.get(error.status_code, error.detail)
    return _told_reply(request, told, "", error.status_code)


def failure_reply(request: Request, error: Exception) -> Response:
    """That something failed that nobody foresaw; the server's log has how, in the terminal."""
    told = tr(
        "The studio failed in a way that was not foreseen ({error}). How it came to that stands in the "
        "terminal in which it was started. If sightline was updated since then, end the studio there with "
        "Ctrl-C and start it again: all that was found is kept in the study's folder.",
        error=printable_text(f"{type(error).__name__}: {error}"),
    )
    return _told_reply(request, told, "", 500)


def _told_reply(request: Request, told: str, slug: str, status: int) -> Response:
    path = PurePosixPath(request.url.path)
    if request.method == "GET" and not path.suffix and not request.url.path.startswith("/api/"):
        page = page_reply(request, "error.html.jinja", told=told, slug=slug)
        page.status_code = status
        return page
    return json_reply(request, {"error": told, "slug": slug}, status=status)
