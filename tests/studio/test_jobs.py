"""Jobs: processes whose state is read from the study's folder."""

import json
import os
import subprocess
import sys
import time

import pytest

from sightline.errors import FileError, OptionError
from sightline.repair.kept_trials import count_trials
from sightline.studio.job_process import VARIABLE, process_start
from sightline.studio.jobs import Allowed, Jobs
from support.studios import held_still

# A process that asks no model: it fails at once, in the library's words.
NO_MODEL = Allowed(model="no_such_module:model", trust=True)


def ended(jobs, number, seconds=120):
    """A job once it is over."""
    for _ in range(seconds * 20):
        if (now := jobs.job(number)).state != "running":
            return now
        time.sleep(0.05)
    raise AssertionError(f"not over within {seconds} seconds:\n{jobs.log(number)}")


def hold(jobs, number, process):
    """A record as of a job whose process is this one."""
    jobs.folder.mkdir(exist_ok=True)
    told = {"kind": "repair", "options": {}, "out": f"repairs/{number}", "begun": "2026-01-01"}
    (jobs.folder / f"{number}.json").write_text(json.dumps(told))
    begun = {"pid": process.pid, "pid_started": process_start(process.pid)}
    (jobs.folder / f"{number}.run").write_text(json.dumps(begun))


def sleeping(run, number):
    """A process that does nothing, in a group of its own, started as a job of that number is."""
    known = os.environ | {VARIABLE: str(run / "jobs" / f"{number}.run")}
    words = [sys.executable, "-c", "import time; print(flush=True); time.sleep(300)"]
    process = subprocess.Popen(words, start_new_session=True, env=known, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # what begins may lose a signal
    return process


@pytest.fixture
def asleep(studio_run):
    """The process of the first job."""
    process = sleeping(studio_run, 1)
    with process:
        yield process
        process.kill()


def test_a_job_that_fails_says_so_in_the_library_s_own_words(studio_run):
    jobs = Jobs(studio_run)
    assert list(jobs) == []
    number = jobs.start("causes", {}, NO_MODEL).number
    failed = ended(jobs, number)
    assert (failed.number, failed.state, failed.slug) == (1, "failed", "function-import")
    assert "no_such_module:model" in failed.error
    assert failed.error in jobs.log(1)
    assert failed.ended >= failed.begun > "2026"
    assert failed.command == ("causes", str(studio_run), "--model", "no_such_module:model", "--trust")
    again = ended(jobs, jobs.resume(1, NO_MODEL).number)
    assert [one.number for one in jobs] == [1]
    assert again.state == "failed"
    assert jobs.log(1).count("no_such_module:model' cannot be imported") == 2


def test_what_is_not_known_is_refused_before_anything_is_started(studio_run):
    jobs = Jobs(studio_run)
    for kind, options in (
        ("explain", {}),
        ("repair", {"out": "/tmp/elsewhere"}),
        ("repair", {"region": "--trust"}),
        ("repair", {"method": "auto --trust"}),
        ("repair", {"region": ["jaw"]}),
        ("blame", {"regions": "/etc/passwd"}),
        ("proof", {}),
        ("proof", {"repair": "../.."}),
        ("proof", {"repair": "7"}),
    ):
        with pytest.raises(OptionError, match=r"\[studio-job\]"):
            jobs.start(kind, options, Allowed())
    assert list(jobs) == []
    for number in (0, 9):
        with pytest.raises(FileError, match=f"there is no job {number} of this study"):
            jobs.job(number)


def test_a_second_writer_of_the_same_is_refused_and_of_another_is_not(studio_run, asleep):
    jobs = Jobs(studio_run)
    hold(jobs, 1, asleep)
    assert jobs.job(1).state == "running"
    (jobs.folder / "1.json").write_text(json.dumps({"kind": "causes", "options": {}}))
    with pytest.raises(OptionError, match=r"job 1 \(causes\) is under way and writes the same files"):
        jobs.start("causes", {}, NO_MODEL)
    other = jobs.start("concepts", {}, NO_MODEL)
    assert other.number == 2
    assert ended(jobs, 2).state == "failed"


def test_another_process_of_the_same_number_is_not_taken_for_the_job(studio_run, asleep):
    jobs = Jobs(studio_run)
    hold(jobs, 1, asleep)
    run = jobs.folder / "1.run"
    run.write_text(json.dumps({"pid": asleep.pid, "pid_started": "another boot 12345"}))
    assert jobs.job(1).state == "died"
    with pytest.raises(OptionError, match="job 1 is died: there is nothing to stop"):
        jobs.stop(1)
    assert asleep.poll() is None
    for pid in (0, 1, -1, "1", None, os.getpid()):
        run.write_text(json.dumps({"pid": pid, "pid_started": ""}))
        assert jobs.job(1).state == "died"


def test_a_job_that_was_killed_is_told_from_one_that_was_stopped(studio_run, asleep):
    jobs = Jobs(studio_run)
    hold(jobs, 1, asleep)
    asleep.kill()
    asleep.wait()
    assert jobs.job(1).state == "died"
    with sleeping(studio_run, 2) as two:
        hold(jobs, 2, two)
        jobs.stop(2)
        two.wait(30)
    assert jobs.job(2).state == "stopped"


def test_records_that_say_something_else_are_no_jobs(studio_run):
    jobs = Jobs(studio_run)
    jobs.folder.mkdir()
    for number, text in enumerate(("[]", "{", '{"kind": "rm"}', '{"kind": "repair", "options": 3}'), start=1):
        (jobs.folder / f"{number}.json").write_text(text)
    (jobs.folder / "notes.json").write_text("{}")
    assert list(jobs) == []


def test_going_on_takes_no_folder_and_no_trust_from_the_record(studio_run):
    jobs = Jobs(studio_run)
    jobs.folder.mkdir()
    told = {
        "kind": "repair",
        "options": {"region": "jaw"},
        "out": "../../elsewhere",
        "command": ["repair", "--trust"],
    }
    (jobs.folder / "1.json").write_text(json.dumps(told))
    assert jobs.job(1).state == "died"
    again = jobs.resume(1, Allowed(model="no_such_module:model"))
    assert "--trust" not in again.command
    assert str(studio_run / "repairs" / "1") in again.command
    assert ended(jobs, 1).state == "failed"


@pytest.mark.slow
def test_a_repair_is_stopped_goes_on_and_is_done(studio_run):
    jobs = Jobs(studio_run)
    number = jobs.start("repair", {"region": "jaw", "method": "auto"}, Allowed()).number
    out = studio_run / "repairs" / "1"
    while not count_trials(out) and jobs.job(number).state == "running":
        time.sleep(0.05)
    with held_still(studio_run, number):
        (stood,) = [one for one in jobs.job(number).steps if one["text"] == "trying methods"]
        assert stood["total"] == 3
        jobs.stop(number)
    stopped = ended(Jobs(studio_run), number)
    assert stopped.state == "stopped"
    assert "Go on with the same command." in jobs.log(number)
    assert stopped.steps[0]["text"] == "trying methods"
    assert count_trials(out) >= 1
    done = ended(jobs, jobs.resume(number, Allowed()).number)
    assert done.state == "done", jobs.log(number)
    assert "of 3 methods had been tried then" in jobs.log(number)
    assert (out / "repair.toml").is_file()
    assert jobs.latest_repair() == out
    proved = ended(jobs, jobs.start("proof", {"repair": "1"}, Allowed()).number)
    assert proved.state == "done", jobs.log(proved.number)
    assert json.loads((out / "proof.json").read_text())["verdict"]


def test_links_are_neither_followed_nor_written_through(studio_run, tmp_path):
    jobs, notes = Jobs(studio_run), tmp_path / "notes.json"
    notes.write_text('{"mine": 1}')
    jobs.folder.mkdir()
    for ending in ("run", "stop", "progress", "log"):
        (jobs.folder / f"1.{ending}").symlink_to(notes)
    failed = ended(jobs, jobs.start("causes", {}, NO_MODEL).number)
    assert (failed.number, failed.state, failed.slug) == (1, "failed", "function-import")
    assert notes.read_text() == '{"mine": 1}'
    assert sorted(one.name for one in tmp_path.iterdir() if one.is_file()) == ["notes.json"]
    (jobs.folder / "1.log").unlink()
    (jobs.folder / "1.log").symlink_to(notes)
    assert jobs.log(1) == ""


def test_a_repair_is_made_in_no_folder_that_a_link_leads_to(studio_run, tmp_path):
    jobs, mine = Jobs(studio_run), tmp_path / "mine"
    mine.mkdir()
    (studio_run / "repairs").mkdir()
    (studio_run / "repairs" / "1").symlink_to(mine)
    made = jobs.start("repair", {"region": "jaw", "method": "guard"}, NO_MODEL)
    assert (made.number, made.out) == (2, "repairs/2")
    ended(jobs, 2)
    (mine / "repair.toml").write_text("method = ''")
    assert jobs.latest_repair() is None
    (jobs.folder / "1.json").write_text(json.dumps({"kind": "repair", "options": {"region": "jaw"}}))
    with pytest.raises(FileError, match="1 is a link"):
        jobs.resume(1, NO_MODEL)
    assert [one.name for one in mine.iterdir()] == ["repair.toml"]


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("run", {"pid": 10**30, "pid_started": ""}),
        ("run", {"pid": 2**31}),
        ("run", {"begun": "\ud800", "ended": "", "exit": 2, "error": {"text": "\ud800", "slug": "\x1b"}}),
        ("json", {"kind": "causes", "options": {}, "command": 5}),
        ("json", {"kind": "repair", "options": {"region": "\ud800"}, "out": "a" * 5000}),
        ("json", {"kind": "proof", "options": {"repair": "../.."}, "out": "../x"}),
        ("progress", {"steps": [{"text": "\ud800"}]}),
    ],
)
def test_a_record_that_nobody_wrote_so_is_told_as_text_that_any_page_can_hold(studio_run, ending, told):
    jobs = Jobs(studio_run)
    jobs.folder.mkdir()
    (jobs.folder / "1.json").write_text(json.dumps({"kind": "causes", "options": {}}))
    (jobs.folder / f"1.{ending}").write_text(json.dumps(told))
    (job,) = jobs
    assert job.state in ("died", "failed")
    assert job.out in ("", "repairs/1")
    repr(job).encode()


def test_a_process_that_is_no_job_is_not_stopped(studio_run):
    jobs = Jobs(studio_run)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]) as other:
        hold(jobs, 1, other)
        assert jobs.job(1).state == "died"
        with pytest.raises(OptionError, match="there is nothing to stop"):
            jobs.stop(1)
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("region", ["\0", "\ud800", "a\nb"])
def test_a_region_that_no_command_line_can_hold_is_refused(studio_run, region):
    with pytest.raises(OptionError, match="region of a repair cannot be"):
        Jobs(studio_run).start("repair", {"region": region}, NO_MODEL)
    assert list(Jobs(studio_run)) == []
