"""Time of an explanation over the time that the model itself takes for the same calls.

Every tool explains the same image with the same number of model calls; the model's own time is taken inside
each run, and that of the model alone in batches of its best size beside it; the tools take turns, and medians
of the ratios are printed. Then: how fast perturbed batches are made, over a plain copy of as many bytes.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import peers
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


def olivetti():
    """The tutorial's pipeline: grey, flatten, normalise, MLP; one test face; the first six classes."""
    faces = fetch_olivetti_faces(data_home=Path(os.environ["SIGHTLINE_DATA"]) / "sklearn")
    images = np.stack([gray2rgb(face) for face in faces.data.reshape(-1, 64, 64)])
    train, test, labels, _ = train_test_split(images, faces.target, train_size=0.7, random_state=0)
    pipeline = Pipeline(
        [
            ("grey", FunctionTransformer(lambda faces: [rgb2gray(face) for face in faces])),
            ("flat", FunctionTransformer(lambda faces: [face.ravel() for face in faces])),
            ("normal", Normalizer()),
            ("mlp", MLPClassifier((400, 40), random_state=1)),
        ]
    )
    return pipeline.fit(train, labels).predict_proba, test[0]


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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
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


if __name__ == "__main__":
    main()
