"""A study of some seconds, in its own process, to be killed: `python -m support.slow_run FOLDER WORKERS`."""

import sys
import time
from typing import Any

import numpy as np

from sightline.study import Ray, Study
from support.problems import PLAN, images, model

COUNT = 96


class Slow:
    """The model, a little slower; of a class that can be pickled by name."""

    def __call__(self, batch: Any) -> Any:
        time.sleep(0.001 * len(batch))
        return model(np.asarray(batch))


def main(folder: str, workers: str) -> None:
    """Run it."""
    Study(folder, PLAN).run(
        images(COUNT), Slow(), workers=Ray(workers=2) if workers == "ray" else int(workers)
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
