"""a job and what is missing → parts in the store: by this process, by several on this machine, or by Ray."""

import contextlib
import functools
import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from sightline._printing import printable_text
from sightline.errors import ModelError
from sightline.study.progress import StudyProgress
from sightline.study.ray import Ray
from sightline.study.store import Store
from sightline.study.tasks import ComputedPart, StudyJob, pickled_job

SAFE_PATH = "PYTHONSAFEPATH"
HOPELESS = 32
"""Images in a row that may fail before the run is given up."""

DEATHS = 3
"""Times that workers may die without a part being finished in between."""


def compute_missing(
    job: StudyJob, store: Store, missing: list[tuple[int, int]], workers: int | Ray, progress: StudyProgress
) -> None:
    """Compute the missing parts, but for those that other processes compute; at the end all are there.

    Raises
    ------
    FileError
        If a part cannot be written.
    ModelError
        If image after image fails.
    """
    while missing:
        _compute_claimed(job, store, missing, workers, progress)
        missing = store.wait_for_others(missing)


def _compute_claimed(
    job: StudyJob, store: Store, missing: list[tuple[int, int]], workers: int | Ray, progress: StudyProgress
) -> None:
    """Compute the missing parts that no other process is at."""
    held: dict[int, contextlib.ExitStack] = {}
    streak = 0
    try:
        for start, stop, table in _execute_parts(job, _claim_parts(store, missing, held), workers, progress):
            store.write_part(start, stop, [table])
            held.pop(start).close()
            reasons = table["reason"].drop_null().to_pylist()
            count = len(job.selected_places(start, stop))
            progress.add(0 if workers == 1 else count, len(reasons))
            streak = streak + count if len(reasons) == count else 0
            if streak >= HOPELESS:
                raise ModelError(
                    f"the last {streak} images all failed, and the run was given up. The last one: "
                    f"{printable_text(reasons[-1])} They are kept as failed: mend that, and "
                    "run the study again with retry=True (--retry).",
                    slug="study-hopeless",
                )
    finally:
        for claim in held.values():
            claim.close()


def retry_failed(
    job: StudyJob, store: Store, workers: int | Ray, progress: StudyProgress, changed: Iterable[int] = ()
) -> None:
    """Compute the images again that failed or have changed, and put them in the place of their lines."""
    again_places = sorted({line["place"] for line in store.failed_lines()} | set(changed))
    for part in store.parts():
        places = [place for place in again_places if part.start <= place < part.stop]
        if places:
            progress.total += len(places)
            singles = iter([(place, place + 1) for place in places])
            again = {start: lines for start, _, lines in _execute_parts(job, singles, workers, progress)}
            store.replace_lines(part.start, part.stop, again)


def _claim_parts(
    store: Store, missing: list[tuple[int, int]], held: dict[int, contextlib.ExitStack]
) -> Iterator[tuple[int, int]]:
    for start, stop in missing:
        claim = contextlib.ExitStack()
        if not claim.enter_context(store.claim_part(start)) or store.has_part(start, stop):
            claim.close()
            continue
        held[start] = claim
        yield start, stop


def _execute_parts(
    job: StudyJob, parts: Iterator[tuple[int, int]], workers: int | Ray, progress: StudyProgress
) -> Iterator[ComputedPart]:
    if isinstance(workers, Ray):
        return workers(job, parts)
    if workers > 1:
        return compute_in_processes(job, parts, workers)
    opened = job.with_open_model()
    return ((*part, opened.compute_part(*part, lambda: progress.add(1))) for part in parts)


def compute_in_processes(
    job: StudyJob, parts: Iterable[tuple[int, int]], workers: int
) -> Iterator[ComputedPart]:
    """Parts in the order in which they are done, by processes that share this machine's cores evenly.

    Where one dies, the parts that were being computed are computed again by new ones.

    Raises
    ------
    ModelError
        If processes die again and again with no part finished in between.
    OptionError
        If the model cannot be handed to another process.
    """
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    coming, begun, deaths = iter(parts), dict[int, int](), 0

    def taken() -> Iterator[tuple[int, int]]:
        for start, stop in coming:
            begun[start] = stop
            yield start, stop

    with tempfile.TemporaryDirectory(prefix="sightline-") as folder:
        path = Path(folder) / "job"  # a file, so that each worker reads it once
        path.write_bytes(pickled_job(job.with_secret("")))
        while True:
            lost = list(begun.items())
            try:
                again = itertools.chain(lost, taken())
                for start, stop, table in _compute_parallel(path, job.secret, again, workers):
                    del begun[start]
                    deaths = 0
                    yield start, stop, table
                return
            except TerminatedWorkerError:
                deaths += 1
                if deaths == DEATHS:
                    raise _processes_died(next(iter(begun.items())), workers) from None


@contextlib.contextmanager
def _away_from_working_directory() -> Iterator[None]:
    """Let new processes begin without modules of the working directory, which may be another's folder.

    Python puts it before all others where it is started with -m, as workers are; they then get the search
    path of this process, as it is.
    """
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(SAFE_PATH, None)
        else:
            os.environ[SAFE_PATH] = before


def _compute_parallel(
    path: Path, secret: str, parts: Iterable[tuple[int, int]], workers: int
) -> Iterator[ComputedPart]:
    import joblib

    threads = max(1, (os.cpu_count() or 1) // workers)
    with (
        _away_from_working_directory(),
        joblib.parallel_config("loky", n_jobs=workers, inner_max_num_threads=threads),
    ):
        pool = joblib.Parallel(return_as="generator_unordered", pre_dispatch="2*n_jobs", max_nbytes=None)
        yield from pool(joblib.delayed(_compute_remote)(path, secret, start, stop) for start, stop in parts)


@functools.lru_cache(maxsize=1)
def _receive_job(path: Path, secret: str) -> StudyJob:
    import pickle

    # The parent process wrote it, a moment ago, where only this user can write.
    job: StudyJob = pickle.loads(path.read_bytes())
    return job.with_secret(secret).with_open_model()


def _compute_remote(path: Path, secret: str, start: int, stop: int) -> ComputedPart:
    return start, stop, _receive_job(path, secret).compute_part(start, stop)


def _processes_died(part: tuple[int, int], workers: int) -> ModelError:
    return ModelError(
        f"worker processes died {DEATHS} times without finishing a part, the first of them images {part[0]} "
        f"to {part[1] - 1}: most likely memory ran out. Give fewer than workers={workers} (--workers); "
        f"with one, Python "
        "itself says what happens. What was done before is kept.",
        slug="study-workers",
    )
