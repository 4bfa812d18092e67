"""A process in which nobody checks the types of calls, as a user's own."""

import subprocess
import sys


def run(code: str) -> str:
    """What the code prints, with every warning an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
