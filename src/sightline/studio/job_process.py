"""a command that a studio started → what its own process says of how it ends."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sightline._files import held_in_turn, time_now, write_text
from sightline._printing import printable_text
from sightline._progress_file import progress_kept_in

VARIABLE = "SIGHTLINE_JOB"
"""Environment variable that names the file in which a job says how it ends; the studio sets it."""
BEGINNING = 20
"""How often a process is looked at that has no environment yet."""


@contextlib.contextmanager
def said_how_it_ends() -> Iterator[Callable[[str, str], None]]:
    """Of a command that a studio started: a session of its own, how far it is, and how it ends, as files.

    Nothing of any other command.

    Yields
    ------
    callable
        Is given the error that a command ends with, in words, and its slug.
    """
    named = os.environ.pop(VARIABLE, "")  # not for what it starts itself
    if not named:
        yield lambda text, slug: None
        return
    if os.getpid() != os.getsid(0):
        os.setsid()
    file = Path(named)
    told: dict[str, Any] = {}

    def keep(text: str, slug: str) -> None:
        told["error"] = {"text": printable_text(text.removesuffix(f" [{slug}]")), "slug": slug}

    code: Any = 0
    try:
        with progress_kept_in(file.with_suffix(".progress")):
            yield keep
    except SystemExit as ended:
        code = ended.code
        raise
    except KeyboardInterrupt:
        code = 130
        raise
    except BaseException as error:
        code = 1
        told.setdefault("error", {"text": printable_text(f"{type(error).__name__}: {error}"), "slug": ""})
        raise
    finally:
        number = 0 if code is None else code if isinstance(code, int) else 1
        _say_end(file, {"exit": number, **told})


def _say_end(file: Path, told: dict[str, Any]) -> None:
    now = time_now()
    with contextlib.suppress(OSError), unfinished_file(file):
        before: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            before = dict(json.loads(file.read_text(encoding="utf-8")))
        write_text(file, json.dumps({"pid": os.getpid(), **before, "ended": now, **told}, indent=1))


@contextlib.contextmanager
def unfinished_file(file: Path) -> Iterator[None]:
    """Wait until nobody else writes the file: the studio says when a job began, and the job how it ends."""
    with held_in_turn(file.with_name(f".{file.name}.held")):
        yield


def is_job_of(pid: int, file: Path) -> bool:
    """Whether a process was started as the job that says in this file how it ends; True if none can tell."""
    try:
        for _ in range(BEGINNING):
            known = Path(f"/proc/{pid}/environ").read_bytes()
            if known:
                break
            time.sleep(0.01)  # it is empty while a process begins
    except OSError:
        return not Path("/proc/self/environ").exists()
    for one in known.split(b"\0"):
        name, _, value = os.fsdecode(one).partition("=")
        if name == VARIABLE and Path(value).name == file.name:
            with contextlib.suppress(OSError):
                return Path(value).parent.samefile(file.parent)
    return False


def process_start(pid: int) -> str:
    """When a process began, told from others of its number; empty where there is none, or it has ended.

    Examples
    --------
    >>> process_start(os.getpid()) == process_start(os.getpid()) != ""
    True
    """
    try:
        # After the name, which may hold anything, in brackets: state, …, and the start as the 20th.
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = told.rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return "" if fields[0] in "ZX" else f"{boot} {fields[19]}"
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return ""
    except (OSError, IndexError):
        return ""
    said = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return "" if not said or said[0] in "ZX" else " ".join(said.split()[1:])
