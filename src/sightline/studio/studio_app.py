"""an opened study → the ASGI app that shows it: the routes of all its modules, behind the guard."""

import functools
from importlib import resources

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sightline._language import use_language
from sightline.errors import SightlineError
from sightline.studio import (
    browse_routes,
    download_routes,
    job_routes,
    model_routes,
    overview_routes,
    region_routes,
    verdict_routes,
)
from sightline.studio.guard import App, Guard, Receive, Scope, Send
from sightline.studio.opened_study import OpenedStudy
from sightline.studio.replies import bytes_reply, error_reply, failure_reply, read_pages, refusal_reply

KINDS = {".css": "text/css", ".mjs": "text/javascript", ".svg": "image/svg+xml"}
ICON = "sightline.svg"


@functools.cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """Every file that may be asked for: content and media type by name."""
    places = [resources.files("sightline.studio") / "static", resources.files("sightline.reports")]
    return {
        file.name: (file.read_bytes(), KINDS[kind])
        for place in places
        for file in place.iterdir()
        if (kind := f".{file.name.rpartition('.')[2]}") in KINDS
    }


def send_static(request: Request) -> Response:
    """A file by its name."""
    found = static_files().get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    return bytes_reply(request, *found)


def send_icon(request: Request) -> Response:
    """The icon that every browser asks for."""
    return bytes_reply(request, *static_files()[ICON])


ROUTES: list[BaseRoute] = [
    Route("/static/{name}", send_static, methods=["GET"]),
    Route("/favicon.ico", send_icon, methods=["GET"]),
    *overview_routes.ROUTES,
    *browse_routes.ROUTES,
    *download_routes.ROUTES,
    *region_routes.ROUTES,
    *model_routes.ROUTES,
    *verdict_routes.ROUTES,
    *job_routes.ROUTES,
]
"""All that the studio answers: one line for each module that has routes."""


def make_app(opened: OpenedStudy, port: int, token: str) -> App:
    """The app, which only the browser gets through to that brings the token.

    Parameters
    ----------
    opened : OpenedStudy
        All routes have it as ``request.app.state.studio``.
    port : int
        The one that is listened at: hosts with another one are refused.
    token : str
    """
    read_pages()
    static_files()
    handlers = {SightlineError: error_reply, HTTPException: refusal_reply, Exception: failure_reply}
    inner = Starlette(routes=ROUTES, exception_handlers=handlers)
    inner.router.redirect_slashes = False  # a path is what it is
    inner.state.studio = opened
    guarded = Guard(inner, port, token)

    async def in_language(scope: Scope, receive: Receive, send: Send) -> None:
        """All that is told meanwhile, in threads too, is told in the studio's language."""
        with use_language(opened.language):
            await guarded(scope, receive, send)

    return in_language
