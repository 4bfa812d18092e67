"""Attacks on the studio: each is refused by the real server."""

import contextlib
import http.client
import json
import socket
from typing import Any

import pytest

from sightline.studio import guard
from support.studios import running_studio


@pytest.fixture(scope="module")
def attacked(studio_place):
    """A studio that somebody is let in to, and an attacker who is not."""
    with (
        running_studio(studio_place / "run") as studio,
        contextlib.closing(studio.client()) as client,
    ):
        yield studio, client


def asked(studio: Any, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> tuple[int, Any]:
    """Status and headers of a request exactly as written: nothing of it is made regular."""
    port = int(studio.origin.rpartition(":")[2])
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if (body or method == "POST") and "transfer-encoding" not in named:
        named.setdefault("content-length", str(len(body)))
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.putrequest(method, path, skip_host="host" in named, skip_accept_encoding=True)
        for name, value in named.items():
            connection.putheader(name, value)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it was answered meanwhile
            connection.endheaders(body or None)
        with connection.getresponse() as answer:
            answer.read()
            return answer.status, answer.headers


def cookie_of(client: Any) -> str:
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def test_a_page_of_another_name_cannot_become_this_one(attacked):
    """DNS rebinding: the attacker's name leads here, and a browser sends it as the host."""
    studio, client = attacked
    port = studio.origin.rpartition(":")[2]
    own = {"cookie": cookie_of(client)}
    for host in (
        "evil.example",
        f"evil.example:{port}",
        f"127.0.0.1.nip.io:{port}",
        f"localhost.evil.example:{port}",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        f"127.0.0.1:{port}1",
        f"[::1]:{port}1",
        "[::1]",
        f"[::2]:{port}",
        f"::1:{port}",
        f"0.0.0.0:{port}",
        f"127.0.0.1:{port}@evil.example",
        "",
    ):
        status, _ = asked(studio, "/api/state", host=host, **own)
        assert status in (400, 421), host
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
        assert asked(studio, "/api/state", host=host, **own)[0] == 200, host


def test_two_hosts_or_none_are_refused(attacked):
    studio, client = attacked
    port = int(studio.origin.rpartition(":")[2])
    for lines in (f"Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n", ""):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
            request = (
                f"GET /api/state HTTP/1.1\r\n{lines}Cookie: {cookie_of(client)}\r\nConnection: close\r\n\r\n"
            )
            line.sendall(request.encode())
            assert line.recv(100).split()[1] in (b"400", b"421")


def test_nothing_is_answered_without_the_cookie(attacked):
    studio, client = attacked
    paths = [
        "/",
        "/overview.json",
        "/api/state",
        "/images",
        "/images/0.webp",
        "/static/dom.mjs",
        "/favicon.ico",
    ]
    for path in paths:
        assert asked(studio, path)[0] == 401, path
        assert asked(studio, path, cookie=f"{next(iter(client.cookies))}=guess")[0] == 401, path
        assert asked(studio, path, cookie="sightline=x; session=y")[0] == 401, path
    assert asked(studio, "/nowhere")[0] == 401  # nor what there is


def test_a_token_lets_one_browser_in_once(studio_place):
    with running_studio(studio_place / "run") as studio:
        path = studio.link.removeprefix(studio.origin)
        for wrong in (
            "/enter",
            "/enter?token=",
            "/enter?token=x",
            f"{path}x",
            f"{path}&token=x",
            path.upper(),
        ):
            assert asked(studio, wrong)[0] in (401, 403), wrong
        assert asked(studio, path, "HEAD")[0] == 403
        assert asked(studio, path, "POST", sec_fetch_site="same-origin")[0] == 403
        status, headers = asked(studio, path)
        assert (status, headers["location"]) == (303, "/")
        name, _, rest = headers["set-cookie"].partition("=")
        assert name == f"sightline-{studio.origin.rpartition(':')[2]}"
        assert rest.split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Strict"]
        assert headers["cache-control"] == "no-store"
        assert asked(studio, path)[0] == 403
        assert asked(studio, "/api/state", cookie=headers["set-cookie"].split(";")[0])[0] == 200


def test_tokens_and_cookies_are_compared_in_constant_time(monkeypatch, studio_place):
    compared = []
    real = guard.hmac.compare_digest
    monkeypatch.setattr(guard.hmac, "compare_digest", lambda *two: compared.append(two) or real(*two))
    with running_studio(studio_place / "run") as studio:
        asked(studio, "/enter?token=guess")
        asked(studio, "/", cookie=f"sightline-{studio.origin.rpartition(':')[2]}=guess")
    assert [one for one, _ in compared] == [b"guess", b"guess"]


def test_a_link_from_another_site_is_let_in_without_a_redirect_of_that_site(studio_place):
    """After a redirect that another site began, a browser would keep a strict cookie back."""
    with running_studio(studio_place / "run") as studio:
        path = studio.link.removeprefix(studio.origin)
        status, headers = asked(studio, path, sec_fetch_site="cross-site", sec_fetch_mode="navigate")
        assert (status, headers["location"]) == (200, None)
        assert "SameSite=Strict" in headers["set-cookie"]


def test_another_page_cannot_change_anything(attacked):
    studio, client = attacked
    own = {"cookie": cookie_of(client)}
    port = studio.origin.rpartition(":")[2]
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for bad in (
            {},
            {"sec_fetch_site": "cross-site"},
            {"sec_fetch_site": "same-site"},
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"origin": f"http://127.0.0.1:{port}1"},
            {"origin": f"https://127.0.0.1:{port}"},
            {"origin": f"http://localhost:{port}"},  # another origin than the host that is asked
            {"sec_fetch_site": "same-origin", "origin": "https://evil.example"},
            {"sec_fetch_site": "cross-site", "origin": studio.origin},
        ):
            assert asked(studio, "/api/state", method, **bad, **own)[0] == 403, (method, bad)
        for good in (
            {"sec_fetch_site": "same-origin"},
            {"sec_fetch_site": "none"},
            {"origin": studio.origin},
        ):
            assert asked(studio, "/api/state", method, **good, **own)[0] == 405, (method, good)
    for method in ("TRACE", "CONNECT", "OPTIONS", "X"):
        assert asked(studio, "/api/state", method, **own)[0] in (400, 405), method


def test_another_page_cannot_show_or_load_what_is_here(attacked):
    """Not by a script, an image or a frame, even where a browser sent the cookie along."""
    studio, client = attacked
    own = {"cookie": cookie_of(client), "sec_fetch_site": "cross-site"}
    for mode in ("no-cors", "cors", "same-origin"):
        assert asked(studio, "/api/state", sec_fetch_mode=mode, **own)[0] == 403
    status, headers = asked(studio, "/", sec_fetch_mode="navigate", **own)
    assert status == 200
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"


def test_every_answer_has_the_headers(attacked):
    studio, client = attacked
    own = {"cookie": cookie_of(client)}
    answers = [
        asked(studio, "/", **own),
        asked(studio, "/api/state", **own),
        asked(studio, "/static/dom.mjs", **own),
        asked(studio, "/nowhere", **own),
        asked(studio, "/"),
        asked(studio, "/", host="evil.example"),
        asked(studio, "/enter?token=x"),
    ]
    assert [status for status, _ in answers] == [200, 200, 200, 404, 401, 421, 403]
    for _, headers in answers:
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "private, no-cache"
        assert headers["server"] is None


def test_no_path_leads_out_of_the_study(attacked):
    studio, client = attacked
    own = {"cookie": cookie_of(client)}
    up = ("..", "%2e%2e", ".%2e", "%2e%2e%2f..", "..%5c..", "%252e%252e")
    for start in ("/static", "/images", "/figures", "/api"):
        for step in up:
            for end in ("guard.py", "plan.toml", "blame.json", "etc/passwd", "etc%2fpasswd", ""):
                path = f"{start}/{step}/{end}"
                assert asked(studio, path, **own)[0] in (400, 404), path
    for path in (
        "/static/",
        "/static",
        "/static/report.css%00",
        "/static/%2fetc%2fpasswd",
        "/static//etc/passwd",
        "//etc/passwd",
        "/run",
        "/plan.toml",
        "/parts/",
    ):
        assert asked(studio, path, **own)[0] in (307, 400, 404), path  # 307: to the name without a slash


def test_a_body_has_its_limit(attacked):
    studio, client = attacked
    own = {"cookie": cookie_of(client), "sec_fetch_site": "same-origin"}
    assert asked(studio, "/api/state", "POST", content_length=str(guard.MOST_BYTES + 1), **own)[0] == 413
    assert asked(studio, "/api/state", "POST", content_length="-1", **own)[0] in (400, 413)
    chunk = b"x" * 1_000_000
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for _ in range(5)) + b"0\r\n\r\n"
    assert asked(studio, "/api/state", "POST", pieces, transfer_encoding="chunked", **own)[0] in (400, 413)


def test_the_icon_is_there(attacked):
    _, client = attacked
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


def test_what_did_not_change_is_not_sent_again(attacked):
    _, client = attacked
    first = client.get("/overview.json")
    again = client.get("/overview.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert json.loads(first.text)["title"] == "Report of run"
