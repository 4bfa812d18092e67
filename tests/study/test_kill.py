"""Whatever is killed, and whenever: no line is lost, doubled or torn."""

import contextlib
import os
import random
import resource
import signal
import subprocess
import time

import psutil
import pytest

from sightline.errors import OptionError
from sightline.study import Ray, Study
from support.problems import PLAN, images, model, numbers
from support.scripts import command, environment, unmeasured
from support.slow_run import COUNT, Slow

KILLS = int(os.environ.get("SIGHTLINE_KILLS", "3"))
"""Random moments at which each test kills."""

pytestmark = pytest.mark.slow


def interruptible():
    """As at a terminal: what is started in the background ignores Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(folder, workers="1", **how):
    return subprocess.Popen(
        command("slow_run", folder, workers),
        env=unmeasured(PYTHONPATH=environment()["PYTHONPATH"], OMP_NUM_THREADS="1", PYTHONWARNINGS="default"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **how,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    study = Study(tmp_path_factory.mktemp("whole") / "run", PLAN)
    return numbers(study.run(images(COUNT), Slow()))


def written(folder, patience=60.0):
    """Wait until a run has written its first part."""
    end = time.monotonic() + patience
    while not list((folder / "parts").glob("*.parquet")):
        assert time.monotonic() < end, "nothing was written"
        time.sleep(0.02)


def sound(folder, whole):
    """What is there is whole, once, and right; its places."""
    found = numbers(Study(folder))
    places = [place for place, _, _ in found]
    assert len(set(places)) == len(places)
    known = {one[0]: one for one in whole}
    assert all(one == known[one[0]] for one in found)
    return places


def test_a_killed_run_goes_on_where_it_was(tmp_path, whole):
    folder, rng, before = tmp_path / "run", random.Random(0), 0
    for _ in range(KILLS):
        process = started(folder)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0 + 2.5 * rng.random())
        process.kill()
        process.communicate()
        there = len(sound(folder, whole))
        assert there >= before
        before = there
    process = started(folder)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert numbers(Study(folder)) == whole


def test_interrupting_ends_a_run_cleanly(tmp_path, whole):
    folder = tmp_path / "run"
    process = started(folder, preexec_fn=interruptible)
    written(folder)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in output
    assert 0 < len(sound(folder, whole)) < COUNT
    assert [path.name for path in (folder / "parts").iterdir() if path.name.startswith(".")] == []


def test_two_processes_share_a_study(tmp_path, whole):
    folder = tmp_path / "run"
    both = [started(folder), started(folder)]
    for process in both:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
    sound(folder, whole)
    Study(folder).run(images(COUNT), Slow())  # what one left to the other, if that ended first
    assert numbers(Study(folder)) == whole


def children(process):
    """The worker processes that were started for a run."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [
            one
            for one in psutil.Process(process.pid).children(recursive=True)
            if "loky" in " ".join(one.cmdline()) and "resource_tracker" not in " ".join(one.cmdline())
        ]
    return []


def test_a_run_outlives_its_workers(tmp_path, whole):
    folder, rng = tmp_path / "run", random.Random(1)
    process = started(folder, "2")
    written(folder)
    for _ in range(2):
        workers = children(process)
        if workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                rng.choice(workers).kill()
        time.sleep(1.5)
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 0, output
    assert numbers(Study(folder)) == whole


def actors():
    return [
        one
        for one in psutil.process_iter(["cmdline"])
        if "ray::RayWorker" in " ".join(one.info["cmdline"] or [])
    ]


def test_a_cluster_without_room_is_not_waited_for(tmp_path):
    with pytest.raises(OptionError, match=r"cluster has 0 GPUs, but Ray\(.*\) asks for 1"):
        Study(tmp_path / "run", PLAN).run(images(), model, workers=Ray(gpus=1))


def test_a_ray_run_outlives_its_workers(tmp_path, whole):
    folder, rng = tmp_path / "run", random.Random(2)
    process = started(folder, "ray")
    written(folder, 120)
    killed = 0
    while killed < KILLS and process.poll() is None:
        time.sleep(0.7 + rng.random())  # a worker takes a while to begin
        for actor in rng.sample(actors(), k=min(1, len(actors()))):
            with contextlib.suppress(psutil.NoSuchProcess):
                actor.kill()
                killed += 1
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert killed
    assert numbers(Study(folder)) == whole


def no_room():
    """Files may not grow beyond 1 KiB, as on a disk that is nearly full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))


def test_a_full_disk_loses_nothing(tmp_path, whole):
    folder = tmp_path / "run"
    process = started(folder)
    written(folder)
    process.kill()
    process.communicate()
    before = sound(folder, whole)
    process = started(folder, preexec_fn=no_room)
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "What was written before is whole" in output
    assert sound(folder, whole) == before
    process = started(folder)
    process.communicate(timeout=120)
    assert numbers(Study(folder)) == whole
