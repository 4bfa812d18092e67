"""a job and what is missing → parts in the store."""

import contextlib
from collections.abc import Iterator

from sightline.errors import ModelError
from sightline.study.progress import StudyProgress
from sightline.study.ray import Ray
from sightline.study.store import Store
from sightline.study.tasks import ComputedPart, StudyJob, compute_here, compute_in_processes

HOPELESS = 32
"""Images in a row that may fail before the run is given up."""


def compute_missing(
    job: StudyJob, store: Store, missing: list[tuple[int, int]], workers: int | Ray, progress: StudyProgress
) -> None:
    """Compute the parts that no other process has computed, or is at.

    Raises
    ------
    FileError
        If a part cannot be written.
    ModelError
        If image after image fails.
    """
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
                    f"{reasons[-1]} They are kept as failed: mend that, and run the study again with retry "
                    "(--retry).",
                    slug="study-hopeless",
                )
    finally:
        for claim in held.values():
            claim.close()


def retry_failed(job: StudyJob, store: Store, workers: int | Ray, progress: StudyProgress) -> None:
    """Compute the images again that failed, and put them in the place of their lines."""
    for part in store.parts():
        table = store.read_part(part, ["place", "failure"])
        places = table.filter(table["failure"].is_valid())["place"].to_pylist()
        if not places:
            continue
        progress.total += len(places)
        singles = iter([(place, place + 1) for place in places])
        store.replace_lines(
            part, {start: lines for start, _, lines in _execute_parts(job, singles, workers, progress)}
        )


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
    return compute_here(job.with_open_model(), parts, lambda: progress.add(1))
