"""A study of Olivetti faces beside a loop of lime over them; then what a store of 100,000 rows costs.

The same model (the tutorial's pipeline), faces, segments and number of samples for all; the tools take
turns. The model's own time is that of the same number of images in batches of 256. Times of several
workers contain their start. Then the same with as many samples as each needs for one error: of LIME's
weights, 5 % of their length on the median face, by `equal_error.py` (--needed STUDY'S LIME'S).

    python benchmarks/studies.py [--faces 400] [--rounds 2] [--rows 100000]
"""

import argparse
import contextlib
import functools
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow
from lime.wrappers.scikit_image import SegmentationAlgorithm
from speed import CALLS, olivetti

import sightline as sl
from lime import lime_image
from sightline import data
from sightline.study import Ray, Study
from sightline.study import schema as rows_of_a_study
from sightline.study.schema import image_lines, table_schema
from sightline.study.store import Store

DIVISIONS = 256
"""Of real images: far more than a compressed page of the store holds, so that none profits from another."""
NEEDED = (200, 293)
"""Samples of a study and of lime to that error."""


def plan_of(calls):
    return sl.Plan(segment=sl.Slic(n_segments=50, compactness=10.0), budget=calls)


def loop(model, images, batch, calls):
    """lime's own explainer, image after image."""
    explainer = lime_image.LimeImageExplainer(random_state=0)
    cut = SegmentationAlgorithm("slic", n_segments=50, compactness=10.0)
    for image in images:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            explainer.explain_instance(
                image.astype(np.float64),
                model,
                top_labels=1,
                num_samples=calls,
                segmentation_fn=cut,
                batch_size=batch,
            )


def study(model, images, labels, workers, calls):
    """Seconds until the first part was there, too."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        made = Study(folder, plan_of(calls))
        write, first = made.store.write_part, []

        def noted(*part):
            first.append(time.perf_counter() - started)
            return write(*part)

        made.store.write_part = noted
        made.run((images, labels), model, workers=workers)
        return first[0]


def pure(model, images, calls):
    """The model alone: as many images, in batches."""
    for image in images:
        for start in range(0, calls, 256):
            model(np.repeat(image[np.newaxis], min(256, calls - start), axis=0))


def throughput(count, rounds, needed):
    """Images a second, of the clock and of a processor, at equal calls and at equal error."""
    model, _ = olivetti()
    faces = data.olivetti(data_home=Path(os.environ["SIGHTLINE_DATA"]) / "sklearn", download=False)
    chosen = np.random.default_rng(0).permutation(len(faces.images))[:count]
    images, labels = faces.images[chosen].astype(np.float32), faces.labels[chosen]
    ours, theirs = needed
    tables = {
        f"{CALLS} samples each": {
            "the model alone": lambda: pure(model, images, CALLS),
            "lime, as it comes (batches of 10)": lambda: loop(model, images, 10, CALLS),
            "lime, batches of 256": lambda: loop(model, images, 256, CALLS),
            "study, 1 worker": lambda: study(model, images, labels, 1, CALLS),
            "study, 2 workers": lambda: study(model, images, labels, 2, CALLS),
            "study, Ray with 2 workers": lambda: study(model, images, labels, Ray(workers=2), CALLS),
        },
        f"equal error: {ours} samples of a study, {theirs} of lime": {
            "the model alone, as a study asks": lambda: pure(model, images, ours),
            "lime, as it comes (batches of 10)": lambda: loop(model, images, 10, theirs),
            "lime, batches of 256": lambda: loop(model, images, 256, theirs),
            "study, 1 worker": lambda: study(model, images, labels, 1, ours),
        },
    }
    for title, tools in tables.items():
        seconds = {name: [] for name in tools}
        for _ in range(rounds):
            for name, tool in tools.items():
                started, before = time.perf_counter(), time.process_time()
                first = tool()
                spent = time.perf_counter() - started, time.process_time() - before
                seconds[name].append((*spent, first or 0.0))
        alone = np.median([processor for _, processor, _ in next(iter(seconds.values()))])
        print(f"{count} faces of 64×64, {title}; medians of {rounds} rounds")
        for name, found in seconds.items():
            total, processor, first = np.median(found, axis=0)
            told = f", the first part after {first:.1f} s" if first else ""
            if "2 workers" not in name:  # whose processor's time is not this process's
                told = (
                    f", {count / processor:7.2f} of a processor's, {processor / alone:5.2f} × the model"
                    + told
                )
            print(f"  {name:36s}{count / total:7.2f} a second{told}", flush=True)


def filled(folder, rows, side=224, segments=100):
    """A store of explanations of different images with segments of real shapes; images of it."""
    from skimage import data as photographs
    from skimage.segmentation import slic
    from skimage.transform import resize

    rng = np.random.default_rng(0)
    images = [
        resize(one(), (side + 64, side + 64))
        for one in (photographs.astronaut, photographs.coffee, photographs.chelsea)
    ]
    divisions = []
    for number in range(DIVISIONS):
        down, across = rng.integers(0, 64, 2)
        cut = images[number % 3][down : down + side, across : across + side]
        labels = slic(cut, n_segments=int(1.2 * segments), compactness=10.0, start_label=0)
        divisions.append(sl.Segments.renumber(labels))
    print(f"{np.mean([one.count for one in divisions]):.0f} segments")
    rows_of_a_study._pack_segments = functools.cache(rows_of_a_study._pack_segments)  # each division once
    store, size = Store(Path(folder) / "parts"), 64
    for start in range(0, rows, size):
        places = range(start, min(start + size, rows))
        table = [
            line
            for place in places
            for line in image_lines(*explained(place, divisions[place % DIVISIONS], rng))
        ]
        store.write_part(start, places.stop, [pyarrow.Table.from_pylist(table, schema=table_schema())])
    store.join_parts(rows, size)


def explained(place, segments, rng):
    """What a study would keep of one image."""
    from sightline.types import Attribution, Scores

    classes = rng.dirichlet(np.ones(1000))
    about = {"place": place, "id": f"class/{place:08d}.png", "label": place % 1000, "content": "0" * 16}
    about |= {"seconds": 1.0, "warnings": []}
    target = (int(classes.argmax()),)
    full = np.array([classes.max()])
    scores = Scores(np.zeros((0, 1)), full, full / 9, target, classes, CALLS)
    values = rng.normal(size=(1, segments.count))
    made = Attribution(values, np.abs(values) / 9, full, full, CALLS, True)
    return about, segments, scores, made


QUERIES = {
    "count": "select count(*) from rows",
    "right and wrong by class": "select label, avg((label = predicted)::int) from rows group by label",
    "confusions": "select label, predicted, count(*) n from rows where label <> predicted group by all "
    "order by n desc limit 10",
    "lowest scores": "select id, score from rows order by score limit 20",
    "mean largest value": "select predicted, avg(list_max(attribution)) from rows group by predicted",
}


def asked(folder):
    """Seconds of each query, a row, and the growth of memory, in a process of its own."""
    store = Store(Path(folder) / "parts")
    before = most_memory()
    for name, query in QUERIES.items():
        times = []
        for _ in range(3):
            started = time.perf_counter()
            store.query(query).fetchall()
            times.append(time.perf_counter() - started)
        print(f"  {name:26s} {np.median(times):.3f} s (first {times[0]:.3f} s)")
    started = time.perf_counter()
    store.image_lines(777)
    print(f"  {'one image, by its place':26s} {time.perf_counter() - started:.3f} s")
    started = time.perf_counter()
    store.outcome_columns()
    print(f"  {'all outcomes':26s} {time.perf_counter() - started:.3f} s")
    print(f"  memory grew by {most_memory() - before:.0f} MiB")


def most_memory():
    """The most that this process ever held, in MiB; getrusage would begin with what its parent held."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--faces", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--needed", type=int, nargs=2, default=NEEDED)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--asked", help="only ask the store in this folder")
    given = parser.parse_args()
    if given.asked:
        asked(given.asked)
        return
    if given.faces:
        throughput(given.faces, given.rounds, given.needed)
    if given.rows:
        with tempfile.TemporaryDirectory() as folder:
            filled(folder, given.rows)
            size = sum(path.stat().st_size for path in (Path(folder) / "parts").iterdir())
            print(f"a store of {given.rows} rows, 224×224, 1000 classes: {size / given.rows:.0f} bytes a row")
            subprocess.run([sys.executable, __file__, "--asked", folder], check=True)


if __name__ == "__main__":
    main()
