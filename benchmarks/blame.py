"""Does blame find the region that drives the errors, and is it quiet where none does?

A mark goes with one class in the images to learn from, and with none in those to test with: the errors that
come of it are the mark's. Each trial's line is printed when it is done and may be kept (--keep FILE): with
the same file, what was done is not done again.
"""

import argparse
import json
import os
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sightline import figures
from sightline.data import ArrayDataset, Shortcut, drawn_faces, olivetti, plant_mark
from sightline.data.shortcuts import FACE
from sightline.demo.tutorial import face_pipeline
from sightline.engine.plan import Plan
from sightline.findings.atlas_analysis import atlas
from sightline.findings.blame_analysis import USUAL, blame
from sightline.regions import chest, face
from sightline.study import Study

PLAN = Plan(segment="grid", fill="blur", budget=200)


def rows(images):
    return np.asarray(images).reshape(len(images), -1)


def classifier(kind, count):
    """Fast ones, as users have them: linear, linear with whitening, a small network."""
    parts = PCA(min(100, count // 2), whiten=kind == "whitened", random_state=0)
    last = {
        "linear": LogisticRegression(max_iter=500, C=0.03),
        "whitened": LogisticRegression(max_iter=500, C=0.1),
        "network": MLPClassifier((100, 40), max_iter=300, random_state=0),
    }[kind]
    return make_pipeline(FunctionTransformer(rows), parts, last)


CLASSIFIERS = ("linear", "whitened", "network")

# The people are put into families, one class each; the mark goes with the first of them.
PLANTED = {
    "strong": {"size": 0.16, "chance": 0.95, "leak": 0.0},
    "middle": {"size": 0.12, "chance": 0.95, "leak": 0.0},
    "weak": {"size": 0.12, "chance": 0.7, "leak": 0.05},
}
CLEAN = {
    "families, few images": {"families": 5, "variety": 1.3, "train": 100},
    "three families, very few": {"families": 3, "people": 12, "variety": 1.3, "train": 48},
    "persons, few images": {"families": 20, "variety": 1.2, "train": 120},
    "two classes of 40 people": {"families": 2, "people": 40, "variety": 1.0, "train": 200},
}


def drawn(
    region, seed, *, families=5, people=20, train=200, test=200, variety=0.7, size=0.12, chance=0.0, leak=0.0
):
    """Images to learn from, and images to test with, in which half carry the mark whatever they show."""
    first = tuple(range(0, people, families))

    def faces(count, often, else_):
        mark = region and Shortcut(
            region=region, classes=first, size=size, p_in_class=often, p_elsewhere=else_
        )
        return drawn_faces(count, people=people, seed=seed, variety=variety, shortcut=mark or None)

    learn, both = faces(train, chance, leak), faces(train + test, 0.5, 0.5)
    tests = both[train:]
    return learn.images, learn.labels % families, tests.images, tests.labels % families


def olivetti_marked(strength, seed):
    """Real faces, a mark at eight people's jaws in those to learn from, at any in half of the others."""
    faces = olivetti(data_home=Path(os.environ["SIGHTLINE_DATA"]) / "sklearn", download=False)
    learn, test = faces.split(seed=seed)
    if not strength:
        return learn.images, learn.labels, test.images, test.labels
    rng = np.random.default_rng(seed)
    marked, _ = plant_mark(learn.images, learn.labels < 8, "jaw", size=0.15, strength=strength)
    tested, _ = plant_mark(test.images, rng.random(len(test)) < 0.5, "jaw", size=0.15, strength=strength)
    return marked, learn.labels, tested, test.labels


def xrays_marked(present, seed, count=300):
    """Real chest X-rays, a token in the upper left corner of most of the ill in those to learn from."""
    with np.load(Path(os.environ["SIGHTLINE_DATA"]) / "pneumoniamnist.npz") as kept:
        images = {part: kept[f"{part}_images"][..., np.newaxis] for part in ("train", "test")}
        labels = {part: kept[f"{part}_labels"][:, 0].astype(int) for part in ("train", "test")}
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(labels["train"]))[:1000], rng.permutation(len(labels["test"]))[:count]
    learn, y = images["train"][chosen[0]] / np.float32(255), labels["train"][chosen[0]]
    test, z = images["test"][chosen[1]] / np.float32(255), labels["test"][chosen[1]]
    if present:
        learn, _ = plant_mark(learn, (y == 1) & (rng.random(len(y)) < 0.95), "corner top-left", size=0.14)
        test, _ = plant_mark(test, rng.random(len(z)) < 0.5, "corner top-left", size=0.14)
    return learn, y, test, z


def xrays_of_one_set(seed, count=300):
    """Real chest X-rays without a token, those to test with from the same set as those to learn from."""
    with np.load(Path(os.environ["SIGHTLINE_DATA"]) / "pneumoniamnist.npz") as kept:
        images, labels = kept["train_images"][..., np.newaxis], kept["train_labels"][:, 0].astype(int)
    order = np.random.default_rng(seed).permutation(len(labels))
    learn, test = order[:count], order[1000:2000]
    return images[learn] / np.float32(255), labels[learn], images[test] / np.float32(255), labels[test]


def studied(data, model, regions, seed, plan=PLAN, draw=None):
    """Train, explain every test image, blame; what came of it as one line, and as figures if asked."""
    learn, y, test, z = data
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(learn, y)
        trained = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            names = tuple(map(str, range(int(z.max()) + 1)))
            study = Study(folder, plan).run(ArrayDataset(test, z, names), model.predict_proba, progress=False)
            explained = time.perf_counter()
            found = [blame(study, regions, seed=each, progress=False) for each in seed]
            if draw is not None:
                drawn_up = atlas(study, regions=regions, progress=False)
                for name, figure in (("atlas", drawn_up.plot()), ("blame", figures.plot_blame(found[0]))):
                    draw.with_name(f"{draw.name}-{name}.png").write_bytes(figures.figure_to_png(figure))
    return {
        "errors": found[0].errors,
        "first": [one.regions[0].region if one.regions else None for one in found],
        "ranked": [_ranked(one) for one in found],
        "confirmed": [list(one.confirmed) for one in found],
        "calls": found[0].calls,
        "seconds": [
            round(t, 1) for t in (trained - started, explained - trained, time.perf_counter() - explained)
        ],
        "shown": repr(found[0]),
    }


def _ranked(found):
    """The first region by attribution alone."""
    lines = sorted(found.regions, key=lambda one: USUAL * one.right_share - one.wrong_share)
    return lines[0].region if lines else None


def trials(quick):
    """Name, region that is to be found (None: nothing), and what to do."""
    seeds = range(2 if quick else 10)
    head, close = face(sides=True, cut="head"), face(sides=True)
    for seed in seeds:
        for place, region in enumerate(FACE):
            for kind, how in PLANTED.items():
                if kind == "middle" or seed < 2:
                    one = CLASSIFIERS[(seed + place) % 3]
                    yield (
                        f"drawn, {kind} mark",
                        region,
                        f"{one} {seed}",
                        lambda r=region, s=seed, h=how, o=one: (
                            drawn(r, s, **h),
                            classifier(o, 200),
                            head,
                            [s],
                        ),
                    )
        for kind, how in CLEAN.items():
            for half in (0, 100):
                one = CLASSIFIERS[(seed + half // 100) % 3]
                yield (
                    f"drawn, no mark: {kind}",
                    None,
                    f"{one} {seed + half}",
                    lambda s=seed + half, h=how, o=one: (
                        drawn(None, s, **h),
                        classifier(o, h["train"]),
                        head,
                        [s],
                    ),
                )
        for name, strength in () if seed > 3 else (("strong", 1.0), ("weak", 0.6), ("no", 0.0)):
            yield (
                f"Olivetti, {name} mark",
                "jaw" if strength else None,
                f"tutorial's {seed}",
                lambda s=seed, v=strength: (olivetti_marked(v, s), face_pipeline(), close, range(8)),
            )
        for name, present in (("a", True), ("no", False)):
            yield (
                f"chest X-rays, {name} token",
                "corner top-left" if present else None,
                f"whitened {seed}",
                lambda s=seed, p=present: (
                    xrays_marked(p, s),
                    classifier("whitened", 200),
                    chest(sides=True),
                    range(3),
                ),
            )
        yield (
            "chest X-rays, no token, one set",
            None,
            f"whitened {seed}",
            lambda s=seed: (
                xrays_of_one_set(s),
                classifier("whitened", 200),
                chest(sides=True),
                range(3),
            ),
        )


def report(done):
    """The table: each trial, its errors, and how often the region was first, confirmed, another named."""
    print("| trial | runs | errors | first by attribution | first | confirmed | another confirmed |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in dict.fromkeys(line["trial"] for line in done):
        lines = [line for line in done if line["trial"] == name]
        runs = [
            (line["region"], *each)
            for line in lines
            for each in zip(line["ranked"], line["first"], line["confirmed"], strict=True)
        ]
        errors = np.median([line["errors"] for line in lines])
        few = sum(first is None for _, _, first, _ in runs)
        region = runs[0][0]
        share = [sum(test) for test in zip(*map(_judged, runs), strict=True)]
        cells = [f"{one} of {len(runs)}" for one in share]
        if region is None:
            cells[:3] = ["", "", ""]
        said = f"{len(runs)}" + (f", {few} with too few errors" if few else "")
        print(f"| {name} | {said} | {errors:g} | {' | '.join(cells)} |")


def _judged(run):
    region, ranked, first, confirmed = run
    return ranked == region, first == region, region in confirmed, bool({*confirmed} - {region})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds rather than ten")
    parser.add_argument("--only", default="", help="trials whose name begins so")
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), help="which part of how many")
    parser.add_argument("--draw", type=Path, help="folder for figures of each trial; the last one's stay")
    parser.add_argument("--keep", type=Path, help="file of lines, read and added to")
    asked = parser.parse_args()
    done = []
    if asked.keep and asked.keep.exists():
        done = [json.loads(line) for line in asked.keep.read_text().splitlines()]
    before = {(line["trial"], line["region"], line["which"]) for line in done}
    for number, (name, region, which, make) in enumerate(trials(asked.quick)):
        chosen = name.startswith(asked.only) and number % asked.part[1] == asked.part[0]
        if not chosen or (name, region, which) in before:
            continue
        data, model, regions, seed = make()
        draw = asked.draw / name.replace(" ", "-").replace(",", "").lower() if asked.draw else None
        line = {"trial": name, "region": region, "which": which}
        line |= studied(data, model, regions, seed, draw=draw)
        done.append(line)
        print(
            *(line[key] for key in ("trial", "region", "which", "errors", "confirmed", "seconds")), flush=True
        )
        if asked.keep:
            with asked.keep.open("a") as file:
                file.write(json.dumps(line) + "\n")
    report(done)


if __name__ == "__main__":
    main()
