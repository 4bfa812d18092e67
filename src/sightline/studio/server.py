"""an opened study → a server at this machine's own address, and the link that opens it once."""

import secrets
import socket
import sys
import webbrowser
from collections.abc import Callable
from typing import Any

from sightline._optional import require
from sightline.errors import OptionError
from sightline.studio.opened_study import OpenedStudy

HERE = "127.0.0.1"
SAME = (HERE, "localhost", "::1", "[::1]")
SWITCHED = 0.0005
"""Seconds after which a thread that works something out lets those go on that answer requests."""


class StudioServer:
    """A studio that listens, and is served by `run`.

    Parameters
    ----------
    opened : OpenedStudy
    port : int
        0 is any that is free.

    Raises
    ------
    MissingExtra
        Without Starlette and uvicorn.
    OptionError
        If the port is taken.
    """

    def __init__(self, opened: OpenedStudy, port: int = 0) -> None:
        uvicorn = require("uvicorn", extra="studio")
        require("starlette", extra="studio")
        from sightline.studio.studio_app import make_app

        self.opened = opened
        self._socket = _listening_socket(port)
        self.port: int = self._socket.getsockname()[1]
        self.origin = f"http://{HERE}:{self.port}"
        token = secrets.token_urlsafe(32)
        self.link = f"{self.origin}/enter?token={token}"
        # No log of requests: the token stands in the first one's address.
        config = uvicorn.Config(
            make_app(opened, self.port, token),
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        self._server: Any = uvicorn.Server(config)

    def run(self) -> None:
        """Serve until it is told to stop."""
        sys.setswitchinterval(SWITCHED)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Let `run`, in another thread, come to its end."""
        self._server.should_exit = True


def serve(opened: OpenedStudy, *, port: int, browser: bool, tell: Callable[[str], None]) -> None:
    """Serve a study until Ctrl-C.

    Parameters
    ----------
    opened : OpenedStudy
    port : int
    browser : bool
        Whether to open the link.
    tell : callable
        Is given the link.
    """
    made = StudioServer(opened, port)
    tell(made.link)
    if browser:
        webbrowser.open(made.link)
    made.run()


def check_host(host: str) -> None:
    """Refuse to be reached from other machines.

    Raises
    ------
    OptionError
    """
    if host not in SAME:
        raise OptionError(
            f"--host {host!r}: a studio is served to this machine alone, at {HERE}. It shows your images, "
            "and starts your model, to whoever reaches it, unencrypted. To use it from another one, forward "
            "the port: ssh -L 8000:127.0.0.1:8000 THIS_MACHINE, with --port 8000.",
            slug="studio-host",
        )


def _listening_socket(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((HERE, port))
        made.listen()  # from now on: a browser may be faster than the server
    except (OSError, OverflowError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or error
        raise OptionError(
            f"--port {port} cannot be listened at: {reason}. Leave it out, and a free one is taken.",
            slug="studio-port",
        ) from None
    made.set_inheritable(False)
    return made
