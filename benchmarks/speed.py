"""Time of an explanation over the time that the model itself takes for the same calls.

Every tool explains the same image with the same number of model calls; the model's own time is taken inside
each run, and that of the model alone in batches of its best size beside it; the tools take turns, and medians
of the ratios are printed. Then: how fast perturbed batches are made, over a plain copy of as many bytes; and
how the library's own processor time grows with images, segments, targets, pixels: slopes in logarithms.
"""

import argparse
import os
import tempfile
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import peers
import sklearn
from skimage.color import gray2rgb, rgb2gray
from sklearn.datasets import fetch_olivetti_faces
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer

import sightline as sl
from sightline.engine.perturbation import perturbed_batches
from sightline.engine.sampling import Bernoulli, FoldOver
from sightline.engine.segmentation import Slic

CALLS = 1000


class Timed:
    """A model that adds up its own time."""

    def __init__(self, model):
        self.model, self.seconds, self.calls = model, 0.0, 0

    def __call__(self, images):
        start = time.perf_counter()
        answer = self.model(images)
        self.seconds += time.perf_counter() - start
        self.calls += len(images)
        return answer


def olivetti(count=None):
    """The tutorial's pipeline: grey, flatten, normalise, MLP; and a face to test with, or so many."""
    faces = fetch_olivetti_faces(data_home=Path(os.environ["SIGHTLINE_DATA"]) / "sklearn")
    images = np.stack([gray2rgb(face) for face in faces.data.reshape(-1, 64, 64)])
    train, test, labels, _ = train_test_split(images, faces.target, train_size=0.7, random_state=0)
    steps = [
        ("grey", FunctionTransformer(lambda faces: [rgb2gray(face) for face in faces])),
        ("flat", FunctionTransformer(lambda faces: [face.ravel() for face in faces])),
        ("normal", Normalizer()),
    ]
    rows = Pipeline(steps).fit(train).transform(train)
    # Trained once for all scripts of a run; what is in the file was written by this line.
    kept = Path(tempfile.gettempdir()) / f"sightline-benchmark-olivetti-{sklearn.__version__}.joblib"
    if not kept.exists():
        joblib.dump(MLPClassifier((400, 40), random_state=1).fit(rows, labels), kept)
    pipeline = Pipeline([*steps, ("mlp", joblib.load(kept))])
    return pipeline.predict_proba, test[0] if count is None else test[:count]


def waiting(seconds):
    """A model that takes its time for each image and does nothing else."""

    def model(images):
        time.sleep(seconds * len(images))
        mean = np.asarray(images, dtype=np.float64).reshape(len(images), -1)[:, ::997].mean(axis=1)
        return np.stack([mean, 1 - mean], axis=1)

    return model


def ours(image, model, segment, attribute="lime", top=6):
    return sl.explain(
        image, model, segment=segment, attribute=attribute, target=sl.Top(k=top), budget=CALLS, progress=False
    )


def alone(image, model):
    """Seconds of as many calls in batches of the size that is fastest."""
    seconds = []
    for size in (32, 64, 128, 256):
        batch = np.repeat(image[np.newaxis], size, axis=0)
        start = time.perf_counter()
        for first in range(0, CALLS, size):
            model(batch[: min(size, CALLS - first)])
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def ratios(tools, image, model, segment, repeats):
    """Total time over the time inside the model, and over the model alone at its best, tool by tool."""
    found = {name: [] for name in tools}
    print(f"  {'':20s}{'inside':>8s}{'alone':>8s}")
    for _ in range(repeats):
        best = alone(image, model)
        for name, tool in tools.items():
            timed = Timed(model)
            start = time.perf_counter()
            try:
                tool(image, timed, segment)
            except Exception as error:
                print(f"  {name} failed: {type(error).__name__}: {error}")
                continue
            found[name].append((time.perf_counter() - start, timed.seconds, timed.calls, best))
    for name, rows in found.items():
        if rows:
            total, inside, calls, _ = np.median(rows, axis=0)
            shares = "".join(f"{np.median([row[0] / row[one] for row in rows]):8.2f}" for one in (1, 3))
            print(f"  {name:20s}{shares}   total {total:.3f} s, model {inside:.3f} s, {calls:.0f} calls")


def batch_making():
    print("\nmaking perturbed batches, over a copy of as many bytes (1 = as fast as memcpy)")
    for side, dtype, kind in (
        (64, np.float32, FoldOver()),
        (224, np.float32, FoldOver()),
        (224, np.uint8, FoldOver()),
        (1024, np.float32, FoldOver()),
        (1024, np.uint8, FoldOver()),
        (1024, np.float32, Bernoulli()),
        (1024, np.uint8, Bernoulli()),
    ):
        rng = np.random.default_rng(0)
        image = (rng.random((side, side, 3)) * 255).astype(dtype)
        segments = Slic(n_segments=100, compactness=1000.0)(image)
        size = max(2, (16 << 20) // image.nbytes)
        keep = kind(segments.count, 8 * size, rng).keep
        target, source = (np.ones((size, *image.shape), dtype) for _ in range(2))
        made, copied = [], []
        for _ in range(4):
            batches = perturbed_batches(image, image[::-1].copy(), segments, keep, size)
            next(batches)  # the first takes new memory from the system, as the first copy did
            for _ in range(7):
                start = time.perf_counter()
                next(batches)
                made.append(time.perf_counter() - start)
                start = time.perf_counter()
                np.copyto(target, source)
                copied.append(time.perf_counter() - start)
        print(
            f"  {side}x{side}x3 {np.dtype(dtype).name:8s}{type(kind).__name__:10s}"
            f"{np.median(made) / np.median(copied):6.2f}"
        )


def quick_model(classes=2):
    """A model that hardly takes any time: what is measured is the library's own."""

    def model(images):
        seen = np.asarray(images).reshape(len(images), -1)[:, :: max(1, images[0].size // 64)]
        return np.linspace(0.001, 0.002, classes) * (1 + seen.mean(axis=1, keepdims=True, dtype=float))

    return model


def one_explanation(side=64, cells=7, targets=1, estimator="regression", calls=500):
    """An explanation of noise, segments a grid."""
    image = np.random.default_rng(0).random((side, side, 3)).astype(np.float32)
    plan = {"segment": sl.Grid(rows=cells, columns=cells), "fill": "colour", "attribute": "shapley"}
    plan |= {"target": sl.Top(k=targets), "budget": calls, "estimator": estimator, "batch_size": 32}
    sl.explain(image, quick_model(max(2, targets)), scale="probability", progress=False, **plan)


def one_study(count, calls=100):
    images = np.random.default_rng(0).random((count, 64, 64, 3)).astype(np.float32)
    plan = sl.Plan(segment=sl.Grid(rows=5, columns=5), fill="colour", budget=calls)
    with tempfile.TemporaryDirectory() as folder:
        sl.Study(folder, plan).run((images, np.zeros(count, int)), quick_model(), progress=False)


def growth(repeats):
    """Least processor seconds of a few runs that take turns, and the slope of their logarithms."""
    print("\nprocessor seconds of the library alone, and the slope in logarithms (1 = in proportion)")
    rows = {
        "images of a study, 100 calls each": ((32, 64, 128, 256), one_study),
        "segments, regression, 500 calls": (
            *((25, 49, 100, 196), lambda count: one_explanation(cells=int(count**0.5))),
        ),
        "segments, process, 500 calls": (
            (25, 49, 100, 196),
            lambda count: one_explanation(cells=int(count**0.5), estimator="gaussian-process"),
        ),
        "targets, regression, 500 calls": ((1, 4, 16, 64), lambda count: one_explanation(targets=count)),
        "targets, process, 250 calls": (
            (1, 2, 4, 8),
            lambda count: one_explanation(targets=count, estimator="gaussian-process", calls=250),
        ),
        "pixels of a side squared, 500 calls": (
            *((64**2, 128**2, 256**2, 512**2), lambda count: one_explanation(side=int(count**0.5))),
        ),
        "calls, regression": ((250, 500, 1000, 2000), lambda count: one_explanation(calls=count)),
        "calls, process": (
            (128, 256, 512, 1024),
            lambda count: one_explanation(calls=count, estimator="gaussian-process"),
        ),
    }
    for name, (sizes, work) in rows.items():
        seconds = {size: [] for size in sizes}
        work(sizes[0])
        for _ in range(repeats):
            for size in sizes:
                start = time.process_time()
                work(size)
                seconds[size].append(time.process_time() - start)
        least = [min(seconds[size]) for size in sizes]
        slope, at = np.polyfit(np.log(sizes), np.log(least), 1)
        away = np.abs(np.log(least) - (slope * np.log(sizes) + at)).max()
        cells = ", ".join(f"{size}: {one:.3f}" for size, one in zip(sizes, least, strict=True))
        print(f"  {name:38s}slope {slope:5.2f} (fits within {100 * away:.0f} %)   {cells}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only-growth", action="store_true", help="how it grows, and nothing else")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if asked.only_growth:
        growth(asked.repeats)
        return
    peers.CALLS = CALLS
    model, face = olivetti()
    tools = {"sightline lime": ours, "sightline shapley": lambda *a: ours(*a, attribute="shapley")}
    names = {
        name: tool
        for name, tool in peers.ALL.items()
        if name not in ("dianna KernelSHAP", "dianna RISE")  # other models or masks than these
    }
    segment = Slic(n_segments=100, compactness=1.0, sigma=1.0)
    raw = lambda image: segment(image).labels  # noqa: E731
    print(f"Olivetti pipeline, {CALLS} calls: total time over model time")
    takes_option = {name: (lambda i, m, s, tool=tool: tool(i, m, segment)) for name, tool in tools.items()}
    ratios(takes_option | names, face, model, raw, asked.repeats)
    photo = np.random.default_rng(0).random((224, 224, 3)).astype(np.float32)
    hundred = Slic(n_segments=100, compactness=1000.0)
    print("\n224x224x3, 100 segments, a model of 5 ms an image")
    ratios({"sightline lime": lambda i, m, s: ours(i, m, hundred, top=2)}, photo, waiting(0.005), None, 2)
    batch_making()
    growth(min(asked.repeats, 3))


if __name__ == "__main__":
    main()
