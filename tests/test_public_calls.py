"""Every public function and method with what nobody would give: sightline's own errors only.

Of some 8,000 calls every twelfth is made; SIGHTLINE_FUZZ_EVERY=1 makes all.
"""

import json
import os
import subprocess

import pytest

from support.scripts import TESTS, command, environment

EVERY = int(os.environ.get("SIGHTLINE_FUZZ_EVERY", "12"))


def odd_calls(every: int, *names: str) -> dict[str, object]:
    done = subprocess.run(
        command("public_calls", every, *names),
        env=environment(CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1"),
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_no_argument_of_any_public_function_brings_a_raw_error():
    found = odd_calls(EVERY)
    assert found["unfit"] == {}, "the arguments that fit do not"
    assert found["raw"] == {}
    assert found["made"] * EVERY > 8000
