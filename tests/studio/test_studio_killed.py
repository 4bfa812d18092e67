"""A studio that is killed while a repair runs: opened again, it says where that stands; nothing is lost."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import httpx
import pytest

from sightline.repair.kept_trials import count_trials
from support.scripts import environment

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def started_studio(run):
    """The command, as a person starts it, and what asks it; killed at the end, if it was not before."""
    words = [sys.executable, "-m", "sightline", "studio", str(run), "--no-browser"]
    with subprocess.Popen(
        words, env=environment(PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            link = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
            origin = link.partition("/enter")[0]
            client = httpx.Client(base_url=origin, headers={"Sec-Fetch-Site": "same-origin"}, timeout=60)
            with client:
                assert client.get(link).status_code == 303
                yield process, client
        finally:
            process.kill()


def wait_for(true, seconds=240):
    for _ in range(seconds * 10):
        if found := true():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} seconds")


def test_opened_again_it_tells_where_a_repair_stands_and_nothing_is_lost(studio_run):
    out = studio_run / "repairs" / "1"
    with started_studio(studio_run) as (studio, client):
        asked = {"kind": "repair", "options": {"region": "jaw"}, "load": True}
        assert client.post("/api/jobs", json=asked).json()["state"] == "running"
        wait_for(lambda: count_trials(out))
        studio.send_signal(signal.SIGKILL)
        assert studio.wait() == -signal.SIGKILL
    with started_studio(studio_run) as (_, client):
        (job,) = client.get("/api/jobs").json()["jobs"]
        assert job["state"] in ("running", "done")  # it went on meanwhile
        if job["state"] == "running":
            assert "trying methods" in job["steps"][0]["text"]
            told = (studio_run / "jobs" / "1.run").read_text()
            os.killpg(int(re.search(r'"pid": (\d+)', told)[1]), signal.SIGKILL)
            job = wait_for(lambda: (now := client.get("/api/jobs/1").json())["state"] != "running" and now)
            assert job["state"] == "died"
            assert job["state_text"] == "was cut short: what it has done is kept"
            assert not (out / "repair.toml").exists()
            client.post("/api/jobs/1/resume", json={"load": True})
            job = wait_for(lambda: (now := client.get("/api/jobs/1").json())["state"] != "running" and now)
            assert "methods had been tried then" in client.get("/api/jobs/1/log").json()["log"]
        assert (job["state"], job["made"], job["has_model"]) == ("done", True, True)
        kept = client.get("/api/jobs/1/model")
        assert kept.headers["content-disposition"] == 'attachment; filename="repaired-1.skops"'
        assert kept.content == (out / "model.skops").read_bytes()
