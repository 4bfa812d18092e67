"""a job and what is missing → parts in the store."""

import contextlib
from collections.abc import Iterator

from sightline.errors import ModelError
from sightline.study.progress import Progress
from sightline.study.ray import Ray
from sightline.study.store import Store
from sightline.study.work import Done, Job, here, processes

HOPELESS = 32
"""Images in a row that may fail before the run is given up."""


def compute(
    job: Job, store: Store, missing: list[tuple[int, int]], workers: int | Ray, progress: Progress
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
        for start, stop, table in _executed(job, _claimed(store, missing, held), workers, progress):
            store.add(start, stop, [table])
            held.pop(start).close()
            reasons = table["reason"].drop_null().to_pylist()
            count = len(job.places(start, stop))
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


def retry(job: Job, store: Store, workers: int | Ray, progress: Progress) -> None:
    """Compute the images again that failed, and put them in the place of their lines."""
    for part in store.parts():
        table = store.read(part, ["place", "failure"])
        places = table.filter(table["failure"].is_valid())["place"].to_pylist()
        if not places:
            continue
        progress.total += len(places)
        singles = iter([(place, place + 1) for place in places])
        store.replace(part, {start: lines for start, _, lines in _executed(job, singles, workers, progress)})


def _claimed(
    store: Store, missing: list[tuple[int, int]], held: dict[int, contextlib.ExitStack]
) -> Iterator[tuple[int, int]]:
    for start, stop in missing:
        claim = contextlib.ExitStack()
        if not claim.enter_context(store.claim(start)) or store.has(start, stop):
            claim.close()
            continue
        held[start] = claim
        yield start, stop


def _executed(
    job: Job, parts: Iterator[tuple[int, int]], workers: int | Ray, progress: Progress
) -> Iterator[Done]:
    if isinstance(workers, Ray):
        return workers(job, parts)
    if workers > 1:
        return processes(job, parts, workers)
    return here(job.opened(), parts, lambda: progress.add(1))
