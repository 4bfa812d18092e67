"""parts of a study → their lines, by the actors of a Ray cluster."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from sightline._optional import require
from sightline.errors import ModelError, OptionError
from sightline.study.tasks import ComputedPart, StudyJob, pickled_job
from sightline.types import option

TRIES = 3
"""Times that Ray itself runs a part whose worker dies."""
DEATHS = 3
"""Parts that Ray may give up with none being finished in between."""


@option
class Ray:
    """Workers on a Ray cluster: each opens the model once and computes part after part.

    Workers on other machines have to reach the images by the same paths, and a model given by a text by
    the same text. Images and models held in memory are sent to them. Only the process that runs the study
    writes to its folder.

    Parameters
    ----------
    workers : int
        At least 1.
    cpus : float
        Cores that each worker takes.
    gpus : float
        GPUs that each worker takes: 1, or 0.5 to let two share one.
    address : str, optional
        Of the cluster, as ``ray.init`` takes it; by default the one that this process is connected to,
        else one is started on this machine, and stopped at the end.

    Raises
    ------
    OptionError
        If there are no workers.
    """

    workers: int = 1
    cpus: float = 1
    gpus: float = 0
    address: str | None = None

    def __post_init__(self) -> None:
        if self.workers < 1 or self.cpus < 0 or self.gpus < 0:
            raise OptionError(
                f"Ray needs workers >= 1, cpus >= 0 and gpus >= 0, but {self!r} was given.",
                slug="option-value",
            )

    def __call__(self, job: StudyJob, parts: Iterable[tuple[int, int]]) -> Iterator[ComputedPart]:
        """Parts in the order in which they are done.

        A worker that dies is started again and computes its part again; the others go on.

        Raises
        ------
        ModelError
            If workers die again and again with no part finished in between.
        OptionError
            If the model cannot be handed to other processes, or the cluster is too small.
        """
        ray = require("ray", extra="ray")
        mine = not ray.is_initialized()
        if mine:
            ray.init(
                address=self.address, log_to_driver=False, include_dashboard=False, logging_level="error"
            )
        try:
            self._check_room(ray.cluster_resources())
            # In a list, the reference itself is sent, which this process keeps alive for restarted workers.
            yield from self._run_parts(ray, [ray.put(pickled_job(job)), sys.path], iter(parts))
        finally:
            if mine:
                ray.shutdown()

    def _check_room(self, there: dict[str, float]) -> None:
        """Refuse more than the cluster has: workers that find no room would be waited for without end."""
        for name, each in (("CPU", self.cpus), ("GPU", self.gpus)):
            if self.workers * each > there.get(name, 0):
                raise OptionError(
                    f"the Ray cluster has {there.get(name, 0):g} {name}s, but {self!r} asks for "
                    f"{self.workers * each:g}: give fewer workers, or less to each.",
                    slug="study-ray",
                )

    def _run_parts(self, ray: Any, job: Any, parts: Iterator[tuple[int, int]]) -> Iterator[ComputedPart]:
        kind = ray.remote(
            num_cpus=self.cpus, num_gpus=self.gpus, max_restarts=-1, max_task_retries=TRIES - 1
        )(RayWorker)
        idle = [kind.remote() for _ in range(self.workers)]
        running: dict[Any, tuple[Any, tuple[int, int]]] = {}
        lost: list[tuple[int, int]] = []
        deaths = 0
        while True:
            while idle and (part := lost.pop() if lost else next(parts, None)) is not None:
                worker = idle.pop()
                running[worker.compute_part.remote(job, *part)] = (worker, part)
            if not running:
                return
            (ready,), _ = ray.wait(list(running))
            worker, part = running.pop(ready)
            idle.append(worker)
            try:
                table = ray.get(ready)
            except ray.exceptions.RayActorError as error:
                deaths += 1
                lost.append(part)
                if deaths == DEATHS:
                    raise _ray_worker_died(part, error) from error
                continue
            deaths = 0
            yield *part, table


class RayWorker:
    """An actor; it opens the job, with its model, when it gets its first part."""

    def __init__(self) -> None:
        self.job: StudyJob | None = None

    def compute_part(self, job: list[Any], start: int, stop: int) -> Any:
        """The lines of the images `start` to `stop` − 1.

        `job` is a reference to what `pickled_job` makes, and where this process's modules are looked for.
        """
        import pickle

        if self.job is None:
            sys.path += [path for path in job[1] if path not in sys.path]
            received: StudyJob = pickle.loads(require("ray", extra="ray").get(job[0]))
            self.job = received.with_open_model()
        return self.job.compute_part(start, stop)


def _ray_worker_died(part: tuple[int, int], error: Exception) -> ModelError:
    return ModelError(
        f"the Ray worker of images {part[0]} to {part[1] - 1} died at every try: {error}. Most likely "
        "memory ran out: give each worker more of the machine, as in Ray(cpus=4). What was done before is "
        "kept; the study goes on from there when it is run again.",
        slug="study-workers",
    )
