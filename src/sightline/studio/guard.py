"""a request → through, if it comes from the one browser that was let in; else refused, and why."""

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from html import escape
from typing import Any
from urllib.parse import parse_qs

from sightline._language import current_language
from sightline._language import translate as tr

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NAMES = ("127.0.0.1", "localhost", "[::1]")
"""What a browser on this machine may call it; a name that another machine's owner chose is refused."""
ENTRANCE = "/enter"
"""The only address that is answered without a cookie: it takes the token, once."""
MOST_BYTES = 4_000_000
"""What a request may carry: a region that was drawn, a verdict; no images."""
LONGEST_PATH = 400
"""Letters of an address before its question mark."""
SAFE = ("GET", "HEAD")
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
USUAL_CACHE = "private, no-cache"


class Guard:
    """An ASGI app around another one, which only one browser gets through to.

    Parameters
    ----------
    app : ASGI app
    port : int
        The one that is listened at.
    token : str
        What the first request has to bring; it is good once.
    """

    def __init__(self, app: App, port: int, token: str) -> None:
        self.app = app
        self.hosts = frozenset(f"{name}:{port}" for name in NAMES) | frozenset(NAMES if port == 80 else ())
        # Cookies are shared by all ports of a machine: another studio's has another name.
        self.cookie = f"sightline-{port}"
        self._token: str | None = token
        self._pass = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the app answer."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        asked = _Asked(scope)
        refused = self._refusal(asked)
        guarded = _with_headers(send)
        if refused is not None:
            await _send_text(guarded, *refused)
        elif scope["path"] == ENTRANCE:
            await self._let_in(asked, guarded)
        elif not self._is_known(asked):
            await _send_text(guarded, 401, _stranger_page(), "text/html")
        else:
            await _within_bytes(self.app, scope, receive, guarded)

    def _refusal(self, asked: "_Asked") -> tuple[int, str] | None:
        """Status and reason where a request is refused whoever sends it."""
        hosts = asked.all("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return 421, "This studio is called 127.0.0.1 or localhost, with its port, and nothing else."
        if asked.method not in (*SAFE, *CHANGING):
            return 405, "This method is not answered."
        if len(asked.path) > LONGEST_PATH:
            return 414, "No address here is as long."
        site, origin = asked.one("sec-fetch-site"), asked.one("origin")
        own = f"http://{hosts[0].lower()}"
        if asked.method in CHANGING:
            if site is None and origin is None:
                return 403, "A change has to say where it comes from: Sec-Fetch-Site or Origin."
            if site not in (None, "same-origin", "none") or origin not in (None, own):
                return 403, "A change has to come from the studio's own pages."
        elif site in ("cross-site", "same-site") and asked.one("sec-fetch-mode") != "navigate":
            return 403, "Another site's page may link to the studio, and not read or show what is in it."
        length = asked.one("content-length") or "0"
        if not length.isdigit() or int(length) > MOST_BYTES:
            return 413, f"A request may carry {MOST_BYTES:,} bytes."
        return None

    def _is_known(self, asked: "_Asked") -> bool:
        given = [value for name, value in asked.cookies() if name == self.cookie]
        return any(hmac.compare_digest(one.encode(), self._pass.encode()) for one in given)

    async def _let_in(self, asked: "_Asked", send: Send) -> None:
        """Give the cookie for the token, and forget the token."""
        tokens = parse_qs(asked.query).get("token", [])
        wanted = self._token
        # Compared in the same time whether there is one left or not.
        same = len(tokens) == 1 and hmac.compare_digest(tokens[0].encode(), (wanted or "").encode())
        if asked.method != "GET" or wanted is None or not same:
            await _send_text(send, 403, _used_page(), "text/html")
            return
        self._token = None
        cookie = f"{self.cookie}={self._pass}; Path=/; HttpOnly; SameSite=Strict"
        more = [("set-cookie", cookie), ("cache-control", "no-store")]
        if asked.one("sec-fetch-site") in (None, "none", "same-origin"):
            await _send_text(send, 303, "", more=[*more, ("location", "/")])
        else:
            # Of a link on another site's page, such as a notebook, a redirect would count as that site's, and
            # SameSite=Strict keep the cookie back: so the page goes on by itself.
            page = '<!doctype html><meta http-equiv="refresh" content="0;url=/"><title>sightline</title>'
            await _send_text(send, 200, page, "text/html", more)


class _Asked:
    """Of a request what the guard looks at."""

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope.get("query_string", b"").decode("latin-1")
        self._headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for known, value in self._headers if known.lower() == name]

    def one(self, name: str) -> str | None:
        """A header's value; None where there is none, and what matches nothing where there are several."""
        found = self.all(name)
        return None if not found else found[0] if len(found) == 1 else "several"

    def cookies(self) -> list[tuple[str, str]]:
        """Names and values of all cookies."""
        pieces = [piece for line in self.all("cookie") for piece in re.split(r";\s*", line)]
        return [(name.strip(), value) for name, _, value in (piece.partition("=") for piece in pieces)]


def _with_headers(send: Send) -> Send:
    """A `send` that adds the headers that every answer has."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message.get("headers", ())}
            more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            if b"cache-control" not in there:
                more.append((b"cache-control", USUAL_CACHE.encode()))
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return guarded


async def _within_bytes(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Let an app answer a request, once its body was seen to stay within what it may have."""
    read: list[bytes] = []
    more = True
    while more and sum(len(one) for one in read) <= MOST_BYTES:
        message = await receive()
        if message["type"] != "http.request":  # it went away
            return
        read.append(message.get("body", b""))
        more = message.get("more_body", False)
    if more:
        await _send_text(send, 413, f"A request may carry {MOST_BYTES:,} bytes.")
        return
    body: list[Message] = [{"type": "http.request", "body": b"".join(read), "more_body": False}]

    async def replayed() -> Message:
        return body.pop() if body else await receive()

    await app(scope, replayed, send)


async def _send_text(
    send: Send, status: int, text: str, kind: str = "text/plain", more: Iterable[tuple[str, str]] = ()
) -> None:
    content = text.encode()
    headers = [("content-type", f"{kind}; charset=utf-8"), ("content-length", str(len(content))), *more]
    listed = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": content})


def _stranger_page() -> str:
    told = tr(
        "This studio is open in the browser that used its link. The link works "
        "once: to use another browser, stop the studio in its terminal, and start it again."
    )
    return _plain_page(told)


def _used_page() -> str:
    return _plain_page(
        tr("This link was used before, or is another studio's. Stop the studio and start it again.")
    )


def _plain_page(told: str) -> str:
    head = f'<!doctype html><html lang="{current_language()}"><meta charset="utf-8"><title>sightline</title>'
    return f"{head}<p>{escape(told)}</p>"
