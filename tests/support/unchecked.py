"""A process in which nobody checks the types of calls, as a user's own."""

import atexit
import functools
import subprocess
import tempfile
from pathlib import Path

from support.scripts import command, environment, unmeasured


def run(code: str) -> str:
    """What the code prints, with every warning an error."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "code.py"
        script.write_text(code, encoding="utf-8")
        return run_script(script)


def run_script(script: Path) -> str:
    """What a script prints, run alone in its own folder; it has to end well."""
    forks = _forks()
    assert forks.stdin is not None
    assert forks.stdout is not None
    forks.stdin.write(f"{script}\n")
    forks.stdin.flush()
    assert forks.stdout.readline() == "0\n", script.with_suffix(".err").read_text(encoding="utf-8")
    return script.with_suffix(".out").read_text(encoding="utf-8")


@functools.cache
def _forks() -> "subprocess.Popen[str]":
    """The process whose forks run scripts, until this one ends."""
    name, *words = command("forks")
    process = subprocess.Popen(
        [name, "-W", "error", *words],
        env=unmeasured(PYTHONPATH=environment()["PYTHONPATH"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)  # which closes its input, and waits
    return process
