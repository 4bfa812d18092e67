"""a command line, started as a process of its own ⇄ what the study's folder tells of it.

Nothing is kept in memory: a job is a record (what was asked for), a log, how far it is, and, written by its
own process, how it ended. So a studio that was killed and is opened again tells where each stands.
"""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sightline._files import held_in_turn, time_now, write_text
from sightline._limits import read_text, regular_file
from sightline._printing import printable_text
from sightline._progress_file import read_progress
from sightline._trust import without_secrets
from sightline.errors import FileError, OptionError
from sightline.repair.store import NAME as REPAIR
from sightline.reports.commands import drawn_blame_options
from sightline.studio.job_process import VARIABLE, is_job_of, process_start, unfinished_file
from sightline.types import record

FOLDER, REPAIRS = "jobs", "repairs"
"""Where a study keeps its jobs, and the repairs that they make."""
LAYOUT = 1
KINDS = ("study", "blame", "causes", "concepts", "repair", "proof")
OPTIONS: dict[str, tuple[str, ...]] = {
    "study": ("retry",),
    "blame": ("regions",),
    "causes": (),
    "concepts": (),
    "repair": ("region", "method"),
    "proof": ("repair",),
}
"""What may be chosen of each kind."""
METHODS = ("auto", "counterexamples", "right-reasons", "last-layer", "guard")
BLAMED = ("", "drawn", "auto", "face", "chest", "grid:rows=4,columns=4")
"""Among which regions blame looks: the study's own, drawn ones, found ones, or those of a template."""
STOPPED = (130, -signal.SIGINT, -signal.SIGTERM, -signal.SIGKILL, 128 + signal.SIGTERM, 1)
"""How a command ends that somebody stopped; an open library may turn Ctrl-C into an ordinary end."""
PATIENCE = 10.0
"""Seconds until a job that was asked to stop is told to."""
TAIL = 12_000
"""Letters of a log that are shown."""


@record
class Allowed:
    """What the studio's own command line allows its jobs.

    Parameters
    ----------
    model : str, optional
        The study's model, named again.
    trust : bool
        Whether what the study's folder names may be opened.
    language : str
    train : str, optional
        Images that repairs learn from.
    """

    model: str | None = None
    trust: bool = False
    language: str = "en"
    train: str | None = None


@record
class Job:
    """What is known of a job now.

    Parameters
    ----------
    number : int
    kind : str
    options : mapping of str to str
    command : tuple of str
        As it would be typed.
    out : str
        Of a repair or proof: the repair's folder, below the study's; else empty.
    begun, ended : str
        Day and time; `ended` is empty where that is not known.
    state : str
        ``"running"``, ``"done"``, ``"failed"``, ``"stopped"`` or ``"died"``.
    error, slug : str
        The library's own words, where it failed.
    steps : tuple of dict
        What is under way, the outermost first; of one that is over, where it stood.
    """

    number: int
    kind: str
    options: Mapping[str, str]
    command: tuple[str, ...]
    out: str
    begun: str
    ended: str
    state: str
    error: str = ""
    slug: str = ""
    steps: tuple[dict[str, Any], ...] = ()


class Jobs:
    """The jobs of a study.

    Parameters
    ----------
    run : Path
        The study's folder.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.folder = run / FOLDER

    def __iter__(self) -> Iterator[Job]:
        """All, the latest first."""
        for number in sorted(self._numbers(), reverse=True):
            with contextlib.suppress(FileError):  # one that is damaged is no job any more
                yield self.job(number)

    def _numbers(self) -> list[int]:
        names = (file.stem for file in self.folder.glob("*.json"))
        return [int(name) for name in names if name.isdecimal() and len(name) < 9]

    def job(self, number: int) -> Job:
        """One of them, as it stands now.

        Raises
        ------
        FileError
            If there is none of that number.
        """
        told = _read_json(self._file(number, "json"))
        kind, options = told.get("kind"), told.get("options")
        if kind not in KINDS or not isinstance(options, dict):
            raise FileError(f"there is no job {number} of this study.", slug="studio-job")
        run = _read_json(self._file(number, "run"))
        state = self._state(number, run)
        error = run.get("error") if state == "failed" else None
        steps = read_progress(self._file(number, "progress")) if state != "done" else []
        return Job(
            number=number,
            kind=kind,
            options={printable_text(name): printable_text(value) for name, value in options.items()},
            command=_told_command(told),
            out=_out_of(kind, number, options),  # never what a record may say
            begun=printable_text(run.get("begun") or told.get("begun", "")),
            ended=printable_text(run.get("ended") or ""),
            state=state,
            error=printable_text(error.get("text", "")) if isinstance(error, dict) else "",
            slug=printable_text(error.get("slug", "")) if isinstance(error, dict) else "",
            steps=tuple(
                {
                    str(name): printable_text(one) if isinstance(one, str) else one
                    for name, one in step.items()
                }
                for step in steps
            ),
        )

    def _state(self, number: int, run: Mapping[str, Any]) -> str:
        asked = self._file(number, "stop").exists()
        if "ended" in run:
            if run.get("exit") == 0:
                return "done"
            if asked and run.get("exit") in STOPPED:
                return "stopped"
            # Without an error it has said in words what it could not do, as that no repair was chosen.
            return "done" if run.get("exit") == 1 and not run.get("error") else "failed"
        if _is_alive(run, self._file(number, "run")):
            return "running"
        return "stopped" if asked else "died"

    def log(self, number: int) -> str:
        """The end of what a job has printed."""
        try:
            regular_file(_unlinked(self._file(number, "log")))
            with self._file(number, "log").open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - TAIL))
                return file.read(TAIL).decode("utf-8", "replace")
        except (OSError, FileError):
            return ""

    def start(self, kind: str, options: Mapping[str, Any], allowed: Allowed) -> Job:
        """Start a job.

        Parameters
        ----------
        kind : str
            One of `KINDS`.
        options : mapping
            Of `OPTIONS` of that kind, those that are chosen.
        allowed : Allowed

        Raises
        ------
        OptionError
            If there is no such kind or option, or another job writes the same.
        FileError
            If the study's folder cannot be written to.
        """
        chosen = _checked_options(kind, options)
        with self._starting():
            number = max([*self._numbers(), *self._repair_numbers()], default=0) + 1
            out = self._checked_out(kind, number, chosen)
            self._refuse_second(kind, out, chosen)
            told = {"layout": LAYOUT, "kind": kind, "options": chosen, "out": out, "begun": time_now()}
            self._begin(number, told, allowed)
        return self.job(number)

    def resume(self, number: int, allowed: Allowed) -> Job:
        """Do the same again, which goes on from what is kept; only what is chosen is taken from the record.

        Raises
        ------
        OptionError
            If it is under way or done, or another job writes the same.
        """
        before = self.job(number)
        if before.state in ("running", "done"):
            raise OptionError(
                f"job {number} is {before.state}: there is nothing to go on with.", slug="studio-job"
            )
        chosen = _checked_options(before.kind, before.options)
        with self._starting():
            out = self._checked_out(before.kind, number, chosen)
            self._refuse_second(before.kind, out, chosen)
            told = {"layout": LAYOUT, "kind": before.kind, "options": chosen, "out": out, "begun": time_now()}
            self._begin(number, told, allowed)
        return self.job(number)

    def stop(self, number: int) -> Job:
        """Ask a job to stop, as Ctrl-C does; a while later it is told to.

        Raises
        ------
        OptionError
            If it is not under way.
        """
        now = self.job(number)
        if now.state != "running":
            raise OptionError(f"job {number} is {now.state}: there is nothing to stop.", slug="studio-job")
        asked_before = self._file(number, "stop").exists()
        self._write(self._file(number, "stop"), {"asked": time_now()})
        self._signal(number, signal.SIGTERM if asked_before else signal.SIGINT)
        if not asked_before:
            later = threading.Timer(PATIENCE, self._insist, [number, _read_json(self._file(number, "run"))])
            later.daemon = True
            later.start()
        return self.job(number)

    def _insist(self, number: int, asked: Mapping[str, Any]) -> None:
        """Tell it, if it is still the process that was asked: meanwhile it may have been gone on with."""
        run = _read_json(self._file(number, "run"))
        if run.get("pid_started") == asked.get("pid_started"):
            self._signal(number, signal.SIGTERM)

    def _signal(self, number: int, sign: signal.Signals) -> None:
        """Tell all processes of a job, if it is the one that was started and no other of its number."""
        run = _read_json(self._file(number, "run"))
        if not _is_alive(run, self._file(number, "run")):
            return
        pid = int(run["pid"])
        try:
            os.killpg(pid, sign)
        except ProcessLookupError:  # it has not made a group of its own yet
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)

    def repair_folder(self, number: str) -> Path:
        """The folder of the repair that a job has made.

        Raises
        ------
        OptionError
            If there is none.
        """
        folder = self.run / REPAIRS / number
        linked = folder.is_symlink() or folder.parent.is_symlink()
        if not number.isdecimal() or linked or not (folder / REPAIR).is_file():
            raise OptionError(f"there is no repair {number!r} of this study.", slug="studio-job")
        return folder

    def latest_repair(self) -> Path | None:
        """The folder of the repair that was made last; None where there is none."""
        made = [
            file.parent
            for file in self.run.glob(f"{REPAIRS}/*/{REPAIR}")
            if file.parent.name.isdecimal()
            and not (file.parent.is_symlink() or file.parent.parent.is_symlink())
        ]
        return max(made, key=lambda one: int(one.name), default=None)

    def _refuse_second(self, kind: str, out: str, chosen: Mapping[str, str]) -> None:
        """Refuse to write what another job writes."""
        mine = _written(kind, out, chosen)
        for one in self:
            if one.state == "running" and _written(one.kind, one.out, one.options) == mine:
                raise OptionError(
                    f"job {one.number} ({one.kind}) is under way and writes the same files. Wait until it "
                    "has ended, or stop it.",
                    slug="studio-busy",
                )

    def _command(self, kind: str, chosen: Mapping[str, str], out: str, allowed: Allowed) -> list[str]:
        """What is to be run, as it would be typed after ``sightline``."""
        run = str(self.run)
        words = {
            "study": ["study", "-o", run],
            "blame": ["blame", run, *self._blamed_regions(chosen.get("regions", ""))],
            "causes": ["causes", run],
            "concepts": ["concepts", run, "-o", str(self.run / "concepts.toml")],
            "repair": ["repair", run, "-o", str(self.run / out)],
            "proof": ["proof", run, str(self.run / out)],
        }[kind]
        if kind == "study" and chosen.get("retry"):
            words.append("--retry")
        if kind == "repair":
            for name, value in (("region", chosen.get("region")), ("method", chosen.get("method"))):
                words += [f"--{name}", value] if value else []
            words += ["--train", allowed.train] if allowed.train else []
        if allowed.model is not None:
            words += [allowed.model] if kind == "study" else ["--model", allowed.model]
        return [*words, *(["--trust"] if allowed.trust else [])]

    def _blamed_regions(self, named: str) -> list[str]:
        if named == "drawn":
            return drawn_blame_options(str(self.run))
        return ["--regions", named] if named else []

    def _repair_numbers(self) -> list[int]:
        """Those of which there is anything where a repair would be made."""
        names = (one.name for one in (self.run / REPAIRS).glob("*"))
        return [int(name) for name in names if name.isdecimal() and len(name) < 9]

    def _checked_out(self, kind: str, number: int, chosen: Mapping[str, str]) -> str:
        """Where a job writes, below the study's folder.

        Raises
        ------
        OptionError
            If there is no such repair to prove.
        OSError
            If a link leads elsewhere.
        """
        if kind == "proof":
            return self.repair_folder(chosen["repair"]).relative_to(self.run).as_posix()
        out = _out_of(kind, number, chosen)
        if out:
            _unlinked(self.run / REPAIRS)
            _unlinked(self.run / out)
        return out

    def _begin(self, number: int, told: dict[str, Any], allowed: Allowed) -> None:
        log = self._file(number, "log")
        goes_on = self._file(number, "json").exists() and not log.is_symlink()
        for ending in ("run", "stop", "progress", *(() if goes_on else ("log",))):
            self._file(number, ending).unlink(missing_ok=True)  # of an earlier one of its number
        command = self._command(told["kind"], told["options"], told["out"], allowed)
        shown = [without_secrets(word) for word in command]
        self._write(self._file(number, "json"), {**told, "command": shown})
        self._launch(number, command, allowed)

    def _launch(self, number: int, command: list[str], allowed: Allowed) -> None:
        """Start the process; it makes a session of its own and says there how it ends."""
        if not hasattr(os, "posix_spawn"):
            shown = subprocess.list2cmdline(["sightline", *command])
            raise OptionError(
                f"jobs cannot be started from the studio on this system. Run it yourself: {shown}",
                slug="studio-job",
            )
        log = os.fsencode(self._file(number, "log"))
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        known = os.environ | {
            VARIABLE: str(self._file(number, "run").absolute()),
            "SIGHTLINE_LANG": allowed.language,
            "PYTHONUNBUFFERED": "1",
        }
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "sightline", *command],
            known,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsigdef=[signal.SIGINT, signal.SIGTERM],
        )
        begun = {"pid": pid, "pid_started": process_start(pid), "begun": time_now()}
        with unfinished_file(self._file(number, "run")):
            # It may have come to its end already.
            self._write(self._file(number, "run"), begun | _read_json(self._file(number, "run")))

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        """One at a time, whichever studio of this study starts it."""
        try:
            _unlinked(self.folder).mkdir(exist_ok=True)
            with held_in_turn(self.folder / ".held", PATIENCE):
                yield
        except OSError as error:
            raise FileError(
                f"no job can be kept in {self.folder}: {error.strerror or error}.", slug="studio-job"
            ) from error

    def _file(self, number: int, ending: str) -> Path:
        return self.folder / f"{number}.{ending}"

    def _write(self, file: Path, value: Mapping[str, Any]) -> None:
        write_text(file, json.dumps(value, indent=1))


def _written(kind: str, out: str, options: Mapping[str, str]) -> str:
    """What a job writes, so that no second one does: a repair's folder, or the file of its answer."""
    if kind in ("repair", "proof"):
        return out
    return f"{kind} {options.get('regions') == 'drawn'}"


def _checked_options(kind: str, options: Mapping[str, Any]) -> dict[str, str]:
    """The options of a job, those that are empty left out.

    Raises
    ------
    OptionError
        If there is no such kind or option, or it cannot be so.
    """
    if kind not in KINDS:
        raise OptionError(f"there is no job {kind!r}: it is one of {', '.join(KINDS)}.", slug="studio-job")
    chosen = {}
    for name, value in options.items():
        text = {True: "yes", False: ""}.get(value, value) if isinstance(value, bool) else value
        if name not in OPTIONS[kind] or not isinstance(text, str):
            raise OptionError(f"a {kind} has no option {name!r} such as {value!r}.", slug="studio-job")
        if text:
            chosen[name] = text
    among = {"method": METHODS, "regions": BLAMED, "retry": ("yes",)}
    for name, value in chosen.items():
        # What begins with a dash would be another option.
        if value not in among.get(name, (value,)) or value.startswith("-") or not value.isprintable():
            raise OptionError(f"{name} of a {kind} cannot be {value!r}.", slug="studio-job")
    if kind == "proof" and "repair" not in chosen:
        raise OptionError(
            "a proof is of a repair: give its number, repair=1 for the first.", slug="studio-job"
        )
    return chosen


def _is_alive(run: Mapping[str, Any], file: Path) -> bool:
    """Whether the process that a job began as is still there, and not another one that a record may name."""
    pid, started = run.get("pid"), run.get("pid_started")
    if not isinstance(pid, int) or not 1 < pid < 1 << 31:
        return False
    with contextlib.suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)  # of this studio's own: one that has ended is let go
    now = process_start(pid)
    return bool(now) and now == started and is_job_of(pid, file)


def _out_of(kind: str, number: int, options: Mapping[str, Any]) -> str:
    """The folder of a repair, or of the one that is proved, below the study's; else empty."""
    named = {"repair": str(number), "proof": str(options.get("repair", ""))}.get(kind, "")
    return f"{REPAIRS}/{named}" if named.isdecimal() and len(named) < 9 else ""


def _told_command(told: Mapping[str, Any]) -> tuple[str, ...]:
    command = told.get("command")
    return tuple(map(printable_text, command)) if isinstance(command, list) else ()


def _unlinked(path: Path) -> Path:
    """The path, unless it is a link, which may lead anywhere.

    Raises
    ------
    OSError
        If it is.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, f"{path.name} is a link, which a study's own files never are")
    return path


def _read_json(file: Path) -> dict[str, Any]:
    """What a file says; nothing where there is none, or it says something else."""
    try:
        return dict(json.loads(read_text(_unlinked(file))))
    except (OSError, ValueError, TypeError, RecursionError):
        return {}
