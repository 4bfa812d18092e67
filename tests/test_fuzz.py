"""Every door is tried with what nobody would write: only sightline's own errors come out, and soon.

SIGHTLINE_FUZZ_SECONDS says how long (4 by default, `nox -s fuzz` takes 60), SIGHTLINE_FUZZ_INPUTS how many
inputs at most: the long mode is ``nox -s fuzz -- 3600 30000``.
"""

import json
import os
import subprocess

import pytest

from support.scripts import TESTS, command, environment

SECONDS = float(os.environ.get("SIGHTLINE_FUZZ_SECONDS", "4"))
INPUTS = int(os.environ.get("SIGHTLINE_FUZZ_INPUTS", "30000"))


@pytest.mark.slow
def test_no_input_brings_a_raw_error():
    # A process in which nobody checks the types of calls: as a user's own.
    done = subprocess.run(
        command("fuzz", SECONDS, INPUTS),
        env=environment(CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1"),
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + 120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert sum(found["tried"].values()) > 0
    assert found["raw"] == {}
    assert found["untouched"], "files outside of the folder were changed"
