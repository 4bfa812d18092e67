"""Server processes: started, waited for, and always ended."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from support.scripts import environment


@contextlib.contextmanager
def serving(command: list[str], log: Path, *, ready: str, within: float = 60) -> Iterator[str]:
    """The root URL of a server whose first line of output is its port, once `ready` answers with 200."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line.isdigit(), f"the server did not start:\n{log.read_text()}"
        root = f"http://127.0.0.1:{line}"
        wait_until_ready(root + ready, process, log, within)
        yield root
    finally:
        end(process)


def wait_until_ready(url: str, process: subprocess.Popen[str], log: Path, within: float) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with {process.returncode}:\n{log.read_text()}"
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"the server was not ready within {within} s:\n{log.read_text()}")


def end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
